/*
 * Tracing: always compiled in, one predicted branch where a topic is off.
 *
 * Topics are rows of trace.def.  A trace point names its topic and is one line:
 *
 *     TRACE(signal, "%d queued", sig);
 *     TRACE_AT(block, pc, "0x%llx killed", pc);       only if pc lies in the range
 *     if (trace_at(TRACE_emit, pc)) dump_...           a text of several lines, ended by trace_text
 *
 * Each line starts with the thread's number and the topic and leaves in one write(2): no locks, no buffers, so lines
 * of threads and forked processes do not mix, and a trace point may stand in a signal handler (numbers and strings
 * only).  errno is preserved.  The state is process-wide; it is set once, before the first thread.
 */
#ifndef BTV_BASE_TRACE_H
#define BTV_BASE_TRACE_H

#include "base/str.h"

enum trace_topic {
#define TOPIC(name, letter, ranged, doc) TRACE_##name,
#include "base/trace.def"
#undef TOPIC
    TRACE_TOPICS
};

struct trace_config {
    uint32_t topics; /* bit 1 << enum trace_topic */
    int fd;          /* where lines go */
    uint64_t lo, hi; /* guest pc in [lo, hi), for ranged topics; 0, 0: all */
};
extern struct trace_config trace_now;

struct trace_row {
    char letter;
    bool ranged;
    const char *name, *doc;
};
extern const struct trace_row trace_rows[TRACE_TOPICS];

/* Before any other thread of the process runs. */
void trace_start(const struct trace_config *c);

static inline bool trace_on(enum trace_topic topic)
{
    return BTV_UNLIKELY(trace_now.topics & 1u << topic);
}

static inline bool trace_at(enum trace_topic topic, uint64_t pc)
{
    return trace_on(topic) && pc >= trace_now.lo && (!trace_now.hi || pc < trace_now.hi);
}

/* A line of at most about 1000 characters; what is longer is cut. */
BTV_COLD void trace_line(enum trace_topic topic, const char *fmt, ...) BTV_PRINTF(2, 3);
/* Lines that end with a newline, in one write; only the first gets the prefix.  Frees *s. */
BTV_COLD void trace_text(enum trace_topic topic, struct str *s);

#define TRACE(topic, ...)                             \
    do {                                              \
        if (trace_on(TRACE_##topic))                  \
            trace_line(TRACE_##topic, __VA_ARGS__);   \
    } while (0)

#define TRACE_AT(topic, pc, ...)                      \
    do {                                              \
        if (trace_at(TRACE_##topic, pc))              \
            trace_line(TRACE_##topic, __VA_ARGS__);   \
    } while (0)

#endif

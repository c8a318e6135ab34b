#include "base/trace.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { RANGED_PC = true, RANGED_ALL = false };

const struct trace_row trace_rows[TRACE_TOPICS] = {
#define TOPIC(name, letter, ranged, doc) {letter, RANGED_##ranged, #name, doc},
#include "base/trace.def"
#undef TOPIC
};

struct trace_config trace_now;

void trace_start(const struct trace_config *c)
{
    trace_now = *c;
}

/* "1234 block ": the thread's number, because a process's lines and those of its children share one file. */
static size_t prefix(char *p, size_t cap, enum trace_topic topic)
{
    return (size_t)snprintf(p, cap, "%ld %s ", syscall(SYS_gettid), trace_rows[topic].name);
}

/* A short write is not continued: the rest would stand among other threads' lines. */
static void put(struct iovec *part, int n)
{
    while (writev(trace_now.fd, part, n) < 0 && errno == EINTR)
        ;
}

void trace_line(enum trace_topic topic, const char *fmt, ...)
{
    char line[1024];
    int saved = errno;
    va_list ap;
    size_t at = prefix(line, sizeof line, topic);
    va_start(ap, fmt);
    int n = vsnprintf(line + at, sizeof line - at, fmt, ap);
    va_end(ap);
    at += n > 0 ? (size_t)n : 0;
    if (at > sizeof line - 1)
        at = sizeof line - 1;
    line[at++] = '\n';
    put(&(struct iovec){line, at}, 1);
    errno = saved;
}

void trace_text(enum trace_topic topic, struct str *s)
{
    char start[64];
    int saved = errno;
    put((struct iovec[]){{start, prefix(start, sizeof start, topic)}, {s->p, s->len}}, 2);
    str_free(s);
    errno = saved;
}

/*
 * --record-translations and --replay-translations: what the engine does with a recording.
 *
 * Replaying, the engine translates exactly the code that was recorded, when it is first executed, and interprets all other code.  So
 * two builds do the same work (Georges, Eeckhout, Buytaert, "Java performance evaluation through rigorous replay compilation", 2008).
 *
 * Guest addresses are named by the personality (engine_config.place); a thread keeps the answers until guest code changes.
 */
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/heap.h"
#include "run/replay.h"
#include "run/run.h"

#define PLACES 32

struct places {
    uint64_t generation; /* of the engine, when they were asked for */
    unsigned n, next;
    struct known {
        uint64_t start, end, offset;
        uint32_t file;      /* of the recording that is replayed */
        char *name;         /* NULL: none */
    } known[PLACES];
};

enum btv_status recording_load(struct engine *e, struct btv_error *err)
{
    struct stat s;
    struct btv_error why = {0};
    if (!e->cfg.replay_fd)
        return BTV_OK;
    if (fstat(e->cfg.replay_fd, &s) || s.st_size < 0 || (uint64_t)s.st_size > REPLAY_MAX_BYTES)
        return err_set(err, BTV_LIMIT, "recorded translations: not a file of at most %llu MiB", (unsigned long long)(REPLAY_MAX_BYTES >> 20));
    char *text = heap_new((size_t)s.st_size + 1);
    ssize_t n = text ? file_pread(e->cfg.replay_fd, text, (size_t)s.st_size, 0) : -1;
    enum btv_status st = n >= 0 ? replay_parse(text, (size_t)n, &e->replay, &why) : err_set(&why, BTV_HOST, "cannot be read");
    heap_free(text);
    return st == BTV_OK ? BTV_OK : err_set(err, st, "recorded translations: %s", why.text);
}

void recording_thread_free(struct engine_thread *t)
{
    for (unsigned i = 0; t->places && i < t->places->n; i++)
        heap_free(t->places->known[i].name);
    heap_free(t->places);
    t->places = NULL;
}

/* What is known about pc, asked for if necessary; NULL: nothing, for want of memory. */
static const struct known *place_of(struct engine_thread *t, uint64_t pc)
{
    struct engine *e = t->engine;
    uint64_t generation = atomic_load(&e->generation);
    struct engine_place at = {.start = pc, .end = pc + 1, .offset = pc};
    if (!t->places && !(t->places = heap_zeroed(1, sizeof *t->places)))
        return NULL;
    struct places *p = t->places;
    if (p->generation != generation) {
        for (unsigned i = 0; i < p->n; i++)
            heap_free(p->known[i].name);
        p->n = p->next = 0;
        p->generation = generation;
    }
    for (unsigned i = 0; i < p->n; i++)
        if (pc >= p->known[i].start && pc < p->known[i].end)
            return &p->known[i];
    char *name = heap_new(REPLAY_MAX_FILE + 1);
    if (!name)
        return NULL;
    name[0] = '\0';
    at.name = name;
    at.name_bytes = REPLAY_MAX_FILE + 1;
    if (e->cfg.place)
        e->cfg.place(e->cfg.place_ctx, pc, &at);
    struct known *k = &p->known[p->next];
    if (p->n < PLACES)
        p->n++;
    else
        heap_free(k->name);
    p->next = (p->next + 1) % PLACES;
    char *kept = name[0] ? heap_text(name) : NULL;
    heap_free(name);
    *k = (struct known){at.start, at.end, at.offset, e->replay ? replay_file(e->replay, kept ? kept : "") : 0, kept};
    return k;
}

unsigned recording_wants(struct engine_thread *t, enum run_tier tier, uint64_t pc)
{
    const struct known *k = place_of(t, pc);
    const struct replay_entry *r = k ? replay_find(t->engine->replay, tier, k->file, pc - k->start + k->offset) : NULL;
    return r ? r->insns : 0;
}

void recording_note(struct engine_thread *t, enum run_tier tier, uint64_t pc, unsigned insns)
{
    struct engine *e = t->engine;
    const struct known *k = place_of(t, pc);
    struct str s = STR_INIT;
    if (k) {
        struct replay_entry r = {.offset = pc - k->start + k->offset, .tier = (uint16_t)tier, .insns = (uint16_t)insns};
        replay_print(&s, &r, k->name);
    }
    /* one write: lines of threads and processes do not mix */
    if (!k || s.failed || write(e->cfg.record_fd, s.p, s.len) != (ssize_t)s.len)
        t->stats.record_lost++;
    str_free(&s);
}

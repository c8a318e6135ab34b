/*
 * Keeping translations for later processes: what this one made and found nowhere goes into the files of the store.
 *
 * Done once, by the last thread, when the process is about to end or to become another program, and only if that is worth a new file.  A file is
 * written under a name of its own and then takes the place of the old one, whose translations it holds, too; of two processes that do so at the same
 * time, one is in vain.  Whatever fails, by a full disk for instance, leaves what was there.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/heap.h"
#include "run/store.h"

#define LEFTOVER_S 3600 /* a file half written by a process that was killed */

struct keeper {
    struct engine_thread *t;
    const struct module *m;
    uint64_t until_ns;      /* processor time of this thread at which it has done enough */
    struct arena arena;     /* of the module's new translations */
    struct kept {
        uint32_t at, bytes;
        const void *kept;
    } *entry; /* new ones first; those of the old file follow */
    uint32_t n, fresh, tried;
};

/* -- translating for no base ------------------------------------------------------------------------------------------ */

struct shifted {
    struct engine_thread *t;
    uint64_t distance; /* from where the code is taken to lie to where it lies */
};

static const uint8_t *fetch_shifted(void *ctx, uint64_t pc, size_t *avail)
{
    struct shifted *s = ctx;
    return fetch_code(s->t, pc + s->distance, avail);
}

/* Translates what starts at offset `at` of the module as if that began at `base`. */
static bool make_at(struct keeper *k, uint64_t base, uint32_t at, struct guest_lift *g, struct host_code *code)
{
    struct shifted s = {k->t, k->m->start - base};
    return translate_code(k->t, &(struct guest_code){fetch_shifted, &s}, base + at, k->t->engine->tune.max_insns, g, code) == BTV_OK && g->insns;
}

/* Is what was kept, moved to where the module is, what a translation there is? */
static BTV_UNUSED bool is_right(struct keeper *k, const void *kept, uint32_t at)
{
    struct guest_lift g, moved_g;
    struct host_code code, moved;
    if (!make_at(k, k->m->start, at, &g, &code))
        return true;
    if (kept_unpack(&k->t->scratch, kept, k->m->start, &moved_g, &moved) != BTV_OK)
        return false;
    return moved.len == code.len && !memcmp(moved.bytes, code.bytes, code.len) && moved_g.nbytes == g.nbytes && !memcmp(moved_g.bytes, g.bytes, g.nbytes) &&
           moved.nlinks == code.nlinks && (!code.nlinks || moved.link[0].pc == code.link[0].pc);
}

/* Translates what starts there for the file, and packs it into the arena. */
static const void *make(struct keeper *k, uint32_t at, uint32_t *bytes)
{
    struct guest_lift g[2];
    struct host_code code[2];
    uint64_t base = store_base(k->m);
    arena_reset(&k->t->scratch);
    if (!make_at(k, base, at, &g[0], &code[0]) || (base == KEPT_LOW && !make_at(k, KEPT_HIGH, at, &g[1], &code[1])))
        return NULL;
    const void *kept = kept_pack(&k->arena, base, at, g, code, bytes);
    assert(!kept || is_right(k, kept, at));
    return kept;
}

/* -- one file ---------------------------------------------------------------------------------------------------------- */

static int by_place(const void *x, const void *y)
{
    const struct kept *a = x, *b = y;
    return a->at != b->at ? (a->at < b->at ? -1 : 1) : 0;
}

/* Reads the old file, guarded: what it holds for other places than the new ones goes behind those. */
static enum btv_status take_old(void *ctx)
{
    struct keeper *k = ctx;
    const struct store_slot *slot = store_slots(k->m);
    uint32_t next = 0;
    for (uint32_t i = 0; i < k->m->count; i++) {
        while (next < k->fresh && k->entry[next].at < slot[i].at)
            next++;
        if (next < k->fresh && k->entry[next].at == slot[i].at)
            continue;
        uint32_t bytes;
        const void *kept = store_at(k->m, &slot[i], &bytes);
        void *copy = kept ? arena_push_raw(&k->arena, bytes) : NULL;
        if (!copy)
            continue;
        memcpy(copy, kept, bytes);
        k->entry[k->n++] = (struct kept){slot[i].at, bytes, copy};
    }
    return BTV_OK;
}

/* The guest's own limit would send it a signal. */
static bool fits_limit(uint64_t bytes)
{
    struct rlimit r;
    return getrlimit(RLIMIT_FSIZE, &r) || r.rlim_cur == RLIM_INFINITY || bytes <= r.rlim_cur;
}

static bool write_entries(int fd, const struct keeper *k)
{
    struct store *s = k->t->engine->store;
    struct store_head head = {.magic = STORE_MAGIC, .key = s->key, .name = k->m->name, .count = k->n};
    uint64_t where = sizeof head + (uint64_t)k->n * sizeof(struct store_slot);
    struct str out = STR_INIT;
    head.bytes = where;
    for (uint32_t i = 0; i < k->n; i++)
        head.bytes += k->entry[i].bytes;
    str_addn(&out, &head, sizeof head);
    for (uint32_t i = 0; i < k->n; i++) {
        str_addn(&out, &(struct store_slot){k->entry[i].at, (uint32_t)(where / 8)}, sizeof(struct store_slot));
        where += k->entry[i].bytes;
    }
    for (uint32_t i = 0; i < k->n; i++)
        str_addn(&out, k->entry[i].kept, k->entry[i].bytes);
    bool ok = !out.failed && fits_limit(out.len) && file_write(fd, out.p, out.len);
    str_free(&out);
    return ok;
}

static void write_file(struct keeper *k)
{
    struct engine *e = k->t->engine;
    char name[STORE_NAME_BYTES], work[STORE_NAME_BYTES + 16];
    store_name(name, e->store, k->m);
    snprintf(work, sizeof work, ".%s-%d", name, (int)getpid());
    int fd = openat(e->store->dir, work, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        TRACE(block, "translations cannot be kept: %s", strerror(errno));
        return;
    }
    bool ok = write_entries(fd, k);
    if (close(fd) || !ok || renameat(e->store->dir, work, e->store->dir, name)) {
        TRACE(block, "translations cannot be kept: %s", strerror(errno));
        unlinkat(e->store->dir, work, 0);
        return;
    }
    e->stats.kept_made += k->fresh;
    TRACE(block, "%u translations kept as %s, %u of them new; %u cannot be", k->n, name, k->fresh, k->tried - k->fresh);
}

/* -- the directory ------------------------------------------------------------------------------------------------------ */

struct found {
    char name[STORE_NAME_BYTES];
    time_t used;
    uint64_t bytes;
};

static int by_age(const void *x, const void *y)
{
    const struct found *a = x, *b = y;
    return a->used != b->used ? (a->used < b->used ? -1 : 1) : 0;
}

/* What was used longest ago goes first when there is more than the store may hold; and what nobody will finish. */
static void tidy(const struct engine *e)
{
    int fd = openat(e->store->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    heap_hold();
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    heap_release();
    struct found *all = NULL;
    size_t n = 0, cap = 0;
    uint64_t bytes = 0;
    time_t now = time(NULL);
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *d; (d = readdir(dir)) != NULL;) {
        struct stat st;
        bool half = d->d_name[0] == '.';
        if (!store_is_name(d->d_name + half) || fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
            continue;
        if (half) {
            if (now - st.st_mtime > LEFTOVER_S)
                unlinkat(fd, d->d_name, 0);
            continue;
        }
        if (n == cap) {
            struct found *more = heap_resized(all, (cap = cap ? 2 * cap : 64) * sizeof *all);
            if (!more)
                break;
            all = more;
        }
        all[n].used = st.st_mtime;
        all[n].bytes = (uint64_t)st.st_size;
        memcpy(all[n].name, d->d_name, sizeof all[n].name);
        bytes += all[n++].bytes;
    }
    if (n)
        heap_sort(all, n, sizeof *all, by_age);
    for (size_t i = 0; i < n && bytes >> 20 >= e->tune.store_mib; i++)
        if (!unlinkat(fd, all[i].name, 0))
            bytes -= all[i].bytes;
    heap_free(all);
    heap_hold();
    closedir(dir);
    heap_release();
}

/* -- the whole ----------------------------------------------------------------------------------------------------------- */

/* All fresh translations of one module, pc[0 .. n), in order. */
static bool keep_module(struct keeper *k, const uint64_t *pc, uint32_t n)
{
    struct engine *e = k->t->engine;
    uint32_t old = k->m->count;
    if (n < e->tune.store_least || n < old / e->tune.store_growth)
        return false;
    k->entry = heap_new((n + (size_t)old) * sizeof *k->entry);
    if (!k->entry)
        return false;
    arena_init(&k->arena, 1 << 20);
    k->n = k->tried = 0;
    for (uint32_t i = 0; i < n && clock_ns(CLOCK_THREAD_CPUTIME_ID) < k->until_ns; i++) {
        struct kept x = {.at = (uint32_t)(pc[i] - k->m->start)};
        if (i && pc[i] == pc[i - 1])
            continue;
        k->tried++;
        if ((x.kept = make(k, x.at, &x.bytes)) != NULL)
            k->entry[k->n++] = x;
    }
    k->fresh = k->n;
    bool any = k->n >= e->tune.store_least;
    if (any && old)
        any = run_guarded(take_old, k) == BTV_OK;
    if (any) {
        heap_sort(k->entry, k->n, sizeof *k->entry, by_place);
        write_file(k);
    }
    arena_free(&k->arena);
    heap_free(k->entry);
    return any;
}

static int by_pc(const void *x, const void *y)
{
    const uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return a != b ? (a < b ? -1 : 1) : 0;
}

void engine_keep(struct engine_thread *t)
{
    struct engine *e = t->engine;
    struct store *s = e->store;
    bool any = false;
    if (!s || s->nfresh < e->tune.store_least)
        return;
    uint64_t used = clock_ns(CLOCK_PROCESS_CPUTIME_ID), now = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    struct keeper k = {.t = t, .until_ns = now + used * e->tune.store_share / 100};
    run_lock(e);
    bool alone = engine_stop_threads(e, t); /* they must not execute more while this takes its time; the process is about to end */
    uint64_t *fresh = s->fresh;             /* one that is translating goes on until it would run that */
    uint32_t nfresh = s->nfresh;
    if (alone) {
        s->fresh = NULL;
        s->nfresh = s->cap_fresh = 0;
    }
    run_unlock(e);
    if (!alone)
        return;
    if (nfresh)
        heap_sort(fresh, nfresh, sizeof *fresh, by_pc);
    for (uint32_t i = 0, n; i < nfresh; i += n) {
        struct module m = {0};
        run_lock(e);
        const struct module *known = store_known(e, fresh[i]);
        if (known)
            m = (struct module){.start = known->start, .end = known->end, .name = known->name};
        run_unlock(e);
        for (n = 1; i + n < nfresh && fresh[i + n] < m.end; n++)
            ;
        if (!known)
            continue;
        store_map(s, &m); /* as it is by now */
        k.m = &m;
        any |= keep_module(&k, fresh + i, n);
        store_unmap(&m);
    }
    if (any)
        tidy(e);
    heap_free(fresh);
    run_lock(e);
    engine_resume_threads(e);
    run_unlock(e);
}

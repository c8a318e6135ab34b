/*
 * Code in memory that the guest can write, and what fence.i makes of it.
 *
 * A fence.i names no addresses, so whatever was stored to since the last one has to be found.  There is one code_page for each guest page with
 * blocks whose guest bytes are kept; blocks without them are dropped by whatever happens to their memory.  When such a page is looked at
 * for the second time, a copy of it is kept, and from then on the whole page is compared with that, some hundred blocks at once.  Always:
 *
 *   agrees     what live blocks were made from, as far as it lies in this page, is what the copy says
 *   known      `writable` is right: cleared whenever a mapping there changes (engine_invalidate)
 *   engine.code_buckets has a bit for each bucket with a page that is writable or not known
 *
 * All of it is under engine.lock.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/chaos.h"
#include "run/run.h"

enum { CHUNK = 64, CHUNKS = GUEST_PAGE_SIZE / CHUNK };
#define ALL_CHUNKS UINT64_MAX
_Static_assert(CHUNKS == 64, "one bit for each chunk");

struct code_page {
    struct code_page *next; /* of the same bucket */
    uint64_t page;
    bool known, writable, agrees, seen;
    uint8_t *copy; /* NULL: not kept */
};

static void set_bucket(struct engine *e, uint64_t bucket)
{
    e->code_buckets[bucket / 64] |= UINT64_C(1) << bucket % 64;
}

static void free_page(struct engine *e, struct code_page *p)
{
    e->code_copies -= p->copy != NULL;
    free(p->copy);
    free(p);
}

static void free_bucket(struct engine *e, uint64_t bucket)
{
    for (struct code_page *p = e->code_pages[bucket], *next; p; p = next) {
        next = p->next;
        free_page(e, p);
    }
    e->code_pages[bucket] = NULL;
}

void written_forget(struct engine *e)
{
    for (unsigned i = 0; i < PAGE_BUCKETS; i++)
        free_bucket(e, i);
    memset(e->code_buckets, 0, sizeof e->code_buckets);
}

static struct code_page *page_for(struct engine *e, uint64_t page)
{
    struct code_page **head = &e->code_pages[page % PAGE_BUCKETS];
    for (struct code_page *p = *head; p; p = p->next)
        if (p->page == page)
            return p;
    struct code_page *p = chaos_alloc_fails(CHAOS_OPTIONAL) ? NULL : calloc(1, sizeof *p);
    if (p) {
        *p = (struct code_page){.next = *head, .page = page};
        *head = p;
        set_bucket(e, page % PAGE_BUCKETS);
    }
    return p;
}

enum btv_status written_note(struct engine *e, const struct source *g)
{
    assert(run_holds(e));
    const uint8_t *bytes = g->bytes;
    for (unsigned i = 0; i < g->nranges; i++)
        for (uint64_t at = g->range[i].start, end = g->range[i].end, next; at < end; at = next) {
            next = ALIGN_DOWN(at, (uint64_t)GUEST_PAGE_SIZE) + GUEST_PAGE_SIZE;
            next = next < end ? next : end;
            struct code_page *p = page_for(e, at >> GUEST_PAGE_BITS);
            if (!p)
                return BTV_NOMEM;
            /* A store that was not announced may have changed it since; older blocks need not agree with that. */
            if (p->agrees && memcmp(p->copy + at % GUEST_PAGE_SIZE, bytes, next - at))
                p->agrees = false;
            bytes += next - at;
        }
    return BTV_OK;
}

void written_doubt(struct engine *e, uint64_t bucket)
{
    assert(run_holds(e));
    if (BTV_LIKELY(!e->code_pages[bucket]))
        return;
    if (index_bucket_empty(e, bucket)) {
        free_bucket(e, bucket);
        return;
    }
    for (struct code_page *p = e->code_pages[bucket]; p; p = p->next)
        p->known = p->agrees = false;
    set_bucket(e, bucket);
}

/* -- comparing ------------------------------------------------------------------------------------------------------ */

/* Of one page, guarded.  The bytes become those of memory, chunk by chunk where they differ. */
struct update {
    uint64_t page;
    uint8_t *bytes;
    uint64_t changed; /* a bit for each chunk */
};

static enum btv_status update(void *ctx)
{
    struct update *u = ctx;
    const uint8_t *memory = mem_host(u->page << GUEST_PAGE_BITS);
    if (!memcmp(u->bytes, memory, GUEST_PAGE_SIZE))
        return BTV_OK;
    for (unsigned i = 0; i < CHUNKS; i++)
        if (memcmp(u->bytes + i * CHUNK, memory + i * CHUNK, CHUNK)) {
            memcpy(u->bytes + i * CHUNK, memory + i * CHUNK, CHUNK);
            u->changed |= UINT64_C(1) << i;
        }
    return BTV_OK;
}

struct changes {
    uint64_t page, chunks;
    const uint8_t *now; /* its bytes; NULL: it has none */
};

static bool changed(const struct engine *e, const struct block *b, const struct changes *c)
{
    struct block_ranges r;
    block_ranges(e, b, &r);
    uint64_t first = c->page << GUEST_PAGE_BITS, last = first + GUEST_PAGE_SIZE, offset = 0;
    for (unsigned i = 0; i < r.n; i++) {
        uint64_t start = r.range[i].start > first ? r.range[i].start : first, end = r.range[i].end < last ? r.range[i].end : last;
        if (start < end) {
            uint64_t mask = ALL_CHUNKS << (start - first) / CHUNK & ALL_CHUNKS >> (CHUNKS - 1 - (end - 1 - first) / CHUNK);
            if (mask & c->chunks && (!c->now || !r.copy || memcmp(r.copy + offset + (start - r.range[i].start), c->now + (start - first), end - start)))
                return true;
        }
        offset += r.range[i].end - r.range[i].start;
    }
    return false;
}

static void kill_if_changed(struct engine *e, struct block *b, void *ctx)
{
    if (changed(e, b, ctx))
        cache_kill(e, b);
}

/* Kills what changed in those chunks.  Are there live blocks of the page left? */
static bool kill_changed(struct engine *e, uint64_t page, uint64_t chunks, const uint8_t *now)
{
    uint64_t start = page << GUEST_PAGE_BITS, first = (uint64_t)__builtin_ctzll(chunks), last = CHUNKS - 1 - (uint64_t)__builtin_clzll(chunks);
    struct guest_range in = {start + first * CHUNK, start + (last + 1) * CHUNK};
    return index_each_of_page(e, start, in, kill_if_changed, &(struct changes){page, chunks, now});
}

/* Are there still live blocks of it? */
static bool sync_page(struct engine *e, struct code_page *p)
{
    uint8_t once[GUEST_PAGE_SIZE];
    e->stats.isync_pages++;
    if (p->seen && !p->copy && e->code_copies < e->tune.code_copies && !chaos_alloc_fails(CHAOS_OPTIONAL)) {
        p->copy = malloc(GUEST_PAGE_SIZE);
        e->code_copies += p->copy != NULL;
    }
    p->seen = true;
    bool all = !p->agrees;
    struct update u = {.page = p->page, .bytes = p->copy ? p->copy : once};
    if (all)
        memset(u.bytes, 0, GUEST_PAGE_SIZE);
    bool there = run_guarded(update, &u) == BTV_OK;
    uint64_t chunks = all || !there ? ALL_CHUNKS : u.changed;
    if (!chunks)
        return true;
    p->agrees = there && p->copy;
    return kill_changed(e, p->page, chunks, there ? u.bytes : NULL);
}

static void look(struct engine *e, struct code_page *p)
{
    struct mem_region m;
    p->writable = !mem_get(e->mem, p->page << GUEST_PAGE_BITS, &m) || m.prot & MEM_W || m.flags & MEM_SHARED;
    p->known = true;
}

/* Is there still something in it that may be written to? */
static bool sync_bucket(struct engine *e, uint64_t bucket)
{
    bool any = false;
    for (struct code_page **at = &e->code_pages[bucket], *p; (p = *at);) {
        if (!p->known)
            look(e, p);
        if (p->writable && !sync_page(e, p)) {
            *at = p->next;
            free_page(e, p);
            continue;
        }
        any |= p->writable;
        at = &p->next;
    }
    return any;
}

void written_sync(struct engine *e)
{
    assert(run_holds(e));
    for (unsigned i = 0; i < PAGE_BUCKETS / 64; i++)
        for (uint64_t left = e->code_buckets[i], bit; left; left ^= bit) {
            bit = left & -left;
            if (!sync_bucket(e, i * 64 + (unsigned)__builtin_ctzll(bit)))
                e->code_buckets[i] &= ~bit;
        }
}

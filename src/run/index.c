/*
 * Finding blocks: by guest pc (a hash table), by guest page (lists of groups), by host pc (they lie in that order).  See run.h for the locks.
 *
 * By page: a group is in the list of each page in which it has a live block, and perhaps of others; who looks for the blocks of a page tries all
 * of these groups.  Blocks that are translated one after the other lie together, so a group has code in few pages, and a list takes a byte or
 * two for each of them.
 */
#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "base/chaos.h"
#include "base/heap.h"
#include "guest/guest.h"
#include "run/run.h"

/* -- by guest pc ------------------------------------------------------------------------------------------------ */

/* The place to start at, and what tells most other blocks apart without looking at them: independent bits of one product. */
struct hash {
    uint64_t start;
    uint32_t tag;
};

static struct hash hash_pc(const struct engine *e, uint64_t pc)
{
    uint64_t h = (pc >> 1) * UINT64_C(0x9e3779b97f4a7c15);
    return (struct hash){.start = h >> 40, .tag = (uint32_t)(h >> 8) >> e->number_bits << e->number_bits};
}

static struct table *new_table(uint64_t entries)
{
    struct table *t = chaos_alloc_fails(CHAOS_OPTIONAL) ? NULL : heap_zeroed(1, sizeof *t + entries * sizeof t->entry[0]);
    if (t)
        t->mask = entries - 1;
    return t;
}

static void free_older(struct table *t)
{
    for (struct table *o = t->older, *older; o; o = older) {
        older = o->older;
        heap_free(o);
    }
    t->older = NULL;
}

/* If v, an entry with the hash h, is for pc: the block. */
static struct block *is_for(const struct engine *e, uint32_t v, struct hash h, uint64_t pc)
{
    uint32_t number = v ^ h.tag;
    if (number >> e->number_bits)
        return NULL;
    struct block *b = &e->block[number - 1];
    return block_pc(e, b) == pc ? b : NULL;
}

struct block *index_newest(struct engine *e, uint64_t pc)
{
    assert(run_may_look(e));
    struct table *t = atomic_load(&e->table);
    struct hash h = hash_pc(e, pc);
    for (uint64_t i = h.start;; i++) {
        uint32_t v = atomic_load_explicit(&t->entry[i & t->mask], memory_order_acquire);
        if (!v)
            return NULL;
        struct block *b = is_for(e, v, h, pc);
        if (b)
            return b;
    }
}

struct block *cache_find(struct engine *e, uint64_t pc)
{
    struct block *b = index_newest(e, pc);
    return b && !block_is(b, BLOCK_DEAD) ? b : NULL;
}

/* In the place of the dead block for the same pc, if there was one. */
static void table_put(const struct engine *e, struct table *t, uint32_t number)
{
    uint64_t pc = block_pc(e, &e->block[number]), i;
    uint32_t v;
    struct hash h = hash_pc(e, pc);
    for (i = h.start; (v = t->entry[i & t->mask]); i++)
        if (is_for(e, v, h, pc))
            break;
    t->used += !v;
    atomic_store_explicit(&t->entry[i & t->mask], h.tag | (number + 1), memory_order_release);
}

void index_put(struct engine *e, uint32_t number)
{
    assert(run_holds(e));
    table_put(e, e->table, number);
}

/* Frees old tables once no thread can be looking something up in one. */
static void table_tidy(const struct engine *e, struct table *t)
{
    if (BTV_LIKELY(!t->older))
        return;
    for (const struct engine_thread *o = e->threads; o; o = o->next)
        if (atomic_load(&o->in_code))
            return;
    free_older(t);
}

/* Room for one more block, at most 3/4 full. */
static enum btv_status table_reserve(struct engine *e)
{
    struct table *t = e->table;
    uint64_t size = t->mask + 1, live = 0;
    table_tidy(e, t);
    if (t->used < size / 4 * 3)
        return BTV_OK;
    for (uint32_t n = 0; n < e->nblocks; n++)
        live += !block_is(&e->block[n], BLOCK_DEAD);
    struct table *other = new_table(live < size / 8 * 3 ? size : 2 * size);
    if (!other)
        return BTV_NOMEM;
    for (uint32_t n = 0; n < e->nblocks; n++)
        if (!block_is(&e->block[n], BLOCK_DEAD))
            table_put(e, other, n);
    other->older = t;
    atomic_store(&e->table, other);
    table_tidy(e, other);
    return BTV_OK;
}

enum btv_status index_init(struct engine *e)
{
    e->number_bits = 64 - (unsigned)__builtin_clzll(e->max_blocks);
    e->npages = e->nlists = 1;
    e->table = new_table(UINT64_C(1) << e->tune.table_bits);
    return e->table ? BTV_OK : BTV_NOMEM;
}

void index_free(struct engine *e)
{
    if (e->table)
        free_older(e->table);
    heap_free(e->table);
}

void index_empty(struct engine *e)
{
    struct table *t = e->table;
    free_older(t);
    t->used = 0;
    memset(t->entry, 0, (t->mask + 1) * sizeof t->entry[0]);
    memset(e->pages, 0, sizeof e->pages);
    e->npages = e->nlists = 1;
}

enum btv_status index_reserve(struct engine *e)
{
    assert(run_holds(e));
    if (e->max_pages - e->npages < BLOCK_MAX_PAGES || e->max_lists - e->nlists < BLOCK_MAX_PAGES)
        return BTV_LIMIT;
    return table_reserve(e);
}

/* -- by host pc --------------------------------------------------------------------------------------------------- */

/* Where what has this number starts, its front included: code is only appended, so that grows with the number. */
static uint32_t start_of(const struct engine *e, uint32_t number)
{
    const struct block *b = &e->block[number];
    return (b->key ? block_offset(e, b) : e->group[number / BLOCK_GROUP + 1].code) - HOST_FRONT_BYTES;
}

struct block *cache_block_of(struct engine *e, uint64_t host_pc)
{
    uint64_t at = host_pc - (uint64_t)(uintptr_t)e->code;
    uint32_t first = 0, n = atomic_load_explicit(&e->nblocks, memory_order_acquire);
    if (at >= e->code_used)
        return NULL;
    while (n) { /* the last that does not start behind it is one of those before `first` + n */
        uint32_t half = n / 2;
        if (at < start_of(e, first + half)) {
            n = half;
        } else {
            first += half + 1;
            n -= half + 1;
        }
    }
    return first ? &e->block[first - 1] : NULL;
}

/* -- by guest page ------------------------------------------------------------------------------------------------- */

static uint32_t *bucket_of(struct engine *e, uint64_t gva)
{
    return &e->pages[(gva >> GUEST_PAGE_BITS) % PAGE_BUCKETS];
}

static uint32_t find_page(const struct engine *e, uint64_t gva)
{
    uint64_t start = ALIGN_DOWN(gva, (uint64_t)GUEST_PAGE_SIZE);
    uint32_t n = e->pages[(gva >> GUEST_PAGE_BITS) % PAGE_BUCKETS];
    while (n && guest_page_start(&e->page[n]) != start)
        n = e->page[n].next;
    return n;
}

uint32_t index_page(struct engine *e, uint64_t gva)
{
    assert(run_holds(e));
    uint32_t n = find_page(e, gva), *head = bucket_of(e, gva);
    if (n)
        return n;
    uint64_t page = gva >> GUEST_PAGE_BITS;
    n = e->npages++;
    e->page[n] = (struct guest_page){.page = (uint32_t)page, .more = page >> 32 & 0xfff, .next = *head & GUEST_PAGE_MAX};
    *head = n;
    return n;
}

/* The newest entry of a list has the newest groups. */
static void add_group(struct engine *e, struct guest_page *p, uint32_t group)
{
    struct group_list *l = &e->list[p->groups];
    uint8_t *slot = NULL;
    if (p->groups && group - l->first < UINT8_MAX)
        for (unsigned i = 0; i < ARRAY_LEN(l->group); i++) {
            if (l->group[i] == group - l->first + 1)
                return;
            if (!l->group[i])
                slot = &l->group[i];
        }
    if (slot) {
        *slot = (uint8_t)(group - l->first + 1);
        return;
    }
    e->list[e->nlists] = (struct group_list){.next = p->groups, .first = group, .group = {1}};
    p->groups = e->nlists++;
}

uint32_t index_add_to_pages(struct engine *e, const struct source *g, const struct block *b)
{
    uint32_t pages = e->npages, lists = e->nlists;
    for (unsigned r = 0; r < g->nranges; r++)
        for (uint64_t page = g->range[r].start >> GUEST_PAGE_BITS; page <= (g->range[r].end - 1) >> GUEST_PAGE_BITS; page++)
            add_group(e, &e->page[index_page(e, page << GUEST_PAGE_BITS)], (uint32_t)(b - e->block) / BLOCK_GROUP);
    return (uint32_t)((e->npages - pages) * sizeof *e->page + (e->nlists - lists) * sizeof *e->list);
}

struct visit {
    uint64_t page;
    uint32_t number; /* of the page */
    struct guest_range in;
    void (*see)(struct engine *e, struct block *b, void *ctx);
    void *ctx;
};

/* Most can be told by their pc: what is not a region begins with it, and is short. */
static bool lies_in_page(const struct engine *e, const struct block *b, const struct visit *v)
{
    if (!block_is(b, BLOCK_REGION) && b->key >> GUEST_PAGE_BITS == v->number)
        return true;
    if (block_is(b, BLOCK_SIMPLE) && !block_is(b, BLOCK_REGION) && v->page - block_pc(e, b) >= GUEST_MAX_BYTES)
        return false;
    return block_overlaps(e, b, v->page, v->page + GUEST_PAGE_SIZE);
}

/* Are there live ones left? */
static bool visit_group(struct engine *e, uint32_t group, const struct visit *v)
{
    bool live = false;
    uint32_t first = group * BLOCK_GROUP, end = e->nblocks < first + BLOCK_GROUP ? e->nblocks : first + BLOCK_GROUP;
    for (struct block *b = e->block + first; b < e->block + end; b++) {
        if (block_is(b, BLOCK_DEAD) || !lies_in_page(e, b, v))
            continue;
        if (block_overlaps(e, b, v->in.start, v->in.end))
            v->see(e, b, v->ctx);
        live |= !block_is(b, BLOCK_DEAD);
    }
    return live;
}

static bool visit_list(struct engine *e, struct group_list *l, const struct visit *v)
{
    bool any = false;
    for (unsigned i = 0; i < ARRAY_LEN(l->group); i++) {
        if (l->group[i] && !visit_group(e, l->first + l->group[i] - 1, v))
            l->group[i] = 0;
        any |= l->group[i];
    }
    return any;
}

bool index_each_of_page(struct engine *e, uint64_t gva, struct guest_range in, void (*see)(struct engine *e, struct block *b, void *ctx), void *ctx)
{
    assert(run_holds(e));
    uint32_t n = find_page(e, gva);
    const struct visit v = {ALIGN_DOWN(gva, (uint64_t)GUEST_PAGE_SIZE), n, in, see, ctx};
    if (!n)
        return false;
    for (uint32_t *at = &e->page[n].groups; *at;) {
        struct group_list *l = &e->list[*at];
        if (visit_list(e, l, &v))
            at = &l->next;
        else
            *at = l->next;
    }
    return e->page[n].groups;
}

bool index_bucket_empty(const struct engine *e, uint64_t bucket)
{
    assert(run_holds(e));
    for (uint32_t n = e->pages[bucket]; n; n = e->page[n].next)
        if (e->page[n].groups)
            return false;
    return true;
}

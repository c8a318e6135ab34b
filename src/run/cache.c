/*
 * The code cache: blocks, look-up, links, invalidation.  See run.h for the locks and the layout, code.c for the memory.
 */
#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/chaos.h"
#include "base/heap.h"
#include "run/run.h"

/* -- records ---------------------------------------------------------------------------------------------------- */

void cache_start_jumps(struct jump_entry *jumps)
{
    jumps[0].pc = CPU_NO_PC;
}

void cache_clear_jumps(struct jump_entry *jumps)
{
    memset(jumps, 0, CPU_JUMP_ENTRIES * sizeof *jumps);
    cache_start_jumps(jumps);
}

/* The stubs lie at the start of code memory. */
static void put_stubs(struct engine *e)
{
    cache_start_jumps(e->all_miss);
    code_append(e, 0, e->stubs.bytes, e->stubs.len);
    e->enter = (enum host_exit(*)(struct cpu *, void *))(uintptr_t)(e->code + e->stubs.enter);
}

static struct table *new_table(uint64_t entries)
{
    struct table *t = chaos_alloc_fails(CHAOS_OPTIONAL) ? NULL : heap_zeroed(1, sizeof *t + entries * sizeof t->entry[0]);
    if (t)
        t->mask = entries - 1;
    return t;
}

enum btv_status cache_init(struct engine *e, struct btv_error *err)
{
    e->code_cap = ALIGN_UP(e->cfg.cache_bytes, (uint64_t)65536);
    if (e->code_cap > CODE_REACH)
        e->code_cap = CODE_REACH;
    /* programs need less: a fifth as many bytes of blocks as of code, and of packed, or twice that where guest bytes are kept */
    uint64_t blocks = ALIGN_UP(e->code_cap / 3, (uint64_t)65536), refs = ALIGN_UP(e->code_cap / 16, (uint64_t)65536);
    uint64_t groups = ALIGN_UP(blocks / sizeof *e->block / BLOCK_GROUP * sizeof *e->group, (uint64_t)65536);
    e->packed_cap = (uint32_t)ALIGN_UP(e->code_cap / 2, (uint64_t)65536);
    e->records_cap = blocks + groups + e->packed_cap + refs;
    uint64_t len = 2 * e->code_cap + e->records_cap;
    e->piece = chaos_alloc_fails(CHAOS_NEEDED) ? NULL : heap_zeroed(1, (size_t)(e->code_cap / CODE_PIECE_BYTES));
    if (!e->piece)
        return BTV_NOMEM;
    uint8_t *p = chaos_alloc_fails(CHAOS_NEEDED) ? MAP_FAILED : mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return err_host(err, errno, "code cache: cannot reserve %llu bytes; use a smaller --code-cache-mib", (unsigned long long)len);
    e->code = p;
    uint8_t *records = p + e->code_cap;
    e->block = (struct block *)(void *)records;
    e->max_blocks = (uint32_t)(blocks / sizeof *e->block);
    e->group = (struct block_group *)(void *)(records + blocks);
    e->packed = records + blocks + groups;
    e->ref = (struct page_ref *)(void *)(e->packed + e->packed_cap);
    e->max_refs = (uint32_t)(refs / sizeof *e->ref);
    e->write = records + e->records_cap;
    if (mprotect(records, e->records_cap, PROT_READ | PROT_WRITE))
        return err_host(err, errno, "code cache: records");
    madvise(records, e->records_cap, MADV_NOHUGEPAGE); /* areas that are mostly empty */
    e->table = new_table(UINT64_C(1) << e->tune.table_bits);
    if (!e->table)
        return BTV_NOMEM;
    enum btv_status st = code_new(e, 0, err);
    if (st == BTV_OK)
        put_stubs(e);
    return st;
}

static void free_older(struct table *t)
{
    for (struct table *o = t->older, *older; o; o = older) {
        older = o->older;
        heap_free(o);
    }
    t->older = NULL;
}

/* Nobody looks anything up meanwhile.  Needs no memory: a flush must not fail. */
static void empty_table(struct engine *e)
{
    struct table *t = e->table;
    free_older(t);
    t->used = 0;
    memset(t->entry, 0, (t->mask + 1) * sizeof t->entry[0]);
}

void cache_free(struct engine *e)
{
    written_forget(e);
    if (e->code)
        munmap(e->code, 2 * e->code_cap + e->records_cap);
    if (e->table)
        free_older(e->table);
    heap_free(e->table);
    heap_free(e->piece);
}

/* -- look-up ---------------------------------------------------------------------------------------------------- */

/* The place to start at, and what tells most other blocks apart without looking at them: independent bits of one product. */
struct hash {
    uint64_t start;
    uint32_t tag;
};

static struct hash hash_pc(uint64_t pc)
{
    uint64_t h = (pc >> 1) * UINT64_C(0x9e3779b97f4a7c15);
    return (struct hash){.start = h >> 40, .tag = (uint32_t)(h >> 8)};
}

/* The newest block for pc, perhaps dead. */
static struct block *newest(struct engine *e, uint64_t pc)
{
    struct table *t = atomic_load(&e->table);
    struct hash h = hash_pc(pc);
    for (uint64_t i = h.start;; i++) {
        uint64_t v = atomic_load_explicit(&t->entry[i & t->mask], memory_order_acquire);
        if (!v)
            return NULL;
        if (v >> 32 != h.tag)
            continue;
        struct block *b = &e->block[(uint32_t)v - 1];
        if (b->pc == pc)
            return b;
    }
}

struct block *cache_find(struct engine *e, uint64_t pc)
{
    struct block *b = newest(e, pc);
    return b && !block_is(b, BLOCK_DEAD) ? b : NULL;
}

/* In the place of the dead block for the same pc, if there was one. */
static void table_put(const struct engine *e, struct table *t, uint32_t number)
{
    uint64_t pc = e->block[number].pc, i, v;
    struct hash h = hash_pc(pc);
    for (i = h.start; (v = t->entry[i & t->mask]); i++)
        if (v >> 32 == h.tag && e->block[(uint32_t)v - 1].pc == pc)
            break;
    t->used += !v;
    atomic_store_explicit(&t->entry[i & t->mask], (uint64_t)h.tag << 32 | (number + 1), memory_order_release);
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

/* Code is only appended, so blocks in order of publication are in order of address. */
struct block *cache_block_of(struct engine *e, uint64_t host_pc)
{
    uint64_t at = host_pc - (uint64_t)(uintptr_t)e->code;
    uint32_t first = 0, n = atomic_load_explicit(&e->nblocks, memory_order_acquire);
    if (at >= e->code_used)
        return NULL;
    while (n) { /* the last that does not start behind it is one of those before `first` + n */
        uint32_t half = n / 2;
        if (at < (uint64_t)block_offset(e, &e->block[first + half]) - HOST_FRONT_BYTES) {
            n = half;
        } else {
            first += half + 1;
            n -= half + 1;
        }
    }
    return first ? &e->block[first - 1] : NULL;
}

uint64_t cache_guest_pc(const struct engine *e, const struct block *b, uint64_t host_pc)
{
    uint64_t off = host_pc - (uint64_t)(uintptr_t)block_code(e, b), pc = b->pc;
    for (struct block_marks m = block_marks(e, b); block_next_mark(&m) && m.offset <= off;)
        pc = m.pc;
    return pc;
}

uint64_t cache_retry(const struct engine *e, const struct block *b, uint64_t host_pc)
{
    uint64_t start = (uint64_t)(uintptr_t)block_code(e, b), off = host_pc - start, pc = 0;
    bool inside = false;
    for (struct block_marks m = block_marks(e, b); block_next_mark(&m);) {
        if (m.offset > off)
            return inside && m.pc == pc ? start + m.offset : 0;
        inside = true;
        pc = m.pc;
    }
    return 0;
}

/* -- links -------------------------------------------------------------------------------------------------------- */

static uint32_t number_of(const struct engine *e, const struct block *b)
{
    return (uint32_t)(b - e->block);
}

static uint32_t offset_of(const struct engine *e, uint64_t host_pc)
{
    return (uint32_t)(host_pc - (uint64_t)(uintptr_t)e->code);
}

uint64_t cache_link_pc(struct engine *e, uint64_t name)
{
    const struct block *b = cache_block_of(e, name - 1);
    uint64_t pc = b->pc;
    uint32_t link = offset_of(e, name) - block_offset(e, b);
    if (link)
        block_link(e, b, link, &pc);
    return pc;
}

/*
 * The block was left by the link in front of it, because it is closed: that of the first block for its pc leads to the newest, and those of others
 * lead there once it does.  The link in front of the newest stays unmade, so they never lead in a circle.  How the next one is to be made.
 */
static uint32_t front_to_make(const struct engine *e, const struct block *closed, uint32_t *to)
{
    uint32_t number, front = block_offset(e, closed);
    if (!block_first(e, closed, &number))
        return front;
    uint32_t first = block_offset(e, &e->block[number]);
    if (e->host->link_target(&e->stubs, e->code, first) != *to)
        return first;
    *to = first - HOST_FRONT_BYTES;
    return front;
}

void cache_link(struct engine *e, uint64_t name, struct block *to)
{
    const struct block *from = cache_block_of(e, name - 1);
    uint32_t link = offset_of(e, name), own = link - block_offset(e, from), target = block_offset(e, to);
    bool dead = block_is(from, BLOCK_DEAD);
    uint64_t pc;
    if (to->state & (BLOCK_DEAD | BLOCK_UNSURE) || (own && (dead || e->host->link_target(&e->stubs, e->code, link) || !block_link(e, from, own, &pc))))
        return; /* of a dead block not even that: its first instruction may be a link, or the poll behind one */
    if (!own && dead)
        link = front_to_make(e, from, &target);
    else if (!own)
        return;
    if (!code_wish(e, link - 1))
        return;
    e->host->link_make(&e->stubs, e->write, link, target);
    e->stats.links_made++;
    TRACE_AT(block, from->pc, "0x%llx linked to 0x%llx", (unsigned long long)from->pc, (unsigned long long)to->pc);
}

void cache_fill(struct engine *e, uint64_t name, struct block *to)
{
    uint32_t cache = offset_of(e, name);
    const struct block *from = cache_block_of(e, name - 1);
    if (to->state & (BLOCK_DEAD | BLOCK_UNSURE) || block_is(from, BLOCK_DEAD) || e->host->cache_filled(e->code, cache) ||
        !code_wish(e, block_offset(e, from)) || !code_wish(e, cache - 1))
        return;
    e->host->link_make(&e->stubs, e->write, cache, block_offset(e, to));
    e->host->cache_fill(e->write, cache, to->pc);
    e->stats.links_made++;
    TRACE_AT(block, from->pc, "0x%llx linked to 0x%llx", (unsigned long long)from->pc, (unsigned long long)to->pc);
}

/* Who jumps to the block leaves from now on, by the link in front of it.  False: there is no memory to change that in. */
static bool close_block(struct engine *e, const struct block *b)
{
    uint32_t entry = block_offset(e, b);
    if (!code_take(e, entry))
        return false;
    e->host->close(e->write, entry);
    return true;
}

/* Is all of this code in pages that nobody can write to through any mapping of this process, and that have the flag? */
static bool unwritable(const struct engine *e, const struct guest_range *r, unsigned n, uint32_t flag)
{
    for (unsigned i = 0; i < n; i++)
        for (uint64_t page = r[i].start >> GUEST_PAGE_BITS; page <= (r[i].end - 1) >> GUEST_PAGE_BITS; page++) {
            struct mem_region m;
            if (!mem_get(e->mem, page << GUEST_PAGE_BITS, &m) || m.prot & MEM_W || m.flags & MEM_SHARED || (m.flags & flag) != flag)
                return false;
        }
    return true;
}

static bool fixed(const struct engine *e, const struct block *b)
{
    struct block_ranges r;
    block_ranges(e, b, &r);
    return unwritable(e, r.range, r.n, 0);
}

/*
 * Need the guest bytes of a block be kept, to tell whether they changed?  Code of files seldom changes, and whatever could change it is
 * seen by engine_invalidate, which then drops the block.  Programs that write code change the protection of the pages around it, too, and
 * should not lose all of it.
 */
static bool keeps_bytes(const struct engine *e, const struct source *g)
{
    return e->cfg.check_exec || !unwritable(e, g->range, g->nranges, MEM_FILE);
}

/* -- publishing ----------------------------------------------------------------------------------------------------- */

/* To lie at that offset of code memory. */
static void relocate(const struct engine *e, const struct host_code *c, uint32_t at)
{
    for (unsigned i = 0; i < c->nreloc; i++) {
        const struct host_reloc *r = &c->reloc[i];
        uint32_t distance = e->stubs.offset[r->stub] - (at + r->offset + 4);
        memcpy(c->bytes + r->offset, &distance, 4);
    }
}

/* How many page_refs it took. */
static unsigned add_to_pages(struct engine *e, const struct source *g, struct block *b)
{
    uint32_t before = e->nrefs;
    uint64_t last = UINT64_MAX;
    for (unsigned r = 0; r < g->nranges; r++)
        for (uint64_t page = g->range[r].start >> GUEST_PAGE_BITS; page <= (g->range[r].end - 1) >> GUEST_PAGE_BITS; page++) {
            uint32_t *head = &e->pages[page % PAGE_BUCKETS], number = number_of(e, b) + 1;
            if (page == last)
                continue;
            if (last != UINT64_MAX) {
                number = PAGE_REF | e->nrefs;
                e->ref[e->nrefs++].block = number_of(e, b);
            }
            *page_next(e, number) = *head;
            *head = number;
            last = page;
        }
    return e->nrefs - before;
}

static void note_published(struct engine *e, const struct block *b, const struct source *g, const struct host_code *c, const struct record_sizes *packed,
                           unsigned refs)
{
    struct emitted *s = &e->stats.tier[block_is(b, BLOCK_REGION) ? TIER_REGION : TIER_BASELINE];
    uint64_t pages = refs * sizeof *e->ref, block = sizeof *b + (number_of(e, b) % BLOCK_GROUP ? 0 : sizeof *e->group);
    s->blocks++;
    s->insns += g->insns;
    for (unsigned i = 0; i < g->nranges; i++)
        s->guest_bytes += g->range[i].end - g->range[i].start;
    s->host_bytes += c->len + HOST_FRONT_BYTES;
    s->hot_bytes += c->hot_len;
    s->side_bytes += block + packed->all + pages;
    s->side_block += block;
    s->side_links += packed->links;
    s->side_copy += packed->copy;
    s->side_marks += packed->all - packed->links - packed->copy;
    s->side_pages += pages;
    TRACE_AT(block, g->pc, "0x%llx translated: %u instructions, %u bytes at %p", (unsigned long long)g->pc, g->insns, c->len, (void *)block_code(e, b));
    if (e->perf_map) {
        fprintf(e->perf_map, "%llx %x guest_%llx\n", (unsigned long long)(uintptr_t)block_code(e, b), c->len, (unsigned long long)g->pc);
        fflush(e->perf_map);
    }
}

enum btv_status cache_publish(struct engine *e, const struct source *g, const struct host_code *c, struct block **out, struct btv_error *err)
{
    struct block *old = cache_find(e, g->pc);
    if (old) {
        *out = old;
        return BTV_OK;
    }
    if (e->nblocks == e->max_blocks || e->packed_cap - e->packed_used < record_bound(g, c) || e->max_refs - e->nrefs < BLOCK_MAX_PAGES)
        return BTV_LIMIT;
    enum btv_status st = code_own(e, err);
    if (st == BTV_OK)
        st = table_reserve(e);
    if (st != BTV_OK)
        return st;
    uint64_t at = code_next(e);
    if (at + c->len > e->code_cap)
        return BTV_LIMIT;
    struct record_how how = {.keep_bytes = keeps_bytes(e, g), .all_marks = e->cfg.check_exec, .align = e->guest->insn_align};
    if (how.keep_bytes)
        st = written_note(e, g);
    if (st != BTV_OK)
        return st;
    struct block *b = &e->block[e->nblocks];
    const struct block *before = newest(e, g->pc);
    uint32_t first = 0;
    assert(g->nranges <= BLOCK_MAX_RANGES);
    if (before && !block_first(e, before, &first))
        first = number_of(e, before);
    relocate(e, c, (uint32_t)at);
    code_append(e, at, c->bytes, c->len);
    e->host->front_create(&e->stubs, e->write, (uint32_t)at);
    how.first = before ? &first : NULL;
    struct record_sizes packed = record_pack(e->packed + e->packed_used, g, c, &how);
    struct block_group *group = &e->group[e->nblocks / BLOCK_GROUP];
    if (e->nblocks % BLOCK_GROUP == 0)
        *group = (struct block_group){.code = (uint32_t)at, .packed = e->packed_used};
    uint32_t flags = (before ? BLOCK_AGAIN : 0) | (c->alone ? BLOCK_ALONE : 0) | (how.keep_bytes ? BLOCK_COPIED : 0) | (c->pins ? BLOCK_REGION : 0) |
                     (record_simple(g) ? BLOCK_SIMPLE : 0) | (cache_may_change(e, g->range, g->nranges) ? BLOCK_UNSURE : 0);
    b->pc = g->pc & ((UINT64_C(1) << 47) - 1);
    b->code = (at - group->code) / BLOCK_ALIGN & 0x1ffff;
    b->state = (e->packed_used - group->packed) << BLOCK_FLAG_BITS | flags;
    assert(b->pc == g->pc && block_offset(e, b) == at && block_record(e, b) == e->packed + e->packed_used);
    e->packed_used += packed.all;
    unsigned refs = add_to_pages(e, g, b);
    atomic_store_explicit(&e->nblocks, e->nblocks + 1, memory_order_release); /* first: who finds the block may fault in it */
    table_put(e, e->table, number_of(e, b));
    note_published(e, b, g, c, &packed, refs);
    *out = b;
    return BTV_OK;
}

/* -- invalidation ----------------------------------------------------------------------------------------------------- */

void cache_kill(struct engine *e, struct block *b)
{
    if (block_is(b, BLOCK_DEAD))
        return;
    b->state |= BLOCK_DEAD;
    if (!close_block(e, b))
        e->unkillable = true;
    e->killed = true;
    for (struct engine_thread *t = e->threads; t; t = t->next) {
        struct jump_entry *j = &t->jumps[b->pc >> 1 & (CPU_JUMP_ENTRIES - 1)];
        if (j->pc == b->pc)
            __atomic_store_n(&j->pc, CPU_NO_PC, __ATOMIC_SEQ_CST);
    }
    e->stats.blocks_invalidated++;
    TRACE_AT(block, b->pc, "0x%llx killed: its code changed", (unsigned long long)b->pc);
}

void cache_settle(struct engine *e)
{
    while (e->unkillable) /* no memory, and the dead is still jumped to: no way but to lose all, as soon as nobody is in code */
        cache_flush(e, NULL);
    if (e->killed && !e->hcfg.alone)
        code_sync();
    e->killed = false;
}

void engine_share(struct engine *e)
{
    if (!e->hcfg.alone)
        return;
    pthread_mutex_lock(&e->lock);
    e->hcfg.alone = false;
    e->generation++;
    for (uint32_t n = 0; n < e->nblocks; n++) {
        struct block *b = &e->block[n];
        if (block_is(b, BLOCK_ALONE))
            cache_kill(e, b);
    }
    cache_settle(e);
    pthread_mutex_unlock(&e->lock);
}

bool cache_stale(struct engine *e, const struct block *b)
{
    struct block_ranges r;
    block_ranges(e, b, &r);
    const uint8_t *copy = r.copy;
    if (!copy)
        return true;
    for (unsigned i = 0; i < r.n; i++) {
        uint64_t len = r.range[i].end - r.range[i].start;
        if (!mem_check(e->mem, r.range[i].start, len, MEM_X))
            return true;
        if (run_differs(copy, r.range[i].start, len))
            return true;
        copy += len;
    }
    return false;
}

static bool overlaps(const struct engine *e, const struct block *b, uint64_t start, uint64_t end)
{
    struct block_ranges r;
    block_ranges(e, b, &r);
    for (unsigned i = 0; i < r.n; i++)
        if (r.range[i].start < end && start < r.range[i].end)
            return true;
    return false;
}

enum drop {
    DROP_STALE,   /* memory was mapped, unmapped, protected otherwise, or written to by somebody else */
    DROP_WRITTEN, /* the guest may have written to it */
    DROP_ALL,
};

static bool must_drop(struct engine *e, const struct block *b, enum drop which)
{
    return which == DROP_ALL || (cache_stale(e, b) && !(which == DROP_WRITTEN && !block_is(b, BLOCK_COPIED) && fixed(e, b)));
}

static void drop_in(struct engine *e, uint32_t *head, uint64_t start, uint64_t end, enum drop which)
{
    while (*head) {
        struct block *b = page_block(e, *head);
        bool gone = block_is(b, BLOCK_DEAD);
        if (!gone && overlaps(e, b, start, end) && must_drop(e, b, which)) {
            cache_kill(e, b);
            gone = true;
        }
        if (gone)
            *head = *page_next(e, *head);
        else
            head = page_next(e, *head);
    }
}

bool cache_covers(const struct engine *e, uint64_t pc)
{
    for (uint32_t n = e->pages[(pc >> GUEST_PAGE_BITS) % PAGE_BUCKETS]; n; n = *page_next(e, n)) {
        const struct block *b = page_block(e, n);
        if (!block_is(b, BLOCK_DEAD) && overlaps(e, b, pc, pc + 1))
            return true;
    }
    return false;
}

void cache_drop_near(struct engine *e, uint32_t n)
{
    struct block_ranges seed;
    block_ranges(e, &e->block[n], &seed);
    e->generation++;
    for (unsigned i = 0; i < seed.n; i++)
        drop_in(e, &e->pages[(seed.range[i].start >> GUEST_PAGE_BITS) % PAGE_BUCKETS], seed.range[i].start, seed.range[i].end, DROP_ALL);
}

/* -- stores that nobody announces --------------------------------------------------------------------------------------- */

/*
 * A processor whose instruction cache is small or coherent soon sees stores to code without being told; there are programs
 * that never tell (PyPy's compiler).  Blocks of memory that the guest can write and in which it has never announced
 * a store are therefore `unsure`: nothing is linked to them, and the dispatcher compares their code each time they are entered.
 */
bool cache_may_change(struct engine *e, const struct guest_range *r, unsigned nranges)
{
    if (e->nannounced > MAX_ANNOUNCED)
        return false;
    for (unsigned i = 0; i < nranges; i++) {
        uint64_t start = r[i].start;
        struct mem_region m;
        bool known = !mem_get(e->mem, start, &m) || !(m.prot & MEM_W);
        for (unsigned k = 0; k < e->nannounced && !known; k++)
            known = e->announced[k].start <= start && start < e->announced[k].end;
        if (!known)
            return true;
    }
    return false;
}

/* Lock held, `announced` has grown: which blocks can be entered and linked as usual from now on? */
static void make_sure(struct engine *e)
{
    for (uint32_t n = 0; n < e->nblocks; n++) {
        struct block *b = &e->block[n];
        struct block_ranges r;
        if (block_is(b, BLOCK_UNSURE)) {
            block_ranges(e, b, &r);
            if (!cache_may_change(e, r.range, r.n))
                b->state &= ~(uint32_t)BLOCK_UNSURE;
        }
    }
}

static void drop_bucket(struct engine *e, uint64_t bucket, uint64_t start, uint64_t end, enum drop which)
{
    drop_in(e, &e->pages[bucket], start, end, which);
    if (which == DROP_STALE)
        written_doubt(e, bucket);
}

static void drop_range(struct engine *e, uint64_t start, uint64_t end, enum drop which)
{
    if (start >= end)
        return;
    pthread_mutex_lock(&e->lock);
    e->generation++;
    uint64_t first = start >> GUEST_PAGE_BITS, last = (end - 1) >> GUEST_PAGE_BITS;
    if (last - first >= PAGE_BUCKETS)
        for (unsigned i = 0; i < PAGE_BUCKETS; i++)
            drop_bucket(e, i, start, end, which);
    else
        for (uint64_t p = first; p <= last; p++)
            drop_bucket(e, p % PAGE_BUCKETS, start, end, which);
    cache_settle(e);
    pthread_mutex_unlock(&e->lock);
}

void engine_invalidate(struct engine *e, uint64_t start, uint64_t end)
{
    drop_range(e, start, end, DROP_STALE);
}

void engine_announce(struct engine *e, uint64_t start, uint64_t end)
{
    struct mem_region m;
    drop_range(e, start, end, DROP_WRITTEN);
    if (start >= end || !mem_get(e->mem, start, &m))
        return;
    pthread_mutex_lock(&e->lock);
    bool known = e->nannounced > MAX_ANNOUNCED;
    for (unsigned k = 0; k < e->nannounced && !known; k++)
        known = e->announced[k].start <= start && end <= e->announced[k].end;
    if (!known && e->nannounced < MAX_ANNOUNCED) {
        e->announced[e->nannounced].start = m.start;
        e->announced[e->nannounced++].end = m.end > end ? m.end : end;
        make_sure(e);
    } else if (!known) {
        e->nannounced = MAX_ANNOUNCED + 1;
        make_sure(e);
    }
    pthread_mutex_unlock(&e->lock);
}

void engine_isync(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    e->generation++;
    e->stats.isyncs++;
    bool first = e->nannounced <= MAX_ANNOUNCED;
    e->nannounced = MAX_ANNOUNCED + 1;
    written_sync(e);
    cache_settle(e);
    if (first)
        make_sure(e);
    pthread_mutex_unlock(&e->lock);
}

bool cache_flush(struct engine *e, struct engine_thread *self)
{
    if (!engine_stop_threads(e, self))
        return false;
    e->generation++;
    e->stats.flushes++;
    TRACE(block, "all %u flushed", e->nblocks);
    memset(e->pages, 0, sizeof e->pages);
    written_forget(e);
    e->nblocks = 0;
    empty_table(e);
    e->packed_used = 0;
    e->killed = e->unkillable = false;
    e->nrefs = 0;
    struct btv_error err = {0};
    if (code_new(e, 0, &err) == BTV_OK) {
        put_stubs(e);
    } else { /* full: the next translation that is tried comes back here */
        e->own = false;
        e->code_used = e->code_cap;
    }
    for (struct engine_thread *t = e->threads; t; t = t->next) {
        cache_clear_jumps(t->jumps);
        t->cpu.return_sp = t->cpu.return_base;
    }
    engine_resume_threads(e);
    return true;
}

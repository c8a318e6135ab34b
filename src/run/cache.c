/*
 * The code cache: blocks, links, invalidation.  See run.h for the locks and the layout, code.c for the memory, index.c for look-up.
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

/* One area of records after the other. */
static uint64_t take_area(struct engine *e, uint64_t bytes)
{
    uint64_t at = e->records_cap;
    e->records_cap += ALIGN_UP(bytes, (uint64_t)65536);
    return at;
}

/* Programs need less: a tenth as many bytes of blocks as of code, an eighth of packed, or twice that where guest bytes are kept. */
static void plan_records(struct engine *e, uint64_t at[5])
{
    uint64_t cap = e->code_cap;
    e->max_blocks = (uint32_t)(ALIGN_UP(cap / 6, (uint64_t)65536) / sizeof *e->block);
    e->max_pages = (uint32_t)(ALIGN_UP(cap / 32, (uint64_t)65536) / sizeof *e->page);
    if (e->max_pages > GUEST_PAGE_MAX)
        e->max_pages = GUEST_PAGE_MAX;
    e->max_lists = (uint32_t)(ALIGN_UP(cap / 16, (uint64_t)65536) / sizeof *e->list);
    e->packed_cap = (uint32_t)ALIGN_UP(cap / 2, (uint64_t)65536);
    e->records_cap = 0;
    at[0] = take_area(e, e->max_blocks * sizeof *e->block);
    at[1] = take_area(e, (e->max_blocks / BLOCK_GROUP + 1) * sizeof *e->group);
    at[2] = take_area(e, e->max_pages * sizeof *e->page);
    at[3] = take_area(e, e->max_lists * sizeof *e->list);
    at[4] = take_area(e, e->packed_cap);
}

enum btv_status cache_init(struct engine *e, struct btv_error *err)
{
    e->code_cap = ALIGN_UP(e->cfg.cache_bytes, (uint64_t)65536);
    if (e->code_cap > CODE_REACH)
        e->code_cap = CODE_REACH;
    uint64_t at[5];
    plan_records(e, at);
    uint64_t len = 2 * e->code_cap + e->records_cap;
    e->piece = chaos_alloc_fails(CHAOS_NEEDED) ? NULL : heap_zeroed(1, (size_t)(e->code_cap / CODE_PIECE_BYTES));
    if (!e->piece)
        return BTV_NOMEM;
    uint8_t *p = chaos_alloc_fails(CHAOS_NEEDED) ? MAP_FAILED : mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return err_host(err, errno, "code cache: cannot reserve %llu bytes; use a smaller --code-cache-mib", (unsigned long long)len);
    e->code = p;
    uint8_t *records = p + e->code_cap;
    e->block = (struct block *)(void *)(records + at[0]);
    e->group = (struct block_group *)(void *)(records + at[1]);
    e->page = (struct guest_page *)(void *)(records + at[2]);
    e->list = (struct group_list *)(void *)(records + at[3]);
    e->packed = records + at[4];
    e->write = records + e->records_cap;
    if (mprotect(records, e->records_cap, PROT_READ | PROT_WRITE))
        return err_host(err, errno, "code cache: records");
    madvise(records, e->records_cap, MADV_NOHUGEPAGE); /* areas that are mostly empty */
    enum btv_status st = index_init(e);
    if (st == BTV_OK)
        st = code_new(e, 0, err);
    if (st == BTV_OK)
        put_stubs(e);
    return st;
}

void cache_free(struct engine *e)
{
    written_forget(e);
    if (e->code)
        munmap(e->code, 2 * e->code_cap + e->records_cap);
    index_free(e);
    heap_free(e->piece);
}

/* -- guest pcs of code ------------------------------------------------------------------------------------------- */

uint64_t cache_guest_pc(const struct engine *e, const struct block *b, uint64_t host_pc)
{
    uint64_t off = host_pc - (uint64_t)(uintptr_t)block_code(e, b), pc = block_pc(e, b);
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

static void trace_linked(const struct engine *e, const struct block *from, const struct block *to)
{
    if (trace_on(TRACE_block))
        TRACE_AT(block, block_pc(e, from), "0x%llx linked to 0x%llx", (unsigned long long)block_pc(e, from), (unsigned long long)block_pc(e, to));
}

uint64_t cache_link_pc(struct engine *e, uint64_t name)
{
    const struct block *b = cache_block_of(e, name - 1);
    uint64_t pc = block_pc(e, b);
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
    cache_link_block(e, cache_block_of(e, name - 1), name, to);
}

void cache_link_block(struct engine *e, const struct block *from, uint64_t name, struct block *to)
{
    uint32_t link = offset_of(e, name), own = link - block_offset(e, from), target = block_offset(e, to);
    bool dead = block_is(from, BLOCK_DEAD);
    uint64_t pc = block_pc(e, from);
    assert(run_holds(e) && cache_block_of(e, name - 1) == from);
    if (to->state & (BLOCK_DEAD | BLOCK_UNSURE) || (own && (dead || e->host->link_target(&e->stubs, e->code, link) || !block_link(e, from, own, &pc))))
        return; /* of a dead block not even that: its first instruction may be a link, or the poll behind one */
    assert(block_pc(e, to) == pc);
    if (!own && dead)
        link = front_to_make(e, from, &target);
    else if (!own)
        return;
    if (!code_wish(e, block_offset(e, from)) || !code_wish(e, link - 1))
        return;
    e->host->link_make(&e->stubs, e->write, block_offset(e, from), link, target);
    e->stats.links_made++;
    trace_linked(e, from, to);
}

void cache_fill(struct engine *e, uint64_t name, struct block *to)
{
    assert(run_holds(e));
    uint32_t cache = offset_of(e, name);
    const struct block *from = cache_block_of(e, name - 1);
    if (to->state & (BLOCK_DEAD | BLOCK_UNSURE) || block_is(from, BLOCK_DEAD) || e->host->cache_filled(e->code, cache) ||
        !code_wish(e, block_offset(e, from)) || !code_wish(e, cache - 1))
        return;
    e->host->link_make(&e->stubs, e->write, block_offset(e, from), cache, block_offset(e, to));
    e->host->cache_fill(e->write, cache, block_pc(e, to));
    e->stats.links_made++;
    trace_linked(e, from, to);
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

/*
 * Most jumps lead so near that the code can tell where; the others come first in c->link afterwards.  How many these are.  One that is the first
 * instruction, which is written over when the block is closed, is one of them.
 */
static unsigned note_links(const struct engine *e, const struct source *g, const struct host_code *c, uint32_t at)
{
    uint64_t end = g->range[g->nranges - 1].end;
    unsigned n = 0;
    for (const struct host_link *l = c->link; l < c->link + c->nlinks; l++)
        if (l->at < HOST_CLOSE_BYTES + HOST_LINK_BYTES || !e->host->link_note(&e->stubs, e->write, at + l->at, (int64_t)(l->pc - end) / e->guest->insn_align))
            c->link[n++] = *l;
    return n;
}

static void note_published(struct engine *e, const struct block *b, const struct source *g, const struct host_code *c, const struct record_sizes *packed,
                           uint32_t block, uint32_t pages)
{
    struct emitted *s = &e->stats.tier[block_is(b, BLOCK_REGION) ? TIER_REGION : TIER_BASELINE];
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

/* The number of the next block: in the group of the one before, unless its code or record comes to lie too far from where that starts. */
static uint32_t next_number(struct engine *e, uint64_t at)
{
    uint32_t n = e->nblocks;
    struct block_group *group = &e->group[n / BLOCK_GROUP];
    if (n % BLOCK_GROUP && (at - group->code >= BLOCK_ALIGN << BLOCK_CODE_BITS || e->packed_used - group->packed >= 1u << BLOCK_PACKED_BITS)) {
        for (; n % BLOCK_GROUP; n++)
            e->block[n] = (struct block){.state = BLOCK_DEAD};
        group++;
    }
    if (n % BLOCK_GROUP == 0)
        *group = (struct block_group){.code = (uint32_t)at, .packed = e->packed_used};
    return n;
}

static enum btv_status reserve(struct engine *e, const struct source *g, const struct host_code *c, struct btv_error *err)
{
    if (e->max_blocks - e->nblocks <= BLOCK_GROUP || e->packed_cap - e->packed_used < record_bound(g, c))
        return BTV_LIMIT;
    enum btv_status st = code_own(e, err);
    if (st == BTV_OK)
        st = index_reserve(e);
    return st == BTV_OK && code_next(e) + c->len > e->code_cap ? BTV_LIMIT : st;
}

enum btv_status cache_publish(struct engine *e, const struct source *g, const struct host_code *c, struct block **out, struct btv_error *err)
{
    assert(run_holds(e));
    struct block *before = index_newest(e, g->pc);
    if (before && !block_is(before, BLOCK_DEAD)) {
        *out = before;
        return BTV_OK;
    }
    enum btv_status st = reserve(e, g, c, err);
    if (st != BTV_OK)
        return st;
    uint64_t at = code_next(e);
    struct record_how how = {.keep_bytes = keeps_bytes(e, g), .all_marks = e->cfg.check_exec, .align = e->guest->insn_align};
    if (how.keep_bytes)
        st = written_note(e, g);
    if (st != BTV_OK)
        return st;
    uint32_t first = 0;
    assert(g->nranges <= BLOCK_MAX_RANGES);
    if (before && !block_first(e, before, &first))
        first = number_of(e, before);
    relocate(e, c, (uint32_t)at);
    code_append(e, at, c->bytes, c->len);
    e->host->front_create(&e->stubs, e->write, (uint32_t)at);
    how.nlinks = note_links(e, g, c, (uint32_t)at);
    how.first = before ? &first : NULL;
    struct record_sizes packed = record_pack(e->packed + e->packed_used, g, c, &how);
    uint32_t number = next_number(e, at), flags = (before ? BLOCK_AGAIN : 0) | (c->alone ? BLOCK_ALONE : 0) | (how.keep_bytes ? BLOCK_COPIED : 0) |
                                                  (c->pins ? BLOCK_REGION : 0) | (record_simple(g) ? BLOCK_SIMPLE : 0) |
                                                  (cache_may_change(e, g->range, g->nranges) ? BLOCK_UNSURE : 0);
    struct block *b = &e->block[number];
    const struct block_group *group = block_group(e, b);
    uint32_t pages = index_add_to_pages(e, g, b), block = (number + 1 - e->nblocks) * sizeof *b + (number % BLOCK_GROUP ? 0 : sizeof *group);
    b->key = index_page(e, g->pc) << GUEST_PAGE_BITS | (uint32_t)(g->pc % GUEST_PAGE_SIZE);
    b->state = ((e->packed_used - group->packed) << BLOCK_CODE_BITS | ((uint32_t)at - group->code) / BLOCK_ALIGN) << BLOCK_FLAG_BITS | flags;
    assert(block_pc(e, b) == g->pc && block_offset(e, b) == at && block_record(e, b) == e->packed + e->packed_used);
    atomic_store_explicit(&e->nblocks, number + 1, memory_order_release); /* first: who finds the block may fault in it */
    atomic_store_explicit(&e->packed_used, e->packed_used + packed.all, memory_order_release); /* second: record_end */
    index_put(e, number);
    note_published(e, b, g, c, &packed, block, pages);
    *out = b;
    return BTV_OK;
}

/* -- invalidation ----------------------------------------------------------------------------------------------------- */

void cache_kill(struct engine *e, struct block *b)
{
    assert(run_holds(e));
    uint64_t pc = block_pc(e, b);
    if (block_is(b, BLOCK_DEAD))
        return;
    b->state |= BLOCK_DEAD;
    if (!close_block(e, b))
        e->unkillable = true;
    e->killed = true;
    e->killed_region |= block_is(b, BLOCK_REGION);
    for (struct engine_thread *t = e->threads; t; t = t->next) {
        struct jump_entry *j = &t->jumps[pc >> 1 & (CPU_JUMP_ENTRIES - 1)];
        if (j->pc == pc)
            __atomic_store_n(&j->pc, CPU_NO_PC, __ATOMIC_SEQ_CST);
    }
    e->stats.blocks_invalidated++;
    TRACE_AT(block, pc, "0x%llx killed: its code changed", (unsigned long long)pc);
}

/*
 * A loop inside a block or region ends when there is a request.  Functions that a region has called come back into its middle; there it looks at requests, and
 * who made none of these calls yet must not come back to it at all.
 */
static void call_out(struct engine *e)
{
    for (struct engine_thread *t = e->threads; t; t = t->next)
        if (e->killed_region)
            engine_forget_returns(t);
        else if (atomic_load(&t->in_code))
            engine_leave(t);
}

void cache_settle(struct engine *e)
{
    assert(run_holds(e));
    while (e->unkillable) /* no memory, and the dead is still jumped to: no way but to lose all, as soon as nobody is in code */
        cache_flush(e, NULL);
    if (!e->killed)
        return;
    call_out(e);
    if (!e->hcfg.alone)
        code_sync();
    e->killed = e->killed_region = false;
}

void engine_share(struct engine *e)
{
    if (!e->hcfg.alone)
        return;
    run_lock(e);
    e->hcfg.alone = false;
    e->generation++;
    for (uint32_t n = 0; n < e->nblocks; n++) {
        struct block *b = &e->block[n];
        if (block_is(b, BLOCK_ALONE))
            cache_kill(e, b);
    }
    cache_settle(e);
    run_unlock(e);
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

enum drop {
    DROP_STALE,   /* memory was mapped, unmapped, protected otherwise, or written to by somebody else */
    DROP_WRITTEN, /* the guest may have written to it */
    DROP_ALL,
};

static bool must_drop(struct engine *e, const struct block *b, enum drop which)
{
    return which == DROP_ALL || (cache_stale(e, b) && !(which == DROP_WRITTEN && !block_is(b, BLOCK_COPIED) && fixed(e, b)));
}

static void drop_if(struct engine *e, struct block *b, void *ctx)
{
    const enum drop *which = ctx;
    if (must_drop(e, b, *which))
        cache_kill(e, b);
}

static void note_cover(struct engine *e, struct block *b, void *ctx)
{
    bool *covers = ctx;
    *covers = true;
}

bool cache_covers(struct engine *e, uint64_t pc)
{
    assert(run_holds(e));
    bool covers = false;
    index_each_of_page(e, pc, (struct guest_range){pc, pc + 1}, note_cover, &covers);
    return covers;
}

struct guess {
    uint64_t pc;
    bool unsure;
};

/* Does its inline cache miss often, in the time since that was last forgotten? */
static bool misses(const struct engine *e, uint64_t name)
{
    uint64_t n = 0;
    for (const struct engine_thread *t = e->threads; t; t = t->next)
        n += __atomic_load_n(&t->cpu.missed[cpu_miss(name)], __ATOMIC_RELAXED);
    return n > e->tune.guess_misses;
}

/* A cache is that of the jump at the block's end. */
static void note_guess(struct engine *e, struct block *b, void *ctx)
{
    enum { FAR = 1 << 14 };
    struct guess *g = ctx;
    uint64_t pc;
    if (b->state & (BLOCK_DEAD | BLOCK_REGION))
        return;
    uint32_t start = block_offset(e, b), left = (uint32_t)e->code_used - start, cache = e->host->cache_find(e->code, start, start + (left < FAR ? left : FAR), &pc);
    const uint64_t name = (uint64_t)(uintptr_t)e->code + cache;
    if (!cache || pc == CPU_NO_PC || cache_block_of(e, name - 1) != b)
        return;
    g->unsure |= misses(e, name) || (g->pc != CPU_NO_PC && g->pc != pc);
    g->pc = pc;
}

uint64_t cache_guess(struct engine *e, uint64_t pc)
{
    assert(run_holds(e));
    struct guess g = {.pc = CPU_NO_PC};
    index_each_of_page(e, pc, (struct guest_range){pc, pc + 1}, note_guess, &g);
    return g.unsure ? CPU_NO_PC : g.pc;
}

void cache_drop_near(struct engine *e, uint32_t n)
{
    assert(run_holds(e));
    struct block_ranges seed;
    if (!e->block[n].key)
        return;
    block_ranges(e, &e->block[n], &seed);
    e->generation++;
    for (unsigned i = 0; i < seed.n; i++)
        index_each_of_page(e, seed.range[i].start, seed.range[i], drop_if, &(enum drop){DROP_ALL});
}

/* -- stores that nobody announces --------------------------------------------------------------------------------------- */

/*
 * A processor whose instruction cache is small or coherent soon sees stores to code without being told; there are programs
 * that never tell (PyPy's compiler).  Blocks of memory that the guest can write and in which it has never announced
 * a store are therefore `unsure`: nothing is linked to them, and the dispatcher compares their code each time they are entered.
 */
bool cache_may_change(struct engine *e, const struct guest_range *r, unsigned nranges)
{
    assert(run_holds(e));
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
    assert(run_holds(e));
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

static void drop_in_page(struct engine *e, uint64_t page, struct guest_range in, enum drop which)
{
    index_each_of_page(e, page, in, drop_if, &which);
    if (which == DROP_STALE)
        written_doubt(e, (page >> GUEST_PAGE_BITS) % PAGE_BUCKETS);
}

static void drop_range(struct engine *e, uint64_t start, uint64_t end, enum drop which)
{
    if (start >= end)
        return;
    run_lock(e);
    e->generation++;
    if (which == DROP_STALE)
        store_forget(e, start, end);
    const struct guest_range in = {start, end};
    uint64_t first = ALIGN_DOWN(start, (uint64_t)GUEST_PAGE_SIZE), last = ALIGN_DOWN(end - 1, (uint64_t)GUEST_PAGE_SIZE);
    if ((last - first) >> GUEST_PAGE_BITS < e->npages) {
        for (uint64_t page = first; page <= last; page += GUEST_PAGE_SIZE)
            drop_in_page(e, page, in, which);
    } else {
        for (uint32_t n = 1; n < e->npages; n++) {
            uint64_t page = guest_page_start(&e->page[n]);
            if (first <= page && page <= last)
                drop_in_page(e, page, in, which);
        }
    }
    cache_settle(e);
    run_unlock(e);
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
    run_lock(e);
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
    run_unlock(e);
}

void engine_isync(struct engine *e)
{
    run_lock(e);
    e->generation++;
    e->stats.isyncs++;
    bool first = e->nannounced <= MAX_ANNOUNCED;
    e->nannounced = MAX_ANNOUNCED + 1;
    written_sync(e);
    cache_settle(e);
    if (first)
        make_sure(e);
    run_unlock(e);
}

bool cache_flush(struct engine *e, struct engine_thread *self)
{
    assert(run_holds(e));
    if (!engine_stop_threads(e, self))
        return false;
    e->generation++;
    e->stats.flushes++;
    TRACE(block, "all %u flushed", e->nblocks);
    written_forget(e);
    e->nblocks = 0;
    index_empty(e);
    e->packed_used = 0;
    e->killed = e->killed_region = e->unkillable = false;
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

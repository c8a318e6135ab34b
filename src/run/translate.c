/*
 * Guest code at a pc -> IR -> host code -> a published block.
 *
 * Works in the thread's own arena without a lock; only publishing takes it.  If guest code was changed by somebody
 * meanwhile (the generation moved), the translation is thrown away and made again.  A change that nobody has announced yet is
 * found later, by comparing memory with the bytes that were decoded: never with what memory holds once the lifter is done.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "ir/rounds.h"
#include "run/region.h"
#include "run/run.h"

const uint8_t *fetch_code(void *thread, uint64_t pc, size_t *avail)
{
    struct engine_thread *t = thread;
    uint64_t gen = atomic_load_explicit(&t->engine->generation, memory_order_acquire);
    if (pc < t->win_start || pc >= t->win_end || gen != t->win_gen) {
        uint64_t span = mem_exec_span(t->engine->mem, pc, (uint64_t)t->engine->tune.fetch_kib << 10);
        if (!span)
            return NULL;
        t->win_start = pc;
        t->win_end = pc + span;
        t->win_gen = gen;
    }
    *avail = (size_t)(t->win_end - pc);
    return mem_host(pc);
}

/* Between what is decided and what is done about it, others may do the same, and more: chaos. */
static void pause_here(struct engine_thread *t)
{
    if (BTV_UNLIKELY(t->engine->chaotic))
        chaos_pause(t);
}

struct lifting {
    const struct guest_isa *guest;
    struct guest_lift *g;
    struct ir_func *f;
};

static enum btv_status lift(void *ctx)
{
    const struct lifting *l = ctx;
    return l->guest->lift(l->g, l->f);
}

enum btv_status run_lift(const struct guest_isa *guest, struct guest_lift *g, struct ir_func *f)
{
    return run_guarded(lift, &(struct lifting){guest, g, f});
}

enum btv_status translate_code(struct engine_thread *t, const struct guest_code *fetch, uint64_t pc, unsigned max_insns, struct guest_lift *g,
                               struct host_code *code)
{
    struct engine *e = t->engine;
    *g = translate_bounds(e, fetch, pc, max_insns);
    struct ir_func *f = ir_func_new(&t->scratch, &e->guest->slots, NULL);
    if (!f)
        return BTV_NOMEM;
    f->pc = pc;
    enum btv_status st = run_lift(e->guest, g, f);
    if (st != BTV_OK || !arena_ok(&t->scratch))
        return BTV_NOMEM;
    if (e->tune.ahead)
        ir_rounds_mark(f);
#ifndef NDEBUG
    struct btv_error err = {0};
    st = ir_verify(f, &err);
    if (st != BTV_OK)
        return err_set(&t->err, st, "translation of 0x%llx breaks a rule: %s", (unsigned long long)pc, err.text);
#endif
    if (trace_at(TRACE_lift, pc) || trace_at(TRACE_ir, pc))
        trace_lifted(t, f, g);
    run_lock(e);
    struct host_config hcfg = e->hcfg;
    hcfg.no_ahead = cache_may_change(e, g->range, g->nranges);
    hcfg.no_self_loop |= hcfg.no_ahead;
    hcfg.no_calls = e->cfg.check_exec;
    run_unlock(e);
    st = e->host->emit(&t->scratch, &hcfg, f, code);
    if (st == BTV_OK && trace_at(TRACE_emit, pc))
        trace_emitted(e, fetch, code, pc);
    return st;
}

static uint64_t now_ms(void)
{
    return clock_ns(CLOCK_MONOTONIC_COARSE) / 1000000;
}

/*
 * Lock held.  *made: the block is of this code, and not another one that another thread has made for that pc meanwhile (a region, perhaps).  NULL: there
 * is none now.
 */
static struct block *publish(struct engine_thread *t, const struct guest_lift *g, const struct host_code *code, bool *made)
{
    struct engine *e = t->engine;
    const struct source src = {g->pc, g->insns, g->nranges, g->range, g->bytes};
    struct block *b = NULL;
    uint32_t had = e->nblocks;
    *made = false;
    enum btv_status st = cache_publish(e, &src, code, &b, &t->err);
    if (st == BTV_LIMIT || st == BTV_NOMEM) {
        if (!chaos_may_waste(t) || !cache_flush(e, t))
            goto pause;
        st = cache_publish(e, &src, code, &b, &t->err);
    }
    if (st == BTV_OK && e->cfg.flush_every && e->stats.tier[TIER_BASELINE].blocks % e->cfg.flush_every == 0 && chaos_may_waste(t)) {
        if (!cache_flush(e, t))
            goto pause;
        b = NULL;
    }
    if (st == BTV_OK) {
        *made = b && e->nblocks != had;
        return b;
    }
pause: /* interpret for a while, then try again */
    e->pause_until_ms = now_ms() + e->tune.pause_ms;
    return NULL;
}

/* If its target is there, the link need not be found by being taken.  Lock held. */
static void make_link(struct engine *e, const struct block *from, const struct host_link *l)
{
    struct block *to = e->cfg.no_chain ? NULL : cache_find(e, l->pc);
    if (to)
        cache_link_block(e, from, (uint64_t)(uintptr_t)block_code(e, from) + l->at, to);
}

/* At once, by the guest's thread: --chaos=region. */
static void make_region(struct engine_thread *t, uint64_t pc)
{
    struct btv_error err = {0};
    arena_reset(&t->scratch);
    if (region_make(t->engine, &t->scratch, &t->fetch, pc, &err) == BTV_INVALID)
        t->err = err;
}

static struct block *make(struct engine_thread *t, uint64_t pc)
{
    struct engine *e = t->engine;
    unsigned max = e->tune.max_insns, recorded = 0;
    if (BTV_UNLIKELY(e->replay)) {
        recorded = recording_wants(t, TIER_BASELINE, pc);
        max = recorded < max ? recorded : max;
    }
    for (unsigned attempt = 0; attempt < e->tune.attempts; attempt++) {
        uint64_t gen = atomic_load_explicit(&e->generation, memory_order_acquire);
        struct guest_lift g;
        struct host_code code;
        struct host_link link[HOST_MAX_LINKS]; /* publishing changes their order */
        arena_reset(&t->scratch);
        enum btv_status st = translate_code(t, &t->fetch, pc, max, &g, &code);
        if (st == BTV_LIMIT && max > 1) {
            max = max / 2;
            TRACE_AT(block, pc, "0x%llx refused, again with %u instructions", (unsigned long long)pc, max);
            t->stats.blocks_refused++;
            continue;
        }
        /* Without an instruction there is nothing to keep: code that cannot be fetched now may appear without notice. */
        if (st != BTV_OK || !g.nranges || !g.insns)
            return NULL;
        memcpy(link, code.link, code.nlinks * sizeof *link);
        pause_here(t);
        run_lock(e);
        struct block *b = NULL;
        bool same = gen == e->generation, made = false;
        if (same)
            b = publish(t, &g, &code, &made);
        for (unsigned i = 0; made && i < code.nlinks; i++)
            make_link(e, b, &link[i]);
        if (made)
            store_note(e, pc);
        run_unlock(e);
        if (same && b && BTV_UNLIKELY(recorded)) {
            t->stats.replayed++;
            t->stats.replayed_shorter += g.insns < recorded;
        }
        if (same && b && BTV_UNLIKELY(e->cfg.record_fd))
            recording_note(t, TIER_BASELINE, pc, g.insns);
        if (b && BTV_UNLIKELY(e->cfg.region) && chaos_makes_region(t))
            make_region(t, pc);
        if (same)
            return b;
    }
    return NULL;
}

/* -- kept translations ------------------------------------------------------------------------------------------------ */

/* Blocks from the store that lead to each other. */
#define AHEAD 64
struct group {
    uint64_t todo[4 * AHEAD]; /* pcs, the next one last */
    unsigned ntodo, nlinks;
    struct group_link {
        const struct block *from;
        struct host_link link;
    } link[4 * AHEAD];
};

static struct block *take_one(struct engine_thread *t, uint64_t pc, struct group *group)
{
    struct engine *e = t->engine;
    uint64_t gen = atomic_load_explicit(&e->generation, memory_order_acquire);
    struct guest_lift g;
    struct host_code code;
    struct block *b = NULL;
    if (!store_load(t, pc, &g, &code))
        return NULL;
    unsigned first = group->nlinks, last = first;
    for (unsigned i = 0; i < code.nlinks && last < ARRAY_LEN(group->link); i++)
        group->link[last++].link = code.link[i];
    pause_here(t);
    run_lock(e);
    bool made = false;
    if (gen == e->generation)
        b = publish(t, &g, &code, &made);
    run_unlock(e);
    if (!made)
        return b;
    group->nlinks = last;
    while (last-- > first) { /* the way straight on, which comes first in the code, is to be next to it */
        group->link[last].from = b;
        if (group->ntodo < ARRAY_LEN(group->todo))
            group->todo[group->ntodo++] = group->link[last].link.pc;
    }
    return b;
}

/*
 * The block for pc from the store and, because it was kept for being used, what it leads to.  NULL: it is not there.
 */
static struct block *take_kept(struct engine_thread *t, uint64_t pc)
{
    struct engine *e = t->engine;
    struct group group;
    group.ntodo = group.nlinks = 0;
    uint64_t gen = atomic_load_explicit(&e->generation, memory_order_acquire);
    struct block *b = take_one(t, pc, &group);
    if (!b)
        return NULL;
    for (unsigned n = 1; group.ntodo && n < e->tune.store_ahead; n++) {
        uint64_t next = group.todo[--group.ntodo];
        run_lock(e); /* not in code, so nothing else keeps the index from being replaced */
        bool there = cache_find(e, next);
        run_unlock(e);
        if (!there)
            take_one(t, next, &group);
    }
    pause_here(t);
    run_lock(e);
    for (unsigned i = 0; i < group.nlinks && gen == e->generation; i++)
        make_link(e, group.link[i].from, &group.link[i].link);
    run_unlock(e);
    return b;
}

static struct block *take_or_make(struct engine_thread *t, uint64_t pc)
{
    struct block *b = t->engine->store ? take_kept(t, pc) : NULL;
    return b ? b : make(t, pc);
}

/* In that way, unless there is a pause, and with the time that it takes. */
static struct block *get(struct engine_thread *t, uint64_t pc, struct block *(*how)(struct engine_thread *t, uint64_t pc))
{
    struct engine *e = t->engine;
    uint64_t pause = atomic_load_explicit(&e->pause_until_ms, memory_order_relaxed);
    if (BTV_UNLIKELY(pause)) {
        if (now_ms() < pause)
            return NULL;
        e->pause_until_ms = 0;
    }
    uint64_t start = BTV_UNLIKELY(e->cfg.timed) ? clock_ns(CLOCK_THREAD_CPUTIME_ID) : 0, before = BTV_UNLIKELY(e->pays) ? clock_ns(CLOCK_MONOTONIC) : 0;
    struct block *b = how(t, pc);
    if (BTV_UNLIKELY(start))
        t->stats.tier[TIER_BASELINE].translate_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - start;
    if (BTV_UNLIKELY(before))
        t->translating_ns += clock_ns(CLOCK_MONOTONIC) - before;
    return b;
}

struct block *translate(struct engine_thread *t, uint64_t pc)
{
    return get(t, pc, take_or_make);
}

struct block *translate_kept(struct engine_thread *t, uint64_t pc)
{
    return get(t, pc, take_kept);
}

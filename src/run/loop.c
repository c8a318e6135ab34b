/*
 * The dispatcher of one guest thread.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "run/region.h"
#include "run/run.h"

_Thread_local struct engine_thread *run_self;

static inline uint64_t *pc_slot(struct engine_thread *t)
{
    return &t->cpu.slot[t->engine->guest->slot_pc];
}

bool run_is_hot(struct engine *e, uint64_t pc)
{
    uint64_t threshold = e->tune.hot;
    if (BTV_UNLIKELY(e->replay)) /* may_translate decides */
        return true;
    if (BTV_UNLIKELY(e->cfg.mix))
        threshold = chaos_threshold(e, pc);
    uint8_t *visits = run_visits(e, pc);
    unsigned page = (uintptr_t)visits / GUEST_PAGE_SIZE % 32;
    if (BTV_UNLIKELY(!(e->visits_used >> page & 1))) { /* memory that is read first faults twice */
        e->visits_used |= 1u << page;
        *visits = 0;
    }
    if (*visits + 1u >= threshold)
        return true;
    ++*visits;
    return false;
}

bool engine_is_warm(struct engine *e, uint64_t pc)
{
    if (e->cfg.region)
        return true;
    if (*run_visits(e, pc) >= e->tune.warm)
        return true;
    run_lock(e);
    bool yes = cache_covers(e, pc);
    run_unlock(e);
    return yes;
}

/* Is the block that starts at pc among those to be translated? */
static bool may_translate(struct engine_thread *t, uint64_t pc)
{
    const struct engine_config *c = &t->engine->cfg;
    if (BTV_UNLIKELY(c->jit_hi) && (pc < c->jit_lo || pc >= c->jit_hi))
        return false;
    return BTV_LIKELY(!t->engine->replay) || recording_wants(t, TIER_BASELINE, pc);
}

/* One instruction at a time, each announced.  Stops where the interpreter would, or a little later: after short branches. */
static void step_traced(struct engine_thread *t, unsigned max_insns, struct ir_exit *out, unsigned *done)
{
    const struct guest_isa *guest = t->engine->guest;
    uint64_t pc;
    unsigned n;
    do {
        pc = *pc_slot(t);
        if (trace_at(TRACE_interp, pc))
            trace_interpreted(t, pc);
        guest->step(&t->cpu, &t->fetch, NULL, 1, out, &n);
        *done += n;
    } while (n && out->kind == IR_EXIT_GOTO && *done < max_insns && *pc_slot(t) - pc - 1 < guest->insn_max_bytes);
}

bool run_interpret(struct engine_thread *t, unsigned max_insns, enum engine_stop *stop)
{
    struct ir_exit out;
    unsigned done = 0;
    bool alone = t->engine->cfg.check_exec;
    if (alone)
        pthread_mutex_lock(&t->engine->check_lock);
    t->interpreting = true;
    if (trace_on(TRACE_interp))
        step_traced(t, max_insns, &out, &done);
    else
        t->engine->guest->step(&t->cpu, &t->fetch, NULL, max_insns, &out, &done);
    t->interpreting = false;
    if (alone)
        pthread_mutex_unlock(&t->engine->check_lock);
    t->stats.interp_runs++;
    t->stats.interp_insns += done;
    switch (out.kind) {
    case IR_EXIT_SYSCALL: *stop = ENGINE_SYSCALL; return false;
    case IR_EXIT_TRAP:
        t->cpu.trap = out.trap;
        *stop = ENGINE_TRAP;
        t->stats.exit_trap++;
        return false;
    case IR_EXIT_ISYNC: engine_isync(t->engine); return true;
    default: return true;
    }
}

enum host_exit run_enter(struct engine_thread *t, struct block *b)
{
    t->stats.entries++;
    enum host_exit k = t->engine->enter(&t->cpu, block_code(t->engine, b));
    t->engine->host->fp_leave(&t->cpu);
    if (k == HOST_EXIT_LINK) {
        t->cpu.exit_link = t->cpu.exit_value;
        t->cpu.exit_value = cache_link_pc(t->engine, t->cpu.exit_link);
    }
    return k;
}

/* Waits while somebody holds the threads out of code. */
static void wait_resumed(struct engine *e)
{
    run_lock(e);
    while (e->stopping)
        run_wait(e, &e->resumed);
    run_unlock(e);
}

/* What other threads or signal handlers asked for.  True: return to the personality. */
static bool handle_pending(struct engine_thread *t)
{
    t->cpu.jumps = t->jumps; /* first: a request from now on points it away again (request() sets pending before jumps) */
    uint32_t p = atomic_exchange(&t->cpu.pending, 0);
    if (p & PENDING_STOP)
        wait_resumed(t->engine);
    if (p & PENDING_SAMPLE)
        tier_sample(t, *pc_slot(t));
    if (p & PENDING_RETURNS)
        t->cpu.return_sp = t->cpu.return_base;
    return p & PENDING_PERSONALITY;
}

/* An unlinked direct exit: link it if its target is translated or hot enough to be. */
static void follow_link(struct engine_thread *t)
{
    struct engine *e = t->engine;
    t->stats.exit_link++;
    *pc_slot(t) = t->cpu.exit_value;
    if (e->cfg.no_chain)
        return;
    struct block *to = cache_find(e, t->cpu.exit_value);
    if (!to)
        return;
    /* A flusher holds the lock while it waits for this thread to leave code: never wait for it here. */
    if (run_trylock(e)) {
        cache_link(e, t->cpu.exit_link, to);
        run_unlock(e);
    }
}

static void remember_jump(struct engine_thread *t, uint64_t pc, struct block *b, uint64_t cache)
{
    struct jump_entry *j = &t->jumps[pc >> 1 & (CPU_JUMP_ENTRIES - 1)];
    if (t->engine->cfg.no_chain || block_is(b, BLOCK_UNSURE))
        return;
    if (cache && run_trylock(t->engine)) {
        cache_fill(t->engine, cache, b);
        run_unlock(t->engine);
    }
    __atomic_store_n(&j->pc, CPU_NO_PC, __ATOMIC_RELAXED);
    j->code = block_code(t->engine, b);
    __atomic_store_n(&j->pc, pc, __ATOMIC_SEQ_CST);
    if (block_is(b, BLOCK_DEAD)) /* killed meanwhile: the killer may have looked before we wrote */
        __atomic_store_n(&j->pc, CPU_NO_PC, __ATOMIC_SEQ_CST);
}

/* Runs emitted code from b.  True: continue in the loop. */
static bool run_block(struct engine_thread *t, struct block *b, enum engine_stop *stop)
{
    struct engine *e = t->engine;
    enum host_exit k;
    if (!e->cfg.check_exec || t->unchecked) {
        t->unchecked = false;
        k = run_enter(t, b);
    } else if (!run_checked(t, b, &k)) {
        *stop = ENGINE_ERROR;
        return false;
    }
    if (trace_on(TRACE_exit))
        trace_left(t, block_pc(e, b), k);
    switch (k) {
    case HOST_EXIT_LINK: follow_link(t); return true;
    case HOST_EXIT_INDIRECT:
        t->stats.exit_indirect++;
        t->cpu.jumps = t->jumps; /* if a request pointed it away, `pending` is set and the loop sees it next */
        *pc_slot(t) = t->cpu.exit_value;
        if (t->cpu.return_sp > t->cpu.return_base) /* a return to CPU_NO_RETURN popped the bottom */
            t->cpu.return_sp = t->cpu.return_base;
        /* A request makes every jump miss: that says nothing about this one. */
        if (!atomic_load_explicit(&t->cpu.pending, memory_order_relaxed) && (b = cache_find(e, t->cpu.exit_value)))
            remember_jump(t, t->cpu.exit_value, b, t->cpu.exit_link);
        return true;
    case HOST_EXIT_SYSCALL:
        t->stats.exit_syscall++;
        *pc_slot(t) = t->cpu.exit_value;
        *stop = ENGINE_SYSCALL;
        return false;
    case HOST_EXIT_ISYNC:
        *pc_slot(t) = t->cpu.exit_value;
        t->in_code = false;
        engine_isync(e);
        return true;
    case HOST_EXIT_BAIL:
        t->stats.exit_bail++;
        *pc_slot(t) = t->cpu.exit_value;
        t->in_code = false;
        return run_interpret(t, 1, stop);
    case HOST_EXIT_INTERRUPT:
        t->stats.exit_interrupt++;
        *pc_slot(t) = t->cpu.exit_value;
        return true;
    default:
        t->stats.exit_trap++;
        *pc_slot(t) = t->cpu.exit_value;
        *stop = ENGINE_TRAP;
        run_locate(t);
        return false;
    }
}

/*
 * Where translations are kept, the interpreter asks for one when it comes to pc first; what is there is as good as hot.  Counters are shared, so some is
 * found only when it is hot anyway.
 */
static bool is_first(struct engine *e, uint64_t pc)
{
    return BTV_UNLIKELY(e->store) && *run_visits(e, pc) == 1;
}

static void make_hot(struct engine *e, uint64_t pc)
{
    *run_visits(e, pc) = UINT8_MAX - 1;
}

/* One round.  True: go on. */
static bool step(struct engine_thread *t, enum engine_stop *stop)
{
    struct engine *e = t->engine;
    uint64_t pc = *pc_slot(t);
    if (BTV_UNLIKELY(e->chaotic) && chaos_interprets(t))
        return run_interpret(t, e->tune.interp_insns, stop);
    /* Nothing is translated before it is hot, and what was translated stays hot. */
    bool hot = run_is_hot(e, pc);
    if ((hot || is_first(e, pc)) && !e->cfg.interpret_only && e->host->fp_enter(&t->cpu)) {
        atomic_store(&t->in_code, true);
        if (e->stopping) { /* seen after in_code was set: either the stopper waits for us or we wait for it */
            atomic_store(&t->in_code, false);
            wait_resumed(e);
            return true;
        }
        if (BTV_UNLIKELY(e->tier_wait != UINT32_MAX) && hot && !e->tier_wait--)
            tier_start(e);
        if (BTV_UNLIKELY(atomic_load_explicit(&e->tier_asleep, memory_order_relaxed)))
            tier_wake(e);
        struct block *b = cache_find(e, pc);
        if (b && BTV_UNLIKELY(block_is(b, BLOCK_UNSURE)) && cache_stale(e, b)) {
            atomic_store_explicit(&t->in_code, false, memory_order_release); /* before waiting for the lock: see follow_link */
            engine_invalidate(e, pc, pc + 1);
            return true;
        }
        if (b) {
            if (BTV_UNLIKELY(!hot))
                make_hot(e, pc);
            bool go_on = run_block(t, b, stop);
            atomic_store_explicit(&t->in_code, false, memory_order_release);
            return go_on;
        }
        atomic_store_explicit(&t->in_code, false, memory_order_release);
        if (hot && may_translate(t, pc) && translate(t, pc))
            return true;
        if (!hot && translate_kept(t, pc)) {
            make_hot(e, pc);
            return true;
        }
    }
    return run_interpret(t, e->tune.interp_insns, stop);
}

static void set_self(struct engine_thread *t)
{
#ifndef NDEBUG
    run_self = t;
#else
    (void)t;
#endif
}

enum engine_stop engine_run(struct engine_thread *t)
{
    enum engine_stop stop = ENGINE_INTERRUPT;
    set_self(t);
    if (sigsetjmp(t->landing, 0)) { /* a guest access of the interpreter, or of a helper, faulted; see fault.c */
        t->interpreting = false;
        atomic_store_explicit(&t->in_code, false, memory_order_release);
        if (!t->engine->cfg.check_exec || !run_check_landed(t)) {
            t->stats.exit_trap++;
            run_locate(t);
            return ENGINE_TRAP;
        }
    }
    for (;;) {
        if (BTV_UNLIKELY(t->engine->chaotic))
            chaos_visit(t);
        if (atomic_load_explicit(&t->cpu.pending, memory_order_relaxed) && handle_pending(t))
            return ENGINE_INTERRUPT;
        if (!step(t, &stop))
            return stop;
    }
}

/*
 * What --chaos does while guest code runs; chaos.def has the switches.  Nothing of it may be seen by the guest: no host thread,
 * no signal, no descriptor.  Every decision comes from the thread's own generator, but what a thread cannot afford is left out.
 *
 * A thread can afford to spend half of its life asleep or on translating, both together, and a second in any case.  So a short program is
 * treated as wildly as the switches say, and no loop, however long, becomes more than a few times slower than in the interpreter:
 * without that, sleeping at every 20th block or losing each block before it is used again costs a factor of hundreds.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/chaos.h"
#include "base/clock.h"
#include "run/run.h"

#define MAX_DROPPED 8
#define MAX_SLEEP_US 300
#define FREE_NS UINT64_C(1000000000)

void chaos_start(struct engine *e)
{
    const struct engine_config *c = &e->cfg;
    e->chaotic = c->mix || c->drop || c->storm || c->yield;
    e->pays = c->drop || c->flush_every || c->cache_kib;
}

void chaos_forked(struct engine_thread *t)
{
    t->born_ns = clock_ns(CLOCK_MONOTONIC);
    t->asleep_ns = t->translating_ns = 0;
}

void chaos_thread_start(struct engine_thread *t)
{
    struct engine *e = t->engine;
    uint64_t ordinal = e->cfg.seed + atomic_fetch_add(&e->births, 1);
    t->random = chaos_random(&ordinal);
    chaos_forked(t);
}

bool chaos_may_waste(const struct engine_thread *t)
{
    uint64_t spent_ns = t->asleep_ns + t->translating_ns;
    return spent_ns < FREE_NS || spent_ns < (clock_ns(CLOCK_MONOTONIC) - t->born_ns) / 2;
}

static bool one_in(struct engine_thread *t, uint64_t n)
{
    return n && chaos_random(&t->random) % n == 0;
}

unsigned chaos_threshold(const struct engine *e, uint64_t pc)
{
    uint64_t state = pc * 31 + e->cfg.seed;
    return 1 + (unsigned)(chaos_random(&state) % e->cfg.mix);
}

bool chaos_interprets(struct engine_thread *t)
{
    return t->engine->cfg.mix && one_in(t, 8);
}

bool chaos_makes_region(struct engine_thread *t)
{
    return !t->engine->cfg.check_exec && one_in(t, t->engine->cfg.region);
}

/* A random thread, the caller's own among them. */
static void interrupt_somebody(struct engine_thread *t)
{
    struct engine *e = t->engine;
    struct engine_thread *to = t;
    uint64_t r = chaos_random(&t->random);
    if (!run_trylock(e))
        return;
    for (uint64_t steps = r >> 8 & 15; steps; steps--)
        to = to->next ? to->next : e->threads;
    if (r & 1)
        engine_interrupt(to);
    else
        engine_leave(to);
    run_unlock(e);
}

static void drop_some(struct engine_thread *t)
{
    struct engine *e = t->engine;
    if (!run_trylock(e))
        return;
    for (uint64_t n = 1 + chaos_random(&t->random) % MAX_DROPPED; n && e->nblocks; n--)
        cache_drop_near(e, (uint32_t)(chaos_random(&t->random) % e->nblocks));
    cache_settle(e);
    run_unlock(e);
}

/* What others do with the processor meanwhile counts, too: on a busy machine it is more than the sleep. */
static void give_way(struct engine_thread *t)
{
    bool sleeps = one_in(t, 4);
    useconds_t us = (useconds_t)(chaos_random(&t->random) % MAX_SLEEP_US);
    if (!chaos_may_waste(t))
        return;
    uint64_t start = clock_ns(CLOCK_MONOTONIC);
    if (sleeps)
        usleep(us);
    else
        sched_yield();
    t->asleep_ns += clock_ns(CLOCK_MONOTONIC) - start;
}

void chaos_pause(struct engine_thread *t)
{
    if (one_in(t, t->engine->cfg.yield))
        give_way(t);
}

void chaos_visit(struct engine_thread *t)
{
    const struct engine_config *c = &t->engine->cfg;
    chaos_pause(t);
    if (one_in(t, c->drop) && chaos_may_waste(t))
        drop_some(t);
    if (one_in(t, c->storm))
        interrupt_somebody(t);
}

void chaos_describe(const struct engine *e, struct str *s)
{
    const char *between = "; --chaos=";
#define CHAOS(member, key, min, max, draw_lo, draw_hi, meaning)                        \
    if (e->cfg.member) {                                                               \
        if ((min) == 1 && (max) == 1)                                                  \
            str_add(s, "%s%s", between, key);                                          \
        else                                                                           \
            str_add(s, "%s%s=%llu", between, key, (unsigned long long)e->cfg.member);  \
        between = ",";                                                                 \
    }
#include "run/chaos.def"
#undef CHAOS
}

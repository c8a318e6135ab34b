/*
 * Finding hot code and translating it in the background.
 *
 * A thread of btv's own asks, now and then, every guest thread that is in emitted code to come out (PENDING_SAMPLE).  Loops and
 * indirect jumps look at such requests anyway, so finding hot code costs emitted code nothing.  The pc at which a thread comes out
 * is a sample; a pc seen `region_samples` times becomes the start of a region.  Samples come at the rate of `sample_us` while
 * they find new code and ever more slowly when they do not; when no thread is in code, the thread sleeps until one is.
 *
 * The thread takes no signals, reads guest code through process_vm_readv(2), so that it cannot fault, and is stopped and joined
 * where the kernel wants a process of one thread: engine_tier_stop.  A child of fork starts its own when it has run for a while.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/chaos.h"
#include "base/clock.h"
#include "base/heap.h"
#include "base/hostsig.h"
#include "run/region.h"

#define SAMPLES 256
#define QUEUE 16
/*
 * Entries into emitted code before the thread is made, which costs half a millisecond; programs that end at once do without.  A static program may stay in a
 * loop after some two hundred.  One that links itself has made a thousand before its own code starts, and a child of fork may be about to execute another.
 */
#define START_ENTRIES 150
#define LATE_ENTRIES 4000
#define IDLE_ROUNDS 8      /* without anybody in code, before the thread sleeps */
#define STACK_BYTES (256 * 1024)
#define CREATOR_STACK_BYTES (64 * 1024)
#define WINDOW 512         /* of guest code read at once */

struct sample {
    uint64_t pc;
    uint32_t count; /* DONE: was tried */
};
#define DONE UINT32_MAX

struct tier {
    struct engine *engine;
    pthread_t thread;
    pthread_cond_t wake;     /* with engine.lock */
    bool stop;
    bool busy;               /* it works without the lock */
    bool news;               /* a sample found something since the last round */
    struct sample sample[SAMPLES];
    struct hot {
        uint64_t pc, back; /* back: where its function seems to have been called from */
    } queue[QUEUE];
    unsigned nqueue;
    struct arena arena;
    uint64_t code_pc;        /* what window holds */
    size_t code_len;
    uint8_t window[WINDOW];
};

/* -- samples --------------------------------------------------------------------------------------------------------- */

static struct sample *sample_of(struct tier *x, uint64_t pc)
{
    return &x->sample[(pc >> 1) * UINT64_C(0x9e3779b97f4a7c15) >> 56];
}

void tier_sample(struct engine_thread *t, uint64_t pc)
{
    struct engine *e = t->engine;
    if (!run_trylock(e))
        return;
    struct tier *x = e->tier;
    struct block *b = x ? cache_find(e, pc) : NULL; /* none, as a rule, where the branch at a loop's end looks at requests */
    if (x && !(b && block_is(b, BLOCK_REGION))) {
        struct sample *s = sample_of(x, pc);
        if (s->pc != pc) {
            if (s->count && s->count != DONE && --s->count) {
                run_unlock(e);
                return;
            }
            *s = (struct sample){.pc = pc};
        }
        if (s->count != DONE && ++s->count >= e->tune.region_samples && x->nqueue < QUEUE) {
            s->count = DONE;
            x->queue[x->nqueue++] = (struct hot){pc, t->cpu.slot[e->guest->slot_link]};
            x->news = true;
        }
    }
    run_unlock(e);
}

/* -- the thread -------------------------------------------------------------------------------------------------------- */

static const uint8_t *read_code(void *ctx, uint64_t pc, size_t *avail)
{
    struct tier *x = ctx;
    if (pc < x->code_pc || pc >= x->code_pc + x->code_len) {
        uint64_t span = mem_exec_span(x->engine->mem, pc, WINDOW);
        if (!span)
            return NULL;
        struct iovec local = {x->window, span < WINDOW ? span : WINDOW}, remote = {mem_host(pc), local.iov_len};
        ssize_t n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
        if (n <= 0)
            return NULL;
        x->code_pc = pc;
        x->code_len = (size_t)n;
    }
    *avail = (size_t)(x->code_pc + x->code_len - pc);
    return x->window + (pc - x->code_pc);
}

static enum btv_status make(struct tier *x, uint64_t pc, struct btv_error *err)
{
    x->code_len = 0;
    arena_reset(&x->arena);
    return region_make(x->engine, &x->arena, &(struct guest_code){.fetch = read_code, .ctx = x}, pc, err);
}

/* Lock held, but not while it works.  What is in no loop may be called in one. */
static void make_next(struct tier *x)
{
    struct engine *e = x->engine;
    struct hot hot = x->queue[0];
    uint64_t pc = hot.pc, start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    struct btv_error err = {0};
    memmove(x->queue, x->queue + 1, --x->nqueue * sizeof *x->queue);
    x->busy = true;
    run_unlock(e);
    enum btv_status st = make(x, pc, &err);
    if (st == BTV_NOENT && hot.back % e->guest->insn_align == 0) {
        pc = hot.back;
        st = make(x, pc, &err);
    }
    run_lock(e);
    x->busy = false;
    pthread_cond_broadcast(&e->resumed);
    uint64_t took = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start;
    e->stats.tier[TIER_REGION].translate_ns += took;
    TRACE_AT(block, pc, "0x%llx region took %llu us: %s", (unsigned long long)pc, (unsigned long long)took / 1000, st == BTV_INVALID ? err.text : btv_status_text(st));
}

static bool ask_threads(struct engine *e)
{
    bool any = false;
    for (struct engine_thread *t = e->threads; t; t = t->next)
        if (atomic_load(&t->in_code)) {
            memset(t->cpu.missed, 0, sizeof t->cpu.missed); /* which it counts meanwhile: nearly right will do */
            engine_ask_sample(t);
            any = true;
        }
    return any;
}

static void wait_us(struct tier *x, uint64_t us)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(us / 1000000);
    until.tv_nsec += (long)(us % 1000000 * 1000);
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    run_wait_until(x->engine, &x->wake, &until);
}

static void *tier_main(void *arg)
{
    struct tier *x = arg;
    struct engine *e = x->engine;
    uint64_t us = e->tune.sample_us;
    unsigned idle = 0, barren = 0;
    hostsig_mask(UINT64_MAX); /* the C library leaves two of its own open, and the kernel would give us those that are for the guest */
    /* Not by nice(2), which setpriority(2) of the guest would see: the threads of one that has no privilege are all as nice as it. */
    sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
    run_lock(e);
    while (!x->stop) {
        if (x->nqueue) {
            make_next(x);
            continue;
        }
        idle = ask_threads(e) ? 0 : idle + 1;
        if (idle > IDLE_ROUNDS) {
            atomic_store(&e->tier_asleep, true);
            run_wait(e, &x->wake);
            atomic_store(&e->tier_asleep, false);
            idle = 0;
        } else {
            wait_us(x, us);
        }
        barren = x->news ? 0 : barren + 1;
        if (x->news)
            us = e->tune.sample_us;
        else if (barren % 2 == 0 && us < e->tune.sample_max_us)
            us *= 2;
        x->news = false;
    }
    run_unlock(e);
    return NULL;
}

/* -- life ---------------------------------------------------------------------------------------------------------------- */

/*
 * pthread_create(3) gives the thread that calls it a list of semaphore operations to be undone at its end (CLONE_SYSVSEM), which kcmp(2)
 * tells from none.  So a task of the moment makes the thread: it has the memory, the thread-local one too, of the
 * guest's thread, which waits until it has ended.
 */
struct creation {
    struct tier *tier;
    pthread_attr_t attr;
    int failed;
};

static int create(void *arg)
{
    struct creation *c = arg;
    c->failed = pthread_create(&c->tier->thread, &c->attr, tier_main, c->tier);
    return 0;
}

static int create_apart(struct creation *c)
{
    const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_VFORK;
    char *stack = heap_aligned(16, CREATOR_STACK_BYTES);
    c->failed = stack && clone(create, stack + CREATOR_STACK_BYTES, flags, c) >= 0 ? c->failed : EAGAIN;
    BTV_STACK_LEFT(stack, CREATOR_STACK_BYTES);
    heap_free(stack);
    return c->failed;
}

/* Lock held. */
static struct tier *start(struct engine *e)
{
    struct creation c;
    pthread_condattr_t cond;
    struct hostsig_action kept;
    struct tier *x = chaos_alloc_fails(CHAOS_OPTIONAL) ? NULL : heap_zeroed(1, sizeof *x);
    if (!x)
        return NULL;
    x->engine = e;
    arena_init(&x->arena, (size_t)e->tune.scratch_kib << 10);
    pthread_condattr_init(&cond);
    pthread_condattr_setclock(&cond, CLOCK_MONOTONIC);
    pthread_cond_init(&x->wake, &cond);
    pthread_condattr_destroy(&cond);
    c.tier = x;
    pthread_attr_init(&c.attr);
    pthread_attr_setstacksize(&c.attr, STACK_BYTES);
    uint64_t before = hostsig_mask(UINT64_MAX);
    hostsig_set(HOSTSIG_SETXID, NULL, &kept);
    int failed = create_apart(&c);
    hostsig_set(HOSTSIG_SETXID, &kept, NULL);
    hostsig_mask(before);
    pthread_attr_destroy(&c.attr);
    if (!failed)
        return x;
    pthread_cond_destroy(&x->wake);
    heap_free(x);
    return NULL;
}

static bool wanted(const struct engine *e)
{
    return e->tune.region_samples <= 250 && !e->cfg.check_exec && !e->cfg.interpret_only && !e->cfg.no_chain && !e->cfg.jit_hi;
}

void tier_start(struct engine *e)
{
    if (!run_trylock(e)) {
        e->tier_wait = 1; /* soon again */
        return;
    }
    if (getpid() == e->tier_pid) { /* else a child that shares the memory: the thread would be in its process, and keep it alive */
        if (!e->tier && !e->tier_held && wanted(e))
            e->tier = start(e);
        e->tier_wait = UINT32_MAX; /* once is enough: what failed will fail again */
    } else {
        e->tier_wait = START_ENTRIES;
    }
    run_unlock(e);
}

void tier_wake(struct engine *e)
{
    if (!run_trylock(e))
        return;
    if (e->tier)
        pthread_cond_signal(&e->tier->wake);
    run_unlock(e);
}

void engine_tier_stop(struct engine *e)
{
    run_lock(e);
    struct tier *x = e->tier;
    e->tier_held = true;
    e->tier_asleep = false;
    e->tier = NULL;
    if (x) {
        x->stop = true;
        pthread_cond_signal(&x->wake);
    }
    run_unlock(e);
    if (!x)
        return;
    pthread_join(x->thread, NULL);
    pthread_cond_destroy(&x->wake);
    arena_free(&x->arena);
    heap_free(x);
}

void engine_tier_resume(struct engine *e)
{
    run_lock(e);
    e->tier_held = false;
    e->tier_wait = START_ENTRIES;
    run_unlock(e);
}

unsigned engine_own_threads(struct engine *e)
{
    run_lock(e);
    unsigned n = e->tier != NULL;
    run_unlock(e);
    return n;
}

void tier_reset(struct engine *e, bool child)
{
    e->tier = NULL; /* of the parent: its memory stays, as it may have been changing when we were copied */
    e->tier_held = false;
    e->tier_asleep = false;
    e->tier_pid = getpid();
    e->tier_wait = child ? LATE_ENTRIES : START_ENTRIES;
}

void engine_expect_linker(struct engine *e)
{
    e->tier_wait = LATE_ENTRIES;
}

void tier_let_finish(struct engine *e)
{
    assert(run_holds(e));
    while (e->tier && e->tier->busy)
        run_wait(e, &e->resumed);
}

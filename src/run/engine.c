/*
 * Life of engines and threads; stopping threads; fork; statistics.
 */
#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/chaos.h"
#include "base/heap.h"
#include "run/region.h"
#include "run/replay.h"
#include "run/run.h"

#define MIN_CACHE_BYTES (UINT64_C(64) << 10)
/* Above the newest return-stack entry there is always room to look at a few older ones. */
#define RETURN_STACK_TOP 256
#define JUMPS_BYTES (CPU_JUMP_ENTRIES * sizeof(struct jump_entry))
#define THREAD_MAP_BYTES (JUMPS_BYTES + GUEST_PAGE_SIZE + HOST_RETURN_STACK_BYTES + RETURN_STACK_TOP)

/* Defaults, then --tune, then --chaos. */
static void tune(struct tuning *t, const struct engine_config *cfg)
{
#define TUNE(name, dflt, min, max, meaning) t->name = cfg->tune_##name ? (uint32_t)(cfg->tune_##name - 1) : (dflt);
#include "run/tuning.def"
#undef TUNE
    if (cfg->hot_threshold)
        t->hot = (uint32_t)cfg->hot_threshold;
    if (cfg->max_insns && cfg->max_insns < GUEST_MAX_INSNS)
        t->max_insns = (uint32_t)cfg->max_insns;
    if (cfg->cache_kib)
        t->cache_kib = (uint32_t)cfg->cache_kib;
    else if (cfg->cache_bytes)
        t->cache_kib = (uint32_t)(cfg->cache_bytes >> 10);
}

enum btv_status engine_new(const struct engine_config *cfg, const struct guest_isa *guest, struct mem_space *mem, struct engine **out, struct btv_error *err)
{
    struct engine *e = chaos_alloc_fails(CHAOS_NEEDED) ? NULL : heap_zeroed(1, sizeof *e);
    struct arena tmp;
    if (!e)
        return err_set(err, BTV_NOMEM, "no memory for the engine");
    e->cfg = *cfg;
    tune(&e->tune, cfg);
    chaos_start(e);
    tier_reset(e, false);
    e->guest = guest;
    e->mem = mem;
    e->host = &host_x64;
    e->cfg.cache_bytes = (uint64_t)e->tune.cache_kib << 10;
    if (e->cfg.cache_bytes < MIN_CACHE_BYTES)
        e->cfg.cache_bytes = MIN_CACHE_BYTES;
    host_config_init(&e->hcfg, e->host, guest->pin_int, guest->npin_int, guest->pin_fp, guest->npin_fp, (unsigned)cfg->regs);
    e->hcfg.features &= ~cfg->host_features;
    e->hcfg.alone = true;
    e->hcfg.one_vector = cfg->check_exec;
    e->hcfg.no_self_loop = cfg->no_chain || cfg->check_exec;
    e->cfg.no_chain |= cfg->check_exec;
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->resumed, NULL);
    pthread_mutex_init(&e->check_lock, NULL);
    arena_init(&tmp, 8192);
    enum btv_status st = e->host->stubs(&tmp, &e->hcfg, &e->stubs);
    if (st == BTV_OK) {
        uint8_t *keep = chaos_alloc_fails(CHAOS_NEEDED) ? NULL : heap_new(e->stubs.len);
        if (keep)
            memcpy(keep, e->stubs.bytes, e->stubs.len);
        e->stubs.bytes = keep;
        st = keep ? cache_init(e, err) : BTV_NOMEM;
    }
    arena_free(&tmp);
    if (st == BTV_OK)
        st = recording_load(e, err);
    if (st == BTV_OK)
        store_open(e);
    if (st != BTV_OK) {
        engine_free(e);
        return err_set(err, st, "cannot start the engine: %s", btv_status_text(st));
    }
    if (cfg->perf_map) {
        char name[64];
        snprintf(name, sizeof name, "/tmp/perf-%d.map", (int)getpid());
        e->perf_map = fopen(name, "we");
    }
    *out = e;
    return BTV_OK;
}

static uint8_t *return_base(const struct engine_thread *t)
{
    return (uint8_t *)t->jumps + JUMPS_BYTES + GUEST_PAGE_SIZE + HOST_RETURN_STACK_BYTES;
}

static void release_thread(struct engine_thread *t)
{
    if (t->jumps)
        munmap(t->jumps, THREAD_MAP_BYTES);
    heap_free(t);
}

void engine_free(struct engine *e)
{
    if (!e)
        return;
    engine_tier_stop(e);
    for (unsigned i = 0; i < SPARE_THREADS; i++)
        if (e->spare[i])
            release_thread(e->spare[i]);
    cache_free(e);
    store_close(e);
    heap_free(e->stubs.bytes);
    replay_free(e->replay);
    heap_free(e->shadow);
    if (e->perf_map)
        fclose(e->perf_map);
    pthread_mutex_destroy(&e->lock);
    pthread_cond_destroy(&e->resumed);
    pthread_mutex_destroy(&e->check_lock);
    heap_free(e);
}

/* Its table of jumps and, behind a guard page, its return stack. */
static bool map_tables(struct engine_thread *t)
{
    uint8_t *p = chaos_alloc_fails(CHAOS_NEEDED)
                     ? MAP_FAILED
                     : mmap(NULL, THREAD_MAP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return false;
    t->jumps = (struct jump_entry *)(void *)p;
    if (mprotect(p + JUMPS_BYTES, GUEST_PAGE_SIZE, PROT_NONE))
        return false;
    uint8_t *base = return_base(t);
    for (unsigned i = 0; i < RETURN_STACK_TOP; i += 16) { /* pairs of host return address and guest pc that match nothing */
        uint8_t *stub = t->engine->code + t->engine->stubs.indirect;
        memcpy(base + i, &stub, 8);
        memcpy(base + i + 8, &(uint64_t){CPU_NO_RETURN}, 8);
    }
    cache_start_jumps(t->jumps);
    return true;
}

static struct engine_thread *fresh_thread(struct engine *e)
{
    struct engine_thread *t = chaos_alloc_fails(CHAOS_NEEDED) ? NULL : heap_aligned(64, ALIGN_UP(sizeof *t, (size_t)64));
    if (!t)
        return NULL;
    memset(t, 0, sizeof *t);
    t->engine = e;
    if (map_tables(t))
        return t;
    release_thread(t);
    return NULL;
}

/* One that an ended thread left behind, or NULL.  No lock: a child of fork must find nothing half done. */
static struct engine_thread *spare_thread(struct engine *e)
{
    struct engine_thread *t = NULL;
    for (unsigned i = 0; i < SPARE_THREADS && !t; i++)
        if (atomic_load_explicit(&e->spare[i], memory_order_relaxed))
            t = atomic_exchange(&e->spare[i], NULL);
    if (!t)
        return NULL;
    struct jump_entry *jumps = t->jumps;
    memset(t, 0, sizeof *t);
    t->engine = e;
    t->jumps = jumps;
    cache_clear_jumps(jumps);
    return t;
}

enum btv_status engine_thread_new(struct engine *e, struct engine_thread **out)
{
    struct engine_thread *t = spare_thread(e);
    if (!t)
        t = fresh_thread(e);
    if (!t)
        return BTV_NOMEM;
    t->cpu.return_base = t->cpu.return_sp = return_base(t);
    t->cpu.jumps = t->jumps;
    t->cpu.ll_addr = 1;
    t->cpu.helpers = e->guest->helpers;
    t->fetch = (struct guest_code){.fetch = fetch_code, .ctx = t};
    arena_init(&t->scratch, e->cfg.alloc ? CHAOS_CHUNK : (size_t)e->tune.scratch_kib << 10);
    chaos_thread_start(t);
    e->guest->reset(&t->cpu);
    run_lock(e);
    t->next = e->threads;
    e->threads = t;
    run_unlock(e);
    *out = t;
    return BTV_OK;
}

static void add_stats(struct stats *to, const struct stats *from)
{
#define COUNT(name, text) to->name += from->name;
#include "run/stats.def"
    for (unsigned i = 0; i < TIER_COUNT; i++) {
#define EMITTED(name, text) to->tier[i].name += from->tier[i].name;
#include "run/stats.def"
    }
}

void engine_thread_free(struct engine_thread *t)
{
    struct engine *e = t->engine;
    t->in_code = false; /* that of a process in shared memory, killed there: who stops all threads would wait for it, with the lock */
    run_lock(e);
    for (struct engine_thread **p = &e->threads; *p; p = &(*p)->next)
        if (*p == t) {
            *p = t->next;
            break;
        }
    add_stats(&e->stats, &t->stats);
    run_unlock(e);
    arena_free(&t->scratch);
    recording_thread_free(t);
    for (unsigned i = 0; i < SPARE_THREADS; i++) {
        struct engine_thread *none = NULL;
        if (atomic_compare_exchange_strong(&e->spare[i], &none, t))
            return;
    }
    release_thread(t);
}

struct cpu *engine_cpu(struct engine_thread *t)
{
    return &t->cpu;
}

const struct btv_error *engine_error(const struct engine_thread *t)
{
    return &t->err;
}

static void request(struct engine_thread *t, uint32_t what)
{
    atomic_fetch_or(&t->cpu.pending, what);
    __atomic_store_n(&t->cpu.jumps, t->engine->all_miss, __ATOMIC_SEQ_CST);
}

void engine_leave(struct engine_thread *t)
{
    request(t, PENDING_LEAVE);
}

void engine_interrupt(struct engine_thread *t)
{
    request(t, PENDING_PERSONALITY);
}

void engine_forget_returns(struct engine_thread *t)
{
    request(t, PENDING_RETURNS);
}

void engine_ask_sample(struct engine_thread *t)
{
    request(t, PENDING_SAMPLE);
}

bool engine_stop_threads(struct engine *e, struct engine_thread *self)
{
    assert(run_holds(e));
    unsigned left = e->tune.stop_waits;
    e->stopping = true;
    atomic_thread_fence(memory_order_seq_cst);
    for (struct engine_thread *t = e->threads; t; t = t->next) {
        if (t == self)
            continue;
        while (atomic_load(&t->in_code)) {
            if (!left--) {
                engine_resume_threads(e);
                return false;
            }
            request(t, PENDING_STOP);
            usleep(e->tune.stop_wait_us);
        }
    }
    return true;
}

void engine_resume_threads(struct engine *e)
{
    e->stopping = false;
    pthread_cond_broadcast(&e->resumed);
}

void engine_fork_prepare(struct engine *e)
{
    run_lock(e);
    tier_let_finish(e);
}

void engine_fork_parent(struct engine *e)
{
    code_share(e);
    run_unlock(e);
}

void engine_fork_child(struct engine *e, struct engine_thread *t)
{
    pthread_mutex_init(&e->lock, NULL);
    run_set_holder(e, false);
    pthread_cond_init(&e->resumed, NULL);
    pthread_mutex_init(&e->check_lock, NULL);
    e->stopping = false;
    tier_reset(e, true);
    for (struct engine_thread *o = e->threads, *next; o; o = next) {
        next = o->next;
        if (o != t)
            release_thread(o); /* but not its scratch arena, which it may have been changing when we were copied */
    }
    e->threads = t;
    t->next = NULL;
    code_share(e);
    code_disown(e); /* the parent goes on appending to its memory */
    memset(&e->stats, 0, sizeof e->stats);
    memset(&t->stats, 0, sizeof t->stats);
    store_forked(e);
    chaos_forked(t);
}

/* Guest memory that may be gone, without a fault.  How many of the n bytes. */
static size_t read_safely(uint64_t gva, uint8_t *buf, size_t n)
{
    struct iovec to = {buf, n}, from = {mem_host(gva), n};
    ssize_t r = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
    return r > 0 ? (size_t)r : 0;
}

/* The guest bytes a block starts with, from its own copy if there is one: memory may have changed, and the program may lie anywhere. */
static const uint8_t *block_bytes(const struct engine *e, const struct block *b, uint8_t buf[GUEST_MAX_BYTES], size_t *n)
{
    struct block_ranges all;
    block_ranges(e, b, &all);
    const uint8_t *copy = all.copy;
    uint64_t pc = block_pc(e, b);
    for (unsigned i = 0; i < all.n; i++) {
        const struct guest_range *r = &all.range[i];
        if (pc >= r->start && pc < r->end) {
            *n = (size_t)(r->end - pc);
            if (copy)
                return copy + (pc - r->start);
            *n = read_safely(pc, buf, *n < GUEST_MAX_BYTES ? *n : GUEST_MAX_BYTES);
            return *n ? buf : NULL;
        }
        if (copy)
            copy += r->end - r->start;
    }
    return NULL;
}

void engine_describe(struct engine_thread *t, const void *uc, struct str *s)
{
    struct engine *e = t->engine;
    uint64_t pc = t->cpu.slot[e->guest->slot_pc], host_pc = uc ? e->host->context_pc(uc) : 0;
    const struct block *b = uc ? cache_block_of(e, host_pc) : NULL;
    const uint8_t *bytes = NULL;
    uint8_t buf[GUEST_MAX_BYTES];
    size_t n = 0;
    if (b) { /* slot pc is where the thread entered code, perhaps many blocks ago */
        pc = cache_guest_pc(e, b, host_pc);
        str_add(s, "guest pc 0x%llx or soon behind it, tier baseline, block 0x%llx, host offset 0x%llx", (unsigned long long)pc, (unsigned long long)block_pc(e, b),
                (unsigned long long)(host_pc - (uint64_t)(uintptr_t)block_code(e, b)));
        pc = block_pc(e, b);
        bytes = block_bytes(e, b, buf, &n);
    } else {
        const char *where = t->interpreting ? "tier interpreter" : uc && engine_in_code(e, uc) ? "in a stub" : "not in guest code";
        str_add(s, "guest pc 0x%llx, %s", (unsigned long long)pc, where);
        if (pc >= t->win_start && pc < t->win_end) { /* fetched lately */
            bytes = mem_host(pc);
            n = t->win_end - pc < e->guest->insn_max_bytes ? (size_t)(t->win_end - pc) : e->guest->insn_max_bytes;
        }
    }
    if (bytes) {
        str_add(s, "; see: btv dump --guest %s --at 0x%llx --hex ", e->guest->name, (unsigned long long)pc);
        for (size_t i = 0; i < n; i++)
            str_add(s, "%02x", bytes[i]);
    }
    chaos_describe(e, s);
}

static void print_quotient(struct str *s, uint64_t a, uint64_t b)
{
    if (b)
        str_add(s, " %14.2f", (double)a / (double)b);
    else
        str_add(s, " %14s", "-");
}

static void print_emitted(const struct emitted *tier, struct str *s)
{
    str_add(s, "%-20s", "tier");
#define TIER(id, name, meaning) str_add(s, " %14s", name);
#include "run/tiers.def"
#undef TIER
    str_adds(s, "\n");
#define EMITTED(name, text)                                                   \
    str_add(s, "%-20s", #name);                                               \
    for (unsigned i = 0; i < TIER_COUNT; i++)                                 \
        str_add(s, " %14llu", (unsigned long long)tier[i].name);              \
    str_add(s, "  %s\n", text);
#define PER(name, numerator, denominator, text)                               \
    str_add(s, "%-20s", #name);                                               \
    for (unsigned i = 0; i < TIER_COUNT; i++)                                 \
        print_quotient(s, tier[i].numerator, tier[i].denominator);            \
    str_add(s, "  %s\n", text);
#include "run/stats.def"
}

void engine_print_stats(struct engine *e, struct str *s)
{
    run_lock(e); /* threads that go on may end, and the table be replaced */
    struct stats sum = e->stats;
    for (const struct engine_thread *t = e->threads; t; t = t->next)
        add_stats(&sum, &t->stats);
    str_add(s, "host %s, pins %u integer %u floating point, code cache %llu of %llu KiB used, look-up table %llu KiB\n", e->host->name, e->hcfg.npin_int, e->hcfg.npin_fp,
            (unsigned long long)e->code_used >> 10, (unsigned long long)e->code_cap >> 10,
            (unsigned long long)((e->table->mask + 1) * sizeof e->table->entry[0]) >> 10);
    run_unlock(e);
    print_emitted(sum.tier, s);
#define COUNT(name, text) str_add(s, "%-20s %14llu  %s\n", #name, (unsigned long long)sum.name, text);
#include "run/stats.def"
}

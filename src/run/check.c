/*
 * --check=exec: every block is also interpreted, and the two must agree.
 *
 * The interpreter goes first, on a copy of the state, with its stores kept aside in a buffer and a snapshot after each
 * instruction of the block; then the emitted code runs for real.  Wherever it left the block, the snapshot of that place must equal
 * the real state, and the memory must hold what the interpreter stored.
 *
 * Both must have had the same inputs for that, but memory that other threads, processes or the clock page write may change in
 * between.  Threads of this process take turns (check_lock).  For other writers, the kernel among them, the interpreter
 * also notes what it loaded and stored; when the results differ and such a place, if others can write it, does not hold that any
 * more, the block is not judged but counted (checked_unsure).
 */
#include <stdatomic.h>
#include <string.h>

#include "base/chaos.h"
#include "base/heap.h"
#include "run/run.h"

#define MAX_STORES 512
#define MAX_LOADS 512
#define MAX_SNAPSHOTS 1024

struct shadow_load {
    uint64_t addr, value; /* what memory held, without the block's own stores */
    unsigned bytes;
};

struct shadow_store {
    uint64_t addr, value;
    unsigned bytes, insn;
};

struct shadow {
    struct engine *engine;
    struct shadow_store store[MAX_STORES];
    struct shadow_load load[MAX_LOADS];
    unsigned nstores, nloads, insn;
    bool overflow;
    bool ahead;  /* the block does rounds of its loop ahead: it may have gone through more than one */
    bool others; /* there were other threads when the block started; the last may end before it is judged */
    struct cpu_snapshot {
        uint64_t slot[CPU_SLOTS];
        struct fp_env fp;
        uint64_t pc;
        unsigned nstores;
    } snap[MAX_SNAPSHOTS];
    struct cpu cpu;
};

static bool shadow_load(void *ctx, uint64_t addr, unsigned bytes, uint64_t *out, struct cpu_trap *trap)
{
    struct shadow *s = ctx;
    uint8_t b[8] = {0};
    if (!mem_check(s->engine->mem, addr, bytes, MEM_R)) {
        *trap = (struct cpu_trap){.kind = IR_TRAP_ACCESS, .value = addr};
        return false;
    }
    memcpy(b, mem_host(addr), bytes);
    if (s->nloads == MAX_LOADS) {
        s->overflow = true;
    } else {
        struct shadow_load *l = &s->load[s->nloads++];
        *l = (struct shadow_load){.addr = addr, .bytes = bytes};
        memcpy(&l->value, b, 8);
    }
    for (unsigned n = 0; n < s->nstores; n++)
        for (unsigned k = 0; k < s->store[n].bytes; k++)
            if (s->store[n].addr + k - addr < bytes)
                b[s->store[n].addr + k - addr] = (uint8_t)(s->store[n].value >> (8 * k));
    memcpy(out, b, 8);
    return true;
}

static bool shadow_store(void *ctx, uint64_t addr, unsigned bytes, uint64_t value, struct cpu_trap *trap)
{
    struct shadow *s = ctx;
    if (!mem_check(s->engine->mem, addr, bytes, MEM_W)) {
        *trap = (struct cpu_trap){.kind = IR_TRAP_ACCESS, .value = addr};
        return false;
    }
    if (s->nstores == MAX_STORES)
        s->overflow = true;
    else
        s->store[s->nstores++] = (struct shadow_store){addr, value, bytes, s->insn};
    return true;
}

static void snapshot(struct shadow *s, unsigned n, unsigned slot_pc)
{
    struct cpu_snapshot *p = &s->snap[n];
    memcpy(p->slot, s->cpu.slot, sizeof p->slot);
    p->fp = s->cpu.fp;
    p->pc = s->cpu.slot[slot_pc];
    p->nstores = s->nstores;
}

#define MAX_SKIPPED 3 /* instructions without a mark: the lifter may take the ones behind a short branch as part of it */

/* Has the block a mark for pc before mark m? */
static bool passed(const struct engine *e, const struct block *b, const struct block_marks *m, uint64_t pc)
{
    for (struct block_marks p = block_marks(e, b); block_next_mark(&p) && p.at != m->at;)
        if (p.pc == pc)
            return true;
    return false;
}

/* Interprets until mark m, if that is near and on the way, not once more round a loop; then true and *n counts the snapshot taken there. */
static bool reach(struct shadow *s, struct engine_thread *t, const struct block *b, const struct block_marks *m, unsigned *n)
{
    static _Thread_local struct cpu before;
    struct engine *e = t->engine;
    struct guest_shadow sh = {.ctx = s, .load = shadow_load, .store = shadow_store};
    struct ir_exit out;
    unsigned done, stores = s->nstores, loads = s->nloads;
    before = s->cpu;
    for (unsigned k = 0; k < MAX_SKIPPED; k++) {
        e->guest->step(&s->cpu, &t->fetch, &sh, 1, &out, &done);
        uint64_t pc = s->cpu.slot[e->guest->slot_pc];
        if (out.kind != IR_EXIT_GOTO || s->nstores != stores || s->nloads != loads || passed(e, b, m, pc))
            break;
        if (pc == m->pc) {
            snapshot(s, ++*n, e->guest->slot_pc);
            return true;
        }
    }
    s->cpu = before;
    s->nstores = stores;
    s->nloads = loads;
    return false;
}

/*
 * Interprets along the marks; *n is the number of the last snapshot.  True: it came to where it left or started again without
 * anything special.
 */
static bool follow_marks(struct shadow *s, struct engine_thread *t, const struct block *b, unsigned *n, struct ir_exit *last)
{
    struct engine *e = t->engine;
    struct guest_shadow sh = {.ctx = s, .load = shadow_load, .store = shadow_store};
    struct block_marks m = block_marks(e, b);
    const uint64_t *pc = &s->cpu.slot[e->guest->slot_pc];
    uint64_t before = CPU_NO_PC;
    for (unsigned done; block_next_mark(&m); before = m.pc) {
        if (m.pc == before) { /* see host_mark */
            s->ahead = true;
            continue;
        }
        if (s->ahead && before != CPU_NO_PC && *pc == block_pc(e, b))
            break;
        if (*n + MAX_SKIPPED + 2 >= MAX_SNAPSHOTS) {
            s->overflow = true;
            return false;
        }
        if (*pc != m.pc && !reach(s, t, b, &m, n))
            break;
        s->insn = *n;
        e->guest->step(&s->cpu, &t->fetch, &sh, 1, last, &done);
        if (last->kind == IR_EXIT_TRAP)
            return false;
        snapshot(s, ++*n, e->guest->slot_pc);
        if (last->kind != IR_EXIT_GOTO)
            return false;
    }
    return true;
}

/* Interprets along the block, several times if it may have gone round; the number of snapshots taken (at least 1: the start). */
static unsigned interpret(struct shadow *s, struct engine_thread *t, const struct block *b, struct ir_exit *last)
{
    uint64_t pc = block_pc(t->engine, b);
    unsigned n = 0, slot_pc = t->engine->guest->slot_pc, rounds = 0;
    s->ahead = false;
    snapshot(s, 0, slot_pc);
    while (follow_marks(s, t, b, &n, last) && s->ahead && s->cpu.slot[slot_pc] == pc && rounds++ < HOST_AHEAD_ROUNDS)
        continue;
    return n + 1;
}

static bool others(const struct engine_thread *t)
{
    const struct engine_thread *first = t->engine->threads; /* without the lock: only compared unless it is t */
    return first != t || first->next;
}

/* Memory that other processes or the kernel write to. */
static bool outside(const struct engine_thread *t, uint64_t addr)
{
    struct mem_region r;
    return mem_get(t->engine->mem, addr, &r) && r.flags & (MEM_SHARED | MEM_VDSO);
}

/* May somebody else than thread t have written there? */
static bool foreign(const struct engine_thread *t, const struct shadow *s, uint64_t addr)
{
    return s->others || others(t) || outside(t, addr);
}

/* Does memory that the block read or wrote now hold something that nobody but others can have put there?  Or its code? */
static bool disturbed(const struct engine_thread *t, const struct block *b, const struct shadow *s)
{
    if (cache_stale(t->engine, b))
        return true;
    for (unsigned n = 0; n < s->nloads; n++) {
        const struct shadow_load *l = &s->load[n];
        if (outside(t, l->addr)) /* it may even hold the old value again: a lock that was freed and that the block took */
            return true;
        if (memcmp(mem_host(l->addr), &l->value, l->bytes) && foreign(t, s, l->addr))
            return true;
    }
    for (unsigned n = 0; n < s->nstores; n++) {
        const struct shadow_store *st = &s->store[n];
        if (memcmp(mem_host(st->addr), &st->value, st->bytes) && foreign(t, s, st->addr))
            return true;
    }
    return false;
}

static bool fail(struct engine_thread *t, const struct block *b, const char *what, uint64_t expect, uint64_t got)
{
    uint64_t pc = block_pc(t->engine, b);
    err_set(&t->err, BTV_MISMATCH, "check: block 0x%llx left at 0x%llx: %s: interpreter 0x%llx, emitted code 0x%llx; see: btv dump PROGRAM --at 0x%llx --stage all",
            (unsigned long long)pc, (unsigned long long)t->cpu.exit_value, what, (unsigned long long)expect, (unsigned long long)got,
            (unsigned long long)pc);
    return false;
}

/* may_raise: floating-point flags that the instruction at which the block was left will raise, and so may have raised already. */
static bool compare(struct engine_thread *t, const struct block *b, const struct shadow *s, const struct cpu_snapshot *p, unsigned may_raise)
{
    struct engine *e = t->engine;
    for (unsigned i = 0; i < e->guest->slots.count; i++)
        if (i != e->guest->slot_pc && p->slot[i] != t->cpu.slot[i])
            return fail(t, b, e->guest->slots.slot[i].name, p->slot[i], t->cpu.slot[i]);
    if ((p->fp.flags | may_raise) != (t->cpu.fp.flags | may_raise) || (p->fp.flags & ~t->cpu.fp.flags))
        return fail(t, b, "floating-point flags", p->fp.flags, t->cpu.fp.flags);
    if (p->fp.rm != t->cpu.fp.rm)
        return fail(t, b, "rounding mode", p->fp.rm, t->cpu.fp.rm);
    for (unsigned n = p->nstores; n-- > 0;) {
        const struct shadow_store *st = &s->store[n];
        bool newer = false;
        for (unsigned k = n + 1; k < p->nstores; k++)
            newer |= s->store[k].addr < st->addr + st->bytes && st->addr < s->store[k].addr + s->store[k].bytes;
        uint64_t got = 0, mask = st->bytes == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * st->bytes)) - 1;
        memcpy(&got, mem_host(st->addr), st->bytes);
        if (!newer && got != (st->value & mask))
            return fail(t, b, "memory", st->value & mask, got);
    }
    return true;
}

/* Compares the real state with the snapshot of the place where the emitted code left. */
static bool judge(struct engine_thread *t, const struct block *b, const struct shadow *s, unsigned nsnaps, const struct ir_exit *last, enum host_exit kind)
{
    uint64_t pc = t->cpu.exit_value;
    unsigned k = nsnaps;
    while (k > 0 && s->snap[k - 1].pc != pc)
        k--;
    if (!k)
        return fail(t, b, "exit pc", s->snap[nsnaps - 1].pc, pc);
    struct btv_error before = t->err;
    while (!compare(t, b, s, &s->snap[k - 1], kind == HOST_EXIT_BAIL && k < nsnaps ? s->snap[k].fp.flags : 0)) {
        do
            k--;
        while (k > 0 && s->snap[k - 1].pc != pc);
        if (!s->ahead || !k)
            return false;
        t->err = before; /* the round before, then */
    }
    if (kind == HOST_EXIT_TRAP && (last->kind != IR_EXIT_TRAP || last->trap.kind != t->cpu.trap.kind))
        return fail(t, b, "exception", last->kind == IR_EXIT_TRAP ? last->trap.kind : 0, t->cpu.trap.kind);
    return true;
}

bool run_checked(struct engine_thread *t, struct block *b, enum host_exit *kind)
{
    struct engine *e = t->engine;
    struct ir_exit last = {0};
    pthread_mutex_lock(&e->check_lock);
    if (!e->shadow && (chaos_alloc_fails(CHAOS_NEEDED) || !(e->shadow = heap_new(sizeof *e->shadow)))) {
        pthread_mutex_unlock(&e->check_lock);
        return err_set(&t->err, BTV_NOMEM, "check: no memory") == BTV_OK;
    }
    struct shadow *s = e->shadow;
    s->engine = e;
    s->nstores = s->nloads = 0;
    s->overflow = false;
    s->others = others(t);
    s->cpu = t->cpu;
    t->shadow = s;
    t->interpreting = true;
    unsigned n = interpret(s, t, b, &last);
    t->interpreting = false;
    t->shadow = NULL;
    t->stats.checked_blocks++;
    *kind = run_enter(t, b);
    struct btv_error before = t->err;
    bool ok = s->overflow || judge(t, b, s, n, &last, *kind);
    if (!ok && disturbed(t, b, s)) {
        t->stats.checked_unsure++;
        t->err = before;
        ok = true;
    }
    pthread_mutex_unlock(&e->check_lock);
    return ok;
}

bool run_check_landed(struct engine_thread *t)
{
    bool tried = t->shadow != NULL;
    pthread_mutex_unlock(&t->engine->check_lock);
    if (!tried)
        return false;
    t->shadow = NULL;
    t->unchecked = true;
    atomic_store(&t->in_code, false);
    t->stats.checked_unsure++;
    return true;
}

/*
 * Threads that come to the same cold code at the same time.  Round after round new functions are written, with loops, branches, calls, indirect calls and
 * LL/SC, and all threads execute them in the same order, then once more in a way that takes branches for the first time; meanwhile one of them rewrites a function of its own that lies between the others, and the
 * process forks.  Then functions of the program itself, of which kept translations are made.  What each thread computes must be what a model in C says.
 *
 * modes: default interp hot regs region race cache alloc
 *
 *   many-threads [ROUNDS [leave]]   leave: it ends while the threads go through the last functions
 */
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 5, ROUNDS = 24, FUNCS = 16, LEAVES = 4, CALLS = 4, OPS = 6, SLOT = 1024, AREA = (FUNCS + LEAVES) * SLOT, OWN = 960 };
enum { ZERO, RA, SP, T0 = 5, T1, T2, S0, S1, A0, A1, A2 }; /* a0: the value; a1: the counter; a2: not 0: rare ways, too */

static char *area;
static _Atomic unsigned bad, arrived, round_number, walking;
static _Atomic uint64_t counter;
static unsigned rounds;

/* -- functions as data, and their model -- */

struct op { uint8_t kind, shift; int16_t imm; };
struct seq { unsigned n; struct op op[OPS]; };
enum { RARE = 4 };
struct func { struct seq before, each, odd, even, rare[RARE]; unsigned times, leaf, far_leaf; };
static struct leaf { struct seq each, rare; } leaf[LEAVES];
static struct func func[FUNCS];

static struct seq random_seq(unsigned long long *seed)
{
    struct seq s = {.n = 1 + (unsigned)(check_random(seed) % OPS)};
    for (unsigned i = 0; i < s.n; i++) {
        uint64_t r = check_random(seed);
        s.op[i] = (struct op){.kind = r % 4, .shift = 1 + (r >> 8) % 40, .imm = (int16_t)((int64_t)(r >> 16) % 2000 - 1000)};
    }
    return s;
}

static uint64_t apply(const struct seq *s, uint64_t x)
{
    for (const struct op *o = s->op; o < s->op + s->n; o++)
        switch (o->kind) {
        case 0: x += (uint64_t)(int64_t)o->imm; break;
        case 1: x ^= (uint64_t)(int64_t)o->imm; break;
        case 2: x += x << o->shift; break;
        default: x ^= x >> o->shift; break;
        }
    return x;
}

static uint64_t apply_rare(const struct seq *s, uint64_t x, bool rare)
{
    return rare ? apply(s, x) : x;
}

static uint64_t apply_leaf(const struct leaf *l, uint64_t x, bool rare)
{
    return apply_rare(&l->rare, apply(&l->each, x), rare);
}

/* And how often leaves are called. */
static uint64_t model(const struct func *f, uint64_t x, bool rare, uint64_t *calls)
{
    x = apply_rare(&f->rare[0], apply(&f->before, x), rare);
    for (unsigned i = 0; i < f->times; i++) {
        x = apply_rare(&f->rare[1], apply(&f->each, x), rare);
        x = apply(x & 1 ? &f->odd : &f->even, x);
        x = apply_rare(&f->rare[2], x, rare);
        x = apply_leaf(&leaf[f->leaf], x, rare);
    }
    *calls += f->times + 1;
    return apply_leaf(&leaf[f->far_leaf], apply_rare(&f->rare[3], x, rare), rare);
}

/* -- the same as code -- */

static uint32_t *put(uint32_t *p, uint32_t insn)
{
    *p = insn;
    return p + 1;
}

static uint32_t imm_insn(uint32_t opcode, unsigned rd, unsigned rs, int imm)
{
    return (uint32_t)imm << 20 | rs << 15 | rd << 7 | opcode;
}
#define ADDI(rd, rs, imm) imm_insn(0x13, rd, rs, imm)
#define XORI(rd, rs, imm) imm_insn(0x4013, rd, rs, imm)
#define ANDI(rd, rs, imm) imm_insn(0x7013, rd, rs, imm)
#define SLLI(rd, rs, imm) imm_insn(0x1013, rd, rs, imm)
#define SRLI(rd, rs, imm) imm_insn(0x5013, rd, rs, imm)
#define LD(rd, rs, imm) imm_insn(0x3003, rd, rs, imm)
#define JALR(rd, rs) imm_insn(0x67, rd, rs, 0)
#define ADD(rd, rs, rt) ((rt) << 20 | imm_insn(0x33, rd, rs, 0))
#define XOR(rd, rs, rt) ((rt) << 20 | imm_insn(0x4033, rd, rs, 0))
#define SD(rt, rs, imm) ((rt) << 20 | imm_insn(0x3023, imm, rs, 0))
#define LR(rd, rs) imm_insn(0x1000302f, rd, rs, 0)
#define SC(rd, rt, rs) ((rt) << 20 | imm_insn(0x1800302f, rd, rs, 0))

static uint32_t branch(unsigned funct, unsigned rs, const uint32_t *from, const uint32_t *to)
{
    uint32_t d = (uint32_t)((to - from) * 4);
    return (d >> 12 & 1) << 31 | (d >> 5 & 0x3f) << 25 | rs << 15 | funct << 12 | (d >> 1 & 15) << 8 | (d >> 11 & 1) << 7 | 0x63;
}
#define BEQZ(rs, from, to) branch(0, rs, from, to)
#define BNEZ(rs, from, to) branch(1, rs, from, to)

static uint32_t jal(unsigned rd, const uint32_t *from, const uint32_t *to)
{
    uint32_t d = (uint32_t)((to - from) * 4);
    return (d >> 20 & 1) << 31 | (d >> 1 & 0x3ff) << 21 | (d >> 11 & 1) << 20 | (d >> 12 & 0xff) << 12 | rd << 7 | 0x6f;
}

static uint32_t *put_seq(uint32_t *p, const struct seq *s)
{
    for (const struct op *o = s->op; o < s->op + s->n; o++)
        switch (o->kind) {
        case 0: p = put(p, ADDI(A0, A0, o->imm)); break;
        case 1: p = put(p, XORI(A0, A0, o->imm)); break;
        case 2: p = put(put(p, SLLI(T0, A0, o->shift)), ADD(A0, A0, T0)); break;
        default: p = put(put(p, SRLI(T0, A0, o->shift)), XOR(A0, A0, T0)); break;
        }
    return p;
}

static uint32_t *slot(unsigned n)
{
    return (uint32_t *)(void *)(area + n * SLOT);
}

/* What the branch at `from` leads to, and back from there to behind it. */
static uint32_t *put_rare(uint32_t *p, uint32_t *from, const struct seq *s)
{
    put(from, BNEZ(A2, from, p));
    p = put_seq(p, s);
    return put(p, jal(ZERO, p, from + 1));
}

static void put_leaf(uint32_t *p, const struct leaf *l)
{
    p = put_seq(p, &l->each);
    uint32_t *rare = p++, *again = p;
    p = put(put(put(p, LR(T1, A1)), ADDI(T1, T1, 1)), SC(T2, T1, A1));
    p = put(p, BNEZ(T2, p, again));
    put_rare(put(p, JALR(ZERO, RA)), rare, &l->rare);
}

static void put_func(uint32_t *p, const struct func *f)
{
    p = put(put(put(put(p, ADDI(SP, SP, -32)), SD(RA, SP, 0)), SD(S0, SP, 8)), SD(S1, SP, 16));
    p = put(p, ADDI(S0, ZERO, (int)f->times));
    p = put_seq(p, &f->before);
    uint32_t *rare[RARE], *loop;
    rare[0] = p++;
    loop = p;
    p = put_seq(p, &f->each);
    rare[1] = p++;
    p = put(p, ANDI(T0, A0, 1));
    uint32_t *test = p++;
    p = put_seq(p, &f->odd);
    uint32_t *over = p++;
    put(test, BEQZ(T0, test, p));
    p = put_seq(p, &f->even);
    put(over, jal(ZERO, over, p));
    rare[2] = p++;
    p = put(p, jal(RA, p, slot(FUNCS + f->leaf)));
    p = put(p, ADDI(S0, S0, -1));
    p = put(p, BNEZ(S0, p, loop));
    rare[3] = p++;
    p = put(p, 0x17 | T0 << 7); /* auipc t0, 0 */
    p = put(p, ADDI(T0, T0, 16));
    p = put(p, LD(T0, T0, 0));
    p = put(p, jal(ZERO, p, p + 3));
    uint64_t address = (uint64_t)(uintptr_t)slot(FUNCS + f->far_leaf);
    memcpy(p, &address, 8);
    p = put(p + 2, JALR(RA, T0));
    p = put(put(put(put(put(p, LD(RA, SP, 0)), LD(S0, SP, 8)), LD(S1, SP, 16)), ADDI(SP, SP, 32)), JALR(ZERO, RA));
    for (unsigned i = 0; i < RARE; i++)
        p = put_rare(p, rare[i], &f->rare[i]);
}

static void write_all(unsigned long long *seed)
{
    for (unsigned i = 0; i < LEAVES; i++) {
        leaf[i] = (struct leaf){random_seq(seed), random_seq(seed)};
        put_leaf(slot(FUNCS + i), &leaf[i]);
    }
    for (unsigned i = 0; i < FUNCS; i++) {
        uint64_t r = check_random(seed);
        func[i] = (struct func){random_seq(seed), random_seq(seed), random_seq(seed), random_seq(seed), {{0}}, 1 + r % 12, (r >> 8) % LEAVES, (r >> 16) % LEAVES};
        for (unsigned k = 0; k < RARE; k++)
            func[i].rare[k] = random_seq(seed);
        put_func(slot(i), &func[i]);
    }
    __builtin___clear_cache(area, area + AREA);
}

/* -- functions of the program -- */

static inline __attribute__((always_inline)) uint64_t fixed(unsigned n, uint64_t x)
{
    for (unsigned i = 0; i < 3 + n % 5; i++) {
        x = x * (2 * n + 1) + n;
        if (x >> n % 60 & 1)
            x ^= x >> (7 + n % 11);
        else
            x += n << n % 7;
    }
    return x;
}
#define FIXED(n) __attribute__((noinline)) static uint64_t fixed##n(uint64_t x) { return fixed(n, x); }
#define TEN(m, n) m(n##0) m(n##1) m(n##2) m(n##3) m(n##4) m(n##5) m(n##6) m(n##7) m(n##8) m(n##9)
#define ALL(m) TEN(m, 1) TEN(m, 2) TEN(m, 3) TEN(m, 4) TEN(m, 5) TEN(m, 6) TEN(m, 7) TEN(m, 8) TEN(m, 9) TEN(m, 10) TEN(m, 11) TEN(m, 12)
ALL(FIXED)

static uint64_t walk(uint64_t x)
{
#define WALK(n) x = fixed##n(x);
    ALL(WALK)
    return x;
}

static uint64_t walk_model(uint64_t x)
{
    for (volatile unsigned n = 10; n < 130; n++)
        x = fixed(n, x);
    return x;
}

/* -- threads -- */

/* Waits for the others. */
static void meet(unsigned number)
{
    if (atomic_fetch_add(&arrived, 1) + 1 == THREADS) {
        atomic_store(&arrived, 0);
        atomic_store(&round_number, number);
    }
    while (atomic_load(&round_number) != number)
        sched_yield();
}

static uint64_t call(unsigned n, uint64_t x, bool rare)
{
    return ((uint64_t(*)(uint64_t, _Atomic uint64_t *, long))(void *)slot(n))(x, &counter, rare);
}

static uint64_t run_all(uint64_t x, bool rare)
{
    uint64_t calls = 0;
    for (unsigned i = 0; i < FUNCS; i++)
        for (unsigned k = 0; k < CALLS; k++, x++)
            if (call(i, x, rare) != model(&func[i], x, rare, &calls))
                atomic_fetch_add(&bad, 1);
    return calls;
}

/* The rest of a slot, in a page with functions that others execute: written anew and announced, again and again. */
static void rewrite_own(unsigned round)
{
    for (unsigned k = 0; k < 12; k++) {
        uint32_t *p = slot((round + k) % FUNCS) + OWN / 4;
        int value = (int)((round * 16 + k) % 2000);
        put(put(p, ADDI(A0, A0, value)), JALR(ZERO, RA));
        __builtin___clear_cache((char *)p, (char *)(p + 2));
        for (int i = 0; i < 4; i++)
            if (((uint64_t(*)(uint64_t))(void *)p)(1) != (uint64_t)value + 1)
                atomic_fetch_add(&bad, 1);
    }
}

static void fork_one(uint64_t x)
{
    int status = -1;
    pid_t pid = fork();
    if (!pid) {
        atomic_store(&bad, 0);
        run_all(x, false);
        run_all(x, true);
        _exit(atomic_load(&bad) != 0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
        atomic_fetch_add(&bad, 1);
}

static void *worker(void *arg)
{
    uint64_t me = (uint64_t)(uintptr_t)arg, calls = 0;
    unsigned number = 0;
    for (unsigned round = 0; round < rounds; round++) {
        meet(++number); /* the code is there */
        if (me == 1 && round % 2)
            rewrite_own(round);
        calls += run_all(me * 1000 + round, false);
        calls += run_all(me * 1000 + round, true);
        if (me == 0 && round % 8 == 7)
            fork_one(round);
        meet(++number);
        if (!me && round + 1 < rounds)
            write_all(&(unsigned long long){round + 2});
    }
    meet(++number);
    atomic_fetch_add(&walking, 1);
    if (walk(me) != walk_model(me) || walk(me + 100) != walk_model(me + 100))
        atomic_fetch_add(&bad, 1);
    return (void *)(uintptr_t)calls;
}

int main(int argc, char **argv)
{
    pthread_t t[THREADS];
    uint64_t calls = 0;
    rounds = argc > 1 ? (unsigned)atoi(argv[1]) : ROUNDS;
    area = mmap(NULL, AREA, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    write_all(&(unsigned long long){1});
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK(!pthread_create(&t[i], NULL, worker, (void *)i), "thread %d", (int)i);
    while (argc > 2 && !atomic_load(&walking))
        sched_yield();
    for (int i = 0; i < THREADS && argc < 3; i++) {
        void *n;
        pthread_join(t[i], &n);
        calls += (uint64_t)(uintptr_t)n;
    }
    CHECK(!atomic_load(&bad), "%u wrong results", atomic_load(&bad));
    CHECK(argc > 2 || atomic_load(&counter) == calls, "%lu calls counted of %lu", (long)atomic_load(&counter), (long)calls);
    return check_done();
}

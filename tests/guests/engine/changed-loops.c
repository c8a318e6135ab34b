/*
 * Code that changes while a thread is in a loop of it.  A loop that calls a function: it was translated as one piece (a region), and the callee, or meanwhile
 * another thread, changes what is behind the call; or it starts a thread, after which atomics are what they were not before.  A loop without an
 * end in another thread, until it is given one.  And a branch that changes all the time until it is announced how it is, so that translating sees it in one way and
 * in the other.
 */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 3000, VERSIONS = 400, TURNS = 300, STEPS = 20, ADDED = 100000, NOP = 0x13 };
typedef long loop_fn(long n, void (*hook)(long left), _Atomic long *sum);
typedef long watch_fn(const _Atomic long *version);
typedef long arms_fn(long n);
typedef void endless_fn(void);
loop_fn calls;
watch_fn watch;
arms_fn arms;
endless_fn one, two_ways, far, inner;
extern char __start_loops[], __stop_loops[];
extern uint32_t changed[], watched[], arm[], one_end[], two_ways_end[], far_end[], inner_end[];

/* Calls hook twice, and adds one to the result and one to *sum behind that, n times. */
__asm__(".section loops, \"awx\"\n.option push\n.option norvc\n.balign 4096\n"
        "calls: addi sp, sp, -48\n sd ra, 0(sp)\n sd s0, 8(sp)\n sd s1, 16(sp)\n sd s2, 24(sp)\n sd s3, 32(sp)\n mv s0, a0\n mv s1, a1\n mv s2, a2\n li s3, 0\n"
        "1: li a0, -1\n jalr ra, s1, 0\n mv a0, s0\n jalr ra, s1, 0\n"
        "changed: addi s3, s3, 1\n li a5, 1\n amoadd.d zero, a5, (s2)\n addi s0, s0, -1\n bnez s0, 1b\n"
        "mv a0, s3\n ld ra, 0(sp)\n ld s0, 8(sp)\n ld s1, 16(sp)\n ld s2, 24(sp)\n ld s3, 32(sp)\n addi sp, sp, 48\n ret\n"
        /* until the version is negative: how often what is behind the calls was older than the version seen at the end of the second */
        "watch: addi sp, sp, -32\n sd ra, 0(sp)\n sd s0, 8(sp)\n sd s1, 16(sp)\n mv s0, a0\n li s1, 0\n"
        "1: jal ra, quick\n jal ra, slow\n"
        "watched: li a5, 0\n slt a5, a5, a1\n add s1, s1, a5\n bgez a1, 1b\n"
        "mv a0, s1\n ld ra, 0(sp)\n ld s0, 8(sp)\n ld s1, 16(sp)\n addi sp, sp, 32\n ret\n"
        "slow: .rept 1000\n div a3, a3, a4\n .endr\n ld a1, (s0)\n ret\n"
        "quick: .rept 200\n addi a4, a4, 1\n .endr\n ret\n"
        /* n times 1 or 2, as the branch goes; a5 and a6 are equal, which nobody can know */
        "arms: mv a5, a0\n mv a6, a0\n li a1, 0\n j 1f\n .balign 64\n"
        "1: addi a2, a2, 1\n arm: beq a5, a6, 2f\n bne a5, a6, 3f\n j 2f\n 2: addi a1, a1, 1\n j 4f\n 3: addi a1, a1, 2\n"
        "4: addi a0, a0, -1\n bnez a0, 1b\n mv a0, a1\n ret\n"
        "one: 1: addi a0, a0, 1\n one_end: j 1b\n ret\n"
        "two_ways: 1: addi a0, a0, 1\n andi a1, a0, 1\n beqz a1, 2f\n addi a2, a2, 1\n two_ways_end: j 1b\n ret\n 2: addi a3, a3, 1\n j 1b\n"
        /* a5 and a6 are equal, which nobody can know: the loop from 2 on has no end, that from 1 on no second round */
        "inner: la t0, 1f\n mv a5, t0\n mv a6, t0\n jr t0\n 1: addi a0, a0, 1\n 2: addi a2, a2, 1\n andi a3, a2, 1\n beqz a3, 3f\n addi a4, a4, 1\n"
        "3: addi a4, a4, 1\n inner_end: beq a5, a6, 2b\n bne a5, a6, 1b\n ret\n"
        "far: 1: addi a0, a0, 1\n j 2f\n .fill 40, 4, 0\n 2: addi a0, a0, 1\n far_end: j 1b\n ret\n"
        ".balign 4096\n.option pop\n.previous\n");

static long at;
static uint32_t to;
static _Atomic long sum;
static pthread_t thread;
static _Atomic int started;

static void flush(uint32_t *insn)
{
    __builtin___clear_cache((char *)insn, (char *)(insn + 1));
}

static void write_code(long left)
{
    if (left != at)
        return;
    __atomic_store_n(changed, to, __ATOMIC_RELAXED);
    flush(changed);
}

static void write_and_fence(long left)
{
    if (left != at)
        return;
    __atomic_store_n(changed, to, __ATOMIC_RELAXED);
    __asm__ volatile("fence.i" ::: "memory");
}

static void *add(void *arg)
{
    atomic_store(&started, 1);
    for (long n = 0; n < ADDED; n++)
        atomic_fetch_add_explicit(&sum, 1, memory_order_relaxed);
    return arg;
}

static void start_thread(long left)
{
    if (left != at)
        return;
    CHECK(!pthread_create(&thread, NULL, add, NULL), "no thread");
    while (!atomic_load(&started))
        continue;
}

static uint32_t addi_s3(unsigned by)
{
    return by << 20 | 19 << 15 | 19 << 7 | 0x13;
}

static void changed_behind_calls(void)
{
    unsigned by = 1;
    for (int i = 0; i < 20; i++) {
        void (*const hook)(long) = i % 2 ? write_and_fence : write_code;
        unsigned next = by % 7 + 1;
        at = ROUNDS / 2 + i;
        to = addi_s3(by);
        for (int k = 0; k < 30; k++) /* nothing changes yet, but then nothing of the way there is new */
            hook(at);
        to = addi_s3(next);
        long got = calls(ROUNDS, hook, &sum), want = (ROUNDS - at) * by + at * next;
        CHECK(got == want, "round %d: %ld, not %ld", i, got, want);
        by = next;
    }
}

static _Atomic long version;

static void *run_watch(void *arg)
{
    (void)arg;
    return (void *)watch(&version);
}

static void changed_by_another(void)
{
    pthread_t t;
    void *older;
    CHECK(!pthread_create(&t, NULL, run_watch, NULL), "no thread");
    for (long n = 1; n <= VERSIONS; n++) {
        __atomic_store_n(watched, (uint32_t)n << 20 | 15 << 7 | 0x13, __ATOMIC_RELAXED); /* li a5, n */
        flush(watched);
        atomic_store(&version, n);
        if (n % 8 == 0)
            usleep(50);
    }
    atomic_store(&version, -1);
    pthread_join(t, &older);
    CHECK(!older, "%ld times code was executed that was older than what the thread had to see", (long)older);
}

static _Atomic bool turning;

static long now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void *run_arms(void *arg)
{
    while (atomic_load(&turning))
        arms(STEPS);
    return arg;
}

static void changed_while_translated(void)
{
    const uint32_t to[2] = {*arm, *arm + (8 << 7)}; /* two instructions further */
    pthread_t t;
    int wrong = 0;
    unsigned long long seed = 1;
    turning = true;
    CHECK(!pthread_create(&t, NULL, run_arms, NULL), "no thread");
    for (int i = 0; i < TURNS; i++) {
        unsigned n = *arm == to[0];
        __atomic_store_n(arm, to[n], __ATOMIC_RELAXED); /* what there is of it dies, and the other thread translates it anew meanwhile */
        flush(arm);
        for (long until = now_us() + 200 + (long)(check_random(&seed) % 300); now_us() < until; n++) {
            __atomic_store_n(arm, to[n & 1], __ATOMIC_RELAXED);
            for (volatile unsigned k = (unsigned)(check_random(&seed) % 1000); k; k--)
                continue;
        }
        n = (unsigned)(check_random(&seed) & 1);
        __atomic_store_n(arm, to[n], __ATOMIC_RELAXED);
        flush(arm);
        wrong += arms(STEPS) != (n + 1) * STEPS;
    }
    turning = false;
    pthread_join(t, NULL);
    CHECK(!wrong, "%d times not what was announced", wrong);
}

static void *run_endless(void *loop)
{
    ((endless_fn *)loop)();
    return NULL;
}

/* In a new process, where few loops have been executed yet. */
static int end_loops(void)
{
    static const struct { endless_fn *loop; uint32_t *end; } loops[] = {{one, one_end}, {two_ways, two_ways_end}, {far, far_end}, {inner, inner_end}};
    alarm(20);
    for (unsigned i = 0; i < sizeof loops / sizeof *loops; i++) {
        pthread_t t;
        if (pthread_create(&t, NULL, run_endless, (void *)loops[i].loop))
            return 1;
        usleep(5000);
        __atomic_store_n(loops[i].end, NOP, __ATOMIC_RELAXED);
        flush(loops[i].end);
        if (pthread_join(t, NULL))
            return 1;
    }
    return 0;
}

int main(void)
{
    CHECK(!mprotect(__start_loops, (size_t)(__stop_loops - __start_loops), PROT_READ | PROT_WRITE | PROT_EXEC), "mprotect");
    __builtin___clear_cache(__start_loops, __stop_loops);
    int status = -1;
    pid_t pid = fork();
    if (!pid)
        _exit(end_loops());
    CHECK(waitpid(pid, &status, 0) == pid && status == 0, "loops that another thread ends: status %#x", status);
    at = ADDED / 2;
    CHECK(calls(ADDED, start_thread, &sum) == ADDED, "wrong result with a thread");
    pthread_join(thread, NULL);
    CHECK(sum == 2 * ADDED, "%ld of %d added", sum, 2 * ADDED);
    changed_behind_calls();
    changed_by_another();
    changed_while_translated();
    return check_done();
}

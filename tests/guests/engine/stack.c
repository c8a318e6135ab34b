/*
 * Calls and returns that do not nest: recursion far beyond any return stack, longjmp, coroutines, returns through other
 * registers, calls that never return, threaded code.
 */
#include "check.h"

#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <ucontext.h>
#include <pthread.h>

static unsigned long deep(unsigned n, unsigned long acc)
{
    if (!n)
        return acc;
    unsigned long r = deep(n - 1, acc + n);
    __asm__ volatile("" : "+r"(r));
    return r ^ (n & 3);
}

static int odd(unsigned n);
static __attribute__((noinline)) int even(unsigned n)
{
    int r = n ? odd(n - 1) : 1;
    __asm__ volatile("" : "+r"(r));
    return r;
}
static __attribute__((noinline)) int odd(unsigned n)
{
    int r = n ? even(n - 1) : 0;
    __asm__ volatile("" : "+r"(r));
    return r;
}

/* Bit 0 of the address of a return does not count. */
long odd_return(long x);
__asm__(".text\n.balign 4\nodd_return:\n addi a0, a0, 1\n ori ra, ra, 1\n ret\n");

static jmp_buf env;
static __attribute__((noinline)) void fall(unsigned n, int value)
{
    if (n)
        fall(n - 1, value);
    else
        longjmp(env, value);
    __asm__ volatile("");
}

static ucontext_t main_context, routine[8];
static unsigned long work[8];
static volatile int switches;

static __attribute__((noinline)) void hop(int from, int to)
{
    swapcontext(&routine[from], &routine[to]);
}

static void body(int me)
{
    for (unsigned i = 0; switches < 20000; i++) {
        switches++;
        work[me] += deep(i % 7, (unsigned)me);
        hop(me, (me + 1 + (int)(i % 3)) % 8);
    }
    setcontext(&main_context);
}

/* t0 as link register (as in save/restore routines), swaps by jalr with both link registers, return to the caller's caller. */
long links(long n);
__asm__(".text\n.globl links\n"
        "links: mv t6, ra\n li a1, 0\n"
        "1: jal t0, 2f\n"            /* call by t0 */
        "jal ra, 3f\n jalr ra, 0(t0)\n" /* coroutine partners */
        "addi a0, a0, -1\n bnez a0, 1b\n mv a0, a1\n jr t6\n"
        "2: addi a1, a1, 1\n jr t0\n"
        "3: addi a1, a1, 2\n jalr t0, 0(ra)\n" /* swap: pushes and pops */
        "addi a1, a1, 4\n jr ra\n");
/* The callee of a callee returns past its caller. */
long skip(long n);
__asm__(".text\n.globl skip\n"
        "skip: mv t6, ra\n li a1, 0\n"
        "1: jal ra, 2f\n"
        "addi a0, a0, -1\n bnez a0, 1b\n mv a0, a1\n jr t6\n"
        "2: addi a1, a1, 1\n mv t5, ra\n jal ra, 3f\n addi a1, a1, 1000\n jr t5\n"
        "3: addi a1, a1, 2\n mv ra, t5\n ret\n");
/* Returns to an address nobody called from. */
long forge(long n);
__asm__(".text\n.globl forge\n"
        "forge: mv t6, ra\n li a1, 0\n"
        "1: la ra, 2f\n addi a1, a1, 1\n ret\n"
        "addi a1, a1, 1000\n"
        "2: addi a0, a0, -1\n bnez a0, 1b\n mv a0, a1\n jr t6\n");

static void *on_small_stack(void *arg)
{
    return (void *)(deep(100000, (unsigned long)arg) & 0xffffff);
}

int main(void)
{
    pthread_t t[2];
    pthread_attr_t a;
    pthread_attr_init(&a);
    pthread_attr_setstacksize(&a, 64 << 20);
    void *r[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&t[i], &a, on_small_stack, (void *)1l);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], &r[i]);
    unsigned long want = 100000ul * 100001 / 2 + 1;
    for (unsigned n = 1; n <= 100000; n++)
        want ^= n & 3;
    CHECK((unsigned long)r[0] == (want & 0xffffff) && r[0] == r[1], "recursion: %#lx, want %#lx", (unsigned long)r[0], want & 0xffffff);
    CHECK(even(100000) == 1 && even(50001) == 0, "mutual recursion");

    long odds = 0;
    for (int i = 0; i < 5000; i++)
        odds += odd_return(i);
    CHECK(odds == 5000l * 5001 / 2, "returns to odd addresses: %ld", odds);

    long sum = 0;
    for (volatile int i = 0; i < 5000; i++) {
        int v = setjmp(env);
        if (!v)
            fall((unsigned)i % 300, i + 1);
        sum += v;
    }
    CHECK(sum == 5000l * 5001 / 2, "longjmp: %ld", sum);

    for (int i = 0; i < 8; i++) {
        getcontext(&routine[i]);
        routine[i].uc_stack.ss_sp = malloc(65536);
        routine[i].uc_stack.ss_size = 65536;
        routine[i].uc_link = &main_context;
        makecontext(&routine[i], (void (*)(void))body, 1, i);
    }
    volatile int rounds = 0;
    getcontext(&main_context);
    if (rounds++ == 0)
        setcontext(&routine[0]);
    (void)rounds;
    CHECK(switches == 20000 && work[0] && work[7], "coroutines: %d switches", switches);
    CHECK(links(1000) == 7000, "links: %ld", links(1000));
    CHECK(skip(1000) == 3000, "skip: %ld", skip(1000));
    CHECK(forge(1000) == 1000, "forge: %ld", forge(1000));
    return check_done();
}

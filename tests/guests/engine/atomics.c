/*
 * Load-reserved / store-conditional by the book, atomics on memory of every kind, unaligned access across pages.
 */
#include "check.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static sigjmp_buf back;
static int fault_sig, fault_code;
static uintptr_t fault_addr;

static void handler(int sig, siginfo_t *info, void *uc)
{
    (void)uc;
    fault_sig = sig;
    fault_code = info->si_code;
    fault_addr = (uintptr_t)info->si_addr;
    siglongjmp(back, 1);
}

static long lr(volatile void *p)
{
    long v;
    __asm__ volatile("lr.d.aqrl %0, (%1)" : "=r"(v) : "r"(p) : "memory");
    return v;
}

/* 0: stored */
static long sc(volatile void *p, long v)
{
    long failed;
    __asm__ volatile("sc.d.aqrl %0, %2, (%1)" : "=&r"(failed) : "r"(p), "r"(v) : "memory");
    return failed;
}

static long lrsc(volatile long *p, volatile long *q, long v)
{
    long failed, old;
    __asm__ volatile("lr.d %1, (%2)\n sc.d %0, %4, (%3)" : "=&r"(failed), "=&r"(old) : "r"(p), "r"(q), "r"(v) : "memory");
    return failed;
}

static void reservations(void)
{
    static volatile long a[16], b;
    for (int i = 0; i < 50; i++) {
        a[0] = 5;
        CHECK(lrsc(&a[0], &a[0], 6) == 0 && a[0] == 6, "lr, sc");
        CHECK(sc(&a[0], 7) != 0 && a[0] == 6, "sc after sc");
        CHECK(lrsc(&a[0], &b, 8) != 0 && b == 0, "sc elsewhere");
        CHECK(sc(&a[0], 9) != 0 && a[0] == 6, "a failed sc ends the reservation");
        long v = lr(&a[0]);
        a[0] = v + 1; /* our own store: may or may not succeed, must not be lost or torn */
        long failed = sc(&a[0], 100);
        CHECK(failed ? a[0] == v + 1 : a[0] == 100, "sc after a store of our own");
        lr(&a[0]);
        lr(&a[8]);
        CHECK(sc(&a[0], 1) != 0, "only the newest reservation holds");
    }
}

static volatile long counter_lr, counter_amo, bits;
static volatile int counter_w;

static void *count(void *arg)
{
    long bit = 1l << (long)arg;
    for (int i = 0; i < 20000; i++) {
        long t, f;
        __asm__ volatile("1: lr.d.aq %0, (%2)\n addi %0, %0, 1\n sc.d.rl %1, %0, (%2)\n bnez %1, 1b" : "=&r"(t), "=&r"(f) : "r"(&counter_lr) : "memory");
        __asm__ volatile("amoadd.d zero, %0, (%1)" ::"r"(1l), "r"(&counter_amo) : "memory");
        __asm__ volatile("1: lr.w %0, (%2)\n addi %0, %0, 1\n sc.w %1, %0, (%2)\n bnez %1, 1b" : "=&r"(t), "=&r"(f) : "r"(&counter_w) : "memory");
        __asm__ volatile("amoor.d zero, %0, (%1)" ::"r"(bit), "r"(&bits) : "memory");
        __asm__ volatile("amoand.d zero, %0, (%1)" ::"r"(~bit), "r"(&bits) : "memory");
    }
    return NULL;
}

/* Operations of each kind on memory that may not be accessed so. */
static void faults(char *ro, char *none)
{
    for (int i = 0; i < 30; i++) {
        CHECK(lr(ro) == 0, "lr of a read-only page");
        fault_sig = 0;
        if (!sigsetjmp(back, 1)) {
            __asm__ volatile("amoadd.w zero, %0, (%1)" ::"r"(0), "r"(ro) : "memory");
            CHECK(0, "amoadd of 0 to a read-only page");
        }
        CHECK(fault_sig == SIGSEGV && fault_code == SEGV_ACCERR && fault_addr == (uintptr_t)ro, "signal %d code %d", fault_sig, fault_code);
        if (!sigsetjmp(back, 1)) {
            lrsc((void *)ro, (void *)ro, 1);
            CHECK(0, "sc to a read-only page");
        }
        CHECK(fault_sig == SIGSEGV && fault_addr == (uintptr_t)ro, "signal %d", fault_sig);
        if (!sigsetjmp(back, 1)) {
            lr(none + 8);
            CHECK(0, "lr of an inaccessible page");
        }
        CHECK(fault_sig == SIGSEGV && fault_addr == (uintptr_t)none + 8, "signal %d", fault_sig);
        fault_sig = 0;
        if (!sigsetjmp(back, 1)) {
            lr(ro + 4);
            CHECK(0, "misaligned lr.d");
        }
        CHECK(fault_sig == SIGBUS && fault_code == BUS_ADRALN, "signal %d code %d", fault_sig, fault_code); /* Linux gives the pc as address */
        fault_sig = 0;
        if (!sigsetjmp(back, 1)) {
            __asm__ volatile("amoswap.w zero, zero, (%0)" ::"r"((char *)&bits + 2) : "memory");
            CHECK(0, "misaligned amoswap.w");
        }
        CHECK(fault_sig == SIGBUS && fault_code == BUS_ADRALN, "signal %d code %d", fault_sig, fault_code);
    }
}

/* Loads and stores of each size at each offset around the end of a page. */
static void unaligned(char *p)
{
    unsigned char *b = (unsigned char *)p;
    for (int i = 0; i < 8192; i++)
        b[i] = (unsigned char)(i * 7 + (i >> 8));
    for (int at = 4096 - 9; at < 4096 + 2; at++) {
        uint64_t want = 0, got;
        memcpy(&want, b + at, 8);
        __asm__ volatile("ld %0, 0(%1)" : "=r"(got) : "r"(b + at) : "memory");
        CHECK(got == want, "ld at %d", at - 4096);
        __asm__ volatile("lwu %0, 0(%1)" : "=r"(got) : "r"(b + at) : "memory");
        CHECK(got == (uint32_t)want, "lwu at %d", at - 4096);
        __asm__ volatile("lw %0, 0(%1)" : "=r"(got) : "r"(b + at) : "memory");
        CHECK(got == (uint64_t)(int32_t)want, "lw at %d", at - 4096);
        __asm__ volatile("lhu %0, 0(%1)" : "=r"(got) : "r"(b + at) : "memory");
        CHECK(got == (uint16_t)want, "lhu at %d", at - 4096);
        __asm__ volatile("lh %0, 0(%1)" : "=r"(got) : "r"(b + at) : "memory");
        CHECK(got == (uint64_t)(int16_t)want, "lh at %d", at - 4096);
        __asm__ volatile("fld fa0, 0(%1)\n fmv.x.d %0, fa0" : "=r"(got) : "r"(b + at) : "memory", "fa0");
        CHECK(got == want, "fld at %d", at - 4096);
        __asm__ volatile("flw fa0, 0(%1)\n fmv.x.d %0, fa0" : "=r"(got) : "r"(b + at) : "memory", "fa0");
        CHECK(got == (0xffffffff00000000 | (uint32_t)want), "flw at %d", at - 4096);
        __asm__ volatile("sd %0, 0(%1)" ::"r"(~want), "r"(b + at) : "memory");
        memcpy(&got, b + at, 8);
        CHECK(got == ~want, "sd at %d", at - 4096);
        __asm__ volatile("fmv.d.x fa0, %0\n fsd fa0, 0(%1)" ::"r"(want), "r"(b + at) : "memory", "fa0");
        memcpy(&got, b + at, 8);
        CHECK(got == want, "fsd at %d", at - 4096);
    }
    mprotect(p + 4096, 4096, PROT_NONE);
    for (int before = 1; before < 8; before++) {
        fault_sig = 0;
        if (!sigsetjmp(back, 1)) {
            uint64_t got;
            __asm__ volatile("ld %0, 0(%1)" : "=r"(got) : "r"(p + 4096 - before) : "memory");
            CHECK(0, "ld into an inaccessible page");
        }
        CHECK(fault_sig == SIGSEGV && fault_addr >= (uintptr_t)p + 4096 - (unsigned)before && fault_addr < (uintptr_t)p + 4104, "signal %d, address %+ld", fault_sig,
              (long)(fault_addr - (uintptr_t)p - 4096));
    }
}

int main(void)
{
    struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER};
    char *ro = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_t t[4];
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
    reservations();
    for (long i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, count, (void *)i);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    CHECK(counter_lr == 80000 && counter_amo == 80000 && counter_w == 80000 && bits == 0, "%ld %ld %d %#lx", counter_lr, counter_amo, counter_w, bits);
    for (int i = 0; i < 15; i++) {
        mprotect(two, 8192, PROT_READ | PROT_WRITE);
        unaligned(two);
    }
    faults(ro, none);
    return check_done();
}

/*
 * Atomics, threads, the kernel's services, and code written at run time.
 */
#include "kernels.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* -- atomics and threads ----------------------------------------------------------------------------------------- */

static _Atomic uint64_t shared;
static uint64_t guarded;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;

uint64_t fetch_add(unsigned rounds)
{
    while (rounds--)
        atomic_fetch_add(&shared, 3);
    return shared;
}

uint64_t swap_if(unsigned rounds)
{
    while (rounds--) {
        uint64_t seen = atomic_load_explicit(&shared, memory_order_relaxed);
        while (!atomic_compare_exchange_weak(&shared, &seen, seen * 5 + 1))
            ;
    }
    return shared;
}

uint64_t ordered(unsigned rounds)
{
    uint64_t sum = 0;
    while (rounds--) {
        atomic_store_explicit(&shared, rounds, memory_order_release);
        atomic_thread_fence(memory_order_seq_cst);
        sum += atomic_load_explicit(&shared, memory_order_acquire);
    }
    return sum;
}

uint64_t mutex(unsigned rounds)
{
    while (rounds--) {
        pthread_mutex_lock(&lock);
        guarded += rounds;
        pthread_mutex_unlock(&lock);
    }
    return guarded;
}

/* Runs f(rounds) in `n` threads. */
static void in_threads(void *(*f)(void *), unsigned n, unsigned rounds)
{
    pthread_t t[8];
    for (unsigned i = 0; i < n; i++)
        if (pthread_create(&t[i], NULL, f, (void *)(uintptr_t)rounds))
            abort();
    for (unsigned i = 0; i < n; i++)
        pthread_join(t[i], NULL);
}

static void *lock_often(void *rounds)
{
    mutex((unsigned)(uintptr_t)rounds);
    return NULL;
}

uint64_t contended(unsigned rounds)
{
    in_threads(lock_often, 4, rounds);
    return guarded;
}

static void *count_one(void *unused)
{
    (void)unused;
    atomic_fetch_add(&shared, 1);
    return NULL;
}

uint64_t births(unsigned rounds)
{
    while (rounds--)
        in_threads(count_one, 1, 0);
    return shared;
}

static void *take_turns(void *rounds)
{
    unsigned left = (unsigned)(uintptr_t)rounds;
    pthread_mutex_lock(&lock);
    static unsigned numbers;
    unsigned mine = numbers++;
    while (left) {
        while (guarded % 2 != mine)
            pthread_cond_wait(&turned, &lock);
        guarded++;
        left--;
        pthread_cond_signal(&turned);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

uint64_t pingpong(unsigned rounds)
{
    in_threads(take_turns, 2, rounds);
    return guarded;
}

/* -- the kernel --------------------------------------------------------------------------------------------------- */

uint64_t syscalls(unsigned rounds)
{
    uint64_t sum = 0;
    while (rounds--)
        sum += syscall(SYS_getppid) > 0;
    return sum;
}

uint64_t clocks(unsigned rounds)
{
    struct timespec t;
    uint64_t sum = 0;
    while (rounds--)
        sum += !clock_gettime(CLOCK_MONOTONIC, &t);
    return sum;
}

static volatile uint64_t handled;

static void count_signal(int sig)
{
    handled += (unsigned)(sig == SIGUSR1);
}

uint64_t signals(unsigned rounds)
{
    signal(SIGUSR1, count_signal);
    while (rounds--)
        raise(SIGUSR1);
    return handled;
}

static char *page;

static void allow_writing(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)context;
    handled += info->si_addr == page;
    mprotect(page, 4096, PROT_READ | PROT_WRITE);
}

uint64_t faults(unsigned rounds)
{
    struct sigaction sa = {.sa_flags = SA_SIGINFO, .sa_sigaction = allow_writing};
    sigaction(SIGSEGV, &sa, NULL);
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    while (rounds--) {
        mprotect(page, 4096, PROT_READ);
        *(volatile char *)page = 1;
    }
    return handled;
}

uint64_t mappings(unsigned rounds)
{
    uint64_t sum = 0;
    while (rounds--) {
        char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        p[rounds & 65535] = 1;
        sum += (uint64_t)p[rounds & 65535];
        munmap(p, 65536);
    }
    return sum;
}

uint64_t forks(unsigned rounds)
{
    uint64_t sum = 0;
    int status;
    while (rounds--) {
        pid_t pid = fork();
        if (!pid)
            _exit((int)(rounds & 63));
        if (waitpid(pid, &status, 0) == pid)
            sum += (unsigned)WEXITSTATUS(status);
    }
    return sum;
}

/* -- code ----------------------------------------------------------------------------------------------------------- */

/* A function that returns its argument plus n, which is below 2048. */
static size_t write_function(unsigned char *p, uint32_t n)
{
#if defined(__riscv)
    const uint32_t code[] = {0x00050513 | n << 20 /* addi a0, a0, n */, 0x00008067 /* ret */};
#elif defined(__x86_64__)
    const unsigned char code[] = {0x48, 0x8d, 0x87, (unsigned char)n, (unsigned char)(n >> 8), 0, 0 /* lea rax, [rdi + n] */, 0xc3};
#else
#error "write_function: which processor?"
#endif
    memcpy(p, code, sizeof code);
    return sizeof code;
}

static void announce_all(unsigned char *p, size_t n)
{
    (void)p;
    (void)n;
#if defined(__riscv)
    __asm__ volatile("fence.i" ::: "memory");
#else
    __asm__ volatile("" ::: "memory");
#endif
}

static void announce_range(unsigned char *p, size_t n)
{
    __builtin___clear_cache((char *)p, (char *)p + n);
}

static uint64_t write_and_call(unsigned rounds, void (*announce)(unsigned char *p, size_t n))
{
    unsigned char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t x = 1;
    if (p == MAP_FAILED)
        return 0;
    for (unsigned i = 0; i < rounds; i++) {
        unsigned char *at = p + (i * 64 & 65535);
        announce(at, write_function(at, i & 2047));
        uint64_t (*f)(uint64_t);
        memcpy(&f, &at, sizeof f);
        for (int k = 0; k < 30; k++)
            x = f(x);
    }
    return x;
}

uint64_t jit(unsigned rounds)
{
    return write_and_call(rounds, announce_all);
}

uint64_t jit_range(unsigned rounds)
{
    return write_and_call(rounds, announce_range);
}

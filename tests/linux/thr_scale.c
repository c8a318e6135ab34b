/*
 * Guest test: many threads: a thousand alive at once, creation and joining, fork from one thread while fifty allocate and take signals,
 * contended, PI and robust mutexes, and a reservation that a signal handler between LR and SC must end.
 */
#include "../check.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { MANY = 1000, BUSY = 50, FORKS = 20 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Resident memory of the process, in KiB. */
static long resident(void)
{
    long pages = 0, skip;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%ld %ld", &skip, &pages) != 2)
        pages = 0;
    if (f)
        fclose(f);
    return pages * 4;
}

static pthread_barrier_t all_there, go_on;
static __thread uint64_t local;
static _Atomic uint64_t sum;
static void *meet(void *arg)
{
    local = (uint64_t)(uintptr_t)arg;
    pthread_barrier_wait(&all_there);
    pthread_barrier_wait(&go_on);
    sum += local;
    return (void *)(uintptr_t)(local * 2);
}

static void test_many(void)
{
    static pthread_t t[MANY];
    pthread_attr_t attr;
    int made = 0, wrong = 0;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 65536);
    pthread_barrier_init(&all_there, NULL, MANY + 1);
    pthread_barrier_init(&go_on, NULL, MANY + 1);
    long before = resident();
    for (; made < MANY && !pthread_create(&t[made], &attr, meet, (void *)(uintptr_t)(made + 1)); made++)
        continue;
    CHECK(made == MANY, "%d threads: %d", made, errno);
    if (made < MANY)
        _exit(1);
    pthread_barrier_wait(&all_there);
    long each = (resident() - before) / MANY;
    pthread_barrier_wait(&go_on);
    for (int i = 0; i < MANY; i++) {
        void *r;
        pthread_join(t[i], &r);
        wrong += (uintptr_t)r != 2 * (uintptr_t)(i + 1);
    }
    CHECK(!wrong && sum == (uint64_t)MANY * (MANY + 1) / 2, "%d wrong, sum %lu", wrong, (unsigned long)sum);
    CHECK(each < 256, "%ld KiB a thread", each);
    fprintf(stderr, "%ld KiB a thread\n", each);
}

static void *nothing(void *arg)
{
    return arg;
}
static void test_rate(void)
{
    double start = now();
    pthread_t t;
    for (int i = 0; i < 2000; i++)
        if (pthread_create(&t, NULL, nothing, NULL) || pthread_join(t, NULL))
            CHECK(0, "thread %d", i);
    fprintf(stderr, "%.0f us to create and join\n", (now() - start) / 2000 * 1e6);
}

static _Atomic int stop;
static _Atomic uint64_t ticks;
static void tick(int sig)
{
    (void)sig;
    ticks++;
}
static void *allocate(void *arg)
{
    unsigned long long seed = (uintptr_t)arg;
    while (!stop) {
        size_t n = 16 + check_random(&seed) % 4000;
        char *p = malloc(n);
        memset(p, 1, n);
        usleep(200);
        free(p);
    }
    return NULL;
}
static void test_fork(void)
{
    static pthread_t t[BUSY];
    struct sigaction sa = {.sa_handler = tick, .sa_flags = SA_RESTART};
    struct itimerval it = {{0, 500}, {0, 500}}, off = {0};
    sigaction(SIGALRM, &sa, NULL);
    for (int i = 0; i < BUSY; i++)
        pthread_create(&t[i], NULL, allocate, (void *)(uintptr_t)(i + 1));
    setitimer(ITIMER_REAL, &it, NULL);
    for (int i = 0; i < FORKS; i++) {
        int status = -1;
        pid_t pid = fork();
        if (!pid) {
            for (int k = 0; k < 100; k++)
                free(malloc((size_t)k * 50));
            _exit(i);
        }
        CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == i, "fork %d: %x", i, status);
    }
    setitimer(ITIMER_REAL, &off, NULL);
    stop = 1;
    for (int i = 0; i < BUSY; i++)
        pthread_join(t[i], NULL);
    CHECK(ticks > 0, "no signal");
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER, pi_lock, robust_lock;
static uint64_t counter, pi_counter;
static void *contend(void *arg)
{
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&lock);
        counter++;
        pthread_mutex_unlock(&lock);
        pthread_mutex_lock(&pi_lock);
        pi_counter++;
        pthread_mutex_unlock(&pi_lock);
    }
    return arg;
}
static void *die_holding(void *arg)
{
    pthread_mutex_lock(&robust_lock);
    return arg;
}
static void test_mutexes(void)
{
    pthread_t t[8], r;
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&pi_lock, &attr);
    for (int i = 0; i < 8; i++)
        pthread_create(&t[i], NULL, contend, NULL);
    for (int i = 0; i < 8; i++)
        pthread_join(t[i], NULL);
    CHECK(counter == 16000 && pi_counter == 16000, "%lu %lu", (unsigned long)counter, (unsigned long)pi_counter);
    for (int pi = 0; pi < 2; pi++) {
        pthread_mutexattr_init(&attr);
        pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
        pthread_mutexattr_setprotocol(&attr, pi ? PTHREAD_PRIO_INHERIT : PTHREAD_PRIO_NONE);
        pthread_mutex_init(&robust_lock, &attr);
        pthread_create(&r, NULL, die_holding, NULL);
        pthread_join(r, NULL);
        int e = pthread_mutex_lock(&robust_lock);
        CHECK(e == EOWNERDEAD, "robust, pi %d: %d", pi, e);
        CHECK(pthread_mutex_consistent(&robust_lock) == 0 && pthread_mutex_unlock(&robust_lock) == 0, "consistent");
        pthread_mutex_destroy(&robust_lock);
    }
}

#ifdef __riscv
/* An SC must fail when a handler ran between LR and SC, even one that leaves the word as it was. */
static _Atomic uint64_t cell;
static volatile int between;
extern char after_lr[], at_sc[];
static void toggle(int sig, siginfo_t *info, void *context)
{
    const ucontext_t *uc = context;
    uint64_t pc = uc->uc_mcontext.__gregs[REG_PC];
    (void)sig;
    (void)info;
    between = pc >= (uint64_t)after_lr && pc <= (uint64_t)at_sc;
}
__attribute__((noinline)) static uint64_t load_and_store(void)
{
    uint64_t old, fail;
    __asm__ volatile(".option push\n.option norvc\n lr.d %0, (%2)\nafter_lr: li t0, 60\n1: addi t0, t0, -1\n bnez t0, 1b\nat_sc: sc.d %1, %0, (%2)\n.option pop"
                     : "=&r"(old), "=&r"(fail)
                     : "r"(&cell)
                     : "t0", "memory");
    return fail;
}
static void test_reservation(void)
{
    struct sigaction sa = {.sa_sigaction = toggle, .sa_flags = SA_SIGINFO};
    struct itimerval it = {{0, 100}, {0, 100}}, off = {0};
    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &it, NULL);
    double end = now() + 0.5;
    unsigned survived = 0, lost = 0;
    while (now() < end)
        for (int i = 0; i < 200; i++) {
            between = 0;
            uint64_t fail = load_and_store();
            survived += between && !fail;
            lost += between && fail;
        }
    setitimer(ITIMER_REAL, &off, NULL);
    CHECK(survived == 0, "%u reservations survived a handler, %u did not", survived, lost);
    CHECK(lost > 0, "no signal between LR and SC");
}
#else
static void test_reservation(void)
{
}
#endif

int main(void)
{
    test_many();
    test_rate();
    test_fork();
    test_mutexes();
    test_reservation();
    return check_done();
}

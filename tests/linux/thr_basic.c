/*
 * Guest test: 100 threads with thread-local storage under signals; robust mutexes; thread identities; clear_child_tid;
 * condition variables, barriers and priority inheritance; cancellation; what clone stores and when; per-thread masks and alternate stacks.
 */
#include "../check.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 100

static __thread int tls_value = 77;
static __thread uint64_t tls_array[64];
static __thread volatile int tls_signals;
static _Atomic int signals_seen;
static pthread_barrier_t barrier;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counter;
static _Atomic int bad;

static void on_usr(int sig)
{
    (void)sig;
    tls_signals++;
    signals_seen++;
    tls_array[63]++;
}

static void *worker(void *arg)
{
    int me = (int)(intptr_t)arg;
    if (tls_value != 77 || tls_array[5] != 0)
        bad++;
    tls_value = me;
    for (int i = 0; i < 63; i++)
        tls_array[i] = (uint64_t)me * 1000 + (uint64_t)i;
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 200; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
        if (i % 50 == 0)
            pthread_kill(pthread_self(), SIGUSR1);
    }
    for (int i = 0; i < 63; i++)
        if (tls_array[i] != (uint64_t)me * 1000 + (uint64_t)i)
            bad++;
    if (tls_value != me || tls_signals < 4 || (uint64_t)tls_signals != tls_array[63])
        bad++;
    return (void *)(intptr_t)(me * 3);
}

static void test_many(void)
{
    pthread_t t[THREADS];
    signal(SIGUSR1, on_usr);
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&t[i], NULL, worker, (void *)(intptr_t)i) == 0, "thread %d", i);
    for (int i = 0; i < THREADS; i++) {
        void *r;
        CHECK(pthread_join(t[i], &r) == 0 && r == (void *)(intptr_t)(i * 3), "join %d", i);
    }
    CHECK(bad == 0 && counter == THREADS * 200L && signals_seen == THREADS * 4, "bad %d counter %ld signals %d", bad, counter, signals_seen);
}

static void *nothing(void *arg)
{
    return arg;
}

static void test_churn(void)
{
    for (int i = 0; i < 1000; i++) {
        pthread_t t;
        if (pthread_create(&t, NULL, nothing, &t)) {
            CHECK(0, "thread %d", i);
            break;
        }
        pthread_join(t, NULL);
    }
    CHECK(1, "-");
}

static pthread_mutex_t robust;
static sem_t locked;
static void *dies_with_lock(void *arg)
{
    pthread_mutex_lock(&robust);
    sem_post(&locked);
    usleep(20000);
    return arg;
}

static void test_robust(int protocol)
{
    pthread_mutexattr_t a;
    pthread_t t;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setprotocol(&a, protocol);
    pthread_mutex_init(&robust, &a);
    sem_init(&locked, 0, 0);
    pthread_create(&t, NULL, dies_with_lock, NULL);
    sem_wait(&locked);
    int r = pthread_mutex_lock(&robust); /* waits for the owner, who dies */
    CHECK(r == EOWNERDEAD, "lock of the dead: %d", r);
    CHECK(pthread_mutex_consistent(&robust) == 0 && pthread_mutex_unlock(&robust) == 0, "repair");
    CHECK(pthread_mutex_lock(&robust) == 0 && pthread_mutex_unlock(&robust) == 0, "again");
    pthread_join(t, NULL);
    pthread_create(&t, NULL, dies_with_lock, NULL);
    pthread_join(t, NULL);
    r = pthread_mutex_trylock(&robust); /* nobody was waiting */
    CHECK(r == EOWNERDEAD, "later: %d", r);
    pthread_mutex_consistent(&robust);
    pthread_mutex_unlock(&robust);
}

static pid_t seen_tid, seen_pid;
static void *identity(void *arg)
{
    seen_tid = gettid();
    seen_pid = getpid();
    uint64_t head, len;
    syscall(SYS_get_robust_list, 0, &head, &len);
    *(uint64_t *)arg = head;
    return NULL;
}

static void test_identity(void)
{
    pthread_t t;
    uint64_t head = 0, mine = 0, len = 0;
    pthread_create(&t, NULL, identity, &head);
    pthread_join(t, NULL);
    CHECK(seen_pid == getpid() && seen_tid != getpid() && gettid() == getpid(), "pid %d tid %d", seen_pid, seen_tid);
    CHECK(syscall(SYS_get_robust_list, 0, &mine, &len) == 0 && len == 24 && mine != head && head, "robust lists %lx %lx", mine, head);
    CHECK(syscall(SYS_tgkill, getpid(), seen_tid, 0) == -1 || 1, "-");
}

static void *sleeper(void *arg)
{
    (void)arg;
    for (;;)
        sleep(100);
}
static void test_cancel(void)
{
    pthread_t t;
    void *r;
    pthread_create(&t, NULL, sleeper, NULL);
    usleep(10000);
    pthread_cancel(t); /* the C library's own signal 32 */
    CHECK(pthread_join(t, &r) == 0 && r == PTHREAD_CANCELED, "cancel");
}

static volatile int on_alt, masked;
static char stacks[2][32768];
static __thread char *my_stack;
static void where(int sig)
{
    char here;
    (void)sig;
    on_alt += &here >= my_stack && &here < my_stack + sizeof stacks[0];
}
static void *own_altstack(void *arg)
{
    stack_t ss, old;
    sigset_t set;
    sigaltstack(NULL, &old);
    masked += old.ss_flags == SS_DISABLE;
    pthread_sigmask(SIG_BLOCK, NULL, &set);
    masked += sigismember(&set, SIGHUP);
    my_stack = arg;
    ss = (stack_t){.ss_sp = arg, .ss_size = sizeof stacks[0]};
    sigaltstack(&ss, NULL);
    pthread_kill(pthread_self(), SIGUSR2);
    return NULL;
}
static void test_altstacks(void)
{
    pthread_t t[2];
    struct sigaction sa = {.sa_handler = where, .sa_flags = SA_ONSTACK};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    sigaction(SIGUSR2, &sa, NULL);
    for (int i = 0; i < 2; i++) { /* one after the other: the counters are plain */
        pthread_create(&t[i], NULL, own_altstack, stacks[i]);
        pthread_join(t[i], NULL);
    }
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    CHECK(on_alt == 2 && masked == 4, "%d %d", on_alt, masked);
}

/* Ping-pong over a condition variable while a timer interrupts the process. */
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn;
static void *pong(void *arg)
{
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&mutex);
        while (turn != 1)
            pthread_cond_wait(&cond, &mutex);
        turn = 0;
        pthread_cond_signal(&cond);
        pthread_mutex_unlock(&mutex);
    }
    return arg;
}
static void test_condition(void)
{
    pthread_t t;
    struct itimerval it = {{0, 200}, {0, 200}}, none = {0};
    signal(SIGALRM, on_usr);
    pthread_create(&t, NULL, pong, NULL);
    setitimer(ITIMER_REAL, &it, NULL);
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&mutex);
        while (turn != 0)
            pthread_cond_wait(&cond, &mutex);
        turn = 1;
        pthread_cond_signal(&cond);
        pthread_mutex_unlock(&mutex);
    }
    pthread_join(t, NULL);
    setitimer(ITIMER_REAL, &none, NULL);
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_nsec += 20000000;
    if (ts.tv_nsec >= 1000000000)
        ts.tv_sec++, ts.tv_nsec -= 1000000000;
    pthread_mutex_lock(&mutex);
    int r = 0;
    for (; !r;)
        r = pthread_cond_timedwait(&cond, &mutex, &ts);
    CHECK(r == ETIMEDOUT, "%d", r);
    pthread_mutex_unlock(&mutex);
}

/* What a new thread and its creator see of it; it has no thread-local storage of its own. */
struct birth {
    pid_t parent_tid, child_tid;                   /* written by clone */
    pid_t saw_parent_tid, saw_child_tid, saw_self; /* by the thread */
    char cwd[16];
    _Atomic int go;
};

static int newborn(void *arg)
{
    struct birth *b = arg;
    b->saw_parent_tid = __atomic_load_n(&b->parent_tid, __ATOMIC_RELAXED);
    b->saw_child_tid = __atomic_load_n(&b->child_tid, __ATOMIC_RELAXED);
    b->saw_self = (pid_t)syscall(SYS_gettid);
    while (!b->go)
        syscall(SYS_sched_yield);
    syscall(SYS_getcwd, b->cwd, sizeof b->cwd);
    syscall(SYS_exit, 0);
    return 0;
}

static void test_births(void)
{
    static char stack[16384] __attribute__((aligned(16)));
    const int plain = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
    for (int n = 0; n < 300; n++) {
        static struct birth b;
        bool apart = n % 4 == 3;
        b = (struct birth){.child_tid = -1};
        CHECK(chdir("/proc") == 0, "chdir: %d", errno);
        pid_t tid = clone(newborn, stack + sizeof stack, plain | CLONE_FILES | (apart ? 0 : CLONE_FS), &b, &b.parent_tid, NULL, &b.child_tid);
        CHECK(tid > 0 && tid == b.parent_tid, "clone %d, stored %d", tid, b.parent_tid);
        CHECK(syscall(SYS_tgkill, getpid(), tid, 0) == 0, "no thread %d: %d", tid, errno);
        CHECK(chdir("/dev") == 0, "chdir: %d", errno);
        b.go = 1;
        while (__atomic_load_n(&b.child_tid, __ATOMIC_ACQUIRE))
            sched_yield();
        CHECK(b.saw_self == tid && b.saw_parent_tid == tid && b.saw_child_tid == tid, "%d saw %d, %d, %d", tid, b.saw_self, b.saw_parent_tid, b.saw_child_tid);
        CHECK(!strcmp(b.cwd, apart ? "/proc" : "/dev"), "%d: its directory is %s", n, b.cwd);
    }
}

int main(void)
{
    test_identity();
    test_births();
    test_many();
    test_churn();
    test_robust(PTHREAD_PRIO_NONE);
    test_robust(PTHREAD_PRIO_INHERIT);
    test_cancel();
    test_altstacks();
    test_condition();
    return check_done();
}

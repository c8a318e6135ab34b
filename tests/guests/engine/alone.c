/*
 * Code that became hot while the process was alone in its memory must keep its promises once it is not: after a thread starts, after
 * a writable shared mapping appears by mmap or by mprotect, and in a child that shares memory without being a thread.
 */
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 200000
#define TURNS 20000 /* taken together; as many as there is time for where each of them waits for the processor */
#define TURN_SECONDS 10
#define OVER UINT_MAX

struct shared {
    long add, cas, swap_lock, guarded;
    long x, y, rx, ry, both_zero;
    unsigned go, done;
};

static void add(long *p)
{
    __atomic_fetch_add(p, 1, __ATOMIC_SEQ_CST);
}

static void cas(long *p)
{
    long old = __atomic_load_n(p, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(p, &old, old + 1, 1, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        continue;
}

static void guarded(struct shared *s)
{
    for (int tries = 1; __atomic_exchange_n(&s->swap_lock, 1, __ATOMIC_ACQUIRE); tries++)
        if (tries % 64 == 0)
            sched_yield(); /* on a busy machine it is long until our next turn */
    s->guarded++;
    __atomic_store_n(&s->swap_lock, 0, __ATOMIC_RELEASE);
}

/* One side of the store-buffering shape: with full fences both sides cannot read 0. */
__attribute__((noinline)) static long side(long *mine, long *other)
{
    __atomic_store_n(mine, 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return __atomic_load_n(other, __ATOMIC_RELAXED);
}

__attribute__((noinline)) static void work(struct shared *s, long n)
{
    for (long i = 0; i < n; i++) {
        add(&s->add);
        cas(&s->cas);
        guarded(s);
    }
}

static void *second(void *arg)
{
    struct shared *s = arg;
    work(s, ROUNDS);
    for (unsigned i = 1; i <= TURNS; i++) {
        unsigned go;
        while ((go = __atomic_load_n(&s->go, __ATOMIC_ACQUIRE)) != i && go != OVER)
            sched_yield();
        if (go == OVER)
            break;
        s->ry = side(&s->y, &s->x);
        __atomic_store_n(&s->done, i, __ATOMIC_RELEASE);
    }
    return NULL;
}

static void first(struct shared *s)
{
    work(s, ROUNDS);
    time_t end = time(NULL) + TURN_SECONDS;
    for (unsigned i = 1; i <= TURNS; i++) {
        if (time(NULL) > end) {
            __atomic_store_n(&s->go, OVER, __ATOMIC_RELEASE);
            break;
        }
        s->x = s->y = 0;
        __atomic_store_n(&s->go, i, __ATOMIC_RELEASE);
        s->rx = side(&s->x, &s->y);
        while (__atomic_load_n(&s->done, __ATOMIC_ACQUIRE) != i)
            sched_yield();
        s->both_zero += !s->rx && !s->ry;
    }
}

static int verdict(const char *how, const struct shared *s)
{
    long want = 2 * ROUNDS;
    if (s->add == want && s->cas == want && s->guarded == want && !s->both_zero)
        return 0;
    printf("%s: add %ld, cas %ld, guarded %ld of %ld; %ld times both sides read 0\n", how, s->add, s->cas, s->guarded, want, s->both_zero);
    return 1;
}

static void warm(void)
{
    static struct shared s;
    work(&s, 2000);
    for (int i = 0; i < 2000; i++)
        side(&s.x, &s.y);
}

static int by_thread(void)
{
    static struct shared s;
    pthread_t t;
    pthread_create(&t, NULL, second, &s);
    first(&s);
    pthread_join(t, NULL);
    return verdict("thread", &s);
}

static int by_fork(int late)
{
    struct shared *s = mmap(NULL, 4096, late ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    warm();
    if (late)
        mprotect(s, 4096, PROT_READ | PROT_WRITE);
    pid_t pid = fork();
    if (!pid) {
        second(s);
        _exit(0);
    }
    first(s);
    waitpid(pid, NULL, 0);
    return verdict(late ? "mprotect" : "mmap", s);
}

static int child_main(void *arg)
{
    second(arg);
    return 0;
}

static int by_clone(void)
{
    static struct shared s;
    static char stack[65536] __attribute__((aligned(16)));
    int pid = clone(child_main, stack + sizeof stack, CLONE_VM | SIGCHLD, &s);
    first(&s);
    waitpid(pid, NULL, 0);
    return verdict("clone", &s);
}

/* Each way in a process of its own that was alone before. */
static int apart(int (*way)(int), int arg)
{
    pid_t pid = fork();
    if (!pid) {
        warm();
        _exit(way(arg));
    }
    int status = -1;
    waitpid(pid, &status, 0);
    return status != 0;
}

static int thread_way(int arg)
{
    (void)arg;
    return by_thread();
}

static int clone_way(int arg)
{
    (void)arg;
    return by_clone();
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    warm();
    return apart(thread_way, 0) | apart(by_fork, 0) | apart(by_fork, 1) | apart(clone_way, 0);
}

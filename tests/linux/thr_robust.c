/*
 * Guest test: robust mutexes in shared memory whose owner ends in every way: its thread, exit_group, SIGKILL, execve; with and
 * without a waiter, several at once.  The next owner gets EOWNERDEAD each time.
 */
#include "../check.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOCKS 20

static struct shared {
    pthread_mutex_t lock[LOCKS];
    volatile int ready, stop;
} *shared;

static void init(int protocol)
{
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setprotocol(&a, protocol);
    for (unsigned i = 0; i < LOCKS; i++)
        pthread_mutex_init(&shared->lock[i], &a);
    shared->ready = shared->stop = 0;
}

static void take_all(void)
{
    for (unsigned i = 0; i < LOCKS; i++)
        pthread_mutex_lock(&shared->lock[i]);
    shared->ready = 1;
}

static void *take_and_end(void *arg)
{
    (void)arg;
    take_all();
    return NULL;
}

static void *take_and_stay(void *arg)
{
    (void)arg;
    take_all();
    for (;;)
        pause();
}

static void until_stop(void)
{
    while (!shared->stop)
        usleep(1000);
}

/* The ways to end while owning. */
static void by_exit(void)
{
    take_all();
    until_stop();
    _exit(0);
}

static void by_exit_of_thread(void)
{
    pthread_t id;
    pthread_create(&id, NULL, take_and_end, NULL);
    pthread_join(id, NULL);
    until_stop();
    _exit(0);
}

static void by_exit_group_of_another(void)
{
    pthread_t id;
    pthread_create(&id, NULL, take_and_stay, NULL);
    until_stop();
    _exit(0);
}

static void by_kill(void)
{
    take_all();
    until_stop();
    kill(getpid(), SIGKILL);
}

static void by_fault(void)
{
    take_all();
    until_stop();
    signal(SIGSEGV, SIG_DFL);
    *(volatile int *)8 = 1;
}

static void by_exec(void)
{
    char *argv[] = {"/proc/self/exe", "end", NULL};
    take_all();
    until_stop();
    execv(argv[0], argv);
}

static int lock_soon(pthread_mutex_t *m)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_sec += 10;
    return pthread_mutex_timedlock(m, &ts);
}

static void *release_later(void *arg)
{
    usleep(20000);
    shared->stop = 1;
    return arg;
}

static void check_owner(const char *name, void (*fn)(void), int protocol, int waits)
{
    init(protocol);
    pid_t pid = fork();
    if (pid == 0) {
        fn();
        _exit(99);
    }
    for (unsigned i = 0; !shared->ready && i < 5000; i++)
        usleep(1000);
    CHECK(shared->ready, "%s: taken", name);
    pthread_t id;
    if (waits) { /* the first lock is waited for while its owner ends */
        pthread_create(&id, NULL, release_later, NULL);
    } else {
        shared->stop = 1;
        waitpid(pid, NULL, 0);
    }
    for (unsigned i = 0; i < LOCKS; i++) {
        int r = lock_soon(&shared->lock[i]);
        CHECK(r == EOWNERDEAD, "%s, protocol %d, %s: lock %u: %d", name, protocol, waits ? "waiting" : "later", i, r);
        if (r == EOWNERDEAD)
            CHECK(pthread_mutex_consistent(&shared->lock[i]) == 0 && pthread_mutex_unlock(&shared->lock[i]) == 0, "%s: repair", name);
    }
    if (waits) {
        pthread_join(id, NULL);
        waitpid(pid, NULL, 0);
    }
    CHECK(pthread_mutex_lock(&shared->lock[0]) == 0 && pthread_mutex_unlock(&shared->lock[0]) == 0, "%s: usable", name);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*fn)(void);
    } ways[] = {{"exit", by_exit},  {"exit of a thread", by_exit_of_thread}, {"exit_group of another", by_exit_group_of_another},
                {"SIGKILL", by_kill}, {"a fault", by_fault},                   {"execve", by_exec}};
    (void)argv;
    if (argc > 1)
        return 0;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++)
        for (int waits = 0; waits < 2; waits++) {
            check_owner(ways[i].name, ways[i].fn, PTHREAD_PRIO_NONE, waits);
            check_owner(ways[i].name, ways[i].fn, PTHREAD_PRIO_INHERIT, waits);
        }
    void *head;
    size_t len;
    CHECK(syscall(SYS_get_robust_list, 0, &head, &len) == 0 && head && len == 24, "get_robust_list");
    return check_done();
}

/*
 * Guest test: what an interrupted system call returns, with SA_RESTART and without (signal(7)).
 */
#include "../check.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TICK_US = 20000, GIVE_UP = 50, ATTEMPTS = 8, PELT_MS = 1000, PATIENCE_MS = 30000 };

static volatile int ticks;
static int enough;      /* the tick at which a call that waits is let go */
static int rescue = -1; /* by a byte written there */
static int lock_word;
static pid_t child;

static void tick(int sig)
{
    (void)sig;
    if (++ticks < enough)
        return;
    if (rescue >= 0 && write(rescue, "x", 1) != 1)
        _exit(9);
    lock_word = 1;
    syscall(SYS_futex, &lock_word, FUTEX_WAKE, 1, NULL, NULL, 0);
    if (child > 0)
        kill(child, SIGKILL);
}

/* Ticks, further apart with each attempt. */
static void begin(int flags, int attempt, int let_go)
{
    struct sigaction sa = {.sa_handler = tick, .sa_flags = flags};
    int us = TICK_US << (attempt < 3 ? attempt : 3);
    struct itimerval it = {{0, us}, {0, us}};
    sigaction(SIGALRM, &sa, NULL);
    ticks = 0;
    enough = let_go;
    lock_word = 0;
    setitimer(ITIMER_REAL, &it, NULL);
}

static void end(void)
{
    struct itimerval it = {0};
    setitimer(ITIMER_REAL, &it, NULL);
}

/*
 * A call that the first tick interrupts.  On a busy machine that tick may come before the call begins, or the second before the call has
 * returned: then once more, with more time between them.  A call that goes on after the first tick does so each time.
 */
#define INTERRUPTED_BY(flags, call)                                                                                     \
    do {                                                                                                                \
        long r_ = 0;                                                                                                    \
        int e_ = 0, n_ = 0, a_ = 0;                                                                                     \
        do {                                                                                                            \
            begin(flags, a_, GIVE_UP);                                                                                  \
            r_ = (call);                                                                                                \
            e_ = errno;                                                                                                 \
            n_ = ticks;                                                                                                 \
            end();                                                                                                      \
        } while (r_ == -1 && e_ == EINTR && n_ > 1 && n_ < GIVE_UP && ++a_ < ATTEMPTS);                                 \
        CHECK(r_ == -1 && e_ == EINTR && n_ == 1, #call ": %ld errno %d ticks %d, attempt %d", r_, e_, n_, a_);         \
    } while (0)
/* Calls that start again under SA_RESTART. */
#define RESTARTS(call, good)                                                              \
    do {                                                                                  \
        INTERRUPTED_BY(0, call);                                                          \
        begin(SA_RESTART, 0, 2);                                                          \
        long r_ = (call);                                                                 \
        int e_ = errno;                                                                   \
        end();                                                                            \
        CHECK((good) && ticks >= 2, #call " restarted: %ld errno %d ticks %d", r_, e_, ticks); \
    } while (0)
/* Calls that never do. */
#define INTERRUPTED(call)                 \
    do {                                  \
        INTERRUPTED_BY(0, call);          \
        INTERRUPTED_BY(SA_RESTART, call); \
    } while (0)

/* -- a signal on the way into a call that does not wait: its handler comes first, then the call does all that it does -- */

static _Atomic int pelting;

static void *pelt(void *thread)
{
    while (pelting) {
        pthread_kill(*(pthread_t *)thread, SIGUSR2);
        for (int seen = ticks, i = 0; pelting && seen == ticks && i < 100; i++)
            sched_yield();
    }
    return NULL;
}

/* Neither waiting nor queued behind anything: no kernel fails one of these with EINTR, whatever the handler's flags. */
static void pelted(void)
{
    struct sigaction sa = {.sa_handler = tick};
    struct timespec now, start;
    long ms;
    pthread_t self = pthread_self(), other;
    int word = 0, fd[2], file = fileno(tmpfile()), wrong[5] = {0};
    char byte = 'x';
    ticks = 0;
    enough = INT_MAX;
    sigaction(SIGUSR2, &sa, NULL);
    CHECK(pipe(fd) == 0 && write(file, &byte, 1) == 1, "descriptors");
    pelting = 1;
    CHECK(pthread_create(&other, NULL, pelt, &self) == 0, "thread");
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        for (int i = 0; i < 100; i++) {
            wrong[0] += syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0) != 0;
            wrong[1] += pread(file, &byte, 1, 0) != 1;
            wrong[2] += write(fd[1], &byte, 1) != 1;
            wrong[3] += read(fd[0], &byte, 1) != 1;
            wrong[4] += poll(&(struct pollfd){file, POLLIN, 0}, 1, 1000) != 1;
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        ms = (now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000;
    } while (ms < PELT_MS || (ticks <= 10 && ms < PATIENCE_MS)); /* on a busy machine the other thread may come late */
    pelting = 0;
    pthread_join(other, NULL);
    CHECK(wrong[0] + wrong[1] + wrong[2] + wrong[3] + wrong[4] == 0, "%d signals: failed futex %d, pread %d, write %d, read %d, poll %d", ticks, wrong[0],
          wrong[1], wrong[2], wrong[3], wrong[4]);
    CHECK(ticks > 10, "%d signals", ticks);
}

int main(void)
{
    int fd[2], sv[2];
    char byte;
    CHECK(pipe(fd) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0, "descriptors");
    rescue = fd[1];
    RESTARTS(read(fd[0], &byte, 1), r_ == 1);
    while (poll(&(struct pollfd){fd[0], POLLIN, 0}, 1, 0) == 1 && read(fd[0], &byte, 1) == 1)
        continue;
    rescue = sv[1];
    RESTARTS(recv(sv[0], &byte, 1, 0), r_ == 1);
    while (recv(sv[0], &byte, 1, MSG_DONTWAIT) == 1)
        continue;
    rescue = -1;
    RESTARTS(syscall(SYS_futex, &lock_word, FUTEX_WAIT, 0, NULL, NULL, 0), r_ == 0 || e_ == EAGAIN);
    child = fork();
    if (!child)
        for (;;)
            pause();
    RESTARTS(waitpid(child, NULL, 0), r_ == child);
    child = 0;

    struct timeval tv = {1, 0};
    setsockopt(sv[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    INTERRUPTED(recv(sv[0], &byte, 1, 0));
    INTERRUPTED(pause());
    INTERRUPTED(poll(NULL, 0, 1000));
    INTERRUPTED(select(0, NULL, NULL, NULL, &(struct timeval){1, 0}));
    INTERRUPTED(nanosleep(&(struct timespec){1, 0}, NULL));
    int ep = epoll_create1(0);
    struct epoll_event ev;
    INTERRUPTED(epoll_wait(ep, &ev, 1, 1000));
    struct timespec half = {0, 500000000};
    INTERRUPTED(syscall(SYS_futex, &lock_word, FUTEX_WAIT, 0, &half, NULL, 0));
    int q = msgget(IPC_PRIVATE, 0600), s = semget(IPC_PRIVATE, 1, 0600);
    struct {
        long type;
        char text[8];
    } msg;
    INTERRUPTED(msgrcv(q, &msg, sizeof msg.text, 0, 0));
    INTERRUPTED(semop(s, &(struct sembuf){0, -1, 0}, 1));
    CHECK_FAILS(semtimedop(s, (void *)8, 1, &(struct timespec){0, -1}), EFAULT); /* the time is looked at after the operations */
    CHECK_FAILS(semtimedop(s, &(struct sembuf){0, -1, 0}, 1, &(struct timespec){0, -1}), EINVAL);
    msgctl(q, IPC_RMID, NULL);
    semctl(s, 0, IPC_RMID);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    INTERRUPTED(sigtimedwait(&set, NULL, &(struct timespec){1, 0}));

    /* what is left of a sleep */
    struct timespec left = {0};
    long r, attempt = 0;
    do {
        begin(0, 0, GIVE_UP);
        r = nanosleep(&(struct timespec){1, 0}, &left) == -1 ? errno : 0;
        end();
    } while (r == EINTR && left.tv_nsec <= 700000000 && ++attempt < ATTEMPTS);
    CHECK(r == EINTR, "nanosleep: %ld", r);
    CHECK(left.tv_sec == 0 && left.tv_nsec > 700000000 && left.tv_nsec < 990000000, "left %ld ns", (long)left.tv_nsec);
    attempt = 0;
    do {
        begin(0, 0, GIVE_UP);
        r = clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){1, 0}, &left);
        end();
    } while (r == EINTR && left.tv_nsec <= 700000000 && ++attempt < ATTEMPTS);
    CHECK(r == EINTR, "clock_nanosleep: %ld", r);
    CHECK(left.tv_sec == 0 && left.tv_nsec > 700000000 && left.tv_nsec < 990000000, "left %ld ns", (long)left.tv_nsec);

    /* stopped and continued without a handler: nothing is seen */
    pid_t me = getpid();
    child = fork();
    if (!child) {
        usleep(30000);
        kill(me, SIGSTOP);
        usleep(30000);
        kill(me, SIGCONT);
        _exit(0);
    }
    pid_t helper = child;
    child = 0;
    struct timespec t0, t1;
    clock_gettime(CLOCK_MONOTONIC, &t0);
    CHECK(nanosleep(&(struct timespec){0, 150000000}, NULL) == 0, "sleep across stop: %d", errno);
    clock_gettime(CLOCK_MONOTONIC, &t1);
    long ms = (t1.tv_sec - t0.tv_sec) * 1000 + (t1.tv_nsec - t0.tv_nsec) / 1000000;
    CHECK(ms >= 149 && ms < 400, "%ld ms", ms);
    waitpid(helper, NULL, 0);
    pelted();
    return check_done();
}

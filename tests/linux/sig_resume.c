/*
 * Guest test: waits that a signal interrupts without running a handler go on for the time that was left: after stop and
 * continue, and after signals that are blocked or ignored.  Which calls fail after a stop although no handler ran is in signal(7).
 * The same source built for the host gives the expected results.
 */
#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 300, STEP_MS = 40, STEPS = 5, LATE_MS = 190, ATTEMPTS = 6 };
static const struct timespec wait_time = {0, WAIT_MS * 1000000};
static struct timespec left;
static int word, epoll, semaphore;

static long call_nanosleep(void) { return syscall(SYS_nanosleep, &wait_time, &left); }
static long call_clock(void) { return syscall(SYS_clock_nanosleep, CLOCK_REALTIME, 0, &wait_time, &left); }
static long call_absolute(void)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_nsec += WAIT_MS * 1000000;
    end.tv_sec += end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL);
}
static long call_futex(void)
{
    long r = syscall(SYS_futex, &word, FUTEX_WAIT, 0, &wait_time, NULL, 0);
    return r == -1 && errno == ETIMEDOUT ? 0 : r;
}
static long call_poll(void)
{
    struct timespec ts = wait_time;
    return syscall(SYS_ppoll, NULL, 0, &ts, NULL, 8);
}
static long call_select(void) { return pselect(0, NULL, NULL, NULL, &wait_time, NULL); }
static long call_epoll(void)
{
    struct epoll_event ev;
    return epoll_wait(epoll, &ev, 1, WAIT_MS);
}
static long call_semop(void) { return semtimedop(semaphore, &(struct sembuf){0, -1, 0}, 1, &wait_time); }
static long call_sigwait(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, 60);
    return sigtimedwait(&set, NULL, &wait_time);
}

/* interrupted: fails with EINTR when the process is stopped and continued */
static const struct wait {
    const char *name;
    long (*call)(void);
    int stop_eintr, other_end; /* errno of a wait that ends by itself, 0 for success */
} waits[] = {
    {"nanosleep", call_nanosleep, 0, 0}, {"clock_nanosleep", call_clock, 0, 0}, {"absolute", call_absolute, 0, 0},
    {"futex", call_futex, 0, 0},         {"ppoll", call_poll, 0, 0},            {"pselect", call_select, 0, 0},
    {"epoll_wait", call_epoll, 1, 0},    {"semtimedop", call_semop, 1, EAGAIN}, {"sigtimedwait", call_sigwait, 1, EAGAIN},
};

/* A stop has come once /proc says so. */
static void until_stopped(pid_t pid)
{
    char name[32], line[64];
    snprintf(name, sizeof name, "/proc/%d/stat", pid);
    for (int i = 0; i < 1000; i++) {
        int fd = open(name, O_RDONLY);
        ssize_t n = read(fd, line, sizeof line - 1);
        close(fd);
        line[n > 0 ? n : 0] = 0;
        char *state = strrchr(line, ')');
        if (!state || state[2] == 'T')
            return;
        usleep(1000);
    }
}

static long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static volatile long *disturbed; /* when each disturbance was over, 0: not yet; shared */

/* Disturbs the parent every STEP_MS. */
static pid_t disturb(int sig, int then)
{
    memset((void *)disturbed, 0, STEPS * sizeof *disturbed);
    pid_t pid = fork(), parent = getppid();
    if (pid)
        return pid;
    parent = getppid();
    for (int i = 0; i < STEPS; i++) {
        usleep(STEP_MS * 1000);
        kill(parent, sig);
        if (then) {
            until_stopped(parent);
            usleep(5000);
            disturbed[i] = now_ms(); /* the next line is when the wait may end */
            kill(parent, then);
        }
        disturbed[i] = now_ms();
    }
    _exit(0);
}

/* How much later than it should have it ended, in milliseconds: when the time was up or, where that is later, when a disturbance was over. */
static long run_once(const struct wait *w, int sig, int then, const char *how, int expect, int last)
{
    pid_t helper = disturb(sig, then);
    long start = now_ms();
    errno = 0;
    long r = w->call();
    int e = r == -1 ? errno : 0;
    long end = now_ms(), ms = end - start, due = start + WAIT_MS;
    for (int i = 0; i < STEPS; i++)
        if (disturbed[i] <= end && disturbed[i] > due)
            due = disturbed[i];
    while (waitpid(helper, NULL, 0) == -1 && errno == EINTR)
        continue;
    if (!last && expect == EINTR && e == w->other_end)
        return LONG_MAX; /* so busy that no stop came during the wait */
    CHECK(e == expect, "%s, %s: %ld errno %d after %ld ms", w->name, how, r, e, ms);
    CHECK(expect == EINTR || ms >= WAIT_MS - 1, "%s, %s: %ld ms", w->name, how, ms);
    return end - due;
}

/* A busy machine may wake us late at times; a wait that begins anew after a signal is late each time. */
static void run(const struct wait *w, int sig, int then, const char *how, int expect)
{
    long late = LONG_MAX;
    for (int i = 1; i <= ATTEMPTS && late >= LATE_MS; i++)
        late = run_once(w, sig, then, how, expect, i == ATTEMPTS);
    CHECK(expect == EINTR || late < LATE_MS, "%s, %s: %ld ms late in attempt %d", w->name, how, late, ATTEMPTS);
}

static volatile int ticks;
static void tick(int sig)
{
    (void)sig;
    ticks++;
}

/* restart_syscall(2) after a handler, or without reason: nothing to continue. */
static void test_nothing_to_restart(void)
{
    CHECK(syscall(SYS_restart_syscall) == -1 && errno == EINTR, "restart_syscall: %d", errno);
    struct sigaction sa = {.sa_handler = tick, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &sa, NULL);
    for (int i = 1; i <= ATTEMPTS; i++) {
        pid_t helper = disturb(SIGUSR1, 0);
        left = (struct timespec){0};
        long r = call_nanosleep();
        int e = errno;
        CHECK(syscall(SYS_restart_syscall) == -1 && errno == EINTR, "restart_syscall: %d", errno);
        while (waitpid(helper, NULL, 0) == -1 && errno == EINTR)
            continue;
        bool soon = left.tv_nsec > 200000000;
        if ((r == 0 || (e == EINTR && !soon)) && i < ATTEMPTS)
            continue; /* the signal came late or after the end, on a busy machine */
        CHECK(r == -1 && e == EINTR && soon, "nanosleep with SA_RESTART: %ld errno %d left %ld", r, e, left.tv_nsec);
        break;
    }
}

/* PI futexes are taken up again whatever the flags. */
static int lock;
static volatile int holds;
static void *hold(void *arg)
{
    (void)arg;
    syscall(SYS_futex, &lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    holds = 1;
    usleep(150000);
    syscall(SYS_futex, &lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
    return NULL;
}
static void test_pi(void)
{
    pthread_t t;
    struct sigaction sa = {.sa_handler = tick};
    sigaction(SIGUSR1, &sa, NULL);
    pthread_create(&t, NULL, hold, NULL);
    while (!holds)
        usleep(1000);
    ticks = 0;
    pthread_t self = pthread_self();
    pid_t helper = fork();
    if (!helper) {
        usleep(30000);
        kill(getppid(), SIGUSR1);
        usleep(30000);
        kill(getppid(), SIGUSR1);
        _exit(0);
    }
    (void)self;
    long r = syscall(SYS_futex, &lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    CHECK(r == 0 && (lock & FUTEX_TID_MASK) == gettid(), "FUTEX_LOCK_PI: %ld errno %d", r, errno);
    syscall(SYS_futex, &lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
    pthread_join(t, NULL);
    while (waitpid(helper, NULL, 0) == -1 && errno == EINTR)
        continue;
}

int main(void)
{
    sigset_t set;
    disturbed = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    epoll = epoll_create1(0);
    semaphore = semget(IPC_PRIVATE, 1, 0600);
    sigemptyset(&set);
    sigaddset(&set, 60);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (unsigned i = 0; i < sizeof waits / sizeof *waits; i++)
        run(&waits[i], SIGSTOP, SIGCONT, "stopped", waits[i].stop_eintr ? EINTR : waits[i].other_end);
    signal(SIGBUS, SIG_IGN);
    for (unsigned i = 0; i < sizeof waits / sizeof *waits; i++)
        run(&waits[i], SIGBUS, 0, "ignored", waits[i].other_end);
    sigaddset(&set, SIGSEGV);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (unsigned i = 0; i < sizeof waits / sizeof *waits; i++)
        run(&waits[i], SIGSEGV, 0, "blocked", waits[i].other_end);
    signal(SIGSEGV, SIG_IGN);
    test_nothing_to_restart();
    test_pi();
    semctl(semaphore, 0, IPC_RMID);
    return check_done();
}

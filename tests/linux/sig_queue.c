/*
 * Guest test: order, queues, masks: real-time signals, all 64 numbers, nesting, pending sets, sigtimedwait, sigsuspend,
 * signalfd, SA_RESETHAND, SA_NODEFER, ignored and default dispositions.
 */
#include "../check.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char trail[4096];
static unsigned at;
static siginfo_t last;

static void note(int sig, siginfo_t *info, void *uc)
{
    (void)uc;
    last = *info;
    at += (unsigned)snprintf(trail + at, sizeof trail - at, "%d:%d ", sig, info->si_code == SI_QUEUE ? info->si_value.sival_int : info->si_code);
}

static void start(void)
{
    at = 0;
    trail[0] = 0;
}

/* The kernel's own struct: the C library hides signals 32 and 33. */
struct ksigaction {
    void (*handler)(int, siginfo_t *, void *);
    unsigned long flags, mask;
};

static long action(int sig, void (*fn)(int, siginfo_t *, void *), unsigned long flags, unsigned long mask)
{
    struct ksigaction sa = {fn, flags | SA_SIGINFO, mask};
    return syscall(SYS_rt_sigaction, sig, &sa, NULL, 8);
}

static long setmask(int how, unsigned long mask)
{
    return syscall(SYS_rt_sigprocmask, how, &mask, NULL, 8);
}

static unsigned long bit(int sig)
{
    return 1ul << (sig - 1);
}

static void queue(int sig, int value)
{
    union sigval v = {.sival_int = value};
    CHECK(sigqueue(getpid(), sig, v) == 0, "sigqueue %d", sig);
}

static void test_order(void)
{
    for (int sig = 34; sig <= 64; sig++)
        action(sig, note, 0, ~0ul);
    action(SIGUSR1, note, 0, ~0ul);
    setmask(SIG_BLOCK, ~0ul);
    start();
    queue(40, 1);
    queue(40, 2);
    queue(36, 3);
    queue(64, 4);
    queue(36, 5);
    queue(SIGUSR1, 6);
    queue(SIGUSR1, 7); /* dropped: one instance of a standard signal */
    queue(40, 8);
    unsigned long pending;
    syscall(SYS_rt_sigpending, &pending, 8);
    CHECK(pending == (bit(40) | bit(36) | bit(64) | bit(SIGUSR1)), "pending %lx", pending);
    setmask(SIG_SETMASK, 0);
    CHECK(!strcmp(trail, "10:6 36:3 36:5 40:1 40:2 40:8 64:4 "), "%s", trail);
    syscall(SYS_rt_sigpending, &pending, 8);
    CHECK(pending == 0, "pending %lx", pending);

    /* with empty masks every frame is built before the first handler runs: the last one built runs first */
    for (int sig = 34; sig <= 64; sig++)
        action(sig, note, 0, 0);
    setmask(SIG_BLOCK, ~0ul);
    start();
    queue(36, 1);
    queue(38, 2);
    queue(37, 3);
    setmask(SIG_SETMASK, 0);
    CHECK(!strcmp(trail, "38:2 37:3 36:1 "), "%s", trail);
}

static void test_every_number(void)
{
    for (int sig = 1; sig <= 64; sig++) {
        if (sig == SIGKILL || sig == SIGSTOP) {
            CHECK(action(sig, note, 0, 0) == -1 && errno == EINVAL, "signal %d", sig);
            continue;
        }
        start();
        CHECK(action(sig, note, 0, 0) == 0, "signal %d", sig);
        CHECK(syscall(SYS_tgkill, getpid(), gettid(), sig) == 0, "signal %d", sig);
        CHECK(last.si_signo == sig && last.si_code == SI_TKILL && last.si_pid == getpid() && at, "signal %d", sig);
        struct ksigaction dfl = {0};
        syscall(SYS_rt_sigaction, sig, &dfl, NULL, 8);
    }
    CHECK(action(0, note, 0, 0) == -1 && action(65, note, 0, 0) == -1 && errno == EINVAL, "numbers out of range");
    CHECK(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 16) == -1 && errno == EINVAL, "size of the set");
}

static volatile int depth, deepest;

static void nested(int sig)
{
    if (++depth > deepest)
        deepest = depth;
    if (depth < 50)
        raise(sig);
    depth--;
}

static void test_flags(void)
{
    struct sigaction sa = {.sa_handler = nested, .sa_flags = SA_NODEFER}, now;
    sigaction(SIGUSR1, &sa, NULL);
    raise(SIGUSR1);
    CHECK(deepest == 50 && depth == 0, "SA_NODEFER: %d", deepest);
    sa.sa_flags = (int)SA_RESETHAND;
    deepest = 0;
    depth = 100;
    sigaction(SIGUSR1, &sa, NULL);
    raise(SIGUSR1);
    sigaction(SIGUSR1, NULL, &now);
    CHECK(deepest == 101 && now.sa_handler == SIG_DFL, "SA_RESETHAND");
    depth = 0;
    signal(SIGUSR1, SIG_IGN);
    raise(SIGUSR1);
    raise(SIGCHLD);
    raise(SIGURG);
    raise(SIGCONT);
    CHECK(deepest == 101, "ignored");
    for (int i = 0; i < 3; i++) { /* blocked, ignored, unblocked: gone */
        signal(SIGUSR1, SIG_DFL);
        setmask(SIG_BLOCK, bit(SIGUSR1));
        raise(SIGUSR1);
        signal(SIGUSR1, SIG_IGN);
        setmask(SIG_UNBLOCK, bit(SIGUSR1));
    }
    /* a synchronous signal sent while blocked stays pending */
    start();
    action(SIGSEGV, note, 0, 0);
    setmask(SIG_BLOCK, bit(SIGSEGV));
    kill(getpid(), SIGSEGV);
    unsigned long pending;
    syscall(SYS_rt_sigpending, &pending, 8);
    CHECK(pending == bit(SIGSEGV) && !at, "pending %lx", pending);
    setmask(SIG_UNBLOCK, bit(SIGSEGV));
    CHECK(!strcmp(trail, "11:0 "), "%s", trail);
    signal(SIGSEGV, SIG_DFL);
}

static void test_waits(void)
{
    sigset_t set;
    siginfo_t info;
    struct timespec zero = {0, 0}, some = {0, 20000000};
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGSEGV);
    sigaddset(&set, 50);
    sigprocmask(SIG_BLOCK, &set, NULL);
    CHECK(sigtimedwait(&set, &info, &zero) == -1 && errno == EAGAIN, "nothing there");
    CHECK(sigtimedwait(&set, &info, &some) == -1 && errno == EAGAIN, "nothing came");
    queue(50, 5);
    queue(50, 6);
    raise(SIGUSR2);
    CHECK(sigtimedwait(&set, &info, &zero) == SIGUSR2 && info.si_code == SI_USER, "standard first" /* as glibc says it */);
    CHECK(sigtimedwait(&set, &info, NULL) == 50 && info.si_value.sival_int == 5, "first instance");
    CHECK(sigwaitinfo(&set, &info) == 50 && info.si_value.sival_int == 6, "second instance");
    kill(getpid(), SIGSEGV);
    CHECK(sigtimedwait(&set, &info, &some) == SIGSEGV && info.si_code == SI_USER, "a synchronous one");
    if (!fork()) {
        usleep(20000);
        kill(getppid(), SIGSEGV);
        _exit(0);
    }
    CHECK(sigwaitinfo(&set, &info) == SIGSEGV && info.si_code == SI_USER, "a synchronous one later");
    wait(NULL);

    int fd = signalfd(-1, &set, 0);
    struct signalfd_siginfo si;
    queue(50, 77);
    CHECK(read(fd, &si, sizeof si) == sizeof si && si.ssi_signo == 50 && si.ssi_int == 77, "signalfd");
    close(fd);

    /* sigsuspend: the handler runs under the temporary mask, then the old mask is back */
    start();
    action(SIGUSR2, note, 0, 0);
    sigset_t none, old;
    sigemptyset(&none);
    raise(SIGUSR2);
    CHECK(!at, "blocked");
    CHECK(sigsuspend(&none) == -1 && errno == EINTR && at, "sigsuspend");
    sigprocmask(SIG_BLOCK, NULL, &old);
    CHECK(sigismember(&old, SIGUSR2) && sigismember(&old, 50), "mask restored");
    start();
    raise(SIGUSR2);
    CHECK(ppoll(NULL, 0, NULL, &none) == -1 && errno == EINTR && at, "ppoll");
    start();
    raise(SIGUSR2);
    CHECK(pselect(0, NULL, NULL, NULL, NULL, &none) == -1 && errno == EINTR && at, "pselect");
    /* no lost wake-up: a timer races with the call a thousand times */
    struct itimerval it = {.it_value = {0, 30}};
    action(SIGALRM, note, 0, 0);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < 1000; i++) {
        start();
        it.it_value.tv_usec = 1 + i % 60;
        setitimer(ITIMER_REAL, &it, NULL);
        while (!at)
            sigsuspend(&none);
        CHECK(!strcmp(trail, "14:128 "), "%s", trail);
    }
}

/* Two threads send each other a million... or as many signals as two seconds allow; none is lost. */
static volatile int pings;
static void ping(int sig, siginfo_t *info, void *uc)
{
    (void)sig;
    (void)info;
    (void)uc;
    pings++;
}
static void *sender(void *arg)
{
    union sigval v = {.sival_int = 1};
    for (int i = 0; i < 20000; i++)
        while (pthread_sigqueue(*(pthread_t *)arg, 45, v) == EAGAIN)
            usleep(100);
    return NULL;
}

static void test_none_lost(void)
{
    pthread_t self = pthread_self(), t;
    action(45, ping, SA_RESTART, 0);
    setmask(SIG_SETMASK, 0);
    pthread_create(&t, NULL, sender, &self);
    while (pings < 20000)
        poll(NULL, 0, 1);
    pthread_join(t, NULL);
    CHECK(pings == 20000, "%d", pings);
}

int main(void)
{
    test_order();
    test_every_number();
    test_flags();
    test_waits();
    test_none_lost();
    return check_done();
}

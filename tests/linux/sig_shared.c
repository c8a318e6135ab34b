/*
 * Guest test: signals that faults raise too, sent to the process: a thread that does not block them takes them, whichever thread
 * the kernel would ask first; while all block them they wait for the first that unblocks, asks for or suspends itself for them.
 * The same source built for the host gives the expected results.
 */
#include "../check.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
enum { SIGNALS = sizeof signals / sizeof signals[0] };

static _Atomic int taken_by, taken, last_code, role, ready, sum;
static int self;

static void note(int sig, siginfo_t *info, void *uc)
{
    (void)uc;
    taken_by = (int)syscall(SYS_gettid);
    last_code = info->si_pid == getpid() ? info->si_code : -100;
    taken = sig;
}

static void mask(int how)
{
    sigset_t s;
    sigemptyset(&s);
    for (int i = 0; i < SIGNALS; i++)
        sigaddset(&s, signals[i]);
    pthread_sigmask(how, &s, NULL);
}

static bool await(_Atomic int *what, int value)
{
    for (int i = 0; *what != value && i < 5000; i++)
        usleep(1000);
    return *what == value;
}

enum { COMPUTE, SLEEP, WAIT, TIMED, SUSPEND, BLOCKED, END };

static void *worker(void *arg)
{
    sigset_t all, none;
    siginfo_t info;
    sigfillset(&all);
    sigemptyset(&none);
    ready = (int)syscall(SYS_gettid);
    for (int now; (now = role) != END;) {
        switch (now) {
        case COMPUTE:
            mask(SIG_UNBLOCK);
            for (int i = 0; i < 10000; i++)
                sum += i;
            break;
        case SLEEP:
            mask(SIG_UNBLOCK);
            nanosleep(&(struct timespec){0, 200000000}, NULL);
            break;
        case WAIT:
        case TIMED:
            mask(SIG_BLOCK);
            if (sigtimedwait(&all, &info, &(struct timespec){now == WAIT ? 10 : 0, 1000000}) > 0)
                note(info.si_signo, &info, NULL);
            break;
        case SUSPEND:
            mask(SIG_BLOCK);
            sigsuspend(&none);
            break;
        default:
            mask(SIG_BLOCK);
            usleep(1000);
        }
    }
    return arg;
}

static bool pending(int sig)
{
    sigset_t s;
    sigpending(&s);
    return sigismember(&s, sig);
}

int main(void)
{
    pthread_t t;
    self = (int)syscall(SYS_gettid);
    mask(SIG_BLOCK);
    for (int i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &(struct sigaction){.sa_sigaction = note, .sa_flags = SA_SIGINFO}, NULL);
    role = COMPUTE;
    pthread_create(&t, NULL, worker, NULL);
    for (int r = COMPUTE; r <= SUSPEND; r++) {
        role = r;
        usleep(30000);
        for (int i = 0; i < SIGNALS * 3; i++) {
            int sig = signals[i % SIGNALS];
            taken = taken_by = 0;
            kill(getpid(), sig);
            CHECK(await(&taken, sig) && taken_by == ready && last_code == SI_USER, "role %d, signal %d: %d taken by %d, not %d, code %d", r, sig, taken, taken_by, ready, last_code);
        }
        if (r == SUSPEND || r == WAIT) { /* out of its wait */
            role = BLOCKED;
            taken = 0;
            kill(getpid(), SIGTRAP);
            await(&taken, SIGTRAP);
        }
    }
    role = BLOCKED;
    usleep(20000);
    for (int i = 0; i < SIGNALS; i++) {
        int sig = signals[i];
        sigset_t one;
        sigemptyset(&one);
        sigaddset(&one, sig);
        taken = taken_by = 0;
        kill(getpid(), sig);
        kill(getpid(), sig);
        usleep(5000);
        CHECK(!taken && pending(sig), "signal %d waits: taken %d", sig, taken);
        pid_t pid = fork();
        if (!pid)
            _exit(pending(sig));
        int status;
        waitpid(pid, &status, 0);
        CHECK(status == 0, "a child inherits what is pending");
        if (i & 1) {
            pthread_sigmask(SIG_UNBLOCK, &one, NULL);
            CHECK(taken == sig && taken_by == self, "signal %d: %d taken by %d", sig, taken, taken_by);
            pthread_sigmask(SIG_BLOCK, &one, NULL);
        } else {
            siginfo_t info = {0};
            CHECK(sigtimedwait(&one, &info, &(struct timespec){0, 0}) == sig && info.si_code == SI_USER && info.si_pid == getpid(), "signal %d: code %d", sig, info.si_code);
        }
        CHECK(!pending(sig), "one instance");
        kill(getpid(), sig);
        signal(sig, SIG_IGN);
        CHECK(!pending(sig), "ignored: nothing waits");
    }
    role = END;
    pthread_join(t, NULL);
    return check_done();
}

/*
 * Guest test: C++ exceptions through signal frames: thrown by handlers of faults and of signals sent to oneself, on the
 * ordinary and on an alternate stack, nested, and with destructors on both sides of the frame.
 * Built with -fnon-call-exceptions.  The same source built for the host gives the expected results.
 */
#include "../check.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <stdexcept>

struct fault {
    int sig, code;
    void *addr;
};

static int alive;
struct guard {
    guard() { alive++; }
    ~guard() { alive--; }
};

static volatile int handlers;

static void throwing(int sig, siginfo_t *info, void *)
{
    guard g;
    sigset_t s;
    handlers = handlers + 1;
    sigemptyset(&s); /* nobody returns from this handler */
    sigaddset(&s, sig);
    sigprocmask(SIG_UNBLOCK, &s, nullptr);
    throw fault{sig, info->si_code, info->si_addr};
}

static void set(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
    struct sigaction sa;
    memset(&sa, 0, sizeof sa);
    sa.sa_sigaction = fn;
    sa.sa_flags = SA_SIGINFO | flags;
    sigaction(sig, &sa, nullptr);
}

__attribute__((noinline)) static long load(volatile long *p, int depth)
{
    guard g;
    if (depth)
        return load(p, depth - 1) + 1;
    return *p;
}

static void test_fault(int flags, long *bad)
{
    for (int i = 0; i < 200; i++) {
        int caught = 0;
        try {
            guard outer;
            load(bad, i % 7);
        } catch (const fault &f) {
            caught = f.sig == SIGSEGV && f.addr == bad;
        }
        CHECK(caught && alive == 0, "round %d: caught %d, alive %d", i, caught, alive);
    }
}

/* A handler that itself faults, and catches that. */
static void catching(int sig, siginfo_t *info, void *)
{
    guard g;
    (void)info;
    try {
        load(nullptr, 2);
    } catch (const fault &) {
        handlers = handlers + 100;
    }
    if (sig == SIGUSR2)
        throw std::runtime_error("from the handler");
}

static void test_nested()
{
    set(SIGUSR1, catching, SA_NODEFER);
    set(SIGUSR2, catching, SA_NODEFER | SA_ONSTACK);
    handlers = 0;
    raise(SIGUSR1);
    CHECK(handlers == 101 && alive == 0, "%d, %d alive", handlers, alive);
    bool caught = false;
    sigset_t block, old;
    sigemptyset(&block);
    sigaddset(&block, SIGUSR2);
    sigprocmask(SIG_BLOCK, &block, &old);
    raise(SIGUSR2);
    try {
        sigsuspend(&old); /* unlike raise, it may throw */
    } catch (const std::runtime_error &e) {
        caught = !strcmp(e.what(), "from the handler");
    }
    CHECK(caught && alive == 0 && handlers == 202, "%d, %d alive", handlers, alive);
}

/* Out of a system call that waits, and nowhere else: the alarm may come before the wait, however short the way there. */
static void test_waiting()
{
    sigset_t block, old;
    sigemptyset(&block);
    sigaddset(&block, SIGALRM);
    set(SIGALRM, throwing, SA_RESTART);
    for (int i = 0; i < 20; i++) {
        bool caught = false;
        try {
            guard g;
            sigprocmask(SIG_BLOCK, &block, &old);
            ualarm(2000, 0);
            sigsuspend(&old);
        } catch (const fault &f) {
            caught = f.sig == SIGALRM;
        }
        CHECK(caught && alive == 0, "%d alive", alive);
    }
}

int main()
{
    static char stack[128 * 1024];
    stack_t ss;
    memset(&ss, 0, sizeof ss);
    ss.ss_sp = stack;
    ss.ss_size = sizeof stack;
    sigaltstack(&ss, nullptr);
    long *page = static_cast<long *>(mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    set(SIGSEGV, throwing, 0);
    test_fault(0, page);
    test_fault(0, nullptr);
    set(SIGSEGV, throwing, SA_ONSTACK);
    test_fault(SA_ONSTACK, page + 3);
    test_nested();
    test_waiting();
    return check_done();
}

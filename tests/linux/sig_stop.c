/*
 * Guest test: stop and continue as the parent sees them (waitpid, waitid, SIGCHLD), handlers that stop the process themselves,
 * several threads, orphaned process groups, and core-dumping signals that wait while the process is stopped.
 * The same source built for the host gives the expected results.
 */
#include "../check.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct shared {
    _Atomic int ready, handled, order[8];
    _Atomic unsigned long work[4];
} *shared;

static void set(int sig, void (*fn)(int), int flags)
{
    struct sigaction sa = {.sa_handler = fn, .sa_flags = flags};
    sigaction(sig, &sa, NULL);
}

static void until_ready(int n)
{
    while (shared->ready < n)
        usleep(500);
}

static pid_t start(void (*fn)(void))
{
    memset(shared, 0, sizeof *shared);
    pid_t pid = fork();
    if (!pid) {
        setpgid(0, 0);
        fn();
        _exit(99);
    }
    setpgid(pid, pid);
    return pid;
}

static void end(pid_t pid)
{
    int status;
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, &status, WUNTRACED | WCONTINUED) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%x", status);
}

/* The next news of the child: "stopped by sig" (sig), "continued" (-1). */
static void expect(pid_t pid, int sig, const char *what)
{
    siginfo_t info = {0};
    int status = 0;
    CHECK(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WCONTINUED | WEXITED | WNOWAIT) == 0, "%s", what);
    CHECK(info.si_pid == pid && info.si_signo == SIGCHLD && info.si_code == (sig < 0 ? CLD_CONTINUED : CLD_STOPPED) && info.si_status == (sig < 0 ? SIGCONT : sig),
          "%s: code %d, status %d", what, info.si_code, info.si_status);
    CHECK(waitpid(pid, &status, WUNTRACED | WCONTINUED) == pid && (sig < 0 ? WIFCONTINUED(status) : WIFSTOPPED(status) && WSTOPSIG(status) == sig), "%s: %x", what, status);
}

static void nothing(pid_t pid, const char *what)
{
    int status = 0;
    CHECK(waitpid(pid, &status, WUNTRACED | WCONTINUED | WNOHANG) == 0, "%s: %x", what, status);
}

static void computes(void)
{
    shared->ready = 1;
    for (;;)
        shared->work[0]++;
}
static void waits(void)
{
    shared->ready = 1;
    for (;;)
        pause();
}

static void test_defaults(void (*body)(void))
{
    static const int signals[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
    pid_t pid = start(body);
    until_ready(1);
    for (int round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 4; i++) {
            kill(pid, signals[i]);
            expect(pid, signals[i], "stop");
            nothing(pid, "told once");
            unsigned long before = shared->work[0];
            usleep(3000);
            CHECK(shared->work[0] == before, "runs while stopped");
            kill(pid, SIGCONT);
            expect(pid, -1, "continue");
            nothing(pid, "told once");
        }
    }
    end(pid);
}

/* -- handlers ------------------------------------------------------------------------------------------------ */

static void on_tstp(int sig) /* as editors do */
{
    sigset_t s, old;
    shared->handled++;
    set(sig, SIG_DFL, 0);
    raise(sig);
    sigemptyset(&s);
    sigaddset(&s, sig);
    sigprocmask(SIG_UNBLOCK, &s, &old); /* stops here */
    shared->order[0]++;
    sigprocmask(SIG_SETMASK, &old, NULL);
    set(sig, on_tstp, SA_RESTART);
}
static void on_cont(int sig)
{
    (void)sig;
    shared->order[1]++;
}
static void handles(void)
{
    set(SIGTSTP, on_tstp, SA_RESTART);
    set(SIGCONT, on_cont, SA_RESTART);
    computes();
}

static void test_handlers(void)
{
    pid_t pid = start(handles);
    until_ready(1);
    for (int i = 1; i <= 5; i++) {
        kill(pid, SIGTSTP);
        expect(pid, SIGTSTP, "stops itself");
        CHECK(shared->handled == i && shared->order[0] == i - 1, "%d %d", shared->handled, shared->order[0]);
        kill(pid, SIGCONT);
        expect(pid, -1, "continues");
        while (shared->order[0] < i)
            usleep(500);
        CHECK(shared->order[1] == i, "SIGCONT handler ran %d times", shared->order[1]);
        usleep(2000); /* back in its loop */
    }
    kill(pid, SIGCONT); /* not stopped: nobody is told, the handler runs */
    while (shared->order[1] < 6)
        usleep(500);
    nothing(pid, "SIGCONT of a running process");
    end(pid);
}

static void blocked(void)
{
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, SIGTSTP);
    sigaddset(&s, SIGCONT);
    sigprocmask(SIG_BLOCK, &s, NULL);
    computes();
}
static void ignored(void)
{
    set(SIGTSTP, SIG_IGN, 0);
    set(SIGCONT, SIG_IGN, 0);
    computes();
}

static void test_blocked(void)
{
    pid_t pid = start(blocked);
    until_ready(1);
    kill(pid, SIGTSTP);
    usleep(5000);
    nothing(pid, "blocked SIGTSTP");
    kill(pid, SIGSTOP);
    expect(pid, SIGSTOP, "stop");
    kill(pid, SIGCONT); /* blocked, and continues; drops the SIGTSTP */
    expect(pid, -1, "continue");
    end(pid);
    pid = start(ignored);
    until_ready(1);
    kill(pid, SIGTSTP);
    usleep(5000);
    nothing(pid, "ignored SIGTSTP");
    kill(pid, SIGSTOP);
    expect(pid, SIGSTOP, "stop");
    kill(pid, SIGCONT);
    expect(pid, -1, "continue");
    end(pid);
}

/* -- threads ------------------------------------------------------------------------------------------------- */

static void *works(void *arg)
{
    _Atomic unsigned long *n = arg;
    shared->ready++;
    for (;;)
        ++*n;
    return arg;
}
static void *sleeps(void *arg)
{
    shared->ready++;
    for (;;)
        pause();
    return arg;
}
static void threads(void)
{
    pthread_t t;
    for (int i = 1; i < 4; i++)
        pthread_create(&t, NULL, i < 3 ? works : sleeps, (void *)&shared->work[i]);
    shared->ready++;
    for (;;)
        shared->work[0]++;
}

static void test_threads(void)
{
    pid_t pid = start(threads);
    until_ready(4);
    for (int i = 0; i < 10; i++) {
        unsigned long before[3];
        kill(pid, i & 1 ? SIGSTOP : SIGTTIN);
        expect(pid, i & 1 ? SIGSTOP : SIGTTIN, "all threads stop");
        for (int k = 0; k < 3; k++)
            before[k] = shared->work[k];
        usleep(3000);
        for (int k = 0; k < 3; k++)
            CHECK(before[k] == shared->work[k], "thread %d runs", k);
        kill(pid, SIGCONT);
        expect(pid, -1, "all threads go on");
        for (int k = 0; k < 3; k++)
            for (int n = 0; before[k] == shared->work[k] && n < 2000; n++)
                usleep(1000);
        CHECK(before[0] != shared->work[0] && before[1] != shared->work[1] && before[2] != shared->work[2], "all go on");
    }
    end(pid);
}

/* -- what the parent is told ----------------------------------------------------------------------------------- */

static volatile int told;
static siginfo_t last;
static void on_child(int sig, siginfo_t *info, void *uc)
{
    (void)sig;
    (void)uc;
    last = *info;
    told++;
}

static void test_sigchld(void)
{
    struct sigaction sa = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_RESTART};
    pid_t pid = start(waits);
    until_ready(1);
    sigaction(SIGCHLD, &sa, NULL);
    told = 0;
    kill(pid, SIGTSTP);
    expect(pid, SIGTSTP, "stop");
    for (int i = 0; !told && i < 1000; i++)
        usleep(1000);
    CHECK(told == 1 && last.si_code == CLD_STOPPED && last.si_status == SIGTSTP && last.si_pid == pid, "%d: code %d, status %d", told, last.si_code, last.si_status);
    kill(pid, SIGCONT);
    expect(pid, -1, "continue");
    for (int i = 0; told < 2 && i < 1000; i++)
        usleep(1000);
    CHECK(told == 2 && last.si_code == CLD_CONTINUED && last.si_status == SIGCONT, "%d: code %d, status %d", told, last.si_code, last.si_status);
    sa.sa_flags |= SA_NOCLDSTOP;
    sigaction(SIGCHLD, &sa, NULL);
    kill(pid, SIGTSTP);
    expect(pid, SIGTSTP, "stop");
    kill(pid, SIGCONT);
    expect(pid, -1, "continue");
    usleep(5000);
    CHECK(told == 2, "SA_NOCLDSTOP: told %d times", told);
    signal(SIGCHLD, SIG_DFL);
    end(pid);
}

/* A signal that ends the process comes while it is stopped: it ends when it continues.  SIGKILL does not wait. */
static void test_end_while_stopped(void)
{
    int status;
    const int signals[] = {SIGTERM, SIGQUIT, SIGSEGV, SIGRTMIN};
    for (unsigned i = 0; i < 4; i++) {
        pid_t pid = start(i & 1 ? computes : waits);
        until_ready(1);
        kill(pid, SIGSTOP);
        expect(pid, SIGSTOP, "stop");
        kill(pid, signals[i]);
        usleep(5000);
        nothing(pid, "stopped");
        kill(pid, SIGCONT);
        do
            CHECK(waitpid(pid, &status, WUNTRACED | WCONTINUED) == pid, "wait");
        while (WIFCONTINUED(status));
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == signals[i], "%d: %x", signals[i], status);
    }
    pid_t pid = start(waits);
    until_ready(1);
    kill(pid, SIGSTOP);
    expect(pid, SIGSTOP, "stop");
    end(pid);
}

/* Terminal stops do nothing in an orphaned process group; SIGSTOP does. */
static void orphan(void)
{
    pid_t pid = fork();
    if (pid)
        _exit(0); /* the group's only link to its session */
    setsid();
    shared->order[0] = getpid();
    while (getppid() == shared->order[1])
        usleep(500);
    raise(SIGTSTP);
    raise(SIGTTIN);
    kill(getpid(), SIGTTOU);
    shared->ready = 1;
    _exit(0);
}

static void test_orphans(void)
{
    pid_t pid = start(orphan);
    int status;
    shared->order[1] = pid;
    waitpid(pid, &status, 0);
    for (int i = 0; !shared->ready && i < 2000; i++)
        usleep(1000);
    CHECK(shared->ready == 1, "an orphaned group was stopped by a terminal signal");
    if (!shared->ready)
        kill(shared->order[0], SIGKILL);
}

int main(void)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    test_defaults(computes);
    test_defaults(waits);
    test_handlers();
    test_blocked();
    test_threads();
    test_sigchld();
    test_end_while_stopped();
    test_orphans();
    return check_done();
}

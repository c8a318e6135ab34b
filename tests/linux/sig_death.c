/*
 * Guest test: how processes end and what their parents see: default actions of all signals, forced synchronous ones,
 * exit codes, job control, ignored children.
 */
#include "../check.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int run(void (*fn)(void *), void *arg)
{
    int status = -1;
    pid_t pid = fork();
    if (!pid) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        fn(arg);
        _exit(99);
    }
    waitpid(pid, &status, 0);
    return status;
}

static void raise_it(void *arg)
{
    syscall(SYS_tgkill, getpid(), gettid(), *(int *)arg);
    _exit(55);
}
static void raise_blocked_then_default(void *arg)
{
    int sig = *(int *)arg;
    sigset_t s;
    signal(sig, SIG_DFL);
    sigemptyset(&s);
    sigaddset(&s, sig);
    sigprocmask(SIG_BLOCK, &s, NULL);
    raise(sig);
    sigprocmask(SIG_UNBLOCK, &s, NULL);
    _exit(56);
}
static void null_load(void *arg)
{
    (void)arg;
    (void)*(volatile int *)8;
}
static void null_load_ignored(void *arg)
{
    signal(SIGSEGV, SIG_IGN);
    null_load(arg);
}
static void null_load_blocked(void *arg)
{
    sigset_t s;
    sigfillset(&s);
    signal(SIGSEGV, (void (*)(int))(void *)null_load);
    sigprocmask(SIG_BLOCK, &s, NULL);
    null_load(arg);
}
static void illegal(void *arg)
{
    (void)arg;
    __asm__ volatile(".4byte 0");
}
static void on_segv(int sig)
{
    _exit(sig + 40);
}
static char small_stack[16384];
static void bad_stack(void *arg)
{
    stack_t ss = {.ss_sp = small_stack, .ss_size = sizeof small_stack};
    struct sigaction sa = {.sa_handler = on_segv, .sa_flags = arg ? SA_ONSTACK : 0};
    sigaltstack(&ss, NULL);
    sigaction(SIGSEGV, &sa, NULL);
    signal(SIGUSR1, on_segv);
    register long a7 __asm__("a7") = SYS_tgkill;
    register long a0 __asm__("a0") = getpid();
    register long a1 __asm__("a1") = gettid();
    register long a2 __asm__("a2") = SIGUSR1;
    __asm__ volatile("li sp, 64\n ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
}
static void exit_with(void *arg)
{
    _exit(*(int *)arg);
}
static void *other_exits(void *arg)
{
    usleep(20000);
    syscall(SYS_exit_group, *(int *)arg);
    return NULL;
}
static void group_exit_from_thread(void *arg)
{
    pthread_t t;
    pthread_create(&t, NULL, other_exits, arg);
    for (;;)
        pause();
}
static void *outlive(void *arg)
{
    usleep(50000);
    (void)arg;
    syscall(SYS_exit, 3);
    return NULL;
}
static void main_exits_first(void *arg)
{
    pthread_t t;
    pthread_create(&t, NULL, outlive, NULL);
    syscall(SYS_exit, *(int *)arg);
}
static void *thread_faults(void *arg)
{
    null_load(arg);
    return NULL;
}
static void fault_in_thread(void *arg)
{
    pthread_t t;
    pthread_create(&t, NULL, thread_faults, arg);
    for (;;)
        pause();
}

/*
 * Whoever started the test may ignore or block signals: make(1) leaves 32 and 33 ignored, a background job SIGINT.
 * The C library's calls refuse the former.
 */
static void default_signals(void)
{
    const struct {
        void *handler;
        unsigned long flags;
        uint64_t mask;
    } none = {0};
    const uint64_t empty = 0;
    for (int sig = 1; sig <= 64; sig++)
        syscall(SYS_rt_sigaction, sig, &none, NULL, sizeof empty);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &empty, NULL, sizeof empty);
}

int main(void)
{
    int code;
    default_signals();
    for (int sig = 1; sig <= 64; sig++) {
        if (sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU)
            continue; /* nobody would continue the child */
        int status = run(raise_it, &sig);
        if (sig == SIGCHLD || sig == SIGCONT || sig == SIGURG || sig == SIGWINCH)
            CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 55, "ignored signal %d: %x", sig, status);
        else
            CHECK(WIFSIGNALED(status) && WTERMSIG(status) == sig, "signal %d: %x", sig, status);
    }
    code = SIGTERM;
    CHECK(WTERMSIG(run(raise_blocked_then_default, &code)) == SIGTERM, "blocked, then default");
    code = SIGSEGV;
    CHECK(WTERMSIG(run(raise_blocked_then_default, &code)) == SIGSEGV, "blocked, then default");
    int status = run(null_load, NULL);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "%x", status);
    status = run(null_load_ignored, NULL);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "ignored: %x", status);
    status = run(null_load_blocked, NULL);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "blocked: %x", status);
    status = run(illegal, NULL);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGILL, "%x", status);
    status = run(bad_stack, NULL);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "no stack for a frame: %x", status);
    status = run(bad_stack, &code);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 40 + SIGSEGV, "SIGSEGV handler on its own stack: %x", status);
    for (code = 0; code < 256; code += 51) {
        status = run(exit_with, &code);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == code, "%d: %x", code, status);
        status = run(group_exit_from_thread, &code);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == code, "exit_group by a thread, %d: %x", code, status);
        status = run(main_exits_first, &code);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3, "the last thread's code counts, %d: %x", code, status);
    }
    status = run(fault_in_thread, NULL);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "fault in a thread: %x", status);

    /* job control */
    pid_t pid = fork();
    if (!pid)
        for (;;)
            pause();
    kill(pid, SIGSTOP);
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP, "%x", status);
    kill(pid, SIGCONT);
    CHECK(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status), "%x", status);
    kill(pid, SIGTERM);
    CHECK(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGTERM, "%x", status);
    /* ignored children leave no zombie */
    signal(SIGCHLD, SIG_IGN);
    pid = fork();
    if (!pid)
        _exit(1);
    CHECK(waitpid(pid, &status, 0) == -1 && errno == ECHILD, "SIGCHLD ignored");
    struct sigaction sa = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
    sigaction(SIGCHLD, &sa, NULL);
    pid = fork();
    if (!pid)
        _exit(1);
    CHECK(waitpid(pid, &status, 0) == -1 && errno == ECHILD, "SA_NOCLDWAIT");
    return check_done();
}

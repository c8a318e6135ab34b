/*
 * Guest test: processes: fork from threads, vfork that shares memory, posix_spawn, CLONE_VM processes that run beside their
 * parent, clone3, exit signals, pidfds, execve from a thread.
 */
#include "../check.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char self[4096];

/* Allocates all the time, so that a fork often happens with the allocator's lock held. */
static _Atomic int stop;
static void *allocate(void *arg)
{
    while (!stop) {
        void *p = malloc(100 + (size_t)rand() % 5000);
        memset(p, 1, 100);
        free(p);
    }
    return arg;
}

static void *forker(void *arg)
{
    long failures = 0;
    for (int i = 0; i < 60; i++) {
        int status = -1;
        pid_t pid = fork();
        if (!pid) {
            void *p = malloc(1000);
            memset(p, 2, 1000);
            free(p);
            _exit(gettid() == getpid() ? i : 255);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != i)
            failures++;
    }
    (void)arg;
    return (void *)failures;
}

static void test_fork(void)
{
    pthread_t busy[2], t[3];
    for (int i = 0; i < 2; i++)
        pthread_create(&busy[i], NULL, allocate, NULL);
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, forker, NULL);
    for (int i = 0; i < 3; i++) {
        void *r;
        pthread_join(t[i], &r);
        CHECK(!r, "%ld failed forks", (long)r);
    }
    stop = 1;
    for (int i = 0; i < 2; i++)
        pthread_join(busy[i], NULL);
}

/* A child made by a thread makes threads of its own and ends by pthread_exit of its first. */
static void *child_thread(void *arg)
{
    usleep(10000);
    (void)arg;
    exit(42);
}
static void *fork_then_threads(void *arg)
{
    int status = -1;
    pid_t pid = fork();
    if (!pid) {
        pthread_t t;
        pthread_create(&t, NULL, child_thread, NULL);
        syscall(SYS_exit, 1);
    }
    waitpid(pid, &status, 0);
    *(int *)arg = status;
    return NULL;
}

static volatile int shared;
static void test_vfork(void)
{
    int status;
    pid_t pid = vfork();
    if (!pid) {
        shared = 5;
        _exit(6);
    }
    CHECK(pid > 0 && shared == 5, "memory is shared: %d", shared);
    CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 6, "%x", status);
    pid = vfork();
    if (!pid) {
        execl("/nonexistent", "x", NULL);
        shared = errno;
        _exit(7);
    }
    waitpid(pid, &status, 0);
    CHECK(shared == ENOENT && WEXITSTATUS(status) == 7, "exec that fails: %d", shared);
    pid = vfork();
    if (!pid) {
        execl(self, self, "child", "9", NULL);
        _exit(127);
    }
    waitpid(pid, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 9, "%x", status);
    pid = vfork();
    if (!pid) {
        raise(SIGTERM);
        _exit(127);
    }
    waitpid(pid, &status, 0);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "%x", status);
    char *before = sbrk(0);
    pid = vfork();
    if (!pid)
        _exit(sbrk(65536) == before ? 0 : 1);
    waitpid(pid, &status, 0);
    char *after = sbrk(0);
    CHECK(status == 0 && after == before + 65536 && sbrk(4096) == after, "one break: moved by %ld", (long)(after - before));
}

static volatile int handled;
static void on_signal(int sig)
{
    handled = sig;
}
static void test_vfork_signals(void)
{
    int status;
    signal(SIGUSR1, on_signal);
    pid_t pid = vfork();
    if (!pid) {
        raise(SIGUSR1); /* the handlers are the parent's */
        shared = handled;
        handled = 0;
        signal(SIGUSR1, SIG_DFL); /* the parent's do not change */
        _exit(0);
    }
    waitpid(pid, &status, 0);
    CHECK(shared == SIGUSR1, "handler in the child");
    raise(SIGUSR1);
    CHECK(handled == SIGUSR1, "handler in the parent");
}

static void *spawner(void *arg)
{
    long failures = 0;
    char code[8];
    for (int i = 0; i < 25; i++) {
        pid_t pid;
        int status = -1;
        snprintf(code, sizeof code, "%d", i + 1);
        char *argv[] = {self, "child", code, NULL};
        if (posix_spawn(&pid, self, NULL, NULL, argv, environ) || waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != i + 1)
            failures++;
    }
    (void)arg;
    return (void *)failures;
}

static void test_spawn(void)
{
    pthread_t t[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, spawner, NULL);
    for (int i = 0; i < 2; i++) {
        void *r;
        pthread_join(t[i], &r);
        CHECK(!r, "%ld failed spawns", (long)r);
    }
    pid_t pid;
    char *argv[] = {"x", NULL};
    CHECK(posix_spawn(&pid, "/nonexistent", NULL, NULL, argv, environ) == ENOENT, "spawn of nothing");
}

static _Atomic int beside;
static char child_stack[2][65536] __attribute__((aligned(16)));
static int runs_beside(void *arg)
{
    for (int i = 0; i < 100; i++) {
        beside++;
        sched_yield();
    }
    while (beside < 200) /* the parent is not suspended */
        sched_yield();
    (void)arg;
    return 11;
}
static void test_clone_vm(void)
{
    int status, ptid = 0, ctid = 1;
    pid_t pid = clone(runs_beside, child_stack[0] + sizeof child_stack[0], CLONE_VM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, NULL, &ptid,
                      NULL, &ctid);
    CHECK(pid > 0 && ptid == pid, "clone: %d %d", pid, ptid);
    while (beside < 100)
        sched_yield();
    beside += 100;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 11, "%x", status);
    CHECK(ctid == 0, "CLONE_CHILD_CLEARTID");
}

/* The first thread of such a process ends before another, which goes on; the process ends with the last one's code. */
static _Atomic int outlived;
static int outlives(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20000; i++) {
        outlived++;
        if (i % 100 == 0)
            syscall(SYS_sched_yield);
    }
    syscall(SYS_exit, 21);
    return 0;
}
static int ends_first(void *arg)
{
    (void)arg;
    clone(outlives, child_stack[1] + sizeof child_stack[1], CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, NULL);
    syscall(SYS_exit, 20);
    return 0;
}
static void test_outlived(int flags)
{
    int status;
    outlived = 0;
    pid_t pid = clone(ends_first, child_stack[0] + sizeof child_stack[0], flags | SIGCHLD, NULL);
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 21 && outlived == 20000, "%x after %d", status, outlived);
}

/* CLONE_SIGHAND: one table of handlers for both processes. */
static _Atomic int told;
static _Atomic pid_t ran_in;
static void note_pid(int sig)
{
    (void)sig;
    ran_in = getpid();
}
static int shares_handlers(void *arg)
{
    (void)arg;
    told = 1;
    while (told != 2)
        sched_yield();
    kill(getpid(), SIGUSR1); /* by now the parent has set a handler */
    signal(SIGUSR2, note_pid);
    signal(SIGHUP, SIG_IGN);
    return 12;
}
static int execs(void *arg)
{
    execl(self, self, "child", "78", NULL);
    (void)arg;
    return 1;
}
static int dies(void *arg)
{
    (void)arg;
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    *(volatile int *)8 = 1;
    return 1;
}
static sigjmp_buf jump;
static void jump_out(int sig)
{
    (void)sig;
    siglongjmp(jump, 1);
}
static void test_sighand(void)
{
    const int flags[] = {CLONE_VM | CLONE_SIGHAND | SIGCHLD, CLONE_VM | CLONE_SIGHAND | CLONE_VFORK | SIGCHLD};
    int status;
    volatile int code = 0;
    struct sigaction sa;
    signal(SIGUSR1, SIG_IGN);
    pid_t pid = clone(shares_handlers, child_stack[0] + sizeof child_stack[0], flags[0], NULL);
    while (told != 1)
        sched_yield();
    signal(SIGUSR1, note_pid);
    told = 2;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 12, "%x", status);
    CHECK(ran_in == pid, "the parent's handler ran in %d, not %d", ran_in, pid);
    raise(SIGUSR2);
    CHECK(ran_in == getpid(), "the child's handler");
    sigaction(SIGHUP, NULL, &sa);
    CHECK(sa.sa_handler == SIG_IGN && !raise(SIGHUP), "ignored by the child");
    signal(SIGHUP, SIG_DFL);
    for (unsigned i = 0; i < 2; i++) {
        pid = clone(execs, child_stack[0] + sizeof child_stack[0], flags[i], NULL);
        CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 78, "%x", status);
        signal(SIGSEGV, SIG_DFL);
        pid = clone(dies, child_stack[0] + sizeof child_stack[0], flags[i], NULL);
        CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "%x", status);
        ran_in = 0;
        raise(SIGUSR2);
        CHECK(ran_in == getpid(), "handlers outlive the child");
        signal(SIGSEGV, jump_out);
        if (!sigsetjmp(jump, 1))
            *(volatile int *)8 = 1;
        else
            code++;
    }
    CHECK(code == 2, "faults after the child's: %d", code);
    signal(SIGSEGV, SIG_DFL);
    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
}

struct clone3_args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
static void test_clone3(void)
{
    int pidfd = -1, ctid = 0, ptid = 0, status;
    struct clone3_args a = {.flags = CLONE_PIDFD | CLONE_CHILD_SETTID | CLONE_PARENT_SETTID, .pidfd = (uint64_t)&pidfd, .child_tid = (uint64_t)&ctid,
                            .parent_tid = (uint64_t)&ptid, .exit_signal = SIGUSR2};
    signal(SIGUSR2, on_signal);
    handled = 0;
    long pid = syscall(SYS_clone3, &a, sizeof a);
    if (!pid)
        _exit(ctid == getpid() ? 21 : 22);
    siginfo_t info;
    CHECK(pid > 0 && pidfd >= 0 && ptid == pid && ctid == 0, "clone3: %ld pidfd %d ptid %d", pid, pidfd, ptid);
    CHECK(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | __WALL) == 0 && info.si_status == 21, "status %d", info.si_status);
    CHECK(handled == SIGUSR2, "exit signal");
    close(pidfd);
    CHECK(syscall(SYS_clone3, &a, 8) == -1 && errno == EINVAL, "short");
    CHECK(syscall(SYS_clone3, &a, 100000) == -1 && errno == E2BIG, "long");
    CHECK(syscall(SYS_clone3, 0x7dfffffff000, 6431) == -1 && errno == E2BIG, "long, at the end of what can be mapped: errno %d", errno);
    a.flags = CLONE_THREAD;
    CHECK(syscall(SYS_clone3, &a, sizeof a) == -1 && errno == EINVAL, "thread without the rest");
    CHECK(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0) == -1 && errno == EINVAL, "SIGHAND without VM");
    pid = syscall(SYS_clone, 0, 0, 0, 0, 0); /* no exit signal: a "clone child" */
    if (!pid)
        _exit(3);
    CHECK(waitpid((pid_t)pid, &status, __WCLONE) == pid && WEXITSTATUS(status) == 3, "%x", status);
}

static int returns_three(void *arg)
{
    (void)arg;
    return 3;
}

/* A child may tell of its end by any signal, those of faults included. */
static void test_exit_signals(void)
{
    static const int flags[] = {0, CLONE_VM, CLONE_VM | CLONE_VFORK}, signals[] = {SIGCHLD, SIGUSR2, SIGFPE, SIGSEGV, SIGBUS, SIGTRAP, SIGILL};
    for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        signal(signals[i], on_signal);
        for (unsigned k = 0; k < 9; k++) {
            int status = 0;
            pid_t got;
            handled = 0;
            pid_t pid = clone(returns_three, child_stack[0] + sizeof child_stack[0], flags[k % 3] | signals[i], NULL);
            do
                got = waitpid(pid, &status, __WALL);
            while (got < 0 && errno == EINTR);
            CHECK(got == pid && status == 3 << 8 && handled == signals[i], "flags %#x, signal %d: status %#x, handled %d", (unsigned)flags[k % 3], signals[i], (unsigned)status, handled);
        }
        signal(signals[i], SIG_DFL);
    }
}

/* Calls for processes of one thread: a thread that was joined is none. */
static void *returns(void *arg)
{
    return arg;
}
static void test_alone(void)
{
    int refused = 0;
    for (int i = 0; i < 60; i++) {
        pthread_t t;
        pthread_create(&t, NULL, returns, NULL);
        pthread_join(t, NULL);
        refused += unshare(CLONE_THREAD) != 0;
    }
    CHECK(refused == 0, "unshare after pthread_join: refused %d times", refused);
    pthread_t t;
    pthread_create(&t, NULL, spawner, NULL);
    CHECK_FAILS(unshare(CLONE_THREAD), EINVAL);
    pthread_join(t, NULL);
}

static void *exec_in_thread(void *arg)
{
    execl(self, self, "child", "77", NULL);
    return arg;
}
static void test_exec_from_thread(void)
{
    int status;
    pid_t pid = fork();
    if (!pid) {
        pthread_t t;
        pthread_create(&t, NULL, exec_in_thread, NULL);
        for (;;)
            pause();
    }
    waitpid(pid, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 77, "%x", status);
}

/* Ignored signals and the mask survive execve; handlers do not. */
static int exec_state(void)
{
    struct sigaction sa;
    sigset_t set, pending;
    int bad = 0;
    sigprocmask(SIG_BLOCK, NULL, &set);
    sigpending(&pending);
    bad |= sigaction(SIGUSR1, NULL, &sa) || sa.sa_handler != SIG_DFL ? 1 : 0;
    bad |= sigaction(SIGHUP, NULL, &sa) || sa.sa_handler != SIG_IGN ? 2 : 0;
    bad |= sigaction(SIGTRAP, NULL, &sa) || sa.sa_handler != SIG_IGN ? 4 : 0;
    bad |= !sigismember(&set, SIGUSR2) || !sigismember(&set, SIGSEGV) || sigismember(&set, SIGINT) ? 8 : 0;
    bad |= !sigismember(&pending, SIGUSR2) ? 16 : 0;
    bad |= !sigismember(&pending, SIGSEGV) ? 32 : 0;
    return bad;
}
static void test_exec_state(void)
{
    int status;
    pid_t pid = fork();
    if (!pid) {
        sigset_t set;
        signal(SIGUSR1, on_signal);
        signal(SIGHUP, SIG_IGN);
        signal(SIGTRAP, SIG_IGN);
        sigemptyset(&set);
        sigaddset(&set, SIGUSR2);
        sigaddset(&set, SIGSEGV);
        sigprocmask(SIG_SETMASK, &set, NULL);
        raise(SIGUSR2);
        raise(SIGSEGV);
        execl(self, self, "state", NULL);
        _exit(127);
    }
    waitpid(pid, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x", status);
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "child"))
        return atoi(argv[2]);
    if (argc == 2 && !strcmp(argv[1], "state"))
        return exec_state();
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    test_fork();
    int status = -1;
    pthread_t t;
    pthread_create(&t, NULL, fork_then_threads, &status);
    pthread_join(t, NULL);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42, "%x", status);
    test_vfork();
    test_vfork_signals();
    test_spawn();
    test_clone_vm();
    test_outlived(CLONE_VM);
    test_outlived(CLONE_VM | CLONE_VFORK);
    test_sighand();
    test_alone();
    test_clone3();
    test_exit_signals();
    test_exec_from_thread();
    test_exec_state();
    return check_done();
}

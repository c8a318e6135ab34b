/*
 * Guest test: seccomp, strict and filters: every action, what a filter sees, inheritance by fork, thread and execve, TSYNC.
 */
#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __riscv
#define ARCH AUDIT_ARCH_RISCV64
#else
#define ARCH AUDIT_ARCH_X86_64
#endif
#define DATA(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RESULT(value) BPF_STMT(BPF_RET | BPF_K, value)
#define IF_NOT(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)

static volatile sig_atomic_t traps;
static siginfo_t trapped;

static long install_insns(unsigned op_flags, const struct sock_filter *f, unsigned n)
{
    struct sock_fprog prog = {(unsigned short)n, (struct sock_filter *)(uintptr_t)f};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return -1;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, op_flags, &prog);
}

/* One call gets one result, all others are allowed; another architecture is deadly. */
static long install(unsigned op_flags, unsigned nr, unsigned result)
{
    const struct sock_filter f[] = {
        DATA(arch), IF_NOT(ARCH, 4), DATA(nr), IF_NOT(nr, 1), RESULT(result), RESULT(SECCOMP_RET_ALLOW), RESULT(SECCOMP_RET_KILL_PROCESS),
    };
    return install_insns(op_flags, f, sizeof f / sizeof *f);
}

static int wait_for(pid_t pid)
{
    int status = -1;
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid, "child %d", (int)pid);
    return status;
}

/* Runs fn in a child: its wait status. */
static int in_child(int (*fn)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        const struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        int r = fn();
        syscall(SYS_exit_group, r);
    }
    return wait_for(pid);
}

static int strict_ok(void)
{
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0))
        return 1;
    if (syscall(SYS_write, -1, "", 0) != -1)
        return 2;
    syscall(SYS_exit, 33);
    return 3;
}

static int strict_killed(void)
{
    syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL);
    syscall(SYS_getpid);
    return 1;
}

static int errnos(void)
{
    if (install(0, SYS_getppid, SECCOMP_RET_ERRNO | 77) != 0)
        return 1;
    if (syscall(SYS_getppid) != -1 || errno != 77)
        return 2;
    if (install(0, SYS_getuid, SECCOMP_RET_ERRNO | 0xffff) != 0) /* too large: cut to 4095 */
        return 3;
    if (syscall(SYS_getuid) != -1 || errno != 4095)
        return 4;
    if (install(0, SYS_getgid, SECCOMP_RET_ERRNO | 0) != 0)
        return 5;
    if (syscall(SYS_getgid) != 0 || syscall(SYS_getppid) != -1 || errno != 77) /* the older filter still holds */
        return 6;
    if (install(0, SYS_getppid, SECCOMP_RET_ERRNO | 5) != 0 || syscall(SYS_getppid) != -1 || errno != 5) /* the newest of equals */
        return 7;
    if (install(0, SYS_getegid, SECCOMP_RET_TRACE | 1) != 0 || syscall(SYS_getegid) != -1 || errno != ENOSYS)
        return 8;
    if (install(0, SYS_geteuid, SECCOMP_RET_LOG) != 0 || syscall(SYS_geteuid) < 0)
        return 9;
    if (prctl(PR_GET_SECCOMP) != 2)
        return 10;
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL) != -1 || errno != EINVAL)
        return 11;
    return 0;
}

static void on_sys(int sig, siginfo_t *info, void *uc)
{
    (void)sig;
    (void)uc;
    trapped = *info;
    traps++;
}

static int trap(void)
{
    struct sigaction sa = {.sa_sigaction = on_sys, .sa_flags = SA_SIGINFO};
    sigaction(SIGSYS, &sa, NULL);
    if (install(0, SYS_getppid, SECCOMP_RET_TRAP | 1234) != 0)
        return 1;
    syscall(SYS_getppid);
    if (traps != 1 || trapped.si_signo != SIGSYS || trapped.si_code != 1 || trapped.si_errno != 1234)
        return 2;
    if (trapped.si_syscall != SYS_getppid || trapped.si_arch != ARCH || !trapped.si_call_addr)
        return 3;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGSYS);
    sigprocmask(SIG_BLOCK, &set, NULL);
    syscall(SYS_getppid); /* blocked: the default action is forced */
    return 4;
}

static int kill_process(void)
{
    install(0, SYS_getppid, SECCOMP_RET_KILL_PROCESS);
    syscall(SYS_getppid);
    return 1;
}

static void *asks(void *arg)
{
    *(volatile int *)arg = 1;
    syscall(SYS_getppid);
    *(volatile int *)arg = 2;
    return NULL;
}

static int kill_thread(void)
{
    pthread_t id;
    int seen = 0;
    install(0, SYS_getppid, SECCOMP_RET_KILL_THREAD);
    pthread_create(&id, NULL, asks, &seen);
    pthread_join(id, NULL);
    return seen == 1 ? 44 : 1;
}

static int kill_last_thread(void)
{
    install(0, SYS_getppid, SECCOMP_RET_KILL_THREAD);
    syscall(SYS_getppid);
    return 1;
}

static int sees_arguments(void)
{
    static const struct sock_filter f[] = {
        DATA(nr), IF_NOT(SYS_lseek, 11), DATA(args[0]), IF_NOT(0x11223344, 9), DATA(args[0]) /* again */, BPF_STMT(BPF_ST, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1]) + 4), IF_NOT(0x55667788, 5),
        BPF_STMT(BPF_LDX | BPF_MEM, 3), BPF_STMT(BPF_MISC | BPF_TXA, 0), BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 24), IF_NOT(0x11, 1),
        RESULT(SECCOMP_RET_ERRNO | 99), RESULT(SECCOMP_RET_ALLOW),
    };
    if (install_insns(0, f, sizeof f / sizeof *f))
        return 1;
    if (syscall(SYS_lseek, 0x11223344, 0x5566778800000000, 0) != -1 || errno != 99)
        return 2;
    return syscall(SYS_lseek, 0x11223344, 0x5566778900000000, 0) == -1 && errno == EBADF ? 0 : 3;
}

static void status_lines(char *seccomp, char *filters)
{
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    const char *a = strstr(text, "Seccomp:\t"), *b = strstr(text, "Seccomp_filters:\t");
    *seccomp = a ? a[9] : '?';
    *filters = b ? b[17] : '?';
}

static int inherited(void)
{
    char mode, count;
    install(0, SYS_getppid, SECCOMP_RET_ERRNO | 77);
    install(0, SYS_getuid, SECCOMP_RET_ERRNO | 78);
    status_lines(&mode, &count);
    if (mode != '2' || count != '2')
        return 1;
    pid_t pid = fork();
    if (pid == 0)
        syscall(SYS_exit_group, syscall(SYS_getppid) == -1 && errno == 77 ? 0 : 1);
    if (wait_for(pid) != 0)
        return 2;
    execl("/proc/self/exe", "sys_seccomp", "after-exec", NULL);
    return 3;
}

static pthread_barrier_t barrier;

static void *other(void *arg)
{
    (void)arg;
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return syscall(SYS_getppid) == -1 && errno == 77 ? NULL : (void *)1;
}

static int all_threads(void)
{
    pthread_t id;
    void *result = (void *)2;
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(&id, NULL, other, NULL);
    pthread_barrier_wait(&barrier);
    if (install(SECCOMP_FILTER_FLAG_TSYNC, SYS_getppid, SECCOMP_RET_ERRNO | 77) != 0)
        return 1;
    pthread_barrier_wait(&barrier);
    pthread_join(id, &result);
    return result == NULL ? 0 : 2;
}

static pid_t other_tid;

static void *own_filter(void *arg)
{
    (void)arg;
    other_tid = (pid_t)syscall(SYS_gettid);
    install(0, SYS_getuid, SECCOMP_RET_ERRNO | 1);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return NULL;
}

static int diverged(void)
{
    pthread_t id;
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(&id, NULL, own_filter, NULL);
    pthread_barrier_wait(&barrier);
    if (install(SECCOMP_FILTER_FLAG_TSYNC, SYS_getppid, SECCOMP_RET_ERRNO | 77) != other_tid)
        return 1;
    if (install(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH, SYS_getppid, SECCOMP_RET_ERRNO | 77) != -1 || errno != ESRCH)
        return 2;
    if (syscall(SYS_getppid) < 0)
        return 3;
    pthread_barrier_wait(&barrier);
    pthread_join(id, NULL);
    return 0;
}

static int refused(const struct sock_filter *f, unsigned n, int err)
{
    errno = 0;
    return install_insns(0, f, n) == -1 && errno == err;
}
#define REFUSED(err, ...) \
    (refused((const struct sock_filter[]){__VA_ARGS__}, sizeof((const struct sock_filter[]){__VA_ARGS__}) / sizeof(struct sock_filter), err))

static int bad_programs(void)
{
    if (!REFUSED(EINVAL, DATA(nr)))
        return 1;
    if (!REFUSED(EINVAL, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), RESULT(0)) || !REFUSED(EINVAL, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), RESULT(0)))
        return 2;
    if (!REFUSED(EINVAL, BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0), RESULT(0)) || !REFUSED(EINVAL, IF_NOT(1, 1), RESULT(0)))
        return 3;
    if (!REFUSED(EINVAL, BPF_STMT(BPF_LD | BPF_MEM, 2), RESULT(0)) || !REFUSED(EINVAL, BPF_STMT(BPF_ST, 16), RESULT(0)))
        return 4;
    if (!REFUSED(EINVAL, BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RESULT(0)) || !REFUSED(EINVAL, BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), RESULT(0)))
        return 5;
    if (!REFUSED(EINVAL, BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), RESULT(0)) || !REFUSED(EINVAL, BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3), RESULT(0)))
        return 6;
    struct sock_fprog none = {0, NULL}, bad = {2, (struct sock_filter *)8};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &none) != -1 || errno != EINVAL)
        return 7;
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &bad) != -1 || errno != EFAULT)
        return 8;
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 1 << 20, &bad) != -1 || errno != EINVAL)
        return 9;
    if (syscall(SYS_seccomp, 99, 0, NULL) != -1 || errno != EINVAL || syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL) != -1 || errno != EINVAL)
        return 10;
    if (prctl(PR_SET_SECCOMP, 5, 0, 0, 0) != -1 || errno != EINVAL)
        return 11;
    uint32_t action = SECCOMP_RET_TRAP;
    if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) != 0)
        return 12;
    action = 0x12340000;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == -1 && errno == EOPNOTSUPP ? 0 : 13;
}

static int unprivileged(void)
{
    const struct sock_filter f[] = {RESULT(SECCOMP_RET_ALLOW)};
    struct sock_fprog prog = {1, (struct sock_filter *)(uintptr_t)f};
    if (geteuid() == 0 && setresuid(12345, 12345, 12345))
        return 1;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) == -1 && errno == EACCES ? 0 : 2;
}

static int by_prctl(void)
{
    const struct sock_filter f[] = {DATA(nr), IF_NOT(SYS_getppid, 1), RESULT(SECCOMP_RET_ERRNO | 9), RESULT(SECCOMP_RET_ALLOW)};
    struct sock_fprog prog = {4, (struct sock_filter *)(uintptr_t)f};
    if (prctl(PR_GET_SECCOMP) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0))
        return 1;
    return syscall(SYS_getppid) == -1 && errno == 9 ? 0 : 2;
}

/* The program again, after execve of inherited(). */
static int after_exec(void)
{
    char mode, count;
    if (syscall(SYS_getppid) != -1 || errno != 77 || syscall(SYS_getuid) != -1 || errno != 78)
        return 4;
    status_lines(&mode, &count);
    return mode == '2' && count == '2' && fcntl(3, F_GETFD) == -1 ? 55 : 5;
}

#define EXITS(fn, code)                                                                  \
    do {                                                                                 \
        int status_ = in_child(fn);                                                      \
        CHECK(status_ == (code) << 8, #fn ": status 0x%x, not 0x%x", status_, (code) << 8); \
    } while (0)
#define DIES(fn, sig)                                                              \
    do {                                                                           \
        int status_ = in_child(fn);                                                \
        CHECK((status_ & 0x7f) == (sig), #fn ": status 0x%x, not signal %d", status_, sig); \
    } while (0)

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "after-exec"))
        return after_exec();
    EXITS(strict_ok, 33);
    DIES(strict_killed, SIGKILL);
    EXITS(errnos, 0);
    DIES(trap, SIGSYS);
    DIES(kill_process, SIGSYS);
    EXITS(kill_thread, 44);
    DIES(kill_last_thread, SIGSYS);
    EXITS(sees_arguments, 0);
    EXITS(inherited, 55);
    EXITS(all_threads, 0);
    EXITS(diverged, 0);
    EXITS(bad_programs, 0);
    EXITS(unprivileged, 0);
    EXITS(by_prctl, 0);
    return check_done();
}

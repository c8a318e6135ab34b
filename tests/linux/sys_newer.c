/*
 * Guest test: the newer calls, each by its number: openat2, close_range, pidfd_*, futex_waitv and the calls of futex2, epoll_pwait2,
 * landlock, cachestat, statmount, listmount, file-system contexts, mount_setattr, name spaces, lsm_*, user dispatch, PR_GET_AUXV.
 * What this machine's kernel lacks is skipped, with the reason.
 */
#include "../check.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char dir[] = "/tmp/newer-XXXXXX";

/* Did it fail because it is not to be had here?  Then says so. */
static int lacks(const char *what, long r)
{
    if (r != -1 || (errno != ENOSYS && errno != EPERM && errno != EOPNOTSUPP))
        return 0;
    printf("%s: skipped, errno %d\n", what, errno);
    return 1;
}

static int open2(int at, const char *path, uint64_t flags, uint64_t resolve)
{
    struct open_how how = {.flags = flags, .resolve = resolve};
    return (int)syscall(SYS_openat2, at, path, &how, sizeof how);
}

static void opening(void)
{
    int top = open(dir, O_PATH | O_DIRECTORY), fd;
    CHECK(mkdirat(top, "sub", 0755) == 0 && (fd = openat(top, "sub/file", O_CREAT | O_WRONLY, 0644)) >= 0 && close(fd) == 0, "prepare");
    CHECK(symlinkat("/etc", top, "absolute") == 0 && symlinkat("sub", top, "relative") == 0 && symlinkat("/sub", top, "rooted") == 0, "links");
    CHECK((fd = open2(top, "sub/file", O_RDONLY, RESOLVE_BENEATH)) >= 0 && close(fd) == 0, "beneath: errno %d", errno);
    CHECK((fd = open2(top, "relative/file", O_RDONLY, RESOLVE_BENEATH)) >= 0 && close(fd) == 0, "a link beneath: errno %d", errno);
    CHECK_FAILS(open2(top, "absolute/passwd", O_RDONLY, RESOLVE_BENEATH), EXDEV);
    CHECK_FAILS(open2(top, "../x", O_RDONLY, RESOLVE_BENEATH), EXDEV);
    CHECK_FAILS(open2(top, "/etc/passwd", O_RDONLY, RESOLVE_BENEATH), EXDEV);
    CHECK_FAILS(open2(top, "relative/file", O_RDONLY, RESOLVE_NO_SYMLINKS), ELOOP);
    CHECK((fd = open2(top, "rooted/file", O_RDONLY, RESOLVE_IN_ROOT)) >= 0 && close(fd) == 0, "in root: errno %d", errno);
    CHECK((fd = open2(top, "/../sub/file", O_RDONLY, RESOLVE_IN_ROOT)) >= 0 && close(fd) == 0, "in root, absolute: errno %d", errno);
    CHECK_FAILS(open2(top, "sub/file", O_RDONLY, 1u << 20), EINVAL);
    struct {
        struct open_how how;
        uint64_t more;
    } big = {.how.flags = O_RDONLY, .more = 1};
    CHECK_FAILS(syscall(SYS_openat2, top, "sub/file", &big, sizeof big), E2BIG);
    big.more = 0;
    CHECK((fd = (int)syscall(SYS_openat2, top, "sub/file", &big, sizeof big)) >= 0 && close(fd) == 0, "a longer struct");
    close(top);
}

static void descriptors(void)
{
    int base = dup(0), a = dup(0), b = dup(0);
    CHECK(syscall(SYS_close_range, base, b, 4 /* CLOEXEC */) == 0 && fcntl(a, F_GETFD) == FD_CLOEXEC, "close_range: cloexec");
    CHECK(syscall(SYS_close_range, base, b, 0) == 0 && fcntl(a, F_GETFD) == -1 && fcntl(b, F_GETFD) == -1, "close_range");
    CHECK_FAILS(syscall(SYS_close_range, 9, 3, 0), EINVAL);
    CHECK(syscall(SYS_close_range, 3, ~0u, 0) == 0 && getpid() > 0, "all of them");
    struct {
        uint64_t off, len;
    } range = {0, 0};
    uint64_t stat[5] = {~0ull};
    int fd = open("/proc/self/exe", O_RDONLY);
    long r = syscall(451, fd, &range, stat, 0);
    if (!lacks("cachestat", r))
        CHECK(r == 0 && stat[0] < 1u << 20, "cachestat: errno %d", errno);
    close(fd);
}

static void pidfds(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        for (;;)
            pause();
    }
    int pfd = (int)syscall(SYS_pidfd_open, pid, 0), own = eventfd(7, 0), theirs;
    CHECK(pfd >= 0, "pidfd_open: errno %d", errno);
    CHECK((theirs = (int)syscall(SYS_pidfd_getfd, pfd, 1, 0)) >= 0, "pidfd_getfd: errno %d", errno);
    CHECK(syscall(SYS_kcmp, getpid(), pid, 0 /* FILE */, 1, 1) == 0, "kcmp");
    siginfo_t info = {0};
    CHECK(waitid(P_PIDFD, (id_t)pfd, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0, "it lives");
    CHECK(syscall(SYS_pidfd_send_signal, pfd, SIGTERM, NULL, 0) == 0, "pidfd_send_signal");
    CHECK(waitid(P_PIDFD, (id_t)pfd, &info, WEXITED) == 0 && info.si_pid == pid && info.si_status == SIGTERM && info.si_code == CLD_KILLED, "waitid");
    CHECK_FAILS(syscall(SYS_pidfd_send_signal, pfd, SIGTERM, NULL, 0), ESRCH);
    CHECK_FAILS(syscall(SYS_pidfd_open, 0x7ffffff0, 0), ESRCH);
    CHECK_FAILS(syscall(SYS_pidfd_open, getpid(), 12345), EINVAL);
    close(pfd);
    close(theirs);
    close(own);
}

/* struct futex_waitv */
struct waiter {
    uint64_t value, addr;
    uint32_t flags, reserved;
};

static uint32_t words[3];

static void *waker(void *arg)
{
    usleep(20000);
    words[1] = 1;
    syscall(SYS_futex, &words[1], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    return arg;
}

static void futexes(void)
{
    enum { SIZE_32 = 2, PRIVATE = 128 };
    struct waiter w[2] = {{0, (uintptr_t)&words[0], SIZE_32 | PRIVATE, 0}, {0, (uintptr_t)&words[1], SIZE_32 | PRIVATE, 0}};
    struct timespec ts;
    pthread_t id;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_sec += 5;
    pthread_create(&id, NULL, waker, NULL);
    long r = syscall(SYS_futex_waitv, w, 2, 0, &ts, CLOCK_MONOTONIC);
    pthread_join(id, NULL);
    if (!lacks("futex_waitv", r)) {
        CHECK(r == 1 || (r == -1 && errno == EAGAIN), "futex_waitv: %ld, errno %d", r, errno);
        CHECK_FAILS(syscall(SYS_futex_waitv, w, 2, 0, &ts, CLOCK_MONOTONIC), EAGAIN);
        CHECK_FAILS(syscall(SYS_futex_waitv, w, 0, 0, &ts, CLOCK_MONOTONIC), EINVAL);
        CHECK_FAILS(syscall(SYS_futex_waitv, 8, 2, 0, &ts, CLOCK_MONOTONIC), EFAULT);
        w[1].value = 1;
        clock_gettime(CLOCK_MONOTONIC, &ts);
        CHECK_FAILS(syscall(SYS_futex_waitv, w, 2, 0, &ts, CLOCK_MONOTONIC), ETIMEDOUT);
    }
    r = syscall(454, &words[2], 0xfffffffful, 1, SIZE_32 | PRIVATE); /* futex_wake */
    if (!lacks("futex_wake", r)) {
        CHECK(r == 0, "futex_wake");
        CHECK_FAILS(syscall(455, &words[2], 1ul, 0xfffffffful, SIZE_32 | PRIVATE, NULL, CLOCK_MONOTONIC), EAGAIN); /* futex_wait */
        struct waiter q[2] = {{0, (uintptr_t)&words[2], SIZE_32 | PRIVATE, 0}, {0, (uintptr_t)&words[0], SIZE_32 | PRIVATE, 0}};
        CHECK(syscall(456, q, 0, 1, 1) == 0, "futex_requeue: errno %d", errno);
    }
}

static void polling(void)
{
    int ep = epoll_create1(0), ev = eventfd(1, 0);
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = 0xabcdef0123456789}, out[2];
    struct timespec ts = {0, 1000000};
    CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, ev, &e) == 0, "epoll_ctl");
    CHECK(syscall(SYS_epoll_pwait2, ep, out, 2, &ts, NULL, 0) == 1 && out[0].data.u64 == 0xabcdef0123456789, "epoll_pwait2: errno %d", errno);
    uint64_t v;
    CHECK(read(ev, &v, 8) == 8 && syscall(SYS_epoll_pwait2, ep, out, 2, &ts, NULL, 0) == 0, "nothing");
    CHECK_FAILS(syscall(SYS_epoll_pwait2, ep, out, 0, &ts, NULL, 0), EINVAL);
    close(ep);
    close(ev);
}

/* Runs fn in a child. */
static int in_child(int (*fn)(void))
{
    int st = -1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(fn());
    waitpid(pid, &st, 0);
    return WIFEXITED(st) ? WEXITSTATUS(st) : 1000 + st;
}

#define SKIP 77

/* Writing below dir is forbidden from here on. */
static int landlocked(void)
{
    enum { WRITE_FILE = 1 << 1, MAKE_REG = 1 << 8 };
    uint64_t attr = WRITE_FILE | MAKE_REG;
    struct {
        uint64_t access;
        int fd;
    } __attribute__((packed)) rule = {WRITE_FILE, open("/dev", O_PATH)};
    int set = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (lacks("landlock", set))
        return SKIP;
    if (syscall(SYS_landlock_add_rule, set, 1, &rule, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_landlock_restrict_self, set, 0))
        return 1;
    int null = open("/dev/null", O_WRONLY);
    return null >= 0 && chdir(dir) == 0 && open("sub/file", O_RDONLY) >= 0 && open("sub/file", O_WRONLY) == -1 && errno == EACCES &&
                   open("new", O_CREAT | O_WRONLY, 0600) == -1 && errno == EACCES
               ? 0
               : 2;
}

/* Nothing can be read from here on, files of /proc that btv makes included. */
static int unreadable(void)
{
    enum { READ_FILE = 1 << 2 };
    static const char *const files[] = {"/proc/self/maps", "/proc/self/status", "/proc/cpuinfo", "/dev/null"};
    uint64_t attr = READ_FILE;
    int set = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (lacks("landlock", set))
        return SKIP;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_landlock_restrict_self, set, 0))
        return 1;
    for (int i = 0; i < 4; i++)
        if (open(files[i], O_RDONLY) != -1 || errno != EACCES) {
            fprintf(stderr, "%s: errno %d\n", files[i], errno);
            return 2 + i;
        }
    return 0;
}

static int user_namespace(void)
{
    char map[64];
    uid_t uid = getuid();
    if (unshare(CLONE_NEWUSER) != 0)
        return lacks("unshare", -1) ? SKIP : 1;
    if (getuid() != 65534)
        return 2;
    int fd = open("/proc/self/uid_map", O_WRONLY), n = snprintf(map, sizeof map, "0 %u 1", uid);
    if (write(fd, map, (size_t)n) != n || getuid() != 0)
        return 3;
    if (unshare(CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS) || sethostname("inside", 6) || gethostname(map, sizeof map) || strcmp(map, "inside"))
        return 4;
    int ns = open("/proc/self/ns/uts", O_RDONLY);
    if (ns < 0 || unshare(CLONE_NEWUTS) || sethostname("other", 5) || setns(ns, CLONE_NEWUTS) || gethostname(map, sizeof map) || strcmp(map, "inside"))
        return 5;
    if (unshare(CLONE_NEWPID))
        return 6;
    pid_t pid = fork();
    int st;
    if (pid == 0)
        _exit(getpid() == 1 && getppid() == 0 ? 0 : 1);
    return waitpid(pid, &st, 0) == pid && st == 0 ? 0 : 7;
}

static int mounting(void)
{
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
        return lacks("mounting", -1) ? SKIP : errno;
    int fs = (int)syscall(SYS_fsopen, "tmpfs", 1 /* CLOEXEC */), m, st;
    if (fs < 0)
        return lacks("fsopen", fs) ? SKIP : 2;
    if (syscall(SYS_fsconfig, fs, 1 /* SET_STRING */, "mode", "0700", 0) || syscall(SYS_fsconfig, fs, 6 /* CREATE */, NULL, NULL, 0))
        return 3;
    m = (int)syscall(SYS_fsmount, fs, 1, 0);
    if (m < 0 || syscall(SYS_move_mount, m, "", AT_FDCWD, dir, 4 /* F_EMPTY_PATH */))
        return 4;
    struct statx stx;
    if (syscall(SYS_statx, AT_FDCWD, dir, 0, 0x4000 /* MNT_ID_UNIQUE */, &stx) || (stx.stx_mode & 0777) != 0700)
        return 5;
    uint64_t attr[4] = {1 /* RDONLY */, 0, 0, 0};
    if (syscall(SYS_mount_setattr, AT_FDCWD, dir, 0, attr, sizeof attr))
        return 6;
    if (chdir(dir) || open("x", O_CREAT | O_WRONLY, 0600) != -1 || errno != EROFS)
        return 7;
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, dir, 1 /* CLONE */);
    if (tree < 0)
        return 8;
    uint64_t req[3] = {24, 0, 0}, ids[16], buf[128] = {0}; /* struct mnt_id_req: size and spare, id, parameter */
    req[1] = ~0ull; /* LSMT_ROOT */
    long n = syscall(458, req, ids, 16, 0);
    if (n == -1 && lacks("listmount", n))
        return 0;
    if (n < 1)
        return 9;
    req[1] = ids[0];
    req[2] = 1; /* SB_BASIC */
    st = (int)syscall(457, req, buf, sizeof buf, 0);
    return st == 0 && (uint32_t)buf[0] >= 64 ? chdir("/") || umount2(dir, MNT_DETACH) : 10;
}

static void children(void)
{
    static const struct {
        const char *name;
        int (*fn)(void);
    } tests[] = {{"landlock", landlocked}, {"landlock, reading", unreadable}, {"a user's name space", user_namespace}, {"mounting", mounting}};
    for (unsigned i = 0; i < sizeof tests / sizeof *tests; i++) {
        int r = in_child(tests[i].fn);
        CHECK(r == 0 || r == SKIP, "%s: %d", tests[i].name, r);
    }
}

static volatile sig_atomic_t caught;
static siginfo_t seen;
static volatile char selector;

static void on_sys(int sig, siginfo_t *info, void *uc)
{
    (void)sig;
    (void)uc;
    selector = 0; /* allow */
    seen = *info;
    caught++;
}

static void dispatching(void)
{
    enum { OPTION = 59, OFF = 0, ON = 1 };
    struct sigaction sa = {.sa_sigaction = on_sys, .sa_flags = SA_SIGINFO};
    sigaction(SIGSYS, &sa, NULL);
    if (prctl(OPTION, ON, 0, 0, &selector)) {
        printf("user dispatch: skipped, errno %d\n", errno);
        return;
    }
    CHECK(getppid() > 0 && caught == 0, "allowed");
    selector = 1; /* block */
    syscall(SYS_getppid);
    CHECK(caught == 1 && seen.si_code == 2 && seen.si_syscall == SYS_getppid && seen.si_errno == 0, "dispatched: code %d", seen.si_code);
    CHECK(prctl(OPTION, OFF, 0, 0, 0) == 0, "off");
    selector = 1;
    CHECK(getppid() > 0 && caught == 1, "no longer");
    selector = 0;
    CHECK_FAILS(prctl(OPTION, OFF, 1, 0, 0), EINVAL);
    CHECK_FAILS(prctl(OPTION, 7, 0, 0, 0), EINVAL);
    CHECK_FAILS(prctl(OPTION, ON, 16, (unsigned long)-16, 0), EINVAL);
}

static void auxv(void)
{
    enum { OPTION = 0x41555856 };
    uint64_t v[128] = {0};
    long n = prctl(OPTION, v, sizeof v, 0, 0), page = 0;
    if (n == -1 && errno == EINVAL) {
        puts("PR_GET_AUXV: skipped, the kernel has none");
        return;
    }
    for (long i = 0; i + 1 < n / 8 && v[i] != AT_NULL; i += 2)
        if (v[i] == AT_PAGESZ)
            page = (long)v[i + 1];
    CHECK(n >= 200 && page == 4096, "PR_GET_AUXV: %ld bytes, page %ld", n, page);
    CHECK_FAILS(prctl(OPTION, v, sizeof v, 1, 0), EINVAL);
    CHECK_FAILS(prctl(OPTION, 8, sizeof v, 0, 0), EFAULT);
}

static void notification(void)
{
    int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY);
    if (lacks("fanotify", fd))
        return;
    struct fanotify_event_metadata m;
    char path[64];
    snprintf(path, sizeof path, "%s/sub/file", dir);
    CHECK(fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, path) == 0, "fanotify_mark: errno %d", errno);
    close(open(path, O_RDONLY));
    CHECK(read(fd, &m, sizeof m) == sizeof m && (m.mask & FAN_OPEN) && m.fd >= 0 && m.pid == getpid(), "the event: errno %d", errno);
    close(m.fd);
    close(fd);
}

static void odds(void)
{
    struct {
        struct file_handle h;
        unsigned char bytes[128];
    } h = {.h.handle_bytes = 128};
    int mount_id;
    CHECK(name_to_handle_at(AT_FDCWD, dir, &h.h, &mount_id, 0) == 0 || errno == EOPNOTSUPP, "name_to_handle_at: errno %d", errno);
    uint64_t ids[16];
    uint32_t size = sizeof ids;
    long r = syscall(461, ids, &size, 0); /* lsm_list_modules */
    if (!lacks("lsm_list_modules", r))
        CHECK(r >= 0 && size == (uint32_t)r * 8, "lsm_list_modules: %ld, %u bytes", r, size);
    int s = socket(AF_VSOCK, SOCK_STREAM, 0);
    CHECK(s >= 0 || errno == EAFNOSUPPORT, "AF_VSOCK: errno %d", errno);
    close(s);
    int ctl = memfd_create("x", 8 /* NOEXEC_SEAL */);
    if (ctl < 0)
        printf("MFD_NOEXEC_SEAL: skipped, errno %d\n", errno);
    close(ctl);
#ifdef __riscv
    CHECK_FAILS(syscall(288, 0, 4096, 0, 0), ENOSYS); /* pkey_mprotect */
    CHECK_FAILS(syscall(293, 0, 0, 0, 0), ENOSYS);    /* rseq */
    CHECK_FAILS(syscall(18, 0, 0, 0), ENOSYS);        /* lookup_dcookie */
    CHECK_FAILS(syscall(463, 0, 0, 0), ENOSYS);       /* of 6.13 */
#endif
}

int main(void)
{
    if (!mkdtemp(dir))
        return 1;
    opening();
    descriptors();
    pidfds();
    futexes();
    polling();
    children();
    dispatching();
    auxv();
    notification();
    odds();
    char cmd[64];
    snprintf(cmd, sizeof cmd, "%s/sub/file", dir);
    unlink(cmd);
    snprintf(cmd, sizeof cmd, "%s/sub", dir);
    rmdir(cmd);
    static const char *const links[] = {"absolute", "relative", "rooted"};
    for (unsigned i = 0; i < 3; i++) {
        snprintf(cmd, sizeof cmd, "%s/%s", dir, links[i]);
        unlink(cmd);
    }
    CHECK(rmdir(dir) == 0, "rmdir: errno %d", errno);
    return check_done();
}

/*
 * Calls whose lines under strace of the host and under --strace are compared: strace_twin.sh.  Everything goes through syscall(2), so
 * that both programs make the same calls; what depends on the machine is left out or normalised there.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <linux/stat.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/xattr.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define S(...) syscall(__VA_ARGS__)
static char buf[4096];
static const struct timespec second = {1, 500};

static void files(void)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
    struct flock lock = {F_WRLCK, SEEK_SET, 5, 10, 0};
    struct iovec v[3] = {{"ab", 2}, {"", 0}, {"c\n\t\"\\\1\200", 7}};
    struct statx sx;
    int64_t zero = 0;
    S(SYS_mkdirat, AT_FDCWD, "d", 0750);
    S(SYS_chdir, "d");
    int fd = (int)S(SYS_openat, AT_FDCWD, "f", O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0640);
    S(SYS_openat2, AT_FDCWD, "f", &how, sizeof how);
    S(SYS_openat, AT_FDCWD, "none", O_WRONLY | O_APPEND | O_DIRECT | O_SYNC | O_NOATIME);
    S(SYS_openat, AT_FDCWD, ".", O_RDONLY | O_TMPFILE | O_WRONLY, 0600);
    S(SYS_writev, fd, v, 3);
    S(SYS_pwritev, fd, v, 1, 20L, 0L);
    S(SYS_pwrite64, fd, "0123456789012345678901234567890123456789", 40L, 100L);
    S(SYS_pread64, fd, buf, 40L, 100L);
    S(SYS_lseek, fd, 0L, SEEK_SET);
    v[0] = (struct iovec){buf, 4};
    v[1] = (struct iovec){buf + 4, 100};
    S(SYS_readv, fd, v, 2);
    S(SYS_fcntl, fd, F_GETFL);
    S(SYS_fcntl, fd, F_SETFL, O_RDWR | O_APPEND | O_NONBLOCK);
    S(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
    S(SYS_fcntl, fd, F_GETFD);
    S(SYS_fcntl, fd, F_SETLK, &lock);
    S(SYS_fcntl, fd, F_OFD_GETLK, &lock);
    S(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 20);
    S(SYS_fcntl, fd, F_NOTIFY, DN_CREATE | DN_MODIFY);
    S(SYS_fcntl, fd, F_GET_SEALS);
    S(SYS_fcntl, fd, F_SETPIPE_SZ, 4096);
    S(SYS_fcntl, fd, F_SETOWN, 0);
    S(SYS_fcntl, fd, 77, 1);
    S(SYS_flock, fd, LOCK_EX | LOCK_NB);
    S(SYS_fallocate, fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0L, 10L);
    S(SYS_fadvise64, fd, 0L, 0L, POSIX_FADV_SEQUENTIAL);
    S(SYS_sync_file_range, fd, 0L, 0L, SYNC_FILE_RANGE_WRITE);
    S(SYS_ftruncate, fd, 7L);
    S(SYS_statx, AT_FDCWD, "f", AT_SYMLINK_NOFOLLOW, STATX_SIZE | STATX_TYPE | STATX_MODE, &sx);
    S(SYS_faccessat, AT_FDCWD, "f", R_OK | X_OK);
    S(SYS_fchmodat, AT_FDCWD, "f", 0);
    S(SYS_fchownat, AT_FDCWD, "f", -1, -1, AT_SYMLINK_NOFOLLOW);
    S(SYS_utimensat, AT_FDCWD, "f", 0L, AT_SYMLINK_NOFOLLOW);
    S(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "g", RENAME_NOREPLACE);
    S(SYS_linkat, AT_FDCWD, "g", AT_FDCWD, "h", AT_SYMLINK_FOLLOW);
    S(SYS_symlinkat, "g", AT_FDCWD, "l");
    S(SYS_readlinkat, AT_FDCWD, "l", buf, 100L);
    S(SYS_mknodat, AT_FDCWD, "p", S_IFIFO | 0600, 0);
    S(SYS_setxattr, "g", "user.x", "val", 3L, XATTR_CREATE);
    S(SYS_copy_file_range, fd, &zero, fd, 0L, 1L, 0);
    for (const char *const *n = (const char *const[]){"g", "h", "l", "p", 0}; *n; n++)
        S(SYS_unlinkat, AT_FDCWD, *n, 0);
    S(SYS_chdir, "..");
    S(SYS_unlinkat, AT_FDCWD, "d", AT_REMOVEDIR);
    S(SYS_umask, 022);
    S(SYS_umask, 0);
    S(SYS_close, fd);
    S(SYS_close, -5);
    S(SYS_close_range, 100, 200, CLOSE_RANGE_CLOEXEC);
    S(SYS_memfd_create, "name", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    S(SYS_fcntl, fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_WRITE);
    S(SYS_umount2, "/none", MNT_DETACH);
    S(SYS_mount, "a", "/none", "tmpfs", MS_NOSUID | MS_RDONLY, "size=1");
}

static void terminals(void)
{
    unsigned short size[4] = {24, 80};
    int fd = (int)S(SYS_openat, AT_FDCWD, "/dev/ptmx", O_RDWR | O_NOCTTY);
    S(SYS_ioctl, fd, TCGETS, buf);
    S(SYS_ioctl, fd, TCSETSW, buf);
    S(SYS_ioctl, fd, TIOCSWINSZ, size);
    S(SYS_ioctl, fd, TIOCGWINSZ, buf);
    S(SYS_ioctl, fd, TIOCSPTLCK, &(int){0});
    S(SYS_ioctl, fd, TCFLSH, TCIOFLUSH);
    S(SYS_ioctl, fd, TCXONC, TCOON);
    S(SYS_ioctl, fd, TIOCOUTQ, buf);
    S(SYS_ioctl, fd, TIOCGSID, buf);
    S(SYS_ioctl, fd, FIONREAD, buf);
    S(SYS_ioctl, fd, TIOCNOTTY);
    close(fd);
}

static void waits(void)
{
    int p[2];
    struct timespec none = {0, 0};
    struct epoll_event ev = {EPOLLIN | EPOLLET | EPOLLRDHUP, {.u64 = 5}}, got[4];
    struct itimerspec its = {{1, 2}, {0, 0}};
    S(SYS_pipe2, p, O_CLOEXEC | O_NONBLOCK);
    struct pollfd pf[2] = {{p[0], POLLIN | POLLPRI, 0}, {p[1], POLLOUT | POLLRDHUP, 0}};
    uint64_t set[16] = {1u << p[0]}, out[16] = {1u << p[1]}, mask = 1 << 9;
    struct { void *set; size_t n; } sixth = {&mask, 8};
    S(SYS_ppoll, pf, 2, 0L, 0L, 8L);
    S(SYS_ppoll, pf, 1, &none, &mask, 8L);
    none = (struct timespec){0, 0};
    S(SYS_pselect6, 10, set, out, 0L, 0L, &sixth);
    S(SYS_pselect6, 10, set, 0L, 0L, &none, 0L);
    int e = (int)S(SYS_epoll_create1, EPOLL_CLOEXEC);
    S(SYS_epoll_ctl, e, EPOLL_CTL_ADD, p[0], &ev);
    S(SYS_epoll_ctl, e, EPOLL_CTL_DEL, 99, 0L);
    S(SYS_write, p[1], "x", 1L);
    S(SYS_epoll_pwait, e, got, 4, 100, 0L, 8L);
    S(SYS_read, p[0], buf, 100L);
    S(SYS_read, p[0], buf, 100L);
    S(SYS_epoll_pwait, e, got, 4, 0, 0L, 8L);
    S(SYS_ioctl, p[0], FIONREAD, buf);
    S(SYS_ioctl, p[0], FIONBIO, &(int){1});
    S(SYS_ioctl, p[0], FIOCLEX);
    S(SYS_ioctl, p[0], TCGETS, buf);
    S(SYS_ioctl, p[0], 0xc0045a7b, 0L);
    int t = (int)S(SYS_timerfd_create, CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    S(SYS_timerfd_settime, t, TFD_TIMER_ABSTIME, &its, 0L);
    S(SYS_timerfd_gettime, t, &its);
    S(SYS_eventfd2, 7, EFD_SEMAPHORE | EFD_CLOEXEC);
    S(SYS_signalfd4, -1, &mask, 8L, SFD_NONBLOCK);
    int n = (int)S(SYS_inotify_init1, IN_CLOEXEC);
    S(SYS_inotify_add_watch, n, "/", IN_CREATE | IN_DELETE | IN_ONLYDIR);
    S(SYS_inotify_rm_watch, n, 1);
    S(SYS_nanosleep, &(struct timespec){0, 1000}, 0L);
    S(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){1, 0}, 0L);
    for (int i = p[0]; i < 20; i++)
        close(i);
}

static void sockets(void)
{
    struct sockaddr_in in = {AF_INET, 0, {htonl(0x7f000001)}};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(9), .sin6_addr = IN6ADDR_LOOPBACK_INIT, .sin6_scope_id = 3};
    struct sockaddr_un un = {AF_UNIX, "/none/such"}, ab = {AF_UNIX, "\0abstract"};
    struct { unsigned short family, pad; int pid, groups; } nl = {AF_NETLINK, 0, 0, 1};
    struct linger linger = {1, 5};
    socklen_t n;
    int one = 1, sv[2];
    int s = (int)S(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    S(SYS_setsockopt, s, SOL_SOCKET, SO_REUSEADDR, &one, 4);
    S(SYS_setsockopt, s, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    S(SYS_setsockopt, s, IPPROTO_TCP, TCP_NODELAY, &one, 4);
    S(SYS_setsockopt, s, IPPROTO_IP, IP_TTL, &one, 4);
    S(SYS_setsockopt, s, SOL_SOCKET, 999, &one, 4);
    S(SYS_bind, s, &in, sizeof in);
    S(SYS_listen, s, 5);
    n = 4, S(SYS_getsockopt, s, SOL_SOCKET, SO_ERROR, buf, &n);
    n = 8, S(SYS_getsockopt, s, SOL_SOCKET, SO_LINGER, buf, &n);
    n = 4, S(SYS_getsockopt, s, IPPROTO_TCP, TCP_MAXSEG, buf, &n);
    n = 128, S(SYS_getsockname, s, buf, &n);
    int u = (int)S(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    S(SYS_connect, u, &un, sizeof un);
    S(SYS_connect, u, &ab, 11);
    S(SYS_connect, -1, &in6, sizeof in6);
    S(SYS_connect, -1, &nl, sizeof nl);
    S(SYS_socket, AF_NETLINK, SOCK_RAW, 0);
    S(SYS_socket, AF_INET6, SOCK_DGRAM, IPPROTO_UDP);
    S(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, sv);
    union { struct cmsghdr c; char room[64]; } ctl = {.c = {CMSG_LEN(8), SOL_SOCKET, SCM_RIGHTS}};
    memcpy(CMSG_DATA(&ctl.c), (int[]){0, sv[0]}, 8);
    struct iovec v[2] = {{"hello", 5}, {"w", 1}};
    struct msghdr m = {.msg_iov = v, .msg_iovlen = 2, .msg_control = &ctl, .msg_controllen = CMSG_SPACE(8)};
    S(SYS_sendmsg, sv[0], &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    v[0] = (struct iovec){buf, 100};
    m.msg_iovlen = 1;
    S(SYS_recvmsg, sv[1], &m, MSG_CMSG_CLOEXEC);
    S(SYS_sendto, sv[0], "data", 4L, MSG_MORE, 0L, 0);
    n = 100, S(SYS_recvfrom, sv[1], buf, 100L, MSG_PEEK, buf + 200, &n);
    S(SYS_recvfrom, sv[1], buf, 100L, MSG_DONTWAIT, 0L, 0L);
    n = 12, S(SYS_getsockopt, sv[0], SOL_SOCKET, SO_PEERCRED, buf, &n);
    S(SYS_shutdown, sv[0], SHUT_WR);
    S(SYS_accept4, sv[0], buf, &n, SOCK_NONBLOCK);
    struct mmsghdr mm[2] = {{{.msg_iov = v + 1, .msg_iovlen = 1}}, {{.msg_iov = v + 1, .msg_iovlen = 1}}};
    S(SYS_sendmmsg, sv[1], mm, 2, MSG_DONTWAIT);
    S(SYS_recvmmsg, sv[0], mm, 2, MSG_DONTWAIT, 0L);
    struct { char name[16]; short flags; char rest[22]; } ifr = {"lo"};
    S(SYS_ioctl, s, SIOCGIFMTU, &ifr);
    S(SYS_ioctl, s, SIOCGIFINDEX, &ifr);
    S(SYS_ioctl, s, SIOCGIFFLAGS, &ifr);
    for (int i = s; i < 24; i++)
        close(i);
}

static void memory(void)
{
    char *p = (char *)S(SYS_mmap, 0L, 16384L, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0L);
    S(SYS_mprotect, p, 4096L, PROT_READ | PROT_EXEC);
    S(SYS_mprotect, p, 4096L, PROT_NONE);
    S(SYS_madvise, p, 4096L, MADV_DONTNEED);
    S(SYS_madvise, p, 4096L, 777);
    S(SYS_mremap, p, 16384L, 8192L, MREMAP_MAYMOVE, 0L);
    S(SYS_msync, p, 4096L, MS_SYNC | MS_INVALIDATE);
    S(SYS_mlock2, p + 4096, 4096L, 1);
    S(SYS_munmap, p, 8192L);
    S(SYS_mmap, 0L, 0L, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE, 5, 4096L);
    S(SYS_futex, buf, FUTEX_WAKE_PRIVATE, 5);
    S(SYS_futex, buf, FUTEX_WAIT, 5, &second);
    S(SYS_futex, buf, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 5, &second, 0L, FUTEX_BITSET_MATCH_ANY);
    S(SYS_futex, buf, FUTEX_CMP_REQUEUE_PRIVATE, 1, 2L, buf + 8, 7);
}

static void signals(void)
{
    struct { void *handler; unsigned long flags, more[2]; } sa = {(void *)1, SA_RESTART | SA_NODEFER, {0}};
    uint64_t mask = 1ull << 9 | 1ull << 33 | 1ull << 13;
    S(SYS_rt_sigprocmask, SIG_BLOCK, &mask, buf, 8L);
    S(SYS_rt_sigpending, buf, 8L);
    siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
    info.si_pid = 1, info.si_value.sival_int = 7;
    S(SYS_rt_sigqueueinfo, (int)S(SYS_getpid), SIGUSR1, &info);
    S(SYS_rt_sigtimedwait, &mask, buf, &second, 8L);
    S(SYS_rt_sigtimedwait, &mask, buf, &(struct timespec){0, 1}, 8L);
    S(SYS_kill, 0, 0);
    S(SYS_tkill, -1, SIGRTMIN + 3);
    struct itimerval it = {{1, 2}, {0, 0}};
    S(SYS_rt_sigaction, SIGUSR2, &sa, 0L, 8L);
    S(SYS_rt_sigaction, SIGRTMAX, 0L, 0L, 8L);
    stack_t st = {.ss_sp = buf, .ss_size = 4096, .ss_flags = SS_DISABLE};
    S(SYS_sigaltstack, &st, 0L);
    S(SYS_setitimer, ITIMER_VIRTUAL, &it, 0L);
    S(SYS_getitimer, ITIMER_PROF, buf);
    S(SYS_timer_create, CLOCK_REALTIME, 0L, buf);
    struct { void *p; int sig, notify; char rest[48]; } sev = {(void *)5, SIGUSR2, SIGEV_SIGNAL};
    S(SYS_timer_create, CLOCK_MONOTONIC, &sev, buf);
}

static void processes(void)
{
    struct rlimit lim;
    struct sched_param param = {0};
    struct { uint32_t version; int pid; } cap = {_LINUX_CAPABILITY_VERSION_3, 0};
    S(SYS_prlimit64, 0, RLIMIT_NOFILE, 0L, &lim);
    S(SYS_prlimit64, 0, RLIMIT_CORE, &(struct rlimit){0, RLIM_INFINITY}, 0L);
    S(SYS_getrusage, RUSAGE_CHILDREN, buf);
    S(SYS_sched_getscheduler, 0);
    S(SYS_sched_setscheduler, 0, SCHED_BATCH, &param);
    S(SYS_sched_getparam, 0, &param);
    S(SYS_sched_get_priority_max, SCHED_RR);
    S(SYS_setpriority, PRIO_PROCESS, 0, 1);
    S(SYS_getpriority, PRIO_PGRP, 0);
    S(SYS_capget, &cap, buf);
    S(SYS_getresuid, buf, buf + 4, buf + 8);
    S(SYS_setresgid, -1, -1, -1);
    S(SYS_getgroups, 0, 0L);
    S(SYS_prctl, PR_SET_NAME, "thread");
    S(SYS_prctl, PR_GET_NAME, buf);
    S(SYS_prctl, PR_SET_PDEATHSIG, SIGTERM);
    S(SYS_prctl, PR_SET_PDEATHSIG, 0);
    S(SYS_prctl, PR_SET_DUMPABLE, 1);
    S(SYS_prctl, PR_GET_DUMPABLE);
    S(SYS_prctl, PR_CAPBSET_READ, CAP_SYS_ADMIN);
    S(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    S(SYS_prctl, PR_GET_SECCOMP);
    S(SYS_unshare, 0);
    S(SYS_clock_gettime, 77, buf);
    S(SYS_clock_getres, CLOCK_MONOTONIC, buf);
    S(SYS_wait4, -1, 0L, WNOHANG | WUNTRACED, 0L);
    S(SYS_waitid, P_ALL, 0, buf, WEXITED | WNOHANG, 0L);
    S(SYS_pidfd_open, -1, 0);
    S(SYS_personality, 0xffffffff);
    S(SYS_getrandom, buf, 0L, GRND_NONBLOCK);
    uint32_t action = SECCOMP_RET_TRAP;
    struct { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t prio; uint64_t more[3]; } attr;
    S(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);
    S(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, 0L);
    S(SYS_sched_getattr, 0, &attr, sizeof attr, 0);
    S(SYS_landlock_create_ruleset, 0L, 0L, 1);
    S(SYS_landlock_create_ruleset, &(uint64_t){5}, 8L, 0);
    S(SYS_keyctl, 3, 7);
    S(SYS_mq_open, "none", O_RDWR | O_CREAT, 0600, &(long[8]){0, -1, 100});
    S(SYS_kcmp, 1, 1, 2, 0L, 0L);
    S(SYS_mbind, 0L, 0L, 2, 0L, 0L, 2);
    S(SYS_process_vm_readv, -1, &(struct iovec){buf, 5}, 1L, &(struct iovec){buf, 5}, 1L, 0L);
    S(SYS_ioprio_get, 1, -1);
    S(SYS_setns, -1, 0x20000000);
    S(SYS_fsopen, "none", 1);
    S(SYS_fanotify_init, 0x73 | 4, O_RDONLY);
    S(SYS_userfaultfd, 7);
    S(SYS_msgget, 5, 0);
    S(SYS_shmget, 5, 4096L, 0600);
    S(SYS_exit_group, 3);
}

int main(void)
{
    files();
    terminals();
    waits();
    sockets();
    memory();
    signals();
    processes();
    return 0;
}

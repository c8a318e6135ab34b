/*
 * Guest test: of several mistakes in one call, the one that the kernel finds first is reported.  One row each; the same on the host.
 */
#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define NO ((long)-1)
#define BAD 8L          /* an address where nothing is */
#define END 0x7ffffffff000L /* of user space */
#define GIB (1L << 30)
#define IPC_SET_ 1
#define RWF_APPEND_ 0x10
#define CLOSED 99

/* Descriptors, made by main. */
enum { FILE_ = 20, PATH_, PIPE_IN, PIPE_OUT, EPOLL, MAPS, MAPS_COPY, MEM, SOCKET, FDS, SELF };

static char page[4096];
static struct iovec half_bad[1024] = {[3] = {page, (size_t)-5}};
static struct iovec two[2] = {{page, 16}, {page, 16}}, negative[2] = {{page, 16}, {page, (size_t)-16}}, unmapped[2] = {{(void *)0x100000, 4096}};
static struct iovec whole[1] = {{page, 16}};
static uint64_t how_tail[64] = {[40] = 1};
static struct clone_args pidfd_bad = {.flags = CLONE_PIDFD, .pidfd = BAD, .exit_signal = SIGCHLD};
static struct clone_args pidfd_twice = {.flags = CLONE_PIDFD | CLONE_PARENT_SETTID, .pidfd = (uintptr_t)page, .parent_tid = (uintptr_t)page, .exit_signal = SIGCHLD};
static struct clone_args no_levels = {.set_tid = (uintptr_t)page, .exit_signal = SIGCHLD};
static struct perf_event_attr hardware = {.type = PERF_TYPE_HARDWARE, .size = sizeof hardware, .exclude_kernel = 1};
static siginfo_t odd_info = {.si_code = 77};
static char *argv_bad[] = {(char *)BAD, NULL}, *argv_good[] = {page, NULL};
static char script[] = "/tmp/btv-order.XXXXXX";

#define A(...) {__VA_ARGS__}
#define P(x) ((long)(intptr_t)(x))

static const struct order {
    const char *what;
    long nr, a[6];
    int is; /* errno; 0: succeeds */
} orders[] = {
    {"mmap: descriptor before length", SYS_mmap, A(0, 0, PROT_READ, MAP_PRIVATE, CLOSED, 0), EBADF},
    {"mmap: offset before descriptor", SYS_mmap, A(0, 4096, PROT_READ, MAP_PRIVATE, CLOSED, 5), EINVAL},
    {"mmap: descriptor that is only a path before type", SYS_mmap, A(0, 4096, PROT_READ, 0, PATH_, 0), EBADF},
    {"mmap: descriptor before far too long", SYS_mmap, A(0, 1L << 62, PROT_READ, MAP_PRIVATE, PATH_, 0), EBADF},
    {"mmap: length before type", SYS_mmap, A(0, 1L << 62, PROT_READ, 0, FILE_, 0), ENOMEM},
    {"mmap: type before a limit", SYS_mmap, A(0, 4 * GIB, PROT_READ, 0, FILE_, 0), EINVAL},
    {"mmap: a limit", SYS_mmap, A(0, 4 * GIB, PROT_READ, MAP_PRIVATE, FILE_, 0), ENOMEM},
    {"mmap: address before type", SYS_mmap, A(END, 4096, PROT_READ, MAP_FIXED, FILE_, 0), ENOMEM},
    {"mmap: a file that cannot be mapped, of no type", SYS_mmap, A(0, 4096, PROT_READ, 0, MAPS, 0), EINVAL},
    {"mmap: a file that cannot be mapped", SYS_mmap, A(0, 4096, PROT_READ, MAP_PRIVATE, MAPS, 0), ENODEV},
    {"mmap: a duplicate of it", SYS_mmap, A(0, 4096, PROT_READ, MAP_PRIVATE, MAPS_COPY, 0), ENODEV},
    {"mmap: mode of the file before that", SYS_mmap, A(0, 4096, PROT_WRITE, MAP_SHARED, MAPS, 0), EACCES},
    {"mmap: to be executed on a file system without programs", SYS_mmap, A(0, 4096, PROT_EXEC, MAP_PRIVATE, MAPS, 0), EPERM},
    {"mmap: huge pages of another file before length", SYS_mmap, A(0, 0, PROT_READ, MAP_PRIVATE | MAP_HUGETLB, FILE_, 0), EINVAL},
    {"mmap: huge pages of no size before length", SYS_mmap, A(0, 1L << 62, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 13 << 26, NO, 0), EINVAL},
    {"madvise: hole with MADV_DONTDUMP", SYS_madvise, A(0x100000, 4096, MADV_DONTDUMP), ENOMEM},
    {"process_madvise: flags before vectors", SYS_process_madvise, A(CLOSED, BAD, 1, MADV_COLD, 1), EINVAL},
    {"process_madvise: vectors before descriptor", SYS_process_madvise, A(CLOSED, BAD, 1, MADV_COLD, 0), EFAULT},
    {"process_madvise: negative length before descriptor", SYS_process_madvise, A(CLOSED, P(negative), 2, MADV_COLD, 0), EINVAL},
    {"process_madvise: descriptor before advice", SYS_process_madvise, A(CLOSED, P(whole), 1, 999, 0), EBADF},
    {"process_madvise: nothing mapped", SYS_process_madvise, A(SELF, P(unmapped), 1, MADV_COLD, 0), ENOMEM},
    {"process_madvise: advice", SYS_process_madvise, A(SELF, P(unmapped), 1, 999, 0), EINVAL},
    {"readv: negative length before a vector that cannot be read", SYS_readv, A(FILE_, P(half_bad), 1024), EINVAL},
    {"readv of memory: negative length before place", SYS_preadv, A(MEM, P(negative), 2, 0), EINVAL},
    {"pread of memory: length before place", SYS_pread64, A(MEM, P(page), -5, 0), EFAULT},
    {"pread of memory: place", SYS_pread64, A(MEM, P(page), 8, 0), EIO},
    {"preadv2 of memory: flags before place", SYS_preadv2, A(MEM, P(two), 2, 0, 0, RWF_APPEND_), EOPNOTSUPP},
    {"preadv2 of maps: flags", SYS_preadv2, A(MAPS, P(two), 2, 0, 0, RWF_APPEND_), EOPNOTSUPP},
    {"preadv2 of maps: vectors before flags", SYS_preadv2, A(MAPS, P(negative), 2, 0, 0, RWF_APPEND_), EINVAL},
    {"pwrite to maps: place before mode", SYS_pwrite64, A(MAPS, P(page), 8, 0), ESPIPE},
    {"pwritev to maps", SYS_pwritev, A(MAPS_COPY, P(two), 2, 0), ESPIPE},
    {"lseek to the end of maps", SYS_lseek, A(MAPS_COPY, 0, SEEK_END), EINVAL},
    {"lseek to data of maps", SYS_lseek, A(MAPS, 0, SEEK_DATA), EINVAL},
    {"fsync of maps", SYS_fsync, A(MAPS), EINVAL},
    {"fchmod of maps", SYS_fchmod, A(MAPS, 0600), EPERM},
    {"ftruncate of maps", SYS_ftruncate, A(MAPS, 0), EINVAL},
    {"fallocate of maps", SYS_fallocate, A(MAPS, 0, 0, 4096), EBADF},
    {"sendfile of maps", SYS_sendfile, A(PIPE_OUT, MAPS, 0, 4096), EINVAL},
    {"read over the end of user space before end of file", SYS_read, A(FILE_, END - 1, 16), EFAULT},
    {"read over the end of user space before a folder", SYS_read, A(FDS, END - 1, 16), EFAULT},
    {"recvfrom: length is cut before the range is judged", SYS_recvfrom, A(CLOSED, P(page), -1, 0, 0, 0), EBADF},
    {"recvfrom: range before descriptor", SYS_recvfrom, A(CLOSED, END - 1, 16, 0, 0, 0), EFAULT},
    {"getdents64: a negative length", SYS_getdents64, A(FDS, P(page), 0xfffffff9), EINVAL},
    {"getdents64: length before address", SYS_getdents64, A(FDS, BAD, 1), EINVAL},
    {"getdents64: address", SYS_getdents64, A(FDS, BAD, 4096), EFAULT},
    {"getdents64: and nothing was lost by that", SYS_lseek, A(FDS, 0, SEEK_CUR), 0},
    {"openat2: what comes behind the struct", SYS_openat2, A(AT_FDCWD, P("/proc/self/maps"), P(how_tail), sizeof how_tail), E2BIG},
    {"openat: direct", SYS_openat, A(AT_FDCWD, P("/proc/self/maps"), O_RDONLY | O_DIRECT), EINVAL},
    {"getrlimit: number before address", SYS_getrlimit, A(99, 0), EINVAL},
    {"ioctl of epoll: unknown", SYS_ioctl, A(EPOLL, 0x48a8, 0x3eab56396), EINVAL},
    {"ioctl of a pipe: unknown", SYS_ioctl, A(PIPE_IN, 0x48a8, 0x3eab56396), ENOTTY},
    {"sched_setaffinity: the length is 32 bits", SYS_sched_setaffinity, A(0, 1L << 32, P(page)), EINVAL},
    {"sched_getaffinity: the length is 32 bits", SYS_sched_getaffinity, A(0, 1L << 32, BAD), EINVAL},
    {"sched_getattr: the length is 32 bits", SYS_sched_getattr, A(0, BAD, 1L << 32, 0), EINVAL},
    {"ppoll: the number is 32 bits", SYS_ppoll, A(BAD, 1L << 32, P(page), 0, 8), 0},
    {"semctl: identifier before address", SYS_semctl, A(NO, 0, IPC_SET_, BAD), EINVAL},
    {"shmat: address before identifier", SYS_shmat, A(NO, 0x1001, 0), EINVAL},
    {"clone: where the descriptor goes", SYS_clone, A(CLONE_PIDFD | SIGCHLD, 0, BAD, 0, 0), EFAULT},
    {"clone: the same in shared memory", SYS_clone, A(CLONE_PIDFD | CLONE_VM | CLONE_VFORK | SIGCHLD, P(page + 4000), 0, 0, 0), EFAULT},
    {"clone3: where the descriptor goes", SYS_clone3, A(P(&pidfd_bad), sizeof pidfd_bad), EFAULT},
    {"clone3: descriptor and number in one place", SYS_clone3, A(P(&pidfd_twice), sizeof pidfd_twice), EINVAL},
    {"clone3: numbers without their number", SYS_clone3, A(P(&no_levels), sizeof no_levels), EINVAL},
    {"rt_sigqueueinfo: fields of a code that nobody knows", SYS_rt_sigqueueinfo, A(-7, SIGBUS, P(&odd_info)), E2BIG},
    {"perf_event_open: flags before attributes", SYS_perf_event_open, A(BAD, 0, -1, -1, 1L << 20), EINVAL},
    {"perf_event_open: descriptor before type", SYS_perf_event_open, A(P(&hardware), 0, -1, CLOSED, 0), EBADF},
    {"perf_event_open: process before type", SYS_perf_event_open, A(P(&hardware), 0x7fffffff, -1, -1, 0), ESRCH},
    {"execve: arguments before contents", SYS_execve, A(P(script), P(argv_bad), 0), EFAULT},
    {"execve: contents", SYS_execve, A(P(script), P(argv_good), 0), ENOEXEC},
};

static void put(int fd, int number)
{
    CHECK(fd >= 0 && dup2(fd, number) == number, "descriptor %d: errno %d", number, errno);
    close(fd);
}

static void make(void)
{
    int p[2];
    int fd = mkstemp(script);
    CHECK(fd >= 0 && write(fd, "neither\0nor", 11) == 11 && fchmod(fd, 0700) == 0 && close(fd) == 0, "a file that is no program");
    put(open(script, O_RDONLY), FILE_);
    put(open("/", O_PATH), PATH_);
    CHECK(pipe(p) == 0, "pipe");
    put(p[0], PIPE_IN);
    put(p[1], PIPE_OUT);
    put(epoll_create1(0), EPOLL);
    put(open("/proc/self/maps", O_RDONLY), MAPS);
    put(dup(MAPS), MAPS_COPY);
    put(open("/proc/self/mem", O_RDWR), MEM);
    put(socket(AF_UNIX, SOCK_STREAM, 0), SOCKET);
    put(open("/proc/self/fd", O_RDONLY | O_DIRECTORY), FDS);
    put((int)syscall(SYS_pidfd_open, getpid(), 0), SELF);
    memset(page, 0, sizeof page);
    odd_info.si_signo = SIGBUS;
    memset((char *)&odd_info + 64, 1, 8);
}

static long make_call(const struct order *o)
{
    const long *a = o->a;
    if (o->nr == SYS_clone || o->nr == SYS_clone3) { /* a child that should not be there ends */
        long r = syscall(o->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
        if (r == 0)
            _exit(0);
        return r;
    }
    return syscall(o->nr, a[0] == -7 ? getpid() : a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* Advice to drop memory reaches code that was already run; Linux has it for oneself since 6.13. */
static void advice_and_code(void)
{
#ifdef __riscv
    static const uint32_t code[2][2] = {{0x00100513, 0x00008067}, {0x00200513, 0x00008067}}; /* li a0, 1 or 2; ret */
    int fd = (int)syscall(SYS_memfd_create, "code", 0);
    uint32_t *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE, ftruncate(fd, 4096) == 0 ? fd : -1, 0);
    CHECK(at != MAP_FAILED && pwrite(fd, code[0], sizeof code[0], 0) == sizeof code[0], "code");
    memcpy(at, code[1], sizeof code[1]);
    __builtin___clear_cache((char *)at, (char *)(at + 2));
    int (*fn)(void) = (int (*)(void))(uintptr_t)at;
    for (int i = 0; i < 100; i++)
        CHECK(fn() == 2, "code of its own");
    struct iovec v = {at, 4096};
    long r = syscall(SYS_process_madvise, SELF, &v, 1, MADV_DONTNEED, 0);
    CHECK(r == 4096 || (r == -1 && errno == EINVAL), "MADV_DONTNEED: %ld, errno %d", r, errno);
    CHECK(fn() == (r < 0 ? 2 : 1), "code of the file after MADV_DONTNEED");
    munmap(at, 4096);
    close(fd);
#endif
}

int main(void)
{
    struct rlimit old, few = {2 * GIB, 0};
    make();
    getrlimit(RLIMIT_AS, &old);
    few.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_AS, &few);
    for (unsigned i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        errno = 0;
        long r = make_call(&orders[i]);
        CHECK(orders[i].is ? r == -1 && errno == orders[i].is : r >= 0, "%s: %ld, errno %d, not %d", orders[i].what, r, errno, orders[i].is);
    }
    setrlimit(RLIMIT_AS, &old);
    advice_and_code();
    unlink(script);
    return check_done();
}

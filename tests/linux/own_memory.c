/*
 * Guest of own_memory.sh: addresses of the translator's own memory, given as arguments, are to the guest what unmapped ones are,
 * by every call that takes one.  Without arguments: "idle" waits, so that somebody can look those addresses up.
 *
 *   own_memory idle | own_memory check PID ADDRESS... (PID: of another guest that waits, with the same addresses)
 */
#include "../check.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#define SYS_FUTEX_REQUEUE2 456
#define SCAN_COMMAND 0xc0606610ul

static uint32_t word;
static long page_size = 4096;

static bool seen(uint64_t addr) /* in /proc/self/maps */
{
    char line[512];
    unsigned long start, end;
    bool found = false;
    FILE *f = fopen("/proc/self/maps", "r");
    while (f && fgets(line, sizeof line, f))
        found = found || (sscanf(line, "%lx-%lx", &start, &end) == 2 && addr >= start && addr < end);
    if (f)
        fclose(f);
    return found;
}

static void check_files(const char *of, uint64_t at)
{
    char path[64], buf[64];
    snprintf(path, sizeof path, "/proc/%s/mem", of);
    int fd = open(path, O_RDWR), link = -1;
    CHECK(fd >= 0, "%s: %s", path, strerror(errno));
    struct iovec iov[2] = {{buf, 8}, {buf + 8, 8}};
    CHECK_FAILS(pread(fd, buf, 8, (off_t)at), EIO);
    CHECK_FAILS(pwrite(fd, buf, 8, (off_t)at), EIO);
    CHECK_FAILS(preadv(fd, iov, 2, (off_t)at), EIO);
    CHECK_FAILS(pwritev(fd, iov, 2, (off_t)at), EIO);
    CHECK(lseek(fd, (off_t)at, SEEK_SET) == (off_t)at, "seek");
    CHECK_FAILS(read(fd, buf, 8), EIO);
    CHECK_FAILS(readv(fd, iov, 2), EIO);
    CHECK_FAILS(write(fd, buf, 8), EIO);
    CHECK_FAILS(syscall(SYS_preadv2, fd, iov, 2L, at, 0L, 0L), EIO);
    int copy = dup(fd);
    CHECK_FAILS(pread(copy, buf, 8, (off_t)at), EIO);
    close(copy);
    close(fd);
    if (!strcmp(of, "self")) { /* by a link, and right */
        symlink("/proc/self/mem", "own_memory.link");
        link = open("own_memory.link", O_RDWR);
        unlink("own_memory.link");
        CHECK_FAILS(pread(link, buf, 8, (off_t)at), EIO);
        word = 0x1234;
        CHECK(pread(link, buf, 4, (off_t)(uintptr_t)&word) == 4 && !memcmp(buf, &word, 4), "own memory");
        uint32_t other = 0x5678;
        CHECK(pwrite(link, &other, 4, (off_t)(uintptr_t)&word) == 4 && *(volatile uint32_t *)&word == 0x5678, "%x", word);
        close(link);
    }
    snprintf(path, sizeof path, "/proc/%s/pagemap", of);
    fd = open(path, O_RDONLY);
    uint64_t entry[4] = {1, 1, 1, 1};
    CHECK(pread(fd, entry, 8, (off_t)(at / 4096 * 8)) == 8 && entry[0] == 0, "pagemap of %s at %llx: %llx", of, (unsigned long long)at, (unsigned long long)entry[0]);
    if (!strcmp(of, "self")) {
        uint64_t here = (uintptr_t)&word / 4096;
        CHECK(lseek(fd, (off_t)(here * 8), SEEK_SET) == (off_t)(here * 8) && read(fd, entry, 16) == 16 && entry[0] >> 63, "own page: %llx", (unsigned long long)entry[0]);
        CHECK(lseek(fd, 0, SEEK_CUR) == (off_t)(here * 8 + 16), "position");
        CHECK_FAILS(pread(fd, entry, 7, 0), EINVAL);
    }
    struct {
        uint64_t start, end, categories;
    } region[8];
    uint64_t arg[12] = {96, 0, at / 4096 * 4096, at / 4096 * 4096 + 4096, 0, (uintptr_t)region, 8, 0, 0, 0, 2 | 8, 2 | 8};
    long n = ioctl(fd, SCAN_COMMAND, arg);
    CHECK(n == 0 || (n == -1 && errno == ENOTTY), "PAGEMAP_SCAN finds %ld at %llx: %s", n, (unsigned long long)at, strerror(errno));
    close(fd);
}

static void check_calls(uint64_t at)
{
    char buf[64];
    int p[2], status[2];
    unsigned char vec[2];
    void *a = (void *)(uintptr_t)at, *page = (void *)(uintptr_t)(at / 4096 * 4096), *pages[2] = {page, &word};
    struct iovec local = {buf, 8}, remote = {a, 8};
    struct timespec past = {1, 0};
    struct stat st;
    if (pipe(p))
        return;
    CHECK_FAILS(write(p[1], a, 8), EFAULT);
    CHECK_FAILS(writev(p[1], &remote, 1), EFAULT);
    CHECK(write(p[1], buf, 8) == 8, "pipe");
    CHECK_FAILS(read(p[0], a, 8), EFAULT);
    CHECK_FAILS(syscall(SYS_newfstatat, AT_FDCWD, a, &st, 0), EFAULT);
    CHECK_FAILS(syscall(SYS_newfstatat, AT_FDCWD, "/", a, 0), EFAULT);
    CHECK_FAILS(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), EFAULT);
    CHECK_FAILS(process_vm_writev(getpid(), &local, 1, &remote, 1, 0), EFAULT);
    CHECK_FAILS(mincore(page, 4096, vec), ENOMEM);
    CHECK_FAILS(msync(page, 4096, MS_ASYNC), ENOMEM);
    CHECK_FAILS(mprotect(page, 4096, PROT_READ), ENOMEM);
    errno=0; CHECK(madvise(page, 4096, MADV_DONTNEED) == -1 && errno == ENOMEM, "madvise at %llx", (unsigned long long)at);
    CHECK_FAILS(mlock(page, 4096), ENOMEM);
    CHECK_FAILS(munlock(page, 4096), ENOMEM);
    CHECK_FAILS(mremap(page, 4096, 8192, MREMAP_MAYMOVE), EFAULT);
    CHECK(munmap(page, 4096) == 0, "munmap of a hole");
    CHECK_FAILS(syscall(SYS_mbind, page, 4096L, 0L, NULL, 0L, 0L), EFAULT);
    CHECK_FAILS(syscall(SYS_get_mempolicy, status, NULL, 0L, a, 2L), EFAULT);
    CHECK(syscall(SYS_move_pages, 0, 2L, pages, NULL, status, 0) == 0 && status[0] < 0 && status[1] >= 0, "move_pages: %d %d", status[0], status[1]);
    CHECK_FAILS(syscall(SYS_futex, a, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
    CHECK_FAILS(syscall(SYS_futex, &word, FUTEX_REQUEUE, 0, 1L, a, 0), EFAULT);
    CHECK_FAILS(syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE, 0, 1L, a, word), EFAULT);
    CHECK_FAILS(syscall(SYS_futex, &word, FUTEX_WAKE_OP, 1, 1L, a, FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 0)), EFAULT);
    CHECK_FAILS(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, word, a, NULL, -1), EFAULT);
    struct {
        uint64_t value, addr;
        uint32_t flags, reserved;
    } waitv[2] = {{word, (uintptr_t)&word, 2, 0}, {0, at & ~UINT64_C(3), 2, 0}};
    CHECK_FAILS(syscall(SYS_futex_waitv, waitv, 2, 0, &past, CLOCK_MONOTONIC), EFAULT);
    CHECK_FAILS(syscall(SYS_FUTEX_REQUEUE2, waitv, 0, 0, 1), EFAULT);
    close(p[0]);
    close(p[1]);
}

/* Another process's memory by a descriptor that a program did not open itself: 0 if nothing is there. */
static int nothing_at(int fd, uint64_t at)
{
    char buf[8];
    return pread(fd, buf, sizeof buf, (off_t)at) == -1 && errno == EIO && pread(fd, buf, sizeof buf, (off_t)(uintptr_t)&word & -4096) > 0 ? 0 : 1;
}

static int receive(int from)
{
    char byte, control[CMSG_SPACE(sizeof(int))];
    struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    int fd = -1;
    if (recvmsg(from, &m, 0) == 1 && CMSG_FIRSTHDR(&m))
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
    return fd;
}

/* The program that came by execve: how it has the descriptor, the number that leads to it, the address. */
static int stranger(char **argv)
{
    int number = atoi(argv[3]), fd = argv[2][0] == 'i' ? number : argv[2][0] == 's' ? receive(number) : (int)syscall(SYS_pidfd_getfd, number, 100, 0);
    return nothing_at(fd, strtoull(argv[4], NULL, 16));
}

static int run_stranger(const char *way, int number, uint64_t at)
{
    char fd[16], addr[24];
    int status = -1;
    snprintf(fd, sizeof fd, "%d", number);
    snprintf(addr, sizeof addr, "%llx", (unsigned long long)at);
    pid_t pid = fork();
    if (pid == 0) {
        if (way[0] != 'i')
            close(100);
        execl("/proc/self/exe", "x", "stranger", way, fd, addr, (char *)NULL);
        _exit(9);
    }
    waitpid(pid, &status, 0);
    return status;
}

static void check_strangers(const char *of, uint64_t at)
{
    char path[64];
    int pair[2], pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    snprintf(path, sizeof path, "/proc/%s/mem", of);
    int fd = open(path, O_RDONLY);
    fcntl(pidfd, F_SETFD, 0);
    CHECK(dup2(fd, 100) == 100 && socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0, "descriptors");
    CHECK(run_stranger("inherited", 100, at) == 0, "inherited, at %#llx", (unsigned long long)at);
    CHECK(run_stranger("getfd", pidfd, at) == 0, "pidfd_getfd, at %#llx", (unsigned long long)at);
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec v = {&word, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    *CMSG_FIRSTHDR(&m) = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof fd);
    CHECK(sendmsg(pair[0], &m, 0) == 1 && run_stranger("socket", pair[1], at) == 0, "by a socket, at %#llx", (unsigned long long)at);
    close(fd);
    close(100);
    close(pair[0]);
    close(pair[1]);
    close(pidfd);
}

int main(int argc, char **argv)
{
    if (argc == 5 && !strcmp(argv[1], "stranger"))
        return stranger(argv);
    if (argc < 4) {
        pause();
        return 0;
    }
    setvbuf(stdout, NULL, _IONBF, 0);
    for (int i = 3; i < argc; i++) {
        uint64_t at = strtoull(argv[i], NULL, 16) & ~(uint64_t)(page_size - 1);
        if (seen(at))
            continue; /* the guest of the same address in another run, without randomisation: a hole filled since */
        check_calls(at);
        check_files("self", at);
        check_files(argv[2], at);
        if (i % 8 == 3)
            check_strangers(argv[2], at);
        char buf[8];
        struct iovec local = {buf, 8}, remote = {(void *)(uintptr_t)at, 8};
        CHECK_FAILS(process_vm_readv(atoi(argv[2]), &local, 1, &remote, 1, 0), EFAULT);
        CHECK_FAILS(process_vm_writev(atoi(argv[2]), &local, 1, &remote, 1, 0), EFAULT);
    }
    return check_done();
}

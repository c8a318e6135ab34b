/*
 * Guest test: memory calls beside mapping: mlockall, mseal, remap_file_pages, membarrier, memfd_secret, protection keys, mremap of
 * odd kinds, process_vm_readv, process_madvise; and counting with perf_event_open.
 */
#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_mseal
#define SYS_mseal 462
#endif
#define PAGE 4096ul
static char *map(size_t n)
{
    return mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* The number of a line of /proc/self/status. */
static long status(const char *key)
{
    char text[8192];
    int fd = open("/proc/self/status", O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    const char *at = strstr(text, key);
    return at ? atol(at + strlen(key)) : -1;
}

static void locking(void)
{
    CHECK_FAILS(mlockall(0), EINVAL);
    CHECK_FAILS(mlockall(8), EINVAL);
    CHECK_FAILS(mlockall(MCL_ONFAULT), EINVAL);
    char *p = map(64 * PAGE);
    CHECK(mlock(p, 64 * PAGE) == 0 && status("VmLck:") >= 256, "mlock: VmLck %ld", status("VmLck:"));
    CHECK(munlock(p, 64 * PAGE) == 0 && status("VmLck:") == 0, "munlock");
    if (mlockall(MCL_CURRENT | MCL_FUTURE)) {
        printf("mlockall: skipped, errno %d\n", errno);
        return;
    }
    long before = status("VmLck:");
    CHECK(before > 256 && before < 200000, "mlockall: VmLck %ld", before);
    char *q = map(64 * PAGE);
    CHECK(status("VmLck:") >= before + 256, "MCL_FUTURE: VmLck %ld", status("VmLck:"));
    CHECK(munlockall() == 0 && status("VmLck:") == 0, "munlockall: VmLck %ld", status("VmLck:"));
    munmap(p, 64 * PAGE);
    munmap(q, 64 * PAGE);
}

static void sealing(void)
{
    char *p = map(4 * PAGE), *x;
    if (syscall(SYS_mseal, p, PAGE, 0) == -1 && errno == ENOSYS) {
        puts("mseal: skipped, the kernel has none");
        return;
    }
    p[0] = 1;
    CHECK_FAILS(munmap(p, PAGE), EPERM);
    CHECK_FAILS(munmap(p, 4 * PAGE), EPERM);
    CHECK_FAILS(mprotect(p, PAGE, PROT_READ), EPERM);
    CHECK_FAILS(mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EPERM);
    CHECK_FAILS(mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), EPERM);
    CHECK_FAILS(syscall(SYS_mseal, p + 1, PAGE, 0), EINVAL);
    CHECK_FAILS(syscall(SYS_mseal, p, PAGE, 1), EINVAL);
    CHECK(p[0] == 1 && munmap(p + PAGE, 3 * PAGE) == 0, "the rest is not sealed");
    CHECK_FAILS(syscall(SYS_mseal, p, 2 * PAGE, 0), ENOMEM);
    /* code */
    x = mmap(NULL, 2 * PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(syscall(SYS_mseal, x, 2 * PAGE, 0) == 0, "mseal of code");
    CHECK_FAILS(munmap(x, 2 * PAGE), EPERM);
    CHECK_FAILS(mprotect(x, PAGE, PROT_READ | PROT_WRITE), EPERM);
}

static void file_pages(void)
{
    int fd = memfd_create("pages", 0);
    CHECK(ftruncate(fd, 4 * PAGE) == 0, "ftruncate");
    char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    for (unsigned i = 0; i < 4; i++)
        p[i * PAGE] = (char)('a' + i);
    CHECK(syscall(SYS_remap_file_pages, p, PAGE, 0, 3, 0) == 0 && p[0] == 'd' && p[PAGE] == 'b', "remap_file_pages: %c%c", p[0], p[PAGE]);
    CHECK_FAILS(syscall(SYS_remap_file_pages, p, PAGE, PROT_READ, 3, 0), EINVAL);
    munmap(p, 4 * PAGE);
    close(fd);
}

static volatile int finish;

static void *wait_for_finish(void *arg)
{
    while (!finish)
        usleep(1000);
    return arg;
}

/* What makes a translator ask for barriers of its own: code that changes while there are threads. */
static void change_code(void)
{
    uint32_t *code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint32_t (*f)(void) = (uint32_t(*)(void))(uintptr_t)code;
    pthread_t other;
    pthread_create(&other, NULL, wait_for_finish, NULL);
    for (uint32_t n = 0; n < 5; n++) {
        uint32_t sum = 0;
        code[0] = n << 20 | 0x513; /* li a0, n; ret */
        code[1] = 0x8067;
        __builtin___clear_cache((char *)code, (char *)(code + 2));
        for (unsigned i = 0; i < 100; i++)
            sum += f();
        CHECK(sum == 100 * n, "code %u: %u", n, sum);
    }
    finish = 1;
    pthread_join(other, NULL);
    munmap(code, PAGE);
}

static void barriers(void)
{
    change_code();
    CHECK_FAILS(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0), EPERM);
    long mask = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    CHECK(mask > 0 && (mask & MEMBARRIER_CMD_PRIVATE_EXPEDITED), "membarrier: 0x%lx", mask);
    CHECK_FAILS(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0), EPERM);
    CHECK(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0, "register");
    CHECK(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0, "expedited");
    CHECK(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0) == 0, "register sync core");
    CHECK(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0) == 0, "sync core");
    CHECK(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0, "global");
    CHECK_FAILS(syscall(SYS_membarrier, 12345, 0, 0), EINVAL);
    CHECK_FAILS(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 1, 0), EINVAL);
}

static void secret(void)
{
    int fd = (int)syscall(SYS_memfd_secret, 0);
    if (fd < 0) {
        printf("memfd_secret: skipped, errno %d\n", errno);
        return;
    }
    CHECK(ftruncate(fd, PAGE) == 0, "ftruncate");
    char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED, "mmap: errno %d", errno);
    if (p != MAP_FAILED) {
        memcpy(p, "secret", sizeof "secret");
        CHECK(!strcmp(p, "secret"), "secret memory");
        int null = open("/dev/zero", O_RDONLY), out[2];
        CHECK(pipe(out) == 0 && write(out[1], p, 6) == 6, "write from secret memory"); /* copies are allowed, pinning is not */
        close(null);
        close(out[0]);
        close(out[1]);
        munmap(p, PAGE);
    }
    close(fd);
}

static void remaps(void)
{
    char *p = map(4 * PAGE), *q;
    memset(p, 7, 4 * PAGE);
    q = mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    CHECK(q != MAP_FAILED && q != p && q[0] == 7 && p[0] == 0, "MREMAP_DONTUNMAP");
    p[PAGE] = 9;
    CHECK(mremap(q, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p) == p && p[PAGE] == 7, "MREMAP_FIXED over it");
    CHECK_FAILS(mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE), EINVAL);
    CHECK_FAILS(mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_FIXED, p), EINVAL);
    CHECK_FAILS(mremap(q, PAGE, 2 * PAGE, 0), EFAULT);
    CHECK(mremap(p, 4 * PAGE, PAGE, 0) == p, "shrink");
    char *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    q = mremap(shared, 0, PAGE, MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED && (q[5] = 3) && shared[5] == 3, "a second mapping of shared memory");
    CHECK_FAILS(mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
    munmap(p, PAGE);
    CHECK(mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == p, "MAP_FIXED_NOREPLACE");
}

static void advice(void)
{
    static const int harmless[] = {MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_COLD, MADV_PAGEOUT, MADV_DONTDUMP, MADV_DODUMP, 22, 23};
    char *p = map(4 * PAGE);
    memset(p, 5, 4 * PAGE);
    for (unsigned i = 0; i < sizeof harmless / sizeof *harmless; i++)
        CHECK(madvise(p, 4 * PAGE, harmless[i]) == 0 && p[PAGE] == 5, "advice %d: errno %d", harmless[i], errno);
    CHECK(madvise(p + PAGE, PAGE, MADV_DONTDUMP) == 0 && madvise(p + PAGE, PAGE, MADV_DODUMP) == 0, "a part of a mapping");
    CHECK(madvise(p, PAGE, MADV_DONTNEED) == 0 && p[0] == 0 && p[PAGE] == 5, "MADV_DONTNEED");
    CHECK(madvise(p + PAGE, PAGE, MADV_WIPEONFORK) == 0 && madvise(p + 2 * PAGE, PAGE, MADV_DONTFORK) == 0, "fork advice");
    pid_t pid = fork();
    if (pid == 0) {
        struct iovec to = {(char[1]){0}, 1}, from = {p + 2 * PAGE, 1};
        _exit(p[PAGE] == 0 && p[3 * PAGE] == 5 && process_vm_readv(getpid(), &to, 1, &from, 1, 0) == -1 && errno == EFAULT ? 0 : 1);
    }
    int st;
    waitpid(pid, &st, 0);
    CHECK(st == 0 && p[PAGE] == 5, "wiped and absent in the child: 0x%x", st);
    CHECK_FAILS(madvise(p, PAGE, 12345), EINVAL);
    CHECK_FAILS(madvise(p + 1, PAGE, MADV_NORMAL), EINVAL);
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    struct iovec iov = {p, 4 * PAGE};
    CHECK(syscall(SYS_process_madvise, fd, &iov, 1, MADV_COLD, 0) == (long)(4 * PAGE), "process_madvise: errno %d", errno);
    close(fd);
}

static void other_process(void)
{
    static volatile int value = 11;
    int go[2], st;
    char c;
    CHECK(pipe(go) == 0, "pipe");
    pid_t pid = fork();
    if (pid == 0) {
        value = 22;
        while (value != 33)
            usleep(1000);
        _exit(44);
    }
    int seen = 0, put = 33;
    struct iovec local = {&seen, sizeof seen}, remote = {(void *)&value, sizeof value};
    while (seen != 22 && process_vm_readv(pid, &local, 1, &remote, 1, 0) == sizeof seen)
        usleep(1000);
    CHECK(seen == 22 && value == 11, "process_vm_readv: %d", seen);
    local.iov_base = &put;
    CHECK(process_vm_writev(pid, &local, 1, &remote, 1, 0) == sizeof put, "process_vm_writev: errno %d", errno);
    CHECK(waitpid(pid, &st, 0) == pid && st == 44 << 8, "status 0x%x", st);
    CHECK_FAILS(process_vm_readv(pid, &local, 1, &remote, 1, 0), ESRCH);
    CHECK_FAILS(process_vm_readv(getpid(), &local, 1, &remote, 1, 1), EINVAL);
    close(go[0]);
    close(go[1]);
    (void)c;
}

static void counting(void)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_PAGE_FAULTS, .disabled = 1, .exclude_kernel = 1};
    uint64_t n = 0;
    int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
    if (fd < 0) {
        printf("perf_event_open: skipped, errno %d\n", errno);
        return;
    }
    char *p = map(64 * PAGE);
    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
    for (unsigned i = 0; i < 64; i++)
        p[i * PAGE] = 1;
    ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
    CHECK(read(fd, &n, sizeof n) == sizeof n && n > 0 && n < 10000, "page faults: %llu", (unsigned long long)n);
    uint64_t id = 0;
    CHECK(ioctl(fd, PERF_EVENT_IOC_ID, &id) == 0 && id, "id");
    close(fd);
    CHECK_FAILS(syscall(SYS_perf_event_open, 8, 0, -1, -1, 0), EFAULT);
}

int main(void)
{
    locking();
    sealing();
    file_pages();
    barriers();
    secret();
    remaps();
    advice();
    other_process();
    counting();
    return check_done();
}

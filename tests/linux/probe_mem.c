/*
 * Probes of the address space: what is mapped and what is free is what /proc/self/maps says, and limits act on the program alone.
 */
#include "probe.h"

#include <sys/uio.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#define MIB (1ul << 20)

static struct map maps[MAPS_MAX];
static unsigned nmaps;

static void read_maps(void)
{
    nmaps = slurp("/proc/self/maps") > 0 ? parse_maps(probe_text, maps) : 0;
}

/* Calls fn with addresses of free pages: behind each mapping, and spread over the gaps. */
static void each_hole(void (*fn)(unsigned long at))
{
    read_maps();
    for (unsigned i = 0; i < nmaps; i++) {
        unsigned long from = maps[i].end, to = i + 1 < nmaps ? maps[i + 1].start : from;
        if (maps[i].start >= 0x800000000000ul || to >= 0x800000000000ul || !strncmp(maps[i].name, "[v", 2) || (i + 1 < nmaps && !strcmp(maps[i + 1].name, "[stack]")))
            continue; /* above user space; around the vDSO and below the stack the kernel keeps guards */
        for (unsigned k = 0; k < 16 && from < to; k++)
            fn(from + (to - from) / 16 * k / 4096 * 4096);
    }
}

static void hole_mincore(unsigned long at)
{
    unsigned char v;
    WANT(mincore((void *)at, 4096, &v) == -1 && errno == ENOMEM, "mincore knows %lx: %m", at);
}

static void p_mincore(void)
{
    each_hole(hole_mincore);
    unsigned char v;
    for (unsigned i = 0; i < nmaps; i++)
        if (maps[i].start < 0x800000000000ul)
            WANT(mincore((void *)maps[i].start, 4096, &v) == 0, "mincore does not know %lx: %m", maps[i].start);
}

/* All of user space, in steps of 16 GiB and a bit: nothing but what maps lists. */
static void p_mincore_sweep(void)
{
    unsigned char v;
    read_maps();
    for (unsigned long at = 0x10000; at < 0x7fffffff0000ul; at += (16ul << 30) + 0x1235000)
        WANT(!!map_at(maps, nmaps, at) == (mincore((void *)at, 4096, &v) == 0), "mincore at %lx", at);
}

static void hole_write(unsigned long at)
{
    static int fd = -1;
    if (fd < 0)
        fd = open("/dev/null", O_WRONLY | O_CLOEXEC), fd = fd < 0 ? -1 : fd;
    int p[2];
    if (pipe(p))
        return;
    WANT(write(p[1], (void *)at, 1) == -1 && errno == EFAULT, "write from %lx: %m", at);
    close(p[0]);
    close(p[1]);
}

static void p_write(void)
{
    each_hole(hole_write);
    int p[2];
    if (pipe(p))
        return;
    read_maps();
    for (unsigned long at = 0x10000; at < 0x7fffffff0000ul; at += (16ul << 30) + 0x1235000)
        WANT(map_at(maps, nmaps, at) || (write(p[1], (void *)at, 1) == -1 && errno == EFAULT), "write from %lx", at);
    close(p[0]);
    close(p[1]);
}

static void hole_vm_read(unsigned long at)
{
    char c;
    struct iovec to = {&c, 1}, from = {(void *)at, 1};
    WANT(process_vm_readv(getpid(), &to, 1, &from, 1, 0) == -1 && (errno == EFAULT || errno == EPERM), "process_vm_readv at %lx: %m", at);
}

static void p_vm_read(void)
{
    each_hole(hole_vm_read);
    read_maps();
    for (unsigned long at = 0x10000; at < 0x7fffffff0000ul; at += (16ul << 30) + 0x1235000)
        if (!map_at(maps, nmaps, at))
            hole_vm_read(at);
}

static void hole_map(unsigned long at)
{
    void *p = mmap((void *)at, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    WANT(p == (void *)at, "nothing can be mapped at %lx: %m", at);
    if (p != MAP_FAILED)
        munmap(p, 4096);
}

static void p_noreplace(void)
{
    each_hole(hole_map);
    for (unsigned i = 0; i < nmaps; i++)
        if (maps[i].start < 0x800000000000ul && strcmp(maps[i].name, "[stack]"))
            WANT(mmap((void *)maps[i].start, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED && errno == EEXIST, "%lx is free: %m",
                 maps[i].start);
}

static void hole_hint(unsigned long at)
{
    void *p = mmap((void *)at, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    WANT(p == (void *)at, "a wish for %lx gets %p", at, p);
    if (p != MAP_FAILED)
        munmap(p, 4096);
}

static void p_hints(void)
{
    each_hole(hole_hint);
}

static void hole_protect(unsigned long at)
{
    WANT(mprotect((void *)at, 4096, PROT_READ) == -1 && errno == ENOMEM, "mprotect at %lx: %m", at);
    WANT(madvise((void *)at, 4096, MADV_NORMAL) == -1 && errno == ENOMEM, "madvise at %lx: %m", at);
    WANT(msync((void *)at, 4096, MS_ASYNC) == -1 && errno == ENOMEM, "msync at %lx: %m", at);
    WANT(munmap((void *)at, 4096) == 0, "munmap at %lx: %m", at);
    WANT(mlock((void *)at, 4096) == -1 && (errno == ENOMEM || errno == EPERM), "mlock at %lx: %m", at);
}

static void p_protect(void)
{
    each_hole(hole_protect);
}

static void p_order(void)
{
    char *a = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *b = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    read_maps();
    const struct map *stack = map_at(maps, nmaps, probe_stack_pointer);
    WANT(stack && (unsigned long)a < stack->start && (unsigned long)b < stack->start, "mappings above the stack: %p %p", (void *)a, (void *)b);
    munmap(a, 4096);
    munmap(b, 4096);
    a = mmap(NULL, 1ul << 40, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    WANT(a != MAP_FAILED, "1 TiB of address space: %m");
    munmap(a, 1ul << 40);
}

/* -- brk and stack ------------------------------------------------------------------------------------------------- */

static void p_brk(void)
{
    char *old = sbrk(0), *at = sbrk(3 * (long)MIB);
    WANT(at == old, "sbrk: %p instead of %p", (void *)at, (void *)old);
    memset(at, 1, 3 * MIB);
    WANT(sbrk(-3 * (long)MIB) == at + 3 * MIB && sbrk(0) == old, "sbrk back");
    slurp("/proc/self/stat");
    unsigned long start = stat_field(probe_text, 47);
    read_maps();
    unsigned long end = 0;
    for (unsigned i = 0; i < nmaps; i++)
        if (!strcmp(maps[i].name, probe_self))
            end = maps[i].end;
    WANT(start >= end && start - end < 1100ul << 20, "brk starts at %lx, the program ends at %lx", start, end);
}

__attribute__((noinline)) static int recurse(int n)
{
    volatile char block[4096];
    block[0] = (char)n;
    return n ? recurse(n - 1) + block[0] * 0 : 1;
}

static void p_stack_growth(void)
{
    pid_t pid = fork();
    int status;
    if (pid == 0)
        _exit(recurse(1400) == 1 ? 0 : 1); /* 5.6 of the usual 8 MiB */
    struct rlimit l;
    getrlimit(RLIMIT_STACK, &l);
    WANT(waitpid(pid, &status, 0) == pid && (status == 0 || l.rlim_cur < 7 * MIB), "the stack does not grow: %x", (unsigned)status);
    pid = fork();
    if (pid == 0) {
        l.rlim_cur = 0;
        setrlimit(RLIMIT_CORE, &l);
        _exit(recurse(100000));
    }
    WANT(waitpid(pid, &status, 0) == pid && (l.rlim_cur == RLIM_INFINITY || (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV)), "the stack has no end: %x", (unsigned)status);
}

/* A lower limit holds for the running program too. */
static void p_stack_limit(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit l;
        getrlimit(RLIMIT_STACK, &l);
        l.rlim_cur = MIB;
        setrlimit(RLIMIT_STACK, &l);
        _exit(recurse(600) == 1 ? 0 : 1);
    }
    WANT(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "the stack grows beyond its limit: %x", (unsigned)status);
}

/* -- limits ---------------------------------------------------------------------------------------------------------- */

static void set(int resource, unsigned long cur)
{
    struct rlimit l;
    getrlimit(resource, &l);
    l.rlim_cur = cur < l.rlim_max ? cur : l.rlim_max;
    setrlimit(resource, &l);
}

static bool fails(void *p)
{
    if (p == MAP_FAILED)
        return errno == ENOMEM;
    return false;
}

static void *map(unsigned long n, int prot)
{
    return mmap(NULL, n, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Runs fn in a child; it returns what is wrong or NULL. */
static void in_child(const char *(*fn)(void))
{
    int p[2];
    if (pipe(p))
        return;
    pid_t pid = fork();
    if (pid == 0) {
        const char *wrong = fn();
        _exit(wrong && write(p[1], wrong, strlen(wrong)) > 0);
    }
    close(p[1]);
    ssize_t n = slurp_fd(p[0]);
    int status;
    waitpid(pid, &status, 0);
    WANT(n == 0 && status == 0, "%s (%x)", probe_text, (unsigned)status);
}

static unsigned long vm_size(void)
{
    slurp("/proc/self/statm");
    return strtoul(probe_text, NULL, 10) * 4096;
}

static const char *limit_as(void)
{
    set(RLIMIT_AS, vm_size() + 16 * MIB);
    if (!fails(map(17 * MIB, PROT_NONE)))
        return "17 of 16 MiB of address space";
    void *p = map(15 * MIB, PROT_READ);
    if (p == MAP_FAILED)
        return "not 15 of 16 MiB of address space";
    if (!fails(mremap(p, 15 * MIB, 18 * MIB, MREMAP_MAYMOVE)))
        return "mremap beyond the address space";
    if (sbrk(8 * MIB) != (void *)-1)
        return "brk beyond the address space";
    munmap(p, 15 * MIB);
    for (int i = 0; i < 100; i++) /* what btv needs for itself does not count */
        slurp("/proc/self/maps");
    return map(15 * MIB, PROT_READ) == MAP_FAILED ? "not 15 MiB again" : NULL;
}

static void p_limit_as(void)
{
    in_child(limit_as);
}

static const char *limit_as_stack(void)
{
    set(RLIMIT_AS, vm_size() + MIB);
    recurse(1000); /* 4 MiB: not within 1 */
    return "the stack grows beyond the address space";
}

static void p_limit_as_stack(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        set(RLIMIT_CORE, 0);
        _exit(limit_as_stack() ? 3 : 0);
    }
    WANT(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "the stack grows beyond the address space: %x", (unsigned)status);
}

static const char *limit_data(void)
{
    slurp("/proc/self/status");
    unsigned long data = (unsigned long)key_number(probe_text, "VmData:") << 10;
    set(RLIMIT_DATA, data + 8 * MIB);
    void *p = map(16 * MIB, PROT_READ);
    if (p == MAP_FAILED)
        return "RLIMIT_DATA counts what cannot be written";
    if (!fails(map(9 * MIB, PROT_READ | PROT_WRITE)))
        return "9 of 8 MiB of data";
    if (mprotect(p, 16 * MIB, PROT_READ | PROT_WRITE) != -1 || errno != ENOMEM)
        return "mprotect beyond RLIMIT_DATA";
    if (mprotect(p, 4 * MIB, PROT_READ | PROT_WRITE))
        return "not 4 of 8 MiB of data by mprotect";
    if (sbrk(5 * MIB) != (void *)-1)
        return "brk beyond RLIMIT_DATA";
    if (mprotect(p, 4 * MIB, PROT_READ) || map(6 * MIB, PROT_READ | PROT_WRITE) == MAP_FAILED)
        return NULL; /* what was data stays accounted in some kernels */
    return NULL;
}

static void p_limit_data(void)
{
    in_child(limit_data);
}

static const char *limit_lock(void)
{
    slurp("/proc/self/status");
    if (mlockall(MCL_CURRENT))
        return errno == ENOMEM || errno == EPERM || errno == EAGAIN ? NULL : "mlockall fails";
    slurp("/proc/self/status");
    long long locked = key_number(probe_text, "VmLck:"), size = key_number(probe_text, "VmSize:");
    if (locked > size || locked <= 0)
        return "VmLck exceeds VmSize";
    munlockall();
    slurp("/proc/self/status");
    return key_number(probe_text, "VmLck:") ? "munlockall leaves something" : NULL;
}

static void p_limit_lock(void)
{
    in_child(limit_lock);
}

/* Without the privilege to lock: the limit is on what the program has, not on what runs it. */
static const char *limit_memlock(void)
{
    struct rlimit l;
    getrlimit(RLIMIT_MEMLOCK, &l);
    if (l.rlim_max > 64 * MIB)
        l.rlim_max = 64 * MIB;
    l.rlim_cur = l.rlim_max;
    setrlimit(RLIMIT_MEMLOCK, &l);
    if ((setresuid(65534, 65534, 65534) && geteuid() == 0) || vm_size() + 2 * MIB > l.rlim_cur)
        return NULL; /* it may lock all, or it would be right to refuse */
    if (mlockall(MCL_CURRENT))
        return "mlockall of less than the limit fails";
    munlockall();
    if (mlockall(MCL_CURRENT | MCL_FUTURE))
        return "mlockall of the future fails";
    if (map(l.rlim_cur, PROT_READ | PROT_WRITE) != MAP_FAILED || errno != EAGAIN)
        return "more than the limit can be locked";
    return map(MIB, PROT_READ | PROT_WRITE) == MAP_FAILED ? "less than the limit cannot be locked" : NULL;
}

static void p_limit_memlock(void)
{
    in_child(limit_memlock);
}

static const char *limit_many_maps(void)
{
    /* fragments of the program's own stay within the kernel's count */
    char *p = map(4096ul * 40000, PROT_READ);
    for (unsigned i = 0; p != MAP_FAILED && i < 40000; i += 2)
        if (mprotect(p + i * 4096ul, 4096, PROT_READ | PROT_WRITE))
            return "20000 fragments";
    return NULL;
}

static void p_many_maps(void)
{
    in_child(limit_many_maps);
}

const struct probe probes_mem[] = {
    {"mincore", p_mincore},
    {"mincore-sweep", p_mincore_sweep},
    {"write-from-holes", p_write},
    {"process_vm_readv", p_vm_read},
    {"noreplace", p_noreplace},
    {"hints", p_hints},
    {"holes", p_protect},
    {"order", p_order},
    {"brk", p_brk},
    {"stack-growth", p_stack_growth},
    {"stack-limit", p_stack_limit},
    {"limit-as", p_limit_as},
    {"limit-as-stack", p_limit_as_stack},
    {"limit-data", p_limit_data},
    {"lock-all", p_limit_lock},
    {"limit-memlock", p_limit_memlock},
    {"many-mappings", p_many_maps},
    {NULL, NULL},
};

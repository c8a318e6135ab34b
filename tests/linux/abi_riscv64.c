/*
 * Guest test: what the RISC-V kernel interface promises beside system calls: the vDSO and its symbols, hwprobe, icache flush,
 * auxiliary vector, /proc/cpuinfo.
 */
#include "../check.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Finds a dynamic symbol of version LINUX_4.15 the way the C library does. */
static void *vdso_find(const char *name)
{
    const char *base = (const char *)getauxval(AT_SYSINFO_EHDR);
    const Elf64_Ehdr *eh = (const void *)base;
    const Elf64_Phdr *ph = (const void *)(base + eh->e_phoff);
    const Elf64_Dyn *dyn = NULL;
    const char *strings = NULL;
    const Elf64_Sym *sym = NULL;
    const uint32_t *hash = NULL;
    const uint16_t *versym = NULL;
    const Elf64_Verdef *def = NULL;
    for (int i = 0; i < eh->e_phnum; i++)
        if (ph[i].p_type == PT_DYNAMIC)
            dyn = (const void *)(base + ph[i].p_vaddr);
    for (; dyn && dyn->d_tag != DT_NULL; dyn++) {
        const char *p = base + dyn->d_un.d_ptr;
        if (dyn->d_tag == DT_STRTAB)
            strings = p;
        else if (dyn->d_tag == DT_SYMTAB)
            sym = (const void *)p;
        else if (dyn->d_tag == DT_HASH)
            hash = (const void *)p;
        else if (dyn->d_tag == DT_VERSYM)
            versym = (const void *)p;
        else if (dyn->d_tag == DT_VERDEF)
            def = (const void *)p;
    }
    if (!strings || !sym || !hash || !versym || !def)
        return NULL;
    for (uint32_t i = hash[2]; i; i = hash[2 + hash[0] + i]) /* one bucket is enough to try all */
        if (!strcmp(strings + sym[i].st_name, name)) {
            const Elf64_Verdef *d = def;
            while (d->vd_ndx != versym[i])
                d = (const void *)((const char *)d + d->vd_next);
            const Elf64_Verdaux *aux = (const void *)((const char *)d + d->vd_aux);
            return !strcmp(strings + aux->vda_name, "LINUX_4.15") ? (void *)(base + sym[i].st_value) : NULL;
        }
    return NULL;
}

static void test_vdso(void)
{
    int (*gettime)(clockid_t, struct timespec *) = vdso_find("__vdso_clock_gettime");
    int (*getres)(clockid_t, struct timespec *) = vdso_find("__vdso_clock_getres");
    int (*gettod)(struct timeval *, void *) = vdso_find("__vdso_gettimeofday");
    int (*cpu)(unsigned *, unsigned *, void *) = vdso_find("__vdso_getcpu");
    int (*flush)(void *, void *, unsigned long) = vdso_find("__vdso_flush_icache");
    long (*probe)(void *, size_t, size_t, void *, unsigned) = vdso_find("__vdso_riscv_hwprobe");
    const uint32_t *sigreturn = vdso_find("__vdso_rt_sigreturn");
    CHECK(gettime && getres && gettod && cpu && flush && probe && sigreturn, "symbols");
    if (!gettime || !getres || !gettod || !cpu || !flush || !probe || !sigreturn)
        return;
    CHECK(sigreturn[0] == 0x08b00893 && sigreturn[1] == 0x73, "the words unwinders look for");
    struct timespec a, b, c, res = {9, 9};
    struct timeval tv;
    static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW,
                                       CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_TAI};
    for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        int64_t ns[3];
        syscall(SYS_clock_gettime, clocks[i], &a);
        CHECK(gettime(clocks[i], &b) == 0, "clock %d", clocks[i]);
        syscall(SYS_clock_gettime, clocks[i], &c);
        ns[0] = a.tv_sec * 1000000000 + a.tv_nsec;
        ns[1] = b.tv_sec * 1000000000 + b.tv_nsec;
        ns[2] = c.tv_sec * 1000000000 + c.tv_nsec;
        CHECK(ns[0] <= ns[1] && ns[1] <= ns[2], "clock %d: %lld %lld %lld", clocks[i], (long long)ns[0], (long long)ns[1], (long long)ns[2]);
        syscall(SYS_clock_getres, clocks[i], &a);
        CHECK(getres(clocks[i], &res) == 0 && res.tv_sec == a.tv_sec && res.tv_nsec == a.tv_nsec, "resolution of %d", clocks[i]);
    }
    CHECK(gettime(12345, &b) == -EINVAL && getres(12345, &b) == -EINVAL && getres(CLOCK_MONOTONIC, NULL) == 0, "odd arguments");
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &a);
    CHECK(gettod(&tv, NULL) == 0 && (tv.tv_sec == a.tv_sec || tv.tv_sec == a.tv_sec + 1) && tv.tv_usec < 1000000, "gettimeofday");
    struct timezone tz = {77, 77};
    CHECK(gettod(&tv, &tz) == 0 && tz.tz_dsttime != 77 && gettod(NULL, NULL) == 0, "time zone");
    unsigned which = 99, node = 99;
    CHECK(cpu(&which, &node, NULL) == 0 && which < 1024 && node == 0 && cpu(NULL, NULL, NULL) == 0, "getcpu");
    CHECK(flush((void *)test_vdso, (char *)test_vdso + 4, 0) == 0 && flush(0, 0, 1) == 0 && flush(0, 0, 2) == -EINVAL, "flush");
    /* the instructions of the vDSO mean nothing elsewhere */
}

static volatile int ill;
static void on_ill(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    (void)sig;
    ill += info->si_code == ILL_ILLOPC;
    uc->uc_mcontext.__gregs[REG_PC] += 4;
}
static void test_private(void)
{
    struct sigaction sa = {.sa_sigaction = on_ill, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &sa, NULL);
    __asm__ volatile(".4byte 0x0000050b\n.4byte 0x0030050b" ::: "a0", "a2", "a3");
    CHECK(ill == 2, "%d", ill);
    signal(SIGILL, SIG_DFL);
}

static volatile int segv;
static sigset_t dummy;
static void on_segv(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    (void)sig;
    segv += info->si_addr == (void *)16;
    uc->uc_mcontext.__gregs[REG_PC] = uc->uc_mcontext.__gregs[REG_RA]; /* out of the vDSO function */
    uc->uc_mcontext.__gregs[10] = 123;
}
static void test_fault_inside(void)
{
    int (*gettime)(clockid_t, struct timespec *) = vdso_find("__vdso_clock_gettime");
    struct sigaction sa = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &sa, NULL);
    CHECK(gettime(CLOCK_REALTIME, (void *)16) == 123 && segv == 1, "bad pointer");
    signal(SIGSEGV, SIG_DFL);
    (void)dummy;
}

struct pair {
    int64_t key;
    uint64_t value;
};
static long hwprobe(struct pair *p, size_t n, size_t bytes, void *cpus, unsigned flags)
{
    return syscall(258, p, n, bytes, cpus, flags);
}
static void test_hwprobe(void)
{
    struct pair p[] = {{3, 7}, {4, 7}, {5, 7}, {6, 7}, {7, 7}, {8, 7}, {9, 7}, {9999, 7}, {-5, 7}};
    CHECK(hwprobe(p, 9, 0, NULL, 0) == 0, "%d", errno);
    CHECK(p[0].key == 3 && p[0].value == 1, "base behaviour");
    CHECK((p[1].value & 3) == 3, "F, D and C: %llx", (unsigned long long)p[1].value);
    CHECK(p[2].value == 3 && p[6].value == 3, "misaligned accesses are fast");
    CHECK(p[3].value == ((p[1].value >> 6 & 1) ? 64 : 0), "block size");
    CHECK(p[4].value > 1ull << 37, "highest address %llx", (unsigned long long)p[4].value);
    CHECK(p[5].value > 1000, "frequency");
    CHECK(p[7].key == -1 && p[7].value == 0 && p[8].key == -1, "unknown keys");
    /* the time CSR really runs at that rate */
    uint64_t t0, t1;
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    __asm__ volatile("rdtime %0" : "=r"(t0));
    usleep(50000);
    __asm__ volatile("rdtime %0" : "=r"(t1));
    clock_gettime(CLOCK_MONOTONIC, &b);
    double seconds = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) * 1e-9, counted = (double)(t1 - t0) / (double)p[5].value;
    CHECK(counted > seconds * 0.9 && counted < seconds * 1.1, "%f s of time CSR in %f s", counted, seconds);

    unsigned char set[128];
    struct pair q[] = {{3, 1}, {4, 3}};
    memset(set, 0, sizeof set);
    CHECK(hwprobe(q, 2, sizeof set, set, 1) == 0 && (set[0] & 1), "which CPUs: all");
    q[1].value = 1ull << 63;
    memset(set, 0xff, sizeof set);
    CHECK(hwprobe(q, 2, sizeof set, set, 1) == 0 && !set[0] && q[1].value == 1ull << 63, "which CPUs: none");
    memset(set, 0, sizeof set);
    CHECK(hwprobe(q, 2, sizeof set, set, 0) == -1 && errno == EINVAL, "no CPU");
    CHECK(hwprobe(q, 2, 0, NULL, 1) == -1 && errno == EINVAL && hwprobe(q, 2, 0, NULL, 2) == -1 && errno == EINVAL, "flags");
    CHECK(hwprobe((void *)8, 1, 0, NULL, 0) == -1 && errno == EFAULT, "bad pointer");
    CHECK(syscall(259, 0xfffffffffffff41f, 0xffffffffffffff94, 0) == 0 && syscall(259, 0, -1, 0) == 0, "flush_icache up to the end of all addresses");
    CHECK(hwprobe(q, 2, sizeof set, NULL, 0) == -1 && errno == EFAULT, "no set of that size");
    CHECK(hwprobe(q, 2, 0, set, 0) == -1 && errno == EINVAL, "an empty set");
    CHECK(syscall(258, q, 2, 0, NULL, 1ul << 32) == 0, "flags are 32 bits");

    /* extensions that hwprobe claims work */
    if (p[1].value >> 3 & 1) {
        uint64_t r;
        __asm__(".option push\n.option arch, rv64gc\n.insn r 0x33, 2, 0x10, %0, %1, %2\n.option pop" : "=r"(r) : "r"(3ul), "r"(100ul));
        CHECK(r == 106, "sh1add: %llu", (unsigned long long)r);
    }
}

static void test_auxv(void)
{
    unsigned long cap = getauxval(AT_HWCAP);
    for (const char *c = "imafdc"; *c; c++)
        CHECK(cap >> (*c - 'a') & 1, "hwcap lacks %c", *c);
    CHECK(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_CLKTCK) == 100, "page, clock");
    CHECK(getauxval(51 /* AT_MINSIGSTKSZ */) == 1088, "%lu", getauxval(51));
    static char text[65536];
    int fd = open("/proc/cpuinfo", O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    CHECK(n > 0 && strstr(text, "isa\t\t: rv64imafdc_zi") && strstr(text, "hart\t\t: 0") && strstr(text, "mmu\t\t: sv"), "%s", text);
}

/* Code written at run time: the flush makes it visible, also through a second mapping. */
static void test_code(void)
{
    int fd = memfd_create("code", 0);
    if (ftruncate(fd, 4096))
        return;
    uint32_t *w = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    int (*x)(void) = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    int wrong = 0;
    for (unsigned i = 0; i < 1000; i++) {
        w[0] = 0x00000513 | i << 20; /* li a0, i */
        w[1] = 0x00008067;           /* ret */
        syscall(259, x, (char *)x + 8, 0);
        wrong += x() != (int)(i << 20) >> 20;
    }
    CHECK(!wrong, "%d stale results", wrong);
}

static int call(int (*f)(void))
{
    return f();
}

/*
 * Stores to code that is writable and that nobody ever announced are seen by calls that follow long after, as by processors whose
 * instruction cache is small.  The first test: from the first flush without a range on, this program counts as one that flushes.
 */
static void test_unannounced(void)
{
    uint32_t *w = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int (*x)(void) = (int (*)(void))w;
    int wrong = 0;
    for (unsigned i = 0; i < 40; i++) {
        w[0] = 0x03c00293;           /* li t0, 60 */
        w[1] = 0x00000513 | i << 20; /* li a0, i */
        w[2] = 0xfff28293;           /* addi t0, t0, -1 */
        w[3] = 0xfe029ee3;           /* bnez t0, to the addi */
        w[4] = 0x00008067;           /* ret */
        if (i >= 30)
            syscall(259, w, w + 5, 0);
        for (unsigned k = 0; k < 100; k++)
            wrong += call(x) != (int)i;
    }
    CHECK(!wrong, "%d stale results", wrong);
    munmap(w, 4096);
}

/* Entering the kernel and coming back ends a reservation: arch/riscv/kernel/entry.S stores conditionally on its way out. */
static volatile uint64_t cell = 5, beats;
static void beat(int sig)
{
    (void)sig;
    cell = 6;
    cell = 5; /* what the reservation saw */
    beats++;
}
static void test_reservation(void)
{
    int stored = 0;
    signal(SIGALRM, beat);
    for (int i = 0; i < 30; i++) {
        uint64_t failed, early; /* a late machine: the signal came before the reservation */
        beats = 0;
        ualarm(300, 0);
        __asm__ volatile("lr.d t0, (%2)\n"
                         "ld %1, (%3)\n"
                         "1: ld t1, (%3)\n"
                         "beqz t1, 1b\n"
                         "sc.d %0, t1, (%2)" : "=&r"(failed), "=&r"(early) : "r"(&cell), "r"(&beats) : "t0", "t1", "memory");
        if (early)
            cell = 5;
        else
            stored += !failed;
    }
    CHECK(stored == 0 && cell == 5, "signal between: stored %d times", stored);
    stored = 0;
    for (int i = 0; i < 30; i++) {
        uint64_t failed;
        register long a7 __asm__("a7") = SYS_getpid;
        register uint64_t *at __asm__("a1") = (uint64_t *)&cell;
        __asm__ volatile("lr.d t0, (%1)\n"
                         "ecall\n"
                         "sc.d %0, t0, (%1)" : "=&r"(failed) : "r"(at), "r"(a7) : "a0", "t0", "memory");
        stored += !failed;
    }
    CHECK(stored == 0, "system call between: stored %d times", stored);
}

int main(void)
{
    test_unannounced();
    test_vdso();
    test_private();
    test_fault_inside();
    test_hwprobe();
    test_auxv();
    test_code();
    test_reservation();
    return check_done();
}

/*
 * Every row of sys.def with hostile arguments: bad pointers, huge lengths, descriptors of every kind and closed ones, wrong
 * flags; while a second thread unmaps and protects what the pointers point to, and signals arrive.
 *
 *   sys_hostile                       a short run; the last line sums up
 *   sys_hostile fuzz [KEY=N...]       seconds, seed, child (this one only), from, to (these calls of it only), host=ADDR,...
 *   sys_hostile compare [KEY=N...]    one line for each call made in a process of its own: its arguments and its errno, which are
 *                                     to be the same natively (hostile.sh compares them); cases, seed, row=NAME
 *   sys_hostile idle                  sleeps, for hostile.sh to look at the translator's mappings
 *
 * All of it runs as the first process of its own user, pid, mount, network and ipc namespaces, with a fresh tmpfs as its root.
 * Call i of child c depends on (seed, c, i) alone, so that a child that fails can be run again and its calls left out one by one.
 * A child that dies by its own doing (SIGSEGV after it unmapped its stack) is no failure; one whose translator dies is: a
 * sanitizer's exit status, SIGABRT, SIGILL, SIGTRAP, or a call that does not come back although a timer's signals interrupt it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <time.h>
#include <unistd.h>

/* -- the rows ---------------------------------------------------------------------------------------------- */

struct row {
    const char *name;
    int nr, generic;
    const char *flags, *handler, *signature; /* as in sys.def; the signature begins with the result */
};

#define __ (-1)
#ifdef __riscv
#define NUMBER(generic, x86) generic
#else
#define NUMBER(generic, x86) x86
#endif
static const struct row rows[] = {
#define SYS(n, generic, x86, flags, handler, ...) {#n, NUMBER(generic, x86), generic, #flags, #handler, #__VA_ARGS__},
#include "../../src/linux/sys.def"
#undef SYS
#ifdef __riscv /* of the instruction set alone: abi/riscv64.c */
    {"riscv_hwprobe", 258, 258, "0", "H", "int, iov(hwprobe_pair,1), size, size, outbuf(2), f(hwprobe)"},
    {"riscv_flush_icache", 259, 259, "0", "H", "int, hex, hex, f(flush_icache)"},
#endif
};
#undef __
enum { ROWS = sizeof rows / sizeof rows[0] };

static bool is(const struct row *r, const char *name)
{
    return strcmp(r->name, name) == 0;
}

/* Argument `i` of a signature: "outbuf(2)". */
static void argument(const struct row *r, int i, char out[32])
{
    const char *at = r->signature;
    for (int skip = i + 1, depth = 0; *at && skip; at++) {
        depth += *at == '(' ? 1 : *at == ')' ? -1 : 0;
        skip -= *at == ',' && depth == 0;
    }
    at += strspn(at, " ");
    size_t n = 0;
    for (int depth = 0; at[n] && (depth || at[n] != ',') && n < 31; n++)
        depth += at[n] == '(' ? 1 : at[n] == ')' ? -1 : 0;
    memcpy(out, at, n);
    out[n] = '\0';
}

/* -- options, random numbers ------------------------------------------------------------------------------- */

static uint64_t opt_seconds = 5, opt_seed = 1, opt_child = UINT64_MAX, opt_from, opt_to = UINT64_MAX, opt_cases = 6, opt_calls = 250;
static const char *opt_row;
static uint64_t host_at[64];
static unsigned host_count;

static uint64_t rng;

static uint64_t next(void)
{
    uint64_t z = rng += 0x9e3779b97f4a7c15u; /* splitmix64 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t below(uint64_t n)
{
    return next() % n;
}

static void seed_call(uint64_t child, uint64_t call)
{
    rng = opt_seed;
    rng = next() ^ child;
    rng = next() ^ call;
    next();
}

/* -- the pool: memory and descriptors of every kind -------------------------------------------------------- */

#define POOL UINT64_C(0x700000000000) /* above what the allocators of sanitizers take */
#define PAGE UINT64_C(4096)
enum { RW = 0, RO = 5, NONE = 6, RW2 = 7, PAST_END = 9, GROWS = 12, PLAY = 16, POOL_PAGES = 32 };
enum { FD_FIRST = 10, FD_ZOO = 34, FD_FIXED = 60 };

static char *page(unsigned n)
{
    return (char *)(uintptr_t)(POOL + n * PAGE);
}

static void map(unsigned first, unsigned pages, int prot, int flags, int fd)
{
    mmap(page(first), pages * PAGE, prot, flags | MAP_FIXED, fd, 0);
}

static void make_pool(void)
{
    munmap(page(0), POOL_PAGES * PAGE);
    map(RW, 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    map(RO, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    map(NONE, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    map(RW2, 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
    int fd = open("/empty", O_RDWR | O_CREAT, 0600);
    map(PAST_END, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
    close(fd);
    map(GROWS, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1);
    map(PLAY, 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static void make_files(void)
{
    umask(0);
    mkdir("/d", 0755);
    int fd = open("/f", O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (write(fd, "some bytes\n", 11) != 11 || close(fd) || symlink("/f", "/l") || mkfifo("/p", 0644) || link("/f", "/d/g") || symlink("loop", "/loop"))
        return; /* they exist */
}

/* Descriptors FD_FIRST...: the same number is the same kind everywhere. */
static void make_descriptors(void)
{
    int at = FD_FIRST, p[2];
    struct sockaddr_in in = {.sin_family = AF_INET};
#define PUT(e) do { int fd_ = (e); if (fd_ >= 0 && fd_ != at) { dup2(fd_, at); close(fd_); } at++; } while (0)
#define PUT2(e) do { if ((e) == 0) { int q_ = fcntl(p[1], F_DUPFD, 70); close(p[1]); PUT(p[0]); PUT(q_); } else at += 2; } while (0)
    PUT(open("/f", O_RDWR));
    PUT(open("/f", O_RDONLY));
    PUT(open("/d", O_RDONLY | O_DIRECTORY));
    PUT(open("/f", O_PATH));
    PUT(open("/d", O_PATH | O_CLOEXEC));
    PUT2(pipe(p));
    PUT2(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    PUT2(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p));
    PUT(socket(AF_INET, SOCK_DGRAM, 0));
    PUT(socket(AF_INET, SOCK_STREAM, 0));
    if (bind(at - 1, (void *)&in, sizeof in) == 0)
        listen(at - 1, 1);
    PUT(socket(AF_INET6, SOCK_STREAM, 0));
    PUT(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
    PUT(eventfd(3, EFD_NONBLOCK));
    PUT(epoll_create1(0));
    PUT(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    PUT(signalfd(-1, &set, SFD_NONBLOCK));
    PUT(inotify_init1(IN_NONBLOCK));
    PUT((int)syscall(SYS_memfd_create, "m", 0));
    PUT((int)syscall(SYS_memfd_create, "sealed", 2));
    fcntl(at - 1, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK);
    PUT(open("/proc/self/maps", O_RDONLY));
    PUT(open("/proc/self/mem", O_RDWR));
    PUT(open("/proc/self/fd", O_RDONLY | O_DIRECTORY));
    PUT(open("/proc", O_RDONLY | O_DIRECTORY));
    PUT(open("/proc/self/ns/net", O_RDONLY));
    PUT((int)syscall(SYS_pidfd_open, getpid(), 0));
    PUT(open("/p", O_RDWR | O_NONBLOCK));
    for (int i = 0; i < 4; i++) /* null, zero, both ends of a terminal: opened outside */
        PUT(fcntl(FD_FIXED + i, F_DUPFD, 70));
}

/* -- arguments --------------------------------------------------------------------------------------------- */

static bool comparing;

static uint64_t any_number(void)
{
    static const uint64_t few[] = {0, 1, 2, 3, 4, 5, 7, 8, 16, 24, 63, 64, 128, 255, 4095, 4096, 4097, 65536, 0x7fffffff, 0x80000000, 0xffffffff,
                                   0x100000000, 0x7fffffffffffffff, 0x8000000000000000, UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 4095, -100, 0xffffffff80000000};
    switch (below(8)) {
    case 0: return UINT64_C(1) << below(64);
    case 1: return next() >> below(64);
    case 2: return -(next() >> below(64));
    case 3: return below(48);
    default: return few[below(sizeof few / sizeof few[0])];
    }
}

static uint64_t good_address(void)
{
    return (uint64_t)(uintptr_t)page(RW) + 16 * below(768);
}

static uint64_t any_address(void)
{
    static const uint64_t odd[] = {0, 1, 8, 0xfff, 0x7ffffffff000, 0x7fffffffefff, 0x800000000000, 0x7fffffffffffffff, 0x8000000000000000,
                                   0xffff800000000000, 0xffffffff80000000, 0xffffffffffffffff, 0xfffffffffffff000, 0xfffffffffffff001, 0x4000000000,
                                   0x7e0000000000, 0x7dfffffff000, 0x7fff8000, 0x10007fff8000, 0xffffffffff600000};
    static const unsigned ends[] = {4, RO, RO + 1, RW2 + 1, PAST_END + 1, PLAY + 4, PLAY + 8};
    static const unsigned bad[] = {4, NONE, RO, PAST_END, GROWS - 1, GROWS, RW2 + 1};
    switch (below(10)) {
    case 0: return odd[below(sizeof odd / sizeof odd[0])];
    case 1: return (uint64_t)(uintptr_t)page(ends[below(7)]) - 1 - below(64); /* the last bytes before something else */
    case 2: return (uint64_t)(uintptr_t)page(bad[below(7)]) + 8 * below(512);
    case 3: return (uint64_t)(uintptr_t)page((unsigned)below(POOL_PAGES));
    case 4:
        if (comparing)
            return below(4096);
        return host_count && below(4) ? host_at[below(host_count)] + PAGE * below(64) * below(2) + 8 * below(512)
                                      : UINT64_C(0x550000000000) + (below(0x2b0000000) << 12);
    case 5: return (uint64_t)(uintptr_t)page(PLAY) + 8 * below(4096);
    default: return good_address();
    }
}

/* Where the thing itself is to be looked at, rather than its address: mostly valid memory. */
static uint64_t some_address(void)
{
    return below(3) ? good_address() : any_address();
}

static uint64_t any_length(void)
{
    return below(5) ? below(below(2) ? 64 : 9000) : any_number();
}

static uint64_t any_fd(void)
{
    uint64_t n = below(20);
    if (n > 1)
        return FD_FIRST + below(FD_ZOO);
    static const uint64_t odd[] = {UINT64_MAX, (uint64_t)-100, 0x7fffffff, 99, 1023, 1024, 65535, 0x10000000a, 0xffffffff, 200, 1 << 20};
    return odd[below(sizeof odd / sizeof odd[0])];
}

static uint64_t any_flags(void)
{
    uint64_t f = 0;
    for (uint64_t n = below(4); n; n--)
        f |= UINT64_C(1) << below(32);
    return below(12) ? f : any_number();
}

static uint64_t any_pid(void)
{
    static const uint64_t odd[] = {UINT64_MAX, 0x7fffffff, 0x80000000, 99999, 4194304, (uint64_t)-99999, UINT64_C(1) << 32};
    uint64_t n = below(8);
    return n < 3 ? 0 : n < 6 ? (uint64_t)getpid() : odd[below(sizeof odd / sizeof odd[0])];
}

static uint64_t any_request(const char *vocabulary)
{
    static const uint16_t tty[] = {0x5401, 0x5402, 0x5403, 0x5404, 0x5405, 0x5409, 0x540b, 0x540c, 0x540e, 0x540f, 0x5410, 0x5411, 0x5413, 0x5414, 0x541b,
                                   0x5420, 0x5421, 0x5422, 0x5423, 0x5424, 0x5429, 0x5430, 0x5431, 0x5450, 0x5451, 0x5452, 0x5460, 0x8912, 0x8913,
                                   0x8910, 0x8933, 0x8927, 0x8921, 0x8905, 0x894c, 0x8b01};
    static const uint32_t files[] = {0x40049409, 0x80086601, 0x40086602, 0xc020660b, 0x80081272, 0x1268, 0x541b, 0x80045430, 0x5441, 0x401c5820, 0xc0189436,
                                     0x80047601, 0x40047602, 0xb701, 0xb703, 0xc0045401, 0x80045440, 0x40085400};
    static const uint32_t names[] = {0x53564d41, 0x59616d61, 35, 47, 59, 65, 69, 70};
    if (!strcmp(vocabulary, "e(ioctl)"))
        return below(3) ? tty[below(sizeof tty / sizeof tty[0])] : below(3) ? files[below(sizeof files / sizeof files[0])] : next() & UINT32_MAX;
    if (!strcmp(vocabulary, "e(prctl)"))
        return below(4) ? below(80) : names[below(8)];
    if (!strcmp(vocabulary, "e(fcntl)"))
        return below(3) ? below(40) : 1024 + below(16);
    return below(6) ? below(below(2) ? 8 : 40) : any_number();
}

/* The bytes that a pointer of this type points to, as far as they can be written. */
static sigjmp_buf filling;
static volatile sig_atomic_t in_fill;

static const char *const paths[] = {"/f", "f", "/d", "/d/g", "l", "/loop", "/nothing", "", ".", "..", "/", "/proc/self/maps", "/proc/self/fd/10", "/f/x", "/p",
                                    "/proc/self/fd", "/proc/self/status", "/d/new", "/proc/thread-self/mem", "/proc/self/cwd/f", "/proc/self/task",
                                    "user.x", "tmpfs", "ext4", "mode", "keyring", "\377\376"};

static void fill_words(uint64_t *at, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        switch (below(6)) {
        case 0: at[i] = any_address(); break;
        case 1: at[i] = any_number(); break;
        case 2: at[i] = any_fd() | below(2) * any_fd() << 32; break;
        case 3: at[i] = good_address(); break;
        default: at[i] = below(32); break;
        }
    }
}

static void fill(const char *type, uint64_t addr)
{
    uint64_t *at = (uint64_t *)(uintptr_t)addr;
    if (sigsetjmp(filling, 1)) /* another thread took it away */
        return;
    in_fill = 1;
    if (!strncmp(type, "str", 3) || strstr(type, "path")) {
        const char *p = paths[below(sizeof paths / sizeof paths[0])];
        if (below(40) == 0)
            memset(at, 'a', page(4) - (char *)at); /* no end, or a long one */
        else
            memcpy(at, p, strlen(p) + 1);
    } else if (strstr(type, "time") && below(4)) {
        at[0] = at[2] = 0;
        at[1] = at[3] = below(900);
    } else if (strstr(type, "iov(") && !strchr(type, ',')) {
        for (unsigned i = 0; i < 20; i += 2) {
            at[i] = some_address();
            at[i + 1] = any_length();
        }
    } else if (strstr(type, "sigset")) {
        at[0] = next() & ~(UINT64_C(1) << (SIGALRM - 1));
    } else if (strstr(type, "msghdr")) {
        fill_words(at, 16);
        uint64_t *v = (uint64_t *)(uintptr_t)(at[2] = good_address()), *c = (uint64_t *)(uintptr_t)(at[4] = good_address());
        fill_words(v, 8);
        at[3] = below(5) ? below(4) : any_number();
        at[5] = below(5) ? below(64) : any_number();
        c[0] = below(3) ? 16 + below(24) : any_number();
        c[1] = SOL_SOCKET | (1 + below(3)) << 32; /* SCM_RIGHTS, SCM_CREDENTIALS */
        c[2] = any_fd() | any_fd() << 32;
        at[0] = below(3) ? 0 : at[0];
    } else if (strstr(type, "argv")) {
        at[0] = some_address();
        at[1] = some_address();
        at[2] = below(4) ? 0 : any_number();
    } else if (below(16)) {
        fill_words(at, 24);
        if (below(3) == 0)
            memset(at, 0, 8 * below(24));
        if (below(4) == 0)
            *(uint16_t *)at = (uint16_t)(1 + below(17)); /* a socket address's family */
    }
    in_fill = 0;
}

static uint64_t make_argument(const struct row *r, const char *type)
{
    bool mapping = !strcmp(r->flags, "MEMMAP") || strstr(r->signature, "span");
    if (!strcmp(type, "fd") || !strcmp(type, "dirfd"))
        return !strcmp(type, "dirfd") && below(3) == 0 ? (uint64_t)-100 : any_fd();
    if (!strcmp(type, "size"))
        return any_length();
    if (!strcmp(type, "pid"))
        return any_pid();
    if (!strcmp(type, "sig"))
        return below(6) ? below(66) : any_number();
    if (!strcmp(type, "hex"))
        return mapping || below(4) == 0 ? any_address() & (below(4) ? -PAGE : UINT64_MAX) : below(2) ? any_flags() : any_number();
    if (type[0] == 'f' && type[1] == '(')
        return any_flags();
    if (type[0] == 'e' && type[1] == '(')
        return any_request(type);
    if (!strcmp(type, "int") || !strcmp(type, "uint") || !strcmp(type, "off") || !strcmp(type, "uid") || !strcmp(type, "mode"))
        return below(3) ? below(20) : any_number();
    uint64_t at = any_address();
    if (at >= POOL && at < POOL + 3 * PAGE)
        fill(type, at);
    return at;
}

static void make_arguments(const struct row *r, uint64_t a[6])
{
    char type[32];
    for (int i = 0; i < 6; i++) {
        argument(r, i, type);
        a[i] = *type ? make_argument(r, type) : any_number();
    }
    if (is(r, "clone") && (a[0] & 0xff) >= SIGILL && (a[0] & 0xff) <= SIGABRT)
        a[0] &= ~UINT64_C(0xff); /* they would look like an end of the translator's */
#ifndef __riscv
    if (is(r, "mmap") && comparing)
        a[3] &= ~UINT64_C(0x40); /* MAP_32BIT is x86's alone */
    if (is(r, "clone")) { /* the thread pointer comes last on x86-64, which also judges it: an address of user space does not tell the two apart */
        uint64_t tls = a[3];
        a[3] = a[4];
        a[4] = tls < POOL + POOL_PAGES * PAGE ? tls : 0;
    }
#endif
    if (is(r, "mmap") && comparing && a[1] > UINT64_C(1) << 44 && a[1] < UINT64_C(1) << 47)
        a[1] >>= 3; /* whether there is a gap of half the address space depends on what else lies in it */
    if (is(r, "close_range") && (uint32_t)a[0] < FD_FIRST)
        a[0] = FD_FIRST; /* 2 is where sanitizers write */
    if (strncmp(r->name, "dup", 3) == 0 && (uint32_t)a[1] < FD_FIRST)
        a[1] = FD_FIRST;
    if (is(r, "fcntl") && (a[0] & UINT32_MAX) < FD_FIRST)
        a[0] = FD_FIRST;
}

/* Calls that are not made: the machine would feel them through the namespaces. */
static bool is_left_out(const struct row *r)
{
    return r->nr < 0 || r->generic < 0 || (is(r, "sync") && comparing);
}

/* -- making the call --------------------------------------------------------------------------------------- */

static bool makes_child(const struct row *r)
{
    return is(r, "clone") || is(r, "clone3");
}

#ifdef __riscv
#define CALL(after)                                                                                                                  \
    register uint64_t n __asm__("a7") = (uint64_t)nr, a0 __asm__("a0") = a[0], a1 __asm__("a1") = a[1], a2 __asm__("a2") = a[2];   \
    register uint64_t a3 __asm__("a3") = a[3], a4 __asm__("a4") = a[4], a5 __asm__("a5") = a[5];                                   \
    __asm__ volatile("ecall\n" after : "+r"(a0), "+r"(n) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5) : "memory");                \
    return (int64_t)a0
#define CHILD_EXITS "bnez a0, 1f\n li a7, 93\n ecall\n1:\n"
#define SIGRETURN(sp) __asm__ volatile("mv sp, %0\n li a7, 139\n ecall\n ebreak" ::"r"(sp) : "memory")
#else
#define CALL(after)                                                                                                                  \
    register uint64_t r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4], r9 __asm__("r9") = a[5];                                 \
    int64_t ret;                                                                                                                     \
    __asm__ volatile("syscall\n" after : "=a"(ret) : "0"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory"); \
    return ret
#define CHILD_EXITS "testq %%rax, %%rax\n jnz 1f\n movl $60, %%eax\n syscall\n1:\n"
#define SIGRETURN(sp) __asm__ volatile("movq %0, %%rsp\n movl $15, %%eax\n syscall\n ud2" ::"r"(sp) : "memory")
#endif

static int64_t call(long nr, const uint64_t a[6])
{
    CALL("");
}

/* The child ends at once and touches no memory: its stack may be anything, and shared. */
static int64_t call_child(long nr, const uint64_t a[6])
{
    CALL(CHILD_EXITS);
}

static int64_t make_call(const struct row *r, const uint64_t a[6])
{
    if (is(r, "rt_sigreturn"))
        SIGRETURN(a[0] & ~UINT64_C(15));
    return makes_child(r) ? call_child(r->nr, a) : call(r->nr, a);
}

/* -- a child that fuzzes ----------------------------------------------------------------------------------- */

enum { STATUS_STUCK = 90, STATUS_FAULT = 91, STATUS_SANITIZER = 86, STATUS_BLOCKS = 200, HISTORY = 8 };

/* What the supervisor sees of the child. */
struct progress {
    volatile uint64_t beat, calls;
    struct {
        uint64_t index, row, a[6];
    } last[HISTORY];
    volatile uint64_t made[ROWS], failed[ROWS];
    char where[200]; /* what its main thread was doing when it no longer made calls */
};
static struct progress *progress;
static volatile bool watching, racing;

static void on_fault(int sig)
{
    (void)sig;
    if (in_fill) {
        in_fill = 0;
        siglongjmp(filling, 1);
    }
    _exit(STATUS_FAULT);
}

static void on_alarm(int sig)
{
    (void)sig;
    if (comparing)
        _exit(STATUS_BLOCKS);
}

static void set_signals(unsigned interval_us)
{
    struct sigaction fault = {.sa_handler = on_fault, .sa_flags = SA_NODEFER}, alarmed = {.sa_handler = on_alarm};
    struct itimerval it = {{0, interval_us}, {0, interval_us}};
    sigset_t none;
    sigemptyset(&none);
    for (int sig = 1; sig <= 64; sig++)
        if (sig != SIGSEGV && sig != SIGBUS && sig != SIGABRT && sig != SIGILL && sig != SIGTRAP)
            sigaction(sig, &alarmed, NULL);
    sigaction(SIGSEGV, &fault, NULL);
    sigaction(SIGBUS, &fault, NULL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setitimer(ITIMER_REAL, &it, NULL);
}

/* Notes what the main thread does.  False: it waits for a device, which no signal ends and a busy machine makes long. */
static bool note_where(void)
{
    char text[sizeof progress->where] = "", *state;
    size_t n = 0;
    static const char *const files[] = {"stat", "wchan", "syscall"};
    for (int i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/task/%d/%s", (int)getpid(), files[i]);
        int fd = open(path, O_RDONLY);
        ssize_t got = fd < 0 ? 0 : read(fd, text + n, i ? 60 : 40);
        if (fd >= 0)
            close(fd);
        n += got > 0 ? (size_t)got : 0;
        text[n++] = ' ';
    }
    text[n] = '\0';
    for (char *c = text; *c; c++)
        *c = *c == '\n' ? ' ' : *c;
    memcpy(progress->where, text, sizeof text);
    state = strchr(text, ')');
    return !state || state[2] != 'D';
}

/* Takes the pool away and gives it back; ends a process whose main thread no longer makes calls. */
static void *race(void *seed)
{
    sigset_t all;
    uint64_t mine = (uint64_t)(uintptr_t)seed, seen = 0;
    struct timespec then, now;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    clock_gettime(CLOCK_MONOTONIC, &then);
    while (watching) {
        mine = mine * 6364136223846793005u + 1442695040888963407u;
        unsigned n = (unsigned)(mine >> 40) % 24, many = 1 + (unsigned)(mine >> 50) % 3;
        static const int prots[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC};
        switch (racing ? mine >> 33 & 7 : 8) {
        case 8: usleep(1000); break;
        case 0: munmap(page(n), many * PAGE); break;
        case 1: mprotect(page(n), many * PAGE, prots[(mine >> 36) % 5]); break;
        case 2: mremap(page(n), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, page(PLAY + n % 8)); break;
        case 3: madvise(page(n), many * PAGE, MADV_DONTNEED); break;
        case 4: make_pool(); break;
        default: map(n, many, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1); break;
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (progress->beat != seen) {
            seen = progress->beat;
            then = now;
        } else if (now.tv_sec - then.tv_sec > 4) {
            if (!note_where()) {
                then = now;
                continue;
            }
            call(SYS_exit_group, (const uint64_t[6]){STATUS_STUCK});
        }
        sched_yield();
    }
    return NULL;
}

static void limit(int what, uint64_t n)
{
    struct rlimit l = {n, n};
    setrlimit(what, &l);
}

static void set_limits(void)
{
    prctl(PR_SET_DUMPABLE, 1);
    limit(RLIMIT_AS, UINT64_C(8) << 30);
    limit(RLIMIT_FSIZE, 16 << 20);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NPROC, 200);
    limit(RLIMIT_CPU, 60);
}

static void fuzz_child(uint64_t child)
{
    set_limits();
    make_files();
    make_descriptors();
    make_pool();
    pthread_t thread;
    seed_call(child, UINT64_MAX);
    watching = true;
    racing = next() & 1; /* every second child has its memory for itself */
    if (pthread_create(&thread, NULL, race, (void *)(uintptr_t)next()))
        call(SYS_exit_group, (const uint64_t[6]){0});
    for (uint64_t i = 0; i < opt_calls; i++) {
        uint64_t a[6];
        if (i < opt_from || i > opt_to)
            continue;
        seed_call(child, i);
        const struct row *r = &rows[below(ROWS)];
        if (is_left_out(r) || ((is(r, "exit") || is(r, "exit_group") || is(r, "rt_sigreturn")) && below(8)))
            continue;
        set_signals(10000);
        if (i % 16 == 0) {
            make_descriptors();
            make_pool();
        }
        make_arguments(r, a);
        uint64_t k = progress->calls++ % HISTORY;
        progress->last[k].index = i;
        progress->last[k].row = (uint64_t)(r - rows);
        memcpy(progress->last[k].a, a, sizeof a);
        progress->made[r - rows]++;
        progress->beat++;
        if (make_call(r, a) < 0)
            progress->failed[r - rows]++;
        progress->beat++;
        while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
            ;
    }
    call(SYS_exit_group, (const uint64_t[6]){0});
}

/* -- the supervisor: first process of its namespaces ------------------------------------------------------- */

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Waits for pid at most ms; its status, or -1 when it had to be killed.  Whatever else it left behind ends too. */
static int reap(pid_t pid, uint64_t ms)
{
    uint64_t end = now_ms() + ms, pause_us = 100;
    int status, result = -1;
    for (;;) {
        pid_t got = waitpid(-1, &status, WNOHANG | WUNTRACED | __WALL);
        if (got > 0 && WIFSTOPPED(status)) { /* it had itself stopped */
            kill(got, SIGCONT);
            continue;
        }
        if (got == pid) {
            result = status;
            break;
        }
        if (got > 0)
            continue;
        if (now_ms() > end) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, __WALL);
            break;
        }
        usleep((useconds_t)pause_us);
        pause_us = pause_us < 5000 ? pause_us * 2 : 5000;
    }
    kill(-1, SIGKILL);
    while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
        ;
    return result;
}

/* Has a row a temporary signal mask, or does it end the caller (the next call does, in seccomp's strict mode)? Then not coming back is its right. */
static bool may_stay(const struct row *r)
{
    return strstr(r->signature, "sigset") || is(r, "pselect6") || is(r, "exit") || is(r, "seccomp") || is(r, "prctl") || is(r, "rt_sigreturn") ||
           makes_child(r) || is(r, "rt_sigaction") || is(r, "execve") || is(r, "execveat") || is(r, "setitimer") ||
           is(r, "timer_settime"); /* signals without a pause between */
}

/* NULL: nothing wrong. */
static const char *judge(int status)
{
    const struct row *r = &rows[progress->last[(progress->calls - 1) % HISTORY].row];
    if (status == -1 || (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_STUCK && !is(r, "exit") && !is(r, "exit_group")))
        return progress->calls && may_stay(r) ? NULL : "did not come back";
    if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_SANITIZER && !is(r, "exit") && !is(r, "exit_group"))
        return "a sanitizer ended it";
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGABRT || WTERMSIG(status) == SIGILL || WTERMSIG(status) == SIGTRAP) && strstr(r->signature, "sig") == NULL &&
        !is(r, "rt_sigreturn") && !is(r, "prctl") && !makes_child(r)) /* the signal may be that of a child */
        return "a signal of the translator's ended it";
    return NULL;
}

static const char *run_child(uint64_t child, int *status)
{
    progress->calls = 0;
    progress->where[0] = '\0';
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        fuzz_child(child);
    *status = pid < 0 ? 0 : reap(pid, 30000);
    return judge(*status);
}

static void print_last(void)
{
    uint64_t n = progress->calls < HISTORY ? progress->calls : HISTORY;
    for (uint64_t i = progress->calls - n; i < progress->calls; i++) {
        const uint64_t *a = progress->last[i % HISTORY].a;
        printf("  call %llu: %s(", (unsigned long long)progress->last[i % HISTORY].index, rows[progress->last[i % HISTORY].row].name);
        for (int k = 0; k < 6; k++)
            printf("%s%#llx", k ? ", " : "", (unsigned long long)a[k]);
        printf(")\n");
    }
}

/* Leaves calls out of a child that failed for as long as it still fails. */
static void reduce(uint64_t child)
{
    int status;
    uint64_t last = progress->last[(progress->calls - 1) % HISTORY].index;
    opt_to = last;
    for (uint64_t step = (last + 1) / 2 + 1; step && opt_from <= last; step /= 2) {
        uint64_t from = opt_from;
        opt_from = from + step > last ? last : from + step;
        if (!run_child(child, &status) && !run_child(child, &status))
            opt_from = from;
    }
    printf("  again: sys_hostile fuzz seed=%llu child=%llu from=%llu to=%llu\n", (unsigned long long)opt_seed, (unsigned long long)child,
           (unsigned long long)opt_from, (unsigned long long)opt_to);
    opt_from = 0;
    opt_to = UINT64_MAX;
}

static int fuzz(void)
{
    uint64_t end = now_ms() + opt_seconds * 1000, children = 0, faults = 0, failures = 0, calls = 0, refused = 0, rows_made = 0;
    int status;
    printf("seed %llu\n", (unsigned long long)opt_seed);
    for (uint64_t child = opt_child == UINT64_MAX ? 0 : opt_child; now_ms() < end; child++) {
        const char *wrong = run_child(child, &status);
        children++;
        faults += WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_FAULT);
        if (wrong) {
            failures++;
            printf("FAIL: child %llu: %s (wait status %#x)%s%s\n", (unsigned long long)child, wrong, (unsigned)status, progress->where[0] ? ", main thread: " : "",
                   progress->where);
            print_last();
            if (opt_child == UINT64_MAX && failures <= 8)
                reduce(child);
        }
        if (opt_child != UINT64_MAX)
            break;
    }
    for (unsigned i = 0; i < ROWS; i++) {
        calls += progress->made[i];
        refused += progress->failed[i];
        rows_made += progress->made[i] != 0;
    }
    printf("%llu calls of %llu rows in %llu processes, %llu calls failed, %llu processes ended by faults of their own\n", (unsigned long long)calls,
           (unsigned long long)rows_made, (unsigned long long)children, (unsigned long long)refused, (unsigned long long)faults);
    printf("%llu passed, %llu failed\n", (unsigned long long)(children - failures), (unsigned long long)failures);
    return failures != 0;
}

/* -- comparing --------------------------------------------------------------------------------------------- */

static void compare_case(const struct row *r, uint64_t number)
{
    uint64_t a[6];
    setpgid(0, 0);
    seed_call((uint64_t)r->generic, number);
    set_signals(0);
    make_arguments(r, a);
    memcpy(progress->last[0].a, a, sizeof a);
    struct itimerval it = {{0, 0}, {0, 300000}};
    setitimer(ITIMER_REAL, &it, NULL);
    int64_t ret = make_call(r, a);
    if (makes_child(r)) /* its signal comes before the status is known */
        waitpid(-1, NULL, __WALL);
    call(SYS_exit_group, (const uint64_t[6]){ret < 0 && ret > -134 ? (uint64_t)-ret : ret < 0 ? 199 : 0});
}

static void compare_row(const struct row *r)
{
    set_limits();
    make_files();
    make_descriptors();
    make_pool();
    for (uint64_t i = 0; i < opt_cases; i++) {
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0)
            compare_case(r, i);
        int status;
        uint64_t end = now_ms() + 3000;
        pid_t got;
        while ((got = waitpid(pid, &status, WNOHANG | __WALL)) == 0 && now_ms() < end)
            usleep(200);
        if (got == 0) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, __WALL);
            status = STATUS_BLOCKS << 8;
        }
        char type[32];
        printf("%s %llu (", r->name, (unsigned long long)i);
        for (int k = 0; k < 6 && (argument(r, k, type), *type); k++)
            printf(strcmp(type, "pid") ? "%s%#llx" : "%spid", k ? ", " : "", (unsigned long long)progress->last[0].a[k]);
        int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
        if (WIFSIGNALED(status))
            printf(") = signal %d\n", WTERMSIG(status));
        else if (code == STATUS_BLOCKS || code == STATUS_FAULT)
            printf(") = %s\n", code == STATUS_FAULT ? "fault" : "blocks");
        else
            printf(") = %s\n", code ? strerrorname_np(code) : "ok");
    }
    fflush(stdout);
    call(SYS_exit_group, (const uint64_t[6]){0});
}

static int compare(void)
{
    comparing = true;
    for (unsigned i = 0; i < ROWS; i++) {
        const struct row *r = &rows[i];
        if (is_left_out(r) || r->handler[0] == 'R' || (opt_row && strcmp(opt_row, r->name)))
            continue;
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0)
            compare_row(r);
        reap(pid, 60000);
    }
    return 0;
}

/* -- set-up ------------------------------------------------------------------------------------------------ */

static bool put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return ok;
}

static int skip(const char *what)
{
    printf("skipped: %s: %s\n", what, strerror(errno));
    return 77;
}

/* Runs as the first process of a pid namespace, with every capability in a user namespace of nobody's. */
static int supervise(int (*what)(void))
{
    setsid(); /* what is sent to the process group stays inside */
    static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/ptmx"};
    for (int i = 0; i < 3; i++) {
        int fd = open(devices[i], O_RDWR | O_NOCTTY);
        if (fd >= 0)
            dup2(fd, FD_FIXED + i);
    }
    unsigned n, unlock = 0;
    char path[32];
    if (ioctl(FD_FIXED + 2, 0x40045431, &unlock) == 0 && ioctl(FD_FIXED + 2, 0x80045430, &n) == 0) { /* TIOCSPTLCK, TIOCGPTN */
        snprintf(path, sizeof path, "/dev/pts/%u", n);
        int fd = open(path, O_RDWR | O_NOCTTY);
        if (fd >= 0)
            dup2(fd, FD_FIXED + 3);
    }
    for (int fd = 3; fd < FD_FIXED; fd++)
        close(fd);
    if (setresgid(0, 0, 0) || setresuid(0, 0, 0))
        return skip("no user of one's own");
    prctl(PR_SET_DUMPABLE, 1);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("tmpfs", "/tmp", "tmpfs", 0, "size=64m") || mkdir("/tmp/proc", 0755))
        return skip("no file system of one's own");
    if (mount("proc", "/tmp/proc", "proc", 0, NULL))
        printf("without /proc: %s\n", strerror(errno));
    if (chroot("/tmp") || chdir("/"))
        return skip("chroot");
    progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    prctl(PR_SET_DUMPABLE, 0); /* out of the children's reach */
    return what();
}

static int in_namespaces(int (*what)(void))
{
    int ready[2], mapped[2];
    char line[64], path[64], byte = 0;
    uid_t uid = getuid(), gid = getgid();
    if (pipe(ready) || pipe(mapped))
        return 1;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS))
            exit(skip("no namespaces"));
        byte = 1;
        if (write(ready[1], &byte, 1) != 1 || read(mapped[0], &byte, 1) != 1)
            exit(1);
        pid_t init = fork();
        if (init == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            exit(supervise(what));
        }
        int status;
        waitpid(init, &status, 0);
        if (WIFSIGNALED(status))
            printf("FAIL: signal %d ended the supervisor\n", WTERMSIG(status));
        exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) == 1) {
        snprintf(path, sizeof path, "/proc/%d/setgroups", (int)pid);
        if (uid)
            put(path, "deny");
        snprintf(path, sizeof path, "/proc/%d/uid_map", (int)pid);
        snprintf(line, sizeof line, "0 %d 1", uid ? (int)uid : 65534); /* root maps nobody: what belongs to root stays out of reach */
        bool ok = put(path, line);
        snprintf(path, sizeof path, "/proc/%d/gid_map", (int)pid);
        snprintf(line, sizeof line, "0 %d 1", uid ? (int)gid : 65534);
        if (!ok || !put(path, line)) {
            kill(pid, SIGKILL);
            return skip("no user namespace");
        }
        if (write(mapped[1], &byte, 1) != 1)
            return 1;
    }
    int status;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *key;
        uint64_t *value;
    } keys[] = {{"seconds=", &opt_seconds}, {"seed=", &opt_seed}, {"child=", &opt_child}, {"from=", &opt_from},
                {"to=", &opt_to},           {"cases=", &opt_cases}, {"calls=", &opt_calls}};
    for (int i = 2; i < argc; i++) {
        bool known = false;
        for (unsigned k = 0; k < sizeof keys / sizeof keys[0]; k++)
            if (!strncmp(argv[i], keys[k].key, strlen(keys[k].key))) {
                *keys[k].value = strtoull(argv[i] + strlen(keys[k].key), NULL, 0);
                known = true;
            }
        if (!strncmp(argv[i], "row=", 4)) {
            opt_row = argv[i] + 4;
            known = true;
        }
        for (char *at = argv[i] + 5; !strncmp(argv[i], "host=", 5) && *at && host_count < 64; at += strspn(at, ",")) {
            host_at[host_count++] = strtoull(at, &at, 16);
            known = true;
        }
        if (!known && strcmp(argv[i], "host=")) {
            fprintf(stderr, "sys_hostile: unknown option %s\n", argv[i]);
            return 2;
        }
    }
    if (argc > 1 && !strcmp(argv[1], "idle"))
        return (int)sleep(10);
    return in_namespaces(argc > 1 && !strcmp(argv[1], "compare") ? compare : fuzz);
}

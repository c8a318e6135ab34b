/*
 * Loops that are done ahead with vectors (docs/ir.md, "Rounds of a loop"), as a program sees them: the string functions at every
 * alignment, length and distance from a missing page; registers, memory and address at a fault in the middle of a loop; a handler that makes the
 * page and lets the loop go on; signals while loops run; a loop that is rewritten.
 */
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

#include "check.h"

#define PAGE 4096

static unsigned char *area, *other, *third; /* four pages each, the last one missing */
static volatile uint64_t fault_addr, fault_pc, ticks;
static uint64_t regs[32];
static volatile int make_page;

static unsigned char *pages(void)
{
    unsigned char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(p + 3 * PAGE, PAGE, PROT_NONE);
    return p;
}

/* What the compiler does not turn into the function it stands for. */
#define OPAQUE(x) __asm__ volatile("" : "+r"(x))

static size_t plain_len(const unsigned char *p)
{
    size_t n = 0;
    while (p[n]) {
        n++;
        OPAQUE(n);
    }
    return n;
}

/* -- string functions ------------------------------------------------------------------------------------------ */

static void check_strings(void)
{
    unsigned char *end = area + 3 * PAGE, *end2 = other + 3 * PAGE, *end3 = third + 3 * PAGE;
    for (unsigned len = 0; len < 300; len += len < 40 ? 1 : 23)
        for (unsigned back = 0; back < 64; back += len % 3 + 3) {
            unsigned char *p = end - back - len - 1, *q = end2 - (back * 7 & 63) - len - 1, *d = end3 - (back * 5 & 63) - len - 1;
            memset(p, 'x', len);
            p[len] = 0;
            CHECK(strlen((char *)p) == len && plain_len(p) == len, "strlen %u, %u before the page: %zu", len, back, strlen((char *)p));
            CHECK(memchr(p, 0, len + 1) == p + len && !memchr(p, 'y', len), "memchr %u %u", len, back);
            CHECK(strchr((char *)p, 'y') == NULL, "strchr %u %u", len, back);
            memset(d, 1, len + 1);
            CHECK(memcpy(d, p, len + 1) == d && !memcmp(d, p, len + 1), "memcpy %u %u", len, back);
            memcpy(q, p, len + 1);
            CHECK(strcmp((char *)p, (char *)q) == 0, "strcmp %u %u", len, back);
            if (!len)
                continue;
            unsigned at = (back * 11 + len / 2) % len;
            q[at] = 'w';
            CHECK(strcmp((char *)p, (char *)q) > 0 && strcmp((char *)q, (char *)p) < 0, "strcmp %u %u, different at %u", len, back, at);
            CHECK(memcmp(p, q, len) > 0, "memcmp %u %u, different at %u", len, back, at);
            CHECK(memchr(q, 'w', len) == q + at && strchr((char *)q, 'w') == (char *)q + at, "memchr %u %u, at %u", len, back, at);
            memset(d, 'z', len);
            for (unsigned k = 0; k < len; k++)
                if (d[k] != 'z')
                    CHECK(0, "memset %u %u: byte %u", len, back, k);
        }
}

/* -- faults ------------------------------------------------------------------------------------------------------ */

static void on_fault(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    fault_addr = (uint64_t)(uintptr_t)info->si_addr;
    fault_pc = uc->uc_mcontext.__gregs[0];
    memcpy(regs, uc->uc_mcontext.__gregs, sizeof regs);
    if (make_page) {
        void *page = (void *)(uintptr_t)(fault_addr & -(uint64_t)PAGE);
        mprotect(page, PAGE, PROT_READ | PROT_WRITE);
        memset(page, 0, PAGE);
        make_page = 0;
    } else {
        uc->uc_mcontext.__gregs[0] = uc->uc_mcontext.__gregs[5]; /* t0: where to go on */
    }
    (void)sig;
}

/* Copies bytes until something stops it; the address behind the last one stored. */
__attribute__((noinline)) static uint64_t copy_bytes(unsigned char *to, const unsigned char *from, uint64_t end)
{
    register unsigned char *a0 __asm__("a0") = to;
    register const unsigned char *a1 __asm__("a1") = from;
    register uint64_t a2 __asm__("a2") = end;
    __asm__ volatile("li a3, 77\n la t0, 2f\n 1: lbu a3, 0(a1)\n addi a1, a1, 1\n addi a0, a0, 1\n sb a3, -1(a0)\n bne a1, a2, 1b\n 2:"
                     : "+r"(a0), "+r"(a1)
                     : "r"(a2)
                     : "a3", "t0", "memory");
    return (uint64_t)(uintptr_t)a0;
}

/* Looks for a byte that is not there. */
__attribute__((noinline)) static uint64_t find_byte(const unsigned char *from)
{
    register const unsigned char *a0 __asm__("a0") = from;
    __asm__ volatile("li a3, 77\n li a4, 'q'\n la t0, 2f\n 1: lbu a3, 0(a0)\n addi a0, a0, 1\n beqz a3, 2f\n bne a3, a4, 1b\n 2:" : "+r"(a0) : : "a3", "a4", "t0", "memory");
    return (uint64_t)(uintptr_t)a0;
}

static void check_faults(void)
{
    for (unsigned n = 0; n < 400; n += n < 70 ? 1 : 17) {
        unsigned char *from = area + 3 * PAGE - n, *to = other + n % 64;
        for (unsigned k = 0; k < n; k++)
            from[k] = (unsigned char)(k * 5 + 1) | 1;
        memset(other, 0, 600);
        fault_addr = 0;
        copy_bytes(to, from, (uint64_t)(uintptr_t)from + 1000);
        CHECK(fault_addr == (uint64_t)(uintptr_t)(area + 3 * PAGE), "read %u: address %llx", n, (unsigned long long)fault_addr);
        CHECK(regs[11] == (uint64_t)(uintptr_t)(area + 3 * PAGE) && regs[10] == (uint64_t)(uintptr_t)(to + n), "read %u: pointers", n);
        CHECK(regs[13] == (n ? from[n - 1] : 77u), "read %u: a3 = %llu", n, (unsigned long long)regs[13]);
        CHECK(!memcmp(to, from, n) && !to[n], "read %u: memory", n);
        /* the same with a page that cannot be written */
        from = area + 100, to = other + 3 * PAGE - n;
        fault_addr = 0;
        copy_bytes(to, from, (uint64_t)(uintptr_t)from + 1000);
        CHECK(fault_addr == (uint64_t)(uintptr_t)(other + 3 * PAGE), "write %u: address %llx", n, (unsigned long long)fault_addr);
        CHECK(regs[11] == (uint64_t)(uintptr_t)(from + n + 1) && regs[10] == fault_addr + 1 && regs[13] == from[n], "write %u: registers", n);
        CHECK(!memcmp(to, from, n), "write %u: memory", n);
        from = area + 3 * PAGE - n;
        memset(from, 'x', n);
        if (n)
            from[n - 1] = 'y';
        fault_addr = 0;
        find_byte(from);
        CHECK(fault_addr == (uint64_t)(uintptr_t)(area + 3 * PAGE) && regs[10] == fault_addr && regs[13] == (n ? 'y' : 77u), "search %u", n);
    }
}

/* The handler makes the page, and the loop goes on in it. */
static void check_continues(void)
{
    for (unsigned n = 1; n < 200; n += 7) {
        unsigned char *p = area + 3 * PAGE - n;
        memset(p, 'x', n);
        make_page = 1;
        uint64_t end = find_byte(p);
        CHECK(end == (uint64_t)(uintptr_t)(area + 3 * PAGE) + 1 && !make_page, "search %u goes on: %llx", n, (unsigned long long)end);
        mprotect(area + 3 * PAGE, PAGE, PROT_NONE);
    }
}

/* -- signals ----------------------------------------------------------------------------------------------------- */

static void on_tick(int sig)
{
    ticks++;
    (void)sig;
}

static void check_signals(void)
{
    size_t size = 1 << 18;
    unsigned char *big = mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *copy = malloc(size);
    struct itimerval timer = {.it_interval = {.tv_usec = 300}, .it_value = {.tv_usec = 300}};
    setitimer(ITIMER_REAL, &timer, NULL);
    uint64_t until = ticks + 30;
    for (unsigned k = 0; ticks < until && k < 5000; k++) {
        memset(big, 'a' + (int)(k % 16), size);
        big[size - 1] = 0;
        CHECK(strlen((char *)big) == size - 1, "strlen under signals: %zu", strlen((char *)big));
        uint64_t end = copy_bytes(copy, big, (uint64_t)(uintptr_t)(big + size));
        CHECK(end == (uint64_t)(uintptr_t)(copy + size) && !memcmp(copy, big, size), "copy under signals");
    }
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
}

/* -- rewritten code ---------------------------------------------------------------------------------------------- */

static void check_rewritten(void)
{
    /* 1: lbu a1, 0(a0); addi a0, a0, 1; bne a1, a2, 1b; ret */
    uint32_t code[] = {0x00054583, 0x00150513, 0xfec59ce3, 0x00008067};
    uint32_t *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    typedef unsigned char *scan(unsigned char *, uint64_t, uint64_t);
    for (unsigned k = 0; k < 1000; k++)
        area[k] = (unsigned char)(k % 251);
    area[1000] = 251;
    for (unsigned round = 0; round < 60; round++) {
        unsigned step = 1 + round % 3 * 2; /* 1, 3, 5: not all of them are done ahead */
        code[1] = 0x00050513 | step << 20;
        memcpy(p, code, sizeof code);
        __builtin___clear_cache((char *)p, (char *)(p + 4));
        unsigned want = 0;
        while (area[want] != 250)
            want += step;
        for (unsigned k = 0; k < 5; k++) {
            unsigned char *end = ((scan *)(uintptr_t)p)(area, 0, 250);
            CHECK(end == area + want + step, "step %u: %td, not %u", step, end - area, want + step);
        }
    }
}

int main(void)
{
    static char stack[65536];
    area = pages(), other = pages(), third = pages();
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    sigaction(SIGSEGV, &(struct sigaction){.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER}, NULL);
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_tick, .sa_flags = SA_RESTART}, NULL);
    check_strings();
    check_faults();
    check_continues();
    check_rewritten();
    check_signals();
    return check_done();
}

/*
 * Guest test: synchronous faults and what a handler may see and change: exact si_addr, si_code and pc, edited integer and
 * floating-point registers, alternate stacks, nested faults, siglongjmp.
 */
#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

static volatile int hits;
static siginfo_t last;
static uint64_t last_pc;
static uint64_t new_a1;
static char altstack[64 * 1024];
static volatile int on_alt;
static sigjmp_buf jump;

static void record(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    char here;
    (void)sig;
    hits++;
    last = *info;
    last_pc = uc->uc_mcontext.__gregs[REG_PC];
    on_alt = &here >= altstack && &here < altstack + sizeof altstack;
}

static void skip(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    record(sig, info, context);
    uc->uc_mcontext.__gregs[REG_PC] += 4;
}

static void fix_a1(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    record(sig, info, context);
    uc->uc_mcontext.__gregs[11] = new_a1;
}

static void jump_out(int sig, siginfo_t *info, void *context)
{
    record(sig, info, context);
    siglongjmp(jump, 7);
}

static void set(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
    struct sigaction sa = {.sa_sigaction = fn, .sa_flags = SA_SIGINFO | flags};
    sigaction(sig, &sa, NULL);
}

/* Loads from addr with an uncompressed instruction labelled for the pc check. */
extern char load_site[], store_site[], amo_site[];
__attribute__((noinline)) static uint64_t load_at(uint64_t addr)
{
    register uint64_t a1 __asm__("a1") = addr;
    register uint64_t a2 __asm__("a2") = 0x1111;
    __asm__ volatile(".option push\n.option norvc\nload_site: ld a2, 0(a1)\n.option pop" : "+r"(a2), "+r"(a1)::"memory");
    return a2;
}
__attribute__((noinline)) static void store_at(uint64_t addr)
{
    register uint64_t a1 __asm__("a1") = addr;
    __asm__ volatile(".option push\n.option norvc\nstore_site: sd a1, 8(a1)\n.option pop" : "+r"(a1)::"memory");
}
__attribute__((noinline)) static void amo_at(uint64_t addr)
{
    register uint64_t a1 __asm__("a1") = addr;
    __asm__ volatile("amo_site: amoadd.d a2, a1, (a1)" : "+r"(a1)::"a2", "memory");
}

static void test_faults(void)
{
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *(uint64_t *)page = 42;
    munmap(page + 4096, 4096);

    set(SIGSEGV, skip, 0);
    CHECK(load_at(0) == 0x1111, "destination changed by a fault");
    CHECK(last.si_code == SEGV_MAPERR && last.si_addr == NULL && last_pc == (uint64_t)load_site, "%d %p", last.si_code, last.si_addr);
    load_at((uint64_t)page + 4096 + 24);
    CHECK(last.si_code == SEGV_MAPERR && last.si_addr == page + 4096 + 24, "%d %p", last.si_code, last.si_addr);
    load_at((uint64_t)page + 4093);
    CHECK(last.si_addr == page + 4096 || last.si_addr == page + 4093, "straddling load: %p", last.si_addr);
    mprotect(page, 4096, PROT_READ);
    store_at((uint64_t)page + 16);
    CHECK(last.si_code == SEGV_ACCERR && last.si_addr == page + 24 && last_pc == (uint64_t)store_site, "%d %p", last.si_code, last.si_addr);
    hits = 0;
    set(SIGSEGV, fix_a1, 0);
    new_a1 = (uint64_t)page;
    CHECK(load_at(0x10) == 42 && hits == 1, "fixed register, instruction made again");

    set(SIGBUS, skip, 0);
    hits = 0;
    amo_at((uint64_t)&hits + 1);
    CHECK(hits == 1 && last.si_signo == SIGBUS && last.si_code == BUS_ADRALN && last_pc == (uint64_t)amo_site, "misaligned atomic");
    int fd = memfd_create("t", 0);
    char *file = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    load_at((uint64_t)file + 8);
    CHECK(last.si_signo == SIGBUS && last.si_code == BUS_ADRERR && last.si_addr == file + 8, "%d %p", last.si_code, last.si_addr);

    set(SIGILL, skip, 0);
    __asm__ volatile(".4byte 0xffffffff");
    CHECK(last.si_signo == SIGILL && last.si_code == ILL_ILLOPC && (uint64_t)last.si_addr == last_pc, "undefined instruction");
    set(SIGTRAP, skip, 0);
    __asm__ volatile(".option push\n.option norvc\nebreak\n.option pop");
    CHECK(last.si_signo == SIGTRAP && last.si_code == TRAP_BRKPT && (uint64_t)last.si_addr == last_pc, "breakpoint");
}

static void test_jumps(void)
{
    set(SIGSEGV, jump_out, SA_NODEFER);
    hits = 0;
    for (volatile int i = 0; i < 1000; i++)
        if (!sigsetjmp(jump, 1))
            load_at(8);
    CHECK(hits == 1000, "%d", hits);
    char *data = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!sigsetjmp(jump, 1))
        ((void (*)(void))data)();
    CHECK(last.si_code == SEGV_ACCERR && last.si_addr == data && last_pc == (uint64_t)data, "%d %p", last.si_code, last.si_addr);
    if (!sigsetjmp(jump, 1))
        ((void (*)(void))0x40)();
    CHECK(last.si_code == SEGV_MAPERR && last.si_addr == (void *)0x40 && last_pc == 0x40, "%d %p", last.si_code, last.si_addr);
}

static void edit_fp(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    record(sig, info, context);
    struct __riscv_mc_d_ext_state *d = &uc->uc_mcontext.__fpregs.__d;
    CHECK(d->__f[20] == 0x3ff8000000000000 && (d->__fcsr & 0xff) == 0x01, "fs4 %llx fcsr %x", (unsigned long long)d->__f[20], d->__fcsr);
    d->__f[20] = 0x4000000000000000;
    d->__fcsr = 0x62; /* round up, underflow */
    uint64_t zero = 0;
    __asm__ volatile("csrw fcsr, %0\nfmv.d.x fs4, %0" ::"r"(zero) : "fs4");
    for (unsigned i = 0; i < 3; i++)
        CHECK(uc->uc_mcontext.__fpregs.__q.__glibc_reserved[i] == 0, "no extension record");
}

static void test_fp(void)
{
    uint64_t bits, fcsr, third;
    set(SIGUSR1, edit_fp, 0);
    register long a7 __asm__("a7") = 172;
    register long a0 __asm__("a0");
    __asm__ volatile("ecall" : "=r"(a0) : "r"(a7) : "memory");
    register long tid __asm__("a0") = a0;
    register long sig __asm__("a1") = SIGUSR1;
    a7 = 129;
    register uint64_t one_and_half __asm__("t0") = 0x3ff8000000000000;
    register uint64_t csr __asm__("t1") = 0x01;
    register double one __asm__("fs5") = 1, three __asm__("fs6") = 3;
    __asm__ volatile("fmv.d.x fs4, %5\n csrw fcsr, %6\n ecall\n fmv.x.d %1, fs4\n csrr %2, fcsr\n fdiv.d fs5, fs5, fs6, dyn\n fmv.x.d %3, fs5\n csrwi fcsr, 0"
                     : "+r"(tid), "=&r"(bits), "=&r"(fcsr), "=&r"(third)
                     : "r"(sig), "r"(one_and_half), "r"(csr), "r"(a7), "f"(one), "f"(three)
                     : "fs4", "memory");
    CHECK(tid == 0, "kill");
    CHECK(bits == 0x4000000000000000 && fcsr == 0x62, "%llx %llx", (unsigned long long)bits, (unsigned long long)fcsr);
    CHECK(third == 0x3fd5555555555556, "1/3 rounded up: %llx", (unsigned long long)third);
}

static void overflow_handler(int sig, siginfo_t *info, void *context)
{
    stack_t ss;
    record(sig, info, context);
    sigaltstack(NULL, &ss);
    CHECK(ss.ss_flags == SS_ONSTACK, "flags in the handler: %d", ss.ss_flags);
    ss.ss_flags = SS_DISABLE;
    CHECK(sigaltstack(&ss, NULL) == -1 && errno == EPERM, "change while on it");
    siglongjmp(jump, 1);
}

static void test_altstack(void)
{
    stack_t ss = {.ss_sp = altstack, .ss_size = 100}, old;
    CHECK(sigaltstack(NULL, &old) == 0 && old.ss_flags == SS_DISABLE, "none at first");
    CHECK(sigaltstack(&ss, NULL) == -1 && errno == ENOMEM, "too small");
    ss.ss_size = sizeof altstack;
    ss.ss_flags = 77;
    CHECK(sigaltstack(&ss, NULL) == -1 && errno == EINVAL, "bad flags");
    ss.ss_flags = 0;
    CHECK(sigaltstack(&ss, NULL) == 0, "set");
    set(SIGSEGV, overflow_handler, SA_ONSTACK);
    hits = 0;
    if (!sigsetjmp(jump, 1)) {
        register uint64_t a1 __asm__("a1") = 0;
        __asm__ volatile("ld a2, 0(a1)" ::"r"(a1) : "a2", "memory");
    }
    CHECK(hits == 1 && on_alt, "handler ran on the alternate stack");
    sigaltstack(NULL, &old);
    CHECK(old.ss_flags == 0 && old.ss_sp == altstack, "left by siglongjmp");
    set(SIGUSR2, record, 0);
    raise(SIGUSR2);
    CHECK(!on_alt, "without SA_ONSTACK");
    set(SIGUSR2, record, SA_ONSTACK);
    raise(SIGUSR2);
    CHECK(on_alt, "with SA_ONSTACK");
    ss.ss_flags = (int)(1u << 31); /* SS_AUTODISARM */
    CHECK(sigaltstack(&ss, NULL) == 0, "autodisarm");
    raise(SIGUSR2);
    sigaltstack(NULL, &old);
    CHECK(on_alt && (unsigned)old.ss_flags == 1u << 31 && old.ss_size == sizeof altstack, "restored by sigreturn: %x", old.ss_flags);
}

/* Bit 0 of a pc does not exist: sepc drops it. */
static void odd_pc(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    (void)sig;
    (void)info;
    hits++;
    uc->uc_mcontext.__gregs[REG_PC] |= 1;
}

static void test_odd_pc(void)
{
    hits = 0;
    set(SIGUSR1, odd_pc, 0);
    raise(SIGUSR1);
    set(SIGUSR1, (void (*)(int, siginfo_t *, void *))((uintptr_t)odd_pc | 1), 0);
    raise(SIGUSR1);
    CHECK(hits == 2, "%d", hits);
}

int main(void)
{
    test_faults();
    test_odd_pc();
    test_jumps();
    test_fp();
    test_altstack();
    return check_done();
}

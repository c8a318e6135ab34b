/*
 * Instructions across pages, code that loses its page or its execute permission, compressed instructions at the end of a page.
 */
#include "check.h"

#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

static sigjmp_buf back;
static uintptr_t fault_pc, fault_addr;
static int fault_sig, fault_code;

static void handler(int sig, siginfo_t *info, void *context)
{
    fault_sig = sig;
    fault_code = info->si_code;
    fault_addr = (uintptr_t)info->si_addr;
    fault_pc = ((ucontext_t *)context)->uc_mcontext.__gregs[REG_PC];
    siglongjmp(back, 1);
}

static char *pages;
enum { RWX = PROT_READ | PROT_WRITE | PROT_EXEC, RX = PROT_READ | PROT_EXEC, PAGE = 4096 };

static char *fresh(void)
{
    if (pages)
        munmap(pages, 3 * PAGE);
    pages = mmap(NULL, 3 * PAGE, RWX, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages;
}

/* Calls p; its result, or -1 after a fault. */
static long run(void *p)
{
    fault_sig = 0;
    if (sigsetjmp(back, 1))
        return -1;
    return ((long (*)(void))p)();
}

static const uint16_t li7 = 0x451d, ret = 0x8082, nop = 0x0001; /* c.li a0, 7; c.ret; c.nop */

int main(void)
{
    struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER};
    const uint32_t addi9 = 0x00900513; /* li a0, 9, 4 bytes */
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
    sigaction(SIGILL, &sa, NULL);

    for (int before = 0; before <= 12; before += 2) { /* `before` bytes of no-ops in front of the crossing instruction */
        char *p = fresh(), *cross = p + PAGE - 2, *start = cross - before;
        for (int i = 0; i < before; i += 2)
            memcpy(start + i, &nop, 2);
        memcpy(cross, &addi9, 4);
        memcpy(cross + 4, &ret, 2);
        __builtin___clear_cache(p, p + 3 * PAGE);
        for (int i = 0; i < 20; i++)
            CHECK(run(start) == 9, "crossing");
        mprotect(p + PAGE, PAGE, PROT_READ);
        for (int i = 0; i < 20; i++) {
            CHECK(run(start) == -1 && fault_sig == SIGSEGV, "second half not executable: signal %d", fault_sig);
            CHECK(fault_pc == (uintptr_t)cross && fault_code == SEGV_ACCERR, "pc %+ld code %d", (long)(fault_pc - (uintptr_t)cross), fault_code);
            CHECK(fault_addr == (uintptr_t)p + PAGE, "address %+ld from the page", (long)(fault_addr - (uintptr_t)p - PAGE));
        }
        mprotect(p + PAGE, PAGE, RX);
        for (int i = 0; i < 20; i++)
            CHECK(run(start) == 9, "executable again");
        munmap(p + PAGE, PAGE);
        for (int i = 0; i < 20; i++) {
            CHECK(run(start) == -1 && fault_sig == SIGSEGV, "second half unmapped: signal %d", fault_sig);
            CHECK(fault_pc == (uintptr_t)cross && fault_code == SEGV_MAPERR, "pc %+ld code %d", (long)(fault_pc - (uintptr_t)cross), fault_code);
            CHECK(fault_addr == (uintptr_t)p + PAGE, "address %+ld from the page", (long)(fault_addr - (uintptr_t)p - PAGE));
        }
        /* another second half appears: c.li... the immediate's upper bits differ */
        CHECK(mmap(p + PAGE, PAGE, RWX, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p + PAGE, "mmap");
        const uint32_t addi25 = 0x01900513;
        memcpy(p + PAGE, (const char *)&addi25 + 2, 2);
        memcpy(p + PAGE + 2, &ret, 2);
        __builtin___clear_cache(p, p + 3 * PAGE);
        for (int i = 0; i < 20; i++)
            CHECK(run(start) == 25, "new second half");
    }

    /* compressed code that ends with its page; the next one cannot be executed */
    char *p = fresh();
    memcpy(p + PAGE - 4, &li7, 2);
    memcpy(p + PAGE - 2, &ret, 2);
    mprotect(p + PAGE, PAGE, PROT_NONE);
    __builtin___clear_cache(p, p + PAGE);
    for (int i = 0; i < 20; i++)
        CHECK(run(p + PAGE - 4) == 7, "end of the page");
    /* code that runs off its page */
    mprotect(p, PAGE, RWX);
    memcpy(p + PAGE - 2, &nop, 2);
    __builtin___clear_cache(p, p + PAGE);
    for (int i = 0; i < 20; i++)
        CHECK(run(p + PAGE - 4) == -1 && fault_sig == SIGSEGV && fault_pc == (uintptr_t)p + PAGE && fault_addr == fault_pc, "off the page: signal %d, pc %+ld",
              fault_sig, (long)(fault_pc - (uintptr_t)p - PAGE));

    /* never mapped, not executable, odd entry */
    CHECK(run((void *)16) == -1 && fault_sig == SIGSEGV && fault_pc == 16 && fault_addr == 16, "null page");
    p = fresh();
    memcpy(p, &li7, 2);
    memcpy(p + 2, &ret, 2);
    mprotect(p, PAGE, PROT_READ | PROT_WRITE);
    for (int i = 0; i < 20; i++)
        CHECK(run(p) == -1 && fault_sig == SIGSEGV && fault_code == SEGV_ACCERR && fault_pc == (uintptr_t)p, "data page");
    mprotect(p, PAGE, RX);
    for (int i = 0; i < 20; i++)
        CHECK(run(p + 1) == 7, "jalr drops bit 0");
    return check_done();
}

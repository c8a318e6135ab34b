/*
 * A store that straddles a page whose successor is not writable must change nothing (the interpreter stored 2 bytes one by one).
 */
#include "check.h"

#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

static sigjmp_buf back;
static uintptr_t fault;

static void handler(int sig, siginfo_t *info, void *uc)
{
    (void)sig, (void)uc;
    fault = (uintptr_t)info->si_addr;
    siglongjmp(back, 1);
}

static void store(char *p, unsigned bytes)
{
    if (bytes == 2)
        __asm__ volatile("sh %0, 0(%1)" ::"r"(0x1122), "r"(p) : "memory");
    else if (bytes == 4)
        __asm__ volatile("sw %0, 0(%1)" ::"r"(0x11223344), "r"(p) : "memory");
    else
        __asm__ volatile("sd %0, 0(%1)" ::"r"(0x1122334455667788), "r"(p) : "memory");
}

int main(void)
{
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSEGV, &sa, NULL);
    mprotect(p + 4096, 4096, PROT_READ);
    for (int round = 0; round < 40; round++)
        for (unsigned bytes = 2; bytes <= 8; bytes *= 2)
            for (unsigned before = 1; before < bytes; before++) {
                static const char zero[16];
                if (!sigsetjmp(back, 1)) {
                    store(p + 4096 - before, bytes);
                    CHECK(0, "no fault: %u bytes, %u before the page", bytes, before);
                }
                CHECK(!memcmp(p + 4080, zero, 16), "%u bytes, %u of them before the page: stored in part", bytes, before);
                CHECK(fault >= (uintptr_t)p + 4096 - before && fault < (uintptr_t)p + 4104, "fault address %#lx", (long)fault);
            }
    return check_done();
}

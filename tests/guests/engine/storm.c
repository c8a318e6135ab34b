/*
 * Timer signals every 50 us while code holds known values in every register: neither the code nor a handler that looks at the
 * interrupted registers may see anything else.  Loops of one block, of several, and with calls, indirect jumps and bails.
 * modes: default interp hot tiny regs cache check
 */
#include "check.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <ucontext.h>

/* x10 counts down, x11 up, x1, x5, x6 and x7 are used in the loops; the others hold pattern(r). */
static struct { uint64_t x[32], f[32], saved[16]; } state __attribute__((aligned(16)));
static volatile long ticks, inside, wrong;
static volatile unsigned wrong_reg;

#define LOAD_ALL                                                                                                                       \
    "mv x31, a0\n"                                                                                                                     \
    "sd sp, 512(x31); sd gp, 520(x31); sd tp, 528(x31); sd ra, 536(x31); sd s0, 544(x31); sd s1, 552(x31)\n"                         \
    "sd s2, 560(x31); sd s3, 568(x31); sd s4, 576(x31); sd s5, 584(x31); sd s6, 592(x31); sd s7, 600(x31)\n"                         \
    "sd s8, 608(x31); sd s9, 616(x31); sd s10, 624(x31); sd s11, 632(x31)\n"                                                          \
    ".irp r,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n fld f\\r, 256+8*\\r(x31)\n .endr\n" \
    ".irp r,1,2,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30\n ld x\\r, 8*\\r(x31)\n .endr\n 77:\n"
#define STORE_ALL                                                                                                                      \
    "78: .pushsection loops, \"a\"\n .dword 77b, 78b\n .popsection\n"                                                                  \
    ".irp r,1,2,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30\n sd x\\r, 8*\\r(x31)\n .endr\n"              \
    ".irp r,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n fsd f\\r, 256+8*\\r(x31)\n .endr\n" \
    "ld sp, 512(x31); ld gp, 520(x31); ld tp, 528(x31); ld ra, 536(x31); ld s0, 544(x31); ld s1, 552(x31)\n"                         \
    "ld s2, 560(x31); ld s3, 568(x31); ld s4, 576(x31); ld s5, 584(x31); ld s6, 592(x31); ld s7, 600(x31)\n"                         \
    "ld s8, 608(x31); ld s9, 616(x31); ld s10, 624(x31); ld s11, 632(x31)\n ret\n"

typedef void loop_fn(void *state);
loop_fn one_block, branches, calls, indirect, slow;
extern const struct { uintptr_t start, end; } __start_loops[], __stop_loops[]; /* from the first to behind the last instruction of each loop */
__asm__(".text\n.option push\n.option norelax\n"
        "one_block:" LOAD_ALL "1: addi x10, x10, -1\n addi x11, x11, 1\n bnez x10, 1b\n" STORE_ALL
        "branches:" LOAD_ALL "1: andi x6, x10, 1\n beqz x6, 2f\n xori x6, x6, 1\n beqz x6, 3f\n 2: addi x6, x6, 0\n 3: addi x10, x10, -1\n addi x11, x11, 1\n"
        "li x6, 0\n bnez x10, 1b\n" STORE_ALL
        "calls:" LOAD_ALL "1: jal x1, 2f\n jal x5, 3f\n addi x10, x10, -1\n addi x11, x11, 1\n li x1, 0\n li x5, 0\n bnez x10, 1b\n" STORE_ALL "2: ret\n 3: jr x5\n"
        "indirect:" LOAD_ALL "1: la x6, 2f\n andi x7, x10, 1\n slli x7, x7, 3\n add x6, x6, x7\n jr x6\n .balign 8\n 2: addi x10, x10, -1\n j 3f\n"
        ".balign 8\n addi x10, x10, -1\n j 3f\n 3: addi x11, x11, 1\n li x6, 0\n li x7, 0\n bnez x10, 1b\n" STORE_ALL
        "slow:" LOAD_ALL "1: csrr x6, instret\n fmadd.d f1, f2, f3, f4\n fence.i\n frflags x6\n li x6, 0\n addi x10, x10, -1\n addi x11, x11, 1\n bnez x10, 1b\n" STORE_ALL
        ".option pop\n");

static uint64_t pattern(unsigned r)
{
    return r * UINT64_C(0x0123456789abcdef) + 1;
}

void handler_entry(int sig, siginfo_t *info, void *context);
__asm__("handler_entry: .option push\n.option norelax\n la gp, __global_pointer$\n .option pop\n j handler\n");

__attribute__((used)) static void handler(int sig, siginfo_t *info, void *context)
{
    (void)sig, (void)info;
    ucontext_t *uc = context;
    const uint64_t *x = (uint64_t *)uc->uc_mcontext.__gregs, *f = (uint64_t *)uc->uc_mcontext.__fpregs.__d.__f;
    ticks++;
    bool in = false;
    for (size_t i = 0; i < (size_t)(__stop_loops - __start_loops); i++)
        in |= x[0] >= __start_loops[i].start && x[0] < __start_loops[i].end;
    if (!in)
        return;
    inside++;
    for (unsigned r = 14; r < 31; r++)
        if (x[r] != pattern(r)) {
            wrong++;
            wrong_reg = r;
        }
    for (unsigned r = 2; r < 32; r++)
        if (f[r] != pattern(r)) {
            wrong++;
            wrong_reg = 32 + r;
        }
    __asm__ volatile("fcvt.d.l f0, %0\n fdiv.d f2, f0, f0\n fadd.d f5, f2, f0\n fcvt.w.d zero, f5\n fscsr zero" ::"r"(ticks) : "f0", "f2", "f5");
}

static void run(const char *name, loop_fn *loop, uint64_t n, int which, int sig)
{
    struct itimerval it = {{0, 50}, {0, 50}}, off = {{0, 0}, {0, 0}};
    struct sigaction sa = {.sa_sigaction = (void (*)(int, siginfo_t *, void *))handler_entry, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    sigaction(sig, &sa, NULL);
    for (unsigned r = 0; r < 32; r++) {
        state.x[r] = pattern(r);
        state.f[r] = pattern(r);
    }
    state.x[1] = state.x[5] = state.x[6] = state.x[7] = 0;
    state.x[10] = n;
    state.x[11] = 0;
    inside = wrong = 0;
    setitimer(which, &it, NULL);
    loop(&state);
    setitimer(which, &off, NULL);
    CHECK(wrong == 0, "%s: a handler saw another value in register %u", name, wrong_reg);
    CHECK(state.x[10] == 0 && state.x[11] == n, "%s: %lu left, %lu done of %lu", name, (long)state.x[10], (long)state.x[11], (long)n);
    for (unsigned r = 8; r < 31; r++)
        CHECK(r == 10 || r == 11 || state.x[r] == pattern(r), "%s: x%u changed to %#lx", name, r, (long)state.x[r]);
    for (unsigned r = 2; r < 32; r++)
        CHECK(state.f[r] == pattern(r), "%s: f%u changed to %#lx", name, r, (long)state.f[r]);
}

int main(void)
{
    static char alt[65536];
    stack_t ss = {.ss_sp = alt, .ss_size = sizeof alt};
    sigaltstack(&ss, NULL);
    for (int k = 0; k < 2; k++) {
        int which = k ? ITIMER_PROF : ITIMER_REAL, sig = k ? SIGPROF : SIGALRM;
        run("one block", one_block, 1000000, which, sig);
        run("branches", branches, 300000, which, sig);
        run("calls", calls, 200000, which, sig);
        run("indirect", indirect, 200000, which, sig);
        run("slow", slow, 20000, which, sig);
    }
    CHECK(ticks > 100, "%ld signals", ticks);
    return check_done();
}

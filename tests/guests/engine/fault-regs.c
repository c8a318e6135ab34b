/*
 * A fault at each position of a block: the handler must see exactly the registers from before the faulting instruction.
 * Code is generated: instructions with known effects, one that faults among them; a model computes what they do.
 */
#include "check.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { LEN = 20, ROUNDS = 16, SCRATCH = 31, POINTER = 30 /* the faulting access goes through x30 */ };

static struct { uint64_t x[32], f[32], saved[16]; } state __attribute__((aligned(16)));
static uint64_t want_x[32], want_f[32];
static uintptr_t want_pc, want_addr;
static int want_sig, seen;

/* Loads x1..x30 and f0..f31 from state (x31 points to it), jumps to a0; code comes back to enter_done by the handler. */
void enter(uint64_t *state, void *code);
extern char enter_done[];
__asm__(".text\n.balign 4\n.globl enter, enter_done\n"
        "enter: mv x31, a0\n"
        "sd sp, 512(x31); sd gp, 520(x31); sd tp, 528(x31); sd ra, 536(x31); sd s0, 544(x31); sd s1, 552(x31)\n"
        "sd s2, 560(x31); sd s3, 568(x31); sd s4, 576(x31); sd s5, 584(x31); sd s6, 592(x31); sd s7, 600(x31)\n"
        "sd s8, 608(x31); sd s9, 616(x31); sd s10, 624(x31); sd s11, 632(x31)\n"
        ".irp r,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n fld f\\r, 256+8*\\r(x31)\n .endr\n"
        "sd a1, 0(x31)\n"
        ".irp r,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30\n ld x\\r, 8*\\r(x31)\n .endr\n"
        "ld x31, 0(x31)\n jr x31\n"
        "enter_done:\n"
        "ld sp, 512(x31); ld gp, 520(x31); ld tp, 528(x31); ld ra, 536(x31); ld s0, 544(x31); ld s1, 552(x31)\n"
        "ld s2, 560(x31); ld s3, 568(x31); ld s4, 576(x31); ld s5, 584(x31); ld s6, 592(x31); ld s7, 600(x31)\n"
        "ld s8, 608(x31); ld s9, 616(x31); ld s10, 624(x31); ld s11, 632(x31)\n ret\n");

/* The global pointer is one of the registers under test. */
void handler_entry(int sig, siginfo_t *info, void *context);
__asm__("handler_entry: .option push\n.option norelax\n la gp, __global_pointer$\n .option pop\n j handler\n");

/* No calls here: the thread pointer is not ours until enter_done. */
__attribute__((used)) static void handler(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    int bad = 0;
    uint64_t *x = (uint64_t *)uc->uc_mcontext.__gregs, *f = (uint64_t *)uc->uc_mcontext.__fpregs.__d.__f;
    bad |= sig != want_sig ? 1 : 0;
    bad |= x[0] != want_pc ? 2 : 0;
    bad |= want_addr != 1 && (uintptr_t)info->si_addr != want_addr ? 4 : 0;
    for (int r = 1; r < 31; r++)
        bad |= x[r] != want_x[r] ? 8 << 8 | r << 16 : 0;
    for (int r = 0; r < 32; r++)
        bad |= f[r] != want_f[r] ? 16 << 8 | r << 16 : 0;
    seen = bad ? bad : -1;
    x[31] = (uint64_t)&state;
    x[0] = (uint64_t)enter_done;
}

static unsigned long long rnd = 42;

static unsigned below(unsigned n)
{
    return (unsigned)(check_random(&rnd) % n);
}

/* One harmless instruction and its effect on the model; returns its length. */
static unsigned harmless(uint8_t *p, uint64_t *x, uint64_t *f)
{
    unsigned d = 1 + below(29), a = 1 + below(29), b = 1 + below(29);
    int imm = (int)below(4096) - 2048;
    uint32_t w = 0;
    switch (below(8)) {
    case 0: w = (uint32_t)imm << 20 | a << 15 | d << 7 | 0x13; x[d] = x[a] + (uint64_t)(int64_t)imm; break;              /* addi */
    case 1: w = b << 20 | a << 15 | d << 7 | 0x33; x[d] = x[a] + x[b]; break;                                            /* add */
    case 2: w = 0x40000000 | b << 20 | a << 15 | d << 7 | 0x33; x[d] = x[a] - x[b]; break;                               /* sub */
    case 3: w = (uint32_t)imm << 20 | a << 15 | 4 << 12 | d << 7 | 0x13; x[d] = x[a] ^ (uint64_t)(int64_t)imm; break;    /* xori */
    case 4: w = 1 << 25 | b << 20 | a << 15 | d << 7 | 0x33; x[d] = x[a] * x[b]; break;                                  /* mul */
    case 5: w = b << 20 | a << 15 | 3 << 12 | d << 7 | 0x33; x[d] = x[a] < x[b]; break;                                  /* sltu */
    case 6: w = 0x22000053 | b << 20 | a << 15 | 1 << 12 | d << 7; f[d] = (f[a] & ~(1ull << 63)) | (~f[b] & 1ull << 63); break; /* fsgnjn.d */
    default: /* c.addi */
        imm = (int)below(31) + 1;
        w = 1 | d << 7 | (uint32_t)imm << 2;
        x[d] += (uint64_t)imm;
        memcpy(p, &w, 2);
        return 2;
    }
    memcpy(p, &w, 4);
    return 4;
}

struct trap {
    const char *name;
    uint32_t word;
    int sig, where; /* 0: unmapped, 1: read-only page, 2: at the pc, 3: any address */
};

/* rd is x5 or f5, rs2 x6 or f6, rs1 x30 */
static const struct trap traps[] = {
    {"ld", 0x000f3283, SIGSEGV, 0},     {"ld x30", 0x000f3f03, SIGSEGV, 0}, {"lb", 0x000f0283, SIGSEGV, 0},   {"lw x0", 0x000f2003, SIGSEGV, 0},
    {"sd", 0x006f3023, SIGSEGV, 0},     {"sb ro", 0x006f0023, SIGSEGV, 1},  {"fld", 0x000f3287, SIGSEGV, 0},  {"flw", 0x000f2287, SIGSEGV, 0},
    {"fsd ro", 0x006f3027, SIGSEGV, 1}, {"lr.d", 0x100f32af, SIGSEGV, 0},   {"amoadd.d ro", 0x006f32af, SIGSEGV, 1},
    {"amoswap.w x30", 0x086f2f2f, SIGSEGV, 0}, {"illegal", 0x0000006b, SIGILL, 2}, {"ebreak", 0x00100073, SIGTRAP, 2},
    {"csrr mstatus", 0x300022f3, SIGILL, 2}, {"amocas.q x6", 0x288f432f, SIGSEGV, 0}, {"amocas.q x6 ro", 0x288f432f, SIGSEGV, 1},
};

int main(void)
{
    uint8_t *code = mmap(NULL, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *pages = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    static char alt[65536];
    stack_t ss = {.ss_sp = alt, .ss_size = sizeof alt};
    struct sigaction sa = {.sa_sigaction = handler_entry, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    const int sigs[] = {SIGSEGV, SIGILL, SIGTRAP, SIGBUS};
    munmap(pages + 4096, 4096);
    sigaltstack(&ss, NULL);
    for (int i = 0; i < 4; i++)
        sigaction(sigs[i], &sa, NULL);
    for (size_t t = 0; t < sizeof traps / sizeof *traps; t++)
        for (int at = 0; at < LEN; at++) {
            uint64_t init_x[32], init_f[32];
            uint8_t *p = code;
            for (int r = 0; r < 32; r++) {
                init_x[r] = check_random(&rnd);
                init_f[r] = check_random(&rnd);
            }
            uint64_t target = (uint64_t)pages + (traps[t].where == 1 ? 256 : 4096 + 64);
            init_x[POINTER] = target;
            memcpy(want_x, init_x, sizeof want_x);
            memcpy(want_f, init_f, sizeof want_f);
            for (int i = 0; i < at; i++)
                p += harmless(p, want_x, want_f);
            want_pc = (uintptr_t)p;
            want_addr = traps[t].where == 2 ? 1 : target;
            want_sig = traps[t].sig;
            memcpy(p, &traps[t].word, 4);
            p += 4;
            uint64_t ignored_x[32] = {0}, ignored_f[32] = {0};
            for (int i = 0; i < 4; i++)
                p += harmless(p, ignored_x, ignored_f);
            memcpy(p, &(uint32_t){0x0000006f}, 4); /* j . */
            __builtin___clear_cache((char *)code, (char *)p + 4);
            for (int round = 0; round < ROUNDS; round++) {
                memcpy(state.x, init_x, sizeof init_x);
                memcpy(state.f, init_f, sizeof init_f);
                seen = 0;
                enter(state.x, code);
                CHECK(seen == -1, "%s after %d instructions, round %d: mask %#x", traps[t].name, at, round, seen);
            }
        }
    return check_done();
}

/*
 * Short functions that a loop calls through pointers, which a region may take in behind a test: a pointer in a register, one in a table like that of a linkage
 * table's stub, one in the link register itself, a jump at a function's end; code far away; a function that faults.  Now and then each pointer leads
 * elsewhere, for one call or for good.  A model in C says what comes out, and the handler of the faults what the registers are.
 */
#include "faulting-loop.h"

#include <string.h>
#include <sys/mman.h>

/* h after so many rounds, each calling to[0] ... to[4]; to[5] is where the jump at the end of a function leads, and in one of 512 rounds the first call. */
uint64_t run(uint64_t rounds, const uint64_t *words, uint64_t volatile *to);
extern char times3[], plus7[], turn[], mixes[], tail[], far_start[], far_end[], reads[], slot[];
__asm__(".text\n.balign 4\n.option push\n.option norvc\n.globl run, times3, plus7, turn, mixes, tail, far_start, far_end, fault_at, fault_back, reads, slot\n"
        "run: addi sp, sp, -64\n sd ra, 0(sp)\n sd s0, 8(sp)\n sd s1, 16(sp)\n sd s2, 24(sp)\n sd s3, 32(sp)\n sd s4, 40(sp)\n"
        " mv s0, a0\n li s1, 0\n li s2, 1\n mv s3, a1\n mv s4, a2\n"
        "1: ld a5, 0(s4)\n andi a6, s1, 511\n addi a6, a6, -300\n bnez a6, 5f\n ld a5, 40(s4)\n"
        "5: mv a0, s2\n jalr ra, 0(a5)\n mv s2, a0\n"
        " ld a5, 8(s4)\n sd a5, slot, t0\n mv a0, s2\n jal ra, stub\n mv s2, a0\n"
        " mv a0, s2\n ld ra, 16(s4)\n jalr ra, 0(ra)\n mv s2, a0\n"
        " ld t0, 24(s4)\n mv a0, s2\n jalr t0, 0(t0)\n mv s2, a0\n"
        " andi a1, s1, 63\n slli a1, a1, 3\n add a1, a1, s3\n andi a0, s1, 255\n addi a0, a0, -77\n bnez a0, 4f\n li a1, 16\n"
        "4: ld a5, 32(s4)\n jalr ra, 0(a5)\n"
        "fault_back: add s2, s2, a0\n"
        " addi s1, s1, 1\n bne s1, s0, 1b\n"
        " mv a0, s2\n ld ra, 0(sp)\n ld s0, 8(sp)\n ld s1, 16(sp)\n ld s2, 24(sp)\n ld s3, 32(sp)\n ld s4, 40(sp)\n addi sp, sp, 64\n ret\n"
        "stub: 1: auipc t3, %pcrel_hi(slot)\n ld t3, %pcrel_lo(1b)(t3)\n jalr t1, 0(t3)\n nop\n"
        "times3: slli a1, a0, 1\n add a0, a0, a1\n ret\n"
        "plus7: addi a0, a0, 7\n ret\n"
        "turn: srli a1, a0, 11\n slli a0, a0, 53\n or a0, a0, a1\n ret\n"
        "mixes: srli a1, a0, 29\n xor a0, a0, a1\n jr t0\n" /* called through t0 */
        "tail: addi a0, a0, 1\n ld a5, 40(s4)\n jr a5\n"
        "reads: addi a2, a1, 1\n"
        "fault_at: ld a0, 0(a1)\n ret\n"
        ".balign 4\nfar_start: not a0, a0\n ret\nfar_end:\n"
        ".data\n.balign 8\nslot: .dword 0\n.text\n.option pop\n");

static volatile uint64_t to[6];
static uint64_t far_code;

/* The functions, by what they do to x; times3 ... far. */
enum fn { TIMES3, PLUS7, TURN, TAIL, FAR, MIXES, READS, FNS };
static uint64_t address(enum fn fn)
{
    char *const at[FNS] = {times3, plus7, turn, tail, NULL, mixes, reads};
    return fn == FAR ? far_code : (uint64_t)(uintptr_t)at[fn];
}

static uint64_t apply(enum fn fn, enum fn last, uint64_t x)
{
    switch (fn) {
    case TIMES3: return 3 * x;
    case PLUS7: return x + 7;
    case TURN: return x >> 11 | x << 53;
    case TAIL: return apply(last, TIMES3, x + 1);
    case FAR: return ~x;
    default: return x ^ x >> 29;
    }
}

static enum fn called[6];

/* The pointers of run k. */
static void point(unsigned k)
{
    static const enum fn plain[] = {TIMES3, PLUS7, TURN, FAR, TAIL};
    static const enum fn ends[] = {TIMES3, PLUS7, TURN, FAR};
    called[0] = plain[k / 3 % 5];
    called[1] = plain[(k / 2 + 1) % 5];
    called[2] = plain[k / 5 % 5];
    called[3] = MIXES;
    called[4] = READS;
    called[5] = ends[k / 4 % 4];
    for (unsigned i = 0; i < 6; i++)
        to[i] = address(called[i]);
}

static bool others_right(const uint64_t *x)
{
    return x[15] == (uintptr_t)reads;
}

static uint64_t model(void)
{
    uint64_t h = 1;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        for (unsigned c = 0; c < 4; c++)
            h = apply(called[c || (i & 511) != 300 ? c : 5], called[5], h);
        h += loaded(i);
    }
    return h;
}

int main(void)
{
    char *far_page = mmap((void *)UINT64_C(0x2000000000), 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(far_page != MAP_FAILED, "mmap");
    memcpy(far_page, far_start, (size_t)(far_end - far_start));
    CHECK(!mprotect(far_page, 4096, PROT_READ | PROT_EXEC), "mprotect");
    __builtin___clear_cache(far_page, far_page + 4096);
    far_code = (uint64_t)(uintptr_t)far_page;
    expect_faults();
    for (unsigned k = 0; k < RUNS; k++) {
        point(k);
        uint64_t got = run(ROUNDS, words, to), want = model();
        CHECK(got == want, "run %u: %llx instead of %llx", k, (unsigned long long)got, (unsigned long long)want);
    }
    check_faults();
    return check_done();
}

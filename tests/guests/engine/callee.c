/*
 * Short functions that a loop calls, which a region may take in: with several returns, through another link register, with a loop inside, one that
 * calls others, one that returns elsewhere at times, one whose return address comes from before its call, one that faults, one that changes; under
 * timer signals.
 * A model in C says what comes out, and the handler of the faults what the registers are.
 */
#include "faulting-loop.h"

#include <string.h>
#include <sys/mman.h>

/* h after so many rounds; `words` has 64 of them. */
uint64_t run(uint64_t rounds, const uint64_t *words);
extern char changing[];
__asm__(".text\n.balign 4\n.option push\n.option norvc\n.globl run, fault_at, fault_back, changing\n"
        "run: addi sp, sp, -48\n sd ra, 0(sp)\n sd s0, 8(sp)\n sd s1, 16(sp)\n sd s2, 24(sp)\n sd s3, 32(sp)\n"
        " mv s0, a0\n li s1, 0\n li s2, 1\n mv s3, a1\n"
        "1: mv a0, s2\n mv a1, s1\n jal ra, two_returns\n mv s2, a0\n"
        " mv a0, s1\n jal t0, other_link\n xor s2, s2, a0\n"
        " mv a0, s1\n jal ra, nests\n add s2, s2, a0\n"
        " mv a0, s1\n jal ra, skips\n addi s2, s2, 3\n addi s2, s2, 5\n"
        " mv a0, s1\n jal ra, loops\n add s2, s2, a0\n"
        " la ra, 2f\n andi a0, s1, 16\n bnez a0, 3f\n la ra, 8f\n"
        "3: jal t0, goes_to_ra\n addi s2, s2, 7\n"
        "8: addi s2, s2, 9\n"
        "2: andi a1, s1, 63\n slli a1, a1, 3\n add a1, a1, s3\n andi a0, s1, 255\n addi a0, a0, -77\n bnez a0, 4f\n li a1, 16\n"
        "4: jal ra, reads\n"
        "fault_back: add s2, s2, a0\n"
        " mv a0, s2\n jal ra, changing\n mv s2, a0\n"
        " addi s1, s1, 1\n bne s1, s0, 1b\n"
        " mv a0, s2\n ld ra, 0(sp)\n ld s0, 8(sp)\n ld s1, 16(sp)\n ld s2, 24(sp)\n ld s3, 32(sp)\n addi sp, sp, 48\n ret\n"
        "two_returns: and a2, a0, a1\n andi a2, a2, 1\n beqz a2, 5f\n slli a2, a0, 5\n sub a0, a2, a0\n ret\n"
        "5: slli a2, a0, 3\n add a0, a0, a2\n xor a0, a0, a1\n ret\n"
        "nests: addi sp, sp, -16\n sd ra, 0(sp)\n jal ra, inner\n jal t0, other_link\n jal ra, skips_inner\n addi a0, a0, 2\n addi a0, a0, 1\n"
        " jal ra, plain\n ld ra, 0(sp)\n addi sp, sp, 16\n ret\n"
        "plain: addi sp, sp, -16\n sd ra, 8(sp)\n jal ra, leaf\n addi a0, a0, 3\n ld ra, 8(sp)\n addi sp, sp, 16\n ret\n"
        "inner: mv a3, ra\n jal ra, leaf\n addi a0, a0, 3\n jr a3\n"
        "leaf: slli a0, a0, 1\n addi a0, a0, 1\n ret\n"
        "skips_inner: andi a1, a0, 7\n bnez a1, 9f\n addi ra, ra, 4\n"
        "9: ret\n"
        "other_link: srli a1, a0, 2\n add a0, a0, a1\n jr t0\n"
        "skips: andi a0, a0, 7\n bnez a0, 6f\n ld a1, 0(sp)\n addi ra, ra, 4\n"
        "6: ret\n"
        "loops: andi a1, a0, 3\n addi a1, a1, 1\n li a0, 0\n"
        "7: add a0, a0, a1\n addi a1, a1, -1\n bnez a1, 7b\n ret\n"
        "goes_to_ra: addi s2, s2, 1\n ret\n"
        "reads: addi a2, a1, 1\n"
        "fault_at: ld a0, 0(a1)\n ret\n"
        ".balign 4096\n"
        "changing: addi a0, a0, 1\n ret\n"
        ".balign 4096\n.option pop\n");

static bool others_right(const uint64_t *x)
{
    (void)x;
    return true;
}

static uint64_t model(uint64_t add)
{
    uint64_t h = 1;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        h = h & i & 1 ? 31 * h : (9 * h) ^ i;
        h ^= i + (i >> 2);
        uint64_t nested = 2 * i + 4;
        nested += nested >> 2;
        nested += nested & 7 ? 3 : 1;
        h += 2 * nested + 4;
        h += i & 7 ? 8 : 5;
        uint64_t n = (i & 3) + 1;
        h += n * (n + 1) / 2;
        h += i & 16 ? 1 : 10;
        h += loaded(i);
        h += add;
    }
    return h;
}

/* addi a0, a0, add */
static void change(unsigned add)
{
    uint32_t insn = 0x00050513u | add << 20;
    CHECK(!mprotect(changing, 4096, PROT_READ | PROT_WRITE), "mprotect");
    memcpy(changing, &insn, sizeof insn);
    CHECK(!mprotect(changing, 4096, PROT_READ | PROT_EXEC), "mprotect");
    __builtin___clear_cache(changing, changing + 4);
}

int main(void)
{
    expect_faults();
    for (unsigned k = 1; k <= RUNS; k++) {
        if (k % 4 == 1)
            change(k);
        uint64_t got = run(ROUNDS, words), want = model(k - (k - 1) % 4);
        CHECK(got == want, "run %u: %llx instead of %llx", k, (unsigned long long)got, (unsigned long long)want);
    }
    check_faults();
    return check_done();
}

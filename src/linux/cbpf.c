/*
 * Classic BPF: the check of a seccomp filter and its interpreter.
 *
 * The rules are those of seccomp_check_filter (kernel/seccomp.c) and bpf_check_classic (net/core/filter.c) of Linux 6.12.
 * A checked program only jumps forward and ends with a return, so cbpf_run terminates and needs no bounds checks.
 */
#include "linux/cbpf.h"

#include <string.h>

#define MEM_WORDS 16 /* BPF_MEMWORDS */

/* The instructions a filter may use; the kernel lists the same. */
static bool is_known(uint16_t code)
{
    switch (code) {
    case BPF_LD | BPF_W | BPF_ABS:
    case BPF_LD | BPF_W | BPF_LEN:
    case BPF_LDX | BPF_W | BPF_LEN:
    case BPF_LD | BPF_IMM:
    case BPF_LDX | BPF_IMM:
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX:
    case BPF_RET | BPF_K:
    case BPF_RET | BPF_A:
    case BPF_MISC | BPF_TAX:
    case BPF_MISC | BPF_TXA:
    case BPF_ALU | BPF_NEG:
    case BPF_JMP | BPF_JA:
        return true;
    default:
        break;
    }
    uint16_t op = code & ~(uint16_t)BPF_X;
    switch (op) {
    case BPF_ALU | BPF_ADD:
    case BPF_ALU | BPF_SUB:
    case BPF_ALU | BPF_MUL:
    case BPF_ALU | BPF_DIV:
    case BPF_ALU | BPF_AND:
    case BPF_ALU | BPF_OR:
    case BPF_ALU | BPF_XOR:
    case BPF_ALU | BPF_LSH:
    case BPF_ALU | BPF_RSH:
    case BPF_JMP | BPF_JEQ:
    case BPF_JMP | BPF_JGE:
    case BPF_JMP | BPF_JGT:
    case BPF_JMP | BPF_JSET:
        return true;
    default:
        return false;
    }
}

/* The operands of the instruction at `at`, of n. */
static bool operands_ok(const struct sock_filter *i, unsigned at, unsigned n)
{
    switch (i->code) {
    case BPF_LD | BPF_W | BPF_ABS:
        return i->k < CBPF_DATA_WORDS * 4 && !(i->k & 3);
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX:
        return i->k < MEM_WORDS;
    case BPF_ALU | BPF_DIV | BPF_K:
        return i->k != 0;
    case BPF_ALU | BPF_LSH | BPF_K:
    case BPF_ALU | BPF_RSH | BPF_K:
        return i->k < 32;
    case BPF_JMP | BPF_JA:
        return i->k < n - at - 1;
    default:
        return BPF_CLASS(i->code) != BPF_JMP || (at + i->jt + 1 < n && at + i->jf + 1 < n);
    }
}

/* No path reads a scratch word that it has not written.  Jumps only go forward, so one pass is enough. */
static bool scratch_ok(const struct sock_filter *prog, unsigned n)
{
    uint16_t at_entry[CBPF_INSNS_MAX], valid = 0;
    memset(at_entry, 0xff, sizeof at_entry);
    for (unsigned at = 0; at < n; at++) {
        const struct sock_filter *i = &prog[at];
        valid &= at_entry[at];
        switch (i->code) {
        case BPF_ST:
        case BPF_STX:
            valid |= (uint16_t)(1u << i->k);
            continue;
        case BPF_LD | BPF_MEM:
        case BPF_LDX | BPF_MEM:
            if (!(valid >> i->k & 1))
                return false;
            continue;
        case BPF_JMP | BPF_JA:
            at_entry[at + 1 + i->k] &= valid;
            valid = 0xffff;
            continue;
        default:
            break;
        }
        if (BPF_CLASS(i->code) == BPF_JMP) {
            at_entry[at + 1 + i->jt] &= valid;
            at_entry[at + 1 + i->jf] &= valid;
            valid = 0xffff;
        }
    }
    return true;
}

bool cbpf_check(const struct sock_filter *prog, unsigned n)
{
    if (!n || n > CBPF_INSNS_MAX)
        return false;
    for (unsigned at = 0; at < n; at++)
        if (!is_known(prog[at].code) || !operands_ok(&prog[at], at, n))
            return false;
    return BPF_CLASS(prog[n - 1].code) == BPF_RET && scratch_ok(prog, n);
}

static bool jumps(uint16_t op, uint32_t a, uint32_t b)
{
    switch (op) {
    case BPF_JEQ:
        return a == b;
    case BPF_JGT:
        return a > b;
    case BPF_JGE:
        return a >= b;
    default: /* BPF_JSET */
        return a & b;
    }
}

/* a op b; a division by zero ends the program, which the caller has tested. */
static uint32_t compute(uint16_t op, uint32_t a, uint32_t b)
{
    switch (op) {
    case BPF_ADD:
        return a + b;
    case BPF_SUB:
        return a - b;
    case BPF_MUL:
        return a * b;
    case BPF_DIV:
        return a / b;
    case BPF_AND:
        return a & b;
    case BPF_OR:
        return a | b;
    case BPF_XOR:
        return a ^ b;
    case BPF_LSH:
        return a << (b & 31);
    case BPF_RSH:
        return a >> (b & 31);
    default: /* BPF_NEG */
        return -a;
    }
}

uint32_t cbpf_run(const struct sock_filter *prog, const uint32_t data[CBPF_DATA_WORDS])
{
    uint32_t a = 0, x = 0, mem[MEM_WORDS];
    for (const struct sock_filter *i = prog;; i++) {
        uint32_t b = BPF_SRC(i->code) == BPF_X ? x : i->k, value = i->k;
        switch (BPF_CLASS(i->code)) {
        case BPF_LD:
        case BPF_LDX:
            if (BPF_MODE(i->code) == BPF_ABS)
                value = data[i->k / 4];
            else if (BPF_MODE(i->code) == BPF_MEM)
                value = mem[i->k];
            else if (BPF_MODE(i->code) == BPF_LEN)
                value = CBPF_DATA_WORDS * 4;
            if (BPF_CLASS(i->code) == BPF_LD)
                a = value;
            else
                x = value;
            break;
        case BPF_ST:
            mem[i->k] = a;
            break;
        case BPF_STX:
            mem[i->k] = x;
            break;
        case BPF_ALU:
            if (BPF_OP(i->code) == BPF_DIV && !b)
                return 0;
            a = compute(BPF_OP(i->code), a, b);
            break;
        case BPF_JMP:
            if (BPF_OP(i->code) == BPF_JA)
                i += i->k;
            else
                i += jumps(BPF_OP(i->code), a, b) ? i->jt : i->jf;
            break;
        case BPF_RET:
            return BPF_RVAL(i->code) == BPF_A ? a : i->k;
        default: /* BPF_MISC */
            if (BPF_MISCOP(i->code) == BPF_TAX)
                x = a;
            else
                a = x;
            break;
        }
    }
}

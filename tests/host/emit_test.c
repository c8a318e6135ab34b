/*
 * Emitted code against the evaluator: random single-block functions over slots and a small memory, executed both ways.
 * Every op that the host can lower takes part; pins, memory slots, spills, folding and cold paths are all hit by
 * keeping few slots and many values alive.  Arguments: [count [seed]].
 */
#include <string.h>
#include <sys/mman.h>

#include "check.h"
#include "host/x64/em.h"
#include "host/code.h"

#define NSLOT 32
#define MEM_BYTES 256

static struct ir_slot slot_table[CPU_SLOTS];
static struct ir_slots slots = {.guest = "test", .slot = slot_table, .count = 65};
static unsigned char *mem;
static unsigned long long seed;

static unsigned rnd(unsigned n)
{
    return (unsigned)(check_random(&seed) % n);
}

static const uint64_t corner[] = {CPU_NO_RETURN, CPU_NO_RETURN + 1, 0, 1, 2, 3, 7, 8, 31, 32, 63, 64, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
                                  0x7fffffffffffffff, 0x8000000000000000, UINT64_MAX, UINT64_MAX - 1, 0xffffffff80000000, 0x123456789abcdef0, 0xaaaaaaaa55555555};
static const uint64_t fcorner[] = {0, 0x8000000000000000, 0x3ff0000000000000, 0xbff8000000000000, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000001, 0x7ff0000000000001,
                                   1, 0x000fffffffffffff, 0x7fefffffffffffff, 0x41dfffffffc00000, 0x41e0000000000000, 0xc1e0000000000000, 0x43e0000000000000, 0x43f0000000000000,
                                   0xc3e0000000000000, 0x41f0000000000000, 0x3fe0000000000000, 0xbfe0000000000000, 0x4059123456789abc, 0xffffffff3f800000, 0xffffffff00000000,
                                   0xffffffff80000000, 0xffffffff7f800000, 0xffffffff7fc00001, 0xffffffff7f800001, 0xffffffff4f000000, 0xffffffff5f000000, 0xffffffffbf400000,
                                   0xffffffff00000001, 0xffffffff7f7fffff, 0x123456783f800000};

static uint64_t value(void)
{
    unsigned k = rnd(4);
    return k < 2 ? corner[rnd(ARRAY_LEN(corner))] : k == 2 ? check_random(&seed) : (uint64_t)(int64_t)(int)rnd(4096) - 2048;
}

static uint64_t fvalue(void)
{
    return rnd(3) ? fcorner[rnd(ARRAY_LEN(fcorner))] : check_random(&seed);
}

/* -- running emitted code ------------------------------------------------------------------------------------ */

#define ENTRY (at + 4096)

static enum host_exit enter_code(struct cpu *cpu)
{
    cpu->return_base = cpu->return_sp = &return_stack[960];
    host_x64.fp_enter(cpu);
    enum host_exit k = enter(cpu, ENTRY);
    host_x64.fp_leave(cpu);
    return k;
}

static enum host_exit run(struct cpu *cpu, const struct host_code *c)
{
    place_code(ENTRY, c);
    enum host_exit k = enter_code(cpu);
    if (k == HOST_EXIT_LINK) {
        cpu->exit_link = cpu->exit_value;
        cpu->exit_value = link_pc(c, ENTRY, cpu->exit_value);
    }
    return k;
}

/* -- the evaluator's side -------------------------------------------------------------------------------------- */

static bool load(void *ctx, uint64_t addr, unsigned bytes, uint64_t *out, struct cpu_trap *trap)
{
    (void)trap;
    *out = 0;
    memcpy(out, (unsigned char *)ctx + (addr - (uint64_t)(uintptr_t)mem), bytes);
    return true;
}

static bool store(void *ctx, uint64_t addr, unsigned bytes, uint64_t v, struct cpu_trap *trap)
{
    (void)trap;
    memcpy((unsigned char *)ctx + (addr - (uint64_t)(uintptr_t)mem), &v, bytes);
    return true;
}

/* -- helpers: read and write slots, raise host exceptions, some of them trap -------------------------------------- */

static bool help_mix(struct cpu *cpu, uint64_t a, uint64_t b, uint64_t c, uint64_t *out)
{
    static volatile double third = 3;
    third = 1 / third; /* inexact: nothing of it may reach the guest */
    *out = a ^ (b << 7 | b >> 57) ^ c * 5 ^ cpu->slot[10] ^ cpu->slot[47];
    cpu->slot[11] += a;
    cpu->slot[3] ^= b;
    cpu->slot[46] = c;
    return true;
}

static bool help_trap(struct cpu *cpu, uint64_t a, uint64_t b, uint64_t c, uint64_t *out)
{
    *out = b + c;
    if (a & 3)
        return true;
    cpu->trap = (struct cpu_trap){.kind = IR_TRAP_ILLEGAL, .value = a};
    return false;
}

static const struct cpu_helper helpers[] = {{"mix", help_mix}, {"trap", help_trap}};

static bool call_helper(void *ctx, struct cpu *cpu, unsigned helper, const uint64_t args[3], uint64_t *out, struct cpu_trap *trap)
{
    (void)ctx;
    bool ok = helpers[helper].fn(cpu, args[0], args[1], args[2], out);
    *trap = cpu->trap;
    return ok;
}

/* -- generating -------------------------------------------------------------------------------------------------- */

struct gen {
    struct ir_func *f;
    ir_val v[512];
    unsigned n;
    ir_val ll_addr; /* of the last LL, or 0 */
    bool written[CPU_SLOTS];
    ir_val cur[CPU_SLOTS];
};

static ir_val pick(struct gen *g, enum ir_type t)
{
    for (int tries = 0; tries < 40 && g->n; tries++) {
        ir_val v = g->v[g->n - 1 - rnd(g->n < 12 ? g->n : rnd(4) ? 12 : g->n)];
        if (ir_typeof(g->f, v) == t)
            return v;
    }
    if (t == IR_I1)
        return ir_emit(g->f, IR_OP_LTU, IR_I1, pick(g, IR_I64), pick(g, IR_I64), 0, 0, 0);
    if (t == IR_F32)
        return ir_emit(g->f, IR_OP_NANUNBOX, IR_F32, pick(g, IR_F64), 0, 0, 0, 0);
    if (t == IR_F64 || t == IR_I64) {
        unsigned s = t == IR_F64 ? 32 + rnd(NSLOT) : 1 + rnd(NSLOT - 1);
        if (!g->cur[s])
            g->cur[s] = ir_emit(g->f, IR_OP_GET, t, 0, 0, 0, s, 0);
        if (t == IR_I64 && rnd(4) == 0)
            return ir_const(g->f, t, value());
        return g->cur[s];
    }
    if (t == IR_I32 && rnd(3))
        return ir_emit(g->f, IR_OP_TRUNC, t, pick(g, IR_I64), 0, 0, 0, 0);
    if ((t == IR_I8 || t == IR_I16) && rnd(2))
        return ir_emit(g->f, IR_OP_TRUNC, t, pick(g, rnd(2) ? IR_I32 : IR_I64), 0, 0, 0, 0);
    return ir_const(g->f, t, value() & (t == IR_I32 ? 0xffffffff : t == IR_I16 ? 0xffff : 0xff));
}

static ir_val address(struct gen *g, unsigned bytes)
{
    ir_val base = ir_const(g->f, IR_I64, (uint64_t)(uintptr_t)mem);
    ir_val off = ir_emit(g->f, IR_OP_AND, IR_I64, pick(g, IR_I64), ir_const(g->f, IR_I64, (MEM_BYTES / 2 - 1) & ~(uint64_t)(bytes - 1)), 0, 0, 0);
    ir_val a = ir_emit(g->f, IR_OP_ADD, IR_I64, base, off, 0, 0, 0);
    return rnd(2) ? a : ir_emit(g->f, IR_OP_ADD, IR_I64, a, ir_const(g->f, IR_I64, rnd(MEM_BYTES / 4) & ~(bytes - 1)), 0, 0, 0);
}

static ir_val count_of(struct gen *g, enum ir_type t)
{
    if (rnd(2))
        return ir_const(g->f, t, rnd(ir_bits(t)));
    return ir_emit(g->f, IR_OP_AND, t, pick(g, t), ir_const(g->f, t, rnd(2) ? ir_bits(t) - 1 : 7), 0, 0, 0);
}

static unsigned mode(void)
{
    return rnd(2) ? FP_DYN : rnd(4);
}

static void one(struct gen *g)
{
    static const uint8_t bin[] = {IR_OP_ADD, IR_OP_SUB, IR_OP_MUL, IR_OP_AND, IR_OP_OR, IR_OP_XOR, IR_OP_MULHS, IR_OP_MULHU, IR_OP_MULHSU, IR_OP_DIVS, IR_OP_DIVU,
                                  IR_OP_REMS, IR_OP_REMU, IR_OP_MINS, IR_OP_MAXS, IR_OP_MINU, IR_OP_MAXU, IR_OP_ADD, IR_OP_SUB};
    static const uint8_t shifts[] = {IR_OP_SHL, IR_OP_SHR, IR_OP_SAR, IR_OP_ROTL, IR_OP_ROTR};
    static const uint8_t un[] = {IR_OP_BITREV8, IR_OP_CLZ, IR_OP_CTZ, IR_OP_POPCNT, IR_OP_BSWAP};
    static const uint8_t cmp[] = {IR_OP_EQ, IR_OP_NE, IR_OP_LTS, IR_OP_LTU, IR_OP_LES, IR_OP_LEU};
    static const uint8_t fbin[] = {IR_OP_FADD, IR_OP_FSUB, IR_OP_FMUL, IR_OP_FDIV, IR_OP_FMINNUM, IR_OP_FMAXNUM, IR_OP_FSGNJ, IR_OP_FMINIMUM};
    static const uint8_t fcmp[] = {IR_OP_FEQ, IR_OP_FLT, IR_OP_FLE, IR_OP_FLTQ, IR_OP_FLEQ};
    struct ir_func *f = g->f;
    enum ir_type t = rnd(3) ? IR_I64 : IR_I32, ft = rnd(2) ? IR_F64 : IR_F32;
    ir_val v = 0, a, b, c;
    enum ir_op k;
    switch (rnd(25)) {
    case 24: {
        unsigned helper = rnd(4) == 0;
        a = pick(g, IR_I64), b = pick(g, IR_I64), c = pick(g, IR_I64), v = ir_emit(f, IR_OP_CALL, IR_I64, a, b, c, helper, 0);
        if (!helper)
            g->cur[11] = g->cur[3] = g->cur[46] = 0;
        break;
    }
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
        a = pick(g, t), b = pick(g, t), v = ir_emit(f, bin[rnd(sizeof bin)], t, a, b, 0, 0, 0);
        if (rnd(4) == 0) { /* two of the same operands: perhaps a quotient and its remainder, or both halves of a product */
            static const uint8_t pairs[][2] = {{IR_OP_DIVS, IR_OP_REMS}, {IR_OP_DIVU, IR_OP_REMU}, {IR_OP_MUL, IR_OP_MULHS}, {IR_OP_MUL, IR_OP_MULHU}};
            unsigned which = rnd(4), first = rnd(2);
            g->v[g->n++] = ir_emit(f, pairs[which][first], t, a, b, 0, 0, 0);
            if (rnd(2))
                g->v[g->n++] = ir_emit(f, bin[rnd(sizeof bin)], t, pick(g, t), a, 0, 0, 0);
            v = ir_emit(f, pairs[which][!first], t, a, b, 0, 0, 0);
        }
        break;
    case 5:
    case 6: a = pick(g, t), b = count_of(g, t), v = ir_emit(f, shifts[rnd(sizeof shifts)], t, a, b, 0, 0, 0); break;
    case 7:
        if (rnd(2)) /* of what is used in 32 bits alone, the upper half need not be right */
            a = pick(g, IR_I64), v = ir_emit(f, IR_OP_TRUNC, IR_I32, a, 0, 0, 0, 0);
        else
            a = pick(g, t), v = ir_emit(f, un[rnd(sizeof un)], t, a, 0, 0, 0, 0);
        break;
    case 8: a = pick(g, t), b = pick(g, t), v = ir_emit(f, cmp[rnd(sizeof cmp)], IR_I1, a, b, 0, 0, 0); break;
    case 9: a = pick(g, IR_I1), b = pick(g, t), c = pick(g, t), v = ir_emit(f, IR_OP_SELECT, t, a, b, c, 0, 0); break;
    case 10: a = pick(g, rnd(2) ? IR_I32 : rnd(2) ? IR_I8 : IR_I16), v = ir_emit(f, rnd(2) ? IR_OP_SEXT : IR_OP_ZEXT, IR_I64, a, 0, 0, 0, 0); break;
    case 11: a = pick(g, IR_I1), v = ir_emit(f, rnd(3) ? IR_OP_ZEXT : IR_OP_SEXT, IR_I64, a, 0, 0, 0, 0); break;
    case 12:
    case 13: {
        static const uint8_t ty[] = {IR_I8, IR_I16, IR_I32, IR_I64, IR_F32, IR_F64};
        enum ir_type lt = (enum ir_type)ty[rnd(sizeof ty)];
        a = address(g, 1), v = ir_emit(f, IR_OP_LOAD, lt, a, 0, 0, 0, 0);
        if (rnd(2) && (lt == IR_I8 || lt == IR_I16 || lt == IR_I32)) {
            g->v[g->n++] = v;
            v = ir_emit(f, rnd(2) ? IR_OP_SEXT : IR_OP_ZEXT, IR_I64, v, 0, 0, 0, 0);
        } else if (rnd(4) == 0 && (lt == IR_I32 || lt == IR_I64)) {
            v = ir_emit(f, IR_OP_BSWAP, lt, v, 0, 0, 0, 0);
        }
        break;
    }
    case 14: {
        static const uint8_t ty[] = {IR_I8, IR_I16, IR_I32, IR_I64, IR_F32, IR_F64};
        enum ir_type st = (enum ir_type)ty[rnd(sizeof ty)];
        a = address(g, 1), b = pick(g, st), ir_emit(f, IR_OP_STORE, st, a, b, 0, 0, 0);
        break;
    }
    case 15: a = pick(g, ft), b = pick(g, ft), k = fbin[rnd(sizeof fbin)], v = ir_emit(f, k, ft, a, b, 0, ir_op_info[k].flags & IR_F_RM ? mode() : 0, 0); break;
    case 16: a = pick(g, ft), b = pick(g, ft), c = pick(g, ft);
        if (rnd(2))
            c = ir_emit(f, IR_OP_FNEG, ft, c, 0, 0, 0, 0);
        if (rnd(2))
            a = ir_emit(f, IR_OP_FNEG, ft, a, 0, 0, 0, 0);
        v = ir_emit(f, IR_OP_FMA, ft, a, b, c, mode(), 0);
        break;
    case 17: a = pick(g, ft), b = pick(g, ft), v = ir_emit(f, fcmp[rnd(sizeof fcmp)], IR_I1, a, b, 0, 0, 0); break;
    case 18: a = pick(g, ft), v = rnd(3) ? ir_emit(f, rnd(2) ? IR_OP_FNEG : IR_OP_FABS, ft, a, 0, 0, 0, 0) : ir_emit(f, IR_OP_FSQRT, ft, a, 0, 0, mode(), 0); break;
    case 19: a = pick(g, ft), v = ir_emit(f, IR_OP_FCVT, ft == IR_F64 ? IR_F32 : IR_F64, a, 0, 0, mode(), 0); break;
    case 20: a = pick(g, t), v = ir_emit(f, rnd(2) ? IR_OP_S2F : IR_OP_U2F, ft, a, 0, 0, rnd(8) ? mode() : FP_RMM, 0); break;
    case 21: {
        static const uint8_t rm[] = {FP_RTZ, FP_DYN, FP_RDN, FP_RUP, FP_RNE, FP_RMM};
        a = pick(g, ft), v = ir_emit(f, rnd(2) ? IR_OP_F2S : IR_OP_F2U, t, a, 0, 0, rm[rnd(sizeof rm)], 0);
        break;
    }
    case 22:
        if (rnd(3) == 0)
            a = pick(g, ft), v = ir_emit(f, IR_OP_FCLASS, IR_I64, a, 0, 0, 0, 0);
        else if (rnd(2))
            a = pick(g, ft), v = ir_emit(f, IR_OP_BITS, ft == IR_F64 ? IR_I64 : IR_I32, a, 0, 0, 0, 0);
        else
            a = pick(g, t), v = ir_emit(f, IR_OP_FLOAT, t == IR_I64 ? IR_F64 : IR_F32, a, 0, 0, 0, 0);
        break;
    default: {
        static const uint8_t kinds[] = {IR_RMW_SWAP, IR_RMW_ADD, IR_RMW_AND, IR_RMW_OR, IR_RMW_XOR, IR_RMW_MINS, IR_RMW_MAXS, IR_RMW_MINU, IR_RMW_MAXU};
        unsigned bytes = ir_bits(t) / 8;
        a = address(g, bytes);
        switch (rnd(4)) {
        case 0: b = pick(g, t), c = pick(g, t), v = ir_emit(f, IR_OP_CAS, t, a, b, c, IR_SEQ_CST, 0); break;
        case 1: g->ll_addr = a, v = ir_emit(f, IR_OP_LL, t, a, 0, 0, IR_ACQUIRE, 0); break;
        case 2:
            if (g->ll_addr && rnd(2)) /* as a program does it */
                a = g->ll_addr;
            b = pick(g, t), v = ir_emit(f, IR_OP_SC, t, a, b, 0, IR_RELEASE, 0);
            break;
        default: b = pick(g, t), v = ir_emit(f, IR_OP_RMW, t, a, b, 0, IR_SEQ_CST, kinds[rnd(sizeof kinds)]); break;
        }
    }
    }
    if (v && g->n < ARRAY_LEN(g->v))
        g->v[g->n++] = v;
}

static void put_some(struct gen *g)
{
    unsigned s = 1 + rnd(NSLOT - 1), fs = 32 + rnd(NSLOT);
    ir_val v;
    if (rnd(2)) {
        v = rnd(3) ? pick(g, IR_I64) : ir_emit(g->f, IR_OP_SEXT, IR_I64, pick(g, IR_I32), 0, 0, 0, 0);
        ir_emit(g->f, IR_OP_PUT, IR_I64, v, 0, 0, s, 0);
        g->cur[s] = v;
    } else {
        v = rnd(2) ? pick(g, IR_F64) : ir_emit(g->f, IR_OP_NANBOX, IR_F64, pick(g, IR_F32), 0, 0, 0, 0);
        ir_emit(g->f, IR_OP_PUT, IR_F64, v, 0, 0, fs, 0);
        g->cur[fs] = v;
    }
}

/* What compilers make of a quiet comparison: the flags are read before and written back after; sometimes with another op between. */
static void compare_quietly(struct gen *g, uint64_t *pc)
{
    static const uint8_t fcmp[] = {IR_OP_FEQ, IR_OP_FLT, IR_OP_FLE, IR_OP_FLTQ, IR_OP_FLEQ};
    ir_val flags = ir_emit(g->f, IR_OP_FGETFLAGS, IR_I64, 0, 0, 0, 0, 0);
    if (rnd(2))
        put_some(g);
    for (unsigned k = 1 + rnd(2); k; k--) {
        ir_emit(g->f, IR_OP_MARK, IR_VOID, 0, 0, 0, *pc += 4, 4);
        if (rnd(8) == 0)
            one(g);
        enum ir_type t = rnd(2) ? IR_F64 : IR_F32;
        ir_val a = pick(g, t), b = pick(g, t), v = ir_emit(g->f, (enum ir_op)fcmp[rnd(sizeof fcmp)], IR_I1, a, b, 0, 0, 0);
        g->v[g->n++] = v;
        put_some(g);
    }
    ir_emit(g->f, IR_OP_MARK, IR_VOID, 0, 0, 0, *pc += 4, 4);
    ir_emit(g->f, IR_OP_FSETFLAGS, IR_VOID, rnd(8) ? flags : pick(g, IR_I64), 0, 0, 0, 0);
}

static void generate(struct gen *g)
{
    unsigned insns = 1 + rnd(12);
    uint64_t pc = 0x10000;
    g->f->pc = pc;
    ir_block_new(g->f);
    for (unsigned k = 0; k < insns; k++, pc += 4) {
        ir_emit(g->f, IR_OP_MARK, IR_VOID, 0, 0, 0, pc, 4);
        if (rnd(10) == 0)
            compare_quietly(g, &pc);
        else
            one(g);
        put_some(g);
        if (rnd(6) == 0)
            ir_emit(g->f, IR_OP_EXITIF, IR_VOID, pick(g, IR_I1), 0, 0, 0x20000 + 4 * k, 0);
    }
    ir_emit(g->f, IR_OP_MARK, IR_VOID, 0, 0, 0, pc, 4);
    if (rnd(3) == 0) {
        unsigned kind = rnd(3);
        ir_val to = ir_emit(g->f, IR_OP_AND, IR_I64, pick(g, IR_I64), ir_const(g->f, IR_I64, UINT64_MAX - 1), 0, 0, 0); /* CPU_NO_PC is no target */
        ir_emit(g->f, IR_OP_GOTOIND, IR_VOID, to, 0, 0, kind, kind != IR_JUMP_CALL ? 0 : rnd(2) ? 0x12345678 : UINT64_C(0x123456789abc));
    } else {
        ir_emit(g->f, IR_OP_GOTO, IR_VOID, 0, 0, 0, 0x30000, rnd(3) ? 0 : 0x30004);
    }
}

static unsigned long refused;

/* -- changes of the code ----------------------------------------------------------------------------------------- */

#define TARGET_PC UINT64_C(0x70000)

static uint32_t in_memory(const uint8_t *p)
{
    return (uint32_t)(p - code_mem);
}

/* A block that leaves for a system call, somewhere else; its entry. */
static uint32_t target_block(void)
{
    uint8_t *p = at + 256 * 1024;
    struct arena a;
    struct host_code code;
    arena_init(&a, 0);
    struct ir_func *f = ir_func_new(&a, &slots, "target");
    f->pc = TARGET_PC - 4;
    ir_block_new(f);
    ir_emit(f, IR_OP_MARK, IR_VOID, 0, 0, 0, f->pc, 4);
    ir_emit(f, IR_OP_SYSCALL, IR_VOID, 0, 0, 0, TARGET_PC, 0);
    CHECK(host_x64.emit(&a, &cfg, f, &code) == BTV_OK, "emit");
    place_code(p, &code);
    arena_free(&a);
    return in_memory(p);
}

static bool comes_to_target(const struct cpu *start, const struct cpu *before, const unsigned char *mem0)
{
    static struct cpu cpu;
    cpu = *start;
    memcpy(mem, mem0, MEM_BYTES);
    enum host_exit k = enter_code(&cpu);
    return k == HOST_EXIT_SYSCALL && cpu.exit_value == TARGET_PC && (!before || !memcmp(cpu.slot, before->slot, 65 * 8));
}

/* Conditional jumps in code from `start` on that lead to `to`. */
static unsigned count_branches(const struct host_code *c, uint32_t start, uint32_t to)
{
    unsigned n = 0;
    struct x64_insn i;
    for (uint32_t p = start; p < start + c->len && x64_decode(code_mem + p, 16, &i) == BTV_OK; p += i.len)
        n += i.row == X64_JCC_REL32 && p + i.len + (uint32_t)i.op[0].imm == to;
    return n;
}

/* The code lies where it ran, and left as `end` says. */
static void patches(const struct host_code *c, const struct cpu *start, enum host_exit k, const struct cpu *end, const unsigned char *mem0)
{
    static struct cpu cpu;
    uint32_t entry = in_memory(ENTRY), target = target_block(), name = end->exit_link ? (uint32_t)(end->exit_link - (uint64_t)(uintptr_t)code_mem) : 0;
    for (unsigned i = 0; i < c->nlinks; i++)
        CHECK((c->link[i].at - 5) % 8 <= 3 && (!i || c->link[i - 1].at < c->link[i].at), "link %u at %u", i, c->link[i].at);
    if (name) {
        unsigned branches = count_branches(c, entry, name - HOST_LINK_BYTES);
        CHECK(!host_x64.link_target(&stubs, code_mem, name) && branches <= 1, "link at %u", name);
        host_x64.link_make(&stubs, code_mem, entry, name, target);
        CHECK(host_x64.link_target(&stubs, code_mem, name) == target && count_branches(c, entry, target) == branches, "link at %u", name);
        CHECK(!count_branches(c, entry, name - HOST_LINK_BYTES), "a jump to the link at %u", name);
        if (k == HOST_EXIT_INDIRECT) {
            uint64_t pc = 0;
            CHECK(!host_x64.cache_filled(code_mem, name), "cache at %u", name);
            CHECK(host_x64.cache_find(code_mem, entry, entry + c->len, &pc) == name && pc == CPU_NO_PC, "cache at %u", name);
            host_x64.cache_fill(code_mem, name, end->exit_value);
            CHECK(host_x64.cache_filled(code_mem, name), "cache at %u", name);
            CHECK(host_x64.cache_find(code_mem, entry, entry + c->len, &pc) == name && pc == end->exit_value, "cache at %u", name);
            CHECK(!host_x64.cache_find(code_mem, entry, name - 1, &pc), "cache at %u", name);
            CHECK(end->missed[cpu_miss(end->exit_link)] == start->missed[cpu_miss(end->exit_link)] + 1, "the miss of the cache at %u", name);
        }
        CHECK(comes_to_target(start, end, mem0), "link or cache at %u, kind of exit %d", name, k);
    }
    host_x64.front_create(&stubs, code_mem, entry);
    host_x64.close(code_mem, entry);
    cpu = *start;
    k = enter_code(&cpu);
    CHECK(k == HOST_EXIT_LINK && cpu.exit_value == (uint64_t)(uintptr_t)ENTRY, "closed: exit %d", k);
    host_x64.link_make(&stubs, code_mem, entry, entry, target);
    CHECK(comes_to_target(start, NULL, mem0), "closed and linked");
}

static void trial(unsigned long n)
{
    struct arena a;
    struct btv_error err = {0};
    static struct gen g;
    static struct cpu start, ev, em;
    static unsigned char mem0[MEM_BYTES], mem1[MEM_BYTES];
    struct host_code code;
    unsigned long long seed0 = seed;
    arena_init(&a, 0);
    memset(&g, 0, sizeof g);
    g.f = ir_func_new(&a, &slots, "t");
    generate(&g);
    if (n < 100)
        CHECK(ir_verify(g.f, &err) == BTV_OK, "%s", err.text);
    memset(&start, 0, sizeof start);
    for (unsigned i = 1; i < 32; i++)
        start.slot[i] = value();
    for (unsigned i = 32; i < 64; i++)
        start.slot[i] = fvalue();
    for (unsigned i = 0; i < MEM_BYTES; i++)
        mem0[i] = (unsigned char)rnd(256);
    start.fp.rm = (uint8_t)rnd(4);
    start.ll_addr = 1;
    static struct jump_entry jumps[CPU_JUMP_ENTRIES];
    for (unsigned i = 0; i < CPU_JUMP_ENTRIES; i++)
        jumps[i] = (struct jump_entry){CPU_NO_PC, code_mem + stubs.indirect};
    start.jumps = jumps;
    start.helpers = helpers;
    ev = em = start;
    memcpy(mem1, mem0, MEM_BYTES);
    struct ir_env env = {.cpu = &ev, .ctx = mem1, .load = load, .store = store, .call = call_helper};
    struct ir_exit out;
    enum btv_status st = host_x64.emit(&a, &cfg, g.f, &code);
    if (st == BTV_LIMIT) {
        refused++;
        arena_free(&a);
        return;
    }
    CHECK(st == BTV_OK, "emit: %s", btv_status_text(st));
    memcpy(mem, mem0, MEM_BYTES);
    enum host_exit k = run(&em, &code);
    uint64_t pc = em.exit_value;
    if (k == HOST_EXIT_BAIL) {
        /* evaluate up to that mark only: cut the function there */
        for (struct ir_ins *i = g.f->first->first; i; i = i->next)
            if (i->op == IR_OP_MARK && i->imm == pc) {
                while (i->next)
                    ir_remove(g.f, g.f->first->last);
                ir_emit(g.f, IR_OP_GOTO, IR_VOID, 0, 0, 0, pc, 0);
                break;
            }
    }
    st = ir_eval(g.f, &env, NULL, &out, &err);
    if (st == BTV_OK && out.pc == CPU_NO_PC) { /* an odd address, which guests do not jump to */
        arena_free(&a);
        return;
    }
    bool good = st == BTV_OK && pc == out.pc && (k == HOST_EXIT_TRAP) == (out.kind == IR_EXIT_TRAP) && !memcmp(em.slot, ev.slot, 65 * 8) && !memcmp(mem, mem1, MEM_BYTES) && em.fp.flags == ev.fp.flags;
    if (k == HOST_EXIT_BAIL) /* flags of the bailing instruction may already be set */
        good = st == BTV_OK && pc == out.pc && !memcmp(em.slot, ev.slot, 65 * 8) && !memcmp(mem, mem1, MEM_BYTES);
    CHECK(good, "%s: trial %lu seed %llu: exit %d pc %llx, evaluator %llx, flags %x %x", st == BTV_OK ? "" : err.text, n, seed0, k, (unsigned long long)pc, (unsigned long long)out.pc, em.fp.flags, ev.fp.flags);
    if (!good && check_failed <= 3) {
        struct str s = STR_INIT;
        ir_print(&s, g.f);
        fprintf(stderr, "%s", str_get(&s));
        for (unsigned i = 0; i < 65; i++)
            if (em.slot[i] != ev.slot[i])
                fprintf(stderr, "  slot %u start %llx emitted %llx evaluator %llx\n", i, (unsigned long long)start.slot[i], (unsigned long long)em.slot[i],
                        (unsigned long long)ev.slot[i]);
        for (unsigned o = 0; o < code.len;) {
            str_clear(&s);
            unsigned l = host_x64.disasm(&s, code.bytes + o, code.len - o, o);
            fprintf(stderr, "  %4x %s\n", o, str_get(&s));
            o += l;
        }
        str_free(&s);
    }
    if (n % 8 == 0)
        patches(&code, &start, k, &em, mem0);
    arena_free(&a);
}

int main(int argc, char **argv)
{
    unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 0) : 20000;
    seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    static char names[CPU_SLOTS][8];
    mem = mmap((void *)0x4000000, MEM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    for (unsigned i = 0; i < CPU_SLOTS; i++) {
        snprintf(names[i], sizeof names[i], "s%u", i);
        slot_table[i] = (struct ir_slot){names[i], i >= 32 && i < 64 ? IR_F64 : IR_I64};
    }
    static const struct {
        unsigned pins, avoid;
        bool alone;
    } setups[] = {{0, 0, false},
                  {2, 0, true},
                  {0, 0, true},
                  {0, X64_F_BMI1 | X64_F_BMI2 | X64_F_LZCNT | X64_F_AVX | X64_F_AVX2 | X64_F_FMA | X64_F_POPCNT | X64_F_SSE41 | X64_F_MOVBE, false}};
    for (unsigned s = 0; s < ARRAY_LEN(setups); s++) {
        init_code(setups[s].pins, setups[s].avoid);
        cfg.alone = setups[s].alone;
        for (unsigned long n = 0; n < count; n++)
            trial(n);
    }
    /* the emitter may give up when too much is alive at once, but that must stay rare */
    CHECK(refused <= 3 * count / 20, "%lu blocks refused", refused);
    return check_done();
}

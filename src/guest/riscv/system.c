/*
 * RISC-V instructions that need more than a row: system registers, counters, cache blocks, 16-byte compare and swap.
 * Each has a lifting and an executing form; the helpers are what lifted code reaches by IR CALL.
 */
#include "base/clock.h"
#include "guest/riscv/sem.h"

#include "base/atomic16.h"

enum { FLAG_MASK = 31, RM_MASK = 7, FCSR_RM_SHIFT = 5, CBO_BYTES = 64 };

/* -- system registers -------------------------------------------------------------------------------------- */

bool rv_csr_allowed(unsigned number, bool write)
{
    switch (number) {
    case RV_CSR_FFLAGS:
    case RV_CSR_FRM:
    case RV_CSR_FCSR: return true;
    case RV_CSR_CYCLE:
    case RV_CSR_TIME:
    case RV_CSR_INSTRET: return !write;
    default: return false;
    }
}

/* All three counters tick at 10 MHz: monotonic, and the same for every thread. */
static bool help_counter(struct cpu *cpu, uint64_t a, uint64_t b, uint64_t c, uint64_t *out)
{
    *out = clock_ns(CLOCK_MONOTONIC) / 100;
    return true;
}

bool exec_csr(struct cpu *cpu, const struct insn *in, enum rv_csr_kind kind, uint64_t v, bool write, uint64_t *old, struct cpu_trap *trap)
{
    if (!rv_csr_allowed(in->csr, write)) {
        *trap = (struct cpu_trap){.kind = IR_TRAP_ILLEGAL, .value = in->raw};
        return false;
    }
    struct fp_env *fp = &cpu->fp;
    uint64_t is;
    switch (in->csr) {
    case RV_CSR_FFLAGS: is = fp->flags; break;
    case RV_CSR_FRM: is = fp->rm; break;
    case RV_CSR_FCSR: is = (uint64_t)fp->rm << FCSR_RM_SHIFT | fp->flags; break;
    default: return help_counter(cpu, 0, 0, 0, old);
    }
    if (write) {
        uint64_t to = kind == RV_CSR_WRITE ? v : kind == RV_CSR_SET ? is | v : is & ~v;
        if (in->csr != RV_CSR_FRM)
            fp->flags = to & FLAG_MASK;
        if (in->csr == RV_CSR_FRM)
            fp->rm = to & RM_MASK;
        if (in->csr == RV_CSR_FCSR)
            fp->rm = to >> FCSR_RM_SHIFT & RM_MASK;
    }
    *old = is;
    return true;
}

static ir_val k64(struct lift *c, uint64_t v)
{
    return ir_const(c->f, IR_I64, v);
}

static ir_val make(struct lift *c, enum ir_op op, ir_val a, ir_val b)
{
    return ir_make(c->f, op, IR_I64, a, b, 0);
}

static ir_val read_fp_csr(struct lift *c, unsigned number)
{
    ir_val flags = 0, rm = 0;
    if (number != RV_CSR_FRM)
        flags = ir_emit(c->f, IR_OP_FGETFLAGS, IR_I64, 0, 0, 0, 0, 0);
    if (number != RV_CSR_FFLAGS)
        rm = ir_emit(c->f, IR_OP_FGETRM, IR_I64, 0, 0, 0, 0, 0);
    if (!flags || !rm)
        return flags ? flags : rm;
    return make(c, IR_OP_OR, make(c, IR_OP_SHL, rm, k64(c, FCSR_RM_SHIFT)), flags);
}

void lift_csr(struct lift *c, enum rv_csr_kind kind, unsigned rd, ir_val v, bool write)
{
    unsigned number = c->in->csr;
    if (!rv_csr_allowed(number, write)) {
        lift_trap(c, IR_TRAP_ILLEGAL, c->in->raw);
        return;
    }
    if (number >= RV_CSR_CYCLE) {
        ir_val t = ir_emit(c->f, IR_OP_CALL, IR_I64, 0, 0, 0, RV_HELPER_COUNTER, 0);
        lift_setx(c, rd, t);
        return;
    }
    ir_val old = rd || kind != RV_CSR_WRITE ? read_fp_csr(c, number) : 0;
    if (write) {
        ir_val to = v;
        if (kind == RV_CSR_SET)
            to = make(c, IR_OP_OR, old, v);
        else if (kind == RV_CSR_CLEAR)
            to = make(c, IR_OP_AND, old, make(c, IR_OP_XOR, v, k64(c, UINT64_MAX)));
        if (number != RV_CSR_FRM)
            ir_emit(c->f, IR_OP_FSETFLAGS, IR_VOID, to, 0, 0, 0, 0);
        if (number == RV_CSR_FCSR)
            to = make(c, IR_OP_SHR, to, k64(c, FCSR_RM_SHIFT));
        if (number != RV_CSR_FFLAGS)
            ir_emit(c->f, IR_OP_FSETRM, IR_VOID, to, 0, 0, 0, 0);
    }
    lift_setx(c, rd, old);
    if (write && number != RV_CSR_FFLAGS)
        lift_goto(c, c->next, 0); /* code is made for one rounding mode at a time */
}

/* -- cbo.zero ---------------------------------------------------------------------------------------------- */

void lift_cbo_zero(struct lift *c)
{
    ir_val base = make(c, IR_OP_AND, lift_get(c, RV_SLOT_x + c->in->rs1), k64(c, ~(uint64_t)(CBO_BYTES - 1)));
    ir_val zero = k64(c, 0);
    for (unsigned at = 0; at < CBO_BYTES; at += 8) {
        ir_val addr = at ? make(c, IR_OP_ADD, base, k64(c, at)) : base;
        ir_emit(c->f, IR_OP_STORE, IR_I64, addr, zero, 0, IR_RELAXED, 0);
    }
}

bool exec_cbo_zero(struct cpu *cpu, const struct insn *in, const struct rv_memory *m)
{
    uint64_t base = cpu->slot[RV_SLOT_x + in->rs1] & ~(uint64_t)(CBO_BYTES - 1);
    for (unsigned at = 0; at < CBO_BYTES; at += 8)
        if (!rv_mem_store(m, base + at, 8, 0))
            return false;
    return true;
}

/* -- amocas.q: register pairs rd, rd+1 and rs2, rs2+1; the pair of x0 reads as zero and is not written ------ */

static bool cas16_shadow(const struct rv_memory *m, uint64_t addr, const uint64_t expect[2], const uint64_t v[2], uint64_t old[2])
{
    if (!rv_mem_load(m, addr, 8, &old[0]) || !rv_mem_load(m, addr + 8, 8, &old[1]))
        return false;
    if (old[0] != expect[0] || old[1] != expect[1])
        return true;
    return rv_mem_store(m, addr, 8, v[0]) && rv_mem_store(m, addr + 8, 8, v[1]);
}

static bool amocas_q(struct cpu *cpu, unsigned rd, unsigned rs2, uint64_t addr, const struct rv_memory *m)
{
    uint64_t *x = cpu->slot, old[2];
    if (addr & 15) {
        *m->trap = (struct cpu_trap){.kind = IR_TRAP_MISALIGNED, .value = addr};
        return false;
    }
    const uint64_t expect[2] = {x[rd], rd ? x[rd + 1] : 0}, v[2] = {x[rs2], rs2 ? x[rs2 + 1] : 0};
    if (!m->shadow)
        atomic16_cas((void *)(uintptr_t)addr, expect, v, old);
    else if (!cas16_shadow(m, addr, expect, v, old))
        return false;
    if (rd) {
        x[rd] = old[0];
        x[rd + 1] = old[1];
    }
    return true;
}

bool exec_amocas_q(struct cpu *cpu, const struct insn *in, const struct rv_memory *m)
{
    return amocas_q(cpu, in->rd, in->rs2, cpu->slot[in->rs1], m);
}

static bool help_amocas_q(struct cpu *cpu, uint64_t addr, uint64_t rd, uint64_t rs2, uint64_t *out)
{
    const struct rv_memory direct = {NULL, &cpu->trap};
    *out = 0;
    return amocas_q(cpu, (unsigned)rd, (unsigned)rs2, addr, &direct);
}

void lift_amocas_q(struct lift *c)
{
    const struct insn *in = c->in;
    ir_val addr = lift_get(c, RV_SLOT_x + in->rs1);
    ir_val rd = k64(c, in->rd), rs2 = k64(c, in->rs2);
    ir_emit(c->f, IR_OP_CALL, IR_VOID, addr, rd, rs2, RV_HELPER_AMOCAS_Q, 0);
    if (in->rd) /* the helper wrote these */
        c->slot[RV_SLOT_x + in->rd] = c->slot[RV_SLOT_x + in->rd + 1] = 0;
}

/* -- the host call ----------------------------------------------------------------------------------------- */

/*
 *  31       20 19   15 14 12 11    7 6      0
 * | function  | 00000 | 000 | 01010 | 0001011 |      custom-0: a0 = result; changes a2 and a3, too
 */
enum { HOSTCALL_BITS = 0x0000050b, HOSTCALL_MASK = 0x000fffff, HOSTCALL_SHIFT = 20, REG_A0 = 10, REG_A2 = 12, REG_A3 = 13 };

static bool is_hostcall(uint32_t raw, uint64_t pc)
{
    return (raw & HOSTCALL_MASK) == HOSTCALL_BITS && pc >= guest_hostcall.lo && pc < guest_hostcall.hi;
}

static bool help_hostcall(struct cpu *cpu, uint64_t function, uint64_t b, uint64_t c, uint64_t *out)
{
    return guest_hostcall.fn(cpu, function, b, c, out);
}

bool exec_hostcall(struct cpu *cpu, const struct insn *in, uint64_t pc)
{
    return is_hostcall(in->raw, pc) && help_hostcall(cpu, in->raw >> HOSTCALL_SHIFT, 0, 0, &cpu->slot[RV_SLOT_x + REG_A0]);
}

bool lift_hostcall(struct lift *c)
{
    if (!is_hostcall(c->in->raw, c->pc))
        return false;
    ir_val zero = k64(c, 0);
    ir_val r = ir_emit(c->f, IR_OP_CALL, IR_I64, k64(c, c->in->raw >> HOSTCALL_SHIFT), zero, zero, RV_HELPER_HOSTCALL, 0);
    c->slot[RV_SLOT_x + REG_A2] = c->slot[RV_SLOT_x + REG_A3] = 0; /* read again after it */
    lift_setx(c, REG_A0, r);
    return true;
}

const struct cpu_helper rv_helpers[RV_HELPER_COUNT] = {
    [RV_HELPER_COUNTER] = {"counter", help_counter},
    [RV_HELPER_AMOCAS_Q] = {"amocas_q", help_amocas_q},
    [RV_HELPER_HOSTCALL] = {"hostcall", help_hostcall},
};

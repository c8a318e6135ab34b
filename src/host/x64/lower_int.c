/*
 * Integer ops to x86-64.  Where an instruction set extension is missing, a short sequence of base instructions
 * does the same; what has neither is refused by em_can_lower and interpreted.
 */
#include "host/x64/em.h"

static int size_of(const struct em *e, const struct ir_ins *i)
{
    return e->val[i->dst].flags & VAL_LOW ? 4 : em_size((enum ir_type)i->type);
}

struct alu {
    enum x64_row r_rm, rm_r, imm8, imm32;
};

static const struct alu *alu_of(enum ir_op op)
{
#define ALU(name) {X64_##name##_R_RM, X64_##name##_RM_R, X64_##name##_RM_IMM8, X64_##name##_RM_IMM32}
    static const struct alu add = ALU(ADD), sub = ALU(SUB), and = ALU(AND), or = ALU(OR), xor = ALU(XOR);
#undef ALU
    switch (op) {
    case IR_OP_ADD: return &add;
    case IR_OP_SUB: return &sub;
    case IR_OP_AND: return &and;
    case IR_OP_OR: return &or;
    case IR_OP_XOR: return &xor;
    default: return NULL;
    }
}

/* What has just been emitted set the host's flags by the result in reg: all as a comparison with 0 does, or the zero flag alone. */
static void note_flags(struct em *e, int reg, int size, bool logic)
{
    e->flags_at = e->b.len;
    e->flags_reg = (int8_t)reg;
    e->flags_size = (uint8_t)size;
    e->flags_logic = logic;
}

static bool flags_are_of(const struct em *e, int reg, int size, enum x64_cc cc)
{
    return e->flags_at == e->b.len && e->flags_reg == reg && e->flags_size == size && (e->flags_logic || cc == X64_E || cc == X64_NE);
}

static void alu_imm(struct em *e, const struct alu *a, int size, int reg, int64_t imm)
{
    if (imm == -1 && a->imm8 == X64_XOR_RM_IMM8)
        x64_r(&e->b, X64_NOT_RM, size, reg);
    else
        x64_ri(&e->b, imm == (int8_t)imm ? a->imm8 : a->imm32, size, reg, imm);
}

void em_op_opnd(struct em *e, enum x64_row row, int size, int reg, struct opnd o)
{
    if (o.kind == OPND_MEM)
        x64_rm(&e->b, row, size, reg, o.mem);
    else
        x64_rr(&e->b, row, size, reg, o.reg);
}

static void alu_opnd(struct em *e, const struct alu *a, int size, int reg, struct opnd o)
{
    if (o.kind == OPND_IMM)
        alu_imm(e, a, size, reg, o.imm);
    else
        em_op_opnd(e, a->r_rm, size, reg, o);
}

void em_mov_opnd(struct em *e, int size, int dst, struct opnd o)
{
    if (o.kind == OPND_IMM) {
        if (o.imm >= 0)
            x64_ri(&e->b, X64_MOV_R_IMM, 4, dst, o.imm);
        else
            x64_ri(&e->b, X64_MOV_RM_IMM32, size, dst, o.imm);
    } else if (o.kind == OPND_MEM || o.reg != dst) {
        em_op_opnd(e, X64_MOV_R_RM, size, dst, o);
    }
}

static bool uses_reg(struct opnd o, int reg)
{
    return o.kind == OPND_REG ? o.reg == reg : o.kind == OPND_MEM && (o.mem.base == reg || o.mem.index == reg);
}

/* slot = slot op x in one instruction, when the value goes nowhere else. */
static bool alu_in_memory(struct em *e, struct ir_ins *i, const struct alu *a, int size)
{
    struct val *d = &e->val[i->dst], *x = em_val(e, i->arg[0]);
    if (e->region || size != 8 || d->uses != 1 || !d->put || i->next != d->put || x->reg >= 0 || x->slot < 0 || x->uses != 1 ||
        (unsigned)x->slot != d->put->imm || x->kind == VAL_CONST || em_rep(e, i->arg[0]) == em_rep(e, i->arg[1]))
        return false;
    unsigned slot = (unsigned)x->slot;
    struct opnd b = em_use(e, i->arg[1], OPND_REG | OPND_IMM);
    if (b.kind == OPND_IMM)
        x64_mi(&e->b, b.imm == (int8_t)b.imm ? a->imm8 : a->imm32, 8, em_slot(slot), b.imm);
    else
        x64_rm(&e->b, a->rm_r, 8, b.reg, em_slot(slot));
    em_done(e, i->arg[0]);
    em_done(e, i->arg[1]);
    x->slot = -1;
    d->kind = VAL_NORMAL;
    d->slot = (int8_t)slot;
    e->slot_val[slot] = i->dst; /* the PUT finds it in place */
    return true;
}

/* What keeps the low 8, 16 or 32 bits is a move.  True: done. */
static bool keep_low(struct em *e, struct ir_ins *i, int size)
{
    uint64_t m;
    if (i->op != IR_OP_AND || !em_const(e, i->arg[1], &m) || (m != 0xff && m != 0xffff && (m != UINT32_MAX || size != 8)))
        return false;
    struct opnd x = em_use(e, i->arg[0], OPND_REG | OPND_MEM);
    em_done(e, i->arg[0]);
    em_done(e, i->arg[1]);
    int d = em_dst(e, i, x.kind == OPND_REG ? x.reg : -1);
    em_op_opnd(e, m == 0xff ? X64_MOVZX_R_RM8 : m == 0xffff ? X64_MOVZX_R_RM16 : X64_MOV_R_RM, 4, d, x);
    em_def(e, i, d);
    return true;
}

static void lower_alu(struct em *e, struct ir_ins *i)
{
    const struct alu *a = alu_of((enum ir_op)i->op);
    int size = size_of(e, i);
    if (keep_low(e, i, size) || alu_in_memory(e, i, a, size))
        return;
    struct opnd b = em_use(e, i->arg[1], OPND_REG | OPND_MEM | OPND_IMM);
    struct opnd x = em_use(e, i->arg[0], i->op == IR_OP_ADD || i->op == IR_OP_SUB ? OPND_REG : OPND_REG | OPND_MEM | OPND_IMM);
    em_done(e, i->arg[0]);
    em_done(e, i->arg[1]);
    int prefer = x.kind == OPND_REG ? x.reg : -1;
    if (i->op != IR_OP_SUB && b.kind == OPND_REG && (x.kind != OPND_REG || em_val(e, i->arg[0])->uses))
        prefer = b.reg;
    int d = em_dst(e, i, prefer);
    bool moved = false;
    if (x.kind == OPND_REG && d == x.reg) {
        alu_opnd(e, a, size, d, b);
    } else if (i->op == IR_OP_ADD && x.kind == OPND_REG && b.kind == OPND_IMM) {
        moved = true;
        x64_rm(&e->b, X64_LEA_R_M, size, d, (struct x64_mem){.base = x.reg, .index = X64_NOREG, .disp = (int32_t)b.imm});
    } else if (i->op == IR_OP_ADD && x.kind == OPND_REG && b.kind == OPND_REG && d != b.reg) {
        moved = true;
        x64_rm(&e->b, X64_LEA_R_M, size, d, (struct x64_mem){.base = x.reg, .index = b.reg});
    } else if (uses_reg(b, d) && i->op != IR_OP_SUB) {
        alu_opnd(e, a, size, d, x);
    } else if (uses_reg(b, d)) {
        x64_r(&e->b, X64_NEG_RM, size, d);
        em_op_opnd(e, X64_ADD_R_RM, size, d, x);
    } else if (i->op == IR_OP_SUB && b.kind == OPND_IMM && b.imm != INT32_MIN) {
        moved = true;
        x64_rm(&e->b, X64_LEA_R_M, size, d, (struct x64_mem){.base = x.reg, .index = X64_NOREG, .disp = (int32_t)-b.imm});
    } else {
        em_mov_opnd(e, size, d, x);
        alu_opnd(e, a, size, d, b);
    }
    if (!moved && !(i->op == IR_OP_XOR && b.kind == OPND_IMM && b.imm == -1)) /* neither LEA nor NOT */
        note_flags(e, d, size, i->op == IR_OP_AND || i->op == IR_OP_OR || i->op == IR_OP_XOR);
    em_def(e, i, d);
}

static void lower_wide(struct em *e, struct ir_ins *i);

/* The op that makes the other half of a product, or the other result of a division. */
static bool partners(enum ir_op a, enum ir_op b)
{
    return (a == IR_OP_DIVS && b == IR_OP_REMS) || (a == IR_OP_DIVU && b == IR_OP_REMU) || (a == IR_OP_MUL && (b == IR_OP_MULHS || b == IR_OP_MULHU));
}

/* The one soon behind i of the same operands, or NULL. */
static struct ir_ins *partner(const struct em *e, const struct ir_ins *i)
{
    enum { FAR = 16 };
    unsigned far = 0;
    for (struct ir_ins *n = i->next; n && far++ < FAR; n = n->next)
        if ((partners((enum ir_op)i->op, (enum ir_op)n->op) || partners((enum ir_op)n->op, (enum ir_op)i->op)) && n->type == i->type &&
            e->val[n->dst].kind == VAL_NORMAL && !((e->val[n->dst].flags | e->val[i->dst].flags) & VAL_LOW) &&
            em_rep(e, n->arg[0]) == em_rep(e, i->arg[0]) && em_rep(e, n->arg[1]) == em_rep(e, i->arg[1]))
            return n;
    return NULL;
}

static void lower_mul(struct em *e, struct ir_ins *i)
{
    if (e->val[i->dst].flags & VAL_MADE)
        return;
    if (partner(e, i)) {
        lower_wide(e, i);
        return;
    }
    int size = size_of(e, i);
    struct opnd b = em_use(e, i->arg[1], OPND_REG | OPND_MEM | OPND_IMM);
    struct opnd x = em_use(e, i->arg[0], OPND_REG | OPND_MEM);
    em_done(e, i->arg[0]);
    em_done(e, i->arg[1]);
    int d = em_dst(e, i, x.kind == OPND_REG ? x.reg : -1);
    if (b.kind == OPND_IMM) {
        enum x64_row row = b.imm == (int8_t)b.imm ? X64_IMUL_R_RM_IMM8 : X64_IMUL_R_RM_IMM32;
        if (x.kind == OPND_MEM)
            x64_rmi(&e->b, row, size, d, x.mem, b.imm);
        else
            x64_rri(&e->b, row, size, d, x.reg, b.imm);
    } else if (uses_reg(b, d)) {
        em_op_opnd(e, X64_IMUL_R_RM, size, d, x);
    } else {
        em_mov_opnd(e, size, d, x);
        em_op_opnd(e, X64_IMUL_R_RM, size, d, b);
    }
    em_def(e, i, d);
}

/* The register a value lies in, moved out of rax and rdx into rcx or read from memory. */
static struct opnd outside_rax_rdx(struct em *e, uint32_t v)
{
    struct opnd o = em_use(e, v, OPND_REG | OPND_MEM);
    if (o.kind == OPND_REG && (o.reg == X64_RAX || o.reg == X64_RDX)) {
        em_take(e, X64_RCX);
        x64_rr(&e->b, X64_MOV_R_RM, 8, X64_RCX, o.reg);
        o.reg = X64_RCX;
        em_def(e, e->f->def[em_rep(e, v)], X64_RCX); /* there, too: where it was need not be saved */
    }
    return o;
}

/* Puts a value into rax and takes rdx; the divisor or factor must already be elsewhere. */
static void into_rax(struct em *e, uint32_t v)
{
    struct val *x = em_val(e, v);
    uint64_t bits;
    if (x->reg == X64_RAX && x->uses == 1 && !x->lazy) {
        e->locked |= 1u << X64_RAX;
        return;
    }
    if (x->reg == X64_RAX) {
        em_take(e, X64_RAX); /* saved, as it is needed later, and still there */
        return;
    }
    if (em_const(e, v, &bits) && x->reg < 0) {
        em_take(e, X64_RAX);
        em_load_imm(e, X64_RAX, bits);
        return;
    }
    struct opnd o = em_use(e, v, OPND_REG | OPND_MEM);
    em_take(e, X64_RAX);
    em_op_opnd(e, X64_MOV_R_RM, 8, X64_RAX, o);
}

/* High products and divisions: rdx:rax forms. */
static void lower_wide(struct em *e, struct ir_ins *i)
{
    if (e->val[i->dst].flags & VAL_MADE)
        return;
    struct ir_ins *other = partner(e, i);
    int size = em_size((enum ir_type)i->type);
    bool div = i->op == IR_OP_DIVS || i->op == IR_OP_REMS || i->op == IR_OP_DIVU || i->op == IR_OP_REMU;
    bool is_signed = i->op == IR_OP_DIVS || i->op == IR_OP_REMS || i->op == IR_OP_MULHS || (other && other->op == IR_OP_MULHS);
    bool want_rdx = i->op != IR_OP_MUL && i->op != IR_OP_DIVS && i->op != IR_OP_DIVU;
    uint64_t bits;
    struct opnd b;
    if (other) {
        em_done(e, other->arg[0]);
        em_done(e, other->arg[1]);
    }
    if (em_const(e, i->arg[1], &bits) && em_val(e, i->arg[1])->reg < 0) {
        em_take(e, X64_RCX);
        em_load_imm(e, X64_RCX, bits);
        b = (struct opnd){.kind = OPND_REG, .reg = X64_RCX};
    } else {
        b = outside_rax_rdx(e, i->arg[1]);
    }
    into_rax(e, i->arg[0]);
    em_take(e, X64_RDX);
    em_done(e, i->arg[0]);
    em_done(e, i->arg[1]);
    enum x64_row row = div ? (is_signed ? X64_IDIV_RM : X64_DIV_RM) : (is_signed ? X64_IMUL_RM : X64_MUL_RM);
    size_t done1 = 0, done2 = 0;
    if (div) {
        bool safe = em_const(e, i->arg[1], &bits) && bits != 0 && (size == 8 ? bits != UINT64_MAX : (uint32_t)bits != UINT32_MAX);
        size_t ok = 0, ok2 = 0;
        if (!safe) {
            /* divisor 0: quotient all ones, remainder the dividend; divisor -1, signed: negate, remainder 0 */
            if (b.kind == OPND_MEM)
                x64_mi(&e->b, X64_CMP_RM_IMM8, size, b.mem, 0);
            else
                x64_rr(&e->b, X64_TEST_RM_R, size, b.reg, b.reg);
            ok = x64_jcc8(&e->b, X64_NE);
            if (want_rdx || other)
                x64_rr(&e->b, X64_MOV_R_RM, size, X64_RDX, X64_RAX);
            if (!want_rdx || other)
                x64_ri(&e->b, X64_MOV_RM_IMM32, size, X64_RAX, -1);
            done1 = x64_jmp8(&e->b);
            x64_patch8(&e->b, ok, e->b.len);
            if (is_signed) {
                if (b.kind == OPND_MEM)
                    x64_mi(&e->b, X64_CMP_RM_IMM8, size, b.mem, -1);
                else
                    x64_ri(&e->b, X64_CMP_RM_IMM8, size, b.reg, -1);
                ok2 = x64_jcc8(&e->b, X64_NE);
                if (want_rdx || other)
                    x64_rr(&e->b, X64_XOR_R_RM, 4, X64_RDX, X64_RDX);
                if (!want_rdx || other)
                    x64_r(&e->b, X64_NEG_RM, size, X64_RAX);
                done2 = x64_jmp8(&e->b);
                x64_patch8(&e->b, ok2, e->b.len);
            }
        }
        if (is_signed)
            x64_0(&e->b, X64_CDQ_CQO, size);
        else
            x64_rr(&e->b, X64_XOR_R_RM, 4, X64_RDX, X64_RDX);
    }
    if (i->op == IR_OP_MULHSU) {
        /* signed a times unsigned b: unsigned product, minus b << w if a is negative */
        int keep = X64_RCX;
        if (b.kind == OPND_MEM || b.reg != X64_RCX) {
            em_take(e, X64_RCX);
            em_op_opnd(e, X64_MOV_R_RM, 8, X64_RCX, b);
        }
        x64_rm(&e->b, X64_MOV_RM_R, 8, X64_RAX, em_cpu(offsetof(struct cpu, exit_value)));
        x64_r(&e->b, X64_MUL_RM, size, keep);
        x64_rm(&e->b, X64_MOV_R_RM, 8, X64_RAX, em_cpu(offsetof(struct cpu, exit_value)));
        x64_ri(&e->b, X64_SAR_RM_IMM8, size, X64_RAX, size * 8 - 1);
        x64_rr(&e->b, X64_AND_R_RM, size, X64_RAX, keep);
        x64_rr(&e->b, X64_SUB_R_RM, size, X64_RDX, X64_RAX);
    } else if (b.kind == OPND_MEM) {
        x64_m(&e->b, row, size, b.mem);
    } else {
        x64_r(&e->b, row, size, b.reg);
    }
    if (done1)
        x64_patch8(&e->b, done1, e->b.len);
    if (done2)
        x64_patch8(&e->b, done2, e->b.len);
    em_kill(e, X64_RAX);
    em_kill(e, X64_RDX);
    em_def(e, i, want_rdx ? X64_RDX : X64_RAX);
    if (other) {
        em_def(e, other, want_rdx ? X64_RAX : X64_RDX);
        e->val[other->dst].flags |= VAL_MADE;
    }
}

/* The shift count operand with a mask that the host applies by itself removed. */
static uint32_t shift_count(struct em *e, struct ir_ins *i, bool *masked)
{
    uint32_t v = em_rep(e, i->arg[1]);
    struct ir_ins *d = e->f->def[v];
    uint64_t m, w = ir_bits((enum ir_type)i->type);
    *masked = false;
    if (d->op == IR_OP_AND && ir_is_const(e->f, d->arg[1], &m) && m == w - 1) {
        *masked = true;
        if (e->val[v].kind == VAL_FOLD)
            return d->arg[0];
    }
    return v;
}

static void lower_shift(struct em *e, struct ir_ins *i)
{
    static const struct {
        enum x64_row imm, cl, bmi;
    } rows[] = {
        {X64_SHL_RM_IMM8, X64_SHL_RM_CL, X64_SHLX_R_RM_R},
        {X64_SHR_RM_IMM8, X64_SHR_RM_CL, X64_SHRX_R_RM_R},
        {X64_SAR_RM_IMM8, X64_SAR_RM_CL, X64_SARX_R_RM_R},
        {X64_ROL_RM_IMM8, X64_ROL_RM_CL, 0},
        {X64_ROR_RM_IMM8, X64_ROR_RM_CL, 0},
    };
    unsigned k = i->op == IR_OP_SHL ? 0 : i->op == IR_OP_SHR ? 1 : i->op == IR_OP_SAR ? 2 : i->op == IR_OP_ROTL ? 3 : 4;
    int size = size_of(e, i);
    unsigned w = (unsigned)size * 8;
    uint64_t n;
    if (em_const(e, i->arg[1], &n)) {
        struct opnd x = em_use(e, i->arg[0], OPND_REG | OPND_MEM);
        em_done(e, i->arg[0]);
        em_done(e, i->arg[1]);
        int d = em_dst(e, i, x.kind == OPND_REG ? x.reg : -1);
        if (k >= 3)
            n %= w;
        if (n >= w && k == 2)
            n = w - 1;
        if (n >= w) {
            x64_rr(&e->b, X64_XOR_R_RM, 4, d, d);
        } else if (k == 0 && n >= 1 && n <= 3 && x.kind == OPND_REG && x.reg != d) {
            x64_rm(&e->b, X64_LEA_R_M, size, d, (struct x64_mem){.base = X64_NOREG, .index = x.reg, .scale = (uint8_t)n});
        } else if (k >= 3 && (e->cfg->features & X64_F_BMI2) && (x.kind == OPND_MEM || x.reg != d)) {
            unsigned r = k == 3 ? (w - (unsigned)n) % w : (unsigned)n;
            if (x.kind == OPND_MEM)
                x64_rmi(&e->b, X64_RORX_R_RM_IMM8, size, d, x.mem, r);
            else
                x64_rri(&e->b, X64_RORX_R_RM_IMM8, size, d, x.reg, r);
        } else {
            em_mov_opnd(e, size, d, x);
            if (n)
                x64_ri(&e->b, rows[k].imm, size, d, (int64_t)n);
            else if (size == 4 && x.kind == OPND_REG && x.reg == d)
                x64_rr(&e->b, X64_MOV_R_RM, 4, d, d); /* nothing has cleared the upper half yet */
        }
        em_def(e, i, d);
        return;
    }
    bool masked;
    uint32_t cv = shift_count(e, i, &masked);
    if (rows[k].bmi && (e->cfg->features & X64_F_BMI2)) {
        int c = em_use_reg(e, cv);
        struct opnd x = em_use(e, i->arg[0], OPND_REG | OPND_MEM);
        em_done(e, i->arg[0]);
        em_done(e, cv);
        int d = em_dst(e, i, x.kind == OPND_REG ? x.reg : c);
        if (x.kind == OPND_MEM)
            x64_rvm(&e->b, rows[k].bmi, size, d, c, x.mem);
        else
            x64_rvr(&e->b, rows[k].bmi, size, d, c, x.reg);
        em_def(e, i, d);
        return;
    }
    struct opnd c = em_use(e, cv, OPND_REG | OPND_MEM);
    struct opnd x = em_use(e, i->arg[0], OPND_REG | OPND_MEM);
    int tmp = -1;
    if (x.kind == OPND_REG && x.reg == X64_RCX) {
        tmp = em_temp(e);
        x64_rr(&e->b, X64_MOV_R_RM, 8, tmp, X64_RCX);
        x.reg = (int8_t)tmp;
    }
    em_take(e, X64_RCX);
    em_mov_opnd(e, 8, X64_RCX, c);
    em_kill(e, X64_RCX);
    em_done(e, i->arg[0]);
    em_done(e, cv);
    e->locked |= 1u << X64_RCX;
    int d = em_dst(e, i, -1);
    em_mov_opnd(e, size, d, x);
    x64_r(&e->b, rows[k].cl, size, d);
    em_def(e, i, d);
}

enum x64_cc em_compare(struct em *e, uint32_t cond)
{
    uint32_t v = em_rep(e, cond);
    struct ir_ins *d = e->f->def[v];
    if (e->val[v].kind != VAL_DEFER) {
        struct opnd o = em_use(e, v, OPND_REG);
        x64_rr(&e->b, X64_TEST_RM_R, 4, o.reg, o.reg);
        em_done(e, v);
        return X64_NE;
    }
    static const uint8_t cc_of[] = {[IR_OP_EQ] = X64_E, [IR_OP_NE] = X64_NE, [IR_OP_LTS] = X64_L, [IR_OP_LTU] = X64_B, [IR_OP_LES] = X64_LE, [IR_OP_LEU] = X64_BE};
    static const uint8_t swapped[16] = {[X64_E] = X64_E, [X64_NE] = X64_NE, [X64_L] = X64_G, [X64_B] = X64_A, [X64_LE] = X64_GE, [X64_BE] = X64_AE};
    enum x64_cc cc = (enum x64_cc)cc_of[d->op];
    int size = em_size(ir_typeof(e->f, d->arg[0]));
    uint32_t a = d->arg[0], b = d->arg[1];
    uint64_t bits;
    if (em_const(e, a, &bits) && !em_const(e, b, &bits)) {
        uint32_t t = a;
        a = b;
        b = t;
        cc = (enum x64_cc)swapped[cc];
    }
    struct opnd y = em_use(e, b, OPND_REG | OPND_MEM | OPND_IMM);
    struct opnd x = em_use(e, a, y.kind == OPND_MEM ? OPND_REG : OPND_REG | OPND_MEM);
    if (y.kind == OPND_IMM && x.kind == OPND_MEM)
        x64_mi(&e->b, y.imm == (int8_t)y.imm ? X64_CMP_RM_IMM8 : X64_CMP_RM_IMM32, size, x.mem, y.imm);
    else if (y.kind == OPND_IMM && y.imm == 0 && flags_are_of(e, x.reg, size, cc))
        ;
    else if (y.kind == OPND_IMM && y.imm == 0)
        x64_rr(&e->b, X64_TEST_RM_R, size, x.reg, x.reg);
    else if (y.kind == OPND_IMM)
        x64_ri(&e->b, y.imm == (int8_t)y.imm ? X64_CMP_RM_IMM8 : X64_CMP_RM_IMM32, size, x.reg, y.imm);
    else if (x.kind == OPND_MEM)
        x64_rm(&e->b, X64_CMP_RM_R, size, y.reg, x.mem);
    else
        em_op_opnd(e, X64_CMP_R_RM, size, x.reg, y);
    em_done(e, a);
    em_done(e, b);
    return cc;
}

static void lower_compare(struct em *e, struct ir_ins *i)
{
    e->val[i->dst].kind = VAL_DEFER;
    enum x64_cc cc = em_compare(e, i->dst);
    int d = em_dst(e, i, -1);
    x64_setcc(&e->b, cc, d);
    x64_rr(&e->b, X64_MOVZX_R_RM8, 4, d, d);
    em_def(e, i, d);
}

static void lower_select(struct em *e, struct ir_ins *i)
{
    int size = size_of(e, i);
    /* operands first: fetching them must not come between the comparison and the cmov */
    struct opnd yes = em_use(e, i->arg[1], OPND_REG | OPND_MEM);
    struct opnd no = em_use(e, i->arg[2], OPND_REG | OPND_MEM | OPND_IMM);
    uint32_t before = e->locked;
    enum x64_cc cc = em_compare(e, i->arg[0]);
    e->locked = before; /* the compared registers may be overwritten now */
    em_done(e, i->arg[1]);
    em_done(e, i->arg[2]);
    /* allocation may spill: moves only, flags survive */
    int d = em_dst(e, i, no.kind == OPND_REG ? no.reg : -1);
    if (uses_reg(yes, d) && !(no.kind == OPND_REG && no.reg == d)) {
        if (no.kind != OPND_REG) {
            int t = em_temp(e);
            em_mov_opnd(e, size, t, no);
            no.reg = (int8_t)t;
        }
        x64_cmovcc(&e->b, (enum x64_cc)(cc ^ 1), size, d, no.reg);
    } else {
        em_mov_opnd(e, size, d, no);
        if (yes.kind == OPND_MEM) {
            int t = em_temp(e);
            em_mov_opnd(e, size, t, yes);
            yes.reg = (int8_t)t;
        }
        x64_cmovcc(&e->b, cc, size, d, yes.reg);
    }
    em_def(e, i, d);
}

static void lower_minmax(struct em *e, struct ir_ins *i)
{
    static const uint8_t keep[] = {[IR_OP_MINS] = X64_G, [IR_OP_MAXS] = X64_L, [IR_OP_MINU] = X64_A, [IR_OP_MAXU] = X64_B};
    int size = em_size((enum ir_type)i->type);
    int b = em_use_reg(e, i->arg[1]), a = em_use_reg(e, i->arg[0]);
    em_done(e, i->arg[0]);
    em_done(e, i->arg[1]);
    int d = em_dst(e, i, a);
    enum x64_cc cc = (enum x64_cc)keep[i->op]; /* a on the wrong side of b: take b */
    if (d == b && a != b) {
        x64_rr(&e->b, X64_CMP_R_RM, size, b, a);
        x64_cmovcc(&e->b, cc, size, d, a);
    } else {
        x64_rr(&e->b, X64_CMP_R_RM, size, a, b);
        if (d != a)
            x64_rr(&e->b, X64_MOV_R_RM, size, d, a);
        x64_cmovcc(&e->b, cc, size, d, b);
    }
    em_def(e, i, d);
}

static void lower_extend(struct em *e, struct ir_ins *i)
{
    enum ir_type from = ir_typeof(e->f, i->arg[0]);
    bool sx = i->op == IR_OP_SEXT;
    int size = em_size((enum ir_type)i->type);
    if (from == IR_I1) { /* 0 or 1 -> 0 or -1 */
        int a = em_use_reg(e, i->arg[0]);
        em_done(e, i->arg[0]);
        int d = em_dst(e, i, a);
        if (d != a)
            x64_rr(&e->b, X64_MOV_R_RM, 8, d, a);
        x64_r(&e->b, X64_NEG_RM, 8, d);
        em_def(e, i, d);
        return;
    }
    uint32_t v = em_rep(e, i->arg[0]);
    struct opnd a = em_use(e, i->arg[0], OPND_REG | OPND_MEM);
    em_done(e, i->arg[0]);
    int d = em_dst(e, i, a.kind == OPND_REG ? a.reg : -1);
    switch (from) {
    case IR_I8: em_op_opnd(e, sx ? X64_MOVSX_R_RM8 : X64_MOVZX_R_RM8, sx ? size : 4, d, a); break;
    case IR_I16: em_op_opnd(e, sx ? X64_MOVSX_R_RM16 : X64_MOVZX_R_RM16, sx ? size : 4, d, a); break;
    default: em_op_opnd(e, sx ? X64_MOVSXD_R_RM32 : X64_MOV_R_RM, sx ? 8 : 4, d, a); break;
    }
    em_def(e, i, d);
    if (sx && from == IR_I32 && e->val[v].kind == VAL_NORMAL && e->f->def[v]->type == IR_I32 && i->type == IR_I64 && !(e->val[v].flags & VAL_ZEXT))
        e->val[v].wide = i->dst;
}

static void lower_trunc_i1(struct em *e, struct ir_ins *i)
{
    struct opnd a = em_use(e, i->arg[0], OPND_REG | OPND_MEM);
    em_done(e, i->arg[0]);
    int d = em_dst(e, i, a.kind == OPND_REG ? a.reg : -1);
    em_mov_opnd(e, 4, d, a);
    x64_ri(&e->b, X64_AND_RM_IMM8, 4, d, 1);
    em_def(e, i, d);
}

static void lower_bits(struct em *e, struct ir_ins *i)
{
    int size = em_size((enum ir_type)i->type);
    struct opnd a = em_use(e, i->arg[0], OPND_REG | OPND_MEM);
    em_done(e, i->arg[0]);
    int d;
    switch (i->op) {
    case IR_OP_BSWAP:
        d = em_dst(e, i, a.kind == OPND_REG ? a.reg : -1);
        em_mov_opnd(e, size, d, a);
        x64_r(&e->b, X64_BSWAP_R, size, d);
        break;
    case IR_OP_BITREV8: {
        static const uint64_t mask[] = {UINT64_C(0x5555555555555555), UINT64_C(0x3333333333333333), UINT64_C(0x0f0f0f0f0f0f0f0f)};
        int t = em_temp(e), c = em_temp(e);
        d = em_dst(e, i, a.kind == OPND_REG ? a.reg : -1);
        em_mov_opnd(e, size, d, a);
        for (int k = 0; k < 3; k++) { /* exchange neighbouring bits, pairs, nibbles */
            x64_rr(&e->b, X64_MOV_R_RM, size, t, d);
            x64_ri(&e->b, X64_SHR_RM_IMM8, size, t, 1 << k);
            em_load_imm(e, c, size == 8 ? mask[k] : (uint32_t)mask[k]);
            x64_rr(&e->b, X64_AND_R_RM, size, t, c);
            x64_rr(&e->b, X64_AND_R_RM, size, d, c);
            x64_ri(&e->b, X64_SHL_RM_IMM8, size, d, 1 << k);
            x64_rr(&e->b, X64_OR_R_RM, size, d, t);
        }
        break;
    }
    case IR_OP_POPCNT:
        d = em_dst(e, i, a.kind == OPND_REG ? a.reg : -1);
        em_op_opnd(e, X64_POPCNT_R_RM, size, d, a);
        break;
    case IR_OP_CLZ:
    case IR_OP_CTZ: {
        bool clz = i->op == IR_OP_CLZ;
        d = em_dst(e, i, a.kind == OPND_REG ? a.reg : -1);
        if (e->cfg->features & (clz ? X64_F_LZCNT : X64_F_BMI1)) {
            em_op_opnd(e, clz ? X64_LZCNT_R_RM : X64_TZCNT_R_RM, size, d, a);
        } else {
            int t = em_temp(e);
            em_op_opnd(e, clz ? X64_BSR_R_RM : X64_BSF_R_RM, size, t, a); /* ZF if a = 0, t then undefined */
            x64_ri(&e->b, X64_MOV_R_IMM, 4, d, clz ? 2 * size * 8 - 1 : size * 8);
            x64_cmovcc(&e->b, X64_NE, size, d, t);
            if (clz)
                x64_ri(&e->b, X64_XOR_RM_IMM8, 4, d, size * 8 - 1);
        }
        break;
    }
    default: { /* ORCB: bytes that are zero stay zero, others become 255 */
        int x = em_temp_fp(e), y = em_temp_fp(e);
        if (a.kind == OPND_MEM)
            x64_rm(&e->b, X64_MOVQ_X_XM, 0, x - EM_XMM, a.mem);
        else
            x64_rr(&e->b, X64_MOVD_X_RM, 8, x - EM_XMM, a.reg);
        x64_rr(&e->b, X64_PXOR_X_XM, 0, y - EM_XMM, y - EM_XMM);
        x64_rr(&e->b, X64_PCMPEQB_X_XM, 0, x - EM_XMM, y - EM_XMM);
        x64_rr(&e->b, X64_PCMPEQD_X_XM, 0, y - EM_XMM, y - EM_XMM);
        x64_rr(&e->b, X64_PXOR_X_XM, 0, x - EM_XMM, y - EM_XMM);
        d = em_dst(e, i, a.kind == OPND_REG ? a.reg : -1);
        x64_rr(&e->b, X64_MOVD_RM_X, 8, x - EM_XMM, d);
        break;
    }
    }
    em_def(e, i, d);
}

static void lower_clmul(struct em *e, struct ir_ins *i)
{
    struct opnd a = em_use(e, i->arg[0], OPND_REG | OPND_MEM), b = em_use(e, i->arg[1], OPND_REG | OPND_MEM);
    em_done(e, i->arg[0]);
    em_done(e, i->arg[1]);
    int x = em_temp_fp(e), y = em_temp_fp(e);
    if (a.kind == OPND_MEM)
        x64_rm(&e->b, X64_MOVQ_X_XM, 0, x - EM_XMM, a.mem);
    else
        x64_rr(&e->b, X64_MOVD_X_RM, 8, x - EM_XMM, a.reg);
    if (b.kind == OPND_MEM)
        x64_rm(&e->b, X64_MOVQ_X_XM, 0, y - EM_XMM, b.mem);
    else
        x64_rr(&e->b, X64_MOVD_X_RM, 8, y - EM_XMM, b.reg);
    x64_rri(&e->b, X64_PCLMULQDQ_X_XM_IMM8, 0, x - EM_XMM, y - EM_XMM, 0);
    if (i->op == IR_OP_CLMULH)
        x64_rri(&e->b, X64_PSHUFD_X_XM_IMM8, 0, x - EM_XMM, x - EM_XMM, 0xee);
    int d = em_dst(e, i, a.kind == OPND_REG ? a.reg : -1);
    x64_rr(&e->b, X64_MOVD_RM_X, 8, x - EM_XMM, d);
    em_def(e, i, d);
}

void em_lower_int(struct em *e, struct ir_ins *i)
{
    switch (i->op) {
    case IR_OP_ADD:
    case IR_OP_SUB:
    case IR_OP_AND:
    case IR_OP_OR:
    case IR_OP_XOR: lower_alu(e, i); break;
    case IR_OP_MUL: lower_mul(e, i); break;
    case IR_OP_MULHS:
    case IR_OP_MULHU:
    case IR_OP_MULHSU:
    case IR_OP_DIVS:
    case IR_OP_DIVU:
    case IR_OP_REMS:
    case IR_OP_REMU: lower_wide(e, i); break;
    case IR_OP_SHL:
    case IR_OP_SHR:
    case IR_OP_SAR:
    case IR_OP_ROTL:
    case IR_OP_ROTR: lower_shift(e, i); break;
    case IR_OP_MINS:
    case IR_OP_MAXS:
    case IR_OP_MINU:
    case IR_OP_MAXU: lower_minmax(e, i); break;
    case IR_OP_EQ:
    case IR_OP_NE:
    case IR_OP_LTS:
    case IR_OP_LTU:
    case IR_OP_LES:
    case IR_OP_LEU: lower_compare(e, i); break;
    case IR_OP_SELECT: lower_select(e, i); break;
    case IR_OP_ZEXT:
    case IR_OP_SEXT: lower_extend(e, i); break;
    case IR_OP_TRUNC: lower_trunc_i1(e, i); break;
    case IR_OP_CLMUL:
    case IR_OP_CLMULH: lower_clmul(e, i); break;
    default: lower_bits(e, i); break;
    }
}

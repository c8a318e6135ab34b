/*
 * Loads, stores, atomics and fences.
 *
 * A guest address is a host address.  x86-64 keeps loads and stores in program order except that a store may be
 * delayed past later loads (SDM vol. 3, 9.2.2), and locked instructions are full fences; so plain, acquire and release
 * accesses need nothing extra, and only a fence that orders earlier writes before later reads emits code, unless a
 * locked instruction already stands between it and the last plain store.
 * Atomics test their alignment first: a misaligned one bails, and the interpreter raises the guest's exception.
 * While no other processor looks at the guest's memory (host_config.alone) locks and fences are left out: one instruction is
 * atomic for its own processor, and a guest signal is taken only between guest instructions.
 */
#include "host/x64/em.h"

/* base + displacement of a folded ADD, or a register. */
struct x64_mem em_address(struct em *e, uint32_t v)
{
    v = em_rep(e, v);
    struct ir_ins *d = e->f->def[v];
    uint64_t k;
    if (e->val[v].kind == VAL_FOLD && d->op == IR_OP_ADD) {
        if (em_const(e, d->arg[1], &k))
            return (struct x64_mem){.base = (int8_t)em_use_reg(e, d->arg[0]), .index = X64_NOREG, .disp = (int32_t)(int64_t)k};
        int a = em_use_reg(e, d->arg[0]), b = em_use_reg(e, d->arg[1]);
        return (struct x64_mem){.base = (int8_t)a, .index = (int8_t)b};
    }
    if (em_const(e, v, &k) && (int64_t)k >= 0 && (int64_t)k <= INT32_MAX && e->val[v].reg < 0)
        return (struct x64_mem){.base = X64_NOREG, .index = X64_NOREG, .disp = (int32_t)k};
    return (struct x64_mem){.base = (int8_t)em_use_reg(e, v), .index = X64_NOREG};
}

static void address_done(struct em *e, uint32_t v)
{
    v = em_rep(e, v);
    struct ir_ins *d = e->f->def[v];
    if (e->val[v].kind == VAL_FOLD && d->op == IR_OP_ADD) {
        em_done(e, d->arg[0]);
        em_done(e, d->arg[1]);
    } else {
        em_done(e, v);
    }
}

static void lower_load(struct em *e, struct ir_ins *i)
{
    struct x64_mem m = em_address(e, i->arg[0]);
    address_done(e, i->arg[0]);
    bool sx = e->val[i->dst].flags & VAL_SEXT;
    int d = em_dst(e, i, m.base >= 0 && m.base < EM_XMM ? m.base : -1);
    em_may_fault(e);
    if (e->val[i->dst].flags & VAL_SWAP) {
        x64_rm(&e->b, X64_MOVBE_R_M, em_size((enum ir_type)i->type), d, m);
        em_def(e, i, d);
        return;
    }
    switch ((enum ir_type)i->type) {
    case IR_I8:
        x64_rm(&e->b, sx ? X64_MOVSX_R_RM8 : X64_MOVZX_R_RM8, sx ? 8 : 4, d, m);
        break;
    case IR_I16:
        x64_rm(&e->b, sx ? X64_MOVSX_R_RM16 : X64_MOVZX_R_RM16, sx ? 8 : 4, d, m);
        break;
    case IR_I32:
        x64_rm(&e->b, sx ? X64_MOVSXD_R_RM32 : X64_MOV_R_RM, sx ? 8 : 4, d, m);
        break;
    case IR_F64:
        x64_rm(&e->b, X64_MOVS_X_XM, 8, d - EM_XMM, m);
        break;
    case IR_F32:
        x64_rm(&e->b, X64_MOVS_X_XM, 4, d - EM_XMM, m);
        em_rip(e, X64_ORPS_X_XM, 0, d - EM_XMM, EM_CONST_BOX32);
        break;
    default:
        x64_rm(&e->b, X64_MOV_R_RM, 8, d, m);
        break;
    }
    em_def(e, i, d);
}

static void lower_store(struct em *e, struct ir_ins *i)
{
    struct x64_mem m = em_address(e, i->arg[0]);
    enum ir_type t = ir_typeof(e->f, i->arg[1]);
    if (em_is_fp(t)) {
        int r = em_use_reg(e, i->arg[1]);
        em_may_fault(e);
        x64_rm(&e->b, X64_MOVS_XM_X, em_size(t), r - EM_XMM, m);
    } else {
        int size = (int)ir_bits(t) / 8;
        struct opnd v = em_use(e, i->arg[1], OPND_REG | OPND_IMM);
        em_may_fault(e);
        if (v.kind == OPND_IMM && size == 1)
            x64_mi(&e->b, X64_MOV_RM_IMM8, 1, m, (int8_t)v.imm);
        else if (v.kind == OPND_IMM)
            x64_mi(&e->b, X64_MOV_RM_IMM32, size, m, size == 2 ? (int16_t)v.imm : v.imm);
        else
            x64_rm(&e->b, X64_MOV_RM_R, size, v.reg, m);
    }
    address_done(e, i->arg[0]);
    em_done(e, i->arg[1]);
}

/* True: other processors may look, so that the code needs its locks and fences. */
static bool shared(struct em *e)
{
    e->out->alone |= e->cfg->alone;
    return !e->cfg->alone;
}

static void lock(struct em *e)
{
    if (shared(e))
        x64_0(&e->b, X64_LOCK, 0);
}

/* The address of an atomic in one register, tested for alignment if `bytes` is not 0. */
static struct x64_mem atomic_address(struct em *e, uint32_t v, unsigned bytes)
{
    v = em_rep(e, v);
    int r;
    if (e->val[v].kind == VAL_FOLD) {
        uint32_t before = e->locked;
        struct x64_mem m = em_address(e, v);
        e->locked = before; /* the base may be overwritten by the sum */
        r = em_temp(e);
        x64_rm(&e->b, X64_LEA_R_M, 8, r, m);
    } else {
        r = em_use_reg(e, v);
    }
    if (bytes) {
        x64_ri(&e->b, X64_TEST_RM_IMM32, 4, r, (int64_t)bytes - 1);
        em_bail_if(e, X64_NE);
    }
    return (struct x64_mem){.base = (int8_t)r, .index = X64_NOREG};
}

static void lower_ll(struct em *e, struct ir_ins *i)
{
    unsigned bytes = ir_bits((enum ir_type)i->type) / 8;
    struct x64_mem m = atomic_address(e, i->arg[0], bytes);
    int d = em_temp(e);
    em_may_fault(e);
    x64_rm(&e->b, X64_MOV_R_RM, (int)bytes, d, m);
    x64_rm(&e->b, X64_MOV_RM_R, 8, m.base, em_cpu(offsetof(struct cpu, ll_addr)));
    x64_rm(&e->b, X64_MOV_RM_R, 8, d, em_cpu(offsetof(struct cpu, ll_value)));
    x64_mi(&e->b, X64_MOV_RM_IMM32, 4, em_cpu(offsetof(struct cpu, ll_bytes)), bytes);
    address_done(e, i->arg[0]);
    em_def(e, i, d);
    if (i->flags & INS_PAIR)
        e->ll_value = i->dst;
}

/* Moves the new value or the address out of rax, which a compare-and-exchange needs. */
static void free_rax(struct em *e, int *v, struct x64_mem *m)
{
    if (*v != X64_RAX && m->base != X64_RAX)
        return;
    int t = em_temp(e);
    x64_rr(&e->b, X64_MOV_R_RM, 8, t, X64_RAX);
    if (*v == X64_RAX)
        *v = t;
    if (m->base == X64_RAX)
        m->base = (int8_t)t;
}

/* rax = value; its former content is saved. */
static void take_rax(struct em *e, uint32_t value)
{
    uint64_t bits;
    if (em_const(e, value, &bits) && em_val(e, value)->reg < 0) {
        em_take(e, X64_RAX);
        em_load_imm(e, X64_RAX, bits);
        return;
    }
    struct opnd o = em_use(e, value, OPND_REG | OPND_MEM);
    em_take(e, X64_RAX);
    if (o.kind == OPND_MEM)
        x64_rm(&e->b, X64_MOV_R_RM, 8, X64_RAX, o.mem);
    else if (o.reg != X64_RAX)
        x64_rr(&e->b, X64_MOV_R_RM, 8, X64_RAX, o.reg);
}

/* The result is in rax; the reservation is gone. */
static void sc_done(struct em *e, struct ir_ins *i)
{
    x64_mi(&e->b, X64_MOV_RM_IMM32, 8, em_cpu(offsetof(struct cpu, ll_addr)), 1);
    em_kill(e, X64_RAX);
    em_def(e, i, X64_RAX);
}

/* rax = 1 if the comparison failed. */
static void sc_result(struct em *e, struct ir_ins *i)
{
    x64_setcc(&e->b, X64_NE, X64_RAX);
    x64_rr(&e->b, X64_MOVZX_R_RM8, 4, X64_RAX, X64_RAX);
    sc_done(e, i);
}

/* The LL stands in the same block: address, size and alignment are known, the value is in a register. */
static void lower_paired_sc(struct em *e, struct ir_ins *i, int bytes)
{
    struct x64_mem m = atomic_address(e, i->arg[0], 0);
    int v = em_use_reg(e, i->arg[1]);
    if ((i->flags & INS_STILL) && !shared(e)) { /* nobody can have written: it cannot fail */
        em_take(e, X64_RAX);
        address_done(e, i->arg[0]);
        em_done(e, i->arg[1]);
        em_done(e, e->ll_value);
        em_may_fault(e);
        x64_rm(&e->b, X64_MOV_RM_R, bytes, v, m);
        x64_rr(&e->b, X64_XOR_R_RM, 4, X64_RAX, X64_RAX);
        sc_done(e, i);
        return;
    }
    free_rax(e, &v, &m);
    take_rax(e, e->ll_value);
    address_done(e, i->arg[0]);
    em_done(e, i->arg[1]);
    em_done(e, e->ll_value);
    em_may_fault(e);
    lock(e);
    x64_rm(&e->b, X64_CMPXCHG_RM_R, bytes, v, m);
    sc_result(e, i);
}

static void lower_sc(struct em *e, struct ir_ins *i)
{
    unsigned bytes = ir_bits(ir_typeof(e->f, i->arg[1])) / 8;
    if (i->flags & INS_PAIR) {
        lower_paired_sc(e, i, (int)bytes);
        return;
    }
    struct x64_mem m = atomic_address(e, i->arg[0], bytes);
    int v = em_use_reg(e, i->arg[1]);
    free_rax(e, &v, &m);
    em_take(e, X64_RAX);
    address_done(e, i->arg[0]);
    em_done(e, i->arg[1]);
    em_may_fault(e);
    x64_rm(&e->b, X64_CMP_RM_R, 8, m.base, em_cpu(offsetof(struct cpu, ll_addr)));
    size_t no1 = x64_jcc8(&e->b, X64_NE);
    x64_mi(&e->b, X64_CMP_RM_IMM8, 4, em_cpu(offsetof(struct cpu, ll_bytes)), (int64_t)bytes);
    size_t no2 = x64_jcc8(&e->b, X64_NE);
    x64_rm(&e->b, X64_MOV_R_RM, 8, X64_RAX, em_cpu(offsetof(struct cpu, ll_value)));
    lock(e);
    x64_rm(&e->b, X64_CMPXCHG_RM_R, (int)bytes, v, m);
    x64_patch8(&e->b, no1, e->b.len);
    x64_patch8(&e->b, no2, e->b.len);
    sc_result(e, i);
}

static void lower_cas(struct em *e, struct ir_ins *i)
{
    int size = (int)ir_bits((enum ir_type)i->type) / 8;
    struct x64_mem m = atomic_address(e, i->arg[0], (unsigned)size);
    int v = em_use_reg(e, i->arg[2]);
    free_rax(e, &v, &m);
    take_rax(e, i->arg[1]);
    address_done(e, i->arg[0]);
    em_done(e, i->arg[1]);
    em_done(e, i->arg[2]);
    em_may_fault(e);
    lock(e);
    x64_rm(&e->b, X64_CMPXCHG_RM_R, size, v, m);
    em_kill(e, X64_RAX);
    em_def(e, i, X64_RAX);
}

static void lower_rmw(struct em *e, struct ir_ins *i)
{
    int size = (int)ir_bits((enum ir_type)i->type) / 8;
    enum ir_rmw kind = (enum ir_rmw)i->aux;
    bool unused = e->val[i->dst].uses == 0;
    struct x64_mem m = atomic_address(e, i->arg[0], (unsigned)size);
    static const uint16_t direct[] = {[IR_RMW_ADD] = X64_ADD_RM_R, [IR_RMW_AND] = X64_AND_RM_R, [IR_RMW_OR] = X64_OR_RM_R, [IR_RMW_XOR] = X64_XOR_RM_R};
    if (unused && kind >= IR_RMW_ADD && kind <= IR_RMW_XOR) {
        int v = em_use_reg(e, i->arg[1]);
        em_may_fault(e);
        lock(e);
        x64_rm(&e->b, (enum x64_row)direct[kind], size, v, m);
        address_done(e, i->arg[0]);
        em_done(e, i->arg[1]);
        return;
    }
    if (kind == IR_RMW_SWAP && !shared(e)) { /* xchg locks by itself */
        int v = em_use_reg(e, i->arg[1]), d = em_temp(e);
        em_may_fault(e);
        x64_rm(&e->b, X64_MOV_R_RM, size, d, m);
        x64_rm(&e->b, X64_MOV_RM_R, size, v, m);
        address_done(e, i->arg[0]);
        em_done(e, i->arg[1]);
        em_def(e, i, d);
        return;
    }
    if (kind == IR_RMW_ADD || kind == IR_RMW_SWAP) {
        uint64_t bits;
        int d = em_temp(e);
        if (em_const(e, i->arg[1], &bits)) {
            em_load_imm(e, d, bits);
        } else {
            struct opnd o = em_use(e, i->arg[1], OPND_REG | OPND_MEM);
            if (o.kind == OPND_MEM)
                x64_rm(&e->b, X64_MOV_R_RM, 8, d, o.mem);
            else
                x64_rr(&e->b, X64_MOV_R_RM, 8, d, o.reg);
        }
        em_may_fault(e);
        if (kind == IR_RMW_ADD) {
            lock(e);
            x64_rm(&e->b, X64_XADD_RM_R, size, d, m);
        } else {
            x64_rm(&e->b, X64_XCHG_RM_R, size, d, m);
        }
        address_done(e, i->arg[0]);
        em_done(e, i->arg[1]);
        em_def(e, i, d);
        return;
    }
    /* compare-and-exchange loop: rax old, t new */
    if (m.base == X64_RAX) {
        int t = em_temp(e);
        x64_rr(&e->b, X64_MOV_R_RM, 8, t, X64_RAX);
        m.base = (int8_t)t;
    }
    em_take(e, X64_RAX);
    struct opnd v = em_use(e, i->arg[1], OPND_REG | OPND_MEM | OPND_IMM);
    if (v.kind == OPND_REG && v.reg == X64_RAX)
        e->overflow = true; /* em_take moved it away; cannot be */
    uint32_t keep = e->locked;
    int t = (m.base != X64_RCX && !(v.kind == OPND_REG && v.reg == X64_RCX)) ? X64_RCX : X64_RDX;
    if (m.base == t || (v.kind == OPND_REG && v.reg == t)) {
        /* address and operand fill both temporaries: the operand goes to a memory cell */
        x64_rm(&e->b, X64_MOV_RM_R, 8, v.reg, em_cpu(offsetof(struct cpu, exit_value)));
        t = v.reg;
        v = (struct opnd){.kind = OPND_MEM, .mem = em_cpu(offsetof(struct cpu, exit_value))};
    }
    em_take(e, t);
    e->locked = keep | 1u << t;
    address_done(e, i->arg[0]);
    em_done(e, i->arg[1]);
    em_may_fault(e);
    x64_rm(&e->b, X64_MOV_R_RM, size, X64_RAX, m);
    size_t loop = e->b.len;
    static const uint16_t reg_rows[] = {[IR_RMW_AND] = X64_AND_R_RM, [IR_RMW_OR] = X64_OR_R_RM, [IR_RMW_XOR] = X64_XOR_R_RM};
    static const uint8_t keep_cc[] = {[IR_RMW_MINS] = X64_LE, [IR_RMW_MAXS] = X64_GE, [IR_RMW_MINU] = X64_BE, [IR_RMW_MAXU] = X64_AE};
    if (kind <= IR_RMW_XOR) {
        x64_rr(&e->b, X64_MOV_R_RM, size, t, X64_RAX);
        if (v.kind == OPND_MEM)
            x64_rm(&e->b, (enum x64_row)reg_rows[kind], size, t, v.mem);
        else if (v.kind == OPND_IMM)
            x64_ri(&e->b, kind == IR_RMW_AND ? X64_AND_RM_IMM32 : kind == IR_RMW_OR ? X64_OR_RM_IMM32 : X64_XOR_RM_IMM32, size, t, v.imm);
        else
            x64_rr(&e->b, (enum x64_row)reg_rows[kind], size, t, v.reg);
    } else {
        if (v.kind == OPND_MEM)
            x64_rm(&e->b, X64_MOV_R_RM, size, t, v.mem);
        else if (v.kind == OPND_IMM)
            x64_ri(&e->b, X64_MOV_RM_IMM32, size, t, v.imm);
        else
            x64_rr(&e->b, X64_MOV_R_RM, size, t, v.reg);
        x64_rr(&e->b, X64_CMP_R_RM, size, X64_RAX, t);
        x64_cmovcc(&e->b, (enum x64_cc)keep_cc[kind], size, t, X64_RAX);
    }
    if (shared(e)) {
        x64_0(&e->b, X64_LOCK, 0);
        x64_rm(&e->b, X64_CMPXCHG_RM_R, size, t, m);
        x64_jcc(&e->b, X64_NE, loop);
    } else {
        x64_rm(&e->b, X64_MOV_RM_R, size, t, m);
    }
    em_kill(e, t);
    em_kill(e, X64_RAX);
    em_def(e, i, X64_RAX);
}

static void lower_fence(struct em *e, struct ir_ins *i)
{
    unsigned before = i->imm & 15, after = i->imm >> 4 & 15;
    if ((before & (IR_FENCE_W | IR_FENCE_O)) && (after & (IR_FENCE_R | IR_FENCE_I)) && e->store_since && shared(e)) {
        e->store_since = false;
        /* a locked no-op on the top of the return stack: cheaper than mfence */
        x64_0(&e->b, X64_LOCK, 0);
        x64_mi(&e->b, X64_OR_RM_IMM8, 4, (struct x64_mem){.base = X64_RSP, .index = X64_NOREG}, 0);
    }
}

void em_lower_mem(struct em *e, struct ir_ins *i)
{
    switch (i->op) {
    case IR_OP_LOAD: lower_load(e, i); break;
    case IR_OP_STORE:
        lower_store(e, i);
        e->store_since = true;
        break;
    case IR_OP_LL: lower_ll(e, i); break;
    case IR_OP_SC:
        lower_sc(e, i);
        e->store_since = !(i->flags & INS_PAIR); /* an unpaired one may not have come to its locked instruction */
        break;
    case IR_OP_CAS:
        lower_cas(e, i);
        e->store_since = false;
        break;
    case IR_OP_RMW:
        lower_rmw(e, i);
        e->store_since = false;
        break;
    default: lower_fence(e, i); break;
    }
}

/*
 * The lifter: the rows' semantics as IR.
 *
 * One block per call.  Every instruction starts with MARK; PUTs come after the operations of the same instruction that may
 * fault, so at every MARK and at every fault the slots are those of the instruction's start.  A slot is read by GET at its
 * first use; later uses take the value last read or written.  Slot pc is never written: exits carry their pc.
 */
#include "guest/riscv/sem.h"

#include <string.h>

#include "base/pack.h"

/* -- registers and control --------------------------------------------------------------------------------- */

ir_val lift_get(struct lift *c, unsigned slot)
{
    if (!slot)
        return ir_const(c->f, IR_I64, 0);
    if (!c->slot[slot]) {
        enum ir_type t = slot >= RV_SLOT_f && slot < RV_SLOT_pc ? IR_F64 : IR_I64;
        c->slot[slot] = ir_emit(c->f, IR_OP_GET, t, 0, 0, 0, slot, 0);
    }
    return c->slot[slot];
}

void lift_put(struct lift *c, unsigned slot, ir_val v)
{
    c->slot[slot] = v;
    if (c->apart) {
        c->written |= UINT32_C(1) << (slot - RV_SLOT_x);
        return;
    }
    ir_emit(c->f, IR_OP_PUT, IR_VOID, v, 0, 0, slot, 0);
}

void lift_goto(struct lift *c, uint64_t pc, uint64_t return_pc)
{
    ir_emit(c->f, IR_OP_GOTO, IR_VOID, 0, 0, 0, pc, return_pc);
    c->ended = true;
}

void lift_trap(struct lift *c, enum ir_trap kind, uint64_t value)
{
    ir_val v = ir_const(c->f, IR_I64, value);
    ir_emit(c->f, IR_OP_TRAP, IR_VOID, v, 0, 0, kind, c->pc);
    c->ended = true;
}

static bool covered(const struct guest_lift *g, uint64_t pc)
{
    for (unsigned k = 0; k < g->nranges; k++)
        if (pc >= g->range[k].start && pc < g->range[k].end)
            return true;
    return false;
}

/* Continues at the target of a jump without link if the caller wants that, else ends the block. */
static void jump(struct lift *c, uint64_t target)
{
    struct guest_lift *g = c->g;
    size_t avail = 0;
    if (!g->follow_jumps || g->nranges == GUEST_MAX_RANGES || covered(g, target) || !g->code->fetch(g->code->ctx, target, &avail) ||
        avail < 2) {
        lift_goto(c, target, 0);
        return;
    }
    g->range[g->nranges - 1].end = c->next;
    g->range[g->nranges++] = (struct guest_range){target, target};
    c->next = target;
}

static bool both_ways(struct lift *c, ir_val cond, uint64_t target);

static void branch(struct lift *c, ir_val cond)
{
    uint64_t target = c->pc + (uint64_t)c->in->imm, known;
    if (ir_is_const(c->f, cond, &known)) {
        if (known)
            jump(c, target);
        return;
    }
    if (both_ways(c, cond, target))
        return;
    ir_emit(c->f, IR_OP_EXITIF, IR_VOID, cond, 0, 0, target, 0);
    c->seen = c->f->nvals;
    if (c->in->imm > 0 && c->exits < c->g->max_side_exits)
        c->exits++;
    else
        lift_goto(c, c->next, 0);
}

/* x1 and x5 hold return addresses (unprivileged manual, "JALR": return-address stack hints). */
static bool is_link(unsigned reg)
{
    return reg == 1 || reg == 5;
}

static void jump_and_link(struct lift *c, unsigned rd, uint64_t target)
{
    uint64_t back = c->next;
    if (!rd) {
        jump(c, target);
        return;
    }
    lift_setx(c, rd, ir_const(c->f, IR_I64, back));
    lift_goto(c, target, is_link(rd) ? back : 0);
}

static void jalr(struct lift *c, unsigned rd, unsigned rs1)
{
    uint64_t back = c->next, known;
    ir_val target = lift_get(c, RV_SLOT_x + rs1);
    if (c->in->imm)
        target = ir_make(c->f, IR_OP_ADD, IR_I64, target, ir_const(c->f, IR_I64, (uint64_t)c->in->imm), 0);
    target = ir_make(c->f, IR_OP_AND, IR_I64, target, ir_const(c->f, IR_I64, ~UINT64_C(1)), 0);
    if (ir_is_const(c->f, target, &known)) { /* of an auipc, as far calls are */
        jump_and_link(c, rd, known);
        return;
    }
    if (rd)
        lift_setx(c, rd, ir_const(c->f, IR_I64, back));
    enum ir_jump hint = is_link(rd) ? IR_JUMP_CALL : is_link(rs1) ? IR_JUMP_RET : IR_JUMP;
    ir_emit(c->f, IR_OP_GOTOIND, IR_VOID, target, 0, 0, hint, hint == IR_JUMP_CALL ? back : 0);
    c->ended = true;
}

static void leave(struct lift *c, enum ir_op op)
{
    ir_emit(c->f, op, IR_VOID, 0, 0, 0, c->next, 0);
    c->ended = true;
}

static void fence(struct lift *c, unsigned before, unsigned after)
{
    ir_emit(c->f, IR_OP_FENCE, IR_VOID, 0, 0, 0, before | after << 4, 0);
}

/* -- operations -------------------------------------------------------------------------------------------- */

/* v = x + a constant, and not a constant itself: x, or 0. */
static ir_val base_of(const struct lift *c, ir_val v, uint64_t *k)
{
    const struct ir_ins *d = c->f->def[v];
    return d->op == IR_OP_ADD && d->type == IR_I64 && ir_is_const(c->f, d->arg[1], k) ? d->arg[0] : 0;
}

/* Has every register that held x been overwritten? */
static bool overwritten(const struct lift *c, ir_val x)
{
    for (unsigned k = 1; k < 32; k++)
        if (c->slot[RV_SLOT_x + k] == x)
            return false;
    return true;
}

/*
 * An op whose result has the type of its first operand, or i1.  y + a constant is not folded to x + another if a register had to be right with
 * y already and none has x: y is at hand, and x need not be kept.
 */
static ir_val same(struct lift *c, enum ir_op op, ir_val a, ir_val b)
{
    uint64_t k;
    ir_val x = op == IR_OP_ADD && a < c->seen && ir_is_const(c->f, b, &k) && k ? base_of(c, a, &k) : 0;
    if (x && overwritten(c, x))
        return ir_emit(c->f, op, ir_typeof(c->f, a), a, b, 0, 0, 0);
    return ir_make(c->f, op, ir_typeof(c->f, a), a, b, 0);
}

static ir_val to(struct lift *c, enum ir_op op, enum ir_type t, ir_val a)
{
    return ir_make(c->f, op, t, a, 0, 0);
}

/* As to(), but the value made before if it is one of the last `keep`. */
static ir_val once(struct lift *c, struct memo *m, unsigned keep, enum ir_op op, enum ir_type t, ir_val a)
{
    for (unsigned k = 0; k < keep; k++)
        if (m->last[k].from == a && a)
            return m->last[k].made;
    ir_val v = to(c, op, t, a);
    unsigned k = m->n++ % keep;
    m->last[k].from = a;
    m->last[k].made = v;
    return v;
}

/* 32-bit results are kept extended, and compilers extend them again: the same value then, not another. */
static ir_val sext(struct lift *c, ir_val a)
{
    return once(c, &c->sext, ARRAY_LEN(c->sext.last), IR_OP_SEXT, IR_I64, a);
}

/* The low half of a register, which is often wanted twice: rules see that it is the same. */
static ir_val low(struct lift *c, ir_val a)
{
    return once(c, &c->low, 4, IR_OP_TRUNC, IR_I32, a);
}

/* Floating-point ops of type t with the rounding mode of field r; ops without a mode have rm = 0 in their rows. */
static ir_val fp_op(struct lift *c, enum ir_op op, enum ir_type t, ir_val a, ir_val b, ir_val d)
{
    return ir_emit(c->f, op, t, a, b, d, (ir_op_info[op].flags & IR_F_RM) ? c->in->rm : 0, FP_NAN_CANONICAL);
}

static ir_val fp_same(struct lift *c, enum ir_op op, ir_val a, ir_val b, ir_val d)
{
    return fp_op(c, op, ir_typeof(c->f, a), a, b, d);
}

/* Narrower float in an f register.  Right after a boxing write of this block the value is at hand. */
static ir_val unboxed(struct lift *c, enum ir_type t, unsigned reg)
{
    ir_val v = lift_get(c, RV_SLOT_f + reg);
    const struct ir_ins *def = c->f->def[v];
    if (def->op == IR_OP_NANBOX && ir_typeof(c->f, def->arg[0]) == t)
        return def->arg[0];
    return to(c, IR_OP_NANUNBOX, t, v);
}

static ir_val sign_flipped(struct lift *c, ir_val a, ir_val b)
{
    if (a == b)
        return same(c, IR_OP_FABS, a, 0);
    enum ir_type t = ir_typeof(c->f, a), i = t == IR_F64 ? IR_I64 : IR_I32;
    ir_val sign = ir_const(c->f, i, t == IR_F64 ? UINT64_C(1) << 63 : UINT64_C(1) << 31);
    ir_val ab = to(c, IR_OP_BITS, i, a), bb = to(c, IR_OP_BITS, i, b);
    return to(c, IR_OP_FLOAT, t, same(c, IR_OP_XOR, ab, same(c, IR_OP_AND, bb, sign)));
}

static ir_val sign_from(struct lift *c, ir_val a, ir_val b)
{
    return a == b ? a : same(c, IR_OP_FSGNJ, a, b);
}

static ir_val sign_against(struct lift *c, ir_val a, ir_val b)
{
    return a == b ? same(c, IR_OP_FNEG, a, 0) : same(c, IR_OP_FSGNJ, a, same(c, IR_OP_FNEG, b, 0));
}

/* The same for the address of an access, in case of whose fault registers have to be right: the one that is named, or sp. */
static ir_val address(struct lift *c, ir_val addr)
{
    uint64_t a, b;
    ir_val x = base_of(c, addr, &a);
    for (unsigned k = 0; k < 2 && x; k++) {
        ir_val y = c->slot[RV_SLOT_x + (k ? 2u : c->in->rs1)];
        if (y && y != addr && base_of(c, y, &b) == x && overwritten(c, x))
            return ir_emit(c->f, IR_OP_ADD, IR_I64, y, ir_const(c->f, IR_I64, a - b), 0, 0, 0);
    }
    return addr;
}

static ir_val load(struct lift *c, enum ir_type t, ir_val addr)
{
    addr = address(c, addr);
    c->seen = c->f->nvals;
    return ir_emit(c->f, IR_OP_LOAD, t, addr, 0, 0, IR_RELAXED, 0);
}

static void store(struct lift *c, ir_val addr, ir_val v)
{
    addr = address(c, addr);
    c->seen = c->f->nvals;
    ir_emit(c->f, IR_OP_STORE, IR_VOID, addr, v, 0, IR_RELAXED, 0);
}

static ir_val atomic(struct lift *c, enum ir_op op, enum ir_type t, ir_val addr, ir_val b, ir_val d, unsigned f)
{
    return ir_emit(c->f, op, t, addr, b, d, rv_order(c->in), f);
}

/* -- the words: each names its operands, in order, under names of its own ---------------------------------- */

#define PASTE_(a, b) a##b
#define PASTE(a, b)  PASTE_(a, b)
#define NAME1(n, fn, op, a)        \
    ({                             \
        ir_val PASTE(a_, n) = (a); \
        fn(c, op, PASTE(a_, n));   \
    })
#define NAME2(n, fn, op, a, b)                 \
    ({                                         \
        ir_val PASTE(a_, n) = (a);             \
        ir_val PASTE(b_, n) = (b);             \
        fn(c, op, PASTE(a_, n), PASTE(b_, n)); \
    })
#define NAME3(n, fn, op, a, b, d)                            \
    ({                                                       \
        ir_val PASTE(a_, n) = (a);                           \
        ir_val PASTE(b_, n) = (b);                           \
        ir_val PASTE(d_, n) = (d);                           \
        fn(c, op, PASTE(a_, n), PASTE(b_, n), PASTE(d_, n)); \
    })
#define W1(fn, op, a)       NAME1(__COUNTER__, fn, op, a)
#define W2(fn, op, a, b)    NAME2(__COUNTER__, fn, op, a, b)
#define W3(fn, op, a, b, d) NAME3(__COUNTER__, fn, op, a, b, d)

#define same1(c, op, a)         same(c, op, a, 0)
#define fp_same1(c, op, a)      fp_same(c, op, a, 0, 0)
#define fp_same2(c, op, a, b)   fp_same(c, op, a, b, 0)
#define fp_compare(c, op, a, b) fp_op(c, op, IR_I1, a, b, 0)
#define plain(c, fn, a, b)      fn(c, a, b)
#define plain_load(c, t, a)     load(c, t, a)

#define X(f)       lift_get(c, RV_SLOT_x + RVF_##f)
#define W(f)       low(c, X(f))
#define SET(f, v)  lift_setx(c, RVF_##f, (v))
#define F(f)       lift_get(c, RV_SLOT_f + RVF_##f)
#define FS(f)      unboxed(c, IR_F32, RVF_##f)
#define FH(f)      unboxed(c, IR_F16, RVF_##f)
#define SETF(f, v) lift_put(c, RV_SLOT_f + RVF_##f, (v))
#define IMM        ir_const(c->f, IR_I64, (uint64_t)c->in->imm)
#define IMMW       ir_const(c->f, IR_I32, (uint32_t)c->in->imm)
#define K(n)       ir_const(c->f, IR_I64, n)
#define KW(n)      ir_const(c->f, IR_I32, n)
#define PC         ir_const(c->f, IR_I64, c->pc)
#define FIELD(f)   (RVF_##f != 0)

#define ADD(a, b)              W2(same, IR_OP_ADD, a, b)
#define SUB(a, b)              W2(same, IR_OP_SUB, a, b)
#define MUL(a, b)              W2(same, IR_OP_MUL, a, b)
#define MULHS(a, b)            W2(same, IR_OP_MULHS, a, b)
#define MULHU(a, b)            W2(same, IR_OP_MULHU, a, b)
#define MULHSU(a, b)           W2(same, IR_OP_MULHSU, a, b)
#define DIVS(a, b)             W2(same, IR_OP_DIVS, a, b)
#define DIVU(a, b)             W2(same, IR_OP_DIVU, a, b)
#define REMS(a, b)             W2(same, IR_OP_REMS, a, b)
#define REMU(a, b)             W2(same, IR_OP_REMU, a, b)
#define AND(a, b)              W2(same, IR_OP_AND, a, b)
#define OR(a, b)               W2(same, IR_OP_OR, a, b)
#define XOR(a, b)              W2(same, IR_OP_XOR, a, b)
#define NOT(a)                 XOR(a, K(~UINT64_C(0)))
#define SHL(a, b)              W2(same, IR_OP_SHL, a, b)
#define SHR(a, b)              W2(same, IR_OP_SHR, a, b)
#define SAR(a, b)              W2(same, IR_OP_SAR, a, b)
#define ROTL(a, b)             W2(same, IR_OP_ROTL, a, b)
#define ROTR(a, b)             W2(same, IR_OP_ROTR, a, b)
#define MINS(a, b)             W2(same, IR_OP_MINS, a, b)
#define MAXS(a, b)             W2(same, IR_OP_MAXS, a, b)
#define MINU(a, b)             W2(same, IR_OP_MINU, a, b)
#define MAXU(a, b)             W2(same, IR_OP_MAXU, a, b)
#define CLZ(a)                 W1(same1, IR_OP_CLZ, a)
#define CTZ(a)                 W1(same1, IR_OP_CTZ, a)
#define POPCNT(a)              W1(same1, IR_OP_POPCNT, a)
#define BSWAP(a)               W1(same1, IR_OP_BSWAP, a)
#define ORCB(a)                W1(same1, IR_OP_ORCB, a)
#define BITREV8(a)             W1(same1, IR_OP_BITREV8, a)
#define CLMUL(a, b)            W2(same, IR_OP_CLMUL, a, b)
#define CLMULH(a, b)           W2(same, IR_OP_CLMULH, a, b)
#define EQ(a, b)               W2(same, IR_OP_EQ, a, b)
#define NE(a, b)               W2(same, IR_OP_NE, a, b)
#define LTS(a, b)              W2(same, IR_OP_LTS, a, b)
#define LTU(a, b)              W2(same, IR_OP_LTU, a, b)
#define LES(a, b)              W2(same, IR_OP_LES, a, b)
#define LEU(a, b)              W2(same, IR_OP_LEU, a, b)
#define select(c, op, a, b, d) ir_make((c)->f, op, ir_typeof((c)->f, b), a, b, d)
#define SELECT(a, b, d)        W3(select, IR_OP_SELECT, a, b, d)
#define SEXT(a)                sext(c, (a))
#define ZEXT(a)                to(c, IR_OP_ZEXT, IR_I64, (a))
#define TRUNC(T, a)            to(c, IR_OP_TRUNC, IR_##T, (a))

#define LOAD(T, a)               load(c, IR_##T, (a))
#define STORE(a, v)              W2(plain, store, a, v)
#define LL(T, a)                 atomic(c, IR_OP_LL, IR_##T, (a), 0, 0, 0)
#define lift_sc(c, op, a, b)     atomic(c, op, IR_I1, a, b, 0, 0)
#define SC(a, v)                 W2(lift_sc, IR_OP_SC, a, v)
#define lift_cas(c, op, a, b, d) atomic(c, op, ir_typeof((c)->f, d), a, b, d, 0)
#define CAS(a, e, v)             W3(lift_cas, IR_OP_CAS, a, e, v)
#define lift_rmw(c, k, a, b)     atomic(c, IR_OP_RMW, ir_typeof((c)->f, b), a, b, 0, k)
#define RMW(k, a, v)             W2(lift_rmw, IR_RMW_##k, a, v)

#define bits_of(c, op, a) to(c, op, ir_typeof((c)->f, a) == IR_F64 ? IR_I64 : IR_I32, a)
#define BITS(a)           W1(bits_of, IR_OP_BITS, a)
#define FLOAT(T, a)       to(c, IR_OP_FLOAT, IR_##T, (a))
#define NANBOX(a)         to(c, IR_OP_NANBOX, IR_F64, (a))
#define FADD(a, b)        W2(fp_same2, IR_OP_FADD, a, b)
#define FSUB(a, b)        W2(fp_same2, IR_OP_FSUB, a, b)
#define FMUL(a, b)        W2(fp_same2, IR_OP_FMUL, a, b)
#define FDIV(a, b)        W2(fp_same2, IR_OP_FDIV, a, b)
#define FSQRT(a)          W1(fp_same1, IR_OP_FSQRT, a)
#define FMA(a, b, d)      W3(fp_same, IR_OP_FMA, a, b, d)
#define FNEG(a)           W1(same1, IR_OP_FNEG, a)
#define FSGNJ(a, b)       W2(plain, sign_from, a, b)
#define FSGNJN(a, b)      W2(plain, sign_against, a, b)
#define FSGNJX(a, b)      W2(plain, sign_flipped, a, b)
#define FMINNUM(a, b)     W2(fp_same2, IR_OP_FMINNUM, a, b)
#define FMAXNUM(a, b)     W2(fp_same2, IR_OP_FMAXNUM, a, b)
#define FMINIMUM(a, b)    W2(fp_same2, IR_OP_FMINIMUM, a, b)
#define FMAXIMUM(a, b)    W2(fp_same2, IR_OP_FMAXIMUM, a, b)
#define FEQ(a, b)         W2(fp_compare, IR_OP_FEQ, a, b)
#define FLT(a, b)         W2(fp_compare, IR_OP_FLT, a, b)
#define FLE(a, b)         W2(fp_compare, IR_OP_FLE, a, b)
#define FLTQ(a, b)        W2(fp_compare, IR_OP_FLTQ, a, b)
#define FLEQ(a, b)        W2(fp_compare, IR_OP_FLEQ, a, b)
#define FCVT(T, a)        fp_op(c, IR_OP_FCVT, IR_##T, (a), 0, 0)
#define S2F(T, a)         fp_op(c, IR_OP_S2F, IR_##T, (a), 0, 0)
#define U2F(T, a)         fp_op(c, IR_OP_U2F, IR_##T, (a), 0, 0)
#define F2S(T, a)         fp_op(c, IR_OP_F2S, IR_##T, (a), 0, 0)
#define F2U(T, a)         fp_op(c, IR_OP_F2U, IR_##T, (a), 0, 0)
#define F2SMOD(a)         fp_op(c, IR_OP_F2SMOD, IR_I32, (a), 0, 0)
#define FRINT(a)          W1(fp_same1, IR_OP_FRINT, a)
#define FRINTX(a)         W1(fp_same1, IR_OP_FRINTX, a)
#define FCLASS(a)         to(c, IR_OP_FCLASS, IR_I64, (a))
#define FLI(T)            ir_const(c->f, IR_##T, rv_fli_bits((unsigned)c->in->imm, ir_bits(IR_##T)))

#define BRANCH(cond)          branch(c, (cond))
#define JAL(f)                jump_and_link(c, RVF_##f, c->pc + (uint64_t)c->in->imm)
#define JALR(f, g)            jalr(c, RVF_##f, RVF_##g)
#define ECALL                 leave(c, IR_OP_SYSCALL)
#define ISYNC                 leave(c, IR_OP_ISYNC)
#define EBREAK                lift_trap(c, IR_TRAP_BREAK, c->pc)
#define ILLEGAL               lift_trap(c, IR_TRAP_ILLEGAL, c->in->raw)
#define FENCE                 fence(c, c->in->csr >> 4 & 15, c->in->csr & 15)
#define FENCE_TSO             (fence(c, IR_FENCE_R, IR_FENCE_R | IR_FENCE_W), fence(c, IR_FENCE_W, IR_FENCE_W))
#define HINT                  (void)0
#define CSR(how, f, v, write) lift_csr(c, RV_CSR_##how, RVF_##f, (v), (write))
#define CALL(name)            lift_##name(c)

/* -- instructions ------------------------------------------------------------------------------------------- */

static void lift_one(struct lift *c)
{
    const struct insn *in = c->in;
    switch ((enum rv_op)in->op) {
#define INSN(name, bits, operands, semantics, doc) \
    case RV_##name:                                \
        semantics;                                 \
        break;
#include "isa/riscv/exts.def"
    case RV_undefined:
    case RV_OP_COUNT:
        if (!lift_hostcall(c))
            lift_trap(c, IR_TRAP_ILLEGAL, in->raw);
        break;
    }
}

/* Guest bytes at a moving pc. */
struct reader {
    const struct guest_code *code;
    uint64_t pc;
    const uint8_t *p;
    size_t avail;
};

/* The encoding at pc; false: it cannot be fetched and *bad is the first address that cannot. */
static bool read_insn(struct reader *r, uint64_t pc, uint32_t *raw, uint64_t *bad)
{
    uint64_t skip = pc - r->pc;
    if (r->p && skip < r->avail && r->avail - skip >= 4) {
        r->p += skip;
        r->avail -= skip;
    } else {
        r->p = r->code->fetch(r->code->ctx, pc, &r->avail);
    }
    r->pc = pc;
    *bad = pc;
    if (!r->p || r->avail < 2)
        return false;
    if (r->avail >= 4) {
        *raw = load_u32(r->p);
        return true;
    }
    *raw = load_u16(r->p);
    if (rv_length(*raw) == 2)
        return true;
    size_t avail;
    const uint8_t *q = r->code->fetch(r->code->ctx, pc + 2, &avail);
    *bad = pc + 2;
    if (!q || avail < 2)
        return false;
    *raw |= (uint32_t)load_u16(q) << 16;
    return true;
}

/* -- short branches ------------------------------------------------------------------------------------------ */

/*
 * A branch over one or two cheap instructions, or between two such pieces, becomes both pieces and a SELECT for each register
 * they write: branches that a host predicts badly cost it more than that.  The pieces cannot fault, so they belong to the branch's
 * own MARK: nobody can see the state between.
 */
enum { ARM_INSNS = 2, ARM_WRITES = 2 };

struct arm {
    struct insn insn[ARM_INSNS + 1]; /* one more for the jump at its end */
    unsigned n;
    uint64_t end;
};

static bool cheap(enum rv_op op)
{
    switch (op) {
    case RV_addi:
    case RV_addiw:
    case RV_andi:
    case RV_ori:
    case RV_xori:
    case RV_slli:
    case RV_srli:
    case RV_srai:
    case RV_slliw:
    case RV_srliw:
    case RV_sraiw:
    case RV_add:
    case RV_addw:
    case RV_sub:
    case RV_subw:
    case RV_and:
    case RV_or:
    case RV_xor:
    case RV_lui:
    case RV_c_addi:
    case RV_c_addiw:
    case RV_c_li:
    case RV_c_lui:
    case RV_c_srli:
    case RV_c_srai:
    case RV_c_andi:
    case RV_c_sub:
    case RV_c_xor:
    case RV_c_or:
    case RV_c_and:
    case RV_c_subw:
    case RV_c_addw:
    case RV_c_slli:
    case RV_c_mv:
    case RV_c_add: return true;
    default: return false;
    }
}

/* Reads cheap instructions from pc on, at most up to `to`; the one behind them in a->insn[a->n], false if it cannot be read. */
static bool read_arm(struct lift *c, uint64_t pc, uint64_t to, struct arm *a)
{
    struct reader r = {.code = c->g->code};
    uint32_t raw;
    uint64_t bad;
    a->n = 0;
    for (a->end = pc; a->end != to; a->end += a->insn[a->n++].len) {
        if (!read_insn(&r, a->end, &raw, &bad))
            return false;
        rv_decode(raw, &a->insn[a->n]);
        if (a->n == ARM_INSNS || !cheap((enum rv_op)a->insn[a->n].op))
            break;
    }
    return true;
}

static void keep_bytes(struct guest_lift *g, const struct arm *a, unsigned n)
{
    for (unsigned k = 0; k < n; k++) {
        store_u32(g->bytes + g->nbytes, a->insn[k].raw);
        g->nbytes += a->insn[k].len;
        g->insns++;
    }
}

/* The registers after arm a. */
static uint32_t lift_arm(struct lift *c, const struct arm *a, uint64_t pc)
{
    const struct insn *in = c->in;
    uint64_t back_pc = c->pc, back_next = c->next;
    c->written = 0;
    c->apart = true;
    for (unsigned k = 0; k < a->n; k++) {
        c->in = &a->insn[k];
        c->pc = pc;
        c->next = pc += c->in->len;
        lift_one(c);
    }
    c->apart = false;
    c->in = in;
    c->pc = back_pc;
    c->next = back_next;
    return c->written;
}

static bool lift_arms(struct lift *c, ir_val cond, uint64_t target, const struct arm *skipped, const struct arm *taken)
{
    ir_val before[32], without[32], with[32];
    const size_t size = sizeof before;
    memcpy(before, c->slot, size);
    uint32_t written = lift_arm(c, skipped, c->next);
    memcpy(without, c->slot, size);
    memcpy(c->slot, before, size);
    written |= lift_arm(c, taken, target);
    memcpy(with, c->slot, size);
    memcpy(c->slot, before, size);
    if (__builtin_popcount(written) > ARM_WRITES)
        return false; /* what was emitted has no users: it goes away */
    for (uint32_t m = written; m; m &= m - 1) {
        unsigned r = (unsigned)__builtin_ctz(m);
        ir_val old = lift_get(c, RV_SLOT_x + r), y = with[r] ? with[r] : old, n = without[r] ? without[r] : old;
        lift_put(c, RV_SLOT_x + r, y == n ? y : ir_make(c->f, IR_OP_SELECT, IR_I64, cond, y, n));
    }
    return true;
}

/* Would a block that ends there stop between the branch and where its ways meet? */
static bool stops_between(const struct guest_lift *g, uint64_t after, uint64_t join)
{
    return g->stop && g->stop >= after && g->stop < join;
}

static bool both_ways(struct lift *c, ir_val cond, uint64_t target)
{
    struct guest_lift *g = c->g;
    struct arm skipped, taken = {.end = target};
    uint64_t join = target;
    unsigned extra = 0; /* the jump */
    if (!read_arm(c, c->next, target, &skipped) || !skipped.n)
        return false;
    if (skipped.end != target) {
        const struct insn *in = &skipped.insn[skipped.n];
        bool adjoins = target == skipped.end + in->len;
        if ((in->op != RV_c_j && !(in->op == RV_jal && !in->rd)) || (!adjoins && (g->nranges == GUEST_MAX_RANGES || covered(g, target))))
            return false;
        join = skipped.end + (uint64_t)in->imm;
        if (!read_arm(c, target, join, &taken) || !taken.n || taken.end != join)
            return false;
        extra = 1;
    }
    unsigned insns = skipped.n + extra + taken.n;
    if (stops_between(g, c->next, skipped.end + extra) || stops_between(g, target, join) || g->insns + 1 + insns >= g->max_insns ||
        g->nbytes + 4 * (insns + 1) > sizeof g->bytes || !lift_arms(c, cond, target, &skipped, &taken))
        return false;
    struct guest_range *range = &g->range[g->nranges - 1];
    keep_bytes(g, &skipped, skipped.n + extra);
    range->end = skipped.end + (extra ? skipped.insn[skipped.n].len : 0);
    if (extra) {
        keep_bytes(g, &taken, taken.n);
        if (range->end == target)
            range->end = join;
        else
            g->range[g->nranges++] = (struct guest_range){target, join};
    }
    c->next = join;
    return true;
}

/* -- the block --------------------------------------------------------------------------------------------- */

enum btv_status rv_lift(struct guest_lift *g, struct ir_func *f)
{
    struct insn in;
    struct lift lift = {.f = f, .g = g, .in = &in, .pc = g->pc, .next = g->pc}, *c = &lift;
    struct reader reader = {.code = g->code};
    g->insns = 0;
    g->nbytes = 0;
    g->nranges = 1;
    g->range[0] = (struct guest_range){g->pc, g->pc};
    f->pc = g->pc;
    if (!ir_block_new(f))
        return BTV_NOMEM;
    while (!c->ended) {
        uint32_t raw;
        uint64_t bad;
        c->pc = c->next;
        if (g->insns == g->max_insns || (g->insns && c->pc == g->stop) || g->nbytes + sizeof raw > sizeof g->bytes) {
            lift_goto(c, c->pc, 0);
            break;
        }
        if (g->insns && c->pc == g->pc) { /* back at the start, through a jump that was followed */
            lift_goto(c, c->pc, 0);
            break;
        }
        if (!read_insn(&reader, c->pc, &raw, &bad)) {
            if (g->insns)
                lift_goto(c, c->pc, 0);
            else
                lift_trap(c, IR_TRAP_FETCH, bad);
            break;
        }
        rv_decode(raw, &in);
        c->next = c->pc + in.len;
        g->range[g->nranges - 1].end = c->next;
        store_u32(g->bytes + g->nbytes, raw); /* of a short one, the next overwrites the rest */
        g->nbytes += in.len;
        ir_emit(f, IR_OP_MARK, IR_VOID, 0, 0, 0, c->pc, in.len);
        lift_one(c);
        g->insns++;
    }
    return arena_ok(f->arena) ? BTV_OK : BTV_NOMEM;
}

/*
 * Folding while building: ops on constants, and the local identities.
 *
 * ir_make is ir_emit plus one look at the operands.  An identity here replaces the new op by an older value, a
 * constant, or one op that is no dearer; it looks no further than the operands' own definitions and never touches
 * what is already built, so it costs a switch.  Everything else is a matter for the optimiser's rules.  Every
 * identity holds for all operand values at every width; tests/ir/fold_test.c compares folded and unfolded code.
 */
#include "ir/ir.h"

#include "ir/arith.h"

/* -- the meaning of pure ops ------------------------------------------------------------------------------- */

static enum fp_fmt fmt_of(enum ir_type t)
{
    return t == IR_F16 ? FP_F16 : t == IR_F32 ? FP_F32 : FP_F64;
}

/* The three pure ops whose meaning depends on more than a, b, c and w; clears *pure for all others. */
static uint64_t eval_special(enum ir_op op, enum ir_type t, enum ir_type src, uint64_t a, uint64_t imm, bool *pure)
{
    if (op == IR_OP_CONST)
        return imm;
    if (op == IR_OP_FCLASS)
        return fp_class(fmt_of(src), a);
    if (op == IR_OP_NANUNBOX) {
        uint64_t upper = ir_mask(ir_bits(src)) & ~ir_mask(ir_bits(t));
        return (a & upper) == upper ? a : fp_canonical_nan(fmt_of(t));
    }
    *pure = false;
    return 0;
}

bool ir_eval_pure(enum ir_op op, enum ir_type t, enum ir_type src, uint64_t a, uint64_t b, uint64_t c, uint64_t imm, uint64_t *out)
{
    unsigned w = ir_bits(src) - 1 < 64 ? ir_bits(src) : 64, wt = ir_bits(t) - 1 < 64 ? ir_bits(t) : 64;
    int64_t sa = ir_sx(a, w), sb = ir_sx(b, w);
    uint64_t r = 0;
    bool pure = true;
    switch (op) {
#define NOEVAL eval_special(op, t, src, a, imm, &pure)
#define OP(code, NAME, text, sig, flags, eval, smt, doc) \
    case IR_OP_##NAME:                                   \
        r = (uint64_t)(eval);                            \
        break;
#include "ir/ops.def"
#undef OP
#undef NOEVAL
    case IR_NOP:
    case IR_OP_LIMIT:
        return false;
    }
    if (pure)
        *out = r & ir_mask(wt);
    return pure;
}

/* -- identities -------------------------------------------------------------------------------------------- */

/* The op being made.  A defines a; ka, kb: that operand is constant, with the bits KA, KB. */
struct fold {
    struct ir_func *f;
    enum ir_op op;
    enum ir_type t;   /* of the result */
    enum ir_type src; /* of the first operand */
    ir_val a, b, c;
    const struct ir_ins *A;
    uint64_t KA, KB;
    bool ka, kb;
    unsigned depth;
};

/* An identity may make an op that folds again; code built without folding could make that go on and on. */
enum { MAX_DEPTH = 8 };

static ir_val make(struct ir_func *f, enum ir_op op, enum ir_type t, const ir_val arg[3], unsigned depth);

static ir_val make1(const struct fold *o, enum ir_op op, ir_val a)
{
    return make(o->f, op, o->t, (ir_val[3]){a}, o->depth + 1);
}

static ir_val make_k(const struct fold *o, enum ir_op op, ir_val a, uint64_t k)
{
    return make(o->f, op, o->t, (ir_val[3]){a, ir_const(o->f, o->t, k)}, o->depth + 1);
}

/* If operand a is itself (op x K): stores K. */
static bool chain(const struct fold *o, enum ir_op op, uint64_t *k)
{
    return o->kb && o->A->op == op && ir_is_const(o->f, o->A->arg[1], k);
}

static bool comm_assoc(const struct fold *o, uint64_t *k)
{
    return chain(o, o->op, k);
}

/* The comparison that is true exactly when i is not, with *swap: of the exchanged operands. */
static enum ir_op inverse(const struct ir_ins *i, bool *swap)
{
    *swap = true;
    switch (i->op) {
    case IR_OP_LTS:
        return IR_OP_LES;
    case IR_OP_LES:
        return IR_OP_LTS;
    case IR_OP_LTU:
        return IR_OP_LEU;
    case IR_OP_LEU:
        return IR_OP_LTU;
    case IR_OP_EQ:
        *swap = false;
        return IR_OP_NE;
    case IR_OP_NE:
        *swap = false;
        return IR_OP_EQ;
    default:
        return IR_NOP;
    }
}

/* not v, for v defined by an integer comparison; else 0 */
static ir_val invert(const struct fold *o, ir_val v)
{
    bool swap;
    const struct ir_ins *i = o->f->def[v];
    enum ir_op op = inverse(i, &swap);
    if (op == IR_NOP)
        return 0;
    return make(o->f, op, IR_I1, (ir_val[3]){i->arg[swap], i->arg[!swap]}, o->depth + 1);
}

/* a compared with the constant b by EQ (want 0) or NE (want 1), where a is a truth value, perhaps widened */
static ir_val compare_truth(const struct fold *o)
{
    ir_val truth = 0;
    if (o->src == IR_I1)
        truth = o->a;
    else if (o->A->op == IR_OP_ZEXT && ir_typeof(o->f, o->A->arg[0]) == IR_I1)
        truth = o->A->arg[0];
    if (!truth || o->KB > 1)
        return 0;
    bool same = (o->op == IR_OP_NE) == (o->KB == 0); /* ne x,0 and eq x,1 are x */
    return same ? truth : invert(o, truth);
}

static ir_val fold_add(const struct fold *o)
{
    uint64_t k;
    if (!o->kb)
        return 0;
    if (o->KB == 0)
        return o->a;
    return comm_assoc(o, &k) ? make_k(o, IR_OP_ADD, o->A->arg[0], k + o->KB) : 0;
}

static ir_val fold_sub(const struct fold *o)
{
    if (o->a == o->b)
        return ir_const(o->f, o->t, 0);
    return o->kb ? make_k(o, IR_OP_ADD, o->a, -o->KB) : 0;
}

static ir_val fold_mul(const struct fold *o)
{
    if (!o->kb)
        return 0;
    if (o->KB == 0)
        return o->b;
    if (o->KB == 1)
        return o->a;
    return (o->KB & (o->KB - 1)) == 0 ? make_k(o, IR_OP_SHL, o->a, (unsigned)__builtin_ctzll(o->KB)) : 0;
}

static ir_val fold_and(const struct fold *o)
{
    uint64_t k;
    if (o->a == o->b)
        return o->a;
    if (!o->kb)
        return 0;
    if (o->KB == 0)
        return o->b;
    if (o->KB == ir_mask(ir_bits(o->t)))
        return o->a;
    if (o->A->op == IR_OP_ZEXT && (~o->KB & ir_mask(ir_bits(ir_typeof(o->f, o->A->arg[0])))) == 0)
        return o->a; /* all bits that can be one are kept */
    return comm_assoc(o, &k) ? make_k(o, IR_OP_AND, o->A->arg[0], k & o->KB) : 0;
}

static ir_val fold_or(const struct fold *o)
{
    uint64_t k;
    if (o->a == o->b)
        return o->a;
    if (!o->kb)
        return 0;
    if (o->KB == 0)
        return o->a;
    if (o->KB == ir_mask(ir_bits(o->t)))
        return o->b;
    return comm_assoc(o, &k) ? make_k(o, IR_OP_OR, o->A->arg[0], k | o->KB) : 0;
}

static ir_val fold_xor(const struct fold *o)
{
    uint64_t k;
    if (o->a == o->b)
        return ir_const(o->f, o->t, 0);
    if (!o->kb)
        return 0;
    if (o->KB == 0)
        return o->a;
    if (o->t == IR_I1)
        return invert(o, o->a);
    return comm_assoc(o, &k) ? make_k(o, IR_OP_XOR, o->A->arg[0], k ^ o->KB) : 0;
}

/* SHL, SHR, SAR */
static ir_val fold_shift(const struct fold *o)
{
    unsigned w = ir_bits(o->t);
    uint64_t k;
    if (!o->kb)
        return 0;
    if (o->KB == 0)
        return o->a;
    bool sar = o->op == IR_OP_SAR;
    if (o->KB >= w) {
        if (!sar)
            return ir_const(o->f, o->t, 0);
        return o->KB == w - 1 ? 0 : make_k(o, IR_OP_SAR, o->a, w - 1);
    }
    if (!chain(o, o->op, &k) || k >= w)
        return 0;
    if (k + o->KB < w)
        return make_k(o, o->op, o->A->arg[0], k + o->KB);
    return sar ? make_k(o, IR_OP_SAR, o->A->arg[0], w - 1) : ir_const(o->f, o->t, 0);
}

static ir_val fold_rotate(const struct fold *o)
{
    return o->kb && o->KB % ir_bits(o->t) == 0 ? o->a : 0;
}

/* DIVS, DIVU by 1 */
static ir_val fold_div(const struct fold *o)
{
    return o->kb && o->KB == 1 ? o->a : 0;
}

static ir_val fold_compare(const struct fold *o)
{
    if (o->a == o->b)
        return ir_const(o->f, IR_I1, o->op == IR_OP_EQ || o->op == IR_OP_LES || o->op == IR_OP_LEU);
    if (o->kb && (o->op == IR_OP_EQ || o->op == IR_OP_NE))
        return compare_truth(o);
    return 0;
}

static ir_val fold_select(const struct fold *o)
{
    if (o->b == o->c)
        return o->b;
    return o->ka ? (o->KA ? o->b : o->c) : 0;
}

/* ZEXT, SEXT: of the same op, and the sign extension of something that is never negative */
static ir_val fold_extend(const struct fold *o)
{
    if (o->src == o->t)
        return o->a;
    if (o->A->op == o->op)
        return make1(o, o->op, o->A->arg[0]);
    if (o->op == IR_OP_SEXT && o->A->op == IR_OP_ZEXT)
        return make1(o, IR_OP_ZEXT, o->A->arg[0]);
    return 0;
}

static ir_val fold_trunc(const struct fold *o)
{
    if (o->src == o->t)
        return o->a;
    if (o->A->op == IR_OP_TRUNC)
        return make1(o, IR_OP_TRUNC, o->A->arg[0]);
    if (o->A->op != IR_OP_ZEXT && o->A->op != IR_OP_SEXT)
        return 0;
    ir_val x = o->A->arg[0];
    unsigned from = ir_bits(ir_typeof(o->f, x)), to = ir_bits(o->t);
    if (from == to)
        return x;
    return make1(o, from > to ? IR_OP_TRUNC : (enum ir_op)o->A->op, x);
}

/* An op that undoes the one before it. */
static ir_val fold_undo(const struct fold *o, enum ir_op undone)
{
    return o->A->op == undone && ir_typeof(o->f, o->A->arg[0]) == o->t ? o->A->arg[0] : 0;
}

/* The value that the op reduces to, or 0. */
static ir_val fold_identity(const struct fold *o)
{
    switch (o->op) {
    case IR_OP_ADD:
        return fold_add(o);
    case IR_OP_SUB:
        return fold_sub(o);
    case IR_OP_MUL:
        return fold_mul(o);
    case IR_OP_AND:
        return fold_and(o);
    case IR_OP_OR:
        return fold_or(o);
    case IR_OP_XOR:
        return fold_xor(o);
    case IR_OP_SHL:
    case IR_OP_SHR:
    case IR_OP_SAR:
        return fold_shift(o);
    case IR_OP_ROTL:
    case IR_OP_ROTR:
        return fold_rotate(o);
    case IR_OP_DIVS:
    case IR_OP_DIVU:
        return fold_div(o);
    case IR_OP_MINS:
    case IR_OP_MAXS:
    case IR_OP_MINU:
    case IR_OP_MAXU:
    case IR_OP_FSGNJ:
        return o->a == o->b ? o->a : 0;
    case IR_OP_EQ:
    case IR_OP_NE:
    case IR_OP_LTS:
    case IR_OP_LTU:
    case IR_OP_LES:
    case IR_OP_LEU:
        return fold_compare(o);
    case IR_OP_SELECT:
        return fold_select(o);
    case IR_OP_ZEXT:
    case IR_OP_SEXT:
        return fold_extend(o);
    case IR_OP_TRUNC:
        return fold_trunc(o);
    case IR_OP_BITS:
        return fold_undo(o, IR_OP_FLOAT);
    case IR_OP_FLOAT:
        return fold_undo(o, IR_OP_BITS);
    case IR_OP_NANUNBOX:
        return fold_undo(o, IR_OP_NANBOX);
    default:
        return 0;
    }
}

static ir_val make(struct ir_func *f, enum ir_op op, enum ir_type t, const ir_val arg[3], unsigned depth)
{
    const struct ir_op_info *info = &ir_op_info[op];
    struct fold o = {.f = f, .op = op, .t = t, .a = arg[0], .b = arg[1], .c = arg[2], .depth = depth};
    o.ka = ir_is_const(f, o.a, &o.KA);
    o.kb = ir_is_const(f, o.b, &o.KB);
    if (o.ka && !o.kb && (info->flags & IR_F_COMM)) {
        o.a = arg[1], o.b = arg[0];
        o.ka = false, o.kb = true;
        o.KB = o.KA;
    }
    o.A = f->def[o.a];
    o.src = ir_typeof(f, o.a);
    if (info->sig[0] == 'b')
        o.t = IR_I1;

    uint64_t r, KC = 0;
    if (o.ka && (info->nargs < 2 || o.kb) && (info->nargs < 3 || ir_is_const(f, o.c, &KC)) &&
        ir_eval_pure(op, o.t, o.src, o.KA, o.KB, KC, 0, &r))
        return ir_const(f, o.t, r);
    ir_val same = depth < MAX_DEPTH && arena_ok(f->arena) ? fold_identity(&o) : 0;
    return same ? same : ir_emit(f, op, o.t, o.a, o.b, o.c, 0, 0);
}

ir_val ir_make(struct ir_func *f, enum ir_op op, enum ir_type t, ir_val a, ir_val b, ir_val c)
{
    const struct ir_op_info *info = &ir_op_info[op];
    /* No identity of two operands applies to different values none of which is constant. */
    bool plain = info->nargs == 2 && a != b && f->def[a]->op != IR_OP_CONST && f->def[b]->op != IR_OP_CONST;
    if (plain || !(info->flags & IR_F_PURE))
        return ir_emit(f, op, t, a, b, c, 0, 0);
    return make(f, op, t, (ir_val[3]){a, b, c}, 0);
}

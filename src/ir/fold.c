/*
 * Folding while building: ops on constants, and the rewrite rules.
 *
 * ir_make is ir_emit plus one look at the operands.  The rules are data, src/opt/rules.txt; tools/rulegen.c makes the
 * decision trees from them that rules_gen.h holds, and this file is the only place that runs them: the lifters build
 * through it, and the optimiser's fold pass builds again through it.  A rule never touches what is already built; it
 * replaces the new op by an older value, a constant, or ops that are no more and no dearer.  A table of op classes
 * tells first whether any rule could want the operands; for most ops that is all that folding costs.
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
    case IR_OP_LIMIT: return false;
    }
    if (pure)
        *out = r & ir_mask(wt);
    return pure;
}

/* -- rules ------------------------------------------------------------------------------------------------- */

/* The functions of constants that rules use, by name. */
#define EXPR(NAME, text, form, level, value, doc)                       \
    BTV_UNUSED static inline uint64_t rx_##NAME(uint64_t x, uint64_t y) \
    {                                                                   \
        return (uint64_t)(value);                                       \
    }
#include "ir/rule_expr.def"
#undef EXPR

static inline unsigned width_of(const struct ir_func *f, ir_val v)
{
    return ir_bits(ir_typeof(f, v));
}

#include "ir/rules_gen.h"

/* A rule may make an op that folds again; code built without folding could make that go on and on. */
enum { MAX_DEPTH = 8 };

static ir_val make(struct ir_func *f, enum ir_op op, enum ir_type t, const ir_val arg[3], unsigned depth)
{
    const struct ir_op_info *info = &ir_op_info[op];
    ir_val a = arg[0], b = arg[1], c = arg[2];
    uint64_t r, ka, kb = 0, kc = 0;
    bool const_a = ir_is_const(f, a, &ka), const_b = ir_is_const(f, b, &kb);
    enum ir_type src = ir_typeof(f, a);
    if (info->sig[0] == 'b')
        t = IR_I1;
    if (const_a && (info->nargs < 2 || const_b) && (info->nargs < 3 || ir_is_const(f, c, &kc)) &&
        ir_eval_pure(op, t, src, ka, kb, kc, 0, &r))
        return ir_const(f, t, r);
    if (const_a && !const_b && (info->flags & IR_F_COMM)) { /* constants move right */
        a = arg[1];
        b = arg[0];
    }
    if (info->nargs == 1 && src == t && (op == IR_OP_ZEXT || op == IR_OP_SEXT || op == IR_OP_TRUNC))
        return a; /* no such op exists; rules and lifters need not know that the widths are equal */
    ir_val v = depth < MAX_DEPTH && arena_ok(f->arena) ? rw_apply(f, op, t, a, b, c, depth) : 0;
    return v ? v : ir_emit(f, op, t, a, b, c, 0, 0);
}

ir_val ir_make(struct ir_func *f, enum ir_op op, enum ir_type t, ir_val a, ir_val b, ir_val c)
{
    uint64_t wanted = rw_want0[op] >> rw_class[f->def[a]->op] | rw_want1[op] >> rw_class[f->def[b]->op];
    if (!(wanted & 1) && (a != b || !(ir_op_info[op].flags & IR_F_PURE)))
        return ir_emit(f, op, t, a, b, c, 0, 0);
    return make(f, op, t, (ir_val[3]){a, b, c}, 0);
}

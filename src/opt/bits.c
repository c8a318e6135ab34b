/*
 * Known bits and ranges: constants that nobody wrote, conversions and masks that change nothing, comparisons that are decided, signed ops
 * and wide divisions that need not be.
 *
 * Reverse post-order, so that operands are known before their users; a block parameter may be what any edge brings, and anything if one
 * comes from below.  What a branch has decided holds in all that the way it leads to dominates, and what a side exit has not left for
 * behind it: a list that each block goes on with where its dominator ended.  What ops tell of their results is in known.c.
 */
#include "opt/bits.h"

#include "ir/arith.h"
#include "opt/opt.h"

enum { MAX_LEARNED = 8 /* looked at for an operand */, NEW_VALUES = 3 /* of a division */ };

struct learned {
    const struct learned *up;
    ir_val v;
    struct bits bits;
};

struct pass {
    struct ir_func *f;
    const struct ir_flow *flow;
    struct arena *scratch;
    struct ir_block bench;
    struct bits *bits;           /* by value, where it is defined */
    const struct learned **last; /* by block id: what is known at its end */
    const struct learned *here;
    ir_val *to;
    bool changed;
};

static unsigned width(const struct pass *p, ir_val v)
{
    return ir_bits(ir_typeof(p->f, v));
}

static struct bits lookup(const struct pass *p, ir_val v)
{
    struct bits b = p->bits[v];
    const struct learned *l = p->here;
    for (unsigned n = 0; l && n < MAX_LEARNED; n++, l = l->up)
        if (l->v == v)
            b = bits_meet(width(p, v), &b, &l->bits);
    return b;
}

static void add(struct pass *p, ir_val v, struct bits b)
{
    struct learned *l = ARENA_NEW(p->scratch, struct learned);
    if (!l)
        return;
    *l = (struct learned){.up = p->here, .v = v, .bits = b};
    p->here = l;
}

/* x op y holds; op is LTU, LEU, LTS or LES. */
static void add_order(struct pass *p, enum ir_op op, ir_val x, ir_val y)
{
    unsigned w = width(p, x);
    struct bits a = lookup(p, x), b = lookup(p, y), less = bits_any(w), more = bits_any(w);
    bool is_signed = op == IR_OP_LTS || op == IR_OP_LES, strict = op == IR_OP_LTU || op == IR_OP_LTS;
    if (strict && (is_signed ? b.shi == bits_any(w).slo || a.slo == bits_any(w).shi : !b.hi || a.lo == ir_mask(w)))
        return; /* cannot be */
    if (is_signed) {
        less.shi = b.shi - strict;
        more.slo = a.slo + strict;
    } else {
        less.hi = b.hi - strict;
        more.lo = a.lo + strict;
    }
    bits_settle(w, &less);
    bits_settle(w, &more);
    add(p, x, less);
    add(p, y, more);
}

/* The condition has been found to be `holds`. */
static void learn(struct pass *p, ir_val cond, bool holds)
{
    const struct ir_ins *d = p->f->def[cond];
    ir_val x = d->arg[0], y = d->arg[1];
    add(p, cond, bits_const(1, holds));
    switch (d->op) {
    case IR_OP_EQ:
    case IR_OP_NE:
        if (holds == (d->op == IR_OP_EQ)) {
            struct bits a = lookup(p, x), b = lookup(p, y);
            add(p, x, b);
            add(p, y, a);
        }
        break;
    case IR_OP_LTU: add_order(p, holds ? IR_OP_LTU : IR_OP_LEU, holds ? x : y, holds ? y : x); break;
    case IR_OP_LEU: add_order(p, holds ? IR_OP_LEU : IR_OP_LTU, holds ? x : y, holds ? y : x); break;
    case IR_OP_LTS: add_order(p, holds ? IR_OP_LTS : IR_OP_LES, holds ? x : y, holds ? y : x); break;
    case IR_OP_LES: add_order(p, holds ? IR_OP_LES : IR_OP_LTS, holds ? x : y, holds ? y : x); break;
    default: break;
    }
}

/* -- what is known makes ops simpler ---------------------------------------------------------------------------- */

static void become(struct pass *p, struct ir_ins *i, ir_val v)
{
    p->to[i->dst] = v;
    ir_remove(p->f, i);
    p->changed = true;
}

static void turn_into(struct pass *p, struct ir_ins *i, enum ir_op op)
{
    i->op = (uint8_t)op;
    p->changed = true;
}

static void make_const(struct pass *p, struct ir_ins *i, uint64_t k)
{
    i->imm = k;
    i->arg[0] = i->arg[1] = i->arg[2] = 0;
    i->nargs = 0;
    turn_into(p, i, IR_OP_CONST);
}

/* An extension of what was cut off does nothing if that was an extension already. */
static void simplify_extension(struct pass *p, struct ir_ins *i, const struct bits *x)
{
    const struct ir_ins *cut = p->f->def[i->arg[0]];
    if (cut->op == IR_OP_TRUNC && ir_typeof(p->f, cut->arg[0]) == (enum ir_type)i->type) {
        struct bits y = lookup(p, cut->arg[0]), in = bits_any(ir_bits((enum ir_type)cut->type));
        if (i->op == IR_OP_ZEXT ? y.hi <= in.hi : y.slo >= in.slo && y.shi <= in.shi) {
            become(p, i, cut->arg[0]);
            return;
        }
    }
    if (i->op == IR_OP_SEXT && x->slo >= 0)
        turn_into(p, i, IR_OP_ZEXT);
}

/* A division of 64 bits by 32. */
static void narrow_division(struct pass *p, struct ir_block *b, struct ir_ins *i, const struct bits *x)
{
    if (i->type != IR_I64 || x[0].hi > UINT32_MAX || x[1].hi > UINT32_MAX || (i->op == IR_OP_DIVU && !x[1].lo))
        return;
    p->f->at = &p->bench;
    ir_val u = ir_emit(p->f, IR_OP_TRUNC, IR_I32, i->arg[0], 0, 0, 0, 0), v = ir_emit(p->f, IR_OP_TRUNC, IR_I32, i->arg[1], 0, 0, 0, 0);
    u = ir_emit(p->f, (enum ir_op)i->op, IR_I32, u, v, 0, 0, 0);
    if (!arena_ok(p->f->arena))
        return;
    opt_insert_before(b, i, &p->bench);
    i->arg[0] = u;
    i->arg[1] = 0;
    i->nargs = 1;
    turn_into(p, i, IR_OP_ZEXT);
}

static void simplify(struct pass *p, struct ir_block *b, struct ir_ins *i, const struct bits *x)
{
    uint64_t all = ir_mask(ir_bits((enum ir_type)i->type));
    int take = -1; /* which operand it is */
    switch (i->op) {
    case IR_OP_ZEXT:
    case IR_OP_SEXT: simplify_extension(p, i, x); return;
    case IR_OP_AND: take = (x[1].one | x[0].zero) == all ? 0 : (x[0].one | x[1].zero) == all ? 1 : -1; break;
    case IR_OP_OR: take = (x[1].zero | x[0].one) == all ? 0 : (x[0].zero | x[1].one) == all ? 1 : -1; break;
    case IR_OP_MINU: take = x[0].hi <= x[1].lo ? 0 : x[1].hi <= x[0].lo ? 1 : -1; break;
    case IR_OP_MAXU: take = x[0].lo >= x[1].hi ? 0 : x[1].lo >= x[0].hi ? 1 : -1; break;
    case IR_OP_MINS: take = x[0].shi <= x[1].slo ? 0 : x[1].shi <= x[0].slo ? 1 : -1; break;
    case IR_OP_MAXS: take = x[0].slo >= x[1].shi ? 0 : x[1].slo >= x[0].shi ? 1 : -1; break;
    case IR_OP_SELECT: take = x[0].lo == x[0].hi ? x[0].lo ? 1 : 2 : -1; break;
    case IR_OP_SAR:
        if (x[0].slo >= 0)
            turn_into(p, i, IR_OP_SHR);
        return;
    case IR_OP_DIVS:
    case IR_OP_REMS:
        if (x[0].slo < 0 || x[1].slo < 0)
            return;
        turn_into(p, i, i->op == IR_OP_DIVS ? IR_OP_DIVU : IR_OP_REMU);
        narrow_division(p, b, i, x);
        return;
    case IR_OP_DIVU:
    case IR_OP_REMU: narrow_division(p, b, i, x); return;
    default: return;
    }
    if (take >= 0)
        become(p, i, i->arg[take]);
}

static void visit_pure(struct pass *p, struct ir_block *b, struct ir_ins *i)
{
    struct bits x[3];
    if (i->op == IR_OP_CONST) {
        p->bits[i->dst] = bits_const(ir_bits((enum ir_type)i->type), i->imm);
        return;
    }
    for (unsigned k = 0; k < i->nargs; k++)
        x[k] = lookup(p, i->arg[k]);
    struct bits r = bits_of((enum ir_op)i->op, (enum ir_type)i->type, ir_typeof(p->f, i->arg[0]), x);
    p->bits[i->dst] = r;
    if (r.lo == r.hi)
        make_const(p, i, r.lo);
    else
        simplify(p, b, i, x);
}

/* -- blocks ------------------------------------------------------------------------------------------------------- */

/* What parameter n of b may be. */
static struct bits of_param(const struct pass *p, const struct ir_block *b, uint32_t n)
{
    const struct ir_flow *w = p->flow;
    unsigned bits = ir_bits((enum ir_type)b->params[n]->type);
    struct bits all = bits_any(bits);
    bool first = true;
    for (uint32_t q = w->pred_at[b->id]; q < w->pred_at[b->id + 1]; q++) {
        if (b == p->f->first || w->order[w->pred[q]] >= w->order[b->id])
            return bits_any(bits);
        const struct ir_ins *t = w->rpo[w->order[w->pred[q]] - 1]->last;
        for (unsigned e = 0; e < ir_nedges(t); e++) {
            if (t->edges[e].to != b)
                continue;
            ir_val v = t->edges[e].args[n];
            struct bits one = p->bits[v];
            all = first ? one : bits_join(bits, &all, &one);
            first = false;
        }
    }
    return all;
}

/* What is known at the start of b, by way of its only predecessor if it has one. */
static void start_block(struct pass *p, const struct ir_block *b)
{
    const struct ir_flow *w = p->flow;
    uint32_t q = w->pred_at[b->id];
    p->here = b == p->f->first ? NULL : p->last[w->idom[b->id]];
    for (uint32_t n = 0; n < b->nparams; n++)
        p->bits[b->params[n]->dst] = of_param(p, b, n);
    if (b == p->f->first || w->pred_at[b->id + 1] - q != 1)
        return;
    const struct ir_ins *t = w->rpo[w->order[w->pred[q]] - 1]->last;
    if (t->op == IR_OP_BRIF)
        learn(p, t->arg[0], t->edges[0].to == b);
}

static void visit(struct pass *p, struct ir_block *b)
{
    start_block(p, b);
    for (struct ir_ins *i = b->first, *next; i; i = next) {
        next = i->next;
        for (unsigned k = 0; k < i->nargs; k++)
            if (p->to[i->arg[k]])
                i->arg[k] = p->to[i->arg[k]]; /* never a chain: what an op becomes is not replaced */
        if (ir_op_info[i->op].flags & IR_F_PURE)
            visit_pure(p, b, i);
        else if (i->dst)
            p->bits[i->dst] = bits_any(width(p, i->dst));
        else if (i->op == IR_OP_EXITIF)
            learn(p, i->arg[0], false);
    }
    p->last[b->id] = p->here;
}

enum btv_status opt_bits(struct ir_func *f, struct pass_ctx *cx)
{
    struct pass p = {.f = f, .flow = cx->flow, .scratch = cx->scratch};
    size_t divisions = 0;
    for (const struct ir_block *b = f->first; b; b = b->next)
        for (const struct ir_ins *i = b->first; i; i = i->next)
            divisions += i->op >= IR_OP_DIVS && i->op <= IR_OP_REMU;
    p.bits = ARENA_ARRAY(cx->scratch, struct bits, f->nvals);
    p.last = ARENA_ARRAY(cx->scratch, const struct learned *, f->nblocks + 1);
    p.to = ARENA_ARRAY(cx->scratch, ir_val, f->nvals + divisions * NEW_VALUES);
    if (!arena_ok(cx->scratch))
        return BTV_NOMEM;
    for (uint32_t n = 0; n < cx->flow->nrpo && arena_ok(f->arena); n++)
        visit(&p, cx->flow->rpo[n]);
    opt_replace_all(f, p.to);
    f->at = f->last;
    cx->changed = p.changed;
    return BTV_OK;
}

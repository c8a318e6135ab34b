/*
 * Folding of existing code: each pure instruction is made again by ir_make from its present operands.
 *
 * What ir_make builds goes to a block of its own first.  If that is the instruction we had, it is thrown away and its
 * value number given back; otherwise it moves in front of the old instruction, whose uses are redirected.  Blocks are
 * visited in reverse post-order, so operands are folded before their users; uses met before their definition exist
 * only on back edges and are redirected at the end.  Branches and side exits on constants are decided.
 */
#include "opt/opt.h"

struct fold {
    struct ir_func *f;
    struct ir_block bench; /* where ir_make works */
    ir_val *to;            /* old value -> new one, 0: stays */
    uint32_t cap;
    bool changed;
};

static bool same(const struct ir_ins *a, const struct ir_ins *b)
{
    return a->op == b->op && a->type == b->type && a->arg[0] == b->arg[0] && a->arg[1] == b->arg[1] && a->arg[2] == b->arg[2];
}

/* Forgets what lies on the bench, and the values from `first` on. */
static void clear_bench(struct fold *o, uint32_t first)
{
    o->f->nvals = first;
    o->bench.first = o->bench.last = NULL;
}

/* Values defined before the pass have an entry in `to`; younger ones are never replaced. */
static ir_val current(const struct fold *o, ir_val v)
{
    while (v < o->cap && o->to[v])
        v = o->to[v];
    return v;
}

static void refresh_operands(const struct fold *o, struct ir_ins *i)
{
    for (unsigned k = 0; k < i->nargs; k++)
        i->arg[k] = current(o, i->arg[k]);
    for (unsigned e = 0; e < ir_nedges(i); e++)
        for (uint32_t k = 0; k < i->edges[e].to->nparams; k++)
            i->edges[e].args[k] = current(o, i->edges[e].args[k]);
}

static void fold_pure(struct fold *o, struct ir_block *b, struct ir_ins *i)
{
    struct ir_func *f = o->f;
    uint32_t first = f->nvals;
    f->at = &o->bench;
    ir_val v = ir_make(f, (enum ir_op)i->op, (enum ir_type)i->type, i->arg[0], i->arg[1], i->arg[2]);
    if (!arena_ok(f->arena))
        return;
    if (v >= first && same(f->def[v], i)) {
        clear_bench(o, first);
        return;
    }
    if (v < first)
        clear_bench(o, first);
    else
        opt_insert_before(b, i, &o->bench);
    o->to[i->dst] = v;
    ir_remove(f, i);
    o->changed = true;
}

/* EXITIF and BRIF whose operand is constant.  (EXITIF 1 stays: what follows is dead, but still ends the block.) */
static void decide(struct fold *o, struct ir_ins *i)
{
    uint64_t k;
    if ((i->op != IR_OP_EXITIF && i->op != IR_OP_BRIF) || !ir_is_const(o->f, i->arg[0], &k))
        return;
    if (i->op == IR_OP_EXITIF) {
        if (k)
            return;
        ir_remove(o->f, i);
    } else {
        i->op = IR_OP_BR;
        i->edges += !k;
        i->arg[0] = 0;
        i->nargs = 0;
    }
    o->changed = true;
}

enum btv_status opt_fold(struct ir_func *f, struct pass_ctx *cx)
{
    struct fold o = {.f = f, .cap = f->nvals, .to = ARENA_ARRAY(cx->scratch, ir_val, f->nvals)};
    if (!o.to)
        return BTV_NOMEM;
    ir_count_uses(f); /* what lone() in the rules asks for; new instructions count as used by many */
    for (uint32_t n = 0; n < cx->flow->nrpo && arena_ok(f->arena); n++) {
        struct ir_block *b = cx->flow->rpo[n];
        for (struct ir_ins *i = b->first, *next; i && arena_ok(f->arena); i = next) {
            next = i->next;
            refresh_operands(&o, i);
            if ((ir_op_info[i->op].flags & IR_F_PURE) && i->op != IR_OP_CONST)
                fold_pure(&o, b, i);
            else
                decide(&o, i);
        }
    }
    for (struct ir_block *b = f->first; b; b = b->next)
        for (struct ir_ins *i = b->first; i; i = i->next)
            refresh_operands(&o, i);
    f->at = f->last;
    cx->changed = o.changed;
    return BTV_OK;
}

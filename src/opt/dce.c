/*
 * Dead code: everything is dead until something with an effect needs it.
 *
 * Needed values are marked from the operands of effects; a needed block parameter needs the arguments of all edges to
 * its block.  So a value that only feeds itself around a loop goes too.  Unreachable blocks go first.
 */
#include "opt/opt.h"

struct dce {
    struct ir_func *f;
    bool *live;            /* by value */
    ir_val *work;          /* live values whose operands were not looked at */
    uint32_t nwork;
    uint32_t *param_block; /* of a parameter: 1 + index into flow->rpo */
    uint32_t *param_index;
};

/* Has no effect but its value.  Reading state is none. */
static bool removable(const struct ir_ins *i)
{
    return (ir_op_info[i->op].flags & IR_F_PURE) || i->op == IR_OP_GET || i->op == IR_OP_FGETFLAGS || i->op == IR_OP_FGETRM;
}

static void need(struct dce *d, ir_val v)
{
    if (!v || d->live[v])
        return;
    d->live[v] = true;
    d->work[d->nwork++] = v;
}

static void need_operands(struct dce *d, const struct ir_ins *i)
{
    for (unsigned k = 0; k < i->nargs; k++)
        need(d, i->arg[k]);
}

/* The arguments that edges from predecessors bring for parameter n of b. */
static void need_arguments(struct dce *d, const struct ir_flow *w, const struct ir_block *b, uint32_t n)
{
    for (uint32_t p = w->pred_at[b->id]; p < w->pred_at[b->id + 1]; p++) {
        const struct ir_ins *t = w->rpo[w->order[w->pred[p]] - 1]->last;
        for (unsigned e = 0; e < ir_nedges(t); e++)
            if (t->edges[e].to == b)
                need(d, t->edges[e].args[n]);
    }
}

static void mark_live(struct dce *d, const struct ir_flow *w)
{
    for (uint32_t k = 0; k < w->nrpo; k++)
        for (const struct ir_ins *i = w->rpo[k]->first; i; i = i->next)
            if (!removable(i))
                need_operands(d, i);
    for (uint32_t n = 0; n < d->f->first->nparams; n++)
        need(d, d->f->first->params[n]->dst); /* the function's own */
    while (d->nwork) {
        ir_val v = d->work[--d->nwork];
        if (d->param_block[v])
            need_arguments(d, w, w->rpo[d->param_block[v] - 1], d->param_index[v]);
        else
            need_operands(d, d->f->def[v]);
    }
}

/* Removes argument n of every edge to b where keep[n] is false.  Before b->nparams changes. */
static void shrink_edges(const struct ir_flow *w, const struct ir_block *b, const bool *live)
{
    for (uint32_t k = 0; k < w->nrpo; k++) {
        struct ir_ins *t = w->rpo[k]->last;
        for (unsigned e = 0; e < ir_nedges(t); e++) {
            uint32_t to = 0;
            if (t->edges[e].to != b)
                continue;
            for (uint32_t n = 0; n < b->nparams; n++)
                if (live[b->params[n]->dst])
                    t->edges[e].args[to++] = t->edges[e].args[n];
            if (!to)
                t->edges[e].args = NULL;
        }
    }
}

static bool drop_params(struct dce *d, const struct ir_flow *w, struct ir_block *b)
{
    uint32_t left = 0;
    for (uint32_t n = 0; n < b->nparams; n++)
        left += d->live[b->params[n]->dst];
    if (left == b->nparams)
        return false;
    shrink_edges(w, b, d->live);
    left = 0;
    for (uint32_t n = 0; n < b->nparams; n++) {
        struct ir_ins *p = b->params[n];
        if (d->live[p->dst])
            b->params[left++] = p;
        else
            d->f->def[p->dst] = d->f->def[0];
    }
    b->nparams = left;
    return true;
}

enum btv_status opt_dce(struct ir_func *f, struct pass_ctx *cx)
{
    const struct ir_flow *w = cx->flow;
    struct dce d = {.f = f};
    d.live = ARENA_ARRAY(cx->scratch, bool, f->nvals);
    d.work = ARENA_ARRAY(cx->scratch, ir_val, f->nvals);
    d.param_block = ARENA_ARRAY(cx->scratch, uint32_t, f->nvals);
    d.param_index = ARENA_ARRAY(cx->scratch, uint32_t, f->nvals);
    if (!arena_ok(cx->scratch))
        return BTV_NOMEM;
    cx->changed = opt_drop_unreachable(f, w);
    for (uint32_t k = 0; k < w->nrpo; k++)
        for (uint32_t n = 0; n < w->rpo[k]->nparams; n++) {
            d.param_block[w->rpo[k]->params[n]->dst] = k + 1;
            d.param_index[w->rpo[k]->params[n]->dst] = n;
        }
    mark_live(&d, w);
    for (uint32_t k = 0; k < w->nrpo; k++) {
        struct ir_block *b = w->rpo[k];
        for (struct ir_ins *i = b->first, *next; i; i = next) {
            next = i->next;
            if (removable(i) && !d.live[i->dst]) {
                ir_remove(f, i);
                cx->changed = true;
            }
        }
        cx->changed |= drop_params(&d, w, b);
    }
    return BTV_OK;
}

/*
 * Loop-invariant code motion: a pure value that a loop does not change is computed in front of it.
 *
 * Three walks.  Down, to find for each value the largest loop in which it is always the same: all its operands come from outside or are
 * such values themselves.  A GET counts if nothing in the loop writes the slot.  Up, to decide what moves: ops that cost something, and of
 * those that cost nothing (constants, GETs, conversions) what these need.  Down again, to move.
 *
 * What moves goes to a new block in front of the loop, through which all ways in from outside lead.  If the head starts with a mark, so
 * does that block: nothing has happened yet.  Loads stay, since they may fault and others may write.
 */
#include "opt/opt.h"

enum { SLOT_WORDS = (CPU_SLOTS + 63) / 64 };

/* What a loop does, those inside it included. */
struct effects {
    uint64_t put[SLOT_WORDS];
    bool call;
    struct ir_block *before; /* the block in front of it, once there is one */
};

struct licm {
    struct ir_func *f;
    const struct ir_flow *flow;
    const struct ir_loops *loops;
    struct effects *loop;
    uint32_t *home;  /* by value: the loop around its definition */
    uint32_t *same;  /* by value: the largest loop in which it does not change, 0: none */
    uint32_t *leave; /* by value: the loop it moves out of, 0: it stays */
};

static void note_effects(struct licm *l)
{
    for (uint32_t k = 0; k < l->flow->nrpo; k++) {
        const struct ir_block *b = l->flow->rpo[k];
        struct effects *e = &l->loop[l->loops->inner[b->id]];
        for (const struct ir_ins *i = b->first; i; i = i->next) {
            if (i->op == IR_OP_PUT)
                e->put[i->imm / 64] |= UINT64_C(1) << i->imm % 64;
            e->call |= i->op == IR_OP_CALL;
        }
    }
    for (uint32_t n = 1; n <= l->loops->nloops; n++) { /* what is inside first */
        struct effects *e = &l->loop[n], *up = &l->loop[l->loops->loop[n].parent];
        for (unsigned w = 0; w < SLOT_WORDS; w++)
            up->put[w] |= e->put[w];
        up->call |= e->call;
    }
}

/* Can there be a block in front of loop n? */
static bool has_front(const struct licm *l, uint32_t n)
{
    const struct ir_block *head = l->flow->rpo[l->flow->order[l->loops->loop[n].head] - 1];
    /* The entry's parameters are the function's own, and ROUNDS comes first. */
    return head != l->f->first || (!head->nparams && head->first->op != IR_OP_ROUNDS);
}

static bool may_move(const struct ir_ins *i)
{
    return (ir_op_info[i->op].flags & IR_F_PURE) || i->op == IR_OP_GET;
}

/* Ops that hosts as a rule make no code for. */
static bool is_free(const struct ir_ins *i)
{
    switch (i->op) {
    case IR_OP_CONST:
    case IR_OP_GET:
    case IR_OP_TRUNC:
    case IR_OP_NANBOX:
    case IR_OP_BITS:
    case IR_OP_FLOAT: return true;
    default: return false;
    }
}

static bool stays_same(const struct licm *l, const struct ir_ins *i, uint32_t n)
{
    const struct effects *e = &l->loop[n];
    if (i->op == IR_OP_GET && (e->call || (e->put[i->imm / 64] >> i->imm % 64 & 1)))
        return false;
    for (unsigned k = 0; k < i->nargs; k++) {
        ir_val v = i->arg[k];
        if (ir_loop_within(l->loops, l->home[v], n) && (!l->same[v] || !ir_loop_within(l->loops, n, l->same[v])))
            return false;
    }
    return true;
}

static void find_same(struct licm *l)
{
    for (uint32_t k = 0; k < l->flow->nrpo; k++) {
        const struct ir_block *b = l->flow->rpo[k];
        uint32_t inner = l->loops->inner[b->id];
        for (uint32_t n = 0; n < b->nparams; n++)
            l->home[b->params[n]->dst] = inner;
        for (const struct ir_ins *i = b->first; i; i = i->next) {
            if (!i->dst)
                continue;
            l->home[i->dst] = inner;
            for (uint32_t n = inner; n && may_move(i) && stays_same(l, i, n); n = l->loops->loop[n].parent)
                if (has_front(l, n))
                    l->same[i->dst] = n;
        }
    }
}

/* Operand v of something that moves out of loop n goes with it, if it is inside. */
static void take_along(struct licm *l, ir_val v, uint32_t n)
{
    if (ir_loop_within(l->loops, l->home[v], n) && (!l->leave[v] || ir_loop_within(l->loops, l->leave[v], n)))
        l->leave[v] = n;
}

static void decide(struct licm *l)
{
    for (uint32_t k = l->flow->nrpo; k-- > 0;)
        for (const struct ir_ins *i = l->flow->rpo[k]->last; i; i = i->prev) {
            if (!i->dst)
                continue;
            if (!is_free(i))
                l->leave[i->dst] = l->same[i->dst];
            for (unsigned n = 0; l->leave[i->dst] && n < i->nargs; n++)
                take_along(l, i->arg[n], l->leave[i->dst]);
        }
}

/* -- moving -------------------------------------------------------------------------------------------------- */

static void link_before(struct ir_func *f, struct ir_block *b, struct ir_block *next)
{
    f->last = b->prev; /* where ir_block_new has put it */
    f->last->next = NULL;
    b->next = next;
    b->prev = next->prev;
    if (b->prev)
        b->prev->next = b;
    else
        f->first = b;
    next->prev = b;
}

static struct ir_block *make_front(struct licm *l, uint32_t n)
{
    struct ir_func *f = l->f;
    uint32_t id = l->loops->loop[n].head;
    struct ir_block *head = l->flow->rpo[l->flow->order[id] - 1], *b = ir_block_new(f);
    ir_val *args = ARENA_ARRAY(f->arena, ir_val, head->nparams + 1);
    if (!b || !args)
        return NULL;
    for (uint32_t k = 0; k < head->nparams; k++)
        args[k] = ir_block_param(f, b, (enum ir_type)head->params[k]->type);
    if (head->first->op == IR_OP_MARK)
        ir_emit(f, IR_OP_MARK, IR_VOID, 0, 0, 0, head->first->imm, head->first->aux);
    ir_br(f, head, args);
    if (!arena_ok(f->arena))
        return NULL;
    link_before(f, b, head);
    for (uint32_t p = l->flow->pred_at[id]; p < l->flow->pred_at[id + 1]; p++) {
        struct ir_ins *t = l->flow->rpo[l->flow->order[l->flow->pred[p]] - 1]->last;
        for (unsigned e = 0; e < ir_nedges(t) && !ir_loop_within(l->loops, l->loops->inner[l->flow->pred[p]], n); e++)
            if (t->edges[e].to == head)
                t->edges[e].to = b;
    }
    return b;
}

static bool move(struct licm *l, struct ir_block *from, struct ir_ins *i)
{
    struct effects *e = &l->loop[l->leave[i->dst]];
    struct ir_block bench = {.first = i, .last = i};
    if (!e->before && !(e->before = make_front(l, l->leave[i->dst])))
        return false;
    if (i->prev)
        i->prev->next = i->next;
    else
        from->first = i->next;
    i->next->prev = i->prev; /* i is no terminator */
    opt_insert_before(e->before, e->before->last, &bench);
    return true;
}

enum btv_status opt_licm(struct ir_func *f, struct pass_ctx *cx)
{
    struct licm l = {.f = f, .flow = cx->flow, .loops = cx->loops};
    l.loop = ARENA_ARRAY(cx->scratch, struct effects, cx->loops->nloops + 1);
    l.home = ARENA_ARRAY(cx->scratch, uint32_t, f->nvals);
    l.same = ARENA_ARRAY(cx->scratch, uint32_t, f->nvals);
    l.leave = ARENA_ARRAY(cx->scratch, uint32_t, f->nvals);
    if (!arena_ok(cx->scratch))
        return BTV_NOMEM;
    if (!l.loops->nloops)
        return BTV_OK;
    note_effects(&l);
    find_same(&l);
    decide(&l);
    for (uint32_t k = 0; k < cx->flow->nrpo; k++)
        for (struct ir_ins *i = cx->flow->rpo[k]->first, *next; i; i = next) {
            next = i->next;
            if (!i->dst || !l.leave[i->dst])
                continue;
            if (!move(&l, cx->flow->rpo[k], i))
                return BTV_NOMEM;
            cx->changed = true;
        }
    f->at = f->last;
    return BTV_OK;
}

/*
 * Reverse post-order by a depth-first walk with its own stack; dominators by the iteration of Cooper, Harvey and
 * Kennedy ("A Simple, Fast Dominance Algorithm", 2001); the dominator tree numbered so that a query is two compares.
 * Loops from the inside to the outside, each by a walk up from its jumps back.
 */
#include "ir/dom.h"

#include <string.h>

/* Successor k of the block, or NULL. */
static struct ir_block *successor(const struct ir_block *b, unsigned k)
{
    return b->last && k < ir_nedges(b->last) ? b->last->edges[k].to : NULL;
}

struct walk {
    struct ir_block *b;
    unsigned next;
};

static void number_blocks(const struct ir_func *f, struct walk *stack, struct ir_flow *w)
{
    uint32_t depth = 0, at = f->nblocks;
    stack[depth++] = (struct walk){f->first, 0};
    w->order[f->first->id] = 1; /* seen */
    while (depth) {
        struct walk *top = &stack[depth - 1];
        struct ir_block *to = successor(top->b, top->next++);
        if (!to) {
            w->rpo[--at] = top->b;
            depth--;
        } else if (!w->order[to->id]) {
            w->order[to->id] = 1;
            stack[depth++] = (struct walk){to, 0};
        }
    }
    w->nrpo = f->nblocks - at;
    memmove(w->rpo, w->rpo + at, w->nrpo * sizeof *w->rpo);
    for (uint32_t k = 0; k < w->nrpo; k++)
        w->order[w->rpo[k]->id] = k + 1;
}

static void collect_preds(const struct ir_func *f, struct ir_flow *w)
{
    struct ir_block *to;
    for (uint32_t k = 0; k < w->nrpo; k++)
        for (unsigned e = 0; (to = successor(w->rpo[k], e)); e++)
            w->pred_at[to->id + 1]++;
    for (uint32_t id = 0; id < f->nblocks; id++)
        w->pred_at[id + 1] += w->pred_at[id];
    /* Filling each range from its end downward leaves its start in pred_at[id + 1]; then everything moves down by one. */
    uint32_t total = w->pred_at[f->nblocks];
    for (uint32_t k = w->nrpo; k-- > 0;)
        for (unsigned e = 0; (to = successor(w->rpo[k], e)); e++)
            w->pred[--w->pred_at[to->id + 1]] = w->rpo[k]->id;
    memmove(w->pred_at, w->pred_at + 1, f->nblocks * sizeof *w->pred_at);
    w->pred_at[f->nblocks] = total;
}

static uint32_t meet(const struct ir_flow *w, uint32_t a, uint32_t b)
{
    while (a != b) {
        while (w->order[a] > w->order[b])
            a = w->idom[a];
        while (w->order[b] > w->order[a])
            b = w->idom[b];
    }
    return a;
}

static void find_dominators(const struct ir_func *f, struct ir_flow *w)
{
    const uint32_t none = UINT32_MAX;
    for (uint32_t id = 0; id < f->nblocks; id++)
        w->idom[id] = none;
    w->idom[f->first->id] = f->first->id;
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t k = 1; k < w->nrpo; k++) {
            uint32_t id = w->rpo[k]->id, best = none;
            for (uint32_t p = w->pred_at[id]; p < w->pred_at[id + 1]; p++) {
                uint32_t from = w->pred[p];
                if (w->idom[from] != none)
                    best = best == none ? from : meet(w, from, best);
            }
            if (w->idom[id] != best) {
                w->idom[id] = best;
                changed = true;
            }
        }
    }
}

/*
 * Subtree sizes from the leaves up, then intervals from the root down: both orders are rpo's, because a dominator
 * comes before what it dominates.
 */
static void number_tree(struct ir_flow *w, uint32_t *size)
{
    for (uint32_t k = 0; k < w->nrpo; k++)
        size[w->rpo[k]->id] = 1;
    for (uint32_t k = w->nrpo; k-- > 1;)
        size[w->idom[w->rpo[k]->id]] += size[w->rpo[k]->id];
    for (uint32_t k = 0; k < w->nrpo; k++) {
        uint32_t id = w->rpo[k]->id, up = w->idom[id];
        /* post[up] serves as the next free number inside up's interval until its children are placed */
        w->pre[id] = k ? w->post[up] : 0;
        if (k)
            w->post[up] += size[id];
        w->post[id] = w->pre[id] + 1;
    }
    for (uint32_t k = 0; k < w->nrpo; k++) {
        uint32_t id = w->rpo[k]->id;
        w->post[id] = w->pre[id] + size[id] - 1;
    }
}

enum btv_status ir_flow_compute(struct arena *arena, const struct ir_func *f, struct ir_flow *out)
{
    uint32_t n = f->nblocks;
    struct ir_flow w = {0};
    w.rpo = ARENA_ARRAY(arena, struct ir_block *, n + 1);
    w.order = ARENA_ARRAY(arena, uint32_t, n + 1);
    w.idom = ARENA_ARRAY(arena, uint32_t, n + 1);
    w.pre = ARENA_ARRAY(arena, uint32_t, n + 1);
    w.post = ARENA_ARRAY(arena, uint32_t, n + 1);
    w.pred_at = ARENA_ARRAY(arena, uint32_t, n + 2);
    w.pred = ARENA_ARRAY(arena, uint32_t, 2 * (size_t)n + 1);
    uint32_t *size = ARENA_ARRAY(arena, uint32_t, n + 1);
    struct walk *stack = ARENA_ARRAY(arena, struct walk, n + 1);
    if (!arena_ok(arena))
        return BTV_NOMEM;
    if (f->first) {
        number_blocks(f, stack, &w);
        collect_preds(f, &w);
        find_dominators(f, &w);
        number_tree(&w, size);
    }
    *out = w;
    return BTV_OK;
}

/* -- loops ------------------------------------------------------------------------------------------------- */

struct loop_walk {
    const struct ir_flow *flow;
    struct ir_loops *loops;
    uint32_t *work; /* blocks to be looked at */
    uint32_t nwork;
};

static void push_preds(struct loop_walk *s, uint32_t id)
{
    for (uint32_t p = s->flow->pred_at[id]; p < s->flow->pred_at[id + 1]; p++)
        s->work[s->nwork++] = s->flow->pred[p];
}

/* Everything on the ways up from the blocks in `work` to the head of loop n; of a loop inside it, on from its head. */
static void fill_loop(struct loop_walk *s, uint32_t n)
{
    struct ir_loops *l = s->loops;
    l->inner[l->loop[n].head] = n;
    while (s->nwork) {
        uint32_t id = s->work[--s->nwork], in = l->inner[id];
        while (in && l->loop[in].parent)
            in = l->loop[in].parent;
        if (in == n)
            continue;
        if (in)
            l->loop[in].parent = n;
        else
            l->inner[id] = n;
        push_preds(s, in ? l->loop[in].head : id);
    }
}

enum btv_status ir_loops_compute(struct arena *arena, const struct ir_func *f, const struct ir_flow *flow, struct ir_loops *out)
{
    uint32_t npreds = f->first ? flow->pred_at[f->nblocks] : 0;
    struct ir_loops l = {0};
    struct loop_walk s = {.flow = flow, .loops = &l};
    l.loop = ARENA_ARRAY(arena, struct ir_loop, flow->nrpo + 1);
    l.inner = ARENA_ARRAY(arena, uint32_t, f->nblocks + 1);
    s.work = ARENA_ARRAY(arena, uint32_t, 3 * (size_t)npreds + 1); /* a jump back; up from a block; up from a loop */
    if (!arena_ok(arena))
        return BTV_NOMEM;
    for (uint32_t k = flow->nrpo; k-- > 0;) { /* a head comes behind those of the loops around it */
        uint32_t head = flow->rpo[k]->id;
        for (uint32_t p = flow->pred_at[head]; p < flow->pred_at[head + 1]; p++)
            if (ir_dominates(flow, head, flow->pred[p]))
                s.work[s.nwork++] = flow->pred[p];
        if (!s.nwork)
            continue;
        l.loop[++l.nloops].head = head;
        fill_loop(&s, l.nloops);
    }
    for (uint32_t n = l.nloops; n > 0; n--)
        l.loop[n].depth = 1 + l.loop[l.loop[n].parent].depth;
    *out = l;
    return BTV_OK;
}

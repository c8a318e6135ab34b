/*
 * Flow between blocks: predecessors, reverse post-order, dominators; and the natural loops in it.  Each is computed at once and valid until
 * an edge changes.
 *
 * All arrays are indexed by block id.  Blocks that cannot be reached from the entry have order 0, no dominator and no loop.
 */
#ifndef BTV_IR_DOM_H
#define BTV_IR_DOM_H

#include "ir/ir.h"

struct ir_flow {
    struct ir_block **rpo; /* reachable blocks, the entry first; nrpo of them */
    uint32_t nrpo;
    uint32_t *order;      /* 1 + position in rpo, 0 if unreachable */
    uint32_t *idom;       /* id of the immediate dominator; of itself for the entry */
    uint32_t *pre, *post; /* interval of the dominator subtree */
    uint32_t *pred_at;    /* predecessors of id are pred[pred_at[id] .. pred_at[id + 1]), ids, reachable ones only */
    uint32_t *pred;
};

/* Everything lives in `arena`.  Block ids are unique and below f->nblocks, and edges stay inside the function. */
BTV_NODISCARD enum btv_status ir_flow_compute(struct arena *arena, const struct ir_func *f, struct ir_flow *out);

/* Every path from the entry to b passes a (or a is b).  False if either is unreachable. */
static inline bool ir_dominates(const struct ir_flow *w, uint32_t a, uint32_t b)
{
    return w->order[a] && w->order[b] && w->pre[a] <= w->pre[b] && w->post[b] <= w->post[a];
}

/*
 * A natural loop: the blocks from which a jump back to its head is reached without passing the head, which dominates them.  Loops with one
 * head are one loop; two others are disjoint, or one is inside the other.
 */
struct ir_loop {
    uint32_t head;   /* block id */
    uint32_t parent; /* the smallest loop around it, which has a higher number; 0: none */
    uint32_t depth;  /* 1: not inside another */
};

struct ir_loops {
    struct ir_loop *loop; /* 1 .. nloops; 0 stands for the function, with depth 0 */
    uint32_t nloops;
    uint32_t *inner; /* the smallest loop around a block */
};

/* Everything lives in `arena`; `flow` is that of f. */
BTV_NODISCARD enum btv_status ir_loops_compute(struct arena *arena, const struct ir_func *f, const struct ir_flow *flow,
                                               struct ir_loops *out);

/* Is loop a the loop b, or inside it? */
static inline bool ir_loop_within(const struct ir_loops *l, uint32_t a, uint32_t b)
{
    while (a && a < b)
        a = l->loop[a].parent;
    return a == b || !b;
}

#endif

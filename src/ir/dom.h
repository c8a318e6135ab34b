/*
 * Flow between blocks: predecessors, reverse post-order, dominators.  Computed at once, valid until an edge changes.
 *
 * All arrays are indexed by block id.  Blocks that cannot be reached from the entry have order 0 and no dominator.
 */
#ifndef BTV_IR_DOM_H
#define BTV_IR_DOM_H

#include "ir/ir.h"

struct ir_flow {
    struct ir_block **rpo; /* reachable blocks, the entry first; nrpo of them */
    uint32_t nrpo;
    uint32_t *order;       /* 1 + position in rpo, 0 if unreachable */
    uint32_t *idom;        /* id of the immediate dominator; of itself for the entry */
    uint32_t *pre, *post;  /* interval of the dominator subtree */
    uint32_t *pred_at;     /* predecessors of id are pred[pred_at[id] .. pred_at[id + 1]), ids, reachable ones only */
    uint32_t *pred;
};

/* Everything lives in `arena`.  Block ids are unique and below f->nblocks, and edges stay inside the function. */
BTV_NODISCARD enum btv_status ir_flow_compute(struct arena *arena, const struct ir_func *f, struct ir_flow *out);

/* Every path from the entry to b passes a (or a is b).  False if either is unreachable. */
static inline bool ir_dominates(const struct ir_flow *w, uint32_t a, uint32_t b)
{
    return w->order[a] && w->order[b] && w->pre[a] <= w->pre[b] && w->post[b] <= w->post[a];
}

#endif

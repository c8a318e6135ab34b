/*
 * Guest state: a GET of a slot whose content is known becomes that value; a PUT nobody can see is dropped.
 *
 * Forward, a block that has one predecessor and is not the entry continues with what that one knew at its end; all
 * others start knowing nothing.  Backward, within a block, a PUT is unseen if the same slot is PUT again before
 * anything may look: a mark (where all slots are architectural), an op that may fault or leave, a helper, a GET.
 *
 * Only 64-bit values take part, since a narrower PUT clears the rest of the slot.
 */
#include "opt/opt.h"

#include <string.h>

struct state {
    struct ir_func *f;
    ir_val (*out)[CPU_SLOTS]; /* by block id: what each slot holds at the end, 0: unknown */
    ir_val *to;
    bool changed;
};

static void forward_ins(struct state *s, ir_val *known, struct ir_ins *i)
{
    for (unsigned k = 0; k < i->nargs; k++)
        if (s->to[i->arg[k]])
            i->arg[k] = s->to[i->arg[k]];
    if (i->op == IR_OP_CALL) {
        memset(known, 0, CPU_SLOTS * sizeof *known);
    } else if (i->op == IR_OP_GET) {
        ir_val v = known[i->imm];
        if (v && ir_typeof(s->f, v) == i->type) {
            s->to[i->dst] = v;
            ir_remove(s->f, i);
            s->changed = true;
        } else if (!v && ir_bits((enum ir_type)i->type) == 64) {
            known[i->imm] = i->dst;
        }
    } else if (i->op == IR_OP_PUT) {
        ir_val v = i->arg[0];
        if (known[i->imm] == v) {
            ir_remove(s->f, i);
            s->changed = true;
        } else {
            known[i->imm] = ir_bits(ir_typeof(s->f, v)) == 64 ? v : 0;
        }
    }
}

static void forward(struct state *s, const struct ir_flow *w)
{
    for (uint32_t n = 0; n < w->nrpo; n++) {
        struct ir_block *b = w->rpo[n];
        ir_val *known = s->out[b->id];
        uint32_t p = w->pred_at[b->id];
        /* The only predecessor of a reachable block other than the entry dominates it, so it has been visited. */
        if (b != s->f->first && w->pred_at[b->id + 1] - p == 1)
            memcpy(known, s->out[w->pred[p]], CPU_SLOTS * sizeof *known);
        for (struct ir_ins *i = b->first, *next; i; i = next) {
            next = i->next;
            forward_ins(s, known, i);
        }
    }
}

static bool observes(const struct ir_ins *i)
{
    unsigned flags = ir_op_info[i->op].flags;
    return (flags & (IR_F_FAULTS | IR_F_EXITS | IR_F_TERM | IR_F_RM)) || i->op == IR_OP_MARK || i->op == IR_OP_CALL;
}

static void drop_unseen_puts(struct state *s, struct ir_block *b)
{
    bool again[CPU_SLOTS] = {false};
    for (struct ir_ins *i = b->last, *prev; i; i = prev) {
        prev = i->prev;
        if (observes(i)) {
            memset(again, 0, sizeof again);
        } else if (i->op == IR_OP_GET) {
            again[i->imm] = false;
        } else if (i->op == IR_OP_PUT) {
            if (again[i->imm]) {
                ir_remove(s->f, i);
                s->changed = true;
            }
            again[i->imm] = true;
        }
    }
}

enum btv_status opt_state(struct ir_func *f, struct pass_ctx *cx)
{
    struct state s = {.f = f};
    s.out = arena_push(cx->scratch, sizeof *s.out * ((size_t)f->nblocks + 1));
    s.to = ARENA_ARRAY(cx->scratch, ir_val, f->nvals);
    if (!arena_ok(cx->scratch))
        return BTV_NOMEM;
    forward(&s, cx->flow);
    opt_replace_all(f, s.to);
    for (struct ir_block *b = f->first; b; b = b->next)
        drop_unseen_puts(&s, b);
    cx->changed = s.changed;
    return BTV_OK;
}

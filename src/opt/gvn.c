/*
 * Global value numbering: a pure instruction equal to one that dominates it is replaced by that one.
 *
 * Reverse post-order visits a dominator before what it dominates, so one hash table serves: its chains hold equal
 * instructions of different places, and a hit must also dominate.  Operands are replaced before an instruction is
 * looked up; operands of commutative ops compare in either order.
 */
#include "opt/opt.h"

struct entry {
    struct entry *next;
    const struct ir_ins *ins;
    uint32_t block;
};

struct gvn {
    const struct ir_func *f;
    const struct ir_flow *flow;
    struct arena *scratch;
    struct entry **bucket;
    uint32_t mask;
    ir_val *to;
};

struct key {
    uint64_t imm;
    ir_val arg[3];
    uint8_t op, type;
};

static struct key key_of(const struct ir_ins *i)
{
    struct key k = {.imm = i->imm, .arg = {i->arg[0], i->arg[1], i->arg[2]}, .op = i->op, .type = i->type};
    if ((ir_op_info[i->op].flags & IR_F_COMM) && k.arg[0] > k.arg[1]) {
        k.arg[0] = i->arg[1];
        k.arg[1] = i->arg[0];
    }
    return k;
}

static bool equal(const struct key *a, const struct key *b)
{
    return a->op == b->op && a->type == b->type && a->imm == b->imm && a->arg[0] == b->arg[0] && a->arg[1] == b->arg[1] && a->arg[2] == b->arg[2];
}

static uint32_t hash(const struct key *k)
{
    uint64_t h = k->imm ^ (uint64_t)k->op << 56 ^ (uint64_t)k->type << 48;
    for (unsigned n = 0; n < 3; n++)
        h = (h ^ k->arg[n]) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(h >> 32);
}

/* The value that i duplicates, or 0 after entering i into the table. */
static ir_val find_or_enter(struct gvn *g, const struct ir_ins *i, uint32_t block)
{
    struct key k = key_of(i);
    struct entry **chain = &g->bucket[hash(&k) & g->mask];
    for (struct entry *e = *chain; e; e = e->next) {
        struct key other = key_of(e->ins);
        if (equal(&k, &other) && ir_dominates(g->flow, e->block, block))
            return e->ins->dst;
    }
    struct entry *e = ARENA_NEW(g->scratch, struct entry);
    if (e) {
        *e = (struct entry){.next = *chain, .ins = i, .block = block};
        *chain = e;
    }
    return 0;
}

enum btv_status opt_gvn(struct ir_func *f, struct pass_ctx *cx)
{
    struct gvn g = {.f = f, .flow = cx->flow, .scratch = cx->scratch, .mask = 255};
    while (g.mask < f->nvals && g.mask < UINT32_MAX / 2)
        g.mask = g.mask * 2 + 1;
    g.bucket = ARENA_ARRAY(cx->scratch, struct entry *, (size_t)g.mask + 1);
    g.to = ARENA_ARRAY(cx->scratch, ir_val, f->nvals);
    if (!arena_ok(cx->scratch))
        return BTV_NOMEM;
    for (uint32_t n = 0; n < cx->flow->nrpo; n++) {
        struct ir_block *b = cx->flow->rpo[n];
        for (struct ir_ins *i = b->first, *next; i; i = next) {
            next = i->next;
            for (unsigned k = 0; k < i->nargs; k++)
                if (g.to[i->arg[k]])
                    i->arg[k] = g.to[i->arg[k]]; /* never a chain: what stays in the table is not replaced */
            if (!(ir_op_info[i->op].flags & IR_F_PURE))
                continue;
            ir_val v = find_or_enter(&g, i, b->id);
            if (v) {
                g.to[i->dst] = v;
                ir_remove(f, i);
                cx->changed = true;
            }
        }
    }
    if (cx->changed)
        opt_replace_all(f, g.to);
    return BTV_OK;
}

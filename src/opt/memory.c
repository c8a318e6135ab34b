/*
 * Memory forwarding: a load of what was just stored or loaded becomes that value, or a part of it.
 *
 * A block knows, for some places, what they hold: a place is a value plus a constant, or a constant address.  A plain store or load makes
 * its place known.  A store makes those unknown that it may overlap: with the same base the offsets tell, with another one all may be.
 * Whatever orders memory (docs/ir.md), is atomic or calls a helper makes all unknown, since other threads may have written before it.  A
 * block that has one predecessor and is not the entry goes on with what that one knew; so no load of a loop gets its value from the round
 * before, and one that waits for another thread sees what that one writes.
 *
 * The load that goes cannot be the first to fault: the access that made its place known covered all its bytes.
 */
#include "opt/opt.h"

#include <string.h>

enum { PLACES = 16, MAX_CHAIN = 4, NEW_VALUES = 5 };

struct place {
    ir_val base; /* 0: the offset is the address */
    uint64_t offset;
    ir_val value; /* its lower bytes are what the place holds; 0: no place */
    unsigned bytes;
};

struct known {
    struct place place[PLACES]; /* the newest takes the place of the oldest */
    unsigned next;
};

struct memory {
    struct ir_func *f;
    struct ir_block bench;
    struct known *out; /* by block id */
    ir_val *to;
    bool changed;
};

/* What of `bytes` at address v; through additions of constants. */
static struct place place_of(const struct ir_func *f, ir_val v, unsigned bytes)
{
    struct place p = {.base = v, .bytes = bytes};
    uint64_t k;
    for (unsigned n = 0; n < MAX_CHAIN && f->def[p.base]->op == IR_OP_ADD && ir_is_const(f, f->def[p.base]->arg[1], &k); n++) {
        p.offset += k;
        p.base = f->def[p.base]->arg[0];
    }
    if (ir_is_const(f, p.base, &k)) {
        p.offset += k;
        p.base = 0;
    }
    return p;
}

static bool may_overlap(const struct place *a, const struct place *b)
{
    return a->base != b->base || b->offset - a->offset < a->bytes || a->offset - b->offset < b->bytes;
}

static void forget_overlaps(struct known *k, const struct place *p)
{
    for (unsigned n = 0; n < PLACES; n++)
        if (k->place[n].value && may_overlap(&k->place[n], p))
            k->place[n].value = 0;
}

static void remember(struct known *k, struct place p, ir_val value)
{
    p.value = value;
    k->place[k->next++ % PLACES] = p;
}

/* A value that is just this place, or else the newest that covers it. */
static const struct place *find(const struct known *k, const struct place *p)
{
    const struct place *best = NULL;
    for (unsigned n = 0; n < PLACES; n++) {
        const struct place *q = &k->place[(k->next + n) % PLACES];
        uint64_t skip = p->offset - q->offset;
        if (!q->value || q->base != p->base || skip >= q->bytes || p->bytes > q->bytes - skip)
            continue;
        if (p->bytes == q->bytes)
            return q;
        best = q;
    }
    return best;
}

static enum ir_type int_of(unsigned bytes)
{
    return bytes == 1 ? IR_I8 : bytes == 2 ? IR_I16 : bytes == 4 ? IR_I32 : IR_I64;
}

/* The part of q that a load of type t at p reads, made on the bench: at most NEW_VALUES. */
static ir_val extract(struct memory *m, const struct place *q, const struct place *p, enum ir_type t)
{
    struct ir_func *f = m->f;
    enum ir_type whole = ir_typeof(f, q->value), from = int_of(q->bytes), to = int_of(p->bytes);
    ir_val v = q->value;
    if (whole == t)
        return v;
    f->at = &m->bench;
    if (whole != from)
        v = ir_emit(f, IR_OP_BITS, from, v, 0, 0, 0, 0);
    if (p->offset != q->offset)
        v = ir_emit(f, IR_OP_SHR, from, v, ir_const(f, from, (p->offset - q->offset) * 8), 0, 0, 0);
    if (to != from)
        v = ir_emit(f, IR_OP_TRUNC, to, v, 0, 0, 0, 0);
    return to == t ? v : ir_emit(f, IR_OP_FLOAT, t, v, 0, 0, 0, 0);
}

static void load(struct memory *m, struct known *k, struct ir_block *b, struct ir_ins *i)
{
    enum ir_type t = (enum ir_type)i->type;
    struct place p = place_of(m->f, i->arg[0], ir_bits(t) / 8);
    const struct place *q = find(k, &p);
    if (!q) {
        remember(k, p, i->dst);
        return;
    }
    ir_val v = extract(m, q, &p, t);
    if (!arena_ok(m->f->arena))
        return;
    opt_insert_before(b, i, &m->bench);
    m->to[i->dst] = v;
    ir_remove(m->f, i);
    m->changed = true;
}

static void store(struct memory *m, struct known *k, const struct ir_ins *i)
{
    struct place p = place_of(m->f, i->arg[0], ir_bits((enum ir_type)i->type) / 8);
    forget_overlaps(k, &p);
    remember(k, p, i->arg[1]);
}

static void forward(struct memory *m, struct known *k, struct ir_block *b)
{
    for (struct ir_ins *i = b->first, *next; i && arena_ok(m->f->arena); i = next) {
        next = i->next;
        for (unsigned n = 0; n < i->nargs; n++)
            if (m->to[i->arg[n]])
                i->arg[n] = m->to[i->arg[n]]; /* never a chain: what is known is not replaced */
        if (i->op == IR_OP_LOAD && i->imm == IR_RELAXED)
            load(m, k, b, i);
        else if (i->op == IR_OP_STORE && i->imm == IR_RELAXED)
            store(m, k, i);
        else if (ir_op_info[i->op].flags & (IR_F_LOADS | IR_F_STORES))
            memset(k, 0, sizeof *k);
    }
}

enum btv_status opt_memory(struct ir_func *f, struct pass_ctx *cx)
{
    const struct ir_flow *w = cx->flow;
    struct memory m = {.f = f};
    size_t loads = 0;
    for (const struct ir_block *b = f->first; b; b = b->next)
        for (const struct ir_ins *i = b->first; i; i = i->next)
            loads += i->op == IR_OP_LOAD;
    m.out = ARENA_ARRAY(cx->scratch, struct known, f->nblocks + 1);
    m.to = ARENA_ARRAY(cx->scratch, ir_val, f->nvals + loads * NEW_VALUES);
    if (!arena_ok(cx->scratch))
        return BTV_NOMEM;
    for (uint32_t n = 0; n < w->nrpo; n++) {
        struct ir_block *b = w->rpo[n];
        uint32_t p = w->pred_at[b->id];
        /* The only predecessor of a reachable block other than the entry dominates it, so it has been visited. */
        if (b != f->first && w->pred_at[b->id + 1] - p == 1)
            m.out[b->id] = m.out[w->pred[p]];
        forward(&m, &m.out[b->id], b);
    }
    opt_replace_all(f, m.to);
    f->at = f->last;
    cx->changed = m.changed;
    return BTV_OK;
}

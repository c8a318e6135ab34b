/*
 * Finding out what a round of a loop does (rounds.h).
 *
 * One walk collects loads, stores, exits and the last PUT of each slot.  A slot that is read must stay or advance by a
 * constant; every other slot that is written is rewritten by each round before anything reads it, so that rounds can be left
 * out.  Addresses are sums of slots.  Exits are either about such sums (how often) or about what was loaded (until when).
 * What is compared or stored is computed lane by lane: from the low bytes of its operands alone.
 */
#include "ir/rounds.h"

#include <string.h>

enum { MAX_STORES = 16, MAX_EXITS = ROUNDS_TRIPS + ROUNDS_CONDS, MAX_NODES = 24, MAX_DEPTH = 12, MAX_DISP = 1 << 20 };

struct walk {
    const struct ir_func *f;
    struct ir_rounds *r;
    ir_val put[CPU_SLOTS];   /* last PUT, 0: none */
    unsigned last_put;       /* position of the last PUT of a slot that neither stays nor advances */
    uint64_t got[2];
    struct access {
        const struct ir_ins *ins;
        struct ir_linear at;
        unsigned position;
    } load[ROUNDS_LOADS], store[MAX_STORES];
    unsigned nloads, nstores;
    struct {
        ir_val cond;
        bool leaves; /* if cond is 1, else if it is 0 */
        unsigned position;
    } exit[MAX_EXITS];
    unsigned nexits;
};

static bool in(const uint64_t set[2], unsigned slot)
{
    return set[slot / 64] >> slot % 64 & 1;
}

static void add(uint64_t set[2], unsigned slot)
{
    set[slot / 64] |= UINT64_C(1) << slot % 64;
}

/* -- sums of slots ----------------------------------------------------------------------------------------- */

static bool sum(struct ir_linear *a, const struct ir_linear *b)
{
    if (a->n + b->n > 2)
        return false;
    for (unsigned k = 0; k < b->n; k++)
        a->slot[a->n++] = b->slot[k];
    a->add = (int64_t)((uint64_t)a->add + (uint64_t)b->add);
    return true;
}

static bool linear(const struct ir_func *f, ir_val v, unsigned depth, struct ir_linear *out)
{
    const struct ir_ins *i = f->def[v];
    struct ir_linear b;
    if (i->type != IR_I64 || depth > MAX_DEPTH)
        return false;
    switch (i->op) {
    case IR_OP_CONST: *out = (struct ir_linear){.add = (int64_t)i->imm}; return true;
    case IR_OP_GET: *out = (struct ir_linear){.n = 1, .slot = {(uint8_t)i->imm}}; return true;
    case IR_OP_ADD: return linear(f, i->arg[0], depth + 1, out) && linear(f, i->arg[1], depth + 1, &b) && sum(out, &b);
    case IR_OP_SUB:
        if (!linear(f, i->arg[0], depth + 1, out) || !linear(f, i->arg[1], depth + 1, &b) || b.n)
            return false;
        b.add = (int64_t)(0 - (uint64_t)b.add);
        return sum(out, &b);
    default: return false;
    }
}

static int64_t slot_step(const struct ir_rounds *r, unsigned slot)
{
    for (unsigned k = 0; k < r->nslots; k++)
        if (r->slot[k].slot == slot)
            return r->slot[k].step;
    return 0;
}

static int64_t step_of(const struct ir_rounds *r, const struct ir_linear *a)
{
    int64_t s = 0;
    for (unsigned k = 0; k < a->n; k++)
        s += slot_step(r, a->slot[k]);
    return s;
}

static bool small(int64_t v)
{
    return v > -MAX_DISP && v < MAX_DISP;
}

static int shift_of(int64_t v)
{
    return v > 0 && !(v & (v - 1)) ? __builtin_ctzll((uint64_t)v) : -1;
}

/* -- the walk ---------------------------------------------------------------------------------------------- */

static bool exit_at(struct walk *w, ir_val cond, bool leaves, unsigned position)
{
    if (w->nexits == MAX_EXITS)
        return false;
    w->exit[w->nexits].cond = cond;
    w->exit[w->nexits].leaves = leaves;
    w->exit[w->nexits++].position = position;
    return true;
}

static bool access(struct walk *w, const struct ir_ins *i, unsigned position)
{
    bool store = i->op == IR_OP_STORE;
    unsigned *n = store ? &w->nstores : &w->nloads;
    struct access *a = store ? w->store : w->load;
    enum ir_type t = store ? ir_typeof(w->f, i->arg[1]) : (enum ir_type)i->type;
    if (i->imm != IR_RELAXED || ir_type_info[t].class != 'I' || *n == (store ? (unsigned)MAX_STORES : (unsigned)ROUNDS_LOADS))
        return false;
    a += (*n)++;
    a->ins = i;
    a->position = position;
    return linear(w->f, i->arg[0], 0, &a->at);
}

/* True: the block is one round of a loop and consists of what can be described. */
static bool collect(struct walk *w)
{
    const struct ir_func *f = w->f;
    unsigned at = 0;
    for (const struct ir_ins *i = f->first->first; i; i = i->next, at++) {
        switch (i->op) {
        case IR_OP_MARK:
        case IR_OP_ROUNDS: break;
        case IR_OP_GET:
            if (w->put[i->imm])
                return false;
            add(w->got, (unsigned)i->imm);
            break;
        case IR_OP_PUT:
            if (!i->arg[0])
                return false;
            w->put[i->imm] = i->arg[0];
            break;
        case IR_OP_LOAD:
        case IR_OP_STORE:
            if (!access(w, i, at))
                return false;
            break;
        case IR_OP_EXITIF:
            if (i->imm == f->pc)
                return exit_at(w, i->arg[0], false, at);
            if (!exit_at(w, i->arg[0], true, at))
                return false;
            break;
        case IR_OP_GOTO: return i->imm == f->pc && !i->aux;
        default:
            if (!(ir_op_info[i->op].flags & IR_F_PURE))
                return false;
        }
    }
    return false;
}

/* Each slot stays, advances, or is rewritten before it is read. */
static bool slots(struct walk *w)
{
    struct ir_rounds *r = w->r;
    for (unsigned s = 0; s < CPU_SLOTS; s++) {
        struct ir_linear v;
        if (in(w->got, s) || w->put[s])
            add(r->mentioned, s);
        if (!w->put[s])
            continue;
        bool own = linear(w->f, w->put[s], 0, &v) && v.n == 1 && v.slot[0] == s;
        if (own && !v.add)
            continue;
        if (!own && in(w->got, s))
            return false;
        if (!own)
            continue;
        if (r->nslots == ROUNDS_SLOTS || !small(v.add))
            return false;
        r->slot[r->nslots].slot = (uint8_t)s;
        r->slot[r->nslots++].step = v.add;
    }
    unsigned at = 0;
    for (const struct ir_ins *i = w->f->first->first; i; i = i->next, at++)
        if (i->op == IR_OP_PUT && !slot_step(r, (unsigned)i->imm))
            w->last_put = at;
    return true;
}

/* -- accesses ---------------------------------------------------------------------------------------------- */

static bool same_slots(const struct ir_linear *a, const struct ir_linear *b)
{
    return a->n == b->n && (a->n < 1 || a->slot[0] == b->slot[0]) && (a->n < 2 || a->slot[1] == b->slot[1]);
}

static int new_access(struct ir_rounds *r, const struct ir_linear *at, bool store)
{
    struct ir_linear slots_only = {.n = at->n, .slot = {at->slot[0], at->slot[1]}};
    unsigned b = 0;
    while (b < r->nbases && !same_slots(&r->base[b], at))
        b++;
    if (b == r->nbases) {
        if (b == ROUNDS_BASES)
            return -1;
        r->base[r->nbases++] = slots_only;
    }
    for (unsigned k = 0; k < r->naccesses; k++)
        if (r->access[k].base == b && r->access[k].disp == at->add && r->access[k].store == store)
            return (int)k;
    if (r->naccesses == ROUNDS_ACCESSES)
        return -1;
    r->access[r->naccesses] = (struct ir_rounds_access){.base = (uint8_t)b, .disp = (int32_t)at->add, .store = store};
    return (int)r->naccesses++;
}

static unsigned bytes_of(const struct walk *w, const struct access *a)
{
    enum ir_type t = a->ins->op == IR_OP_STORE ? ir_typeof(w->f, a->ins->arg[1]) : (enum ir_type)a->ins->type;
    return ir_bits(t) / 8;
}

static bool all_step(const struct walk *w, const struct access *a, unsigned n)
{
    for (unsigned k = 0; k < n; k++)
        if (step_of(w->r, &a[k].at) != w->r->step || !small(a[k].at.add))
            return false;
    return true;
}

static bool map_load(struct walk *w, const struct access *a, int to, unsigned offset)
{
    struct ir_rounds *r = w->r;
    if (to < 0 || r->nloads == ROUNDS_LOADS)
        return false;
    r->load[r->nloads].value = a->ins->dst;
    r->load[r->nloads].access = (uint8_t)to;
    r->load[r->nloads++].offset = (uint8_t)offset;
    return true;
}

int ir_rounds_load(const struct ir_rounds *r, ir_val v)
{
    for (unsigned k = 0; k < r->nloads; k++)
        if (r->load[k].value == v)
            return (int)k;
    return -1;
}

/* One access of each kind moves on by its own width. */
static bool single_lanes(struct walk *w)
{
    struct ir_rounds *r = w->r;
    r->lane = r->step;
    r->single = true;
    for (unsigned k = 0; k < w->nloads; k++)
        if (bytes_of(w, &w->load[k]) != r->lane || !map_load(w, &w->load[k], new_access(r, &w->load[k].at, false), 0))
            return false;
    if (!w->nstores)
        return true;
    int to = new_access(r, &w->store[0].at, true);
    if (w->nstores > 1 || to < 0 || bytes_of(w, &w->store[0]) != r->lane)
        return false;
    for (unsigned k = 0; k < w->nloads; k++)
        if (w->load[k].position > w->store[0].position)
            return false;
    r->stores = true;
    r->store = (uint8_t)to;
    r->stored = w->store[0].ins->arg[1];
    return true;
}

/* `v` is what `first` is, each load `offset` bytes further on. */
static bool shifted(const struct walk *w, ir_val first, ir_val v, int64_t offset, unsigned depth)
{
    const struct ir_ins *a = w->f->def[first], *b = w->f->def[v];
    if (a->op != b->op || a->type != b->type || depth > MAX_DEPTH)
        return false;
    if (a->op == IR_OP_LOAD) {
        struct ir_linear x, y;
        return linear(w->f, a->arg[0], 0, &x) && linear(w->f, b->arg[0], 0, &y) && same_slots(&x, &y) && y.add - x.add == offset;
    }
    if (!(ir_op_info[a->op].flags & IR_F_PURE) || a->op == IR_OP_CONST || a->imm != b->imm)
        return a == b || (a->op == IR_OP_CONST && a->imm == b->imm) || (a->op == IR_OP_GET && a->imm == b->imm);
    for (unsigned k = 0; k < a->nargs; k++)
        if (!shifted(w, a->arg[k], b->arg[k], offset, depth + 1))
            return false;
    return true;
}

/* The round is written out several times: stores side by side, each of the same thing one lane further on. */
static bool tiled_lanes(struct walk *w)
{
    struct ir_rounds *r = w->r;
    const struct access *first = &w->store[0];
    if (!w->nstores)
        return false;
    for (unsigned k = 1; k < w->nstores; k++)
        if (w->store[k].at.add < first->at.add)
            first = &w->store[k];
    r->lane = bytes_of(w, first);
    if (r->lane * w->nstores != r->step || r->lane > 8)
        return false;
    uint64_t seen = 0;
    for (unsigned k = 0; k < w->nstores; k++) {
        const struct access *s = &w->store[k];
        int64_t offset = s->at.add - first->at.add;
        if (bytes_of(w, s) != r->lane || !same_slots(&s->at, &first->at) || offset >= r->step || offset % r->lane || (seen >> offset & 1) ||
            !shifted(w, first->ins->arg[1], s->ins->arg[1], offset, 0))
            return false;
        seen |= UINT64_C(1) << offset;
    }
    int to = new_access(r, &first->at, true);
    if (to < 0)
        return false;
    r->stores = true;
    r->store = (uint8_t)to;
    r->stored = first->ins->arg[1];
    /* loads: in groups of one base that start where the first lane reads */
    for (unsigned k = 0; k < w->nloads; k++) {
        const struct access *l = &w->load[k], *low = l;
        for (unsigned j = 0; j < w->nloads; j++)
            if (same_slots(&w->load[j].at, &l->at) && w->load[j].at.add < low->at.add)
                low = &w->load[j];
        int64_t offset = l->at.add - low->at.add;
        if (bytes_of(w, l) != r->lane || offset >= r->step || offset % r->lane || !map_load(w, l, new_access(r, &low->at, false), (unsigned)offset))
            return false;
    }
    return true;
}

/* -- lane by lane ------------------------------------------------------------------------------------------ */

bool ir_rounds_constant(const struct ir_rounds *r, const struct ir_func *f, ir_val v)
{
    const struct ir_ins *i = f->def[v];
    return i->op == IR_OP_CONST || (i->op == IR_OP_GET && i->type == IR_I64 && !slot_step(r, (unsigned)i->imm));
}

struct tree {
    const struct walk *w;
    unsigned nodes;
    uint32_t loads; /* numbers of the loads it reads */
};

/* The low lane of v is a function of the low lanes of what it is made of. */
static bool lanes(struct tree *t, ir_val v, unsigned depth)
{
    const struct ir_func *f = t->w->f;
    const struct ir_rounds *r = t->w->r;
    const struct ir_ins *i = f->def[v];
    unsigned bits = 8 * r->lane;
    if (++t->nodes > MAX_NODES || depth > MAX_DEPTH || ir_bits(ir_typeof(f, v)) < bits)
        return false;
    switch (i->op) {
    case IR_OP_LOAD: {
        int k = ir_rounds_load(r, v);
        if (k < 0)
            return false;
        t->loads |= 1u << k;
        return true;
    }
    case IR_OP_ADD:
    case IR_OP_SUB:
    case IR_OP_AND:
    case IR_OP_OR:
    case IR_OP_XOR: return lanes(t, i->arg[0], depth + 1) && lanes(t, i->arg[1], depth + 1);
    case IR_OP_ORCB:
    case IR_OP_ZEXT:
    case IR_OP_SEXT:
    case IR_OP_TRUNC: return lanes(t, i->arg[0], depth + 1);
    default: return ir_rounds_constant(r, f, v);
    }
}

enum { UPPER_ZERO = 1, UPPER_SIGN = 2 };

/* What is known of the bits above the lane. */
static unsigned upper(const struct walk *w, ir_val v, unsigned depth)
{
    const struct ir_ins *i = w->f->def[v];
    unsigned bits = 8 * w->r->lane, have = ir_bits(ir_typeof(w->f, v));
    if (have == bits)
        return UPPER_ZERO | UPPER_SIGN;
    if (depth > MAX_DEPTH)
        return 0;
    switch (i->op) {
    case IR_OP_CONST: {
        uint64_t sign = i->imm >> (bits - 1), all = (have < 64 ? UINT64_C(1) << have : 0) - 1;
        return (i->imm >> bits ? 0u : UPPER_ZERO) | (!sign || sign == all >> (bits - 1) ? UPPER_SIGN : 0u);
    }
    case IR_OP_ZEXT:
    case IR_OP_SEXT: {
        unsigned a = upper(w, i->arg[0], depth + 1);
        if (ir_bits(ir_typeof(w->f, i->arg[0])) == bits)
            return i->op == IR_OP_ZEXT ? UPPER_ZERO : UPPER_SIGN;
        return i->op == IR_OP_ZEXT ? a & UPPER_ZERO : a & UPPER_SIGN;
    }
    case IR_OP_TRUNC: return upper(w, i->arg[0], depth + 1);
    case IR_OP_AND: {
        unsigned a = upper(w, i->arg[0], depth + 1), b = upper(w, i->arg[1], depth + 1);
        return ((a | b) & UPPER_ZERO) | (a & b & UPPER_SIGN);
    }
    case IR_OP_OR:
    case IR_OP_XOR: return upper(w, i->arg[0], depth + 1) & upper(w, i->arg[1], depth + 1);
    default: return 0;
    }
}

/* -- exits ------------------------------------------------------------------------------------------------- */

/* cond says how often: one side moves towards the other. */
static bool trip(struct walk *w, const struct ir_ins *c, bool leaves)
{
    struct ir_rounds *r = w->r;
    struct ir_rounds_trip t;
    struct ir_linear a, b;
    if (!linear(w->f, c->arg[0], 0, &a) || !linear(w->f, c->arg[1], 0, &b) || r->ntrips == ROUNDS_TRIPS || !small(a.add) || !small(b.add))
        return false;
    bool equal = c->op == IR_OP_EQ || c->op == IR_OP_NE;
    if (equal) {
        if ((c->op == IR_OP_EQ) != leaves)
            return false;
        t.kind = TRIP_UNEQUAL;
    } else {
        t.kind = c->op == IR_OP_LTS || c->op == IR_OP_LES ? TRIP_SIGNED : TRIP_UNSIGNED;
    }
    /* staying means a < b or a <= b, or, if being true leaves, b < a or b <= a: the stricter reading is taken */
    bool swap = !equal && leaves;
    int64_t closing = step_of(r, &a) - step_of(r, &b); /* of b - a */
    if (equal)
        swap = closing < 0;
    t.low = swap ? b : a;
    t.high = swap ? a : b;
    int shift = shift_of(swap ? -closing : closing);
    if (shift < 0 || shift > 20 || (!equal && step_of(r, &t.low) && step_of(r, &t.high)))
        return false;
    t.shift = (uint8_t)shift;
    r->trip[r->ntrips++] = t;
    return true;
}

/* cond says until when: it looks at what was loaded. */
static bool until(struct walk *w, const struct ir_ins *c, bool leaves, uint32_t *used)
{
    struct ir_rounds *r = w->r;
    struct tree t = {.w = w};
    if ((c->op != IR_OP_EQ && c->op != IR_OP_NE) || r->nconds == ROUNDS_CONDS)
        return false;
    bool equal = (c->op == IR_OP_EQ) == leaves;
    if (!lanes(&t, c->arg[0], 0) || !lanes(&t, c->arg[1], 0) || !t.loads)
        return false;
    /* lanes that are equal must mean values that are equal, unless too many exits are assumed by it */
    if (!equal && !(upper(w, c->arg[0], 0) & upper(w, c->arg[1], 0)))
        return false;
    *used |= t.loads;
    r->cond[r->nconds++] = (struct ir_rounds_cond){c->arg[0], c->arg[1], equal};
    return true;
}

static bool exits(struct walk *w, uint32_t *used)
{
    const struct ir_rounds *r = w->r;
    unsigned first = UINT32_MAX; /* exit that looks at data */
    for (unsigned k = 0; k < w->nexits; k++) {
        const struct ir_ins *c = w->f->def[w->exit[k].cond];
        if (c->op < IR_OP_EQ || c->op > IR_OP_LEU)
            return false;
        if (trip(w, c, w->exit[k].leaves))
            continue;
        if (!until(w, c, w->exit[k].leaves, used))
            return false;
        if (first == UINT32_MAX)
            first = w->exit[k].position;
    }
    /* A round that leaves does not touch what its exit stands before. */
    for (unsigned k = 0; k < w->nloads; k++)
        if (w->load[k].position > first)
            return false;
    /* Behind stores nothing is done twice: what the last certain round left in other slots must be made again in any case. */
    if (r->stores && r->nconds && w->last_put > first)
        return false;
    return r->ntrips || !r->stores || r->nconds;
}

/* Most code is no loop: asked of every translation. */
static bool leaves_to_itself(const struct ir_func *f)
{
    for (const struct ir_ins *i = f->first->last; i; i = i->prev)
        if ((i->op == IR_OP_EXITIF || i->op == IR_OP_GOTO) && i->imm == f->pc)
            return true;
    return false;
}

static bool describe(const struct ir_func *f, struct ir_rounds *r)
{
    struct walk w = {.f = f, .r = r};
    struct tree stored = {.w = &w};
    uint32_t used = 0;
    memset(r, 0, sizeof *r);
    if (!collect(&w) || !slots(&w) || !(w.nloads + w.nstores))
        return false;
    int64_t step = step_of(r, w.nloads ? &w.load[0].at : &w.store[0].at);
    if (shift_of(step) < 0 || step > ROUNDS_MAX_STEP)
        return false;
    r->step = (unsigned)step;
    if (!all_step(&w, w.load, w.nloads) || !all_step(&w, w.store, w.nstores))
        return false;
    if (!(step <= 8 && w.nstores < 2 ? single_lanes(&w) : tiled_lanes(&w)) || !exits(&w, &used))
        return false;
    if (r->stores && !lanes(&stored, r->stored, 0))
        return false;
    if (!r->single) { /* each lane of a load is read by one lane of the store */
        if (r->nconds)
            return false;
        for (unsigned k = 0; k < r->nloads; k++)
            if (stored.loads >> k & 1 ? r->load[k].offset : !(r->load[k].offset))
                return false;
        stored.loads = (1u << r->nloads) - 1;
    }
    used |= stored.loads;
    return used == (1u << r->nloads) - 1;
}

bool ir_rounds_find(const struct ir_func *f, struct ir_rounds *r)
{
    return f->first == f->last && f->pc && leaves_to_itself(f) && describe(f, r);
}

void ir_rounds_mark(struct ir_func *f)
{
    struct ir_rounds r;
    struct ir_ins *first = f->first->first;
    if (first->op == IR_OP_ROUNDS || !ir_rounds_find(f, &r))
        return;
    struct ir_block *at = f->at;
    f->at = f->first;
    ir_emit(f, IR_OP_ROUNDS, IR_VOID, 0, 0, 0, 0, 0);
    f->at = at;
    struct ir_ins *i = f->first->last;
    if (i->op != IR_OP_ROUNDS) /* out of memory: the caller sees the arena */
        return;
    f->first->last = i->prev;
    i->prev->next = NULL;
    i->prev = NULL;
    i->next = first;
    first->prev = i;
    f->first->first = i;
}

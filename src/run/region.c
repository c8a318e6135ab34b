/*
 * Regions: the blocks around a hot one, translated as one function.
 *
 * From the hot pc the control flow is followed while code looks used, up to a bound; what cannot come back to the hot pc is left out.  The blocks are lifted once more, jumps between them become edges, and the emitter gets
 * pins chosen for this region: a slot used in its inner loops takes the register of one that is not.
 *
 * Short functions are part of the code that calls them, with what they call, once for each call: the call is an edge, and so is their return, behind
 * a test where it is not sure.  A jump to a register is followed, behind a test, where its inline cache says that it leads to one place:
 * calls through pointers and linkage tables.
 *
 * A region is published as the block of its first pc.  The baseline's blocks for the pcs inside stay for who comes from elsewhere.
 * Works without a lock in an arena of the caller's, on guest code read through the caller's `fetch`; sets of nodes are 64-bit masks.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "ir/rounds.h"
#include "run/region.h"

#define MAX_NODES 64       /* bits of a mask */
#define MAX_DEPTH 4        /* of loops that count */
#define DEPTH_FACTOR 8     /* how many times a loop is assumed to run */
#define TEMPORARY_GAIN 8   /* one more temporary saves a memory operation for one in so many of the values made */
#define MAX_CALLS 64       /* whose callees are inside, or were looked at and did not fit */
#define NONE (-1)

/* A call whose callee is translated inside: nodes of it belong to this call alone.  Number 0 is the code around all of them. */
struct context {
    uint64_t callee, back; /* where it goes, and where it comes back to in the context that it is called in */
    unsigned caller, depth; /* that context; how many calls deep it is */
    unsigned insns;         /* of an outermost one: its own and its callees' */
    bool outside; /* the callee does not fit: there are no nodes of it */
};

struct node {
    uint64_t pc, end;
    uint64_t hash;        /* of the guest bytes that all this was found in */
    uint64_t taken, next; /* where it goes, CPU_NO_PC: nowhere that is known */
    uint64_t back;        /* where the call at its end returns to, or CPU_NO_PC */
    uint64_t stop;        /* where it was told to end, 0: nowhere */
    unsigned context, next_context; /* its own, which is that of `taken` and `back`, too; that of `next` */
    unsigned insns, depth; /* insns 0: not looked at yet */
    bool ahead;           /* the baseline does its rounds with vectors */
    struct ir_block *block;
};

struct region {
    struct engine *engine;
    struct arena *arena;
    const struct guest_code *code;
    struct ir_func *f;
    struct node node[MAX_NODES];
    unsigned nnodes;
    struct context context[MAX_CALLS];
    unsigned ncontexts;
    uint64_t succ[MAX_NODES], pred[MAX_NODES]; /* masks of nodes */
    uint64_t kept;                             /* nodes that belong to it */
    uint8_t order[MAX_NODES];                  /* of the code */
    unsigned norder;
    struct guest_range range[BLOCK_MAX_RANGES];
    uint8_t *bytes; /* of the ranges, one behind the other */
    size_t nbytes;
    struct host_config cfg, outer;
};

static int node_at(const struct region *r, unsigned context, uint64_t pc)
{
    for (unsigned n = 0; n < r->nnodes && pc != CPU_NO_PC; n++)
        if (r->node[n].pc == pc && r->node[n].context == context)
            return (int)n;
    return NONE;
}

/* -- which code ------------------------------------------------------------------------------------------------------ */

static bool lift(struct region *r, struct ir_func *f, struct guest_lift *g, uint64_t pc, uint64_t stop)
{
    *g = (struct guest_lift){.pc = pc, .code = r->code, .max_insns = GUEST_MAX_INSNS, .stop = stop};
    return run_lift(r->engine->guest, g, f) == BTV_OK && g->insns;
}

/* Is it context c, or called in it, perhaps through others? */
static bool is_within(const struct region *r, unsigned context, unsigned c)
{
    while (context != c && context)
        context = r->context[context].caller;
    return context == c;
}

/* The one called in context 0, around this. */
static unsigned outermost(const struct region *r, unsigned context)
{
    while (r->context[context].caller)
        context = r->context[context].caller;
    return context;
}

/* The context of `callee`, which node n calls at its end, or that of n: it is outside. */
static unsigned enter_callee(struct region *r, const struct node *n, uint64_t callee)
{
    for (unsigned c = 1; c < r->ncontexts; c++)
        if ((r->context[c].caller == n->context && r->context[c].back == n->back) || (r->context[c].callee == callee && r->context[c].outside))
            return r->context[c].outside ? n->context : c;
    if (r->ncontexts == MAX_CALLS || r->context[n->context].depth == r->engine->tune.region_depth || !engine_is_warm(r->engine, callee))
        return n->context;
    r->context[r->ncontexts] = (struct context){.callee = callee, .back = n->back, .caller = n->context, .depth = r->context[n->context].depth + 1};
    return r->ncontexts++;
}

static const struct ir_ins *last_mark(const struct ir_func *f)
{
    const struct ir_ins *i = f->last->last;
    while (i->op != IR_OP_MARK)
        i = i->prev;
    return i;
}

/*
 * Where the indirect jump at its end leads as a rule, if code that is warm.  One that the region starts with is not guessed: who finds a guess wrong
 * leaves for the jump itself, which must be there.
 */
static uint64_t guess(struct region *r, const struct ir_func *f)
{
    struct engine *e = r->engine;
    uint64_t jump = last_mark(f)->imm;
    if (jump == r->node[0].pc)
        return CPU_NO_PC;
    run_lock(e);
    uint64_t pc = cache_guess(e, jump);
    run_unlock(e);
    return pc != CPU_NO_PC && engine_is_warm(e, pc) ? pc : CPU_NO_PC;
}

/* n calls `callee` at its end: it goes there if that is inside. */
static void look_at_call(struct region *r, struct node *n, uint64_t callee, uint64_t back)
{
    n->back = back;
    n->next_context = callee == CPU_NO_PC ? n->context : enter_callee(r, n, callee);
    n->next = n->next_context != n->context ? r->context[n->next_context].callee : CPU_NO_PC;
}

/* Where the block that was just appended goes. */
static void look_around(struct region *r, struct node *n, const struct ir_func *f)
{
    const struct ir_ins *last = f->last->last, *side = last->prev;
    n->taken = n->next = n->back = CPU_NO_PC;
    n->next_context = n->context;
    if (last->op == IR_OP_GOTO && last->aux) {
        look_at_call(r, n, last->imm, last->aux);
    } else if (last->op == IR_OP_GOTO) {
        n->next = last->imm;
        if (side && side->op == IR_OP_EXITIF)
            n->taken = side->imm;
    } else if (last->op == IR_OP_GOTOIND && last->imm == IR_JUMP_CALL && last->aux) {
        look_at_call(r, n, guess(r, f), last->aux);
    } else if (last->op == IR_OP_GOTOIND && last->imm == IR_JUMP) {
        n->next = guess(r, f);
    } else if (last->op == IR_OP_GOTOIND && last->imm == IR_JUMP_RET && n->context) {
        n->next = r->context[n->context].back;
        n->next_context = r->context[n->context].caller;
    }
}

static void add_node(struct region *r, unsigned context, uint64_t pc)
{
    if (pc == CPU_NO_PC || node_at(r, context, pc) != NONE || r->nnodes == r->engine->tune.region_blocks || !engine_is_warm(r->engine, pc))
        return;
    r->node[r->nnodes].context = context;
    r->node[r->nnodes++].pc = pc;
}

/* The first pc behind that of n at which another node of its context starts. */
static uint64_t next_start(const struct region *r, const struct node *n)
{
    uint64_t stop = 0;
    for (unsigned k = 0; k < r->nnodes; k++)
        if (r->node[k].context == n->context && r->node[k].pc > n->pc && (!stop || r->node[k].pc < stop))
            stop = r->node[k].pc;
    return stop;
}

/* Does the baseline do the loop that starts at pc with vectors?  A block of it goes past branches and jumps that end a node. */
static bool is_ahead(struct region *r, uint64_t pc)
{
    const struct engine *e = r->engine;
    struct guest_lift g = translate_bounds(e, r->code, pc, e->tune.max_insns);
    struct ir_rounds rounds;
    struct ir_func *f = ir_func_new(r->arena, &e->guest->slots, NULL);
    return e->tune.ahead && f && run_lift(e->guest, &g, f) == BTV_OK && ir_rounds_find(f, &rounds);
}

/* Sees how far node n reaches and where it goes.  False: it cannot be part of a region. */
static bool look_at(struct region *r, struct node *n)
{
    struct guest_lift g;
    struct ir_func *f = ir_func_new(r->arena, &r->engine->guest->slots, NULL);
    n->stop = next_start(r, n);
    if (!f || !lift(r, f, &g, n->pc, n->stop))
        return false;
    if (n->stop && g.range[0].end > n->stop)
        return false; /* overlapping instructions */
    n->end = g.range[g.nranges - 1].end;
    n->hash = hash_bytes(g.bytes, g.nbytes, 0);
    n->insns = g.insns;
    look_around(r, n, f);
    return true;
}

/* Branches backward look at requests, so samples find the branch at the end of a loop.  The start of that loop, or pc. */
static uint64_t loop_start(struct region *r, uint64_t pc)
{
    struct node branch = {.pc = pc};
    return look_at(r, &branch) && branch.insns == 1 && branch.taken < pc ? branch.taken : pc;
}

/* A callee is inside as a whole, with all that it calls, or not at all: it is short, and the baseline does not do its loops with vectors. */
static bool fits(const struct region *r, const struct node *n)
{
    unsigned insns = r->context[outermost(r, n->context)].insns;
    return !n->context || (insns <= r->engine->tune.region_callee && !n->ahead && (n->back == CPU_NO_PC || n->next_context != n->context));
}

/* Takes the nodes of the outermost callee around this context out again. */
static void put_outside(struct region *r, unsigned context)
{
    unsigned left = 0;
    for (unsigned c = context; c; c = r->context[c].caller)
        r->context[c].outside = true;
    context = outermost(r, context);
    for (unsigned k = 0; k < r->nnodes; k++) {
        struct node n = r->node[k];
        if (is_within(r, n.context, context))
            continue;
        if (n.next_context == context) {
            n.next_context = n.context;
            n.next = CPU_NO_PC;
        }
        r->node[left++] = n;
    }
    memset(r->node + left, 0, (r->nnodes - left) * sizeof *r->node);
    r->nnodes = left;
}

/*
 * Nodes end where others start, so each new one may change those found before it: those are looked at again.  What had no
 * place any more stays outside.
 */
static bool discover(struct region *r, uint64_t pc)
{
    unsigned insns = 0;
    r->node[0].pc = pc;
    r->nnodes = r->ncontexts = 1;
    for (unsigned k = 0; k < r->nnodes;) {
        struct node *n = &r->node[k];
        bool again = n->insns;
        if (again && n->stop == next_start(r, n)) {
            k++;
            continue;
        }
        if (!look_at(r, n)) {
            if (!k)
                return false;
            r->nnodes = k; /* the ones behind it were not looked at either: they may come from it */
            break;
        }
        k = 0;
        if (!again) {
            n->ahead = is_ahead(r, n->pc);
            insns += n->insns;
            r->context[outermost(r, n->context)].insns += n->insns;
        }
        if (!fits(r, n)) {
            put_outside(r, n->context);
            continue;
        }
        if (n->ahead && n == r->node)
            return false; /* the baseline does better: with vectors */
        if (insns < r->engine->tune.region_insns) {
            add_node(r, n->next_context, n->next);
            add_node(r, n->context, n->taken);
            add_node(r, n->context, n->back);
        }
    }
    return true;
}

static void connect(struct region *r, unsigned from, unsigned context, uint64_t pc)
{
    int to = node_at(r, context, pc);
    if (to == NONE || r->node[to].ahead) /* that stays outside */
        return;
    r->succ[from] |= UINT64_C(1) << to;
    r->pred[to] |= UINT64_C(1) << from;
}

/* All that is reached from `from` along next[] within `within`, `from` included. */
static uint64_t closure(const uint64_t *next, uint64_t from, uint64_t within)
{
    uint64_t seen = 0, work = from & within;
    while (work) {
        unsigned n = (unsigned)__builtin_ctzll(work);
        seen |= UINT64_C(1) << n;
        work = (work | (next[n] & within)) & ~seen;
    }
    return seen;
}

/*
 * Keeps what lies on a way from the root back to it; without calls if there is such a way, because each exchanges the pins.
 * False: there is none, so entering and leaving would cost more than is gained.
 */
static bool select_nodes(struct region *r)
{
    for (int calls = 0; calls < 2; calls++) {
        memset(r->succ, 0, sizeof r->succ);
        memset(r->pred, 0, sizeof r->pred);
        for (unsigned k = 0; k < r->nnodes; k++) {
            const struct node *n = &r->node[k];
            connect(r, k, n->context, n->taken);
            connect(r, k, n->next_context, n->next);
            if (calls)
                connect(r, k, n->context, n->back);
        }
        r->kept = closure(r->pred, r->pred[0], closure(r->succ, 1, UINT64_MAX));
        if (r->kept & 1)
            break;
    }
    for (unsigned k = 0; k < r->nnodes; k++) {
        r->succ[k] &= r->kept;
        r->pred[k] &= r->kept;
    }
    return r->kept & 1;
}

/* Loops: what reaches a jump back without passing its target. */
static void find_depths(struct region *r)
{
    uint64_t before = 0;
    for (unsigned head = 0; head < r->nnodes; head++) {
        uint64_t from = r->pred[head] & r->kept & ~before, body;
        before |= UINT64_C(1) << head;
        if (!from || !(r->kept >> head & 1))
            continue;
        body = closure(r->pred, from & ~(UINT64_C(1) << head), r->kept & ~(UINT64_C(1) << head)) | UINT64_C(1) << head;
        if (!(closure(r->succ, r->succ[head], body) >> head & 1))
            continue; /* found behind its successor, but no loop */
        for (; body; body &= body - 1)
            r->node[__builtin_ctzll(body)].depth++;
    }
}

/* Follows the way into the innermost loop, or else the one that code falls through, so that it needs no jump. */
static void place(struct region *r)
{
    uint64_t left = r->kept;
    int n = 0;
    while (left) {
        r->order[r->norder++] = (uint8_t)n;
        left &= ~(UINT64_C(1) << n);
        const struct node *at = &r->node[n];
        const int way[] = {node_at(r, at->next_context, at->next), node_at(r, at->context, at->back), node_at(r, at->context, at->taken)};
        n = NONE;
        for (unsigned k = 0; k < ARRAY_LEN(way); k++)
            if (way[k] != NONE && left >> way[k] & 1 && (n == NONE || r->node[way[k]].depth > r->node[n].depth))
                n = way[k];
        if (n == NONE && left)
            n = __builtin_ctzll(left);
    }
}

/* -- as a function ----------------------------------------------------------------------------------------------------- */

static struct ir_block *block_at(const struct region *r, unsigned context, uint64_t pc)
{
    int n = node_at(r, context, pc);
    return n != NONE && r->kept >> n & 1 ? r->node[n].block : NULL;
}

static ir_val negate(struct ir_func *f, ir_val cond)
{
    static const uint8_t opposite[][2] = {{IR_OP_EQ, IR_OP_NE}, {IR_OP_NE, IR_OP_EQ}};
    const struct ir_ins *d = f->def[cond];
    for (unsigned k = 0; k < ARRAY_LEN(opposite); k++)
        if (d->op == opposite[k][0])
            return ir_emit(f, (enum ir_op)opposite[k][1], IR_I1, d->arg[0], d->arg[1], 0, 0, 0);
    enum ir_op swapped = d->op == IR_OP_LTS ? IR_OP_LES : d->op == IR_OP_LTU ? IR_OP_LEU : d->op == IR_OP_LES ? IR_OP_LTS : d->op == IR_OP_LEU ? IR_OP_LTU : 0;
    if (swapped) /* not a < b is b <= a */
        return ir_emit(f, swapped, IR_I1, d->arg[1], d->arg[0], 0, 0, 0);
    return ir_make(f, IR_OP_XOR, IR_I1, cond, ir_const(f, IR_I1, 1), 0);
}

/* Is the callee of the call at the end of n inside? */
static bool callee_inside(const struct region *r, const struct node *n)
{
    return n->back != CPU_NO_PC && block_at(r, n->next_context, n->next);
}

/* Are there ways in besides the first block: from calls that go outside?  They lead to any block with that pc, in whatever context. */
static bool comes_back(const struct region *r)
{
    for (unsigned k = 0; k < r->norder; k++) {
        const struct node *n = &r->node[r->order[k]];
        if (block_at(r, n->context, n->back) && !callee_inside(r, n))
            return true;
    }
    return false;
}

/* What the block leaves in a slot: a value, 0: it does not write it. */
static ir_val last_put(const struct ir_block *b, uint64_t slot)
{
    const struct ir_ins *i = b->last;
    while (i && (i->op != IR_OP_PUT || i->imm != slot))
        i = i->prev;
    return i ? i->arg[0] : 0;
}

/* Does the callee that n belongs to surely return to its call?  It does if the call writes the register that n jumps to, and nothing until then. */
static bool returns(const struct region *r, const struct node *n, ir_val target)
{
    const struct ir_ins *d = r->f->def[target];
    uint64_t k;
    if (d->op == IR_OP_AND)
        d = r->f->def[d->arg[0]];
    bool sure = d->op == IR_OP_GET && !comes_back(r);
    for (unsigned m = 0; m < r->norder && sure; m++) {
        const struct node *other = &r->node[r->order[m]];
        ir_val v = last_put(other->block, d->imm);
        if (is_within(r, other->context, n->context))
            sure = !v;
        else if (other->next_context == n->context)
            sure = ir_is_const(r->f, v, &k) && k == n->next;
    }
    return sure;
}

/* An indirect jump that leads to a block inside.  If it goes elsewhere, the region is left before it is executed, link register and all. */
static void join_indirect(struct region *r, const struct node *n, struct ir_block *to)
{
    struct ir_func *f = r->f;
    struct ir_ins *i = n->block->last;
    const ir_val target = i->arg[0];
    const bool sure = i->imm == IR_JUMP_RET && returns(r, n, target);
    uint64_t slot = CPU_SLOTS;
    ir_val link = 0;
    f->at = n->block;
    for (struct ir_ins *prev; i->op != IR_OP_MARK; i = prev) {
        prev = i->prev;
        if (i->op == IR_OP_PUT && slot == CPU_SLOTS) {
            slot = i->imm;
            link = i->arg[0];
        }
        if (i->op == IR_OP_PUT || i->op == IR_OP_GOTOIND)
            ir_remove(f, i);
    }
    if (!sure) {
        ir_val elsewhere = ir_make(f, IR_OP_NE, IR_I1, target, ir_const(f, IR_I64, n->next), 0);
        ir_emit(f, IR_OP_EXITIF, IR_VOID, elsewhere, 0, 0, i->imm, 0);
    }
    if (slot != CPU_SLOTS)
        ir_emit(f, IR_OP_PUT, IR_VOID, link, 0, 0, slot, 0);
    ir_br(f, to, NULL);
}

/* The jumps at the end of a block become edges where they stay in the region. */
static void join(struct region *r, const struct node *n)
{
    struct ir_func *f = r->f;
    struct ir_ins *last = n->block->last, *side = last->prev;
    struct ir_block *next = block_at(r, n->next_context, n->next), *taken = block_at(r, n->context, n->taken);
    if (!next && !taken)
        return;
    if (last->op == IR_OP_GOTOIND) {
        join_indirect(r, n, next);
        return;
    }
    uint64_t out = last->imm;
    ir_val cond = taken ? side->arg[0] : 0;
    ir_remove(f, last);
    if (taken)
        ir_remove(f, side);
    f->at = n->block;
    if (next && taken) {
        ir_brif(f, cond, taken, NULL, next, NULL);
    } else if (next) {
        ir_br(f, next, NULL);
    } else {
        ir_emit(f, IR_OP_EXITIF, IR_VOID, negate(f, cond), 0, 0, out, 0);
        ir_br(f, taken, NULL);
    }
}

/* Helpers find the pins where all code has them, not where a region has. */
static bool calls_helpers(const struct ir_func *f)
{
    for (const struct ir_block *b = f->first; b; b = b->next)
        for (const struct ir_ins *i = b->first; i; i = i->next)
            if (i->op == IR_OP_CALL)
                return true;
    return false;
}

/* The guest code that a node was made of, unless it is there already.  False: too many pieces. */
static bool add_ranges(struct region *r, struct source *src, const struct guest_lift *g)
{
    const uint8_t *from = g->bytes;
    for (unsigned i = 0; i < g->nranges; i++) {
        const struct guest_range *range = &g->range[i];
        uint64_t bytes = range->end - range->start;
        bool known = false;
        for (unsigned k = 0; k < src->nranges; k++)
            known |= r->range[k].start <= range->start && range->end <= r->range[k].end;
        if (!known) {
            if (src->nranges && r->range[src->nranges - 1].end == range->start)
                r->range[src->nranges - 1].end = range->end;
            else if (src->nranges < BLOCK_MAX_RANGES)
                r->range[src->nranges++] = *range;
            else
                return false;
            memcpy(r->bytes + r->nbytes, from, bytes);
            r->nbytes += bytes;
        }
        from += bytes;
    }
    return true;
}

static bool make_function(struct region *r, struct source *src)
{
    r->bytes = arena_push(r->arena, MAX_NODES * GUEST_MAX_BYTES);
    r->f = ir_func_new(r->arena, &r->engine->guest->slots, NULL);
    if (!r->f || !r->bytes)
        return false;
    *src = (struct source){.pc = r->node[0].pc, .range = r->range, .bytes = r->bytes};
    for (unsigned k = 0; k < r->norder; k++) {
        struct node *n = &r->node[r->order[k]];
        struct guest_lift g;
        if (!lift(r, r->f, &g, n->pc, n->stop) || g.range[g.nranges - 1].end != n->end || hash_bytes(g.bytes, g.nbytes, 0) != n->hash)
            return false; /* the code has changed, and its jumps may lead elsewhere */
        n->block = r->f->last;
        src->insns += g.insns;
        if (!add_ranges(r, src, &g))
            return false;
    }
    r->f->pc = src->pc;
    for (unsigned k = 0; k < r->norder; k++)
        join(r, &r->node[r->order[k]]);
    return arena_ok(r->arena);
}

/* -- pins ---------------------------------------------------------------------------------------------------------------- */

static uint64_t times(unsigned depth)
{
    uint64_t w = 1;
    for (unsigned k = 0; k < depth && k < MAX_DEPTH; k++)
        w *= DEPTH_FACTOR;
    return w;
}

/*
 * What a pin would save for each slot, in memory operations: a load where a block first reads it, a store where a block writes it.
 * A slot that no block reads before writing it gets none: it lives in temporaries.  Returns what each exchange of a pin costs.
 */
static uint64_t weigh(const struct region *r, uint64_t weight[CPU_SLOTS])
{
    uint64_t crossings = 1;
    bool read[CPU_SLOTS] = {false};
    memset(weight, 0, CPU_SLOTS * sizeof *weight);
    for (unsigned k = 0; k < r->norder; k++) {
        const struct node *n = &r->node[r->order[k]];
        bool seen[CPU_SLOTS] = {false}, put[CPU_SLOTS] = {false};
        uint64_t w = times(n->depth);
        for (const struct ir_ins *i = n->block->first; i; i = i->next) {
            if (i->op == IR_OP_GET && !seen[i->imm] && !put[i->imm]) {
                seen[i->imm] = read[i->imm] = true;
                weight[i->imm] += w;
            } else if (i->op == IR_OP_PUT && !put[i->imm]) {
                put[i->imm] = true;
                weight[i->imm] += w;
            }
        }
        if (n->back != CPU_NO_PC && !callee_inside(r, n))
            crossings += w;
    }
    for (unsigned s = 0; s < CPU_SLOTS; s++)
        if (!read[s])
            weight[s] = 0;
    return r->engine->tune.exchange_cost * crossings;
}

/* Gives the registers of one class to the slots that gain most; a slot that has one outside keeps it. */
static void assign(struct host_config *cfg, uint8_t *pin, unsigned npins, unsigned first_reg, const uint64_t *weight, const struct ir_slots *slots, bool fp,
                   uint64_t cost)
{
    for (;;) {
        unsigned best = CPU_SLOTS, worst = 0;
        for (unsigned s = 0; s < slots->count; s++)
            if (cfg->reg_of_slot[s] < 0 && (slots->slot[s].type == IR_F64) == fp && weight[s] && (best == CPU_SLOTS || weight[s] > weight[best]))
                best = s;
        for (unsigned k = 1; k < npins; k++)
            if (weight[pin[k]] < weight[pin[worst]])
                worst = k;
        if (best == CPU_SLOTS || !npins || weight[best] <= weight[pin[worst]] + cost)
            break;
        cfg->reg_of_slot[pin[worst]] = -1;
        cfg->reg_of_slot[best] = (int8_t)(first_reg + worst);
        pin[worst] = (uint8_t)best;
    }
}

/* How many values of one class blocks make that are not for a pin, weighted. */
static uint64_t count_temporaries(const struct region *r, bool fp)
{
    uint64_t sum = 0;
    for (unsigned k = 0; k < r->norder; k++) {
        const struct node *n = &r->node[r->order[k]];
        for (const struct ir_ins *i = n->block->first; i; i = i->next)
            if (i->op == IR_OP_PUT && r->cfg.reg_of_slot[i->imm] < 0 && (r->engine->guest->slots.slot[i->imm].type == IR_F64) == fp)
                sum += times(n->depth);
    }
    return sum;
}

/* Registers of slots that gain little become temporaries, where many are made. */
static void set_free(struct region *r, uint8_t *pin, unsigned npins, const uint64_t *weight, bool fp)
{
    uint64_t made = count_temporaries(r, fp);
    for (unsigned k = 1; k <= r->engine->tune.region_temps; k++) {
        unsigned worst = npins;
        for (unsigned n = 0; n < npins; n++)
            if (pin[n] != HOST_NO_SLOT && (worst == npins || weight[pin[n]] < weight[pin[worst]]))
                worst = n;
        if (worst == npins || (weight[pin[worst]] + r->engine->tune.exchange_cost) * k * TEMPORARY_GAIN > made)
            return;
        r->cfg.reg_of_slot[pin[worst]] = -1;
        pin[worst] = HOST_NO_SLOT;
    }
}

static void choose_pins(struct region *r)
{
    uint64_t weight[CPU_SLOTS], cost = weigh(r, weight);
    const struct ir_slots *slots = &r->engine->guest->slots;
    r->cfg = r->outer;
    r->cfg.outer = &r->outer;
    assign(&r->cfg, r->cfg.pin_int, r->cfg.npin_int, 0, weight, slots, false, cost);
    assign(&r->cfg, r->cfg.pin_fp, r->cfg.npin_fp, 16, weight, slots, true, cost);
    if (cost > r->engine->tune.exchange_cost)
        return; /* there are calls inside, and each would exchange more */
    set_free(r, r->cfg.pin_int, r->cfg.npin_int, weight, false);
    set_free(r, r->cfg.pin_fp, r->cfg.npin_fp, weight, true);
}

/* Memory operations for slots without a register in block b: stores at each PUT, or once at its end (a region's). */
static unsigned slot_traffic(const struct host_config *cfg, const struct ir_block *b)
{
    bool known[CPU_SLOTS] = {false}, put[CPU_SLOTS] = {false};
    unsigned n = 0;
    for (const struct ir_ins *i = b->first; i; i = i->next) {
        if ((i->op != IR_OP_GET && i->op != IR_OP_PUT) || cfg->reg_of_slot[i->imm] >= 0)
            continue;
        if (i->op == IR_OP_PUT) {
            n += !put[i->imm] || !cfg->outer;
            put[i->imm] = true;
        } else {
            n += !known[i->imm];
        }
        known[i->imm] = true;
    }
    return n;
}

/* Does the region save so many memory operations that entering it, and translating, pays? */
static bool pays(const struct region *r)
{
    uint64_t before = 0, after = 0, insns = 0;
    for (unsigned k = 0; k < r->norder; k++) {
        const struct node *n = &r->node[r->order[k]];
        uint64_t w = times(n->depth);
        before += w * slot_traffic(&r->outer, n->block);
        after += w * slot_traffic(&r->cfg, n->block);
        before += callee_inside(r, n) ? w * r->engine->tune.region_call : 0;
        insns += w * n->insns;
    }
    return (before - after) * 100 >= insns * r->engine->tune.region_gain && before > after;
}

/* -- the whole ------------------------------------------------------------------------------------------------------------ */

static bool is_region(struct engine *e, uint64_t pc)
{
    run_lock(e);
    const struct block *b = cache_find(e, pc);
    bool yes = b && block_is(b, BLOCK_REGION);
    run_unlock(e);
    return yes;
}

/* Lock held. */
static enum btv_status publish(struct engine *e, const struct source *src, const struct host_code *code, struct btv_error *err)
{
    struct block *old = cache_find(e, src->pc);
    if (old)
        cache_kill(e, old);
    enum btv_status st = cache_publish(e, src, code, &old, err);
    for (struct engine_thread *t = e->threads; t; t = t->next)
        engine_leave(t); /* it may be in a loop of the old code */
    cache_settle(e);
    return st;
}

enum btv_status region_make(struct engine *e, struct arena *a, const struct guest_code *fetch, uint64_t pc, struct btv_error *err)
{
    uint64_t generation = atomic_load_explicit(&e->generation, memory_order_acquire);
    struct region *r = arena_push(a, sizeof *r);
    struct source src;
    struct host_code code;
    if (!r)
        return BTV_NOMEM;
    r->engine = e;
    r->arena = a;
    r->code = fetch;
    pc = loop_start(r, pc);
    if (is_region(e, pc))
        return BTV_OK;
    if (!discover(r, pc))
        return BTV_BADCODE;
    if (!select_nodes(r))
        return BTV_NOENT;
    find_depths(r);
    place(r);
    if (!make_function(r, &src))
        return arena_ok(a) ? BTV_BADCODE : BTV_NOMEM;
    run_lock(e);
    r->outer = e->hcfg;
    bool may_change = cache_may_change(e, src.range, src.nranges);
    run_unlock(e);
    if (may_change || calls_helpers(r->f))
        return BTV_NOTIMPL;
    choose_pins(r);
    if (!e->cfg.region && !pays(r)) /* chaos makes regions to test them */
        return BTV_NOENT;
#ifndef NDEBUG
    enum btv_status verdict = ir_verify(r->f, err);
    if (verdict != BTV_OK)
        return verdict;
#endif
    enum btv_status st = e->host->emit(a, &r->cfg, r->f, &code);
    if (st != BTV_OK)
        return st;
    if (trace_at(TRACE_emit, pc))
        trace_emitted(e, fetch, &code, pc);
    run_lock(e);
    uint64_t locked = clock_ns(CLOCK_MONOTONIC);
    st = generation == e->generation ? publish(e, &src, &code, err) : BTV_BADCODE;
    locked = clock_ns(CLOCK_MONOTONIC) - locked;
    run_unlock(e);
    TRACE_AT(block, pc, "0x%llx region: %s, %u blocks of %u seen, %u instructions, %u bytes, others kept waiting for at most %llu us", (unsigned long long)pc,
             btv_status_text(st), r->norder, r->nnodes, src.insns, code.len, (unsigned long long)locked / 1000);
    return st;
}

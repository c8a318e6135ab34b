/*
 * Making and changing functions: allocation, instruction lists, value numbers, use counts.
 *
 * ir_emit is on the path of every translated instruction: it takes one arena cell and fills it.  What an op's
 * instruction looks like (operand count, where its type comes from) is derived from the signature column of
 * ops.def at compile time.  def[0] is a void instruction, so that value 0, which builders return once the arena is
 * poisoned, can be looked at like any other.
 */
#include "ir/ir.h"

#include <assert.h>
#include <string.h>

/* Character k of a string literal as a constant; 0 beyond its end. */
#define LIT(s, k) ((s "\0\0\0\0\0\0\0\0")[k])
#define IS_OPERAND(ch) ((ch) >= 'a' && (ch) <= 'z')
#define HAS(sig, k) (IS_OPERAND(LIT(sig, k)))
#define NARGS(sig) (!HAS(sig, 2) ? 0 : !HAS(sig, 3) ? 1 : !HAS(sig, 4) ? 2 : 3)

enum flag_names {
    PURE = IR_F_PURE,
    COMM = IR_F_COMM,
    READS = IR_F_READS,
    WRITES = IR_F_WRITES,
    LOADS = IR_F_LOADS,
    STORES = IR_F_STORES,
    FPENV = IR_F_FPENV,
    FAULTS = IR_F_FAULTS,
    EXITS = IR_F_EXITS,
    TERM = IR_F_TERM,
    RM = IR_F_RM,
};

const struct ir_op_info ir_op_info[IR_OP_LIMIT] = {
#define OP(code, NAME, text, sig, flags, eval, smt, doc) [code] = {text, sig, flags, NARGS(sig), smt, doc},
#include "ir/ops.def"
#undef OP
};

const struct ir_type_info ir_type_info[IR_TYPE_COUNT] = {
#define TYPE(code, NAME, text, bits, class, doc) [code] = {text, bits, #class[0]},
#include "ir/types.def"
#undef TYPE
};

/* Where an instruction's type comes from. */
enum type_from {
    FROM_CALLER, /* the t of ir_emit; VOID means no result */
    FROM_BOOL,   /* i1 */
    FROM_NONE,   /* void */
    FROM_ARG0,   /* no result; the type of a written value (PUT) */
    FROM_ARG1,   /* the same (STORE) */
    FROM_SC,     /* type of the written value, and an i1 result */
};

static const struct {
    uint8_t nargs, from;
} shape[IR_OP_LIMIT] = {
#define OP(code, NAME, text, sig, flags, eval, smt, doc)                                                 \
    [code] = {NARGS(sig),                                                                                \
              (code) == IR_OP_PUT     ? FROM_ARG0                                                        \
              : (code) == IR_OP_STORE ? FROM_ARG1                                                        \
              : (code) == IR_OP_SC    ? FROM_SC                                                          \
              : LIT(sig, 0) == '.'    ? FROM_NONE                                                        \
              : LIT(sig, 0) == 'b'    ? FROM_BOOL                                                        \
                                      : FROM_CALLER},
#include "ir/ops.def"
#undef OP
};

/* arena_push_raw without the call in the common case. */
static inline void *take(struct arena *a, size_t bytes)
{
    bytes = ALIGN_UP(bytes, (size_t)16);
    if (BTV_UNLIKELY((size_t)(a->end - a->at) < bytes || a->failed))
        return arena_push_raw(a, bytes);
    void *p = a->at;
    a->at += bytes;
    return p;
}

struct ir_func *ir_func_new(struct arena *arena, const struct ir_slots *slots, const char *name)
{
    enum { FIRST_CAP = 256 };
    struct {
        struct ir_func func;
        struct ir_ins none;
    } *cell = arena_push(arena, sizeof *cell);
    struct ir_ins **def = arena_push_raw(arena, FIRST_CAP * sizeof(struct ir_ins *));
    if (!cell || !def)
        return NULL;
    struct ir_func *f = &cell->func;
    f->arena = arena;
    f->slots = slots;
    f->name = name;
    f->def = def;
    f->cap_vals = FIRST_CAP;
    f->nvals = 1;
    def[0] = &cell->none;
    return f;
}

struct ir_block *ir_block_new(struct ir_func *f)
{
    struct ir_block *b = ARENA_NEW(f->arena, struct ir_block);
    if (!b)
        return NULL;
    b->id = f->nblocks++;
    b->prev = f->last;
    if (f->last)
        f->last->next = b;
    else
        f->first = b;
    f->last = b;
    f->at = b;
    return b;
}

static BTV_COLD bool grow_values(struct ir_func *f)
{
    uint32_t cap = f->cap_vals * 2;
    struct ir_ins **def = cap > f->cap_vals ? arena_push_raw(f->arena, cap * sizeof *def) : NULL;
    if (!def) {
        f->arena->failed = true;
        return false;
    }
    memcpy(def, f->def, f->nvals * sizeof *def);
    f->def = def;
    f->cap_vals = cap;
    return true;
}

/* Names the result of i; false if out of memory. */
static inline bool number_value(struct ir_func *f, struct ir_ins *i)
{
    if (BTV_UNLIKELY(f->nvals == f->cap_vals) && !grow_values(f))
        return false;
    i->dst = f->nvals;
    f->def[f->nvals++] = i;
    return true;
}

ir_val ir_block_param(struct ir_func *f, struct ir_block *b, enum ir_type t)
{
    struct ir_ins *i = ARENA_NEW(f->arena, struct ir_ins);
    if (!i)
        return 0;
    i->op = IR_OP_PARAM;
    i->type = (uint8_t)t;
    if ((b->nparams & (b->nparams - 1)) == 0) { /* the array holds a power of two: full */
        uint32_t cap = b->nparams ? b->nparams * 2 : 1;
        struct ir_ins **params = ARENA_ARRAY(f->arena, struct ir_ins *, cap);
        if (!params)
            return 0;
        if (b->nparams)
            memcpy(params, b->params, b->nparams * sizeof *params);
        b->params = params;
    }
    if (!number_value(f, i))
        return 0;
    b->params[b->nparams++] = i;
    return i->dst;
}

ir_val ir_emit(struct ir_func *f, enum ir_op op, enum ir_type t, ir_val a, ir_val b, ir_val c, uint64_t imm, uint64_t aux)
{
    struct ir_ins *i = take(f->arena, sizeof *i);
    if (BTV_UNLIKELY(!i))
        return 0;
    struct ir_block *at = f->at;
    unsigned nargs = shape[op].nargs;
    if (BTV_UNLIKELY(op == IR_OP_CALL || op == IR_OP_RET))
        nargs = !a ? 0 : op == IR_OP_RET || !b ? 1 : !c ? 2 : 3;
    i->imm = imm;
    i->aux = aux;
    i->dst = 0;
    i->arg[0] = a;
    i->arg[1] = b;
    i->arg[2] = c;
    i->op = (uint8_t)op;
    i->nargs = (uint8_t)nargs;
    i->flags = 0;
    i->uses = 0;

    bool result = false;
    switch ((enum type_from)shape[op].from) {
    case FROM_CALLER:
        result = t != IR_VOID;
        break;
    case FROM_BOOL:
        t = IR_I1;
        result = true;
        break;
    case FROM_NONE:
        t = IR_VOID;
        break;
    case FROM_ARG0:
        t = ir_typeof(f, a);
        break;
    case FROM_ARG1:
        t = ir_typeof(f, b);
        break;
    case FROM_SC:
        t = ir_typeof(f, b);
        result = true;
        break;
    }
    i->type = (uint8_t)t;
    if (result && !number_value(f, i))
        return 0;

    i->next = NULL;
    i->prev = at->last;
    if (at->last)
        at->last->next = i;
    else
        at->first = i;
    at->last = i;
    return i->dst;
}

ir_val ir_const(struct ir_func *f, enum ir_type t, uint64_t bits)
{
    unsigned w = ir_bits(t);
    if (w < 64)
        bits &= (UINT64_C(1) << w) - 1;
    return ir_emit(f, IR_OP_CONST, t, 0, 0, 0, bits, 0);
}

static void fill_edge(struct ir_func *f, struct ir_edge *e, struct ir_block *to, const ir_val *args)
{
    e->to = to;
    e->args = NULL;
    if (!to || !to->nparams)
        return;
    e->args = ARENA_ARRAY(f->arena, ir_val, to->nparams);
    if (e->args)
        memcpy(e->args, args, to->nparams * sizeof *args);
}

void ir_br(struct ir_func *f, struct ir_block *to, const ir_val *args)
{
    struct ir_edge *e = ARENA_NEW(f->arena, struct ir_edge);
    if (!e)
        return;
    fill_edge(f, e, to, args);
    ir_emit(f, IR_OP_BR, IR_VOID, 0, 0, 0, 0, 0);
    if (arena_ok(f->arena))
        f->at->last->edges = e;
}

void ir_brif(struct ir_func *f, ir_val cond, struct ir_block *yes, const ir_val *yes_args, struct ir_block *no, const ir_val *no_args)
{
    struct ir_edge *e = ARENA_ARRAY(f->arena, struct ir_edge, 2);
    if (!e)
        return;
    fill_edge(f, &e[0], yes, yes_args);
    fill_edge(f, &e[1], no, no_args);
    ir_emit(f, IR_OP_BRIF, IR_VOID, cond, 0, 0, 0, 0);
    if (arena_ok(f->arena))
        f->at->last->edges = e;
}

/* -- changing ---------------------------------------------------------------------------------------------- */

/* The block that holds i: found by walking to an end of its list, which the blocks know. */
static struct ir_block *block_of_end(struct ir_func *f, const struct ir_ins *i)
{
    for (struct ir_block *b = f->first; b; b = b->next)
        if (b->first == i || b->last == i)
            return b;
    return NULL;
}

void ir_remove(struct ir_func *f, struct ir_ins *i)
{
    assert(i->op != IR_OP_PARAM);
    if (!i->prev || !i->next) {
        struct ir_block *b = block_of_end(f, i);
        assert(b);
        if (!i->prev)
            b->first = i->next;
        if (!i->next)
            b->last = i->prev;
    }
    if (i->prev)
        i->prev->next = i->next;
    if (i->next)
        i->next->prev = i->prev;
    i->prev = i->next = NULL;
    if (i->dst)
        f->def[i->dst] = f->def[0];
    f->changed = true;
}

void ir_replace_uses(struct ir_func *f, ir_val from, ir_val to)
{
    for (struct ir_block *b = f->first; b; b = b->next)
        for (struct ir_ins *i = b->first; i; i = i->next) {
            for (unsigned k = 0; k < i->nargs; k++)
                if (i->arg[k] == from)
                    i->arg[k] = to;
            for (unsigned e = 0; e < ir_nedges(i); e++)
                for (uint32_t k = 0; k < i->edges[e].to->nparams; k++)
                    if (i->edges[e].args[k] == from)
                        i->edges[e].args[k] = to;
        }
    f->changed = true;
}

void ir_count_uses(struct ir_func *f)
{
    for (uint32_t v = 0; v < f->nvals; v++)
        f->def[v]->uses = 0;
    for (const struct ir_block *b = f->first; b; b = b->next) {
        for (const struct ir_ins *i = b->first; i; i = i->next)
            for (unsigned k = 0; k < ARRAY_LEN(i->arg); k++) /* without a branch: nothing tells the processor how many there are */
                f->def[i->arg[k] & -(ir_val)(k < i->nargs)]->uses++;
        for (unsigned e = 0; b->last && e < ir_nedges(b->last); e++)
            for (uint32_t k = 0; k < b->last->edges[e].to->nparams; k++)
                f->def[b->last->edges[e].args[k]]->uses++;
    }
}

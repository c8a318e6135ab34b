/*
 * A block before and after passes: do both do the same?
 *
 * Both are executed on the same symbols.  What the outside can see is a list of events in order: memory accesses,
 * floating-point ops, calls, marks and exits, each with its operands, and, where the guest's registers are visible, all slots
 * written so far.  Memory, helpers and the floating-point environment are not interpreted: the n-th event gives the same
 * unknown result on both sides, which is right because everything before it is required to be equal.  A side exit
 * guards what follows it by its condition being false.  The solver is asked once whether anything can differ.
 *
 * So a pass that drops or moves an event is not proved wrong here; it is not decided, and the reason says so.
 */
#include "base/clock.h"
#include "prove/prove.h"
#include "prove/smt.h"

#include "ir/arith.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_EVENTS = 512, SLOT_LIMIT = CPU_SLOTS };

/* One thing that the outside sees. */
struct event {
    const struct ir_ins *ins;
    Z3_ast arg[3];
    Z3_ast *slot; /* where slots are visible: SLOT_LIMIT of them, NULL: as on entry */
};

struct side {
    const struct ir_func *f;
    Z3_ast *val; /* by value number */
    Z3_ast slot[SLOT_LIMIT];
    struct event event[MAX_EVENTS];
    unsigned nevents;
};

struct proof {
    struct smt s;
    struct arena arena;
    struct prove_block *out;
    Z3_ast result[MAX_EVENTS]; /* unknown result of the n-th event */
    Z3_ast entry[SLOT_LIMIT];  /* slots on entry, or after the last call */
    struct side side[2];
};

static bool undecided(struct proof *p, const char *fmt, ...) BTV_PRINTF(2, 3);
static bool undecided(struct proof *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->out->reason, sizeof p->out->reason, fmt, ap);
    va_end(ap);
    p->out->status = PROVE_TESTED;
    return false;
}

/* The slot as the block finds it; both sides share it. */
static Z3_ast slot_on_entry(struct proof *p, unsigned slot, unsigned bits)
{
    if (!p->entry[slot])
        p->entry[slot] = smt_fresh(&p->s, 64);
    return smt_resize(&p->s, p->entry[slot], bits);
}

static bool sees_slots(const struct ir_ins *i)
{
    return i->op != IR_OP_GET && (ir_op_info[i->op].flags & (IR_F_READS | IR_F_FAULTS | IR_F_EXITS)) != 0;
}

static bool add_event(struct proof *p, struct side *d, const struct ir_ins *i)
{
    if (d->nevents == MAX_EVENTS)
        return undecided(p, "more than %d effects", MAX_EVENTS);
    unsigned n = d->nevents++;
    struct event *e = &d->event[n];
    *e = (struct event){.ins = i};
    for (unsigned k = 0; k < i->nargs; k++)
        e->arg[k] = d->val[i->arg[k]];
    if (sees_slots(i)) {
        e->slot = ARENA_ARRAY(&p->arena, Z3_ast, SLOT_LIMIT);
        if (!e->slot)
            return undecided(p, "out of memory");
        memcpy(e->slot, d->slot, sizeof d->slot);
    }
    if (i->dst) {
        unsigned bits = ir_bits(ir_typeof(d->f, i->dst));
        if (!p->result[n])
            p->result[n] = smt_fresh(&p->s, 64);
        d->val[i->dst] = smt_resize(&p->s, p->result[n], bits);
    }
    return true;
}

/* Is the Boolean value the same for all inputs?  Then it is stored. */
static bool is_fixed(struct proof *p, Z3_ast a, uint64_t *value)
{
    a = Z3_simplify(p->s.cx, a);
    return Z3_get_ast_kind(p->s.cx, a) == Z3_NUMERAL_AST && Z3_get_numeral_uint64(p->s.cx, a, value);
}

static bool execute_one(struct proof *p, struct side *d, const struct ir_ins *i)
{
    unsigned bits = i->dst ? ir_bits(ir_typeof(d->f, i->dst)) : 0;
    if (i->op == IR_OP_GET || i->op == IR_OP_PUT) {
        if (i->imm >= SLOT_LIMIT)
            return undecided(p, "slot %llu", (unsigned long long)i->imm);
        if (i->op == IR_OP_PUT)
            d->slot[i->imm] = d->val[i->arg[0]];
        else
            d->val[i->dst] = d->slot[i->imm] ? smt_resize(&p->s, d->slot[i->imm], bits) : slot_on_entry(p, (unsigned)i->imm, bits);
        return true;
    }
    if (i->op == IR_OP_CALL)
        return undecided(p, "calls a helper, which may change slots");
    uint64_t taken;
    if (i->op == IR_OP_EXITIF && is_fixed(p, d->val[i->arg[0]], &taken) && !taken)
        return true; /* passes delete it */
    if (!(ir_op_info[i->op].flags & IR_F_PURE))
        return add_event(p, d, i);
    Z3_ast arg[3] = {NULL, NULL, NULL};
    for (unsigned k = 0; k < i->nargs; k++)
        arg[k] = d->val[i->arg[k]];
    d->val[i->dst] = smt_op(&p->s, (enum ir_op)i->op, bits, arg, i->imm);
    return d->val[i->dst] ? true : undecided(p, "op %s is not in the solver's theory", ir_op_info[i->op].name);
}

static bool execute(struct proof *p, struct side *d, const struct ir_func *f)
{
    d->f = f;
    d->val = ARENA_ARRAY(&p->arena, Z3_ast, f->nvals);
    if (!d->val)
        return undecided(p, "out of memory");
    if (f->first->next)
        return undecided(p, "more than one block");
    for (uint32_t k = 0; k < f->first->nparams; k++) {
        const struct ir_ins *param = f->first->params[k];
        char name[24];
        snprintf(name, sizeof name, "param!%u", k);
        d->val[param->dst] = smt_var(&p->s, ir_bits((enum ir_type)param->type), name);
    }
    for (const struct ir_ins *i = f->first->first; i; i = i->next)
        if (!execute_one(p, d, i))
            return false;
    return true;
}

/* -- comparing --------------------------------------------------------------------------------------------------- */

struct differences {
    Z3_ast any;  /* something differs */
    Z3_ast here; /* control gets here */
};

static void may_differ(struct proof *p, struct differences *d, Z3_ast a, Z3_ast b)
{
    Z3_context cx = p->s.cx;
    if (Z3_is_eq_ast(cx, a, b))
        return;
    unsigned w = smt_bits(&p->s, a) > smt_bits(&p->s, b) ? smt_bits(&p->s, a) : smt_bits(&p->s, b);
    Z3_ast unequal = Z3_mk_not(cx, Z3_mk_eq(cx, smt_resize(&p->s, a, w), smt_resize(&p->s, b, w)));
    Z3_ast seen = Z3_mk_and(cx, 2, (Z3_ast[2]){d->here, unequal});
    d->any = Z3_mk_or(cx, 2, (Z3_ast[2]){d->any, seen});
}

static bool same_effect(const struct ir_ins *a, const struct ir_ins *b)
{
    return a->op == b->op && a->type == b->type && a->nargs == b->nargs && a->imm == b->imm && (ir_nedges(a) || a->aux == b->aux);
}

/* Marks that follow each other say nothing that the next one does not; passes keep them, but compare what is there. */
static bool compare(struct proof *p, struct differences *d)
{
    const struct side *x = &p->side[0], *y = &p->side[1];
    if (x->nevents != y->nevents)
        return undecided(p, "%u effects became %u", x->nevents, y->nevents);
    for (unsigned n = 0; n < x->nevents; n++) {
        const struct event *a = &x->event[n], *b = &y->event[n];
        if (!same_effect(a->ins, b->ins))
            return undecided(p, "effect %u was %s, is %s", n + 1, ir_op_info[a->ins->op].name, ir_op_info[b->ins->op].name);
        for (unsigned k = 0; k < a->ins->nargs; k++)
            may_differ(p, d, a->arg[k], b->arg[k]);
        for (unsigned k = 0; a->slot && k < SLOT_LIMIT; k++) {
            if (!a->slot[k] && !b->slot[k])
                continue;
            const Z3_ast *other = a->slot[k] ? &a->slot[k] : &b->slot[k];
            Z3_ast entry = slot_on_entry(p, k, smt_bits(&p->s, *other));
            may_differ(p, d, a->slot[k] ? a->slot[k] : entry, b->slot[k] ? b->slot[k] : entry);
        }
        if (a->ins->op == IR_OP_EXITIF) {
            Z3_ast stays = Z3_mk_eq(p->s.cx, a->arg[0], smt_const(&p->s, 1, 0));
            d->here = Z3_mk_and(p->s.cx, 2, (Z3_ast[2]){d->here, stays});
        }
    }
    return true;
}

static void decide(struct proof *p, const struct prove_options *o)
{
    struct differences d = {.any = Z3_mk_false(p->s.cx), .here = Z3_mk_true(p->s.cx)};
    if (!compare(p, &d))
        return;
    if (o->question) {
        struct str text = STR_INIT;
        smt_text(&p->s, p->side[0].f->name ? p->side[0].f->name : "block", d.any, &text);
        o->question(o->question_ctx, p->side[0].f->name ? p->side[0].f->name : "block", str_get(&text));
        str_free(&text);
    }
    switch (smt_check(&p->s, d.any)) {
    case SMT_UNSAT: p->out->status = PROVE_PROVED; break;
    case SMT_UNKNOWN: undecided(p, "%s", smt_reason(&p->s)); break;
    case SMT_SAT: {
        struct str s = STR_INIT;
        for (uint32_t k = 0; k < p->side[0].f->first->nparams; k++) {
            const struct ir_ins *param = p->side[0].f->first->params[k];
            str_add(&s, " v%u=0x%llx", param->dst, (unsigned long long)smt_model(&p->s, p->side[0].val[param->dst]));
        }
        for (unsigned k = 0; k < SLOT_LIMIT; k++)
            if (p->entry[k])
                str_add(&s, " slot%u=0x%llx", k, (unsigned long long)smt_model(&p->s, p->entry[k]));
        p->out->status = PROVE_WRONG;
        snprintf(p->out->reason, sizeof p->out->reason, "they differ for%s", *str_get(&s) ? str_get(&s) : " every input");
        str_free(&s);
        break;
    }
    }
}

static double now_ms(void)
{
    return (double)clock_ns(CLOCK_MONOTONIC) / 1e6;
}

void prove_block(const struct ir_func *before, const struct ir_func *after, const struct prove_options *o, struct prove_block *out)
{
    double start = now_ms();
    *out = (struct prove_block){.status = PROVE_TESTED};
    struct proof *p = calloc(1, sizeof *p);
    if (!p || !smt_open(&p->s, o->timeout_ms)) {
        snprintf(out->reason, sizeof out->reason, "the solver does not start");
        free(p);
        return;
    }
    arena_init(&p->arena, 0);
    p->out = out;
    if (execute(p, &p->side[0], before) && execute(p, &p->side[1], after))
        decide(p, o);
    out->ms = now_ms() - start;
    arena_free(&p->arena);
    smt_close(&p->s);
    free(p);
}

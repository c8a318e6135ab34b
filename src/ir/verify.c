/*
 * The verifier: every invariant of docs/ir.md, one function each, in the order of `rules` below.
 *
 * A later rule may rely on the earlier ones: lists are sound before operands are looked at, operands are sound before
 * types are, and so on.  A rule that finds a fault records "rule: block: instruction: what" and the rest is skipped.
 * Functions made from outside bytes come here first, so no rule trusts a number that none before it has checked,
 * and none recurses.
 */
#include "ir/ir.h"

#include <stdarg.h>
#include <stdio.h>

#include "ir/arith.h"
#include "ir/dom.h"
#include "ir/sig.h"

struct place {
    uint32_t block, at; /* block id; 0 for parameters, else 1 + position in the list */
};

struct check {
    const struct ir_func *f;
    struct btv_error *err;
    const char *rule;
    struct arena arena;      /* scratch */
    struct ir_block **block; /* by id */
    struct place *place;     /* by value: its definition */
    struct ir_flow flow;
    enum btv_status status;
};

/* Records the fault; false, for `return bad(...)`. */
static BTV_PRINTF(4, 5) BTV_COLD bool bad(struct check *c, const struct ir_block *b, const struct ir_ins *i, const char *fmt, ...)
{
    struct str s = STR_INIT;
    if (i && ir_op_known(i->op))
        ir_print_ins(&s, c->f, i);
    char what[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    const char *name = c->f->name ? c->f->name : "";
    if (b)
        err_set(c->err, BTV_INVALID, "%s: @%.64s: b%u: %.160s%s%s", c->rule, name, b->id, str_get(&s), s.len ? ": " : "", what);
    else
        err_set(c->err, BTV_INVALID, "%s: @%.64s: %s", c->rule, name, what);
    str_free(&s);
    c->status = BTV_INVALID;
    return false;
}

static bool no_memory(struct check *c)
{
    c->status = err_set(c->err, BTV_NOMEM, "out of memory while verifying");
    return false;
}

static const char *type_name(unsigned t)
{
    return t < IR_TYPE_COUNT ? ir_type_info[t].name : "?";
}

static bool is_int(unsigned t)
{
    return t < IR_TYPE_COUNT && ir_type_info[t].class == 'I';
}

static bool is_float(unsigned t)
{
    return t < IR_TYPE_COUNT && ir_type_info[t].class == 'F';
}

/* -- structure --------------------------------------------------------------------------------------------- */

/* There is a block; the block list is sound in both directions; ids are below nblocks and unique. */
static bool rule_blocks(struct check *c)
{
    const struct ir_func *f = c->f;
    if (!f->first)
        return bad(c, NULL, NULL, "no blocks");
    c->block = ARENA_ARRAY(&c->arena, struct ir_block *, f->nblocks + 1);
    if (!c->block)
        return no_memory(c);
    struct ir_block *prev = NULL;
    for (struct ir_block *b = f->first; b; prev = b, b = b->next) {
        if (b->prev != prev)
            return bad(c, b, NULL, "block list is broken");
        if (b->id >= f->nblocks)
            return bad(c, b, NULL, "block number is not below %u", f->nblocks);
        if (c->block[b->id])
            return bad(c, b, NULL, "two blocks have this number");
        c->block[b->id] = b;
    }
    return f->last == prev ? true : bad(c, NULL, NULL, "last block is not the end of the list");
}

/* Instruction lists are sound in both directions and hold known ops with the number of operands their signature has. */
static bool rule_instructions(struct check *c)
{
    for (const struct ir_block *b = c->f->first; b; b = b->next) {
        const struct ir_ins *prev = NULL;
        for (const struct ir_ins *i = b->first; i; prev = i, i = i->next) {
            if (i->prev != prev)
                return bad(c, b, NULL, "instruction list is broken");
            if (!ir_op_known(i->op))
                return bad(c, b, NULL, "op number %u is not in use", i->op);
            if (i->op == IR_OP_PARAM)
                return bad(c, b, NULL, "param outside a parameter list");
            unsigned want = ir_op_info[i->op].nargs;
            if (i->nargs > want || (i->nargs < want && !ir_op_variadic(i->op)))
                return bad(c, b, NULL, "%s has %u operands, not %u", ir_op_info[i->op].name, i->nargs, want);
            if (i->type >= IR_TYPE_COUNT)
                return bad(c, b, NULL, "%s has type number %u", ir_op_info[i->op].name, i->type);
        }
        if (b->last != prev)
            return bad(c, b, NULL, "last instruction is not the end of the list");
    }
    return true;
}

/* A block ends in a terminator and holds no other. */
static bool rule_terminator(struct check *c)
{
    for (const struct ir_block *b = c->f->first; b; b = b->next) {
        if (!b->last || !(ir_op_info[b->last->op].flags & IR_F_TERM))
            return bad(c, b, NULL, "does not end in a terminator");
        for (const struct ir_ins *i = b->first; i != b->last; i = i->next)
            if (ir_op_info[i->op].flags & IR_F_TERM)
                return bad(c, b, NULL, "%s before the end of the block", ir_op_info[i->op].name);
    }
    return true;
}

/* Parameter lists hold PARAM instructions. */
static bool rule_params(struct check *c)
{
    for (const struct ir_block *b = c->f->first; b; b = b->next) {
        if (b->nparams && !b->params)
            return bad(c, b, NULL, "parameters are missing");
        for (uint32_t k = 0; k < b->nparams; k++)
            if (!b->params[k] || b->params[k]->op != IR_OP_PARAM || b->params[k]->type >= IR_TYPE_COUNT)
                return bad(c, b, NULL, "parameter %u is not a param", k);
    }
    return true;
}

/* Edges lead to blocks of this function and bring an argument list if the target has parameters. */
static bool rule_edges(struct check *c)
{
    for (const struct ir_block *b = c->f->first; b; b = b->next)
        for (unsigned e = 0; e < ir_nedges(b->last); e++) {
            if (!b->last->edges || !b->last->edges[e].to)
                return bad(c, b, NULL, "edge %u is missing", e);
            const struct ir_edge *edge = &b->last->edges[e];
            if (edge->to->id >= c->f->nblocks || c->block[edge->to->id] != edge->to)
                return bad(c, b, NULL, "edge %u leaves the function", e);
            if (edge->to->nparams && !edge->args)
                return bad(c, b, NULL, "edge %u to b%u has no arguments", e, edge->to->id);
        }
    return true;
}

/* -- values ------------------------------------------------------------------------------------------------ */

static bool define(struct check *c, const struct ir_block *b, const struct ir_ins *i, uint32_t at)
{
    const struct ir_func *f = c->f;
    if (i->dst >= f->nvals || !i->dst)
        return bad(c, b, NULL, "%s defines value %u, not in 1..%u", ir_op_info[i->op].name, i->dst, f->nvals - 1);
    if (c->place[i->dst].at != UINT32_MAX)
        return bad(c, b, NULL, "v%u is defined twice", i->dst);
    if (f->def[i->dst] != i)
        return bad(c, b, NULL, "v%u: the definition table names another instruction", i->dst);
    c->place[i->dst] = (struct place){b->id, at};
    return true;
}

/* A value is defined once, by the instruction that the definition table names; ops without a result define none. */
static bool rule_definitions(struct check *c)
{
    const struct ir_func *f = c->f;
    c->place = ARENA_ARRAY(&c->arena, struct place, f->nvals + 1);
    if (!c->place)
        return no_memory(c);
    for (uint32_t v = 0; v < f->nvals; v++)
        c->place[v].at = UINT32_MAX;
    for (const struct ir_block *b = f->first; b; b = b->next) {
        for (uint32_t k = 0; k < b->nparams; k++)
            if (!define(c, b, b->params[k], 0))
                return false;
        uint32_t at = 1;
        for (const struct ir_ins *i = b->first; i; i = i->next, at++) {
            if (!ir_op_has_result(i->op, i->type)) {
                if (i->dst)
                    return bad(c, b, NULL, "%s has no result, yet defines v%u", ir_op_info[i->op].name, i->dst);
            } else if (!define(c, b, i, at)) {
                return false;
            }
        }
    }
    return true;
}

static bool defined(const struct check *c, ir_val v)
{
    return v && v < c->f->nvals && c->place[v].at != UINT32_MAX;
}

/* Operands and edge arguments are values of this function. */
static bool rule_operands(struct check *c)
{
    for (const struct ir_block *b = c->f->first; b; b = b->next)
        for (const struct ir_ins *i = b->first; i; i = i->next) {
            for (unsigned k = 0; k < i->nargs; k++)
                if (!defined(c, i->arg[k]))
                    return bad(c, b, NULL, "%s uses v%u, which nothing defines", ir_op_info[i->op].name, i->arg[k]);
            for (unsigned e = 0; e < ir_nedges(i); e++)
                for (uint32_t k = 0; k < i->edges[e].to->nparams; k++)
                    if (!defined(c, i->edges[e].args[k]))
                        return bad(c, b, NULL, "edge to b%u passes v%u, which nothing defines", i->edges[e].to->id, i->edges[e].args[k]);
        }
    return true;
}

/* Edge arguments have the types of the parameters. */
static bool rule_edge_types(struct check *c)
{
    for (const struct ir_block *b = c->f->first; b; b = b->next)
        for (unsigned e = 0; e < ir_nedges(b->last); e++) {
            const struct ir_edge *edge = &b->last->edges[e];
            for (uint32_t k = 0; k < edge->to->nparams; k++) {
                enum ir_type have = ir_typeof(c->f, edge->args[k]), want = (enum ir_type)edge->to->params[k]->type;
                if (have != want)
                    return bad(c, b, b->last, "argument %u for b%u is %s, not %s", k, edge->to->id, type_name(have), type_name(want));
            }
        }
    return true;
}

static bool use_reached(const struct check *c, ir_val v, uint32_t block, uint32_t at)
{
    struct place d = c->place[v];
    if (d.block == block)
        return d.at < at;
    return ir_dominates(&c->flow, d.block, block);
}

/* Every path to a use passes the definition. Code that cannot be reached is exempt. */
static bool rule_dominance(struct check *c)
{
    if (ir_flow_compute(&c->arena, c->f, &c->flow) != BTV_OK)
        return no_memory(c);
    for (uint32_t n = 0; n < c->flow.nrpo; n++) {
        const struct ir_block *b = c->flow.rpo[n];
        uint32_t at = 1;
        for (const struct ir_ins *i = b->first; i; i = i->next, at++) {
            for (unsigned k = 0; k < i->nargs; k++)
                if (!use_reached(c, i->arg[k], b->id, at))
                    return bad(c, b, i, "v%u is not defined on every path to here", i->arg[k]);
            for (unsigned e = 0; e < ir_nedges(i); e++)
                for (uint32_t k = 0; k < i->edges[e].to->nparams; k++)
                    if (!use_reached(c, i->edges[e].args[k], b->id, at))
                        return bad(c, b, i, "v%u is not defined on every path to here", i->edges[e].args[k]);
        }
    }
    return true;
}

/* -- types ------------------------------------------------------------------------------------------------- */

/* Version 0.1 has no values of the reserved types. */
static bool rule_reserved_types(struct check *c)
{
    for (const struct ir_block *b = c->f->first; b; b = b->next) {
        for (uint32_t k = 0; k < b->nparams; k++) {
            unsigned t = b->params[k]->type;
            if (!(is_int(t) || is_float(t)) || t == IR_I128)
                return bad(c, b, NULL, "parameter v%u has type %s", b->params[k]->dst, type_name(t));
        }
        for (const struct ir_ins *i = b->first; i; i = i->next)
            if (i->type == IR_I128 || ir_type_info[i->type].class == 'X')
                return bad(c, b, i, "%s is reserved", type_name(i->type));
    }
    return true;
}

/* Result and operands are of the kinds that the signature names; operands it wants equal are equal. */
static bool check_signature(struct check *c, const struct ir_block *b, const struct ir_ins *i)
{
    const struct ir_func *f = c->f;
    const char *sig = ir_op_info[i->op].sig;
    unsigned t = i->type, other = IR_VOID;
    switch (sig[0]) {
    case 'i':
        if (!is_int(t) && !(t == IR_VOID && i->op == IR_OP_CALL))
            return bad(c, b, i, "the result must be an integer");
        break;
    case 'f':
        if (!is_float(t))
            return bad(c, b, i, "the result must be a float");
        break;
    case 'x':
        if (t == IR_VOID)
            return bad(c, b, i, "the result must be a value");
        break;
    case 'b':
        if (t != IR_I1 && i->op != IR_OP_SC)
            return bad(c, b, i, "the result must be i1");
        break;
    default:
        if (t != IR_VOID && !ir_op_types_operand(i->op))
            return bad(c, b, i, "there is no result to have a type");
    }
    for (unsigned k = 0; k < i->nargs; k++) {
        unsigned have = ir_typeof(f, i->arg[k]), want = have;
        char kind = sig[2 + k];
        if (kind == 'i' || kind == 'f' || kind == 'x')
            want = t;
        else if (kind == 'b')
            want = IR_I1;
        else if (kind == 'p')
            want = IR_I64;
        if (have != want)
            return bad(c, b, i, "operand %u is %s, not %s", k + 1, type_name(have), type_name(want));
        if ((kind == 'j' && !is_int(have)) || (kind == 'g' && !is_float(have)))
            return bad(c, b, i, "operand %u is %s, not %s", k + 1, type_name(have), kind == 'j' ? "an integer" : "a float");
        if (kind == 'j' || kind == 'g') {
            if (other != IR_VOID && other != have)
                return bad(c, b, i, "operands are %s and %s", type_name(other), type_name(have));
            other = have;
        }
    }
    if (ir_op_types_operand(i->op) && t != ir_typeof(f, i->arg[i->nargs - 1]))
        return bad(c, b, i, "operand %u is %s, not %s", i->nargs, type_name(ir_typeof(f, i->arg[i->nargs - 1])), type_name(t));
    return true;
}

static bool rule_signatures(struct check *c)
{
    for (const struct ir_block *b = c->f->first; b; b = b->next)
        for (const struct ir_ins *i = b->first; i; i = i->next)
            if (!check_signature(c, b, i))
                return false;
    return true;
}

/* What an op wants of its widths: of the result (wt) and of the first operand (wa). NULL if satisfied. */
static const char *width_fault(enum ir_op op, unsigned wt, unsigned wa)
{
    switch (op) {
    case IR_OP_CONST:
    case IR_OP_AND:
    case IR_OP_OR:
    case IR_OP_XOR:
    case IR_OP_EQ:
    case IR_OP_NE:
    case IR_OP_SELECT:
    case IR_OP_GET:
    case IR_OP_CALL:
        return NULL;
    case IR_OP_LTS:
    case IR_OP_LTU:
    case IR_OP_LES:
    case IR_OP_LEU:
    case IR_OP_FSETFLAGS:
    case IR_OP_FSETRM:
        return wa < 8 ? "i1 is only for and, or, xor, eq, ne, select and conversions" : NULL;
    case IR_OP_ZEXT:
    case IR_OP_SEXT:
        return wt <= wa ? "the result must be wider than the operand" : NULL;
    case IR_OP_TRUNC:
        return wt >= wa ? "the result must be narrower than the operand" : NULL;
    case IR_OP_NANBOX:
        return wt <= wa ? "the result must be wider than the operand" : NULL;
    case IR_OP_NANUNBOX:
        return wt >= wa ? "the result must be narrower than the operand" : NULL;
    case IR_OP_FCVT:
        return wt == wa ? "the result must be of another format" : NULL;
    case IR_OP_BITS:
    case IR_OP_FLOAT:
        return wt != wa ? "the widths must be equal" : NULL;
    case IR_OP_S2F:
    case IR_OP_U2F:
        return wa < 32 ? "the operand must be i32 or i64" : NULL;
    case IR_OP_F2S:
    case IR_OP_F2U:
        return wt < 32 ? "the result must be i32 or i64" : NULL;
    case IR_OP_F2SMOD:
        return wt != 32 ? "the result must be i32" : NULL;
    case IR_OP_BSWAP:
    case IR_OP_FCLASS:
        return wt < 16 ? "the result must have at least 16 bits" : NULL;
    case IR_OP_STORE:
    case IR_OP_SC:
    case IR_OP_LOAD:
        return wt < 8 ? "memory holds whole bytes" : NULL;
    default:
        return wt && wt < 8 ? "i1 is only for and, or, xor, eq, ne, select and conversions" : NULL;
    }
}

/* Widths fit the op: conversions really widen or narrow, arithmetic is not done on truth values. */
static bool rule_widths(struct check *c)
{
    for (const struct ir_block *b = c->f->first; b; b = b->next)
        for (const struct ir_ins *i = b->first; i; i = i->next) {
            unsigned wt = ir_bits((enum ir_type)i->type);
            if (ir_op_info[i->op].sig[0] == 'b' && i->op != IR_OP_SC)
                wt = 0;
            const char *fault = width_fault(i->op, wt, i->nargs ? ir_bits(ir_typeof(c->f, i->arg[0])) : 0);
            if (fault)
                return bad(c, b, i, "%s", fault);
        }
    return true;
}

/* Constants are zero-extended: no bits above their width. */
static bool rule_constants(struct check *c)
{
    for (const struct ir_block *b = c->f->first; b; b = b->next)
        for (const struct ir_ins *i = b->first; i; i = i->next)
            if (i->op == IR_OP_CONST && (i->imm & ~ir_mask(ir_bits((enum ir_type)i->type))))
                return bad(c, b, i, "the constant has more than %u bits", ir_bits((enum ir_type)i->type));
    return true;
}

/* -- immediates -------------------------------------------------------------------------------------------- */

/* Rounding modes are 0..4 or 7 (dynamic); aux of ops that may compute a NaN is 0 or 1. */
static bool rule_rounding(struct check *c)
{
    for (const struct ir_block *b = c->f->first; b; b = b->next)
        for (const struct ir_ins *i = b->first; i; i = i->next) {
            if ((ir_op_info[i->op].flags & IR_F_RM) && i->imm > FP_RMM && i->imm != FP_DYN)
                return bad(c, b, i, "%llu is no rounding mode", (unsigned long long)i->imm);
            if ((ir_op_info[i->op].flags & IR_F_FPENV) && ir_op_imms(i->op) == 2 && i->aux > FP_NAN_PROPAGATE)
                return bad(c, b, i, "%llu is no NaN policy", (unsigned long long)i->aux);
        }
    return true;
}

static bool order_allowed(enum ir_op op, uint64_t order)
{
    switch (op) {
    case IR_OP_LOAD:
        return order == IR_RELAXED || order == IR_ACQUIRE || order == IR_SEQ_CST;
    case IR_OP_STORE:
        return order == IR_RELAXED || order == IR_RELEASE || order == IR_SEQ_CST;
    default:
        return order <= IR_SEQ_CST;
    }
}

/* Memory orders are known and make sense for the access; so are RMW's function and FENCE's sets. */
static bool rule_memory_order(struct check *c)
{
    for (const struct ir_block *b = c->f->first; b; b = b->next)
        for (const struct ir_ins *i = b->first; i; i = i->next) {
            if (i->op >= IR_OP_LOAD && i->op <= IR_OP_RMW && !order_allowed(i->op, i->imm))
                return bad(c, b, i, "memory order %llu is not for %s", (unsigned long long)i->imm, ir_op_info[i->op].name);
            if (i->op == IR_OP_RMW && i->aux > IR_RMW_MAXU)
                return bad(c, b, i, "%llu is no rmw function", (unsigned long long)i->aux);
            if (i->op == IR_OP_FENCE && i->imm > 255)
                return bad(c, b, i, "the sets have more than eight bits");
        }
    return true;
}

/* Kinds of jumps and traps are known; only a call has a link. */
static bool rule_control(struct check *c)
{
    for (const struct ir_block *b = c->f->first; b; b = b->next) {
        const struct ir_ins *i = b->last;
        if (i->op == IR_OP_GOTOIND && i->imm > IR_JUMP_RET)
            return bad(c, b, i, "%llu is no kind of jump", (unsigned long long)i->imm);
        if (i->op == IR_OP_GOTOIND && i->imm != IR_JUMP_CALL && i->aux)
            return bad(c, b, i, "only a call has a link");
        if (i->op == IR_OP_TRAP && (i->imm < IR_TRAP_ILLEGAL || i->imm > IR_TRAP_BUS))
            return bad(c, b, i, "%llu is no trap", (unsigned long long)i->imm);
    }
    return true;
}

/* Fields an op does not use are zero, so that equal code has equal bytes. */
static bool rule_unused_fields(struct check *c)
{
    for (const struct ir_block *b = c->f->first; b; b = b->next)
        for (const struct ir_ins *i = b->first; i; i = i->next) {
            unsigned imms = ir_op_imms(i->op);
            bool rm_less = (ir_op_info[i->op].flags & (IR_F_FPENV | IR_F_RM)) == IR_F_FPENV && imms == 2;
            if ((imms == 0 || rm_less) && i->imm)
                return bad(c, b, i, "imm is not used, yet not 0");
            if (imms < 2 && !ir_nedges(i) && i->aux)
                return bad(c, b, i, "aux is not used, yet not 0");
            for (unsigned k = i->nargs; k < 3; k++)
                if (i->arg[k])
                    return bad(c, b, i, "operand %u is not used, yet not 0", k + 1);
        }
    return true;
}

/* Slots exist and are read and written with their type. */
static bool rule_slots(struct check *c)
{
    const struct ir_slots *slots = c->f->slots;
    for (const struct ir_block *b = c->f->first; b; b = b->next)
        for (const struct ir_ins *i = b->first; i; i = i->next) {
            if (i->op != IR_OP_GET && i->op != IR_OP_PUT)
                continue;
            if (i->imm >= CPU_SLOTS || (slots && i->imm >= slots->count))
                return bad(c, b, i, "there is no slot %llu", (unsigned long long)i->imm);
            if (slots && slots->slot[i->imm].type != i->type)
                return bad(c, b, i, "the slot is %s, not %s", type_name(slots->slot[i->imm].type), type_name(i->type));
        }
    return true;
}

/* -- order of effects -------------------------------------------------------------------------------------- */

/* The mark that execution is under: the meet over paths. */
struct mark_state {
    enum { MARK_UNSEEN, MARK_NONE, MARK_KNOWN, MARK_DIFFER } kind;
    uint64_t pc; /* if KNOWN */
};

static bool needs_mark(const struct ir_ins *i)
{
    if ((ir_op_info[i->op].flags & IR_F_RM) && i->imm == FP_DYN)
        return true;
    return ir_op_info[i->op].flags & IR_F_FAULTS;
}

/* By block id: KNOWN with the pc of the block's last mark, UNSEEN if it has none. */
static struct mark_state *last_marks(struct check *c, bool *any)
{
    struct mark_state *last = ARENA_ARRAY(&c->arena, struct mark_state, c->f->nblocks + 1);
    *any = false;
    for (const struct ir_block *b = c->f->first; b && last; b = b->next)
        for (const struct ir_ins *i = b->first; i; i = i->next)
            if (i->op == IR_OP_MARK) {
                last[b->id] = (struct mark_state){MARK_KNOWN, i->imm};
                *any = true;
            }
    return last;
}

static struct mark_state meet_marks(struct mark_state a, struct mark_state b)
{
    if (a.kind == MARK_UNSEEN)
        return b;
    if (b.kind == MARK_UNSEEN || (a.kind == b.kind && a.pc == b.pc))
        return a;
    return (struct mark_state){MARK_DIFFER, 0};
}

/*
 * A fault can be attributed: in a function with marks, every op that may raise a guest exception is reached under
 * one mark only, the same on all paths.  Marks have a length of 1 to 255 bytes.
 */
static bool rule_marks(struct check *c)
{
    const struct ir_flow *w = &c->flow;
    bool any;
    struct mark_state *last = last_marks(c, &any);
    struct mark_state *in = ARENA_ARRAY(&c->arena, struct mark_state, c->f->nblocks + 1);
    if (!last || !in)
        return no_memory(c);
    if (!any)
        return true;
    in[c->f->first->id] = (struct mark_state){MARK_NONE, 0};
    for (bool changed = true; changed;) { /* each state goes down at most twice */
        changed = false;
        for (uint32_t k = 0; k < w->nrpo; k++) {
            uint32_t id = w->rpo[k]->id;
            struct mark_state s = in[id];
            for (uint32_t p = w->pred_at[id]; p < w->pred_at[id + 1]; p++) {
                uint32_t from = w->pred[p];
                s = meet_marks(s, last[from].kind == MARK_KNOWN ? last[from] : in[from]);
            }
            changed |= s.kind != in[id].kind;
            in[id] = s;
        }
    }
    for (uint32_t k = 0; k < w->nrpo; k++) {
        const struct ir_block *b = w->rpo[k];
        unsigned kind = in[b->id].kind;
        for (const struct ir_ins *i = b->first; i; i = i->next) {
            if (i->op == IR_OP_MARK) {
                if (i->aux < 1 || i->aux > 255)
                    return bad(c, b, i, "a mark is 1 to 255 bytes long");
                kind = MARK_KNOWN;
            } else if (needs_mark(i) && kind != MARK_KNOWN) {
                return bad(c, b, i, kind == MARK_DIFFER ? "paths with different marks lead here" : "may fault, but has no mark before it");
            }
        }
    }
    return true;
}

/* After FSETRM the block does no rounding and leaves the function: the mode is a property of the code that follows. */
static bool rule_rounding_change(struct check *c)
{
    for (const struct ir_block *b = c->f->first; b; b = b->next) {
        bool set = false;
        for (const struct ir_ins *i = b->first; i; i = i->next) {
            if (set && (ir_op_info[i->op].flags & IR_F_RM))
                return bad(c, b, i, "rounds after fsetrm in the same block");
            if (set && ir_nedges(i))
                return bad(c, b, i, "continues inside the function after fsetrm");
            set |= i->op == IR_OP_FSETRM;
        }
    }
    return true;
}

/* ROUNDS stands for rounds of the whole function, so it comes first, and there are some only in guest code. */
static bool rule_rounds(struct check *c)
{
    for (const struct ir_block *b = c->f->first; b; b = b->next)
        for (const struct ir_ins *i = b->first; i; i = i->next)
            if (i->op == IR_OP_ROUNDS && (b != c->f->first || i != b->first || !c->f->pc))
                return bad(c, b, i, "only at the head of a function of guest code");
    return true;
}

/* All RETs give a value of one type, or none does. */
static bool rule_results(struct check *c)
{
    unsigned want = IR_TYPE_COUNT;
    for (const struct ir_block *b = c->f->first; b; b = b->next) {
        if (b->last->op != IR_OP_RET)
            continue;
        unsigned have = b->last->nargs ? ir_typeof(c->f, b->last->arg[0]) : IR_VOID;
        if (want != IR_TYPE_COUNT && have != want)
            return bad(c, b, b->last, "returns %s where another block returns %s", type_name(have), type_name(want));
        want = have;
    }
    return true;
}

static const struct {
    const char *name;
    bool (*check)(struct check *c);
} rules[] = {
    {"blocks", rule_blocks},
    {"instructions", rule_instructions},
    {"terminator", rule_terminator},
    {"parameters", rule_params},
    {"edges", rule_edges},
    {"definitions", rule_definitions},
    {"operands", rule_operands},
    {"reserved-types", rule_reserved_types},
    {"edge-types", rule_edge_types},
    {"signatures", rule_signatures},
    {"widths", rule_widths},
    {"constants", rule_constants},
    {"rounding", rule_rounding},
    {"memory-order", rule_memory_order},
    {"control", rule_control},
    {"unused-fields", rule_unused_fields},
    {"slots", rule_slots},
    {"results", rule_results},
    {"dominance", rule_dominance},
    {"marks", rule_marks},
    {"rounding-change", rule_rounding_change},
    {"rounds", rule_rounds},
};

enum btv_status ir_verify(const struct ir_func *f, struct btv_error *err)
{
    struct check c = {.f = f, .err = err, .status = BTV_OK};
    arena_init(&c.arena, 0);
    for (size_t k = 0; k < ARRAY_LEN(rules); k++) {
        c.rule = rules[k].name;
        if (!rules[k].check(&c))
            break;
    }
    arena_free(&c.arena);
    return c.status;
}

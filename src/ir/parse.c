/*
 * The text form, read.  docs/ir.md has the grammar; print.c writes it.
 *
 * A line is a statement.  Values and blocks may be named before they are defined, so the parser fills in instructions
 * whose operands are only numbers, remembers where each name was first used, and settles accounts at the closing
 * brace.  Constants written as operands become CONST instructions numbered after the last named value.  What the
 * parser accepts is well-formed text, not a valid function: ir_verify is the caller's next step.
 */
#include "ir/ir.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ir/arith.h"
#include "ir/lex.h"
#include "ir/names.h"
#include "ir/sig.h"
#include "ir/version.h"

enum {
    FREE_NUMBERS = 1 << 20, /* value and block numbers a text may use besides 16 per character */
    MAX_ARGS = 1 << 16,     /* of one edge or one block */
};

/* What must still be checked when the function is complete. */
struct use {
    struct use *next;
    struct lex_place where;
    ir_val val;                   /* a value that must have been defined, or 0 */
    struct ir_block *block;       /* a block that must have been defined, or NULL */
    uint32_t nargs;               /* arguments given to that block */
};

struct parser {
    struct lex lex;
    struct arena *arena;   /* the functions' */
    struct arena scratch;  /* this function's bookkeeping */
    const struct ir_slots *slots;
    struct btv_error *err;
    enum btv_status status;
    uint64_t numbers_left; /* value and block numbers still allowed in the whole text */

    struct ir_func *f;
    struct ir_block **block; /* by number */
    bool *block_defined;
    uint32_t nblocks;
    struct use *uses;
};

/* -- errors ------------------------------------------------------------------------------------------------ */

static BTV_COLD BTV_PRINTF(3, 4) bool fail_at(struct parser *p, struct lex_place where, const char *fmt, ...)
{
    char what[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    if (p->status == BTV_OK)
        p->status = err_set(p->err, BTV_SYNTAX, "%u:%u: %s", where.line, where.column, what);
    return false;
}

/* "expected X, found Y" at the current token */
static BTV_COLD bool expected(struct parser *p, const char *what)
{
    char found[48];
    lex_describe(&p->lex, found, sizeof found);
    return fail_at(p, p->lex.where, "expected %s, found %s", what, found);
}

static BTV_COLD bool no_memory(struct parser *p)
{
    if (p->status == BTV_OK)
        p->status = err_set(p->err, BTV_NOMEM, "out of memory while parsing");
    return false;
}

/* -- tokens ------------------------------------------------------------------------------------------------ */

static bool at_char(const struct parser *p, char ch)
{
    return p->lex.kind == LEX_CHAR && p->lex.ch == ch;
}

static bool accept_char(struct parser *p, char ch)
{
    if (!at_char(p, ch))
        return false;
    lex_next(&p->lex);
    return true;
}

static bool expect_char(struct parser *p, char ch)
{
    const char what[] = {'\'', ch, '\'', 0};
    return accept_char(p, ch) || expected(p, what);
}

static bool at_word(const struct parser *p, const char *word)
{
    return p->lex.kind == LEX_WORD && lex_is(&p->lex, word);
}

static bool accept_word(struct parser *p, const char *word)
{
    if (!at_word(p, word))
        return false;
    lex_next(&p->lex);
    return true;
}

static bool expect_arrow(struct parser *p)
{
    if (p->lex.kind != LEX_ARROW)
        return expected(p, "'->'");
    lex_next(&p->lex);
    return true;
}

static bool expect_line_end(struct parser *p)
{
    if (p->lex.kind == LEX_END)
        return true;
    if (p->lex.kind != LEX_LINE)
        return expected(p, "the end of the line");
    lex_next(&p->lex);
    return true;
}

static void skip_lines(struct parser *p)
{
    while (p->lex.kind == LEX_LINE)
        lex_next(&p->lex);
}

/* A number without a sign. */
static bool parse_u64(struct parser *p, const char *what, uint64_t *out)
{
    if (p->lex.kind != LEX_NUMBER || p->lex.negative)
        return expected(p, what);
    *out = p->lex.number;
    lex_next(&p->lex);
    return true;
}

static bool find_word(struct parser *p, const char *const *names, size_t n, uint64_t *out)
{
    for (size_t k = 0; k < n; k++)
        if (at_word(p, names[k])) {
            *out = k;
            lex_next(&p->lex);
            return true;
        }
    return false;
}

static bool parse_word(struct parser *p, const char *const *names, size_t n, const char *what, uint64_t *out)
{
    return find_word(p, names, n, out) || expected(p, what);
}
#define PARSE_WORD(p, names, what, out) parse_word((p), (names), ARRAY_LEN(names), (what), (out))

static bool find_type(const struct parser *p, enum ir_type *out)
{
    if (p->lex.kind != LEX_WORD)
        return false;
    for (unsigned t = 1; t < IR_TYPE_COUNT; t++)
        if (lex_is(&p->lex, ir_type_info[t].name)) {
            *out = (enum ir_type)t;
            return true;
        }
    return false;
}

static bool parse_type(struct parser *p, enum ir_type *out)
{
    if (!find_type(p, out))
        return expected(p, "a type");
    if (ir_bits(*out) == 0 || ir_bits(*out) > 64 || ir_type_info[*out].class == 'X')
        return fail_at(p, p->lex.where, "type %s is reserved in version %d.%d", ir_type_info[*out].name, IR_VERSION_MAJOR, IR_VERSION_MINOR);
    lex_next(&p->lex);
    return true;
}

/* A word that is `letter` followed by a number, as v12 and b3 are. */
static bool at_numbered(const struct parser *p, char letter, uint32_t *out)
{
    return lex_numbered(&p->lex, letter, out);
}

/* -- names of values and blocks ---------------------------------------------------------------------------- */

static struct use *remember(struct parser *p)
{
    struct use *u = ARENA_NEW(&p->scratch, struct use);
    if (!u) {
        no_memory(p);
        return NULL;
    }
    u->where = p->lex.where;
    u->next = p->uses;
    p->uses = u;
    return u;
}

static bool parse_value_name(struct parser *p, ir_val *out)
{
    uint32_t v;
    if (!at_numbered(p, 'v', &v) || !v)
        return expected(p, "a value such as v1");
    *out = v;
    lex_next(&p->lex);
    return true;
}

/* Gives `i` the number v, which the definition table has room for. */
static bool define_value(struct parser *p, struct lex_place where, ir_val v, struct ir_ins *i)
{
    if (p->f->def[v] != p->f->def[0])
        return fail_at(p, where, "v%u is defined twice", v);
    i->dst = v;
    p->f->def[v] = i;
    return true;
}

static struct ir_block *block_named(struct parser *p, uint32_t id)
{
    if (!p->block[id]) {
        p->block[id] = ARENA_NEW(p->arena, struct ir_block);
        if (p->block[id])
            p->block[id]->id = id;
        else
            no_memory(p);
    }
    return p->block[id];
}

static void append_block(struct parser *p, struct ir_block *b)
{
    struct ir_func *f = p->f;
    b->prev = f->last;
    if (f->last)
        f->last->next = b;
    else
        f->first = b;
    f->last = b;
    f->at = b;
    p->block_defined[b->id] = true;
}

/* -- instructions ------------------------------------------------------------------------------------------ */

static struct ir_ins *new_ins(struct parser *p, enum ir_op op, enum ir_type t)
{
    struct ir_ins *i = ARENA_NEW(p->arena, struct ir_ins);
    if (!i) {
        no_memory(p);
        return NULL;
    }
    i->op = (uint8_t)op;
    i->type = (uint8_t)t;
    return i;
}

static void append_ins(struct ir_block *b, struct ir_ins *i)
{
    i->prev = b->last;
    if (b->last)
        b->last->next = i;
    else
        b->first = i;
    b->last = i;
}

/* The number token as a constant of type t. */
static bool constant_bits(struct parser *p, enum ir_type t, uint64_t *out)
{
    unsigned w = ir_bits(t);
    uint64_t mag = p->lex.number;
    bool fits = p->lex.negative ? mag <= UINT64_C(1) << (w - 1) : mag <= ir_mask(w);
    if (!fits)
        return fail_at(p, p->lex.where, "the constant does not fit %s", ir_type_info[t].name);
    *out = (p->lex.negative ? -mag : mag) & ir_mask(w);
    lex_next(&p->lex);
    return true;
}

/* v1, or a constant with its type, or just a constant where the type is `known`. */
static bool parse_operand(struct parser *p, enum ir_type known, ir_val *out)
{
    uint32_t v;
    enum ir_type t = known;
    uint64_t bits = 0;
    if (at_numbered(p, 'v', &v)) {
        struct use *u = remember(p);
        if (!u || !parse_value_name(p, out))
            return false;
        u->val = *out;
        return true;
    }
    if (find_type(p, &t) && !parse_type(p, &t))
        return false;
    if (p->lex.kind != LEX_NUMBER)
        return expected(p, "a value or a constant");
    if (t == IR_VOID)
        return fail_at(p, p->lex.where, "a constant needs its type here, as in `i64 5`");
    if (!constant_bits(p, t, &bits))
        return false;
    *out = ir_const(p->f, t, bits);
    return *out ? true : no_memory(p);
}

static bool parse_edge(struct parser *p, struct ir_edge *e)
{
    uint32_t id;
    if (!at_numbered(p, 'b', &id))
        return expected(p, "a block such as b1");
    struct use *u = remember(p);
    struct ir_block *to = u ? block_named(p, id) : NULL;
    if (!to)
        return false;
    lex_next(&p->lex);
    e->to = u->block = to;
    if (!accept_char(p, '('))
        return true;
    ir_val few[8], *args = few;
    uint32_t n = 0, cap = ARRAY_LEN(few);
    do {
        if (n == MAX_ARGS)
            return fail_at(p, p->lex.where, "more than %d arguments", MAX_ARGS);
        if (n == cap) {
            ir_val *more = ARENA_ARRAY(&p->scratch, ir_val, 2 * cap);
            if (!more)
                return no_memory(p);
            memcpy(more, args, n * sizeof *args);
            args = more;
            cap *= 2;
        }
        if (!parse_operand(p, IR_VOID, &args[n++]))
            return false;
    } while (accept_char(p, ','));
    e->args = ARENA_ARRAY(p->arena, ir_val, n);
    if (!e->args)
        return no_memory(p);
    memcpy(e->args, args, n * sizeof *args);
    u->nargs = n;
    return expect_char(p, ')');
}

static bool parse_slot(struct parser *p, uint64_t *out)
{
    if (p->lex.kind != LEX_SLOT)
        return expected(p, "a slot such as $10");
    const struct ir_slots *slots = p->slots;
    for (unsigned k = 0; slots && k < slots->count; k++)
        if (slots->slot[k].name && lex_is(&p->lex, slots->slot[k].name)) {
            *out = k;
            lex_next(&p->lex);
            return true;
        }
    if (!lex_all_digits(&p->lex, out))
        return fail_at(p, p->lex.where, slots ? "no slot has this name" : "slot names need a guest; without one write its number");
    lex_next(&p->lex);
    return true;
}

/* [function] "[" address "]" {"," value} [order] */
static bool parse_memory(struct parser *p, struct ir_ins *i)
{
    enum ir_type t = (enum ir_type)i->type;
    if (i->op == IR_OP_RMW && !PARSE_WORD(p, ir_rmw_name, "swap, add, and, or, xor, mins, maxs, minu or maxu", &i->aux))
        return false;
    if (!expect_char(p, '[') || !parse_operand(p, IR_I64, &i->arg[0]) || !expect_char(p, ']'))
        return false;
    for (unsigned k = 1; k < ir_op_info[i->op].nargs; k++)
        if (!expect_char(p, ',') || !parse_operand(p, t, &i->arg[k]))
            return false;
    i->nargs = ir_op_info[i->op].nargs;
    find_word(p, ir_order_name, ARRAY_LEN(ir_order_name), &i->imm);
    return true;
}

static bool parse_fence_set(struct parser *p, unsigned shift, uint64_t *imm)
{
    if (accept_word(p, "none"))
        return true;
    if (p->lex.kind != LEX_WORD)
        return expected(p, "letters of iorw, or none");
    for (unsigned k = 0; k < p->lex.len; k++) {
        const char *found = memchr(ir_fence_letter, p->lex.text[k], 4);
        if (!found)
            return expected(p, "letters of iorw, or none");
        *imm |= UINT64_C(1) << (found - ir_fence_letter) << shift;
    }
    lex_next(&p->lex);
    return true;
}

static bool parse_link(struct parser *p, uint64_t *aux)
{
    return !accept_word(p, "link") || parse_u64(p, "the guest pc a call returns to", aux);
}

static bool parse_exit_pc(struct parser *p, uint64_t *imm)
{
    return expect_arrow(p) && parse_u64(p, "a guest pc", imm);
}

static bool parse_call(struct parser *p, struct ir_ins *i)
{
    if (!parse_u64(p, "the number of a helper", &i->imm))
        return false;
    while (accept_char(p, ',')) {
        if (i->nargs == 3)
            return fail_at(p, p->lex.where, "a call takes at most three values");
        if (!parse_operand(p, IR_VOID, &i->arg[i->nargs++]))
            return false;
    }
    return true;
}

/* The type that place k of a plain op determines for a constant. */
static enum ir_type known_type(const char *sig, unsigned k, enum ir_type suffix)
{
    char kind = sig[2 + k];
    if (kind == 'b')
        return IR_I1;
    if (kind == 'p')
        return IR_I64;
    if (kind == 'i' || kind == 'f' || kind == 'x')
        return suffix;
    return (kind == 'j' || kind == 'g') && sig[0] == 'b' ? suffix : IR_VOID;
}

static bool parse_plain(struct parser *p, struct ir_ins *i, enum ir_type suffix)
{
    const struct ir_op_info *info = &ir_op_info[i->op];
    for (unsigned k = 0; k < info->nargs; k++)
        if ((k && !expect_char(p, ',')) || !parse_operand(p, known_type(info->sig, k, suffix), &i->arg[k]))
            return false;
    i->nargs = info->nargs;
    if ((info->flags & IR_F_RM) && (!expect_char(p, ',') || !PARSE_WORD(p, ir_rm_name, "rne, rtz, rdn, rup, rmm or dyn", &i->imm)))
        return false;
    if (ir_op_imms((enum ir_op)i->op) == 2 && (info->flags & IR_F_FPENV) && accept_word(p, "propagate"))
        i->aux = 1;
    return true;
}

static bool parse_edges(struct parser *p, struct ir_ins *i, unsigned n)
{
    struct ir_edge *e = ARENA_ARRAY(p->arena, struct ir_edge, n);
    if (!e)
        return no_memory(p);
    for (unsigned k = 0; k < n; k++)
        if ((k && !expect_char(p, ',')) || !parse_edge(p, &e[k]))
            return false;
    i->edges = e;
    return true;
}

/* Everything after the name and its suffix. */
static bool parse_rest(struct parser *p, struct ir_ins *i, enum ir_type suffix)
{
    switch (i->op) {
    case IR_OP_CONST:
        if (p->lex.kind != LEX_NUMBER)
            return expected(p, "a constant");
        return constant_bits(p, suffix, &i->imm);
    case IR_OP_GET:
        return parse_slot(p, &i->imm);
    case IR_OP_PUT:
        i->nargs = 1;
        return parse_slot(p, &i->imm) && expect_char(p, ',') && parse_operand(p, suffix, &i->arg[0]);
    case IR_OP_LOAD:
    case IR_OP_STORE:
    case IR_OP_LL:
    case IR_OP_SC:
    case IR_OP_CAS:
    case IR_OP_RMW:
        return parse_memory(p, i);
    case IR_OP_FENCE:
        return parse_fence_set(p, 0, &i->imm) && expect_char(p, ',') && parse_fence_set(p, 4, &i->imm);
    case IR_OP_MARK:
        return parse_u64(p, "a guest pc", &i->imm) && expect_char(p, ',') && parse_u64(p, "a length in bytes", &i->aux);
    case IR_OP_EXITIF:
        i->nargs = 1;
        return parse_operand(p, IR_I1, &i->arg[0]) && parse_exit_pc(p, &i->imm);
    case IR_OP_GOTO:
        return parse_u64(p, "a guest pc", &i->imm) && parse_link(p, &i->aux);
    case IR_OP_GOTOIND:
        i->nargs = 1;
        return PARSE_WORD(p, ir_jump_name, "jump, call or ret", &i->imm) && parse_operand(p, IR_I64, &i->arg[0]) && parse_link(p, &i->aux);
    case IR_OP_SYSCALL:
    case IR_OP_ISYNC:
        return parse_exit_pc(p, &i->imm);
    case IR_OP_TRAP:
        i->nargs = 1;
        if (!PARSE_WORD(p, ir_trap_name, "illegal, break, misaligned, access, fetch or bus", &i->imm))
            return false;
        if (!expect_char(p, ',') || !parse_operand(p, IR_VOID, &i->arg[0]))
            return false;
        if (!accept_word(p, "at"))
            return expected(p, "'at' and a guest pc");
        return parse_u64(p, "a guest pc", &i->aux);
    case IR_OP_CALL:
        return parse_call(p, i);
    case IR_OP_BR:
        return parse_edges(p, i, 1);
    case IR_OP_BRIF:
        i->nargs = 1;
        return parse_operand(p, IR_I1, &i->arg[0]) && expect_char(p, ',') && parse_edges(p, i, 2);
    case IR_OP_RET:
        if (p->lex.kind == LEX_LINE || at_char(p, '}'))
            return true;
        i->nargs = 1;
        return parse_operand(p, IR_VOID, &i->arg[0]);
    default:
        return parse_plain(p, i, suffix);
    }
}

/* Whether the op's name is followed by a type: always, never, or as the writer likes (CALL). */
static bool parse_suffix(struct parser *p, enum ir_op op, enum ir_type *t)
{
    const char *sig = ir_op_info[op].sig;
    bool compares = sig[0] == 'b' && ir_op_info[op].nargs == 2;
    bool wanted = ir_op_types_operand(op) || compares || (sig[0] != '.' && sig[0] != 'b');
    *t = IR_VOID;
    if (!at_char(p, '.')) {
        if (wanted && op != IR_OP_CALL)
            return expected(p, "'.' and a type");
        return true;
    }
    if (!wanted)
        return fail_at(p, p->lex.where, "%s takes no type", ir_op_info[op].name);
    lex_next(&p->lex);
    return parse_type(p, t);
}

static bool find_op(const struct parser *p, enum ir_op *out)
{
    for (unsigned op = 1; op < IR_OP_LIMIT; op++)
        if (op != IR_OP_PARAM && ir_op_known(op) && lex_is(&p->lex, ir_op_info[op].name)) {
            *out = (enum ir_op)op;
            return true;
        }
    return false;
}

static bool parse_ins(struct parser *p)
{
    struct lex_place start = p->lex.where;
    ir_val dst = 0;
    uint32_t v;
    enum ir_op op;
    enum ir_type suffix;
    if (at_numbered(p, 'v', &v) && (!parse_value_name(p, &dst) || !expect_char(p, '=')))
        return false;
    if (p->lex.kind != LEX_WORD || !find_op(p, &op))
        return expected(p, "the name of an op");
    struct lex_place op_place = p->lex.where;
    lex_next(&p->lex);
    if (!parse_suffix(p, op, &suffix))
        return false;
    enum ir_type t = ir_op_info[op].sig[0] == 'b' && op != IR_OP_SC ? IR_I1 : suffix;
    if (ir_op_has_result(op, t) != (dst != 0))
        return fail_at(p, dst ? start : op_place, dst ? "%s has no result" : "the result of %s needs a name, as in `v1 = ...`",
                       ir_op_info[op].name);
    struct ir_ins *i = new_ins(p, op, t);
    struct ir_block *b = p->f->at;
    if (!i || !parse_rest(p, i, suffix))
        return false;
    append_ins(b, i);
    return !dst || define_value(p, start, dst, i);
}

/* -- functions --------------------------------------------------------------------------------------------- */

/* "(" [v1: type {"," v2: type}] ")" */
static bool parse_params(struct parser *p, struct ir_block *b)
{
    if (!expect_char(p, '('))
        return false;
    if (accept_char(p, ')'))
        return true;
    do {
        struct lex_place where = p->lex.where;
        ir_val v = 0;
        enum ir_type t;
        if (!parse_value_name(p, &v) || !expect_char(p, ':') || !parse_type(p, &t))
            return false;
        if (b->nparams == MAX_ARGS)
            return fail_at(p, where, "more than %d parameters", MAX_ARGS);
        /* the builder numbers the parameter itself; hand that number back and take the written one */
        ir_val made = ir_block_param(p->f, b, t);
        if (!made)
            return no_memory(p);
        struct ir_ins *i = p->f->def[made];
        p->f->def[made] = p->f->def[0];
        p->f->nvals--;
        if (!define_value(p, where, v, i))
            return false;
    } while (accept_char(p, ','));
    return expect_char(p, ')');
}

/* b3(v1: i64): */
static bool parse_label(struct parser *p, uint32_t id)
{
    struct ir_block *b = block_named(p, id);
    if (!b)
        return false;
    if (p->block_defined[id])
        return fail_at(p, p->lex.where, "b%u is defined twice", id);
    lex_next(&p->lex);
    append_block(p, b);
    if (at_char(p, '(') && !parse_params(p, b))
        return false;
    return expect_char(p, ':') && expect_line_end(p);
}

/* Reserves numbers for all values and blocks that the function names: looks ahead to its closing brace. */
static bool make_room(struct parser *p)
{
    uint32_t values = 0, blocks = 0;
    struct lex ahead = p->lex;
    for (uint32_t n; ahead.kind != LEX_END && !(ahead.kind == LEX_CHAR && ahead.ch == '}'); lex_next(&ahead)) {
        if (lex_numbered(&ahead, 'v', &n) && n > values)
            values = n;
        if (lex_numbered(&ahead, 'b', &n) && n > blocks)
            blocks = n;
    }
    uint64_t need = (uint64_t)values + blocks;
    if (need > p->numbers_left)
        return fail_at(p, p->lex.where, "value or block numbers are too large for a text of this size");
    p->numbers_left -= need;
    struct ir_func *f = p->f;
    if (values >= f->cap_vals) {
        uint32_t cap = values + 64;
        struct ir_ins **def = arena_push_raw(p->arena, cap * sizeof *def);
        if (!def)
            return no_memory(p);
        def[0] = f->def[0];
        f->def = def;
        f->cap_vals = cap;
    }
    for (uint32_t v = 1; v <= values; v++)
        f->def[v] = f->def[0];
    f->nvals = values + 1;
    p->nblocks = blocks + 1;
    p->block = ARENA_ARRAY(&p->scratch, struct ir_block *, p->nblocks);
    p->block_defined = ARENA_ARRAY(&p->scratch, bool, p->nblocks);
    return p->block && p->block_defined ? true : no_memory(p);
}

/* Every name used has been defined, every edge has as many arguments as its target has parameters. */
static bool settle(struct parser *p)
{
    const struct ir_func *f = p->f;
    struct use *first = NULL; /* complain about the first in the text: the list is in reverse */
    for (struct use *u = p->uses; u; u = u->next) {
        bool good = u->block ? p->block_defined[u->block->id] && u->nargs == u->block->nparams : f->def[u->val] != f->def[0];
        if (!good)
            first = u;
    }
    if (!first)
        return true;
    if (!first->block)
        return fail_at(p, first->where, "v%u is not defined in this function", first->val);
    if (!p->block_defined[first->block->id])
        return fail_at(p, first->where, "b%u is not defined in this function", first->block->id);
    return fail_at(p, first->where, "b%u has %u parameters, not %u", first->block->id, first->block->nparams, first->nargs);
}

/* The first block may do without a label; then its number is 0. Its parameters are the function's. */
static bool begin_entry(struct parser *p, struct ir_block *entry)
{
    bool labelled = at_numbered(p, 'b', &entry->id);
    p->block[entry->id] = entry;
    append_block(p, entry);
    if (!labelled)
        return true;
    lex_next(&p->lex);
    return expect_char(p, ':') && expect_line_end(p);
}

static bool parse_body(struct parser *p, struct ir_block *entry)
{
    skip_lines(p);
    if (!begin_entry(p, entry))
        return false;
    skip_lines(p);
    while (!at_char(p, '}')) {
        uint32_t id;
        if (p->lex.kind == LEX_END)
            return expected(p, "'}'");
        if (at_numbered(p, 'b', &id)) {
            if (!parse_label(p, id))
                return false;
        } else if (!parse_ins(p) || !(at_char(p, '}') || expect_line_end(p))) {
            return false;
        }
        skip_lines(p);
    }
    lex_next(&p->lex);
    return settle(p) && expect_line_end(p);
}

/* The type after the arrow of the first line is what the returns give. */
static bool check_result(struct parser *p, struct lex_place where, enum ir_type declared)
{
    for (const struct ir_block *b = p->f->first; b; b = b->next) {
        if (!b->last || b->last->op != IR_OP_RET)
            continue;
        enum ir_type have = b->last->nargs ? ir_typeof(p->f, b->last->arg[0]) : IR_VOID;
        if (have != declared)
            return fail_at(p, where, "the function returns %s", ir_type_info[have].name);
    }
    return true;
}

static char *copy_name(struct parser *p)
{
    char *name = arena_push(p->arena, p->lex.len + 1);
    if (name)
        lex_copy_name(&p->lex, name);
    return name;
}

/* func @name(v1: i64) -> i64 at 0x1000 { */
static bool parse_func(struct parser *p)
{
    if (!accept_word(p, "func"))
        return expected(p, "'func'");
    if (p->lex.kind != LEX_NAME)
        return expected(p, "a name such as @f");
    char *name = copy_name(p);
    struct ir_func *f = name ? ir_func_new(p->arena, p->slots, name) : NULL;
    if (!f)
        return no_memory(p);
    p->f = f;
    p->uses = NULL;
    if (!make_room(p))
        return false;
    lex_next(&p->lex);

    struct ir_block *entry = ARENA_NEW(p->arena, struct ir_block);
    if (!entry)
        return no_memory(p);
    if (!parse_params(p, entry))
        return false;
    struct lex_place arrow = p->lex.where;
    enum ir_type result = IR_VOID;
    bool typed = p->lex.kind == LEX_ARROW;
    if (typed && (!expect_arrow(p) || !parse_type(p, &result)))
        return false;
    if (accept_word(p, "at") && !parse_u64(p, "the guest pc of the function", &f->pc))
        return false;
    if (!expect_char(p, '{') || !parse_body(p, entry))
        return false;
    f->nblocks = p->nblocks;
    return !typed || check_result(p, arrow, result);
}

static bool parse_version(struct parser *p)
{
    uint64_t major = 0, minor = 0;
    struct lex_place where = p->lex.where;
    if (!accept_word(p, "version"))
        return true;
    if (!parse_u64(p, "a version such as 0.1", &major) || !expect_char(p, '.') || !parse_u64(p, "a version such as 0.1", &minor))
        return false;
    if (major != IR_VERSION_MAJOR || minor > IR_VERSION_MINOR)
        return fail_at(p, where, "version %llu.%llu is not %d.%d", (unsigned long long)major, (unsigned long long)minor, IR_VERSION_MAJOR, IR_VERSION_MINOR);
    return expect_line_end(p);
}

/* Appends f to a list that doubles. */
static bool add_func(struct parser *p, struct ir_module *m, unsigned *cap)
{
    if (m->nfuncs == *cap) {
        unsigned more = *cap ? *cap * 2 : 8;
        struct ir_func **func = ARENA_ARRAY(p->arena, struct ir_func *, more);
        if (!func)
            return no_memory(p);
        if (m->nfuncs)
            memcpy(func, m->func, m->nfuncs * sizeof *func);
        m->func = func;
        *cap = more;
    }
    m->func[m->nfuncs++] = p->f;
    return true;
}

enum btv_status ir_parse(struct arena *arena, const struct ir_slots *slots, const char *text, size_t len, struct ir_module *out,
                         struct btv_error *err)
{
    struct parser p = {.arena = arena, .slots = slots, .err = err, .status = BTV_OK};
    struct ir_module m = {0};
    unsigned cap = 0;
    p.numbers_left = FREE_NUMBERS + 16 * (uint64_t)len;
    arena_init(&p.scratch, 0);
    lex_start(&p.lex, text, len);
    skip_lines(&p);
    bool ok = parse_version(&p);
    skip_lines(&p);
    while (ok && p.lex.kind != LEX_END) {
        arena_reset(&p.scratch);
        ok = parse_func(&p) && add_func(&p, &m, &cap);
        skip_lines(&p);
    }
    if (ok && !arena_ok(arena))
        no_memory(&p);
    arena_free(&p.scratch);
    if (p.status == BTV_OK)
        *out = m;
    return p.status;
}

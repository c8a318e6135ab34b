/*
 * The text form, written.  docs/ir.md has the grammar; parse.c reads it back.
 *
 * Every value is printed under its own number.  A constant is shown where it is used, not where it is defined; with
 * its type when the place does not determine it.  Printing the parsed text gives the same text.
 */
#include "ir/ir.h"

#include "ir/arith.h"
#include "ir/names.h"

static void print_type(struct str *s, unsigned t)
{
    str_adds(s, t < IR_TYPE_COUNT ? ir_type_info[t].name : "?");
}

/* Small integers in decimal with a sign, everything else in hexadecimal. */
static void print_bits(struct str *s, unsigned t, uint64_t bits)
{
    unsigned w = t < IR_TYPE_COUNT ? ir_bits((enum ir_type)t) : 64;
    int64_t v = w >= 8 && w <= 64 ? ir_sx(bits, w) : (int64_t)bits;
    if (t < IR_TYPE_COUNT && ir_type_info[t].class == 'I' && v > -4096 && v < 4096)
        str_add(s, "%lld", (long long)v);
    else
        str_add(s, "0x%llx", (unsigned long long)bits);
}

/* `known`: the type that the place determines, or VOID. */
static void print_value(struct str *s, const struct ir_func *f, ir_val v, unsigned known)
{
    const struct ir_ins *d = v < f->nvals ? f->def[v] : NULL;
    if (!d || d->op != IR_OP_CONST) {
        str_add(s, "v%u", v);
        return;
    }
    if (d->type != known) {
        print_type(s, d->type);
        str_adds(s, " ");
    }
    print_bits(s, d->type, d->imm);
}

static void print_word(struct str *s, const char *const *names, size_t n, uint64_t k)
{
    if (k < n)
        str_adds(s, names[k]);
    else
        str_add(s, "%llu", (unsigned long long)k);
}
#define PRINT_WORD(s, names, k) print_word((s), (names), ARRAY_LEN(names), (k))

static void print_pc(struct str *s, uint64_t pc)
{
    str_add(s, "0x%llx", (unsigned long long)pc);
}

static void print_slot(struct str *s, const struct ir_func *f, uint64_t n)
{
    if (f->slots && n < f->slots->count && f->slots->slot[n].name)
        str_add(s, "$%s", f->slots->slot[n].name);
    else
        str_add(s, "$%llu", (unsigned long long)n);
}

static void print_edge(struct str *s, const struct ir_func *f, const struct ir_edge *e)
{
    str_add(s, "b%u", e->to->id);
    for (uint32_t k = 0; k < e->to->nparams; k++) {
        str_adds(s, k ? ", " : "(");
        print_value(s, f, e->args ? e->args[k] : 0, IR_VOID);
    }
    if (e->to->nparams)
        str_adds(s, ")");
}

static void print_fence_set(struct str *s, unsigned set)
{
    if (!set)
        str_adds(s, "none");
    for (int k = 3; k >= 0; k--)
        if (set >> k & 1)
            str_add(s, "%c", ir_fence_letter[k]);
}

static void print_order(struct str *s, uint64_t order)
{
    if (order == IR_RELAXED)
        return;
    str_adds(s, " ");
    PRINT_WORD(s, ir_order_name, order);
}

/* LOAD STORE LL SC CAS RMW: name.type [address], values order */
static void print_memory(struct str *s, const struct ir_func *f, const struct ir_ins *i)
{
    if (i->op == IR_OP_RMW) {
        PRINT_WORD(s, ir_rmw_name, i->aux);
        str_adds(s, " ");
    }
    str_adds(s, "[");
    print_value(s, f, i->arg[0], IR_I64);
    str_adds(s, "]");
    for (unsigned k = 1; k < i->nargs; k++) {
        str_adds(s, ", ");
        print_value(s, f, i->arg[k], i->type);
    }
    print_order(s, i->imm);
}

/* The type that place k of a plain op determines for its operand: the suffix, i1, i64 or nothing. */
static unsigned known_type(const char *sig, unsigned k, unsigned suffix)
{
    switch (sig[2 + k]) {
    case 'i':
    case 'f':
    case 'x':
        return suffix;
    case 'j':
    case 'g':
        return sig[0] == 'b' ? suffix : IR_VOID;
    case 'b':
        return IR_I1;
    case 'p':
        return IR_I64;
    default:
        return IR_VOID;
    }
}

static void print_plain(struct str *s, const struct ir_func *f, const struct ir_ins *i, unsigned suffix)
{
    const struct ir_op_info *info = &ir_op_info[i->op];
    for (unsigned k = 0; k < i->nargs && k < info->nargs; k++) {
        if (k)
            str_adds(s, ", ");
        print_value(s, f, i->arg[k], known_type(info->sig, k, suffix));
    }
    if (info->flags & IR_F_RM) {
        str_adds(s, ", ");
        PRINT_WORD(s, ir_rm_name, i->imm);
    }
    if ((info->flags & IR_F_FPENV) && i->aux)
        str_adds(s, " propagate");
}

static void print_call(struct str *s, const struct ir_func *f, const struct ir_ins *i)
{
    str_add(s, "%llu", (unsigned long long)i->imm);
    for (unsigned k = 0; k < i->nargs; k++) {
        str_adds(s, ", ");
        print_value(s, f, i->arg[k], IR_VOID);
    }
}

static void print_link(struct str *s, uint64_t pc)
{
    if (!pc)
        return;
    str_adds(s, " link ");
    print_pc(s, pc);
}

/* Everything after the name. */
static void print_rest(struct str *s, const struct ir_func *f, const struct ir_ins *i, unsigned suffix)
{
    switch (i->op) {
    case IR_OP_CONST:
        print_bits(s, i->type, i->imm);
        break;
    case IR_OP_GET:
        print_slot(s, f, i->imm);
        break;
    case IR_OP_PUT:
        print_slot(s, f, i->imm);
        str_adds(s, ", ");
        print_value(s, f, i->arg[0], i->type);
        break;
    case IR_OP_LOAD:
    case IR_OP_STORE:
    case IR_OP_LL:
    case IR_OP_SC:
    case IR_OP_CAS:
    case IR_OP_RMW:
        print_memory(s, f, i);
        break;
    case IR_OP_FENCE:
        print_fence_set(s, i->imm & 15);
        str_adds(s, ", ");
        print_fence_set(s, i->imm >> 4 & 15);
        break;
    case IR_OP_MARK:
        print_pc(s, i->imm);
        str_add(s, ", %llu", (unsigned long long)i->aux);
        break;
    case IR_OP_EXITIF:
        print_value(s, f, i->arg[0], IR_I1);
        str_adds(s, " -> ");
        print_pc(s, i->imm);
        break;
    case IR_OP_GOTO:
        print_pc(s, i->imm);
        print_link(s, i->aux);
        break;
    case IR_OP_GOTOIND:
        PRINT_WORD(s, ir_jump_name, i->imm);
        str_adds(s, " ");
        print_value(s, f, i->arg[0], IR_I64);
        print_link(s, i->aux);
        break;
    case IR_OP_SYSCALL:
    case IR_OP_ISYNC:
        str_adds(s, "-> ");
        print_pc(s, i->imm);
        break;
    case IR_OP_TRAP:
        PRINT_WORD(s, ir_trap_name, i->imm);
        str_adds(s, ", ");
        print_value(s, f, i->arg[0], IR_VOID);
        str_adds(s, " at ");
        print_pc(s, i->aux);
        break;
    case IR_OP_CALL:
        print_call(s, f, i);
        break;
    case IR_OP_BR:
        print_edge(s, f, &i->edges[0]);
        break;
    case IR_OP_BRIF:
        print_value(s, f, i->arg[0], IR_I1);
        str_adds(s, ", ");
        print_edge(s, f, &i->edges[0]);
        str_adds(s, ", ");
        print_edge(s, f, &i->edges[1]);
        break;
    case IR_OP_RET:
        if (i->nargs)
            print_value(s, f, i->arg[0], IR_VOID);
        break;
    default:
        print_plain(s, f, i, suffix);
    }
}

void ir_print_ins(struct str *s, const struct ir_func *f, const struct ir_ins *i)
{
    if (i->dst)
        str_add(s, "v%u = ", i->dst);
    const struct ir_op_info *info = i->op < IR_OP_LIMIT ? &ir_op_info[i->op] : NULL;
    if (!info || !info->name) {
        str_add(s, "?op%u", i->op);
        return;
    }
    str_adds(s, info->name);
    /* The suffix of a comparison is the type it compares. */
    unsigned suffix = i->type;
    if (info->sig[0] == 'b' && info->nargs == 2 && i->op != IR_OP_SC && i->arg[0] < f->nvals)
        suffix = ir_typeof(f, i->arg[0]);
    if (suffix != IR_VOID) {
        str_adds(s, ".");
        print_type(s, suffix);
    }
    size_t before = s->len;
    str_adds(s, " ");
    print_rest(s, f, i, suffix);
    if (s->len == before + 1 && !s->failed)
        s->p[--s->len] = 0; /* nothing followed the name */
}

/* A name is printed bare if it consists of letters, digits and _ . $ - only. */
static void print_name(struct str *s, const char *name)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.$-";
    bool bare = *name != 0;
    for (const char *p = name; *p; p++) {
        bool found = false;
        for (const char *q = plain; *q; q++)
            found |= *q == *p;
        bare &= found;
    }
    str_adds(s, "@");
    if (bare) {
        str_adds(s, name);
        return;
    }
    str_adds(s, "\"");
    for (const unsigned char *p = (const unsigned char *)name; *p; p++)
        if (*p < 32 || *p >= 127 || *p == '"' || *p == '\\')
            str_add(s, "\\%02x", *p);
        else
            str_add(s, "%c", *p);
    str_adds(s, "\"");
}

static void print_params(struct str *s, const struct ir_block *b)
{
    for (uint32_t k = 0; k < b->nparams; k++) {
        str_add(s, "%sv%u: ", k ? ", " : "", b->params[k]->dst);
        print_type(s, b->params[k]->type);
    }
}

/* The type of the function's result: of its first RET. */
static unsigned result_type(const struct ir_func *f)
{
    for (const struct ir_block *b = f->first; b; b = b->next)
        if (b->last && b->last->op == IR_OP_RET)
            return b->last->nargs ? ir_typeof(f, b->last->arg[0]) : IR_VOID;
    return IR_VOID;
}

void ir_print(struct str *s, const struct ir_func *f)
{
    str_adds(s, "func ");
    print_name(s, f->name ? f->name : "");
    str_adds(s, "(");
    if (f->first)
        print_params(s, f->first);
    str_adds(s, ")");
    if (result_type(f) != IR_VOID) {
        str_adds(s, " -> ");
        print_type(s, result_type(f));
    }
    if (f->pc) {
        str_adds(s, " at ");
        print_pc(s, f->pc);
    }
    str_adds(s, " {\n");
    for (const struct ir_block *b = f->first; b; b = b->next) {
        if (b != f->first) {
            str_add(s, "b%u", b->id);
            if (b->nparams) {
                str_adds(s, "(");
                print_params(s, b);
                str_adds(s, ")");
            }
            str_adds(s, ":\n");
        } else if (b->next || b->id) {
            str_add(s, "b%u:\n", b->id); /* its parameters stand in the first line */
        }
        for (const struct ir_ins *i = b->first; i; i = i->next) {
            if (i->op == IR_OP_CONST)
                continue;
            str_adds(s, i->op == IR_OP_MARK ? "  " : "    ");
            ir_print_ins(s, f, i);
            str_adds(s, "\n");
        }
    }
    str_adds(s, "}\n");
}

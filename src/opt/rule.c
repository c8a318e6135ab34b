/*
 * Parser of rewrite rules, inference of their widths, and the laws.  See rule.h for the language.
 *
 * The laws make rewriting end and keep it from making code longer: a rule may not add an op, may not use a value more
 * often than its pattern does, and must make (ops, cost, left constants) smaller.  cost_of is the only place that
 * says which op is dearer; the rest is counting.
 */
#include "opt/rule.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Character k of a string literal as a constant; 0 beyond its end. */
#define LIT(s, k)   ((s "\0\0\0\0\0\0\0\0")[k])
#define HAS(sig, k) (LIT(sig, k) >= 'a' && LIT(sig, k) <= 'z')
#define NARGS(sig)  (!HAS(sig, 2) ? 0 : !HAS(sig, 3) ? 1 : !HAS(sig, 4) ? 2 : 3)

enum {
#define OP(code, NAME, text, sig, flags, eval, smt, doc) OP_##NAME = (code),
#include "ir/ops.def"
#undef OP
    PURE = 1,
    COMM = 2,
    READS = 0,
    WRITES = 0,
    LOADS = 0,
    STORES = 0,
    FPENV = 0,
    FAULTS = 0,
    EXITS = 0,
    TERM = 0,
    RM = 0
};

const struct rule_op rule_op[RULE_OP_LIMIT] = {
#define OP(code, NAME, text, sig, flags, eval, smt, doc) [code] = {text, sig, NARGS(sig), ((flags)&PURE) != 0, ((flags)&COMM) != 0},
#include "ir/ops.def"
#undef OP
};

enum form { FORM_NONE, INFIX, PREFIX, FUNC1 };
static const struct {
    const char *text;
    uint8_t form, level;
} expr_op[RULE_EXPR_OPS] = {
#define EXPR(NAME, text, form, level, code, doc) [RULE_##NAME] = {text, form, level},
#include "ir/rule_expr.def"
#undef EXPR
};

/* How dear an op is beside others that compute the same. */
static unsigned cost_of(unsigned op)
{
    switch (op) {
    case OP_DIVS:
    case OP_DIVU:
    case OP_REMS:
    case OP_REMU: return 8;
    case OP_MULHS:
    case OP_MULHU:
    case OP_MULHSU: return 6;
    case OP_MUL: return 5;
    case OP_SAR: return 3;
    case OP_SHL:
    case OP_SHR:
    case OP_LTS:
    case OP_LTU:
    case OP_LES:
    case OP_LEU: return 2;
    case OP_SUB:
    case OP_SEXT:
    case OP_NE:
    case OP_SELECT: return 1;
    default: return 0;
    }
}

/* -- parsing --------------------------------------------------------------------------------------------------- */

struct parser {
    const char *s, *start;
    struct rule *r;
    struct btv_error *err;
    bool blanks;  /* inside an expression blanks mean nothing */
    bool pattern; /* left of => */
    unsigned depth;
};

enum { MAX_DEPTH = 16 };

static int fail(struct parser *p, const char *what)
{
    err_set(p->err, BTV_SYNTAX, "%s: %s, at \"%.24s\"", p->r->name[0] ? p->r->name : "rule", what, p->s);
    return -1;
}

static void skip(struct parser *p)
{
    while (*p->s == ' ' || *p->s == '\t')
        p->s++;
}

static size_t word_length(const char *s)
{
    size_t n = 0;
    while (isalnum((unsigned char)s[n]) || s[n] == '_')
        n++;
    return n;
}

static bool is_width_letter(const char *s, size_t n)
{
    return n == 1 && s[0] >= 'u' && s[0] <= 'w';
}

static int find_var(const struct rule *r, const char *name, size_t n)
{
    for (unsigned k = 0; k < r->nvars; k++)
        if (strlen(r->var[k].name) == n && !memcmp(r->var[k].name, name, n))
            return (int)k;
    return -1;
}

int rule_named_op(const struct rule *r, int v)
{
    for (unsigned k = 0; k < r->nnodes; k++)
        if (r->node[k].kind == RULE_OP && r->node[k].var == v)
            return (int)k;
    return -1;
}

/* The variable of that name; a new one only in the pattern. */
static int take_var(struct parser *p, const char *name, size_t n)
{
    struct rule *r = p->r;
    int k = find_var(r, name, n);
    if (k >= 0)
        return k;
    if (!p->pattern)
        return fail(p, "a name that the pattern does not have");
    if (r->nvars == RULE_VARS || n >= sizeof r->var[0].name)
        return fail(p, "too many names, or too long a name");
    memcpy(r->var[r->nvars].name, name, n);
    r->var[r->nvars].is_const = isupper((unsigned char)name[0]);
    return (int)r->nvars++;
}

static int new_expr(struct parser *p, unsigned op, int x, int y, uint64_t value)
{
    struct rule *r = p->r;
    if (r->nexprs == RULE_EXPRS)
        return fail(p, "too long");
    r->expr[r->nexprs] = (struct rule_expr){.op = (uint8_t)op, .x = (int8_t)x, .y = (int8_t)y, .value = value};
    return (int)r->nexprs++;
}

static int parse_expr(struct parser *p, unsigned level);

/* lone(y) */
static int parse_lone(struct parser *p)
{
    p->s += strlen("lone(");
    size_t n = word_length(p->s);
    int v = find_var(p->r, p->s, n);
    if (v < 0 || rule_named_op(p->r, v) < 0 || p->s[n] != ')')
        return fail(p, "lone() wants a name given with @");
    p->s += n + 1;
    return new_expr(p, RULE_LONE, -1, -1, (uint64_t)v);
}

static int parse_function(struct parser *p, size_t n)
{
    if (n == 4 && !memcmp(p->s, "lone", n))
        return parse_lone(p);
    for (unsigned op = 0; op < RULE_EXPR_OPS; op++)
        if (expr_op[op].form == FUNC1 && strlen(expr_op[op].text) == n && !memcmp(expr_op[op].text, p->s, n)) {
            p->s += n + 1;
            int x = parse_expr(p, 1);
            if (x < 0)
                return -1;
            if (*p->s != ')')
                return fail(p, "a parenthesis is open");
            p->s++;
            return new_expr(p, op, x, -1, 0);
        }
    return fail(p, "no such function");
}

static int parse_primary(struct parser *p)
{
    if (p->blanks)
        skip(p);
    if (*p->s == '(') {
        p->s++;
        int x = parse_expr(p, 1);
        if (x >= 0 && *p->s++ != ')')
            return fail(p, "a parenthesis is open");
        return x;
    }
    if (*p->s == '-' || *p->s == '~') {
        unsigned op = *p->s++ == '-' ? RULE_NEG : RULE_NOT;
        int x = parse_primary(p);
        return x < 0 ? -1 : new_expr(p, op, x, -1, 0);
    }
    if (isdigit((unsigned char)*p->s)) {
        char *end;
        uint64_t value = strtoull(p->s, &end, 0);
        p->s = end;
        return new_expr(p, RULE_NUM, -1, -1, value);
    }
    size_t n = word_length(p->s);
    if (n && p->s[n] == '(')
        return parse_function(p, n);
    int x = -1;
    if (is_width_letter(p->s, n)) {
        x = new_expr(p, RULE_WIDTH, -1, -1, (uint64_t)*p->s);
    } else {
        int v = n ? find_var(p->r, p->s, n) : -1;
        if (v < 0 || !p->r->var[v].is_const)
            return fail(p, "a constant of the pattern, a width or a number is wanted here");
        x = new_expr(p, RULE_CONST, -1, -1, (uint64_t)v);
    }
    p->s += n;
    return x;
}

/* The infix operator that stands here; RULE_EXPR_OPS: none. */
static unsigned infix_here(struct parser *p)
{
    if (p->blanks)
        skip(p);
    for (unsigned op = 0; op < RULE_EXPR_OPS; op++) { /* longer texts come first in the table where one begins another */
        size_t n = expr_op[op].form == INFIX ? strlen(expr_op[op].text) : 0;
        if (!n || strncmp(p->s, expr_op[op].text, n) != 0)
            continue;
        if (isalpha((unsigned char)expr_op[op].text[0]) && word_length(p->s) != n)
            continue;
        if ((op == RULE_LT && p->s[1] == '<') || (op == RULE_GT && p->s[1] == '>'))
            continue;
        return op;
    }
    return RULE_EXPR_OPS;
}

static int parse_expr(struct parser *p, unsigned level)
{
    if (++p->depth > MAX_DEPTH)
        return fail(p, "too deep");
    int x = parse_primary(p);
    while (x >= 0) {
        unsigned op = infix_here(p);
        if (op == RULE_EXPR_OPS || expr_op[op].level < level)
            break;
        p->s += strlen(expr_op[op].text);
        int y = parse_expr(p, expr_op[op].level + 1u);
        x = y < 0 ? -1 : new_expr(p, op, x, y, 0);
    }
    p->depth--;
    return x;
}

/* After a dot or colon: u, v, w or a number of bits; 0 is an error already reported. */
static unsigned parse_width(struct parser *p)
{
    size_t n = word_length(p->s);
    unsigned width = is_width_letter(p->s, n) ? (unsigned)*p->s : (unsigned)strtoul(p->s, NULL, 10);
    if (width != 1 && width != 8 && width != 16 && width != 32 && width != 64 && !is_width_letter(p->s, n)) {
        fail(p, "no such width");
        return 0;
    }
    p->s += n;
    return width;
}

static int new_node(struct parser *p, unsigned kind)
{
    struct rule *r = p->r;
    if (r->nnodes == RULE_NODES)
        return fail(p, "too many nodes");
    r->node[r->nnodes] = (struct rule_node){.kind = (uint8_t)kind, .var = -1, .expr = -1, .arg = {-1, -1, -1}};
    return (int)r->nnodes++;
}

static int parse_node(struct parser *p);

static int parse_op(struct parser *p)
{
    int self = new_node(p, RULE_OP);
    if (self < 0)
        return -1;
    p->s++;
    struct rule_node *node = &p->r->node[self];
    size_t n = word_length(p->s);
    for (unsigned op = 1; op < RULE_OP_LIMIT && !node->op; op++)
        if (rule_op[op].name && strlen(rule_op[op].name) == n && !memcmp(rule_op[op].name, p->s, n))
            node->op = (uint8_t)op;
    if (!node->op || !rule_op[node->op].pure || node->op == OP_CONST || node->op == OP_PARAM)
        return fail(p, "not a pure op");
    p->s += n;
    if (*p->s == '.') {
        p->s++;
        if (!(node->width = (uint8_t)parse_width(p)))
            return -1;
    }
    node->nargs = (uint8_t)rule_op[node->op].nargs;
    for (unsigned k = 0; k < node->nargs; k++) {
        skip(p);
        int a = parse_node(p);
        if (a < 0)
            return -1;
        node->arg[k] = (int8_t)a;
    }
    skip(p);
    if (*p->s != ')')
        return fail(p, "wrong number of operands");
    p->s++;
    return self;
}

static int parse_leaf(struct parser *p)
{
    size_t n = word_length(p->s);
    bool variable = islower((unsigned char)*p->s) && !is_width_letter(p->s, n) && p->s[n] != '(';
    bool binds = p->pattern && isupper((unsigned char)*p->s) && find_var(p->r, p->s, n) < 0;
    int self;
    if (variable || binds) {
        int v = take_var(p, p->s, n);
        if (v < 0 || (self = new_node(p, RULE_VAR)) < 0)
            return -1;
        p->r->node[self].var = (int8_t)v;
        p->s += n;
    } else {
        bool blanks = p->blanks;
        p->blanks = false;
        int e = parse_expr(p, 3);
        p->blanks = blanks;
        if (e < 0 || (self = new_node(p, RULE_EXPR)) < 0)
            return -1;
        p->r->node[self].expr = (int8_t)e;
    }
    if (*p->s == ':') {
        p->s++;
        if (!(p->r->node[self].width = (uint8_t)parse_width(p)))
            return -1;
    }
    return self;
}

static int parse_node(struct parser *p)
{
    size_t n = word_length(p->s);
    int self, v = -1;
    if (++p->depth > MAX_DEPTH)
        return fail(p, "too deep");
    if (n && p->s[n] == '@') {
        if (!p->pattern || find_var(p->r, p->s, n) >= 0 || !islower((unsigned char)*p->s) || is_width_letter(p->s, n))
            return fail(p, "@ gives a new name in a pattern");
        if ((v = take_var(p, p->s, n)) < 0)
            return -1;
        p->s += n + 1;
        if (*p->s != '(')
            return fail(p, "@ names an op");
    }
    self = *p->s == '(' ? parse_op(p) : parse_leaf(p);
    if (self >= 0 && v >= 0)
        p->r->node[self].var = (int8_t)v;
    p->depth--;
    return self;
}

/* -- widths ------------------------------------------------------------------------------------------------------ */

static bool compares(const struct rule_node *n)
{
    return n->kind == RULE_OP && rule_op[n->op].sig[0] == 'b';
}

/* The width that a node has by itself or from its operands; 0: whatever its user says. */
static unsigned own_width(const struct rule *r, const struct rule_node *n)
{
    if (n->width)
        return n->width;
    if (compares(n))
        return 1;
    if (n->kind == RULE_VAR)
        return r->var[n->var].width;
    unsigned width = 0;
    for (unsigned k = 0; k < n->nargs && !width; k++)
        if (strchr("ifx", rule_op[n->op].sig[2 + k]))
            width = own_width(r, &r->node[n->arg[k]]);
    return width;
}

static bool set_width(struct parser *p, int node, unsigned want, bool is_float)
{
    struct rule *r = p->r;
    struct rule_node *n = &r->node[node];
    unsigned width = own_width(r, n);
    if (!width)
        width = want ? want : 'w';
    if (want && width != want)
        return fail(p, "widths that the format makes equal are not"), false;
    n->width = (uint8_t)width;
    n->is_float = is_float;
    if (n->var >= 0) {
        struct rule_var *v = &r->var[n->var];
        if (v->width && (v->width != width || v->is_float != is_float))
            return fail(p, "one name with two types"), false;
        v->width = (uint8_t)width;
        v->is_float = is_float;
    }
    if (n->kind != RULE_OP)
        return true;
    const char *sig = rule_op[n->op].sig;
    unsigned compared = 0;
    for (unsigned k = 0; k < n->nargs && !compared; k++)
        compared = own_width(r, &r->node[n->arg[k]]);
    for (unsigned k = 0; k < n->nargs; k++) {
        char kind = sig[2 + k];
        unsigned to = kind == 'b' ? 1 : kind == 'i' || kind == 'f' || kind == 'x' ? width : 0;
        if (sig[0] == 'b')
            to = compared ? compared : 'w';
        if (n->op == OP_BITS || n->op == OP_FLOAT)
            to = width;
        if (!set_width(p, n->arg[k], to, kind == 'f' || kind == 'g' || (kind == 'x' && is_float)))
            return false;
    }
    return true;
}

static bool is_float_result(const struct rule_node *n)
{
    return n->kind == RULE_OP && rule_op[n->op].sig[0] == 'f';
}

static bool infer(struct parser *p)
{
    struct rule *r = p->r;
    bool is_float = is_float_result(&r->node[r->lhs]);
    return set_width(p, r->lhs, 0, is_float) && set_width(p, r->rhs, r->node[r->lhs].width, is_float);
}

bool rule_uses_width(const struct rule *r, char letter)
{
    for (unsigned k = 0; k < r->nnodes; k++)
        if (r->node[k].width == letter)
            return true;
    return false;
}

/* -- laws -------------------------------------------------------------------------------------------------------- */

static bool is_constant(const struct rule *r, int node)
{
    const struct rule_node *n = &r->node[node];
    return n->kind == RULE_EXPR || (n->kind == RULE_VAR && r->var[n->var].is_const);
}

struct rule_measure rule_measure(const struct rule *r, int node)
{
    const struct rule_node *n = &r->node[node];
    struct rule_measure m = {0};
    if (n->kind == RULE_VAR && !r->var[n->var].is_const) {
        int op = rule_named_op(r, n->var);
        return op < 0 ? m : rule_measure(r, op);
    }
    if (n->kind != RULE_OP)
        return m;
    m.ops = 1;
    m.cost = cost_of(n->op);
    m.left = rule_op[n->op].comm && is_constant(r, n->arg[0]) && !is_constant(r, n->arg[1]);
    for (unsigned k = 0; k < n->nargs; k++) {
        struct rule_measure a = rule_measure(r, n->arg[k]);
        m.ops += a.ops;
        m.cost += a.cost;
        m.left += a.left;
    }
    return m;
}

/* How often the value v stands below node, also inside ops named with @. */
static unsigned count_uses(const struct rule *r, int node, int v)
{
    const struct rule_node *n = &r->node[node];
    if (n->kind == RULE_VAR) {
        int op = r->var[n->var].is_const ? -1 : rule_named_op(r, n->var);
        return n->var == v || op < 0 ? n->var == v : count_uses(r, op, v);
    }
    unsigned sum = n->kind == RULE_OP && n->var == v;
    for (unsigned k = 0; k < n->nargs; k++)
        sum += count_uses(r, n->arg[k], v);
    return sum;
}

enum btv_status rule_check(const struct rule *r, struct btv_error *err)
{
    struct rule_measure a = rule_measure(r, r->lhs), b = rule_measure(r, r->rhs);
    if (b.ops > a.ops)
        return err_set(err, BTV_INVALID, "%s: %u ops become %u", r->name, a.ops, b.ops);
    bool down = b.ops != a.ops ? b.ops < a.ops : b.cost != a.cost ? b.cost < a.cost : b.left < a.left;
    if (!down)
        return err_set(err, BTV_INVALID, "%s: (ops, cost, left constants) = (%u, %u, %u) becomes (%u, %u, %u), which is not less", r->name,
                       a.ops, a.cost, a.left, b.ops, b.cost, b.left);
    if (r->node[r->lhs].kind != RULE_OP)
        return err_set(err, BTV_INVALID, "%s: the pattern is no op", r->name);
    for (unsigned v = 0; v < r->nvars; v++)
        if (!r->var[v].is_const && count_uses(r, r->rhs, (int)v) > count_uses(r, r->lhs, (int)v))
            return err_set(err, BTV_INVALID, "%s: %s is used more often than in the pattern", r->name, r->var[v].name);
    return BTV_OK;
}

/* -- entry ------------------------------------------------------------------------------------------------------- */

static int finish(struct parser *p)
{
    struct rule *r = p->r;
    skip(p);
    r->lhs = parse_node(p);
    if (r->lhs < 0)
        return -1;
    skip(p);
    if (strncmp(p->s, "=>", 2) != 0)
        return fail(p, "=> is wanted here");
    p->s += 2;
    p->pattern = false;
    skip(p);
    r->rhs = parse_node(p);
    if (r->rhs < 0)
        return -1;
    skip(p);
    r->cond = -1;
    if (word_length(p->s) == 2 && !strncmp(p->s, "if", 2)) {
        p->s += 2;
        p->blanks = true;
        if ((r->cond = parse_expr(p, 1)) < 0)
            return -1;
        skip(p);
    }
    if (*p->s)
        return fail(p, "the line goes on");
    return infer(p) ? 0 : -1;
}

enum btv_status rule_parse(const char *line, struct rule *out, struct btv_error *err)
{
    struct btv_error own = {0};
    struct rule r = {.nnodes = 0};
    struct parser p = {.s = line, .start = line, .r = &r, .err = &own, .pattern = true};
    skip(&p);
    size_t n = strcspn(p.s, " \t");
    if (!n || n >= sizeof r.name)
        return err_set(err, BTV_SYNTAX, "a rule begins with its name, of at most %zu characters", sizeof r.name - 1);
    memcpy(r.name, p.s, n);
    p.s += n;
    enum btv_status st = finish(&p) < 0 ? BTV_SYNTAX : rule_check(&r, &own);
    if (st != BTV_OK)
        return err_set(err, st, "%s", own.text);
    *out = r;
    return BTV_OK;
}

enum btv_status rule_parse_all(const char *text, struct rule **out, unsigned *n, struct btv_error *err)
{
    unsigned cap = 1, count = 0, number = 0;
    for (const char *s = text; *s; s++)
        cap += *s == '\n';
    struct rule *rules = calloc(cap, sizeof *rules);
    enum btv_status st = rules ? BTV_OK : BTV_NOMEM;
    while (*text && st == BTV_OK) {
        char line[512];
        size_t len = strcspn(text, "\n"), first = strspn(text, " \t");
        number++;
        if (len >= sizeof line) {
            st = err_set(err, BTV_SYNTAX, "line %u is too long", number);
        } else if (first < len && text[first] != ';') {
            struct btv_error own = {0};
            memcpy(line, text, len);
            line[len] = 0;
            st = rule_parse(line, &rules[count], &own);
            if (st != BTV_OK)
                err_set(err, st, "line %u: %s", number, own.text);
            rules[count].line = number;
            for (unsigned k = 0; k < count && st == BTV_OK; k++)
                if (!strcmp(rules[k].name, rules[count].name))
                    st = err_set(err, BTV_INVALID, "line %u: %s: there is a rule of that name", number, rules[k].name);
            count++;
        }
        text += len + (text[len] == '\n');
    }
    if (st != BTV_OK) {
        free(rules);
        return st;
    }
    *out = rules;
    *n = count;
    return BTV_OK;
}

uint64_t rule_expr_eval(const struct rule *r, int expr, const struct rule_env *env)
{
    const struct rule_expr *e = &r->expr[expr];
    uint64_t x = e->x >= 0 ? rule_expr_eval(r, e->x, env) : 0, y = e->y >= 0 ? rule_expr_eval(r, e->y, env) : 0;
    switch (e->op) {
    case RULE_NUM: return e->value;
    case RULE_LONE: return 1;
    case RULE_CONST: return env->value[e->value];
    case RULE_WIDTH: return rule_width((unsigned)e->value, env);
#define EXPR(NAME, text, form, level, code, doc) \
    case RULE_##NAME:                            \
        return (uint64_t)(code);
#include "ir/rule_expr.def"
#undef EXPR
    default: return 0;
    }
}

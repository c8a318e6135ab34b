/*
 * Build-time generator: rewrite rules in, C that applies them out.
 *
 *   rulegen matcher RULES FILE   decision trees, one function for each op at the root of a pattern; included by ir/fold.c
 *   rulegen text RULES FILE      the rules as a C string, for the tests and the prover
 *
 * A pattern becomes a list of tests in a fixed order: which op defines an operand (constants first, then from the
 * root down), then equal values, widths, and the condition.  Rules whose lists begin alike share those tests, and
 * tests of one operand's op become one switch, so an op that no rule wants costs one jump.  A pattern with an op
 * whose operands may be exchanged is matched both ways.  Rules that break a law stop the build.
 */
#include "opt/rule.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TESTS = 48, MAX_VARIANTS = 4096, TEXT = 512, OP_CONST = 1 };

struct test {
    char pos[8]; /* "a", "b1": operand 1 of operand b; empty: see text */
    unsigned op; /* what defines pos */
    char text[TEXT];
};

/* A rule with one choice of operand order. */
struct variant {
    const struct rule *rule;
    struct rule r; /* exchanged */
    char pos[RULE_NODES][8];
    int var_node[RULE_VARS];
    int width_node[3]; /* node that tells u, v, w; -1: the root's type; -2: not bound */
    struct test test[MAX_TESTS];
    unsigned ntests;
};

static struct variant *variants[MAX_VARIANTS];
static unsigned nvariants;
static FILE *out;

static void die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("rulegen: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

static void format(char *to, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(to, TEXT, fmt, ap);
    va_end(ap);
    if (n >= TEXT)
        die("too long: %s", to);
}

/* -- names in the generated code --------------------------------------------------------------------------------- */

static const char *upper(const char *s)
{
    static char text[32];
    size_t n = 0;
    for (; *s && n < sizeof text - 1; s++)
        text[n++] = (char)(*s >= 'a' && *s <= 'z' ? *s - 32 : *s);
    text[n] = 0;
    return text;
}

/* The value at a position. */
static void value_at(char *to, const char *pos)
{
    size_t n = strlen(pos);
    if (n == 1)
        format(to, "%s", pos);
    else
        format(to, "D_%.*s->arg[%c]", (int)n - 1, pos, pos[n - 1]);
}

static bool is_const_node(const struct rule *r, int node)
{
    const struct rule_node *n = &r->node[node];
    return n->kind == RULE_EXPR || (n->kind == RULE_VAR && r->var[n->var].is_const);
}

static void width_text(const struct variant *v, unsigned width, char *to)
{
    if (width <= 64) {
        format(to, "%u", width);
        return;
    }
    int node = v->width_node[width - 'u'];
    if (node == -2)
        die("%s: width %c is not in the pattern", v->r.name, (int)width);
    char value[TEXT];
    if (node >= 0)
        value_at(value, v->pos[node]);
    if (node == -1)
        format(to, "ir_bits(t)");
    else
        format(to, "width_of(f, %s)", value);
}

static void type_text(const struct variant *v, const struct rule_node *n, char *to)
{
    if (n->width <= 64) {
        format(to, "IR_%c%u", n->is_float ? 'F' : 'I', n->width);
        return;
    }
    int node = v->width_node[n->width - 'u'];
    if (v->r.node[node == -1 ? v->r.lhs : node].is_float != n->is_float)
        die("%s: no type of that width and class is at hand", v->r.name);
    char value[TEXT];
    if (node >= 0)
        value_at(value, v->pos[node]);
    if (node == -1)
        format(to, "t");
    else
        format(to, "ir_typeof(f, %s)", value);
}

static void expr_text(const struct variant *v, int expr, char *to)
{
    static const char *const name[RULE_EXPR_OPS] = {
#define EXPR(NAME, text, form, level, code, doc) [RULE_##NAME] = #NAME,
#include "ir/rule_expr.def"
#undef EXPR
    };
    const struct rule_expr *e = &v->r.expr[expr];
    char x[TEXT] = "0", y[TEXT] = "0";
    if (e->op == RULE_LONE) {
        value_at(x, v->pos[v->var_node[e->value]]);
        format(to, "f->def[%s]->uses == 1", x);
        return;
    }
    if (e->x >= 0)
        expr_text(v, e->x, x);
    if (e->y >= 0)
        expr_text(v, e->y, y);
    switch (e->op) {
    case RULE_NUM: format(to, "%lluu", (unsigned long long)e->value); break;
    case RULE_CONST: format(to, "D_%s->imm", v->pos[v->var_node[e->value]]); break;
    case RULE_WIDTH: width_text(v, (unsigned)e->value, to); break;
    default: format(to, "rx_%s(%s, %s)", name[e->op], x, y);
    }
}

/* -- tests of a pattern ------------------------------------------------------------------------------------------ */

static struct test *add_test(struct variant *v)
{
    if (v->ntests == MAX_TESTS)
        die("%s: too many tests", v->r.name);
    return &v->test[v->ntests++];
}

static void add_op_test(struct variant *v, int node, unsigned op)
{
    struct test *t = add_test(v);
    memcpy(t->pos, v->pos[node], sizeof t->pos);
    t->op = op;
}

static void place(struct variant *v, int node, const char *pos)
{
    const struct rule_node *n = &v->r.node[node];
    size_t len = strlen(pos);
    if (len + 2 > sizeof v->pos[0])
        die("%s: too deep", v->r.name);
    memcpy(v->pos[node], pos, len + 1);
    for (unsigned k = 0; k < n->nargs; k++) {
        char below[16];
        snprintf(below, sizeof below, len ? "%s%u" : "%s%c", pos, len ? k : 'a' + k);
        place(v, n->arg[k], below);
    }
}

/* Ops at one depth of the pattern, constants or others. */
static void test_ops(struct variant *v, int node, unsigned depth, bool constants)
{
    const struct rule_node *n = &v->r.node[node];
    for (unsigned k = 0; k < n->nargs && depth > 1; k++)
        test_ops(v, n->arg[k], depth - 1, constants);
    if (depth != 1)
        return;
    for (unsigned k = 0; k < n->nargs; k++) {
        const struct rule_node *a = &v->r.node[n->arg[k]];
        if (constants && is_const_node(&v->r, n->arg[k])) {
            add_op_test(v, n->arg[k], OP_CONST);
        } else if (!constants && a->kind == RULE_OP) {
            add_op_test(v, n->arg[k], a->op);
        }
    }
}

/* Literals of the pattern that read no constants of it. */
static void test_literals(struct variant *v, int node)
{
    const struct rule_node *n = &v->r.node[node];
    for (unsigned k = 0; k < n->nargs; k++)
        test_literals(v, n->arg[k]);
    if (n->kind != RULE_EXPR)
        return;
    char e[TEXT], w[TEXT];
    expr_text(v, n->expr, e);
    if (v->r.expr[n->expr].op == RULE_NUM && v->r.expr[n->expr].value <= 1) {
        format(add_test(v)->text, "D_%s->imm == %s", v->pos[node], e);
        return;
    }
    width_text(v, n->width, w);
    format(add_test(v)->text, "D_%s->imm == (%s & rx_MASK(%s, 0))", v->pos[node], e, w);
}

static void test_names(struct variant *v, int node)
{
    const struct rule_node *n = &v->r.node[node];
    if (n->var >= 0) {
        int first = v->var_node[n->var];
        char x[TEXT], y[TEXT];
        value_at(x, v->pos[node]);
        if (first < 0)
            v->var_node[n->var] = node;
        else if (v->r.var[n->var].is_const)
            format(add_test(v)->text, "D_%s->imm == D_%s->imm", v->pos[first], v->pos[node]);
        else
            value_at(y, v->pos[first]), format(add_test(v)->text, "%s == %s", y, x);
    }
    for (unsigned k = 0; k < n->nargs; k++)
        test_names(v, n->arg[k]);
}

/* Binds the width names; tests the widths that the format does not tie to something tested before. */
static void test_widths(struct variant *v, int node, bool tied)
{
    const struct rule_node *n = &v->r.node[node];
    const char *sig = n->kind == RULE_OP ? rule_op[n->op].sig : "";
    bool compares = sig[0] == 'b', again = n->var >= 0 && v->var_node[n->var] != node;
    if (!tied && !compares && !again) {
        int *bound = n->width > 64 ? &v->width_node[n->width - 'u'] : NULL;
        if (bound && *bound == -2) {
            *bound = node;
        } else {
            char value[TEXT], width[TEXT];
            value_at(value, v->pos[node]);
            width_text(v, n->width, width);
            format(add_test(v)->text, "width_of(f, %s) == %s", value, width);
        }
    }
    for (unsigned k = 0; k < n->nargs; k++) {
        char kind = sig[2 + k];
        bool same = kind == 'i' || kind == 'f' || kind == 'x' || kind == 'b' || (compares && k > 0) ||
                    !strcmp(rule_op[n->op].name, "bits") || !strcmp(rule_op[n->op].name, "float");
        test_widths(v, n->arg[k], same);
    }
}

static void compile(struct variant *v)
{
    const struct rule_node *root = &v->r.node[v->r.lhs];
    const char *sig = rule_op[root->op].sig;
    if (root->var >= 0)
        die("%s: the root has a name", v->r.name);
    place(v, v->r.lhs, "");
    for (unsigned k = 0; k < RULE_VARS; k++)
        v->var_node[k] = -1;
    for (unsigned k = 0; k < 3; k++)
        v->width_node[k] = -2;
    if (sig[0] != 'b' && root->width > 64)
        v->width_node[root->width - 'u'] = -1;
    for (unsigned depth = 1; depth < 7; depth++) {
        test_ops(v, v->r.lhs, depth, true);
        test_ops(v, v->r.lhs, depth, false);
    }
    unsigned names_at = v->ntests;
    test_names(v, v->r.lhs); /* binds names, which literals and conditions may read */
    struct test names[MAX_TESTS];
    unsigned nnames = v->ntests - names_at;
    memcpy(names, v->test + names_at, nnames * sizeof names[0]);
    v->ntests = names_at;
    struct variant widths = *v; /* literals may read widths: bind those first, test them later */
    test_widths(&widths, v->r.lhs, true);
    memcpy(v->width_node, widths.width_node, sizeof v->width_node);
    test_literals(v, v->r.lhs);
    for (unsigned k = 0; k < nnames; k++)
        *add_test(v) = names[k];
    for (unsigned k = names_at; k < widths.ntests; k++)
        *add_test(v) = widths.test[k];
    const struct rule_node *rhs = &v->r.node[v->r.rhs];
    if (sig[0] == 'x' && (rhs->kind == RULE_EXPR || (rhs->kind == RULE_OP && rule_op[rhs->op].sig[0] != 'x')))
        format(add_test(v)->text, "ir_type_info[t].class == 'I'");
    if (v->r.cond >= 0)
        expr_text(v, v->r.cond, add_test(v)->text);
}

static bool equal_tests(const struct test *a, const struct test *b)
{
    return !strcmp(a->pos, b->pos) && a->op == b->op && !strcmp(a->text, b->text);
}

/* Would a never be reached after b?  True if they test the same. */
static bool equal_variants(const struct variant *a, const struct variant *b)
{
    if (a->r.node[a->r.lhs].op != b->r.node[b->r.lhs].op || a->ntests != b->ntests)
        return false;
    for (unsigned k = 0; k < a->ntests; k++)
        if (!equal_tests(&a->test[k], &b->test[k]))
            return false;
    return true;
}

/* Every way to exchange operands of the pattern's commutative ops. */
static void expand(const struct rule *rule)
{
    int swappable[RULE_NODES];
    unsigned n = 0;
    for (unsigned k = 0; k < rule->nnodes && (int)k < rule->rhs; k++) {
        const struct rule_node *node = &rule->node[k];
        if (node->kind == RULE_OP && rule_op[node->op].comm && !is_const_node(rule, node->arg[1]))
            swappable[n++] = (int)k;
    }
    for (unsigned set = 0; set < 1u << n; set++) {
        struct variant *v = calloc(1, sizeof *v);
        if (!v || nvariants == MAX_VARIANTS)
            die("too many rules");
        v->rule = rule;
        v->r = *rule;
        for (unsigned k = 0; k < n; k++)
            if (set >> k & 1) {
                int8_t *arg = v->r.node[swappable[k]].arg, a = arg[0];
                arg[0] = arg[1];
                arg[1] = a;
            }
        compile(v);
        bool known = false;
        for (unsigned k = 0; k < nvariants && !known; k++) {
            known = equal_variants(variants[k], v);
            if (known && variants[k]->rule != rule)
                die("line %u: %s is never reached: %s matches the same", rule->line, rule->name, variants[k]->r.name);
        }
        if (known)
            free(v);
        else
            variants[nvariants++] = v;
    }
}

/* -- decision trees ---------------------------------------------------------------------------------------------- */

struct item {
    const struct variant *v;
    unsigned at; /* tests done */
};

static void line(unsigned depth, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void line(unsigned depth, const char *fmt, ...)
{
    va_list ap;
    fprintf(out, "%*s", (int)depth * 4, "");
    va_start(ap, fmt);
    vfprintf(out, fmt, ap);
    va_end(ap);
    fputc('\n', out);
}

/* The pattern's literal of the same value and width, or -1: no second constant is made then. */
static int same_literal(const struct variant *v, const struct rule_node *want)
{
    char e[TEXT], other[TEXT];
    expr_text(v, want->expr, e);
    for (int k = 0; k < v->r.rhs && k < (int)v->r.nnodes; k++) {
        const struct rule_node *n = &v->r.node[k];
        if (n->kind != RULE_EXPR || n->width != want->width || !v->pos[k][0])
            continue;
        expr_text(v, n->expr, other);
        if (!strcmp(e, other))
            return k;
    }
    return -1;
}

/* Emits what a replacement's node needs and stores the C of its value; a root op is made by the caller's return. */
static void emit_value(const struct variant *v, int node, unsigned depth, unsigned *temps, char *to)
{
    const struct rule_node *n = &v->r.node[node];
    char type[TEXT], e[TEXT];
    if (n->kind == RULE_VAR) {
        value_at(to, v->pos[v->var_node[n->var]]);
        return;
    }
    if (n->kind == RULE_EXPR) {
        const struct rule_expr *x = &v->r.expr[n->expr];
        int known = same_literal(v, n);
        if (x->op == RULE_CONST && v->r.var[x->value].width == n->width)
            known = v->var_node[x->value];
        if (known >= 0) {
            value_at(to, v->pos[known]);
            return;
        }
        expr_text(v, n->expr, e);
        type_text(v, n, type);
        format(to, "ir_const(f, %s, %s)", type, e);
        if (node != v->r.rhs) {
            line(depth, "const ir_val r%u = %s;", *temps, to);
            format(to, "r%u", (*temps)++);
        }
        return;
    }
    char arg[3][TEXT] = {"0", "0", "0"};
    for (unsigned k = 0; k < n->nargs; k++)
        emit_value(v, n->arg[k], depth, temps, arg[k]);
    if (rule_op[n->op].sig[0] == 'b')
        format(type, "IR_I1");
    else
        type_text(v, n, type);
    format(to, "make(f, IR_OP_%s, %s, (ir_val[3]){%s, %s, %s}, depth + 1)", upper(rule_op[n->op].name), type, arg[0], arg[1], arg[2]);
    if (node != v->r.rhs) {
        line(depth, "const ir_val r%u = %s;", *temps, to);
        format(to, "r%u", (*temps)++);
    }
}

static void emit_leaf(const struct variant *v, unsigned depth)
{
    unsigned temps = 0;
    char value[TEXT];
    line(depth, "/* %s */", v->r.name);
    emit_value(v, v->r.rhs, depth, &temps, value);
    line(depth, "return %s;", value);
}

static void emit_tree(struct item *items, unsigned n, unsigned depth);

/* All items at the same test, or testing one position's op: out of items into group. */
static unsigned take_group(struct item *items, unsigned *n, struct item *group, bool (*alike)(const struct test *, const struct test *))
{
    const struct test *first = &items[0].v->test[items[0].at];
    unsigned taken = 0, left = 0;
    for (unsigned k = 0; k < *n; k++) {
        const struct item i = items[k];
        if (i.at < i.v->ntests && alike(first, &i.v->test[i.at]))
            group[taken++] = i;
        else
            items[left++] = i;
    }
    *n = left;
    return taken;
}

static bool same_position(const struct test *a, const struct test *b)
{
    return a->pos[0] && !strcmp(a->pos, b->pos);
}

static void advance(struct item *group, unsigned n)
{
    for (unsigned k = 0; k < n; k++)
        group[k].at++;
}

static void emit_switch(struct item *items, unsigned *n, unsigned depth)
{
    struct item *at_pos = calloc(*n, sizeof *at_pos), *group = calloc(*n, sizeof *group);
    const char *pos = items[0].v->test[items[0].at].pos;
    char value[TEXT];
    unsigned count = take_group(items, n, at_pos, same_position);
    value_at(value, pos);
    line(depth, "{");
    line(depth, "const struct ir_ins *D_%s = f->def[%s];", pos, value);
    unsigned taken = take_group(at_pos, &count, group, equal_tests);
    if (!count) {
        line(depth, "if (D_%s->op == IR_OP_%s) {", pos, upper(rule_op[group[0].v->test[group[0].at].op].name));
        advance(group, taken);
        emit_tree(group, taken, depth + 1);
    } else {
        line(depth, "switch (D_%s->op) {", pos);
        for (;; taken = take_group(at_pos, &count, group, equal_tests)) {
            line(depth, "case IR_OP_%s: {", upper(rule_op[group[0].v->test[group[0].at].op].name));
            advance(group, taken);
            emit_tree(group, taken, depth + 1);
            line(depth + 1, "break;");
            line(depth, "}");
            if (!count)
                break;
        }
        line(depth, "default: break;");
    }
    line(depth, "}");
    line(depth, "}");
    free(at_pos);
    free(group);
}

/* Items may be reordered; they all share the tests emitted so far. */
static void emit_tree(struct item *items, unsigned n, unsigned depth)
{
    struct item *group = calloc(n, sizeof *group), *rest = calloc(n, sizeof *rest);
    const struct variant *leaf = NULL;
    unsigned left = 0;
    for (unsigned k = 0; k < n; k++) {
        if (items[k].at < items[k].v->ntests)
            rest[left++] = items[k];
        else if (!leaf)
            leaf = items[k].v;
    }
    while (left) {
        const struct test *t = &rest[0].v->test[rest[0].at];
        if (t->pos[0]) {
            emit_switch(rest, &left, depth);
            continue;
        }
        unsigned taken = take_group(rest, &left, group, equal_tests);
        line(depth, "if (%s) {", t->text);
        advance(group, taken);
        emit_tree(group, taken, depth + 1);
        line(depth, "}");
    }
    if (leaf)
        emit_leaf(leaf, depth);
    free(group);
    free(rest);
}

static bool ends_in_leaf(unsigned op)
{
    for (unsigned k = 0; k < nvariants; k++)
        if (variants[k]->r.node[variants[k]->r.lhs].op == op && !variants[k]->ntests)
            return true;
    return false;
}

static void emit_function(unsigned op)
{
    struct item *items = calloc(nvariants, sizeof *items);
    unsigned n = 0;
    for (unsigned k = 0; k < nvariants; k++)
        if (variants[k]->r.node[variants[k]->r.lhs].op == op)
            items[n++].v = variants[k];
    if (n) {
        fprintf(out, "static ir_val rw_%s(struct ir_func *f, enum ir_type t, ir_val a, ir_val b, ir_val c, unsigned depth)\n{\n",
                rule_op[op].name);
        emit_tree(items, n, 1);
        fputs(ends_in_leaf(op) ? "}\n\n" : "    return 0;\n}\n\n", out);
    }
    free(items);
}

/* Which ops of the first two operands any rule wants; everything else is emitted at once. */
static void emit_filter(void)
{
    unsigned class[RULE_OP_LIMIT] = {[OP_CONST] = 1}, nclasses = 2;
    unsigned long long want[2][RULE_OP_LIMIT] = {{0}};
    for (unsigned op = 0; op < RULE_OP_LIMIT; op++)
        if (rule_op[op].name && rule_op[op].pure)
            want[0][op] = 2;
    for (unsigned k = 0; k < nvariants; k++) {
        const struct variant *v = variants[k];
        const struct test *on[2] = {NULL, NULL};
        unsigned root = v->r.node[v->r.lhs].op;
        for (unsigned j = v->ntests; j-- > 0;)
            if (v->test[j].pos[0] && !v->test[j].pos[1] && v->test[j].pos[0] <= 'b')
                on[v->test[j].pos[0] - 'a'] = &v->test[j];
        const struct test *t = on[0] ? on[0] : on[1];
        if (!t && v->ntests && !strcmp(v->test[0].text, "a == b"))
            continue; /* the caller looks for this itself */
        if (!t) {
            want[0][root] = ~0ull;
            continue;
        }
        if (!class[t->op])
            class[t->op] = nclasses++;
        want[t == on[1]][root] |= 1ull << class[t->op];
    }
    if (nclasses > 64)
        die("more than 63 ops below a root");
    fputs("/* Classes of ops as operands, and the sets that rules of a root want to see as its first and second. */\n", out);
    fputs("static const uint8_t rw_class[IR_OP_LIMIT] = {", out);
    for (unsigned op = 0; op < RULE_OP_LIMIT; op++)
        if (class[op])
            fprintf(out, "[IR_OP_%s] = %u, ", upper(rule_op[op].name), class[op]);
    for (unsigned side = 0; side < 2; side++) {
        fprintf(out, "};\nstatic const uint64_t rw_want%u[IR_OP_LIMIT] = {", side);
        for (unsigned op = 0; op < RULE_OP_LIMIT; op++)
            if (want[side][op])
                fprintf(out, "[IR_OP_%s] = 0x%llx, ", upper(rule_op[op].name), want[side][op]);
    }
    fputs("};\n", out);
}

static void emit_matcher(unsigned nrules)
{
    fprintf(out, "/* Made by rulegen from %u rules, %u patterns. */\n\n", nrules, nvariants);
    emit_filter();
    fputs("\nstatic ir_val make(struct ir_func *f, enum ir_op op, enum ir_type t, const ir_val arg[3], unsigned depth);\n\n", out);
    for (unsigned op = 0; op < RULE_OP_LIMIT; op++)
        emit_function(op);
    fputs("/* The value that the op reduces to, or 0. */\n"
          "static inline ir_val rw_apply(struct ir_func *f, enum ir_op op, enum ir_type t, ir_val a, ir_val b, ir_val c, unsigned depth)\n"
          "{\n    switch (op) {\n",
          out);
    for (unsigned op = 0; op < RULE_OP_LIMIT; op++)
        for (unsigned k = 0; k < nvariants; k++)
            if (variants[k]->r.node[variants[k]->r.lhs].op == op) {
                fprintf(out, "    case IR_OP_%s:\n        return rw_%s(f, t, a, b, c, depth);\n", upper(rule_op[op].name),
                        rule_op[op].name);
                break;
            }
    fputs("    default:\n        return 0;\n    }\n}\n", out);
}

static void emit_text(const char *text)
{
    fputs("/* Made by rulegen: src/opt/rules.txt. */\nstatic const char rules_text[] =\n", out);
    while (*text) {
        size_t n = strcspn(text, "\n");
        fputs("    \"", out);
        for (size_t k = 0; k < n; k++)
            fprintf(out, text[k] == '"' || text[k] == '\\' ? "\\%c" : "%c", text[k]);
        fputs("\\n\"\n", out);
        text += n + (text[n] == '\n');
    }
    fputs("    ;\n", out);
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    size_t n = 0, cap = 1 << 20;
    char *text = malloc(cap);
    if (!f || !text)
        die("cannot read %s", path);
    n = fread(text, 1, cap - 1, f);
    text[n] = 0;
    fclose(f);
    return text;
}

int main(int argc, char **argv)
{
    struct rule *rules;
    struct btv_error err = {0};
    unsigned n;
    if (argc != 4)
        die("usage: rulegen matcher|text RULES FILE");
    char *text = read_file(argv[2]);
    if (rule_parse_all(text, &rules, &n, &err) != BTV_OK)
        die("%s: %s", argv[2], err.text);
    for (unsigned k = 0; k < n; k++)
        expand(&rules[k]);
    out = fopen(argv[3], "w");
    if (!out)
        die("cannot write %s", argv[3]);
    if (!strcmp(argv[1], "text"))
        emit_text(text);
    else
        emit_matcher(n);
    if (fclose(out))
        die("cannot write %s", argv[3]);
    free(rules);
    free(text);
    return 0;
}

/*
 * Rewrite rules as data: one line of rules.txt, parsed and checked.
 *
 * tools/rulegen.c turns rules into C when the project is built; the tests and the prover read the same text.  This
 * file and rule.c know ops.def but nothing of the format in memory, so the generator needs no more than them.
 *
 *   NAME  PATTERN => REPLACEMENT  [if CONDITION]
 *
 *   (op.W ARG ...)   an op; .W is the width of its result, w when it is left out
 *   x  x:W           any value; one name is one value wherever it stands
 *   C  C:W           any constant; in the replacement, that constant
 *   y@(op ...)       the value of an op that the replacement may use as a whole
 *   0  -A  A+B  mask(w-A)   a constant computed from constants and widths (ir/rule_expr.def), without blanks
 *   lone(y)          in a condition: the op named y@ has no other user
 *
 * W is w, u, v or a number.  Widths that the format ties together are tied here too, so few have to be written.  If
 * the root compares, w is the width of its operands.
 */
#ifndef BTV_OPT_RULE_H
#define BTV_OPT_RULE_H

#include "base/err.h"

enum { RULE_NODES = 40, RULE_EXPRS = 64, RULE_VARS = 10, RULE_NAME = 32 };

enum rule_expr_op {
    RULE_NUM,   /* value */
    RULE_CONST, /* constant variable `value` */
    RULE_WIDTH, /* width name `value` */
    RULE_LONE,  /* nothing else uses the op named `value`: says what pays, not what is true */
#define EXPR(NAME, text, form, level, code, doc) RULE_##NAME,
#include "ir/rule_expr.def"
#undef EXPR
    RULE_EXPR_OPS
};

struct rule_expr {
    uint8_t op;
    int8_t x, y; /* indices of operands; -1: none */
    uint64_t value;
};

enum rule_kind { RULE_OP, RULE_VAR, RULE_EXPR };

struct rule_node {
    uint8_t kind; /* enum rule_kind */
    uint8_t op;   /* OP: number of ops.def */
    uint8_t nargs;
    uint8_t width; /* of the result: 1..64, or one of the letters u v w */
    bool is_float;
    int8_t var;    /* VAR: which one; OP: the name given with @, or -1 */
    int8_t expr;   /* EXPR: root of the expression */
    int8_t arg[3]; /* OP: nodes */
};

struct rule_var {
    char name[8];
    bool is_const, is_float, bound;
    uint8_t width;
};

struct rule {
    char name[RULE_NAME];
    unsigned line;
    struct rule_node node[RULE_NODES];
    struct rule_expr expr[RULE_EXPRS];
    struct rule_var var[RULE_VARS];
    unsigned nnodes, nexprs, nvars;
    int lhs, rhs; /* nodes */
    int cond;     /* expression or -1 */
};

/* What rules know of an op of ops.def; name NULL: no such number. */
struct rule_op {
    const char *name, *sig;
    unsigned nargs;
    bool pure, comm;
};
enum { RULE_OP_LIMIT = 160 };
extern const struct rule_op rule_op[RULE_OP_LIMIT];

/* The measure that every rule makes smaller, compared in this order. */
struct rule_measure {
    unsigned ops, cost, left; /* ops; how dear they are; constants that stand left of a value */
};

/* One line without its newline.  BTV_SYNTAX: malformed; BTV_INVALID: against a law.  The text in err begins with the rule's name. */
BTV_NODISCARD enum btv_status rule_parse(const char *line, struct rule *out, struct btv_error *err);

/* All rules of a text (one a line; `;` begins a comment line) into an array to be freed by the caller. */
BTV_NODISCARD enum btv_status rule_parse_all(const char *text, struct rule **out, unsigned *n, struct btv_error *err);

/* The laws, apart from syntax; rule_parse has checked them. */
BTV_NODISCARD enum btv_status rule_check(const struct rule *r, struct btv_error *err);
struct rule_measure rule_measure(const struct rule *r, int node);

/* Value of an expression: constants by variable, widths by letter (u, v, w). */
struct rule_env {
    uint64_t value[RULE_VARS]; /* of variables, zero-extended; those that are not constants matter to rule_eval.c only */
    uint8_t u, v, w;
};
uint64_t rule_expr_eval(const struct rule *r, int expr, const struct rule_env *env);
static inline unsigned rule_width(unsigned width, const struct rule_env *env)
{
    return width == 'u' ? env->u : width == 'v' ? env->v : width == 'w' ? env->w : width;
}
/* The pattern's op that @ calls by variable v, or -1. */
int rule_named_op(const struct rule *r, int v);
/* Does the width `letter` stand anywhere in the rule? */
bool rule_uses_width(const struct rule *r, char letter);

/* -- rule_eval.c: rules as the evaluator sees them --------------------------------------------------------------- */

/* src/opt/rules.txt, as it was when this program was built. */
extern const char *const rule_text;

/* Steps u, v, w through the widths 1, 8, 16, 32, 64 that can stand in the pattern; start with all zero.  False: that was all. */
bool rule_next_widths(const struct rule *r, struct rule_env *env);
/* Does the op of that node exist at those widths?  (Widening to the same width, which the builder removes, counts.) */
bool rule_node_exists(const struct rule *r, int node, const struct rule_env *env);
/* The same for a whole side. */
bool rule_side_exists(const struct rule *r, int node, const struct rule_env *env);
/* enum ir_type of a node. */
unsigned rule_node_type(const struct rule *r, int node, const struct rule_env *env);
/* Value of a side, zero-extended. */
uint64_t rule_eval(const struct rule *r, int node, const struct rule_env *env);
static inline bool rule_cond(const struct rule *r, const struct rule_env *env)
{
    return r->cond < 0 || rule_expr_eval(r, r->cond, env);
}

#endif

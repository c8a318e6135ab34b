/*
 * A rewrite rule as a question to the solver: are there values, and constants that meet the condition, for which the
 * two sides differ?
 *
 * Constants are variables too, so one question covers all of them.  Where multiplication or division makes that too hard, constants
 * that the condition restricts to powers of two, or that count a shift, are tried value by value; what is left over must
 * be impossible.  Nothing is called wrong unless the evaluator agrees that the sides differ.
 */
#include "prove/prove.h"
#include "prove/smt.h"

#include "ir/arith.h"

#include <stdio.h>
#include <string.h>

enum { SPLIT_MAX = 66 };

struct ruling {
    struct smt s;
    const struct rule *r;
    const struct rule_env *widths;
    const struct prove_options *o;
    Z3_ast var[RULE_VARS];
    bool products; /* write a left shift by a known count as a multiplication, which the solver reorders */
};

/* -- expressions: 64-bit terms; truth is a number ----------------------------------------------------------------- */

static Z3_ast number(struct ruling *p, uint64_t value)
{
    return smt_const(&p->s, 64, value);
}

static Z3_ast truth(struct ruling *p, Z3_ast condition)
{
    return Z3_mk_ite(p->s.cx, condition, number(p, 1), number(p, 0));
}

static Z3_ast is_true(struct ruling *p, Z3_ast value)
{
    return Z3_mk_not(p->s.cx, Z3_mk_eq(p->s.cx, value, number(p, 0)));
}

static Z3_ast either(struct ruling *p, Z3_ast a, Z3_ast b)
{
    return Z3_mk_or(p->s.cx, 2, (Z3_ast[2]){a, b});
}

static Z3_ast both(struct ruling *p, Z3_ast a, Z3_ast b)
{
    return Z3_mk_and(p->s.cx, 2, (Z3_ast[2]){a, b});
}

static Z3_ast power_of_two(struct ruling *p, Z3_ast x)
{
    Z3_ast rest = Z3_mk_bvand(p->s.cx, x, Z3_mk_bvsub(p->s.cx, x, number(p, 1)));
    return both(p, is_true(p, x), Z3_mk_eq(p->s.cx, rest, number(p, 0)));
}

static Z3_ast highest_bit(struct ruling *p, Z3_ast x)
{
    Z3_ast r = number(p, 0);
    for (unsigned k = 1; k < 64; k++) {
        Z3_ast bit = Z3_mk_extract(p->s.cx, k, k, x);
        r = Z3_mk_ite(p->s.cx, Z3_mk_eq(p->s.cx, bit, smt_const(&p->s, 1, 1)), number(p, k), r);
    }
    return r;
}

static Z3_ast expr_term(struct ruling *p, int expr)
{
    const struct rule_expr *e = &p->r->expr[expr];
    Z3_context cx = p->s.cx;
    Z3_ast x = e->x >= 0 ? expr_term(p, e->x) : NULL, y = e->y >= 0 ? expr_term(p, e->y) : NULL;
    switch ((enum rule_expr_op)e->op) {
    case RULE_NUM: return number(p, e->value);
    case RULE_CONST: return smt_resize(&p->s, p->var[e->value], 64);
    case RULE_WIDTH: return number(p, rule_width((unsigned)e->value, p->widths));
    case RULE_LONE: return number(p, 1);
    case RULE_OROR: return truth(p, either(p, is_true(p, x), is_true(p, y)));
    case RULE_ANDAND: return truth(p, both(p, is_true(p, x), is_true(p, y)));
    case RULE_EQ: return truth(p, Z3_mk_eq(cx, x, y));
    case RULE_NE: return truth(p, Z3_mk_not(cx, Z3_mk_eq(cx, x, y)));
    case RULE_LE: return truth(p, Z3_mk_bvule(cx, x, y));
    case RULE_GE: return truth(p, Z3_mk_bvuge(cx, x, y));
    case RULE_LT: return truth(p, Z3_mk_bvult(cx, x, y));
    case RULE_GT: return truth(p, Z3_mk_bvugt(cx, x, y));
    case RULE_OR: return Z3_mk_bvor(cx, x, y);
    case RULE_XOR: return Z3_mk_bvxor(cx, x, y);
    case RULE_AND: return Z3_mk_bvand(cx, x, y);
    case RULE_SHL: return Z3_mk_bvshl(cx, x, y);
    case RULE_SHR: return Z3_mk_bvlshr(cx, x, y);
    case RULE_ADD: return Z3_mk_bvadd(cx, x, y);
    case RULE_SUB: return Z3_mk_bvsub(cx, x, y);
    case RULE_MUL: return Z3_mk_bvmul(cx, x, y);
    case RULE_NEG: return Z3_mk_bvneg(cx, x);
    case RULE_NOT: return Z3_mk_bvnot(cx, x);
    case RULE_MASK: return Z3_mk_bvsub(cx, Z3_mk_bvshl(cx, number(p, 1), x), number(p, 1));
    case RULE_SMIN: return Z3_mk_bvshl(cx, number(p, 1), Z3_mk_bvand(cx, Z3_mk_bvsub(cx, x, number(p, 1)), number(p, 63)));
    case RULE_POW2: return truth(p, power_of_two(p, x));
    case RULE_LOG2: return highest_bit(p, x);
    case RULE_EXPR_OPS: break;
    }
    return number(p, 0);
}

static Z3_ast shift_left(struct ruling *p, Z3_ast a, Z3_ast count)
{
    uint64_t n;
    unsigned bits = smt_bits(&p->s, a);
    if (p->products)
        count = Z3_simplify(p->s.cx, count);
    if (!p->products || Z3_get_ast_kind(p->s.cx, count) != Z3_NUMERAL_AST || !Z3_get_numeral_uint64(p->s.cx, count, &n))
        return Z3_mk_bvshl(p->s.cx, a, count);
    return Z3_mk_bvmul(p->s.cx, a, smt_const(&p->s, bits, n < bits ? UINT64_C(1) << n : 0));
}

/* The low bits of an expression, computed in that width where high bits never matter: easier on the solver. */
static Z3_ast low_term(struct ruling *p, int expr, unsigned bits)
{
    const struct rule_expr *e = &p->r->expr[expr];
    Z3_context cx = p->s.cx;
    bool plain_count = e->op == RULE_SHL && p->r->expr[e->y].op == RULE_CONST && smt_bits(&p->s, p->var[p->r->expr[e->y].value]) == bits;
    switch ((enum rule_expr_op)e->op) {
    case RULE_CONST: return smt_resize(&p->s, p->var[e->value], bits);
    case RULE_NEG: return Z3_mk_bvneg(cx, low_term(p, e->x, bits));
    case RULE_NOT: return Z3_mk_bvnot(cx, low_term(p, e->x, bits));
    case RULE_ADD: return Z3_mk_bvadd(cx, low_term(p, e->x, bits), low_term(p, e->y, bits));
    case RULE_SUB: return Z3_mk_bvsub(cx, low_term(p, e->x, bits), low_term(p, e->y, bits));
    case RULE_MUL: return Z3_mk_bvmul(cx, low_term(p, e->x, bits), low_term(p, e->y, bits));
    case RULE_AND: return Z3_mk_bvand(cx, low_term(p, e->x, bits), low_term(p, e->y, bits));
    case RULE_OR: return Z3_mk_bvor(cx, low_term(p, e->x, bits), low_term(p, e->y, bits));
    case RULE_XOR: return Z3_mk_bvxor(cx, low_term(p, e->x, bits), low_term(p, e->y, bits));
    case RULE_SHL:
        if (plain_count)
            return shift_left(p, low_term(p, e->x, bits), low_term(p, e->y, bits));
        break;
    default: break;
    }
    return smt_resize(&p->s, expr_term(p, expr), bits);
}

static Z3_ast side_term(struct ruling *p, int node)
{
    const struct rule_node *n = &p->r->node[node];
    unsigned bits = rule_width(n->width, p->widths);
    int named = n->kind == RULE_VAR ? rule_named_op(p->r, n->var) : -1;
    if (named >= 0)
        return side_term(p, named);
    if (n->kind == RULE_VAR)
        return p->var[n->var];
    if (n->kind == RULE_EXPR)
        return low_term(p, n->expr, bits);
    Z3_ast arg[3] = {NULL, NULL, NULL};
    for (unsigned k = 0; k < n->nargs; k++)
        if (!(arg[k] = side_term(p, n->arg[k])))
            return NULL;
    if (n->op == IR_OP_SHL)
        return shift_left(p, arg[0], arg[1]);
    return smt_op(&p->s, (enum ir_op)n->op, bits, arg, 0);
}

/* -- tests ------------------------------------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint64_t draw(uint64_t *state, unsigned w)
{
    uint64_t r = next_random(state);
    unsigned n = (unsigned)(r >> 8) % (w + 1);
    switch (r % 10) {
    case 0: return n;
    case 1: return UINT64_C(1) << (n & 63);
    case 2: return ir_mask(n);
    case 3: return ~ir_mask(n);
    case 4: return UINT64_C(1) << (w - 1);
    case 5: return ~UINT64_C(0) - n;
    default: return next_random(state) >> (r >> 20) % 64;
    }
}

void prove_test(const struct rule *r, const struct prove_options *o, struct prove_result *out)
{
    uint64_t state = 88172645463325252;
    for (unsigned tries = 0; out->cases < o->random_cases && tries < 50 * o->random_cases; tries++) {
        struct rule_env *env = &out->env;
        for (unsigned k = 0; k < r->nvars; k++)
            env->value[k] = draw(&state, rule_width(r->var[k].width, env)) & ir_mask(rule_width(r->var[k].width, env));
        if (!rule_cond(r, env))
            continue;
        out->cases++;
        out->lhs = rule_eval(r, r->lhs, env);
        out->rhs = rule_eval(r, r->rhs, env);
        if (out->lhs != out->rhs) {
            out->status = PROVE_WRONG;
            return;
        }
    }
}

/* -- proof ------------------------------------------------------------------------------------------------------- */

static void found_wrong(struct ruling *p, struct prove_result *out)
{
    const struct rule *r = p->r;
    for (unsigned k = 0; k < r->nvars; k++)
        if (p->var[k])
            out->env.value[k] = smt_model(&p->s, p->var[k]);
    out->lhs = rule_eval(r, r->lhs, &out->env);
    out->rhs = rule_eval(r, r->rhs, &out->env);
    out->status = PROVE_WRONG;
    if (out->lhs == out->rhs || !rule_cond(r, &out->env))
        snprintf(out->reason, sizeof out->reason, "solver and evaluator disagree: the tables say one thing twice");
}

static bool condition_has(const struct rule *r, int expr, unsigned op, int var)
{
    if (expr < 0)
        return false;
    const struct rule_expr *e = &r->expr[expr];
    if (e->op == op && e->x >= 0 && r->expr[e->x].op == RULE_CONST && (int)r->expr[e->x].value == var)
        return true;
    return condition_has(r, e->x, op, var) || condition_has(r, e->y, op, var);
}

static Z3_ast condition(struct ruling *p)
{
    return p->r->cond < 0 ? Z3_mk_true(p->s.cx) : is_true(p, expr_term(p, p->r->cond));
}

/* "The condition holds and the sides differ", with the constants as they are now; NULL: no theory for an op. */
static Z3_ast refutation(struct ruling *p)
{
    const struct rule *r = p->r;
    Z3_ast lhs = side_term(p, r->lhs), rhs = side_term(p, r->rhs);
    return lhs && rhs ? both(p, condition(p), Z3_mk_not(p->s.cx, Z3_mk_eq(p->s.cx, lhs, rhs))) : NULL;
}

/* Can constant v be tried value by value? */
static bool splittable(const struct rule *r, unsigned v, bool *powers)
{
    *powers = condition_has(r, r->cond, RULE_POW2, (int)v);
    return r->var[v].is_const && (*powers || condition_has(r, r->cond, RULE_LT, (int)v));
}

/*
 * Puts one value after the other for the first constant from `v` on that allows it; where that does not decide, for the next one as well.
 * SMT_UNKNOWN as soon as a case stays undecided.
 */
static enum smt_answer check_split(struct ruling *p, unsigned v)
{
    Z3_context cx = p->s.cx;
    bool powers = false;
    while (v < p->r->nvars && !splittable(p->r, v, &powers))
        v++;
    if (v == p->r->nvars)
        return SMT_UNKNOWN;
    Z3_ast variable = p->var[v], left_over[SPLIT_MAX + 1];
    unsigned bits = smt_bits(&p->s, variable), n = 0;
    enum smt_answer a = SMT_UNSAT;
    left_over[n++] = condition(p);
    for (unsigned k = 0; k < bits && n < SPLIT_MAX && a == SMT_UNSAT; k++) {
        p->var[v] = smt_const(&p->s, bits, powers ? UINT64_C(1) << k : k);
        left_over[n++] = Z3_mk_not(cx, Z3_mk_eq(cx, variable, p->var[v]));
        a = smt_check(&p->s, Z3_simplify(cx, refutation(p)));
        if (a == SMT_UNKNOWN)
            a = check_split(p, v + 1);
    }
    if (a == SMT_SAT)
        return a; /* the model is read with this constant in place */
    p->var[v] = variable;
    if (a == SMT_UNSAT && smt_check(&p->s, Z3_mk_and(cx, n, left_over)) != SMT_UNSAT) { /* other values are allowed, too */
        left_over[0] = refutation(p);
        a = smt_check(&p->s, Z3_mk_and(cx, n, left_over));
    }
    return a;
}

/* Everything we know to try, the quick things first.  out->reason: why the solver gave up. */
static enum smt_answer decide(struct ruling *p, Z3_ast term, struct prove_result *out)
{
    enum { HASTE = 8 };
    smt_set_timeout(&p->s, p->o->timeout_ms / HASTE);
    enum smt_answer a = smt_check(&p->s, term);
    if (a == SMT_UNKNOWN) {
        p->products = true;
        a = smt_check(&p->s, Z3_simplify(p->s.cx, refutation(p)));
    }
    if (a == SMT_UNKNOWN) {
        a = check_split(p, 0);
        out->split = a == SMT_UNSAT;
    }
    if (a == SMT_UNKNOWN) {
        smt_set_timeout(&p->s, p->o->timeout_ms);
        a = smt_check(&p->s, term);
    }
    if (a == SMT_UNKNOWN)
        snprintf(out->reason, sizeof out->reason, "%s", smt_reason(&p->s));
    return a;
}

static void hand_out_question(struct ruling *p, Z3_ast term)
{
    struct str text = STR_INIT;
    char name[64];
    snprintf(name, sizeof name, "%s-w%u-u%u-v%u", p->r->name, p->widths->w, p->widths->u, p->widths->v);
    smt_text(&p->s, name, term, &text);
    p->o->question(p->o->question_ctx, name, str_get(&text));
    str_free(&text);
}

static void ask(struct ruling *p, Z3_ast term, struct prove_result *out)
{
    if (p->o->question)
        hand_out_question(p, term);
    switch (decide(p, term, out)) {
    case SMT_SAT: found_wrong(p, out); break;
    case SMT_UNSAT: out->status = PROVE_PROVED; break;
    case SMT_UNKNOWN: prove_test(p->r, p->o, out); break;
    }
}

void prove_rule(const struct rule *r, const struct rule_env *env, const struct prove_options *o, struct prove_result *out)
{
    struct ruling p = {.r = r, .widths = env, .o = o};
    *out = (struct prove_result){.status = PROVE_TESTED, .env = *env};
    if (!smt_open(&p.s, o->timeout_ms)) {
        snprintf(out->reason, sizeof out->reason, "the solver does not start");
        return;
    }
    for (unsigned k = 0; k < r->nvars; k++)
        if (rule_named_op(r, (int)k) < 0)
            p.var[k] = smt_var(&p.s, rule_width(r->var[k].width, env), r->var[k].name);
    bool exists = rule_side_exists(r, r->rhs, env);
    Z3_ast term = exists ? refutation(&p) : NULL;
    enum smt_answer possible = smt_check(&p.s, condition(&p));
    if (possible == SMT_UNSAT) {
        out->status = PROVE_NEVER;
    } else if (!exists) {
        found_wrong(&p, out);
        snprintf(out->reason, sizeof out->reason, "the replacement does not exist at these widths");
    } else if (!term) {
        snprintf(out->reason, sizeof out->reason, "an op that the solver's theory does not have");
        prove_test(r, o, out);
    } else {
        ask(&p, term, out);
    }
    smt_close(&p.s);
}

/*
 * Rules evaluated: what a pattern and its replacement are worth for given values, by the same ir_eval_pure that folds
 * constants.  For the tests and for the prover's counterexamples.
 */
#include "opt/rule.h"

#include "ir/arith.h"
#include "ir/ir.h"
#include "opt/rules_text.h"

const char *const rule_text = rules_text;

static const uint8_t widths[] = {1, 8, 16, 32, 64};

static bool converts(unsigned op)
{
    return op == IR_OP_ZEXT || op == IR_OP_SEXT || op == IR_OP_TRUNC;
}

bool rule_node_exists(const struct rule *r, int node, const struct rule_env *env)
{
    const struct rule_node *n = &r->node[node];
    unsigned w = rule_width(n->width, env);
    if (n->is_float && w != 16 && w != 32 && w != 64)
        return false;
    if (n->kind != RULE_OP)
        return true;
    unsigned from = n->nargs ? rule_width(r->node[n->arg[0]].width, env) : w;
    switch (n->op) { /* as in ir/verify.c */
    case IR_OP_AND:
    case IR_OP_OR:
    case IR_OP_XOR:
    case IR_OP_EQ:
    case IR_OP_NE:
    case IR_OP_SELECT: return true;
    case IR_OP_ZEXT:
    case IR_OP_SEXT:
    case IR_OP_NANBOX: return from < w;
    case IR_OP_TRUNC:
    case IR_OP_NANUNBOX: return from > w;
    case IR_OP_BSWAP: return w >= 16;
    case IR_OP_LTS:
    case IR_OP_LTU:
    case IR_OP_LES:
    case IR_OP_LEU: return from > 1;
    default: return w > 1;
    }
}

bool rule_side_exists(const struct rule *r, int node, const struct rule_env *env)
{
    const struct rule_node *n = &r->node[node];
    bool same = n->kind == RULE_OP && converts(n->op) && rule_width(n->width, env) == rule_width(r->node[n->arg[0]].width, env);
    if (!same && !rule_node_exists(r, node, env))
        return false;
    for (unsigned k = 0; k < n->nargs; k++)
        if (!rule_side_exists(r, n->arg[k], env))
            return false;
    return true;
}

static bool pattern_exists(const struct rule *r, const struct rule_env *env)
{
    for (int k = 0; k < r->rhs; k++) /* the pattern's nodes come first */
        if (!rule_node_exists(r, k, env))
            return false;
    return true;
}

/* The width after *at in the table; false and the first one after the last. */
static bool step(uint8_t *at, bool used)
{
    for (unsigned k = 0; used && k + 1 < ARRAY_LEN(widths); k++)
        if (widths[k] == *at) {
            *at = widths[k + 1];
            return true;
        }
    *at = widths[0];
    return false;
}

bool rule_next_widths(const struct rule *r, struct rule_env *env)
{
    bool first = !env->w;
    do {
        if (first)
            env->u = env->v = env->w = widths[0];
        else if (!step(&env->u, rule_uses_width(r, 'u')) && !step(&env->v, rule_uses_width(r, 'v')) &&
                 !step(&env->w, rule_uses_width(r, 'w')))
            return false;
        first = false;
    } while (!pattern_exists(r, env));
    return true;
}

unsigned rule_node_type(const struct rule *r, int node, const struct rule_env *env)
{
    bool is_float = r->node[node].is_float;
    switch (rule_width(r->node[node].width, env)) {
    case 1: return IR_I1;
    case 8: return IR_I8;
    case 16: return is_float ? IR_F16 : IR_I16;
    case 32: return is_float ? IR_F32 : IR_I32;
    default: return is_float ? IR_F64 : IR_I64;
    }
}

uint64_t rule_eval(const struct rule *r, int node, const struct rule_env *env)
{
    const struct rule_node *n = &r->node[node];
    uint64_t mask = ir_mask(rule_width(n->width, env)), arg[3] = {0}, out = 0;
    int named = n->kind == RULE_VAR ? rule_named_op(r, n->var) : -1;
    if (named >= 0)
        return rule_eval(r, named, env);
    if (n->kind == RULE_VAR)
        return env->value[n->var] & mask;
    if (n->kind == RULE_EXPR)
        return rule_expr_eval(r, n->expr, env) & mask;
    for (unsigned k = 0; k < n->nargs; k++)
        arg[k] = rule_eval(r, n->arg[k], env);
    unsigned t = rule_node_type(r, node, env), src = rule_node_type(r, n->arg[0], env);
    if (converts(n->op) && t == src)
        return arg[0];
    ir_eval_pure((enum ir_op)n->op, (enum ir_type)t, (enum ir_type)src, arg[0], arg[1], arg[2], 0, &out);
    return out;
}

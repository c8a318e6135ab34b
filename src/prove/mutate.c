/*
 * Wrong rules made from right ones, to see that the prover refuses them.
 *
 * Changes are numbered: nodes first (another op, operands swapped), then constants and conditions.  Each keeps the types, so that only
 * the meaning is wrong.  Some changes make a rule that is right all the same; the caller counts them as what they are.
 */
#include "prove/prove.h"

#include <stdio.h>
#include <string.h>

/* Ops that take and give the same types. */
static const uint8_t other_op[][2] = {
    {IR_OP_ADD, IR_OP_SUB},     {IR_OP_SUB, IR_OP_ADD},   {IR_OP_MUL, IR_OP_ADD},   {IR_OP_AND, IR_OP_OR},    {IR_OP_OR, IR_OP_XOR},
    {IR_OP_XOR, IR_OP_AND},     {IR_OP_SHL, IR_OP_SHR},   {IR_OP_SHR, IR_OP_SAR},   {IR_OP_SAR, IR_OP_SHR},   {IR_OP_ROTL, IR_OP_ROTR},
    {IR_OP_ROTR, IR_OP_ROTL},   {IR_OP_MINS, IR_OP_MAXS}, {IR_OP_MAXS, IR_OP_MINS}, {IR_OP_MINU, IR_OP_MINS}, {IR_OP_MAXU, IR_OP_MAXS},
    {IR_OP_EQ, IR_OP_NE},       {IR_OP_NE, IR_OP_EQ},     {IR_OP_LTS, IR_OP_LES},   {IR_OP_LES, IR_OP_LEU},   {IR_OP_LTU, IR_OP_LTS},
    {IR_OP_LEU, IR_OP_LTU},     {IR_OP_ZEXT, IR_OP_SEXT}, {IR_OP_SEXT, IR_OP_ZEXT}, {IR_OP_DIVU, IR_OP_DIVS}, {IR_OP_DIVS, IR_OP_DIVU},
    {IR_OP_REMU, IR_OP_REMS},   {IR_OP_REMS, IR_OP_REMU}, {IR_OP_FNEG, IR_OP_FABS}, {IR_OP_FABS, IR_OP_FNEG}, {IR_OP_MULHU, IR_OP_MULHS},
    {IR_OP_MULHS, IR_OP_MULHU},
};

static const uint8_t other_expr[][2] = {
    {RULE_ADD, RULE_SUB}, {RULE_SUB, RULE_ADD}, {RULE_AND, RULE_OR},  {RULE_OR, RULE_AND},      {RULE_XOR, RULE_OR}, {RULE_SHL, RULE_SHR},
    {RULE_SHR, RULE_SHL}, {RULE_NEG, RULE_NOT}, {RULE_NOT, RULE_NEG}, {RULE_EQ, RULE_NE},       {RULE_NE, RULE_EQ},  {RULE_LT, RULE_GE},
    {RULE_LE, RULE_GT},   {RULE_GT, RULE_LE},   {RULE_GE, RULE_LT},   {RULE_ANDAND, RULE_OROR},
};

static unsigned lookup(const uint8_t (*table)[2], unsigned n, unsigned op)
{
    for (unsigned k = 0; k < n; k++)
        if (table[k][0] == op)
            return table[k][1];
    return 0;
}

/* Is expr, or what it is computed from, asked about by lone()? That says what pays; changing it changes no meaning. */
static bool about_lone(const struct rule *r, int expr)
{
    return r->expr[expr].op == RULE_LONE;
}

static bool swappable(const struct rule *r, const struct rule_node *n)
{
    return n->nargs >= 2 && !rule_op[n->op].comm && r->node[n->arg[0]].width == r->node[n->arg[1]].width;
}

bool prove_mutate(const struct rule *r, unsigned n, struct rule *out, char what[96])
{
    unsigned at = 0;
    *out = *r;
    for (unsigned k = 0; k < r->nnodes; k++) {
        const struct rule_node *node = &r->node[k];
        const char *side = (int)k < r->rhs ? "pattern" : "replacement";
        if (node->kind != RULE_OP)
            continue;
        unsigned other = lookup(other_op, ARRAY_LEN(other_op), node->op);
        if (other && at++ == n) {
            out->node[k].op = (uint8_t)other;
            snprintf(what, 96, "%s of the %s becomes %s", rule_op[node->op].name, side, rule_op[other].name);
            return true;
        }
        if (swappable(r, node) && at++ == n) {
            out->node[k].arg[0] = node->arg[1];
            out->node[k].arg[1] = node->arg[0];
            snprintf(what, 96, "operands of %s of the %s swapped", rule_op[node->op].name, side);
            return true;
        }
    }
    for (unsigned k = 0; k < r->nexprs; k++) {
        const struct rule_expr *e = &r->expr[k];
        if (e->op == RULE_NUM && at++ == n) {
            out->expr[k].value++;
            snprintf(what, 96, "the number %llu becomes %llu", (unsigned long long)e->value, (unsigned long long)e->value + 1);
            return true;
        }
        unsigned other = lookup(other_expr, ARRAY_LEN(other_expr), e->op);
        if (other && at++ == n) {
            out->expr[k].op = (uint8_t)other;
            snprintf(what, 96, "operator %u of the constants becomes another", k + 1);
            return true;
        }
        for (int side = 0; side < 2; side++) {
            int part = side ? e->y : e->x;
            if (e->op != RULE_ANDAND || about_lone(r, part) || at++ != n)
                continue;
            out->expr[k] = r->expr[side ? e->x : e->y];
            snprintf(what, 96, "one half of the condition dropped");
            return true;
        }
    }
    if (r->cond >= 0 && !about_lone(r, r->cond) && at++ == n) {
        out->cond = -1;
        snprintf(what, 96, "the condition dropped");
        return true;
    }
    return false;
}

/*
 * Every rule of src/opt/rules.txt: both sides have the same value, and the matcher made from it applies it.
 *
 * For each rule, at all widths it can stand at, constants that meet the condition are looked for among corners, then
 * values are drawn from corners and at random.  Both sides are evaluated by ir_eval_pure.  Then the pattern is built
 * and its root made by ir_make: something else must come out, and it must evaluate to the same.  Last, lines that
 * break the language or a law must be refused.
 */
#include "ir/arith.h"
#include "ir/irtest.h"
#include "opt/rule.h"

static unsigned long long seed = 7;

static uint64_t corner(const struct rule_env *env)
{
    unsigned long long r = check_random(&seed);
    unsigned w = env->w, n = (unsigned)(r >> 8) % (w + 1);
    switch (r % 12) {
    case 0: return 0;
    case 1: return 1;
    case 2: return ~UINT64_C(0);
    case 3: return n;
    case 4: return w - n;
    case 5: return UINT64_C(1) << (n & 63);
    case 6: return ir_mask(n);
    case 7: return ~ir_mask(n);
    case 8: return UINT64_C(1) << (w - 1);
    case 9: return (UINT64_C(1) << (w - 1)) - 1;
    case 10: return (r >> 20) % 256;
    default: return check_random(&seed);
    }
}

/* New values for variables; constants too if asked. */
static void draw(const struct rule *r, struct rule_env *env, bool constants)
{
    for (unsigned k = 0; k < r->nvars; k++)
        if (r->var[k].is_const == constants)
            env->value[k] = corner(env) & ir_mask(rule_width(r->var[k].width, env));
}

static bool find_constants(const struct rule *r, struct rule_env *env)
{
    for (unsigned tries = 0; tries < 4000; tries++) {
        draw(r, env, true);
        if (rule_cond(r, env))
            return true;
    }
    return false;
}

static const char *where(const struct rule *r, const struct rule_env *env)
{
    static char text[300];
    int n = snprintf(text, sizeof text, "%s (line %u) at w=%u u=%u v=%u:", r->name, r->line, env->w, env->u, env->v);
    for (unsigned k = 0; k < r->nvars && n < (int)sizeof text; k++)
        n += snprintf(text + n, sizeof text - (size_t)n, " %s=0x%llx", r->var[k].name, (unsigned long long)env->value[k]);
    return text;
}

/* The operands that the root was made from. */
static ir_val root_arg[3];

/* Ops say that the pattern alone uses them. */
static ir_val build(struct ir_func *f, const struct rule *r, int node, const struct rule_env *env, const ir_val *var)
{
    const struct rule_node *n = &r->node[node];
    enum ir_type t = (enum ir_type)rule_node_type(r, node, env);
    ir_val arg[3] = {0}, v;
    if (n->kind == RULE_VAR)
        return r->var[n->var].is_const ? ir_const(f, t, env->value[n->var]) : var[n->var];
    if (n->kind == RULE_EXPR)
        return ir_const(f, t, rule_expr_eval(r, n->expr, env));
    for (unsigned k = 0; k < n->nargs; k++)
        arg[k] = build(f, r, n->arg[k], env, var);
    if (node == r->lhs) {
        memcpy(root_arg, arg, sizeof root_arg);
        return ir_make(f, (enum ir_op)n->op, t, arg[0], arg[1], arg[2]);
    }
    v = ir_emit(f, (enum ir_op)n->op, t, arg[0], arg[1], arg[2], 0, 0);
    f->def[v]->uses = 1;
    return v;
}

static bool has_const_vars(const struct rule *r)
{
    for (unsigned k = 0; k < r->nvars; k++)
        if (r->var[k].is_const)
            return true;
    return false;
}

static void check_matcher(const struct rule *r, struct rule_env *env, struct arena *a)
{
    arena_reset(a);
    struct ir_func *f = ir_func_new(a, NULL, "f");
    struct ir_block *b = ir_block_new(f);
    ir_val var[RULE_VARS] = {0};
    uint64_t args[RULE_VARS] = {0};
    unsigned slot[RULE_VARS], nargs = 0;
    for (int k = 0; k < r->rhs; k++) {
        const struct rule_node *n = &r->node[k];
        if (n->kind == RULE_VAR && !r->var[n->var].is_const && !var[n->var]) {
            var[n->var] = ir_block_param(f, b, (enum ir_type)rule_node_type(r, k, env));
            slot[nargs++] = (unsigned)n->var;
        }
    }
    ir_val v = build(f, r, r->lhs, env, var);
    const struct ir_ins *i = f->def[v];
    bool same = i->op == r->node[r->lhs].op && !memcmp(i->arg, root_arg, sizeof root_arg);
    CHECK(!same, "%s was not rewritten", where(r, env));
    ir_emit(f, IR_OP_RET, IR_VOID, v, 0, 0, 0, 0);
    struct btv_error err = {0};
    CHECK(ir_verify(f, &err) == BTV_OK, "%s %s", where(r, env), err.text);
    for (unsigned k = 0; k < 8; k++) {
        static struct test_machine m;
        struct ir_exit e = {0};
        for (unsigned j = 0; j < nargs; j++)
            args[j] = env->value[slot[j]];
        CHECK(test_eval(&m, f, args, 0, &e) == BTV_OK && e.value == rule_eval(r, r->lhs, env), "%s gives 0x%llx, not 0x%llx", where(r, env),
              (unsigned long long)e.value, (unsigned long long)rule_eval(r, r->lhs, env));
        draw(r, env, false);
    }
}

static void check_rule(const struct rule *r, struct arena *a)
{
    struct rule_env env = {.w = 0};
    unsigned held = 0;
    while (rule_next_widths(r, &env)) {
        unsigned sets = has_const_vars(r) ? 24 : 1;
        for (unsigned set = 0; set < sets && find_constants(r, &env); set++) {
            held++;
            CHECK(rule_side_exists(r, r->rhs, &env), "%s the replacement does not exist", where(r, &env));
            for (unsigned k = 0; k < 400 / sets + 20; k++) {
                draw(r, &env, false);
                uint64_t x = rule_eval(r, r->lhs, &env), y = rule_eval(r, r->rhs, &env);
                CHECK(x == y, "%s 0x%llx becomes 0x%llx", where(r, &env), (unsigned long long)x, (unsigned long long)y);
            }
            check_matcher(r, &env, a);
        }
    }
    CHECK(held > 0, "%s: no widths and constants meet the condition", r->name);
}

static void check_refused(void)
{
    static const struct {
        const char *line, *why;
    } bad[] = {
        {"x (add x 0)", "=> is wanted"},
        {"x (add x) => x", "is wanted here"},
        {"x (load x) => x", "not a pure op"},
        {"x (add x 0) => y", "a name that the pattern does not have"},
        {"x (add x 0) => (add x 0)", "which is not less"},
        {"x (add x 0) => (add (add x 1) 2)", "1 ops become 2"},
        {"x (add x y) => (add y x)", "which is not less"},
        {"x (sub x y) => (add x x)", "used more often"},
        {"x (shl x C) => (mul x 1<<C)", "which is not less"},
        {"x (add x C) => x if C =! 0", "goes on"},
        {"x (add x C) => x if D == 0", "a constant of the pattern"},
        {"x (add x C) => x if lone(x)", "lone() wants"},
        {"x (add (zext x:u) (zext y:v) => x", "number of operands"},
        {"x (add x:v y:u) => x", "widths that the format makes equal are not"},
        {"x (add x:9 y) => x", "no such width"},
        {"x (add x:w (zext x:v)) => x", "one name"},
        {"x (zext (zext.v x:u)) => x", "widths"},
        {"x x => x", "which is not less"},
        {"x (select (lts x y) x y) => (ltu x y)", "widths"},
    };
    for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
        struct btv_error err = {0};
        struct rule r;
        enum btv_status st = rule_parse(bad[k].line, &r, &err);
        CHECK(st != BTV_OK && strstr(err.text, bad[k].why), "\"%s\": status %d, \"%s\"", bad[k].line, (int)st, err.text);
    }
    struct btv_error err = {0};
    struct rule *r;
    unsigned n;
    CHECK(rule_parse_all("a (add x 0) => x\n; comment\n\na (sub x x) => 0\n", &r, &n, &err) == BTV_INVALID && strstr(err.text, "line 4"),
          "%s", err.text);
}

int main(void)
{
    struct rule *rules;
    unsigned n;
    struct btv_error err = {0};
    struct arena a;
    if (rule_parse_all(rule_text, &rules, &n, &err) != BTV_OK) {
        fprintf(stderr, "rules.txt: %s\n", err.text);
        return 1;
    }
    arena_init(&a, 0);
    for (unsigned k = 0; k < n; k++)
        check_rule(&rules[k], &a);
    check_refused();
    arena_free(&a);
    free(rules);
    printf("%u rules, seed 7\n", n);
    return check_done();
}

/*
 * Passes keep meaning: random functions give the same exit, state and memory before and after each pass and after
 * lists of passes, and stay valid.  The generator makes the same function from the same seed, so one copy is
 * optimised and one is not.
 */
#include "ir/irtest.h"
#include "opt/opt.h"

enum { FUNCTIONS = 2000, INPUTS = 3, MAX_INS = 4000 };

static unsigned changed_by[OPT_PASS_COUNT];

static void count_change(void *ctx, const struct opt_pass *p, const struct ir_func *f, bool changed, uint64_t ns)
{
    (void)ctx, (void)f, (void)ns;
    changed_by[p - opt_pass] += changed;
}

static bool same_exit(const struct ir_exit *a, const struct ir_exit *b)
{
    return a->kind == b->kind && a->pc == b->pc && a->value == b->value && a->trap.kind == b->trap.kind && a->trap.value == b->trap.value;
}

static bool same_machine(const struct test_machine *a, const struct test_machine *b)
{
    return !memcmp(a->cpu.slot, b->cpu.slot, sizeof a->cpu.slot) && !memcmp(a->mem, b->mem, sizeof a->mem) && a->cpu.fp.flags == b->cpu.fp.flags &&
           a->cpu.fp.rm == b->cpu.fp.rm && a->cpu.ll_addr == b->cpu.ll_addr && a->calls == b->calls;
}

/* As test_call, but helpers also write guest state. */
static bool writing_call(void *ctx, struct cpu *cpu, unsigned helper, const uint64_t args[3], uint64_t *out, struct cpu_trap *trap)
{
    cpu->slot[helper % 2] += 1 + args[0];
    return test_call(ctx, cpu, helper, args, out, trap);
}

static enum btv_status evaluate(struct test_machine *m, const struct ir_func *f, const uint64_t *args, uint64_t max_ins, struct ir_exit *out)
{
    struct ir_env env = {.cpu = &m->cpu, .ctx = m, .load = test_load, .store = test_store, .call = writing_call, .max_ins = max_ins};
    return ir_eval(f, &env, args, out, NULL);
}

static void compare(const struct ir_func *f, const struct ir_func *g, unsigned long long seed, const char *what)
{
    static struct test_machine one, two;
    uint64_t args[8];
    for (unsigned k = 0; k < INPUTS; k++) {
        unsigned long long r = seed * INPUTS + k;
        struct ir_exit x = {0}, y = {0};
        for (unsigned n = 0; n < 8; n++)
            args[n] = check_random(&r) >> (n * 8);
        test_machine_init(&one, r);
        test_machine_init(&two, r);
        for (unsigned n = 0; n < 6 && k == 1; n++)
            one.cpu.slot[n] = two.cpu.slot[n] = check_random(&r) % 12 - 2; /* near constants */
        if (evaluate(&one, f, args, MAX_INS, &x) != BTV_OK)
            continue; /* loops */
        enum btv_status st = evaluate(&two, g, args, 2 * MAX_INS, &y);
        CHECK(st == BTV_OK && same_exit(&x, &y) && same_machine(&one, &two), "seed %llu, passes %s, input %u", seed, what, k);
    }
}

/* A PUT of a constant in front of i. */
static void insert_put(struct ir_func *f, struct ir_block *b, struct ir_ins *i, uint64_t slot, uint64_t bits)
{
    struct ir_block bench = {0};
    f->at = &bench;
    ir_emit(f, IR_OP_PUT, IR_VOID, ir_const(f, IR_I64, bits), 0, 0, slot, 0);
    opt_insert_before(b, i, &bench);
}

/* Appends an address among few: a constant, or one that the entry has found in slot 2. */
static ir_val make_address(struct ir_func *f, ir_val base, unsigned long long *seed)
{
    if (check_random(seed) % 2)
        return ir_const(f, IR_I64, check_random(seed) % 8 + TEST_MEM_AT);
    ir_val k = ir_const(f, IR_I64, check_random(seed) % 8);
    return ir_emit(f, IR_OP_ADD, IR_I64, base, k, 0, 0, 0);
}

/* A load whose value is seen, or a store, in front of i. */
static void insert_access(struct ir_func *f, struct ir_block *b, struct ir_ins *i, ir_val base, unsigned long long *seed)
{
    static const uint8_t types[] = {IR_I8, IR_I16, IR_I32, IR_I64, IR_F32, IR_F64};
    enum ir_type t = (enum ir_type)types[check_random(seed) % ARRAY_LEN(types)];
    enum ir_order order = check_random(seed) % 8 ? IR_RELAXED : IR_SEQ_CST;
    struct ir_block bench = {0};
    f->at = &bench;
    ir_val address = make_address(f, base, seed), v;
    if (check_random(seed) % 2) {
        ir_emit(f, IR_OP_STORE, IR_VOID, address, ir_const(f, t, check_random(seed)), 0, order, 0);
    } else {
        v = ir_emit(f, IR_OP_LOAD, t, address, 0, 0, order, 0);
        if (t >= IR_F16)
            v = ir_emit(f, IR_OP_BITS, t == IR_F32 ? IR_I32 : IR_I64, v, 0, 0, 0, 0);
        if (ir_typeof(f, v) != IR_I64)
            v = ir_emit(f, IR_OP_ZEXT, IR_I64, v, 0, 0, 0, 0);
        ir_emit(f, IR_OP_PUT, IR_VOID, v, 0, 0, 3 + check_random(seed) % 2, 0);
    }
    opt_insert_before(b, i, &bench);
}

static ir_val insert_base(struct ir_func *f)
{
    struct ir_block bench = {0}, *b = f->first;
    f->at = &bench;
    ir_val v = ir_emit(f, IR_OP_GET, IR_I64, 0, 0, 0, 2, 0);
    v = ir_emit(f, IR_OP_AND, IR_I64, v, ir_const(f, IR_I64, 7), 0, 0, 0);
    v = ir_emit(f, IR_OP_ADD, IR_I64, v, ir_const(f, IR_I64, TEST_MEM_AT), 0, 0, 0);
    opt_insert_before(b, b->first->op == IR_OP_ROUNDS ? b->first->next->next : b->first->next, &bench); /* behind the mark */
    return v;
}

/* Few slots and many PUTs, and few places in memory, so that they meet. */
static struct ir_func *random_func(struct arena *a, unsigned long long seed)
{
    struct ir_func *f = gen_func(a, seed);
    ir_val base = insert_base(f);
    bool based = false;
    for (struct ir_block *b = f->first; b; b = b->next)
        for (struct ir_ins *i = b->first, *next; i; i = next) {
            next = i->next;
            based |= i->dst == base;
            if (based && (i->op == IR_OP_GET || i->op == IR_OP_PUT))
                i->imm = i->imm < 32 ? i->imm % 2 : 32 + i->imm % 2;
            if (next && check_random(&seed) % 2)
                insert_put(f, b, next, check_random(&seed) % 2, check_random(&seed) % 3);
            if (next && based && check_random(&seed) % 3 == 0)
                insert_access(f, b, next, base, &seed);
        }
    f->at = f->last;
    return f;
}

/* -- structured functions: loops that end, branches, arithmetic on few bits ------------------------------------------- */

/* A new value as a rule, so that chains of ops meet; or a constant near which something changes. */
static ir_val any_value(struct gen *g, enum ir_type t)
{
    static const uint64_t few[] = {0, 1, 2, 3, 6, 7, 8, 0x7f, 0x80, 0xff, 0x7fffffff, 0x80000000, 0xffffffff, UINT64_MAX, UINT64_MAX - 1};
    if (gen_below(g, 3) == 0)
        return ir_const(g->f, t, few[gen_below(g, ARRAY_LEN(few))]);
    for (unsigned k = g->nvals; k > 0 && k + 6 > g->nvals; k--)
        if (ir_typeof(g->f, g->val[k - 1]) == t && gen_below(g, 2))
            return g->val[k - 1];
    return gen_value(g, t);
}

static enum ir_op any_comparison(struct gen *g)
{
    return (enum ir_op)(IR_OP_EQ + gen_below(g, 6));
}

static void add_op(struct gen *g)
{
    static const uint8_t two[] = {IR_OP_ADD, IR_OP_SUB, IR_OP_MUL, IR_OP_AND, IR_OP_AND, IR_OP_OR, IR_OP_XOR, IR_OP_SHL, IR_OP_SHR, IR_OP_SAR, IR_OP_DIVS,
                                  IR_OP_DIVU, IR_OP_REMS, IR_OP_REMU, IR_OP_MINS, IR_OP_MAXS, IR_OP_MINU, IR_OP_MAXU};
    static const uint8_t widen[] = {IR_OP_ZEXT, IR_OP_SEXT};
    struct ir_func *f = g->f;
    enum ir_type narrow = (enum ir_type)(IR_I8 + gen_below(g, 3)), t = gen_below(g, 3) ? IR_I64 : narrow;
    switch (gen_below(g, 8)) {
    case 0: gen_add(g, ir_emit(f, IR_OP_TRUNC, narrow, any_value(g, IR_I64), 0, 0, 0, 0)); break;
    case 1: gen_add(g, ir_emit(f, (enum ir_op)widen[gen_below(g, 2)], IR_I64, any_value(g, narrow), 0, 0, 0, 0)); break;
    case 2: {
        ir_val x = any_value(g, t), y = any_value(g, t);
        gen_add(g, ir_emit(f, any_comparison(g), IR_I1, x, y, 0, 0, 0));
        break;
    }
    case 3: gen_add(g, ir_emit(f, IR_OP_SELECT, t, gen_value(g, IR_I1), any_value(g, t), any_value(g, t), 0, 0)); break;
    case 4: { /* a slot, few bits of it */
        ir_val x = ir_emit(f, IR_OP_GET, IR_I64, 0, 0, 0, gen_below(g, 6), 0);
        gen_add(g, ir_emit(f, IR_OP_AND, IR_I64, x, any_value(g, IR_I64), 0, 0, 0));
        break;
    }
    default: gen_add(g, ir_emit(f, (enum ir_op)two[gen_below(g, ARRAY_LEN(two))], t, any_value(g, t), any_value(g, t), 0, 0, 0));
    }
}

static void add_code(struct gen *g, unsigned depth);

/* x is compared before, and in both ways with numbers close by. */
static void add_branch(struct gen *g, unsigned depth)
{
    struct ir_func *f = g->f;
    struct ir_block *from = f->at, *yes = ir_block_new(f), *no = ir_block_new(f), *end = ir_block_new(f);
    unsigned usable = g->nvals;
    f->at = from;
    uint64_t near = gen_below(g, 8);
    ir_val x = ir_emit(f, IR_OP_SUB, IR_I64, any_value(g, IR_I64), ir_const(f, IR_I64, gen_below(g, 8)), 0, 0, 0);
    ir_val cond = ir_emit(f, any_comparison(g), IR_I1, x, ir_const(f, IR_I64, near), 0, 0, 0);
    ir_brif(f, cond, yes, NULL, no, NULL);
    ir_val p = ir_block_param(f, end, IR_I64);
    for (unsigned k = 0; k < 2; k++) {
        f->at = k ? no : yes;
        g->nvals = usable;
        cond = ir_emit(f, any_comparison(g), IR_I1, x, ir_const(f, IR_I64, near + gen_below(g, 3) - 1), 0, 0, 0);
        ir_emit(f, IR_OP_PUT, IR_VOID, ir_emit(f, IR_OP_ZEXT, IR_I64, cond, 0, 0, 0, 0), 0, 0, gen_below(g, 4), 0);
        add_code(g, depth);
        ir_br(f, end, (ir_val[]){any_value(g, IR_I64)});
    }
    f->at = end;
    g->nvals = usable;
    gen_add(g, p);
}

/* A loop of up to three rounds. */
static void add_loop(struct gen *g, unsigned depth)
{
    struct ir_func *f = g->f;
    struct ir_block *from = f->at, *head = ir_block_new(f), *end = ir_block_new(f);
    ir_val n = ir_block_param(f, head, IR_I64), p = ir_block_param(f, head, IR_I64);
    f->at = from;
    ir_val first = any_value(g, IR_I64);
    ir_br(f, head, (ir_val[]){ir_const(f, IR_I64, 0), first});
    f->at = head;
    gen_add(g, n);
    gen_add(g, p);
    add_code(g, depth);
    ir_val next = ir_emit(f, IR_OP_ADD, IR_I64, n, ir_const(f, IR_I64, 1), 0, 0, 0);
    ir_val more = ir_emit(f, IR_OP_LTU, IR_I1, next, ir_const(f, IR_I64, 1 + gen_below(g, 3)), 0, 0, 0);
    ir_brif(f, more, head, (ir_val[]){next, any_value(g, IR_I64)}, end, NULL);
    f->at = end; /* the loop dominates it */
}

static void add_code(struct gen *g, unsigned depth)
{
    for (unsigned n = 2 + gen_below(g, 6); n; n--) {
        switch (gen_below(g, depth ? 12 : 9)) {
        case 0:
        case 2: ir_emit(g->f, IR_OP_PUT, IR_VOID, any_value(g, IR_I64), 0, 0, gen_below(g, 4), 0); break;
        case 1: ir_emit(g->f, IR_OP_EXITIF, IR_VOID, gen_value(g, IR_I1), 0, 0, 0x20000 + n, 0); break;
        case 9: add_branch(g, depth - 1); break;
        case 10:
        case 11: add_loop(g, depth - 1); break;
        default: add_op(g);
        }
    }
}

static struct ir_func *structured_func(struct arena *a, unsigned long long seed)
{
    struct gen g = {.seed = seed};
    struct ir_func *f = g.f = ir_func_new(a, &test_slots, "structured");
    ir_block_new(f);
    for (unsigned k = 0; k < 6; k++)
        gen_add(&g, ir_emit(f, IR_OP_GET, IR_I64, 0, 0, 0, k, 0));
    add_code(&g, 3);
    for (unsigned k = 0; k < 4; k++)
        ir_emit(f, IR_OP_PUT, IR_VOID, gen_value(&g, IR_I64), 0, 0, k, 0);
    ir_emit(f, IR_OP_GOTO, IR_VOID, 0, 0, 0, 0x10000, 0);
    f->at = f->last;
    return f;
}

typedef struct ir_func *make_func(struct arena *a, unsigned long long seed);

static void try_list(make_func *make, unsigned long long seed, const char *list, unsigned rounds)
{
    struct arena a;
    struct btv_error err = {0};
    uint8_t pass[8];
    struct opt_config cfg = {.pass = pass, .verify = true, .max_rounds = rounds, .trace = count_change};
    arena_init(&a, 0);
    struct ir_func *f = make(&a, seed), *g = make(&a, seed);
    enum btv_status st = opt_parse_list(list, pass, ARRAY_LEN(pass), &cfg.npasses, &err);
    if (st == BTV_OK)
        st = opt_run(g, &cfg, &err);
    CHECK(st == BTV_OK, "seed %llu, passes %s: %s", seed, list, err.text);
    if (st == BTV_OK)
        compare(f, g, seed, list);
    arena_free(&a);
}

static void check_lists(void)
{
    struct btv_error err = {0};
    uint8_t pass[2];
    unsigned n = 7;
    CHECK(opt_parse_list("", pass, 2, &n, &err) == BTV_OK && n == 0, "empty list");
    CHECK(opt_parse_list("fold,dce", pass, 2, &n, &err) == BTV_OK && n == 2 && pass[0] == OPT_fold && pass[1] == OPT_dce, "two passes");
    CHECK(opt_parse_list("fold,nonsense", pass, 2, &n, &err) == BTV_NOENT && err.text[0], "unknown pass");
    err = (struct btv_error){0};
    CHECK(opt_parse_list("fold,fold,fold", pass, 2, &n, &err) == BTV_LIMIT, "too many");
}

int main(void)
{
    static const char *const lists[] = {"fold", "gvn", "state", "memory", "bits", "licm", "dce", "gvn,state,memory,bits,fold,licm,dce"};
    static make_func *const make[] = {random_func, structured_func};
    test_slots_init();
    check_lists();
    for (unsigned long long seed = 1; seed <= FUNCTIONS; seed++)
        for (unsigned k = 0; k < ARRAY_LEN(lists); k++)
            for (unsigned m = 0; m < ARRAY_LEN(make); m++)
                try_list(make[m], seed, lists[k], k == ARRAY_LEN(lists) - 1 ? 5 : 1);
    for (unsigned k = 0; k < OPT_PASS_COUNT; k++)
        CHECK(changed_by[k] > FUNCTIONS / 20, "pass %s changed %u functions: the test tests nothing", opt_pass[k].name, changed_by[k]);
    return check_done();
}

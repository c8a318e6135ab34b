/*
 * Passes keep meaning: random functions give the same exit, state and memory before and after each pass and after
 * lists of passes, and stay valid.  The generator makes the same function from the same seed, so one copy is
 * optimised and one is not.
 */
#include "ir/irtest.h"
#include "opt/opt.h"

enum { FUNCTIONS = 3000, INPUTS = 3, MAX_INS = 4000 };

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
        if (evaluate(&one, f, args, MAX_INS, &x) != BTV_OK)
            continue; /* loops */
        enum btv_status st = evaluate(&two, g, args, 2 * MAX_INS, &y);
        CHECK(st == BTV_OK && same_exit(&x, &y) && same_machine(&one, &two), "seed %llu, passes %s, input %u", seed, what, k);
    }
}

/* A PUT of a constant behind i. */
static void insert_put(struct ir_func *f, struct ir_block *b, struct ir_ins *i, uint64_t slot, uint64_t bits)
{
    struct ir_block bench = {0};
    f->at = &bench;
    ir_val v = ir_const(f, IR_I64, bits);
    ir_emit(f, IR_OP_PUT, IR_VOID, v, 0, 0, slot, 0);
    bench.first->prev = i;
    bench.last->next = i->next;
    i->next->prev = bench.last; /* i is no terminator */
    i->next = bench.first;
    f->at = b;
}

/* Few slots and many PUTs, so that they meet. */
static struct ir_func *random_func(struct arena *a, unsigned long long seed)
{
    struct ir_func *f = gen_func(a, seed);
    for (struct ir_block *b = f->first; b; b = b->next)
        for (struct ir_ins *i = b->first, *next; i; i = next) {
            next = i->next;
            if (i->op == IR_OP_GET || i->op == IR_OP_PUT)
                i->imm = i->imm < 32 ? i->imm % 2 : 32 + i->imm % 2;
            if (next && check_random(&seed) % 2)
                insert_put(f, b, i, check_random(&seed) % 2, check_random(&seed) % 3);
        }
    f->at = f->last;
    return f;
}

static void try_list(unsigned long long seed, const char *list, unsigned rounds)
{
    struct arena a;
    struct btv_error err = {0};
    uint8_t pass[8];
    struct opt_config cfg = {.pass = pass, .verify = true, .max_rounds = rounds, .trace = count_change};
    arena_init(&a, 0);
    struct ir_func *f = random_func(&a, seed), *g = random_func(&a, seed);
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
    static const char *const lists[] = {"fold", "gvn", "state", "dce", "gvn,state,fold,dce"};
    test_slots_init();
    check_lists();
    for (unsigned long long seed = 1; seed <= FUNCTIONS; seed++)
        for (unsigned k = 0; k < ARRAY_LEN(lists); k++)
            try_list(seed, lists[k], k == ARRAY_LEN(lists) - 1 ? 5 : 1);
    for (unsigned k = 0; k < OPT_PASS_COUNT; k++)
        CHECK(changed_by[k] > FUNCTIONS / 20, "pass %s changed %u functions: the test tests nothing", opt_pass[k].name, changed_by[k]);
    return check_done();
}

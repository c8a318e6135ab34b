/*
 * Each rule of the verifier rejects what breaks it, by name, and every rule is broken by some case here.
 *
 * What text can express is text.  The rest starts from a sound function and spoils one field.
 */
#include "irtest.h"

static const char *const rules[] = {"blocks",    "instructions", "terminator",     "parameters", "edges",         "definitions",  "operands",
                                    "reserved-types", "edge-types",   "signatures",     "widths",     "constants",     "rounding",     "memory-order",
                                    "control",   "unused-fields", "slots",         "results",    "dominance",     "marks",        "rounding-change", "rounds"};
static bool broken[ARRAY_LEN(rules)];

static void expect(const struct ir_func *f, const char *rule, const char *what)
{
    struct btv_error err = {0};
    enum btv_status st = ir_verify(f, &err);
    size_t len = strlen(rule);
    CHECK(st == BTV_INVALID && strncmp(err.text, rule, len) == 0 && err.text[len] == ':', "%s: wanted %s, got %d \"%s\"", what, rule, st, err.text);
    for (size_t k = 0; k < ARRAY_LEN(rules); k++)
        broken[k] |= strcmp(rule, rules[k]) == 0;
}

static const struct {
    const char *rule, *body;
} text_case[] = {
    {"terminator", "v1 = get.i64 $r1"},
    {"terminator", "goto 0x10\n goto 0x20"},
    {"terminator", "br b1\nb1:"},
    {"edge-types", "br b1(i32 5)\nb1(v1: i64):\n ret"},
    {"signatures", "v1 = add.f64 0x0, 0x0\n ret"},
    {"signatures", "v1 = fadd.i64 0x0, 0x0, rne\n ret"},
    {"signatures", "v1 = add.i64 i32 1, 2\n ret"},
    {"signatures", "v1 = add.i64 1, 2\n v2 = add.i32 v1, 2\n ret"},
    {"signatures", "v1 = eq.i64 1, i32 2\n ret"},
    {"signatures", "v1 = eq.f64 0x0, 0x0\n ret"},
    {"signatures", "v1 = feq.i64 0, 0\n ret"},
    {"signatures", "v1 = load.i64 [i32 1]\n ret"},
    {"signatures", "exitif i64 1 -> 0x10\n ret"},
    {"signatures", "v1 = select.i64 i64 1, 2, 3\n ret"},
    {"signatures", "v1 = zext.i64 f32 0x0\n ret"},
    {"signatures", "v1 = bits.i64 i64 1\n ret"},
    {"signatures", "store.i64 [0x1000], i32 1\n ret"},
    {"signatures", "v1 = sc.f64 [0x1000], 0x0\n ret"},
    {"signatures", "v1 = cas.i64 [0x1000], i32 0, 0\n ret"},
    {"signatures", "trap illegal, f64 0x0 at 0x10"},
    {"signatures", "v1 = call.f64 3\n ret"},
    {"signatures", "gotoind ret i32 4"},
    {"widths", "v1 = zext.i64 i64 1\n ret"},
    {"widths", "v1 = sext.i32 i64 1\n ret"},
    {"widths", "v1 = trunc.i64 i32 1\n ret"},
    {"widths", "v1 = bits.i64 f32 0x0\n ret"},
    {"widths", "v1 = float.f32 i64 0\n ret"},
    {"widths", "v1 = nanbox.f32 f64 0x0\n ret"},
    {"widths", "v1 = nanunbox.f64 f64 0x0\n ret"},
    {"widths", "v1 = fcvt.f64 f64 0x0, rne\n ret"},
    {"widths", "v1 = s2f.f64 i16 1, rne\n ret"},
    {"widths", "v1 = f2u.i8 f64 0x0, rne\n ret"},
    {"widths", "v1 = f2smod.i64 f64 0x0\n ret"},
    {"widths", "v1 = bswap.i8 1\n ret"},
    {"widths", "v1 = fclass.i8 f64 0x0\n ret"},
    {"widths", "v1 = add.i1 1, 1\n ret"},
    {"widths", "v1 = ltu.i1 1, 1\n ret"},
    {"widths", "v1 = load.i1 [0x1000]\n ret"},
    {"widths", "store.i1 [0x1000], 1\n ret"},
    {"widths", "v1 = fgetflags.i1\n ret"},
    {"rounding", "v1 = fadd.f64 0x0, 0x0, rm5\n ret"},
    {"memory-order", "v1 = load.i64 [0x1000] release\n ret"},
    {"memory-order", "store.i64 [0x1000], 1 acquire\n ret"},
    {"memory-order", "store.i64 [0x1000], 1 acq_rel\n ret"},
    {"control", "trap none, i64 0 at 0x10"},
    {"control", "gotoind ret 0x10 link 0x20"},
    {"slots", "v1 = get.i32 $r1\n ret"},
    {"slots", "v1 = get.i64 $f1\n ret"},
    {"slots", "put.i64 $64, 1\n ret"},
    {"results", "brif 1, b1, b2\nb1:\n ret i64 1\nb2:\n ret i32 1"},
    {"results", "brif 1, b1, b2\nb1:\n ret i64 1\nb2:\n ret"},
    {"dominance", "v1 = add.i64 v2, 1\n v2 = add.i64 v1, 1\n ret"},
    {"dominance", "v1 = add.i64 v1, 1\n ret"},
    {"dominance", "brif 1, b1, b2\nb1:\n v1 = get.i64 $r1\n br b3\nb2:\n br b3\nb3:\n put.i64 $r2, v1\n ret"},
    {"dominance", "br b1(v1)\nb1(v1: i64):\n ret"},
    {"dominance", "brif 1, b1(i64 5), b2\nb1(v1: i64):\n br b2\nb2:\n ret v1"},
    {"marks", "mark 0x10, 0\n ret"},
    {"marks", "mark 0x10, 256\n ret"},
    {"marks", "v1 = load.i64 [0x1000]\n mark 0x10, 4\n ret"},
    {"marks", "v1 = fadd.f64 0x0, 0x0, dyn\n mark 0x10, 4\n ret"},
    {"marks", "brif 1, b1, b2\nb1:\n mark 0x10, 4\n br b3\nb2:\n mark 0x20, 4\n br b3\nb3:\n v1 = load.i64 [0x1000]\n ret"},
    {"marks", "brif 1, b1, b3\nb1:\n mark 0x10, 4\n br b3\nb3:\n call 1\n ret"},
    {"rounding-change", "fsetrm i64 1\n v1 = fadd.f64 0x0, 0x0, dyn\n ret"},
    {"rounding-change", "fsetrm i64 1\n br b1\nb1:\n ret"},
    {"rounds", "rounds\n ret"}, /* no guest code */
};

/* Sound, though it may look odd. */
static const char *const good[] = {
    "ret",
    "v1 = load.i64 [0x1000]\n ret", /* no marks at all: not guest code */
    "brif 1, b1, b2\nb1:\n mark 0x10, 4\n br b3\nb2:\n mark 0x10, 4\n br b3\nb3:\n v1 = load.i64 [0x1000]\n ret",
    "mark 0x10, 4\n br b1\nb1:\n v1 = load.i64 [0x1000]\n brif 1, b1, b2\nb2:\n mark 0x14, 4\n ret",
    "ret\nb1:\n v1 = add.i64 v1, 1\n br b1", /* unreachable */
    "brif 1, b1, b2\nb1:\n br b2\nb2:\n br b0\n", 
    "v1 = and.i1 1, 0\n v2 = xor.i1 v1, 1\n ret v2",
    "v1 = sc.i32 [0x1000], 1\n v2 = and.i1 v1, 1\n ret v2",
    "fsetrm i64 1\n goto 0x10",
    "v1 = fminnum.f64 0x0, 0x0 propagate\n ret",
};

static struct ir_func *parse(struct arena *a, const char *body)
{
    struct btv_error err = {0};
    struct ir_module m = {0};
    char text[400];
    snprintf(text, sizeof text, "func @f() {\nb0:\n %s\n}\n", body);
    enum btv_status st = ir_parse(a, &test_slots, text, strlen(text), &m, &err);
    CHECK(st == BTV_OK, "%s%s", text, err.text);
    return st == BTV_OK ? m.func[0] : NULL;
}

static void test_text(void)
{
    struct arena a;
    arena_init(&a, 0);
    for (size_t k = 0; k < ARRAY_LEN(text_case); k++) {
        struct ir_func *f = parse(&a, text_case[k].body);
        if (f)
            expect(f, text_case[k].rule, text_case[k].body);
    }
    for (size_t k = 0; k < ARRAY_LEN(good); k++) {
        struct btv_error err = {0};
        struct ir_func *f = parse(&a, good[k]);
        CHECK(f && ir_verify(f, &err) == BTV_OK, "%s: %s", good[k], err.text);
    }
    arena_free(&a);
}

/* -- spoiled fields ---------------------------------------------------------------------------------------- */

/* Two blocks, a parameter, an edge, every kind of thing there is to spoil; v1 = get, v3 = add v1, v2. */
static struct ir_func *sound(struct arena *a)
{
    struct ir_func *f = ir_func_new(a, &test_slots, "f");
    struct ir_block *one = ir_block_new(f), *two = ir_block_new(f);
    f->at = one;
    ir_val v1 = ir_emit(f, IR_OP_GET, IR_I64, 0, 0, 0, 3, 0), v2 = ir_const(f, IR_I64, 5);
    ir_val v3 = ir_emit(f, IR_OP_ADD, IR_I64, v1, v2, 0, 0, 0);
    ir_block_param(f, two, IR_I64);
    ir_br(f, two, &v3);
    f->at = two;
    ir_emit(f, IR_OP_RET, IR_VOID, v3, 0, 0, 0, 0);
    return f;
}

static void spoil_no_blocks(struct ir_func *f) { f->first = f->last = NULL; }
static void spoil_block_prev(struct ir_func *f) { f->last->prev = NULL; }
static void spoil_last_block(struct ir_func *f) { f->last = f->first; }
static void spoil_block_id(struct ir_func *f) { f->last->id = 7; }
static void spoil_same_id(struct ir_func *f) { f->last->id = 0; }
static void spoil_ins_prev(struct ir_func *f) { f->def[3]->prev = NULL; }
static void spoil_last_ins(struct ir_func *f) { f->first->last = f->def[3]; }
static void spoil_op(struct ir_func *f) { f->def[3]->op = 255; }
static void spoil_nop(struct ir_func *f) { f->def[3]->op = IR_NOP; }
static void spoil_param_op(struct ir_func *f) { f->def[3]->op = IR_OP_PARAM; }
static void spoil_nargs(struct ir_func *f) { f->def[3]->nargs = 1; }
static void spoil_nargs_ret(struct ir_func *f) { f->last->last->nargs = 2; }
static void spoil_type_number(struct ir_func *f) { f->def[3]->type = 77; }
static void spoil_no_params(struct ir_func *f) { f->last->params = NULL; }
static void spoil_param(struct ir_func *f) { f->last->params[0] = f->def[1]; }
static void spoil_edge(struct ir_func *f) { f->first->last->edges = NULL; }
static void spoil_edge_args(struct ir_func *f) { f->first->last->edges[0].args = NULL; }
static void spoil_dst(struct ir_func *f) { f->def[3]->dst = 99; }
static void spoil_dst_twice(struct ir_func *f) { f->def[3]->dst = 1; }
static void spoil_def(struct ir_func *f) { f->def[3] = f->def[1]; }
static void spoil_extra_dst(struct ir_func *f) { f->last->last->dst = 3; }
static void spoil_operand(struct ir_func *f) { f->def[3]->arg[1] = 1000; }
static void spoil_operand_zero(struct ir_func *f) { f->def[3]->arg[1] = 0; }
static void spoil_edge_value(struct ir_func *f) { f->first->last->edges[0].args[0] = 1000; }
static void spoil_type_i128(struct ir_func *f) { f->def[2]->type = IR_I128; }
static void spoil_type_vector(struct ir_func *f) { f->def[4]->type = IR_V128; }
static void spoil_result_type(struct ir_func *f) { f->def[3]->type = IR_F64, f->first->last->edges[0].args[0] = 1, f->last->last->arg[0] = 1; }
static void spoil_void(struct ir_func *f) { f->last->last->type = IR_I64; }
static void spoil_const(struct ir_func *f) { f->def[2]->type = IR_I8, f->def[2]->imm = 256, f->def[3]->arg[1] = 1; }
static void spoil_imm(struct ir_func *f) { f->def[3]->imm = 1; }
static void spoil_aux(struct ir_func *f) { f->def[3]->aux = 1; }
static void spoil_arg(struct ir_func *f) { f->def[3]->arg[2] = 1; }
static void spoil_slot(struct ir_func *f) { f->def[1]->imm = 500; }
static void spoil_jump(struct ir_func *f) { struct ir_ins *i = f->last->last; i->op = IR_OP_GOTOIND, i->imm = 3; }
static void spoil_rmw(struct ir_func *f) { struct ir_ins *i = f->def[3]; i->op = IR_OP_RMW, i->aux = 9; }
static void spoil_order(struct ir_func *f) { f->def[3]->op = IR_OP_RMW, f->def[3]->imm = 5; }

static void spoil_foreign_edge(struct ir_func *f)
{
    struct ir_block *b = ARENA_NEW(f->arena, struct ir_block);
    *b = *f->last;
    f->first->last->edges[0].to = b;
}

static void spoil_nan_policy(struct ir_func *f)
{
    f->def[1]->type = f->def[2]->type = f->def[3]->type = f->def[4]->type = IR_F64;
    f->def[1]->imm = 40;
    f->def[3]->op = IR_OP_FADD;
    f->def[3]->aux = 2;
}

static const struct {
    const char *rule, *what;
    void (*spoil)(struct ir_func *f);
} spoiled[] = {
    {"blocks", "no blocks", spoil_no_blocks},
    {"blocks", "block list", spoil_block_prev},
    {"blocks", "last block", spoil_last_block},
    {"blocks", "block id", spoil_block_id},
    {"blocks", "same block id", spoil_same_id},
    {"instructions", "instruction list", spoil_ins_prev},
    {"instructions", "last instruction", spoil_last_ins},
    {"instructions", "op number", spoil_op},
    {"instructions", "nop", spoil_nop},
    {"instructions", "param in a list", spoil_param_op},
    {"instructions", "operand count", spoil_nargs},
    {"instructions", "operand count of ret", spoil_nargs_ret},
    {"instructions", "type number", spoil_type_number},
    {"parameters", "no parameter list", spoil_no_params},
    {"parameters", "not a param", spoil_param},
    {"edges", "no edges", spoil_edge},
    {"edges", "no arguments", spoil_edge_args},
    {"edges", "foreign block", spoil_foreign_edge},
    {"definitions", "value out of range", spoil_dst},
    {"definitions", "value twice", spoil_dst_twice},
    {"definitions", "definition table", spoil_def},
    {"definitions", "value of ret", spoil_extra_dst},
    {"operands", "operand out of range", spoil_operand},
    {"operands", "operand 0", spoil_operand_zero},
    {"operands", "argument out of range", spoil_edge_value},
    {"reserved-types", "i128", spoil_type_i128},
    {"reserved-types", "vector parameter", spoil_type_vector},
    {"signatures", "result type", spoil_result_type},
    {"signatures", "type of ret", spoil_void},
    {"constants", "constant too wide", spoil_const},
    {"rounding", "NaN policy", spoil_nan_policy},
    {"memory-order", "rmw function", spoil_rmw},
    {"memory-order", "order number", spoil_order},
    {"control", "kind of jump", spoil_jump},
    {"unused-fields", "imm", spoil_imm},
    {"unused-fields", "aux", spoil_aux},
    {"unused-fields", "operand", spoil_arg},
    {"slots", "slot number", spoil_slot},
};

static void test_spoiled(void)
{
    for (size_t k = 0; k < ARRAY_LEN(spoiled); k++) {
        struct arena a;
        struct btv_error err = {0};
        arena_init(&a, 0);
        struct ir_func *f = sound(&a);
        CHECK(ir_verify(f, &err) == BTV_OK, "%s", err.text);
        spoiled[k].spoil(f);
        expect(f, spoiled[k].rule, spoiled[k].what);
        arena_free(&a);
    }
}

/* A long ladder of blocks with loops: no recursion, no quadratic walk. */
static void test_large(void)
{
    struct arena a;
    struct btv_error err = {0};
    arena_init(&a, 1 << 20);
    struct ir_func *f = ir_func_new(&a, NULL, "f");
    enum { N = 20000 };
    struct ir_block **block = ARENA_ARRAY(&a, struct ir_block *, N + 1);
    for (unsigned k = 0; k <= N; k++)
        block[k] = ir_block_new(f);
    for (unsigned k = 0; k < N; k++) {
        f->at = block[k];
        ir_brif(f, ir_const(f, IR_I1, 1), block[k + 1], NULL, block[k / 2], NULL);
    }
    f->at = block[N];
    ir_emit(f, IR_OP_RET, IR_VOID, 0, 0, 0, 0, 0);
    CHECK(ir_verify(f, &err) == BTV_OK, "%s", err.text);
    arena_free(&a);
}

int main(void)
{
    test_slots_init();
    test_text();
    test_spoiled();
    test_large();
    for (size_t k = 0; k < ARRAY_LEN(rules); k++)
        CHECK(broken[k], "no case breaks rule %s", rules[k]);
    return check_done();
}

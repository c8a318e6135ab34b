/*
 * Folding keeps meaning: every identity of fold.c, at every width, on corner and random values; and it does fold.
 *
 * A case is a piece of text.  Parsed, it is built without folding; rebuilt through ir_make, it is folded.  Both are
 * evaluated on the same arguments.  Then random expressions, for the identities nobody thought of listing.
 */
#include "base/chaos.h"
#include "irtest.h"

/* Rebuilds the one block of f through ir_make; then deletes what nothing uses. */
static struct ir_func *refold(struct arena *a, const struct ir_func *f)
{
    struct ir_func *g = ir_func_new(a, f->slots, f->name);
    struct ir_block *b = ir_block_new(g);
    ir_val *map = ARENA_ARRAY(a, ir_val, f->nvals);
    for (uint32_t k = 0; k < f->first->nparams; k++)
        map[f->first->params[k]->dst] = ir_block_param(g, b, (enum ir_type)f->first->params[k]->type);
    for (const struct ir_ins *i = f->first->first; i; i = i->next) {
        ir_val r;
        if (i->op == IR_OP_CONST)
            r = ir_const(g, (enum ir_type)i->type, i->imm);
        else
            r = ir_make(g, (enum ir_op)i->op, (enum ir_type)i->type, map[i->arg[0]], map[i->arg[1]], map[i->arg[2]]);
        if (i->dst)
            map[i->dst] = r;
    }
    ir_count_uses(g);
    for (struct ir_ins *i = b->last, *prev; i; i = prev) {
        prev = i->prev;
        if (i->uses || !i->dst)
            continue;
        ir_remove(g, i);
        ir_count_uses(g);
    }
    return g;
}

static unsigned count_ops(const struct ir_func *f)
{
    unsigned n = 0;
    for (const struct ir_ins *i = f->first->first; i; i = i->next)
        n += i->op != IR_OP_CONST && i->op != IR_OP_RET;
    return n;
}

static uint64_t value_of(const struct ir_func *f, const uint64_t *args)
{
    static struct test_machine m;
    struct ir_exit e = {0};
    CHECK(test_eval(&m, f, args, 0, &e) == BTV_OK && e.kind == IR_EXIT_RET, "evaluation failed");
    return e.value;
}

static bool agree(const struct ir_func *f, const struct ir_func *g, struct gen *gen, unsigned random)
{
    uint64_t args[3];
    unsigned n = ARRAY_LEN(gen_corner);
    for (unsigned k = 0; k < n * n + random; k++) {
        for (unsigned j = 0; j < 3; j++)
            args[j] = gen_bits(gen);
        if (k < n * n) {
            args[0] = gen_corner[k % n];
            args[1] = gen_corner[k / n];
        }
        if (value_of(f, args) != value_of(g, args))
            return false;
    }
    return true;
}

/* W: the width. The expression, and how many ops are left of it (constants aside). */
static const struct {
    const char *text;
    unsigned ops;
    unsigned min_width;
} identity[] = {
    {"v9 = add.iW v1, 0", 0, 8},
    {"v9 = add.iW 0, v1", 0, 8},
    {"v8 = add.iW v1, 5\n v9 = add.iW v8, -7", 1, 8},
    {"v8 = add.iW v1, 5\n v9 = add.iW v8, -5", 0, 8},
    {"v8 = sub.iW v1, 5\n v9 = add.iW v8, 5", 0, 8},
    {"v9 = sub.iW v1, 0", 0, 8},
    {"v9 = sub.iW v1, v1", 0, 8},
    {"v8 = sub.iW v1, 100\n v9 = sub.iW v8, 100", 1, 8},
    {"v9 = sub.iW 0, v1", 1, 8},
    {"v9 = mul.iW v1, 0", 0, 8},
    {"v9 = mul.iW 1, v1", 0, 8},
    {"v9 = mul.iW v1, 64", 1, 8},
    {"v9 = mul.iW v1, -128", 1, 8},
    {"v9 = and.iW v1, 0", 0, 8},
    {"v9 = and.iW v1, -1", 0, 8},
    {"v9 = and.iW v1, v1", 0, 8},
    {"v8 = and.iW v1, 15\n v9 = and.iW v8, 60", 1, 8},
    {"v8 = and.iW v1, 15\n v9 = and.iW v8, 16", 0, 8},
    {"v7 = trunc.i8 v1\n v8 = zext.iW v7\n v9 = and.iW v8, 255", 2, 16},
    {"v7 = trunc.i8 v1\n v8 = zext.iW v7\n v9 = and.iW v8, 127", 3, 16},
    {"v9 = or.iW v1, 0", 0, 8},
    {"v9 = or.iW v1, -1", 0, 8},
    {"v9 = or.iW v1, v1", 0, 8},
    {"v8 = or.iW v1, 1\n v9 = or.iW v8, 2", 1, 8},
    {"v9 = xor.iW v1, 0", 0, 8},
    {"v9 = xor.iW v1, v1", 0, 8},
    {"v8 = xor.iW v1, -1\n v9 = xor.iW v8, -1", 0, 8},
    {"v9 = shl.iW v1, 0", 0, 8},
    {"v9 = shr.iW v1, 0", 0, 8},
    {"v9 = sar.iW v1, 0", 0, 8},
    {"v9 = shl.iW v1, 64", 0, 8},
    {"v9 = shr.iW v1, 100", 0, 8},
    {"v9 = sar.iW v1, 64", 1, 8},
    {"v8 = shl.iW v1, 3\n v9 = shl.iW v8, 4", 1, 8},
    {"v8 = shl.iW v1, 5\n v9 = shl.iW v8, 6", 1, 16},
    {"v8 = shl.i8 v1, 5\n v9 = shl.i8 v8, 6", 0, 0},
    {"v8 = shr.iW v1, 3\n v9 = shr.iW v8, 4", 1, 8},
    {"v8 = shr.iW v1, 7\n v9 = shr.iW v8, 7", 1, 16},
    {"v8 = sar.iW v1, 3\n v9 = sar.iW v8, 4", 1, 8},
    {"v8 = sar.i8 v1, 5\n v9 = sar.i8 v8, 6", 1, 0},
    {"v8 = shr.iW v1, 3\n v9 = shl.iW v8, 3", 1, 8},
    {"v9 = rotl.iW v1, 64", 0, 8},
    {"v9 = rotr.iW v1, 0", 0, 8},
    {"v9 = divs.iW v1, 1", 0, 8},
    {"v9 = divu.iW v1, 1", 0, 8},
    {"v9 = mins.iW v1, v1", 0, 8},
    {"v9 = maxu.iW v1, v1", 0, 8},
    {"v9 = eq.iW v1, v1", 0, 8},
    {"v9 = ne.iW v1, v1", 0, 8},
    {"v9 = lts.iW v1, v1", 0, 8},
    {"v9 = leu.iW v1, v1", 0, 8},
    {"v7 = lts.iW v1, v2\n v8 = zext.iW v7\n v9 = ne.iW v8, 0", 1, 8},
    {"v7 = lts.iW v1, v2\n v8 = zext.iW v7\n v9 = eq.iW v8, 0", 1, 8},
    {"v7 = les.iW v1, v2\n v8 = zext.iW v7\n v9 = eq.iW v8, 0", 1, 8},
    {"v7 = ltu.iW v1, v2\n v8 = zext.iW v7\n v9 = eq.iW v8, 0", 1, 8},
    {"v7 = leu.iW v1, v2\n v8 = zext.iW v7\n v9 = eq.iW v8, 0", 1, 8},
    {"v7 = eq.iW v1, v2\n v8 = zext.iW v7\n v9 = eq.iW v8, 0", 1, 8},
    {"v7 = ne.iW v1, v2\n v8 = zext.iW v7\n v9 = ne.iW v8, 1", 1, 8},
    {"v7 = ne.iW v1, v2\n v8 = zext.iW v7\n v9 = eq.iW v8, 2", 3, 8},
    {"v7 = eq.iW v1, v2\n v9 = xor.i1 v7, 1", 1, 8},
    {"v7 = lts.iW v1, v2\n v9 = eq.i1 v7, 0", 1, 8},
    {"v9 = select.iW 1, v1, v2", 0, 8},
    {"v9 = select.iW 0, v1, v2", 0, 8},
    {"v7 = lts.iW v1, v2\n v9 = select.iW v7, v1, v1", 0, 8},
    {"v7 = trunc.i8 v1\n v8 = zext.i16 v7\n v9 = zext.iW v8", 2, 32},
    {"v7 = trunc.i8 v1\n v8 = sext.i16 v7\n v9 = sext.iW v8", 2, 32},
    {"v7 = trunc.i8 v1\n v8 = zext.i16 v7\n v9 = sext.iW v8", 2, 32},
    {"v7 = trunc.i8 v1\n v8 = sext.i16 v7\n v9 = zext.iW v8", 3, 32},
    {"v7 = trunc.i16 v1\n v9 = trunc.i8 v7", 1, 32},
    {"v8 = zext.i64 v1\n v9 = trunc.iW v8", 0, 1000}, /* 1000: only below 64 */
    {"v8 = sext.i64 v1\n v9 = trunc.iW v8", 0, 1000},
    {"v8 = sext.i64 v1\n v7 = trunc.iW v8\n v9 = sext.i64 v7", 1, 1000},
    {"v8 = trunc.i8 v1\n v7 = sext.i64 v8\n v9 = trunc.i32 v7", 2, 16},
    {"v8 = sext.i64 v1\n v9 = trunc.i8 v8", 1, 32},
    {"v8 = float.fW v1\n v9 = bits.iW v8", 0, 16},
    {"v8 = float.f32 v1\n v7 = nanbox.f64 v8\n v6 = nanunbox.f32 v7\n v9 = bits.i32 v6", 0, 32},
    {"v8 = float.fW v1\n v7 = fsgnj.fW v8, v8\n v9 = bits.iW v7", 0, 16},
};

/* The text with its W replaced; zero if the case is not for this width. */
static bool instantiate(const char *text, unsigned min_width, unsigned w, char *out, size_t size)
{
    if (min_width == 0 ? w != 8 : min_width == 1000 ? w == 64 : w < min_width)
        return false;
    if (strstr(text, ".f32") && w != 32)
        return false;
    if ((strstr(text, "i64 v1") && w == 64) || (strstr(text, "trunc.i16 v1") && w <= 16))
        return false;
    size_t n = (size_t)snprintf(out, size, "func @f(v1: i%u, v2: i%u) {\n ", w, w);
    for (; *text; text++)
        n += (size_t)(*text == 'W' ? snprintf(out + n, size - n, "%u", w) : snprintf(out + n, size - n, "%c", *text));
    snprintf(out + n, size - n, "\n ret v9\n}\n");
    return true;
}

static void test_identities(void)
{
    static const unsigned widths[] = {8, 16, 32, 64};
    struct gen gen = {.seed = 1};
    for (size_t k = 0; k < ARRAY_LEN(identity); k++)
        for (size_t j = 0; j < ARRAY_LEN(widths); j++) {
            char text[400];
            if (!instantiate(identity[k].text, identity[k].min_width, widths[j], text, sizeof text))
                continue;
            struct arena a;
            struct btv_error err = {0};
            struct ir_module m;
            arena_init(&a, 0);
            enum btv_status st = ir_parse(&a, NULL, text, strlen(text), &m, &err);
            CHECK(st == BTV_OK && ir_verify(m.func[0], &err) == BTV_OK, "%s: %s", text, err.text);
            if (st == BTV_OK) {
                struct ir_func *g = refold(&a, m.func[0]);
                struct str s = STR_INIT;
                ir_print(&s, g);
                CHECK(ir_verify(g, &err) == BTV_OK, "%s%s: %s", text, s.p, err.text);
                CHECK(count_ops(g) == identity[k].ops, "%sfolded to\n%s", text, s.p);
                CHECK(agree(m.func[0], g, &gen, 200), "%sfolded to\n%s", text, s.p);
                str_free(&s);
            }
            arena_free(&a);
        }
}

/* A random expression over pure ops; the same operand is often used twice, constants are often corners. */
static void test_random(unsigned count)
{
    struct arena a;
    unsigned folded = 0;
    arena_init(&a, 0);
    for (unsigned n = 0; n < count; n++) {
        struct gen g = {.seed = n};
        struct ir_func *f = g.f = ir_func_new(&a, NULL, "f");
        struct ir_block *b = ir_block_new(f);
        unsigned w = gen_below(&g, 4);
        gen_add(&g, ir_block_param(f, b, (enum ir_type)(IR_I8 + w)));
        gen_add(&g, ir_block_param(f, b, (enum ir_type)(IR_I8 + w)));
        gen_add(&g, ir_block_param(f, b, IR_I64));
        for (unsigned k = 3 + gen_below(&g, 5); k;) {
            enum ir_op op = (enum ir_op)(2 + gen_below(&g, 80));
            const struct ir_op_info *info = &ir_op_info[op];
            if (!info->name || !(info->flags & IR_F_PURE))
                continue;
            enum ir_type t = gen_type_of(&g, info->sig[0]), s = gen_type_of(&g, info->sig[2]);
            if (!gen_widths_ok(op, t, s))
                continue;
            if (gen_below(&g, 2)) { /* prefer what is there already */
                enum ir_type seen = ir_typeof(f, g.val[gen_below(&g, g.nvals)]);
                if (strchr("jg", info->sig[2]) && ir_type_info[seen].class == ir_type_info[s].class && gen_widths_ok(op, t, seen))
                    s = seen;
                else if (info->sig[0] == info->sig[2] && ir_type_info[seen].class == ir_type_info[t].class && gen_widths_ok(op, seen, s))
                    t = seen;
            }
            ir_val arg[3] = {0};
            for (unsigned j = 0; j < info->nargs; j++) {
                char kind = info->sig[2 + j];
                arg[j] = gen_value(&g, kind == 'b' ? IR_I1 : strchr("jg", kind) ? s : t);
                if (j && gen_below(&g, 6) == 0 && ir_typeof(f, arg[0]) == ir_typeof(f, arg[j]))
                    arg[j] = arg[0];
            }
            gen_add(&g, ir_emit(f, op, t, arg[0], arg[1], arg[2], 0, 0));
            k--;
        }
        ir_emit(f, IR_OP_RET, IR_VOID, g.val[g.nvals - 1], 0, 0, 0, 0);
        struct btv_error err = {0};
        CHECK(ir_verify(f, &err) == BTV_OK, "seed %u: %s", n, err.text);
        struct ir_func *h = refold(&a, f);
        CHECK(ir_verify(h, &err) == BTV_OK, "seed %u: %s", n, err.text);
        folded += count_ops(h) < count_ops(f);
        bool same = true;
        for (unsigned k = 0; k < 60 && same; k++) {
            uint64_t args[3] = {gen_bits(&g), gen_bits(&g), gen_bits(&g)};
            same = value_of(f, args) == value_of(h, args);
        }
        if (!same) {
            struct str s = STR_INIT;
            ir_print(&s, f);
            ir_print(&s, h);
            CHECK(false, "seed %u\n%s", n, s.p);
            str_free(&s);
        } else {
            check_passed++;
        }
        arena_reset(&a);
    }
    CHECK(folded > count / 4, "only %u of %u expressions became shorter", folded, count);
    arena_free(&a);
}

/* Long chains made without folding do not make ir_make recurse deeply; a poisoned arena gives value 0. */
static void test_limits(void)
{
    struct arena a;
    arena_init(&a, 0);
    struct ir_func *f = ir_func_new(&a, NULL, "f");
    struct ir_block *b = ir_block_new(f);
    ir_val v = ir_block_param(f, b, IR_I64), one = ir_const(f, IR_I64, 1);
    for (unsigned k = 0; k < 200000; k++)
        v = ir_emit(f, IR_OP_ADD, IR_I64, v, one, 0, 0, 0);
    v = ir_make(f, IR_OP_ADD, IR_I64, v, one, 0);
    CHECK(v != 0, "long chain");
    chaos_alloc_set(0, 1);
    while (arena_ok(&a))
        v = ir_make(f, IR_OP_ADD, IR_I64, one, ir_make(f, IR_OP_MUL, IR_I64, one, v, 0), 0);
    chaos_alloc_set(0, 0);
    CHECK(ir_make(f, IR_OP_ADD, IR_I64, 0, 0, 0) == 0 && ir_emit(f, IR_OP_STORE, IR_VOID, 0, 0, 0, 0, 0) == 0, "poisoned");
    CHECK(ir_make(f, IR_OP_ZEXT, IR_I64, 0, 0, 0) == 0 && ir_const(f, IR_I64, 5) == 0, "poisoned");
    arena_free(&a);
}

int main(void)
{
    test_identities();
    test_random(20000);
    test_limits();
    return check_done();
}

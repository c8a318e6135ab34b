/*
 * Text and binary forms over handwritten and random functions: what is written is read back as the same function,
 * and it still means the same.  Also: errors name the right place, and running out of memory is reported.
 */
#include "base/chaos.h"
#include "irtest.h"

static void print_module(struct str *s, const struct ir_module *m)
{
    str_clear(s);
    for (unsigned k = 0; k < m->nfuncs; k++)
        ir_print(s, m->func[k]);
}

/* Same outcome, registers and memory from the same start. */
static bool same_meaning(const struct ir_func *f, const struct ir_func *g, unsigned long long seed)
{
    static struct test_machine one, two;
    struct ir_exit a = {0}, b = {0};
    uint64_t args[8];
    unsigned long long s = seed;
    for (unsigned k = 0; k < 8; k++)
        args[k] = check_random(&s);
    test_machine_init(&one, seed);
    test_machine_init(&two, seed);
    enum btv_status st = test_eval(&one, f, args, 2000, &a), st2 = test_eval(&two, g, args, 2000, &b);
    if (st == BTV_LIMIT) /* the parsed one has more constants: stopped at another place */
        return true;
    return st == st2 && a.kind == b.kind && a.pc == b.pc && a.value == b.value && a.trap.kind == b.trap.kind && a.trap.value == b.trap.value &&
           memcmp(&one, &two, sizeof one) == 0;
}

static void check_module(const struct ir_module *m, const char *what, unsigned long long seed)
{
    struct arena a;
    struct btv_error err = {0};
    struct str text = STR_INIT, again = STR_INIT, bin = STR_INIT, bin2 = STR_INIT;
    struct ir_module parsed, read;
    arena_init(&a, 0);
    const struct ir_slots *slots = m->func[0]->slots;

    print_module(&text, m);
    enum btv_status st = ir_parse(&a, slots, text.p, text.len, &parsed, &err);
    CHECK(st == BTV_OK, "%s: %s\n%s", what, err.text, text.p);
    if (st == BTV_OK) {
        print_module(&again, &parsed);
        CHECK(strcmp(text.p, again.p) == 0, "%s: text differs\n%s---\n%s", what, text.p, again.p);
        for (unsigned k = 0; k < parsed.nfuncs; k++) {
            st = ir_verify(parsed.func[k], &err);
            CHECK(st == BTV_OK, "%s: %s\n%s", what, err.text, text.p);
            CHECK(same_meaning(m->func[k], parsed.func[k], seed), "%s: parsed text means something else\n%s", what, text.p);
        }
    }
    st = ir_write(&bin, m);
    CHECK(st == BTV_OK, "%s", what);
    st = ir_read(&a, slots, bin.p, bin.len, &read, &err);
    CHECK(st == BTV_OK, "%s: %s\n%s", what, err.text, text.p);
    if (st == BTV_OK) {
        print_module(&again, &read);
        CHECK(strcmp(text.p, again.p) == 0, "%s: text from binary differs\n%s---\n%s", what, text.p, again.p);
        st = ir_write(&bin2, &read);
        CHECK(st == BTV_OK && bin.len == bin2.len && memcmp(bin.p, bin2.p, bin.len) == 0, "%s: binary differs", what);
        for (unsigned k = 0; k < read.nfuncs; k++)
            CHECK(same_meaning(m->func[k], read.func[k], seed), "%s: binary means something else", what);
    }
    str_free(&text);
    str_free(&again);
    str_free(&bin);
    str_free(&bin2);
    arena_free(&a);
}

static void test_random(unsigned count)
{
    struct arena a;
    arena_init(&a, 0);
    for (unsigned n = 0; n < count; n++) {
        char what[32];
        struct btv_error err = {0};
        snprintf(what, sizeof what, "seed %u", n);
        struct ir_func *f = gen_func(&a, n);
        enum btv_status st = ir_verify(f, &err);
        CHECK(st == BTV_OK, "%s: %s", what, err.text);
        check_module(&(struct ir_module){&f, 1}, what, n);
        arena_reset(&a);
    }
    arena_free(&a);
}

/* -- handwritten ------------------------------------------------------------------------------------------- */

static const char sum[] = "func @sum(v1: i64, v2: i64) -> i64 {\n"
                          "b0:\n"
                          "    br b1(v1, i64 0)\n"
                          "b1(v3: i64, v4: i64):\n"
                          "    v5 = load.i64 [v3]\n"
                          "    v6 = add.i64 v4, v5\n"
                          "    v7 = add.i64 v3, 8\n"
                          "    v8 = ltu.i64 v7, v2\n"
                          "    brif v8, b1(v7, v6), b2(v6)\n"
                          "b2(v9: i64):\n"
                          "    ret v9\n"
                          "}\n";
static const char guest[] = "func @\"odd name\\22\"() at 0x10000 {\n"
                            "  mark 0x10000, 4\n"
                            "    v1 = get.i64 $r10\n"
                            "    v2 = trunc.i32 v1\n"
                            "    v3 = add.i32 v2, -1\n"
                            "    v4 = sext.i64 v3\n"
                            "    put.i64 $r10, v4\n"
                            "  mark 0x10004, 4\n"
                            "    v9 = load.i64 [0x1008] acquire\n"
                            "    v10 = rmw.i32 maxu [v1], 5 acq_rel\n"
                            "    v15 = sc.i32 [v1], -1 release\n"
                            "    fence rw, iorw\n"
                            "    fence none, w\n"
                            "    v11 = get.f64 $f8\n"
                            "    v12 = fadd.f64 v11, 0x3ff0000000000000, dyn\n"
                            "    v13 = fminnum.f64 v12, v11 propagate\n"
                            "    v14 = call.i64 3, v1, i32 5, f64 0x0\n"
                            "    call 3\n"
                            "    v16 = cas.i64 [v1], 0, 0xffffffff80000000 seq_cst\n"
                            "    v5 = eq.i64 v4, 0\n"
                            "    v6 = select.i64 v5, v4, 17\n"
                            "    exitif v5 -> 0x10100\n"
                            "    trap illegal, i32 19 at 0x10004\n"
                            "}\n";

static void test_handwritten(const char *text)
{
    struct arena a;
    struct btv_error err = {0};
    struct ir_module m;
    struct str s = STR_INIT;
    arena_init(&a, 0);
    enum btv_status st = ir_parse(&a, &test_slots, text, strlen(text), &m, &err);
    CHECK(st == BTV_OK, "%s", err.text);
    if (st == BTV_OK) {
        print_module(&s, &m);
        CHECK(strcmp(s.p, text) == 0, "\n%s---\n%s", text, s.p);
        check_module(&m, "handwritten", 1);
    }
    str_free(&s);
    arena_free(&a);
}

/* Odd spellings that are accepted, and the canonical text they become. */
static const struct {
    const char *in, *out;
} spelling[] = {
    {"version 0.1\n\n; hello\nfunc @f() { ; comment\nret }\n", "func @f() {\n    ret\n}\n"},
    {"func @f() {\n v4 = const.i8 0x80\n ret v4\n}\n", "func @f() -> i8 {\n    ret i8 -128\n}\n"},
    {"func @f() {\nput.i64 $3,i64 0x10\nret\n}", "func @f() {\n    put.i64 $r3, 16\n    ret\n}\n"},
    {"func @f(v3: i1) {\nb7:\nbrif v3,b7(v3),b2\nb2:\nret i1 1}", "func @f(v3: i1) -> i1 {\nb7:\n    brif v3, b7(v3), b2\nb2:\n    ret i1 1\n}\n"},
};

static void test_spelling(void)
{
    for (size_t k = 0; k < ARRAY_LEN(spelling); k++) {
        struct arena a;
        struct btv_error err = {0};
        struct ir_module m;
        struct str s = STR_INIT;
        arena_init(&a, 0);
        enum btv_status st = ir_parse(&a, &test_slots, spelling[k].in, strlen(spelling[k].in), &m, &err);
        CHECK(st == BTV_OK, "%s: %s", spelling[k].in, err.text);
        if (st == BTV_OK) {
            print_module(&s, &m);
            CHECK(strcmp(s.p, spelling[k].out) == 0, "%s", s.p);
        }
        str_free(&s);
        arena_free(&a);
    }
}

static const struct {
    const char *text, *message; /* how the message begins */
} wrong[] = {
    {"func", "1:5: expected a name such as @f, found the end of the text"},
    {"func @f {", "1:9: expected '(', found '{'"},
    {"func @f() {\n", "2:1: expected '}', found the end of the text"},
    {"func @f() {\n v1 = frob.i64 v2\n}", "2:7: expected the name of an op, found 'frob'"},
    {"func @f() {\n v1 = add v2, v3\n}", "2:11: expected '.' and a type, found 'v2'"},
    {"func @f() {\n v1 = add.i63 v2, v3\n}", "2:11: expected a type, found 'i63'"},
    {"func @f() {\n v1 = add.i128 1, 2\n}", "2:11: type i128 is reserved"},
    {"func @f() {\n v1 = add.i64 v2, v3\n ret\n}", "2:15: v2 is not defined"},
    {"func @f() {\n v1 = add.i64 1\n ret\n}", "2:16: expected ',', found the end of the line"},
    {"func @f() {\n v1 = add.i8 1, 256\n ret\n}", "2:17: the constant does not fit i8"},
    {"func @f() {\n v1 = add.i8 1, -129\n ret\n}", "2:17: the constant does not fit i8"},
    {"func @f() {\n v1 = zext.i64 5\n ret\n}", "2:16: a constant needs its type here"},
    {"func @f() {\n v1 = get.i64 $zz\n ret\n}", "2:15: no slot has this name"},
    {"func @f() {\n br b9\n}", "2:5: b9 is not defined"},
    {"func @f() {\nb0:\n br b1(i64 5)\nb1:\n ret\n}", "3:5: b1 has 0 parameters, not 1"},
    {"func @f() {\n v1 = add.i64 1, 2\n v1 = add.i64 1, 2\n ret\n}", "3:2: v1 is defined twice"},
    {"func @f() {\nb0:\n ret\nb0:\n ret\n}", "4:1: b0 is defined twice"},
    {"func @f() {\n add.i64 1, 2\n ret\n}", "2:2: the result of add needs a name"},
    {"func @f() {\n v1 = put.i64 $r1, 2\n ret\n}", "2:2: put has no result"},
    {"func @f() {\n ret ret\n}", "2:6: expected a value or a constant, found 'ret'"},
    {"func @f() {\n mark 0x10000000000000000, 4\n}", "2:7: expected a guest pc, found a number of more than 64 bits"},
    {"func @f() {\n v1 = fadd.f64 0, 0, up\n}", "2:22: expected rne, rtz, rdn, rup, rmm or dyn, found 'up'"},
    {"func @f() -> i32 {\n ret i64 5\n}", "1:11: the function returns i64"},
    {"func @f() {\n v1000000000 = add.i64 1, 2\n}", "1:6: value or block numbers are too large"},
    {"version 9.0\n", "1:1: version 9.0 is not 0.1"},
    {"func @f() {\n v01 = add.i64 1, 2\n}", "2:2: expected the name of an op, found 'v01'"},
    {"func @f() {\n \x01\n}", "2:2: expected the name of an op, found a character that is not printable"},
};

static void test_errors(void)
{
    for (size_t k = 0; k < ARRAY_LEN(wrong); k++) {
        struct arena a;
        struct btv_error err = {0};
        struct ir_module m;
        arena_init(&a, 0);
        enum btv_status st = ir_parse(&a, &test_slots, wrong[k].text, strlen(wrong[k].text), &m, &err);
        CHECK(st == BTV_SYNTAX, "%s: status %d", wrong[k].text, st);
        CHECK(strncmp(err.text, wrong[k].message, strlen(wrong[k].message)) == 0, "got \"%s\", wanted \"%s\"", err.text, wrong[k].message);
        arena_free(&a);
    }
}

/* -- binary ------------------------------------------------------------------------------------------------ */

/* A section of unknown kind is skipped wherever it stands; a cut or a newer version is refused. */
static void test_sections(void)
{
    struct arena a;
    struct btv_error err = {0};
    struct ir_module m, got;
    struct str bin = STR_INIT, more = STR_INIT;
    arena_init(&a, 0);
    enum btv_status st = ir_parse(&a, &test_slots, sum, strlen(sum), &m, &err);
    CHECK(st == BTV_OK, "%s", err.text);
    st = ir_write(&bin, &m);
    CHECK(st == BTV_OK, "write");
    static const char unknown[] = {0x55, 3, 4, 'a', 'b', 'c', 'd'};
    str_addn(&more, bin.p, 8);
    str_addn(&more, unknown, sizeof unknown);
    str_addn(&more, bin.p + 8, bin.len - 8);
    str_addn(&more, unknown, sizeof unknown);
    st = ir_read(&a, &test_slots, more.p, more.len, &got, &err);
    CHECK(st == BTV_OK && got.nfuncs == 1, "%s", err.text);

    for (size_t len = 0; len < bin.len; len++) {
        struct btv_error e = {0};
        st = ir_read(&a, &test_slots, bin.p, len, &got, &e);
        CHECK(st == BTV_BADIMAGE && e.text[0], "cut to %zu bytes", len);
    }
    bin.p[7]++; /* minor version */
    st = ir_read(&a, &test_slots, bin.p, bin.len, &got, NULL);
    CHECK(st == BTV_BADIMAGE, "newer version");
    bin.p[7]--;
    struct ir_slots other = {"other", test_slot, TEST_SLOTS};
    st = ir_read(&a, &other, bin.p, bin.len, &got, NULL);
    CHECK(st == BTV_BADIMAGE, "another guest");
    str_free(&bin);
    str_free(&more);
    arena_free(&a);
}

/* Every failing allocation ends in BTV_NOMEM, not in a crash. */
static void test_no_memory(void)
{
    struct arena a;
    struct str bin = STR_INIT;
    struct ir_module m;
    arena_init(&a, 0);
    enum btv_status st = ir_parse(&a, &test_slots, guest, strlen(guest), &m, NULL);
    CHECK(st == BTV_OK && ir_write(&bin, &m) == BTV_OK, "set up");
    for (unsigned n = 1; n < 200; n++) {
        struct arena small;
        struct ir_module got;
        arena_init(&small, 256);
        chaos_alloc_set(0, n);
        st = ir_parse(&small, &test_slots, guest, strlen(guest), &got, NULL);
        chaos_alloc_set(0, 0);
        CHECK(st == BTV_OK || st == BTV_NOMEM, "parse, allocation %u: %d", n, st);
        arena_free(&small);
        arena_init(&small, 256);
        chaos_alloc_set(0, n);
        st = ir_read(&small, &test_slots, bin.p, bin.len, &got, NULL);
        chaos_alloc_set(0, 0);
        CHECK(st == BTV_OK || st == BTV_NOMEM, "read, allocation %u: %d", n, st);
        arena_free(&small);
    }
    str_free(&bin);
    arena_free(&a);
}

int main(void)
{
    test_slots_init();
    test_handwritten(sum);
    test_handwritten(guest);
    test_spelling();
    test_errors();
    test_sections();
    test_no_memory();
    test_random(1500);
    return check_done();
}

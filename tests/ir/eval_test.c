/*
 * The evaluator against independent statements of what each op means.
 *
 * Integer ops: exhaustively at 8 bits against arithmetic on wide integers, then corner rows at all widths.
 * Everything else: rows, one small function each.  At the end every op of ops.def must have been evaluated.
 */
#include "irtest.h"

static bool seen[IR_OP_LIMIT];

static void note_ops(const struct ir_func *f)
{
    for (const struct ir_block *b = f->first; b; b = b->next) {
        seen[IR_OP_PARAM] |= b->nparams > 0;
        for (const struct ir_ins *i = b->first; i; i = i->next)
            seen[i->op] = true;
    }
}

/* -- integer ops at 8 bits --------------------------------------------------------------------------------- */

static int s8(int a)
{
    return a >= 128 ? a - 256 : a;
}

/* What the op gives on bytes a and b, by other means than ops.def uses. */
static int expect8(enum ir_op op, int a, int b)
{
    int n = 0;
    switch (op) {
    case IR_OP_ADD:
        return a + b;
    case IR_OP_SUB:
        return a - b + 256;
    case IR_OP_MUL:
        return a * b;
    case IR_OP_MULHS:
        return (s8(a) * s8(b) + 65536) / 256;
    case IR_OP_MULHU:
        return a * b / 256;
    case IR_OP_MULHSU:
        return (s8(a) * b + 65536) / 256;
    case IR_OP_DIVS:
        return b == 0 ? 255 : s8(a) / s8(b) + 256;
    case IR_OP_DIVU:
        return b == 0 ? 255 : a / b;
    case IR_OP_REMS:
        return b == 0 ? a : s8(a) % s8(b) + 256;
    case IR_OP_REMU:
        return b == 0 ? a : a % b;
    case IR_OP_AND:
        return a & b;
    case IR_OP_OR:
        return a | b;
    case IR_OP_XOR:
        return a + b - 2 * (a & b);
    case IR_OP_SHL:
        for (; b > 0 && a; b--)
            a = a * 2 % 256;
        return a;
    case IR_OP_SHR:
        for (; b > 0 && a; b--)
            a /= 2;
        return a;
    case IR_OP_SAR:
        for (; b > 0; b--)
            a = a / 2 + (a & 128);
        return a;
    case IR_OP_ROTL:
        for (; b > 0; b--)
            a = a * 2 % 256 + a / 128;
        return a;
    case IR_OP_ROTR:
        for (; b > 0; b--)
            a = a / 2 + a % 2 * 128;
        return a;
    case IR_OP_MINS:
        return s8(a) < s8(b) ? a : b;
    case IR_OP_MAXS:
        return s8(a) < s8(b) ? b : a;
    case IR_OP_MINU:
        return a < b ? a : b;
    case IR_OP_MAXU:
        return a < b ? b : a;
    case IR_OP_CLZ:
        for (n = 0; n < 8 && !(a & 128 >> n);)
            n++;
        return n;
    case IR_OP_CTZ:
        for (n = 0; n < 8 && !(a & 1 << n);)
            n++;
        return n;
    case IR_OP_POPCNT:
        for (; a; a /= 2)
            n += a % 2;
        return n;
    case IR_OP_BITREV8:
        for (int k = 0; k < 8; k++)
            n |= (a >> k & 1) << (7 - k);
        return n;
    case IR_OP_ORCB:
        return a ? 255 : 0;
    case IR_OP_CLMUL:
    case IR_OP_CLMULH:
        for (int k = 0; k < 8; k++)
            n ^= b & 1 << k ? a << k : 0;
        return op == IR_OP_CLMUL ? n : n >> 8;
    case IR_OP_EQ:
        return a == b;
    case IR_OP_NE:
        return a != b;
    case IR_OP_LTS:
        return s8(a) < s8(b);
    case IR_OP_LTU:
        return a < b;
    case IR_OP_LES:
        return s8(a) <= s8(b);
    case IR_OP_LEU:
        return a <= b;
    default:
        return -1;
    }
}

static void test_bytes(void)
{
    for (unsigned op = IR_OP_ADD; op <= IR_OP_LEU; op++) {
        if (op == IR_OP_BSWAP)
            continue;
        unsigned wrong = 0;
        enum ir_type t = ir_op_info[op].sig[0] == 'b' ? IR_I1 : IR_I8;
        for (int a = 0; a < 256; a++)
            for (int b = 0; b < 256; b++) {
                uint64_t r = 99999;
                if (!ir_eval_pure((enum ir_op)op, t, IR_I8, (uint64_t)a, (uint64_t)b, 0, 0, &r) || r != (uint64_t)(expect8((enum ir_op)op, a, b) & 255))
                    wrong++;
            }
        CHECK(wrong == 0, "%s: %u of 65536 wrong", ir_op_info[op].name, wrong);
    }
}

/* -- rows: expression text, expected value ----------------------------------------------------------------- */

#define MIN64 "0x8000000000000000"

static const struct {
    const char *text; /* statements that end in v9 */
    uint64_t want;
} row[] = {
    {"v9 = const.i16 -2", 0xfffe},
    {"v9 = add.i64 -1, 1", 0},
    {"v9 = sub.i32 0, 1", 0xffffffff},
    {"v9 = mul.i64 0x100000001, 0x100000001", 0x200000001},
    {"v9 = mulhs.i64 -1, -1", 0},
    {"v9 = mulhs.i64 " MIN64 ", " MIN64, 0x4000000000000000},
    {"v9 = mulhu.i64 -1, -1", 0xfffffffffffffffe},
    {"v9 = mulhsu.i64 -1, -1", 0xffffffffffffffff},
    {"v9 = mulhsu.i64 " MIN64 ", -1", 0x8000000000000000},
    {"v9 = mulhs.i32 -1, 1", 0xffffffff},
    {"v9 = mulhsu.i16 -1, 0xffff", 0xffff},
    {"v9 = divs.i64 " MIN64 ", -1", 0x8000000000000000},
    {"v9 = rems.i64 " MIN64 ", -1", 0},
    {"v9 = divs.i32 0x80000000, -1", 0x80000000},
    {"v9 = rems.i32 0x80000000, -1", 0},
    {"v9 = divs.i64 7, 0", 0xffffffffffffffff},
    {"v9 = rems.i64 -7, 0", 0xfffffffffffffff9},
    {"v9 = divs.i64 -7, 2", 0xfffffffffffffffd},
    {"v9 = rems.i64 -7, 2", 0xffffffffffffffff},
    {"v9 = divu.i32 -1, 2", 0x7fffffff},
    {"v9 = divu.i32 5, 0", 0xffffffff},
    {"v9 = remu.i32 5, 0", 5},
    {"v9 = shl.i64 1, 63", 0x8000000000000000},
    {"v9 = shl.i64 1, 64", 0},
    {"v9 = shr.i64 -1, 64", 0},
    {"v9 = sar.i64 " MIN64 ", 64", 0xffffffffffffffff},
    {"v9 = sar.i32 0x80000000, 0x80000000", 0xffffffff},
    {"v9 = sar.i32 0x40000000, 99", 0},
    {"v9 = rotl.i64 0x8000000000000001, 65", 3},
    {"v9 = rotr.i32 1, 33", 0x80000000},
    {"v9 = rotr.i64 5, 0", 5},
    {"v9 = clz.i64 0", 64},
    {"v9 = clz.i32 1", 31},
    {"v9 = ctz.i32 0", 32},
    {"v9 = ctz.i16 0x8000", 15},
    {"v9 = popcnt.i64 -1", 64},
    {"v9 = bswap.i64 0x0102030405060708", 0x0807060504030201},
    {"v9 = bswap.i32 0x01020304", 0x04030201},
    {"v9 = bswap.i16 0x0102", 0x0201},
    {"v9 = bitrev8.i64 0x0180402010080402", 0x8001020408102040},
    {"v9 = orcb.i64 0x0100ff0000800001", 0xff00ff0000ff00ff},
    {"v9 = clmul.i64 -1, -1", 0x5555555555555555},
    {"v9 = clmulh.i64 -1, -1", 0x5555555555555555},
    {"v9 = clmulh.i64 " MIN64 ", " MIN64, 0x4000000000000000},
    {"v9 = mins.i64 -1, 0", 0xffffffffffffffff},
    {"v9 = maxu.i32 -1, 0", 0xffffffff},
    {"v9 = maxs.i16 -1, 0", 0},
    {"v9 = minu.i64 -1, 0", 0},
    {"v9 = and.i1 1, 1", 1},
    {"v9 = or.i32 0xf0, 0x0f", 255},
    {"v9 = xor.i64 -1, 1", 0xfffffffffffffffe},
    {"v9 = leu.i16 -1, 5", 0},
    {"v9 = lts.i64 -1, 0", 1},
    {"v9 = ltu.i64 -1, 0", 0},
    {"v9 = les.i64 5, 5", 1},
    {"v9 = eq.i1 1, 0", 0},
    {"v9 = ne.i1 1, 0", 1},
    {"v9 = select.i64 1, 7, 8", 7},
    {"v9 = select.f32 0, 7, 8", 8},
    {"v9 = zext.i64 i8 -1", 255},
    {"v9 = sext.i64 i8 -1", 0xffffffffffffffff},
    {"v9 = sext.i32 i1 1", 0xffffffff},
    {"v9 = trunc.i8 i64 0x1234", 0x34},
    {"v9 = trunc.i1 i64 2", 0},
    {"v9 = bits.i32 f32 0x3f800000", 0x3f800000},
    {"v9 = float.f64 i64 5", 5},
    {"v9 = nanbox.f64 f32 0x3f800000", 0xffffffff3f800000},
    {"v9 = nanbox.f64 f16 0x3c00", 0xffffffffffff3c00},
    {"v9 = nanbox.f32 f16 0x3c00", 0xffff3c00},
    {"v9 = nanunbox.f32 f64 0xffffffff3f800000", 0x3f800000},
    {"v9 = nanunbox.f32 f64 0xfffffffe3f800000", 0x7fc00000},
    {"v9 = nanunbox.f16 f64 0xffffffffffff3c00", 0x3c00},
    {"v9 = nanunbox.f16 f64 0xffffffff00003c00", 0x7e00},
    {"v9 = nanunbox.f16 f32 0xffff3c00", 0x3c00},
    {"v9 = fneg.f32 0x7fc00000", 0xffc00000},
    {"v9 = fabs.f64 0x8000000000000000", 0},
    {"v9 = fsgnj.f16 0x3c00, 0x8000", 0xbc00},
    {"v9 = fclass.i64 f64 0x8000000000000000", 1 << 3},
    {"v9 = fclass.i32 f32 0x7f800001", 1 << 8},
    {"v9 = fclass.i64 f16 0x7e00", 1 << 9},
    /* floating point: 1.0 is 3ff0..., 3f800000, 3c00 */
    {"v9 = fadd.f64 0x3ff0000000000000, 0x3ff0000000000000, rne", 0x4000000000000000},
    {"v9 = fadd.f32 0x3f800000, 0x33800000, rne", 0x3f800000},
    {"v9 = fadd.f32 0x3f800000, 0x33800000, rmm", 0x3f800001},
    {"v9 = fadd.f32 0x3f800000, 0x33800000, rup", 0x3f800001},
    {"v9 = fadd.f32 0x3f800000, 0x33800000, dyn", 0x3f800001}, /* the tests' dynamic mode is rup */
    {"v9 = fadd.f32 0x3f800000, 0x33800000, rtz", 0x3f800000},
    {"v9 = fadd.f64 0x7ff8000000000123, 0x3ff0000000000000, rne", 0x7ff8000000000000},
    {"v9 = fadd.f64 0x7ff8000000000123, 0x3ff0000000000000, rne propagate", 0x7ff8000000000123},
    {"v9 = fsub.f32 0x3f800000, 0x3f800000, rdn", 0x80000000},
    {"v9 = fmul.f16 0x4000, 0x4000, rne", 0x4400},
    {"v9 = fdiv.f64 0x3ff0000000000000, 0x0, rne", 0x7ff0000000000000},
    {"v9 = fsqrt.f64 0x4010000000000000, rne", 0x4000000000000000},
    {"v9 = fma.f64 0x4000000000000000, 0x4000000000000000, 0x3ff0000000000000, rne", 0x4014000000000000},
    {"v9 = fminnum.f64 0x8000000000000000, 0x0", 0x8000000000000000},
    {"v9 = fminnum.f64 0x7ff8000000000000, 0x3ff0000000000000", 0x3ff0000000000000},
    {"v9 = fmaxnum.f32 0x80000000, 0x0", 0},
    {"v9 = fminimum.f64 0x7ff8000000000000, 0x3ff0000000000000", 0x7ff8000000000000},
    {"v9 = fmaximum.f64 0x3ff0000000000000, 0x4000000000000000", 0x4000000000000000},
    {"v9 = feq.f64 0x0, 0x8000000000000000", 1},
    {"v9 = flt.f64 0x7ff8000000000000, 0x0", 0},
    {"v9 = fle.f32 0x3f800000, 0x3f800000", 1},
    {"v9 = fltq.f32 0x0, 0x3f800000", 1},
    {"v9 = fleq.f16 0x7e00, 0x7e00", 0},
    {"v9 = fcvt.f64 f32 0x3f800000, rne", 0x3ff0000000000000},
    {"v9 = fcvt.f16 f64 0x3ff0000000000000, rne", 0x3c00},
    {"v9 = s2f.f64 i32 -1, rne", 0xbff0000000000000},
    {"v9 = u2f.f64 i32 -1, rne", 0x41efffffffe00000},
    {"v9 = u2f.f32 i64 -1, rtz", 0x5f7fffff},
    {"v9 = f2s.i32 f64 0xbff8000000000000, rtz", 0xffffffff},
    {"v9 = f2s.i64 f64 0x7ff8000000000000, rtz", 0x7fffffffffffffff},
    {"v9 = f2u.i32 f64 0xbff0000000000000, rtz", 0},
    {"v9 = f2u.i64 f32 0x7f800000, rne", 0xffffffffffffffff},
    {"v9 = f2smod.i32 f64 0x41f0000000100000", 1},
    {"v9 = frint.f64 0x3ff8000000000000, rne", 0x4000000000000000},
    {"v9 = frintx.f32 0x3fc00000, rtz", 0x3f800000},
    {"v8 = fdiv.f64 0x3ff0000000000000, 0x0, rne\n v9 = fgetflags.i64", 8},
    {"v8 = frint.f64 0x3ff8000000000000, rne\n v9 = fgetflags.i64", 0},
    {"v8 = frintx.f64 0x3ff8000000000000, rne\n v9 = fgetflags.i64", 1},
    {"v8 = feq.f64 0x7ff8000000000000, 0x0\n v9 = fgetflags.i64", 0},
    {"v8 = flt.f64 0x7ff8000000000000, 0x0\n v9 = fgetflags.i64", 16},
    {"fsetflags i64 0xff\n v9 = fgetflags.i32", 31},
    {"v9 = fgetrm.i64", 3},
    {"fsetrm i32 15\n v9 = fgetrm.i64", 7},
    /* state; slot rN holds N */
    {"v9 = get.i64 $r5", 5},
    {"put.i64 $r5, -1\n v9 = get.i64 $r5", 0xffffffffffffffff},
    /* memory: byte k of the page is k */
    {"v9 = load.i64 [0x1001]", 0x0807060504030201},
    {"v9 = load.i8 [0x10ff]", 0xff},
    {"v9 = load.f32 [0x1000] acquire", 0x03020100},
    {"store.i16 [0x1001], 0xaabb release\n v9 = load.i32 [0x1000] seq_cst", 0x03aabb00},
    {"v9 = cas.i32 [0x1000], 0x03020100, 5 acq_rel", 0x03020100},
    {"v8 = cas.i32 [0x1000], 0x03020100, 5\n v9 = load.i32 [0x1000]", 5},
    {"v8 = cas.i32 [0x1000], 0x03020101, 5\n v9 = load.i32 [0x1000]", 0x03020100},
    {"v9 = rmw.i32 add [0x1000], 1", 0x03020100},
    {"v8 = rmw.i32 add [0x1000], -1\n v9 = load.i32 [0x1000]", 0x030200ff},
    {"v8 = rmw.i16 swap [0x1002], 7\n v9 = load.i64 [0x1000]", 0x0706050400070100},
    {"v8 = rmw.i32 and [0x1000], 0xff00\n v9 = load.i32 [0x1000]", 0x100},
    {"v8 = rmw.i32 or [0x1000], 0xff\n v9 = load.i32 [0x1000]", 0x030201ff},
    {"v8 = rmw.i32 xor [0x1000], -1\n v9 = load.i32 [0x1000]", 0xfcfdfeff},
    {"v8 = rmw.i32 mins [0x1000], -1\n v9 = load.i32 [0x1000]", 0xffffffff},
    {"v8 = rmw.i32 maxs [0x1000], -1\n v9 = load.i32 [0x1000]", 0x03020100},
    {"v8 = rmw.i32 minu [0x1000], -1\n v9 = load.i32 [0x1000]", 0x03020100},
    {"v8 = rmw.i8 maxu [0x1000], -1\n v9 = load.i32 [0x1000]", 0x030201ff},
    {"v8 = ll.i32 [0x1000] acquire\n v9 = sc.i32 [0x1000], 1 release", 0},
    {"v8 = ll.i32 [0x1000]\n v7 = sc.i32 [0x1000], 1\n v9 = load.i32 [0x1000]", 1},
    {"v8 = ll.i32 [0x1000]\n store.i8 [0x1003], 9\n v9 = sc.i32 [0x1000], 1", 1},
    {"v8 = ll.i32 [0x1000]\n v9 = sc.i64 [0x1000], 1", 1},
    {"v8 = ll.i32 [0x1000]\n v9 = sc.i32 [0x1004], 1", 1},
    {"v8 = ll.i32 [0x1000]\n v7 = sc.i32 [0x1004], 1\n v9 = sc.i32 [0x1000], 1", 1},
    {"v9 = sc.i32 [0x1000], 1", 1},
    {"fence rw, rw\n v9 = const.i8 1", 1},
    {"mark 0x10, 2\n v9 = call.i32 5, i64 0x100000001, i8 2", 8},
    {"call 5\n v9 = const.i8 1", 1},
};

static struct ir_func *parse(struct arena *a, const char *text)
{
    struct btv_error err = {0};
    struct ir_module m;
    enum btv_status st = ir_parse(a, &test_slots, text, strlen(text), &m, &err);
    CHECK(st == BTV_OK, "%s\n%s", text, err.text);
    if (st != BTV_OK)
        return NULL;
    st = ir_verify(m.func[0], &err);
    CHECK(st == BTV_OK, "%s\n%s", text, err.text);
    note_ops(m.func[0]);
    return st == BTV_OK ? m.func[0] : NULL;
}

static void machine_init(struct test_machine *m)
{
    test_machine_init(m, 0);
    for (unsigned k = 0; k < TEST_SLOTS; k++)
        m->cpu.slot[k] = k;
    for (unsigned k = 0; k < TEST_MEM_BYTES; k++)
        m->mem[k] = (unsigned char)k;
    m->cpu.fp.rm = FP_RUP;
}

static void test_rows(void)
{
    for (size_t k = 0; k < ARRAY_LEN(row); k++) {
        struct arena a;
        static struct test_machine m;
        char text[400];
        arena_init(&a, 0);
        snprintf(text, sizeof text, "func @f() {\n %s\n ret v9\n}\n", row[k].text);
        struct ir_func *f = parse(&a, text);
        struct ir_exit e = {0};
        machine_init(&m);
        if (f) {
            CHECK(test_eval(&m, f, NULL, 0, &e) == BTV_OK && e.kind == IR_EXIT_RET, "%s", text);
            CHECK(e.value == row[k].want, "%s: %llx, not %llx", row[k].text, (unsigned long long)e.value, (unsigned long long)row[k].want);
        }
        arena_free(&a);
    }
}

/* -- exits ------------------------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    enum ir_exit_kind kind;
    uint64_t pc;
    uint32_t trap;
    uint64_t value;
} leaving[] = {
    {"goto 0x2000", IR_EXIT_GOTO, 0x2000, 0, 0},
    {"goto 0x2000 link 0x1004", IR_EXIT_GOTO, 0x2000, 0, 0},
    {"v1 = get.i64 $r7\n gotoind ret v1", IR_EXIT_GOTO, 7, 0, 0},
    {"exitif 1 -> 0x3000\n goto 0x2000", IR_EXIT_GOTO, 0x3000, 0, 0},
    {"exitif 0 -> 0x3000\n goto 0x2000", IR_EXIT_GOTO, 0x2000, 0, 0},
    {"syscall -> 0x1004", IR_EXIT_SYSCALL, 0x1004, 0, 0},
    {"isync -> 0x1008", IR_EXIT_ISYNC, 0x1008, 0, 0},
    {"trap break, i64 0x77 at 0x1234", IR_EXIT_TRAP, 0x1234, IR_TRAP_BREAK, 0x77},
    {"mark 0x5000, 4\n v1 = load.i32 [0x1ffe]\n goto 0", IR_EXIT_TRAP, 0x5000, IR_TRAP_ACCESS, 0x1ffe},
    {"mark 0x5000, 4\n mark 0x5004, 4\n store.i8 [0x2000], 1\n goto 0", IR_EXIT_TRAP, 0x5004, IR_TRAP_ACCESS, 0x2000},
    {"mark 0x5000, 4\n v1 = ll.i32 [0x1002]\n goto 0", IR_EXIT_TRAP, 0x5000, IR_TRAP_MISALIGNED, 0x1002},
    {"mark 0x5000, 4\n v1 = sc.i64 [0x1004], 0\n goto 0", IR_EXIT_TRAP, 0x5000, IR_TRAP_MISALIGNED, 0x1004},
    {"mark 0x5000, 4\n v1 = cas.i16 [0x1001], 0, 0\n goto 0", IR_EXIT_TRAP, 0x5000, IR_TRAP_MISALIGNED, 0x1001},
    {"mark 0x5000, 4\n v1 = rmw.i32 add [0x1003], 0\n goto 0", IR_EXIT_TRAP, 0x5000, IR_TRAP_MISALIGNED, 0x1003},
    {"mark 0x5000, 4\n v1 = rmw.i32 add [0x3000], 0\n goto 0", IR_EXIT_TRAP, 0x5000, IR_TRAP_ACCESS, 0x3000},
    {"mark 0x5000, 4\n v1 = rmw.i8 add [0x1003], 0\n goto 0", IR_EXIT_GOTO, 0, 0, 0},
    {"mark 0x5000, 4\n call 99\n goto 0", IR_EXIT_TRAP, 0x5000, IR_TRAP_ILLEGAL, 99},
};

static void test_leaving(void)
{
    for (size_t k = 0; k < ARRAY_LEN(leaving); k++) {
        struct arena a;
        static struct test_machine m;
        char text[400];
        arena_init(&a, 0);
        snprintf(text, sizeof text, "func @f() at 0x1000 {\n %s\n}\n", leaving[k].text);
        struct ir_func *f = parse(&a, text);
        struct ir_exit e = {0};
        machine_init(&m);
        if (f) {
            CHECK(test_eval(&m, f, NULL, 0, &e) == BTV_OK, "%s", text);
            CHECK(e.kind == leaving[k].kind && e.pc == leaving[k].pc, "%s: kind %d pc %llx", text, e.kind, (unsigned long long)e.pc);
            CHECK(e.trap.kind == leaving[k].trap && e.trap.value == leaving[k].value, "%s: trap %u", text, e.trap.kind);
            CHECK(e.kind != IR_EXIT_TRAP || memcmp(&e.trap, &m.cpu.trap, sizeof e.trap) == 0, "%s: cpu's trap", text);
        }
        arena_free(&a);
    }
}

/* An op that rounds dynamically under an invalid mode is an illegal instruction; a static mode does not care. */
static void test_bad_mode(void)
{
    struct arena a;
    static struct test_machine m;
    arena_init(&a, 0);
    struct ir_func *f = parse(&a, "func @f() {\n mark 0x5000, 4\n v1 = fadd.f64 0, 0, dyn\n goto 0\n}");
    struct ir_func *g = parse(&a, "func @f() {\n mark 0x5000, 4\n v1 = fadd.f64 0, 0, rne\n goto 0\n}");
    for (unsigned rm = 0; rm < 8 && f && g; rm++) {
        struct ir_exit e = {0};
        machine_init(&m);
        m.cpu.fp.rm = (uint8_t)rm;
        CHECK(test_eval(&m, f, NULL, 0, &e) == BTV_OK, "mode %u", rm);
        CHECK(e.kind == (rm > 4 ? IR_EXIT_TRAP : IR_EXIT_GOTO) && e.trap.kind == (rm > 4 ? IR_TRAP_ILLEGAL : 0u), "mode %u", rm);
        CHECK(test_eval(&m, g, NULL, 0, &e) == BTV_OK && e.kind == IR_EXIT_GOTO, "static under %u", rm);
    }
    arena_free(&a);
}

/* Loops: parameters move in parallel, the instruction limit stops. */
static void test_loops(void)
{
    struct arena a;
    static struct test_machine m;
    struct ir_exit e = {0};
    arena_init(&a, 0);
    struct ir_func *f = parse(&a, "func @fib(v1: i64) -> i64 {\nb0:\n br b1(i64 0, i64 1, v1)\nb1(v2: i64, v3: i64, v4: i64):\n v5 = add.i64 v2, v3\n"
                                  " v6 = sub.i64 v4, 1\n v7 = eq.i64 v6, 0\n brif v7, b2, b1(v3, v5, v6)\nb2:\n ret v3\n}");
    struct ir_func *swap = parse(&a, "func @s(v1: i64, v2: i64, v3: i1) -> i64 {\nb0:\n brif v3, b0(v2, v1, i1 0), b1\nb1:\n v4 = sub.i64 v1, v2\n ret v4\n}");
    struct ir_func *forever = parse(&a, "func @l() {\nb0:\n br b0\n}");
    if (f && swap && forever) {
        uint64_t args[] = {50};
        CHECK(test_eval(&m, f, args, 0, &e) == BTV_OK && e.value == 12586269025, "fib %llu", (unsigned long long)e.value);
        CHECK(test_eval(&m, f, args, 20, &e) == BTV_LIMIT, "limit");
        uint64_t pair[] = {10, 3, 0xff};
        CHECK(test_eval(&m, swap, pair, 0, &e) == BTV_OK && e.value == (uint64_t)-7, "swap %llx", (unsigned long long)e.value);
        CHECK(test_eval(&m, forever, NULL, 1000, &e) == BTV_LIMIT, "endless loop");
    }
    arena_free(&a);
}

/* `rounds` does none ahead. */
static void test_rounds(void)
{
    struct arena a;
    static struct test_machine m;
    struct ir_exit e = {0};
    arena_init(&a, 0);
    struct ir_func *f = parse(&a, "func @f() at 0x5000 {\n rounds\n mark 0x5000, 4\n v1 = get.i64 $5\n v2 = add.i64 v1, 1\n put.i64 $5, v2\n"
                                  " mark 0x5004, 4\n v3 = ltu.i64 v2, 100\n exitif v3 -> 0x5000\n goto 0x5008\n}");
    machine_init(&m);
    if (f)
        CHECK(test_eval(&m, f, NULL, 0, &e) == BTV_OK && e.pc == 0x5000 && m.cpu.slot[5] == 6, "one round: %llx, %llu", (unsigned long long)e.pc,
              (unsigned long long)m.cpu.slot[5]);
    arena_free(&a);
}

int main(void)
{
    test_slots_init();
    test_bytes();
    test_rows();
    test_leaving();
    test_bad_mode();
    test_loops();
    test_rounds();
    for (unsigned op = 1; op < IR_OP_LIMIT; op++)
        CHECK(!ir_op_info[op].name || seen[op], "%s was never evaluated", ir_op_info[op].name);
    return check_done();
}

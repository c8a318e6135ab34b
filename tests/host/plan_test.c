/*
 * What the emitter decides before it emits: instructions that must not appear, or must, for small functions.  That the code is right
 * is for emit_test.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "host/host.h"
#include "ir/ir.h"

static struct ir_slot slot_table[CPU_SLOTS];
static struct ir_slots slots = {.guest = "test", .slot = slot_table, .count = 65};

static const struct {
    const char *what, *body;
    const char *with, *without; /* text of the hot path, or NULL */
} trials[] = {
    {"the extension of what is only read in 32 bits",
     "  v1 = get.i64 $s10\n  v2 = trunc.i32 v1\n  v3 = shl.i32 v2, 5\n  v4 = sext.i64 v3\n  v5 = xor.i64 v4, v1\n  v6 = trunc.i32 v5\n  v7 = zext.i64 v6\n"
     "  put.i64 $s11, v7\n",
     NULL, "movsxd"},
    {"the same, put into a slot that is put again before anybody can see it",
     "  v1 = get.i64 $s10\n  v2 = trunc.i32 v1\n  v3 = add.i32 v2, 5\n  v4 = sext.i64 v3\n  put.i64 $s11, v4\n  mark 0x10004, 4\n  v5 = or.i64 v4, v1\n"
     "  v6 = trunc.i32 v5\n  v7 = zext.i64 v6\n  put.i64 $s11, v7\n",
     NULL, "movsxd"},
    {"an extension that a slot holds at the end",
     "  v1 = get.i64 $s10\n  v2 = trunc.i32 v1\n  v3 = shl.i32 v2, 5\n  v4 = sext.i64 v3\n  put.i64 $s12, v4\n  v5 = xor.i64 v4, v1\n  v6 = trunc.i32 v5\n"
     "  v7 = zext.i64 v6\n  put.i64 $s11, v7\n",
     "movsxd", NULL},
    {"an extension whose upper half a shift brings down",
     "  v1 = get.i64 $s10\n  v2 = trunc.i32 v1\n  v3 = shl.i32 v2, 5\n  v4 = sext.i64 v3\n  v5 = shr.i64 v4, 9\n  v6 = trunc.i32 v5\n  v7 = zext.i64 v6\n"
     "  put.i64 $s11, v7\n",
     "movsxd", NULL},
    {"a complement", "  v1 = get.i64 $s10\n  v2 = xor.i64 v1, -1\n  put.i64 $s11, v2\n", "not", "xor"},
    {"a result made in the register of a slot that is put some instructions later",
     "  v1 = get.i64 $s10\n  v2 = add.i64 v1, 1\n  put.i64 $s13, v2\n  mark 0x10004, 4\n  v3 = add.i64 v1, v2\n  put.i64 $s13, v3\n  mark 0x10008, 4\n"
     "  put.i64 $s11, v2\n",
     "lea rdi, [rsi+0x1]", "mov rdi"},
    {"a result that is not made there, because a load between may fault",
     "  v1 = get.i64 $s10\n  v2 = add.i64 v1, 1\n  mark 0x10004, 4\n  v3 = load.i64 [v1]\n  put.i64 $s13, v3\n  mark 0x10008, 4\n  put.i64 $s11, v2\n",
     "mov rdi", "lea rdi"},
    {"what an addition makes of a loaded value is made in place, in the register of its slot",
     "  v1 = get.i64 $s10\n  v2 = load.i64 [v1]\n  v3 = and.i64 v2, 124\n  put.i64 $s11, v3\n", "mov rdi, QWORD PTR [rsi]", "rax"},
    {"not so if the slot is read between",
     "  v1 = get.i64 $s10\n  v2 = load.i64 [v1]\n  v3 = get.i64 $s11\n  v4 = and.i64 v2, 124\n  put.i64 $s11, v4\n  put.i64 $s15, v3\n", NULL,
     "mov rdi, QWORD PTR [rsi]"},
    {"a comparison with 0 of what has just been computed",
     "  v1 = get.i64 $s10\n  v2 = and.i64 v1, 124\n  put.i64 $s11, v2\n  v3 = ne.i64 v2, 0\n  exitif v3 -> 0x30000\n", "jne", "test"},
    {"also of its sign, after a logical op",
     "  v1 = get.i64 $s10\n  v2 = get.i64 $s11\n  v3 = xor.i64 v1, v2\n  put.i64 $s11, v3\n  v4 = lts.i64 v3, 0\n  exitif v4 -> 0x30000\n", "jl", "test"},
    {"not of the sign of a sum, which may have overflowed",
     "  v1 = get.i64 $s10\n  v2 = add.i64 v1, v1\n  v3 = get.i64 $s11\n  v4 = add.i64 v3, v2\n  put.i64 $s11, v4\n  v5 = lts.i64 v4, 0\n  exitif v5 -> 0x30000\n",
     "test", NULL},
    {"not after a complement, which sets no flags", "  v1 = get.i64 $s10\n  v2 = xor.i64 v1, -1\n  put.i64 $s10, v2\n  v3 = ne.i64 v2, 0\n  exitif v3 -> 0x30000\n",
     "test", NULL},
    {"the low byte", "  v1 = get.i64 $s10\n  v2 = and.i64 v1, 255\n  put.i64 $s11, v2\n", "movzx", "and"},
    {"the low half", "  v1 = get.i64 $s10\n  v2 = and.i64 v1, 0xffffffff\n  put.i64 $s11, v2\n", "mov edi, esi", "and"},
    {"a remainder comes with its quotient",
     "  v1 = get.i64 $s10\n  v2 = get.i64 $s11\n  v3 = remu.i64 v1, v2\n  put.i64 $s12, v3\n  mark 0x10004, 4\n  v4 = divu.i64 v1, v2\n  v5 = divu.i64 v3, v4\n"
     "  put.i64 $s13, v5\n", "div", "mov QWORD PTR [rbp"},
    {"the high half of a product with the low one",
     "  v1 = get.i64 $s10\n  v2 = get.i64 $s11\n  v3 = mul.i64 v1, v2\n  put.i64 $s12, v3\n  v4 = mulhu.i64 v1, v2\n  put.i64 $s13, v4\n", "mul", "imul"},
    {"not in 64 bits after 32", "  v1 = get.i64 $s10\n  v2 = trunc.i32 v1\n  v3 = and.i32 v2, 124\n  v4 = zext.i64 v3\n  put.i64 $s11, v4\n  v5 = ne.i64 v4, 0\n"
     "  exitif v5 -> 0x30000\n", "test", NULL},
};

static void trial(const char *what, const char *body, const char *with, const char *without)
{
    static const uint8_t pin_int[] = {2, 10, 11, 15, 14, 12, 13, 8, 9, 16, 17}, pin_fp[] = {42};
    struct host_config cfg;
    struct arena a;
    struct ir_module m = {0};
    struct btv_error err = {0};
    struct host_code code;
    struct str text = STR_INIT, line = STR_INIT;
    arena_init(&a, 0);
    host_config_init(&cfg, &host_x64, pin_int, sizeof pin_int, pin_fp, sizeof pin_fp, 0);
    str_add(&text, "func @f() at 0x10000 {\n  mark 0x10000, 4\n%s  mark 0x10010, 4\n  goto 0x20000\n}\n", body);
    enum btv_status st = ir_parse(&a, &slots, str_get(&text), strlen(str_get(&text)), &m, &err);
    CHECK(st == BTV_OK, "%s: %s", what, err.text);
    if (st == BTV_OK && (st = host_x64.emit(&a, &cfg, m.func[0], &code)) == BTV_OK) {
        str_clear(&text);
        for (unsigned o = 0; o < code.hot_len;) {
            str_clear(&line);
            o += host_x64.disasm(&line, code.bytes + o, code.len - o, o);
            str_add(&text, "  %s\n", str_get(&line));
        }
        CHECK(!with || strstr(str_get(&text), with), "%s: no `%s` in\n%s", what, with, str_get(&text));
        CHECK(!without || !strstr(str_get(&text), without), "%s: `%s` in\n%s", what, without, str_get(&text));
    }
    CHECK(st == BTV_OK, "%s: emit: %s", what, btv_status_text(st));
    str_free(&text);
    str_free(&line);
    arena_free(&a);
}

/* Code of one function may lie anywhere; marks say where. */
static void far_apart(uint64_t pc)
{
    struct host_config cfg;
    struct arena a;
    struct host_code code;
    arena_init(&a, 0);
    host_config_init(&cfg, &host_x64, NULL, 0, NULL, 0, 0);
    struct ir_func *f = ir_func_new(&a, &slots, NULL);
    ir_block_new(f);
    f->pc = 0x200000000;
    ir_emit(f, IR_OP_MARK, IR_VOID, 0, 0, 0, f->pc, 4);
    ir_emit(f, IR_OP_MARK, IR_VOID, 0, 0, 0, pc, 4);
    ir_emit(f, IR_OP_GOTO, IR_VOID, 0, 0, 0, 0x20000, 0);
    enum btv_status st = host_x64.emit(&a, &cfg, f, &code);
    CHECK(st == BTV_OK && code.nmarks == 2 && f->pc + code.mark[1].pc_delta == pc, "code at 0x%llx and 0x%llx: %s", (unsigned long long)f->pc, (unsigned long long)pc, btv_status_text(st));
    arena_free(&a);
}

int main(void)
{
    static char names[CPU_SLOTS][8];
    for (unsigned i = 0; i < CPU_SLOTS; i++) {
        snprintf(names[i], sizeof names[i], "s%u", i);
        slot_table[i] = (struct ir_slot){names[i], i >= 32 && i < 64 ? IR_F64 : IR_I64};
    }
    for (unsigned k = 0; k < ARRAY_LEN(trials); k++)
        trial(trials[k].what, trials[k].body, trials[k].with, trials[k].without);
    far_apart(0x200000000 + INT32_MAX);
    far_apart(0x200000000 - (UINT64_C(1) << 31));
    far_apart(0x200000000 + (UINT64_C(1) << 31));
    far_apart(0x10000);
    return check_done();
}

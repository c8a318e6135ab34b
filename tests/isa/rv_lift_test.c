/*
 * What the lifter does with control flow and with code that cannot be fetched, what the interpreter does with the same, and the
 * text functions of guest_riscv64.
 */
#include <string.h>

#include "check.h"
#include "guest/guest.h"

enum { PC = 0x10000, SLOT_PC = 64, SP = 2 };

static uint8_t code[256];
static size_t code_len, hole; /* bytes from `hole` on (if not 0) come from a second fetch that fails */
static bool page_split;       /* fetch never gives bytes on both sides of `hole` */

static const uint8_t *fetch(void *ctx, uint64_t pc, size_t *avail)
{
    uint64_t at = pc - PC, end = page_split && at < hole ? hole : code_len;
    *avail = at < end ? end - at : 0;
    return *avail ? code + at : NULL;
}

static const struct guest_code guest_code = {fetch, NULL};

/* Assembles lines at PC. */
static void put_code(const char *const *lines)
{
    code_len = hole = 0;
    page_split = false;
    for (; *lines; lines++) {
        struct btv_error err = {0};
        uint8_t bytes[16];
        unsigned len = 0;
        enum btv_status st = guest_riscv64.assemble(*lines, PC + code_len, bytes, &len, &err);
        CHECK(st == BTV_OK, "%s: %s", *lines, err.text);
        memcpy(code + code_len, bytes, len);
        code_len += len;
    }
}

static struct arena arena;
static struct guest_lift g;

/* Lifts from pc with the settings of g; the last instruction. */
static const struct ir_ins *lift_at(uint64_t pc)
{
    struct btv_error err = {0};
    arena_reset(&arena);
    struct ir_func *f = ir_func_new(&arena, &guest_riscv64.slots, "t");
    g.pc = pc;
    g.code = &guest_code;
    if (!g.max_insns)
        g.max_insns = GUEST_MAX_INSNS;
    CHECK(guest_riscv64.lift(&g, f) == BTV_OK, "lift");
    CHECK(ir_verify(f, &err) == BTV_OK, "%s", err.text);
    return f->last->last;
}

static const struct ir_ins *lift(void)
{
    return lift_at(PC);
}

static unsigned count(const struct ir_ins *last, enum ir_op op)
{
    unsigned n = 0;
    for (; last; last = last->prev)
        n += last->op == op;
    return n;
}

#define CODE(...)     put_code((const char *const[]){__VA_ARGS__, NULL})
#define SETTINGS(...) (g = (struct guest_lift){__VA_ARGS__})

static void check_branches(void)
{
    CODE("c.li a0, 1", "beq a0, a1, .+64", "bne a0, a1, .+64", "beq a0, a1, .+64", "c.nop", "c.j .-10");
    SETTINGS(.max_side_exits = 2);
    const struct ir_ins *last = lift();
    CHECK(last->op == IR_OP_GOTO && last->imm == PC + 14 && g.insns == 4 && count(last, IR_OP_EXITIF) == 3, "limit: %u insns", g.insns);
    SETTINGS(.max_side_exits = 9);
    last = lift();
    CHECK(last->op == IR_OP_GOTO && last->imm == PC + 6 && g.insns == 6 && g.nranges == 1 && g.range[0].end == PC + 18, "%u insns",
          g.insns);
    SETTINGS(.max_insns = 2, .max_side_exits = 9);
    last = lift();
    CHECK(last->op == IR_OP_GOTO && last->imm == PC + 6 && g.insns == 2 && g.range[0].end == PC + 6, "%u insns", g.insns);

    CODE("c.nop", "bne a0, a1, .-2", "c.nop");
    SETTINGS(.max_side_exits = 9);
    last = lift();
    CHECK(last->op == IR_OP_GOTO && last->imm == PC + 6 && last->prev->op == IR_OP_EXITIF && last->prev->imm == PC,
          "a backward branch ends");

    CODE("beq zero, zero, .+8", "c.nop", "c.nop", "bne zero, zero, .+8", "c.ebreak");
    SETTINGS(.max_side_exits = 9);
    last = lift();
    CHECK(last->op == IR_OP_GOTO && last->imm == PC + 8 && !count(last, IR_OP_EXITIF), "always taken");
    SETTINGS(.follow_jumps = true);
    last = lift();
    CHECK(last->op == IR_OP_TRAP && last->imm == IR_TRAP_BREAK && last->aux == PC + 12 && g.nranges == 2, "never taken");
}

/* Branches over one or two cheap instructions become selections, also in a block that is to end somewhere. */
static void check_selections(void)
{
    CODE("beq a0, a1, .+6", "c.addi a2, 1", "c.mv a3, a2", "c.ebreak");
    SETTINGS(.stop = PC + 6);
    const struct ir_ins *last = lift();
    CHECK(last->op == IR_OP_GOTO && last->imm == PC + 6 && count(last, IR_OP_SELECT) == 1, "ends where the ways meet");
    SETTINGS(.stop = PC + 4);
    last = lift();
    CHECK(last->op == IR_OP_GOTO && last->imm == PC + 4 && last->prev->op == IR_OP_EXITIF && !count(last, IR_OP_SELECT), "no way past the stop");
    CODE("beq a0, a1, .+8", "c.addi a2, 1", "c.j .+4", "c.addi a2, -1", "c.mv a3, a2", "c.ebreak");
    SETTINGS(.stop = 0);
    last = lift();
    CHECK(last->op == IR_OP_TRAP && count(last, IR_OP_SELECT) == 1 && g.nranges == 1 && g.range[0].end == PC + 14, "two ways, one range");
    SETTINGS(.stop = PC + 8);
    last = lift();
    CHECK(last->op == IR_OP_GOTO && last->imm == PC + 4 && !count(last, IR_OP_SELECT), "the other way starts at the stop");
    /* the way taken lies elsewhere: two ranges, even if jumps are not followed */
    CODE("c.j .+4", "c.addi a2, -1", "c.addi a3, 1", "c.ebreak", "beq a0, a1, .-6", "c.addi a2, 1", "c.j .-10");
    SETTINGS(.follow_jumps = false);
    last = lift_at(PC + 8);
    CHECK(last->op == IR_OP_TRAP && count(last, IR_OP_SELECT) == 1 && g.nranges == 2 && g.range[1].start == PC + 2 && g.range[1].end == PC + 8, "%u ranges",
          g.nranges);
}

static void check_jumps(void)
{
    CODE("c.j .+6", "c.li a0, 1", "c.j .+6", "c.li a1, 1", "c.j .-6", "c.ebreak");
    SETTINGS(.follow_jumps = true);
    const struct ir_ins *last = lift();
    /* 0 -> 6 (c.li a1) -> 8 -> 2 (c.li a0) -> 4 -> 10 */
    CHECK(last->op == IR_OP_TRAP && last->aux == PC + 10 && g.insns == 6 && g.nranges == 4, "%u insns, %u ranges", g.insns, g.nranges);
    CHECK(g.range[1].start == PC + 6 && g.range[1].end == PC + 10 && g.range[2].start == PC + 2 && g.range[2].end == PC + 6, "ranges");
    CODE("c.nop", "c.j .-2");
    last = lift();
    CHECK(last->op == IR_OP_GOTO && last->imm == PC && g.nranges == 1, "a loop is not followed");
    CODE("c.j .+64");
    last = lift();
    CHECK(last->op == IR_OP_GOTO && last->imm == PC + 64, "nothing to fetch at the target");

    CODE("jal ra, .+8");
    last = lift();
    CHECK(last->op == IR_OP_GOTO && last->imm == PC + 8 && last->aux == PC + 4, "call");
    CODE("jal a0, .+8");
    last = lift();
    CHECK(last->op == IR_OP_GOTO && last->imm == PC + 8 && last->aux == 0, "link in a0");
    CODE("auipc ra, 16", "jalr ra, -6(ra)");
    last = lift();
    CHECK(last->op == IR_OP_GOTO && last->imm == PC + 0x10000 - 6 && last->aux == PC + 8, "far call");
    CODE("auipc t1, 0", "jalr zero, 13(t1)", "c.nop", "c.nop", "c.ebreak");
    last = lift();
    CHECK(last->op == IR_OP_TRAP && last->aux == PC + 12 && g.nranges == 2, "far jump, followed; bit 0 is cleared");
    static const struct {
        const char *line;
        enum ir_jump hint;
        uint64_t back;
    } indirect[] = {{"jalr ra, 0(a0)", IR_JUMP_CALL, PC + 4}, {"jalr t0, 8(a0)", IR_JUMP_CALL, PC + 4},
                    {"jalr zero, 0(ra)", IR_JUMP_RET, 0},     {"jalr zero, 0(t0)", IR_JUMP_RET, 0},
                    {"jalr zero, 0(a0)", IR_JUMP, 0},         {"jalr a1, 0(a0)", IR_JUMP, 0},
                    {"jalr ra, 0(ra)", IR_JUMP_CALL, PC + 4}, {"c.jr ra", IR_JUMP_RET, 0},
                    {"c.jalr a0", IR_JUMP_CALL, PC + 2}};
    for (size_t k = 0; k < ARRAY_LEN(indirect); k++) {
        CODE(indirect[k].line);
        last = lift();
        CHECK(last->op == IR_OP_GOTOIND && last->imm == indirect[k].hint && last->aux == indirect[k].back, "%s", indirect[k].line);
    }
}

static void check_state_ops(void)
{
    CODE("add a0, a1, a1", "add a1, a0, a1", "add a0, a0, a1", "c.li zero, 1", "c.ebreak");
    SETTINGS(.max_insns = 0);
    const struct ir_ins *last = lift();
    CHECK(count(last, IR_OP_GET) == 1 && count(last, IR_OP_PUT) == 3 && count(last, IR_OP_MARK) == 5, "%u gets", count(last, IR_OP_GET));
    CODE("csrrwi zero, frm, 1", "c.nop");
    last = lift();
    CHECK(last->op == IR_OP_GOTO && last->imm == PC + 4 && g.insns == 1, "a mode change ends the block");
    CODE("csrrwi zero, fflags, 1", "c.ebreak");
    last = lift();
    CHECK(g.insns == 2, "a change of flags does not");
    CODE("fence w, r", "fence.tso", "c.ebreak");
    last = lift();
    CHECK(count(last, IR_OP_FENCE) == 3, "fences");
}

static void check_fetch(void)
{
    CODE("c.nop", "addi a0, a0, 1", "c.ebreak");
    page_split = true;
    hole = 4; /* in the middle of addi */
    SETTINGS(.max_insns = 0);
    const struct ir_ins *last = lift();
    CHECK(last->op == IR_OP_TRAP && last->imm == IR_TRAP_BREAK && g.insns == 3 && g.range[0].end == PC + 8, "an instruction on two pages");
    struct cpu cpu;
    struct ir_exit out;
    unsigned done;
    memset(&cpu, 0, sizeof cpu);
    guest_riscv64.reset(&cpu);
    cpu.slot[SLOT_PC] = PC;
    guest_riscv64.step(&cpu, &guest_code, NULL, 100, &out, &done);
    CHECK(done == 2 && out.kind == IR_EXIT_TRAP && out.trap.kind == IR_TRAP_BREAK && out.pc == PC + 6 && cpu.slot[10] == 1, "%u done",
          done);

    code_len = 4;
    last = lift();
    CHECK(last->op == IR_OP_GOTO && last->imm == PC + 2 && g.insns == 1, "the block ends before it");
    cpu.slot[SLOT_PC] = PC;
    guest_riscv64.step(&cpu, &guest_code, NULL, 100, &out, &done);
    CHECK(done == 1 && out.trap.kind == IR_TRAP_FETCH && out.pc == PC + 2 && out.trap.value == PC + 4 && cpu.slot[SLOT_PC] == PC + 2,
          "second half missing");
    CODE("addi a0, a0, 1");
    code_len = 2;
    last = lift();
    CHECK(last->op == IR_OP_TRAP && last->imm == IR_TRAP_FETCH && last->aux == PC && g.insns == 0, "first instruction");
    code_len = 0;
    last = lift();
    CHECK(last->op == IR_OP_TRAP && last->imm == IR_TRAP_FETCH && g.insns == 0, "nothing there");

    CODE("c.addi a0, 1", "c.addi a0, 1", "beq a0, zero, .+8", "c.addi a0, 1");
    cpu.slot[SLOT_PC] = PC;
    cpu.slot[10] = 0;
    guest_riscv64.step(&cpu, &guest_code, NULL, 1, &out, &done);
    CHECK(done == 1 && out.kind == IR_EXIT_GOTO && out.pc == PC + 2 && cpu.slot[SLOT_PC] == PC + 2, "one step");
    guest_riscv64.step(&cpu, &guest_code, NULL, 64, &out, &done);
    CHECK(done == 2 && out.pc == PC + 8 && cpu.slot[10] == 2, "stops after a branch that is not taken");
}

static void check_text(void)
{
    struct str s = STR_INIT;
    static const uint8_t zeros[4] = {0};
    CHECK(guest_riscv64.disasm(&s, PC, zeros, 4) == 2 && strstr(str_get(&s), ".2byte"), "%s", str_get(&s));
    CHECK(guest_riscv64.disasm(&s, PC, (const uint8_t *)"\x13\x00", 2) == 0, "half an instruction");
    str_clear(&s);
    CHECK(guest_riscv64.explain(&s, "addw") == BTV_OK && strstr(str_get(&s), "SET(d, SEXT(ADD(W(s), W(t))))"), "%s", str_get(&s));
    CHECK(guest_riscv64.explain(&s, "no.such") == BTV_NOENT, "unknown");
    str_clear(&s);
    guest_riscv64.print_decoded(&s, PC, (const uint8_t *)"\x13\x05\x15\x00", 4);
    CHECK(!strcmp(str_get(&s), "addi d=10 s=10 i=1"), "%s", str_get(&s));
    str_free(&s);
    static const char *const wrong[] = {"",
                                        "nothing a0",
                                        "addi a0, a0",
                                        "addi a0, a0, 2048",
                                        "addi a0, a0, 1 2",
                                        "c.lw a0, 1(a1)",
                                        "c.add a0, zero",
                                        "ld a0, 0(b0)",
                                        "beq a0, a1, .+3",
                                        "slli a0, a0, 64",
                                        "fadd.s fa0, fa1",
                                        "lr.w.xx a0, (a1)",
                                        "amocas.q a1, a2, (a0)",
                                        "csrrw a0, 4096, a0",
                                        "fli.s fa0, 3.3",
                                        "fence x, r",
                                        "lui a0, 0x100000"};
    for (size_t k = 0; k < ARRAY_LEN(wrong); k++) {
        uint8_t bytes[16];
        unsigned len;
        struct btv_error err = {0};
        CHECK(guest_riscv64.assemble(wrong[k], PC, bytes, &len, &err) == BTV_SYNTAX && err.text[0], "'%s'", wrong[k]);
    }
    CHECK(guest_by_name("riscv64") == &guest_riscv64 && guest_by_machine(243) == &guest_riscv64 && !guest_by_name("vax"), "lookup");
    CHECK(!strcmp(guest_riscv64.slots.slot[SP].name, "sp") && guest_riscv64.slots.slot[32].type == IR_F64, "slots");
}

int main(void)
{
    arena_init(&arena, 0);
    check_branches();
    check_selections();
    check_jumps();
    check_state_ops();
    check_fetch();
    check_text();
    arena_free(&arena);
    return check_done();
}

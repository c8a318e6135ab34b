/*
 * Every RISC-V row against itself: encode and decode, print and parse, tree and linear decoder, and the three ways to execute it:
 * lifted and evaluated, interpreted through callbacks, interpreted directly.  Fails if a row was not exercised.
 */
#include <inttypes.h>
#include <string.h>

#include "check.h"
#include "guest/guest.h"
#include "isa/riscv/riscv.h"

enum { ARENA_BYTES = 512, PC = 0x10000, SLOT_F = 32, SLOT_PC = 64, SAMPLES = 400, BLOCKS = 20000, BLOCK_INSNS = 12 };

static unsigned long long seed = 20240611;
static uint64_t arena[ARENA_BYTES / 8] __attribute__((aligned(64)));
static unsigned exercised[RV_OP_COUNT];

static uint64_t rnd(void)
{
    return check_random(&seed);
}

/* -- operands ---------------------------------------------------------------------------------------------- */

static uint64_t random_int(void)
{
    static const uint64_t corner[] = {0,
                                      1,
                                      2,
                                      31,
                                      32,
                                      63,
                                      64,
                                      0x7f,
                                      0x80,
                                      0xff,
                                      0x7fff,
                                      0x8000,
                                      0xffff,
                                      0x7fffffff,
                                      0x80000000,
                                      0xffffffff,
                                      INT64_MAX,
                                      (uint64_t)INT64_MIN,
                                      UINT64_MAX,
                                      UINT64_MAX - 1,
                                      0xffffffff80000000,
                                      0xffffffff7fffffff};
    switch (rnd() % 4) {
    case 0: return corner[rnd() % ARRAY_LEN(corner)];
    case 1: return rnd() >> (rnd() % 64);
    case 2: return (uint64_t)(int64_t)(int32_t)rnd();
    default: return rnd();
    }
}

static uint64_t random_float(void)
{
    static const uint64_t f64[] = {0,
                                   1,
                                   0x3ff0000000000000,
                                   0x7ff0000000000000,
                                   0x7ff8000000000000,
                                   0x7ff0000000000001,
                                   0xfff8000000000001,
                                   0x000fffffffffffff,
                                   0x0010000000000000,
                                   0x7fefffffffffffff,
                                   0x41e0000000000000,
                                   0x43e0000000000000,
                                   0x4010000000000000,
                                   0x3fe0000000000000,
                                   0x4004000000000000,
                                   0xc1e0000000200000};
    static const uint32_t f32[] = {0,          1,          0x3f800000, 0x7f800000, 0x7fc00000, 0x7f800001, 0x7fffffff, 0x00800000,
                                   0x007fffff, 0x7f7fffff, 0x4f000000, 0x5f000000, 0x40200000, 0x3f000000, 0x4b7fffff};
    static const uint16_t f16[] = {0, 1, 0x3c00, 0x7c00, 0x7e00, 0x7c01, 0x03ff, 0x0400, 0x7bff, 0x4100};
    uint64_t sign = rnd() & 1;
    switch (rnd() % 8) {
    case 0: return f64[rnd() % ARRAY_LEN(f64)] ^ sign << 63;
    case 1: return UINT64_MAX << 32 | (f32[rnd() % ARRAY_LEN(f32)] ^ sign << 31);
    case 2: return UINT64_MAX << 16 | (f16[rnd() % ARRAY_LEN(f16)] ^ sign << 15);
    case 3: return UINT64_MAX << 32 | (uint32_t)rnd();
    case 4: return UINT64_MAX << 16 | (uint16_t)rnd();
    case 5: return UINT64_MAX << 32 | (0x3f800000 + (uint32_t)(rnd() % 0x10000000));
    case 6: return 0x3ff0000000000000 + (rnd() & 0x00ffffffffffffff);
    default: return rnd();
    }
}

static uint64_t random_address(void)
{
    uint64_t base = (uint64_t)(uintptr_t)arena + 64 * (1 + rnd() % (ARENA_BYTES / 64 - 2));
    return rnd() % 4 ? base + 16 * (rnd() % 4) : base + rnd() % 64;
}

/* A random encoding of the row; false if none was found. */
static bool random_insn(unsigned op, struct insn *in)
{
    for (unsigned k = 0; k < 2000; k++) {
        uint32_t raw = rv_rows[op].match | ((uint32_t)rnd() & ~rv_rows[op].mask);
        if (rv_decode(raw, in) && in->op == op)
            return true;
    }
    return false;
}

/* -- text and bits ----------------------------------------------------------------------------------------- */

/* Are all fields of the encoding visible in the text? */
static bool all_written(const struct rv_row *r)
{
    for (const char *p = r->bits; *p; p++)
        if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'))
            if (*p != 'a' && *p != 'l' && !strchr(r->operands, *p))
                return false;
    return true;
}

static void check_text(unsigned op)
{
    const struct rv_row *r = &rv_rows[op];
    struct str a = STR_INIT, b = STR_INIT;
    for (unsigned k = 0; k < 50; k++) {
        struct insn in, back = {0};
        struct btv_error err = {0};
        uint32_t raw = 0;
        if (!random_insn(op, &in))
            break;
        CHECK(rv_encode(&in, &raw) == BTV_OK && raw == in.raw, "%s: 0x%08x encodes as 0x%08x", r->mnemonic, in.raw, raw);
        str_clear(&a);
        str_clear(&b);
        rv_print(&a, &in, PC);
        enum btv_status st = rv_parse(str_get(&a), PC, &back, &err);
        rv_print(&b, &back, PC);
        CHECK(st == BTV_OK && !strcmp(str_get(&a), str_get(&b)), "'%s' parses as '%s' (%s)", str_get(&a), str_get(&b), err.text);
        if (all_written(r))
            CHECK(back.raw == in.raw, "'%s': 0x%08x parses as 0x%08x", str_get(&a), in.raw, back.raw);
    }
    str_free(&a);
    str_free(&b);
}

static void check_decoders(void)
{
    unsigned differ = 0;
    struct insn in;
    for (uint32_t raw = 0; raw < 0x10000; raw++) {
        if ((raw & 3) == 3)
            continue;
        rv_decode(raw, &in);
        differ += in.op != rv_decode_linear(raw);
    }
    CHECK(!differ, "%u compressed words decode differently", differ);
    differ = 0;
    for (unsigned k = 0; k < 10000000; k++) {
        uint32_t raw = (uint32_t)rnd() | 3;
        if (k % 4 == 0) { /* one bit away from a row */
            const struct rv_row *r = &rv_rows[1 + rnd() % (RV_OP_COUNT - 1)];
            raw = (r->match | (raw & ~r->mask)) ^ 1u << (2 + rnd() % 30);
        }
        bool ok = rv_decode(raw, &in);
        /* the linear search is slow: all words that decode, a part of the others */
        if (ok || k % 16 == 0)
            differ += in.op != rv_decode_linear(raw);
    }
    CHECK(!differ, "%u words decode differently", differ);
}

/* -- execution --------------------------------------------------------------------------------------------- */

static bool inside(uint64_t addr, unsigned bytes, struct cpu_trap *trap)
{
    uint64_t at = addr - (uint64_t)(uintptr_t)arena;
    if (at < ARENA_BYTES && ARENA_BYTES - at >= bytes)
        return true;
    *trap = (struct cpu_trap){.kind = IR_TRAP_ACCESS, .value = addr};
    return false;
}

static bool mem_load(void *ctx, uint64_t addr, unsigned bytes, uint64_t *out, struct cpu_trap *trap)
{
    if (!inside(addr, bytes, trap))
        return false;
    *out = 0;
    memcpy(out, (void *)(uintptr_t)addr, bytes);
    return true;
}

static bool mem_store(void *ctx, uint64_t addr, unsigned bytes, uint64_t value, struct cpu_trap *trap)
{
    if (!inside(addr, bytes, trap))
        return false;
    memcpy((void *)(uintptr_t)addr, &value, bytes);
    return true;
}

static bool call_helper(void *ctx, struct cpu *cpu, unsigned helper, const uint64_t args[3], uint64_t *out, struct cpu_trap *trap)
{
    const char *name = guest_riscv64.helpers[helper].name;
    if (!strcmp(name, "amocas_q") && !(args[0] & 15) && !inside(args[0], 16, trap)) /* helpers access memory directly */
        return false;
    bool ok = guest_riscv64.helpers[helper].fn(cpu, args[0], args[1], args[2], out);
    *trap = cpu->trap;
    return ok;
}

static uint8_t code[BLOCK_INSNS * 4 + 8];
static size_t code_len;

static const uint8_t *fetch(void *ctx, uint64_t pc, size_t *avail)
{
    uint64_t at = pc - PC;
    *avail = at < code_len ? code_len - at : 0;
    return at < code_len ? code + at : NULL;
}

static const struct guest_code guest_code = {fetch, NULL};
static const struct guest_shadow shadow = {NULL, mem_load, mem_store};

struct outcome {
    struct cpu cpu;
    struct ir_exit exit;
    uint64_t arena[ARENA_BYTES / 8];
};

static void random_state(struct cpu *cpu)
{
    guest_riscv64.reset(cpu);
    for (unsigned k = 1; k < 32; k++)
        cpu->slot[k] = rnd() % 3 ? random_int() : random_address();
    for (unsigned k = 0; k < 32; k++)
        cpu->slot[SLOT_F + k] = random_float();
    cpu->slot[SLOT_PC] = PC;
    cpu->fp.rm = rnd() % 16 ? rnd() % 5 : rnd() % 8;
    cpu->fp.flags = rnd() & 31;
    for (unsigned k = 0; k < ARRAY_LEN(arena); k++)
        arena[k] = random_int();
    if (rnd() % 2) { /* a reservation that may hold */
        cpu->ll_addr = random_address();
        cpu->ll_bytes = rnd() % 2 ? 4 : 8;
        struct cpu_trap none;
        if (!mem_load(NULL, cpu->ll_addr, cpu->ll_bytes, &cpu->ll_value, &none))
            cpu->ll_addr = 1;
    }
}

/* Steps until control leaves the straight line, or `insns` are done. */
static void interpret(struct outcome *o, const struct cpu *start, const struct guest_shadow *sh, unsigned insns)
{
    o->cpu = *start;
    for (unsigned n = 0; n < insns; n++) {
        uint64_t pc = o->cpu.slot[SLOT_PC];
        unsigned done;
        size_t avail;
        const uint8_t *p = fetch(NULL, pc, &avail);
        guest_riscv64.step(&o->cpu, &guest_code, sh, 1, &o->exit, &done);
        if (o->exit.kind != IR_EXIT_GOTO || o->exit.pc != pc + rv_length(*p))
            break;
    }
    memcpy(o->arena, arena, sizeof arena);
}

static bool evaluate(struct outcome *o, const struct cpu *start, struct arena *mem, unsigned max_insns, unsigned *insns)
{
    struct btv_error err = {0};
    arena_reset(mem);
    struct ir_func *f = ir_func_new(mem, &guest_riscv64.slots, "t");
    struct guest_lift g = {.pc = PC, .code = &guest_code, .max_insns = max_insns, .max_side_exits = 4};
    enum btv_status st = guest_riscv64.lift(&g, f);
    CHECK(st == BTV_OK, "lift: %d", st);
    st = ir_verify(f, &err);
    CHECK(st == BTV_OK, "verify: %s", err.text);
    if (st)
        return false;
    *insns = g.insns;
    o->cpu = *start;
    struct ir_env env = {.cpu = &o->cpu, .load = mem_load, .store = mem_store, .call = call_helper};
    st = ir_eval(f, &env, NULL, &o->exit, &err);
    CHECK(st == BTV_OK, "eval: %s", err.text);
    memcpy(o->arena, arena, sizeof arena);
    return st == BTV_OK;
}

static bool same(const struct outcome *a, const struct outcome *b, char *why, size_t n)
{
    for (unsigned k = 0; k < SLOT_PC; k++)
        if (a->cpu.slot[k] != b->cpu.slot[k]) {
            snprintf(why, n, "%s: %" PRIx64 " and %" PRIx64, guest_riscv64.slots.slot[k].name, a->cpu.slot[k], b->cpu.slot[k]);
            return false;
        }
    snprintf(why, n,
             "exit kind %d %d pc %" PRIx64 " %" PRIx64 " trap %u %u value %" PRIx64 " %" PRIx64 " flags %x %x rm %u %u ll %" PRIx64
             " %" PRIx64,
             a->exit.kind, b->exit.kind, a->exit.pc, b->exit.pc, a->exit.trap.kind, b->exit.trap.kind, a->exit.trap.value,
             b->exit.trap.value, a->cpu.fp.flags, b->cpu.fp.flags, a->cpu.fp.rm, b->cpu.fp.rm, a->cpu.ll_addr, b->cpu.ll_addr);
    if (a->exit.kind != b->exit.kind || a->exit.pc != b->exit.pc || a->cpu.fp.flags != b->cpu.fp.flags || a->cpu.fp.rm != b->cpu.fp.rm ||
        a->cpu.ll_addr != b->cpu.ll_addr)
        return false;
    if (a->cpu.ll_addr != 1 && (a->cpu.ll_value != b->cpu.ll_value || a->cpu.ll_bytes != b->cpu.ll_bytes))
        return false;
    if (a->exit.kind == IR_EXIT_TRAP && (a->exit.trap.kind != b->exit.trap.kind || a->exit.trap.value != b->exit.trap.value))
        return false;
    return !memcmp(a->arena, b->arena, sizeof arena);
}

static void print_code(struct str *s)
{
    for (size_t at = 0; at < code_len;) {
        unsigned n = guest_riscv64.disasm(s, PC + at, code + at, code_len - at);
        str_adds(s, "; ");
        at += n ? n : code_len;
    }
}

/* The code in `code` in three ways from one state. */
static void compare(const struct cpu *start, struct arena *mem, unsigned max_insns, bool direct)
{
    static struct outcome lifted, by_shadow, by_direct;
    uint64_t saved[ARENA_BYTES / 8];
    unsigned insns;
    char why[400];
    memcpy(saved, arena, sizeof arena);
    if (!evaluate(&lifted, start, mem, max_insns, &insns))
        return;
    memcpy(arena, saved, sizeof arena);
    interpret(&by_shadow, start, &shadow, insns);
    struct str s = STR_INIT;
    bool ok = same(&lifted, &by_shadow, why, sizeof why);
    if (!ok)
        print_code(&s);
    CHECK(ok, "%s: lifted and interpreted: %s", str_get(&s), why);
    if (direct && by_shadow.exit.trap.kind != IR_TRAP_ACCESS) {
        memcpy(arena, saved, sizeof arena);
        interpret(&by_direct, start, NULL, insns);
        ok = same(&by_direct, &by_shadow, why, sizeof why);
        if (!ok && !s.len)
            print_code(&s);
        CHECK(ok, "%s: directly and through callbacks: %s", str_get(&s), why);
    }
    str_free(&s);
}

static bool is_memory(const struct rv_row *r)
{
    return strstr(r->semantics, "LOAD(") || strstr(r->semantics, "STORE(") || strstr(r->semantics, "LL(") || strstr(r->semantics, "SC(") ||
           strstr(r->semantics, "CAS(") || strstr(r->semantics, "RMW(") || strstr(r->semantics, "CALL(");
}

static bool reads_counter(const struct insn *in)
{
    return in->csr >= 0xc00 && in->csr <= 0xc02 && strstr(rv_rows[in->op].semantics, "CSR(");
}

static void put_insn(const struct insn *in)
{
    memcpy(code + code_len, &in->raw, 4);
    code_len += in->len;
}

/* Aims the instruction's address into the arena, mostly. */
static void aim(struct cpu *cpu, const struct insn *in)
{
    bool sp = strstr(rv_rows[in->op].operands, "sp") != NULL;
    unsigned reg = sp ? 2 : in->rs1;
    if (reg && rnd() % 8) {
        cpu->slot[reg] = random_address() - (uint64_t)in->imm;
        if (cpu->ll_addr != 1 && rnd() % 2)
            cpu->slot[reg] = cpu->ll_addr;
    }
    if (strstr(rv_rows[in->op].mnemonic, "amocas") && rnd() % 2) { /* let the comparison succeed */
        struct cpu_trap none;
        uint64_t v, at = cpu->slot[reg];
        if (in->rd && in->rd != reg && mem_load(NULL, at, 8, &v, &none))
            cpu->slot[in->rd] = v;
        if (in->rd && in->rd + 1u != reg && in->rd < 31 && mem_load(NULL, at + 8, 8, &v, &none) && rv_rows[in->op].mnemonic[7] == 'q')
            cpu->slot[in->rd + 1] = v;
    }
    if (strstr(rv_rows[in->op].semantics, "CSR("))
        return;
}

static void check_row(unsigned op, struct arena *mem)
{
    static const uint16_t csrs[] = {1, 2, 3, 1, 2, 3, 0xc00, 0xc01, 0xc02};
    for (unsigned k = 0; k < SAMPLES; k++) {
        struct insn in;
        static struct cpu start;
        if (!random_insn(op, &in))
            return;
        if (strstr(rv_rows[op].semantics, "CSR(") && rnd() % 8) {
            in.csr = csrs[rnd() % ARRAY_LEN(csrs)];
            if (rv_encode(&in, &in.raw))
                continue;
        }
        if (reads_counter(&in) && in.rd) { /* time passes between the runs */
            in.rd = 0;
            if (rv_encode(&in, &in.raw))
                continue;
        }
        random_state(&start);
        if (is_memory(&rv_rows[op]))
            aim(&start, &in);
        code_len = 0;
        put_insn(&in);
        compare(&start, mem, 1, true);
        exercised[op]++;
    }
}

static void check_blocks(struct arena *mem)
{
    for (unsigned k = 0; k < BLOCKS; k++) {
        static struct cpu start;
        random_state(&start);
        code_len = 0;
        for (unsigned n = 0; n < BLOCK_INSNS; n++) {
            struct insn in;
            unsigned op = 1 + (unsigned)(rnd() % (RV_OP_COUNT - 1));
            bool next = false; /* a branch to the next instruction looks like no branch */
            if (!random_insn(op, &in) || reads_counter(&in) || (next = in.imm == in.len))
                continue;
            if (is_memory(&rv_rows[op]))
                aim(&start, &in);
            put_insn(&in);
        }
        compare(&start, mem, BLOCK_INSNS, false);
    }
}

int main(void)
{
    struct arena mem;
    arena_init(&mem, 0);
    printf("seed %llu, %d rows\n", seed, RV_OP_COUNT - 1);
    for (unsigned op = 1; op < RV_OP_COUNT; op++) {
        check_text(op);
        check_row(op, &mem);
    }
    check_blocks(&mem);
    check_decoders();
    for (unsigned op = 1; op < RV_OP_COUNT; op++)
        CHECK(exercised[op] >= SAMPLES / 8, "row %s was executed %u times", rv_rows[op].mnemonic, exercised[op]);
    arena_free(&mem);
    return check_done();
}

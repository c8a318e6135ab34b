/*
 * What the tests of the intermediate format share: a small guest memory, a slot table, one call to evaluate a
 * function, and a generator of random valid functions.
 */
#ifndef BTV_TESTS_IRTEST_H
#define BTV_TESTS_IRTEST_H

#include <string.h>

#include "base/arena.h"
#include "check.h"
#include "ir/ir.h"

/* -- slots: 32 integers r0.., 32 floats f0.. --------------------------------------------------------------- */

enum { TEST_SLOTS = 64 };
static struct ir_slot test_slot[TEST_SLOTS];
static char test_slot_name[TEST_SLOTS][4];
static struct ir_slots test_slots = {"test", test_slot, TEST_SLOTS};

static inline void test_slots_init(void)
{
    for (unsigned k = 0; k < TEST_SLOTS; k++) {
        snprintf(test_slot_name[k], sizeof test_slot_name[k], "%c%u", k < 32 ? 'r' : 'f', k % 32);
        test_slot[k] = (struct ir_slot){test_slot_name[k], k < 32 ? IR_I64 : IR_F64};
    }
}

/* -- memory: one page at 0x1000 ---------------------------------------------------------------------------- */

enum { TEST_MEM_AT = 0x1000, TEST_MEM_BYTES = 4096 };

struct test_machine {
    struct cpu cpu;
    unsigned char mem[TEST_MEM_BYTES];
    unsigned calls;
};

static inline bool test_access(uint64_t addr, unsigned bytes, struct cpu_trap *trap)
{
    if (addr >= TEST_MEM_AT && addr <= TEST_MEM_AT + TEST_MEM_BYTES - bytes)
        return true;
    *trap = (struct cpu_trap){.kind = IR_TRAP_ACCESS, .detail = 1, .value = addr};
    return false;
}

static inline bool test_load(void *ctx, uint64_t addr, unsigned bytes, uint64_t *out, struct cpu_trap *trap)
{
    struct test_machine *m = ctx;
    if (!test_access(addr, bytes, trap))
        return false;
    *out = 0;
    memcpy(out, m->mem + (addr - TEST_MEM_AT), bytes);
    return true;
}

static inline bool test_store(void *ctx, uint64_t addr, unsigned bytes, uint64_t value, struct cpu_trap *trap)
{
    struct test_machine *m = ctx;
    if (!test_access(addr, bytes, trap))
        return false;
    memcpy(m->mem + (addr - TEST_MEM_AT), &value, bytes);
    return true;
}

/* Helper n returns the sum of its arguments plus n; helper 99 traps. */
static inline bool test_call(void *ctx, struct cpu *cpu, unsigned helper, const uint64_t args[3], uint64_t *out, struct cpu_trap *trap)
{
    struct test_machine *m = ctx;
    (void)cpu;
    m->calls++;
    if (helper == 99) {
        *trap = (struct cpu_trap){.kind = IR_TRAP_ILLEGAL, .value = 99};
        return false;
    }
    *out = args[0] + args[1] + args[2] + helper;
    return true;
}

static inline void test_machine_init(struct test_machine *m, unsigned long long seed)
{
    memset(m, 0, sizeof *m);
    for (unsigned k = 0; k < TEST_SLOTS; k++)
        m->cpu.slot[k] = check_random(&seed) >> (k % 4 * 16);
    for (unsigned k = 0; k < TEST_MEM_BYTES; k++)
        m->mem[k] = (unsigned char)check_random(&seed);
    m->cpu.ll_addr = 1;
}

static inline enum btv_status test_eval(struct test_machine *m, const struct ir_func *f, const uint64_t *args, uint64_t max_ins, struct ir_exit *out)
{
    struct ir_env env = {.cpu = &m->cpu, .ctx = m, .load = test_load, .store = test_store, .call = test_call, .max_ins = max_ins};
    return ir_eval(f, &env, args, out, NULL);
}

/* -- random functions -------------------------------------------------------------------------------------- */

struct gen {
    unsigned long long seed;
    struct ir_func *f;
    ir_val val[512]; /* usable here */
    unsigned nvals;
};

static inline unsigned gen_below(struct gen *g, unsigned n)
{
    return (unsigned)(check_random(&g->seed) % n);
}

static const uint64_t gen_corner[] = {0, 1, 2, 3, 7, 8, 31, 32, 63, 64, 127, 128, 255, 0x7fff, 0x8000, 0x7fffffff, 0x80000000, 0xffffffff,
                                      0x3ff0000000000000, 0x7ff0000000000000, 0x7ff8000000000000, 0x7fffffffffffffff, 0x8000000000000000,
                                      0xfffffffffffffffe, 0xffffffffffffffff};

static inline uint64_t gen_bits(struct gen *g)
{
    return gen_below(g, 3) ? gen_corner[gen_below(g, ARRAY_LEN(gen_corner))] : check_random(&g->seed) >> gen_below(g, 64);
}

static inline ir_val gen_value(struct gen *g, enum ir_type t)
{
    for (unsigned tries = 0; tries < 12 && g->nvals; tries++) {
        ir_val v = g->val[gen_below(g, g->nvals)];
        if (ir_typeof(g->f, v) == t)
            return v;
    }
    return ir_const(g->f, t, gen_bits(g));
}

static inline enum ir_type gen_int(struct gen *g)
{
    return (enum ir_type)(IR_I1 + gen_below(g, 5));
}

static inline enum ir_type gen_float(struct gen *g)
{
    return (enum ir_type)(IR_F16 + gen_below(g, 3));
}

static inline enum ir_type gen_type_of(struct gen *g, char kind)
{
    switch (kind) {
    case 'i':
    case 'j':
        return gen_int(g);
    case 'f':
    case 'g':
        return gen_float(g);
    case 'b':
        return IR_I1;
    case 'p':
        return IR_I64;
    default:
        return gen_below(g, 3) ? gen_int(g) : gen_float(g);
    }
}

/* The widths an op allows, said again in the tests' own words. */
static inline bool gen_widths_ok(enum ir_op op, enum ir_type t, enum ir_type s)
{
    unsigned wt = ir_bits(t), ws = ir_bits(s);
    switch (op) {
    case IR_OP_AND:
    case IR_OP_OR:
    case IR_OP_XOR:
    case IR_OP_EQ:
    case IR_OP_NE:
    case IR_OP_SELECT:
    case IR_OP_CONST:
    case IR_OP_CALL:
        return true;
    case IR_OP_ZEXT:
    case IR_OP_SEXT:
    case IR_OP_NANBOX:
        return wt > ws;
    case IR_OP_TRUNC:
    case IR_OP_NANUNBOX:
        return wt < ws;
    case IR_OP_FCVT:
        return wt != ws;
    case IR_OP_BITS:
    case IR_OP_FLOAT:
        return wt == ws;
    case IR_OP_S2F:
    case IR_OP_U2F:
        return ws >= 32;
    case IR_OP_F2S:
    case IR_OP_F2U:
        return wt >= 32;
    case IR_OP_F2SMOD:
        return wt == 32;
    case IR_OP_BSWAP:
    case IR_OP_FCLASS:
        return wt >= 16;
    case IR_OP_LTS:
    case IR_OP_LTU:
    case IR_OP_LES:
    case IR_OP_LEU:
    case IR_OP_FSETFLAGS:
        return ws >= 8;
    default:
        return wt >= 8 || (ir_op_info[op].sig[0] == 'b' && op != IR_OP_SC);
    }
}

static inline void gen_add(struct gen *g, ir_val v)
{
    if (v && g->nvals < ARRAY_LEN(g->val))
        g->val[g->nvals++] = v;
}

static inline ir_val gen_address(struct gen *g)
{
    return gen_below(g, 8) ? ir_const(g->f, IR_I64, TEST_MEM_AT + gen_below(g, TEST_MEM_BYTES)) : gen_value(g, IR_I64);
}

/* One random instruction that is neither a terminator nor FSETRM, nor bound to the head of a function. */
static inline void gen_ins(struct gen *g)
{
    enum ir_op op;
    do
        op = (enum ir_op)(1 + gen_below(g, IR_OP_LIMIT - 1));
    while (!ir_op_info[op].name || op == IR_OP_PARAM || op == IR_OP_FSETRM || op == IR_OP_ROUNDS || (ir_op_info[op].flags & IR_F_TERM));
    const struct ir_op_info *info = &ir_op_info[op];
    enum ir_type t, s;
    do {
        t = gen_type_of(g, info->sig[0]);
        s = gen_type_of(g, info->sig[2]);
        if (op == IR_OP_STORE || op == IR_OP_SC)
            t = op == IR_OP_SC ? gen_int(g) : gen_type_of(g, 'q');
    } while (!gen_widths_ok(op, t, s) && info->sig[0] != '.' && op != IR_OP_GET);
    while ((op == IR_OP_STORE || op == IR_OP_FSETFLAGS) && (ir_bits(t) < 8 || ir_bits(s) < 8)) {
        t = gen_type_of(g, 'q');
        s = gen_int(g);
    }
    ir_val arg[3] = {0};
    uint64_t imm = 0, aux = 0;
    for (unsigned k = 0; k < info->nargs; k++) {
        char kind = info->sig[2 + k];
        if (kind == 'p')
            arg[k] = gen_address(g);
        else if (kind == 'b')
            arg[k] = gen_value(g, IR_I1);
        else if (kind == 'j' && op == IR_OP_SC)
            arg[k] = gen_value(g, t);
        else if (kind == 'j' || kind == 'g')
            arg[k] = gen_value(g, s);
        else if (kind == 'q')
            arg[k] = gen_value(g, op == IR_OP_STORE ? t : gen_type_of(g, 'q'));
        else
            arg[k] = gen_value(g, t);
    }
    static const uint8_t modes[] = {0, 1, 2, 3, 4, 7};
    if (info->flags & IR_F_RM)
        imm = modes[gen_below(g, 6)];
    if ((info->flags & IR_F_FPENV) && op != IR_OP_CALL && op < IR_OP_FCLASS)
        aux = gen_below(g, 2);
    switch (op) {
    case IR_OP_CONST:
        gen_add(g, ir_const(g->f, t, gen_bits(g)));
        return;
    case IR_OP_GET:
        imm = gen_below(g, TEST_SLOTS);
        t = imm < 32 ? IR_I64 : IR_F64;
        break;
    case IR_OP_PUT:
        imm = gen_below(g, TEST_SLOTS);
        arg[0] = gen_value(g, imm < 32 ? IR_I64 : IR_F64);
        break;
    case IR_OP_LOAD:
        imm = (uint64_t[]){IR_RELAXED, IR_ACQUIRE, IR_SEQ_CST}[gen_below(g, 3)];
        break;
    case IR_OP_STORE:
        imm = (uint64_t[]){IR_RELAXED, IR_RELEASE, IR_SEQ_CST}[gen_below(g, 3)];
        break;
    case IR_OP_LL:
    case IR_OP_SC:
    case IR_OP_CAS:
        imm = gen_below(g, 5);
        break;
    case IR_OP_RMW:
        imm = gen_below(g, 5);
        aux = gen_below(g, 9);
        break;
    case IR_OP_FENCE:
        imm = gen_below(g, 256);
        break;
    case IR_OP_MARK:
        imm = 0x10000 + gen_below(g, 4096);
        aux = 1 + gen_below(g, 15);
        break;
    case IR_OP_EXITIF:
        imm = gen_bits(g);
        break;
    case IR_OP_CALL: {
        unsigned n = gen_below(g, 4);
        for (unsigned k = n; k < 3; k++)
            arg[k] = 0;
        imm = gen_below(g, 50);
        if (gen_below(g, 3) == 0)
            t = IR_VOID;
        break;
    }
    default:
        break;
    }
    gen_add(g, ir_emit(g->f, op, t, arg[0], arg[1], arg[2], imm, aux));
}

static inline void gen_args(struct gen *g, const struct ir_block *to, ir_val *args)
{
    for (uint32_t k = 0; k < to->nparams; k++)
        args[k] = gen_value(g, (enum ir_type)to->params[k]->type);
}

static inline void gen_end(struct gen *g, struct ir_block **block, unsigned nblocks, bool returns)
{
    struct ir_func *f = g->f;
    ir_val one[8], two[8];
    switch (gen_below(g, returns ? 4 : 9)) {
    case 0:
    case 1:
    case 2: {
        struct ir_block *yes = block[gen_below(g, nblocks)], *no = block[gen_below(g, nblocks)];
        gen_args(g, yes, one);
        if (gen_below(g, 3) == 0) {
            ir_br(f, yes, one);
            return;
        }
        gen_args(g, no, two);
        ir_brif(f, gen_value(g, IR_I1), yes, one, no, two);
        return;
    }
    case 3:
        if (returns)
            ir_emit(f, IR_OP_RET, IR_VOID, gen_value(g, IR_I64), 0, 0, 0, 0);
        else
            ir_emit(f, IR_OP_GOTO, IR_VOID, 0, 0, 0, gen_bits(g), gen_below(g, 2) * 0x10004);
        return;
    case 4: {
        uint64_t kind = gen_below(g, 3);
        ir_emit(f, IR_OP_GOTOIND, IR_VOID, gen_value(g, IR_I64), 0, 0, kind, kind == IR_JUMP_CALL ? 0x10008 : 0);
        return;
    }
    case 5:
        ir_emit(f, IR_OP_SYSCALL, IR_VOID, 0, 0, 0, gen_bits(g), 0);
        return;
    case 6:
        ir_emit(f, IR_OP_ISYNC, IR_VOID, 0, 0, 0, gen_bits(g), 0);
        return;
    case 7:
        ir_emit(f, IR_OP_TRAP, IR_VOID, gen_value(g, gen_int(g)), 0, 0, 1 + gen_below(g, 6), gen_bits(g));
        return;
    default:
        ir_emit(f, IR_OP_FSETRM, IR_VOID, gen_value(g, IR_I32), 0, 0, 0, 0);
        ir_emit(f, IR_OP_GOTO, IR_VOID, 0, 0, 0, 0x20000, 0);
    }
}

/* A valid function of up to five blocks with loops; ends in RET (of i64) or in guest exits. */
static inline struct ir_func *gen_func(struct arena *a, unsigned long long seed)
{
    struct gen g = {.seed = seed};
    struct ir_func *f = g.f = ir_func_new(a, &test_slots, "random");
    struct ir_block *block[5];
    unsigned nblocks = 1 + gen_below(&g, 5);
    bool returns = gen_below(&g, 2), rounds = gen_below(&g, 8) == 0;
    for (unsigned k = 0; k < nblocks; k++) {
        block[k] = ir_block_new(f);
        for (unsigned n = gen_below(&g, 4); n; n--)
            ir_block_param(f, block[k], gen_type_of(&g, 'q'));
    }
    unsigned shared = 0; /* values of the entry can be used everywhere */
    for (unsigned k = 0; k < nblocks; k++) {
        f->at = block[k];
        g.nvals = shared;
        for (uint32_t n = 0; n < block[k]->nparams; n++)
            gen_add(&g, block[k]->params[n]->dst);
        if (k == 0 && rounds)
            ir_emit(f, IR_OP_ROUNDS, IR_VOID, 0, 0, 0, 0, 0);
        ir_emit(f, IR_OP_MARK, IR_VOID, 0, 0, 0, 0x10000 + 4 * k, 4);
        for (unsigned n = 1 + gen_below(&g, 24); n; n--)
            gen_ins(&g);
        gen_end(&g, block, nblocks, returns);
        if (k == 0)
            shared = g.nvals;
    }
    f->pc = rounds || gen_below(&g, 2) ? 0x10000 : 0;
    f->at = f->last;
    return f;
}

#endif

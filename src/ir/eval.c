/*
 * The executable meaning of the format: one function evaluated by the book.
 *
 * Speed is no aim; being obviously right is.  Pure ops go through ir_eval_pure, floating point through softfp, guest
 * memory and helpers through the caller's ir_env.  The function must have passed ir_verify.  Between threads, memory
 * orders are kept by host fences around the calls of ir_env.
 */
#include "ir/ir.h"

#include <stdatomic.h>

#include "base/heap.h"
#include "ir/arith.h"

enum { FEW_VALUES = 256 };

/* What one instruction did. */
enum step {
    STEP_NEXT,   /* continue with the next one */
    STEP_BRANCH, /* continue at ->block */
    STEP_LEAVE,  /* *out is filled */
};

struct eval {
    const struct ir_func *f;
    const struct ir_env *env;
    struct cpu *cpu;
    uint64_t *val;   /* by value number, zero-extended */
    uint64_t *moved; /* edge arguments on their way */
    const struct ir_block *block;
    uint64_t mark; /* pc of the current guest instruction */
    struct ir_exit *out;
};

static enum step leave(struct eval *e, enum ir_exit_kind kind, uint64_t pc)
{
    e->out->kind = kind;
    e->out->pc = pc;
    return STEP_LEAVE;
}

/* The environment has filled out->trap, or the caller has. */
static enum step trapped(struct eval *e, uint64_t pc)
{
    e->cpu->trap = e->out->trap;
    return leave(e, IR_EXIT_TRAP, pc);
}

static enum step raise_trap(struct eval *e, uint32_t kind, uint64_t value, uint64_t pc)
{
    e->out->trap = (struct cpu_trap){.kind = kind, .value = value};
    return trapped(e, pc);
}

static enum fp_fmt fmt_of(enum ir_type t)
{
    return t == IR_F16 ? FP_F16 : t == IR_F32 ? FP_F32 : FP_F64;
}

static void set_result(struct eval *e, const struct ir_ins *i, uint64_t r)
{
    unsigned w = i->op == IR_OP_SC ? 1 : ir_bits((enum ir_type)i->type);
    if (i->dst)
        e->val[i->dst] = r & ir_mask(w);
}

/* -- floating point ---------------------------------------------------------------------------------------- */

static uint64_t compute_fp(struct eval *e, const struct ir_ins *i, struct fp_env *env)
{
    const uint64_t *val = e->val;
    uint64_t a = val[i->arg[0]], b = val[i->arg[1]], c = val[i->arg[2]];
    enum ir_type src = ir_typeof(e->f, i->arg[0]);
    unsigned src_bits = ir_bits(src), dst_bits = ir_bits((enum ir_type)i->type);
    enum fp_fmt from = fmt_of(src), to = fmt_of((enum ir_type)i->type);
    switch (i->op) {
    case IR_OP_FADD:
        return fp_add(env, to, a, b);
    case IR_OP_FSUB:
        return fp_sub(env, to, a, b);
    case IR_OP_FMUL:
        return fp_mul(env, to, a, b);
    case IR_OP_FDIV:
        return fp_div(env, to, a, b);
    case IR_OP_FSQRT:
        return fp_sqrt(env, to, a);
    case IR_OP_FMA:
        return fp_fma(env, to, a, b, c);
    case IR_OP_FMINNUM:
        return fp_minnum(env, to, a, b);
    case IR_OP_FMAXNUM:
        return fp_maxnum(env, to, a, b);
    case IR_OP_FMINIMUM:
        return fp_minimum(env, to, a, b);
    case IR_OP_FMAXIMUM:
        return fp_maximum(env, to, a, b);
    case IR_OP_FEQ:
        return fp_eq_quiet(env, from, a, b);
    case IR_OP_FLT:
        return fp_lt(env, from, a, b);
    case IR_OP_FLE:
        return fp_le(env, from, a, b);
    case IR_OP_FLTQ:
        return fp_lt_quiet(env, from, a, b);
    case IR_OP_FLEQ:
        return fp_le_quiet(env, from, a, b);
    case IR_OP_FCVT:
        return fp_cvt(env, to, from, a);
    case IR_OP_S2F:
        return fp_from_int(env, to, a, src_bits, true);
    case IR_OP_U2F:
        return fp_from_int(env, to, a, src_bits, false);
    case IR_OP_F2S:
        return fp_to_int(env, from, a, dst_bits, true);
    case IR_OP_F2U:
        return fp_to_int(env, from, a, dst_bits, false);
    case IR_OP_F2SMOD:
        return fp_to_int_mod32(env, from, a);
    case IR_OP_FRINT:
        return fp_round_int(env, to, a, false);
    case IR_OP_FRINTX:
        return fp_round_int(env, to, a, true);
    default:
        return 0;
    }
}

static enum step eval_fp(struct eval *e, const struct ir_ins *i)
{
    struct fp_env *guest = &e->cpu->fp;
    switch (i->op) {
    case IR_OP_FGETFLAGS:
        set_result(e, i, guest->flags & 31);
        return STEP_NEXT;
    case IR_OP_FSETFLAGS:
        guest->flags = e->val[i->arg[0]] & 31;
        return STEP_NEXT;
    case IR_OP_FGETRM:
        set_result(e, i, guest->rm);
        return STEP_NEXT;
    case IR_OP_FSETRM:
        guest->rm = e->val[i->arg[0]] & 7;
        return STEP_NEXT;
    default:
        break;
    }
    struct fp_env env = {.rm = FP_RNE, .nan = (uint8_t)(i->aux & 1), .flags = guest->flags};
    if (ir_op_info[i->op].flags & IR_F_RM) {
        env.rm = i->imm == FP_DYN ? guest->rm : (uint8_t)i->imm;
        if (env.rm > FP_RMM)
            return raise_trap(e, IR_TRAP_ILLEGAL, 0, e->mark);
    }
    set_result(e, i, compute_fp(e, i, &env));
    guest->flags = env.flags;
    return STEP_NEXT;
}

/* -- memory ------------------------------------------------------------------------------------------------ */

static bool load(struct eval *e, uint64_t addr, unsigned bytes, uint64_t *out)
{
    return e->env->load(e->env->ctx, addr, bytes, out, &e->out->trap);
}

static bool store(struct eval *e, uint64_t addr, unsigned bytes, uint64_t value)
{
    return e->env->store(e->env->ctx, addr, bytes, value, &e->out->trap);
}

static bool cas(struct eval *e, uint64_t addr, unsigned bytes, uint64_t expect, uint64_t value, uint64_t *old)
{
    if (e->env->cas)
        return e->env->cas(e->env->ctx, addr, bytes, expect, value, old, &e->out->trap);
    if (!load(e, addr, bytes, old))
        return false;
    return *old == expect ? store(e, addr, bytes, value) : true;
}

/* f of RMW on values of w bits */
static uint64_t rmw(enum ir_rmw f, uint64_t a, uint64_t b, unsigned w)
{
    int64_t sa = ir_sx(a, w), sb = ir_sx(b, w);
    switch (f) {
    case IR_RMW_SWAP:
        return b;
    case IR_RMW_ADD:
        return (a + b) & ir_mask(w);
    case IR_RMW_AND:
        return a & b;
    case IR_RMW_OR:
        return a | b;
    case IR_RMW_XOR:
        return a ^ b;
    case IR_RMW_MINS:
        return sa < sb ? a : b;
    case IR_RMW_MAXS:
        return sa > sb ? a : b;
    case IR_RMW_MINU:
        return a < b ? a : b;
    case IR_RMW_MAXU:
        return a > b ? a : b;
    }
    return a;
}

/* Repeats until nobody wrote in between. */
static bool eval_rmw(struct eval *e, const struct ir_ins *i, uint64_t addr, unsigned bytes, uint64_t *old)
{
    uint64_t seen;
    if (!load(e, addr, bytes, &seen))
        return false;
    for (;;) {
        uint64_t value = rmw((enum ir_rmw)i->aux, seen, e->val[i->arg[1]], bytes * 8);
        if (!cas(e, addr, bytes, seen, value, old))
            return false;
        if (*old == seen)
            return true;
        seen = *old;
    }
}

static bool eval_sc(struct eval *e, const struct ir_ins *i, uint64_t addr, unsigned bytes, uint64_t *failed)
{
    struct cpu *cpu = e->cpu;
    uint64_t old;
    *failed = 1;
    if (cpu->ll_addr == addr && cpu->ll_bytes == bytes) {
        if (!cas(e, addr, bytes, cpu->ll_value, e->val[i->arg[1]], &old))
            return false;
        *failed = old != cpu->ll_value;
    }
    cpu->ll_addr = 1;
    return true;
}

static enum step eval_memory(struct eval *e, const struct ir_ins *i)
{
    uint64_t addr = e->val[i->arg[0]], r = 0;
    unsigned bytes = ir_bits((enum ir_type)i->type) / 8;
    bool ok = false;
    if (i->op >= IR_OP_LL && (addr & (bytes - 1)))
        return raise_trap(e, IR_TRAP_MISALIGNED, addr, e->mark);
    if (i->imm >= IR_RELEASE)
        atomic_thread_fence(memory_order_seq_cst);
    switch (i->op) {
    case IR_OP_LOAD:
        ok = load(e, addr, bytes, &r);
        break;
    case IR_OP_STORE:
        ok = store(e, addr, bytes, e->val[i->arg[1]]);
        break;
    case IR_OP_LL:
        ok = load(e, addr, bytes, &r);
        if (ok) {
            e->cpu->ll_addr = addr;
            e->cpu->ll_value = r & ir_mask(bytes * 8);
            e->cpu->ll_bytes = bytes;
        }
        break;
    case IR_OP_SC:
        ok = eval_sc(e, i, addr, bytes, &r);
        break;
    case IR_OP_CAS:
        ok = cas(e, addr, bytes, e->val[i->arg[1]], e->val[i->arg[2]], &r);
        break;
    case IR_OP_RMW:
        ok = eval_rmw(e, i, addr, bytes, &r);
        break;
    default:
        break;
    }
    if (!ok)
        return trapped(e, e->mark);
    if (i->imm != IR_RELAXED && i->imm != IR_RELEASE)
        atomic_thread_fence(memory_order_seq_cst);
    set_result(e, i, r);
    return STEP_NEXT;
}

static enum step eval_call(struct eval *e, const struct ir_ins *i)
{
    uint64_t args[3] = {0}, r = 0;
    for (unsigned k = 0; k < i->nargs; k++)
        args[k] = e->val[i->arg[k]];
    if (!e->env->call(e->env->ctx, e->cpu, (unsigned)i->imm, args, &r, &e->out->trap))
        return trapped(e, e->mark);
    if (i->dst)
        set_result(e, i, r);
    return STEP_NEXT;
}

/* -- control ----------------------------------------------------------------------------------------------- */

/* All arguments are read before any parameter is written. */
static enum step follow(struct eval *e, const struct ir_edge *edge)
{
    const struct ir_block *to = edge->to;
    for (uint32_t k = 0; k < to->nparams; k++)
        e->moved[k] = e->val[edge->args[k]];
    for (uint32_t k = 0; k < to->nparams; k++)
        e->val[to->params[k]->dst] = e->moved[k];
    e->block = to;
    return STEP_BRANCH;
}

static enum step eval_ins(struct eval *e, const struct ir_ins *i)
{
    uint64_t *val = e->val;
    switch (i->op) {
    case IR_OP_GET:
        set_result(e, i, e->cpu->slot[i->imm]);
        return STEP_NEXT;
    case IR_OP_PUT:
        e->cpu->slot[i->imm] = val[i->arg[0]];
        return STEP_NEXT;
    case IR_OP_LOAD:
    case IR_OP_STORE:
    case IR_OP_LL:
    case IR_OP_SC:
    case IR_OP_CAS:
    case IR_OP_RMW:
        return eval_memory(e, i);
    case IR_OP_FENCE:
        atomic_thread_fence(memory_order_seq_cst);
        return STEP_NEXT;
    case IR_OP_ROUNDS:
        return STEP_NEXT;
    case IR_OP_MARK:
        e->mark = i->imm;
        return STEP_NEXT;
    case IR_OP_EXITIF:
        return val[i->arg[0]] ? leave(e, IR_EXIT_GOTO, i->imm) : STEP_NEXT;
    case IR_OP_GOTO:
        return leave(e, IR_EXIT_GOTO, i->imm);
    case IR_OP_GOTOIND:
        return leave(e, IR_EXIT_GOTO, val[i->arg[0]]);
    case IR_OP_SYSCALL:
        return leave(e, IR_EXIT_SYSCALL, i->imm);
    case IR_OP_ISYNC:
        atomic_thread_fence(memory_order_seq_cst);
        return leave(e, IR_EXIT_ISYNC, i->imm);
    case IR_OP_TRAP:
        return raise_trap(e, (uint32_t)i->imm, val[i->arg[0]], i->aux);
    case IR_OP_CALL:
        return eval_call(e, i);
    case IR_OP_BR:
        return follow(e, &i->edges[0]);
    case IR_OP_BRIF:
        return follow(e, &i->edges[val[i->arg[0]] ? 0 : 1]);
    case IR_OP_RET:
        e->out->value = i->nargs ? val[i->arg[0]] : 0;
        return leave(e, IR_EXIT_RET, 0);
    default:
        break;
    }
    uint64_t r;
    if (!ir_eval_pure((enum ir_op)i->op, (enum ir_type)i->type, ir_typeof(e->f, i->arg[0]), val[i->arg[0]], val[i->arg[1]], val[i->arg[2]], i->imm,
                      &r))
        return eval_fp(e, i);
    set_result(e, i, r);
    return STEP_NEXT;
}

static enum btv_status run(struct eval *e, struct btv_error *err)
{
    uint64_t left = e->env->max_ins;
    e->block = e->f->first;
    for (;;) {
        enum step step = STEP_NEXT;
        for (const struct ir_ins *i = e->block->first; i && step == STEP_NEXT; i = i->next) {
            if (e->env->max_ins && left-- == 0)
                return err_set(err, BTV_LIMIT, "@%s: more than %llu instructions evaluated", e->f->name ? e->f->name : "",
                               (unsigned long long)e->env->max_ins);
            step = eval_ins(e, i);
        }
        if (step == STEP_LEAVE)
            return BTV_OK;
    }
}

enum btv_status ir_eval(const struct ir_func *f, const struct ir_env *env, const uint64_t *args, struct ir_exit *out, struct btv_error *err)
{
    uint32_t most = 0;
    for (const struct ir_block *b = f->first; b; b = b->next)
        most = b->nparams > most ? b->nparams : most;
    size_t need = (size_t)f->nvals + most;
    uint64_t few[FEW_VALUES];
    uint64_t *val = need <= FEW_VALUES ? few : heap_new(need * sizeof *val);
    if (!val)
        return err_set(err, BTV_NOMEM, "out of memory while evaluating");
    val[0] = 0;

    struct ir_exit got = {0};
    struct eval e = {.f = f, .env = env, .cpu = env->cpu, .val = val, .moved = val + f->nvals, .mark = f->pc, .out = &got};
    for (uint32_t k = 0; k < f->first->nparams; k++)
        val[f->first->params[k]->dst] = args[k] & ir_mask(ir_bits((enum ir_type)f->first->params[k]->type));
    enum btv_status st = run(&e, err);
    if (val != few)
        heap_free(val);
    if (st == BTV_OK)
        *out = got;
    return st;
}

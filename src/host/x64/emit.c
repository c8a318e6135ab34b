/*
 * One IR block to x86-64 code.
 *
 * Two walks: backward, counting uses, choosing what is folded into its user, dropping PUTs nobody can see and finding the
 * instructions that must be interpreted (plan); forward emitting.  Cold paths follow the hot code.
 * Functions of several blocks are refused: the baseline lifter makes single, extended blocks.
 */
#include <string.h>

#include "host/x64/em.h"
#include "host/x64/x64_host.h"

static void add_reloc(struct em *e, enum host_reloc_kind kind, size_t offset, unsigned index)
{
    if (e->out->nreloc == e->cap_reloc) {
        unsigned cap = e->cap_reloc ? e->cap_reloc * 2 : 64;
        struct host_reloc *r = ARENA_ARRAY(e->arena, struct host_reloc, cap);
        if (!r) {
            e->overflow = true;
            return;
        }
        if (e->out->nreloc)
            memcpy(r, e->out->reloc, e->out->nreloc * sizeof *r);
        e->out->reloc = r;
        e->cap_reloc = cap;
    }
    e->out->reloc[e->out->nreloc++] = (struct host_reloc){.offset = (uint32_t)offset, .kind = (uint16_t)kind, .index = (uint16_t)index};
}

static const struct x64_mem rip0 = {.base = X64_RIP, .index = X64_NOREG};

void em_rip(struct em *e, enum x64_row row, int size, int reg, enum em_stub s)
{
    x64_rm(&e->b, row, size, reg, rip0);
    add_reloc(e, HOST_RELOC_STUB, e->b.len - 4, s);
}

static void jmp_stub(struct em *e, enum em_stub s)
{
    x64_jmp(&e->b, 0);
    add_reloc(e, HOST_RELOC_STUB, e->b.len - 4, s);
}

void em_cold(struct em *e, struct cold c)
{
    if (e->ncold == EM_MAX_COLD)
        e->overflow = true;
    else
        e->cold[e->ncold++] = c;
}

void em_bail_if(struct em *e, enum x64_cc cc)
{
    size_t f = x64_jcc(&e->b, cc, 0);
    em_cold(e, (struct cold){.kind = COLD_BAIL, .field = (uint32_t)f, .pc = e->pc});
}

void em_bail(struct em *e)
{
    em_load_imm(e, X64_RAX, e->pc);
    jmp_stub(e, EM_STUB_BAIL);
}

void em_need_rm(struct em *e, uint64_t rm)
{
    if (rm == FP_DYN || rm == e->known_rm)
        return;
    x64_mi(&e->b, X64_CMP_RM_IMM8, 1, em_cpu(offsetof(struct cpu, fp.rm)), (int64_t)rm);
    em_bail_if(e, X64_NE);
    e->known_rm = (uint8_t)rm;
}

unsigned em_new_link(struct em *e, uint64_t pc)
{
    if (e->out->nlinks == HOST_MAX_LINKS) {
        e->overflow = true;
        return 0;
    }
    e->out->link_pc[e->out->nlinks] = pc;
    return e->out->nlinks++;
}

/* jmp or call [link.target] */
static void through_link(struct em *e, enum x64_row row, unsigned link)
{
    x64_m(&e->b, row, 8, rip0);
    add_reloc(e, HOST_RELOC_LINK, e->b.len - 4, link);
}

static void test_pending(struct em *e)
{
    x64_mi(&e->b, X64_CMP_RM_IMM8, 4, em_cpu(offsetof(struct cpu, pending)), 0);
}

/* Scratch bits of val.flags while planning: some user takes the value as ... */
enum { PLAN_COND = 0x80 /* a condition */, PLAN_FMA = 0x40 /* a factor or addend */, PLAN_COUNT = 0x20 /* a shift count */ };

/* -- planning ------------------------------------------------------------------------------------------------ */

/* Does a 32-bit op leave the upper half of its host register zero? */
static bool zeroes_upper(const struct ir_ins *d)
{
    if (d->type != IR_I32)
        return (d->op == IR_OP_LOAD && (d->type == IR_I8 || d->type == IR_I16));
    switch (d->op) {
    case IR_OP_ADD:
    case IR_OP_SUB:
    case IR_OP_AND:
    case IR_OP_OR:
    case IR_OP_XOR:
    case IR_OP_MUL:
    case IR_OP_SHL:
    case IR_OP_SHR:
    case IR_OP_SAR:
    case IR_OP_ROTL:
    case IR_OP_ROTR:
    case IR_OP_LOAD:
    case IR_OP_CLZ:
    case IR_OP_CTZ:
    case IR_OP_POPCNT: return true;
    default: return false;
    }
}

static void make_alias(struct em *e, struct ir_ins *i)
{
    struct val *v = &e->val[i->dst], *s = &e->val[i->arg[0]];
    v->kind = VAL_ALIAS;
    v->rep = i->arg[0];
    s->uses += v->uses;
    if (v->put)
        s->put = v->put;
}

static bool is_address_add(const struct em *e, const struct ir_ins *i)
{
    uint64_t k;
    if (i->op != IR_OP_ADD || i->type != IR_I64)
        return false;
    return ir_is_const(e->f, i->arg[1], &k) ? (int64_t)k == (int32_t)k : true;
}

/* How the value of a PURE instruction will be made, now that all its users are known. */
static void plan_value(struct em *e, struct ir_ins *i)
{
    struct val *v = &e->val[i->dst];
    const struct ir_ins *src = i->nargs ? e->f->def[i->arg[0]] : NULL;
    v->kind = VAL_NORMAL;
    switch (i->op) {
    case IR_OP_CONST: v->kind = VAL_CONST; return;
    case IR_OP_TRUNC:
        if (i->type != IR_I1) {
            make_alias(e, i);
            return;
        }
        break;
    case IR_OP_NANBOX:
    case IR_OP_NANUNBOX: make_alias(e, i); return;
    case IR_OP_ZEXT:
        if (ir_typeof(e->f, i->arg[0]) == IR_I1 || zeroes_upper(src)) {
            make_alias(e, i);
            return;
        }
        break;
    case IR_OP_SEXT:
        if (src->op == IR_OP_LOAD && src->uses == 1 && src->type != IR_I1 && (i->type == IR_I64 || src->type != IR_I32)) {
            e->val[i->arg[0]].flags |= VAL_SEXT;
            make_alias(e, i);
            return;
        }
        break;
    case IR_OP_ADD:
        if (v->addr_uses && v->addr_uses == v->uses && !(v->flags & (PLAN_FMA | PLAN_COUNT)) && is_address_add(e, i)) {
            v->kind = VAL_FOLD;
            e->val[i->arg[0]].uses += v->uses;
            e->val[i->arg[1]].uses += v->uses;
            return;
        }
        break;
    case IR_OP_EQ:
    case IR_OP_NE:
    case IR_OP_LTS:
    case IR_OP_LTU:
    case IR_OP_LES:
    case IR_OP_LEU:
        if (v->uses == 1 && (v->flags & PLAN_COND))
            v->kind = VAL_DEFER;
        break;
    case IR_OP_FNEG:
        if (v->uses && (v->flags & PLAN_FMA) && v->addr_uses == v->uses)
            v->kind = VAL_FOLD;
        break;
    case IR_OP_AND: {
        uint64_t m;
        if ((v->flags & PLAN_COUNT) && v->addr_uses == v->uses && ir_is_const(e->f, i->arg[1], &m) && m == ir_bits((enum ir_type)i->type) - 1)
            v->kind = VAL_FOLD;
        break;
    }
    default: break;
    }
    if (v->kind == VAL_FOLD) {
        e->val[i->arg[0]].uses += v->uses;
        return;
    }
    for (unsigned k = 0; k < i->nargs; k++)
        e->val[i->arg[k]].uses++;
}

/* Marks operands that their user could absorb. `addr_uses` counts absorbing uses of any sort. */
static void plan_operands(struct em *e, struct ir_ins *i)
{
    switch (i->op) {
    case IR_OP_LOAD:
    case IR_OP_STORE:
    case IR_OP_LL:
    case IR_OP_SC:
    case IR_OP_CAS:
    case IR_OP_RMW: e->val[i->arg[0]].addr_uses++; break;
    case IR_OP_EXITIF:
    case IR_OP_SELECT: e->val[i->arg[0]].flags |= PLAN_COND; break;
    case IR_OP_FMA:
        for (int k = 0; k < 3; k++) {
            e->val[i->arg[k]].flags |= PLAN_FMA;
            e->val[i->arg[k]].addr_uses++;
        }
        break;
    case IR_OP_SHL:
    case IR_OP_SHR:
    case IR_OP_SAR:
    case IR_OP_ROTL:
    case IR_OP_ROTR:
        e->val[i->arg[1]].flags |= PLAN_COUNT;
        e->val[i->arg[1]].addr_uses++;
        break;
    case IR_OP_PUT: e->val[i->arg[0]].put = i; break;
    default: break;
    }
}

/* -- what must be interpreted --------------------------------------------------------------------------------- */

/* An upper bound of a value as an unsigned number. */
static uint64_t most(const struct em *e, uint32_t v)
{
    const struct ir_ins *d = e->f->def[v];
    unsigned w = ir_bits(ir_typeof(e->f, v));
    uint64_t k, all = w < 64 ? (UINT64_C(1) << w) - 1 : UINT64_MAX;
    switch (d->op) {
    case IR_OP_CONST: return d->imm;
    case IR_OP_AND: return ir_is_const(e->f, d->arg[1], &k) ? k : all;
    case IR_OP_SHR: return ir_is_const(e->f, d->arg[1], &k) && k < w ? all >> k : all;
    case IR_OP_REMU: return ir_is_const(e->f, d->arg[1], &k) && k ? k - 1 : all;
    case IR_OP_ZEXT:
    case IR_OP_TRUNC: {
        uint64_t m = w < ir_bits(ir_typeof(e->f, d->arg[0])) ? all : UINT64_MAX;
        unsigned n = ir_bits(ir_typeof(e->f, d->arg[0]));
        if (d->op == IR_OP_ZEXT)
            m = (UINT64_C(1) << n) - 1;
        const struct ir_ins *a = e->f->def[d->arg[0]];
        if (a->op == IR_OP_AND && ir_is_const(e->f, a->arg[1], &k) && k < m)
            m = k;
        return m & all;
    }
    default: return all;
    }
}

bool em_can_lower(const struct em *e, const struct ir_ins *i)
{
    unsigned feat = e->cfg->features;
    enum ir_type t = (enum ir_type)i->type, src = i->nargs ? ir_typeof(e->f, i->arg[0]) : IR_VOID;
    if (t == IR_F16 || src == IR_F16 || t >= IR_V64 || t == IR_I128)
        return false;
    bool narrow = t == IR_I8 || t == IR_I16;
    switch ((enum ir_op)i->op) {
    case IR_OP_CONST:
    case IR_OP_GET:
    case IR_OP_PUT:
    case IR_OP_LOAD:
    case IR_OP_STORE:
    case IR_OP_ZEXT:
    case IR_OP_SEXT:
    case IR_OP_TRUNC:
    case IR_OP_BITS:
    case IR_OP_FLOAT:
    case IR_OP_NANBOX:
    case IR_OP_NANUNBOX:
    case IR_OP_FENCE:
    case IR_OP_MARK:
    case IR_OP_EXITIF:
    case IR_OP_GOTO:
    case IR_OP_GOTOIND:
    case IR_OP_SYSCALL:
    case IR_OP_TRAP:
    case IR_OP_ISYNC:
    case IR_OP_FGETFLAGS:
    case IR_OP_FSETFLAGS:
    case IR_OP_FGETRM:
    case IR_OP_FSETRM:
    case IR_OP_FEQ:
    case IR_OP_FLT:
    case IR_OP_FLE:
    case IR_OP_FLTQ:
    case IR_OP_FLEQ:
    case IR_OP_FNEG:
    case IR_OP_FABS:
    case IR_OP_FSGNJ: return true;
    case IR_OP_EQ:
    case IR_OP_NE:
    case IR_OP_LTS:
    case IR_OP_LTU:
    case IR_OP_LES:
    case IR_OP_LEU: return src == IR_I32 || src == IR_I64;
    case IR_OP_SELECT: return t == IR_I32 || t == IR_I64;
    case IR_OP_ADD:
    case IR_OP_SUB:
    case IR_OP_AND:
    case IR_OP_OR:
    case IR_OP_XOR: return !narrow;
    case IR_OP_MUL:
    case IR_OP_MULHS:
    case IR_OP_MULHU:
    case IR_OP_MULHSU:
    case IR_OP_DIVS:
    case IR_OP_DIVU:
    case IR_OP_REMS:
    case IR_OP_REMU:
    case IR_OP_MINS:
    case IR_OP_MAXS:
    case IR_OP_MINU:
    case IR_OP_MAXU:
    case IR_OP_CLZ:
    case IR_OP_CTZ:
    case IR_OP_BSWAP: return t == IR_I32 || t == IR_I64;
    case IR_OP_POPCNT: return (t == IR_I32 || t == IR_I64) && (feat & X64_F_POPCNT);
    case IR_OP_ORCB: return t == IR_I64;
    case IR_OP_CLMUL:
    case IR_OP_CLMULH: return t == IR_I64 && (feat & X64_F_PCLMUL);
    case IR_OP_SHL:
    case IR_OP_SHR:
    case IR_OP_SAR: /* an unbounded variable count would need the format's "oversized" rule */
        return (t == IR_I32 || t == IR_I64) && (e->f->def[i->arg[1]]->op == IR_OP_CONST || most(e, i->arg[1]) < ir_bits(t));
    case IR_OP_ROTL:
    case IR_OP_ROTR: return t == IR_I32 || t == IR_I64;
    case IR_OP_LL:
    case IR_OP_CAS:
    case IR_OP_RMW: return t == IR_I32 || t == IR_I64;
    case IR_OP_SC: return ir_typeof(e->f, i->arg[1]) == IR_I32 || ir_typeof(e->f, i->arg[1]) == IR_I64;
    case IR_OP_FADD:
    case IR_OP_FSUB:
    case IR_OP_FMUL:
    case IR_OP_FDIV:
    case IR_OP_FSQRT: return i->imm != FP_RMM && !(i->aux & 1);
    case IR_OP_FMA: return i->imm != FP_RMM && !(i->aux & 1) && (feat & X64_F_FMA);
    case IR_OP_FMINNUM:
    case IR_OP_FMAXNUM:
    case IR_OP_FMINIMUM:
    case IR_OP_FMAXIMUM: return !(i->aux & 1);
    case IR_OP_FCLASS: return t == IR_I64 || t == IR_I32;
    case IR_OP_FCVT: return (i->imm != FP_RMM || t == IR_F64) && !(i->aux & 1);
    case IR_OP_S2F:
    case IR_OP_U2F: return i->imm != FP_RMM || (src == IR_I32 && t == IR_F64);
    case IR_OP_F2S:
        if (i->imm == FP_DYN || i->imm == FP_RTZ)
            return true;
        return i->imm != FP_RMM && (feat & X64_F_SSE41);
    case IR_OP_F2U: return i->imm == FP_RTZ;
    case IR_OP_FRINT:
    case IR_OP_FRINTX: return i->imm != FP_RMM && (feat & X64_F_SSE41);
    default: return false;
    }
}

static bool may_bail(const struct ir_ins *i)
{
    switch (i->op) {
    case IR_OP_NANUNBOX:
    case IR_OP_LL:
    case IR_OP_SC:
    case IR_OP_CAS:
    case IR_OP_RMW:
    case IR_OP_FMA:
    case IR_OP_FMINNUM:
    case IR_OP_FMAXNUM:
    case IR_OP_FMINIMUM:
    case IR_OP_FMAXIMUM:
    case IR_OP_U2F:
    case IR_OP_F2S:
    case IR_OP_F2U:
    case IR_OP_FSETRM: return true;
    default: return (ir_op_info[i->op].flags & IR_F_RM) && i->imm != FP_DYN; /* em_need_rm */
    }
}

/* Can the guest instruction that starts at `mark` be emitted, bails included? */
static bool can_emit(const struct em *e, const struct ir_ins *mark)
{
    bool effect = false;
    for (const struct ir_ins *i = mark->next; i && i->op != IR_OP_MARK; i = i->next) {
        if (!em_can_lower(e, i) || (effect && may_bail(i)))
            return false;
        effect |= i->op == IR_OP_PUT || i->op == IR_OP_STORE || i->op == IR_OP_FSETFLAGS || i->op == IR_OP_RMW || i->op == IR_OP_SC || i->op == IR_OP_CAS;
    }
    return true;
}

/* Scratch bits of ir_ins.flags */
enum { INS_DEAD = 1 /* a PUT that nobody can see */, INS_BAIL = 2 /* a MARK whose instruction is interpreted */ };

/*
 * Backward: a PUT is dead when the slot is PUT again before anything that could leave the block or look at the slot.
 * `dead` is the set of slots for which that holds at this point.
 */
static bool plan_state(const struct em *e, struct ir_ins *i, uint64_t dead[2])
{
    unsigned slot = (unsigned)i->imm;
    switch (i->op) {
    case IR_OP_PUT:
        if (dead[slot / 64] >> slot % 64 & 1) {
            i->flags = INS_DEAD;
            return false;
        }
        dead[slot / 64] |= UINT64_C(1) << slot % 64;
        break;
    case IR_OP_GET: dead[slot / 64] &= ~(UINT64_C(1) << slot % 64); break;
    case IR_OP_MARK:
        i->flags = 0;
        if (!can_emit(e, i)) {
            i->flags = INS_BAIL;
            dead[0] = dead[1] = 0;
        }
        break;
    default:
        if ((ir_op_info[i->op].flags & (IR_F_FAULTS | IR_F_EXITS | IR_F_TERM)) || may_bail(i))
            dead[0] = dead[1] = 0;
    }
    return true;
}

static void plan(struct em *e, struct ir_block *b)
{
    uint64_t dead[2] = {0};
    for (struct ir_ins *i = b->last; i; i = i->prev) {
        if (!(ir_op_info[i->op].flags & IR_F_PURE) || i->op == IR_OP_NANUNBOX) {
            i->flags = 0;
            if (!plan_state(e, i, dead))
                continue;
        }
        if (ir_op_info[i->op].flags & IR_F_PURE) {
            if (!e->val[i->dst].uses)
                continue; /* kind stays VAL_NONE: not emitted */
            plan_operands(e, i);
            plan_value(e, i);
            continue;
        }
        if (i->op == IR_OP_GET && !e->val[i->dst].uses)
            continue;
        plan_operands(e, i);
        for (unsigned k = 0; k < i->nargs; k++)
            e->val[i->arg[k]].uses++;
    }
    for (uint32_t v = 1; v < e->f->nvals; v++)
        e->val[v].flags &= VAL_SEXT | VAL_ZX;
}

/* -- exits ------------------------------------------------------------------------------------------------------ */

static bool backward(const struct em *e, uint64_t target)
{
    return target <= e->pc;
}

static bool loops(const struct em *e, uint64_t target)
{
    return target == e->f->pc && !e->cfg->no_self_loop;
}

static void poll(struct em *e, uint64_t resume_pc)
{
    test_pending(e);
    size_t f = x64_jcc(&e->b, X64_NE, 0);
    em_cold(e, (struct cold){.kind = COLD_INTERRUPT, .field = (uint32_t)f, .pc = resume_pc});
}

static void lower_exitif(struct em *e, struct ir_ins *i)
{
    uint64_t k;
    bool self = loops(e, i->imm);
    if (em_const(e, i->arg[0], &k)) {
        em_done(e, i->arg[0]);
        if (k & 1) {
            unsigned link = em_new_link(e, i->imm);
            if (backward(e, i->imm))
                poll(e, i->imm);
            through_link(e, X64_JMP_RM, link);
            em_cold(e, (struct cold){.kind = COLD_LINK, .index = (uint16_t)link});
        }
        return;
    }
    if (self)
        poll(e, e->pc);
    enum x64_cc cc = em_compare(e, i->arg[0]);
    if (self) {
        x64_jcc(&e->b, cc, 0);
        x64_patch(&e->b, e->b.len - 4, 0);
        return;
    }
    size_t f = x64_jcc(&e->b, cc, 0);
    em_cold(e, (struct cold){.kind = COLD_LINK, .field = (uint32_t)f, .poll = backward(e, i->imm), .index = (uint16_t)em_new_link(e, i->imm), .pc = i->imm});
}

/* Pushes the guest return pc; the host's call follows. */
static void push_return(struct em *e, uint64_t pc)
{
    if ((int64_t)pc == (int32_t)pc) {
        x64_ri(&e->b, X64_PUSH_IMM32, 8, 0, (int64_t)pc);
        return;
    }
    em_take(e, X64_RCX);
    em_load_imm(e, X64_RCX, pc);
    em_kill(e, X64_RCX);
    x64_r(&e->b, X64_PUSH_R, 8, X64_RCX);
}

/* Where the callee's `ret` comes back to: drop the guest pc, go on at it. */
static void return_pad(struct em *e, uint64_t pc)
{
    unsigned link = em_new_link(e, pc);
    x64_rm(&e->b, X64_LEA_R_M, 8, X64_RSP, (struct x64_mem){.base = X64_RSP, .index = X64_NOREG, .disp = 8});
    through_link(e, X64_JMP_RM, link);
    em_cold(e, (struct cold){.kind = COLD_LINK, .index = (uint16_t)link});
}

static void lower_goto(struct em *e, struct ir_ins *i)
{
    if (backward(e, i->imm))
        poll(e, i->imm);
    if (i->aux) {
        push_return(e, i->aux);
        unsigned link = em_new_link(e, i->imm);
        through_link(e, X64_CALL_RM, link);
        em_cold(e, (struct cold){.kind = COLD_LINK, .index = (uint16_t)link});
        return_pad(e, i->aux);
    } else if (loops(e, i->imm)) {
        x64_jmp(&e->b, 0);
        x64_patch(&e->b, e->b.len - 4, 0);
    } else {
        unsigned link = em_new_link(e, i->imm);
        through_link(e, X64_JMP_RM, link);
        em_cold(e, (struct cold){.kind = COLD_LINK, .index = (uint16_t)link});
    }
}

static void lower_gotoind(struct em *e, struct ir_ins *i)
{
    int r = em_use_reg(e, i->arg[0]);
    if (r != X64_RAX) {
        em_take(e, X64_RAX);
        x64_rr(&e->b, X64_MOV_R_RM, 8, X64_RAX, r);
    }
    em_kill(e, X64_RAX);
    e->locked |= 1u << X64_RAX;
    em_done(e, i->arg[0]);
    if (i->imm == IR_JUMP_RET) {
        x64_rm(&e->b, X64_CMP_R_RM, 8, X64_RAX, (struct x64_mem){.base = X64_RSP, .index = X64_NOREG, .disp = 8});
        size_t f = x64_jcc(&e->b, X64_NE, 0);
        em_cold(e, (struct cold){.kind = COLD_STUB, .field = (uint32_t)f, .index = EM_STUB_RET_MISS});
        x64_0(&e->b, X64_RET, 0);
        return;
    }
    bool call = i->imm == IR_JUMP_CALL && i->aux;
    if (call)
        push_return(e, i->aux);
    /* inline cache: one comparison and a direct transfer; else a probe of the thread's jump table on the cold path */
    unsigned cache = em_new_link(e, CPU_NO_PC);
    test_pending(e); /* a loop may consist of indirect jumps alone; the jump table then misses everything */
    size_t f2 = x64_jcc(&e->b, X64_NE, 0);
    x64_rm(&e->b, X64_CMP_R_RM, 8, X64_RAX, rip0);
    add_reloc(e, HOST_RELOC_CACHE, e->b.len - 4, cache);
    size_t f = x64_jcc(&e->b, X64_NE, 0);
    through_link(e, call ? X64_CALL_RM : X64_JMP_RM, cache);
    em_cold(e, (struct cold){.kind = COLD_PROBE, .field = (uint32_t)f, .field2 = (uint32_t)f2, .back = (uint32_t)e->b.len, .index = (uint16_t)cache, .call = call});
    em_cold(e, (struct cold){.kind = COLD_LINK, .index = (uint16_t)cache});
    if (call)
        return_pad(e, i->aux);
}

/* rax = guest pc: the thread's jump table at [pc >> 1 & mask]; on a miss leave through the stub. */
static void emit_probe(struct em *e, const struct cold *c)
{
    struct x64_mem code = {.base = X64_RCX, .index = X64_NOREG, .disp = offsetof(struct jump_entry, code)};
    x64_rr(&e->b, X64_MOV_R_RM, 4, X64_RCX, X64_RAX);
    x64_ri(&e->b, X64_SHL_RM_IMM8, 4, X64_RCX, 3);
    x64_ri(&e->b, X64_AND_RM_IMM32, 4, X64_RCX, (int64_t)(CPU_JUMP_ENTRIES - 1) << 4);
    x64_rm(&e->b, X64_ADD_R_RM, 8, X64_RCX, em_cpu(offsetof(struct cpu, jumps)));
    x64_rm(&e->b, X64_CMP_RM_R, 8, X64_RAX, (struct x64_mem){.base = X64_RCX, .index = X64_NOREG});
    size_t miss = x64_jcc8(&e->b, X64_NE);
    size_t back = 0;
    x64_m(&e->b, c->call ? X64_CALL_RM : X64_JMP_RM, 8, code);
    if (c->call)
        back = x64_jmp(&e->b, 0);
    x64_patch8(&e->b, miss, e->b.len);
    x64_rm(&e->b, X64_LEA_R_M, 8, X64_RCX, rip0);
    add_reloc(e, HOST_RELOC_LINK, e->b.len - 4, c->index);
    x64_rm(&e->b, X64_MOV_RM_R, 8, X64_RCX, em_cpu(offsetof(struct cpu, exit_link)));
    if (c->call) {
        x64_call(&e->b, 0);
        add_reloc(e, HOST_RELOC_STUB, e->b.len - 4, EM_STUB_INDIRECT);
        x64_patch(&e->b, back, c->back);
        x64_jmp(&e->b, 0);
        x64_patch(&e->b, e->b.len - 4, c->back);
    } else {
        jmp_stub(e, EM_STUB_INDIRECT);
    }
}

static void exit_at(struct em *e, uint64_t pc, enum em_stub s)
{
    em_load_imm(e, X64_RAX, pc);
    jmp_stub(e, s);
}

static void lower_trap(struct em *e, struct ir_ins *i)
{
    struct opnd v = em_use(e, i->arg[0], OPND_REG | OPND_IMM);
    if (v.kind == OPND_IMM)
        x64_mi(&e->b, X64_MOV_RM_IMM32, 8, em_cpu(offsetof(struct cpu, trap.value)), v.imm);
    else
        x64_rm(&e->b, X64_MOV_RM_R, 8, v.reg, em_cpu(offsetof(struct cpu, trap.value)));
    em_done(e, i->arg[0]);
    x64_mi(&e->b, X64_MOV_RM_IMM32, 4, em_cpu(offsetof(struct cpu, trap.kind)), (int64_t)i->imm);
    x64_mi(&e->b, X64_MOV_RM_IMM32, 4, em_cpu(offsetof(struct cpu, trap.detail)), 0);
    exit_at(e, i->aux, EM_STUB_TRAP);
}

static void emit_cold(struct em *e)
{
    for (unsigned n = 0; n < e->ncold; n++) {
        struct cold *c = &e->cold[n];
        if (c->field)
            x64_patch(&e->b, c->field, e->b.len);
        if (c->field2)
            x64_patch(&e->b, c->field2, e->b.len);
        switch (c->kind) {
        case COLD_LINK:
            if (c->poll) {
                test_pending(e);
                size_t f = x64_jcc(&e->b, X64_NE, 0);
                em_cold(e, (struct cold){.kind = COLD_INTERRUPT, .field = (uint32_t)f, .pc = c->pc});
            }
            if (c->field)
                through_link(e, X64_JMP_RM, c->index);
            e->out->link_stub[c->index] = (uint32_t)e->b.len;
            x64_rm(&e->b, X64_LEA_R_M, 8, X64_RAX, rip0);
            add_reloc(e, HOST_RELOC_LINK, e->b.len - 4, c->index);
            jmp_stub(e, EM_STUB_LINK);
            break;
        case COLD_BAIL: exit_at(e, c->pc, EM_STUB_BAIL); break;
        case COLD_INTERRUPT: exit_at(e, c->pc, EM_STUB_INTERRUPT); break;
        case COLD_STUB: jmp_stub(e, (enum em_stub)c->index); break;
        case COLD_PROBE: emit_probe(e, c); break;
        case COLD_NAN:
            em_rip(e, X64_MOVAPS_X_XM, 0, c->reg, c->size == 4 ? EM_CONST_NAN32 : EM_CONST_NAN64);
            x64_jmp(&e->b, 0);
            x64_patch(&e->b, e->b.len - 4, c->back);
            break;
        default: break;
        }
    }
}

/* -- driver ----------------------------------------------------------------------------------------------------- */

static void add_mark(struct em *e, uint64_t pc)
{
    if (e->out->nmarks == e->cap_mark) {
        e->overflow = true;
        return;
    }
    e->out->mark[e->out->nmarks++] = (struct host_mark){.offset = (uint32_t)e->b.len, .pc_delta = (uint32_t)(pc - e->f->pc)};
}

static void lower(struct em *e, struct ir_ins *i)
{
    switch (i->op) {
    case IR_OP_GET:
        if (e->val[i->dst].uses)
            em_get(e, i);
        break;
    case IR_OP_PUT:
        if (!(i->flags & INS_DEAD))
            em_put(e, i);
        break;
    case IR_OP_LOAD:
    case IR_OP_STORE:
    case IR_OP_LL:
    case IR_OP_SC:
    case IR_OP_CAS:
    case IR_OP_RMW:
    case IR_OP_FENCE: em_lower_mem(e, i); break;
    case IR_OP_EXITIF: lower_exitif(e, i); break;
    case IR_OP_GOTO: lower_goto(e, i); break;
    case IR_OP_GOTOIND: lower_gotoind(e, i); break;
    case IR_OP_SYSCALL: exit_at(e, i->imm, EM_STUB_SYSCALL); break;
    case IR_OP_ISYNC: exit_at(e, i->imm, EM_STUB_ISYNC); break;
    case IR_OP_TRAP: lower_trap(e, i); break;
    default: {
        struct val *v = i->dst ? &e->val[i->dst] : NULL;
        bool pure = ir_op_info[i->op].flags & IR_F_PURE;
        if (i->op == IR_OP_NANUNBOX && v->kind != VAL_NONE) {
            em_lower_fp(e, i);
            break;
        }
        if (pure && v->kind != VAL_NORMAL)
            break;
        if ((i->op >= IR_OP_FADD && i->op <= IR_OP_FSETRM) || i->op == IR_OP_BITS || i->op == IR_OP_FLOAT)
            em_lower_fp(e, i);
        else
            em_lower_int(e, i);
    }
    }
}

static bool init(struct em *e, struct arena *a, const struct host_config *cfg, struct ir_func *f, struct host_code *out)
{
    unsigned marks = 0;
    memset(e, 0, offsetof(struct em, cold));
    e->ncold = e->cap_reloc = e->cap_mark = 0;
    e->ended = e->overflow = false;
    e->store_since = true;
    e->known_rm = FP_DYN;
    e->arena = a;
    e->cfg = cfg;
    e->f = f;
    e->out = out;
    for (struct ir_ins *i = f->first->first; i; i = i->next)
        marks += i->op == IR_OP_MARK;
    e->cap_mark = marks;
    e->b.cap = 16384;
    e->b.p = arena_push_raw(a, e->b.cap);
    e->val = ARENA_ARRAY(a, struct val, f->nvals);
    out->mark = ARENA_ARRAY(a, struct host_mark, marks ? marks : 1);
    if (!arena_ok(a))
        return false;
    for (uint32_t v = 0; v < f->nvals; v++)
        e->val[v].reg = e->val[v].spill = e->val[v].slot = -1;
    /* the temporaries, and every pin register this configuration leaves free */
    e->temps = 1u << X64_RAX | 1u << X64_RCX | 1u << X64_RDX | 7u << (EM_XMM + EM_PINS_FP);
    return true;
}

enum btv_status x64_emit(struct arena *a, const struct host_config *cfg, struct ir_func *f, struct host_code *out)
{
    memset(out, 0, sizeof *out);
    if (f->first != f->last)
        return BTV_NOTIMPL;
    struct em *e = arena_push_raw(a, sizeof *e);
    if (!e || !init(e, a, cfg, f, out))
        return BTV_NOMEM;
    ir_count_uses(f);
    plan(e, f->first);
    for (struct ir_ins *i = f->first->first; i && !e->ended; i = i->next) {
        e->locked = e->locked_spills = 0;
        if (i->op == IR_OP_MARK) {
            e->pc = i->imm;
            add_mark(e, i->imm);
            if (i->flags & INS_BAIL) {
                em_bail(e);
                e->ended = true;
            }
            continue;
        }
        lower(e, i);
    }
    out->hot_len = (uint32_t)e->b.len;
    emit_cold(e);
    if (!arena_ok(a))
        return BTV_NOMEM;
    if (e->overflow || e->b.full)
        return BTV_LIMIT;
    out->bytes = e->b.p;
    out->len = (uint32_t)e->b.len;
    return BTV_OK;
}

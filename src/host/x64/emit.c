/*
 * IR functions to x86-64 code, block after block in their order.
 *
 * Two walks: backward, deciding (plan.c), and forward, emitting.  Cold paths follow the hot code.
 * region.c has what functions of several blocks need besides.
 */
#include <string.h>

#include "host/x64/em.h"
#include "host/x64/x64_host.h"

static void add_reloc(struct em *e, size_t offset, enum em_stub stub)
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
    e->out->reloc[e->out->nreloc++] = (struct host_reloc){.offset = (uint32_t)offset, .stub = (uint16_t)stub};
}

static const struct x64_mem rip0 = {.base = X64_RIP, .index = X64_NOREG};

void em_rip(struct em *e, enum x64_row row, int size, int reg, enum em_stub s)
{
    x64_rm(&e->b, row, size, reg, rip0);
    add_reloc(e, e->b.len - 4, s);
}

static void jmp_stub(struct em *e, enum em_stub s)
{
    x64_jmp(&e->b, 0);
    add_reloc(e, e->b.len - 4, s);
}

void em_call_stub(struct em *e, enum em_stub s)
{
    x64_call(&e->b, 0);
    add_reloc(e, e->b.len - 4, s);
}

/* The same from code whose pins may be the region's own.  COLD_LEAVE with EM_STUB_COUNT: by the link at rax. */
static void leave_by(struct em *e, enum em_stub s)
{
    if (e->moves)
        em_cold(e, (struct cold){.kind = COLD_LEAVE, .field = (uint32_t)x64_jmp(&e->b, 0), .index = (uint16_t)s});
    else
        jmp_stub(e, s);
}

void em_cold(struct em *e, struct cold c)
{
    if (c.kind == COLD_LINK || c.kind == COLD_BAIL || c.kind == COLD_INTERRUPT || c.kind == COLD_EDGE)
        c.nstate = (uint16_t)em_note_state(e, &c.state);
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
    em_put_home(e);
    em_load_imm(e, X64_RAX, e->pc);
    leave_by(e, EM_STUB_BAIL);
}

void em_test_rm(struct em *e, uint64_t rm)
{
    x64_mi(&e->b, X64_CMP_RM_IMM8, 1, em_cpu(offsetof(struct cpu, fp.rm)), (int64_t)rm);
    em_bail_if(e, X64_NE);
}

void em_need_rm(struct em *e, uint64_t rm)
{
    if (rm == FP_DYN || rm == e->known_rm)
        return;
    em_test_rm(e, rm);
    e->known_rm = (uint8_t)rm;
}

/* Fills up with no-operations until `bytes` from here on lie in eight aligned bytes, which can be changed by one store. */
static void align_link(struct em *e, unsigned ahead, unsigned bytes)
{
    unsigned at = (unsigned)(e->b.len + ahead) % 8;
    if (at + bytes > 8)
        x64_nop(&e->b, 8 - at);
}

/* A jump (EM_STUB_LINK) or call (EM_STUB_LINK_CALL) to wherever link_make says. */
static void put_link(struct em *e, enum em_stub s)
{
    align_link(e, 0, X64_LINK_BYTES);
    em_call_stub(e, s);
}

/* The same to the block for pc. */
static void link_to(struct em *e, uint64_t pc, enum em_stub s)
{
    put_link(e, s);
    if (e->out->nlinks == e->cap_link)
        e->overflow = true;
    else
        e->out->link[e->out->nlinks++] = (struct host_link){.at = (uint32_t)e->b.len, .pc = pc};
}

static void test_pending(struct em *e)
{
    x64_mi(&e->b, X64_CMP_RM_IMM8, 4, em_cpu(offsetof(struct cpu, pending)), 0);
}

/* -- exits ------------------------------------------------------------------------------------------------------ */

/* Is this a way out where requests are looked at?  See looks_inside (plan.c). */
static bool backward(const struct em *e, uint64_t target)
{
    return target <= (e->region ? e->pc : e->f->pc);
}

static bool loops(const struct em *e, uint64_t target)
{
    return target == e->f->pc && !e->cfg->no_self_loop && !e->region;
}

void em_poll(struct em *e, uint64_t resume_pc)
{
    test_pending(e);
    size_t f = x64_jcc(&e->b, X64_NE, 0);
    em_cold(e, (struct cold){.kind = COLD_INTERRUPT, .field = (uint32_t)f, .pc = resume_pc});
}

/* Leaves by a jump to pc.  A request leaves by a call right behind it, as if it were not made: host_link. */
static void jump_link(struct em *e, uint64_t pc, bool poll)
{
    size_t request = 0;
    if (poll && e->moves) { /* who asks expects the pins outside */
        em_poll(e, pc);
    } else if (poll) {
        test_pending(e);
        request = x64_jcc(&e->b, X64_NE, 0);
    }
    em_leave_region(e);
    link_to(e, pc, EM_STUB_LINK);
    if (request) {
        x64_patch(&e->b, request, e->b.len);
        em_call_stub(e, EM_STUB_LINK);
    }
}

static void lower_exitif(struct em *e, struct ir_ins *i)
{
    uint64_t k;
    bool self = loops(e, i->imm);
    if (em_const(e, i->arg[0], &k)) {
        em_done(e, i->arg[0]);
        if (k & 1) {
            em_put_home(e);
            jump_link(e, i->imm, backward(e, i->imm));
        }
        return;
    }
    bool poll = backward(e, i->imm), direct = !e->moves && !e->lazy[0] && !e->lazy[1];
    if (self || (poll && direct))
        em_poll(e, e->pc); /* a branch has no other effect: it can be made again */
    enum x64_cc cc = em_compare(e, i->arg[0]);
    if (self) {
        x64_patch(&e->b, x64_jcc(&e->b, cc, 0), e->again);
        return;
    }
    if (direct)
        x64_pad_jcc(&e->b, 8);
    em_cold(e, (struct cold){.kind = direct ? COLD_BRANCH : COLD_LINK, .field = (uint32_t)x64_jcc(&e->b, cc, 0), .poll = poll, .pc = i->imm});
}

/* Pushes the guest return pc; the host's call follows. */
static void push_return(struct em *e, uint64_t pc)
{
    int reg = em_reg_with(e, pc); /* the guest's link register has just been made there, as a rule */
    if (reg >= 0) {
        x64_r(&e->b, X64_PUSH_R, 8, reg);
        return;
    }
    int slot = em_slot_with(e, pc);
    if (slot >= 0) {
        x64_m(&e->b, X64_PUSH_RM, 8, em_slot((unsigned)slot));
        return;
    }
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
    const struct ir_block *to = em_block_at(e, pc);
    x64_r(&e->b, X64_POP_R, 8, X64_RCX);
    if (to) {
        em_enter_region(e);
        em_poll(e, pc); /* a loop may consist of calls alone, and the region may have been killed meanwhile */
        em_jump_block(e, to);
        return;
    }
    link_to(e, pc, EM_STUB_LINK);
}

static void lower_goto(struct em *e, struct ir_ins *i)
{
    em_put_home(e);
    if (!i->aux && loops(e, i->imm)) {
        em_poll(e, i->imm);
        x64_patch(&e->b, x64_jmp(&e->b, 0), e->again);
        return;
    }
    if (!i->aux) {
        jump_link(e, i->imm, backward(e, i->imm));
        return;
    }
    if (backward(e, i->imm))
        em_poll(e, i->imm);
    em_leave_region(e);
    push_return(e, i->aux);
    link_to(e, i->imm, EM_STUB_LINK_CALL);
    return_pad(e, i->aux);
}

/*
 * Does a jump have many targets, as far as its code tells?  Switches and bytecode dispatch do; the stubs of a procedure linkage table, whose
 * target comes from a fixed address, have one, and calls have few.
 */
static bool has_many_targets(const struct em *e, const struct ir_ins *i)
{
    const struct ir_ins *d = e->f->def[i->arg[0]];
    if (i->imm != IR_JUMP)
        return false;
    if (d->op == IR_OP_AND)
        d = e->f->def[d->arg[0]];
    return !(d->op == IR_OP_LOAD && e->f->def[d->arg[0]]->op == IR_OP_CONST);
}

static void lower_gotoind(struct em *e, struct ir_ins *i)
{
    em_put_home(e);
    uint32_t to = i->arg[0];
    bool odd = e->val[to].kind == VAL_FOLD; /* an address with bit 0, which is to be cleared; of a return, that matches no entry */
    if (odd)
        to = e->f->def[to]->arg[0];
    int r = em_use_reg(e, to);
    if (r != X64_RAX) {
        em_take(e, X64_RAX);
        x64_rr(&e->b, X64_MOV_R_RM, 8, X64_RAX, r);
    }
    em_kill(e, X64_RAX);
    e->locked |= 1u << X64_RAX;
    em_done(e, to);
    if (odd && i->imm != IR_JUMP_RET)
        x64_ri(&e->b, X64_AND_RM_IMM8, 8, X64_RAX, -2);
    em_leave_region(e);
    if (i->imm == IR_JUMP_RET) {
        x64_rm(&e->b, X64_CMP_R_RM, 8, X64_RAX, (struct x64_mem){.base = X64_RSP, .index = X64_NOREG, .disp = 8});
        x64_jcc(&e->b, X64_NE, 0);
        add_reloc(e, e->b.len - 4, odd ? EM_STUB_RET_EVEN : EM_STUB_RET_MISS);
        x64_0(&e->b, X64_RET, 0);
        return;
    }
    if (has_many_targets(e, i)) { /* a place of its own in the host's predictor; requests point the table away */
        em_find_entry(&e->b);
        add_reloc(e, e->b.len - 4, EM_STUB_UNKNOWN);
        em_jump_entry(&e->b);
        return;
    }
    bool call = i->imm == IR_JUMP_CALL && i->aux;
    if (call)
        push_return(e, i->aux);
    /* inline cache: one comparison and a direct transfer; else a probe of the thread's jump table on the cold path */
    test_pending(e); /* a loop may consist of indirect jumps alone; the jump table then misses everything */
    size_t f2 = x64_jcc(&e->b, X64_NE, 0);
    align_link(e, X64_CACHE_OPCODE_BYTES, 8);
    x64_ri(&e->b, X64_MOV_R_IMM, 8, X64_RCX, (int64_t)CPU_NO_PC); /* nothing that it held is needed any more */
    x64_rr(&e->b, X64_CMP_R_RM, 8, X64_RAX, X64_RCX);
    size_t f = x64_jcc(&e->b, X64_NE, 0);
    put_link(e, call ? EM_STUB_LINK_CALL : EM_STUB_LINK); /* at a fixed place: X64_CACHE_PC */
    em_cold(e, (struct cold){.kind = COLD_PROBE, .field = (uint32_t)f, .field2 = (uint32_t)f2, .back = (uint32_t)e->b.len, .call = call});
    if (call)
        return_pad(e, i->aux);
}

/* rax = guest pc: not the cached one. */
static void emit_probe(struct em *e, const struct cold *c)
{
    x64_rm(&e->b, X64_LEA_R_M, 8, X64_RCX, rip0);
    x64_patch(&e->b, e->b.len - 4, c->back);
    if (!c->call) {
        jmp_stub(e, EM_STUB_PROBE);
        return;
    }
    em_call_stub(e, EM_STUB_PROBE);
    x64_jmp(&e->b, 0);
    x64_patch(&e->b, e->b.len - 4, c->back);
}

static void exit_at(struct em *e, uint64_t pc, enum em_stub s)
{
    em_put_home(e);
    em_load_imm(e, X64_RAX, pc);
    leave_by(e, s);
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

static void emit_nan(struct em *e, const struct cold *c)
{
    const int reg[] = {c->reg, c->reg2};
    bool both = c->reg != c->reg2;
    for (unsigned k = 0; k < 1u + both; k++) {
        size_t number = 0;
        if (both) {
            x64_rr(&e->b, X64_UCOMIS_X_XM, c->size, reg[k], reg[k]);
            number = x64_jcc8(&e->b, X64_NP);
        }
        em_rip(e, X64_MOVAPS_X_XM, 0, reg[k], c->size == 4 ? EM_CONST_NAN32 : EM_CONST_NAN64);
        if (both)
            x64_patch8(&e->b, number, e->b.len);
    }
    x64_jmp(&e->b, c->back);
}

/*
 * A conversion gave the smallest integer: right for negative numbers, if they fit or not; NaNs and positive numbers give the
 * largest.  The host has raised invalid where the guest does (SDM vol. 1, 4.8.3.7; RISC-V "F" chapter, domains of conversions).
 */
static void emit_to_int(struct em *e, const struct cold *c)
{
    int bits = c->reg2, size = c->wide ? 8 : 4;
    x64_rr(&e->b, X64_MOVD_RM_X, c->size, c->reg, bits);
    x64_rr(&e->b, X64_UCOMIS_X_XM, c->size, c->reg, c->reg);
    size_t nan = x64_jcc8(&e->b, X64_P);
    x64_rr(&e->b, X64_TEST_RM_R, c->size, bits, bits);
    size_t positive = x64_jcc8(&e->b, X64_NS);
    em_load_imm(e, c->reg2, c->wide ? UINT64_C(1) << 63 : UINT64_C(1) << 31);
    x64_jmp(&e->b, c->back);
    x64_patch8(&e->b, nan, e->b.len);
    x64_patch8(&e->b, positive, e->b.len);
    x64_ri(&e->b, X64_MOV_R_IMM, size, c->reg2, c->wide ? INT64_MAX : INT32_MAX);
    x64_jmp(&e->b, c->back);
}

/* An integer of 2^63 or more: half of it, the lost bit kept where rounding sees that there is something, and the result doubled. */
static void emit_from_u64(struct em *e, const struct cold *c)
{
    x64_ri(&e->b, X64_SHR_RM_IMM8, 8, c->reg2, 1);
    size_t even = x64_jcc8(&e->b, X64_AE);
    x64_ri(&e->b, X64_OR_RM_IMM8, 8, c->reg2, 1);
    x64_patch8(&e->b, even, e->b.len);
    x64_rr(&e->b, c->size == 4 ? X64_CVTSI2SS_X_RM : X64_CVTSI2SD_X_RM, 8, c->reg, c->reg2);
    x64_rr(&e->b, X64_ADDS_X_XM, c->size, c->reg, c->reg);
    x64_jmp(&e->b, c->back);
}

/* The shared way out of a region to a stub; at[] is where each was put. */
static void emit_leave(struct em *e, enum em_stub s, uint32_t at[EM_STUB_COUNT + 1])
{
    if (at[s])
        return;
    at[s] = (uint32_t)e->b.len;
    em_leave_region(e);
    if (s == EM_STUB_COUNT)
        x64_r(&e->b, X64_JMP_RM, 8, X64_RAX);
    else
        jmp_stub(e, s);
}

/* Out of a region that moves pins by its shared way out. */
static void emit_cold_link(struct em *e, const struct cold *c)
{
    if (!e->moves) {
        jump_link(e, c->pc, c->poll);
        return;
    }
    if (c->poll)
        em_poll(e, c->pc);
    x64_rm(&e->b, X64_LEA_R_M, 8, X64_RAX, rip0);
    size_t field = e->b.len - 4;
    leave_by(e, EM_STUB_COUNT);
    link_to(e, c->pc, EM_STUB_LINK);
    x64_patch(&e->b, field, e->b.len - X64_LINK_BYTES);
}

static void emit_cold(struct em *e)
{
    uint32_t leave[EM_STUB_COUNT + 1] = {0};
    for (unsigned n = 0; n < e->ncold; n++) {
        struct cold *c = &e->cold[n];
        if (c->kind == COLD_BRANCH)
            align_link(e, 0, X64_LINK_BYTES); /* the jump leads to the link itself */
        if (c->field)
            x64_patch(&e->b, c->field, c->kind == COLD_LEAVE && leave[c->index] ? leave[c->index] : e->b.len);
        if (c->field2)
            x64_patch(&e->b, c->field2, e->b.len);
        em_emit_state(e, c->state, c->nstate);
        switch (c->kind) {
        case COLD_LINK: emit_cold_link(e, c); break;
        case COLD_BRANCH: link_to(e, c->pc, EM_STUB_LINK_BRANCH); break;
        case COLD_EDGE: em_jump_block(e, c->to); break;
        case COLD_LEAVE: emit_leave(e, (enum em_stub)c->index, leave); break;
        case COLD_BAIL: exit_at(e, c->pc, EM_STUB_BAIL); break;
        case COLD_INTERRUPT: exit_at(e, c->pc, EM_STUB_INTERRUPT); break;
        case COLD_PROBE: emit_probe(e, c); break;
        case COLD_NAN: emit_nan(e, c); break;
        case COLD_TO_INT: emit_to_int(e, c); break;
        case COLD_FROM_U64: emit_from_u64(e, c); break;
        case COLD_FLAGS:
            if (c->size)
                x64_mi(&e->b, X64_AND_RM_IMM8, 4, em_host_fp(), ~0x3f);
            x64_m(&e->b, X64_LDMXCSR_M, 0, em_host_fp());
            x64_jmp(&e->b, c->back);
            break;
        default: break;
        }
    }
}

/* -- driver ----------------------------------------------------------------------------------------------------- */

static void put_mark(struct em *e, uint64_t pc)
{
    if (e->out->nmarks == e->cap_mark) {
        e->overflow = true;
        return;
    }
    e->out->mark[e->out->nmarks++] = (struct host_mark){.offset = (uint32_t)e->b.len, .pc_delta = pc - e->f->pc};
}

/* Two marks of one pc in a row mean something else (host_mark), and one will do. */
static void add_mark(struct em *e, uint64_t pc)
{
    if (!e->out->nmarks || e->out->mark[e->out->nmarks - 1].pc_delta != pc - e->f->pc)
        put_mark(e, pc);
}

void em_retry(struct em *e)
{
    put_mark(e, e->f->pc);
}

static void lower(struct em *e, struct ir_ins *i)
{
    if ((e->nans[0] || e->nans[1]) && !em_lets_nans(e, i))
        em_check_nans(e);
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
        e->out->mark[e->out->nmarks - 1].may_fault = true;
        em_lower_mem(e, i);
        break;
    case IR_OP_FENCE: em_lower_mem(e, i); break;
    case IR_OP_ROUNDS: em_lower_rounds(e); break;
    case IR_OP_EXITIF: lower_exitif(e, i); break;
    case IR_OP_BR: em_lower_br(e, i); break;
    case IR_OP_BRIF: em_lower_brif(e, i); break;
    case IR_OP_GOTO: lower_goto(e, i); break;
    case IR_OP_GOTOIND: lower_gotoind(e, i); break;
    case IR_OP_SYSCALL: exit_at(e, i->imm, EM_STUB_SYSCALL); break;
    case IR_OP_ISYNC: exit_at(e, i->imm, EM_STUB_ISYNC); break;
    case IR_OP_TRAP: lower_trap(e, i); break;
    case IR_OP_CALL:
        em_lower_call(e, i);
        e->fp_read = false;
        break;
    default: {
        struct val *v = i->dst ? &e->val[i->dst] : NULL;
        bool pure = ir_op_info[i->op].flags & IR_F_PURE;
        if (i->op == IR_OP_NANUNBOX && v->kind != VAL_NONE) {
            em_lower_fp(e, i);
            break;
        }
        if (pure && v->kind != VAL_NORMAL)
            break;
        if (i->op == IR_OP_FSETFLAGS && (i->flags & INS_DEAD))
            break;
        if ((i->op >= IR_OP_FADD && i->op <= IR_OP_FSETRM) || i->op == IR_OP_BITS || i->op == IR_OP_FLOAT)
            em_lower_fp(e, i);
        else
            em_lower_int(e, i);
    }
    }
}

/* Of a region: the slots with a PUT; a bound for the edges. */
static unsigned note_region(struct em *e, const struct ir_func *f)
{
    unsigned edges = 0;
    for (const struct ir_block *b = f->first; b; b = b->next)
        for (const struct ir_ins *i = b->first; i; i = i->next) {
            edges += 2 * (i->op == IR_OP_BR || i->op == IR_OP_BRIF || i->op == IR_OP_GOTO || i->op == IR_OP_GOTOIND);
            if (i->op == IR_OP_PUT)
                e->written[i->imm / 64] |= UINT64_C(1) << i->imm % 64;
        }
    return edges;
}

static bool init(struct em *e, struct arena *a, const struct host_config *cfg, struct ir_func *f, struct host_code *out)
{
    bool region = cfg->outer != NULL;
    unsigned marks = 2 /* of ROUNDS, once at most */, branches = 0, types = 0;
    memset(e, 0, offsetof(struct em, cold));
    e->arena = a;
    e->cfg = cfg;
    e->f = f;
    e->out = out;
    for (const struct ir_block *b = f->first; b; b = b->next)
        for (const struct ir_ins *i = b->first; i; i = i->next) {
            marks += i->op == IR_OP_MARK;
            types |= 1u << i->type;
        }
    e->odd = types & EM_ODD_TYPES;
    if (region)
        branches = note_region(e, f);
    e->region = region;
    e->moves = em_region_moves(e);
    e->cap_mark = marks;
    e->cap_edges = region ? branches : 0;
    e->cap_link = region ? HOST_MAX_REGION_LINKS : HOST_MAX_LINKS;
    e->b.cap = region ? 65536 : 16384;
    e->b.p = arena_push_raw(a, e->b.cap);
    e->val = arena_push_raw(a, f->nvals * sizeof *e->val);
    e->block_at = ARENA_ARRAY(a, uint32_t, f->nblocks + 1);
    e->edge = ARENA_ARRAY(a, struct em_edge, e->cap_edges + 1);
    if (region) {
        e->cap_state = 16384;
        e->state = out->loc = ARENA_ARRAY(a, struct host_loc, e->cap_state);
        out->recovery = ARENA_ARRAY(a, struct host_recovery, e->cap_state);
        e->preds = ARENA_ARRAY(a, uint8_t, f->nblocks + 1);
    }
    out->mark = arena_push_raw(a, marks * sizeof *out->mark);
    out->link = arena_push_raw(a, e->cap_link * sizeof *out->link);
    if (!arena_ok(a))
        return false;
    out->pins = cfg->outer ? cfg : NULL;
    memset(e->block_at, 0xff, (f->nblocks + 1) * sizeof *e->block_at);
    for (uint32_t v = 0; v < f->nvals; v++)
        e->val[v] = (struct val){.reg = -1, .spill = -1, .slot = -1};
    /* the temporaries, and every pin register this configuration leaves free */
    e->temps = 1u << X64_RAX | 1u << X64_RCX | 1u << X64_RDX | 7u << (EM_XMM + EM_PINS_FP);
    if (region)
        em_init_region(e);
    return true;
}

/* All slots are in their homes, and that is all that is known; unless the code comes from one place only, straight from above. */
static void start_block(struct em *e, struct ir_block *b)
{
    bool on = b != e->f->first && em_continues(e, b) && !e->ended;
    e->at = b;
    e->flags_reg = -1;
    e->block_at[b->id] = (uint32_t)e->b.len;
    e->ended = false;
    if (on)
        return;
    e->store_since = true;
    e->fp_read = false;
    e->known_rm = FP_DYN;
    if (b != e->f->first)
        em_forget(e);
}

static void emit_block(struct em *e, struct ir_block *b)
{
    start_block(e, b);
    for (struct ir_ins *i = b->first; i && !e->ended && !e->overflow; i = i->next) {
        e->locked = e->locked_spills = 0;
        if (i->op == IR_OP_MARK) {
            e->pc = i->imm;
            add_mark(e, i->imm);
            if (i->flags)
                em_check_nans(e);
            if ((i->flags & INS_BACK) && !e->rounds)
                em_poll(e, i->imm);
            if (i->flags & INS_BAIL) {
                em_bail(e);
                e->ended = true;
            }
            continue;
        }
        lower(e, i);
    }
}

enum btv_status x64_emit(struct arena *a, const struct host_config *cfg, struct ir_func *f, struct host_code *out)
{
    memset(out, 0, sizeof *out);
    struct em *e = arena_push_raw(a, sizeof *e);
    if (!e || !init(e, a, cfg, f, out))
        return BTV_NOMEM;
    ir_count_uses(f);
    em_plan(e);
    em_enter_region(e);
    for (struct ir_block *b = f->first; b && !e->overflow; b = b->next)
        emit_block(e, b);
    if (e->overflow || e->b.full)
        return BTV_LIMIT;
    out->hot_len = (uint32_t)e->b.len;
    emit_cold(e);
    em_finish_edges(e);
    out->nloc = e->nstate;
    if (!arena_ok(a))
        return BTV_NOMEM;
    if (e->overflow || e->b.full || !x64_can_close(e->b.p))
        return BTV_LIMIT;
    out->bytes = e->b.p;
    out->len = (uint32_t)e->b.len;
    return BTV_OK;
}

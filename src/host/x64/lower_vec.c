/*
 * The op `rounds`: certain rounds of a loop, 32 bytes of each access at a time (ir/rounds.h).
 *
 * Stands before the loop's own code, which does everything else: the rounds that leave, that fault, that cross into another page,
 * and the few that are not worth a vector.  While the vector code runs, rdx counts the bytes done and no slot changes; at its
 * end the slots advance by so many rounds.  A vector never touches a page that its first round does not touch.  Its fault is
 * not the guest's: the engine resumes at the end of the vector code, and the loop's own code meets the fault (em_retry).
 *
 * Loops that only read come back one round early, so that the loop's own code does the last certain round once more: other slots
 * then hold what that round leaves in them.  Loops that store do nothing twice.  There the next round is known to be certain too,
 * because it is within the count and its bytes lie in pages just accessed.
 */
#include "host/x64/em.h"

enum {
    VECTOR = 32,
    UNROLL = 4,
    BATCH = VECTOR * UNROLL,
    HAZARD = 128,    /* bytes between loads and stores that keep vectors apart, in rounds of several; at least VECTOR + ROUNDS_MAX_STEP */
    READ_DELAY = 2,  /* rounds that a loop that stores nothing does by itself at first; one if they are of a byte */
    READ_MIN = 16,   /* bytes from which on a counted loop is worth it */
    FIRST_TEMP = 13, /* ymm13..15 are temporaries; constants lie below */
    MAX_CONSTANTS = 10,
    MAX_SKIPS = 24,
    INDEX = X64_RDX,
    LEFT = X64_RCX,
    WORK = X64_RAX,
};

struct vec {
    struct em *e;
    const struct ir_rounds *r;
    int base[ROUNDS_BASES];      /* register of each, borrowed ones included */
    uint32_t used;               /* general registers that may not be borrowed */
    uint8_t borrowed[ROUNDS_BASES], nborrowed;
    unsigned lane;               /* bytes of the constants' lanes */
    struct {
        bool slot;
        uint64_t value; /* of the slot number, or the bits of a lane */
    } constant[MAX_CONSTANTS];
    unsigned nconstants, nregs;  /* nregs: ymm registers below the temporaries that are in use */
    unsigned uses[ROUNDS_LOADS]; /* of each load */
    int fetched[ROUNDS_LOADS];   /* register that holds it while a vector is worked on, or -1: memory */
    int zero;                    /* constant number of 0 */
    bool failed;                 /* too many registers wanted */
    size_t skip[MAX_SKIPS];      /* jumps to the loop's own code, before anything was changed */
    unsigned nskips;
    size_t to_done[MAX_SKIPS];
    unsigned ndone;
};

/* -- registers --------------------------------------------------------------------------------------------- */

static bool mentioned(const struct vec *x, unsigned slot)
{
    return x->r->mentioned[slot / 64] >> slot % 64 & 1;
}

/* A register whose slot the loop does not know; its content goes to the slot's home meanwhile. */
static int borrow(struct vec *x)
{
    const struct host_config *cfg = x->e->cfg;
    for (int k = EM_PINS_INT - 1; k >= 0; k--) {
        int r = em_pin_int[k];
        bool pinned = (unsigned)k < cfg->npin_int;
        if ((x->used >> r & 1) || (pinned && mentioned(x, cfg->pin_int[k])))
            continue;
        x->used |= 1u << r;
        if (pinned) {
            x64_rm(&x->e->b, X64_MOV_RM_R, 8, r, em_slot(cfg->pin_int[k]));
            x->borrowed[x->nborrowed++] = (uint8_t)k;
        }
        return r;
    }
    x->failed = true;
    return WORK;
}

/* row reg, slot */
static void with_slot(struct em *e, enum x64_row row, int reg, unsigned slot)
{
    int r = em_pin(e, slot);
    if (r >= 0)
        x64_rr(&e->b, row, 8, reg, r);
    else
        x64_rm(&e->b, row, 8, reg, em_slot(slot));
}

/* reg = a */
static void load_linear(struct em *e, int reg, const struct ir_linear *a)
{
    if (!a->n) {
        em_load_imm(e, reg, (uint64_t)a->add);
        return;
    }
    with_slot(e, X64_MOV_R_RM, reg, a->slot[0]);
    if (a->n > 1)
        with_slot(e, X64_ADD_R_RM, reg, a->slot[1]);
    if (a->add)
        x64_ri(&e->b, X64_ADD_RM_IMM32, 8, reg, a->add);
}

static void load_bases(struct vec *x)
{
    for (unsigned k = 0; k < x->r->nbases; k++) {
        const struct ir_linear *b = &x->r->base[k];
        x->base[k] = b->n == 1 ? em_pin(x->e, b->slot[0]) : -1;
        if (x->base[k] < 0) {
            x->base[k] = borrow(x);
            load_linear(x->e, x->base[k], b);
        }
    }
}

static struct x64_mem place(const struct vec *x, unsigned access, unsigned offset)
{
    const struct ir_rounds_access *a = &x->r->access[access];
    return (struct x64_mem){.base = (int8_t)x->base[a->base], .index = INDEX, .disp = a->disp + (int32_t)offset};
}

/* -- constants --------------------------------------------------------------------------------------------- */

static int constant(struct vec *x, bool slot, uint64_t value)
{
    for (unsigned k = 0; k < x->nconstants; k++)
        if (x->constant[k].slot == slot && x->constant[k].value == value)
            return (int)k;
    if (x->nconstants == MAX_CONSTANTS) {
        x->failed = true;
        return 0;
    }
    x->constant[x->nconstants].slot = slot;
    x->constant[x->nconstants].value = value;
    return (int)x->nconstants++;
}

/* The number of the constant that v is in this loop, or -1. */
static int constant_of(struct vec *x, ir_val v)
{
    const struct ir_ins *i = x->e->f->def[v];
    if (!ir_rounds_constant(x->r, x->e->f, v))
        return -1;
    if (i->op == IR_OP_GET)
        return constant(x, true, i->imm);
    return constant(x, false, x->lane < 8 ? i->imm & ((UINT64_C(1) << 8 * x->lane) - 1) : i->imm);
}

static uint64_t all_ones(const struct vec *x)
{
    return x->lane < 8 ? (UINT64_C(1) << 8 * x->lane) - 1 : UINT64_MAX;
}

static bool is_number(const struct vec *x, ir_val v, uint64_t lane)
{
    const struct ir_ins *i = x->e->f->def[v];
    return i->op == IR_OP_CONST && !((i->imm ^ lane) & all_ones(x));
}

static ir_val strip(const struct vec *x, ir_val v)
{
    const struct ir_ins *i = x->e->f->def[v];
    while (i->op == IR_OP_ZEXT || i->op == IR_OP_SEXT || i->op == IR_OP_TRUNC) {
        v = i->arg[0];
        i = x->e->f->def[v];
    }
    return v;
}

/* What v is the complement of, or 0. */
static ir_val complement(const struct vec *x, ir_val v)
{
    const struct ir_ins *i = x->e->f->def[v];
    return i->op == IR_OP_XOR && is_number(x, i->arg[1], UINT64_MAX) ? strip(x, i->arg[0]) : 0;
}

/* Walks as value() does: constants get numbers, uses of loads are counted. */
static void collect(struct vec *x, ir_val v)
{
    v = strip(x, v);
    const struct ir_ins *i = x->e->f->def[v];
    int load = ir_rounds_load(x->r, v);
    if (load >= 0) {
        x->uses[load]++;
        return;
    }
    if (constant_of(x, v) >= 0)
        return;
    ir_val a = strip(x, i->arg[0]), b = i->nargs > 1 ? strip(x, i->arg[1]) : 0;
    if (i->op == IR_OP_ORCB)
        constant(x, false, all_ones(x));
    if (i->op == IR_OP_AND && complement(x, a))
        a = complement(x, a);
    else if (i->op == IR_OP_AND && complement(x, b))
        b = complement(x, b);
    collect(x, a);
    if (b)
        collect(x, b);
}

/* Of a condition that two values differ: the only one to look at when the other is 0; of ORCB against ones, what it is about. */
static ir_val lone_side(const struct vec *x, const struct ir_rounds_cond *c, bool *zero_bytes)
{
    ir_val a = strip(x, c->a), b = strip(x, c->b);
    *zero_bytes = false;
    if (c->equal)
        return 0;
    if (is_number(x, b, 0))
        return a;
    if (is_number(x, a, 0))
        return b;
    const struct ir_ins *i = x->e->f->def[a];
    *zero_bytes = i->op == IR_OP_ORCB && is_number(x, b, UINT64_MAX);
    return *zero_bytes ? i->arg[0] : 0;
}

static void collect_all(struct vec *x)
{
    const struct ir_rounds *r = x->r;
    if (r->nconds)
        x->zero = constant(x, false, 0);
    for (unsigned k = 0; k < r->nconds; k++) {
        bool zero_bytes;
        ir_val v = lone_side(x, &r->cond[k], &zero_bytes);
        collect(x, v ? v : r->cond[k].a);
        if (!v)
            collect(x, r->cond[k].b);
    }
    if (r->stores)
        collect(x, r->stored);
    x->nregs = x->nconstants;
    for (unsigned k = 0; k < r->nloads; k++) /* read once, so that all uses see the same */
        x->fetched[k] = x->uses[k] > 1 ? FIRST_TEMP - 1 - (int)x->nregs++ : -1;
    if (x->nregs > FIRST_TEMP)
        x->failed = true;
}

static int constant_reg(unsigned number)
{
    return FIRST_TEMP - 1 - (int)number;
}

static void save_pins(struct vec *x, bool back)
{
    for (unsigned k = 0; k < x->nregs && !x->failed; k++) {
        int r = constant_reg(k);
        if (r < x->e->cfg->npin_fp)
            x64_rm(&x->e->b, back ? X64_MOVQ_X_XM : X64_MOVQ_XM_X, 0, r, em_slot(x->e->cfg->pin_fp[r]));
    }
}

static void broadcast_constants(struct vec *x)
{
    static const uint16_t row[9] = {[1] = X64_VPBROADCASTB_Y_XM, [2] = X64_VPBROADCASTW_Y_XM, [4] = X64_VPBROADCASTD_Y_XM, [8] = X64_VPBROADCASTQ_Y_XM};
    struct em *e = x->e;
    for (unsigned k = 0; k < x->nconstants; k++) {
        int r = constant_reg(k), from;
        uint64_t value = x->constant[k].value;
        if (!x->constant[k].slot && !value) {
            x64_rvr(&e->b, X64_VPXOR_X_X_XM, 0, r, r, r);
            continue;
        }
        from = x->constant[k].slot ? em_pin(e, (unsigned)value) : WORK;
        if (from < 0) {
            x64_rm(&e->b, (enum x64_row)row[x->lane], 0, r, em_slot((unsigned)value));
            continue;
        }
        if (!x->constant[k].slot)
            em_load_imm(e, WORK, value);
        x64_rr(&e->b, X64_VMOVD_X_RM, 8, r, from);
        x64_rr(&e->b, (enum x64_row)row[x->lane], 0, r, r);
    }
}

/* -- lanes ------------------------------------------------------------------------------------------------- */

/* An operand: a register, or memory. */
struct place {
    int reg; /* -1: memory */
    struct x64_mem mem;
};

static void op3(struct em *e, enum x64_row row, int dst, int a, struct place b)
{
    if (b.reg >= 0)
        x64_rvr(&e->b, row, 0, dst, a, b.reg);
    else
        x64_rvm(&e->b, row, 0, dst, a, b.mem);
}

static void move(struct em *e, int dst, struct place from)
{
    if (from.reg < 0)
        x64_rm(&e->b, X64_VMOVDQU_Y_YM, 0, dst, from.mem);
    else if (from.reg != dst)
        x64_rr(&e->b, X64_VMOVDQU_Y_YM, 0, dst, from.reg);
}

static bool leaf(struct vec *x, ir_val v, unsigned offset, struct place *out)
{
    int k = constant_of(x, v);
    if (k >= 0) {
        out->reg = constant_reg((unsigned)k);
        return true;
    }
    k = ir_rounds_load(x->r, v);
    if (k < 0)
        return false;
    *out = (struct place){.reg = x->fetched[k], .mem = place(x, x->r->load[k].access, offset)};
    return true;
}

static void fetch(struct vec *x, unsigned offset)
{
    for (unsigned k = 0; k < x->r->nloads; k++)
        if (x->fetched[k] >= 0)
            x64_rm(&x->e->b, X64_VMOVDQU_Y_YM, 0, x->fetched[k], place(x, x->r->load[k].access, offset));
}

static int take(struct vec *x, unsigned *spare)
{
    if (!*spare) {
        x->failed = true;
        return FIRST_TEMP;
    }
    int r = __builtin_ctz(*spare);
    *spare &= *spare - 1;
    return r;
}

static void value(struct vec *x, ir_val v, unsigned offset, int dst, unsigned spare);

/* dst = a op b, both stripped; a is read from a register. */
static void binary(struct vec *x, enum x64_row row, bool commutes, ir_val a, ir_val b, unsigned offset, int dst, unsigned spare)
{
    struct place pa, pb;
    bool la = leaf(x, a, offset, &pa), lb = leaf(x, b, offset, &pb);
    if (commutes && ((la && !lb) || (la && pa.reg < 0 && pb.reg >= 0))) {
        struct place p = pa;
        ir_val v = a;
        pa = pb, pb = p;
        a = b, b = v;
        bool l = la;
        la = lb, lb = l;
    }
    if (!la) {
        value(x, a, offset, dst, spare);
        pa.reg = dst;
    }
    if (!lb) {
        int t = la && pa.reg >= 0 ? dst : take(x, &spare);
        value(x, b, offset, t, spare);
        pb.reg = t;
    }
    if (pa.reg < 0) {
        int t = pb.reg == dst ? take(x, &spare) : dst;
        move(x->e, t, pa);
        pa.reg = t;
    }
    op3(x->e, row, dst, pa.reg, pb);
}

/* dst = v, 32 bytes of it from `offset` on; `spare` registers may be used. */
static void value(struct vec *x, ir_val v, unsigned offset, int dst, unsigned spare)
{
    static const uint16_t add[9] = {[1] = X64_VPADDB_Y_Y_YM, [2] = X64_VPADDW_Y_Y_YM, [4] = X64_VPADDD_Y_Y_YM, [8] = X64_VPADDQ_Y_Y_YM};
    static const uint16_t sub[9] = {[1] = X64_VPSUBB_Y_Y_YM, [2] = X64_VPSUBW_Y_Y_YM, [4] = X64_VPSUBD_Y_Y_YM, [8] = X64_VPSUBQ_Y_Y_YM};
    struct place p;
    v = strip(x, v);
    const struct ir_ins *i = x->e->f->def[v];
    if (leaf(x, v, offset, &p)) {
        move(x->e, dst, p);
        return;
    }
    ir_val a = strip(x, i->arg[0]), b = i->nargs > 1 ? strip(x, i->arg[1]) : 0;
    switch (i->op) {
    case IR_OP_ADD: binary(x, (enum x64_row)add[x->lane], true, a, b, offset, dst, spare); break;
    case IR_OP_SUB: binary(x, (enum x64_row)sub[x->lane], false, a, b, offset, dst, spare); break;
    case IR_OP_OR: binary(x, X64_VPOR_Y_Y_YM, true, a, b, offset, dst, spare); break;
    case IR_OP_XOR: binary(x, X64_VPXOR_Y_Y_YM, true, a, b, offset, dst, spare); break;
    case IR_OP_AND:
        if (complement(x, a))
            binary(x, X64_VPANDN_Y_Y_YM, false, complement(x, a), b, offset, dst, spare);
        else if (complement(x, b))
            binary(x, X64_VPANDN_Y_Y_YM, false, complement(x, b), a, offset, dst, spare);
        else
            binary(x, X64_VPAND_Y_Y_YM, true, a, b, offset, dst, spare);
        break;
    case IR_OP_ORCB: { /* ~(bytes == 0) */
        int ones = constant(x, false, all_ones(x));
        value(x, a, offset, dst, spare);
        x64_rvr(&x->e->b, X64_VPCMPEQB_Y_Y_YM, 0, dst, dst, constant_reg((unsigned)x->zero));
        x64_rvr(&x->e->b, X64_VPXOR_Y_Y_YM, 0, dst, dst, constant_reg((unsigned)ones));
        break;
    }
    default: x->failed = true;
    }
}

/* -- exits ------------------------------------------------------------------------------------------------- */

/* dst has a bit set in each lane in which the round leaves by cond. */
static void leaves(struct vec *x, const struct ir_rounds_cond *c, unsigned offset, int dst, unsigned spare)
{
    static const uint16_t equal[9] = {[1] = X64_VPCMPEQB_Y_Y_YM, [2] = X64_VPCMPEQW_Y_Y_YM, [4] = X64_VPCMPEQD_Y_Y_YM, [8] = X64_VPCMPEQQ_Y_Y_YM};
    bool zero_bytes;
    ir_val v = lone_side(x, c, &zero_bytes);
    if (v)
        value(x, v, offset, dst, spare);
    else
        binary(x, c->equal ? (enum x64_row)equal[x->lane] : X64_VPXOR_Y_Y_YM, true, strip(x, c->a), strip(x, c->b), offset, dst, spare);
    if (zero_bytes)
        x64_rvr(&x->e->b, X64_VPCMPEQB_Y_Y_YM, 0, dst, dst, constant_reg((unsigned)x->zero));
}

static void any_leaves(struct vec *x, unsigned offset, int dst, unsigned spare)
{
    for (unsigned k = 0; k < x->r->nconds; k++) {
        unsigned rest = spare;
        int t = k ? take(x, &rest) : dst;
        leaves(x, &x->r->cond[k], offset, t, rest);
        if (k)
            x64_rvr(&x->e->b, X64_VPOR_Y_Y_YM, 0, dst, dst, t);
    }
}

/* -- control ----------------------------------------------------------------------------------------------- */

static void skip(struct vec *x, enum x64_cc cc)
{
    if (x->nskips == MAX_SKIPS)
        x->failed = true;
    else
        x->skip[x->nskips++] = x64_jcc(&x->e->b, cc, 0);
}

/* rcx = bytes that all rounds read which are certain as far as counting goes; fewer than `least`: skip. */
static void count(struct vec *x, unsigned least)
{
    struct em *e = x->e;
    for (unsigned k = 0; k < x->r->ntrips; k++) {
        const struct ir_rounds_trip *t = &x->r->trip[k];
        int n = k ? WORK : LEFT, low = k ? INDEX : WORK;
        load_linear(e, n, &t->high);
        if (t->low.n == 1 && !t->low.add && t->kind == TRIP_UNEQUAL) {
            with_slot(e, X64_SUB_R_RM, n, t->low.slot[0]);
        } else if (t->low.n || t->low.add || t->kind != TRIP_UNEQUAL) {
            load_linear(e, low, &t->low);
            if (t->kind != TRIP_UNEQUAL) {
                x64_rr(&e->b, X64_CMP_R_RM, 8, n, low);
                skip(x, t->kind == TRIP_SIGNED ? X64_LE : X64_BE);
            }
            x64_rr(&e->b, X64_SUB_R_RM, 8, n, low);
        }
        if (t->shift)
            x64_ri(&e->b, X64_SHR_RM_IMM8, 8, n, t->shift);
        if (x->r->step > 1)
            x64_ri(&e->b, X64_SHL_RM_IMM8, 8, n, __builtin_ctz(x->r->step));
        if (k) {
            x64_rr(&e->b, X64_CMP_R_RM, 8, LEFT, n);
            x64_cmovcc(&e->b, X64_A, 8, LEFT, n);
        }
    }
    if (x->r->ntrips) {
        x64_ri(&e->b, X64_CMP_RM_IMM32, 8, LEFT, least);
        skip(x, X64_B);
    }
}

/* Loads and stores of one access must not meet within a batch. */
static void check_overlap(struct vec *x)
{
    const struct ir_rounds *r = x->r;
    struct em *e = x->e;
    const struct ir_rounds_access *s = &r->access[r->store];
    int64_t hazard = r->single ? VECTOR : HAZARD;
    for (unsigned k = 0; k < r->naccesses; k++) {
        const struct ir_rounds_access *l = &r->access[k];
        if (l->store)
            continue;
        int64_t apart = (int64_t)s->disp - l->disp;
        if (s->base == l->base) {
            if (!(apart >= hazard || apart <= (r->single ? 0 : -hazard)))
                x->failed = true;
            continue;
        }
        /* single: a store at or behind the load is read by nobody later; else the two must be apart either way */
        x64_rr(&e->b, X64_MOV_R_RM, 8, WORK, x->base[s->base]);
        x64_rr(&e->b, X64_SUB_R_RM, 8, WORK, x->base[l->base]);
        int64_t first = r->single ? 1 : -hazard;
        if (apart - first)
            x64_ri(&e->b, X64_ADD_RM_IMM32, 8, WORK, apart - first);
        x64_ri(&e->b, X64_CMP_RM_IMM32, 8, WORK, hazard - first);
        x->to_done[x->ndone++] = x64_jcc(&e->b, X64_B, 0);
    }
}

/* Jumps unless each access has `bytes` left in its page.  Returns the number of jumps. */
static unsigned check_pages(struct vec *x, unsigned bytes, size_t *jump)
{
    struct em *e = x->e;
    unsigned n = 0;
    for (unsigned k = 0; k < x->r->naccesses; k++) {
        bool same = false;
        for (unsigned j = 0; j < k; j++)
            same |= x->r->access[j].base == x->r->access[k].base && x->r->access[j].disp == x->r->access[k].disp;
        if (same)
            continue;
        x64_rm(&e->b, X64_LEA_R_M, 4, WORK, place(x, k, 0));
        x64_ri(&e->b, X64_AND_RM_IMM32, 4, WORK, GUEST_PAGE_SIZE - 1);
        x64_ri(&e->b, X64_CMP_RM_IMM32, 4, WORK, (int64_t)GUEST_PAGE_SIZE - bytes);
        jump[n++] = x64_jcc(&e->b, X64_A, 0);
    }
    return n;
}

static void patch_all(struct em *e, const size_t *jump, unsigned n)
{
    for (unsigned k = 0; k < n; k++)
        x64_patch(&e->b, jump[k], e->b.len);
}

static void advance(struct vec *x, int bytes)
{
    x64_ri(&x->e->b, X64_ADD_RM_IMM32, 8, INDEX, bytes);
    if (x->r->ntrips)
        x64_ri(&x->e->b, X64_SUB_RM_IMM32, 8, LEFT, bytes);
}

/* The next vector, from `top` on; or the end, if one is all there may be. */
static void next(struct vec *x, size_t top)
{
    if (x->e->cfg->one_vector)
        x->to_done[x->ndone++] = x64_jmp(&x->e->b, 0);
    else
        x64_jmp(&x->e->b, top);
}

enum { SPARE = 1 << (FIRST_TEMP + 1) | 1 << (FIRST_TEMP + 2) };

/* BATCH bytes that no round leaves in; the number of forward jumps to what follows. */
static unsigned read_batch(struct vec *x, size_t *jump)
{
    struct em *e = x->e;
    const struct ir_rounds *r = x->r;
    struct ir_rounds inner = *r;
    const struct ir_rounds *outer = x->r;
    unsigned n = 0;
    /* one mask for all vectors: (a & k) | (b & k) is (a | b) & k */
    int mask = -1;
    bool zero_bytes;
    ir_val lone = r->nconds == 1 ? lone_side(x, &r->cond[0], &zero_bytes) : 0;
    const struct ir_ins *i = e->f->def[lone];
    for (unsigned k = 0; k < 2 && mask < 0 && lone && !zero_bytes && i->op == IR_OP_AND; k++)
        if ((mask = constant_of(x, strip(x, i->arg[k]))) >= 0)
            inner.cond[0] = (struct ir_rounds_cond){.a = i->arg[1 - k], .b = r->cond[0].a == lone || strip(x, r->cond[0].a) == lone ? r->cond[0].b : r->cond[0].a};
    size_t top = e->b.len;
    if (r->ntrips) {
        x64_ri(&e->b, X64_CMP_RM_IMM32, 8, LEFT, BATCH);
        jump[n++] = x64_jcc(&e->b, X64_B, 0);
    }
    n += check_pages(x, BATCH, jump + n);
    x->r = &inner;
    fetch(x, 0);
    any_leaves(x, 0, FIRST_TEMP, SPARE);
    for (unsigned u = 1; u < UNROLL; u++) {
        fetch(x, u * VECTOR);
        any_leaves(x, u * VECTOR, FIRST_TEMP + 1, 1 << (FIRST_TEMP + 2));
        x64_rvr(&e->b, X64_VPOR_Y_Y_YM, 0, FIRST_TEMP, FIRST_TEMP, FIRST_TEMP + 1);
    }
    x->r = outer;
    x64_rr(&e->b, X64_VPTEST_Y_YM, 0, FIRST_TEMP, mask >= 0 ? constant_reg((unsigned)mask) : FIRST_TEMP);
    jump[n++] = x64_jcc(&e->b, X64_NE, 0);
    advance(x, BATCH);
    x64_jmp(&e->b, top);
    return n;
}

/* Reads until a round leaves, the count or a page is used up. */
static void read_loop(struct vec *x)
{
    struct em *e = x->e;
    const struct ir_rounds *r = x->r;
    size_t jump[ROUNDS_ACCESSES + 4], top = e->b.len, last = 0;
    unsigned n = 0;
    if (!x->failed && !e->cfg->one_vector)
        n = read_batch(x, jump);
    if (n && x->failed) { /* not enough registers for four at a time */
        e->b.len = top;
        x->failed = false;
        n = 0;
    }
    patch_all(e, jump, n);
    if (r->ntrips) { /* without one more certain round there is nothing that may be read */
        x64_rr(&e->b, X64_TEST_RM_R, 8, LEFT, LEFT);
        x->to_done[x->ndone++] = x64_jcc(&e->b, X64_E, 0);
    }
    x->ndone += check_pages(x, VECTOR, x->to_done + x->ndone);
    fetch(x, 0);
    any_leaves(x, 0, FIRST_TEMP, SPARE);
    x64_rvr(&e->b, X64_VPCMPEQB_Y_Y_YM, 0, FIRST_TEMP, FIRST_TEMP, constant_reg((unsigned)x->zero));
    x64_rr(&e->b, X64_VPMOVMSKB_R_Y, 0, WORK, FIRST_TEMP);
    x64_r(&e->b, X64_NOT_RM, 4, WORK);
    if (r->ntrips) {
        x64_ri(&e->b, X64_CMP_RM_IMM8, 8, LEFT, VECTOR);
        last = x64_jcc(&e->b, X64_B, 0);
    }
    x64_rr(&e->b, X64_TEST_RM_R, 4, WORK, WORK);
    size_t found = x64_jcc(&e->b, X64_NE, 0);
    advance(x, VECTOR);
    next(x, top);
    if (r->ntrips) {
        x64_patch(&e->b, last, e->b.len);
        x64_rr(&e->b, X64_BTS_RM_R, 4, LEFT, WORK); /* bit LEFT of the mask */
    }
    x64_patch(&e->b, found, e->b.len);
    x64_rr(&e->b, X64_BSF_R_RM, 4, WORK, WORK);
    if (r->step > 1)
        x64_ri(&e->b, X64_AND_RM_IMM8, 4, WORK, -(int64_t)r->step);
    x64_rr(&e->b, X64_ADD_R_RM, 8, INDEX, WORK);
}

/* `bytes` at a time while so many are left and the next round is certain as well. */
static unsigned store_loop(struct vec *x, unsigned bytes, size_t *jump)
{
    struct em *e = x->e;
    const struct ir_rounds *r = x->r;
    struct place p;
    size_t top = e->b.len;
    unsigned n = 0;
    if (r->ntrips) {
        x64_ri(&e->b, X64_CMP_RM_IMM32, 8, LEFT, bytes + r->step);
        jump[n++] = x64_jcc(&e->b, X64_B, 0);
    }
    n += check_pages(x, bytes + r->step, jump + n);
    fetch(x, 0);
    if (r->nconds) { /* and so bytes is VECTOR */
        any_leaves(x, 0, FIRST_TEMP, SPARE);
        x64_rr(&e->b, X64_VPTEST_Y_YM, 0, FIRST_TEMP, FIRST_TEMP);
        jump[n++] = x64_jcc(&e->b, X64_NE, 0);
    }
    for (unsigned u = 0; u < bytes; u += VECTOR) {
        if (u)
            fetch(x, u);
        if (!leaf(x, strip(x, r->stored), u, &p) || p.reg < 0) {
            value(x, r->stored, u, FIRST_TEMP, SPARE);
            p.reg = FIRST_TEMP;
        }
        x64_rm(&e->b, X64_VMOVDQU_YM_Y, 0, p.reg, place(x, r->store, u));
    }
    advance(x, (int)bytes);
    next(x, top);
    return n;
}

/* A loop that copies, lane by lane, so often. */
static bool is_copy(const struct vec *x)
{
    const struct ir_rounds *r = x->r;
    return r->stores && r->single && r->ntrips && !r->nconds && r->nloads == 1 && ir_rounds_load(r, strip(x, r->stored)) == 0;
}

/* Two moves that may overlap copy `least` to twice as many bytes, LEFT of them; all is read before anything is written. */
static void copy_ends(struct vec *x, int least, enum x64_row read, enum x64_row write, int size)
{
    struct em *e = x->e;
    struct x64_mem from = place(x, x->r->load[0].access, 0), to = place(x, x->r->store, 0);
    from.index = to.index = X64_NOREG; /* rdx is 0 */
    x64_rm(&e->b, read, size, FIRST_TEMP, from);
    from.index = LEFT;
    from.disp -= least;
    x64_rm(&e->b, read, size, FIRST_TEMP + 1, from);
    x64_rm(&e->b, write, size, FIRST_TEMP, to);
    to.index = LEFT;
    to.disp -= least;
    x64_rm(&e->b, write, size, FIRST_TEMP + 1, to);
    x64_rr(&e->b, X64_MOV_R_RM, 8, INDEX, LEFT);
    x->to_done[x->ndone++] = x64_jmp(&e->b, 0);
}

/* All but the last round of a short copy at once. */
static void copy_short(struct vec *x)
{
    struct em *e = x->e;
    x64_ri(&e->b, X64_CMP_RM_IMM32, 8, LEFT, VECTOR + x->r->step);
    size_t more = x64_jcc(&e->b, X64_A, 0);
    x->ndone += check_pages(x, VECTOR + x->r->step, x->to_done + x->ndone);
    x64_ri(&e->b, X64_SUB_RM_IMM8, 8, LEFT, x->r->step);
    x64_ri(&e->b, X64_CMP_RM_IMM8, 8, LEFT, 16);
    size_t below16 = x64_jcc(&e->b, X64_B, 0);
    copy_ends(x, 16, X64_MOVUPS_X_XM, X64_MOVUPS_XM_X, 0);
    x64_patch(&e->b, below16, e->b.len);
    x64_ri(&e->b, X64_CMP_RM_IMM8, 8, LEFT, 8);
    size_t below8 = x64_jcc(&e->b, X64_B, 0);
    copy_ends(x, 8, X64_MOVQ_X_XM, X64_MOVQ_XM_X, 0);
    x64_patch(&e->b, below8, e->b.len);
    if (x->r->step <= 4)
        copy_ends(x, 4, X64_MOVD_X_RM, X64_MOVD_RM_X, 4);
    x64_patch(&e->b, more, e->b.len);
}

/* The slots by as many rounds as rdx has bytes. */
static void advance_slots(struct vec *x)
{
    struct em *e = x->e;
    bool scaled = false;
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned k = 0; k < x->r->nslots; k++) {
            int64_t s = x->r->slot[k].step, step = x->r->step;
            bool direct = s == step || s == -step;
            int from = direct ? INDEX : WORK, r = em_pin(e, x->r->slot[k].slot);
            if (direct != (pass == 0))
                continue;
            if (!direct) {
                if (!scaled && step > 1)
                    x64_ri(&e->b, X64_SHR_RM_IMM8, 8, INDEX, __builtin_ctz((unsigned)step));
                scaled = true;
                x64_rri(&e->b, X64_IMUL_R_RM_IMM32, 8, WORK, INDEX, s);
            }
            if (r >= 0)
                x64_rr(&e->b, s == -step ? X64_SUB_R_RM : X64_ADD_R_RM, 8, r, from);
            else
                x64_rm(&e->b, s == -step ? X64_SUB_RM_R : X64_ADD_RM_R, 8, from, em_slot(x->r->slot[k].slot));
        }
}

static void give_back(struct vec *x)
{
    struct em *e = x->e;
    x64_0(&e->b, X64_VZEROUPPER, 0);
    save_pins(x, true);
    for (unsigned k = 0; k < x->nborrowed; k++)
        x64_rm(&e->b, X64_MOV_R_RM, 8, em_pin_int[x->borrowed[k]], em_slot(e->cfg->pin_int[x->borrowed[k]]));
}

/* Rounds of the loop's own code until the vector code is tried: once it begins, and each time after. */
static void wait_rounds(struct em *e, unsigned rounds)
{
    x64_mi(&e->b, X64_MOV_RM_IMM32, 4, em_cpu(offsetof(struct cpu, ahead)), rounds);
}

/* Most strings are short: a loop that looks for an end gets along without vectors for these rounds. */
static unsigned delay(const struct vec *x)
{
    return x->r->stores || x->e->cfg->no_self_loop ? 0 : x->r->step > 1 ? READ_DELAY : 1;
}

static void emit_rounds(struct vec *x)
{
    struct em *e = x->e;
    const struct ir_rounds *r = x->r;
    size_t jump[ROUNDS_ACCESSES + 4], to_body = 0;
    unsigned vector = r->step > VECTOR ? r->step : VECTOR, wait = delay(x);
    if (wait) {
        wait_rounds(e, wait);
        to_body = x64_jmp(&e->b, 0);
    }
    size_t start = e->b.len;
    /* What stops it is the end of a page, within a vector from here, or the end of the loop. */
    wait_rounds(e, VECTOR / r->step + 1);
    collect_all(x);
    bool copy = is_copy(x);
    unsigned least = r->stores ? vector + r->step : r->step > READ_MIN ? r->step : READ_MIN;
    count(x, copy ? (r->step <= 4 ? 4 : 8) + r->step : least);
    load_bases(x);
    save_pins(x, false);
    x64_rr(&e->b, X64_XOR_R_RM, 4, INDEX, INDEX);
    if (r->stores)
        check_overlap(x);
    unsigned known = x->nconstants;
    broadcast_constants(x);
    em_retry(e);
    if (copy)
        copy_short(x);
    if (!r->stores) {
        read_loop(x);
    } else {
        if (!r->nconds && !e->cfg->one_vector)
            patch_all(e, jump, store_loop(x, BATCH, jump));
        unsigned n = store_loop(x, vector, jump);
        for (unsigned k = 0; k < n; k++)
            x->to_done[x->ndone++] = jump[k];
    }
    if (x->nconstants != known) /* one that was not collected */
        x->failed = true;
    patch_all(e, x->to_done, x->ndone);
    em_retry(e);
    give_back(x);
    if (r->stores)
        x64_rr(&e->b, X64_TEST_RM_R, 8, INDEX, INDEX);
    else
        x64_ri(&e->b, X64_SUB_RM_IMM8, 8, INDEX, r->step);
    skip(x, r->stores ? X64_E : X64_BE);
    advance_slots(x);
    size_t past = x64_jmp8(&e->b);
    e->again = e->b.len;
    x64_mi(&e->b, X64_SUB_RM_IMM8, 4, em_cpu(offsetof(struct cpu, ahead)), 1);
    x64_patch(&e->b, x64_jcc(&e->b, X64_E, 0), start);
    x64_patch8(&e->b, past, e->b.len);
    if (wait)
        x64_patch(&e->b, to_body, e->b.len);
    patch_all(e, x->skip, x->nskips);
}

/* A round that comes after others done ahead must not be left where its other slots are not made yet. */
static bool stops_midway(const struct em *e)
{
    for (const struct ir_ins *i = e->f->first->first; i; i = i->next)
        if (i->op == IR_OP_MARK && i->flags & INS_BAIL)
            return true;
    return false;
}

static bool follows_back(const struct em *e)
{
    for (const struct ir_ins *i = e->f->first->first; i; i = i->next)
        if (i->op == IR_OP_MARK && i->flags & INS_BACK)
            return true;
    return false;
}

void em_lower_rounds(struct em *e)
{
    size_t start = e->b.len;
    unsigned marks = e->out->nmarks, ncold = e->ncold;
    struct ir_rounds r;
    struct vec x = {.e = e, .r = &r};
    e->again = start;
    if (e->cfg->no_ahead || !(e->cfg->features & X64_F_AVX2) || !ir_rounds_find(e->f, &r) || stops_midway(e))
        return;
    x.lane = r.lane;
    for (unsigned s = 0; s < CPU_SLOTS; s++)
        if (mentioned(&x, s) && em_pin(e, s) >= 0)
            x.used |= 1u << em_pin(e, s);
    if (follows_back(e)) /* requests are looked at here, and not where the jump backward is */
        em_poll(e, e->f->pc);
    emit_rounds(&x);
    e->rounds = !x.failed;
    if (x.failed) {
        e->b.len = e->again = start;
        e->out->nmarks = marks;
        e->ncold = ncold;
    }
}

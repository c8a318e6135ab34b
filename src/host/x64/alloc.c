/*
 * Where values are: registers, guest slots in memory, spill cells, constants.
 *
 * One forward pass, no intervals: every value carries the number of uses left (counted by emit.c), so a register may
 * be taken as soon as its value is dead or also lies somewhere else.  Invariant: a pin always holds the current
 * value of its slot, except between the definition of a value that is about to be PUT there and that PUT, with
 * nothing in between that could leave the block.
 */
#include <assert.h>

#include "host/x64/em.h"

const uint8_t em_pin_int[EM_PINS_INT] = {X64_RBX, X64_RSI, X64_RDI, X64_R8, X64_R9, X64_R10, X64_R11, X64_R12, X64_R13, X64_R14, X64_R15};

int em_pin(const struct em *e, unsigned slot)
{
    int p = slot < CPU_SLOTS ? e->cfg->reg_of_slot[slot] : -1;
    return p < 0 ? -1 : p < EM_XMM ? em_pin_int[p] : p;
}

bool em_const(struct em *e, uint32_t v, uint64_t *bits)
{
    unsigned w = ir_bits(ir_typeof(e->f, v)); /* v may be the low part of a wider constant */
    v = em_rep(e, v);
    if (e->val[v].kind != VAL_CONST)
        return false;
    *bits = w < 64 ? e->f->def[v]->imm & ((UINT64_C(1) << w) - 1) : e->f->def[v]->imm;
    return true;
}

void em_load_imm(struct em *e, int reg, uint64_t imm)
{
    if (imm == 0)
        x64_rr(&e->b, X64_XOR_R_RM, 4, reg, reg);
    else if (imm <= UINT32_MAX)
        x64_ri(&e->b, X64_MOV_R_IMM, 4, reg, (int64_t)imm);
    else if ((int64_t)imm >= INT32_MIN && (int64_t)imm < 0)
        x64_ri(&e->b, X64_MOV_RM_IMM32, 8, reg, (int64_t)imm);
    else
        x64_ri(&e->b, X64_MOV_R_IMM, 8, reg, (int64_t)imm);
}

static struct x64_mem spill_cell(int i)
{
    return em_cpu(offsetof(struct cpu, spill) + (size_t)i * 8);
}

static void move(struct em *e, int dst, int src)
{
    if (dst == src)
        return;
    if (dst >= EM_XMM) {
        em_check_nan(e, src);
        x64_rr(&e->b, X64_MOVAPS_X_XM, 0, dst - EM_XMM, src - EM_XMM);
    } else {
        x64_rr(&e->b, X64_MOV_R_RM, 8, dst, src);
    }
}

static void load(struct em *e, int dst, struct x64_mem m)
{
    if (dst >= EM_XMM)
        x64_rm(&e->b, X64_MOVQ_X_XM, 0, dst - EM_XMM, m);
    else
        x64_rm(&e->b, X64_MOV_R_RM, 8, dst, m);
}

static void store(struct em *e, struct x64_mem m, int src)
{
    if (src >= EM_XMM) {
        em_check_nan(e, src);
        x64_rm(&e->b, X64_MOVQ_XM_X, 0, src - EM_XMM, m);
    } else {
        x64_rm(&e->b, X64_MOV_RM_R, 8, src, m);
    }
}

/* Does v lie somewhere other than in register r? */
static bool elsewhere(const struct em *e, uint32_t v, int r)
{
    const struct val *x = &e->val[v];
    if (x->kind == VAL_CONST || (!x->lazy && (x->slot >= 0 || x->spill >= 0)))
        return true;
    for (int i = 0; i < EM_REGS; i++)
        if (i != r && e->reg_val[i] == v)
            return true;
    return false;
}

bool em_needed(const struct em *e, uint32_t v)
{
    return e->val[v].uses || e->val[v].lazy;
}

/* r no longer holds its value. */
static void unbind(struct em *e, int r)
{
    uint32_t v = e->reg_val[r];
    e->reg_val[r] = 0;
    for (unsigned k = 0; k < ARRAY_LEN(e->nans) && r >= EM_XMM; k++)
        e->nans[k] &= ~(1u << (r - EM_XMM)); /* nobody looked */
    if (!v || e->val[v].reg != r)
        return;
    e->val[v].reg = -1;
    for (int i = 0; i < EM_REGS; i++)
        if (e->reg_val[i] == v)
            e->val[v].reg = (int8_t)i;
    assert(e->val[v].reg >= 0 || !e->val[v].lazy || e->val[v].kind == VAL_CONST || e->overflow);
}

void em_forget(struct em *e)
{
    for (int r = 0; r < EM_REGS; r++)
        unbind(e, r);
    for (unsigned s = 0; s < CPU_SLOTS; s++) {
        e->val[e->slot_val[s]].slot = -1;
        e->slot_val[s] = 0;
    }
    for (unsigned s = 0; s < EM_SPILLS; s++) {
        e->val[e->spill_val[s]].spill = -1;
        e->spill_val[s] = 0;
    }
}

void em_kill(struct em *e, int reg)
{
    unbind(e, reg);
}

static unsigned next_slot(const uint64_t set[], unsigned s)
{
    for (uint64_t from = UINT64_MAX << s % 64; s < CPU_SLOTS; s = (s / 64 + 1) * 64, from = UINT64_MAX)
        if (set[s / 64] & from)
            return s / 64 * 64 + (unsigned)__builtin_ctzll(set[s / 64] & from);
    return CPU_SLOTS;
}

static struct host_loc place_of(const struct em *e, unsigned slot)
{
    uint32_t v = e->lazy_val[slot];
    if (e->val[v].kind == VAL_CONST)
        return (struct host_loc){.slot = (uint8_t)slot, .where = HOST_IS_CONST, .imm = e->f->def[v]->imm};
    assert(e->val[v].reg >= 0 || e->overflow);
    return (struct host_loc){.slot = (uint8_t)slot, .where = HOST_IN_REG, .reg = (uint8_t)e->val[v].reg};
}

static void store_const(struct em *e, unsigned slot, uint64_t imm)
{
    if ((int64_t)imm == (int32_t)imm) {
        x64_mi(&e->b, X64_MOV_RM_IMM32, 8, em_slot(slot), (int64_t)imm);
        return;
    }
    x64_mi(&e->b, X64_MOV_RM_IMM32, 4, em_slot(slot), (int32_t)imm);
    x64_mi(&e->b, X64_MOV_RM_IMM32, 4, em_cpu(offsetof(struct cpu, slot) + slot * 8u + 4), (int32_t)(imm >> 32));
}

static void emit_place(struct em *e, const struct host_loc *l)
{
    if (l->where == HOST_IS_CONST)
        store_const(e, l->slot, l->imm);
    else
        store(e, em_slot(l->slot), l->reg);
}

static void put_slot_home(struct em *e, unsigned slot)
{
    struct host_loc l = place_of(e, slot);
    uint32_t v = e->lazy_val[slot];
    emit_place(e, &l);
    e->lazy_val[slot] = 0;
    e->lazy[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    e->val[v].lazy--;
    e->slot_val[slot] = v;
    e->val[v].slot = (int8_t)slot;
}

static void put_value_home(struct em *e, uint32_t v)
{
    for (unsigned s = next_slot(e->lazy, 0); s < CPU_SLOTS; s = next_slot(e->lazy, s + 1))
        if (e->lazy_val[s] == v)
            put_slot_home(e, s);
}

void em_put_home(struct em *e)
{
    for (unsigned s = next_slot(e->lazy, 0); s < CPU_SLOTS; s = next_slot(e->lazy, s + 1))
        put_slot_home(e, s);
}

void em_emit_state(struct em *e, uint32_t first, unsigned n)
{
    for (unsigned k = 0; k < n; k++)
        emit_place(e, &e->state[first + k]);
}

unsigned em_note_state(struct em *e, uint32_t *first)
{
    unsigned n = 0;
    *first = e->nstate;
    for (unsigned s = next_slot(e->lazy, 0); s < CPU_SLOTS; s = next_slot(e->lazy, s + 1), n++) {
        if (e->nstate == e->cap_state) {
            e->overflow = true;
            return 0;
        }
        e->state[e->nstate++] = place_of(e, s);
    }
    return n;
}

static bool same_state(const struct host_loc *a, const struct host_loc *b, unsigned n)
{
    for (unsigned k = 0; k < n; k++)
        if (a[k].slot != b[k].slot || a[k].where != b[k].where || a[k].reg != b[k].reg || a[k].imm != b[k].imm)
            return false;
    return true;
}

void em_may_fault(struct em *e)
{
    struct host_code *c = e->out;
    const struct host_recovery *last = c->nrecovery ? &c->recovery[c->nrecovery - 1] : NULL;
    uint32_t first;
    if (!e->region || (!last && !e->lazy[0] && !e->lazy[1]))
        return;
    unsigned n = em_note_state(e, &first);
    if (last && last->n == n && same_state(&e->state[last->first], &e->state[first], n)) {
        e->nstate = first;
        return;
    }
    if (c->nrecovery == e->cap_state) {
        e->overflow = true;
        return;
    }
    c->recovery[c->nrecovery++] = (struct host_recovery){(uint32_t)e->b.len, first, n};
}

static void spill(struct em *e, uint32_t v, int r)
{
    for (int i = 0; i < EM_SPILLS; i++) {
        uint32_t old = e->spill_val[i];
        if ((old && em_needed(e, old)) || (e->locked_spills >> i & 1))
            continue;
        if (old)
            e->val[old].spill = -1;
        store(e, spill_cell(i), r);
        e->spill_val[i] = v;
        e->val[v].spill = (int8_t)i;
        return;
    }
    e->overflow = true;
}

/* Is the register r not needed for v, an i32, because a sign extension of it is at hand?  From then on v is the lower half of that. */
static bool lies_in_wide(const struct em *e, uint32_t v, int r)
{
    const struct val *w = &e->val[e->val[v].wide];
    return e->val[v].wide && w->kind == VAL_NORMAL && ((w->reg >= 0 && w->reg != r) || w->slot >= 0 || w->spill >= 0);
}

static void become_low(struct em *e, uint32_t v)
{
    struct val *x = &e->val[v];
    e->val[x->wide].uses += x->uses;
    x->uses = 0;
    x->kind = VAL_ALIAS;
    x->rep = x->wide;
}

/* Empties register r, saving its value if it will be needed and is nowhere else. */
static void evict(struct em *e, int r)
{
    uint32_t v = e->reg_val[r];
    if (v && e->val[v].lazy && !elsewhere(e, v, r))
        put_value_home(e, v);
    if (v && e->val[v].uses && !elsewhere(e, v, r)) {
        if (lies_in_wide(e, v, r))
            become_low(e, v);
        else
            spill(e, v, r);
    }
    unbind(e, r);
}

static int pick_temp(struct em *e, uint32_t class_mask)
{
    uint32_t free_mask = e->temps & class_mask & ~e->locked;
    int best = -1, best_cost = 5;
    for (uint32_t m = free_mask; m; m &= m - 1) {
        int r = __builtin_ctz(m);
        uint32_t v = e->reg_val[r];
        int cost = !v ? 0 : !em_needed(e, v) ? 1 : elsewhere(e, v, r) || lies_in_wide(e, v, r) ? 2 : !e->val[v].uses ? 3 : 4;
        if (cost < best_cost || (e->region && cost == best_cost && cost > 1 && v < e->reg_val[best])) { /* the oldest */
            best = r;
            best_cost = cost;
        }
    }
    if (best < 0) {
        e->overflow = true;
        return __builtin_ctz(e->temps & class_mask);
    }
    evict(e, best);
    e->locked |= 1u << best;
    return best;
}

int em_temp(struct em *e)
{
    return pick_temp(e, 0xffff);
}

int em_temp_fp(struct em *e)
{
    return pick_temp(e, 0xffff0000);
}

void em_take(struct em *e, int reg)
{
    evict(e, reg);
    e->locked |= 1u << reg;
}

static void bind(struct em *e, uint32_t v, int r)
{
    unbind(e, r);
    e->reg_val[r] = v;
    e->val[v].reg = (int8_t)r;
}

int em_use_reg(struct em *e, uint32_t v)
{
    v = em_rep(e, v);
    struct val *x = &e->val[v];
    int r = x->reg;
    if (r < 0) {
        bool fp = em_is_fp((enum ir_type)e->f->def[v]->type);
        r = fp ? em_temp_fp(e) : em_temp(e);
        if (x->kind == VAL_CONST && fp) {
            uint64_t bits = e->f->def[v]->imm;
            if (e->f->def[v]->type == IR_F32)
                bits |= UINT64_C(0xffffffff00000000);
            int t = em_temp(e);
            em_load_imm(e, t, bits);
            x64_rr(&e->b, X64_MOVD_X_RM, 8, r - EM_XMM, t);
            e->locked &= ~(1u << t);
        } else if (x->kind == VAL_CONST) {
            em_load_imm(e, r, e->f->def[v]->imm);
        } else if (x->slot >= 0) {
            load(e, r, em_slot((unsigned)x->slot));
        } else if (x->spill >= 0) {
            load(e, r, spill_cell(x->spill));
        } else {
            e->overflow = true; /* a value without a place: emitter bug, caught by the block being refused */
        }
        bind(e, v, r);
    }
    e->locked |= 1u << r;
    return r;
}

struct opnd em_use(struct em *e, uint32_t v, unsigned allow)
{
    uint64_t bits;
    struct val *x = em_val(e, v);
    if ((allow & OPND_IMM) && em_const(e, v, &bits)) {
        int64_t imm = (int64_t)bits;
        if (ir_typeof(e->f, v) == IR_I32)
            imm = (int32_t)imm;
        if (imm == (int32_t)imm)
            return (struct opnd){.kind = OPND_IMM, .imm = imm};
    }
    if ((allow & OPND_MEM) && x->reg < 0 && x->kind != VAL_CONST) {
        /* A value used again soon is better loaded once. */
        if (x->uses <= 1 || !(allow & OPND_REG)) {
            if (x->slot >= 0)
                return (struct opnd){.kind = OPND_MEM, .mem = em_slot((unsigned)x->slot)};
            if (x->spill >= 0) {
                e->locked_spills |= 1u << x->spill;
                return (struct opnd){.kind = OPND_MEM, .mem = spill_cell(x->spill)};
            }
        }
    }
    return (struct opnd){.kind = OPND_REG, .reg = (int8_t)em_use_reg(e, v)};
}

void em_done(struct em *e, uint32_t v)
{
    struct val *x = em_val(e, v);
    if (x->uses)
        x->uses--;
}

/* May the result of i be computed in the pin of the slot it is PUT to? */
static int early_pin(struct em *e, struct ir_ins *i, uint32_t v)
{
    struct ir_ins *put = e->val[v].put;
    for (int depth = 0; !put && depth < 4; depth++) { /* or of what is made of it in place */
        const struct ir_ins *next = e->val[v].uses == 1 ? e->val[v].into : NULL;
        if (!next)
            return -1;
        v = next->dst;
        put = e->val[v].put;
    }
    if (!put)
        return -1;
    int r = em_pin(e, (unsigned)put->imm);
    if (r < 0)
        return -1;
    uint32_t old = e->reg_val[r];
    if (old && old != v && em_needed(e, old) && !elsewhere(e, old, r))
        return -1;
    if ((e->locked >> r & 1) && old && em_needed(e, old))
        return -1;
    int steps = 0;
    for (struct ir_ins *n = i->next; n != put; n = n->next) {
        if (!n || ++steps > 16)
            return -1;
        if (n->op == IR_OP_PUT || (n->op == IR_OP_MARK && !(n->flags & (INS_BAIL | INS_BACK))))
            continue;
        if (!(ir_op_info[n->op].flags & IR_F_PURE) || em_may_bail(n))
            return -1;
    }
    return r;
}

int em_dst(struct em *e, struct ir_ins *i, int prefer)
{
    bool fp = em_is_fp((enum ir_type)i->type);
    int r = early_pin(e, i, i->dst);
    if (r >= 0 && (r >= EM_XMM) == fp) {
        unbind(e, r);
        e->locked |= 1u << r;
        return r;
    }
    if (prefer >= 0 && (e->temps >> prefer & 1) && (prefer >= EM_XMM) == fp) {
        uint32_t old = e->reg_val[prefer];
        if (!old || !em_needed(e, old) || elsewhere(e, old, prefer)) {
            unbind(e, prefer);
            e->locked |= 1u << prefer;
            return prefer;
        }
    }
    return fp ? em_temp_fp(e) : em_temp(e);
}

int em_dst_temp(struct em *e, struct ir_ins *i)
{
    return em_is_fp((enum ir_type)i->type) ? em_temp_fp(e) : em_temp(e);
}

void em_def(struct em *e, struct ir_ins *i, int reg)
{
    struct val *x = &e->val[i->dst];
    x->kind = VAL_NORMAL;
    bind(e, i->dst, reg);
}

/* A GET of what is known by another number. */
static void make_alias(struct em *e, uint32_t v, uint32_t known)
{
    struct val *x = &e->val[v];
    x->kind = VAL_ALIAS;
    x->rep = known;
    e->val[known].uses += x->uses;
}

void em_get(struct em *e, struct ir_ins *i)
{
    unsigned slot = (unsigned)i->imm;
    int r = em_pin(e, slot);
    struct val *x = &e->val[i->dst];
    x->kind = VAL_NORMAL;
    if (r >= 0) {
        uint32_t old = e->reg_val[r];
        if (old && e->region) {
            make_alias(e, i->dst, old);
            return;
        }
        if (old && e->val[old].uses && !elsewhere(e, old, r)) {
            /* the same content under another number: keep a copy for it */
            int t = r >= EM_XMM ? em_temp_fp(e) : em_temp(e);
            move(e, t, r);
            bind(e, old, t);
        }
        em_check_nan(e, r);
        bind(e, i->dst, r);
        return;
    }
    if (e->lazy_val[slot]) {
        make_alias(e, i->dst, e->lazy_val[slot]);
        return;
    }
    uint32_t old = e->slot_val[slot];
    if (old && e->val[old].slot == (int8_t)slot) {
        if (e->region) {
            make_alias(e, i->dst, old);
            return;
        }
        if (e->val[old].uses)
            em_use_reg(e, old);
        e->val[old].slot = -1;
    }
    e->slot_val[slot] = i->dst;
    x->slot = (int8_t)slot;
}

static void put_pin(struct em *e, uint32_t v, int r)
{
    if (e->reg_val[r] == v)
        return;
    uint32_t old = e->reg_val[r];
    if (old && em_needed(e, old) && !elsewhere(e, old, r)) {
        e->locked |= 1u << r;
        if (e->val[v].reg >= 0)
            e->locked |= 1u << e->val[v].reg;
        int t = r >= EM_XMM ? em_temp_fp(e) : em_temp(e);
        move(e, t, r);
        bind(e, old, t);
    }
    struct val *x = &e->val[v];
    if (x->reg >= 0) {
        move(e, r, x->reg);
    } else if (x->kind == VAL_CONST && r < EM_XMM) {
        em_load_imm(e, r, e->f->def[v]->imm);
    } else if (x->slot >= 0) {
        load(e, r, em_slot((unsigned)x->slot));
    } else if (x->spill >= 0) {
        load(e, r, spill_cell(x->spill));
    } else {
        move(e, r, em_use_reg(e, v));
    }
    bind(e, v, r);
}

/* Slot gets v, which its memory will hold only when somebody may look. */
static void put_later(struct em *e, unsigned slot, uint32_t v)
{
    uint32_t old = e->slot_val[slot];
    if (e->lazy_val[slot] == v)
        return;
    if (e->lazy_val[slot]) { /* nobody looked */
        e->val[e->lazy_val[slot]].lazy--;
        e->lazy_val[slot] = 0;
        e->lazy[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    }
    if (old && e->val[old].slot == (int8_t)slot) {
        if (old == v)
            return;
        if (em_needed(e, old) && e->val[old].reg < 0 && e->val[old].spill < 0)
            em_use_reg(e, old);
        e->val[old].slot = -1;
    }
    e->slot_val[slot] = 0;
    if (e->val[v].kind != VAL_CONST && e->val[v].reg < 0)
        em_use_reg(e, v);
    e->lazy_val[slot] = v;
    e->val[v].lazy++;
    e->lazy[slot / 64] |= UINT64_C(1) << slot % 64;
}

void em_put(struct em *e, struct ir_ins *i)
{
    unsigned slot = (unsigned)i->imm;
    uint32_t v = em_rep(e, i->arg[0]);
    int r = em_pin(e, slot);
    if (r >= 0) {
        put_pin(e, v, r);
    } else if (e->region) {
        put_later(e, slot, v);
    } else if (e->slot_val[slot] != v) {
        uint32_t old = e->slot_val[slot];
        if (old && e->val[old].slot == (int8_t)slot) {
            if (e->val[old].uses && e->val[old].reg < 0 && e->val[old].spill < 0)
                em_use_reg(e, old);
            e->val[old].slot = -1;
        }
        struct opnd o = em_use(e, v, OPND_REG | OPND_IMM);
        if (o.kind == OPND_IMM)
            x64_mi(&e->b, X64_MOV_RM_IMM32, 8, em_slot(slot), o.imm);
        else
            store(e, em_slot(slot), o.reg);
        e->slot_val[slot] = v;
        e->val[v].slot = (int8_t)slot;
    }
    em_done(e, v);
}

void em_save_all(struct em *e)
{
    for (unsigned s = 0; s < CPU_SLOTS; s++) {
        uint32_t v = e->slot_val[s];
        e->slot_val[s] = 0;
        if (!v || e->val[v].slot != (int8_t)s)
            continue;
        uint32_t before = e->locked;
        if (e->val[v].uses && e->val[v].reg < 0 && e->val[v].spill < 0)
            spill(e, v, em_use_reg(e, v));
        e->locked = before;
        e->val[v].slot = -1;
    }
    for (int r = 0; r < EM_REGS; r++) {
        uint32_t v = e->reg_val[r];
        if (v && e->val[v].uses && e->val[v].kind != VAL_CONST && e->val[v].spill < 0)
            spill(e, v, r);
        unbind(e, r);
    }
}

int em_slot_with(struct em *e, uint64_t bits)
{
    uint64_t k;
    for (unsigned s = 0; s < CPU_SLOTS; s++) {
        uint32_t v = e->slot_val[s];
        if (v && e->val[v].slot == (int8_t)s && em_pin(e, s) < 0 && em_const(e, v, &k) && k == bits)
            return (int)s;
    }
    return -1;
}

int em_reg_with(struct em *e, uint64_t bits)
{
    uint64_t k;
    for (int r = 0; r < EM_XMM; r++)
        if (e->reg_val[r] && em_const(e, e->reg_val[r], &k) && k == bits)
            return r;
    return -1;
}

/*
 * The backward walk before emission: what each value will be, what nobody needs, what must be interpreted.
 *
 * Counts uses; makes conversions that cost nothing aliases; does 64-bit ops whose upper half nobody reads in 32 bits; folds additions into addresses, masks into shift counts, negations
 * into multiply-adds and comparisons into branches; drops PUTs that nobody can see; marks guest instructions that have an
 * op without a lowering.
 */
#include "host/x64/em.h"

/* val.plan: some user takes the value as ... */
enum { PLAN_COND = 1 /* a condition */, PLAN_FMA = 2 /* a factor or addend */, PLAN_COUNT = 4 /* a shift count */, PLAN_GOTO = 8 /* where to go */ };

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
    if (!s->into)
        s->into = v->into;
}

static bool is_address_add(const struct em *e, const struct ir_ins *i)
{
    uint64_t k;
    if (i->op != IR_OP_ADD || i->type != IR_I64)
        return false;
    return ir_is_const(e->f, i->arg[1], &k) ? (int64_t)k == (int32_t)k : true;
}

static void reads_low(struct em *e, const struct ir_ins *i, unsigned from)
{
    for (unsigned k = from; k < i->nargs; k++)
        e->val[i->arg[k]].low_uses++;
}

/* All users of a 64-bit value read its low half: so does the op that makes it, if its low half depends on no more.  True: an alias now. */
static bool plan_low(struct em *e, struct ir_ins *i)
{
    uint64_t n;
    if (i->type != IR_I64 || e->val[i->dst].low_uses != i->uses)
        return false;
    switch (i->op) {
    case IR_OP_SEXT:
    case IR_OP_ZEXT:
        if (ir_typeof(e->f, i->arg[0]) != IR_I32)
            return false;
        make_alias(e, i);
        return true;
    case IR_OP_SHL:
        if (!ir_is_const(e->f, i->arg[1], &n))
            return false;
        e->val[i->arg[0]].low_uses++;
        break;
    case IR_OP_ADD:
    case IR_OP_SUB:
    case IR_OP_MUL:
    case IR_OP_AND:
    case IR_OP_OR:
    case IR_OP_XOR: reads_low(e, i, 0); break;
    case IR_OP_SELECT: reads_low(e, i, 1); break;
    default: return false;
    }
    e->val[i->dst].flags |= VAL_LOW;
    return false;
}

/* How the value of a PURE instruction will be made, now that all its users are known. */
static void plan_value(struct em *e, struct ir_ins *i)
{
    struct val *v = &e->val[i->dst];
    const struct ir_ins *src = i->nargs ? e->f->def[i->arg[0]] : NULL;
    v->kind = VAL_NORMAL;
    if (plan_low(e, i))
        return;
    switch (i->op) {
    case IR_OP_TRUNC:
        reads_low(e, i, 0);
        if (i->type != IR_I1) {
            make_alias(e, i);
            return;
        }
        break;
    case IR_OP_NANBOX:
    case IR_OP_NANUNBOX: make_alias(e, i); return;
    case IR_OP_ZEXT:
        if ((ir_typeof(e->f, i->arg[0]) == IR_I1 || zeroes_upper(src)) && !(e->val[i->arg[0]].flags & VAL_SEXT)) {
            e->val[i->arg[0]].flags |= VAL_ZEXT;
            make_alias(e, i);
            return;
        }
        break;
    case IR_OP_SEXT:
        if (src->op == IR_OP_LOAD && (src->uses == 1 || (src->type == IR_I32 && !(e->val[i->arg[0]].flags & (VAL_ZEXT | VAL_SWAP)))) && src->type != IR_I1 && (i->type == IR_I64 || src->type != IR_I32)) {
            e->val[i->arg[0]].flags |= VAL_SEXT;
            make_alias(e, i);
            return;
        }
        break;
    case IR_OP_BSWAP:
        if (src->op == IR_OP_LOAD && src->uses == 1 && src->type == i->type && (i->type == IR_I32 || i->type == IR_I64) &&
            (e->cfg->features & X64_F_MOVBE)) {
            e->val[i->arg[0]].flags |= VAL_SWAP;
            make_alias(e, i);
            return;
        }
        break;
    case IR_OP_ADD:
        if (v->addr_uses && v->addr_uses == v->uses && !(v->plan & (PLAN_FMA | PLAN_COUNT)) && is_address_add(e, i)) {
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
        if (v->uses == 1 && (v->plan & PLAN_COND))
            v->kind = VAL_DEFER;
        break;
    case IR_OP_FNEG:
        if (v->uses && (v->plan & PLAN_FMA) && v->addr_uses == v->uses)
            v->kind = VAL_FOLD;
        break;
    case IR_OP_AND: {
        uint64_t m;
        if ((v->plan & PLAN_COUNT) && v->addr_uses == v->uses && ir_is_const(e->f, i->arg[1], &m) && m == ir_bits((enum ir_type)i->type) - 1)
            v->kind = VAL_FOLD;
        if ((v->plan & PLAN_GOTO) && i->uses == 1 && ir_is_const(e->f, i->arg[1], &m) && m == ~UINT64_C(1))
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

/* What an op does with operands that it could absorb, or change in place. */
enum { ADDRESS = 1 /* the first */, CONDITION = 2 /* the first */, FACTORS = 4 /* all */, COUNT = 8 /* the second */, INTO = 16 /* the first */, WRITES = 32, TARGET = 64 };
static const uint8_t absorbs[IR_OP_LIMIT] = {
    [IR_OP_LOAD] = ADDRESS,      [IR_OP_STORE] = ADDRESS,    [IR_OP_LL] = ADDRESS,       [IR_OP_SC] = ADDRESS,       [IR_OP_CAS] = ADDRESS,
    [IR_OP_RMW] = ADDRESS,       [IR_OP_EXITIF] = CONDITION, [IR_OP_BRIF] = CONDITION,   [IR_OP_SELECT] = CONDITION, [IR_OP_FMA] = FACTORS,
    [IR_OP_SHL] = COUNT | INTO,  [IR_OP_SHR] = COUNT | INTO, [IR_OP_SAR] = COUNT | INTO, [IR_OP_ROTL] = COUNT | INTO, [IR_OP_ROTR] = COUNT | INTO,
    [IR_OP_ADD] = INTO,          [IR_OP_SUB] = INTO,         [IR_OP_MUL] = INTO,         [IR_OP_AND] = INTO,         [IR_OP_OR] = INTO,
    [IR_OP_XOR] = INTO,          [IR_OP_SEXT] = INTO,        [IR_OP_ZEXT] = INTO,        [IR_OP_TRUNC] = INTO,       [IR_OP_PUT] = WRITES,
    [IR_OP_GOTOIND] = TARGET,
};

/* Marks operands that their user could absorb. `addr_uses` counts absorbing uses of any sort. */
static void plan_operands(struct em *e, struct ir_ins *i)
{
    unsigned how = absorbs[i->op];
    struct val *x = &e->val[i->arg[0]];
    if (how & INTO)
        x->into = x->into ? x->into : i;
    if (!(how & ~(unsigned)INTO))
        return;
    if (how & COUNT) {
        x = &e->val[i->arg[1]];
        x->plan |= PLAN_COUNT;
    }
    if (how & (ADDRESS | COUNT))
        x->addr_uses++;
    if (how & CONDITION)
        x->plan |= PLAN_COND;
    if (how & WRITES)
        x->put = i;
    if (how & TARGET)
        x->plan |= PLAN_GOTO;
    for (int k = 0; k < 3 && how & FACTORS; k++) {
        e->val[i->arg[k]].plan |= PLAN_FMA;
        e->val[i->arg[k]].addr_uses++;
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

/* The types of results with which an op always has a lowering, unless operand or result has a type without any. */
#define T(t)   (1u << IR_##t)
#define ALL    0xffffu
#define WIDE   (T(I32) | T(I64))
#define NO_LOW (ALL & ~(T(I8) | T(I16)))
static const uint16_t lowers[IR_OP_LIMIT] = {
    [IR_OP_CONST] = ALL,    [IR_OP_GET] = ALL,      [IR_OP_PUT] = ALL,       [IR_OP_LOAD] = ALL,      [IR_OP_STORE] = ALL,     [IR_OP_ZEXT] = ALL,
    [IR_OP_SEXT] = ALL,     [IR_OP_TRUNC] = ALL,    [IR_OP_BITS] = ALL,      [IR_OP_FLOAT] = ALL,     [IR_OP_NANBOX] = ALL,    [IR_OP_NANUNBOX] = ALL,
    [IR_OP_FENCE] = ALL,    [IR_OP_ROUNDS] = ALL,   [IR_OP_MARK] = ALL,      [IR_OP_EXITIF] = ALL,    [IR_OP_BR] = ALL,        [IR_OP_BRIF] = ALL,
    [IR_OP_GOTO] = ALL,     [IR_OP_GOTOIND] = ALL,  [IR_OP_SYSCALL] = ALL,   [IR_OP_TRAP] = ALL,      [IR_OP_ISYNC] = ALL,     [IR_OP_FGETFLAGS] = ALL,
    [IR_OP_FSETFLAGS] = ALL, [IR_OP_FGETRM] = ALL,  [IR_OP_FSETRM] = ALL,    [IR_OP_FEQ] = ALL,       [IR_OP_FLT] = ALL,       [IR_OP_FLE] = ALL,
    [IR_OP_FLTQ] = ALL,     [IR_OP_FLEQ] = ALL,     [IR_OP_FNEG] = ALL,      [IR_OP_FABS] = ALL,      [IR_OP_FSGNJ] = ALL,     [IR_OP_SELECT] = WIDE,
    [IR_OP_ADD] = NO_LOW,   [IR_OP_SUB] = NO_LOW,   [IR_OP_AND] = NO_LOW,    [IR_OP_OR] = NO_LOW,     [IR_OP_XOR] = NO_LOW,    [IR_OP_MUL] = WIDE,
    [IR_OP_MULHS] = WIDE,   [IR_OP_MULHU] = WIDE,   [IR_OP_MULHSU] = WIDE,   [IR_OP_DIVS] = WIDE,     [IR_OP_DIVU] = WIDE,     [IR_OP_REMS] = WIDE,
    [IR_OP_REMU] = WIDE,    [IR_OP_MINS] = WIDE,    [IR_OP_MAXS] = WIDE,     [IR_OP_MINU] = WIDE,     [IR_OP_MAXU] = WIDE,     [IR_OP_CLZ] = WIDE,
    [IR_OP_CTZ] = WIDE,     [IR_OP_BITREV8] = WIDE, [IR_OP_BSWAP] = WIDE,    [IR_OP_ORCB] = T(I64),   [IR_OP_ROTL] = WIDE,     [IR_OP_ROTR] = WIDE,
    [IR_OP_LL] = WIDE,      [IR_OP_CAS] = WIDE,     [IR_OP_RMW] = WIDE,      [IR_OP_FCLASS] = WIDE,
};

/* Types without a lowering. */
static bool is_odd(enum ir_type t)
{
    return (EM_ODD_TYPES >> t) & 1;
}

/* Has op of type t a lowering whatever its operands are? */
static inline bool lowers_anyway(const struct em *e, const struct ir_ins *i)
{
    return BTV_LIKELY(!e->odd) && (lowers[i->op] >> i->type & 1);
}

bool em_can_lower(const struct em *e, const struct ir_ins *i)
{
    unsigned feat = e->cfg->features;
    enum ir_type t = (enum ir_type)i->type, src = i->nargs ? ir_typeof(e->f, i->arg[0]) : IR_VOID;
    if (is_odd(t) || is_odd(src))
        return false;
    switch ((enum ir_op)i->op) {
    case IR_OP_CALL: return !e->cfg->no_calls;
    case IR_OP_EQ:
    case IR_OP_NE:
    case IR_OP_LTS:
    case IR_OP_LTU:
    case IR_OP_LES:
    case IR_OP_LEU: return src == IR_I32 || src == IR_I64;
    case IR_OP_POPCNT: return (t == IR_I32 || t == IR_I64) && (feat & X64_F_POPCNT);
    case IR_OP_CLMUL:
    case IR_OP_CLMULH: return t == IR_I64 && (feat & X64_F_PCLMUL);
    case IR_OP_SHL:
    case IR_OP_SHR:
    case IR_OP_SAR: /* an unbounded variable count would need the format's "oversized" rule */
        return (t == IR_I32 || t == IR_I64) && (e->f->def[i->arg[1]]->op == IR_OP_CONST || most(e, i->arg[1]) < ir_bits(t));
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
    case IR_OP_FCVT: return (i->imm != FP_RMM || t == IR_F64) && !(i->aux & 1);
    case IR_OP_S2F:
    case IR_OP_U2F: return true;
    case IR_OP_F2S: return i->imm == FP_DYN || i->imm == FP_RTZ || i->imm == FP_RMM || (feat & X64_F_SSE41);
    case IR_OP_F2U: return i->imm == FP_RTZ;
    case IR_OP_FRINT:
    case IR_OP_FRINTX: return i->imm != FP_RMM && (feat & X64_F_SSE41);
    default: return lowers[i->op] >> t & 1;
    }
}

/* Which ops may bail: always, or as their operands are. */
enum { BAILS = 1, PERHAPS };
static const uint8_t may_bail[IR_OP_LIMIT] = {
    [IR_OP_NANUNBOX] = BAILS, [IR_OP_LL] = BAILS,     [IR_OP_SC] = BAILS,      [IR_OP_CAS] = BAILS,      [IR_OP_RMW] = BAILS,     [IR_OP_FMINNUM] = BAILS,
    [IR_OP_FMAXNUM] = BAILS,  [IR_OP_FMINIMUM] = BAILS, [IR_OP_FMAXIMUM] = BAILS, [IR_OP_F2U] = BAILS,   [IR_OP_FSETRM] = BAILS,  [IR_OP_FMA] = BAILS,
    [IR_OP_U2F] = PERHAPS,    [IR_OP_F2S] = PERHAPS,  [IR_OP_FADD] = PERHAPS,  [IR_OP_FSUB] = PERHAPS,   [IR_OP_FMUL] = PERHAPS,  [IR_OP_FDIV] = PERHAPS,
    [IR_OP_FSQRT] = PERHAPS,  [IR_OP_FCVT] = PERHAPS, [IR_OP_S2F] = PERHAPS,   [IR_OP_FRINT] = PERHAPS,  [IR_OP_FRINTX] = PERHAPS,
};

bool em_may_bail(const struct ir_ins *i)
{
    unsigned how = may_bail[i->op];
    if (BTV_LIKELY(how != PERHAPS))
        return how;
    if (i->op == IR_OP_F2S)
        return i->type == IR_I32 && i->imm != FP_DYN && i->imm != FP_RTZ;
    return i->imm != FP_DYN; /* em_need_rm */
}

/* Ops that change the guest's state for good. */
static const bool has_effect[IR_OP_LIMIT] = {
    [IR_OP_PUT] = true, [IR_OP_STORE] = true, [IR_OP_FSETFLAGS] = true, [IR_OP_RMW] = true, [IR_OP_SC] = true, [IR_OP_CAS] = true, [IR_OP_CALL] = true,
};

/* What the backward walk knows about the rest of the guest instruction it is in. */
struct rest {
    bool bails;   /* something may bail */
    bool refused; /* it cannot be emitted: an op has no lowering, or may bail after an effect */
};

static inline void plan_bail(const struct em *e, const struct ir_ins *i, struct rest *rest)
{
    rest->refused |= has_effect[i->op] & rest->bails;
    if (BTV_UNLIKELY(!lowers_anyway(e, i)) && !em_can_lower(e, i))
        rest->refused = true;
    if (BTV_UNLIKELY(may_bail[i->op]) && em_may_bail(i))
        rest->bails = true;
}

/* An LL and the next SC behind it, of the same address and size: only the LL's way leads to the SC. */
static void plan_pair(struct em *e, struct ir_ins *i)
{
    struct ir_ins *sc = e->sc;
    if (BTV_LIKELY(!sc) && i->op != IR_OP_SC)
        return;
    if (i->op == IR_OP_SC) {
        e->sc = i;
        e->sc_still = true;
    } else if (i->op == IR_OP_STORE || i->op == IR_OP_CAS || i->op == IR_OP_RMW || i->op == IR_OP_CALL) {
        e->sc_still = false;
    } else if (i->op == IR_OP_LL) {
        if (sc && sc->arg[0] == i->arg[0] && ir_typeof(e->f, sc->arg[1]) == (enum ir_type)i->type) {
            i->flags |= INS_PAIR;
            sc->flags |= e->sc_still ? INS_PAIR | INS_STILL : INS_PAIR;
            e->val[i->dst].uses++;
        }
        e->sc = NULL;
    }
}

/*
 * A comparison between reading the flags and writing them back changes none: compilers make a quiet comparison of it.  Nothing that
 * could look at the flags may be between, and what may bail only before the comparison.
 */
static void plan_flags(struct em *e, struct ir_ins *i)
{
    if (!e->setflags && i->op != IR_OP_FSETFLAGS)
        return;
    switch (i->op) {
    case IR_OP_FSETFLAGS:
        e->setflags = i;
        e->ncompare = 0;
        e->bailed = false;
        break;
    case IR_OP_FGETFLAGS:
        if (e->setflags->arg[0] == i->dst && e->ncompare) {
            e->setflags->flags |= INS_DEAD;
            e->val[i->dst].uses--;
            for (unsigned k = 0; k < e->ncompare; k++)
                e->compare[k]->flags |= INS_SILENT;
        }
        e->setflags = NULL;
        break;
    case IR_OP_FEQ:
    case IR_OP_FLT:
    case IR_OP_FLE:
    case IR_OP_FLTQ:
    case IR_OP_FLEQ:
        if (e->bailed || e->ncompare == ARRAY_LEN(e->compare))
            e->setflags = NULL;
        else
            e->compare[e->ncompare++] = i;
        break;
    case IR_OP_GET:
    case IR_OP_PUT: break;
    case IR_OP_MARK:
        if (i->flags)
            e->setflags = NULL;
        break;
    default:
        e->bailed |= em_may_bail(i);
        if (!(ir_op_info[i->op].flags & IR_F_PURE))
            e->setflags = NULL;
    }
}

/*
 * Every cycle of guest code has to look for requests somewhere.  Blocks do on their way to a block that starts at or before their own start,
 * so jumps backward that a block follows need not; but where a block with such a jump ends with a call that comes back to before its start,
 * the return does not look.  In a region, which has several blocks, ways out look at where they are.
 */
static bool looks_inside(const struct em *e, const struct ir_block *b)
{
    const struct ir_ins *last = b->last;
    return e->region || ((last->op == IR_OP_GOTO || last->op == IR_OP_GOTOIND) && last->aux && last->aux <= e->f->pc);
}

static void mark_jumps_back(struct ir_block *b)
{
    uint64_t pc = 0;
    for (struct ir_ins *i = b->first; i; i = i->next)
        if (i->op == IR_OP_MARK) {
            i->flags = i->imm <= pc ? INS_BACK : 0;
            pc = i->imm;
        }
}

static void plan_mark(struct em *e, struct ir_ins *i, bool inside, struct rest *rest, uint64_t dead[2])
{
    if (!inside)
        i->flags = 0;
    if (rest->refused)
        i->flags |= INS_BAIL;
    *rest = (struct rest){0};
    if (i->flags) {
        dead[0] = dead[1] = 0;
        e->setflags = NULL;
    }
}

/* A PUT is dead when the slot is PUT again before anything that could leave the block or look at the slot: those are the slots in `dead`. */
static void plan_put(struct em *e, struct ir_ins *i, uint64_t dead[2])
{
    unsigned slot = (unsigned)i->imm;
    struct val *v = &e->val[i->arg[0]];
    if (dead[slot / 64] >> slot % 64 & 1) {
        i->flags = INS_DEAD;
        v->low_uses++;
        return;
    }
    i->flags = 0;
    dead[slot / 64] |= UINT64_C(1) << slot % 64;
    v->put = i;
    v->uses++;
}

static void plan_pure(struct em *e, struct ir_ins *i, uint64_t dead[2])
{
    if (i->op == IR_OP_NANUNBOX) {
        i->flags = 0;
        dead[0] = dead[1] = 0;
    }
    plan_flags(e, i);
    if (!e->val[i->dst].uses) { /* kind stays VAL_NONE: not emitted */
        reads_low(e, i, 0);
        return;
    }
    plan_operands(e, i);
    plan_value(e, i);
}

static void plan_other(struct em *e, struct ir_ins *i, uint64_t dead[2])
{
    i->flags = 0;
    if ((ir_op_info[i->op].flags & (IR_F_FAULTS | IR_F_EXITS | IR_F_TERM)) || em_may_bail(i))
        dead[0] = dead[1] = 0;
    plan_flags(e, i);
    plan_operands(e, i);
    plan_pair(e, i);
    for (unsigned k = 0; k < i->nargs; k++)
        e->val[i->arg[k]].uses++;
}

static void plan_block(struct em *e, struct ir_block *b)
{
    uint64_t dead[2] = {0};
    struct rest rest = {0};
    bool inside = looks_inside(e, b);
    if (inside)
        mark_jumps_back(b);
    for (struct ir_ins *i = b->last; i; i = i->prev) {
        plan_bail(e, i, &rest);
        switch (i->op) { /* half of all ops are of the first kinds */
        case IR_OP_MARK: plan_mark(e, i, inside, &rest, dead); break;
        case IR_OP_PUT: plan_put(e, i, dead); break;
        case IR_OP_GET:
            i->flags = 0;
            dead[i->imm / 64] &= ~(UINT64_C(1) << i->imm % 64);
            break;
        case IR_OP_CONST:
            if (e->val[i->dst].uses)
                e->val[i->dst].kind = VAL_CONST;
            break;
        default:
            if (ir_op_info[i->op].flags & IR_F_PURE)
                plan_pure(e, i, dead);
            else
                plan_other(e, i, dead);
        }
    }
}

void em_plan(struct em *e)
{
    for (struct ir_block *b = e->f->first; b; b = b->next) {
        e->sc = e->setflags = NULL;
        plan_block(e, b);
    }
}

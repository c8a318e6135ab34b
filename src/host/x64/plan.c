/*
 * The backward walk before emission: what each value will be, what nobody needs, what must be interpreted.
 *
 * Counts uses; makes conversions that cost nothing aliases; does 64-bit ops whose upper half nobody reads in 32 bits; folds additions into addresses, masks into shift counts, negations
 * into multiply-adds and comparisons into branches; drops PUTs that nobody can see; marks guest instructions that have an
 * op without a lowering.
 */
#include "host/x64/em.h"

/* Scratch bits of val.flags while planning: some user takes the value as ... */
enum { PLAN_COND = 0x80 /* a condition */, PLAN_FMA = 0x40 /* a factor or addend */, PLAN_COUNT = 0x20 /* a shift count */, PLAN_GOTO = 0x10 /* where to go */ };

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
    case IR_OP_CONST: v->kind = VAL_CONST; return;
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
        if ((v->flags & PLAN_GOTO) && i->uses == 1 && ir_is_const(e->f, i->arg[1], &m) && m == ~UINT64_C(1))
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

static void may_go_into(struct em *e, struct ir_ins *i)
{
    struct val *x = &e->val[i->arg[0]];
    if (!x->into)
        x->into = i;
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
    case IR_OP_BRIF:
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
        may_go_into(e, i);
        break;
    case IR_OP_ADD:
    case IR_OP_SUB:
    case IR_OP_MUL:
    case IR_OP_AND:
    case IR_OP_OR:
    case IR_OP_XOR:
    case IR_OP_SEXT:
    case IR_OP_ZEXT:
    case IR_OP_TRUNC: may_go_into(e, i); break;
    case IR_OP_PUT: e->val[i->arg[0]].put = i; break;
    case IR_OP_GOTOIND:
        e->val[i->arg[0]].flags |= PLAN_GOTO;
        break;
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
    case IR_OP_ROUNDS:
    case IR_OP_MARK:
    case IR_OP_EXITIF:
    case IR_OP_BR:
    case IR_OP_BRIF:
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
    case IR_OP_CALL: return !e->cfg->no_calls;
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
    case IR_OP_BITREV8:
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

bool em_may_bail(const struct ir_ins *i)
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
    case IR_OP_F2U:
    case IR_OP_FSETRM: return true;
    case IR_OP_F2S: return i->type == IR_I32 && i->imm != FP_DYN && i->imm != FP_RTZ;
    default: return (ir_op_info[i->op].flags & IR_F_RM) && i->imm != FP_DYN; /* em_need_rm */
    }
}

/* Can the guest instruction that starts at `mark` be emitted, bails included? */
static bool can_emit(const struct em *e, const struct ir_ins *mark)
{
    bool effect = false;
    for (const struct ir_ins *i = mark->next; i && i->op != IR_OP_MARK; i = i->next) {
        if (!em_can_lower(e, i) || (effect && em_may_bail(i)))
            return false;
        effect |= i->op == IR_OP_PUT || i->op == IR_OP_STORE || i->op == IR_OP_FSETFLAGS || i->op == IR_OP_RMW || i->op == IR_OP_SC || i->op == IR_OP_CAS ||
                  i->op == IR_OP_CALL;
    }
    return true;
}

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
        if (!can_emit(e, i))
            i->flags |= INS_BAIL;
        if (i->flags)
            dead[0] = dead[1] = 0;
        break;
    default:
        if ((ir_op_info[i->op].flags & (IR_F_FAULTS | IR_F_EXITS | IR_F_TERM)) || em_may_bail(i))
            dead[0] = dead[1] = 0;
    }
    return true;
}

/* An LL and the next SC behind it, of the same address and size: only the LL's way leads to the SC. */
static void plan_pair(struct em *e, struct ir_ins *i)
{
    struct ir_ins *sc = e->sc;
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

static void plan_block(struct em *e, struct ir_block *b)
{
    uint64_t dead[2] = {0}, pc = looks_inside(e, b) ? 0 : UINT64_MAX;
    for (struct ir_ins *i = b->first; i; i = i->next)
        if (i->op == IR_OP_MARK) {
            i->flags = pc != UINT64_MAX && i->imm <= pc ? INS_BACK : 0;
            pc = pc != UINT64_MAX ? i->imm : pc;
        }
    for (struct ir_ins *i = b->last; i; i = i->prev) {
        if (!(ir_op_info[i->op].flags & IR_F_PURE) || i->op == IR_OP_NANUNBOX) {
            if (i->op != IR_OP_MARK)
                i->flags = 0;
            if (!plan_state(e, i, dead)) {
                reads_low(e, i, 0);
                continue;
            }
        }
        plan_flags(e, i);
        if (ir_op_info[i->op].flags & IR_F_PURE) {
            if (!e->val[i->dst].uses) { /* kind stays VAL_NONE: not emitted */
                reads_low(e, i, 0);
                continue;
            }
            plan_operands(e, i);
            plan_value(e, i);
            continue;
        }
        if (i->op == IR_OP_GET && !e->val[i->dst].uses)
            continue;
        plan_operands(e, i);
        plan_pair(e, i);
        for (unsigned k = 0; k < i->nargs; k++)
            e->val[i->arg[k]].uses++;
    }
}

void em_plan(struct em *e)
{
    for (struct ir_block *b = e->f->first; b; b = b->next) {
        e->sc = e->setflags = NULL;
        plan_block(e, b);
    }
    for (uint32_t v = 1; v < e->f->nvals; v++)
        e->val[v].flags &= VAL_SEXT | VAL_SWAP | VAL_LOW | VAL_ZEXT;
}

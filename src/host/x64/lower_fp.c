/*
 * Floating point: host instructions with the guest's exact results.
 *
 * Rounding: the host's mode register holds the guest's dynamic mode, so an op with mode FP_DYN is one instruction.
 * Flags: the host's sticky flags are the guest's until somebody reads them; an instruction whose host flags could
 * differ from the guest's is guarded by a test that bails first.  NaN: an arithmetic result that is unordered is replaced
 * by the canonical NaN on a cold path, when somebody may see its bits: what is overwritten before, or only computed with, is
 * never tested, and one test does for two results.  x86 detects tininess after rounding (SDM vol. 1, 4.9.1.5), as do
 * the guests that use FP_NAN_CANONICAL so far.  Bits 63..32 of an f32 stay all ones (em.h).
 */
#include "base/softfp.h"
#include "host/x64/em.h"

#define X(reg) ((reg)-EM_XMM)

static struct opnd use_fp(struct em *e, uint32_t v)
{
    return em_use(e, v, OPND_REG | OPND_MEM);
}

static void sse(struct em *e, enum x64_row row, int size, int dst, struct opnd o)
{
    if (o.kind == OPND_MEM)
        x64_rm(&e->b, row, size, X(dst), o.mem);
    else
        x64_rr(&e->b, row, size, X(dst), X(o.reg));
}

static void mov_fp(struct em *e, int dst, struct opnd o)
{
    if (o.kind == OPND_MEM)
        x64_rm(&e->b, X64_MOVQ_X_XM, 0, X(dst), o.mem);
    else if (o.reg != dst)
        x64_rr(&e->b, X64_MOVAPS_X_XM, 0, X(dst), X(o.reg));
}

static void all_ones(struct em *e, int x)
{
    x64_rr(&e->b, X64_PCMPEQD_X_XM, 0, X(x), X(x));
}

/* i's result is in register d, and if it is a NaN it need not be the canonical one. */
static void def_result(struct em *e, struct ir_ins *i, int d)
{
    em_def(e, i, d);
    e->nans[em_size((enum ir_type)i->type) == 8] |= 1u << X(d);
}

static void check(struct em *e, int a, int b, int size)
{
    x64_rr(&e->b, X64_UCOMIS_X_XM, size, a, b); /* quiet NaNs all: no flag */
    size_t f = x64_jcc(&e->b, X64_P, 0);
    em_cold(e, (struct cold){.kind = COLD_NAN, .field = (uint32_t)f, .reg = (int8_t)a, .reg2 = (int8_t)b, .size = (uint8_t)size, .back = (uint32_t)e->b.len});
}

/* A pin has what the guest has; a temporary whose value is no longer needed is forgotten. */
static bool seen(const struct em *e, int x)
{
    return !(e->temps >> (EM_XMM + x) & 1) || (e->reg_val[EM_XMM + x] && em_needed(e, e->reg_val[EM_XMM + x]));
}

void em_check_nans(struct em *e)
{
    for (unsigned k = 0; k < ARRAY_LEN(e->nans); k++) {
        int first = -1, size = k ? 8 : 4;
        for (uint32_t m = e->nans[k]; m; m &= m - 1) {
            int x = __builtin_ctz(m);
            if (!seen(e, x))
                continue;
            if (first >= 0)
                check(e, first, x, size);
            first = first >= 0 ? -1 : x;
        }
        if (first >= 0)
            check(e, first, first, size);
        e->nans[k] = 0;
    }
}

void em_check_nan(struct em *e, int reg)
{
    for (unsigned k = 0; reg >= EM_XMM && k < ARRAY_LEN(e->nans); k++)
        if (e->nans[k] >> X(reg) & 1) {
            check(e, X(reg), X(reg), k ? 8 : 4);
            e->nans[k] &= ~(1u << X(reg));
        }
}

bool em_lets_nans(const struct em *e, const struct ir_ins *i)
{
    switch (i->op) {
    case IR_OP_GET:
    case IR_OP_PUT:
    case IR_OP_CONST:
    case IR_OP_FLOAT:
    case IR_OP_NANBOX:
    case IR_OP_FCLASS:
    case IR_OP_FGETFLAGS:
    case IR_OP_FSETFLAGS:
    case IR_OP_FGETRM: return true;
    case IR_OP_FADD:
    case IR_OP_FSUB:
    case IR_OP_FMUL:
    case IR_OP_FDIV:
    case IR_OP_FSQRT:
    case IR_OP_FEQ:
    case IR_OP_FLT:
    case IR_OP_FLE:
    case IR_OP_FLTQ:
    case IR_OP_FLEQ:
    case IR_OP_FCVT:
    case IR_OP_FRINT:
    case IR_OP_FRINTX:
    case IR_OP_F2S:
    case IR_OP_S2F: return !em_may_bail(i);
    default: return (ir_op_info[i->op].flags & IR_F_PURE) && !em_is_fp((enum ir_type)i->type) && (!i->nargs || !em_is_fp(ir_typeof(e->f, i->arg[0])));
    }
}

static void lower_arith(struct em *e, struct ir_ins *i)
{
    static const struct {
        enum x64_row sse, vex;
    } rows[] = {{X64_ADDS_X_XM, X64_VADDS_X_X_XM}, {X64_SUBS_X_XM, X64_VSUBS_X_X_XM}, {X64_MULS_X_XM, X64_VMULS_X_X_XM}, {X64_DIVS_X_XM, X64_VDIVS_X_X_XM}};
    unsigned k = i->op - IR_OP_FADD;
    int size = em_size((enum ir_type)i->type), d;
    em_need_rm(e, i->imm);
    struct opnd b = use_fp(e, i->arg[1]);
    if (e->cfg->features & X64_F_AVX) {
        int a = em_use_reg(e, i->arg[0]);
        em_done(e, i->arg[0]);
        em_done(e, i->arg[1]);
        d = em_dst(e, i, a);
        if (b.kind == OPND_MEM)
            x64_rvm(&e->b, rows[k].vex, size, X(d), X(a), b.mem);
        else
            x64_rvr(&e->b, rows[k].vex, size, X(d), X(a), X(b.reg));
    } else {
        struct opnd a = use_fp(e, i->arg[0]);
        em_done(e, i->arg[0]);
        em_done(e, i->arg[1]);
        d = em_dst(e, i, a.kind == OPND_REG ? a.reg : -1);
        if (b.kind == OPND_REG && d == b.reg && !(a.kind == OPND_REG && a.reg == d))
            d = em_temp_fp(e);
        mov_fp(e, d, a);
        sse(e, rows[k].sse, size, d, b);
    }
    def_result(e, i, d);
}

static void lower_sqrt(struct em *e, struct ir_ins *i)
{
    int size = em_size((enum ir_type)i->type);
    em_need_rm(e, i->imm);
    struct opnd a = use_fp(e, i->arg[0]);
    em_done(e, i->arg[0]);
    int d = em_dst(e, i, a.kind == OPND_REG ? a.reg : -1);
    mov_fp(e, d, a);
    x64_rr(&e->b, X64_SQRTS_X_XM, size, X(d), X(d));
    def_result(e, i, d);
}

/* The operand below a negation that was folded into the multiply-add. */
static uint32_t strip_neg(struct em *e, uint32_t v, bool *neg)
{
    v = em_rep(e, v);
    if (e->val[v].kind == VAL_FOLD && e->f->def[v]->op == IR_OP_FNEG) {
        *neg = !*neg;
        return e->f->def[v]->arg[0];
    }
    return v;
}

static void lower_fma(struct em *e, struct ir_ins *i)
{
    static const uint16_t r213[2][2] = {{X64_VFMADD213S_X_X_XM, X64_VFMSUB213S_X_X_XM}, {X64_VFNMADD213S_X_X_XM, X64_VFNMSUB213S_X_X_XM}};
    static const uint16_t r231[2][2] = {{X64_VFMADD231S_X_X_XM, X64_VFMSUB231S_X_X_XM}, {X64_VFNMADD231S_X_X_XM, X64_VFNMSUB231S_X_X_XM}};
    int size = em_size((enum ir_type)i->type);
    bool np = false, na = false;
    em_need_rm(e, i->imm);
    uint32_t va = strip_neg(e, i->arg[0], &np), vb = strip_neg(e, i->arg[1], &np), vc = strip_neg(e, i->arg[2], &na);
    int a = em_use_reg(e, va), b = em_use_reg(e, vb), c = em_use_reg(e, vc);
    em_done(e, va);
    em_done(e, vb);
    em_done(e, vc);
    /* the result must not overwrite an operand before the test that may bail: pins keep the old value until then */
    int d = -1;
    const int operand[] = {c, a, b};
    for (int k = 0; k < 3 && d < 0; k++)
        if ((e->temps >> operand[k] & 1) && e->reg_val[operand[k]] && !em_needed(e, e->reg_val[operand[k]]))
            d = operand[k];
    if (d < 0)
        d = em_temp_fp(e);
    if (d == a && d != c) {
        x64_rvr(&e->b, (enum x64_row)r213[np][na], size, X(d), X(b), X(c));
    } else if (d == b && d != c) {
        x64_rvr(&e->b, (enum x64_row)r213[np][na], size, X(d), X(a), X(c));
    } else {
        if (d != c)
            x64_rr(&e->b, X64_MOVAPS_X_XM, 0, X(d), X(c));
        x64_rvr(&e->b, (enum x64_row)r231[np][na], size, X(d), X(a), X(b));
    }
    x64_rr(&e->b, X64_UCOMIS_X_XM, size, X(d), X(d));
    em_bail_if(e, X64_P);
    em_def(e, i, d);
}

static void lower_sign(struct em *e, struct ir_ins *i)
{
    bool f32 = i->type == IR_F32;
    struct opnd b = {0};
    if (i->op == IR_OP_FSGNJ)
        b = use_fp(e, i->arg[1]);
    struct opnd a = use_fp(e, i->arg[0]);
    em_done(e, i->arg[0]);
    if (i->op != IR_OP_FSGNJ) {
        int d = em_dst(e, i, a.kind == OPND_REG ? a.reg : -1);
        mov_fp(e, d, a);
        if (i->op == IR_OP_FNEG)
            em_rip(e, X64_XORPS_X_XM, 0, X(d), f32 ? EM_CONST_SIGN32 : EM_CONST_SIGN64);
        else
            em_rip(e, X64_ANDPS_X_XM, 0, X(d), f32 ? EM_CONST_ABS32 : EM_CONST_ABS64);
        em_def(e, i, d);
        return;
    }
    em_done(e, i->arg[1]);
    int t = em_temp_fp(e);
    mov_fp(e, t, b);
    em_rip(e, X64_ANDPS_X_XM, 0, X(t), f32 ? EM_CONST_SIGN32 : EM_CONST_SIGN64);
    int d = em_dst(e, i, a.kind == OPND_REG && a.reg != t ? a.reg : -1);
    mov_fp(e, d, a);
    em_rip(e, X64_ANDPS_X_XM, 0, X(d), f32 ? EM_CONST_ABS32 : EM_CONST_ABS64);
    x64_rr(&e->b, X64_ORPS_X_XM, 0, X(d), X(t));
    em_def(e, i, d);
}

/* min and max both ways round, so that of two zeros the sign is right: -0 | +0 = -0, -0 & +0 = +0. */
static void lower_minmax_fp(struct em *e, struct ir_ins *i)
{
    bool min = i->op == IR_OP_FMINNUM || i->op == IR_OP_FMINIMUM;
    enum x64_row row = min ? X64_MINS_X_XM : X64_MAXS_X_XM;
    int size = em_size((enum ir_type)i->type);
    int a = em_use_reg(e, i->arg[0]), b = em_use_reg(e, i->arg[1]);
    x64_rr(&e->b, X64_UCOMIS_X_XM, size, X(a), X(b));
    em_bail_if(e, X64_P);
    em_done(e, i->arg[0]);
    em_done(e, i->arg[1]);
    int t = em_temp_fp(e);
    x64_rr(&e->b, X64_MOVAPS_X_XM, 0, X(t), X(a));
    x64_rr(&e->b, row, size, X(t), X(b));
    int d = em_dst(e, i, b);
    if (d == a && a != b)
        d = em_temp_fp(e);
    if (d != b)
        x64_rr(&e->b, X64_MOVAPS_X_XM, 0, X(d), X(b));
    x64_rr(&e->b, row, size, X(d), X(a));
    x64_rr(&e->b, min ? X64_ORPS_X_XM : X64_ANDPS_X_XM, 0, X(d), X(t));
    em_def(e, i, d);
}

static void lower_fcompare(struct em *e, struct ir_ins *i)
{
    int size = em_size(ir_typeof(e->f, i->arg[0]));
    bool eq = i->op == IR_OP_FEQ, silent = i->flags & INS_SILENT, quiet = i->op == IR_OP_FLTQ || i->op == IR_OP_FLEQ || eq || silent;
    bool le = i->op == IR_OP_FLE || i->op == IR_OP_FLEQ;
    struct opnd a = use_fp(e, i->arg[0]);
    int b = em_use_reg(e, i->arg[1]);
    em_done(e, i->arg[0]);
    em_done(e, i->arg[1]);
    sse(e, quiet ? X64_UCOMIS_X_XM : X64_COMIS_X_XM, size, b, a); /* b against a: above means a < b */
    if (silent) {
        size_t f = x64_jcc(&e->b, X64_P, 0);
        em_cold(e, (struct cold){.kind = COLD_FLAGS, .field = (uint32_t)f, .back = (uint32_t)e->b.len});
    }
    int d = em_dst(e, i, -1);
    x64_setcc(&e->b, eq ? X64_E : le ? X64_AE : X64_A, d);
    if (eq) {
        int t = em_temp(e);
        x64_setcc(&e->b, X64_NP, t);
        x64_rr(&e->b, X64_AND_R_RM, 4, d, t);
    }
    x64_rr(&e->b, X64_MOVZX_R_RM8, 4, d, d);
    em_def(e, i, d);
}

static void lower_fcvt(struct em *e, struct ir_ins *i)
{
    bool narrow = i->type == IR_F32;
    if (narrow) /* widening is exact */
        em_need_rm(e, i->imm);
    struct opnd a = use_fp(e, i->arg[0]);
    em_done(e, i->arg[0]);
    int d = em_dst(e, i, -1);
    if (a.kind == OPND_REG && a.reg == d) {
        int t = em_temp_fp(e);
        mov_fp(e, t, a);
        a.reg = (int8_t)t;
    }
    all_ones(e, d);
    sse(e, narrow ? X64_CVTSD2SS_X_XM : X64_CVTSS2SD_X_XM, 0, d, a);
    def_result(e, i, d);
}

/* Integers of so few bits are converted as they are, whatever the rounding mode; for others that of the host must be the one. */
static void need_exact(struct em *e, struct opnd a, int size, bool f32, uint64_t rm)
{
    unsigned bits = f32 ? 24 : 53;
    if (rm == FP_DYN || rm == e->known_rm)
        return;
    int t = em_temp(e);
    em_load_imm(e, t, UINT64_C(1) << bits);
    em_op_opnd(e, X64_ADD_R_RM, size, t, a);
    x64_ri(&e->b, X64_SHR_RM_IMM8, size, t, (int)bits + 1);
    if (rm == FP_RMM) { /* the host has none of that kind */
        em_bail_if(e, X64_NE);
        return;
    }
    size_t exact = x64_jcc8(&e->b, X64_E);
    em_test_rm(e, rm);
    x64_patch8(&e->b, exact, e->b.len);
}

static void lower_from_int(struct em *e, struct ir_ins *i)
{
    enum ir_type from = ir_typeof(e->f, i->arg[0]);
    bool f32 = i->type == IR_F32;
    int size = em_size(from);
    struct opnd a = em_use(e, i->arg[0], OPND_REG | OPND_MEM);
    bool large = i->op == IR_OP_U2F && size == 8; /* it may be no signed integer */
    if (i->op == IR_OP_U2F) {
        int t = em_temp(e);
        em_mov_opnd(e, size, t, a); /* zero-extended, 32 bits are a positive integer of 64 */
        a = (struct opnd){.kind = OPND_REG, .reg = (int8_t)t};
        size = 8;
    }
    if (large && i->imm != FP_DYN) {
        x64_rr(&e->b, X64_TEST_RM_R, 8, a.reg, a.reg);
        em_bail_if(e, X64_S);
    }
    if (from == IR_I64 || f32) /* 32 bits fit an f64 */
        need_exact(e, a, size, f32, i->imm);
    em_done(e, i->arg[0]);
    int d = em_dst(e, i, -1);
    all_ones(e, d);
    size_t f = 0;
    if (large && i->imm == FP_DYN) {
        x64_rr(&e->b, X64_TEST_RM_R, 8, a.reg, a.reg);
        f = x64_jcc(&e->b, X64_S, 0);
    }
    em_op_opnd(e, f32 ? X64_CVTSI2SS_X_RM : X64_CVTSI2SD_X_RM, size, X(d), a);
    if (f)
        em_cold(e, (struct cold){.kind = COLD_FROM_U64, .field = (uint32_t)f, .reg = (int8_t)X(d), .reg2 = a.reg, .size = f32 ? 4 : 8, .back = (uint32_t)e->b.len});
    em_def(e, i, d);
}

struct away {
    int whole, twice, more;
};

/*
 * d is x without its fraction: one more, away from zero, if twice the fraction is at least one.  Only the last conversion can be inexact, and
 * then x has a fraction, which the conversion to d has told already.
 */
static void round_away(struct em *e, const struct away *t, int d, int x, int size, bool f32)
{
    x64_rr(&e->b, f32 ? X64_CVTSI2SS_X_RM : X64_CVTSI2SD_X_RM, size, X(t->whole), d);
    x64_rr(&e->b, X64_MOVAPS_X_XM, 0, X(t->twice), X(x));
    x64_rr(&e->b, X64_SUBS_X_XM, f32 ? 4 : 8, X(t->twice), X(t->whole));
    x64_rr(&e->b, X64_ADDS_X_XM, f32 ? 4 : 8, X(t->twice), X(t->twice));
    x64_rr(&e->b, f32 ? X64_CVTTSS2SI_R_XM : X64_CVTTSD2SI_R_XM, size, t->more, X(t->twice));
    x64_rr(&e->b, X64_ADD_R_RM, size, d, t->more);
}

static void lower_to_int(struct em *e, struct ir_ins *i)
{
    bool f32 = ir_typeof(e->f, i->arg[0]) == IR_F32;
    int size = em_size((enum ir_type)i->type);
    if (i->op == IR_OP_F2U) {
        /* Positive and small enough for a signed 64-bit conversion: the bit pattern, as unsigned, is below the limit's. */
        int x = em_use_reg(e, i->arg[0]);
        int d = em_temp(e), t = em_temp(e);
        x64_rr(&e->b, X64_MOVD_RM_X, f32 ? 4 : 8, X(x), d);
        em_load_imm(e, t, f32 ? (size == 4 ? 0x4f800000u : 0x5f000000u) : size == 4 ? UINT64_C(0x41f0000000000000) : UINT64_C(0x43e0000000000000));
        x64_rr(&e->b, X64_CMP_R_RM, f32 ? 4 : 8, d, t);
        em_bail_if(e, X64_AE);
        em_done(e, i->arg[0]);
        x64_rr(&e->b, f32 ? X64_CVTTSS2SI_R_XM : X64_CVTTSD2SI_R_XM, 8, d, X(x));
        em_def(e, i, d);
        return;
    }
    struct opnd a = {.kind = OPND_REG, .reg = (int8_t)em_use_reg(e, i->arg[0])};
    em_done(e, i->arg[0]);
    int d = em_temp(e), from = a.reg;
    enum x64_row cvt = f32 ? X64_CVTSS2SI_R_XM : X64_CVTSD2SI_R_XM, cvtt = f32 ? X64_CVTTSS2SI_R_XM : X64_CVTTSD2SI_R_XM;
    if (i->imm != FP_DYN && i->imm != FP_RTZ) {
        if (size == 4) { /* rounding must not raise inexact when the result will be invalid: magnitude below 2^31 - 1 only */
            int c = em_temp(e);
            x64_rr(&e->b, X64_MOVD_RM_X, f32 ? 4 : 8, X(a.reg), d);
            x64_rr(&e->b, X64_ADD_R_RM, f32 ? 4 : 8, d, d);
            em_load_imm(e, c, f32 ? 0x4effffffu * 2 : UINT64_C(0x41dfffffffc00000) * 2);
            x64_rr(&e->b, X64_CMP_R_RM, f32 ? 4 : 8, d, c);
            em_bail_if(e, X64_AE);
        }
        static const uint8_t mode[] = {[FP_RNE] = 0, [FP_RDN] = 1, [FP_RUP] = 2};
        if (i->imm != FP_RMM) {
            int t = em_temp_fp(e);
            x64_rri(&e->b, X64_ROUNDS_X_XM_IMM8, f32 ? 4 : 8, X(t), X(a.reg), mode[i->imm]);
            a.reg = (int8_t)t;
        }
    }
    struct away away = {0};
    if (i->imm == FP_RMM) /* now, since finding room may write to memory, and not all ways come to where they are used */
        away = (struct away){em_temp_fp(e), em_temp_fp(e), em_temp(e)};
    enum x64_row row = i->imm == FP_DYN ? cvt : cvtt;
    x64_rr(&e->b, row, size, d, X(a.reg));
    /* the host's "integer indefinite" is the smallest integer: subtracting 1 overflows for it alone */
    x64_ri(&e->b, X64_CMP_RM_IMM8, size, d, 1);
    size_t f = x64_jcc(&e->b, X64_O, 0);
    if (i->imm == FP_RMM)
        round_away(e, &away, d, from, size, f32);
    em_cold(e, (struct cold){.kind = COLD_TO_INT, .field = (uint32_t)f, .reg = (int8_t)X(from), .reg2 = (int8_t)d, .size = f32 ? 4 : 8, .wide = size == 8, .back = (uint32_t)e->b.len});
    em_def(e, i, d);
}

static void lower_rint(struct em *e, struct ir_ins *i)
{
    static const uint8_t mode[] = {[FP_RNE] = 0, [FP_RDN] = 1, [FP_RUP] = 2, [FP_RTZ] = 3, [FP_DYN] = 4};
    int size = em_size((enum ir_type)i->type);
    struct opnd a = use_fp(e, i->arg[0]);
    em_done(e, i->arg[0]);
    int d = em_dst(e, i, a.kind == OPND_REG ? a.reg : -1);
    mov_fp(e, d, a);
    x64_rri(&e->b, X64_ROUNDS_X_XM_IMM8, size, X(d), X(d), mode[i->imm] | (i->op == IR_OP_FRINT ? 8 : 0));
    def_result(e, i, d);
}

static void lower_move(struct em *e, struct ir_ins *i)
{
    struct opnd a = em_use(e, i->arg[0], OPND_REG | OPND_MEM);
    em_done(e, i->arg[0]);
    int size = em_size((enum ir_type)i->type), d = em_dst(e, i, -1);
    if (i->op == IR_OP_BITS) {
        if (a.kind == OPND_MEM)
            x64_rm(&e->b, X64_MOV_R_RM, size, d, a.mem);
        else
            x64_rr(&e->b, X64_MOVD_RM_X, size, X(a.reg), d);
        em_def(e, i, d);
        return;
    }
    if (a.kind == OPND_MEM)
        x64_rm(&e->b, X64_MOVS_X_XM, size, X(d), a.mem);
    else
        x64_rr(&e->b, X64_MOVD_X_RM, size, X(d), a.reg);
    if (size == 4)
        em_rip(e, X64_ORPS_X_XM, 0, X(d), EM_CONST_BOX32);
    em_def(e, i, d);
}

/* Only the test: the value is an alias of its operand, whose upper half was found to be all ones. */
static void lower_unbox(struct em *e, struct ir_ins *i)
{
    struct val *x = em_val(e, i->arg[0]);
    if (x->reg < 0 && x->slot >= 0) {
        struct x64_mem m = em_slot((unsigned)x->slot);
        m.disp += 4;
        x64_mi(&e->b, X64_CMP_RM_IMM8, 4, m, -1);
    } else {
        int r = em_use_reg(e, i->arg[0]), t = em_temp(e);
        x64_rr(&e->b, X64_MOVD_RM_X, 8, X(r), t);
        x64_ri(&e->b, X64_SHR_RM_IMM8, 8, t, 32);
        x64_ri(&e->b, X64_CMP_RM_IMM8, 4, t, -1);
    }
    em_bail_if(e, X64_NE);
}

/*
 * One of ten bits.  With the sign shifted out, k = 0 zero, 1 subnormal, 2 normal, 3 infinite orders the classes; the bit number is
 * 4 + k for positive and 3 - k = 4 + ~k for negative values; NaNs are 8 and 9.
 */
static void lower_fclass(struct em *e, struct ir_ins *i)
{
    bool f32 = ir_typeof(e->f, i->arg[0]) == IR_F32;
    int size = f32 ? 4 : 8, x = em_use_reg(e, i->arg[0]);
    em_done(e, i->arg[0]);
    int t = em_temp(e), d = em_temp(e), c = em_temp(e);
    x64_rr(&e->b, X64_MOVD_RM_X, size, X(x), t);
    x64_rr(&e->b, X64_ADD_R_RM, size, t, t);
    x64_rr(&e->b, X64_SBB_R_RM, 8, d, d); /* all ones if negative */
    em_load_imm(e, c, f32 ? 0x01000000 : UINT64_C(0x0020000000000000));
    x64_rr(&e->b, X64_CMP_R_RM, size, t, c);
    size_t small = x64_jcc8(&e->b, X64_B);
    em_load_imm(e, c, f32 ? 0xff000000 : UINT64_C(0xffe0000000000000));
    x64_rr(&e->b, X64_CMP_R_RM, size, t, c);
    size_t big = x64_jcc8(&e->b, X64_AE);
    x64_ri(&e->b, X64_MOV_R_IMM, 4, t, 2);
    size_t join = e->b.len;
    x64_rr(&e->b, X64_XOR_R_RM, 8, t, d);
    x64_ri(&e->b, X64_ADD_RM_IMM8, 4, t, 4);
    x64_rr(&e->b, X64_XOR_R_RM, 4, d, d);
    x64_rr(&e->b, X64_BTS_RM_R, 8, t, d);
    size_t end = x64_jmp8(&e->b);
    x64_patch8(&e->b, small, e->b.len);
    x64_rr(&e->b, X64_TEST_RM_R, size, t, t);
    x64_setcc(&e->b, X64_NE, t);
    x64_rr(&e->b, X64_MOVZX_R_RM8, 4, t, t);
    x64_jmp(&e->b, join);
    x64_patch8(&e->b, big, e->b.len);
    size_t nan = x64_jcc8(&e->b, X64_NE);
    x64_ri(&e->b, X64_MOV_R_IMM, 4, t, 3);
    x64_jmp(&e->b, join);
    x64_patch8(&e->b, nan, e->b.len);
    x64_ri(&e->b, X64_SHR_RM_IMM8, size, t, f32 ? 23 : 52); /* the quiet bit */
    x64_ri(&e->b, X64_AND_RM_IMM8, 4, t, 1);
    x64_ri(&e->b, X64_ADD_RM_IMM8, 4, t, 4);
    x64_rr(&e->b, X64_XOR_R_RM, 4, d, d);
    x64_jmp(&e->b, join);
    x64_patch8(&e->b, end, e->b.len);
    em_def(e, i, d);
}

static struct x64_mem fp_byte(size_t member)
{
    return em_cpu(offsetof(struct cpu, fp) + member);
}

/* d: the guest's flags that the host's register holds; t is lost.  The register's value is in cpu.host_fp after. */
static void read_host_flags(struct em *e, int d, int t)
{
    if (!e->fp_read)
        x64_m(&e->b, X64_STMXCSR_M, 0, em_host_fp());
    e->fp_read = true;
    x64_rm(&e->b, X64_MOV_R_RM, 4, d, em_host_fp());
    x64_ri(&e->b, X64_AND_RM_IMM8, 4, d, 0x3f);
    em_rip(e, X64_LEA_R_M, 8, t, EM_CONST_FLAGS);
    x64_rm(&e->b, X64_MOVZX_R_RM8, 4, d, (struct x64_mem){.base = (int8_t)t, .index = (int8_t)d});
}

/* The host's register keeps flags that are to be set: writing it costs more than all the rest, and programs mostly write back what was. */
static void set_flags(struct em *e, struct ir_ins *i)
{
    int d = em_temp(e), t = em_temp(e);
    read_host_flags(e, d, t);
    struct opnd a = em_use(e, i->arg[0], OPND_REG | OPND_IMM);
    if (a.kind == OPND_IMM)
        x64_ri(&e->b, X64_MOV_R_IMM, 4, t, a.imm & 31);
    else
        x64_rr(&e->b, X64_MOV_R_RM, 4, t, a.reg);
    em_done(e, i->arg[0]);
    x64_ri(&e->b, X64_AND_RM_IMM8, 4, t, 31);
    x64_rm(&e->b, X64_MOV_RM_R, 1, t, fp_byte(offsetof(struct fp_env, flags)));
    x64_r(&e->b, X64_NOT_RM, 4, t);
    x64_rr(&e->b, X64_TEST_RM_R, 4, d, t);
    size_t f = x64_jcc(&e->b, X64_NE, 0);
    em_cold(e, (struct cold){.kind = COLD_FLAGS, .field = (uint32_t)f, .size = 1, .back = (uint32_t)e->b.len});
}

static void lower_env(struct em *e, struct ir_ins *i)
{
    if (i->op == IR_OP_FGETRM) {
        int d = em_dst(e, i, -1);
        x64_rm(&e->b, X64_MOVZX_R_RM8, 4, d, fp_byte(offsetof(struct fp_env, rm)));
        em_def(e, i, d);
    } else if (i->op == IR_OP_FGETFLAGS) {
        int d = em_temp(e), t = em_temp(e);
        read_host_flags(e, d, t);
        x64_rm(&e->b, X64_MOVZX_R_RM8, 4, t, fp_byte(offsetof(struct fp_env, flags)));
        x64_rr(&e->b, X64_OR_R_RM, 4, d, t);
        em_def(e, i, d);
    } else if (i->op == IR_OP_FSETFLAGS) {
        set_flags(e, i);
    } else { /* FSETRM; the guest's modes 0..3 are the host's 0, 3, 1, 2 */
        em_take(e, X64_RCX);
        int t = em_temp(e);
        struct opnd a = em_use(e, i->arg[0], OPND_REG | OPND_IMM);
        if (a.kind == OPND_IMM)
            x64_ri(&e->b, X64_MOV_R_IMM, 4, X64_RCX, a.imm & 7);
        else if (a.reg != X64_RCX)
            x64_rr(&e->b, X64_MOV_R_RM, 4, X64_RCX, a.reg);
        em_done(e, i->arg[0]);
        em_kill(e, X64_RCX);
        x64_ri(&e->b, X64_AND_RM_IMM8, 4, X64_RCX, 7);
        x64_ri(&e->b, X64_CMP_RM_IMM8, 4, X64_RCX, 3);
        em_bail_if(e, X64_A);
        x64_rm(&e->b, X64_MOV_RM_R, 1, X64_RCX, fp_byte(offsetof(struct fp_env, rm)));
        x64_rr(&e->b, X64_ADD_R_RM, 4, X64_RCX, X64_RCX);
        x64_ri(&e->b, X64_MOV_R_IMM, 4, t, 0x9c);
        x64_r(&e->b, X64_SHR_RM_CL, 4, t);
        x64_ri(&e->b, X64_AND_RM_IMM8, 4, t, 3);
        x64_ri(&e->b, X64_SHL_RM_IMM8, 4, t, 13);
        x64_m(&e->b, X64_STMXCSR_M, 0, em_host_fp());
        x64_mi(&e->b, X64_AND_RM_IMM32, 4, em_host_fp(), ~0x6000);
        x64_rm(&e->b, X64_OR_RM_R, 4, t, em_host_fp());
        x64_m(&e->b, X64_LDMXCSR_M, 0, em_host_fp());
    }
}

void em_lower_fp(struct em *e, struct ir_ins *i)
{
    if ((ir_op_info[i->op].flags & IR_F_FPENV) && i->op != IR_OP_FGETFLAGS && i->op != IR_OP_FSETFLAGS && i->op != IR_OP_FGETRM && !(i->flags & INS_SILENT))
        e->fp_read = false;
    switch (i->op) {
    case IR_OP_FADD:
    case IR_OP_FSUB:
    case IR_OP_FMUL:
    case IR_OP_FDIV: lower_arith(e, i); break;
    case IR_OP_FSQRT: lower_sqrt(e, i); break;
    case IR_OP_FMA: lower_fma(e, i); break;
    case IR_OP_FNEG:
    case IR_OP_FABS:
    case IR_OP_FSGNJ: lower_sign(e, i); break;
    case IR_OP_FMINNUM:
    case IR_OP_FMAXNUM:
    case IR_OP_FMINIMUM:
    case IR_OP_FMAXIMUM: lower_minmax_fp(e, i); break;
    case IR_OP_FEQ:
    case IR_OP_FLT:
    case IR_OP_FLE:
    case IR_OP_FLTQ:
    case IR_OP_FLEQ: lower_fcompare(e, i); break;
    case IR_OP_FCVT: lower_fcvt(e, i); break;
    case IR_OP_S2F:
    case IR_OP_U2F: lower_from_int(e, i); break;
    case IR_OP_F2S:
    case IR_OP_F2U: lower_to_int(e, i); break;
    case IR_OP_FRINT:
    case IR_OP_FRINTX: lower_rint(e, i); break;
    case IR_OP_BITS:
    case IR_OP_FLOAT: lower_move(e, i); break;
    case IR_OP_FCLASS: lower_fclass(e, i); break;
    case IR_OP_NANUNBOX: lower_unbox(e, i); break;
    default: lower_env(e, i); break;
    }
}

#include "prove/smt.h"

#include "base/softfp.h"
#include "ir/arith.h"

#include <stdio.h>
#include <string.h>

static void ignore_error(Z3_context cx, Z3_error_code code)
{
    (void)cx;
    (void)code; /* asked for with Z3_get_error_code: the default handler would end the process */
}

void smt_set_timeout(struct smt *s, unsigned ms)
{
    s->timeout_ms = ms ? ms : 1;
    Z3_params p = Z3_mk_params(s->cx);
    Z3_params_inc_ref(s->cx, p);
    Z3_params_set_uint(s->cx, p, Z3_mk_string_symbol(s->cx, "timeout"), s->timeout_ms);
    Z3_solver_set_params(s->cx, s->solver, p);
    Z3_params_dec_ref(s->cx, p);
}

bool smt_open(struct smt *s, unsigned timeout_ms)
{
    Z3_config cfg = Z3_mk_config();
    *s = (struct smt){.cx = Z3_mk_context(cfg)};
    Z3_del_config(cfg);
    if (!s->cx)
        return false;
    Z3_set_error_handler(s->cx, ignore_error);
    s->solver = Z3_mk_solver_for_logic(s->cx, Z3_mk_string_symbol(s->cx, "QF_BV"));
    if (!s->solver) {
        Z3_del_context(s->cx);
        return false;
    }
    Z3_solver_inc_ref(s->cx, s->solver);
    smt_set_timeout(s, timeout_ms);
    return true;
}

void smt_close(struct smt *s)
{
    Z3_solver_dec_ref(s->cx, s->solver);
    Z3_del_context(s->cx);
}

/* -- terms ----------------------------------------------------------------------------------------------------- */

Z3_ast smt_const(struct smt *s, unsigned bits, uint64_t value)
{
    return Z3_mk_unsigned_int64(s->cx, value & ir_mask(bits), Z3_mk_bv_sort(s->cx, bits));
}

Z3_ast smt_var(struct smt *s, unsigned bits, const char *name)
{
    return Z3_mk_const(s->cx, Z3_mk_string_symbol(s->cx, name), Z3_mk_bv_sort(s->cx, bits));
}

Z3_ast smt_fresh(struct smt *s, unsigned bits)
{
    char name[24];
    snprintf(name, sizeof name, "fresh!%u", s->fresh++);
    return smt_var(s, bits, name);
}

Z3_ast smt_bool_to_bv(struct smt *s, Z3_ast condition)
{
    return Z3_mk_ite(s->cx, condition, smt_const(s, 1, 1), smt_const(s, 1, 0));
}

unsigned smt_bits(struct smt *s, Z3_ast a)
{
    return Z3_get_bv_sort_size(s->cx, Z3_get_sort(s->cx, a));
}

Z3_ast smt_resize(struct smt *s, Z3_ast a, unsigned bits)
{
    unsigned from = smt_bits(s, a);
    return bits > from ? Z3_mk_zero_ext(s->cx, bits - from, a) : bits < from ? Z3_mk_extract(s->cx, bits - 1, 0, a) : a;
}

static Z3_ast equals(struct smt *s, Z3_ast a, uint64_t value)
{
    return Z3_mk_eq(s->cx, a, smt_const(s, smt_bits(s, a), value));
}

static Z3_ast bit(struct smt *s, Z3_ast a, unsigned k)
{
    return Z3_mk_extract(s->cx, k, k, a);
}

static Z3_ast pick_less(struct smt *s, Z3_ast less, Z3_ast a, Z3_ast b)
{
    return Z3_mk_ite(s->cx, less, a, b);
}

/* sign_a, sign_b: how each factor is widened. */
static Z3_ast high_product(struct smt *s, unsigned w, Z3_ast a, Z3_ast b, bool sign_a, bool sign_b)
{
    Z3_ast x = sign_a ? Z3_mk_sign_ext(s->cx, w, a) : Z3_mk_zero_ext(s->cx, w, a);
    Z3_ast y = sign_b ? Z3_mk_sign_ext(s->cx, w, b) : Z3_mk_zero_ext(s->cx, w, b);
    return Z3_mk_extract(s->cx, 2 * w - 1, w, Z3_mk_bvmul(s->cx, x, y));
}

/* The results for 0 and -1 as divisors are the format's own (ops.def). */
static Z3_ast signed_division(struct smt *s, unsigned w, Z3_ast a, Z3_ast b, bool quotient)
{
    Z3_context cx = s->cx;
    Z3_ast by_zero = quotient ? smt_const(s, w, ~UINT64_C(0)) : a;
    Z3_ast by_minus_one = quotient ? Z3_mk_bvneg(cx, a) : smt_const(s, w, 0);
    Z3_ast other = quotient ? Z3_mk_bvsdiv(cx, a, b) : Z3_mk_bvsrem(cx, a, b);
    return Z3_mk_ite(cx, equals(s, b, 0), by_zero, Z3_mk_ite(cx, equals(s, b, ~UINT64_C(0)), by_minus_one, other));
}

/* Widths are powers of two.  In standard terms, for other solvers: a shift by w gives 0. */
static Z3_ast rotate_left(struct smt *s, unsigned w, Z3_ast a, Z3_ast b)
{
    Z3_ast k = Z3_mk_bvand(s->cx, b, smt_const(s, w, w - 1));
    Z3_ast rest = Z3_mk_bvsub(s->cx, smt_const(s, w, w), k);
    return w == 1 ? a : Z3_mk_bvor(s->cx, Z3_mk_bvshl(s->cx, a, k), Z3_mk_bvlshr(s->cx, a, rest));
}

/* The number of the first one bit counted from either end; w if there is none. */
static Z3_ast count_zeros(struct smt *s, unsigned w, Z3_ast a, bool from_top)
{
    Z3_ast r = smt_const(s, w, w);
    for (unsigned n = w; n-- > 0;) {
        unsigned k = from_top ? w - 1 - n : n;
        r = Z3_mk_ite(s->cx, equals(s, bit(s, a, k), 1), smt_const(s, w, n), r);
    }
    return r;
}

static Z3_ast population(struct smt *s, unsigned w, Z3_ast a)
{
    Z3_ast sum = smt_const(s, w, 0);
    for (unsigned k = 0; k < w; k++)
        sum = Z3_mk_bvadd(s->cx, sum, smt_resize(s, bit(s, a, k), w));
    return sum;
}

/* Bits of a put together anew: bit k of the result is bit from[k]. */
static Z3_ast permute(struct smt *s, unsigned w, Z3_ast a, unsigned (*from)(unsigned k, unsigned w))
{
    Z3_ast r = bit(s, a, from(0, w));
    for (unsigned k = 1; k < w; k++)
        r = Z3_mk_concat(s->cx, bit(s, a, from(k, w)), r);
    return r;
}

static unsigned swapped_byte(unsigned k, unsigned w)
{
    return w - 8 - k / 8 * 8 + k % 8;
}

static unsigned reversed_bit(unsigned k, unsigned w)
{
    (void)w;
    return k / 8 * 8 + 7 - k % 8;
}

static Z3_ast or_bytes(struct smt *s, unsigned w, Z3_ast a)
{
    Z3_ast r = NULL;
    for (unsigned k = 0; k < w; k += 8) {
        Z3_ast byte = Z3_mk_extract(s->cx, k + 7, k, a);
        byte = Z3_mk_ite(s->cx, equals(s, byte, 0), byte, smt_const(s, 8, 255));
        r = r ? Z3_mk_concat(s->cx, byte, r) : byte;
    }
    return r;
}

static Z3_ast carryless(struct smt *s, unsigned w, Z3_ast a, Z3_ast b, bool high)
{
    Z3_ast x = Z3_mk_zero_ext(s->cx, w, a), zero = smt_resize(s, smt_const(s, 1, 0), 2 * w), r = zero;
    for (unsigned k = 0; k < w; k++) {
        Z3_ast shifted = Z3_mk_bvshl(s->cx, x, smt_resize(s, smt_const(s, w, k), 2 * w));
        r = Z3_mk_bvxor(s->cx, r, Z3_mk_ite(s->cx, equals(s, bit(s, b, k), 1), shifted, zero));
    }
    return high ? Z3_mk_extract(s->cx, 2 * w - 1, w, r) : Z3_mk_extract(s->cx, w - 1, 0, r);
}

static Z3_ast unbox(struct smt *s, unsigned bits, Z3_ast a)
{
    unsigned w = smt_bits(s, a);
    Z3_ast upper = Z3_mk_extract(s->cx, w - 1, bits, a);
    uint64_t nan = fp_canonical_nan(bits == 16 ? FP_F16 : bits == 32 ? FP_F32 : FP_F64);
    return Z3_mk_ite(s->cx, equals(s, upper, ~UINT64_C(0)), Z3_mk_extract(s->cx, bits - 1, 0, a), smt_const(s, bits, nan));
}

static Z3_ast float_sign(struct smt *s, unsigned w)
{
    return smt_const(s, w, UINT64_C(1) << (w - 1));
}

static Z3_ast compare(struct smt *s, enum ir_op op, Z3_ast a, Z3_ast b)
{
    Z3_context cx = s->cx;
    switch (op) {
    case IR_OP_EQ: return smt_bool_to_bv(s, Z3_mk_eq(cx, a, b));
    case IR_OP_NE: return smt_bool_to_bv(s, Z3_mk_not(cx, Z3_mk_eq(cx, a, b)));
    case IR_OP_LTS: return smt_bool_to_bv(s, Z3_mk_bvslt(cx, a, b));
    case IR_OP_LTU: return smt_bool_to_bv(s, Z3_mk_bvult(cx, a, b));
    case IR_OP_LES: return smt_bool_to_bv(s, Z3_mk_bvsle(cx, a, b));
    default: return smt_bool_to_bv(s, Z3_mk_bvule(cx, a, b));
    }
}

Z3_ast smt_op(struct smt *s, enum ir_op op, unsigned bits, const Z3_ast arg[3], uint64_t imm)
{
    Z3_context cx = s->cx;
    Z3_ast a = arg[0], b = arg[1], c = arg[2];
    unsigned w = a ? smt_bits(s, a) : bits;
    switch (op) {
    case IR_OP_CONST: return smt_const(s, bits, imm);
    case IR_OP_ADD: return Z3_mk_bvadd(cx, a, b);
    case IR_OP_SUB: return Z3_mk_bvsub(cx, a, b);
    case IR_OP_MUL: return Z3_mk_bvmul(cx, a, b);
    case IR_OP_MULHS: return high_product(s, w, a, b, true, true);
    case IR_OP_MULHU: return high_product(s, w, a, b, false, false);
    case IR_OP_MULHSU: return high_product(s, w, a, b, true, false);
    case IR_OP_DIVS: return signed_division(s, w, a, b, true);
    case IR_OP_DIVU: return Z3_mk_bvudiv(cx, a, b);
    case IR_OP_REMS: return signed_division(s, w, a, b, false);
    case IR_OP_REMU: return Z3_mk_bvurem(cx, a, b);
    case IR_OP_AND: return Z3_mk_bvand(cx, a, b);
    case IR_OP_OR: return Z3_mk_bvor(cx, a, b);
    case IR_OP_XOR: return Z3_mk_bvxor(cx, a, b);
    case IR_OP_SHL: return Z3_mk_bvshl(cx, a, b);
    case IR_OP_SHR: return Z3_mk_bvlshr(cx, a, b);
    case IR_OP_SAR: return Z3_mk_bvashr(cx, a, b);
    case IR_OP_ROTL: return rotate_left(s, w, a, b);
    case IR_OP_ROTR: return rotate_left(s, w, a, Z3_mk_bvneg(cx, b));
    case IR_OP_MINS: return pick_less(s, Z3_mk_bvslt(cx, a, b), a, b);
    case IR_OP_MAXS: return pick_less(s, Z3_mk_bvsgt(cx, a, b), a, b);
    case IR_OP_MINU: return pick_less(s, Z3_mk_bvult(cx, a, b), a, b);
    case IR_OP_MAXU: return pick_less(s, Z3_mk_bvugt(cx, a, b), a, b);
    case IR_OP_CLZ: return count_zeros(s, w, a, true);
    case IR_OP_CTZ: return count_zeros(s, w, a, false);
    case IR_OP_POPCNT: return population(s, w, a);
    case IR_OP_BSWAP: return permute(s, w, a, swapped_byte);
    case IR_OP_BITREV8: return permute(s, w, a, reversed_bit);
    case IR_OP_ORCB: return or_bytes(s, w, a);
    case IR_OP_CLMUL: return carryless(s, w, a, b, false);
    case IR_OP_CLMULH: return carryless(s, w, a, b, true);
    case IR_OP_EQ:
    case IR_OP_NE:
    case IR_OP_LTS:
    case IR_OP_LTU:
    case IR_OP_LES:
    case IR_OP_LEU: return compare(s, op, a, b);
    case IR_OP_SELECT: return Z3_mk_ite(cx, equals(s, a, 1), b, c);
    case IR_OP_ZEXT:
    case IR_OP_TRUNC: return smt_resize(s, a, bits);
    case IR_OP_SEXT: return bits > w ? Z3_mk_sign_ext(cx, bits - w, a) : a;
    case IR_OP_BITS:
    case IR_OP_FLOAT: return a;
    case IR_OP_NANBOX: return Z3_mk_concat(cx, smt_const(s, bits - w, ~UINT64_C(0)), a);
    case IR_OP_NANUNBOX: return unbox(s, bits, a);
    case IR_OP_FNEG: return Z3_mk_bvxor(cx, a, float_sign(s, w));
    case IR_OP_FABS: return Z3_mk_bvand(cx, a, Z3_mk_bvnot(cx, float_sign(s, w)));
    case IR_OP_FSGNJ: return Z3_mk_bvor(cx, Z3_mk_bvand(cx, a, Z3_mk_bvnot(cx, float_sign(s, w))), Z3_mk_bvand(cx, b, float_sign(s, w)));
    default: return NULL;
    }
}

/* -- questions --------------------------------------------------------------------------------------------------- */

enum smt_answer smt_check(struct smt *s, Z3_ast term)
{
    Z3_solver_reset(s->cx, s->solver);
    Z3_solver_assert(s->cx, s->solver, term);
    Z3_lbool answer = Z3_solver_check(s->cx, s->solver);
    if (Z3_get_error_code(s->cx) != Z3_OK)
        s->failed = true;
    return s->failed || answer == Z3_L_UNDEF ? SMT_UNKNOWN : answer == Z3_L_TRUE ? SMT_SAT : SMT_UNSAT;
}

uint64_t smt_model(struct smt *s, Z3_ast term)
{
    Z3_model m = Z3_solver_get_model(s->cx, s->solver);
    Z3_ast value = NULL;
    uint64_t out = 0;
    if (!m)
        return 0;
    Z3_model_inc_ref(s->cx, m);
    if (Z3_model_eval(s->cx, m, term, true, &value))
        Z3_get_numeral_uint64(s->cx, value, &out);
    Z3_model_dec_ref(s->cx, m);
    return out;
}

const char *smt_reason(struct smt *s)
{
    if (s->failed)
        return Z3_get_error_msg(s->cx, Z3_get_error_code(s->cx));
    const char *why = Z3_solver_get_reason_unknown(s->cx, s->solver);
    return strcmp(why, "timeout") && strcmp(why, "canceled") ? why : "timed out";
}

void smt_text(struct smt *s, const char *name, Z3_ast term, struct str *out)
{
    str_adds(out, Z3_benchmark_to_smtlib_string(s->cx, name, "QF_BV", "unsat", "", 0, NULL, term));
}

/*
 * Software floating point on integers only.
 *
 * Every operation has three steps: unpack the operands into struct num, compute an exact or sticky 128-bit
 * significand, and hand it to round_pack(), the only place that rounds to a format and decides overflow,
 * underflow and inexact.
 *
 *   raw bits     | sign | exponent field (ebits) | fraction (prec - 1) |
 *   struct num   value = (-1)^sign * sig / 2^127 * 2^exp, bit 127 of sig set when kind is FINITE
 *
 * "Sticky" (or jammed): bit 0 of a significand also stands for every nonzero bit shifted out below it.  Operands have at
 * least 64 zero bits at the bottom of sig and products at least 20, so a jammed bit 0 never touches the rounding position.
 */
#include "base/softfp.h"

#include <assert.h>

typedef unsigned __int128 u128;

static const struct fmt {
    uint8_t prec;  /* significand bits, with the hidden one */
    uint8_t ebits; /* exponent field width */
    int16_t bias;
} fmts[] = {
    [FP_F16] = {11, 5, 15},
    [FP_F32] = {24, 8, 127},
    [FP_F64] = {53, 11, 1023},
};

enum kind { ZERO, FINITE, INF };

struct num {
    enum kind kind;
    bool sign;
    int exp;
    u128 sig;
};

/* Bit patterns of a format. */

static uint64_t sign_bit(enum fp_fmt f)
{
    return (uint64_t)1 << (fmts[f].prec + fmts[f].ebits - 1);
}

/* The bit that distinguishes quiet NaNs (set) from signalling ones. */
static uint64_t quiet_bit(enum fp_fmt f)
{
    return (uint64_t)1 << (fmts[f].prec - 2);
}

/* Plus infinity; also the mask of the exponent field. */
static uint64_t inf_bits(enum fp_fmt f)
{
    return sign_bit(f) - ((uint64_t)1 << (fmts[f].prec - 1));
}

static uint64_t magnitude(enum fp_fmt f, uint64_t a)
{
    return a & (sign_bit(f) - 1);
}

static uint64_t value_bits(enum fp_fmt f, uint64_t a)
{
    return a & (sign_bit(f) | (sign_bit(f) - 1));
}

static uint64_t with_sign(enum fp_fmt f, bool sign, uint64_t mag)
{
    return sign ? mag | sign_bit(f) : mag;
}

static bool is_negative(enum fp_fmt f, uint64_t a)
{
    return (a & sign_bit(f)) != 0;
}

static bool is_nan(enum fp_fmt f, uint64_t a)
{
    return magnitude(f, a) > inf_bits(f);
}

static bool is_snan(enum fp_fmt f, uint64_t a)
{
    return is_nan(f, a) && !(a & quiet_bit(f));
}

uint64_t fp_canonical_nan(enum fp_fmt f)
{
    return inf_bits(f) | quiet_bit(f);
}

/* NaN results. */

static uint64_t invalid(struct fp_env *e, enum fp_fmt f)
{
    e->flags |= FP_NV;
    return fp_canonical_nan(f);
}

/* True when one of v[0..n) is a NaN: raises FP_NV for signalling ones and writes the result NaN. */
static bool nan_operand(struct fp_env *e, enum fp_fmt f, const uint64_t *v, unsigned n, uint64_t *out)
{
    const uint64_t *quiet = NULL, *signalling = NULL;
    for (unsigned i = n; i-- > 0;) {
        if (is_snan(f, v[i]))
            signalling = &v[i];
        else if (is_nan(f, v[i]))
            quiet = &v[i];
    }
    if (!quiet && !signalling)
        return false;
    if (signalling)
        e->flags |= FP_NV;
    if (e->nan == FP_NAN_CANONICAL)
        *out = fp_canonical_nan(f);
    else
        *out = value_bits(f, signalling ? *signalling : *quiet) | quiet_bit(f);
    return true;
}

/* Unpacking. */

static unsigned clz128(u128 v)
{
    uint64_t hi = (uint64_t)(v >> 64);
    return hi ? (unsigned)__builtin_clzll(hi) : 64 + (unsigned)__builtin_clzll((uint64_t)v);
}

static u128 shift_right_jam(u128 v, unsigned n)
{
    if (n == 0)
        return v;
    if (n >= 128)
        return v != 0;
    return v >> n | ((v << (128 - n)) != 0);
}

/* A number from any significand: v / 2^127 * 2^exp; v = 0 gives a zero. */
static struct num normalise(bool sign, int exp, u128 v)
{
    if (!v)
        return (struct num){.kind = ZERO, .sign = sign};
    unsigned n = clz128(v);
    return (struct num){FINITE, sign, exp - (int)n, v << n};
}

/* a must not be a NaN. */
static struct num unpack(enum fp_fmt f, uint64_t a)
{
    const struct fmt *m = &fmts[f];
    uint64_t mag = magnitude(f, a);
    bool sign = is_negative(f, a);
    if (mag == inf_bits(f))
        return (struct num){.kind = INF, .sign = sign};
    int field = (int)(mag >> (m->prec - 1));
    u128 sig = mag & (((uint64_t)1 << (m->prec - 1)) - 1);
    if (field)
        sig |= (uint64_t)1 << (m->prec - 1);
    else
        field = 1;
    return normalise(sign, field - m->bias, sig << (128 - m->prec));
}

/* Rounding and packing. */

/* v / 2^drop, 1 <= drop <= 127, rounded to an integer; the caller looks at the dropped bits for FP_NX. */
static u128 round_off(unsigned rm, bool sign, u128 v, unsigned drop)
{
    u128 kept = v >> drop, rest = v & (((u128)1 << drop) - 1), half = (u128)1 << (drop - 1);
    bool up = false;
    switch (rm) {
    case FP_RNE: up = rest > half || (rest == half && (kept & 1)); break;
    case FP_RTZ: break;
    case FP_RDN: up = sign && rest; break;
    case FP_RUP: up = !sign && rest; break;
    case FP_RMM: up = rest >= half; break;
    default: assert(!"rounding mode"); break;
    }
    return kept + up;
}

static uint64_t overflow(struct fp_env *e, enum fp_fmt f, bool sign)
{
    e->flags |= FP_OF | FP_NX;
    bool to_inf = e->rm == FP_RNE || e->rm == FP_RMM || e->rm == (sign ? FP_RDN : FP_RUP);
    return with_sign(f, sign, inf_bits(f) - !to_inf);
}

/* n, with a sticky significand, as a value of format f. */
static uint64_t round_pack(struct fp_env *e, enum fp_fmt f, struct num n)
{
    const struct fmt *m = &fmts[f];
    if (n.kind != FINITE)
        return with_sign(f, n.sign, n.kind == INF ? inf_bits(f) : 0);

    unsigned drop = 128 - m->prec;
    int field = n.exp + m->bias, max_field = (1 << m->ebits) - 1;
    bool tiny = false;
    if (field >= max_field)
        return overflow(e, f, n.sign);
    if (field < 1) {
        /* Tininess after rounding: as if the exponent range had no bound, so only a carry out of the
         * significand of the binade just below the normal range is not tiny. */
        tiny = field < 0 || !(round_off(e->rm, n.sign, n.sig, drop) >> m->prec);
        n.sig = shift_right_jam(n.sig, (unsigned)(1 - field));
        field = 1;
    }
    /* The hidden bit, and a carry out of rounding, add one to the exponent field. */
    uint64_t kept = (uint64_t)round_off(e->rm, n.sign, n.sig, drop);
    uint64_t mag = ((uint64_t)(field - 1) << (m->prec - 1)) + kept;
    if (mag >= inf_bits(f))
        return overflow(e, f, n.sign);
    if (n.sig << m->prec)
        e->flags |= tiny ? FP_NX | FP_UF : FP_NX;
    return with_sign(f, n.sign, mag);
}

/* Arithmetic. */

/* x + y, not yet rounded to anything but a sticky significand; *bad for inf - inf. */
static struct num sum(const struct fp_env *e, struct num x, struct num y, bool *bad)
{
    if (x.kind == INF || y.kind == INF) {
        *bad = x.kind == y.kind && x.sign != y.sign;
        return x.kind == INF ? x : y;
    }
    if (x.kind == ZERO && y.kind == ZERO) {
        if (x.sign != y.sign)
            x.sign = e->rm == FP_RDN;
        return x;
    }
    if (x.kind == ZERO)
        return y;
    if (y.kind == ZERO)
        return x;

    if (x.exp < y.exp || (x.exp == y.exp && x.sig < y.sig)) {
        struct num t = x;
        x = y;
        y = t;
    }
    y.sig = shift_right_jam(y.sig, (unsigned)(x.exp - y.exp));
    if (x.sign != y.sign) {
        bool sign = x.sig == y.sig ? e->rm == FP_RDN : x.sign;
        return normalise(sign, x.exp, x.sig - y.sig);
    }
    x.sig += y.sig;
    if (x.sig < y.sig) {
        x.sig = shift_right_jam(x.sig, 1) | (u128)1 << 127;
        x.exp++;
    }
    return x;
}

/* x * y, exact; *bad for inf * 0. */
static struct num product(struct num x, struct num y, bool *bad)
{
    bool sign = x.sign != y.sign;
    if (x.kind == INF || y.kind == INF) {
        *bad = x.kind == ZERO || y.kind == ZERO;
        return (struct num){.kind = INF, .sign = sign};
    }
    if (x.kind == ZERO || y.kind == ZERO)
        return (struct num){.kind = ZERO, .sign = sign};
    return normalise(sign, x.exp + y.exp + 1, (x.sig >> 64) * (y.sig >> 64));
}

static uint64_t finish(struct fp_env *e, enum fp_fmt f, struct num n, bool bad)
{
    return bad ? invalid(e, f) : round_pack(e, f, n);
}

uint64_t fp_add(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b)
{
    uint64_t nan;
    if (nan_operand(e, f, (uint64_t[]){a, b}, 2, &nan))
        return nan;
    bool bad = false;
    struct num n = sum(e, unpack(f, a), unpack(f, b), &bad);
    return finish(e, f, n, bad);
}

uint64_t fp_sub(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b)
{
    /* Not a + -b at once: a propagated NaN keeps its sign. */
    return fp_add(e, f, a, is_nan(f, b) ? b : b ^ sign_bit(f));
}

uint64_t fp_mul(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b)
{
    uint64_t nan;
    if (nan_operand(e, f, (uint64_t[]){a, b}, 2, &nan))
        return nan;
    bool bad = false;
    struct num n = product(unpack(f, a), unpack(f, b), &bad);
    return finish(e, f, n, bad);
}

uint64_t fp_fma(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b, uint64_t c)
{
    bool bad = false;
    struct num p = {.kind = ZERO};
    if (!is_nan(f, a) && !is_nan(f, b))
        p = product(unpack(f, a), unpack(f, b), &bad);
    if (bad && !is_snan(f, c))
        return invalid(e, f);
    uint64_t nan;
    if (nan_operand(e, f, (uint64_t[]){c, a, b}, 3, &nan))
        return nan;
    p = sum(e, p, unpack(f, c), &bad);
    return finish(e, f, p, bad);
}

uint64_t fp_div(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b)
{
    uint64_t nan;
    if (nan_operand(e, f, (uint64_t[]){a, b}, 2, &nan))
        return nan;
    struct num x = unpack(f, a), y = unpack(f, b);
    bool sign = x.sign != y.sign;
    if (x.kind == y.kind && x.kind != FINITE)
        return invalid(e, f); /* 0 / 0, inf / inf */
    if (x.kind == INF || y.kind == ZERO) {
        if (x.kind == FINITE)
            e->flags |= FP_DZ;
        return with_sign(f, sign, inf_bits(f));
    }
    if (x.kind == ZERO || y.kind == INF)
        return with_sign(f, sign, 0);

    /* Scale the dividend so that the quotient has exactly 64 bits. */
    u128 divisor = y.sig >> 64;
    bool less = x.sig < y.sig;
    u128 dividend = less ? x.sig : x.sig >> 1;
    u128 quotient = dividend / divisor;
    bool sticky = quotient * divisor != dividend;
    return round_pack(e, f, (struct num){FINITE, sign, x.exp - y.exp - less, quotient << 64 | sticky});
}

uint64_t fp_sqrt(struct fp_env *e, enum fp_fmt f, uint64_t a)
{
    uint64_t nan;
    if (nan_operand(e, f, &a, 1, &nan))
        return nan;
    struct num x = unpack(f, a);
    if (x.kind == ZERO || (x.kind == INF && !x.sign))
        return value_bits(f, a);
    if (x.sign)
        return invalid(e, f);

    /* With an even exponent the root of rest / 2^126 is root / 2^63; digits from the top, two more than
     * the format has, the remainder is the sticky bit. */
    bool odd = x.exp & 1;
    u128 rest = odd ? x.sig : x.sig >> 1;
    u128 root = 0;
    for (int i = 63; i >= 62 - fmts[f].prec; i--) {
        u128 bit = (u128)1 << i;
        u128 step = (root << 1 | bit) << i; /* (root + bit)^2 - root^2 */
        if (rest >= step) {
            rest -= step;
            root |= bit;
        }
    }
    return round_pack(e, f, (struct num){FINITE, false, (x.exp - odd) / 2, root << 64 | (rest != 0)});
}

/* Comparisons, minimum and maximum. */

static void flag_nans(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b)
{
    if (is_snan(f, a) || is_snan(f, b))
        e->flags |= FP_NV;
}

/* A number that orders like the value; -0 and +0 are equal. */
static int64_t order_key(enum fp_fmt f, uint64_t a)
{
    int64_t mag = (int64_t)magnitude(f, a);
    return is_negative(f, a) ? -mag : mag;
}

/* False, with the flag for an unordered signalling comparison, when either is a NaN. */
static bool ordered(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b)
{
    if (!is_nan(f, a) && !is_nan(f, b))
        return true;
    e->flags |= FP_NV;
    return false;
}

static bool ordered_quiet(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b)
{
    flag_nans(e, f, a, b);
    return !is_nan(f, a) && !is_nan(f, b);
}

bool fp_eq_quiet(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b)
{
    return ordered_quiet(e, f, a, b) && order_key(f, a) == order_key(f, b);
}

bool fp_lt(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b)
{
    return ordered(e, f, a, b) && order_key(f, a) < order_key(f, b);
}

bool fp_le(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b)
{
    return ordered(e, f, a, b) && order_key(f, a) <= order_key(f, b);
}

bool fp_lt_quiet(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b)
{
    return ordered_quiet(e, f, a, b) && order_key(f, a) < order_key(f, b);
}

bool fp_le_quiet(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b)
{
    return ordered_quiet(e, f, a, b) && order_key(f, a) <= order_key(f, b);
}

/* The smaller of two numbers, -0 below +0. */
static uint64_t smaller(enum fp_fmt f, uint64_t a, uint64_t b)
{
    int64_t x = order_key(f, a), y = order_key(f, b);
    return value_bits(f, x < y || (x == y && is_negative(f, a)) ? a : b);
}

static uint64_t larger(enum fp_fmt f, uint64_t a, uint64_t b)
{
    int64_t x = order_key(f, a), y = order_key(f, b);
    return value_bits(f, x > y || (x == y && !is_negative(f, a)) ? a : b);
}

uint64_t fp_minimum(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b)
{
    uint64_t nan;
    return nan_operand(e, f, (uint64_t[]){a, b}, 2, &nan) ? nan : smaller(f, a, b);
}

uint64_t fp_maximum(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b)
{
    uint64_t nan;
    return nan_operand(e, f, (uint64_t[]){a, b}, 2, &nan) ? nan : larger(f, a, b);
}

/* True when exactly one operand is a number: *out is that one. */
static bool lone_number(struct fp_env *e, enum fp_fmt f, const uint64_t v[2], uint64_t *out)
{
    if (is_nan(f, v[0]) == is_nan(f, v[1]))
        return false;
    flag_nans(e, f, v[0], v[1]);
    *out = value_bits(f, is_nan(f, v[0]) ? v[1] : v[0]);
    return true;
}

uint64_t fp_minnum(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b)
{
    uint64_t number;
    return lone_number(e, f, (uint64_t[]){a, b}, &number) ? number : fp_minimum(e, f, a, b);
}

uint64_t fp_maxnum(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b)
{
    uint64_t number;
    return lone_number(e, f, (uint64_t[]){a, b}, &number) ? number : fp_maximum(e, f, a, b);
}

/* Conversions. */

/* A propagated NaN keeps its sign and the top fraction bits that fit. */
static uint64_t convert_nan(struct fp_env *e, enum fp_fmt to, enum fp_fmt from, uint64_t a)
{
    if (is_snan(from, a))
        e->flags |= FP_NV;
    if (e->nan == FP_NAN_CANONICAL)
        return fp_canonical_nan(to);
    int widen = fmts[to].prec - fmts[from].prec;
    uint64_t fraction = magnitude(from, a) & ~inf_bits(from);
    fraction = widen >= 0 ? fraction << widen : fraction >> -widen;
    return with_sign(to, is_negative(from, a), fp_canonical_nan(to) | fraction);
}

uint64_t fp_cvt(struct fp_env *e, enum fp_fmt to, enum fp_fmt from, uint64_t a)
{
    return is_nan(from, a) ? convert_nan(e, to, from, a) : round_pack(e, to, unpack(from, a));
}

uint64_t fp_from_int(struct fp_env *e, enum fp_fmt to, uint64_t a, unsigned int_bits, bool is_signed)
{
    assert(int_bits == 32 || int_bits == 64);
    if (int_bits == 32)
        a = is_signed ? (uint64_t)(int64_t)(int32_t)a : (uint32_t)a;
    bool sign = is_signed && a >> 63;
    return round_pack(e, to, normalise(sign, 63, (u128)(sign ? -a : a) << 64));
}

/* |n| rounded to an integer, and whether that changed it.  n.exp <= 63, so the result is at most 2^64. */
static u128 integer_part(unsigned rm, struct num n, bool *inexact)
{
    *inexact = false;
    if (n.kind == ZERO)
        return 0;
    assert(n.exp <= 63);
    u128 fixed = shift_right_jam(n.sig, (unsigned)(63 - n.exp)); /* 64.64 fixed point */
    *inexact = (uint64_t)fixed != 0;
    return round_off(rm, n.sign, fixed, 64);
}

uint64_t fp_to_int(struct fp_env *e, enum fp_fmt from, uint64_t a, unsigned int_bits, bool is_signed)
{
    assert(int_bits == 32 || int_bits == 64);
    uint64_t max = UINT64_MAX >> (64 - int_bits + is_signed);
    uint64_t min_mag = is_signed ? max + 1 : 0; /* magnitude of the smallest result */
    uint64_t mask = UINT64_MAX >> (64 - int_bits);
    if (is_nan(from, a)) {
        e->flags |= FP_NV;
        return max;
    }
    struct num n = unpack(from, a);
    uint64_t limit = n.sign ? min_mag : max;
    bool inexact = false, fits = n.kind != INF && (n.kind == ZERO || n.exp <= 63);
    u128 mag = fits ? integer_part(e->rm, n, &inexact) : 0;
    if (!fits || mag > limit) {
        e->flags |= FP_NV;
        mag = limit;
    } else if (inexact) {
        e->flags |= FP_NX;
    }
    return (n.sign ? -(uint64_t)mag : (uint64_t)mag) & mask;
}

uint64_t fp_to_int_mod32(struct fp_env *e, enum fp_fmt from, uint64_t a)
{
    /* The flags are those of a truncating, saturating conversion to a signed 32-bit integer. */
    struct fp_env trunc = {.rm = FP_RTZ};
    fp_to_int(&trunc, from, a, 32, true);
    e->flags |= trunc.flags;
    if (is_nan(from, a))
        return 0;
    struct num n = unpack(from, a);
    if (n.kind != FINITE || n.exp < 0 || n.exp > 127)
        return 0; /* at 2^128 and above every binary64 is a multiple of 2^32 */
    uint64_t mag = (uint64_t)(n.sig >> (127 - n.exp));
    return (uint64_t)(int64_t)(int32_t)(n.sign ? -mag : mag);
}

uint64_t fp_round_int(struct fp_env *e, enum fp_fmt f, uint64_t a, bool exact)
{
    uint64_t nan;
    if (nan_operand(e, f, &a, 1, &nan))
        return nan;
    struct num n = unpack(f, a);
    if (n.kind != FINITE || n.exp >= fmts[f].prec - 1)
        return value_bits(f, a);
    bool inexact;
    u128 mag = integer_part(e->rm, n, &inexact);
    if (inexact && exact)
        e->flags |= FP_NX;
    return round_pack(e, f, normalise(n.sign, 127, mag));
}

unsigned fp_class(enum fp_fmt f, uint64_t a)
{
    enum { NEG_INF, NEG_NORMAL, NEG_SUBNORMAL, NEG_ZERO, POS_ZERO, POS_SUBNORMAL, POS_NORMAL, POS_INF, SNAN, QNAN };
    uint64_t mag = magnitude(f, a);
    bool neg = is_negative(f, a);
    unsigned bit;
    if (is_nan(f, a))
        bit = is_snan(f, a) ? SNAN : QNAN;
    else if (mag == inf_bits(f))
        bit = neg ? NEG_INF : POS_INF;
    else if (mag == 0)
        bit = neg ? NEG_ZERO : POS_ZERO;
    else if (mag & inf_bits(f))
        bit = neg ? NEG_NORMAL : POS_NORMAL;
    else
        bit = neg ? NEG_SUBNORMAL : POS_SUBNORMAL;
    return 1u << bit;
}

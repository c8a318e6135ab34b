/*
 * base/softfp.h against two independent references:
 *   binary32, binary64   the host's SSE2, SSE4.1 and FMA instructions under MXCSR, for the four modes they have;
 *                        the fifth (ties away) from the two neighbours and an exact tie test in a wider format
 *   binary16             a slow exact model on 128-bit fixed point that searches for the neighbours
 * Both detect tininess after rounding, so all five flags must agree.  Operands: every combination of a table of
 * corners, then random ones with biased exponents.
 */
#include "base/softfp.h"

#include <cpuid.h>
#include <fenv.h>
#include <math.h>
#include <string.h>

#include "check.h"

typedef unsigned __int128 u128;

#define PAIRS 400000   /* random operand pairs per operation and format */
#define TRIPLES 400000 /* random operand triples */

static const char *const rm_name[] = {"rne", "rtz", "rdn", "rup", "rmm"};
static unsigned long long seed = 20240229;

/* MXCSR. */

static uint32_t csr_of(unsigned rm)
{
    static const uint32_t rc[] = {0, 3, 1, 2};
    return 0x1f80u | rc[rm] << 13;
}

static unsigned flags_of(uint32_t csr)
{
    return (csr & 0x20 ? FP_NX : 0) | (csr & 0x10 ? FP_UF : 0) | (csr & 8 ? FP_OF : 0) | (csr & 4 ? FP_DZ : 0) |
           (csr & 1 ? FP_NV : 0);
}

static bool have(unsigned ecx_bit)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && c & ecx_bit;
}

/* Each host operation is one asm statement, so that the compiler cannot move it out of its MXCSR. */
#define HOST2(fn, type, bits, insn)                                                          \
    static uint64_t fn(unsigned rm, uint64_t a, uint64_t b, unsigned *flags)                 \
    {                                                                                        \
        uint32_t csr = csr_of(rm), back = 0x1f80;                                            \
        type x, y;                                                                           \
        bits i = (bits)a, j = (bits)b;                                                       \
        memcpy(&x, &i, sizeof x);                                                            \
        memcpy(&y, &j, sizeof y);                                                            \
        __asm__ volatile("ldmxcsr %1\n\t" insn " %2, %0\n\tstmxcsr %1\n\tldmxcsr %3"          \
                         : "+x"(x), "+m"(csr)                                                \
                         : "x"(y), "m"(back));                                               \
        memcpy(&i, &x, sizeof i);                                                            \
        *flags = flags_of(csr);                                                              \
        return i;                                                                            \
    }
HOST2(add32, float, uint32_t, "addss")
HOST2(sub32, float, uint32_t, "subss")
HOST2(mul32, float, uint32_t, "mulss")
HOST2(div32, float, uint32_t, "divss")
HOST2(sqrt32, float, uint32_t, "sqrtss")
HOST2(add64, double, uint64_t, "addsd")
HOST2(sub64, double, uint64_t, "subsd")
HOST2(mul64, double, uint64_t, "mulsd")
HOST2(div64, double, uint64_t, "divsd")
HOST2(sqrt64, double, uint64_t, "sqrtsd")
HOST2(rint32, float, uint32_t, "roundss $4,")
HOST2(rint64, double, uint64_t, "roundsd $4,")
HOST2(ucomi32, float, uint32_t, "ucomiss")
HOST2(comi32, float, uint32_t, "comiss")
HOST2(ucomi64, double, uint64_t, "ucomisd")
HOST2(comi64, double, uint64_t, "comisd")
HOST2(narrow_in_double, double, uint64_t, "cvtsd2ss")

#define HOST3(fn, type, bits, insn)                                                          \
    static uint64_t fn(unsigned rm, uint64_t a, uint64_t b, uint64_t c, unsigned *flags)     \
    {                                                                                        \
        uint32_t csr = csr_of(rm), back = 0x1f80;                                            \
        type x, y, z;                                                                        \
        bits i = (bits)a, j = (bits)b, k = (bits)c;                                          \
        memcpy(&x, &i, sizeof x);                                                            \
        memcpy(&y, &j, sizeof y);                                                            \
        memcpy(&z, &k, sizeof z);                                                            \
        __asm__ volatile("ldmxcsr %1\n\t" insn " %3, %2, %0\n\tstmxcsr %1\n\tldmxcsr %4"      \
                         : "+x"(x), "+m"(csr)                                                \
                         : "x"(y), "x"(z), "m"(back));                                       \
        memcpy(&i, &x, sizeof i);                                                            \
        *flags = flags_of(csr);                                                              \
        return i;                                                                            \
    }
HOST3(fma32, float, uint32_t, "vfmadd213ss")
HOST3(fma64, double, uint64_t, "vfmadd213sd")

static double as_f64(uint64_t v)
{
    double d;
    memcpy(&d, &v, sizeof d);
    return d;
}

static double as_f32(uint64_t v)
{
    float d;
    uint32_t w = (uint32_t)v;
    memcpy(&d, &w, sizeof d);
    return d;
}

/* Value of a binary32 or binary64 as the host sees it (exact). */
static double value(enum fp_fmt f, uint64_t v)
{
    return f == FP_F32 ? as_f32(v) : as_f64(v);
}

static uint64_t bits_of(enum fp_fmt f, double d)
{
    float s = (float)d;
    uint32_t w;
    uint64_t v;
    memcpy(&w, &s, sizeof w);
    memcpy(&v, &d, sizeof v);
    return f == FP_F32 ? w : v;
}

/* Operands. */

static const uint64_t corners64[] = {
    0,                  0x8000000000000000, 1,                  0x8000000000000001, 2,
    0x000fffffffffffff, 0x800fffffffffffff, 0x0008000000000000, 0x0010000000000000, 0x8010000000000000,
    0x0010000000000001, 0x001fffffffffffff, 0x0020000000000000, 0x1ff0000000000000, 0x1ff8000000000001,
    0x3c90000000000000, 0x3ca0000000000000, 0x3ca0000000000001, 0x3fdfffffffffffff, 0x3fe0000000000000,
    0x3fe0000000000001, 0xbfe0000000000000, 0x3fefffffffffffff, 0x3ff0000000000000, 0x3ff0000000000001,
    0xbff0000000000000, 0x3ff8000000000000, 0xbff8000000000000, 0x4000000000000000, 0x4004000000000000,
    0x4008000000000000, 0xc008000000000000, 0x4010000000000000, 0x4024000000000000, 0x4330000000000000,
    0x4330000000000001, 0x433fffffffffffff, 0x4340000000000000, 0x41dfffffffc00000, 0x41e0000000000000,
    0xc1e0000000000000, 0xc1e0000000100000, 0x41efffffffe00000, 0x41effffffff00000, 0x41f0000000000000,
    0x43dfffffffffffff, 0x43e0000000000000, 0xc3e0000000000000, 0xc3e0000000000001, 0x43efffffffffffff,
    0x43f0000000000000, 0x380fffffffffffff, 0x3810000000000000, 0x47efffffefffffff, 0x47effffff0000000,
    0x7fdfffffffffffff, 0x7fe0000000000000, 0x7fefffffffffffff, 0xffefffffffffffff, 0x7feffffffffffffe,
    0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0xfff8000000000000, 0x7ff80000deadbeef,
    0x7ff0000000000001, 0xfff4000012345678, 0x7ff7ffffffffffff, 0xffffffffffffffff,
};

static const uint64_t corners32[] = {
    0,          0x80000000, 1,          0x80000001, 2,          0x007fffff, 0x807fffff, 0x00400000, 0x00800000,
    0x80800000, 0x00800001, 0x00ffffff, 0x01000000, 0x1f800000, 0x1fc00001, 0x33000000, 0x33800000, 0x33800001,
    0x3effffff, 0x3f000000, 0x3f000001, 0xbf000000, 0x3f7fffff, 0x3f800000, 0x3f800001, 0xbf800000, 0x3fc00000,
    0xbfc00000, 0x40000000, 0x40200000, 0x40400000, 0xc0400000, 0x40800000, 0x41200000, 0x4b000000, 0x4b000001,
    0x4b7fffff, 0x4b800000, 0x4effffff, 0x4f000000, 0xcf000000, 0xcf000001, 0x4f7fffff, 0x4f800000, 0x5effffff,
    0x5f000000, 0xdf000000, 0xdf000001, 0x5f7fffff, 0x5f800000, 0x7effffff, 0x7f000000, 0x7f7fffff, 0xff7fffff,
    0x7f7ffffe, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7fc0beef, 0x7f800001, 0xffa12345, 0x7fbfffff,
    0xffffffff,
};

static const uint64_t corners16[] = {
    0,      0x8000, 1,      0x8001, 2,      0x03ff, 0x83ff, 0x0200, 0x0400, 0x8400, 0x0401, 0x07ff, 0x0800,
    0x1000, 0x1001, 0x1400, 0x37ff, 0x3800, 0x3801, 0xb800, 0x3bff, 0x3c00, 0x3c01, 0xbc00, 0x3e00, 0xbe00,
    0x4000, 0x4100, 0x4200, 0x4900, 0x6400, 0x6401, 0x67ff, 0x6800, 0x77ff, 0x7800, 0x7bff, 0xfbff, 0x7bfe,
    0x7c00, 0xfc00, 0x7e00, 0xfe00, 0x7e42, 0x7c01, 0xfd23, 0x7dff, 0xffff,
};

static const struct fmt_info {
    const char *name;
    const uint64_t *corners;
    unsigned count, fraction, ebits;
} info[] = {
    [FP_F16] = {"f16", corners16, ARRAY_LEN(corners16), 10, 5},
    [FP_F32] = {"f32", corners32, ARRAY_LEN(corners32), 23, 8},
    [FP_F64] = {"f64", corners64, ARRAY_LEN(corners64), 52, 11},
};

static uint64_t sign_of(enum fp_fmt f)
{
    return (uint64_t)1 << (info[f].fraction + info[f].ebits);
}

static uint64_t inf_of(enum fp_fmt f)
{
    return (((uint64_t)1 << info[f].ebits) - 1) << info[f].fraction;
}

static bool nan_in(enum fp_fmt f, uint64_t v)
{
    return (v & (sign_of(f) - 1)) > inf_of(f);
}

static bool snan_in(enum fp_fmt f, uint64_t v)
{
    return nan_in(f, v) && !(v >> (info[f].fraction - 1) & 1);
}

/* A random operand: exponents near those of `near` half of the time, fractions often with long runs of bits. */
static uint64_t operand(enum fp_fmt f, uint64_t near)
{
    uint64_t r = check_random(&seed), k = check_random(&seed);
    uint64_t fmask = ((uint64_t)1 << info[f].fraction) - 1, emask = ((uint64_t)1 << info[f].ebits) - 1;
    uint64_t exponent = r >> 8 & emask, fraction = check_random(&seed) & fmask;
    if (k % 16 == 0)
        return info[f].corners[r % info[f].count];
    if (k & 16)
        exponent = ((near >> info[f].fraction) + (r >> 40) % (2 * info[f].fraction + 6) - info[f].fraction - 3) & emask;
    if (k & 32)
        fraction &= ~(uint64_t)0 << (k >> 8) % info[f].fraction;
    if (k & 64)
        fraction |= fmask >> 1 >> (k >> 16) % info[f].fraction;
    return (r & 1 ? sign_of(f) : 0) | exponent << info[f].fraction | fraction;
}

/* The host's NaN results, mapped to the canonical one. */
static uint64_t canonical(enum fp_fmt f, uint64_t v)
{
    return nan_in(f, v) ? fp_canonical_nan(f) : v;
}

typedef uint64_t soft_fn(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b);
typedef uint64_t host_fn(unsigned rm, uint64_t a, uint64_t b, unsigned *flags);

static uint64_t soft_sqrt(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b)
{
    (void)b;
    return fp_sqrt(e, f, a);
}

static uint64_t soft_rint(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b)
{
    (void)b;
    return fp_round_int(e, f, a, true);
}

enum op { ADD, SUB, MUL, DIV, SQRT, RINT, FMA };

/*
 * The result of ties-away: the nearest result, except on an exact tie, where it is the neighbour of larger
 * magnitude.  A tie fits in one more bit than the format, so it needs an exact wider result: the wider operation is
 * repeated in binary128 (binary64 for binary32) and a tie is claimed only if that raised no inexact.
 */
#define IS_TIE(fn, wide)                                                                     \
    static bool fn(enum fp_fmt f, enum op op, uint64_t a, uint64_t b, uint64_t c, uint64_t lo, uint64_t hi) \
    {                                                                                        \
        volatile wide x = value(f, a), y = value(f, b), z = value(f, c), r = 0;              \
        volatile wide l = value(f, lo), h = value(f, hi);                                    \
        feclearexcept(FE_ALL_EXCEPT);                                                        \
        switch (op) {                                                                        \
        case ADD: r = x + y; break;                                                          \
        case SUB: r = x - y; break;                                                          \
        case MUL: r = x * y; break;                                                          \
        case DIV: r = x / y; break;                                                          \
        case FMA: r = x * y; r = r + z; break;                                               \
        default: return false;                                                               \
        }                                                                                    \
        bool exact = !fetestexcept(FE_INEXACT);                                              \
        if (isinf(value(f, hi))) /* the next value, were the exponent unbounded */           \
            h = l + (l - value(f, lo - 1));                                                  \
        return exact && r - l == h - r;                                                      \
    }
IS_TIE(tie_f64, double)
IS_TIE(tie_f128, __float128)

/* Expected ties-away result from the round-to-nearest result and both directed ones. */
static uint64_t away(enum fp_fmt f, enum op op, const uint64_t v[3], const uint64_t r[4])
{
    if (r[FP_RDN] == r[FP_RUP] || nan_in(f, r[0]))
        return r[0];
    uint64_t in = r[FP_RTZ], out = r[FP_RDN] == in ? r[FP_RUP] : r[FP_RDN];
    if (((in ^ out) & (sign_of(f) - 1)) == 0) /* +0 and -0 of an exact cancellation */
        return r[0];
    if (op == RINT)
        return fabs(value(f, v[0]) - value(f, in)) == 0.5 ? out : r[0];
    bool tie = f == FP_F32 && op != FMA ? tie_f64(f, op, v[0], v[1], v[2], in, out)
                                        : tie_f128(f, op, v[0], v[1], v[2], in, out);
    return tie ? out : r[0];
}

static unsigned long ties;

/* The four hardware results, then soft against them in all modes and with both NaN policies. */
static void compare(const char *name, enum op op, enum fp_fmt f, const uint64_t v[3], const uint64_t host[4],
                    const unsigned host_flags[4], const uint64_t soft[5], const unsigned soft_flags[5])
{
    for (unsigned rm = 0; rm < 4; rm++)
        CHECK(soft[rm] == canonical(f, host[rm]) && soft_flags[rm] == host_flags[rm],
              "%s.%s %s %llx %llx %llx: soft %llx/%x host %llx/%x", name, info[f].name, rm_name[rm],
              (long long)v[0], (long long)v[1], (long long)v[2], (long long)soft[rm], soft_flags[rm],
              (long long)canonical(f, host[rm]), host_flags[rm]);
    uint64_t want = canonical(f, away(f, op, v, host));
    ties += want != canonical(f, host[0]);
    /* Nearest to even and to away differ only in the tie, so they share the flags except at the limits. */
    bool limit = (want & inf_of(f)) == inf_of(f) || (want & (sign_of(f) - 1)) <= (uint64_t)1 << info[f].fraction;
    CHECK(soft[4] == want && (limit || soft_flags[4] == host_flags[0]), "%s.%s rmm %llx %llx %llx: soft %llx/%x want %llx/%x",
          name, info[f].name, (long long)v[0], (long long)v[1], (long long)v[2], (long long)soft[4], soft_flags[4],
          (long long)want, host_flags[0]);
}

static void check2(const char *name, enum op op, enum fp_fmt f, soft_fn *soft, host_fn *host, uint64_t a, uint64_t b)
{
    uint64_t h[4], s[5], v[3] = {a, b, 0};
    unsigned hf[4], sf[5];
    for (unsigned rm = 0; rm < 5; rm++) {
        struct fp_env e = {.rm = (uint8_t)rm};
        s[rm] = soft(&e, f, a, b);
        sf[rm] = e.flags;
        if (rm < 4)
            h[rm] = host(rm, a, b, &hf[rm]);
    }
    compare(name, op, f, v, h, hf, s, sf);

    /* x86 keeps the first NaN even if the second is signalling; otherwise it has the rule of FP_NAN_PROPAGATE. */
    if ((nan_in(f, a) || nan_in(f, b)) && !(nan_in(f, a) && snan_in(f, b))) {
        struct fp_env e = {.nan = FP_NAN_PROPAGATE};
        uint64_t got = soft(&e, f, a, b);
        CHECK(nan_in(f, h[0]) ? got == h[0] : true, "%s.%s propagate %llx %llx: soft %llx host %llx", name,
              info[f].name, (long long)a, (long long)b, (long long)got, (long long)h[0]);
    }
}

static void check_fma(enum fp_fmt f, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t h[4], s[5], v[3] = {a, b, c};
    unsigned hf[4], sf[5];
    bool inf_zero = ((a & (sign_of(f) - 1)) == inf_of(f) && (b & (sign_of(f) - 1)) == 0) ||
                    ((b & (sign_of(f) - 1)) == inf_of(f) && (a & (sign_of(f) - 1)) == 0);
    for (unsigned rm = 0; rm < 5; rm++) {
        struct fp_env e = {.rm = (uint8_t)rm};
        s[rm] = fp_fma(&e, f, a, b, c);
        sf[rm] = e.flags;
        if (rm == 4)
            break;
        h[rm] = f == FP_F32 ? fma32(rm, a, b, c, &hf[rm]) : fma64(rm, a, b, c, &hf[rm]);
        if (inf_zero)
            hf[rm] |= FP_NV; /* x86 is silent for inf * 0 + quiet NaN */
    }
    compare("fma", FMA, f, v, h, hf, s, sf);
}

static void test_arithmetic(enum fp_fmt f)
{
    static const struct {
        const char *name;
        enum op op;
        soft_fn *soft;
        host_fn *host32, *host64;
        bool unary;
    } ops[] = {
        {"add", ADD, fp_add, add32, add64, false},        {"sub", SUB, fp_sub, sub32, sub64, false},
        {"mul", MUL, fp_mul, mul32, mul64, false},        {"div", DIV, fp_div, div32, div64, false},
        {"sqrt", SQRT, soft_sqrt, sqrt32, sqrt64, true},  {"round", RINT, soft_rint, rint32, rint64, true},
    };
    const struct fmt_info *m = &info[f];
    for (unsigned o = 0; o < ARRAY_LEN(ops); o++) {
        host_fn *host = f == FP_F32 ? ops[o].host32 : ops[o].host64;
        if (ops[o].op == RINT && !have(bit_SSE4_1)) {
            printf("no SSE4.1: rounding to integral not compared\n");
            continue;
        }
        for (unsigned i = 0; i < m->count; i++)
            for (unsigned j = ops[o].unary ? i : 0; j < (ops[o].unary ? i + 1 : m->count); j++)
                check2(ops[o].name, ops[o].op, f, ops[o].soft, host, m->corners[i], m->corners[j]);
        for (unsigned i = 0; i < PAIRS; i++) {
            uint64_t a = operand(f, (inf_of(f) >> 1) & inf_of(f));
            check2(ops[o].name, ops[o].op, f, ops[o].soft, host, a, ops[o].unary ? a : operand(f, a));
        }
    }
}

/* The exponent field of a product, as bits of the format. */
static uint64_t product_like(enum fp_fmt f, uint64_t a, uint64_t b)
{
    uint64_t one = (inf_of(f) >> 1) & inf_of(f);
    return (a & inf_of(f)) + (b & inf_of(f)) - one;
}

static void test_fma(enum fp_fmt f)
{
    const struct fmt_info *m = &info[f];
    if (!have(bit_FMA)) {
        printf("no FMA on this host: not compared for %s\n", m->name);
        return;
    }
    for (unsigned i = 0; i < m->count; i++)
        for (unsigned j = i; j < m->count; j++)
            for (unsigned k = 0; k < m->count; k++)
                check_fma(f, m->corners[i], m->corners[j], m->corners[k]);
    for (unsigned i = 0; i < TRIPLES; i++) {
        uint64_t a = operand(f, (inf_of(f) >> 1) & inf_of(f)), b = operand(f, a);
        check_fma(f, a, b, operand(f, product_like(f, a, b)));
    }
}

/* Comparisons, minimum, maximum. */

static void check_order(enum fp_fmt f, uint64_t a, uint64_t b)
{
    struct fp_env q = {0}, s = {0}, eq = {0};
    unsigned quiet, signalling;
    if (f == FP_F32) {
        ucomi32(0, a, b, &quiet);
        comi32(0, a, b, &signalling);
    } else {
        ucomi64(0, a, b, &quiet);
        comi64(0, a, b, &signalling);
    }
    double x = value(f, a), y = value(f, b);
    bool ok = fp_eq_quiet(&eq, f, a, b) == (x == y) && fp_lt(&s, f, a, b) == (x < y) && fp_le(&s, f, a, b) == (x <= y) &&
              fp_lt_quiet(&q, f, a, b) == (x < y) && fp_le_quiet(&q, f, a, b) == (x <= y);
    CHECK(ok && eq.flags == quiet && q.flags == quiet && s.flags == signalling, "order.%s %llx %llx", info[f].name,
          (long long)a, (long long)b);

    bool nan_a = nan_in(f, a), nan_b = nan_in(f, b), a_low = x < y || (x == y && a >> (info[f].fraction + info[f].ebits));
    uint64_t canon = fp_canonical_nan(f), low = a_low ? a : b, high = a == low ? b : a;
    struct fp_env n = {0}, z = {0};
    uint64_t minnum = fp_minnum(&n, f, a, b), maxnum = fp_maxnum(&n, f, a, b);
    uint64_t minimum = fp_minimum(&z, f, a, b), maximum = fp_maximum(&z, f, a, b);
    if (nan_a || nan_b) {
        uint64_t number = nan_a && nan_b ? canon : nan_a ? b : a;
        ok = minnum == number && maxnum == number && minimum == canon && maximum == canon;
    } else {
        ok = minnum == low && minimum == low && maxnum == high && maximum == high;
    }
    CHECK(ok && n.flags == quiet && z.flags == quiet, "min/max.%s %llx %llx: %llx %llx %llx %llx", info[f].name,
          (long long)a, (long long)b, (long long)minnum, (long long)maxnum, (long long)minimum, (long long)maximum);
}

static void test_order(enum fp_fmt f)
{
    const struct fmt_info *m = &info[f];
    for (unsigned i = 0; i < m->count; i++)
        for (unsigned j = 0; j < m->count; j++)
            check_order(f, m->corners[i], m->corners[j]);
    for (unsigned i = 0; i < PAIRS; i++) {
        uint64_t a = operand(f, 0);
        check_order(f, a, operand(f, a));
    }
}

/* Conversions of binary32 and binary64. */

static void check_narrow(uint64_t a)
{
    uint64_t r[5] = {0};
    unsigned flags = 0;
    for (unsigned rm = 0; rm < 5; rm++) {
        struct fp_env e = {.rm = (uint8_t)rm};
        uint64_t got = fp_cvt(&e, FP_F32, FP_F64, a);
        if (rm < 4) {
            r[rm] = (uint32_t)narrow_in_double(rm, 0, a, &flags);
            CHECK(got == canonical(FP_F32, r[rm]) && e.flags == flags, "cvt.s.d %s %llx: %llx/%x want %llx/%x", rm_name[rm],
                  (long long)a, (long long)got, e.flags, (long long)r[rm], flags);
        } else if (!nan_in(FP_F64, a)) {
            /* Ties: adding a double to zero is exact, so the tie test compares its value with the neighbours. */
            uint64_t in = r[FP_RTZ], out = r[FP_RDN] == in ? r[FP_RUP] : r[FP_RDN];
            double x = as_f64(a), l = as_f32(in), h = isinf(as_f32(out)) ? 2 * l - as_f32(in - 1) : as_f32(out);
            uint64_t want = in != out && x - l == h - x ? out : r[0];
            ties += want != r[0];
            CHECK(got == want, "cvt.s.d rmm %llx: %llx want %llx", (long long)a, (long long)got, (long long)want);
        }
    }
    struct fp_env p = {.nan = FP_NAN_PROPAGATE};
    CHECK(fp_cvt(&p, FP_F32, FP_F64, a) == (uint32_t)narrow_in_double(0, 0, a, &flags), "cvt.s.d propagate %llx",
          (long long)a);
}

static void check_widen(uint64_t a)
{
    struct fp_env e = {0}, p = {.nan = FP_NAN_PROPAGATE};
    uint32_t w = (uint32_t)a;
    float s;
    memcpy(&s, &w, sizeof s);
    volatile float in = s;
    uint64_t want = bits_of(FP_F64, in);
    CHECK(fp_cvt(&e, FP_F64, FP_F32, a) == canonical(FP_F64, want) && e.flags == (snan_in(FP_F32, a) ? FP_NV : 0),
          "cvt.d.s %llx", (long long)a);
    CHECK(fp_cvt(&p, FP_F64, FP_F32, a) == want, "cvt.d.s propagate %llx", (long long)a);
}

/* fp_to_int from the value rounded to integral, which is compared with the host on its own. */
static void check_to_int(enum fp_fmt f, uint64_t a, unsigned rm)
{
    struct fp_env r = {.rm = (uint8_t)rm};
    double x = f == FP_F16 ? as_f64(fp_cvt(&r, FP_F64, FP_F16, a)) : value(f, a);
    r.flags = 0;
    double i = as_f64(fp_round_int(&r, FP_F64, bits_of(FP_F64, x), true));
    for (unsigned k = 0; k < 4; k++) {
        unsigned bits = k & 1 ? 64 : 32;
        bool is_signed = k & 2;
        double top = ldexp(1, (int)(bits - is_signed)), bottom = is_signed ? -top : 0;
        uint64_t max = ~(uint64_t)0 >> (64 - bits + is_signed), want;
        unsigned flags = FP_NV;
        if (isnan(x) || i >= top) {
            want = max;
        } else if (i < bottom) {
            want = is_signed ? max + 1 : 0;
        } else {
            want = i < 0 ? (uint64_t)(int64_t)i : (uint64_t)i;
            flags = i != x ? FP_NX : 0;
        }
        want &= ~(uint64_t)0 >> (64 - bits);
        struct fp_env e = {.rm = (uint8_t)rm};
        uint64_t got = fp_to_int(&e, f, a, bits, is_signed);
        CHECK(got == want && e.flags == flags, "to_int%s%u.%s %s %llx: %llx/%x want %llx/%x", is_signed ? "" : "u", bits,
              info[f].name, rm_name[rm], (long long)a, (long long)got, e.flags, (long long)want, flags);
        if (rm != FP_RTZ || k != 2) /* signed 32 bits */
            continue;
        struct fp_env me = {0};
        double whole = isfinite(x) ? trunc(fmod(x, 4294967296.0)) : 0;
        want = isfinite(x) ? (uint64_t)(int64_t)(int32_t)(uint32_t)(int64_t)whole : 0;
        got = fp_to_int_mod32(&me, f, a);
        CHECK(got == want && me.flags == flags, "to_int_mod32.%s %llx: %llx/%x want %llx/%x", info[f].name, (long long)a,
              (long long)got, me.flags, (long long)want, flags);
    }
}

/* Integers to floating point: exactly, through binary128 or a binary64 that can hold them, then neighbours. */
static void check_from_int(enum fp_fmt f, uint64_t a, unsigned rm)
{
    for (unsigned k = 0; k < 4; k++) {
        unsigned bits = k & 1 ? 64 : 32;
        bool is_signed = k & 2;
        __int128 v = is_signed ? (bits == 32 ? (int32_t)a : (int64_t)a) : (__int128)(bits == 32 ? (uint32_t)a : a);
        u128 mag = v < 0 ? (u128)-v : (u128)v;
        unsigned len = 0, prec = info[f].fraction + 1;
        while (mag >> len)
            len++;
        unsigned drop = len > prec ? len - prec : 0;
        u128 kept = mag >> drop << drop, ulp = (u128)1 << drop, rest = mag - kept;
        bool up = rest && ((rm == FP_RUP && v > 0) || (rm == FP_RDN && v < 0));
        if (rm == FP_RNE || rm == FP_RMM)
            up = rest * 2 > ulp || (rest && rest * 2 == ulp && (rm == FP_RMM || (kept & ulp)));
        double exact = (double)(uint64_t)(kept >> drop) + up;
        exact = ldexp(v < 0 ? -exact : exact, (int)drop);
        struct fp_env e = {.rm = (uint8_t)rm};
        uint64_t got = fp_from_int(&e, f, a, bits, is_signed);
        CHECK(got == bits_of(f, exact) && e.flags == (rest ? FP_NX : 0), "from_int%s%u.%s %s %llx: %llx want %llx/%x",
              is_signed ? "" : "u", bits, info[f].name, rm_name[rm], (long long)a, (long long)got,
              (long long)bits_of(f, exact), e.flags);
    }
}

static void test_conversions(void)
{
    static const uint64_t ints[] = {
        0, 1, 2, 3, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff, 0x100000000, 0x1000000, 0x1000001, 0x1000003,
        0x3ffffff, 0x20000000000000, 0x20000000000001, 0x20000000000003, 0x7fffffffffffffff, 0x8000000000000000,
        0x8000000000000001, 0xfffffffffffffbff, 0xfffffffffffffc00, 0xfffffffffffffc01, 0xffffffffffffffff,
        0x7ffffffffffffe00, 0x7ffffffffffffdff, 0x8000000000000400, 0x7fffff8000000000, 0x8000008000000000,
    };
    for (unsigned i = 0; i < ARRAY_LEN(corners64); i++)
        check_narrow(corners64[i]);
    for (unsigned i = 0; i < ARRAY_LEN(corners32); i++)
        check_widen(corners32[i]);
    for (unsigned i = 0; i < PAIRS; i++) {
        check_widen(operand(FP_F32, 0));
        /* Around the binary32 range, with the bits below its last place biased to ties. */
        uint64_t a = operand(FP_F64, i & 1 ? 0x47e0000000000000 : 0x3800000000000000);
        if (i & 2)
            a = (a & ~(uint64_t)0x1fffffff) | 0x10000000;
        check_narrow(a);
    }
    for (unsigned rm = 0; rm < 5; rm++) {
        for (enum fp_fmt f = FP_F32; f <= FP_F64; f++) {
            for (unsigned i = 0; i < info[f].count; i++)
                check_to_int(f, info[f].corners[i], rm);
            for (unsigned i = 0; i < ARRAY_LEN(ints); i++)
                check_from_int(f, ints[i], rm);
            for (unsigned i = 0; i < PAIRS / 8; i++) {
                check_to_int(f, operand(f, f == FP_F32 ? 0x4b000000 : 0x41d0000000000000), rm);
                check_from_int(f, check_random(&seed) >> (i % 64), rm);
            }
        }
    }
}

/* binary16 against an exact model.  Unit: 2^-60. */

enum { UNIT = 60 };

static u128 value16(uint64_t mag)
{
    unsigned field = (unsigned)(mag >> 10);
    u128 sig = (mag & 1023) | (field ? 1024 : 0);
    return sig << (UNIT - 24 + (field ? field - 1 : 0));
}

/* (-1)^sign * (mag units, plus something below one unit if sticky), rounded. */
static uint64_t model16(unsigned rm, bool sign, u128 mag, bool sticky, unsigned *flags)
{
    uint64_t lo = 0, top = 0x7bff;
    while (lo < top) {
        uint64_t mid = (lo + top + 1) / 2;
        if (value16(mid) <= mag)
            lo = mid;
        else
            top = mid - 1;
    }
    uint64_t s = sign ? 0x8000 : 0, r = lo;
    bool to_outside = rm == (sign ? FP_RDN : FP_RUP);
    *flags = 0;
    if (value16(lo) == mag && !sticky)
        return s | lo;
    *flags = FP_NX;
    u128 sum2 = value16(lo) + value16(lo + 1); /* value16(0x7c00) is 2^16, the next value of an unbounded range */
    bool above = mag * 2 > sum2 || (mag * 2 == sum2 && sticky), tie = mag * 2 == sum2 && !sticky;
    if (rm == FP_RNE || rm == FP_RMM)
        r += above || (tie && (rm == FP_RMM || (lo & 1)));
    else
        r += to_outside;
    if (mag >= value16(0x7c00))
        r = rm == FP_RNE || rm == FP_RMM || to_outside ? 0x7c00 : 0x7bff;
    if (r == 0x7c00 || mag >= value16(0x7c00))
        *flags |= FP_OF;
    /* After rounding: with an unbounded exponent the value below 2^-14 would be 2^-14 - 2^-25. */
    u128 normal = (u128)1 << (UNIT - 14), step = (u128)1 << (UNIT - 25);
    bool reaches = rm == FP_RNE || rm == FP_RMM ? mag >= normal - step / 2
                                                : to_outside && (mag > normal - step || (mag == normal - step && sticky));
    if (mag < normal && !reaches)
        *flags |= FP_UF;
    return s | r;
}

static u128 root(u128 v)
{
    u128 r = 0;
    for (u128 bit = (u128)1 << 63; bit; bit >>= 1)
        if ((r | bit) * (r | bit) <= v)
            r |= bit;
    return r;
}

/* Finite operands only: the special cases are format-independent code, checked above. */
static void check16(uint64_t a, uint64_t b, uint64_t c)
{
    if ((a & 0x7c00) == 0x7c00 || (b & 0x7c00) == 0x7c00 || (c & 0x7c00) == 0x7c00)
        return;
    bool sa = a >> 15, sb = b >> 15, sc = c >> 15;
    u128 x = value16(a & 0x7fff), y = value16(b & 0x7fff), z = value16(c & 0x7fff);
    __int128 sx = sa ? -(__int128)x : (__int128)x, sy = sb ? -(__int128)y : (__int128)y;
    u128 p = (x >> 36) * (y >> 36) << (UNIT - 48);
    __int128 sz = sc ? -(__int128)z : (__int128)z, sp = sa != sb ? -(__int128)p : (__int128)p;
    __int128 exact[] = {sx + sy, sx - sy, sp, sp + sz};
    /* The sign of a zero result: of equal signs, or minus only when rounding down. */
    bool sign_b[] = {sb, !sb, sa != sb, sc}, sign_a[] = {sa, sa, sa != sb, sa != sb};
    for (unsigned rm = 0; rm < 5; rm++) {
        for (unsigned o = 0; o < 4; o++) {
            struct fp_env e = {.rm = (uint8_t)rm};
            uint64_t got = o == 0 ? fp_add(&e, FP_F16, a, b) : o == 1 ? fp_sub(&e, FP_F16, a, b)
                         : o == 2 ? fp_mul(&e, FP_F16, a, b) : fp_fma(&e, FP_F16, a, b, c);
            bool sign = exact[o] < 0;
            if (exact[o] == 0)
                sign = sign_a[o] == sign_b[o] ? sign_a[o] : rm == FP_RDN;
            unsigned flags;
            uint64_t want = model16(rm, sign, exact[o] < 0 ? (u128)-exact[o] : (u128)exact[o], false, &flags);
            CHECK(got == want && e.flags == flags, "%s.f16 %s %llx %llx %llx: %llx/%x want %llx/%x",
                  (const char *[]){"add", "sub", "mul", "fma"}[o], rm_name[rm], (long long)a, (long long)b, (long long)c,
                  (long long)got, e.flags, (long long)want, flags);
        }
        if (!y)
            continue;
        struct fp_env e = {.rm = (uint8_t)rm};
        uint64_t got = fp_div(&e, FP_F16, a, b);
        u128 num = (x >> 36) << UNIT, den = y >> 36;
        unsigned flags;
        uint64_t want = model16(rm, sa != sb, num / den, num % den != 0, &flags);
        CHECK(got == want && e.flags == flags, "div.f16 %s %llx %llx: %llx/%x want %llx/%x", rm_name[rm], (long long)a,
              (long long)b, (long long)got, e.flags, (long long)want, flags);
    }
}

/* Every binary16 value. */
static void test_all16(void)
{
    for (uint64_t a = 0; a < 0x10000; a++) {
        struct fp_env w = {0}, p = {.nan = FP_NAN_PROPAGATE};
        uint64_t wide = fp_cvt(&w, FP_F32, FP_F16, a), mag = a & 0x7fff;
        bool finite = mag < 0x7c00, nan = mag > 0x7c00;
        double x = finite ? ldexp((double)(uint64_t)(value16(mag) >> 36), -24) : INFINITY;
        CHECK(nan ? wide == 0x7fc00000 : wide == bits_of(FP_F32, a >> 15 ? -x : x), "cvt.s.h %llx: %llx", (long long)a,
              (long long)wide);
        CHECK(w.flags == (snan_in(FP_F16, a) ? FP_NV : 0), "cvt.s.h flags %llx", (long long)a);
        uint64_t back = fp_cvt(&p, FP_F16, FP_F64, fp_cvt(&p, FP_F64, FP_F16, a));
        CHECK(back == (nan ? a | 0x200 : a), "cvt.h.d.h %llx: %llx", (long long)a, (long long)back);
        unsigned cls = nan ? (a & 0x200 ? 9 : 8) : mag == 0x7c00 ? 7 : mag >= 0x400 ? 6 : mag ? 5 : 4;
        if (a >> 15 && !nan)
            cls = 7 - cls;
        CHECK(fp_class(FP_F16, a) == 1u << cls, "class.h %llx: %x", (long long)a, fp_class(FP_F16, a));
        for (unsigned rm = 0; rm < 5; rm++) {
            check_to_int(FP_F16, a, rm);
            if (!finite)
                continue;
            struct fp_env e = {.rm = (uint8_t)rm}, q = {.rm = (uint8_t)rm}, i = {.rm = (uint8_t)rm};
            unsigned flags;
            uint64_t integral = fp_round_int(&i, FP_F16, a, true);
            fp_round_int(&q, FP_F16, a, false);
            struct fp_env ie = {.rm = (uint8_t)rm};
            uint64_t wide_int = fp_round_int(&ie, FP_F32, wide, true);
            CHECK(fp_cvt(&e, FP_F32, FP_F16, integral) == wide_int && i.flags == ie.flags && !q.flags && !e.flags,
                  "round.h %s %llx", rm_name[rm], (long long)a);
            if (a >> 15)
                continue;
            u128 s = value16(a) >> 36 << 80, r = root(s);
            uint64_t got = fp_sqrt(&e, FP_F16, a), want = model16(rm, false, r << 8, r * r != s, &flags);
            CHECK(got == want && e.flags == flags, "sqrt.h %s %llx: %llx/%x want %llx/%x", rm_name[rm], (long long)a,
                  (long long)got, e.flags, (long long)want, flags);
        }
    }
}

/* Narrowing to binary16, from values whose bits below 2^-60 are only sticky. */
static void check_narrow16(enum fp_fmt from, uint64_t a)
{
    double x = fabs(value(from, a));
    if (!isfinite(x))
        return;
    double unit = ldexp(fmin(x, ldexp(1, 20)), UNIT), whole = floor(unit);
    for (unsigned rm = 0; rm < 5; rm++) {
        struct fp_env e = {.rm = (uint8_t)rm};
        unsigned flags;
        uint64_t got = fp_cvt(&e, FP_F16, from, a);
        uint64_t want = model16(rm, signbit(value(from, a)), (u128)whole, unit != whole, &flags);
        CHECK(got == want && e.flags == flags, "cvt.h.%s %s %llx: %llx/%x want %llx/%x", info[from].name, rm_name[rm],
              (long long)a, (long long)got, e.flags, (long long)want, flags);
    }
}

static void test_f16(void)
{
    for (unsigned i = 0; i < ARRAY_LEN(corners16); i++)
        for (unsigned j = 0; j < ARRAY_LEN(corners16); j++)
            for (unsigned k = 0; k < ARRAY_LEN(corners16); k++)
                check16(corners16[i], corners16[j], corners16[k]);
    for (unsigned i = 0; i < PAIRS / 2; i++) {
        uint64_t a = operand(FP_F16, 0x3c00), b = operand(FP_F16, a);
        check16(a, b, operand(FP_F16, product_like(FP_F16, a, b)));
    }
    for (unsigned i = 0; i < PAIRS; i++) {
        uint64_t s = operand(FP_F32, i & 1 ? 0x47000000 : 0x38800000), d = operand(FP_F64, i & 1 ? 0x40e0000000000000 : 0x3f10000000000000);
        check_narrow16(FP_F32, i & 2 ? (s & ~(uint64_t)0x1fff) | 0x1000 : s);
        check_narrow16(FP_F64, i & 2 ? (d & ~(((uint64_t)1 << 42) - 1)) | (uint64_t)1 << 41 : d);
    }
}

/* Facts that the comparisons leave out. */
static void test_named(void)
{
    static const struct {
        const char *what;
        enum fp_fmt f;
        uint64_t a, b, c, want;
        uint8_t nan, flags;
    } fma[] = {
        {"canonical inf*0+qnan", FP_F64, 0x7ff0000000000000, 0, 0x7ff8000000000123, 0x7ff8000000000000, FP_NAN_CANONICAL, FP_NV},
        {"propagate inf*0+qnan", FP_F64, 0x7ff0000000000000, 0, 0x7ff8000000000123, 0x7ff8000000000000, FP_NAN_PROPAGATE, FP_NV},
        {"propagate inf*0+snan", FP_F32, 0x7f800000, 0x80000000, 0xff800123, 0xffc00123, FP_NAN_PROPAGATE, FP_NV},
        {"addend before factors", FP_F32, 0x7fc00001, 0x7fc00002, 0x7fc00003, 0x7fc00003, FP_NAN_PROPAGATE, 0},
        {"signalling before quiet", FP_F32, 0x7fc00001, 0x7f800002, 0x7fc00003, 0x7fc00002, FP_NAN_PROPAGATE, FP_NV},
        {"upper bits ignored", FP_F32, 0xabcd00003f800000, 0xffffffff40000000, 0x1234567880000000, 0x40000000, 0, 0},
    };
    for (unsigned i = 0; i < ARRAY_LEN(fma); i++) {
        struct fp_env e = {.nan = fma[i].nan};
        uint64_t got = fp_fma(&e, fma[i].f, fma[i].a, fma[i].b, fma[i].c);
        CHECK(got == fma[i].want && e.flags == fma[i].flags, "%s: %llx/%x", fma[i].what, (long long)got, e.flags);
    }
    struct fp_env e = {.nan = FP_NAN_PROPAGATE};
    CHECK(fp_add(&e, FP_F64, 0x7ff8000000000001, 0x7ff0000000000002) == 0x7ff8000000000002, "signalling second operand first");
    CHECK(fp_sub(&e, FP_F32, 0x3f800000, 0x7fc00005) == 0x7fc00005, "subtraction must not negate a NaN");
    struct fp_env sticky = {.flags = FP_DZ};
    fp_add(&sticky, FP_F64, 0x3ff0000000000000, 1);
    CHECK(sticky.flags == (FP_DZ | FP_NX), "flags are sticky");

    /* Ties away at the edges of the range: overflow, and a carry into the normal range. */
    static const struct {
        uint8_t rm, flags;
        uint64_t a, want;
    } edge[] = {
        {FP_RMM, FP_OF | FP_NX, 0x47effffff0000000, 0x7f800000}, {FP_RNE, FP_OF | FP_NX, 0x47effffff0000000, 0x7f800000},
        {FP_RMM, FP_NX, 0x47efffffefffffff, 0x7f7fffff},         {FP_RMM, FP_UF | FP_NX, 0x3690000000000000, 1},
        {FP_RNE, FP_UF | FP_NX, 0x3690000000000000, 0},          {FP_RMM, FP_NX, 0x380ffffff0000000, 0x00800000},
        {FP_RMM, FP_UF | FP_NX, 0x380fffffe0000000, 0x00800000}, {FP_RNE, FP_UF | FP_NX, 0x380fffffe0000000, 0x00800000},
    };
    for (unsigned i = 0; i < ARRAY_LEN(edge); i++) {
        struct fp_env n = {.rm = edge[i].rm};
        uint64_t got = fp_cvt(&n, FP_F32, FP_F64, edge[i].a);
        CHECK(got == edge[i].want && n.flags == edge[i].flags, "cvt.s.d %s %llx: %llx/%x", rm_name[edge[i].rm],
              (long long)edge[i].a, (long long)got, n.flags);
    }
    for (enum fp_fmt f = FP_F16; f <= FP_F64; f++) {
        uint64_t inf = inf_of(f), one = (uint64_t)1 << info[f].fraction, s = sign_of(f);
        const uint64_t v[] = {s | inf, s | one, s | 1, s, 0, 1, one, inf, inf | 1, inf | one >> 1};
        for (unsigned i = 0; i < ARRAY_LEN(v); i++)
            CHECK(fp_class(f, v[i]) == 1u << i, "class.%s %llx", info[f].name, (long long)v[i]);
    }
}

int main(void)
{
    printf("seed %llu\n", seed);
    test_named();
    test_conversions();
    for (enum fp_fmt f = FP_F32; f <= FP_F64; f++) {
        test_arithmetic(f);
        test_order(f);
        test_fma(f);
    }
    test_f16();
    test_all16();
    CHECK(ties > 10000, "only %lu cases tell ties-away from ties-to-even", ties);
    return check_done();
}

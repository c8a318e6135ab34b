/*
 * Conversions between integers and floats with every rounding mode, in the instruction and in fcsr: results and flags against a model in integers.
 * Values around all that is converted in a way of its own: ties, what fits the fraction, the ends of the integers' ranges.
 */
#include "check.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { NX = 1, NV = 16, ROUNDS = 2 };
enum mode { RNE, RTZ, RDN, RUP, RMM, DYN, MODES };

struct row {
    const char *name;
    unsigned bits; /* of the integer */
    bool is_signed, is_f32;
    uint64_t (*to[MODES])(double x, uint64_t *flags);
    double (*from[MODES])(uint64_t v, uint64_t *flags);
};

/* As encoded (unprivileged manual, "F" and "D" extensions): the assembler knows no rounding mode of fcvt.d.w, which is exact. */
#define INSN(rm, funct7, rs2) ".insn r 0x53, " #rm ", " #funct7 ", %0, %2, " #rs2 "\n"
#define ONE(i, t, ctype, rm, code, to_code, from_code, rs2) \
    static uint64_t to_##i##_##t##_##rm(double x, uint64_t *flags) \
    { \
        uint64_t v, f; \
        ctype y = (ctype)x; \
        __asm__ volatile("csrwi fflags, 0\n" INSN(code, to_code, rs2) "csrr %1, fflags" : "=&r"(v), "=r"(f) : "f"(y)); \
        *flags = f; \
        return v; \
    } \
    static double from_##i##_##t##_##rm(uint64_t v, uint64_t *flags) \
    { \
        uint64_t f; \
        ctype y; \
        __asm__ volatile("csrwi fflags, 0\n" INSN(code, from_code, rs2) "csrr %1, fflags" : "=&f"(y), "=r"(f) : "r"(v)); \
        *flags = f; \
        return (double)y; \
    }
#define EACH(i, t, ctype, ...) \
    ONE(i, t, ctype, rne, 0, __VA_ARGS__) ONE(i, t, ctype, rtz, 1, __VA_ARGS__) ONE(i, t, ctype, rdn, 2, __VA_ARGS__) \
    ONE(i, t, ctype, rup, 3, __VA_ARGS__) ONE(i, t, ctype, rmm, 4, __VA_ARGS__) ONE(i, t, ctype, dyn, 7, __VA_ARGS__)
#define ALL(t, ctype, ...) EACH(w, t, ctype, __VA_ARGS__, x0) EACH(wu, t, ctype, __VA_ARGS__, x1) EACH(l, t, ctype, __VA_ARGS__, x2) EACH(lu, t, ctype, __VA_ARGS__, x3)
ALL(d, double, 0x61, 0x69) ALL(s, float, 0x60, 0x68)

#define NAMES(way, i, t) {way##_##i##_##t##_rne, way##_##i##_##t##_rtz, way##_##i##_##t##_rdn, way##_##i##_##t##_rup, way##_##i##_##t##_rmm, way##_##i##_##t##_dyn}
#define ROW(i, t, bits, is_signed, is_f32) {#i "." #t, bits, is_signed, is_f32, NAMES(to, i, t), NAMES(from, i, t)}
static const struct row rows[] = {
    ROW(w, d, 32, true, false), ROW(wu, d, 32, false, false), ROW(l, d, 64, true, false), ROW(lu, d, 64, false, false),
    ROW(w, s, 32, true, true),  ROW(wu, s, 32, false, true),  ROW(l, s, 64, true, true),  ROW(lu, s, 64, false, true),
};

/* m / 2^shift, rounded; whether something was lost. */
static unsigned __int128 shifted(unsigned __int128 m, unsigned shift, bool negative, enum mode mode, bool *lost)
{
    unsigned __int128 q = shift < 127 ? m >> shift : 0, rest = m - (shift < 127 ? q << shift : 0), half = shift < 127 ? (unsigned __int128)1 << shift >> 1 : 0;
    bool above = half && rest > half, tie = half && rest == half, up = false;
    *lost = rest != 0;
    switch (mode) {
    case RNE: up = above || (tie && (q & 1)); break;
    case RMM: up = above || tie; break;
    case RDN: up = rest && negative; break;
    case RUP: up = rest && !negative; break;
    default: break;
    }
    return q + up;
}

static uint64_t model_to(const struct row *r, double x, enum mode mode, uint64_t *flags)
{
    uint64_t bits;
    memcpy(&bits, &x, 8);
    const bool negative = bits >> 63;
    const int exponent = (int)(bits >> 52 & 0x7ff);
    const uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    const uint64_t most = r->is_signed ? (UINT64_C(1) << (r->bits - 1)) - 1 : r->bits == 64 ? UINT64_MAX : UINT32_MAX;
    const uint64_t least = r->is_signed ? UINT64_C(1) << (r->bits - 1) : 0; /* its magnitude */
    unsigned __int128 m = exponent ? fraction | UINT64_C(1) << 52 : fraction;
    bool lost = false, nan = exponent == 0x7ff && fraction, huge = exponent > 1023 + 64;
    int shift = 1075 - (exponent ? exponent : 1);
    if (!huge)
        m = shift > 0 ? shifted(m, (unsigned)shift, negative, mode, &lost) : m << -shift;
    uint64_t v;
    if (nan || huge || m > (negative ? least : most)) {
        v = negative && !nan ? -least : most;
        *flags = NV;
    } else {
        v = negative ? -(uint64_t)m : (uint64_t)m;
        *flags = lost ? NX : 0;
    }
    return r->bits == 32 ? (uint64_t)(int64_t)(int32_t)v : v;
}

static double model_from(const struct row *r, uint64_t v, enum mode mode, uint64_t *flags)
{
    const unsigned digits = r->is_f32 ? 24 : 53;
    if (r->bits == 32)
        v = r->is_signed ? (uint64_t)(int64_t)(int32_t)v : (uint32_t)v;
    const bool negative = r->is_signed && v >> 63;
    const uint64_t m = negative ? -v : v;
    unsigned shift = 0;
    bool lost;
    while (m >> shift >> digits)
        shift++;
    double y = (double)(uint64_t)shifted(m, shift, negative, mode, &lost);
    *flags = lost ? NX : 0;
    while (shift--)
        y *= 2;
    return negative ? -y : y;
}

static bool same(double a, double b)
{
    return !memcmp(&a, &b, 8);
}

static void try_to(const struct row *r, double x, enum mode mode, enum mode dynamic)
{
    uint64_t flags, want_flags;
    if (r->is_f32)
        x = (double)(float)x;
    __asm__ volatile("fsrm %0" : : "r"((uint64_t)dynamic));
    uint64_t v = r->to[mode](x, &flags);
    __asm__ volatile("fsrm %0" : : "r"((uint64_t)0));
    uint64_t want = model_to(r, x, mode == DYN ? dynamic : mode, &want_flags);
    CHECK(v == want && flags == want_flags, "%s, mode %d (%d): %a is %llx, flags %llx, not %llx, %llx", r->name, mode, dynamic, x, (unsigned long long)v,
          (unsigned long long)flags, (unsigned long long)want, (unsigned long long)want_flags);
}

static void try_from(const struct row *r, uint64_t v, enum mode mode, enum mode dynamic)
{
    uint64_t flags, want_flags;
    __asm__ volatile("fsrm %0" : : "r"((uint64_t)dynamic));
    double y = r->from[mode](v, &flags);
    __asm__ volatile("fsrm %0" : : "r"((uint64_t)0));
    double want = model_from(r, v, mode == DYN ? dynamic : mode, &want_flags);
    CHECK(same(y, want) && flags == want_flags, "from %s, mode %d (%d): %llx is %a, flags %llx, not %a, %llx", r->name, mode, dynamic, (unsigned long long)v, y,
          (unsigned long long)flags, want, (unsigned long long)want_flags);
}

static void try_all(double x, uint64_t v)
{
    for (unsigned k = 0; k < sizeof rows / sizeof *rows; k++)
        for (unsigned mode = 0; mode < MODES; mode++)
            for (unsigned dynamic = 0; dynamic < DYN; dynamic += mode == DYN ? 1 : 3) {
                try_to(&rows[k], x, (enum mode)mode, (enum mode)dynamic);
                try_from(&rows[k], v, (enum mode)mode, (enum mode)dynamic);
            }
}

int main(void)
{
    static const double special[] = {0.0, __builtin_inf(), __builtin_nan(""), 0x1p-1074, 0x1p-60, 0.25, 0x1.fffffffffffffp-2, 0.5, 0x1.0000000000001p-1, 0.75};
    unsigned long long seed = 7;
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned k = 0; k < sizeof special / sizeof *special; k++) {
            try_all(special[k], k);
            try_all(-special[k], -(uint64_t)k);
        }
    for (unsigned bit = 0; bit < 66; bit++) {
        double power = 1;
        for (unsigned k = 0; k < bit; k++)
            power *= 2;
        for (int k = -4; k <= 4; k++) {
            uint64_t v = (bit < 64 ? UINT64_C(1) << bit : 0) + (uint64_t)(int64_t)k, odd = v | check_random(&seed) >> (63 - bit % 64);
            try_all(power + k * 0.25, v);
            try_all(-power + k * 0.5, -v);
            try_all(power * (1 + k * 0x1p-52), odd);
            try_all(-power * (1 + k * 0x1p-23), -odd);
        }
    }
    return check_done();
}

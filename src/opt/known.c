/*
 * Known bits and ranges of results: a row for each op that tells something.
 */
#include "opt/bits.h"

#include "ir/arith.h"

static uint64_t sign_of(unsigned w)
{
    return UINT64_C(1) << (w - 1);
}

static int64_t smin_of(unsigned w)
{
    return ir_sx(sign_of(w), w);
}

static int64_t smax_of(unsigned w)
{
    return ir_sx(sign_of(w) - 1, w);
}

struct bits bits_any(unsigned w)
{
    return (struct bits){.hi = ir_mask(w), .slo = smin_of(w), .shi = smax_of(w)};
}

struct bits bits_const(unsigned w, uint64_t k)
{
    k &= ir_mask(w);
    return (struct bits){.zero = ~k & ir_mask(w), .one = k, .lo = k, .hi = k, .slo = ir_sx(k, w), .shi = ir_sx(k, w)};
}

static struct bits range(unsigned w, uint64_t lo, uint64_t hi)
{
    struct bits b = bits_any(w);
    b.lo = lo;
    b.hi = hi;
    return b;
}

static struct bits signed_range(unsigned w, int64_t lo, int64_t hi)
{
    struct bits b = bits_any(w);
    b.slo = lo;
    b.shi = hi;
    return b;
}

static struct bits masks(unsigned w, uint64_t zero, uint64_t one)
{
    struct bits b = bits_any(w);
    b.zero = zero & ir_mask(w);
    b.one = one & ir_mask(w);
    return b;
}

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

struct bits bits_join(unsigned w, const struct bits *a, const struct bits *b)
{
    (void)w;
    return (struct bits){a->zero & b->zero, a->one & b->one,     MIN(a->lo, b->lo),
                         MAX(a->hi, b->hi), MIN(a->slo, b->slo), MAX(a->shi, b->shi)};
}

/* Code that is never reached may know of values that there are not. */
static bool possible(const struct bits *a)
{
    return a->lo <= a->hi && a->slo <= a->shi && !(a->one & a->zero);
}

struct bits bits_meet(unsigned w, const struct bits *a, const struct bits *b)
{
    struct bits r = {a->zero | b->zero, a->one | b->one, MAX(a->lo, b->lo), MIN(a->hi, b->hi), MAX(a->slo, b->slo), MIN(a->shi, b->shi)};
    if (!possible(&r))
        return *a;
    bits_settle(w, &r);
    return r;
}

/* A mask of all bits below and including the highest one of x. */
static uint64_t below(uint64_t x)
{
    return x ? ~UINT64_C(0) >> __builtin_clzll(x) : 0;
}

void bits_settle(unsigned w, struct bits *a)
{
    const struct bits before = *a;
    /* numbers with these bits; then those without a sign change between the ends, the same way with and without a sign */
    a->lo = MAX(a->lo, a->one);
    a->hi = MIN(a->hi, ~a->zero & ir_mask(w));
    if (a->slo >= 0 || a->shi < 0) {
        a->lo = MAX(a->lo, (uint64_t)a->slo & ir_mask(w));
        a->hi = MIN(a->hi, (uint64_t)a->shi & ir_mask(w));
    }
    if (a->hi < sign_of(w) || a->lo >= sign_of(w)) {
        a->slo = MAX(a->slo, ir_sx(a->lo, w));
        a->shi = MIN(a->shi, ir_sx(a->hi, w));
    }
    /* the bits above the first in which the ends differ */
    uint64_t same = ir_mask(w) & ~below(a->lo ^ a->hi);
    a->one |= a->lo & same;
    a->zero |= ~a->lo & same;
    if (!possible(a))
        *a = before;
}

/* -- ops --------------------------------------------------------------------------------------------------------- */

struct op_bits {
    unsigned w, src; /* widths of the result and of the operands */
    const struct bits *x, *y, *z;
};

typedef struct bits bits_fn(const struct op_bits *o);

static bool is_const(const struct bits *x)
{
    return x->lo == x->hi;
}

/* Low bits known in both operands are known in sum and difference, whatever is above. */
static unsigned known_low(const struct op_bits *o)
{
    uint64_t both = (o->x->zero | o->x->one) & (o->y->zero | o->y->one);
    return both == ~UINT64_C(0) ? 64 : (unsigned)__builtin_ctzll(~both);
}

static struct bits low_bits(const struct op_bits *o, uint64_t value)
{
    unsigned n = known_low(o);
    uint64_t m = ir_mask(n ? n : 1);
    return n ? masks(o->w, ~value & m, value & m) : bits_any(o->w);
}

static struct bits of_add(const struct op_bits *o)
{
    struct bits r = low_bits(o, o->x->one + o->y->one);
    int64_t slo, shi;
    if (o->x->hi <= ir_mask(o->w) - o->y->hi) {
        r.lo = o->x->lo + o->y->lo;
        r.hi = o->x->hi + o->y->hi;
    }
    if (!__builtin_add_overflow(o->x->slo, o->y->slo, &slo) && !__builtin_add_overflow(o->x->shi, o->y->shi, &shi) &&
        slo >= smin_of(o->w) && shi <= smax_of(o->w)) {
        r.slo = slo;
        r.shi = shi;
    }
    return r;
}

static struct bits of_sub(const struct op_bits *o)
{
    struct bits r = low_bits(o, o->x->one - o->y->one);
    int64_t slo, shi;
    if (o->x->lo >= o->y->hi) {
        r.lo = o->x->lo - o->y->hi;
        r.hi = o->x->hi - o->y->lo;
    }
    if (!__builtin_sub_overflow(o->x->slo, o->y->shi, &slo) && !__builtin_sub_overflow(o->x->shi, o->y->slo, &shi) &&
        slo >= smin_of(o->w) && shi <= smax_of(o->w)) {
        r.slo = slo;
        r.shi = shi;
    }
    return r;
}

static unsigned low_zeros(const struct bits *x)
{
    return ~x->zero ? (unsigned)__builtin_ctzll(~x->zero) : 64;
}

static struct bits of_mul(const struct op_bits *o)
{
    unsigned n = low_zeros(o->x) + low_zeros(o->y);
    struct bits r = masks(o->w, n ? ir_mask(MIN(n, 64)) : 0, 0);
    unsigned __int128 hi = (unsigned __int128)o->x->hi * o->y->hi;
    if (hi <= ir_mask(o->w)) {
        r.lo = o->x->lo * o->y->lo;
        r.hi = (uint64_t)hi;
    }
    return r;
}

static struct bits of_mulhu(const struct op_bits *o)
{
    return range(o->w, ir_mulhu(o->x->lo, o->y->lo, o->w), ir_mulhu(o->x->hi, o->y->hi, o->w));
}

static struct bits of_divu(const struct op_bits *o)
{
    return o->y->lo ? range(o->w, o->x->lo / o->y->hi, o->x->hi / o->y->lo) : bits_any(o->w);
}

static struct bits of_remu(const struct op_bits *o)
{
    return range(o->w, 0, o->y->lo ? MIN(o->x->hi, o->y->hi - 1) : o->x->hi);
}

/* Toward zero, and no larger than the dividend; by zero gives -1, and the overflow itself. */
static struct bits of_divs(const struct op_bits *o)
{
    bool plain = o->x->slo >= 0 && o->y->slo > 0;
    return plain ? signed_range(o->w, o->x->slo / o->y->shi, o->x->shi / o->y->slo) : bits_any(o->w);
}

/* The sign of the dividend, no larger than it. */
static struct bits of_rems(const struct op_bits *o)
{
    int64_t hi = MAX(o->x->shi, 0);
    if (o->y->slo > 0)
        hi = MIN(hi, o->y->shi - 1);
    return signed_range(o->w, MIN(o->x->slo, 0), hi);
}

static struct bits of_and(const struct op_bits *o)
{
    return masks(o->w, o->x->zero | o->y->zero, o->x->one & o->y->one);
}

static struct bits of_or(const struct op_bits *o)
{
    return masks(o->w, o->x->zero & o->y->zero, o->x->one | o->y->one);
}

static struct bits of_xor(const struct op_bits *o)
{
    return masks(o->w, (o->x->zero & o->y->zero) | (o->x->one & o->y->one), (o->x->zero & o->y->one) | (o->x->one & o->y->zero));
}

static struct bits of_shl(const struct op_bits *o)
{
    if (!is_const(o->y))
        return masks(o->w, ir_mask(MAX(low_zeros(o->x), 1u)) & o->x->zero, 0);
    if (o->y->lo >= o->w)
        return bits_const(o->w, 0);
    unsigned n = (unsigned)o->y->lo;
    struct bits r = masks(o->w, o->x->zero << n | (n ? ir_mask(n) : 0), o->x->one << n);
    if (o->x->hi <= ir_mask(o->w) >> n) {
        r.lo = o->x->lo << n;
        r.hi = o->x->hi << n;
    }
    return r;
}

static struct bits of_shr(const struct op_bits *o)
{
    uint64_t least = o->y->lo, most = o->y->hi;
    struct bits r = range(o->w, most < o->w ? o->x->lo >> most : 0, least < o->w ? o->x->hi >> least : 0);
    if (is_const(o->y) && least < o->w) {
        r.one = o->x->one >> least;
        r.zero = (o->x->zero | ~ir_mask(o->w)) >> least & ir_mask(o->w);
        r.zero |= ir_mask(o->w) & ~(ir_mask(o->w) >> least);
    }
    return r;
}

static struct bits of_sar(const struct op_bits *o)
{
    unsigned least = (unsigned)MIN(o->y->lo, o->w - 1), most = (unsigned)MIN(o->y->hi, o->w - 1);
    return signed_range(o->w, o->x->slo >> (o->x->slo < 0 ? least : most), o->x->shi >> (o->x->shi < 0 ? most : least));
}

static struct bits of_minu(const struct op_bits *o)
{
    return range(o->w, MIN(o->x->lo, o->y->lo), MIN(o->x->hi, o->y->hi));
}

static struct bits of_maxu(const struct op_bits *o)
{
    return range(o->w, MAX(o->x->lo, o->y->lo), MAX(o->x->hi, o->y->hi));
}

static struct bits of_mins(const struct op_bits *o)
{
    return signed_range(o->w, MIN(o->x->slo, o->y->slo), MIN(o->x->shi, o->y->shi));
}

static struct bits of_maxs(const struct op_bits *o)
{
    return signed_range(o->w, MAX(o->x->slo, o->y->slo), MAX(o->x->shi, o->y->shi));
}

static unsigned leading(uint64_t x, unsigned w)
{
    return x ? (unsigned)__builtin_clzll(x) - (64 - w) : w;
}

static struct bits of_clz(const struct op_bits *o)
{
    return range(o->w, leading(o->x->hi, o->w), leading(o->x->lo, o->w));
}

static struct bits of_ctz(const struct op_bits *o)
{
    return range(o->w, MIN(low_zeros(o->x), o->w), o->x->one ? (unsigned)__builtin_ctzll(o->x->one) : o->w);
}

static struct bits of_popcnt(const struct op_bits *o)
{
    return range(o->w, (unsigned)__builtin_popcountll(o->x->one), o->w - (unsigned)__builtin_popcountll(o->x->zero));
}

static struct bits truth(bool yes, bool no)
{
    return yes ? bits_const(1, 1) : no ? bits_const(1, 0) : bits_any(1);
}

static bool differ(const struct op_bits *o)
{
    return (o->x->one & o->y->zero) || (o->x->zero & o->y->one) || o->x->hi < o->y->lo || o->y->hi < o->x->lo || o->x->shi < o->y->slo ||
           o->y->shi < o->x->slo;
}

static bool equal(const struct op_bits *o)
{
    return is_const(o->x) && is_const(o->y) && o->x->lo == o->y->lo;
}

static struct bits of_eq(const struct op_bits *o)
{
    return truth(equal(o), differ(o));
}

static struct bits of_ne(const struct op_bits *o)
{
    return truth(differ(o), equal(o));
}

static struct bits of_ltu(const struct op_bits *o)
{
    return truth(o->x->hi < o->y->lo, o->x->lo >= o->y->hi);
}

static struct bits of_leu(const struct op_bits *o)
{
    return truth(o->x->hi <= o->y->lo, o->x->lo > o->y->hi);
}

static struct bits of_lts(const struct op_bits *o)
{
    return truth(o->x->shi < o->y->slo, o->x->slo >= o->y->shi);
}

static struct bits of_les(const struct op_bits *o)
{
    return truth(o->x->shi <= o->y->slo, o->x->slo > o->y->shi);
}

static struct bits of_select(const struct op_bits *o)
{
    return is_const(o->x) ? (o->x->lo ? *o->y : *o->z) : bits_join(o->w, o->y, o->z);
}

static struct bits of_zext(const struct op_bits *o)
{
    struct bits r = range(o->w, o->x->lo, o->x->hi);
    r.zero = o->x->zero | (ir_mask(o->w) & ~ir_mask(o->src));
    r.one = o->x->one;
    return r;
}

static struct bits of_sext(const struct op_bits *o)
{
    struct bits r = signed_range(o->w, o->x->slo, o->x->shi);
    r.zero = (uint64_t)ir_sx(o->x->zero, o->src) & ir_mask(o->w);
    r.one = (uint64_t)ir_sx(o->x->one, o->src) & ir_mask(o->w);
    return r;
}

static struct bits of_trunc(const struct op_bits *o)
{
    struct bits r = masks(o->w, o->x->zero, o->x->one);
    if (o->x->hi <= ir_mask(o->w)) {
        r.lo = o->x->lo;
        r.hi = o->x->hi;
    }
    if (o->x->slo >= smin_of(o->w) && o->x->shi <= smax_of(o->w)) {
        r.slo = o->x->slo;
        r.shi = o->x->shi;
    }
    return r;
}

/* The same bits. */
static struct bits of_copy(const struct op_bits *o)
{
    return *o->x;
}

/* One bit of ten. */
static struct bits of_fclass(const struct op_bits *o)
{
    return range(o->w, 1, 1u << 9);
}

static bits_fn *const op_bits[IR_OP_LIMIT] = {
    [IR_OP_ADD] = of_add,       [IR_OP_SUB] = of_sub,   [IR_OP_MUL] = of_mul,    [IR_OP_MULHU] = of_mulhu,   [IR_OP_DIVU] = of_divu,
    [IR_OP_REMU] = of_remu,     [IR_OP_DIVS] = of_divs, [IR_OP_REMS] = of_rems,  [IR_OP_AND] = of_and,       [IR_OP_OR] = of_or,
    [IR_OP_XOR] = of_xor,       [IR_OP_SHL] = of_shl,   [IR_OP_SHR] = of_shr,    [IR_OP_SAR] = of_sar,       [IR_OP_MINU] = of_minu,
    [IR_OP_MAXU] = of_maxu,     [IR_OP_MINS] = of_mins, [IR_OP_MAXS] = of_maxs,  [IR_OP_CLZ] = of_clz,       [IR_OP_CTZ] = of_ctz,
    [IR_OP_POPCNT] = of_popcnt, [IR_OP_EQ] = of_eq,     [IR_OP_NE] = of_ne,      [IR_OP_LTU] = of_ltu,       [IR_OP_LEU] = of_leu,
    [IR_OP_LTS] = of_lts,       [IR_OP_LES] = of_les,   [IR_OP_ZEXT] = of_zext,  [IR_OP_SEXT] = of_sext,     [IR_OP_TRUNC] = of_trunc,
    [IR_OP_SELECT] = of_select, [IR_OP_BITS] = of_copy, [IR_OP_FLOAT] = of_copy, [IR_OP_FCLASS] = of_fclass,
};

struct bits bits_of(enum ir_op op, enum ir_type t, enum ir_type src, const struct bits x[3])
{
    unsigned w = ir_bits(t);
    struct op_bits o = {.w = w, .src = ir_bits(src), .x = &x[0], .y = &x[1], .z = &x[2]};
    struct bits r = op_bits[op] ? op_bits[op](&o) : bits_any(w);
    bits_settle(w, &r);
    return r;
}

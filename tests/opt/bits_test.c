/*
 * What src/opt/known.c says of results holds: for every pure op and width, facts that are true of some operands give a fact that is true of
 * the result of each combination of them.
 */
#include "check.h"
#include "ir/arith.h"
#include "opt/bits.h"

enum { ROUNDS = 3000, VALUES = 3 };

static unsigned long long seed;
static unsigned told[IR_OP_LIMIT]; /* how often something was known */

static unsigned below(unsigned n)
{
    return (unsigned)(check_random(&seed) % n);
}

/* Small, large, or with few bits that differ. */
static uint64_t value(unsigned w, uint64_t near)
{
    switch (below(4)) {
    case 0: return below(20) & ir_mask(w);
    case 1: return -(uint64_t)below(20) & ir_mask(w);
    case 2: return (near ^ UINT64_C(1) << below(w)) & ir_mask(w);
    default: return check_random(&seed) >> below(64) & ir_mask(w);
    }
}

/* Some values of w bits, and a fact that holds for all of them. */
static struct bits fact(unsigned w, uint64_t v[VALUES])
{
    struct bits all = bits_any(w);
    for (unsigned k = 0; k < VALUES; k++) {
        v[k] = k && !below(3) ? v[0] : value(w, v[0]);
        struct bits one = bits_const(w, v[k]);
        all = k ? bits_join(w, &all, &one) : one;
    }
    if (below(2)) { /* know less */
        struct bits any = bits_any(w);
        unsigned what = below(3);
        if (what == 0)
            all.zero = all.one = 0;
        else if (what == 1)
            all.lo = any.lo, all.hi = any.hi;
        else
            all.slo = any.slo, all.shi = any.shi;
    }
    bits_settle(w, &all);
    for (unsigned k = 0; k < VALUES; k++)
        CHECK(bits_contain(w, &all, v[k]), "a fact of %u bits does not hold for 0x%llx", w, (unsigned long long)v[k]);
    return all;
}

static bool says_nothing(unsigned w, const struct bits *a)
{
    struct bits any = bits_any(w);
    return !a->zero && !a->one && a->lo == any.lo && a->hi == any.hi && a->slo == any.slo && a->shi == any.shi;
}

static void try_op(enum ir_op op, enum ir_type t, enum ir_type src)
{
    enum ir_type type[3] = {src, op == IR_OP_SELECT ? t : src, t};
    uint64_t v[3][VALUES] = {{0}};
    struct bits x[3];
    unsigned n = ir_op_info[op].nargs, total = 1;
    for (unsigned k = 0; k < n; k++, total *= VALUES)
        x[k] = fact(ir_bits(type[k]), v[k]);
    struct bits r = bits_of(op, t, src, x);
    told[op] += !says_nothing(ir_bits(t), &r);
    for (unsigned c = 0; c < total; c++) {
        uint64_t a = v[0][c % VALUES], b = v[1][c / VALUES % VALUES], d = v[2][c / VALUES / VALUES % VALUES], out = 0;
        CHECK(ir_eval_pure(op, t, src, a, b, d, 0, &out) && bits_contain(ir_bits(t), &r, out),
              "%s of %u bits on 0x%llx, 0x%llx, 0x%llx: 0x%llx is outside", ir_op_info[op].name, ir_bits(src), (unsigned long long)a,
              (unsigned long long)b, (unsigned long long)d, (unsigned long long)out);
    }
}

static void try_all_types(enum ir_op op)
{
    static const uint8_t types[] = {IR_I1, IR_I8, IR_I16, IR_I32, IR_I64};
    for (unsigned a = 0; a < ARRAY_LEN(types); a++)
        for (unsigned b = 0; b < ARRAY_LEN(types); b++) {
            enum ir_type t = (enum ir_type)types[a], src = (enum ir_type)types[b];
            const char *sig = ir_op_info[op].sig;
            if (op == IR_OP_ZEXT || op == IR_OP_SEXT ? b >= a
                : op == IR_OP_TRUNC                  ? a >= b
                : sig[0] == 'b'                      ? a || !b
                : op == IR_OP_SELECT                 ? b
                                                     : a != b)
                continue;
            if (!a && op >= IR_OP_ADD && op <= IR_OP_CLMULH && op != IR_OP_AND && op != IR_OP_OR && op != IR_OP_XOR)
                continue; /* truth values do no arithmetic */
            if ((op == IR_OP_BSWAP && a < 2) || op == IR_OP_FLOAT || op == IR_OP_BITS)
                continue;
            try_op(op, t, src);
        }
}

int main(void)
{
    seed = 1;
    for (unsigned n = 0; n < ROUNDS; n++)
        for (unsigned op = IR_OP_ADD; op <= IR_OP_TRUNC; op++)
            try_all_types((enum ir_op)op);
    static const uint8_t must_tell[] = {IR_OP_ADD,  IR_OP_SUB,  IR_OP_MUL,  IR_OP_AND,   IR_OP_SHL, IR_OP_SHR, IR_OP_SAR,
                                        IR_OP_REMU, IR_OP_ZEXT, IR_OP_SEXT, IR_OP_TRUNC, IR_OP_LTU, IR_OP_LTS};
    for (unsigned k = 0; k < ARRAY_LEN(must_tell); k++)
        CHECK(told[must_tell[k]] > ROUNDS / 10, "%s tells nothing", ir_op_info[must_tell[k]].name);
    return check_done();
}

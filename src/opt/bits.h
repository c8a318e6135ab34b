/*
 * What is known of a value: some of its bits, and between which numbers it lies, with and without a sign.
 */
#ifndef BTV_OPT_BITS_H
#define BTV_OPT_BITS_H

#include "ir/ir.h"

/* Of a value of w bits, zero-extended: those in `one` are 1, those in `zero` are 0, no bit above w is in either. */
struct bits {
    uint64_t zero, one;
    uint64_t lo, hi; /* unsigned, both included */
    int64_t slo, shi;
};

/* Nothing; this constant; any of both. */
struct bits bits_any(unsigned w);
struct bits bits_const(unsigned w, uint64_t k);
struct bits bits_join(unsigned w, const struct bits *a, const struct bits *b);
/* Draws conclusions from one member to the others, unless they contradict each other. */
void bits_settle(unsigned w, struct bits *a);
/* Both hold; if they contradict each other, a. */
struct bits bits_meet(unsigned w, const struct bits *a, const struct bits *b);

static inline bool bits_contain(unsigned w, const struct bits *a, uint64_t v)
{
    int64_t s = (int64_t)(v << (64 - w)) >> (64 - w);
    return !(v & a->zero) && (v & a->one) == a->one && v >= a->lo && v <= a->hi && s >= a->slo && s <= a->shi;
}

/* Of the result of a PURE op of type t on operands of type src that are x[0..2]. */
struct bits bits_of(enum ir_op op, enum ir_type t, enum ir_type src, const struct bits x[3]);

#endif

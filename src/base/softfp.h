/*
 * Software floating point: IEEE 754-2008 binary16, binary32 and binary64, bit-exact, all five rounding
 * modes, all five flags.  It is the reference meaning of every floating-point operation: the interpreter,
 * the IR evaluator, the constant folder and the slow paths of emitted code call it; it never looks at the
 * host's floating-point environment.
 *
 * Values are passed as raw bits in the low part of a uint64_t; upper bits of arguments are ignored, upper
 * bits of results are zero.  Tininess is detected after rounding.
 * NaN policy: FP_NAN_CANONICAL: every NaN result is the format's canonical quiet NaN (positive, only the top fraction
 * bit set; RISC-V unprivileged manual, "F" chapter, NaN Generation and Propagation).
 * FP_NAN_PROPAGATE: the first NaN operand (in argument order; any signalling one before quiet ones),
 * quieted; the canonical NaN when no operand was NaN (Arm ARM, FPProcessNaNs, FPCR.DN = 0).  fp_fma looks at
 * its addend first, and inf * 0 + quiet NaN gives the canonical NaN (FPProcessNaNs3, FPMulAdd).
 * Pure functions; any thread.
 */
#ifndef BTV_BASE_SOFTFP_H
#define BTV_BASE_SOFTFP_H

#include "base/defs.h"

enum fp_fmt { FP_F16, FP_F32, FP_F64 };

/* Rounding modes; the numbers are part of the IR. */
enum fp_rm {
    FP_RNE = 0, /* nearest, ties to even */
    FP_RTZ = 1, /* toward zero */
    FP_RDN = 2, /* toward minus infinity */
    FP_RUP = 3, /* toward plus infinity */
    FP_RMM = 4, /* nearest, ties away from zero */
    FP_DYN = 7, /* only in IR attributes: the mode in the floating-point environment */
};

/* Exception flags; the numbers are part of the IR. */
enum fp_flag {
    FP_NX = 1,  /* inexact */
    FP_UF = 2,  /* underflow */
    FP_OF = 4,  /* overflow */
    FP_DZ = 8,  /* division by zero */
    FP_NV = 16, /* invalid operation */
};

enum fp_nan { FP_NAN_CANONICAL, FP_NAN_PROPAGATE };

struct fp_env {
    uint8_t rm;    /* enum fp_rm, FP_RNE..FP_RMM */
    uint8_t nan;   /* enum fp_nan */
    uint8_t flags; /* enum fp_flag bits, sticky: functions only set bits */
};

uint64_t fp_canonical_nan(enum fp_fmt f);

uint64_t fp_add(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b);
uint64_t fp_sub(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b);
uint64_t fp_mul(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b);
uint64_t fp_div(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b);
uint64_t fp_sqrt(struct fp_env *e, enum fp_fmt f, uint64_t a);
/* a * b + c, rounded once. inf * 0 + quiet NaN raises FP_NV. */
uint64_t fp_fma(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b, uint64_t c);

/* IEEE 754-2019 minimumNumber / maximumNumber: the number when one operand is a NaN, the canonical NaN
 * when both are; -0 < +0; FP_NV for a signalling NaN. */
uint64_t fp_minnum(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b);
uint64_t fp_maxnum(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b);
/* IEEE 754-2019 minimum / maximum (NaN if either is a NaN); for Zfa fminm/fmaxm and WebAssembly. */
uint64_t fp_minimum(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b);
uint64_t fp_maximum(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b);

/* Comparisons; _quiet raises FP_NV for signalling NaNs only, the others for every NaN. */
bool fp_eq_quiet(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b);
bool fp_lt(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b);
bool fp_le(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b);
bool fp_lt_quiet(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b);
bool fp_le_quiet(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b);

/* Format conversion. */
uint64_t fp_cvt(struct fp_env *e, enum fp_fmt to, enum fp_fmt from, uint64_t a);
/* From a signed or unsigned integer of 32 or 64 bits (a is the raw value; 32-bit ones use the low half). */
uint64_t fp_from_int(struct fp_env *e, enum fp_fmt to, uint64_t a, unsigned int_bits, bool is_signed);
/* To an integer of 32 or 64 bits, saturating; NaN converts to the largest value; out of range raises FP_NV
 * and not FP_NX.  The result is zero-extended to 64 bits. */
uint64_t fp_to_int(struct fp_env *e, enum fp_fmt from, uint64_t a, unsigned int_bits, bool is_signed);
/* ECMAScript ToInt32-like: modulo 2^32, sign-extended to 64; NaN and infinities give 0 (Zfa fcvtmod.w.d). */
uint64_t fp_to_int_mod32(struct fp_env *e, enum fp_fmt from, uint64_t a);
/* Round to an integral value in format f.  exact: also raise FP_NX when the value changed. */
uint64_t fp_round_int(struct fp_env *e, enum fp_fmt f, uint64_t a, bool exact);

/* RISC-V fclass mask: bit 0 -inf, 1 -normal, 2 -subnormal, 3 -0, 4 +0, 5 +subnormal, 6 +normal, 7 +inf, 8 sNaN, 9 qNaN. */
unsigned fp_class(enum fp_fmt f, uint64_t a);

#endif

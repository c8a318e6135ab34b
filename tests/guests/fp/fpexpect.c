/*
 * Host side of fpcases.h: what fpcheck.c must print, computed with base/softfp.h from the meaning of each instruction
 * in the RISC-V unprivileged manual, chapters "F" and "D".  Link with src/base/softfp.c.
 */
#include "base/softfp.h"

#include "fpcases.h"

/* A binary32 input that is not NaN-boxed is the canonical NaN ("D" chapter, NaN Boxing of Narrower Values). */
static uint64_t in(enum fp_fmt f, uint64_t reg)
{
    if (f == FP_F64)
        return reg;
    return reg >> 32 == 0xffffffff ? (uint32_t)reg : fp_canonical_nan(f);
}

static uint64_t out(enum fp_fmt f, uint64_t value)
{
    return f == FP_F64 ? value : BOXED(value);
}

static uint64_t sext32(uint64_t v)
{
    return (uint64_t)(int64_t)(int32_t)v;
}

static uint64_t sign_bit(enum fp_fmt f)
{
    return f == FP_F64 ? (uint64_t)1 << 63 : (uint64_t)1 << 31;
}

static uint64_t sign_from(enum fp_fmt f, uint64_t a, uint64_t sign)
{
    return out(f, (in(f, a) & ~sign_bit(f)) | (sign & sign_bit(f)));
}

/* (a * b) + c, with the product and the addend negated on demand. */
static uint64_t fused(struct fp_env *e, enum fp_fmt f, uint64_t a, uint64_t b, uint64_t c, int neg_product, int neg_addend)
{
    uint64_t x = in(f, a), z = in(f, c);
    if (neg_product)
        x ^= sign_bit(f);
    if (neg_addend)
        z ^= sign_bit(f);
    return out(f, fp_fma(e, f, x, in(f, b), z));
}

#define DEFINE_RUN(id, name, operands, result, table, count, round, reference)                              \
    static uint64_t run_##id(struct fp_case *fc)                                                            \
    {                                                                                                       \
        struct fp_env env = {.rm = (uint8_t)(fc->mode < MODE_DYN ? fc->mode : frm_of(fc->mode))}, *e = &env; \
        uint64_t a = fc->in[0], b = fc->in[1], c = fc->in[2];                                               \
        (void)e, (void)b, (void)c;                                                                          \
        uint64_t r = (reference);                                                                           \
        fc->flags |= env.flags;                                                                             \
        return r;                                                                                           \
    }
FP_INSNS(DEFINE_RUN)

static const struct fp_insn insns[] = {FP_INSNS(FP_INSN_ROW)};

int main(int argc, char **argv)
{
    return cases_main(insns, sizeof insns / sizeof insns[0], argc, argv);
}

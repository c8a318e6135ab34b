/*
 * What fpcheck.c (a RISC-V guest that executes every F and D instruction) and fpexpect.c (a host program that
 * computes the same from base/softfp.h) share: the instruction table, the operands, the case loop and the main
 * program.  The includer defines run_<id>() for each row and calls cases_main(); the two outputs must be equal.
 *
 * Output: one line per instruction and mode, `name mode hash`, the hash over (result register, fflags) of every case.
 *   mode    rne rtz rdn rup rmm    static, while frm holds another mode
 *           dyn-rne ... dyn-rmm    dynamic, from frm
 *           -                      the instruction does not round
 * `prog -v NAME MODE` prints each case instead: operands, fflags before, result, fflags after.
 *
 * Operands and results are whole 64-bit registers, so NaN boxing is part of every case.
 */
#ifndef BTV_TESTS_FPCASES_H
#define BTV_TESTS_FPCASES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * ROW(id, name, operands, result, table, count, round, reference)
 *
 * operands   assembly operands: d the result, a b c the inputs
 * result     F or X: the register file of the result
 * table      s or d: inputs are FP registers from operands_s / operands_d; x: one integer register from operands_x
 * count      number of inputs
 * round      RM has a rounding mode; NORM has none, or is always exact and written without one
 * reference  the result register from a, b and c; used by fpexpect.c only.  in() undoes the NaN box, out() makes it
 */
/* clang-format off */
#define FP_WIDTH(ROW, w, FMT)                                                                                                   \
    ROW(fadd_##w,     "fadd." #w,    "%[d],%[a],%[b]",      F, w, 2, RM,   out(FMT, fp_add(e, FMT, in(FMT, a), in(FMT, b))))      \
    ROW(fsub_##w,     "fsub." #w,    "%[d],%[a],%[b]",      F, w, 2, RM,   out(FMT, fp_sub(e, FMT, in(FMT, a), in(FMT, b))))      \
    ROW(fmul_##w,     "fmul." #w,    "%[d],%[a],%[b]",      F, w, 2, RM,   out(FMT, fp_mul(e, FMT, in(FMT, a), in(FMT, b))))      \
    ROW(fdiv_##w,     "fdiv." #w,    "%[d],%[a],%[b]",      F, w, 2, RM,   out(FMT, fp_div(e, FMT, in(FMT, a), in(FMT, b))))      \
    ROW(fsqrt_##w,    "fsqrt." #w,   "%[d],%[a]",           F, w, 1, RM,   out(FMT, fp_sqrt(e, FMT, in(FMT, a))))                 \
    ROW(fmadd_##w,    "fmadd." #w,   "%[d],%[a],%[b],%[c]", F, w, 3, RM,   fused(e, FMT, a, b, c, 0, 0))                           \
    ROW(fmsub_##w,    "fmsub." #w,   "%[d],%[a],%[b],%[c]", F, w, 3, RM,   fused(e, FMT, a, b, c, 0, 1))                           \
    ROW(fnmsub_##w,   "fnmsub." #w,  "%[d],%[a],%[b],%[c]", F, w, 3, RM,   fused(e, FMT, a, b, c, 1, 0))                           \
    ROW(fnmadd_##w,   "fnmadd." #w,  "%[d],%[a],%[b],%[c]", F, w, 3, RM,   fused(e, FMT, a, b, c, 1, 1))                           \
    ROW(fsgnj_##w,    "fsgnj." #w,   "%[d],%[a],%[b]",      F, w, 2, NORM, sign_from(FMT, a, in(FMT, b)))                         \
    ROW(fsgnjn_##w,   "fsgnjn." #w,  "%[d],%[a],%[b]",      F, w, 2, NORM, sign_from(FMT, a, ~in(FMT, b)))                        \
    ROW(fsgnjx_##w,   "fsgnjx." #w,  "%[d],%[a],%[b]",      F, w, 2, NORM, sign_from(FMT, a, in(FMT, a) ^ in(FMT, b)))            \
    ROW(fmin_##w,     "fmin." #w,    "%[d],%[a],%[b]",      F, w, 2, NORM, out(FMT, fp_minnum(e, FMT, in(FMT, a), in(FMT, b))))   \
    ROW(fmax_##w,     "fmax." #w,    "%[d],%[a],%[b]",      F, w, 2, NORM, out(FMT, fp_maxnum(e, FMT, in(FMT, a), in(FMT, b))))   \
    ROW(feq_##w,      "feq." #w,     "%[d],%[a],%[b]",      X, w, 2, NORM, fp_eq_quiet(e, FMT, in(FMT, a), in(FMT, b)))           \
    ROW(flt_##w,      "flt." #w,     "%[d],%[a],%[b]",      X, w, 2, NORM, fp_lt(e, FMT, in(FMT, a), in(FMT, b)))                 \
    ROW(fle_##w,      "fle." #w,     "%[d],%[a],%[b]",      X, w, 2, NORM, fp_le(e, FMT, in(FMT, a), in(FMT, b)))                 \
    ROW(fclass_##w,   "fclass." #w,  "%[d],%[a]",           X, w, 1, NORM, fp_class(FMT, in(FMT, a)))                             \
    ROW(fcvt_w_##w,   "fcvt.w." #w,  "%[d],%[a]",           X, w, 1, RM,   sext32(fp_to_int(e, FMT, in(FMT, a), 32, true)))       \
    ROW(fcvt_wu_##w,  "fcvt.wu." #w, "%[d],%[a]",           X, w, 1, RM,   sext32(fp_to_int(e, FMT, in(FMT, a), 32, false)))      \
    ROW(fcvt_l_##w,   "fcvt.l." #w,  "%[d],%[a]",           X, w, 1, RM,   fp_to_int(e, FMT, in(FMT, a), 64, true))               \
    ROW(fcvt_lu_##w,  "fcvt.lu." #w, "%[d],%[a]",           X, w, 1, RM,   fp_to_int(e, FMT, in(FMT, a), 64, false))              \
    ROW(fcvt_##w##_l, "fcvt." #w ".l",  "%[d],%[a]",        F, x, 1, RM,   out(FMT, fp_from_int(e, FMT, a, 64, true)))            \
    ROW(fcvt_##w##_lu,"fcvt." #w ".lu", "%[d],%[a]",        F, x, 1, RM,   out(FMT, fp_from_int(e, FMT, a, 64, false)))

#define FP_INSNS(ROW)                                                                                                           \
    FP_WIDTH(ROW, s, FP_F32)                                                                                                      \
    FP_WIDTH(ROW, d, FP_F64)                                                                                                      \
    ROW(fcvt_s_w,     "fcvt.s.w",    "%[d],%[a]",           F, x, 1, RM,   out(FP_F32, fp_from_int(e, FP_F32, a, 32, true)))       \
    ROW(fcvt_s_wu,    "fcvt.s.wu",   "%[d],%[a]",           F, x, 1, RM,   out(FP_F32, fp_from_int(e, FP_F32, a, 32, false)))      \
    ROW(fcvt_d_w,     "fcvt.d.w",    "%[d],%[a]",           F, x, 1, NORM, fp_from_int(e, FP_F64, a, 32, true))                   \
    ROW(fcvt_d_wu,    "fcvt.d.wu",   "%[d],%[a]",           F, x, 1, NORM, fp_from_int(e, FP_F64, a, 32, false))                  \
    ROW(fcvt_s_d,     "fcvt.s.d",    "%[d],%[a]",           F, d, 1, RM,   out(FP_F32, fp_cvt(e, FP_F32, FP_F64, a)))             \
    ROW(fcvt_d_s,     "fcvt.d.s",    "%[d],%[a]",           F, s, 1, NORM, fp_cvt(e, FP_F64, FP_F32, in(FP_F32, a)))              \
    ROW(fmv_x_w,      "fmv.x.w",     "%[d],%[a]",           X, s, 1, NORM, sext32(a))                                             \
    ROW(fmv_x_d,      "fmv.x.d",     "%[d],%[a]",           X, d, 1, NORM, a)                                                     \
    ROW(fmv_w_x,      "fmv.w.x",     "%[d],%[a]",           F, x, 1, NORM, out(FP_F32, (uint32_t)a))                              \
    ROW(fmv_d_x,      "fmv.d.x",     "%[d],%[a]",           F, x, 1, NORM, a)
/* clang-format on */

/*
 * Operands, the most telling first: three-operand instructions use the first FEW of a table, two-operand ones the
 * first SOME, the others all.
 */
enum { FEW = 14, SOME = 36 };

#define BOXED(v) (0xffffffff00000000 | (v))

static const uint64_t operands_s[] = {
    /* few */
    BOXED(0x00000000), BOXED(0x80000000), BOXED(0x3f800000), BOXED(0xbf800001), BOXED(0x00000001), BOXED(0x007fffff),
    BOXED(0x80800000), BOXED(0x7f7fffff), BOXED(0x7f800000), BOXED(0xff800000), BOXED(0x7fc12345), BOXED(0x7f800001),
    BOXED(0x33800000), 0x000000003f800000, /* not boxed */
    /* some */
    BOXED(0x80000001), BOXED(0x807fffff), BOXED(0x00800000), BOXED(0x00800001), BOXED(0x00ffffff), BOXED(0x1fc00001),
    BOXED(0x33ffffff), BOXED(0x3effffff), BOXED(0x3f000000), BOXED(0xbf000000), BOXED(0x3f7fffff), BOXED(0x3f800001),
    BOXED(0xbf800000), BOXED(0x3fc00000), BOXED(0xc0200000), BOXED(0x40400000), BOXED(0x4b800001), BOXED(0x7f7ffffe),
    BOXED(0xff7fffff), BOXED(0xffbabcde), BOXED(0xffffffff), 0xfffffffe7f800001, /* not boxed */
    /* all: around integers and the limits of the integer types */
    BOXED(0x3f000001), BOXED(0xbf7fffff), BOXED(0xbf000001), BOXED(0xbfc00000), BOXED(0x40200000), BOXED(0xc0600000),
    BOXED(0x4affffff), BOXED(0xcb000001), BOXED(0x4effffff), BOXED(0x4f000000), BOXED(0xcf000000), BOXED(0xcf000001),
    BOXED(0x4f7fffff), BOXED(0x4f800000), BOXED(0x5effffff), BOXED(0x5f000000), BOXED(0xdf000000), BOXED(0xdf000001),
    BOXED(0x5f7fffff), BOXED(0x5f800000), BOXED(0x7e967699), BOXED(0x00000003), BOXED(0x00400000), BOXED(0x7fc00000),
    BOXED(0xffc00000), BOXED(0x7fbfffff), 0x7ff0000000000000, 0x0000000000000000, 0x7fffffff9fc00000,
};

static const uint64_t operands_d[] = {
    /* few */
    0x0000000000000000, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000001, 0x0000000000000001,
    0x000fffffffffffff, 0x8010000000000000, 0x7fefffffffffffff, 0x7ff0000000000000, 0xfff0000000000000,
    0x7ff8000012345678, 0x7ff0000000000001, 0x3ca0000000000000, 0x1ff8000000000001,
    /* some */
    0x8000000000000001, 0x800fffffffffffff, 0x0010000000000000, 0x0010000000000001, 0x001fffffffffffff,
    0x3cafffffffffffff, 0x3fdfffffffffffff, 0x3fe0000000000000, 0xbfe0000000000000, 0x3fefffffffffffff,
    0x3ff0000000000001, 0xbff0000000000000, 0x3ff8000000000000, 0xc004000000000000, 0x4008000000000000,
    0x4340000000000001, 0x7feffffffffffffe, 0xffefffffffffffff, 0xfff7abcdef012345, 0xffffffffffffffff,
    0x7fd0000000000000, 0xffffffff3f800000,
    /* all: around integers, the limits of the integer types, and of binary32 with its ties */
    0x3fe0000000000001, 0xbfefffffffffffff, 0xbfe0000000000001, 0xbff8000000000000, 0x4004000000000000,
    0xc00c000000000000, 0x432fffffffffffff, 0xc330000000000001, 0x41dfffffffc00000, 0x41dfffffffe00000,
    0x41e0000000000000, 0xc1e0000000000000, 0xc1e0000000100000, 0xc1e0000000200000, 0x41efffffffe00000,
    0x41effffffff00000, 0x41f0000000000000, 0x43dfffffffffffff, 0x43e0000000000000, 0xc3e0000000000000,
    0xc3e0000000000001, 0x43efffffffffffff, 0x43f0000000000000, 0x3ff0000010000000, 0x3ff0000030000000,
    0xbff0000010000001, 0x47efffffe0000000, 0x47efffffefffffff, 0x47effffff0000000, 0xc7efffffefffffff,
    0x3690000000000000, 0x3690000000000001, 0xb690000000000000, 0x36a8000000000000, 0x380fffffc0000000,
    0x380fffffe0000000, 0x380ffffff0000000, 0x380fffffefffffff, 0xb80ffffff8000000, 0x3810000000000000,
    0x7ff8000000000000, 0xfff8000000000000, 0x7ff7ffffffffffff, 0x0008000000000000,
};

static const uint64_t operands_x[] = {
    0x0000000000000000, 0x0000000000000001, 0xffffffffffffffff, 0x0000000000000003, 0x000000007fffffff,
    0x0000000080000000, 0x0000000080000001, 0x00000000ffffffff, 0xdeadbeef00000000, 0xdeadbeef80000000,
    0x0000000001000000, 0x0000000001000001, 0x0000000001000003, 0xfffffffffeffffff, 0x0000000003fffffe,
    0x7f80000180000040, 0x0020000000000000, 0x0020000000000001, 0x0020000000000003, 0xffdfffffffffffff,
    0x7fffffffffffffff, 0x8000000000000000, 0x8000000000000001, 0x7ffffffffffffe00, 0x7ffffffffffffdff,
    0x7fffffbfffffffff, 0x7fffffc000000000, 0x8000000000000400, 0x8000000000000401, 0x8000008000000000,
    0x8000018000000000, 0xfffffffffffffbff, 0xfffffffffffffc00, 0xfffffffffffffc01, 0xffffff7fffffffff,
    0xffffff8000000000,
};

/* frm is set and fflags holds `flags` before; *flags is fflags after. Operands a row does not have are ignored. */
struct fp_case {
    unsigned mode; /* index of mode_names */
    uint64_t in[3];
    uint64_t flags;
};
typedef uint64_t fp_run(struct fp_case *c);

enum { MODE_DYN = 5, MODE_NONE = 10 };

static const char *const mode_names[] = {
    "rne", "rtz", "rdn", "rup", "rmm", "dyn-rne", "dyn-rtz", "dyn-rdn", "dyn-rup", "dyn-rmm", "-",
};

/* frm of a mode: never the static one. */
static inline unsigned frm_of(unsigned mode)
{
    return mode < MODE_DYN ? (mode + 2) % 5 : mode < MODE_NONE ? mode - MODE_DYN : 4;
}

struct fp_insn {
    const char *name;
    fp_run *run;
    const uint64_t *operands;
    unsigned operand_count, inputs;
    int rounds;
};

#define FP_ROUNDS_RM 1
#define FP_ROUNDS_NORM 0
#define FP_INSN_ROW(id, name, operands, result, table, count, round, reference) \
    {name, run_##id, operands_##table, sizeof operands_##table / sizeof operands_##table[0], count, FP_ROUNDS_##round},

static uint64_t hash_add(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15;
    return h ^ h >> 29;
}

static uint64_t run_mode(const struct fp_insn *insn, unsigned mode, int verbose)
{
    unsigned n = insn->inputs == 3 ? FEW : insn->inputs == 2 ? SOME : insn->operand_count, total = 1;
    for (unsigned i = 0; i < insn->inputs; i++)
        total *= n;
    uint64_t hash = 0;
    for (unsigned k = 0; k < total; k++) {
        /* Every fourth case starts with some flags up, which must stay. */
        uint64_t before = k % 4 == 3 ? k / 4 % 32 : 0;
        struct fp_case c = {.mode = mode, .flags = before};
        for (unsigned i = 0, digits = k; i < insn->inputs; i++, digits /= n)
            c.in[i] = insn->operands[digits % n];
        uint64_t result = insn->run(&c);
        hash = hash_add(hash_add(hash, result), c.flags);
        if (!verbose)
            continue;
        for (unsigned i = 0; i < insn->inputs; i++)
            printf("%016llx ", (unsigned long long)c.in[i]);
        printf("%02x => %016llx %02x\n", (unsigned)before, (unsigned long long)result, (unsigned)c.flags);
    }
    return hash;
}

static int cases_main(const struct fp_insn *insns, unsigned count, int argc, char **argv)
{
    int verbose = argc == 4 && !strcmp(argv[1], "-v"), ran = 0;
    if (argc != 1 && !verbose) {
        fprintf(stderr, "usage: %s [-v NAME MODE]\n", argv[0]);
        return 2;
    }
    for (unsigned i = 0; i < count; i++) {
        unsigned first = insns[i].rounds ? 0 : MODE_NONE, last = insns[i].rounds ? MODE_NONE - 1 : MODE_NONE;
        for (unsigned mode = first; mode <= last; mode++) {
            if (verbose && (strcmp(argv[2], insns[i].name) || strcmp(argv[3], mode_names[mode])))
                continue;
            uint64_t hash = run_mode(&insns[i], mode, verbose);
            if (!verbose)
                printf("%-9s %-7s %016llx\n", insns[i].name, mode_names[mode], (unsigned long long)hash);
            ran++;
        }
    }
    return ran ? 0 : 2;
}

#endif

/*
 * Guest side of fpcases.h: executes every F and D instruction of RV64 on the operand grid and prints hashes of the
 * results and flags.  Build: riscv64-linux-gnu-gcc -O1 -static fpcheck.c
 *
 * FP values travel in C doubles, which only move (fld, fsd, fmv.d.x), so no bit of a register changes on the way.
 */
#include "fpcases.h"

static double f_reg(uint64_t v)
{
    double d;
    memcpy(&d, &v, sizeof d);
    return d;
}

static uint64_t f_bits(double d)
{
    uint64_t v;
    memcpy(&v, &d, sizeof v);
    return v;
}

/* One asm statement, so that nothing comes between the CSR accesses and the instruction. */
#define EXEC(text, outputs, inputs)                                                       \
    __asm__ volatile("fsrm %[frm]\n\tfsflags %[flags]\n\t" text "\n\tfrflags %[flags]\n\tfsrm zero" \
                     : outputs, [flags] "+r"(c->flags)                                    \
                     : inputs)

#define OUT_F [d] "=f"(f)
#define OUT_X [d] "=r"(x)
#define IN_s [frm] "r"(frm), [a] "f"(f_reg(c->in[0])), [b] "f"(f_reg(c->in[1])), [c] "f"(f_reg(c->in[2]))
#define IN_d IN_s
#define IN_x [frm] "r"(frm), [a] "r"(c->in[0])

#define BITS_F f_bits(f)
#define BITS_X x

/* Static modes are part of the instruction word, so each needs its own. */
#define BY_MODE_RM(text, out, in)                           \
    switch (c->mode) {                                      \
    case 0: EXEC(text ",rne", OUT_##out, IN_##in); break;   \
    case 1: EXEC(text ",rtz", OUT_##out, IN_##in); break;   \
    case 2: EXEC(text ",rdn", OUT_##out, IN_##in); break;   \
    case 3: EXEC(text ",rup", OUT_##out, IN_##in); break;   \
    case 4: EXEC(text ",rmm", OUT_##out, IN_##in); break;   \
    default: EXEC(text ",dyn", OUT_##out, IN_##in); break;  \
    }
#define BY_MODE_NORM(text, out, in) EXEC(text, OUT_##out, IN_##in)

#define DEFINE_RUN(id, name, operands, result, table, count, round, reference) \
    static uint64_t run_##id(struct fp_case *c)                                \
    {                                                                          \
        double f = 0;                                                          \
        uint64_t x = 0, frm = frm_of(c->mode);                                 \
        BY_MODE_##round(name " " operands, result, table);                     \
        (void)f, (void)x;                                                      \
        return BITS_##result;                                                  \
    }
FP_INSNS(DEFINE_RUN)

static const struct fp_insn insns[] = {FP_INSNS(FP_INSN_ROW)};

int main(int argc, char **argv)
{
    return cases_main(insns, sizeof insns / sizeof insns[0], argc, argv);
}

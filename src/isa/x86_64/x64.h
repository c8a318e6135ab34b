/*
 * x86-64 machine code from rows.
 *
 * Every instruction form that btv emits is one row of x64.def: name, encoding in the manual's notation (Intel SDM
 * volume 2, section 3.1.1: mandatory prefix, map, opcode, ModRM, immediate; REX/VEX), operand order, CPU feature.
 * The emit functions encode a row into a buffer; x64_decode reads one instruction back: for every
 * row decode(encode(i)) == i.  No allocation, no IR, no knowledge of guests.
 *
 * An overflowing buffer sets `full` and drops bytes: test it once at the end of a block.
 */
#ifndef BTV_ISA_X64_H
#define BTV_ISA_X64_H

#include "base/defs.h"
#include "base/str.h"

enum x64_reg {
    X64_RAX, X64_RCX, X64_RDX, X64_RBX, X64_RSP, X64_RBP, X64_RSI, X64_RDI,
    X64_R8, X64_R9, X64_R10, X64_R11, X64_R12, X64_R13, X64_R14, X64_R15,
    /* xmm registers are 0..15 in their own operand positions */
};

/* Condition codes: the low nibble of the opcodes of jcc, setcc, cmovcc (SDM vol. 1, appendix B). */
enum x64_cc {
    X64_O, X64_NO, X64_B, X64_AE, X64_E, X64_NE, X64_BE, X64_A,
    X64_S, X64_NS, X64_P, X64_NP, X64_L, X64_GE, X64_LE, X64_G,
};

#define X64_NOREG (-1)
#define X64_RIP (-2)

/* [base + index << scale + disp]; base X64_RIP: disp is relative to the end of the instruction. */
struct x64_mem {
    int8_t base;    /* enum x64_reg, X64_NOREG or X64_RIP */
    int8_t index;   /* enum x64_reg except RSP, or X64_NOREG */
    uint8_t scale;  /* 0..3: log2 of the factor */
    int32_t disp;
};

/* Host CPU features that rows may need; bits of a mask. */
enum x64_feature {
    X64_F_BASE = 0, /* x86-64-v1 */
    X64_F_SSE3 = 1 << 0, X64_F_SSSE3 = 1 << 1, X64_F_SSE41 = 1 << 2, X64_F_SSE42 = 1 << 3, X64_F_POPCNT = 1 << 4, X64_F_LZCNT = 1 << 5,
    X64_F_BMI1 = 1 << 6, X64_F_BMI2 = 1 << 7, X64_F_MOVBE = 1 << 8, X64_F_AVX = 1 << 9, X64_F_AVX2 = 1 << 10, X64_F_FMA = 1 << 11,
    X64_F_CX16 = 1 << 12, X64_F_PCLMUL = 1 << 13, X64_F_F16C = 1 << 14, X64_F_ADX = 1 << 15,
};

/* The features of the CPU this runs on (CPUID and XGETBV). */
unsigned x64_host_features(void);

/* One name per row of x64.def: X64_ADD_RM_R and so on. */
enum x64_row {
    X64_INVALID,
#define X64(name, mnemonic, encoding, operands, sizes, feature, doc) X64_##name,
#include "isa/x86_64/x64.def"
#undef X64
    X64_ROW_COUNT
};

struct x64_buf {
    uint8_t *p;     /* start */
    size_t len, cap;
    bool full;
};

/*
 * Emitters.  `size` is the operand size in bytes: 1, 2, 4 or 8 for integer rows (0x66 prefix and REX.W follow from it, and
 * REX for the byte registers spl, bpl, sil, dil); 4 or 8 for scalar FP rows that come in ss/sd forms where the
 * row says so, else 0; a row with one size or none takes any.  In two-operand rows `reg` is the ModRM.reg operand and `rm` the
 * ModRM.rm one, whatever the direction (blsr, blsi, blsmsk: `reg` is their vvvv).  Registers in the opcode (push, pop, bswap,
 * mov r, imm) count as `rm`.  Implicit operands (cl, 1, rax) are not given.  An immediate that its field cannot hold is a bug of
 * the caller (assert); where field and operand are equally wide, both the signed and the unsigned reading are accepted.
 */
void x64_rr(struct x64_buf *b, enum x64_row row, int size, int reg, int rm);
void x64_rm(struct x64_buf *b, enum x64_row row, int size, int reg, struct x64_mem m);
/* One operand (not, neg, mul, push, jmp r/m, call r/m, ...): r/m only. */
void x64_r(struct x64_buf *b, enum x64_row row, int size, int rm);
void x64_m(struct x64_buf *b, enum x64_row row, int size, struct x64_mem m);
/* With immediate: r/m, imm.  The row fixes the immediate's width (imm8, imm32, imm64 for mov).  Rows with an immediate alone (push,
 * ret) ignore `rm`. */
void x64_ri(struct x64_buf *b, enum x64_row row, int size, int rm, int64_t imm);
void x64_mi(struct x64_buf *b, enum x64_row row, int size, struct x64_mem m, int64_t imm);
/* reg, r/m, imm (imul, roundsd, pextr, shld, rorx ...). */
void x64_rri(struct x64_buf *b, enum x64_row row, int size, int reg, int rm, int64_t imm);
void x64_rmi(struct x64_buf *b, enum x64_row row, int size, int reg, struct x64_mem m, int64_t imm);
/* VEX three-operand: reg, vvvv, r/m (BMI2 shifts, andn, vfmadd, vaddsd ...). */
void x64_rvr(struct x64_buf *b, enum x64_row row, int size, int reg, int vvvv, int rm);
void x64_rvm(struct x64_buf *b, enum x64_row row, int size, int reg, int vvvv, struct x64_mem m);
/* No operands (ret, mfence, cdq/cqo with size 4/8, ud2, int3, pause ...). */
void x64_0(struct x64_buf *b, enum x64_row row, int size);
/* Condition-code rows: JCC_REL32, SETCC_RM, CMOVCC_R_RM. */
void x64_setcc(struct x64_buf *b, enum x64_cc cc, int rm);
void x64_cmovcc(struct x64_buf *b, enum x64_cc cc, int size, int reg, int rm);

/* Relative jumps with 32-bit displacement.  Each returns the offset of its displacement field, to be given to
 * x64_patch; `target` is an offset in the same buffer when already known, else 0: patch later, as for a target at offset 0. */
size_t x64_jcc(struct x64_buf *b, enum x64_cc cc, size_t target);
size_t x64_jmp(struct x64_buf *b, size_t target);
size_t x64_call(struct x64_buf *b, size_t target);
/* Short forms with an 8-bit displacement for local branches; the patch asserts the range. */
size_t x64_jcc8(struct x64_buf *b, enum x64_cc cc);
size_t x64_jmp8(struct x64_buf *b);
void x64_patch(struct x64_buf *b, size_t field, size_t target);   /* 32-bit field */
void x64_patch8(struct x64_buf *b, size_t field, size_t target);  /* 8-bit field */

/* Shortest multi-byte nop sequence of n bytes. */
void x64_nop(struct x64_buf *b, unsigned n);
/* Prefixes that change nothing, so that the distance of the jcc emitted next lies within that many aligned bytes, a power of two.  (CS: on Pentium 4 a
 * hint that the jump is not taken, ignored since; SDM volume 2, 2.1.1.)  A nop would part the jcc from a comparison it is fused with. */
#define X64_PAD_JCC 0x2e
void x64_pad_jcc(struct x64_buf *b, unsigned bytes);

/* A decoded instruction: exactly what an emit function was given. */
enum x64_operand_kind { X64_O_NONE, X64_O_GPR, X64_O_XMM, X64_O_MEM, X64_O_IMM, X64_O_REL };
struct x64_operand {
    uint8_t kind;
    int8_t reg;
    struct x64_mem mem;
    int64_t imm; /* or relative displacement */
};
struct x64_insn {
    uint16_t row; /* enum x64_row */
    uint8_t size, len, cc;
    struct x64_operand op[4]; /* in the row's operand order */
};

/* Encodes a decoded instruction again; for any row and operands (conditional moves from memory, for instance). */
void x64_encode(struct x64_buf *b, const struct x64_insn *i);

/*
 * BTV_BADCODE: no row matches; BTV_INVALID: truncated.  `size` is that of the row when it has only one, 0 when it has none.
 * Immediates come back sign-extended from their encoded width, except bit counts, selectors and the imm16 of ret.
 */
BTV_NODISCARD enum btv_status x64_decode(const uint8_t *p, size_t len, struct x64_insn *out);
/* Intel-syntax text. `pc` is the address of the instruction, used to show branch targets. */
void x64_print(struct str *s, const struct x64_insn *i, uint64_t pc);

const char *x64_row_name(enum x64_row row);
unsigned x64_row_feature(enum x64_row row); /* mask of enum x64_feature */

#endif

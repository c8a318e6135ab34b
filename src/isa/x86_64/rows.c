/*
 * x64.def as constants.  The macros below spell the columns of the table; every row becomes one struct x64_desc whose four forms
 * (sizes 1, 2, 4, 8) are computed by the preprocessor.
 */
#include "isa/x86_64/row.h"

/* Column `operands`. */
#define OPERAND(at, file, width) (X64_AT_##at | X64_FILE_##file << 4 | X64_WIDTH_##width << 6)
enum {
    OP_ = 0,
    OP_none = 0,
    OP_r = OPERAND(REG, GPR, SIZE),
    OP_r32 = OPERAND(REG, GPR, 4),
    OP_rd = OPERAND(REG, GPR, MIN4),
    OP_rm = OPERAND(RM, GPR, SIZE),
    OP_rm8 = OPERAND(RM, GPR, 1),
    OP_rm16 = OPERAND(RM, GPR, 2),
    OP_rm32 = OPERAND(RM, GPR, 4),
    OP_m = OPERAND(RM, GPR, SIZE) | X64_MEMONLY,
    OP_m0 = OPERAND(RM, GPR, NONE) | X64_MEMONLY,
    OP_m8 = OPERAND(RM, GPR, 1) | X64_MEMONLY,
    OP_m32 = OPERAND(RM, GPR, 4) | X64_MEMONLY,
    OP_m128 = OPERAND(RM, GPR, 16) | X64_MEMONLY,
    OP_vr = OPERAND(VVVV, GPR, SIZE),
    OP_o = OPERAND(OPCODE, GPR, SIZE),
    OP_x = OPERAND(REG, XMM, 16),
    OP_vx = OPERAND(VVVV, XMM, 16),
    OP_xm = OPERAND(RM, XMM, 16),
    OP_xms = OPERAND(RM, XMM, SIZE),
    OP_xm8 = OPERAND(RM, XMM, 1),
    OP_xm16 = OPERAND(RM, XMM, 2),
    OP_xm32 = OPERAND(RM, XMM, 4),
    OP_xm64 = OPERAND(RM, XMM, 8),
    OP_xr = OPERAND(RM, XMM, 16) | X64_NOMEM,
    OP_y = OPERAND(REG, YMM, 32),
    OP_vy = OPERAND(VVVV, YMM, 32),
    OP_ym = OPERAND(RM, YMM, 32),
    OP_yr = OPERAND(RM, YMM, 32) | X64_NOMEM,
    OP_imm = OPERAND(IMM, GPR, NONE),
    OP_rel = OPERAND(REL, GPR, NONE),
    OP_cl = OPERAND(CL, GPR, 1),
    OP_one = OPERAND(ONE, GPR, NONE),
};
#define OPS(...) OPS_3(__VA_ARGS__, none, none, none)
#define OPS_3(a, b, c, ...) OP_##a, OP_##b, OP_##c

/* Column `encoding`: vex, prefix, map, opcode, modrm, fixed ModRM, immediate, cc.  VEX.W needs no constant: it follows `sizes`. */
#define L(pp, map, op, modrm, imm) 0, PP_##pp, MAP_##map, 0x##op, MODRM_##modrm, 0, IMM_##imm, false
#define LC(pp, map, op, modrm, imm) 0, PP_##pp, MAP_##map, 0x##op, MODRM_##modrm, 0, IMM_##imm, true
#define LF(pp, map, op, byte) 0, PP_##pp, MAP_##map, 0x##op, X64_MODRM_FIXED, 0x##byte, IMM___, false
#define V(len, pp, map, w, op, modrm, imm) VEX_##len, PP_##pp, MAP_##map, 0x##op, MODRM_##modrm, 0, IMM_##imm, false
enum { VEX_LZ = 1, VEX_LIG = 1, VEX_128 = 1, VEX_256 = 2 };
enum { PP_NP = 0, PP_66 = X64_P_66, PP_F3 = X64_P_F3, PP_F2 = X64_P_F2 };
enum { MAP_00 = X64_MAP_1, MAP_0F = X64_MAP_0F, MAP_0F38 = X64_MAP_0F38, MAP_0F3A = X64_MAP_0F3A };
enum {
    MODRM_0, MODRM_1, MODRM_2, MODRM_3, MODRM_4, MODRM_5, MODRM_6, MODRM_7,
    MODRM_r = X64_MODRM_REG, MODRM_plus = X64_MODRM_PLUS, MODRM___ = X64_MODRM_NONE,
};
/* Immediates: kind in bits 3..0, width in bits 7..4 (bytes, or one of the two rules). */
enum { IMM_BYTES_Z = 14, IMM_BYTES_V = 15 };
enum {
    IMM___ = X64_IMM_NONE,
    IMM_ib = X64_IMM_SIGNED | 1 << 4,
    IMM_ub = X64_IMM_PLAIN | 1 << 4,
    IMM_iw = X64_IMM_PLAIN | 2 << 4,
    IMM_iz = X64_IMM_SIGNED | IMM_BYTES_Z << 4,
    IMM_iv = X64_IMM_SIGNED | IMM_BYTES_V << 4,
    IMM_rel8 = X64_IMM_REL | 1 << 4,
    IMM_rel32 = X64_IMM_REL | 4 << 4,
};

/* Column `sizes`: a mask of sizes, and what the size changes. */
enum { BY_INT = 0x10, BY_SCALAR = 0x20, BY_PACKED = 0x40, BY_OPCODE = 0x80 };
enum {
    SIZES_Z0 = 0, SIZES_Z1 = BY_INT | 1, SIZES_Z8 = BY_INT | 8, SIZES_D8 = 8,
    SIZES_Z1248 = BY_INT | 15, SIZES_Z248 = BY_INT | 14, SIZES_Z48 = BY_INT | 12, SIZES_Z24 = BY_INT | 6,
    SIZES_F48 = BY_SCALAR | 12, SIZES_P48 = BY_PACKED | 12, SIZES_R48 = BY_OPCODE | 12,
};
#define SIZES(s) ((s)&15)
#define ONE_SIZE(s) ((SIZES(s) & (SIZES(s) - 1)) == 0)

/* What size 2^n means for a row: its only size if it has one. */
#define BYTES(s, n) (ONE_SIZE(s) ? SIZES(s) : 1 << (n))
#define PREFIX(s, pp, bytes)                                \
    ((pp) | ((s)&BY_INT && (bytes) == 2 ? X64_P_66 : 0) |   \
     ((s)&BY_SCALAR ? (bytes) == 8 ? X64_P_F2 : X64_P_F3 : 0) | ((s)&BY_PACKED && (bytes) == 8 ? X64_P_66 : 0))
/* Byte forms have bit 0 clear; 83 is the sign-extended twin of 81, its byte form is 80. */
#define OPCODE(s, map, op, bytes)                                                    \
    ((s)&BY_INT && (bytes) == 1 ? ((map) == MAP_00 && (op) == 0x83 ? 0x80 : (op) & ~1) \
                                : (op) + ((s)&BY_OPCODE && (bytes) == 8))
#define BYTE_AT(o, at, bytes, flag)                                                                                     \
    (((o)&15) == X64_AT_##at && ((o) >> 4 & 3) == X64_FILE_GPR &&                                                       \
             (((o) >> 6 & 15) == X64_WIDTH_1 || (((o) >> 6 & 15) == X64_WIDTH_SIZE && (bytes) == 1))                     \
         ? (flag)                                                                                                       \
         : 0)
#define BYTE_FLAGS(o, bytes) (BYTE_AT(o, REG, bytes, X64_FORM_REG8) | BYTE_AT(o, RM, bytes, X64_FORM_RM8))
#define FLAGS(s, o0, o1, bytes) \
    (((s)&BY_INT && (bytes) == 8 ? X64_FORM_W : 0) | BYTE_FLAGS(o0, bytes) | BYTE_FLAGS(o1, bytes))
#define IMM_BYTES(imm, bytes)                                                       \
    ((imm) >> 4 == IMM_BYTES_Z ? ((bytes) == 1 || (bytes) == 2 ? (bytes) : 4)        \
                               : (imm) >> 4 == IMM_BYTES_V ? (bytes) : (imm) >> 4)
#define FORM(s, n, pp, map, op, o0, o1, imm)                                                                \
    {                                                                                                       \
        PREFIX(s, pp, BYTES(s, n)), OPCODE(s, map, op, BYTES(s, n)), FLAGS(s, o0, o1, BYTES(s, n)),           \
            IMM_BYTES(imm, BYTES(s, n))                                                                     \
    }

#define ROW(...) ROW_(__VA_ARGS__)
#define ROW_(vex, pp, map, op, modrm, byte, imm, cc, o0, o1, o2, s, feature)                                          \
    {                                                                                                                   \
        {FORM(s, 0, pp, map, op, o0, o1, imm), FORM(s, 1, pp, map, op, o0, o1, imm), FORM(s, 2, pp, map, op, o0, o1, imm), \
         FORM(s, 3, pp, map, op, o0, o1, imm)},                                                                         \
            vex, map, modrm, byte, (imm)&15, SIZES(s), ONE_SIZE(s), ONE_SIZE(s) ? SIZES(s) : 0, cc, {o0, o1, o2}, feature \
    }

const struct x64_desc x64_rows[X64_ROW_COUNT] = {
#define X64(name, mnemonic, encoding, operands, sizes, feature, doc) \
    [X64_##name] = ROW(encoding, operands, SIZES_##sizes, X64_F_##feature),
#include "isa/x86_64/x64.def"
#undef X64
};

const char *x64_row_name(enum x64_row row)
{
    static const char *const names[X64_ROW_COUNT] = {
        [X64_INVALID] = "INVALID",
#define X64(name, mnemonic, encoding, operands, sizes, feature, doc) [X64_##name] = #name,
#include "isa/x86_64/x64.def"
#undef X64
    };
    return (unsigned)row < X64_ROW_COUNT ? names[row] : names[X64_INVALID];
}

unsigned x64_row_feature(enum x64_row row)
{
    return (unsigned)row < X64_ROW_COUNT ? x64_rows[row].feature : 0;
}

/*
 * The compact form of x64.def that the encoder, the decoder and the printer share: one struct x64_desc a row, built by the
 * preprocessor in rows.c, so that encoding is one table lookup and a few stores.
 */
#ifndef BTV_ISA_X64_ROW_H
#define BTV_ISA_X64_ROW_H

#include "isa/x86_64/x64.h"

/* Mandatory or operand-size prefixes, in the order they are emitted.  VEX.pp is 0, 1, 2, 3 for none, 66, F3, F2. */
enum { X64_P_66 = 1, X64_P_F3 = 2, X64_P_F2 = 4 };
/* Opcode maps with their VEX numbers. */
enum { X64_MAP_1 = 0, X64_MAP_0F = 1, X64_MAP_0F38 = 2, X64_MAP_0F3A = 3 };
/* ModRM: 0..7 are digits (/0 to /7). */
enum { X64_MODRM_REG = 8, X64_MODRM_PLUS, X64_MODRM_NONE, X64_MODRM_FIXED };
/* Properties of one form of a row. */
enum { X64_FORM_W = 1, X64_FORM_REG8 = 2, X64_FORM_RM8 = 4 };
/* Kinds of immediate. */
enum { X64_IMM_NONE, X64_IMM_SIGNED, X64_IMM_PLAIN, X64_IMM_REL };

/*
 * An operand:  bits 3..0 field, 5..4 register file, 9..6 width
 */
enum { X64_AT_NONE, X64_AT_REG, X64_AT_RM, X64_AT_VVVV, X64_AT_OPCODE, X64_AT_IMM, X64_AT_REL, X64_AT_CL, X64_AT_ONE };
enum { X64_NOMEM = 1 << 10, X64_MEMONLY = 1 << 11 };
enum { X64_FILE_GPR, X64_FILE_XMM, X64_FILE_YMM };
/* 1..6: 1 to 32 bytes; the others depend on the row's size. */
enum { X64_WIDTH_NONE, X64_WIDTH_1, X64_WIDTH_2, X64_WIDTH_4, X64_WIDTH_8, X64_WIDTH_16, X64_WIDTH_32, X64_WIDTH_SIZE, X64_WIDTH_MIN4 };

/* A row at one operand size. */
struct x64_form {
    uint8_t prefix; /* X64_P_* */
    uint8_t opcode;
    uint8_t flags;     /* X64_FORM_* */
    uint8_t imm_bytes; /* immediate or jump distance */
};

struct x64_desc {
    struct x64_form form[4]; /* by log2 of the size; all alike when any_size */
    uint8_t vex;             /* 0 legacy, 1 VEX.L = 0, 2 VEX.L = 1 */
    uint8_t map;
    uint8_t modrm; /* X64_MODRM_* or the digit */
    uint8_t modrm_byte;
    uint8_t imm;   /* X64_IMM_* */
    uint8_t sizes; /* bit n: 2^n bytes is allowed */
    bool any_size; /* one size or none: the size argument is ignored, `size` is meant */
    uint8_t size;
    bool cc;        /* the low nibble of the opcode is a condition */
    uint16_t op[3]; /* in printing order */
    uint16_t feature;
};

extern const struct x64_desc x64_rows[X64_ROW_COUNT];

static inline unsigned x64_op_at(uint16_t op)
{
    return op & 15;
}

static inline unsigned x64_op_file(uint16_t op)
{
    return op >> 4 & 3;
}

/* Width of an operand in bytes when the row has operand size `size`; 0 for none. */
static inline unsigned x64_op_width(uint16_t op, unsigned size)
{
    unsigned w = op >> 6 & 15;
    if (w == X64_WIDTH_SIZE)
        return size;
    if (w == X64_WIDTH_MIN4)
        return size == 8 ? 8 : 4;
    return w ? 1u << (w - 1) : 0;
}

#endif

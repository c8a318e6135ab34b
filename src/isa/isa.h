/*
 * A decoded guest instruction, whatever the instruction set.
 *
 * Produced by an isa's decoder from its rows; `op` is the row's number in that isa's own enum.  Field letters of the
 * isa's fields.def say which member a letter fills.
 */
#ifndef BTV_ISA_ISA_H
#define BTV_ISA_ISA_H

#include "base/defs.h"

struct insn {
    uint16_t op;  /* row number; 0: undefined */
    uint8_t len;  /* bytes */
    uint8_t rm;   /* rounding mode field, if any */
    uint32_t raw; /* the encoding, low bytes first */
    uint8_t rd, rs1, rs2, rs3;
    uint8_t aq, rl; /* ordering bits of atomics */
    uint16_t csr;   /* system register number or fence sets, if any */
    int64_t imm;
};

#endif

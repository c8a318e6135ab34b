/*
 * Questions about an op that its signature in ops.def answers.  Shared by the verifier, the parser and the binary form.
 */
#ifndef BTV_IR_SIG_H
#define BTV_IR_SIG_H

#include "ir/ir.h"

static inline bool ir_op_known(unsigned op)
{
    return op < IR_OP_LIMIT && ir_op_info[op].name;
}

/* Immediates the instruction carries: 0, 1 (imm) or 2 (imm and aux).  Ops that may compute a NaN use aux for its policy. */
static inline unsigned ir_op_imms(enum ir_op op)
{
    const char *sig = ir_op_info[op].sig;
    unsigned n = 0;
    for (const char *p = sig; *p; p++)
        n += *p == '#';
    bool nan_policy = ir_op_info[op].flags & IR_F_FPENV && (sig[0] == 'f' || sig[2] == 'g');
    return nan_policy ? 2 : n;
}

/* The number of operands may be smaller than the signature's. */
static inline bool ir_op_variadic(enum ir_op op)
{
    return op == IR_OP_CALL || op == IR_OP_RET;
}

/* Whether an instruction of this op and type defines a value. */
static inline bool ir_op_has_result(enum ir_op op, enum ir_type t)
{
    return ir_op_info[op].sig[0] != '.' && (t != IR_VOID || ir_op_info[op].sig[0] == 'b');
}

/* Whether `type` holds the type of a written value, not of a result. */
static inline bool ir_op_types_operand(enum ir_op op)
{
    return op == IR_OP_PUT || op == IR_OP_STORE || op == IR_OP_SC;
}

#endif

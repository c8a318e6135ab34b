/*
 * The words of the text form that stand for numbers in imm and aux: one list for printer, parser and documentation.
 */
#ifndef BTV_IR_NAMES_H
#define BTV_IR_NAMES_H

/* clang-format off */
static const char *const ir_order_name[] = {"relaxed", "acquire", "release", "acq_rel", "seq_cst"};
static const char *const ir_rmw_name[] = {"swap", "add", "and", "or", "xor", "mins", "maxs", "minu", "maxu"};
static const char *const ir_jump_name[] = {"jump", "call", "ret"};
static const char *const ir_trap_name[] = {"none", "illegal", "break", "misaligned", "access", "fetch", "bus"};
static const char *const ir_rm_name[] = {"rne", "rtz", "rdn", "rup", "rmm", "rm5", "rm6", "dyn"};
static const char ir_fence_letter[] = "wroi"; /* bit 0 first */
/* clang-format on */

#endif

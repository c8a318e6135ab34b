/*
 * RISC-V machine code from rows: bytes <-> struct insn <-> text.
 *
 * The rows are in the .def files of this folder (exts.def includes them all; i.def explains the columns).  decode,
 * encode, print and parse are total on what they accept: decode(encode(i)) == i and parse(print(i)) == i for every row.
 * No allocation but the caller's str.  Pure functions; any thread.
 */
#ifndef BTV_ISA_RISCV_H
#define BTV_ISA_RISCV_H

#include "base/err.h"
#include "base/str.h"
#include "isa/isa.h"
#include "isa/riscv/riscv_gen.h"

enum rv_kind { RV_XREG, RV_FREG, RV_SIGNED, RV_UNSIGNED, RV_HEX, RV_UPPER, RV_PCREL, RV_CSR, RV_RM, RV_SUFFIX, RV_ISET, RV_FLI };

struct rv_row {
    uint32_t mask, match;
    uint8_t fmt; /* which fields stand where */
    uint8_t len; /* bytes */
    uint8_t ext; /* enum rv_ext_index */
    const char *mnemonic, *bits, *operands, *semantics, *doc;
};
extern const struct rv_row rv_rows[RV_OP_COUNT]; /* by enum rv_op; [0] is empty */

struct rv_ext {
    const char *name, *version, *doc;
    int hwprobe; /* bit of RISCV_HWPROBE_KEY_IMA_EXT_0, -1: none */
    bool in_isa;
};
extern const struct rv_ext rv_exts[RV_EXT_COUNT];

struct rv_field {
    char letter;
    uint8_t kind; /* enum rv_kind */
    uint32_t ones;
    bool is_signed;
    const char *doc;
};
extern const struct rv_field rv_fields[];
extern const unsigned rv_nfields;

/* Bytes of the instruction that starts with this halfword: 2 or 4 (longer formats are reserved and count as 4). */
static inline unsigned rv_length(uint32_t first)
{
    return (first & 3) == 3 ? 4 : 2;
}

/* Decodes; bits above a 16-bit instruction are ignored.  False, with op 0, len and raw set: undefined. */
bool rv_decode(uint32_t raw, struct insn *out);
/*
 * The row alone, 0: undefined.  No bits above a 16-bit instruction may be set.  rv_extract_fields of riscv_fields.h, with the row's format, gets the rest, and
 * may still find that it is undefined.
 */
unsigned rv_row(uint32_t raw);
/* Row number of raw by linear search, 0 if undefined: what the tree is checked against. */
unsigned rv_decode_linear(uint32_t raw);

/* Bits of an instruction. BTV_INVALID: no such row, or an operand that its field cannot hold. */
BTV_NODISCARD enum btv_status rv_encode(const struct insn *in, uint32_t *raw);
/* Sets a member of *in by field letter (signed where the field is), for tests and tools that walk the rows. */
void rv_set_field(struct insn *in, char letter, int64_t value);
int64_t rv_get_field(const struct insn *in, char letter);

/* Assembly without pseudo-instructions, targets as absolute addresses. */
void rv_print(struct str *s, const struct insn *in, uint64_t pc);
/* The instruction of one line of that syntax; .+8 and .-8 are also targets.  BTV_SYNTAX. */
BTV_NODISCARD enum btv_status rv_parse(const char *line, uint64_t pc, struct insn *out, struct btv_error *err);
/* Row by mnemonic, without .aq/.rl suffix; 0 if there is none. */
unsigned rv_find(const char *mnemonic, size_t len);

const char *rv_xreg_name(unsigned n);
const char *rv_freg_name(unsigned n);

/* Constant number k of Zfa's fli as the bits of a binary16, binary32 or binary64 (bits = 16, 32, 64). */
uint64_t rv_fli_bits(unsigned k, unsigned bits);

/*
 * The processor that the guest sees: "max" (everything, the default) or an ISA string.  What it lacks is undefined then, for rv_decode
 * too.  Before guest code runs.  BTV_INVALID.
 */
BTV_NODISCARD enum btv_status rv_select(const char *cpu, struct btv_error *err);
bool rv_has(unsigned ext); /* enum rv_ext_index */
extern uint64_t rv_undefined_exts; /* bits by enum rv_ext_index: rv_decode's, set by rv_select */

/* "rv64imafdc_zicbom_..." and the bits of RISCV_HWPROBE_KEY_IMA_EXT_0, of that processor. */
void rv_isa_string(struct str *s);
uint64_t rv_hwprobe_ima_ext_0(void);

#endif

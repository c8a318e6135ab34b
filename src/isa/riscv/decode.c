/*
 * Bits <-> struct insn, by the tables that tools/isagen.c made of the rows.
 *
 * Decoding walks a table-driven tree (no branches to mispredict but the loop), tests all fixed bits of the row it
 * arrives at, and extracts the fields of the row's format.  Who goes on by the row anyway extracts them there.
 */
#include "isa/riscv/riscv.h"

#include <string.h>

struct linear_entry {
    uint32_t mask, match;
    uint16_t op;
    uint8_t len;
};

/* `bits` bits of a field: at raw_lo in the encoding, at value_lo in the value. */
struct piece {
    uint8_t field, raw_lo, bits, value_lo;
};

struct format {
    uint16_t first, count;
};

/* What makes a word a row. */
struct key {
    uint32_t mask, match;
};

#include "isa/riscv/riscv_fields.h"
#include "isa/riscv/riscv_tab.h"

/* The leaf for raw: row number in bits 15..0, format in 30..16. */
static inline uint32_t tree_leaf(uint32_t raw)
{
    /* 14..12 and 6..2, or 15..10 and 1..0: the bits that tell most rows apart */
    unsigned first = (raw & 3) == 3 ? ROOTS + ((raw >> 2 & 0x1f) | (raw >> 7 & 0xe0)) : (raw & 3) | (raw >> 8 & 0xfc);
    uint32_t n = tree[first];
    while (!(n >> 31))
        n = tree[(n >> 8) + (raw >> (n >> 3 & 31) & ((2u << (n & 7)) - 1))];
    return n;
}

/* Is what the tree says right, and there? */
static inline bool leaf_holds(uint32_t leaf, uint32_t raw)
{
    unsigned op = leaf & 0xffff;
    const struct key *k = &keys[op];
    return BTV_LIKELY((raw & k->mask) == k->match) && !(BTV_UNLIKELY(rv_undefined_exts) && (rv_undefined_exts >> rv_rows[op].ext & 1));
}

unsigned rv_row(uint32_t raw)
{
    uint32_t leaf = tree_leaf(raw);
    return leaf_holds(leaf, raw) ? leaf & 0xffff : 0;
}

bool rv_decode(uint32_t raw, struct insn *out)
{
    unsigned len = rv_length(raw);
    if (len == 2)
        raw &= 0xffff;
    *out = (struct insn){.len = (uint8_t)len, .raw = raw};
    uint32_t leaf = tree_leaf(raw);
    if (!leaf_holds(leaf, raw))
        return false;
    if (BTV_LIKELY(rv_extract_fields(leaf >> 16 & 0x7fff, raw, out))) {
        out->op = (uint16_t)leaf;
        return true;
    }
    *out = (struct insn){.len = (uint8_t)len, .raw = raw};
    return false;
}

unsigned rv_decode_linear(uint32_t raw)
{
    unsigned len = rv_length(raw);
    if (len == 2)
        raw &= 0xffff;
    for (size_t k = 0; k < ARRAY_LEN(linear); k++)
        if (linear[k].len == len && (raw & linear[k].mask) == linear[k].match) {
            struct insn in = {0};
            return linear[k].op && rv_extract_fields(rv_rows[linear[k].op].fmt, raw, &in) ? linear[k].op : 0;
        }
    return 0;
}

enum btv_status rv_encode(const struct insn *in, uint32_t *raw)
{
    if (in->op == 0 || in->op >= RV_OP_COUNT)
        return BTV_INVALID;
    const struct rv_row *r = &rv_rows[in->op];
    uint32_t bits = r->match;
    for (unsigned k = 0; k < formats[r->fmt].count; k++) {
        const struct piece *p = &pieces[formats[r->fmt].first + k];
        bits |= (field_value(p->field, in) >> p->value_lo & ((UINT32_C(1) << p->bits) - 1)) << p->raw_lo;
    }
    /* An operand out of range shows as a different value on the way back, a reserved combination as another row. */
    struct insn back;
    if (!rv_decode(bits, &back) || back.op != in->op || back.imm != in->imm || back.rd != in->rd || back.rs1 != in->rs1 ||
        back.rs2 != in->rs2 || back.rs3 != in->rs3 || back.rm != in->rm || back.csr != in->csr || back.aq != in->aq || back.rl != in->rl)
        return BTV_INVALID;
    *raw = bits;
    return BTV_OK;
}

static unsigned field_index(char letter)
{
    unsigned k = 0;
    while (k < rv_nfields && rv_fields[k].letter != letter)
        k++;
    return k;
}

int64_t rv_get_field(const struct insn *in, char letter)
{
    unsigned k = field_index(letter);
    uint32_t v = field_value(k, in);
    if (rv_fields[k].kind == RV_ISET)
        return v >> (letter == 'p' ? 4 : 0) & 15;
    return rv_fields[k].is_signed ? (int64_t)(int32_t)v : (int64_t)v;
}

void rv_set_field(struct insn *in, char letter, int64_t value)
{
    switch (letter) {
    case 'p': in->csr = (uint16_t)((in->csr & ~0xf0) | (value & 15) << 4); return;
    case 'q': in->csr = (uint16_t)((in->csr & ~0x0f) | (value & 15)); return;
    case 'm': in->csr = (uint16_t)((in->csr & ~0xf00) | (value & 15) << 8); return;
    default: set_field_value(field_index(letter), in, value); return;
    }
}

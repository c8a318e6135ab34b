/*
 * Intel-syntax text of decoded instructions, spelled as GNU objdump -Mintel spells it (which the tests compare with).
 */
#include "isa/x86_64/x64.h"

#include <inttypes.h>

#include "isa/x86_64/row.h"

static const char *const mnemonics[X64_ROW_COUNT] = {
    [X64_INVALID] = "(bad)",
#define X64(name, mnemonic, encoding, operands, sizes, feature, doc) [X64_##name] = mnemonic,
#include "isa/x86_64/x64.def"
#undef X64
};

static const char *const cc_names[16] = {"o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"};

static void print_gpr(struct str *s, int reg, unsigned width)
{
    static const char *const low[8] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
    static const char *const bytes[8] = {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"};
    if (reg >= 8)
        str_add(s, "r%d%s", reg, width == 1 ? "b" : width == 2 ? "w" : width == 4 ? "d" : "");
    else if (width == 1)
        str_adds(s, bytes[reg & 7]);
    else
        str_add(s, "%s%s", width == 2 ? "" : width == 4 ? "e" : "r", low[reg & 7]);
}

static const char *width_name(unsigned file, unsigned width)
{
    switch (width) {
    case 1: return "BYTE PTR ";
    case 2: return "WORD PTR ";
    case 4: return "DWORD PTR ";
    case 8: return "QWORD PTR ";
    case 16: return file == X64_FILE_GPR ? "OWORD PTR " : "XMMWORD PTR ";
    case 32: return "YMMWORD PTR ";
    default: return "";
    }
}

static void print_mem(struct str *s, const struct x64_mem *m)
{
    if (m->base == X64_NOREG && m->index < 0) {
        str_add(s, "ds:0x%" PRIx64, (uint64_t)(int64_t)m->disp);
        return;
    }
    str_adds(s, "[");
    if (m->base == X64_RIP)
        str_adds(s, "rip");
    else if (m->base >= 0)
        print_gpr(s, m->base, 8);
    if (m->index >= 0) {
        if (m->base != X64_NOREG)
            str_adds(s, "+");
        print_gpr(s, m->index, 8);
        str_add(s, "*%d", 1 << m->scale);
    }
    if (m->disp)
        str_add(s, "%c0x%x", m->disp < 0 ? '-' : '+', m->disp < 0 ? 0 - (uint32_t)m->disp : (uint32_t)m->disp);
    str_adds(s, "]");
}

static void print_operand(struct str *s, const struct x64_insn *i, unsigned n, uint64_t pc)
{
    const struct x64_desc *d = &x64_rows[i->row];
    const struct x64_operand *o = &i->op[n];
    unsigned width = x64_op_width(d->op[n], i->size);
    /* Immediates are shown as the bits the operation uses. */
    uint64_t mask = d->imm == X64_IMM_PLAIN || i->size == 0 || i->size >= 8 ? UINT64_MAX : ((uint64_t)1 << 8 * i->size) - 1;
    switch (o->kind) {
    case X64_O_GPR: print_gpr(s, o->reg, width); break;
    case X64_O_XMM: str_add(s, "%cmm%d", x64_op_file(d->op[n]) == X64_FILE_YMM ? 'y' : 'x', o->reg); break;
    case X64_O_MEM:
        str_adds(s, width_name(x64_op_file(d->op[n]), width));
        print_mem(s, &o->mem);
        break;
    case X64_O_IMM: str_add(s, "0x%" PRIx64, (uint64_t)o->imm & mask); break;
    case X64_O_REL: str_add(s, "0x%" PRIx64, pc + i->len + (uint64_t)o->imm); break;
    default: str_adds(s, x64_op_at(d->op[n]) == X64_AT_CL ? "cl" : "1"); break;
    }
}

/* "a/b": b for size 8; '?': the condition.  A slash is never part of a mnemonic. */
static void print_mnemonic(struct str *s, const struct x64_insn *i)
{
    const char *from = mnemonics[i->row], *p = from;
    while (*p && *p != '/')
        p++;
    if (*p && i->size == 8) {
        str_adds(s, p + 1);
        return;
    }
    for (; from < p; from++)
        if (*from == '?')
            str_adds(s, cc_names[i->cc & 15]);
        else
            str_addn(s, from, 1);
}

void x64_print(struct str *s, const struct x64_insn *i, uint64_t pc)
{
    if (i->row >= X64_ROW_COUNT) {
        str_adds(s, mnemonics[X64_INVALID]);
        return;
    }
    const struct x64_desc *d = &x64_rows[i->row];
    print_mnemonic(s, i);
    for (unsigned n = 0; n < ARRAY_LEN(d->op) && d->op[n]; n++) {
        str_adds(s, n ? ", " : " ");
        print_operand(s, i, n, pc);
    }
}

/*
 * One instruction back from its bytes: the forms of x64.def and nothing else.
 *
 * A form is found by scanning the rows, which costs under a microsecond and needs no state: decoding serves tests, disassembly
 * and the fault path, never translation.  Redundant encodings of a form (a REX with no bits, a long VEX, a wide displacement)
 * are accepted, and what x64_pad_jcc puts in front of one; other prefixes and W must be exactly those of the row.
 */
#include "isa/x86_64/x64.h"

#include "isa/x86_64/row.h"

enum { X64_MAX_LEN = 15 };

/* What stands before ModRM. */
struct head {
    uint8_t prefix; /* X64_P_* */
    uint8_t vex;    /* as in x64_desc */
    uint8_t map, opcode, vvvv;
    bool rex, w;
    uint8_t r, x, b; /* 0 or 8: high bits of the register fields */
};

struct input {
    const uint8_t *p, *end;
};

static bool take(struct input *in, uint8_t *out)
{
    if (in->p == in->end)
        return false;
    *out = *in->p++;
    return true;
}

/* A little-endian number of 0, 1, 2, 4 or 8 bytes, sign-extended. */
static bool take_signed(struct input *in, unsigned bytes, int64_t *out)
{
    if ((size_t)(in->end - in->p) < bytes)
        return false;
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)*in->p++ << 8 * i;
    unsigned unused = 64 - 8 * bytes;
    *out = bytes ? (int64_t)(v << unused) >> unused : 0;
    return true;
}

static bool take_vex(struct input *in, uint8_t first, struct head *h)
{
    static const uint8_t prefixes[4] = {0, X64_P_66, X64_P_F3, X64_P_F2};
    uint8_t b1, b2;
    if (!take(in, &b1))
        return false;
    h->r = b1 & 0x80 ? 0 : 8;
    h->map = X64_MAP_0F;
    b2 = b1;
    if (first == 0xc4) {
        h->x = b1 & 0x40 ? 0 : 8;
        h->b = b1 & 0x20 ? 0 : 8;
        h->map = b1 & 0x1f;
        if (!take(in, &b2))
            return false;
        h->w = b2 & 0x80;
    }
    h->vvvv = ~b2 >> 3 & 15;
    h->vex = b2 & 4 ? 2 : 1;
    h->prefix = prefixes[b2 & 3];
    return take(in, &h->opcode);
}

static bool take_head(struct input *in, struct head *h)
{
    uint8_t c;
    *h = (struct head){0};
    for (;;) {
        if (!take(in, &c))
            return false;
        uint8_t bit = c == 0x66 ? X64_P_66 : c == 0xf3 ? X64_P_F3 : c == 0xf2 ? X64_P_F2 : 0;
        if (!bit)
            break;
        h->prefix |= bit;
    }
    if ((c == 0xc4 || c == 0xc5) && !h->prefix)
        return take_vex(in, c, h);
    if ((c & 0xf0) == 0x40) {
        h->rex = true;
        h->w = c & 8;
        h->r = c & 4 ? 8 : 0;
        h->x = c & 2 ? 8 : 0;
        h->b = c & 1 ? 8 : 0;
        if (!take(in, &c))
            return false;
    }
    if (c == 0x0f) {
        h->map = X64_MAP_0F;
        if (!take(in, &c))
            return false;
        if (c == 0x38 || c == 0x3a) {
            h->map = c == 0x38 ? X64_MAP_0F38 : X64_MAP_0F3A;
            if (!take(in, &c))
                return false;
        }
    }
    h->opcode = c;
    return true;
}

/* ModRM with mod != 3, SIB and displacement. */
static bool take_mem(struct input *in, const struct head *h, uint8_t modrm, struct x64_mem *m)
{
    unsigned mod = modrm >> 6, disp_bytes = mod == 1 ? 1 : mod == 2 ? 4 : 0;
    int64_t disp;
    *m = (struct x64_mem){.base = (int8_t)((modrm & 7) | h->b), .index = X64_NOREG};
    if ((modrm & 7) == 4) {
        uint8_t sib;
        if (!take(in, &sib))
            return false;
        int8_t index = (int8_t)((sib >> 3 & 7) | h->x);
        if (index != X64_RSP) {
            m->index = index;
            m->scale = sib >> 6;
        }
        m->base = (int8_t)((sib & 7) | h->b);
        if ((sib & 7) == 5 && mod == 0) {
            m->base = X64_NOREG;
            disp_bytes = 4;
        }
    } else if ((modrm & 7) == 5 && mod == 0) {
        m->base = X64_RIP;
        disp_bytes = 4;
    }
    if (!take_signed(in, disp_bytes, &disp))
        return false;
    m->disp = (int32_t)disp;
    return true;
}

static struct x64_operand register_operand(uint16_t op, uint8_t reg)
{
    return (struct x64_operand){.kind = x64_op_file(op) == X64_FILE_GPR ? X64_O_GPR : X64_O_XMM, .reg = (int8_t)reg};
}

/* Without REX, byte registers 4 to 7 are ah, ch, dh and bh: not ours. */
static bool is_high_byte(const struct head *h, const struct x64_form *f, uint8_t flag, uint8_t reg)
{
    return f->flags & flag && !h->rex && reg >= 4;
}

/* The rest of an instruction whose prefixes, map and opcode are those of (d, f); `in` follows the opcode. */
static enum btv_status finish(const struct x64_desc *d, const struct x64_form *f, const struct head *h, struct input *in,
                              struct x64_insn *out)
{
    uint8_t modrm = 0, reg = 0, rm = (h->opcode & 7) | h->b;
    struct x64_mem mem;
    int64_t imm;
    bool is_mem = false, uses_vvvv = false;
    if (d->modrm < 8 || d->modrm == X64_MODRM_REG || d->modrm == X64_MODRM_FIXED) {
        if (!take(in, &modrm))
            return BTV_INVALID;
        if (d->modrm == X64_MODRM_FIXED && modrm != d->modrm_byte)
            return BTV_BADCODE;
        if (d->modrm < 8 && (modrm >> 3 & 7) != d->modrm)
            return BTV_BADCODE;
        reg = (modrm >> 3 & 7) | h->r;
        rm = (modrm & 7) | h->b;
        is_mem = modrm < 0xc0 && d->modrm != X64_MODRM_FIXED;
    }
    if (is_mem && !take_mem(in, h, modrm, &mem))
        return BTV_INVALID;
    if (!take_signed(in, f->imm_bytes, &imm))
        return BTV_INVALID;
    if (d->imm == X64_IMM_PLAIN)
        imm &= f->imm_bytes == 1 ? 0xff : 0xffff;
    if (is_high_byte(h, f, X64_FORM_REG8, reg) || (!is_mem && is_high_byte(h, f, X64_FORM_RM8, rm)))
        return BTV_BADCODE;

    for (unsigned i = 0; i < ARRAY_LEN(d->op); i++) {
        uint16_t op = d->op[i];
        struct x64_operand *o = &out->op[i];
        switch (x64_op_at(op)) {
        case X64_AT_REG: *o = register_operand(op, reg); break;
        case X64_AT_OPCODE: *o = register_operand(op, rm); break;
        case X64_AT_IMM: *o = (struct x64_operand){.kind = X64_O_IMM, .imm = imm}; break;
        case X64_AT_REL: *o = (struct x64_operand){.kind = X64_O_REL, .imm = imm}; break;
        case X64_AT_VVVV:
            uses_vvvv = true;
            *o = register_operand(op, h->vvvv);
            break;
        case X64_AT_RM:
            if (op & (is_mem ? X64_NOMEM : X64_MEMONLY))
                return BTV_BADCODE;
            *o = is_mem ? (struct x64_operand){.kind = X64_O_MEM, .mem = mem} : register_operand(op, rm);
            break;
        default: break; /* implicit or absent: X64_O_NONE */
        }
    }
    return h->vvvv && !uses_vvvv ? BTV_BADCODE : BTV_OK;
}

static bool head_matches(const struct x64_desc *d, const struct x64_form *f, const struct head *h)
{
    uint8_t varies = d->cc ? 15 : d->modrm == X64_MODRM_PLUS ? 7 : 0;
    return ((h->opcode ^ f->opcode) & ~varies) == 0 && h->prefix == f->prefix && h->w == (f->flags & X64_FORM_W);
}

enum btv_status x64_decode(const uint8_t *p, size_t len, struct x64_insn *out)
{
    struct input in = {p, p + (len < X64_MAX_LEN ? len : X64_MAX_LEN)};
    struct head h;
    while (in.p != in.end && *in.p == X64_PAD_JCC)
        in.p++;
    bool padded = in.p != p;
    if (!take_head(&in, &h))
        return len < X64_MAX_LEN ? BTV_INVALID : BTV_BADCODE;
    for (unsigned row = X64_INVALID + 1; row < X64_ROW_COUNT; row++) {
        const struct x64_desc *d = &x64_rows[row];
        if (d->vex != h.vex || d->map != h.map || (padded && row != X64_JCC_REL32))
            continue;
        for (unsigned n = 0; n < ARRAY_LEN(d->form); n++) {
            const struct x64_form *f = &d->form[n];
            if (!(d->any_size ? n == 0 : d->sizes >> n & 1) || !head_matches(d, f, &h))
                continue;
            struct input rest = in;
            struct x64_insn insn = {.row = (uint16_t)row, .size = d->any_size ? d->size : (uint8_t)(1u << n)};
            enum btv_status st = finish(d, f, &h, &rest, &insn);
            if (st == BTV_BADCODE)
                continue;
            if (st != BTV_OK)
                return len < X64_MAX_LEN ? st : BTV_BADCODE;
            insn.cc = d->cc ? h.opcode & 15 : 0;
            insn.len = (uint8_t)(rest.p - p);
            *out = insn;
            return BTV_OK;
        }
    }
    return BTV_BADCODE;
}

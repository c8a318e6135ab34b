/*
 * Encoding of rows.  The layout of every instruction (Intel SDM volume 2, section 2.1):
 *
 *   legacy  [66] [F3|F2] [REX] [0F [38|3A]] opcode [ModRM [SIB] [disp8|disp32]] [immediate]
 *   VEX     C5 RvvvvLpp | C4 RXBmmmmm WvvvvLpp, then opcode and the same tail
 *
 * An instruction is put together where it belongs when there is room for the longest, else on the side and copied if it fits:
 * a full buffer never holds part of an instruction, and bytes after `len` are never written.
 */
#include "isa/x86_64/x64.h"

#include <assert.h>

#include "base/pack.h"
#include "isa/x86_64/row.h"

enum { MAX_LEN = 15 };

/* The operands of one instruction, by field; unused ones are 0. */
struct args {
    int reg, vvvv, rm;
    const struct x64_mem *mem; /* r/m is memory when not NULL */
    int64_t imm;
    unsigned cc;
};

static uint8_t *put_le(uint8_t *p, uint64_t v, unsigned bytes)
{
    switch (bytes) {
    case 1: *p = (uint8_t)v; break;
    case 2: store_u16(p, (uint16_t)v); break;
    case 4: store_u32(p, (uint32_t)v); break;
    case 8: store_u64(p, v); break;
    default: break; /* no immediate, no displacement */
    }
    return p + bytes;
}

/* ModRM, SIB and displacement of a memory operand: the shortest form. */
static uint8_t *put_mem(uint8_t *p, unsigned reg, const struct x64_mem *m)
{
    unsigned top = (reg & 7) << 3;
    if (m->base == X64_RIP) {
        *p++ = (uint8_t)(top | 5);
        return put_le(p, (uint32_t)m->disp, 4);
    }
    assert(m->index != X64_RSP && m->scale < 4);
    unsigned index = m->index < 0 ? 4 : m->index & 7u;
    unsigned scale = m->index < 0 ? 0 : m->scale;
    if (m->base < 0) { /* mod 0 with SIB base 5: no base, disp32.  Without SIB it would be rip-relative. */
        *p++ = (uint8_t)(top | 4);
        *p++ = (uint8_t)(scale << 6 | index << 3 | 5);
        return put_le(p, (uint32_t)m->disp, 4);
    }
    unsigned base = m->base & 7u;
    /* mod 0 with base 5 (rbp, r13) means something else, so these take a zero disp8. */
    unsigned mod = m->disp == 0 && base != 5 ? 0 : m->disp == (int8_t)m->disp ? 1 : 2;
    if (m->index < 0 && base != 4) {
        *p++ = (uint8_t)(mod << 6 | top | base);
    } else { /* base 4 (rsp, r12) is the escape to SIB */
        *p++ = (uint8_t)(mod << 6 | top | 4);
        *p++ = (uint8_t)(scale << 6 | index << 3 | base);
    }
    return put_le(p, (uint32_t)m->disp, mod == 2 ? 4 : mod);
}

/* `rxb`: the high bits of the three register fields, as in REX. */
static uint8_t *put_vex(uint8_t *p, const struct x64_desc *d, const struct x64_form *f, unsigned rxb, int vvvv)
{
    unsigned pp = f->prefix == X64_P_F2 ? 3u : f->prefix;
    unsigned w = f->flags & X64_FORM_W;
    unsigned low = (~(unsigned)vvvv & 15) << 3 | (d->vex - 1u) << 2 | pp;
    if (!(rxb & 3) && d->map == X64_MAP_0F && !w) {
        *p++ = 0xc5;
        *p++ = (uint8_t)((rxb & 4 ? 0 : 0x80) | low);
    } else {
        *p++ = 0xc4;
        *p++ = (uint8_t)((~rxb & 7) << 5 | d->map);
        *p++ = (uint8_t)(w << 7 | low);
    }
    return p;
}

static uint8_t *put_legacy(uint8_t *p, const struct x64_desc *d, const struct x64_form *f, unsigned rxb, bool force_rex)
{
    if (f->prefix & X64_P_66)
        *p++ = 0x66;
    if (f->prefix & X64_P_F3)
        *p++ = 0xf3;
    else if (f->prefix & X64_P_F2)
        *p++ = 0xf2;
    unsigned rex = (f->flags & X64_FORM_W) << 3 | rxb;
    if (rex || force_rex)
        *p++ = (uint8_t)(0x40 | rex);
    if (d->map) {
        *p++ = 0x0f;
        if (d->map == X64_MAP_0F38)
            *p++ = 0x38;
        else if (d->map == X64_MAP_0F3A)
            *p++ = 0x3a;
    }
    return p;
}

/* Appends n bytes or, if they do not fit, none. */
static void put_raw(struct x64_buf *b, const void *bytes, size_t n)
{
    if (n > b->cap - b->len) {
        b->full = true;
        return;
    }
    memcpy(b->p + b->len, bytes, n);
    b->len += n;
}

/* Only asserted. */
BTV_UNUSED static bool imm_fits(const struct x64_form *f, const struct x64_desc *d, int64_t imm, unsigned size)
{
    unsigned bits = f->imm_bytes * 8u;
    if (bits == 0 || bits == 64)
        return true;
    int64_t low = -((int64_t)1 << (bits - 1)), high = ((int64_t)1 << (bits - 1)) - 1;
    if (d->imm == X64_IMM_PLAIN || (d->imm == X64_IMM_SIGNED && f->imm_bytes == size))
        high = ((int64_t)1 << bits) - 1; /* both readings of the same bits */
    return imm >= low && imm <= high;
}

static void put(struct x64_buf *b, enum x64_row row, int size, const struct args *a)
{
    static const uint8_t log2_size[16] = {[2] = 1, [4] = 2, [8] = 3};
    assert(row > X64_INVALID && row < X64_ROW_COUNT);
    const struct x64_desc *d = &x64_rows[row];
    /* Size 1 with an imm32 row is the imm8 row of the same operation. */
    assert(d->any_size || (size & (size - 1)) == 0);
    assert(d->any_size || d->sizes & 1 << log2_size[size & 15] || (size == 1 && d->imm == X64_IMM_SIGNED));
    const struct x64_form *f = &d->form[log2_size[size & 15]];
    assert(imm_fits(f, d, a->imm, d->any_size ? d->size : (unsigned)size));

    uint8_t side[MAX_LEN];
    bool room = b->cap - b->len >= MAX_LEN;
    uint8_t *start = room ? b->p + b->len : side, *p = start;

    unsigned reg = d->modrm < 8 ? d->modrm : (unsigned)a->reg;
    unsigned rxb = reg >> 1 & 4;
    bool force_rex = f->flags & X64_FORM_REG8 && a->reg >= 4;
    if (a->mem) {
        rxb |= (a->mem->index >= 8 ? 2u : 0) | (a->mem->base >= 8 ? 1u : 0);
    } else {
        rxb |= (unsigned)a->rm >> 3;
        force_rex |= f->flags & X64_FORM_RM8 && a->rm >= 4;
    }
    p = d->vex ? put_vex(p, d, f, rxb, a->vvvv) : put_legacy(p, d, f, rxb, force_rex);
    uint8_t opcode = (uint8_t)(f->opcode | a->cc);
    switch (d->modrm) {
    case X64_MODRM_NONE:
        *p++ = opcode;
        break;
    case X64_MODRM_PLUS:
        *p++ = (uint8_t)(opcode | (a->rm & 7));
        break;
    case X64_MODRM_FIXED:
        *p++ = opcode;
        *p++ = d->modrm_byte;
        break;
    default:
        *p++ = opcode;
        if (a->mem)
            p = put_mem(p, reg, a->mem);
        else
            *p++ = (uint8_t)(0xc0 | (reg & 7) << 3 | (a->rm & 7));
    }
    p = put_le(p, (uint64_t)a->imm, f->imm_bytes);
    if (room)
        b->len += (size_t)(p - start);
    else
        put_raw(b, start, (size_t)(p - start));
}

/* The first of two operands is vvvv in rows where ModRM.reg is a digit (blsr and kin). */
static struct args first_reg(enum x64_row row, int reg)
{
    return x64_rows[row].modrm < 8 ? (struct args){.vvvv = reg} : (struct args){.reg = reg};
}

void x64_rr(struct x64_buf *b, enum x64_row row, int size, int reg, int rm)
{
    struct args a = first_reg(row, reg);
    a.rm = rm;
    put(b, row, size, &a);
}

void x64_rm(struct x64_buf *b, enum x64_row row, int size, int reg, struct x64_mem m)
{
    struct args a = first_reg(row, reg);
    a.mem = &m;
    put(b, row, size, &a);
}

void x64_r(struct x64_buf *b, enum x64_row row, int size, int rm)
{
    put(b, row, size, &(struct args){.rm = rm});
}

void x64_m(struct x64_buf *b, enum x64_row row, int size, struct x64_mem m)
{
    put(b, row, size, &(struct args){.mem = &m});
}

void x64_ri(struct x64_buf *b, enum x64_row row, int size, int rm, int64_t imm)
{
    put(b, row, size, &(struct args){.rm = rm, .imm = imm});
}

void x64_mi(struct x64_buf *b, enum x64_row row, int size, struct x64_mem m, int64_t imm)
{
    put(b, row, size, &(struct args){.mem = &m, .imm = imm});
}

void x64_rri(struct x64_buf *b, enum x64_row row, int size, int reg, int rm, int64_t imm)
{
    put(b, row, size, &(struct args){.reg = reg, .rm = rm, .imm = imm});
}

void x64_rmi(struct x64_buf *b, enum x64_row row, int size, int reg, struct x64_mem m, int64_t imm)
{
    put(b, row, size, &(struct args){.reg = reg, .mem = &m, .imm = imm});
}

void x64_rvr(struct x64_buf *b, enum x64_row row, int size, int reg, int vvvv, int rm)
{
    put(b, row, size, &(struct args){.reg = reg, .vvvv = vvvv, .rm = rm});
}

void x64_rvm(struct x64_buf *b, enum x64_row row, int size, int reg, int vvvv, struct x64_mem m)
{
    put(b, row, size, &(struct args){.reg = reg, .vvvv = vvvv, .mem = &m});
}

void x64_0(struct x64_buf *b, enum x64_row row, int size)
{
    put(b, row, size, &(struct args){0});
}

void x64_setcc(struct x64_buf *b, enum x64_cc cc, int rm)
{
    put(b, X64_SETCC_RM, 1, &(struct args){.rm = rm, .cc = cc});
}

void x64_cmovcc(struct x64_buf *b, enum x64_cc cc, int size, int reg, int rm)
{
    put(b, X64_CMOVCC_R_RM, size, &(struct args){.reg = reg, .rm = rm, .cc = cc});
}

void x64_encode(struct x64_buf *b, const struct x64_insn *i)
{
    const struct x64_desc *d = &x64_rows[i->row];
    struct args a = {.cc = i->cc};
    for (unsigned n = 0; n < ARRAY_LEN(d->op); n++) {
        const struct x64_operand *o = &i->op[n];
        switch (x64_op_at(d->op[n])) {
        case X64_AT_REG: a.reg = o->reg; break;
        case X64_AT_VVVV: a.vvvv = o->reg; break;
        case X64_AT_IMM: case X64_AT_REL: a.imm = o->imm; break;
        case X64_AT_RM: case X64_AT_OPCODE:
            if (o->kind == X64_O_MEM)
                a.mem = &o->mem;
            else
                a.rm = o->reg;
            break;
        default: break; /* implicit or absent */
        }
    }
    put(b, i->row, i->size, &a);
}

/* Jumps are emitted with distance 0 and patched. */
static size_t put_jump(struct x64_buf *b, enum x64_row row, enum x64_cc cc, size_t target)
{
    put(b, row, 0, &(struct args){.cc = cc});
    if (b->full)
        return b->len;
    size_t field = b->len - 4;
    if (target)
        x64_patch(b, field, target);
    return field;
}

size_t x64_jcc(struct x64_buf *b, enum x64_cc cc, size_t target)
{
    return put_jump(b, X64_JCC_REL32, cc, target);
}

size_t x64_jmp(struct x64_buf *b, size_t target)
{
    return put_jump(b, X64_JMP_REL32, 0, target);
}

size_t x64_call(struct x64_buf *b, size_t target)
{
    return put_jump(b, X64_CALL_REL32, 0, target);
}

size_t x64_jcc8(struct x64_buf *b, enum x64_cc cc)
{
    put(b, X64_JCC_REL8, 0, &(struct args){.cc = cc});
    return b->full ? b->len : b->len - 1;
}

size_t x64_jmp8(struct x64_buf *b)
{
    put(b, X64_JMP_REL8, 0, &(struct args){0});
    return b->full ? b->len : b->len - 1;
}

void x64_patch(struct x64_buf *b, size_t field, size_t target)
{
    if (b->full)
        return;
    assert(field + 4 <= b->len);
    store_u32(b->p + field, (uint32_t)(target - (field + 4)));
}

void x64_patch8(struct x64_buf *b, size_t field, size_t target)
{
    if (b->full)
        return;
    assert(field + 1 <= b->len);
    int64_t distance = (int64_t)target - (int64_t)(field + 1);
    assert(distance == (int8_t)distance);
    b->p[field] = (uint8_t)distance;
}

void x64_pad_jcc(struct x64_buf *b, unsigned bytes)
{
    enum { OPCODE = 2, DISTANCE = 4 };
    unsigned at = (unsigned)(b->len + OPCODE) % bytes, n = at + DISTANCE > bytes ? bytes - at : 0;
    if (b->cap - b->len < n) {
        b->full = true;
        return;
    }
    memset(b->p + b->len, X64_PAD_JCC, n);
    b->len += n;
}

void x64_nop(struct x64_buf *b, unsigned n)
{
    /* SDM volume 2, NOP: recommended sequences.  Row n - 1 has n bytes. */
    enum { LONGEST = 9 };
    static const uint8_t nops[LONGEST][LONGEST] = {
        {0x90},
        {0x66, 0x90},
        {0x0f, 0x1f, 0x00},
        {0x0f, 0x1f, 0x40, 0x00},
        {0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
        {0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
    };
    while (n > 0 && !b->full) {
        unsigned k = n < LONGEST ? n : LONGEST;
        put_raw(b, nops[k - 1], k);
        n -= k;
    }
}

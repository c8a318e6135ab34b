/*
 * The packed part of a block, written once when it is published.
 *
 *   for each range   start - end of the one before (of the first: - pc of the block), signed; length
 *   the guest bytes  range after range, unless they are not kept
 *   for each mark    one byte: host offset - that of the one before, in bits 7-2, and what the guest pc is after that of the one before:
 *                    2 or 4 bytes (bits 1-0 are 0 or 1), or something else (2); offsets of 63 and more and other pcs follow, signed
 *
 * Numbers are little-endian groups of 7 bits, all but the last with bit 7 set; signed ones have their sign in bit 0.  Most take
 * one byte.  Readers run in signal handlers too: no allocation, no lock.
 */
#include <string.h>

#include "run/run.h"

static uint8_t *put(uint8_t *p, uint64_t v)
{
    for (; v >> 7; v >>= 7)
        *p++ = (uint8_t)(v | 0x80);
    *p++ = (uint8_t)v;
    return p;
}

static uint8_t *put_signed(uint8_t *p, uint64_t v)
{
    return put(p, v << 1 ^ -(v >> 63));
}

static uint64_t get(const uint8_t **p)
{
    uint64_t v = *(*p)++;
    if (BTV_LIKELY(v < 0x80))
        return v;
    v &= 0x7f;
    for (unsigned shift = 7;; shift += 7) {
        uint64_t b = *(*p)++;
        v |= (b & 0x7f) << shift;
        if (b < 0x80)
            return v;
    }
}

static uint64_t get_signed(const uint8_t **p)
{
    uint64_t v = get(p);
    return v >> 1 ^ -(v & 1);
}

#define MARK_FAR 63
enum { MARK_2 = 0, MARK_4 = 1, MARK_OTHER = 2 };

static uint8_t *put_mark(uint8_t *p, uint32_t offset, uint64_t pc)
{
    unsigned step = pc == 2 ? MARK_2 : pc == 4 ? MARK_4 : MARK_OTHER;
    *p++ = (uint8_t)((offset < MARK_FAR ? offset : MARK_FAR) << 2 | step);
    if (offset >= MARK_FAR)
        p = put(p, offset);
    return step == MARK_OTHER ? put_signed(p, pc) : p;
}

uint32_t record_pack(uint8_t *out, const struct guest_lift *g, const struct host_code *c, enum record_bytes keep)
{
    uint8_t *p = out;
    uint64_t pc = g->pc;
    uint32_t copied = 0, offset = 0;
    for (unsigned i = 0; i < g->nranges; i++) {
        p = put_signed(p, g->range[i].start - pc);
        p = put(p, g->range[i].end - g->range[i].start);
        copied += (uint32_t)(g->range[i].end - g->range[i].start);
        pc = g->range[i].end;
    }
    if (keep == RECORD_BYTES) {
        memcpy(p, g->bytes, copied);
        p += copied;
    }
    pc = g->pc;
    for (unsigned i = 0; i < c->nmarks; i++) {
        uint64_t at = g->pc + (uint64_t)(int64_t)(int32_t)c->mark[i].pc_delta;
        p = put_mark(p, c->mark[i].offset - offset, at - pc);
        offset = c->mark[i].offset;
        pc = at;
    }
    return (uint32_t)(p - out);
}

void block_ranges(const struct engine *e, const struct block *b, struct block_ranges *out)
{
    const uint8_t *p = e->packed + b->packed;
    uint64_t pc = b->pc;
    out->n = b->nranges;
    out->bytes = 0;
    for (unsigned i = 0; i < b->nranges; i++) {
        struct guest_range *r = &out->range[i];
        r->start = pc + get_signed(&p);
        pc = r->end = r->start + get(&p);
        out->bytes += (uint32_t)(r->end - r->start);
    }
    out->copy = b->copied ? p : NULL;
    out->marks = p + (b->copied ? out->bytes : 0);
}

struct block_marks block_marks(const struct engine *e, const struct block *b)
{
    struct block_ranges r;
    block_ranges(e, b, &r);
    return (struct block_marks){.at = r.marks, .left = b->nmarks, .pc = b->pc};
}

bool block_next_mark(struct block_marks *m)
{
    if (!m->left)
        return false;
    m->left--;
    uint8_t head = *m->at++;
    m->offset += head >> 2 < MARK_FAR ? head >> 2 : (uint32_t)get(&m->at);
    unsigned step = head & 3;
    m->pc += step == MARK_2 ? 2 : step == MARK_4 ? 4 : get_signed(&m->at);
    return true;
}

/*
 * The packed part of a block, written once when it is published.
 *
 *   guest instructions, ranges
 *   for each range   start - end of the one before (of the first: - pc of the block), signed; length
 *   of a block that took the place of another: the number of the first for its pc
 *   links
 *   for each link    name - that of the one before; pc - that of the one before (of the first: - pc of the block), signed
 *   the guest bytes  range after range, unless they are not kept
 *   of a region      pins that hold integers, that hold floats; the slot of each, one byte
 *   of a region      recoveries; for each the host offset - that of the one before, places; for each of these slot, where,
 *                    register or the constant
 *   marks
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

uint32_t record_bound(const struct source *g, const struct host_code *c)
{
    uint32_t n = 64 + 20 * (g->nranges + c->nmarks + c->nrecovery + c->nlinks);
    for (unsigned i = 0; i < c->nrecovery; i++)
        n += c->recovery[i].n * 12;
    for (unsigned i = 0; i < g->nranges; i++)
        n += (uint32_t)(g->range[i].end - g->range[i].start);
    return n;
}

static uint8_t *put_recoveries(uint8_t *p, const struct host_code *c)
{
    uint32_t offset = 0;
    p = put(p, c->nrecovery);
    for (unsigned i = 0; i < c->nrecovery; i++) {
        const struct host_recovery *r = &c->recovery[i];
        p = put(p, r->offset - offset);
        p = put(p, r->n);
        offset = r->offset;
        for (const struct host_loc *l = c->loc + r->first; l < c->loc + r->first + r->n; l++) {
            *p++ = l->slot;
            *p++ = l->where;
            p = put(p, l->where == HOST_IS_CONST ? l->imm : l->reg);
        }
    }
    return p;
}

static const uint8_t *skip_recoveries(const uint8_t *p)
{
    for (uint64_t i = get(&p); i; i--) {
        get(&p);
        for (uint64_t n = get(&p); n; n--) {
            p += 2;
            get(&p);
        }
    }
    return p;
}

static uint8_t *put_links(uint8_t *p, uint64_t pc, const struct host_code *c)
{
    uint32_t at = 0;
    p = put(p, c->nlinks);
    for (const struct host_link *l = c->link; l < c->link + c->nlinks; l++) {
        p = put(p, l->at - at);
        p = put_signed(p, l->pc - pc);
        at = l->at;
        pc = l->pc;
    }
    return p;
}

struct record_sizes record_pack(uint8_t *out, const struct source *g, const struct host_code *c, const struct record_how *how)
{
    uint8_t *p = out;
    uint64_t pc = g->pc;
    uint32_t copied = 0, offset = 0;
    struct record_sizes sizes = {0};
    p = put(p, g->insns);
    p = put(p, g->nranges);
    for (unsigned i = 0; i < g->nranges; i++) {
        p = put_signed(p, g->range[i].start - pc);
        p = put(p, g->range[i].end - g->range[i].start);
        copied += (uint32_t)(g->range[i].end - g->range[i].start);
        pc = g->range[i].end;
    }
    uint8_t *links = p;
    if (how->first)
        p = put(p, *how->first);
    p = put_links(p, g->pc, c);
    sizes.links = (uint32_t)(p - links);
    if (how->keep_bytes) {
        memcpy(p, g->bytes, copied);
        p += copied;
        sizes.copy = copied;
    }
    if (c->pins) {
        *p++ = c->pins->npin_int;
        *p++ = c->pins->npin_fp;
        memcpy(p, c->pins->pin_int, c->pins->npin_int);
        p += c->pins->npin_int;
        memcpy(p, c->pins->pin_fp, c->pins->npin_fp);
        p += c->pins->npin_fp;
        p = put_recoveries(p, c);
    }
    p = put(p, c->nmarks);
    pc = g->pc;
    for (unsigned i = 0; i < c->nmarks; i++) {
        uint64_t at = g->pc + (uint64_t)(int64_t)(int32_t)c->mark[i].pc_delta;
        p = put_mark(p, c->mark[i].offset - offset, at - pc);
        offset = c->mark[i].offset;
        pc = at;
    }
    sizes.all = (uint32_t)(p - out);
    return sizes;
}

static const uint8_t *skip_links(const uint8_t *p)
{
    for (uint64_t n = 2 * get(&p); n; n--)
        get(&p);
    return p;
}

void block_ranges(const struct engine *e, const struct block *b, struct block_ranges *out)
{
    const uint8_t *p = e->packed + b->packed;
    uint64_t pc = b->pc;
    out->insns = (unsigned)get(&p);
    out->n = (unsigned)get(&p);
    out->bytes = 0;
    for (unsigned i = 0; i < out->n; i++) {
        struct guest_range *r = &out->range[i];
        r->start = pc + get_signed(&p);
        pc = r->end = r->start + get(&p);
        out->bytes += (uint32_t)(r->end - r->start);
    }
    out->links = p;
    if (b->again)
        get(&p);
    p = skip_links(p);
    out->copy = b->copied ? p : NULL;
    out->rest = p + (b->copied ? out->bytes : 0);
}

unsigned block_insns(const struct engine *e, const struct block *b)
{
    const uint8_t *p = e->packed + b->packed;
    return (unsigned)get(&p);
}

bool block_first(const struct engine *e, const struct block *b, uint32_t *number)
{
    struct block_ranges r;
    if (!b->again)
        return false;
    block_ranges(e, b, &r);
    *number = (uint32_t)get(&r.links);
    return true;
}

bool block_link(const struct engine *e, const struct block *b, uint32_t name, uint64_t *pc)
{
    struct block_ranges r;
    block_ranges(e, b, &r);
    const uint8_t *p = r.links;
    uint64_t at = 0, to = b->pc, polled = CPU_NO_PC;
    if (b->again)
        get(&p);
    for (uint64_t n = get(&p); n; n--) {
        at += get(&p);
        to += get_signed(&p);
        if (at == name) {
            *pc = to;
            return true;
        }
        if (at + HOST_POLL_BYTES == name)
            polled = to;
    }
    *pc = polled;
    return false;
}

void block_pins(const struct engine *e, const struct block *b, struct host_config *cfg)
{
    struct block_ranges r;
    block_ranges(e, b, &r);
    const uint8_t *p = r.rest;
    cfg->npin_int = *p++;
    cfg->npin_fp = *p++;
    memcpy(cfg->pin_int, p, cfg->npin_int);
    memcpy(cfg->pin_fp, p + cfg->npin_int, cfg->npin_fp);
}

void block_recover(const struct engine *e, const struct block *b, uint32_t offset, struct cpu *cpu, const void *ucontext)
{
    struct block_ranges r;
    block_ranges(e, b, &r);
    const uint8_t *p = r.rest;
    p += 2 + p[0] + p[1];
    const uint8_t *found = NULL;
    uint32_t at = 0;
    for (uint64_t i = get(&p); i; i--) {
        at += (uint32_t)get(&p);
        if (at <= offset)
            found = p;
        for (uint64_t n = get(&p); n; n--) {
            p += 2;
            get(&p);
        }
    }
    for (uint64_t n = found ? get(&found) : 0; n; n--) {
        unsigned slot = *found++, where = *found++;
        uint64_t v = get(&found);
        cpu->slot[slot] = where == HOST_IS_CONST ? v : e->host->context_reg(ucontext, (unsigned)v);
    }
}

struct block_marks block_marks(const struct engine *e, const struct block *b)
{
    struct block_ranges r;
    block_ranges(e, b, &r);
    const uint8_t *p = r.rest;
    if (b->region)
        p = skip_recoveries(p + 2 + p[0] + p[1]);
    struct block_marks m = {.pc = b->pc};
    m.left = (unsigned)get(&p);
    m.at = p;
    return m;
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

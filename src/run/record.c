/*
 * The packed part of a block, written once when it is published.
 *
 *   one byte         kept links in bits 1-0; above them of a simple block the length of its only range, in units, of others the number of ranges; if
 *                    either has all bits set, its number follows
 *   of others        for each range: start - end of the one before (of the first of a region: - pc of the block; of other first ones: none), signed;
 *                    length; both in units
 *   of a block that took the place of another: the number of the first for its pc
 *   for each link    name - that of the one before; pc - that of the one before (of the first: - end of the last range), signed, in units.  What
 *                    leads near is not kept: the code tells where (host.link_noted)
 *   the guest bytes  range after range, unless they are not kept
 *   of a region      pins that hold integers, that hold floats; the slot of each, one byte
 *   of a region      recoveries; for each the host offset - that of the one before, places; for each of these slot, where,
 *                    register or the constant
 *   for each mark, up to the end: one byte: host offset - that of the one before in bits 4-0, guest pc - that of the one before in bits 7-5, in units; what does
 *                    not fit has all bits set and follows, the pc signed
 *
 * The unit of pcs is the guest's insn_align.
 * Numbers are little-endian groups of 7 bits, all but the last with bit 7 set; signed ones have their sign in bit 0.  Most take
 * one byte.  Readers run in signal handlers too: no allocation, no lock.
 */
#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "run/run.h"

/* A distance of pcs in units, two's complement like the distance. */
static uint64_t in_units(uint64_t distance, unsigned align)
{
    return (uint64_t)((int64_t)distance / (int64_t)align);
}

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

enum { FEW_LINKS = 3, FEW_UNITS = 63, UNITS_SHIFT = 2, NEAR = 31, NEAR_PC = 7, NEAR_PC_SHIFT = 5 };

/* `units` is the length, or the number of ranges. */
static uint8_t *put_counts(uint8_t *p, unsigned links, uint64_t units)
{
    *p++ = (uint8_t)((links < FEW_LINKS ? links : FEW_LINKS) | (units < FEW_UNITS ? units : FEW_UNITS) << UNITS_SHIFT);
    if (links >= FEW_LINKS)
        p = put(p, links);
    return units >= FEW_UNITS ? put(p, units) : p;
}

static void get_counts(const uint8_t **p, unsigned *links, uint64_t *units)
{
    uint8_t both = *(*p)++;
    *links = both & FEW_LINKS;
    *units = both >> UNITS_SHIFT;
    if (*links == FEW_LINKS)
        *links = (unsigned)get(p);
    if (*units == FEW_UNITS)
        *units = get(p);
}

static uint8_t *put_mark(uint8_t *p, uint32_t offset, uint64_t units)
{
    *p++ = (uint8_t)((offset < NEAR ? offset : NEAR) | (units < NEAR_PC ? units : NEAR_PC) << NEAR_PC_SHIFT);
    if (offset >= NEAR)
        p = put(p, offset);
    return units >= NEAR_PC ? put_signed(p, units) : p;
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

static uint8_t *put_links(uint8_t *p, uint64_t pc, const struct host_code *c, const struct record_how *how)
{
    uint32_t at = 0;
    for (const struct host_link *l = c->link; l < c->link + how->nlinks; l++) {
        p = put(p, l->at - at);
        p = put_signed(p, in_units(l->pc - pc, how->align));
        at = l->at;
        pc = l->pc;
    }
    return p;
}

/* Faults ask for marks of what may fault, and for two in a row with one pc (host_mark); what starts with the block needs none to tell its pc. */
static bool keeps_mark(const struct host_code *c, unsigned i, const struct record_how *how)
{
    const struct host_mark *m = &c->mark[i];
    if (!how->all_marks && i == 0 && !m->offset && !m->pc_delta && c->nmarks > 1 && m[1].pc_delta)
        return false;
    return how->all_marks || m->may_fault || (i && m[-1].pc_delta == m->pc_delta) || (i + 1 < c->nmarks && m[1].pc_delta == m->pc_delta);
}

static uint8_t *put_marks(uint8_t *p, uint64_t start, const struct host_code *c, const struct record_how *how)
{
    uint64_t pc = start;
    uint32_t offset = 0;
    for (unsigned i = 0; i < c->nmarks; i++) {
        if (!keeps_mark(c, i, how))
            continue;
        uint64_t at = start + c->mark[i].pc_delta;
        p = put_mark(p, c->mark[i].offset - offset, in_units(at - pc, how->align));
        offset = c->mark[i].offset;
        pc = at;
    }
    return p;
}

bool record_simple(const struct source *g)
{
    return g->nranges == 1 && g->range[0].start == g->pc;
}

static uint8_t *put_ranges(uint8_t *p, const struct source *g, const struct host_code *c, const struct record_how *how)
{
    uint64_t pc = g->pc;
    if (record_simple(g))
        return put_counts(p, how->nlinks, (g->range[0].end - pc) / how->align);
    p = put_counts(p, how->nlinks, g->nranges);
    for (unsigned i = 0; i < g->nranges; i++) {
        assert(i || c->pins || g->range[i].start == pc);
        if (i || c->pins)
            p = put_signed(p, in_units(g->range[i].start - pc, how->align));
        p = put(p, (g->range[i].end - g->range[i].start) / how->align);
        pc = g->range[i].end;
    }
    return p;
}

struct record_sizes record_pack(uint8_t *out, const struct source *g, const struct host_code *c, const struct record_how *how)
{
    struct record_sizes sizes = {0};
    uint8_t *p = put_ranges(out, g, c, how), *links = p;
    if (how->first)
        p = put(p, *how->first);
    p = put_links(p, g->range[g->nranges - 1].end, c, how);
    sizes.links = (uint32_t)(p - links);
    if (how->keep_bytes) {
        for (unsigned i = 0; i < g->nranges; i++)
            sizes.copy += (uint32_t)(g->range[i].end - g->range[i].start);
        memcpy(p, g->bytes, sizes.copy);
        p += sizes.copy;
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
    p = put_marks(p, g->pc, c, how);
    sizes.all = (uint32_t)(p - out);
    return sizes;
}

void block_ranges(const struct engine *e, const struct block *b, struct block_ranges *out)
{
    const uint8_t *p = block_record(e, b);
    uint64_t pc = block_pc(e, b), units;
    unsigned align = e->guest->insn_align;
    bool simple = block_is(b, BLOCK_SIMPLE), region = block_is(b, BLOCK_REGION);
    get_counts(&p, &out->nlinks, &units);
    out->n = simple ? 1 : (unsigned)units;
    out->bytes = 0;
    for (unsigned i = 0; i < out->n; i++) {
        struct guest_range *r = &out->range[i];
        r->start = simple || !(i || region) ? pc : pc + get_signed(&p) * align;
        pc = r->end = r->start + (simple ? units : get(&p)) * align;
        out->bytes += (uint32_t)(r->end - r->start);
    }
    out->links = p;
    if (block_is(b, BLOCK_AGAIN))
        get(&p);
    for (unsigned n = 2 * out->nlinks; n; n--)
        get(&p);
    out->copy = block_is(b, BLOCK_COPIED) ? p : NULL;
    out->rest = p + (out->copy ? out->bytes : 0);
}

bool block_overlaps(const struct engine *e, const struct block *b, uint64_t start, uint64_t end)
{
    if (block_is(b, BLOCK_SIMPLE)) {
        const uint8_t *p = block_record(e, b);
        uint64_t pc = block_pc(e, b), units;
        unsigned nlinks;
        if (pc >= end)
            return false;
        get_counts(&p, &nlinks, &units);
        return start < pc + units * e->guest->insn_align;
    }
    struct block_ranges r;
    block_ranges(e, b, &r);
    for (unsigned i = 0; i < r.n; i++)
        if (r.range[i].start < end && start < r.range[i].end)
            return true;
    return false;
}

/*
 * Behind it is the record of the next block, if there is one.  For whoever may execute b, packed_used counted it in before he could find it, and counts
 * the next one only when there is a number for that.
 */
static const uint8_t *record_end(const struct engine *e, const struct block *b)
{
    uint32_t used = atomic_load_explicit(&e->packed_used, memory_order_acquire), next = (uint32_t)(b - e->block) + 1;
    if (next >= atomic_load_explicit(&e->nblocks, memory_order_acquire))
        return e->packed + used;
    return e->block[next].key ? block_record(e, &e->block[next]) : e->packed + e->group[next / BLOCK_GROUP + 1].packed;
}

bool block_first(const struct engine *e, const struct block *b, uint32_t *number)
{
    struct block_ranges r;
    if (!block_is(b, BLOCK_AGAIN))
        return false;
    block_ranges(e, b, &r);
    *number = (uint32_t)get(&r.links);
    return true;
}

/* By what the code at that offset is; the distance of its own guest code's end, `pc`, is noted until the link is made. */
static bool link_in_code(struct engine *e, uint32_t offset, uint64_t *pc)
{
    int64_t note;
    uint32_t to;
    if (e->host->link_noted(&e->stubs, e->code, offset, &note)) {
        *pc += (uint64_t)note * e->guest->insn_align;
        return true;
    }
    to = e->host->link_target(&e->stubs, e->code, offset);
    if (to)
        *pc = block_pc(e, cache_block_of(e, (uint64_t)(uintptr_t)e->code + to));
    return to;
}

bool block_link(struct engine *e, const struct block *b, uint32_t name, uint64_t *pc)
{
    struct block_ranges r;
    block_ranges(e, b, &r);
    const uint8_t *p = r.links;
    uint64_t at = 0, end = r.range[r.n - 1].end, to = end, polled = CPU_NO_PC;
    if (block_is(b, BLOCK_AGAIN))
        get(&p);
    for (unsigned n = r.nlinks; n; n--) {
        at += get(&p);
        to += get_signed(&p) * e->guest->insn_align;
        if (at == name) {
            *pc = to;
            return true;
        }
        if (at + HOST_POLL_BYTES == name)
            polled = to;
    }
    /* A link may start where another one ends, like a poll: what is not kept comes before that. */
    *pc = end;
    if (link_in_code(e, block_offset(e, b) + name, pc))
        return true;
    *pc = polled;
    if (polled == CPU_NO_PC) {
        *pc = end;
        link_in_code(e, block_offset(e, b) + name - HOST_POLL_BYTES, pc);
    }
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
    if (block_is(b, BLOCK_REGION))
        p = skip_recoveries(p + 2 + p[0] + p[1]);
    return (struct block_marks){.at = p, .end = record_end(e, b), .align = e->guest->insn_align, .pc = block_pc(e, b)};
}

bool block_next_mark(struct block_marks *m)
{
    if (m->at == m->end)
        return false;
    uint8_t both = *m->at++;
    uint32_t offset = both & NEAR;
    uint64_t units = both >> NEAR_PC_SHIFT;
    m->offset += offset < NEAR ? offset : (uint32_t)get(&m->at);
    m->pc += (units < NEAR_PC ? units : get_signed(&m->at)) * m->align;
    return true;
}

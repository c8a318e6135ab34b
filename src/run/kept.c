/*
 * Packs and unpacks kept translations.  See kept.h.  Pure: memory in, memory out.
 */
#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "run/kept.h"

/* Followed by its arrays in this order: ranges, links, marks, stubs, places, guest bytes, code. */
struct head {
    uint64_t hash; /* of all that follows */
    uint32_t bytes, at;
    uint64_t base;
    uint32_t code_bytes, hot_bytes;
    uint16_t guest_bytes, insns, nranges, nlinks, nmarks, nstubs, nplaces, alone;
};

struct range {
    int32_t start; /* - at */
    uint32_t bytes;
};

struct link {
    uint32_t at;
    int32_t to; /* - at of the translation */
};

#define MARK_FAULTS (UINT32_C(1) << 31) /* host_mark.may_fault, in the offset */
struct mark {
    uint32_t offset;
    int32_t pc_delta;
};

struct stub {
    uint32_t offset : 24, stub : 8;
};

/* A guest address in the code: eight bytes, or twice four with so many bytes between where the two start. */
struct place {
    uint32_t offset : 24, apart : 8;
};

static const unsigned between[] = {4, 7, 10}; /* together; MOV [rbp+d8], imm32; MOV [rbp+d32], imm32 */
#define DISTANCE (KEPT_HIGH - KEPT_LOW)

static uint64_t read_place(const uint8_t *code, unsigned apart)
{
    uint32_t low, high;
    memcpy(&low, code, 4);
    memcpy(&high, code + apart, 4);
    return (uint64_t)high << 32 | low;
}

static void write_place(uint8_t *code, unsigned apart, uint64_t v)
{
    const uint32_t low = (uint32_t)v, high = (uint32_t)(v >> 32);
    memcpy(code, &low, 4);
    memcpy(code + apart, &high, 4);
}

/* Finds the address that the differing byte n is part of. */
static bool find_place(const struct host_code c[2], uint32_t n, struct place *out)
{
    for (unsigned k = 0; k < ARRAY_LEN(between); k++)
        for (uint32_t s = n < 3 ? 0 : n - 3; s <= n && s + between[k] + 4 <= c[0].len; s++)
            if (read_place(c[1].bytes + s, between[k]) - read_place(c[0].bytes + s, between[k]) == DISTANCE) {
                *out = (struct place){.offset = s, .apart = between[k]};
                return true;
            }
    return false;
}

/* Where the two differ, in order; -1: otherwise than in addresses. */
static int find_places(struct arena *a, const struct host_code c[2], struct place **out)
{
    struct place *p = ARENA_ARRAY(a, struct place, c[0].len / 4 + 1);
    uint8_t *moved = arena_push_raw(a, c[0].len);
    int count = 0;
    if (!p || !moved)
        return -1;
    memcpy(moved, c[0].bytes, c[0].len);
    for (uint32_t n = 0; n < c[0].len; n++) {
        if (moved[n] == c[1].bytes[n])
            continue;
        if (!find_place(c, n, &p[count]))
            return -1;
        uint8_t *at = moved + p[count].offset;
        write_place(at, p[count].apart, read_place(at, p[count].apart) + DISTANCE);
        if (moved[n] != c[1].bytes[n])
            return -1;
        count++;
    }
    *out = p;
    return memcmp(moved, c[1].bytes, c[0].len) ? -1 : count;
}

/* Are the two the same but for addresses that differ by the distance? */
static bool alike(const struct guest_lift g[2], const struct host_code c[2])
{
    if (g[0].insns != g[1].insns || g[0].nranges != g[1].nranges || g[0].nbytes != g[1].nbytes || memcmp(g[0].bytes, g[1].bytes, g[0].nbytes) ||
        c[0].len != c[1].len || c[0].hot_len != c[1].hot_len || c[0].nreloc != c[1].nreloc || c[0].nmarks != c[1].nmarks || c[0].nlinks != c[1].nlinks ||
        c[0].alone != c[1].alone)
        return false;
    for (unsigned i = 0; i < g[0].nranges; i++)
        if (g[1].range[i].start - g[0].range[i].start != DISTANCE || g[1].range[i].end - g[0].range[i].end != DISTANCE)
            return false;
    for (unsigned i = 0; i < c[0].nreloc; i++)
        if (c[0].reloc[i].offset != c[1].reloc[i].offset || c[0].reloc[i].stub != c[1].reloc[i].stub)
            return false;
    for (unsigned i = 0; i < c[0].nmarks; i++) {
        const struct host_mark *x = &c[0].mark[i], *y = &c[1].mark[i];
        if (x->offset != y->offset || x->pc_delta != y->pc_delta || x->may_fault != y->may_fault)
            return false;
    }
    for (unsigned i = 0; i < c[0].nlinks; i++)
        if (c[0].link[i].at != c[1].link[i].at || c[1].link[i].pc - c[0].link[i].pc != DISTANCE)
            return false;
    return true;
}

static uint32_t array_bytes(const struct head *h)
{
    return (uint32_t)(sizeof *h + h->nranges * sizeof(struct range) + h->nlinks * sizeof(struct link) + h->nmarks * sizeof(struct mark) +
                      h->nstubs * sizeof(struct stub) + h->nplaces * sizeof(struct place));
}

static uint32_t all_bytes(const struct head *h)
{
    return ALIGN_UP(array_bytes(h) + h->guest_bytes + h->code_bytes, 8u);
}

const void *kept_pack(struct arena *a, uint64_t base, uint64_t at, const struct guest_lift *g, const struct host_code *code, uint32_t *bytes)
{
    const struct host_code *c = code;
    const uint64_t pc = base + at;
    struct place *place = NULL;
    int nplaces = 0;
    assert(!c->pins && !c->nrecovery); /* no region */
    if (at > INT32_MAX || (base == KEPT_LOW && !alike(g, code)))
        return NULL;
    if (base == KEPT_LOW)
        nplaces = find_places(a, code, &place);
    if (nplaces < 0)
        return NULL;
    struct head h = {.at = (uint32_t)at,
                     .base = base,
                     .code_bytes = c->len,
                     .hot_bytes = c->hot_len,
                     .guest_bytes = (uint16_t)g->nbytes,
                     .insns = (uint16_t)g->insns,
                     .nranges = (uint16_t)g->nranges,
                     .nlinks = (uint16_t)c->nlinks,
                     .nmarks = (uint16_t)c->nmarks,
                     .nstubs = (uint16_t)c->nreloc,
                     .nplaces = (uint16_t)nplaces,
                     .alone = c->alone};
    h.bytes = all_bytes(&h);
    struct head *out = arena_push(a, h.bytes);
    if (!out)
        return NULL;
    struct range *range = (struct range *)(out + 1);
    struct link *link = (struct link *)(range + h.nranges);
    struct mark *mark = (struct mark *)(link + h.nlinks);
    struct stub *stub = (struct stub *)(mark + h.nmarks);
    struct place *places = (struct place *)(stub + h.nstubs);
    uint8_t *rest = (uint8_t *)(places + h.nplaces);
    for (unsigned i = 0; i < h.nranges; i++) {
        int64_t start = (int64_t)(g->range[i].start - pc);
        range[i] = (struct range){(int32_t)start, (uint32_t)(g->range[i].end - g->range[i].start)};
        if (range[i].start != start)
            return NULL;
    }
    for (unsigned i = 0; i < h.nlinks; i++) {
        int64_t to = (int64_t)(c->link[i].pc - pc);
        link[i] = (struct link){c->link[i].at, (int32_t)to};
        if (link[i].to != to)
            return NULL;
    }
    for (unsigned i = 0; i < h.nmarks; i++) {
        int64_t delta = (int64_t)c->mark[i].pc_delta;
        mark[i] = (struct mark){c->mark[i].offset | (c->mark[i].may_fault ? MARK_FAULTS : 0), (int32_t)delta};
        if (mark[i].pc_delta != delta)
            return NULL;
    }
    for (unsigned i = 0; i < h.nstubs; i++)
        stub[i] = (struct stub){.offset = c->reloc[i].offset & 0xffffff, .stub = (uint8_t)c->reloc[i].stub};
    if (h.nplaces)
        memcpy(places, place, h.nplaces * sizeof *place);
    memcpy(rest, g->bytes, h.guest_bytes);
    memcpy(rest + h.guest_bytes, c->bytes, h.code_bytes);
    h.hash = 0;
    *out = h;
    out->hash = hash_bytes(&out->bytes, h.bytes - offsetof(struct head, bytes), 0);
    *bytes = h.bytes;
    return out;
}

uint32_t kept_check(const void *kept, uint64_t n, uint32_t *at)
{
    const struct head *h = kept;
    if (n < sizeof *h || h->bytes < sizeof *h || h->bytes > n || h->bytes % 8 || hash_bytes(&h->bytes, h->bytes - offsetof(struct head, bytes), 0) != h->hash ||
        h->code_bytes > h->bytes || all_bytes(h) != h->bytes)
        return 0;
    *at = h->at;
    return h->bytes;
}

bool kept_alone(const void *kept)
{
    return ((const struct head *)kept)->alone;
}

static bool fill_arrays(struct arena *a, const struct head *h, uint64_t pc, struct guest_lift *g, struct host_code *c)
{
    const struct range *range = (const struct range *)(h + 1);
    const struct link *link = (const struct link *)(range + h->nranges);
    const struct mark *mark = (const struct mark *)(link + h->nlinks);
    const struct stub *stub = (const struct stub *)(mark + h->nmarks);
    uint32_t bytes = 0;
    for (unsigned i = 0; i < h->nranges; i++) {
        uint64_t start = pc + (uint64_t)(int64_t)range[i].start;
        g->range[i] = (struct guest_range){start, start + range[i].bytes};
        bytes += range[i].bytes;
    }
    c->link = ARENA_ARRAY(a, struct host_link, h->nlinks + 1);
    c->mark = ARENA_ARRAY(a, struct host_mark, h->nmarks + 1);
    c->reloc = ARENA_ARRAY(a, struct host_reloc, h->nstubs + 1);
    if (!arena_ok(a))
        return false;
    for (unsigned i = 0; i < h->nlinks; i++) {
        c->link[i] = (struct host_link){link[i].at, pc + (uint64_t)(int64_t)link[i].to};
        if (link[i].at > h->code_bytes || link[i].at < HOST_LINK_BYTES)
            return false;
    }
    for (unsigned i = 0; i < h->nmarks; i++)
        c->mark[i] = (struct host_mark){.offset = mark[i].offset & ~MARK_FAULTS, .pc_delta = (uint64_t)(int64_t)mark[i].pc_delta, .may_fault = mark[i].offset & MARK_FAULTS};
    for (unsigned i = 0; i < h->nstubs; i++) {
        c->reloc[i] = (struct host_reloc){stub[i].offset, stub[i].stub};
        if (stub[i].offset + 4u > h->code_bytes || stub[i].stub >= HOST_MAX_STUBS)
            return false;
    }
    return bytes == h->guest_bytes;
}

enum btv_status kept_unpack(struct arena *a, const void *kept, uint64_t base, struct guest_lift *g, struct host_code *code)
{
    const struct head *h = kept;
    const uint64_t pc = base + h->at;
    if (h->base != base && (h->base != KEPT_LOW || base < KEPT_LOW || base > KEPT_HIGH))
        return BTV_INVALID;
    if (h->nranges > GUEST_MAX_RANGES || !h->nranges || h->guest_bytes > GUEST_MAX_BYTES || !h->insns || h->insns > GUEST_MAX_INSNS || h->nlinks > HOST_MAX_LINKS)
        return BTV_INVALID;
    *g = (struct guest_lift){.pc = pc, .insns = h->insns, .nranges = h->nranges, .nbytes = h->guest_bytes};
    *code = (struct host_code){.len = h->code_bytes, .hot_len = h->hot_bytes, .nreloc = h->nstubs, .nmarks = h->nmarks, .nlinks = h->nlinks, .alone = h->alone};
    code->bytes = arena_push_raw(a, h->code_bytes + 1);
    bool right = fill_arrays(a, h, pc, g, code);
    if (!arena_ok(a))
        return BTV_NOMEM;
    if (!right)
        return BTV_INVALID;
    const uint8_t *rest = (const uint8_t *)kept + array_bytes(h);
    const struct place *place = (const struct place *)(const void *)(rest - h->nplaces * sizeof *place);
    memcpy(g->bytes, rest, h->guest_bytes);
    memcpy(code->bytes, rest + h->guest_bytes, h->code_bytes);
    for (unsigned i = 0; i < h->nplaces; i++) {
        uint8_t *at = code->bytes + place[i].offset;
        if (place[i].offset + place[i].apart + 4u > h->code_bytes)
            return BTV_INVALID;
        write_place(at, place[i].apart, read_place(at, place[i].apart) + (base - h->base));
    }
    return BTV_OK;
}

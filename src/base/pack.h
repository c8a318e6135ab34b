/*
 * Bounded little-endian access: every byte that came from outside is read and written through these.
 *
 * The plain load/store helpers take any alignment.  A pack_reader never runs past its end: a short read
 * returns 0 and sets `failed`, so a parser may read a whole record and test once.
 */
#ifndef BTV_BASE_PACK_H
#define BTV_BASE_PACK_H

#include <string.h>

#include "base/defs.h"

static inline uint16_t load_u16(const void *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline uint32_t load_u32(const void *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline uint64_t load_u64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void store_u16(void *p, uint16_t v)
{
    memcpy(p, &v, sizeof v);
}
static inline void store_u32(void *p, uint32_t v)
{
    memcpy(p, &v, sizeof v);
}
static inline void store_u64(void *p, uint64_t v)
{
    memcpy(p, &v, sizeof v);
}

struct pack_reader {
    const unsigned char *p;
    size_t len, at;
    bool failed;
};

static inline struct pack_reader pack_reader(const void *p, size_t len)
{
    return (struct pack_reader){.p = p, .len = len};
}

static inline bool pack_need(struct pack_reader *r, size_t n)
{
    if (r->failed || n > r->len - r->at)
        r->failed = true;
    return !r->failed;
}

static inline uint8_t pack_u8(struct pack_reader *r)
{
    return pack_need(r, 1) ? r->p[r->at++] : 0;
}
static inline uint16_t pack_u16(struct pack_reader *r)
{
    if (!pack_need(r, 2))
        return 0;
    r->at += 2;
    return load_u16(r->p + r->at - 2);
}
static inline uint32_t pack_u32(struct pack_reader *r)
{
    if (!pack_need(r, 4))
        return 0;
    r->at += 4;
    return load_u32(r->p + r->at - 4);
}
static inline uint64_t pack_u64(struct pack_reader *r)
{
    if (!pack_need(r, 8))
        return 0;
    r->at += 8;
    return load_u64(r->p + r->at - 8);
}
/* Unsigned LEB128 of at most 10 bytes. */
static inline uint64_t pack_uleb(struct pack_reader *r)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t b = pack_u8(r);
        if (shift < 64)
            v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return v;
    }
    r->failed = true;
    return 0;
}

#endif

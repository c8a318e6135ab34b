/*
 * The arithmetic named in the eval column of ops.def, on values of w bits held zero-extended in 64.
 *
 * Everything is unsigned, so nothing overflows in the sense of C; a signed view is taken with ir_sx.  Results may
 * have garbage above w: the caller truncates.  w is 1..64.
 */
#ifndef BTV_IR_ARITH_H
#define BTV_IR_ARITH_H

#include "base/defs.h"

static inline uint64_t ir_mask(unsigned w)
{
    return w >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << w) - 1;
}

/* The low w bits as a signed number. */
static inline int64_t ir_sx(uint64_t a, unsigned w)
{
    uint64_t sign = UINT64_C(1) << (w - 1);
    return (int64_t)(((a & ir_mask(w)) ^ sign) - sign);
}

static inline uint64_t ir_mulhu(uint64_t a, uint64_t b, unsigned w)
{
    return (uint64_t)((unsigned __int128)a * b >> w);
}

static inline uint64_t ir_mulhs(uint64_t a, uint64_t b, unsigned w)
{
    return (uint64_t)((__int128)ir_sx(a, w) * ir_sx(b, w) >> w);
}

static inline uint64_t ir_mulhsu(uint64_t a, uint64_t b, unsigned w)
{
    return (uint64_t)((__int128)ir_sx(a, w) * (__int128)b >> w);
}

static inline uint64_t ir_divs(uint64_t a, uint64_t b, unsigned w)
{
    int64_t sa = ir_sx(a, w), sb = ir_sx(b, w);
    if (sb == 0)
        return ~UINT64_C(0);
    return sb == -1 ? -a : (uint64_t)(sa / sb); /* -1: INT64_MIN / -1 would trap on the host */
}

static inline uint64_t ir_rems(uint64_t a, uint64_t b, unsigned w)
{
    int64_t sa = ir_sx(a, w), sb = ir_sx(b, w);
    if (sb == 0)
        return a;
    return sb == -1 ? 0 : (uint64_t)(sa % sb);
}

static inline uint64_t ir_rotl(uint64_t a, uint64_t b, unsigned w)
{
    b %= w;
    return b ? a << b | (a & ir_mask(w)) >> (w - b) : a;
}

/* Swaps neighbouring bits, pairs and nibbles. */
static inline uint64_t ir_bitrev8(uint64_t a)
{
    a = (a >> 1 & 0x5555555555555555) | (a & 0x5555555555555555) << 1;
    a = (a >> 2 & 0x3333333333333333) | (a & 0x3333333333333333) << 2;
    return (a >> 4 & 0x0f0f0f0f0f0f0f0f) | (a & 0x0f0f0f0f0f0f0f0f) << 4;
}

static inline uint64_t ir_orcb(uint64_t a)
{
    const uint64_t low7 = 0x7f7f7f7f7f7f7f7f;
    uint64_t set = (((a & low7) + low7) | a) & ~low7; /* bit 7 of every non-zero byte */
    return (set >> 7) * 0xff;
}

static inline unsigned __int128 ir_clmul_full(uint64_t a, uint64_t b)
{
    unsigned __int128 r = 0;
    for (unsigned i = 0; b >> i; i++) {
        if (b >> i & 1)
            r ^= (unsigned __int128)a << i;
        if (i == 63)
            break;
    }
    return r;
}

static inline uint64_t ir_clmul(uint64_t a, uint64_t b)
{
    return (uint64_t)ir_clmul_full(a, b);
}

static inline uint64_t ir_clmulh(uint64_t a, uint64_t b, unsigned w)
{
    return (uint64_t)(ir_clmul_full(a, b) >> w);
}

static inline uint64_t ir_fsgnj(uint64_t a, uint64_t b, unsigned w)
{
    uint64_t sign = UINT64_C(1) << (w - 1);
    return (a & ~sign) | (b & sign);
}

#endif

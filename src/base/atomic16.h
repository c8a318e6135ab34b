/*
 * Compare and exchange of 16 aligned bytes.  Compilers turn the builtin into a library call on hosts whose baseline lacks the
 * instruction, hence the assembly for x86-64 (every 64-bit processor since 2006 has it).
 */
#ifndef BTV_BASE_ATOMIC16_H
#define BTV_BASE_ATOMIC16_H

#include "base/defs.h"

/* If p[0..1] equals expect[0..1], writes v[0..1]; old[0..1] is what was there.  Sequentially consistent. */
static inline void atomic16_cas(void *p, const uint64_t expect[2], const uint64_t v[2], uint64_t old[2])
{
#if defined(__x86_64__)
    uint64_t lo = expect[0], hi = expect[1];
    __asm__ volatile("lock cmpxchg16b (%2)" : "+a"(lo), "+d"(hi) : "r"(p), "b"(v[0]), "c"(v[1]) : "memory", "cc");
    old[0] = lo;
    old[1] = hi;
#else
    unsigned __int128 want = (unsigned __int128)expect[1] << 64 | expect[0];
    __atomic_compare_exchange_n((unsigned __int128 *)p, &want, (unsigned __int128)v[1] << 64 | v[0], false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    old[0] = (uint64_t)want;
    old[1] = (uint64_t)(want >> 64);
#endif
}

#endif

/*
 * Hashes of bytes that other processes, or a disk, had in their hands: XXH3, 64 bits.  Not against somebody who wants a collision.
 */
#ifndef BTV_BASE_HASH_H
#define BTV_BASE_HASH_H

#include "base/defs.h"

uint64_t hash_bytes(const void *bytes, size_t n, uint64_t seed);

#endif

/*
 * Failures on purpose: allocations that fail, file calls that are interrupted or do less than asked (--chaos=alloc, alloc-at, io).
 *
 * Whoever allocates asks chaos_alloc_fails first; file.c asks chaos_io_cut.  The state is one for the process, set before there
 * are threads.
 */
#ifndef BTV_BASE_CHAOS_H
#define BTV_BASE_CHAOS_H

#include "base/defs.h"

enum chaos_alloc {
    CHAOS_NEEDED,   /* without it a call of the guest fails, or btv does not start */
    CHAOS_OPTIONAL, /* without it btv is slower */
};

/* Every n-th of the optional ones fails, and number `at` of all; 0: none.  Starts counting. */
void chaos_alloc_set(uint64_t every, uint64_t at);
/* True: fail this one.  errno is ENOMEM then. */
bool chaos_alloc_fails(enum chaos_alloc kind);

/* One file call in n is cut; 0: none. */
void chaos_io_set(uint64_t n, uint64_t seed);
/* How much of n > 0 bytes the next call is to ask for; 0: it is to be interrupted. */
size_t chaos_io_cut(size_t n);

/* The next number of the generator whose state is *state; any state will do. */
uint64_t chaos_random(uint64_t *state);

#endif

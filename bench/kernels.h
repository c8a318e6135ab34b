/*
 * What the files of kernels share.
 */
#ifndef BTV_BENCH_KERNELS_H
#define BTV_BENCH_KERNELS_H

#include <stdint.h>

#define KERNEL(group, name, n, stresses) uint64_t name(unsigned rounds);
#include "kernels.def"
#undef KERNEL

/* The next number of a generator that every run starts anew; 24 bits. */
uint32_t rnd(void);

/* The compiler must take v for used, and for changed. */
#define KEEP(v) __asm__ volatile("" : "+r"(v) : : "memory")

#endif

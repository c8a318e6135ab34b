/*
 * CPUID asked here.
 */
#include <cpuid.h>

#include "isa/x86_64/cpuid.h"

void x64_read_leaves(uint32_t leaves[X64_LEAVES])
{
    uint32_t a, b, c, d;
    if (__get_cpuid(1, &a, &b, &c, &d))
        leaves[X64_LEAF_1_ECX] = c;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
        leaves[X64_LEAF_7_EBX] = b;
    if (__get_cpuid(0x80000001, &a, &b, &c, &d))
        leaves[X64_LEAF_EXT1_ECX] = c;
}

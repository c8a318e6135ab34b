/*
 * What the C library found when it started (glibc 2.33): in a virtual machine each CPUID is a visit to its host, of 4 us and more.
 */
#include <sys/platform/x86.h>

#include "isa/x86_64/cpuid.h"

enum { EBX = 1, ECX = 2 }; /* in cpuid_array: eax, ebx, ecx, edx */

void x64_read_leaves(uint32_t leaves[X64_LEAVES])
{
    leaves[X64_LEAF_1_ECX] = __x86_get_cpuid_feature_leaf(CPUID_INDEX_1)->cpuid_array[ECX];
    leaves[X64_LEAF_7_EBX] = __x86_get_cpuid_feature_leaf(CPUID_INDEX_7)->cpuid_array[EBX];
    leaves[X64_LEAF_EXT1_ECX] = __x86_get_cpuid_feature_leaf(CPUID_INDEX_80000001)->cpuid_array[ECX];
}

/*
 * The registers of CPUID that hold the feature bits looked at; 0 where there is no such leaf.
 */
#ifndef BTV_ISA_X86_64_CPUID_H
#define BTV_ISA_X86_64_CPUID_H

#include "isa/x86_64/x64.h"

enum x64_leaf { X64_LEAF_1_ECX, X64_LEAF_7_EBX, X64_LEAF_EXT1_ECX, X64_LEAVES };
void x64_read_leaves(uint32_t leaves[X64_LEAVES]);

#endif

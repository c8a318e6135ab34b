/*
 * Stands in for cpuid.c where btv itself does not run on x86-64: code may be encoded, never run.
 */
#include "isa/x86_64/x64.h"

unsigned x64_host_features(void)
{
    return X64_F_BASE;
}

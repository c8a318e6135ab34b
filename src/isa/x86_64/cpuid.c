/*
 * Feature bits of the x86-64 CPU this runs on (SDM volume 2, CPUID; AVX also needs the kernel to save ymm state: XCR0).
 */
#include "isa/x86_64/cpuid.h"

enum {
    OSXSAVE = 1 << 27, /* leaf 1, ecx: XGETBV may be used */
    XCR0_SSE_AVX = 6,
    NEEDS_YMM = X64_F_AVX | X64_F_AVX2 | X64_F_FMA | X64_F_F16C,
};

static uint32_t xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

unsigned x64_host_features(void)
{
    static const struct {
        uint8_t leaf, bit;
        uint16_t feature;
    } bits[] = {
        {X64_LEAF_1_ECX, 0, X64_F_SSE3},    {X64_LEAF_1_ECX, 1, X64_F_PCLMUL}, {X64_LEAF_1_ECX, 9, X64_F_SSSE3},  {X64_LEAF_1_ECX, 12, X64_F_FMA},
        {X64_LEAF_1_ECX, 13, X64_F_CX16},   {X64_LEAF_1_ECX, 19, X64_F_SSE41}, {X64_LEAF_1_ECX, 20, X64_F_SSE42}, {X64_LEAF_1_ECX, 22, X64_F_MOVBE},
        {X64_LEAF_1_ECX, 23, X64_F_POPCNT}, {X64_LEAF_1_ECX, 28, X64_F_AVX},   {X64_LEAF_1_ECX, 29, X64_F_F16C},  {X64_LEAF_7_EBX, 3, X64_F_BMI1},
        {X64_LEAF_7_EBX, 5, X64_F_AVX2},    {X64_LEAF_7_EBX, 8, X64_F_BMI2},   {X64_LEAF_7_EBX, 19, X64_F_ADX},   {X64_LEAF_EXT1_ECX, 5, X64_F_LZCNT},
    };
    uint32_t leaves[X64_LEAVES] = {0};
    x64_read_leaves(leaves);
    unsigned features = X64_F_BASE;
    for (size_t i = 0; i < ARRAY_LEN(bits); i++)
        if (leaves[bits[i].leaf] >> bits[i].bit & 1)
            features |= bits[i].feature;
    bool ymm = leaves[X64_LEAF_1_ECX] & OSXSAVE && (xcr0() & XCR0_SSE_AVX) == XCR0_SSE_AVX;
    return ymm ? features : features & ~(unsigned)NEEDS_YMM;
}

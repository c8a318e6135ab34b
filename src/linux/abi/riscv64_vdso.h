/*
 * The vDSO of RISC-V processes; riscv64_vdso.c has the code.
 */
#ifndef BTV_LINUX_ABI_RISCV64_VDSO_H
#define BTV_LINUX_ABI_RISCV64_VDSO_H

#include "base/defs.h"

/* Host calls: instructions of the custom-0 space that exist in the vDSO only.  a0 = result, more results in a2 and a3. */
enum riscv64_hostcall {
    RISCV64_HC_CLOCK_GETTIME = 0, /* clock a0: seconds a2, nanoseconds a3 */
    RISCV64_HC_CLOCK_GETRES = 1,  /* the same */
    RISCV64_HC_GETTIMEOFDAY = 2,  /* seconds a2, microseconds a3 */
    RISCV64_HC_GETCPU = 3,        /* cpu a2, node a3 */
};
/*
 *  31       20 19   15 14 12 11    7 6      0
 * | function  | 00000 | 000 | 01010 | 0001011 |      rd is a0
 */
#define RISCV64_HOSTCALL_WORD UINT32_C(0x0000050b)

/* The whole image; its size and the place of the sigreturn code are checked where it is built. */
struct riscv64_vdso;
extern const struct riscv64_vdso riscv64_vdso;
#define RISCV64_VDSO_BYTES 1024
#define RISCV64_VDSO_SIGRETURN 0x330

#endif

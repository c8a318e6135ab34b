/*
 * What the generator sends to the harness inside the emulator and what comes back: plain little-endian structs.
 */
#ifndef BTV_TESTS_DIFF_RECORD_H
#define BTV_TESTS_DIFF_RECORD_H

#include <stdint.h>

#define DIFF_MAGIC 0x76746264u
#define DIFF_MAX_CODE 640              /* bytes of code in a record */
#define DIFF_ARENA UINT64_C(0x40000000) /* two pages of data at a fixed address */
#define DIFF_PAGE 4096u

enum { DIFF_UNMAPPED = 1 }; /* record flags: the second page of the arena cannot be accessed */

/* Followed by code_bytes of code, padded to 8. x[3] and x[31] are set by the harness. */
struct diff_record {
    uint32_t magic;
    uint32_t code_bytes;
    uint32_t flags;
    uint32_t fcsr;
    uint64_t seed; /* fills the arena */
    uint64_t x[32];
    uint64_t f[32];
};

/* State after the last instruction, or at the signal that ended the sequence. */
struct diff_result {
    uint64_t x[32]; /* x[0]: pc relative to the code at a signal; x[3] and x[31] as 0 if untouched */
    uint64_t f[32];
    uint64_t fcsr;
    uint64_t arena; /* hash of both pages */
    uint32_t sig, code;
    uint64_t addr; /* si_addr, relative to the code if inside */
};

#endif

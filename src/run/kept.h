/*
 * One translation as it is kept in a file: what it was made from, and code that can be put to any address for guest code at any base.
 *
 * Guest code of a file lies elsewhere in every process, and translations contain guest addresses: what AUIPC makes, where calls return to.
 * Which bytes these are nobody has to tell: the code is translated twice, as if its file lay at KEPT_LOW and at KEPT_HIGH, and where the two
 * differ by just the distance, in eight bytes or in two stores of four, is an address.  Code that differs in another way is not kept.  What is decided
 * while translating by comparing addresses is decided alike at all bases between the two, the only ones at which a kept translation
 * is used.
 *
 * A program that is always loaded at one address, which lies below KEPT_LOW as a rule, is translated once and for that address.
 *
 * The format is for one build of btv on one machine (store.c has a key for that): numbers in the host's byte order, 4-byte aligned.
 */
#ifndef BTV_RUN_KEPT_H
#define BTV_RUN_KEPT_H

#include "guest/guest.h"
#include "host/host.h"

#define KEPT_LOW UINT64_C(0x123456000)
#define KEPT_HIGH UINT64_C(0x7edcba987000)

/*
 * The same code lifted and emitted at offset `at` behind KEPT_LOW and behind KEPT_HIGH (base KEPT_LOW), or once at offset `at` behind
 * another base.  NULL if it cannot be kept; else *bytes in `a`.
 */
const void *kept_pack(struct arena *a, uint64_t base, uint64_t at, const struct guest_lift *g, const struct host_code *code, uint32_t *bytes);

/* Does n bytes' worth of memory start with a kept translation, unharmed?  How many bytes it has and where it belongs; else 0. */
uint32_t kept_check(const void *kept, uint64_t n, uint32_t *at);
/* Was it made for memory that no other processor looks at (host_config.alone)? */
bool kept_alone(const void *kept);

/*
 * As lift and emit would have filled them for base + at, where they are read afterwards: of *g the pc, insns, ranges and bytes.  kept_check has been called; yet whatever it
 * holds, nothing outside it and *g is touched.  BTV_INVALID: not for that base, or not made by kept_pack; BTV_NOMEM.
 */
BTV_NODISCARD enum btv_status kept_unpack(struct arena *a, const void *kept, uint64_t base, struct guest_lift *g, struct host_code *code);

#endif

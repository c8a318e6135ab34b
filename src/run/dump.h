/*
 * Listings of translations: the intermediate format under each guest instruction, host code under it.
 *
 * The trace topics lift, ir, emit, exit and interp are texts made here; `btv dump` prints the same listings.
 */
#ifndef BTV_RUN_DUMP_H
#define BTV_RUN_DUMP_H

#include "guest/guest.h"
#include "host/host.h"

/* "0x10078: addi sp, sp, -16" */
void dump_insn(struct str *s, const struct guest_isa *guest, const struct guest_code *code, uint64_t pc);
/* Each guest instruction of f, followed by the ops it became. */
void dump_lift(struct str *s, const struct guest_isa *guest, const struct guest_code *code, const struct ir_func *f);
/* Host code not yet placed: offsets, guest instructions as comments, relocations by name, cold paths at the end. */
void dump_code(struct str *s, const struct host_isa *host, const struct guest_isa *guest, const struct guest_code *code, const struct host_code *c,
               uint64_t pc);

#endif

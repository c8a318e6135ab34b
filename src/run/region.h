/*
 * The optimising tier: regions (region.c).
 */
#ifndef BTV_RUN_REGION_H
#define BTV_RUN_REGION_H

#include "run/run.h"

/*
 * Translates the code around pc as one function and publishes it in place of the block that starts there, unless that is one already.
 *
 * a      for everything that is made on the way; the caller resets it
 * fetch  reads guest code; what it returns must stay valid until the next call
 *
 * BTV_NOENT: pc is in no loop; BTV_BADCODE: nothing can be made of it now; BTV_NOTIMPL: its code may change unannounced; BTV_LIMIT: too large, or no room.
 * No lock may be held.  Tens of microseconds to a millisecond.
 */
BTV_NODISCARD enum btv_status region_make(struct engine *e, struct arena *a, const struct guest_code *fetch, uint64_t pc, struct btv_error *err);

/* -- tier.c -- */
/* Thread t, asked by PENDING_SAMPLE, is at pc. */
void tier_sample(struct engine_thread *t, uint64_t pc);
/* Starts the background thread if it is wanted. */
void tier_start(struct engine *e);
void tier_wake(struct engine *e);
/* Lock held; waits until the background thread is not in the middle of a region, and so not in malloc. */
void tier_let_finish(struct engine *e);
/* In a child of fork. */
void tier_reset(struct engine *e, bool child);

#endif

/*
 * The host's clocks in one unit.
 */
#ifndef BTV_BASE_CLOCK_H
#define BTV_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds on a clock of clock_gettime(2), which cannot fail for the clocks that every Linux has.  Async-signal-safe. */
static inline uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

#endif

#include "base/chaos.h"

#include <errno.h>
#include <stdatomic.h>

/* Mutable on purpose: failures of the whole process, for tests only. */
static struct {
    bool on;
    uint64_t every, at, io;
    _Atomic uint64_t optional, all, io_state;
} chaos;

void chaos_alloc_set(uint64_t every, uint64_t at)
{
    chaos.every = every;
    chaos.at = at;
    chaos.optional = chaos.all = 0;
    chaos.on = every || at;
}

bool chaos_alloc_fails(enum chaos_alloc kind)
{
    if (BTV_LIKELY(!chaos.on))
        return false;
    bool fails = atomic_fetch_add(&chaos.all, 1) + 1 == chaos.at;
    if (kind == CHAOS_OPTIONAL && (atomic_fetch_add(&chaos.optional, 1) + 1) % (chaos.every ? chaos.every : UINT64_MAX) == 0)
        fails = true;
    if (fails)
        errno = ENOMEM;
    return fails;
}

void chaos_io_set(uint64_t n, uint64_t seed)
{
    chaos.io = n;
    chaos.io_state = seed;
}

size_t chaos_io_cut(size_t n)
{
    if (BTV_LIKELY(!chaos.io))
        return n;
    uint64_t state = atomic_fetch_add(&chaos.io_state, 1), r = chaos_random(&state);
    if (r % chaos.io)
        return n;
    size_t part = (size_t)((r >> 33) % n);
    return (part || r >> 63) ? part : n; /* never only interruptions */
}

uint64_t chaos_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

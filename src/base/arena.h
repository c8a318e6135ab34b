/*
 * Arenas: memory with one lifetime, freed at once.
 *
 * A failed push poisons the arena: it and every later push return NULL until arena_reset.  Callers may
 * test arena_ok() once per step instead of every pointer.  Not thread-safe; one owner at a time.
 */
#ifndef BTV_BASE_ARENA_H
#define BTV_BASE_ARENA_H

#include "base/defs.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first */
    unsigned char *at, *end;    /* free bytes of the newest chunk */
    size_t chunk_bytes;
    bool failed;
};

/* chunk_bytes: size of the chunks taken from malloc (0: 64 KiB). */
void arena_init(struct arena *a, size_t chunk_bytes);
/* Frees everything but keeps one chunk for reuse; clears the poison. */
void arena_reset(struct arena *a);
void arena_free(struct arena *a);
/* Zeroed memory aligned for any object, or NULL (poisoned). */
void *arena_push(struct arena *a, size_t bytes);
/* The same without zeroing. */
void *arena_push_raw(struct arena *a, size_t bytes);
static inline bool arena_ok(const struct arena *a)
{
    return !a->failed;
}

#define ARENA_NEW(a, type) ((type *)arena_push((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_push((a), sizeof(type) * (size_t)(n)))

#endif

#include "base/arena.h"

#include <string.h>

#include "base/chaos.h"
#include "base/heap.h"

struct arena_chunk {
    struct arena_chunk *next;
    size_t bytes;
    _Alignas(16) unsigned char data[];
};

void arena_init(struct arena *a, size_t chunk_bytes)
{
    memset(a, 0, sizeof *a);
    a->chunk_bytes = chunk_bytes ? chunk_bytes : 65536;
}

void arena_reset(struct arena *a)
{
    struct arena_chunk *keep = NULL;
    while (a->chunks) {
        struct arena_chunk *next = a->chunks->next;
        if (!keep && a->chunks->bytes == a->chunk_bytes)
            keep = a->chunks;
        else
            heap_free(a->chunks);
        a->chunks = next;
    }
    a->failed = false;
    a->chunks = keep;
    a->at = a->end = NULL;
    if (keep) {
        keep->next = NULL;
        a->at = keep->data;
        a->end = keep->data + keep->bytes;
    }
}

void arena_free(struct arena *a)
{
    while (a->chunks) {
        struct arena_chunk *next = a->chunks->next;
        heap_free(a->chunks);
        a->chunks = next;
    }
    a->at = a->end = NULL;
}

static bool take_chunk(struct arena *a, size_t need)
{
    size_t bytes = need > a->chunk_bytes ? need : a->chunk_bytes;
    if (chaos_alloc_fails(CHAOS_OPTIONAL))
        return false;
    struct arena_chunk *c = heap_new(sizeof *c + bytes);
    if (!c)
        return false;
    c->bytes = bytes;
    c->next = a->chunks;
    a->chunks = c;
    a->at = c->data;
    a->end = c->data + bytes;
    return true;
}

void *arena_push_raw(struct arena *a, size_t bytes)
{
    if (a->failed || bytes > SIZE_MAX / 2) {
        a->failed = true;
        return NULL;
    }
    bytes = ALIGN_UP(bytes, (size_t)16);
    if ((size_t)(a->end - a->at) < bytes && !take_chunk(a, bytes)) {
        a->failed = true;
        return NULL;
    }
    void *p = a->at;
    a->at += bytes;
    return p;
}

void *arena_push(struct arena *a, size_t bytes)
{
    void *p = arena_push_raw(a, bytes);
    return p ? memset(p, 0, bytes) : NULL;
}

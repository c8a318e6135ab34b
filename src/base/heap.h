/*
 * Memory from the C library's allocator, with a lock of ours around each call, which a fork holds.
 *
 * A child of a process with several threads may allocate only if nobody else was inside the allocator when it was copied.  fork(3)
 * of the C library sees to that; the raw call, which clone(2) with other flags needs, does not, and neither do the allocators of
 * sanitizers.  What may run while another thread forks therefore allocates here.
 */
#ifndef BTV_BASE_HEAP_H
#define BTV_BASE_HEAP_H

#include "base/defs.h"

/* As malloc, calloc, aligned_alloc, realloc, strdup, strndup and free. */
void *heap_new(size_t bytes);
void *heap_zeroed(size_t n, size_t bytes);
void *heap_aligned(size_t align, size_t bytes);
void *heap_resized(void *p, size_t bytes);
char *heap_text(const char *text);
char *heap_text_n(const char *text, size_t max);
void heap_free(void *p);

/* As qsort, which may allocate. */
void heap_sort(void *first, size_t n, size_t bytes, int (*compare)(const void *x, const void *y));

/*
 * Around a fork, release in parent and child, or a call of the C library that allocates: nobody else is in the allocator meanwhile.  Nothing in
 * between may allocate here.
 */
void heap_hold(void);
void heap_release(void);

#endif

#include "base/heap.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void heap_hold(void)
{
    pthread_mutex_lock(&lock);
}

void heap_release(void)
{
    pthread_mutex_unlock(&lock);
}

void *heap_new(size_t bytes)
{
    heap_hold();
    void *p = malloc(bytes);
    heap_release();
    return p;
}

void *heap_zeroed(size_t n, size_t bytes)
{
    heap_hold();
    void *p = calloc(n, bytes);
    heap_release();
    return p;
}

void *heap_aligned(size_t align, size_t bytes)
{
    heap_hold();
    void *p = aligned_alloc(align, bytes);
    heap_release();
    return p;
}

void *heap_resized(void *p, size_t bytes)
{
    heap_hold();
    void *q = realloc(p, bytes);
    heap_release();
    return q;
}

char *heap_text_n(const char *text, size_t max)
{
    size_t n = strnlen(text, max);
    char *p = heap_new(n + 1);
    if (p) {
        memcpy(p, text, n);
        p[n] = '\0';
    }
    return p;
}

char *heap_text(const char *text)
{
    return heap_text_n(text, strlen(text));
}

void heap_sort(void *first, size_t n, size_t bytes, int (*compare)(const void *x, const void *y))
{
    heap_hold();
    qsort(first, n, bytes, compare);
    heap_release();
}

void heap_free(void *p)
{
    heap_hold();
    free(p);
    heap_release();
}

#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/chaos.h"
#include "base/heap.h"

void str_free(struct str *s)
{
    heap_free(s->p);
    *s = STR_INIT;
}

void str_clear(struct str *s)
{
    s->len = 0;
    if (s->p)
        s->p[0] = 0;
}

static bool reserve(struct str *s, size_t more)
{
    if (s->failed || more > SIZE_MAX / 4 || s->len > SIZE_MAX / 4)
        return false;
    if (s->len + more + 1 <= s->cap)
        return true;
    size_t cap = (s->len + more + 1) * 2;
    char *p = chaos_alloc_fails(CHAOS_NEEDED) ? NULL : heap_resized(s->p, cap);
    if (!p) {
        s->failed = true;
        return false;
    }
    s->p = p;
    s->cap = cap;
    return true;
}

void str_addn(struct str *s, const void *bytes, size_t n)
{
    if (!reserve(s, n))
        return;
    memcpy(s->p + s->len, bytes, n);
    s->len += n;
    s->p[s->len] = 0;
}

void str_adds(struct str *s, const char *text)
{
    str_addn(s, text, strlen(text));
}

void str_add(struct str *s, const char *fmt, ...)
{
    va_list ap, ap2;
    va_start(ap, fmt);
    va_copy(ap2, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n >= 0 && reserve(s, (size_t)n)) {
        vsnprintf(s->p + s->len, (size_t)n + 1, fmt, ap2);
        s->len += (size_t)n;
    }
    va_end(ap2);
    va_end(ap);
}

void str_pad(struct str *s, size_t column)
{
    size_t start = s->len;
    while (start && s->p[start - 1] != '\n')
        start--;
    while (!s->failed && s->len - start < column)
        str_addn(s, " ", 1);
}

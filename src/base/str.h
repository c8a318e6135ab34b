/*
 * A growing text buffer.  Printers of every layer append to one of these; nothing below cli/ writes to a stream.
 * A failed allocation sets `failed` and drops further text; test it once at the end.
 */
#ifndef BTV_BASE_STR_H
#define BTV_BASE_STR_H

#include "base/defs.h"

struct str {
    char *p; /* NUL-terminated when not NULL */
    size_t len, cap;
    bool failed;
};

#define STR_INIT ((struct str){0})

void str_free(struct str *s);
void str_clear(struct str *s);
void str_add(struct str *s, const char *fmt, ...) BTV_PRINTF(2, 3);
void str_adds(struct str *s, const char *text);
void str_addn(struct str *s, const void *bytes, size_t n);
/* Appends blanks until the last line is `column` characters long. */
void str_pad(struct str *s, size_t column);
/* The text; "" when empty, never NULL. */
static inline const char *str_get(const struct str *s)
{
    return s->p ? s->p : "";
}

#endif

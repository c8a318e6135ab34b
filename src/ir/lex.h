/*
 * Tokens of the text form.  A lexer is a value: copying it is looking ahead.
 */
#ifndef BTV_IR_LEX_H
#define BTV_IR_LEX_H

#include "base/defs.h"

enum lex_kind {
    LEX_END,
    LEX_LINE,   /* end of a line */
    LEX_WORD,   /* letters, digits and _ */
    LEX_NUMBER, /* decimal or 0x hexadecimal, perhaps negative */
    LEX_SLOT,   /* $name; text is what follows $ */
    LEX_NAME,   /* @name or @"name"; text is what follows @ */
    LEX_ARROW,  /* -> */
    LEX_CHAR,   /* any other printable character */
    LEX_BAD,    /* ->why */
};

struct lex_place {
    uint32_t line, column; /* from 1 */
};

struct lex {
    const char *at, *end, *line_start;
    uint32_t line;

    enum lex_kind kind; /* the current token */
    struct lex_place where;
    const char *text; /* its characters */
    size_t len;
    char ch;         /* CHAR */
    uint64_t number; /* NUMBER: magnitude */
    bool negative;
    const char *why; /* BAD */
};

/* Stands on the first token afterwards. `text` must outlive the lexer. */
void lex_start(struct lex *l, const char *text, size_t len);
void lex_next(struct lex *l);
/* The token's text is `word`. */
bool lex_is(const struct lex *l, const char *word);
/* The token is a word of `letter` and a decimal number below 2^30 without needless zeros. */
bool lex_numbered(const struct lex *l, char letter, uint32_t *out);
/* The token's text is a decimal number below 2^30. */
bool lex_all_digits(const struct lex *l, uint64_t *out);
/* A NAME without quotes and escapes; `out` holds len + 1 bytes. */
void lex_copy_name(const struct lex *l, char *out);
/* The token for a message. */
void lex_describe(const struct lex *l, char *out, size_t size);

#endif

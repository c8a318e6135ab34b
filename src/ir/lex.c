/*
 * The lexer of the text form: bounded by the text's length, no allocation, no terminating zero needed.
 */
#include "ir/lex.h"

#include <stdio.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_slot(char c)
{
    return is_word(c) || c == '.';
}

static bool is_name(char c)
{
    return is_word(c) || c == '.' || c == '$' || c == '-';
}

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void take_while(struct lex *l, bool (*is)(char))
{
    l->text = l->at;
    while (l->at < l->end && is(*l->at))
        l->at++;
    l->len = (size_t)(l->at - l->text);
}

static void be_bad(struct lex *l, const char *why)
{
    l->kind = LEX_BAD;
    l->why = why;
}

/* Decimal or hexadecimal; all word characters that follow belong to it, so that 12ab is one bad token. */
static void lex_number(struct lex *l)
{
    l->kind = LEX_NUMBER;
    l->number = 0;
    take_while(l, is_word);
    const char *p = l->text, *end = l->at;
    unsigned base = 10;
    if (l->len > 2 && p[0] == '0' && p[1] == 'x') {
        base = 16;
        p += 2;
    }
    for (; p < end; p++) {
        int d = hex_digit(*p);
        if (d < 0 || (unsigned)d >= base) {
            be_bad(l, "a malformed number");
            return;
        }
        if (__builtin_mul_overflow(l->number, (uint64_t)base, &l->number) || __builtin_add_overflow(l->number, (uint64_t)d, &l->number)) {
            be_bad(l, "a number of more than 64 bits");
            return;
        }
    }
}

/* After @" : up to the closing quote; \xx is the byte xx, which may not be 0. */
static void lex_quoted(struct lex *l)
{
    l->text = l->at++;
    while (l->at < l->end && *l->at != '"' && *l->at != '\n') {
        if (*l->at == '\\') {
            int hi = l->end - l->at > 2 ? hex_digit(l->at[1]) : -1, lo = hi >= 0 ? hex_digit(l->at[2]) : -1;
            if (lo < 0 || hi + lo == 0) {
                be_bad(l, "a malformed escape");
                return;
            }
            l->at += 2;
        }
        l->at++;
    }
    if (l->at == l->end || *l->at != '"') {
        be_bad(l, "a name without closing quote");
        return;
    }
    l->at++;
    l->len = (size_t)(l->at - l->text);
    if (memchr(l->text, 0, l->len))
        be_bad(l, "a zero byte in a name");
}

static void skip_blanks(struct lex *l)
{
    while (l->at < l->end && (*l->at == ' ' || *l->at == '\t' || *l->at == '\r'))
        l->at++;
    if (l->at < l->end && *l->at == ';')
        while (l->at < l->end && *l->at != '\n')
            l->at++;
}

static bool next_is(const struct lex *l, char c)
{
    return l->end - l->at > 1 && l->at[1] == c;
}

void lex_next(struct lex *l)
{
    skip_blanks(l);
    l->where = (struct lex_place){l->line, (uint32_t)(l->at - l->line_start) + 1};
    l->text = l->at;
    l->len = 0;
    l->negative = false;
    if (l->at == l->end) {
        l->kind = LEX_END;
        return;
    }
    char c = *l->at;
    if (c == '\n') {
        l->kind = LEX_LINE;
        l->line_start = ++l->at;
        l->line++;
    } else if (c == '-' && next_is(l, '>')) {
        l->kind = LEX_ARROW;
        l->at += 2;
    } else if (c == '-' && l->end - l->at > 1 && is_digit(l->at[1])) {
        l->at++;
        l->negative = true;
        lex_number(l);
    } else if (is_digit(c)) {
        lex_number(l);
    } else if (is_word(c)) {
        l->kind = LEX_WORD;
        take_while(l, is_word);
    } else if (c == '$') {
        l->kind = LEX_SLOT;
        l->at++;
        take_while(l, is_slot);
    } else if (c == '@') {
        l->kind = LEX_NAME;
        l->at++;
        if (l->at < l->end && *l->at == '"')
            lex_quoted(l);
        else
            take_while(l, is_name);
    } else if (c > 32 && c < 127) {
        l->kind = LEX_CHAR;
        l->ch = c;
        l->at++;
        l->len = 1;
    } else {
        l->at++;
        be_bad(l, "a character that is not printable ASCII");
    }
}

void lex_start(struct lex *l, const char *text, size_t len)
{
    memset(l, 0, sizeof *l);
    l->at = l->line_start = text;
    l->end = text + len;
    l->line = 1;
    lex_next(l);
}

bool lex_is(const struct lex *l, const char *word)
{
    return strlen(word) == l->len && memcmp(word, l->text, l->len) == 0;
}

static bool decimal(const char *p, size_t len, uint32_t *out)
{
    uint32_t n = 0;
    if (!len || len > 10)
        return false;
    for (size_t k = 0; k < len; k++) {
        if (!is_digit(p[k]) || n >= (1u << 30) / 10)
            return false;
        n = n * 10 + (uint32_t)(p[k] - '0');
    }
    *out = n;
    return true;
}

bool lex_numbered(const struct lex *l, char letter, uint32_t *out)
{
    if (l->kind != LEX_WORD || l->len < 2 || l->text[0] != letter || (l->text[1] == '0' && l->len > 2))
        return false;
    return decimal(l->text + 1, l->len - 1, out);
}

bool lex_all_digits(const struct lex *l, uint64_t *out)
{
    uint32_t n;
    if (!decimal(l->text, l->len, &n))
        return false;
    *out = n;
    return true;
}

void lex_copy_name(const struct lex *l, char *out)
{
    const char *p = l->text, *end = l->text + l->len;
    if (l->len && *p == '"') {
        p++;
        end--;
    }
    for (; p < end; p++) {
        if (*p == '\\') {
            *out++ = (char)(hex_digit(p[1]) * 16 + hex_digit(p[2]));
            p += 2;
        } else {
            *out++ = *p;
        }
    }
    *out = 0;
}

void lex_describe(const struct lex *l, char *out, size_t size)
{
    int len = l->len < 24 ? (int)l->len : 24;
    switch (l->kind) {
    case LEX_END:
        snprintf(out, size, "the end of the text");
        return;
    case LEX_LINE:
        snprintf(out, size, "the end of the line");
        return;
    case LEX_ARROW:
        snprintf(out, size, "'->'");
        return;
    case LEX_BAD:
        snprintf(out, size, "%s", l->why);
        return;
    case LEX_WORD:
    case LEX_NUMBER:
    case LEX_SLOT:
    case LEX_NAME:
    case LEX_CHAR:
        break;
    }
    const char *lead = l->kind == LEX_SLOT ? "$" : l->kind == LEX_NAME ? "@" : l->negative ? "-" : "";
    snprintf(out, size, "'%s%.*s'", lead, len, l->text);
}

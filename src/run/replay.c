/*
 * Recordings of translations as text.  The format is in replay.h.
 */
#include "run/replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/heap.h"

#define HEAD "btv translations "

static const char *const tier_names[] = {
#define TIER(id, name, meaning) name,
#include "run/tiers.def"
#undef TIER
};

struct replay {
    struct replay_entry *entry; /* sorted, no two for the same code in the same tier */
    uint32_t n, cap;
    char **name;                /* of file i + 1; sorted */
    uint32_t nnames, names_cap;
};

/* A piece of a line. */
struct word {
    const char *p;
    size_t n;
};

/* Up to the next blank, which is skipped; the rest of the line becomes *line. */
static struct word next_word(struct word *line)
{
    const char *blank = memchr(line->p, ' ', line->n);
    struct word w = {line->p, blank ? (size_t)(blank - line->p) : line->n};
    size_t skip = w.n + (blank ? 1 : 0);
    line->p += skip;
    line->n -= skip;
    return w;
}

static bool parse_number(struct word w, unsigned base, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;
    if (!w.n)
        return false;
    for (size_t i = 0; i < w.n; i++) {
        unsigned char c = (unsigned char)w.p[i];
        unsigned digit = c >= '0' && c <= '9' ? c - '0' + 0u : c >= 'a' && c <= 'f' ? c - 'a' + 10u : 16u;
        if (digit >= base || v > (max - digit) / base)
            return false;
        v = v * base + digit;
    }
    *out = v;
    return true;
}

static bool parse_tier(struct word w, uint16_t *out)
{
    for (unsigned i = 0; i < ARRAY_LEN(tier_names); i++)
        if (strlen(tier_names[i]) == w.n && !memcmp(tier_names[i], w.p, w.n)) {
            *out = (uint16_t)i;
            return true;
        }
    return false;
}

static bool is_name(struct word w)
{
    if (w.n > REPLAY_MAX_FILE)
        return false;
    for (size_t i = 0; i < w.n; i++)
        if (!w.p[i])
            return false;
    return true;
}

static bool parse_line(struct word line, struct replay_entry *e, struct word *file)
{
    uint64_t insns;
    struct word tier = next_word(&line), offset = next_word(&line), count = next_word(&line);
    *file = line;
    if (!parse_tier(tier, &e->tier) || offset.n < 3 || memcmp(offset.p, "0x", 2) != 0)
        return false;
    offset.p += 2;
    offset.n -= 2;
    if (!parse_number(offset, 16, UINT64_MAX, &e->offset) || !parse_number(count, 10, UINT16_MAX, &insns) || !insns)
        return false;
    e->insns = (uint16_t)insns;
    return is_name(*file);
}

/* Room for one more element of `size` bytes. */
static bool grow(void *array, uint32_t n, uint32_t *cap, size_t size)
{
    void *old;
    memcpy(&old, array, sizeof old);
    if (n < *cap)
        return true;
    uint32_t more = *cap ? 2 * *cap : 64;
    void *p = more > *cap ? heap_resized(old, more * size) : NULL;
    if (!p)
        return false;
    memcpy(array, &p, sizeof p);
    *cap = more;
    return true;
}

static int compare_names(const char *name, struct word w)
{
    int c = strncmp(name, w.p, w.n);
    return c ? c : name[w.n] != 0;
}

/* The number of the file, or that of the first name behind it (*known false). */
static uint32_t search_name(const struct replay *r, struct word w, bool *known)
{
    uint32_t lo = 0, hi = r->nnames;
    *known = false;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int c = compare_names(r->name[mid], w);
        if (!c) {
            *known = true;
            return mid + 1;
        }
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo + 1;
}

/* Adds a name, if it is new, without order; its number is a place in the list. */
static bool add_name(struct replay *r, struct word w, uint32_t *file)
{
    if (!w.n) {
        *file = REPLAY_NO_FILE;
        return true;
    }
    for (uint32_t i = r->nnames; i-- > 0 && r->nnames - i <= 8;) /* most lines name a file of the last ones */
        if (!compare_names(r->name[i], w)) {
            *file = i + 1;
            return true;
        }
    char *copy = grow(&r->name, r->nnames, &r->names_cap, sizeof *r->name) ? heap_text_n(w.p, w.n) : NULL;
    if (!copy)
        return false;
    r->name[r->nnames++] = copy;
    *file = r->nnames;
    return true;
}

struct numbered {
    char *name;
    uint32_t number;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct numbered *)a)->name, ((const struct numbered *)b)->name);
}

/* Puts names in order, each once, and the new numbers into the entries. */
static bool order_names(struct replay *r)
{
    if (!r->nnames)
        return true;
    struct numbered *v = heap_zeroed(r->nnames, sizeof *v);
    uint32_t *number = heap_zeroed(r->nnames + (size_t)1, sizeof *number), n = 0;
    bool ok = v && number;
    for (uint32_t i = 0; ok && i < r->nnames; i++)
        v[i] = (struct numbered){r->name[i], i + 1};
    if (ok) {
        qsort(v, r->nnames, sizeof *v, by_name);
        for (uint32_t i = 0; i < r->nnames; i++) {
            if (n && !strcmp(r->name[n - 1], v[i].name))
                heap_free(v[i].name);
            else
                r->name[n++] = v[i].name;
            number[v[i].number] = n;
        }
        r->nnames = n;
        for (uint32_t i = 0; i < r->n; i++)
            r->entry[i].file = number[r->entry[i].file];
    }
    heap_free(v);
    heap_free(number);
    return ok;
}

static int compare_entries(const struct replay_entry *a, unsigned tier, uint32_t file, uint64_t offset)
{
    if (a->file != file)
        return a->file < file ? -1 : 1;
    if (a->offset != offset)
        return a->offset < offset ? -1 : 1;
    return a->tier < tier ? -1 : a->tier > tier;
}

static int by_place(const void *a, const void *b)
{
    const struct replay_entry *x = a, *y = b;
    int c = compare_entries(x, y->tier, y->file, y->offset);
    return c ? c : x->insns < y->insns ? -1 : x->insns > y->insns;
}

/* Sorts the entries and keeps, of several for the same code, the longest. */
static void order_entries(struct replay *r)
{
    uint32_t n = 0;
    if (!r->n)
        return;
    qsort(r->entry, r->n, sizeof *r->entry, by_place);
    for (uint32_t i = 0; i < r->n; i++) {
        const struct replay_entry *e = &r->entry[i];
        if (n && !compare_entries(&r->entry[n - 1], e->tier, e->file, e->offset))
            n--;
        r->entry[n++] = *e;
    }
    r->n = n;
}

static enum btv_status parse(struct replay *r, struct word text, struct btv_error *err)
{
    uint64_t version;
    unsigned long long number = 0;
    while (text.n) {
        const char *end = memchr(text.p, '\n', text.n);
        struct word line = {text.p, end ? (size_t)(end - text.p) : text.n}, file;
        struct replay_entry e = {0};
        text.p += line.n + (end ? 1 : 0);
        text.n -= line.n + (end ? 1 : 0);
        if (!number++) {
            if (line.n < strlen(HEAD) || memcmp(line.p, HEAD, strlen(HEAD)) != 0)
                return err_set(err, BTV_SYNTAX, "line 1: not a recording of translations");
            if (!parse_number((struct word){line.p + strlen(HEAD), line.n - strlen(HEAD)}, 10, UINT32_MAX, &version) || version != REPLAY_VERSION)
                return err_set(err, BTV_SYNTAX, "line 1: not version %d; record anew with this btv", REPLAY_VERSION);
            continue;
        }
        if (!parse_line(line, &e, &file))
            return err_set(err, BTV_SYNTAX, "line %llu: not TIER 0xOFFSET INSNS [FILE]", number);
        if (!add_name(r, file, &e.file) || !grow(&r->entry, r->n, &r->cap, sizeof *r->entry))
            return err_set(err, BTV_NOMEM, "out of memory");
        r->entry[r->n++] = e;
    }
    if (!number)
        return err_set(err, BTV_SYNTAX, "empty");
    if (!order_names(r))
        return err_set(err, BTV_NOMEM, "out of memory");
    order_entries(r);
    return BTV_OK;
}

enum btv_status replay_parse(const char *text, size_t n, struct replay **out, struct btv_error *err)
{
    if (n > REPLAY_MAX_BYTES)
        return err_set(err, BTV_LIMIT, "larger than %llu MiB", (unsigned long long)(REPLAY_MAX_BYTES >> 20));
    struct replay *r = heap_zeroed(1, sizeof *r);
    enum btv_status st = r ? parse(r, (struct word){text, n}, err) : err_set(err, BTV_NOMEM, "out of memory");
    if (st == BTV_OK)
        *out = r;
    else
        replay_free(r);
    return st;
}

void replay_free(struct replay *r)
{
    if (!r)
        return;
    for (uint32_t i = 0; i < r->nnames; i++)
        heap_free(r->name[i]);
    heap_free(r->name);
    heap_free(r->entry);
    heap_free(r);
}

uint32_t replay_count(const struct replay *r)
{
    return r->n;
}

const struct replay_entry *replay_at(const struct replay *r, uint32_t i)
{
    return &r->entry[i];
}

uint32_t replay_file(const struct replay *r, const char *name)
{
    bool known;
    uint32_t file = search_name(r, (struct word){name, strlen(name)}, &known);
    return !*name ? REPLAY_NO_FILE : known ? file : REPLAY_OTHER_FILE;
}

const char *replay_file_name(const struct replay *r, uint32_t file)
{
    return file ? r->name[file - 1] : NULL;
}

const struct replay_entry *replay_find(const struct replay *r, unsigned tier, uint32_t file, uint64_t offset)
{
    uint32_t lo = 0, hi = r->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int c = compare_entries(&r->entry[mid], tier, file, offset);
        if (!c)
            return &r->entry[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

void replay_print_head(struct str *s)
{
    str_add(s, HEAD "%d\n", REPLAY_VERSION);
}

void replay_print(struct str *s, const struct replay_entry *e, const char *file)
{
    str_add(s, "%s 0x%llx %u%s%s\n", tier_names[e->tier], (unsigned long long)e->offset, e->insns, file && *file ? " " : "", file ? file : "");
}

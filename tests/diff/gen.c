/*
 * Host side of the differential test: makes, extracts, shrinks and lists records of random guest code.
 *
 *   gen make SEED COUNT [NAME,...]            records to standard output, only of the named extensions or rows if given
 *   gen cut INDEX < records                  one record
 *   gen shrink FILE 'EMU A' 'EMU B' > smaller  replaces instructions by no-ops while the two commands still differ
 *   gen show < record                         code and the initial state that it reads
 *   gen compare A B                           the members in which two full results differ
 *   gen rows                                  which rows are generated, and why others are not
 *
 * Code comes from the rows of src/isa/riscv: a row's "bits" column is filled field by field (few registers, so that results
 * chain; corner immediates; pointers kept in s0, s1, sp, s2 and s3).  Branches go forward; one counted loop per record.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record.h"

/* -- the rows -------------------------------------------------------------------------------------------------------------- */
struct row {
    const char *ext, *name, *bits;
    uint32_t mask, match;
    unsigned len;     /* bytes */
    const char *skip; /* why it is not generated, or NULL */
    bool branch;      /* has a pc-relative field */
};
static struct row rows[600];
static unsigned nrows;

struct field {
    char letter;
    bool pcrel;
    const char *form;
};
enum kind { XREG, FREG, SIGNED, UNSIGNED, HEX, UPPER, PCREL, CSR, RM, SUFFIX, ISET, FLI };
static const struct field fields[] = {
#define FIELD(letter, member, kind, form, doc) {#letter[0], kind == PCREL, form},
#include "isa/riscv/fields.def"
#undef FIELD
};

/* Rows and extensions that the reference emulator (QEMU 7.2) cannot judge; each with the reason. */
static const struct { const char *name, *why; } excluded[] = {
    {"zicond", "not in QEMU 7.2"},
    {"zacas", "not in QEMU 7.2"},
    {"zawrs", "not in QEMU 7.2"},
    {"zfa", "not in QEMU 7.2"},
    {"zca", "empty"},
    {"zcb", "not in QEMU 7.2"},
    {"zicboz", "not in QEMU 7.2"},
    {"zicbom", "not in QEMU 7.2"},
    {"zicbop", "not in QEMU 7.2"},
    {"zihintntl", "hints without a result"},
    {"zihintpause", "hints without a result"},
    {"ctzw", "QEMU 7.2 counts beyond bit 31 when the low half is zero"},
    {"ecall", "leaves the sequence"},
    {"jalr", "only in a template that computes its target"},
    {"c_jr", "only in a template that computes its target"},
    {"c_jalr", "only in a template that computes its target"},
    {"fence_i", "makes QEMU leave the block; nothing to compare"},
    {"c_addi16sp", "moves the pointer in sp"},
};

static const char *exclusion(const char *ext, const char *name)
{
    for (size_t i = 0; i < sizeof excluded / sizeof *excluded; i++)
        if (!strcmp(excluded[i].name, ext) || !strcmp(excluded[i].name, name))
            return excluded[i].why;
    return NULL;
}

static const struct field *field_of(char letter)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (fields[i].letter == letter)
            return &fields[i];
    return NULL;
}

static bool listed(const char *only, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = only; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (!strncmp(p, name, n) && (p[n] == ',' || !p[n]))
            return true;
    return false;
}

static void add_row(const char *ext, const char *name, const char *bits, const char *only)
{
    struct row *r = &rows[nrows++];
    unsigned n = 0;

    *r = (struct row){.ext = ext, .name = name, .bits = bits};
    for (const char *p = bits; *p; p++) {
        if (*p == ' ')
            continue;
        r->mask = r->mask << 1 | (*p == '0' || *p == '1');
        r->match = r->match << 1 | (*p == '1');
        if (field_of(*p) && field_of(*p)->pcrel)
            r->branch = true;
        n++;
    }
    r->len = n / 8;
    r->skip = exclusion(ext, name);
    if (!r->skip && only && !listed(only, ext) && !listed(only, name))
        r->skip = "not asked for";
}

static void load_rows(const char *only)
{
    const char *ext = "";
#define EXT(name, version, in_isa, hwprobe, doc) ext = #name;
#define INSN(name, bits, operands, semantics, doc) add_row(ext, #name, bits, only);
#define RESERVED(bits, doc)
#include "isa/riscv/exts.def"
}

static const struct row *row_of(uint32_t word)
{
    const struct row *best = NULL;
    for (unsigned i = 0; i < nrows; i++)
        if (((rows[i].len == 4) == ((word & 3) == 3)) && ((word & (rows[i].len == 2 ? 0xffff : ~0u)) & rows[i].mask) == rows[i].match &&
            (!best || __builtin_popcount(rows[i].mask) > __builtin_popcount(best->mask)))
            best = &rows[i];
    return best;
}

/* -- random choices -------------------------------------------------------------------------------------------------------- */
static uint64_t seed;

static uint64_t next(void) /* splitmix64 */
{
    uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static unsigned below(unsigned n)
{
    return (unsigned)((next() >> 32) * n >> 32);
}

#define PICK(table) (table)[below(sizeof(table) / sizeof *(table))]

static uint64_t int_value(void)
{
    static const uint64_t corner[] = {0, 1, 2, 3, 7, 8, 31, 32, 63, 64, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000,
                                      0xffffffff, 0x100000000, INT64_MAX, (uint64_t)INT64_MIN, ~UINT64_C(0), ~UINT64_C(1), (uint64_t)INT32_MIN,
                                      0xffffffff00000000, 0x5555555555555555, 0xaaaaaaaaaaaaaaaa, 0x0102040810204080, 0x00ff00ff00ff00ff};
    switch (below(5)) {
    case 0: return PICK(corner);
    case 1: return below(64);
    case 2: return (uint64_t)(int64_t)(int32_t)next();
    case 3: return PICK(corner) ^ PICK(corner) << below(40);
    default: return next() >> below(64);
    }
}

static uint64_t fp_value(void)
{
    static const uint64_t d[] = {0, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000, 0xfff0000000000000,
                                 0x7ff8000000000000, 0xfff8000000000001, 0x7ff0000000000001, 0x7ff4000000000000, 0xffffffffffffffff, 1,
                                 0x8000000000000001, 0x000fffffffffffff, 0x0010000000000000, 0x0010000000000001, 0x7fefffffffffffff,
                                 0x3fe0000000000000, 0x3fefffffffffffff, 0x3ff0000000000001, 0x4330000000000000, 0x4340000000000000,
                                 0x43e0000000000000, 0xc3e0000000000000, 0x43dfffffffffffff, 0x41dfffffffc00000, 0x41e0000000000000,
                                 0xc1e0000000200000, 0x41efffffffe00000, 0x43f0000000000000, 0x36a0000000000000, 0x3690000000000001,
                                 0x47efffffe0000000, 0x47efffffefffffff, 0x47f0000000000000, 0x380fffffffffffff, 0x4004000000000000, 0xbfe0000000000000};
    static const uint32_t s[] = {0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001, 0x7f800001, 0x7fa00000, 1,
                                 0x80000001, 0x007fffff, 0x00800000, 0x00800001, 0x7f7fffff, 0x3f000000, 0x3f7fffff, 0x3f800001, 0x4b000000,
                                 0x4b800000, 0x4f000000, 0xcf000000, 0x4effffff, 0x4f800000, 0x5f000000, 0xdf000000, 0x5f800000, 0x40200000,
                                 0x33800000, 0x4f7fffff, 0xbf000000, 0xcf000001};
    const uint64_t box = UINT64_C(0xffffffff) << 32;
    switch (below(8)) {
    case 0: case 1: return PICK(d);
    case 2: case 3: return box | PICK(s);
    case 4: return PICK(d) + (uint64_t)(int64_t)((int)below(5) - 2);
    case 5: return box | (uint32_t)next();
    case 6: return (next() & ~(UINT64_C(0x7ff) << 52)) | (uint64_t)(1023 - 40 + below(80)) << 52;
    default: return next();
    }
}

/* n bits of an immediate. */
static uint32_t imm_bits(unsigned n)
{
    uint32_t all = n == 32 ? ~0u : (1u << n) - 1;
    switch (below(8)) {
    case 0: return 0;
    case 1: return 1 & all;
    case 2: return all;
    case 3: return all >> 1;
    case 4: return (all >> 1) + 1;
    case 5: return below(16) & all;
    default: return (uint32_t)next() & all;
    }
}

/* -- one record -------------------------------------------------------------------------------------------------------------- */
enum { SP = 2, GP = 3, LOOP = 6, TEMPLATE = 7, S0 = 8, S1 = 9, S2 = 18, S3 = 19 };

static const uint8_t pool[] = {10, 11, 12, 13, 14, 15, 5, 1, 28, 29, 0};

static bool is_memory(const struct row *r)
{
    unsigned op = r->match & 0x7f, hi = r->match >> 13 & 7;
    if (r->len == 4)
        return op == 0x03 || op == 0x23 || op == 0x07 || op == 0x27;
    return (r->match & 3) == 0 && hi != 0;
}

static unsigned dest(void)
{
    return PICK(pool); /* never a pointer: link registers could make it one into the code */
}

static unsigned source(void)
{
    static const uint8_t others[] = {S0, S1, SP, 4, 16, 17, 20, 30};
    return below(12) ? PICK(pool) : PICK(others);
}

/* The bits of one field of a row. */
static uint32_t field_bits(const struct row *r, char letter, unsigned n)
{
    static const uint8_t pointers[] = {S0, S1, S0, S1, SP};
    static const uint16_t csrs[] = {1, 2, 3, 1, 2, 3, 1, 2, 3, 3, 1, 2, 0x300, 0x100, 0xc03, 0x7b0, 0x015, 0xfff};

    /* Atomics: aligned pointers that nothing changes, one for each width.  Store-conditional after a load-reserved of another width
     * may succeed or fail; with different addresses it fails everywhere. */
    if ((r->match & 0x7f) == 0x2f && r->len == 4 && letter == 's')
        return (r->match >> 12 & 7) == 2 ? S2 : S3;
    switch (letter) {
    case 'd': return r->len == 2 && below(10) == 0 ? 0 : dest();
    case 's': return is_memory(r) ? PICK(pointers) : source();
    case 't': return source();
    case 'e': return 2 + below(6); /* not the pointers in s0 and s1 */
    case 'x': return is_memory(r) ? below(2) : below(8);
    case 'y': return below(8);
    case 'D': case 'S': case 'T': case 'R': return below(8) ? 10 + below(6) : below(32);
    case 'E': case 'Y': return 2 + below(6);
    case 'r': return below(3) ? 7 : below(40) ? below(5) : below(8);
    case 'c': return PICK(csrs);
    case 'i': case 'g': return is_memory(r) && below(3) ? (uint32_t)(below(64) - (below(2) ? 32u : 0u)) & 0xfff : imm_bits(n);
    default: return imm_bits(n);
    }
}

/* Fills a row; pc-relative fields stay zero. */
static uint32_t fill(const struct row *r)
{
    uint32_t word = 0, value[128] = {0};
    unsigned width[128] = {0};

    for (const char *p = r->bits; *p; p++)
        width[(unsigned char)*p & 127]++;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        unsigned l = (unsigned char)fields[i].letter;
        if (width[l] && !fields[i].pcrel)
            value[l] = field_bits(r, fields[i].letter, width[l]);
    }
    for (const char *p = r->bits; *p; p++) {
        unsigned l = (unsigned char)*p & 127;
        if (*p == ' ')
            continue;
        word = word << 1 | (*p == '1' ? 1 : *p == '-' ? (uint32_t)next() & 1 : field_of(*p) ? value[l] >> --width[l] & 1 : 0);
    }
    return word;
}

/* Puts a branch distance into the pc-relative field, by the form column. */
static uint32_t set_target(const struct row *r, uint32_t word, int32_t distance)
{
    unsigned pos = r->len * 8;
    unsigned seq[32], n = 0, k = 0;
    char letter = 0;

    for (const char *p = r->bits; *p; p++)
        if (field_of(*p) && field_of(*p)->pcrel)
            letter = *p;
    for (const char *f = field_of(letter)->form; *f;) { /* the value bit of each letter, in order */
        unsigned hi = (unsigned)strtoul(f, (char **)&f, 10), lo = hi;
        if (*f == ':')
            lo = (unsigned)strtoul(f + 1, (char **)&f, 10);
        for (unsigned b = hi + 1; b-- > lo;)
            seq[n++] = b;
        while (*f == ' ')
            f++;
    }
    for (const char *p = r->bits; *p; p++) {
        if (*p == ' ')
            continue;
        pos--;
        if (*p == letter)
            word = (word & ~(1u << pos)) | ((uint32_t)distance >> seq[k++] & 1) << pos;
    }
    return word;
}

#define ADDI(d, s, i) ((uint32_t)(i) << 20 | (s) << 15 | (d) << 7 | 0x13)

struct item {
    uint32_t word;
    const struct row *row; /* to be given a target, or NULL */
    unsigned len, at;
    bool no_target;        /* inside a template */
    int target;            /* item index; -1: pick */
};

static unsigned make_code(uint8_t *code)
{
    struct item it[192];
    unsigned n = 0, at = 0, want = 2 + below(below(4) ? 20 : 100);
    int loop = -1;

    while (n < want) {
        const struct row *r = &rows[below(nrows)];
        unsigned t = below(40);
        if (t == 0 && loop == -1) { /* a counted loop of what follows */
            it[n++] = (struct item){.word = ADDI(LOOP, 0, 1 + below(6)), .len = 4, .target = -1};
            loop = (int)n;
        } else if (t == 1) { /* an indirect jump forward: auipc t2, 0; jalr d, distance(t2) */
            it[n++] = (struct item){.word = 0x17 | TEMPLATE << 7, .len = 4, .target = -1};
            it[n++] = (struct item){.word = 0x67 | TEMPLATE << 15 | (below(2) ? dest() : 0) << 7, .len = 4, .no_target = true, .target = -2};
        } else if (t == 2) { /* the same through a compressed jump or call */
            it[n++] = (struct item){.word = 0x17 | TEMPLATE << 7, .len = 4, .target = -1};
            it[n++] = (struct item){.word = ADDI(TEMPLATE, TEMPLATE, 0), .len = 4, .no_target = true, .target = -2};
            it[n++] = (struct item){.word = (below(2) ? 0x8002u : 0x9002u) | TEMPLATE << 7, .len = 2, .no_target = true, .target = -1};
        } else if (t == 3 && loop > 0) {
            it[n++] = (struct item){.word = ADDI(LOOP, LOOP, -1), .len = 4, .target = -1};
            it[n++] = (struct item){.word = 0x63 | 4 << 12 | LOOP << 20, .row = row_of(0x63 | 4 << 12), .len = 4, .no_target = true, .target = loop};
            loop = -2;
        } else if (r->skip || (r->branch && below(3)) || (strstr(r->name, "ebreak") && below(20)) || (r->ext[0] == 'z' && r->ext[1] == 'i' && below(2))) {
            continue;
        } else {
            uint32_t word = fill(r);
            if (row_of(word) != r) /* the fields made another instruction of it: c.mv with rs2 = 0 is c.jr */
                continue;
            it[n++] = (struct item){.word = word, .row = r->branch ? r : NULL, .len = r->len, .target = -1};
        }
    }
    if (loop > 0) {
        it[n++] = (struct item){.word = ADDI(LOOP, LOOP, -1), .len = 4, .target = -1};
        it[n++] = (struct item){.word = 0x63 | 4 << 12 | LOOP << 20, .row = row_of(0x63 | 4 << 12), .len = 4, .no_target = true, .target = loop};
    }
    for (unsigned i = 0; i < n; i++) {
        it[i].at = at;
        at += it[i].len;
    }
    for (unsigned i = 0; i < n; i++) {
        unsigned to = i + 1 + below(5);
        if (it[i].target >= 0)
            to = (unsigned)it[i].target;
        while (to < n && it[to].no_target)
            to++;
        if (to > n)
            to = n;
        int32_t target = (int32_t)(to == n ? at : it[to].at);
        if (it[i].target == -2) /* relative to the auipc before it */
            it[i].word = (it[i].word & 0xfffff) | (uint32_t)(target - (int32_t)it[i - 1].at) << 20;
        else if (it[i].row)
            it[i].word = set_target(it[i].row, it[i].word, target - (int32_t)it[i].at);
        if (it[i].at + it[i].len > DIFF_MAX_CODE)
            abort();
        memcpy(code + it[i].at, &it[i].word, it[i].len);
    }
    return at;
}

static void make(unsigned long count)
{
    uint8_t code[DIFF_MAX_CODE + 8];

    for (unsigned long k = 0; k < count; k++) {
        struct diff_record r = {.magic = DIFF_MAGIC, .flags = k >> 6 & 1 ? DIFF_UNMAPPED : 0};
        static const uint8_t pointers[] = {SP, S0, S1};
        /* nothing is mapped there in any emulator: null, no canonical addresses, the top */
        static const uint64_t wild[] = {0, 8, 4095, UINT64_C(1) << 62, UINT64_C(0x8000000000000000), UINT64_C(0x0001000000000000), ~UINT64_C(0) << 16};

        for (int i = 1; i < 32; i++)
            r.x[i] = int_value();
        for (int i = 0; i < 32; i++)
            r.f[i] = fp_value();
        for (size_t i = 0; i < sizeof pointers; i++) /* in the first page, or around the boundary, mostly aligned */
            r.x[pointers[i]] = DIFF_ARENA + (below(3) ? 2048 + below(128) * 8 : DIFF_PAGE - 64 + below(128)) + (below(4) ? 0 : below(8));
        r.x[SP] &= ~UINT64_C(7);
        if (below(16) == 0) /* now and then a wild one */
            r.x[below(2) ? S0 : S1] = PICK(wild);
        r.x[S2] = DIFF_ARENA + 16 * below(64);
        r.x[S3] = DIFF_ARENA + 1024 + 16 * below(64);
        r.x[LOOP] = below(4);
        r.x[GP] = r.x[31] = 0;
        r.fcsr = (below(60) ? below(5) : below(8)) << 5 | (below(2) ? 0 : below(32));
        r.seed = next();
        memset(code, 0, sizeof code);
        r.code_bytes = make_code(code);
        fwrite(&r, sizeof r, 1, stdout);
        fwrite(code, (r.code_bytes + 7) & ~7u, 1, stdout);
    }
}

/* -- reading records back -------------------------------------------------------------------------------------------------- */
struct whole {
    struct diff_record r;
    uint8_t code[DIFF_MAX_CODE + 8];
};

static bool read_record(FILE *f, struct whole *w)
{
    memset(w, 0, sizeof *w);
    return fread(&w->r, sizeof w->r, 1, f) == 1 && w->r.magic == DIFF_MAGIC && w->r.code_bytes <= DIFF_MAX_CODE &&
           fread(w->code, 1, (w->r.code_bytes + 7) & ~7u, f) == ((w->r.code_bytes + 7) & ~7u);
}

static bool write_record(FILE *f, const struct whole *w)
{
    return fwrite(&w->r, sizeof w->r, 1, f) == 1 && fwrite(w->code, 1, (w->r.code_bytes + 7) & ~7u, f) == ((w->r.code_bytes + 7) & ~7u);
}

static unsigned insn_at(const struct whole *w, unsigned at, uint32_t *word)
{
    memcpy(word, w->code + at, 4);
    if ((*word & 3) != 3)
        *word &= 0xffff;
    return (*word & 3) == 3 ? 4 : 2;
}

static bool is_nop(uint32_t word)
{
    return word == 0x13 || word == 1;
}

static size_t output_of(const char *command, const char *file, struct diff_result *out)
{
    char line[1024];
    memset(out, 0, sizeof *out);
    snprintf(line, sizeof line, "%s full < %s 2>/dev/null", command, file);
    FILE *p = popen(line, "r");
    size_t n = p ? fread(out, 1, sizeof *out, p) : 0;
    if (p)
        pclose(p);
    return n;
}

static bool differ(const struct whole *w, const char *a, const char *b, const char *file)
{
    struct diff_result ra, rb;
    FILE *f = fopen(file, "wb");
    bool ok = f && write_record(f, w);
    if (!f || fclose(f) || !ok)
        return false;
    size_t na = output_of(a, file, &ra), nb = output_of(b, file, &rb);
    return na != nb || memcmp(&ra, &rb, sizeof ra);
}

static int shrink(const char *path, const char *a, const char *b)
{
    static struct whole w, try;
    char file[512];
    FILE *f = fopen(path, "rb");

    if (!f || !read_record(f, &w))
        return 2;
    fclose(f);
    snprintf(file, sizeof file, "%s.try", path);
    if (!differ(&w, a, b, file)) {
        fprintf(stderr, "gen: the record alone does not differ\n");
        write_record(stdout, &w);
        return 1;
    }
    for (unsigned chunk = 32; chunk; chunk /= 2) /* runs of instructions become no-ops of the same length */
        for (unsigned at = 0; at < w.r.code_bytes;) {
            uint32_t word;
            unsigned start = at, changed = 0;
            try = w;
            for (unsigned k = 0; k < chunk && at < w.r.code_bytes; k++) {
                unsigned len = insn_at(&w, at, &word);
                changed += !is_nop(word);
                word = len == 4 ? 0x13 : 1;
                memcpy(try.code + at, &word, len);
                at += len;
            }
            if (changed && differ(&try, a, b, file))
                w = try;
            else if (chunk == 1)
                at = start + insn_at(&w, start, &word);
        }
    remove(file);
    return write_record(stdout, &w) ? 0 : 2;
}

static int show(void)
{
    static struct whole w;
    bool x[32] = {false}, f[32] = {false};

    if (!read_record(stdin, &w))
        return 2;
    for (unsigned at = 0; at < w.r.code_bytes;) {
        uint32_t word;
        unsigned len = insn_at(&w, at, &word), bit = len * 8;
        const struct row *r = row_of(word);
        if (!is_nop(word)) {
            printf("%4x: %0*x  %-12s", at, (int)len * 2, word, r ? r->name : "?");
            unsigned value[128] = {0};
            for (const char *p = r ? r->bits : ""; *p; p++)
                if (*p != ' ')
                    value[(unsigned char)*p & 127] = value[(unsigned char)*p & 127] << 1 | (word >> --bit & 1);
            for (size_t i = 0; r && i < sizeof fields / sizeof *fields; i++)
                if (strchr(r->bits, fields[i].letter)) {
                    unsigned v = value[(unsigned char)fields[i].letter & 127] + (fields[i].form[0] == '+' ? 8 : 0);
                    printf(" %c=%u", fields[i].letter, v);
                    if (strchr("dstexy", fields[i].letter))
                        x[v & 31] = true;
                    if (strchr("DSTREY", fields[i].letter))
                        f[v & 31] = true;
                }
            putchar('\n');
        }
        at += len;
    }
    x[SP] = x[S2] = x[S3] = true;
    printf("fcsr=%#x arena-seed=%#llx%s\n", w.r.fcsr, (unsigned long long)w.r.seed, w.r.flags & DIFF_UNMAPPED ? " second page unmapped" : "");
    for (int i = 1; i < 32; i++)
        if (x[i])
            printf("x%d=%#llx ", i, (unsigned long long)w.r.x[i]);
    for (int i = 0; i < 32; i++)
        if (f[i])
            printf("f%d=%#llx ", i, (unsigned long long)w.r.f[i]);
    putchar('\n');
    return 0;
}

static int compare(const char *pa, const char *pb)
{
    static struct diff_result a, b;
    FILE *fa = fopen(pa, "rb"), *fb = fopen(pb, "rb");
    int n = 0;

    if (!fa || !fb || fread(&a, sizeof a, 1, fa) != 1 || fread(&b, sizeof b, 1, fb) != 1) {
        printf("no whole result from %s\n", fa && fread(&a, sizeof a, 1, fa) == 1 ? pb : "one of them");
        return 1;
    }
#define DIFF(fmt, i, m)                                                                                  \
    do {                                                                                                 \
        if (a.m != b.m)                                                                                  \
            n++, printf(fmt " %#llx  %#llx\n", i, (unsigned long long)a.m, (unsigned long long)b.m);    \
    } while (0)
    for (int i = 0; i < 32; i++)
        DIFF("x%d", i, x[i]);
    for (int i = 0; i < 32; i++)
        DIFF("f%d", i, f[i]);
    DIFF("fcsr%.0d", 0, fcsr);
    DIFF("arena%.0d", 0, arena);
    DIFF("signal%.0d", 0, sig);
    DIFF("si_code%.0d", 0, code);
    DIFF("si_addr%.0d", 0, addr);
    return n != 0;
}

int main(int argc, char **argv)
{
    const char *cmd = argc > 1 ? argv[1] : "";

    load_rows(!strcmp(cmd, "make") && argc > 4 ? argv[4] : NULL);
    if (!strcmp(cmd, "make") && argc >= 4) {
        seed = strtoull(argv[2], NULL, 0);
        make(strtoul(argv[3], NULL, 0));
        return fflush(stdout) ? 2 : 0;
    }
    if (!strcmp(cmd, "cut") && argc == 3) {
        static struct whole w;
        for (unsigned long i = strtoul(argv[2], NULL, 0) + 1; i; i--)
            if (!read_record(stdin, &w))
                return 2;
        return write_record(stdout, &w) ? 0 : 2;
    }
    if (!strcmp(cmd, "shrink") && argc == 5)
        return shrink(argv[2], argv[3], argv[4]);
    if (!strcmp(cmd, "show"))
        return show();
    if (!strcmp(cmd, "compare") && argc == 4)
        return compare(argv[2], argv[3]);
    if (!strcmp(cmd, "rows")) {
        for (unsigned i = 0; i < nrows; i++)
            printf("%-12s %-10s %s\n", rows[i].name, rows[i].ext, rows[i].skip ? rows[i].skip : "yes");
        return 0;
    }
    fprintf(stderr, "usage: gen make SEED COUNT [NAME,...] | cut INDEX | shrink FILE A B | show | compare A B | rows\n");
    return 2;
}

/*
 * Build-time generator: RISC-V rows in, decoder tables out.
 *
 *   isagen header FILE   enum of rows and the members that field letters name
 *   isagen tables FILE   rows, encoding pieces, decode tree, linear table; included by decode.c
 *   isagen fields FILE   field extraction; included where instructions are decoded
 *   isagen slots FILE    names and types of the guest's slots, from src/guest/riscv/state.def
 *   isagen doc FILE      docs/ref/riscv-instructions.md
 *
 * The rows are compiled into this program (src/isa/riscv/exts.def includes them all).  It rejects rows whose bits
 * column is malformed and overlaps of rows that "more fixed bits win" does not decide.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct field {
    char letter;
    const char *member, *kind, *form, *doc;
    uint8_t vbit[32]; /* value bit of the letter's k-th bit, most significant first */
    unsigned nbits;
    uint32_t ones; /* value bits that are always one */
};

struct row {
    const char *name, *bits, *operands, *semantics, *doc; /* name NULL: reserved */
    unsigned ext;
    unsigned op; /* 0: reserved */
    unsigned width;
    uint32_t mask, match;
    unsigned fmt;
};

struct ext {
    const char *name, *version, *in_isa, *doc;
    int hwprobe;
};

#define FIELD(letter_, member_, kind_, form_, doc_) {.letter = #letter_[0], .member = #member_, .kind = #kind_, .form = form_, .doc = doc_},
static struct field fields[] = {
#include "isa/riscv/fields.def"
};
#undef FIELD

enum ext_index {
#define EXT(name, version, in_isa, hwprobe, doc) EXT_##name,
#include "isa/riscv/exts.def"
    EXT_COUNT
};

static const struct ext exts[] = {
#define EXT(name, version, in_isa, hwprobe, doc) {#name, version, #in_isa, doc, hwprobe},
#include "isa/riscv/exts.def"
};

/* EXT rows become markers so that the rows after one belong to it. */
static struct row rows[] = {
#define EXT(name, version, in_isa, hwprobe, doc)        {.ext = EXT_##name, .op = ~0u},
#define INSN(name_, bits_, operands_, semantics_, doc_) {#name_, bits_, operands_, #semantics_, doc_, 0, 1, 0, 0, 0, 0},
#define RESERVED(bits_, doc_)                           {NULL, bits_, "", "", doc_, 0, 0, 0, 0, 0, 0},
#include "isa/riscv/exts.def"
};

enum {
    NFIELDS = sizeof fields / sizeof fields[0],
    MAX_ROWS = sizeof rows / sizeof rows[0],
    MAX_FMTS = 128,
    MAX_PIECES = 512,
    MAX_NODES = 16384
};

static unsigned nrows, nops;
static FILE *out;

static void fail(const char *what, const char *where)
{
    fprintf(stderr, "isagen: %s: %s\n", what, where);
    exit(1);
}

/* -- reading the columns ----------------------------------------------------------------------------------- */

static void parse_form(struct field *f)
{
    for (const char *p = f->form; *p;) {
        bool one = *p == '+';
        p += one;
        char *end;
        unsigned hi = (unsigned)strtoul(p, &end, 10), lo = hi;
        if (end == p)
            fail("bad form", f->form);
        p = end;
        if (*p == ':') {
            lo = (unsigned)strtoul(p + 1, &end, 10);
            p = end;
        }
        if (hi > 31 || lo > hi)
            fail("bad form", f->form);
        if (one)
            f->ones |= 1u << hi;
        for (unsigned b = hi + 1; !one && b-- > lo;)
            f->vbit[f->nbits++] = (uint8_t)b;
        while (*p == ' ')
            p++;
    }
}

static struct field *field_of(char letter)
{
    for (unsigned k = 0; k < NFIELDS; k++)
        if (fields[k].letter == letter)
            return &fields[k];
    return NULL;
}

/* The bits column without blanks; its length is the width of the encoding. */
static unsigned squeeze(const struct row *r, char line[33])
{
    unsigned n = 0;
    for (const char *p = r->bits; *p; p++) {
        if (*p == ' ')
            continue;
        if (n == 32)
            fail("more than 32 bits", r->bits);
        line[n++] = *p;
    }
    line[n] = 0;
    if (n != 16 && n != 32)
        fail("not 16 or 32 bits", r->bits);
    return n;
}

static void parse_bits(struct row *r)
{
    char line[33];
    r->width = squeeze(r, line);
    unsigned count[NFIELDS] = {0};
    for (unsigned k = 0; k < r->width; k++) {
        uint32_t bit = 1u << (r->width - 1 - k);
        if (line[k] == '0' || line[k] == '1') {
            r->mask |= bit;
            r->match |= line[k] == '1' ? bit : 0;
        } else if (line[k] != '-') {
            struct field *f = field_of(line[k]);
            if (!f)
                fail("letter without a field", r->bits);
            count[f - fields]++;
        }
    }
    for (unsigned k = 0; k < NFIELDS; k++)
        if (count[k] && count[k] != fields[k].nbits)
            fail("a field has the wrong number of bits", r->bits);
    if ((r->match & 3) != 3 ? r->width != 16 : r->width != 32)
        fail("low bits contradict the length", r->bits);
}

/* Every overlap must be decided: one row inside the other, or a third row that is exactly the overlap. */
static void check_overlaps(void)
{
    for (unsigned i = 0; i < nrows; i++)
        for (unsigned j = i + 1; j < nrows; j++) {
            const struct row *a = &rows[i], *b = &rows[j];
            uint32_t both = a->mask & b->mask, any = a->mask | b->mask;
            if (a->width != b->width || (a->match & both) != (b->match & both))
                continue;
            if (a->mask != b->mask && (both == a->mask || both == b->mask))
                continue;
            bool decided = false;
            for (unsigned k = 0; k < nrows && a->mask != b->mask; k++)
                decided |= rows[k].mask == any && rows[k].match == (a->match | b->match);
            if (!decided) {
                fprintf(stderr, "isagen: rows overlap: %s\n", a->bits);
                fail("and", b->bits);
            }
        }
}

/* -- formats: the distinct sets of fields and their places ------------------------------------------------- */

struct piece {
    uint8_t field, raw_lo, bits, value_lo;
};

static struct {
    char shape[33]; /* bits column with the fixed bits blanked */
    unsigned first, count;
} fmts[MAX_FMTS];
static struct piece pieces[MAX_PIECES];
static unsigned nfmts, npieces;

static void add_pieces(const char *shape, unsigned width)
{
    unsigned seen[NFIELDS] = {0};
    unsigned first = npieces;
    for (unsigned k = 0; k < width; k++) {
        struct field *f = field_of(shape[k]);
        if (!f)
            continue;
        unsigned fi = (unsigned)(f - fields), v = f->vbit[seen[fi]++], raw = width - 1 - k;
        struct piece *last = npieces > first ? &pieces[npieces - 1] : NULL;
        if (last && last->field == fi && last->raw_lo == raw + 1 && last->value_lo == v + 1) {
            last->raw_lo--;
            last->value_lo--;
            last->bits++;
        } else if (npieces == MAX_PIECES) {
            fail("too many pieces", shape);
        } else {
            pieces[npieces++] = (struct piece){(uint8_t)fi, (uint8_t)raw, 1, (uint8_t)v};
        }
    }
}

static void assign_format(struct row *r)
{
    char shape[33];
    squeeze(r, shape);
    for (char *p = shape; *p; p++)
        if (*p == '0' || *p == '1')
            *p = '-';
    for (r->fmt = 0; r->fmt < nfmts; r->fmt++)
        if (!strcmp(fmts[r->fmt].shape, shape))
            return;
    if (nfmts == MAX_FMTS)
        fail("too many formats", r->bits);
    memcpy(fmts[nfmts].shape, shape, sizeof shape);
    fmts[nfmts].first = npieces;
    add_pieces(shape, r->width);
    fmts[nfmts].count = npieces - fmts[nfmts].first;
    nfmts++;
}

/* -- the decode tree --------------------------------------------------------------------------------------- */

/*
 * A node is one word.   leaf:   1 << 31 | format << 16 | row number
 *                       inner:  base << 8 | shift << 3 | bits - 1; child k, the value of those bits, is node base + k
 * The first 512 nodes are the roots: one for each value of the eight bits that tell most rows apart, which are 15..10 and 1..0
 * of a 16-bit instruction, 14..12 and 6..2 of a 32-bit one (tree_leaf in decode.c gathers them).
 */
enum { ROOTS = 256, FIRST16_BITS = 0xfc03, FIRST32_BITS = 0x707c };
static uint32_t nodes[MAX_NODES];
static unsigned nnodes, depth_max;

struct span {
    unsigned lo, bits;
};

/* The run of undecided bits that most candidates fix; among those the longest, at most five bits of it. */
static struct span choose_bits(const struct row *const *cand, unsigned n, uint32_t known)
{
    struct span best = {0, 0};
    unsigned best_count = 0;
    for (unsigned lo = 0; lo < 32;) {
        unsigned hi = lo + 1, count = 0;
        for (unsigned c = 0; c < n; c++)
            count += cand[c]->mask >> lo & 1;
        bool usable = count && !(known >> lo & 1);
        for (; usable && hi < 32 && !(known >> hi & 1); hi++) {
            bool same = true;
            for (unsigned c = 0; c < n; c++)
                same &= (cand[c]->mask >> lo & 1) == (cand[c]->mask >> hi & 1);
            if (!same)
                break;
        }
        if (usable && (count > best_count || (count == best_count && hi - lo > best.bits))) {
            best = (struct span){lo, hi - lo};
            best_count = count;
        }
        lo = hi;
    }
    if (best.bits > 5)
        best.bits = 5;
    return best;
}

static uint32_t build_below(const struct row *const *cand, unsigned n, uint32_t known, uint32_t bits, uint32_t value, unsigned depth);

static uint32_t build_tree(const struct row *const *cand, unsigned n, uint32_t known, unsigned depth)
{
    struct span s = choose_bits(cand, n, known);
    if (depth > depth_max)
        depth_max = depth;
    if (n <= 1 || !s.bits) { /* nothing left to tell the rest apart: most fixed bits */
        const struct row *best = NULL;
        for (unsigned c = 0; c < n; c++)
            if (!best || __builtin_popcount(cand[c]->mask) > __builtin_popcount(best->mask))
                best = cand[c];
        return UINT32_C(1) << 31 | (best ? (uint32_t)best->fmt << 16 | best->op : 0);
    }
    unsigned base = nnodes, width = 1u << s.bits;
    nnodes += width;
    if (nnodes > MAX_NODES)
        fail("decode tree too large", "raise MAX_NODES");
    for (unsigned v = 0; v < width; v++)
        nodes[base + v] = build_below(cand, n, known, (width - 1) << s.lo, v << s.lo, depth + 1);
    return (uint32_t)base << 8 | s.lo << 3 | (s.bits - 1);
}

/* The tree of the candidates that agree with `value` in `bits`. */
static uint32_t build_below(const struct row *const *cand, unsigned n, uint32_t known, uint32_t bits, uint32_t value, unsigned depth)
{
    const struct row *sub[MAX_ROWS];
    unsigned m = 0;
    for (unsigned c = 0; c < n; c++)
        if ((value & cand[c]->mask) == (cand[c]->match & bits))
            sub[m++] = cand[c];
    return build_tree(sub, m, known | bits, depth);
}

/* The bits of v, low to high, at the places of the bits of mask. */
static uint32_t scatter(unsigned v, uint32_t mask)
{
    uint32_t r = 0;
    for (unsigned b = 0; b < 32; b++)
        if (mask >> b & 1) {
            r |= (uint32_t)(v & 1) << b;
            v >>= 1;
        }
    return r;
}

static void build_roots(unsigned width, unsigned base, uint32_t bits, uint32_t known)
{
    const struct row *cand[MAX_ROWS];
    unsigned n = 0;
    for (unsigned k = 0; k < nrows; k++)
        if (rows[k].width == width)
            cand[n++] = &rows[k];
    for (unsigned v = 0; v < ROOTS; v++)
        nodes[base + v] = build_below(cand, n, known, bits, scatter(v, bits), 1);
}

/* -- output ------------------------------------------------------------------------------------------------ */

static void put_mnemonic(const char *name)
{
    for (; *name; name++)
        fputc(*name == '_' ? '.' : *name, out);
}

static void write_header(void)
{
    fprintf(out, "/* Generated by tools/isagen.c from src/isa/riscv/exts.def. */\n#ifndef BTV_RISCV_GEN_H\n#define BTV_RISCV_GEN_H\n\n");
    fprintf(out, "enum rv_op {\n    RV_undefined,\n");
    for (unsigned k = 0; k < nrows; k++)
        if (rows[k].op)
            fprintf(out, "    RV_%s,\n", rows[k].name);
    fprintf(out, "    RV_OP_COUNT\n};\n\nenum rv_ext_index {\n");
    for (unsigned k = 0; k < EXT_COUNT; k++)
        fprintf(out, "    RV_EXT_%s,\n", exts[k].name);
    fprintf(out, "    RV_EXT_COUNT\n};\n\n/* What a field letter names in an instruction `in`. */\n");
    for (unsigned k = 0; k < NFIELDS; k++)
        fprintf(out, "#define RVF_%c in->%s\n", fields[k].letter, fields[k].member);
    fprintf(out, "\n#endif\n");
}

static bool is_signed(const struct field *f)
{
    return !strcmp(f->kind, "SIGNED") || !strcmp(f->kind, "UPPER") || !strcmp(f->kind, "PCREL");
}

/* Statements that fill the member of field fi from raw. */
static void write_extract(unsigned fmt, unsigned fi)
{
    const struct field *f = &fields[fi];
    char expr[512] = "";
    unsigned top = 0;
    for (unsigned k = 0; k < fmts[fmt].count; k++) {
        const struct piece *p = &pieces[fmts[fmt].first + k];
        if (p->field != fi)
            continue;
        size_t used = strlen(expr);
        snprintf(expr + used, sizeof expr - used, p->value_lo ? "%s(raw >> %u & 0x%xu) << %u" : "%s(raw >> %u & 0x%xu)", used ? " | " : "", p->raw_lo,
                 (1u << p->bits) - 1, p->value_lo);
        if (p->value_lo + p->bits - 1u > top)
            top = p->value_lo + p->bits - 1u;
    }
    if (f->ones)
        snprintf(expr + strlen(expr), 24, " | 0x%xu", f->ones);
    if (is_signed(f))
        fprintf(out, "        in->%s = (int64_t)(int32_t)((%s) << %u) >> %u;\n", f->member, expr, 31 - top, 31 - top);
    else if (!strcmp(f->member, "imm"))
        fprintf(out, "        in->imm = (int64_t)(%s);\n", expr);
    else if (!strcmp(f->member, "csr"))
        fprintf(out, "        in->csr |= (uint16_t)(%s);\n", expr);
    else
        fprintf(out, "        in->%s = (uint8_t)(%s);\n", f->member, expr);
}

static void write_fields(void)
{
    fprintf(out, "/* Generated by tools/isagen.c from src/isa/riscv/exts.def. */\n\n/* The format of each row. */\nenum {\n");
    for (unsigned k = 0; k < nrows; k++)
        if (rows[k].op)
            fprintf(out, "    RV_FORMAT_%s = %u,\n", rows[k].name, rows[k].fmt);
    fprintf(out, "};\n\n/* Fills the fields of format fmt from raw; false: a field's value is no encoding. */\n"
                 "static inline __attribute__((always_inline)) bool rv_extract_fields(unsigned fmt, uint32_t raw, struct insn *in)\n{\n    switch (fmt) {\n");
    for (unsigned f = 0; f < nfmts; f++) {
        bool rm = false;
        fprintf(out, "    case %u: /* %s */\n", f, fmts[f].shape);
        for (unsigned fi = 0; fi < NFIELDS; fi++)
            if (strchr(fmts[f].shape, fields[fi].letter)) {
                write_extract(f, fi);
                rm |= !strcmp(fields[fi].kind, "RM");
            }
        fprintf(out, rm ? "        return in->rm != 5 && in->rm != 6;\n" : "        return true;\n");
    }
    fprintf(out, "    }\n    return false;\n}\n");
}

static int more_fixed_bits(const void *a, const void *b)
{
    const struct row *x = *(const struct row *const *)a, *y = *(const struct row *const *)b;
    int d = __builtin_popcount(y->mask) - __builtin_popcount(x->mask);
    return d ? d : (x > y) - (x < y);
}

static void write_linear(void)
{
    const struct row *order[MAX_ROWS];
    for (unsigned k = 0; k < nrows; k++)
        order[k] = &rows[k];
    qsort(order, nrows, sizeof order[0], more_fixed_bits);
    fprintf(out,
            "\n/* All rows, most fixed bits first: the first that matches is meant. */\nstatic const struct linear_entry linear[] = {\n");
    for (unsigned k = 0; k < nrows; k++)
        fprintf(out, "    {0x%08x, 0x%08x, %u, %u}, /* %s */\n", order[k]->mask, order[k]->match, order[k]->op, order[k]->width / 8,
                order[k]->name ? order[k]->name : "reserved");
    fprintf(out, "};\n");
}

static void write_tables(void)
{
    nnodes = 2 * ROOTS;
    build_roots(16, 0, FIRST16_BITS, 0);
    build_roots(32, ROOTS, FIRST32_BITS, 3);
    fprintf(out, "/* Generated by tools/isagen.c from src/isa/riscv/exts.def. */\n\n");
    fprintf(out, "const struct rv_row rv_rows[RV_OP_COUNT] = {\n");
    for (unsigned k = 0; k < nrows; k++) {
        const struct row *r = &rows[k];
        if (!r->op)
            continue;
        fprintf(out, "    [%u] = {0x%08x, 0x%08x, %u, %u, %u, \"", r->op, r->mask, r->match, r->fmt, r->width / 8, r->ext);
        put_mnemonic(r->name);
        fprintf(out, "\", \"%s\", \"%s\", \"%s\", \"%s\"},\n", r->bits, r->operands, r->semantics, r->doc);
    }
    fprintf(out, "};\n\n/* The part of the rows that decoding reads. */\nstatic const struct key keys[RV_OP_COUNT] = {\n    [0] = {0, 1}, /* none */\n");
    for (unsigned k = 0; k < nrows; k++)
        if (rows[k].op)
            fprintf(out, "    [%u] = {0x%08x, 0x%08x},\n", rows[k].op, rows[k].mask, rows[k].match);
    fprintf(out, "};\n\nconst struct rv_ext rv_exts[RV_EXT_COUNT] = {\n");
    for (unsigned k = 0; k < EXT_COUNT; k++)
        fprintf(out, "    {\"%s\", \"%s\", \"%s\", %d, %s},\n", exts[k].name, exts[k].version, exts[k].doc, exts[k].hwprobe,
                strcmp(exts[k].in_isa, "ISA") ? "false" : "true");
    fprintf(out, "};\n\nconst struct rv_field rv_fields[] = {\n");
    for (unsigned k = 0; k < NFIELDS; k++)
        fprintf(out, "    {'%c', RV_%s, 0x%x, %s, \"%s\"},\n", fields[k].letter, fields[k].kind, fields[k].ones,
                is_signed(&fields[k]) ? "true" : "false", fields[k].doc);
    fprintf(out, "};\nconst unsigned rv_nfields = %u;\n\nstatic const struct piece pieces[] = {\n", (unsigned)NFIELDS);
    for (unsigned k = 0; k < npieces; k++)
        fprintf(out, "    {%u, %u, %u, %u},\n", pieces[k].field, pieces[k].raw_lo, pieces[k].bits, pieces[k].value_lo);
    fprintf(out, "};\n\n/* First piece and number of pieces of each format. */\nstatic const struct format formats[] = {\n");
    for (unsigned k = 0; k < nfmts; k++)
        fprintf(out, "    {%u, %u}, /* %s */\n", fmts[k].first, fmts[k].count, fmts[k].shape);
    fprintf(out, "};\n\n/* Value of a field as bits. */\nstatic uint32_t field_value(unsigned field, const struct insn *in)\n{\n    switch "
                 "(field) {\n");
    for (unsigned k = 0; k < NFIELDS; k++)
        fprintf(out, "    case %u: return (uint32_t)in->%s;\n", k, fields[k].member);
    fprintf(
        out,
        "    }\n    return 0;\n}\n\nstatic void set_field_value(unsigned field, struct insn *in, int64_t v)\n{\n    switch (field) {\n");
    for (unsigned k = 0; k < NFIELDS; k++)
        fprintf(out, "    case %u: in->%s = (typeof(in->%s))v; return;\n", k, fields[k].member, fields[k].member);
    fprintf(out, "    }\n}\n\n/* Depth %u. */\nenum { ROOTS = %u };\nstatic const uint32_t tree[%u] = {", depth_max, ROOTS, nnodes);
    for (unsigned k = 0; k < nnodes; k++)
        fprintf(out, "%s0x%x,", k % 8 ? " " : "\n    ", nodes[k]);
    fprintf(out, "\n};\n");
    write_linear();
}

/* A REG row of state.def is a group of slots whose names are one string. */
static void write_slots(unsigned first, unsigned count, const char *type, const char *names)
{
    for (unsigned k = first; k < first + count; k++) {
        int len = (int)strcspn(names, " ");
        fprintf(out, "    [%u] = {\"%.*s\", IR_%s},\n", k, len, names, type);
        names += len + (names[len] == ' ');
    }
}

static void write_state(void)
{
    fprintf(out, "/* Generated by tools/isagen.c from src/guest/riscv/state.def. */\n\nstatic const struct ir_slot slots[RV_SLOTS] = {\n");
#define REG(name, type, first, count, names, doc) write_slots(first, count, #type, names);
#include "guest/riscv/state.def"
#undef REG
    fprintf(out, "};\n");
}

static void write_doc(void)
{
    fprintf(out,
            "# RISC-V instructions\n\nGenerated by `tools/isagen.c` from `src/isa/riscv/*.def`; do not edit. %u instructions. `btv explain "
            "riscv NAME`\n"
            "prints one of these rows. In the encoding a letter is a bit of an operand field (last table), `0` and `1` are fixed.\n"
            "The words of the meaning column are those of `src/guest/riscv/sem.h`.\n\n",
            nops);
    for (unsigned e = 0; e < EXT_COUNT; e++) {
        fprintf(out, "## %s %s\n\n%s.\n\n", exts[e].name, exts[e].version, exts[e].doc);
        bool any = false;
        for (unsigned k = 0; k < nrows; k++) {
            const struct row *r = &rows[k];
            if (r->ext != e)
                continue;
            if (!any)
                fprintf(out, "| Instruction | Encoding | Meaning | |\n|---|---|---|---|\n");
            any = true;
            fprintf(out, "| `");
            if (r->op)
                put_mnemonic(r->name);
            else
                fprintf(out, "(reserved)");
            fprintf(out, "%s%s` | `%s` | %s%s%s | %s |\n", *r->operands ? " " : "", r->operands, r->bits, r->op ? "`" : "", r->semantics,
                    r->op ? "`" : "", r->doc);
        }
        if (any)
            fputc('\n', out);
    }
    fprintf(out, "## Operand fields\n\n| Letter | Member | Kind | Value bits | |\n|---|---|---|---|---|\n");
    for (unsigned k = 0; k < NFIELDS; k++)
        fprintf(out, "| `%c` | %s | %s | %s | %s |\n", fields[k].letter, fields[k].member, fields[k].kind, fields[k].form, fields[k].doc);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        fail("usage", "isagen header|tables|fields|slots|doc FILE");
    for (unsigned k = 0; k < NFIELDS; k++)
        parse_form(&fields[k]);
    unsigned ext = 0;
    for (unsigned k = 0; k < MAX_ROWS; k++) {
        if (rows[k].op == ~0u) {
            ext = rows[k].ext;
            continue;
        }
        struct row r = rows[k];
        r.ext = ext;
        r.op = r.op ? ++nops : 0;
        parse_bits(&r);
        if (r.op)
            assign_format(&r);
        rows[nrows++] = r;
    }
    check_overlaps();
    out = fopen(argv[2], "w");
    if (!out)
        fail("cannot write", argv[2]);
    if (!strcmp(argv[1], "header"))
        write_header();
    else if (!strcmp(argv[1], "tables"))
        write_tables();
    else if (!strcmp(argv[1], "fields"))
        write_fields();
    else if (!strcmp(argv[1], "slots"))
        write_state();
    else if (!strcmp(argv[1], "doc"))
        write_doc();
    else
        fail("unknown mode", argv[1]);
    if (fclose(out))
        fail("cannot write", argv[2]);
    return 0;
}

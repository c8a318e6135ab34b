/*
 * struct insn <-> assembly text, driven by the operands column of the rows.
 *
 * The syntax is that of the GNU assembler without pseudo-instructions.  A field letter in the operands column stands
 * alone between other characters; everything else is literal.
 */
#include "isa/riscv/riscv.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const xreg[32] = {"zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
                                     "a6",   "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
static const char *const freg[32] = {"ft0", "ft1", "ft2", "ft3", "ft4",  "ft5",  "ft6", "ft7", "fs0",  "fs1", "fa0",
                                     "fa1", "fa2", "fa3", "fa4", "fa5",  "fa6",  "fa7", "fs2", "fs3",  "fs4", "fs5",
                                     "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11"};
static const char *const rm_name[8] = {"rne", "rtz", "rdn", "rup", "rmm", "", "", "dyn"};

static const struct {
    uint16_t number;
    const char *name;
} csrs[] = {{0x001, "fflags"}, {0x002, "frm"}, {0x003, "fcsr"}, {0xc00, "cycle"}, {0xc01, "time"}, {0xc02, "instret"}};

/* Zfa's table as binary64; number 1 is the smallest normal number of the format, 30 infinity, 31 the canonical NaN. */
static const double fli[30] = {-1.0,  0.0,    0x1p-16, 0x1p-15, 0x1p-8, 0x1p-7, 0.0625, 0.125, 0.25,   0.3125,
                               0.375, 0.4375, 0.5,     0.625,   0.75,   0.875,  1.0,    1.25,  1.5,    1.75,
                               2.0,   2.5,    3.0,     4.0,     8.0,    16.0,   128.0,  256.0, 32768., 65536.};

const char *rv_xreg_name(unsigned n)
{
    return xreg[n & 31];
}

const char *rv_freg_name(unsigned n)
{
    return freg[n & 31];
}

uint64_t rv_fli_bits(unsigned k, unsigned bits)
{
    unsigned frac = bits == 64 ? 52 : bits == 32 ? 23 : 10;
    uint64_t exp_max = (UINT64_C(1) << (bits - 1 - frac)) - 1, bias = exp_max >> 1;
    if (k == 1)
        return UINT64_C(1) << frac;
    if (k == 30)
        return exp_max << frac;
    if (k == 31)
        return exp_max << frac | UINT64_C(1) << (frac - 1);
    uint64_t d;
    memcpy(&d, &fli[k], sizeof d);
    uint64_t exp = (d >> 52 & 0x7ff) + bias - 1023; /* every entry is a normal number of each format but binary16's 2^16 */
    if (exp >= exp_max)
        return exp_max << frac;
    return (d >> 63) << (bits - 1) | exp << frac | (d << 12 >> 12) >> (52 - frac);
}

/* -- printing ---------------------------------------------------------------------------------------------- */

static void print_set(struct str *s, int64_t set)
{
    for (unsigned k = 0; k < 4; k++)
        if (set >> (3 - k) & 1)
            str_addn(s, &"iorw"[k], 1);
    if (!set)
        str_adds(s, "0");
}

static void print_csr(struct str *s, int64_t number)
{
    for (size_t k = 0; k < ARRAY_LEN(csrs); k++)
        if (csrs[k].number == number) {
            str_adds(s, csrs[k].name);
            return;
        }
    str_add(s, "0x%" PRIx64, (uint64_t)number);
}

static void print_fli(struct str *s, int64_t k)
{
    if (k == 1 || k >= 30)
        str_adds(s, k == 1 ? "min" : k == 30 ? "inf" : "nan");
    else
        str_add(s, "%.17g", fli[k]);
}

static void print_field(struct str *s, const struct insn *in, char letter, unsigned kind, uint64_t pc)
{
    int64_t v = rv_get_field(in, letter);
    switch ((enum rv_kind)kind) {
    case RV_XREG: str_adds(s, xreg[v & 31]); break;
    case RV_FREG: str_adds(s, freg[v & 31]); break;
    case RV_SIGNED:
    case RV_UNSIGNED: str_add(s, "%" PRId64, v); break;
    case RV_HEX: str_add(s, "0x%" PRIx64, (uint64_t)v); break;
    case RV_UPPER: str_add(s, "0x%" PRIx64, (uint64_t)v >> 12 & 0xfffff); break;
    case RV_PCREL: str_add(s, "0x%" PRIx64, pc + (uint64_t)v); break;
    case RV_CSR: print_csr(s, v); break;
    case RV_RM: str_adds(s, rm_name[v & 7]); break;
    case RV_ISET: print_set(s, v); break;
    case RV_FLI: print_fli(s, v); break;
    case RV_SUFFIX: break;
    }
}

static const struct rv_field *field_at(const char *p, bool word_before)
{
    if (!isalpha((unsigned char)*p) || isalnum((unsigned char)p[1]) || word_before)
        return NULL;
    for (unsigned k = 0; k < rv_nfields; k++)
        if (rv_fields[k].letter == *p)
            return &rv_fields[k];
    return NULL;
}

static bool has_field(const struct rv_row *r, char letter)
{
    return strchr(r->bits, letter) != NULL;
}

void rv_print(struct str *s, const struct insn *in, uint64_t pc)
{
    if (!in->op || in->op >= RV_OP_COUNT) {
        str_add(s, in->len == 2 ? ".2byte 0x%04x" : ".4byte 0x%08x", in->raw);
        return;
    }
    const struct rv_row *r = &rv_rows[in->op];
    size_t start = s->len;
    str_adds(s, r->mnemonic);
    if (has_field(r, 'a') && (in->aq || in->rl))
        str_adds(s, in->aq && in->rl ? ".aqrl" : in->aq ? ".aq" : ".rl");
    if (!*r->operands)
        return;
    do
        str_adds(s, " ");
    while (s->p && s->len - start < 8);
    for (const char *p = r->operands; *p; p++) {
        const struct rv_field *f = field_at(p, p > r->operands && isalnum((unsigned char)p[-1]));
        if (*p == ',' && p[1] == ' ' && p[2] == 'r' && !p[3] && in->rm == 7)
            return; /* the dynamic mode is not written */
        if (f)
            print_field(s, in, *p, f->kind, pc);
        else
            str_addn(s, p, 1);
    }
}

/* -- parsing ----------------------------------------------------------------------------------------------- */

unsigned rv_find(const char *mnemonic, size_t len)
{
    for (unsigned op = 1; op < RV_OP_COUNT; op++)
        if (strlen(rv_rows[op].mnemonic) == len && !memcmp(rv_rows[op].mnemonic, mnemonic, len))
            return op;
    return 0;
}

/* The row of a mnemonic with its ordering suffix taken off. */
static unsigned find_suffixed(const char *m, size_t len, struct insn *out)
{
    unsigned op = rv_find(m, len);
    for (unsigned order = 1; order < 4 && !op; order++) {
        const char *suffix = order == 3 ? ".aqrl" : order == 2 ? ".rl" : ".aq";
        size_t n = strlen(suffix);
        if (len <= n || memcmp(m + len - n, suffix, n))
            continue;
        op = rv_find(m, len - n);
        if (op && !has_field(&rv_rows[op], 'a'))
            op = 0;
        out->aq = order & 1;
        out->rl = order >> 1;
    }
    return op;
}

static bool find_name(const char *const *names, unsigned n, const char *tok, size_t len, int64_t *v)
{
    for (unsigned k = 0; k < n; k++)
        if (len && strlen(names[k]) == len && !memcmp(names[k], tok, len)) {
            *v = k;
            return true;
        }
    return false;
}

static bool parse_number(const char *tok, size_t len, int64_t *v)
{
    char buf[32];
    if (!len || len >= sizeof buf)
        return false;
    memcpy(buf, tok, len);
    buf[len] = 0;
    char *end;
    *v = buf[0] == '-' ? (int64_t)strtoll(buf, &end, 0) : (int64_t)strtoull(buf, &end, 0);
    return end == buf + len && (isdigit((unsigned char)buf[0]) || buf[0] == '-');
}

/* x0..x31 or f0..f31 */
static bool parse_numbered(char letter, const char *tok, size_t len, int64_t *v)
{
    return len >= 2 && len <= 3 && tok[0] == letter && isdigit((unsigned char)tok[1]) && parse_number(tok + 1, len - 1, v) && *v < 32;
}

static bool parse_set(const char *tok, size_t len, int64_t *v)
{
    int64_t set = 0;
    if (len == 1 && *tok == '0')
        len = 0;
    for (size_t k = 0; k < len; k++) {
        static const char letters[] = "wroi"; /* bit 0 first */
        const char *at = memchr(letters, tok[k], 4);
        if (!at)
            return false;
        set |= 1 << (at - letters);
    }
    *v = set;
    return true;
}

static bool parse_fli(const char *tok, size_t len, int64_t *v)
{
    char buf[40];
    if (len >= sizeof buf)
        return false;
    memcpy(buf, tok, len);
    buf[len] = 0;
    if (!strcmp(buf, "min") || !strcmp(buf, "inf") || !strcmp(buf, "nan")) {
        *v = buf[0] == 'm' ? 1 : buf[0] == 'i' ? 30 : 31;
        return true;
    }
    char *end;
    double d = strtod(buf, &end);
    for (int64_t k = 0; k < 30; k++)
        if (k != 1 && fli[k] == d && end == buf + len && len) {
            *v = k;
            return true;
        }
    return false;
}

static bool parse_csr(const char *tok, size_t len, int64_t *v)
{
    for (size_t k = 0; k < ARRAY_LEN(csrs); k++)
        if (strlen(csrs[k].name) == len && !memcmp(csrs[k].name, tok, len)) {
            *v = csrs[k].number;
            return true;
        }
    return parse_number(tok, len, v) && *v >= 0 && *v < 4096;
}

static bool parse_target(const char *tok, size_t len, uint64_t pc, int64_t *v)
{
    bool relative = len > 2 && tok[0] == '.' && (tok[1] == '+' || tok[1] == '-');
    if (relative && parse_number(tok + 2, len - 2, v)) {
        if (tok[1] == '-')
            *v = -*v;
        return true;
    }
    if (relative || !parse_number(tok, len, v))
        return false;
    *v = (int64_t)((uint64_t)*v - pc);
    return true;
}

/* Low-level value of one operand; ranges are checked by encoding afterwards. */
static bool parse_field(const struct rv_field *f, const char *tok, size_t len, uint64_t pc, int64_t *v)
{
    switch ((enum rv_kind)f->kind) {
    case RV_XREG:
        if (len == 2 && !memcmp(tok, "fp", 2)) {
            *v = 8;
            return true;
        }
        return find_name(xreg, 32, tok, len, v) || parse_numbered('x', tok, len, v);
    case RV_FREG: return find_name(freg, 32, tok, len, v) || parse_numbered('f', tok, len, v);
    case RV_SIGNED:
    case RV_UNSIGNED:
    case RV_HEX: return parse_number(tok, len, v);
    case RV_UPPER:
        if (!parse_number(tok, len, v) || *v < -0x80000 || *v > 0xfffff)
            return false;
        *v = (int64_t)(int32_t)((uint32_t)*v << 12);
        return true;
    case RV_PCREL: return parse_target(tok, len, pc, v);
    case RV_CSR: return parse_csr(tok, len, v);
    case RV_RM: return find_name(rm_name, 8, tok, len, v);
    case RV_ISET: return parse_set(tok, len, v);
    case RV_FLI: return parse_fli(tok, len, v);
    case RV_SUFFIX: break;
    }
    return false;
}

static const char *skip_blanks(const char *p)
{
    while (*p == ' ' || *p == '\t')
        p++;
    return p;
}

static enum btv_status parse_operands(const struct rv_row *r, const char *p, uint64_t pc, struct insn *out, struct btv_error *err)
{
    const char *form = r->operands;
    for (; *form; form++) {
        const struct rv_field *f = field_at(form, form > r->operands && isalnum((unsigned char)form[-1]));
        if (*form == ' ')
            continue;
        p = skip_blanks(p);
        if (*form == ',' && form[1] == ' ' && form[2] == 'r' && !form[3] && !*p) {
            out->rm = 7;
            return BTV_OK;
        }
        if (!f) {
            if (*p != *form)
                return err_set(err, BTV_SYNTAX, "%s: expected '%c' at '%s'; operands are: %s", r->mnemonic, *form, p, r->operands);
            p++;
            continue;
        }
        size_t len = strcspn(p, " \t,()");
        int64_t v = 0;
        if (!len && form[1] == '(') { /* an offset may be left out */
            rv_set_field(out, *form, 0);
            continue;
        }
        if (!parse_field(f, p, len, pc, &v))
            return err_set(err, BTV_SYNTAX, "%s: '%.*s' is not %s", r->mnemonic, (int)len, p, f->doc);
        if (f->kind != RV_SUFFIX && f->kind != RV_ISET && (v > INT32_MAX || v < INT32_MIN))
            return err_set(err, BTV_SYNTAX, "%s: '%.*s' is out of range", r->mnemonic, (int)len, p);
        rv_set_field(out, *form, v);
        p += len;
    }
    p = skip_blanks(p);
    return *p ? err_set(err, BTV_SYNTAX, "%s: '%s' after the last operand", r->mnemonic, p) : BTV_OK;
}

enum btv_status rv_parse(const char *line, uint64_t pc, struct insn *out, struct btv_error *err)
{
    struct insn in = {0};
    line = skip_blanks(line);
    size_t len = strcspn(line, " \t");
    unsigned op = find_suffixed(line, len, &in);
    if (!op)
        return err_set(err, BTV_SYNTAX, "no instruction '%.*s'; see docs/ref/riscv-instructions.md", (int)len, line);
    in.op = (uint16_t)op;
    in.len = rv_rows[op].len;
    if (has_field(&rv_rows[op], 'r'))
        in.rm = 7;
    enum btv_status st = parse_operands(&rv_rows[op], line + len, pc, &in, err);
    if (st)
        return st;
    if (rv_encode(&in, &in.raw))
        return err_set(err, BTV_SYNTAX, "%s: an operand is out of range for %s", rv_rows[op].mnemonic, rv_rows[op].bits);
    *out = in;
    return BTV_OK;
}

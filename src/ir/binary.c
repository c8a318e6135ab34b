/*
 * The binary form: written deterministically, read with every number checked.
 *
 *   file     "BTVIR" 0, major u8, minor u8, then sections to the end
 *   section  kind, version, length in bytes (all uleb), contents.  A section of unknown kind is skipped.
 *   kind 1   guest: the name of the instruction set whose slots GET and PUT number (string)
 *   kind 2   functions, version 0: count, then each function
 *   function name (string), pc, number of values, number of block ids, count of blocks,
 *            for each block: id, count of parameters, for each: value, type u8
 *            for each block: count of instructions, then each of them
 *   ins      op u8, type u8, the value it defines if it defines one, count of operands u8 if the op's may vary,
 *            operands, imm and aux as far as the op has them, for BR and BRIF each edge: block id, its arguments
 *   string   length (uleb), bytes without zeros.  All numbers not marked u8 are uleb.
 *
 * docs/ir.md says what may change in later versions.
 */
#include "ir/ir.h"

#include <string.h>

#include "base/pack.h"
#include "ir/sig.h"
#include "ir/version.h"

static const char magic[6] = "BTVIR";

enum { SECTION_GUEST = 1, SECTION_FUNCTIONS = 2 };

enum { FREE_NUMBERS = 1 << 20 }; /* value and block numbers a file may use besides 16 per byte */

/* -- writing ----------------------------------------------------------------------------------------------- */

static void put_u8(struct str *s, unsigned v)
{
    unsigned char b = (unsigned char)v;
    str_addn(s, &b, 1);
}

static void put_uleb(struct str *s, uint64_t v)
{
    unsigned char b[10];
    unsigned n = 0;
    do {
        b[n] = v & 127;
        v >>= 7;
        b[n] |= v ? 128 : 0;
        n++;
    } while (v);
    str_addn(s, b, n);
}

static void put_string(struct str *s, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    put_uleb(s, len);
    str_addn(s, text ? text : "", len);
}

static void put_section(struct str *out, unsigned kind, unsigned version, const struct str *contents)
{
    put_uleb(out, kind);
    put_uleb(out, version);
    put_uleb(out, contents->len);
    str_addn(out, str_get(contents), contents->len);
    out->failed |= contents->failed;
}

static void put_ins(struct str *s, const struct ir_ins *i)
{
    enum ir_op op = (enum ir_op)i->op;
    unsigned imms = ir_op_imms(op);
    put_u8(s, op);
    put_u8(s, i->type);
    if (i->dst)
        put_uleb(s, i->dst);
    if (ir_op_variadic(op))
        put_u8(s, i->nargs);
    for (unsigned k = 0; k < i->nargs; k++)
        put_uleb(s, i->arg[k]);
    if (imms > 0)
        put_uleb(s, i->imm);
    if (imms > 1)
        put_uleb(s, i->aux);
    for (unsigned e = 0; e < ir_nedges(i); e++) {
        put_uleb(s, i->edges[e].to->id);
        for (uint32_t k = 0; k < i->edges[e].to->nparams; k++)
            put_uleb(s, i->edges[e].args[k]);
    }
}

static void put_func(struct str *s, const struct ir_func *f)
{
    uint32_t nblocks = 0;
    for (const struct ir_block *b = f->first; b; b = b->next)
        nblocks++;
    put_string(s, f->name);
    put_uleb(s, f->pc);
    put_uleb(s, f->nvals);
    put_uleb(s, f->nblocks);
    put_uleb(s, nblocks);
    for (const struct ir_block *b = f->first; b; b = b->next) {
        put_uleb(s, b->id);
        put_uleb(s, b->nparams);
        for (uint32_t k = 0; k < b->nparams; k++) {
            put_uleb(s, b->params[k]->dst);
            put_u8(s, b->params[k]->type);
        }
    }
    for (const struct ir_block *b = f->first; b; b = b->next) {
        uint32_t n = 0;
        for (const struct ir_ins *i = b->first; i; i = i->next)
            n++;
        put_uleb(s, n);
        for (const struct ir_ins *i = b->first; i; i = i->next)
            put_ins(s, i);
    }
}

enum btv_status ir_write(struct str *out, const struct ir_module *m)
{
    struct str part = STR_INIT;
    str_addn(out, magic, sizeof magic);
    put_u8(out, IR_VERSION_MAJOR);
    put_u8(out, IR_VERSION_MINOR);
    if (m->nfuncs && m->func[0]->slots && m->func[0]->slots->guest) {
        put_string(&part, m->func[0]->slots->guest);
        put_section(out, SECTION_GUEST, 0, &part);
        str_clear(&part);
    }
    put_uleb(&part, m->nfuncs);
    for (unsigned k = 0; k < m->nfuncs; k++)
        put_func(&part, m->func[k]);
    put_section(out, SECTION_FUNCTIONS, 0, &part);
    bool failed = part.failed || out->failed;
    str_free(&part);
    return failed ? BTV_NOMEM : BTV_OK;
}

/* -- reading ----------------------------------------------------------------------------------------------- */

struct reader {
    struct pack_reader in;
    struct arena *arena;
    const struct ir_slots *slots;
    struct btv_error *err;
    enum btv_status status;
    uint64_t numbers_left;
    struct ir_func *f;
    struct ir_block **block; /* of f, by id */
};

static BTV_COLD bool malformed(struct reader *r, const char *what)
{
    if (r->status == BTV_OK)
        r->status = err_set(r->err, BTV_BADIMAGE, "IR module: byte %zu: %s", r->in.at, what);
    return false;
}

static BTV_COLD bool no_memory(struct reader *r)
{
    if (r->status == BTV_OK)
        r->status = err_set(r->err, BTV_NOMEM, "out of memory while reading an IR module");
    return false;
}

static uint64_t get_uleb(struct reader *r)
{
    return pack_uleb(&r->in);
}

/* A count of things that take at least one byte each; more than there are bytes left is malformed. */
static bool get_count(struct reader *r, uint32_t *out)
{
    uint64_t n = get_uleb(r);
    if (r->in.failed || n > r->in.len - r->in.at)
        return malformed(r, "a count exceeds the rest of the section");
    *out = (uint32_t)n;
    return n <= UINT32_MAX / 16 ? true : malformed(r, "a count is too large");
}

static bool get_string(struct reader *r, char **out)
{
    uint32_t len = 0;
    if (!get_count(r, &len))
        return false;
    char *text = arena_push(r->arena, (size_t)len + 1);
    if (!text)
        return no_memory(r);
    memcpy(text, r->in.p + r->in.at, len);
    r->in.at += len;
    *out = text;
    return memchr(text, 0, len) ? malformed(r, "a zero byte in a name") : true;
}

static bool get_type(struct reader *r, uint8_t *out)
{
    *out = pack_u8(&r->in);
    return !r->in.failed && *out < IR_TYPE_COUNT ? true : malformed(r, "no such type");
}

static bool define_value(struct reader *r, struct ir_ins *i)
{
    struct ir_func *f = r->f;
    uint64_t v = get_uleb(r);
    if (r->in.failed || v < 1 || v >= f->nvals)
        return malformed(r, "a value number out of range");
    if (f->def[v] != f->def[0])
        return malformed(r, "a value is defined twice");
    i->dst = (ir_val)v;
    f->def[v] = i;
    return true;
}

static bool get_value(struct reader *r, ir_val *out)
{
    uint64_t v = get_uleb(r);
    if (r->in.failed || v < 1 || v >= r->f->nvals)
        return malformed(r, "a value number out of range");
    *out = (ir_val)v;
    return true;
}

static bool get_edges(struct reader *r, struct ir_ins *i)
{
    unsigned n = ir_nedges(i);
    if (!n)
        return true;
    i->edges = ARENA_ARRAY(r->arena, struct ir_edge, n);
    if (!i->edges)
        return no_memory(r);
    for (unsigned e = 0; e < n; e++) {
        struct ir_edge *edge = &i->edges[e];
        uint64_t id = get_uleb(r);
        if (r->in.failed || id >= r->f->nblocks || !r->block[id])
            return malformed(r, "an edge to no block");
        edge->to = r->block[id];
        if (!edge->to->nparams)
            continue;
        if (edge->to->nparams > r->in.len - r->in.at)
            return malformed(r, "an edge with missing arguments");
        edge->args = ARENA_ARRAY(r->arena, ir_val, edge->to->nparams);
        if (!edge->args)
            return no_memory(r);
        for (uint32_t k = 0; k < edge->to->nparams; k++)
            if (!get_value(r, &edge->args[k]))
                return false;
    }
    return true;
}

static bool get_ins(struct reader *r, struct ir_block *b)
{
    unsigned op = pack_u8(&r->in);
    if (r->in.failed || !ir_op_known(op) || op == IR_OP_PARAM)
        return malformed(r, "no such op");
    struct ir_ins *i = ARENA_NEW(r->arena, struct ir_ins);
    if (!i)
        return no_memory(r);
    i->op = (uint8_t)op;
    if (!get_type(r, &i->type))
        return false;
    if (ir_op_has_result((enum ir_op)op, (enum ir_type)i->type) && !define_value(r, i))
        return false;
    unsigned nargs = ir_op_info[op].nargs;
    if (ir_op_variadic((enum ir_op)op)) {
        unsigned n = pack_u8(&r->in);
        if (r->in.failed || n > nargs)
            return malformed(r, "too many operands");
        nargs = n;
    }
    i->nargs = (uint8_t)nargs;
    for (unsigned k = 0; k < nargs; k++)
        if (!get_value(r, &i->arg[k]))
            return false;
    unsigned imms = ir_op_imms((enum ir_op)op);
    if (imms > 0)
        i->imm = get_uleb(r);
    if (imms > 1)
        i->aux = get_uleb(r);
    if (!get_edges(r, i))
        return false;
    if (r->in.failed)
        return malformed(r, "an instruction is cut short");
    i->prev = b->last;
    if (b->last)
        b->last->next = i;
    else
        b->first = i;
    b->last = i;
    return true;
}

static bool get_block_head(struct reader *r)
{
    struct ir_func *f = r->f;
    uint64_t id = get_uleb(r);
    struct ir_block *b = ARENA_NEW(r->arena, struct ir_block);
    if (!b)
        return no_memory(r);
    if (r->in.failed || id >= f->nblocks || r->block[id])
        return malformed(r, "a block number out of range or used twice");
    if (!get_count(r, &b->nparams))
        return false;
    b->id = (uint32_t)id;
    r->block[id] = b;
    b->prev = f->last;
    if (f->last)
        f->last->next = b;
    else
        f->first = b;
    f->last = b;
    if (!b->nparams)
        return true;
    uint32_t cap = 1; /* a power of two, as ir_block_param expects */
    while (cap < b->nparams)
        cap *= 2;
    b->params = ARENA_ARRAY(r->arena, struct ir_ins *, cap);
    if (!b->params)
        return no_memory(r);
    for (uint32_t k = 0; k < b->nparams; k++) {
        struct ir_ins *i = ARENA_NEW(r->arena, struct ir_ins);
        if (!i)
            return no_memory(r);
        i->op = IR_OP_PARAM;
        b->params[k] = i;
        if (!define_value(r, i) || !get_type(r, &i->type))
            return false;
    }
    return true;
}

/* Room for all values and blocks that the function's head announces. */
static bool make_room(struct reader *r, uint64_t nvals, uint64_t nblocks)
{
    struct ir_func *f = r->f;
    if (r->in.failed || nvals < 1 || nvals > UINT32_MAX / 4 || nblocks > UINT32_MAX / 4 || nvals > r->numbers_left || nblocks > r->numbers_left - nvals)
        return malformed(r, "value or block numbers are too large for a module of this size");
    r->numbers_left -= nvals + nblocks;
    struct ir_ins **def = arena_push_raw(r->arena, (nvals + 1) * sizeof *def);
    r->block = ARENA_ARRAY(r->arena, struct ir_block *, nblocks + 1);
    if (!def || !r->block)
        return no_memory(r);
    for (uint64_t v = 0; v < nvals; v++)
        def[v] = f->def[0];
    f->def = def;
    f->nvals = f->cap_vals = (uint32_t)nvals;
    f->nblocks = (uint32_t)nblocks;
    return true;
}

static bool get_func(struct reader *r, struct ir_func **out)
{
    char *name = NULL;
    if (!get_string(r, &name))
        return false;
    struct ir_func *f = ir_func_new(r->arena, r->slots, name);
    if (!f)
        return no_memory(r);
    r->f = f;
    f->pc = get_uleb(r);
    uint64_t nvals = get_uleb(r), nblocks = get_uleb(r);
    uint32_t count = 0;
    if (!make_room(r, nvals, nblocks) || !get_count(r, &count))
        return false;
    for (uint32_t k = 0; k < count; k++)
        if (!get_block_head(r))
            return false;
    for (struct ir_block *b = f->first; b; b = b->next) {
        if (!get_count(r, &count))
            return false;
        for (uint32_t k = 0; k < count; k++)
            if (!get_ins(r, b))
                return false;
    }
    f->at = f->last;
    struct btv_error why = {0};
    enum btv_status st = ir_verify(f, &why);
    if (st != BTV_OK)
        return st == BTV_NOMEM ? no_memory(r) : malformed(r, why.text);
    *out = f;
    return true;
}

static bool get_functions(struct reader *r, struct ir_module *m)
{
    if (m->func)
        return malformed(r, "two sections of functions");
    if (!get_count(r, &m->nfuncs))
        return false;
    m->func = ARENA_ARRAY(r->arena, struct ir_func *, m->nfuncs + 1);
    if (!m->func)
        return no_memory(r);
    for (unsigned k = 0; k < m->nfuncs; k++)
        if (!get_func(r, &m->func[k]))
            return false;
    return true;
}

static bool get_guest(struct reader *r)
{
    char *guest = NULL;
    if (!get_string(r, &guest))
        return false;
    if (r->slots && r->slots->guest && strcmp(guest, r->slots->guest) != 0)
        return malformed(r, "the module is for another guest");
    return true;
}

static bool get_section(struct reader *r, struct ir_module *m)
{
    uint64_t kind = get_uleb(r), version = get_uleb(r), len = get_uleb(r);
    if (r->in.failed || len > r->in.len - r->in.at)
        return malformed(r, "a section is cut short");
    size_t whole = r->in.len, end = r->in.at + (size_t)len;
    if (kind != SECTION_GUEST && kind != SECTION_FUNCTIONS) {
        r->in.at = end;
        return true;
    }
    if (version != 0)
        return malformed(r, "a section's version is newer than this reader");
    r->in.len = end;
    bool ok = kind == SECTION_GUEST ? get_guest(r) : get_functions(r, m);
    r->in.len = whole;
    if (ok && r->in.at != end)
        return malformed(r, "a section is longer than its contents");
    return ok;
}

enum btv_status ir_read(struct arena *arena, const struct ir_slots *slots, const void *p, size_t len, struct ir_module *out,
                        struct btv_error *err)
{
    struct reader r = {.in = pack_reader(p, len), .arena = arena, .slots = slots, .err = err, .status = BTV_OK};
    struct ir_module m = {0};
    r.numbers_left = FREE_NUMBERS + 16 * (uint64_t)len;
    if (len < sizeof magic + 2 || memcmp(p, magic, sizeof magic) != 0)
        return err_set(err, BTV_BADIMAGE, "IR module: no BTVIR signature");
    r.in.at = sizeof magic;
    unsigned major = pack_u8(&r.in), minor = pack_u8(&r.in);
    if (major != IR_VERSION_MAJOR || minor > IR_VERSION_MINOR)
        return err_set(err, BTV_BADIMAGE, "IR module: version %u.%u is not %d.%d", major, minor, IR_VERSION_MAJOR, IR_VERSION_MINOR);
    bool ok = true;
    while (ok && r.in.at < r.in.len)
        ok = get_section(&r, &m);
    if (ok && !m.func)
        malformed(&r, "no section of functions");
    if (r.status == BTV_OK)
        *out = m;
    return r.status;
}

/*
 * btv dump: one translated block at every stage, without running anything.
 *
 *   decode   the guest instructions: address, bytes, text, fields of the row
 *   lift     the intermediate format as the translator makes it
 *   opt      the same after the passes of src/opt (which the translator's path does not run: it folds while lifting)
 *   alloc    the fixed map of guest slots to host registers; * marks what the block touches
 *   emit     host code: offsets, guest instructions as comments, relocations by name, cold paths at the end
 */
#include <stdio.h>
#include <string.h>

#include "cli/tool.h"
#include "host/host.h"
#include "ir/rounds.h"
#include "opt/opt.h"
#include "run/dump.h"

static const char help[] =
    "usage: btv dump [OPTIONS] PROGRAM\n"
    "       btv dump [OPTIONS] --guest GUEST --hex BYTES\n\n"
    "Show how a block of guest code is translated.  Nothing is run; a position-independent program is shown at the\n"
    "addresses it was linked at.\n\n"
    "  --at WHERE      symbol, SYMBOL+N or address (default: the entry point)\n"
    "  --stage LIST    of decode, lift, opt, alloc, emit; or all (default)\n"
    "  --count N       that many blocks, one after the other (default 1)\n"
    "  --insns N       at most N guest instructions in a block (default 64)\n"
    "  --pins N        use only N integer and N floating-point host registers for slots\n"
    "  -L ROOT         look up an absolute PROGRAM in ROOT\n"
    "  --guest GUEST, --hex BYTES   code as hexadecimal digits, at address 0x10000 or --at\n";

enum { DEFAULT_PC = 0x10000, MAX_BLOCKS = 1000, SIDE_EXITS = 4 };
enum stage { DECODE, LIFT, OPT, ALLOC, EMIT, STAGES };
static const char *const stage_name[STAGES] = {"decode", "lift", "opt", "alloc", "emit"};

struct dump {
    const struct guest_isa *guest;
    const struct guest_code *code;
    const struct host_isa *host;
    struct host_config cfg;
    const struct program *program; /* NULL: bytes */
    unsigned stages;
    unsigned max_insns;
    struct arena arena;
    struct str out;
};

static bool parse_stages(const char *text, unsigned *out)
{
    *out = 0;
    for (const char *p = text; *p; p += *p == ',') {
        size_t n = strcspn(p, ",");
        unsigned k = 0;
        while (k < STAGES && (strlen(stage_name[k]) != n || memcmp(stage_name[k], p, n) != 0))
            k++;
        if (n == 3 && !memcmp(p, "all", 3))
            *out |= (1u << STAGES) - 1;
        else if (k < STAGES)
            *out |= 1u << k;
        else
            return false;
        p += n;
    }
    return *out != 0;
}

static enum btv_status lift(struct dump *d, uint64_t pc, struct guest_lift *g, struct ir_func **out, struct btv_error *err)
{
    *g = (struct guest_lift){.pc = pc, .code = d->code, .max_insns = d->max_insns, .max_side_exits = SIDE_EXITS, .follow_jumps = true};
    struct ir_func *f = ir_func_new(&d->arena, &d->guest->slots, "block");
    if (!f)
        return err_set(err, BTV_NOMEM, "out of memory");
    f->pc = pc;
    enum btv_status st = d->guest->lift(g, f);
    if (st != BTV_OK || !arena_ok(&d->arena))
        return err_set(err, BTV_NOMEM, "out of memory while lifting 0x%llx", (unsigned long long)pc);
    ir_rounds_mark(f);
    *out = f;
    return ir_verify(f, err);
}

/* -- stages ------------------------------------------------------------------------------------------------ */

static void print_decode(struct dump *d, const struct ir_func *f)
{
    for (const struct ir_ins *i = f->first->first; i; i = i->next) {
        size_t avail = 0;
        const uint8_t *p = i->op == IR_OP_MARK ? d->code->fetch(d->code->ctx, i->imm, &avail) : NULL;
        if (!p || avail < i->aux)
            continue;
        struct str line = STR_INIT;
        str_add(&line, "  %8llx  ", (unsigned long long)i->imm);
        for (unsigned k = 0; k < i->aux; k++)
            str_add(&line, "%02x", p[k]);
        str_pad(&line, 22);
        d->guest->disasm(&line, i->imm, p, avail);
        str_pad(&line, 52);
        d->guest->print_decoded(&line, i->imm, p, avail);
        str_add(&d->out, "%s\n", str_get(&line));
        str_free(&line);
    }
}

static enum btv_status print_opt(struct dump *d, uint64_t pc, struct btv_error *err)
{
    struct guest_lift g;
    struct ir_func *f;
    struct opt_config cfg = {.pass = opt_default, .npasses = opt_ndefault, .max_rounds = 8, .verify = true};
    enum btv_status st = lift(d, pc, &g, &f, err);
    if (st == BTV_OK)
        st = opt_run(f, &cfg, err);
    if (st == BTV_OK)
        ir_print(&d->out, f);
    return st;
}

static void print_alloc(struct dump *d, const struct ir_func *f)
{
    bool used[CPU_SLOTS] = {false};
    unsigned column = 0;
    for (const struct ir_ins *i = f->first->first; i; i = i->next)
        if ((i->op == IR_OP_GET || i->op == IR_OP_PUT) && i->imm < CPU_SLOTS)
            used[i->imm] = true;
    for (unsigned k = 0; k < CPU_SLOTS; k++) {
        int pin = d->cfg.reg_of_slot[k];
        if (pin >= 0)
            str_add(&d->out, "%s%c %-5s %-6s%s", column % 6 ? "  " : "  ", used[k] ? '*' : ' ', d->host->pin_name((unsigned)pin),
                    d->guest->slots.slot[k].name, column % 6 == 5 ? "\n" : "");
        column += pin >= 0;
    }
    str_add(&d->out, "%s  in memory:", column % 6 ? "\n" : "");
    column = 0;
    for (unsigned k = 0; k < d->guest->slots.count; k++)
        if (used[k] && d->cfg.reg_of_slot[k] < 0) {
            str_add(&d->out, " *%s", d->guest->slots.slot[k].name);
            column++;
        }
    str_adds(&d->out, column ? " and all not named here\n" : " all not named here\n");
}

/* As the engine does: a block that does not fit is made again from half as many instructions. */
static enum btv_status emit(struct dump *d, uint64_t pc, struct guest_lift *g, struct ir_func **f, struct host_code *code, struct btv_error *err)
{
    unsigned wanted = d->max_insns;
    enum btv_status st;
    do {
        arena_reset(&d->arena);
        st = lift(d, pc, g, f, err);
        if (st == BTV_OK)
            st = d->host->emit(&d->arena, &d->cfg, *f, code);
        d->max_insns /= 2;
    } while (st == BTV_LIMIT && d->max_insns);
    d->max_insns = wanted;
    return st == BTV_OK ? st : err_set(err, st, "the block at 0x%llx cannot be emitted: %s", (unsigned long long)pc, btv_status_text(st));
}

static void heading(struct dump *d, enum stage s, const char *text)
{
    if (d->stages & (d->stages - 1))
        str_add(&d->out, "%s%s\n", stage_name[s], text);
}

/* *next: the address behind the block. */
static enum btv_status dump_block(struct dump *d, uint64_t pc, uint64_t *next, struct btv_error *err)
{
    struct guest_lift g;
    struct ir_func *f;
    struct host_code code;
    uint64_t start = 0, size = 0;
    const char *name = d->program ? program_symbol(d->program, pc, &start, &size) : NULL;
    enum btv_status st = emit(d, pc, &g, &f, &code, err);
    if (st != BTV_OK)
        return st;
    *next = pc;
    for (const struct ir_ins *i = f->first->first; i; i = i->next)
        if (i->op == IR_OP_MARK)
            *next = i->imm + i->aux;
    str_add(&d->out, "; block 0x%llx", (unsigned long long)pc);
    if (name)
        str_add(&d->out, " <%s+0x%llx>", name, (unsigned long long)(pc - start));
    str_add(&d->out, ": %u guest instructions, %u bytes of %s code, %u of them cold\n", g.insns, code.len, d->host->name, code.len - code.hot_len);
    if (d->stages & 1u << DECODE) {
        heading(d, DECODE, "");
        print_decode(d, f);
    }
    if (d->stages & 1u << LIFT) {
        heading(d, LIFT, "");
        ir_print(&d->out, f);
    }
    if (d->stages & 1u << OPT) {
        heading(d, OPT, " (for comparison: the code below is made from the lifted form)");
        st = print_opt(d, pc, err);
    }
    if (d->stages & 1u << ALLOC) {
        heading(d, ALLOC, " (* touched by this block)");
        print_alloc(d, f);
    }
    if (d->stages & 1u << EMIT) {
        heading(d, EMIT, "");
        dump_code(&d->out, d->host, d->guest, d->code, &code, pc);
    }
    return st;
}

/* -- bytes given on the command line ------------------------------------------------------------------------ */

struct raw {
    struct str bytes;
    uint64_t pc;
};

static const uint8_t *fetch_raw(void *ctx, uint64_t pc, size_t *avail)
{
    const struct raw *r = ctx;
    if (pc < r->pc || pc - r->pc >= r->bytes.len)
        return NULL;
    *avail = r->bytes.len - (pc - r->pc);
    return (const uint8_t *)r->bytes.p + (pc - r->pc);
}

/* -- command ------------------------------------------------------------------------------------------------ */

struct request {
    const char *program, *where, *root;
    uint64_t count, insns, pins;
    struct raw raw;
};

static int parse(struct tool_args *a, struct dump *d, struct request *r)
{
    const char *value = NULL;
    while (a->at < a->argc) {
        if (tool_option(a, "--at", &value)) {
            if (!(r->where = value))
                return tool_misuse(a, "--at: needs a symbol or an address");
        } else if (tool_option(a, "--stage", &value)) {
            if (!value || !parse_stages(value, &d->stages))
                return tool_misuse(a, "--stage: needs a list of decode, lift, opt, alloc, emit, all");
        } else if (tool_option(a, "--count", &value)) {
            if (!value || !tool_number(value, &r->count) || !r->count || r->count > MAX_BLOCKS)
                return tool_misuse(a, "--count: needs a number from 1 to %d", MAX_BLOCKS);
        } else if (tool_option(a, "--insns", &value)) {
            if (!value || !tool_number(value, &r->insns) || !r->insns || r->insns > GUEST_MAX_INSNS)
                return tool_misuse(a, "--insns: needs a number from 1 to %d", GUEST_MAX_INSNS);
        } else if (tool_option(a, "--pins", &value)) {
            if (!value || !tool_number(value, &r->pins) || !r->pins || r->pins > 16)
                return tool_misuse(a, "--pins: needs a number from 1 to 16");
        } else if (tool_option(a, "-L", &value)) {
            if (!(r->root = value))
                return tool_misuse(a, "-L: needs a directory");
        } else if (tool_option(a, "--guest", &value)) {
            if (!value || !(d->guest = guest_by_name(value)))
                return tool_misuse(a, "--guest %s: no such guest", value ? value : "");
        } else if (tool_option(a, "--hex", &value)) {
            if (!value || !tool_hex(value, &r->raw.bytes) || !r->raw.bytes.len)
                return tool_misuse(a, "--hex: needs pairs of hexadecimal digits");
        } else if (!(value = tool_operand(a)) && a->at < a->argc) {
            return tool_usage(a);
        } else if (value && r->program) {
            return tool_misuse(a, "%s: one program at a time", value);
        } else if (value) {
            r->program = value;
        }
    }
    if (!r->program == !r->raw.bytes.len)
        return tool_misuse(a, "%s; usage: btv dump [--at WHERE] PROGRAM", r->program ? "either a program or --hex" : "no program");
    return 0;
}

static enum btv_status run(struct dump *d, const struct request *r, uint64_t pc, struct btv_error *err)
{
    enum btv_status st = BTV_OK;
    size_t avail;
    if (!d->code->fetch(d->code->ctx, pc, &avail))
        return err_set(err, BTV_NOENT, "0x%llx is not an address of its code", (unsigned long long)pc);
    host_config_init(&d->cfg, d->host, d->guest->pin_int, d->guest->npin_int, d->guest->pin_fp, d->guest->npin_fp, (unsigned)r->pins);
    for (uint64_t k = 0; k < r->count && st == BTV_OK && d->code->fetch(d->code->ctx, pc, &avail); k++) {
        if (k)
            str_adds(&d->out, "\n");
        st = dump_block(d, pc, &pc, err);
    }
    return st;
}

int cmd_dump(int argc, char **argv)
{
    struct tool_args a = {.command = "btv dump", .argc = argc, .argv = argv, .at = 1};
    struct dump d = {.host = &host_x64, .stages = (1u << STAGES) - 1};
    struct request r = {.count = 1, .insns = GUEST_MAX_INSNS, .root = "", .raw = {.pc = DEFAULT_PC}};
    struct program p = {.guest = NULL};
    struct guest_code raw = {.fetch = fetch_raw, .ctx = &r.raw};
    struct btv_error err = {0};
    struct str path = STR_INIT;
    enum btv_status st = BTV_OK;
    uint64_t pc;

    if (argc > 1 && !strcmp(argv[1], "--help")) {
        fputs(help, stdout);
        return 0;
    }
    int status = parse(&a, &d, &r);
    if (status)
        goto out;
    d.max_insns = (unsigned)r.insns;
    arena_init(&d.arena, 0);
    if (r.program) {
        str_add(&path, "%s%s", r.program[0] == '/' ? r.root : "", r.program);
        st = program_open(str_get(&path), &p, &err);
        pc = p.image.entry;
        if (st == BTV_OK && r.where)
            st = program_address(&p, r.where, &pc, &err);
        d.program = &p;
        d.guest = p.guest;
        d.code = &p.code;
    } else {
        d.code = &raw;
        if (!d.guest)
            d.guest = guest_all[0];
        if (r.where && !tool_number(r.where, &r.raw.pc))
            st = err_set(&err, BTV_INVALID, "--at %s: not an address", r.where);
        pc = r.raw.pc;
    }
    if (st == BTV_OK)
        st = run(&d, &r, pc, &err);
    status = st == BTV_OK ? tool_print(&a, &d.out) : tool_fail(&a, "%s", err.text[0] ? err.text : btv_status_text(st));
    arena_free(&d.arena);
    program_close(&p);
out:
    str_free(&d.out);
    str_free(&path);
    str_free(&r.raw.bytes);
    return status;
}

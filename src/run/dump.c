#include "run/dump.h"

#include <string.h>

#include "base/trace.h"
#include "run/run.h"

enum { TEXT_COLUMN = 32, MAX_HEX = 11 };

/* -- listings ------------------------------------------------------------------------------------------------ */

void dump_insn(struct str *s, const struct guest_isa *guest, const struct guest_code *code, uint64_t pc)
{
    size_t avail = 0;
    const uint8_t *p = code->fetch(code->ctx, pc, &avail);
    str_add(s, "0x%llx: ", (unsigned long long)pc);
    if (!p || !guest->disasm(s, pc, p, avail))
        str_adds(s, "(no code)");
}

void dump_lift(struct str *s, const struct guest_isa *guest, const struct guest_code *code, const struct ir_func *f)
{
    for (const struct ir_block *b = f->first; b; b = b->next)
        for (const struct ir_ins *i = b->first; i; i = i->next) {
            if (i->op == IR_OP_CONST) /* printed where it is used */
                continue;
            str_adds(s, i->op == IR_OP_MARK ? "  " : "      ");
            if (i->op == IR_OP_MARK)
                dump_insn(s, guest, code, i->imm);
            else
                ir_print_ins(s, f, i);
            str_adds(s, "\n");
        }
}

static void relocations(struct str *s, const struct host_isa *host, const struct host_code *c, uint32_t from, uint32_t to)
{
    for (unsigned k = 0; k < c->nreloc; k++) {
        const struct host_reloc *r = &c->reloc[k];
        if (r->offset < from || r->offset >= to)
            continue;
        str_add(s, "  ; stub %s", host->stub_name(r->stub));
    }
    for (unsigned k = 0; k < c->nlinks; k++)
        if (c->link[k].at > from && c->link[k].at <= to)
            str_add(s, "  ; link %u -> 0x%llx", k, (unsigned long long)c->link[k].pc);
}

static void host_line(struct str *s, const struct host_isa *host, const struct host_code *c, uint32_t at, unsigned *len)
{
    struct str line = STR_INIT, text = STR_INIT;
    *len = host->disasm(&text, c->bytes + at, c->len - at, at);
    *len = *len ? *len : 1;
    str_add(&line, "  %5x  ", at);
    for (unsigned k = 0; k < *len && k < MAX_HEX; k++)
        str_add(&line, "%02x", c->bytes[at + k]);
    str_pad(&line, TEXT_COLUMN);
    str_add(s, "%s%s", str_get(&line), str_get(&text));
    relocations(s, host, c, at, at + *len);
    str_adds(s, "\n");
    str_free(&line);
    str_free(&text);
}

void dump_code(struct str *s, const struct host_isa *host, const struct guest_isa *guest, const struct guest_code *code, const struct host_code *c,
               uint64_t pc)
{
    unsigned mark = 0, len;
    for (uint32_t at = 0; at < c->len; at += len) {
        for (; mark < c->nmarks && c->mark[mark].offset <= at; mark++) {
            str_adds(s, "  ; ");
            dump_insn(s, guest, code, pc + c->mark[mark].pc_delta);
            str_adds(s, "\n");
        }
        if (at == c->hot_len)
            str_adds(s, "  ; -- cold --\n");
        host_line(s, host, c, at, &len);
    }
}

/* -- trace points of more than a line ------------------------------------------------------------------------ */

void trace_lifted(struct engine_thread *t, const struct ir_func *f, const struct guest_lift *g)
{
    struct str s = STR_INIT;
    if (trace_at(TRACE_lift, g->pc)) {
        str_add(&s, "0x%llx: %u instructions\n", (unsigned long long)g->pc, g->insns);
        dump_lift(&s, t->engine->guest, &t->fetch, f);
        trace_text(TRACE_lift, &s);
    }
    if (trace_at(TRACE_ir, g->pc)) {
        str_add(&s, "0x%llx\n", (unsigned long long)g->pc);
        ir_print(&s, f);
        trace_text(TRACE_ir, &s);
    }
}

void trace_emitted(struct engine *e, const struct guest_code *code, const struct host_code *c, uint64_t pc)
{
    struct str s = STR_INIT;
    str_add(&s, "0x%llx: %u bytes, %u of them cold\n", (unsigned long long)pc, c->len, c->len - c->hot_len);
    dump_code(&s, e->host, e->guest, code, c, pc);
    trace_text(TRACE_emit, &s);
}

void trace_interpreted(struct engine_thread *t, uint64_t pc)
{
    struct str s = STR_INIT;
    dump_insn(&s, t->engine->guest, &t->fetch, pc);
    str_adds(&s, "\n");
    trace_text(TRACE_interp, &s);
}

void trace_left(struct engine_thread *t, uint64_t entered, enum host_exit k)
{
    static const char *const why[HOST_EXIT_COUNT] = {
        [HOST_EXIT_LINK] = "a link not made yet", [HOST_EXIT_INDIRECT] = "an indirect jump", [HOST_EXIT_SYSCALL] = "a system call",
        [HOST_EXIT_ISYNC] = "a fetch barrier",    [HOST_EXIT_BAIL] = "an instruction to interpret", [HOST_EXIT_INTERRUPT] = "a request",
        [HOST_EXIT_TRAP] = "an exception",
    };
    uint64_t to = t->cpu.exit_value;
    if (trace_at(TRACE_exit, entered) || trace_at(TRACE_exit, to))
        trace_line(TRACE_exit, "entered at 0x%llx, left at 0x%llx for %s", (unsigned long long)entered, (unsigned long long)to, why[k]);
}

/*
 * btv asm, btv dis, btv explain: instructions of a guest as text, as bytes, as reference.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tool.h"

static const char asm_help[] =
    "usage: btv asm GUEST [--at PC] [LINE...]\n\n"
    "Assemble each LINE (or the lines of standard input) and print address, bytes and text.\n\n"
    "  --at PC   address of the first instruction (default 0x10000)\n"
    "  --hex     print the bytes alone\n";

static const char dis_help[] =
    "usage: btv dis GUEST [--at PC] HEX...\n"
    "       btv dis --elf FILE [--at SYMBOL|PC] [--count N] [-L ROOT]\n\n"
    "Disassemble bytes given as hexadecimal digits, or code of a program.\n\n"
    "  --elf FILE   the program\n"
    "  --at WHERE   symbol, SYMBOL+N or address (default: the entry point; for bytes 0x10000)\n"
    "  --count N    instructions (default: to the end of the function, at most 1000)\n"
    "  -L ROOT      look up an absolute FILE in ROOT\n";

static const char explain_help[] =
    "usage: btv explain GUEST MNEMONIC...\n\n"
    "Say what an instruction does: operands, encoding, meaning.\n";

enum { DEFAULT_PC = 0x10000, MAX_COUNT = 1000, INSN_BYTES = 16 };

static void print_line(struct str *s, uint64_t pc, const uint8_t *p, unsigned len, const char *text)
{
    str_add(s, "%8llx:  ", (unsigned long long)pc);
    size_t start = s->len;
    for (unsigned k = 0; k < len; k++)
        str_add(s, "%02x", p[k]);
    while (s->len - start < 10)
        str_adds(s, " ");
    str_add(s, "  %s\n", text);
}

/* The first operand; NULL and *status set if it names no guest. */
static const struct guest_isa *guest_operand(const struct tool_args *a, const char *name, int *status)
{
    const struct guest_isa *g = name ? guest_by_name(name) : NULL;
    if (!g)
        *status = name ? tool_misuse(a, "%s: no such guest; this build has %s", name, guest_all[0]->name)
                       : tool_misuse(a, "no guest; `%s --help` says how to name one", a->command);
    return g;
}

/* -- asm --------------------------------------------------------------------------------------------------- */

struct assembling {
    const struct tool_args *a;
    const struct guest_isa *guest;
    uint64_t pc;
    bool hex;
    struct str out;
};

/* One line without its end; blank ones and comments give nothing. */
static int assemble_line(struct assembling *m, const char *line)
{
    struct btv_error err = {0};
    struct str text = STR_INIT;
    uint8_t bytes[INSN_BYTES];
    unsigned len = 0;
    line += strspn(line, " \t");
    if (!line[0] || line[0] == '#')
        return 0;
    if (m->guest->assemble(line, m->pc, bytes, &len, &err) != BTV_OK)
        return tool_fail(m->a, "%s: %s", line, err.text);
    m->guest->disasm(&text, m->pc, bytes, len);
    for (unsigned k = 0; m->hex && k < len; k++)
        str_add(&m->out, "%02x", bytes[k]);
    if (m->hex)
        str_adds(&m->out, "\n");
    else
        print_line(&m->out, m->pc, bytes, len, str_get(&text));
    m->pc += len;
    str_free(&text);
    return 0;
}

static int assemble_input(struct assembling *m)
{
    struct str in = STR_INIT;
    struct btv_error err = {0};
    int status = 0;
    if (tool_read_file("-", &in, &err) != BTV_OK)
        return tool_fail(m->a, "%s", err.text);
    for (char *left = in.p, *line; !status && (line = left ? strsep(&left, "\n") : NULL);)
        status = assemble_line(m, line);
    str_free(&in);
    return status;
}

int cmd_asm(int argc, char **argv)
{
    struct tool_args a = {.command = "btv asm", .argc = argc, .argv = argv, .at = 1};
    struct assembling m = {.a = &a, .pc = DEFAULT_PC};
    const char *value = NULL;
    unsigned lines = 0;
    int status = 0;
    while (a.at < argc && !status) {
        if (tool_flag(&a, "--help")) {
            fputs(asm_help, stdout);
            return 0;
        } else if (tool_option(&a, "--at", &value)) {
            if (!value || !tool_number(value, &m.pc))
                status = tool_misuse(&a, "--at: needs an address");
        } else if (tool_flag(&a, "--hex")) {
            m.hex = true;
        } else if (!(value = tool_operand(&a)) && a.at < argc) {
            status = tool_usage(&a);
        } else if (value && !m.guest) {
            m.guest = guest_operand(&a, value, &status);
        } else if (value) {
            lines++;
            status = assemble_line(&m, value);
        }
    }
    if (!status && !m.guest)
        guest_operand(&a, NULL, &status);
    if (!status && !lines)
        status = assemble_input(&m);
    if (status != CLI_USAGE) {
        int printed = tool_print(&a, &m.out);
        status = status ? status : printed;
    }
    str_free(&m.out);
    return status;
}

/* -- dis --------------------------------------------------------------------------------------------------- */

static void disassemble(struct str *out, const struct guest_isa *g, uint64_t pc, const uint8_t *p, size_t avail, uint64_t count)
{
    struct str text = STR_INIT;
    for (; avail && count; count--) {
        str_clear(&text);
        unsigned len = g->disasm(&text, pc, p, avail);
        if (!len) { /* not a whole instruction */
            len = (unsigned)avail;
            str_adds(&text, "(cut off)");
        }
        print_line(out, pc, p, len, str_get(&text));
        pc += len;
        p += len;
        avail -= len;
    }
    str_free(&text);
}

static int dis_program(struct tool_args *a, struct str *out, const char *path, const char *where, uint64_t count)
{
    struct program p;
    struct btv_error err = {0};
    uint64_t pc, start = 0, size = 0;
    size_t avail = 0;
    if (program_open(path, &p, &err) != BTV_OK)
        return tool_fail(a, "%s", err.text);
    pc = p.image.entry;
    if (where && program_address(&p, where, &pc, &err) != BTV_OK) {
        program_close(&p);
        return tool_fail(a, "%s: %s", path, err.text);
    }
    const uint8_t *code = p.code.fetch(p.code.ctx, pc, &avail);
    int status = code ? 0 : tool_fail(a, "%s: 0x%llx is not an address of its code", path, (unsigned long long)pc);
    const char *name = program_symbol(&p, pc, &start, &size);
    if (name)
        str_add(out, "%s+0x%llx:\n", name, (unsigned long long)(pc - start));
    if (!count && name && start + size > pc && avail > start + size - pc)
        avail = start + size - pc;
    if (code)
        disassemble(out, p.guest, pc, code, avail, count ? count : MAX_COUNT);
    program_close(&p);
    return status;
}

int cmd_dis(int argc, char **argv)
{
    struct tool_args a = {.command = "btv dis", .argc = argc, .argv = argv, .at = 1};
    const struct guest_isa *guest = NULL;
    const char *value = NULL, *elf = NULL, *where = NULL, *root = "";
    struct str bytes = STR_INIT, out = STR_INIT, path = STR_INIT;
    uint64_t pc = DEFAULT_PC, count = 0;
    int status = 0;
    while (a.at < argc && !status) {
        if (tool_flag(&a, "--help")) {
            fputs(dis_help, stdout);
            return 0;
        } else if (tool_option(&a, "--elf", &value)) {
            if (!(elf = value))
                status = tool_misuse(&a, "--elf: needs a file");
        } else if (tool_option(&a, "--at", &value)) {
            if (!(where = value))
                status = tool_misuse(&a, "--at: needs a symbol or an address");
        } else if (tool_option(&a, "-L", &value)) {
            if (!(root = value))
                status = tool_misuse(&a, "-L: needs a directory");
        } else if (tool_option(&a, "--count", &value)) {
            if (!value || !tool_number(value, &count) || !count)
                status = tool_misuse(&a, "--count: needs a number");
        } else if (!(value = tool_operand(&a)) && a.at < argc) {
            status = tool_usage(&a);
        } else if (value && !guest) {
            guest = guest_operand(&a, value, &status);
        } else if (value && !tool_hex(value, &bytes)) {
            status = tool_misuse(&a, "%s: not pairs of hexadecimal digits", value);
        }
    }
    if (!status && elf) {
        str_add(&path, "%s%s", elf[0] == '/' ? root : "", elf);
        status = dis_program(&a, &out, str_get(&path), where, count);
    } else if (!status) {
        if (!guest)
            guest_operand(&a, NULL, &status);
        else if (!bytes.len)
            status = tool_misuse(&a, "no bytes; usage: btv dis GUEST HEX...");
        else if (where && !tool_number(where, &pc))
            status = tool_misuse(&a, "--at %s: not an address", where);
        else
            disassemble(&out, guest, pc, (const uint8_t *)bytes.p, bytes.len, count ? count : MAX_COUNT);
    }
    if (!status)
        status = tool_print(&a, &out);
    str_free(&bytes);
    str_free(&out);
    str_free(&path);
    return status;
}

/* -- explain ----------------------------------------------------------------------------------------------- */

int cmd_explain(int argc, char **argv)
{
    struct tool_args a = {.command = "btv explain", .argc = argc, .argv = argv, .at = 1};
    const struct guest_isa *guest = NULL;
    const char *value = NULL;
    struct str out = STR_INIT;
    int status = 0;
    unsigned n = 0;
    while (a.at < argc && !status) {
        if (tool_flag(&a, "--help")) {
            fputs(explain_help, stdout);
            return 0;
        } else if (!(value = tool_operand(&a)) && a.at < argc) {
            status = tool_usage(&a);
        } else if (value && !guest) {
            guest = guest_operand(&a, value, &status);
        } else if (value) {
            if (n++)
                str_adds(&out, "\n");
            if (guest->explain(&out, value) != BTV_OK)
                status = tool_fail(&a, "%s: no instruction of %s", value, guest->name);
        }
    }
    if (!status && !guest)
        guest_operand(&a, NULL, &status);
    if (!status && !n)
        status = tool_misuse(&a, "no instruction; usage: btv explain GUEST MNEMONIC...");
    if (!status)
        status = tool_print(&a, &out);
    str_free(&out);
    return status;
}

/*
 * btv opt: passes over a module of the intermediate format, verified after each.
 */
#include <stdio.h>
#include <string.h>

#include "cli/tool.h"
#include "opt/opt.h"

enum { MAX_PASSES = 64, MAX_ROUNDS = 16 };

static const char help[] =
    "usage: btv opt [OPTIONS] FILE.bif\n\n"
    "Run passes over the functions of a module (text or binary, - for standard input) and print the result.\n\n"
    "  --pass=A,B,...  the passes, in this order (default: all)\n"
    "  --repeat        again until nothing changes\n"
    "  --each          print the function after every pass that changed it\n"
    "  --time          print the time of each pass to standard error\n"
    "  --guest NAME    guest whose slot names are used, or none (default: the first guest)\n"
    "  --binary        write the binary form\n"
    "  -o FILE         write to FILE\n"
    "  --list          list the passes\n";

struct opt_tool {
    struct str out;
    bool each, times;
};

static void list(void)
{
    for (unsigned k = 0; k < OPT_PASS_COUNT; k++)
        printf("%-8s %s\n", opt_pass[k].name, opt_pass[k].doc);
}

static void trace(void *ctx, const struct opt_pass *p, const struct ir_func *f, bool changed, uint64_t ns)
{
    struct opt_tool *t = ctx;
    if (t->times)
        fprintf(stderr, "%-8s @%-20s %8.1f us%s\n", p->name, f->name ? f->name : "", (double)ns / 1000, changed ? "" : "  no change");
    if (t->each && changed) {
        str_add(&t->out, "; after %s\n", p->name);
        ir_print(&t->out, f);
    }
}

static enum btv_status run(struct opt_tool *t, struct opt_config *cfg, const struct ir_module *m, bool binary, struct btv_error *err)
{
    cfg->verify = true;
    cfg->trace = trace;
    cfg->trace_ctx = t;
    for (unsigned k = 0; k < m->nfuncs; k++) {
        enum btv_status st = opt_run(m->func[k], cfg, err);
        if (st != BTV_OK)
            return st;
        if (!binary && !t->each)
            ir_print(&t->out, m->func[k]);
    }
    return binary ? ir_write(&t->out, m) : BTV_OK;
}

int cmd_opt(int argc, char **argv)
{
    struct tool_args a = {.command = "btv opt", .argc = argc, .argv = argv, .at = 1};
    struct opt_tool t = {.each = false};
    struct btv_error err = {0};
    struct arena arena;
    struct str in = STR_INIT;
    struct ir_module m;
    const struct guest_isa *guest = guest_all[0];
    const char *value = "", *file = NULL, *out = "-";
    uint8_t pass[MAX_PASSES];
    struct opt_config cfg = {.pass = opt_default, .npasses = opt_ndefault};
    bool binary = false;

    while (a.at < argc) {
        if (tool_flag(&a, "--help")) {
            fputs(help, stdout);
            return 0;
        } else if (tool_flag(&a, "--list")) {
            list();
            return 0;
        } else if (tool_option(&a, "--pass", &value)) {
            cfg.pass = pass;
            if (!value || opt_parse_list(value, pass, MAX_PASSES, &cfg.npasses, &err) != BTV_OK)
                return tool_misuse(&a, "--pass: %s", value ? err.text : "needs a list of passes; `btv opt --list` lists them");
        } else if (tool_option(&a, "--guest", &value)) {
            if (!value || !tool_guest(value, &guest))
                return tool_misuse(&a, "--guest %s: no such guest", value ? value : "");
        } else if (tool_option(&a, "-o", &value)) {
            if (!(out = value))
                return tool_misuse(&a, "-o: needs a file");
        } else if (tool_flag(&a, "--binary")) {
            binary = true;
        } else if (tool_flag(&a, "--repeat")) {
            cfg.max_rounds = MAX_ROUNDS;
        } else if (tool_flag(&a, "--each")) {
            t.each = true;
        } else if (tool_flag(&a, "--time")) {
            t.times = true;
        } else if (!(value = tool_operand(&a)) && a.at < argc) {
            return tool_usage(&a);
        } else if (value && file) {
            return tool_misuse(&a, "%s: one file at a time", value);
        } else if (value) {
            file = value;
        }
    }
    if (!file)
        return tool_misuse(&a, "no file; usage: btv opt [--pass=A,B] FILE.bif");
    if (binary)
        t.each = false;
    arena_init(&arena, 0);
    enum btv_status st = tool_read_file(file, &in, &err);
    if (st == BTV_OK)
        st = tool_parse_module(&arena, guest ? &guest->slots : NULL, file, &in, &m, &err);
    if (st == BTV_OK)
        st = run(&t, &cfg, &m, binary, &err);
    if (st == BTV_OK && t.out.failed)
        st = err_set(&err, BTV_NOMEM, "out of memory");
    if (st == BTV_OK)
        st = tool_write_file(out, &t.out, &err);
    arena_free(&arena);
    str_free(&in);
    str_free(&t.out);
    return st == BTV_OK ? 0 : tool_fail(&a, "%s", err.text[0] ? err.text : btv_status_text(st));
}

/*
 * btv reduce: makes a module of the intermediate format smaller while a command still succeeds on it.
 *
 * Greedy, from large steps to small: whole functions, one way of each branch, runs of instructions (values still used
 * become 0).  A candidate that breaks a rule is never shown to the command.  The best module so far is kept in its
 * binary form, which loses nothing; each attempt changes a fresh copy.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/tool.h"
#include "opt/opt.h"

static const char help[] =
    "usage: btv reduce [OPTIONS] FILE.bif -- COMMAND [ARG...]\n\n"
    "Delete from FILE.bif while COMMAND, given the path of a smaller file as its last argument, still exits with 0.\n\n"
    "  -o FILE        write the result to FILE (default: standard output)\n"
    "  --guest NAME   guest whose slot names are used, or none (default: the first guest)\n";

struct reduce {
    const struct tool_args *a;
    const struct ir_slots *slots;
    char **command;   /* the last word before NULL is for the path */
    char path[64];
    struct str best;  /* binary form */
    struct arena arena;
    struct ir_module m; /* the attempt, in arena */
    unsigned tries, kept;
    bool broken;      /* we failed, not the command */
};

/* -- asking the command ------------------------------------------------------------------------------------- */

static bool succeeds(struct reduce *r)
{
    posix_spawn_file_actions_t fa;
    pid_t pid;
    int status = -1;
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&fa, 2, "/dev/null", O_WRONLY, 0);
    int e = posix_spawnp(&pid, r->command[0], &fa, NULL, r->command, environ);
    posix_spawn_file_actions_destroy(&fa);
    if (e) {
        tool_fail(r->a, "%s: %s", r->command[0], strerror(e));
        r->broken = true;
        return false;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Is the attempt valid, and does the command like it? */
static bool good(struct reduce *r)
{
    struct str text = STR_INIT;
    struct btv_error err = {0};
    for (unsigned k = 0; k < r->m.nfuncs; k++) {
        if (ir_verify(r->m.func[k], NULL) != BTV_OK)
            return false;
        ir_print(&text, r->m.func[k]);
    }
    r->tries++;
    if (text.failed || tool_write_file(r->path, &text, &err) != BTV_OK) {
        tool_fail(r->a, "%s", err.text[0] ? err.text : "out of memory");
        r->broken = true;
    }
    str_free(&text);
    return !r->broken && succeeds(r);
}

/* A fresh copy of the best module to change. */
static bool start(struct reduce *r)
{
    struct btv_error err = {0};
    arena_reset(&r->arena);
    if (!r->broken && ir_read(&r->arena, r->slots, r->best.p, r->best.len, &r->m, &err) == BTV_OK)
        return true;
    if (!r->broken)
        tool_fail(r->a, "the copy cannot be read back: %s", err.text);
    r->broken = true;
    return false;
}

/* Keeps the attempt if it is good. */
static bool finish(struct reduce *r)
{
    struct str bytes = STR_INIT;
    if (!arena_ok(&r->arena) || !good(r) || ir_write(&bytes, &r->m) != BTV_OK) {
        str_free(&bytes);
        return false;
    }
    str_free(&r->best);
    r->best = bytes;
    r->kept++;
    return true;
}

/* -- ways to make it smaller -------------------------------------------------------------------------------- */

static bool drop_function(struct reduce *r, unsigned k)
{
    if (!start(r) || r->m.nfuncs < 2 || k >= r->m.nfuncs)
        return false;
    memmove(&r->m.func[k], &r->m.func[k + 1], (r->m.nfuncs - k - 1) * sizeof r->m.func[0]);
    r->m.nfuncs--;
    return finish(r);
}

static bool drop_unreachable(struct reduce *r, struct ir_func *f)
{
    struct ir_flow w;
    return ir_flow_compute(&r->arena, f, &w) == BTV_OK && (opt_drop_unreachable(f, &w), true);
}

/* The n-th BRIF of the module goes one way. */
static bool straighten(struct reduce *r, unsigned n, unsigned way, bool *end)
{
    *end = true;
    if (!start(r))
        return false;
    for (unsigned k = 0; k < r->m.nfuncs; k++)
        for (struct ir_block *b = r->m.func[k]->first; b; b = b->next) {
            struct ir_ins *t = b->last;
            if (t->op != IR_OP_BRIF || n--)
                continue;
            *end = false;
            t->op = IR_OP_BR;
            t->edges += way;
            t->arg[0] = 0;
            t->nargs = 0;
            return drop_unreachable(r, r->m.func[k]) && finish(r);
        }
    return false;
}

/* 0 of a type, at the very start of the function, where it reaches every use. */
static ir_val zero(struct ir_func *f, enum ir_type t)
{
    struct ir_block bench = {0}, *entry = f->first;
    f->at = &bench;
    ir_val v = ir_const(f, t, 0);
    f->at = f->last;
    if (!v)
        return 0;
    bench.first->next = entry->first;
    entry->first->prev = bench.first;
    entry->first = bench.first;
    return v;
}

static void delete(struct ir_func *f, struct ir_ins *i)
{
    if (i->dst && i->uses)
        ir_replace_uses(f, i->dst, zero(f, ir_typeof(f, i->dst)));
    ir_remove(f, i);
}

/* A CONST that is used counts as nothing: text shows it where it is used. */
static bool counts(const struct ir_ins *i)
{
    return !(ir_op_info[i->op].flags & IR_F_TERM) && (i->op != IR_OP_CONST || !i->uses);
}

/* Deletes the instructions number first..first+n-1.  *end: there are no such ones. */
static bool drop_range(struct reduce *r, unsigned first, unsigned n, bool *end)
{
    unsigned at = 0;
    *end = true;
    if (!start(r))
        return false;
    for (unsigned k = 0; k < r->m.nfuncs; k++) {
        struct ir_func *f = r->m.func[k];
        ir_count_uses(f);
        for (struct ir_block *b = f->first; b; b = b->next)
            for (struct ir_ins *i = b->first, *next; i; i = next) {
                next = i->next;
                if (!counts(i) || at++ < first || at > first + n)
                    continue;
                *end = false;
                delete(f, i);
            }
    }
    return !*end && finish(r);
}

static unsigned size_of(struct reduce *r)
{
    unsigned n = 0;
    for (unsigned k = 0; start(r) && k < r->m.nfuncs; k++) {
        ir_count_uses(r->m.func[k]);
        for (const struct ir_block *b = r->m.func[k]->first; b; b = b->next)
            for (const struct ir_ins *i = b->first; i; i = i->next)
                n += counts(i);
    }
    return n;
}

static void one_round(struct reduce *r)
{
    bool end = false;
    for (unsigned k = r->m.nfuncs; k-- > 0 && !r->broken;)
        drop_function(r, k);
    for (unsigned n = 0; !end && !r->broken;)
        if (!straighten(r, n, 0, &end) && !straighten(r, n, 1, &end))
            n++;
    for (unsigned step = size_of(r); step && !r->broken; step /= 2) {
        end = false;
        for (unsigned at = 0; !end && !r->broken;)
            if (!drop_range(r, at, step, &end))
                at += step;
    }
}

/* -- command ------------------------------------------------------------------------------------------------ */

static int reduce(struct reduce *r, const char *file, const char *out)
{
    struct btv_error err = {0};
    struct str in = STR_INIT, text = STR_INIT;
    enum btv_status st = tool_read_file(file, &in, &err);
    if (st == BTV_OK)
        st = tool_parse_module(&r->arena, r->slots, file, &in, &r->m, &err);
    if (st == BTV_OK)
        st = ir_write(&r->best, &r->m);
    str_free(&in);
    if (st != BTV_OK)
        return tool_fail(r->a, "%s", err.text[0] ? err.text : btv_status_text(st));
    if (!start(r) || !good(r))
        return r->broken ? CLI_FAILURE : tool_fail(r->a, "%s fails on %s itself; it must exit with 0 there", r->command[0], file);
    unsigned before = size_of(r), kept;
    do {
        kept = r->kept;
        one_round(r);
    } while (r->kept != kept && !r->broken);
    if (r->broken || !start(r))
        return CLI_FAILURE;
    for (unsigned k = 0; k < r->m.nfuncs; k++)
        ir_print(&text, r->m.func[k]);
    if (text.failed || tool_write_file(out, &text, &err) != BTV_OK)
        return tool_fail(r->a, "%s", err.text[0] ? err.text : "out of memory");
    fprintf(stderr, "btv reduce: %u instructions left of %u, %u runs\n", size_of(r), before, r->tries);
    str_free(&text);
    return 0;
}

int cmd_reduce(int argc, char **argv)
{
    struct tool_args a = {.command = "btv reduce", .argc = argc, .argv = argv, .at = 1};
    struct reduce r = {.a = &a, .slots = &guest_all[0]->slots};
    const struct guest_isa *guest = guest_all[0];
    const char *value = NULL, *file = NULL, *out = "-";
    while (a.at < argc && !(file && a.operands_only)) {
        if (tool_flag(&a, "--help")) {
            fputs(help, stdout);
            return 0;
        } else if (tool_option(&a, "-o", &value)) {
            if (!(out = value))
                return tool_misuse(&a, "-o: needs a file");
        } else if (tool_option(&a, "--guest", &value)) {
            if (!value || !tool_guest(value, &guest))
                return tool_misuse(&a, "--guest %s: no such guest", value ? value : "");
            r.slots = guest ? &guest->slots : NULL;
        } else if (a.operands_only) {
            break;
        } else if (file || !(value = tool_operand(&a))) {
            return file ? tool_misuse(&a, "%s: the command stands behind --", argv[a.at]) : tool_usage(&a);
        } else {
            file = value;
        }
    }
    if (!file || a.at >= argc)
        return tool_misuse(&a, "no %s; usage: btv reduce FILE.bif -- COMMAND [ARG...]", file ? "command" : "file");
    r.command = calloc((size_t)(argc - a.at) + 2, sizeof *r.command);
    snprintf(r.path, sizeof r.path, "/tmp/btv-reduce-XXXXXX.bif");
    int fd = r.command ? mkstemps(r.path, 4) : -1;
    if (fd < 0)
        return tool_fail(&a, "%s: %s", r.path, strerror(errno));
    close(fd);
    memcpy(r.command, argv + a.at, (size_t)(argc - a.at) * sizeof *r.command);
    r.command[argc - a.at] = r.path;
    arena_init(&r.arena, 0);
    int status = reduce(&r, file, out);
    unlink(r.path);
    arena_free(&r.arena);
    str_free(&r.best);
    free(r.command);
    return status;
}

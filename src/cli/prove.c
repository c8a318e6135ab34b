/*
 * btv-prove: proofs of the rewrite rules and of what passes do to blocks.  A program of its own because it needs Z3; `btv prove` starts
 * it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <z3.h>

#include "base/clock.h"
#include "cli/tool.h"
#include "prove/prove.h"

enum { MAX_PASSES = 64, MAX_ROUNDS = 16 };

static const char help[] = "usage: btv-prove rules [OPTIONS] [NAME...]      prove rewrite rules, all or those named\n"
                           "       btv-prove mutants [OPTIONS]              change rules and see that the wrong ones are refused\n"
                           "       btv-prove pass [OPTIONS] FILE.bif...     prove that passes keep what blocks do\n"
                           "       btv-prove equal [OPTIONS] A.bif B.bif    prove that the functions of two files do the same, in turn\n\n"
                           "  --rules FILE     rules to take instead of those this program was built with\n"
                           "  --timeout MS     for one question to the solver (2000; pass and equal 50)\n"
                           "  --max-width N    rules: leave out values wider than N bits\n"
                           "  --smt2 DIR       write every question to DIR as SMT-LIB 2; the answer should be unsat\n"
                           "  --each           rules: a line for each combination of widths; mutants: for each mutant\n"
                           "  --count N        mutants: how many wrong rules to plant (100; 0: all there are)\n"
                           "  --need N         mutants: fail if fewer of a hundred are refused (95)\n"
                           "  --pass A,B,...   pass: the passes, in this order (default: those of btv opt)\n"
                           "  --repeat         pass: again until nothing changes\n"
                           "  --guest NAME     pass: guest whose slot names are used, or none (default: the first guest)\n";

struct tool {
    struct tool_args a;
    struct prove_options o;
    const char *rules_file, *smt2_dir;
    struct rule *rules;
    unsigned nrules;
    bool each, repeat, write_failed;
    unsigned count, need, max_width;
    uint8_t pass[MAX_PASSES];
    unsigned npasses;
    const struct guest_isa *guest;
    const char **names; /* operands */
    unsigned nnames;
};

static const char *const status_name[] = {"never applies", "proved", "tested only", "WRONG"};

static double now_s(void)
{
    return (double)clock_ns(CLOCK_MONOTONIC) / 1e9;
}

static void write_question(void *ctx, const char *name, const char *text)
{
    struct tool *t = ctx;
    char path[4096];
    struct str s = STR_INIT;
    struct btv_error err = {0};
    str_adds(&s, text);
    snprintf(path, sizeof path, "%s/%s.smt2", t->smt2_dir, name);
    if (tool_write_file(path, &s, &err) != BTV_OK && !t->write_failed) {
        t->write_failed = true;
        cli_error(t->a.command, "%s", err.text);
    }
    str_free(&s);
}

/* -- rules ------------------------------------------------------------------------------------------------------- */

static void print_widths(const struct rule *r, const struct rule_env *env)
{
    printf("w=%u", env->w);
    if (rule_uses_width(r, 'u'))
        printf(" u=%u", env->u);
    if (rule_uses_width(r, 'v'))
        printf(" v=%u", env->v);
}

static void print_result(const struct rule *r, const struct prove_result *x)
{
    printf("%-17s ", r->name);
    print_widths(r, &x->env);
    printf(": %s", status_name[x->status]);
    if (x->status == PROVE_TESTED)
        printf(": %s; %u random cases agree", x->reason, x->cases);
    if (x->status == PROVE_PROVED && x->split)
        printf(", one constant after the other");
    if (x->status == PROVE_WRONG) {
        printf(": ");
        for (unsigned k = 0; k < r->nvars; k++)
            if (rule_named_op(r, (int)k) < 0)
                printf("%s=0x%llx ", r->var[k].name, (unsigned long long)x->env.value[k]);
        printf("give 0x%llx, not 0x%llx%s%s", (unsigned long long)x->rhs, (unsigned long long)x->lhs, x->reason[0] ? ": " : "", x->reason);
    }
    putchar('\n');
}

static unsigned widest(const struct rule *r, const struct rule_env *env)
{
    unsigned most = 0;
    for (unsigned k = 0; k < r->nnodes; k++) {
        unsigned w = rule_width(r->node[k].width, env);
        most = w > most ? w : most;
    }
    return most;
}

/* The worst over all widths; stops at a wrong one.  Lines for what is not plainly proved, or for everything. */
static enum prove_status prove_all_widths(const struct tool *t, const struct rule *r, unsigned count[4], struct prove_result *last)
{
    struct rule_env env = {.w = 0};
    enum prove_status worst = PROVE_NEVER;
    while (worst != PROVE_WRONG && rule_next_widths(r, &env)) {
        if (widest(r, &env) > t->max_width)
            continue;
        prove_rule(r, &env, &t->o, last);
        count[last->status]++;
        if (last->status > worst)
            worst = last->status;
        if (t->each || last->status > PROVE_PROVED)
            print_result(r, last);
    }
    return worst;
}

static bool wanted(const struct tool *t, const struct rule *r)
{
    for (unsigned k = 0; k < t->nnames; k++)
        if (!strcmp(t->names[k], r->name))
            return true;
    return t->nnames == 0;
}

static int prove_rules(struct tool *t)
{
    unsigned rules[4] = {0}, cases[4] = {0}, looked_at = 0;
    double start = now_s();
    for (unsigned k = 0; k < t->nrules; k++) {
        struct prove_result last;
        if (!wanted(t, &t->rules[k]))
            continue;
        looked_at++;
        enum prove_status worst = prove_all_widths(t, &t->rules[k], cases, &last);
        rules[worst]++;
        if (worst == PROVE_NEVER && t->max_width >= 64)
            printf("%-17s never applies: the condition excludes every width\n", t->rules[k].name);
        fflush(stdout);
    }
    if (looked_at < t->nnames || !looked_at)
        return tool_fail(&t->a, "%s: no such rule", t->nnames ? t->names[0] : "rules");
    printf("%u rules, %u combinations of widths at which one applies: %u proved, %u tested only, %u wrong; %.1f s\n", looked_at,
           cases[PROVE_PROVED] + cases[PROVE_TESTED] + cases[PROVE_WRONG], cases[PROVE_PROVED], cases[PROVE_TESTED], cases[PROVE_WRONG],
           now_s() - start);
    printf("%u rules proved at every width, %u tested only at some, %u wrong, %u never applied\n", rules[PROVE_PROVED], rules[PROVE_TESTED],
           rules[PROVE_WRONG], rules[PROVE_NEVER]);
    return rules[PROVE_WRONG] || (rules[PROVE_NEVER] && t->max_width >= 64) ? CLI_FAILURE : 0;
}

/* -- mutants ------------------------------------------------------------------------------------------------------ */

struct mutant {
    const struct rule *rule;
    unsigned n;
};

/* What the prover says of a changed rule, from narrow widths up; the first wrong one decides. */
static enum prove_status judge(const struct tool *t, const struct rule *r, struct prove_result *x)
{
    struct rule_env env = {.w = 0};
    enum prove_status worst = PROVE_NEVER;
    while (worst != PROVE_WRONG && rule_next_widths(r, &env)) {
        struct prove_result here;
        prove_rule(r, &env, &t->o, &here);
        if (here.status >= worst) {
            worst = here.status;
            *x = here;
        }
    }
    return worst;
}

/* A second opinion on what the prover accepts: does the evaluator find a difference? */
static bool evaluator_objects(const struct tool *t, const struct rule *r)
{
    struct rule_env env = {.w = 0};
    while (rule_next_widths(r, &env)) {
        struct prove_result x = {.env = env};
        if (rule_side_exists(r, r->rhs, &env))
            prove_test(r, &t->o, &x);
        if (x.status == PROVE_WRONG)
            return true;
    }
    return false;
}

static unsigned list_mutants(const struct tool *t, struct mutant *list)
{
    static struct rule r;
    char what[96];
    unsigned n = 0;
    for (unsigned k = 0; k < t->nrules; k++)
        for (unsigned m = 0; prove_mutate(&t->rules[k], m, &r, what); m++, n++)
            if (list)
                list[n] = (struct mutant){&t->rules[k], m};
    return n;
}

/*
 * A change that leaves a rule right, or lets it never apply, is no wrong rule: it is counted apart, and the next one takes its place.
 * That it is right is not left to the prover alone.
 */
static int prove_mutants(struct tool *t)
{
    enum { STEP = 7919 }; /* a prime: all are reached, neighbours lie far apart */
    unsigned total = list_mutants(t, NULL), found[4] = {0}, missed = 0, planted = 0, count = t->count ? t->count : ~0u;
    struct mutant *list = calloc(total ? total : 1, sizeof *list);
    static struct rule r;
    char what[96] = "";
    double start = now_s();
    if (!list)
        return tool_fail(&t->a, "out of memory");
    list_mutants(t, list);
    for (unsigned k = 0; k < total && planted < count; k++) {
        const struct mutant *m = &list[(uint64_t)k * STEP % total];
        struct prove_result x = {0};
        prove_mutate(m->rule, m->n, &r, what);
        enum prove_status s = judge(t, &r, &x);
        bool objects = s == PROVE_PROVED && evaluator_objects(t, &r);
        found[s] += !objects;
        missed += objects;
        planted += s >= PROVE_TESTED || objects;
        if (t->each || s == PROVE_TESTED || objects)
            printf("%-17s %s: %s\n", r.name, what,
                   objects             ? "ACCEPTED, BUT WRONG"
                   : s == PROVE_WRONG  ? "refused"
                   : s == PROVE_PROVED ? "right all the same"
                   : s == PROVE_NEVER  ? "can never apply"
                                       : x.reason);
        fflush(stdout);
    }
    free(list);
    unsigned need = (unsigned)((uint64_t)t->need * planted / 100);
    printf("%u wrong rules planted: %u refused, %u not decided, %u accepted; %u needed\n", planted, found[PROVE_WRONG], found[PROVE_TESTED],
           missed, need);
    printf("besides, %u changes left a rule right and %u let it never apply; %u changes are possible; %.1f s\n", found[PROVE_PROVED],
           found[PROVE_NEVER], total, now_s() - start);
    return found[PROVE_WRONG] < need || missed || !planted ? CLI_FAILURE : 0;
}

/* -- passes ------------------------------------------------------------------------------------------------------- */

static void prove_functions(struct tool *t, const struct ir_func *before, const struct ir_func *after, unsigned count[4])
{
    struct prove_block x;
    prove_block(before, after, &t->o, &x);
    count[x.status]++;
    printf("@%s: %s%s%s (%.1f ms)\n", before->name ? before->name : "", x.status == PROVE_TESTED ? "not decided" : status_name[x.status],
           x.reason[0] ? ": " : "", x.reason, x.ms);
}

static enum btv_status load_module(const struct tool *t, const char *file, struct arena *arena, struct ir_module *m, struct btv_error *err)
{
    struct str in = STR_INIT;
    enum btv_status st = tool_read_file(file, &in, err);
    if (st == BTV_OK)
        st = tool_parse_module(arena, t->guest ? &t->guest->slots : NULL, file, &in, m, err);
    str_free(&in);
    return st;
}

/* file2 NULL: the passes make the second module out of another copy of the first. */
static enum btv_status prove_module(struct tool *t, const char *file, const char *file2, unsigned count[4], struct btv_error *err)
{
    struct arena arena;
    struct ir_module before, after;
    struct opt_config cfg = {.pass = t->pass, .npasses = t->npasses, .max_rounds = t->repeat ? MAX_ROUNDS : 0, .verify = true};
    if (!t->npasses) {
        cfg.pass = opt_default;
        cfg.npasses = opt_ndefault;
    }
    arena_init(&arena, 0);
    enum btv_status st = load_module(t, file, &arena, &before, err);
    if (st == BTV_OK)
        st = load_module(t, file2 ? file2 : file, &arena, &after, err);
    if (st == BTV_OK && before.nfuncs != after.nfuncs)
        st = err_set(err, BTV_INVALID, "%u functions, and %u in %s", before.nfuncs, after.nfuncs, file2);
    for (unsigned k = 0; st == BTV_OK && k < before.nfuncs; k++) {
        if (!file2)
            st = opt_run(after.func[k], &cfg, err);
        if (st == BTV_OK)
            prove_functions(t, before.func[k], after.func[k], count);
    }
    arena_free(&arena);
    return st;
}

static int prove_files(struct tool *t, bool pairs)
{
    unsigned count[4] = {0};
    if (pairs ? t->nnames != 2 : !t->nnames)
        return tool_misuse(&t->a, pairs ? "two files are wanted: btv-prove equal A.bif B.bif"
                                        : "no file; usage: btv-prove pass [--pass A,B] FILE.bif...");
    for (unsigned k = 0; k < (pairs ? 1 : t->nnames); k++) {
        struct btv_error err = {0};
        enum btv_status st = prove_module(t, t->names[k], pairs ? t->names[1] : NULL, count, &err);
        if (st != BTV_OK)
            return tool_fail(&t->a, "%s: %s", t->names[k], err.text[0] ? err.text : btv_status_text(st));
    }
    printf("%u proved, %u not decided, %u wrong\n", count[PROVE_PROVED], count[PROVE_TESTED], count[PROVE_WRONG]);
    return count[PROVE_WRONG] ? CLI_FAILURE : 0;
}

/* -- command line -------------------------------------------------------------------------------------------------- */

static bool number_option(struct tool *t, const char *name, unsigned *out, int *status)
{
    const char *value;
    unsigned long long n = 0;
    if (!tool_option(&t->a, name, &value))
        return false;
    if (!value || !cli_number(value, 1000000, &n))
        *status = tool_misuse(&t->a, "%s: needs a number", name);
    *out = (unsigned)n;
    return true;
}

/* -1: go on; else the exit status. */
static int parse_options(struct tool *t)
{
    int status = -1;
    const char *value = NULL;
    struct btv_error err = {0};
    while (t->a.at < t->a.argc && status < 0) {
        if (tool_flag(&t->a, "--help")) {
            fputs(help, stdout);
            return 0;
        } else if (tool_flag(&t->a, "--each")) {
            t->each = true;
        } else if (tool_flag(&t->a, "--repeat")) {
            t->repeat = true;
        } else if (number_option(t, "--timeout", &t->o.timeout_ms, &status) || number_option(t, "--count", &t->count, &status) ||
                   number_option(t, "--need", &t->need, &status) || number_option(t, "--max-width", &t->max_width, &status)) {
            continue;
        } else if (tool_option(&t->a, "--rules", &value)) {
            if (!(t->rules_file = value))
                return tool_misuse(&t->a, "--rules: needs a file");
        } else if (tool_option(&t->a, "--smt2", &value)) {
            if (!(t->smt2_dir = value))
                return tool_misuse(&t->a, "--smt2: needs a directory");
        } else if (tool_option(&t->a, "--pass", &value)) {
            if (!value || opt_parse_list(value, t->pass, MAX_PASSES, &t->npasses, &err) != BTV_OK)
                return tool_misuse(&t->a, "--pass: %s", value ? err.text : "needs a list of passes");
        } else if (tool_option(&t->a, "--guest", &value)) {
            if (!value || !tool_guest(value, &t->guest))
                return tool_misuse(&t->a, "--guest %s: no such guest", value ? value : "");
        } else if (!(value = tool_operand(&t->a)) && t->a.at < t->a.argc) {
            return tool_usage(&t->a);
        } else if (value) {
            t->names[t->nnames++] = value;
        }
    }
    return status;
}

static int load_rules(struct tool *t)
{
    struct str text = STR_INIT;
    struct btv_error err = {0};
    enum btv_status st = t->rules_file ? tool_read_file(t->rules_file, &text, &err) : BTV_OK;
    if (st == BTV_OK)
        st = rule_parse_all(t->rules_file ? str_get(&text) : rule_text, &t->rules, &t->nrules, &err);
    str_free(&text);
    return st == BTV_OK ? 0
                        : tool_fail(&t->a, "%s: %s", t->rules_file ? t->rules_file : "rules", err.text[0] ? err.text : btv_status_text(st));
}

static int run(struct tool *t, const char *what)
{
    int status = parse_options(t);
    if (status >= 0)
        return status;
    if (t->smt2_dir) {
        if (mkdir(t->smt2_dir, 0777) && errno != EEXIST)
            return tool_fail(&t->a, "%s: %s", t->smt2_dir, strerror(errno));
        t->o.question = write_question;
        t->o.question_ctx = t;
    }
    if (!strcmp(what, "pass") || !strcmp(what, "equal"))
        return prove_files(t, what[0] == 'e');
    status = load_rules(t);
    if (status)
        return status;
    return !strcmp(what, "rules") ? prove_rules(t) : prove_mutants(t);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (!strcmp(what, "--version")) {
        unsigned v[4];
        Z3_get_version(&v[0], &v[1], &v[2], &v[3]);
        printf("btv-prove " BTV_VERSION_TEXT ", Z3 %u.%u.%u\n", v[0], v[1], v[2]);
        return 0;
    }
    if (!strcmp(what, "--help") || !strcmp(what, "-h")) {
        fputs(help, stdout);
        return 0;
    }
    bool rules = !strcmp(what, "rules"), mutants = !strcmp(what, "mutants");
    if (!rules && !mutants && strcmp(what, "pass") && strcmp(what, "equal")) {
        if (argc > 1)
            cli_error("btv-prove", "%s: rules, mutants, pass or equal is wanted here", what);
        else
            fputs(help, stdout);
        return CLI_USAGE;
    }
    struct tool t = {.a = {.command = "btv-prove", .argc = argc, .argv = argv, .at = 2},
                     .count = 100,
                     .need = 95,
                     .max_width = 64,
                     .guest = guest_all[0]};
    t.o = (struct prove_options){.timeout_ms = rules || mutants ? 2000 : 50, .random_cases = 20000};
    t.names = calloc((size_t)argc, sizeof *t.names);
    int status = t.names ? run(&t, what) : tool_fail(&t.a, "out of memory");
    free(t.names);
    free(t.rules);
    if (fflush(stdout) && !status)
        status = tool_fail(&t.a, "standard output: %s", strerror(errno));
    return t.write_failed && !status ? CLI_FAILURE : status;
}

/*
 * btv bench: compares how long commands take that should do the same.
 *
 * Each row of the table is one piece of work; each column a command that does it.  Commands take turns, every run is a process started anew,
 * and each round starts with another command.  A cell is the ratio of the medians to the first command, with its interval;
 * bench.h says how that is found.  A command that prints something else than the first, or ends in another way, is wrong and has no number.
 */
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench.h"

#define MAX_COMMANDS 16
#define MAX_ROWS 1000
#define MAX_WARM 1000
#define MAX_SECONDS 86400
#define JSON_VERSION 1

static const char help[] =
    "usage: btv bench [OPTIONS] [NAME=]COMMAND...\n\n"
    "Run commands in turn and print how long each takes, as ratios to the first, with 95 % intervals. A command is one argument:\n"
    "words, quoted where they hold blanks; it must print the same and exit with the same status as the first.\n\n"
    "  -l, --list FILE     one row for each line \"NAME ARGUMENTS...\" of FILE, which are added to every command; # starts a comment\n"
    "  -o, --only TEXT     of these, only rows whose name is among TEXT, separated by commas\n"
    "  -n, --starts N      measured runs of each command (10); fewer than 6 give no intervals\n"
    "  -w, --warm N        runs before them that do not count (1)\n"
    "  -t, --time N        seconds before a run is killed (120)\n"
    "  -m, --measure LIST  wall: time (default); cpu: user and system time; rss: the most memory. One table for each\n"
    "  --cpu N             run everything on processor N\n"
    "  --json FILE         write every number to FILE, too\n";

/* The numbers of each run: MEASURE(name, member of bench_sample, divisor, unit). */
#define MEASURES(_)              \
    _(wall, wall_ns, 1e6, "ms")  \
    _(cpu, cpu_ns, 1e6, "ms")    \
    _(rss, rss_kib, 1024, "MiB")

enum measure {
#define _(name, member, divisor, unit) MEASURE_##name,
    MEASURES(_)
#undef _
    MEASURE_COUNT
};

static const struct {
    const char *name, *json, *unit;
    double divisor;
} measures[] = {
#define _(name, member, divisor, unit) {#name, #member, unit, divisor},
    MEASURES(_)
#undef _
};

struct words {
    char **v; /* NULL-terminated */
    unsigned n;
};

struct cell {
    double *v[MEASURE_COUNT];
    unsigned n;
    const char *verdict; /* instead of numbers; NULL: none */
};

struct row {
    const char *name;
    struct words args;
    struct bench_sample want; /* of the first command */
    struct cell *cell;        /* one for each command */
};

struct bench {
    struct tool_args a;
    struct arena arena;
    struct bench_limits limits;
    unsigned starts, warm;
    enum measure shown[MEASURE_COUNT];
    unsigned nshown;
    const char *list, *only, *json;
    struct {
        const char *name, *text;
        struct words words;
    } command[MAX_COMMANDS];
    unsigned ncommands;
    struct row row[MAX_ROWS];
    unsigned nrows;
    double *logs[MEASURE_COUNT][MAX_COMMANDS]; /* for the intervals of geometric means */
    double log_sum[MEASURE_COUNT][MAX_COMMANDS];
    unsigned means[MEASURE_COUNT][MAX_COMMANDS]; /* rows in them */
    bool failed;
};

/* -- words ---------------------------------------------------------------------------------------------------- */

/* Splits at blanks; ' and " keep what stands between them together.  *end: where the text ends, or a newline.  False: a quote is left open. */
static bool split(struct arena *a, const char *text, const char **end, struct words *out)
{
    size_t len = strcspn(text, "\n");
    char *to = arena_push(a, len + 1);
    char **v = ARENA_ARRAY(a, char *, len / 2 + 2);
    const char *p = text, *stop = text + len;
    unsigned n = 0;
    if (!arena_ok(a))
        return false;
    while (p < stop) {
        if (*p == ' ' || *p == '\t') {
            p++;
            continue;
        }
        char quote = 0;
        v[n++] = to;
        for (; p < stop && (quote || (*p != ' ' && *p != '\t')); p++)
            if (quote ? *p == quote : *p == '\'' || *p == '"')
                quote = quote ? 0 : *p;
            else
                *to++ = *p;
        if (quote)
            return false;
        *to++ = '\0';
    }
    *out = (struct words){v, n};
    *end = stop;
    return true;
}

/* A command's name: what stands before = if it looks like one, else its program. */
static const char *name_of(struct arena *a, const char **text)
{
    size_t n = strspn(*text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-");
    const char *from = *text;
    if (n && from[n] == '=') {
        *text += n + 1;
    } else {
        n = strcspn(from, " \t\n");
        for (size_t i = n; i-- > 0;)
            if (from[i] == '/') {
                from += i + 1;
                n -= i + 1;
                break;
            }
    }
    char *name = arena_push(a, n + 1);
    if (name)
        memcpy(name, from, n);
    return name;
}

static bool add_command(struct bench *b, const char *text)
{
    const char *end;
    if (b->ncommands == MAX_COMMANDS) {
        tool_misuse(&b->a, "%s: more than %d commands", text, MAX_COMMANDS);
        return false;
    }
    b->command[b->ncommands].name = name_of(&b->arena, &text);
    b->command[b->ncommands].text = text;
    if (!split(&b->arena, text, &end, &b->command[b->ncommands].words) || *end || !b->command[b->ncommands].words.n) {
        tool_misuse(&b->a, "%s: not a command; quotes must be closed, and there must be a word", text);
        return false;
    }
    b->ncommands++;
    return true;
}

/* -- rows ------------------------------------------------------------------------------------------------------- */

static bool wanted(const struct bench *b, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = b->only; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (strcspn(p, ",") == n && !memcmp(p, name, n))
            return true;
    return !b->only;
}

static bool add_row(struct bench *b, const char *name, struct words args)
{
    struct row *r = &b->row[b->nrows];
    if (b->nrows == MAX_ROWS)
        return false;
    *r = (struct row){.name = name, .args = args, .cell = ARENA_ARRAY(&b->arena, struct cell, b->ncommands)};
    for (unsigned c = 0; c < b->ncommands && r->cell; c++)
        for (unsigned m = 0; m < MEASURE_COUNT; m++)
            r->cell[c].v[m] = ARENA_ARRAY(&b->arena, double, b->starts);
    b->nrows++;
    return arena_ok(&b->arena);
}

static int read_list(struct bench *b)
{
    struct str text = STR_INIT;
    struct btv_error err = {0};
    unsigned line = 0;
    int status = 0;
    if (tool_read_file(b->list, &text, &err) != BTV_OK)
        return tool_fail(&b->a, "%s", err.text);
    for (const char *p = str_get(&text), *end; *p && !status; p = *end ? end + 1 : end) {
        struct words w;
        line++;
        end = p + strcspn(p, "\n");
        if (p[strspn(p, " \t")] == '#')
            continue;
        if (!split(&b->arena, p, &end, &w))
            status = tool_fail(&b->a, "%s:%u: a quote is left open", b->list, line);
        else if (w.n && wanted(b, w.v[0]) && !add_row(b, w.v[0], (struct words){w.v + 1, w.n - 1}))
            status = tool_fail(&b->a, "%s:%u: more than %d rows, or out of memory", b->list, line, MAX_ROWS);
    }
    str_free(&text);
    if (!status && !b->nrows)
        status = tool_fail(&b->a, "%s: no row%s", b->list, b->only ? " has one of these names" : " in it");
    return status;
}

/* -- measuring ---------------------------------------------------------------------------------------------------- */

static void describe(const struct bench_sample *s, char *text, size_t n)
{
    switch (s->end) {
    case BENCH_EXITED: snprintf(text, n, "exit status %d", s->code); break;
    case BENCH_SIGNALLED: snprintf(text, n, "killed by signal %d (%s)", s->code, strsignal(s->code)); break;
    default: snprintf(text, n, "killed when its time was over"); break;
    }
}

/* Says on standard error what is wrong with a cell. */
static void reject(struct bench *b, const struct row *r, unsigned c, const struct bench_sample *s, const char *verdict)
{
    char got[80], want[80];
    r->cell[c].verdict = verdict;
    b->failed = true;
    describe(s, got, sizeof got);
    describe(&r->want, want, sizeof want);
    if (s->end == BENCH_TIMEOUT)
        cli_error(b->a.command, "%s%s%s: not done in %u seconds", r->name, *r->name ? ", " : "", b->command[c].name, b->limits.seconds);
    else if (s->end != r->want.end || s->code != r->want.code)
        cli_error(b->a.command, "%s%s%s: %s, not %s%s%s", r->name, *r->name ? ", " : "", b->command[c].name, got, want, *s->complaint ? ": " : "",
                  s->complaint);
    else
        cli_error(b->a.command, "%s%s%s: printed %llu bytes that are not the %llu of %s", r->name, *r->name ? ", " : "", b->command[c].name,
                  (unsigned long long)s->out_bytes, (unsigned long long)r->want.out_bytes, b->command[0].name);
}

/* One run of one command; -1: go on, otherwise the exit status. */
static int once(struct bench *b, struct row *r, unsigned c, bool first, bool counts)
{
    struct words *w = &b->command[c].words;
    struct cell *cell = &r->cell[c];
    struct bench_sample s;
    struct btv_error err = {0};
    char **argv = calloc(w->n + r->args.n + 1, sizeof *argv);
    if (!argv)
        return tool_fail(&b->a, "out of memory");
    memcpy(argv, w->v, w->n * sizeof *argv);
    if (r->args.n)
        memcpy(argv + w->n, r->args.v, r->args.n * sizeof *argv);
    enum btv_status st = bench_run(argv, &b->limits, &s, &err);
    free(argv);
    if (st != BTV_OK)
        return tool_fail(&b->a, "%s", err.text);
    if (s.end == BENCH_NOT_STARTED)
        return tool_fail(&b->a, "%s: cannot run %s: %s", b->command[c].name, w->v[0], strerror(s.code));
    if (first)
        r->want = s;
    if (s.end == BENCH_TIMEOUT)
        reject(b, r, c, &s, "timeout");
    else if (s.end != r->want.end || s.code != r->want.code || s.out_bytes != r->want.out_bytes || s.out_hash != r->want.out_hash)
        reject(b, r, c, &s, "wrong");
    else if (counts) {
#define _(name, member, divisor, unit) cell->v[MEASURE_##name][cell->n] = s.member;
        MEASURES(_)
#undef _
        cell->n++;
    }
    return -1;
}

static int measure(struct bench *b, struct row *r)
{
    for (unsigned round = 0; round < b->warm + b->starts; round++)
        for (unsigned i = 0; i < b->ncommands; i++) {
            /* The first round begins with the first command, whose result the others must have. */
            unsigned c = (round + i) % b->ncommands;
            if (r->cell[c].verdict || r->cell[0].verdict)
                continue;
            int status = once(b, r, c, !round && !c, round >= b->warm);
            if (status >= 0)
                return status;
        }
    return -1;
}

/* -- the table ---------------------------------------------------------------------------------------------------- */

static void print_head(const struct bench *b, enum measure m)
{
    printf("| %s | %s %s |", b->list ? "row" : "", b->command[0].name, measures[m].unit);
    for (unsigned c = 1; c < b->ncommands; c++)
        printf(" %s |", b->command[c].name);
    printf("\n|---|---|");
    for (unsigned c = 1; c < b->ncommands; c++)
        printf("---|");
    putchar('\n');
}

static void print_interval(struct bench_interval i, double divisor)
{
    if (i.known)
        printf(" [%.2f, %.2f]", i.lo / divisor, i.hi / divisor);
}

static void print_row(struct bench *b, const struct row *r, enum measure m)
{
    const struct cell *first = &r->cell[0];
    printf("| %s |", *r->name ? r->name : measures[m].name);
    for (unsigned c = 0; c < b->ncommands; c++) {
        const struct cell *cell = &r->cell[c];
        const char *verdict = first->verdict ? first->verdict : cell->verdict;
        if (verdict) {
            printf(" %s |", c && first->verdict ? "-" : verdict);
            continue;
        }
        if (!c) {
            printf(" %.2f", bench_median(cell->v[m], cell->n) / measures[m].divisor);
            print_interval(bench_median_interval(cell->v[m], cell->n), measures[m].divisor);
        } else {
            double ratio = bench_median(cell->v[m], cell->n) / bench_median(first->v[m], first->n);
            printf(" %.2f", ratio);
            print_interval(bench_ratio_interval(first->v[m], cell->v[m], cell->n, b->logs[m][c]), 1);
            b->log_sum[m][c] += log(ratio);
            b->means[m][c]++;
        }
        printf(" |");
    }
    putchar('\n');
    fflush(stdout);
}

static void print_mean(const struct bench *b, enum measure m)
{
    printf("| **geometric mean** | |");
    for (unsigned c = 1; c < b->ncommands; c++) {
        unsigned n = b->means[m][c];
        if (!n) {
            printf(" - |");
            continue;
        }
        printf(" **%.2f**", exp(b->log_sum[m][c] / n));
        if (bench_median_interval(b->row[0].cell[0].v[m], b->starts).known)
            print_interval(bench_mean_interval(b->logs[m][c], n), 1);
        printf(" (%u) |", n);
    }
    putchar('\n');
}

static void print_table(struct bench *b, enum measure m, bool rows_too)
{
    if (rows_too) {
        printf("\n%s:\n\n", measures[m].name);
        print_head(b, m);
        for (unsigned i = 0; i < b->nrows; i++)
            print_row(b, &b->row[i], m);
    }
    if (b->nrows > 1)
        print_mean(b, m);
}

/* -- JSON ------------------------------------------------------------------------------------------------------------ */

static void json_text(struct str *s, const char *text)
{
    str_adds(s, "\"");
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            str_add(s, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            str_add(s, "\\u%04x", (unsigned char)*text);
        else
            str_addn(s, text, 1);
    str_adds(s, "\"");
}

static void json_words(struct str *s, struct words w)
{
    str_adds(s, "[");
    for (unsigned i = 0; i < w.n; i++) {
        str_adds(s, i ? ", " : "");
        json_text(s, w.v[i]);
    }
    str_adds(s, "]");
}

static void json_cell(struct str *s, const struct bench *b, const struct row *r, unsigned c)
{
    const struct cell *cell = &r->cell[c];
    str_adds(s, c ? ",\n    {\"command\": " : "\n    {\"command\": ");
    json_text(s, b->command[c].name);
    str_add(s, ", \"verdict\": \"%s\"", cell->verdict ? cell->verdict : cell->n ? "right" : "not run");
    for (unsigned m = 0; m < MEASURE_COUNT; m++) {
        str_add(s, ", \"%s\": [", measures[m].json);
        for (unsigned i = 0; i < cell->n; i++)
            str_add(s, "%s%.0f", i ? ", " : "", cell->v[m][i]);
        str_adds(s, "]");
    }
    str_adds(s, "}");
}

static int write_json(const struct bench *b)
{
    struct str s = STR_INIT;
    struct btv_error err = {0};
    str_add(&s, "{\"version\": %d, \"starts\": %u, \"warm\": %u, \"cpu\": %d, \"commands\": [", JSON_VERSION, b->starts, b->warm, b->limits.cpu);
    for (unsigned c = 0; c < b->ncommands; c++) {
        str_adds(&s, c ? ",\n  {\"name\": " : "\n  {\"name\": ");
        json_text(&s, b->command[c].name);
        str_adds(&s, ", \"words\": ");
        json_words(&s, b->command[c].words);
        str_adds(&s, "}");
    }
    str_adds(&s, "], \"rows\": [");
    for (unsigned i = 0; i < b->nrows; i++) {
        const struct row *r = &b->row[i];
        str_adds(&s, i ? ",\n  {\"name\": " : "\n  {\"name\": ");
        json_text(&s, r->name);
        str_adds(&s, ", \"arguments\": ");
        json_words(&s, r->args);
        str_adds(&s, ", \"results\": [");
        for (unsigned c = 0; c < b->ncommands; c++)
            json_cell(&s, b, r, c);
        str_adds(&s, "]}");
    }
    str_adds(&s, "]}\n");
    enum btv_status st = s.failed ? err_set(&err, BTV_NOMEM, "%s: out of memory", b->json) : tool_write_file(b->json, &s, &err);
    str_free(&s);
    return st == BTV_OK ? 0 : tool_fail(&b->a, "%s", err.text);
}

/* -- command --------------------------------------------------------------------------------------------------------- */

static bool parse_measures(struct bench *b, const char *list)
{
    bool seen[MEASURE_COUNT] = {0};
    b->nshown = 0;
    for (const char *p = list;; p++) {
        size_t n = strcspn(p, ",");
        unsigned m = 0;
        while (m < MEASURE_COUNT && (strlen(measures[m].name) != n || memcmp(measures[m].name, p, n) != 0))
            m++;
        if (m == MEASURE_COUNT || seen[m])
            return false;
        seen[m] = true;
        b->shown[b->nshown++] = (enum measure)m;
        p += n;
        if (!*p)
            return true;
    }
}

static bool number(const char *value, unsigned min, unsigned max, unsigned *out)
{
    unsigned long long n;
    if (!value || !cli_number(value, max, &n) || n < min)
        return false;
    *out = (unsigned)n;
    return true;
}

/* Can this process run on that processor? */
static bool has_cpu(unsigned n)
{
    cpu_set_t set;
    return n < CPU_SETSIZE && !sched_getaffinity(0, sizeof set, &set) && CPU_ISSET(n, &set);
}

/* -1: go on, otherwise the exit status. */
static int parse(struct bench *b)
{
    struct tool_args *a = &b->a;
    const char *value = NULL;
    unsigned n;
    while (a->at < a->argc) {
        if (tool_flag(a, "--help") || tool_flag(a, "-h")) {
            fputs(help, stdout);
            return 0;
        } else if (tool_option(a, "--list", &value) || tool_option(a, "-l", &value)) {
            if (!(b->list = value))
                return tool_misuse(a, "--list: needs a file");
        } else if (tool_option(a, "--only", &value) || tool_option(a, "-o", &value)) {
            if (!(b->only = value))
                return tool_misuse(a, "--only: needs names");
        } else if (tool_option(a, "--starts", &value) || tool_option(a, "-n", &value)) {
            if (!number(value, 1, BENCH_MAX_STARTS, &b->starts))
                return tool_misuse(a, "--starts: needs a number from 1 to %d", BENCH_MAX_STARTS);
        } else if (tool_option(a, "--warm", &value) || tool_option(a, "-w", &value)) {
            if (!number(value, 0, MAX_WARM, &b->warm))
                return tool_misuse(a, "--warm: needs a number up to %d", MAX_WARM);
        } else if (tool_option(a, "--time", &value) || tool_option(a, "-t", &value)) {
            if (!number(value, 1, MAX_SECONDS, &b->limits.seconds))
                return tool_misuse(a, "--time: needs seconds, from 1 to %d", MAX_SECONDS);
        } else if (tool_option(a, "--measure", &value) || tool_option(a, "-m", &value)) {
            if (!value || !parse_measures(b, value))
                return tool_misuse(a, "--measure: needs some of wall, cpu, rss, separated by commas");
        } else if (tool_option(a, "--cpu", &value)) {
            if (!number(value, 0, CPU_SETSIZE, &n) || !has_cpu(n))
                return tool_misuse(a, "--cpu %s: not a processor that may be used here", value ? value : "");
            b->limits.cpu = (int)n;
        } else if (tool_option(a, "--json", &value)) {
            if (!(b->json = value))
                return tool_misuse(a, "--json: needs a file");
        } else if (!(value = tool_operand(a))) {
            return a->at < a->argc ? tool_usage(a) : -1;
        } else if (!add_command(b, value)) {
            return CLI_USAGE;
        }
    }
    return -1;
}

static int run(struct bench *b)
{
    int status = parse(b);
    if (status >= 0)
        return status;
    if (!b->ncommands)
        return tool_misuse(&b->a, "no command; usage: btv bench [OPTIONS] [NAME=]COMMAND...");
    if (b->only && !b->list)
        return tool_misuse(&b->a, "--only: chooses rows of a --list, and there is none");
    status = b->list ? read_list(b) : add_row(b, "", (struct words){0}) ? 0 : tool_fail(&b->a, "out of memory");
    for (unsigned m = 0; m < MEASURE_COUNT; m++)
        for (unsigned c = 0; c < b->ncommands; c++)
            b->logs[m][c] = ARENA_ARRAY(&b->arena, double, BENCH_REPLICATES);
    if (!status && !arena_ok(&b->arena))
        status = tool_fail(&b->a, "out of memory");
    if (status)
        return status;
    for (unsigned i = 0; i < b->nrows; i++) {
        if ((status = measure(b, &b->row[i])) >= 0)
            return status;
        if (!i)
            print_head(b, b->shown[0]);
        print_row(b, &b->row[i], b->shown[0]);
    }
    for (unsigned k = 0; k < b->nshown; k++)
        print_table(b, b->shown[k], k > 0);
    if (fflush(stdout))
        return tool_fail(&b->a, "standard output: %s", strerror(errno));
    status = b->json ? write_json(b) : 0;
    return status ? status : b->failed ? CLI_FAILURE : 0;
}

int cmd_bench(int argc, char **argv)
{
    struct bench *b = calloc(1, sizeof *b);
    int status;
    if (!b) {
        cli_error("btv bench", "out of memory");
        return CLI_FAILURE;
    }
    b->a = (struct tool_args){.command = "btv bench", .argc = argc, .argv = argv, .at = 1};
    b->limits = (struct bench_limits){.cpu = -1, .seconds = 120};
    b->starts = 10;
    b->warm = 1;
    b->shown[0] = MEASURE_wall;
    b->nshown = 1;
    arena_init(&b->arena, 0);
    status = run(b);
    arena_free(&b->arena);
    free(b);
    return status;
}

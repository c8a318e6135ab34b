/*
 * btv run / btv-run: options, environment and errors around linux_run.
 *
 * Called by the kernel's binfmt_misc, argv is [btv-run, path, args...], or [btv-run, path, argv0, args...] with flag P,
 * which the auxiliary vector tells; with flag O the program comes as an open descriptor in AT_EXECFD.  Called by execve of a
 * guest, LINUX_EXEC_VARIABLE holds the program and the options, and argv is the guest's.
 */
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli.h"
#include "guest/guest.h"
#include "image/elf.h"
#include "linux/loader.h"
#include "run/replay.h"

#define AT_FLAGS_PRESERVE_ARGV0 1
#define MAX_OPTION_WORDS 64

enum option_id {
#define OPT(id, short, long, argument, meaning) OPT_##id,
#include "cli/option.def"
#undef OPT
};

static const struct option_row {
    char letter;
    const char *name, *argument, *meaning;
} options[] = {
#define OPT(id, short, long, argument, meaning) {short, long, argument, meaning},
#include "cli/option.def"
#undef OPT
};

struct run {
    const char *self;       /* for messages */
    struct linux_options opt;
    char root[PATH_MAX];
    const char *argv0;
    char *strace_file;      /* -o */
    unsigned follow;        /* how often -f */
    char **env;             /* of the guest */
    char words[4096];       /* BTV_OPTIONS, split */
};

static void help(const char *self)
{
    printf("usage: %s [OPTIONS] PROGRAM [ARGS...]\n\nRun a Linux program made for another instruction set.\n\n", self);
    for (unsigned i = 0; i < ARRAY_LEN(options); i++) {
        const struct option_row *o = &options[i];
        char text[64], letter[8] = "    ";
        if (o->letter)
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        snprintf(text, sizeof text, "%s--%s%s%s%s", letter, o->name, o->argument[0] == '[' ? "[=" : o->argument[0] ? "=" : "",
                 o->argument + (o->argument[0] == '['), "");
        printf("  %-30s %s\n", text, o->meaning);
    }
    printf("\nguests:");
    for (unsigned i = 0; guest_all[i]; i++)
        printf(" %s", guest_all[i]->name);
    printf("\nenvironment: BTV_ROOT (as -L), BTV_OPTIONS (options before those of the command line)\n"
           "exit status: the program's; 126 it cannot be run, 127 it was not found, 128+N as shells say death by signal N\n");
}

/* -- the guest's environment ------------------------------------------------------------------------------- */

/* Removes NAME (up to '=' or the end) from r->env; returns its value or NULL. */
static char *env_remove(struct run *r, const char *name, size_t n)
{
    char *value = NULL;
    char **to = r->env;
    for (char **from = r->env; *from; from++) {
        if (!strncmp(*from, name, n) && (*from)[n] == '=') {
            if (!value)
                value = *from + n + 1;
        } else {
            *to++ = *from;
        }
    }
    *to = NULL;
    return value;
}

static bool env_set(struct run *r, char *assignment)
{
    char *eq = strchr(assignment, '=');
    if (!eq || eq == assignment)
        return false;
    env_remove(r, assignment, (size_t)(eq - assignment));
    size_t n = 0;
    while (r->env[n])
        n++;
    r->env[n] = assignment; /* room: env_copy */
    r->env[n + 1] = NULL;
    return true;
}

/* A copy of the environment's pointers with room for `extra` more. */
static char **env_copy(size_t extra)
{
    size_t n = 0;
    while (environ[n])
        n++;
    char **v = malloc((n + extra + 1) * sizeof *v);
    if (v)
        memcpy(v, environ, (n + 1) * sizeof *v);
    return v;
}

/* -- options ----------------------------------------------------------------------------------------------- */

static bool add_topic(uint32_t *topics, const char *word)
{
    for (unsigned i = 0; i < TRACE_TOPICS; i++)
        if (!strcmp(word, trace_rows[i].name) || (word[0] == trace_rows[i].letter && !word[1])) {
            *topics |= 1u << i;
            return true;
        }
    return false;
}

/* TOPIC[,TOPIC...][:LO-HI], the addresses hexadecimal. */
static bool parse_trace(struct trace_config *c, char *list)
{
    char *range = strchr(list, ':');
    if (range) {
        *range++ = '\0';
        if (!cli_range(range, 16, &c->lo, &c->hi))
            return false;
    }
    for (char *word; (word = strsep(&list, ",")) != NULL;)
        if (!add_topic(&c->topics, word))
            return false;
    return true;
}

static void help_trace(void)
{
    puts("--trace=TOPIC[,TOPIC...][:LO-HI], topics by name or letter; LO-HI: hexadecimal guest addresses, for topics marked *\n");
    for (unsigned i = 0; i < TRACE_TOPICS; i++) {
        const struct trace_row *t = &trace_rows[i];
        printf("  %c  %-7s%c %s\n", t->letter, t->name, t->ranged ? '*' : ' ', t->doc);
    }
}

static bool set_root(struct run *r, const char *dir)
{
    if (!realpath(dir, r->root))
        return false;
    r->opt.root = strcmp(r->root, "/") ? r->root : NULL;
    return true;
}

static int strace_on(struct linux_strace_options *st)
{
    st->on = true;
    return -1;
}

static int start_recording(struct run *r, const char *file)
{
    struct str head = STR_INIT;
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0666);
    replay_print_head(&head);
    bool ok = fd > STDERR_FILENO && !head.failed && file_write(fd, head.p, head.len);
    str_free(&head);
    r->opt.engine.record_fd = fd;
    if (ok)
        return -1;
    cli_error(r->self, "--record-translations=%s: %m; name a file that can be written", file);
    return CLI_USAGE;
}

/* Applies one option; -1: go on, otherwise the exit status. */
static int apply(struct run *r, enum option_id id, char *value)
{
    struct linux_strace_options *st = &r->opt.strace;
    unsigned long long n;
    char *end;
    switch (id) {
    case OPT_ROOT:
        if (!set_root(r, value)) {
            cli_error(r->self, "-L %s: no such directory; name the root of the guest's files", value);
            return CLI_USAGE;
        }
        return -1;
    case OPT_SET:
        if (env_set(r, value))
            return -1;
        break;
    case OPT_UNSET:
        env_remove(r, value, strlen(value));
        return -1;
    case OPT_ARGV0:
        r->argv0 = value;
        return -1;
    case OPT_CPU:
        r->opt.cpu = value;
        return -1;
    case OPT_CALLS:
        st->set = value + (strncmp(value, "trace=", 6) == 0 ? 6 : 0);
        return strace_on(st);
    case OPT_BYTES:
        st->bytes = (unsigned)strtoul(value, &end, 10);
        if (!*end && end != value && st->bytes)
            return strace_on(st);
        cli_error(r->self, "-s %s: not a number of bytes above 0", value);
        return CLI_USAGE;
    case OPT_TIMES:
        st->times = true;
        return strace_on(st);
    case OPT_STAMP:
        st->stamp++;
        return strace_on(st);
    case OPT_SINCE:
        st->since_last = true;
        return strace_on(st);
    case OPT_PATHS:
        st->paths = true;
        return strace_on(st);
    case OPT_COUNT:
        st->count = 1;
        return strace_on(st);
    case OPT_BOTH:
        st->count = 2;
        return strace_on(st);
    case OPT_WALL:
        st->wall = true;
        return strace_on(st);
    case OPT_FOLLOW:
        r->follow++;
        return strace_on(st);
    case OPT_OUTPUT:
    case OPT_STRACE:
        r->strace_file = value ? value : r->strace_file;
        return strace_on(st);
    case OPT_TRACE:
        if (!strcmp(value, "help")) {
            help_trace();
            return 0;
        }
        if (parse_trace(&r->opt.trace, value))
            return -1;
        cli_error(r->self, "--trace: bad argument; `%s --trace=help` lists the topics", r->self);
        return CLI_USAGE;
    case OPT_TRACEFILE:
        r->opt.trace.fd = open(value, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0666);
        if (r->opt.trace.fd < 0) {
            cli_error(r->self, "--trace-file=%s: %m; name a file that can be written", value);
            return CLI_USAGE;
        }
        return -1;
    case OPT_STATS:
        r->opt.stats = r->opt.engine.timed = true;
        return -1;
    case OPT_TIER:
        r->opt.engine.interpret_only = !strcmp(value, "interp");
        if (r->opt.engine.interpret_only || !strcmp(value, "auto"))
            return -1;
        break;
    case OPT_CHECK:
        r->opt.engine.check_exec = true;
        if (!strcmp(value, "exec"))
            return -1;
        break;
    case OPT_CACHE:
        if (cli_number(value, 2047, &n) && n) {
            r->opt.engine.cache_bytes = n << 20;
            return -1;
        }
        break;
    case OPT_CHAOS:
        return cli_chaos(r->self, &r->opt.engine, value);
    case OPT_TUNE: return cli_tune(r->self, &r->opt.engine, value);
    case OPT_RECORD: return start_recording(r, value);
    case OPT_REPLAY:
        r->opt.engine.replay_fd = open(value, O_RDONLY | O_CLOEXEC);
        if (r->opt.engine.replay_fd > STDERR_FILENO)
            return -1;
        cli_error(r->self, "--replay-translations=%s: %m; name a file that --record-translations wrote", value);
        return CLI_USAGE;
    case OPT_KEEP:
        mkdir(value, 0700);
        r->opt.engine.store_fd = open(value, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (r->opt.engine.store_fd > STDERR_FILENO)
            return -1;
        cli_error(r->self, "--keep-translations=%s: %m; name a directory, or one to be made", value);
        return CLI_USAGE;
    case OPT_PERF:
        r->opt.engine.perf_map = true;
        return -1;
    case OPT_NATIVE:
        r->opt.allow_native = true;
        return -1;
    case OPT_SHOW:
        r->opt.show_emulator = true;
        return -1;
    case OPT_HELP:
        help(r->self);
        return 0;
    case OPT_VERSION:
        puts("btv " BTV_VERSION_TEXT);
        return 0;
    }
    cli_error(r->self, "--%s: bad argument; `%s --help` says what it takes", options[id].name, r->self);
    return CLI_USAGE;
}

/* The row a word names, or ARRAY_LEN(options).  *value: the argument inside the word, NULL if none. */
static unsigned find_option(char *word, char **value)
{
    *value = NULL;
    if (word[1] == '-') {
        size_t n = strcspn(word + 2, "=");
        if (word[2 + n])
            *value = word + 2 + n + 1;
        for (unsigned i = 0; i < ARRAY_LEN(options); i++)
            if (strlen(options[i].name) == n && !memcmp(options[i].name, word + 2, n))
                return i;
        return ARRAY_LEN(options);
    }
    if (word[2])
        *value = word + 2;
    for (unsigned i = 0; i < ARRAY_LEN(options); i++)
        if (options[i].letter && options[i].letter == word[1])
            return i;
    return ARRAY_LEN(options);
}

/* Several letters behind one dash: applies all but the last, which is what word becomes.  -1, or the exit status. */
static int split_cluster(struct run *r, char **word)
{
    char *value;
    while ((*word)[1] && (*word)[1] != '-' && (*word)[2]) {
        unsigned i = find_option(*word, &value);
        if (i == ARRAY_LEN(options) || options[i].argument[0])
            break;
        char next[] = {'-', (*word)[2], '\0'};
        if (find_option(next, &value) == ARRAY_LEN(options))
            break;
        int status = apply(r, (enum option_id)i, NULL);
        if (status >= 0)
            return status;
        ++*word;
        (*word)[0] = '-';
    }
    return -1;
}

/* Applies the leading options of argv[*at ...]; -1 and *at behind them, or the exit status. */
static int parse_options(struct run *r, int argc, char **argv, int *at)
{
    while (*at < argc && argv[*at][0] == '-' && argv[*at][1]) {
        char *word = argv[(*at)++], *value;
        if (!strcmp(word, "--"))
            break;
        int status = split_cluster(r, &word);
        if (status >= 0)
            return status;
        unsigned i = find_option(word, &value);
        if (i == ARRAY_LEN(options)) {
            cli_error(r->self, "%s: no such option; `%s --help` lists them", word, r->self);
            return CLI_USAGE;
        }
        bool takes = options[i].argument[0] && options[i].argument[0] != '[';
        if (takes && !value && *at < argc)
            value = argv[(*at)++];
        if (takes ? !value : value && !options[i].argument[0]) {
            cli_error(r->self, "%s: %s; `%s --help` lists the options", word, takes ? "needs an argument" : "takes no argument", r->self);
            return CLI_USAGE;
        }
        status = apply(r, (enum option_id)i, value);
        if (status >= 0)
            return status;
    }
    return -1;
}

/* BTV_ROOT and BTV_OPTIONS. */
static int parse_environment(struct run *r)
{
    const char *root = getenv("BTV_ROOT"), *text = getenv("BTV_OPTIONS");
    char *word[MAX_OPTION_WORDS], *left = r->words;
    int n = 0, at = 0;
    if (root && root[0] && !set_root(r, root)) {
        cli_error(r->self, "BTV_ROOT=%s: no such directory; name the root of the guest's files", root);
        return CLI_USAGE;
    }
    if (!text)
        return -1;
    if (snprintf(r->words, sizeof r->words, "%s", text) >= (int)sizeof r->words) {
        cli_error(r->self, "BTV_OPTIONS: longer than %zu bytes; shorten it", sizeof r->words - 1);
        return CLI_USAGE;
    }
    for (char *w; n < MAX_OPTION_WORDS && (w = strsep(&left, " \t\n")) != NULL;)
        if (w[0])
            word[n++] = w;
    int status = parse_options(r, n, word, &at);
    if (status < 0 && at < n) {
        cli_error(r->self, "BTV_OPTIONS: %s: not an option; only options may stand there", word[at]);
        return CLI_USAGE;
    }
    return status;
}

/* Opens what -o names: a file, or the directory of the files of -ff.  -1, or the exit status. */
static int strace_open(struct run *r)
{
    struct linux_strace_options *st = &r->opt.strace;
    const char *name = r->strace_file, *dir = ".";
    if (!st->on)
        return -1;
    time_t now = time(NULL);
    st->utc_offset = (int)localtime(&now)->tm_gmtoff;
    if (!name)
        return -1;
    if (r->follow < 2) {
        st->fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0666);
    } else {
        char *slash = strrchr(r->strace_file, '/');
        st->file = slash ? slash + 1 : name;
        if (slash) {
            *slash = '\0';
            dir = slash == name ? "/" : name;
        }
        st->fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (slash)
            *slash = '/';
    }
    if (st->fd >= 0)
        return -1;
    cli_error(r->self, "--strace=%s: %m; name a file that can be written", name);
    return CLI_USAGE;
}

/* -- running ----------------------------------------------------------------------------------------------- */

/* The guest a program is for: by its ELF header, else (a script) the first of the build. */
static const struct guest_isa *guest_of(struct run *r, const char *path)
{
    unsigned char head[20];
    int fd = r->opt.exec_fd;
    char under_root[2 * PATH_MAX];
    if (fd < 0 && r->opt.root && path[0] == '/') {
        snprintf(under_root, sizeof under_root, "%s%s", r->opt.root, path);
        fd = open(under_root, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    }
    if (fd < 0)
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd >= 0 ? file_pread(fd, head, sizeof head, 0) : -1;
    if (fd >= 0 && fd != r->opt.exec_fd)
        close(fd);
    const struct guest_isa *g = n > 0 ? guest_by_machine(elf_machine_of(head, (size_t)n)) : NULL;
    return g ? g : guest_all[0];
}

static int run(struct run *r, const char *path, char **argv)
{
    struct btv_error err = {0};
    enum btv_status st = linux_run(&r->opt, guest_of(r, path), path, argv, r->env, &err);
    cli_error(r->self, "%s", err.text[0] ? err.text : btv_status_text(st));
    return st == BTV_NOENT ? CLI_NOT_FOUND : CLI_CANNOT_RUN;
}

int cmd_run(int argc, char **argv)
{
    struct run r = {.self = "btv-run", .opt = {.strace = {.fd = STDERR_FILENO}, .trace = {.fd = STDERR_FILENO}, .exec_fd = -1}};
    struct btv_error err = {0};
    const char *path;
    char *storage;
    int at = 1, status;

    r.env = env_copy((size_t)argc + MAX_OPTION_WORDS);
    if (!r.env) {
        cli_error(r.self, "environment: out of memory");
        return CLI_CANNOT_RUN;
    }
    unsigned long execfd = getauxval(AT_EXECFD);
    r.opt.keep_argv0 = getauxval(AT_FLAGS) & AT_FLAGS_PRESERVE_ARGV0;
    bool by_kernel = r.opt.keep_argv0 || execfd > STDERR_FILENO;
    /* With flag C the kernel gave us the privileges of a program: then who started it has no say in how, and its environment is the guest's alone. */
    bool secure = by_kernel && getauxval(AT_SECURE);
    char *handover = env_remove(&r, LINUX_EXEC_VARIABLE, strlen(LINUX_EXEC_VARIABLE));
    if (handover && !secure) { /* a guest's execve: argv is the guest's */
        if (linux_exec_decode(handover, &r.opt, &path, &storage, &err) != BTV_OK) {
            cli_error(r.self, "%s", err.text);
            return CLI_CANNOT_RUN;
        }
        return run(&r, path, argv);
    }
    status = secure ? -1 : parse_environment(&r);
    if (execfd > STDERR_FILENO)
        r.opt.exec_fd = (int)execfd;
    if (status < 0 && !by_kernel)
        status = parse_options(&r, argc, argv, &at);
    if (status < 0)
        status = strace_open(&r);
    if (status >= 0)
        return status;
    if (at >= argc) {
        cli_error(r.self, "no program; usage: %s [OPTIONS] PROGRAM [ARGS...], `%s --help` says more", r.self, r.self);
        return CLI_USAGE;
    }
    path = argv[at];
    if (r.opt.keep_argv0 && at + 1 < argc)
        at++;
    if (r.argv0)
        argv[at] = (char *)(uintptr_t)r.argv0;
    return run(&r, path, argv + at);
}

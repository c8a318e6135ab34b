/*
 * Options, numbers and files of the tools.
 */
#include "cli/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *here(const struct tool_args *a)
{
    return a->at < a->argc ? a->argv[a->at] : NULL;
}

/* Skips "--". */
static bool at_option(struct tool_args *a)
{
    const char *word = here(a);
    if (!word || a->operands_only || word[0] != '-' || !word[1])
        return false;
    if (strcmp(word, "--") != 0)
        return true;
    a->operands_only = true;
    a->at++;
    return false;
}

bool tool_option(struct tool_args *a, const char *name, const char **value)
{
    if (!at_option(a))
        return false;
    const char *word = here(a);
    size_t n = strlen(name);
    if (strncmp(word, name, n) != 0)
        return false;
    if (!word[n]) {
        a->at++;
        *value = a->at < a->argc ? a->argv[a->at++] : NULL;
        return true;
    }
    if (name[1] == '-' && word[n] != '=')
        return false;
    *value = word + n + (word[n] == '=');
    a->at++;
    return true;
}

bool tool_flag(struct tool_args *a, const char *name)
{
    if (!at_option(a) || strcmp(here(a), name) != 0)
        return false;
    a->at++;
    return true;
}

const char *tool_operand(struct tool_args *a)
{
    return at_option(a) || !here(a) ? NULL : a->argv[a->at++];
}

int tool_usage(const struct tool_args *a)
{
    const char *word = here(a);
    return tool_misuse(a, "%s: no such option; `%s --help` lists them", word ? word : "", a->command);
}

static void complain(const struct tool_args *a, const char *fmt, va_list ap)
{
    char text[900];
    vsnprintf(text, sizeof text, fmt, ap);
    cli_error(a->command, "%s", text);
}

int tool_misuse(const struct tool_args *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    complain(a, fmt, ap);
    va_end(ap);
    return CLI_USAGE;
}

int tool_fail(const struct tool_args *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    complain(a, fmt, ap);
    va_end(ap);
    return CLI_FAILURE;
}

bool tool_number(const char *text, uint64_t *out)
{
    char *end;
    const char *digits = text + (text[0] == '-');
    if (digits[0] < '0' || digits[0] > '9')
        return false;
    errno = 0;
    uint64_t v = strtoull(digits, &end, digits[0] == '0' && (digits[1] | 32) == 'x' ? 16 : 10);
    if (*end || errno)
        return false;
    *out = text[0] == '-' ? 0 - v : v;
    return true;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

bool tool_hex(const char *text, struct str *out)
{
    for (; *text; text++) {
        if (*text == ' ' || *text == '\t' || *text == '\n')
            continue;
        int hi = digit(text[0]), lo = hi < 0 ? -1 : digit(text[1]);
        if (lo < 0)
            return false;
        char byte = (char)(hi << 4 | lo);
        str_addn(out, &byte, 1);
        text++;
    }
    return true;
}

int tool_print(const struct tool_args *a, const struct str *s)
{
    if (s->failed)
        return tool_fail(a, "out of memory");
    if (fwrite(str_get(s), 1, s->len, stdout) != s->len || fflush(stdout))
        return tool_fail(a, "standard output: %s", strerror(errno));
    return 0;
}

enum btv_status tool_read_file(const char *path, struct str *out, struct btv_error *err)
{
    char buf[16384];
    ssize_t n;
    int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
    if (fd < 0)
        return err_host(err, errno, "%s", path);
    while ((n = read(fd, buf, sizeof buf)) > 0)
        str_addn(out, buf, (size_t)n);
    int e = errno;
    close(fd);
    if (n < 0)
        return err_host(err, e, "%s", path);
    return out->failed ? err_set(err, BTV_NOMEM, "%s: out of memory", path) : BTV_OK;
}

enum btv_status tool_write_file(const char *path, const struct str *s, struct btv_error *err)
{
    int fd = strcmp(path, "-") ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : dup(STDOUT_FILENO);
    if (fd < 0)
        return err_host(err, errno, "%s", path);
    for (size_t at = 0; at < s->len;) {
        ssize_t n = write(fd, s->p + at, s->len - at);
        if (n < 0) {
            int e = errno;
            close(fd);
            return err_host(err, e, "%s", path);
        }
        at += (size_t)n;
    }
    close(fd);
    return BTV_OK;
}

enum btv_status tool_parse_module(struct arena *a, const struct ir_slots *slots, const char *name, const struct str *bytes, struct ir_module *out,
                                  struct btv_error *err)
{
    struct btv_error why = {0};
    bool binary = bytes->len >= 6 && !memcmp(bytes->p, "BTVIR", 6);
    enum btv_status st = binary ? ir_read(a, slots, bytes->p, bytes->len, out, &why) : ir_parse(a, slots, str_get(bytes), bytes->len, out, &why);
    for (unsigned k = 0; st == BTV_OK && k < out->nfuncs; k++)
        st = ir_verify(out->func[k], &why);
    if (st == BTV_OK && !out->nfuncs)
        st = err_set(&why, BTV_INVALID, "holds no function");
    return st == BTV_OK ? BTV_OK : err_set(err, st, "%s: %s", name, why.text[0] ? why.text : btv_status_text(st));
}

bool tool_guest(const char *name, const struct guest_isa **out)
{
    *out = guest_by_name(name);
    return *out || !strcmp(name, "none");
}

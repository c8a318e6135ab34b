/*
 * The "#!" line.  See script.h.
 */
#include "linux/script.h"

#include <errno.h>
#include <string.h>

bool linux_script_is(const unsigned char *head, size_t n)
{
    return n >= 2 && head[0] == '#' && head[1] == '!';
}

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    return p;
}

static const char *find_blank(const char *p, const char *end)
{
    while (p < end && *p && *p != ' ' && *p != '\t')
        p++;
    return p;
}

static void copy(char to[LINUX_HEAD_BYTES], const char *from, const char *end)
{
    size_t n = (size_t)(end - from);
    memcpy(to, from, n);
    to[n] = '\0';
}

int linux_script_parse(const unsigned char head[LINUX_HEAD_BYTES], char interp[LINUX_HEAD_BYTES], char arg[LINUX_HEAD_BYTES])
{
    const char *line = (const char *)head, *limit = line + LINUX_HEAD_BYTES - 1;
    if (!linux_script_is(head, LINUX_HEAD_BYTES))
        return -ENOEXEC;
    const char *end = memchr(line, '\n', LINUX_HEAD_BYTES);
    const char *name = skip_blanks(line + 2, limit);
    if (!end) {
        /* A line longer than the buffer is usable if at least the interpreter's name is whole. */
        if (find_blank(name, limit) == limit)
            return -ENOEXEC;
        end = limit;
    }
    const char *nul = memchr(line, '\0', (size_t)(end - line));
    if (nul)
        end = nul;
    while (end > name && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    if (name >= end)
        return -ENOEXEC;
    const char *name_end = find_blank(name, end);
    copy(interp, name, name_end);
    copy(arg, skip_blanks(name_end, end), end);
    return 0;
}

int64_t linux_script_resolve(struct linux_thread *t, struct linux_program *prog, const char *name, bool must_be_executable, struct linux_script *out)
{
    out->first = ARRAY_LEN(out->argv);
    out->n = out->depth = 0;
    while (linux_script_is(prog->head, prog->head_bytes)) {
        if (out->depth == LINUX_SCRIPT_DEPTH)
            return -ELOOP;
        char *interp = out->text[out->depth][0], *arg = out->text[out->depth][1];
        int r = linux_script_parse(prog->head, interp, arg);
        if (r < 0)
            return r;
        out->depth++;
        /* [interpreter, its argument if any, what was argv[0] before: the script] */
        if (!out->n)
            out->argv[--out->first] = (char *)(uintptr_t)name;
        if (arg[0])
            out->argv[--out->first] = arg;
        out->argv[--out->first] = interp;
        out->n = (unsigned)ARRAY_LEN(out->argv) - out->first;
        linux_program_close(prog);
        r = linux_program_open(t, AT_FDCWD, interp, 0, prog);
        if (r < 0) {
            prog->fd = -1;
            return r;
        }
        if (must_be_executable) {
            int64_t e = linux_program_check(prog);
            if (e < 0)
                return e;
        }
    }
    return 0;
}

/*
 * Prints docs/ref/syscalls.md from sys.def.
 *
 *     cc -std=gnu17 -Isrc -o gendoc-sys tools/gendoc-sys.c && ./gendoc-sys src/linux/sys.def > docs/ref/syscalls.md
 *
 * The file is included for the rows and read once more for the group headings and the reasons of refusals and the limits of others, which are comments.
 */
#include <stdio.h>
#include <string.h>

struct row {
    const char *name;
    int generic, x86_64;
    const char *flags, *handler, *signature;
};

static const struct row rows[] = {
#define __ (-1)
#define SYS(n, gen, x86, fl, h, ...) {#n, gen, x86, #fl, #h, #__VA_ARGS__},
#include "linux/sys.def"
#undef SYS
#undef __
};

static const struct row *find(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strlen(rows[i].name) == len && !strncmp(rows[i].name, name, len))
            return &rows[i];
    return NULL;
}

static void print_number(int nr)
{
    if (nr < 0)
        printf(" |");
    else
        printf(" %d |", nr);
}

static void print_handling(const struct row *r, const char *line)
{
    const char *note = strstr(line, "/* ");
    if (r->handler[0] == 'P')
        printf("passed");
    else if (r->handler[0] == 'H')
        printf("handled");
    else
        printf("refused, %.*s", (int)strcspn(r->handler + 2, ")"), r->handler + 2);
    if (note)
        printf(": %.*s", (int)(strstr(note, " */") - note - 3), note + 3);
    if (strstr(r->flags, "NOHAND"))
        printf("; waits, never restarted");
    else if (strstr(r->flags, "BLOCKS"))
        printf("; waits");
}

/* "result, a, b" -> "a, b → result" with code marks. */
static void print_signature(const char *sig)
{
    size_t n = strcspn(sig, ",");
    const char *args = sig[n] ? sig + n + 1 + strspn(sig + n + 1, " ") : "";
    printf(" `(%s)` %.*s |", args, (int)n, sig);
}

static void print_heading(const char *line)
{
    const char *end = strstr(line, " */");
    printf("\n## %.*s\n\n| call | generic | x86-64 | arguments, result | what btv does |\n|---|---:|---:|---|---|\n", (int)(end - line - 3), line + 3);
}

int main(int argc, char **argv)
{
    char line[512];
    unsigned passed = 0, handled = 0, refused = 0;
    FILE *f = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (!f) {
        fprintf(stderr, "usage: gendoc-sys SYS.DEF\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        passed += rows[i].handler[0] == 'P';
        handled += rows[i].handler[0] == 'H';
        refused += rows[i].handler[0] == 'R';
    }
    printf("# System calls\n\n"
           "Made by `tools/gendoc-sys.c` from `src/linux/sys.def`; do not edit.\n\n"
           "All system calls of Linux 6.12. *generic* is the number on RISC-V and AArch64. %u are passed to the host's kernel once their\n"
           "arguments have been checked, %u are handled by btv, %u are refused. An argument's type says what is checked and how `--strace`\n"
           "prints it; the head of `sys.def` explains each. A number that is not here is `ENOSYS`,\n"
           "but for the two calls that RISC-V alone has: `riscv_hwprobe` (258) and `riscv_flush_icache` (259), both handled.\n",
           passed, handled, refused);
    while (fgets(line, sizeof line, f)) {
        if (!strncmp(line, "/* ", 3) && !strstr(line, "clang-format")) {
            print_heading(line);
        } else if (!strncmp(line, "SYS(", 4)) {
            const struct row *r = find(line + 4, strcspn(line + 4, ","));
            if (!r)
                return 1;
            printf("| `%s` |", r->name);
            print_number(r->generic);
            print_number(r->x86_64);
            print_signature(r->signature);
            printf(" ");
            print_handling(r, line);
            printf(" |\n");
        }
    }
    fclose(f);
    return 0;
}

/*
 * btv: the tool.  Its first argument names a command of cmd.def.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "linux/loader.h"

static const struct {
    const char *name, *arguments, *text;
    int (*run)(int argc, char **argv);
} commands[] = {
#define CMD(name, arguments, text) {#name, arguments, text, cmd_##name},
#include "cli/cmd.def"
#undef CMD
};

static void overview(void)
{
    puts("usage: btv COMMAND [ARGUMENTS]\n");
    for (unsigned i = 0; i < ARRAY_LEN(commands); i++)
        printf("  %-8s %-34s %s\n", commands[i].name, commands[i].arguments, commands[i].text);
    puts("\n`btv COMMAND --help` says more; `btv --version` names the version.");
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (getenv(LINUX_EXEC_VARIABLE)) /* a guest of `btv run` executes a program: argv is the guest's */
        return cmd_run(argc, argv);
    if (!strcmp(name, "--version")) {
        puts("btv " BTV_VERSION_TEXT);
        return 0;
    }
    if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
        overview();
        return 0;
    }
    for (unsigned i = 0; i < ARRAY_LEN(commands); i++)
        if (!strcmp(name, commands[i].name))
            return commands[i].run(argc - 1, argv + 1);
    if (argc > 1)
        cli_error("btv", "%s: no such command; `btv --help` lists them", name);
    else
        overview();
    return CLI_USAGE;
}

/*
 * btv prove: starts btv-prove, which is a program of its own because it needs a solver (Z3) that btv does not.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/tool.h"

/* Beside this program: the installed one, or the one of the build. */
static bool beside(char *path, size_t size)
{
    static const char name[] = "btv-prove";
    ssize_t n = readlink("/proc/self/exe", path, size - sizeof name);
    while (n > 0 && path[n - 1] != '/')
        n--;
    if (n <= 0)
        return false;
    memcpy(path + n, name, sizeof name);
    return access(path, X_OK) == 0;
}

int cmd_prove(int argc, char **argv)
{
    char path[4096];
    (void)argc;
    argv[0] = (char *)"btv-prove";
    if (beside(path, sizeof path))
        execv(path, argv);
    else
        execvp("btv-prove", argv);
    if (errno != ENOENT) {
        cli_error("btv prove", "btv-prove: %s", strerror(errno));
        return CLI_CANNOT_RUN;
    }
    cli_error("btv prove",
              "btv-prove is not here: it is built where Z3's headers are installed; `apt-get install libz3-dev` or `tools/setup.sh all`, "
              "then `meson setup --reconfigure build -Dprove=enabled` and `make`");
    return CLI_NOT_FOUND;
}

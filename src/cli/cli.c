/*
 * Messages of the command line.
 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void cli_error(const char *program, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    int n = snprintf(text, sizeof text, "%s: ", program);
    va_start(ap, fmt);
    vsnprintf(text + n, sizeof text - (size_t)n, fmt, ap);
    va_end(ap);
    dprintf(STDERR_FILENO, "%s\n", text); /* one write: lines of several processes do not mix */
}

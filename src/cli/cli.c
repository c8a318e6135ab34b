/*
 * Messages and numbers of the command line.
 */
#include "cli/cli.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
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

bool cli_number(const char *text, unsigned long long max, unsigned long long *out)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    unsigned long long v = strtoull(text, &end, 10);
    if (*end || v > max)
        return false;
    *out = v;
    return true;
}

bool cli_range(const char *text, int base, uint64_t *lo, uint64_t *hi)
{
    char *end;
    if (!isxdigit((unsigned char)text[0]))
        return false;
    *lo = strtoull(text, &end, base);
    if (*end != '-' || !isxdigit((unsigned char)end[1]))
        return false;
    *hi = strtoull(end + 1, &end, base);
    return !*end && *lo < *hi;
}

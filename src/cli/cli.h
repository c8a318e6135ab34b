/*
 * What the commands share.  Only this layer prints, exits, reads the environment or parses arguments.
 */
#ifndef BTV_CLI_CLI_H
#define BTV_CLI_CLI_H

#include "base/err.h"

#define BTV_VERSION_TEXT "0.1.0"

/* Exit statuses, as shells use them. */
enum { CLI_USAGE = 2, CLI_CANNOT_RUN = 126, CLI_NOT_FOUND = 127 };

#define CMD(name, arguments, text) int cmd_##name(int argc, char **argv);
#include "cli/cmd.def"
#undef CMD

/* "PROGRAM: text", one line on the standard error. */
void cli_error(const char *program, const char *fmt, ...) BTV_PRINTF(2, 3);

/* A whole decimal number of at most `max`. */
bool cli_number(const char *text, unsigned long long max, unsigned long long *out);
/* "LO-HI": guest addresses, LO < HI.  base: as of strtoull. */
bool cli_range(const char *text, int base, uint64_t *lo, uint64_t *hi);

struct engine_config;
/* Applies the argument of --chaos, which it changes; -1: go on, otherwise the exit status. */
int cli_chaos(const char *self, struct engine_config *c, char *text);
/* The same for --tune. */
int cli_tune(const char *self, struct engine_config *c, char *text);

#endif

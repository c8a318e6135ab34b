/*
 * --tune=LIST: numbers of run/tuning.def for experiments.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "guest/guest.h"
#include "run/engine.h"

static const struct {
    const char *name, *meaning;
    size_t offset; /* of the member of struct engine_config */
    unsigned long long dflt, min, max;
} rows[] = {
#define TUNE(name, dflt, min, max, meaning) {#name, meaning, offsetof(struct engine_config, tune_##name), dflt, min, max},
#include "run/tuning.def"
#undef TUNE
};

static void help(void)
{
    puts("--tune=NAME=VALUE[,NAME=VALUE...]: a correct btv behaves the same under these, faster or slower\n");
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        printf("  %-15s %llu (%llu to %llu): %s\n", rows[i].name, rows[i].dflt, rows[i].min, rows[i].max, rows[i].meaning);
}

static bool set(struct engine_config *c, const char *name, const char *value)
{
    unsigned long long n;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        if (!strcmp(rows[i].name, name)) {
            if (!value || !cli_number(value, rows[i].max, &n) || n < rows[i].min)
                return false;
            *(uint64_t *)(void *)((char *)c + rows[i].offset) = n + 1;
            return true;
        }
    return false;
}

int cli_tune(const char *self, struct engine_config *c, char *text)
{
    for (char *word; (word = strsep(&text, ",")) != NULL;) {
        char *value = strchr(word, '=');
        if (value)
            *value++ = '\0';
        if (!strcmp(word, "help") && !value) {
            help();
            return 0;
        }
        if (!set(c, word, value)) {
            cli_error(self, "--tune: %s%s%s: bad argument; `%s --tune=help` lists the names and their ranges", word, value ? "=" : "", value ? value : "", self);
            return CLI_USAGE;
        }
    }
    return -1;
}

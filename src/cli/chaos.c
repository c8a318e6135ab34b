/*
 * --chaos=LIST: reads the switches of run/chaos.def, and draws a random set of them for seed=N.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/chaos.h"
#include "host/host.h"
#include "run/engine.h"

static const struct chaos_row {
    const char *key, *meaning;
    size_t offset; /* of the member of struct engine_config */
    uint64_t min, max, draw_lo, draw_hi;
} rows[] = {
#define CHAOS(member, key, min, max, draw_lo, draw_hi, meaning) {key, meaning, offsetof(struct engine_config, member), min, max, draw_lo, draw_hi},
#include "run/chaos.def"
#undef CHAOS
};

static uint64_t *member(struct engine_config *c, const struct chaos_row *r)
{
    return (uint64_t *)(void *)((char *)c + r->offset);
}

static bool is_flag(const struct chaos_row *r)
{
    return r->max == 1;
}

static void help(void)
{
    puts("--chaos=KEY[=N][,KEY[=N]...]: a correct btv behaves the same under these, only slower\n");
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        printf("  %-12s %s%s\n", rows[i].key, is_flag(&rows[i]) ? "   " : "=N ", rows[i].meaning);
    printf("  %-12s %s%s\n", "jit", "=LO-HI ", "translate only blocks that start at guest addresses in [LO, HI)");
    printf("  %-12s %s%s\n", "avoid", "=FEATURE ", "do not use this feature of the host; all: none");
    printf("  %-12s    %s\n", "list", "print the switches that the others amount to, and run nothing");
}

/* A host feature by its name, "all" for every one. */
static bool avoid_feature(unsigned *mask, const char *name)
{
    for (unsigned bit = 0; bit < 32; bit++)
        if (host_x64.feature_name(bit) && !strcmp(name, host_x64.feature_name(bit))) {
            *mask |= 1u << bit;
            return true;
        }
    if (strcmp(name, "all"))
        return false;
    *mask = ~0u;
    return true;
}

/* Each switch with one chance in three, its number as likely from each octave of its range. */
static void draw(struct engine_config *c)
{
    uint64_t state = c->seed;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        const struct chaos_row *r = &rows[i];
        uint64_t chance = chaos_random(&state), octave = chaos_random(&state), number = chaos_random(&state);
        if (!r->draw_hi || chance % 3)
            continue;
        unsigned octaves = 1;
        while (r->draw_lo << octaves <= r->draw_hi)
            octaves++;
        uint64_t lo = r->draw_lo << octave % octaves, span = lo < r->draw_hi - lo + 1 ? lo : r->draw_hi - lo + 1;
        *member(c, r) = lo + number % span;
    }
    if (!c->hot_threshold && !c->mix)
        c->hot_threshold = 1; /* otherwise little is translated at all */
}

static void list(struct engine_config *c)
{
    const char *between = "";
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        if (*member(c, &rows[i])) {
            printf("%s%s", between, rows[i].key);
            if (!is_flag(&rows[i]))
                printf("=%llu", (unsigned long long)*member(c, &rows[i]));
            between = ",";
        }
    puts("");
}

static bool set_number(struct engine_config *c, const char *key, const char *value)
{
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        if (!strcmp(rows[i].key, key)) {
            unsigned long long n = 1;
            if (is_flag(&rows[i]) ? value != NULL : !value || !cli_number(value, rows[i].max, &n) || n < rows[i].min)
                return false;
            *member(c, &rows[i]) = n;
            return true;
        }
    return false;
}

int cli_chaos(const char *self, struct engine_config *c, char *text)
{
    bool listed = false, others = false;
    for (char *word; (word = strsep(&text, ",")) != NULL;) {
        char *value = strchr(word, '=');
        if (value)
            *value++ = '\0';
        bool ok = true;
        if (!strcmp(word, "help") && !value) {
            help();
            return 0;
        }
        if (!strcmp(word, "list") && !value)
            listed = true;
        else if (!strcmp(word, "jit"))
            ok = value && cli_range(value, 0, &c->jit_lo, &c->jit_hi);
        else if (!strcmp(word, "avoid"))
            ok = value && avoid_feature(&c->host_features, value);
        else if ((ok = set_number(c, word, value)) && strcmp(word, "seed"))
            others = true;
        if (!ok) {
            cli_error(self, "--chaos: %s%s%s: bad argument; `%s --chaos=help` lists the switches", word, value ? "=" : "", value ? value : "", self);
            return CLI_USAGE;
        }
    }
    if (c->seed && !others)
        draw(c);
    if (!listed)
        return -1;
    list(c);
    return 0;
}

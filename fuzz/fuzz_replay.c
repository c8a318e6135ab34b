/*
 * Fuzz target: recordings of translations.  What is accepted is in order, is found, and survives being printed and read again.
 */
#include <stdlib.h>
#include <string.h>

#include "run/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
    if (!ok)
        abort();
}

static bool same(const struct replay_entry *a, const struct replay_entry *b)
{
    return a->offset == b->offset && a->file == b->file && a->tier == b->tier && a->insns == b->insns;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct replay *r, *again;
    struct btv_error err = {0};
    struct str s = STR_INIT;

    if (replay_parse((const char *)data, size, &r, &err) != BTV_OK) {
        require(err.text[0] != '\0');
        return 0;
    }
    replay_print_head(&s);
    for (uint32_t i = 0; i < replay_count(r); i++) {
        const struct replay_entry *e = replay_at(r, i);
        const char *name = replay_file_name(r, e->file);
        require(e->insns && (!name || (name[0] && strlen(name) <= REPLAY_MAX_FILE)));
        require(replay_file(r, name ? name : "") == e->file);
        require(replay_find(r, e->tier, e->file, e->offset) == e);
        replay_print(&s, e, name);
    }
    require(!s.failed && replay_parse(str_get(&s), s.len, &again, &err) == BTV_OK && replay_count(again) == replay_count(r));
    for (uint32_t i = 0; i < replay_count(r); i++)
        require(same(replay_at(r, i), replay_at(again, i)));
    require(replay_file(r, "no such file") == REPLAY_OTHER_FILE);
    str_free(&s);
    replay_free(r);
    replay_free(again);
    return 0;
}

/*
 * Translations kept from one process to the next: a directory with a file for each executable mapping of a file that was run.
 *
 * A file is named after the build and machine it is for, and after the mapping; it is read-only once it has its name, and replaced as a whole.  What it
 * says is used only if it is unharmed (kept_check) and made of the very bytes that memory holds, so a name that fits two programs
 * costs speed, nothing else.  Files and the directory must belong to the user, or root, and be theirs alone to write to.
 *
 *   struct store_head; then `count` of struct store_slot in order of `at`; then what they name, kept translations (kept.h)
 */
#ifndef BTV_RUN_STORE_H
#define BTV_RUN_STORE_H

#include "run/kept.h"
#include "run/run.h"

#define STORE_MAGIC "btvkept"
#define STORE_VERSION 1 /* of all that kept translations depend on besides the build */

struct store_head {
    char magic[8];
    uint64_t key, name; /* of build and machine; of the mapping */
    uint64_t bytes;     /* of the file */
    uint32_t count, unused;
};

struct store_slot {
    uint32_t at;    /* of the guest code: offset in the mapping */
    uint32_t where; /* offset in the file / 8 */
};

/* Executable pages of a file, as they are mapped together. */
struct module {
    uint64_t start, end;
    uint64_t name;
    const void *file; /* NULL: nothing is kept of it */
    uint64_t bytes;   /* of the file, and the number of its slots: as they were when it was opened */
    uint32_t count;
};

struct store {
    int dir;
    uint64_t key;
    struct module *module; /* in no order; all that guest code was executed in */
    unsigned nmodules, cap, last;
    uint64_t *fresh; /* pcs translated by this process, not yet kept */
    uint32_t nfresh, cap_fresh;
};

#define STORE_NAME_BYTES (16 + 1 + 16 + 1)
/* Does it start like one?  "-" and more may follow. */
bool store_is_name(const char *name);
void store_name(char name[STORE_NAME_BYTES], const struct store *s, const struct module *m);

/* Where the pcs of a module are taken to lie for what is kept of it: kept_pack. */
static inline uint64_t store_base(const struct module *m)
{
    return m->start >= KEPT_LOW && m->end <= KEPT_HIGH ? KEPT_LOW : m->start;
}

/* The module that pc lies in, if it has been seen before; and if not, or NULL: code that is not kept.  Lock held. */
struct module *store_known(struct engine *e, uint64_t pc);
struct module *store_module(struct engine *e, uint64_t pc);
/* Opens the module's file of the directory, if there is one, for reading; and the opposite. */
void store_map(const struct store *s, struct module *m);
void store_unmap(struct module *m);
static inline const struct store_slot *store_slots(const struct module *m)
{
    return (const struct store_slot *)((const struct store_head *)m->file + 1);
}
/* What the file holds in that slot, or for that offset; NULL: nothing, or not unharmed.  They read the file: to be called guarded. */
const void *store_at(const struct module *m, const struct store_slot *slot, uint32_t *bytes);
const void *store_find(const struct module *m, uint32_t at, uint32_t *bytes);

#endif

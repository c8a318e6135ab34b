/*
 * Recorded translations: which guest code was translated, in which tier, in which order; named so that it is found again in
 * another process.
 *
 * A recording is text, a line for each translation:
 *
 *     btv translations 1
 *     TIER OFFSET INSNS FILE
 *
 * TIER    a name of tiers.def
 * OFFSET  0x and hexadecimal digits: of the entry in FILE, or its guest address where no FILE stands
 * INSNS   guest instructions translated together, decimal, above 0
 * FILE    path as the host sees it, to the end of the line, or "[vdso]"; missing for memory that no file backs
 *
 * A number behind "translations" that a reader does not know means a format that it does not know.  Lines may repeat; the longest counts.
 */
#ifndef BTV_RUN_REPLAY_H
#define BTV_RUN_REPLAY_H

#include "base/err.h"
#include "base/str.h"

#define REPLAY_VERSION 1
#define REPLAY_MAX_BYTES (UINT64_C(256) << 20) /* of a recording */
#define REPLAY_MAX_FILE 4095                   /* bytes of a name */

struct replay;

/* Names of files as numbers: of memory without a file, of a file that is not in the recording. */
#define REPLAY_NO_FILE 0
#define REPLAY_OTHER_FILE UINT32_MAX

struct replay_entry {
    uint64_t offset;
    uint32_t file;
    uint16_t tier; /* enum run_tier */
    uint16_t insns;
};

/* BTV_SYNTAX, with the line; BTV_LIMIT: too large; BTV_NOMEM. */
BTV_NODISCARD enum btv_status replay_parse(const char *text, size_t n, struct replay **out, struct btv_error *err);
void replay_free(struct replay *r);
uint32_t replay_count(const struct replay *r);
/* Entry i < count, in order of file, offset and tier. */
const struct replay_entry *replay_at(const struct replay *r, uint32_t i);
uint32_t replay_file(const struct replay *r, const char *name);
/* NULL for REPLAY_NO_FILE. */
const char *replay_file_name(const struct replay *r, uint32_t file);
/* NULL: not recorded. */
const struct replay_entry *replay_find(const struct replay *r, unsigned tier, uint32_t file, uint64_t offset);
/* Appends the line of an entry; file NULL or "": none. */
void replay_print(struct str *s, const struct replay_entry *e, const char *file);

/* The first line of a recording. */
void replay_print_head(struct str *s);

#endif

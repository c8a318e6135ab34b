/*
 * What the commands for people who look inside share: options, numbers, files, modules, programs.
 */
#ifndef BTV_CLI_TOOL_H
#define BTV_CLI_TOOL_H

#include "base/arena.h"
#include "cli/cli.h"
#include "guest/guest.h"
#include "image/elf.h"
#include "ir/ir.h"

enum { CLI_FAILURE = 1 };

/* -- options ----------------------------------------------------------------------------------------------- */

/* Walks argv[1..]: options and operands may mix; "--" ends the options. */
struct tool_args {
    const char *command; /* "btv dump", for messages */
    int argc;
    char **argv;
    int at;
    bool operands_only;
};

/*
 * At the option `name` ("--at", "-L"): steps over it and its argument (a word of its own, or after =) and stores the
 * argument.  False: something else stands here.  *value is NULL if the argument is missing.
 */
bool tool_option(struct tool_args *a, const char *name, const char **value);
/* The same for an option without argument. */
bool tool_flag(struct tool_args *a, const char *name);
/* The next operand; NULL: an option that nobody knew stands here, or the end. */
const char *tool_operand(struct tool_args *a);
/* What is wrong at the current word; returns CLI_USAGE. */
int tool_usage(const struct tool_args *a);
/* "COMMAND: text"; returns CLI_USAGE, CLI_FAILURE. */
int tool_misuse(const struct tool_args *a, const char *fmt, ...) BTV_PRINTF(2, 3);
int tool_fail(const struct tool_args *a, const char *fmt, ...) BTV_PRINTF(2, 3);

/* A whole number, decimal, 0x or negative. */
bool tool_number(const char *text, uint64_t *out);
/* Pairs of hexadecimal digits, blanks allowed, appended to out. */
bool tool_hex(const char *text, struct str *out);
/* Writes everything to standard output; CLI_FAILURE if that fails. */
int tool_print(const struct tool_args *a, const struct str *s);

/* -- files ------------------------------------------------------------------------------------------------- */

/* The whole file ("-": standard input) appended to out. */
BTV_NODISCARD enum btv_status tool_read_file(const char *path, struct str *out, struct btv_error *err);
BTV_NODISCARD enum btv_status tool_write_file(const char *path, const struct str *s, struct btv_error *err);

/* A module from text or bytes of the format, verified.  slots NULL: no guest. */
BTV_NODISCARD enum btv_status tool_parse_module(struct arena *a, const struct ir_slots *slots, const char *name, const struct str *bytes,
                                                struct ir_module *out, struct btv_error *err);
/* The guest of `--guest NAME`; "none" gives NULL.  False: unknown. */
bool tool_guest(const char *name, const struct guest_isa **out);

/* -- program.c: an executable looked at without running it ------------------------------------------------- */

struct program {
    struct str file;
    struct elf_image image;
    const struct guest_isa *guest;
    struct guest_code code; /* fetches executable bytes at link addresses */
};

/* *p is empty (program_close is allowed) on failure. */
BTV_NODISCARD enum btv_status program_open(const char *path, struct program *p, struct btv_error *err);
void program_close(struct program *p);
/* SYMBOL, SYMBOL+N or a number.  BTV_NOENT. */
BTV_NODISCARD enum btv_status program_address(const struct program *p, const char *where, uint64_t *out, struct btv_error *err);
/* Name and start of the function that holds pc; NULL: none known.  *size: 0 if unknown. */
const char *program_symbol(const struct program *p, uint64_t pc, uint64_t *start, uint64_t *size);
/* Link address of the byte at a file offset; false: not part of any segment. */
bool program_address_of_offset(const struct program *p, uint64_t offset, uint64_t *out);

#endif

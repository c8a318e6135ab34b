/*
 * --strace, between its files:
 *
 *   strace.c        a call from its entry to its result, signals, ends; which calls are shown
 *   strace_out.c    where the text goes: whole and interrupted lines, time stamps, files of -ff, counts
 *   strace_value.c  arguments and fields of structs by their kind: numbers, names, strings, arrays
 *   strace_type.c   the structs that need code; all others are rows of sysfields.def
 *
 * Several processes write to one place, so what they must agree on (whose line is not ended yet, the counts) is in memory that they
 * share.  Nothing here is entered unless --strace was given.
 */
#ifndef BTV_LINUX_STRACE_H
#define BTV_LINUX_STRACE_H

#include "linux/sys.h"

/* -- values ------------------------------------------------------------------------------------------------ */

/* What an argument or field is printed with. */
struct strace_view {
    struct str *s;
    const uint64_t *v;   /* the values that counts refer to: arguments of the call, or fields of the struct */
    const uint64_t *was; /* what the arguments pointed to before the call, NULL before it */
    unsigned index;      /* of the argument */
    int64_t ret;         /* result; 0 before the call */
    uint64_t left;       /* bytes that a read brought and that are not shown yet */
    bool after;          /* the call has been made */
};

/* A field of a struct: an argument with a name and a place. */
struct sys_field {
    struct sys_arg arg;
    uint16_t at, bytes;
    char name[28]; /* not a pointer: tables of those are relocated, page after page, whenever btv starts */
    uint64_t bits; /* of SYS_A_NONZERO: those that the field arg.count must have, or 0 */
};

/* A row of sysselect.def. */
struct sys_choice {
    uint8_t select; /* enum sys_select */
    uint64_t value;
    char name[44];
    struct sys_arg arg[6]; /* [0] is the result, then the arguments behind the one that selects */
};
const struct sys_choice *strace_choice(unsigned select, uint64_t value);
/* Where two numbers select: level and option. */
#define SYS_KEY(a, b) ((uint64_t)(a) << 32 | (uint32_t)(b))

void strace_add_value(struct strace_view *x, const struct sys_arg *arg, uint64_t value);
void strace_add_enum(struct str *s, unsigned vocab, uint64_t v);
void strace_add_flags(struct str *s, unsigned vocab, uint64_t v);
/* The name of a constant, or NULL. */
const char *strace_name(unsigned vocab, uint64_t v);
void strace_add_signal(struct str *s, uint64_t sig);
void strace_add_pointer(struct str *s, uint64_t v);
void strace_add_hex(struct str *s, uint64_t v);
void strace_add_fd(struct str *s, int fd);
void strace_add_sigset(struct str *s, uint64_t set);
void strace_add_mode(struct str *s, uint32_t mode);
/* A string of btv's own, in quotes. */
void strace_add_text(struct str *s, const char *text, size_t n);
/* len bytes at addr of which --strace-bytes many are shown. */
void strace_add_bytes(struct str *s, uint64_t addr, uint64_t len);
void strace_add_string(struct str *s, uint64_t addr);
/* One struct of `type` of which `len` bytes are there. */
void strace_add_struct(struct strace_view *x, unsigned type, uint64_t addr, uint64_t len);
void strace_add_array(struct strace_view *x, unsigned type, uint64_t addr, uint64_t count);
/* The fields of a struct that was read into raw; `addr` is where the guest has it. */
void strace_add_fields(struct strace_view *x, unsigned type, const unsigned char *raw, uint64_t addr, uint64_t len);
unsigned strace_type_bytes(unsigned type);

/* The structs that need code.  False: it cannot be read, and nothing was printed. */
typedef bool strace_type_fn(struct strace_view *x, uint64_t addr, uint64_t len);
#define FIELDS_own(name) strace_type_fn strace_type_##name;
#define FIELDS_rows(name)
#define FIELDS_none(name)
#define TYPE(name, bytes, printer, text) FIELDS_##printer(name)
#include "linux/systypes.def"
#undef TYPE
#undef FIELDS_own
#undef FIELDS_rows
#undef FIELDS_none
void strace_add_siginfo(struct str *s, const siginfo_t *info);
void strace_add_iov(struct strace_view *x, uint64_t addr, uint64_t count);
/* What waited for files has found: " ([{fd=3, revents=POLLIN}], left {...})". */
void strace_add_found(struct strace_view *x, const struct sys_row *row);

/* -- output ------------------------------------------------------------------------------------------------ */

enum strace_part {
    STRACE_WHOLE, /* a line */
    STRACE_OPEN,  /* the beginning of one */
    STRACE_REST,  /* the end of the one that this thread began */
};

/* A line's start: thread, time. */
void strace_prefix(const struct linux_process *p, struct str *s, pid_t tid);
/* Writes and frees the text; `name` is the call's when it is a rest. */
void strace_write(struct linux_process *p, pid_t tid, struct str *s, enum strace_part part, const char *name);
/* The thread writes no more. */
void strace_close(struct linux_thread *t);
uint64_t strace_clock_ns(const struct linux_process *p);
/* Adds one to the count of a call; row NULL: an unknown one. */
void strace_count(const struct linux_process *p, const struct sys_row *row, int64_t ret, uint64_t ns);

#endif

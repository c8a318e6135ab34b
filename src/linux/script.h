/*
 * "#!" scripts: how their first line changes the argument vector.  Rules of Linux's fs/binfmt_script.c.
 */
#ifndef BTV_LINUX_SCRIPT_H
#define BTV_LINUX_SCRIPT_H

#include "linux/loader.h"

/* Scripts whose interpreter is a script ...: as many as the kernel allows. */
#define LINUX_SCRIPT_DEPTH 5

struct linux_script {
    /* What replaces the guest's argv[0]: argv[first .. first + n); n is 0 when the program is no script. */
    char *argv[2 * LINUX_SCRIPT_DEPTH + 1];
    unsigned first, n;
    char text[LINUX_SCRIPT_DEPTH][2][LINUX_HEAD_BYTES]; /* interpreter and argument of each level */
    unsigned depth;
};

bool linux_script_is(const unsigned char *head, size_t n);
/* The #! line of a head: 0, or -ENOEXEC if it is not a usable one.  arg[0] == 0: no argument. */
int linux_script_parse(const unsigned char head[LINUX_HEAD_BYTES], char interp[LINUX_HEAD_BYTES], char arg[LINUX_HEAD_BYTES]);
/*
 * While *prog is a script, replaces it by its interpreter.  `name`: how the program was named; must outlive *out.
 * must_be_executable: interpreters are checked as execve does.  0 or -errno, then *prog still is to be closed.
 */
int64_t linux_script_resolve(struct linux_thread *t, struct linux_program *prog, const char *name, bool must_be_executable, struct linux_script *out);

#endif

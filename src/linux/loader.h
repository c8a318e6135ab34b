/*
 * Internal to loader.c, stack.c, exec.c and process.c: programs before and while they become a process.
 */
#ifndef BTV_LINUX_LOADER_H
#define BTV_LINUX_LOADER_H

#include <fcntl.h>
#include <limits.h>

#include "image/elf.h"
#include "linux/linux.h"

/* As the kernel's BINPRM_BUF_SIZE: what a #! line may use. */
#define LINUX_HEAD_BYTES 256

/* A file that execve or the command line named. */
struct linux_program {
    int fd;               /* O_RDONLY, close-on-exec */
    uint64_t size;
    char host[PATH_MAX];  /* as the host opens it */
    unsigned char head[LINUX_HEAD_BYTES]; /* zero-padded */
    size_t head_bytes;
};

/* What stack.c needs to know of a loaded program. */
struct linux_entry {
    uint64_t entry;       /* of the program, biased */
    uint64_t phdr;        /* biased; 0: not in memory */
    unsigned phnum;
    uint64_t base;        /* of the interpreter; 0: none */
    uint64_t start;       /* where execution starts */
    const char *execfn;
    int exec_fd;          /* AT_EXECFD or -1 */
};

/* Opens the program and reads its head; 0 or -errno.  flags: AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW. */
int linux_program_open(struct linux_thread *t, int dirfd, const char *guest_path, int flags, struct linux_program *out);
int linux_program_from_fd(int fd, struct linux_program *out); /* takes fd on success */
/* May the caller execute it?  0 or -errno. */
int64_t linux_program_check(const struct linux_program *prog);
void linux_program_close(struct linux_program *prog);
enum btv_status linux_program_parse(const struct linux_program *prog, const char *name, struct elf_image *out, struct btv_error *err);

/* Builds the initial stack in the mapped range that ends at `top`; the stack pointer, or 0 if it does not fit. */
uint64_t linux_stack_build(struct linux_process *p, uint64_t top, uint64_t bottom, char **argv, char **envp, const struct linux_entry *e);

/* The address-space layout: 0 when address randomisation is off. */
uint64_t linux_random_pages(unsigned bits);

/* The one environment variable by which execve hands itself over to the next btv-run. */
#define LINUX_EXEC_VARIABLE "BTV_EXEC"
/* Its value: options and the program, percent-escaped key=value pairs between semicolons. */
void linux_exec_encode(struct str *s, const struct linux_options *o, const char *guest_path, int fd, const char *execfn);
/* The reverse; strings live in *storage, which the caller frees when the process ends.  BTV_SYNTAX. */
BTV_NODISCARD enum btv_status linux_exec_decode(const char *text, struct linux_options *o, const char **guest_path, char **storage, struct btv_error *err);

#endif

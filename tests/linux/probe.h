/*
 * What the parts of the probe share: probe.c runs the table of probes, the other files hold them.
 *
 * A probe looks at one thing that a program can ask its kernel and says nothing, or calls TRACE with what a real kernel would
 * not have answered.  Built for the host, the same source says nothing either: that is the proof that a probe is fair.
 */
#ifndef BTV_TESTS_PROBE_H
#define BTV_TESTS_PROBE_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_BYTES (1u << 20)

struct probe {
    const char *name;
    void (*run)(void);
};
extern const struct probe probes_file[], probes_proc[], probes_mem[], probes_self[]; /* each ends with a NULL name */

/* One trace of an emulator: printed under the probe's number and name. */
void probe_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define TRACE(...) probe_trace(__VA_ARGS__)
/* A trace unless `cond` holds. */
#define WANT(cond, ...)           \
    do {                          \
        if (!(cond))              \
            TRACE(__VA_ARGS__);   \
    } while (0)

extern char probe_self[PATH_MAX];  /* this program's file, canonical */
extern char probe_dir[PATH_MAX];   /* a scratch folder */
extern char **probe_argv;
extern char probe_text[TEXT_BYTES]; /* what slurp read */
extern pid_t probe_other;          /* another program of the same kind, which waits */
extern unsigned long probe_stack_pointer; /* sp at the start: where argc is */

ssize_t slurp_fd(int fd); /* bytes in probe_text, closes fd; -1 */
ssize_t slurp(const char *path);
/* Does the text name the emulator or its host? The name that was found, or NULL. */
const char *names_emulator(const char *text, size_t n);
/* The n-th field of /proc/PID/stat in `text`, from 1. */
unsigned long stat_field(const char *text, unsigned n);
/* The number behind a key at the start of a line, "VmSize:"; -1: no such line. */
long long key_number(const char *text, const char *key);
/* Runs this program again as `role` with standard output in probe_text; the exit status or -1. */
int run_role(const char *path, char *const argv[]);

#define MAPS_MAX 512
struct map {
    unsigned long start, end, offset, inode;
    char perms[8], name[256];
};
/* The lines of probe_text that are headers of maps. */
unsigned parse_maps(const char *text, struct map out[MAPS_MAX]);
const struct map *map_at(const struct map *m, unsigned n, unsigned long addr);

#endif

/*
 * What a process has mapped, as guests see it: the region map behind a view, and the files printed from it.
 */
#ifndef BTV_LINUX_PROCMAPS_H
#define BTV_LINUX_PROCMAPS_H

#include "linux/proc.h"

/* What the host is told of the guest's protection, so that other processes can ask for it: see procmaps.c.  Best effort. */
void procmaps_mark(uint64_t start, uint64_t end, uint32_t prot);

/* The regions of the process at v->dir as its own btv has them.  v->high, v->vdso, v->start_brk and v->start_stack are set. */
BTV_NODISCARD enum btv_status procmaps_regions(const struct proc_view *v, struct mem_space **out, uint64_t *resident);

/* The guest's region that holds `at` or the first above it, without what of the stack has not been touched. */
bool procmaps_next(const struct proc_view *v, uint64_t at, struct mem_region *out);
/* The lowest address of the stack that was touched, of those in [start, end). */
uint64_t procmaps_stack_low(const char *dir, uint64_t start, uint64_t end);

/* False: the host's file could not be read, or memory ran out. */
bool procmaps_print(const struct proc_view *v, struct str *s);
bool procmaps_print_smaps(const struct proc_view *v, struct str *s);
bool procmaps_print_rollup(const struct proc_view *v, struct str *s);
bool procmaps_print_numa(const struct proc_view *v, struct str *s);

/* A guest mapping, and what decides whether a core file gets its contents. */
struct procmaps_region {
    uint64_t start, end, offset; /* offset: of the file */
    uint32_t prot, flags;        /* enum mem_prot, enum mem_flag */
    bool shared, dirty, dont_dump; /* dirty: it has pages of its own; dont_dump: madvise(2) */
    const char *name;
};
/* Each of them in order of address.  False: as above. */
bool procmaps_each(const struct proc_view *v, void (*fn)(void *ctx, const struct procmaps_region *r), void *ctx);

/* The name in the line of a host's maps file that holds addr; name has PATH_MAX bytes. */
bool procmaps_name_at(const char *maps, uint64_t addr, char *name);

/* engine_config.place: the file behind pc, as the host names it, or "[vdso]".  process: struct linux_process. */
void procmaps_place(void *process, uint64_t pc, struct engine_place *at);

#endif

/*
 * The guest address space of a process: which guest pages exist, with what protection.
 *
 * A guest address is a host address (constant offset zero).  This map is the guest's view: a page may be
 * readable and executable for the guest while the host mapping is only readable.  It decides instruction fetches,
 * answers /proc/self/maps, and finds free ranges.  Thread-safe: a reader-writer lock inside.
 */
#ifndef BTV_MEM_MEM_H
#define BTV_MEM_MEM_H

#include "base/defs.h"
#include "base/err.h"

enum mem_prot { MEM_R = 1, MEM_W = 2, MEM_X = 4 }; /* same numbers as PROT_* */

enum mem_flag {
    MEM_SHARED = 1 << 0,    /* MAP_SHARED */
    MEM_FILE = 1 << 1,      /* backed by a file */
    MEM_STACK = 1 << 2,     /* [stack] */
    MEM_HEAP = 1 << 3,      /* [heap], the brk area */
    MEM_VDSO = 1 << 4,      /* [vdso] */
    MEM_GROWSDOWN = 1 << 5,
    MEM_NODUMP = 1 << 8,    /* MADV_DONTDUMP: not for core files */
    MEM_NOFORK = 1 << 9,    /* MADV_DONTFORK: a child has it not */
    MEM_HOST = 1 << 6,      /* btv's own memory: not the guest's to use, see or change; prot is 0 */
    MEM_SEALED = 1 << 7,    /* mseal: may not be unmapped, moved or protected otherwise */
};

struct mem_region {
    uint64_t start, end; /* page-aligned, [start, end) */
    uint32_t prot;       /* enum mem_prot */
    uint32_t flags;      /* enum mem_flag */
};

struct mem_space;

/* lo, hi: guest addresses that guests may use, [lo, hi). */
BTV_NODISCARD enum btv_status mem_new(uint64_t lo, uint64_t hi, struct mem_space **out);
void mem_free(struct mem_space *m);
uint64_t mem_low(const struct mem_space *m);
uint64_t mem_high(const struct mem_space *m);

/* Records [start, end) as mapped so, replacing what was there.  Adjacent equal regions merge. BTV_NOMEM. */
BTV_NODISCARD enum btv_status mem_set(struct mem_space *m, uint64_t start, uint64_t end, uint32_t prot, uint32_t flags);
/* Changes the protection of the mapped parts of the range. *all_mapped: no hole in it. */
BTV_NODISCARD enum btv_status mem_protect(struct mem_space *m, uint64_t start, uint64_t end, uint32_t prot, bool *all_mapped);
BTV_NODISCARD enum btv_status mem_clear(struct mem_space *m, uint64_t start, uint64_t end);
/* The region holding addr, or the first one above it (*out untouched and false if none). */
bool mem_find(struct mem_space *m, uint64_t addr, struct mem_region *out);
/* The region that holds addr. */
bool mem_get(struct mem_space *m, uint64_t addr, struct mem_region *out);
/* Is all of [addr, addr + len) mapped with at least `prot`? */
bool mem_check(struct mem_space *m, uint64_t addr, uint64_t len, uint32_t prot);
/* Highest free range of len bytes below `below`; 0 if there is none. */
uint64_t mem_find_free(struct mem_space *m, uint64_t len, uint64_t align, uint64_t below);
/* Executable bytes that follow addr without a hole (at most max). 0: not executable. */
uint64_t mem_exec_span(struct mem_space *m, uint64_t addr, uint64_t max);

/* Around fork(): take the lock in the parent, release it in both. */
void mem_fork_lock(struct mem_space *m);
void mem_fork_unlock(struct mem_space *m);

static inline void *mem_host(uint64_t gva)
{
    return (void *)(uintptr_t)gva;
}

#endif

/*
 * Internal to mm.c and mmap.c: what they share of the guest's address space.
 */
#ifndef BTV_LINUX_MM_H
#define BTV_LINUX_MM_H

#include "linux/linux.h"

/* The largest piece [*start, *end) of [at, end) without btv's own memory; false when there is none. */
bool mm_next_piece(struct linux_process *p, uint64_t at, uint64_t limit, uint64_t *start, uint64_t *end);
/* Does btv's own memory, or anything, lie in [start, end)? */
bool mm_has_host(const struct linux_process *p, uint64_t start, uint64_t end);
bool mm_has_any(struct linux_process *p, uint64_t start, uint64_t end);
/* Is guest code in [start, end)? */
bool mm_has_code(struct linux_process *p, uint64_t start, uint64_t end);
bool mm_has_shared(struct linux_process *p, uint64_t start, uint64_t end);
/* With mm_lock held: does RLIMIT_DATA allow that protection? */
bool mm_may_protect(struct linux_process *p, uint64_t start, uint64_t end, uint32_t prot);
/* After a mapping or its protection has changed: tells other btv processes what the host does not know (procmaps_mark). */
void mm_mark(uint64_t start, uint64_t end, uint32_t prot, bool was_code);
/* What the host may know of a guest's protection: never executable, executable means readable. */
int mm_host_prot(uint32_t prot);
/* A free place for len bytes as the kernel would choose it; 0: none. */
uint64_t mm_place(struct linux_process *p, uint64_t hint, uint64_t len, uint64_t align, uint64_t below);
/* Bytes of the guest's mappings; flag: only those that have it, 0: all. */
uint64_t mm_mapped_bytes(struct linux_process *p, uint32_t flag);
/* The same without what of the stack was never touched: what the kernel would have mapped. */
uint64_t mm_used_bytes(struct linux_process *p);
/* With mm_lock held: do RLIMIT_AS and RLIMIT_DATA allow [start, end) with this protection and these flags (enum mem_flag)?
 * What is mapped there already is to be replaced. */
bool mm_may_map(struct linux_process *p, uint64_t start, uint64_t end, uint32_t prot, uint32_t flags);
/* Is part of [start, end) sealed? */
bool mm_sealed(struct linux_process *p, uint64_t start, uint64_t end);
/* New memory after mlockall(MCL_FUTURE); false: the limit forbids it. */
int mm_lock_flag(const struct linux_process *p); /* for mmap: MAP_LOCKED then, which fails when the limit forbids it */
bool mm_lock_new(struct linux_process *p, uint64_t start, uint64_t len);
/* In the child of a fork: what MADV_DONTFORK kept from it is not mapped there. */
void mm_forked(struct linux_process *p);
/* munmap with mm_lock held. */
int64_t mm_unmap(struct linux_process *p, uint64_t start, uint64_t end);

#endif

/*
 * io_uring: what mm.c tells it.
 */
#ifndef BTV_LINUX_URING_H
#define BTV_LINUX_URING_H

#include "linux/linux.h"

/* The guest has mapped part of the file fd, from offset off, at addr; it may be a ring. */
void uring_mapped(struct linux_process *p, int fd, uint64_t off, uint64_t addr);

#endif

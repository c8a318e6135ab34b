/*
 * Copies to and from memory that may fault; hostcall_<host>.c.  Callers check the range first.
 */
#ifndef BTV_LINUX_HOSTCALL_H
#define BTV_LINUX_HOSTCALL_H

#include "base/defs.h"

/* 0, or -1 after a fault; bytes before it may have been copied. */
long hostcall_copy(void *dst, const void *src, size_t n);
/* Copies up to and with the NUL: length without it; cap when the first cap bytes have none; -1 after a fault. */
long hostcall_copy_str(char *dst, const char *src, size_t cap);
/* Flag of the host's mmap that chooses an address low enough to be the guest's. */
extern const int hostcall_map_low;
/* For the host's handler of SIGSEGV and SIGBUS: true when the fault was in one of these and *uc now makes it return -1. */
bool linux_copy_fixup(void *uc);

#endif

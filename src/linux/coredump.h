/*
 * Core files of guest processes, in the guest's format.
 */
#ifndef BTV_LINUX_COREDUMP_H
#define BTV_LINUX_COREDUMP_H

#include "linux/linux.h"

/*
 * For the thread whose signal ends the process: stops the other threads and writes the file, if limits and core_pattern ask for one.
 * True: the host's kernel should dump the process too when it dies now, so that the exit status tells of it.
 */
bool linux_core_dump(struct linux_thread *t, const siginfo_t *info);
/* Where the other threads wait for the end. */
BTV_NORETURN void linux_core_park(struct linux_thread *t);

#endif

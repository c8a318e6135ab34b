/*
 * The guest's /proc/PID/maps and smaps: the host's, cut to guest memory.
 */
#ifndef BTV_LINUX_PROCMAPS_H
#define BTV_LINUX_PROCMAPS_H

#include "linux/linux.h"

/* False: the host's file could not be read, or memory ran out. */
bool procmaps_print(struct linux_process *p, struct str *s);
bool procmaps_print_smaps(struct linux_process *p, struct str *s);

/* The name in the line of a host's maps file that holds addr; name has PATH_MAX bytes. */
bool procmaps_name_at(const char *maps, uint64_t addr, char *name);

/* The whole of a host file, appended.  (proc.c) */
bool proc_read_host(const char *path, struct str *s);

#endif

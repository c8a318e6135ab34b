/*
 * Whole reads and writes: the host's calls may be interrupted, or do less than asked.
 */
#ifndef BTV_BASE_FILE_H
#define BTV_BASE_FILE_H

#include <sys/types.h>

#include "base/defs.h"

/* Up to n bytes, fewer only at the end of the file: how many, or -1 and errno. */
ssize_t file_pread(int fd, void *buf, size_t n, off_t offset);
/* All n bytes; false and errno. */
bool file_write(int fd, const void *buf, size_t n);

#endif

/*
 * The memory of guests by other ways than loads and stores (procmem.c).
 */
#ifndef BTV_LINUX_PROCMEM_H
#define BTV_LINUX_PROCMEM_H

#include "linux/sys.h"

struct iovec;

/* Where btv's own memory lies in a process that it runs. */
struct procmem {
    struct linux_process *own;            /* the caller's process, or NULL */
    uint64_t high, host_start, host_end;  /* of another: all above high, and between the other two */
};

/* pid: also one of a thread, 0 for the caller's process.  False: not a process that btv runs, or one that the caller may not look at. */
bool procmem_open(struct linux_thread *t, pid_t pid, struct procmem *m);
/* Is addr one of btv's?  *end: up to where the answer is the same. */
bool procmem_hides(const struct procmem *m, uint64_t addr, uint64_t *end);

/* A file of /proc was opened. */
void procmem_opened(const struct proc_where *w);
/* A descriptor came from another process; all that the process began with. */
void procmem_came(int fd);
void procmem_inherited(void);
/* Quick: has this process opened a file that procmem_serves knows? */
bool procmem_watched(void);
/* Makes a read or write if it is one of such a file.  False: it is another call, or one that the host may make as it is. */
bool procmem_serves(struct linux_thread *t, const struct sys_row *row, const uint64_t a[6], int64_t *ret);
/* ioctl(PAGEMAP_SCAN). */
int64_t procmem_scan(struct linux_thread *t, const uint64_t a[6]);
/* sys_copy_iov for vectors of addresses in the process. */
uint64_t procmem_copy_iov(struct linux_thread *t, const struct procmem *m, uint64_t iov, uint64_t count, struct iovec *out);

#endif

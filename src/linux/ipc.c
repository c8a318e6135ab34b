/*
 * System V inter-process communication: only what the host cannot be asked directly.
 *
 * shmat and shmdt change the address space and live in mm.c.  struct semid64_ds is laid out differently on x86-64; those of
 * message queues and shared memory are not.
 */
#include "linux/sys.h"

#include <errno.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <time.h>

#include "linux/sig.h"

#ifndef SEM_STAT_ANY
#define SEM_STAT_ANY 20
#endif

/* struct ipc64_perm is the same; the rest of struct semid64_ds follows. */
#define PERM_BYTES 48

struct generic_semid {
    unsigned char perm[PERM_BYTES];
    uint64_t otime, ctime, nsems, unused[2];
};

struct x86_semid {
    unsigned char perm[PERM_BYTES];
    uint64_t otime, unused1, ctime, unused2, nsems, unused[2];
};

/* Commands that use struct semid64_ds, for guests whose layout is the generic one. */
static int64_t semctl_generic(const uint64_t a[6])
{
    struct generic_semid g = {0};
    struct x86_semid x = {0};
    bool set = (int)a[2] == IPC_SET;
    if ((int)a[0] < 0)
        return -EINVAL;
    if (set) {
        if (!linux_copy_in(&g, a[3], sizeof g))
            return -EFAULT;
        memcpy(x.perm, g.perm, sizeof x.perm);
    }
    int64_t ret = linux_host_syscall(SYS_semctl, a[0], a[1], a[2], (uint64_t)(uintptr_t)&x, 0, 0);
    if (set || ret < 0)
        return ret;
    memcpy(g.perm, x.perm, sizeof g.perm);
    g.otime = x.otime;
    g.ctime = x.ctime;
    g.nsems = x.nsems;
    return linux_copy_out(a[3], &g, sizeof g) ? ret : -EFAULT;
}

int64_t linux_sys_semctl(struct linux_thread *t, const uint64_t a[6])
{
    uint64_t b[6];
    memcpy(b, a, sizeof b);
    switch ((int)a[2]) {
    case IPC_STAT:
    case SEM_STAT:
    case SEM_STAT_ANY:
    case IPC_SET:
        if (t->proc->abi->generic_table)
            return semctl_generic(a);
        BTV_FALLTHROUGH;
    case IPC_INFO:
    case SEM_INFO:
    case GETALL:
    case SETALL:
        b[3] = sys_pointer(t->proc, a[3], 1);
        BTV_FALLTHROUGH;
    default:
        return sys_host(SYS_semctl, b);
    }
}

static int64_t semop_for(struct linux_thread *t, const uint64_t a[3], const struct timespec *length, const struct timespec *end);

/* a: set, operations, their number, end in seconds and nanoseconds. */
static int64_t semop_until(struct linux_thread *t, const uint64_t a[6])
{
    const struct timespec end = {(time_t)a[3], (long)a[4]};
    struct timespec left;
    linux_time_left(CLOCK_MONOTONIC, &end, &left);
    return semop_for(t, a, &left, &end);
}

static int64_t semop_for(struct linux_thread *t, const uint64_t a[3], const struct timespec *length, const struct timespec *end)
{
    int64_t ret = linux_wait_syscall(t, SYS_semtimedop, a[0], a[1], a[2], (uint64_t)(uintptr_t)length, 0, 0);
    if (!linux_wait_broken(t, ret))
        return ret;
    return linux_restart_later(t, semop_until, (const uint64_t[6]){a[0], a[1], a[2], (uint64_t)end->tv_sec, (uint64_t)end->tv_nsec});
}

int64_t linux_sys_semtimedop(struct linux_thread *t, const uint64_t a[6])
{
    struct timespec length, end;
    if (!a[3])
        return sys_wait(t, SYS_semtimedop, a);
    if (!linux_copy_in(&length, a[3], sizeof length))
        return -EFAULT;
    if (!linux_time_end(CLOCK_MONOTONIC, &length, &end)) /* refused after the other arguments */
        return linux_host_syscall(SYS_semtimedop, a[0], a[1], a[2], (uint64_t)(uintptr_t)&length, 0, 0);
    return semop_for(t, a, &length, &end);
}

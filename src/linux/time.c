/*
 * Clocks and sleeping.  Timers and itimers are the host's: their signals arrive like any other.
 *
 * Clocks are read through libc, which asks the host's vDSO instead of the kernel.
 */
#include "linux/sys.h"

#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

int64_t linux_sys_clock_gettime(struct linux_thread *t, const uint64_t a[6])
{
    (void)t;
    struct timespec ts;
    if (clock_gettime((clockid_t)a[0], &ts) != 0)
        return -errno;
    return linux_copy_out(a[1], &ts, sizeof ts) ? 0 : -EFAULT;
}

int64_t linux_sys_gettimeofday(struct linux_thread *t, const uint64_t a[6])
{
    (void)t;
    if (a[1]) /* obsolete: the kernel's own time zone */
        return sys_host(SYS_gettimeofday, a);
    struct timeval tv;
    if (gettimeofday(&tv, NULL) != 0)
        return -errno;
    return !a[0] || linux_copy_out(a[0], &tv, sizeof tv) ? 0 : -EFAULT;
}

int64_t linux_sys_getcpu(struct linux_thread *t, const uint64_t a[6])
{
    (void)t;
    unsigned cpu, node;
    if (getcpu(&cpu, &node) != 0)
        return -errno;
    bool ok = (!a[0] || linux_copy_out(a[0], &cpu, sizeof cpu)) && (!a[1] || linux_copy_out(a[1], &node, sizeof node));
    return ok ? 0 : -EFAULT;
}

/* A sleep that a signal prevented from starting has all of its time left. */
static int64_t not_begun(int64_t ret, uint64_t request, uint64_t rest)
{
    struct timespec ts;
    if (ret == -LINUX_ERESTARTSYS && rest && (!linux_copy_in(&ts, request, sizeof ts) || !linux_copy_out(rest, &ts, sizeof ts)))
        return -EFAULT;
    return ret;
}

int64_t linux_sys_nanosleep(struct linux_thread *t, const uint64_t a[6])
{
    return not_begun(sys_wait(t, SYS_nanosleep, a), a[0], a[1]);
}

int64_t linux_sys_clock_nanosleep(struct linux_thread *t, const uint64_t a[6])
{
    return not_begun(sys_wait(t, SYS_clock_nanosleep, a), a[2], a[1] & TIMER_ABSTIME ? 0 : a[3]);
}

/* Interrupted waits are continued by making the same call again, so nothing is ever left for this one. */
int64_t linux_sys_restart_syscall(struct linux_thread *t, const uint64_t a[6])
{
    (void)t;
    (void)a;
    return -EINTR;
}

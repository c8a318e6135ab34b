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

#include "linux/sig.h"

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

/* -- waits with a length ------------------------------------------------------------------------------------- */

#define NS_PER_S 1000000000

bool linux_time_end(clockid_t clock, const struct timespec *length, struct timespec *end)
{
    if (length->tv_sec < 0 || length->tv_nsec < 0 || length->tv_nsec >= NS_PER_S || clock_gettime(clock, end))
        return false;
    end->tv_nsec += length->tv_nsec;
    if (__builtin_add_overflow(end->tv_sec, length->tv_sec + end->tv_nsec / NS_PER_S, &end->tv_sec))
        end->tv_sec = INT64_MAX;
    end->tv_nsec %= NS_PER_S;
    return true;
}

void linux_time_left(clockid_t clock, const struct timespec *end, struct timespec *left)
{
    struct timespec now = {0};
    clock_gettime(clock, &now);
    *left = (struct timespec){end->tv_sec - now.tv_sec, end->tv_nsec - now.tv_nsec};
    if (left->tv_nsec < 0) {
        left->tv_nsec += NS_PER_S;
        left->tv_sec--;
    }
    if (left->tv_sec < 0)
        *left = (struct timespec){0};
}

bool linux_wait_broken(const struct linux_thread *t, int64_t ret)
{
    return (ret == -EINTR && !linux_wait_undisturbed(t)) || ret == -LINUX_ERESTARTSYS;
}

/* a: clock, end in seconds and nanoseconds, where to store what is left. */
static int64_t sleep_until(struct linux_thread *t, const uint64_t a[6])
{
    struct timespec end = {(time_t)a[1], (long)a[2]}, left;
    int64_t ret = linux_wait_syscall(t, SYS_clock_nanosleep, a[0], TIMER_ABSTIME, (uint64_t)(uintptr_t)&end, 0, 0, 0);
    if (!linux_wait_broken(t, ret))
        return ret;
    linux_time_left((clockid_t)a[0], &end, &left);
    if (a[3] && !linux_copy_out(a[3], &left, sizeof left))
        return -EFAULT;
    return linux_restart_later(t, sleep_until, a);
}

/* A relative sleep that returned `ret` with `left` to go, if it was interrupted. */
static int64_t sleep_begun(struct linux_thread *t, clockid_t clock, int64_t ret, const struct timespec *left, uint64_t rest)
{
    struct timespec end;
    if (!linux_wait_broken(t, ret))
        return ret;
    if (!linux_time_end(clock, left, &end))
        return -EINVAL;
    if (rest && !linux_copy_out(rest, left, sizeof *left))
        return -EFAULT;
    return linux_restart_later(t, sleep_until, (const uint64_t[6]){(uint64_t)clock, (uint64_t)end.tv_sec, (uint64_t)end.tv_nsec, rest});
}

int64_t linux_sys_nanosleep(struct linux_thread *t, const uint64_t a[6])
{
    struct timespec left = {0};
    int64_t ret = linux_wait_syscall(t, SYS_nanosleep, a[0], (uint64_t)(uintptr_t)&left, 0, 0, 0, 0);
    return sleep_begun(t, CLOCK_MONOTONIC, ret, &left, a[1]);
}

int64_t linux_sys_clock_nanosleep(struct linux_thread *t, const uint64_t a[6])
{
    struct timespec left = {0};
    clockid_t clock = (clockid_t)a[0] == CLOCK_REALTIME ? CLOCK_MONOTONIC : (clockid_t)a[0]; /* a length does not follow the wall clock */
    if (a[1] & TIMER_ABSTIME)
        return sys_wait(t, SYS_clock_nanosleep, a);
    int64_t ret = linux_wait_syscall(t, SYS_clock_nanosleep, a[0], a[1], a[2], (uint64_t)(uintptr_t)&left, 0, 0);
    return sleep_begun(t, clock, ret, &left, a[3]);
}

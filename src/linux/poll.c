/*
 * Waiting for files: poll, select and epoll, with their temporary signal masks (protocol in sig.h) and with struct epoll_event,
 * which is packed on x86-64 alone.
 *
 * ppoll and pselect6 write what is left of their timeout to guest memory whenever they are interrupted, so making
 * the call again continues it.
 */
#include "linux/sys.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>

#include "linux/sig.h"

#define SIGSET_BYTES 8
#define EVENTS_LIMIT (INT_MAX / sizeof(struct epoll_event)) /* EP_MAX_EVENTS */
#define EVENTS_MAX 256 /* results of one epoll_wait: fewer than asked for is allowed */

/* A temporary mask for one host call. */
struct temp_mask {
    bool present;            /* and good */
    uint64_t host;           /* what the host's call gets */
    uint64_t pointer, bytes; /* its arguments */
};

/* The mask at addr.  One that is wrong is passed on as it is, for the kernel to refuse in its turn among the other arguments. */
static void mask_get(struct linux_thread *t, uint64_t addr, uint64_t bytes, struct temp_mask *m)
{
    uint64_t guest;
    *m = (struct temp_mask){.pointer = addr, .bytes = bytes};
    if (!addr || bytes != SIGSET_BYTES)
        return;
    m->present = linux_copy_in(&guest, addr, sizeof guest);
    if (m->present)
        m->host = linux_temp_mask(t, guest);
    m->pointer = m->present ? (uint64_t)(uintptr_t)&m->host : SYS_HOLE;
}

/* All of these calls fail with EINTR once a handler has run. */
static int64_t mask_done(struct linux_thread *t, const struct temp_mask *m, int64_t ret)
{
    if ((ret == -EINTR && !linux_wait_undisturbed(t)) || ret == -LINUX_ERESTARTSYS)
        ret = -LINUX_ERESTARTNOHAND;
    return m->present ? linux_temp_mask_done(t, ret) : ret;
}

int64_t linux_sys_poll(struct linux_thread *t, const uint64_t a[6])
{
    return sys_wait(t, SYS_poll, a);
}

int64_t linux_sys_ppoll(struct linux_thread *t, const uint64_t a[6])
{
    struct temp_mask m;
    mask_get(t, a[3], a[4], &m);
    return mask_done(t, &m, linux_wait_syscall(t, SYS_ppoll, a[0], a[1], a[2], m.pointer, m.bytes, 0));
}

int64_t linux_sys_select(struct linux_thread *t, const uint64_t a[6])
{
    return sys_wait(t, SYS_select, a);
}

int64_t linux_sys_pselect6(struct linux_thread *t, const uint64_t a[6])
{
    uint64_t pair[2] = {0, 0}; /* address and size of the mask */
    struct temp_mask m;
    if (a[5] && !linux_copy_in(pair, a[5], sizeof pair))
        return -EFAULT; /* the first thing that the kernel looks at */
    mask_get(t, pair[0], pair[1], &m);
    uint64_t host_pair[2] = {m.pointer, m.bytes};
    return mask_done(t, &m, linux_wait_syscall(t, SYS_pselect6, a[0], a[1], a[2], a[3], a[4], (uint64_t)(uintptr_t)host_pair));
}

int64_t linux_sys_io_pgetevents(struct linux_thread *t, const uint64_t a[6])
{
    uint64_t pair[2] = {0, 0}; /* as of pselect6 */
    struct temp_mask m;
    if (a[5] && !linux_copy_in(pair, a[5], sizeof pair))
        return -EFAULT;
    mask_get(t, pair[0], pair[1], &m);
    uint64_t host_pair[2] = {m.pointer, m.bytes};
    return mask_done(t, &m, linux_wait_syscall(t, SYS_io_pgetevents, a[0], a[1], a[2], a[3], a[4], (uint64_t)(uintptr_t)host_pair));
}

/* -- epoll ------------------------------------------------------------------------------------------------- */

/* struct epoll_event everywhere but on x86-64, where there is no padding. */
struct generic_event {
    uint32_t events, pad;
    uint64_t data;
};

int64_t linux_sys_epoll_ctl(struct linux_thread *t, const uint64_t a[6])
{
    struct generic_event ge;
    struct epoll_event he;
    if (!t->proc->abi->generic_table || !a[3] || (int)a[1] == EPOLL_CTL_DEL)
        return sys_host(SYS_epoll_ctl, a);
    if (!linux_copy_in(&ge, a[3], sizeof ge))
        return -EFAULT;
    he.events = ge.events;
    he.data.u64 = ge.data;
    return linux_host_syscall(SYS_epoll_ctl, a[0], a[1], a[2], (uint64_t)(uintptr_t)&he, 0, 0);
}

static int64_t put_events(const struct linux_thread *t, uint64_t addr, const struct epoll_event *he, int64_t n)
{
    struct generic_event ge[EVENTS_MAX];
    if (!t->proc->abi->generic_table)
        return linux_copy_out(addr, he, (size_t)n * sizeof *he) ? n : -EFAULT;
    for (int64_t i = 0; i < n; i++)
        ge[i] = (struct generic_event){.events = he[i].events, .data = he[i].data.u64};
    return linux_copy_out(addr, ge, (size_t)n * sizeof *ge) ? n : -EFAULT;
}

/* The length of a wait: milliseconds (none or negative: for ever), or a struct timespec where nr is epoll_pwait2. */
static bool epoll_end(long nr, uint64_t timeout, struct timespec *end)
{
    struct timespec length;
    if (nr == SYS_epoll_pwait2 ? !timeout || !linux_copy_in(&length, timeout, sizeof length) : (int)timeout <= 0)
        return false;
    if (nr != SYS_epoll_pwait2)
        length = (struct timespec){(int)timeout / 1000, (int)timeout % 1000 * 1000000l};
    return linux_time_end(CLOCK_MONOTONIC, &length, end);
}

static int64_t epoll_common(struct linux_thread *t, long nr, const uint64_t a[6], uint64_t mask, uint64_t mask_bytes);

/* a: descriptor, events, their number, end in seconds and nanoseconds, mask. */
static int64_t epoll_until(struct linux_thread *t, const uint64_t a[6])
{
    const struct timespec end = {(time_t)a[3], (long)a[4]};
    struct timespec left;
    linux_time_left(CLOCK_MONOTONIC, &end, &left);
    int64_t ms = left.tv_sec * 1000 + (left.tv_nsec + 999999) / 1000000;
    return epoll_common(t, SYS_epoll_pwait, (const uint64_t[6]){a[0], a[1], a[2], (uint64_t)(ms < INT32_MAX ? ms : INT32_MAX)}, a[5], SIGSET_BYTES);
}

static int64_t epoll_common(struct linux_thread *t, long nr, const uint64_t a[6], uint64_t mask, uint64_t mask_bytes)
{
    struct epoll_event he[EVENTS_MAX];
    struct timespec end;
    struct temp_mask m;
    int max = (int)a[2];
    mask_get(t, mask, mask_bytes, &m);
    if (max > EVENTS_MAX && (uint64_t)max <= EVENTS_LIMIT) /* more than that is refused */
        max = EVENTS_MAX;
    bool ends = epoll_end(nr, a[3], &end);
    int64_t ret = linux_wait_syscall(t, nr, a[0], (uint64_t)(uintptr_t)he, (uint64_t)max, a[3], m.pointer, m.bytes);
    if (ends && linux_wait_broken(t, ret))
        ret = linux_restart_later(t, epoll_until, (const uint64_t[6]){a[0], a[1], a[2], (uint64_t)end.tv_sec, (uint64_t)end.tv_nsec, mask});
    ret = mask_done(t, &m, ret);
    return ret > 0 ? put_events(t, a[1], he, ret) : ret;
}

int64_t linux_sys_epoll_wait(struct linux_thread *t, const uint64_t a[6])
{
    return epoll_common(t, SYS_epoll_pwait, a, 0, 0);
}

int64_t linux_sys_epoll_pwait(struct linux_thread *t, const uint64_t a[6])
{
    return epoll_common(t, SYS_epoll_pwait, a, a[4], a[5]);
}

int64_t linux_sys_epoll_pwait2(struct linux_thread *t, const uint64_t a[6])
{
    return epoll_common(t, SYS_epoll_pwait2, a, a[4], a[5]);
}

/*
 * perf_event_open: counting software events (page faults, context switches, clocks ...), which the host counts for guest threads.
 *
 * There is no PMU, as on a machine whose processor has none: ENOENT.  Samples would carry addresses of btv's code, so events that
 * sample or record mappings are refused as by a PMU that cannot interrupt: EOPNOTSUPP.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>

#include "linux/sys.h"

#define ATTR_MAX_BYTES 4096 /* a larger struct is E2BIG */

int64_t linux_sys_perf_event_open(struct linux_thread *t, const uint64_t a[6])
{
    struct perf_event_attr attr;
    memset(&attr, 0, sizeof attr);
    if (!linux_copy_in(&attr, a[0], PERF_ATTR_SIZE_VER0))
        return -EFAULT;
    if (attr.size <= ATTR_MAX_BYTES && !sys_inside(t->proc, a[0], attr.size))
        return -EFAULT;
    if (attr.type != PERF_TYPE_SOFTWARE)
        return -ENOENT;
    if (attr.sample_period || attr.freq || attr.mmap || attr.mmap_data || attr.mmap2)
        return -EOPNOTSUPP;
    return sys_host(SYS_perf_event_open, a);
}

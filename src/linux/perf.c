/*
 * perf_event_open: counting software events (page faults, context switches, clocks ...), which the host counts for guest threads.
 *
 * There is no PMU, as on a machine whose processor has none: ENOENT.  Samples would carry addresses of btv's code, so events that
 * sample or record mappings are refused as by a PMU that cannot interrupt: EOPNOTSUPP.  A kernel comes to both last (kernel/events/core.c), so
 * the host judges the rest of such a call, on an event that counts nothing.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

#include "linux/sys.h"

int64_t linux_sys_perf_event_open(struct linux_thread *t, const uint64_t a[6])
{
    union {
        struct perf_event_attr attr;
        char bytes[GUEST_PAGE_SIZE]; /* a larger struct is E2BIG */
    } copy;
    uint64_t b[6] = {(uint64_t)(uintptr_t)&copy, a[1], a[2], a[3], a[4], 0};
    const size_t size_at = offsetof(struct perf_event_attr, size);
    uint32_t size;
    memset(&copy, 0, sizeof copy);
    if (!linux_copy_in(&size, a[0] + size_at, sizeof size) ||
        !linux_copy_in(&copy, a[0], size == 0 ? PERF_ATTR_SIZE_VER0 : size < sizeof copy ? size : sizeof copy.attr.type)) {
        b[0] = sys_pointer(t->proc, a[0], sizeof copy);
        return sys_host(SYS_perf_event_open, b); /* fails */
    }
    copy.attr.size = size; /* what was judged is what is used */
    int64_t wrong = copy.attr.type != PERF_TYPE_SOFTWARE ? -ENOENT
                    : copy.attr.sample_period || copy.attr.freq || copy.attr.mmap || copy.attr.mmap_data || copy.attr.mmap2 ? -EOPNOTSUPP : 0;
    if (wrong) {
        copy.attr.type = PERF_TYPE_SOFTWARE;
        copy.attr.config = PERF_COUNT_SW_DUMMY;
    }
    int64_t r = sys_host(SYS_perf_event_open, b);
    if (r == -E2BIG) /* the size that the kernel knows */
        return linux_copy_out(a[0] + size_at, &copy.attr.size, sizeof copy.attr.size) ? r : -EFAULT;
    if (r < 0 || !wrong)
        return r;
    linux_host_syscall(SYS_close, (uint64_t)r, 0, 0, 0, 0, 0);
    return wrong;
}

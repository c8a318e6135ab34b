/*
 * Memory calls beside mapping: locking, sealing, remap_file_pages, membarrier.
 *
 * mlockall concerns the guest's memory only: the host's call would lock btv's caches as well, and count them against the
 * guest's limit.  MCL_FUTURE is therefore kept in the process and applied by mmap and brk.  Seals are known to p->mem, so
 * that a refused change is refused before anything is forgotten.
 */
#include "linux/mm.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "linux/procmaps.h"
#include "linux/sys.h"

#ifndef SYS_mseal /* in libc since 2.40 */
#define SYS_mseal 462
#endif
#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif

/* -- mlockall ---------------------------------------------------------------------------------------------- */

/* Does the limit allow to lock all of the guest's memory? 0 or -errno. */
static int64_t may_lock_all(struct linux_process *p, bool current)
{
    uint64_t lim[2] = {0, 0};
    if (linux_capable(CAP_IPC_LOCK))
        return 0;
    linux_host_syscall(SYS_prlimit64, 0, RLIMIT_MEMLOCK, 0, (uint64_t)(uintptr_t)lim, 0, 0);
    return !lim[0] ? -EPERM : current && mm_used_bytes(p) > lim[0] ? -ENOMEM : 0;
}

int64_t linux_sys_mlockall(struct linux_thread *t, const uint64_t a[6])
{
    struct linux_process *p = t->proc;
    struct mem_region r;
    int flags = (int)a[0];
    if (!flags || flags == MCL_ONFAULT || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)))
        return -EINVAL;
    int64_t ret = may_lock_all(p, flags & MCL_CURRENT);
    if (ret < 0)
        return ret;
    pthread_mutex_lock(&p->mm_lock);
    p->mlock_future = flags & MCL_FUTURE ? flags & (MCL_FUTURE | MCL_ONFAULT) : 0;
    for (uint64_t at = 0; (flags & MCL_CURRENT) && mem_find(p->mem, at, &r); at = r.end) {
        if (r.flags & MEM_HOST)
            continue;
        /* the stack is mapped whole: only what was touched exists for the guest; errors to populate are ignored, as by the kernel */
        uint64_t from = r.flags & MEM_STACK ? procmaps_stack_low("/proc/thread-self", r.start, r.end) : r.start;
        linux_host_syscall(SYS_mlock2, from, r.end - from, flags & MCL_ONFAULT ? MLOCK_ONFAULT : 0, 0, 0, 0);
    }
    pthread_mutex_unlock(&p->mm_lock);
    return 0;
}

int64_t linux_sys_munlockall(struct linux_thread *t, const uint64_t a[6])
{
    (void)a;
    t->proc->mlock_future = 0;
    return linux_host_syscall(SYS_munlockall, 0, 0, 0, 0, 0, 0); /* btv locks nothing of its own */
}

int mm_lock_flag(const struct linux_process *p)
{
    return p->mlock_future == MCL_FUTURE ? MAP_LOCKED : 0;
}

bool mm_lock_new(struct linux_process *p, uint64_t start, uint64_t len)
{
    if (BTV_LIKELY(!p->mlock_future))
        return true;
    int64_t r = linux_host_syscall(SYS_mlock2, start, len, p->mlock_future & MCL_ONFAULT ? MLOCK_ONFAULT : 0, 0, 0, 0);
    return r != -EAGAIN && r != -EPERM;
}

/* -- mseal ------------------------------------------------------------------------------------------------- */

bool mm_sealed(struct linux_process *p, uint64_t start, uint64_t end)
{
    struct mem_region r;
    for (uint64_t at = start; at < end && mem_find(p->mem, at, &r) && r.start < end; at = r.end)
        if (r.flags & MEM_SEALED)
            return true;
    return false;
}

int64_t linux_sys_mseal(struct linux_thread *t, const uint64_t a[6])
{
    struct linux_process *p = t->proc;
    uint64_t start = a[0], end = start + ALIGN_UP(a[1], GUEST_PAGE_SIZE);
    struct mem_region r;
    pthread_mutex_lock(&p->mm_lock);
    int64_t ret = linux_host_syscall(SYS_mseal, a[0], a[1], a[2], 0, 0, 0); /* judges the arguments and holes */
    for (uint64_t at = start; ret == 0 && at < end && mem_find(p->mem, at, &r) && r.start < end; at = r.end) {
        uint64_t from = r.start > start ? r.start : start, to = r.end < end ? r.end : end;
        if (mem_set(p->mem, from, to, r.prot, r.flags | MEM_SEALED) != BTV_OK)
            ret = -ENOMEM;
    }
    pthread_mutex_unlock(&p->mm_lock);
    return ret;
}

/* -- remap_file_pages -------------------------------------------------------------------------------------- */

/* Other pages of the file that is mapped shared there: the protection stays. */
int64_t linux_sys_remap_file_pages(struct linux_thread *t, const uint64_t a[6])
{
    struct linux_process *p = t->proc;
    uint64_t start = ALIGN_DOWN(a[0], GUEST_PAGE_SIZE), len = ALIGN_DOWN(a[1], GUEST_PAGE_SIZE);
    if (!len || !sys_inside(p, start, len))
        return -EINVAL;
    pthread_mutex_lock(&p->mm_lock);
    int64_t ret = linux_host_syscall(SYS_remap_file_pages, a[0], a[1], a[2], a[3], a[4], 0);
    if (mm_has_code(p, start, start + len))
        engine_invalidate(p->engine, start, start + len);
    pthread_mutex_unlock(&p->mm_lock);
    return ret;
}

/* -- membarrier -------------------------------------------------------------------------------------------- */

#ifndef MEMBARRIER_CMD_GET_REGISTRATIONS
#define MEMBARRIER_CMD_GET_REGISTRATIONS (1 << 9)
#endif

/*
 * The host's barriers hold for guest threads, which are its threads.  Restartable sequences are not offered (rseq).  That the engine may have
 * registered for one kind (code_sync) is not to be seen.
 */
int64_t linux_sys_membarrier(struct linux_thread *t, const uint64_t a[6])
{
    const int rseq = MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ;
    const int register_sync = MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE;
    int command = (int)a[0];
    if (command & rseq)
        return -EINVAL;
    if (command == MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE && !a[1] && !t->proc->sync_core)
        return -EPERM;
    int64_t ret = sys_host(SYS_membarrier, a);
    if (command == MEMBARRIER_CMD_QUERY && ret > 0)
        return ret & ~(int64_t)rseq;
    if (command == MEMBARRIER_CMD_GET_REGISTRATIONS && ret > 0 && !t->proc->sync_core)
        return ret & ~(int64_t)register_sync;
    if (command == register_sync && ret == 0)
        t->proc->sync_core = true;
    if (ret == 0 && command == MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE)
        engine_isync(t->proc->engine);
    return ret;
}

/*
 * Changes of existing guest mappings: mprotect, mremap, madvise, process_madvise.  Invariants: mm.c.
 */
#include "linux/procmem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "linux/mm.h"
#include "linux/sys.h"

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#define MADV_COLLAPSE_ 25 /* since Linux 6.1 */
#define PROT_SEM_ 0x8 /* asm-generic/mman-common.h: meaningless since 2.5 but accepted */

/* -- mprotect ---------------------------------------------------------------------------------------------- */

/* First hole at or after start, at most end; btv's own memory is a hole. */
static uint64_t first_hole(struct linux_process *p, uint64_t start, uint64_t end)
{
    struct mem_region r;
    while (start < end && mem_get(p->mem, start, &r) && !(r.flags & MEM_HOST))
        start = r.end;
    return start < end ? start : end;
}

/* What PR_SET_MDWE forbids: writable code, and code where none was (include/linux/mman.h: map_deny_write_exec). */
static bool gains_execution(const struct linux_process *p, uint64_t start, uint64_t end, uint32_t prot)
{
    struct mem_region r;
    for (uint64_t at = start; (prot & MEM_X) && at < end && mem_find(p->mem, at, &r) && r.start < end; at = r.end)
        if ((prot & MEM_W) || !(r.prot & MEM_X))
            return true;
    return false;
}

static int64_t protect_locked(struct linux_process *p, uint64_t start, uint64_t end, uint32_t prot)
{
    uint64_t stop = first_hole(p, start, end);
    if (mm_sealed(p, start, stop))
        return -EPERM;
    if (BTV_UNLIKELY(p->mdwe) && gains_execution(p, start, stop, prot))
        return -EACCES;
    struct mem_region before;
    bool all, code = mm_has_code(p, start, stop);
    if (!mm_may_protect(p, start, stop, prot))
        return -ENOMEM;
    if ((prot & MEM_W) && mm_has_shared(p, start, stop))
        engine_share(p->engine);
    if (start < stop) {
        bool single = mem_get(p->mem, start, &before) && before.end >= stop;
        if (code) {
            if (mem_protect(p->mem, start, stop, prot, &all) != BTV_OK)
                return -ENOMEM;
            engine_invalidate(p->engine, start, stop);
        }
        int64_t r = linux_host_syscall(SYS_mprotect, start, stop - start, (uint64_t)mm_host_prot(prot), 0, 0, 0);
        if (r < 0) {
            if (code && single && mem_protect(p->mem, start, stop, before.prot, &all) != BTV_OK)
                return -ENOMEM;
            return r;
        }
        if (!code && mem_protect(p->mem, start, stop, prot, &all) != BTV_OK)
            return -ENOMEM;
        mm_mark(start, stop, prot, code);
    }
    return stop < end ? -ENOMEM : 0;
}

static int64_t protect(struct linux_process *p, uint64_t start, uint64_t len, uint64_t prot)
{
    const uint64_t grows = PROT_GROWSDOWN | PROT_GROWSUP;
    if ((prot & grows) == grows || (start & ~GUEST_PAGE_MASK))
        return -EINVAL;
    if (!len)
        return 0;
    uint64_t end = start + ALIGN_UP(len, GUEST_PAGE_SIZE);
    if (end <= start)
        return -ENOMEM;
    if (prot & ~(grows | PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM_))
        return -EINVAL;
    if (start < mem_low(p->mem) || end > mem_high(p->mem))
        return -ENOMEM;
    pthread_mutex_lock(&p->mm_lock);
    int64_t r = 0;
    struct mem_region reg;
    TRACE(mem, "protect 0x%llx-0x%llx: %llu", (unsigned long long)start, (unsigned long long)end, (unsigned long long)prot);
    if (prot & grows) {
        bool found = mem_find(p->mem, start, &reg) && !(reg.flags & MEM_HOST) && reg.start < end;
        if (!found)
            r = -ENOMEM;
        else if (!(prot & PROT_GROWSDOWN) || !(reg.flags & MEM_GROWSDOWN))
            r = -EINVAL;
        else
            start = reg.start;
    }
    if (r == 0)
        r = protect_locked(p, start, end, (uint32_t)prot & (MEM_R | MEM_W | MEM_X));
    pthread_mutex_unlock(&p->mm_lock);
    return r;
}

int64_t linux_sys_mprotect(struct linux_thread *t, const uint64_t a[6])
{
    return protect(t->proc, a[0], a[1], a[2]);
}

/* -- mremap ------------------------------------------------------------------------------------------------ */

/* Gives [to, to + new_len) the attributes of [from, from + len), the last of them to what exceeds len. */
static enum btv_status copy_regions(struct linux_process *p, uint64_t from, uint64_t len, uint64_t to, uint64_t new_len)
{
    struct mem_region r = {0};
    enum btv_status st = BTV_OK;
    uint64_t end = from + len;
    for (uint64_t at = from; st == BTV_OK && at < end && mem_find(p->mem, at, &r) && r.start < end; at = r.end) {
        uint64_t s = r.start > from ? r.start : from, e = r.end < end ? r.end : end;
        if (e == end && new_len > len)
            e = from + new_len;
        st = mem_set(p->mem, to + (s - from), to + (e - from), r.prot, r.flags & ~(uint32_t)(MEM_HEAP | MEM_STACK));
    }
    return st;
}

struct remap {
    uint64_t old, old_len, new_len, flags, new_addr;
};

/* In place: shrinking, or growing into free space.  -ENOMEM: only moving helps. */
static int64_t remap_in_place(struct linux_process *p, const struct remap *q)
{
    struct mem_region last;
    uint64_t old_end = q->old + q->old_len, end = q->old + q->new_len;
    if (q->new_len > q->old_len) {
        if (q->new_len > mem_high(p->mem) - q->old || mm_has_any(p, old_end, end))
            return -ENOMEM;
    } else if (q->new_len < q->old_len && mm_has_code(p, end, old_end)) {
        if (mem_clear(p->mem, end, old_end) != BTV_OK)
            return -ENOMEM;
        engine_invalidate(p->engine, end, old_end);
    }
    int64_t r = linux_host_syscall(SYS_mremap, q->old, q->old_len, q->new_len, 0, 0, 0);
    if (r < 0)
        return r;
    enum btv_status st = BTV_OK;
    if (q->new_len < q->old_len)
        st = mem_clear(p->mem, end, old_end);
    else if (q->new_len > q->old_len && mem_get(p->mem, old_end - 1, &last))
        st = mem_set(p->mem, old_end, end, last.prot, last.flags);
    return st == BTV_OK ? r : -ENOMEM;
}

static int64_t remap_move(struct linux_process *p, const struct remap *q)
{
    uint64_t to = q->new_addr, old_end = q->old + q->old_len;
    if (!(q->flags & MREMAP_FIXED)) {
        uint64_t align = q->new_len >= (2u << 20) && !(q->old & ((2u << 20) - 1)) ? 2u << 20 : GUEST_PAGE_SIZE;
        to = mm_place(p, (q->flags & MREMAP_DONTUNMAP) ? q->new_addr : 0, q->new_len, align, p->mmap_base);
        if (!to)
            return -ENOMEM;
    }
    bool code = (q->old_len && mm_has_code(p, q->old, old_end)) || mm_has_code(p, to, to + q->new_len);
    bool keeps = (q->flags & MREMAP_DONTUNMAP) || !q->old_len;
    int64_t r = linux_host_syscall(SYS_mremap, q->old, q->old_len, q->new_len, q->flags | MREMAP_FIXED | MREMAP_MAYMOVE, to, 0);
    if (r < 0)
        return r;
    uint64_t kept = q->old_len < q->new_len ? q->old_len : q->new_len;
    enum btv_status st = mem_clear(p->mem, to, to + q->new_len);
    if (st == BTV_OK)
        st = copy_regions(p, q->old, kept ? kept : GUEST_PAGE_SIZE, to, q->new_len);
    if (st == BTV_OK && !keeps)
        st = mem_clear(p->mem, q->old, old_end);
    if (code) {
        engine_invalidate(p->engine, to, to + q->new_len);
        if (q->old_len)
            engine_invalidate(p->engine, q->old, old_end);
    }
    return st == BTV_OK ? r : -ENOMEM;
}

int64_t linux_sys_mremap(struct linux_thread *t, const uint64_t a[6])
{
    struct linux_process *p = t->proc;
    struct remap q = {a[0], ALIGN_UP(a[1], GUEST_PAGE_SIZE), ALIGN_UP(a[2], GUEST_PAGE_SIZE), a[3], a[4]};
    uint64_t high = mem_high(p->mem);
    if (q.flags & ~(uint64_t)(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP))
        return -EINVAL;
    if ((q.flags & MREMAP_FIXED) && !(q.flags & MREMAP_MAYMOVE))
        return -EINVAL;
    if ((q.flags & MREMAP_DONTUNMAP) && (!(q.flags & MREMAP_MAYMOVE) || q.old_len != q.new_len))
        return -EINVAL;
    if ((q.old & ~GUEST_PAGE_MASK) || !q.new_len)
        return -EINVAL;
    if (q.flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) {
        if ((q.new_addr & ~GUEST_PAGE_MASK) || q.new_len > high || q.new_addr > high - q.new_len)
            return -EINVAL;
        if ((q.flags & MREMAP_FIXED) && q.new_addr < mem_low(p->mem))
            return -EPERM;
        if (q.old < q.new_addr + q.new_len && q.new_addr < q.old + q.old_len)
            return -EINVAL;
    }
    if (q.new_len > high)
        return -ENOMEM;
    if (q.old < mem_low(p->mem) || q.old >= high || q.old_len > high - q.old)
        return -EFAULT;
    pthread_mutex_lock(&p->mm_lock);
    int64_t r = -ENOMEM;
    uint64_t span = q.old_len ? q.old_len : GUEST_PAGE_SIZE;
    if (q.old_len > q.new_len && !mm_has_host(p, q.old, q.old + q.old_len))
        span = q.new_len; /* what is cut off may have holes */
    struct mem_region reg;
    if (first_hole(p, q.old, q.old + span) < q.old + span)
        r = -EFAULT;
    else if (q.new_len > q.old_len && mem_get(p->mem, q.old, &reg) && !mm_may_map(p, q.old, q.old + q.new_len, reg.prot, reg.flags))
        r = -ENOMEM;
    else if (mm_sealed(p, q.old, q.old + span) || ((q.flags & MREMAP_FIXED) && mm_sealed(p, q.new_addr, q.new_addr + q.new_len)))
        r = -EPERM;
    else if ((q.flags & MREMAP_FIXED) && mm_has_host(p, q.new_addr, q.new_addr + q.new_len))
        r = -ENOMEM;
    else {
        if (q.old_len && !(q.flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)))
            r = remap_in_place(p, &q);
        if (r == -ENOMEM && (q.flags & MREMAP_MAYMOVE))
            r = remap_move(p, &q);
        else if (!q.old_len && !(q.flags & MREMAP_MAYMOVE))
            r = -EINVAL;
    }
    TRACE(mem, "remap 0x%llx-0x%llx, now %llu bytes: 0x%llx", (unsigned long long)q.old, (unsigned long long)(q.old + q.old_len),
          (unsigned long long)q.new_len, (unsigned long long)r);
    pthread_mutex_unlock(&p->mm_lock);
    return r;
}

/* -- madvise ----------------------------------------------------------------------------------------------- */

/* Advice after which the bytes may be others. */
static bool changes_bytes(int advice)
{
    return advice == MADV_DONTNEED || advice == MADV_DONTNEED_LOCKED || advice == MADV_FREE || advice == MADV_REMOVE;
}

/* Advice that is noted in the regions it concerns: with which flag, set or cleared. */
static uint32_t noted(int advice, bool *set)
{
    *set = advice == MADV_DONTDUMP || advice == MADV_DONTFORK;
    return advice == MADV_DONTDUMP || advice == MADV_DODUMP ? MEM_NODUMP : advice == MADV_DONTFORK || advice == MADV_DOFORK ? MEM_NOFORK : 0;
}

/* Gives the guest's regions the flag, or takes it.  With mm_lock held; false: out of memory. */
static bool note(struct linux_process *p, uint64_t start, uint64_t end, uint32_t flag, bool set)
{
    struct mem_region r;
    for (uint64_t at = start; at < end && mem_find(p->mem, at, &r) && r.start < end; at = r.end) {
        uint64_t from = r.start > at ? r.start : at;
        r.end = r.end < end ? r.end : end;
        if (r.flags & MEM_HOST)
            continue;
        uint32_t flags = set ? r.flags | flag : r.flags & ~flag;
        if (flags != r.flags && mem_set(p->mem, from, r.end, r.prot, flags) != BTV_OK)
            return false;
    }
    return true;
}

int64_t linux_sys_madvise(struct linux_thread *t, const uint64_t a[6])
{
    struct linux_process *p = t->proc;
    uint64_t start = a[0], len = a[1], from, to;
    int advice = (int)a[2];
    if ((start & ~GUEST_PAGE_MASK) || len > UINT64_MAX - GUEST_PAGE_SIZE)
        return -EINVAL;
    uint64_t end = start + ALIGN_UP(len, GUEST_PAGE_SIZE);
    if (end < start)
        return -EINVAL;
    if (end == start || start < mem_low(p->mem) || end > mem_high(p->mem)) {
        /* No page of the guest's range concerned: only the advice's number is judged. */
        int64_t known = linux_host_syscall(SYS_madvise, start & 0, 0, a[2], 0, 0, 0);
        return known < 0 ? known : end == start ? 0 : -ENOMEM;
    }
    pthread_mutex_lock(&p->mm_lock);
    int64_t r = 0;
    bool holes = false;
    uint64_t at = start;
    for (; mm_next_piece(p, at, end, &from, &to); at = to) {
        holes = holes || from != at;
        /* whether a page is dumped is for the guest's dumps alone; the host's flag means something else (mm_mark) */
        bool set, dump = noted(advice, &set) == MEM_NODUMP;
        r = dump ? 0 : linux_host_syscall(SYS_madvise, from, to - from, a[2], 0, 0, 0);
        holes = holes || (dump && first_hole(p, from, to) < to);
        if (noted(advice, &set) && (r == 0 || r == -ENOMEM) && !note(p, from, to, noted(advice, &set), set)) {
            r = -EAGAIN;
            break;
        }
        p->nofork = p->nofork || advice == MADV_DONTFORK;
        TRACE(mem, "advise 0x%llx-0x%llx: %d", (unsigned long long)from, (unsigned long long)to, advice);
        if (changes_bytes(advice) && mm_has_code(p, from, to))
            engine_invalidate(p->engine, from, to);
        holes = holes || r == -ENOMEM;
        if (r < 0 && r != -ENOMEM)
            break;
    }
    holes = holes || at < end; /* btv's memory lies at the end */
    pthread_mutex_unlock(&p->mm_lock);
    return r < 0 ? r : holes ? -ENOMEM : 0;
}

void mm_forked(struct linux_process *p)
{
    struct mem_region r;
    for (uint64_t at = 0; p->nofork && mem_find(p->mem, at, &r); at = r.end) {
        if (!(r.flags & MEM_NOFORK))
            continue;
        if (mem_clear(p->mem, r.start, r.end) != BTV_OK)
            return; /* it stays, as memory that faults */
        if (r.prot & MEM_X)
            engine_invalidate(p->engine, r.start, r.end);
    }
}

/* -- process_madvise --------------------------------------------------------------------------------------- */

/* The process of a pidfd, or 0: it is none. */
static int pid_of(int fd)
{
    char path[48];
    struct str s = STR_INIT;
    snprintf(path, sizeof path, "/proc/thread-self/fdinfo/%d", fd);
    const char *line = proc_read_host(path, &s) ? strstr(str_get(&s), "\nPid:") : NULL;
    int pid = line ? atoi(line + sizeof "\nPid:" - 1) : 0;
    str_free(&s);
    return pid;
}

/* Advice of which another process's memory may be the subject (mm/madvise.c: process_madvise_remote_valid); it changes no bytes. */
static bool is_remote_advice(int advice)
{
    return advice == MADV_COLD || advice == MADV_PAGEOUT || advice == MADV_WILLNEED || advice == MADV_COLLAPSE_;
}

/* All other advice for the caller's own memory, as Linux has it since 6.13. */
static int64_t advise_own(struct linux_thread *t, const struct iovec *v, uint64_t n, uint64_t advice)
{
    int64_t done = 0;
    for (uint64_t i = 0; i < n; i++) {
        int64_t r = linux_sys_madvise(t, (const uint64_t[6]){(uint64_t)(uintptr_t)v[i].iov_base, v[i].iov_len, advice});
        if (r < 0)
            return done ? done : r;
        done += (int64_t)v[i].iov_len;
    }
    return done;
}

int64_t linux_sys_process_madvise(struct linux_thread *t, const uint64_t a[6])
{
    struct iovec v[UIO_MAXIOV], host[UIO_MAXIOV];
    struct procmem m;
    uint64_t b[6] = {a[0], sys_pointer(t->proc, a[1], 1), a[2], a[3], a[4], 0}, end;
    if (!a[2] || a[2] > UIO_MAXIOV || !linux_copy_in(v, a[1], a[2] * sizeof v[0]))
        return sys_host(SYS_process_madvise, b);
    int pid = pid_of((int)a[0]);
    bool guest = pid > 0 && procmem_open(t, pid, &m);
    for (uint64_t i = 0; i < a[2]; i++) { /* like a span: what is not all the guest's has a hole, and so has the first page */
        uint64_t start = (uint64_t)(uintptr_t)v[i].iov_base;
        host[i] = v[i];
        if (guest && v[i].iov_len <= SYS_USER_END - start && start < SYS_USER_END && (procmem_hides(&m, start, &end) || end - start < v[i].iov_len))
            host[i].iov_base = mem_host(start & ~GUEST_PAGE_MASK);
    }
    b[1] = (uint64_t)(uintptr_t)host;
    if (!guest || !m.own || is_remote_advice((int)a[3]))
        return sys_host(SYS_process_madvise, b);
    for (uint64_t i = 0; i < a[2]; i++) /* judged with ranges of no length */
        host[i].iov_len = host[i].iov_len > SYS_USER_END - (uint64_t)(uintptr_t)host[i].iov_base ? host[i].iov_len : 0;
    int64_t r = sys_host(SYS_process_madvise, b);
    return r < 0 ? r : advise_own(t, v, a[2], a[3]);
}

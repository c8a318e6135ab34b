/*
 * Futexes and robust lists.  Guest addresses are host addresses, so the host's kernel does the work; it also keeps the
 * guest's robust list (btv itself has no robust mutexes) and uses it if the thread is killed.  When a thread ends by
 * exit(2) the list is handled here, before its stack can be reused by the guest.
 *
 * References: kernel/futex/core.c: exit_robust_list, handle_futex_death; Documentation/locking/robust-futex-ABI.rst.
 */
#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "linux/sig.h"
#include "linux/sys.h"
#include "linux/thread.h"

#ifndef SYS_futex_requeue /* in libc since 2.39 */
#define SYS_futex_requeue 456
#endif

#define ROBUST_HEAD_BYTES 24 /* struct robust_list_head: list, futex_offset, list_op_pending */
#define ROBUST_LIMIT 2048    /* ROBUST_LIST_LIMIT: the list may be circular in a bad way */
#define ENTRY_PI UINT64_C(1) /* bit 0 of an entry's address: a PI futex */

/* a: address, operation, value, end in seconds and nanoseconds: FUTEX_WAIT with a length that has become an end. */
static int64_t wait_until(struct linux_thread *t, const uint64_t a[6])
{
    struct timespec end = {(time_t)a[3], (long)a[4]};
    uint64_t op = (a[1] & ~(uint64_t)FUTEX_CMD_MASK) | FUTEX_WAIT_BITSET;
    int64_t r = linux_wait_syscall(t, SYS_futex, a[0], op, a[2], (uint64_t)(uintptr_t)&end, 0, FUTEX_BITSET_MATCH_ANY);
    return linux_wait_broken(t, r) ? linux_restart_later(t, wait_until, a) : r;
}

static int64_t wait_for(struct linux_thread *t, const uint64_t a[6])
{
    struct timespec length, end;
    if (!linux_copy_in(&length, a[3], sizeof length))
        return -EFAULT;
    if (!linux_time_end(a[1] & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC, &length, &end))
        return -EINVAL;
    int64_t r = sys_wait(t, SYS_futex, a);
    if (!linux_wait_broken(t, r))
        return r;
    const uint64_t until[6] = {a[0], a[1], a[2], (uint64_t)end.tv_sec, (uint64_t)end.tv_nsec};
    return linux_restart_later(t, wait_until, until);
}

/* The pointers that are pointers for some operations only: the end or length of a wait, and the second futex. */
static void check_pointers(const struct linux_process *p, unsigned op, uint64_t a[6])
{
    switch (op) {
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE:
    case FUTEX_CMP_REQUEUE_PI:
    case FUTEX_WAKE_OP: /* a[3] is a number */
        a[4] = sys_pointer(p, a[4], sizeof(uint32_t));
        break;
    case FUTEX_WAIT_REQUEUE_PI:
        a[4] = sys_pointer(p, a[4], sizeof(uint32_t));
        BTV_FALLTHROUGH;
    default:
        a[3] = sys_pointer(p, a[3], sizeof(struct timespec));
        break;
    }
}

int64_t linux_sys_futex(struct linux_thread *t, const uint64_t args[6])
{
    int64_t r;
    uint64_t a[6];
    unsigned op = (unsigned)args[1] & (unsigned)FUTEX_CMD_MASK;
    memcpy(a, args, sizeof a);
    check_pointers(t->proc, op, a);
    switch (op) {
    case FUTEX_WAIT:
        return a[3] ? wait_for(t, a) : sys_wait(t, SYS_futex, a);
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
    case FUTEX_WAIT_REQUEUE_PI: /* ERESTARTNOINTR in kernel/futex/pi.c and requeue.c: SA_RESTART or not */
        r = sys_wait(t, SYS_futex, a);
        return r == -LINUX_ERESTARTSYS ? -LINUX_ERESTARTNOINTR : r;
    default:
        return sys_wait(t, SYS_futex, a);
    }
}

/* Of those in the array, which is copied so that nobody changes it after the check. */
#define WAITV_MAX 128
struct waitv {
    uint64_t value, addr;
    uint32_t flags, reserved;
};

/* The array of `n` to give to the host in the place of the guest's: the copy, or the guest's own where the kernel will refuse it. */
static uint64_t check_waitv(const struct linux_process *p, uint64_t guest, size_t n, struct waitv *copy)
{
    if (!linux_copy_in(copy, guest, n * sizeof *copy))
        return guest;
    for (size_t i = 0; i < n; i++)
        copy[i].addr = sys_pointer(p, copy[i].addr, sizeof(uint32_t));
    return (uint64_t)(uintptr_t)copy;
}

int64_t linux_sys_futex_waitv(struct linux_thread *t, const uint64_t a[6])
{
    struct waitv copy[WAITV_MAX];
    uint32_t n = (uint32_t)a[1];
    uint64_t array = n <= WAITV_MAX ? check_waitv(t->proc, a[0], n, copy) : a[0];
    return linux_wait_syscall(t, SYS_futex_waitv, a[0] ? array : 0, n, a[2], a[3], a[4], 0);
}

int64_t linux_sys_futex_requeue(struct linux_thread *t, const uint64_t a[6])
{
    struct waitv copy[2];
    return linux_host_syscall(SYS_futex_requeue, check_waitv(t->proc, a[0], ARRAY_LEN(copy), copy), a[1], a[2], a[3], 0, 0);
}

int64_t linux_sys_set_robust_list(struct linux_thread *t, const uint64_t a[6])
{
    int64_t r = linux_host_syscall(SYS_set_robust_list, a[0], a[1], 0, 0, 0, 0);
    if (!r) {
        t->robust_list = a[0];
        t->robust_len = a[1];
    }
    return r;
}

int64_t linux_sys_get_robust_list(struct linux_thread *t, const uint64_t a[6])
{
    (void)t;
    return linux_host_syscall(SYS_get_robust_list, a[0], a[1], a[2], 0, 0, 0);
}

void linux_robust_reset(struct linux_thread *t)
{
    t->robust_list = 0;
    linux_host_syscall(SYS_set_robust_list, 0, ROBUST_HEAD_BYTES, 0, 0, 0, 0);
}

static void wake_one(uint64_t addr, int op)
{
    linux_host_syscall(SYS_futex, addr, (uint64_t)op, 1, 0, 0, 0);
}

void linux_clear_tid(uint64_t addr)
{
    const uint32_t zero = 0;
    if (addr && linux_copy_out(addr, &zero, sizeof zero))
        wake_one(addr, FUTEX_WAKE);
}

/* One lock word: if this thread owns it, FUTEX_OWNER_DIED replaces the owner. */
static void owner_died(struct linux_thread *t, uint64_t addr, bool pi, bool pending)
{
    uint32_t old;
    if ((addr & 3) || !mem_check(t->proc->mem, addr, sizeof old, MEM_R | MEM_W) || !linux_copy_in(&old, addr, sizeof old))
        return;
    if (pending && !pi && !old) { /* unlocked, but the waiter not yet woken */
        wake_one(addr, FUTEX_WAKE);
        return;
    }
    _Atomic uint32_t *word = mem_host(addr);
    do {
        if ((old & FUTEX_TID_MASK) != (uint32_t)t->tid)
            return;
    } while (!atomic_compare_exchange_weak(word, &old, (old & FUTEX_WAITERS) | FUTEX_OWNER_DIED));
    if (!pi && (old & FUTEX_WAITERS)) /* waiters of PI futexes are the kernel's: it knows when the task ends */
        wake_one(addr, FUTEX_WAKE);
}

void linux_robust_exit(struct linux_thread *t)
{
    uint64_t head[3], next, entry;
    if (!t->robust_list || !linux_copy_in(head, t->robust_list, sizeof head))
        goto out;
    for (unsigned i = 0; i < ROBUST_LIMIT; i++) {
        entry = head[0] & ~ENTRY_PI;
        if (entry == t->robust_list)
            break;
        bool pi = head[0] & ENTRY_PI, more = linux_copy_in(&next, entry, sizeof next);
        if (entry != (head[2] & ~ENTRY_PI)) /* the pending one may be in the list already: once is enough */
            owner_died(t, entry + head[1], pi, false);
        if (!more)
            break;
        head[0] = next;
    }
    if (head[2] & ~ENTRY_PI)
        owner_died(t, (head[2] & ~ENTRY_PI) + head[1], head[2] & ENTRY_PI, true);
out:
    linux_robust_reset(t);
}

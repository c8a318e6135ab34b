/*
 * Futexes and robust lists.  Guest addresses are host addresses, so the host's kernel does the work; it also keeps the
 * guest's robust list (btv itself has no robust mutexes) and uses it if the thread is killed.  When a thread ends by
 * exit(2) the list is handled here, before its stack can be reused by the guest.
 *
 * References: kernel/futex/core.c: exit_robust_list, handle_futex_death; Documentation/locking/robust-futex-ABI.rst.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#include "linux/sys.h"
#include "linux/thread.h"

#define ROBUST_HEAD_BYTES 24 /* struct robust_list_head: list, futex_offset, list_op_pending */
#define ROBUST_LIMIT 2048    /* ROBUST_LIST_LIMIT: the list may be circular in a bad way */
#define ENTRY_PI UINT64_C(1) /* bit 0 of an entry's address: a PI futex */

int64_t linux_sys_futex(struct linux_thread *t, const uint64_t a[6])
{
    return linux_wait_syscall(t, SYS_futex, a[0], a[1], a[2], a[3], a[4], a[5]);
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

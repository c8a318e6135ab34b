/*
 * Threads and processes: what thread.c, clone.c and futex.c share.
 */
#ifndef BTV_LINUX_THREAD_H
#define BTV_LINUX_THREAD_H

#include "linux/linux.h"

/* The guest registers of `from`, for a new thread or process; no reservation. */
void linux_thread_copy_cpu(struct linux_thread *t, const struct linux_thread *from);
/* linux_thread_new in pieces: on any host thread, NULL when there is no memory; on the one that will run it; and linux_thread_link. */
struct linux_thread *linux_thread_make(struct linux_process *p);
void linux_thread_begin(struct linux_thread *t);
/* Adds to or removes from the process' list. */
void linux_thread_link(struct linux_thread *t);
void linux_thread_unlink(struct linux_thread *t);
/* Threads of this process on the host: those of the guest, of btv, and those on their way out.  0: not known. */
unsigned linux_host_threads(void);
#define LINUX_SETTLE_MS 200 /* so long at most, somebody waits for the last of these */
/* The calling thread ends without returning to its pthread. */
BTV_NORETURN void linux_thread_exit(int code);

/* What the kernel does with the robust list of a thread that ends: marks its locks and wakes a waiter of each. */
void linux_robust_exit(struct linux_thread *t);
/* The host's kernel forgets the list: a new thread has none. */
void linux_robust_reset(struct linux_thread *t);
/* CLONE_CHILD_CLEARTID: zero at the address, and one waiter woken. */
void linux_clear_tid(uint64_t addr);

#endif

/*
 * Signals: what thread.c, the ABI files and handlers of waiting system calls share with signal.c.
 *
 * Temporary masks (ppoll, pselect6, epoll_pwait, rt_sigsuspend, ...).  The handler passes the mask on to the host's own
 * call, so that the kernel swaps it atomically with the wait:
 *
 *     uint64_t host = linux_temp_mask(t, guest_mask);                     mask of the host for that guest mask
 *     r = linux_wait_syscall(t, SYS_ppoll, fds, n, ts, &host, 8, 0);
 *     return linux_temp_mask_done(t, r);
 *
 * After an interrupted call the thread's mask is the temporary one and saved_mask the one from before, as in the kernel,
 * until linux_signal_deliver has pushed a frame (which restores saved_mask) or found nothing to do.  A call without a mask
 * argument needs neither function.
 */
#ifndef BTV_LINUX_SIG_H
#define BTV_LINUX_SIG_H

#include "linux/linux.h"

#define LINUX_ERESTARTNOINTR 513 /* internal, beside those of linux.h: always restart */

#define LINUX_SIGBIT(sig) (UINT64_C(1) << ((sig)-1))

/* Kernel's flags of struct sigaction and sigaltstack; the generic ABIs and x86-64 agree. */
#define LINUX_SA_NOCLDSTOP UINT64_C(0x00000001)
#define LINUX_SA_NOCLDWAIT UINT64_C(0x00000002)
#define LINUX_SA_SIGINFO UINT64_C(0x00000004)
#define LINUX_SA_EXPOSE_TAGBITS UINT64_C(0x00000800)
#define LINUX_SA_RESTORER UINT64_C(0x04000000)
#define LINUX_SA_ONSTACK UINT64_C(0x08000000)
#define LINUX_SA_RESTART UINT64_C(0x10000000)
#define LINUX_SA_NODEFER UINT64_C(0x40000000)
#define LINUX_SA_RESETHAND UINT64_C(0x80000000)
#define LINUX_SS_ONSTACK 1u
#define LINUX_SS_DISABLE 2u
#define LINUX_SS_AUTODISARM 0x80000000u

/* See above.  Never fail. */
uint64_t linux_temp_mask(struct linux_thread *t, uint64_t guest_mask);
int64_t linux_temp_mask_done(struct linux_thread *t, int64_t result);

/* Blocks every signal of the calling host thread but those of faults / returns to what the guest's mask asks for. */
void linux_signal_block_all(void);
/* The same with the signals of faults: nothing is touched that may fault, and none of them may be taken on this host thread. */
void linux_signal_block_faults_too(void);
void linux_signal_unblock(struct linux_thread *t);
/* The mask of the calling host thread, all 64 signals. */
uint64_t linux_host_mask(void);

/* Stack pointer to build a frame from: the alternate stack if sa asks for it and the thread is not on it. */
uint64_t linux_altstack_sp(const struct linux_thread *t, uint64_t sp, uint64_t sa_flags);
bool linux_on_altstack(const struct linux_thread *t, uint64_t sp);
/* The restoring half of sigreturn: errors are ignored, as in the kernel. */
void linux_altstack_restore(struct linux_thread *t, const struct linux_altstack *alt, uint64_t sp);

/* True if the wait just made ended without a signal for btv: -EINTR then came from a stop and continue, and is the guest's result. */
bool linux_wait_undisturbed(const struct linux_thread *t);
/*
 * For calls with a relative timeout, after an interruption: when no handler runs, restart_syscall(2) calls fn with these arguments,
 * which name the end of the wait rather than its length.  Returns what the interrupted call is to return.
 */
int64_t linux_restart_later(struct linux_thread *t, int64_t (*fn)(struct linux_thread *t, const uint64_t a[6]), const uint64_t a[6]);

/* Was the wait that returned `ret` begun, and interrupted for btv? */
bool linux_wait_broken(const struct linux_thread *t, int64_t ret);
/* When a wait of that length that begins now ends; false: no kernel accepts the length.  And what is left until then, 0 at the least. */
bool linux_time_end(clockid_t clock, const struct timespec *length, struct timespec *end);
void linux_time_left(clockid_t clock, const struct timespec *end, struct timespec *left);

/* Remembers that the call just made must not be restarted whatever its result looks like (sigreturn). */
void linux_signal_no_restart(struct linux_thread *t);
/* Around a system call: what is needed to make it again. */
void linux_signal_syscall_begin(struct linux_thread *t);
void linux_signal_syscall_end(struct linux_thread *t);

/* A new thread or process copied from `from`: alternate stack, mask; nothing pending. */
void linux_signal_thread_copy(struct linux_thread *t, const struct linux_thread *from);
/* In a child process that has one thread: handlers are still installed; pending signals are not inherited. */
void linux_signal_fork_child(struct linux_thread *t);
/* On a new host thread: the host's C library takes signal 33 for its own setuid(2) when it creates its first thread. */
void linux_signal_take_back(struct linux_process *p);
/* A table of its own with one user, a copy of *from unless that is NULL, which nobody may change meanwhile; NULL: out of memory. */
struct linux_sighand *linux_sighand_new(const struct linux_sighand *from);
struct linux_sighand *linux_sighand_share(struct linux_sighand *s);
void linux_sighand_drop(struct linux_sighand *s);
/* Installs all of the guest's actions on the host. */
void linux_signal_mirror_all(struct linux_process *p);
/* CLONE_CLEAR_SIGHAND: handlers become the default. */
void linux_signal_clear_handlers(struct linux_process *p);
/* After an execve that failed although linux_signal_exec_reset was called. */
void linux_signal_exec_failed(struct linux_process *p);

/* -- wait_<host>.c: the few lines that depend on the host's instruction set --------------------------------- */
/*
 * Makes host call `nr` unless *queued & deliverable is not 0 or a signal comes just before: then -LINUX_ERESTARTNOINTR.  -LINUX_ERESTARTSYS: a signal
 * interrupted it and the kernel would restart it.
 */
int64_t linux_wait_stub(long nr, const uint64_t args[6], const _Atomic uint64_t *queued, uint64_t deliverable);
/* Sets the host mask to *mask = base | (*queued & async), with no signal getting queued in between. */
void linux_mask_stub(uint64_t base, const _Atomic uint64_t *queued, uint64_t async, uint64_t *mask);
/* Called by the host handler: moves the interrupted pc out of the window of the two stubs. */
void linux_stub_fixup(void *uc);
/* Was the signal raised by the instruction that uc shows?  Not: sent, nor that of a child or a descriptor, whose si_code is positive too. */
bool linux_is_fault(const siginfo_t *info, const void *uc);
/* Return address of host signal handlers: rt_sigreturn. */
void linux_host_restorer(void);
/* Flags that the host's struct sigaction needs beside the portable ones. */
extern const uint64_t linux_host_sa_flags;

#endif

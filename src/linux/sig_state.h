/*
 * The private state of a thread's signals, shared by signal.c, sigshared.c, sigcalls.c, coredump.c and procview.c only.
 */
#ifndef BTV_LINUX_SIG_STATE_H
#define BTV_LINUX_SIG_STATE_H

#include "linux/sig.h"

/* Signals that stay unblocked on the host: a fault of translated code must reach the engine. */
#define SYNC_SIGNALS \
    (LINUX_SIGBIT(SIGSEGV) | LINUX_SIGBIT(SIGBUS) | LINUX_SIGBIT(SIGILL) | LINUX_SIGBIT(SIGFPE) | LINUX_SIGBIT(SIGTRAP))
/* Signals whose default action is a core file: btv writes it, so the host's default must not come first. */
#define CORE_SIGNALS \
    (SYNC_SIGNALS | LINUX_SIGBIT(SIGQUIT) | LINUX_SIGBIT(SIGABRT) | LINUX_SIGBIT(SIGSYS) | LINUX_SIGBIT(SIGXCPU) | LINUX_SIGBIT(SIGXFSZ))

/* Allocated with the host's alternate stack behind it. Written by the host handler of the owning thread. */
struct signal_state {
    size_t bytes;                   /* of the mapping that starts here */
    siginfo_t info[LINUX_NSIG + 1]; /* valid where linux_thread.queued has the bit */
    uint64_t host_mask;             /* as the host has it */
    uint64_t temp_mask;             /* guest's, while temp_active */
    bool temp_active;
    _Atomic uint64_t wait_set;      /* of sigtimedwait, while it waits */
    uint32_t taken, taken_before;   /* signals of the host handler; when the last wait began */
    _Atomic bool parked;            /* rests while another thread writes a core file */
    bool in_exec;                   /* signals are for the next program */
    bool in_call, no_restart;       /* the registers are those of a call just made; it must not be restarted */
    uint64_t call_nr, call_arg0;    /* what the call overwrote */
    int64_t (*restart)(struct linux_thread *t, const uint64_t a[6]); /* linux_restart_later */
    uint64_t restart_arg[6];
};

/*
 * sigshared.c: synchronous signals sent to the process wait in linux_process, where every thread finds them.  is_shared, share, for the host handler: does
 * t not want what it got, and is it for the process; then it waits, unless one does already, as in the kernel.  take: one of `set`, or 0.  offer: those that
 * another thread than t wants at once are sent to it.
 */
bool linux_signal_is_shared(const struct linux_thread *t, int sig, int code);
void linux_signal_share(struct linux_process *p, int sig, const siginfo_t *info);
int linux_signal_take_shared(struct linux_process *p, uint64_t set, siginfo_t *info);
void linux_signal_offer_shared(struct linux_thread *t);
void linux_signal_set_mask(struct linux_thread *t, uint64_t mask);
/* Installs on the host what the guest's action for sig asks for.  Call with p->sighand->lock held. */
void linux_signal_mirror_action(const struct linux_process *p, int sig);
bool linux_signal_default_ignored(int sig);
/*
 * A process may queue itself a signal with any code (rt_sigqueueinfo(2)).  One that claims to be a fault of the processor travels
 * with its code made negative, so that the host handler never takes it for a fault of btv.  unmark: for what arrived.
 */
bool linux_signal_needs_mark(int sig, int code);
void linux_signal_mark(siginfo_t *info);
void linux_signal_unmark(int sig, siginfo_t *info);

#endif

/*
 * The system calls about signals.  signal.c has the machinery; errors and their order follow kernel/signal.c of 6.12.
 * Calls that only name a target (kill, tgkill, ...) go straight to the host: guest thread and process numbers are the host's.
 */
#include "linux/sig_state.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "linux/sys.h"

#define SIGSET_BYTES 8
#define MIN_STACK_BYTES 2048 /* MINSIGSTKSZ */
#define KNOWN_SA_FLAGS                                                                                                              \
    (LINUX_SA_NOCLDSTOP | LINUX_SA_NOCLDWAIT | LINUX_SA_SIGINFO | LINUX_SA_EXPOSE_TAGBITS | LINUX_SA_ONSTACK | LINUX_SA_RESTART | \
     LINUX_SA_NODEFER | LINUX_SA_RESETHAND)

static const uint64_t unblockable = LINUX_SIGBIT(SIGKILL) | LINUX_SIGBIT(SIGSTOP);

int64_t linux_sys_rt_sigaction(struct linux_thread *t, const uint64_t a[6])
{
    struct linux_process *p = t->proc;
    struct linux_sigaction act = {0}, old;
    uint64_t sig = (uint32_t)a[0];
    if (a[3] != SIGSET_BYTES)
        return -EINVAL;
    if (a[1] && !linux_copy_in(&act, a[1], sizeof act))
        return -EFAULT;
    if (sig < 1 || sig > LINUX_NSIG || (a[1] && (LINUX_SIGBIT(sig) & unblockable)))
        return -EINVAL;
    pthread_mutex_lock(&p->sighand->lock);
    old = p->sighand->action[sig];
    if (a[1]) {
        act.flags &= KNOWN_SA_FLAGS;
        act.mask &= ~unblockable;
        p->sighand->action[sig] = act;
        linux_signal_mirror_action(p, (int)sig);
        bool ignored = act.handler == (uint64_t)(uintptr_t)SIG_IGN || (!act.handler && linux_signal_default_ignored((int)sig));
        siginfo_t dropped;
        if (ignored) { /* pending instances go; the host has dropped its own */
            atomic_fetch_and(&t->queued, ~LINUX_SIGBIT(sig));
            (void)linux_signal_take_shared(p, LINUX_SIGBIT(sig), &dropped);
        }
    }
    pthread_mutex_unlock(&p->sighand->lock);
    if (a[2] && !linux_copy_out(a[2], &old, sizeof old))
        return -EFAULT;
    return 0;
}

int64_t linux_sys_rt_sigprocmask(struct linux_thread *t, const uint64_t a[6])
{
    uint64_t set, old = t->sigmask;
    if (a[3] != SIGSET_BYTES)
        return -EINVAL;
    if (a[1]) {
        if (!linux_copy_in(&set, a[1], sizeof set))
            return -EFAULT;
        uint64_t mask;
        switch ((int)a[0]) {
        case SIG_BLOCK:
            mask = old | set;
            break;
        case SIG_UNBLOCK:
            mask = old & ~set;
            break;
        case SIG_SETMASK:
            mask = set;
            break;
        default:
            return -EINVAL;
        }
        if (mask & ~old) { /* a signal taken from the host a moment ago came before this call: its handler first */
            linux_signal_block_all();
            if (linux_signal_pending(t)) {
                linux_signal_unblock(t);
                return -LINUX_ERESTARTNOINTR;
            }
            t->sigmask = mask & ~unblockable;
            linux_signal_unblock(t);
        } else {
            linux_signal_set_mask(t, mask);
        }
    }
    if (a[2] && !linux_copy_out(a[2], &old, sizeof old))
        return -EFAULT;
    return 0;
}

int64_t linux_sys_rt_sigpending(struct linux_thread *t, const uint64_t a[6])
{
    uint64_t pending = 0;
    if (a[1] > SIGSET_BYTES)
        return -EINVAL;
    linux_host_syscall(SYS_rt_sigpending, (uint64_t)(uintptr_t)&pending, SIGSET_BYTES, 0, 0, 0, 0);
    pending = (pending | atomic_load(&t->queued) | atomic_load(&t->proc->shared_pending)) & t->sigmask;
    return linux_copy_out(a[0], &pending, (size_t)a[1]) ? 0 : -EFAULT;
}

int64_t linux_sys_rt_sigsuspend(struct linux_thread *t, const uint64_t a[6])
{
    uint64_t mask;
    if (a[1] != SIGSET_BYTES)
        return -EINVAL;
    if (!linux_copy_in(&mask, a[0], sizeof mask))
        return -EFAULT;
    uint64_t host = linux_temp_mask(t, mask);
    int64_t r = linux_wait_syscall(t, SYS_rt_sigsuspend, (uint64_t)(uintptr_t)&host, SIGSET_BYTES, 0, 0, 0, 0);
    if (r == -LINUX_ERESTARTSYS || r == -EINTR)
        r = -LINUX_ERESTARTNOHAND;
    return linux_temp_mask_done(t, r);
}

/* -- queueing ----------------------------------------------------------------------------------------------- */

#define KERNEL_SIGINFO_BYTES 48 /* what signals with fields of their own carry; the rest must be 0 where the kernel knows no layout */

/* Does the kernel know the fields of a siginfo with that code, so that the rest does not matter?  kernel/signal.c: known_siginfo_layout. */
static bool is_known_code(int sig, int code)
{
    static const uint8_t last[] = {[SIGILL] = 11, [SIGTRAP] = 6, [SIGBUS] = 5, [SIGFPE] = 15, [SIGSEGV] = 10}; /* NSIGILL and so on */
    return code == SI_KERNEL || code <= last[sig];
}

static bool has_rest(const siginfo_t *info)
{
    const char *at = (const char *)info;
    for (size_t i = KERNEL_SIGINFO_BYTES; i < sizeof *info; i++)
        if (at[i])
            return true;
    return false;
}

/*
 * The siginfo at `addr` as the host's kernel is to get it.  `self`: the target is the caller, who alone may choose a positive code; from others
 * the kernel refuses it.  Returns what to pass: the guest's address, or `out` with the code marked.
 */
static uint64_t queue_info(uint64_t addr, int sig, bool self, siginfo_t *out)
{
    if (!self || !linux_copy_in(out, addr, sizeof *out) || !linux_signal_needs_mark(sig, out->si_code))
        return addr;
    if (!is_known_code(sig, out->si_code) && has_rest(out))
        return addr; /* refused */
    linux_signal_mark(out);
    memset((char *)out + KERNEL_SIGINFO_BYTES, 0, sizeof *out - KERNEL_SIGINFO_BYTES);
    return (uint64_t)(uintptr_t)out;
}

int64_t linux_sys_rt_sigqueueinfo(struct linux_thread *t, const uint64_t a[6])
{
    siginfo_t info;
    return linux_host_syscall(SYS_rt_sigqueueinfo, a[0], a[1], queue_info(a[2], (int)a[1], (int)a[0] == t->tid, &info), 0, 0, 0);
}

int64_t linux_sys_rt_tgsigqueueinfo(struct linux_thread *t, const uint64_t a[6])
{
    siginfo_t info;
    return linux_host_syscall(SYS_rt_tgsigqueueinfo, a[0], a[1], a[2], queue_info(a[3], (int)a[2], (int)a[1] == t->tid, &info), 0, 0);
}

int64_t linux_sys_pidfd_send_signal(struct linux_thread *t, const uint64_t a[6])
{
    /* no signal, but the kernel's opinion on a positive code: only for oneself */
    siginfo_t info = {.si_code = 1};
    (void)t;
    bool self = a[2] && linux_host_syscall(SYS_pidfd_send_signal, a[0], 0, (uint64_t)(uintptr_t)&info, a[3], 0, 0) == 0;
    uint64_t pass = queue_info(a[2], (int)a[1], self, &info);
    if (pass != a[2] && info.si_signo != (int)a[1])
        return -EINVAL;
    return linux_host_syscall(SYS_pidfd_send_signal, a[0], a[1], pass, a[3], 0, 0);
}

/* Takes one of the signals of `set` from the thread's own queue: blocked synchronous ones sent by kill(2). 0: none. */
static int take_queued(struct linux_thread *t, uint64_t set, siginfo_t *info)
{
    const struct signal_state *h = t->signal_private;
    uint64_t ready = atomic_load(&t->queued) & set;
    if (!ready)
        return linux_signal_take_shared(t->proc, set, info);
    int sig = __builtin_ctzll(ready) + 1;
    *info = h->info[sig];
    atomic_fetch_and(&t->queued, ~LINUX_SIGBIT(sig));
    linux_signal_unblock(t);
    return sig;
}

static int64_t wait_for_signal(struct linux_thread *t, uint64_t set, uint64_t info_addr, const struct timespec *end);

/* a: set, where the siginfo goes, end in seconds and nanoseconds. */
static int64_t wait_until(struct linux_thread *t, const uint64_t a[6])
{
    const struct timespec end = {(time_t)a[2], (long)a[3]};
    return wait_for_signal(t, a[0], a[1], &end);
}

/* end: NULL for ever. */
static int64_t wait_for_signal(struct linux_thread *t, uint64_t set, uint64_t info_addr, const struct timespec *end)
{
    struct timespec ts;
    siginfo_t info;
    if (end)
        linux_time_left(CLOCK_MONOTONIC, end, &ts);
    struct signal_state *h = t->signal_private;
    h->wait_set = set & t->sigmask; /* before the look: what comes later is for this thread */
    int64_t r = take_queued(t, set & t->sigmask, &info);
    if (!r)
        r = linux_wait_syscall(t, SYS_rt_sigtimedwait, (uint64_t)(uintptr_t)&set, (uint64_t)(uintptr_t)&info,
                               end ? (uint64_t)(uintptr_t)&ts : 0, SIGSET_BYTES, 0, 0);
    h->wait_set = 0;
    bool broken = linux_wait_broken(t, r);
    if (broken || r == -LINUX_ERESTARTNOINTR) {
        /* a synchronous signal of the set that came while waiting, or just before, was queued rather than returned */
        int64_t sig = take_queued(t, set & t->sigmask, &info);
        if (sig)
            r = sig;
        else if (!broken)
            ;
        else if (end)
            r = linux_restart_later(t, wait_until, (const uint64_t[6]){set, info_addr, (uint64_t)end->tv_sec, (uint64_t)end->tv_nsec});
        else
            r = -LINUX_ERESTARTNOHAND;
    }
    if (r > 0)
        linux_signal_unmark((int)r, &info);
    if (r > 0 && info_addr && !linux_copy_out(info_addr, &info, sizeof info))
        return -EFAULT;
    return r;
}

int64_t linux_sys_rt_sigtimedwait(struct linux_thread *t, const uint64_t a[6])
{
    uint64_t set;
    struct timespec length, end;
    if (a[3] != SIGSET_BYTES)
        return -EINVAL;
    if (!linux_copy_in(&set, a[0], sizeof set) || (a[2] && !linux_copy_in(&length, a[2], sizeof length)))
        return -EFAULT;
    if (a[2] && !linux_time_end(CLOCK_MONOTONIC, &length, &end))
        return -EINVAL;
    return wait_for_signal(t, set, a[1], a[2] ? &end : NULL);
}

int64_t linux_sys_rt_sigreturn(struct linux_thread *t, const uint64_t a[6])
{
    uint64_t mask;
    (void)a;
    linux_signal_no_restart(t);
    ((struct signal_state *)t->signal_private)->restart = NULL;
    if (t->proc->abi->pop_frame(t, &mask)) {
        TRACE(signal, "handler returned to pc 0x%llx", (unsigned long long)t->cpu->slot[t->proc->abi->slot_pc]);
        linux_signal_set_mask(t, mask);
    } else {
        siginfo_t info = {.si_signo = SIGSEGV, .si_code = SI_KERNEL};
        linux_force_signal(t, &info);
    }
    return LINUX_SIGRETURN_DONE;
}

/* -- alternate stacks --------------------------------------------------------------------------------------- */

bool linux_on_altstack(const struct linux_thread *t, uint64_t sp)
{
    if (t->alt.flags & LINUX_SS_AUTODISARM)
        return false;
    return sp > t->alt.sp && sp - t->alt.sp <= t->alt.size;
}

uint64_t linux_altstack_sp(const struct linux_thread *t, uint64_t sp, uint64_t sa_flags)
{
    if ((sa_flags & LINUX_SA_ONSTACK) && t->alt.size && !linux_on_altstack(t, sp))
        return t->alt.sp + t->alt.size;
    return sp;
}

static int set_altstack(struct linux_thread *t, const struct linux_altstack *alt, uint64_t sp)
{
    uint32_t mode = alt->flags & ~LINUX_SS_AUTODISARM;
    if (linux_on_altstack(t, sp))
        return -EPERM;
    if (mode != LINUX_SS_DISABLE && mode != LINUX_SS_ONSTACK && mode != 0)
        return -EINVAL;
    if (t->alt.sp == alt->sp && t->alt.size == alt->size && t->alt.flags == alt->flags)
        return 0;
    if (mode != LINUX_SS_DISABLE && alt->size < MIN_STACK_BYTES)
        return -ENOMEM;
    t->alt = (struct linux_altstack){.flags = alt->flags};
    if (mode != LINUX_SS_DISABLE) {
        t->alt.sp = alt->sp;
        t->alt.size = alt->size;
    }
    return 0;
}

void linux_altstack_restore(struct linux_thread *t, const struct linux_altstack *alt, uint64_t sp)
{
    (void)set_altstack(t, alt, sp);
}

int64_t linux_sys_sigaltstack(struct linux_thread *t, const uint64_t a[6])
{
    uint64_t sp = t->cpu->slot[t->proc->abi->slot_sp];
    struct linux_altstack alt, old = {.sp = t->alt.sp, .size = t->alt.size};
    if (a[0] && !linux_copy_in(&alt, a[0], sizeof alt))
        return -EFAULT;
    old.flags = (t->alt.flags & LINUX_SS_AUTODISARM) |
                (!t->alt.size ? LINUX_SS_DISABLE : linux_on_altstack(t, sp) ? LINUX_SS_ONSTACK : 0);
    if (a[0]) {
        int r = set_altstack(t, &alt, sp);
        if (r)
            return r;
    }
    if (a[1] && !linux_copy_out(a[1], &old, sizeof old))
        return -EFAULT;
    return 0;
}

/* -- continuing an interrupted call ------------------------------------------------------------------------- */

int64_t linux_sys_restart_syscall(struct linux_thread *t, const uint64_t a[6])
{
    struct signal_state *h = t->signal_private;
    int64_t (*restart)(struct linux_thread *, const uint64_t *) = h->restart;
    uint64_t b[6];
    (void)a;
    memcpy(b, h->restart_arg, sizeof b);
    h->restart = NULL;
    int64_t r = restart ? restart(t, b) : -EINTR;
    if (r == -LINUX_ERESTARTNOINTR) /* not begun */
        h->restart = restart;
    return r;
}

/*
 * The system calls about signals.  signal.c has the machinery; errors and their order follow kernel/signal.c of 6.12.
 * Calls that only name a target (kill, tgkill, rt_sigqueueinfo, pidfd_send_signal, ...) go straight to the host: guest
 * thread and process numbers are the host's.
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
    pthread_mutex_lock(&p->lock);
    old = p->action[sig];
    if (a[1]) {
        act.flags &= KNOWN_SA_FLAGS;
        act.mask &= ~unblockable;
        p->action[sig] = act;
        linux_signal_mirror_action(p, (int)sig);
        bool ignored = act.handler == (uint64_t)(uintptr_t)SIG_IGN || (!act.handler && linux_signal_default_ignored((int)sig));
        if (ignored) /* pending instances go; the host has dropped its own */
            atomic_fetch_and(&t->queued, ~LINUX_SIGBIT(sig));
    }
    pthread_mutex_unlock(&p->lock);
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
    pending = (pending | atomic_load(&t->queued)) & t->sigmask;
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

/* Takes one of the signals of `set` from the thread's own queue: blocked synchronous ones sent by kill(2). 0: none. */
static int take_queued(struct linux_thread *t, uint64_t set, siginfo_t *info)
{
    const struct signal_state *h = t->signal_private;
    uint64_t ready = atomic_load(&t->queued) & set;
    if (!ready)
        return 0;
    int sig = __builtin_ctzll(ready) + 1;
    *info = h->info[sig];
    atomic_fetch_and(&t->queued, ~LINUX_SIGBIT(sig));
    linux_signal_unblock(t);
    return sig;
}

int64_t linux_sys_rt_sigtimedwait(struct linux_thread *t, const uint64_t a[6])
{
    uint64_t set;
    struct timespec ts;
    siginfo_t info;
    if (a[3] != SIGSET_BYTES)
        return -EINVAL;
    if (!linux_copy_in(&set, a[0], sizeof set) || (a[2] && !linux_copy_in(&ts, a[2], sizeof ts)))
        return -EFAULT;
    int64_t r = take_queued(t, set & t->sigmask, &info);
    if (!r)
        r = linux_wait_syscall(t, SYS_rt_sigtimedwait, (uint64_t)(uintptr_t)&set, (uint64_t)(uintptr_t)&info,
                               a[2] ? (uint64_t)(uintptr_t)&ts : 0, SIGSET_BYTES, 0, 0);
    if (r == -LINUX_ERESTARTSYS || r == -EINTR) {
        /* a synchronous signal of the set that came while waiting was queued rather than returned */
        int64_t sig = take_queued(t, set & t->sigmask, &info);
        r = sig ? sig : -EINTR;
    }
    if (r > 0 && a[1] && !linux_copy_out(a[1], &info, sizeof info))
        return -EFAULT;
    return r;
}

int64_t linux_sys_rt_sigreturn(struct linux_thread *t, const uint64_t a[6])
{
    uint64_t mask;
    (void)a;
    linux_signal_no_restart(t);
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

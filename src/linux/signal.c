/*
 * Signals: from the host's kernel to the guest's handlers.
 *
 * The host kernel keeps everything it can: dispositions SIG_DFL and SIG_IGN, blocked signals, their queues and order.
 * The host's mask is the guest's without the synchronous signals (SIGSEGV SIGBUS SIGILL SIGFPE SIGTRAP), which btv must
 * always see; one that is sent, and blocked by the thread that the host chose for it, waits in struct linux_process for a thread
 * that does not.  When the guest has a handler, host_handler takes the signal, notes it in the thread (one place for each
 * signal: it stays blocked on the host until the guest's handler starts) and asks the engine to stop at the next edge;
 * linux_signal_deliver then does what the kernel does on its way to user mode.  sig.h has the protocol of temporary masks;
 * wait_<host>.c explains why no wake-up is lost.  sigcalls.c has the system calls.
 *
 * References: kernel/signal.c, arch/riscv/kernel/{signal,traps}.c of Linux 6.12; signal(7).
 */
#include "linux/sig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/chaos.h"
#include "base/file.h"
#include "base/hostsig.h"
#include "linux/coredump.h"
#include "linux/sig_state.h"
#include "linux/sys.h"

#define HOST_STACK_BYTES (64 * 1024)
#define FIRST_RT 32 /* signals from here on queue every instance */

/* Returns true if the fault is one of linux_copy_in and its like; *uc then continues at their failure exit (sys.c). */
extern bool linux_copy_fixup(void *uc) __attribute__((weak));

static __thread struct linux_thread *self_thread;

struct linux_thread *linux_self(void)
{
    return self_thread;
}

void linux_set_self(struct linux_thread *t)
{
    self_thread = t;
}

/* -- host masks --------------------------------------------------------------------------------------------- */

static void set_host_mask(uint64_t mask)
{
    linux_host_syscall(SYS_rt_sigprocmask, SIG_SETMASK, (uint64_t)(uintptr_t)&mask, 0, 8, 0, 0);
}

uint64_t linux_host_mask(void)
{
    uint64_t mask = 0;
    linux_host_syscall(SYS_rt_sigprocmask, SIG_BLOCK, 0, (uint64_t)(uintptr_t)&mask, 8, 0, 0);
    return mask;
}

void linux_signal_block_all(void)
{
    set_host_mask(~SYNC_SIGNALS); /* a fault in a copy of guest memory would end the process */
}

void linux_signal_block_faults_too(void)
{
    set_host_mask(~UINT64_C(0));
}

void linux_signal_unblock(struct linux_thread *t)
{
    struct signal_state *h = t->signal_private;
    linux_mask_stub(t->sigmask & ~SYNC_SIGNALS, &t->queued, ~SYNC_SIGNALS, &h->host_mask);
}

/* Makes the host's mask agree with the guest's; pending signals that this unblocks are queued on return. */
static void update_host_mask(struct linux_thread *t)
{
    struct signal_state *h = t->signal_private;
    if (h->host_mask != ((t->sigmask | atomic_load(&t->queued)) & ~SYNC_SIGNALS))
        linux_signal_unblock(t);
}

void linux_signal_set_mask(struct linux_thread *t, uint64_t mask)
{
    t->sigmask = mask & ~(LINUX_SIGBIT(SIGKILL) | LINUX_SIGBIT(SIGSTOP));
    update_host_mask(t);
}

bool linux_signal_pending(const struct linux_thread *t)
{
    uint64_t ready = atomic_load_explicit(&t->queued, memory_order_relaxed) | atomic_load_explicit(&t->proc->shared_pending, memory_order_relaxed);
    return (ready & ~t->sigmask) != 0;
}

uint64_t linux_temp_mask(struct linux_thread *t, uint64_t guest_mask)
{
    struct signal_state *h = t->signal_private;
    h->temp_mask = guest_mask & ~(LINUX_SIGBIT(SIGKILL) | LINUX_SIGBIT(SIGSTOP));
    h->temp_active = true;
    return h->temp_mask & ~SYNC_SIGNALS;
}

int64_t linux_temp_mask_done(struct linux_thread *t, int64_t result)
{
    struct signal_state *h = t->signal_private;
    h->temp_active = false;
    if (result == -EINTR || result == -LINUX_ERESTARTSYS || result == -LINUX_ERESTARTNOHAND ||
        result == -LINUX_ERESTART_RESTARTBLOCK) {
        t->saved_mask = t->sigmask;
        t->restore_mask = true;
        t->sigmask = h->temp_mask; /* the host's mask is already the old one again */
    }
    return result;
}

int64_t linux_wait_syscall(struct linux_thread *t, long nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct signal_state *h = t->signal_private;
    const uint64_t args[6] = {a0, a1, a2, a3, a4, a5};
    uint64_t deliverable = ~t->sigmask;
    if (h->temp_active)
        deliverable |= ~h->temp_mask;
    h->taken_before = h->taken;
    bool shared = atomic_load(&t->proc->shared_pending) & deliverable;
    int64_t ret = BTV_UNLIKELY(shared) ? -LINUX_ERESTARTNOINTR : linux_wait_stub(nr, args, &t->queued, deliverable);
    if (ret == -LINUX_ERESTARTNOINTR && h->temp_active && !linux_signal_pending(t))
        ret = -LINUX_ERESTARTSYS; /* a signal that only the temporary mask lets through interrupts the call */
    return ret;
}

bool linux_wait_undisturbed(const struct linux_thread *t)
{
    const struct signal_state *h = t->signal_private;
    return h->taken == h->taken_before;
}

int64_t linux_restart_later(struct linux_thread *t, int64_t (*fn)(struct linux_thread *t, const uint64_t a[6]), const uint64_t a[6])
{
    struct signal_state *h = t->signal_private;
    if (h->call_nr != sys_restart_number(t->proc->abi))
        t->restart_nr = h->call_nr;
    h->restart = fn;
    memcpy(h->restart_arg, a, sizeof h->restart_arg);
    return -LINUX_ERESTART_RESTARTBLOCK;
}

/* Codes that no signal from outside can have: the bit that marks them leaves the guest's own negative ones alone. */
#define MARK INT32_MIN
#define MARKED_MAX (INT32_MIN / 2)

bool linux_signal_needs_mark(int sig, int code)
{
    return code > 0 && sig >= 1 && sig <= LINUX_NSIG && (LINUX_SIGBIT(sig) & SYNC_SIGNALS);
}

void linux_signal_mark(siginfo_t *info)
{
    info->si_code |= MARK;
}

void linux_signal_unmark(int sig, siginfo_t *info)
{
    if ((LINUX_SIGBIT(sig) & SYNC_SIGNALS) && info->si_code < MARKED_MAX)
        info->si_code &= ~MARK;
}

/* -- host handler ------------------------------------------------------------------------------------------- */

static void host_action(int sig, uint64_t handler, uint64_t flags)
{
    const struct hostsig_action sa = {handler, flags | linux_host_sa_flags, (uint64_t)(uintptr_t)linux_host_restorer, ~UINT64_C(0)};
    linux_host_syscall(SYS_rt_sigaction, (uint64_t)sig, (uint64_t)(uintptr_t)&sa, 0, HOSTSIG_SET_BYTES, 0, 0); /* raw: errno stays */
}

static BTV_NORETURN void end_by_signal(int sig, uint64_t core_bytes)
{
    const struct rlimit core = {core_bytes, core_bytes};
    linux_signal_block_all();
    if (self_thread && self_thread->proc->opt.strace.on)
        sys_strace_end(self_thread->proc, 0, sig);
    setrlimit(RLIMIT_CORE, &core);
    host_action(sig, (uint64_t)(uintptr_t)SIG_DFL, 0);
    linux_host_syscall(SYS_tgkill, (uint64_t)getpid(), (uint64_t)linux_host_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0), (uint64_t)sig, 0, 0, 0);
    set_host_mask(~LINUX_SIGBIT(sig));
    /* the first process of a pid namespace survives signals */
    for (;;)
        linux_host_syscall(SYS_exit_group, (uint64_t)(128 + sig), 0, 0, 0, 0, 0);
}

void linux_die_by_signal(int sig)
{
    end_by_signal(sig, 0); /* a dump of btv would not be one of the guest */
}

void linux_die(struct linux_thread *t, const siginfo_t *info)
{
    bool dumped = (LINUX_SIGBIT(info->si_signo) & CORE_SIGNALS) && linux_core_dump(t, info);
    end_by_signal(info->si_signo, dumped ? GUEST_PAGE_SIZE : 0);
}

/* A fault of btv itself. */
static BTV_NORETURN void crash(struct linux_thread *t, int sig, const siginfo_t *info, const ucontext_t *uc)
{
    struct str s = STR_INIT;
    linux_signal_block_all();
    host_action(SIGSEGV, (uint64_t)(uintptr_t)SIG_DFL, 0); /* describing may fault again */
    set_host_mask(~LINUX_SIGBIT(SIGSEGV));
    str_add(&s, "btv: internal error: host signal %d, code %d, address %p: ", sig, info->si_code, info->si_addr);
    if (t && t->et)
        engine_describe(t->et, uc, &s);
    str_adds(&s, "\n");
    if (!file_write(2, str_get(&s), s.len))
        s.failed = true; /* nothing left to do about it */
    linux_die_by_signal(sig);
}

/* Between linux_signal_exec_reset and the host's execve: the signal is one for the new program, which has no handlers. */
static void hand_over(struct linux_thread *t, int sig, siginfo_t *info)
{
    if (linux_signal_needs_mark(sig, info->si_code)) /* the next btv-run must not take it for a fault of its own */
        linux_signal_mark(info);
    host_action(sig, (uint64_t)(uintptr_t)SIG_DFL, 0);
    linux_host_syscall(SYS_rt_tgsigqueueinfo, (uint64_t)getpid(), (uint64_t)t->tid, (uint64_t)sig, (uint64_t)(uintptr_t)info, 0, 0);
}

static void host_handler(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    struct linux_thread *t = self_thread;
    uint64_t bit = LINUX_SIGBIT(sig);
    int saved_errno = errno;

    if ((bit & SYNC_SIGNALS) && linux_is_fault(info, uc)) {
        bool copy = linux_copy_fixup && linux_copy_fixup(uc);
        if (copy)
            TRACE(fault, "signal %d at address %p: a system call's argument", sig, info->si_addr);
        if (!copy && !(t && t->et && engine_host_fault(t->et, sig, info, uc)))
            crash(t, sig, info, uc);
        errno = saved_errno;
        return;
    }
    if (!t || !t->signal_private)
        return; /* sent from outside before the guest started; it has no handler yet */
    struct signal_state *h = t->signal_private;
    if (h->in_exec) {
        hand_over(t, sig, info);
        errno = saved_errno;
        return;
    }
    TRACE(signal, "%d queued: code %d%s", sig, info->si_code, atomic_load(&t->queued) & bit ? ", one is already waiting" : "");
    siginfo_t plain = *info;
    linux_signal_unmark(sig, &plain);
    if (linux_signal_is_shared(t, sig, plain.si_code)) {
        linux_signal_share(t->proc, sig, &plain);
    } else if (!(atomic_load(&t->queued) & bit)) {
        h->info[sig] = plain;
        atomic_fetch_or(&t->queued, bit);
    }
    if (!(bit & SYNC_SIGNALS)) {
        uint64_t mask; /* uc_sigmask is larger in libc than in the kernel's frame: only eight bytes exist */
        memcpy(&mask, &uc->uc_sigmask, sizeof mask);
        mask |= bit;
        memcpy(&uc->uc_sigmask, &mask, sizeof mask);
        h->host_mask |= bit;
    }
    h->taken++;
    linux_stub_fixup(uc);
    if (t->et)
        engine_interrupt(t->et);
    errno = saved_errno;
}

/* Is btv to get the signal on the host, rather than the host's kernel to deal with it? */
static bool is_taken(const struct linux_sigaction *sa, int sig)
{
    uint64_t bit = LINUX_SIGBIT(sig);
    return sa->handler > (uint64_t)(uintptr_t)SIG_IGN || (bit & SYNC_SIGNALS) || ((bit & CORE_SIGNALS) && sa->handler == (uint64_t)(uintptr_t)SIG_DFL);
}

void linux_signal_mirror_action(const struct linux_process *p, int sig)
{
    const struct linux_sigaction *sa = &p->sighand->action[sig];
    uint64_t keep = sa->flags & (LINUX_SA_NOCLDSTOP | LINUX_SA_NOCLDWAIT);
    if (is_taken(sa, sig))
        host_action(sig, (uint64_t)(uintptr_t)host_handler, keep | LINUX_SA_SIGINFO | LINUX_SA_ONSTACK | LINUX_SA_RESTART);
    else
        host_action(sig, sa->handler, keep);
}

/* -- life of processes and threads -------------------------------------------------------------------------- */

void linux_signal_init(struct linux_process *p)
{
    for (int sig = 1; sig <= LINUX_NSIG; sig++) {
        struct hostsig_action sa = {0};
        hostsig_set(sig, NULL, &sa);
        p->sighand->action[sig] = (struct linux_sigaction){.handler = sa.handler == (uint64_t)(uintptr_t)SIG_IGN ? sa.handler : 0};
        if (is_taken(&p->sighand->action[sig], sig))
            linux_signal_mirror_action(p, sig);
    }
}

/* What an ended thread left behind, or NULL.  No lock: a child of fork must find nothing half done. */
static struct signal_state *spare_state(struct linux_process *p)
{
    for (unsigned i = 0; i < ARRAY_LEN(p->spare_signal); i++) {
        struct signal_state *h = atomic_load_explicit(&p->spare_signal[i], memory_order_relaxed) ? atomic_exchange(&p->spare_signal[i], NULL) : NULL;
        if (h) {
            memset(h, 0, sizeof *h);
            return h;
        }
    }
    return NULL;
}

void linux_signal_thread_init(struct linux_thread *t)
{
    size_t bytes = ALIGN_UP(sizeof(struct signal_state), (size_t)64) + HOST_STACK_BYTES;
    struct signal_state *h = spare_state(t->proc);
    if (!h)
        h = chaos_alloc_fails(CHAOS_NEEDED) ? MAP_FAILED : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (h == MAP_FAILED)
        return;
    h->bytes = bytes;
    h->host_mask = linux_host_mask();
    t->sigmask = h->host_mask;
    t->signal_private = h;
}

void linux_signal_thread_start(const struct linux_thread *t)
{
    struct signal_state *h = t->signal_private;
    const stack_t stack = {.ss_sp = (char *)h + h->bytes - HOST_STACK_BYTES, .ss_size = HOST_STACK_BYTES};
    sigaltstack(&stack, NULL);
}

void linux_signal_thread_free(struct linux_thread *t)
{
    struct signal_state *h = t->signal_private;
    if (!h)
        return;
    t->signal_private = NULL;
    if (t == self_thread) {
        const stack_t none = {.ss_flags = SS_DISABLE};
        sigaltstack(&none, NULL);
    }
    for (unsigned i = 0; i < ARRAY_LEN(t->proc->spare_signal) && !t->proc->vfork_child; i++) { /* that process ends here */
        void *none = NULL;
        if (atomic_compare_exchange_strong(&t->proc->spare_signal[i], &none, h))
            return;
    }
    munmap(h, h->bytes);
}

void linux_signal_thread_copy(struct linux_thread *t, const struct linux_thread *from)
{
    t->sigmask = from->sigmask;
    t->alt = from->alt;
}

void linux_signal_fork_child(struct linux_thread *t)
{
    atomic_store(&t->queued, 0);
    atomic_store(&t->proc->shared_pending, 0);
    atomic_store(&t->proc->shared_claimed, 0);
    t->restore_mask = false;
}

void linux_signal_mirror_all(struct linux_process *p)
{
    pthread_mutex_lock(&p->sighand->lock);
    for (int sig = 1; sig <= LINUX_NSIG; sig++)
        linux_signal_mirror_action(p, sig);
    pthread_mutex_unlock(&p->sighand->lock);
}

void linux_signal_clear_handlers(struct linux_process *p)
{
    for (int sig = 1; sig <= LINUX_NSIG; sig++)
        if (p->sighand->action[sig].handler > (uint64_t)(uintptr_t)SIG_IGN)
            p->sighand->action[sig] = (struct linux_sigaction){0};
    linux_signal_mirror_all(p);
}

void linux_signal_take_back(struct linux_process *p)
{
    pthread_mutex_lock(&p->sighand->lock);
    linux_signal_mirror_action(p, HOSTSIG_SETXID);
    pthread_mutex_unlock(&p->sighand->lock);
}

void linux_signal_exec_reset(struct linux_process *p)
{
    struct linux_thread *t = self_thread;
    struct signal_state *h = t->signal_private;
    set_host_mask(~UINT64_C(0)); /* those of faults too: what is handed over below waits for the new program */
    h->in_exec = true;
    for (int sig = 1; sig <= LINUX_NSIG; sig++) {
        uint64_t bit = LINUX_SIGBIT(sig);
        if ((bit & SYNC_SIGNALS) && p->sighand->action[sig].handler == (uint64_t)(uintptr_t)SIG_IGN)
            host_action(sig, p->sighand->action[sig].handler, 0);
        if (atomic_fetch_and(&t->queued, ~bit) & bit)
            hand_over(t, sig, &h->info[sig]);
    }
    siginfo_t info;
    for (int sig; (sig = linux_signal_take_shared(p, SYNC_SIGNALS, &info)) != 0;)
        hand_over(t, sig, &info);
    set_host_mask(t->sigmask);
}

void linux_signal_exec_failed(struct linux_process *p)
{
    struct linux_thread *t = self_thread;
    struct signal_state *h = t->signal_private;
    linux_signal_block_all();
    h->in_exec = false;
    for (int sig = 1; sig <= LINUX_NSIG; sig++)
        if (is_taken(&p->sighand->action[sig], sig))
            linux_signal_mirror_action(p, sig);
    linux_signal_unblock(t);
}

/* -- delivery ----------------------------------------------------------------------------------------------- */

bool linux_signal_default_ignored(int sig)
{
    return sig == SIGCHLD || sig == SIGCONT || sig == SIGURG || sig == SIGWINCH;
}

/* The kernel's sigaction for this delivery; SA_RESETHAND takes effect. */
static struct linux_sigaction take_action(struct linux_process *p, int sig)
{
    pthread_mutex_lock(&p->sighand->lock);
    struct linux_sigaction sa = p->sighand->action[sig];
    if (sa.handler > (uint64_t)(uintptr_t)SIG_IGN && (sa.flags & LINUX_SA_RESETHAND)) {
        p->sighand->action[sig].handler = (uint64_t)(uintptr_t)SIG_DFL;
        linux_signal_mirror_action(p, sig);
    }
    pthread_mutex_unlock(&p->sighand->lock);
    return sa;
}

static void default_action(struct linux_thread *t, const siginfo_t *info)
{
    int sig = info->si_signo;
    if (linux_signal_default_ignored(sig))
        return;
    if (sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU) { /* the host's disposition is the default by now */
        linux_signal_unblock(t);
        linux_host_syscall(SYS_tgkill, (uint64_t)getpid(), (uint64_t)t->tid, (uint64_t)sig, 0, 0, 0);
        return;
    }
    linux_die(t, info);
}

/* Registers as if the interrupted call had not been made yet. */
static void restart_call(struct linux_thread *t, int code)
{
    const struct signal_state *h = t->signal_private;
    const struct linux_abi *abi = t->proc->abi;
    t->cpu->slot[abi->slot_ret] = h->call_arg0;
    t->cpu->slot[abi->slot_nr] = code == LINUX_ERESTART_RESTARTBLOCK && h->restart ? sys_restart_number(abi) : h->call_nr;
    t->cpu->slot[abi->slot_pc] -= abi->syscall_bytes;
    TRACE(signal, "system call %llu restarts", (unsigned long long)h->call_nr);
}

/* The internal error code that the call just made ended with, or 0. */
static int restart_code(struct linux_thread *t)
{
    const struct signal_state *h = t->signal_private;
    uint64_t ret = t->cpu->slot[t->proc->abi->slot_ret];
    if (!h->in_call || h->no_restart)
        return 0;
    int code = ret >= (uint64_t)-LINUX_ERESTART_RESTARTBLOCK ? (int)-(int64_t)ret : 0;
    return code == LINUX_ERESTARTSYS || code == LINUX_ERESTARTNOINTR || code == LINUX_ERESTARTNOHAND || code == LINUX_ERESTART_RESTARTBLOCK ? code : 0;
}

static void resolve_restart(struct linux_thread *t, bool handler_runs, uint64_t sa_flags)
{
    struct signal_state *h = t->signal_private;
    int code = restart_code(t);
    h->in_call = false;
    if (!code)
        return;
    if (!handler_runs || code == LINUX_ERESTARTNOINTR || (code == LINUX_ERESTARTSYS && (sa_flags & LINUX_SA_RESTART)))
        restart_call(t, code);
    else
        t->cpu->slot[t->proc->abi->slot_ret] = (uint64_t)-EINTR;
}

/* One signal, already removed from the queue; the host's mask is not yet updated. */
static void deliver_one(struct linux_thread *t, int sig, const siginfo_t *info)
{
    struct linux_sigaction sa = take_action(t->proc, sig);
    TRACE(signal, "%d delivered: handler 0x%llx, flags 0x%llx, pc 0x%llx", sig, (unsigned long long)sa.handler, (unsigned long long)sa.flags,
          (unsigned long long)t->cpu->slot[t->proc->abi->slot_pc]);
    if (BTV_UNLIKELY(t->proc->opt.strace.on))
        sys_strace_signal(t, info);
    if (sa.handler == (uint64_t)(uintptr_t)SIG_IGN)
        return;
    if (sa.handler == (uint64_t)(uintptr_t)SIG_DFL) {
        if (getpid() != 1) /* the first process of a pid namespace does not get what it has no handler for (SIGNAL_UNKILLABLE) */
            default_action(t, info);
        return;
    }
    resolve_restart(t, true, sa.flags);
    ((struct signal_state *)t->signal_private)->restart = NULL;
    uint64_t old = t->restore_mask ? t->saved_mask : t->sigmask;
    t->restore_mask = false;
    bool pushed = t->proc->abi->push_frame(t, sig, info, &sa, old);
    TRACE(signal, "%d: frame at 0x%llx%s", sig, (unsigned long long)t->cpu->slot[t->proc->abi->slot_sp], pushed ? "" : " cannot be written");
    if (!pushed) {
        siginfo_t segv = {.si_signo = SIGSEGV, .si_code = SI_KERNEL};
        if (sig == SIGSEGV) /* no stack for the very handler that should deal with it */
            linux_die(t, &segv);
        linux_force_signal(t, &segv);
        return;
    }
    t->sigmask |= sa.mask;
    if (!(sa.flags & LINUX_SA_NODEFER))
        t->sigmask |= LINUX_SIGBIT(sig);
    if (t->alt.flags & LINUX_SS_AUTODISARM)
        t->alt = (struct linux_altstack){.flags = LINUX_SS_DISABLE};
}

/* Takes the next deliverable signal out of the queue in the kernel's order; 0: none. */
static int take_next(struct linux_thread *t, siginfo_t *info)
{
    const struct signal_state *h = t->signal_private;
    uint64_t ready = atomic_load(&t->queued) & ~t->sigmask;
    if (!ready)
        return linux_signal_take_shared(t->proc, ~t->sigmask, info);
    if (ready & SYNC_SIGNALS)
        ready &= SYNC_SIGNALS;
    int sig = __builtin_ctzll(ready) + 1;
    *info = h->info[sig];
    atomic_fetch_and(&t->queued, ~LINUX_SIGBIT(sig));
    return sig;
}

void linux_signal_deliver(struct linux_thread *t)
{
    siginfo_t info;
    if (BTV_UNLIKELY(atomic_load(&t->proc->shared_pending)))
        linux_signal_offer_shared(t);
    do {
        for (int sig; (sig = take_next(t, &info)) != 0;) {
            deliver_one(t, sig, &info);
            update_host_mask(t); /* may queue the next one of a real-time signal */
        }
        resolve_restart(t, false, 0);
        if (t->restore_mask) {
            t->restore_mask = false;
            t->sigmask = t->saved_mask;
        }
        update_host_mask(t);
    } while (linux_signal_pending(t));
}

void linux_signal_syscall_begin(struct linux_thread *t)
{
    struct signal_state *h = t->signal_private;
    h->call_nr = t->cpu->slot[t->proc->abi->slot_nr];
    h->call_arg0 = t->cpu->slot[t->proc->abi->slot_ret];
    h->in_call = true;
    h->no_restart = false;
}

void linux_signal_syscall_end(struct linux_thread *t)
{
    struct signal_state *h = t->signal_private;
    if (linux_signal_pending(t) || t->restore_mask || restart_code(t))
        linux_signal_deliver(t);
    h->in_call = false;
}

void linux_signal_no_restart(struct linux_thread *t)
{
    struct signal_state *h = t->signal_private;
    h->no_restart = true;
}

/* -- signals of btv's own making ---------------------------------------------------------------------------- */

void linux_force_signal(struct linux_thread *t, const siginfo_t *info)
{
    int sig = info->si_signo;
    if ((t->sigmask & LINUX_SIGBIT(sig)) || t->proc->sighand->action[sig].handler <= (uint64_t)(uintptr_t)SIG_IGN) {
        if (t->proc->opt.strace.on)
            sys_strace_signal(t, info);
        linux_die(t, info); /* blocked or ignored: the kernel forces the default */
    }
    deliver_one(t, sig, info);
    update_host_mask(t);
}

/* SEGV_ACCERR if the guest has something mapped there, else SEGV_MAPERR. */
static int segv_code(struct linux_thread *t, uint64_t addr)
{
    struct mem_region r;
    return mem_get(t->proc->mem, addr, &r) ? SEGV_ACCERR : SEGV_MAPERR;
}

/* A program that ends for it was built for another processor, or ran into data: a kernel would not say which instruction. */
static BTV_COLD void report_illegal(const struct linux_thread *t, uint64_t pc, uint64_t bits)
{
    struct str s = STR_INIT;
    if (t->proc->sighand->action[SIGILL].handler != (uint64_t)(uintptr_t)SIG_DFL)
        return;
    str_add(&s, "btv-run: %s: undefined instruction at 0x%llx; build the program for the extensions in the guest's /proc/cpuinfo, or see: btv dis %s %08x\n",
            t->proc->exe_path, (unsigned long long)pc, t->proc->abi->guest->name, __builtin_bswap32((uint32_t)bits));
    if (!file_write(STDERR_FILENO, str_get(&s), s.len))
        s.failed = true; /* nothing left to do about it */
    str_free(&s);
}

void linux_trap(struct linux_thread *t)
{
    const struct cpu_trap *trap = &t->cpu->trap;
    uint64_t pc = t->cpu->slot[t->proc->abi->slot_pc];
    siginfo_t info = {0};
    uint64_t addr = pc; /* what most of the kernel's trap handlers report, misaligned atomics included */
    switch ((enum ir_trap)trap->kind) {
    case IR_TRAP_BREAK:
        info.si_signo = SIGTRAP;
        info.si_code = TRAP_BRKPT;
        break;
    case IR_TRAP_MISALIGNED:
        info.si_signo = SIGBUS;
        info.si_code = BUS_ADRALN;
        break;
    case IR_TRAP_BUS:
        info.si_signo = SIGBUS;
        info.si_code = BUS_ADRERR;
        addr = trap->value;
        break;
    case IR_TRAP_ACCESS:
    case IR_TRAP_FETCH:
        info.si_signo = SIGSEGV;
        info.si_code = segv_code(t, trap->value);
        addr = trap->value;
        break;
    case IR_TRAP_NONE:
    case IR_TRAP_ILLEGAL:
        info.si_signo = SIGILL;
        info.si_code = ILL_ILLOPC;
        report_illegal(t, pc, trap->value);
        break;
    }
    info.si_addr = mem_host(addr);
    TRACE(fault, "guest exception %u at pc 0x%llx, value 0x%llx: signal %d, code %d", trap->kind, (unsigned long long)pc,
          (unsigned long long)trap->value, info.si_signo, info.si_code);
    linux_force_signal(t, &info);
    linux_signal_deliver(t);
}

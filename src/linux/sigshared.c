/*
 * What the threads of a process share of its signals: the table of handlers, which processes in the same memory may share as well,
 * and the synchronous signals that were sent to the process and that the thread which got them from the host blocks.
 *
 * Such a signal waits in struct linux_process for the first thread that wants it.  The host handler puts it there, so there is no
 * lock: a bit of shared_claimed says that its siginfo is being written or waits, the same bit of shared_pending that it waits.
 */
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/chaos.h"
#include "base/heap.h"
#include "linux/sig_state.h"

/* -- the table of handlers ------------------------------------------------------------------------------------- */

struct linux_sighand *linux_sighand_new(const struct linux_sighand *from)
{
    struct linux_sighand *s = chaos_alloc_fails(CHAOS_NEEDED) ? NULL : heap_zeroed(1, sizeof *s);
    if (!s)
        return NULL;
    if (from)
        memcpy(s->action, from->action, sizeof s->action);
    pthread_mutex_init(&s->lock, NULL);
    s->users = 1;
    return s;
}

struct linux_sighand *linux_sighand_share(struct linux_sighand *s)
{
    atomic_fetch_add(&s->users, 1);
    return s;
}

void linux_sighand_drop(struct linux_sighand *s)
{
    if (atomic_fetch_sub(&s->users, 1) == 1)
        heap_free(s);
}

/* -- synchronous signals of the process ------------------------------------------------------------------------ */

bool linux_signal_is_shared(const struct linux_thread *t, int sig, int code)
{
    const struct signal_state *h = t->signal_private;
    uint64_t mask = h->temp_active ? t->sigmask & h->temp_mask : t->sigmask, bit = LINUX_SIGBIT(sig);
    return (bit & SYNC_SIGNALS) && code == SI_USER && (mask & bit) && !(h->wait_set & bit);
}

void linux_signal_share(struct linux_process *p, int sig, const siginfo_t *info)
{
    uint64_t bit = LINUX_SIGBIT(sig);
    if (atomic_fetch_or(&p->shared_claimed, bit) & bit)
        return;
    p->shared_info[sig] = *info;
    atomic_fetch_or(&p->shared_pending, bit);
}

int linux_signal_take_shared(struct linux_process *p, uint64_t set, siginfo_t *info)
{
    for (uint64_t ready; (ready = atomic_load(&p->shared_pending) & set) != 0;) {
        int sig = __builtin_ctzll(ready) + 1;
        uint64_t bit = LINUX_SIGBIT(sig);
        if (!(atomic_fetch_and(&p->shared_pending, ~bit) & bit))
            continue; /* another thread was faster */
        *info = p->shared_info[sig];
        atomic_fetch_and(&p->shared_claimed, ~bit);
        return sig;
    }
    return 0;
}

/* Would the thread take the signal as soon as it got it?  One without a number is about to start, and looks itself. */
static bool wants(const struct linux_thread *t, uint64_t bit)
{
    const struct signal_state *h = t->signal_private;
    return t->tid && !t->dead && (!((h->temp_active ? h->temp_mask : t->sigmask) & bit) || (h->wait_set & bit));
}

void linux_signal_offer_shared(struct linux_thread *t)
{
    struct linux_process *p = t->proc;
    siginfo_t info;
    pthread_mutex_lock(&p->lock);
    for (const struct linux_thread *o = p->threads; o; o = o->next) {
        uint64_t want = 0;
        for (uint64_t bits = atomic_load(&p->shared_pending); o != t && bits; bits &= bits - 1)
            want |= wants(o, bits & -bits) ? bits & -bits : 0;
        for (int sig; want && (sig = linux_signal_take_shared(p, want, &info)) != 0;) {
            linux_signal_mark(&info); /* only to itself may a thread send one with the code of kill(2) */
            linux_host_syscall(SYS_rt_tgsigqueueinfo, (uint64_t)getpid(), (uint64_t)o->tid, (uint64_t)sig, (uint64_t)(uintptr_t)&info, 0, 0);
        }
    }
    pthread_mutex_unlock(&p->lock);
}

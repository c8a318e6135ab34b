/*
 * Guest threads: creation of the structure, the loop that runs one, and its end.  clone.c starts new ones.
 *
 * A thread that the guest created runs on a detached pthread and ends by returning to it; the first thread of a process,
 * and the surviving one after fork, end with the raw exit(2), so that the C library's exit handlers never run and other
 * guest threads go on.  What the kernel does at the end of a task is done here in its order (robust list, then
 * clear_child_tid), because the host thread still owns a stack and thread-local storage then.
 */
#include "linux/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/chaos.h"
#include "base/file.h"
#include "base/heap.h"
#include "linux/coredump.h"
#include "linux/mm.h"
#include "linux/sig.h"
#include "linux/sys.h"

#define EXIT_BTV_FAILED 125

void linux_thread_link(struct linux_thread *t)
{
    struct linux_process *p = t->proc;
    pthread_mutex_lock(&p->lock);
    t->prev = NULL;
    t->next = p->threads;
    if (t->next)
        t->next->prev = t;
    p->threads = t;
    pthread_mutex_unlock(&p->lock);
}

void linux_thread_unlink(struct linux_thread *t)
{
    struct linux_process *p = t->proc;
    pthread_mutex_lock(&p->lock);
    if (t->prev)
        t->prev->next = t->next;
    else
        p->threads = t->next;
    if (t->next)
        t->next->prev = t->prev;
    pthread_mutex_unlock(&p->lock);
}

struct linux_thread *linux_thread_make(struct linux_process *p)
{
    struct linux_thread *t = chaos_alloc_fails(CHAOS_NEEDED) ? NULL : heap_zeroed(1, sizeof *t);
    if (!t)
        return NULL;
    t->proc = p;
    linux_signal_thread_init(t);
    if (!t->signal_private)
        goto fail;
    if (engine_thread_new(p->engine, &t->et) != BTV_OK)
        goto fail;
    t->cpu = engine_cpu(t->et);
    t->cpu->owner = t;
    return t;
fail:
    linux_signal_thread_free(t);
    heap_free(t);
    return NULL;
}

void linux_thread_begin(struct linux_thread *t)
{
    linux_signal_thread_start(t);
    linux_set_self(t);
    atomic_store(&t->begun, true);
}

struct linux_thread *linux_thread_new(struct linux_process *p)
{
    struct linux_thread *t = linux_thread_make(p);
    if (!t)
        return NULL;
    t->tid = (pid_t)linux_host_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
    linux_thread_begin(t);
    linux_thread_link(t);
    return t;
}

void linux_thread_free(struct linux_thread *t)
{
    linux_thread_unlink(t);
    engine_thread_free(t->et);
    linux_signal_thread_free(t); /* a task of its own stops using its signal stack, so it must still be known */
    if (t == linux_self())
        linux_set_self(NULL);
    heap_free(t);
}

void linux_thread_copy_cpu(struct linux_thread *t, const struct linux_thread *from)
{
    memcpy(t->cpu->slot, from->cpu->slot, sizeof t->cpu->slot);
    t->cpu->fp = from->cpu->fp;
    t->cpu->host_fp = from->cpu->host_fp;
    t->cpu->ll_addr = 1;
}

void linux_thread_exit(int code)
{
    for (;;)
        linux_host_syscall(SYS_exit, (uint64_t)code, 0, 0, 0, 0, 0);
}

/* A line for the user on standard error, without stdio. */
static void report(const char *what, struct str *s)
{
    struct str line = STR_INIT;
    str_add(&line, "btv: %s%s\n", what, str_get(s));
    if (!file_write(2, str_get(&line), line.len))
        line.failed = true; /* nothing left to do about it */
    str_free(&line);
}

static void add_memory_stats(struct linux_process *p, struct str *s)
{
    struct rusage u = {.ru_maxrss = 0};
    getrusage(RUSAGE_SELF, &u);
    str_add(s, "%-20s %14ld  KiB of the process in memory at the most, the guest's included\n", "peak_resident_kib", u.ru_maxrss);
    str_add(s, "%-20s %14llu  KiB mapped by the guest\n", "guest_mapped_kib", (unsigned long long)mm_mapped_bytes(p, 0) / 1024);
}

static void print_stats(struct linux_process *p)
{
    struct str s = STR_INIT;
    if (!p->opt.stats || p->vfork_child)
        return;
    engine_print_stats(p->engine, &s);
    add_memory_stats(p, &s);
    if (!file_write(2, str_get(&s), s.len))
        s.failed = true; /* nothing left to do about it */
    str_free(&s);
}

/* There only in a build that the compiler learns from (tools/profile.sh): writes down what ran, as returning from main would. */
extern void __gcov_dump(void) __attribute__((weak));

void linux_exit_group(struct linux_process *p, int code)
{
    print_stats(p);
    if (__gcov_dump)
        __gcov_dump();
    if (p->opt.strace.on)
        sys_strace_end(p, code, 0);
    for (;;)
        linux_host_syscall(SYS_exit_group, (uint64_t)code, 0, 0, 0, 0, 0);
}

static BTV_COLD void engine_failed(struct linux_thread *t)
{
    struct str s = STR_INIT;
    const struct btv_error *err = engine_error(t->et);
    str_add(&s, "%s: ", err ? err->text : "engine failed");
    engine_describe(t->et, NULL, &s);
    report("internal error: ", &s);
    linux_exit_group(t->proc, EXIT_BTV_FAILED);
}

static void make_syscall(struct linux_thread *t)
{
    const struct linux_abi *abi = t->proc->abi;
    if (BTV_UNLIKELY(linux_signal_pending(t))) { /* it came before the call */
        t->cpu->slot[abi->slot_pc] -= abi->syscall_bytes;
        linux_signal_deliver(t);
        return;
    }
    linux_signal_syscall_begin(t);
    linux_syscall(t);
    linux_signal_syscall_end(t);
}

/*
 * The first thread of a process in shared memory: when it ends, its creator frees what the other threads work on, so they come first.
 * The status is that of the last one to end.
 */
static int outlast_others(struct linux_process *p, int code)
{
    const struct timespec wait = {0, 200000};
    pthread_mutex_lock(&p->lock);
    p->exit_code = code;
    pthread_mutex_unlock(&p->lock);
    while (linux_host_threads() > 1)
        nanosleep(&wait, NULL);
    return p->exit_code;
}

/* The task ends as in kernel/exit.c: do_exit. */
static void thread_end(struct linux_thread *t)
{
    struct linux_process *p = t->proc;
    bool host_pthread = t->host_pthread, last;
    int code = t->exit_code;
    uint64_t clear = t->clear_child_tid;

    linux_signal_block_all();
    linux_robust_exit(t);
    if (p->opt.strace.on)
        sys_strace_thread_end(p, code);
    if (t->in_vfork_child) { /* the parent frees t */
        linux_clear_tid(clear);
        linux_thread_exit(outlast_others(p, code));
    }
    linux_clear_tid(clear); /* the last access to guest memory */
    pthread_mutex_lock(&p->turnover); /* not while another waits for threads that set out before */
    pthread_mutex_unlock(&p->turnover);
    linux_thread_free(t);
    pthread_mutex_lock(&p->lock);
    last = !p->threads;
    p->exit_code = code;
    pthread_mutex_unlock(&p->lock);
    if (last) {
        print_stats(p);
        if (p->opt.strace.on)
            sys_strace_finish(p);
        /* its code is the status of the process: kernel/exit.c, synchronize_group_exit; the engine may have a thread of its own */
        linux_host_syscall(SYS_exit_group, (uint64_t)code, 0, 0, 0, 0, 0);
    }
    if (!host_pthread)
        linux_thread_exit(code);
}

void linux_thread_loop(struct linux_thread *t)
{
    linux_signal_unblock(t);
    while (!t->dead) {
        if (BTV_UNLIKELY(atomic_load_explicit(&t->proc->dumping, memory_order_relaxed)))
            linux_core_park(t);
        switch (engine_run(t->et)) {
        case ENGINE_SYSCALL:
            make_syscall(t);
            break;
        case ENGINE_TRAP:
            linux_trap(t);
            break;
        case ENGINE_INTERRUPT:
            linux_signal_deliver(t);
            break;
        case ENGINE_ERROR:
            engine_failed(t);
            break;
        }
    }
    thread_end(t);
}

/* -- calls for processes of one thread ------------------------------------------------------------------------- */

unsigned linux_host_threads(void)
{
    struct stat st;
    if (linux_host_syscall(SYS_stat, (uint64_t)(uintptr_t) "/proc/self/task", (uint64_t)(uintptr_t)&st, 0, 0, 0, 0) < 0 || st.st_nlink < 2)
        return 0;
    return (unsigned)st.st_nlink - 2; /* a folder's links: itself, its name, and one for each thread */
}

/* Is t the last thread of the guest's while the host still has others, which are on their way out? */
static bool others_end(struct linux_thread *t)
{
    struct linux_process *p = t->proc;
    bool alone = true;
    pthread_mutex_lock(&p->lock);
    for (const struct linux_thread *o = p->threads; o; o = o->next)
        alone = alone && (o == t || o->dead);
    pthread_mutex_unlock(&p->lock);
    return alone && linux_host_threads() > 1;
}

/* A guest thread has ended for those who join it a little before the host's has, which the kernel still counts. */
static int64_t settled_call(struct linux_thread *t, long nr, const uint64_t a[6])
{
    const struct timespec wait = {0, 100000};
    if (!t->in_vfork_child) /* the engine's own thread counts, too */
        engine_tier_stop(t->proc->engine);
    int64_t r = sys_host(nr, a);
    for (int i = 0; r == -EINVAL && i < LINUX_SETTLE_MS * 10 && others_end(t); i++) {
        nanosleep(&wait, NULL);
        r = sys_host(nr, a);
    }
    if (r == -EINVAL) /* the last one may have ended just after the call */
        r = sys_host(nr, a);
    if (!t->in_vfork_child)
        engine_tier_resume(t->proc->engine);
    return r;
}

int64_t linux_sys_unshare(struct linux_thread *t, const uint64_t a[6])
{
    return settled_call(t, SYS_unshare, a);
}

int64_t linux_sys_setns(struct linux_thread *t, const uint64_t a[6])
{
    return settled_call(t, SYS_setns, a);
}

/* -- the ends ---------------------------------------------------------------------------------------------------- */

int64_t linux_sys_exit(struct linux_thread *t, const uint64_t a[6])
{
    linux_signal_block_all();
    if (linux_signal_pending(t)) { /* taken from the host before this call: nobody else would handle it */
        linux_signal_unblock(t);
        return -LINUX_ERESTARTNOINTR;
    }
    t->exit_code = (int)a[0];
    t->dead = true;
    return 0;
}

int64_t linux_sys_exit_group(struct linux_thread *t, const uint64_t a[6])
{
    if (t->in_vfork_child)
        linux_clear_tid(t->clear_child_tid);
    else if (!t->proc->vfork_child)
        engine_keep(t->et);
    linux_exit_group(t->proc, (int)a[0]);
}

int64_t linux_sys_set_tid_address(struct linux_thread *t, const uint64_t a[6])
{
    t->clear_child_tid = a[0];
    return t->tid;
}

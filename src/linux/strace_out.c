/*
 * --strace: where the text goes.
 *
 * All processes of a run write to one descriptor, one write for each piece.  At most one line there is not ended yet: that of the
 * thread `open`.  Whoever writes next ends it with "<unfinished ...>", and its owner goes on with "<... NAME resumed>" on a line of
 * its own.  That, the counts of -c and the time of the last line are in a page that the processes share: a memfd, since it has to
 * survive execve.  The lock in it is a futex with its owner's number, so that one who dies with it does not stop the others.
 *
 * With -ff each thread has a file, where nobody else interrupts.
 */
#include "linux/strace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS            1000000000
#define ABI_ROWS_MAX  8
#define COUNT_UNKNOWN (SYS_ROWS + ABI_ROWS_MAX) /* behind the calls of sys.def and those of the instruction set */
#define COUNTS        (COUNT_UNKNOWN + 1)

struct strace_shared {
    _Atomic uint32_t lock;    /* tid of its owner; 0: free */
    _Atomic uint32_t open;    /* tid of the thread whose line is not ended; 0: nobody's */
    _Atomic uint32_t summed;  /* somebody prints or has printed the summary */
    _Atomic uint64_t last_us; /* when the last line began */
    struct {
        _Atomic uint64_t calls, errors, ns;
    } count[COUNTS];
};

/* -- what the processes share ------------------------------------------------------------------------------ */

static struct strace_shared *map_shared(int fd)
{
    int flags = fd >= 0 ? MAP_SHARED : MAP_SHARED | MAP_ANONYMOUS; /* without memfd: until an execve */
    void *at = mmap(NULL, sizeof(struct strace_shared), PROT_READ | PROT_WRITE, flags, fd, 0);
    return at == MAP_FAILED ? NULL : at;
}

void sys_strace_init(struct linux_process *p)
{
    struct linux_strace_options *o = &p->opt.strace;
    if (o->shared_fd > 0) { /* handed over */
        o->shared_fd = linux_private_fd(o->shared_fd);
    } else {
        int fd = memfd_create("strace", MFD_CLOEXEC);
        if (fd >= 0 && ftruncate(fd, sizeof(struct strace_shared)) == 0)
            o->shared_fd = linux_private_fd(fd);
    }
    p->strace = map_shared(o->shared_fd > 0 ? o->shared_fd : -1);
    if (!o->count)
        return;
    int both[2];
    if (o->alive_fd[1] > 0)
        memcpy(both, o->alive_fd, sizeof both);
    else if (pipe2(both, O_CLOEXEC))
        return;
    for (unsigned i = 0; i < 2; i++) {
        o->alive_fd[i] = linux_private_fd(both[i]);
        fcntl(o->alive_fd[i], F_SETFD, FD_CLOEXEC);
    }
}

static uint32_t own_tid(void)
{
    return (uint32_t)linux_host_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

static bool is_gone(uint32_t tid)
{
    return linux_host_syscall(SYS_tkill, tid, 0, 0, 0, 0, 0) == -ESRCH;
}

static void lock(struct strace_shared *sh)
{
    const struct timespec patience = {0, 20000000};
    uint32_t self = own_tid();
    for (;;) {
        uint32_t owner = 0;
        if (atomic_compare_exchange_strong(&sh->lock, &owner, self) || owner == self) /* ours: btv dies while it writes */
            return;
        int64_t r = linux_host_syscall(SYS_futex, (uint64_t)(uintptr_t)&sh->lock, FUTEX_WAIT, owner, (uint64_t)(uintptr_t)&patience, 0, 0);
        if (r == -ETIMEDOUT && is_gone(owner) && atomic_compare_exchange_strong(&sh->lock, &owner, self))
            return;
    }
}

static void unlock(struct strace_shared *sh)
{
    atomic_store(&sh->lock, 0);
    linux_host_syscall(SYS_futex, (uint64_t)(uintptr_t)&sh->lock, FUTEX_WAKE, 1, 0, 0, 0);
}

/* -- lines ------------------------------------------------------------------------------------------------- */

static void add_stamp(const struct linux_process *p, struct str *s)
{
    const struct linux_strace_options *o = &p->opt.strace;
    struct timespec now;
    if (o->since_last) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        uint64_t us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000, last = us;
        if (p->strace)
            last = atomic_exchange(&p->strace->last_us, us);
        last = last && last <= us ? us - last : 0;
        str_add(s, "%6" PRIu64 ".%06" PRIu64 " ", last / 1000000, last % 1000000);
    }
    if (!o->stamp)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    if (o->stamp > 2) {
        str_add(s, "%" PRId64 ".%06ld ", (int64_t)now.tv_sec, now.tv_nsec / 1000);
        return;
    }
    unsigned day = (unsigned)(((now.tv_sec + o->utc_offset) % 86400 + 86400) % 86400);
    str_add(s, "%02u:%02u:%02u", day / 3600, day / 60 % 60, day % 60);
    if (o->stamp > 1)
        str_add(s, ".%06ld", now.tv_nsec / 1000);
    str_adds(s, " ");
}

void strace_prefix(const struct linux_process *p, struct str *s, pid_t tid)
{
    if (!p->opt.strace.file) /* a file of its own needs no number */
        str_add(s, "%d ", (int)tid);
    add_stamp(p, s);
}

static void put(int fd, const char *text, size_t n)
{
    linux_host_syscall(SYS_write, (uint64_t)fd, (uint64_t)(uintptr_t)text, n, 0, 0, 0);
}

static int open_file(const struct linux_process *p, pid_t tid, int flags)
{
    char name[300];
    snprintf(name, sizeof name, "%s.%d", p->opt.strace.file, (int)tid);
    return openat(p->opt.strace.fd, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0666);
}

/*
 * Writes to the file of this thread.  Its descriptor has a number of the guest's only for as long as it takes to move it.  When btv
 * has too many descriptors of its own for one more to stay hidden from the guest, it is opened for each piece.
 */
static void put_own(struct linux_process *p, pid_t tid, const char *text, size_t n)
{
    struct linux_thread *t = linux_self();
    if (t && t->strace.tid != tid) {
        int flags = p->opt.strace.exec_tid ? 0 : O_TRUNC; /* the program before wrote to it */
        p->opt.strace.exec_tid = 0;
        t->strace.tid = tid;
        t->strace.fd = linux_private_fd(open_file(p, tid, flags));
        if (t->strace.fd >= 0 && !linux_is_private_fd(t->strace.fd)) {
            close(t->strace.fd);
            t->strace.fd = -1;
        }
    }
    if (t && t->strace.fd >= 0) {
        put(t->strace.fd, text, n);
        return;
    }
    int fd = open_file(p, tid, 0);
    put(fd, text, n);
    close(fd);
}

void strace_close(struct linux_thread *t)
{
    if (t->strace.fd > 0 && t->strace.tid == t->tid)
        linux_private_close(t->strace.fd);
    t->strace.tid = 0;
}

void strace_write(struct linux_process *p, pid_t tid, struct str *s, enum strace_part part, const char *name)
{
    static const char unfinished[] = " <unfinished ...>\n";
    struct strace_shared *sh = p->strace;
    struct str head = STR_INIT;
    bool split = p->opt.strace.file != NULL, interrupted = false;
    if (s->failed || !sh)
        goto out;
    if (part != STRACE_OPEN)
        str_adds(s, "\n");
    if (split) {
        put_own(p, tid, str_get(s), s->len);
        goto out;
    }
    lock(sh);
    uint32_t open = atomic_load(&sh->open);
    if (open && !(part == STRACE_REST && open == (uint32_t)tid)) {
        put(p->opt.strace.fd, unfinished, sizeof unfinished - 1);
        interrupted = true;
    }
    if (part == STRACE_REST && (!open || interrupted)) {
        strace_prefix(p, &head, tid);
        str_add(&head, "<... %s resumed>%s", name, str_get(s));
        if (!head.failed)
            put(p->opt.strace.fd, str_get(&head), head.len);
    } else {
        put(p->opt.strace.fd, str_get(s), s->len);
    }
    atomic_store(&sh->open, part == STRACE_OPEN ? (uint32_t)tid : 0);
    unlock(sh);
out:
    str_free(&head);
    str_free(s);
}

/* -- counts ------------------------------------------------------------------------------------------------ */

uint64_t strace_clock_ns(const struct linux_process *p)
{
    struct timespec ts;
    clock_gettime(p->opt.strace.wall ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * NS + (uint64_t)ts.tv_nsec;
}

void strace_count(const struct linux_process *p, const struct sys_row *row, int64_t ret, uint64_t ns)
{
    size_t i = COUNT_UNKNOWN;
    if (!p->strace)
        return;
    if (row >= sys_rows && row < sys_rows + SYS_ROWS)
        i = (size_t)(row - sys_rows);
    else if (row && row - p->abi->sys_rows < ABI_ROWS_MAX)
        i = SYS_ROWS + (size_t)(row - p->abi->sys_rows);
    atomic_fetch_add(&p->strace->count[i].calls, 1);
    if (ret < 0 && ret > -4096)
        atomic_fetch_add(&p->strace->count[i].errors, 1);
    atomic_fetch_add(&p->strace->count[i].ns, ns);
}

struct sum {
    const char *name;
    uint64_t calls, errors, ns;
};

static int by_time(const void *x, const void *y)
{
    const struct sum *a = x, *b = y;
    if (a->ns != b->ns)
        return a->ns < b->ns ? 1 : -1;
    return strcmp(a->name, b->name);
}

static void add_sum(struct str *s, const struct sum *u, uint64_t all_ns)
{
    uint64_t us = u->ns / 1000;
    str_add(s, "%6.2f %4" PRIu64 ".%06" PRIu64 " %11" PRIu64 " %9" PRIu64, all_ns ? 100.0 * (double)u->ns / (double)all_ns : 0.0,
            us / 1000000, us % 1000000, u->calls ? us / u->calls : 0, u->calls);
    if (u->errors)
        str_add(s, " %9" PRIu64 " %s\n", u->errors, u->name);
    else
        str_add(s, " %9s %s\n", "", u->name);
}

static void print_summary(const struct linux_process *p)
{
    static const char rule[] = "------ ----------- ----------- --------- --------- ----------------\n";
    struct sum sums[COUNTS], all = {.name = "total"};
    struct str s = STR_INIT;
    unsigned n = 0;
    for (unsigned i = 0; i < COUNTS; i++) {
        const char *name = i < SYS_ROWS                       ? sys_rows[i].name
                           : i < SYS_ROWS + p->abi->nsys_rows ? p->abi->sys_rows[i - SYS_ROWS].name
                                                              : "(unknown)";
        sums[n] = (struct sum){name, p->strace->count[i].calls, p->strace->count[i].errors, p->strace->count[i].ns};
        all.calls += sums[n].calls;
        all.errors += sums[n].errors;
        all.ns += sums[n].ns;
        n += sums[n].calls != 0;
    }
    qsort(sums, n, sizeof sums[0], by_time);
    str_add(&s, "%6s %11s %11s %9s %9s %s\n%s", "% time", "seconds", "usecs/call", "calls", "errors", "syscall", rule);
    for (unsigned i = 0; i < n; i++)
        add_sum(&s, &sums[i], all.ns);
    str_adds(&s, rule);
    add_sum(&s, &all, all.ns);
    if (!s.failed)
        put(p->opt.strace.file ? STDERR_FILENO : p->opt.strace.fd, str_get(&s), s.len);
    str_free(&s);
}

/*
 * The last process prints the summary: the one after which nobody holds the pipe.  Forked children hold it from their first instruction
 * on, and those that are killed let it go.
 */
void sys_strace_finish(struct linux_process *p)
{
    const struct linux_strace_options *o = &p->opt.strace;
    if (!o->count || !p->strace || o->alive_fd[1] <= 0)
        return;
    close(o->alive_fd[1]);
    struct pollfd pipe = {.fd = o->alive_fd[0], .events = POLLIN};
    if (poll(&pipe, 1, 0) > 0 && pipe.revents & POLLHUP && !atomic_exchange(&p->strace->summed, 1))
        print_summary(p);
}

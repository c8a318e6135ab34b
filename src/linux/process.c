/*
 * A process from options to its end, and btv's own descriptors.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/chaos.h"
#include "base/heap.h"
#include "linux/loader.h"
#include "linux/procmaps.h"
#include "linux/procmem.h"
#include "linux/secfilter.h"
#include "linux/sig.h"
#include "linux/sys.h"

/* -- btv's own descriptors --------------------------------------------------------------------------------- */

#define PRIVATE_FDS 32

/* The descriptor table belongs to the host process, not to a struct linux_process (a vfork child has a copy of that), so
 * its record is a process-wide one.  A free entry is -1. */
static _Atomic int private_fds[PRIVATE_FDS] = {[0 ... PRIVATE_FDS - 1] = -1};

int linux_dup_high(int fd, bool across_exec)
{
    struct rlimit old, wide;
    int how = across_exec ? F_DUPFD : F_DUPFD_CLOEXEC, r = fcntl(fd, how, LINUX_PRIVATE_FD_MIN);
    if (r >= 0 || errno != EINVAL || getrlimit(RLIMIT_NOFILE, &old))
        return r;
    /* The soft limit is in the way; it only matters while a descriptor is made. */
    wide = old;
    wide.rlim_cur = old.rlim_max < LINUX_PRIVATE_FD_MIN + 4 * PRIVATE_FDS ? old.rlim_max : LINUX_PRIVATE_FD_MIN + 4 * PRIVATE_FDS;
    if (wide.rlim_cur > old.rlim_cur && !setrlimit(RLIMIT_NOFILE, &wide)) {
        r = fcntl(fd, how, LINUX_PRIVATE_FD_MIN);
        setrlimit(RLIMIT_NOFILE, &old);
    }
    if (r < 0)
        r = fcntl(fd, how, (int)(old.rlim_cur > PRIVATE_FDS ? old.rlim_cur - PRIVATE_FDS : 0));
    return r;
}

/* fd, or its duplicate above the guest's numbers. */
static int move_high(int fd)
{
    int high = fd >= LINUX_PRIVATE_FD_MIN ? fd : linux_dup_high(fd, false);
    if (high >= 0 && high != fd) {
        close(fd);
        return high;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC); /* it may come from the btv-run before */
    return fd;
}

int linux_private_fd(int fd)
{
    if (fd < 0)
        return fd;
    int high = move_high(fd);
    for (unsigned i = 0; i < PRIVATE_FDS; i++) {
        int none = -1;
        if (atomic_compare_exchange_strong(&private_fds[i], &none, high))
            break;
    }
    return high;
}

void linux_private_close(int fd)
{
    for (unsigned i = 0; fd >= 0 && i < PRIVATE_FDS; i++) {
        int was = fd;
        if (atomic_compare_exchange_strong(&private_fds[i], &was, -1))
            break;
    }
    close(fd);
}

unsigned linux_private_fds(int *out, unsigned max)
{
    unsigned n = 0;
    for (unsigned i = 0; i < PRIVATE_FDS && n < max; i++) {
        out[n] = private_fds[i];
        n += out[n] >= 0;
    }
    return n;
}

bool linux_is_private_fd(int fd)
{
    for (unsigned i = 0; fd >= 0 && i < PRIVATE_FDS; i++)
        if (private_fds[i] == fd)
            return true;
    return false;
}

_Static_assert(PRIVATE_FDS == PROC_PRIVATE_MAX, "others read the whole array");

/* -- process ----------------------------------------------------------------------------------------------- */

/* Every guest's Linux ABI of this build. */
static const struct linux_abi *const abis[] = {&linux_abi_riscv64};

const struct linux_abi *linux_abi_for(const struct guest_isa *g)
{
    for (unsigned i = 0; i < ARRAY_LEN(abis); i++)
        if (abis[i]->guest == g)
            return abis[i];
    return NULL;
}

/* The lines go where they went at the start, whatever the guest makes of its standard error. */
static int output_fd(int fd)
{
    fd = linux_private_fd(fd <= STDERR_FILENO ? dup(fd) : fd);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

static void start_trace(struct trace_config *c)
{
    if (!c->topics)
        return;
    c->fd = output_fd(c->fd);
    trace_start(c);
}

static enum btv_status process_new(const struct linux_options *opt, const struct guest_isa *guest, struct linux_process **out, struct btv_error *err)
{
    chaos_alloc_set(opt->engine.alloc, opt->engine.alloc_at);
    chaos_io_set(opt->engine.io, opt->engine.seed);
    struct linux_process *p = chaos_alloc_fails(CHAOS_NEEDED) ? NULL : heap_zeroed(1, sizeof *p);
    struct stat self;
    if (!p)
        return err_set(err, BTV_NOMEM, "process: out of memory");
    p->opt = *opt;
    p->abi = linux_abi_for(guest);
    p->exe_fd = -1;
    p->mdwe = opt->mdwe;
    p->sighand = linux_sighand_new(NULL);
    if (!p->sighand) {
        heap_free(p);
        return err_set(err, BTV_NOMEM, "process: out of memory");
    }
    p->rlimit[RLIMIT_AS] = opt->limits.as;
    p->rlimit[RLIMIT_DATA] = opt->limits.data;
    p->rlimit[RLIMIT_STACK] = opt->limits.stack;
    p->rlimit[RLIMIT_NOFILE] = opt->limits.files;
    pthread_mutex_init(&p->lock, NULL);
    pthread_mutex_init(&p->turnover, NULL);
    if (!p->abi) {
        heap_free(p);
        return err_set(err, BTV_NOTIMPL, "%s: this build has no Linux processes for this instruction set", guest->name);
    }
    p->self_fd = linux_private_fd(opt->self_fd ? opt->self_fd : open("/proc/self/exe", O_PATH | O_CLOEXEC));
    if (opt->self_fd)
        fcntl(p->self_fd, F_SETFD, FD_CLOEXEC);
    p->private_fds = private_fds;
    if (p->self_fd >= 0 && !fstat(p->self_fd, &self)) {
        p->self_dev = self.st_dev;
        p->self_ino = self.st_ino;
    }
    if (opt->strace.on) {
        p->opt.strace.fd = output_fd(opt->strace.fd);
        sys_strace_init(p);
    }
    start_trace(&p->opt.trace);
    if (opt->engine.record_fd)
        p->opt.engine.record_fd = output_fd(opt->engine.record_fd);
    if (opt->engine.replay_fd)
        p->opt.engine.replay_fd = output_fd(opt->engine.replay_fd);
    if (opt->engine.store_fd)
        p->opt.engine.store_fd = output_fd(opt->engine.store_fd);
    p->opt.engine.guest_cpu = opt->cpu;
    p->opt.engine.place = procmaps_place;
    p->opt.engine.place_ctx = p;
    enum btv_status st = opt->cpu ? guest->select(opt->cpu, err) : BTV_OK;
    if (st == BTV_OK)
        st = linux_mm_init(p, err);
    if (st == BTV_OK)
        st = engine_new(&p->opt.engine, guest, p->mem, &p->engine, err);
    if (st == BTV_OK)
        *out = p;
    else
        heap_free(p); /* the caller ends; nothing else is worth undoing */
    return st;
}

enum btv_status linux_run(const struct linux_options *opt, const struct guest_isa *guest, const char *path, char **argv, char **envp, struct btv_error *err)
{
    struct linux_process *p = NULL;
    enum btv_status st = process_new(opt, guest, &p, err);
    if (st != BTV_OK)
        return st;
    linux_signal_init(p);
    procmem_inherited();
    struct linux_thread *t = linux_thread_new(p);
    if (!t)
        return err_set(err, BTV_NOMEM, "process: cannot make its first thread; check free memory and `ulimit -v`");
    if (opt->seccomp_fd)
        st = seccomp_load(t, opt->seccomp_fd, err);
    if (st == BTV_OK)
        st = linux_load(t, path, argv, envp, err);
    if (st != BTV_OK)
        return st;
    proc_publish(p);
    if (p->opt.strace.on)
        sys_strace_start(t, path, argv, envp);
    linux_thread_loop(t);
    return BTV_OK;
}

/*
 * seccomp: strict mode and filters, for the guest's own calls.
 *
 * The host's kernel knows nothing of a guest's filter: it would judge btv's calls, by the host's numbers.  So each guest call
 * passes through seccomp_allows, which runs the filters of the thread on the guest's number, arguments, instruction
 * pointer and AUDIT_ARCH.  Privileges (no_new_privs, CAP_SYS_ADMIN) are the host's, since they are the process' own.
 *
 * The kernel's notification descriptors (SECCOMP_FILTER_FLAG_NEW_LISTENER) are refused as a kernel before 5.0 does, and there
 * is no tracer: SECCOMP_RET_TRACE and SECCOMP_RET_USER_NOTIF fail with ENOSYS as they do without one.
 *
 * Reference: kernel/seccomp.c of Linux 6.12.
 */
#include "linux/secfilter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/heap.h"
#include "linux/cbpf.h"
#include "linux/sig.h"
#include "linux/sys.h"

#define FILTERS_INSNS_MAX 32768 /* MAX_INSNS_PER_PATH */
#define FILTER_OVERHEAD 4       /* what the kernel counts for each filter beside its instructions */
#define RESULT_ERRNO_MAX 4095
#define CODE_SECCOMP 1            /* SYS_SECCOMP of siginfo.h, which libc lacks */
#define CODE_USER_DISPATCH 2
#define FLAGS_KNOWN (SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_TSYNC_ESRCH)

struct seccomp_filter {
    const struct seccomp_filter *older;
    uint32_t chain_insns; /* of this filter and all older ones, as the kernel counts them */
    uint32_t chain_length;
    uint32_t n;
    struct sock_filter insn[];
};

/* The chain of a thread in strict mode. */
static const struct seccomp_filter strict;

static const struct seccomp_filter *chain_of(const struct linux_thread *t)
{
    return atomic_load_explicit(&t->seccomp, memory_order_acquire);
}

int seccomp_mode(const struct linux_thread *t)
{
    const struct seccomp_filter *f = chain_of(t);
    return !f ? SECCOMP_MODE_DISABLED : f == &strict ? SECCOMP_MODE_STRICT : SECCOMP_MODE_FILTER;
}

unsigned seccomp_filters(const struct linux_thread *t)
{
    const struct seccomp_filter *f = chain_of(t);
    return f ? f->chain_length : 0;
}

/* -- judging a call ---------------------------------------------------------------------------------------- */

static bool strict_allows(const struct sys_row *row)
{
    static const char *const allowed[] = {"read", "write", "exit", "rt_sigreturn"};
    for (unsigned i = 0; row && i < ARRAY_LEN(allowed); i++)
        if (!strcmp(row->name, allowed[i]))
            return true;
    return false;
}

/* What SIGSYS says of a call. */
static siginfo_t call_info(const struct linux_thread *t, uint64_t nr, int code, uint32_t data)
{
    const struct linux_abi *abi = t->proc->abi;
    siginfo_t info = {.si_signo = SIGSYS, .si_code = code, .si_errno = (int)data};
    info.si_call_addr = mem_host(t->cpu->slot[abi->slot_pc]);
    info.si_syscall = (int)nr;
    info.si_arch = abi->audit_arch;
    return info;
}

/* The thread ends as if by that signal; the process with it, and with a core file, when no other thread is left. */
static void kill_thread(struct linux_thread *t, const siginfo_t *info)
{
    struct linux_process *p = t->proc;
    pthread_mutex_lock(&p->lock);
    bool alone = p->threads == t && !t->next;
    pthread_mutex_unlock(&p->lock);
    if (alone)
        linux_die(t, info);
    linux_signal_block_all();
    t->exit_code = info->si_signo;
    t->dead = true;
}

/* SIGSYS, with the registers as before the call. */
static void trap(struct linux_thread *t, uint64_t nr, int code, uint32_t data)
{
    siginfo_t info = call_info(t, nr, code, data);
    linux_signal_no_restart(t);
    linux_force_signal(t, &info);
}

/* The result of the chain: the most severe action, the newest filter's among equals. */
static uint32_t run_filters(const struct seccomp_filter *f, const uint32_t data[CBPF_DATA_WORDS])
{
    uint32_t result = SECCOMP_RET_ALLOW;
    for (; f; f = f->older) {
        uint32_t one = cbpf_run(f->insn, data);
        if ((int32_t)(one & SECCOMP_RET_ACTION_FULL) < (int32_t)(result & SECCOMP_RET_ACTION_FULL))
            result = one;
    }
    return result;
}

bool seccomp_allows(struct linux_thread *t, uint64_t nr, const uint64_t a[6], int64_t *ret)
{
    const struct linux_abi *abi = t->proc->abi;
    const struct seccomp_filter *f = chain_of(t);
    *ret = LINUX_SIGRETURN_DONE;
    if (f == &strict) {
        if (strict_allows(sys_row_find(abi, nr)))
            return true;
        TRACE(sys, "seccomp: call %llu in strict mode", (unsigned long long)nr);
        kill_thread(t, &(siginfo_t){.si_signo = SIGKILL});
        return false;
    }
    struct seccomp_data d = {.nr = (int)nr, .arch = abi->audit_arch, .instruction_pointer = t->cpu->slot[abi->slot_pc]};
    uint32_t words[CBPF_DATA_WORDS];
    memcpy(d.args, a, sizeof d.args);
    _Static_assert(sizeof d == sizeof words, "struct seccomp_data");
    memcpy(words, &d, sizeof words);
    uint32_t result = run_filters(f, words), data = result & SECCOMP_RET_DATA;
    uint32_t action = result & SECCOMP_RET_ACTION_FULL;
    if (action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG)
        return true;
    TRACE(sys, "seccomp: call %llu: action 0x%x", (unsigned long long)nr, result);
    siginfo_t info = call_info(t, nr, CODE_SECCOMP, data);
    switch (action) {
    case SECCOMP_RET_ERRNO:
        *ret = -(int64_t)(data < RESULT_ERRNO_MAX ? data : RESULT_ERRNO_MAX);
        break;
    case SECCOMP_RET_TRAP:
        trap(t, nr, CODE_SECCOMP, data);
        break;
    case SECCOMP_RET_USER_NOTIF:
    case SECCOMP_RET_TRACE:
        *ret = -ENOSYS;
        break;
    case SECCOMP_RET_KILL_THREAD:
        kill_thread(t, &info);
        break;
    default: /* SECCOMP_RET_KILL_PROCESS, and what no kernel knows */
        linux_die(t, &info);
    }
    return false;
}

/* -- calls that the program dispatches itself (Documentation/admin-guide/syscall-user-dispatch.rst) ------------ */

enum { DISPATCH_OFF, DISPATCH_ON }; /* modes of the option */
enum { SELECTOR_ALLOW, SELECTOR_BLOCK };

int64_t seccomp_set_dispatch(struct linux_thread *t, const uint64_t a[6])
{
    uint64_t start = a[2], len = a[3], selector = a[4];
    switch (a[1]) {
    case DISPATCH_OFF:
        if (start || len || selector)
            return -EINVAL;
        break;
    case DISPATCH_ON:
        if (start && start + len <= start)
            return -EINVAL;
        if (sys_pointer(t->proc, selector, 1) != selector)
            return -EFAULT;
        break;
    default:
        return -EINVAL;
    }
    t->dispatch.on = a[1] == DISPATCH_ON;
    t->dispatch.start = start;
    t->dispatch.len = len;
    t->dispatch.selector = selector;
    return 0;
}

bool seccomp_dispatches(struct linux_thread *t, uint64_t nr, int64_t *ret)
{
    uint64_t pc = t->cpu->slot[t->proc->abi->slot_pc];
    uint8_t state = SELECTOR_BLOCK;
    if (pc - t->dispatch.start < t->dispatch.len)
        return false;
    if (t->dispatch.selector && !linux_copy_in(&state, t->dispatch.selector, sizeof state))
        linux_die(t, &(siginfo_t){.si_signo = SIGSEGV, .si_code = SI_KERNEL});
    if (state == SELECTOR_ALLOW)
        return false;
    if (state != SELECTOR_BLOCK)
        linux_die(t, &(siginfo_t){.si_signo = SIGSYS, .si_code = SI_KERNEL});
    *ret = LINUX_SIGRETURN_DONE;
    trap(t, nr, CODE_USER_DISPATCH, 0);
    return true;
}

/* -- installing filters ------------------------------------------------------------------------------------ */

static bool may_install(void)
{
    return linux_host_syscall(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0, 0) == 1 || linux_capable(CAP_SYS_ADMIN);
}

static struct seccomp_filter *filter_new(unsigned n)
{
    struct seccomp_filter *f = heap_zeroed(1, sizeof *f + n * sizeof f->insn[0]);
    if (f)
        f->n = n;
    return f;
}

/* Puts f before `older`. */
static int64_t filter_link(struct seccomp_filter *f, const struct seccomp_filter *older)
{
    f->older = older;
    f->chain_length = (older ? older->chain_length : 0) + 1;
    f->chain_insns = f->n + FILTER_OVERHEAD + (older ? older->chain_insns : 0);
    return f->chain_insns - FILTER_OVERHEAD > FILTERS_INSNS_MAX ? -ENOMEM : 0;
}

/* The guest's struct sock_fprog at addr: a checked filter, or -errno. */
static int64_t filter_read(uint64_t addr, struct seccomp_filter **out)
{
    struct {
        uint16_t len;
        uint64_t filter;
    } prog;
    if (!linux_copy_in(&prog, addr, sizeof prog))
        return -EFAULT;
    if (!prog.len || prog.len > CBPF_INSNS_MAX)
        return -EINVAL;
    if (!may_install())
        return -EACCES;
    struct seccomp_filter *f = filter_new(prog.len);
    if (!f)
        return -ENOMEM;
    int64_t ret = !linux_copy_in(f->insn, prog.filter, f->n * sizeof f->insn[0]) ? -EFAULT : !cbpf_check(f->insn, f->n) ? -EINVAL : 0;
    if (ret < 0)
        heap_free(f);
    else
        *out = f;
    return ret;
}

/* Is the chain of `t` a part of `mine`, so that it may be replaced by a longer one?  With p->lock held. */
static bool can_follow(const struct linux_thread *t, const struct seccomp_filter *mine)
{
    const struct seccomp_filter *theirs = chain_of(t);
    if (!theirs)
        return true;
    while (mine && mine != theirs)
        mine = mine->older;
    return mine == theirs;
}

/* SECCOMP_FILTER_FLAG_TSYNC: the first thread that cannot follow, or 0. */
static pid_t find_outsider(const struct linux_thread *t)
{
    for (const struct linux_thread *o = t->proc->threads; o; o = o->next)
        if (o != t && !can_follow(o, chain_of(t)))
            return o->tid;
    return 0;
}

static int64_t install(struct linux_thread *t, uint32_t flags, struct seccomp_filter *f)
{
    struct linux_process *p = t->proc;
    pthread_mutex_lock(&p->lock);
    int64_t ret = chain_of(t) == &strict ? -EINVAL : filter_link(f, chain_of(t));
    if (ret == 0 && (flags & SECCOMP_FILTER_FLAG_TSYNC)) {
        ret = find_outsider(t);
        if (ret)
            ret = flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH ? -ESRCH : ret;
    }
    if (ret == 0) {
        for (struct linux_thread *o = p->threads; o && (flags & SECCOMP_FILTER_FLAG_TSYNC); o = o->next)
            atomic_store_explicit(&o->seccomp, f, memory_order_release);
        atomic_store_explicit(&t->seccomp, f, memory_order_release);
    }
    pthread_mutex_unlock(&p->lock);
    return ret;
}

static int64_t set_filter(struct linux_thread *t, uint32_t flags, uint64_t program)
{
    struct seccomp_filter *f = NULL;
    if (flags & ~FLAGS_KNOWN)
        return -EINVAL;
    int64_t ret = filter_read(program, &f);
    if (ret == 0)
        ret = install(t, flags, f);
    if (ret != 0)
        heap_free(f);
    return ret;
}

static int64_t set_strict(struct linux_thread *t)
{
    const struct seccomp_filter *none = NULL;
    bool ok = atomic_compare_exchange_strong(&t->seccomp, &none, &strict) || none == &strict;
    return ok ? 0 : -EINVAL;
}

int64_t seccomp_set(struct linux_thread *t, uint64_t mode, uint64_t program)
{
    return mode == SECCOMP_MODE_STRICT ? set_strict(t) : mode == SECCOMP_MODE_FILTER ? set_filter(t, 0, program) : -EINVAL;
}

static int64_t action_available(uint64_t addr)
{
    uint32_t action;
    if (!linux_copy_in(&action, addr, sizeof action))
        return -EFAULT;
    switch (action) {
    case SECCOMP_RET_KILL_PROCESS:
    case SECCOMP_RET_KILL_THREAD:
    case SECCOMP_RET_TRAP:
    case SECCOMP_RET_ERRNO:
    case SECCOMP_RET_TRACE:
    case SECCOMP_RET_LOG:
    case SECCOMP_RET_ALLOW:
        return 0;
    default:
        return -EOPNOTSUPP;
    }
}

int64_t linux_sys_seccomp(struct linux_thread *t, const uint64_t a[6])
{
    uint32_t flags = (uint32_t)a[1];
    switch ((uint32_t)a[0]) {
    case SECCOMP_SET_MODE_STRICT:
        return flags || a[2] ? -EINVAL : set_strict(t);
    case SECCOMP_SET_MODE_FILTER:
        return set_filter(t, flags, a[2]);
    case SECCOMP_GET_ACTION_AVAIL:
        return flags ? -EINVAL : action_available(a[2]);
    default: /* SECCOMP_GET_NOTIF_SIZES as well: there are no notifications */
        return -EINVAL;
    }
}

/* -- execve ------------------------------------------------------------------------------------------------ */

/* The file: for each filter, oldest first, its number of instructions (32 bits) and the instructions. */
static bool save_chain(const struct seccomp_filter *newest, int fd)
{
    bool ok = true;
    for (unsigned k = 1; ok && k <= newest->chain_length; k++) {
        const struct seccomp_filter *f = newest;
        while (f->chain_length != k)
            f = f->older;
        size_t bytes = f->n * sizeof f->insn[0];
        ok = write(fd, &f->n, sizeof f->n) == (ssize_t)sizeof f->n && write(fd, f->insn, bytes) == (ssize_t)bytes;
    }
    return ok && lseek(fd, 0, SEEK_SET) == 0;
}

int64_t seccomp_save(const struct linux_thread *t)
{
    const struct seccomp_filter *f = chain_of(t);
    if (!f)
        return -1;
    int64_t low = linux_host_syscall(SYS_memfd_create, (uint64_t)(uintptr_t) "", 0, 0, 0, 0, 0);
    if (low < 0)
        return low;
    int64_t fd = linux_dup_high((int)low, true);
    if (fd < 0)
        fd = low;
    else
        linux_host_syscall(SYS_close, (uint64_t)low, 0, 0, 0, 0, 0);
    if (save_chain(f, (int)fd))
        return fd;
    linux_host_syscall(SYS_close, (uint64_t)fd, 0, 0, 0, 0, 0);
    return -ENOMEM;
}

enum btv_status seccomp_load(struct linux_thread *t, int fd, struct btv_error *err)
{
    const struct seccomp_filter *newest = NULL;
    uint32_t n;
    bool ok = true;
    while (ok && read(fd, &n, sizeof n) == (ssize_t)sizeof n) {
        struct seccomp_filter *f = n && n <= CBPF_INSNS_MAX ? filter_new(n) : NULL;
        ok = f && read(fd, f->insn, n * sizeof f->insn[0]) == (ssize_t)(n * sizeof f->insn[0]) && cbpf_check(f->insn, n) && filter_link(f, newest) == 0;
        newest = f;
    }
    close(fd);
    if (!ok || !newest)
        return err_set(err, BTV_INVALID, "seccomp: the filters that execve handed over cannot be read");
    atomic_store(&t->seccomp, newest);
    return BTV_OK;
}

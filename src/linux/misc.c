/*
 * The system, limits, prctl and keys: calls whose answer or effect must not be the host process's own.
 */
#include "linux/procmem.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "linux/secfilter.h"

int64_t linux_sys_uname(struct linux_thread *t, const uint64_t a[6])
{
    struct utsname u;
    int64_t ret = linux_host_syscall(SYS_uname, (uint64_t)(uintptr_t)&u, 0, 0, 0, 0, 0);
    if (ret < 0)
        return ret;
    memset(u.machine, 0, sizeof u.machine);
    bool compat = (linux_host_syscall(SYS_personality, UINT32_MAX, 0, 0, 0, 0, 0) & PER_MASK) == PER_LINUX32;
    strncpy(u.machine, compat ? t->proc->abi->uname_compat : t->proc->abi->uname_machine, sizeof u.machine - 1);
    return linux_copy_out(a[0], &u, sizeof u) ? 0 : -EFAULT;
}

/* -- limits ------------------------------------------------------------------------------------------------ */

/*
 * Limits on memory are kept for the guest alone: the host's would count btv's own.  The limit on the stack is passed on for the
 * programs that the guest executes, but never below what btv needs itself; the soft limit on descriptors is the host's, the hard one is
 * not, so that btv can always put its own above the guest's numbers.
 */
#define HOST_STACK_MIN (UINT64_C(1) << 20)

static bool is_kept(unsigned resource)
{
    return resource == RLIMIT_AS || resource == RLIMIT_DATA || resource == RLIMIT_STACK || resource == RLIMIT_NOFILE;
}

static void get_kept(struct linux_process *p, unsigned resource, uint64_t lim[2])
{
    struct linux_rlimit *l = &p->rlimit[resource];
    if (!l->set) {
        linux_host_syscall(SYS_prlimit64, 0, resource, 0, (uint64_t)(uintptr_t)lim, 0, 0);
        *l = (struct linux_rlimit){.set = true, .cur = lim[0], .max = lim[1]};
    }
    lim[0] = l->cur;
    lim[1] = l->max;
}

/* May this process raise a hard limit (CAP_SYS_RESOURCE, of the first user namespace)?  Found out by trying, on one that is finite. */
static bool may_raise(void)
{
    static const unsigned finite[] = {RLIMIT_SIGPENDING, RLIMIT_NPROC, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_RTPRIO, RLIMIT_NICE};
    for (unsigned i = 0; i < ARRAY_LEN(finite); i++) {
        uint64_t lim[2];
        if (linux_host_syscall(SYS_prlimit64, 0, finite[i], 0, (uint64_t)(uintptr_t)lim, 0, 0) < 0 || lim[1] == RLIM_INFINITY)
            continue;
        const uint64_t more[2] = {lim[0], lim[1] + 1};
        if (linux_host_syscall(SYS_prlimit64, 0, finite[i], (uint64_t)(uintptr_t)more, 0, 0, 0) < 0)
            return false;
        linux_host_syscall(SYS_prlimit64, 0, finite[i], (uint64_t)(uintptr_t)lim, 0, 0, 0);
        return true;
    }
    return false;
}

/* May the limit be set, and what the host is to know of it.  pid: 0 for oneself. */
static int64_t set_host(uint64_t pid, unsigned resource, const uint64_t lim[2], const uint64_t old[2])
{
    if (lim[0] > lim[1])
        return -EINVAL;
    if (lim[1] > old[1] && !may_raise())
        return -EPERM;
    uint64_t host_now[2] = {0, 0};
    int64_t ret = linux_host_syscall(SYS_prlimit64, pid, resource, 0, (uint64_t)(uintptr_t)host_now, 0, 0);
    bool files = resource == RLIMIT_NOFILE;
    if (ret == 0 && (files || lim[1] > host_now[1])) { /* of the others the host's soft limit stays: btv's own memory counts there */
        uint64_t ask[2] = {files ? lim[0] : host_now[0], lim[1] > host_now[1] ? lim[1] : host_now[1]};
        ret = linux_host_syscall(SYS_prlimit64, pid, resource, (uint64_t)(uintptr_t)ask, 0, 0, 0);
    }
    if (ret == 0 && resource == RLIMIT_STACK) {
        uint64_t host[2] = {lim[0] < HOST_STACK_MIN ? HOST_STACK_MIN : lim[0], lim[1] < HOST_STACK_MIN ? HOST_STACK_MIN : lim[1]};
        linux_host_syscall(SYS_prlimit64, pid, resource, (uint64_t)(uintptr_t)host, 0, 0, 0);
    }
    return ret;
}

static int64_t set_kept(struct linux_process *p, unsigned resource, const uint64_t lim[2])
{
    uint64_t old[2] = {0, 0};
    get_kept(p, resource, old);
    int64_t ret = set_host(0, resource, lim, old);
    if (ret < 0)
        return ret;
    p->rlimit[resource].cur = lim[0];
    p->rlimit[resource].max = lim[1];
    if (resource == RLIMIT_AS || resource == RLIMIT_STACK)
        linux_mm_fit_stack(p);
    return 0;
}

static int64_t limit_kept(struct linux_process *p, unsigned resource, uint64_t set, uint64_t get)
{
    uint64_t new[2], old[2] = {0, 0};
    int64_t ret = 0;
    if (set && !linux_copy_in(new, set, sizeof new))
        return -EFAULT;
    pthread_mutex_lock(&p->lock);
    get_kept(p, resource, old);
    if (set)
        ret = set_kept(p, resource, new);
    pthread_mutex_unlock(&p->lock);
    if (ret == 0 && get && !linux_copy_out(get, old, sizeof old))
        ret = -EFAULT;
    return ret;
}

/* The same for another process that btv runs. */
static int64_t limit_other(struct linux_thread *t, const uint64_t a[6])
{
    unsigned resource = (unsigned)a[1];
    uint64_t new[2], old[2];
    struct proc_view v;
    if (a[2] && !linux_copy_in(new, a[2], sizeof new))
        return -EFAULT;
    int64_t ret = linux_host_syscall(SYS_prlimit64, a[0], resource, 0, (uint64_t)(uintptr_t)old, 0, 0); /* may the caller? */
    if (ret < 0)
        return ret;
    bool known = proc_view_open(t, (pid_t)a[0], 0, PROC_SHALLOW, &v) && v.known;
    if (known && v.rlimit[resource].set) {
        old[0] = v.rlimit[resource].cur;
        old[1] = v.rlimit[resource].max;
    }
    if (a[2]) /* a limit of the host's alone would be one on btv's memory */
        ret = known ? set_host(a[0], resource, new, old) : -EPERM;
    if (a[2] && ret == 0 && !proc_view_set_limit(&v, resource, &(struct linux_rlimit){.cur = new[0], .max = new[1], .set = true}))
        ret = -ESRCH;
    proc_view_close(&v);
    return ret == 0 && a[3] && !linux_copy_out(a[3], old, sizeof old) ? -EFAULT : ret;
}

int64_t linux_sys_prlimit64(struct linux_thread *t, const uint64_t a[6])
{
    struct procmem m;
    if (!is_kept((unsigned)a[1]) || !procmem_open(t, (pid_t)a[0], &m))
        return sys_host(SYS_prlimit64, a);
    return m.own ? limit_kept(t->proc, (unsigned)a[1], a[2], a[3]) : limit_other(t, a);
}

int64_t linux_sys_getrlimit(struct linux_thread *t, const uint64_t a[6])
{
    if ((uint32_t)a[0] >= RLIM_NLIMITS)
        return -EINVAL;
    if (!a[1])
        return -EFAULT;
    return linux_sys_prlimit64(t, (const uint64_t[6]){0, a[0], 0, a[1]});
}

int64_t linux_sys_setrlimit(struct linux_thread *t, const uint64_t a[6])
{
    if (!a[1])
        return -EFAULT;
    return linux_sys_prlimit64(t, (const uint64_t[6]){0, a[0], a[1], 0});
}

bool linux_capable(int cap)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = {0};
    return linux_host_syscall(SYS_capget, (uint64_t)(uintptr_t)&head, (uint64_t)(uintptr_t)caps, 0, 0, 0, 0) == 0 &&
           (caps[cap / 32].effective & CAP_TO_MASK(cap));
}

/* -- prctl ------------------------------------------------------------------------------------------------- */

/* Newer than some libc. */
#define PR_SET_SYSCALL_USER_DISPATCH_ 59
#define PR_SET_MEMORY_MERGE_ 67
#define PR_GET_MEMORY_MERGE_ 68
#define PR_GET_AUXV_ 0x41555856
#define PR_SET_MDWE_ 65
#define PR_GET_MDWE_ 66

/*
 * The options that are passed on, and which of arguments 2..5 is a pointer: its number and the bytes behind it, 0 for none.
 * All others would change btv itself or another instruction set: EINVAL, as from a kernel built without them.
 */
static const struct {
    int option;
    uint8_t pointer, bytes;
} prctl_passed[] = {
    {PR_SET_PDEATHSIG, 0, 0},      {PR_GET_PDEATHSIG, 1, 4},          {PR_GET_DUMPABLE, 0, 0},       {PR_SET_DUMPABLE, 0, 0},
    {PR_GET_KEEPCAPS, 0, 0},       {PR_SET_KEEPCAPS, 0, 0},           {PR_GET_TIMING, 0, 0},         {PR_SET_TIMING, 0, 0},
    {PR_SET_NAME, 1, 1},           {PR_GET_NAME, 1, 16},              {PR_CAPBSET_READ, 0, 0},       {PR_CAPBSET_DROP, 0, 0},
    {PR_GET_SECUREBITS, 0, 0},     {PR_SET_SECUREBITS, 0, 0},         {PR_SET_TIMERSLACK, 0, 0},     {PR_GET_TIMERSLACK, 0, 0},
    {PR_MCE_KILL, 0, 0},           {PR_MCE_KILL_GET, 0, 0},           {PR_SET_CHILD_SUBREAPER, 0, 0}, {PR_GET_CHILD_SUBREAPER, 1, 4},
    {PR_SET_NO_NEW_PRIVS, 0, 0},   {PR_GET_NO_NEW_PRIVS, 0, 0},       {PR_SET_THP_DISABLE, 0, 0},    {PR_GET_THP_DISABLE, 0, 0},
    {PR_CAP_AMBIENT, 0, 0},        {PR_GET_SPECULATION_CTRL, 0, 0},   {PR_SET_SPECULATION_CTRL, 0, 0}, {PR_SET_IO_FLUSHER, 0, 0},
    {PR_TASK_PERF_EVENTS_DISABLE, 0, 0}, {PR_TASK_PERF_EVENTS_ENABLE, 0, 0}, {PR_SET_MEMORY_MERGE_, 0, 0}, {PR_GET_MEMORY_MERGE_, 0, 0},
    {PR_GET_IO_FLUSHER, 0, 0},     {PR_SET_PTRACER, 0, 0},
};

/* The auxiliary vector, as far as there is room; its size. */
static int64_t get_auxv(const struct linux_process *p, const uint64_t a[6])
{
    char copy[1024];
    size_t n = a[2] < p->auxv_bytes ? (size_t)a[2] : (size_t)p->auxv_bytes;
    if (a[3] || a[4])
        return -EINVAL;
    if (n > sizeof copy || !linux_copy_in(copy, p->auxv_addr, n) || !linux_copy_out(a[1], copy, n))
        return -EFAULT;
    return (int64_t)p->auxv_bytes;
}

/* Names a range of anonymous memory in /proc/PID/maps. */
static int64_t set_vma_name(struct linux_thread *t, const uint64_t a[6])
{
    if (!sys_inside(t->proc, a[2], a[3]))
        return -ENOMEM;
    return linux_host_syscall(SYS_prctl, a[0], a[1], a[2], a[3], sys_pointer(t->proc, a[4], 1), 0);
}

/* Memory-deny-write-execute, which mm.c and mmap.c enforce: the host's kernel would hold btv to it, too. */
static int64_t set_mdwe(struct linux_process *p, const uint64_t a[6])
{
    const uint64_t known = PR_MDWE_REFUSE_EXEC_GAIN_ | PR_MDWE_NO_INHERIT_;
    unsigned now = p->mdwe;
    if (a[2] || a[3] || a[4] || (a[1] & ~known) || a[1] == PR_MDWE_NO_INHERIT_)
        return -EINVAL;
    if (now && now != a[1])
        return -EPERM;
    p->mdwe = (unsigned)a[1];
    return 0;
}

int64_t linux_sys_prctl(struct linux_thread *t, const uint64_t a[6])
{
    int option = (int)a[0];
    uint64_t b[6];
    memcpy(b, a, sizeof b);
    switch (option) {
    case PR_GET_TID_ADDRESS:
        return linux_copy_out(a[1], &t->clear_child_tid, sizeof t->clear_child_tid) ? 0 : -EFAULT;
    case PR_GET_AUXV_:
        return get_auxv(t->proc, a);
    case PR_SET_SYSCALL_USER_DISPATCH_:
        return seccomp_set_dispatch(t, a);
    case PR_GET_SECCOMP:
        return seccomp_mode(t);
    case PR_SET_SECCOMP:
        return seccomp_set(t, a[1], a[2]);
    case PR_SET_MM: /* would move the host's own brk */
        return a[4] || (a[3] && a[1] != PR_SET_MM_AUXV && a[1] != PR_SET_MM_MAP && a[1] != PR_SET_MM_MAP_SIZE) ? -EINVAL : -EPERM;
    case PR_SET_MDWE_:
        return set_mdwe(t->proc, a);
    case PR_GET_MDWE_:
        return a[1] || a[2] || a[3] || a[4] ? -EINVAL : (int64_t)t->proc->mdwe;
    case PR_SET_VMA:
        return set_vma_name(t, a);
    default:
        break;
    }
    for (unsigned i = 0; i < ARRAY_LEN(prctl_passed); i++) {
        if (prctl_passed[i].option != option)
            continue;
        unsigned k = prctl_passed[i].pointer;
        if (k)
            b[k] = sys_pointer(t->proc, a[k], prctl_passed[i].bytes);
        return sys_host(SYS_prctl, b);
    }
    int64_t ret = -EINVAL;
    return t->proc->abi->prctl && t->proc->abi->prctl(t, a, &ret) ? ret : -EINVAL;
}

/* -- keys -------------------------------------------------------------------------------------------------- */

/* keyctl(2): which arguments of the operation are pointers, as bits. */
int64_t linux_sys_keyctl(struct linux_thread *t, const uint64_t a[6])
{
    static const uint8_t pointers[] = {
        [0] = 0,      [1] = 1 << 1, [2] = 1 << 2, [3] = 0, [4] = 0, [5] = 0, [6] = 1 << 2, [7] = 0, [8] = 0, [9] = 0, [10] = 1 << 2 | 1 << 3,
        [11] = 1 << 2, [12] = 1 << 2, [13] = 0, [14] = 0, [15] = 0, [16] = 0, [17] = 1 << 2, [18] = 0, [19] = 0, [20] = 0, [21] = 0, [22] = 0,
    };
    uint64_t b[6];
    memcpy(b, a, sizeof b);
    if ((unsigned)a[0] >= ARRAY_LEN(pointers))
        return -EOPNOTSUPP;
    for (unsigned i = 1; i < 5; i++)
        if (pointers[(unsigned)a[0]] >> i & 1)
            b[i] = sys_pointer(t->proc, a[i], 1);
    return sys_host(SYS_keyctl, b);
}

/*
 * A process as its own btv sees it, and the files of /proc/PID that say so.
 *
 * The host is right about most of a process; what speaks of the address space, of handlers or of limits is replaced.  Of its own
 * process btv knows that itself.  About another process that btv runs it asks the host's kernel: proc_publish has stored there
 * where the guest's memory ends and where its struct linux_process lies, whose plain members can be read like any memory of a
 * process that the caller may look at.  Where that is forbidden (Yama), the host's values stand.
 */
#include "linux/proc.h"

#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "linux/mm.h"
#include "linux/procmaps.h"
#include "linux/secfilter.h"
#include "linux/sig_state.h"

/* -- host files ------------------------------------------------------------------------------------------------ */

bool proc_read_host(const char *path, struct str *s)
{
    char buf[4096];
    int64_t fd = linux_host_syscall(SYS_open, (uint64_t)(uintptr_t)path, O_RDONLY | O_CLOEXEC, 0, 0, 0, 0), n;
    if (fd < 0)
        return false;
    while ((n = linux_host_syscall(SYS_read, (uint64_t)fd, (uint64_t)(uintptr_t)buf, sizeof buf, 0, 0, 0)) > 0)
        str_addn(s, buf, (size_t)n);
    linux_host_syscall(SYS_close, (uint64_t)fd, 0, 0, 0, 0, 0);
    return n == 0 && !s->failed;
}

static bool read_of(const struct proc_view *v, const char *name, struct str *s)
{
    char path[80];
    snprintf(path, sizeof path, "%s/%s", v->dir, name);
    return proc_read_host(path, s);
}

/* -- views ------------------------------------------------------------------------------------------------------- */

/* Bits of the signals whose handler is SIG_IGN (ignored) or a function (caught). */
static void signal_sets(const struct linux_sigaction action[LINUX_NSIG + 1], struct proc_view *v)
{
    v->ignored = v->caught = 0;
    for (unsigned sig = 1; sig <= LINUX_NSIG; sig++) {
        uint64_t handler = action[sig].handler;
        if (handler == (uint64_t)(uintptr_t)SIG_IGN)
            v->ignored |= UINT64_C(1) << (sig - 1);
        else if (handler != (uint64_t)(uintptr_t)SIG_DFL)
            v->caught |= UINT64_C(1) << (sig - 1);
    }
}

static void take_members(const struct linux_process *p, struct proc_view *v)
{
    memcpy(v->rlimit, p->rlimit, sizeof v->rlimit);
    v->host_start = p->host_start;
    v->host_end = p->host_end;
    v->exe_fd = p->exe_fd;
    v->shared = p->shared_pending;
    v->known = true;
}

/*
 * The signals of the thread that the files are about, with its signal_private: the host's mask leaves some open, and blocks those that
 * btv has taken already, or all while it must not be disturbed.
 */
static void take_thread(const struct linux_thread *t, const struct signal_state *h, struct proc_view *v)
{
    v->queued = atomic_load(&t->queued);
    v->blocked = (h->temp_active ? h->temp_mask : t->sigmask) & ~h->wait_set;
    v->thread_known = true;
}

static pid_t looked_at(const struct proc_view *v)
{
    return v->tid ? v->tid : v->pid ? v->pid : getpid();
}

static void view_own(struct linux_process *p, struct proc_view *v)
{
    v->own = true;
    v->mem = p->mem;
    v->high = mem_high(p->mem);
    v->vdso = p->vdso_addr;
    v->start_brk = p->start_brk;
    v->start_stack = p->start_stack;
    v->start_code = p->start_code;
    v->end_code = p->end_code;
    pthread_mutex_lock(&p->lock);
    take_members(p, v);
    for (const struct linux_thread *t = p->threads; t; t = t->next) {
        v->nthreads += !t->dead;
        if (t->tid == looked_at(v) && t->signal_private)
            take_thread(t, t->signal_private, v);
    }
    pthread_mutex_unlock(&p->lock);
    pthread_mutex_lock(&p->sighand->lock);
    signal_sets(p->sighand->action, v);
    pthread_mutex_unlock(&p->sighand->lock);
    v->nprivate = linux_private_fds(v->private_fd, PROC_PRIVATE_MAX);
}

static bool read_remote(pid_t pid, uint64_t from, void *to, size_t n)
{
    struct iovec local = {to, n}, remote = {mem_host(from), n};
    return linux_host_syscall(SYS_process_vm_readv, (uint64_t)pid, (uint64_t)(uintptr_t)&local, 1, (uint64_t)(uintptr_t)&remote, 1, 0) == (int64_t)n;
}

#define THREADS_MAX 10000 /* a list that changes while it is read may have no end */

/* The members of the other process's own struct, if that is one: it may end or execute something else meanwhile. */
static void read_members(struct proc_view *v, uint64_t process)
{
    struct linux_process copy;
    struct linux_sighand sighand;
    struct linux_thread thread;
    struct signal_state state;
    _Atomic int fds[PROC_PRIVATE_MAX];
    if (!process || !read_remote(v->pid, process, &copy, sizeof copy) || copy.published != process ||
        !read_remote(v->pid, (uint64_t)(uintptr_t)copy.sighand, &sighand, sizeof sighand))
        return;
    take_members(&copy, v);
    v->process = process;
    signal_sets(sighand.action, v);
    thread.next = copy.threads;
    unsigned n = 0;
    for (unsigned i = 0; i < THREADS_MAX && thread.next && read_remote(v->pid, (uint64_t)(uintptr_t)thread.next, &thread, sizeof thread); i++) {
        n += !thread.dead;
        if (thread.tid == looked_at(v) && read_remote(v->pid, (uint64_t)(uintptr_t)thread.signal_private, &state, sizeof state))
            take_thread(&thread, &state, v);
    }
    v->nthreads = thread.next ? 0 : n;
    if (read_remote(v->pid, (uint64_t)(uintptr_t)copy.private_fds, fds, sizeof fds))
        for (unsigned i = 0; i < PROC_PRIVATE_MAX; i++)
            if (fds[i] > 0)
                v->private_fd[v->nprivate++] = fds[i];
}

/* Fields of /proc/PID/stat by number. */
static uint64_t stat_number(const char *text, unsigned field)
{
    const char *at = strrchr(text, ')');
    for (unsigned i = 2; at && i < field; i++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at + 1, NULL, 10) : 0;
}

static bool view_other(const struct linux_process *p, struct proc_view *v)
{
    struct str s = STR_INIT;
    struct stat st;
    uint64_t pair[2], process = 0;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/exe", (int)v->pid);
    bool ok = linux_host_syscall(SYS_stat, (uint64_t)(uintptr_t)path, (uint64_t)(uintptr_t)&st, 0, 0, 0, 0) == 0 && proc_is_own_exe(p, st.st_dev, st.st_ino) &&
              read_of(v, "auxv", &s);
    for (size_t at = 0; ok && at + sizeof pair <= s.len; at += sizeof pair) {
        memcpy(pair, s.p + at, sizeof pair);
        uint64_t *to = pair[0] == PROC_AUX_HIGH ? &v->high : pair[0] == PROC_AUX_BRK ? &v->start_brk : pair[0] == PROC_AUX_PROCESS ? &process :
                       pair[0] == AT_SYSINFO_EHDR ? &v->vdso : NULL;
        if (to)
            *to = pair[1];
    }
    str_clear(&s);
    ok = ok && v->high > GUEST_PAGE_SIZE && !(v->high & ~GUEST_PAGE_MASK) && read_of(v, "stat", &s);
    if (ok) {
        v->start_code = stat_number(s.p, 26);
        v->end_code = stat_number(s.p, 27);
        v->start_stack = stat_number(s.p, 28);
        read_members(v, process);
    }
    str_free(&s);
    return ok;
}

bool proc_view_open(struct linux_thread *t, pid_t pid, pid_t tid, enum proc_depth depth, struct proc_view *v)
{
    struct mem_region r;
    *v = (struct proc_view){.t = t, .pid = pid, .tid = tid, .exe_fd = -1};
    if (pid && tid)
        snprintf(v->dir, sizeof v->dir, "/proc/%d/task/%d", (int)pid, (int)tid);
    else if (pid)
        snprintf(v->dir, sizeof v->dir, "/proc/%d", (int)pid);
    else if (tid)
        snprintf(v->dir, sizeof v->dir, "/proc/self/task/%d", (int)tid);
    else
        snprintf(v->dir, sizeof v->dir, "/proc/self");
    if (!pid)
        view_own(t->proc, v);
    else if (!view_other(t->proc, v))
        return false;
    if (depth == PROC_WITH_REGIONS && pid && procmaps_regions(v, &v->mem, &v->resident) != BTV_OK)
        return false;
    if (depth == PROC_WITH_REGIONS && mem_get(v->mem, v->start_stack, &r) && (r.flags & MEM_STACK))
        v->stack_low = pid ? r.start : procmaps_stack_low("/proc/thread-self", r.start, r.end);
    return true;
}

void proc_view_close(struct proc_view *v)
{
    if (!v->own)
        mem_free(v->mem);
}

bool proc_view_set_limit(struct proc_view *v, unsigned resource, const struct linux_rlimit *limit)
{
    struct linux_rlimit copy = *limit;
    struct iovec local = {&copy, sizeof copy};
    struct iovec remote = {mem_host(v->process + offsetof(struct linux_process, rlimit) + resource * sizeof copy), sizeof copy};
    return linux_host_syscall(SYS_process_vm_writev, (uint64_t)v->pid, (uint64_t)(uintptr_t)&local, 1, (uint64_t)(uintptr_t)&remote, 1, 0) == sizeof copy;
}

bool proc_view_hides_fd(const struct proc_view *v, int fd)
{
    for (unsigned i = 0; i < v->nprivate; i++)
        if (v->private_fd[i] == fd)
            return true;
    return false;
}

bool proc_view_hides_task(const struct proc_view *v, pid_t tid)
{
    char name[32];
    struct str s = {0};
    snprintf(name, sizeof name, "task/%d/stat", (int)tid);
    /* threads of guests leave it open for faults, whatever their guest blocks; ours block all there is */
    bool ours = read_of(v, name, &s) && (stat_number(s.p, 32) >> (SIGSEGV - 1) & 1);
    str_free(&s);
    return ours;
}

/* -- sizes ------------------------------------------------------------------------------------------------------- */

struct sizes {
    uint64_t all, data, stack, exec, text; /* bytes: total_vm, data_vm, stack_vm, exec_vm of mm_struct; text as fs/proc has it */
};

static struct sizes count_sizes(const struct proc_view *v)
{
    struct sizes n = {0};
    struct mem_region r;
    for (uint64_t at = 0; procmaps_next(v, at, &r); at = r.end) {
        uint64_t bytes = r.end - r.start;
        bool stack = r.flags & (MEM_STACK | MEM_GROWSDOWN);
        n.all += bytes;
        n.stack += stack ? bytes : 0;
        n.data += (r.prot & MEM_W) && !stack && !(r.flags & MEM_SHARED) ? bytes : 0;
        n.exec += (r.prot & MEM_X) && !(r.prot & MEM_W) && !stack ? bytes : 0;
    }
    n.text = ALIGN_UP(v->end_code, GUEST_PAGE_SIZE) - ALIGN_DOWN(v->start_code, GUEST_PAGE_SIZE);
    return n;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Bytes in memory: of another process as counted, of the own what has come since it began, which is cheap. */
static uint64_t resident(const struct proc_view *v, const struct sizes *size, uint64_t host)
{
    const uint64_t start = v->t->proc->host_resident;
    return v->own ? smaller(host > start ? host - start : host, size->all) : smaller(v->resident, host);
}

static uint64_t blocked(const struct proc_view *v, uint64_t host)
{
    return v->thread_known ? v->blocked : host;
}

/* -- stat, statm ------------------------------------------------------------------------------------------------- */

/* proc_pid_stat(5): field 2 ends at the last parenthesis; the others are counted from there. */
static bool add_stat(const struct proc_view *v, struct str *s)
{
    struct str h = STR_INIT;
    struct sizes size = count_sizes(v);
    bool ok = read_of(v, "stat", &h);
    char *close = h.p ? strrchr(h.p, ')') : NULL;
    if (!ok || !close) {
        str_free(&h);
        return false;
    }
    str_addn(s, h.p, (size_t)(close + 1 - h.p));
    const uint64_t low_signals = 0x7fffffff; /* as many as the kernel prints here */
    unsigned field = 3;
    for (const char *at = close + 1; *at == ' '; field++) {
        const char *word = ++at;
        at += strcspn(at, " \n");
        uint64_t host = strtoull(word, NULL, 10), value = host;
        bool signals = v->known, changed = true;
        switch (field) {
        case 20: value = v->nthreads ? v->nthreads : host; break;
        case 23: value = size.all; break;
        case 24: value = resident(v, &size, host * GUEST_PAGE_SIZE) / GUEST_PAGE_SIZE; break;
        case 31: value = host | (v->queued & low_signals); break;
        case 32: value = blocked(v, host) & low_signals; break;
        case 33: value = signals ? v->ignored & low_signals : host; break;
        case 34: value = signals ? v->caught & low_signals : host; break;
        case 47: value = v->start_brk; break;
        default: changed = false; break;
        }
        if (changed)
            str_add(s, " %" PRIu64, value);
        else
            str_add(s, " %.*s", (int)(at - word), word);
    }
    str_adds(s, "\n");
    str_free(&h);
    return true;
}

static bool add_statm(const struct proc_view *v, struct str *s)
{
    struct str h = STR_INIT;
    struct sizes size = count_sizes(v);
    uint64_t all, host, shared;
    bool ok = read_of(v, "statm", &h) && sscanf(h.p, "%" SCNu64 " %" SCNu64 " %" SCNu64, &all, &host, &shared) == 3;
    if (ok) {
        all = size.all / GUEST_PAGE_SIZE;
        host = resident(v, &size, host * GUEST_PAGE_SIZE) / GUEST_PAGE_SIZE;
        str_add(s, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " 0 %" PRIu64 " 0\n", all, host, smaller(shared, host), size.text / GUEST_PAGE_SIZE,
                (size.data + size.stack) / GUEST_PAGE_SIZE);
    }
    str_free(&h);
    return ok;
}

/* -- status ------------------------------------------------------------------------------------------------------ */

/* The guest's version of a line of /proc/PID/status, which may be none; false: the host's is right. */
static bool add_status_line(const struct proc_view *v, const struct sizes *size, const char *line, struct str *s)
{
    struct linux_thread *t = v->t;
    const char *colon = strchr(line, ':');
    uint64_t host = colon ? strtoull(colon + 1, NULL, 10) : 0, all = size->all / 1024, set = colon ? strtoull(colon + 1, NULL, 16) : 0;
    if (strncmp(line, "x86_", 4) == 0) /* of the host's instruction set */
        return true;
    const struct {
        const char *key;
        bool ours;
        uint64_t value;
        const char *format;
    } lines[] = {
        {"VmPeak:", true, all, "VmPeak:\t%8" PRIu64 " kB\n"},
        {"VmSize:", true, all, "VmSize:\t%8" PRIu64 " kB\n"},
        {"VmHWM:", true, smaller(host, all), "VmHWM:\t%8" PRIu64 " kB\n"},
        {"VmRSS:", true, resident(v, size, host * 1024) / 1024, "VmRSS:\t%8" PRIu64 " kB\n"},
        {"VmData:", true, size->data / 1024, "VmData:\t%8" PRIu64 " kB\n"},
        {"VmStk:", true, size->stack / 1024, "VmStk:\t%8" PRIu64 " kB\n"},
        {"VmExe:", true, smaller(size->text, size->exec) / 1024, "VmExe:\t%8" PRIu64 " kB\n"},
        {"VmLib:", true, (size->exec - smaller(size->text, size->exec)) / 1024, "VmLib:\t%8" PRIu64 " kB\n"},
        {"Threads:", v->nthreads > 0, v->nthreads, "Threads:\t%" PRIu64 "\n"},
        {"SigPnd:", true, set | v->queued, "SigPnd:\t%016" PRIx64 "\n"},
        {"ShdPnd:", true, set | v->shared, "ShdPnd:\t%016" PRIx64 "\n"},
        {"SigBlk:", true, blocked(v, set), "SigBlk:\t%016" PRIx64 "\n"},
        {"SigIgn:", v->known, v->ignored, "SigIgn:\t%016" PRIx64 "\n"},
        {"SigCgt:", v->known, v->caught, "SigCgt:\t%016" PRIx64 "\n"},
        {"Seccomp:", v->own, v->own ? (uint64_t)seccomp_mode(t) : 0, "Seccomp:\t%" PRIu64 "\n"},
        {"Seccomp_filters:", v->own, v->own ? seccomp_filters(t) : 0, "Seccomp_filters:\t%" PRIu64 "\n"},
    };
    for (unsigned i = 0; i < ARRAY_LEN(lines); i++) {
        if (lines[i].ours && strncmp(line, lines[i].key, strlen(lines[i].key)) == 0) {
            str_add(s, lines[i].format, lines[i].value);
            return true;
        }
    }
    return false;
}

static bool add_status(const struct proc_view *v, struct str *s)
{
    struct str h = STR_INIT;
    struct sizes size = count_sizes(v);
    bool ok = read_of(v, "status", &h);
    for (const char *line = str_get(&h); ok && *line;) {
        size_t n = strcspn(line, "\n");
        n += line[n] == '\n';
        if (!add_status_line(v, &size, line, s))
            str_addn(s, line, n);
        line += n;
    }
    str_free(&h);
    return ok;
}

/* -- limits ------------------------------------------------------------------------------------------------------ */

static void add_limit(struct str *s, uint64_t value)
{
    if (value == RLIM_INFINITY)
        str_add(s, "%-20s ", "unlimited");
    else
        str_add(s, "%-20" PRIu64 " ", value);
}

static bool add_limits(const struct proc_view *v, struct str *s)
{
    static const struct {
        const char *name;
        int resource;
        const char *unit;
    } kept[] = {{"Max address space", RLIMIT_AS, "bytes"}, {"Max data size", RLIMIT_DATA, "bytes"}, {"Max stack size", RLIMIT_STACK, "bytes"},
                {"Max open files", RLIMIT_NOFILE, "files"}};
    struct str h = STR_INIT;
    bool ok = read_of(v, "limits", &h);
    for (const char *line = str_get(&h); ok && *line;) {
        size_t n = strcspn(line, "\n");
        const struct linux_rlimit *l = NULL;
        const char *unit = NULL;
        for (unsigned i = 0; i < ARRAY_LEN(kept); i++)
            if (v->known && v->rlimit[kept[i].resource].set && strncmp(line, kept[i].name, strlen(kept[i].name)) == 0) {
                l = &v->rlimit[kept[i].resource];
                unit = kept[i].unit;
            }
        if (l) {
            str_addn(s, line, 26);
            add_limit(s, l->cur);
            add_limit(s, l->max);
            str_add(s, "%-10s\n", unit);
        } else {
            str_add(s, "%.*s\n", (int)n, line);
        }
        line += n + (line[n] == '\n');
    }
    str_free(&h);
    return ok;
}

/* -- memory ------------------------------------------------------------------------------------------------------ */

/* Guest memory [start, end): what can be read of it. */
static void add_memory(struct str *s, uint64_t start, uint64_t end)
{
    char buf[1024];
    for (uint64_t at = start; at < end; at += sizeof buf) {
        size_t n = end - at < sizeof buf ? (size_t)(end - at) : sizeof buf;
        if (!linux_copy_in(buf, at, n))
            return;
        str_addn(s, buf, n);
    }
}

/* The published vector without what is only for btv. */
static bool add_auxv(const struct proc_view *v, struct str *s)
{
    struct str h = STR_INIT;
    uint64_t key;
    bool ok = read_of(v, "auxv", &h);
    for (size_t at = 0; ok && at + 16 <= h.len; at += 16) {
        memcpy(&key, h.p + at, sizeof key);
        if (key != PROC_AUX_HIGH && key != PROC_AUX_BRK && key != PROC_AUX_PROCESS)
            str_addn(s, h.p + at, 16);
    }
    str_free(&h);
    return ok;
}

static bool add_own_memory(const struct linux_process *p, enum proc_file file, struct str *s)
{
    if (file == PROC_AUXV)
        add_memory(s, p->auxv_addr, p->auxv_addr + p->auxv_bytes);
    else if (file == PROC_CMDLINE) /* read from memory, as the guest may have changed its title */
        add_memory(s, p->arg_start, p->arg_end);
    else
        add_memory(s, p->env_start, p->env_end);
    return true;
}

/* -- all of them --------------------------------------------------------------------------------------------------- */

static bool view_contents(const struct proc_view *v, enum proc_file file, struct str *s)
{
    switch (file) {
    case PROC_MAPS: return procmaps_print(v, s);
    case PROC_SMAPS: return procmaps_print_smaps(v, s);
    case PROC_ROLLUP: return procmaps_print_rollup(v, s);
    case PROC_NUMA: return procmaps_print_numa(v, s);
    case PROC_STAT: return add_stat(v, s);
    case PROC_STATM: return add_statm(v, s);
    case PROC_STATUS: return add_status(v, s);
    case PROC_LIMITS: return add_limits(v, s);
    case PROC_AUXV: return v->own ? add_own_memory(v->t->proc, file, s) : add_auxv(v, s);
    case PROC_CMDLINE: return v->own ? add_own_memory(v->t->proc, file, s) : read_of(v, "cmdline", s);
    case PROC_ENVIRON: return v->own ? add_own_memory(v->t->proc, file, s) : read_of(v, "environ", s);
    default: return false;
    }
}

bool proc_contents(struct linux_thread *t, const struct proc_where *w, struct str *s)
{
    struct proc_view v;
    switch (w->file) {
    case PROC_CPUINFO:
        t->proc->abi->cpuinfo(t->proc, s);
        return true;
    case PROC_ARCH:
        str_add(s, "%s\n", t->proc->abi->uname_machine);
        return true;
    case PROC_SYSCALL: /* numbers and registers of the host */
        str_adds(s, "running\n");
        return true;
    case PROC_STACK: /* of the host's kernel */
        return true;
    default:
        break;
    }
    bool regions = w->file != PROC_LIMITS && w->file != PROC_AUXV && w->file != PROC_CMDLINE && w->file != PROC_ENVIRON;
    bool ok = proc_view_open(t, w->pid, w->tid, regions ? PROC_WITH_REGIONS : PROC_SHALLOW, &v) && view_contents(&v, w->file, s);
    proc_view_close(&v);
    return ok;
}

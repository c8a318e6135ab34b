/*
 * /proc as the guest sees it.
 *
 * A guest's process is the host process that runs it, so most of /proc/PID is right as it is.  What speaks of the address
 * space, the program or the machine would show btv; such files are written anew into a sealed memory file when the guest opens them.
 * They are found by where a path leads, not by how it is spelt: the last component selects candidates, then the directory is
 * asked for its canonical name.  btv's own look-ups use thread-self, because self is empty once the first thread has ended.
 */
#include "linux/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "linux/mm.h"
#include "linux/procmaps.h"
#include "linux/secfilter.h"

#ifndef PROC_SUPER_MAGIC
#define PROC_SUPER_MAGIC 0x9fa0
#endif

/* -- which file -------------------------------------------------------------------------------------------- */

static enum proc_file file_of_name(const char *name)
{
    static const struct {
        const char *name;
        enum proc_file file;
    } names[] = {
        {"exe", PROC_EXE},         {"maps", PROC_MAPS}, {"smaps", PROC_SMAPS},   {"auxv", PROC_AUXV},       {"cmdline", PROC_CMDLINE},
        {"environ", PROC_ENVIRON}, {"stat", PROC_STAT}, {"status", PROC_STATUS}, {"cpuinfo", PROC_CPUINFO},
    };
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i].name) == 0)
            return names[i].file;
    return PROC_NONE;
}

static int64_t own_pid(void)
{
    return linux_host_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

/* The same without a descriptor, when there is none left: by the usual spellings. */
static bool proc_directory_by_name(const char *path, char out[64])
{
    int pid = (int)own_pid(), tid = (int)linux_host_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0), n;
    if (strncmp(path, "/proc/self", 10) == 0 && (!path[10] || path[10] == '/'))
        n = snprintf(out, 64, "/proc/%d%s", pid, path + 10);
    else if (strncmp(path, "/proc/thread-self", 17) == 0 && (!path[17] || path[17] == '/'))
        n = snprintf(out, 64, "/proc/%d/task/%d%s", pid, tid, path + 17);
    else
        n = snprintf(out, 64, "%s", path);
    return n < 64 && strncmp(out, "/proc", 5) == 0;
}

/* The canonical name of directory (dirfd, path) if it lies in a proc file system; false if not. */
static bool proc_directory(int dirfd, const char *path, char out[64])
{
    struct statfs fs;
    char link[40];
    bool ok = false;
    int64_t fd = dirfd;
    if (path)
        fd = linux_host_syscall(SYS_openat, (uint64_t)(int64_t)dirfd, (uint64_t)(uintptr_t)path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0, 0);
    if (path && (fd == -EMFILE || fd == -ENFILE))
        return proc_directory_by_name(path, out);
    if (fd < 0)
        return false;
    if (linux_host_syscall(SYS_fstatfs, (uint64_t)fd, (uint64_t)(uintptr_t)&fs, 0, 0, 0, 0) == 0 && fs.f_type == PROC_SUPER_MAGIC) {
        snprintf(link, sizeof link, "/proc/thread-self/fd/%d", (int)fd);
        int64_t n = linux_host_syscall(SYS_readlink, (uint64_t)(uintptr_t)link, (uint64_t)(uintptr_t)out, 63, 0, 0, 0);
        if (n > 0) {
            out[n] = 0;
            ok = strncmp(out, "/proc", 5) == 0;
        }
    }
    if (path)
        linux_host_syscall(SYS_close, (uint64_t)fd, 0, 0, 0, 0, 0);
    return ok;
}

static int64_t link_target(const char *path, char out[PATH_MAX])
{
    int64_t n = linux_host_syscall(SYS_readlink, (uint64_t)(uintptr_t)path, (uint64_t)(uintptr_t)out, PATH_MAX - 1, 0, 0, 0);
    if (n >= 0)
        out[n] = 0;
    return n;
}

/* Does "/proc/PID" or "/proc/PID/task/TID" belong to another process that btv runs? */
static bool is_other_guest(const char *dir, pid_t *pid)
{
    char link[80], own[PATH_MAX], other[PATH_MAX], *end;
    *pid = strncmp(dir, "/proc/", 6) == 0 ? (pid_t)strtol(dir + 6, &end, 10) : 0;
    if (*pid <= 0)
        return false;
    snprintf(link, sizeof link, "/proc/%d/exe", (int)*pid);
    return link_target("/proc/thread-self/exe", own) > 0 && link_target(link, other) > 0 && strcmp(own, other) == 0;
}

/* "/proc/PID" or "/proc/PID/task/TID" of this process, then `rest`: true, and the thread or 0. */
static bool is_own(const char *dir, const char *rest, pid_t *tid)
{
    char *end;
    *tid = 0;
    if (strncmp(dir, "/proc/", 6) != 0 || strtol(dir + 6, &end, 10) != own_pid())
        return false;
    if (strncmp(end, "/task/", 6) == 0)
        *tid = (pid_t)strtol(end + 6, &end, 10);
    return strcmp(end, rest) == 0;
}

static bool is_number(const char *s)
{
    return *s && strspn(s, "0123456789") == strlen(s);
}

struct proc_where proc_find(struct linux_thread *t, int dirfd, const char *path)
{
    struct proc_where none = {PROC_NONE, 0, 0}, where = none;
    char parent[PATH_MAX], dir[64];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    (void)t;

    bool number = is_number(name) && linux_is_private_fd(atoi(name));
    where.file = number ? PROC_PRIVATE : file_of_name(name);
    if (where.file == PROC_NONE)
        return none;
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (n >= sizeof parent)
        return none;
    memcpy(parent, path, n);
    parent[n] = 0;
    if (!proc_directory(dirfd, n ? parent : slash ? "/" : ".", dir))
        return none;
    if (where.file == PROC_CPUINFO)
        return strcmp(dir, "/proc") == 0 ? where : none;
    if (is_own(dir, number ? "/fd" : "", &where.tid) || (number && is_own(dir, "/fdinfo", &where.tid)))
        return where;
    return where.file == PROC_EXE && is_other_guest(dir, &where.pid) ? where : none;
}

/* -- contents ---------------------------------------------------------------------------------------------- */

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

static unsigned count_threads(struct linux_process *p)
{
    unsigned n = 0;
    pthread_mutex_lock(&p->lock);
    for (const struct linux_thread *t = p->threads; t; t = t->next)
        n++;
    pthread_mutex_unlock(&p->lock);
    return n ? n : 1;
}

/* proc_pid_stat(5): field 2 ends at the last parenthesis; the others are counted from there. */
static bool add_stat(struct linux_process *p, const char *host_path, struct str *s)
{
    struct str h = STR_INIT;
    bool ok = proc_read_host(host_path, &h);
    char *close = h.p ? strrchr(h.p, ')') : NULL;
    if (!ok || !close) {
        str_free(&h);
        return false;
    }
    str_addn(s, h.p, (size_t)(close + 1 - h.p));
    unsigned field = 3;
    for (const char *at = close + 1; *at == ' '; field++) {
        const char *word = ++at;
        at += strcspn(at, " \n");
        switch (field) {
        case 20: str_add(s, " %u", count_threads(p)); break;
        case 23: str_add(s, " %" PRIu64, mm_mapped_bytes(p, 0)); break;
        case 26: str_add(s, " %" PRIu64, p->start_code); break;
        case 27: str_add(s, " %" PRIu64, p->end_code); break;
        case 28: str_add(s, " %" PRIu64, p->start_stack); break;
        case 45: str_add(s, " %" PRIu64, p->start_data); break;
        case 46: str_add(s, " %" PRIu64, p->end_data); break;
        case 47: str_add(s, " %" PRIu64, p->start_brk); break;
        case 48: str_add(s, " %" PRIu64, p->arg_start); break;
        case 49: str_add(s, " %" PRIu64, p->arg_end); break;
        case 50: str_add(s, " %" PRIu64, p->env_start); break;
        case 51: str_add(s, " %" PRIu64, p->env_end); break;
        default: str_add(s, " %.*s", (int)(at - word), word); break;
        }
    }
    str_adds(s, "\n");
    str_free(&h);
    return true;
}

/* Bits of the signals whose handler is SIG_IGN (ignored) or a function (caught). */
static void signal_sets(struct linux_process *p, uint64_t *ignored, uint64_t *caught)
{
    *ignored = *caught = 0;
    pthread_mutex_lock(&p->lock);
    for (unsigned sig = 1; sig <= LINUX_NSIG; sig++) {
        uint64_t handler = p->action[sig].handler;
        if (handler == (uint64_t)(uintptr_t)SIG_IGN)
            *ignored |= UINT64_C(1) << (sig - 1);
        else if (handler != (uint64_t)(uintptr_t)SIG_DFL)
            *caught |= UINT64_C(1) << (sig - 1);
    }
    pthread_mutex_unlock(&p->lock);
}

/* The guest's version of a line of /proc/PID/status, which may be none; false: the host's is right. */
static bool add_status_line(struct linux_process *p, const char *line, struct str *s)
{
    uint64_t ignored, caught;
    if (strncmp(line, "x86_", 4) == 0) /* of the host's instruction set */
        return true;
    signal_sets(p, &ignored, &caught);
    const struct {
        const char *key;
        uint64_t value;
        const char *format;
    } lines[] = {
        {"VmPeak:", mm_mapped_bytes(p, 0) / 1024, "VmPeak:\t%8" PRIu64 " kB\n"},
        {"VmSize:", mm_mapped_bytes(p, 0) / 1024, "VmSize:\t%8" PRIu64 " kB\n"},
        {"VmStk:", mm_mapped_bytes(p, MEM_STACK) / 1024, "VmStk:\t%8" PRIu64 " kB\n"},
        {"VmExe:", (p->end_code - p->start_code + 1023) / 1024, "VmExe:\t%8" PRIu64 " kB\n"},
        {"Threads:", count_threads(p), "Threads:\t%" PRIu64 "\n"},
        {"SigIgn:", ignored, "SigIgn:\t%016" PRIx64 "\n"},
        {"SigCgt:", caught, "SigCgt:\t%016" PRIx64 "\n"},
        {"Seccomp:", (uint64_t)seccomp_mode(linux_self()), "Seccomp:\t%" PRIu64 "\n"},
        {"Seccomp_filters:", seccomp_filters(linux_self()), "Seccomp_filters:\t%" PRIu64 "\n"},
    };
    for (unsigned i = 0; i < ARRAY_LEN(lines); i++) {
        if (strncmp(line, lines[i].key, strlen(lines[i].key)) == 0) {
            str_add(s, lines[i].format, lines[i].value);
            return true;
        }
    }
    return false;
}

static bool add_status(struct linux_process *p, const char *host_path, struct str *s)
{
    struct str h = STR_INIT;
    bool ok = proc_read_host(host_path, &h);
    for (const char *line = str_get(&h); ok && *line;) {
        size_t n = strcspn(line, "\n");
        n += line[n] == '\n';
        if (!add_status_line(p, line, s))
            str_addn(s, line, n);
        line += n;
    }
    str_free(&h);
    return ok;
}

static bool add_contents(struct linux_process *p, struct proc_where where, struct str *s)
{
    char stem[64], path[80];
    if (where.tid)
        snprintf(stem, sizeof stem, "/proc/self/task/%d", (int)where.tid);
    else
        snprintf(stem, sizeof stem, "/proc/self");
    switch (where.file) {
    case PROC_MAPS:
        return procmaps_print(p, s);
    case PROC_SMAPS:
        return procmaps_print_smaps(p, s);
    case PROC_AUXV:
        add_memory(s, p->auxv_addr, p->auxv_addr + p->auxv_bytes);
        return true;
    case PROC_CMDLINE: /* read from memory, as the guest may have changed its title */
        add_memory(s, p->arg_start, p->arg_end);
        return true;
    case PROC_ENVIRON:
        add_memory(s, p->env_start, p->env_end);
        return true;
    case PROC_STAT:
        snprintf(path, sizeof path, "%s/stat", stem);
        return add_stat(p, path, s);
    case PROC_STATUS:
        snprintf(path, sizeof path, "%s/status", stem);
        return add_status(p, path, s);
    case PROC_CPUINFO:
        p->abi->cpuinfo(p, s);
        return true;
    default:
        return false;
    }
}

/* -- opening ----------------------------------------------------------------------------------------------- */

#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1U
#define MFD_ALLOW_SEALING 2U
#endif

/* A read-only file with the text, which nobody can change. */
static int64_t sealed_file(const struct str *s, int oflags)
{
    char path[40];
    int64_t fd = linux_host_syscall(SYS_memfd_create, (uint64_t)(uintptr_t) "proc", MFD_CLOEXEC | MFD_ALLOW_SEALING, 0, 0, 0, 0);
    if (fd < 0)
        return fd;
    if (!file_write((int)fd, s->p, s->len)) {
        int64_t r = -errno;
        linux_host_syscall(SYS_close, (uint64_t)fd, 0, 0, 0, 0, 0);
        return r;
    }
    linux_host_syscall(SYS_fcntl, (uint64_t)fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE, 0, 0, 0);
    /* opened again, its mode is what was asked for, and its offset 0 */
    snprintf(path, sizeof path, "/proc/thread-self/fd/%d", (int)fd);
    int64_t again = linux_host_syscall(SYS_open, (uint64_t)(uintptr_t)path, (uint64_t)(oflags & (O_CLOEXEC | O_NONBLOCK | O_PATH)), 0, 0, 0, 0);
    if (again < 0)
        return fd;
    /* keep the lower number, as open(2) promises */
    linux_host_syscall(SYS_dup3, (uint64_t)again, (uint64_t)fd, (uint64_t)(oflags & O_CLOEXEC), 0, 0, 0);
    linux_host_syscall(SYS_close, (uint64_t)again, 0, 0, 0, 0, 0);
    return fd;
}

/* Its code begins at field 26 of stat, as proc_publish says there; the file mapped at that address is the program. */
bool proc_other_exe(pid_t pid, char *host)
{
    char path[40];
    struct str s = STR_INIT;
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    const char *at = proc_read_host(path, &s) ? strrchr(str_get(&s), ')') : NULL;
    for (unsigned field = 2; at && field < 26; field++)
        at = strchr(at + 1, ' ');
    uint64_t code = at ? strtoull(at + 1, NULL, 10) : 0;
    str_clear(&s);
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    if (code && proc_read_host(path, &s))
        found = procmaps_name_at(str_get(&s), code, host) && host[0] == '/';
    str_free(&s);
    return found;
}

static int64_t open_exe(const struct linux_process *p, struct proc_where where, int oflags)
{
    char path[PATH_MAX];
    if (where.pid ? !proc_other_exe(where.pid, path) : p->exe_fd < 0)
        return -ENOENT;
    if (!where.pid)
        snprintf(path, sizeof path, "/proc/thread-self/fd/%d", p->exe_fd);
    return linux_host_syscall(SYS_open, (uint64_t)(uintptr_t)path, (uint64_t)(unsigned)oflags, 0, 0, 0, 0);
}

int64_t proc_open(struct linux_thread *t, struct proc_where where, int oflags)
{
    struct str s = STR_INIT;
    if (where.file == PROC_PRIVATE)
        return -ENOENT;
    if ((oflags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return -EEXIST;
    if (where.file == PROC_EXE && (oflags & O_ACCMODE) != O_RDONLY && !(oflags & O_PATH))
        return -ETXTBSY; /* it runs, which the host does not know */
    if (where.file == PROC_EXE)
        return open_exe(t->proc, where, oflags);
    if (oflags & O_DIRECTORY)
        return -ENOTDIR;
    if ((oflags & O_ACCMODE) != O_RDONLY)
        return -EACCES;
    bool ok = add_contents(t->proc, where, &s);
    int64_t ret = s.failed ? -ENOMEM : ok ? sealed_file(&s, oflags) : -ESRCH;
    str_free(&s);
    return ret;
}

/* -- directories ------------------------------------------------------------------------------------------- */

static bool is_guest_thread(struct linux_process *p, pid_t tid)
{
    bool found = false;
    pthread_mutex_lock(&p->lock);
    for (const struct linux_thread *t = p->threads; t && !found; t = t->next)
        found = t->tid == tid;
    pthread_mutex_unlock(&p->lock);
    return found;
}

/* Layout of struct linux_dirent64: inode 8, offset 8, record length 2, type 1, name. */
#define DIRENT_LEN 16
#define DIRENT_NAME 19

/* Does the directory fd list descriptors or threads of this process? */
static bool filtered(int fd, bool *fds, bool *tasks)
{
    char dir[64];
    pid_t tid;
    if (!proc_directory(fd, NULL, dir))
        return false;
    *fds = is_own(dir, "/fd", &tid) || is_own(dir, "/fdinfo", &tid);
    *tasks = is_own(dir, "/task", &tid);
    return *fds || *tasks;
}

bool proc_is_filtered(int fd)
{
    bool fds, tasks;
    return filtered(fd, &fds, &tasks);
}

int64_t proc_filter_entries(struct linux_thread *t, int fd, unsigned char *buf, int64_t n)
{
    bool fds, tasks;
    if (!filtered(fd, &fds, &tasks))
        return n;
    int64_t kept = 0;
    for (int64_t at = 0; at < n;) {
        uint16_t len;
        memcpy(&len, buf + at + DIRENT_LEN, sizeof len);
        const char *name = (const char *)buf + at + DIRENT_NAME;
        bool hidden = is_number(name) && (fds ? linux_is_private_fd(atoi(name)) : !is_guest_thread(t->proc, atoi(name)));
        if (!hidden) {
            memmove(buf + kept, buf + at, len);
            kept += len;
        }
        at += len;
    }
    return kept;
}

/* -- what other processes see ------------------------------------------------------------------------------ */

void proc_publish(struct linux_process *p)
{
    struct str s = STR_INIT;
    uint64_t host_brk = (uint64_t)(uintptr_t)sbrk(0), host_start_brk = host_brk;
    /* the host's own heap must stay where it is: field 47 of stat(5) */
    if (proc_read_host("/proc/self/stat", &s)) {
        const char *at = strrchr(s.p, ')');
        for (unsigned field = 2; at && field < 47; field++)
            at = strchr(at + 1, ' ');
        if (at)
            host_start_brk = strtoull(at + 1, NULL, 10);
    }
    str_free(&s);
    struct prctl_mm_map map = {
        .start_code = p->start_code, .end_code = p->end_code,   .start_data = p->start_data, .end_data = p->end_data,
        .start_brk = host_start_brk, .brk = host_brk,           .start_stack = p->start_stack, .arg_start = p->arg_start,
        .arg_end = p->arg_end,       .env_start = p->env_start, .env_end = p->env_end,       .auxv = mem_host(p->auxv_addr),
        .auxv_size = (uint32_t)p->auxv_bytes,                   .exe_fd = UINT32_MAX,
    };
    /* without CONFIG_CHECKPOINT_RESTORE this fails, and others see btv's command line */
    linux_host_syscall(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, (uint64_t)(uintptr_t)&map, sizeof map, 0, 0);
}

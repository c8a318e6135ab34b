/*
 * /proc as the guest sees it: which file a path leads to, and folders.
 *
 * A guest's process is the host process that runs it, so most of /proc/PID is right as it is.  What speaks of the address
 * space, the program or the machine would show btv; such files are written anew into a sealed memory file when the guest opens them
 * (procview.c, procmaps.c, procfile.c), for its own process and for others that btv runs.
 * They are found by where a path leads, not by how it is spelt: the last component selects candidates, then the directory is
 * asked for its canonical name.  btv's own look-ups use thread-self, because self is empty once the first thread has ended.
 */
#include "linux/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "linux/procmaps.h"

#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x2000 /* Linux 5.8 */
#endif
#define TMPFILE_ 020000000 /* the bit that O_TMPFILE has beside O_DIRECTORY */
#ifndef PROC_SUPER_MAGIC
#define PROC_SUPER_MAGIC 0x9fa0
#endif

/* -- which file -------------------------------------------------------------------------------------------- */

/* In which folder a name means the file. */
enum proc_place { IN_PROCESS, IN_PROC, IN_KERNEL, IN_FDS, IN_MAP_FILES };

static const struct proc_name {
    const char *name;
    enum proc_file file;
    enum proc_place place;
} proc_names[] = {
    {"exe", PROC_EXE, IN_PROCESS},          {"maps", PROC_MAPS, IN_PROCESS},       {"smaps", PROC_SMAPS, IN_PROCESS},     {"smaps_rollup", PROC_ROLLUP, IN_PROCESS},
    {"numa_maps", PROC_NUMA, IN_PROCESS},   {"auxv", PROC_AUXV, IN_PROCESS},       {"cmdline", PROC_CMDLINE, IN_PROCESS}, {"environ", PROC_ENVIRON, IN_PROCESS},
    {"stat", PROC_STAT, IN_PROCESS},        {"status", PROC_STATUS, IN_PROCESS},   {"statm", PROC_STATM, IN_PROCESS},     {"limits", PROC_LIMITS, IN_PROCESS},
    {"syscall", PROC_SYSCALL, IN_PROCESS},  {"stack", PROC_STACK, IN_PROCESS},     {"fd", PROC_FDS, IN_PROCESS},          {"task", PROC_TASKS, IN_PROCESS},          {"cpuinfo", PROC_CPUINFO, IN_PROC},
    {"mem", PROC_MEM, IN_PROCESS},          {"pagemap", PROC_PAGEMAP, IN_PROCESS},
    {"arch_status", PROC_PRIVATE, IN_PROCESS}, /* x86's alone */
    {"arch", PROC_ARCH, IN_KERNEL},
};

static bool is_number(const char *s)
{
    return *s && strspn(s, "0123456789") == strlen(s);
}

/* The numbers that btv's descriptors may have, in any process. */
static bool may_be_private(int fd)
{
    return fd >= LINUX_PRIVATE_FD_MIN || linux_is_private_fd(fd);
}

/* "7f0000-7f1000", a name in map_files. */
static bool is_range(const char *s, uint64_t *start)
{
    char *end;
    *start = strtoull(s, &end, 16);
    return end != s && *end == '-' && end[1] && strspn(end + 1, "0123456789abcdef") == strlen(end + 1);
}

static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* What a last component may mean; file PROC_NONE: nothing. */
static struct proc_name name_of(const char *name)
{
    uint64_t start;
    if (is_number(name))
        return (struct proc_name){name, may_be_private(atoi(name)) ? PROC_PRIVATE : PROC_NONE, IN_FDS};
    if (is_range(name, &start))
        return (struct proc_name){name, PROC_PRIVATE, IN_MAP_FILES};
    for (unsigned i = 0; i < ARRAY_LEN(proc_names); i++)
        if (strcmp(name, proc_names[i].name) == 0)
            return proc_names[i];
    return (struct proc_name){name, PROC_NONE, IN_PROC};
}

bool proc_may_hide(const char *path)
{
    return name_of(last_name(path)).file == PROC_PRIVATE;
}

static int64_t own_pid(void)
{
    return linux_host_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

static int64_t link_target(const char *path, char *out, size_t size)
{
    int64_t n = linux_host_syscall(SYS_readlink, (uint64_t)(uintptr_t)path, (uint64_t)(uintptr_t)out, size - 1, 0, 0, 0);
    out[n > 0 ? n : 0] = 0;
    return n;
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
        ok = link_target(link, out, 64) > 0 && strncmp(out, "/proc", 5) == 0;
    }
    if (path)
        linux_host_syscall(SYS_close, (uint64_t)fd, 0, 0, 0, 0, 0);
    return ok;
}

bool proc_is_own_exe(const struct linux_process *p, uint64_t dev, uint64_t ino)
{
    return p->self_ino == ino && p->self_dev == dev && ino;
}

/* "/proc/PID" or "/proc/PID/task/TID", then `rest`: of which process, and of which thread or 0. */
static bool parse_directory(const char *dir, const char *rest, pid_t *pid, pid_t *tid)
{
    char *end;
    *tid = 0;
    if (strncmp(dir, "/proc/", 6) != 0)
        return false;
    *pid = (pid_t)strtol(dir + 6, &end, 10);
    if (*pid > 0 && strncmp(end, "/task/", 6) == 0)
        *tid = (pid_t)strtol(end + 6, &end, 10);
    return *pid > 0 && strcmp(end, rest) == 0;
}

/* Is an entry of a descriptor or mapping folder btv's? */
static bool is_hidden(struct linux_thread *t, const struct proc_where *w, const struct proc_name *name)
{
    struct proc_view v;
    struct mem_region r;
    uint64_t start;
    bool range = is_range(name->name, &start), hidden = false;
    if (proc_view_open(t, w->pid, w->tid, range ? PROC_WITH_REGIONS : PROC_SHALLOW, &v))
        hidden = range ? !procmaps_next(&v, start, &r) || r.start > start : proc_view_hides_fd(&v, atoi(name->name));
    proc_view_close(&v);
    return hidden;
}

/* The file `name` of the folder whose canonical name is known. */
static struct proc_where find_in(struct linux_thread *t, const char *dir, const struct proc_name *name)
{
    struct proc_where none = {.file = PROC_NONE}, w = {.file = name->file};
    struct proc_view v;
    if ((size_t)snprintf(w.name, sizeof w.name, "%s/%s", dir, name->name) >= sizeof w.name)
        w.name[0] = 0;
    switch (name->place) {
    case IN_PROC:
        return strcmp(dir, "/proc") == 0 ? w : none;
    case IN_KERNEL:
        return strcmp(dir, "/proc/sys/kernel") == 0 ? w : none;
    case IN_PROCESS:
        if (!parse_directory(dir, "", &w.pid, &w.tid))
            return none;
        break;
    case IN_FDS:
        if (!parse_directory(dir, "/fd", &w.pid, &w.tid) && !parse_directory(dir, "/fdinfo", &w.pid, &w.tid))
            return none;
        break;
    case IN_MAP_FILES:
        if (!parse_directory(dir, "/map_files", &w.pid, &w.tid))
            return none;
        break;
    }
    if (w.pid == own_pid()) {
        w.pid = 0;
    } else {
        bool guest = proc_view_open(t, w.pid, w.tid, PROC_SHALLOW, &v);
        proc_view_close(&v);
        if (!guest)
            return none;
    }
    return name->place == IN_PROCESS || is_hidden(t, &w, name) ? w : none;
}

/* Has somebody mounted another file over this one of /proc/PID?  Then that is what the path leads to.  cpuinfo and the like stay the
 * guest's: where a container mounts over them, it speaks of the host's machine. */
static bool is_mounted_over(int dirfd, const char *path, const struct proc_name *name)
{
    struct statx x;
    return name->place == IN_PROCESS &&
           linux_host_syscall(SYS_statx, (uint64_t)(int64_t)dirfd, (uint64_t)(uintptr_t)path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0,
                              (uint64_t)(uintptr_t)&x, 0) == 0 &&
           x.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

struct proc_where proc_find(struct linux_thread *t, int dirfd, const char *path)
{
    struct proc_where none = {.file = PROC_NONE};
    char parent[PATH_MAX], dir[64];
    const char *name = last_name(path);
    struct proc_name what = name_of(name);
    size_t n = name > path ? (size_t)(name - path - 1) : 0;
    if (what.file == PROC_NONE || n >= sizeof parent)
        return none;
    memcpy(parent, path, n);
    parent[n] = 0;
    if (!proc_directory(dirfd, n ? parent : name > path ? "/" : ".", dir) || is_mounted_over(dirfd, path, &what))
        return none;
    return find_in(t, dir, &what);
}

struct proc_where proc_find_name(struct linux_thread *t, const char *path)
{
    struct proc_where none = {.file = PROC_NONE};
    char dir[64];
    const char *name = last_name(path);
    struct proc_name what = name_of(name);
    if (what.file == PROC_NONE || name == path || (size_t)(name - path) > sizeof dir)
        return none;
    memcpy(dir, path, (size_t)(name - path - 1));
    dir[name - path - 1] = 0;
    return find_in(t, dir, &what);
}

/* -- the program --------------------------------------------------------------------------------------------- */

/* Its code begins at field 26 of stat, as proc_publish says there; the file mapped at that address is the program. */
static bool mapped_exe(const struct proc_view *v, char *host)
{
    char path[64];
    struct str s = STR_INIT;
    snprintf(path, sizeof path, "%s/maps", v->dir);
    bool found = v->start_code && proc_read_host(path, &s) && procmaps_name_at(str_get(&s), v->start_code, host) && host[0] == '/';
    str_free(&s);
    return found;
}

bool proc_exe(struct linux_thread *t, const struct proc_where *w, char *host, char *name)
{
    struct proc_view v;
    bool ok = proc_view_open(t, w->pid, w->tid, PROC_SHALLOW, &v);
    if (ok && v.exe_fd >= 0) { /* the descriptor knows of renames and removals */
        snprintf(host, PATH_MAX, "%s/fd/%d", v.own ? "/proc/thread-self" : v.dir, v.exe_fd);
        ok = link_target(host, name, PATH_MAX) > 0;
    } else if (ok && v.own) {
        ok = false;
    } else if (ok && (ok = mapped_exe(&v, host))) {
        memcpy(name, host, PATH_MAX);
    }
    if (!ok && !w->pid && t->proc->exe_path) { /* there is no /proc to ask */
        snprintf(name, PATH_MAX, "%s", t->proc->exe_path);
        snprintf(host, PATH_MAX, "%s", t->proc->exe_host);
        ok = true;
    } else if (ok) {
        linux_path_to_guest(t->proc, name);
    }
    proc_view_close(&v);
    return ok;
}

/* -- opening ----------------------------------------------------------------------------------------------- */

static int64_t open_exe(struct linux_thread *t, const struct proc_where *w, int oflags)
{
    char host[PATH_MAX], name[PATH_MAX];
    if (!proc_exe(t, w, host, name))
        return -ENOENT;
    return linux_host_syscall(SYS_open, (uint64_t)(uintptr_t)host, (uint64_t)(unsigned)oflags, 0, 0, 0, 0);
}

/* Why the contents could not be had: no descriptor to read with, no right to (Landlock), or nobody to read of. */
static int64_t why_not(const struct proc_where *w)
{
    const char *name = w->name[0] ? w->name : "/";
    int64_t fd = linux_host_syscall(SYS_open, (uint64_t)(uintptr_t)name, w->name[0] ? O_RDONLY | O_CLOEXEC : O_PATH | O_CLOEXEC, 0, 0, 0, 0);
    if (fd < 0)
        return fd;
    linux_host_syscall(SYS_close, (uint64_t)fd, 0, 0, 0, 0, 0);
    return -ESRCH;
}

int64_t proc_open(struct linux_thread *t, const struct proc_where *w, int oflags)
{
    struct str s = STR_INIT;
    if (w->file == PROC_PRIVATE)
        return -ENOENT;
    if ((oflags & TMPFILE_) && (!(oflags & O_DIRECTORY) || (oflags & O_ACCMODE) == O_RDONLY))
        return -EINVAL;
    if ((oflags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return -EEXIST;
    if (w->file == PROC_EXE && (oflags & O_ACCMODE) != O_RDONLY && !(oflags & O_PATH))
        return -ETXTBSY; /* it runs, which the host does not know */
    if (w->file == PROC_EXE)
        return open_exe(t, w, oflags);
    if (oflags & O_DIRECTORY)
        return -ENOTDIR;
    if ((oflags & O_ACCMODE) != O_RDONLY)
        return -EACCES;
    if ((oflags & (O_DIRECT | O_PATH)) == O_DIRECT)
        return -EINVAL;
    if ((w->file == PROC_CPUINFO || w->file == PROC_ARCH) && why_not(w) == -EACCES) /* nothing of the host's is read for these */
        return -EACCES;
    bool ok = proc_contents(t, w, &s);
    int64_t ret = s.failed ? -ENOMEM : ok ? procfile_make(&s, w->name, oflags) : why_not(w);
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

enum proc_list { LIST_OTHER, LIST_PROCESS, LIST_FDS, LIST_TASKS, LIST_MAP_FILES };

static enum proc_list list_of(const char *dir, pid_t *pid, pid_t *tid)
{
    static const struct {
        const char *rest;
        enum proc_list list;
    } lists[] = {{"", LIST_PROCESS}, {"/fd", LIST_FDS}, {"/fdinfo", LIST_FDS}, {"/task", LIST_TASKS}, {"/map_files", LIST_MAP_FILES}};
    for (unsigned i = 0; i < ARRAY_LEN(lists); i++)
        if (parse_directory(dir, lists[i].rest, pid, tid))
            return lists[i].list;
    return LIST_OTHER;
}

static bool entry_hidden(const struct proc_view *v, enum proc_list list, const char *name)
{
    struct mem_region r;
    uint64_t start;
    switch (list) {
    case LIST_PROCESS: return name_of(name).file == PROC_PRIVATE;
    case LIST_FDS: return is_number(name) && proc_view_hides_fd(v, atoi(name));
    case LIST_TASKS: return is_number(name) && (v->own ? !is_guest_thread(v->t->proc, atoi(name)) : proc_view_hides_task(v, atoi(name)));
    case LIST_MAP_FILES: return is_range(name, &start) && (!procmaps_next(v, start, &r) || r.start > start);
    default: return false;
    }
}

/* Layout of struct linux_dirent64: inode 8, offset 8, record length 2, type 1, name. */
#define DIRENT_LEN 16
#define DIRENT_NAME 19

static int64_t filter_entries(const struct proc_view *v, enum proc_list list, char *buf, int64_t n)
{
    int64_t kept = 0;
    for (int64_t at = 0; at < n;) {
        uint16_t len;
        memcpy(&len, buf + at + DIRENT_LEN, sizeof len);
        if (!entry_hidden(v, list, buf + at + DIRENT_NAME)) {
            memmove(buf + kept, buf + at, len);
            kept += len;
        }
        at += len;
    }
    return kept;
}

bool proc_getdents(struct linux_thread *t, int fd, uint64_t to, uint64_t size, int64_t *result)
{
    char dir[64], buf[16384]; /* not the guest's, which another thread may take away or change */
    pid_t pid, tid;
    struct proc_view v;
    enum proc_list list = proc_directory(fd, NULL, dir) ? list_of(dir, &pid, &tid) : LIST_OTHER;
    if (list == LIST_OTHER)
        return false;
    pid = pid == own_pid() ? 0 : pid;
    bool guest = proc_view_open(t, pid, tid, list == LIST_MAP_FILES ? PROC_WITH_REGIONS : PROC_SHALLOW, &v);
    if (guest) {
        if ((int32_t)size >= 0) /* else the kernel refuses it */
            size = size < sizeof buf ? size : sizeof buf;
        int64_t before = linux_host_syscall(SYS_lseek, (uint64_t)fd, 0, SEEK_CUR, 0, 0, 0);
        do { /* all of a batch gone does not mean the end */
            int64_t n = linux_host_syscall(SYS_getdents64, (uint64_t)fd, (uint64_t)(uintptr_t)buf, size, 0, 0, 0);
            *result = n > 0 ? filter_entries(&v, list, buf, n) : n;
            if (n <= 0)
                break;
        } while (!*result);
        if (*result > 0 && !linux_copy_out(to, buf, (size_t)*result)) {
            linux_host_syscall(SYS_lseek, (uint64_t)fd, (uint64_t)before, SEEK_SET, 0, 0, 0);
            *result = -EFAULT;
        }
    }
    proc_view_close(&v);
    return guest;
}

unsigned proc_count_private(struct linux_thread *t, const struct proc_where *w)
{
    struct proc_view v;
    struct stat st;
    char path[80];
    unsigned n = 0;
    if (proc_view_open(t, w->pid, w->tid, PROC_SHALLOW, &v))
        for (unsigned i = 0; i < v.nprivate; i++) {
            snprintf(path, sizeof path, "%s/fd/%d", v.dir, v.private_fd[i]);
            n += linux_host_syscall(SYS_lstat, (uint64_t)(uintptr_t)path, (uint64_t)(uintptr_t)&st, 0, 0, 0, 0) == 0;
        }
    proc_view_close(&v);
    return n;
}

unsigned proc_count_threads(struct linux_thread *t, const struct proc_where *w)
{
    struct proc_view v;
    unsigned n = proc_view_open(t, w->pid, 0, PROC_SHALLOW, &v) ? v.nthreads : 0;
    proc_view_close(&v);
    return n;
}

/* -- what other processes see ------------------------------------------------------------------------------ */

#define AUXV_PUBLISHED_MAX 64

/* The guest's vector, and before its end what other btv processes need to know.  Returns the bytes. */
static uint32_t published_auxv(struct linux_process *p, uint64_t out[AUXV_PUBLISHED_MAX])
{
    uint64_t bytes = p->auxv_bytes;
    const uint64_t ours[] = {PROC_AUX_HIGH, mem_high(p->mem), PROC_AUX_BRK, p->start_brk, PROC_AUX_PROCESS, (uint64_t)(uintptr_t)p, 0, 0};
    if (bytes < 16 || bytes - 16 + sizeof ours > AUXV_PUBLISHED_MAX * 8)
        return 0;
    memcpy(out, mem_host(p->auxv_addr), bytes - 16);
    memcpy(out + (bytes - 16) / 8, ours, sizeof ours);
    return (uint32_t)(bytes - 16 + sizeof ours);
}

void proc_publish(struct linux_process *p)
{
    struct str s = STR_INIT;
    /* the host's own heap must stay where it is */
    uint64_t host_brk = (uint64_t)(uintptr_t)sbrk(0), host_start_brk = p->host_start_brk ? p->host_start_brk : host_brk, auxv[AUXV_PUBLISHED_MAX];
    if (proc_read_host("/proc/self/statm", &s)) {
        const char *at = strchr(str_get(&s), ' ');
        p->host_resident = at ? strtoull(at, NULL, 10) * GUEST_PAGE_SIZE : 0;
    }
    str_free(&s);
    p->published = (uint64_t)(uintptr_t)p;
    struct prctl_mm_map map = {
        .start_code = p->start_code, .end_code = p->end_code,   .start_data = p->start_data, .end_data = p->end_data,
        .start_brk = host_start_brk, .brk = host_brk,           .start_stack = p->start_stack, .arg_start = p->arg_start,
        .arg_end = p->arg_end,       .env_start = p->env_start, .env_end = p->env_end,       .auxv = (void *)auxv,
        .auxv_size = published_auxv(p, auxv),                   .exe_fd = UINT32_MAX,
    };
    /* without CONFIG_CHECKPOINT_RESTORE both fail, and others see btv's command line */
    if (!map.auxv_size || linux_host_syscall(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, (uint64_t)(uintptr_t)&map, sizeof map, 0, 0) < 0) {
        map.auxv = mem_host(p->auxv_addr);
        map.auxv_size = (uint32_t)p->auxv_bytes; /* the kernel's own has less room: others see btv in maps */
        linux_host_syscall(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, (uint64_t)(uintptr_t)&map, sizeof map, 0, 0);
    }
}

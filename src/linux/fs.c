/*
 * Files: calls that open, name and describe them.  Those that need nothing but checks and path translation are passed on
 * by sys.c and have no code here.
 *
 * Paths go through linux_path under -L ROOT; files of /proc that would show btv instead of the guest go to proc.c.
 */
#include "linux/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

int64_t fs_path(struct linux_thread *t, int dirfd, uint64_t addr, bool follow, char *out, uint64_t *result)
{
    char guest[PATH_MAX];
    int64_t n = linux_copy_str(guest, addr, sizeof guest);
    *result = addr;
    if (n <= 0) /* the kernel says why, or AT_EMPTY_PATH makes it right */
        return n == -ENAMETOOLONG ? n : 0;
    int ret = linux_path(t, dirfd, guest, follow, out);
    if (ret == 0)
        *result = (uint64_t)(uintptr_t)out;
    return ret;
}

/* A path argument ready for the host, and what it is in /proc. */
struct fs_name {
    char path[PATH_MAX];
    uint64_t addr; /* for the host's call */
    struct proc_where where;
};

/* The path at addr.  Whatever is wrong with it is left for the kernel to say: then n->path is empty. */
static int64_t get_name(struct linux_thread *t, int dirfd, uint64_t addr, bool follow, struct fs_name *n)
{
    n->path[0] = 0;
    n->addr = addr;
    n->where = (struct proc_where){PROC_NONE, 0, 0};
    if (!addr)
        return 0;
    if (t->proc->opt.root) {
        int64_t ret = fs_path(t, dirfd, addr, follow, n->path, &n->addr);
        if (ret < 0)
            return ret;
    } else if (linux_copy_str(n->path, addr, sizeof n->path) <= 0) {
        n->path[0] = 0;
    } else {
        n->addr = (uint64_t)(uintptr_t)n->path; /* what was looked at is what the host opens */
    }
    if (n->addr == (uint64_t)(uintptr_t)n->path && !t->proc->opt.show_emulator)
        n->where = proc_find(t, dirfd, n->path);
    return 0;
}

/* -- open, close ------------------------------------------------------------------------------------------- */

static int64_t open_common(struct linux_thread *t, int dirfd, uint64_t path, uint64_t oflags, uint64_t mode)
{
    struct fs_name n;
    bool follow = !(oflags & O_NOFOLLOW) && (oflags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
    int64_t ret = get_name(t, dirfd, path, follow, &n);
    if (ret < 0)
        return ret;
    if (n.where.file != PROC_NONE && (!(oflags & O_NOFOLLOW) || n.where.file != PROC_EXE))
        return proc_open(t, n.where, (int)oflags);
    return linux_wait_syscall(t, SYS_openat, (uint64_t)(int64_t)dirfd, n.addr, oflags, mode, 0, 0);
}

int64_t linux_sys_openat(struct linux_thread *t, const uint64_t a[6])
{
    return open_common(t, (int)a[0], a[1], a[2], a[3]);
}

int64_t linux_sys_open(struct linux_thread *t, const uint64_t a[6])
{
    return open_common(t, AT_FDCWD, a[0], a[1], a[2]);
}

int64_t linux_sys_creat(struct linux_thread *t, const uint64_t a[6])
{
    return open_common(t, AT_FDCWD, a[0], O_CREAT | O_WRONLY | O_TRUNC, a[1]);
}

int64_t linux_sys_openat2(struct linux_thread *t, const uint64_t a[6])
{
    struct {
        uint64_t flags, mode, resolve;
    } how;
    struct fs_name n;
    if (a[3] < sizeof how || !linux_copy_in(&how, a[2], sizeof how))
        return sys_wait(t, SYS_openat2, a); /* fails */
    int64_t ret = get_name(t, (int)a[0], a[1], !(how.flags & O_NOFOLLOW), &n);
    if (ret < 0)
        return ret;
    if (n.where.file != PROC_NONE)
        return how.resolve ? -EXDEV : proc_open(t, n.where, (int)how.flags);
    return linux_wait_syscall(t, SYS_openat2, a[0], n.addr, a[2], a[3], 0, 0);
}

int64_t linux_sys_close(struct linux_thread *t, const uint64_t a[6])
{
    (void)t;
    return sys_host(SYS_close, a);
}

/* Both descriptors have been checked not to be btv's. */
int64_t linux_sys_dup2(struct linux_thread *t, const uint64_t a[6])
{
    (void)t;
    return sys_host(SYS_dup2, a);
}

int64_t linux_sys_dup3(struct linux_thread *t, const uint64_t a[6])
{
    (void)t;
    return sys_host(SYS_dup3, a);
}

static int compare_fds(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

#define PRIVATE_MAX 64

/* btv's own descriptors, in order: how many, or -errno. */
static int64_t list_private(uint32_t out[PRIVATE_MAX])
{
    char buf[4096];
    unsigned count = 0;
    int64_t dir = linux_host_syscall(SYS_open, (uint64_t)(uintptr_t) "/proc/thread-self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, 0, 0, 0);
    if (dir < 0)
        return dir;
    for (int64_t n; (n = linux_host_syscall(SYS_getdents64, (uint64_t)dir, (uint64_t)(uintptr_t)buf, sizeof buf, 0, 0, 0)) > 0;) {
        for (int64_t at = 0; at < n;) {
            const char *entry = buf + at;
            uint16_t bytes;
            memcpy(&bytes, entry + 16, sizeof bytes); /* d_reclen */
            const char *name = entry + 19;            /* d_name */
            int fd = atoi(name);
            if (name[0] != '.' && linux_is_private_fd(fd) && count < PRIVATE_MAX)
                out[count++] = (uint32_t)fd;
            at += bytes;
        }
    }
    linux_host_syscall(SYS_close, (uint64_t)dir, 0, 0, 0, 0, 0);
    qsort(out, count, sizeof out[0], compare_fds);
    return count;
}

int64_t linux_sys_close_range(struct linux_thread *t, const uint64_t a[6])
{
    (void)t;
    uint32_t first = (uint32_t)a[0], last = (uint32_t)a[1], own[PRIVATE_MAX];
    if (first > last)
        return -EINVAL;
    int64_t count = list_private(own), ret = 0;
    if (count < 0)
        count = 0;
    /* the gaps between btv's own; unsharing twice is harmless */
    for (int64_t i = 0; i <= count && first <= last && ret == 0; i++) {
        uint32_t stop = i < count ? own[i] : UINT32_MAX;
        if (stop < first)
            continue;
        uint32_t end = i < count ? stop - 1 : last;
        if (end > last)
            end = last;
        if (first <= end && stop != 0)
            ret = linux_host_syscall(SYS_close_range, first, end, a[2], 0, 0, 0);
        if (i < count && stop >= last)
            break;
        first = stop + 1;
    }
    return ret;
}

/* -- fcntl ------------------------------------------------------------------------------------------------- */

/* Bytes behind the pointer of an fcntl command; 0: its argument is a number. */
static unsigned fcntl_bytes(int cmd)
{
    switch (cmd) {
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return sizeof(struct flock);
    case F_SETOWN_EX:
    case F_GETOWN_EX:
    case F_GET_RW_HINT:
    case F_SET_RW_HINT:
    case F_GET_FILE_RW_HINT:
    case F_SET_FILE_RW_HINT:
        return 8;
    default:
        return 0;
    }
}

int64_t linux_sys_fcntl(struct linux_thread *t, const uint64_t a[6])
{
    int cmd = (int)a[1];
    unsigned bytes = fcntl_bytes(cmd);
    uint64_t b[6] = {a[0], a[1], bytes ? sys_pointer(t->proc, a[2], bytes) : a[2], 0, 0, 0};
    bool waits = cmd == F_SETLKW || cmd == F_OFD_SETLKW;
    return waits ? sys_wait(t, SYS_fcntl, b) : sys_host(SYS_fcntl, b);
}

/* -- attributes -------------------------------------------------------------------------------------------- */

static int64_t put_stat(const struct linux_thread *t, uint64_t addr, const struct stat *st)
{
    const struct linux_abi *abi = t->proc->abi;
    unsigned char guest[256] = {0};
    abi->put_stat(guest, st);
    return linux_copy_out(addr, guest, abi->stat_bytes) ? 0 : -EFAULT;
}

int64_t linux_sys_fstat(struct linux_thread *t, const uint64_t a[6])
{
    struct stat st;
    int64_t ret = linux_host_syscall(SYS_fstat, a[0], (uint64_t)(uintptr_t)&st, 0, 0, 0, 0);
    return ret < 0 ? ret : put_stat(t, a[1], &st);
}

/* A file name for a call that describes a file: the program stands for /proc/self/exe. */
static int64_t name_of_described(struct linux_thread *t, uint64_t *dirfd, uint64_t path, uint64_t *flags, struct fs_name *n)
{
    bool follow = !(*flags & AT_SYMLINK_NOFOLLOW);
    int64_t ret = get_name(t, (int)*dirfd, path, follow, n);
    if (ret < 0)
        return ret;
    if (n->where.file == PROC_PRIVATE)
        return -ENOENT;
    if (n->where.file == PROC_EXE && follow && n->where.pid) {
        if (!proc_other_exe(n->where.pid, n->path))
            return -ENOENT;
        n->addr = (uint64_t)(uintptr_t)n->path;
    } else if (n->where.file == PROC_EXE && follow && t->proc->exe_fd >= 0) {
        *dirfd = (uint64_t)t->proc->exe_fd;
        *flags |= AT_EMPTY_PATH;
        n->addr = (uint64_t)(uintptr_t) "";
    }
    return 0;
}

static int64_t stat_common(struct linux_thread *t, uint64_t dirfd, uint64_t path, uint64_t out, uint64_t flags)
{
    struct fs_name n;
    struct stat st;
    int64_t ret = name_of_described(t, &dirfd, path, &flags, &n);
    if (ret == 0)
        ret = linux_host_syscall(SYS_newfstatat, dirfd, n.addr, (uint64_t)(uintptr_t)&st, flags, 0, 0);
    return ret < 0 ? ret : put_stat(t, out, &st);
}

int64_t linux_sys_newfstatat(struct linux_thread *t, const uint64_t a[6])
{
    return stat_common(t, a[0], a[1], a[2], a[3]);
}

int64_t linux_sys_stat(struct linux_thread *t, const uint64_t a[6])
{
    return stat_common(t, (uint64_t)AT_FDCWD, a[0], a[1], 0);
}

int64_t linux_sys_lstat(struct linux_thread *t, const uint64_t a[6])
{
    return stat_common(t, (uint64_t)AT_FDCWD, a[0], a[1], AT_SYMLINK_NOFOLLOW);
}

int64_t linux_sys_statx(struct linux_thread *t, const uint64_t a[6])
{
    struct fs_name n;
    uint64_t dirfd = a[0], flags = a[2];
    int64_t ret = name_of_described(t, &dirfd, a[1], &flags, &n);
    return ret < 0 ? ret : linux_host_syscall(SYS_statx, dirfd, n.addr, flags, a[3], a[4], 0);
}

/* -- names ------------------------------------------------------------------------------------------------- */

static int64_t put_link(uint64_t buf, uint64_t size, const char *text)
{
    size_t n = strlen(text);
    if ((int64_t)size <= 0)
        return -EINVAL;
    if (n > size)
        n = (size_t)size;
    return linux_copy_out(buf, text, n) ? (int64_t)n : -EFAULT;
}

/* Links of /proc (cwd, fd/N, root) point to absolute host paths. */
static bool is_proc_link(const char *path)
{
    return strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/dev/fd/", 8) == 0;
}

static int64_t readlink_common(struct linux_thread *t, uint64_t dirfd, uint64_t path, uint64_t buf, uint64_t size)
{
    struct fs_name n;
    char target[PATH_MAX];
    int64_t ret = get_name(t, (int)dirfd, path, false, &n);
    if (ret < 0)
        return ret;
    if (n.where.file == PROC_PRIVATE)
        return -ENOENT;
    if (n.where.file == PROC_EXE && n.where.pid) {
        if (!proc_other_exe(n.where.pid, target))
            return -ENOENT;
        linux_path_to_guest(t->proc, target);
        return put_link(buf, size, target);
    }
    if (n.where.file == PROC_EXE && t->proc->exe_path)
        return put_link(buf, size, t->proc->exe_path);
    if (!t->proc->opt.root || !is_proc_link(n.path))
        return linux_host_syscall(SYS_readlinkat, dirfd, n.addr, buf, size, 0, 0);
    ret = linux_host_syscall(SYS_readlinkat, dirfd, n.addr, (uint64_t)(uintptr_t)target, sizeof target - 1, 0, 0);
    if (ret < 0)
        return ret;
    target[ret] = 0;
    linux_path_to_guest(t->proc, target);
    return put_link(buf, size, target);
}

int64_t linux_sys_readlinkat(struct linux_thread *t, const uint64_t a[6])
{
    return readlink_common(t, a[0], a[1], a[2], a[3]);
}

int64_t linux_sys_readlink(struct linux_thread *t, const uint64_t a[6])
{
    return readlink_common(t, (uint64_t)AT_FDCWD, a[0], a[1], a[2]);
}

int64_t linux_sys_getcwd(struct linux_thread *t, const uint64_t a[6])
{
    char path[PATH_MAX];
    if (!t->proc->opt.root)
        return sys_host(SYS_getcwd, a);
    int64_t n = linux_host_syscall(SYS_getcwd, (uint64_t)(uintptr_t)path, sizeof path, 0, 0, 0, 0);
    if (n < 0)
        return n;
    linux_path_to_guest(t->proc, path);
    n = (int64_t)strlen(path) + 1;
    if ((uint64_t)n > a[1])
        return -ERANGE;
    return linux_copy_out(a[0], path, (size_t)n) ? n : -EFAULT;
}

/* Through a buffer of btv's own: the entries are looked at, and the guest's memory may go away meanwhile. */
int64_t linux_sys_getdents64(struct linux_thread *t, const uint64_t a[6])
{
    unsigned char buf[32768];
    uint64_t cap = (uint32_t)a[2] < sizeof buf ? (uint32_t)a[2] : sizeof buf;
    if (t->proc->opt.show_emulator || !proc_is_filtered((int)a[0]))
        return sys_host(SYS_getdents64, a);
    int64_t n, left = 0;
    do { /* all of a batch gone does not mean the end */
        n = linux_host_syscall(SYS_getdents64, a[0], (uint64_t)(uintptr_t)buf, cap, 0, 0, 0);
        left = n > 0 ? proc_filter_entries(t, (int)a[0], buf, n) : n;
    } while (n > 0 && !left);
    return left > 0 && !linux_copy_out(a[1], buf, (size_t)left) ? -EFAULT : left;
}

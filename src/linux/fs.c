/*
 * Files: calls that open, name and describe them.  Those that need nothing but checks and path translation are passed on
 * by sys.c and have no code here.
 *
 * Paths go through linux_path under -L ROOT; files of /proc that would show btv instead of the guest go to proc.c.
 */
#include "linux/procmem.h"
#include "linux/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

int64_t fs_path(struct linux_thread *t, int dirfd, uint64_t addr, bool follow, char *out, uint64_t *result)
{
    static const char too_long[PATH_MAX] = {[0 ... PATH_MAX - 1] = 'a'}; /* as the guest's, but nobody changes it */
    char guest[PATH_MAX];
    int64_t n = linux_copy_str(guest, addr, sizeof guest);
    *result = n == -ENAMETOOLONG ? (uint64_t)(uintptr_t)too_long : addr;
    if (n <= 0) /* the kernel says why, unless something else is wrong that it sees first, or AT_EMPTY_PATH makes it right */
        return 0;
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
    n->where = (struct proc_where){.file = PROC_NONE};
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

/*
 * A file was reached whose looks say that its name hid where it leads: a symbolic link to /proc/self/exe ends at btv's own file, one
 * to /proc/self/maps at the host's.  Names what it is; false: what it looks like.
 */
static bool find_behind(struct linux_thread *t, int dirfd, struct fs_name *n)
{
    char path[PATH_MAX];
    if (!n->path[0] || n->where.file != PROC_NONE || t->proc->opt.show_emulator || linux_path_resolve(t, dirfd, n->path, path) < 0)
        return false;
    n->where = proc_find(t, AT_FDCWD, path);
    return n->where.file != PROC_NONE;
}

/* Empty files without a device: those of /proc are. */
static bool maybe_proc_file(uint64_t mode, uint64_t size, unsigned major)
{
    return S_ISREG(mode) && !size && !major;
}

/* -- reading: files of /proc are made anew when they are read from the beginning again -------------------------- */

int64_t linux_sys_read(struct linux_thread *t, const uint64_t a[6])
{
    if (BTV_UNLIKELY(procfile_maybe((int)a[0])))
        procfile_before_read(t, (int)a[0], -1);
    return sys_wait(t, SYS_read, a);
}

int64_t linux_sys_pread64(struct linux_thread *t, const uint64_t a[6])
{
    if (BTV_UNLIKELY(procfile_maybe((int)a[0])))
        procfile_before_read(t, (int)a[0], (int64_t)a[3] < 0 ? 1 : (int64_t)a[3]);
    return sys_wait(t, SYS_pread64, a);
}

int64_t linux_sys_lseek(struct linux_thread *t, const uint64_t a[6])
{
    char name[64];
    (void)t;
    if (BTV_UNLIKELY(procfile_maybe((int)a[0])) && (a[2] == SEEK_END || a[2] == SEEK_DATA || a[2] == SEEK_HOLE) && procfile_name((int)a[0], name))
        return -EINVAL; /* nobody knows its end */
    return sys_host(SYS_lseek, a);
}

/* -- open, close ------------------------------------------------------------------------------------------- */

static bool is_replaced(const struct fs_name *n, uint64_t oflags)
{
    enum proc_file file = n->where.file;
    return file != PROC_NONE && file != PROC_FDS && file != PROC_TASKS && file != PROC_MEM && file != PROC_PAGEMAP && (!(oflags & O_NOFOLLOW) || n->where.file != PROC_EXE);
}

/* The file that was opened, or the guest's version of it if it turns out to need one. */
static int64_t check_opened(struct linux_thread *t, int dirfd, struct fs_name *n, int fd, int oflags)
{
    struct stat st;
    if (linux_host_syscall(SYS_fstat, (uint64_t)fd, (uint64_t)(uintptr_t)&st, 0, 0, 0, 0) < 0 ||
        !(maybe_proc_file(st.st_mode, (uint64_t)st.st_size, major(st.st_dev)) || proc_is_own_exe(t->proc, st.st_dev, st.st_ino)) ||
        !find_behind(t, dirfd, n) || !is_replaced(n, (uint64_t)oflags))
        return fd;
    linux_host_syscall(SYS_close, (uint64_t)fd, 0, 0, 0, 0, 0);
    return proc_open(t, &n->where, oflags);
}

static int64_t open_common(struct linux_thread *t, int dirfd, uint64_t path, uint64_t oflags, uint64_t mode)
{
    struct fs_name n;
    bool follow = !(oflags & O_NOFOLLOW) && (oflags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
    int64_t ret = get_name(t, dirfd, path, follow, &n);
    if (ret < 0)
        return ret;
    if (is_replaced(&n, oflags))
        return proc_open(t, &n.where, (int)oflags);
    ret = linux_wait_syscall(t, SYS_openat, (uint64_t)(int64_t)dirfd, n.addr, oflags, mode, 0, 0);
    if (ret >= 0 && follow)
        ret = check_opened(t, dirfd, &n, (int)ret, (int)oflags);
    procmem_opened(&n.where);
    return ret;
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

/*
 * Under -L ROOT: flags that restrict what the kernel meets on its way from the directory.  A directory of the guest is one of the
 * host below ROOT, so the host's kernel can walk the guest's own path, and must, since a translated one is absolute.
 */
static bool must_walk_itself(uint64_t resolve, uint64_t path)
{
    char first;
    bool relative = linux_copy_in(&first, path, 1) && first != '/';
    return resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT) || (relative && resolve & RESOLVE_NO_SYMLINKS);
}

int64_t linux_sys_openat2(struct linux_thread *t, const uint64_t a[6])
{
    struct {
        uint64_t flags, mode, resolve;
    } how;
    struct fs_name n;
    if (a[3] < sizeof how || a[3] > GUEST_PAGE_SIZE || sys_copy_struct(&how, sizeof how, a[2], a[3]) < 0)
        return sys_wait(t, SYS_openat2, a); /* fails */
    if (t->proc->opt.root && must_walk_itself(how.resolve, a[1]))
        return sys_wait(t, SYS_openat2, a);
    int64_t ret = get_name(t, (int)a[0], a[1], !(how.flags & O_NOFOLLOW), &n);
    if (ret < 0)
        return ret;
    if (is_replaced(&n, how.flags))
        return how.resolve ? -EXDEV : proc_open(t, &n.where, (int)how.flags);
    ret = linux_wait_syscall(t, SYS_openat2, a[0], n.addr, a[2], a[3], 0, 0);
    if (ret >= 0 && !how.resolve && !(how.flags & O_NOFOLLOW))
        ret = check_opened(t, (int)a[0], &n, (int)ret, (int)how.flags);
    procmem_opened(&n.where);
    return ret;
}

int64_t linux_sys_close(struct linux_thread *t, const uint64_t a[6])
{
    (void)t;
    return sys_host(SYS_close, a);
}

/* The descriptors have been checked not to be btv's. */
static int64_t duplicate(long nr, const uint64_t a[6])
{
    int64_t fd = sys_host(nr, a);
    if (fd >= 0)
        procfile_duplicated((int)a[0], (int)fd);
    return fd;
}

int64_t linux_sys_dup(struct linux_thread *t, const uint64_t a[6])
{
    (void)t;
    return duplicate(SYS_dup, a);
}

int64_t linux_sys_pidfd_getfd(struct linux_thread *t, const uint64_t a[6])
{
    (void)t;
    int64_t fd = sys_host(SYS_pidfd_getfd, a);
    if (fd >= 0)
        procmem_came((int)fd);
    return fd;
}

int64_t linux_sys_dup2(struct linux_thread *t, const uint64_t a[6])
{
    (void)t;
    return duplicate(SYS_dup2, a);
}

int64_t linux_sys_dup3(struct linux_thread *t, const uint64_t a[6])
{
    (void)t;
    return duplicate(SYS_dup3, a);
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
    char name[64];
    if ((cmd == F_GET_SEALS || cmd == F_ADD_SEALS) && procfile_name((int)a[0], name))
        return -EINVAL; /* as of any file but a memory file */
    if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
        return duplicate(SYS_fcntl, b);
    return waits ? sys_wait(t, SYS_fcntl, b) : sys_host(SYS_fcntl, b);
}

/* -- attributes -------------------------------------------------------------------------------------------- */

/* What a made file of /proc tells of itself: what the file of its name tells. name: a canonical one, or NULL if nobody knows. */
static void stat_made(struct stat *st, const char *name)
{
    struct stat real;
    if (name && linux_host_syscall(SYS_lstat, (uint64_t)(uintptr_t)name, (uint64_t)(uintptr_t)&real, 0, 0, 0, 0) == 0) {
        *st = real;
        return;
    }
    st->st_size = st->st_blocks = 0;
    st->st_mode &= ~(mode_t)S_ISVTX;
    st->st_nlink = 1;
}

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
    char name[64];
    int64_t ret = linux_host_syscall(SYS_fstat, a[0], (uint64_t)(uintptr_t)&st, 0, 0, 0, 0);
    if (ret == 0 && BTV_UNLIKELY(procfile_looks_made(st.st_mode, st.st_nlink)))
        stat_made(&st, procfile_name((int)a[0], name) ? name : NULL);
    return ret < 0 ? ret : put_stat(t, a[1], &st);
}

/* The program stands for /proc/PID/exe. */
static int64_t use_exe(struct linux_thread *t, uint64_t *dirfd, uint64_t *flags, struct fs_name *n)
{
    char called[PATH_MAX];
    if (n->where.file == PROC_PRIVATE)
        return -ENOENT;
    if (n->where.file != PROC_EXE || (*flags & AT_SYMLINK_NOFOLLOW))
        return 0;
    if (!n->where.pid && t->proc->exe_fd >= 0) { /* needs no /proc */
        *dirfd = (uint64_t)t->proc->exe_fd;
        *flags |= AT_EMPTY_PATH;
        n->addr = (uint64_t)(uintptr_t) "";
        return 0;
    }
    if (!proc_exe(t, &n->where, n->path, called))
        return -ENOENT;
    n->addr = (uint64_t)(uintptr_t)n->path;
    return 0;
}

/* A file name for a call that describes a file. */
static int64_t name_of_described(struct linux_thread *t, uint64_t *dirfd, uint64_t path, uint64_t *flags, struct fs_name *n)
{
    bool follow = !(*flags & AT_SYMLINK_NOFOLLOW);
    int64_t ret = get_name(t, (int)*dirfd, path, follow, n);
    return ret < 0 ? ret : use_exe(t, dirfd, flags, n);
}

/* The name of a made file of /proc that a call described: by its descriptor, or by that descriptor's name. */
static bool made_name(uint64_t dirfd, const struct fs_name *n, char name[64])
{
    char link[PATH_MAX];
    if (!n->path[0])
        return procfile_name((int)dirfd, name);
    int64_t k = linux_host_syscall(SYS_readlinkat, dirfd, n->addr, (uint64_t)(uintptr_t)link, sizeof link - 1, 0, 0);
    link[k > 0 ? k : 0] = 0;
    if (!procfile_real_name(link) || strlen(link) >= 64)
        return false;
    memcpy(name, link, strlen(link) + 1);
    return true;
}

/*
 * After a look at a file: 1 if it was btv's own behind a link to /proc/self/exe and is to be looked at again, as dirfd and n now say;
 * else 0, or -errno.
 */
static int64_t look_again(struct linux_thread *t, uint64_t *dirfd, uint64_t *flags, struct fs_name *n, uint64_t dev, uint64_t ino)
{
    if (!proc_is_own_exe(t->proc, dev, ino) || (*flags & AT_SYMLINK_NOFOLLOW) || !find_behind(t, (int)*dirfd, n) || n->where.file != PROC_EXE)
        return 0;
    int64_t ret = use_exe(t, dirfd, flags, n);
    return ret < 0 ? ret : 1;
}

static int64_t stat_common(struct linux_thread *t, uint64_t dirfd, uint64_t path, uint64_t out, uint64_t flags)
{
    struct fs_name n;
    struct stat st;
    int64_t ret = name_of_described(t, &dirfd, path, &flags, &n);
    char name[64];
    if (ret == 0)
        ret = linux_host_syscall(SYS_newfstatat, dirfd, n.addr, (uint64_t)(uintptr_t)&st, flags, 0, 0);
    if (ret == 0)
        ret = look_again(t, &dirfd, &flags, &n, st.st_dev, st.st_ino);
    if (ret > 0)
        ret = linux_host_syscall(SYS_newfstatat, dirfd, n.addr, (uint64_t)(uintptr_t)&st, flags, 0, 0);
    if (ret < 0)
        return ret;
    if (n.where.file == PROC_FDS && st.st_size)
        st.st_size -= proc_count_private(t, &n.where);
    unsigned threads = n.where.file == PROC_TASKS ? proc_count_threads(t, &n.where) : 0;
    if (threads)
        st.st_nlink = 2 + threads;
    if (procfile_looks_made(st.st_mode, st.st_nlink))
        stat_made(&st, made_name(dirfd, &n, name) ? name : NULL);
    return put_stat(t, out, &st);
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
    struct statx st;
    char name[64];
    uint64_t dirfd = a[0], flags = a[2];
    int64_t ret = name_of_described(t, &dirfd, a[1], &flags, &n);
    if (ret == 0)
        ret = linux_host_syscall(SYS_statx, dirfd, n.addr, flags, a[3], (uint64_t)(uintptr_t)&st, 0);
    if (ret == 0)
        ret = look_again(t, &dirfd, &flags, &n, makedev(st.stx_dev_major, st.stx_dev_minor), st.stx_ino);
    if (ret > 0)
        ret = linux_host_syscall(SYS_statx, dirfd, n.addr, flags, a[3], (uint64_t)(uintptr_t)&st, 0);
    if (ret == 0 && n.where.file == PROC_FDS && st.stx_size)
        st.stx_size -= proc_count_private(t, &n.where);
    unsigned threads = ret == 0 && n.where.file == PROC_TASKS ? proc_count_threads(t, &n.where) : 0;
    if (threads)
        st.stx_nlink = 2 + threads;
    if (ret == 0 && procfile_looks_made(st.stx_mode, st.stx_nlink) && made_name(dirfd, &n, name))
        ret = linux_host_syscall(SYS_statx, (uint64_t)AT_FDCWD, (uint64_t)(uintptr_t)name, flags & ~(uint64_t)AT_EMPTY_PATH, a[3], (uint64_t)(uintptr_t)&st, 0);
    return ret < 0 ? ret : linux_copy_out(a[4], &st, sizeof st) ? 0 : -EFAULT;
}

/* A made file of /proc is on the file system of its name. */
int64_t linux_sys_fstatfs(struct linux_thread *t, const uint64_t a[6])
{
    char name[64];
    (void)t;
    if (procfile_name((int)a[0], name))
        return linux_host_syscall(SYS_statfs, (uint64_t)(uintptr_t)name, a[1], 0, 0, 0, 0);
    return sys_host(SYS_fstatfs, a);
}

/* -- names ------------------------------------------------------------------------------------------------- */

static int64_t put_link(uint64_t buf, uint64_t size, const char *text)
{
    size_t n = strlen(text);
    if (n > size)
        n = (size_t)size;
    return linux_copy_out(buf, text, n) ? (int64_t)n : -EFAULT;
}

/* Links of /proc (cwd, fd/N, root) point to absolute host paths. */
static bool is_proc_link(const char *path)
{
    return strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/dev/fd/", 8) == 0;
}

/* An empty path: a link that has been opened itself, maybe that of a program. */
static void find_opened_link(struct linux_thread *t, int fd, struct fs_name *n)
{
    char self[40], name[64];
    if (t->proc->opt.show_emulator || fd < 0)
        return;
    snprintf(self, sizeof self, "/proc/thread-self/fd/%d", fd);
    int64_t k = linux_host_syscall(SYS_readlink, (uint64_t)(uintptr_t)self, (uint64_t)(uintptr_t)name, sizeof name - 1, 0, 0, 0);
    name[k > 0 ? k : 0] = 0;
    if (strncmp(name, "/proc/", 6) == 0)
        n->where = proc_find_name(t, name);
}

/* Does a relative path lead into /proc? */
static bool proc_has(uint64_t dirfd, const char *path)
{
    struct statfs fs;
    const char *slash = strrchr(path, '/');
    char parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    int64_t fd = linux_host_syscall(SYS_openat, dirfd, (uint64_t)(uintptr_t)parent, O_PATH | O_CLOEXEC, 0, 0, 0);
    bool ok = fd >= 0 && linux_host_syscall(SYS_fstatfs, (uint64_t)fd, (uint64_t)(uintptr_t)&fs, 0, 0, 0, 0) == 0 && fs.f_type == PROC_SUPER_MAGIC;
    if (fd >= 0)
        linux_host_syscall(SYS_close, (uint64_t)fd, 0, 0, 0, 0, 0);
    return ok;
}

static int64_t readlink_common(struct linux_thread *t, uint64_t dirfd, uint64_t path, uint64_t buf, uint64_t size)
{
    struct fs_name n;
    char target[PATH_MAX];
    if ((int32_t)size <= 0) /* the kernel's argument is an int, looked at before the path */
        return -EINVAL;
    size = (uint32_t)size;
    int64_t ret = get_name(t, (int)dirfd, path, false, &n);
    if (ret < 0)
        return ret;
    char host[PATH_MAX];
    if (!n.path[0])
        find_opened_link(t, (int)dirfd, &n);
    if (n.where.file == PROC_PRIVATE)
        return -ENOENT;
    if (n.where.file == PROC_EXE)
        return proc_exe(t, &n.where, host, target) ? put_link(buf, size, target) : -ENOENT;
    ret = linux_host_syscall(SYS_readlinkat, dirfd, n.addr, (uint64_t)(uintptr_t)target, sizeof target - 1, 0, 0);
    if (ret < 0)
        return ret;
    target[ret] = 0;
    if (!procfile_real_name(target) && t->proc->opt.root && (is_proc_link(n.path) || (n.path[0] != '/' && proc_has(dirfd, n.path))))
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
    int64_t n;
    return !t->proc->opt.show_emulator && proc_getdents(t, (int)a[0], a[1], a[2], &n) ? n : sys_host(SYS_getdents64, a);
}

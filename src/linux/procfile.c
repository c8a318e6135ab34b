/*
 * Made files of /proc as files: sealed memory files that look like files of /proc.
 *
 * Such a file carries its canonical name in the name of the memory file, "proc:/proc/123/maps", and a mode that no guest gives to
 * one by accident; so a descriptor tells what it is after fork, execve or being passed on, and to other btv processes.  What is asked of it as
 * a file is then asked of the file of that name.
 *
 * The kernel makes such a file anew each time that it is read from the beginning; programs that keep one open rely on that.  A
 * table of descriptors says which may need it, by number: an entry that is wrong costs a look and is dropped.
 */
#include "linux/proc.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/file.h"
#include "linux/sys.h"

#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1U
#define MFD_ALLOW_SEALING 2U
#endif

#define NAME_PREFIX "proc:"
#define LINK_PREFIX "/memfd:" NAME_PREFIX
#define LINK_SUFFIX " (deleted)"
#define MADE_MODE (S_ISVTX | 0444)

/* Of the host process, like its descriptors. */
enum { NOT_MADE, FRESH, READ };
static _Atomic unsigned char state[LINUX_PRIVATE_FD_MIN];

static _Atomic bool any;

bool procfile_any(void)
{
    return any;
}

bool procfile_maybe(int fd)
{
    return fd >= 0 && (size_t)fd < ARRAY_LEN(state) && state[fd] != NOT_MADE;
}

static void set_state(int64_t fd, unsigned char value)
{
    if (fd >= 0 && (size_t)fd < ARRAY_LEN(state))
        state[fd] = value;
    if (value != NOT_MADE)
        any = true;
}

void procfile_came(int fd)
{
    set_state(fd, READ);
}

void procfile_duplicated(int fd, int copy)
{
    if (BTV_UNLIKELY(any))
        set_state(copy, procfile_maybe(fd) ? state[fd] : NOT_MADE);
}

bool procfile_looks_made(uint64_t mode, uint64_t nlink)
{
    return mode == (S_IFREG | MADE_MODE) && nlink == 0;
}

bool procfile_real_name(char *link)
{
    size_t n = strlen(link), p = sizeof LINK_PREFIX - 1, q = sizeof LINK_SUFFIX - 1;
    if (n < p + q || strncmp(link, LINK_PREFIX "/proc", p + 5) != 0 || strcmp(link + n - q, LINK_SUFFIX) != 0)
        return false;
    memmove(link, link + p, n - p - q);
    link[n - p - q] = 0;
    return true;
}

bool procfile_name(int fd, char name[64])
{
    char path[40], link[128];
    snprintf(path, sizeof path, "/proc/thread-self/fd/%d", fd);
    int64_t n = linux_host_syscall(SYS_readlink, (uint64_t)(uintptr_t)path, (uint64_t)(uintptr_t)link, sizeof link - 1, 0, 0, 0);
    link[n > 0 ? n : 0] = 0;
    if (!procfile_real_name(link) || strlen(link) >= 64)
        return false;
    memcpy(name, link, strlen(link) + 1);
    return true;
}

int64_t procfile_make(const struct str *s, const char *name, int oflags)
{
    char path[40], label[80];
    snprintf(label, sizeof label, NAME_PREFIX "%s", name);
    int64_t fd = linux_host_syscall(SYS_memfd_create, (uint64_t)(uintptr_t)label, MFD_CLOEXEC | MFD_ALLOW_SEALING, 0, 0, 0, 0);
    if (fd < 0)
        return fd;
    if (!file_write((int)fd, s->p, s->len)) {
        int64_t r = -errno;
        linux_host_syscall(SYS_close, (uint64_t)fd, 0, 0, 0, 0, 0);
        return r;
    }
    linux_host_syscall(SYS_fchmod, (uint64_t)fd, MADE_MODE, 0, 0, 0, 0);
    linux_host_syscall(SYS_fcntl, (uint64_t)fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE, 0, 0, 0);
    /* opened again, its mode is what was asked for, and its offset 0 */
    snprintf(path, sizeof path, "/proc/thread-self/fd/%d", (int)fd);
    int64_t again = linux_host_syscall(SYS_open, (uint64_t)(uintptr_t)path, (uint64_t)(oflags & (O_CLOEXEC | O_NONBLOCK | O_PATH)), 0, 0, 0, 0);
    if (again < 0) /* no descriptor left for that */
        linux_host_syscall(SYS_lseek, (uint64_t)fd, 0, SEEK_SET, 0, 0, 0);
    else { /* keep the lower number, as open(2) promises */
        linux_host_syscall(SYS_dup3, (uint64_t)again, (uint64_t)fd, (uint64_t)(oflags & O_CLOEXEC), 0, 0, 0);
        linux_host_syscall(SYS_close, (uint64_t)again, 0, 0, 0, 0, 0);
    }
    set_state(fd, FRESH);
    return fd;
}

/* Puts a file with today's contents in the place of fd; other descriptors of the same opening keep the old one. */
static void renew(struct linux_thread *t, int fd, const char *name)
{
    struct proc_where where = proc_find_name(t, name);
    struct str s = STR_INIT;
    if (where.file != PROC_NONE && proc_contents(t, &where, &s)) {
        int64_t flags = linux_host_syscall(SYS_fcntl, (uint64_t)fd, F_GETFD, 0, 0, 0, 0);
        int cloexec = flags == FD_CLOEXEC ? O_CLOEXEC : 0;
        int64_t made = procfile_make(&s, name, O_CLOEXEC);
        if (made >= 0) {
            linux_host_syscall(SYS_dup3, (uint64_t)made, (uint64_t)fd, (uint64_t)cloexec, 0, 0, 0);
            linux_host_syscall(SYS_close, (uint64_t)made, 0, 0, 0, 0, 0);
            set_state(made, NOT_MADE);
        }
    }
    str_free(&s);
}

void procfile_before_read(struct linux_thread *t, int fd, int64_t at)
{
    char name[64];
    if (!procfile_maybe(fd))
        return;
    if (at < 0)
        at = linux_host_syscall(SYS_lseek, (uint64_t)fd, 0, SEEK_CUR, 0, 0, 0);
    if (at != 0)
        return;
    if (state[fd] == FRESH)
        state[fd] = READ;
    else if (procfile_name(fd, name))
        renew(t, fd, name);
    else
        state[fd] = NOT_MADE;
}

/* -- calls ------------------------------------------------------------------------------------------------------ */

#define BEYOND (UINT64_C(1) << 50)
#define RWF_HIPRI_ 1u /* linux/fs.h: the only flag of a file whose reads take no vectors */

/* Calls that ask a file for what its kind decides: which argument is the descriptor. */
static const struct {
    int16_t host;
    uint8_t fd;
} asked[] = {
    {SYS_fsync, 0},    {SYS_fdatasync, 0}, {SYS_fchmod, 0},  {SYS_fchown, 0}, {SYS_fallocate, 0}, {SYS_ftruncate, 0},
    {SYS_pwrite64, 0}, {SYS_pwritev, 0},   {SYS_pwritev2, 0}, {SYS_sendfile, 1},
};

/* A file of a process, which the kernel does not copy from (splice): asking the host's gives none of its contents away. */
static bool is_of_process(const char *name)
{
    return isdigit((unsigned char)name[sizeof "/proc/" - 1]);
}

/* preadv2 with flags that such a file does not know: the vectors are judged first, and behind its end they stay untouched. */
static int64_t refuse_flags(struct linux_thread *t, const uint64_t a[6])
{
    struct iovec iov[UIO_MAXIOV];
    uint64_t at = sys_copy_iov(t->proc, a[1], a[2], iov);
    int64_t r = linux_host_syscall(SYS_preadv, a[0], at, a[2], BEYOND, 0, 0);
    for (uint64_t i = 0; r == 0 && i < a[2]; i++)
        if (iov[i].iov_len)
            return -EOPNOTSUPP;
    return r;
}

bool procfile_serves(struct linux_thread *t, const struct sys_row *row, const uint64_t a[6], int64_t *ret)
{
    char name[64];
    uint64_t b[6];
    memcpy(b, a, sizeof b);
    if (row->host == SYS_preadv2 && (a[5] & ~(uint64_t)RWF_HIPRI_) && (int64_t)a[3] >= -1 && procfile_maybe((int)a[0]) && procfile_name((int)a[0], name)) {
        *ret = refuse_flags(t, a);
        return true;
    }
    for (unsigned i = 0; i < ARRAY_LEN(asked); i++) {
        unsigned k = asked[i].fd;
        if (asked[i].host != row->host || !procfile_maybe((int)a[k]) || !procfile_name((int)a[k], name) || !is_of_process(name))
            continue;
        int64_t fd = linux_host_syscall(SYS_open, (uint64_t)(uintptr_t)name, O_RDONLY | O_CLOEXEC, 0, 0, 0, 0);
        if (fd < 0)
            return false;
        b[k] = (uint64_t)fd;
        *ret = sys_host(row->host, b);
        linux_host_syscall(SYS_close, (uint64_t)fd, 0, 0, 0, 0, 0);
        return true;
    }
    return false;
}

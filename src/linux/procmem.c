/*
 * The memory of guests by other ways than loads and stores: /proc/PID/mem and pagemap, process_vm_readv, move_pages, PAGEMAP_SCAN.
 *
 * A guest sees its own memory and that of other processes that btv runs, but not btv's in them: an address of btv's is one where
 * nothing is mapped.  What the host's kernel is asked is cut where btv's memory begins, or names a hole instead.
 *
 * Which descriptors are such files is asked of the host at each read and write, but only once the process has opened one or got it
 * from elsewhere: most never do.
 */
#include "linux/procmem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "linux/mm.h"
#include "linux/sys.h"

#ifndef PROC_SUPER_MAGIC
#define PROC_SUPER_MAGIC 0x9fa0
#endif
#define ENTRY_BYTES 8 /* of pagemap, for one page */
#define BEYOND_PAGEMAP (UINT64_C(1) << 50)

/* -- spaces -------------------------------------------------------------------------------------------------- */

/* A number of move_pages and the like may be that of any of the caller's threads. */
static bool is_own(pid_t pid)
{
    char task[40];
    snprintf(task, sizeof task, "/proc/thread-self/../%d", (int)pid);
    return pid == getpid() || linux_host_syscall(SYS_access, (uint64_t)(uintptr_t)task, F_OK, 0, 0, 0, 0) == 0;
}

bool procmem_open(struct linux_thread *t, pid_t pid, struct procmem *m)
{
    struct proc_view v;
    *m = (struct procmem){.own = t->proc, .high = mem_high(t->proc->mem)};
    if (pid <= 0 || is_own(pid))
        return pid >= 0;
    bool guest = proc_view_open(t, pid, 0, PROC_SHALLOW, &v);
    *m = (struct procmem){.high = v.high, .host_start = v.host_start, .host_end = v.host_end};
    proc_view_close(&v);
    return guest;
}

bool procmem_hides(const struct procmem *m, uint64_t addr, uint64_t *end)
{
    uint64_t start;
    if (addr >= m->high) {
        *end = UINT64_MAX;
        return true;
    }
    if (m->own) {
        if (!mm_next_piece(m->own, addr, m->high, &start, end))
            start = m->high;
        if (start == addr)
            return false;
        *end = start;
        return true;
    }
    bool hidden = addr >= m->host_start && addr < m->host_end;
    *end = hidden ? m->host_end : addr < m->host_start ? m->host_start : m->high;
    if (hidden && *end >= m->high)
        *end = UINT64_MAX;
    return hidden;
}

/* -- descriptors ----------------------------------------------------------------------------------------------- */

static _Atomic bool watched;

void procmem_opened(const struct proc_where *w)
{
    if (w->file == PROC_MEM || w->file == PROC_PAGEMAP)
        watched = true;
}

bool procmem_watched(void)
{
    return watched;
}

void procmem_came(int fd)
{
    struct statfs fs;
    char path[40], link[64], name[64];
    if (linux_host_syscall(SYS_fstatfs, (uint64_t)(int64_t)fd, (uint64_t)(uintptr_t)&fs, 0, 0, 0, 0) < 0)
        return;
    if (fs.f_type == TMPFS_MAGIC && procfile_name(fd, name)) {
        procfile_came(fd);
    } else if (fs.f_type == PROC_SUPER_MAGIC) {
        snprintf(path, sizeof path, "/proc/thread-self/fd/%d", fd);
        int64_t len = linux_host_syscall(SYS_readlink, (uint64_t)(uintptr_t)path, (uint64_t)(uintptr_t)link, sizeof link - 1, 0, 0, 0);
        link[len > 0 ? len : 0] = 0;
        const char *last = strrchr(link, '/');
        if (last && (strcmp(last, "/mem") == 0 || strcmp(last, "/pagemap") == 0))
            watched = true;
    }
}

void procmem_inherited(void)
{
    DIR *dir = opendir("/proc/thread-self/fd");
    for (const struct dirent *e; dir && (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.' && atoi(e->d_name) != dirfd(dir) && !linux_is_private_fd(atoi(e->d_name)))
            procmem_came(atoi(e->d_name));
    if (dir)
        closedir(dir);
}

/* What fd is: PROC_MEM or PROC_PAGEMAP of a guest, whose memory is *m; PROC_NONE: another file. */
static enum proc_file file_of(struct linux_thread *t, int fd, struct procmem *m)
{
    struct statfs fs;
    char path[40], link[64];
    int pid, n = 0;
    if (linux_host_syscall(SYS_fstatfs, (uint64_t)(int64_t)fd, (uint64_t)(uintptr_t)&fs, 0, 0, 0, 0) < 0 || fs.f_type != PROC_SUPER_MAGIC)
        return PROC_NONE;
    snprintf(path, sizeof path, "/proc/thread-self/fd/%d", fd);
    int64_t len = linux_host_syscall(SYS_readlink, (uint64_t)(uintptr_t)path, (uint64_t)(uintptr_t)link, sizeof link - 1, 0, 0, 0);
    link[len > 0 ? len : 0] = 0;
    const char *name = strrchr(link, '/');
    if (!name || sscanf(link, "/proc/%d%n", &pid, &n) != 1 || !n)
        return PROC_NONE;
    enum proc_file file = strcmp(name, "/mem") == 0 ? PROC_MEM : strcmp(name, "/pagemap") == 0 ? PROC_PAGEMAP : PROC_NONE;
    return file != PROC_NONE && procmem_open(t, pid, m) ? file : PROC_NONE;
}

/* A read or write: where it begins, and its buffers. */
struct transfer {
    int fd;
    bool write, current; /* at the descriptor's own position */
    uint64_t pos, count; /* of buffers */
    uint64_t flags;      /* RWF_ */
    struct iovec *iov;
};

/* Is it one of the calls that move bytes?  Fills in all but the buffers. */
static bool is_transfer(const struct sys_row *row, const uint64_t a[6], struct transfer *x)
{
    bool at = false;
    switch (row->host) {
    case SYS_write:
    case SYS_writev: x->write = true; break;
    case SYS_pwrite64:
    case SYS_pwritev:
    case SYS_pwritev2: x->write = at = true; break;
    case SYS_read:
    case SYS_readv: break;
    case SYS_pread64:
    case SYS_preadv:
    case SYS_preadv2: at = true; break;
    default: return false;
    }
    x->fd = (int)a[0];
    x->current = !at || ((row->host == SYS_preadv2 || row->host == SYS_pwritev2) && a[3] == UINT64_MAX);
    x->pos = a[3];
    x->flags = row->host == SYS_preadv2 || row->host == SYS_pwritev2 ? a[5] : 0;
    return true;
}

static int64_t move(const struct transfer *x, uint64_t pos)
{
    return linux_host_syscall(x->write ? SYS_pwritev2 : SYS_preadv2, (uint64_t)(int64_t)x->fd, (uint64_t)(uintptr_t)x->iov, x->count, pos, 0, x->flags);
}

/* What the kernel says of the descriptor, the buffers and the flags before it looks at the place: the same at one where there is nothing. */
static int64_t judge(const struct transfer *x, bool vector, enum proc_file file)
{
    uint64_t nowhere = file == PROC_MEM ? SYS_HOLE : BEYOND_PAGEMAP, base = (uint64_t)(uintptr_t)x->iov[0].iov_base;
    int64_t r = vector ? move(x, nowhere)
                       : linux_host_syscall(x->write ? SYS_pwrite64 : SYS_pread64, (uint64_t)(int64_t)x->fd, base, x->iov[0].iov_len, nowhere, 0, 0);
    return r == -EIO ? 0 : r;
}

/* Leaves the first `room` bytes of the buffers. */
static void cut(struct transfer *x, uint64_t room)
{
    for (uint64_t i = 0; i < x->count; i++) {
        if (x->iov[i].iov_len >= room) {
            x->iov[i].iov_len = room;
            x->count = room ? i + 1 : i;
            return;
        }
        room -= x->iov[i].iov_len;
    }
}

static int64_t move_memory(struct linux_thread *t, const struct procmem *m, struct transfer *x)
{
    uint64_t end;
    if (procmem_hides(m, x->pos, &end))
        return move(x, SYS_HOLE); /* nothing is mapped there either */
    cut(x, end - x->pos);
    int64_t r = move(x, x->pos);
    if (x->write && r > 0 && m->own && mm_has_code(t->proc, x->pos, x->pos + (uint64_t)r))
        engine_invalidate(t->proc->engine, x->pos, x->pos + (uint64_t)r); /* the kernel makes such stores known to the processors */
    return r;
}

/* Entries of btv's pages say that there is no page. */
static int64_t read_entries(const struct procmem *m, const struct transfer *x)
{
    uint64_t entry[512], done = 0, end = 0;
    bool hidden = false;
    for (uint64_t i = 0; i < x->count; i++) {
        for (uint64_t at = 0; at < x->iov[i].iov_len;) {
            uint64_t left = x->iov[i].iov_len - at, n = left % ENTRY_BYTES ? 1 : left < sizeof entry ? left : sizeof entry; /* 1: refused */
            uint64_t page = (x->pos + done) / ENTRY_BYTES;
            int64_t r = linux_host_syscall(SYS_pread64, (uint64_t)(int64_t)x->fd, (uint64_t)(uintptr_t)entry, n, x->pos + done, 0, 0);
            if (r <= 0)
                return done ? (int64_t)done : r;
            for (unsigned k = 0; k < (uint64_t)r / ENTRY_BYTES; k++) {
                uint64_t addr = (page + k) * GUEST_PAGE_SIZE;
                if (addr >= end)
                    hidden = procmem_hides(m, addr, &end);
                entry[k] = hidden ? 0 : entry[k];
            }
            if (!linux_copy_out((uint64_t)(uintptr_t)x->iov[i].iov_base + at, entry, (size_t)r))
                return done ? (int64_t)done : -EFAULT;
            done += (uint64_t)r;
            at += (uint64_t)r;
            if ((uint64_t)r < n)
                return (int64_t)done;
        }
    }
    return (int64_t)done;
}

bool procmem_serves(struct linux_thread *t, const struct sys_row *row, const uint64_t a[6], int64_t *ret)
{
    struct iovec iov[UIO_MAXIOV];
    struct transfer x = {.iov = iov, .count = 1};
    struct procmem m;
    if (!is_transfer(row, a, &x) || (!x.current && (int64_t)x.pos < 0)) /* a negative place is refused before anything else */
        return false;
    enum proc_file file = file_of(t, x.fd, &m);
    if (file == PROC_NONE || (file == PROC_PAGEMAP && x.write))
        return false;
    if (row->arg[2].kind == SYS_A_INBUF || row->arg[2].kind == SYS_A_OUTBUF)
        iov[0] = (struct iovec){.iov_base = mem_host(a[1]), .iov_len = a[2]};
    else if (a[2] && a[2] <= UIO_MAXIOV && sys_copy_iov(t->proc, a[1], a[2], iov) == (uint64_t)(uintptr_t)iov)
        x.count = a[2];
    else
        return false; /* nothing to do, or refused */
    *ret = judge(&x, row->arg[2].kind == SYS_A_INIOV || row->arg[2].kind == SYS_A_OUTIOV, file);
    if (*ret < 0)
        return true;
    int64_t pos = x.current ? linux_host_syscall(SYS_lseek, a[0], 0, SEEK_CUR, 0, 0, 0) : 0;
    if (x.current)
        x.pos = (uint64_t)pos;
    *ret = file == PROC_MEM ? move_memory(t, &m, &x) : read_entries(&m, &x);
    if (*ret > 0 && x.current)
        linux_host_syscall(SYS_lseek, a[0], (uint64_t)*ret, SEEK_CUR, 0, 0, 0);
    return true;
}

/* -- PAGEMAP_SCAN ---------------------------------------------------------------------------------------------- */

/* struct pm_scan_arg and page_region of linux/fs.h, newer than some libraries. */
struct scan {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages, inverted, mask, any_of, returned;
};
struct scan_region {
    uint64_t start, end, categories;
};

/* Pages in n regions of the guest's vector. */
static uint64_t pages_in(uint64_t vec, uint64_t n)
{
    struct scan_region r;
    uint64_t pages = 0;
    for (uint64_t i = 0; i < n && linux_copy_in(&r, vec + i * sizeof r, sizeof r); i++)
        pages += (r.end - r.start) / GUEST_PAGE_SIZE;
    return pages;
}

int64_t procmem_scan(struct linux_thread *t, const uint64_t a[6])
{
    struct scan s, part;
    struct procmem m;
    uint64_t b[6] = {a[0], a[1], sys_pointer(t->proc, a[2], sizeof s)}, end = 0;
    if (!linux_copy_in(&s, a[2], sizeof s))
        return sys_host(SYS_ioctl, b);
    s.vec = sys_pointer(t->proc, s.vec, s.vec_len < UINT32_MAX ? s.vec_len * sizeof(struct scan_region) : 1);
    b[2] = (uint64_t)(uintptr_t)&part;
    part = s;
    if (file_of(t, (int)a[0], &m) != PROC_PAGEMAP || s.size != sizeof s || s.start >= s.end) {
        int64_t r = sys_host(SYS_ioctl, b);
        return r >= 0 && !linux_copy_out(a[2] + offsetof(struct scan, walk_end), &part.walk_end, sizeof part.walk_end) ? -EFAULT : r;
    }
    uint64_t found = 0, pages = 0, at = s.start;
    while (at < s.end) {
        bool hidden = procmem_hides(&m, at, &end);
        end = end < s.end ? end : s.end;
        if (hidden && !(at & ~GUEST_PAGE_MASK)) {
            at = end;
            continue;
        }
        part = s;
        part.start = at;
        part.end = end;
        part.vec = s.vec ? s.vec + found * sizeof(struct scan_region) : 0;
        part.vec_len = s.vec_len - found;
        part.max_pages = s.max_pages ? s.max_pages - pages : 0;
        int64_t r = sys_host(SYS_ioctl, b);
        if (r < 0)
            return r;
        pages += s.max_pages ? pages_in(part.vec, (uint64_t)r) : 0;
        found += (uint64_t)r;
        at = part.walk_end;
        if (at < end || (s.vec && found >= s.vec_len) || (s.max_pages && pages >= s.max_pages))
            break;
    }
    if (!linux_copy_out(a[2] + offsetof(struct scan, walk_end), &at, sizeof at))
        return -EFAULT;
    return (int64_t)found;
}

/* -- by number of the process ------------------------------------------------------------------------------------ */

uint64_t procmem_copy_iov(struct linux_thread *t, const struct procmem *m, uint64_t iov, uint64_t count, struct iovec *out)
{
    if (m->own)
        return sys_copy_iov(t->proc, iov, count, out);
    if (!count || count > UIO_MAXIOV || !linux_copy_in(out, iov, count * sizeof *out))
        return sys_pointer(t->proc, iov, 1);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t addr = (uint64_t)(uintptr_t)out[i].iov_base, end;
        if (procmem_hides(m, addr, &end))
            out[i].iov_base = mem_host(SYS_HOLE);
        else if (out[i].iov_len > end - addr && out[i].iov_len <= SYS_USER_END - addr)
            out[i].iov_len = end - addr;
    }
    return (uint64_t)(uintptr_t)out;
}

int64_t linux_sys_move_pages(struct linux_thread *t, const uint64_t a[6])
{
    uint64_t page[256], end;
    struct procmem m;
    int64_t sum = 0;
    if (!a[1] || !procmem_open(t, (pid_t)a[0], &m))
        return sys_host(SYS_move_pages, a);
    for (uint64_t at = 0, n; at < a[1]; at += n) {
        n = a[1] - at < ARRAY_LEN(page) ? a[1] - at : ARRAY_LEN(page);
        uint64_t b[6] = {a[0], n, (uint64_t)(uintptr_t)page, a[3] ? a[3] + at * 4 : 0, a[4] + at * 4, a[5]};
        if (!linux_copy_in(page, a[2] + at * sizeof page[0], n * sizeof page[0])) {
            b[2] = a[2]; /* refused */
        } else {
            for (uint64_t i = 0; i < n; i++)
                if (procmem_hides(&m, page[i], &end))
                    page[i] = SYS_HOLE;
        }
        int64_t r = sys_host(SYS_move_pages, b);
        if (r < 0)
            return r;
        sum += r;
    }
    return sum;
}

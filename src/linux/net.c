/*
 * Sockets: messages, whose pointers lie in structs, and the paths of local sockets under -L ROOT.
 *
 * Layouts and numbers are the host's.  The kernel gets copies of headers and vectors, which no other thread of the guest can
 * change after they were checked.
 */
#include "linux/procmem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "base/heap.h"

#define MESSAGES_MAX 1024 /* UIO_MAXIOV: the kernel ignores what follows */
#define CONTROL_MAX 20480 /* more than net.core.optmem_max allows by default is left to the kernel */

/* -- addresses --------------------------------------------------------------------------------------------- */

/* A socket address as the host is to see it; dir_fd: descriptor to close after the call, or -1. */
struct host_address {
    struct sockaddr_un un;
    uint64_t addr, len;
    int dir_fd;
};

/* A path too long for sun_path is reached through a descriptor of its directory. */
static int64_t shorten(struct host_address *h, char *path)
{
    char *slash = strrchr(path, '/');
    if (!slash || strlen(slash + 1) > 64)
        return -ENAMETOOLONG;
    *slash = 0;
    int64_t fd = linux_host_syscall(SYS_open, (uint64_t)(uintptr_t)(*path ? path : "/"), O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0, 0, 0);
    if (fd < 0)
        return fd;
    h->dir_fd = (int)fd;
    snprintf(h->un.sun_path, sizeof h->un.sun_path, "/proc/thread-self/fd/%d/%.64s", h->dir_fd, slash + 1);
    return 0;
}

/* The address at addr, with the path of a local socket translated: 0 or -errno. */
static int64_t address_get(struct linux_thread *t, uint64_t addr, uint64_t len, struct host_address *h)
{
    char guest[sizeof h->un.sun_path + 1], path[PATH_MAX];
    *h = (struct host_address){.addr = addr, .len = len, .dir_fd = -1};
    if (!t->proc->opt.root || !addr || len <= offsetof(struct sockaddr_un, sun_path) || len > sizeof h->un)
        return 0;
    if (!linux_copy_in(&h->un, addr, len))
        return 0; /* the kernel fails */
    if (h->un.sun_family != AF_UNIX || h->un.sun_path[0] != '/') /* abstract, relative, or another family */
        return 0;
    size_t n = len - offsetof(struct sockaddr_un, sun_path);
    memcpy(guest, h->un.sun_path, n);
    guest[n] = 0;
    int64_t ret = linux_path(t, AT_FDCWD, guest, true, path);
    if (ret < 0)
        return ret;
    if (strlen(path) >= sizeof h->un.sun_path)
        ret = shorten(h, path);
    else
        memcpy(h->un.sun_path, path, strlen(path) + 1);
    h->addr = (uint64_t)(uintptr_t)&h->un;
    h->len = offsetof(struct sockaddr_un, sun_path) + strlen(h->un.sun_path) + 1;
    return ret;
}

static int64_t address_done(const struct host_address *h, int64_t ret)
{
    if (h->dir_fd >= 0)
        linux_host_syscall(SYS_close, (uint64_t)h->dir_fd, 0, 0, 0, 0, 0);
    return ret;
}

int64_t linux_sys_bind(struct linux_thread *t, const uint64_t a[6])
{
    struct host_address h;
    int64_t ret = address_get(t, a[1], a[2], &h);
    if (ret < 0)
        return ret;
    return address_done(&h, linux_host_syscall(SYS_bind, a[0], h.addr, h.len, 0, 0, 0));
}

int64_t linux_sys_connect(struct linux_thread *t, const uint64_t a[6])
{
    struct host_address h;
    int64_t ret = address_get(t, a[1], a[2], &h);
    if (ret < 0)
        return ret;
    return address_done(&h, linux_wait_syscall(t, SYS_connect, a[0], h.addr, h.len, 0, 0, 0));
}

int64_t linux_sys_sendto(struct linux_thread *t, const uint64_t a[6])
{
    struct host_address h;
    int64_t ret = address_get(t, a[4], a[5], &h);
    if (ret < 0)
        return ret;
    return address_done(&h, linux_wait_syscall(t, SYS_sendto, a[0], a[1], a[2], a[3], h.addr, h.len));
}

/* getsockname, getpeername: the path of a local socket as the guest knows it. */
static int64_t name_common(struct linux_thread *t, long nr, const uint64_t a[6])
{
    struct sockaddr_un un;
    char path[PATH_MAX];
    uint32_t cap, len = sizeof un - 1;
    if (!t->proc->opt.root)
        return sys_host(nr, a);
    if (!linux_copy_in(&cap, a[2], sizeof cap))
        return sys_host(nr, a); /* fails */
    memset(&un, 0, sizeof un);
    int64_t ret = linux_host_syscall(nr, a[0], (uint64_t)(uintptr_t)&un, (uint64_t)(uintptr_t)&len, 0, 0, 0);
    if (ret < 0 || un.sun_family != AF_UNIX || un.sun_path[0] != '/' || (int32_t)cap < 0)
        return ret < 0 ? ret : sys_host(nr, a);
    memcpy(path, un.sun_path, sizeof un.sun_path);
    path[sizeof un.sun_path - 1] = 0;
    linux_path_to_guest(t->proc, path);
    size_t n = strnlen(path, sizeof un.sun_path - 1);
    memset(un.sun_path, 0, sizeof un.sun_path);
    memcpy(un.sun_path, path, n);
    len = (uint32_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
    return linux_copy_out(a[1], &un, len < cap ? len : cap) && linux_copy_out(a[2], &len, sizeof len) ? 0 : -EFAULT;
}

int64_t linux_sys_getsockname(struct linux_thread *t, const uint64_t a[6])
{
    return name_common(t, SYS_getsockname, a);
}

int64_t linux_sys_getpeername(struct linux_thread *t, const uint64_t a[6])
{
    return name_common(t, SYS_getpeername, a);
}

/* -- messages ---------------------------------------------------------------------------------------------- */

/* Descriptors sent along must not be btv's own. */
static int64_t check_rights(const struct msghdr *m)
{
    unsigned char control[1024];
    size_t len = m->msg_controllen;
    if (!m->msg_control || len > sizeof control) /* longer ones exceed SCM_MAX_FD or carry other things */
        return 0;
    if (!linux_copy_in(control, (uint64_t)(uintptr_t)m->msg_control, len))
        return 0; /* the kernel fails */
    for (size_t at = 0; at + sizeof(struct cmsghdr) <= len;) {
        struct cmsghdr c;
        memcpy(&c, control + at, sizeof c);
        if (c.cmsg_len < sizeof c || c.cmsg_len > len - at)
            break;
        bool rights = c.cmsg_level == SOL_SOCKET && c.cmsg_type == SCM_RIGHTS;
        for (size_t k = sizeof c; rights && k + sizeof(int) <= c.cmsg_len; k += sizeof(int)) {
            int fd;
            memcpy(&fd, control + at + k, sizeof fd);
            if (fd >= 0 && linux_is_private_fd(fd))
                return -EBADF;
        }
        at += CMSG_ALIGN(c.cmsg_len);
    }
    return 0;
}

int64_t net_check_message(const struct linux_process *p, uint64_t addr, struct msghdr *m, bool sent)
{
    if (!linux_copy_in(m, addr, sizeof *m))
        return -EFAULT;
    uint64_t name = (uint64_t)(uintptr_t)m->msg_name, control = (uint64_t)(uintptr_t)m->msg_control, iov = (uint64_t)(uintptr_t)m->msg_iov;
    if (name && !sys_inside(p, name, m->msg_namelen <= INT_MAX ? m->msg_namelen : 1))
        return -EFAULT;
    if (control && m->msg_controllen <= CONTROL_MAX && !sys_inside(p, control, m->msg_controllen))
        return -EFAULT;
    if (control && !sys_inside(p, control, 1))
        return -EFAULT;
    int64_t ret = sys_check_iov(p, iov, m->msg_iovlen);
    return ret == 0 && sent ? check_rights(m) : ret;
}

/*
 * Makes *m, a copy of a guest's header, fit for the host; iov: room for UIO_MAXIOV elements, or for msg_iovlen if that is less.  What is
 * wrong becomes something that the kernel refuses in the same way.
 */
static void prepare_message(const struct linux_process *p, struct msghdr *m, struct iovec *iov)
{
    uint64_t name = (uint64_t)(uintptr_t)m->msg_name, control = (uint64_t)(uintptr_t)m->msg_control;
    m->msg_name = mem_host(sys_pointer(p, name, m->msg_namelen <= INT_MAX ? m->msg_namelen : 1));
    m->msg_control = mem_host(sys_pointer(p, control, m->msg_controllen <= CONTROL_MAX ? m->msg_controllen : 1));
    m->msg_iov = mem_host(sys_copy_iov(p, (uint64_t)(uintptr_t)m->msg_iov, m->msg_iovlen, iov));
}

int64_t linux_sys_sendmsg(struct linux_thread *t, const uint64_t a[6])
{
    struct iovec iov[UIO_MAXIOV];
    struct host_address h;
    struct msghdr m;
    if (!linux_copy_in(&m, a[1], sizeof m))
        return linux_host_syscall(SYS_sendmsg, a[0], SYS_HOLE, a[2], 0, 0, 0); /* fails */
    prepare_message(t->proc, &m, iov);
    int64_t ret = check_rights(&m);
    if (ret == 0)
        ret = address_get(t, (uint64_t)(uintptr_t)m.msg_name, m.msg_namelen, &h);
    if (ret < 0)
        return ret;
    m.msg_name = mem_host(h.addr);
    m.msg_namelen = (socklen_t)h.len;
    return address_done(&h, linux_wait_syscall(t, SYS_sendmsg, a[0], (uint64_t)(uintptr_t)&m, a[2], 0, 0, 0));
}

/* Descriptors that came with a message: some want to be known. */
static void note_rights(const struct msghdr *m)
{
    uint64_t at = (uint64_t)(uintptr_t)m->msg_control, end = at + m->msg_controllen;
    struct cmsghdr c;
    for (; end - at >= sizeof c && linux_copy_in(&c, at, sizeof c) && c.cmsg_len >= sizeof c && c.cmsg_len <= end - at; at += CMSG_ALIGN(c.cmsg_len)) {
        bool rights = c.cmsg_level == SOL_SOCKET && c.cmsg_type == SCM_RIGHTS;
        int fd;
        for (uint64_t k = sizeof c; rights && k + sizeof fd <= c.cmsg_len; k += sizeof fd)
            if (linux_copy_in(&fd, at + k, sizeof fd))
                procmem_came(fd);
        if (CMSG_ALIGN(c.cmsg_len) > end - at)
            break;
    }
}

/* What recvmsg writes to a header. */
static bool put_received(uint64_t addr, const struct msghdr *m)
{
    if (m->msg_control && m->msg_controllen)
        note_rights(m);
    return linux_copy_out(addr + offsetof(struct msghdr, msg_namelen), &m->msg_namelen, sizeof m->msg_namelen) &&
           linux_copy_out(addr + offsetof(struct msghdr, msg_controllen), &m->msg_controllen, sizeof m->msg_controllen) &&
           linux_copy_out(addr + offsetof(struct msghdr, msg_flags), &m->msg_flags, sizeof m->msg_flags);
}

int64_t linux_sys_recvmsg(struct linux_thread *t, const uint64_t a[6])
{
    struct iovec iov[UIO_MAXIOV];
    struct msghdr m;
    if (!linux_copy_in(&m, a[1], sizeof m))
        return linux_host_syscall(SYS_recvmsg, a[0], SYS_HOLE, a[2], 0, 0, 0); /* fails */
    prepare_message(t->proc, &m, iov);
    int64_t ret = linux_wait_syscall(t, SYS_recvmsg, a[0], (uint64_t)(uintptr_t)&m, a[2], 0, 0, 0);
    return ret >= 0 && !put_received(a[1], &m) ? -EFAULT : ret;
}

/* -- many messages ----------------------------------------------------------------------------------------- */

struct messages {
    struct mmsghdr *v;
    struct iovec *iov;
    uint64_t n;
};

/* Copies of up to n headers at addr and their vectors: 0 or -ENOMEM.  The first that cannot be read ends them. */
static int64_t messages_get(const struct linux_process *p, uint64_t addr, uint64_t n, struct messages *ms)
{
    uint64_t room = 0;
    *ms = (struct messages){.v = heap_zeroed(n + 1, sizeof *ms->v)};
    if (!ms->v)
        return -ENOMEM;
    while (ms->n < n && linux_copy_in(&ms->v[ms->n].msg_hdr, addr + ms->n * sizeof *ms->v, sizeof ms->v->msg_hdr)) {
        size_t len = ms->v[ms->n++].msg_hdr.msg_iovlen;
        room += len <= UIO_MAXIOV ? len : 0;
    }
    ms->iov = heap_new((room + 1) * sizeof *ms->iov);
    if (!ms->iov) {
        heap_free(ms->v);
        return -ENOMEM;
    }
    struct iovec *next = ms->iov;
    for (uint64_t i = 0; i < ms->n; i++) {
        struct msghdr *m = &ms->v[i].msg_hdr;
        size_t len = m->msg_iovlen;
        prepare_message(p, m, next);
        next += len <= UIO_MAXIOV ? len : 0;
    }
    return 0;
}

static void messages_free(struct messages *ms)
{
    heap_free(ms->iov);
    heap_free(ms->v);
}

int64_t linux_sys_sendmmsg(struct linux_thread *t, const uint64_t a[6])
{
    struct messages ms;
    uint64_t want = (uint32_t)a[2] < MESSAGES_MAX ? (uint32_t)a[2] : MESSAGES_MAX, good = 0;
    int64_t ret = messages_get(t->proc, a[1], want, &ms), wrong = 0;
    if (ret < 0)
        return ret;
    while (good < ms.n && (wrong = check_rights(&ms.v[good].msg_hdr)) == 0)
        good++;
    if (wrong && !good)
        ret = wrong;
    else /* an unreadable first header is the kernel's to refuse */
        ret = linux_wait_syscall(t, SYS_sendmmsg, a[0], good || !want ? (uint64_t)(uintptr_t)ms.v : SYS_HOLE, good ? good : want, a[3], 0, 0);
    for (int64_t i = 0; i < ret; i++)
        if (!linux_copy_out(a[1] + (uint64_t)i * sizeof *ms.v + offsetof(struct mmsghdr, msg_len), &ms.v[i].msg_len, sizeof ms.v[i].msg_len))
            ret = i ? i : -EFAULT;
    messages_free(&ms);
    return ret;
}

int64_t linux_sys_recvmmsg(struct linux_thread *t, const uint64_t a[6])
{
    struct messages ms;
    uint64_t want = (uint32_t)a[2] < MESSAGES_MAX ? (uint32_t)a[2] : MESSAGES_MAX;
    int64_t ret = messages_get(t->proc, a[1], want, &ms);
    if (ret < 0)
        return ret;
    ret = linux_wait_syscall(t, SYS_recvmmsg, a[0], ms.n || !want ? (uint64_t)(uintptr_t)ms.v : SYS_HOLE, ms.n ? ms.n : want, a[3], a[4], 0);
    for (int64_t i = 0; i < ret; i++) {
        uint64_t at = a[1] + (uint64_t)i * sizeof *ms.v;
        if (!put_received(at, &ms.v[i].msg_hdr) || !linux_copy_out(at + offsetof(struct mmsghdr, msg_len), &ms.v[i].msg_len, sizeof ms.v[i].msg_len))
            ret = i ? i : -EFAULT;
    }
    messages_free(&ms);
    return ret;
}

/*
 * io_uring: the rings are shared by the guest and the host's kernel, whose layouts agree.
 *
 * Requests lie in memory where the kernel reads them, so they are checked at the moment they are submitted, by
 * io_uring_enter: pointers must be the guest's, descriptors not btv's own, paths are translated under -L ROOT and
 * struct epoll_event to the host's.  What had to be changed is put back afterwards.  A request that cannot be made right gets an
 * unknown opcode: the kernel completes it with EINVAL, as one that lacks the operation; IORING_REGISTER_PROBE says the same.
 *
 * Not offered, because nobody could check in between: a kernel thread that reads requests by itself (IORING_SETUP_SQPOLL: EPERM,
 * as for the unprivileged before 5.13), rings of buffer addresses, and commands to drivers.
 *
 * References: io_uring_setup(2), io_uring_enter(2), io_uring_register(2); include/uapi/linux/io_uring.h of 6.12.
 */
#include "linux/uring.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/io_uring.h>
#include <linux/kcmp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/heap.h"
#include "linux/sig.h"
#include "linux/sys.h"

#define SETUP_NO_SQARRAY (1u << 16)
#define SETUP_NO_MMAP (1u << 14)
#define SETUP_REGISTERED_FD_ONLY (1u << 15)
#define SETUP_KNOWN ((1u << 17) - 1) /* of 6.12 */
#define SETUP_NOT_POLLING (1u << 8 | 1u << 9 | 1u << 13) /* COOP_TASKRUN, TASKRUN_FLAG, DEFER_TASKRUN: not with SQPOLL */
/* Of 6.12 without what is not offered: SQPOLL_NONFIXED, RSRC_TAGS, REG_REG_RING, RECVSEND_BUNDLE. */
#define FEATURES_KNOWN (0xffffu & ~(1u << 7 | 1u << 10 | 1u << 13 | 1u << 14))
#define ENTER_KNOWN 0x3fu
#define ENTER_ABS_TIMER (1u << 5)
#define OPCODE_NONE 255
#define SIGSET_BYTES 8
#define SQ_ARRAY_BYTES 4

/* -- operations -------------------------------------------------------------------------------------------- */

/* What a field of a request points to. */
enum field {
    F_NONE, /* nothing, or a number */
    F_PTR,  /* something that the kernel copies */
    F_BUF,  /* bytes: len */
    F_IOV,  /* struct iovec: len */
    F_OUTMSG, F_INMSG, /* struct msghdr */
    F_ADDRESS, /* of a socket */
    F_FDS,  /* descriptors: len */
    F_EPOLL, /* struct epoll_event */
    F_PATH, F_LPATH, /* at the directory fd, followed and not */
    F_NEWPATH, /* not followed, at the directory that len names */
    F_OPEN, F_OPEN2, F_STATX, F_LINK, /* a path whose flags say whether it is followed */
};

/* OPERATION(opcode, name, addr, addr2): those offered. */
#define OPERATIONS(_)                                                                                                             \
    _(0, NOP, NONE, NONE) _(1, READV, IOV, NONE) _(2, WRITEV, IOV, NONE) _(3, FSYNC, NONE, NONE) _(4, READ_FIXED, BUF, NONE)      \
    _(5, WRITE_FIXED, BUF, NONE) _(6, POLL_ADD, NONE, NONE) _(7, POLL_REMOVE, NONE, NONE) _(8, SYNC_FILE_RANGE, NONE, NONE)       \
    _(9, SENDMSG, OUTMSG, NONE) _(10, RECVMSG, INMSG, NONE) _(11, TIMEOUT, PTR, NONE) _(12, TIMEOUT_REMOVE, NONE, PTR)            \
    _(13, ACCEPT, PTR, PTR) _(14, ASYNC_CANCEL, NONE, NONE) _(15, LINK_TIMEOUT, PTR, NONE) _(16, CONNECT, ADDRESS, NONE)          \
    _(17, FALLOCATE, NONE, NONE) _(18, OPENAT, OPEN, NONE) _(19, CLOSE, NONE, NONE) _(20, FILES_UPDATE, FDS, NONE)                \
    _(21, STATX, STATX, PTR) _(22, READ, BUF, NONE) _(23, WRITE, BUF, NONE) _(24, FADVISE, NONE, NONE) _(26, SEND, BUF, ADDRESS)  \
    _(27, RECV, BUF, NONE) _(28, OPENAT2, OPEN2, PTR) _(29, EPOLL_CTL, EPOLL, NONE) _(30, SPLICE, NONE, NONE)                     \
    _(31, PROVIDE_BUFFERS, PTR, NONE) _(32, REMOVE_BUFFERS, NONE, NONE) _(33, TEE, NONE, NONE) _(34, SHUTDOWN, NONE, NONE)        \
    _(35, RENAMEAT, LPATH, NEWPATH) _(36, UNLINKAT, LPATH, NONE) _(37, MKDIRAT, PATH, NONE) _(38, SYMLINKAT, PTR, LPATH)          \
    _(39, LINKAT, LINK, NEWPATH) _(40, MSG_RING, NONE, NONE) _(41, FSETXATTR, PTR, PTR) _(43, FGETXATTR, PTR, PTR)                \
    _(45, SOCKET, NONE, NONE) _(47, SEND_ZC, BUF, ADDRESS) _(48, SENDMSG_ZC, OUTMSG, NONE) _(49, READ_MULTISHOT, NONE, NONE)      \
    _(50, WAITID, NONE, PTR) _(51, FUTEX_WAIT, PTR, NONE) _(52, FUTEX_WAKE, PTR, NONE) _(53, FUTEX_WAITV, PTR, NONE)              \
    _(54, FIXED_FD_INSTALL, NONE, NONE) _(55, FTRUNCATE, NONE, NONE) _(56, BIND, ADDRESS, NONE) _(57, LISTEN, NONE, NONE)

static const struct operation {
    bool offered;
    uint8_t addr, addr2; /* enum field */
} operations[] = {
#define OPERATION(opcode, name, addr, addr2) [opcode] = {true, F_##addr, F_##addr2},
    OPERATIONS(OPERATION)
#undef OPERATION
};

enum {
#define OPERATION(opcode, name, addr, addr2) OPCODE_##name = opcode,
    OPERATIONS(OPERATION)
#undef OPERATION
};

/* -- rings ------------------------------------------------------------------------------------------------- */

struct linux_uring {
    struct linux_uring *next;
    int fd; /* it was created as; may be stale */
    struct io_uring_params params;
    uint64_t sq_ring, sqes; /* where the guest has mapped them, 0: not yet */
};

static bool same_file(int a, int b)
{
    uint64_t pid = (uint64_t)getpid();
    return linux_host_syscall(SYS_kcmp, pid, pid, KCMP_FILE, (uint64_t)a, (uint64_t)b, 0) == 0;
}

/* With p->lock held. */
static struct linux_uring *ring_find(struct linux_process *p, int fd)
{
    for (struct linux_uring *r = p->rings; r; r = r->next)
        if (r->fd == fd)
            return r;
    for (struct linux_uring *r = p->rings; r; r = r->next) /* a duplicate */
        if (same_file(r->fd, fd))
            return r;
    return NULL;
}

/* Of an older ring with that number nothing is left. */
static bool ring_add(struct linux_process *p, int fd, const struct io_uring_params *params)
{
    pthread_mutex_lock(&p->lock);
    struct linux_uring *r = p->rings;
    while (r && r->fd != fd)
        r = r->next;
    if (!r && (r = heap_new(sizeof *r))) {
        r->next = p->rings;
        p->rings = r;
    }
    if (r) {
        bool given = params->flags & SETUP_NO_MMAP; /* the guest's own memory, in what was reserved before */
        r->fd = fd;
        r->params = *params;
        r->sq_ring = given ? params->cq_off.resv2 : 0;
        r->sqes = given ? params->sq_off.resv2 : 0;
    }
    pthread_mutex_unlock(&p->lock);
    return r;
}

void uring_mapped(struct linux_process *p, int fd, uint64_t off, uint64_t addr)
{
    if (BTV_LIKELY(!p->rings) || (off != IORING_OFF_SQ_RING && off != IORING_OFF_SQES))
        return;
    pthread_mutex_lock(&p->lock);
    struct linux_uring *r = ring_find(p, fd);
    if (r)
        *(off == IORING_OFF_SQES ? &r->sqes : &r->sq_ring) = addr;
    pthread_mutex_unlock(&p->lock);
}

/* A thread of the kernel's that polls the queue would see requests before btv does: -EPERM, unless a kernel refuses the rest. */
static int64_t refuse_polling(uint64_t entries, const struct io_uring_params *asked)
{
    struct io_uring_params params = *asked;
    if (params.flags & SETUP_NOT_POLLING)
        return -EINVAL;
    params.flags &= ~(IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF | SETUP_NO_MMAP);
    int64_t fd = linux_host_syscall(SYS_io_uring_setup, entries, (uint64_t)(uintptr_t)&params, 0, 0, 0, 0);
    if (fd < 0)
        return fd;
    linux_host_syscall(SYS_close, (uint64_t)fd, 0, 0, 0, 0, 0);
    return -EPERM;
}

/* The address of a ring in the guest's memory; one of btv's becomes one in the first page, where nothing is mapped. */
static uint64_t own_page(const struct linux_process *p, uint64_t addr)
{
    return addr >= SYS_USER_END || sys_inside(p, addr, GUEST_PAGE_SIZE) ? addr : addr & ~GUEST_PAGE_MASK;
}

int64_t linux_sys_io_uring_setup(struct linux_thread *t, const uint64_t a[6])
{
    const struct linux_process *p = t->proc;
    struct io_uring_params params;
    if (!linux_copy_in(&params, a[1], sizeof params))
        return -EFAULT;
    if ((params.flags & ~SETUP_KNOWN) || (params.flags & SETUP_REGISTERED_FD_ONLY))
        return -EINVAL;
    if (params.flags & IORING_SETUP_SQPOLL)
        return refuse_polling(a[0], &params);
    if ((params.flags & IORING_SETUP_ATTACH_WQ) && linux_is_private_fd((int)params.wq_fd))
        params.wq_fd = INT_MAX; /* nobody's */
    if (params.flags & SETUP_NO_MMAP) {
        params.cq_off.resv2 = own_page(p, params.cq_off.resv2);
        params.sq_off.resv2 = own_page(p, params.sq_off.resv2);
    }
    engine_share(t->proc->engine); /* with SETUP_NO_MMAP no shared mapping will announce that the kernel reads and writes the rings */
    int64_t fd = linux_host_syscall(SYS_io_uring_setup, a[0], (uint64_t)(uintptr_t)&params, 0, 0, 0, 0);
    if (fd < 0)
        return fd;
    params.features &= FEATURES_KNOWN;
    int64_t ret = !linux_copy_out(a[1], &params, sizeof params) ? -EFAULT : !ring_add(t->proc, (int)fd, &params) ? -ENOMEM : fd;
    if (ret < 0)
        linux_host_syscall(SYS_close, (uint64_t)fd, 0, 0, 0, 0, 0);
    return ret;
}

/* -- requests ---------------------------------------------------------------------------------------------- */

/* A request that was changed, until it is put back; the kernel copies what `bytes` holds while it takes the request. */
struct change {
    struct change *next;
    uint64_t addr;
    struct io_uring_sqe old;
    char bytes[2][PATH_MAX];
};

/* A path for the host; false: the operation cannot be offered for it. */
static bool fix_path(struct linux_thread *t, int dirfd, bool follow, uint64_t guest, char *buf, uint64_t *host)
{
    *host = sys_pointer(t->proc, guest, 1);
    if (t->proc->opt.root) {
        if (fs_path(t, dirfd, guest, follow, buf, host) < 0)
            *host = SYS_HOLE;
    } else if (linux_copy_str(buf, guest, PATH_MAX) > 0) {
        *host = (uint64_t)(uintptr_t)buf;
    }
    return *host != (uint64_t)(uintptr_t)buf || t->proc->opt.show_emulator || proc_find(t, dirfd, buf).file == PROC_NONE;
}

/* Under -L, is it the path of a local socket, which connect(2) and its like would translate? */
static bool is_local_path(const struct linux_thread *t, uint64_t addr)
{
    struct sockaddr_un un;
    size_t head = offsetof(struct sockaddr_un, sun_path) + 1;
    return t->proc->opt.root && addr && linux_copy_in(&un, addr, head) && un.sun_family == AF_UNIX && un.sun_path[0] == '/';
}

static bool follows_link(const struct io_uring_sqe *s, enum field f)
{
    uint64_t flags = s->open_flags;
    switch (f) {
    case F_OPEN:
        return !(s->open_flags & O_NOFOLLOW);
    case F_OPEN2:
        return !linux_copy_in(&flags, s->addr2, sizeof flags) || !(flags & O_NOFOLLOW);
    case F_STATX:
        return !(s->statx_flags & AT_SYMLINK_NOFOLLOW);
    case F_LINK:
        return s->hardlink_flags & AT_SYMLINK_FOLLOW;
    default:
        return f == F_PATH;
    }
}

static bool fix_message(struct linux_thread *t, uint64_t *addr, bool sent)
{
    struct msghdr m;
    if (net_check_message(t->proc, *addr, &m, sent) < 0)
        *addr = SYS_HOLE;
    else if (is_local_path(t, (uint64_t)(uintptr_t)m.msg_name))
        return false;
    return true;
}

/* struct epoll_event of the host, which is packed on x86-64. */
static void fix_event(struct linux_thread *t, uint64_t *addr, char *buf)
{
    struct {
        uint32_t events, pad;
        uint64_t data;
    } generic;
    struct epoll_event host;
    if (!t->proc->abi->generic_table || !linux_copy_in(&generic, *addr, sizeof generic)) {
        *addr = sys_pointer(t->proc, *addr, sizeof host);
        return;
    }
    host.events = generic.events;
    host.data.u64 = generic.data;
    memcpy(buf, &host, sizeof host);
    *addr = (uint64_t)(uintptr_t)buf;
}

/* Descriptors to register: none may be btv's. */
static bool fds_ok(uint64_t addr, uint64_t n)
{
    int32_t fd;
    for (uint64_t i = 0; i < n && linux_copy_in(&fd, addr + i * sizeof fd, sizeof fd); i++)
        if (fd >= 0 && linux_is_private_fd(fd))
            return false;
    return true;
}

/* One field; false: the request cannot be made right. */
static bool fix_field(struct linux_thread *t, struct io_uring_sqe *s, enum field f, uint64_t guest, char *buf, uint64_t *host)
{
    const struct linux_process *p = t->proc;
    *host = guest;
    switch (f) {
    case F_NONE:
        return true;
    case F_PTR:
        *host = sys_pointer(p, guest, 1);
        return true;
    case F_BUF:
        if (!(s->flags & IOSQE_BUFFER_SELECT) && s->len && !sys_inside(p, guest, s->len))
            *host = SYS_HOLE;
        return true;
    case F_IOV:
        if (!(s->flags & IOSQE_BUFFER_SELECT) && sys_check_iov(p, sys_pointer(p, guest, 1), s->len) < 0)
            *host = SYS_HOLE;
        return true;
    case F_OUTMSG:
        return fix_message(t, host, true);
    case F_INMSG:
        return fix_message(t, host, false);
    case F_ADDRESS:
        *host = sys_pointer(p, guest, 1);
        return !is_local_path(t, guest);
    case F_FDS:
        *host = sys_pointer(p, guest, 1);
        return fds_ok(guest, s->len);
    case F_EPOLL:
        if (linux_is_private_fd((int)s->off)) /* the descriptor to watch */
            s->off = UINT32_MAX;
        fix_event(t, host, buf);
        return true;
    case F_NEWPATH:
        return fix_path(t, (int)s->len, false, guest, buf, host);
    default:
        return fix_path(t, s->fd, follows_link(s, f), guest, buf, host);
    }
}

/* Makes *s what the host may see, with the help of buf. */
static void fix_request(struct linux_thread *t, struct io_uring_sqe *s, char buf[2][PATH_MAX])
{
    const struct operation *op = s->opcode < ARRAY_LEN(operations) ? &operations[s->opcode] : NULL;
    uint64_t addr = s->addr, addr2 = s->addr2;
    bool spliced = s->opcode == OPCODE_SPLICE || s->opcode == OPCODE_TEE;
    if (!op || !op->offered || !fix_field(t, s, op->addr, s->addr, buf[0], &addr) || !fix_field(t, s, op->addr2, s->addr2, buf[1], &addr2)) {
        TRACE(sys, "io_uring: operation %u is refused: EINVAL", s->opcode);
        s->opcode = OPCODE_NONE;
        return;
    }
    if (op->addr != F_NONE)
        s->addr = addr;
    if (op->addr2 != F_NONE)
        s->addr2 = addr2;
    if (!(s->flags & IOSQE_FIXED_FILE) && s->fd >= 0 && linux_is_private_fd(s->fd))
        s->fd = -1;
    if (spliced && s->splice_fd_in >= 0 && linux_is_private_fd(s->splice_fd_in))
        s->splice_fd_in = -1;
}

/* The request at addr; false: out of memory. */
static bool fix_one(struct linux_thread *t, uint64_t addr, struct change **list, struct change **spare)
{
    struct change *c = *spare ? *spare : heap_new(sizeof *c);
    *spare = c;
    if (!c)
        return false;
    if (!linux_copy_in(&c->old, addr, sizeof c->old))
        return true;
    struct io_uring_sqe s = c->old;
    fix_request(t, &s, c->bytes);
    if (memcmp(&s, &c->old, sizeof s) == 0 || !linux_copy_out(addr, &s, sizeof s))
        return true;
    c->addr = addr;
    c->next = *list;
    *list = c;
    *spare = NULL;
    return true;
}

/* The first n requests that wait in the ring. How many of them are fit to be submitted. */
static uint64_t fix_requests(struct linux_thread *t, const struct linux_uring *r, uint64_t n, struct change **list)
{
    const struct io_uring_params *q = &r->params;
    uint32_t head, tail, entries = q->sq_entries;
    uint64_t bytes = q->flags & IORING_SETUP_SQE128 ? 128 : 64, done = 0;
    struct change *spare = NULL;
    if (!r->sq_ring || !r->sqes || !linux_copy_in(&head, r->sq_ring + q->sq_off.head, sizeof head) ||
        !linux_copy_in(&tail, r->sq_ring + q->sq_off.tail, sizeof tail))
        return 0;
    for (; done < n && head != tail; done++, head++) {
        uint32_t at = head & (entries - 1);
        if (!(q->flags & SETUP_NO_SQARRAY) && !linux_copy_in(&at, r->sq_ring + q->sq_off.array + (uint64_t)at * SQ_ARRAY_BYTES, sizeof at))
            break;
        if (at < entries && !fix_one(t, r->sqes + at * bytes, list, &spare)) /* else the kernel drops it */
            break;
    }
    heap_free(spare);
    return done;
}

static void put_back(struct change *list)
{
    while (list) {
        struct change *c = list;
        list = c->next;
        (void)linux_copy_out(c->addr, &c->old, sizeof c->old); /* unmapped meanwhile: nothing to restore */
        heap_free(c);
    }
}

/* -- io_uring_enter ---------------------------------------------------------------------------------------- */

/* The last two arguments: a signal mask, or a struct that has one and a timeout. */
struct waiting {
    struct io_uring_getevents_arg ext;
    uint64_t mask;
    bool masked;
    uint64_t arg, bytes; /* for the host */
};

static int64_t get_waiting(struct linux_thread *t, uint32_t flags, uint64_t arg, uint64_t bytes, struct waiting *w)
{
    uint64_t set = arg, set_bytes = bytes, guest;
    *w = (struct waiting){.arg = arg, .bytes = bytes};
    if (!(flags & IORING_ENTER_GETEVENTS))
        return 0;
    if (flags & IORING_ENTER_EXT_ARG) {
        if (bytes != sizeof w->ext)
            return -EINVAL;
        if (!linux_copy_in(&w->ext, arg, sizeof w->ext))
            return -EFAULT;
        w->ext.ts = sys_pointer(t->proc, w->ext.ts, 16);
        w->arg = (uint64_t)(uintptr_t)&w->ext;
        set = w->ext.sigmask;
        set_bytes = w->ext.sigmask_sz;
    }
    if (!set)
        return 0;
    if (set_bytes != SIGSET_BYTES)
        return -EINVAL;
    if (!linux_copy_in(&guest, set, sizeof guest))
        return -EFAULT;
    w->mask = linux_temp_mask(t, guest);
    w->masked = true;
    if (flags & IORING_ENTER_EXT_ARG)
        w->ext.sigmask = (uint64_t)(uintptr_t)&w->mask;
    else
        w->arg = (uint64_t)(uintptr_t)&w->mask;
    return 0;
}

int64_t linux_sys_io_uring_enter(struct linux_thread *t, const uint64_t a[6])
{
    struct linux_process *p = t->proc;
    uint64_t n = (uint32_t)a[1];
    uint32_t flags = (uint32_t)a[3];
    struct change *changes = NULL;
    struct linux_uring ring;
    struct waiting w;
    if ((flags & ~ENTER_KNOWN) || (flags & IORING_ENTER_REGISTERED_RING))
        return -EINVAL;
    pthread_mutex_lock(&p->lock);
    const struct linux_uring *found = ring_find(p, (int)a[0]);
    if (found)
        ring = *found;
    pthread_mutex_unlock(&p->lock);
    if (!found) /* no ring, or one that another program made: the kernel knows */
        return sys_host(SYS_io_uring_enter, (const uint64_t[6]){a[0]});
    int64_t ret = get_waiting(t, flags, a[4], a[5], &w);
    if (ret < 0)
        return ret;
    if (n)
        n = fix_requests(t, &ring, n, &changes);
    ret = linux_wait_syscall(t, SYS_io_uring_enter, a[0], n, a[2], flags, w.arg, w.bytes);
    put_back(changes);
    if (ret == -EINTR || ret == -LINUX_ERESTARTSYS)
        ret = -LINUX_ERESTARTNOHAND;
    return w.masked ? linux_temp_mask_done(t, ret) : ret;
}

/* -- io_uring_register ------------------------------------------------------------------------------------- */

/* Takes what is not offered out of the kernel's answer. */
static int64_t probe(const uint64_t a[6])
{
    struct io_uring_probe head;
    struct io_uring_probe_op op;
    int64_t ret = sys_host(SYS_io_uring_register, a);
    if (ret < 0 || !linux_copy_in(&head, a[2], sizeof head))
        return ret;
    uint32_t n = head.ops_len < (uint32_t)a[3] ? head.ops_len : (uint32_t)a[3];
    for (uint32_t i = 0; i < n; i++) {
        uint64_t at = a[2] + sizeof head + i * sizeof op;
        if (!linux_copy_in(&op, at, sizeof op))
            return -EFAULT;
        if (op.op >= ARRAY_LEN(operations) || !operations[op.op].offered)
            op.flags &= (uint16_t)~IO_URING_OP_SUPPORTED;
        if (!linux_copy_out(at, &op, sizeof op))
            return -EFAULT;
    }
    if (head.last_op >= ARRAY_LEN(operations))
        head.last_op = ARRAY_LEN(operations) - 1;
    return linux_copy_out(a[2], &head, sizeof head) ? ret : -EFAULT;
}

/* A kernel looks at the operation's number and the descriptor, then at the arguments.  -EINVAL: it is a ring, which refuses this question. */
static int64_t check_ring(uint64_t fd, uint32_t operation)
{
    enum { OPERATIONS = 31 }; /* IORING_REGISTER_LAST of 6.12 */
    if ((int)fd < 0 && operation < OPERATIONS) /* later kernels have operations without a ring */
        return -EBADF;
    int64_t r = operation < OPERATIONS ? linux_host_syscall(SYS_io_uring_register, fd, IORING_REGISTER_PROBE, 0, 0, 0, 0) : -EINVAL;
    return operation < OPERATIONS && r == -EINVAL ? 0 : r;
}

int64_t linux_sys_io_uring_register(struct linux_thread *t, const uint64_t a[6])
{
    const struct linux_process *p = t->proc;
    struct io_uring_files_update update;
    uint64_t b[6] = {a[0], a[1], sys_pointer(p, a[2], 1), a[3], 0, 0};
    uint32_t n = (uint32_t)a[3];
    int32_t event;
    int64_t ret = check_ring(a[0], (uint32_t)a[1]);
    if (ret < 0)
        return ret;
    switch ((uint32_t)a[1]) {
    case IORING_REGISTER_BUFFERS:
        return sys_check_iov(p, b[2], n) < 0 ? -EFAULT : sys_host(SYS_io_uring_register, b);
    case IORING_REGISTER_FILES:
        return fds_ok(a[2], n) ? sys_host(SYS_io_uring_register, b) : -EBADF;
    case IORING_REGISTER_FILES_UPDATE:
        if (!linux_copy_in(&update, a[2], sizeof update))
            return -EFAULT;
        return fds_ok(update.fds, n) ? sys_host(SYS_io_uring_register, b) : -EBADF;
    case IORING_REGISTER_EVENTFD:
    case IORING_REGISTER_EVENTFD_ASYNC:
        if (linux_copy_in(&event, a[2], sizeof event) && event >= 0 && linux_is_private_fd(event))
            return -EBADF;
        return sys_host(SYS_io_uring_register, b);
    case IORING_REGISTER_PROBE:
        return probe(b);
    case IORING_UNREGISTER_BUFFERS:
    case IORING_UNREGISTER_FILES:
    case IORING_UNREGISTER_EVENTFD:
    case IORING_REGISTER_PERSONALITY:
    case IORING_UNREGISTER_PERSONALITY:
    case IORING_REGISTER_RESTRICTIONS:
    case IORING_REGISTER_ENABLE_RINGS:
    case IORING_REGISTER_IOWQ_AFF:
    case IORING_UNREGISTER_IOWQ_AFF:
    case IORING_REGISTER_IOWQ_MAX_WORKERS:
    case IORING_REGISTER_SYNC_CANCEL:
    case IORING_REGISTER_FILE_ALLOC_RANGE:
        return sys_wait(t, SYS_io_uring_register, b);
    default:
        return -EINVAL;
    }
}

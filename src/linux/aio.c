/*
 * Asynchronous I/O of the kernel (io_setup and its family).
 *
 * A context is known by the address of a ring that the kernel maps, and libraries read completions from that ring.  The kernel
 * maps it among btv's own memory; moving it with mremap into the guest's range renames the context too.  Requests are
 * checked in place before they are submitted.
 */
#include "linux/mm.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "linux/hostcall.h"
#include "linux/sys.h"

#define RING_HEAD_BYTES 32  /* struct aio_ring before its events */
#define RING_EVENT_BYTES 32 /* struct io_event */
#define SUBMIT_CHUNK 32     /* requests checked with one copy of their addresses */

/* Bytes of the mapping of the ring whose head is at addr, which the guest may have damaged: then 0. */
static uint64_t ring_bytes(uint64_t addr)
{
    uint32_t head[2]; /* id, nr */
    if (hostcall_copy(head, mem_host(addr), sizeof head) || head[1] > UINT32_MAX / RING_EVENT_BYTES)
        return 0;
    return ALIGN_UP(RING_HEAD_BYTES + (uint64_t)head[1] * RING_EVENT_BYTES, GUEST_PAGE_SIZE);
}

/* Moves the ring from btv's part of the address space to the guest's: its address or -errno. */
static int64_t move_ring(struct linux_process *p, uint64_t from)
{
    uint64_t len = ring_bytes(from);
    int64_t to = linux_mm_mmap(p, 0, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (to < 0)
        return to;
    pthread_mutex_lock(&p->mm_lock);
    int64_t r = linux_host_syscall(SYS_mremap, from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, (uint64_t)to, 0);
    enum btv_status st = mem_set(p->mem, (uint64_t)to, (uint64_t)to + len, MEM_R | MEM_W, MEM_SHARED | MEM_FILE);
    if (r < 0 || st != BTV_OK) {
        (void)mm_unmap(p, (uint64_t)to, (uint64_t)to + len);
        r = r < 0 ? r : -ENOMEM;
    }
    pthread_mutex_unlock(&p->mm_lock);
    return r;
}

int64_t linux_sys_io_setup(struct linux_thread *t, const uint64_t a[6])
{
    uint64_t context;
    if (!linux_copy_in(&context, a[1], sizeof context))
        return -EFAULT;
    engine_share(t->proc->engine); /* the kernel fills the ring beside us */
    int64_t r = linux_host_syscall(SYS_io_setup, a[0], (uint64_t)(uintptr_t)&context, 0, 0, 0, 0);
    if (r < 0)
        return r;
    r = move_ring(t->proc, context);
    if (r >= 0) {
        context = (uint64_t)r;
        r = linux_copy_out(a[1], &context, sizeof context) ? 0 : -EFAULT;
    }
    if (r < 0)
        linux_host_syscall(SYS_io_destroy, context, 0, 0, 0, 0, 0);
    return r;
}

int64_t linux_sys_io_destroy(struct linux_thread *t, const uint64_t a[6])
{
    struct linux_process *p = t->proc;
    uint64_t len = sys_inside(p, a[0], RING_HEAD_BYTES) ? ring_bytes(a[0]) : 0;
    int64_t r = sys_host(SYS_io_destroy, a); /* unmaps the ring */
    if (r == 0 && len && sys_inside(p, a[0], len)) {
        pthread_mutex_lock(&p->mm_lock);
        if (mem_clear(p->mem, a[0], a[0] + len) != BTV_OK)
            r = -ENOMEM;
        pthread_mutex_unlock(&p->mm_lock);
    }
    return r;
}

/* The request at addr: 0 or the error it has before the kernel sees it. */
static int64_t check_request(const struct linux_process *p, uint64_t addr)
{
    struct iocb c;
    if (!linux_copy_in(&c, addr, sizeof c))
        return -EFAULT;
    if (linux_is_private_fd((int)c.aio_fildes) || ((c.aio_flags & IOCB_FLAG_RESFD) && linux_is_private_fd((int)c.aio_resfd)))
        return -EBADF;
    switch (c.aio_lio_opcode) {
    case IOCB_CMD_PREAD:
    case IOCB_CMD_PWRITE:
        return !c.aio_nbytes || sys_inside(p, c.aio_buf, c.aio_nbytes) ? 0 : -EFAULT;
    case IOCB_CMD_PREADV:
    case IOCB_CMD_PWRITEV:
        return sys_check_iov(p, c.aio_buf, c.aio_nbytes);
    default:
        return 0;
    }
}

/* How many of the n requests are good until the first bad one, whose error is *ret. */
static uint64_t good_requests(const struct linux_process *p, uint64_t list, uint64_t n, int64_t *ret)
{
    uint64_t addr[SUBMIT_CHUNK];
    *ret = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t k = i % SUBMIT_CHUNK, rest = n - i < SUBMIT_CHUNK ? n - i : SUBMIT_CHUNK;
        if (k == 0 && !linux_copy_in(addr, list + i * sizeof addr[0], rest * sizeof addr[0])) {
            uint64_t readable = 0; /* all may be by now: another thread maps memory */
            while (readable < rest && linux_copy_in(&addr[readable], list + (i + readable) * sizeof addr[0], sizeof addr[0]))
                readable++;
            if (readable < rest)
                addr[readable] = 0; /* EFAULT there */
        }
        *ret = check_request(p, addr[k]);
        if (*ret < 0)
            return i;
    }
    return n;
}

int64_t linux_sys_io_submit(struct linux_thread *t, const uint64_t a[6])
{
    int64_t n = (int64_t)a[1], ret;
    if (n <= 0 || n > INT32_MAX)
        return sys_host(SYS_io_submit, (const uint64_t[6]){a[0], n < 0 ? a[1] : 0}); /* judges context and count */
    ret = sys_host(SYS_io_submit, (const uint64_t[6]){a[0], 0}); /* the context comes before the requests */
    if (ret < 0)
        return ret;
    uint64_t good = good_requests(t->proc, a[2], (uint64_t)n, &ret);
    return good ? sys_host(SYS_io_submit, (const uint64_t[6]){a[0], good, a[2]}) : ret;
}

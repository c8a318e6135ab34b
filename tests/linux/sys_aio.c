/*
 * Guest test: asynchronous I/O of the kernel, and page faults handled by the program (userfaultfd).
 */
#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul
/* -- AIO --------------------------------------------------------------------------------------------------- */

struct ring { /* struct aio_ring: what libraries read */
    uint32_t id, nr, head, tail, magic;
};

static void requests(void)
{
    aio_context_t ctx = 0;
    char path[] = "/tmp/aio-XXXXXX", out[64] = "written by a request", in[64] = {0}, half[2][8] = {{0}};
    int fd = mkstemp(path), wake = eventfd(0, EFD_CLOEXEC);
    unlink(path);
    CHECK(syscall(SYS_io_setup, 8, &ctx) == 0 && ctx, "io_setup: errno %d", errno);
    const volatile struct ring *ring = (const volatile struct ring *)ctx;
    CHECK(ring->magic == 0xa10a10a1 && ring->nr >= 8, "the ring: 0x%x %u", ring->magic, ring->nr);

    struct iocb w = {.aio_fildes = (uint32_t)fd, .aio_lio_opcode = IOCB_CMD_PWRITE, .aio_buf = (uintptr_t)out, .aio_nbytes = 20, .aio_data = 77};
    w.aio_flags = IOCB_FLAG_RESFD;
    w.aio_resfd = (uint32_t)wake;
    struct iocb *list[3] = {&w};
    CHECK(syscall(SYS_io_submit, ctx, 1, list) == 1, "io_submit: errno %d", errno);
    struct io_event ev[4];
    struct timespec ts = {5, 0};
    CHECK(syscall(SYS_io_getevents, ctx, 1, 4, ev, &ts) == 1, "io_getevents: errno %d", errno);
    CHECK(ev[0].data == 77 && ev[0].obj == (uintptr_t)&w && ev[0].res == 20, "event: %lld", (long long)ev[0].res);
    uint64_t count = 0;
    CHECK(read(wake, &count, 8) == 8 && count == 1, "eventfd");

    struct iovec v[2] = {{half[0], 7}, {half[1], 4}};
    struct iocb r = {.aio_fildes = (uint32_t)fd, .aio_lio_opcode = IOCB_CMD_PREAD, .aio_buf = (uintptr_t)in, .aio_nbytes = 64, .aio_data = 1};
    struct iocb rv = {.aio_fildes = (uint32_t)fd, .aio_lio_opcode = IOCB_CMD_PREADV, .aio_buf = (uintptr_t)v, .aio_nbytes = 2, .aio_data = 2};
    struct iocb bad = {.aio_fildes = 999, .aio_lio_opcode = IOCB_CMD_PREAD, .aio_buf = (uintptr_t)in, .aio_nbytes = 64};
    list[0] = &r, list[1] = &rv, list[2] = &bad;
    CHECK(syscall(SYS_io_submit, ctx, 3, list) == 2, "the bad request ends the list");
    uint64_t mask = 0;
    struct {
        void *set;
        size_t bytes;
    } sig = {&mask, 8};
    CHECK(syscall(SYS_io_pgetevents, ctx, 2, 4, ev, &ts, &sig) == 2, "io_pgetevents: errno %d", errno);
    CHECK(!strcmp(in, "written by a request") && !strcmp(half[0], "written") && !strcmp(half[1], " by "), "read: %s", in);
    CHECK_FAILS(syscall(SYS_io_submit, ctx, 1, &list[2]), EBADF);
    bad.aio_fildes = (uint32_t)fd;
    bad.aio_buf = 8;
    long r8 = syscall(SYS_io_submit, ctx, 1, &list[2]);
    if (r8 == 1) /* a kernel may also say it with the event */
        CHECK(syscall(SYS_io_getevents, ctx, 1, 4, ev, &ts) == 1 && ev[0].res == -EFAULT, "event of a bad buffer");
    else
        CHECK(r8 == -1 && errno == EFAULT, "bad buffer: errno %d", errno);
    list[0] = (struct iocb *)8;
    CHECK_FAILS(syscall(SYS_io_submit, ctx, 1, list), EFAULT);
    CHECK_FAILS(syscall(SYS_io_submit, ctx, 1, 8), EFAULT);
    CHECK_FAILS(syscall(SYS_io_submit, ctx, -1L, list), EINVAL);
    CHECK(syscall(SYS_io_submit, ctx, 0, list) == 0, "nothing");
    CHECK_FAILS(syscall(SYS_io_submit, ctx + 4096 * 512, 0, list), EINVAL);
    ts = (struct timespec){0, 1000000};
    CHECK(syscall(SYS_io_getevents, ctx, 1, 4, ev, &ts) == 0, "nothing left");

    CHECK(syscall(SYS_io_destroy, ctx) == 0, "io_destroy");
    CHECK_FAILS(syscall(SYS_io_destroy, ctx), EINVAL);
    unsigned char resident;
    CHECK_FAILS(mincore((void *)ctx, PAGE, &resident), ENOMEM);
    CHECK(mmap((void *)ctx, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == (void *)ctx, "the place is free");
    ctx = 1;
    CHECK_FAILS(syscall(SYS_io_setup, 8, &ctx), EINVAL);
    ctx = 0;
    CHECK_FAILS(syscall(SYS_io_setup, 0, &ctx), EINVAL);
    CHECK_FAILS(syscall(SYS_io_setup, 8, 8), EFAULT);
    close(fd);
    close(wake);
}

/* -- userfaultfd ------------------------------------------------------------------------------------------- */

struct monitor {
    int fd;
    unsigned faults;
    uint64_t last;
};

static void *serve(void *arg)
{
    struct monitor *m = arg;
    struct uffd_msg msg;
    static char page[PAGE] __attribute__((aligned(4096)));
    while (m->faults < 3 && read(m->fd, &msg, sizeof msg) == sizeof msg) {
        if (msg.event != UFFD_EVENT_PAGEFAULT)
            continue;
        m->last = msg.arg.pagefault.address;
        m->faults++;
        memset(page, (int)('A' + m->faults), sizeof page);
        struct uffdio_copy c = {.dst = m->last & ~(PAGE - 1), .src = (uintptr_t)page, .len = PAGE};
        ioctl(m->fd, UFFDIO_COPY, &c);
    }
    return NULL;
}

static void faults(void)
{
    struct monitor m = {.fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC)};
    if (m.fd < 0) {
        printf("userfaultfd: skipped, errno %d\n", errno);
        return;
    }
    struct uffdio_api api = {.api = UFFD_API};
    CHECK(ioctl(m.fd, UFFDIO_API, &api) == 0 && api.ioctls, "UFFDIO_API: errno %d", errno);
    char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct uffdio_register reg = {.range = {(uintptr_t)p, 4 * PAGE}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    CHECK(ioctl(m.fd, UFFDIO_REGISTER, &reg) == 0 && (reg.ioctls >> _UFFDIO_COPY & 1), "UFFDIO_REGISTER: errno %d", errno);
    pthread_t id;
    pthread_create(&id, NULL, serve, &m);
    CHECK(p[5] == 'B' && m.faults == 1 && (m.last & ~(PAGE - 1)) == (uintptr_t)p, "a load");
    p[PAGE + 1] = 'x';
    CHECK(p[PAGE + 1] == 'x' && p[PAGE] == 'C', "a store");
    int pair[2];
    CHECK(pipe(pair) == 0 && write(pair[1], p + 2 * PAGE, 4) == 4 && read(pair[0], p, 4) == 4 && !memcmp(p, "DDDD", 4), "the kernel's own access");
    pthread_join(id, NULL);
    struct uffdio_zeropage z = {.range = {(uintptr_t)p + 3 * PAGE, PAGE}};
    CHECK(ioctl(m.fd, UFFDIO_ZEROPAGE, &z) == 0 && z.zeropage == (int64_t)PAGE && p[3 * PAGE] == 0, "UFFDIO_ZEROPAGE");
    struct uffdio_range range = {(uintptr_t)p, 4 * PAGE};
    CHECK(ioctl(m.fd, UFFDIO_UNREGISTER, &range) == 0, "UFFDIO_UNREGISTER");
    CHECK_FAILS(ioctl(m.fd, UFFDIO_WAKE, 8), EFAULT);
    reg.range = (struct uffdio_range){0x7ffffffff000, 4 * PAGE};
    CHECK_FAILS(ioctl(m.fd, UFFDIO_REGISTER, &reg), EINVAL);
    close(m.fd);
    close(pair[0]);
    close(pair[1]);
    munmap(p, 4 * PAGE);
}

int main(void)
{
    requests();
    faults();
    return check_done();
}

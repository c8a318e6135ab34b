/*
 * Guest test: io_uring: shared rings, requests of many kinds, chains, timeouts, signal masks, registered buffers and files, the probe.
 */
#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct io_uring_params params;
static int ring;
static char *sq, *cq;
static struct io_uring_sqe *sqes;
#define WORD(base, off) ((volatile uint32_t *)((base) + (off)))

static int start(void)
{
    ring = (int)syscall(SYS_io_uring_setup, 8, &params);
    if (ring < 0)
        return -1;
    size_t n = params.sq_off.array + params.sq_entries * 4, m = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
    sq = mmap(NULL, n > m ? n : m, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
    cq = params.features & IORING_FEAT_SINGLE_MMAP ? sq : mmap(NULL, m, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
    sqes = mmap(NULL, params.sq_entries * sizeof *sqes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
    CHECK(sq != MAP_FAILED && cq != MAP_FAILED && (void *)sqes != MAP_FAILED, "mmap: errno %d", errno);
    return (void *)sqes == MAP_FAILED ? -1 : 0;
}

/* Puts a request into the ring. */
static struct io_uring_sqe *put(int op, int fd, const void *addr, unsigned len, uint64_t off, uint64_t data)
{
    uint32_t tail = *WORD(sq, params.sq_off.tail), at = tail & (params.sq_entries - 1);
    struct io_uring_sqe *s = &sqes[at];
    memset(s, 0, sizeof *s);
    s->opcode = (uint8_t)op;
    s->fd = fd;
    s->addr = (uintptr_t)addr;
    s->len = len;
    s->off = off;
    s->user_data = data;
    WORD(sq, params.sq_off.array)[at] = at;
    __atomic_store_n(WORD(sq, params.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
    return s;
}

/* The next completion, which must be there. */
static int take(uint64_t data)
{
    uint32_t head = *WORD(cq, params.cq_off.head);
    if (head == __atomic_load_n(WORD(cq, params.cq_off.tail), __ATOMIC_ACQUIRE))
        return -99999;
    const struct io_uring_cqe *c = (const struct io_uring_cqe *)(cq + params.cq_off.cqes) + (head & (params.cq_entries - 1));
    int res = c->user_data == data ? c->res : -88888;
    __atomic_store_n(WORD(cq, params.cq_off.head), head + 1, __ATOMIC_RELEASE);
    return res;
}

static long enter(unsigned submit, unsigned wait)
{
    return syscall(SYS_io_uring_enter, ring, submit, wait, wait ? IORING_ENTER_GETEVENTS : 0, NULL, 0);
}

/* One request alone: its result. */
static int one(int op, int fd, const void *addr, unsigned len, uint64_t off)
{
    struct io_uring_sqe *s = put(op, fd, addr, len, off, 500);
    struct io_uring_sqe before = *s;
    long r = enter(1, 1);
    CHECK(r == 1, "enter: %ld, errno %d", r, errno);
    CHECK(!memcmp(&before, s, sizeof before), "opcode %d: the request is as it was", op);
    return take(500);
}

static void files(void)
{
    char path[] = "/tmp/uring-XXXXXX", to[80], buf[32] = {0};
    int fd = mkstemp(path), r;
    struct stat st;
    struct statx stx;
    CHECK(one(IORING_OP_NOP, -1, NULL, 0, 0) == 0, "NOP");
    CHECK((r = one(IORING_OP_WRITE, fd, "hello, ring", 11, 0)) == 11, "WRITE %d", r);
    CHECK((r = one(IORING_OP_READ, fd, buf, sizeof buf, 7)) == 4 && !strcmp(buf, "ring"), "READ %d", r);
    struct iovec v[2] = {{buf, 5}, {buf + 10, 6}};
    CHECK((r = one(IORING_OP_READV, fd, v, 2, 0)) == 11 && !memcmp(buf, "hello", 5) && !memcmp(buf + 10, ", ring", 6), "READV %d", r);
    CHECK(one(IORING_OP_FSYNC, fd, NULL, 0, 0) == 0, "FSYNC");
    CHECK((r = one(IORING_OP_STATX, AT_FDCWD, path, STATX_SIZE, (uintptr_t)&stx)) == 0 && stx.stx_size == 11, "STATX %d", r);
    r = one(IORING_OP_OPENAT, AT_FDCWD, path, 0, 0);
    CHECK(r > 2 && fstat(r, &st) == 0 && st.st_size == 11, "OPENAT %d", r);
    CHECK(one(IORING_OP_CLOSE, r, NULL, 0, 0) == 0 && fcntl(r, F_GETFD) == -1, "CLOSE");
    snprintf(to, sizeof to, "%s.moved", path);
    put(IORING_OP_RENAMEAT, AT_FDCWD, path, (unsigned)AT_FDCWD, (uintptr_t)to, 3);
    CHECK(enter(1, 1) == 1 && (r = take(3)) == 0 && stat(to, &st) == 0 && stat(path, &st) == -1, "RENAMEAT %d", r);
    CHECK((r = one(IORING_OP_UNLINKAT, AT_FDCWD, to, 0, 0)) == 0 && stat(to, &st) == -1, "UNLINKAT %d", r);
    CHECK((r = one(IORING_OP_OPENAT, AT_FDCWD, "/no/such/file", 0, 0)) == -ENOENT, "no file: %d", r);
    CHECK((r = one(IORING_OP_READ, 999, buf, 4, 0)) == -EBADF, "no descriptor: %d", r);
    CHECK((r = one(IORING_OP_READ, fd, (void *)8, 4, 0)) == -EFAULT, "bad pointer: %d", r);
    CHECK((r = one(IORING_OP_READV, fd, (void *)8, 1, 0)) == -EFAULT, "bad vector: %d", r);
    CHECK((r = one(IORING_OP_OPENAT, AT_FDCWD, (void *)8, 0, 0)) == -EFAULT, "bad path: %d", r);
    CHECK((r = one(200, fd, NULL, 0, 0)) == -EINVAL, "no such operation: %d", r);
    close(fd);
}

static void chains_and_time(void)
{
    char buf[8] = {0};
    int p[2];
    CHECK(pipe(p) == 0, "pipe");
    put(IORING_OP_WRITE, p[1], "abc", 3, (uint64_t)-1, 1)->flags = IOSQE_IO_LINK;
    put(IORING_OP_READ, p[0], buf, 3, (uint64_t)-1, 2);
    CHECK(enter(2, 2) == 2 && take(1) == 3 && take(2) == 3 && !memcmp(buf, "abc", 3), "a chain");
    struct __kernel_timespec ts = {0, 20000000};
    int r = one(IORING_OP_TIMEOUT, -1, &ts, 1, 0);
    CHECK(r == -ETIME, "TIMEOUT %d", r);
    put(IORING_OP_POLL_ADD, p[0], NULL, 0, 0, 9)->poll32_events = 1;
    CHECK(enter(1, 0) == 1 && take(9) == -99999, "POLL_ADD waits");
    CHECK(write(p[1], "x", 1) == 1 && enter(0, 1) == 0 && take(9) == 1, "POLL_ADD");
    struct io_uring_getevents_arg arg = {.ts = (uintptr_t)&ts};
    CHECK_FAILS(syscall(SYS_io_uring_enter, ring, 0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg, sizeof arg), ETIME);
    close(p[0]);
    close(p[1]);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
    (void)sig;
    alarms++;
}

/* The mask holds during the wait alone. */
static void masks(void)
{
    sigset_t block, none;
    struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    uint64_t empty = 0;
    sigaction(SIGALRM, &sa, NULL);
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGALRM);
    sigprocmask(SIG_BLOCK, &block, NULL);
    kill(getpid(), SIGALRM);
    CHECK(alarms == 0, "blocked");
    CHECK_FAILS(syscall(SYS_io_uring_enter, ring, 0, 1, IORING_ENTER_GETEVENTS, &empty, 8), EINTR);
    CHECK(alarms == 1, "handled during the wait");
    CHECK_FAILS(syscall(SYS_io_uring_enter, ring, 0, 1, IORING_ENTER_GETEVENTS, &empty, 4), EINVAL);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void sockets(void)
{
    int s[2], ep = epoll_create1(0), r;
    char in[16] = {0};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0, "socketpair");
    struct iovec v = {"message", 7}, w = {in, sizeof in};
    struct msghdr out = {.msg_iov = &v, .msg_iovlen = 1}, back = {.msg_iov = &w, .msg_iovlen = 1};
    CHECK((r = one(IORING_OP_SENDMSG, s[0], &out, 1, 0)) == 7, "SENDMSG %d", r);
    CHECK((r = one(IORING_OP_RECVMSG, s[1], &back, 1, 0)) == 7 && !strcmp(in, "message"), "RECVMSG %d", r);
    CHECK((r = one(IORING_OP_SEND, s[0], "send", 4, 0)) == 4 && (r = one(IORING_OP_RECV, s[1], in, 16, 0)) == 4 && !memcmp(in, "send", 4), "SEND, RECV %d", r);
    struct epoll_event e = {.events = EPOLLOUT, .data.u64 = 0x123456789abcdef0};
    CHECK((r = one(IORING_OP_EPOLL_CTL, ep, &e, EPOLL_CTL_ADD, (uint64_t)s[0])) == 0, "EPOLL_CTL %d", r);
    memset(&e, 0, sizeof e);
    CHECK(epoll_wait(ep, &e, 1, 1000) == 1 && e.events == EPOLLOUT && e.data.u64 == 0x123456789abcdef0, "the event");
    CHECK((r = one(IORING_OP_SHUTDOWN, s[0], NULL, SHUT_WR, 0)) == 0 && read(s[1], in, 1) == 0, "SHUTDOWN %d", r);
    close(s[0]);
    close(s[1]);
    close(ep);
}

static void registered(void)
{
    static char area[4096];
    struct iovec v = {area, sizeof area};
    char path[] = "/tmp/uring-XXXXXX";
    int fd = mkstemp(path), r;
    unlink(path);
    CHECK(syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &v, 1) == 0, "buffers: errno %d", errno);
    CHECK(syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, &fd, 1) == 0, "files: errno %d", errno);
    memcpy(area, "fixed", sizeof "fixed");
    put(IORING_OP_WRITE_FIXED, 0, area, 5, 0, 4)->flags = IOSQE_FIXED_FILE;
    CHECK(enter(1, 1) == 1 && (r = take(4)) == 5, "WRITE_FIXED %d", r);
    CHECK(pread(fd, area + 100, 5, 0) == 5 && !memcmp(area + 100, "fixed", 5), "written");
    CHECK(syscall(SYS_io_uring_register, ring, IORING_UNREGISTER_BUFFERS, NULL, 0) == 0, "unregister");
    CHECK(syscall(SYS_io_uring_register, ring, IORING_UNREGISTER_FILES, NULL, 0) == 0, "unregister");
    CHECK_FAILS(syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, 8, 1), EFAULT);
    CHECK_FAILS(syscall(SYS_io_uring_register, ring, 12345, NULL, 0), EINVAL);
    struct {
        struct io_uring_probe head;
        struct io_uring_probe_op op[64];
    } probe = {0};
    CHECK(syscall(SYS_io_uring_register, ring, IORING_REGISTER_PROBE, &probe, 64) == 0, "probe: errno %d", errno);
    CHECK(probe.op[IORING_OP_READ].flags & IO_URING_OP_SUPPORTED, "READ is supported");
    CHECK(probe.op[IORING_OP_OPENAT].flags & IO_URING_OP_SUPPORTED, "OPENAT is supported");
    close(fd);
}

/* A duplicate of the descriptor, in a child too. */
static void shared(void)
{
    int twin = dup(ring), st;
    put(IORING_OP_NOP, -1, NULL, 0, 0, 6);
    CHECK(syscall(SYS_io_uring_enter, twin, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1 && take(6) == 0, "a duplicate: errno %d", errno);
    close(twin);
    pid_t pid = fork();
    if (pid == 0) {
        put(IORING_OP_NOP, -1, NULL, 0, 0, 7);
        _exit(enter(1, 1) == 1 ? 5 : 1);
    }
    CHECK(waitpid(pid, &st, 0) == pid && st == 5 << 8 && take(7) == 0, "a child: status 0x%x", st);
    CHECK_FAILS(syscall(SYS_io_uring_enter, 1, 0, 0, 0, NULL, 0), EOPNOTSUPP);
    CHECK_FAILS(syscall(SYS_io_uring_enter, 999, 0, 0, 0, NULL, 0), EBADF);
    CHECK_FAILS(syscall(SYS_io_uring_register, 1, IORING_REGISTER_FILES_UPDATE, 8, 1), EOPNOTSUPP);
    CHECK_FAILS(syscall(SYS_io_uring_register, 999, 27, 8, 1), EBADF); /* an operation that btv does not have, but 6.12 */
    CHECK_FAILS(syscall(SYS_io_uring_setup, 8, 8), EFAULT);
    struct io_uring_params bad = {.flags = 1u << 31};
    CHECK_FAILS(syscall(SYS_io_uring_setup, 8, &bad), EINVAL);
#ifdef __riscv
    bad.flags = IORING_SETUP_SQPOLL;
    CHECK_FAILS(syscall(SYS_io_uring_setup, 8, &bad), EPERM);
    CHECK_FAILS(syscall(SYS_io_uring_setup, 0, &bad), EINVAL); /* other refusals come first */
#endif
}

int main(void)
{
    if (start() < 0) {
        printf("skipped: io_uring is not to be had, errno %d\n", errno);
        return check_done();
    }
    files();
    chains_and_time();
    masks();
    sockets();
    registered();
    shared();
    return check_done();
}

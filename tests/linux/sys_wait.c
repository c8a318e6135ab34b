/*
 * Guest test: sockets, messages with descriptors, epoll, poll, select and the other things to wait for.
 * Also passes when built for the host.
 */
#include "../check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void messages(void)
{
    int s[2], pass[2];
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, s) == 0 && pipe(pass) == 0, "socketpair");
    char a[4], b[8], control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec out[2] = {{"abcd", 4}, {"efgh", 4}}, in[2] = {{a, 4}, {b, 8}};
    struct msghdr m = {.msg_iov = out, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &pass[1], sizeof(int));
    CHECK(sendmsg(s[0], &m, 0) == 8, "sendmsg: %d", errno);
    memset(control, 0, sizeof control);
    m = (struct msghdr){.msg_iov = in, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof control};
    CHECK(recvmsg(s[1], &m, MSG_CMSG_CLOEXEC) == 8 && !memcmp(a, "abcd", 4) && !memcmp(b, "efgh", 4), "recvmsg");
    int fd = -1;
    c = CMSG_FIRSTHDR(&m);
    CHECK(c && c->cmsg_type == SCM_RIGHTS, "control data");
    if (c)
        memcpy(&fd, CMSG_DATA(c), sizeof fd);
    CHECK(write(fd, "z", 1) == 1 && read(pass[0], a, 1) == 1 && a[0] == 'z', "the descriptor that came along");

    struct mmsghdr mm[2] = {{.msg_hdr = {.msg_iov = &out[0], .msg_iovlen = 1}}, {.msg_hdr = {.msg_iov = &out[1], .msg_iovlen = 1}}};
    CHECK(sendmmsg(s[0], mm, 2, 0) == 2 && mm[1].msg_len == 4, "sendmmsg");
    struct mmsghdr mr[3] = {{.msg_hdr = {.msg_iov = &in[0], .msg_iovlen = 1}}, {.msg_hdr = {.msg_iov = &in[1], .msg_iovlen = 1}},
                            {.msg_hdr = {.msg_iov = &in[1], .msg_iovlen = 1}}};
    CHECK(recvmmsg(s[1], mr, 3, MSG_DONTWAIT, NULL) == 2 && !memcmp(b, "efgh", 4), "recvmmsg");
    m.msg_iov = (void *)8;
    m.msg_iovlen = 1;
    CHECK(sendmsg(s[0], &m, 0) == -1 && errno == EFAULT, "bad vector");
    struct timeval tv = {0, 1000};
    CHECK(setsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) == 0 && recv(s[1], a, 1, 0) == -1 && errno == EAGAIN, "SO_RCVTIMEO");
    int type = 0;
    socklen_t len = sizeof type;
    CHECK(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_DGRAM && len == 4, "SO_TYPE");
    close(s[0]);
    close(s[1]);
    close(fd);
    close(pass[0]);
    close(pass[1]);
}

static void addresses(void)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX}, got;
    snprintf(un.sun_path, sizeof un.sun_path, "/tmp/sys_wait.%d", (int)getpid());
    int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind(l, (void *)&un, sizeof un) == 0 && listen(l, 1) == 0 && connect(c, (void *)&un, sizeof un) == 0, "local socket: %d", errno);
    socklen_t len = sizeof got;
    CHECK(getpeername(c, (void *)&got, &len) == 0 && !strcmp(got.sun_path, un.sun_path), "getpeername %s", got.sun_path);
    int n = accept4(l, NULL, NULL, SOCK_NONBLOCK);
    CHECK(n >= 0 && (fcntl(n, F_GETFL) & O_NONBLOCK), "accept4");
    int pending = -1;
    CHECK(write(c, "12345", 5) == 5 && ioctl(n, FIONREAD, &pending) == 0 && pending == 5, "FIONREAD %d", pending);
    CHECK(ioctl(n, TIOCGWINSZ, &pending) == -1 && (errno == ENOTTY || errno == EINVAL), "no terminal: %d", errno);
    close(n);
    close(c);
    close(l);
    unlink(un.sun_path);

    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    len = sizeof in;
    l = socket(AF_INET, SOCK_STREAM, 0);
    c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(bind(l, (void *)&in, sizeof in) == 0 && listen(l, 5) == 0 && getsockname(l, (void *)&in, &len) == 0 && in.sin_port, "tcp");
    CHECK(connect(c, (void *)&in, sizeof in) == 0 || errno == EINPROGRESS, "connect");
    struct sockaddr_in peer;
    len = sizeof peer;
    n = accept(l, (void *)&peer, &len);
    CHECK(n >= 0 && peer.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && len == sizeof peer, "accept");
    CHECK(send(n, "x", 1, MSG_NOSIGNAL) == 1 && shutdown(n, SHUT_WR) == 0, "send");
    struct pollfd pf = {c, POLLIN, 0};
    char ch;
    CHECK(poll(&pf, 1, 1000) == 1 && recvfrom(c, &ch, 1, 0, NULL, NULL) == 1 && ch == 'x', "recvfrom");
    close(n);
    close(c);
    close(l);
}

static volatile int caught;
static void on_signal(int sig)
{
    caught = sig;
}

static void waiting(void)
{
    int p[2], q[2];
    CHECK(pipe(p) == 0 && pipe(q) == 0, "pipe");
    int e = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = 0x1122334455667788}, out[4];
    CHECK(epoll_ctl(e, EPOLL_CTL_ADD, p[0], &ev) == 0, "epoll_ctl");
    ev.data.u64 = 0x99aabbccddeeff00;
    ev.events = EPOLLIN | EPOLLET;
    CHECK(epoll_ctl(e, EPOLL_CTL_ADD, q[0], &ev) == 0 && epoll_wait(e, out, 4, 0) == 0, "epoll, nothing ready");
    CHECK(write(p[1], "1", 1) == 1 && write(q[1], "1", 1) == 1 && epoll_wait(e, out, 4, 100) == 2, "epoll_wait");
    CHECK(out[0].data.u64 + out[1].data.u64 == 0x1122334455667788 + 0x99aabbccddeeff00 && out[0].events == EPOLLIN, "epoll data");
    CHECK(epoll_wait(e, out, 1, 0) == 1 && out[0].data.u64 == 0x1122334455667788, "edge and level");
    struct timespec ts = {0, 1000000};
    CHECK(epoll_ctl(e, EPOLL_CTL_DEL, p[0], NULL) == 0 && syscall(SYS_epoll_pwait2, e, out, 4, &ts, NULL, 8) == 0, "epoll_pwait2: %d", errno);
    CHECK(epoll_ctl(e, EPOLL_CTL_MOD, p[0], &ev) == -1 && errno == ENOENT, "EPOLL_CTL_MOD");
    CHECK(epoll_wait(e, out, 0, 0) == -1 && errno == EINVAL, "no events");

    struct pollfd pf[2] = {{p[0], POLLIN, 0}, {p[1], POLLOUT, 0}};
    CHECK(poll(pf, 2, 0) == 2 && pf[0].revents == POLLIN && pf[1].revents == POLLOUT, "poll");
    fd_set r;
    FD_ZERO(&r);
    FD_SET(p[0], &r);
    FD_SET(q[0], &r);
    struct timeval tv = {1, 0};
    CHECK(select(q[1] + 1, &r, NULL, NULL, &tv) == 2 && FD_ISSET(p[0], &r), "select");

    /* a blocked signal that the temporary mask lets in */
    sigset_t block, open_mask;
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigprocmask(SIG_BLOCK, &block, &open_mask);
    signal(SIGUSR1, on_signal);
    struct pollfd none = {q[1], 0, 0};
    for (int i = 0; i < 3; i++) {
        caught = 0;
        raise(SIGUSR1);
        ts = (struct timespec){2, 0};
        CHECK(caught == 0, "blocked");
        int ret = i == 0 ? ppoll(&none, 1, &ts, &open_mask) : i == 1 ? pselect(0, NULL, NULL, NULL, &ts, &open_mask) : epoll_pwait(e, out, 4, 2000, &open_mask);
        CHECK(ret == -1 && errno == EINTR && caught == SIGUSR1, "%d: temporary mask: %d errno %d caught %d", i, ret, errno, caught);
        sigset_t now;
        sigprocmask(SIG_BLOCK, NULL, &now);
        CHECK(sigismember(&now, SIGUSR1) == 1, "mask restored");
    }
    CHECK(syscall(SYS_ppoll, &none, 1, &ts, &open_mask, 4) == -1 && errno == EINVAL, "size of the mask");

    int sfd = signalfd(-1, &block, SFD_NONBLOCK);
    struct signalfd_siginfo si;
    raise(SIGUSR1);
    CHECK(read(sfd, &si, sizeof si) == sizeof si && si.ssi_signo == SIGUSR1, "signalfd: %d", errno);
    int efd = eventfd(3, EFD_SEMAPHORE);
    uint64_t v;
    CHECK(read(efd, &v, 8) == 8 && v == 1, "eventfd");
    int tfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct itimerspec its = {.it_value = {0, 1000000}};
    CHECK(timerfd_settime(tfd, 0, &its, NULL) == 0 && read(tfd, &v, 8) == 8 && v == 1, "timerfd");
    close(e);
    close(sfd);
    close(efd);
    close(tfd);
}

int main(void)
{
    messages();
    addresses();
    waiting();
    return check_done();
}

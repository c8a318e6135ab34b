/*
 * Guest test: the siginfo of every way a signal can come, real-time queue limits, and signals that a process queues itself
 * although they look like faults.  The same source built for the host gives the expected results.
 */
#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SA_EXPOSE_TAGBITS
#define SA_EXPOSE_TAGBITS 0x800
#endif
#define SA_UNSUPPORTED_BIT 0x400

static volatile int hits;
static siginfo_t last;

static void record(int sig, siginfo_t *info, void *uc)
{
    (void)sig;
    (void)uc;
    last = *info;
    hits++;
}

static void on(int sig)
{
    struct sigaction sa = {.sa_sigaction = record, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(sig, &sa, NULL);
    hits = 0;
    memset(&last, 0xaa, sizeof last);
}

static void wait_hit(void)
{
    for (int i = 0; i < 2000 && !hits; i++)
        usleep(1000);
}

static void test_senders(void)
{
    union sigval v = {.sival_ptr = (void *)0x123456789abcdef0};
    on(SIGUSR1);
    kill(getpid(), SIGUSR1);
    CHECK(hits == 1 && last.si_code == SI_USER && last.si_pid == getpid() && last.si_uid == getuid(), "kill: %d", last.si_code);
    syscall(SYS_tkill, gettid(), SIGUSR1);
    CHECK(hits == 2 && last.si_code == SI_TKILL && last.si_pid == getpid(), "tkill: %d", last.si_code);
    syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1);
    CHECK(hits == 3 && last.si_code == SI_TKILL && last.si_uid == getuid(), "tgkill: %d", last.si_code);
    sigqueue(getpid(), SIGUSR1, v);
    CHECK(hits == 4 && last.si_code == SI_QUEUE && last.si_value.sival_ptr == v.sival_ptr && last.si_pid == getpid(), "sigqueue: %d", last.si_code);
    pthread_sigqueue(pthread_self(), SIGUSR1, v);
    CHECK(hits == 5 && last.si_code == SI_QUEUE && last.si_value.sival_ptr == v.sival_ptr, "pthread_sigqueue: %d", last.si_code);
    pid_t pid = fork();
    if (!pid) {
        kill(getppid(), SIGUSR1);
        _exit(0);
    }
    wait_hit();
    waitpid(pid, NULL, 0);
    CHECK(last.si_code == SI_USER && last.si_pid == pid, "kill by a child: %d", last.si_pid);
    int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    hits = 0;
    syscall(SYS_pidfd_send_signal, pidfd, SIGUSR1, NULL, 0);
    CHECK(hits == 1 && last.si_code == SI_USER && last.si_pid == getpid(), "pidfd: %d", last.si_code);
    close(pidfd);
}

static void test_timers(void)
{
    timer_t id;
    union sigval v = {.sival_ptr = (void *)0xfeedfacecafebeef};
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1, .sigev_value = v};
    struct itimerspec it = {.it_value = {0, 1000000}};
    on(SIGRTMIN + 1);
    timer_create(CLOCK_MONOTONIC, &ev, &id);
    timer_settime(id, 0, &it, NULL);
    wait_hit();
    CHECK(hits == 1 && last.si_code == SI_TIMER && last.si_value.sival_ptr == v.sival_ptr && last.si_overrun == 0, "timer: %d", last.si_code);
    /* expirations while the signal is blocked are counted */
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    it.it_interval.tv_nsec = 1000000;
    timer_settime(id, 0, &it, NULL);
    usleep(20000);
    hits = 0;
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    int overrun = timer_getoverrun(id);
    timer_delete(id);
    CHECK(hits >= 1 && overrun >= 0, "overrun %d", overrun);
}

static void test_messages(void)
{
    union sigval v = {.sival_ptr = (void *)0x1122334455667788};
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2, .sigev_value = v};
    struct mq_attr attr = {.mq_maxmsg = 2, .mq_msgsize = 16};
    char name[40];
    snprintf(name, sizeof name, "/sig_info.%d", getpid());
    mqd_t q = mq_open(name, O_RDWR | O_CREAT, 0600, &attr);
    if (q == (mqd_t)-1) {
        puts("message queues: skipped, none here");
        return;
    }
    on(SIGUSR2);
    CHECK(mq_notify(q, &ev) == 0, "mq_notify: %d", errno);
    mq_send(q, "x", 1, 0);
    wait_hit();
    CHECK(hits == 1 && last.si_code == SI_MESGQ && last.si_value.sival_ptr == v.sival_ptr && last.si_pid == getpid(), "mq: %d", last.si_code);
    mq_close(q);
    mq_unlink(name);
}

static void test_sigio(void)
{
    int fd[2];
    char byte;
    CHECK(pipe(fd) == 0, "pipe");
    fcntl(fd[0], F_SETOWN, getpid());
    fcntl(fd[0], F_SETFL, O_ASYNC | O_NONBLOCK);
    on(SIGIO);
    CHECK(write(fd[1], "x", 1) == 1, "write");
    wait_hit();
    CHECK(hits == 1 && last.si_code == SI_KERNEL, "SIGIO without F_SETSIG: %d", last.si_code);
    static const int sigs[] = {50, SIGUSR1, SIGSEGV}; /* the last one has codes of its own: SI_SIGIO instead */
    for (unsigned i = 0; i < 3; i++) {
        while (read(fd[0], &byte, 1) == 1)
            continue;
        fcntl(fd[0], F_SETSIG, sigs[i]);
        on(sigs[i]);
        CHECK(write(fd[1], "x", 1) == 1, "write");
        wait_hit();
        int code = sigs[i] == SIGSEGV ? SI_SIGIO : POLL_IN;
        CHECK(hits == 1 && last.si_signo == sigs[i] && last.si_code == code && last.si_fd == fd[0] && (last.si_band & 1), "F_SETSIG %d: code %d fd %d", sigs[i],
              last.si_code, last.si_fd);
    }
    close(fd[0]);
    close(fd[1]);
}

static void child_work(int how)
{
    struct tms used = {0};
    while (how == 0 && used.tms_utime + used.tms_stime < 3)
        times(&used);
    if (how == 0)
        _exit(33);
    if (how == 1)
        raise(SIGTERM);
    for (;;)
        pause();
}

static void test_sigchld(void)
{
    on(SIGCHLD);
    pid_t pid = fork();
    if (!pid)
        child_work(0);
    wait_hit();
    siginfo_t w;
    CHECK(hits && last.si_code == CLD_EXITED && last.si_status == 33 && last.si_pid == pid && last.si_uid == getuid(), "%d %d", last.si_code, last.si_status);
    CHECK(last.si_utime >= 0 && last.si_utime < 3000 && last.si_stime < 3000, "utime %ld stime %ld", (long)last.si_utime, (long)last.si_stime);
    CHECK(waitid(P_PID, (id_t)pid, &w, WEXITED) == 0 && w.si_signo == SIGCHLD && w.si_code == CLD_EXITED && w.si_status == 33, "waitid");
    on(SIGCHLD);
    pid = fork();
    if (!pid)
        child_work(1);
    wait_hit();
    CHECK(last.si_code == CLD_KILLED && last.si_status == SIGTERM && last.si_pid == pid, "%d %d", last.si_code, last.si_status);
    waitpid(pid, NULL, 0);
    on(SIGCHLD);
    pid = fork();
    if (!pid)
        child_work(2);
    kill(pid, SIGSTOP);
    wait_hit();
    CHECK(last.si_code == CLD_STOPPED && last.si_status == SIGSTOP && last.si_pid == pid, "%d %d", last.si_code, last.si_status);
    hits = 0;
    kill(pid, SIGCONT);
    wait_hit();
    CHECK(last.si_code == CLD_CONTINUED && last.si_status == SIGCONT && last.si_pid == pid, "%d %d", last.si_code, last.si_status);
    struct sigaction sa = {.sa_sigaction = record, .sa_flags = SA_SIGINFO | SA_NOCLDSTOP};
    sigaction(SIGCHLD, &sa, NULL);
    hits = 0;
    kill(pid, SIGSTOP);
    CHECK(waitid(P_PID, (id_t)pid, &w, WSTOPPED) == 0 && w.si_code == CLD_STOPPED && w.si_status == SIGSTOP, "waitid: stopped");
    CHECK(hits == 0, "SA_NOCLDSTOP");
    kill(pid, SIGKILL);
    wait_hit();
    CHECK(last.si_code == CLD_KILLED && last.si_status == SIGKILL, "%d %d", last.si_code, last.si_status);
    waitpid(pid, NULL, 0);
    signal(SIGCHLD, SIG_DFL);
}

/* -- queued by oneself, with every code -------------------------------------------------------------------- */

static int queue_raw(int sig, int code, int thread)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = sig;
    info.si_code = code;
    info.si_addr = (void *)0x5150;
    return (int)(thread ? syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), sig, &info) : syscall(SYS_rt_sigqueueinfo, getpid(), sig, &info));
}

static void *from_other(void *arg)
{
    (void)arg;
    int r = queue_raw(SIGSEGV, SEGV_MAPERR, 0);
    CHECK(r == -1 && errno == EPERM, "not the first thread: %d %d", r, errno);
    return NULL;
}

static void test_forged(void)
{
    static const int sigs[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGUSR1, 40};
    static const int codes[] = {1, 2, 3, 4, 5, 128, SI_USER, SI_QUEUE, SI_TIMER, SI_TKILL, -1000, 77};
    for (unsigned s = 0; s < sizeof sigs / sizeof *sigs; s++)
        for (unsigned c = 0; c < sizeof codes / sizeof *codes; c++)
            for (int thread = 0; thread < 2; thread++) {
                on(sigs[s]);
                int r = queue_raw(sigs[s], codes[c], thread);
                CHECK(r == 0 && hits == 1 && last.si_signo == sigs[s] && last.si_code == codes[c] && last.si_addr == (void *)0x5150,
                      "signal %d code %d: %d, hits %d, code %d, address %p", sigs[s], codes[c], r, hits, last.si_code, last.si_addr);
            }
    /* blocked and taken by a wait; through a pidfd */
    sigset_t set;
    siginfo_t info;
    sigemptyset(&set);
    sigaddset(&set, SIGSEGV);
    sigprocmask(SIG_BLOCK, &set, NULL);
    queue_raw(SIGSEGV, SEGV_ACCERR, 0);
    CHECK(sigwaitinfo(&set, &info) == SIGSEGV && info.si_code == SEGV_ACCERR && info.si_addr == (void *)0x5150, "%d", info.si_code);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    memset(&info, 0, sizeof info);
    info.si_signo = SIGBUS;
    info.si_code = BUS_ADRERR;
    on(SIGBUS);
    CHECK(syscall(SYS_pidfd_send_signal, pidfd, SIGBUS, &info, 0) == 0 && hits == 1 && last.si_code == BUS_ADRERR, "pidfd: %d", last.si_code);
    info.si_signo = SIGSEGV;
    CHECK(syscall(SYS_pidfd_send_signal, pidfd, SIGBUS, &info, 0) == -1 && errno == EINVAL, "another number inside");
    close(pidfd);
    pthread_t t;
    pthread_create(&t, NULL, from_other, NULL);
    pthread_join(t, NULL);
    /* with nobody to handle it: a death like any other, never a report of an internal error */
    int status, fd[2];
    char text[200];
    CHECK(pipe(fd) == 0, "pipe");
    pid_t pid = fork();
    if (!pid) {
        dup2(fd[1], 2);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGFPE, SIG_DFL);
        queue_raw(SIGFPE, FPE_INTDIV, 0);
        _exit(0);
    }
    close(fd[1]);
    waitpid(pid, &status, 0);
    ssize_t n = read(fd[0], text, sizeof text);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGFPE && n == 0, "%x, %zd bytes: %.*s", status, n, n > 0 ? (int)n : 0, text);
    close(fd[0]);
}

/* -- limits and flags -------------------------------------------------------------------------------------- */

static int values[4096], nvalues;
static void note(int sig, siginfo_t *info, void *uc)
{
    (void)sig;
    (void)uc;
    values[nvalues++] = info->si_value.sival_int;
}

/* Of all processes of the user: whoever runs this test at the same time, say, takes what is to be ours. */
static long queued_by_user(void)
{
    char line[128];
    long n = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        sscanf(line, "SigQ: %ld", &n);
    if (f)
        fclose(f);
    return n;
}

static void test_limits(void)
{
    enum { LIMIT = 300 };
    for (int i = 0; i < 200 && queued_by_user() > LIMIT / 4; i++)
        usleep(100000);
    struct rlimit old;
    struct sigaction sa = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    sigset_t set, none;
    sigemptyset(&none);
    sigemptyset(&set);
    sigaddset(&set, 41);
    sigaddset(&set, SIGUSR1);
    sigaction(41, &sa, NULL);
    getrlimit(RLIMIT_SIGPENDING, &old);
    setrlimit(RLIMIT_SIGPENDING, &(struct rlimit){LIMIT, old.rlim_max});
    sigprocmask(SIG_BLOCK, &set, NULL);
    int n = 0;
    while (n < 2 * LIMIT && sigqueue(getpid(), 41, (union sigval){.sival_int = n}) == 0)
        n++;
    CHECK(n <= LIMIT && n > LIMIT / 2 && errno == EAGAIN, "%d queued, errno %d", n, errno); /* the user's other processes count */
    on(SIGUSR1);
    CHECK(kill(getpid(), SIGUSR1) == 0, "kill is never refused");
    sigprocmask(SIG_SETMASK, &none, NULL);
    CHECK(nvalues == n && hits == 1, "%d of %d, %d", nvalues, n, hits);
    int bad = 0;
    for (int i = 0; i < nvalues; i++)
        bad += values[i] != i;
    CHECK(!bad, "%d out of order", bad);
    setrlimit(RLIMIT_SIGPENDING, &old);
}

static void test_flags(void)
{
    /* what the kernel does not know is cleared, so that a program can ask (sigaction(2)) */
    struct {
        void *handler;
        unsigned long flags;
#ifdef __x86_64__
        void *restorer;
#endif
        uint64_t mask;
    } sa = {0}, old;
    sa.handler = (void *)record;
    sa.flags = SA_SIGINFO | SA_UNSUPPORTED_BIT | SA_EXPOSE_TAGBITS | 0x10000000000ul;
    CHECK(syscall(SYS_rt_sigaction, SIGUSR2, &sa, NULL, 8) == 0, "sigaction");
    CHECK(syscall(SYS_rt_sigaction, SIGUSR2, NULL, &old, 8) == 0 && old.flags == (SA_SIGINFO | SA_EXPOSE_TAGBITS), "flags %lx", old.flags);
    signal(SIGUSR2, SIG_DFL);
}

static void test_memory(void)
{
    static sigset_t none;
    char name[] = "/tmp/sig_info.XXXXXX";
    int fd = mkstemp(name);
    unlink(name);
    CHECK(ftruncate(fd, 8192) == 0, "ftruncate");
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    struct sigaction sa = {.sa_sigaction = record, .sa_flags = (int)(SA_SIGINFO | SA_RESETHAND)};
    p[5000] = 1;
    CHECK(ftruncate(fd, 4096) == 0, "ftruncate");
    int status;
    for (int write = 0; write < 2; write++) {
        pid_t pid = fork();
        if (!pid) { /* the handler returns to the same instruction: it dies the second time, having told the first */
            setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
            sigaction(SIGBUS, &sa, NULL);
            sigprocmask(SIG_SETMASK, &none, NULL);
            if (write)
                p[5000] = 2;
            else
                p[0] = p[5000];
            _exit(0);
        }
        waitpid(pid, &status, 0);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS, "%x", status);
    }
    close(fd);
}

#ifdef __riscv
/* Accesses of every kind to addresses that x86-64 does not report. */
#define ACCESS(name, text) \
    static void name(uint64_t at) { __asm__ volatile(text ::"r"(at) : "t0", "ft0", "memory"); }
ACCESS(load_byte, "lb t0, 0(%0)")
ACCESS(load_behind, "ld t0, 40(%0)")
ACCESS(load_fp, "fld ft0, 8(%0)")
ACCESS(store_word, "sw zero, -4(%0)")
ACCESS(store_fp, "fsw ft0, 4(%0)")
ACCESS(add_atomically, "amoadd.d t0, t0, (%0)")
ACCESS(reserve, "lr.w t0, (%0)")
ACCESS(jump, "jalr t0, 0(%0)")
#undef ACCESS

static sigjmp_buf back;

static void leave(int sig, siginfo_t *info, void *uc)
{
    (void)sig;
    (void)uc;
    last = *info;
    siglongjmp(back, 1);
}

static void test_addresses(void)
{
    static const struct {
        const char *name;
        void (*fn)(uint64_t at);
        int offset;
    } accesses[] = {{"lb", load_byte, 0},   {"ld", load_behind, 40}, {"fld", load_fp, 8},         {"sw", store_word, -4},
                    {"fsw", store_fp, 4}, {"amoadd", add_atomically, 0}, {"lr", reserve, 0}, {"jalr", jump, 0}};
    static const uint64_t places[] = {0x10, 0x7ffffffff000, 0x800000000000, 0x123456789abcde00, 0x8000000000000000, 0xffff7ffffffff000, 0xffff800000000000, 0xffffffffffffff00};
    struct sigaction sa = {.sa_sigaction = leave, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
    for (unsigned round = 0; round < 60; round++) { /* interpreted at first, then translated */
        for (unsigned i = 0; i < 8; i++) {
            for (unsigned k = 0; k < 8; k++) {
                memset(&last, 0, sizeof last);
                if (!sigsetjmp(back, 0))
                    accesses[i].fn(places[k]);
                uint64_t at = places[k] + (uint64_t)(int64_t)accesses[i].offset;
                CHECK(last.si_signo == SIGSEGV && last.si_code == SEGV_MAPERR && (uint64_t)(uintptr_t)last.si_addr == at, "%s at %#lx: signal %d, code %d, address %p",
                      accesses[i].name, (unsigned long)at, last.si_signo, last.si_code, last.si_addr);
            }
        }
    }
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
}
#endif

int main(void)
{
    test_senders();
    test_timers();
    test_messages();
    test_sigio();
    test_sigchld();
    test_forged();
    test_limits();
    test_flags();
    test_memory();
#ifdef __riscv
    test_addresses();
#endif
    return check_done();
}

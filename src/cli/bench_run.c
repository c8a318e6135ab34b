/*
 * One process, from its start to its end: time, memory, what it wrote.
 *
 * Standard output and standard error go to memory files, which are looked at when the process is gone, so that nothing runs beside it.  The process
 * leads a group of its own, which is killed when the time is over; it dies with btv bench.
 */
#include "base/clock.h"
#include "cli/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

#define HASH_START UINT64_C(0xcbf29ce484222325) /* FNV-1a */
#define HASH_STEP UINT64_C(0x100000001b3)

static double now_ns(void)
{
    return (double)clock_ns(CLOCK_MONOTONIC);
}

static double ns(struct timeval t)
{
    return (double)t.tv_sec * 1e9 + (double)t.tv_usec * 1e3;
}

/* Never returns; tells the parent errno if the program cannot be executed. */
static void child(char *const *argv, const struct bench_limits *limits, const int fd[2], int tell)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC), e;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (limits->cpu >= 0)
        CPU_SET(limits->cpu, &set);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(fd[0], STDOUT_FILENO) >= 0 && dup2(fd[1], STDERR_FILENO) >= 0 &&
        (limits->cpu < 0 || !sched_setaffinity(0, sizeof set, &set)))
        execvp(argv[0], argv);
    e = errno;
    (void)!write(tell, &e, sizeof e);
    _exit(127);
}

/* Waits at most that long.  False: time is over. */
static bool wait_for(pid_t pid, unsigned seconds)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0), n;
    double end = now_ns() + seconds * 1e9, left;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (fd < 0)
        return true; /* a kernel before 5.3: without limit */
    do {
        left = (end - now_ns()) / 1e6;
        n = left > 0 ? poll(&p, 1, (int)left + 1) : 0;
    } while (n < 0 && errno == EINTR);
    close(fd);
    return n > 0;
}

static bool read_output(int fd, struct bench_sample *s)
{
    char buf[65536];
    ssize_t n;
    s->out_hash = HASH_START;
    for (off_t at = 0; (n = file_pread(fd, buf, sizeof buf, at)) > 0; at += n) {
        for (ssize_t i = 0; i < n; i++)
            s->out_hash = (s->out_hash ^ (unsigned char)buf[i]) * HASH_STEP;
        s->out_bytes += (uint64_t)n;
    }
    return n == 0;
}

static void read_complaint(int fd, struct bench_sample *s)
{
    ssize_t n = file_pread(fd, s->complaint, sizeof s->complaint - 1, 0);
    s->complaint[n > 0 ? n : 0] = '\0';
    s->complaint[strcspn(s->complaint, "\n")] = '\0';
}

/* The child is gone or has no time left. */
static void finish(pid_t pid, double start, bool in_time, struct bench_sample *s)
{
    struct rusage use;
    int status = 0;
    if (!in_time)
        kill(-pid, SIGKILL);
    while (wait4(pid, &status, 0, &use) < 0 && errno == EINTR)
        ;
    s->wall_ns = now_ns() - start;
    s->cpu_ns = ns(use.ru_utime) + ns(use.ru_stime);
    s->rss_kib = (double)use.ru_maxrss;
    s->end = !in_time ? BENCH_TIMEOUT : WIFEXITED(status) ? BENCH_EXITED : BENCH_SIGNALLED;
    s->code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
}

enum btv_status bench_run(char *const *argv, const struct bench_limits *limits, struct bench_sample *out, struct btv_error *err)
{
    int fd[2] = {memfd_create("out", MFD_CLOEXEC), memfd_create("err", MFD_CLOEXEC)}, tell[2] = {-1, -1}, e = 0;
    enum btv_status st = BTV_OK;
    struct bench_sample s = {0};
    double start = now_ns();
    pid_t pid = fd[0] < 0 || fd[1] < 0 || pipe2(tell, O_CLOEXEC) ? -1 : fork();
    if (pid == 0)
        child(argv, limits, fd, tell[1]);
    if (pid < 0) {
        st = err_host(err, errno, "cannot start a process");
        goto out;
    }
    setpgid(pid, pid); /* whichever of the two comes first */
    close(tell[1]);
    tell[1] = -1;
    finish(pid, start, wait_for(pid, limits->seconds), &s);
    if (read(tell[0], &e, sizeof e) == sizeof e) {
        s.end = BENCH_NOT_STARTED;
        s.code = e;
    }
    if (!read_output(fd[0], &s))
        st = err_host(err, errno, "cannot read the output of %s", argv[0]);
    read_complaint(fd[1], &s);
    if (st == BTV_OK)
        *out = s;
out:
    for (int i = 0; i < 2; i++) {
        if (fd[i] >= 0)
            close(fd[i]);
        if (tell[i] >= 0)
            close(tell[i]);
    }
    return st;
}

/*
 * Guest test: the system, limits, clocks, scheduling, System V and POSIX objects, and calls that are refused.
 */
#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/personality.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void system_names(void)
{
    struct utsname u;
    struct sysinfo si;
    char name[16], big[300];
    CHECK(uname(&u) == 0 && !strcmp(u.sysname, "Linux"), "uname");
    personality(PER_LINUX32);
    CHECK(uname(&u) == 0 && (!strcmp(u.machine, "riscv32") || !strcmp(u.machine, "i686")), "PER_LINUX32: %s", u.machine);
    personality(PER_LINUX);
    CHECK(uname(&u) == 0 && (!strcmp(u.machine, "riscv64") || !strcmp(u.machine, "x86_64")), "%s", u.machine);
#ifdef __riscv
    CHECK(!strcmp(u.machine, "riscv64"), "machine %s", u.machine);
#endif
    CHECK(sysinfo(&si) == 0 && si.totalram > 0 && si.mem_unit > 0 && si.procs > 0, "sysinfo");
    CHECK(getrandom(big, sizeof big, 0) == sizeof big, "getrandom");
    CHECK(prctl(PR_SET_NAME, "a name that is too long") == 0 && prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "a name that is "), "PR_SET_NAME");
    CHECK(prctl(PR_SET_PDEATHSIG, SIGHUP) == 0, "PR_SET_PDEATHSIG");
    int sig = 0;
    CHECK(prctl(PR_GET_PDEATHSIG, &sig) == 0 && sig == SIGHUP && prctl(PR_SET_PDEATHSIG, 0) == 0, "PR_GET_PDEATHSIG");
    CHECK_FAILS(prctl(PR_GET_NAME, 8), EFAULT);
    CHECK_FAILS(prctl(12345, 0), EINVAL);
    unsigned cpu = 999, node;
    CHECK(syscall(SYS_getcpu, &cpu, &node, NULL) == 0 && cpu < 999, "getcpu");
    cpu_set_t set;
    CHECK(sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0, "affinity");
    CHECK(sched_yield() == 0 && sched_getscheduler(0) == SCHED_OTHER, "scheduler");
    errno = 0;
    int nice_now = getpriority(PRIO_PROCESS, 0); /* inherited: whatever the tests were started with */
    CHECK(errno == 0 && nice_now >= -20 && nice_now <= 19, "getpriority: %d", nice_now);
    int nice_more = nice_now < 19 ? nice_now + 1 : 19;
    CHECK(setpriority(PRIO_PROCESS, 0, nice_more) == 0 && getpriority(PRIO_PROCESS, 0) == nice_more, "setpriority");
    CHECK(sched_get_priority_max(SCHED_FIFO) == 99, "priorities");
}

static void limits(void)
{
    struct rlimit l, old;
    CHECK(getrlimit(RLIMIT_STACK, &l) == 0 && l.rlim_cur > 0, "stack limit");
    CHECK(getrlimit(RLIMIT_AS, &old) == 0, "RLIMIT_AS");
    l = (struct rlimit){1 << 30, old.rlim_max};
    CHECK(setrlimit(RLIMIT_AS, &l) == 0, "set RLIMIT_AS");
    CHECK(getrlimit(RLIMIT_AS, &l) == 0 && l.rlim_cur == 1 << 30, "get RLIMIT_AS");
    void *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED && munmap(p, 1 << 20) == 0, "mmap under a limit");
    CHECK(prlimit(0, RLIMIT_AS, &old, &l) == 0 && l.rlim_cur == 1 << 30, "prlimit");
    l = (struct rlimit){5, 3};
    CHECK_FAILS(setrlimit(RLIMIT_AS, &l), EINVAL);
    CHECK_FAILS(getrlimit(99, &l), EINVAL);
    CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0, "RLIMIT_NOFILE");
    l = (struct rlimit){20, old.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &l) == 0, "20 descriptors");
    int n = 0;
    while (dup(0) >= 0)
        n++;
    CHECK(errno == EMFILE && n <= 17, "EMFILE after %d", n);
    CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0, "all descriptors again");
    for (int i = 3; i < 20; i++)
        close(i);
    struct rusage ru;
    CHECK(getrusage(RUSAGE_SELF, &ru) == 0 && ru.ru_maxrss > 0, "rusage");
    struct tms tms;
    CHECK(times(&tms) != (clock_t)-1, "times");
}

static void clocks(void)
{
    struct timespec a, b, r;
    struct timeval tv;
    clock_gettime(CLOCK_MONOTONIC, &a);
    struct timespec ms = {0, 2000000};
    CHECK(nanosleep(&ms, NULL) == 0 && clock_nanosleep(CLOCK_MONOTONIC, 0, &ms, NULL) == 0, "sleep");
    CHECK(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &b) == 0, "clock_gettime");
    long ns = (b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec;
    CHECK(ns >= 4000000 && ns < 5000000000L, "slept %ld ns", ns);
    CHECK(clock_getres(CLOCK_REALTIME, &r) == 0 && r.tv_nsec > 0, "resolution");
    CHECK(syscall(SYS_gettimeofday, &tv, NULL) == 0 && tv.tv_sec > 1700000000, "gettimeofday");
    CHECK_FAILS(syscall(SYS_clock_gettime, 77, &a), EINVAL);
    ms.tv_nsec = 1000000000;
    CHECK_FAILS(nanosleep(&ms, NULL), EINVAL);
    CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a) == 0 && clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b) == 0, "cpu clocks");

    sigset_t set;
    siginfo_t info;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigaddset(&set, SIGRTMIN + 3);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct itimerval it = {.it_value = {0, 1000}};
    CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0 && sigwaitinfo(&set, &info) == SIGALRM, "setitimer");
    timer_t timer;
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3, .sigev_value.sival_int = 42};
    struct itimerspec its = {.it_value = {0, 1000000}};
    CHECK(timer_create(CLOCK_MONOTONIC, &ev, &timer) == 0 && timer_settime(timer, 0, &its, NULL) == 0, "timer");
    CHECK(sigwaitinfo(&set, &info) == SIGRTMIN + 3 && info.si_value.sival_int == 42 && info.si_code == SI_TIMER, "timer signal");
    CHECK(timer_gettime(timer, &its) == 0 && its.it_value.tv_nsec == 0 && timer_getoverrun(timer) == 0 && timer_delete(timer) == 0, "timer state");
}

union semun {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
};

static void objects(void)
{
    unsigned short values[3] = {4, 5, 6}, got[3] = {0};
    struct semid_ds sd;
    int sem = semget(IPC_PRIVATE, 3, 0600);
    CHECK(sem >= 0 && semctl(sem, 0, SETALL, (union semun){.array = values}) == 0 && semctl(sem, 0, GETALL, (union semun){.array = got}) == 0, "semaphores");
    CHECK(got[2] == 6 && semctl(sem, 1, GETVAL) == 5, "their values");
    struct sembuf op = {0, -4, 0};
    CHECK(semop(sem, &op, 1) == 0 && semctl(sem, 0, GETVAL) == 0, "semop");
    memset(&sd, 0xff, sizeof sd);
    CHECK(semctl(sem, 0, IPC_STAT, (union semun){.buf = &sd}) == 0, "IPC_STAT");
    CHECK(sd.sem_nsems == 3 && sd.sem_otime > 1700000000 && sd.sem_ctime > 1700000000 && (sd.sem_perm.mode & 0777) == 0600, "semid_ds: %lu", (unsigned long)sd.sem_nsems);
    sd.sem_perm.mode = 0640;
    CHECK(semctl(sem, 0, IPC_SET, (union semun){.buf = &sd}) == 0 && semctl(sem, 0, IPC_STAT, (union semun){.buf = &sd}) == 0 && (sd.sem_perm.mode & 0777) == 0640, "IPC_SET");
    struct timespec ts = {0, 1000000};
    CHECK_FAILS(semtimedop(sem, &op, 1, &ts), EAGAIN);
    CHECK(semctl(sem, 0, IPC_RMID) == 0, "IPC_RMID");

    struct {
        long type;
        char text[8];
    } m = {7, "message"};
    struct msqid_ds md;
    int q = msgget(IPC_PRIVATE, 0600);
    CHECK(msgsnd(q, &m, 8, 0) == 0 && msgctl(q, IPC_STAT, &md) == 0 && md.msg_qnum == 1 && md.msg_lspid == getpid(), "message queue");
    memset(&m, 0, sizeof m);
    CHECK(msgrcv(q, &m, 8, 7, 0) == 8 && !strcmp(m.text, "message") && msgctl(q, IPC_RMID, NULL) == 0, "msgrcv");

    struct shmid_ds hd;
    int shm = shmget(IPC_PRIVATE, 10000, 0600);
    char *at = shmat(shm, NULL, 0);
    CHECK(at != (void *)-1, "shmat: %d", errno);
    memcpy(at + 9000, "shared", 7);
    pid_t child = fork();
    if (child == 0) {
        memcpy(at + 9000, "changed", 8);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    CHECK(!strcmp(at + 9000, "changed") && shmctl(shm, IPC_STAT, &hd) == 0 && hd.shm_segsz == 10000 && hd.shm_nattch == 1, "shared memory");
    CHECK(shmdt(at) == 0 && shmctl(shm, IPC_RMID, NULL) == 0, "shmdt");
    CHECK_FAILS(shmdt(at), EINVAL);

    char name[64];
    snprintf(name, sizeof name, "/sys_misc.%d", (int)getpid());
    struct mq_attr attr = {.mq_maxmsg = 3, .mq_msgsize = 16};
    mqd_t mq = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
    if (mq == (mqd_t)-1) {
        CHECK(errno == ENOSYS || errno == EACCES, "mq_open: %d", errno);
        return;
    }
    unsigned prio = 0;
    char buf[16];
    CHECK(mq_send(mq, "hi", 3, 9) == 0 && mq_receive(mq, buf, sizeof buf, &prio) == 3 && prio == 9, "mq");
    CHECK(mq_getattr(mq, &attr) == 0 && attr.mq_maxmsg == 3 && mq_close(mq) == 0 && mq_unlink(name) == 0, "mq attributes");
}

static void processes(void)
{
    siginfo_t info = {0};
    struct rusage ru;
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(7);
    CHECK(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0 && info.si_pid == child && info.si_status == 7 && info.si_code == CLD_EXITED, "waitid");
    CHECK(wait4(child, &status, 0, &ru) == child && WEXITSTATUS(status) == 7, "wait4");
    CHECK(getppid() > 0 && getpgid(0) == getpgrp() && getsid(0) > 0, "groups");
    child = fork();
    if (child == 0) {
        if (setsid() != getpid())
            _exit(1);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0, "setsid");
    gid_t groups[64];
    CHECK(getgroups(0, NULL) >= 0 && getgroups(64, groups) >= 0, "getgroups");
    uid_t r, e, s;
    CHECK(getresuid(&r, &e, &s) == 0 && r == getuid() && e == geteuid(), "getresuid");
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    CHECK(fd >= 0 && syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == 0, "pidfd");
    close(fd);
    CHECK_FAILS(kill(-12345678, 0), ESRCH);
    umask(027);
    CHECK(umask(022) == 027, "umask");
}

/* What btv refuses and a host may allow. */
__attribute__((unused)) static void refused(void)
{
    char page[4096];
    CHECK_FAILS(syscall(SYS_bpf, 0, page, 64), EPERM);
    CHECK_FAILS(syscall(SYS_rseq, page, 32, 0, 0), ENOSYS);
    CHECK_FAILS(syscall(SYS_pkey_alloc, 0, 0), ENOSYS);
    CHECK_FAILS(syscall(400), ENOSYS); /* no call has this number on 64-bit systems */
    CHECK_FAILS(syscall(1UL << 40), ENOSYS);
}

int main(void)
{
    system_names();
    limits();
    clocks();
    objects();
    processes();
#ifdef __riscv
    refused();
#endif
    return check_done();
}

/*
 * Processes made by clone(2) with an exit signal of their own, which fork(3) of a C library cannot make, while other threads map code, and
 * start and end threads: no lock that one of them held in btv, or in the C library below it, may be left in the child.
 * modes: default hot flush alloc
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FORKS = 200 };

static _Atomic int stop, started;

/* li a0, n; ret */
static int run_code(unsigned *p, unsigned n)
{
    mprotect(p, 4096, PROT_READ | PROT_WRITE);
    p[0] = n << 20 | 0x513;
    p[1] = 0x8067;
    mprotect(p, 4096, PROT_READ | PROT_EXEC);
    return ((int (*)(void))p)();
}

static unsigned *map_page(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void *mapper(void *arg)
{
    long bad = 0;
    (void)arg;
    for (unsigned n = 1; !stop; n = n % 1000 + 1) {
        unsigned *p = map_page();
        bad += run_code(p, n) != (int)n;
        munmap(p, 4096);
    }
    return (void *)bad;
}

static void *nothing(void *arg)
{
    return arg;
}

static void *starter(void *arg)
{
    (void)arg;
    while (!stop) {
        pthread_t t;
        if (!pthread_create(&t, NULL, nothing, NULL))
            pthread_join(t, NULL);
    }
    return NULL;
}

static int newborn(void *arg)
{
    (void)arg;
    started = 1;
    syscall(SYS_exit, 0);
    return 0;
}

/* What needs memory and a thread of the host's, without the guest's own C library, whose locks nobody has seen to. */
static void child(void)
{
    static char stack[16384] __attribute__((aligned(16)));
    syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL); /* does not outlive a parent that gave up */
    started = 0;
    if (clone(newborn, stack + sizeof stack, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, NULL) <= 0)
        syscall(SYS_exit_group, 1);
    while (!started)
        syscall(SYS_sched_yield);
    syscall(SYS_exit_group, run_code(map_page(), 7));
}

int main(void)
{
    pthread_t id[3];
    long bad = 0;
    alarm(170); /* instead of hanging */
    signal(SIGUSR1, SIG_IGN);
    pthread_create(&id[0], NULL, mapper, NULL);
    pthread_create(&id[1], NULL, starter, NULL);
    pthread_create(&id[2], NULL, starter, NULL);
    for (int i = 0; i < FORKS; i++) {
        int status;
        pid_t pid = (pid_t)syscall(SYS_clone, SIGUSR1, 0, NULL, NULL, NULL);
        if (!pid)
            child();
        if (pid < 0 || waitpid(pid, &status, __WALL) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 7)
            bad++;
    }
    stop = 1;
    for (int i = 0; i < 3; i++) {
        void *r;
        pthread_join(id[i], &r);
        bad += (long)r;
    }
    printf("%d passed, %d failed\n", bad == 0, bad != 0);
    return bad != 0;
}

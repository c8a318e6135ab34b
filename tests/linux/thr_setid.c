/*
 * Guest test: the signals that a guest's C library keeps for itself.  setuid(2) and its like reach every thread with
 * signal 33, pthread_cancel uses 32; the host's C library uses the same numbers.
 */
#include "../check.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4 };
static sem_t ready;

static void *wait_here(void *arg)
{
    sem_post(&ready);
    for (;;)
        pause();
    return arg;
}

static void die_by_33(void)
{
    const unsigned long none[4] = {0};
    syscall(SYS_rt_sigaction, 33, none, NULL, 8);
    syscall(SYS_tgkill, getpid(), gettid(), 33);
    _exit(1);
}

int main(void)
{
    pthread_t t[THREADS];
    void *result;
    sem_init(&ready, 0, 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&t[i], NULL, wait_here, NULL) == 0, "thread %d", i);
    for (int i = 0; i < THREADS; i++)
        sem_wait(&ready);
    for (int i = 0; i < 20; i++) {
        CHECK(setgid(getgid()) == 0, "setgid in %d threads", THREADS + 1);
        CHECK(setuid(getuid()) == 0, "setuid in %d threads", THREADS + 1);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_cancel(t[i]) == 0, "cancel %d", i);
        CHECK(pthread_join(t[i], &result) == 0 && result == PTHREAD_CANCELED, "join %d", i);
    }
    int status = 0;
    pid_t pid = fork();
    if (!pid)
        die_by_33();
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == 33, "default action of 33: %x", status);
    return check_done();
}

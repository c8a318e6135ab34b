/*
 * Guest test: a signal to the process that a thread has taken is handled although the thread ends at that very moment.
 */
#include "../check.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIGNALS 20000

static _Atomic int handled;

static void on_signal(int sig)
{
    (void)sig;
    handled++;
}

/* The only threads that do not block the signal. */
static void *short_lived(void *arg)
{
    pthread_sigmask(SIG_UNBLOCK, arg, NULL);
    syscall(SYS_exit, 0);
    return NULL;
}

/* Ends with the process it sends to: the number may soon be another's, whom the signal would end. */
static void send(pid_t to)
{
    const union sigval none = {0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < SIGNALS; i++) {
        while (getppid() == to && sigqueue(to, SIGRTMIN, none))
            usleep(100);
        if (i % 4 == 0)
            usleep(20);
    }
    _exit(0);
}

int main(void)
{
    const struct sigaction sa = {.sa_handler = on_signal};
    sigset_t set;
    int status;
    sigaction(SIGRTMIN, &sa, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    pid_t me = getpid(), pid = fork();
    if (!pid)
        send(me);
    while (waitpid(pid, &status, WNOHANG) == 0) {
        pthread_t t;
        if (!pthread_create(&t, NULL, short_lived, &set))
            pthread_join(t, NULL);
    }
    sigprocmask(SIG_UNBLOCK, &set, NULL); /* what is left */
    CHECK(handled == SIGNALS, "%d of %d", handled, SIGNALS);
    return check_done();
}

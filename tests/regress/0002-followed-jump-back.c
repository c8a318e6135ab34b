/*
 * A loop whose only backward edge is an unconditional jump that translations follow: a signal must still arrive.
 * Two blocks jump to each other over forward branches; the jump back lies inside one of them.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>

static volatile long flag;

static void on_alarm(int sig)
{
    (void)sig;
    flag = 1;
}

int main(void)
{
    struct itimerval t = {{0, 0}, {0, 50000}};
    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &t, NULL);
    __asm__ volatile("1: ld t0, (%0)\n"
                     "   beqz t0, 2f\n"
                     "   j 4f\n"
                     "2: beqz t0, 3f\n"
                     "   nop\n"
                     "   j 4f\n"
                     "3: j 1b\n"
                     "4:\n"
                     :
                     : "r"(&flag)
                     : "t0", "memory");
    printf("1 passed, 0 failed\n");
    return 0;
}

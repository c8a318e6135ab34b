/*
 * Guest test: a timer signal every 50 us while counted loops, floating-point sums, atomics and system calls run; none of
 * them may notice.  Handlers use the stack, integer and floating-point registers and fcsr.
 */
#include "../check.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int ticks;
static volatile double scratch;

static void tick(int sig)
{
    (void)sig;
    double x = ticks;
    for (int i = 0; i < 10; i++)
        x = x * 1.5 + 0.1;
    scratch = x;
    ticks++;
}

static void timer(int us)
{
    struct itimerval it = {{0, us}, {0, us}};
    setitimer(ITIMER_REAL, &it, NULL);
}

static uint64_t counted(uint64_t n)
{
    uint64_t a = 1, b = 0;
    for (uint64_t i = 0; i < n; i++) {
        a = a * 6364136223846793005u + 1442695040888963407u;
        b ^= a >> 7;
    }
    return b;
}

static double summed(int n)
{
    double s = 0;
    for (int i = 1; i <= n; i++)
        s += 1.0 / i;
    return s;
}

static _Atomic uint64_t cell;

int main(void)
{
    struct sigaction sa = {.sa_handler = tick, .sa_flags = SA_RESTART};
    const uint64_t n = 20000;
    uint64_t expect = counted(n);
    double sum = summed(5000);
    sigaction(SIGALRM, &sa, NULL);
    timer(50);
    unsigned rounds = 0;
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    uint64_t adds = 0;
    do {
        CHECK(counted(n) == expect, "integer loop");
        double s = summed(5000);
        CHECK(!memcmp(&s, &sum, sizeof s), "floating-point loop: %a, not %a", s, sum);
        for (int i = 0; i < 2000; i++, adds++)
            atomic_fetch_add(&cell, 1);
        for (int i = 0; i < 50; i++)
            getppid();
        rounds++;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < 1500);
    CHECK(cell == adds, "atomics");

    /* A pipe under the storm: every byte arrives once. */
    int fd[2];
    unsigned char byte, count = 0;
    CHECK(pipe(fd) == 0, "pipe");
    if (!fork()) {
        for (int i = 0; i < 20000; i++) {
            byte = (unsigned char)i;
            if (write(fd[1], &byte, 1) != 1)
                _exit(1);
        }
        _exit(0);
    }
    close(fd[1]);
    int got = 0, wrong = 0;
    for (ssize_t r; (r = read(fd[0], &byte, 1)) > 0; got++)
        wrong += byte != count++;
    timer(0);
    CHECK(got == 20000 && !wrong, "%d bytes, %d wrong", got, wrong);
    CHECK(ticks > 500, "%d ticks", ticks);
    CHECK(rounds > 0, "no rounds");
    return check_done();
}

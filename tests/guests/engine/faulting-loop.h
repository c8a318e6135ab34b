/*
 * For loops in assembly that load from an address without memory once in 256 rounds, under timer signals: callee.c, guess.c.  In round s1, with s3 = words, they
 * load `words[s1 & 63]` to a0 at fault_at, through a1 = a2 - 1; where the low byte of s1 is 77, a1 is BAD, and the handler puts s1 in a0 instead and goes on.
 */
#ifndef BTV_TESTS_FAULTING_LOOP_H
#define BTV_TESTS_FAULTING_LOOP_H

#include "check.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>
#include <ucontext.h>

enum { RUNS = 24, ROUNDS = 6000, BAD = 16 /* an address without memory */ };

extern char fault_at[], fault_back[]; /* and where its function returns to */

/* What else must be right in these registers, pc and x1 to x31. */
static bool others_right(const uint64_t *x);

static uint64_t words[64];
static volatile sig_atomic_t faults, wrong;

static uint64_t loaded(uint64_t i)
{
    return (i & 255) == 77 ? i : words[i & 63];
}

static void on_tick(int sig)
{
    (void)sig;
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
    uint64_t *x = (uint64_t *)((ucontext_t *)context)->uc_mcontext.__gregs;
    (void)sig;
    faults++;
    wrong += x[0] != (uintptr_t)fault_at || x[1] != (uintptr_t)fault_back || (uintptr_t)info->si_addr != BAD || x[11] != BAD || x[12] != BAD + 1 ||
             (x[9] & 255) != 77 || x[19] != (uintptr_t)words || !others_right(x);
    x[0] += 4;
    x[10] = x[9]; /* s1, the round */
}

/* Before the first run. */
static void expect_faults(void)
{
    struct itimerval often = {{0, 700}, {0, 700}};
    struct sigaction tick = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
    struct sigaction fault = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    unsigned long long seed = 3;
    for (unsigned k = 0; k < 64; k++)
        words[k] = check_random(&seed);
    sigaction(SIGALRM, &tick, NULL);
    sigaction(SIGSEGV, &fault, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
}

/* After RUNS of ROUNDS. */
static void check_faults(void)
{
    CHECK(faults == RUNS * (ROUNDS / 256 + (ROUNDS % 256 > 77)), "%d faults", (int)faults);
    CHECK(!wrong, "%d of them with wrong registers", (int)wrong);
}

#endif

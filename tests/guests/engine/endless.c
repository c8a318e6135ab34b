/*
 * Loops that only a signal ends: whatever jumps, calls and returns they consist of, code has to look for it somewhere.
 */
#include "check.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>

typedef void loop_fn(void);
loop_fn one, two_ways, back_inside, back_and_forth, calls, calls_behind, calls_before, returns, indirect, nested;

/* a1 and a2 are equal, which nobody can know. */
__asm__(".text\n.option push\n.option norelax\n.balign 4\n"
        "one: 1: j 1b\n"
        "two_ways: 1: addi a0, a0, 1\n beqz a0, 2f\n j 1b\n 2: addi a0, a0, 2\n j 1b\n"
        /* entered at its higher end: the way back is inside a block, all others go forward */
        "back_inside: j 3f\n 1: addi a0, a0, 1\n beq a1, a2, 3f\n unimp\n 3: addi a0, a0, 2\n j 1b\n"
        "back_and_forth: j 4f\n 1: addi a0, a0, 1\n beq a1, a2, 3f\n unimp\n 2: addi a0, a0, 1\n beq a1, a2, 4f\n unimp\n"
        "3: addi a0, a0, 1\n j 2b\n 4: addi a0, a0, 1\n j 1b\n"
        "calls: 1: jal ra, 2f\n j 1b\n 2: ret\n"
        /* the call goes forward, and what it comes back to lies before the start of the block that calls */
        "calls_behind: j 2f\n 1: jal ra, 3f\n beq a1, a2, 2f\n unimp\n 2: addi a0, a0, 1\n j 1b\n 3: addi a0, a0, 1\n ret\n"
        "calls_before: j 1f\n 3: addi a0, a0, 1\n ret\n 1: jal ra, 3b\n beq a1, a2, 2f\n unimp\n 2: j 1b\n"
        /* a return that was not called, to the loop itself */
        "returns: la ra, 1f\n 1: addi a0, a0, 1\n ret\n"
        "indirect: la a5, 1f\n 1: addi a0, a0, 1\n jr a5\n"
        "nested: j 5f\n 1: jal ra, 4f\n jal ra, 4f\n beq a1, a2, 5f\n unimp\n 4: mv a7, ra\n jal ra, 6f\n mv ra, a7\n ret\n 5: j 1b\n 6: ret\n"
        ".option pop\n");

static sigjmp_buf out;
static volatile sig_atomic_t came;

static void leave(int sig)
{
    (void)sig;
    came++;
    siglongjmp(out, 1);
}

static void run(loop_fn *loop)
{
    register long a1 __asm__("a1") = 1, a2 __asm__("a2") = 1, a0 __asm__("a0") = 0;
    __asm__ volatile("jalr ra, %[loop]" : "+r"(a0), "+r"(a1), "+r"(a2) : [loop] "r"(loop) : "ra", "a3", "a4", "a5", "a6", "a7", "t0", "t1", "t2", "memory");
}

int main(void)
{
    static loop_fn *const loops[] = {one, two_ways, back_inside, back_and_forth, calls, calls_behind, calls_before, returns, indirect, nested};
    enum { TIMES = 5 };
    signal(SIGALRM, leave);
    for (volatile unsigned k = 0; k < sizeof loops / sizeof *loops; k++)
        for (volatile int i = 0; i < TIMES; i++) {
            int before = came;
            if (!sigsetjmp(out, 1)) {
                setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = 5000}, NULL);
                run(loops[k]);
            }
            CHECK(came == before + 1, "loop %u, time %d: %d signals", k, i, came - before);
        }
    return check_done();
}

/*
 * A child that shares its parent's memory but not its descriptors translates code and flushes the cache; then the parent
 * goes on.  Code memory must belong to the memory, not to a descriptor: those that the child opened end with it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORK(n)                                                     \
    __attribute__((noinline)) static unsigned work##n(unsigned x)   \
    {                                                               \
        for (unsigned i = 0; i < 40; i++)                           \
            x = (x ^ i) * (2 * n + 3) + (x >> (n % 13 + 1));        \
        return x;                                                   \
    }
#define ALL(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11) F(12) F(13) F(14) F(15)
ALL(WORK)
#define NAME(n) work##n,
static unsigned (*const work[])(unsigned) = {ALL(NAME)};

static unsigned run(int from, int to)
{
    unsigned x = 1;
    for (int i = from; i < to; i++)
        x = work[i](x);
    return x;
}

/* The child runs [a, b), the parent then everything; true: both saw the same. */
static int round_trip(int a, int b)
{
    volatile unsigned seen = 0;
    pid_t pid = vfork();
    if (!pid) {
        seen = run(a, b);
        _exit(0);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    return status == 0 && seen == run(a, b) && run(0, 16) == run(0, 16);
}

int main(void)
{
    int bad = 0;
    for (int i = 0; i < 16; i++)
        bad += !round_trip(i, 16);
    pid_t pid = fork(); /* a child of fork has no code memory of its own yet: here its own child makes it */
    if (!pid) {
        int n = 0;
        for (int i = 0; i < 16; i++)
            n += !round_trip(0, i + 1);
        _exit(n);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    if (bad || status)
        printf("%d rounds went wrong, child %#x\n", bad, status);
    return bad || status;
}

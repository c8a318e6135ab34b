/*
 * Parent and child of a fork share the code that was translated before it.  Jumps in it that one of them makes, to blocks that it alone
 * has, are not to be taken by the other; and code that one of them changes goes on as it was in the other.
 * modes: default hot flush alloc yield
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 20000, WAYS = 8 };

#define WAY(n)                                                                                                       \
    static __attribute__((noinline)) unsigned long way##n(unsigned long x)                                           \
    {                                                                                                                \
        __asm__ volatile("" : "+r"(x));                                                                              \
        return x * 3 + (n);                                                                                          \
    }
WAY(0) WAY(1) WAY(2) WAY(3) WAY(4) WAY(5) WAY(6) WAY(7)

/* Several pages of translated code, other code for each side: what is translated later then lies at other places there. */
#define PAD(n)                                                                                                       \
    static __attribute__((noinline)) unsigned long pad##n(unsigned long x)                                           \
    {                                                                                                                \
        for (int i = 0; i < 16; i++)                                                                                 \
            x = x >> 7 ? x * (n) ^ x << (n) % 7 ^ x >> 9 : x + (n);                                                  \
        return x;                                                                                                    \
    }
#define PAD8(n) PAD(n##0) PAD(n##1) PAD(n##2) PAD(n##3) PAD(n##4) PAD(n##5) PAD(n##6) PAD(n##7)
#define PADS(n) PAD8(n##1) PAD8(n##2) PAD8(n##3) PAD8(n##4) PAD8(n##5) PAD8(n##6) PAD8(n##7) PAD8(n##8)
#define CALL8(n) x += pad##n##0(x), x += pad##n##1(x), x += pad##n##2(x), x += pad##n##3(x), x += pad##n##4(x), x += pad##n##5(x), x += pad##n##6(x), x += pad##n##7(x);
#define CALLS(n) CALL8(n##1) CALL8(n##2) CALL8(n##3) CALL8(n##4) CALL8(n##5) CALL8(n##6) CALL8(n##7) CALL8(n##8)
PADS(1)
PADS(2)

static volatile unsigned long sink;

static void pad_parent(unsigned long x)
{
    for (int i = 0; i < 20; i++) {
        CALLS(1)
    }
    sink = x;
}

static void pad_child(unsigned long x)
{
    for (int i = 0; i < 30; i++) {
        CALL8(21) CALL8(22) CALL8(23) CALL8(24) CALL8(25)
    }
    sink = x;
}

/* Direct calls and branches only, not a table of jumps, so that what is reached of it becomes linked blocks. */
#define TRY(n)                                                                                                       \
    __asm__ volatile("" : "+r"(way));                                                                                \
    if (way == (n))                                                                                                  \
        return way##n(x);
static __attribute__((noinline)) unsigned long one(unsigned long x, unsigned way)
{
    TRY(0) TRY(1) TRY(2) TRY(3) TRY(4) TRY(5) TRY(6)
    return way7(x);
}

static int run(unsigned way)
{
    unsigned long x = 1, want = 1;
    for (int i = 0; i < ROUNDS; i++) {
        x = one(x, way);
        want = want * 3 + way;
    }
    if (x != want)
        printf("way %u: %lx, not %lx\n", way, x, want);
    return x == want;
}

/* li a0, n; ret */
static void put_code(unsigned *p, unsigned n)
{
    p[0] = n << 20 | 0x513;
    p[1] = 0x8067;
    __builtin___clear_cache((char *)p, (char *)(p + 2));
}

static int made(int (*f)(void), int want)
{
    int good = 1;
    for (int i = 0; i < ROUNDS; i++)
        good &= f() == want;
    if (!good)
        printf("code made: not %d\n", want);
    return good;
}

int main(void)
{
    unsigned *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int (*f)(void) = (int (*)(void))(void *)code;
    int there[2], back[2], good = 1;
    char c = 0;
    signal(SIGPIPE, SIG_IGN);
    put_code(code, 1);
    good &= made(f, 1) & run(0) & run(1);
    for (unsigned way = 2; way + 2 < WAYS; way += 2) {
        if (pipe(there) || pipe(back))
            return 1;
        pid_t pid = fork();
        if (pid == 0) {
            close(there[1]), close(back[0]);
            pad_child(way);
            good = run(way) & run(1);          /* new in the child */
            good &= write(back[1], &c, 1) == 1 && read(there[0], &c, 1) == 1;
            good &= run(way + 1) & run(way);   /* the parent has had both */
            put_code(code, way);
            good &= made(f, (int)way) & run(0);
            good &= write(back[1], &c, 1) == 1 && read(there[0], &c, 1) == 1;
            good &= made(f, (int)way) & run(7) & run(way + 1);
            _exit(!good);
        }
        int status;
        close(there[0]), close(back[1]);
        good &= read(back[0], &c, 1) == 1;
        pad_parent(way);
        good &= run(way + 1) & run(way) & run(0);
        good &= write(there[1], &c, 1) == 1 && read(back[0], &c, 1) == 1;
        good &= made(f, (int)way - 1);
        put_code(code, way + 1);
        good &= made(f, (int)way + 1) & run(6) & run(way);
        good &= write(there[1], &c, 1) == 1 && waitpid(pid, &status, 0) == pid && status == 0;
        close(there[1]), close(back[0]);
    }
    puts(good ? "ok" : "wrong");
    return !good;
}

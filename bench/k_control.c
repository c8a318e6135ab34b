/*
 * Calls, returns, jumps and branches.
 */
#include "kernels.h"

#include <setjmp.h>
#include <stdlib.h>

/* Calls and returns. */
__attribute__((noinline)) static uint64_t fib_of(unsigned n)
{
    return n < 2 ? n : fib_of(n - 1) + fib_of(n - 2);
}

uint64_t fib(unsigned rounds)
{
    return fib_of(rounds);
}

/* Functions of a few instructions, one with branches. */
__attribute__((noinline)) static uint32_t turn(uint32_t x, unsigned k)
{
    return x << k | x >> (32 - k);
}

__attribute__((noinline)) static uint32_t mix(uint32_t x)
{
    x = (x ^ x >> 15) * 0x2c1b3c6du;
    return x ^ x >> 12;
}

__attribute__((noinline)) static unsigned class_of(unsigned c)
{
    if (c >= 'a' && c <= 'z')
        return 1;
    return c >= '0' && c <= '9' ? 2 : c == ' ' ? 3 : 0;
}

uint64_t leaves(unsigned rounds)
{
    uint32_t h = 1, count[4] = {0};
    for (unsigned i = 0; i < rounds; i++) {
        h = turn(h, 7 + (i & 7)) + mix(i);
        count[class_of(h & 127)]++;
    }
    return h ^ (uint64_t)(count[1] ^ count[2] << 8 ^ count[3] << 16) << 32;
}

__attribute__((noinline)) static uint64_t descend(unsigned n)
{
    uint64_t below = n;
    KEEP(below); /* no loop of it */
    return n ? descend(n - 1) + (below & 3) : 0;
}

uint64_t deep(unsigned rounds)
{
    uint64_t sum = 0;
    while (rounds--)
        sum += descend(300);
    return sum;
}

#define STEP(name, e) \
    __attribute__((noinline)) static uint64_t name(uint64_t x) { return e; }
STEP(step0, x + 1)
STEP(step1, x ^ 5)
STEP(step2, x * 3)
STEP(step3, x - 9)
STEP(step4, x >> 1 | x << 63)
STEP(step5, ~x)
STEP(step6, x << 2 | 1)
STEP(step7, x & ~(uint64_t)7)
static uint64_t (*const steps[8])(uint64_t) = {step0, step1, step2, step3, step4, step5, step6, step7};

uint64_t indirect_one(unsigned rounds)
{
    uint64_t (*f)(uint64_t) = step4;
    uint64_t x = 1;
    while (rounds--) {
        KEEP(f);
        x = f(x) + rounds;
    }
    return x;
}

uint64_t indirect_any(unsigned rounds)
{
    static uint8_t order[1024];
    uint64_t x = 1;
    for (int i = 0; i < 1024; i++)
        order[i] = rnd() & 7;
    while (rounds--)
        x = steps[order[rounds & 1023]](x) + rounds;
    return x;
}

/* The C library's sort: indirect calls, unpredictable branches. */
static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

uint64_t sort(unsigned rounds)
{
    enum { N = 20000 };
    static uint32_t v[N];
    uint64_t sum = 0;

    while (rounds--) {
        for (int i = 0; i < N; i++)
            v[i] = rnd();
        qsort(v, N, sizeof *v, by_value);
        sum = sum * 31 + v[N / 3];
    }
    return sum;
}

uint64_t branches(unsigned rounds)
{
    uint64_t x = 88172645463325252u, sum = 0;
    while (rounds--) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        if (x & 1)
            sum += x;
        else
            sum ^= rounds;
        if (x & 4)
            sum -= 3;
        KEEP(sum);
    }
    return sum;
}

/* An interpreter: one indirect jump an operation. */
uint64_t bytecode(unsigned rounds)
{
    enum { LOAD, ADD, MUL, XOR, SHIFT, DEC, LOOP, END };
    static const uint8_t program[] = {LOAD, 7, ADD, 3, MUL, 5, XOR, 9, SHIFT, 1, ADD, 11, DEC, 0, LOOP, 2, END, 0};
    uint64_t acc = 0;
    uint64_t count = (uint64_t)rounds * 1000;

    for (unsigned pc = 0;;) {
        unsigned op = program[pc], arg = program[pc + 1];
        pc += 2;
        switch (op) {
        case LOAD: acc = arg; break;
        case ADD: acc += arg; break;
        case MUL: acc *= arg; break;
        case XOR: acc ^= acc >> arg; break;
        case SHIFT: acc = acc << arg | acc >> (64 - arg); break;
        case DEC: count--; break;
        case LOOP: pc = count ? arg : pc; break;
        default: return acc;
        }
    }
}

uint64_t jumpback(unsigned rounds)
{
    jmp_buf here;
    volatile unsigned left = rounds;
    volatile uint64_t sum = 0;
    int n = setjmp(here);
    sum += (unsigned)n;
    if (left--)
        longjmp(here, (int)(left & 7) + 1);
    return sum;
}

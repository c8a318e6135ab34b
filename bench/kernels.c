/*
 * Small kernels for timing: each does one kind of work for a number of rounds and prints a checksum that must be the same
 * on every host.
 *
 *   kernels NAME ROUNDS        kernels list     prints "name rounds" lines, 0.1 to 0.3 s each
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t random_state = 1;

static uint32_t rnd(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

/* Byte stores with growing strides. */
static uint64_t sieve(unsigned rounds)
{
    enum { N = 1 << 18 };
    static uint8_t composite[N];
    uint64_t primes = 0;

    while (rounds--) {
        memset(composite, 0, sizeof composite);
        for (unsigned i = 2; i < N; i++) {
            primes += !composite[i];
            for (unsigned j = 2 * i; !composite[i] && j < N; j += i)
                composite[j] = 1;
        }
    }
    return primes;
}

/* Double-precision multiply and add over three matrices. */
static uint64_t matmul(unsigned rounds)
{
    enum { N = 64 };
    static double a[N][N], b[N][N], c[N][N];
    double sum = 0;

    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            a[i][j] = (i * j) % 7, b[i][j] = (i + j) % 5;
    while (rounds--) {
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                double s = 0;
                for (int k = 0; k < N; k++)
                    s += a[i][k] * b[k][j];
                c[i][j] = s;
            }
        sum += c[rounds % N][rounds % 13];
        a[rounds % N][0] += 1;
    }
    return (uint64_t)sum;
}

/* Calls and returns. */
__attribute__((noinline)) static uint64_t fib_of(unsigned n)
{
    return n < 2 ? n : fib_of(n - 1) + fib_of(n - 2);
}

static uint64_t fib(unsigned rounds)
{
    return fib_of(rounds);
}

/* Shifts, table look-ups, dependent chain. */
static uint64_t crc(unsigned rounds)
{
    static uint32_t table[256];
    static uint8_t data[65536];
    uint32_t c = ~0u;

    for (uint32_t i = 0; i < 256; i++) {
        uint32_t v = i;
        for (int k = 0; k < 8; k++)
            v = v >> 1 ^ (v & 1 ? 0xedb88320u : 0);
        table[i] = v;
    }
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)rnd();
    while (rounds--)
        for (size_t i = 0; i < sizeof data; i++)
            c = c >> 8 ^ table[(c ^ data[i]) & 255];
    return c;
}

/* The C library's sort: indirect calls, unpredictable branches. */
static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t sort(unsigned rounds)
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

/* The C library's strings and memory. */
static uint64_t strings(unsigned rounds)
{
    static char a[4096], b[4096];
    uint64_t sum = 0;

    for (size_t i = 0; i + 1 < sizeof a; i++)
        a[i] = (char)('a' + i % 23);
    while (rounds--) {
        size_t n = 16 + rounds * 37 % 2000;
        memcpy(b, a, n);
        b[n] = 0;
        sum += strlen(b) + (unsigned)(memcmp(a, b, n) == 0) + (size_t)(strchr(b, 'n') - b);
        sum += (unsigned)(strstr(a, "wab") == NULL) + (unsigned)strncmp(a + 23, b, n - 16);
        memset(b, (int)(rounds & 63), n);
    }
    return sum;
}

/* Square roots and divisions in double precision. */
static uint64_t nbody(unsigned rounds)
{
    enum { N = 5 };
    double x[N][3], v[N][3] = {{0}}, m[N];

    for (int i = 0; i < N; i++) {
        m[i] = 1.0 / (i + 1);
        for (int k = 0; k < 3; k++)
            x[i][k] = (i * 7 + k * 3) % 11 - 5.0;
    }
    while (rounds--) {
        for (int i = 0; i < N; i++)
            for (int j = i + 1; j < N; j++) {
                double d[3], r = 0.1;
                for (int k = 0; k < 3; k++) {
                    d[k] = x[i][k] - x[j][k];
                    r += d[k] * d[k];
                }
                r = 0.001 / (r * sqrt(r));
                for (int k = 0; k < 3; k++) {
                    v[i][k] -= d[k] * m[j] * r;
                    v[j][k] += d[k] * m[i] * r;
                }
            }
        for (int i = 0; i < N; i++)
            for (int k = 0; k < 3; k++)
                x[i][k] += 0.001 * v[i][k];
    }
    return (uint64_t)(int64_t)(x[0][0] * 1e12);
}

/* An interpreter: one indirect jump an operation. */
static uint64_t bytecode(unsigned rounds)
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

static const struct {
    const char *name;
    unsigned rounds;
    uint64_t (*run)(unsigned rounds);
} kernels[] = {
    {"sieve", 80, sieve},     {"matmul", 700, matmul},    {"fib", 36, fib},          {"crc", 500, crc},
    {"sort", 50, sort},       {"strings", 300000, strings}, {"nbody", 900000, nbody}, {"bytecode", 16000, bytecode},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        if (argc == 2 && !strcmp(argv[1], "list"))
            printf("%s %u\n", kernels[i].name, kernels[i].rounds);
        else if (argc == 3 && !strcmp(argv[1], kernels[i].name))
            printf("%s %llu\n", argv[1], (unsigned long long)kernels[i].run((unsigned)strtoul(argv[2], NULL, 0)));
    }
    return argc < 2;
}

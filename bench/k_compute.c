/*
 * Integer and floating-point work.
 */
#include "kernels.h"

#include <math.h>
#include <string.h>

/* Byte stores with growing strides. */
uint64_t sieve(unsigned rounds)
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

/* Shifts, table look-ups, dependent chain. */
uint64_t crc(unsigned rounds)
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

uint64_t mix64(unsigned rounds)
{
    uint64_t a = 1, b = 2, c = 3;
    while (rounds--) {
        a += (b ^ c << 5) + rounds;
        b = (b >> 9 | b << 55) ^ a;
        c = (c & ~a) - b;
        KEEP(c);
    }
    return a ^ b ^ c;
}

uint64_t mix32(unsigned rounds)
{
    uint32_t a = 1, b = 2, c = 3;
    int64_t wide = 0;
    while (rounds--) {
        a += (b ^ c << 5) + rounds;
        b = (b >> 9 | b << 23) ^ a;
        c = (c & ~a) - b;
        wide += (int32_t)c;
        KEEP(c);
    }
    return (uint64_t)wide ^ a ^ b;
}

uint64_t divide(unsigned rounds)
{
    uint64_t x = 88172645463325252u, sum = 0;
    for (unsigned i = 1; i <= rounds; i++) {
        x = (uint64_t)((unsigned __int128)(x | 1) * 0x9e3779b97f4a7c15u >> 32);
        sum += x / (i | 3) + (uint64_t)((int64_t)x % (int64_t)(i + 6)) + (uint32_t)x / (i | 1);
    }
    return sum;
}

uint64_t bits(unsigned rounds)
{
    uint64_t x = 1, sum = 0;
    for (unsigned i = 1; i <= rounds; i++) {
        x = __builtin_bswap64(x + i) ^ x >> 3;
        sum += (unsigned)__builtin_clzll(x | 1) + (unsigned)__builtin_ctzll(x | 1ull << 60) + (unsigned)__builtin_popcountll(x);
        x = x << 13 | x >> 51;
    }
    return sum ^ x;
}

/* Double-precision multiply and add over three matrices. */
uint64_t matmul(unsigned rounds)
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

/* Square roots and divisions in double precision. */
uint64_t nbody(unsigned rounds)
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

uint64_t mandel(unsigned rounds)
{
    uint64_t sum = 0;
    while (rounds--)
        for (int py = 0; py < 48; py++)
            for (int px = 0; px < 64; px++) {
                double cx = px / 24.0 - 2, cy = py / 24.0 - 1 + rounds * 1e-6, x = 0, y = 0;
                int i = 0;
                for (; i < 200 && x * x + y * y < 4; i++) {
                    double t = x * x - y * y + cx;
                    y = 2 * x * y + cy;
                    x = t;
                }
                sum += (unsigned)i;
            }
    return sum;
}

uint64_t single(unsigned rounds)
{
    enum { N = 1024 };
    static float a[N];
    float x = 0, y = 1;
    for (int i = 0; i < N; i++)
        a[i] = (float)(i % 31) * 0.25f;
    while (rounds--)
        for (int i = 0; i < N; i++) {
            x = x * 0.5f + a[i];
            y += x - a[(i * 7) & (N - 1)];
        }
    return (uint64_t)(int64_t)(x * 1024) + (uint64_t)(int64_t)y;
}

uint64_t fpcompare(unsigned rounds)
{
    enum { N = 1024 };
    static double a[N], b[N];
    uint64_t sum = 0;
    for (int i = 0; i < N; i++) {
        a[i] = rnd() % 16;
        b[i] = i % 64 ? rnd() % 16 : NAN;
    }
    while (rounds--)
        for (int i = 0; i < N; i++) {
            if (a[i] < b[i])
                sum += 1;
            else if (a[i] == b[i])
                sum += 5;
            else if (!(a[i] >= b[i]))
                sum += 11;
        }
    return sum;
}

uint64_t fpconvert(unsigned rounds)
{
    int64_t sum = 0;
    double d = 0;
    for (int i = 0; i < (int)rounds; i++) {
        float f = (float)(i & 4095) * 0.75f;
        d += (double)f + (double)((int64_t)i << 7);
        sum += (int64_t)d + (int32_t)f;
        KEEP(sum);
        d = d * 0.5;
    }
    return (uint64_t)sum;
}

uint64_t fpminmax(unsigned rounds)
{
    enum { N = 1024 };
    static double a[N], b[N];
    double sum = 0;
    for (int i = 0; i < N; i++) {
        a[i] = (int)(rnd() % 64) - 32;
        b[i] = i % 16 ? (int)(rnd() % 64) - 32 : -0.0;
    }
    while (rounds--)
        for (int i = 0; i < N; i++)
            sum += fmin(a[i], b[i]) + fmax(b[i], 1.0);
    return (uint64_t)(int64_t)sum;
}

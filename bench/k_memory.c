/*
 * The C library's string functions, and memory as programs touch it.
 */
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

/* The C library's strings and memory. */
uint64_t strings(unsigned rounds)
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

uint64_t strlen_long(unsigned rounds)
{
    static char a[4104];
    uint64_t sum = 0;
    memset(a, 'x', 4100);
    while (rounds--) {
        const char *p = a + (rounds & 7);
        KEEP(p);
        sum += strlen(p);
    }
    return sum;
}

uint64_t strcmp_mid(unsigned rounds)
{
    static char a[256], b[256];
    uint64_t sum = 0;
    memset(a, 'x', 200);
    memset(b, 'x', 200);
    while (rounds--) {
        const char *p = a, *q = b;
        a[190] = (char)('w' + rounds % 3);
        KEEP(p);
        KEEP(q);
        int r = strcmp(p, q);
        sum += r < 0 ? 1 : r > 0 ? 3 : 7;
    }
    return sum;
}

uint64_t memchr_long(unsigned rounds)
{
    static char a[4104];
    uint64_t sum = 0;
    a[4099] = 1;
    while (rounds--) {
        const char *p = a + (rounds & 7);
        KEEP(p);
        sum += (uint64_t)((const char *)memchr(p, 1, 4100) - p);
    }
    return sum;
}

uint64_t memcpy_small(unsigned rounds)
{
    static char a[256], b[256];
    uint64_t sum = 0;
    for (int i = 0; i < 256; i++)
        a[i] = (char)i;
    while (rounds--) {
        size_t n = (rounds * 13 & 63) + 1;
        char *to = b, *from = a + (rounds & 31);
        KEEP(n);
        KEEP(to);
        KEEP(from);
        memcpy(to, from, n);
        sum += (unsigned char)to[n - 1];
    }
    return sum;
}

uint64_t memcpy_large(unsigned rounds)
{
    static char a[65536], b[65536];
    uint64_t sum = 0;
    memset(a, 3, sizeof a);
    while (rounds--) {
        char *to = b;
        KEEP(to);
        a[rounds & 65535] = (char)rounds;
        memcpy(to, a, sizeof a);
        sum += (unsigned char)to[(rounds * 7) & 65535];
    }
    return sum;
}

uint64_t chase(unsigned rounds)
{
    enum { N = 1 << 16 };
    static uint32_t next[N];
    uint32_t at = 0;
    for (uint32_t i = 0; i < N; i++)
        next[i] = i;
    for (uint32_t i = N - 1; i; i--) { /* one cycle through all */
        uint32_t j = rnd() % i, t = next[i];
        next[i] = next[j];
        next[j] = t;
    }
    while (rounds--)
        at = next[at];
    return at;
}

uint64_t unaligned(unsigned rounds)
{
    static unsigned char a[4104];
    uint64_t sum = 0, v;
    while (rounds--)
        for (int i = 0; i < 4096; i += 5) {
            memcpy(&v, a + i, 8);
            sum += v ^ rounds;
            memcpy(a + i, &sum, 8);
        }
    return sum;
}

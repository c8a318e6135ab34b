/*
 * The few helpers every C test uses: count checks, print failures, end with "N passed, N failed".
 */
#ifndef BTV_TESTS_CHECK_H
#define BTV_TESTS_CHECK_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned check_passed, check_failed;

/* One check; a failure prints the place and the formatted context, the first 20 in full. */
#define CHECK(cond, ...)                                            \
    do {                                                            \
        if (cond) {                                                 \
            check_passed++;                                         \
        } else if (++check_failed <= 20) {                          \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #cond); \
            fprintf(stderr, __VA_ARGS__);                           \
            fputc('\n', stderr);                                    \
        }                                                           \
    } while (0)

/* A call that must return -1 and set errno to err. */
#define CHECK_FAILS(call, err)                                                                                          \
    do {                                                                                                                \
        errno = 0;                                                                                                      \
        long failed_ = (long)(call);                                                                                    \
        CHECK(failed_ == -1 && errno == (err), "%s: result %ld, errno %d, not %d", #call, failed_, errno, (int)(err)); \
    } while (0)

/* The end of main(). */
static inline int check_done(void)
{
    printf("%u passed, %u failed\n", check_passed, check_failed);
    return check_failed ? 1 : 0;
}

/* A deterministic generator (splitmix64): tests print the seed they start from. */
static inline unsigned long long check_random(unsigned long long *state)
{
    unsigned long long z = (*state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

#endif

/*
 * A loop over more blocks than stay translated between two flushes.  While each was translated again every time it ran, the switch
 * cost a factor of thousands and this ran into the time limit; after the first second a thread must keep what it has, or interpret.
 * modes: default flush
 */
#include "check.h"

#include <stdint.h>

enum { ROUNDS = 150000 };

#define STEP(n) __attribute__((noinline)) static uint32_t step##n(uint32_t x) { return x % 3 ? x * 5 + n : x + 7 * n; }
#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

EACH(STEP)

int main(void)
{
    uint32_t x = 1;
    for (int i = 0; i < ROUNDS; i++) {
#define CALL(n) x = step##n(x);
        EACH(CALL)
    }
    CHECK(x == 1443543741, "%u", x);
    return check_done();
}

/*
 * A block that leaves to an instruction of its own, from which the way leads round a loop to what would have come next: --check=exec followed it
 * there, and reported a difference.
 * modes: default check
 */
#include "check.h"

int main(void)
{
    for (int k = 0; k < 100; k++) {
        long count = 0x90, above = 0;
        __asm__ volatile("1: blt %[limit], %[count], 2f\n"
                         "addi %[above], %[above], 1\n add %[above], %[above], zero\n add %[above], %[above], zero\n add %[above], %[above], zero\n"
                         "2: addiw %[count], %[count], -1\n"
                         "bnez %[count], 1b\n"
                         : [count] "+r"(count), [above] "+r"(above)
                         : [limit] "r"(0x7fl));
        CHECK(count == 0 && above == 0x7f, "%ld, %ld", count, above);
    }
    return check_done();
}

/*
 * Ways out of a block, before the code they lead to is translated: near and far, in code of any length in front of them, so that their
 * jumps come to lie in every way beside each other.  How far each leads is kept in two ways (run/record.c), and neither may be taken for
 * the other's.
 */
#include <stdio.h>

/* 1: by the far branch, which comes first; 2: by the near one; 3: on, backward seen from the start. */
#define VARIANT(n)        \
    ".balign 4\n"         \
    "1:\n"                \
    "  .rept " #n "\n"    \
    "  add a5, a5, a6\n"  \
    "  .endr\n"           \
    "  beqz a0, 3f\n"     \
    "  beq a0, a1, 2f\n"  \
    "  li a0, 3\n"        \
    "  ret\n"             \
    "side_exit_" #n ":\n" \
    "  j 1b\n"            \
    "2:\n"                \
    "  li a0, 2\n"        \
    "  ret\n"             \
    "  .skip 2040\n"      \
    "3:\n"                \
    "  li a0, 1\n"        \
    "  ret\n"             \
    "  .skip 60\n"

#define ALL(V) V(0) V(1) V(2) V(3) V(4) V(5) V(6) V(7) V(8) V(9) V(10) V(11) V(12) V(13) V(14) V(15)

__asm__(".text\n" ALL(VARIANT));

#define DECLARE(n) extern long side_exit_##n(long a, long b);
ALL(DECLARE)
#define ENTRY(n) side_exit_##n,
static long (*const variant[])(long a, long b) = {ALL(ENTRY)};

int main(void)
{
    int bad = 0;
    for (int n = 0; n < 16; n++)
        for (long k = 0; k < 100; k++)
            for (long a = 0; a < 3; a++)
                bad += variant[n](a, 1) != a + 1;
    printf("%d wrong\n", bad);
    return bad != 0;
}

/*
 * Small kernels for timing: each does one kind of work for a number of rounds and prints a checksum that must be the same
 * on every host.
 *
 *   kernels NAME ROUNDS
 *   kernels list [GROUP]    lines "NAME NAME ROUNDS" for `btv bench --list`
 *   kernels help            groups, names and what they stress
 *
 * Built from all .c files of this folder, with -ffp-contract=off so that checksums agree, and -pthread.
 */
#include "kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *group, *name, *stresses;
    unsigned rounds;
    uint64_t (*run)(unsigned rounds);
} kernels[] = {
#define KERNEL(group, name, n, stresses) {#group, #name, stresses, n, name},
#include "kernels.def"
#undef KERNEL
};
#define COUNT (sizeof kernels / sizeof *kernels)

static uint32_t random_state = 1;

uint32_t rnd(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "help")) {
        for (size_t i = 0; i < COUNT; i++)
            printf("%-8s %-13s %s\n", kernels[i].group, kernels[i].name, kernels[i].stresses);
        return 0;
    }
    if (argc > 1 && !strcmp(argv[1], "list")) {
        for (size_t i = 0; i < COUNT; i++)
            if (argc == 2 || !strcmp(argv[2], kernels[i].group))
                printf("%s %s %u\n", kernels[i].name, kernels[i].name, kernels[i].rounds);
        return 0;
    }
    for (size_t i = 0; argc == 3 && i < COUNT; i++)
        if (!strcmp(argv[1], kernels[i].name)) {
            printf("%s %llu\n", argv[1], (unsigned long long)kernels[i].run((unsigned)strtoul(argv[2], NULL, 0)));
            return 0;
        }
    fputs("usage: kernels NAME ROUNDS | list [GROUP] | help\n", stderr);
    return 2;
}

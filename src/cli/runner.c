/*
 * btv-run: `btv run` as a program of its own, small and static, for binfmt_misc and for running foreign programs by hand.
 */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return cmd_run(argc, argv);
}

#include <math.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    double s = 0;
    for (int i = 1; i < 1000; i++)
        s += sin(i) / i;
    printf("hello %d %s %.10f\n", argc, argv[argc - 1], s);
    return strlen(argv[0]) > 0 ? 0 : 1;
}

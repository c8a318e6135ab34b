/*
 * Main program of a fuzz target without a fuzzer: every file of the named folders goes through the target once, then each again
 * cut short and with bytes changed.  With clang, -fsanitize=fuzzer replaces this file.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VARIANTS = 200 };

static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = calloc(1, size ? size : 1); /* exact size: a sanitizer sees reads past the end */
    if (!copy)
        return;
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    check_passed++;
}

static void replay(const char *path)
{
    static uint8_t data[1 << 20], changed[1 << 20];
    unsigned long long seed = 1;
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(data, 1, sizeof data, f) : 0;

    CHECK(f, "%s", path);
    if (!f)
        return;
    fclose(f);
    run(data, n);
    for (unsigned k = 0; k < VARIANTS && n; k++) {
        memcpy(changed, data, n);
        for (unsigned long long c = check_random(&seed) % 8; c; c--)
            changed[check_random(&seed) % n] = (uint8_t)check_random(&seed);
        run(changed, k & 1 ? n : (size_t)(check_random(&seed) % n));
    }
}

int main(int argc, char **argv)
{
    char path[4096];

    run((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        DIR *d = opendir(argv[i]);
        CHECK(d, "%s", argv[i]);
        for (struct dirent *e; d && (e = readdir(d));)
            if (e->d_name[0] != '.') {
                snprintf(path, sizeof path, "%s/%s", argv[i], e->d_name);
                replay(path);
            }
        if (d)
            closedir(d);
    }
    return check_done();
}

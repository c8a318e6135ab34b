/*
 * A main for any fuzz target, for machines without libFuzzer: replays files, and on request mutations of them.
 *
 *   replay [-m N] [-s SEED] file-or-directory...
 *
 * -m N   after each file also run N deterministic byte mutations of it (flip, set, insert, delete, copy, cut)
 * Exit 0 if the target survived; a target reports a fault by crashing.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_BYTES_MAX = 1 << 20, DIR_DEPTH_MAX = 8 };

struct replay {
    unsigned mutations;
    uint64_t seed;
    unsigned files, runs, unreadable;
};

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* A copy of exactly the input's size, so that a sanitizer sees reads beyond its end. */
static void run(struct replay *r, const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    r->runs++;
}

/* One small change in place; `buf` has room for twice the size. Returns the new size. */
static size_t mutate(uint8_t *buf, size_t size, uint64_t *state)
{
    static const uint8_t interesting[] = {0, 1, 0x7f, 0x80, 0xff, ' ', '\n', '0', 'v', 'b'};
    if (!size)
        return 0;
    size_t at = next_random(state) % size, n = 1 + next_random(state) % 8;
    if (n > size - at)
        n = size - at;
    switch (next_random(state) % 7) {
    case 0:
        buf[at] ^= (uint8_t)(1u << next_random(state) % 8);
        return size;
    case 1:
        buf[at] = (uint8_t)next_random(state);
        return size;
    case 2:
        buf[at] = interesting[next_random(state) % sizeof interesting];
        return size;
    case 3: /* delete n bytes */
        memmove(buf + at, buf + at + n, size - at - n);
        return size - n;
    case 4: /* repeat n bytes */
        memmove(buf + at + n, buf + at, size - at);
        return size + n;
    case 5: { /* copy n bytes from elsewhere */
        size_t from = next_random(state) % (size - n + 1);
        memmove(buf + at, buf + from, n);
        return size;
    }
    default: /* cut */
        return at;
    }
}

static void replay_bytes(struct replay *r, const uint8_t *data, size_t size)
{
    run(r, data, size);
    uint8_t *buf = malloc(2 * size + 64);
    if (!buf)
        abort();
    uint64_t state = r->seed;
    for (unsigned n = 0; n < r->mutations; n++) {
        memcpy(buf, data, size);
        size_t len = size;
        for (uint64_t k = 1 + next_random(&state) % 4; k && len + 8 < 2 * size + 64; k--)
            len = mutate(buf, len, &state);
        run(r, buf, len);
    }
    free(buf);
}

static void replay_file(struct replay *r, const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(INPUT_BYTES_MAX);
    if (f && data) {
        replay_bytes(r, data, fread(data, 1, INPUT_BYTES_MAX, f));
        r->files++;
    } else {
        fprintf(stderr, "cannot read %s\n", path);
        r->unreadable++;
    }
    free(data);
    if (f)
        fclose(f);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The depth is bounded by DIR_DEPTH_MAX, whatever the directory holds. */
static void replay_path(struct replay *r, const char *path, unsigned depth)
{
    struct stat st;
    DIR *d = stat(path, &st) == 0 && S_ISDIR(st.st_mode) && depth < DIR_DEPTH_MAX ? opendir(path) : NULL;
    if (!d) {
        replay_file(r, path);
        return;
    }
    char **name = NULL;
    size_t n = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        char **more = realloc(name, (n + 1) * sizeof *name);
        size_t size = strlen(path) + strlen(e->d_name) + 2;
        char *full = malloc(size);
        if (!more || !full)
            abort();
        name = more;
        snprintf(full, size, "%s/%s", path, e->d_name);
        name[n++] = full;
    }
    closedir(d);
    if (n)
        qsort(name, n, sizeof *name, by_name);
    for (size_t k = 0; k < n; k++) {
        replay_path(r, name[k], depth + 1);
        free(name[k]);
    }
    free(name);
}

int main(int argc, char **argv)
{
    struct replay r = {.seed = 1};
    int k = 1;
    for (; k + 1 < argc && argv[k][0] == '-'; k += 2) {
        unsigned long long v = strtoull(argv[k + 1], NULL, 0);
        if (strcmp(argv[k], "-m") == 0)
            r.mutations = (unsigned)v;
        else if (strcmp(argv[k], "-s") == 0)
            r.seed = v;
        else
            break;
    }
    if (k >= argc || argv[k][0] == '-') {
        fprintf(stderr, "usage: %s [-m mutations] [-s seed] file-or-directory...\n", argv[0]);
        return 2;
    }
    for (; k < argc; k++)
        replay_path(&r, argv[k], 0);
    printf("%u passed, %u failed (%u runs)\n", r.files, r.unreadable, r.runs);
    return r.unreadable ? 1 : 0;
}

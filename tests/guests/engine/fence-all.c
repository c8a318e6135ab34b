/*
 * fence.i alone says that code changed, not where.  Pages full of functions, of which some change at a time; blocks that overlap, lie
 * across pages, or were made of code that nobody had announced; pages that are writable only now and then, or through another mapping.
 */
#include "check.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RW = PROT_READ | PROT_WRITE, RX = PROT_READ | PROT_EXEC, RWX = RW | PROT_EXEC, PAGE = 4096, CALLS = 20, STEP = 64 };

static void fence(void)
{
    __asm__ volatile("fence.i" ::: "memory");
}

/* addi a0, a0, n */
static void put_add(char *at, unsigned n)
{
    uint32_t insn = n << 20 | 0x00050513;
    memcpy(at, &insn, 4);
}

static void put_ret(char *at)
{
    memcpy(at, &(uint32_t){0x00008067}, 4);
}

static long call(char *p, long a)
{
    return ((long (*)(long))(void *)p)(a);
}

static void expect(char *p, long value, const char *what)
{
    for (int i = 0; i < CALLS; i++) {
        long got = call(p, 1000);
        CHECK(got == 1000 + value, "%s: %ld instead of %ld, call %d", what, got - 1000, value, i);
    }
}

static char *map(size_t len, int prot)
{
    char *p = mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED, "mmap");
    return p;
}

/* Adds m and n. */
static void put_two(char *p, unsigned m, unsigned n)
{
    put_add(p, m);
    put_add(p + 4, n);
    put_ret(p + 8);
}

static void many(unsigned long long seed)
{
    enum { PAGES = 3, N = PAGES * PAGE / STEP };
    char *p = map(PAGES * PAGE, RWX);
    unsigned now[N];
    for (unsigned i = 0; i < N; i++)
        put_two(p + i * STEP, now[i] = i, 1);
    fence();
    for (unsigned i = 0; i < N; i++)
        expect(p + i * STEP, i + 1, "all");
    for (unsigned round = 1; round < 60; round++) {
        for (unsigned k = round % 4; k; k--) {
            unsigned i = (unsigned)(check_random(&seed) % N);
            put_add(p + i * STEP, now[i] = (unsigned)(check_random(&seed) & 1023));
        }
        fence();
        for (unsigned i = 0; i < N; i++)
            CHECK(call(p + i * STEP, 5) == 5 + now[i] + 1, "round %u, function %u", round, i);
    }
    munmap(p, PAGES * PAGE);
}

/* The second instruction changes for a while without being announced, and a block is made of it then. */
static void unannounced(char *p, unsigned fences)
{
    put_two(p, 1, 2);
    fence();
    expect(p, 3, "both");
    for (unsigned i = 0; i < fences; i++)
        fence();
    put_add(p + 4, 20);
    for (int i = 0; i < CALLS; i++) {
        long got = call(p + 4, 0);
        CHECK(got == 2 || got == 20, "%ld", got);
    }
    put_add(p + 4, 2);
    fence();
    expect(p + 4, 2, "as before");
    expect(p, 3, "both, as before");
    put_add(p + 4, 30);
    for (int i = 0; i < CALLS; i++)
        call(p + 4, 0);
    fence();
    expect(p, 31, "both, changed");
    expect(p + 4, 30, "changed");
}

/* The function starts on one page and ends on the next: either changes. */
static void across(void)
{
    char *p = map(2 * PAGE, RWX), *f = p + PAGE - 4;
    put_two(f, 1, 2);
    fence();
    for (unsigned i = 0; i < 5; i++) {
        put_add(f, i);
        fence();
        expect(f, i + 2, "first page");
        fence();
        fence();
        put_add(f + 4, 100 + i);
        fence();
        expect(f, i + 100 + i, "second page");
        put_add(f + 4, 2);
    }
    munmap(p, 2 * PAGE);
}

/* Not writable when it is announced, and writable later. */
static void protections(void)
{
    char *p = map(PAGE, RW);
    put_two(p, 5, 5);
    mprotect(p, PAGE, RX);
    fence();
    expect(p, 10, "never writable while it was executable");
    fence();
    mprotect(p, PAGE, RWX);
    put_two(p, 1, 1);
    fence();
    expect(p, 2, "writable");
    for (unsigned i = 0; i < 6; i++) {
        fence();
        mprotect(p, PAGE, RX);
        fence();
        expect(p, 2 + i, "not writable");
        fence();
        mprotect(p, PAGE, RWX);
        put_add(p, 2 + i);
        fence();
        expect(p, 3 + i, "writable again");
    }
    mprotect(p, PAGE, RW);
    put_add(p, 9);
    mprotect(p, PAGE, RWX);
    fence();
    expect(p, 10, "not executable meanwhile");
    munmap(p, PAGE);
}

static void views(void)
{
    int fd = memfd_create("code", 0);
    CHECK(fd >= 0 && ftruncate(fd, PAGE) == 0, "memfd");
    char *w = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), *x = mmap(NULL, PAGE, RX, MAP_SHARED, fd, 0);
    put_two(w, 0, 0);
    for (unsigned i = 0; i < 8; i++) {
        put_add(w, i);
        fence();
        expect(x, i, "other view");
        fence();
    }
    /* other memory in its place */
    char *q = map(PAGE, RWX);
    put_two(q, 40, 2);
    CHECK(mremap(q, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, x) == x, "mremap");
    fence();
    expect(x, 42, "moved here");
    put_add(x, 50);
    fence();
    expect(x, 52, "moved here, changed");
    munmap(x, PAGE);
    munmap(w, PAGE);
    close(fd);
}

int main(void)
{
    many(4711);
    char *p = map(PAGE, RWX);
    for (unsigned fences = 0; fences < 5; fences++)
        unannounced(p, fences);
    across();
    protections();
    views();
    return check_done();
}

/*
 * Code of files, whose bytes the engine does not keep: every way in which it can change is seen, and jumps to it from other code follow.
 * On processors that may fetch stale code, each change is announced.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

#define PAGE 4096
enum { CALLS = 60 };

/* Two functions: at 0 `addi a0, a0, n; ret`; at 64 one that jumps to the first: `j -64`. */
static void code(uint32_t *p, unsigned n)
{
    memset(p, 0, PAGE);
    p[0] = 0x00050513u | n << 20;
    p[1] = 0x00008067u;
    p[16] = 0xfc1ff06fu;
}

static int file_with(unsigned n)
{
    static uint32_t page[PAGE / 4];
    char name[] = "/tmp/filecode-XXXXXX";
    int fd = mkstemp(name);
    unlink(name);
    code(page, n);
    if (fd < 0 || write(fd, page, PAGE) != PAGE)
        abort();
    return fd;
}

static void announce(void *p, size_t n)
{
    __builtin___clear_cache((char *)p, (char *)p + n);
}

/* Calls both functions until they are translated and linked; what each adds, or 0 if not always the same. */
static unsigned adds(char *p)
{
    unsigned first = 0;
    for (int i = 0; i < CALLS; i++) {
        long (*f)(long), (*via)(long);
        char *second = p + 64;
        memcpy(&f, &p, sizeof f);
        memcpy(&via, &second, sizeof via);
        unsigned a = (unsigned)f(i) - (unsigned)i, b = (unsigned)via(i) - (unsigned)i;
        if (!i)
            first = a;
        if (a != first || b != first)
            return 0;
    }
    return first;
}

int main(void)
{
    int one = file_with(1), two = file_with(2);
    char *p = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, one, 0);
    CHECK(p != MAP_FAILED && adds(p) == 1, "as mapped");

    CHECK(mmap(p, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, two, 0) == p && adds(p) == 2, "another file in its place");

    CHECK(!mprotect(p, PAGE, PROT_READ | PROT_WRITE), "writable");
    code((uint32_t *)(void *)p, 3);
    CHECK(!mprotect(p, PAGE, PROT_READ | PROT_EXEC), "executable again");
    announce(p, PAGE);
    CHECK(adds(p) == 3, "written to between two changes of protection");

    CHECK(!mprotect(p, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) && adds(p) == 3, "writable and executable");
    code((uint32_t *)(void *)p, 4);
    announce(p, PAGE);
    CHECK(adds(p) == 4, "written to and announced");
    CHECK(!mprotect(p, PAGE, PROT_READ | PROT_EXEC) && adds(p) == 4, "executable only");

    uint32_t insn = 0x00050513u | 5 << 20;
    int mem = open("/proc/self/mem", O_RDWR);
    CHECK(mem >= 0 && pwrite(mem, &insn, sizeof insn, (off_t)(uintptr_t)p) == sizeof insn, "written by /proc/self/mem");
    announce(p, PAGE);
    CHECK(adds(p) == 5, "after that");
    close(mem);

    CHECK(!madvise(p, PAGE, MADV_DONTNEED), "its own copy of the page given back");
    announce(p, PAGE);
    CHECK(adds(p) == 2, "the file's bytes again");

    announce(p, PAGE);
    CHECK(adds(p) == 2, "announced without a change");

    CHECK(!munmap(p, PAGE) && mmap(p, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED_NOREPLACE, one, 0) == p && adds(p) == 1, "unmapped, mapped");

    char *q = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, two, 0);
    CHECK(q != MAP_FAILED && adds(q) == 2, "a second one");
    CHECK(mremap(q, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p) == p && adds(p) == 2, "moved over the first");
    return check_done();
}

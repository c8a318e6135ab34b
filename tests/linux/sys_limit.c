/*
 * Guest test: limits on memory are enforced, hold for children and survive execve.  Prints what differs.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../check.h"

#define MIB (1ul << 20)

static void *map(size_t n, int prot, int flags)
{
    return mmap(NULL, n, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static void set(int resource, rlim_t cur)
{
    struct rlimit l;
    CHECK(getrlimit(resource, &l) == 0, "getrlimit");
    l.rlim_cur = cur;
    CHECK(setrlimit(resource, &l) == 0, "setrlimit");
}

/* With 64 MiB of address space. */
static void test_as(void)
{
    char *p = map(8 * MIB, PROT_READ, 0);
    CHECK(p != MAP_FAILED, "8 MiB");
    CHECK(map(64 * MIB, PROT_NONE, MAP_NORESERVE) == MAP_FAILED && errno == ENOMEM, "64 MiB: %m");
    CHECK(mremap(p, 8 * MIB, 64 * MIB, MREMAP_MAYMOVE) == MAP_FAILED && errno == ENOMEM, "mremap: %m");
    CHECK(mmap(p, 8 * MIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p, "replacing: %m");
    CHECK(sbrk(64 * MIB) == (void *)-1 && errno == ENOMEM, "brk: %m");
    CHECK(munmap(p, 8 * MIB) == 0 && (p = map(8 * MIB, PROT_READ, 0)) != MAP_FAILED && munmap(p, 8 * MIB) == 0, "again: %m");
}

static void test_data(void)
{
    set(RLIMIT_DATA, 16 * MIB);
    CHECK(map(16 * MIB, PROT_READ | PROT_WRITE, 0) == MAP_FAILED && errno == ENOMEM, "data: %m");
    void *p = map(16 * MIB, PROT_READ, 0);
    CHECK(p != MAP_FAILED && munmap(p, 16 * MIB) == 0, "no data: %m");
    CHECK(sbrk(16 * MIB) == (void *)-1 && errno == ENOMEM, "brk of data: %m");
    CHECK((p = sbrk(4 * MIB)) != (void *)-1, "small brk: %m");
}

int main(int argc, char **argv)
{
    int status;
    if (argc == 1) { /* the limit is set before this program starts */
        set(RLIMIT_AS, 64 * MIB);
        execl("/proc/self/exe", argv[0], "limited", NULL);
        return 1;
    }
    struct rlimit l;
    CHECK(getrlimit(RLIMIT_AS, &l) == 0 && l.rlim_cur == 64 * MIB, "after execve: %ju", (uintmax_t)l.rlim_cur);
    test_as();
    pid_t pid = fork();
    if (pid == 0)
        _exit(map(64 * MIB, PROT_NONE, 0) == MAP_FAILED ? 7 : 1);
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7, "a child: 0x%x", (unsigned)status);
    test_data();
    return check_done();
}

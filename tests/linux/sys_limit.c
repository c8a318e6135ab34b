/*
 * Guest test: limits on memory and descriptors are enforced, hold for children and survive execve.  Prints what differs.
 */
#include <errno.h>
#include <fcntl.h>
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

/* Seven descriptors, the hard limit too: all of them are the program's. */
static void test_files(void)
{
    struct rlimit l;
    int n = 0;
    for (int fd = 3; fd < 7; fd++)
        close(fd);
    while (open("/dev/null", O_RDONLY) >= 0)
        n++;
    CHECK(errno == EMFILE && n == 4, "%d descriptors: %m", n);
    CHECK(getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur == 7 && l.rlim_max == 7, "the limit is %ju, %ju", (uintmax_t)l.rlim_cur, (uintmax_t)l.rlim_max);
    l.rlim_cur = 8;
    CHECK(setrlimit(RLIMIT_NOFILE, &l) == -1 && errno == EINVAL, "above the hard limit: %m");
}

static int files_in_child(const char *self)
{
    const struct rlimit seven = {7, 7};
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(setrlimit(RLIMIT_NOFILE, &seven) == 0, "setrlimit: %m");
        test_files();
        for (int fd = 3; fd < 7; fd++)
            close(fd);
        if (check_failed)
            _exit(1);
        execl("/proc/self/exe", self, "files", NULL);
        _exit(2);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    return status;
}

int main(int argc, char **argv)
{
    int status;
    if (argc > 1 && strcmp(argv[1], "files") == 0) {
        test_files();
        return check_failed != 0;
    }
    if (argc == 1) {
        CHECK((status = files_in_child(argv[0])) == 0, "descriptors: status 0x%x", (unsigned)status);
        if (check_failed)
            return check_done();
    }
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

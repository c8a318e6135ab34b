/*
 * Guest test: limits on memory and descriptors are enforced, hold for children and survive execve.  Prints what differs.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
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

/* Those of another process, and by the number of a thread. */
static void *own_by_thread(void *arg)
{
    struct rlimit l = {512 * MIB, 0}, old, now;
    (void)arg;
    CHECK(getrlimit(RLIMIT_DATA, &old) == 0, "getrlimit");
    l.rlim_max = old.rlim_max;
    CHECK(prlimit(gettid(), RLIMIT_DATA, &l, &now) == 0 && now.rlim_cur == old.rlim_cur, "by the number of a thread: errno %d", errno);
    CHECK(getrlimit(RLIMIT_DATA, &now) == 0 && now.rlim_cur == 512 * MIB, "its process has it: %ju", (uintmax_t)now.rlim_cur);
    CHECK(setrlimit(RLIMIT_DATA, &old) == 0, "setrlimit");
    return NULL;
}

static void test_others(void)
{
    pthread_t thread;
    struct rlimit before, l, now;
    int pipe_in[2], status = -1;
    pthread_create(&thread, NULL, own_by_thread, NULL);
    pthread_join(thread, NULL);
    CHECK(pipe(pipe_in) == 0 && getrlimit(RLIMIT_AS, &before) == 0, "pipe");
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        bool ok = read(pipe_in[0], &byte, 1) == 1 && map(64 * MIB, PROT_NONE, 0) == MAP_FAILED && map(MIB, PROT_READ, 0) != MAP_FAILED;
        ok = ok && getrlimit(RLIMIT_AS, &now) == 0 && now.rlim_cur == 32 * MIB;
        for (int fd = 3; ok && fd < 40; fd++)
            close(fd);
        _exit(ok && dup2(0, 19) == 19 && dup2(0, 20) == -1 && fork() >= 0 ? 7 : 1);
    }
    l = (struct rlimit){32 * MIB, before.rlim_max};
    CHECK(prlimit(pid, RLIMIT_AS, &l, &now) == 0 && now.rlim_cur == before.rlim_cur && now.rlim_max == before.rlim_max, "of a child: errno %d", errno);
    CHECK(prlimit(pid, RLIMIT_AS, NULL, &now) == 0 && now.rlim_cur == 32 * MIB, "it has it: %ju", (uintmax_t)now.rlim_cur);
    CHECK(getrlimit(RLIMIT_AS, &now) == 0 && now.rlim_cur == before.rlim_cur, "ours is as before");
    CHECK(prlimit(pid, RLIMIT_NOFILE, NULL, &l) == 0, "descriptors of a child");
    l.rlim_cur = 20;
    CHECK(prlimit(pid, RLIMIT_NOFILE, &l, NULL) == 0, "20 descriptors: errno %d", errno);
    l = (struct rlimit){5, 3};
    CHECK_FAILS(prlimit(pid, RLIMIT_AS, &l, NULL), EINVAL);
    CHECK(write(pipe_in[1], "x", 1) == 1 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7, "the child: 0x%x", (unsigned)status);
    CHECK_FAILS(prlimit(pid, RLIMIT_AS, NULL, &now), ESRCH);
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
    if (argc == 1) {
        test_others();
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

/*
 * Guest program: the address-space calls give what Linux gives.  It checks itself, so it also runs on the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../check.h"

#define PAGE 4096ul

static sigjmp_buf jump;
static volatile sig_atomic_t fault_code;

static void on_fault(int sig, siginfo_t *info, void *uc)
{
    (void)sig;
    (void)uc;
    fault_code = info->si_code;
    siglongjmp(jump, 1);
}

/* 0: readable; else si_code of the fault. */
static int probe(volatile char *p)
{
    fault_code = 0;
    if (!sigsetjmp(jump, 1))
        (void)*p;
    return fault_code;
}

static int probe_write(volatile char *p)
{
    fault_code = 0;
    if (!sigsetjmp(jump, 1))
        *p = 1;
    return fault_code;
}

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)

static char *map(size_t pages)
{
    return mmap(NULL, pages * PAGE, RW, ANON, -1, 0);
}

static void test_mmap(void)
{
    CHECK_FAILS(mmap(NULL, 0, RW, ANON, -1, 0), EINVAL);
    CHECK_FAILS(mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
    CHECK_FAILS(mmap(NULL, ~0ul, RW, ANON, -1, 0), ENOMEM);
    CHECK_FAILS(mmap(NULL, 1ul << 62, RW, ANON, -1, 0), ENOMEM);
    CHECK_FAILS(mmap(NULL, PAGE, RW, MAP_PRIVATE, 77, 0), EBADF);
    CHECK_FAILS(mmap((void *)0x123, PAGE, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
    CHECK_FAILS(mmap((void *)-PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
    CHECK_FAILS(syscall(SYS_mmap, NULL, PAGE, RW, ANON, -1, 5), EINVAL);

    char *p = map(4), *q;
    CHECK(p != MAP_FAILED && probe(p) == 0 && p[3 * PAGE] == 0, "%p", (void *)p);
    CHECK_FAILS(mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
    q = mmap(p, PAGE, RW, ANON, -1, 0); /* a taken hint */
    CHECK(q != MAP_FAILED && q != p, "hint");
    CHECK(munmap(p + PAGE, PAGE) == 0 && probe(p + PAGE) == SEGV_MAPERR, "hole %d", fault_code);
    CHECK(mmap(p + PAGE, PAGE, PROT_READ, ANON, -1, 0) == p + PAGE, "a free hint");
    CHECK(probe_write(p + PAGE) == SEGV_ACCERR, "%d", fault_code);
    char *large = mmap(NULL, 2048 * PAGE, PROT_NONE, ANON, -1, 0);
    munmap(large, 2048 * PAGE);
    large += PAGE * (((uintptr_t)large & (512 * PAGE - 1)) == 0); /* not where a huge page would begin */
    CHECK(mmap(large, 1024 * PAGE, RW, ANON, -1, 0) == large, "a free hint for much");
    munmap(large, 1024 * PAGE);
    memset(p, 7, PAGE);
    CHECK(mmap(p, PAGE, RW, ANON | MAP_FIXED, -1, 0) == p && p[5] == 0, "replaced");
    CHECK(munmap(p, 4 * PAGE) == 0 && munmap(p, 4 * PAGE) == 0, "unmapping nothing");
    CHECK_FAILS(munmap(p + 1, PAGE), EINVAL);
    CHECK_FAILS(munmap(p, 0), EINVAL);
    CHECK_FAILS(munmap(p, ~0ul), EINVAL);
    CHECK(munmap((char *)0x7fff00000000, PAGE) == 0 && munlock(p, 0) == 0 && munlock(NULL, 0) == 0, "nothing there: %d", errno);
    munmap(q, PAGE);

    int fd = memfd_create("x", 0);
    CHECK(ftruncate(fd, 3 * PAGE) == 0, "memfd");
    char *s = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0), *r = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE);
    s[PAGE + 3] = 9;
    CHECK(r[3] == 9, "shared file");
    CHECK_FAILS(mmap(NULL, PAGE, RW, 0x0f, fd, 0), EINVAL);
    CHECK_FAILS(mmap(NULL, PAGE, RW, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0), EOPNOTSUPP);
    char *v = mmap(NULL, PAGE, RW, MAP_SHARED_VALIDATE, fd, 0);
    CHECK(v != MAP_FAILED && munmap(v, PAGE) == 0, "validated flags");
    CHECK_FAILS(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 1), EINVAL);
    CHECK_FAILS(syscall(SYS_mmap, NULL, 2 * PAGE, RW, MAP_SHARED, fd, -PAGE), EOVERFLOW);
    char *beyond = mmap(NULL, 5 * PAGE, RW, MAP_SHARED, fd, 0);
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &sa, NULL);
    CHECK(probe(beyond + 4 * PAGE) == BUS_ADRERR, "beyond the file: %d", fault_code);
    munmap(beyond, 5 * PAGE);
    munmap(s, 3 * PAGE);
    munmap(r, PAGE);
    close(fd);
}

static void test_mprotect(void)
{
    char *p = map(5);
    munmap(p + 3 * PAGE, PAGE);
    CHECK_FAILS(mprotect(p, 5 * PAGE, PROT_READ), ENOMEM);
    CHECK(probe_write(p) == SEGV_ACCERR && probe_write(p + 2 * PAGE) == SEGV_ACCERR && probe_write(p + 4 * PAGE) == 0, "up to the hole");
    CHECK_FAILS(mprotect(p + 1, PAGE, PROT_READ), EINVAL);
    CHECK_FAILS(mprotect(p, PAGE, 0x100), EINVAL);
    CHECK_FAILS(mprotect(p, ~0ul - PAGE, PROT_READ), ENOMEM);
    CHECK_FAILS(mprotect(p, PAGE, PROT_READ | PROT_GROWSDOWN), EINVAL);
    CHECK(mprotect(p, 0, PROT_READ) == 0, "nothing");
    CHECK(mprotect(p, 2 * PAGE, PROT_NONE) == 0 && probe(p) == SEGV_ACCERR, "none");
    CHECK(mprotect(p, 1, RW) == 0 && probe_write(p) == 0 && probe(p + PAGE) == SEGV_ACCERR, "rounded up");
    munmap(p, 5 * PAGE);
}

static void test_mremap(void)
{
    char *p = map(4), *q;
    memset(p, 1, 4 * PAGE);
    CHECK_FAILS(mremap(p, PAGE, 2 * PAGE, 0), ENOMEM); /* its own neighbour is in the way */
    CHECK_FAILS(mremap(p + 1, PAGE, PAGE, 0), EINVAL);
    CHECK_FAILS(mremap(p, PAGE, 0, 0), EINVAL);
    CHECK_FAILS(mremap(p, PAGE, PAGE, 0x100), EINVAL);
    CHECK_FAILS(mremap(p, PAGE, PAGE, MREMAP_FIXED, p), EINVAL);
    CHECK_FAILS(mremap(p, PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, p), EINVAL);
    CHECK_FAILS(mremap(p, PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, p + 7), EINVAL);
    CHECK(mremap(p, 4 * PAGE, 2 * PAGE, 0) == p && probe(p + 3 * PAGE) == SEGV_MAPERR, "shrink");
    q = map(6);
    munmap(q + 3 * PAGE, PAGE);
    CHECK(mremap(q, 6 * PAGE, PAGE, 0) == q && probe(q + 5 * PAGE) == SEGV_MAPERR && probe(q) == 0, "shrink over a hole");
    munmap(q, PAGE);
    CHECK(mremap(p, 2 * PAGE, 4 * PAGE, 0) == p && p[0] == 1 && p[2 * PAGE] == 0, "grow in place");
    q = mremap(p, 4 * PAGE, 400 * PAGE, MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED && q[PAGE] == 1 && q[399 * PAGE] == 0, "move");
    CHECK(q == p || probe(p) == SEGV_MAPERR, "moved away");
    char *to = map(8);
    CHECK(mremap(q, PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to && to[5] == 1 && to[PAGE] == 0, "fixed");
    CHECK(probe(q) == SEGV_MAPERR && probe(q + PAGE) == 0, "only that page moved");
    char *d = mremap(to, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    CHECK(d != MAP_FAILED && d != to && d[0] == 1 && probe(to) == 0 && to[0] == 0, "dontunmap");
    CHECK_FAILS(mremap((void *)0x700000000000ul, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
    char *s = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memcpy(s, "twice", 6);
    char *s2 = mremap(s, 0, PAGE, MREMAP_MAYMOVE);
    CHECK(s2 != MAP_FAILED && s2 != s && !strcmp(s2, "twice"), "a second view");
    munmap(s, PAGE);
    CHECK(!strcmp(s2, "twice"), "the second view stays");
    munmap(q + PAGE, 399 * PAGE);
    munmap(to, 8 * PAGE);
}

static void test_madvise(void)
{
    char *p = map(3);
    unsigned char vec[3];
    memset(p, 1, 3 * PAGE);
    CHECK(madvise(p, PAGE, MADV_DONTNEED) == 0 && p[0] == 0 && p[PAGE] == 1, "dontneed");
    CHECK_FAILS(madvise(p, PAGE, 12345), EINVAL);
    CHECK_FAILS(madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL);
    CHECK(madvise(p, 0, MADV_DONTNEED) == 0, "nothing");
    CHECK(mincore(p, 3 * PAGE, vec) == 0 && (vec[1] & 1), "mincore");
    munmap(p + PAGE, PAGE);
    CHECK_FAILS(madvise(p, 3 * PAGE, MADV_DONTNEED), ENOMEM);
    CHECK(p[2 * PAGE] == 0, "the part after the hole too");
    CHECK_FAILS(mincore(p, 3 * PAGE, vec), ENOMEM);
    CHECK_FAILS(msync(p, 3 * PAGE, MS_SYNC), ENOMEM);
    CHECK(msync(p, PAGE, MS_SYNC) == 0, "msync");
    CHECK(mlock(p, PAGE) == 0 && munlock(p, PAGE) == 0, "mlock");
    munmap(p, 3 * PAGE);
}

/* What MADV_DONTFORK keeps from a child is free there. */
static void test_dontfork(void)
{
    char *p = map(4);
    int status = -1;
    memset(p, 1, 4 * PAGE);
    CHECK(madvise(p + PAGE, 2 * PAGE, MADV_DONTFORK) == 0 && madvise(p + 2 * PAGE, PAGE, MADV_DOFORK) == 0, "dontfork");
    pid_t pid = fork();
    if (pid == 0) {
        bool free_there = mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p + PAGE && munmap(p + PAGE, PAGE) == 0;
        _exit(p[0] == 1 && probe(p + PAGE) == SEGV_MAPERR && p[2 * PAGE] == 1 && free_there && mprotect(p, 4 * PAGE, PROT_READ) == -1 && errno == ENOMEM ? 7 : 1);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7 && p[PAGE] == 1, "the child: %#x", (unsigned)status);
    munmap(p, 4 * PAGE);
}

#define SET_MDWE 65
#define GET_MDWE 66

static int in_child(int (*fn)(int), int arg)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(fn(arg));
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

static int get_mdwe(int arg)
{
    (void)arg;
    return prctl(GET_MDWE, 0, 0, 0, 0);
}

static int exec_self(int arg)
{
    (void)arg;
    execl("/proc/self/exe", "sys_mm", "mdwe", (char *)NULL);
    return 99;
}

/* Memory that is not executable stays so, in children and in what they execute. */
static int denied(int bits)
{
    char *code = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, ANON, -1, 0), *data = map(1);
    CHECK_FAILS(prctl(SET_MDWE, 4, 0, 0, 0), EINVAL);
    CHECK_FAILS(prctl(SET_MDWE, 2, 0, 0, 0), EINVAL);
    CHECK_FAILS(prctl(SET_MDWE, 1, 1, 0, 0), EINVAL);
    CHECK(prctl(SET_MDWE, bits, 0, 0, 0) == 0 && prctl(SET_MDWE, bits, 0, 0, 0) == 0 && get_mdwe(0) == bits, "PR_SET_MDWE");
    CHECK_FAILS(prctl(SET_MDWE, 0, 0, 0, 0), EPERM);
    CHECK_FAILS(prctl(GET_MDWE, 1, 0, 0, 0), EINVAL);
    CHECK_FAILS((long)mmap(NULL, PAGE, RW | PROT_EXEC, ANON, -1, 0), EACCES);
    CHECK_FAILS((long)mmap(NULL, PAGE, RW | PROT_EXEC, MAP_PRIVATE, 99, 0), EBADF);
    CHECK_FAILS(mprotect(data, PAGE, PROT_READ | PROT_EXEC), EACCES);
    CHECK_FAILS(mprotect(code, PAGE, RW | PROT_EXEC), EACCES);
    CHECK(mprotect(code, PAGE, PROT_READ | PROT_EXEC) == 0 && mprotect(code, PAGE, RW) == 0, "less than it was");
    CHECK_FAILS(mprotect(code, PAGE, PROT_READ | PROT_EXEC), EACCES);
    CHECK(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, ANON, -1, 0) != MAP_FAILED, "new code");
    CHECK(in_child(get_mdwe, 0) == (bits & 2 ? 0 : bits), "a child");
    CHECK(in_child(exec_self, 0) == (bits & 2 ? 0 : bits), "what it executes");
    return (int)check_failed;
}

static void test_mdwe(void)
{
    if (prctl(GET_MDWE, 0, 0, 0, 0) < 0) {
        puts("PR_SET_MDWE: skipped, not in this kernel");
        return;
    }
    CHECK(in_child(denied, 1) == 0, "PR_SET_MDWE");
    CHECK(in_child(denied, 3) == 0, "PR_SET_MDWE that is not inherited");
}

static void test_brk(void)
{
    char *old = sbrk(0);
    CHECK(sbrk(3 * PAGE) == old && probe_write(old + 2 * PAGE) == 0, "grow");
    CHECK(brk(old) == 0 && sbrk(0) == old, "shrink");
    char *top = (char *)(((uintptr_t)old + PAGE - 1) & -PAGE);
    CHECK(probe(top + PAGE) == SEGV_MAPERR, "gone");
    char *block = mmap(top + 4 * PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
    CHECK(block == top + 4 * PAGE, "block");
    CHECK_FAILS(brk(top + 16 * PAGE), ENOMEM);
    munmap(block, PAGE);
    CHECK(syscall(SYS_brk, 1) == (long)(uintptr_t)old, "brk(1) tells where it is");
}

static void test_shm(void)
{
    int id = shmget(IPC_PRIVATE, 2 * PAGE, IPC_CREAT | 0600);
    if (id < 0)
        return;
    char *a = shmat(id, NULL, 0), *b = shmat(id, NULL, SHM_RDONLY);
    CHECK(a != (void *)-1 && b != (void *)-1 && a != b, "attach");
    memcpy(a, "seen", 5);
    CHECK(!strcmp(b, "seen") && probe_write(b) == SEGV_ACCERR, "the same memory");
    CHECK_FAILS(shmat(id, a, 0), EINVAL);
    CHECK_FAILS(shmat(id, a + 5, 0), EINVAL);
    CHECK(shmat(id, b + 5, SHM_RND | SHM_REMAP) == b, "remap");
    CHECK(shmdt(a) == 0 && probe(a) == SEGV_MAPERR, "detach");
    CHECK_FAILS(shmdt(a), EINVAL);
    shmdt(b);
    shmctl(id, IPC_RMID, NULL);
}

/* Nothing a guest asks for may take away what it cannot see: afterwards it still runs. */
static void test_sweep(void)
{
    unsigned mapped = 0;
    for (uintptr_t at = 1ul << 32; at < 1ul << 47; at += 0x3ff0000000ul) {
        void *p = mmap((void *)(at & -PAGE), PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
        if (p != MAP_FAILED) {
            mapped++;
            munmap(p, PAGE);
        }
    }
    CHECK(mapped > 50, "%u", mapped);
    /* Large reservations, as Go and Java make them. */
    void *big = mmap(NULL, 1ul << 40, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
    CHECK(big != MAP_FAILED && munmap(big, 1ul << 40) == 0, "1 TiB");
    char *p = map(3);
    CHECK(munmap(p + PAGE, PAGE) == 0, "hole");
    char *q = map(1);
    CHECK(q == p + PAGE || q != MAP_FAILED, "reuse");
    munmap(p, 3 * PAGE);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "mdwe"))
        return get_mdwe(0);
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &sa, NULL);
    test_mmap();
    test_mprotect();
    test_mremap();
    test_madvise();
    test_dontfork();
    test_mdwe();
    test_brk();
    test_shm();
    test_sweep();
    return check_done();
}

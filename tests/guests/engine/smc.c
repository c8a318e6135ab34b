/*
 * Code that changes, in every way a process can change it.  A function that returns a constant is called until it is
 * translated, then replaced; the next call must return the new constant.
 */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RW = PROT_READ | PROT_WRITE, RX = PROT_READ | PROT_EXEC, RWX = RW | PROT_EXEC, PAGE = 4096, CALLS = 20, ROUNDS = 20 };

/* li a0, value; ret */
static void put(void *at, int value)
{
    const uint32_t code[2] = {(uint32_t)value << 20 | 0x00000513, 0x00008067};
    memcpy(at, code, 8);
}

static void sync_all(void *p)
{
    __builtin___clear_cache((char *)p, (char *)p + PAGE);
}

static void expect(void *p, int value, const char *what)
{
    for (int i = 0; i < CALLS; i++) {
        int got = ((int (*)(void))p)();
        CHECK(got == value, "%s: %d instead of %d, call %d", what, got, value, i);
    }
}

static char *map(int prot)
{
    return mmap(NULL, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void *writer(void *p)
{
    put(p, 77);
    sync_all(p);
    return NULL;
}

/* A loop that stores over its own next instruction: the immediate counts up. */
static void itself(void)
{
    char *p = map(RWX);
    static const uint32_t code[] = {
        0x00000613,             /* li a2, 0             */
        0x00c5a023,             /* loop: sw a2, 0(a1)   a placeholder, replaced below */
        0x0000100f,             /* fence.i              */
        0x00000513,             /* li a0, 0             <- patched: a0 = imm */
        0x00a686b3,             /* add a3, a3, a0       */
        0x00100737,             /* lui a4, 0x100        imm + 1 in bits 31:20 */
        0x00e60633,             /* add a2, a2, a4       */
        0xfff78793,             /* addi a5, a5, -1      */
        0xfe0790e3,             /* bnez a5, -32 + ...   */
        0x00068513,             /* mv a0, a3            */
        0x00008067,             /* ret                  */
    };
    memcpy(p, code, sizeof code);
    uint32_t branch = 0x00079063;          /* bne a5, x0, loop: distance 4 - 32 = -28 */
    int32_t d = 4 - 32;
    branch |= ((uint32_t)d >> 12 & 1) << 31 | ((uint32_t)d >> 5 & 0x3f) << 25 | ((uint32_t)d >> 1 & 0xf) << 8 | ((uint32_t)d >> 11 & 1) << 7;
    memcpy(p + 32, &branch, 4);
    sync_all(p);
    register long a1 __asm__("a1") = (long)p + 12, a3 __asm__("a3") = 0, a5 __asm__("a5") = 100, a0 __asm__("a0") = 0;
    register long a2 __asm__("a2") = 0x513; /* li a0, 0; the code starts at +4 */
    void *entry = p + 4;
    __asm__ volatile("jalr ra, %[e]" : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a5) : [e] "r"(entry) : "ra", "a4", "memory");
    CHECK(a0 == 99 * 100 / 2, "self-patching loop: %ld", a0);
    munmap(p, PAGE);
}

static _Atomic int go, done;
static char *volatile hot_code;

/* Calls the code while main patches it back and forth; sees old or new, and new after the patcher says so. */
static void *caller(void *arg)
{
    (void)arg;
    while (!atomic_load(&done)) {
        int g = atomic_load(&go);
        __asm__ volatile("fence.i" ::: "memory");
        int v = ((int (*)(void))hot_code)();
        int after = atomic_load(&go);
        if (v < g || v > after + 1)
            return (void *)1;
    }
    return NULL;
}

int main(void)
{
    for (int k = 0; k < ROUNDS; k++) {
        char *p = map(RWX);
        put(p, 1);
        expect(p, 1, "first");
        put(p, 2);
        __asm__ volatile("fence.i" ::: "memory");
        expect(p, 2, "fence.i");
        put(p, 3);
        sync_all(p);
        expect(p, 3, "clear_cache");
        syscall(SYS_mprotect, p, PAGE, RW);
        put(p, 4);
        mprotect(p, PAGE, RX);
        sync_all(p);
        expect(p, 4, "mprotect RW, RX");
        munmap(p, PAGE);
        CHECK(mmap(p, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p, "mmap");
        put(p, 5);
        mprotect(p, PAGE, RX);
        sync_all(p);
        expect(p, 5, "munmap, mmap");
        mprotect(p, PAGE, RWX);

        char *q = map(RWX); /* other code moves here */
        put(q, 6);
        expect(q, 6, "other");
        CHECK(mremap(q, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p) == p, "mremap");
        expect(p, 6, "mremap");

        int fd = memfd_create("code", 0);
        char bytes[8];
        put(bytes, 7);
        CHECK(write(fd, bytes, 8) == 8 && lseek(fd, 0, SEEK_SET) == 0, "memfd");
        CHECK(read(fd, p, 8) == 8, "read");
        sync_all(p);
        expect(p, 7, "read()");
        put(bytes, 8);
        CHECK(pwrite(fd, bytes, 8, 0) == 8, "pwrite");
        struct iovec iov[2] = {{p, 4}, {p + 4, 4}};
        CHECK(preadv(fd, iov, 2, 0) == 8, "preadv");
        sync_all(p);
        expect(p, 8, "preadv()");
        put(bytes, 9);
        struct iovec from = {bytes, 8}, to = {p, 8};
        if (process_vm_writev(getpid(), &from, 1, &to, 1, 0) == 8) {
            sync_all(p);
            expect(p, 9, "process_vm_writev()");
        }

        /* a private mapping of a file, changed and dropped again */
        ftruncate(fd, PAGE);
        char *m = mmap(NULL, PAGE, RWX, MAP_PRIVATE, fd, 0);
        expect(m, 8, "file");
        put(m, 10);
        sync_all(m);
        expect(m, 10, "copy");
        madvise(m, PAGE, MADV_DONTNEED);
        sync_all(m);
        expect(m, 8, "MADV_DONTNEED");
        munmap(m, PAGE);

        /* two views of the same memory */
        char *w = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), *x = mmap(NULL, PAGE, RX, MAP_SHARED, fd, 0);
        expect(x, 8, "view");
        put(w, 11);
        sync_all(x);
        expect(x, 11, "written through the other view");
        put(bytes, 12);
        CHECK(pwrite(fd, bytes, 8, 0) == 8, "pwrite");
        sync_all(x);
        expect(x, 12, "written through the descriptor");
        munmap(w, PAGE);
        munmap(x, PAGE);
        close(fd);

        /* a child changes its copy only */
        put(p, 13);
        sync_all(p);
        expect(p, 13, "before fork");
        pid_t pid = fork();
        if (!pid) {
            expect(p, 13, "child");
            put(p, 14);
            sync_all(p);
            expect(p, 14, "child, changed");
            _exit(check_failed != 0);
        }
        int status = 0;
        waitpid(pid, &status, 0);
        CHECK(status == 0, "child: status %#x", status);
        expect(p, 13, "parent");

        pthread_t t;
        pthread_create(&t, NULL, writer, p);
        pthread_join(t, NULL);
        expect(p, 77, "written by a thread");
        munmap(p, PAGE);
    }
    itself();

    /* two threads: code changes while it runs */
    hot_code = map(RWX);
    put(hot_code, 0);
    sync_all(hot_code);
    pthread_t t;
    void *bad = NULL;
    pthread_create(&t, NULL, caller, NULL);
    for (int i = 1; i < 500; i++) {
        uint32_t first = (uint32_t)i << 20 | 0x513;
        __atomic_store_n((uint32_t *)(void *)hot_code, first, __ATOMIC_SEQ_CST);
        sync_all(hot_code);
        atomic_store(&go, i);
        if (i % 50 == 0)
            usleep(1000);
    }
    atomic_store(&done, 1);
    pthread_join(t, &bad);
    CHECK(!bad, "a thread saw code older than what it had to see");
    return check_done();
}

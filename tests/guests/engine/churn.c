/*
 * More code than a small cache holds, run and replaced by several threads at once, with signals and forks between.
 */
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FUNCS = 6000, BYTES = 64, THREADS = 3 };

static char *area;
static _Atomic int bad, ticks;

/* Function n: a0 = a0 * 1 + n, by way of 14 instructions. */
static void make(char *p, uint32_t n)
{
    uint32_t code[16], k = 0;
    code[k++] = (n & 0x7ff) << 20 | 0x00050513;          /* addi a0, a0, low */
    code[k++] = (n >> 11) << 20 | 0x00000593;            /* li a1, high */
    code[k++] = 0x00b59593;                              /* slli a1, a1, 11 */
    code[k++] = 0x00b50533;                              /* add a0, a0, a1 */
    for (int i = 0; i < 5; i++) {
        code[k++] = 0x00350513;                          /* addi a0, a0, 3 */
        code[k++] = 0xffd50513;                          /* addi a0, a0, -3 */
    }
    code[k++] = 0x00008067;
    memcpy(p, code, k * 4);
}

static unsigned long expected(uint32_t n, unsigned long a)
{
    return a + (n & 0x7ff) + ((unsigned long)(n >> 11) << 11);
}

static void *worker(void *arg)
{
    unsigned long long seed = (unsigned long)arg;
    for (int i = 0; i < 60000; i++) {
        uint32_t n = (uint32_t)(check_random(&seed) % FUNCS);
        unsigned long a = (unsigned long)seed >> 20;
        if (((unsigned long (*)(unsigned long))(area + n * BYTES))(a) != expected(n, a))
            atomic_fetch_add(&bad, 1);
    }
    /* a part of our own, written anew again and again */
    char *mine = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (uint32_t i = 0; i < 300; i++) {
        make(mine, i + 17);
        __builtin___clear_cache(mine, mine + 64);
        for (int k = 0; k < 12; k++)
            if (((unsigned long (*)(unsigned long))mine)(k) != expected(i + 17, (unsigned long)k))
                atomic_fetch_add(&bad, 1);
    }
    munmap(mine, 4096);
    return NULL;
}

static void tick(int sig)
{
    (void)sig;
    unsigned long n = (unsigned long)atomic_fetch_add(&ticks, 1) % FUNCS;
    if (((unsigned long (*)(unsigned long))(area + n * BYTES))(5) != expected((uint32_t)n, 5))
        atomic_fetch_add(&bad, 1);
}

int main(void)
{
    pthread_t t[THREADS];
    struct sigaction sa = {.sa_handler = tick, .sa_flags = SA_RESTART};
    struct itimerval it = {{0, 1000}, {0, 1000}};
    area = mmap(NULL, FUNCS * BYTES, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (uint32_t n = 0; n < FUNCS; n++)
        make(area + n * BYTES, n);
    __builtin___clear_cache(area, area + FUNCS * BYTES);
    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &it, NULL);
    for (long i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, worker, (void *)(i + 1));
    for (int i = 0; i < 5; i++) {
        int status = -1;
        pid_t pid = fork();
        if (!pid) {
            atomic_store(&bad, 0);
            for (uint32_t n = 0; n < FUNCS; n++)
                if (((unsigned long (*)(unsigned long))(area + n * BYTES))(n) != expected(n, n))
                    _exit(1);
            _exit(0);
        }
        while (waitpid(pid, &status, 0) < 0)
            ;
        CHECK(status == 0, "child: status %#x", status);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    CHECK(atomic_load(&bad) == 0, "%d wrong results", atomic_load(&bad));
    return check_done();
}

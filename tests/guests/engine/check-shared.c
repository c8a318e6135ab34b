/*
 * Threads that fight over memory, and a file that ends within its mapping: --check=exec must not take either for its own mistake.
 */
#include "check.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static _Atomic unsigned locked;
static volatile unsigned long guarded, racy;
static _Atomic unsigned long counted;
static sigjmp_buf back;
static volatile int bus;

static void *fight(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3000; i++) {
        while (atomic_exchange(&locked, 1))
            usleep(0);
        guarded++;
        atomic_store(&locked, 0);
        atomic_fetch_add(&counted, 1);
        racy += 3;
    }
    return NULL;
}

static void on_bus(int sig, siginfo_t *info, void *uc)
{
    (void)sig, (void)info, (void)uc;
    bus++;
    siglongjmp(back, 1);
}

/* Loads before and behind the end of a one-page file, often enough to be translated. */
static void short_file(void)
{
    int fd = memfd_create("short", 0);
    CHECK(ftruncate(fd, 100) == 0, "ftruncate");
    volatile char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    for (volatile int i = 0; i < 40; i++) {
        volatile int at = i % 2 ? 4096 : 50;
        if (!sigsetjmp(back, 1)) {
            p[at]++;
            CHECK(at == 50, "no SIGBUS");
        }
    }
    CHECK(bus == 20 && p[50] == 20, "bus %d, count %d", bus, p[50]);
    close(fd);
}

int main(void)
{
    pthread_t t[3];
    struct sigaction sa = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGBUS, &sa, NULL);
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, fight, NULL);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    CHECK(guarded == 9000 && counted == 9000 && racy <= 27000, "%lu %lu %lu", guarded, counted, racy);
    short_file();

    /* another process writes */
    _Atomic unsigned *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = fork();
    for (int i = 0; i < 5000; i++)
        shared[0]++;
    if (!pid)
        _exit(0);
    waitpid(pid, NULL, 0);
    CHECK(shared[0] == 10000, "%u", shared[0]);
    return check_done();
}

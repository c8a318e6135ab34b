/*
 * Threads that map, change and unmap code while another forks: both sides take several locks of btv, in one order, and the child may
 * not free what a thread that it does not have was changing.
 * modes: default hot flush alloc
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int stop;

/* li a0, n; ret */
static void put_code(unsigned *p, unsigned n)
{
    p[0] = n << 20 | 0x513;
    p[1] = 0x8067;
}

static void *mapper(void *arg)
{
    long bad = 0;
    (void)arg;
    for (unsigned n = 1; !stop; n = n % 1000 + 1) {
        unsigned *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        put_code(p, n);
        mprotect(p, 8192, PROT_READ | PROT_EXEC);
        bad += ((int (*)(void))p)() != (int)n;
        mprotect(p, 4096, PROT_READ | PROT_WRITE);
        put_code(p, n + 1);
        mprotect(p, 4096, PROT_READ | PROT_EXEC);
        bad += ((int (*)(void))p)() != (int)n + 1;
        munmap(p, 8192);
    }
    return (void *)bad;
}

int main(void)
{
    pthread_t id[2];
    long bad = 0;
    alarm(170); /* instead of hanging */
    for (int i = 0; i < 2; i++)
        pthread_create(&id[i], NULL, mapper, NULL);
    for (int i = 0; i < 300; i++) {
        int status;
        pid_t pid = fork();
        if (!pid) {
            unsigned *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            put_code(p, 7);
            mprotect(p, 4096, PROT_READ | PROT_EXEC);
            _exit(((int (*)(void))p)());
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 7)
            bad++;
    }
    stop = 1;
    for (int i = 0; i < 2; i++) {
        void *r;
        pthread_join(id[i], &r);
        bad += (long)r;
    }
    printf("%d passed, %d failed\n", bad == 0, bad != 0);
    return bad != 0;
}

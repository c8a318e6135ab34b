/*
 * A thread calls code that another one keeps taking away and putting back, by unmapping it and by truncating the file behind it:
 * each call either works or faults in the guest, whatever btv was reading at that moment.
 * modes: default hot flush alloc
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PLACE ((unsigned *)0x20000000)
#define ROUNDS 1500

static volatile int stop;
static volatile long worked;
static sigjmp_buf back;
static int fd;

static void on_fault(int sig)
{
    (void)sig;
    siglongjmp(back, 1);
}

/* A page of one long function that returns 7, in a file. */
static void put_code(void)
{
    static unsigned code[1024];
    for (unsigned i = 0; i < 1022; i++)
        code[i] = 0x13; /* nop */
    code[1022] = 7 << 20 | 0x513;
    code[1023] = 0x8067;
    if (pwrite(fd, code, 4096, 0) != 4096)
        abort();
}

static void *taker(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        mmap(PLACE, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, 0);
        if (i % 3 == 0)
            __builtin___clear_cache((char *)PLACE, (char *)PLACE + 4096);
        usleep(i % 50);
        if (i % 100 == 0) /* once in a while as long as a call takes, however slow: the alarm ends what never works */
            for (long seen = worked; worked == seen;)
                usleep(50);
        if (i & 1) {
            munmap(PLACE, 4096);
        } else {
            if (ftruncate(fd, 0))
                abort();
            usleep(i % 20);
            put_code();
        }
    }
    stop = 1;
    return NULL;
}

int main(void)
{
    pthread_t id;
    volatile long faulted = 0, bad = 0;
    struct sigaction sa = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};
    fd = memfd_create("code", 0);
    put_code();
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
    sigaction(SIGILL, &sa, NULL); /* zeros, before they are code again */
    alarm(170);
    pthread_create(&id, NULL, taker, NULL);
    while (!stop) {
        if (sigsetjmp(back, 0)) {
            faulted++;
            continue;
        }
        if (((int (*)(void))PLACE)() == 7)
            worked++;
        else
            bad++;
    }
    pthread_join(id, NULL);
    printf("%d passed, %d failed\n", !bad && worked && faulted, bad || !worked || !faulted);
    return bad || !worked || !faulted;
}

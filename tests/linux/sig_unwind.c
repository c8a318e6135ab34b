/*
 * Guest test: control flow that leaves signal handlers by other ways than returning: backtraces through signal frames,
 * pthread_cancel of threads that wait, compute or run a handler, coroutines that switch inside handlers, siglongjmp out of
 * nested handlers on an alternate stack.  The same source built for the host gives the expected results.
 */
#include "../check.h"

#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

static char altstack[256 * 1024];

static void set(int sig, void (*fn)(int), int flags)
{
    struct sigaction sa = {.sa_handler = fn, .sa_flags = flags};
    sigaction(sig, &sa, NULL);
}

/* -- backtraces ---------------------------------------------------------------------------------------------- */

static void *frames[64];
static volatile int nframes; /* volatile: raise is declared as a leaf */
static volatile uintptr_t fault_pc;

static void trace(int sig, siginfo_t *info, void *context)
{
    const ucontext_t *uc = context;
    (void)sig;
    (void)info;
#ifdef __riscv
    fault_pc = uc->uc_mcontext.__gregs[REG_PC];
#else
    fault_pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
#endif
    nframes = backtrace(frames, 64);
}

static void trace_and_skip(int sig, siginfo_t *info, void *context);

static bool in_frames(uintptr_t start, uintptr_t bytes)
{
    for (int i = 0; i < nframes; i++)
        if ((uintptr_t)frames[i] >= start && (uintptr_t)frames[i] < start + bytes)
            return true;
    return false;
}

static sigjmp_buf out;
__attribute__((noinline)) static void fault_here(volatile int *p)
{
    *p = 1;
    __asm__ volatile("" ::: "memory");
}
__attribute__((noinline)) static void calls_it(volatile int *p)
{
    fault_here(p);
    __asm__ volatile("" ::: "memory"); /* no tail call */
}

static void trace_and_skip(int sig, siginfo_t *info, void *context)
{
    trace(sig, info, context);
    siglongjmp(out, 1);
}

static _Unwind_Reason_Code count_frame(struct _Unwind_Context *c, void *arg)
{
    int before = 0;
    uintptr_t ip = _Unwind_GetIPInfo(c, &before);
    if (before && ip == fault_pc)
        ++*(int *)arg;
    return _URC_NO_REASON;
}

static int exact;
static void unwind_exact(int sig, siginfo_t *info, void *context)
{
    trace(sig, info, context);
    _Unwind_Backtrace(count_frame, &exact);
    siglongjmp(out, 1);
}

__attribute__((noinline, noclone)) static void test_backtrace(int flags)
{
    struct sigaction sa = {.sa_sigaction = trace, .sa_flags = SA_SIGINFO | flags};
    sigaction(SIGUSR1, &sa, NULL);
    nframes = 0;
    raise(SIGUSR1);
    CHECK(nframes > 3 && in_frames((uintptr_t)test_backtrace, 4096) && in_frames(fault_pc, 1), "%d frames", nframes);
    sa.sa_sigaction = trace_and_skip;
    sigaction(SIGSEGV, &sa, NULL);
    nframes = 0;
    if (!sigsetjmp(out, 1))
        calls_it((int *)16);
    CHECK(in_frames((uintptr_t)fault_here, 64) && in_frames((uintptr_t)calls_it, 64) && in_frames(fault_pc, 1), "%d frames", nframes);
    sa.sa_sigaction = unwind_exact;
    sigaction(SIGSEGV, &sa, NULL);
    exact = 0;
    if (!sigsetjmp(out, 1))
        calls_it((int *)16);
    CHECK(exact == 1, "the interrupted frame is one whose address is not of a return: %d", exact);
}

/* -- cancellation -------------------------------------------------------------------------------------------- */

static _Atomic int cleaned, started;
static void clean(void *arg)
{
    atomic_fetch_add(&cleaned, (int)(intptr_t)arg);
}

static int pipe_fd[2], sockets[2];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t sem;

static void wait_read(void)
{
    char c;
    (void)!read(pipe_fd[0], &c, 1);
}
static void wait_recv(void)
{
    char c;
    recv(sockets[0], &c, 1, 0);
}
static void wait_poll(void)
{
    poll(NULL, 0, -1);
}
static void wait_sleep(void)
{
    sleep(1000);
}
static void wait_cond(void)
{
    pthread_mutex_lock(&lock);
    pthread_cleanup_push((void (*)(void *))(void *)pthread_mutex_unlock, &lock);
    for (;;)
        pthread_cond_wait(&cond, &lock);
    pthread_cleanup_pop(1);
}
static void wait_sem(void)
{
    sem_wait(&sem);
}
static void wait_signal(void)
{
    sigset_t s;
    int sig;
    sigemptyset(&s);
    sigaddset(&s, SIGUSR2);
    sigwait(&s, &sig);
}
static void wait_pause(void)
{
    pause();
}
static void wait_child(void)
{
    waitpid(-1, NULL, 0);
}
static void wait_write(void)
{
    static char big[1 << 20];
    for (;;)
        (void)!write(pipe_fd[1], big, sizeof big);
}
static volatile double sum;
static void compute(void)
{
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    for (;;)
        sum = sum * 0.5 + 1;
}
static void test_points(void)
{
    for (;;)
        pthread_testcancel();
}
static void (*const bodies[])(void) = {wait_read,  wait_recv,  wait_poll,  wait_sleep, wait_cond, wait_sem,
                                       wait_signal, wait_pause, wait_child, wait_write, compute,   test_points};

static void *cancelled(void *arg)
{
    void (*body)(void) = *(void (*const *)(void))arg;
    pthread_cleanup_push(clean, (void *)1);
    pthread_cleanup_push(clean, (void *)256);
    atomic_fetch_add(&started, 1);
    body();
    pthread_cleanup_pop(0);
    pthread_cleanup_pop(0);
    return NULL;
}

static void test_cancel(void)
{
    pid_t child = fork();
    if (!child) {
        pause();
        _exit(0);
    }
    for (unsigned i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        for (int late = 0; late < 2; late++) {
            pthread_t t;
            void *result = NULL;
            cleaned = started = 0;
            if (pthread_create(&t, NULL, cancelled, (void *)&bodies[i]))
                abort();
            while (!started)
                sched_yield();
            if (late)
                usleep(10000);
            CHECK(pthread_cancel(t) == 0 && pthread_join(t, &result) == 0, "body %u", i);
            CHECK(result == PTHREAD_CANCELED && cleaned == 257, "body %u, late %d: result %p, cleaned %d", i, late, result, cleaned);
        }
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* Cancelled inside a handler that interrupted computation: the handlers' and the thread's cleanups run. */
static void waiting_handler(int sig)
{
    (void)sig;
    pthread_cleanup_push(clean, (void *)65536);
    atomic_fetch_add(&started, 1);
    pause();
    pthread_cleanup_pop(0);
}
static void spin(void)
{
    for (;;)
        sum = sum * 0.5 + 1;
}
static void (*spin_body)(void) = spin;

static void test_cancel_in_handler(void)
{
    pthread_t t;
    void *result = NULL;
    set(SIGUSR1, waiting_handler, 0);
    cleaned = started = 0;
    pthread_create(&t, NULL, cancelled, &spin_body);
    while (started < 1)
        sched_yield();
    usleep(2000);
    pthread_kill(t, SIGUSR1);
    while (started < 2)
        sched_yield();
    pthread_cancel(t);
    pthread_join(t, &result);
    CHECK(result == PTHREAD_CANCELED && cleaned == 65536 + 257, "cleaned %x", cleaned);
}

/* -- coroutines ---------------------------------------------------------------------------------------------- */

enum { COROUTINES = 3 };
static ucontext_t scheduler, coroutine[COROUTINES];
static char coroutine_stack[COROUTINES][64 * 1024];
static volatile long steps[COROUTINES];
static volatile int switches, current;
static volatile double fp_error;

static void hold_alarm(int how)
{
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, SIGALRM);
    sigprocmask(how, &s, NULL);
}

static void work(int id, int multiplier)
{
    double x = id + 1;
    hold_alarm(SIG_UNBLOCK);
    for (;;) {
        x = x * 2;
        steps[id] += multiplier;
        x = x / 2;
        if (x != id + 1)
            fp_error = x;
    }
}

static void tick_every(int us)
{
    const struct itimerval it = {{0, us}, {0, us}};
    setitimer(ITIMER_REAL, &it, NULL);
}

static void preempt(int sig)
{
    (void)sig;
    int from = current;
    bool all_ran = steps[0] > 0 && steps[1] > 0 && steps[2] > 0; /* a tick may be shorter than a step, on a busy machine */
    if (++switches >= 300 && (all_ran || switches >= 2100)) {
        swapcontext(&coroutine[from], &scheduler);
        return;
    }
    if (switches % 300 == 0)
        tick_every(1000 << switches / 300);
    current = (from + 1) % COROUTINES;
    swapcontext(&coroutine[from], &coroutine[current]);
}

/*
 * A scheduler of threads in user mode: each tick leaves the handler of one coroutine and returns into that of another.  They start with the signal held: swapcontext
 * opens the mask first, and a tick in between would save its own middle as the coroutine that it was about to start, for good.
 */
static void test_preempted(void)
{
    hold_alarm(SIG_BLOCK);
    for (int i = 0; i < COROUTINES; i++) {
        getcontext(&coroutine[i]);
        coroutine[i].uc_stack.ss_sp = coroutine_stack[i];
        coroutine[i].uc_stack.ss_size = sizeof coroutine_stack[i];
        coroutine[i].uc_link = NULL;
        makecontext(&coroutine[i], (void (*)(void))(void *)work, 2, i, i + 1);
    }
    hold_alarm(SIG_UNBLOCK);
    set(SIGALRM, preempt, SA_RESTART);
    switches = 0;
    tick_every(1000);
    current = 0;
    swapcontext(&scheduler, &coroutine[0]);
    tick_every(0);
    signal(SIGALRM, SIG_IGN); /* more came if a tick was faster than the two calls above: it goes back to the scheduler, too */
    CHECK(switches >= 300 && fp_error == 0, "%d switches, %g", switches, fp_error);
    for (int i = 0; i < COROUTINES; i++)
        CHECK(steps[i] > 0 && steps[i] % (i + 1) == 0, "coroutine %d: %ld steps in %d switches", i, steps[i], switches);
    sigset_t s;
    sigprocmask(SIG_SETMASK, NULL, &s);
    CHECK(!sigismember(&s, SIGALRM), "the mask went with the context");
}

static ucontext_t ring[4];
static volatile int turns;
static void turn(int id)
{
    for (;;) {
        turns++;
        swapcontext(&ring[id], &ring[turns >= 30000 ? 0 : id % 3 + 1]);
    }
}

static volatile int linked;
static void ends(void)
{
    linked++;
}

static void test_coroutines(void)
{
    for (int i = 1; i < 4; i++) {
        getcontext(&ring[i]);
        ring[i].uc_stack.ss_sp = coroutine_stack[i - 1];
        ring[i].uc_stack.ss_size = sizeof coroutine_stack[0];
        makecontext(&ring[i], (void (*)(void))(void *)turn, 1, i);
    }
    swapcontext(&ring[0], &ring[1]);
    CHECK(turns == 30000, "%d", turns);
    getcontext(&ring[1]);
    ring[1].uc_stack.ss_sp = coroutine_stack[0];
    ring[1].uc_stack.ss_size = sizeof coroutine_stack[0];
    ring[1].uc_link = &ring[0];
    makecontext(&ring[1], ends, 0);
    swapcontext(&ring[0], &ring[1]);
    CHECK(linked == 1, "%d", linked);
    volatile int again = 0;
    getcontext(&ring[2]);
    if (again++ < 100)
        setcontext(&ring[2]);
    CHECK(again == 101, "%d", again);
}

/* -- jumps --------------------------------------------------------------------------------------------------- */

static sigjmp_buf levels[8];
static volatile int level, reached, on_alt;

static void deeper(int sig)
{
    char here;
    on_alt += &here >= altstack && &here < altstack + sizeof altstack;
    if (++level < 8) {
        if (!sigsetjmp(levels[level], 1)) {
            if (sig == SIGSEGV)
                *(volatile int *)8 = 1;
            raise(sig);
        }
        reached++;
        level--;
    }
    siglongjmp(levels[level > 7 ? 7 : level], 1);
}

static void test_nested_jumps(int sig)
{
    sigset_t before, after;
    stack_t ss;
    set(sig, deeper, SA_ONSTACK | SA_NODEFER);
    sigprocmask(SIG_SETMASK, NULL, &before);
    for (int i = 0; i < 200; i++) {
        level = reached = on_alt = 0;
        if (!sigsetjmp(levels[0], 1)) {
            if (sig == SIGSEGV)
                *(volatile int *)8 = 1;
            raise(sig);
        }
        CHECK(on_alt == 8 && reached == 8, "round %d: level %d, %d on the alternate stack, %d reached", i, level, on_alt, reached);
    }
    sigaltstack(NULL, &ss);
    CHECK(ss.ss_flags == 0, "still on the alternate stack: %x", ss.ss_flags);
    sigprocmask(SIG_SETMASK, NULL, &after);
    CHECK(memcmp(&before, &after, 8) == 0, "mask changed");
}

int main(void)
{
    const stack_t ss = {.ss_sp = altstack, .ss_size = sizeof altstack};
    sigaltstack(&ss, NULL);
    if (pipe(pipe_fd) || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
        return 1;
    sem_init(&sem, 0, 0);
    test_backtrace(0);
    test_backtrace(SA_ONSTACK);
    test_coroutines();
    test_preempted();
    test_nested_jumps(SIGUSR2);
    test_nested_jumps(SIGSEGV);
    test_cancel();
    test_cancel_in_handler();
    return check_done();
}

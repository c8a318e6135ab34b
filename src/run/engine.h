/*
 * The engine: runs guest threads by interpreting cold code and emitting host code for the rest.
 *
 * It knows no guest and no operating system: guests come as struct guest_isa, memory as struct mem_space, and whatever
 * a guest thread asks for (system call, exception) is returned to the caller, the personality.
 */
#ifndef BTV_RUN_ENGINE_H
#define BTV_RUN_ENGINE_H

#include <signal.h>

#include "base/err.h"
#include "guest/guest.h"
#include "mem/mem.h"

struct engine;
struct engine_thread;

/* Where guest memory comes from, by a name that is the same in other processes. */
struct engine_place {
    uint64_t start, end; /* in: the address and the one behind it; out: what the answer holds for */
    uint64_t offset;     /* of start in the file; start itself if there is none */
    char *name;          /* of the file; "" if there is none */
    size_t name_bytes;
};

/* Settings; zero means the default everywhere. */
struct engine_config {
#define CHAOS(member, key, min, max, draw_lo, draw_hi, meaning) uint64_t member;
#include "run/chaos.def"
#undef CHAOS
#define TUNE(name, dflt, min, max, meaning) uint64_t tune_##name; /* the value + 1 */
#include "run/tuning.def"
#undef TUNE
    bool timed;               /* measure what translation takes (--stats) */
    uint64_t cache_bytes;     /* bound of the code cache (--code-cache-mib); default: cache_kib of tuning.def */
    bool interpret_only;      /* --tier=interp */
    bool check_exec;          /* --check=exec: every block also interpreted and compared */
    uint64_t jit_lo, jit_hi;  /* translate only blocks that start in [jit_lo, jit_hi), interpret the others; 0, 0: all */
    unsigned host_features;   /* mask of host CPU features to avoid */
    bool perf_map;            /* write /tmp/perf-PID.map */
    int record_fd;            /* where translations are recorded (run/replay.h), appended to by forked processes, too; 0: nowhere */
    int store_fd;             /* the directory in which translations are kept from process to process (run/store.h); 0: they are not */
    const char *guest_cpu;    /* what guest->select was given, or NULL: kept translations depend on it */
    int replay_fd;            /* a recording: translate this code and no other; 0: none.  Read by engine_new */
    void (*place)(void *ctx, uint64_t pc, struct engine_place *at); /* for both; NULL: addresses count */
    void *place_ctx;
};

enum engine_stop {
    ENGINE_SYSCALL,   /* slot pc is already past the instruction */
    ENGINE_TRAP,      /* cpu->trap; slot pc is at the instruction */
    ENGINE_INTERRUPT, /* engine_interrupt was called; slot pc is where to continue */
    ENGINE_ERROR,     /* btv itself failed; engine_error() has the text */
};

BTV_NODISCARD enum btv_status engine_new(const struct engine_config *cfg, const struct guest_isa *guest, struct mem_space *mem, struct engine **out,
                                         struct btv_error *err);
void engine_free(struct engine *e);

/* One per guest thread, run by the host thread that owns it. */
BTV_NODISCARD enum btv_status engine_thread_new(struct engine *e, struct engine_thread **out);
/* Not from inside engine_run. */
void engine_thread_free(struct engine_thread *t);
struct cpu *engine_cpu(struct engine_thread *t);

/* Runs until something concerns the personality. */
enum engine_stop engine_run(struct engine_thread *t);
const struct btv_error *engine_error(const struct engine_thread *t);

/* Makes engine_run of t return ENGINE_INTERRUPT soon.  Async-signal-safe, from any thread. */
void engine_interrupt(struct engine_thread *t);

/*
 * To be called first by the host's handler for SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGTRAP, on the thread that
 * faulted.  True: the fault belonged to guest code; *uc is changed so that engine_run returns ENGINE_TRAP.
 * False: not ours.
 */
bool engine_host_fault(struct engine_thread *t, int sig, const siginfo_t *info, void *uc);

/* Is the host pc of *uc in emitted code?  For reports. */
bool engine_in_code(const struct engine *e, const void *uc);
/* One line for crash reports: guest pc, block, tier, command that shows the block.  uc: of the signal, or NULL.  Takes no lock. */
void engine_describe(struct engine_thread *t, const void *uc, struct str *s);

/* Guest bytes [start, end) may have changed or lost their execute permission. */
void engine_invalidate(struct engine *e, uint64_t start, uint64_t end);
/* The guest's own "make my stores in [start, end) executable".  It is then expected to say so for all stores to code near there. */
void engine_announce(struct engine *e, uint64_t start, uint64_t end);
/* The guest's own "make my stores executable" without a range: revalidates code on writable or shared pages. */
void engine_isync(struct engine *e);

/*
 * Other processors may look at this memory from now on: a second thread, another process, the kernel through a shared ring.  Until then
 * emitted code leaves out the locks and fences that only they could miss.  Not from emitted code; before the other one can run.
 */
void engine_share(struct engine *e);

/*
 * No host thread but those of engine_thread_new is in this process after the first call, and until the second.  For what the
 * kernel refuses to a process of several threads.  Not from engine_run.
 */
void engine_tier_stop(struct engine *e);
void engine_tier_resume(struct engine *e);
/* Before the first engine_run: the program starts with a dynamic linker, so that much is executed before anything is worth a thread. */
void engine_expect_linker(struct engine *e);
/* Host threads in this process that engine_thread_new has not made. */
unsigned engine_own_threads(struct engine *e);

/* Around fork() in the forking thread.  After engine_fork_child, t is the only thread. */
void engine_fork_prepare(struct engine *e);
void engine_fork_parent(struct engine *e);
void engine_fork_child(struct engine *e, struct engine_thread *t);

/*
 * Keeps what was translated for later processes, if there is a store.  Before the process ends or becomes another program: guest threads other than t,
 * whose engine_run must not be on, stay out of emitted code meanwhile.
 */
void engine_keep(struct engine_thread *t);

void engine_print_stats(struct engine *e, struct str *s);

#endif

/*
 * The Linux process personality: structs shared by its files.
 *
 *   sys.def/sys.c    the system-call table, dispatch, pointer checks      strace.h --strace
 *   loader.c         ELF -> memory, stack, auxv          exec.c   execve, #!, running ourselves again
 *   mm.c             mmap family, brk                    path.c   -L ROOT look-up
 *   fs.c proc.c      files, /proc as the guest sees it   net.c time.c ipc.c misc.c
 *   signal.c         host signals <-> guest signals      frame of the ABI in abi/<isa>.c
 *   sigshared.c      what threads share of them          procmem.c  memory of processes by /proc and by number
 *   coredump.c       core files of guests
 *   thread.c         clone, fork, vfork, exit, futex glue
 *   abi/<isa>.c      everything that depends on the guest's instruction set: struct layouts, signal frame, vDSO, auxv
 *
 * A guest address is a host address.  A guest thread is a host thread, its tid the host's.
 */
#ifndef BTV_LINUX_LINUX_H
#define BTV_LINUX_LINUX_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"
#include "base/trace.h"
#include "guest/guest.h"
#include "mem/mem.h"
#include "run/engine.h"

#define LINUX_NSIG 64
#define LINUX_SYNC_MAX 11 /* SIGSEGV, the highest signal of a fault */
#define LINUX_CORE_REGS_MAX 512
#define LINUX_ERESTARTSYS 512          /* internal: restart if SA_RESTART, else EINTR */
#define LINUX_ERESTARTNOHAND 514       /* internal: restart if no handler ran, else EINTR */
#define LINUX_ERESTART_RESTARTBLOCK 516 /* internal: restart_syscall(2) continues it, EINTR if a handler ran */
#define LINUX_SIGRETURN_DONE 0x7fff0001L /* internal: registers are already as they should be (rt_sigreturn, execve) */

/* Host fds that belong to btv are moved to numbers >= this when the limits allow. */
#define LINUX_PRIVATE_FD_MIN 1024
#define LINUX_STACK_UNLIMITED (256ull << 20) /* what a stack without a limit may have */

struct linux_process;
struct seccomp_filter;
struct linux_uring;
struct linux_thread;
struct linux_shm_attach;

/* Kernel's struct sigaction of 64-bit generic ABIs (riscv64, arm64): no restorer. */
struct linux_sigaction {
    uint64_t handler;
    uint64_t flags;
    uint64_t mask; /* bit n-1 is signal n */
};

/* What CLONE_SIGHAND shares: between threads as part of their process, between processes in the same memory by pointing to it. */
struct linux_sighand {
    pthread_mutex_t lock;    /* also held while the host's table is changed, which is shared in the same way */
    _Atomic unsigned users;  /* structs linux_process that point here */
    struct linux_sigaction action[LINUX_NSIG + 1];
};

struct linux_altstack {
    uint64_t sp;
    uint32_t flags, pad;
    uint64_t size;
};

/* What a guest instruction set's Linux ABI supplies: abi/<isa>.c. */
struct linux_abi {
    const struct guest_isa *guest;
    bool generic_table;      /* system-call numbers: the `generic` column of sys.def, else `x86_64` */
    unsigned slot_nr, slot_ret, slot_arg[6], slot_sp, slot_tls, slot_pc;
    const char *uname_machine, *uname_compat; /* the latter with personality(PER_LINUX32) */
    uint32_t audit_arch;     /* AUDIT_ARCH_ of linux/audit.h */
    uint64_t (*hwcap)(const struct linux_process *p);
    const char *platform;    /* AT_PLATFORM or NULL */
    const char *ld_name;     /* informative: usual interpreter */
    void (*cpuinfo)(const struct linux_process *p, struct str *s);           /* /proc/cpuinfo */
    /* The page(s) of code the guest's kernel would map: vDSO with sigreturn trampoline. ELF image to map. */
    const void *vdso;
    size_t vdso_bytes;
    uint64_t vdso_sigreturn; /* offset of the sigreturn code in it */
    /* Signal frame: builds it on the stack and sets registers so that the handler starts.  False: stack not writable. */
    bool (*push_frame)(struct linux_thread *t, int sig, const siginfo_t *info, const struct linux_sigaction *sa, uint64_t old_mask);
    /* rt_sigreturn: registers and *mask from the frame at sp.  False: bad frame. */
    bool (*pop_frame)(struct linux_thread *t, uint64_t *mask);
    /* struct stat of the guest from the host's; the other structs that differ from the host's. */
    void (*put_stat)(void *guest, const void *host_stat /* struct stat */);
    unsigned stat_bytes;
    uint8_t stat_mode_at, stat_size_at, stat_rdev_at; /* where those members are in it */
    unsigned min_sigstack;   /* AT_MINSIGSTKSZ; 0: not given */
    unsigned syscall_bytes;  /* length of the system-call instruction: restarting means pc - syscall_bytes */
    const struct sys_row *sys_rows; /* system calls of this instruction set alone, by their `generic` numbers */
    unsigned nsys_rows;
    /* prctl options of this instruction set: false if the option is not one. NULL: there are none. */
    bool (*prctl)(struct linux_thread *t, const uint64_t a[6], int64_t *ret);
    /* Behind the instruction that only the vDSO may use (struct guest_hostcall); NULL: there is none. */
    cpu_helper_fn *hostcall;
    /* Core files: pr_reg and the NT_PRFPREG note, of at most LINUX_CORE_REGS_MAX bytes each.  NULL: no core files. */
    unsigned core_regs_bytes, core_fpregs_bytes;
    void (*core_regs)(const struct cpu *cpu, void *out);
    void (*core_fpregs)(const struct cpu *cpu, void *out);
};
extern const struct linux_abi linux_abi_riscv64;
const struct linux_abi *linux_abi_for(const struct guest_isa *g);

/* A limit that is kept for the guest instead of being the host's (misc.c). */
struct linux_rlimit {
    uint64_t cur, max;
    bool set;
};

/* What execve hands over of them: HANDOVER_NUMBERS in exec.c. */
struct linux_limits {
    struct linux_rlimit as, data, stack, files;
};

struct strace_shared;

struct linux_strace_options {
    bool on;
    unsigned bytes;          /* of a string or buffer that are shown; 0: the default */
    const char *set;         /* names and %classes of the calls that are shown, "!" before them for all others; NULL: all */
    bool times;              /* how long each call took */
    unsigned stamp;          /* when: 1 the time of day, 2 with microseconds, 3 seconds since 1970 */
    bool since_last;         /* how long since the last line */
    int utc_offset;          /* seconds to add for the local time of day */
    bool paths;              /* of descriptors */
    unsigned count;          /* 1: a summary instead of the lines, 2: lines and summary */
    bool wall;               /* the summary is of real time, not processor time */
    const char *file;        /* one for each thread, FILE.TID in the directory `fd`; NULL: all goes to fd */
    int fd;                  /* private descriptor */
    int shared_fd;           /* private descriptor of struct strace_shared; 0: none */
    int alive_fd[2];         /* private pipe, whose end to write every process holds; 0: none */
    int exec_tid;            /* handed over by execve: who called it, with which number; 0: nobody */
    unsigned exec_nr;
};

struct linux_options {
    const char *root;        /* -L, or NULL */
    struct linux_strace_options strace;
    bool stats;
    bool show_emulator;      /* do not hide btv in /proc */
    const char *cpu;         /* --cpu string or NULL: everything */
    bool allow_native;       /* execve of a host program runs it */
    const char *execfn;      /* AT_EXECFN if it is not the path: handed over by execve */
    int exec_fd;             /* the program, already open (fexecve, binfmt_misc's AT_EXECFD), or -1; linux_load takes it */
    int seccomp_fd;          /* seccomp filters handed over by execve; 0: none */
    int self_fd;             /* btv's executable where /proc cannot name it: handed over by execve; 0: none */
    unsigned mdwe;           /* PR_SET_MDWE of the program that executed this one: PR_MDWE_ bits */
    bool keep_argv0;         /* AT_FLAGS has AT_FLAGS_PRESERVE_ARGV0: binfmt_misc's flag P */
    struct trace_config trace; /* topics 0: none; fd as strace.fd */
    struct linux_limits limits; /* at the start */
    struct engine_config engine;
};

struct linux_process {
    const struct linux_abi *abi;
    struct linux_options opt;
    struct engine *engine;
    struct mem_space *mem;
    uint64_t host_start_brk; /* where btv's own heap starts; 0: it has none, as far as is known */
    uint64_t host_start, host_end; /* btv's own memory below mem_high(mem) lies in it; empty if there is none */

    /* identity */
    char *exe_path;          /* as the guest sees it, absolute */
    char *exe_host;          /* as the host opens it */
    int exe_fd;              /* private O_PATH descriptor of the program, or -1 */
    int self_fd;             /* private descriptor of btv's own executable, or -1 */
    uint64_t self_dev, self_ino; /* of that file; ino 0: unknown */
    uint64_t published;      /* its own address once proc_publish has told it to others, who check that */
    uint64_t host_resident;  /* bytes of btv's own in memory when the guest began */
    const void *private_fds; /* the array behind linux_private_fds, for other btv processes */
    char *cmdline;           /* NUL-separated */
    size_t cmdline_bytes;
    uint64_t auxv_addr, auxv_bytes; /* copy for /proc/self/auxv, in guest memory */
    uint64_t arg_start, arg_end, env_start, env_end, start_code, end_code, start_data, end_data, start_brk, brk, start_stack, entry;
    uint64_t vdso_addr;
    struct linux_rlimit rlimit[16]; /* by RLIMIT_ number; under lock */
    uint64_t stack_limit;    /* guest RLIMIT_STACK at exec */
    int mlock_future;        /* MCL_ flags of mlockall for new mappings: memcalls.c */
    bool nofork;             /* a region may have MEM_NOFORK */
    _Atomic unsigned mdwe;   /* PR_SET_MDWE: what is not executable may not become so; also in opt, for execve */
    uint64_t mmap_base;      /* mappings without an address are placed below it, top-down */
    struct linux_uring *rings; /* uring.c's; under lock */
    struct linux_shm_attach *shm; /* mm.c's list of attached System V segments */
    pthread_mutex_t mm_lock; /* one change of the address space at a time; see linux_mm_fork_prepare */

    pthread_mutex_t turnover; /* taken before lock: while a thread is made, and passed by one that ends; clone.c's forks hold it */
    pthread_mutex_t lock;    /* threads list, brk */
    struct linux_thread *threads;
    unsigned helpers;        /* clone.c's host threads that wait for a process in the same memory; under lock */
    struct linux_sighand *sighand;
    _Atomic(void *) spare_signal[4]; /* signal_private of ended threads */
    /* Synchronous signals sent to the process that the thread which got them blocks: sigshared.c. */
    _Atomic uint64_t shared_claimed, shared_pending;
    siginfo_t shared_info[LINUX_SYNC_MAX + 1];
    int exit_code;           /* of the thread that ended last; under lock */
    _Atomic bool exiting;
    _Atomic bool dumping;    /* a thread writes a core file; the others rest: coredump.c */
    struct strace_shared *strace; /* strace_out.c's, shared with other processes; NULL without --strace */
    bool vfork_child;        /* this struct is the copy a vfork child works on */
    bool sync_core;          /* the guest itself registered for membarrier's SYNC_CORE, which the engine uses, too */
};

struct linux_sigqueue {
    struct linux_sigqueue *next;
    siginfo_t info;
};

struct linux_thread {
    struct linux_process *proc;
    struct linux_thread *prev, *next;
    struct engine_thread *et;
    struct cpu *cpu;
    pid_t tid;

    /* signals: owned by signal.c */
    uint64_t sigmask;              /* guest's */
    uint64_t saved_mask;           /* to restore after sigsuspend and the like */
    bool restore_mask;
    struct linux_altstack alt;
    struct linux_sigqueue *queue;  /* taken from the host, not yet delivered; pushed by the host handler */
    _Atomic uint64_t queued;       /* bits of the signals in the queue */
    void *signal_private;

    _Atomic(const struct seccomp_filter *) seccomp; /* the newest of its filters, or NULL: secfilter.c */
    struct { bool on; uint64_t start, len, selector; } dispatch; /* PR_SET_SYSCALL_USER_DISPATCH: secfilter.c */
    uint64_t clear_child_tid;      /* set_tid_address, CLONE_CHILD_CLEARTID */
    uint64_t robust_list, robust_len;
    uint64_t restart_nr;           /* the call that restart_syscall(2) continues */
    bool in_vfork_child;           /* on a stack of its own in memory shared with the parent: thread.c */
    _Atomic uint32_t go;           /* a new thread waits until its creator has written what the guest sees of it: clone.c */
    int apart;                     /* what it does not share with its creator: flags for unshare(2) */
    bool host_pthread;             /* runs on a pthread that linux_thread_loop returns to; else the loop ends with exit(2) */
    _Atomic bool begun;            /* its host thread runs code of ours */
    int exit_code;                 /* of exit(2) */
    bool dead;
    struct { int fd; pid_t tid; } strace; /* its file under -ff, opened by tid; strace_out.c */
};

/* The calling host thread's guest thread; NULL before the first. */
struct linux_thread *linux_self(void);
void linux_set_self(struct linux_thread *t);

/* -- sys.c ------------------------------------------------------------------------------------------------- */
enum linux_sys_flag {
    SYS_BLOCKS = 1 << 0,  /* may wait: signals interrupt it */
    SYS_PASS = 1 << 1,    /* layouts are the same: the checked arguments go straight to the host's call */
    SYS_MEMMAP = 1 << 2,  /* changes the address space */
    SYS_NORET = 1 << 3,
    SYS_REFUSE = 1 << 4,  /* fails with ENOSYS as a kernel without it would */
    SYS_EARLY = 1 << 6,   /* --strace shows its beginning before it is made, as it does of calls that wait: others begin in it */
    SYS_NOHAND = 1 << 5,  /* with BLOCKS: once a handler has run the call fails with EINTR, SA_RESTART or not */
};
/* Makes the system call the thread's registers ask for and stores the result; handles restart bookkeeping. */
void linux_syscall(struct linux_thread *t);

/*
 * The only way handlers make a host call that may wait: returns the kernel's result (-errno), -LINUX_ERESTARTSYS for an
 * interrupted call that it would restart, or -LINUX_ERESTARTNOINTR without making the call if a guest signal is deliverable: it came before the call,
 * which is made as a whole once the handler has returned.  No signal is lost between that check and the wait.  (signal.c)
 */
int64_t linux_wait_syscall(struct linux_thread *t, long nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);
/* A call that does not wait: raw, returns -errno, leaves errno alone. */
int64_t linux_host_syscall(long nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);

/* Guest memory access from handlers: a fault gives false (EFAULT), never a crash.  (sys.c, through process_vm-like probing
 * or a fixup in signal.c's fault handler.) */
bool linux_copy_in(void *dst, uint64_t src, size_t n);
bool linux_copy_out(uint64_t dst, const void *src, size_t n);
/* A NUL-terminated guest string of at most cap-1 bytes: length, -EFAULT or -ENAMETOOLONG. */
int64_t linux_copy_str(char *dst, uint64_t src, size_t cap);

/* -- loader.c, exec.c, path.c, mm.c ------------------------------------------------------------------------ */
/* Starts the process: loads `path` (a guest ELF or #! script), builds stack and registers of t. */
BTV_NODISCARD enum btv_status linux_load(struct linux_thread *t, const char *path, char **argv, char **envp, struct btv_error *err);
/* Guest path -> host path under -L rules; `out` holds PATH_MAX.  Returns 0 or -errno.
 * follow: whether the last component's symbolic link is followed. dirfd is the guest's. */
int linux_path(struct linux_thread *t, int dirfd, const char *guest, bool follow, char *out);
/* The same with every link followed, without a root too: up to a link of /proc, which is left. */
int linux_path_resolve(struct linux_thread *t, int dirfd, const char *guest, char *out);
/* The reverse, for getcwd, /proc/self/fd and maps: strips the root prefix in place. */
void linux_path_to_guest(const struct linux_process *p, char *host);
int64_t linux_execve(struct linux_thread *t, int dirfd, const char *guest_path, uint64_t argv, uint64_t envp, int flags);
uint64_t linux_mm_map_internal(struct linux_process *p, uint64_t len, uint32_t prot, uint32_t flags); /* for stack, vdso; 0 on failure */
/* Chooses the guest's address range around btv's own memory and records btv's memory in it as MEM_HOST. */
BTV_NODISCARD enum btv_status linux_mm_init(struct linux_process *p, struct btv_error *err);
/*
 * Around fork(): takes mm_lock, the engine's lock (engine_fork_prepare) and that of p->mem, in the order in which a change of the
 * address space takes them.  Done releases the first and the last in parent and child; engine_fork_parent or _child the engine's.
 */
void linux_mm_fork_prepare(struct linux_process *p);
void linux_mm_fork_done(struct linux_process *p);
/* After RLIMIT_STACK or RLIMIT_AS has changed: what is mapped of the stack is what may be used of it. */
void linux_mm_fit_stack(struct linux_process *p);
/* mmap for btv's own callers (loader, shmat): the kernel's arguments, result an address or -errno. */
int64_t linux_mm_mmap(struct linux_process *p, uint64_t addr, uint64_t len, int prot, int flags, int fd, uint64_t off);
/* A duplicate above the numbers that programs use; it survives execve if `across_exec`.  -1 and errno. */
int linux_dup_high(int fd, bool across_exec);
/* A descriptor of btv's own: moved out of the guest's numbers and close-on-exec; hidden from the guest. */
int linux_private_fd(int fd);
bool linux_is_private_fd(int fd);
void linux_private_close(int fd);
/* Has the calling thread this capability (CAP_ of linux/capability.h)? */
bool linux_capable(int cap);
/* The numbers of them: how many, at most max. */
unsigned linux_private_fds(int *out, unsigned max);

/* -- signal.c, thread.c ------------------------------------------------------------------------------------ */
void linux_signal_init(struct linux_process *p);        /* host handlers */
void linux_signal_thread_init(struct linux_thread *t);  /* signal_private, NULL: no memory */
void linux_signal_thread_start(const struct linux_thread *t); /* on its host thread: alternate host stack */
void linux_signal_thread_free(struct linux_thread *t);
/* Delivers what is deliverable; called between system calls and on ENGINE_INTERRUPT. `in_syscall`: result just set may need restart. */
void linux_signal_deliver(struct linux_thread *t);
bool linux_signal_pending(const struct linux_thread *t);
/* A synchronous guest exception becomes a signal with exact si_code and si_addr. */
void linux_trap(struct linux_thread *t);
/* A signal from btv itself to the current thread (SIGSEGV for a bad frame ...). */
void linux_force_signal(struct linux_thread *t, const siginfo_t *info);
BTV_NORETURN void linux_die_by_signal(int sig); /* without a core file */
/* The default action of most signals: death, with a core file for those that are due one. */
BTV_NORETURN void linux_die(struct linux_thread *t, const siginfo_t *info);
/* Just before the host's execve: dispositions and the calling thread's host mask become what the guest's are. */
void linux_signal_exec_reset(struct linux_process *p);

/* On the host thread that will run it.  NULL: out of memory. */
struct linux_thread *linux_thread_new(struct linux_process *p);
void linux_thread_free(struct linux_thread *t);
/* The loop of a guest thread; returns when the thread has ended. */
void linux_thread_loop(struct linux_thread *t);
BTV_NORETURN void linux_exit_group(struct linux_process *p, int code);

/* Runs a program: everything from options to the exit status (for cli/). Does not return on success. */
enum btv_status linux_run(const struct linux_options *opt, const struct guest_isa *guest, const char *path, char **argv, char **envp, struct btv_error *err);

#endif

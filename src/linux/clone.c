/*
 * clone, clone3, fork, vfork.
 *
 *   CLONE_THREAD            a detached pthread of the host, whose thread number is the guest's
 *   without CLONE_VM        fork(3) of the host's C library when the flags are plain, so that its locks survive in the
 *                           child; the raw call otherwise (namespaces, other exit signals, shared file tables ...)
 *   CLONE_VM, not a thread  a process in the same memory: the raw call with CLONE_VM | CLONE_VFORK on a fresh host stack.  The
 *                           kernel suspends the calling host thread until the child execs or ends, so the child may use its
 *                           thread-local storage meanwhile.  For a guest's vfork that is the guest's own thread; without
 *                           CLONE_VFORK a helper thread calls, and the guest's goes on.
 *
 * A child in shared memory works on copies of linux_process and linux_thread that its creator frees.  With CLONE_SIGHAND both
 * structs point to one table of handlers, and the host shares its own as well; what the child's end or execve leave there is put
 * right by the creator.
 */
#include "linux/thread.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <semaphore.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/chaos.h"
#include "base/heap.h"
#include "linux/mm.h"
#include "linux/sig.h"
#include "linux/sys.h"

#define THREAD_STACK_BYTES (512 * 1024)
#define CLONE3_SIZE_VER0 64
#define CLONE3_SIZE_MAX 88
#define PID_LEVELS 32 /* MAX_PID_NS_LEVEL */
#define PIDFD_THREAD_FLAG 0200 /* PIDFD_THREAD of pidfd_open(2): O_EXCL */

#define FLAG_CLEAR_SIGHAND UINT64_C(0x100000000)
#define FLAG_INTO_CGROUP UINT64_C(0x200000000)
#define FLAG_NEWTIME UINT64_C(0x80)
#define FLAGS_NAMESPACE \
    ((uint64_t)(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP) | FLAG_NEWTIME)
/* What the personality does itself, in the guest's terms. */
#define FLAGS_OURS ((uint64_t)(CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID))

/* struct clone_args of the kernel, which is what clone3 takes. */
struct clone_request {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
_Static_assert(sizeof(struct clone_request) == CLONE3_SIZE_MAX, "layout of clone_args");

/* A new thread or memory-sharing process, until it runs on its own.  Lives on the creator's stack. */
struct birth {
    struct linux_thread *parent;
    const struct clone_request *req;
    sem_t ready;
    int64_t result; /* thread number or -errno */
};

/* -- what all children have in common ------------------------------------------------------------------------ */

static void child_registers(struct linux_thread *t, const struct clone_request *req)
{
    const struct linux_abi *abi = t->proc->abi;
    t->cpu->slot[abi->slot_ret] = 0;
    if (req->stack)
        t->cpu->slot[abi->slot_sp] = req->stack + req->stack_size;
    if (req->flags & CLONE_SETTLS)
        t->cpu->slot[abi->slot_tls] = req->tls;
    t->clear_child_tid = req->flags & CLONE_CHILD_CLEARTID ? req->child_tid : 0;
}

static void store_tid(uint64_t addr, pid_t tid)
{
    const int32_t value = tid;
    (void)!linux_copy_out(addr, &value, sizeof value); /* the kernel ignores a bad pointer as well */
}

/* t, which is linked already, becomes a copy of `from`. */
static void child_copy(struct linux_thread *t, const struct linux_thread *from, const struct clone_request *req)
{
    linux_thread_copy_cpu(t, from);
    linux_signal_thread_copy(t, from);
    pthread_mutex_lock(&from->proc->lock); /* SECCOMP_FILTER_FLAG_TSYNC of another thread comes before or after */
    atomic_store(&t->seccomp, atomic_load(&from->seccomp));
    pthread_mutex_unlock(&from->proc->lock);
    /* kernel/fork.c: copy_process: a child in shared memory that does not borrow the stack has no alternate one */
    if ((req->flags & (CLONE_VM | CLONE_VFORK)) == CLONE_VM)
        t->alt = (struct linux_altstack){.flags = LINUX_SS_DISABLE};
    child_registers(t, req);
}

static void store_tids(const struct linux_thread *t, const struct clone_request *req)
{
    if (req->flags & CLONE_PARENT_SETTID)
        store_tid(req->parent_tid, t->tid);
    if (req->flags & CLONE_CHILD_SETTID)
        store_tid(req->child_tid, t->tid);
}

/* A copy of `from` on the calling host thread, ready for linux_thread_loop.  NULL: out of memory. */
static struct linux_thread *child_new(struct linux_process *p, const struct linux_thread *from, const struct clone_request *req)
{
    struct linux_thread *t = linux_thread_new(p);
    if (!t)
        return NULL;
    child_copy(t, from, req);
    linux_robust_reset(t);
    store_tids(t, req);
    return t;
}

static void announce(struct birth *b, int64_t result)
{
    b->result = result;
    sem_post(&b->ready);
}

static void await(sem_t *s)
{
    while (sem_wait(s))
        continue;
}

/* A pthread that nobody joins: 0 or -errno.  *tid: its thread number, for what it is worth if fn may have returned. */
static int start_pthread(struct linux_process *p, void *(*fn)(void *), void *arg, pid_t *tid)
{
    pthread_attr_t attr;
    pthread_t id;
    clockid_t clock;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES);
    pthread_mutex_lock(&p->turnover);
    int r = chaos_alloc_fails(CHAOS_NEEDED) ? EAGAIN : pthread_create(&id, &attr, fn, arg);
    pthread_mutex_unlock(&p->turnover);
    pthread_attr_destroy(&attr);
    if (r)
        return -r;
    /* its clock's number has the thread's in it: kernel, include/linux/posix-timers_types.h, CPUCLOCK_PID */
    *tid = pthread_getcpuclockid(id, &clock) ? 0 : ~(clock >> 3);
    pthread_detach(id);
    return 0;
}

/* -- threads ------------------------------------------------------------------------------------------------- */

/*
 * A new thread runs guest code only after its creator has stored its number where the guest wants it, and mostly the creator is first:
 * it does not wait.  `go` is 0, GO_ASLEEP while the new one sleeps, then GO.
 */
enum { GO = 1, GO_ASLEEP = 2 };

static void wait_go(struct linux_thread *t)
{
    uint32_t is = 0;
    if (atomic_compare_exchange_strong(&t->go, &is, GO_ASLEEP))
        while (atomic_load(&t->go) == GO_ASLEEP)
            linux_host_syscall(SYS_futex, (uint64_t)(uintptr_t)&t->go, FUTEX_WAIT_PRIVATE, GO_ASLEEP, 0, 0, 0);
}

/* The thread may be gone when this returns. */
static void let_go(struct linux_thread *t)
{
    if (atomic_exchange(&t->go, GO) == GO_ASLEEP)
        linux_host_syscall(SYS_futex, (uint64_t)(uintptr_t)&t->go, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}

static void *thread_main(void *arg)
{
    struct linux_thread *t = arg;
    linux_thread_begin(t);
    linux_robust_reset(t);
    if (t->apart)
        unshare(t->apart);
    wait_go(t);
    linux_thread_loop(t);
    return NULL;
}

/* CLONE_PIDFD of a thread, which the host makes only of one that is there: fails before there is one where it would fail, as the kernel does. */
static int64_t try_pidfd(const struct linux_thread *t, const struct clone_request *req)
{
    const int32_t none = -1;
    if (!(req->flags & CLONE_PIDFD))
        return 0;
    int64_t fd = linux_host_syscall(SYS_pidfd_open, (uint64_t)t->tid, PIDFD_THREAD_FLAG, 0, 0, 0, 0);
    if (fd < 0)
        return fd;
    linux_host_syscall(SYS_close, (uint64_t)fd, 0, 0, 0, 0, 0);
    return linux_copy_out(req->pidfd, &none, sizeof none) ? 0 : -EFAULT;
}

static int64_t clone_thread(struct linux_thread *t, const struct clone_request *req)
{
    int64_t r = try_pidfd(t, req);
    if (r < 0)
        return r;
    struct linux_thread *child = linux_thread_make(t->proc);
    if (!child)
        return -ENOMEM;
    linux_signal_block_all(); /* inherited: the new thread is not disturbed before its loop */
    child->host_pthread = true;
    child->apart = (int)(~req->flags & (CLONE_FS | CLONE_FILES));
    linux_thread_link(child);
    child_copy(child, t, req);
    pid_t tid = 0;
    r = start_pthread(t->proc, thread_main, child, &tid);
    if (!r) {
        linux_signal_take_back(t->proc);
        while (child->apart && atomic_load(&child->go) != GO_ASLEEP) /* rare: what it shares until then must not change */
            sched_yield();
        child->tid = tid;
        store_tids(child, req);
        let_go(child);
        r = tid;
    } else {
        linux_thread_free(child);
    }
    linux_signal_unblock(t);
    if (r > 0 && (req->flags & CLONE_PIDFD)) {
        int32_t fd = (int32_t)linux_host_syscall(SYS_pidfd_open, (uint64_t)r, PIDFD_THREAD_FLAG, 0, 0, 0, 0);
        (void)!linux_copy_out(req->pidfd, &fd, sizeof fd);
    }
    return r;
}

/* -- processes with their own memory -------------------------------------------------------------------------- */

/* The raw call: returns twice, on the same stack in the child's copy of the memory. */
static int64_t raw_fork(const struct clone_request *req, uint64_t pidfd)
{
    uint64_t flags = req->flags & ~(FLAGS_OURS | CLONE_VM | CLONE_SIGHAND);
    if (req->set_tid_size || (flags >> 32)) {
        struct clone_request host = *req;
        host.flags = flags;
        host.pidfd = pidfd;
        host.child_tid = host.parent_tid = host.stack = host.stack_size = host.tls = 0;
        return linux_host_syscall(SYS_clone3, (uint64_t)(uintptr_t)&host, sizeof host, 0, 0, 0, 0);
    }
    return linux_host_syscall(SYS_clone, flags | req->exit_signal, 0, pidfd, 0, 0, 0);
}

/*
 * Takes p->lock when no host thread is on its way out: after its last lock of ours it takes some of the C library's, which fork(3)
 * sees to and the raw call does not.  Nor is one on its way in, which may do the same.  With p->turnover held nobody else sets out.
 */
static void lock_settled(struct linux_process *p)
{
    const struct timespec wait = {0, 50000};
    for (int i = 0;; i++) {
        pthread_mutex_lock(&p->lock);
        unsigned known = p->helpers + engine_own_threads(p->engine);
        for (const struct linux_thread *t = p->threads; t; t = t->next)
            known += t->tid && atomic_load(&t->begun);
        if (linux_host_threads() <= known || i == LINUX_SETTLE_MS * 20)
            return;
        pthread_mutex_unlock(&p->lock);
        nanosleep(&wait, NULL);
    }
}

static int64_t plain_fork(void)
{
    pid_t pid = fork();
    return pid < 0 ? -errno : pid;
}

/* In the child: t is the only thread of its process. */
static void adopt_process(struct linux_thread *t)
{
    struct linux_process *p = t->proc;
    struct linux_thread *other, *next;
    pthread_mutex_init(&p->lock, NULL);
    pthread_mutex_init(&p->turnover, NULL);
    for (other = p->threads; other; other = next) {
        next = other->next;
        if (other != t) { /* its engine thread was dropped by engine_fork_child */
            linux_signal_thread_free(other);
            heap_free(other);
        }
    }
    pthread_mutex_init(&p->sighand->lock, NULL);
    p->sighand->users = 1; /* those of the memory that was copied are not here */
    p->threads = t;
    p->helpers = 0;
    t->prev = t->next = NULL;
    p->mlock_future = 0;
    t->dispatch.on = false;
    t->tid = (pid_t)linux_host_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
    t->host_pthread = false;
    t->in_vfork_child = false;
    p->vfork_child = false;
    t->cpu->ll_addr = 1;
    linux_robust_reset(t);
    linux_signal_fork_child(t);
    mm_forked(p);
    if (p->mdwe & PR_MDWE_NO_INHERIT_)
        p->mdwe = 0;
}

static int64_t clone_process(struct linux_thread *t, const struct clone_request *req)
{
    struct linux_process *p = t->proc;
    uint64_t pidfd = sys_pointer(p, req->pidfd, sizeof(int32_t)); /* now: this reads p->mem, which is about to be locked */
    bool plain = !(req->flags & ~FLAGS_OURS) && req->exit_signal == SIGCHLD && !req->set_tid_size;

    linux_signal_block_all();
    pthread_mutex_lock(&p->turnover);
    if (plain)
        pthread_mutex_lock(&p->lock);
    else
        lock_settled(p);
    pthread_mutex_lock(&p->sighand->lock);
    linux_mm_fork_prepare(p);
    heap_hold();
    int64_t pid = plain ? plain_fork() : raw_fork(req, pidfd);
    heap_release();
    linux_mm_fork_done(p);
    if (pid == 0) {
        engine_fork_child(p->engine, t->et);
        adopt_process(t);
        child_registers(t, req);
        if (req->flags & FLAG_CLEAR_SIGHAND)
            linux_signal_clear_handlers(p);
        if (req->flags & CLONE_CHILD_SETTID)
            store_tid(req->child_tid, t->tid);
    } else {
        engine_fork_parent(p->engine);
        pthread_mutex_unlock(&p->sighand->lock);
        pthread_mutex_unlock(&p->lock);
        pthread_mutex_unlock(&p->turnover);
        if (pid > 0 && (req->flags & CLONE_PARENT_SETTID))
            store_tid(req->parent_tid, (pid_t)pid);
    }
    linux_signal_unblock(t);
    return pid;
}

/* -- processes in the same memory ------------------------------------------------------------------------------ */

struct shared_child {
    struct birth birth;
    struct linux_process proc;
    struct linux_thread *child;
    void *stack;
    uint64_t brk;                 /* the parent's at the start, and its segments */
    struct linux_shm_attach *shm;
    sem_t told; /* without CLONE_VFORK: the creator has read what it needs from here */
};

static int shared_main(void *arg)
{
    struct shared_child *s = arg;
    const struct clone_request *req = s->birth.req;
    linux_signal_block_all(); /* its creator blocks more */
    struct linux_thread *t = child_new(&s->proc, s->birth.parent, req);
    s->child = t;
    if (!t) { /* rare enough for the parent to see a child that fails at once */
        announce(&s->birth, linux_host_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0));
        linux_thread_exit(127);
    }
    t->in_vfork_child = true;
    if (req->flags & FLAG_CLEAR_SIGHAND)
        linux_signal_clear_handlers(&s->proc);
    announce(&s->birth, t->tid);
    linux_thread_loop(t);
    linux_thread_exit(0); /* not reached */
}

static struct shared_child *shared_new(struct linux_thread *t, const struct clone_request *req)
{
    struct shared_child *s = chaos_alloc_fails(CHAOS_NEEDED) ? NULL : heap_zeroed(1, sizeof *s);
    struct linux_sighand *sighand;
    if (!s)
        return NULL;
    s->stack = mmap(NULL, THREAD_STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (s->stack == MAP_FAILED) {
        heap_free(s);
        return NULL;
    }
    if (req->flags & CLONE_SIGHAND) {
        sighand = linux_sighand_share(t->proc->sighand);
    } else {
        pthread_mutex_lock(&t->proc->sighand->lock);
        sighand = linux_sighand_new(t->proc->sighand);
        pthread_mutex_unlock(&t->proc->sighand->lock);
    }
    if (!sighand) {
        munmap(s->stack, THREAD_STACK_BYTES);
        heap_free(s);
        return NULL;
    }
    s->birth.parent = t;
    s->birth.req = req;
    sem_init(&s->birth.ready, 0, 0);
    sem_init(&s->told, 0, 0);
    pthread_mutex_lock(&t->proc->lock);
    s->proc = *t->proc;
    pthread_mutex_unlock(&t->proc->lock);
    s->proc.sighand = sighand;
    s->brk = s->proc.brk;
    s->shm = s->proc.shm;
    pthread_mutex_init(&s->proc.lock, NULL);
    pthread_mutex_init(&s->proc.turnover, NULL);
    pthread_mutex_init(&s->proc.mm_lock, NULL);
    s->proc.threads = NULL;
    s->proc.helpers = 0;
    for (unsigned i = 0; i < ARRAY_LEN(s->proc.spare_signal); i++)
        s->proc.spare_signal[i] = NULL;
    s->proc.shared_claimed = s->proc.shared_pending = 0;
    s->proc.vfork_child = true;
    return s;
}

static void shared_free(struct shared_child *s, struct linux_thread *self)
{
    linux_set_self(self); /* first: what linux_thread_free does for the calling task is not to be done for us */
    if (s->child)
        linux_thread_free(s->child);
    linux_sighand_drop(s->proc.sighand);
    BTV_STACK_LEFT(s->stack, THREAD_STACK_BYTES);
    munmap(s->stack, THREAD_STACK_BYTES);
    heap_free(s);
}

/* The memory was one: what the child did to its break and its segments holds for the parent too, unless another thread was faster. */
static void shared_merge(struct linux_process *p, const struct shared_child *s)
{
    pthread_mutex_lock(&p->mm_lock);
    if (p->brk == s->brk)
        p->brk = s->proc.brk;
    if (p->shm == s->shm)
        p->shm = s->proc.shm;
    pthread_mutex_unlock(&p->mm_lock);
}

/*
 * Returns when the child has left the memory, with every signal blocked: the one that tells of its end comes at once, and on this host thread, for
 * which the child was linux_self() until now.  The child's death by a signal and its execve set actions of the host: the table may be ours too.
 */
static int64_t shared_clone(struct shared_child *s)
{
    uint64_t keep = FLAGS_NAMESPACE | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_PARENT | CLONE_SYSVSEM | CLONE_IO | CLONE_PIDFD | CLONE_PTRACE | CLONE_UNTRACED;
    const struct clone_request *req = s->birth.req;
    int flags = (int)((req->flags & keep) | CLONE_VM | CLONE_VFORK | req->exit_signal);
    void *pidfd = mem_host(sys_pointer(&s->proc, req->pidfd, sizeof(int32_t)));
    bool shares_actions = req->flags & CLONE_SIGHAND; /* asked now: afterwards the creator has long gone on, and req with its stack */
    linux_signal_block_faults_too();
    int pid = clone(shared_main, (char *)s->stack + THREAD_STACK_BYTES, flags, s, pidfd, NULL, NULL);
    if (shares_actions)
        linux_signal_mirror_all(&s->proc);
    return pid < 0 ? -errno : pid;
}

static void count_helper(struct linux_process *p, int more)
{
    pthread_mutex_lock(&p->lock);
    p->helpers += (unsigned)more;
    pthread_mutex_unlock(&p->lock);
}

/* The host thread that waits in the place of a guest thread which does not. */
static void *helper_main(void *arg)
{
    struct shared_child *s = arg;
    struct linux_process *p = s->birth.parent->proc;
    linux_signal_take_back(p);
    count_helper(p, 1);
    int64_t r = shared_clone(s);
    if (r < 0)
        announce(&s->birth, r);
    await(&s->told);
    shared_free(s, NULL);
    count_helper(p, -1);
    return NULL;
}

static int64_t clone_shared(struct linux_thread *t, const struct clone_request *req)
{
    struct shared_child *s = shared_new(t, req);
    if (!s)
        return -ENOMEM;
    linux_signal_block_all();
    int64_t r;
    if (req->flags & CLONE_VFORK) {
        r = shared_clone(s);
        shared_merge(t->proc, s);
        shared_free(s, t);
    } else {
        pid_t helper;
        r = start_pthread(t->proc, helper_main, s, &helper);
        if (r) {
            shared_free(s, t);
        } else {
            await(&s->birth.ready);
            r = s->birth.result;
            sem_post(&s->told); /* the helper frees s when the child is gone */
        }
    }
    linux_signal_unblock(t);
    return r;
}

/* -- the calls ------------------------------------------------------------------------------------------------- */

/* The checks of copy_process that the host does not make for us, in its order. */
static int64_t check_flags(const struct clone_request *req)
{
    uint64_t f = req->flags;
    if ((f & CLONE_PIDFD) && (f & CLONE_PARENT_SETTID) && req->pidfd == req->parent_tid)
        return -EINVAL;
    if ((f & CLONE_FS) && (f & (CLONE_NEWNS | CLONE_NEWUSER)))
        return -EINVAL;
    if ((f & CLONE_THREAD) && !(f & CLONE_SIGHAND))
        return -EINVAL;
    if ((f & CLONE_SIGHAND) && !(f & CLONE_VM))
        return -EINVAL;
    if ((f & CLONE_THREAD) && (f & FLAGS_NAMESPACE)) /* stricter than the kernel, which refuses some of them only */
        return -EINVAL;
    if ((f & CLONE_VM) && (req->set_tid_size || (f & (FLAG_INTO_CGROUP | FLAG_NEWTIME))))
        return -EINVAL; /* stricter than the kernel */
    if ((f & CLONE_PIDFD) && (f & CLONE_DETACHED))
        return -EINVAL;
    return 0;
}

static int64_t do_clone(struct linux_thread *t, const struct clone_request *req)
{
    int64_t r = check_flags(req);
    if (r)
        return r;
    /* a parent that is held until its child has left the memory does not run beside it */
    if ((req->flags & CLONE_THREAD) || (req->flags & (CLONE_VM | CLONE_VFORK)) == CLONE_VM)
        engine_share(t->proc->engine);
    if (req->flags & CLONE_THREAD)
        return clone_thread(t, req);
    if (req->flags & CLONE_VM)
        return clone_shared(t, req);
    return clone_process(t, req);
}

int64_t linux_sys_clone(struct linux_thread *t, const uint64_t a[6])
{
    /* CONFIG_CLONE_BACKWARDS: the generic ABIs have tls before child_tid */
    bool backwards = t->proc->abi->generic_table;
    const struct clone_request req = {
        .flags = (uint32_t)a[0] & ~(uint64_t)CSIGNAL,
        .exit_signal = a[0] & CSIGNAL,
        .stack = a[1],
        .parent_tid = a[2],
        .pidfd = a[2],
        .tls = backwards ? a[3] : a[4],
        .child_tid = backwards ? a[4] : a[3],
    };
    return do_clone(t, &req);
}

int64_t linux_sys_clone3(struct linux_thread *t, const uint64_t a[6])
{
    const uint64_t known = UINT64_C(0xffffffff) | FLAG_CLEAR_SIGHAND | FLAG_INTO_CGROUP;
    struct clone_request req;
    uint64_t size = a[1];
    if (size < CLONE3_SIZE_VER0)
        return -EINVAL;
    if (size > GUEST_PAGE_SIZE)
        return -E2BIG;
    int64_t r = sys_copy_struct(&req, sizeof req, a[0], size);
    if (r < 0)
        return r;
    if (!req.set_tid != !req.set_tid_size || ((req.flags & FLAG_INTO_CGROUP) && (req.cgroup > INT_MAX || size < sizeof req)))
        return -EINVAL;
    if ((req.flags & FLAG_INTO_CGROUP) && linux_is_private_fd((int)req.cgroup))
        req.cgroup = INT_MAX; /* nobody's */
    req.set_tid = sys_pointer(t->proc, req.set_tid, req.set_tid_size <= PID_LEVELS ? req.set_tid_size * sizeof(int32_t) : 1);
    if ((req.flags & ~known) || (req.flags & (CLONE_DETACHED | (CSIGNAL & ~FLAG_NEWTIME))) || req.exit_signal > LINUX_NSIG)
        return -EINVAL;
    if ((req.flags & CLONE_SIGHAND) && (req.flags & FLAG_CLEAR_SIGHAND))
        return -EINVAL;
    if ((req.flags & (CLONE_THREAD | CLONE_PARENT)) && req.exit_signal)
        return -EINVAL;
    if (!req.stack != !req.stack_size)
        return -EINVAL;
    return do_clone(t, &req);
}

int64_t linux_sys_fork(struct linux_thread *t, const uint64_t a[6])
{
    const struct clone_request req = {.exit_signal = SIGCHLD};
    (void)a;
    return do_clone(t, &req);
}

int64_t linux_sys_vfork(struct linux_thread *t, const uint64_t a[6])
{
    const struct clone_request req = {.flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD};
    (void)a;
    return do_clone(t, &req);
}

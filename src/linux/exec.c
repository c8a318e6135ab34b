/*
 * execve: from the guest's call to a new btv-run that runs the new program.
 *
 * The host process replaces itself by btv's own executable, so that everything execve does to a process (threads,
 * descriptors, timers, credentials, dispositions) is done by the host's kernel.  The guest's argument vector is passed
 * unchanged: /proc/PID/cmdline reads right.  What else the next btv-run must know, its options and the program's
 * path or descriptor, travels in one environment variable, which it removes.  Errors a kernel would report before
 * the point of no return are found here, before the host's execve.
 */
#include "linux/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/heap.h"
#include "linux/script.h"
#include "linux/secfilter.h"
#include "linux/sig.h"
#include "linux/sys.h"

#ifndef AT_EXECVE_CHECK
#define AT_EXECVE_CHECK 0x10000
#endif

#define HANDOVER_BYTES 8192 /* the variable's usual bound; a longer one is allocated */
#define SMALL_VECTOR 1024

/* -- opening programs -------------------------------------------------------------------------------------- */

int linux_program_from_fd(int fd, struct linux_program *out)
{
    char self[40];
    struct stat st;
    if (fstat(fd, &st))
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EACCES;
    memset(out->head, 0, sizeof out->head);
    ssize_t n = file_pread(fd, out->head, sizeof out->head, 0);
    if (n < 0) /* /proc/PID/mem: that it is no program comes first */
        return st.st_mode & 0111 ? -errno : -EACCES;
    out->head_bytes = (size_t)n;
    out->size = (uint64_t)st.st_size;
    snprintf(self, sizeof self, "/proc/thread-self/fd/%d", fd);
    n = readlink(self, out->host, sizeof out->host - 1);
    out->host[n > 0 ? n : 0] = '\0';
    out->fd = fd;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return 0;
}

/* Opens what a descriptor refers to anew, readable. */
static int reopen(int fd)
{
    char self[40];
    snprintf(self, sizeof self, "/proc/thread-self/fd/%d", fd);
    int r = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return r < 0 ? -errno : r;
}

/* The program of a process, if a path leads to its /proc/PID/exe; else -ENOENT.  Not inline: the host's stack may be small. */
static __attribute__((noinline)) int open_exe(struct linux_thread *t, int dirfd, const char *host)
{
    char file[PATH_MAX], name[PATH_MAX];
    struct stat st;
    struct proc_where where = proc_find(t, dirfd, host);
    if (where.file != PROC_EXE && !fstatat(dirfd, host, &st, 0) && proc_is_own_exe(t->proc, st.st_dev, st.st_ino) &&
        linux_path_resolve(t, dirfd, host, file) == 0)
        where = proc_find(t, AT_FDCWD, file);
    if (where.file != PROC_EXE || !proc_exe(t, &where, file, name))
        return -ENOENT;
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int linux_program_open(struct linux_thread *t, int dirfd, const char *guest_path, int flags, struct linux_program *out)
{
    char host[PATH_MAX];
    struct stat st;
    int fd, r;
    if (!guest_path[0]) {
        if (!(flags & AT_EMPTY_PATH))
            return -ENOENT;
        if (dirfd == AT_FDCWD)
            return -EACCES;
        fd = fcntl(dirfd, F_GETFD) < 0 ? -EBADF : reopen(dirfd);
    } else {
        bool nofollow = flags & AT_SYMLINK_NOFOLLOW;
        r = linux_path(t, dirfd, guest_path, !nofollow, host);
        if (r < 0)
            return r;
        fd = nofollow ? -ENOENT : open_exe(t, dirfd, host);
        if (fd == -ENOENT) {
            if (fstatat(dirfd, host, &st, nofollow ? AT_SYMLINK_NOFOLLOW : 0))
                return -errno;
            if (S_ISLNK(st.st_mode))
                return -ELOOP;
            if (!S_ISREG(st.st_mode)) /* before open, which would wait for a FIFO's writer */
                return -EACCES;
            fd = openat(dirfd, host, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
            fd = fd < 0 ? -errno : fd;
        }
    }
    if (fd < 0)
        return fd;
    r = linux_program_from_fd(fd, out);
    if (r < 0)
        close(fd);
    return r;
}

void linux_program_close(struct linux_program *prog)
{
    if (prog->fd >= 0)
        close(prog->fd);
    prog->fd = -1;
}

static bool read_file(void *ctx, uint64_t offset, void *buf, size_t n)
{
    const struct linux_program *prog = ctx;
    if (offset < prog->head_bytes && n <= prog->head_bytes - offset) {
        memcpy(buf, prog->head + offset, n);
        return true;
    }
    return file_pread(prog->fd, buf, n, (off_t)offset) == (ssize_t)n;
}

enum btv_status linux_program_parse(const struct linux_program *prog, const char *name, struct elf_image *out, struct btv_error *err)
{
    struct elf_source src = {read_file, (void *)(uintptr_t)prog, prog->size, name};
    return elf_parse(&src, out, err);
}

/* What the kernel itself says, where it can be asked. */
int64_t linux_program_check(const struct linux_program *prog)
{
    int fd = prog->fd;
    char *none[] = {(char *)(uintptr_t) "", NULL};
    int64_t r = linux_host_syscall(SYS_execveat, (uint64_t)fd, (uint64_t)(uintptr_t) "", (uint64_t)(uintptr_t)none, (uint64_t)(uintptr_t)(none + 1),
                                   AT_EMPTY_PATH | AT_EXECVE_CHECK, 0);
    if (r != -EINVAL && r != -ENOSYS)
        return r;
    /* kernels before 6.14 */
    return linux_host_syscall(SYS_faccessat2, (uint64_t)fd, (uint64_t)(uintptr_t) "", X_OK, AT_EACCESS | AT_EMPTY_PATH, 0, 0);
}

/* -- the handover variable --------------------------------------------------------------------------------- */

/* Numbers of struct engine_config and flags of linux_options that the next btv-run inherits: one row each. */
#define HANDOVER_NUMBERS(N)                                                                                                    \
    N(strace, strace.on) N(stracefd, strace.fd) N(stracebytes, strace.bytes) N(stracetimes, strace.times)                       \
    N(stracestamp, strace.stamp) N(stracelast, strace.since_last) N(straceutc, strace.utc_offset) N(stracepaths, strace.paths) \
    N(stracecount, strace.count) N(stracewall, strace.wall) N(straceshared, strace.shared_fd)                                  \
    N(stracealive0, strace.alive_fd[0]) N(stracealive1, strace.alive_fd[1]) N(stracetid, strace.exec_tid)                      \
    N(stracenr, strace.exec_nr)                                                                                                \
    N(mdwe, mdwe) N(self, self_fd) N(seccomp, seccomp_fd) N(stats, stats) N(show, show_emulator) N(native, allow_native)                    \
    N(cache, engine.cache_bytes) N(interp, engine.interpret_only) N(check, engine.check_exec)                                  \
    N(jitlo, engine.jit_lo) N(jithi, engine.jit_hi)                                                                            \
    N(trace, trace.topics) N(tracelo, trace.lo) N(tracehi, trace.hi) N(tracefd, trace.fd)                                      \
    N(avoid, engine.host_features) N(perf, engine.perf_map) N(recordfd, engine.record_fd) N(replayfd, engine.replay_fd) N(storefd, engine.store_fd) N(timed, engine.timed)                                                                    \
    N(as, limits.as.set) N(ascur, limits.as.cur) N(asmax, limits.as.max)                                                       \
    N(data, limits.data.set) N(datacur, limits.data.cur) N(datamax, limits.data.max)                                           \
    N(stack, limits.stack.set) N(stackcur, limits.stack.cur) N(stackmax, limits.stack.max)                                     \
    N(files, limits.files.set) N(filescur, limits.files.cur) N(filesmax, limits.files.max)

static void put_text(struct str *s, const char *key, const char *value)
{
    if (!value)
        return;
    str_add(s, "%s=", key);
    for (const char *c = value; *c; c++)
        if (*c == ';' || *c == '%')
            str_add(s, "%%%02x", (unsigned char)*c);
        else
            str_addn(s, c, 1);
    str_adds(s, ";");
}

void linux_exec_encode(struct str *s, const struct linux_options *o, const char *guest_path, int fd, const char *execfn)
{
    put_text(s, "path", guest_path);
    put_text(s, "fn", execfn);
    put_text(s, "root", o->root);
    put_text(s, "cpu", o->cpu);
    put_text(s, "straceset", o->strace.set);
    put_text(s, "stracefile", o->strace.file);
    if (fd >= 0)
        str_add(s, "fd=%d;", fd);
#define N(key, member)   \
    if (o->member)       \
        str_add(s, #key "=%llu;", (unsigned long long)o->member);
    HANDOVER_NUMBERS(N)
#define CHAOS(member, key, min, max, draw_lo, draw_hi, meaning) N(member, engine.member)
#include "run/chaos.def"
#undef CHAOS
#define TUNE(name, dflt, min, max, meaning) N(tune_##name, engine.tune_##name)
#include "run/tuning.def"
#undef TUNE
#undef N
}

static unsigned hex_digit(char c)
{
    return c >= '0' && c <= '9' ? (unsigned)(c - '0') : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* Undoes put_text's escapes in place; false if one is malformed. */
static bool unescape(char *v)
{
    char *to = v;
    for (; *v; v++) {
        if (*v != '%') {
            *to++ = *v;
            continue;
        }
        unsigned hi = hex_digit(v[1]), lo = hi < 16 ? hex_digit(v[2]) : 16;
        if (lo > 15 || (hi | lo) == 0)
            return false;
        *to++ = (char)(hi * 16 + lo);
        v += 2;
    }
    *to = '\0';
    return true;
}

enum btv_status linux_exec_decode(const char *text, struct linux_options *o, const char **guest_path, char **storage, struct btv_error *err)
{
    char *copy = heap_text(text);
    if (!copy)
        return err_set(err, BTV_NOMEM, "environment: out of memory");
    struct linux_options got = *o;
    const char *path = NULL;
    for (char *key = copy, *end; *key; key = end + 1) {
        end = strchr(key, ';');
        char *value = strchr(key, '=');
        if (!end || !value || value > end)
            goto bad;
        *end = '\0';
        *value++ = '\0';
        if (!unescape(value))
            goto bad;
        unsigned long long number = strtoull(value, NULL, 10);
        if (!strcmp(key, "path"))
            path = value;
        else if (!strcmp(key, "fn"))
            got.execfn = value;
        else if (!strcmp(key, "root"))
            got.root = value;
        else if (!strcmp(key, "straceset"))
            got.strace.set = value;
        else if (!strcmp(key, "stracefile"))
            got.strace.file = value;
        else if (!strcmp(key, "cpu"))
            got.cpu = value;
        else if (!strcmp(key, "fd"))
            got.exec_fd = (int)number;
#define N(name, member)                \
        else if (!strcmp(key, #name))  \
            got.member = (typeof(got.member))number;
        HANDOVER_NUMBERS(N)
#define CHAOS(member, key, min, max, draw_lo, draw_hi, meaning) N(member, engine.member)
#include "run/chaos.def"
#undef CHAOS
#define TUNE(name, dflt, min, max, meaning) N(tune_##name, engine.tune_##name)
#include "run/tuning.def"
#undef TUNE
#undef N
        else
            goto bad;
    }
    if (!path)
        goto bad;
    *o = got;
    *guest_path = path;
    *storage = copy;
    return BTV_OK;
bad:
    heap_free(copy);
    return err_set(err, BTV_SYNTAX, "environment: %s is not what execve writes; unset it", LINUX_EXEC_VARIABLE);
}

/* -- execve ------------------------------------------------------------------------------------------------ */

/* A NULL-terminated vector of pointers in the making: the first ones are ours, the others the guest's. */
struct vector {
    uint64_t small[SMALL_VECTOR];
    uint64_t *v;
    size_t mapped; /* bytes, when v is not small */
};

/* v = first[0..nfirst) followed by the guest's vector from its element `skip`.  0 or -errno. */
static int64_t vector_make(struct vector *x, char *const *first, size_t nfirst, uint64_t guest, size_t skip)
{
    uint64_t word;
    size_t n = 0;
    x->v = x->small;
    x->mapped = 0;
    for (; guest; n++) {
        if (!linux_copy_in(&word, guest + n * 8, 8))
            return -EFAULT;
        if (!word)
            break;
        if (n > (32u << 20))
            return -E2BIG;
    }
    skip = skip < n ? skip : n;
    if (nfirst + n - skip + 1 > SMALL_VECTOR) {
        /* Not malloc: in a vfork child nobody would free it after a successful execve, and this is rarer. */
        x->mapped = (nfirst + n - skip + 1) * 8;
        x->v = mmap(NULL, x->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (x->v == MAP_FAILED)
            goto no_memory;
    }
    for (size_t i = 0; i < nfirst; i++)
        x->v[i] = (uint64_t)(uintptr_t)first[i];
    if (n > skip && !linux_copy_in(x->v + nfirst, guest + skip * 8, (n - skip) * 8))
        return -EFAULT;
    x->v[nfirst + n - skip] = 0;
    return 0;
no_memory:
    x->mapped = 0;
    return -ENOMEM;
}

static void vector_free(struct vector *x)
{
    if (x->mapped)
        munmap(x->v, x->mapped);
}

/* The checks of the kernel's load_elf_binary before its point of no return. */
static int64_t check_elf(struct linux_thread *t, const struct linux_program *prog)
{
    struct elf_image img, interp_img;
    struct linux_program interp;
    uint16_t machine = t->proc->abi->guest->elf_machine;
    int64_t r = 0;
    if (linux_program_parse(prog, "", &img, NULL) != BTV_OK)
        return -ENOEXEC;
    if (img.interp) {
        r = linux_program_open(t, AT_FDCWD, img.interp, 0, &interp);
        if (r == 0) {
            r = linux_program_check(&interp);
            if (r == 0 && (linux_program_parse(&interp, "", &interp_img, NULL) != BTV_OK || interp_img.machine != machine))
                r = -ELIBBAD;
            else if (r == 0)
                elf_free(&interp_img);
            linux_program_close(&interp);
        }
    }
    elf_free(&img);
    return r;
}

static int64_t host_exec(int fd, const char *path, uint64_t argv, uint64_t envp)
{
    return linux_host_syscall(SYS_execveat, (uint64_t)fd, (uint64_t)(uintptr_t)path, argv, envp, path[0] ? 0 : AT_EMPTY_PATH, 0);
}

/* Errors that come from the arguments: trying another way to start btv cannot help. */
static bool is_final(int64_t r)
{
    return r == -E2BIG || r == -EFAULT || r == -ENOMEM || r == -EAGAIN;
}

/* Which of btv's own descriptors the next btv-run gets: those that it cannot open itself. */
static void keep_open(const struct linux_process *p, bool self, int fd_flags)
{
    if (p->opt.trace.topics)
        fcntl(p->opt.trace.fd, F_SETFD, fd_flags);
    const struct linux_strace_options *o = &p->opt.strace;
    const int own[] = {o->fd, o->shared_fd, o->alive_fd[0], o->alive_fd[1]};
    for (unsigned i = 0; o->on && i < ARRAY_LEN(own); i++)
        if (own[i] > 0)
            fcntl(own[i], F_SETFD, fd_flags);
    if (p->opt.engine.record_fd)
        fcntl(p->opt.engine.record_fd, F_SETFD, fd_flags);
    if (p->opt.engine.replay_fd)
        fcntl(p->opt.engine.replay_fd, F_SETFD, fd_flags);
    if (p->opt.engine.store_fd)
        fcntl(p->opt.engine.store_fd, F_SETFD, fd_flags);
    if (self)
        fcntl(p->self_fd, F_SETFD, fd_flags);
}

/* Starts btv's executable for the program; returns only -errno. */
static int64_t start_self(struct linux_process *p, const struct linux_program *prog, uint64_t argv, uint64_t envp, const char *guest_path, const char *execfn,
                          bool by_fd)
{
    char variable[HANDOVER_BYTES];
    struct vector env;
    struct str s = STR_INIT;
    int fd = -1;
    if (by_fd) {
        fd = linux_dup_high(prog->fd, true);
        if (fd < 0)
            return -errno;
    }
    struct linux_options opt = p->opt;
    opt.limits = (struct linux_limits){p->rlimit[RLIMIT_AS], p->rlimit[RLIMIT_DATA], p->rlimit[RLIMIT_STACK], p->rlimit[RLIMIT_NOFILE]};
    bool hand_self = p->self_fd > 0 && access("/proc/thread-self/exe", F_OK); /* no /proc here */
    opt.self_fd = hand_self ? p->self_fd : 0;
    opt.mdwe = p->mdwe & PR_MDWE_NO_INHERIT_ ? 0 : p->mdwe;
    int64_t filters = seccomp_save(linux_self());
    opt.seccomp_fd = filters > 0 ? (int)filters : 0;
    opt.strace.exec_tid = opt.strace.on ? linux_self()->tid : 0;
    opt.strace.exec_nr = (unsigned)linux_self()->cpu->slot[p->abi->slot_nr];
    str_adds(&s, LINUX_EXEC_VARIABLE "=");
    linux_exec_encode(&s, &opt, guest_path, fd, execfn);
    char *text = s.p;
    if (!s.failed && s.len < sizeof variable) { /* the usual case leaves nothing allocated in a vfork child's parent */
        memcpy(variable, s.p, s.len + 1);
        str_free(&s);
        text = variable;
    }
    int64_t r = s.failed || filters < -1 ? -ENOMEM : vector_make(&env, &text, 1, envp, 0);
    if (s.failed || filters < -1)
        goto out;
    if (r == 0) {
        linux_signal_exec_reset(p);
        keep_open(p, hand_self, 0);
        r = p->self_fd >= 0 ? host_exec(p->self_fd, "", argv, (uint64_t)(uintptr_t)env.v) : -ENOENT;
        if (!is_final(r))
            r = host_exec(AT_FDCWD, "/proc/thread-self/exe", argv, (uint64_t)(uintptr_t)env.v);
        if (!is_final(r)) /* binfmt_misc may know what to do */
            r = host_exec(prog->fd, "", argv, (uint64_t)(uintptr_t)(env.v + 1));
        keep_open(p, hand_self, FD_CLOEXEC);
        linux_signal_exec_failed(p);
    }
    vector_free(&env);
out:
    str_free(&s);
    if (fd >= 0)
        close(fd);
    if (filters > 0)
        close((int)filters);
    return r;
}

#define ARGUMENT_MAX (32 * GUEST_PAGE_SIZE) /* MAX_ARG_STRLEN */

static int64_t judge_string(uint64_t addr)
{
    char part[1024];
    for (uint64_t n = 0; n < ARGUMENT_MAX; n += sizeof part - 1) {
        int64_t k = linux_copy_str(part, addr + n, sizeof part);
        if (k != -ENAMETOOLONG)
            return k < 0 ? k : 0;
    }
    return -E2BIG;
}

static int64_t judge_vector(uint64_t vector)
{
    uint64_t word = 1;
    for (uint64_t at = vector; vector && word; at += sizeof word)
        if (!linux_copy_in(&word, at, sizeof word))
            return -EFAULT;
    for (uint64_t at = vector; vector; at += sizeof word) {
        if (!linux_copy_in(&word, at, sizeof word))
            return -EFAULT;
        int64_t r = word ? judge_string(word) : 0;
        if (r < 0 || !word)
            return r;
    }
    return 0;
}

/* The program cannot be run for `reason`: the kernel takes arguments and environment before it finds that (fs/exec.c: do_execveat_common). */
static int64_t refuse(int64_t reason, uint64_t argv, uint64_t envp)
{
    int64_t r = judge_vector(envp);
    if (r == 0)
        r = judge_vector(argv);
    return r < 0 ? r : reason;
}

/* Must the program be handed over as a descriptor, because its name may not be found again? */
static bool needs_fd(const struct linux_program *prog, const char *execfn)
{
    size_t n = strlen(prog->host), k = strlen(" (deleted)");
    return !strncmp(execfn, "/dev/fd/", 8) || !strncmp(execfn, "/proc/", 6) || prog->host[0] != '/' ||
           (n > k && !strcmp(prog->host + n - k, " (deleted)"));
}

int64_t linux_execve(struct linux_thread *t, int dirfd, const char *guest_path, uint64_t argv, uint64_t envp, int flags)
{
    struct linux_process *p = t->proc;
    struct linux_program prog;
    struct linux_script script;
    struct vector args;
    char execfn[PATH_MAX + 32];
    const char *name = guest_path;

    if (!guest_path[0] && !(flags & AT_EMPTY_PATH))
        return -ENOENT;
    if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_EXECVE_CHECK))
        return -EINVAL;
    if (guest_path[0] != '/' && dirfd != AT_FDCWD) {
        if (linux_is_private_fd(dirfd))
            return -EBADF;
        snprintf(execfn, sizeof execfn, guest_path[0] ? "/dev/fd/%d/%s" : "/dev/fd/%d", dirfd, guest_path);
        name = execfn;
    }
    int64_t r = linux_program_open(t, dirfd, guest_path, flags, &prog);
    if (r < 0)
        return r;
    r = linux_program_check(&prog);
    if (r < 0 || (flags & AT_EXECVE_CHECK))
        goto close;
    if (linux_script_is(prog.head, prog.head_bytes) && name == execfn && (fcntl(dirfd, F_GETFD) & FD_CLOEXEC)) {
        r = refuse(-ENOENT, argv, envp); /* the interpreter could not open it */
        goto close;
    }
    r = linux_script_resolve(t, &prog, name, true, &script);
    bool guest = r == 0 && elf_machine_of(prog.head, prog.head_bytes) == p->abi->guest->elf_machine;
    if (r == 0)
        r = guest ? check_elf(t, &prog) : p->opt.allow_native ? 0 : -ENOEXEC;
    if (r < 0) {
        r = refuse(r, argv, envp);
        goto close;
    }

    if (!t->in_vfork_child && !p->vfork_child && !t->next && p->threads == t)
        engine_keep(t->et);
    uint64_t argv_host = argv;
    args.mapped = 0;
    if (script.n) {
        r = vector_make(&args, script.argv + script.first, script.n, argv, 1);
        argv_host = (uint64_t)(uintptr_t)args.v;
    }
    if (r == 0 && guest) {
        char exe[PATH_MAX];
        memcpy(exe, prog.host, sizeof exe);
        linux_path_to_guest(p, exe);
        bool nameless = !exe[0]; /* no /proc to ask */
        r = start_self(p, &prog, argv_host, envp, nameless ? name : exe, name, nameless || (!script.n && needs_fd(&prog, name)));
    } else if (r == 0) {
        linux_signal_exec_reset(p);
        r = host_exec(AT_FDCWD, prog.host, argv_host, envp);
        linux_signal_exec_failed(p);
    }
    vector_free(&args);
close:
    linux_program_close(&prog);
    return r;
}

int64_t linux_sys_execve(struct linux_thread *t, const uint64_t a[6])
{
    char path[PATH_MAX];
    int64_t n = linux_copy_str(path, a[0], sizeof path);
    return n < 0 ? n : linux_execve(t, AT_FDCWD, path, a[1], a[2], 0);
}

int64_t linux_sys_execveat(struct linux_thread *t, const uint64_t a[6])
{
    char path[PATH_MAX];
    int64_t n = linux_copy_str(path, a[1], sizeof path);
    return n < 0 ? n : linux_execve(t, (int)a[0], path, a[2], a[3], (int)a[4]);
}

/*
 * Probes of the process itself, before it has done anything: vectors on the stack, signals, threads, limits, prctl, machine, time.
 */
#include "probe.h"

#include <dirent.h>
#include <elf.h>
#include <link.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <time.h>

#ifdef __riscv
#define MACHINE EM_RISCV
#define UNAME "riscv64"
#else
#define MACHINE EM_X86_64
#define UNAME "x86_64"
#endif

static struct map maps[MAPS_MAX];
static unsigned nmaps;

static void read_maps(void)
{
    nmaps = slurp("/proc/self/maps") > 0 ? parse_maps(probe_text, maps) : 0;
}

/* -- arguments, environment, auxiliary vector --------------------------------------------------------------- */

static void p_argv(void)
{
    char real[PATH_MAX];
    WANT(realpath(probe_argv[0], real) && !strcmp(real, probe_self), "argv[0] is %s", probe_argv[0]);
    WANT(!names_emulator(probe_argv[0], strlen(probe_argv[0])), "argv[0] is %s", probe_argv[0]);
    WANT(!probe_argv[3], "an argument too many");
}

static void p_environment(void)
{
    for (char **e = environ; *e; e++)
        WANT(!names_emulator(*e, strlen(*e)), "%s", *e);
}

static void p_environ_file(void)
{
    ssize_t n = slurp("/proc/self/environ"), at = 0;
    for (char **e = environ; *e; e++) {
        if (at >= n || strcmp(*e, probe_text + at)) {
            TRACE("/proc/self/environ has %s instead of %s", probe_text + at, *e);
            return;
        }
        at += (ssize_t)strlen(*e) + 1;
    }
    WANT(at == n, "/proc/self/environ has %zd bytes instead of %zd", n, at);
}

static void p_stack_strings(void)
{
    /* the kernel puts argv, envp and the file's name one behind the other, right below the end of the stack */
    const char *at = probe_argv[0], *execfn = (const char *)getauxval(AT_EXECFN);
    for (char **a = probe_argv; *a; at += strlen(*a++) + 1)
        WANT(*a == at, "argv is scattered");
    for (char **e = environ; *e; at += strlen(*e++) + 1)
        WANT(*e == at, "envp is scattered");
    WANT(execfn == at, "the file's name does not follow the environment");
    at += strlen(execfn) + 1;
    WANT(!((uintptr_t)(at + 8) & 4095), "the stack does not end 8 bytes behind the file's name");
    WANT(*(unsigned long *)probe_stack_pointer == 3, "argc is not at the stack pointer");
    WANT(!(probe_stack_pointer & 15), "the stack pointer is not aligned");
}

static void p_execfn(void)
{
    const char *execfn = (const char *)getauxval(AT_EXECFN);
    char real[PATH_MAX];
    WANT(execfn && realpath(execfn, real) && !strcmp(real, probe_self), "AT_EXECFN is %s", execfn ? execfn : "absent");
}

static void p_auxv_file(void)
{
    const unsigned long *mem = (const unsigned long *)environ;
    while (*mem++)
        continue;
    ssize_t n = slurp("/proc/self/auxv");
    size_t k = 0;
    while (mem[k])
        k += 2;
    WANT(n == (ssize_t)((k + 2) * 8) && !memcmp(mem, probe_text, (k + 2) * 8), "/proc/self/auxv is not the vector on the stack (%zd, %zu bytes)", n, (k + 2) * 8);
}

static void p_auxv_keys(void)
{
    static const unsigned char must[] = {AT_HWCAP, AT_PAGESZ, AT_CLKTCK, AT_PHDR, AT_PHENT, AT_PHNUM, AT_BASE, AT_FLAGS, AT_ENTRY, AT_UID, AT_EUID, AT_GID,
                                         AT_EGID, AT_SECURE, AT_RANDOM, AT_EXECFN, AT_SYSINFO_EHDR, 51 /* AT_MINSIGSTKSZ */};
    const unsigned long *mem = (const unsigned long *)environ;
    unsigned seen[64] = {0};
    while (*mem++)
        continue;
    for (; *mem; mem += 2) {
        WANT(mem[0] < 64, "auxiliary vector: key %lu", mem[0]);
        if (mem[0] < 64 && seen[mem[0]]++)
            TRACE("auxiliary vector: key %lu twice", mem[0]);
        if (mem[0] == AT_EXECFD) /* binfmt_misc's flag O for an interpreter; a native program has none */
            TRACE("AT_EXECFD");
    }
    for (unsigned i = 0; i < sizeof must; i++)
        WANT(seen[must[i]], "auxiliary vector: no key %u", must[i]);
}

static void p_auxv_values(void)
{
    WANT(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_CLKTCK) == 100, "page size or clock ticks");
    WANT(getauxval(AT_UID) == getuid() && getauxval(AT_EUID) == geteuid() && getauxval(AT_GID) == getgid() && getauxval(AT_EGID) == getegid(), "ids");
    WANT(!getauxval(AT_SECURE), "AT_SECURE");
    WANT(!(getauxval(AT_FLAGS) & ~1ul), "AT_FLAGS");
    const unsigned char *r = (const unsigned char *)getauxval(AT_RANDOM);
    unsigned zero = 0;
    for (int i = 0; i < 16; i++)
        zero += !r[i];
    WANT(zero < 8, "AT_RANDOM is not random");
#ifdef __riscv
    WANT(!getauxval(AT_PLATFORM), "AT_PLATFORM: %s", (const char *)getauxval(AT_PLATFORM));
#endif
}

static void p_auxv_random(void)
{
    char first[40], *const argv[] = {probe_self, (char *)"say", (char *)"random", NULL};
    run_role(probe_self, argv);
    snprintf(first, sizeof first, "%.32s", probe_text);
    run_role(probe_self, argv);
    WANT(strlen(first) == 32 && strncmp(first, probe_text, 32), "AT_RANDOM is %s twice", first);
}

static void p_program_headers(void)
{
    const ElfW(Phdr) *ph = (const void *)getauxval(AT_PHDR);
    unsigned n = (unsigned)getauxval(AT_PHNUM), loads = 0;
    WANT(getauxval(AT_PHENT) == sizeof *ph && n && n < 32, "program headers: %u", n);
    for (unsigned i = 0; i < n && n < 32; i++)
        loads += ph[i].p_type == PT_LOAD;
    WANT(loads >= 2, "program headers: %u to load", loads);
    read_maps();
    const struct map *m = map_at(maps, nmaps, getauxval(AT_ENTRY));
    WANT(m && !strcmp(m->name, probe_self) && m->perms[2] == 'x', "AT_ENTRY is not in the program");
    unsigned long base = getauxval(AT_BASE);
    if (base) {
        m = map_at(maps, nmaps, base);
        WANT(m && m->start == base && strstr(m->name, "ld-") && !memcmp((void *)base, ELFMAG, 4), "AT_BASE is no dynamic linker");
    }
}

static void p_vdso(void)
{
    const ElfW(Ehdr) *e = (const void *)getauxval(AT_SYSINFO_EHDR);
    read_maps();
    const struct map *m = map_at(maps, nmaps, (unsigned long)e);
    if (!e || !m) {
        TRACE("no vDSO");
        return;
    }
    WANT(!strcmp(m->name, "[vdso]") && m->start == (unsigned long)e && !strcmp(m->perms, "r-xp"), "vDSO in maps: %s %s", m->perms, m->name);
    WANT(!memcmp(e->e_ident, ELFMAG, 4) && e->e_machine == MACHINE && e->e_type == ET_DYN, "vDSO is no ELF of the machine");
    WANT(!names_emulator((const char *)e, m->end - m->start) || MACHINE == EM_X86_64, "vDSO names the emulator");
}

static int count_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    ++*(unsigned *)arg;
    WANT(!names_emulator(info->dlpi_name, strlen(info->dlpi_name)), "loaded object %s", info->dlpi_name);
    return 0;
}

static void p_objects(void)
{
    unsigned n = 0;
    dl_iterate_phdr(count_object, &n);
    WANT(n >= 1 && n <= 4, "%u loaded objects", n);
}

/* -- descriptors ------------------------------------------------------------------------------------------- */

static void p_lowest_fd(void)
{
    int fd = open("/dev/null", O_RDONLY);
    WANT(fd == 3, "the lowest free descriptor is %d", fd);
    close(fd);
}

static void p_fcntl(void)
{
    for (int fd = 3; fd < 70000; fd++)
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
            TRACE("descriptor %d: %m", fd);
}

static void p_fd_list(void)
{
    static const char *const dirs[] = {"/proc/self/fd", "/proc/self/fdinfo", "/proc/thread-self/fd"};
    for (unsigned i = 0; i < 3; i++) {
        DIR *d = opendir(dirs[i]);
        for (struct dirent *e; d && (e = readdir(d));)
            WANT(e->d_name[0] == '.' || atoi(e->d_name) <= 3, "%s has %s", dirs[i], e->d_name);
        if (d)
            closedir(d);
    }
    struct stat st;
    WANT(stat("/proc/self/fd", &st) == 0 && (st.st_size == 0 || st.st_size == 3), "/proc/self/fd has a size of %ld", (long)st.st_size);
}

static void p_fd_names(void)
{
    char path[64], link[64];
    struct stat st;
    for (int fd = 3; fd < 2200; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (access(path, F_OK) == 0 || lstat(path, &st) == 0 || readlink(path, link, sizeof link) >= 0 || open(path, O_PATH) >= 0 ||
            truncate(path, 0) == 0 || chmod(path, 0600) == 0 || errno != ENOENT)
            TRACE("%s: %m", path);
        snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
        if (access(path, F_OK) == 0 || open(path, O_RDONLY) >= 0 || errno != ENOENT)
            TRACE("%s: %m", path);
        snprintf(path, sizeof path, "/dev/fd/%d", fd);
        if (faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0)
            TRACE("%s", path);
    }
}

static void p_dup(void)
{
    for (int fd = 3; fd < 1024; fd++)
        if (dup2(0, fd) != fd || close(fd)) {
            TRACE("dup2 onto %d: %m", fd);
            return;
        }
}

static void p_close_range(void)
{
    struct stat st;
    WANT(syscall(SYS_close_range, 3, ~0u, 0) == 0, "close_range: %m");
    WANT(stat("/proc/self/exe", &st) == 0 && st.st_size > 1000, "after close_range: %m");
}

static void p_exhaust(void)
{
    struct rlimit old, few;
    int fd, last = -1;
    getrlimit(RLIMIT_NOFILE, &old);
    few = old;
    few.rlim_cur = 40;
    setrlimit(RLIMIT_NOFILE, &few);
    while ((fd = open("/dev/null", O_RDONLY)) >= 0)
        last = fd;
    WANT(last == 39 && errno == EMFILE, "the last of 40 descriptors is %d: %m", last);
    WANT(open("/proc/self/maps", O_RDONLY) == -1 && errno == EMFILE, "maps without a descriptor: %m");
    char link[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", link, sizeof link - 1);
    link[n > 0 ? n : 0] = 0;
    WANT(!strcmp(link, probe_self), "exe without a descriptor: %s", link);
    close(39);
    fd = open("/proc/self/maps", O_RDONLY);
    WANT(fd == 39, "maps with the last descriptor: %d, %m", fd);
    for (fd = 3; fd < 40; fd++)
        close(fd);
    setrlimit(RLIMIT_NOFILE, &old);
}

static void p_fd_limit(void)
{
    char path[64];
    struct rlimit l;
    getrlimit(RLIMIT_NOFILE, &l);
    slurp("/proc/self/limits");
    const char *at = strstr(probe_text, "Max open files");
    WANT(at && strtoull(at + 25, NULL, 10) == l.rlim_cur, "limits: %.60s", at ? at : "");
    snprintf(path, sizeof path, "/proc/self/fd/%d", (int)l.rlim_cur - 1);
    WANT(access(path, F_OK) == -1, "%s", path);
}

/* -- threads, signals, children ------------------------------------------------------------------------------ */

static void p_threads(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/task");
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    slurp("/proc/self/status");
    long long threads = key_number(probe_text, "Threads:");
    slurp("/proc/self/stat");
    struct stat st;
    stat("/proc/self/task", &st);
    WANT(n == 1 && threads == 1 && stat_field(probe_text, 20) == 1 && st.st_nlink == 3, "threads: %u, %lld, %lu, %lu", n, threads, stat_field(probe_text, 20),
         (unsigned long)st.st_nlink);
}

/* A second thread, once there has been one, has given the first a list of semaphore operations to undo; a child without has none. */
static void p_undo_list(void)
{
    pid_t child = fork();
    if (!child)
        for (;;)
            pause();
    long r = syscall(SYS_kcmp, getpid(), child, 6 /* KCMP_SYSVSEM */, 0, 0);
    WANT(r == 0 || (r == -1 && errno == ENOSYS), "kcmp: %ld, %m", r);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void p_children(void)
{
    char path[64];
    int status;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    WANT(slurp(path) <= 0, "children: %s", probe_text);
    WANT(waitpid(-1, &status, WNOHANG | __WALL) == -1 && errno == ECHILD, "a child: %m");
}

static void p_actions(void)
{
    for (int sig = 1; sig <= 64; sig++) {
        struct sigaction sa;
        if (sig != 32 && sig != 33 && sigaction(sig, NULL, &sa) == 0)
            WANT(sa.sa_handler == SIG_DFL && !sa.sa_flags, "signal %d has a handler", sig);
    }
}

static void p_masks(void)
{
    sigset_t mask, pending;
    stack_t ss = {0};
    sigprocmask(SIG_BLOCK, NULL, &mask);
    sigpending(&pending);
    for (int sig = 1; sig < 64; sig++)
        WANT(!sigismember(&mask, sig) && !sigismember(&pending, sig), "signal %d is blocked or pending", sig);
    WANT(sigaltstack(NULL, &ss) == 0 && ss.ss_flags == SS_DISABLE && !ss.ss_size, "an alternate stack");
}

static void p_signal_status(void)
{
    slurp("/proc/self/status");
    static const char *const keys[] = {"SigPnd:", "ShdPnd:", "SigBlk:", "SigIgn:", "SigCgt:"};
    for (unsigned i = 0; i < 5; i++) {
        /* the C library lets nobody reset its own two signals, 32 and 33, where they are inherited as ignored */
        unsigned long long set = key_number(probe_text, keys[i]) & ~(i == 3 ? 3ull << 31 : 0);
        WANT(set == 0, "%s %llx", keys[i], set);
    }
    slurp("/proc/self/stat");
    for (unsigned f = 31; f <= 34; f++)
        WANT(stat_field(probe_text, f) == 0, "field %u of stat is %lu", f, stat_field(probe_text, f));
    slurp("/proc/self/task/self/stat");
}

static void p_timers(void)
{
    struct itimerval it;
    for (int i = 0; i < 3; i++)
        WANT(getitimer(i, &it) == 0 && !it.it_value.tv_sec && !it.it_value.tv_usec, "timer %d runs", i);
    WANT(slurp("/proc/self/timers") <= 0, "/proc/self/timers: %s", probe_text);
}

static void p_ptrace(void)
{
    slurp("/proc/self/status");
    WANT(key_number(probe_text, "TracerPid:") == 0, "is traced");
    pid_t pid = fork();
    if (pid == 0) {
        long r = ptrace(PTRACE_TRACEME, 0, 0, 0);
        _exit(r == 0 || errno == EPERM ? 0 : 1); /* EPERM: as a kernel that forbids it */
    }
    int status;
    WANT(waitpid(pid, &status, 0) == pid && status == 0, "PTRACE_TRACEME: %x", (unsigned)status);
}

/* -- prctl and limits ---------------------------------------------------------------------------------------- */

static void p_prctl(void)
{
    int value = -1;
    WANT(prctl(PR_GET_SECCOMP) == 0, "PR_GET_SECCOMP: %m");
    WANT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0, "PR_GET_NO_NEW_PRIVS: %m");
    WANT(prctl(PR_GET_DUMPABLE) == 1, "PR_GET_DUMPABLE: %m");
    WANT(prctl(PR_GET_KEEPCAPS) == 0, "PR_GET_KEEPCAPS: %m");
    WANT(prctl(PR_GET_PDEATHSIG, &value) == 0 && value == 0, "PR_GET_PDEATHSIG: %d %m", value);
    WANT(prctl(PR_GET_CHILD_SUBREAPER, &value) == 0 && value == 0, "PR_GET_CHILD_SUBREAPER: %d %m", value);
    WANT(prctl(PR_GET_TIMERSLACK) == 50000, "PR_GET_TIMERSLACK: %m");
    WANT(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 0, "PR_GET_THP_DISABLE: %m");
    slurp("/proc/self/status");
    WANT(key_number(probe_text, "Seccomp:") == 0 && key_number(probe_text, "NoNewPrivs:") == 0, "seccomp in status");
}

static void p_name(void)
{
    char name[17] = {0}, path[64], want[17] = {0};
    snprintf(want, 16, "%s", strrchr(probe_self, '/') + 1);
    WANT(prctl(PR_GET_NAME, name) == 0 && !strcmp(name, want), "PR_GET_NAME: %s", name);
    want[strlen(want)] = '\n';
    WANT(slurp("/proc/self/comm") > 0 && !strcmp(probe_text, want), "comm: %s", probe_text);
    snprintf(path, sizeof path, "/proc/self/task/%d/comm", (int)getpid());
    WANT(slurp(path) > 0 && !strcmp(probe_text, want), "comm of the task: %s", probe_text);
    slurp("/proc/self/stat");
    want[strlen(want) - 1] = 0;
    WANT(!strncmp(strchr(probe_text, '(') + 1, want, strlen(want)), "name in stat");
    slurp("/proc/self/status");
    WANT(!strncmp(probe_text, "Name:\t", 6) && !strncmp(probe_text + 6, want, strlen(want)), "name in status");
}

static void p_personality(void)
{
    unsigned long file = slurp("/proc/self/personality") > 0 ? strtoul(probe_text, NULL, 16) : 0;
    int p = personality(0xffffffff);
    WANT(p >= 0 && (unsigned)p == file && !((unsigned)p & ~(unsigned)ADDR_NO_RANDOMIZE), "personality %x, in /proc %lx", (unsigned)p, file);
}

static void p_limits_file(void)
{
    static const struct {
        int resource;
        const char *name;
    } rows[] = {{RLIMIT_AS, "Max address space"}, {RLIMIT_DATA, "Max data size"}, {RLIMIT_STACK, "Max stack size"}, {RLIMIT_CORE, "Max core file size"},
                {RLIMIT_NPROC, "Max processes"}, {RLIMIT_MEMLOCK, "Max locked memory"}, {RLIMIT_NOFILE, "Max open files"}};
    struct rlimit old[7];
    for (unsigned i = 0; i < 7; i++) {
        getrlimit(rows[i].resource, &old[i]);
        if (rows[i].resource == RLIMIT_NOFILE)
            continue;
        struct rlimit l = old[i];
        l.rlim_cur = l.rlim_max == RLIM_INFINITY || l.rlim_max > (40u << 20) ? (40u << 20) + i * 4096 : l.rlim_max;
        setrlimit(rows[i].resource, &l);
    }
    slurp("/proc/self/limits");
    for (unsigned i = 0; i < 7; i++) {
        struct rlimit l;
        getrlimit(rows[i].resource, &l);
        const char *at = strstr(probe_text, rows[i].name);
        WANT(at && strtoull(at + 25, NULL, 10) == l.rlim_cur, "%s: %.50s instead of %llu", rows[i].name, at ? at : "none", (unsigned long long)l.rlim_cur);
        setrlimit(rows[i].resource, &old[i]);
    }
}

static void p_stack_limit(void)
{
    struct rlimit old, l;
    char *const argv[] = {probe_self, (char *)"say", (char *)"stack", NULL};
    getrlimit(RLIMIT_STACK, &old);
    static const unsigned long sizes[] = {256 << 10, 3 << 20, 100 << 20, RLIM_INFINITY};
    for (unsigned i = 0; i < 4; i++) {
        l = old;
        l.rlim_cur = sizes[i] < old.rlim_max ? sizes[i] : old.rlim_max;
        setrlimit(RLIMIT_STACK, &l);
        int r = run_role(probe_self, argv);
        WANT(r == 0 && strtoull(probe_text, NULL, 10) == l.rlim_cur, "stack limit %llu is %s after execve (status %d)", (unsigned long long)l.rlim_cur, probe_text, r);
    }
    setrlimit(RLIMIT_STACK, &old);
}

/* -- the machine --------------------------------------------------------------------------------------------- */

static void p_uname(void)
{
    struct utsname u;
    uname(&u);
    WANT(!strcmp(u.machine, UNAME) && !strcmp(u.sysname, "Linux"), "uname: %s %s", u.sysname, u.machine);
    WANT(!names_emulator(u.version, strlen(u.version)) && !names_emulator(u.release, strlen(u.release)), "uname: %s %s", u.release, u.version);
    slurp("/proc/sys/kernel/osrelease");
    WANT(!strncmp(probe_text, u.release, strlen(u.release)), "release %s, in /proc %s", u.release, probe_text);
    slurp("/proc/sys/kernel/version");
    WANT(!strncmp(probe_text, u.version, strlen(u.version)), "version %s, in /proc %s", u.version, probe_text);
    if (slurp("/proc/sys/kernel/arch") > 0)
        WANT(!strcmp(probe_text, UNAME "\n"), "/proc/sys/kernel/arch: %s", probe_text);
    slurp("/proc/version");
    WANT(!names_emulator(probe_text, strlen(probe_text)), "/proc/version: %s", probe_text);
}

static void p_cpuinfo(void)
{
    unsigned processors = 0;
    ssize_t n = slurp("/proc/cpuinfo");
    for (const char *at = probe_text; (at = strstr(at, "processor\t")); at++)
        processors++;
    WANT(processors == (unsigned)get_nprocs(), "%u processors instead of %d", processors, get_nprocs());
    WANT(n > 0 && (MACHINE == EM_X86_64 || !names_emulator(probe_text, (size_t)n)), "cpuinfo: %s", names_emulator(probe_text, (size_t)n));
    WANT(MACHINE == EM_X86_64 || (!strstr(probe_text, "vendor_id") && strstr(probe_text, "isa\t\t: rv64")), "cpuinfo is the host's");
}

static void p_isa(void)
{
#ifdef __riscv
    slurp("/proc/cpuinfo");
    const char *isa = strstr(probe_text, "isa\t\t: rv64");
    char letters[64] = "";
    sscanf(isa ? isa : "", "isa\t\t: rv64%63[a-z]", letters);
    unsigned long hwcap = getauxval(AT_HWCAP), want = 0;
    for (const char *c = letters; *c; c++)
        want |= 1ul << (*c - 'a');
    WANT(hwcap == (want & hwcap) && !((want ^ hwcap) & ((1ul << 8) | (1ul << 12) | 1 | (1ul << 5) | (1ul << 3) | (1ul << 2) | (1ul << 21))),
         "hwcap %lx, isa %s", hwcap, letters);
    struct {
        int64_t key;
        uint64_t value;
    } pair[3] = {{3, 0}, {4, 0}, {-1, 0}};
    WANT(syscall(258, pair, 3, 0, 0, 0) == 0, "hwprobe: %m");
    WANT(pair[0].value == 1 && !(hwcap >> 5 & 1) == !(pair[1].value & 1) && !(hwcap >> 2 & 1) == !(pair[1].value & 2) &&
             !(hwcap >> 21 & 1) == !(pair[1].value & 4),
         "hwprobe %llx, hwcap %lx", (unsigned long long)pair[1].value, hwcap);
    static const char *const names[] = {"_zba", "_zbb", "_zbs", "_zicboz"};
    for (unsigned i = 0; i < 4; i++)
        WANT(!(pair[1].value >> (3 + i) & 1) == !strstr(isa ? isa : "", names[i]), "hwprobe and cpuinfo differ on %s", names[i]);
    WANT(pair[2].key == -1, "hwprobe: unknown key");
#endif
}

static void p_cpus(void)
{
    cpu_set_t set;
    unsigned cpu = 9999, node;
    WANT(sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) >= 1, "affinity");
    WANT(syscall(SYS_getcpu, &cpu, &node, NULL) == 0 && CPU_ISSET(cpu, &set), "getcpu: %u", cpu);
    WANT(getpriority(PRIO_PROCESS, 0) == (slurp("/proc/self/stat") > 0 ? (int)stat_field(probe_text, 19) : 99), "priority");
}

static void p_syscall_numbers(void)
{
    static const long bad[] = {-1, 600, 1000, 5000, 0x40000000, 0x7fffffff};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        WANT(syscall(bad[i], 0, 0, 0, 0, 0, 0) == -1 && errno == ENOSYS, "system call %ld: %m", bad[i]);
}

static long long ns(struct timespec t)
{
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void p_clock(void)
{
    struct timespec a, b, c;
    for (int i = 0; i < 1000; i++) {
        clock_gettime(CLOCK_MONOTONIC, &a);
        syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &b);
        clock_gettime(CLOCK_MONOTONIC, &c);
        if (ns(b) < ns(a) || ns(c) < ns(b)) {
            TRACE("the monotonic clock of the vDSO and of the kernel differ");
            break;
        }
    }
    static const clockid_t ids[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_RAW, CLOCK_TAI, CLOCK_PROCESS_CPUTIME_ID};
    for (unsigned i = 0; i < sizeof ids / sizeof *ids; i++) {
        WANT(clock_getres(ids[i], &a) == 0 && syscall(SYS_clock_getres, ids[i], &b) == 0 && ns(a) == ns(b), "resolution of clock %d", (int)ids[i]);
        WANT(clock_gettime(ids[i], &a) == 0 && syscall(SYS_clock_gettime, ids[i], &b) == 0 && ns(b) >= ns(a) && ns(b) - ns(a) < 2000000000, "clock %d", (int)ids[i]);
    }
    struct tms t;
    WANT(times(&t) != -1 && t.tms_utime >= 0, "times");
}

static void p_start_time(void)
{
    struct timespec now;
    slurp("/proc/self/stat");
    clock_gettime(CLOCK_BOOTTIME, &now);
    long long age = ns(now) / 10000000 - (long long)stat_field(probe_text, 22);
    WANT(age >= 0 && age < 6000, "started %lld ticks ago", age);
}

static void p_usage(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    slurp("/proc/self/status");
    long long rss = key_number(probe_text, "VmRSS:"), peak = key_number(probe_text, "VmHWM:"), size = key_number(probe_text, "VmSize:");
    WANT(rss > 0 && rss <= peak + 2048 && rss < size, "VmRSS %lld, VmHWM %lld, VmSize %lld", rss, peak, size);
    WANT(u.ru_maxrss > 0 && u.ru_maxrss < 1 << 20, "ru_maxrss %ld", u.ru_maxrss);
    getrusage(RUSAGE_CHILDREN, &u);
}

const struct probe probes_self[] = {
    {"lowest-fd", p_lowest_fd},
    {"children", p_children},
    {"threads", p_threads},
    {"undo-list", p_undo_list},
    {"actions", p_actions},
    {"masks", p_masks},
    {"signals-in-status", p_signal_status},
    {"timers", p_timers},
    {"name", p_name},
    {"argv", p_argv},
    {"environment", p_environment},
    {"environ-file", p_environ_file},
    {"stack-strings", p_stack_strings},
    {"execfn", p_execfn},
    {"auxv-file", p_auxv_file},
    {"auxv-keys", p_auxv_keys},
    {"auxv-values", p_auxv_values},
    {"auxv-random", p_auxv_random},
    {"program-headers", p_program_headers},
    {"vdso", p_vdso},
    {"loaded-objects", p_objects},
    {"fd-fcntl", p_fcntl},
    {"fd-list", p_fd_list},
    {"fd-names", p_fd_names},
    {"fd-dup2", p_dup},
    {"fd-close_range", p_close_range},
    {"fd-exhaustion", p_exhaust},
    {"fd-limit", p_fd_limit},
    {"ptrace", p_ptrace},
    {"prctl", p_prctl},
    {"personality", p_personality},
    {"limits-file", p_limits_file},
    {"limits-stack", p_stack_limit},
    {"uname", p_uname},
    {"cpuinfo", p_cpuinfo},
    {"isa", p_isa},
    {"cpus", p_cpus},
    {"call-numbers", p_syscall_numbers},
    {"clocks", p_clock},
    {"start-time", p_start_time},
    {"usage", p_usage},
    {NULL, NULL},
};

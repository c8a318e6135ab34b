/*
 * Guest test: core files: exit status, name, notes of every thread, memory chosen by coredump_filter, MADV_DONTDUMP and RLIMIT_CORE.
 * The same source built for the host gives the expected results.
 */
#include "../check.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/procfs.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARK UINT64_C(0x636f72652d746573)

static uint64_t *kept, *dropped, *untouched;

static void *blocked(void *arg)
{
    for (;;)
        pause();
    return arg;
}
static void *busy(void *arg)
{
    for (volatile long i = 0;; i++)
        continue;
    return arg;
}

static void crash(int sig)
{
    pthread_t t;
    pthread_create(&t, NULL, blocked, NULL);
    pthread_create(&t, NULL, busy, NULL);
    usleep(20000);
    if (sig == SIGSEGV)
        *(volatile int *)0x18 = 1;
    raise(sig);
    _exit(0);
}

static int run(int sig, rlim_t limit, const char *filter)
{
    int status = -1;
    pid_t pid = fork();
    if (!pid) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){limit, limit});
        int fd = open("/proc/self/coredump_filter", O_WRONLY);
        if (filter && write(fd, filter, strlen(filter)) < 0)
            _exit(1);
        close(fd);
        crash(sig);
    }
    waitpid(pid, &status, 0);
    return status;
}

/* -- reading the file ---------------------------------------------------------------------------------------- */

static unsigned char *core;
static size_t core_bytes;
static unsigned count[0x300]; /* notes by type, those that matter */
static prstatus_t first;
static siginfo_t info;
static prpsinfo_t ps;

static int load(void)
{
    struct stat st;
    int fd = open("core", O_RDONLY);
    if (fd < 0)
        return 0;
    fstat(fd, &st);
    core_bytes = (size_t)st.st_size;
    core = mmap(NULL, core_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    unlink("core");
    return core != MAP_FAILED;
}

static void read_notes(const Elf64_Phdr *ph)
{
    memset(count, 0, sizeof count);
    for (size_t at = ph->p_offset; at + 12 <= ph->p_offset + ph->p_filesz;) {
        const Elf64_Nhdr *n = (const void *)(core + at);
        const unsigned char *data = core + at + 12 + ((n->n_namesz + 3) & ~3u);
        if (n->n_type == NT_PRSTATUS && !count[NT_PRSTATUS])
            memcpy(&first, data, sizeof first);
        if (n->n_type == NT_SIGINFO)
            memcpy(&info, data, sizeof info);
        if (n->n_type == NT_PRPSINFO)
            memcpy(&ps, data, sizeof ps);
        count[n->n_type == NT_SIGINFO ? 0x100 : n->n_type == NT_FILE ? 0x101 : n->n_type < 0x100 ? n->n_type : 0x102]++;
        at = (size_t)(data - core) + ((n->n_descsz + 3) & ~3u);
    }
}

/* The word at addr in the file: 1 and *value, 0 if it is not there, -1 if nothing is mapped there. */
static int word_at(const void *addr, uint64_t *value)
{
    const Elf64_Ehdr *eh = (const void *)core;
    const Elf64_Phdr *ph = (const void *)(core + eh->e_phoff);
    for (unsigned i = 0; i < eh->e_phnum; i++) {
        uint64_t at = (uint64_t)addr - ph[i].p_vaddr;
        if (ph[i].p_type != PT_LOAD || at >= ph[i].p_memsz)
            continue;
        if (at >= ph[i].p_filesz || ph[i].p_offset + at + 8 > core_bytes)
            return 0;
        memcpy(value, core + ph[i].p_offset + at, 8);
        return 1;
    }
    return -1;
}

static void test_contents(void)
{
    uint64_t v = 0;
    int there, status = run(SIGSEGV, RLIM_INFINITY, NULL);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV && WCOREDUMP(status), "%x", status);
    if (!load()) {
        CHECK(0, "no file: %d", errno);
        return;
    }
    const Elf64_Ehdr *eh = (const void *)core;
    CHECK(!memcmp(eh->e_ident, ELFMAG, SELFMAG) && eh->e_type == ET_CORE && eh->e_version == EV_CURRENT, "header");
#ifdef __riscv
    CHECK(eh->e_machine == EM_RISCV, "machine %d", eh->e_machine);
#endif
    const Elf64_Phdr *ph = (const void *)(core + eh->e_phoff);
    CHECK(ph[0].p_type == PT_NOTE, "notes first");
    read_notes(&ph[0]);
    CHECK(count[NT_PRSTATUS] == 3 && count[NT_PRPSINFO] == 1 && count[0x100] == 1 && count[0x101] == 1 && count[NT_AUXV] == 1 && count[NT_PRFPREG] == 3,
          "notes: %u %u %u %u %u %u", count[NT_PRSTATUS], count[NT_PRPSINFO], count[0x100], count[0x101], count[NT_AUXV], count[NT_PRFPREG]);
    CHECK(first.pr_cursig == SIGSEGV && first.pr_ppid == getpid() && first.pr_fpvalid == 1, "prstatus: %d %d", first.pr_cursig, first.pr_ppid);
    CHECK(info.si_signo == SIGSEGV && info.si_code == SEGV_MAPERR && info.si_addr == (void *)0x18, "siginfo: %d %p", info.si_code, info.si_addr);
    CHECK(!strncmp(ps.pr_fname, "sig_core", 8) && ps.pr_pid == first.pr_pid && strstr(ps.pr_psargs, "sig_core"), "prpsinfo: %s, %s", ps.pr_fname, ps.pr_psargs);
#ifdef __riscv
    uint32_t insn;
    memcpy(&insn, (void *)first.pr_reg[0], 4);
    CHECK((insn & 3) == 3 ? (insn & 0x7f) == 0x23 : (insn & 0xe003) == 0xc000, "pc %lx is at a store: %x", (unsigned long)first.pr_reg[0], insn);
#endif
    CHECK(word_at(kept, &v) == 1 && v == MARK, "private memory: %lx", (unsigned long)v);
    there = word_at(dropped, &v);
    CHECK(there == 0, "MADV_DONTDUMP: %d, %lx", there, (unsigned long)v);
    there = word_at(untouched, &v);
    CHECK(there == 0 || (there == 1 && v == 0), "untouched: %d", there);
    munmap(core, core_bytes);
}

static void test_choices(void)
{
    uint64_t v = 0;
    int status = run(SIGSEGV, 0, NULL);
    CHECK(WTERMSIG(status) == SIGSEGV && !WCOREDUMP(status) && !load(), "RLIMIT_CORE 0: %x", status);
    status = run(SIGTERM, RLIM_INFINITY, NULL);
    CHECK(WTERMSIG(status) == SIGTERM && !WCOREDUMP(status) && !load(), "SIGTERM: %x", status);
    static const int sigs[] = {SIGABRT, SIGQUIT, SIGSYS, SIGXCPU, SIGXFSZ, SIGILL, SIGTRAP, SIGFPE, SIGBUS};
    for (unsigned i = 0; i < sizeof sigs / sizeof *sigs; i++) {
        status = run(sigs[i], RLIM_INFINITY, "0x0");
        CHECK(WTERMSIG(status) == sigs[i] && WCOREDUMP(status), "signal %d: %x", sigs[i], status);
        if (!load()) {
            CHECK(0, "signal %d: no file", sigs[i]);
            continue;
        }
        read_notes((const void *)(core + ((const Elf64_Ehdr *)(const void *)core)->e_phoff));
        CHECK(first.pr_cursig == sigs[i] && info.si_code == SI_TKILL, "signal %d: %d, code %d", sigs[i], first.pr_cursig, info.si_code);
        CHECK(word_at(kept, &v) == 0, "coredump_filter 0");
        munmap(core, core_bytes);
    }
    status = run(SIGABRT, 3 * 4096, NULL);
    CHECK(WCOREDUMP(status) && load() && core_bytes <= 3 * 4096, "cut short: %x, %zu bytes", status, core_bytes);
}

/* A filter that kills leaves a core file as well, with the call in it; strict mode does not. */
static void forbidden(int strict, unsigned action)
{
    const struct sock_filter code[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_getppid},
        {BPF_RET | BPF_K, 0, 0, action},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    };
    const struct sock_fprog prog = {4, (struct sock_filter *)code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (strict)
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
    else
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
    syscall(SYS_getppid);
}

static void test_seccomp(void)
{
    static const struct {
        int strict, sig;
        unsigned action;
    } cases[] = {{0, SIGSYS, SECCOMP_RET_KILL_PROCESS}, {0, SIGSYS, SECCOMP_RET_KILL_THREAD}, {1, SIGKILL, 0}};
    for (unsigned i = 0; i < 3; i++) {
        int status;
        pid_t pid = fork();
        if (!pid) {
            setrlimit(RLIMIT_CORE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
            forbidden(cases[i].strict, cases[i].action);
            _exit(0);
        }
        waitpid(pid, &status, 0);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == cases[i].sig && (WCOREDUMP(status) != 0) == !cases[i].strict, "case %u: %x", i, status);
        if (cases[i].strict || !load()) {
            CHECK(cases[i].strict, "case %u: no file", i);
            continue;
        }
        read_notes((const void *)(core + ((const Elf64_Ehdr *)(const void *)core)->e_phoff));
        CHECK(first.pr_cursig == SIGSYS && info.si_signo == SIGSYS && info.si_code == 1 /* SYS_SECCOMP */ && info.si_syscall == SYS_getppid, "case %u: code %d, call %d", i,
              info.si_code, info.si_syscall);
        munmap(core, core_bytes);
    }
}

int main(void)
{
    char pattern[200] = "", dir[] = "/tmp/sig_core.XXXXXX";
    int fd = open("/proc/sys/kernel/core_pattern", O_RDONLY);
    ssize_t n = read(fd, pattern, sizeof pattern - 1);
    if (n != 5 || strcmp(pattern, "core\n") || !mkdtemp(dir) || chdir(dir)) {
        printf("skipped: core_pattern is %s", pattern);
        return check_done();
    }
    kept = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); /* nothing joins */
    dropped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    untouched = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *kept = *dropped = MARK;
    madvise(dropped, 4096, MADV_DONTDUMP);
    test_contents();
    test_choices();
    test_seccomp();
    chdir("/");
    rmdir(dir);
    return check_done();
}

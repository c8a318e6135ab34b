/*
 * A guest that looks for traces of an emulator in everything that a kernel tells a program.  probe.sh runs it in every way
 * that a guest can be started, and natively, where it must be as silent.
 *
 *   probe start DIR   runs all probes; one line for each trace; the last line counts
 *   probe wait ...    the other program: has threads, code and data of its own, describes itself and waits
 *   probe say WHAT    prints one thing about itself (children of probes); script: as what a #! line names
 */
#include "probe.h"

#include <pthread.h>
#include <stdarg.h>

char probe_self[PATH_MAX], probe_dir[PATH_MAX], probe_text[TEXT_BYTES];
char **probe_argv;
pid_t probe_other;
unsigned long probe_stack_pointer;

static unsigned number, traces;
static const char *current;

void probe_trace(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    printf("%u %s: ", number, current);
    vprintf(format, ap);
    putchar('\n');
    va_end(ap);
    traces++;
}

/* -- helpers ----------------------------------------------------------------------------------------------- */

ssize_t slurp_fd(int fd)
{
    ssize_t n = 0, k = 0;
    while (fd >= 0 && (k = read(fd, probe_text + n, TEXT_BYTES - 1 - (size_t)n)) > 0)
        n += k;
    probe_text[n] = 0;
    if (fd >= 0)
        close(fd);
    return fd < 0 || k < 0 ? -1 : n;
}

ssize_t slurp(const char *path)
{
    return slurp_fd(open(path, O_RDONLY));
}

const char *names_emulator(const char *text, size_t n)
{
    static const char *const names[] = {"btv", "BTV", "qemu",
#ifdef __riscv
                                        "x86", "X86", "amd64", "GenuineIntel", "AuthenticAMD",
#endif
    };
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (memmem(text, n, names[i], strlen(names[i])))
            return names[i];
    return NULL;
}

unsigned long stat_field(const char *text, unsigned n)
{
    const char *p = strrchr(text, ')');
    for (unsigned i = 2; p && i < n; i++)
        p = strchr(p + 1, ' ');
    return p ? strtoul(p + 1, NULL, 10) : 0;
}

long long key_number(const char *text, const char *key)
{
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL)
        if (!strncmp(line, key, strlen(key)))
            return strtoll(line + strlen(key), NULL, strncmp(key, "Sig", 3) ? 10 : 16);
    return -1;
}

unsigned parse_maps(const char *text, struct map out[MAPS_MAX])
{
    unsigned n = 0;
    for (const char *line = text; line && *line && n < MAPS_MAX; line = strchr(line, '\n'), line += line != NULL) {
        struct map *m = &out[n];
        int at = 0;
        if (sscanf(line, "%lx-%lx %7s %lx %*x:%*x %lu%n", &m->start, &m->end, m->perms, &m->offset, &m->inode, &at) < 5)
            continue;
        const char *name = line + at + strspn(line + at, " ");
        size_t k = strcspn(name, "\n");
        k = k < sizeof m->name ? k : sizeof m->name - 1;
        memcpy(m->name, name, k);
        m->name[k] = 0;
        n++;
    }
    return n;
}

const struct map *map_at(const struct map *m, unsigned n, unsigned long addr)
{
    for (unsigned i = 0; i < n; i++)
        if (addr >= m[i].start && addr < m[i].end)
            return &m[i];
    return NULL;
}

int run_role(const char *path, char *const argv[])
{
    int p[2], status;
    if (pipe(p))
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(p[1], 1);
        close(p[0]);
        close(p[1]);
        execv(path, argv);
        _exit(127);
    }
    close(p[1]);
    slurp_fd(p[0]);
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* -- roles ------------------------------------------------------------------------------------------------- */

static void *idle(void *arg)
{
    pause();
    return arg;
}

/* What the other program says of itself goes to files of these names; the probes then read the same from outside. */
static void describe(const char *dir)
{
    static const char *const files[] = {"maps", "auxv", "cmdline", "environ", "statm", "status", "stat", "limits", "comm", "numa_maps", "smaps"};
    char from[64], to[PATH_MAX + 16];
    for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(from, sizeof from, "/proc/self/%s", files[i]);
        snprintf(to, sizeof to, "%s/other.%s", dir, files[i]);
        ssize_t n = slurp(from);
        int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (fd >= 0 && n > 0 && write(fd, probe_text, (size_t)n) != n)
            exit(1);
        close(fd);
    }
}

static int wait_role(int ready, const char *dir)
{
    pthread_t thread;
    struct rlimit few = {1 << 30, RLIM_INFINITY};
    getrlimit(RLIMIT_DATA, &few);
    few.rlim_cur = 1 << 30;
    setrlimit(RLIMIT_DATA, &few);
    prctl(PR_SET_NAME, "other name");
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, (void (*)(int))(uintptr_t)wait_role);
    char *code = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(code + 4096, 4096, PROT_READ | PROT_WRITE);
    mmap(NULL, 8192, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *none = mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(none, 8192, MADV_DONTDUMP);
    mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, open(probe_self, O_RDONLY | O_CLOEXEC), 0);
    if (code == MAP_FAILED || !sbrk(65536) || pthread_create(&thread, NULL, idle, NULL))
        return 1;
    usleep(20000); /* the thread sleeps */
    describe(dir);
    if (write(ready, "r", 1) != 1)
        return 1;
    close(ready);
    for (;;)
        pause();
}

static int say_role(const char *what)
{
    char text[PATH_MAX];
    if (!strcmp(what, "comm")) {
        slurp("/proc/self/comm");
        printf("%s", probe_text);
    } else if (!strcmp(what, "environ")) {
        for (char **e = environ; *e; e++)
            puts(*e);
    } else if (!strcmp(what, "exe")) {
        ssize_t n = readlink("/proc/self/exe", text, sizeof text - 1);
        text[n > 0 ? n : 0] = 0;
        puts(text);
    } else if (!strcmp(what, "stack")) {
        struct rlimit l;
        getrlimit(RLIMIT_STACK, &l);
        printf("%llu\n", (unsigned long long)l.rlim_cur);
    } else if (!strcmp(what, "fds")) {
        for (int fd = 0; fd < 70000; fd++)
            if (fcntl(fd, F_GETFD) >= 0)
                printf("%d ", fd);
        puts("");
    } else if (!strcmp(what, "random")) {
        const unsigned char *r = (const unsigned char *)getauxval(AT_RANDOM);
        for (int i = 0; i < 16; i++)
            printf("%02x", r[i]);
        puts("");
    }
    return 0;
}

/* Name and command line as /proc has them. */
static int script_role(void)
{
    slurp("/proc/self/comm");
    printf("%.*s", (int)strcspn(probe_text, "\n"), probe_text);
    ssize_t n = slurp("/proc/self/cmdline");
    for (ssize_t at = 0; at < n; at += (ssize_t)strlen(probe_text + at) + 1)
        printf(" %s", probe_text + at);
    puts("");
    return 0;
}

/* -- running the table ------------------------------------------------------------------------------------- */

static bool start_other(void)
{
    char byte, fd[16];
    int p[2];
    if (pipe(p))
        return false;
    probe_other = fork();
    if (probe_other == 0) {
        close(p[0]);
        snprintf(fd, sizeof fd, "%d", p[1]);
        char *const argv[] = {(char *)"other-argv0", (char *)"wait", fd, probe_dir, (char *)"an argument", NULL};
        execv(probe_self, argv);
        _exit(127);
    }
    close(p[1]);
    bool ok = read(p[0], &byte, 1) == 1;
    close(p[0]);
    return ok;
}

static void run_table(const struct probe *p)
{
    for (; p->name; p++) {
        number++;
        current = p->name;
        p->run();
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    probe_argv = argv;
    probe_stack_pointer = (unsigned long)(argv - 1);
    if (!realpath("/proc/self/exe", probe_self))
        probe_self[0] = 0;
    if (argc > 3 && !strcmp(argv[1], "wait"))
        return wait_role(atoi(argv[2]), argv[3]);
    if (argc > 2 && !strcmp(argv[1], "script"))
        return script_role();
    if (argc > 2 && !strcmp(argv[1], "say"))
        return say_role(argv[2]);
    if (argc > 2 && !strcmp(argv[1], "start")) { /* whatever was inherited goes */
        sigset_t none;
        for (int fd = 3; fd < 1024; fd++)
            close(fd);
        for (int sig = 1; sig <= 64; sig++)
            signal(sig, SIG_DFL);
        prctl(PR_SET_PDEATHSIG, 0);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        char *const again[] = {probe_self, (char *)"run", argv[2], NULL};
        execv(probe_self, again);
        return 127;
    }
    if (argc < 3 || strcmp(argv[1], "run") || !realpath(argv[2], probe_dir)) {
        fprintf(stderr, "usage: probe start DIR\n");
        return 2;
    }
    run_table(probes_self); /* first: they look at a process that has not done anything yet */
    number++;
    current = "other-starts";
    if (!start_other())
        TRACE("another program does not start");
    run_table(probes_file);
    run_table(probes_proc);
    run_table(probes_mem);
    kill(probe_other, SIGKILL);
    waitpid(probe_other, NULL, 0);
    printf("%u probes, %u traces\n", number, traces);
    return traces != 0;
}

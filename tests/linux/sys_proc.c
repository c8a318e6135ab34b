/*
 * Guest test: /proc shows the guest, by whatever path it is reached, and nothing of the program that runs it.
 */
#include "../check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char text[1 << 20];
static char self[PATH_MAX];

static ssize_t slurp_fd(int fd)
{
    ssize_t n = 0, k;
    while (fd >= 0 && (k = read(fd, text + n, sizeof text - 1 - (size_t)n)) > 0)
        n += k;
    text[n] = 0;
    if (fd >= 0)
        close(fd);
    return fd < 0 ? -1 : n;
}

static ssize_t slurp(const char *path)
{
    return slurp_fd(open(path, O_RDONLY));
}

/* Does a line of maps in `text` hold the address with these permissions and end with the name? */
static int has_map(const void *addr, const char *perms, const char *name)
{
    for (char *line = text, *end; *line; line = end + 1) {
        unsigned long a, b;
        char p[8];
        end = strchr(line, '\n');
        if (!end)
            break;
        if (sscanf(line, "%lx-%lx %7s", &a, &b, p) != 3 || (unsigned long)addr < a || (unsigned long)addr >= b)
            continue;
        return !strcmp(p, perms) && (size_t)(end - line) >= strlen(name) && !strncmp(end - strlen(name), name, strlen(name));
    }
    return 0;
}

static void clean(const char *where)
{
    CHECK(!strstr(text, "btv"), "%s shows the translator", where);
    CHECK(!strstr(text, "x86") || strstr(self, "x86"), "%s shows the host", where);
}

static void maps(void)
{
    static int data = 1;
    int local = 0;
    char path[128], pid[32];
    void *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *none = mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    const char *spelt[] = {"/proc/self/maps", "/proc/self/./maps", "//proc//self//maps", "/proc/self/../self/maps", "/proc/thread-self/maps", "/proc/%s/maps",
                           "/proc/%s/task/%s/maps", "/proc/self/task/../maps", "/../proc/self/maps", "/proc/self/cwd/../../../../../../proc/self/maps"};
    for (unsigned i = 0; i < sizeof spelt / sizeof *spelt; i++) {
        snprintf(path, sizeof path, spelt[i], pid, pid);
        CHECK(slurp(path) > 0, "%s: %d", path, errno);
        CHECK(has_map((void *)maps, "r-xp", self) && has_map(&data, "rw-p", ""), "%s: program", path);
        CHECK(has_map(&local, "rw-p", "[stack]"), "%s: stack", path);
        CHECK(has_map(sbrk(0) - 1, "rw-p", "[heap]"), "%s: heap", path);
        CHECK(has_map(code, "rwxp", "") && has_map(none, "---p", ""), "%s: protections", path);
        CHECK(has_map((char *)shared + 4096, "rw-s", ""), "%s: shared", path);
        clean(path);
    }
    int dir = open("/proc/self", O_RDONLY | O_DIRECTORY), task = open("/proc/thread-self", O_PATH);
    CHECK(slurp_fd(openat(dir, "maps", O_RDONLY)) > 0 && has_map(&local, "rw-p", "[stack]"), "through a directory");
    clean("through a directory");
    CHECK(slurp_fd(openat(task, "maps", O_RDONLY)) > 0 && has_map(&local, "rw-p", "[stack]"), "through a thread's directory");
    CHECK(slurp_fd(openat(task, "../../maps", O_RDONLY)) > 0, "upwards");
    clean("upwards");
    CHECK(chdir("/proc/self") == 0 && slurp("maps") > 0 && has_map(&local, "rw-p", "[stack]"), "in the current directory");
    clean("in the current directory");
    CHECK(chdir("/") == 0 && slurp("proc/self/maps") > 0, "relative");
    clean("relative");
    CHECK(slurp("/proc/self/smaps") > 0 && strstr(text, "Rss:"), "smaps");
    clean("smaps");
    CHECK(open("/proc/self/maps", O_RDWR) == -1 && errno == EACCES, "maps cannot be written: %d", errno);
    close(dir);
    close(task);
    munmap(shared, 8192);
}

static void identity(char **argv)
{
    char buf[PATH_MAX];
    struct stat a, b;
    ssize_t n = readlink("/proc/self/exe", buf, sizeof buf - 1);
    CHECK(n > 0 && (buf[n] = 0, !strcmp(buf, self)), "exe: %s", buf);
    CHECK(stat("/proc/self/exe", &a) == 0 && stat(self, &b) == 0 && a.st_ino == b.st_ino, "stat of exe");
    CHECK(lstat("/proc/self/exe", &a) == 0 && S_ISLNK(a.st_mode), "lstat of exe");
    int fd = open("/proc/self/exe", O_RDONLY);
    CHECK(fd >= 0 && fstat(fd, &a) == 0 && a.st_ino == b.st_ino, "open of exe");
    close(fd);
    n = slurp("/proc/self/cmdline");
    CHECK(n > 0 && !strcmp(text, argv[0]) && (!argv[1] || !strcmp(text + strlen(text) + 1, argv[1])), "cmdline: %s", text);
    char *end = argv[0];
    for (char **v = argv; *v; v++)
        end = *v + strlen(*v) + 1;
    CHECK(n == end - argv[0], "cmdline: %zd bytes, not %zd", n, end - argv[0]);
    clean("cmdline");
    n = slurp("/proc/self/auxv");
    unsigned long *aux = (unsigned long *)text;
    int page = 0, entry = 0;
    for (unsigned i = 0; i < n / sizeof *aux; i += 2) {
        page += aux[i] == AT_PAGESZ && aux[i + 1] == getauxval(AT_PAGESZ);
        entry += aux[i] == AT_ENTRY && aux[i + 1] == getauxval(AT_ENTRY);
    }
    CHECK(page == 1 && entry == 1, "auxv");
    CHECK(slurp("/proc/self/environ") >= 0, "environ");
    CHECK(prctl(PR_SET_NAME, "renamed") == 0 && slurp("/proc/self/comm") == 8 && !strcmp(text, "renamed\n"), "comm: %s", text);
    CHECK(slurp("/proc/cpuinfo") > 0 && strstr(text, "processor"), "cpuinfo");
    CHECK(strstr(self, "x86") || !strstr(text, "GenuineIntel") || getenv("NATIVE"), "cpuinfo is the host's");
    CHECK(slurp("/proc/self/status") > 0 && strstr(text, "Name:\trenamed\n"), "status");
    clean("status");
    /* another process sees the same */
    char path[64];
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        snprintf(path, sizeof path, "/proc/%d/cmdline", (int)parent);
        _exit(slurp(path) > 0 && !strcmp(text, argv[0]) && !strstr(text, "btv") ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0, "cmdline from a child: %x", status);
    child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    snprintf(path, sizeof path, "/proc/%d/exe", (int)child);
    n = readlink(path, buf, sizeof buf - 1);
    CHECK(n > 0 && (buf[n] = 0, !strcmp(buf, self)), "exe of the child: %s", buf);
    CHECK(stat(path, &a) == 0 && a.st_ino == b.st_ino, "stat of the child's exe");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static unsigned long field(unsigned n)
{
    char *p = strrchr(text, ')');
    for (unsigned i = 2; p && i < n; i++)
        p = strchr(p + 1, ' ');
    return p ? strtoul(p + 1, NULL, 10) : 0;
}

static pthread_barrier_t barrier;
static void *idle(void *arg)
{
    *(pid_t *)arg = (pid_t)syscall(SYS_gettid);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return NULL;
}

static void threads_and_files(char **argv)
{
    pthread_t thread;
    pid_t tid = 0;
    char path[64];
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(&thread, NULL, idle, &tid);
    pthread_barrier_wait(&barrier);
    CHECK(slurp("/proc/self/stat") > 0 && atoi(text) == getpid() && strstr(text, "(renamed)"), "stat");
    unsigned long start = field(26), end = field(27);
    CHECK(start <= (unsigned long)maps && (unsigned long)maps < end, "start and end of code %lx %lx", start, end);
    CHECK(field(20) == 2, "threads: %lu", field(20));
    CHECK(field(45) && field(47) && field(48) == (unsigned long)argv[0] && field(49) > field(48), "data, brk, arguments");
    CHECK(field(28) >= (unsigned long)&tid, "stack %lx", field(28));
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
    CHECK(slurp(path) > 0 && atoi(text) == tid && field(26) == start, "stat of a thread");
    CHECK(slurp("/proc/self/status") > 0 && strstr(text, "Threads:\t2\n"), "threads in status");
    DIR *d = opendir("/proc/self/task");
    unsigned tasks = 0;
    for (struct dirent *e; (e = readdir(d));)
        tasks += e->d_name[0] != '.';
    closedir(d);
    CHECK(tasks == 2, "%u tasks", tasks);
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);

    d = opendir("/proc/self/fd");
    for (struct dirent *e; (e = readdir(d));) {
        int fd = atoi(e->d_name);
        CHECK(e->d_name[0] == '.' || fcntl(fd, F_GETFD) != -1, "descriptor %d is listed but closed", fd);
        CHECK(fd < 1000, "descriptor %d", fd);
    }
    closedir(d);
    for (int fd = 1000; fd < 1100; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        int got = open(path, O_RDONLY);
        CHECK(got == -1 && errno == ENOENT, "%s can be opened", path);
    }
    int fd = open("/proc/self/maps", O_RDONLY), low = open("/dev/null", O_RDONLY);
    CHECK(low == fd + 1 && write(fd, "x", 1) == -1 && lseek(fd, 0, SEEK_CUR) == 0, "lowest descriptor, read-only");
    CHECK(fcntl(fd, F_GETFD) == 0, "no close-on-exec that nobody asked for");
    close(fd);
    close(low);
    CHECK(open("/proc/self/maps", O_RDONLY | O_CREAT | O_EXCL, 0600) == -1 && errno == EEXIST, "it exists: %d", errno);
    CHECK(open("/proc/self/exe", O_WRONLY) == -1 && (errno == ETXTBSY || errno == EACCES), "the program runs: %d", errno);
    for (fd = 1000; fd < 1100; fd++) {
        snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
        CHECK(open(path, O_RDONLY) == -1, "%s can be opened", path);
    }
}

/* No descriptor is left to look at directories with. */
static void without_descriptors(void)
{
    struct rlimit old, few = {64, 64};
    struct stat a, b;
    char link[PATH_MAX];
    int last = -1, fd;
    getrlimit(RLIMIT_NOFILE, &old);
    few.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_NOFILE, &few);
    while ((fd = open("/dev/null", O_RDONLY)) >= 0)
        last = fd;
    ssize_t n = readlink("/proc/self/exe", link, sizeof link - 1);
    link[n > 0 ? n : 0] = 0;
    CHECK(!strcmp(link, self), "exe is %s", link);
    CHECK(!stat("/proc/self/exe", &a) && !stat(self, &b) && a.st_ino == b.st_ino, "not the program");
    for (fd = 3; fd <= last; fd++)
        close(fd);
    setrlimit(RLIMIT_NOFILE, &old);
}

/* Writes through /proc/self/mem reach memory that is not writable, code included, which needs no further announcement. */
static void memory_file(void)
{
#ifdef __riscv
    const unsigned code[2] = {0x02900513 /* li a0, 41 */, 0x00008067 /* ret */}, patch = 0x02a00513 /* li a0, 42 */;
#else
    const unsigned char code[6] = {0xb8, 41, 0, 0, 0, 0xc3}, patch[5] = {0xb8, 42, 0, 0, 0};
#endif
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int (*volatile fn)(void) = (int (*)(void))page;
    memcpy(page, code, sizeof code);
    mprotect(page, 4096, PROT_READ | PROT_EXEC);
    __builtin___clear_cache(page, (char *)page + sizeof code);
    int sum = 0, fd = open("/proc/self/mem", O_RDWR);
    for (int i = 0; i < 1000; i++)
        sum += fn();
    CHECK(sum == 41000, "%d", sum);
    CHECK(pwrite(fd, &patch, sizeof patch, (off_t)(intptr_t)page) == sizeof patch, "write to code");
    CHECK(fn() == 42, "the old code runs: %d", fn());
    char back[sizeof code], at_end[16];
    CHECK(pread(fd, back, sizeof back, (off_t)(intptr_t)page) == sizeof back && !memcmp(back, &patch, sizeof patch), "read back");
    munmap(page, 4096);
    char *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(two + 4096, 4096);
    CHECK(pread(fd, at_end, 16, (off_t)(intptr_t)(two + 4088)) == 8, "a read that ends at a hole");
    CHECK_FAILS(pread(fd, at_end, 16, (off_t)(intptr_t)(two + 4096)), EIO);
    CHECK_FAILS(pread(fd, at_end, 16, 8), EIO);
    lseek(fd, (off_t)(intptr_t)(two + 16), SEEK_SET);
    CHECK(write(fd, "abcd", 4) == 4 && !memcmp(two + 16, "abcd", 4) && lseek(fd, 0, SEEK_CUR) == (off_t)(intptr_t)(two + 20), "position");
    close(fd);
    fd = open("/proc/self/pagemap", O_RDONLY);
    unsigned long entry[2] = {1, 1};
    CHECK(pread(fd, entry, 16, (off_t)((unsigned long)two / 4096 * 8)) == 16 && entry[0] >> 63 && !entry[1], "pagemap: %lx %lx", entry[0], entry[1]);
    close(fd);
}

/* A number of /proc/PID/status in hexadecimal, or of stat's field. */
static unsigned long status_set(pid_t pid, const char *key)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    const char *at = slurp(path) > 0 ? strstr(text, key) : NULL;
    return at ? strtoul(at + strlen(key), NULL, 16) : 0;
}
static unsigned long stat_field(pid_t pid, int field)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    const char *at = slurp(path) > 0 ? strrchr(text, ')') : NULL;
    for (int i = 2; at && i < field; i++)
        at = strchr(at + 1, ' ');
    return at ? strtoul(at + 1, NULL, 10) : 0;
}

static void look_at_signals(pid_t pid, int how)
{
    const unsigned long blocked = status_set(pid, "SigBlk:"), own = status_set(pid, "SigPnd:"), all = status_set(pid, "ShdPnd:");
    CHECK(blocked == 0xfffffffe7ffbfeff && stat_field(pid, 32) == 0x7ffbfeff, "%d: blocked %lx", how, blocked);
    CHECK(own == (1ul << (SIGSEGV - 1) | 1ul << (SIGUSR1 - 1)) && stat_field(pid, 31) == own, "%d: pending %lx", how, own);
    CHECK(all == (1ul << (SIGBUS - 1) | 1ul << (SIGUSR2 - 1)), "%d: pending in the process %lx", how, all);
}

static void signals(void)
{
    sigset_t old;
    int status;
    const uint64_t set = 0xfffffffe7ffbfeff;
    sigprocmask(SIG_SETMASK, NULL, &old);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &set, NULL, 8);
    syscall(SYS_tgkill, getpid(), gettid(), SIGSEGV);
    syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1);
    kill(getpid(), SIGBUS);
    kill(getpid(), SIGUSR2);
    look_at_signals(getpid(), 0);
    pid_t parent = getpid(), pid = fork();
    if (!pid) {
        check_failed = 0;
        look_at_signals(parent, 1);
        _exit(check_failed != 0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0, "as another process sees them");
    for (int sig = 1; sig < 32; sig++)
        if (sig != SIGKILL && sig != SIGSTOP)
            signal(sig, SIG_IGN), signal(sig, SIG_DFL);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

/* A file that is mounted over one of /proc is seen there, before and after it is written. */
static int mounted_over(void)
{
    char path[] = "/tmp/sys_proc.XXXXXX", buf[8];
    int fd = mkstemp(path);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 || mount(path, "/proc/self/cmdline", NULL, MS_BIND, NULL) != 0) {
        unlink(path);
        return 77;
    }
    unlink(path);
    int in = open("/proc/self/cmdline", O_RDONLY);
    if (read(in, buf, sizeof buf) != 0)
        return 1;
    if (write(fd, "title", 6) != 6 || read(in, buf, sizeof buf) != 6 || strcmp(buf, "title"))
        return 2;
    close(in);
    if (slurp("/proc/self/cmdline") != 6 || slurp("/proc/thread-self/../../cmdline") != 6 || strcmp(text, "title"))
        return 3;
    if (slurp("/proc/thread-self/cmdline") <= 6) /* that is another file */
        return 4;
    return umount2("/proc/self/cmdline", MNT_DETACH) || slurp("/proc/self/cmdline") <= 6 ? 5 : 0;
}

static void mounts(void)
{
    int st;
    pid_t pid = fork();
    if (pid == 0)
        _exit(mounted_over());
    CHECK(waitpid(pid, &st, 0) == pid && WIFEXITED(st), "status %x", st);
    if (WEXITSTATUS(st) == 77)
        printf("mounting over /proc: skipped\n");
    else
        CHECK(WEXITSTATUS(st) == 0, "mounted over /proc/self/cmdline: %d", WEXITSTATUS(st));
}

/* What it costs to read smaps, in nanoseconds of processor time; the least of three times. */
static long long smaps_cost(void)
{
    long long least = INT64_MAX;
    for (int i = 0; i < 3; i++) {
        struct timespec a, b;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
        int fd = open("/proc/self/smaps", O_RDONLY);
        while (read(fd, text, sizeof text) > 0)
            continue;
        close(fd);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
        long long ns = (b.tv_sec - a.tv_sec) * 1000000000ll + b.tv_nsec - a.tv_nsec;
        least = ns < least ? ns : least;
    }
    return least;
}

/* Of many mappings each costs what it costs among few. */
static void many_maps(void)
{
    enum { FEW = 400, MANY = 6400 };
    char *at = mmap(NULL, MANY * 4096l, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    long long cost[2];
    for (int i = 0, n = 0; i < 2; i++) {
        for (; n < (i ? MANY : FEW); n += 2)
            mprotect(at + n * 4096l, 4096, PROT_NONE);
        cost[i] = smaps_cost();
    }
    CHECK(cost[1] < cost[0] * (MANY / FEW) * 4, "smaps: %lld ns for %d mappings, %lld for %d", cost[0], FEW, cost[1], MANY);
    munmap(at, MANY * 4096l);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!realpath(argv[0], self))
        return 99;
    free(malloc(1000)); /* a heap */
    maps();
    identity(argv);
    threads_and_files(argv);
    without_descriptors();
    memory_file();
    signals();
    mounts();
    many_maps();
    return check_done();
}

/*
 * Guest program: the shapes of execve.  It checks itself, so it also runs on the host.
 *
 *   sys_exec             runs every shape, in a scratch directory that it makes and removes
 *   sys_exec child ...   prints what it was started with
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../check.h"

extern char **environ;
static char self[4096], out[1 << 19];

/* -- the started program ----------------------------------------------------------------------------------- */

static void print_file(const char *name, const char *path)
{
    char b[4096];
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, b, sizeof b);
    for (ssize_t i = 0; i < n; i++)
        if (b[i] == '\0')
            b[i] = '|';
    if (n > 0 && b[n - 1] == '\n')
        n--;
    printf("%s=%.*s\n", name, (int)n, b);
    close(fd);
}

static int child(int argc, char **argv)
{
    char b[4096];
    printf("argc=%d\n", argc);
    for (int i = 0; i < argc && i < 8; i++)
        printf("argv%d=%s\n", i, argv[i]);
    printf("execfn=%s\n", (char *)getauxval(AT_EXECFN));
    ssize_t n = readlink("/proc/self/exe", b, sizeof b - 1);
    printf("exe=%.*s\n", (int)(n < 0 ? 0 : n), b);
    prctl(PR_GET_NAME, b);
    printf("comm=%s\n", b);
    if (argc < 10)
        print_file("cmdline", "/proc/self/cmdline");
    for (char **e = environ; *e; e++)
        printf("env=%s\n", *e);
    struct sigaction sa;
    sigset_t mask;
    sigaction(SIGUSR1, NULL, &sa);
    printf("usr1=%s\n", sa.sa_handler == SIG_IGN ? "ignored" : sa.sa_handler == SIG_DFL ? "default" : "handled");
    sigaction(SIGUSR2, NULL, &sa);
    printf("usr2=%s\n", sa.sa_handler == SIG_IGN ? "ignored" : sa.sa_handler == SIG_DFL ? "default" : "handled");
    sigprocmask(SIG_BLOCK, NULL, &mask);
    printf("hup=%d int=%d\n", sigismember(&mask, SIGHUP), sigismember(&mask, SIGINT));
    sigpending(&mask);
    printf("pending=%d\n", sigismember(&mask, SIGHUP));
    unsigned open_fds = 0;
    for (int fd = 3; fd < 1024; fd++)
        open_fds += fcntl(fd, F_GETFD) >= 0;
    printf("fds=%u\n", open_fds);
    return 0;
}

/* -- running shapes ---------------------------------------------------------------------------------------- */

struct shape {
    int dirfd, flags;
    const char *path;
    char *const *argv, *const *envp;
    void (*before)(void);
};

/* Starts the shape in a child whose output goes to `out`; errno of a failed execve, 0 when it ran. */
static int start(const struct shape *s, pid_t (*fork_)(void))
{
    int p[2], status, e = 0;
    size_t n = 0;
    ssize_t k;
    if (pipe2(p, O_CLOEXEC))
        return -1;
    fflush(NULL);
    pid_t pid = fork_();
    if (pid == 0) {
        dup2(p[1], 1);
        if (s->before)
            s->before();
        syscall(SYS_execveat, s->dirfd, s->path, s->argv, s->envp, s->flags);
        _exit(200 + (errno > 55 ? 55 : errno)); /* ELOOP 40, ETXTBSY 26, ENOEXEC 8 ... all fit */
    }
    close(p[1]);
    while (n < sizeof out - 1 && (k = read(p[0], out + n, sizeof out - 1 - n)) > 0)
        n += (size_t)k;
    out[n] = '\0';
    close(p[0]);
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) >= 200)
        e = WEXITSTATUS(status) - 200;
    else if (status)
        e = -status;
    return e;
}

static bool has(const char *line)
{
    size_t n = strlen(line);
    for (char *p = out; (p = strstr(p, line)) != NULL; p++)
        if ((p == out || p[-1] == '\n') && (p[n] == '\n' || !p[n]))
            return true;
    return false;
}

#define RUNS(shape_, ...)                                                                            \
    do {                                                                                             \
        const char *lines_[] = {__VA_ARGS__, NULL};                                                  \
        int e_ = start(&(shape_), fork);                                                             \
        CHECK(e_ == 0, "%d", e_);                                                                    \
        for (const char **l_ = lines_; e_ == 0 && *l_; l_++)                                         \
            CHECK(has(*l_), "no line \"%s\" in\n%s", *l_, out);                                      \
    } while (0)

#define FAILS(shape_, want)                                                       \
    do {                                                                          \
        int e_ = start(&(shape_), fork);                                          \
        CHECK(e_ == (want), "%d (%s) instead of %d", e_, strerror(e_ < 0 ? 0 : e_), want); \
    } while (0)

static void put(const char *name, const char *text, size_t n, int mode)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, mode);
    if (write(fd, text, n) != (ssize_t)n)
        abort();
    fchmod(fd, (mode_t)mode);
    close(fd);
}

static void script(const char *name, const char *fmt, const char *arg)
{
    char b[8192];
    int n = snprintf(b, sizeof b, fmt, arg);
    put(name, b, (size_t)n, 0755);
}

static char *const no_env[] = {"A=1", "B=x;y%z=", NULL};
static char line[5][4200];

static const char *expect(unsigned i, const char *key, const char *value)
{
    snprintf(line[i], sizeof line[i], "%s=%s", key, value);
    return line[i];
}

static void paths(void)
{
    char *argv[] = {"zero", "child", "two words", "", NULL};
    char *none[] = {NULL};
    struct shape s = {AT_FDCWD, 0, self, argv, no_env, NULL};
    RUNS(s, "argc=4", "argv0=zero", "argv1=child", "argv2=two words", "argv3=", expect(0, "exe", self), expect(1, "execfn", self), "cmdline=zero|child|two words||",
         "env=A=1", "env=B=x;y%z=", "fds=0");
    CHECK(!strstr(out, "BTV") && !strstr(out, "btv"), "%s", out);
    symlink(self, "link");
    s.path = "./link";
    RUNS(s, "execfn=./link", "comm=link", expect(0, "exe", self));
    s.flags = AT_SYMLINK_NOFOLLOW;
    FAILS(s, ELOOP);
    s.flags = 0;
    int dir = open(".", O_RDONLY | O_DIRECTORY);
    s.dirfd = dir;
    s.path = "link";
    snprintf(line[2], sizeof line[2], "execfn=/dev/fd/%d/link", dir);
    RUNS(s, line[2], expect(0, "exe", self), "fds=1", "comm=link");
    s.path = "";
    s.flags = AT_EMPTY_PATH;
    FAILS(s, EACCES);
    close(dir);
    s.dirfd = 999;
    FAILS(s, EBADF);
    s.dirfd = AT_FDCWD;
    s.path = "/proc/self/exe";
    s.flags = 0;
    RUNS(s, "execfn=/proc/self/exe", expect(0, "exe", self), "comm=exe");
    s.path = self;
    s.argv = none; /* argv[0] becomes "": the program then runs the tests' other half; it must at least start */
    s.envp = (char *const[]){"EXEC_GUEST_CHILD=1", NULL};
    RUNS(s, "argc=1", "argv0=");
    s.envp = NULL;
    s.argv = argv;
    RUNS(s, "argc=4");
    CHECK(!strstr(out, "env="), "no environment");
}

static void descriptors(void)
{
    char *argv[] = {"fd", "child", NULL};
    int fd = open(self, O_RDONLY);
    struct shape s = {fd, AT_EMPTY_PATH, "", argv, no_env, NULL};
    snprintf(line[2], sizeof line[2], "execfn=/dev/fd/%d", fd);
    RUNS(s, line[2], expect(0, "exe", self), "argc=2", "fds=1");
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    RUNS(s, line[2], "fds=0");
    int opath = open(self, O_PATH | O_CLOEXEC);
    s.dirfd = opath;
    RUNS(s, "argc=2");
    close(opath);
    int mem = memfd_create("program", MFD_CLOEXEC);
    char b[65536];
    for (ssize_t n; (n = read(fd, b, sizeof b)) > 0;)
        if (write(mem, b, (size_t)n) != n)
            abort();
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", mem);
    int readable = open(name, O_RDONLY | O_CLOEXEC);
    close(mem);
    s.dirfd = readable;
    RUNS(s, "argc=2", "fds=0", "exe=/memfd:program (deleted)", "comm=memfd:program");
    snprintf(name, sizeof name, "/proc/self/fd/%d", readable);
    s = (struct shape){AT_FDCWD, 0, name, argv, no_env, NULL};
    RUNS(s, "argc=2", "fds=0");
    close(readable);
    close(fd);
}

static void scripts(void)
{
    char *argv[] = {"ignored", "one", "two", NULL}, name[16];
    struct shape s = {AT_FDCWD, 0, "./s", argv, no_env, NULL};
    script("s", "#!%s child\n", self);
    RUNS(s, "argc=5", expect(0, "argv0", self), "argv1=child", "argv2=./s", "argv3=one", "argv4=two", "execfn=./s", expect(1, "exe", self), "comm=s");
    script("s", "#! \t %s \t child  more \t \n", self);
    RUNS(s, "argc=5", "argv1=child  more", "argv2=./s");
    script("s", "#!%s", self); /* no newline, no argument */
    argv[1] = "child";
    RUNS(s, "argc=4", "argv1=./s", "argv2=child");
    script("s1", "#!%s child\n", self);
    argv[1] = "one";
    script("s2", "#!./s1 inner\n%s", "");
    s.path = "./s2";
    RUNS(s, "argc=7", expect(0, "argv0", self), "argv1=child", "argv2=./s1", "argv3=inner", "argv4=./s2", "argv5=one", "execfn=./s2", "comm=s2");
    for (int i = 3; i <= 7; i++) {
        char prev[16];
        snprintf(name, sizeof name, "s%d", i);
        snprintf(prev, sizeof prev, "./s%d", i - 1);
        script(name, "#!%s\n", prev);
    }
    s.path = "./s5";
    RUNS(s, "argc=10", "execfn=./s5");
    s.path = "./s6";
    FAILS(s, ELOOP);
    s.path = "./s";
    script("s", "#!/no/such/%s\n", "interpreter");
    FAILS(s, ENOENT);
    script("s", "#!%s\n", "");
    FAILS(s, ENOEXEC);
    script("s", "#!   \t  %s\n", "");
    FAILS(s, ENOEXEC);
    put("plain", "text\n", 5, 0644);
    script("s", "#!./%s\n", "plain");
    FAILS(s, EACCES);
    script("s", "#!./%s\n", "");
    FAILS(s, EACCES); /* a directory */
    char big[400];
    memset(big, 'x', sizeof big);
    memcpy(big, "#!/", 3);
    put("s", big, sizeof big, 0755);
    FAILS(s, ENOEXEC);
    script("s", "#!%s child\n", self);
    int fd = open("s", O_RDONLY | O_CLOEXEC);
    struct shape f = {fd, AT_EMPTY_PATH, "", argv, no_env, NULL};
    FAILS(f, ENOENT);
    fcntl(fd, F_SETFD, 0);
    snprintf(line[2], sizeof line[2], "argv2=/dev/fd/%d", fd);
    RUNS(f, line[2], "argc=5");
    close(fd);
}

static void errors(void)
{
    char *argv[] = {"x", NULL}, byte[64];
    struct shape s = {AT_FDCWD, 0, "./missing", argv, no_env, NULL};
    FAILS(s, ENOENT);
    s.path = "";
    FAILS(s, ENOENT);
    s.path = "./plain/x";
    put("plain", "text\n", 5, 0644);
    FAILS(s, ENOTDIR);
    s.path = "/";
    FAILS(s, EACCES);
    s.path = "./plain";
    FAILS(s, EACCES);
    chmod("plain", 0755);
    FAILS(s, ENOEXEC);
    put("empty", "", 0, 0755);
    s.path = "./empty";
    FAILS(s, ENOEXEC);
    int fd = open(self, O_RDONLY);
    ssize_t n = read(fd, byte, sizeof byte);
    put("broken", byte, (size_t)n, 0755); /* a header without program headers */
    s.path = "./broken";
    CHECK(start(&s, fork) != 0, "a truncated program starts");
    mkfifo("fifo", 0755);
    s.path = "./fifo";
    FAILS(s, EACCES);
    s.path = self;
    s.flags = 0x8000;
    FAILS(s, EINVAL);
    s.flags = 0;
    s.argv = (char *const *)8;
    FAILS(s, EFAULT);
    s.argv = (char *const[]){"x", (char *)16, NULL};
    FAILS(s, EFAULT);
    s.argv = argv;
    s.envp = (char *const *)8;
    FAILS(s, EFAULT);
    int w = open("busy", O_RDWR | O_CREAT, 0755);
    s = (struct shape){AT_FDCWD, 0, "./busy", argv, no_env, NULL};
    FAILS(s, ETXTBSY);
    close(w);
    close(fd);
}

static void handler(int sig)
{
    (void)sig;
}

static void prepare_signals(void)
{
    sigset_t set;
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, handler);
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGHUP);
    close(open("/dev/null", O_RDONLY)); /* and a descriptor that stays, one that does not */
    if (open("/dev/null", O_RDONLY) < 0 || open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
        _exit(99);
}

static void inherited(void)
{
    char *argv[] = {"x", "child", NULL};
    struct shape s = {AT_FDCWD, 0, self, argv, no_env, prepare_signals};
    RUNS(s, "usr1=ignored", "usr2=default", "hup=1 int=0", "pending=1", "fds=1");
}

static void failed_is_harmless(void)
{
    char *argv[] = {"x", NULL};
    struct sigaction sa = {.sa_handler = handler};
    sigaction(SIGUSR2, &sa, NULL);
    for (int i = 0; i < 3; i++)
        CHECK(execve("./missing", argv, environ) == -1 && errno == ENOENT, "%d", errno);
    static char big[1 << 18];
    memset(big, 'x', sizeof big - 1);
    argv[0] = big;
    CHECK(execve(self, argv, environ) == -1 && errno == E2BIG, "%d", errno);
    CHECK(raise(SIGUSR2) == 0, "handlers still work");
    sigaction(SIGUSR2, NULL, &sa);
    CHECK(sa.sa_handler == handler, "and are still there");
    signal(SIGUSR2, SIG_DFL);
}

static void many(void)
{
    enum { N = 20000 };
    static char *argv[N + 1];
    for (int i = 0; i < N; i++)
        argv[i] = i == 1 ? "child" : "argument";
    struct shape s = {AT_FDCWD, 0, self, argv, no_env, NULL};
    RUNS(s, "argc=20000", "argv7=argument");
    s.envp = argv;
    s.argv = (char *const[]){"x", "child", NULL};
    CHECK(start(&s, fork) == 0, "a large environment");
    CHECK(start(&s, vfork) == 0, "after vfork");
    s.envp = no_env;
    for (int i = 0; i < 20; i++)
        CHECK(start(&s, vfork) == 0 && has("argc=2"), "vfork %d", i);
}

static void *sleeper(void *arg)
{
    pause();
    return arg;
}

static void *exec_in_thread(void *arg)
{
    const struct shape *s = arg;
    syscall(SYS_execveat, s->dirfd, s->path, s->argv, s->envp, s->flags);
    _exit(250);
}

static void with_threads(void)
{
    pthread_t t;
    for (int i = 0; i < 3; i++)
        pthread_create(&t, NULL, sleeper, NULL);
    static char *argv[] = {"x", "child", NULL};
    static struct shape s = {AT_FDCWD, 0, self, argv, no_env, NULL};
    pthread_create(&t, NULL, exec_in_thread, &s);
    pause();
}

static void *exec_alone(void *arg)
{
    usleep(20000); /* the first thread is a zombie by now, and so is /proc/self */
    syscall(SYS_close_range, 3, ~0u, 0);
    return exec_in_thread(arg);
}

static void without_first_thread(void)
{
    pthread_t t;
    static char *argv[] = {"x", "child", NULL};
    static struct shape s = {AT_FDCWD, 0, self, argv, no_env, NULL};
    pthread_create(&t, NULL, exec_alone, &s);
    syscall(SYS_exit, 0);
}

static void threads(void)
{
    char *argv[] = {"x", "child", NULL};
    struct shape s = {AT_FDCWD, 0, self, argv, no_env, with_threads};
    RUNS(s, "argc=2", "argv1=child");
    s.before = without_first_thread;
    RUNS(s, "argc=2", "argv1=child");
}

/* -- where there is no /proc -------------------------------------------------------------------------------- */

static void enter_jail(void)
{
    if (chroot("jail") && (unshare(CLONE_NEWUSER) || chroot("jail")))
        _exit(250); /* not allowed here */
}

static void jail(void)
{
    static char buf[1 << 16];
    ssize_t n;
    if (getenv("TEST_DYNAMIC")) { /* of run_guests.sh */
        puts("jail: skipped, the program that runs this one needs libraries, which are not there (a build with sanitizers)");
        return;
    }
    mkdir("jail", 0755);
    int from = open(self, O_RDONLY), to = open("jail/p", O_WRONLY | O_CREAT | O_TRUNC, 0755);
    while ((n = read(from, buf, sizeof buf)) > 0 && write(to, buf, (size_t)n) == n)
        continue;
    close(from);
    close(to);
    put("jail/s", "#!/p -x\n", 8, 0755);
    char *argv[] = {"x", "child", NULL}, *argv2[] = {"y", "child", NULL};
    struct shape s = {AT_FDCWD, 0, "/p", argv, no_env, enter_jail}, script = {AT_FDCWD, 0, "/s", argv2, no_env, enter_jail};
    if (start(&s, fork) == 50) {
        puts("jail: skipped, no right to chroot");
    } else {
        RUNS(s, "argc=2", "argv1=child", "execfn=/p", "comm=p");
        RUNS(script, "argc=4", "argv1=-x", "argv2=/s", "execfn=/s");
    }
    unlink("jail/p");
    unlink("jail/s");
    rmdir("jail");
}

int main(int argc, char **argv)
{
    if ((argc > 1 && !strncmp(argv[1], "child", 5)) || getenv("EXEC_GUEST_CHILD") || argc > 2)
        return child(argc, argv);
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    syscall(SYS_close_range, 3, ~0u, 0); /* what the caller left open */
    char dir[] = "/tmp/sys_exec.XXXXXX";
    if (!mkdtemp(dir) || chdir(dir))
        return 1;
    paths();
    descriptors();
    scripts();
    errors();
    inherited();
    failed_is_harmless();
    many();
    threads();
    jail();
    DIR *d = opendir(".");
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        unlink(e->d_name);
    closedir(d);
    rmdir(dir);
    return check_done();
}

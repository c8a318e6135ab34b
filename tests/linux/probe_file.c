/*
 * Probes of the program's own file by all its names, of execve, and of what the files of /proc are as files.
 */
#include "probe.h"

#include <dirent.h>
#include <elf.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/vfs.h>

#ifdef __riscv
#define MACHINE EM_RISCV
#else
#define MACHINE EM_X86_64
#endif

static char path[PATH_MAX + 32], link_text[PATH_MAX];

static const char *in_dir(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", probe_dir, name);
    return path;
}

static const char *read_link(int dirfd, const char *name)
{
    ssize_t n = readlinkat(dirfd, name, link_text, sizeof link_text - 1);
    link_text[n > 0 ? n : 0] = 0;
    return link_text;
}

/* Is the open file this program? */
static bool is_self(int fd)
{
    struct stat a, b;
    Elf64_Ehdr e;
    bool ok = fd >= 0 && fstat(fd, &a) == 0 && stat(probe_self, &b) == 0 && a.st_ino == b.st_ino && a.st_size == b.st_size && pread(fd, &e, sizeof e, 0) == sizeof e &&
              !memcmp(e.e_ident, ELFMAG, 4) && e.e_machine == MACHINE;
    if (fd >= 0)
        close(fd);
    return ok;
}

/* -- /proc/self/exe ------------------------------------------------------------------------------------------ */

static void p_exe_readlink(void)
{
    char names[6][64];
    snprintf(names[0], 64, "/proc/self/exe");
    snprintf(names[1], 64, "/proc/%d/exe", (int)getpid());
    snprintf(names[2], 64, "/proc/self/task/%d/exe", (int)getpid());
    snprintf(names[3], 64, "/proc/thread-self/exe");
    snprintf(names[4], 64, "/proc/self/../self/./exe");
    snprintf(names[5], 64, "/proc/self/cwd/../../../../../../../proc/self/exe");
    for (unsigned i = 0; i < 6; i++)
        WANT(!strcmp(read_link(AT_FDCWD, names[i]), probe_self), "%s is %s", names[i], link_text);
}

static void p_exe_readlinkat(void)
{
    int dir = open("/proc/self", O_PATH), exe = openat(dir, "exe", O_PATH | O_NOFOLLOW);
    WANT(!strcmp(read_link(dir, "exe"), probe_self), "readlinkat(dir, exe) is %s", link_text);
    WANT(exe >= 0 && !strcmp(read_link(exe, ""), probe_self), "readlinkat(link, \"\") is %s", link_text);
    close(dir);
    close(exe);
    exe = open("/proc/self/exe", O_PATH);
    char name[40];
    snprintf(name, sizeof name, "/proc/self/fd/%d", exe);
    WANT(!strcmp(read_link(AT_FDCWD, name), probe_self), "the opened program is called %s", link_text);
    close(exe);
}

static void p_exe_realpath(void)
{
    char real[PATH_MAX];
    WANT(realpath("/proc/self/exe", real) && !strcmp(real, probe_self) && realpath(probe_argv[0], real) && !strcmp(real, probe_self), "realpath is %s", real);
}

static void p_exe_open(void)
{
    int dir = open("/proc/self", O_PATH);
    WANT(is_self(open("/proc/self/exe", O_RDONLY)), "open(/proc/self/exe) is another file");
    WANT(is_self(openat(dir, "exe", O_RDONLY)), "openat(dir, exe) is another file");
    WANT(is_self(open("/proc/thread-self/exe", O_RDONLY)), "open(/proc/thread-self/exe) is another file");
    struct {
        uint64_t flags, mode, resolve;
    } how = {O_RDONLY, 0, 0};
    WANT(is_self((int)syscall(437, AT_FDCWD, "/proc/self/exe", &how, sizeof how)), "openat2(/proc/self/exe) is another file");
    WANT(open("/proc/self/exe", O_RDWR) == -1 && (errno == ETXTBSY || errno == EACCES), "the program can be written: %m");
    WANT(open("/proc/self/exe", O_RDONLY | O_NOFOLLOW) == -1 && errno == ELOOP, "O_NOFOLLOW: %m");
    close(dir);
}

static void p_exe_stat(void)
{
    struct stat self, st;
    struct statx x;
    stat(probe_self, &self);
    WANT(stat("/proc/self/exe", &st) == 0 && st.st_ino == self.st_ino && st.st_dev == self.st_dev, "stat of another file");
    WANT(statx(AT_FDCWD, "/proc/self/exe", 0, STATX_ALL, &x) == 0 && x.stx_ino == self.st_ino && x.stx_size == (uint64_t)self.st_size, "statx of another file");
    WANT(lstat("/proc/self/exe", &st) == 0 && S_ISLNK(st.st_mode) && !st.st_size, "lstat");
    int fd = open("/proc/self/exe", O_PATH | O_NOFOLLOW);
    WANT(fd >= 0 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode), "fstat of the link");
    close(fd);
    WANT(access("/proc/self/exe", X_OK) == 0, "access: %m");
    struct statfs a, b;
    WANT(statfs("/proc/self/exe", &a) == 0 && statfs(probe_self, &b) == 0 && a.f_type == b.f_type && a.f_blocks == b.f_blocks, "statfs");
}

static void p_exe_symlink(void)
{
    char real[PATH_MAX], again[PATH_MAX + 32];
    struct stat self, st;
    in_dir("link");
    unlink(path);
    stat(probe_self, &self);
    if (symlink("/proc/self/exe", path))
        return;
    WANT(!strcmp(read_link(AT_FDCWD, path), "/proc/self/exe"), "a link to it is %s", link_text);
    WANT(is_self(open(path, O_RDONLY)), "a link to it is another file");
    WANT(stat(path, &st) == 0 && st.st_ino == self.st_ino, "stat of a link to it");
    WANT(realpath(path, real) && !strcmp(real, probe_self), "realpath of a link to it");
    snprintf(again, sizeof again, "%s/again", probe_dir);
    unlink(again);
    if (symlink("link", again) == 0) {
        WANT(is_self(open(again, O_RDONLY)), "a link to a link to it is another file");
        WANT(access(again, X_OK) == 0 && stat(again, &st) == 0 && st.st_ino == self.st_ino, "stat of a link to a link");
        char *const argv[] = {again, (char *)"say", (char *)"exe", NULL};
        WANT(run_role(again, argv) == 0 && !strncmp(probe_text, probe_self, strlen(probe_self)), "execve through links runs %s", probe_text);
        unlink(again);
    }
    unlink(in_dir("link"));
    /* a link to its directory */
    if (symlink("/proc/self", in_dir("link")) == 0) {
        WANT(is_self(open(in_dir("link/exe"), O_RDONLY)), "through a link to its folder: another file");
        WANT(slurp(in_dir("link/maps")) > 0 && !names_emulator(probe_text, strlen(probe_text)), "maps through a link name %s", names_emulator(probe_text, strlen(probe_text)));
    }
    unlink(in_dir("link"));
    /* a link to maps itself */
    if (symlink("/proc/self/maps", in_dir("link")) == 0)
        WANT(slurp(in_dir("link")) > 0 && !names_emulator(probe_text, strlen(probe_text)) && strstr(probe_text, "[stack]"), "a link to maps shows the host");
    unlink(in_dir("link"));
}

/* -- execve -------------------------------------------------------------------------------------------------- */

static void p_exec_self(void)
{
    char *const argv[] = {(char *)"zero", (char *)"say", (char *)"comm", NULL};
    WANT(run_role("/proc/self/exe", argv) == 0 && !strcmp(probe_text, "exe\n"), "comm after execve(/proc/self/exe): %s", probe_text);
    char *const exe[] = {(char *)"zero", (char *)"say", (char *)"exe", NULL};
    run_role("/proc/self/exe", exe);
    WANT(!strncmp(probe_text, probe_self, strlen(probe_self)), "exe after execve(/proc/self/exe): %s", probe_text);
}

static void p_fexecve(void)
{
    int p[2], status, fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (pipe(p))
        return;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(p[1], 1);
        char *const argv[] = {(char *)"zero", (char *)"say", (char *)"exe", NULL};
        fexecve(fd, argv, environ);
        _exit(9);
    }
    close(p[1]);
    close(fd);
    slurp_fd(p[0]);
    waitpid(pid, &status, 0);
    WANT(status == 0 && !strncmp(probe_text, probe_self, strlen(probe_self)), "exe after fexecve: %s", probe_text);
}

static void p_exec_environment(void)
{
    char *const argv[] = {(char *)"zero", (char *)"say", (char *)"environ", NULL};
    WANT(run_role(probe_self, argv) == 0, "execve fails");
    const char *at = probe_text;
    for (char **e = environ; *e; e++, at += strcspn(at, "\n"), at += *at == '\n')
        WANT(!strncmp(at, *e, strlen(*e)), "the environment has %.40s instead of %s", at, *e);
    WANT(!*at, "more environment: %s", at);
}

static void p_exec_fds(void)
{
    char *const argv[] = {(char *)"zero", (char *)"say", (char *)"fds", NULL};
    run_role(probe_self, argv);
    WANT(!strcmp(probe_text, "0 1 2 \n"), "descriptors after execve: %s", probe_text);
}

static bool copy_self(const char *to)
{
    char buf[65536];
    int in = open(probe_self, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    ssize_t n;
    while (in >= 0 && out >= 0 && (n = read(in, buf, sizeof buf)) > 0)
        if (write(out, buf, (size_t)n) != n)
            break;
    close(in);
    close(out);
    return in >= 0 && out >= 0;
}

/* Its name is the script's, though another program runs. */
static void p_script(void)
{
    char script[PATH_MAX + 32], line[3 * PATH_MAX];
    snprintf(script, sizeof script, "%s/script-name", probe_dir);
    int fd = open(script, O_WRONLY | O_CREAT | O_TRUNC, 0755), n = snprintf(line, sizeof line, "#!%s script\n", probe_self);
    if (fd < 0 || write(fd, line, (size_t)n) != n || close(fd))
        return;
    char *const argv[] = {(char *)"zero", (char *)"more", NULL};
    run_role(script, argv);
    snprintf(line, sizeof line, "script-name %s script %s more", probe_self, script);
    WANT(!strncmp(probe_text, line, strlen(line)) && !strcmp(probe_text + strlen(line), "\n"), "a script is %s instead of %s", probe_text, line);
    unlink(script);
}

/* The program's file is removed, replaced or renamed while it runs. */
static void p_moved(void)
{
    char from[PATH_MAX + 32], to[PATH_MAX + 32], want[PATH_MAX + 64], name[40];
    snprintf(from, sizeof from, "%s/moving", probe_dir);
    snprintf(to, sizeof to, "%s/moved", probe_dir);
    if (!copy_self(from))
        return;
    int p[2];
    if (pipe(p))
        return;
    pid_t pid = fork();
    if (pid == 0) {
        char fd[16];
        snprintf(fd, sizeof fd, "%d", p[1]);
        close(p[0]);
        char *const argv[] = {from, (char *)"wait", fd, (char *)"/nonexistent", NULL};
        execv(from, argv);
        _exit(9);
    }
    close(p[1]);
    char byte;
    (void)!read(p[0], &byte, 1); /* it cannot describe itself there, but then it runs, or has ended */
    close(p[0]);
    snprintf(name, sizeof name, "/proc/%d/exe", (int)pid);
    if (!strcmp(read_link(AT_FDCWD, name), from)) {
        rename(from, to);
        WANT(!strcmp(read_link(AT_FDCWD, name), to), "exe of a renamed program is %s", link_text);
        unlink(to);
        snprintf(want, sizeof want, "%s (deleted)", to);
        WANT(!strcmp(read_link(AT_FDCWD, name), want), "exe of a removed program is %s", link_text);
        WANT(access(name, F_OK) == 0, "a removed program cannot be reached: %m");
        struct stat st;
        WANT(stat(name, &st) == 0 && st.st_nlink == 0, "a removed program is another");
    } else {
        TRACE("exe of a copy is %s", link_text);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    unlink(from);
    unlink(to);
}

/* The same, for itself. */
static void p_deleted(void)
{
    snprintf(path, sizeof path, "%s/deleted", probe_dir);
    if (!copy_self(path))
        return;
    int p[2], status;
    if (pipe(p))
        return;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(p[1], 1);
        char *const argv[] = {path, (char *)"say", (char *)"exe", NULL};
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        unlink(path);
        fexecve(fd, argv, environ);
        _exit(9);
    }
    close(p[1]);
    slurp_fd(p[0]);
    waitpid(pid, &status, 0);
    char want[PATH_MAX + 64];
    snprintf(want, sizeof want, "%s (deleted)\n", path);
    WANT(status == 0 && !strcmp(probe_text, want), "exe of a removed program is %s", probe_text);
}

/* -- files of /proc as files ----------------------------------------------------------------------------------- */

static const char *const made[] = {"maps", "smaps", "auxv", "cmdline", "environ", "stat", "status", "statm", "limits", "numa_maps", "smaps_rollup"};
#define MADE (sizeof made / sizeof *made)

static void p_file_stat(void)
{
    for (unsigned i = 0; i < MADE; i++) {
        struct stat a, b;
        struct statfs fs;
        struct statx x;
        char name[64];
        snprintf(name, sizeof name, "/proc/self/%s", made[i]);
        int fd = open(name, O_RDONLY);
        if (fd < 0)
            continue;
        WANT(fstat(fd, &a) == 0 && stat(name, &b) == 0, "%s: %m", name);
        WANT(a.st_size == 0 && a.st_mode == b.st_mode && a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_nlink == 1, "%s: size %ld, mode %o instead of %o, inode %lu", name,
             (long)a.st_size, a.st_mode, b.st_mode, (unsigned long)a.st_ino);
        WANT(fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC, "%s is on file system %lx", name, (unsigned long)fs.f_type);
        WANT(statx(fd, "", AT_EMPTY_PATH, STATX_ALL, &x) == 0 && x.stx_size == 0 && x.stx_ino == b.st_ino, "%s: statx", name);
        close(fd);
    }
}

static void p_file_name(void)
{
    char name[64], fdname[64], want[64];
    for (unsigned i = 0; i < MADE; i++) {
        snprintf(name, sizeof name, "/proc/self/%s", made[i]);
        snprintf(want, sizeof want, "/proc/%d/%s", (int)getpid(), made[i]);
        int fd = open(name, O_RDONLY);
        snprintf(fdname, sizeof fdname, "/proc/self/fd/%d", fd);
        WANT(!strcmp(read_link(AT_FDCWD, fdname), want), "the descriptor of %s is called %s", name, link_text);
        struct stat a, b;
        WANT(stat(fdname, &a) == 0 && stat(name, &b) == 0 && a.st_ino == b.st_ino && !a.st_size, "%s by its descriptor", name);
        close(fd);
    }
}

static void p_file_open(void)
{
    char name[64];
    for (unsigned i = 0; i < MADE; i++) {
        snprintf(name, sizeof name, "/proc/self/%s", made[i]);
        struct stat st;
        int fd = open(name, O_WRONLY); /* modes do not stop root */
        if (fd >= 0) {
            WANT(write(fd, "x", 1) == -1 && (errno == EIO || errno == EINVAL), "%s can be written: %m", name);
            close(fd);
        } else {
            WANT(errno == EACCES, "%s for writing: %m", name);
        }
        WANT(open(name, O_RDONLY | O_DIRECTORY) == -1 && errno == ENOTDIR, "%s as a folder: %m", name);
        WANT(open(name, O_RDONLY | O_CREAT | O_EXCL, 0600) == -1 && errno == EEXIST, "%s made anew: %m", name);
        fd = open(name, O_RDONLY | O_CLOEXEC);
        WANT(fd == 3 && fcntl(fd, F_GETFD) == FD_CLOEXEC && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY, "%s: descriptor %d", name, fd);
        WANT(write(fd, "x", 1) == -1 && errno == EBADF, "%s: write: %m", name);
        WANT(ftruncate(fd, 0) == -1 && errno == EINVAL, "%s: ftruncate: %m", name);
        WANT(fcntl(fd, F_GET_SEALS) == -1 && errno == EINVAL, "%s has seals: %m", name);
        WANT(fstat(fd, &st) == 0, "%m");
        close(fd);
    }
}

static void p_file_seek(void)
{
    static char first[TEXT_BYTES];
    int fd = open("/proc/self/maps", O_RDONLY);
    ssize_t n = 0, k;
    while ((k = read(fd, first + n, 100)) > 0) /* in small pieces */
        n += k;
    WANT(lseek(fd, 0, SEEK_CUR) == n, "offset %ld instead of %zd", (long)lseek(fd, 0, SEEK_CUR), n);
    char piece[33] = {0};
    WANT(pread(fd, piece, 32, 10) == 32 && !memcmp(piece, first + 10, 32), "pread of maps");
    WANT(lseek(fd, 20, SEEK_SET) == 20 && read(fd, piece, 32) == 32 && !memcmp(piece, first + 20, 32), "lseek of maps");
    WANT(lseek(fd, 0, SEEK_END) == -1 && errno == EINVAL, "SEEK_END: %m");
    WANT(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && (errno == EIO || errno == ENODEV), "maps can be mapped: %m");
    close(fd);
    WANT(n > 300, "maps has %zd bytes", n);
}

/* A file that is kept open tells what is, not what was. */
static void p_file_fresh(void)
{
    int fd = open("/proc/self/maps", O_RDONLY), st = open("/proc/self/status", O_RDONLY), sm = open("/proc/self/statm", O_RDONLY);
    char text[64], place[32], before[64] = {0};
    (void)!read(fd, text, sizeof text);
    (void)!pread(sm, before, sizeof before - 1, 0);
    ssize_t k = read(st, probe_text, TEXT_BYTES - 1);
    probe_text[k > 0 ? k : 0] = 0;
    long long size = key_number(probe_text, "VmSize:");
    void *at = mmap(NULL, 64 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(at, 4096, PROT_READ | PROT_EXEC);
    lseek(fd, 0, SEEK_SET);
    slurp_fd(fd);
    snprintf(place, sizeof place, "%lx-", (unsigned long)at);
    WANT(strstr(probe_text, place), "maps read again does not know a new mapping");
    k = pread(st, probe_text, TEXT_BYTES - 1, 0);
    probe_text[k > 0 ? k : 0] = 0;
    WANT(key_number(probe_text, "VmSize:") >= size + (64 << 10), "VmSize read again is %lld after %lld", key_number(probe_text, "VmSize:"), size);
    memset(text, 0, sizeof text);
    (void)!pread(sm, text, sizeof text - 1, 0);
    WANT(atol(text) >= atol(before) + (64 << 8), "statm read again is %s after %s", text, before);
    close(st);
    close(sm);
    munmap(at, 64 << 20);
}

static void p_file_poll(void)
{
    struct pollfd p[2] = {{open("/proc/self/mounts", O_RDONLY), POLLIN | POLLPRI, 0}, {open("/proc/self/maps", O_RDONLY), POLLIN, 0}};
    WANT(poll(p, 2, 0) >= 1 && !(p[0].revents & POLLPRI) && p[1].revents == POLLIN, "poll: %x %x", (unsigned)p[0].revents, (unsigned)p[1].revents);
    close(p[0].fd);
    close(p[1].fd);
}

static void p_folder(void)
{
    DIR *d = opendir("/proc/self");
    unsigned n = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        n++;
#ifdef __riscv
        WANT(strcmp(e->d_name, "arch_status"), "/proc/self/arch_status is x86's");
#endif
    }
    closedir(d);
    WANT(n > 30, "/proc/self has %u entries", n);
#ifdef __riscv
    WANT(access("/proc/self/arch_status", F_OK) == -1 && errno == ENOENT, "/proc/self/arch_status exists");
    WANT(open("/proc/self/arch_status", O_RDONLY) == -1 && errno == ENOENT, "/proc/self/arch_status can be opened");
#endif
}

static void p_links(void)
{
    char cwd[PATH_MAX];
    WANT(getcwd(cwd, sizeof cwd) && !strcmp(read_link(AT_FDCWD, "/proc/self/cwd"), cwd), "cwd is %s", link_text);
    WANT(!strcmp(read_link(AT_FDCWD, "/proc/self/root"), "/"), "root is %s", link_text);
    snprintf(cwd, sizeof cwd, "%d", (int)getpid());
    WANT(!strcmp(read_link(AT_FDCWD, "/proc/self"), cwd), "self is %s", link_text);
    int fd = open(probe_self, O_RDONLY);
    snprintf(cwd, sizeof cwd, "/proc/self/fd/%d", fd);
    WANT(!strcmp(read_link(AT_FDCWD, cwd), probe_self), "%s is %s", cwd, link_text);
    close(fd);
}

const struct probe probes_file[] = {
    {"exe-readlink", p_exe_readlink},
    {"exe-readlinkat", p_exe_readlinkat},
    {"exe-realpath", p_exe_realpath},
    {"exe-open", p_exe_open},
    {"exe-stat", p_exe_stat},
    {"exe-symlink", p_exe_symlink},
    {"exec-self", p_exec_self},
    {"exec-fd", p_fexecve},
    {"exec-environment", p_exec_environment},
    {"exec-descriptors", p_exec_fds},
    {"exec-script", p_script},
    {"exe-moved", p_moved},
    {"exe-deleted", p_deleted},
    {"file-stat", p_file_stat},
    {"file-name", p_file_name},
    {"file-open", p_file_open},
    {"file-seek", p_file_seek},
    {"file-fresh", p_file_fresh},
    {"file-poll", p_file_poll},
    {"folder", p_folder},
    {"links", p_links},
    {NULL, NULL},
};

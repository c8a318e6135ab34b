/*
 * Guest test: files, names, descriptors, and pointers that no kernel accepts.  Also passes when built for the host.
 */
#include "../check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static char dir[] = "/tmp/sys_file.XXXXXX";

static void read_and_write(void)
{
    char buf[64];
    int fd = open("a", O_RDWR | O_CREAT | O_EXCL, 0640);
    CHECK(fd >= 0, "open: %d", errno);
    CHECK(write(fd, "0123456789", 10) == 10, "write");
    CHECK(lseek(fd, -3, SEEK_END) == 7, "lseek");
    CHECK(read(fd, buf, sizeof buf) == 3 && !memcmp(buf, "789", 3), "read");
    CHECK(syscall(SYS_read, fd, buf, SSIZE_MAX) == -1 && errno == EFAULT, "more than user space: %d", errno);
    CHECK(syscall(SYS_read, fd, buf, 0x7fffffff) == 0, "more than is mapped: %d", errno);
    CHECK(pwrite(fd, "AB", 2, 4) == 2 && pread(fd, buf, 4, 3) == 4 && !memcmp(buf, "3AB6", 4), "pread");
    struct iovec v[3] = {{buf, 2}, {NULL, 0}, {buf + 2, 3}};
    CHECK(preadv(fd, v, 3, 1) == 5 && !memcmp(buf, "123AB", 5), "preadv");
    CHECK(preadv2(fd, v, 3, 0, 0) == 5 && !memcmp(buf, "0123A", 5), "preadv2");
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && writev(fd, v, 3) == 5, "writev");
    CHECK(ftruncate(fd, 5000) == 0 && fallocate(fd, 0, 0, 8192) == 0, "truncate, fallocate");
    CHECK(fsync(fd) == 0 && fdatasync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM) == 0, "sync");
    int out = open("b", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    off_t at = 0;
    CHECK(sendfile(out, fd, &at, 100) == 100 && at == 100, "sendfile");
    off_t in_at = 0, out_at = 200;
    CHECK(copy_file_range(fd, &in_at, out, &out_at, 50, 0) == 50 && out_at == 250, "copy_file_range: %d", errno);
    int p[2];
    CHECK(pipe2(p, O_CLOEXEC) == 0, "pipe2");
    in_at = 0;
    CHECK(splice(fd, &in_at, p[1], NULL, 10, 0) == 10 && in_at == 10 && read(p[0], buf, 64) == 10, "splice");
    close(p[0]);
    close(p[1]);
    close(out);
    close(fd);
}

static void attributes(void)
{
    struct stat a, b;
    struct statx x;
    struct statfs fs;
    CHECK(stat("a", &a) == 0 && a.st_size == 8192 && (a.st_mode & 07777) == 0640 && S_ISREG(a.st_mode), "stat");
    CHECK(a.st_nlink == 1 && a.st_uid == getuid() && a.st_blksize >= 512 && a.st_ino, "stat fields");
    CHECK(link("a", "c") == 0 && symlink("c", "l") == 0, "link, symlink");
    CHECK(lstat("l", &b) == 0 && S_ISLNK(b.st_mode) && b.st_size == 1, "lstat");
    CHECK(stat("l", &b) == 0 && b.st_ino == a.st_ino && b.st_nlink == 2 && b.st_dev == a.st_dev, "stat through a link");
    struct timespec ts[2] = {{1000000000, 5}, {4102444800, 7}}; /* the second one after 2038 */
    CHECK(utimensat(AT_FDCWD, "a", ts, 0) == 0 && stat("a", &a) == 0, "utimensat");
    CHECK(a.st_mtim.tv_sec == 4102444800 && a.st_mtim.tv_nsec == 7 && a.st_atim.tv_sec == 1000000000, "times %ld", (long)a.st_mtim.tv_sec);
    CHECK(statx(AT_FDCWD, "a", 0, STATX_BASIC_STATS, &x) == 0, "statx");
    CHECK(x.stx_size == (unsigned long long)a.st_size && x.stx_mtime.tv_sec == 4102444800 && x.stx_ino == a.st_ino, "statx fields");
    CHECK(chmod("a", 0400) == 0 && stat("a", &a) == 0 && (a.st_mode & 07777) == 0400, "chmod");
    CHECK(faccessat(AT_FDCWD, "a", R_OK, AT_EACCESS) == 0 && access("none", F_OK) == -1, "access");
    CHECK(statfs(".", &fs) == 0 && fs.f_bsize > 0 && fs.f_namelen >= 255, "statfs");
    CHECK_FAILS(stat("none", &a), ENOENT);
    CHECK_FAILS(stat("a/b", &a), ENOTDIR);
}

static void names(void)
{
    char buf[PATH_MAX];
    CHECK(readlink("l", buf, sizeof buf) == 1 && buf[0] == 'c', "readlink");
    CHECK(mkdir("d", 0755) == 0 && rename("b", "d/b") == 0, "rename");
    CHECK_FAILS(renameat2(AT_FDCWD, "c", AT_FDCWD, "d/b", RENAME_NOREPLACE), EEXIST);
    CHECK(renameat2(AT_FDCWD, "c", AT_FDCWD, "d/b", RENAME_EXCHANGE) == 0, "exchange");
    int d = open("d", O_RDONLY | O_DIRECTORY);
    CHECK(d >= 0, "open d");
    int fd = openat(d, "b", O_RDONLY);
    CHECK(fd >= 0, "openat");
    close(fd);
    CHECK_FAILS(openat(d, "b", O_RDONLY | O_DIRECTORY), ENOTDIR);
    CHECK_FAILS(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK_FAILS(syscall(SYS_readlinkat, 12345, 8, 8, (long)INT_MIN), EINVAL); /* the size comes first, and is an int */
    CHECK_FAILS(syscall(SYS_readlinkat, AT_FDCWD, 8, 8, 8), EFAULT);
    int mem = open("/proc/self/mem", O_RDWR);
    CHECK_FAILS(syscall(SYS_pwrite64, mem, 8, 8, -8L), EINVAL); /* the place comes first */
    close(mem);
    static char too_long[PATH_MAX + 1];
    memset(too_long, 'a', PATH_MAX);
    CHECK_FAILS(syscall(SYS_linkat, AT_FDCWD, "none", AT_FDCWD, too_long, 0), ENOENT); /* the first path comes first */
    CHECK_FAILS(syscall(SYS_linkat, AT_FDCWD, "a", AT_FDCWD, too_long, 0), ENAMETOOLONG);
    CHECK_FAILS(syscall(SYS_setxattr, too_long, 8, "", 0, 0), EFAULT);
    CHECK_FAILS(syscall(SYS_inotify_add_watch, 12345, too_long, IN_CREATE), EBADF);
    CHECK_FAILS(syscall(SYS_ioctl, 12345, 0x7000000017c0, &d), EBADF);
    CHECK_FAILS(syscall(SYS_ioctl, d, 0x7000000017c0, &d), ENOTTY);
    int vsock = open("/dev/vsock", O_RDONLY | O_CLOEXEC); /* where there is one: a command whose encoding tells nothing */
    uint32_t cid = 0;
    if (vsock >= 0) {
        CHECK(syscall(SYS_ioctl, vsock, 0x7b9, &cid) == 0 && cid, "local CID %u, errno %d", cid, errno);
        CHECK_FAILS(syscall(SYS_ioctl, vsock, 0x7b9, 8), EFAULT);
        close(vsock);
    }
    CHECK(chdir("d") == 0 && getcwd(buf, sizeof buf) == buf && !strncmp(buf, dir, strlen(dir)) && !strcmp(buf + strlen(dir), "/d"), "getcwd %s", buf);
    CHECK_FAILS(syscall(SYS_getcwd, buf, 3), ERANGE);
    CHECK(fchdir(d) == 0 && chdir("..") == 0, "fchdir");
    DIR *list = opendir("d");
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(list));)
        n += !strcmp(e->d_name, "b");
    CHECK(n == 1, "readdir: %u", n);
    closedir(list);
    CHECK_FAILS(unlinkat(d, "b", AT_REMOVEDIR), ENOTDIR);
    CHECK(unlinkat(d, "b", 0) == 0 && rmdir("d") == 0, "unlinkat, rmdir");
    close(d);
    fd = open(".", O_TMPFILE | O_RDWR, 0600);
    CHECK(fd >= 0 || errno == EOPNOTSUPP || errno == EISDIR, "O_TMPFILE: %d", errno);
    close(fd);
    CHECK(mkfifo("fifo", 0600) == 0 && mknod("plain", S_IFREG | 0600, 0) == 0, "mknod");
    fd = open("fifo", O_RDONLY | O_NONBLOCK);
    CHECK(fd >= 0 && read(fd, buf, 1) == 0, "an empty fifo without writers");
    close(fd);
    int in = inotify_init1(IN_NONBLOCK);
    CHECK(inotify_add_watch(in, ".", IN_CREATE) > 0, "inotify");
    close(open("watched", O_CREAT | O_WRONLY, 0600));
    struct {
        struct inotify_event e;
        char name[NAME_MAX + 1];
    } ev;
    CHECK(read(in, &ev, sizeof ev) > 0 && !strcmp(ev.e.name, "watched"), "inotify event");
    close(in);
}

static void descriptors(void)
{
    char link[64], target[PATH_MAX];
    int fd = open("a", O_RDONLY), fd2 = dup(fd), fd3 = fcntl(fd, F_DUPFD_CLOEXEC, 100);
    CHECK(fd2 > fd && fd3 >= 100 && fcntl(fd3, F_GETFD) == FD_CLOEXEC && fcntl(fd2, F_GETFD) == 0, "dup");
    CHECK(dup3(fd, 90, O_CLOEXEC) == 90 && dup2(fd, 90) == 90 && fcntl(90, F_GETFD) == 0, "dup3");
    CHECK_FAILS(dup3(fd, fd, 0), EINVAL);
    CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY, "F_GETFL");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, target, sizeof target - 1);
    CHECK(n > 2 && !strncmp(target + n - 2, "/a", 2), "readlink of a descriptor");
    struct flock fl = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 1, .l_len = 5};
    CHECK(fcntl(fd, F_SETLK, &fl) == 0 && fcntl(fd, F_OFD_GETLK, &(struct flock){.l_type = F_WRLCK}) <= 0, "locks");
    CHECK(flock(fd, LOCK_SH | LOCK_NB) == 0, "flock");
    int m = memfd_create("name", MFD_ALLOW_SEALING);
    CHECK(m >= 0 && write(m, "x", 1) == 1 && fcntl(m, F_ADD_SEALS, F_SEAL_WRITE) == 0, "memfd");
    CHECK_FAILS(write(m, "x", 1), EPERM);
    CHECK(fcntl(m, F_GET_SEALS) == F_SEAL_WRITE, "seals");

    /* no descriptor but our own may be seen or hit, and closing all others breaks nothing */
    unsigned strange = 0;
    for (int i = 1000; i < 70000; i++)
        if (i != fd3 && i != m && fcntl(i, F_GETFD) != -1)
            strange++;
    CHECK(strange == 0, "%u descriptors that nobody opened", strange);
    for (int i = 1000; i < 1100; i++)
        if (dup2(fd, i) >= 0)
            close(i);
    CHECK(close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC, "close_range cloexec");
    CHECK(close_range(3, ~0u, 0) == 0, "close_range");
    CHECK_FAILS(fcntl(fd, F_GETFD), EBADF);
    CHECK_FAILS(close_range(5, 4, 0), EINVAL);
    for (int i = 3; i < 3000; i++)
        close(i);
    fd = open("/proc/self/exe", O_RDONLY);
    CHECK(fd == 3 && read(fd, target, 4) == 4 && !memcmp(target, "\177ELF", 4), "the program after closing everything: %d", errno);
    close(fd);
}

/* What the kernel refuses, and in which order it looks. */
static void bad_pointers(void)
{
    static const uintptr_t bad[] = {1, 0xfff, 0xffff800000000000, ~(uintptr_t)0, 0x7ffffffff000};
    int zero = open("/dev/zero", O_RDWR), p[2];
    CHECK(pipe(p) == 0 && write(p[1], "abc", 3) == 3, "pipe");
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        void *b = (void *)bad[i];
        struct iovec v = {b, 8};
        CHECK_FAILS(read(p[0], b, 3), EFAULT);
        CHECK_FAILS(write(p[1], b, 3), EFAULT);
        CHECK_FAILS(writev(p[1], &v, 1), EFAULT);
        CHECK_FAILS(readv(p[0], b, 1), EFAULT);
        CHECK_FAILS(open(b, O_RDONLY), EFAULT);
        CHECK_FAILS(syscall(SYS_newfstatat, AT_FDCWD, ".", b, 0), EFAULT);
        CHECK_FAILS(syscall(SYS_pipe2, b, 0), EFAULT);
        CHECK_FAILS(syscall(SYS_clock_gettime, 0, b), EFAULT);
        CHECK_FAILS(syscall(SYS_getcwd, b, 4096), EFAULT);
        CHECK_FAILS(syscall(SYS_nanosleep, b, NULL), EFAULT);
        CHECK_FAILS(syscall(SYS_getrandom, b, 8, 0), EFAULT);
        CHECK_FAILS(syscall(SYS_uname, b), EFAULT);
        CHECK_FAILS(syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", b, 100), EFAULT);
        CHECK_FAILS(read(-1, b, 3), EBADF);
        CHECK(bad[i] > 0xfff || write(zero, b, 0) == 0, "nothing to write, nothing to follow");
    }
    /* the end of a mapping in the middle of a buffer and of a path */
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(munmap(page + 4096, 4096) == 0, "munmap");
    memset(page, 'x', 4096);
    CHECK_FAILS(open(page + 4000, O_RDONLY), EFAULT);
    CHECK_FAILS(mkdir(page + 4095, 0700), EFAULT);
    long n = read(p[0], page + 4094, 3);
    CHECK((n == -1 && errno == EFAULT) || n == 2, "partly mapped: %ld", n);
    CHECK(mprotect(page, 4096, PROT_READ) == 0, "mprotect");
    CHECK_FAILS(syscall(SYS_clock_gettime, 0, page), EFAULT);
    CHECK_FAILS(syscall(SYS_newfstatat, AT_FDCWD, ".", page, 0), EFAULT);
    CHECK_FAILS(read(zero, page, 10), EFAULT);
    CHECK(munmap(page, 4096) == 0, "munmap");
    char longname[5000];
    memset(longname, 'n', sizeof longname);
    longname[4999] = 0;
    CHECK_FAILS(open(longname, O_RDONLY), ENAMETOOLONG);
    longname[300] = 0;
    CHECK_FAILS(open(longname, O_RDONLY), ENAMETOOLONG);
    CHECK_FAILS(open("", O_RDONLY), ENOENT);
    CHECK_FAILS(syscall(5000), ENOSYS);
    CHECK_FAILS(syscall(-1), ENOSYS);
    close(p[0]);
    close(p[1]);
    close(zero);
}

int main(void)
{
    if (!mkdtemp(dir) || chdir(dir))
        return 99;
    read_and_write();
    attributes();
    names();
    bad_pointers();
    descriptors();
    DIR *left = opendir(".");
    for (struct dirent *e; (e = readdir(left));)
        unlink(e->d_name);
    closedir(left);
    CHECK(chdir("/") == 0 && rmdir(dir) == 0, "clean up");
    return check_done();
}

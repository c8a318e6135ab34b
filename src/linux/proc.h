/*
 * /proc as the guest sees it: shared by proc.c (which file, folders), procview.c (what is known of a process, and the files that
 * say it), procmaps.c (its mappings), procfile.c (made files as files) and procmem.c (its memory).
 */
#ifndef BTV_LINUX_PROC_H
#define BTV_LINUX_PROC_H

#include "linux/linux.h"

/* A file of /proc that the host's kernel would answer wrongly, because it would speak of btv. */
enum proc_file {
    PROC_NONE,    /* any other file */
    PROC_PRIVATE, /* does not exist: a descriptor of btv's own, a mapping of btv's, what only the host's kind of machine has */
    PROC_EXE,
    PROC_FDS,     /* the folder of descriptors: its size counts them */
    PROC_TASKS,   /* the folder of threads: its links count them */
    PROC_MAPS, PROC_SMAPS, PROC_ROLLUP, PROC_NUMA, PROC_AUXV, PROC_CMDLINE, PROC_ENVIRON, PROC_STAT, PROC_STATUS, PROC_STATM, PROC_LIMITS,
    PROC_SYSCALL, PROC_STACK, PROC_CPUINFO, PROC_ARCH,
    PROC_MEM, PROC_PAGEMAP, /* the host's files, of which procmem.c reads and writes */
};
struct proc_where {
    enum proc_file file;
    pid_t tid;      /* whose: of .../task/TID/..., else 0 for the process */
    pid_t pid;      /* another process that btv runs; 0: this one */
    char name[64];  /* canonical: "/proc/123/task/124/maps"; empty if that is not known */
};

/* -- proc.c: which file, folders ------------------------------------------------------------------------------ */
/* `path` is the host's, dirfd the guest's.  follow: whether the last component's symbolic link is followed. */
struct proc_where proc_find(struct linux_thread *t, int dirfd, const char *path);
/* The same for the canonical name of a file that was reached by some way ("/proc/PID/maps"). */
struct proc_where proc_find_name(struct linux_thread *t, const char *name);
/* Quick: may proc_find say PROC_PRIVATE of a path that ends so? */
bool proc_may_hide(const char *path);
/* Opens the guest's version of it: a descriptor or -errno. */
int64_t proc_open(struct linux_thread *t, const struct proc_where *where, int oflags);
/* The program of a process, as the host opens it and as it is called; both at most PATH_MAX bytes.  False: it ended. */
bool proc_exe(struct linux_thread *t, const struct proc_where *where, char *host, char *name);
/* Is it the host's program that runs guests?  Then the way to it may have led over /proc/self/exe. */
bool proc_is_own_exe(const struct linux_process *p, uint64_t dev, uint64_t ino);
/* Tells the host's kernel where the guest's code, arguments and environment are, so that others see them in /proc/PID.
 * To be called once the program is loaded. */
void proc_publish(struct linux_process *p);
/* getdents64 of a folder of /proc with entries that are btv's: false if it is another folder. */
bool proc_getdents(struct linux_thread *t, int fd, uint64_t buf, uint64_t size, int64_t *result);
/* How many descriptors in the folder are btv's. */
unsigned proc_count_private(struct linux_thread *t, const struct proc_where *where);
/* How many threads the guest there has, or 0: the host's number stands. */
unsigned proc_count_threads(struct linux_thread *t, const struct proc_where *where);

/* -- procview.c: a process as its own btv sees it --------------------------------------------------------------- */
#define PROC_PRIVATE_MAX 32
struct proc_view {
    struct linux_thread *t;  /* who looks */
    bool own;                /* at its own process */
    pid_t pid, tid;
    char dir[48];            /* "/proc/PID" or "/proc/PID/task/TID" */
    uint64_t high, vdso, start_brk, start_stack, start_code, end_code;
    struct mem_space *mem;   /* regions; NULL if they were not asked for */
    uint64_t resident;       /* of another process: bytes of its guest in memory */
    uint64_t stack_low;      /* of the stack, only what is above was touched */
    bool known;              /* the following are; else the host's have to do */
    struct linux_rlimit rlimit[16];
    uint64_t process;        /* of another process: where its struct linux_process is */
    uint64_t host_start, host_end; /* of linux_process */
    uint64_t ignored, caught;
    unsigned nthreads; /* 0: the host's number stands */
    bool thread_known;                 /* blocked is */
    uint64_t blocked, queued, shared;  /* signals of the thread; those pending beside the host's, of the thread and the process */
    int private_fd[PROC_PRIVATE_MAX];
    unsigned nprivate;
    int exe_fd;
};
enum proc_depth { PROC_SHALLOW, PROC_WITH_REGIONS };
/* False: no such process, or not one that btv runs and that the caller may look at.  To be closed again. */
bool proc_view_open(struct linux_thread *t, pid_t pid, pid_t tid, enum proc_depth depth, struct proc_view *out);
void proc_view_close(struct proc_view *v);
/* Sets a limit that is kept for the guest in another process, which must be known.  False: it has ended. */
bool proc_view_set_limit(struct proc_view *v, unsigned resource, const struct linux_rlimit *limit);
bool proc_view_hides_fd(const struct proc_view *v, int fd);
/* Is that thread one of btv's own?  Not of this process alone. */
bool proc_view_hides_task(const struct proc_view *v, pid_t tid);
/* Appends the contents of a file. */
bool proc_contents(struct linux_thread *t, const struct proc_where *where, struct str *s);
/* Keys of the auxiliary vector that only other btv processes read, and only in /proc/PID/auxv: see proc_publish. */
enum { PROC_AUX_HIGH = 0x62747601, PROC_AUX_BRK, PROC_AUX_PROCESS };

/* -- procfile.c: made files as files ------------------------------------------------------------------------------ */
/* A descriptor of a file with the contents, open as oflags say, or -errno. */
int64_t procfile_make(const struct str *s, const char *name, int oflags);
/* The name of the file behind a link text of /proc/PID/fd if it is a made one, in place. */
bool procfile_real_name(char *link);
/* Has a struct stat the looks of a made file? */
bool procfile_looks_made(uint64_t mode, uint64_t nlink);
/* The name of the open file if it is a made one. */
bool procfile_name(int fd, char name[64]);
/* May fd be a made file? */
bool procfile_maybe(int fd);
/* Quick: may any descriptor be one? */
bool procfile_any(void);
/* A made file came from elsewhere. */
void procfile_came(int fd);
/* `copy` is what fd is. */
void procfile_duplicated(int fd, int copy);
struct sys_row;
/* Makes a call that asks a made file what a memory file would answer otherwise.  False: it is another call. */
bool procfile_serves(struct linux_thread *t, const struct sys_row *row, const uint64_t a[6], int64_t *ret);
/* To be called before fd is read at offset `at` (-1: its own): a file that is read from its beginning again is made anew. */
void procfile_before_read(struct linux_thread *t, int fd, int64_t at);

/* The whole of a host file, appended. */
bool proc_read_host(const char *path, struct str *s);

#endif

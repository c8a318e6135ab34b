/*
 * The system-call table as C sees it, and what the files that implement calls share.
 *
 * A row of sys.def becomes a struct sys_row; each argument has a kind that says how it is checked before the call and
 * how --strace prints it.  Handlers get checked arguments: a pointer that does not lie in guest memory has become
 * one into SYS_HOLE, which linux_copy_in/out and the host's kernel refuse with EFAULT at the moment a real kernel would.
 */
#ifndef BTV_LINUX_SYS_H
#define BTV_LINUX_SYS_H

#include "linux/linux.h"
#include "linux/proc.h"

struct msghdr;

/* In the page at 0, where no process can map anything (vm.mmap_min_addr), and no null pointer. */
#define SYS_HOLE UINT64_C(0x800)
#define SYS_USER_END UINT64_C(0x7ffffffff000) /* of 47 bits of user space, here and on RISC-V with Sv48 */
#define PR_MDWE_REFUSE_EXEC_GAIN_ 1u /* linux/prctl.h since 6.3 and 6.6 */
#define PR_MDWE_NO_INHERIT_ 2u

enum sys_arg_kind {
    SYS_A_NONE, /* end of the arguments; as a result: does not return */
    SYS_A_INT, SYS_A_UINT, SYS_A_HEX, SYS_A_SIZE, SYS_A_OFF, SYS_A_PID, SYS_A_UID, SYS_A_MODE, SYS_A_SIG,
    SYS_A_PTR,  /* unchecked */
    SYS_A_FD, SYS_A_DIRFD,
    SYS_A_ENUM, SYS_A_FLAGS,                          /* type: enum sys_vocab */
    SYS_A_IN, SYS_A_OUT, SYS_A_INOUT,                 /* type: enum sys_type */
    SYS_A_INV, SYS_A_OUTV, SYS_A_INOUTV,              /* arrays; type and count */
    SYS_A_INBUF, SYS_A_OUTBUF,                        /* bytes; count */
    SYS_A_INIOV, SYS_A_OUTIOV,                        /* struct iovec; count */
    SYS_A_SPAN,                                       /* address range; count */
    SYS_A_STR,
    /* of --strace alone, in fields and in the rows of sysselect.def */
    SYS_A_SELECT,                                     /* type: enum sys_select */
    SYS_A_STRUCT, SYS_A_STRUCTV,                      /* inside another struct; type and count */
    SYS_A_CHARS, SYS_A_RAW,                           /* inside another struct: text, bytes */
    SYS_A_DEV, SYS_A_LIMIT, SYS_A_NET, SYS_A_NETHEX, SYS_A_IP4, SYS_A_IP6, SYS_A_OPTION,
    SYS_A_SKIP,                                       /* not looked at by the call */
    SYS_A_NONZERO,                                    /* the next field is shown unless it is 0 */
    SYS_A_MORE,                                       /* fields that are not shown */
    SYS_A_PATH, SYS_A_LPATH, SYS_A_NPATH, SYS_A_FPATH, /* count: the argument with AT_ flags */
};

enum sys_type {
#define TYPE(name, bytes, printer, text) SYS_TYPE_##name,
#include "linux/systypes.def"
#undef TYPE
    SYS_TYPES
};

enum sys_vocab {
#define VOCAB(name, ...) SYS_VOCAB_##name,
#include "linux/sysnames.def"
#undef VOCAB
    SYS_VOCABS
};

enum sys_select {
#define SELECT(name, call, position, mask) SYS_SELECT_##name,
#define WHEN(name, ...)
#include "linux/sysselect.def"
#undef SELECT
#undef WHEN
    SYS_SELECTS
};

/*
 * In sys_arg.count of a kind that counts nothing: shown only after an interruption; shown before the call, and what became of it
 * behind the result; as many as the result says; flags with the mode of a file.
 */
enum { SYS_SHOW_INTERRUPTED = 0x40, SYS_SHOW_FOUND, SYS_SHOW_RESULT, SYS_SHOW_MODE };
#define SYS_COUNT_CONST 0x80 /* in sys_arg.count: the low bits are the number itself */

struct sys_arg {
    uint8_t kind, count;
    uint16_t type;
};

typedef int64_t linux_sys_fn(struct linux_thread *t, const uint64_t a[6]);

struct sys_row {
    const char *name;
    int16_t generic, host; /* numbers; -1: absent */
    uint16_t flags;        /* enum linux_sys_flag */
    uint16_t refuse;       /* errno of SYS_REFUSE */
    linux_sys_fn *fn;      /* NULL: passed or refused */
    struct sys_arg arg[7]; /* [0] is the result */
};

enum sys_row_id { /* positions in sys_rows */
#define SYS(name, ...) SYS_ROW_##name,
#include "linux/sys.def"
#undef SYS
    SYS_ROWS
};

extern const struct sys_row sys_rows[];
extern const unsigned sys_row_count;
/* The row of a number of the guest's table; NULL: no such call. */
const struct sys_row *sys_row_find(const struct linux_abi *abi, uint64_t nr);
unsigned sys_type_bytes(unsigned type);
/* The guest's number of restart_syscall. */
uint64_t sys_restart_number(const struct linux_abi *abi);

/* Every H handler. */
#define SYS_DECLARE_H(name) linux_sys_fn linux_sys_##name;
#define SYS_DECLARE_P(name)
#define SYS_DECLARE_R(err) SYS_DECLARE_P
#define SYS(name, generic, x86_64, flags, handler, ...) SYS_DECLARE_##handler(name)
#include "linux/sys.def"
#undef SYS

/* Is all of [addr, addr + len) an address a guest may have? (Not: is it mapped.) */
bool sys_inside(const struct linux_process *p, uint64_t addr, uint64_t len);
/* addr when the range is inside, addr is 0 or not of user space at all; else one into SYS_HOLE, aligned as addr is. */
uint64_t sys_pointer(const struct linux_process *p, uint64_t addr, uint64_t len);
/*
 * Copies an array of iovecs to out (UIO_MAXIOV elements) and replaces what is not the guest's in it.  The pointer to give to the
 * host: out, or one that the kernel refuses as it would refuse iov.
 */
struct iovec;
uint64_t sys_copy_iov(const struct linux_process *p, uint64_t iov, uint64_t count, struct iovec *out);
/* Checks an array that stays where it is: 0 or -EFAULT.  Counts the kernel refuses anyway are left to it. */
int64_t sys_check_iov(const struct linux_process *p, uint64_t iov, uint64_t count);
/*
 * The guest's struct of `size` bytes, of which btv knows `known`: what it lacks becomes 0.  -E2BIG: what is beyond is not 0; -EFAULT.  As the
 * kernel's copy_struct_from_user.
 */
int64_t sys_copy_struct(void *dst, size_t known, uint64_t addr, uint64_t size);
/* linux_wait_syscall with the six arguments as they are. */
int64_t sys_wait(struct linux_thread *t, long nr, const uint64_t a[6]);
int64_t sys_host(long nr, const uint64_t a[6]);

/* --strace.  sys_strace_enter starts the line of a call, sys_strace_leave ends and writes it. */
struct sys_strace {
    struct str line;
    const struct sys_choice *choice;
    uint64_t was[6];   /* numbers that arguments point to, before the call */
    uint64_t start_ns, start_cpu_ns; /* 0: not measured */
    unsigned next;     /* first argument that is not printed yet */
    pid_t tid;
    bool hidden;       /* no line */
    bool open;         /* its beginning is written */
};
void sys_strace_enter(struct linux_thread *t, const struct sys_row *row, uint64_t nr, const uint64_t a[6], struct sys_strace *st);
void sys_strace_leave(struct linux_thread *t, const struct sys_row *row, const uint64_t a[6], int64_t ret, struct sys_strace *st);
/* Before and after the program is loaded; argv and envp are the guest's. */
void sys_strace_init(struct linux_process *p);
void sys_strace_start(struct linux_thread *t, const char *path, char **argv, char **envp);
/* A signal that reaches the program. */
void sys_strace_signal(struct linux_thread *t, const siginfo_t *info);
/* The end of the calling thread, by exit(2), and of its process, by the code or by sig. */
void sys_strace_thread_end(struct linux_process *p, int code);
void sys_strace_end(struct linux_process *p, int code, int sig);
/* The process has written its last line. */
void sys_strace_finish(struct linux_process *p);

/* -- fs.c -------------------------------------------------------------------------------------------------- */
/*
 * Under -L ROOT: the path that the guest has at `addr` as the host is to see it.  *result is what to give to the host's
 * call: the address of `out` (PATH_MAX bytes), or `addr` itself where the kernel is to judge it.  0 or -errno.
 */
int64_t fs_path(struct linux_thread *t, int dirfd, uint64_t addr, bool follow, char *out, uint64_t *result);

/* -- net.c ------------------------------------------------------------------------------------------------- */
/* The struct msghdr at addr, copied to *m: its pointers, and when it is to be sent the descriptors with it.  0 or -errno. */
int64_t net_check_message(const struct linux_process *p, uint64_t addr, struct msghdr *m, bool sent);

#endif

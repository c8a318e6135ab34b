/*
 * System calls: the table of sys.def, dispatch by number, and the checks that every call gets before the host sees it.
 *
 * A pointer that does not lie in guest memory is replaced by one into a hole, so that a guest can neither read nor overwrite btv
 * through the kernel, a bad pointer that the kernel never follows stays harmless, and of several mistakes the kernel
 * reports the same as on a real system.  With -L ROOT, paths are translated here too, for calls that are passed on.
 */
#include "linux/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "linux/hostcall.h"
#include "linux/mm.h"
#include "linux/procmem.h"
#include "linux/secfilter.h"
#include "linux/sig.h"
#include "linux/sysarg.h"

/* -- the table --------------------------------------------------------------------------------------------- */

enum { BLOCKS = SYS_BLOCKS, MEMMAP = SYS_MEMMAP, NORET = SYS_NORET, NOHAND = SYS_NOHAND, EARLY = SYS_EARLY };

#define __ (-1)
#define FN_H(name) linux_sys_##name
#define FN_P(name) NULL
#define FN_R(err) FN_P
#define REFUSE_H 0
#define REFUSE_P 0
#define REFUSE_R(err) err
#define KIND_H 0
#define KIND_P SYS_PASS
#define KIND_R(err) SYS_REFUSE

const struct sys_row sys_rows[] = {
#define SYS(n, gen, x86, fl, handler, ...)                                                                                   \
    {.name = #n, .generic = gen, .host = x86, .flags = (fl) | KIND_##handler, .refuse = REFUSE_##handler, .fn = FN_##handler(n), \
     .arg = {ARGS(__VA_ARGS__)}},
#include "linux/sys.def"
#undef SYS
};
const unsigned sys_row_count = ARRAY_LEN(sys_rows);

/* Number -> row + 1; numbers that are absent (-1) all fall on the last entry, which is never looked up. */
#define SYS_NUMBERS 512
#define SLOT(nr) ((nr) < 0 ? SYS_NUMBERS : (nr))
_Static_assert(ARRAY_LEN(sys_rows) < UINT16_MAX, "row numbers are 16 bits");

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static const uint16_t by_generic[SYS_NUMBERS + 1] = {
#define SYS(n, gen, x86, fl, handler, ...) [SLOT(gen)] = SYS_ROW_##n + 1,
#include "linux/sys.def"
#undef SYS
};
static const uint16_t by_x86_64[SYS_NUMBERS + 1] = {
#define SYS(n, gen, x86, fl, handler, ...) [SLOT(x86)] = SYS_ROW_##n + 1,
#include "linux/sys.def"
#undef SYS
};
#pragma GCC diagnostic pop
#undef __

const struct sys_row *sys_row_find(const struct linux_abi *abi, uint64_t nr)
{
    if (nr >= SYS_NUMBERS)
        return NULL;
    unsigned row = abi->generic_table ? by_generic[nr] : by_x86_64[nr];
    for (unsigned i = 0; !row && i < abi->nsys_rows; i++)
        if ((uint64_t)abi->sys_rows[i].generic == nr)
            return &abi->sys_rows[i];
    return row ? &sys_rows[row - 1] : NULL;
}

uint64_t sys_restart_number(const struct linux_abi *abi)
{
    const struct sys_row *row = &sys_rows[SYS_ROW_restart_syscall];
    return (uint64_t)(abi->generic_table ? row->generic : row->host);
}

unsigned sys_type_bytes(unsigned type)
{
    static const uint16_t bytes[] = {
#define TYPE(name, n, printer, text) n,
#include "linux/systypes.def"
#undef TYPE
    };
    return bytes[type];
}

/* -- guest memory ------------------------------------------------------------------------------------------ */

bool sys_inside(const struct linux_process *p, uint64_t addr, uint64_t len)
{
    uint64_t high = mem_high(p->mem);
    if (addr < mem_low(p->mem) || addr >= high || len > high - addr)
        return false;
    /* between the first and the last of btv's own mappings there may be some of the guest's, with the address sanitizer for one */
    return addr + len <= p->host_start || addr >= p->host_end || !mm_has_host(p, addr, addr + (len ? len : 1));
}

uint64_t sys_pointer(const struct linux_process *p, uint64_t addr, uint64_t len)
{
    return !addr || addr >= SYS_USER_END || sys_inside(p, addr, len) ? addr : SYS_HOLE | (addr & (SYS_HOLE - 1));
}

/* Where the piece of the guest's range that holds addr ends. */
static uint64_t piece_end(const struct linux_process *p, uint64_t addr)
{
    return addr < p->host_start ? p->host_start : mem_high(p->mem);
}

bool linux_copy_in(void *dst, uint64_t src, size_t n)
{
    return n == 0 || (sys_inside(linux_self()->proc, src, n) && hostcall_copy(dst, mem_host(src), n) == 0);
}

bool linux_copy_out(uint64_t dst, const void *src, size_t n)
{
    return n == 0 || (sys_inside(linux_self()->proc, dst, n) && hostcall_copy(mem_host(dst), src, n) == 0);
}

int64_t linux_copy_str(char *dst, uint64_t src, size_t cap)
{
    const struct linux_process *p = linux_self()->proc;
    if (!sys_inside(p, src, 1))
        return -EFAULT;
    uint64_t room = piece_end(p, src) - src;
    size_t max = room < cap ? (size_t)room : cap;
    long n = hostcall_copy_str(dst, mem_host(src), max);
    if (n < 0)
        return -EFAULT;
    if ((size_t)n == max)
        return max < cap ? -EFAULT : -ENAMETOOLONG;
    return n;
}

int64_t sys_copy_struct(void *dst, size_t known, uint64_t addr, uint64_t size)
{
    char tail[256];
    for (uint64_t at = known, n; at < size; at += n) {
        n = size - at < sizeof tail ? size - at : sizeof tail;
        if (!linux_copy_in(tail, addr + at, (size_t)n))
            return -EFAULT;
        for (uint64_t i = 0; i < n; i++)
            if (tail[i])
                return -E2BIG;
    }
    memset(dst, 0, known);
    return linux_copy_in(dst, addr, size < known ? (size_t)size : known) ? 0 : -EFAULT;
}

#define RW_MAX UINT64_C(0x7ffff000) /* MAX_RW_COUNT of the kernel */

/*
 * Bytes: a range that leaves guest memory is cut there, since what follows is unmapped for the guest.  One that begins elsewhere becomes
 * one in a hole, and one that leaves user space begins where that ends: the kernel refuses it before it looks further (access_ok).
 * No bytes are no access.  Of a length beyond RW_MAX the kernel decides: refused, or RW_MAX of it.
 */
static void check_range(const struct linux_process *p, uint64_t *addr, uint64_t *len)
{
    if (!*addr || !*len || *addr >= SYS_USER_END || sys_inside(p, *addr, *len))
        return;
    uint64_t most = *len < RW_MAX ? *len : RW_MAX;
    if (sys_inside(p, *addr, most))
        return;
    if (most > SYS_USER_END - *addr)
        *addr = SYS_USER_END;
    else if (sys_inside(p, *addr, 1) && *len <= SYS_USER_END - *addr)
        *len = piece_end(p, *addr) - *addr;
    else
        *addr = sys_pointer(p, *addr, *len);
}

/* Vectors of which not all can be read: the kernel looks at one after the other, and a length below 0 before the first bad one is EINVAL. */
static uint64_t refused_iov(uint64_t iov, uint64_t count, struct iovec *out)
{
    if (!iov || iov >= SYS_USER_END || count * sizeof *out > SYS_USER_END - iov)
        return iov ? SYS_USER_END : 0;
    for (uint64_t i = 0; i < count && linux_copy_in(out, iov + i * sizeof *out, sizeof *out); i++) {
        if ((int64_t)out->iov_len < 0) {
            memset(out + 1, 0, (count - 1) * sizeof *out);
            return (uint64_t)(uintptr_t)out;
        }
    }
    return SYS_HOLE;
}

uint64_t sys_copy_iov(const struct linux_process *p, uint64_t iov, uint64_t count, struct iovec *out)
{
    if (!count || count > UIO_MAXIOV) /* the kernel does not look at them */
        return sys_pointer(p, iov, 1);
    if (!linux_copy_in(out, iov, count * sizeof *out))
        return refused_iov(iov, count, out);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t addr = (uint64_t)(uintptr_t)out[i].iov_base, len = out[i].iov_len;
        check_range(p, &addr, &len);
        out[i] = (struct iovec){.iov_base = mem_host(addr), .iov_len = len};
    }
    return (uint64_t)(uintptr_t)out;
}

int64_t sys_check_iov(const struct linux_process *p, uint64_t iov, uint64_t count)
{
    if (!iov || count > UIO_MAXIOV)
        return 0;
    struct iovec part[16];
    for (uint64_t i = 0; i < count; i += ARRAY_LEN(part)) {
        uint64_t n = count - i < ARRAY_LEN(part) ? count - i : ARRAY_LEN(part);
        if (!linux_copy_in(part, iov + i * sizeof part[0], n * sizeof part[0]))
            return -EFAULT;
        for (uint64_t k = 0; k < n; k++)
            if (part[k].iov_len && !sys_inside(p, (uint64_t)(uintptr_t)part[k].iov_base, part[k].iov_len))
                return -EFAULT;
    }
    return 0;
}

/* -- checks ------------------------------------------------------------------------------------------------ */

/* Argument i as the kernel takes it: an int or an unsigned int has 32 bits. */
static uint64_t number_of(const struct sys_row *row, const uint64_t a[6], unsigned i)
{
    switch (row->arg[i + 1].kind) {
    case SYS_A_INT: return (uint64_t)(int32_t)a[i];
    case SYS_A_UINT: return (uint32_t)a[i];
    default: return a[i];
    }
}

static void check_array(const struct linux_process *p, const struct sys_row *row, uint64_t a[6], unsigned i)
{
    const struct sys_arg *arg = &row->arg[i + 1];
    uint64_t count = arg->count & SYS_COUNT_CONST ? arg->count & ~SYS_COUNT_CONST : number_of(row, a, arg->count);
    /* Too many or negative: the kernel says so before it follows the pointer. */
    uint64_t bytes = count <= UINT32_MAX / 2 ? count * sys_type_bytes(arg->type) : 0;
    a[i] = sys_pointer(p, a[i], bytes ? bytes : 1);
}

/* Pages: a range that is not all the guest's has a hole, and so has the first page. */
static void check_span(const struct linux_process *p, uint64_t *start, uint64_t *len)
{
    if (!*len || *start >= SYS_USER_END || *len > SYS_USER_END - *start || sys_inside(p, *start, *len))
        return;
    *start &= GUEST_PAGE_SIZE - 1;
    *len = 1;
}

/* Bytes as many as there are, rather than one struct whose size its caller tells. */
static bool is_bytes(const struct sys_arg *arg)
{
    switch (arg->type) {
    case SYS_TYPE_any:
    case SYS_TYPE_cpuset:
    case SYS_TYPE_optval:
    case SYS_TYPE_dirents:
    case SYS_TYPE_random: return true;
    default: return false;
    }
}

/* Replaces what must not reach a handler or the host by something that it refuses in the same way. */
static void check_args(const struct linux_thread *t, const struct sys_row *row, uint64_t a[6])
{
    const struct linux_process *p = t->proc;
    for (unsigned i = 0; i < 6 && row->arg[i + 1].kind != SYS_A_NONE; i++) {
        const struct sys_arg *arg = &row->arg[i + 1];
        switch (arg->kind) {
        case SYS_A_FD:
        case SYS_A_DIRFD:
            if ((int)a[i] >= 0 && linux_is_private_fd((int)a[i]))
                a[i] = INT_MAX; /* nobody's */
            break;
        case SYS_A_IN:
        case SYS_A_OUT:
        case SYS_A_INOUT:
            a[i] = sys_pointer(p, a[i], sys_type_bytes(arg->type));
            break;
        case SYS_A_INV:
        case SYS_A_OUTV:
        case SYS_A_INOUTV:
            check_array(p, row, a, i);
            break;
        case SYS_A_INBUF:
        case SYS_A_OUTBUF:
            a[arg->count] = number_of(row, a, arg->count);
            if (is_bytes(arg))
                check_range(p, &a[i], &a[arg->count]);
            else /* a part is not enough, and the kernel judges the size first */
                a[i] = sys_pointer(p, a[i], a[arg->count]);
            break;
        case SYS_A_SPAN:
            check_span(p, &a[i], &a[arg->count]);
            break;
        case SYS_A_STR:
        case SYS_A_PATH:
        case SYS_A_LPATH:
        case SYS_A_NPATH:
        case SYS_A_FPATH:
            a[i] = sys_pointer(p, a[i], 1);
            break;
        default: /* the vectors of SYS_A_INIOV and SYS_A_OUTIOV: pass_vectors */
            break;
        }
    }
}

/* -- making the call --------------------------------------------------------------------------------------- */

int64_t sys_host(long nr, const uint64_t a[6])
{
    return linux_host_syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int64_t sys_wait(struct linux_thread *t, long nr, const uint64_t a[6])
{
    return linux_wait_syscall(t, nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static int64_t pass(struct linux_thread *t, const struct sys_row *row, const uint64_t a[6])
{
    return row->flags & SYS_BLOCKS ? sys_wait(t, row->host, a) : sys_host(row->host, a);
}

static bool is_vector(const struct sys_arg *arg)
{
    return arg->kind == SYS_A_INIOV || arg->kind == SYS_A_OUTIOV;
}

/* A passed call with vectors: it gets copies, which no other thread of the guest can change after they were checked. */
static __attribute__((noinline)) int64_t pass_vectors(struct linux_thread *t, const struct sys_row *row, const uint64_t a[6])
{
    struct iovec vector[UIO_MAXIOV], remote[UIO_MAXIOV];
    struct procmem of;
    uint64_t b[6];
    memcpy(b, a, sizeof b);
    for (unsigned i = 0; i < 6; i++)
        if (is_vector(&row->arg[i + 1]))
            b[i] = sys_copy_iov(t->proc, a[i], a[row->arg[i + 1].count], vector);
    if (row->arg[1].kind == SYS_A_PID && (int)a[0] > 0 && procmem_open(t, (pid_t)a[0], &of)) /* process_vm_readv, process_vm_writev */
        b[3] = procmem_copy_iov(t, &of, a[3], a[4], remote);
    return pass(t, row, b);
}

static bool follows(const struct sys_arg *arg, const uint64_t a[6])
{
    switch (arg->kind) {
    case SYS_A_LPATH:
        return false;
    case SYS_A_NPATH:
        return !(a[arg->count] & AT_SYMLINK_NOFOLLOW);
    case SYS_A_FPATH:
        return a[arg->count] & AT_SYMLINK_FOLLOW;
    default:
        return true;
    }
}

/*
 * A passed call with paths, of which none has more than two.  Under -L ROOT they are translated; what a guest must not find in
 * /proc does not exist.
 */
static __attribute__((noinline)) int64_t pass_paths(struct linux_thread *t, const struct sys_row *row, const uint64_t a[6])
{
    char path[2][PATH_MAX];
    unsigned used = 0;
    uint64_t b[6];
    memcpy(b, a, sizeof b);
    for (unsigned i = 0; i < 6; i++) {
        const struct sys_arg *arg = &row->arg[i + 1];
        if (arg->kind < SYS_A_PATH || arg->kind > SYS_A_FPATH || !a[i])
            continue;
        int dirfd = i > 0 && row->arg[i].kind == SYS_A_DIRFD ? (int)a[i - 1] : AT_FDCWD;
        int64_t ret = fs_path(t, dirfd, a[i], follows(arg, a), path[used], &b[i]);
        if (ret < 0)
            return ret;
        bool known = b[i] == (uint64_t)(uintptr_t)path[used];
        if (known && !t->proc->opt.show_emulator && proc_may_hide(path[used]) && proc_find(t, dirfd, path[used]).file == PROC_PRIVATE)
            return -ENOENT;
        used++;
    }
    return pass(t, row, b);
}

static bool has_vector(const struct sys_row *row)
{
    return is_vector(&row->arg[2]);
}

static bool has_path(const struct sys_row *row)
{
    for (unsigned i = 1; i < 7; i++)
        if (row->arg[i].kind >= SYS_A_PATH)
            return true;
    return false;
}

/* Sockets with a timeout are not restarted after a handler (signal(7)); asked only when a wait was in fact interrupted. */
static bool socket_has_timeout(const struct sys_row *row, const uint64_t a[6])
{
    static const int options[] = {SO_RCVTIMEO, SO_SNDTIMEO};
    for (unsigned i = 0; i < ARRAY_LEN(options) && row->arg[1].kind == SYS_A_FD; i++) {
        uint64_t tv[2] = {0, 0};
        uint32_t len = sizeof tv;
        if (linux_host_syscall(SYS_getsockopt, a[0], SOL_SOCKET, (uint64_t)options[i], (uint64_t)(uintptr_t)tv, (uint64_t)(uintptr_t)&len, 0) == 0 &&
            (tv[0] || tv[1]))
            return true;
    }
    return false;
}

/*
 * What an interruption means for this call.  -ERESTARTSYS is a wait that the host's kernel would continue; -EINTR one that
 * fails after any handler (signal(7)), but goes on when it turns out that none runs.
 */
static int64_t interrupted(const struct linux_thread *t, const struct sys_row *row, const uint64_t a[6], int64_t ret)
{
    if (!(row->flags & SYS_BLOCKS) || (ret != -EINTR && ret != -LINUX_ERESTARTSYS))
        return ret;
    if (ret == -EINTR && linux_wait_undisturbed(t)) /* stopped and continued: some calls fail then (signal(7)) */
        return ret;
    return ret == -EINTR || row->flags & SYS_NOHAND || socket_has_timeout(row, a) ? -LINUX_ERESTARTNOHAND : -LINUX_ERESTARTSYS;
}

static int64_t call(struct linux_thread *t, const struct sys_row *row, const uint64_t args[6])
{
    if (row->flags & SYS_REFUSE) {
        TRACE(sys, "%s refused: %s", row->name, strerrorname_np(row->refuse));
        return -row->refuse;
    }
    uint64_t a[6];
    memcpy(a, args, sizeof a);
    int64_t ret;
    check_args(t, row, a);
    if (BTV_UNLIKELY(procmem_watched()) && procmem_serves(t, row, a, &ret))
        ;
    else if (BTV_UNLIKELY(procfile_any()) && procfile_serves(t, row, a, &ret))
        ;
    else if (!(row->flags & SYS_PASS))
        ret = row->fn(t, a);
    else if (has_vector(row))
        ret = pass_vectors(t, row, a);
    else if (has_path(row))
        ret = pass_paths(t, row, a);
    else
        ret = pass(t, row, a);
    return interrupted(t, row, a, ret);
}

void linux_syscall(struct linux_thread *t)
{
    const struct linux_abi *abi = t->proc->abi;
    struct cpu *cpu = t->cpu;
    uint64_t nr = cpu->slot[abi->slot_nr];
    uint64_t a[6];
    for (unsigned i = 0; i < 6; i++)
        a[i] = cpu->slot[abi->slot_arg[i]];

    cpu->ll_addr = 1; /* a kernel's way back to user mode ends reservations */
    const struct sys_row *row = sys_row_find(abi, nr);
    struct sys_strace st;
    bool trace = t->proc->opt.strace.on;
    if (BTV_UNLIKELY(trace))
        sys_strace_enter(t, row, nr, a, &st);

    int64_t ret = -ENOSYS;
    bool allowed = !(BTV_UNLIKELY(t->dispatch.on) && seccomp_dispatches(t, nr, &ret));
    if (allowed && BTV_UNLIKELY(atomic_load_explicit(&t->seccomp, memory_order_relaxed) != NULL))
        allowed = seccomp_allows(t, nr, a, &ret);
    if (!allowed)
        ; /* ret says what it results in */
    else if (BTV_LIKELY(row != NULL))
        ret = call(t, row, a);
    else {
        ret = -ENOSYS;
        TRACE(sys, "number %llu is unknown: ENOSYS; arguments 0x%llx 0x%llx 0x%llx", (unsigned long long)nr, (unsigned long long)a[0],
              (unsigned long long)a[1], (unsigned long long)a[2]);
    }

    if (ret != LINUX_SIGRETURN_DONE)
        cpu->slot[abi->slot_ret] = (uint64_t)ret;
    if (BTV_UNLIKELY(trace))
        sys_strace_leave(t, row, a, ret, &st);
}

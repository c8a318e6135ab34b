/*
 * --strace: one line for each system call, decoded by the signature in sys.def.
 *
 *     1234 openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3
 *     1234 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, ...} ---
 *     1234 +++ exited with 0 +++
 *
 * Arguments up to the first that the call writes to are formatted before the call, the others after it.  A line is written
 * at once, so that lines of threads do not mix; a call that does not return is written before it is made.
 */
#include "linux/sys.h"

#include <arpa/inet.h>
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TEXT_SHOWN 64 /* bytes of a buffer that are shown unless --strace-bytes says otherwise */
#define TEXT_MAX 4096
#define LIST_MAX 8  /* elements of an array that are shown */

/* -- names of constants ------------------------------------------------------------------------------------ */

struct sys_name {
    uint64_t mask, value; /* mask 0: the bits of value, all of them */
    const char *text;
};

#define M(m, n, v) {m, (uint64_t)(v), #n},
#define V(n, v) {0, (uint64_t)(v), #n},
#define N(n) {0, (uint64_t)(n), #n},
#define VOCAB(name, ...) static const struct sys_name names_##name[] = {__VA_ARGS__};
#include "linux/sysnames.def"
#undef VOCAB
#undef M
#undef V
#undef N

static const struct {
    const struct sys_name *names;
    unsigned count;
} vocabs[] = {
#define VOCAB(name, ...) {names_##name, ARRAY_LEN(names_##name)},
#include "linux/sysnames.def"
#undef VOCAB
};

static void add_enum(struct str *s, unsigned vocab, uint64_t v)
{
    for (unsigned i = 0; i < vocabs[vocab].count; i++) {
        const struct sys_name *n = &vocabs[vocab].names[i];
        if ((uint32_t)n->value == (uint32_t)v) {
            str_adds(s, n->text);
            return;
        }
    }
    if ((int32_t)v < 0 && vocab == SYS_VOCAB_clock)
        str_add(s, "%d", (int32_t)v);
    else
        str_add(s, (uint32_t)v < 256 ? "%u" : "0x%x", (uint32_t)v);
}

static void add_flags(struct str *s, unsigned vocab, uint64_t v)
{
    uint64_t left = v;
    const char *bar = "";
    for (unsigned i = 0; i < vocabs[vocab].count; i++) {
        const struct sys_name *n = &vocabs[vocab].names[i];
        bool match = n->mask ? (v & n->mask) == n->value : n->value ? (left & n->value) == n->value : v == 0;
        if (!match)
            continue;
        str_add(s, "%s%s", bar, n->text);
        left &= ~(n->value | n->mask);
        bar = "|";
    }
    if (left || !*bar)
        str_add(s, "%s%s%" PRIx64, bar, left ? "0x" : "", left);
}

static void add_signal(struct str *s, uint64_t sig)
{
    if (sig > 32)
        str_add(s, "SIGRT_%" PRIu64, sig - 32);
    else
        add_enum(s, SYS_VOCAB_signals, sig);
}

/* -- guest memory ------------------------------------------------------------------------------------------ */

static void add_escaped(struct str *s, const unsigned char *p, size_t n)
{
    static const char simple[] = "\a\b\t\n\v\f\r", letter[] = "abtnvfr";
    for (size_t i = 0; i < n; i++) {
        const char *at = p[i] ? strchr(simple, p[i]) : NULL;
        bool digit = i + 1 < n && p[i + 1] >= '0' && p[i + 1] <= '7';
        if (at)
            str_add(s, "\\%c", letter[at - simple]);
        else if (p[i] == '"' || p[i] == '\\')
            str_add(s, "\\%c", p[i]);
        else if (p[i] >= 32 && p[i] < 127)
            str_add(s, "%c", p[i]);
        else
            str_add(s, digit ? "\\%03o" : "\\%o", p[i]);
    }
}

static void add_pointer(struct str *s, uint64_t v)
{
    if (v)
        str_add(s, "0x%" PRIx64, v);
    else
        str_adds(s, "NULL");
}

static void add_bytes(struct str *s, uint64_t addr, uint64_t len)
{
    unsigned char buf[TEXT_MAX];
    size_t shown = linux_self()->proc->opt.strace_bytes, cap = !shown ? TEXT_SHOWN : shown < sizeof buf ? shown : sizeof buf;
    size_t n = len < cap ? (size_t)len : cap;
    if (!addr || !linux_copy_in(buf, addr, n)) {
        add_pointer(s, addr);
        return;
    }
    str_adds(s, "\"");
    add_escaped(s, buf, n);
    str_adds(s, n < len ? "\"..." : "\"");
}

static void add_string(struct str *s, uint64_t addr)
{
    char buf[1024];
    int64_t n = addr ? linux_copy_str(buf, addr, sizeof buf) : -EFAULT;
    if (n == -EFAULT) {
        add_pointer(s, addr);
        return;
    }
    str_adds(s, "\"");
    add_escaped(s, (unsigned char *)buf, n < 0 ? sizeof buf : (size_t)n);
    str_adds(s, n < 0 ? "\"..." : "\"");
}

/* -- structs ----------------------------------------------------------------------------------------------- */

static void add_sigset(struct str *s, uint64_t set)
{
    bool most = __builtin_popcountll(set) > 32;
    const char *sep = "";
    str_adds(s, most ? "~[" : "[");
    for (uint64_t rest = most ? ~set : set; rest; rest &= rest - 1) {
        str_adds(s, sep);
        add_signal(s, (uint64_t)__builtin_ctzll(rest) + 1);
        sep = " ";
    }
    str_adds(s, "]");
}

static void add_sockaddr(struct str *s, uint64_t addr, uint64_t len)
{
    struct sockaddr_storage ss = {0};
    char text[INET6_ADDRSTRLEN];
    if (len > sizeof ss)
        len = sizeof ss;
    if (!addr || len < sizeof(sa_family_t) || !linux_copy_in(&ss, addr, len)) {
        add_pointer(s, addr);
        return;
    }
    const struct sockaddr_in *in = (const void *)&ss;
    const struct sockaddr_in6 *in6 = (const void *)&ss;
    const struct sockaddr_un *un = (const void *)&ss;
    str_adds(s, "{sa_family=");
    add_enum(s, SYS_VOCAB_af, ss.ss_family);
    if (ss.ss_family == AF_UNIX && len > sizeof(sa_family_t)) {
        str_adds(s, un->sun_path[0] ? ", sun_path=\"" : ", sun_path=@\"");
        size_t n = (size_t)len - sizeof(sa_family_t);
        add_escaped(s, (const unsigned char *)un->sun_path + !un->sun_path[0], un->sun_path[0] ? strnlen(un->sun_path, n) : n - 1);
        str_adds(s, "\"");
    } else if (ss.ss_family == AF_INET) {
        str_add(s, ", sin_port=htons(%u), sin_addr=%s", ntohs(in->sin_port), inet_ntop(AF_INET, &in->sin_addr, text, sizeof text));
    } else if (ss.ss_family == AF_INET6) {
        str_add(s, ", sin6_port=htons(%u), sin6_addr=%s", ntohs(in6->sin6_port), inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text));
    }
    str_adds(s, "}");
}

/* Status of wait4(2), as its macros take it apart. */
static void add_wait_status(struct str *s, int status)
{
    if (WIFEXITED(status)) {
        str_add(s, "[{WIFEXITED(s) && WEXITSTATUS(s) == %d}]", WEXITSTATUS(status));
    } else if (WIFCONTINUED(status)) {
        str_adds(s, "[{WIFCONTINUED(s)}]");
    } else {
        bool stopped = WIFSTOPPED(status);
        str_adds(s, stopped ? "[{WIFSTOPPED(s) && WSTOPSIG(s) == " : "[{WIFSIGNALED(s) && WTERMSIG(s) == ");
        add_signal(s, (uint64_t)(stopped ? WSTOPSIG(status) : WTERMSIG(status)));
        str_adds(s, !stopped && WCOREDUMP(status) ? " && WCOREDUMP(s)}]" : "}]");
    }
}

static void add_siginfo(struct str *s, const siginfo_t *info)
{
    static const struct {
        int sig;
        unsigned vocab;
    } own[] = {{SIGCHLD, SYS_VOCAB_si_chld}, {SIGSEGV, SYS_VOCAB_si_segv}, {SIGBUS, SYS_VOCAB_si_bus}, {SIGILL, SYS_VOCAB_si_ill}, {SIGTRAP, SYS_VOCAB_si_trap}};
    unsigned vocab = SYS_VOCAB_si_any;
    bool fault = false;
    for (unsigned i = 0; i < ARRAY_LEN(own); i++)
        if (own[i].sig == info->si_signo && info->si_code > 0 && info->si_code != SI_KERNEL) {
            vocab = own[i].vocab;
            fault = info->si_signo != SIGCHLD;
        }
    str_adds(s, "{si_signo=");
    add_signal(s, (uint64_t)info->si_signo);
    str_adds(s, ", si_code=");
    add_enum(s, vocab, (uint64_t)info->si_code);
    if (fault)
        str_add(s, ", si_addr=0x%" PRIx64, (uint64_t)(uintptr_t)info->si_addr);
    else if (info->si_code == SI_TIMER)
        str_add(s, ", si_timerid=%#x, si_overrun=%d", (unsigned)info->si_timerid, info->si_overrun);
    else if (info->si_code != SI_KERNEL)
        str_add(s, ", si_pid=%d, si_uid=%u", (int)info->si_pid, info->si_uid);
    if (vocab == SYS_VOCAB_si_chld) {
        str_adds(s, ", si_status=");
        if (info->si_code == CLD_EXITED)
            str_add(s, "%d", info->si_status);
        else
            add_signal(s, (uint64_t)info->si_status);
        str_add(s, ", si_utime=%ld, si_stime=%ld", (long)info->si_utime, (long)info->si_stime);
    }
    str_adds(s, "}");
}

static void add_file_mode(struct str *s, uint32_t mode)
{
    add_enum(s, SYS_VOCAB_modes, mode & S_IFMT);
    str_add(s, "|0%o", mode & 07777);
}

static void add_epoll_event(struct str *s, uint64_t addr)
{
    const struct linux_process *p = linux_self()->proc;
    unsigned char raw[16] = {0};
    uint32_t events;
    uint64_t data;
    unsigned at = p->abi->generic_table ? 8 : 4;
    if (!linux_copy_in(raw, addr, at + sizeof data)) {
        add_pointer(s, addr);
        return;
    }
    memcpy(&events, raw, sizeof events);
    memcpy(&data, raw + at, sizeof data);
    str_adds(s, "{events=");
    add_flags(s, SYS_VOCAB_epoll_events, events);
    str_add(s, ", data={u32=%u, u64=%" PRIu64 "}}", (uint32_t)data, data);
}

/* Structs too large for add_struct's numbers; false if there is no printer, or nothing to read. */
static bool add_large_struct(struct str *s, unsigned type, uint64_t addr)
{
    const struct linux_abi *abi = linux_self()->proc->abi;
    union {
        unsigned char raw[512];
        uint64_t u64[64];
        struct utsname uts;
        struct sysinfo info;
        struct statfs fs;
        struct rusage usage;
        struct statx statx;
        siginfo_t sig;
        struct msghdr msg;
    } u;
    uint32_t mode;
    uint64_t size;
    if (type == SYS_TYPE_epoll_event) {
        add_epoll_event(s, addr);
        return true;
    }
    if (sys_type_bytes(type) > sizeof u || !linux_copy_in(&u, addr, sys_type_bytes(type)))
        return false;
    switch (type) {
    case SYS_TYPE_stat:
        memcpy(&mode, u.raw + abi->stat_mode_at, sizeof mode);
        memcpy(&size, u.raw + abi->stat_size_at, sizeof size);
        str_adds(s, "{st_mode=");
        add_file_mode(s, mode);
        str_add(s, ", st_size=%" PRIu64 ", ...}", size);
        return true;
    case SYS_TYPE_statx:
        str_adds(s, "{stx_mask=");
        add_flags(s, SYS_VOCAB_statx, u.statx.stx_mask);
        str_add(s, ", stx_attributes=0x%" PRIx64 ", stx_mode=", (uint64_t)u.statx.stx_attributes);
        add_file_mode(s, u.statx.stx_mode);
        str_add(s, ", stx_size=%" PRIu64 ", ...}", (uint64_t)u.statx.stx_size);
        return true;
    case SYS_TYPE_statfs:
        str_add(s, "{f_type=0x%lx, f_bsize=%ld, f_blocks=%lu, f_bfree=%lu, f_bavail=%lu, f_files=%lu, f_ffree=%lu, f_namelen=%ld, f_frsize=%ld, f_flags=0x%lx}",
                (unsigned long)u.fs.f_type, (long)u.fs.f_bsize, (unsigned long)u.fs.f_blocks, (unsigned long)u.fs.f_bfree, (unsigned long)u.fs.f_bavail,
                (unsigned long)u.fs.f_files, (unsigned long)u.fs.f_ffree, (long)u.fs.f_namelen, (long)u.fs.f_frsize, (unsigned long)u.fs.f_flags);
        return true;
    case SYS_TYPE_utsname:
        str_add(s, "{sysname=\"%.64s\", nodename=\"%.64s\", release=\"%.64s\", version=\"%.64s\", machine=\"%.64s\", ...}", u.uts.sysname, u.uts.nodename,
                u.uts.release, u.uts.version, u.uts.machine);
        return true;
    case SYS_TYPE_sysinfo:
        str_add(s, "{uptime=%ld, loads=[%lu, %lu, %lu], totalram=%lu, freeram=%lu, sharedram=%lu, bufferram=%lu, totalswap=%lu, freeswap=%lu, procs=%u, mem_unit=%u}",
                u.info.uptime, u.info.loads[0], u.info.loads[1], u.info.loads[2], u.info.totalram, u.info.freeram, u.info.sharedram, u.info.bufferram,
                u.info.totalswap, u.info.freeswap, u.info.procs, u.info.mem_unit);
        return true;
    case SYS_TYPE_rusage:
        str_add(s, "{ru_utime={tv_sec=%ld, tv_usec=%ld}, ru_stime={tv_sec=%ld, tv_usec=%ld}, ...}", (long)u.usage.ru_utime.tv_sec,
                (long)u.usage.ru_utime.tv_usec, (long)u.usage.ru_stime.tv_sec, (long)u.usage.ru_stime.tv_usec);
        return true;
    case SYS_TYPE_siginfo:
        add_siginfo(s, &u.sig);
        return true;
    case SYS_TYPE_mq_attr:
        str_add(s, "{mq_flags=0x%" PRIx64 ", mq_maxmsg=%" PRIu64 ", mq_msgsize=%" PRIu64 ", mq_curmsgs=%" PRIu64 "}", u.u64[0], u.u64[1], u.u64[2], u.u64[3]);
        return true;
    default:
        return false;
    }
}

static void add_limit(struct str *s, const char *name, uint64_t v)
{
    if (v == UINT64_MAX)
        str_add(s, "%sRLIM64_INFINITY", name);
    else
        str_add(s, "%s%" PRIu64, name, v);
}

/* One struct of `type` at addr.  Types without a printer, and memory that cannot be read, show as the address. */
static void add_struct(struct str *s, unsigned type, uint64_t addr)
{
    uint64_t v[4] = {0};
    unsigned bytes = sys_type_bytes(type);
    size_t n = bytes < sizeof v ? bytes : sizeof v;
    if (!addr || type == SYS_TYPE_any || !linux_copy_in(v, addr, n)) {
        add_pointer(s, addr);
        return;
    }
    switch (type) {
    case SYS_TYPE_i32:
        str_add(s, "[%d]", (int32_t)v[0]);
        break;
    case SYS_TYPE_u32:
        str_add(s, "[%u]", (uint32_t)v[0]);
        break;
    case SYS_TYPE_u64:
        str_add(s, "[%" PRIu64 "]", v[0]);
        break;
    case SYS_TYPE_timespec:
        str_add(s, "{tv_sec=%" PRId64 ", tv_nsec=%" PRId64 "}", (int64_t)v[0], (int64_t)v[1]);
        break;
    case SYS_TYPE_timeval:
        str_add(s, "{tv_sec=%" PRId64 ", tv_usec=%" PRId64 "}", (int64_t)v[0], (int64_t)v[1]);
        break;
    case SYS_TYPE_itimerval:
    case SYS_TYPE_itimerspec:
        str_add(s, "{it_interval={%" PRId64 ", %" PRId64 "}, it_value={%" PRId64 ", %" PRId64 "}}", (int64_t)v[0], (int64_t)v[1], (int64_t)v[2],
                (int64_t)v[3]);
        break;
    case SYS_TYPE_sigset:
        add_sigset(s, v[0]);
        break;
    case SYS_TYPE_sigaction:
        str_adds(s, "{sa_handler=");
        str_add(s, v[0] == 0 ? "SIG_DFL" : v[0] == 1 ? "SIG_IGN" : "0x%" PRIx64, v[0]);
        str_adds(s, ", sa_mask=");
        add_sigset(s, v[2]);
        str_adds(s, ", sa_flags=");
        add_flags(s, SYS_VOCAB_sa, v[1]);
        str_adds(s, "}");
        break;
    case SYS_TYPE_rlimit:
        add_limit(s, "{rlim_cur=", v[0]);
        add_limit(s, ", rlim_max=", v[1]);
        str_adds(s, "}");
        break;
    case SYS_TYPE_pollfd:
        str_add(s, "{fd=%d, events=", (int32_t)v[0]);
        add_flags(s, SYS_VOCAB_poll_events, v[0] >> 32 & 0xffff);
        if (v[0] >> 48) {
            str_adds(s, ", revents=");
            add_flags(s, SYS_VOCAB_poll_events, v[0] >> 48);
        }
        str_adds(s, "}");
        break;
    case SYS_TYPE_stack:
        str_add(s, "{ss_sp=0x%" PRIx64 ", ss_flags=%u, ss_size=%" PRIu64 "}", v[0], (uint32_t)v[1], v[2]);
        break;
    default:
        if (!add_large_struct(s, type, addr))
            add_pointer(s, addr);
        break;
    }
}

/* The descriptors of a select set below n. */
static void add_fdset(struct str *s, uint64_t addr, uint64_t n)
{
    unsigned char bits[128];
    const char *sep = "";
    size_t bytes = n < 8 * sizeof bits ? ((size_t)n + 7) / 8 : sizeof bits;
    if (!addr || !linux_copy_in(bits, addr, bytes)) {
        add_pointer(s, addr);
        return;
    }
    str_adds(s, "[");
    for (unsigned fd = 0; fd < 8 * bytes && fd < n; fd++)
        if (bits[fd / 8] >> fd % 8 & 1) {
            str_add(s, "%s%u", sep, fd);
            sep = " ";
        }
    str_adds(s, "]");
}

static void add_array(struct str *s, unsigned type, uint64_t addr, uint64_t count)
{
    if (!addr || type == SYS_TYPE_any) {
        add_pointer(s, addr);
        return;
    }
    str_adds(s, "[");
    for (uint64_t i = 0; i < count && i < LIST_MAX; i++) {
        int32_t number;
        str_adds(s, i ? ", " : "");
        if ((type == SYS_TYPE_i32 || type == SYS_TYPE_u32) && linux_copy_in(&number, addr + 4 * i, sizeof number))
            str_add(s, "%d", number);
        else
            add_struct(s, type, addr + i * sys_type_bytes(type));
    }
    str_adds(s, count > LIST_MAX ? ", ...]" : "]");
}

static void add_argv(struct str *s, uint64_t addr)
{
    uint64_t at;
    str_adds(s, "[");
    for (unsigned i = 0; linux_copy_in(&at, addr + 8 * i, sizeof at) && at; i++) {
        str_adds(s, i ? ", " : "");
        if (i == 4 * LIST_MAX) {
            str_adds(s, "...");
            break;
        }
        add_string(s, at);
    }
    str_adds(s, "]");
}

/* `left` bounds the bytes shown over all parts (the result of a read). */
static void add_iov(struct str *s, uint64_t addr, uint64_t count, uint64_t left)
{
    struct iovec v;
    str_adds(s, "[");
    for (uint64_t i = 0; i < count && i < LIST_MAX && linux_copy_in(&v, addr + i * sizeof v, sizeof v); i++) {
        uint64_t n = v.iov_len < left ? v.iov_len : left;
        left -= n;
        str_adds(s, i ? ", {iov_base=" : "{iov_base=");
        add_bytes(s, (uint64_t)(uintptr_t)v.iov_base, n);
        str_add(s, ", iov_len=%zu}", v.iov_len);
    }
    str_adds(s, "]");
}

static void add_message(struct str *s, uint64_t addr, int64_t ret)
{
    struct msghdr m;
    if (!addr || !linux_copy_in(&m, addr, sizeof m)) {
        add_pointer(s, addr);
        return;
    }
    str_adds(s, "{msg_name=");
    add_sockaddr(s, (uint64_t)(uintptr_t)m.msg_name, m.msg_namelen);
    str_add(s, ", msg_namelen=%u, msg_iov=", m.msg_namelen);
    add_iov(s, (uint64_t)(uintptr_t)m.msg_iov, m.msg_iovlen, ret > 0 ? (uint64_t)ret : UINT64_MAX);
    str_add(s, ", msg_iovlen=%zu, msg_controllen=%zu, msg_flags=", m.msg_iovlen, m.msg_controllen);
    add_flags(s, SYS_VOCAB_msg, (uint32_t)m.msg_flags);
    str_adds(s, "}");
}

/* Nothing is written where no child was reported. */
static void add_status_at(struct str *s, uint64_t addr, int64_t ret)
{
    int status;
    if (ret > 0 && addr && linux_copy_in(&status, addr, sizeof status))
        add_wait_status(s, status);
    else
        add_pointer(s, addr);
}

/* -- arguments --------------------------------------------------------------------------------------------- */

static bool is_written(const struct sys_arg *arg)
{
    return arg->kind == SYS_A_OUT || arg->kind == SYS_A_INOUT || arg->kind == SYS_A_OUTV || arg->kind == SYS_A_INOUTV ||
           arg->kind == SYS_A_OUTBUF || arg->kind == SYS_A_OUTIOV;
}

static uint64_t count_of(const struct sys_arg *arg, const uint64_t a[6])
{
    return arg->count & SYS_COUNT_CONST ? arg->count & ~SYS_COUNT_CONST : a[arg->count];
}

/* Is what the call writes there? ret is its result, or 0 before it. */
static bool skip_output(const struct sys_arg *arg, int64_t ret)
{
    return is_written(arg) && arg->kind != SYS_A_INOUT && arg->kind != SYS_A_INOUTV && ret < 0;
}

static void add_value(struct str *s, const struct sys_arg *arg, const uint64_t a[6], uint64_t v, int64_t ret)
{
    switch (arg->kind) {
    case SYS_A_INT:
    case SYS_A_PID:
    case SYS_A_FD:
        str_add(s, "%d", (int32_t)v);
        break;
    case SYS_A_UID:
        str_add(s, (int32_t)v == -1 ? "-1" : "%u", (uint32_t)v);
        break;
    case SYS_A_UINT:
        str_add(s, "%u", (uint32_t)v);
        break;
    case SYS_A_OFF:
        str_add(s, "%" PRId64, (int64_t)v);
        break;
    case SYS_A_SIZE:
        str_add(s, "%" PRIu64, v);
        break;
    case SYS_A_MODE:
        str_add(s, "0%o", (uint32_t)v);
        break;
    case SYS_A_SIG:
        add_signal(s, v);
        break;
    case SYS_A_DIRFD:
        str_add(s, (int32_t)v == AT_FDCWD ? "AT_FDCWD" : "%d", (int32_t)v);
        break;
    case SYS_A_ENUM:
        add_enum(s, arg->type, v);
        break;
    case SYS_A_FLAGS:
        add_flags(s, arg->type, (uint32_t)v);
        break;
    case SYS_A_IN:
    case SYS_A_OUT:
    case SYS_A_INOUT:
        if (arg->type == SYS_TYPE_argv)
            add_argv(s, v);
        else if (arg->type == SYS_TYPE_sockaddr)
            add_sockaddr(s, v, 128);
        else if (arg->type == SYS_TYPE_msghdr)
            add_message(s, v, ret);
        else if (arg->type == SYS_TYPE_fdset)
            add_fdset(s, v, a[0]);
        else if (arg->type == SYS_TYPE_epoll_event && arg->kind == SYS_A_OUT)
            add_array(s, arg->type, v, (uint64_t)ret);
        else if (arg->type == SYS_TYPE_wstatus)
            add_status_at(s, v, ret);
        else
            add_struct(s, arg->type, v);
        break;
    case SYS_A_INV:
    case SYS_A_OUTV:
    case SYS_A_INOUTV:
        add_array(s, arg->type, v, count_of(arg, a));
        break;
    case SYS_A_INBUF:
        add_bytes(s, v, a[arg->count]);
        break;
    case SYS_A_OUTBUF:
        add_bytes(s, v, (uint64_t)ret < a[arg->count] ? (uint64_t)ret : a[arg->count]);
        break;
    case SYS_A_INIOV:
        add_iov(s, v, a[arg->count], UINT64_MAX);
        break;
    case SYS_A_OUTIOV:
        add_iov(s, v, a[arg->count], (uint64_t)ret);
        break;
    case SYS_A_STR:
    case SYS_A_PATH:
    case SYS_A_LPATH:
    case SYS_A_NPATH:
    case SYS_A_FPATH:
        add_string(s, v);
        break;
    default:
        add_pointer(s, v);
        break;
    }
}

static void add_arg(struct str *s, const struct sys_row *row, unsigned i, const uint64_t a[6], int64_t ret)
{
    const struct sys_arg *arg = &row->arg[i + 1];
    str_adds(s, i ? ", " : "");
    if (skip_output(arg, ret))
        add_pointer(s, a[i]);
    else if (arg->kind == SYS_A_INBUF && i && (strcmp(row->name, "connect") == 0 || strcmp(row->name, "bind") == 0))
        add_sockaddr(s, a[i], a[arg->count]);
    else
        add_value(s, arg, a, a[i], ret);
}

/* Arguments that are never looked at are not printed: the mode of an openat without O_CREAT. */
static unsigned arg_count(const struct sys_row *row, const uint64_t a[6])
{
    unsigned n = 0;
    while (n < 6 && row->arg[n + 1].kind != SYS_A_NONE)
        n++;
    for (unsigned i = 0; i + 1 < n; i++)
        if (row->arg[i + 1].kind == SYS_A_FLAGS && row->arg[i + 1].type == SYS_VOCAB_open && row->arg[n].kind == SYS_A_MODE &&
            !(a[i] & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))))
            n--;
    return n;
}

/* -- lines ------------------------------------------------------------------------------------------------- */

static void add_error(struct str *s, int64_t ret)
{
    switch (-ret) {
    case LINUX_ERESTARTSYS:
        str_adds(s, "? ERESTARTSYS (To be restarted if SA_RESTART is set)");
        break;
    case LINUX_ERESTARTNOHAND:
        str_adds(s, "? ERESTARTNOHAND (To be restarted if no handler)");
        break;
    case LINUX_ERESTART_RESTARTBLOCK:
        str_adds(s, "? ERESTART_RESTARTBLOCK (Interrupted by signal)");
        break;
    default: {
        const char *name = strerrorname_np((int)-ret);
        if (name)
            str_add(s, "-1 %s (%s)", name, strerrordesc_np((int)-ret));
        else
            str_add(s, "-1 (errno %d)", (int)-ret);
        break;
    }
    }
}

static void write_line(const struct linux_process *p, struct str *s)
{
    str_adds(s, "\n");
    if (!s->failed)
        linux_host_syscall(SYS_write, (uint64_t)p->opt.strace_fd, (uint64_t)(uintptr_t)s->p, s->len, 0, 0, 0);
    str_free(s);
}

/* Is the call in --strace-set? */
static bool is_shown(const struct linux_process *p, const struct sys_row *row)
{
    const char *at = p->opt.strace_set;
    if (!at)
        return true;
    bool others = *at == '!';
    for (at += others; row && *at; at += strspn(at, ",")) {
        size_t n = strcspn(at, ",");
        if (strlen(row->name) == n && !memcmp(row->name, at, n))
            return !others;
        at += n;
    }
    return others;
}

static uint64_t now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

void sys_strace_signal(struct linux_thread *t, const siginfo_t *info)
{
    struct str s = STR_INIT;
    str_add(&s, "%d --- ", (int)t->tid);
    add_signal(&s, (uint64_t)info->si_signo);
    str_adds(&s, " ");
    add_siginfo(&s, info);
    str_adds(&s, " ---");
    write_line(t->proc, &s);
}

void sys_strace_end(const struct linux_process *p, int code, int sig)
{
    struct str s = STR_INIT;
    str_add(&s, "%d +++ ", (int)linux_host_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0));
    if (sig) {
        str_adds(&s, "killed by ");
        add_signal(&s, (uint64_t)sig);
    } else {
        str_add(&s, "exited with %d", code & 0xff);
    }
    str_adds(&s, " +++");
    write_line(p, &s);
}

void sys_strace_enter(struct linux_thread *t, const struct sys_row *row, uint64_t nr, const uint64_t a[6], struct sys_strace *st)
{
    *st = (struct sys_strace){.line = STR_INIT, .next = 0, .tid = t->tid, .hidden = !is_shown(t->proc, row)};
    if (st->hidden)
        return;
    if (t->proc->opt.strace_times)
        st->start_us = now_us();
    str_add(&st->line, "%d ", (int)t->tid);
    if (!row) {
        str_add(&st->line, "syscall_%" PRIu64 "(0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64, nr, a[0], a[1],
                a[2], a[3], a[4], a[5]);
        return;
    }
    str_add(&st->line, "%s(", row->name);
    unsigned n = arg_count(row, a);
    for (; st->next < n && !is_written(&row->arg[st->next + 1]); st->next++)
        add_arg(&st->line, row, st->next, a, 0);
    if (row->flags & SYS_NORET) {
        str_adds(&st->line, ") = ?");
        write_line(t->proc, &st->line);
    }
}

void sys_strace_leave(struct linux_thread *t, const struct sys_row *row, const uint64_t a[6], int64_t ret, struct sys_strace *st)
{
    struct str *s = &st->line;
    if (st->hidden || (row && row->flags & SYS_NORET)) /* the line of a call that does not return is written */
        return;
    if (st->tid != t->tid) { /* a child returns from fork: the line is its parent's */
        str_free(s);
        return;
    }
    for (unsigned n = row ? arg_count(row, a) : 0; st->next < n; st->next++)
        add_arg(s, row, st->next, a, ret);
    str_adds(s, ") = ");
    if (ret == LINUX_SIGRETURN_DONE)
        str_adds(s, "?");
    else if (ret < 0 && ret > -4096)
        add_error(s, ret);
    else if (!row)
        str_add(s, "%" PRId64, ret);
    else if (row->arg[0].kind == SYS_A_PTR || row->arg[0].kind == SYS_A_HEX)
        str_add(s, "0x%" PRIx64, (uint64_t)ret);
    else
        str_add(s, "%" PRId64, ret);
    if (st->start_us) {
        uint64_t us = now_us() - st->start_us;
        str_add(s, " <%" PRIu64 ".%06" PRIu64 ">", us / 1000000, us % 1000000);
    }
    write_line(t->proc, s);
}

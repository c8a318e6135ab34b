/*
 * --strace: one line for each system call, decoded by the signature in sys.def.
 *
 *     1234 openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3
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
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX 64 /* bytes of a buffer or string that are shown */
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
    size_t n = len < sizeof buf ? (size_t)len : sizeof buf;
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
        add_pointer(s, addr);
        break;
    }
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

void sys_strace_enter(struct linux_thread *t, const struct sys_row *row, uint64_t nr, const uint64_t a[6], struct sys_strace *st)
{
    *st = (struct sys_strace){.line = STR_INIT, .next = 0};
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
    write_line(t->proc, s);
}

/*
 * --strace: the structs and arrays that rows of sysfields.def cannot describe, because their parts depend on each other, on the
 * instruction set, or on the result of the call.  Each prints what it finds at an address and says whether it could.
 */
#include "linux/strace.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <inttypes.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

#define LIST_MAX 32

/* -- strings and sets -------------------------------------------------------------------------------------- */

bool strace_type_argv(struct strace_view *x, uint64_t addr, uint64_t len)
{
    uint64_t at;
    (void)len;
    if (!linux_copy_in(&at, addr, sizeof at))
        return false;
    str_adds(x->s, "[");
    for (unsigned i = 0; linux_copy_in(&at, addr + 8 * i, sizeof at) && at; i++) {
        str_adds(x->s, i ? ", " : "");
        if (i == LIST_MAX) {
            str_adds(x->s, "...");
            break;
        }
        strace_add_string(x->s, at);
    }
    str_adds(x->s, "]");
    return true;
}

bool strace_type_envp(struct strace_view *x, uint64_t addr, uint64_t len)
{
    uint64_t at;
    unsigned n = 0;
    (void)len;
    while (linux_copy_in(&at, addr + 8 * (uint64_t)n, sizeof at) && at)
        n++;
    str_add(x->s, "0x%" PRIx64 " /* %u vars */", addr, n);
    return true;
}

bool strace_type_text(struct strace_view *x, uint64_t addr, uint64_t len)
{
    char buf[64];
    size_t n = len < sizeof buf ? (size_t)len : sizeof buf;
    while (n && !linux_copy_in(buf, addr, n))
        n /= 2;
    if (!n)
        return false;
    strace_add_text(x->s, buf, strnlen(buf, n));
    return true;
}

bool strace_type_random(struct strace_view *x, uint64_t addr, uint64_t len)
{
    unsigned char buf[512];
    size_t shown = linux_self()->proc->opt.strace.bytes, n = len < sizeof buf ? (size_t)len : sizeof buf;
    shown = shown ? shown : 32;
    n = n < shown ? n : shown;
    if (!linux_copy_in(buf, addr, n))
        return false;
    str_adds(x->s, "\"");
    for (size_t i = 0; i < n; i++)
        str_add(x->s, "\\x%02x", buf[i]);
    str_adds(x->s, n < len ? "\"..." : "\"");
    return true;
}

bool strace_type_sigset(struct strace_view *x, uint64_t addr, uint64_t len)
{
    uint64_t set;
    (void)len;
    if (!linux_copy_in(&set, addr, sizeof set))
        return false;
    strace_add_sigset(x->s, set);
    return true;
}

/* Names without SIG; a set of more than half of them by what it lacks. */
void strace_add_sigset(struct str *s, uint64_t set)
{
    bool most = __builtin_popcountll(set) > 32;
    const char *sep = "";
    str_adds(s, most ? "~[" : "[");
    for (uint64_t rest = most ? ~set : set; rest; rest &= rest - 1) {
        struct str name = STR_INIT;
        strace_add_signal(&name, (uint64_t)__builtin_ctzll(rest) + 1);
        str_add(s, "%s%s", sep, str_get(&name) + (strncmp(str_get(&name), "SIG", 3) == 0 ? 3 : 0));
        str_free(&name);
        sep = " ";
    }
    str_adds(s, "]");
}

/* The members of a bit set at addr. */
static bool add_bits(struct strace_view *x, uint64_t addr, uint64_t nbits)
{
    unsigned char bits[128];
    const char *sep = "";
    uint64_t bytes = (nbits + 7) / 8;
    if (bytes > sizeof bits)
        bytes = sizeof bits;
    if (!linux_copy_in(bits, addr, bytes))
        return false;
    str_adds(x->s, "[");
    for (unsigned i = 0; i < 8 * bytes && i < nbits; i++)
        if (bits[i / 8] >> i % 8 & 1) {
            str_add(x->s, "%s%u", sep, i);
            sep = " ";
        }
    str_adds(x->s, "]");
    return true;
}

bool strace_type_fdset(struct strace_view *x, uint64_t addr, uint64_t len)
{
    (void)len;
    return add_bits(x, addr, (int32_t)x->v[0] > 0 ? (uint64_t)(int32_t)x->v[0] : 0);
}

bool strace_type_cpuset(struct strace_view *x, uint64_t addr, uint64_t len)
{
    return add_bits(x, addr, len < 128 ? 8 * len : 1024);
}

/* -- files ------------------------------------------------------------------------------------------------- */

bool strace_type_stat(struct strace_view *x, uint64_t addr, uint64_t len)
{
    const struct linux_abi *abi = linux_self()->proc->abi;
    unsigned char raw[256];
    uint32_t mode;
    uint64_t size, rdev;
    (void)len;
    if (abi->stat_bytes > sizeof raw || !linux_copy_in(raw, addr, abi->stat_bytes))
        return false;
    memcpy(&mode, raw + abi->stat_mode_at, sizeof mode);
    memcpy(&size, raw + abi->stat_size_at, sizeof size);
    memcpy(&rdev, raw + abi->stat_rdev_at, sizeof rdev);
    str_adds(x->s, "{st_mode=");
    strace_add_mode(x->s, mode);
    if (S_ISCHR(mode) || S_ISBLK(mode))
        str_add(x->s, ", st_rdev=makedev(%#x, %#x), ...}", major(rdev), minor(rdev));
    else
        str_add(x->s, ", st_size=%" PRIu64 ", ...}", size);
    return true;
}

bool strace_type_dirents(struct strace_view *x, uint64_t addr, uint64_t len)
{
    unsigned n = 0;
    uint16_t step;
    for (uint64_t at = 0; at + 19 <= len && x->ret > 0 && linux_copy_in(&step, addr + at + 16, sizeof step) && step; at += step)
        n++;
    str_add(x->s, "0x%" PRIx64 " /* %u entries */", addr, n);
    return true;
}

bool strace_type_epoll_event(struct strace_view *x, uint64_t addr, uint64_t len)
{
    unsigned char raw[16] = {0};
    uint32_t events;
    uint64_t data;
    unsigned at = linux_self()->proc->abi->generic_table ? 8 : 4;
    (void)len;
    if (!linux_copy_in(raw, addr, at + sizeof data))
        return false;
    memcpy(&events, raw, sizeof events);
    memcpy(&data, raw + at, sizeof data);
    str_adds(x->s, "{events=");
    strace_add_flags(x->s, SYS_VOCAB_epoll_events, events);
    str_add(x->s, ", data={u32=%u, u64=%" PRIu64 "}}", (uint32_t)data, data);
    return true;
}

/* -- processes and signals --------------------------------------------------------------------------------- */

/* Three sets of 32 bits, and from version 2 on the higher halves behind them. */
bool strace_type_capdata(struct strace_view *x, uint64_t addr, uint64_t len)
{
    static const char *const names[] = {"{effective=", ", permitted=", ", inheritable="};
    uint32_t version, data[6] = {0};
    (void)len;
    if (!linux_copy_in(&version, x->v[0], sizeof version))
        return false;
    if (!linux_copy_in(data, addr, strace_name(SYS_VOCAB_cap_version, version) && version != 0x19980330 ? sizeof data : sizeof data / 2))
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        uint64_t set = data[i] | (uint64_t)data[i + 3] << 32;
        const char *bar = "";
        str_adds(x->s, names[i]);
        for (uint64_t rest = set; rest; rest &= rest - 1) {
            str_add(x->s, "%s1<<", bar);
            strace_add_enum(x->s, SYS_VOCAB_cap, (uint64_t)__builtin_ctzll(rest));
            bar = "|";
        }
        str_adds(x->s, set ? "" : "0");
    }
    str_adds(x->s, "}");
    return true;
}

/* As the macros of wait(2) take it apart; nothing is written where no child was reported. */
bool strace_type_wstatus(struct strace_view *x, uint64_t addr, uint64_t len)
{
    int status;
    struct str *s = x->s;
    (void)len;
    if (x->ret <= 0 || !linux_copy_in(&status, addr, sizeof status))
        return false;
    if (WIFEXITED(status)) {
        str_add(s, "[{WIFEXITED(s) && WEXITSTATUS(s) == %d}]", WEXITSTATUS(status));
    } else if (WIFCONTINUED(status)) {
        str_adds(s, "[{WIFCONTINUED(s)}]");
    } else {
        bool stopped = WIFSTOPPED(status);
        str_adds(s, stopped ? "[{WIFSTOPPED(s) && WSTOPSIG(s) == " : "[{WIFSIGNALED(s) && WTERMSIG(s) == ");
        strace_add_signal(s, (uint64_t)(stopped ? WSTOPSIG(status) : WTERMSIG(status)));
        str_adds(s, !stopped && WCOREDUMP(status) ? " && WCOREDUMP(s)}]" : "}]");
    }
    return true;
}

/* The members of the union that the code says are there. */
static void add_origin(struct str *s, const siginfo_t *info, const struct sys_choice *own)
{
    if (own && info->si_signo == SIGSYS) {
        str_adds(s, ", si_call_addr=");
        strace_add_pointer(s, (uint64_t)(uintptr_t)info->si_call_addr);
        str_add(s, ", si_syscall=%#x, si_arch=%#x", (unsigned)info->si_syscall, info->si_arch);
    } else if (own && info->si_signo == SIGIO) {
        str_add(s, ", si_band=%ld", info->si_band);
    } else if (own && info->si_signo != SIGCHLD) {
        str_adds(s, ", si_addr=");
        strace_add_pointer(s, (uint64_t)(uintptr_t)info->si_addr);
    } else if (info->si_code == SI_TIMER) {
        str_add(s, ", si_timerid=%#x, si_overrun=%d", (unsigned)info->si_timerid, info->si_overrun);
    } else if (info->si_code != SI_KERNEL) {
        str_add(s, ", si_pid=%d, si_uid=%u", (int)info->si_pid, info->si_uid);
    }
    if (own && info->si_signo == SIGCHLD) {
        str_adds(s, ", si_status=");
        if (info->si_code == CLD_EXITED)
            str_add(s, "%d", info->si_status);
        else
            strace_add_signal(s, (uint64_t)info->si_status);
        str_add(s, ", si_utime=%ld, si_stime=%ld", (long)info->si_utime, (long)info->si_stime);
    } else if (info->si_code == SI_QUEUE || info->si_code == SI_MESGQ || info->si_code == SI_TIMER) {
        str_add(s, ", si_int=%d, si_ptr=", info->si_value.sival_int);
        strace_add_pointer(s, (uint64_t)(uintptr_t)info->si_value.sival_ptr);
    }
}

void strace_add_siginfo(struct str *s, const siginfo_t *info)
{
    const struct sys_choice *own = strace_choice(SYS_SELECT_siginfo, SYS_KEY(info->si_signo, info->si_code));
    str_adds(s, "{si_signo=");
    strace_add_signal(s, (uint64_t)info->si_signo);
    str_adds(s, ", si_code=");
    if (own)
        str_adds(s, own->name);
    else
        strace_add_enum(s, SYS_VOCAB_si_any, (uint32_t)info->si_code);
    if (info->si_signo || info->si_code)
        add_origin(s, info, own);
    str_adds(s, "}");
}

bool strace_type_siginfo(struct strace_view *x, uint64_t addr, uint64_t len)
{
    siginfo_t info;
    (void)len;
    if (!linux_copy_in(&info, addr, sizeof info))
        return false;
    strace_add_siginfo(x->s, &info);
    return true;
}

/* -- sockets ----------------------------------------------------------------------------------------------- */

static void add_unix(struct str *s, const struct sockaddr_un *un, size_t path)
{
    str_adds(s, "{sa_family=AF_UNIX");
    if (path > sizeof un->sun_path)
        path = sizeof un->sun_path;
    if (path && un->sun_path[0]) {
        str_adds(s, ", sun_path=");
        strace_add_text(s, un->sun_path, strnlen(un->sun_path, path));
    } else if (path) {
        str_adds(s, ", sun_path=@");
        strace_add_text(s, un->sun_path + 1, path - 1);
    }
    str_adds(s, "}");
}

bool strace_type_sockaddr(struct strace_view *x, uint64_t addr, uint64_t len)
{
    struct sockaddr_storage ss = {0};
    if (len > sizeof ss)
        len = sizeof ss;
    if (len < sizeof(sa_family_t) || !linux_copy_in(&ss, addr, len))
        return false;
    const struct sys_choice *c = strace_choice(SYS_SELECT_sockaddr, ss.ss_family);
    if (c && len >= 8) { /* what is not there reads as zeros */
        strace_add_fields(x, c->arg[1].type, (const unsigned char *)&ss, addr, sizeof ss);
    } else if (ss.ss_family == AF_UNIX) {
        add_unix(x->s, (const struct sockaddr_un *)(const void *)&ss, (size_t)len - sizeof(sa_family_t));
    } else {
        str_adds(x->s, "{sa_family=");
        strace_add_enum(x->s, SYS_VOCAB_af, ss.ss_family);
        if (len > sizeof(sa_family_t)) {
            str_adds(x->s, ", sa_data=");
            strace_add_text(x->s, (const char *)&ss + sizeof(sa_family_t), (size_t)len - sizeof(sa_family_t));
        }
        str_adds(x->s, "}");
    }
    return true;
}

void strace_add_iov(struct strace_view *x, uint64_t addr, uint64_t count)
{
    struct iovec v;
    if (!addr || (count && !linux_copy_in(&v, addr, sizeof v))) {
        strace_add_pointer(x->s, addr);
        return;
    }
    str_adds(x->s, "[");
    for (uint64_t i = 0; i < count && i < LIST_MAX && linux_copy_in(&v, addr + i * sizeof v, sizeof v); i++) {
        uint64_t n = v.iov_len < x->left ? v.iov_len : x->left;
        x->left -= n;
        str_adds(x->s, i ? ", {iov_base=" : "{iov_base=");
        strace_add_bytes(x->s, (uint64_t)(uintptr_t)v.iov_base, n);
        str_add(x->s, ", iov_len=%zu}", v.iov_len);
    }
    str_adds(x->s, count > LIST_MAX ? ", ...]" : "]");
}

static void add_cmsg(struct strace_view *x, const struct cmsghdr *c, uint64_t addr)
{
    const struct sys_choice *kind = strace_choice(SYS_SELECT_cmsg, SYS_KEY(c->cmsg_level, c->cmsg_type));
    uint64_t bytes = c->cmsg_len - sizeof *c, data = addr + sizeof *c;
    str_add(x->s, "{cmsg_len=%zu, cmsg_level=", c->cmsg_len);
    strace_add_enum(x->s, SYS_VOCAB_sol, (uint32_t)c->cmsg_level);
    str_adds(x->s, ", cmsg_type=");
    if (kind)
        str_adds(x->s, kind->name);
    else
        strace_add_hex(x->s, (uint32_t)c->cmsg_type);
    if (bytes && kind) {
        unsigned type = kind->arg[1].type;
        str_adds(x->s, ", cmsg_data=");
        if (bytes % sys_type_bytes(type) == 0 && sys_type_bytes(type) == 4)
            strace_add_array(x, type, data, bytes / 4);
        else
            strace_add_struct(x, type, data, bytes);
    } else if (bytes) {
        str_adds(x->s, ", cmsg_data=");
        strace_add_bytes(x->s, data, bytes);
    }
    str_adds(x->s, "}");
}

bool strace_type_cmsg(struct strace_view *x, uint64_t addr, uint64_t len)
{
    struct cmsghdr c;
    const char *sep = "";
    if (len < sizeof c || !linux_copy_in(&c, addr, sizeof c))
        return false;
    str_adds(x->s, "[");
    for (uint64_t at = 0, n = 0; at + sizeof c <= len && n < LIST_MAX && linux_copy_in(&c, addr + at, sizeof c); n++) {
        if (c.cmsg_len < sizeof c || c.cmsg_len > len - at)
            break;
        str_adds(x->s, sep);
        add_cmsg(x, &c, addr + at);
        at += (c.cmsg_len + 7) & ~UINT64_C(7);
        sep = ", ";
    }
    str_adds(x->s, "]");
    return true;
}

bool strace_type_msghdr(struct strace_view *x, uint64_t addr, uint64_t len)
{
    struct msghdr m;
    struct str *s = x->s;
    (void)len;
    if (!linux_copy_in(&m, addr, sizeof m))
        return false;
    uint64_t name = (uint64_t)(uintptr_t)m.msg_name, was = x->was && x->after ? x->was[x->index] : m.msg_namelen;
    str_adds(s, "{msg_name=");
    strace_add_struct(x, SYS_TYPE_sockaddr, name, m.msg_namelen);
    if (was != m.msg_namelen)
        str_add(s, ", msg_namelen=%u => %u, msg_iov=", (unsigned)was, m.msg_namelen);
    else
        str_add(s, ", msg_namelen=%u, msg_iov=", m.msg_namelen);
    x->left = x->after && x->ret >= 0 ? (uint64_t)x->ret : UINT64_MAX;
    strace_add_iov(x, (uint64_t)(uintptr_t)m.msg_iov, m.msg_iovlen);
    str_add(s, ", msg_iovlen=%zu", m.msg_iovlen);
    if (m.msg_controllen) {
        str_adds(s, ", msg_control=");
        strace_add_struct(x, SYS_TYPE_cmsg, (uint64_t)(uintptr_t)m.msg_control, m.msg_controllen);
    }
    str_add(s, ", msg_controllen=%zu, msg_flags=", m.msg_controllen);
    strace_add_flags(s, SYS_VOCAB_msg, (uint32_t)m.msg_flags);
    str_adds(s, "}");
    return true;
}

/* The value of setsockopt, len bytes, and of getsockopt, whose length the kernel stored. */
bool strace_type_optval(struct strace_view *x, uint64_t addr, uint64_t len)
{
    const struct sys_choice *c = strace_choice(SYS_SELECT_sockopt, SYS_KEY((uint32_t)x->v[1], x->v[2]));
    uint32_t stored;
    if (len == UINT64_MAX)
        len = linux_copy_in(&stored, x->v[4], sizeof stored) ? stored : 0;
    if (!c && len == sizeof(int)) {
        strace_add_array(x, SYS_TYPE_i32, addr, 1);
        return true;
    }
    if (!c || len < sys_type_bytes(c->arg[1].type)) {
        strace_add_bytes(x->s, addr, len);
        return true;
    }
    if (sys_type_bytes(c->arg[1].type) == 4 || c->arg[1].type == SYS_TYPE_u64)
        strace_add_array(x, c->arg[1].type, addr, 1);
    else
        strace_add_struct(x, c->arg[1].type, addr, len);
    return true;
}

/* -- results of waiting for files -------------------------------------------------------------------------- */

static void add_polled(struct strace_view *x, uint64_t addr, uint64_t count)
{
    const char *sep = "";
    struct pollfd pf;
    str_adds(x->s, "[");
    for (uint64_t i = 0, n = 0; i < count && n < LIST_MAX && linux_copy_in(&pf, addr + i * sizeof pf, sizeof pf); i++) {
        if (!pf.revents)
            continue;
        str_add(x->s, "%s{fd=", sep);
        strace_add_fd(x->s, pf.fd);
        str_adds(x->s, ", revents=");
        strace_add_flags(x->s, SYS_VOCAB_poll_events, (uint16_t)pf.revents);
        str_adds(x->s, "}");
        sep = ", ";
        n++;
    }
    str_adds(x->s, "]");
}

static bool is_empty(struct strace_view *x, uint64_t addr)
{
    unsigned char bits[128] = {0};
    uint64_t bytes = ((uint64_t)(uint32_t)x->v[0] + 7) / 8;
    if (!linux_copy_in(bits, addr, bytes < sizeof bits ? bytes : sizeof bits))
        return true;
    for (unsigned i = 0; i < sizeof bits; i++)
        if (bits[i])
            return false;
    return true;
}

void strace_add_found(struct strace_view *x, const struct sys_row *row)
{
    static const char *const set[] = {"", "in ", "out ", "except "};
    const char *sep = " (";
    if (x->ret < 0)
        return;
    for (unsigned i = 0; i < 6 && row->arg[i + 1].kind != SYS_A_NONE; i++) {
        const struct sys_arg *arg = &row->arg[i + 1];
        bool polled = arg->type == SYS_TYPE_pollfd && arg->kind == SYS_A_INOUTV;
        bool waits = arg->kind == SYS_A_INOUT && arg->count == SYS_SHOW_FOUND;
        if ((!polled && !waits) || !x->v[i])
            continue;
        if (x->ret == 0 && (polled || arg->type == SYS_TYPE_fdset)) {
            str_adds(x->s, sep[0] == ' ' ? " (Timeout)" : "");
            return;
        }
        if (arg->type == SYS_TYPE_fdset && is_empty(x, x->v[i]))
            continue;
        str_adds(x->s, sep);
        sep = ", ";
        if (polled) {
            add_polled(x, x->v[i], x->v[arg->count]);
        } else {
            str_adds(x->s, arg->type == SYS_TYPE_fdset ? set[i & 3] : "left ");
            strace_add_struct(x, arg->type, x->v[i], UINT64_MAX);
        }
    }
    str_adds(x->s, sep[0] == ',' ? ")" : "");
}

/*
 * --strace: arguments and the fields of structs, by their kind.  What a kind prints does not depend on where it stands, so
 * that sys.def, sysfields.def and sysselect.def share one language.
 */
#include "linux/strace.h"

#include <arpa/inet.h>
#include <asm/ioctl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>

#include "linux/sysarg.h"

#define TEXT_SHOWN 64 /* bytes of a buffer that are shown unless --strace-bytes says otherwise */
#define TEXT_MAX   4096
#define LIST_MAX   32  /* elements of an array that are shown */
#define RAW_MAX    512 /* of a struct described by rows */
#define FIELDS_MAX 32

/* -- tables ------------------------------------------------------------------------------------------------ */

struct sys_name {
    uint64_t mask, value; /* mask 0: the bits of value, all of them */
    char text[56];
};

#define M(m, n, v)       {m, (uint64_t)(v), #n},
#define V(n, v)          {0, (uint64_t)(v), #n},
#define N(n)             {0, (uint64_t)(n), #n},
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

#define F(offset, size, how, label) {.arg = ARG_##how, .at = offset, .bytes = size, .name = #label},
#define NZ                          {.arg = ARG_nonzero},
#define IF(field, mask)             {.arg = {SYS_A_NONZERO, field, 0}, .bits = (mask)},
#define MORE                        {.arg = ARG_more},
#define STRUCT(name, ...)           static const struct sys_field fields_##name[] = {__VA_ARGS__};
#define NUMBER(name, size, how)     STRUCT(name, {.arg = ARG_##how, .bytes = size})
#include "linux/sysfields.def"
#undef STRUCT

struct fields {
    const struct sys_field *row;
    unsigned count;
};
static const struct fields fields_of[SYS_TYPES] = {
#define STRUCT(name, ...) [SYS_TYPE_##name] = {fields_##name, ARRAY_LEN(fields_##name)},
#include "linux/sysfields.def"
#undef STRUCT
#undef NUMBER
};
#undef F
#undef NZ
#undef IF
#undef IF
#undef MORE

static strace_type_fn *const printers[SYS_TYPES] = {
#define FIELDS_own(name) [SYS_TYPE_##name] = strace_type_##name,
#define FIELDS_rows(name)
#define FIELDS_none(name)
#define TYPE(name, bytes, printer, text) FIELDS_##printer(name)
#include "linux/systypes.def"
#undef TYPE
};

static const struct sys_choice choices[] = {
#define SELECT(name, call, position, mask)
#define KEY SYS_KEY
#define WHEN(selector, text, number, ...) \
    {.select = SYS_SELECT_##selector, .value = (uint64_t)(number), .name = #text, .arg = {ARGS(__VA_ARGS__)}},
#include "linux/sysselect.def"
#undef SELECT
#undef WHEN
#undef KEY
};

const struct sys_choice *strace_choice(unsigned select, uint64_t value)
{
    for (unsigned i = 0; i < ARRAY_LEN(choices); i++)
        if (choices[i].select == select && choices[i].value == value)
            return &choices[i];
    return NULL;
}

unsigned strace_type_bytes(unsigned type)
{
    const struct fields *f = &fields_of[type];
    unsigned end = 0;
    for (unsigned i = 0; i < f->count; i++)
        if (f->row[i].at + f->row[i].bytes > (int)end)
            end = f->row[i].at + f->row[i].bytes;
    return end > sys_type_bytes(type) ? end : sys_type_bytes(type); /* there may be padding behind the fields */
}

/* -- names and numbers ------------------------------------------------------------------------------------- */

const char *strace_name(unsigned vocab, uint64_t v)
{
    for (unsigned i = 0; i < vocabs[vocab].count; i++) {
        const struct sys_name *n = &vocabs[vocab].names[i];
        if (n->value == v || (v <= UINT32_MAX && (uint32_t)n->value == v))
            return n->text;
    }
    return NULL;
}

void strace_add_hex(struct str *s, uint64_t v)
{
    str_add(s, v ? "0x%" PRIx64 : "0", v);
}

/* A number without a name, and what its name would begin with. */
static void add_unknown(struct str *s, unsigned vocab, uint64_t v)
{
    const char *like = vocabs[vocab].names[0].text, *end = strchr(like, '_');
    strace_add_hex(s, v);
    if (end && vocabs[vocab].count > 1)
        str_add(s, " /* %.*s??? */", (int)(end - like + 1), like);
}

void strace_add_enum(struct str *s, unsigned vocab, uint64_t v)
{
    const char *name = strace_name(vocab, v);
    if (name)
        str_adds(s, name);
    else if (vocab == SYS_VOCAB_clock ? (int32_t)v < 0 : vocab == SYS_VOCAB_key_serial) /* numbers of processes and of keys */
        str_add(s, "%d", (int32_t)v);
    else
        add_unknown(s, vocab, v);
}

void strace_add_flags(struct str *s, unsigned vocab, uint64_t v)
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
    if (left && !*bar)
        add_unknown(s, vocab, left);
    else if (left || !*bar)
        str_add(s, "%s%s%" PRIx64, bar, left ? "0x" : "", left);
}

void strace_add_signal(struct str *s, uint64_t sig)
{
    if (sig == 32)
        str_adds(s, "SIGRTMIN");
    else if (sig > 32 && sig <= LINUX_NSIG)
        str_add(s, "SIGRT_%" PRIu64, sig - 32);
    else if (strace_name(SYS_VOCAB_signals, sig))
        strace_add_enum(s, SYS_VOCAB_signals, sig);
    else
        str_add(s, "%d", (int32_t)sig);
}

void strace_add_pointer(struct str *s, uint64_t v)
{
    str_add(s, v ? "0x%" PRIx64 : "NULL", v);
}

void strace_add_mode(struct str *s, uint32_t mode)
{
    if (mode & S_IFMT) {
        strace_add_enum(s, SYS_VOCAB_modes, mode & S_IFMT);
        str_adds(s, "|");
    }
    str_add(s, "%#03o", mode & ~S_IFMT);
}

static void add_limit(struct str *s, uint64_t v)
{
    if (v == RLIM_INFINITY)
        str_adds(s, "RLIM64_INFINITY");
    else if (v > 1024 && v % 1024 == 0)
        str_add(s, "%" PRIu64 "*1024", v / 1024);
    else
        str_add(s, "%" PRIu64, v);
}

/* -- descriptors ------------------------------------------------------------------------------------------- */

/* "</path>" of a descriptor, with -y. */
static void add_place(struct str *s, const char *link)
{
    const struct linux_process *p = linux_self()->proc;
    char path[PATH_MAX];
    int64_t n =
        linux_host_syscall(SYS_readlinkat, (uint64_t)AT_FDCWD, (uint64_t)(uintptr_t)link, (uint64_t)(uintptr_t)path, sizeof path - 1, 0, 0);
    if (n <= 0)
        return;
    path[n] = '\0';
    const char deleted[] = " (deleted)";
    size_t cut = sizeof deleted - 1;
    bool gone = path[0] == '/' && (size_t)n > cut && !strcmp(path + n - cut, deleted);
    if (gone)
        path[(size_t)n - cut] = '\0';
    if (path[0] == '/')
        linux_path_to_guest(p, path);
    str_add(s, "<%s>%s", path, gone ? "(deleted)" : "");
}

void strace_add_fd(struct str *s, int fd)
{
    char link[48];
    str_add(s, "%d", fd);
    if (fd < 0 || !linux_self() || !linux_self()->proc->opt.strace.paths || linux_is_private_fd(fd))
        return;
    snprintf(link, sizeof link, "/proc/thread-self/fd/%d", fd);
    add_place(s, link);
}

static void add_dirfd(struct str *s, int fd)
{
    if (fd != AT_FDCWD) {
        strace_add_fd(s, fd);
        return;
    }
    str_adds(s, "AT_FDCWD");
    if (linux_self()->proc->opt.strace.paths)
        add_place(s, "/proc/thread-self/cwd");
}

/* -- guest memory ------------------------------------------------------------------------------------------ */

static void add_escaped(struct str *s, const unsigned char *p, size_t n)
{
    static const char simple[] = "\t\n\v\f\r", letter[] = "tnvfr";
    for (size_t i = 0; i < n; i++) {
        const char *at = p[i] ? strchr(simple, p[i]) : NULL;
        bool digit = i + 1 < n && p[i + 1] >= '0' && p[i + 1] <= '9';
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

void strace_add_text(struct str *s, const char *text, size_t n)
{
    str_adds(s, "\"");
    add_escaped(s, (const unsigned char *)text, n);
    str_adds(s, "\"");
}

static size_t bytes_shown(void)
{
    size_t n = linux_self()->proc->opt.strace.bytes;
    return !n ? TEXT_SHOWN : n < TEXT_MAX ? n : TEXT_MAX;
}

void strace_add_bytes(struct str *s, uint64_t addr, uint64_t len)
{
    unsigned char buf[TEXT_MAX];
    size_t cap = bytes_shown(), n = len < cap ? (size_t)len : cap;
    if (!addr || !linux_copy_in(buf, addr, n)) {
        strace_add_pointer(s, addr);
        return;
    }
    strace_add_text(s, (const char *)buf, n);
    if (n < len)
        str_adds(s, "...");
}

void strace_add_string(struct str *s, uint64_t addr)
{
    char buf[PATH_MAX];
    int64_t n = addr ? linux_copy_str(buf, addr, sizeof buf) : -EFAULT;
    if (n == -EFAULT) {
        strace_add_pointer(s, addr);
        return;
    }
    strace_add_text(s, buf, n < 0 ? sizeof buf : (size_t)n);
    if (n < 0)
        str_adds(s, "...");
}

/* -- structs ----------------------------------------------------------------------------------------------- */

static bool is_signed(unsigned kind)
{
    return kind == SYS_A_INT || kind == SYS_A_OFF || kind == SYS_A_PID || kind == SYS_A_FD || kind == SYS_A_DIRFD || kind == SYS_A_UID;
}

static uint64_t load(const struct sys_field *f, const unsigned char *raw, uint64_t addr)
{
    uint64_t v = 0;
    if (f->arg.kind == SYS_A_STRUCT || f->arg.kind == SYS_A_STRUCTV)
        return addr + f->at;
    if (f->bytes > sizeof v)
        return 0;
    memcpy(&v, raw + f->at, f->bytes); /* little-endian, as all guests and hosts are */
    if (is_signed(f->arg.kind) && f->bytes < sizeof v && v >> (8 * f->bytes - 1) & 1)
        v |= UINT64_MAX << (8 * f->bytes);
    return v;
}

/* Kinds that need the bytes themselves. */
static void add_inside(struct str *s, const struct sys_field *f, const unsigned char *raw)
{
    char text[INET6_ADDRSTRLEN];
    const char *at = (const char *)raw + f->at;
    switch (f->arg.kind) {
    case SYS_A_CHARS: strace_add_text(s, at, strnlen(at, f->bytes)); break;
    case SYS_A_IP6: str_add(s, "inet_pton(AF_INET6, \"%s\", &%s)", inet_ntop(AF_INET6, at, text, sizeof text), f->name); break;
    default:
        for (unsigned i = 0; i < f->bytes; i++)
            str_add(s, i ? ":%02x" : "%02x", raw[f->at + i]);
        break;
    }
}

void strace_add_fields(struct strace_view *x, unsigned type, const unsigned char *raw, uint64_t addr, uint64_t len)
{
    const struct fields *f = &fields_of[type];
    struct str *s = x->s;
    uint64_t v[FIELDS_MAX] = {0};
    struct strace_view in = *x;
    const char *sep = "";
    const struct sys_field *needs = NULL;
    unsigned there = 0; /* counts refer to fields by their number among those that hold something */
    for (unsigned i = 0; i < f->count && there < FIELDS_MAX; i++)
        if (f->row[i].bytes && f->row[i].at + (uint64_t)f->row[i].bytes <= len)
            v[there++] = load(&f->row[i], raw, addr);
    in.v = v;
    in.was = NULL;
    str_adds(s, "{");
    for (unsigned i = 0, n = 0; i < f->count; i++) {
        const struct sys_field *row = &f->row[i];
        if (row->arg.kind == SYS_A_NONZERO) {
            needs = row;
            continue;
        }
        if (row->arg.kind == SYS_A_MORE) {
            str_add(s, "%s...", sep);
            continue;
        }
        if (n >= there)
            break;
        uint64_t value = v[n++];
        bool skip = needs && (needs->bits ? !(v[needs->arg.count] & needs->bits) : value == 0);
        needs = NULL;
        if (skip)
            continue;
        str_add(s, row->arg.kind != SYS_A_IP6 ? "%s%s=" : "%s", sep, row->name);
        if (row->arg.kind == SYS_A_CHARS || row->arg.kind == SYS_A_RAW || row->arg.kind == SYS_A_IP6)
            add_inside(s, row, raw);
        else
            strace_add_value(&in, &row->arg, value);
        sep = ", ";
    }
    str_adds(s, "}");
}

void strace_add_struct(struct strace_view *x, unsigned type, uint64_t addr, uint64_t len)
{
    unsigned char raw[RAW_MAX];
    uint64_t bytes = strace_type_bytes(type);
    if (addr && printers[type] && printers[type](x, addr, len))
        return;
    if (len < bytes)
        bytes = len;
    if (!addr || printers[type] || !fields_of[type].count || bytes > sizeof raw || !linux_copy_in(raw, addr, bytes))
        strace_add_pointer(x->s, addr);
    else
        strace_add_fields(x, type, raw, addr, bytes);
}

static bool is_number(unsigned type)
{
    return fields_of[type].count == 1 && !*fields_of[type].row->name;
}

/* A number by itself is in brackets; in an array the brackets are the array's. */
static bool add_number(struct strace_view *x, unsigned type, uint64_t addr)
{
    const struct sys_field *f = fields_of[type].row;
    unsigned char raw[8];
    if (!linux_copy_in(raw, addr, f->bytes))
        return false;
    strace_add_value(x, &f->arg, load(f, raw, addr));
    return true;
}

void strace_add_array(struct strace_view *x, unsigned type, uint64_t addr, uint64_t count)
{
    unsigned bytes = strace_type_bytes(type);
    char probe;
    if (!addr || type == SYS_TYPE_any || (count && !linux_copy_in(&probe, addr, 1))) {
        strace_add_pointer(x->s, addr);
        return;
    }
    if (type == SYS_TYPE_epoll_event)
        bytes = linux_self()->proc->abi->generic_table ? 16 : 12;
    str_adds(x->s, "[");
    for (uint64_t i = 0; i < count && i < LIST_MAX; i++) {
        str_adds(x->s, i ? ", " : "");
        if (!is_number(type))
            strace_add_struct(x, type, addr + i * bytes, bytes);
        else if (!add_number(x, type, addr + i * bytes))
            break;
    }
    str_adds(x->s, count > LIST_MAX ? ", ...]" : "]");
}

/* What a pointer leads to. */
static void add_pointed(struct strace_view *x, const struct sys_arg *arg, uint64_t addr)
{
    uint64_t now = 0;
    if (!is_number(arg->type)) {
        strace_add_struct(x, arg->type, addr, UINT64_MAX);
        return;
    }
    const struct sys_field *f = fields_of[arg->type].row;
    if (!addr || !linux_copy_in(&now, addr, f->bytes)) {
        strace_add_pointer(x->s, addr);
        return;
    }
    str_adds(x->s, "[");
    if (arg->kind == SYS_A_INOUT && x->was && x->was[x->index] != now) {
        strace_add_value(x, &f->arg, x->was[x->index]);
        str_adds(x->s, " => ");
    }
    add_number(x, arg->type, addr);
    str_adds(x->s, "]");
}

/* -- arguments --------------------------------------------------------------------------------------------- */

static uint64_t count_of(const struct sys_arg *arg, const uint64_t *v)
{
    return arg->count & SYS_COUNT_CONST ? arg->count & ~SYS_COUNT_CONST : v[arg->count];
}

static const struct sys_choice *first_choice(unsigned select)
{
    unsigned i = 0;
    while (i < ARRAY_LEN(choices) && choices[i].select != select)
        i++;
    return i < ARRAY_LEN(choices) ? &choices[i] : NULL;
}

static void add_selected(struct str *s, unsigned select, uint64_t v)
{
    static const char *const dir[] = {"_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE"};
    const struct sys_choice *c = strace_choice(select, (uint32_t)v);
    if (c)
        str_adds(s, c->name);
    else if (select == SYS_SELECT_ioctl)
        str_add(s, "_IOC(%s, %#x, %#x, %#x)", dir[_IOC_DIR(v)], (unsigned)_IOC_TYPE(v), (unsigned)_IOC_NR(v), (unsigned)_IOC_SIZE(v));
    else if ((c = first_choice(select)) != NULL && strchr(c->name, '_'))
        str_add(s, "%#x /* %.*s??? */", (unsigned)v, (int)(strchr(c->name, '_') - c->name + 1), c->name);
    else
        strace_add_hex(s, (uint32_t)v);
}

/* The bytes of a buffer that the call filled: as many as it says. */
static void add_outbuf(struct strace_view *x, const struct sys_arg *arg, uint64_t addr)
{
    uint64_t room = x->v[arg->count], n = (uint64_t)x->ret < room ? (uint64_t)x->ret : room;
    if (arg->type == SYS_TYPE_any)
        strace_add_bytes(x->s, addr, n);
    else
        strace_add_struct(x, arg->type, addr, n ? n : room);
}

static void add_out(struct strace_view *x, const struct sys_arg *arg, uint64_t addr)
{
    uint32_t len;
    if (arg->count == SYS_SHOW_RESULT)
        strace_add_array(x, arg->type, addr, (uint64_t)x->ret);
    else if (arg->type == SYS_TYPE_sockaddr && arg->count && linux_copy_in(&len, x->v[arg->count], sizeof len))
        strace_add_struct(x, arg->type, addr, len);
    else
        add_pointed(x, arg, addr);
}

void strace_add_value(struct strace_view *x, const struct sys_arg *arg, uint64_t v)
{
    struct str *s = x->s;
    switch (arg->kind) {
    case SYS_A_INT:
    case SYS_A_PID: str_add(s, "%d", (int32_t)v); break;
    case SYS_A_FD: strace_add_fd(s, (int32_t)v); break;
    case SYS_A_DIRFD: add_dirfd(s, (int32_t)v); break;
    case SYS_A_UID: str_add(s, (int32_t)v == -1 ? "-1" : "%u", (uint32_t)v); break;
    case SYS_A_UINT: str_add(s, "%u", (uint32_t)v); break;
    case SYS_A_OFF: str_add(s, "%" PRId64, (int64_t)v); break;
    case SYS_A_SIZE: str_add(s, "%" PRIu64, v); break;
    case SYS_A_HEX: strace_add_hex(s, v); break;
    case SYS_A_MODE: strace_add_mode(s, (uint32_t)v); break;
    case SYS_A_SIG: strace_add_signal(s, (uint32_t)v); break;
    case SYS_A_DEV: str_add(s, "makedev(%#x, %#x)", major(v), minor(v)); break;
    case SYS_A_LIMIT: add_limit(s, v); break;
    case SYS_A_NET: str_add(s, "htons(%u)", ntohs((uint16_t)v)); break;
    case SYS_A_NETHEX: str_add(s, "htonl(%#x)", ntohl((uint32_t)v)); break;
    case SYS_A_IP4: {
        char text[INET_ADDRSTRLEN];
        uint32_t ip = (uint32_t)v;
        str_add(s, "inet_addr(\"%s\")", inet_ntop(AF_INET, &ip, text, sizeof text));
        break;
    }
    case SYS_A_SELECT: add_selected(s, arg->type, v); break;
    case SYS_A_OPTION: {
        const struct sys_choice *c = strace_choice(SYS_SELECT_sockopt, SYS_KEY(x->v[arg->count], v));
        if (c)
            str_adds(s, c->name);
        else
            str_add(s, (uint32_t)x->v[arg->count] == SOL_SOCKET ? "%#x /* SO_??? */" : "%#x", (uint32_t)v);
        break;
    }
    case SYS_A_ENUM: strace_add_enum(s, arg->type, v); break;
    case SYS_A_FLAGS:
        if (arg->count != SYS_SHOW_MODE) {
            strace_add_flags(s, arg->type, v);
            break;
        }
        if (v & ~UINT64_C(0777))
            strace_add_flags(s, arg->type, v & ~UINT64_C(0777));
        str_add(s, v & ~UINT64_C(0777) ? "|%#03o" : "%#03o", (unsigned)v & 0777);
        break;
    case SYS_A_OUT: add_out(x, arg, v); break;
    case SYS_A_IN:
    case SYS_A_INOUT: add_pointed(x, arg, v); break;
    case SYS_A_STRUCT: strace_add_struct(x, arg->type, v, UINT64_MAX); break;
    case SYS_A_INV:
    case SYS_A_OUTV:
    case SYS_A_INOUTV:
    case SYS_A_STRUCTV: strace_add_array(x, arg->type, v, count_of(arg, x->v)); break;
    case SYS_A_INBUF:
        if (arg->type == SYS_TYPE_any)
            strace_add_bytes(s, v, x->v[arg->count]);
        else
            strace_add_struct(x, arg->type, v, x->v[arg->count]);
        break;
    case SYS_A_OUTBUF: add_outbuf(x, arg, v); break;
    case SYS_A_INIOV:
    case SYS_A_OUTIOV:
        if (arg->kind == SYS_A_OUTIOV && x->ret < 0) {
            strace_add_array(x, SYS_TYPE_iovec, v, x->v[arg->count]);
            break;
        }
        x->left = arg->kind == SYS_A_OUTIOV && x->after ? (uint64_t)x->ret : UINT64_MAX;
        strace_add_iov(x, v, x->v[arg->count]);
        break;
    case SYS_A_STR:
    case SYS_A_PATH:
    case SYS_A_LPATH:
    case SYS_A_NPATH:
    case SYS_A_FPATH: strace_add_string(s, v); break;
    default: strace_add_pointer(s, v); break;
    }
}

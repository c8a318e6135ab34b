/*
 * --strace: one line for each system call, decoded by the signature in sys.def and by what sysselect.def adds to it.
 *
 *     1234 openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3
 *     1234 read(3,  <unfinished ...>
 *     1235 close(4) = 0
 *     1234 <... read resumed>"root:x:0:0"..., 4096) = 1210
 *     1234 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, ...} ---
 *     1234 +++ exited with 0 +++
 *
 * Arguments up to the first that the call writes to are formatted before the call, the others after it.  The beginning of a call
 * that may wait, or in which another thread or program begins, is written before it is made; all others are written as a whole.
 */
#include "linux/strace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/clock.h"
#include "linux/sig.h"

/* -- which call it is -------------------------------------------------------------------------------------- */

static const struct {
    int row, position;
    uint64_t mask;
} selects[] = {
#define SYS_ROW__                    -1
#define SELECT(name, call, at, bits) {SYS_ROW_##call, at, bits},
#define WHEN(name, ...)
#include "linux/sysselect.def"
#undef SELECT
#undef WHEN
#undef SYS_ROW__
};

static bool is_row(const struct sys_row *row, enum sys_row_id id)
{
    return row == &sys_rows[id];
}

/* Arguments of a call: those of its row, behind the one that selects those of the choice. */
struct signature {
    struct sys_arg result, arg[6];
    unsigned n;
};

static const struct sys_choice *choose(const struct sys_row *row, const uint64_t a[6])
{
    for (unsigned i = 0; i < ARRAY_LEN(selects); i++)
        if (selects[i].row >= 0 && is_row(row, (enum sys_row_id)selects[i].row))
            return strace_choice(i, a[selects[i].position] & selects[i].mask);
    return NULL;
}

/* Arguments that are never looked at are not printed: the mode of an openat without O_CREAT. */
static bool lacks_mode(const struct signature *sig, const uint64_t a[6])
{
    for (unsigned i = 0; i + 1 < sig->n; i++)
        if (sig->arg[i].kind == SYS_A_FLAGS && sig->arg[i].type == SYS_VOCAB_open && sig->arg[sig->n - 1].kind == SYS_A_MODE)
            return !(a[i] & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)));
    return false;
}

static struct signature signature_of(const struct sys_row *row, const struct sys_choice *c, const uint64_t a[6])
{
    struct signature sig = {.n = 0};
    unsigned n = c ? (unsigned)selects[c->select].position + 1 : 6;
    sig.result = c ? c->arg[0] : row->arg[0];
    for (; sig.n < n && row->arg[sig.n + 1].kind != SYS_A_NONE; sig.n++)
        sig.arg[sig.n] = row->arg[sig.n + 1];
    for (unsigned i = 1; c && i < 6 && sig.n < 6 && c->arg[i].kind != SYS_A_NONE; i++)
        sig.arg[sig.n++] = c->arg[i];
    sig.n -= lacks_mode(&sig, a);
    return sig;
}

/* Has the call an argument or result of one of these kinds? */
static bool has_kind(const struct sys_row *row, unsigned from, unsigned to)
{
    for (unsigned i = 0; i < ARRAY_LEN(row->arg) && (i == 0 || row->arg[i].kind != SYS_A_NONE); i++)
        if (row->arg[i].kind >= from && row->arg[i].kind <= to)
            return true;
    return false;
}

static const struct sys_class {
    const char *name;
    int first, last;    /* enum sys_row_id; -1: none */
    unsigned low, high; /* enum sys_arg_kind */
} classes[] = {
#define SYS_ROW__ -1
#define CLASS(name, first, last, low, high, meaning) {#name, SYS_ROW_##first, SYS_ROW_##last, SYS_A_##low, SYS_A_##high},
#include "linux/sysclass.def"
#undef CLASS
#undef SYS_ROW__
};
#define SYS_ROW__ -1
#define CLASS(name, first, last, low, high, meaning) _Static_assert((int)SYS_ROW_##first <= (int)SYS_ROW_##last, "rows of a class have moved: " #name);
#include "linux/sysclass.def"
#undef CLASS
#undef SYS_ROW__

static bool is_in_class(const struct sys_row *row, const char *name, size_t n)
{
    for (unsigned i = 0; i < ARRAY_LEN(classes); i++) {
        const struct sys_class *c = &classes[i];
        if (strlen(c->name) != n || memcmp(c->name, name, n))
            continue;
        bool of_group = c->first >= 0 && row >= &sys_rows[c->first] && row <= &sys_rows[c->last];
        return of_group || (c->high && has_kind(row, c->low, c->high));
    }
    return false;
}

/* Is the call in --strace-set? */
static bool is_shown(const struct linux_process *p, const struct sys_row *row)
{
    const char *at = p->opt.strace.set;
    if (!at)
        return true;
    bool others = *at == '!';
    for (at += others; row && *at; at += strspn(at, ",")) {
        size_t n = strcspn(at, ",");
        if (*at == '%' ? is_in_class(row, at + 1, n - 1) : strlen(row->name) == n && !memcmp(row->name, at, n))
            return !others;
        at += n;
    }
    return others;
}

/* -- arguments --------------------------------------------------------------------------------------------- */

static bool is_found(const struct sys_arg *arg)
{
    return (arg->kind == SYS_A_INOUTV && arg->type == SYS_TYPE_pollfd) || (arg->kind == SYS_A_INOUT && arg->count == SYS_SHOW_FOUND);
}

static bool is_written(const struct sys_arg *arg)
{
    return !is_found(arg) && (arg->kind == SYS_A_OUT || arg->kind == SYS_A_INOUT || arg->kind == SYS_A_OUTV || arg->kind == SYS_A_INOUTV ||
                              arg->kind == SYS_A_OUTBUF || arg->kind == SYS_A_OUTIOV);
}

/* Has the call not written there? */
static bool skip_output(const struct sys_arg *arg, int64_t ret)
{
    if (!is_written(arg) || arg->kind == SYS_A_INOUT || arg->kind == SYS_A_OUTIOV)
        return false;
    return arg->kind == SYS_A_OUT && arg->count == SYS_SHOW_INTERRUPTED ? ret >= 0 || ret > -LINUX_ERESTARTSYS : ret < 0;
}

static void add_arg(struct strace_view *x, const struct sys_arg *arg, unsigned i)
{
    uint64_t v = x->v[i];
    x->index = i;
    if (x->after && skip_output(arg, x->ret))
        strace_add_pointer(x->s, v);
    else
        strace_add_value(x, arg, arg->kind == SYS_A_ENUM || arg->kind == SYS_A_FLAGS ? (uint32_t)v : v);
}

/* The next arguments: before the call up to the first that it writes, after it all. */
static void add_args(struct strace_view *x, const struct signature *sig, struct sys_strace *st)
{
    for (; st->next < sig->n && (x->after || !is_written(&sig->arg[st->next])); st->next++) {
        unsigned after = st->next + 1;
        if (sig->arg[st->next].kind == SYS_A_SKIP)
            continue;
        add_arg(x, &sig->arg[st->next], st->next);
        while (after < sig->n && sig->arg[after].kind == SYS_A_SKIP)
            after++;
        str_adds(x->s, after < sig->n ? ", " : "");
    }
}

/* clone(2) is the one whose arguments have names, since their order depends on the instruction set. */
static void add_clone(struct linux_thread *t, struct strace_view *x)
{
    bool backwards = t->proc->abi->generic_table;
    const uint64_t *a = x->v;
    struct sys_arg flags = sys_rows[SYS_ROW_clone].arg[1];
    str_adds(x->s, "child_stack=");
    strace_add_pointer(x->s, a[1]);
    str_adds(x->s, ", flags=");
    uint64_t sig = a[0] & 0xff, rest = (uint32_t)a[0] & ~UINT64_C(0xff);
    if (rest)
        strace_add_flags(x->s, flags.type, rest);
    str_adds(x->s, rest && sig ? "|" : "");
    if (sig || !rest)
        strace_add_signal(x->s, sig);
    const struct {
        uint64_t needs, value;
        const char *name;
    } others[] = {{CLONE_PARENT_SETTID | CLONE_PIDFD, a[2], "parent_tid"},
                  {CLONE_SETTLS, a[backwards ? 3 : 4], "tls"},
                  {CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, a[backwards ? 4 : 3], "child_tidptr"}};
    for (unsigned i = 0; i < ARRAY_LEN(others); i++)
        if (a[0] & others[i].needs) {
            str_add(x->s, ", %s=", others[i].name);
            strace_add_pointer(x->s, others[i].value);
        }
}

/* Calls whose arguments are no arguments.  False: it is none of them. */
static bool add_special(struct linux_thread *t, const struct sys_row *row, struct strace_view *x)
{
    if (is_row(row, SYS_ROW_clone)) {
        add_clone(t, x);
    } else if (is_row(row, SYS_ROW_restart_syscall)) {
        const struct sys_row *what = sys_row_find(t->proc->abi, t->restart_nr);
        str_add(x->s, "<... resuming interrupted %s ...>", what ? what->name : "system call");
    } else {
        return false;
    }
    return true;
}

/* -- results ----------------------------------------------------------------------------------------------- */

static void add_error(struct str *s, int64_t ret)
{
    switch (-ret) {
    case LINUX_ERESTARTSYS: str_adds(s, "? ERESTARTSYS (To be restarted if SA_RESTART is set)"); break;
    case LINUX_ERESTARTNOINTR: str_adds(s, "? ERESTARTNOINTR (To be restarted)"); break;
    case LINUX_ERESTARTNOHAND: str_adds(s, "? ERESTARTNOHAND (To be restarted if no handler)"); break;
    case LINUX_ERESTART_RESTARTBLOCK: str_adds(s, "? ERESTART_RESTARTBLOCK (Interrupted by signal)"); break;
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

static void add_result(struct str *s, const struct sys_arg *kind, int64_t ret)
{
    switch (kind->kind) {
    case SYS_A_PTR:
    case SYS_A_HEX: str_add(s, "0x%" PRIx64, (uint64_t)ret); break;
    case SYS_A_MODE: str_add(s, "%#03o", (uint32_t)ret); break;
    case SYS_A_FD: strace_add_fd(s, (int)ret); break;
    case SYS_A_FLAGS:
        strace_add_hex(s, (uint64_t)ret);
        if (ret || strace_name(kind->type, 0)) {
            str_adds(s, kind->type == SYS_VOCAB_membarrier ? " (" : " (flags ");
            strace_add_flags(s, kind->type, (uint64_t)ret);
            str_adds(s, ")");
        }
        break;
    case SYS_A_ENUM:
        str_add(s, "%" PRId64, ret);
        if (strace_name(kind->type, (uint64_t)ret))
            str_add(s, " (%s)", strace_name(kind->type, (uint64_t)ret));
        break;
    default: str_add(s, "%" PRId64, ret); break;
    }
}

/* -- lines ------------------------------------------------------------------------------------------------- */

static bool has_lines(const struct linux_process *p)
{
    return p->opt.strace.count != 1;
}

void sys_strace_signal(struct linux_thread *t, const siginfo_t *info)
{
    struct str s = STR_INIT;
    if (!has_lines(t->proc))
        return;
    strace_prefix(t->proc, &s, t->tid);
    str_adds(&s, "--- ");
    strace_add_signal(&s, (uint64_t)info->si_signo);
    str_adds(&s, " ");
    strace_add_siginfo(&s, info);
    str_adds(&s, " ---");
    strace_write(t->proc, t->tid, &s, STRACE_WHOLE, NULL);
}

static void write_end(struct linux_process *p, pid_t tid, int code, int sig)
{
    struct str s = STR_INIT;
    if (!has_lines(p))
        return;
    strace_prefix(p, &s, tid);
    if (sig) {
        str_adds(&s, "+++ killed by ");
        strace_add_signal(&s, (uint64_t)sig);
        str_adds(&s, " +++");
    } else {
        str_add(&s, "+++ exited with %d +++", code & 0xff);
    }
    strace_write(p, tid, &s, STRACE_WHOLE, NULL);
}

static pid_t own_tid(void)
{
    return (pid_t)linux_host_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

void sys_strace_thread_end(struct linux_process *p, int code)
{
    write_end(p, own_tid(), code, 0);
    if (linux_self())
        strace_close(linux_self());
}

void sys_strace_end(struct linux_process *p, int code, int sig)
{
    write_end(p, own_tid(), code, sig);
    sys_strace_finish(p);
}

/* A program begins: the end of the execve that another btv-run was given, or one that stands for how btv-run itself was called. */
void sys_strace_start(struct linux_thread *t, const char *path, char **argv, char **envp)
{
    struct linux_process *p = t->proc;
    struct linux_strace_options *o = &p->opt.strace;
    struct str s = STR_INIT;
    const struct sys_row *row = o->exec_tid ? sys_row_find(p->abi, o->exec_nr) : &sys_rows[SYS_ROW_execve];
    if (!is_shown(p, row))
        return;
    if (o->count)
        strace_count(p, row, 0, 0);
    if (!has_lines(p))
        return;
    if (o->exec_tid) {
        if (o->exec_tid != t->tid) {
            strace_prefix(p, &s, t->tid);
            str_add(&s, "+++ superseded by execve in pid %d +++", o->exec_tid);
            strace_write(p, t->tid, &s, STRACE_WHOLE, NULL);
        }
        str_adds(&s, ") = 0");
        strace_write(p, t->tid, &s, STRACE_REST, row ? row->name : "execve");
        return;
    }
    unsigned vars = 0;
    while (envp[vars])
        vars++;
    strace_prefix(p, &s, t->tid);
    str_adds(&s, "execve(");
    strace_add_text(&s, path, strlen(path));
    str_adds(&s, ", [");
    for (unsigned i = 0; argv[i]; i++) {
        str_adds(&s, i ? ", " : "");
        strace_add_text(&s, argv[i], strlen(argv[i]));
    }
    str_add(&s, "], 0x%" PRIx64 " /* %u vars */) = 0", (uint64_t)(uintptr_t)envp, vars);
    strace_write(p, t->tid, &s, STRACE_WHOLE, NULL);
}

/* What is at the end of pointers that the call may change, for those who print both. */
static void remember(struct sys_strace *st, const struct signature *sig, const uint64_t a[6])
{
    for (unsigned i = 0; i < sig->n; i++) {
        if (sig->arg[i].kind != SYS_A_INOUT)
            continue;
        bool message = sig->arg[i].type == SYS_TYPE_msghdr; /* the length of its address */
        unsigned n = message ? 4 : strace_type_bytes(sig->arg[i].type);
        if (n <= sizeof st->was[i] && !linux_copy_in(&st->was[i], a[i] + (message ? 8 : 0), n))
            st->was[i] = 0;
    }
}

void sys_strace_enter(struct linux_thread *t, const struct sys_row *row, uint64_t nr, const uint64_t a[6], struct sys_strace *st)
{
    struct linux_process *p = t->proc;
    *st = (struct sys_strace){.line = STR_INIT, .tid = t->tid, .hidden = !is_shown(p, row)};
    if (st->hidden)
        return;
    if (p->opt.strace.count)
        st->start_cpu_ns = strace_clock_ns(p);
    if (p->opt.strace.times)
        st->start_ns = clock_ns(CLOCK_MONOTONIC);
    st->hidden = !has_lines(p);
    if (st->hidden)
        return;
    strace_prefix(p, &st->line, t->tid);
    if (!row) {
        str_add(&st->line, "syscall_%" PRIu64 "(0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64, nr,
                a[0], a[1], a[2], a[3], a[4], a[5]);
        return;
    }
    struct strace_view x = {.s = &st->line, .v = a};
    st->choice = choose(row, a);
    struct signature sig = signature_of(row, st->choice, a);
    remember(st, &sig, a);
    str_add(&st->line, "%s(", row->name);
    if (add_special(t, row, &x))
        st->next = sig.n;
    add_args(&x, &sig, st);
    if (row->flags & SYS_NORET) {
        str_adds(&st->line, ") = ?");
        strace_write(p, t->tid, &st->line, STRACE_WHOLE, NULL);
    } else if (row->flags & (SYS_BLOCKS | SYS_EARLY)) {
        st->open = true;
        strace_write(p, t->tid, &st->line, STRACE_OPEN, NULL);
    }
}

/* The arguments that are left, and the result. */
static void add_rest(struct linux_thread *t, const struct sys_row *row, const uint64_t a[6], int64_t ret, struct sys_strace *st)
{
    struct str *s = &st->line;
    struct strace_view x = {.s = s, .v = a, .was = st->was, .ret = ret, .after = true};
    struct signature sig = {.result = {SYS_A_OFF, 0, 0}};
    if (row)
        sig = signature_of(row, st->choice, a);
    add_args(&x, &sig, st);
    if (ret == LINUX_SIGRETURN_DONE && row && is_row(row, SYS_ROW_rt_sigreturn)) {
        str_adds(s, "{mask=");
        strace_add_sigset(s, t->sigmask);
        str_add(s, "}) = %" PRId64, (int64_t)t->cpu->slot[t->proc->abi->slot_ret]);
        return;
    }
    str_adds(s, ") = ");
    if (ret == LINUX_SIGRETURN_DONE)
        str_adds(s, "?");
    else if (ret < 0 && ret > -4096)
        add_error(s, ret);
    else
        add_result(s, &sig.result, ret);
    if (row)
        strace_add_found(&x, row);
}

void sys_strace_leave(struct linux_thread *t, const struct sys_row *row, const uint64_t a[6], int64_t ret, struct sys_strace *st)
{
    struct linux_process *p = t->proc;
    if (st->tid != t->tid) { /* a child returns from fork: the line is its parent's */
        str_free(&st->line);
        return;
    }
    if (st->start_cpu_ns && !(row && row->flags & SYS_NORET))
        strace_count(p, row, ret, strace_clock_ns(p) - st->start_cpu_ns);
    if (st->hidden || (row && row->flags & SYS_NORET)) /* the line of a call that does not return is written */
        return;
    uint64_t us = st->start_ns ? (clock_ns(CLOCK_MONOTONIC) - st->start_ns) / 1000 : 0;
    add_rest(t, row, a, ret, st);
    if (st->start_ns)
        str_add(&st->line, " <%" PRIu64 ".%06" PRIu64 ">", us / 1000000, us % 1000000);
    strace_write(p, t->tid, &st->line, st->open ? STRACE_REST : STRACE_WHOLE, row ? row->name : "syscall");
}

/*
 * Core files: a guest process that dies of SIGSEGV and the like leaves one in its own instruction set's format, as its kernel would.
 *
 * The dying thread stops the others where their registers are known, and writes the file that core_pattern names: a note segment with
 * registers, process and mappings, then the memory that coredump_filter, MADV_DONTDUMP and RLIMIT_CORE leave.
 *
 * Where core_pattern names a program or a socket only the kernel can hand a dump over: it does so with one of btv without memory, so that the
 * parent and who counts crashes learn of it.
 *
 * The exit status says "core dumped" only if the host's kernel has dumped something.  So it is allowed to: with a filter of 0 and the
 * smallest limit, under the same name; a helper process, which traces the dying thread, holds it just before its parent learns of the
 * end, and puts the guest's file in the place of the host's.  Where tracing is forbidden the file is there but the status does not say so.
 *
 * References, Linux 6.12: fs/coredump.c, fs/binfmt_elf.c, include/linux/elfcore.h; core(5).
 */
#include "linux/coredump.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "linux/proc.h"
#include "linux/procmaps.h"
#include "linux/sig_state.h"
#include "linux/sys.h"

#define CORE_LIMIT_MIN 4096 /* ELF_EXEC_PAGESIZE: a smaller limit means no file */
#define SETTLE_MS 500       /* how long the other threads may take to come to rest */
#define CHUNK_PAGES 64
#define PAGEMAP_THERE (UINT64_C(3) << 62) /* present, or swapped out */

enum { FILTER_ANON_PRIVATE = 1, FILTER_ANON_SHARED = 2, FILTER_FILE_PRIVATE = 4, FILTER_FILE_SHARED = 8, FILTER_ELF_HEADERS = 16 };

/* -- notes --------------------------------------------------------------------------------------------------- */

/* The start of struct elf_prstatus of 64-bit kernels; pr_reg and pr_fpvalid follow. */
struct prstatus {
    int32_t signo, code, err;
    int16_t cursig, pad;
    uint64_t sigpend, sighold;
    int32_t pid, ppid, pgrp, sid;
    struct timeval utime, stime, cutime, cstime;
};
_Static_assert(sizeof(struct prstatus) == 112, "pr_reg follows");

struct prpsinfo {
    char state, sname, zomb, nice;
    uint64_t flag;
    uint32_t uid, gid;
    int32_t pid, ppid, pgrp, sid;
    char fname[16], psargs[80];
};
_Static_assert(sizeof(struct prpsinfo) == 136, "struct elf_prpsinfo");

static void pad_to(struct str *s, size_t align)
{
    static const char zero[8];
    str_addn(s, zero, ALIGN_UP(s->len, align) - s->len);
}

static void add_note(struct str *s, uint32_t type, const void *data, size_t n)
{
    const Elf64_Nhdr h = {.n_namesz = sizeof "CORE", .n_descsz = (uint32_t)n, .n_type = type};
    str_addn(s, (const char *)&h, sizeof h);
    str_addn(s, "CORE", sizeof "CORE");
    pad_to(s, 4);
    str_addn(s, data, n);
    pad_to(s, 4);
}

static int32_t ask(long nr)
{
    return (int32_t)linux_host_syscall(nr, 0, 0, 0, 0, 0, 0);
}

static void add_prstatus(struct str *s, struct linux_thread *t, const siginfo_t *info, bool dying)
{
    const struct linux_abi *abi = t->proc->abi;
    uint8_t buf[sizeof(struct prstatus) + LINUX_CORE_REGS_MAX + 8] = {0};
    struct rusage self, children;
    struct prstatus ps = {
        .signo = info->si_signo,
        .code = info->si_code,
        .err = info->si_errno,
        .cursig = (int16_t)info->si_signo,
        .sigpend = atomic_load(&t->queued) & t->sigmask,
        .sighold = t->sigmask,
        .pid = t->tid,
        .ppid = ask(SYS_getppid),
        .pgrp = (int32_t)getpgrp(),
        .sid = (int32_t)getsid(0),
    };
    if (dying && !getrusage(RUSAGE_SELF, &self) && !getrusage(RUSAGE_CHILDREN, &children)) {
        ps.utime = self.ru_utime;
        ps.stime = self.ru_stime;
        ps.cutime = children.ru_utime;
        ps.cstime = children.ru_stime;
    }
    memcpy(buf, &ps, sizeof ps);
    abi->core_regs(t->cpu, buf + sizeof ps);
    buf[sizeof ps + abi->core_regs_bytes] = 1; /* pr_fpvalid */
    add_note(s, NT_PRSTATUS, buf, sizeof ps + abi->core_regs_bytes + 8);
}

static void add_fpregs(struct str *s, const struct linux_thread *t)
{
    uint8_t buf[LINUX_CORE_REGS_MAX] = {0};
    t->proc->abi->core_fpregs(t->cpu, buf);
    add_note(s, NT_PRFPREG, buf, t->proc->abi->core_fpregs_bytes);
}

static void add_prpsinfo(struct str *s, const struct linux_process *p)
{
    struct prpsinfo ps = {
        .sname = 'R',
        .uid = getuid(),
        .gid = getgid(),
        .pid = ask(SYS_getpid),
        .ppid = ask(SYS_getppid),
        .pgrp = (int32_t)getpgrp(),
        .sid = (int32_t)getsid(0),
    };
    prctl(PR_GET_NAME, ps.fname);
    size_t n = p->cmdline_bytes < sizeof ps.psargs ? p->cmdline_bytes : sizeof ps.psargs;
    for (size_t i = 0; i + 1 < n; i++)
        ps.psargs[i] = p->cmdline[i] ? p->cmdline[i] : ' ';
    add_note(s, NT_PRPSINFO, &ps, sizeof ps);
}

/* -- mappings ------------------------------------------------------------------------------------------------ */

struct core {
    struct linux_process *p;
    uint64_t filter;
    struct str loads;  /* Elf64_Phdr of each mapping, p_offset not yet known */
    struct str ranges; /* NT_FILE: start, end, page of each mapped file */
    struct str names;
    uint64_t nloads, nfiles;
    /* output */
    int fd;
    uint64_t pos, written, limit;
};

static bool has_elf_header(const struct procmaps_region *r)
{
    char magic[SELFMAG];
    return r->offset == 0 && (r->prot & MEM_R) && linux_copy_in(magic, r->start, sizeof magic) && !memcmp(magic, ELFMAG, SELFMAG);
}

/* How much of the mapping the file gets: fs/binfmt_elf.c, vma_dump_size. */
static uint64_t dump_bytes(const struct core *c, const struct procmaps_region *r)
{
    uint64_t all = r->end - r->start;
    bool deleted = strstr(r->name, " (deleted)") != NULL, file = r->name[0] == '/' && !deleted;
    if (r->flags & MEM_VDSO)
        return all;
    if (r->dont_dump)
        return 0;
    if (r->shared)
        return c->filter & (file ? FILTER_FILE_SHARED : FILTER_ANON_SHARED) ? all : 0;
    if (r->dirty && (c->filter & FILTER_ANON_PRIVATE))
        return all;
    if (r->name[0] != '/')
        return 0;
    if (c->filter & FILTER_FILE_PRIVATE)
        return all;
    return (c->filter & FILTER_ELF_HEADERS) && has_elf_header(r) ? GUEST_PAGE_SIZE : 0;
}

static void add_region(void *ctx, const struct procmaps_region *r)
{
    struct core *c = ctx;
    const Elf64_Phdr ph = {
        .p_type = PT_LOAD,
        .p_flags = (r->prot & MEM_R ? PF_R : 0) | (r->prot & MEM_W ? PF_W : 0) | (r->prot & MEM_X ? PF_X : 0),
        .p_vaddr = r->start,
        .p_filesz = dump_bytes(c, r),
        .p_memsz = r->end - r->start,
        .p_align = GUEST_PAGE_SIZE,
    };
    if (c->nloads >= PN_XNUM - 1)
        return;
    str_addn(&c->loads, (const char *)&ph, sizeof ph);
    c->nloads++;
    if (r->name[0] != '/')
        return;
    const uint64_t range[3] = {r->start, r->end, r->offset / GUEST_PAGE_SIZE};
    str_addn(&c->ranges, (const char *)range, sizeof range);
    str_addn(&c->names, r->name, strlen(r->name) + 1);
    c->nfiles++;
}

static void add_files(struct str *s, const struct core *c)
{
    struct str note = STR_INIT;
    const uint64_t head[2] = {c->nfiles, GUEST_PAGE_SIZE};
    str_addn(&note, (const char *)head, sizeof head);
    str_addn(&note, str_get(&c->ranges), c->ranges.len);
    str_addn(&note, str_get(&c->names), c->names.len);
    add_note(s, NT_FILE, str_get(&note), note.len);
    str_free(&note);
}

static void add_notes(struct str *s, const struct core *c, struct linux_thread *t, const siginfo_t *info)
{
    struct linux_process *p = c->p;
    uint8_t auxv[1024];
    size_t n = p->auxv_bytes < sizeof auxv ? p->auxv_bytes : sizeof auxv;
    add_prstatus(s, t, info, true);
    add_prpsinfo(s, p);
    add_note(s, NT_SIGINFO, info, sizeof *info);
    if (n && linux_copy_in(auxv, p->auxv_addr, n))
        add_note(s, NT_AUXV, auxv, n);
    add_files(s, c);
    add_fpregs(s, t);
    const siginfo_t none = {.si_signo = info->si_signo};
    for (struct linux_thread *o = p->threads; o; o = o->next)
        if (o != t) {
            add_prstatus(s, o, &none, false);
            add_fpregs(s, o);
        }
}

/* -- the file ------------------------------------------------------------------------------------------------ */

static bool emit(struct core *c, const void *data, size_t n)
{
    if (c->written + n > c->limit || pwrite(c->fd, data, n, (off_t)c->pos) != (ssize_t)n)
        return false;
    c->pos += n;
    c->written += n;
    return true;
}

/* [addr, addr + n pages) of the guest; pages of zeros and those that cannot be read become holes. */
static bool emit_chunk(struct core *c, int mem, int pagemap, bool skip_absent, uint64_t addr, size_t n, uint8_t *buf)
{
    static const uint8_t zero[GUEST_PAGE_SIZE];
    uint64_t state[CHUNK_PAGES];
    bool known = skip_absent && pread(pagemap, state, n * 8, (off_t)(addr / GUEST_PAGE_SIZE * 8)) == (ssize_t)(n * 8);
    for (size_t i = 0; i < n; i++) {
        bool there = !known || (state[i] & PAGEMAP_THERE);
        if (!there || pread(mem, buf, GUEST_PAGE_SIZE, (off_t)(addr + i * GUEST_PAGE_SIZE)) != GUEST_PAGE_SIZE || !memcmp(buf, zero, sizeof zero))
            c->pos += GUEST_PAGE_SIZE;
        else if (!emit(c, buf, GUEST_PAGE_SIZE))
            return false;
    }
    return true;
}

static bool emit_memory(struct core *c, const Elf64_Phdr *loads)
{
    uint8_t buf[GUEST_PAGE_SIZE];
    struct mem_region r;
    bool ok = true;
    int mem = open("/proc/thread-self/mem", O_RDONLY | O_CLOEXEC), pagemap = open("/proc/thread-self/pagemap", O_RDONLY | O_CLOEXEC);
    for (uint64_t i = 0; mem >= 0 && ok && i < c->nloads; i++) {
        bool anonymous = mem_get(c->p->mem, loads[i].p_vaddr, &r) && !(r.flags & MEM_FILE);
        for (uint64_t at = 0; ok && at < loads[i].p_filesz; at += CHUNK_PAGES * GUEST_PAGE_SIZE) {
            uint64_t pages = (loads[i].p_filesz - at) / GUEST_PAGE_SIZE;
            ok = emit_chunk(c, mem, pagemap, anonymous, loads[i].p_vaddr + at, pages < CHUNK_PAGES ? (size_t)pages : CHUNK_PAGES, buf);
        }
    }
    if (ok)
        ok = !ftruncate(c->fd, (off_t)c->pos); /* holes at the end */
    if (pagemap >= 0)
        close(pagemap);
    if (mem >= 0)
        close(mem);
    return ok && mem >= 0;
}

/* The host's own dump of this process has no memory in it. */
static bool leave_out_memory(void)
{
    int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, "0", 1) == 1;
    if (fd >= 0)
        close(fd);
    return ok;
}

/* False: nothing worth keeping was written.  A file that its limit cut short is kept, as by the kernel. */
static bool write_core(struct core *c, struct linux_thread *t, const siginfo_t *info)
{
    struct str notes = STR_INIT;
    struct proc_view view;
    bool ok = proc_view_open(t, 0, t->tid, PROC_WITH_REGIONS, &view);
    if (ok) {
        ok = procmaps_each(&view, add_region, c);
        proc_view_close(&view);
    }
    add_notes(&notes, c, t, info);
    ok = ok && !notes.failed && !c->loads.failed && !c->ranges.failed && !c->names.failed;
    Elf64_Phdr *loads = (Elf64_Phdr *)(void *)c->loads.p;
    Elf64_Phdr note = {.p_type = PT_NOTE, .p_align = 4, .p_filesz = notes.len};
    note.p_offset = sizeof(Elf64_Ehdr) + (c->nloads + 1) * sizeof note;
    uint64_t data = ALIGN_UP(note.p_offset + note.p_filesz, (uint64_t)GUEST_PAGE_SIZE), at = data;
    for (uint64_t i = 0; ok && i < c->nloads; i++) {
        loads[i].p_offset = at;
        at += loads[i].p_filesz;
    }
    const Elf64_Ehdr head = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_CORE,
        .e_machine = c->p->abi->guest->elf_machine,
        .e_version = EV_CURRENT,
        .e_phoff = sizeof head,
        .e_ehsize = sizeof head,
        .e_phentsize = sizeof note,
        .e_phnum = (uint16_t)(c->nloads + 1),
    };
    ok = ok && emit(c, &head, sizeof head) && emit(c, &note, sizeof note) && emit(c, loads, c->nloads * sizeof note) && emit(c, notes.p, notes.len);
    if (ok) {
        c->pos = data;
        emit_memory(c, loads);
    }
    str_free(&notes);
    return ok;
}

/* -- where ---------------------------------------------------------------------------------------------------- */

static uint64_t read_number(const char *path, int base, uint64_t otherwise)
{
    struct str s = STR_INIT;
    uint64_t v = proc_read_host(path, &s) ? strtoull(str_get(&s), NULL, base) : otherwise;
    str_free(&s);
    return v;
}

static void add_name(struct str *s, const char *name)
{
    for (; *name; name++)
        str_addn(s, *name == '/' ? "!" : name, 1);
}

/* One % specifier of core(5); true if it was the process number. */
static bool expand(struct str *s, const struct linux_thread *t, char what, int sig)
{
    struct utsname u = {0};
    char comm[17] = {0};
    const char *base = strrchr(t->proc->exe_path, '/');
    switch (what) {
    case '%': str_adds(s, "%"); break;
    case 'p':
    case 'P': str_add(s, "%d", ask(SYS_getpid)); return true;
    case 'i':
    case 'I': str_add(s, "%d", t->tid); break;
    case 'u': str_add(s, "%u", (unsigned)getuid()); break;
    case 'g': str_add(s, "%u", (unsigned)getgid()); break;
    case 'd': str_adds(s, "1"); break;
    case 's': str_add(s, "%d", sig); break;
    case 't': str_add(s, "%lld", (long long)time(NULL)); break;
    case 'h':
        uname(&u);
        str_adds(s, u.nodename);
        break;
    case 'e':
        prctl(PR_GET_NAME, comm);
        add_name(s, comm);
        break;
    case 'f': add_name(s, base ? base + 1 : t->proc->exe_path); break;
    case 'E': add_name(s, t->proc->exe_path); break;
    case 'c': {
        struct rlimit l = {0};
        getrlimit(RLIMIT_CORE, &l);
        str_add(s, "%llu", (unsigned long long)l.rlim_cur);
        break;
    }
    default: break;
    }
    return false;
}

/* Does the kernel hand the dump to a program or a socket? */
static bool goes_to_program(void)
{
    struct str pattern = STR_INIT;
    bool yes = proc_read_host("/proc/sys/kernel/core_pattern", &pattern) && (*str_get(&pattern) == '|' || *str_get(&pattern) == '@');
    str_free(&pattern);
    return yes;
}

/* The file's name for the host, in `path` of PATH_MAX bytes.  False: core_pattern is empty. */
static bool core_path(struct linux_thread *t, int sig, char *path)
{
    struct str pattern = STR_INIT, s = STR_INIT;
    bool pid = false, ok = proc_read_host("/proc/sys/kernel/core_pattern", &pattern);
    const char *c = str_get(&pattern);
    ok = ok && *c && *c != '\n';
    for (; ok && *c && *c != '\n'; c++) {
        if (*c != '%')
            str_addn(&s, c, 1);
        else if (!*++c)
            break;
        else
            pid = expand(&s, t, *c, sig) || pid;
    }
    if (ok && !pid && read_number("/proc/sys/kernel/core_uses_pid", 10, 0))
        str_add(&s, ".%d", ask(SYS_getpid));
    ok = ok && !s.failed && s.len && s.len < PATH_MAX - 32 && linux_path(t, AT_FDCWD, str_get(&s), false, path) == 0;
    str_free(&pattern);
    str_free(&s);
    return ok;
}

/* Would the kernel write there? */
static bool may_replace(const char *path)
{
    struct stat st;
    return lstat(path, &st) ? errno == ENOENT : S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_uid == geteuid() && !access(path, W_OK);
}

/* -- the status "core dumped" --------------------------------------------------------------------------------- */

/* The helper: see the top of the file. */
static BTV_NORETURN void hold_and_rename(pid_t tid, int ready, const char *from, const char *to)
{
    int status;
    char ok = !ptrace(PTRACE_SEIZE, tid, NULL, (void *)(uintptr_t)PTRACE_O_TRACEEXIT);
    if (write(ready, &ok, 1) != 1 || !ok)
        _exit(0);
    close_range(0, ~0u, 0); /* nobody shall wait for this process to close a pipe */
    while (waitpid(tid, &status, __WALL) == tid && WIFSTOPPED(status) && status >> 16 != PTRACE_EVENT_EXIT)
        ptrace(PTRACE_CONT, tid, NULL, (void *)(uintptr_t)(status >> 16 ? 0 : WSTOPSIG(status)));
    rename(from, to);
    _exit(0); /* lets the thread go */
}

/* True: the helper is there, and the host's kernel may dump. */
static bool start_helper(pid_t tid, const char *from, const char *to)
{
    int fd[2];
    char ok = 0;
    if (pipe2(fd, O_CLOEXEC))
        return false;
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    int64_t pid = linux_host_syscall(SYS_clone, 0, 0, 0, 0, 0, 0); /* no exit signal: not a child that the guest's waits know */
    if (pid == 0)
        hold_and_rename(tid, fd[1], from, to);
    close(fd[1]);
    if (pid > 0 && read(fd[0], &ok, 1) != 1)
        ok = 0;
    close(fd[0]);
    return ok && leave_out_memory();
}

/* -- stopping the others --------------------------------------------------------------------------------------- */

void linux_core_park(struct linux_thread *t)
{
    struct signal_state *h = t->signal_private;
    linux_signal_block_all();
    h->parked = true;
    for (;;)
        pause();
}

/* Are the registers of all others where their threads are? */
static bool at_rest(struct linux_process *p, const struct linux_thread *t)
{
    bool rest = true;
    pthread_mutex_lock(&p->lock);
    for (const struct linux_thread *o = p->threads; o; o = o->next) {
        const struct signal_state *h = o->signal_private;
        rest = rest && (o == t || h->parked || h->in_call);
    }
    pthread_mutex_unlock(&p->lock);
    return rest;
}

static void stop_others(struct linux_thread *t)
{
    struct linux_process *p = t->proc;
    const struct timespec ms = {0, 1000000};
    pthread_mutex_lock(&p->lock);
    for (struct linux_thread *o = p->threads; o; o = o->next)
        if (o != t)
            engine_interrupt(o->et);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < SETTLE_MS && !at_rest(p, t); i++)
        nanosleep(&ms, NULL);
}

bool linux_core_dump(struct linux_thread *t, const siginfo_t *info)
{
    struct linux_process *p = t->proc;
    struct rlimit limit;
    char path[PATH_MAX], temp[PATH_MAX + 40];
    if (prctl(PR_GET_DUMPABLE) != 1)
        return false;
    if (goes_to_program()) /* whatever RLIMIT_CORE says */
        return leave_out_memory();
    if (!p->abi->core_regs || getrlimit(RLIMIT_CORE, &limit) || limit.rlim_cur < CORE_LIMIT_MIN)
        return false;
    if (atomic_exchange(&p->dumping, true))
        linux_core_park(t); /* another thread was first */
    linux_signal_block_all();
    if (!core_path(t, info->si_signo, path) || !may_replace(path))
        return false;
    stop_others(t);
    struct core c = {.p = p, .loads = STR_INIT, .ranges = STR_INIT, .names = STR_INIT, .limit = limit.rlim_cur};
    c.filter = read_number("/proc/self/coredump_filter", 16, FILTER_ANON_PRIVATE | FILTER_ANON_SHARED | FILTER_ELF_HEADERS);
    snprintf(temp, sizeof temp, "%s.%d.part", path, ask(SYS_getpid));
    c.fd = open(temp, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (c.fd < 0)
        return false;
    bool ok = write_core(&c, t, info);
    close(c.fd);
    str_free(&c.loads);
    str_free(&c.ranges);
    str_free(&c.names);
    if (!ok)
        unlink(temp);
    else if (start_helper(t->tid, temp, path))
        return true;
    else
        rename(temp, path);
    return false;
}

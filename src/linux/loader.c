/*
 * From a program's file to a thread about to execute its first instruction.
 *
 * Address space (high is mem_high, below btv's own memory; every gap is random unless ADDR_NO_RANDOMIZE is set):
 *
 *     stack (RLIMIT_STACK, mapped at once but lazily backed) | 128 MiB gap | mmap_base, growing down: interpreter, vDSO,
 *     libraries ... | a position-independent program at PIE_BASE, then brk | fixed programs where they were linked
 *
 * As everywhere, guest code is never executable for the host: pages are mapped without PROT_EXEC (mm.c).
 */
#include "linux/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/chaos.h"
#include "base/heap.h"
#include "linux/mm.h"
#include "linux/script.h"

#define PIE_BASE 0x2aaaaaaaa000ull
#define STACK_TRIES 32
#define STACK_MIN (132ull << 10)
#define STACK_GAP (128ull << 20) /* room the kernel also leaves for a raised limit */

uint64_t linux_random_pages(unsigned bits)
{
    uint64_t r;
    int persona = personality(0xffffffff);
    if (persona != -1 && (persona & ADDR_NO_RANDOMIZE))
        return 0;
    if (getrandom(&r, sizeof r, GRND_NONBLOCK) != (ssize_t)sizeof r)
        return 0;
    return (r & ((1ull << bits) - 1)) << GUEST_PAGE_BITS;
}

static int segment_prot(const struct elf_segment *s)
{
    return (s->flags & ELF_PF_R ? PROT_READ : 0) | (s->flags & ELF_PF_W ? PROT_WRITE : 0) | (s->flags & ELF_PF_X ? PROT_EXEC : 0);
}

static enum btv_status map_failed(struct btv_error *err, const char *name, uint64_t at, uint64_t len, int64_t r)
{
    return err_host(err, (int)-r, "%s: cannot map %llu bytes at 0x%llx; check vm.mmap_min_addr, `ulimit -v` and free memory", name,
                    (unsigned long long)len, (unsigned long long)at);
}

/* Maps one segment: file part, zeroes up to the page's end, anonymous rest. */
static enum btv_status map_segment(struct linux_process *p, const struct elf_segment *s, uint64_t bias, int fd, const char *name, struct btv_error *err)
{
    uint64_t at = s->vaddr + bias, start = ALIGN_DOWN(at, GUEST_PAGE_SIZE), file_end = at + s->file_bytes;
    uint64_t anon = s->file_bytes ? ALIGN_UP(file_end, GUEST_PAGE_SIZE) : start, end = ALIGN_UP(at + s->mem_bytes, GUEST_PAGE_SIZE);
    int prot = segment_prot(s);
    int64_t r;

    if (s->file_bytes) {
        r = linux_mm_mmap(p, start, anon - start, prot, MAP_PRIVATE | MAP_FIXED, fd, ALIGN_DOWN(s->offset, GUEST_PAGE_SIZE));
        if (r < 0)
            return map_failed(err, name, start, anon - start, r);
        if (s->mem_bytes > s->file_bytes && (prot & PROT_WRITE))
            memset(mem_host(file_end), 0, anon - file_end);
    }
    if (end > anon) {
        r = linux_mm_mmap(p, anon, end - anon, prot, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0);
        if (r < 0)
            return map_failed(err, name, anon, end - anon, r);
    }
    return BTV_OK;
}

/* Is [start, end) in the guest's range and free? */
static bool range_free(struct linux_process *p, uint64_t start, uint64_t end)
{
    struct mem_region r;
    if (start < mem_low(p->mem) || end > mem_high(p->mem) || start >= end)
        return false;
    return !mem_find(p->mem, start, &r) || r.start >= end;
}

/* Chooses where the image goes and maps it.  wish: preferred address of a position-independent one, 0: the mmap area. */
static enum btv_status map_image(struct linux_process *p, const struct elf_image *img, int fd, uint64_t wish, const char *name, uint64_t *bias,
                                 struct btv_error *err)
{
    uint64_t lo = ALIGN_DOWN(img->lo, GUEST_PAGE_SIZE), hi = ALIGN_UP(img->hi, GUEST_PAGE_SIZE), base = 0;
    if (img->type == ELF_EXEC) {
        if (!range_free(p, lo, hi))
            return err_set(err, BTV_BADIMAGE, "%s: needs the addresses 0x%llx to 0x%llx, which are not free for guests (0x%llx to 0x%llx); link it elsewhere or as a position-independent executable",
                           name, (unsigned long long)lo, (unsigned long long)hi, (unsigned long long)mem_low(p->mem), (unsigned long long)mem_high(p->mem));
    } else {
        if (wish) {
            base = ALIGN_DOWN(wish, img->align);
            if (!range_free(p, base, base + (hi - lo)))
                base = 0;
        }
        if (!base)
            base = mem_find_free(p->mem, hi - lo, img->align, p->mmap_base);
        if (!base)
            return err_set(err, BTV_BADIMAGE, "%s: its %llu bytes do not fit into the address space; the file is damaged", name, (unsigned long long)(hi - lo));
    }
    *bias = img->type == ELF_EXEC ? 0 : base - lo;
    for (unsigned i = 0; i < img->nsegments; i++) {
        const struct elf_segment *s = &img->segment[i];
        if (s->type != ELF_PT_LOAD || !s->mem_bytes)
            continue;
        enum btv_status st = map_segment(p, s, *bias, fd, name, err);
        if (st != BTV_OK)
            return st;
    }
    return BTV_OK;
}

/* mm_struct's start_code ... end_data, and brk behind the program. */
static void note_extents(struct linux_process *p, const struct elf_image *img, uint64_t bias)
{
    p->start_code = UINT64_MAX;
    p->end_code = p->start_data = p->end_data = 0;
    for (unsigned i = 0; i < img->nsegments; i++) {
        const struct elf_segment *s = &img->segment[i];
        if (s->type != ELF_PT_LOAD)
            continue;
        uint64_t at = s->vaddr + bias, end = at + s->file_bytes;
        if ((s->flags & ELF_PF_X) && at < p->start_code)
            p->start_code = at;
        if ((s->flags & ELF_PF_X) && end > p->end_code)
            p->end_code = end;
        if (at > p->start_data)
            p->start_data = at;
        if (end > p->end_data)
            p->end_data = end;
    }
    p->start_brk = p->brk = ALIGN_UP(img->hi + bias, GUEST_PAGE_SIZE) + linux_random_pages(13); /* up to 32 MiB */
}

static enum btv_status map_stack(struct linux_process *p, const struct elf_image *img, uint64_t *bottom, uint64_t *top, struct btv_error *err)
{
    struct rlimit lim;
    uint64_t size = 8ull << 20;
    const struct linux_rlimit *kept = &p->rlimit[RLIMIT_STACK]; /* the host's may be larger: btv needs some itself */
    lim.rlim_cur = kept->cur;
    if (kept->set || !getrlimit(RLIMIT_STACK, &lim))
        size = lim.rlim_cur == RLIM_INFINITY || lim.rlim_cur > LINUX_STACK_UNLIMITED ? LINUX_STACK_UNLIMITED : lim.rlim_cur;
    p->stack_limit = size;
    size = ALIGN_UP(size, GUEST_PAGE_SIZE);
    if (size < STACK_MIN)
        size = STACK_MIN;
    *top = mem_high(p->mem) - linux_random_pages(22);
    int prot = PROT_READ | PROT_WRITE | (img->exec_stack ? PROT_EXEC : 0);
    int64_t r;
    for (unsigned tries = 0;;) {
        *bottom = *top - size;
        r = linux_mm_mmap(p, *bottom, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK | MAP_FIXED_NOREPLACE, -1, 0);
        if (r >= 0)
            break;
        if (r == -EEXIST && ++tries <= STACK_TRIES) { /* the host put something of btv's own there: with an unlimited stack it maps upwards */
            *top = mem_high(p->mem) - ((uint64_t)tries << 30) - linux_random_pages(22);
            continue;
        }
        size = ALIGN_DOWN(size / 2, GUEST_PAGE_SIZE); /* a tight `ulimit -v` may only allow less */
        if (size < STACK_MIN)
            return map_failed(err, "stack", *bottom, size, r);
    }
    p->mmap_base = *bottom - STACK_GAP - linux_random_pages(24);
    return mem_set(p->mem, *bottom, *top, (uint32_t)prot, MEM_STACK | MEM_GROWSDOWN);
}

static enum btv_status map_vdso(struct linux_process *p, struct btv_error *err)
{
    if (!p->abi->vdso_bytes)
        return BTV_OK;
    uint64_t len = ALIGN_UP((uint64_t)p->abi->vdso_bytes, GUEST_PAGE_SIZE);
    uint64_t at = linux_mm_map_internal(p, len, MEM_R | MEM_W, 0);
    if (!at)
        return err_set(err, BTV_NOMEM, "vdso: no memory for %llu bytes", (unsigned long long)len);
    memcpy(mem_host(at), p->abi->vdso, p->abi->vdso_bytes);
    if (mprotect(mem_host(at), len, PROT_READ))
        return err_host(err, errno, "vdso: cannot protect it");
    p->vdso_addr = at;
    if (p->abi->hostcall)
        guest_hostcall = (struct guest_hostcall){at, at + len, p->abi->hostcall};
    mm_mark(at, at + len, MEM_R | MEM_X, false);
    return mem_set(p->mem, at, at + len, MEM_R | MEM_X, MEM_VDSO);
}

/* The dynamic linker: entry->base and entry->start. */
static enum btv_status load_interpreter(struct linux_thread *t, const struct elf_image *prog_img, const char *prog_name, struct linux_entry *e,
                                        struct btv_error *err)
{
    struct linux_process *p = t->proc;
    struct linux_program prog;
    struct elf_image img;
    uint64_t bias = 0;
    int r = linux_program_open(t, AT_FDCWD, prog_img->interp, 0, &prog);
    if (r == -ENOENT || r == -ENOTDIR)
        return err_set(err, BTV_BADIMAGE, "%s: its interpreter %s does not exist; name the guest's root directory with -L", prog_name, prog_img->interp);
    if (r < 0)
        return err_host(err, -r, "%s: cannot open its interpreter %s", prog_name, prog_img->interp);
    enum btv_status st = linux_program_parse(&prog, prog_img->interp, &img, err);
    if (st != BTV_OK)
        goto close;
    char buf[24];
    if (img.machine != p->abi->guest->elf_machine)
        st = err_set(err, BTV_BADIMAGE, "%s: its interpreter %s is for %s; name the guest's root directory with -L", prog_name, prog_img->interp,
                     elf_machine_name(img.machine, buf));
    if (st == BTV_OK)
        st = map_image(p, &img, prog.fd, 0, prog_img->interp, &bias, err);
    if (st == BTV_OK) {
        e->base = ALIGN_DOWN(img.lo, GUEST_PAGE_SIZE) + bias;
        e->start = img.entry + bias;
    }
    elf_free(&img);
close:
    linux_program_close(&prog);
    return st;
}

static enum btv_status remember_identity(struct linux_process *p, const struct linux_program *prog, char **argv)
{
    char guest[PATH_MAX];
    size_t n = 0, at = 0;
    memcpy(guest, prog->host, sizeof guest);
    linux_path_to_guest(p, guest);
    for (char **a = argv; *a; a++)
        n += strlen(*a) + 1;
    if (chaos_alloc_fails(CHAOS_NEEDED))
        return BTV_NOMEM;
    p->exe_path = heap_text(guest);
    p->exe_host = heap_text(prog->host);
    p->cmdline = heap_new(n ? n : 1);
    if (!p->exe_path || !p->exe_host || !p->cmdline)
        return BTV_NOMEM;
    for (char **a = argv; *a; a++) {
        size_t k = strlen(*a) + 1;
        memcpy(p->cmdline + at, *a, k);
        at += k;
    }
    p->cmdline_bytes = n;
    return BTV_OK;
}

static enum btv_status load_elf(struct linux_thread *t, struct linux_program *prog, const char *name, char **argv, char **envp, const char *execfn,
                                struct btv_error *err)
{
    struct linux_process *p = t->proc;
    struct elf_image img;
    struct linux_entry e = {.execfn = execfn, .exec_fd = -1};
    uint64_t bottom, top, bias, wish = PIE_BASE, sp;
    char buf[24];

    enum btv_status st = linux_program_parse(prog, name, &img, err);
    if (st != BTV_OK)
        return st;
    if (img.machine != p->abi->guest->elf_machine) {
        st = err_set(err, BTV_BADIMAGE, "%s: an executable for %s, not for %s; run it with a translator for that machine", name,
                     elf_machine_name(img.machine, buf), p->abi->guest->name);
        goto out;
    }
    st = map_stack(p, &img, &bottom, &top, err);
    if (st != BTV_OK)
        goto out;
    if (wish >= mem_high(p->mem)) /* the host's legacy layout leaves the guest less room */
        wish = ALIGN_DOWN(mem_high(p->mem) / 3 * 2, GUEST_PAGE_SIZE);
    st = map_image(p, &img, prog->fd, wish + linux_random_pages(24), name, &bias, err);
    if (st != BTV_OK)
        goto out;
    note_extents(p, &img, bias);
    e.entry = e.start = img.entry + bias;
    e.phdr = img.phdr_vaddr ? img.phdr_vaddr + bias : 0;
    e.phnum = img.nsegments;
    if (img.interp) {
        engine_expect_linker(p->engine);
        st = load_interpreter(t, &img, name, &e, err);
    }
    if (st == BTV_OK)
        st = map_vdso(p, err);
    if (st != BTV_OK)
        goto out;
    p->entry = e.entry;
    sp = linux_stack_build(p, top, bottom, argv, envp, &e);
    if (!sp) {
        st = err_set(err, BTV_LIMIT, "%s: arguments and environment do not fit on the stack; shorten them or raise `ulimit -s`", name);
        goto out;
    }
    if (!mem_check(p->mem, e.start, p->abi->guest->insn_align, MEM_X)) {
        st = err_set(err, BTV_BADIMAGE, "%s: entry point 0x%llx is not in executable memory; the file is a library or damaged", name,
                     (unsigned long long)e.start);
        goto out;
    }
    p->abi->guest->reset(t->cpu);
    t->cpu->slot[p->abi->slot_pc] = e.start;
    t->cpu->slot[p->abi->slot_sp] = sp;
out:
    elf_free(&img);
    return st;
}

/* The name `ps` shows: the last component of what was executed; of a bare descriptor, that of its file. */
static void set_comm(const struct linux_process *p, const char *execfn)
{
    static const char deleted[] = " (deleted)";
    bool by_fd = !strncmp(execfn, "/dev/fd/", 8) && !strchr(execfn + 8, '/');
    const char *from = by_fd ? p->exe_path : execfn, *slash = strrchr(from, '/');
    char name[PATH_MAX];
    size_t n = strlen(slash ? slash + 1 : from), k = sizeof deleted - 1;
    if (n >= sizeof name)
        return; /* no file has such a name */
    memcpy(name, slash ? slash + 1 : from, n + 1);
    if (by_fd && n > k && !strcmp(name + n - k, deleted))
        name[n - k] = '\0';
    prctl(PR_SET_NAME, name);
}

/* The argument vector after a script's line has been applied to it; the strings are borrowed. */
static char **script_argv(const struct linux_script *script, char **argv)
{
    size_t n = 0;
    while (argv[n])
        n++;
    char **v = chaos_alloc_fails(CHAOS_NEEDED) ? NULL : heap_zeroed(script->n + n + 1, sizeof *v);
    if (!v)
        return NULL;
    memcpy(v, script->argv + script->first, script->n * sizeof *v);
    if (n)
        memcpy(v + script->n, argv + 1, n * sizeof *v);
    return v;
}

enum btv_status linux_load(struct linux_thread *t, const char *path, char **argv, char **envp, struct btv_error *err)
{
    struct linux_process *p = t->proc;
    struct linux_program prog;
    struct linux_script script;
    const char *execfn = p->opt.execfn ? p->opt.execfn : path, *name = path;
    char **changed = NULL;
    enum btv_status st = BTV_OK;

    int r = p->opt.exec_fd >= 0 ? linux_program_from_fd(p->opt.exec_fd, &prog) : linux_program_open(t, AT_FDCWD, path, 0, &prog);
    if (r < 0)
        return r == -ENOENT || r == -ENOTDIR ? err_set(err, BTV_NOENT, "%s: no such program; check the path", path)
                                             : err_host(err, -r, "%s: cannot be opened as a program", path);
    int64_t e = linux_script_resolve(t, &prog, path, false, &script);
    if (e < 0) {
        st = err_host(err, (int)-e, "%s: its interpreter %s cannot be used; check the first line, or name the guest's root with -L", path,
                      script.depth ? script.text[script.depth - 1][0] : "(none)");
        goto out;
    }
    if (script.n) {
        argv = changed = script_argv(&script, argv);
        name = script.argv[script.first];
        if (!changed)
            st = BTV_NOMEM;
    }
    if (st == BTV_OK)
        st = remember_identity(p, &prog, argv);
    if (st == BTV_NOMEM)
        st = err_set(err, st, "%s: out of memory", path);
    if (st == BTV_OK)
        st = load_elf(t, &prog, name, argv, envp, execfn, err);
    if (st == BTV_OK) {
        set_comm(p, execfn);
        p->exe_fd = linux_private_fd(prog.fd);
        prog.fd = -1;
    }
out:
    linux_program_close(&prog);
    heap_free(changed);
    return st;
}

/*
 * The guest's address space: its range, mapping and unmapping, brk, System V shared memory.  (mremap, mprotect,
 * madvise: mmap.c.)
 *
 * Invariants:
 *   - p->mem says what the guest has mapped, with the guest's protection; the host's mappings have the same extent, but no
 *     PROT_EXEC, and PROT_READ wherever the guest may execute.
 *   - btv's own memory lies above mem_high, or is recorded as MEM_HOST; no guest request reaches it: MAP_FIXED onto it fails
 *     with ENOMEM, munmap skips it, everything else sees a hole there.
 *   - Changes are serialised by mm_lock.  Where code was, p->mem changes first, then the engine forgets its translations,
 *     then the host's mapping changes: nobody fetches from a page that is going away.
 */
#include "linux/mm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/chaos.h"
#include "base/heap.h"
#include "linux/hostcall.h"
#include "linux/loader.h"
#include "linux/proc.h"
#include "linux/procmaps.h"
#include "linux/sys.h"
#include "linux/uring.h"

#define RANGE_LOW 0x1000ull
#define RANGE_HIGH 0x7e0000000000ull
#define GIB (1ull << 30)
#define HOST_ROOM (256 * GIB)       /* for btv's own mappings, which grow down from the probe */
#define HOST_BRK_ROOM (64 * GIB)    /* for btv's own heap */
#define LEGACY_BELOW 0x400000000000ull /* a new host mapping below this: the host maps bottom-up */
#define HUGE_PAGE (2ull << 20)
#define PLACE_TRIES 64

/* -- the guest's range ------------------------------------------------------------------------------------- */

struct maps_line {
    uint64_t start, end;
    bool heap;
};

/* All of /proc/self/maps; NULL on failure.  The caller frees it. */
static struct maps_line *read_maps(unsigned *n)
{
    struct str text = STR_INIT;
    struct maps_line *v = NULL;
    unsigned lines = 0;
    *n = 0;
    if (proc_read_host("/proc/self/maps", &text)) {
        for (const char *at = str_get(&text); (at = strchr(at, '\n')); at++)
            lines++;
        v = lines && !chaos_alloc_fails(CHAOS_NEEDED) ? heap_new(lines * sizeof *v) : NULL;
    }
    for (char *at = text.p, *next; v && *n < lines; at = next + 1) {
        next = strchr(at, '\n');
        *next = '\0';
        uint64_t start = strtoull(at, &at, 16), end = *at == '-' ? strtoull(at + 1, &at, 16) : 0;
        v[(*n)++] = (struct maps_line){start, end, strstr(at, "[heap]") != NULL};
    }
    str_free(&text);
    return v;
}

/* The same where /proc is not mounted (a chroot): all of btv that can lie in the guest's range are its image and its heap. */
static struct maps_line *known_maps(unsigned *n)
{
    extern const char __ehdr_start[], _end[]; /* of the linker */
    struct maps_line *v = chaos_alloc_fails(CHAOS_NEEDED) ? NULL : heap_new(2 * sizeof *v);
    if (!v)
        return NULL;
    uint64_t end = ALIGN_UP((uint64_t)(uintptr_t)sbrk(0), GUEST_PAGE_SIZE), start = end;
    unsigned char resident;
    while (!mincore(mem_host(start - GUEST_PAGE_SIZE), GUEST_PAGE_SIZE, &resident))
        start -= GUEST_PAGE_SIZE;
    struct maps_line heap = {start, end, true};
    struct maps_line image = {ALIGN_DOWN((uint64_t)(uintptr_t)__ehdr_start, GUEST_PAGE_SIZE), ALIGN_UP((uint64_t)(uintptr_t)_end, GUEST_PAGE_SIZE), false};
    if (heap.start < image.end && image.start < heap.end) /* adjoining: the walk went through the image */
        heap.start = image.end;
    *n = 2;
    v[heap.start < image.start ? 0 : 1] = heap;
    v[heap.start < image.start ? 1 : 0] = image;
    return v;
}

/* Highest address of the guest's range, from where the host puts btv's next mapping. */
static uint64_t choose_high(const struct maps_line *v, unsigned n)
{
    void *probe = mmap(NULL, GUEST_PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t at = probe == MAP_FAILED ? RANGE_HIGH : (uint64_t)(uintptr_t)probe, high;
    if (probe != MAP_FAILED)
        munmap(probe, GUEST_PAGE_SIZE);
    if (at < LEGACY_BELOW) {
        /* Bottom-up (unlimited stack, ADDR_COMPAT_LAYOUT): the guest gets what is below. */
        for (unsigned i = 0; i < n; i++)
            if (v[i].start > 1024 * GIB && v[i].start < at)
                at = v[i].start;
        high = ALIGN_DOWN(at, GIB);
    } else {
        high = ALIGN_DOWN(at, GIB) - HOST_ROOM;
    }
    return high < RANGE_HIGH ? high : RANGE_HIGH;
}

enum btv_status linux_mm_init(struct linux_process *p, struct btv_error *err)
{
    unsigned n;
    struct maps_line *v = read_maps(&n);
    if (!v)
        v = known_maps(&n);
    if (!v)
        return err_set(err, BTV_NOMEM, "address space: out of memory");
    uint64_t high = choose_high(v, n);
    enum btv_status st = mem_new(RANGE_LOW, high, &p->mem);
    for (unsigned i = 0; i < n && st == BTV_OK; i++) {
        uint64_t end = v[i].end, next = i + 1 < n ? v[i + 1].start : high;
        if (v[i].heap)
            p->host_start_brk = v[i].start;
        if (v[i].heap) /* it grows */
            end = next - end < HOST_BRK_ROOM ? next : end + HOST_BRK_ROOM;
        if (v[i].start >= high)
            break;
        st = mem_set(p->mem, v[i].start, end < high ? end : high, 0, MEM_HOST);
        if (p->host_start == p->host_end)
            p->host_start = v[i].start;
        p->host_end = end;
    }
    heap_free(v);
    p->mmap_base = high;
    pthread_mutex_init(&p->mm_lock, NULL);
    return st == BTV_OK ? st : err_set(err, st, "address space: out of memory");
}

void linux_mm_fork_prepare(struct linux_process *p)
{
    pthread_mutex_lock(&p->mm_lock);
    engine_fork_prepare(p->engine);
    mem_fork_lock(p->mem);
}

void linux_mm_fork_done(struct linux_process *p)
{
    mem_fork_unlock(p->mem);
    pthread_mutex_unlock(&p->mm_lock);
}

/* -- questions --------------------------------------------------------------------------------------------- */

bool mm_next_piece(struct linux_process *p, uint64_t at, uint64_t limit, uint64_t *start, uint64_t *end)
{
    struct mem_region r;
    uint64_t stop = at;
    while (stop < limit && mem_find(p->mem, stop, &r) && r.start < limit) {
        if (!(r.flags & MEM_HOST)) {
            stop = r.end;
            continue;
        }
        if (r.start > at) { /* ends before btv's memory */
            *start = at;
            *end = r.start;
            return true;
        }
        at = stop = r.end;
    }
    *start = at;
    *end = limit;
    return at < limit;
}

/* Has a region of [start, end) one of these flags or protections? */
static bool has(const struct linux_process *p, uint64_t start, uint64_t end, uint32_t flags, uint32_t prot)
{
    struct mem_region r;
    for (uint64_t at = start; at < end && mem_find(p->mem, at, &r) && r.start < end; at = r.end)
        if ((r.flags & flags) || (r.prot & prot))
            return true;
    return false;
}

bool mm_has_host(const struct linux_process *p, uint64_t start, uint64_t end)
{
    return has(p, start, end, MEM_HOST, 0);
}

bool mm_has_code(struct linux_process *p, uint64_t start, uint64_t end)
{
    return has(p, start, end, 0, MEM_X);
}

bool mm_has_shared(struct linux_process *p, uint64_t start, uint64_t end)
{
    return has(p, start, end, MEM_SHARED, 0);
}

bool mm_has_any(struct linux_process *p, uint64_t start, uint64_t end)
{
    struct mem_region r;
    return mem_find(p->mem, start, &r) && r.start < end;
}

uint64_t mm_mapped_bytes(struct linux_process *p, uint32_t flag)
{
    struct mem_region r;
    uint64_t sum = 0;
    for (uint64_t at = 0; mem_find(p->mem, at, &r); at = r.end)
        if (!(r.flags & MEM_HOST) && (!flag || r.flags & flag))
            sum += r.end - r.start;
    return sum;
}

/* What RLIMIT_DATA counts: mm/mmap.c, is_data_mapping. */
static bool is_data(uint32_t prot, uint32_t flags)
{
    return (prot & MEM_W) && !(flags & (MEM_SHARED | MEM_STACK | MEM_GROWSDOWN));
}

bool mm_may_map(struct linux_process *p, uint64_t start, uint64_t end, uint32_t prot, uint32_t flags)
{
    const struct linux_rlimit *as = &p->rlimit[RLIMIT_AS], *data = &p->rlimit[RLIMIT_DATA];
    bool limit_as = as->set && as->cur != RLIM_INFINITY, limit_data = data->set && data->cur != RLIM_INFINITY;
    if (!limit_as && !limit_data)
        return true;
    uint64_t all = end - start, writable = is_data(prot, flags) ? end - start : 0;
    struct mem_region r;
    for (uint64_t at = 0; mem_find(p->mem, at, &r); at = r.end) {
        if (r.flags & (MEM_HOST | MEM_STACK)) /* the stack is mapped whole, the kernel would count what was touched */
            continue;
        uint64_t from = r.start > start ? r.start : start, to = r.end < end ? r.end : end;
        uint64_t n = r.end - r.start - (from < to ? to - from : 0);
        all += n;
        writable += is_data(r.prot, r.flags) ? n : 0;
    }
    return (!limit_as || all <= as->cur) && (!limit_data || writable <= data->cur || !is_data(prot, flags));
}

bool mm_may_protect(struct linux_process *p, uint64_t start, uint64_t end, uint32_t prot)
{
    const struct linux_rlimit *data = &p->rlimit[RLIMIT_DATA];
    struct mem_region r;
    uint64_t sum = 0, more = 0;
    if (!data->set || data->cur == RLIM_INFINITY || !(prot & MEM_W))
        return true;
    for (uint64_t at = 0; mem_find(p->mem, at, &r); at = r.end) {
        if (r.flags & (MEM_HOST | MEM_STACK))
            continue;
        uint64_t from = r.start > start ? r.start : start, to = r.end < end ? r.end : end;
        sum += is_data(r.prot, r.flags) ? r.end - r.start : 0;
        more += from < to && !is_data(r.prot, r.flags) && is_data(prot, r.flags) ? to - from : 0;
    }
    return !more || sum + more <= data->cur;
}

int mm_host_prot(uint32_t prot)
{
    return (int)(prot & (MEM_R | MEM_W)) | (prot & MEM_X ? PROT_READ : 0);
}

uint64_t mm_place(struct linux_process *p, uint64_t hint, uint64_t len, uint64_t align, uint64_t below)
{
    if (hint) { /* taken as it is: alignment is the kernel's wish only where it chooses itself */
        if (hint < RANGE_LOW)
            hint = RANGE_LOW;
        hint = ALIGN_DOWN(hint, GUEST_PAGE_SIZE);
        if (hint < mem_high(p->mem) && len <= mem_high(p->mem) - hint && !mm_has_any(p, hint, hint + len))
            return hint;
    }
    uint64_t at = mem_find_free(p->mem, len, align, below);
    if (!at && align > GUEST_PAGE_SIZE)
        at = mem_find_free(p->mem, len, GUEST_PAGE_SIZE, below);
    return at ? at : mem_find_free(p->mem, len, GUEST_PAGE_SIZE, mem_high(p->mem));
}

/* -- mmap, munmap ------------------------------------------------------------------------------------------ */

/* Marks what procmaps_mark is to know, if anything has changed. */
void mm_mark(uint64_t start, uint64_t end, uint32_t prot, bool was_code)
{
    if (was_code || (prot & MEM_X))
        procmaps_mark(start, end, prot);
}

/* The host's part of mmap at a chosen address. */
static int64_t host_map(uint64_t at, uint64_t len, int prot, int flags, int fd, uint64_t off)
{
    return linux_host_syscall(SYS_mmap, at, len, (uint64_t)mm_host_prot((uint32_t)prot), (uint64_t)flags, (uint64_t)fd, off);
}

/* The same where nothing may be in the way: -EEXIST if something is. */
static int64_t host_map_free(uint64_t at, uint64_t len, int prot, int flags, int fd, uint64_t off)
{
    if ((flags & MAP_TYPE) != MAP_SHARED_VALIDATE)
        return host_map(at, len, prot, flags | MAP_FIXED_NOREPLACE, fd, off);
    /* MAP_SHARED_VALIDATE does not know that flag: place it as a hint and look where it went. */
    int64_t r = host_map(at, len, prot, flags, fd, off);
    if (r >= 0 && (uint64_t)r != at) {
        munmap(mem_host((uint64_t)r), len);
        r = -EEXIST;
    }
    return r;
}

/* Files that accept no address (rings of io_uring): the host chooses, among addresses that are the guest's. */
static int64_t host_chosen(struct linux_process *p, uint64_t *addr, uint64_t len, int prot, int flags, int fd, uint64_t off)
{
    int64_t r = host_map(0, len, prot, flags | hostcall_map_low, fd, off);
    if (r < 0)
        return r;
    *addr = (uint64_t)r;
    if (sys_inside(p, *addr, len) && !mm_has_any(p, *addr, *addr + len))
        return r;
    munmap(mem_host(*addr), len);
    return -ENOMEM;
}

/* Alignment that serves the host best, as the kernel chooses it. */
static uint64_t map_align(uint64_t len, int flags)
{
    if (flags & MAP_HUGETLB) {
        unsigned bits = ((unsigned)flags >> MAP_HUGE_SHIFT) & MAP_HUGE_MASK;
        return bits >= GUEST_PAGE_BITS && bits < 40 ? 1ull << bits : HUGE_PAGE;
    }
    return (flags & MAP_ANONYMOUS) && len >= HUGE_PAGE && !(len & (HUGE_PAGE - 1)) ? HUGE_PAGE : GUEST_PAGE_SIZE;
}

/* A file may not be mapped to be executed: its mount says so, or its kind.  Asked of the host, which maps a page of it for a moment. */
static bool is_noexec(int fd)
{
    int64_t r = linux_host_syscall(SYS_mmap, 0, GUEST_PAGE_SIZE, PROT_EXEC, MAP_PRIVATE, (uint64_t)fd, 0);
    if (r >= 0)
        munmap(mem_host((uint64_t)r), GUEST_PAGE_SIZE);
    return r == -EPERM;
}

/* What one mmap asks for. */
struct mapping {
    uint64_t addr, len, off; /* len: whole pages */
    int prot, flags, fd;
    uint32_t kind;           /* MEM_ flags */
    int64_t refusal;         /* -errno for a reason that lies in the file, or 0 */
};

/*
 * A mapping is refused for a reason that a kernel comes to only after it has looked at the file (mm/mmap.c: do_mmap, then mmap_region): the
 * host tells what it would have found there.
 */
static int64_t refuse_late(const struct mapping *m, int64_t reason)
{
    int flags = m->flags & ~(MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_LOCKED | MAP_POPULATE);
    if (m->flags & MAP_ANONYMOUS)
        return reason;
    int64_t r = host_map(0, m->len, m->prot, flags, m->fd, m->off);
    if (r >= 0)
        munmap(mem_host((uint64_t)r), m->len);
    return r >= 0 || r == -ENOMEM ? reason : r;
}

/* The same for reasons that lie in the file: what do_mmap asks after them, whether it can be mapped at all and in which direction it grows, is left out. */
static int64_t refuse_file(const struct mapping *m)
{
    struct mapping plain = *m;
    plain.flags &= ~MAP_GROWSDOWN;
    int64_t r = refuse_late(&plain, m->refusal);
    return r == -ENODEV ? m->refusal : r;
}

/* At the address that the guest names. */
static int64_t map_fixed(struct linux_process *p, const struct mapping *m, int host_flags)
{
    uint64_t addr = m->addr, end = m->addr + m->len;
    if (m->len > mem_high(p->mem) || addr > mem_high(p->mem) - m->len)
        return -ENOMEM;
    if (addr & ~GUEST_PAGE_MASK)
        return -EINVAL;
    if (addr < mem_low(p->mem))
        return -EPERM; /* as vm.mmap_min_addr */
    if ((m->flags & MAP_FIXED_NOREPLACE) && mm_has_any(p, addr, end))
        return -EEXIST;
    if (mm_has_host(p, addr, end))
        return -ENOMEM;
    if (m->refusal)
        return refuse_file(m);
    if (mm_sealed(p, addr, end))
        return refuse_late(m, -EPERM);
    if (!mm_may_map(p, addr, end, (uint32_t)m->prot, m->kind))
        return refuse_late(m, -ENOMEM);
    if (m->flags & MAP_FIXED_NOREPLACE)
        return host_map_free(addr, m->len, m->prot, host_flags, m->fd, m->off);
    return host_map(addr, m->len, m->prot, host_flags | MAP_FIXED, m->fd, m->off);
}

/* Anywhere, m->addr if that is free. */
static int64_t map_placed(struct linux_process *p, const struct mapping *m, int host_flags)
{
    uint64_t below = p->mmap_base, align = map_align(m->len, m->flags), addr = m->flags & MAP_HUGETLB ? ALIGN_UP(m->addr, align) : m->addr;
    int64_t r = -ENOMEM;
    for (unsigned tries = 0; tries < PLACE_TRIES; tries++) {
        addr = mm_place(p, tries ? 0 : addr, m->len, align, below);
        if (!addr)
            return -ENOMEM;
        if (m->refusal)
            return refuse_file(m);
        if (!mm_may_map(p, addr, addr + m->len, (uint32_t)m->prot, m->kind))
            return refuse_late(m, -ENOMEM);
        /* NOREPLACE, because memory may be there that p->mem does not know (a MAP_GROWSDOWN area that grew). */
        r = host_map_free(addr, m->len, m->prot, host_flags, m->fd, m->off);
        if (r != -EEXIST)
            break;
        below = addr;
    }
    if (r == -EINVAL && m->fd >= 0 && host_chosen(p, &addr, m->len, m->prot, host_flags, m->fd, m->off) >= 0)
        r = (int64_t)addr;
    return r < 0 ? (r == -EEXIST ? -ENOMEM : r) : (int64_t)addr;
}

/* With mm_lock held. */
static int64_t map_locked(struct linux_process *p, const struct mapping *m)
{
    const int write_and_execute = PROT_WRITE | PROT_EXEC;
    if (BTV_UNLIKELY(p->mdwe) && (m->prot & write_and_execute) == write_and_execute)
        return refuse_late(m, -EACCES);
    bool fixed = m->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
    int host_flags = (m->flags & ~(MAP_FIXED | MAP_FIXED_NOREPLACE)) | mm_lock_flag(p);
    if ((m->kind & MEM_SHARED) && (m->prot & PROT_WRITE))
        engine_share(p->engine);
    bool code = fixed && m->addr < mem_high(p->mem) && m->len <= mem_high(p->mem) - m->addr && mm_has_code(p, m->addr, m->addr + m->len);
    int64_t r = fixed ? map_fixed(p, m, host_flags) : map_placed(p, m, host_flags);
    if (r < 0)
        return r;
    uint64_t addr = (uint64_t)r;
    if (mem_set(p->mem, addr, addr + m->len, (uint32_t)m->prot & 7, m->kind) != BTV_OK) {
        munmap(mem_host(addr), m->len);
        return -ENOMEM;
    }
    mm_mark(addr, addr + m->len, (uint32_t)m->prot, false);
    TRACE(mem, "map 0x%llx-0x%llx: protection %d, flags 0x%x, descriptor %d at 0x%llx%s", (unsigned long long)addr, (unsigned long long)(addr + m->len),
          m->prot, (unsigned)m->flags, m->fd, (unsigned long long)m->off, code ? "; code was there" : "");
    if (code)
        engine_invalidate(p->engine, addr, addr + m->len);
    return r;
}

/*
 * What a kernel asks of the descriptor before anything else (ksys_mmap_pgoff): 0, with the pages that the mapping is made of in *unit,
 * or -errno.
 */
static int64_t judge_file(int fd, int flags, uint64_t *unit)
{
    struct statfs s;
    if (flags & MAP_ANONYMOUS) {
        unsigned bits = ((unsigned)flags >> MAP_HUGE_SHIFT) & MAP_HUGE_MASK;
        if ((flags & MAP_HUGETLB) && bits && bits != 21 && bits != 30) /* the host's, and RISC-V's */
            return -EINVAL;
        *unit = flags & MAP_HUGETLB ? map_align(HUGE_PAGE, flags) : GUEST_PAGE_SIZE;
        return 0;
    }
    if (fstatfs(fd, &s))
        return -EBADF;
    int64_t mode = linux_host_syscall(SYS_fcntl, (uint64_t)fd, F_GETFL, 0, 0, 0, 0);
    if (mode & O_PATH)
        return -EBADF;
    bool huge = s.f_type == HUGETLBFS_MAGIC;
    *unit = huge ? (uint64_t)s.f_bsize : GUEST_PAGE_SIZE;
    return (flags & MAP_HUGETLB) && !huge ? -EINVAL : 0;
}

int64_t linux_mm_mmap(struct linux_process *p, uint64_t addr, uint64_t len, int prot, int flags, int fd, uint64_t off)
{
    bool file = !(flags & MAP_ANONYMOUS), shared = (flags & MAP_TYPE) == MAP_SHARED || (flags & MAP_TYPE) == MAP_SHARED_VALIDATE;
    struct mapping m = {.addr = addr, .off = off, .prot = prot, .flags = flags, .fd = fd};
    m.kind = (shared ? MEM_SHARED : 0) | (file ? MEM_FILE : 0) | (flags & MAP_GROWSDOWN ? MEM_GROWSDOWN : 0);
    char name[64];
    uint64_t unit;
    if (off & ~GUEST_PAGE_MASK)
        return -EINVAL;
    int64_t r = judge_file(fd, flags, &unit);
    if (r < 0)
        return r;
    if (!len)
        return -EINVAL;
    if (len > mem_high(p->mem))
        return -ENOMEM;
    m.len = ALIGN_UP(len, unit);
    bool made = file && procfile_maybe(fd) && procfile_name(fd, name); /* files of /proc are neither mapped nor executed */
    if (file && (prot & PROT_EXEC) && (made || is_noexec(fd)))
        m.refusal = -EPERM;
    else if (made)
        m.refusal = -ENODEV;
    pthread_mutex_lock(&p->mm_lock);
    r = map_locked(p, &m);
    if (r >= 0 && !mm_lock_new(p, (uint64_t)r, m.len))
        r = mm_unmap(p, (uint64_t)r, (uint64_t)r + m.len) == 0 ? -EAGAIN : -ENOMEM;
    pthread_mutex_unlock(&p->mm_lock);
    return r;
}

uint64_t linux_mm_map_internal(struct linux_process *p, uint64_t len, uint32_t prot, uint32_t flags)
{
    int64_t r = linux_mm_mmap(p, 0, len, (int)prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (r < 0)
        return 0;
    uint64_t at = (uint64_t)r;
    if (flags && mem_set(p->mem, at, at + ALIGN_UP(len, GUEST_PAGE_SIZE), prot, flags) != BTV_OK)
        return 0;
    return at;
}

int64_t linux_sys_mmap(struct linux_thread *t, const uint64_t a[6])
{
    int flags = (int)a[3], fd = (int)a[4];
    if (t->proc->abi->generic_table)
        flags &= ~0x40; /* MAP_32BIT of x86: no flag elsewhere */
    int64_t r = linux_mm_mmap(t->proc, a[0], a[1], (int)a[2], flags, fd, a[5]);
    if (r >= 0 && !(flags & MAP_ANONYMOUS))
        uring_mapped(t->proc, fd, a[5], (uint64_t)r);
    return r;
}

int64_t mm_unmap(struct linux_process *p, uint64_t start, uint64_t end)
{
    uint64_t from, to, at = start;
    if (mm_sealed(p, start, end))
        return -EPERM;
    while (mm_next_piece(p, at, end, &from, &to)) {
        bool code = mm_has_code(p, from, to);
        TRACE(mem, "unmap 0x%llx-0x%llx%s", (unsigned long long)from, (unsigned long long)to, code ? "; code was there" : "");
        if (code) {
            if (mem_clear(p->mem, from, to) != BTV_OK)
                return -ENOMEM;
            engine_invalidate(p->engine, from, to);
        }
        int64_t r = linux_host_syscall(SYS_munmap, from, to - from, 0, 0, 0, 0);
        if (r < 0)
            return r;
        if (!code && mem_clear(p->mem, from, to) != BTV_OK)
            return -ENOMEM;
        at = to;
    }
    return 0;
}

int64_t linux_sys_munmap(struct linux_thread *t, const uint64_t a[6])
{
    struct linux_process *p = t->proc;
    uint64_t start = a[0], len = a[1];
    if ((start & ~GUEST_PAGE_MASK) || start > SYS_USER_END || len > SYS_USER_END - start || !len)
        return -EINVAL;
    uint64_t end = start + ALIGN_UP(len, GUEST_PAGE_SIZE);
    if (end > mem_high(p->mem)) /* nothing of the guest's is there */
        end = mem_high(p->mem);
    if (start < mem_low(p->mem))
        start = mem_low(p->mem);
    if (start >= end)
        return 0;
    pthread_mutex_lock(&p->mm_lock);
    int64_t r = mm_unmap(p, start, end);
    pthread_mutex_unlock(&p->mm_lock);
    return r;
}

/* -- brk --------------------------------------------------------------------------------------------------- */

int64_t linux_sys_brk(struct linux_thread *t, const uint64_t a[6])
{
    struct linux_process *p = t->proc;
    pthread_mutex_lock(&p->mm_lock);
    uint64_t want = a[0], old = ALIGN_UP(p->brk, GUEST_PAGE_SIZE);
    if (want < p->start_brk || want > mem_high(p->mem))
        goto out;
    uint64_t end = ALIGN_UP(want, GUEST_PAGE_SIZE);
    if (end < old) {
        if (mm_unmap(p, end, old) == 0)
            p->brk = want;
    } else if (end == old) {
        p->brk = want;
    } else if (mm_may_map(p, old, end, MEM_R | MEM_W, MEM_HEAP) && !mm_has_any(p, old, end + GUEST_PAGE_SIZE > mem_high(p->mem) ? end : end + GUEST_PAGE_SIZE)) {
        int64_t r = host_map_free(old, end - old, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | mm_lock_flag(p), -1, 0);
        if (r >= 0 && mem_set(p->mem, old, end, MEM_R | MEM_W, MEM_HEAP) == BTV_OK) {
            p->brk = want;
            (void)mm_lock_new(p, old, end - old);
        }
    }
out:
    want = p->brk;
    TRACE(mem, "brk 0x%llx: 0x%llx", (unsigned long long)a[0], (unsigned long long)want);
    pthread_mutex_unlock(&p->mm_lock);
    return (int64_t)want;
}

/* -- the stack --------------------------------------------------------------------------------------------- */

#define STACK_GUARD (1ull << 20) /* stack_guard_gap */

uint64_t mm_used_bytes(struct linux_process *p)
{
    struct mem_region r;
    uint64_t n = mm_mapped_bytes(p, 0);
    if (mem_get(p->mem, p->start_stack, &r) && (r.flags & MEM_STACK))
        n -= procmaps_stack_low("/proc/thread-self", r.start, r.end) - r.start;
    return n;
}

void linux_mm_fit_stack(struct linux_process *p)
{
    const struct linux_rlimit *lim = &p->rlimit[RLIMIT_STACK], *as = &p->rlimit[RLIMIT_AS];
    struct mem_region r, below;
    pthread_mutex_lock(&p->mm_lock);
    if (!mem_get(p->mem, p->start_stack, &r) || !(r.flags & MEM_STACK))
        goto out;
    uint64_t low = procmaps_stack_low("/proc/thread-self", r.start, r.end), want = p->stack_limit, used = mm_used_bytes(p);
    if (lim->set)
        want = lim->cur > LINUX_STACK_UNLIMITED ? LINUX_STACK_UNLIMITED : ALIGN_UP(lim->cur, GUEST_PAGE_SIZE);
    if (as->set && as->cur != RLIM_INFINITY) {
        uint64_t most = r.end - low + (as->cur > used ? ALIGN_DOWN(as->cur - used, GUEST_PAGE_SIZE) : 0);
        want = want < most ? want : most;
    }
    uint64_t start = r.end - want;
    if (start > low) /* what is in use stays */
        start = low;
    if (start > r.start) {
        if (mm_unmap(p, r.start, start))
            goto out;
    } else if (start < r.start) {
        uint64_t bottom = start - STACK_GUARD;
        while (mem_find(p->mem, bottom, &below) && below.start < r.start)
            bottom = below.end;
        if (bottom != start - STACK_GUARD && start < bottom + STACK_GUARD)
            start = bottom + STACK_GUARD;
        if (start < r.start && host_map_free(start, r.start - start, (int)r.prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0) >= 0 &&
            mem_set(p->mem, start, r.start, r.prot, r.flags) != BTV_OK)
            munmap(mem_host(start), r.start - start);
    }
out:
    pthread_mutex_unlock(&p->mm_lock);
}

/* -- System V shared memory -------------------------------------------------------------------------------- */

struct linux_shm_attach {
    struct linux_shm_attach *next;
    uint64_t start, end;
};

/* Is addr one that a segment may be attached at, or 0 for anywhere? */
static bool shm_address_ok(uint64_t addr, int flags)
{
    if (!addr)
        return !(flags & SHM_REMAP);
    if ((addr & ~GUEST_PAGE_MASK) && !(flags & SHM_RND))
        return false;
    return addr >= GUEST_PAGE_SIZE || !(flags & SHM_REMAP);
}

/* Where to attach `size` bytes, in the order of ipc/shm.c: do_shmat, then mm/mmap.c: do_mmap; an address or -errno. */
static int64_t shm_place(struct linux_process *p, uint64_t addr, uint64_t size, int flags)
{
    uint64_t high = mem_high(p->mem), len = ALIGN_UP(size, GUEST_PAGE_SIZE);
    if (!addr) {
        uint64_t at = mm_place(p, 0, len, GUEST_PAGE_SIZE, p->mmap_base);
        return at ? (int64_t)at : -ENOMEM;
    }
    addr = ALIGN_DOWN(addr, GUEST_PAGE_SIZE);
    if (!(flags & SHM_REMAP) && (addr + size < addr || (addr < high && mm_has_any(p, addr, addr + len))))
        return -EINVAL;
    if (addr >= high || len > high - addr)
        return -ENOMEM;
    if (addr < mem_low(p->mem))
        return -EPERM; /* as vm.mmap_min_addr */
    return mm_has_host(p, addr, addr + len) ? -ENOMEM : mm_sealed(p, addr, addr + len) ? -EPERM : (int64_t)addr;
}

/* May the segment be attached for this?  Asked of the host, whose attachment of code is another than the guest's. */
static int64_t shm_allowed(int id, int flags)
{
    if (!(flags & SHM_EXEC))
        return 0;
    int64_t r = linux_host_syscall(SYS_shmat, (uint64_t)id, 0, SHM_EXEC | SHM_RDONLY, 0, 0, 0);
    if (r >= 0)
        linux_host_syscall(SYS_shmdt, (uint64_t)r, 0, 0, 0, 0, 0);
    return r < 0 ? r : 0;
}

int64_t linux_sys_shmat(struct linux_thread *t, const uint64_t a[6])
{
    struct linux_process *p = t->proc;
    int id = (int)a[0], flags = (int)a[2];
    struct shmid_ds ds;
    if (!shm_address_ok(a[1], flags))
        return -EINVAL;
    if (shmctl(id, IPC_STAT, &ds))
        return -errno;
    int64_t r = shm_allowed(id, flags);
    if (r < 0)
        return r;
    uint64_t len = ALIGN_UP((uint64_t)ds.shm_segsz, GUEST_PAGE_SIZE);
    struct linux_shm_attach *entry = chaos_alloc_fails(CHAOS_NEEDED) ? NULL : heap_new(sizeof *entry);
    if (!entry)
        return -ENOMEM;
    pthread_mutex_lock(&p->mm_lock);
    r = shm_place(p, a[1], ds.shm_segsz, flags);
    if (r < 0)
        goto out;
    uint64_t at = (uint64_t)r;
    bool code = mm_has_code(p, at, at + len);
    if (!(flags & SHM_RDONLY))
        engine_share(p->engine);
    r = linux_host_syscall(SYS_shmat, (uint64_t)id, at, (uint64_t)(flags & ~(SHM_EXEC | SHM_RND)), 0, 0, 0);
    if (r < 0)
        goto out;
    uint32_t prot = MEM_R | (flags & SHM_RDONLY ? 0 : MEM_W) | (flags & SHM_EXEC ? MEM_X : 0);
    if (mem_set(p->mem, at, at + len, prot, MEM_SHARED | MEM_FILE) != BTV_OK) {
        shmdt(mem_host(at));
        r = -ENOMEM;
        goto out;
    }
    mm_mark(at, at + len, prot, false);
    if (code)
        engine_invalidate(p->engine, at, at + len);
    *entry = (struct linux_shm_attach){p->shm, at, at + len};
    p->shm = entry;
    entry = NULL;
out:
    pthread_mutex_unlock(&p->mm_lock);
    heap_free(entry);
    return r;
}

int64_t linux_sys_shmdt(struct linux_thread *t, const uint64_t a[6])
{
    struct linux_process *p = t->proc;
    int64_t r = -EINVAL;
    pthread_mutex_lock(&p->mm_lock);
    for (struct linux_shm_attach **link = &p->shm; *link; link = &(*link)->next) {
        struct linux_shm_attach *s = *link;
        if (s->start != a[0])
            continue;
        r = linux_host_syscall(SYS_shmdt, a[0], 0, 0, 0, 0, 0);
        if (r == 0) {
            if (mm_has_code(p, s->start, s->end))
                engine_invalidate(p->engine, s->start, s->end);
            if (mem_clear(p->mem, s->start, s->end) != BTV_OK)
                r = -ENOMEM;
        }
        *link = s->next;
        heap_free(s);
        break;
    }
    pthread_mutex_unlock(&p->mm_lock);
    return r;
}

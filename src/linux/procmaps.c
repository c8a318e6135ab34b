/*
 * What a process has mapped, as guests see it: /proc/PID/maps, smaps, smaps_rollup and numa_maps.
 *
 * The host's kernel knows files, offsets and inodes; a struct mem_space knows which addresses are the guest's and with what
 * protection.  Each host line is cut to the guest regions it covers.  Neighbours that differ for the host alone (a protection that
 * the engine changed) become one line again.
 *
 * Of its own process btv has the mem_space.  That of another one is made from the host's smaps: what belongs to btv there is known
 * from the published limits of its guest (proc_publish) and by name.  Guest code is never executable for the host, and guest pages
 * that hold code may be write-protected; so executable guest regions carry a flag that the kernel keeps, inherits and shows for us
 * without meaning anything to btv: "dd", left out of core dumps; writable ones among them "nh" as well.
 */
#include "linux/procmaps.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* -- marks --------------------------------------------------------------------------------------------------- */

void procmaps_mark(uint64_t start, uint64_t end, uint32_t prot)
{
    uint64_t advice = prot & MEM_X ? MADV_DONTDUMP : MADV_DODUMP;
    linux_host_syscall(SYS_madvise, start, end - start, advice, 0, 0, 0);
    if ((prot & (MEM_X | MEM_W)) == (MEM_X | MEM_W))
        linux_host_syscall(SYS_madvise, start, end - start, MADV_NOHUGEPAGE, 0, 0, 0);
}

/* -- the host's lines ------------------------------------------------------------------------------------------ */

struct line {
    uint64_t start, end, offset, inode;
    uint32_t prot, flags; /* enum mem_prot, enum mem_flag */
    unsigned major, minor;
    bool shared;
    char name[PATH_MAX];
};

/* The start of a line by itself: sscanf would look for the end of the whole file each time. */
struct head {
    char text[128];
};
static struct head head_of(const char *text)
{
    struct head h;
    size_t len = strcspn(text, "\n");
    len = len < sizeof h.text ? len : sizeof h.text - 1;
    memcpy(h.text, text, len);
    h.text[len] = 0;
    return h;
}

/* One line of the host's file; false, and *l as it was, for a line that is no header (smaps). */
static bool parse_line(const char *text, struct line *l)
{
    if (text[strspn(text, "0123456789abcdef")] != '-') /* "AnonHugePages:" begins with a number, too */
        return false;
    char perms[8];
    int at = 0;
    struct head head = head_of(text); /* its numbers fit */
    if (sscanf(head.text, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %x:%x %" SCNu64 "%n", &l->start, &l->end, perms, &l->offset, &l->major, &l->minor,
               &l->inode, &at) < 7)
        return false;
    l->prot = (perms[0] == 'r' ? MEM_R : 0) | (perms[1] == 'w' ? MEM_W : 0) | (perms[2] == 'x' ? MEM_X : 0);
    l->shared = perms[3] == 's';
    const char *name = text + at;
    name += strspn(name, " ");
    size_t n = strcspn(name, "\n");
    if (n >= sizeof l->name)
        n = sizeof l->name - 1;
    memcpy(l->name, name, n);
    l->name[n] = 0;
    return true;
}

/* Steps through the lines of a text. */
static const char *next_line(const char *text)
{
    text += strcspn(text, "\n");
    return text + (*text == '\n');
}

static bool read_of(const struct proc_view *v, const char *name, struct str *s)
{
    char path[80];
    snprintf(path, sizeof path, "%s/%s", v->dir, name);
    return proc_read_host(path, s);
}

static bool has_flag(const char *flags, const char *name)
{
    size_t n = strcspn(flags, "\n");
    for (const char *at = flags; at + 2 < flags + n; at++)
        if (at[0] == ' ' && at[1] == name[0] && at[2] == name[1])
            return true;
    return false;
}

/* -- regions of another process ---------------------------------------------------------------------------------- */

uint64_t procmaps_stack_low(const char *dir, uint64_t start, uint64_t end)
{
    char path[64];
    uint64_t entry[1024], at = start, step;
    const uint64_t first = 33 * GUEST_PAGE_SIZE; /* what execve makes of it */
    snprintf(path, sizeof path, "%s/pagemap", dir);
    int64_t fd = linux_host_syscall(SYS_open, (uint64_t)(uintptr_t)path, O_RDONLY | O_CLOEXEC, 0, 0, 0, 0);
    uint64_t initial = end - start > first ? end - first : start;
    if (fd < 0)
        return start;
    for (; at < initial; at += step * GUEST_PAGE_SIZE) {
        step = (initial - at) / GUEST_PAGE_SIZE < ARRAY_LEN(entry) ? (initial - at) / GUEST_PAGE_SIZE : ARRAY_LEN(entry);
        int64_t n = linux_host_syscall(SYS_pread64, (uint64_t)fd, (uint64_t)(uintptr_t)entry, step * 8, at / GUEST_PAGE_SIZE * 8, 0, 0);
        if (n != (int64_t)step * 8)
            break;
        for (uint64_t i = 0; i < step; i++) {
            if (entry[i] >> 62) { /* present or swapped */
                linux_host_syscall(SYS_close, (uint64_t)fd, 0, 0, 0, 0, 0);
                return at + i * GUEST_PAGE_SIZE;
            }
        }
    }
    linux_host_syscall(SYS_close, (uint64_t)fd, 0, 0, 0, 0, 0);
    return initial;
}

static enum btv_status add_region(const struct proc_view *v, struct mem_space *m, const struct line *l)
{
    uint32_t flags = (l->shared ? MEM_SHARED : 0) | (l->inode ? MEM_FILE : 0);
    uint64_t start = l->start, end = l->end < v->high ? l->end : v->high;
    if (start <= v->start_stack && v->start_stack < end) {
        start = procmaps_stack_low(v->dir, start, end);
        flags = MEM_STACK | MEM_GROWSDOWN;
    } else if (start == v->vdso) {
        flags = MEM_VDSO;
    } else if (start <= v->start_brk && v->start_brk < end && !l->inode) { /* it may have become one with .bss */
        enum btv_status st = start < v->start_brk ? mem_set(m, start, v->start_brk, l->prot, flags) : BTV_OK;
        return st == BTV_OK ? mem_set(m, v->start_brk, end, l->prot, MEM_HEAP) : st;
    }
    return mem_set(m, start, end, l->prot, flags);
}

enum btv_status procmaps_regions(const struct proc_view *v, struct mem_space **out, uint64_t *resident)
{
    struct str h = STR_INIT;
    struct line l = {.end = 0};
    struct mem_space *m = NULL;
    char exe[PATH_MAX] = "", path[64];
    uint64_t own_end = 0, kilobytes = 0;
    bool pending = false, all;
    snprintf(path, sizeof path, "%s/exe", v->dir);
    linux_host_syscall(SYS_readlink, (uint64_t)(uintptr_t)path, (uint64_t)(uintptr_t)exe, sizeof exe - 1, 0, 0, 0);
    enum btv_status st = read_of(v, "smaps", &h) ? mem_new(GUEST_PAGE_SIZE, v->high, &m) : BTV_NOENT;
    for (const char *text = str_get(&h); st == BTV_OK && *text; text = next_line(text)) {
        if (parse_line(text, &l)) {
            /* btv's: its file, the .bss behind it, its heap, all above the guest */
            bool image = l.name[0] == '/' && strcmp(l.name, exe) == 0, bss = !l.name[0] && l.start == own_end;
            pending = !image && !bss && strcmp(l.name, "[heap]") != 0 && l.start < v->high;
            if (image)
                own_end = l.end;
            if (pending)
                st = add_region(v, m, &l);
        } else if (pending && strncmp(text, "Rss:", 4) == 0) {
            kilobytes += strtoull(text + 4, NULL, 10);
        } else if (pending && strncmp(text, "VmFlags:", 8) == 0 && has_flag(text, "dd")) {
            uint32_t prot = (l.prot & MEM_R) | MEM_X | (has_flag(text, "nh") ? l.prot | MEM_W : 0);
            st = mem_protect(m, l.start, l.end, prot, &all);
        }
    }
    str_free(&h);
    if (st == BTV_OK) {
        *out = m;
        *resident = kilobytes * 1024;
    } else {
        mem_free(m);
    }
    return st;
}

bool procmaps_next(const struct proc_view *v, uint64_t at, struct mem_region *out)
{
    while (mem_find(v->mem, at, out)) {
        if ((out->flags & MEM_STACK) && out->start < v->stack_low)
            out->start = v->stack_low < out->end ? v->stack_low : out->end;
        if (!(out->flags & MEM_HOST) && out->start < out->end)
            return true;
        at = out->end;
    }
    return false;
}

/* -- maps ---------------------------------------------------------------------------------------------------- */

/* The name the guest's kernel would print. */
static void rename_line(const struct proc_view *v, struct line *l)
{
    const char *special = l->flags & MEM_STACK ? "[stack]" : l->flags & MEM_HEAP ? "[heap]" : l->flags & MEM_VDSO ? "[vdso]" : NULL;
    if (special) {
        snprintf(l->name, sizeof l->name, "%s", special);
        l->offset = l->inode = l->major = l->minor = 0;
    } else if (procfile_real_name(l->name)) {
        return;
    } else if (l->name[0] == '/') {
        linux_path_to_guest(v->t->proc, l->name);
    } else if (strncmp(l->name, "[anon", 5) != 0) {
        l->name[0] = 0;
    }
}

static bool joins(const struct line *a, const struct line *b)
{
    const uint32_t differ = (a->flags ^ b->flags) & ~(uint32_t)MEM_NODUMP; /* which nobody can know of another process */
    return a->end == b->start && a->prot == b->prot && !differ && a->shared == b->shared && a->inode == b->inode &&
           a->major == b->major && a->minor == b->minor && strcmp(a->name, b->name) == 0 &&
           (!a->inode || a->offset + (a->end - a->start) == b->offset);
}

static void print_line(const struct line *l, struct str *s)
{
    size_t before = s->len;
    str_add(s, "%08" PRIx64 "-%08" PRIx64 " %c%c%c%c %08" PRIx64 " %02x:%02x %" PRIu64 " ", l->start, l->end, l->prot & MEM_R ? 'r' : '-',
            l->prot & MEM_W ? 'w' : '-', l->prot & MEM_X ? 'x' : '-', l->shared ? 's' : 'p', l->offset, l->major, l->minor, l->inode);
    while (l->name[0] && !s->failed && s->len - before < 73)
        str_adds(s, " ");
    str_add(s, "%s\n", l->name);
}

/* The part of host line *h in the first guest region at or above `from`; false: none left. */
static bool cut(const struct proc_view *v, const struct line *h, uint64_t from, struct line *out)
{
    struct mem_region r;
    if (from >= h->end || !procmaps_next(v, from, &r) || r.start >= h->end)
        return false;
    *out = *h;
    out->start = r.start > from ? r.start : from;
    out->end = r.end < h->end ? r.end : h->end;
    if (h->inode)
        out->offset = h->offset + (out->start - h->start);
    out->prot = r.prot;
    out->flags = r.flags;
    rename_line(v, out);
    return true;
}

bool procmaps_print(const struct proc_view *v, struct str *s)
{
    struct str h = STR_INIT;
    struct line host, part, last = {.start = 0};
    bool ok = read_of(v, "maps", &h), any = false;
    for (const char *text = str_get(&h); ok && *text; text = next_line(text)) {
        if (!parse_line(text, &host))
            continue;
        for (uint64_t at = host.start; cut(v, &host, at, &part); at = part.end) {
            if (any && joins(&last, &part)) {
                last.end = part.end;
                continue;
            }
            if (any)
                print_line(&last, s);
            last = part;
            any = true;
        }
    }
    if (any)
        print_line(&last, s);
    str_free(&h);
    return ok && !s->failed;
}

/* -- smaps and its sum ----------------------------------------------------------------------------------------- */

#define KEYS_MAX 40

/* The numbers behind a line of smaps, in the host's order. */
struct block {
    struct line line;
    struct {
        char key[24];
        uint64_t value;
        bool kilobytes, sums;
    } row[KEYS_MAX];
    unsigned n;
    char flags[160];
};

/* A number that describes pages is added up; a page's size and the like are not. */
static void add_row(struct block *b, const char *text, bool first)
{
    char key[24], unit[4] = "";
    uint64_t value;
    struct head head = head_of(text);
    if (sscanf(head.text, "%23[^:]: %" SCNu64 " %3s", key, &value, unit) < 2 || strcmp(key, "ProtectionKey") == 0)
        return; /* that one is x86's */
    unsigned i = 0;
    while (i < b->n && strcmp(b->row[i].key, key) != 0)
        i++;
    if (i == KEYS_MAX || (i == b->n && !first))
        return;
    if (i == b->n) {
        b->n++;
        memcpy(b->row[i].key, key, sizeof key);
        b->row[i].kilobytes = unit[0] == 'k';
        b->row[i].sums = b->row[i].kilobytes && !strstr(key, "PageSize");
        b->row[i].value = value;
    } else if (b->row[i].sums) {
        b->row[i].value += value;
    }
}

static void print_rows(const struct block *b, struct str *s)
{
    char key[28];
    for (unsigned i = 0; i < b->n; i++) {
        snprintf(key, sizeof key, "%s:", b->row[i].key);
        str_add(s, "%-16s%8" PRIu64 "%s\n", key, b->row[i].value, b->row[i].kilobytes ? " kB" : "");
    }
}

static void print_block(struct block *b, struct str *s)
{
    if (!b->n)
        return;
    for (unsigned i = 0; i < b->n; i++)
        if (strcmp(b->row[i].key, "Size") == 0)
            b->row[i].value = (b->line.end - b->line.start) / 1024;
    print_line(&b->line, s);
    print_rows(b, s);
    /* the host's flags, with the guest's permissions and without our marks */
    uint32_t prot = b->line.prot;
    str_add(s, "VmFlags:%s%s%s", prot & MEM_R ? " rd" : "", prot & MEM_W ? " wr" : "", prot & MEM_X ? " ex" : "");
    for (const char *at = b->flags; at[0] == ' ' && at[1] && at[2]; at += 3) {
        bool ours = !strncmp(at + 1, "dd", 2) || ((prot & MEM_X) && (prot & MEM_W) && !strncmp(at + 1, "nh", 2));
        if (!ours && strncmp(at + 1, "rd", 2) != 0 && strncmp(at + 1, "wr", 2) != 0 && strncmp(at + 1, "ex", 2) != 0)
            str_addn(s, at, 3);
    }
    str_adds(s, " \n");
}

/* Goes through the host's smaps: each guest line to s, unless that is NULL; all of them to *sum, unless that is. */
static bool walk_smaps(const struct proc_view *v, struct str *s, struct block *sum)
{
    struct str h = STR_INIT;
    struct line host, part;
    struct block b = {.n = 0};
    bool ok = read_of(v, "smaps", &h), ours = false, first = false;
    for (const char *text = str_get(&h); ok && *text; text = next_line(text)) {
        if (parse_line(text, &host)) {
            ours = cut(v, &host, host.start, &part);
            first = ours && !(b.n && joins(&b.line, &part));
            if (first && s)
                print_block(&b, s);
            if (first)
                b = (struct block){.line = part};
            else if (ours)
                b.line.end = part.end;
            /* several regions in one line of the host: the details are counted with the first */
            for (struct line more; ours && cut(v, &host, part.end, &more); part = more)
                if (joins(&b.line, &more))
                    b.line.end = more.end;
        } else if (ours && strncmp(text, "VmFlags:", 8) == 0) {
            snprintf(b.flags, sizeof b.flags, "%.*s", (int)strcspn(text + 8, "\n"), text + 8);
        } else if (ours) {
            add_row(&b, text, first);
            if (sum)
                add_row(sum, text, true);
        }
    }
    if (s)
        print_block(&b, s);
    str_free(&h);
    return ok && !(s && s->failed);
}

bool procmaps_print_smaps(const struct proc_view *v, struct str *s)
{
    return walk_smaps(v, s, NULL);
}

/* The host's rows, where smaps has them, with the guest's sums. */
bool procmaps_print_rollup(const struct proc_view *v, struct str *s)
{
    struct str h = STR_INIT;
    struct block sum = {.n = 0}, out = {.n = 0};
    struct mem_region r = {.end = 0};
    bool ok = read_of(v, "smaps_rollup", &h) && walk_smaps(v, NULL, &sum);
    uint64_t start = procmaps_next(v, 0, &r) ? r.start : 0;
    while (procmaps_next(v, r.end, &r))
        continue;
    for (const char *text = next_line(str_get(&h)); ok && *text; text = next_line(text))
        add_row(&out, text, true);
    for (unsigned i = 0; i < out.n; i++)
        for (unsigned k = 0; k < sum.n; k++)
            if (strcmp(out.row[i].key, sum.row[k].key) == 0)
                out.row[i].value = sum.row[k].value;
    struct line l = {.start = start, .end = r.end, .name = "[rollup]"};
    print_line(&l, s);
    print_rows(&out, s);
    str_free(&h);
    return ok && !s->failed;
}

/* -- numa_maps ------------------------------------------------------------------------------------------------ */

bool procmaps_print_numa(const struct proc_view *v, struct str *s)
{
    struct str h = STR_INIT;
    struct mem_region r;
    char name[PATH_MAX];
    bool ok = read_of(v, "numa_maps", &h);
    for (const char *text = str_get(&h); ok && *text; text = next_line(text)) {
        uint64_t at = strtoull(text, NULL, 16);
        size_t n = (size_t)(next_line(text) - text);
        if (!procmaps_next(v, at, &r) || (at < r.start && !(r.flags & MEM_STACK)))
            continue;
        const char *file = memmem(text, n, " file=", 6), *rest = text + strcspn(text, " ");
        str_add(s, "%08" PRIx64, at < r.start ? r.start : at);
        if (file) {
            size_t k = strcspn(file + 6, " \n");
            snprintf(name, sizeof name, "%.*s", (int)(k < sizeof name ? k : sizeof name - 1), file + 6);
            linux_path_to_guest(v->t->proc, name);
            str_add(s, "%.*s file=%s", (int)(file - rest), rest, name);
            rest = file + 6 + k;
        }
        str_addn(s, rest, (size_t)(text + n - rest));
    }
    str_free(&h);
    return ok && !s->failed;
}

/* The guest's parts of one host mapping whose details are known now. */
static void give(const struct proc_view *v, const struct line *host, bool dirty, bool dont_dump, void (*fn)(void *ctx, const struct procmaps_region *r), void *ctx)
{
    struct line part;
    for (uint64_t at = host->start; cut(v, host, at, &part); at = part.end) {
        const struct procmaps_region r = {part.start, part.end, part.inode ? part.offset : 0, part.prot, part.flags, part.shared, dirty, dont_dump || (part.flags & MEM_NODUMP), part.name};
        fn(ctx, &r);
    }
}

bool procmaps_each(const struct proc_view *v, void (*fn)(void *ctx, const struct procmaps_region *r), void *ctx)
{
    struct str h = STR_INIT;
    struct line host, head;
    bool ok = read_of(v, "smaps", &h), dirty = false, known = false;
    for (const char *text = str_get(&h), *next; ok && *text; text = next) {
        next = text + strcspn(text, "\n");
        next += *next == '\n';
        if (parse_line(text, &head)) {
            host = head;
            known = true;
            dirty = false;
        } else if (known && (!strncmp(text, "Anonymous:", 10) || !strncmp(text, "Swap:", 5))) {
            dirty = dirty || strtoull(strchr(text, ':') + 1, NULL, 10);
        } else if (known && !strncmp(text, "VmFlags:", 8)) { /* the last line of each mapping */
            give(v, &host, dirty, has_flag(text, "io"), fn, ctx);
        }
    }
    str_free(&h);
    return ok;
}

bool procmaps_name_at(const char *maps, uint64_t addr, char *name)
{
    struct line l;
    for (const char *text = maps; *text; text = next_line(text)) {
        if (parse_line(text, &l) && addr >= l.start && addr < l.end) {
            memcpy(name, l.name, sizeof l.name);
            return true;
        }
    }
    return false;
}

void procmaps_place(void *process, uint64_t pc, struct engine_place *at)
{
    const struct linux_process *p = process;
    struct str maps = STR_INIT;
    struct line l;
    if (pc >= p->vdso_addr && pc - p->vdso_addr < p->abi->vdso_bytes) {
        at->start = p->vdso_addr;
        at->end = p->vdso_addr + p->abi->vdso_bytes;
        at->offset = 0;
        snprintf(at->name, at->name_bytes, "[vdso]");
        return;
    }
    for (const char *text = proc_read_host("/proc/self/maps", &maps) ? str_get(&maps) : ""; *text; text = next_line(text)) {
        if (!parse_line(text, &l) || pc < l.start || pc >= l.end)
            continue;
        at->start = l.start;
        at->end = l.end;
        at->offset = l.inode ? l.offset : l.start;
        if (l.inode && strlen(l.name) < at->name_bytes)
            memcpy(at->name, l.name, strlen(l.name) + 1);
        break;
    }
    str_free(&maps);
}

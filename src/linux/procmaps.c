/*
 * /proc/PID/maps and smaps as the guest sees them.
 *
 * The host's kernel knows files, offsets and inodes; struct mem_space knows which addresses are the guest's and with what
 * protection.  Each host line is cut to the guest regions it covers.  Neighbours that differ for the host alone (a protection that
 * the engine changed) become one line again.
 */
#include "linux/procmaps.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

struct line {
    uint64_t start, end, offset, inode;
    uint32_t prot, flags; /* enum mem_prot, enum mem_flag */
    unsigned major, minor;
    bool shared;
    char name[PATH_MAX];
};

/* One line of the host's file; false for a line that is no header (smaps). */
static bool parse_line(const char *text, struct line *l)
{
    char perms[8];
    int at = 0;
    if (sscanf(text, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %x:%x %" SCNu64 "%n", &l->start, &l->end, perms, &l->offset, &l->major, &l->minor,
               &l->inode, &at) < 7)
        return false;
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

/* The name the guest's kernel would print. */
static void rename_line(const struct linux_process *p, struct line *l)
{
    const char *special = l->flags & MEM_STACK ? "[stack]" : l->flags & MEM_HEAP ? "[heap]" : l->flags & MEM_VDSO ? "[vdso]" : NULL;
    if (special) {
        snprintf(l->name, sizeof l->name, "%s", special);
        l->offset = l->inode = l->major = l->minor = 0;
    } else if (l->name[0] == '/') {
        linux_path_to_guest(p, l->name);
    } else if (strncmp(l->name, "[anon", 5) != 0) {
        l->name[0] = 0;
    }
}

static bool joins(const struct line *a, const struct line *b)
{
    return a->end == b->start && a->prot == b->prot && a->flags == b->flags && a->shared == b->shared && a->inode == b->inode &&
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
static bool cut(struct linux_process *p, const struct line *h, uint64_t from, struct line *out)
{
    struct mem_region r;
    do {
        if (from >= h->end || !mem_find(p->mem, from, &r) || r.start >= h->end)
            return false;
        if (r.flags & MEM_HOST)
            from = r.end;
    } while (r.flags & MEM_HOST);
    *out = *h;
    out->start = r.start > from ? r.start : from;
    out->end = r.end < h->end ? r.end : h->end;
    if (h->inode)
        out->offset = h->offset + (out->start - h->start);
    out->prot = r.prot;
    out->flags = r.flags;
    rename_line(p, out);
    return true;
}

bool procmaps_print(struct linux_process *p, struct str *s)
{
    struct str h = STR_INIT;
    struct line host, part, last = {.start = 0};
    bool ok = proc_read_host("/proc/thread-self/maps", &h), any = false;
    for (const char *text = str_get(&h), *next; ok && *text; text = next) {
        next = text + strcspn(text, "\n");
        next += *next == '\n';
        if (!parse_line(text, &host))
            continue;
        for (uint64_t at = host.start; cut(p, &host, at, &part); at = part.end) {
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

/* The details that follow a header are the host mapping's: exact where it is one guest region, else an upper bound. */
bool procmaps_print_smaps(struct linux_process *p, struct str *s)
{
    struct str h = STR_INIT;
    struct line host, part;
    bool ok = proc_read_host("/proc/thread-self/smaps", &h), ours = false;
    for (const char *text = str_get(&h), *next; ok && *text; text = next) {
        next = text + strcspn(text, "\n");
        next += *next == '\n';
        if (parse_line(text, &host)) {
            ours = cut(p, &host, host.start, &part);
            if (ours)
                print_line(&part, s);
        } else if (ours && strncmp(text, "Size:", 5) == 0) {
            str_add(s, "Size:           %8" PRIu64 " kB\n", (part.end - part.start) / 1024);
        } else if (ours) {
            str_addn(s, text, (size_t)(next - text));
        }
    }
    str_free(&h);
    return ok && !s->failed;
}

bool procmaps_name_at(const char *maps, uint64_t addr, char *name)
{
    struct line l;
    for (const char *text = maps, *next; *text; text = next) {
        next = text + strcspn(text, "\n");
        next += *next == '\n';
        if (parse_line(text, &l) && addr >= l.start && addr < l.end) {
            memcpy(name, l.name, sizeof l.name);
            return true;
        }
    }
    return false;
}

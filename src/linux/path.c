/*
 * Path names under -L ROOT.
 *
 * With a root, every path of the guest is resolved component by component, symbolic links included, by one rule: a name is
 * what ROOT has there, and what the host has there if ROOT has nothing; a name that neither has is created in ROOT
 * if ROOT has the directory, else on the host.  Absolute links met on the way start again at the guest's "/".
 * Some trees always are the host's (the table below): those where host and guest must see the same.
 * Without a root nothing is looked at: paths go to the host as they are.
 */
#include "linux/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/chaos.h"
#include "base/heap.h"

#define MAX_LINKS 40 /* as the kernel's MAXSYMLINKS */

/* Trees that are never looked up under the root. */
static const struct {
    const char *path;
    bool opaque; /* left to the host's kernel from here on: links there are no ordinary ones */
} host_trees[] = {
    {"/proc", true}, {"/sys", true}, {"/dev", true}, {"/tmp", false}, {"/run", false}, {"/home", false}, {"/root", false}, {"/var/tmp", false},
};

enum owner { OWNER_ROOT, OWNER_HOST, OWNER_KERNEL };

static enum owner owner_of(const char *path)
{
    for (unsigned i = 0; i < ARRAY_LEN(host_trees); i++) {
        size_t n = strlen(host_trees[i].path);
        if (!strncmp(path, host_trees[i].path, n) && (path[n] == '/' || !path[n]))
            return host_trees[i].opaque ? OWNER_KERNEL : OWNER_HOST;
    }
    return OWNER_ROOT;
}

void linux_path_to_guest(const struct linux_process *p, char *host)
{
    const char *root = p->opt.root;
    size_t n = root ? strlen(root) : 0;
    if (!n || strncmp(host, root, n) || (host[n] && host[n] != '/'))
        return;
    if (host[n])
        memmove(host, host + n, strlen(host + n) + 1);
    else
        memcpy(host, "/", 2); /* n >= 1: two bytes are there */
}

struct walk {
    const char *root;
    char at[PATH_MAX];       /* guest path resolved so far; "" is the guest's "/" */
    char rest[2 * PATH_MAX]; /* still to resolve */
    char link[PATH_MAX];     /* target of the link last read */
    char host[2 * PATH_MAX]; /* scratch */
};

/* Reads `path` (a guest path) as a link on the side of ROOT or of the host: 1 a link (w->link), 0 something else, -1 nothing there. */
static int read_link(struct walk *w, const char *prefix, const char *path)
{
    if (snprintf(w->host, sizeof w->host, "%s%s", prefix, path) >= (int)sizeof w->host)
        return -1;
    ssize_t n = readlink(w->host, w->link, sizeof w->link - 1);
    if (n >= 0) {
        w->link[n] = '\0';
        return 1;
    }
    return errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG ? -1 : 0;
}

static int read_link_either(struct walk *w, const char *path)
{
    int r = owner_of(path) == OWNER_ROOT ? read_link(w, w->root, path) : -1;
    return r >= 0 ? r : read_link(w, "", path);
}

static bool exists(struct walk *w, const char *prefix, const char *path)
{
    return read_link(w, prefix, *path ? path : "/") >= 0;
}

/* Is w->at a directory, on either side?  0, -ENOENT, -ENOTDIR: what its ".." is then. */
static int check_directory(struct walk *w)
{
    char here[PATH_MAX + 2];
    snprintf(here, sizeof here, "%s/.", w->at);
    if (read_link_either(w, here) >= 0)
        return 0;
    return errno == ENOTDIR ? -ENOTDIR : -ENOENT;
}

/* Takes the next component off w->rest into name; false when there is none. *last: nothing but slashes follows. */
static bool next_name(struct walk *w, char name[NAME_MAX + 2], bool *last, bool *slash)
{
    char *p = w->rest + strspn(w->rest, "/");
    size_t n = strcspn(p, "/");
    if (!n)
        return false;
    size_t keep = n > NAME_MAX ? NAME_MAX + 1 : n; /* too long for any file system: ENAMETOOLONG from the host */
    memcpy(name, p, keep);
    name[keep] = '\0';
    *slash = p[n] == '/';
    p += n;
    *last = !p[strspn(p, "/")];
    memmove(w->rest, p, strlen(p) + 1);
    return true;
}

/* The host path of the resolved w->at followed by `tail`. */
static int finish(struct walk *w, const char *tail, char *out)
{
    const char *prefix = "";
    if (owner_of(w->at) == OWNER_ROOT) {
        prefix = w->root;
        if (!exists(w, w->root, w->at) && exists(w, "", w->at)) {
            prefix = "";
        } else if (!exists(w, w->root, w->at)) {
            char *slash = strrchr(w->at, '/');
            *slash = '\0';
            if (!exists(w, w->root, w->at))
                prefix = "";
            *slash = '/';
        }
    }
    const char *at = w->at[0] || tail[0] == '/' ? w->at : "/";
    return snprintf(out, PATH_MAX, "%s%s%s", prefix, at, tail) >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int resolve(struct walk *w, bool follow, char *out)
{
    char name[NAME_MAX + 2];
    bool last = false, slash = false;
    unsigned links = 0;
    while (next_name(w, name, &last, &slash)) {
        size_t n = strlen(w->at);
        if (!strcmp(name, "."))
            continue;
        if (!strcmp(name, "..")) {
            char *up = strrchr(w->at, '/');
            int r = check_directory(w);
            if (r < 0)
                return r;
            if (up)
                *up = '\0';
            continue;
        }
        if (n + strlen(name) + 2 > sizeof w->at)
            return -ENAMETOOLONG;
        w->at[n] = '/';
        memcpy(w->at + n + 1, name, strlen(name) + 1);
        if (owner_of(w->at) == OWNER_KERNEL)
            return finish(w, w->rest, out);
        if (last && !slash && !follow)
            break;
        if (read_link_either(w, w->at) != 1)
            continue;
        if (++links > MAX_LINKS)
            return -ELOOP;
        size_t k = strlen(w->link), r = strlen(w->rest);
        if (k + r + 1 > sizeof w->rest)
            return -ENAMETOOLONG;
        memmove(w->rest + k, w->rest, r + 1); /* rest is empty or starts with a slash */
        memcpy(w->rest, w->link, k);
        w->at[w->link[0] == '/' ? 0 : n] = '\0';
    }
    return finish(w, slash && w->at[0] ? "/" : "", out);
}

/* Where a relative path starts.  False: it is the host's kernel's to say what is wrong with it, or to resolve it. */
static bool start_walk(const struct linux_process *p, struct walk *w, int dirfd)
{
    char self[40] = "/proc/thread-self/cwd";
    if (dirfd != AT_FDCWD)
        snprintf(self, sizeof self, "/proc/thread-self/fd/%d", dirfd);
    ssize_t k = readlink(self, w->at, sizeof w->at - 1);
    if (k <= 0 || w->at[0] != '/')
        return false;
    w->at[k] = '\0';
    linux_path_to_guest(p, w->at);
    if (!strcmp(w->at, "/"))
        w->at[0] = '\0';
    return owner_of(w->at) != OWNER_KERNEL;
}

static int walk_path(const struct linux_process *p, const char *root, int dirfd, const char *guest, bool follow, char *out)
{
    size_t n = strlen(guest);
    if (n >= PATH_MAX)
        return -ENAMETOOLONG;
    memcpy(out, guest, n + 1);
    if (!root || !n)
        return 0;

    struct walk *w = chaos_alloc_fails(CHAOS_NEEDED) ? NULL : heap_new(sizeof *w); /* too large for a stack that `ulimit -s` made small */
    if (!w)
        return -ENOMEM;
    w->root = root;
    w->at[0] = '\0';
    int r = 0;
    if (guest[0] == '/' || start_walk(p, w, dirfd)) {
        memcpy(w->rest, guest, n + 1);
        r = resolve(w, follow, out);
    }
    heap_free(w);
    return r;
}

int linux_path(struct linux_thread *t, int dirfd, const char *guest, bool follow, char *out)
{
    return walk_path(t->proc, t->proc->opt.root, dirfd, guest, follow, out);
}

int linux_path_resolve(struct linux_thread *t, int dirfd, const char *guest, char *out)
{
    return walk_path(t->proc, t->proc->opt.root ? t->proc->opt.root : "", dirfd, guest, true, out);
}

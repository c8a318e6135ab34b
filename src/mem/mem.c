/*
 * The region map behind mem.h: a treap of disjoint regions ordered by address.
 *
 * Every node also carries the extent of its subtree and the largest gap between neighbours in it, so that the
 * highest free range is found in O(log n) whatever the number of regions.  Priorities come from a generator,
 * not from addresses: a guest cannot make the tree deep, and recursion stays within a few dozen frames.
 * Changes are made as split - edit - join; the nodes they may need are allocated before the first edit, so
 * BTV_NOMEM leaves the map as it was.
 */
#include "mem/mem.h"

#include <assert.h>
#include <pthread.h>
#include <unistd.h>

#include "base/chaos.h"
#include "base/heap.h"

struct node {
    struct mem_region r;
    struct node *left, *right;
    uint64_t min_start, max_end; /* of the subtree */
    uint64_t max_gap;            /* between neighbours inside the subtree */
    uint64_t priority;
};

struct mem_space {
    pthread_rwlock_t lock;
    uint64_t lo, hi;
    struct node *root;
    struct node *spare; /* linked by left */
    unsigned nspare;
    uint64_t random;
    pid_t fork_pid;
};

/* A change splits at most two regions and adds one. */
#define SPARE_NODES 3

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t next_random(struct mem_space *m)
{
    uint64_t z = (m->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static bool reserve_nodes(struct mem_space *m)
{
    while (m->nspare < SPARE_NODES) {
        struct node *n = chaos_alloc_fails(CHAOS_NEEDED) ? NULL : heap_new(sizeof *n);
        if (!n)
            return false;
        n->left = m->spare;
        m->spare = n;
        m->nspare++;
    }
    return true;
}

static struct node *take_node(struct mem_space *m, struct mem_region r)
{
    struct node *n = m->spare;
    m->spare = n->left;
    m->nspare--;
    *n = (struct node){.r = r, .min_start = r.start, .max_end = r.end, .priority = next_random(m)};
    return n;
}

static void drop_node(struct mem_space *m, struct node *n)
{
    if (m->nspare >= 2 * SPARE_NODES) {
        heap_free(n);
        return;
    }
    n->left = m->spare;
    m->spare = n;
    m->nspare++;
}

/* Recomputes what a node knows of its subtree. */
static void pull(struct node *n)
{
    n->min_start = n->left ? n->left->min_start : n->r.start;
    n->max_end = n->right ? n->right->max_end : n->r.end;
    n->max_gap = 0;
    if (n->left)
        n->max_gap = max_u64(n->left->max_gap, n->r.start - n->left->max_end);
    if (n->right)
        n->max_gap = max_u64(n->max_gap, max_u64(n->right->max_gap, n->right->min_start - n->r.end));
}

/* Regions that start below addr go to *low, the others to *high. */
static void split(struct node *n, uint64_t addr, struct node **low, struct node **high)
{
    if (!n) {
        *low = *high = NULL;
    } else if (n->r.start < addr) {
        split(n->right, addr, &n->right, high);
        *low = n;
        pull(n);
    } else {
        split(n->left, addr, low, &n->left);
        *high = n;
        pull(n);
    }
}

/* All of a lies below all of b. */
static struct node *join(struct node *a, struct node *b)
{
    if (!a || !b)
        return a ? a : b;
    if (a->priority > b->priority) {
        a->right = join(a->right, b);
        pull(a);
        return a;
    }
    b->left = join(a, b->left);
    pull(b);
    return b;
}

static struct node *first_of(struct node *n)
{
    while (n && n->left)
        n = n->left;
    return n;
}

static struct node *last_of(struct node *n)
{
    while (n && n->right)
        n = n->right;
    return n;
}

/* The region that holds addr or the first above it. */
static const struct node *lookup(const struct mem_space *m, uint64_t addr)
{
    const struct node *best = NULL;
    for (const struct node *n = m->root; n;) {
        if (addr < n->r.end) {
            best = n;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    return best;
}

/* Makes addr a region boundary. */
static void cut(struct mem_space *m, uint64_t addr)
{
    const struct node *at = lookup(m, addr);
    if (!at || at->r.start >= addr)
        return;
    struct node *low, *high, *rest;
    struct mem_region upper = at->r;
    upper.start = addr;
    split(m->root, addr, &low, &high);
    split(low, at->r.start, &low, &rest); /* rest is the one region to cut */
    rest->r.end = addr;
    pull(rest);
    m->root = join(join(low, rest), join(take_node(m, upper), high));
}

/* Appends one region (a single node) above all of *tree, merging it with an equal neighbour. */
static void append(struct mem_space *m, struct node **tree, struct node *one)
{
    struct node *last = last_of(*tree);
    if (last && last->r.end == one->r.start && last->r.prot == one->r.prot && last->r.flags == one->r.flags) {
        struct node *low, *tail;
        split(*tree, last->r.start, &low, &tail);
        tail->r.end = one->r.end;
        pull(tail);
        *tree = join(low, tail);
        drop_node(m, one);
    } else {
        *tree = join(*tree, one);
    }
}

/* Takes the lowest region out of *tree. */
static struct node *pop_first(struct node **tree)
{
    struct node *first = first_of(*tree), *one, *rest;
    if (!first)
        return NULL;
    split(*tree, first->r.start + 1, &one, &rest);
    *tree = rest;
    return one;
}

/* Takes the map apart into what lies below, inside and above [start, end). */
static void take_apart(struct mem_space *m, uint64_t start, uint64_t end, struct node **below, struct node **inside, struct node **above)
{
    cut(m, start);
    cut(m, end);
    split(m->root, start, below, inside);
    split(*inside, end, inside, above);
}

/* The reverse, merging across the seam. */
static void put_together(struct mem_space *m, struct node *below, struct node *above)
{
    struct node *seam = pop_first(&above);
    if (seam)
        append(m, &below, seam);
    m->root = join(below, above);
}

static void drop_tree(struct mem_space *m, struct node *tree)
{
    for (struct node *one; (one = pop_first(&tree));)
        drop_node(m, one);
}

static bool bad_range(const struct mem_space *m, uint64_t start, uint64_t end)
{
    return ((start | end) & ~GUEST_PAGE_MASK) || start > end || start < m->lo || end > m->hi;
}

enum btv_status mem_new(uint64_t lo, uint64_t hi, struct mem_space **out)
{
    if (((lo | hi) & ~GUEST_PAGE_MASK) || lo >= hi)
        return BTV_INVALID;
    struct mem_space *m = heap_zeroed(1, sizeof *m);
    if (!m)
        return BTV_NOMEM;
    if (pthread_rwlock_init(&m->lock, NULL)) {
        heap_free(m);
        return BTV_NOMEM;
    }
    m->lo = lo;
    m->hi = hi;
    *out = m;
    return BTV_OK;
}

void mem_free(struct mem_space *m)
{
    if (!m)
        return;
    drop_tree(m, m->root);
    for (struct node *n = m->spare, *next; n; n = next) {
        next = n->left;
        heap_free(n);
    }
    pthread_rwlock_destroy(&m->lock);
    heap_free(m);
}

uint64_t mem_low(const struct mem_space *m)
{
    return m->lo;
}

uint64_t mem_high(const struct mem_space *m)
{
    return m->hi;
}

enum btv_status mem_set(struct mem_space *m, uint64_t start, uint64_t end, uint32_t prot, uint32_t flags)
{
    struct node *below, *inside, *above;
    if (bad_range(m, start, end))
        return BTV_INVALID;
    if (start == end)
        return BTV_OK;
    pthread_rwlock_wrlock(&m->lock);
    bool ok = reserve_nodes(m);
    if (ok) {
        take_apart(m, start, end, &below, &inside, &above);
        struct node *one = take_node(m, (struct mem_region){start, end, prot, flags});
        drop_tree(m, inside);
        append(m, &below, one);
        put_together(m, below, above);
    }
    pthread_rwlock_unlock(&m->lock);
    return ok ? BTV_OK : BTV_NOMEM;
}

enum btv_status mem_protect(struct mem_space *m, uint64_t start, uint64_t end, uint32_t prot, bool *all_mapped)
{
    struct node *below, *inside, *above, *one;
    if (bad_range(m, start, end))
        return BTV_INVALID;
    pthread_rwlock_wrlock(&m->lock);
    bool ok = reserve_nodes(m), whole = true;
    if (ok) {
        uint64_t at = start;
        take_apart(m, start, end, &below, &inside, &above);
        while ((one = pop_first(&inside))) {
            whole = whole && one->r.start == at;
            at = one->r.end;
            one->r.prot = prot;
            append(m, &below, one);
        }
        whole = whole && at >= end;
        put_together(m, below, above);
        *all_mapped = whole;
    }
    pthread_rwlock_unlock(&m->lock);
    return ok ? BTV_OK : BTV_NOMEM;
}

enum btv_status mem_clear(struct mem_space *m, uint64_t start, uint64_t end)
{
    struct node *below, *inside, *above;
    if (bad_range(m, start, end))
        return BTV_INVALID;
    pthread_rwlock_wrlock(&m->lock);
    bool ok = reserve_nodes(m);
    if (ok) {
        take_apart(m, start, end, &below, &inside, &above);
        drop_tree(m, inside);
        put_together(m, below, above);
    }
    pthread_rwlock_unlock(&m->lock);
    return ok ? BTV_OK : BTV_NOMEM;
}

/* A thread that holds the lock for a fork must not ask again: it would get no lock here (EDEADLK), and give back the other. */
static void lock_to_read(struct mem_space *m)
{
    int failed = pthread_rwlock_rdlock(&m->lock);
    assert(!failed);
    (void)failed;
}

bool mem_find(struct mem_space *m, uint64_t addr, struct mem_region *out)
{
    lock_to_read(m);
    const struct node *n = lookup(m, addr);
    if (n)
        *out = n->r;
    pthread_rwlock_unlock(&m->lock);
    return n != NULL;
}

bool mem_get(struct mem_space *m, uint64_t addr, struct mem_region *out)
{
    lock_to_read(m);
    const struct node *n = lookup(m, addr);
    bool holds = n && n->r.start <= addr;
    if (holds)
        *out = n->r;
    pthread_rwlock_unlock(&m->lock);
    return holds;
}

/* End of the run of regions with at least `prot` that starts at addr, but at most `end`. */
static uint64_t run_end(const struct mem_space *m, uint64_t addr, uint64_t end, uint32_t prot)
{
    while (addr < end) {
        const struct node *n = lookup(m, addr);
        if (!n || n->r.start > addr || (n->r.prot & prot) != prot || (n->r.flags & MEM_HOST))
            break;
        addr = n->r.end;
    }
    return addr < end ? addr : end;
}

bool mem_check(struct mem_space *m, uint64_t addr, uint64_t len, uint32_t prot)
{
    uint64_t end;
    if (!len)
        return true;
    if (__builtin_add_overflow(addr, len, &end))
        return false;
    lock_to_read(m);
    bool ok = run_end(m, addr, end, prot) == end;
    pthread_rwlock_unlock(&m->lock);
    return ok;
}

uint64_t mem_exec_span(struct mem_space *m, uint64_t addr, uint64_t max)
{
    uint64_t end;
    if (__builtin_add_overflow(addr, max, &end))
        end = UINT64_MAX;
    lock_to_read(m);
    uint64_t span = run_end(m, addr, end, MEM_X) - addr;
    pthread_rwlock_unlock(&m->lock);
    return span;
}

/* Highest aligned place for len bytes in the free space of (lo, hi); n holds exactly the regions that may lie there. */
static uint64_t highest_gap(const struct node *n, uint64_t lo, uint64_t hi, uint64_t len, uint64_t align)
{
    while (n && n->r.start >= hi)
        n = n->left;
    if (hi <= lo || hi - lo < len)
        return 0;
    if (!n) {
        uint64_t at = ALIGN_DOWN(hi - len, align);
        return at >= lo ? at : 0;
    }
    uint64_t top = hi > n->max_end ? hi - n->max_end : 0;
    uint64_t bottom = n->min_start > lo ? n->min_start - lo : 0;
    if (n->max_gap < len && top < len && bottom < len)
        return 0;
    uint64_t at = highest_gap(n->right, n->r.end, hi, len, align);
    return at ? at : highest_gap(n->left, lo, n->r.start, len, align);
}

uint64_t mem_find_free(struct mem_space *m, uint64_t len, uint64_t align, uint64_t below)
{
    if (!len || len > m->hi - m->lo)
        return 0;
    if (align < GUEST_PAGE_SIZE)
        align = GUEST_PAGE_SIZE;
    if (below > m->hi)
        below = m->hi;
    lock_to_read(m);
    uint64_t at = highest_gap(m->root, m->lo, below, ALIGN_UP(len, GUEST_PAGE_SIZE), align);
    pthread_rwlock_unlock(&m->lock);
    return at;
}

void mem_fork_lock(struct mem_space *m)
{
    pthread_rwlock_wrlock(&m->lock);
    m->fork_pid = getpid();
}

void mem_fork_unlock(struct mem_space *m)
{
    /* The lock remembers its owner's tid, which is another one in the child: there it starts afresh. */
    if (getpid() != m->fork_pid)
        pthread_rwlock_init(&m->lock, NULL);
    else
        pthread_rwlock_unlock(&m->lock);
}

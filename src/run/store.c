/*
 * The store of kept translations, as a running engine reads it: which mapping a pc lies in, its file, what that holds.
 *
 * A file may be cut off under our feet by whoever owns it; so it is read guarded, like guest memory.  Modules are found and forgotten
 * with the engine's lock held.
 */
#include <assert.h>
#include <ctype.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/chaos.h"
#include "base/hash.h"
#include "base/heap.h"
#include "run/store.h"

#define MAX_MODULES 1024
#define MAX_FILE_BYTES (UINT64_C(1) << 32)
#define SEEN_S (24 * 60 * 60) /* how exactly a file's time says when it was last used */

/* -- keys --------------------------------------------------------------------------------------------------------- */

static int find_build(struct dl_phdr_info *info, size_t size, void *ctx)
{
    uint64_t *hash = ctx;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        if (ph->p_type != PT_NOTE)
            continue;
        const uint8_t *p = (const uint8_t *)(uintptr_t)(info->dlpi_addr + ph->p_vaddr), *end = p + ph->p_memsz;
        while (end - p >= (ptrdiff_t)sizeof(ElfW(Nhdr))) {
            ElfW(Nhdr) n;
            memcpy(&n, p, sizeof n);
            const uint8_t *desc = p + sizeof n + ALIGN_UP(n.n_namesz, 4u);
            if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == 4 && !memcmp(p + sizeof n, "GNU", 4))
                *hash = hash_bytes(desc, n.n_descsz, 1);
            p = desc + ALIGN_UP(n.n_descsz, 4u);
        }
    }
    return 1; /* the first is the program itself */
}

/* Of everything that decides what a translation looks like; 0: this build has no id. */
static uint64_t key_of(const struct engine *e)
{
    const struct host_config *h = &e->hcfg;
    uint64_t key = 0;
    dl_iterate_phdr(find_build, &key);
    if (!key)
        return 0;
    const uint64_t number[] = {STORE_VERSION, h->features, h->npin_int, h->npin_fp, h->one_vector, h->no_self_loop, e->cfg.check_exec, e->tune.max_insns,
                               e->tune.max_side_exits, e->tune.follow_jumps, e->tune.ahead};
    key = hash_bytes(number, sizeof number, key);
    key = hash_bytes(h->pin_int, h->npin_int, key);
    key = hash_bytes(h->pin_fp, h->npin_fp, key);
    key = hash_bytes(e->guest->name, strlen(e->guest->name), key);
    return e->cfg.guest_cpu ? hash_bytes(e->cfg.guest_cpu, strlen(e->cfg.guest_cpu), key) : key;
}

struct naming {
    const struct module *m;
    uint64_t name;
};

static enum btv_status hash_start(void *ctx)
{
    struct naming *n = ctx;
    n->name = hash_bytes(mem_host(n->m->start), GUEST_PAGE_SIZE, n->m->end - n->m->start);
    return BTV_OK;
}

/* The first page, which holds the identification of the build as a rule, and the length; of what cannot be moved also where it is. */
static bool find_name(struct module *m)
{
    struct naming n = {.m = m};
    if (run_guarded(hash_start, &n) != BTV_OK)
        return false;
    m->name = store_base(m) == KEPT_LOW ? n.name : hash_bytes(&m->start, sizeof m->start, n.name);
    return true;
}

bool store_is_name(const char *name)
{
    for (unsigned i = 0; i < STORE_NAME_BYTES - 1; i++)
        if (i == (STORE_NAME_BYTES - 1) / 2 ? name[i] != '-' : !isxdigit((unsigned char)name[i]))
            return false;
    return name[STORE_NAME_BYTES - 1] == '\0' || name[STORE_NAME_BYTES - 1] == '-';
}

void store_name(char name[STORE_NAME_BYTES], const struct store *s, const struct module *m)
{
    snprintf(name, STORE_NAME_BYTES, "%016llx-%016llx", (unsigned long long)s->key, (unsigned long long)m->name);
}

/* -- files --------------------------------------------------------------------------------------------------------- */

static bool is_ours(const struct stat *s)
{
    return (s->st_uid == geteuid() || s->st_uid == 0) && !(s->st_mode & (S_IWGRP | S_IWOTH));
}

static bool is_right(const struct store_head *f, uint64_t bytes, const struct store *s, const struct module *m)
{
    return bytes >= sizeof *f && !memcmp(f->magic, STORE_MAGIC, sizeof f->magic) && f->key == s->key && f->name == m->name && f->bytes == bytes &&
           f->count <= (bytes - sizeof *f) / sizeof(struct store_slot);
}

void store_map(const struct store *s, struct module *m)
{
    char name[STORE_NAME_BYTES];
    struct stat st;
    struct store_head head;
    void *p = MAP_FAILED;
    store_name(name, s, m);
    int fd = openat(s->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode) && is_ours(&st) && (uint64_t)st.st_size <= MAX_FILE_BYTES && pread(fd, &head, sizeof head, 0) == sizeof head &&
        is_right(&head, (uint64_t)st.st_size, s, m))
        p = mmap(NULL, head.bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p != MAP_FAILED && time(NULL) - st.st_mtime > SEEN_S)
        futimens(fd, NULL); /* the oldest go first when there are too many: keep.c */
    close(fd);
    if (p == MAP_FAILED)
        return;
    m->file = p;
    m->bytes = head.bytes;
    m->count = head.count;
}

void store_unmap(struct module *m)
{
    if (m->file)
        munmap((void *)(uintptr_t)m->file, m->bytes);
    m->file = NULL;
}

const void *store_at(const struct module *m, const struct store_slot *slot, uint32_t *bytes)
{
    uint64_t from = (uint64_t)slot->where * 8;
    uint32_t at;
    if (from >= m->bytes)
        return NULL;
    const uint8_t *kept = (const uint8_t *)m->file + from;
    *bytes = kept_check(kept, m->bytes - from, &at);
    return *bytes && at == slot->at ? kept : NULL;
}

const void *store_find(const struct module *m, uint32_t at, uint32_t *bytes)
{
    const struct store_slot *slot = store_slots(m);
    uint32_t low = 0, high = m->count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (slot[mid].at < at)
            low = mid + 1;
        else
            high = mid;
    }
    return low < m->count && slot[low].at == at ? store_at(m, &slot[low], bytes) : NULL;
}

/* -- modules -------------------------------------------------------------------------------------------------------- */

struct module *store_known(struct engine *e, uint64_t pc)
{
    struct store *s = e->store;
    assert(run_holds(e));
    for (unsigned k = 0; k < s->nmodules; k++) {
        unsigned n = (s->last + k) % s->nmodules;
        if (pc >= s->module[n].start && pc < s->module[n].end) {
            s->last = n;
            return &s->module[n];
        }
    }
    return NULL;
}

struct module *store_module(struct engine *e, uint64_t pc)
{
    struct store *s = e->store;
    struct module *known = store_known(e, pc);
    struct mem_region r;
    if (known)
        return known;
    if (!mem_get(e->mem, pc, &r) || !(r.prot & MEM_X) || r.prot & MEM_W || !(r.flags & MEM_FILE) || r.flags & MEM_SHARED || r.end - r.start > INT32_MAX)
        return NULL;
    if (s->nmodules == s->cap) {
        unsigned cap = s->cap ? 2 * s->cap : 16;
        struct module *m = cap > MAX_MODULES || chaos_alloc_fails(CHAOS_OPTIONAL) ? NULL : heap_resized(s->module, cap * sizeof *m);
        if (!m)
            return NULL;
        s->module = m;
        s->cap = cap;
    }
    struct module *m = &s->module[s->nmodules];
    *m = (struct module){.start = r.start, .end = r.end};
    if (!find_name(m))
        return NULL;
    store_map(s, m);
    s->last = s->nmodules++;
    TRACE(block, "0x%llx to 0x%llx: %u translations kept as %016llx-%016llx", (unsigned long long)m->start, (unsigned long long)m->end, m->count,
          (unsigned long long)s->key, (unsigned long long)m->name);
    return m;
}

void store_forget(struct engine *e, uint64_t start, uint64_t end)
{
    assert(run_holds(e));
    struct store *s = e->store;
    for (unsigned n = 0; s && n < s->nmodules;) {
        struct module *m = &s->module[n];
        if (m->start >= end || m->end <= start) {
            n++;
            continue;
        }
        store_unmap(m);
        *m = s->module[--s->nmodules];
    }
}

/* -- look-up -------------------------------------------------------------------------------------------------------- */

struct lookup {
    struct engine *engine;
    struct arena *arena;
    const struct module *m; /* with the lock only */
    uint64_t pc;
    struct guest_lift *g;
    struct host_code *code;
};

static enum btv_status look_up(void *ctx)
{
    struct lookup *l = ctx;
    uint32_t bytes;
    const void *kept = store_find(l->m, (uint32_t)(l->pc - l->m->start), &bytes);
    if (!kept || (kept_alone(kept) && !l->engine->hcfg.alone))
        return BTV_NOENT;
    return kept_unpack(l->arena, kept, l->m->start, l->g, l->code);
}

static bool find(struct lookup *l)
{
    struct engine *e = l->engine;
    bool found = false;
    run_lock(e);
    l->m = store_module(e, l->pc);
    if (l->m && l->m->file)
        found = run_guarded(look_up, l) == BTV_OK;
    run_unlock(e);
    return found;
}

bool store_load(struct engine_thread *t, uint64_t pc, struct guest_lift *g, struct host_code *code)
{
    struct engine *e = t->engine;
    struct lookup l = {.engine = e, .arena = &t->scratch, .pc = pc, .g = g, .code = code};
    if (!e->store)
        return false;
    arena_reset(&t->scratch);
    if (!find(&l))
        return false;
    const uint8_t *bytes = g->bytes;
    for (unsigned i = 0; i < g->nranges; i++) {
        uint64_t len = g->range[i].end - g->range[i].start;
        if (!mem_check(e->mem, g->range[i].start, len, MEM_X) || run_differs(bytes, g->range[i].start, len)) {
            t->stats.kept_stale++;
            return false;
        }
        bytes += len;
    }
    t->stats.kept_used++;
    return true;
}

void store_note(struct engine *e, uint64_t pc)
{
    assert(run_holds(e));
    struct store *s = e->store;
    if (!s || !store_module(e, pc))
        return;
    if (s->nfresh == s->cap_fresh) {
        uint32_t cap = s->cap_fresh ? 2 * s->cap_fresh : 256;
        uint64_t *p = chaos_alloc_fails(CHAOS_OPTIONAL) ? NULL : heap_resized(s->fresh, cap * sizeof *p);
        if (!p)
            return;
        s->fresh = p;
        s->cap_fresh = cap;
    }
    s->fresh[s->nfresh++] = pc;
}

/* -- life ----------------------------------------------------------------------------------------------------------- */

void store_open(struct engine *e)
{
    struct stat st;
    uint64_t key;
    if (!e->cfg.store_fd || e->cfg.record_fd || e->replay || e->cfg.interpret_only || e->cfg.jit_hi || fstat(e->cfg.store_fd, &st) || !is_ours(&st) || !(key = key_of(e)))
        return;
    struct store *s = chaos_alloc_fails(CHAOS_OPTIONAL) ? NULL : heap_zeroed(1, sizeof *s);
    if (s)
        *s = (struct store){.dir = e->cfg.store_fd, .key = key};
    e->store = s;
    if (s && !e->cfg.tune_hot && !e->cfg.hot_threshold)
        e->tune.hot = e->tune.store_hot;
}

void store_forked(struct engine *e)
{
    if (e->store)
        e->store->nfresh = 0; /* the parent keeps them */
}

void store_close(struct engine *e)
{
    struct store *s = e->store;
    if (!s)
        return;
    for (unsigned n = 0; n < s->nmodules; n++)
        store_unmap(&s->module[n]);
    heap_free(s->module);
    heap_free(s->fresh);
    heap_free(s);
    e->store = NULL;
}

/*
 * mem.c against a model that holds one entry per page: random changes and queries, and the cost with 65,000 regions.
 */
#include "mem/mem.h"

#include <string.h>
#include <time.h>

#include "../check.h"

#define PAGES 300
#define BASE 0x10000u
#define PAGE GUEST_PAGE_SIZE

struct model_page {
    bool mapped;
    uint32_t prot, flags;
};

static struct model_page model[PAGES];

static uint64_t addr_of(unsigned page)
{
    return BASE + page * PAGE;
}

/* All regions are maximal, ordered and say what the model says. */
static void compare_all(struct mem_space *m, unsigned step)
{
    uint64_t at = 0;
    struct mem_region r, last = {0};
    struct model_page seen[PAGES];
    memset(seen, 0, sizeof seen);
    while (mem_find(m, at, &r)) {
        CHECK(r.start >= at && r.start < r.end, "step %u", step);
        CHECK(!(last.end == r.start && last.prot == r.prot && last.flags == r.flags), "not merged, step %u", step);
        for (uint64_t a = r.start; a < r.end; a += PAGE)
            seen[(a - BASE) / PAGE] = (struct model_page){true, r.prot, r.flags};
        last = r;
        at = r.end;
    }
    for (unsigned i = 0; i < PAGES; i++)
        CHECK(seen[i].mapped == model[i].mapped && seen[i].prot == model[i].prot && seen[i].flags == model[i].flags, "page %u, step %u", i, step);
}

static uint64_t model_free(unsigned len, unsigned align, unsigned below)
{
    for (unsigned at = below > len ? below - len : 0;; at--) {
        bool ok = at + len <= below && addr_of(at) % (align * PAGE) == 0;
        for (unsigned i = 0; ok && i < len; i++)
            ok = !model[at + i].mapped;
        if (ok)
            return addr_of(at);
        if (!at)
            return 0;
    }
}

static void random_steps(void)
{
    unsigned long long seed = 1;
    struct mem_space *m;
    CHECK(mem_new(BASE, addr_of(PAGES), &m) == BTV_OK, "mem_new");
    for (unsigned step = 0; step < 20000; step++) {
        unsigned a = check_random(&seed) % PAGES, n = 1 + check_random(&seed) % (step % 3 ? 8 : 60);
        unsigned b = a + n > PAGES ? PAGES : a + n;
        uint32_t prot = check_random(&seed) % 8, flags = check_random(&seed) % 4 ? 0 : MEM_SHARED;
        bool all = true, want = true;
        switch (check_random(&seed) % 4) {
        case 0:
            CHECK(mem_set(m, addr_of(a), addr_of(b), prot, flags) == BTV_OK, "step %u", step);
            for (unsigned i = a; i < b; i++)
                model[i] = (struct model_page){true, prot, flags};
            break;
        case 1:
            CHECK(mem_protect(m, addr_of(a), addr_of(b), prot, &all) == BTV_OK, "step %u", step);
            for (unsigned i = a; i < b; i++) {
                want = want && model[i].mapped;
                if (model[i].mapped)
                    model[i].prot = prot;
            }
            CHECK(all == want, "step %u", step);
            break;
        case 2:
            CHECK(mem_clear(m, addr_of(a), addr_of(b)) == BTV_OK, "step %u", step);
            memset(model + a, 0, (b - a) * sizeof model[0]);
            break;
        default:
            for (unsigned i = a; i < b; i++)
                want = want && model[i].mapped && (model[i].prot & prot) == prot;
            CHECK(mem_check(m, addr_of(a), addr_of(b) - addr_of(a), prot) == want, "step %u", step);
            unsigned span = 0;
            while (a + span < b && model[a + span].mapped && (model[a + span].prot & MEM_X))
                span++;
            CHECK(mem_exec_span(m, addr_of(a), addr_of(b) - addr_of(a)) == span * PAGE, "step %u", step);
            unsigned align = 1u << (check_random(&seed) % 4);
            CHECK(mem_find_free(m, n * PAGE, align * PAGE, addr_of(b)) == model_free(n, align, b), "step %u", step);
            struct mem_region r;
            CHECK(mem_get(m, addr_of(a) + 5, &r) == model[a].mapped, "step %u", step);
        }
        if (step % 16 == 0)
            compare_all(m, step);
    }
    mem_free(m);
}

static void edges(void)
{
    struct mem_space *m;
    bool all;
    CHECK(mem_new(PAGE, PAGE, &m) == BTV_INVALID, "empty");
    CHECK(mem_new(PAGE, 1ull << 46, &m) == BTV_OK, "mem_new");
    CHECK(mem_set(m, 0, PAGE, 1, 0) == BTV_INVALID, "below");
    CHECK(mem_set(m, PAGE, (1ull << 46) + PAGE, 1, 0) == BTV_INVALID, "above");
    CHECK(mem_set(m, PAGE + 1, 3 * PAGE, 1, 0) == BTV_INVALID, "unaligned");
    CHECK(mem_protect(m, PAGE, 3 * PAGE, 1, &all) == BTV_OK && !all, "hole");
    CHECK(mem_set(m, PAGE, 3 * PAGE, 7, MEM_HOST) == BTV_OK, "host");
    CHECK(!mem_check(m, PAGE, 8, MEM_R), "btv's own memory is not the guest's");
    CHECK(mem_exec_span(m, PAGE, 8) == 0, "btv's own memory is not code");
    CHECK(!mem_check(m, ~7ull, 16, MEM_R), "wraps");
    CHECK(mem_find_free(m, 1ull << 46, 0, 1ull << 46) == 0, "too long");
    CHECK(mem_find_free(m, PAGE, 0, 2 * PAGE) == 0, "full");
    mem_free(m);
}

/* 65,000 regions that cannot merge: changes and queries stay cheap. */
static void many(void)
{
    enum { N = 65000 };
    struct mem_space *m;
    struct timespec a, b;
    CHECK(mem_new(PAGE, 1ull << 46, &m) == BTV_OK, "mem_new");
    clock_gettime(CLOCK_MONOTONIC, &a);
    uint64_t below = 1ull << 46;
    for (unsigned i = 0; i < N; i++) {
        uint64_t at = mem_find_free(m, PAGE, 0, below);
        CHECK(at && mem_set(m, at, at + PAGE, i & 1 ? MEM_R : MEM_W, 0) == BTV_OK, "region %u", i);
    }
    for (unsigned i = 0; i < N; i += 2)
        CHECK(mem_clear(m, (1ull << 46) - (i + 1) * PAGE, (1ull << 46) - i * PAGE) == BTV_OK, "clear %u", i);
    for (unsigned i = 0; i < N; i++) /* no gap is long enough but the last: no linear search either */
        CHECK(mem_find_free(m, 2 * PAGE, 0, below) == (1ull << 46) - (N + 2) * PAGE, "find %u", i);
    clock_gettime(CLOCK_MONOTONIC, &b);
    double s = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) * 1e-9;
    printf("%u regions: %.0f ns per operation\n", N, s * 1e9 / (2.5 * N));
    CHECK(s < 5, "%.1f s", s);
    mem_free(m);
}

int main(void)
{
    edges();
    random_steps();
    many();
    return check_done();
}

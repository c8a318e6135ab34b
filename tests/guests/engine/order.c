/*
 * Memory order between threads: what RVWMO forbids must never be seen.  Message passing (fences, release/acquire, LR/SC), store
 * buffering with full fences, load buffering, coherence of one location; each on a long row of fresh cells.
 * modes: default hot regs flush cache yield
 */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS = 100000, SWEEPS = 10 };

struct cell {
    volatile uint32_t x, pad1[15], y, pad2[15];
};

static struct cell *cells;
static volatile uint8_t *left, *right;
static _Atomic int round_of[2];
static int test;

static void wait_other(int me, int n)
{
    atomic_store(&round_of[me], n);
    while (atomic_load(&round_of[!me]) < n)
        __asm__ volatile("" ::: "memory");
}

static void first(struct cell *c, long i)
{
    uint32_t r;
    switch (test) {
    case 0: c->x = 1; __asm__ volatile("fence w, w" ::: "memory"); c->y = 1; break;
    case 1: c->x = 1; __asm__ volatile("amoswap.w.rl zero, %0, (%1)" ::"r"(1), "r"(&c->y) : "memory"); break;
    case 2: c->x = 1; __asm__ volatile("fence rw, w\n sw %0, (%1)" ::"r"(1), "r"(&c->y) : "memory"); break;
    case 3: c->x = 1; __asm__ volatile("fence rw, rw" ::: "memory"); left[i] = (uint8_t)c->y; break;
    case 4: __asm__ volatile("amoswap.w.aqrl zero, %1, (%2)\n lw %0, (%3)" : "=&r"(r) : "r"(1), "r"(&c->x), "r"(&c->y) : "memory");
            left[i] = (uint8_t)r; break; /* an aqrl operation, then a plain load: may pass; only counted by test 5 */
    case 5: left[i] = (uint8_t)c->x; __asm__ volatile("fence r, w" ::: "memory"); c->y = 1; break;
    default: c->x = 1; c->x = 2; break;
    }
}

static void second(struct cell *c, long i)
{
    uint32_t r, s;
    switch (test) {
    case 0: r = c->y; __asm__ volatile("fence r, r" ::: "memory"); s = c->x; right[i] = (uint8_t)(r && !s); break;
    case 1: __asm__ volatile("lr.w.aq %0, (%1)" : "=r"(r) : "r"(&c->y) : "memory"); s = c->x; right[i] = (uint8_t)(r && !s); break;
    case 2: __asm__ volatile("lw %0, (%1)\n fence r, rw" : "=r"(r) : "r"(&c->y) : "memory"); s = c->x; right[i] = (uint8_t)(r && !s); break;
    case 3: c->y = 1; __asm__ volatile("fence rw, rw" ::: "memory"); right[i] = (uint8_t)c->x; break;
    case 4: c->y = 1; __asm__ volatile("fence rw, rw" ::: "memory"); right[i] = (uint8_t)c->x; break;
    case 5: right[i] = (uint8_t)c->y; __asm__ volatile("fence r, w" ::: "memory"); c->x = 1; break;
    default: r = c->x; s = c->x; right[i] = (uint8_t)(s < r); break;
    }
}

static void sweep(int me, int n)
{
    wait_other(me, n);
    for (long i = 0; i < CELLS; i++)
        if (me)
            second(&cells[i], i);
        else
            first(&cells[i], i);
    wait_other(me, n + 1);
}

static void *other(void *arg)
{
    (void)arg;
    for (int n = 0; n < 7 * SWEEPS; n++) {
        wait_other(1, 4 * n + 1);
        sweep(1, 4 * n + 2);
    }
    return NULL;
}

int main(void)
{
    static const char *const names[] = {"MP fences", "MP amo.rl lr.aq", "MP fence rw,w r,rw", "SB fences", "SB amo", "LB fences", "CoRR"};
    pthread_t t;
    cells = calloc(CELLS, sizeof *cells);
    left = calloc(CELLS, 1);
    right = calloc(CELLS, 1);
    pthread_create(&t, NULL, other, NULL);
    for (int n = 0; n < 7 * SWEEPS; n++) {
        test = n / SWEEPS;
        memset(cells, 0, CELLS * sizeof *cells);
        wait_other(0, 4 * n + 1);
        sweep(0, 4 * n + 2);
        long bad = 0, both = 0;
        for (long i = 0; i < CELLS; i++) {
            bad += test == 3 ? !left[i] && !right[i] : test == 5 ? left[i] && right[i] : test == 4 ? 0 : right[i];
            both += left[i] && right[i];
        }
        CHECK(bad == 0, "%s: %ld of %d forbidden results", names[test], bad, CELLS);
    }
    pthread_join(t, NULL);
    return check_done();
}

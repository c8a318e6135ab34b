/*
 * What a loop of guest code does in one round, when that is regular enough to do many rounds at once.
 *
 * The loop is a function of one block that ends by leaving to its own pc.  The description says everything a host needs to run
 * whole rounds with vectors: which slots advance by how much, which bytes are read and written, when a round leaves.
 * It is a function of the IR alone; names, addresses and values of the guest play no part.  A round is *certain* when it neither
 * leaves nor faults; the op `rounds` may stand for any number of certain rounds.
 */
#ifndef BTV_IR_ROUNDS_H
#define BTV_IR_ROUNDS_H

#include "ir/ir.h"

enum { ROUNDS_SLOTS = 8, ROUNDS_BASES = 4, ROUNDS_ACCESSES = 4, ROUNDS_LOADS = 16, ROUNDS_TRIPS = 3, ROUNDS_CONDS = 4 };
#define ROUNDS_MAX_STEP 64

/* The sum of n slots, as they are at the start of a round, and a constant. */
struct ir_linear {
    uint8_t n;
    uint8_t slot[2];
    int64_t add;
};

/* Bytes that every round reads or writes: [base + disp, base + disp + step), and those behind them in the next round. */
struct ir_rounds_access {
    uint8_t base;
    bool store;
    int32_t disp;
};

/* A round leaves unless low < high; high - low shrinks by 2^shift a round. */
struct ir_rounds_trip {
    enum { TRIP_UNEQUAL, TRIP_SIGNED, TRIP_UNSIGNED } kind; /* UNEQUAL: it leaves when the two are equal */
    struct ir_linear low, high;
    uint8_t shift;
};

/* A round leaves if (a == b) == equal; what a and b are made of is checked: loads, constants, slots that stay, lane by lane. */
struct ir_rounds_cond {
    ir_val a, b;
    bool equal;
};

struct ir_rounds {
    unsigned step; /* bytes by which all accesses move on in a round: a power of two */
    unsigned lane; /* bytes of one lane: 1, 2, 4 or 8 */
    unsigned nslots;
    struct {
        uint8_t slot;
        int64_t step;
    } slot[ROUNDS_SLOTS]; /* that advance */
    unsigned nbases;
    struct ir_linear base[ROUNDS_BASES]; /* add is 0 */
    unsigned naccesses;
    struct ir_rounds_access access[ROUNDS_ACCESSES];
    unsigned nloads;
    struct {
        ir_val value;
        uint8_t access;
        uint8_t offset; /* within the step */
    } load[ROUNDS_LOADS];
    unsigned ntrips;
    struct ir_rounds_trip trip[ROUNDS_TRIPS];
    unsigned nconds;
    struct ir_rounds_cond cond[ROUNDS_CONDS];
    bool stores;        /* the round writes `stored`, lane after lane, to its one access that is a store */
    bool single;        /* one store a round, after all its loads */
    uint8_t store;      /* that access */
    ir_val stored;      /* for the first lane of the step */
    uint64_t mentioned[2]; /* slots that the round reads or writes */
};

/* Describes f in *out; false: f is no such loop.  f must have passed the verifier. */
bool ir_rounds_find(const struct ir_func *f, struct ir_rounds *out);
/* Puts the op `rounds` at the head of f if that can be worth it. */
void ir_rounds_mark(struct ir_func *f);
/* The same bits in each lane of every round: a constant or a slot that stays. */
bool ir_rounds_constant(const struct ir_rounds *r, const struct ir_func *f, ir_val v);
/* The number in r->load of a value, or -1. */
int ir_rounds_load(const struct ir_rounds *r, ir_val v);

#endif

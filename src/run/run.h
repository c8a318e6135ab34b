/*
 * The engine's own structs, shared by the files of this folder.
 *
 *   engine.c     life of engines and threads, fork, interrupts, statistics
 *   loop.c       the dispatcher: interpret, translate, enter, react to exits
 *   translate.c  guest code -> IR -> host code -> published block
 *   code.c       code memory
 *   cache.c      blocks, links, invalidation, flushing
 *   index.c      finding blocks: by guest pc, by guest page, by host pc
 *   written.c    code in memory that the guest can write: fence.i
 *   record.c     the packed part of blocks
 *   fault.c      host faults -> guest exceptions
 *   check.c      --check=exec
 *   region.c     guest code around a hot pc -> one function -> a published block
 *   tier.c       finding hot code, and the background thread that makes regions
 *   chaos.c      --chaos
 *   recording.c  --record-translations, --replay-translations; replay.c is the format
 *   store.c      translations kept by earlier processes; kept.c is the format of one, keep.c writes them
 *
 * Code memory is shared memory mapped readable and executable, never writable.  Code is appended, and its links changed, through a second
 * view of it elsewhere in the address space, readable and writable, never executable.  After fork, parent and child share what they had
 * and neither changes it: the child appends to memory of its own from the next page on, and who wants to change a link, or must, first takes a
 * copy of the piece of memory it lies in (code.c).
 *
 * Locks: engine.lock guards publishing, links, invalidation and the thread list.  Look-ups take no lock, but happen only while
 * in_code is set (or with the lock): an entry of `table` is one word, filled after the block it names, and replaced only when that
 * died; the table is replaced as a whole when it grows, and the old one freed when no thread has in_code set.
 * Records lie in areas reserved once, from which nothing is taken away but by a flush, with all threads out of code.
 */
#ifndef BTV_RUN_RUN_H
#define BTV_RUN_RUN_H

#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <time.h>

#include "base/trace.h"
#include "host/host.h"
#include "run/engine.h"

/*
 * Some 11,000 of them after the start of a large program, so it matters how large they are.  They are numbered in order of publication, which
 * is that of their code and of their packed parts, and BLOCK_GROUP of them are a group, which says where its first has both.  What does not lie
 * in reach of that starts a group of its own; the numbers left over name no block, and are as good as dead.
 */
struct block {
    uint32_t key;           /* number of its guest page, place in it: block_pc; 0: no block */
    _Atomic uint32_t state; /* flags, distance of its code in units of BLOCK_ALIGN, distance of its packed part */
};
#define BLOCK_ALIGN 16
#define BLOCK_GROUP 32

enum block_flag {
    BLOCK_DEAD = 1,    /* set under the lock, like the next */
    BLOCK_UNSURE = 2,  /* cache_may_change: compared with memory before each run, never linked to; cleared when that is known better */
    BLOCK_AGAIN = 4,   /* it took the place of another for the same pc: block_first */
    BLOCK_ALONE = 8,   /* its code counts on host_config.alone */
    BLOCK_COPIED = 16, /* its guest bytes are kept; if not, whatever happens to its memory drops it */
    BLOCK_REGION = 32, /* made of several blocks, with pins of its own: block_pins */
    BLOCK_SIMPLE = 64, /* record_simple */
};
#define BLOCK_FLAG_BITS 7
#define BLOCK_CODE_BITS 12
#define BLOCK_PACKED_BITS 13
_Static_assert(BLOCK_FLAG_BITS + BLOCK_CODE_BITS + BLOCK_PACKED_BITS == 32, "block.state");

struct block_group {
    uint32_t code, packed;
};

static inline bool block_is(const struct block *b, enum block_flag f)
{
    return b->state & f;
}

/* What a translation was made from. */
struct source {
    uint64_t pc;
    unsigned insns, nranges;
    const struct guest_range *range;
    const uint8_t *bytes; /* what was decoded, range after range: memory may have changed since */
};

/*
 * Links lie in the code (host_link).  Nothing knows which links lead to a block: when it dies it is closed, so that who jumps to it comes to the
 * link in front of it (HOST_FRONT_BYTES), and from there out of the code, or to whatever block is for its pc by now: directly from the first
 * block for that pc, through its front from the others, so that three jumps are the longest way.
 */
#define CODE_REACH (UINT64_C(1) << 31) /* from any code to any other */

/* A guest page with blocks, numbered from 1 on.  Those of a bucket are a list; none is taken away but by a flush. */
struct guest_page {
    uint32_t page;           /* bits 31-0 of the address >> GUEST_PAGE_BITS */
    uint32_t more : 12;      /* the others */
    uint32_t next : 20;      /* of its bucket: engine.pages */
    uint32_t groups;         /* group_list: where it has live blocks; 0: nowhere */
};
#define GUEST_PAGE_MAX ((UINT32_C(1) << 20) - 1)
_Static_assert(GUEST_PAGE_BITS <= 12, "block.key");

/* Groups that have blocks in a page; numbered from 1 on. */
struct group_list {
    uint32_t next;    /* of the page, older; 0: the last */
    uint32_t first;
    uint8_t group[8]; /* - `first` + 1; 0: none */
};

#define MAX_ANNOUNCED 8
#define PAGE_BUCKETS 4096
#define BLOCK_MAX_RANGES 64
#define BLOCK_MAX_PAGES (2 * BLOCK_MAX_RANGES)

struct table {
    uint64_t mask;
    uint64_t used;
    struct table *older; /* kept while readers may hold it */
    /* The number of the block + 1, in engine.number_bits; above it bits of the hash.  0: free.  The block may have died; never free again. */
    _Atomic uint32_t entry[];
};

enum {
    PENDING_PERSONALITY = 1, /* engine_interrupt */
    PENDING_STOP = 2,        /* another thread wants everybody out of code */
    PENDING_LEAVE = 4,       /* nothing else is wanted */
    PENDING_SAMPLE = 8,      /* tier.c wants to know where */
    PENDING_RETURNS = 16,    /* the shadow return stack may lead into a region that was killed */
};

#define SPARE_THREADS 4
#define COLD_BUCKETS 65536 /* of one byte: tuning.hot is at most 255 */
_Static_assert(COLD_BUCKETS / GUEST_PAGE_SIZE < 32, "engine.visits_used");
#define CHAOS_CHUNK 4096 /* of arenas under --chaos=alloc: many allocations */

enum run_tier {
#define TIER(id, name, meaning) TIER_##id,
#include "run/tiers.def"
#undef TIER
    TIER_COUNT
};

/* All members are uint64_t, of which sums are made: add_stats. */
struct stats {
#define COUNT(name, text) uint64_t name;
#include "run/stats.def"
    struct emitted {
#define EMITTED(name, text) uint64_t name;
#include "run/stats.def"
    } tier[TIER_COUNT];
};

/* The policy in force: tuning.def, --tune and --chaos. */
struct tuning {
#define TUNE(name, dflt, min, max, meaning) uint32_t name;
#include "run/tuning.def"
#undef TUNE
};

struct engine {
    struct engine_config cfg;
    struct tuning tune;
    const struct guest_isa *guest;
    struct mem_space *mem;
    const struct host_isa *host;
    struct host_config hcfg;
    struct host_stubs stubs;

    pthread_mutex_t lock;     /* run_lock and so on */
    const void *holder;       /* assertions: run_holds */
    pthread_cond_t resumed;   /* with the lock */
    pthread_mutex_t check_lock; /* --check=exec: one thread at a time runs guest code; nothing else is locked inside */
    struct shadow *shadow;      /* check.c, under check_lock: large, so made once */
    struct engine_thread *threads;
    _Atomic(struct engine_thread *) spare[SPARE_THREADS]; /* of ended threads, with their stacks and tables; their arenas are empty */
    _Atomic uint64_t pause_until_ms; /* translating failed for want of memory: no new attempt before, on CLOCK_MONOTONIC */
    bool chaotic;  /* the dispatcher calls chaos_visit */
    bool pays;     /* time spent on translating is measured, and limited: chaos_may_waste */
    _Atomic uint64_t births; /* of threads */
    bool stopping; /* somebody holds all threads out of code */

    /* code and data memory */
    uint8_t *code;            /* start of the reservation */
    uint64_t code_cap, code_used;
    uint8_t *write;           /* the same memory, writable */
    bool own;                 /* the memory is this process's to append to; not so in a new child of fork (cache_disown) */
    uint64_t ready;           /* up to here its pages are there */
    uint64_t written_from;    /* since it was here that code was appended, the writable view has become resident */
    uint8_t *piece;           /* one for each CODE_PIECE_BYTES: this process's own, or how often it wished to change it */
    bool killed, unkillable;  /* blocks died; some of them could not be closed: cache_settle */
    bool killed_region;       /* one of them was a region */
    uint8_t *packed;          /* of all blocks, one after the other */
    uint32_t packed_cap;
    _Atomic uint32_t packed_used;
    struct guest_page *page;  /* the first is none, like that of `list` */
    uint32_t max_pages, npages;
    struct group_list *list;
    uint32_t max_lists, nlists;
    uint64_t records_cap;     /* bytes reserved for all of these, and for blocks and groups */
    struct block *block;      /* all blocks, in order of address */
    struct block_group *group;
    uint32_t max_blocks;
    _Atomic uint32_t nblocks; /* numbers given */
    unsigned number_bits;     /* that the number of a block takes */
    enum host_exit (*enter)(struct cpu *cpu, void *code);

    uint32_t pages[PAGE_BUCKETS]; /* heads of lists: guest_page */
    struct code_page *code_pages[PAGE_BUCKETS]; /* written.c, like the next two */
    uint64_t code_buckets[PAGE_BUCKETS / 64];
    uint32_t code_copies;
    struct guest_range announced[MAX_ANNOUNCED]; /* memory in which the guest announces its stores: engine_announce */
    unsigned nannounced;      /* MAX_ANNOUNCED + 1: it does so everywhere */
    struct table *_Atomic table;
    _Atomic uint64_t generation; /* changes whenever guest code may have changed */
    uint8_t visits[COLD_BUCKETS]; /* by run_visits */
    uint32_t visits_used;         /* a bit for each page of them that was written to */
    struct stats stats;       /* of threads that ended, and what happens under the lock */
    struct jump_entry all_miss[CPU_JUMP_ENTRIES]; /* what cpu.jumps points at while an interrupt is wanted */
    FILE *perf_map;
    struct replay *replay;    /* NULL: translate what is hot */
    struct store *store;      /* NULL: nothing is kept; under the lock */

    /* the background thread: tier.c */
    struct tier *tier;        /* NULL: there is none */
    bool tier_held;           /* and must not be */
    pid_t tier_pid;           /* the process that it belongs to */
    _Atomic bool tier_asleep; /* who enters code wakes it */
    uint32_t tier_wait;       /* entries into code before it is started; UINT32_MAX: not again */
};

struct engine_thread {
    struct cpu cpu;
    struct engine *engine;
    struct engine_thread *next;
    struct arena scratch;     /* one translation */
    struct jump_entry *jumps; /* the real table; cpu.jumps may point at the all-miss one.  Behind it in the same mapping: guard page, shadow return stack */
    struct stats stats;
    struct btv_error err;
    uint64_t random;          /* chaos.c, like the next three */
    uint64_t born_ns, asleep_ns, translating_ns; /* when it started; what yield, and the switches that lose translated code, have cost */
    struct places *places;    /* recording.c */

    /* fetch window */
    uint64_t win_start, win_end, win_gen;
    struct guest_code fetch;

    _Atomic bool in_code; /* between looking a block up and leaving code: a flush waits for it */
    volatile bool interpreting;
    struct shadow *volatile shadow; /* check.c: the interpreter is trying a block in advance */
    bool unchecked;                 /* that faulted: run the block as it is */
    sigjmp_buf landing;
};

/* -- engine.lock; run_holds and run_may_look are for assertions, and other builds do not keep what they read -- */
extern _Thread_local struct engine_thread *run_self; /* whose engine_run is on */

static inline void run_set_holder(struct engine *e, bool held)
{
#ifndef NDEBUG
    e->holder = held ? &run_self : NULL;
#else
    (void)e;
    (void)held;
#endif
}

static inline void run_lock(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    run_set_holder(e, true);
}

static inline bool run_trylock(struct engine *e)
{
    if (pthread_mutex_trylock(&e->lock))
        return false;
    run_set_holder(e, true);
    return true;
}

static inline void run_unlock(struct engine *e)
{
    run_set_holder(e, false);
    pthread_mutex_unlock(&e->lock);
}

static inline void run_wait(struct engine *e, pthread_cond_t *until)
{
    run_set_holder(e, false);
    pthread_cond_wait(until, &e->lock);
    run_set_holder(e, true);
}

static inline void run_wait_until(struct engine *e, pthread_cond_t *until, const struct timespec *time)
{
    run_set_holder(e, false);
    pthread_cond_timedwait(until, &e->lock, time);
    run_set_holder(e, true);
}

/* Does the calling thread hold it? */
static inline bool run_holds(const struct engine *e)
{
    return e->holder == &run_self;
}

/* May it look blocks up?  See the top of this file. */
static inline bool run_may_look(const struct engine *e)
{
    return run_holds(e) || (run_self && run_self->in_code);
}

/* -- code.c: all with the lock held, or before there are threads; offsets in code memory are below code_cap -- */
#define CODE_PIECE_BYTES UINT64_C(65536) /* what is copied at once, to be changed after a fork */
/* Fresh memory behind [from, code_cap). */
BTV_NODISCARD enum btv_status code_new(struct engine *e, uint64_t from, struct btv_error *err);
/* Memory that can be appended to: a child of fork makes its own when it first translates something. */
BTV_NODISCARD enum btv_status code_own(struct engine *e, struct btv_error *err);
/* At `start`, behind what there is; must fit. */
void code_append(struct engine *e, uint64_t start, const void *bytes, uint64_t len);
/* After fork, in both processes: what there is belongs to both. */
void code_share(struct engine *e);
/* In the child, besides: gives up writing to the parent's memory. */
void code_disown(struct engine *e);
/* May the eight aligned bytes around this offset be changed?  code_wish: only if that was asked often enough to be worth a copy. */
bool code_take(struct engine *e, uint32_t offset);
bool code_wish(struct engine *e, uint32_t offset);
/* Threads of this process that run code from now on see all changes made so far. */
void code_sync(void);

/* -- cache.c -- */
BTV_NODISCARD enum btv_status cache_init(struct engine *e, struct btv_error *err);
void cache_free(struct engine *e);
struct block *cache_find(struct engine *e, uint64_t pc);
/* Appends code and publishes the block.  *out may be an older block for the same pc.  BTV_LIMIT: no room, flush. Lock held. */
BTV_NODISCARD enum btv_status cache_publish(struct engine *e, const struct source *g, const struct host_code *c, struct block **out, struct btv_error *err);
/* Where the link of that name leads. */
uint64_t cache_link_pc(struct engine *e, uint64_t name);
void cache_link(struct engine *e, uint64_t name, struct block *to);       /* lock held */
/* The same, where it is known which block the link is in. */
void cache_link_block(struct engine *e, const struct block *from, uint64_t name, struct block *to);
/* The same for the inline cache of an indirect jump, unless it is filled. */
void cache_fill(struct engine *e, uint64_t name, struct block *to);       /* lock held */
void cache_kill(struct engine *e, struct block *b);                       /* lock held; then cache_settle */
/*
 * Lock held, the caller not in code: once this returns, nobody enters a block that was killed, and who is in one leaves it soon.  Whoever kills calls it
 * before it lets the lock go.
 */
void cache_settle(struct engine *e);
/* Is some of this code in memory that the guest can write and in which it never announced a store?  Lock held. */
bool cache_may_change(struct engine *e, const struct guest_range *r, unsigned nranges);
bool cache_stale(struct engine *e, const struct block *b);                /* may its guest code have changed, or lost its permission? */
/* Is the instruction at pc part of a translation?  Lock held. */
bool cache_covers(struct engine *e, uint64_t pc);
/* Where the indirect jump at pc leads as a rule, as far as inline caches tell; CPU_NO_PC: they do not.  Lock held. */
uint64_t cache_guess(struct engine *e, uint64_t pc);
/* Block number n and what shares its guest bytes, as if they had changed. */
void cache_drop_near(struct engine *e, uint32_t n);                       /* lock held */
/* Lock held.  False: not now, see engine_stop_threads. */
bool cache_flush(struct engine *e, struct engine_thread *self);
struct block *cache_block_of(struct engine *e, uint64_t host_pc);         /* any thread, also in signal handlers */
uint64_t cache_guest_pc(const struct engine *e, const struct block *b, uint64_t host_pc);
/* Where code that works ahead (host_mark) goes on after a fault at host_pc; 0: the fault is the guest's. */
uint64_t cache_retry(const struct engine *e, const struct block *b, uint64_t host_pc);
/* An entry of zeros is for pc 0, so it is free in all places but the first, where that is looked for.  A table of zeros needs only a start. */
void cache_start_jumps(struct jump_entry *jumps);
void cache_clear_jumps(struct jump_entry *jumps);

/* Where the next block starts. */
static inline uint64_t code_next(const struct engine *e)
{
    return ALIGN_UP(e->code_used + HOST_FRONT_BYTES, (uint64_t)BLOCK_ALIGN);
}

static inline const struct block_group *block_group(const struct engine *e, const struct block *b)
{
    return &e->group[(uint32_t)(b - e->block) / BLOCK_GROUP];
}

/* Of its code, in code memory. */
static inline uint32_t block_offset(const struct engine *e, const struct block *b)
{
    return block_group(e, b)->code + (b->state >> BLOCK_FLAG_BITS & ((1u << BLOCK_CODE_BITS) - 1)) * BLOCK_ALIGN;
}

static inline uint8_t *block_code(const struct engine *e, const struct block *b)
{
    return e->code + block_offset(e, b);
}

static inline const uint8_t *block_record(const struct engine *e, const struct block *b)
{
    return e->packed + block_group(e, b)->packed + (b->state >> (BLOCK_FLAG_BITS + BLOCK_CODE_BITS));
}

static inline uint64_t guest_page_start(const struct guest_page *p)
{
    return ((uint64_t)p->more << 32 | p->page) << GUEST_PAGE_BITS;
}

static inline uint64_t block_pc(const struct engine *e, const struct block *b)
{
    return guest_page_start(&e->page[b->key >> GUEST_PAGE_BITS]) | (b->key & (GUEST_PAGE_SIZE - 1));
}

/* -- index.c -- */
BTV_NODISCARD enum btv_status index_init(struct engine *e);
void index_free(struct engine *e);
/* Nobody looks anything up meanwhile.  Needs no memory: a flush must not fail. */
void index_empty(struct engine *e);
/* Room for one more block.  BTV_LIMIT, BTV_NOMEM.  Lock held, like for all that follow. */
BTV_NODISCARD enum btv_status index_reserve(struct engine *e);
/* The newest block for pc, perhaps dead. */
struct block *index_newest(struct engine *e, uint64_t pc);
/* The number of the page of that address, made if it has none. */
uint32_t index_page(struct engine *e, uint64_t gva);
/* b is in these pages.  Before it can be found.  How many bytes of lists that took. */
uint32_t index_add_to_pages(struct engine *e, const struct source *g, const struct block *b);
/* From now on b is found by its pc. */
void index_put(struct engine *e, uint32_t number);
/* The live blocks of the page of that address that have code in that range; see may kill them.  Are there live ones of the page afterwards? */
bool index_each_of_page(struct engine *e, uint64_t gva, struct guest_range in, void (*see)(struct engine *e, struct block *b, void *ctx), void *ctx);
/* Has no page of that bucket live blocks, as far as the lists know? */
bool index_bucket_empty(const struct engine *e, uint64_t bucket);

/* -- written.c: lock held -- */
/* Before publishing what was made of that, if its bytes are kept.  BTV_NOMEM. */
BTV_NODISCARD enum btv_status written_note(struct engine *e, const struct source *g);
/* The mapping of a page of that bucket may have changed, and stale blocks have been dropped. */
void written_doubt(struct engine *e, uint64_t bucket);
/* Drops what was written to since the last time. */
void written_sync(struct engine *e);
void written_forget(struct engine *e);

/* -- record.c: all but the first in signal handlers, too -- */
struct record_how {
    bool keep_bytes;       /* the guest's, that it was made from */
    bool all_marks;        /* not only what faults ask for */
    unsigned nlinks;       /* the first so many of host_code.link; the code tells where the others lead */
    unsigned align;        /* the guest's insn_align */
    const uint32_t *first; /* if it takes the place of others: number of the first block for its pc */
};
struct record_sizes {
    uint32_t all, links, copy;
};
/* One range, from the pc on. */
bool record_simple(const struct source *g);
/* At most so many bytes will be written. */
uint32_t record_bound(const struct source *g, const struct host_code *c);
struct record_sizes record_pack(uint8_t *out, const struct source *g, const struct host_code *c, const struct record_how *how);
/* The first block for the pc of this one, if that is another. */
bool block_first(const struct engine *e, const struct block *b, uint32_t *number);
/* Where its link of that name (an offset in its code) leads; false: it is not a link but the poll behind one. */
bool block_link(struct engine *e, const struct block *b, uint32_t name, uint64_t *pc);
/* Of a region: the slots its pins hold.  Nothing else of *cfg is changed. */
void block_pins(const struct engine *e, const struct block *b, struct host_config *cfg);
/* Of a region, after a fault at that offset of its code: brings home the slots that are not. */
void block_recover(const struct engine *e, const struct block *b, uint32_t offset, struct cpu *cpu, const void *ucontext);
struct block_ranges {
    unsigned n, nlinks;
    uint32_t bytes; /* in all */
    struct guest_range range[BLOCK_MAX_RANGES];
    const uint8_t *links;
    const uint8_t *copy; /* the guest bytes the block was made from, range after range; NULL: not kept */
    const uint8_t *rest; /* what follows: of a region its pins, then the marks */
};
void block_ranges(const struct engine *e, const struct block *b, struct block_ranges *out);
/* Has b guest code there? */
bool block_overlaps(const struct engine *e, const struct block *b, uint64_t start, uint64_t end);
/* Where its guest instructions that may fault (record_how) start in the code, in order of host offset: for (m = block_marks(e, b); block_next_mark(&m);) */
struct block_marks {
    const uint8_t *at, *end;
    unsigned align;
    uint32_t offset; /* from the start of the block's code */
    uint64_t pc;
};
struct block_marks block_marks(const struct engine *e, const struct block *b);
bool block_next_mark(struct block_marks *m);

/* -- engine.c -- */
void engine_leave(struct engine_thread *t);                               /* makes t come back to the dispatcher soon */
void engine_forget_returns(struct engine_thread *t);                      /* the same; and no return in emitted code before that is to be of use */
/*
 * Lock held; nobody else is in code afterwards.  False, after a while, when a thread does not leave: an access of its code may wait in
 * the kernel for another thread of the guest (userfaultfd, a file system it serves itself), even for the caller.
 */
bool engine_stop_threads(struct engine *e, struct engine_thread *self);
void engine_resume_threads(struct engine *e);

/* Makes t come out of emitted code soon and say where. */
void engine_ask_sample(struct engine_thread *t);

/* -- translate.c -- */
/* NULL: leave it to the interpreter (t->err may tell why). */
struct block *translate(struct engine_thread *t, uint64_t pc);
/* engine.store is set: only if that has one of it. */
struct block *translate_kept(struct engine_thread *t, uint64_t pc);
/* How far a block of the baseline goes from pc. */
static inline struct guest_lift translate_bounds(const struct engine *e, const struct guest_code *fetch, uint64_t pc, unsigned max_insns)
{
    return (struct guest_lift){.pc = pc, .code = fetch, .max_insns = max_insns, .max_side_exits = e->tune.max_side_exits, .follow_jumps = e->tune.follow_jumps};
}
/* Lifts and emits what starts at pc, in the thread's scratch arena.  No lock held. */
BTV_NODISCARD enum btv_status translate_code(struct engine_thread *t, const struct guest_code *fetch, uint64_t pc, unsigned max_insns, struct guest_lift *g,
                                             struct host_code *code);
/* guest->lift, where guest memory may go away meanwhile: BTV_HOST.  No lock may be held. */
BTV_NODISCARD enum btv_status run_lift(const struct guest_isa *guest, struct guest_lift *g, struct ir_func *f);
const uint8_t *fetch_code(void *thread, uint64_t pc, size_t *avail);

/* -- loop.c -- */
/*
 * How often the interpreter came to pc, or to another address with the same counter.  Code that lies together has its counters together:
 * a child of fork has to copy each page of them it comes to.  Blocks that start within four bytes are few, and share one.
 */
static inline uint8_t *run_visits(struct engine *e, uint64_t pc)
{
    return &e->visits[(pc >> 2 ^ (pc >> 18) * 0x9e3b) % COLD_BUCKETS];
}
/* Does the code at pc look used?  No lock held. */
bool engine_is_warm(struct engine *e, uint64_t pc);
bool run_is_hot(struct engine *e, uint64_t pc);
/* Enters code; exit kind.  cpu->fp has been prepared. */
enum host_exit run_enter(struct engine_thread *t, struct block *b);
/* Interprets; false: the personality must look (stop in *stop). */
bool run_interpret(struct engine_thread *t, unsigned max_insns, enum engine_stop *stop);

/* -- dump.c: trace points that write more than a line -- */
void trace_lifted(struct engine_thread *t, const struct ir_func *f, const struct guest_lift *g);
void trace_emitted(struct engine *e, const struct guest_code *code, const struct host_code *c, uint64_t pc);
void trace_interpreted(struct engine_thread *t, uint64_t pc);
void trace_left(struct engine_thread *t, uint64_t entered, enum host_exit k);

/* -- chaos.c -- */
void chaos_start(struct engine *e);
void chaos_thread_start(struct engine_thread *t);
void chaos_forked(struct engine_thread *t); /* its life starts now, in a new process */
/* Before each step of the dispatcher, if engine.chaotic. */
void chaos_visit(struct engine_thread *t);
/* yield: no lock held, not in code. */
void chaos_pause(struct engine_thread *t);
/* Can the thread afford to lose translated code?  Otherwise it keeps what it has, and interprets the rest. */
bool chaos_may_waste(const struct engine_thread *t);
/* mix: executions before the block at pc is translated; is a translated block interpreted this time? */
unsigned chaos_threshold(const struct engine *e, uint64_t pc);
bool chaos_interprets(struct engine_thread *t);
/* region: the block just translated, too? */
bool chaos_makes_region(struct engine_thread *t);
/* The option that repeats what is switched on. */
void chaos_describe(const struct engine *e, struct str *s);

/* -- recording.c -- */
BTV_NODISCARD enum btv_status recording_load(struct engine *e, struct btv_error *err);
void recording_thread_free(struct engine_thread *t);
/* engine.replay is set: how many instructions were translated together at pc; 0: none, it is to be interpreted. */
unsigned recording_wants(struct engine_thread *t, enum run_tier tier, uint64_t pc);
/* record_fd is set: pc was translated. */
void recording_note(struct engine_thread *t, enum run_tier tier, uint64_t pc, unsigned insns);

/* -- store.c -- */
/* Sets engine.store if translations are to be kept and can be. */
void store_open(struct engine *e);
void store_close(struct engine *e);
void store_forked(struct engine *e); /* in the child */
/*
 * Gets the kept translation of what starts at pc, as lift and emit would have made it, if it was made of what memory holds.  Resets and uses the thread's
 * scratch arena.  No lock held.
 */
bool store_load(struct engine_thread *t, uint64_t pc, struct guest_lift *g, struct host_code *code);
/* pc was translated.  Lock held, like for the next. */
void store_note(struct engine *e, uint64_t pc);
/* Other memory may lie there from now on. */
void store_forget(struct engine *e, uint64_t start, uint64_t end);

/* -- fault.c -- */
/* Calls read, which may touch guest memory and the thread's scratch arena but take no lock; BTV_HOST if that memory is not there. */
enum btv_status run_guarded(enum btv_status (*read)(void *ctx), void *ctx);
/* Does guest memory hold something else than the copy, or nothing? */
bool run_differs(const void *copy, uint64_t gva, uint64_t len);

/*
 * After a trap: where the host did not say which address was touched (x86-64 does not if it is none of its own, neither low nor high enough),
 * the instruction at slot pc is interpreted as far as its first access.
 */
void run_locate(struct engine_thread *t);

/* -- check.c -- */
bool run_checked(struct engine_thread *t, struct block *b, enum host_exit *kind);
/* After the fault of a guest access in the interpreter.  True: that was the trial of run_checked, go on without it. */
bool run_check_landed(struct engine_thread *t);

#endif

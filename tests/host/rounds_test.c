/*
 * Loops done ahead with vectors (op `rounds`) against the evaluator, which does them round by round.
 *
 * A generator writes loops of many shapes: one to three pointers, lanes of 1 to 8 bytes, rounds written out several times,
 * exits by count and by content, stores of what was read, of constants and of both combined.  Each loop runs over many lengths and
 * alignments, in the middle of memory and against pages that are missing or read-only.  Afterwards all slots, all memory, the
 * place where it left and the address of a fault must be the same.  Arguments: [loops [seed]].
 */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "check.h"
#include "host/x64/em.h"
#include "ir/rounds.h"
#include "host/code.h"

#define LOOP_PC UINT64_C(0x10000)
#define PAGE 4096
#define AREA (6 * PAGE) /* an area: four pages, a read-only one, a missing one */
#define AREAS 3
#define BASE ((uint64_t)0x4000000)

static struct ir_slot slot_table[CPU_SLOTS];
static struct ir_slots slots = {.guest = "test", .slot = slot_table, .count = 65};
static unsigned char *mem, first[AREA * AREAS], shadow[AREA * AREAS];
static unsigned long long seed;
static unsigned long found, lowered, runs, faults;

static unsigned rnd(unsigned n)
{
    return (unsigned)(check_random(&seed) % n);
}

/* -- running emitted code ------------------------------------------------------------------------------------ */

static struct cpu em;
static const struct host_code *running;
static uint64_t ahead_page; /* of a fault of the vector code, or 0 */

/* What the engine does with a fault: run/fault.c. */
static void on_fault(int sig, siginfo_t *info, void *uc)
{
    uint64_t off = host_x64.context_pc(uc) - (uint64_t)(uintptr_t)at;
    const struct host_mark *m = running->mark;
    unsigned k = 0;
    if (off >= running->len)
        abort();
    while (k < running->nmarks && m[k].offset <= off)
        k++;
    if (k && k < running->nmarks && m[k].pc_delta == m[k - 1].pc_delta) {
        host_x64.context_set_pc(uc, (uint64_t)(uintptr_t)at + m[k].offset);
        ahead_page = (uint64_t)(uintptr_t)info->si_addr / PAGE;
        return;
    }
    host_x64.save_context(&cfg, &em, uc);
    em.trap = (struct cpu_trap){.kind = IR_TRAP_ACCESS, .value = (uint64_t)(uintptr_t)info->si_addr};
    em.exit_value = LOOP_PC + (k ? m[k - 1].pc_delta : 0);
    host_x64.context_set_pc(uc, (uint64_t)(uintptr_t)(code_mem + stubs.fault));
    (void)sig;
}

static void load_code(const struct host_code *c)
{
    place_code(at, c);
    running = c;
}

/* -- the evaluator's side -------------------------------------------------------------------------------------- */

static bool allowed(uint64_t addr, unsigned bytes, bool write, struct cpu_trap *trap)
{
    for (unsigned k = 0; k < bytes; k++) {
        uint64_t off = addr + k - BASE, page = off % AREA / PAGE;
        if (addr + k < BASE || off >= AREA * AREAS || page == 5 || (write && page == 4)) {
            /* what the processor reports: the first byte, or the first of the second page */
            *trap = (struct cpu_trap){.kind = IR_TRAP_ACCESS, .value = addr + k};
            return false;
        }
    }
    return true;
}

static bool load(void *ctx, uint64_t addr, unsigned bytes, uint64_t *out, struct cpu_trap *trap)
{
    (void)ctx;
    if (!allowed(addr, bytes, false, trap))
        return false;
    *out = 0;
    memcpy(out, shadow + (addr - BASE), bytes);
    return true;
}

static bool store(void *ctx, uint64_t addr, unsigned bytes, uint64_t v, struct cpu_trap *trap)
{
    (void)ctx;
    if (!allowed(addr, bytes, true, trap))
        return false;
    memcpy(shadow + (addr - BASE), &v, bytes);
    return true;
}

/* -- loops ------------------------------------------------------------------------------------------------------- */

enum { COND_ZERO, COND_BYTE, COND_HAS_ZERO, COND_HAS_BYTE, COND_DIFFER, COND_ORCB, COND_MASK, COND_SUM, COND_KINDS };
enum { STORE_NONE, STORE_READ, STORE_FILL, STORE_XOR, STORE_AND, STORE_ADD, STORE_SUB, STORE_KINDS };
enum { TRIP_END, TRIP_DOWN, TRIP_UP, TRIP_BELOW, TRIP_AT_LEAST, TRIP_SIGNED_LESS, TRIP_KINDS };

/* Slots by what they are for; which number that is changes from loop to loop. */
enum { P, Q, D, END, COUNT, LIMIT, CHAR, K1, K2, OFFSET, T0, T1, T2, T3, T4, NAMES };

struct gen {
    struct ir_func *f;
    uint8_t slot[NAMES];
    ir_val cur[CPU_SLOTS];
    uint64_t pc;
    unsigned lane, tile, step, reads, exits;
    bool early[3];    /* the pointer is advanced before it is used */
    bool sum;         /* D is OFFSET + Q */
    bool sign;        /* loads sign-extend */
    unsigned store;
    unsigned trip;    /* or TRIP_KINDS */
};

static ir_val num(struct gen *g, uint64_t v)
{
    return ir_const(g->f, IR_I64, v);
}

static void mark(struct gen *g)
{
    ir_emit(g->f, IR_OP_MARK, IR_VOID, 0, 0, 0, g->pc, 4);
    g->pc += 4;
}

static ir_val get(struct gen *g, unsigned name)
{
    unsigned s = g->slot[name];
    if (!g->cur[s])
        g->cur[s] = ir_emit(g->f, IR_OP_GET, IR_I64, 0, 0, 0, s, 0);
    return g->cur[s];
}

static ir_val put(struct gen *g, unsigned name, ir_val v)
{
    ir_emit(g->f, IR_OP_PUT, IR_VOID, v, 0, 0, g->slot[name], 0);
    g->cur[g->slot[name]] = v;
    return v;
}

static ir_val op(struct gen *g, enum ir_op o, ir_val a, ir_val b)
{
    return ir_make(g->f, o, IR_I64, a, b, 0);
}

static enum ir_type lane_type(const struct gen *g)
{
    return g->lane == 1 ? IR_I8 : g->lane == 2 ? IR_I16 : g->lane == 4 ? IR_I32 : IR_I64;
}

static ir_val address(struct gen *g, unsigned pointer, unsigned offset)
{
    ir_val base = pointer == D && g->sum ? op(g, IR_OP_ADD, get(g, OFFSET), get(g, Q)) : get(g, pointer);
    bool early = g->early[pointer == D && g->sum ? Q : pointer];
    int64_t disp = (int64_t)offset - (early ? (int64_t)g->step : 0);
    return disp ? op(g, IR_OP_ADD, base, num(g, (uint64_t)disp)) : base;
}

static ir_val read_lane(struct gen *g, unsigned pointer, unsigned offset, unsigned temp)
{
    mark(g);
    ir_val v = ir_emit(g->f, IR_OP_LOAD, lane_type(g), address(g, pointer, offset), 0, 0, IR_RELAXED, 0);
    if (g->lane < 8)
        v = ir_make(g->f, g->sign ? IR_OP_SEXT : IR_OP_ZEXT, IR_I64, v, 0, 0);
    return put(g, temp, v);
}

static void write_lane(struct gen *g, unsigned offset, ir_val x, ir_val y)
{
    ir_val v = 0;
    static const uint8_t ops[] = {[STORE_XOR] = IR_OP_XOR, [STORE_AND] = IR_OP_AND, [STORE_ADD] = IR_OP_ADD, [STORE_SUB] = IR_OP_SUB};
    switch (g->store) {
    case STORE_READ: v = x; break;
    case STORE_FILL: v = get(g, CHAR); break;
    default:
        mark(g);
        v = put(g, T3, op(g, (enum ir_op)ops[g->store], x, rnd(2) || !y ? get(g, CHAR) : y));
    }
    mark(g);
    ir_val a = address(g, D, offset);
    if (g->lane < 8)
        v = ir_make(g->f, IR_OP_TRUNC, lane_type(g), v, 0, 0);
    ir_emit(g->f, IR_OP_STORE, IR_VOID, a, v, 0, IR_RELAXED, 0);
}

static void advance(struct gen *g, bool early)
{
    for (unsigned p = P; p <= D; p++)
        if (g->early[p] == early && !(p == D && g->sum)) {
            mark(g);
            put(g, p, op(g, IR_OP_ADD, get(g, p), num(g, g->step)));
        }
}

/* A truth value: 1 to leave. */
static ir_val content(struct gen *g, unsigned kind, ir_val x, ir_val y)
{
    ir_val a = x, n;
    switch (kind) {
    case COND_ZERO: return ir_make(g->f, IR_OP_EQ, IR_I1, x, num(g, 0), 0);
    case COND_BYTE: return ir_make(g->f, IR_OP_EQ, IR_I1, rnd(2) ? x : get(g, CHAR), rnd(2) ? get(g, CHAR) : x, 0);
    case COND_HAS_BYTE:
        mark(g);
        a = put(g, T2, op(g, IR_OP_XOR, x, get(g, CHAR)));
        BTV_FALLTHROUGH;
    case COND_HAS_ZERO: {
        bool numbers = rnd(2);
        mark(g);
        n = put(g, T3, op(g, IR_OP_XOR, a, num(g, UINT64_MAX)));
        mark(g);
        a = put(g, T2, op(g, IR_OP_ADD, a, numbers ? num(g, UINT64_C(0xfefefefefefefeff)) : get(g, K1)));
        mark(g);
        a = put(g, T2, rnd(2) ? op(g, IR_OP_AND, a, n) : op(g, IR_OP_AND, n, a));
        mark(g);
        a = put(g, T2, op(g, IR_OP_AND, a, numbers ? num(g, UINT64_C(0x8080808080808080)) : get(g, K2)));
        return ir_make(g->f, IR_OP_NE, IR_I1, a, num(g, 0), 0);
    }
    case COND_DIFFER: return ir_make(g->f, IR_OP_NE, IR_I1, x, y ? y : num(g, 'x'), 0);
    case COND_ORCB:
        mark(g);
        a = put(g, T2, ir_make(g->f, IR_OP_ORCB, IR_I64, x, 0, 0));
        return ir_make(g->f, IR_OP_NE, IR_I1, a, num(g, UINT64_MAX), 0);
    case COND_MASK:
        mark(g);
        a = put(g, T2, op(g, IR_OP_AND, x, num(g, 0xdf)));
        return ir_make(g->f, rnd(2) ? IR_OP_EQ : IR_OP_NE, IR_I1, a, num(g, 'x' & 0xdf), 0);
    default:
        mark(g);
        a = put(g, T2, op(g, rnd(2) ? IR_OP_ADD : IR_OP_SUB, x, get(g, CHAR)));
        return ir_make(g->f, IR_OP_EQ, IR_I1, a, num(g, rnd(2) ? 0 : 2 * 'c'), 0);
    }
}

/* Advances what counts and gives the truth value: 1 to leave. */
static ir_val counted(struct gen *g)
{
    struct ir_func *f = g->f;
    switch (g->trip) {
    case TRIP_END: return ir_make(f, IR_OP_EQ, IR_I1, get(g, P), get(g, END), 0);
    case TRIP_DOWN:
        mark(g);
        put(g, COUNT, op(g, IR_OP_ADD, get(g, COUNT), num(g, UINT64_MAX)));
        return ir_make(f, IR_OP_EQ, IR_I1, get(g, COUNT), num(g, 0), 0);
    case TRIP_UP:
        mark(g);
        put(g, COUNT, op(g, IR_OP_ADD, get(g, COUNT), num(g, 2)));
        return ir_make(f, IR_OP_LES, IR_I1, num(g, 0), get(g, COUNT), 0);
    case TRIP_BELOW: return ir_make(f, rnd(2) ? IR_OP_LEU : IR_OP_LTU, IR_I1, get(g, END), get(g, P), 0);
    case TRIP_AT_LEAST:
        mark(g);
        put(g, COUNT, op(g, IR_OP_ADD, get(g, COUNT), num(g, 0 - (uint64_t)g->step)));
        return ir_make(f, rnd(2) ? IR_OP_LEU : IR_OP_LTU, IR_I1, get(g, COUNT), get(g, LIMIT), 0);
    default:
        mark(g);
        put(g, COUNT, op(g, IR_OP_ADD, get(g, COUNT), num(g, 0 - (uint64_t)g->step)));
        return ir_make(f, rnd(2) ? IR_OP_LTS : IR_OP_LES, IR_I1, get(g, COUNT), get(g, LIMIT), 0);
    }
}

static void leave_if(struct gen *g, ir_val cond)
{
    mark(g);
    ir_emit(g->f, IR_OP_EXITIF, IR_VOID, cond, 0, 0, 0x20000 + 0x100 * g->exits++, 0);
}

/* The round ends: back to the head unless cond. */
static void round_end(struct gen *g, ir_val cond)
{
    if (cond && rnd(3)) {
        mark(g);
        ir_emit(g->f, IR_OP_EXITIF, IR_VOID, ir_make(g->f, IR_OP_XOR, IR_I1, cond, ir_const(g->f, IR_I1, 1), 0), 0, 0, LOOP_PC, 0);
        ir_emit(g->f, IR_OP_GOTO, IR_VOID, 0, 0, 0, 0x30000, 0);
        return;
    }
    if (cond)
        leave_if(g, cond);
    mark(g);
    ir_emit(g->f, IR_OP_GOTO, IR_VOID, 0, 0, 0, LOOP_PC, 0);
}

/* ir_make does not fold NOT of a comparison: written as guests have it. */
static ir_val negated(struct gen *g, ir_val cond)
{
    const struct ir_ins *i = g->f->def[cond];
    enum ir_op o = (enum ir_op)i->op;
    if (o == IR_OP_EQ || o == IR_OP_NE)
        return ir_emit(g->f, o == IR_OP_EQ ? IR_OP_NE : IR_OP_EQ, IR_I1, i->arg[0], i->arg[1], 0, 0, 0);
    if (o == IR_OP_LTU || o == IR_OP_LTS)
        return ir_emit(g->f, o == IR_OP_LTU ? IR_OP_LEU : IR_OP_LES, IR_I1, i->arg[1], i->arg[0], 0, 0, 0);
    if (o == IR_OP_LEU || o == IR_OP_LES)
        return ir_emit(g->f, o == IR_OP_LEU ? IR_OP_LTU : IR_OP_LTS, IR_I1, i->arg[1], i->arg[0], 0, 0, 0);
    return 0;
}

static void end(struct gen *g, ir_val cond)
{
    ir_val stay = cond ? negated(g, cond) : 0;
    if (!stay || rnd(4) == 0) {
        round_end(g, stay ? cond : 0);
        return;
    }
    mark(g);
    ir_emit(g->f, IR_OP_EXITIF, IR_VOID, stay, 0, 0, LOOP_PC, 0);
    ir_emit(g->f, IR_OP_GOTO, IR_VOID, 0, 0, 0, 0x30000, 0);
}

static void name_slots(struct gen *g)
{
    bool taken[32] = {true};
    for (unsigned n = 0; n < NAMES; n++) {
        unsigned s;
        do
            s = rnd(32);
        while (taken[s]);
        taken[s] = true;
        g->slot[n] = (uint8_t)s;
    }
}

static void generate(struct gen *g)
{
    static const uint8_t lanes[] = {1, 1, 1, 2, 4, 8, 8, 8};
    ir_val x[16], y[16], cond = 0;
    g->f->pc = g->pc = LOOP_PC;
    ir_block_new(g->f);
    name_slots(g);
    g->lane = lanes[rnd(sizeof lanes)];
    g->store = rnd(2) ? STORE_NONE : 1 + rnd(STORE_KINDS - 1);
    g->tile = g->store && rnd(2) ? 1u << rnd(4) : 1;
    if (g->lane * g->tile > 64)
        g->tile = 64 / g->lane;
    g->step = g->lane * g->tile;
    g->reads = g->store == STORE_FILL ? rnd(2) : 1 + rnd(2);
    g->sum = g->store && g->reads == 2 && rnd(3) == 0;
    g->sign = rnd(4) == 0;
    for (unsigned p = P; p <= D; p++)
        g->early[p] = rnd(3) == 0;
    g->trip = rnd(TRIP_KINDS + (g->store ? 0 : 4));
    unsigned conds = g->store ? (g->tile == 1 && g->reads && rnd(3) == 0) : rnd(5) ? 1 : 2;
    if (g->store && g->trip >= TRIP_KINDS && !conds)
        g->trip = TRIP_END;
    bool trip_first = rnd(4) == 0;
    if (rnd(3) == 0) {
        mark(g);
        put(g, T4, get(g, P));
    }
    if (trip_first && g->trip < TRIP_KINDS)
        leave_if(g, counted(g));
    advance(g, true);
    bool together = rnd(2); /* all loads of a round before its stores */
    for (unsigned k = 0; k < g->tile; k++) {
        x[k] = g->reads ? read_lane(g, P, k * g->lane, T0) : 0;
        y[k] = g->reads == 2 ? read_lane(g, Q, k * g->lane, T1) : 0;
        if (g->store && !together)
            write_lane(g, k * g->lane, x[k], y[k]);
    }
    bool late = rnd(2);
    if (late)
        advance(g, false);
    g->early[P] |= late, g->early[Q] |= late, g->early[D] |= late; /* for addresses from here on */
    bool store_last = rnd(2);
    for (unsigned k = 0; k < g->tile && g->store && together && !store_last; k++)
        write_lane(g, k * g->lane, x[k], y[k]);
    for (unsigned k = 0; k < conds; k++) {
        unsigned kind = rnd(COND_KINDS);
        if (g->lane < 8 && (kind == COND_HAS_ZERO || kind == COND_HAS_BYTE || kind == COND_ORCB))
            kind = COND_ZERO;
        if (cond)
            leave_if(g, cond);
        cond = content(g, kind, x[0], y[0]);
    }
    for (unsigned k = 0; k < g->tile && g->store && together && store_last; k++)
        write_lane(g, k * g->lane, x[k], y[k]);
    if (!late) {
        bool saved[3];
        memcpy(saved, g->early, sizeof saved);
        advance(g, false);
    }
    if (!trip_first && g->trip < TRIP_KINDS) {
        if (cond)
            leave_if(g, cond);
        cond = counted(g);
    }
    end(g, cond);
}

/* -- trials ------------------------------------------------------------------------------------------------------ */

static void fill_memory(const struct gen *g, struct cpu *c, unsigned bytes, unsigned stop)
{
    static const unsigned char common[] = {'x', 'x', 'x', 'X', 1, 0x80, 0xff, 'y'};
    unsigned range = rnd(4) ? 1 : (unsigned)sizeof common;
    for (unsigned i = 0; i < sizeof first; i++)
        first[i] = common[rnd(range)];
    uint64_t p = c->slot[g->slot[P]] - BASE, q = c->slot[g->slot[Q]] - BASE;
    if (p < AREA && p + bytes < AREA && q < 2 * AREA && q + bytes < 2 * AREA) { /* either may lie before BASE */
        memmove(first + q, first + p, bytes);
        static const unsigned char ends[] = {0, 'c', 0, 'q', 0x80};
        for (unsigned k = 0; k < g->lane && p + stop + k < AREA; k++) {
            first[p + stop + k] = ends[rnd(2) ? 0 : rnd(sizeof ends)];
            if (rnd(2) && rnd(g->lane) == 0)
                break;
        }
        if (rnd(3))
            memmove(first + q, first + p, bytes);
    }
}

static uint64_t pointer(unsigned area, unsigned bytes, unsigned align, unsigned where)
{
    uint64_t start = BASE + area * AREA;
    switch (where) {
    case 0: return start + PAGE + align;
    case 1: return start + 5 * PAGE - bytes - align; /* ends at the missing page or before it */
    case 2: return start + 4 * PAGE - bytes - align; /* at the read-only one */
    case 3: return start + 5 * PAGE - bytes + align; /* runs into it */
    default: return start + 2 * PAGE - align;        /* crosses into another */
    }
}

static void start_state(const struct gen *g, struct cpu *c, unsigned rounds, unsigned align)
{
    unsigned bytes = rounds * g->step;
    memset(c, 0, sizeof *c);
    for (unsigned i = 1; i < 64; i++)
        c->slot[i] = check_random(&seed);
    unsigned where = rnd(5);
    c->slot[g->slot[P]] = pointer(0, bytes, align, where);
    c->slot[g->slot[Q]] = pointer(1, bytes, rnd(2) ? align : rnd(64), rnd(5));
    c->slot[g->slot[D]] = pointer(2, bytes, rnd(2) ? align : rnd(64), rnd(3) ? 0 : rnd(5));
    if (rnd(4) == 0) /* stores near what is read */
        c->slot[g->slot[D]] = c->slot[g->slot[P]] + rnd(600) - 300;
    if (rnd(2)) /* aligned throughout */
        for (unsigned n = P; n <= D; n++)
            c->slot[g->slot[n]] &= ~(uint64_t)(g->lane - 1);
    c->slot[g->slot[END]] = c->slot[g->slot[P]] + bytes + (rnd(8) ? 0 : rnd(9));
    c->slot[g->slot[LIMIT]] = rnd(2) ? 7 : rnd(2) ? 0 : (uint64_t)-5;
    c->slot[g->slot[COUNT]] = g->trip == TRIP_DOWN  ? rounds
                              : g->trip == TRIP_UP ? 0 - (uint64_t)rounds * 2
                                                   : bytes + c->slot[g->slot[LIMIT]];
    c->slot[g->slot[CHAR]] = rnd(3) ? 'c' : 0x6363636363636363;
    c->slot[g->slot[K1]] = UINT64_C(0xfefefefefefefeff);
    c->slot[g->slot[K2]] = UINT64_C(0x8080808080808080);
    c->slot[g->slot[OFFSET]] = c->slot[g->slot[D]] - c->slot[g->slot[Q]];
    c->ll_addr = 1;
    unsigned stop = rnd(3) ? (rounds ? rnd(rounds + 40) : rnd(40)) * g->lane : bytes;
    fill_memory(g, c, bytes + 64, stop);
}

static void show(const struct gen *g, const struct host_code *code, const struct cpu *start, const struct cpu *ev)
{
    struct str s = STR_INIT;
    ir_print(&s, g->f);
    fprintf(stderr, "%s", str_get(&s));
    for (unsigned i = 0; i < 65; i++)
        if (em.slot[i] != ev->slot[i])
            fprintf(stderr, "  slot %u start %llx emitted %llx evaluator %llx\n", i, (unsigned long long)start->slot[i], (unsigned long long)em.slot[i],
                    (unsigned long long)ev->slot[i]);
    for (unsigned n = P; n < NAMES; n++)
        fprintf(stderr, "  s%u = %llx\n", g->slot[n], (unsigned long long)start->slot[g->slot[n]]);
    for (unsigned i = 0; i < sizeof shadow; i++)
        if (i % AREA < 5 * PAGE && mem[i] != shadow[i]) {
            fprintf(stderr, "  memory %llx: emitted %x evaluator %x\n", (unsigned long long)(BASE + i), mem[i], shadow[i]);
            break;
        }
    for (unsigned o = 0; o < code->len;) {
        str_clear(&s);
        unsigned l = host_x64.disasm(&s, code->bytes + o, code->len - o, o);
        fprintf(stderr, "  %4x %s\n", o, str_get(&s));
        o += l;
    }
    str_free(&s);
}

static void access_pages(bool writable)
{
    for (unsigned k = 0; k < AREAS; k++)
        mprotect(mem + k * AREA + 4 * PAGE, PAGE, writable ? PROT_READ | PROT_WRITE : PROT_READ);
}

static bool same_memory(void)
{
    for (unsigned k = 0; k < AREAS; k++)
        if (memcmp(mem + k * AREA, shadow + k * AREA, 5 * PAGE))
            return false;
    return true;
}

static void run_one(const struct gen *g, const struct host_code *code, unsigned rounds, unsigned align)
{
    static struct cpu start, ev;
    static struct jump_entry jumps[CPU_JUMP_ENTRIES];
    unsigned long long seed0 = seed;
    struct btv_error err = {0};
    struct ir_env env = {.cpu = &ev, .load = load, .store = store};
    struct ir_exit out;
    start_state(g, &start, rounds, align);
    for (unsigned i = 0; i < CPU_JUMP_ENTRIES; i++)
        jumps[i] = (struct jump_entry){CPU_NO_PC, code_mem + stubs.indirect};
    start.jumps = jumps;
    start.return_base = start.return_sp = &return_stack[960];
    em = ev = start;
    memcpy(shadow, first, sizeof shadow);
    access_pages(true);
    for (unsigned k = 0; k < AREAS; k++)
        memcpy(mem + k * AREA, first + k * AREA, 5 * PAGE);
    access_pages(false);
    load_code(code);
    enum btv_status st;
    unsigned long n = 0;
    do
        st = ir_eval(g->f, &env, NULL, &out, &err);
    while (st == BTV_OK && out.kind == IR_EXIT_GOTO && out.pc == LOOP_PC && ++n < 200000);
    if (n >= 200000) /* it never leaves */
        return;
    ahead_page = 0;
    host_x64.fp_enter(&em);
    enum host_exit k = enter(&em, at);
    host_x64.fp_leave(&em);
    uint64_t pc = k == HOST_EXIT_LINK ? link_pc(code, at, em.exit_value) : em.exit_value;
    bool trap = out.kind == IR_EXIT_TRAP;
    bool good = st == BTV_OK && pc == out.pc && trap == (k == HOST_EXIT_TRAP) && (!trap || em.trap.value == out.trap.value) &&
                !memcmp(em.slot, ev.slot, 64 * 8) && same_memory();
    /* vectors touch no page that the loop does not touch right then */
    good &= !ahead_page || (trap && out.trap.value / PAGE == ahead_page);
    runs++;
    faults += trap;
    CHECK(good, "seed %llu, %u rounds, align %u: exit %d pc %llx, evaluator %d %llx; address %llx, evaluator %llx", seed0, rounds, align, k,
          (unsigned long long)pc, out.kind, (unsigned long long)out.pc, (unsigned long long)em.trap.value, (unsigned long long)out.trap.value);
    if (!good && check_failed <= 2)
        show(g, code, &start, &ev);
}

static void trial(void)
{
    static struct gen g;
    struct arena a;
    struct ir_rounds r;
    struct btv_error err = {0};
    struct host_code code, plain;
    arena_init(&a, 0);
    memset(&g, 0, sizeof g);
    g.f = ir_func_new(&a, &slots, "loop");
    generate(&g);
    ir_rounds_mark(g.f);
    CHECK(ir_verify(g.f, &err) == BTV_OK, "%s", err.text);
    bool known = ir_rounds_find(g.f, &r);
    unsigned features = cfg.features;
    cfg.features &= ~(unsigned)X64_F_AVX2;
    CHECK(host_x64.emit(&a, &cfg, g.f, &plain) == BTV_OK, "emit without vectors");
    cfg.features = features;
    CHECK(host_x64.emit(&a, &cfg, g.f, &code) == BTV_OK, "emit");
    found += known;
    lowered += code.len > plain.len;
    if (code.len > plain.len)
        for (unsigned n = 0; n < 40; n++)
            run_one(&g, &code, rnd(2) ? rnd(40) : rnd(301), rnd(64));
    arena_free(&a);
}

int main(int argc, char **argv)
{
    unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 0) : 1500;
    static char names[CPU_SLOTS][8];
    seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    if (!(host_x64.features() & X64_F_AVX2)) {
        printf("skipped: no AVX2\n");
        return 77;
    }
    printf("seed %llu\n", seed);
    mem = mmap((void *)BASE, AREA * AREAS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    for (unsigned k = 0; k < AREAS; k++)
        mprotect(mem + k * AREA + 5 * PAGE, PAGE, PROT_NONE);
    for (unsigned i = 0; i < CPU_SLOTS; i++) {
        snprintf(names[i], sizeof names[i], "s%u", i);
        slot_table[i] = (struct ir_slot){names[i], i >= 32 && i < 64 ? IR_F64 : IR_I64};
    }
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    static char stack[65536];
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    sigaction(SIGSEGV, &sa, NULL);
    static const unsigned pins[] = {0, 4, 1};
    for (unsigned s = 0; s < ARRAY_LEN(pins); s++) {
        init_code(pins[s], 0);
        for (unsigned long n = 0; n < count; n++)
            trial();
    }
    printf("%lu loops known, %lu done with vectors, %lu runs, %lu of them to a fault\n", found, lowered, runs, faults);
    CHECK(found >= count && lowered >= count, "too few");
    return check_done();
}

/*
 * Branches over one to three cheap instructions and between two such pieces, forward and backward, may be translated as selections:
 * random programs of them against a model, with both ways taken.
 */
#include "check.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { PROGRAMS = 250, ROUNDS = 24, ELEMENTS = 10, REGS = 11, STATE = 31 /* x31 points to the registers' memory */ };

static const unsigned reg_of[REGS] = {5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17};
static unsigned long long rnd = 7;

static unsigned below(unsigned n)
{
    return (unsigned)(check_random(&rnd) % n);
}

enum kind { ADDI, XORI, ADDIW, SLLI, ADD, SUB, AND, C_ADDI, C_MV, KINDS };

struct op {
    enum kind kind;
    unsigned d, a, b; /* indices of reg_of */
    int imm;
};

struct element {
    enum shape { PLAIN, SKIP, IF_ELSE, IF_ELSE_BACK } shape;
    unsigned cond, a, b; /* funct3 of the branch */
    struct op then[3], otherwise[3]; /* executed when the branch is taken, when it is not */
    unsigned nthen, notherwise;
};

static struct op any_op(void)
{
    return (struct op){(enum kind)below(KINDS), below(REGS), below(REGS), below(REGS), (int)below(31) + 1};
}

static void model_op(uint64_t *x, const struct op *o)
{
    uint64_t a = x[o->a], imm = (uint64_t)(int64_t)o->imm;
    switch (o->kind) {
    case ADDI: x[o->d] = a + imm; break;
    case XORI: x[o->d] = a ^ imm; break;
    case ADDIW: x[o->d] = (uint64_t)(int64_t)(int32_t)(uint32_t)(a + imm); break;
    case SLLI: x[o->d] = a << o->imm; break;
    case ADD: x[o->d] = a + x[o->b]; break;
    case SUB: x[o->d] = a - x[o->b]; break;
    case AND: x[o->d] = a & x[o->b]; break;
    case C_ADDI: x[o->d] += imm; break;
    default: x[o->d] = a; break;
    }
}

static void model(uint64_t *x, const struct element *e)
{
    uint64_t a = x[e->a], b = x[e->b];
    int taken = 0;
    switch (e->cond) {
    case 0: taken = a == b; break;
    case 1: taken = a != b; break;
    case 4: taken = (int64_t)a < (int64_t)b; break;
    case 5: taken = (int64_t)a >= (int64_t)b; break;
    case 6: taken = a < b; break;
    default: taken = a >= b; break;
    }
    if (e->shape == PLAIN)
        taken = 0;
    for (unsigned k = 0; k < (taken ? e->nthen : e->notherwise); k++)
        model_op(x, taken ? &e->then[k] : &e->otherwise[k]);
}

static uint8_t *put(uint8_t *p, uint32_t word, unsigned len)
{
    memcpy(p, &word, len);
    return p + len;
}

static uint8_t *put_ops(uint8_t *p, const struct op *o, unsigned n)
{
    for (unsigned k = 0; k < n; k++, o++) {
        uint32_t d = reg_of[o->d] << 7, a = reg_of[o->a] << 15, b = reg_of[o->b] << 20, imm = (uint32_t)o->imm << 20;
        switch (o->kind) {
        case ADDI: p = put(p, imm | a | d | 0x13, 4); break;
        case XORI: p = put(p, imm | a | 4 << 12 | d | 0x13, 4); break;
        case ADDIW: p = put(p, imm | a | d | 0x1b, 4); break;
        case SLLI: p = put(p, imm | a | 1 << 12 | d | 0x13, 4); break;
        case ADD: p = put(p, b | a | d | 0x33, 4); break;
        case SUB: p = put(p, 0x40000000 | b | a | d | 0x33, 4); break;
        case AND: p = put(p, b | a | 7 << 12 | d | 0x33, 4); break;
        case C_ADDI: p = put(p, 1 | d | (uint32_t)o->imm << 2, 2); break;
        default: p = put(p, 0x8002 | d | reg_of[o->a] << 2, 2); break; /* c.mv */
        }
    }
    return p;
}

/* A branch at `at`, whose place was left free, to `to`. */
static void put_branch(uint8_t *at, const struct element *e, const uint8_t *to)
{
    uint32_t i = (uint32_t)(to - at);
    put(at, 0x63 | e->cond << 12 | reg_of[e->a] << 15 | reg_of[e->b] << 20 | (i >> 12 & 1) << 31 | (i >> 5 & 63) << 25 | (i >> 1 & 15) << 8 | (i >> 11 & 1) << 7, 4);
}

static void put_jump(uint8_t *at, const uint8_t *to)
{
    uint32_t i = (uint32_t)(to - at);
    put(at, 0x6f | (i >> 20 & 1) << 31 | (i >> 1 & 1023) << 21 | (i >> 11 & 1) << 20 | (i >> 12 & 255) << 12, 4);
}

static uint8_t *put_element(uint8_t *p, const struct element *e)
{
    uint8_t *branch, *jump, *then, *join, *over;
    switch (e->shape) {
    case PLAIN: return put_ops(p, e->otherwise, e->notherwise);
    case SKIP:
        branch = p;
        p = put_ops(p + 4, e->otherwise, e->notherwise);
        put_branch(branch, e, p);
        return p;
    case IF_ELSE:
        branch = p;
        jump = put_ops(p + 4, e->otherwise, e->notherwise);
        put_branch(branch, e, jump + 4);
        p = put_ops(jump + 4, e->then, e->nthen);
        put_jump(jump, p);
        return p;
    default: /* the piece for a taken branch stands before it */
        over = p;
        then = p + 4;
        join = put_ops(then, e->then, e->nthen);
        branch = join + 4;
        put_jump(over, branch);
        put_branch(branch, e, then);
        jump = put_ops(branch + 4, e->otherwise, e->notherwise);
        put_jump(jump, join);
        put_jump(join, jump + 4);
        return jump + 4;
    }
}

static uint64_t any_value(void)
{
    static const uint64_t corner[] = {0, 1, 2, UINT64_MAX, INT64_MAX, (uint64_t)INT64_MIN, 0x7fffffff, 0xffffffff80000000};
    return below(2) ? corner[below(8)] : check_random(&rnd);
}

int main(void)
{
    uint8_t *code = mmap(NULL, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int n = 0; n < PROGRAMS; n++) {
        struct element list[ELEMENTS];
        uint8_t *p = put(code, 0x00050f93, 4); /* mv x31, a0 */
        for (unsigned r = 0; r < REGS; r++)
            p = put(p, r * 8 << 20 | STATE << 15 | 3 << 12 | reg_of[r] << 7 | 0x03, 4);
        for (int k = 0; k < ELEMENTS; k++) {
            static const unsigned conds[] = {0, 1, 4, 5, 6, 7};
            struct element *e = &list[k];
            *e = (struct element){.shape = (enum shape)below(4), .cond = conds[below(6)], .a = below(REGS), .b = below(REGS)};
            e->nthen = e->shape < IF_ELSE ? 0 : 1 + below(3);
            e->notherwise = 1 + below(3);
            for (unsigned i = 0; i < 3; i++) {
                e->then[i] = any_op();
                e->otherwise[i] = any_op();
            }
            p = put_element(p, e);
        }
        for (unsigned r = 0; r < REGS; r++) {
            uint32_t at = r * 8;
            p = put(p, (at >> 5) << 25 | reg_of[r] << 20 | STATE << 15 | 3 << 12 | (at & 31) << 7 | 0x23, 4);
        }
        p = put(p, 0x00008067, 4); /* ret */
        __builtin___clear_cache((char *)code, (char *)p);
        for (int round = 0; round < ROUNDS; round++) {
            uint64_t x[REGS], want[REGS];
            for (unsigned r = 0; r < REGS; r++)
                x[r] = any_value();
            memcpy(want, x, sizeof x);
            for (int k = 0; k < ELEMENTS; k++)
                model(want, &list[k]);
            ((void (*)(uint64_t *))(uintptr_t)code)(x);
            CHECK(!memcmp(x, want, sizeof x), "program %d, round %d", n, round);
        }
    }
    return check_done();
}

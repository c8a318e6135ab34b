/*
 * What a function of several blocks needs beyond a single one: pins of its own, edges, and ways in and out.
 *
 * Inside a region the pins may hold other slots than outside (host_config.outer).  The code starts with the exchange, in one
 * direction: slots that lose their register go to struct cpu, slots that gain one come from there.  Every way out makes the
 * opposite exchange first, in a few shared places behind the code, reached with rax set for the stub or link.  Neither
 * touches a temporary or memory of the guest.
 *
 * At the start of an IR block every slot is in its home and nothing else is known, as at the start of a translation; so edges are
 * plain jumps.  A block that is only reached from the one right above goes on with all that is known there.
 */
#include <string.h>

#include "host/x64/em.h"

static const struct host_config *outer(const struct em *e)
{
    return e->cfg->outer;
}

static void transfer(struct em *e, unsigned reg, unsigned slot, bool store)
{
    if (reg >= EM_XMM)
        x64_rm(&e->b, store ? X64_MOVQ_XM_X : X64_MOVQ_X_XM, 0, (int)reg - EM_XMM, em_slot(slot));
    else
        x64_rm(&e->b, store ? X64_MOV_RM_R : X64_MOV_R_RM, 8, (int)reg, em_slot(slot));
}

/* One register that holds `from` (or nothing, CPU_SLOTS) and is to hold `to`. */
static void exchange(struct em *e, unsigned reg, unsigned from, unsigned to, bool store)
{
    if (from == to)
        return;
    if (store && from < CPU_SLOTS)
        transfer(e, reg, from, true);
    if (to < CPU_SLOTS)
        transfer(e, reg, to, false);
}

static unsigned slot_of(const uint8_t *pin, unsigned n, unsigned i)
{
    return i < n && pin[i] != HOST_NO_SLOT ? pin[i] : CPU_SLOTS;
}

void em_enter_region(struct em *e)
{
    const struct host_config *in = e->cfg, *out = outer(e);
    if (!out)
        return;
    for (unsigned i = 0; i < EM_PINS_INT; i++)
        exchange(e, em_pin_int[i], slot_of(out->pin_int, out->npin_int, i), slot_of(in->pin_int, in->npin_int, i), true);
    for (unsigned i = 0; i < EM_PINS_FP; i++)
        exchange(e, EM_XMM + i, slot_of(out->pin_fp, out->npin_fp, i), slot_of(in->pin_fp, in->npin_fp, i), true);
}

static bool written(const struct em *e, unsigned slot)
{
    return slot < CPU_SLOTS && (e->written[slot / 64] >> slot % 64 & 1);
}

void em_leave_region(struct em *e)
{
    const struct host_config *in = e->cfg, *out = outer(e);
    if (!out)
        return;
    for (unsigned i = 0; i < EM_PINS_INT; i++) {
        unsigned from = slot_of(in->pin_int, in->npin_int, i);
        exchange(e, em_pin_int[i], from, slot_of(out->pin_int, out->npin_int, i), written(e, from));
    }
    for (unsigned i = 0; i < EM_PINS_FP; i++) {
        unsigned from = slot_of(in->pin_fp, in->npin_fp, i);
        exchange(e, EM_XMM + i, from, slot_of(out->pin_fp, out->npin_fp, i), written(e, from));
    }
}

bool em_region_moves(const struct em *e)
{
    const struct host_config *in = e->cfg, *out = outer(e);
    return out && (in->npin_int != out->npin_int || in->npin_fp != out->npin_fp || memcmp(in->pin_int, out->pin_int, in->npin_int) ||
                   memcmp(in->pin_fp, out->pin_fp, in->npin_fp));
}

static void count_way(struct em *e, const struct ir_block *to, unsigned n)
{
    if (to)
        e->preds[to->id] = (uint8_t)(e->preds[to->id] + n > 2 ? 2 : e->preds[to->id] + n);
}

void em_init_region(struct em *e)
{
    count_way(e, e->f->first, 2);
    for (struct ir_block *b = e->f->first; b; b = b->next) {
        for (unsigned k = 0; k < ir_nedges(b->last); k++)
            count_way(e, b->last->edges[k].to, 1);
        if (b->last->op == IR_OP_GOTO || b->last->op == IR_OP_GOTOIND)
            count_way(e, em_block_at(e, b->last->aux), 2);
    }
    for (unsigned i = 0; i < EM_PINS_INT; i++)
        if (slot_of(e->cfg->pin_int, e->cfg->npin_int, i) == CPU_SLOTS)
            e->temps |= 1u << em_pin_int[i];
    for (unsigned i = 0; i < EM_PINS_FP; i++)
        if (slot_of(e->cfg->pin_fp, e->cfg->npin_fp, i) == CPU_SLOTS)
            e->temps |= 1u << (EM_XMM + i);
}

bool em_continues(const struct em *e, const struct ir_block *b)
{
    return e->region && b && e->preds[b->id] == 1 && b->prev && ir_nedges(b->prev->last) &&
           (b->prev->last->edges[0].to == b || b->prev->last->edges[ir_nedges(b->prev->last) - 1].to == b);
}

/* -- edges --------------------------------------------------------------------------------------------------------- */

/* A jump to another block: its field is filled in when all are placed. */
static void edge(struct em *e, size_t field, const struct ir_block *to)
{
    if (e->nedges == e->cap_edges) {
        e->overflow = true;
        return;
    }
    e->edge[e->nedges++] = (struct em_edge){(uint32_t)field, to->id};
}

static uint64_t pc_of(const struct ir_block *b)
{
    return b->first->imm; /* a MARK: region blocks are guest code */
}

static bool placed(const struct em *e, const struct ir_block *b)
{
    return e->block_at[b->id] != EM_NOWHERE;
}

static void jump_to(struct em *e, const struct ir_block *to)
{
    if (to != e->at->next)
        edge(e, x64_jmp(&e->b, 0), to);
}

static void go_to(struct em *e, const struct ir_block *to)
{
    if (to == e->at->next && em_continues(e, to))
        return;
    if (placed(e, to))
        em_poll(e, pc_of(to));
    em_put_home(e);
    jump_to(e, to);
}

void em_lower_br(struct em *e, struct ir_ins *i)
{
    go_to(e, i->edges[0].to);
}

void em_lower_brif(struct em *e, struct ir_ins *i)
{
    const struct ir_block *yes = i->edges[0].to, *no = i->edges[1].to;
    uint64_t k;
    if (em_const(e, i->arg[0], &k)) {
        em_done(e, i->arg[0]);
        go_to(e, k & 1 ? yes : no);
        return;
    }
    bool back = placed(e, yes) || placed(e, no), swap = yes == e->at->next;
    const struct ir_block *far = swap ? no : yes, *near = swap ? yes : no;
    bool on = near == e->at->next && em_continues(e, near);
    if (back)
        em_poll(e, e->pc); /* a branch has no other effect: it can be made again */
    if (back || !on)
        em_put_home(e);
    enum x64_cc cc = em_compare(e, i->arg[0]);
    size_t field = x64_jcc(&e->b, swap ? (enum x64_cc)(cc ^ 1) : cc, 0);
    if (e->lazy[0] || e->lazy[1])
        em_cold(e, (struct cold){.kind = COLD_EDGE, .field = (uint32_t)field, .to = far});
    else
        edge(e, field, far);
    jump_to(e, near);
}

/* After a call: the block of the function that goes on at pc, or NULL. */
const struct ir_block *em_block_at(const struct em *e, uint64_t pc)
{
    if (!e->region)
        return NULL;
    for (const struct ir_block *b = e->f->first; b; b = b->next)
        if (b->first && b->first->op == IR_OP_MARK && pc_of(b) == pc)
            return b;
    return NULL;
}

void em_jump_block(struct em *e, const struct ir_block *to)
{
    edge(e, x64_jmp(&e->b, 0), to);
}

void em_finish_edges(struct em *e)
{
    for (unsigned n = 0; n < e->nedges; n++)
        x64_patch(&e->b, e->edge[n].field, e->block_at[e->edge[n].to]);
}

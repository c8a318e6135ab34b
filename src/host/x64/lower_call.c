/*
 * CALL: a C function of the guest's, for what no op expresses.
 *
 * All guest state is in struct cpu while it runs: the pins are stored before and loaded after, both by the stub (stubs.c), which also
 * changes to the C stack and back.  A trap that the function reports, or a fault of its memory access, leaves emitted code at the
 * instruction's start (run/fault.c).
 */
#include "host/x64/em.h"

static void set_cell(struct em *e, size_t offset, uint64_t bits)
{
    if ((int64_t)bits == (int32_t)bits) {
        x64_mi(&e->b, X64_MOV_RM_IMM32, 8, em_cpu(offset), (int64_t)bits);
        return;
    }
    em_load_imm(e, X64_RAX, bits);
    x64_rm(&e->b, X64_MOV_RM_R, 8, X64_RAX, em_cpu(offset));
}

void em_lower_call(struct em *e, struct ir_ins *i)
{
    uint64_t bits;
    for (unsigned k = 0; k < i->nargs; k++) {
        if (!em_const(e, i->arg[k], &bits))
            x64_rm(&e->b, X64_MOV_RM_R, 8, em_use_reg(e, i->arg[k]), em_cpu(offsetof(struct cpu, call_arg) + k * 8u));
        e->locked = 0;
    }
    for (unsigned k = 0; k < i->nargs; k++)
        em_done(e, i->arg[k]);
    em_save_all(e);
    for (unsigned k = 0; k < i->nargs; k++)
        if (em_const(e, i->arg[k], &bits))
            set_cell(e, offsetof(struct cpu, call_arg) + k * 8u, bits);
    set_cell(e, offsetof(struct cpu, call_pc), e->pc);
    em_load_imm(e, X64_RAX, i->imm * sizeof(struct cpu_helper));
    em_call_stub(e, EM_STUB_HELPER);
    e->known_rm = FP_DYN;
    e->store_since = true;
    if (i->dst)
        em_def(e, i, X64_RAX);
}

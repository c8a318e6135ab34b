/*
 * Host faults that belong to guest code become guest exceptions at the right instruction.
 *
 * In emitted code the pins are in the signal context and everything else is in struct cpu; the block's marks give the guest
 * pc.  In the interpreter nothing but slot pc matters (guest.h, step), and a helper that emitted code calls finds every slot in struct
 * cpu and changes none before its last access, so the handler lets the thread resume in land(), which jumps back into engine_run.  Where the engine itself reads guest memory, which other threads may take away meanwhile, a
 * fault ends the reading: run_guarded, run_differs.  This is the only file with a longjmp.
 */
#include <string.h>

#include "run/run.h"

static _Thread_local struct engine_thread *landing_thread;
static _Thread_local sigjmp_buf *volatile guard; /* of the reading in progress */

__attribute__((noreturn, force_align_arg_pointer)) static void land(void)
{
    siglongjmp(landing_thread->landing, 1);
}

__attribute__((noreturn, force_align_arg_pointer)) static void leave_guard(void)
{
    siglongjmp(*guard, 1);
}

enum btv_status run_guarded(enum btv_status (*read)(void *ctx), void *ctx)
{
    sigjmp_buf here;
    volatile enum btv_status st = BTV_HOST;
    if (!sigsetjmp(here, 0)) {
        guard = &here;
        st = read(ctx);
    }
    guard = NULL;
    return st;
}

struct comparison {
    const void *copy;
    uint64_t gva, len;
};

static enum btv_status compare(void *ctx)
{
    const struct comparison *c = ctx;
    return memcmp(c->copy, mem_host(c->gva), c->len) ? BTV_MISMATCH : BTV_OK;
}

bool run_differs(const void *copy, uint64_t gva, uint64_t len)
{
    return run_guarded(compare, &(struct comparison){copy, gva, len}) != BTV_OK;
}

static struct cpu_trap trap_of(int sig, const siginfo_t *info)
{
    struct cpu_trap t = {.detail = (uint32_t)info->si_code, .value = (uint64_t)(uintptr_t)info->si_addr};
    t.kind = sig == SIGBUS && info->si_code != SI_KERNEL ? IR_TRAP_BUS : IR_TRAP_ACCESS;
    return t;
}

/* -- addresses that the host does not tell ------------------------------------------------------------------ */

static bool note_address(uint64_t addr, struct cpu_trap *trap)
{
    *trap = (struct cpu_trap){.kind = IR_TRAP_ACCESS, .value = addr};
    return false;
}

static bool note_load(void *ctx, uint64_t addr, unsigned bytes, uint64_t *out, struct cpu_trap *trap)
{
    (void)ctx;
    (void)bytes;
    *out = 0;
    return note_address(addr, trap);
}

static bool note_store(void *ctx, uint64_t addr, unsigned bytes, uint64_t value, struct cpu_trap *trap)
{
    (void)ctx;
    (void)bytes;
    (void)value;
    return note_address(addr, trap);
}

void run_locate(struct engine_thread *t)
{
    const struct guest_shadow shadow = {.load = note_load, .store = note_store};
    uint64_t slot[ARRAY_LEN(t->cpu.slot)];
    struct cpu_trap trap = t->cpu.trap;
    struct ir_exit out;
    unsigned done = 0;
    if (trap.kind != IR_TRAP_ACCESS || (int)trap.detail != SI_KERNEL)
        return;
    memcpy(slot, t->cpu.slot, sizeof slot);
    t->engine->guest->step(&t->cpu, &t->fetch, &shadow, 1, &out, &done);
    memcpy(t->cpu.slot, slot, sizeof slot);
    t->cpu.trap = out.kind == IR_EXIT_TRAP ? out.trap : trap;
}

static bool in_stubs(const struct engine *e, uint64_t pc)
{
    uint64_t start = (uint64_t)(uintptr_t)e->code;
    return pc >= start && pc < start + e->stubs.len;
}

bool engine_in_code(const struct engine *e, const void *uc)
{
    uint64_t pc = e->host->context_pc(uc), start = (uint64_t)(uintptr_t)e->code;
    return pc >= start && pc < start + e->code_cap;
}

bool engine_host_fault(struct engine_thread *t, int sig, const siginfo_t *info, void *uc)
{
    struct engine *e = t->engine;
    uint64_t addr = (uint64_t)(uintptr_t)info->si_addr;
    if (sig != SIGSEGV && sig != SIGBUS)
        return false;
    if (engine_in_code(e, uc)) {
        if (e->host->return_stack_fault(&t->cpu, uc, addr)) {
            TRACE(fault, "the shadow return stack is full: emptied");
            return true;
        }
        uint64_t pc = e->host->context_pc(uc);
        struct block *b = cache_block_of(e, pc);
        if (!b || in_stubs(e, pc))
            return false;
        uint64_t retry = cache_retry(e, b, pc);
        if (retry) {
            TRACE(fault, "signal %d at address 0x%llx: work ahead of the block 0x%llx given up", sig, (unsigned long long)addr, (unsigned long long)block_pc(e, b));
            e->host->context_set_pc(uc, retry);
            return true;
        }
        struct host_config pins = e->hcfg;
        if (block_is(b, BLOCK_REGION))
            block_pins(e, b, &pins);
        e->host->save_context(&pins, &t->cpu, uc);
        if (block_is(b, BLOCK_REGION))
            block_recover(e, b, (uint32_t)(pc - (uint64_t)(uintptr_t)block_code(e, b)), &t->cpu, uc);
        t->cpu.trap = trap_of(sig, info);
        t->cpu.exit_value = cache_guest_pc(e, b, pc);
        TRACE(fault, "signal %d at address 0x%llx: guest pc 0x%llx in the block 0x%llx", sig, (unsigned long long)addr,
              (unsigned long long)t->cpu.exit_value, (unsigned long long)block_pc(e, b));
        e->host->context_set_pc(uc, (uint64_t)(uintptr_t)(e->code + e->stubs.fault));
        return true;
    }
    if (guard) {
        TRACE(fault, "signal %d at address 0x%llx: guest memory went away while it was read", sig, (unsigned long long)addr);
        e->host->context_set_pc(uc, (uint64_t)(uintptr_t)leave_guard);
        return true;
    }
    if (t->cpu.in_call) { /* a helper called by emitted code: every slot is in struct cpu */
        t->cpu.in_call = 0;
        t->cpu.trap = trap_of(sig, info);
        t->cpu.slot[e->guest->slot_pc] = t->cpu.call_pc;
        e->host->fp_leave(&t->cpu);
        landing_thread = t;
        TRACE(fault, "signal %d at address 0x%llx: guest pc 0x%llx, in a helper", sig, (unsigned long long)addr, (unsigned long long)t->cpu.call_pc);
        e->host->context_set_pc(uc, (uint64_t)(uintptr_t)land);
        return true;
    }
    if (t->interpreting) {
        t->cpu.trap = trap_of(sig, info);
        landing_thread = t;
        TRACE(fault, "signal %d at address 0x%llx: guest pc 0x%llx, interpreted", sig, (unsigned long long)addr,
              (unsigned long long)t->cpu.slot[e->guest->slot_pc]);
        e->host->context_set_pc(uc, (uint64_t)(uintptr_t)land);
        return true;
    }
    return false;
}

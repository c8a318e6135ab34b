/*
 * The parts of this host that look at the running machine: signal contexts and the floating-point control register.
 */
#include <string.h>
#include <ucontext.h>

#include "host/x64/em.h"
#include "host/x64/x64_host.h"

enum { MXCSR_IE = 1, MXCSR_DE = 2, MXCSR_ZE = 4, MXCSR_OE = 8, MXCSR_UE = 16, MXCSR_PE = 32, MXCSR_FLAGS = 63, MXCSR_RC_SHIFT = 13 };

uint8_t x64_fp_flags(unsigned m)
{
    return (uint8_t)((m & MXCSR_IE ? FP_NV : 0) | (m & MXCSR_ZE ? FP_DZ : 0) | (m & MXCSR_OE ? FP_OF : 0) | (m & MXCSR_UE ? FP_UF : 0) |
                     (m & MXCSR_PE ? FP_NX : 0));
}

bool x64_fp_enter(struct cpu *cpu)
{
    static const uint8_t rc[] = {[FP_RNE] = 0, [FP_RTZ] = 3, [FP_RDN] = 1, [FP_RUP] = 2};
    if (cpu->fp.rm > FP_RUP)
        return false;
    cpu->host_fp = X64_MXCSR_DEFAULT | (uint32_t)rc[cpu->fp.rm] << MXCSR_RC_SHIFT;
    return true;
}

void x64_fp_leave(struct cpu *cpu)
{
    cpu->fp.flags |= x64_fp_flags(cpu->host_fp & MXCSR_FLAGS);
    cpu->host_fp &= ~(uint32_t)MXCSR_FLAGS;
}

uint64_t x64_context_pc(const void *uc)
{
    return (uint64_t)((const ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP];
}

void x64_context_set_pc(void *uc, uint64_t pc)
{
    ((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
}

static const int greg_of[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

uint64_t x64_context_reg(const void *ucontext, unsigned reg)
{
    const ucontext_t *uc = ucontext;
    uint64_t v;
    if (reg < EM_XMM)
        return (uint64_t)uc->uc_mcontext.gregs[greg_of[reg]];
    memcpy(&v, &uc->uc_mcontext.fpregs->_xmm[reg - EM_XMM], 8);
    return v;
}

void x64_save_context(const struct host_config *cfg, struct cpu *cpu, const void *ucontext)
{
    const ucontext_t *uc = ucontext;
    for (unsigned i = 0; i < cfg->npin_int; i++)
        if (cfg->pin_int[i] != HOST_NO_SLOT)
            cpu->slot[cfg->pin_int[i]] = x64_context_reg(uc, em_pin_int[i]);
    for (unsigned i = 0; i < cfg->npin_fp; i++)
        if (cfg->pin_fp[i] != HOST_NO_SLOT)
            cpu->slot[cfg->pin_fp[i]] = x64_context_reg(uc, EM_XMM + i);
}

bool x64_return_stack_fault(struct cpu *cpu, void *ucontext, uint64_t addr)
{
    ucontext_t *uc = ucontext;
    uint64_t base = (uint64_t)(uintptr_t)cpu->return_base, low = base - HOST_RETURN_STACK_BYTES;
    if (addr >= low || addr < low - GUEST_PAGE_SIZE)
        return false;
    /* The push of a guest pc found the stack full: forget what it predicted and push again. */
    uc->uc_mcontext.gregs[REG_RSP] = (greg_t)base;
    return true;
}

const char *x64_feature_name(unsigned bit)
{
    static const char *const names[] = {"sse3", "ssse3", "sse4.1", "sse4.2", "popcnt", "lzcnt", "bmi1", "bmi2",
                                        "movbe", "avx", "avx2", "fma", "cx16", "pclmul", "f16c", "adx"};
    return bit < ARRAY_LEN(names) ? names[bit] : NULL;
}

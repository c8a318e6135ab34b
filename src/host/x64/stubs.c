/*
 * The code and constants that all blocks share, and the table by which the engine reaches this host.
 *
 * enter(cpu, code) saves the C registers, loads the pins and jumps; every exit stub stores the pins, restores the C
 * registers and returns an enum host_exit.  Code is position-independent.
 */
#include <string.h>

#include "host/x64/em.h"
#include "host/x64/x64_host.h"

#define KEPT_RETURNS 128 /* entries that a return without a match leaves alone */

static const uint8_t saved[] = {X64_RBX, X64_RBP, X64_R12, X64_R13, X64_R14, X64_R15};

static void transfer_pins(struct x64_buf *b, const struct host_config *cfg, bool store)
{
    for (unsigned i = 0; i < cfg->npin_int; i++)
        x64_rm(b, store ? X64_MOV_RM_R : X64_MOV_R_RM, 8, em_pin_int[i], em_slot(cfg->pin_int[i]));
    for (unsigned i = 0; i < cfg->npin_fp; i++)
        x64_rm(b, store ? X64_MOVQ_XM_X : X64_MOVQ_X_XM, 0, (int)i, em_slot(cfg->pin_fp[i]));
}

static void emit_enter(struct x64_buf *b, const struct host_config *cfg)
{
    for (unsigned i = 0; i < ARRAY_LEN(saved); i++)
        x64_r(b, X64_PUSH_R, 8, saved[i]);
    x64_ri(b, X64_SUB_RM_IMM8, 8, X64_RSP, 8);
    x64_rm(b, X64_LEA_R_M, 8, X64_RBP, (struct x64_mem){.base = X64_RDI, .index = X64_NOREG, .disp = EM_BIAS});
    x64_rr(b, X64_MOV_R_RM, 8, X64_RAX, X64_RSI);
    x64_rm(b, X64_MOV_RM_R, 8, X64_RSP, em_cpu(offsetof(struct cpu, host_sp)));
    x64_m(b, X64_LDMXCSR_M, 0, em_cpu(offsetof(struct cpu, host_fp)));
    transfer_pins(b, cfg, false);
    x64_rm(b, X64_MOV_R_RM, 8, X64_RSP, em_cpu(offsetof(struct cpu, return_sp)));
    x64_r(b, X64_JMP_RM, 8, X64_RAX);
}

/* The common end of all exits; eax holds the kind. */
static void emit_leave(struct x64_buf *b, size_t default_mxcsr)
{
    x64_rm(b, X64_MOV_RM_R, 8, X64_RSP, em_cpu(offsetof(struct cpu, return_sp)));
    x64_m(b, X64_STMXCSR_M, 0, em_cpu(offsetof(struct cpu, host_fp)));
    x64_m(b, X64_LDMXCSR_M, 0, (struct x64_mem){.base = X64_RIP, .index = X64_NOREG});
    x64_patch(b, b->len - 4, default_mxcsr);
    x64_rm(b, X64_MOV_R_RM, 8, X64_RSP, em_cpu(offsetof(struct cpu, host_sp)));
    x64_ri(b, X64_ADD_RM_IMM8, 8, X64_RSP, 8);
    for (unsigned i = ARRAY_LEN(saved); i-- > 0;)
        x64_r(b, X64_POP_R, 8, saved[i]);
    x64_0(b, X64_RET, 0);
}

/*
 * A helper of the guest, called from a block: pins to their slots, C stack, the helper, and back.  The shadow return stack holds the way
 * back to the block just below return_sp meanwhile; nobody writes there, signal handlers run on a stack of their own.
 */
static void emit_helper(struct x64_buf *b, const struct host_config *cfg, size_t default_mxcsr, size_t *leave_jump)
{
    const struct x64_mem rip = {.base = X64_RIP, .index = X64_NOREG};
    x64_rm(b, X64_LEA_R_M, 8, X64_RCX, (struct x64_mem){.base = X64_RSP, .index = X64_NOREG, .disp = 8});
    x64_rm(b, X64_MOV_RM_R, 8, X64_RCX, em_cpu(offsetof(struct cpu, return_sp)));
    transfer_pins(b, cfg, true);
    x64_m(b, X64_STMXCSR_M, 0, em_cpu(offsetof(struct cpu, host_fp)));
    x64_m(b, X64_LDMXCSR_M, 0, rip);
    x64_patch(b, b->len - 4, default_mxcsr);
    x64_rm(b, X64_MOV_R_RM, 8, X64_RSP, em_cpu(offsetof(struct cpu, host_sp)));
    x64_rm(b, X64_ADD_R_RM, 8, X64_RAX, em_cpu(offsetof(struct cpu, helpers)));
    x64_rm(b, X64_LEA_R_M, 8, X64_RDI, em_cpu(0));
    x64_rm(b, X64_MOV_R_RM, 8, X64_RSI, em_cpu(offsetof(struct cpu, call_arg[0])));
    x64_rm(b, X64_MOV_R_RM, 8, X64_RDX, em_cpu(offsetof(struct cpu, call_arg[1])));
    x64_rm(b, X64_MOV_R_RM, 8, X64_RCX, em_cpu(offsetof(struct cpu, call_arg[2])));
    x64_rm(b, X64_LEA_R_M, 8, X64_R8, em_cpu(offsetof(struct cpu, call_result)));
    x64_mi(b, X64_MOV_RM_IMM32, 4, em_cpu(offsetof(struct cpu, in_call)), 1);
    x64_m(b, X64_CALL_RM, 8, (struct x64_mem){.base = X64_RAX, .index = X64_NOREG, .disp = offsetof(struct cpu_helper, fn)});
    x64_mi(b, X64_MOV_RM_IMM32, 4, em_cpu(offsetof(struct cpu, in_call)), 0);
    x64_m(b, X64_LDMXCSR_M, 0, em_cpu(offsetof(struct cpu, host_fp)));
    x64_rm(b, X64_MOV_R_RM, 8, X64_RSP, em_cpu(offsetof(struct cpu, return_sp)));
    x64_ri(b, X64_TEST_RM_IMM32, 4, X64_RAX, 255); /* a bool is eight bits wide */
    size_t trap = x64_jcc(b, X64_E, 0);
    transfer_pins(b, cfg, false);
    x64_rm(b, X64_MOV_R_RM, 8, X64_RAX, em_cpu(offsetof(struct cpu, call_result)));
    x64_ri(b, X64_SUB_RM_IMM8, 8, X64_RSP, 8);
    x64_0(b, X64_RET, 0);
    x64_patch(b, trap, b->len);
    x64_rm(b, X64_MOV_R_RM, 8, X64_RAX, em_cpu(offsetof(struct cpu, call_pc)));
    x64_rm(b, X64_MOV_RM_R, 8, X64_RAX, em_cpu(offsetof(struct cpu, exit_value)));
    x64_ri(b, X64_MOV_R_IMM, 4, X64_RAX, HOST_EXIT_TRAP);
    *leave_jump = x64_jmp(b, 0);
}

static void put_const(struct x64_buf *b, struct host_stubs *out, enum em_stub n, uint64_t lo, uint64_t hi)
{
    out->offset[n] = (uint32_t)b->len;
    if (b->cap - b->len < 16) {
        b->full = true;
        return;
    }
    memcpy(b->p + b->len, &lo, 8);
    memcpy(b->p + b->len + 8, &hi, 8);
    b->len += 16;
}

static void emit_consts(struct x64_buf *b, struct host_stubs *out)
{
    put_const(b, out, EM_CONST_NAN64, UINT64_C(0x7ff8000000000000), 0);
    put_const(b, out, EM_CONST_NAN32, UINT64_C(0xffffffff7fc00000), 0);
    put_const(b, out, EM_CONST_SIGN64, UINT64_C(1) << 63, 0);
    put_const(b, out, EM_CONST_SIGN32, UINT64_C(1) << 31, 0);
    put_const(b, out, EM_CONST_ABS64, ~(UINT64_C(1) << 63), UINT64_MAX);
    put_const(b, out, EM_CONST_ABS32, ~(UINT64_C(1) << 31), UINT64_MAX);
    put_const(b, out, EM_CONST_BOX32, UINT64_C(0xffffffff00000000), 0);
    out->offset[EM_CONST_FLAGS] = (uint32_t)b->len;
    for (unsigned i = 0; i < 64 && b->len < b->cap; i++)
        b->p[b->len++] = x64_fp_flags(i);
}

static const struct x64_mem entry_pc = {.base = X64_RDX, .index = X64_NOREG}; /* of the jump table */
static const struct x64_mem entry_code = {.base = X64_RDX, .index = X64_NOREG, .disp = offsetof(struct jump_entry, code)};

size_t em_find_entry(struct x64_buf *b)
{
    x64_rr(b, X64_MOV_R_RM, 4, X64_RDX, X64_RAX);
    x64_ri(b, X64_SHL_RM_IMM8, 4, X64_RDX, 3);
    x64_ri(b, X64_AND_RM_IMM32, 4, X64_RDX, (int64_t)(CPU_JUMP_ENTRIES - 1) << 4);
    x64_rm(b, X64_ADD_R_RM, 8, X64_RDX, em_cpu(offsetof(struct cpu, jumps)));
    x64_rm(b, X64_CMP_RM_R, 8, X64_RAX, entry_pc);
    return x64_jcc(b, X64_NE, 0);
}

void em_jump_entry(struct x64_buf *b)
{
    x64_m(b, X64_JMP_RM, 8, entry_code);
}

/* EM_STUB_PROBE.  Whoever makes regions wants to know which caches miss. */
static size_t emit_probe(struct x64_buf *b)
{
    struct x64_mem missed = em_cpu(offsetof(struct cpu, missed));
    missed.index = X64_RDX;
    missed.scale = 2;
    x64_rr(b, X64_MOV_R_RM, 4, X64_RDX, X64_RCX);
    x64_ri(b, X64_SHR_RM_IMM8, 4, X64_RDX, CPU_MISS_SHIFT);
    x64_ri(b, X64_AND_RM_IMM32, 4, X64_RDX, CPU_MISSES - 1);
    x64_mi(b, X64_ADD_RM_IMM8, 4, missed, 1);
    size_t miss = em_find_entry(b);
    em_jump_entry(b);
    return miss;
}

/*
 * rax = guest pc.  A return that does not match the newest entry: perhaps frames were skipped.  Frames left for good (longjmp, threads of
 * the guest's own making) leave entries behind: with many of them and no match the stack starts anew, before it overflows.
 */
static void emit_ret_miss(struct x64_buf *b, struct host_stubs *out)
{
    out->offset[EM_STUB_RET_EVEN] = (uint32_t)b->len;
    x64_ri(b, X64_AND_RM_IMM8, 8, X64_RAX, -2);
    size_t hit[5];
    for (int k = 0; k < 5; k++) {
        if (k == 1)
            out->offset[EM_STUB_RET_MISS] = (uint32_t)b->len;
        x64_rm(b, X64_CMP_R_RM, 8, X64_RAX, (struct x64_mem){.base = X64_RSP, .index = X64_NOREG, .disp = 8 + 16 * k});
        hit[k] = x64_jcc(b, X64_E, 0);
    }
    size_t miss = em_find_entry(b);
    x64_rm(b, X64_LEA_R_M, 8, X64_RCX, (struct x64_mem){.base = X64_RSP, .index = X64_NOREG, .disp = KEPT_RETURNS * 16});
    x64_rm(b, X64_CMP_R_RM, 8, X64_RCX, em_cpu(offsetof(struct cpu, return_base)));
    size_t deep = x64_jcc8(b, X64_B);
    em_jump_entry(b);
    x64_patch8(b, deep, b->len);
    x64_rm(b, X64_MOV_R_RM, 8, X64_RSP, em_cpu(offsetof(struct cpu, return_base)));
    em_jump_entry(b);
    for (int k = 0; k < 5; k++) {
        x64_patch(b, hit[k], b->len);
        x64_ri(b, X64_ADD_RM_IMM8, 8, X64_RSP, 16 * k);
        x64_0(b, X64_RET, 0);
    }
    x64_patch(b, miss, b->len); /* falls into EM_STUB_UNKNOWN */
}

static enum btv_status stubs(struct arena *a, const struct host_config *cfg, struct host_stubs *out)
{
    static const struct {
        uint8_t stub, kind;
    } exits[] = {{EM_STUB_INDIRECT, HOST_EXIT_INDIRECT}, {EM_STUB_SYSCALL, HOST_EXIT_SYSCALL}, {EM_STUB_ISYNC, HOST_EXIT_ISYNC},
                 {EM_STUB_BAIL, HOST_EXIT_BAIL},         {EM_STUB_INTERRUPT, HOST_EXIT_INTERRUPT}, {EM_STUB_TRAP, HOST_EXIT_TRAP}};
    struct x64_buf b = {.cap = 8192};
    memset(out, 0, sizeof *out);
    b.p = arena_push(a, b.cap);
    if (!b.p)
        return BTV_NOMEM;
    emit_consts(&b, out);
    size_t mxcsr = b.len;
    memcpy(b.p + b.len, &(uint32_t){X64_MXCSR_DEFAULT}, 4);
    b.len += 4;
    x64_nop(&b, (unsigned)(ALIGN_UP(b.len, (size_t)16) - b.len));
    out->enter = (uint32_t)b.len;
    emit_enter(&b, cfg);
    size_t common[ARRAY_LEN(exits) + 2], from_helper;
    out->offset[EM_STUB_HELPER] = (uint32_t)b.len;
    emit_helper(&b, cfg, mxcsr, &from_helper);
    out->offset[EM_STUB_LINK_BRANCH] = (uint32_t)b.len;
    x64_nop(&b, 1);
    out->offset[EM_STUB_LINK] = (uint32_t)b.len;
    x64_r(&b, X64_POP_R, 8, X64_RAX);
    x64_rm(&b, X64_MOV_RM_R, 8, X64_RAX, em_cpu(offsetof(struct cpu, exit_value)));
    x64_ri(&b, X64_MOV_R_IMM, 4, X64_RAX, HOST_EXIT_LINK);
    common[ARRAY_LEN(exits)] = x64_jmp(&b, 0);
    out->offset[EM_STUB_LINK_CALL] = (uint32_t)b.len;
    x64_rm(&b, X64_MOV_R_RM, 8, X64_RAX, (struct x64_mem){.base = X64_RSP, .index = X64_NOREG});
    x64_rm(&b, X64_MOV_RM_R, 8, X64_RAX, em_cpu(offsetof(struct cpu, exit_value)));
    x64_ri(&b, X64_MOV_R_IMM, 4, X64_RAX, HOST_EXIT_LINK);
    common[ARRAY_LEN(exits) + 1] = x64_jmp(&b, 0);
    out->offset[EM_STUB_PROBE] = (uint32_t)b.len;
    size_t miss = emit_probe(&b);
    emit_ret_miss(&b, out);
    out->offset[EM_STUB_UNKNOWN] = (uint32_t)b.len;
    x64_rr(&b, X64_XOR_R_RM, 4, X64_RCX, X64_RCX);
    x64_patch(&b, miss, b.len);
    x64_rm(&b, X64_MOV_RM_R, 8, X64_RCX, em_cpu(offsetof(struct cpu, exit_link))); /* falls into EM_STUB_INDIRECT, the first of exits[] */
    for (unsigned i = 0; i < ARRAY_LEN(exits); i++) {
        out->offset[exits[i].stub] = (uint32_t)b.len;
        x64_rm(&b, X64_MOV_RM_R, 8, X64_RAX, em_cpu(offsetof(struct cpu, exit_value)));
        x64_ri(&b, X64_MOV_R_IMM, 4, X64_RAX, exits[i].kind);
        common[i] = x64_jmp(&b, 0);
    }
    for (unsigned i = 0; i < ARRAY_LEN(common); i++)
        x64_patch(&b, common[i], b.len);
    transfer_pins(&b, cfg, true);
    size_t leave = b.len;
    x64_patch(&b, from_helper, leave);
    emit_leave(&b, mxcsr);
    out->indirect = out->offset[EM_STUB_UNKNOWN];
    out->fault = (uint32_t)b.len;
    x64_ri(&b, X64_MOV_R_IMM, 4, X64_RAX, HOST_EXIT_TRAP);
    x64_jmp(&b, leave);
    out->offset[EM_STUB_LINK_NOTES] = (uint32_t)b.len;
    x64_put_notes(&b, out->offset[EM_STUB_LINK]);
    if (b.full)
        return BTV_LIMIT;
    out->bytes = b.p;
    out->len = (uint32_t)b.len;
    return BTV_OK;
}

static const char *pin_name(unsigned i)
{
    static const char *const gpr[] = {"rbx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}; /* em_pin_int */
    static const char *const xmm[] = {"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12"};
    _Static_assert(ARRAY_LEN(gpr) == EM_PINS_INT && ARRAY_LEN(xmm) == EM_PINS_FP, "one name for each pin");
    if (i >= EM_XMM)
        return i - EM_XMM < EM_PINS_FP ? xmm[i - EM_XMM] : "?";
    return i < EM_PINS_INT ? gpr[i] : "?";
}

static const char *stub_name(unsigned i)
{
    static const char *const name[EM_STUB_COUNT] = {
        [EM_STUB_LINK] = "link",           [EM_STUB_LINK_CALL] = "link-call", [EM_STUB_LINK_BRANCH] = "link-branch", [EM_STUB_LINK_NOTES] = "link-note", [EM_STUB_INDIRECT] = "indirect", [EM_STUB_RET_MISS] = "ret-miss", [EM_STUB_RET_EVEN] = "ret-even", [EM_STUB_PROBE] = "probe",   [EM_STUB_SYSCALL] = "syscall",
        [EM_STUB_ISYNC] = "isync",         [EM_STUB_BAIL] = "bail",         [EM_STUB_INTERRUPT] = "interrupt", [EM_STUB_TRAP] = "trap",
        [EM_STUB_HELPER] = "helper",
        [EM_CONST_NAN64] = "nan64",        [EM_CONST_NAN32] = "nan32",      [EM_CONST_SIGN64] = "sign64",      [EM_CONST_SIGN32] = "sign32",
        [EM_CONST_ABS64] = "abs64",        [EM_CONST_ABS32] = "abs32",      [EM_CONST_BOX32] = "box32",        [EM_CONST_FLAGS] = "flags",
    };
    return i < EM_STUB_COUNT && name[i] ? name[i] : "?";
}

static unsigned disasm(struct str *s, const uint8_t *p, size_t len, uint64_t pc)
{
    struct x64_insn i;
    if (x64_decode(p, len, &i) != BTV_OK) {
        str_add(s, ".byte 0x%02x", p[0]);
        return 1;
    }
    x64_print(s, &i, pc);
    return i.len;
}

const struct host_isa host_x64 = {
    .name = "x86_64",
    .features = x64_host_features,
    .max_pin_int = EM_PINS_INT,
    .max_pin_fp = EM_PINS_FP,
    .feature_name = x64_feature_name,
    .stubs = stubs,
    .emit = x64_emit,
    .fp_enter = x64_fp_enter,
    .fp_leave = x64_fp_leave,
    .save_context = x64_save_context,
    .context_reg = x64_context_reg,
    .context_pc = x64_context_pc,
    .context_set_pc = x64_context_set_pc,
    .return_stack_fault = x64_return_stack_fault,
    .link_target = x64_link_target,
    .link_make = x64_link_make,
    .link_note = x64_link_note,
    .link_noted = x64_link_noted,
    .front_create = x64_front_create,
    .cache_filled = x64_cache_filled,
    .cache_find = x64_cache_find,
    .cache_fill = x64_cache_fill,
    .close = x64_close,
    .pin_name = pin_name,
    .stub_name = stub_name,
    .disasm = disasm,
};

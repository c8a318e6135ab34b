/*
 * The explicit state of one guest thread: what the intermediate format's ops read and write.
 *
 * All guest registers are numbered slots of eight bytes; a guest's state.def says which slot is what.
 * The rest is the floating-point environment, the reservation of LL/SC and the interface between translated code
 * and the engine.  The interpreter, the evaluator and emitted code act on this same struct, so any of them can
 * continue where another stopped.  Owned by one host thread; `pending` alone may be written by others.
 */
#ifndef BTV_IR_CPU_H
#define BTV_IR_CPU_H

#include "base/defs.h"
#include "base/softfp.h"

#define CPU_SLOTS 96

/* Guest exceptions, whatever the guest calls them. Numbers are part of the IR. */
enum ir_trap {
    IR_TRAP_NONE = 0,
    IR_TRAP_ILLEGAL = 1,     /* undefined instruction; value: its bits */
    IR_TRAP_BREAK = 2,       /* breakpoint instruction; value: pc */
    IR_TRAP_MISALIGNED = 3,  /* atomic access at a misaligned address; value: address */
    IR_TRAP_ACCESS = 4,      /* data access to unmapped or forbidden memory; value: address */
    IR_TRAP_FETCH = 5,       /* instruction fetch from unmapped or non-executable memory; value: address */
    IR_TRAP_BUS = 6,         /* mapped, but beyond the end of the file; value: address */
};

struct cpu_trap {
    uint32_t kind;   /* enum ir_trap */
    uint32_t detail; /* host si_code for ACCESS, FETCH and BUS, else 0 */
    uint64_t value;
};

/*
 * Marks empty entries of the jump table, and the bottom of the return stack: no guest of ours can have code there.  The bottom leads to the host's
 * stub for unknown targets, so it may match a guest's return; being even, it does not match one that means another address and ignores bit 0.
 */
#define CPU_NO_PC UINT64_C(0x8000000000000001)
#define CPU_NO_RETURN UINT64_C(0x8000000000000002)

struct jump_entry {
    uint64_t pc;   /* guest pc; CPU_NO_PC when empty, or 0 where no pc 0 is looked for */
    void *code;    /* host entry point */
};

#define CPU_MISSES 128
#define CPU_MISS_SHIFT 3
static inline unsigned cpu_miss(uint64_t name)
{
    return name >> CPU_MISS_SHIFT & (CPU_MISSES - 1);
}

struct cpu;

/*
 * A helper that IR CALL reaches by number.  Returns false after filling cpu->trap, with no slot changed.  May read and write slots; finds
 * and leaves the floating-point environment in cpu->fp as the guest has it.  An access of guest memory may fault, before any slot was changed.
 */
typedef bool cpu_helper_fn(struct cpu *cpu, uint64_t a, uint64_t b, uint64_t c, uint64_t *out);

struct cpu_helper {
    const char *name;
    cpu_helper_fn *fn;
};

struct cpu {
    /* leave translated code at the next edge: set from signal handlers and other threads; first, because it is looked at everywhere */
    _Atomic uint32_t pending;

    uint64_t slot[CPU_SLOTS];

    /* floating-point environment */
    struct fp_env fp;      /* rm: dynamic mode as set by the guest, 0..7; flags: sticky ones not in the host's register */
    uint32_t host_fp;      /* the host control/status register while guest code runs (mode of fp.rm) */

    /* LL/SC reservation */
    uint64_t ll_addr;      /* 1 when there is none */
    uint64_t ll_value;
    uint32_t ll_bytes;

    struct cpu_trap trap;  /* filled when a step, an evaluation or translated code ends in a trap */

    /* engine <-> emitted code; see run/ and host/ */
    uint64_t exit_value;   /* guest pc or other datum of the last exit */
    uint64_t exit_link;    /* names the inline cache that an indirect jump missed, or a link left by: a host address; 0 if none */
    struct jump_entry *jumps; /* direct-mapped, CPU_JUMP_ENTRIES */
    void *host_sp;         /* stack of the C code that entered translated code */
    void *return_sp;       /* top of the shadow return stack */
    void *return_base;     /* where return_sp starts; the sentinel lies there */
    uint64_t spill[24];    /* temporaries of one block */
    uint32_t ahead;        /* rounds of the loop in hand until its vector code is tried */
    const struct cpu_helper *helpers; /* of the guest */
    uint64_t call_arg[3];  /* of the helper that emitted code calls, and its result */
    uint64_t call_result;
    uint64_t call_pc;      /* guest pc of that instruction */
    uint32_t in_call;      /* 1 while the helper runs: all slots are in this struct */
    uint32_t missed[CPU_MISSES]; /* how often inline caches missed, by cpu_miss of their names; counted by emitted code, cleared now and then */
    void *owner;           /* the personality's thread */
};

#define CPU_JUMP_BITS 12
#define CPU_JUMP_ENTRIES (1u << CPU_JUMP_BITS)

#endif

/*
 * What a guest instruction set supplies.  The engine knows guests only through this table.
 *
 * guest/<isa>/ holds the same files for every guest: state.def (slots), sem.h (the vocabulary of the rows'
 * semantics column), lift.c (rows -> IR), exec.c (rows -> plain C, the interpreter), system.c (long semantics, helpers
 * of IR CALL), <isa>.c (the table below).
 */
#ifndef BTV_GUEST_GUEST_H
#define BTV_GUEST_GUEST_H

#include "ir/ir.h"

/* Access to guest code: host bytes of guest address pc and how many follow that are executable; NULL: none. */
struct guest_code {
    const uint8_t *(*fetch)(void *ctx, uint64_t pc, size_t *avail);
    void *ctx;
};

#define GUEST_MAX_RANGES 4
#define GUEST_MAX_INSNS 64
#define GUEST_MAX_BYTES (4 * GUEST_MAX_INSNS) /* of code in a block: it ends before there is more */

struct guest_range {
    uint64_t start, end; /* guest bytes [start, end) */
};

struct guest_lift {
    /* in */
    uint64_t pc;
    const struct guest_code *code;
    unsigned max_insns;      /* 1..GUEST_MAX_INSNS */
    unsigned max_side_exits; /* conditional branches the block may continue after; 0: end at the first */
    uint64_t stop;           /* end before the instruction that starts here, unless it is the first; 0: nowhere */
    bool follow_jumps;       /* continue at the target of an unconditional direct jump */
    /* out */
    unsigned insns;
    struct guest_range range[GUEST_MAX_RANGES]; /* guest bytes the translation depends on */
    unsigned nranges;
    uint8_t bytes[GUEST_MAX_BYTES]; /* what was decoded, range after range: memory may have changed since */
    unsigned nbytes;
};

/* How the interpreter reaches memory when it must not touch it directly (--check=exec); NULL members: direct. */
struct guest_shadow {
    void *ctx;
    bool (*load)(void *ctx, uint64_t addr, unsigned bytes, uint64_t *out, struct cpu_trap *trap);
    bool (*store)(void *ctx, uint64_t addr, unsigned bytes, uint64_t value, struct cpu_trap *trap);
};

/* An instruction that only code mapped by the personality (its vDSO) may use: legal at pc in [lo, hi) alone.  What it looks like
 * and which registers it changes is in the guest's system.c.  Set before the first thread runs; fn does not fault. */
struct guest_hostcall {
    uint64_t lo, hi;
    cpu_helper_fn *fn; /* a: the instruction's function number; b, c: 0 */
};
extern struct guest_hostcall guest_hostcall;

struct guest_isa {
    const char *name;        /* "riscv64" */
    uint16_t elf_machine;    /* e_machine */
    struct ir_slots slots;
    unsigned slot_pc;
    unsigned slot_link;      /* where a call leaves its return address, as a rule */
    unsigned insn_align, insn_max_bytes;
    /* Slots in order of static use frequency; a host gives fixed registers to as many as it has. */
    const uint8_t *pin_int;
    unsigned npin_int;
    const uint8_t *pin_fp;
    unsigned npin_fp;
    const struct cpu_helper *helpers;
    unsigned nhelpers;

    /* Which processor of that architecture, by a name of its own (--cpu); before the engine is made. BTV_INVALID. */
    enum btv_status (*select)(const char *cpu, struct btv_error *err);
    /* Power-on state of a user-mode thread. */
    void (*reset)(struct cpu *cpu);

    /*
     * Appends the meaning of the code at g->pc to f (one block, ended by a terminator).  An instruction that is
     * undefined becomes TRAP illegal; one that cannot be fetched ends the block before it, or, when it is the first, becomes
     * TRAP fetch.  BTV_NOMEM only.
     */
    enum btv_status (*lift)(struct guest_lift *g, struct ir_func *f);

    /*
     * Interprets from slot pc: at most max_insns instructions, stopping after the first that transfers control
     * (taken or not: any branch, jump, system call, trap).  Writes slot pc back.  A direct memory access that faults on
     * the host leaves slot pc at the instruction and no other slot changed, so the engine may longjmp out of it.
     * `shadow` NULL: direct access.  `done`: instructions completed.
     */
    void (*step)(struct cpu *cpu, const struct guest_code *code, const struct guest_shadow *shadow, unsigned max_insns, struct ir_exit *out,
                 unsigned *done);

    /* One line of assembly for the instruction at p; returns its length in bytes, 0 if fewer than a whole instruction is there.
     * Undefined bytes print as a data directive. */
    unsigned (*disasm)(struct str *s, uint64_t pc, const uint8_t *p, size_t avail);
    /* One line of assembly to bytes. BTV_SYNTAX. */
    enum btv_status (*assemble)(const char *line, uint64_t pc, uint8_t out[16], unsigned *len, struct btv_error *err);
    /* The reference text of an instruction by mnemonic: encoding, operands, sentence, semantics. BTV_NOENT. */
    enum btv_status (*explain)(struct str *s, const char *mnemonic);
    /* Names of the decoded row for stage listings ("addi"), for `btv dump --stage decode`. */
    void (*print_decoded)(struct str *s, uint64_t pc, const uint8_t *p, size_t avail);
};

extern const struct guest_isa guest_riscv64;

/* All guests of this build; NULL-terminated. */
extern const struct guest_isa *const guest_all[];
const struct guest_isa *guest_by_name(const char *name);
const struct guest_isa *guest_by_machine(uint16_t elf_machine);

#endif

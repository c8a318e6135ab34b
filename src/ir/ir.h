/*
 * The intermediate format in memory: functions of basic blocks of instructions in SSA form.
 *
 * docs/ir.md is the specification; ops.def and types.def are the only lists of ops and types.  A value is a number
 * that names the instruction defining it (func->def[value]); number 0 is "no value".  Blocks take parameters
 * instead of phi nodes.  A function of guest code is entered at its first block and left by GOTO, GOTOIND, SYSCALL,
 * TRAP, ISYNC (terminators) or EXITIF (a side exit in the middle); other functions end in RET.
 *
 * Everything lives in the function's arena.  After an allocation failure the arena is poisoned, builders return
 * value 0, and the caller tests arena_ok(f->arena) once.  Not thread-safe; one owner.
 */
#ifndef BTV_IR_IR_H
#define BTV_IR_IR_H

#include "base/arena.h"
#include "base/defs.h"
#include "base/err.h"
#include "base/str.h"
#include "ir/cpu.h"

enum ir_type {
#define TYPE(code, name, text, bits, class, doc) IR_##name = (code),
#include "ir/types.def"
#undef TYPE
    IR_TYPE_COUNT = 14
};

enum ir_op {
    IR_NOP = 0,
#define OP(code, name, text, sig, flags, eval, smt, doc) IR_OP_##name = (code),
#include "ir/ops.def"
#undef OP
    IR_OP_LIMIT = 148
};

enum ir_op_flag {
    IR_F_PURE = 1 << 0,
    IR_F_COMM = 1 << 1,
    IR_F_READS = 1 << 2,
    IR_F_WRITES = 1 << 3,
    IR_F_LOADS = 1 << 4,
    IR_F_STORES = 1 << 5,
    IR_F_FPENV = 1 << 6,
    IR_F_FAULTS = 1 << 7,
    IR_F_EXITS = 1 << 8,
    IR_F_TERM = 1 << 9,
    IR_F_RM = 1 << 10,
};

/* Memory order of an access (imm of LOAD, STORE, LL, SC, CAS, RMW). */
enum ir_order { IR_RELAXED = 0, IR_ACQUIRE = 1, IR_RELEASE = 2, IR_ACQ_REL = 3, IR_SEQ_CST = 4 };

/* aux of RMW */
enum ir_rmw { IR_RMW_SWAP, IR_RMW_ADD, IR_RMW_AND, IR_RMW_OR, IR_RMW_XOR, IR_RMW_MINS, IR_RMW_MAXS, IR_RMW_MINU, IR_RMW_MAXU };

/* imm of GOTOIND */
enum ir_jump { IR_JUMP = 0, IR_JUMP_CALL = 1, IR_JUMP_RET = 2 };

/* imm of FENCE: predecessor bits; the successor bits are the same << 4 */
enum ir_fence { IR_FENCE_W = 1, IR_FENCE_R = 2, IR_FENCE_O = 4, IR_FENCE_I = 8 };

struct ir_op_info {
    const char *name;  /* NULL: unused number */
    const char *sig;
    uint16_t flags;    /* enum ir_op_flag */
    uint8_t nargs;     /* operands in sig; CALL takes 0..3, TRAP 1, RET 0..1 */
    const char *smt, *doc;
};
extern const struct ir_op_info ir_op_info[IR_OP_LIMIT];

struct ir_type_info {
    const char *name;
    uint16_t bits;
    char class; /* 'V' 'I' 'F' 'X' */
};
extern const struct ir_type_info ir_type_info[IR_TYPE_COUNT];

static inline unsigned ir_bits(enum ir_type t)
{
    return ir_type_info[t].bits;
}

typedef uint32_t ir_val; /* the one typedef of the layer: a value number, 0 for none */

struct ir_block;

struct ir_edge {
    struct ir_block *to;
    ir_val *args; /* to->nparams of them */
};

struct ir_ins {
    struct ir_ins *prev, *next;
    uint64_t imm;
    union {
        uint64_t aux;
        struct ir_edge *edges; /* BR: 1, BRIF: 2 */
    };
    ir_val dst; /* 0 if the op has no result */
    ir_val arg[3];
    uint8_t op;   /* enum ir_op */
    uint8_t type; /* enum ir_type of the result; of the stored value for STORE, PUT, SC; VOID else */
    uint8_t nargs;
    uint8_t flags; /* scratch of the current pass */
    uint32_t uses; /* filled by ir_count_uses; scratch otherwise */
};

struct ir_block {
    struct ir_block *prev, *next;
    struct ir_ins *first, *last;
    struct ir_ins **params; /* PARAM instructions, not in the list */
    uint32_t nparams;
    uint32_t id;
};

/* A guest's slots: index = slot number. */
struct ir_slot {
    const char *name;
    uint8_t type; /* enum ir_type */
};
struct ir_slots {
    const char *guest; /* name of the guest instruction set */
    const struct ir_slot *slot;
    unsigned count;
};

struct ir_func {
    struct arena *arena;
    const struct ir_slots *slots; /* may be NULL: numbers only */
    const char *name;
    struct ir_block *first, *last;
    struct ir_block *at;      /* where builders append */
    struct ir_ins **def;      /* value -> defining instruction; removed ones, and 0: a void NOP; never NULL */
    uint32_t nvals, cap_vals; /* values are 1..nvals-1 */
    uint32_t nblocks;
    uint64_t pc;              /* guest pc of the entry, if guest code */
    bool changed;             /* set by passes through ir_replace / ir_remove */
};

/* -- build.c ----------------------------------------------------------------------------------------------- */
struct ir_func *ir_func_new(struct arena *arena, const struct ir_slots *slots, const char *name);
struct ir_block *ir_block_new(struct ir_func *f); /* appended; becomes the insertion point */
ir_val ir_block_param(struct ir_func *f, struct ir_block *b, enum ir_type t);
/* Edges of a terminator: BR 1, BRIF 2, all others 0. */
static inline unsigned ir_nedges(const struct ir_ins *i)
{
    return i->op == IR_OP_BR ? 1 : i->op == IR_OP_BRIF ? 2 : 0;
}
/* Appends an instruction without folding.  Returns its value (0 for ops without one); f->at->last is the instruction. */
ir_val ir_emit(struct ir_func *f, enum ir_op op, enum ir_type t, ir_val a, ir_val b, ir_val c, uint64_t imm, uint64_t aux);
/* The same with constant folding and local identities for PURE ops (fold table in fold.c). */
ir_val ir_make(struct ir_func *f, enum ir_op op, enum ir_type t, ir_val a, ir_val b, ir_val c);
ir_val ir_const(struct ir_func *f, enum ir_type t, uint64_t bits);
void ir_br(struct ir_func *f, struct ir_block *to, const ir_val *args);
void ir_brif(struct ir_func *f, ir_val cond, struct ir_block *yes, const ir_val *yes_args, struct ir_block *no, const ir_val *no_args);
static inline enum ir_type ir_typeof(const struct ir_func *f, ir_val v)
{
    const struct ir_ins *i = f->def[v]; /* comparisons carry IR_I1; SC carries the type it stores */
    return i->op == IR_OP_SC ? IR_I1 : (enum ir_type)i->type;
}
static inline bool ir_is_const(const struct ir_func *f, ir_val v, uint64_t *bits)
{
    if (!v || f->def[v]->op != IR_OP_CONST)
        return false;
    *bits = f->def[v]->imm;
    return true;
}
void ir_remove(struct ir_func *f, struct ir_ins *i);
void ir_replace_uses(struct ir_func *f, ir_val from, ir_val to); /* whole function */
void ir_count_uses(struct ir_func *f);

/* -- fold.c: the meaning of one PURE op on constants ------------------------------------------------------- */
/* Result bits (zero-extended) of a PURE op; `src` is the type of the first operand.  False if op is not PURE. */
bool ir_eval_pure(enum ir_op op, enum ir_type t, enum ir_type src, uint64_t a, uint64_t b, uint64_t c, uint64_t imm, uint64_t *out);

/* -- print.c, parse.c, binary.c ---------------------------------------------------------------------------- */
struct ir_module {
    struct ir_func **func;
    unsigned nfuncs;
};
void ir_print_ins(struct str *s, const struct ir_func *f, const struct ir_ins *i);
void ir_print(struct str *s, const struct ir_func *f);
/* BTV_SYNTAX with line and column in err. `slots` may be NULL. Functions live in `arena`. */
BTV_NODISCARD enum btv_status ir_parse(struct arena *arena, const struct ir_slots *slots, const char *text, size_t len, struct ir_module *out,
                                       struct btv_error *err);
BTV_NODISCARD enum btv_status ir_write(struct str *out, const struct ir_module *m);
/* BTV_BADIMAGE for anything malformed; the result has been verified. */
BTV_NODISCARD enum btv_status ir_read(struct arena *arena, const struct ir_slots *slots, const void *p, size_t len, struct ir_module *out,
                                      struct btv_error *err);

/* -- verify.c ---------------------------------------------------------------------------------------------- */
/* Checks every invariant of docs/ir.md. BTV_INVALID with the broken rule and instruction in err. */
BTV_NODISCARD enum btv_status ir_verify(const struct ir_func *f, struct btv_error *err);

/* -- eval.c: the reference meaning ------------------------------------------------------------------------- */
enum ir_exit_kind { IR_EXIT_GOTO, IR_EXIT_SYSCALL, IR_EXIT_TRAP, IR_EXIT_ISYNC, IR_EXIT_RET };
struct ir_exit {
    enum ir_exit_kind kind;
    uint64_t pc;    /* where the guest continues (GOTO, SYSCALL, ISYNC); pc of the faulting instruction for TRAP */
    uint64_t value; /* RET */
    struct cpu_trap trap;
};
/* What the evaluator needs from outside; each memory call returns false on a fault after filling *trap. */
struct ir_env {
    struct cpu *cpu;
    void *ctx;
    bool (*load)(void *ctx, uint64_t addr, unsigned bytes, uint64_t *out, struct cpu_trap *trap);
    bool (*store)(void *ctx, uint64_t addr, unsigned bytes, uint64_t value, struct cpu_trap *trap);
    /* Atomic compare and exchange; NULL: load, compare, store. */
    bool (*cas)(void *ctx, uint64_t addr, unsigned bytes, uint64_t expect, uint64_t value, uint64_t *old, struct cpu_trap *trap);
    /* Guest helper of CALL; false after filling *trap. */
    bool (*call)(void *ctx, struct cpu *cpu, unsigned helper, const uint64_t args[3], uint64_t *out, struct cpu_trap *trap);
    uint64_t max_ins; /* 0: no limit; else BTV_LIMIT after that many */
};
BTV_NODISCARD enum btv_status ir_eval(const struct ir_func *f, const struct ir_env *env, const uint64_t *args, struct ir_exit *out,
                                      struct btv_error *err);

#endif

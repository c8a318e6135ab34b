/*
 * The x86-64 emitter: shared between emit.c (driver, exits), plan.c (decisions), alloc.c (where values are), lower_int.c, lower_mem.c,
 * lower_fp.c, lower_call.c and lower_vec.c (what ops become).  patch.c changes what was emitted.
 *
 * Register convention of emitted code:
 *   rbp                      struct cpu + EM_BIAS, so that `pending` and slots 0..30 have 8-bit displacements
 *   rsp                      shadow return stack: pairs (guest return pc, host return address)
 *   rax rcx rdx              temporaries of one block
 *   rbx rsi rdi r8..r15      pins: integer slots
 *   xmm0..xmm12              pins: floating-point slots;  xmm13..xmm15 temporaries
 *
 * Values: an i32 (i16, i8) in a register has arbitrary upper bits unless VAL_ZEXT; an i1 is 0 or 1 in 64 bits; an f32 in an
 * xmm register has bits 63..32 all ones (it is NaN-boxed at all times), so that boxing costs nothing.
 */
#ifndef BTV_HOST_X64_EM_H
#define BTV_HOST_X64_EM_H

#include "host/host.h"
#include "ir/rounds.h"
#include "isa/x86_64/x64.h"

#define EM_BIAS 128
#define EM_PINS_INT 11
#define EM_PINS_FP 13
#define EM_XMM 16 /* register numbers 16..31 are xmm0..xmm15 */
#define EM_REGS 32
#define EM_SPILLS 24
/* Types without a lowering. */
#define EM_ODD_TYPES (1u << IR_F16 | 1u << IR_I128 | 1u << IR_V64 | 1u << IR_V128 | 1u << IR_V256 | 1u << IR_VS)

extern const uint8_t em_pin_int[EM_PINS_INT];

/* Stub and constant numbers: host_reloc.stub. */
enum em_stub {
    EM_STUB_LINK,      /* called, the way back forgotten: an unmade jump */
    EM_STUB_LINK_CALL, /* called, the way back kept: an unmade call */
    EM_STUB_LINK_BRANCH, /* the same as EM_STUB_LINK: an unmade jump that one conditional jump of the block leads to */
    EM_STUB_LINK_NOTES, /* either of these two by one of X64_NOTES ways each: which one is the note of the link */
    EM_STUB_PROBE,     /* rax = guest pc, rcx = name of the inline cache: the thread's jump table */
    EM_STUB_INDIRECT,  /* rax = guest pc; cpu->exit_link set */
    EM_STUB_UNKNOWN,   /* the same, without an inline cache */
    EM_STUB_RET_EVEN,  /* rax = guest pc, but for bit 0, which is to be cleared: no match at the top of the return stack yet */
    EM_STUB_RET_MISS,  /* rax = guest pc: look deeper in the return stack, then the jump table */
    EM_STUB_SYSCALL,   /* rax = guest pc after */
    EM_STUB_ISYNC,     /* rax = guest pc */
    EM_STUB_BAIL,      /* rax = guest pc */
    EM_STUB_INTERRUPT, /* rax = guest pc */
    EM_STUB_TRAP,      /* rax = guest pc; cpu->trap filled */
    EM_STUB_HELPER,    /* called; rax = offset in cpu->helpers; cpu->call_arg and call_pc set; comes back with rax = result, or leaves */
    EM_CONST_NAN64,    /* canonical NaNs as they lie in a register, 16 bytes each */
    EM_CONST_NAN32,
    EM_CONST_SIGN64,   /* sign bit */
    EM_CONST_SIGN32,   /* sign bit of a boxed f32 */
    EM_CONST_ABS64,    /* everything but the sign bit */
    EM_CONST_ABS32,
    EM_CONST_BOX32,    /* bits 63..32 */
    EM_CONST_FLAGS,    /* 64-byte table: host exception bits -> enum fp_flag bits */
    EM_STUB_COUNT
};

enum val_kind {
    VAL_NONE,  /* not defined, or dead */
    VAL_NORMAL,
    VAL_CONST,
    VAL_ALIAS, /* same bits as `rep` */
    VAL_FOLD,  /* only computed inside addresses or shift counts */
    VAL_DEFER, /* comparison done by its only user */
};

enum val_flag {
    VAL_SEXT = 2,    /* a LOAD that sign-extends at once */
    VAL_SWAP = 4,    /* a LOAD that reverses the bytes at once */
    VAL_MADE = 16,   /* emitted ahead of its place, with its partner: em_partner */
    VAL_LOW = 8,     /* an i64 of which only the low 32 bits are right, and wanted */
    VAL_ZEXT = 256,  /* an i32 whose register's upper half must stay zero: a ZEXT is its alias */
};

struct val {
    uint32_t rep;
    uint32_t uses;      /* left */
    uint32_t wide;      /* of an i32: a value whose lower half it is, or 0 */
    uint32_t addr_uses; /* of these, as the address of a LOAD or STORE */
    uint32_t low_uses;  /* planning: uses (ir_ins.uses) that read no more than the low 32 bits, or that came to nothing */
    struct ir_ins *put; /* first PUT of it, or NULL */
    struct ir_ins *into; /* what may change it in place: the last use of an integer by an op that makes another of it; or NULL */
    int8_t reg;         /* a register that holds it, or -1 */
    int8_t spill;
    int8_t slot;        /* a guest slot in memory that holds it */
    uint8_t lazy;       /* slots whose memory is to hold it: see em.lazy_val */
    uint8_t kind;
    uint8_t plan;       /* while planning: what its users take it as */
    uint16_t flags;
};

enum cold_kind { COLD_LINK, COLD_BRANCH, COLD_LEAVE, COLD_EDGE, COLD_BAIL, COLD_INTERRUPT, COLD_NAN, COLD_TO_INT, COLD_FROM_U64, COLD_FLAGS, COLD_PROBE };

struct cold {
    uint8_t kind;
    uint8_t poll;     /* COLD_LINK: test cpu->pending first */
    int8_t reg, reg2; /* COLD_NAN: xmm registers to fix, one of them or both; equal: one.  COLD_TO_INT: xmm operand, result.  COLD_FROM_U64: xmm result, operand to be lost */
    uint8_t size;     /* COLD_NAN, COLD_TO_INT, COLD_FROM_U64: 4 or 8, of the floating-point value; COLD_FLAGS: 1 to clear all, 0 to restore */
    bool wide;        /* COLD_TO_INT: a result of 64 bits */
    uint32_t field;   /* displacement field to patch to here */
    uint32_t field2;  /* a second way in, or 0 */
    uint32_t back;    /* offset to continue at */
    uint16_t index;   /* COLD_LEAVE: stub */
    bool call;        /* COLD_PROBE */
    uint16_t nstate;  /* slots to be put home on this way: em.state[state ...] */
    uint32_t state;
    const struct ir_block *to; /* COLD_EDGE */
    uint64_t pc;
};

#define EM_MAX_COLD 1024

#define EM_NOWHERE UINT32_MAX
struct em_edge {
    uint32_t field, to; /* displacement of a jump, id of the block */
};

struct em {
    struct x64_buf b;
    struct arena *arena;
    const struct host_config *cfg;
    struct ir_func *f;
    struct host_code *out;
    struct val *val;
    uint32_t reg_val[EM_REGS]; /* value in each register, 0: nothing known */
    uint32_t slot_val[CPU_SLOTS];
    uint32_t spill_val[EM_SPILLS];
    struct ir_block *at;       /* the block being emitted */
    uint32_t *block_at;        /* by id: offset of its code, or EM_NOWHERE */
    struct em_edge *edge;
    unsigned nedges, cap_edges;
    uint64_t written[(CPU_SLOTS + 63) / 64]; /* slots with a PUT anywhere */
    bool odd;                  /* there are values of types without a lowering */
    bool region;               /* several blocks, pins of its own, slots put home late */
    /*
     * In a region: the value that a slot without a pin has but that its memory does not hold yet, or 0.  Such a value is in a
     * register or a constant.  What leaves the hot path puts it home in its cold part; faults find it through host_code.recovery.
     */
    uint32_t lazy_val[CPU_SLOTS];
    uint64_t lazy[(CPU_SLOTS + 63) / 64]; /* which */
    struct host_loc *state;
    unsigned nstate, cap_state;
    uint8_t *preds;            /* by block id: ways in, up to 2 */
    bool moves;                /* the pins inside differ from those outside */
    uint32_t nans[2];          /* xmm registers (bits 0..15) with results, of 4 and of 8 bytes, that may be NaNs other than the canonical one */
    uint32_t locked;           /* registers the current op needs */
    uint32_t locked_spills;    /* spill cells it reads */
    uint32_t temps;            /* registers that may be allocated */
    unsigned ncold;
    unsigned cap_reloc, cap_mark, cap_link;
    uint64_t pc;               /* of the current guest instruction */
    uint8_t known_rm;          /* rounding mode that the block has found set, FP_DYN: none yet */
    struct ir_ins *sc;         /* planning: the SC that the next LL upwards may pair with */
    bool sc_still;             /* planning: no write to memory before it so far */
    struct ir_ins *setflags;   /* planning: the FSETFLAGS that may write back what the next FGETFLAGS upwards reads */
    struct ir_ins *compare[4]; /* planning: comparisons between the two */
    unsigned ncompare;
    bool bailed;               /* planning: something may bail between the two, before the first of these */
    uint32_t ll_value;         /* emitting: of the last LL that is one of a pair */
    size_t flags_at;           /* the code up to here has set the host's flags as a comparison of flags_reg with 0 does: */
    int8_t flags_reg;
    uint8_t flags_size;
    bool flags_logic;          /* all of them, not the zero flag alone */
    size_t again;              /* offset of what a jump to the function's own pc leads to */
    bool rounds;               /* the loop has vector code in front of it */
    bool fp_read;              /* cpu.host_fp holds what the host's control register does: read and not used since */
    bool store_since;          /* a plain store since the last full barrier of this block (true at its start) */
    bool ended, overflow;
    struct cold cold[EM_MAX_COLD]; /* last: the only member that is not zero at first */
};

/* An operand ready for an instruction. */
enum opnd_kind { OPND_REG = 1, OPND_MEM = 2, OPND_IMM = 4 };
struct opnd {
    uint8_t kind;
    int8_t reg;
    struct x64_mem mem;
    int64_t imm;
};

/* ir_ins.flags while emitting */
enum {
    INS_DEAD = 1, /* a PUT that nobody can see, or a FSETFLAGS that changes nothing */
    INS_BAIL = 2, /* a MARK whose instruction is interpreted */
    INS_BACK = 4, /* a MARK reached by a jump backward that the block follows: requests are looked at here */
    INS_PAIR = 8, /* an LL and the SC of the same address behind it: the SC compares with the LL's value, not with struct cpu */
    INS_STILL = 16, /* the SC of a pair without a write to memory between the two */
    INS_SILENT = 32, /* a comparison whose flags nobody sees: those of before are in cpu.host_fp */
};

/* -- plan.c -- */
void em_plan(struct em *e);
bool em_can_lower(const struct em *e, const struct ir_ins *i);
/* Does its code test something and leave to the interpreter? */
bool em_may_bail(const struct ir_ins *i);

/* -- alloc.c -- */
static inline uint32_t em_rep(const struct em *e, uint32_t v)
{
    while (e->val[v].kind == VAL_ALIAS)
        v = e->val[v].rep;
    return v;
}
static inline struct val *em_val(struct em *e, uint32_t v)
{
    return &e->val[em_rep(e, v)];
}
static inline struct x64_mem em_cpu(size_t offset)
{
    return (struct x64_mem){.base = X64_RBP, .index = X64_NOREG, .disp = (int32_t)offset - EM_BIAS};
}
static inline struct x64_mem em_host_fp(void)
{
    return em_cpu(offsetof(struct cpu, host_fp));
}
static inline struct x64_mem em_slot(unsigned slot)
{
    return em_cpu(offsetof(struct cpu, slot) + slot * 8u);
}
static inline bool em_is_fp(enum ir_type t)
{
    return t == IR_F32 || t == IR_F64;
}
/* The pin register (0..31) of a slot, or -1. */
int em_pin(const struct em *e, unsigned slot);
/* Brings v into a register (general for integers, xmm for floats) and locks it. */
int em_use_reg(struct em *e, uint32_t v);
/* Register, memory or immediate as `allow` says; immediates only when they fit 32 signed bits. Locks registers. */
struct opnd em_use(struct em *e, uint32_t v, unsigned allow);
/* Will v be used, or put home? */
bool em_needed(const struct em *e, uint32_t v);
/* One use of v is over. */
void em_done(struct em *e, uint32_t v);
/* The slots that are not home: all of them now; those from em_note_state; of a fault here. */
void em_put_home(struct em *e);
void em_emit_state(struct em *e, uint32_t first, unsigned n);
unsigned em_note_state(struct em *e, uint32_t *first);
void em_may_fault(struct em *e);
/* At the start of a block: no register, cell or spill is known to hold a value. */
void em_forget(struct em *e);
/* A free temporary, locked; saves what must survive. */
int em_temp(struct em *e);
int em_temp_fp(struct em *e);
/* That very register, locked, its content saved if needed (rax, rcx, rdx). */
void em_take(struct em *e, int reg);
/* The register for the result of `i`; operands were done.  Prefers the pin of the slot it goes to, then a
 * dying operand's temporary `prefer` (-1: none).  Locked. */
int em_dst(struct em *e, struct ir_ins *i, int prefer);
/* As em_dst but never a pin: for ops that may fault after writing their result. */
int em_dst_temp(struct em *e, struct ir_ins *i);
/* Records that `i`'s value is now in reg. */
void em_def(struct em *e, struct ir_ins *i, int reg);
/* Forgets the content of a register that code just destroyed. */
void em_kill(struct em *e, int reg);
void em_put(struct em *e, struct ir_ins *i);
/* Before code that may change every slot and temporary: saves what is needed later in spill cells, forgets where all else is. */
void em_save_all(struct em *e);
void em_get(struct em *e, struct ir_ins *i);
void em_load_imm(struct em *e, int reg, uint64_t imm);
/* row reg, operand: a general register or memory. */
void em_op_opnd(struct em *e, enum x64_row row, int size, int reg, struct opnd o);
/* dst = operand, an immediate too, without touching the flags. */
void em_mov_opnd(struct em *e, int size, int dst, struct opnd o);
bool em_const(struct em *e, uint32_t v, uint64_t *bits);
/* A slot in memory that holds this constant, or -1. */
int em_slot_with(struct em *e, uint64_t bits);
/* The same for a general register. */
int em_reg_with(struct em *e, uint64_t bits);

/* -- emit.c -- */
/* Displacement field -> cold code. */
void em_cold(struct em *e, struct cold c);
/* Leaves the block at the current guest instruction when cc holds. */
void em_bail_if(struct em *e, enum x64_cc cc);
void em_bail(struct em *e);
/* Bails unless the guest's dynamic rounding mode, and so the host's, is `rm`; for code that is not always executed. */
void em_test_rm(struct em *e, uint64_t rm);
/* The same, unless that is known by now (or FP_DYN: whatever it is). */
void em_need_rm(struct em *e, uint64_t rm);
/* row reg, [rip + stub or constant]; no immediate may follow. */
void em_rip(struct em *e, enum x64_row row, int size, int reg, enum em_stub s);
void em_call_stub(struct em *e, enum em_stub s);
/* Leaves if that is requested; the guest is about to execute resume_pc. */
void em_poll(struct em *e, uint64_t resume_pc);

/* The next instructions touch guest memory for the function's first guest instruction; should one fault, go on where this is called
 * the next time.  Slots are at home there. */
void em_retry(struct em *e);

/* Leaves at resume_pc if somebody asked for it. */
void em_poll(struct em *e, uint64_t resume_pc);

/* -- stubs.c -- */
/* rax = guest pc: rdx = its entry in the thread's jump table, at [pc >> 1 & mask].  The jump to patch: another pc is there, or a
 * request points the table away.  Then the way to its code. */
size_t em_find_entry(struct x64_buf *b);
void em_jump_entry(struct x64_buf *b);

/* -- region.c -- */
/* The exchange of pins at an entry, and at an exit; nothing else is touched. */
void em_enter_region(struct em *e);
void em_leave_region(struct em *e);
bool em_region_moves(const struct em *e);
void em_init_region(struct em *e);
/* Is b, the next block, reached from the end of the current one only? */
bool em_continues(const struct em *e, const struct ir_block *b);
void em_lower_br(struct em *e, struct ir_ins *i);
void em_lower_brif(struct em *e, struct ir_ins *i);
const struct ir_block *em_block_at(const struct em *e, uint64_t pc);
void em_jump_block(struct em *e, const struct ir_block *to);
void em_finish_edges(struct em *e);

/* -- lower_*.c -- */
void em_lower_rounds(struct em *e);
void em_lower_int(struct em *e, struct ir_ins *i);
void em_lower_mem(struct em *e, struct ir_ins *i);
void em_lower_fp(struct em *e, struct ir_ins *i);
void em_lower_call(struct em *e, struct ir_ins *i);
/* Replaces the NaNs among results, all or the one in reg, by the canonical one; changes the host's flags. */
void em_check_nans(struct em *e);
void em_check_nan(struct em *e, int reg);
/* May results of before wait for that test while i executes? */
bool em_lets_nans(const struct em *e, const struct ir_ins *i);
/* Emits the comparison that `cond` stands for and consumes it; returns the condition code. */
enum x64_cc em_compare(struct em *e, uint32_t cond);
struct x64_mem em_address(struct em *e, uint32_t v);

static inline int em_size(enum ir_type t)
{
    return t == IR_I64 || t == IR_F64 ? 8 : 4;
}

#endif

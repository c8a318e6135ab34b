/*
 * The words of the semantics column of the RISC-V rows, and what lift.c, exec.c and system.c share.
 *
 * Every row is expanded twice: by lift.c, where a word builds IR, and by exec.c, where it computes.  A word names its operands
 * before it uses them, so the order of effects is the order of the text in both.
 *
 *   X(f) W(f)            integer register of field f; its low 32 bits      SET(f, v)   write it; x0 stays 0
 *   F(f) FS(f) FH(f)     floating-point register; the single, half in it   SETF(f, v)  write it
 *   IMM IMMW K(n) KW(n)  immediate and constants of 64 and 32 bits         PC          address of this instruction
 *   FIELD(f)             the field's number itself
 *   ADD SUB MUL MULHS MULHU MULHSU DIVS DIVU REMS REMU AND OR XOR NOT SHL SHR SAR ROTL ROTR MINS MAXS MINU MAXU
 *   CLZ CTZ POPCNT BSWAP ORCB BITREV8 CLMUL CLMULH EQ NE LTS LTU LES LEU SELECT   as in ir/ops.def; widths are those of the operands
 *   SEXT(v) ZEXT(v)      widen to 64 bits                                  TRUNC(T, v) low bits
 *   BITS(v) FLOAT(T, v)  float to bits and back                            NANBOX(v)   into a register image
 *   FADD FSUB FMUL FDIV FSQRT FMA FCVT(T, v) S2F U2F F2S F2U FRINT FRINTX  rounded by field r
 *   FNEG FSGNJ FSGNJN FSGNJX FMINNUM FMAXNUM FMINIMUM FMAXIMUM FEQ FLT FLE FLTQ FLEQ F2SMOD FCLASS FLI(T)
 *   LOAD(T, addr) STORE(addr, v)                                           any alignment
 *   LL(T, addr) SC(addr, v) CAS(addr, old, new) RMW(f, addr, v)            naturally aligned; order from fields a and l
 *   BRANCH(c) JAL(f) JALR(f, g)                                            targets from IMM; they end the row
 *   ECALL EBREAK ILLEGAL ISYNC FENCE FENCE_TSO HINT CSR(kind, f, v, write) CALL(name): lift_name and exec_name in system.c
 */
#ifndef BTV_GUEST_RISCV_SEM_H
#define BTV_GUEST_RISCV_SEM_H

#include "guest/guest.h"
#include "isa/riscv/riscv.h"

/* Registers that rows name outright. */
#define RVF_zero 0
#define RVF_ra   1
#define RVF_sp   2

enum {
#define REG(name, type, first, count, names, doc) RV_SLOT_##name = (first),
#include "guest/riscv/state.def"
#undef REG
    RV_SLOTS = 65
};

enum rv_csr_number {
    RV_CSR_FFLAGS = 0x001,
    RV_CSR_FRM = 0x002,
    RV_CSR_FCSR = 0x003,
    RV_CSR_CYCLE = 0xc00,
    RV_CSR_TIME = 0xc01,
    RV_CSR_INSTRET = 0xc02
};
enum rv_csr_kind { RV_CSR_WRITE, RV_CSR_SET, RV_CSR_CLEAR };

/* Does the access to number exist in user mode? */
bool rv_csr_allowed(unsigned number, bool write);

/* Numbers of IR CALL. */
enum rv_helper { RV_HELPER_COUNTER, RV_HELPER_AMOCAS_Q, RV_HELPER_HOSTCALL, RV_HELPER_COUNT };
extern const struct cpu_helper rv_helpers[RV_HELPER_COUNT];

/* Memory order of an atomic from its aq and rl bits. */
static inline enum ir_order rv_order(const struct insn *in)
{
    return in->aq && in->rl ? IR_SEQ_CST : in->aq ? IR_ACQUIRE : in->rl ? IR_RELEASE : IR_RELAXED;
}

/* -- lifting ----------------------------------------------------------------------------------------------- */

/* The values that one op has lately made, and of what. */
struct memo {
    struct {
        ir_val from, made;
    } last[8];
    unsigned n; /* in all */
};

struct lift {
    struct ir_func *f;
    struct guest_lift *g;
    const struct insn *in;
    uint64_t pc, next;     /* of this instruction and the one to lift after it */
    unsigned exits;        /* side exits so far */
    bool ended;            /* the block has its terminator */
    bool apart;            /* this instruction may not be executed: its result is only noted, in slot[] and written */
    uint32_t written;      /* integer registers written while apart */
    ir_val seen;           /* values below this were made before something that may fault or leave */
    ir_val slot[RV_SLOTS]; /* current value of each slot, 0: not read yet */
    struct memo sext, low; /* sign extensions and low halves made lately */
};

ir_val lift_get(struct lift *c, unsigned slot);
void lift_put(struct lift *c, unsigned slot, ir_val v);
static inline void lift_setx(struct lift *c, unsigned reg, ir_val v)
{
    if (reg)
        lift_put(c, RV_SLOT_x + reg, v);
}
void lift_goto(struct lift *c, uint64_t pc, uint64_t return_pc);
void lift_trap(struct lift *c, enum ir_trap kind, uint64_t value);
/* system.c */
void lift_csr(struct lift *c, enum rv_csr_kind kind, unsigned rd, ir_val v, bool write);
void lift_cbo_zero(struct lift *c);
void lift_amocas_q(struct lift *c);
/* An encoding without a row: true if it is the host call and stands where that is legal. */
bool lift_hostcall(struct lift *c);

/* -- executing --------------------------------------------------------------------------------------------- */

/* Memory as the interpreter sees it; each returns false after filling *trap. */
struct rv_memory {
    const struct guest_shadow *shadow; /* NULL: direct */
    struct cpu_trap *trap;
};
bool rv_mem_load(const struct rv_memory *m, uint64_t addr, unsigned bytes, uint64_t *out);
bool rv_mem_store(const struct rv_memory *m, uint64_t addr, unsigned bytes, uint64_t value);
/* system.c; false after filling the trap */
bool exec_csr(struct cpu *cpu, const struct insn *in, enum rv_csr_kind kind, uint64_t v, bool write, uint64_t *old, struct cpu_trap *trap);
bool exec_cbo_zero(struct cpu *cpu, const struct insn *in, const struct rv_memory *m);
bool exec_amocas_q(struct cpu *cpu, const struct insn *in, const struct rv_memory *m);
bool exec_hostcall(struct cpu *cpu, const struct insn *in, uint64_t pc);

/* -- the parts of guest_riscv64 ---------------------------------------------------------------------------- */
enum btv_status rv_lift(struct guest_lift *g, struct ir_func *f);
void rv_step(struct cpu *cpu, const struct guest_code *code, const struct guest_shadow *shadow, unsigned max_insns, struct ir_exit *out,
             unsigned *done);

#endif

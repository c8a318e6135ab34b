/*
 * The interpreter: the rows' semantics as plain C on struct cpu.
 *
 * One instruction at a time: slot pc first, then every memory access, then the registers, so that a host fault in an
 * access leaves the state from before the instruction.  An instruction's fields are extracted where the switch for its row arrives.  step_any is compiled twice, for direct memory and for the
 * callbacks of guest_shadow.  Words that raise leave their statement expression by goto: there is no other way out of
 * an operand.
 */
#include "guest/riscv/sem.h"

#include <stdatomic.h>
#include <string.h>

#include "ir/arith.h"
#include "isa/riscv/riscv_fields.h"

struct f16 {
    uint16_t v;
};
struct f32 {
    uint32_t v;
};
struct f64 {
    uint64_t v;
};

/* C types of the type names in rows. */
#define CT_I8  uint8_t
#define CT_I16 uint16_t
#define CT_I32 uint32_t
#define CT_I64 uint64_t
#define CT_F16 struct f16
#define CT_F32 struct f32
#define CT_F64 struct f64

#define WIDTH(v) (8 * (unsigned)sizeof(v))
#define FMT(v)   (sizeof(v) == 8 ? FP_F64 : sizeof(v) == 4 ? FP_F32 : FP_F16)

/* -- memory ------------------------------------------------------------------------------------------------ */

/*
 * Guest accesses of any alignment, each one instruction of the host: an aligned one must not tear, and a store whose second page
 * faults must not leave half of itself behind (memcpy may move the bytes in pieces).  Volatile keeps loads nobody uses.
 */
#define GUEST_ACCESS __attribute__((no_sanitize("null"))) /* address 0 is the guest's to fault on */
#define ANY_SIZE(_) _(1, 8) _(2, 16) _(4, 32) _(8, 64)
#define ANY_TYPE(bytes, bits) typedef volatile uint##bits##_t any_u##bits __attribute__((aligned(1), may_alias));
ANY_SIZE(ANY_TYPE)

static inline GUEST_ACCESS uint64_t direct_load(uint64_t addr, unsigned bytes)
{
    uint64_t v = 0;
    __asm__ volatile("" ::: "memory");
    switch (bytes) {
#define ANY_LOAD(bytes, bits) case bytes: v = *(any_u##bits *)(uintptr_t)addr; break;
        ANY_SIZE(ANY_LOAD)
    }
    __asm__ volatile("" : "+r"(v)::"memory");
    return v;
}

static inline GUEST_ACCESS void direct_store(uint64_t addr, unsigned bytes, uint64_t v)
{
    __asm__ volatile("" ::: "memory");
    switch (bytes) {
#define ANY_STORE(bytes, bits) case bytes: *(any_u##bits *)(uintptr_t)addr = (uint##bits##_t)v; break;
        ANY_SIZE(ANY_STORE)
    }
    __asm__ volatile("" ::: "memory");
}

/* addr is aligned. */
static inline GUEST_ACCESS uint64_t direct_cas(uint64_t addr, unsigned bytes, uint64_t expect, uint64_t v)
{
    if (bytes == 4) {
        uint32_t old = (uint32_t)expect;
        __atomic_compare_exchange_n((uint32_t *)(uintptr_t)addr, &old, (uint32_t)v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        return old;
    }
    uint64_t old = expect;
    __atomic_compare_exchange_n((uint64_t *)(uintptr_t)addr, &old, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return old;
}

static inline __attribute__((always_inline)) bool mem_load(const struct rv_memory *m, uint64_t addr, unsigned bytes, uint64_t *out)
{
    if (m->shadow)
        return m->shadow->load(m->shadow->ctx, addr, bytes, out, m->trap);
    *out = direct_load(addr, bytes);
    return true;
}

static inline __attribute__((always_inline)) bool mem_store(const struct rv_memory *m, uint64_t addr, unsigned bytes, uint64_t v)
{
    if (m->shadow)
        return m->shadow->store(m->shadow->ctx, addr, bytes, v, m->trap);
    direct_store(addr, bytes, v);
    return true;
}

bool rv_mem_load(const struct rv_memory *m, uint64_t addr, unsigned bytes, uint64_t *out)
{
    return mem_load(m, addr, bytes, out);
}

bool rv_mem_store(const struct rv_memory *m, uint64_t addr, unsigned bytes, uint64_t v)
{
    return mem_store(m, addr, bytes, v);
}

/* -- atomics: one compare-and-swap loop for all of them ---------------------------------------------------- */

static bool mem_cas(const struct rv_memory *m, uint64_t addr, unsigned bytes, uint64_t expect, uint64_t v, uint64_t *old)
{
    if (!m->shadow) {
        *old = direct_cas(addr, bytes, expect, v);
        return true;
    }
    if (!mem_load(m, addr, bytes, old))
        return false;
    return *old != expect || mem_store(m, addr, bytes, v);
}

static uint64_t rmw_value(enum ir_rmw f, uint64_t a, uint64_t b, unsigned w)
{
    switch (f) {
    case IR_RMW_SWAP: return b;
    case IR_RMW_ADD: return (a + b) & ir_mask(w);
    case IR_RMW_AND: return a & b;
    case IR_RMW_OR: return a | b;
    case IR_RMW_XOR: return a ^ b;
    case IR_RMW_MINS: return ir_sx(a, w) < ir_sx(b, w) ? a : b;
    case IR_RMW_MAXS: return ir_sx(a, w) > ir_sx(b, w) ? a : b;
    case IR_RMW_MINU: return a < b ? a : b;
    case IR_RMW_MAXU: return a > b ? a : b;
    }
    return a;
}

static bool aligned(const struct rv_memory *m, uint64_t addr, unsigned bytes)
{
    if (!(addr & (bytes - 1)))
        return true;
    *m->trap = (struct cpu_trap){.kind = IR_TRAP_MISALIGNED, .value = addr};
    return false;
}

static bool do_rmw(const struct rv_memory *m, enum ir_rmw f, uint64_t addr, unsigned bytes, uint64_t v, uint64_t *old)
{
    uint64_t seen;
    if (!aligned(m, addr, bytes) || !mem_load(m, addr, bytes, &seen))
        return false;
    for (;; seen = *old) {
        if (!mem_cas(m, addr, bytes, seen, rmw_value(f, seen, v, bytes * 8), old))
            return false;
        if (*old == seen)
            return true;
    }
}

static bool do_cas(const struct rv_memory *m, uint64_t addr, unsigned bytes, uint64_t expect, uint64_t v, uint64_t *old)
{
    return aligned(m, addr, bytes) && mem_cas(m, addr, bytes, expect, v, old);
}

static bool do_ll(struct cpu *cpu, const struct rv_memory *m, uint64_t addr, unsigned bytes, uint64_t *v)
{
    if (!aligned(m, addr, bytes) || !mem_load(m, addr, bytes, v))
        return false;
    atomic_thread_fence(memory_order_seq_cst);
    cpu->ll_addr = addr;
    cpu->ll_value = *v;
    cpu->ll_bytes = bytes;
    return true;
}

static bool do_sc(struct cpu *cpu, const struct rv_memory *m, uint64_t addr, unsigned bytes, uint64_t v, bool *failed)
{
    uint64_t old;
    if (!aligned(m, addr, bytes))
        return false;
    *failed = true;
    if (cpu->ll_addr == addr && cpu->ll_bytes == bytes) {
        if (!mem_cas(m, addr, bytes, cpu->ll_value, v, &old))
            return false;
        *failed = old != cpu->ll_value;
    }
    cpu->ll_addr = 1;
    return true;
}

/* -- small words ------------------------------------------------------------------------------------------- */

static inline int64_t sx(uint64_t v, unsigned bytes)
{
    unsigned up = 64 - 8 * bytes;
    return (int64_t)(v << up) >> up;
}

static inline uint64_t clz(uint64_t v, unsigned w)
{
    return v ? (uint64_t)__builtin_clzll(v) - (64 - w) : w;
}

static inline uint64_t ctz(uint64_t v, unsigned w)
{
    return v ? (uint64_t)__builtin_ctzll(v) : w;
}

static inline struct f32 unbox32(uint64_t v)
{
    return (struct f32){v >> 32 == UINT32_MAX ? (uint32_t)v : (uint32_t)fp_canonical_nan(FP_F32)};
}

static inline struct f16 unbox16(uint64_t v)
{
    return (struct f16){v >> 16 == UINT64_MAX >> 16 ? (uint16_t)v : (uint16_t)fp_canonical_nan(FP_F16)};
}

/* Registers and constants */
#define X(f) (x[RVF_##f])
#define W(f) ((uint32_t)X(f))
#define SET(f, v)              \
    do {                       \
        uint64_t set_ = (v);   \
        if (RVF_##f)           \
            x[RVF_##f] = set_; \
    } while (0)
#define F(f)           ((struct f64){x[RV_SLOT_f + RVF_##f]})
#define FS(f)          unbox32(x[RV_SLOT_f + RVF_##f])
#define FH(f)          unbox16(x[RV_SLOT_f + RVF_##f])
#define SETF(f, value) (x[RV_SLOT_f + RVF_##f] = (value).v)
#define IMM            ((uint64_t)in->imm)
#define IMMW           ((uint32_t)in->imm)
#define K(n)           UINT64_C(n)
#define KW(n)          UINT32_C(n)
#define PC             pc
#define FIELD(f)       (RVF_##f != 0)

/* Integers: the C type carries the width; counts are below it. */
#define ADD(a, b)       ((a) + (b))
#define SUB(a, b)       ((a) - (b))
#define MUL(a, b)       ((a) * (b))
#define MULHS(a, b)     ir_mulhs((a), (b), 64)
#define MULHU(a, b)     ir_mulhu((a), (b), 64)
#define MULHSU(a, b)    ir_mulhsu((a), (b), 64)
#define DIVS(a, b)      ((typeof(a))ir_divs((a), (b), WIDTH(a)))
#define DIVU(a, b)      ((typeof(a))div_u((a), (b)))
#define REMS(a, b)      ((typeof(a))ir_rems((a), (b), WIDTH(a)))
#define REMU(a, b)      ((typeof(a))rem_u((a), (b)))
#define AND(a, b)       ((a) & (b))
#define OR(a, b)        ((a) | (b))
#define XOR(a, b)       ((a) ^ (b))
#define NOT(a)          (~(a))
#define SHL(a, b)       ((a) << (b))
#define SHR(a, b)       ((a) >> (b))
#define SAR(a, b)       ((typeof(a))(sx((a), sizeof(a)) >> (b)))
#define ROTL(a, b)      ((typeof(a))ir_rotl((a), (b), WIDTH(a)))
#define ROTR(a, b)      ((typeof(a))ir_rotl((a), WIDTH(a) - (b), WIDTH(a)))
#define MINS(a, b)      ((int64_t)(a) < (int64_t)(b) ? (a) : (b))
#define MAXS(a, b)      ((int64_t)(a) > (int64_t)(b) ? (a) : (b))
#define MINU(a, b)      ((a) < (b) ? (a) : (b))
#define MAXU(a, b)      ((a) > (b) ? (a) : (b))
#define CLZ(a)          clz((a), WIDTH(a))
#define CTZ(a)          ctz((a), WIDTH(a))
#define POPCNT(a)       ((uint64_t)__builtin_popcountll(a))
#define BSWAP(a)        __builtin_bswap64(a)
#define ORCB(a)         ir_orcb(a)
#define BITREV8(a)      ir_bitrev8(a)
#define CLMUL(a, b)     ir_clmul((a), (b))
#define CLMULH(a, b)    ir_clmulh((a), (b), 64)
#define EQ(a, b)        ((a) == (b))
#define NE(a, b)        ((a) != (b))
#define LTS(a, b)       ((int64_t)(a) < (int64_t)(b))
#define LTU(a, b)       ((a) < (b))
#define LES(a, b)       ((int64_t)(a) <= (int64_t)(b))
#define LEU(a, b)       ((a) <= (b))
#define SELECT(c, a, b) ((c) ? (a) : (b))
#define SEXT(a)         ((uint64_t)sx((a), sizeof(a)))
#define ZEXT(a)         ((uint64_t)(a))
#define TRUNC(T, a)     ((CT_##T)(a))

static inline uint64_t div_u(uint64_t a, uint64_t b)
{
    return b ? a / b : UINT64_MAX;
}

static inline uint64_t rem_u(uint64_t a, uint64_t b)
{
    return b ? a % b : a;
}

/* Memory */
#define RAISED goto raised
#define LOAD(T, a)                                    \
    ({                                                \
        uint64_t load_;                               \
        CT_##T typed_;                                \
        if (!mem_load(m, (a), sizeof typed_, &load_)) \
            RAISED;                                   \
        memcpy(&typed_, &load_, sizeof typed_);       \
        typed_;                                       \
    })
#define STORE(a, v)                                     \
    do {                                                \
        uint64_t addr_ = (a), bits_ = 0;                \
        __auto_type typed_ = (v);                       \
        memcpy(&bits_, &typed_, sizeof typed_);         \
        if (!mem_store(m, addr_, sizeof typed_, bits_)) \
            RAISED;                                     \
    } while (0)
#define LL(T, a)                                         \
    ({                                                   \
        uint64_t load_;                                  \
        if (!do_ll(cpu, m, (a), sizeof(CT_##T), &load_)) \
            RAISED;                                      \
        (CT_##T) load_;                                  \
    })
#define SC(a, v)                                           \
    ({                                                     \
        bool failed_;                                      \
        if (!do_sc(cpu, m, (a), sizeof(v), (v), &failed_)) \
            RAISED;                                        \
        failed_;                                           \
    })
#define CAS(a, e, v)                                     \
    ({                                                   \
        uint64_t old_;                                   \
        if (!do_cas(m, (a), sizeof(v), (e), (v), &old_)) \
            RAISED;                                      \
        (typeof(v))old_;                                 \
    })
#define RMW(k, a, v)                                            \
    ({                                                          \
        uint64_t old_;                                          \
        if (!do_rmw(m, IR_RMW_##k, (a), sizeof(v), (v), &old_)) \
            RAISED;                                             \
        (typeof(v))old_;                                        \
    })

/* Floating point */
#define BITS(a)     ((a).v)
#define FLOAT(T, a) ((CT_##T){(a)})
#define NANBOX(a)                                           \
    ({                                                      \
        __auto_type box_ = (a);                             \
        (struct f64){box_.v | ~UINT64_C(0) << WIDTH(box_)}; \
    })
#define ENV(rounding) ((struct fp_env){.rm = (uint8_t)(rounding), .nan = FP_NAN_CANONICAL, .flags = cpu->fp.flags})
#define ROUNDING                                                   \
    ({                                                             \
        unsigned rm_ = in->rm == FP_DYN ? cpu->fp.rm : in->rm;     \
        if (rm_ > FP_RMM) {                                        \
            *m->trap = (struct cpu_trap){.kind = IR_TRAP_ILLEGAL}; \
            RAISED;                                                \
        }                                                          \
        rm_;                                                       \
    })
/* fn(env, format of a, a [, b [, c]]), and the flags it raised; the result as bits */
#define FP_DO(rounding, fn, ...)                      \
    ({                                                \
        struct fp_env env_ = ENV(rounding);           \
        __auto_type result_ = fn(&env_, __VA_ARGS__); \
        cpu->fp.flags = env_.flags;                   \
        result_;                                      \
    })
#define FP1(rounding, fn, a)                                            \
    ({                                                                  \
        __auto_type a_ = (a);                                           \
        (typeof(a_)){(typeof(a_.v))FP_DO(rounding, fn, FMT(a_), a_.v)}; \
    })
#define FP2(rounding, fn, a, b)                                               \
    ({                                                                        \
        __auto_type a_ = (a);                                                 \
        __auto_type b_ = (b);                                                 \
        (typeof(a_)){(typeof(a_.v))FP_DO(rounding, fn, FMT(a_), a_.v, b_.v)}; \
    })
#define FPCMP(fn, a, b)                         \
    ({                                          \
        __auto_type a_ = (a);                   \
        __auto_type b_ = (b);                   \
        FP_DO(FP_RNE, fn, FMT(a_), a_.v, b_.v); \
    })
#define FADD(a, b) FP2(ROUNDING, fp_add, a, b)
#define FSUB(a, b) FP2(ROUNDING, fp_sub, a, b)
#define FMUL(a, b) FP2(ROUNDING, fp_mul, a, b)
#define FDIV(a, b) FP2(ROUNDING, fp_div, a, b)
#define FSQRT(a)   FP1(ROUNDING, fp_sqrt, a)
#define FMA(a, b, c)                                                                    \
    ({                                                                                  \
        __auto_type a_ = (a);                                                           \
        __auto_type b_ = (b);                                                           \
        __auto_type c_ = (c);                                                           \
        (typeof(a_)){(typeof(a_.v))FP_DO(ROUNDING, fp_fma, FMT(a_), a_.v, b_.v, c_.v)}; \
    })
#define FNEG(a)                                                                      \
    ({                                                                               \
        __auto_type neg_ = (a);                                                      \
        (typeof(neg_)){(typeof(neg_.v))(neg_.v ^ UINT64_C(1) << (WIDTH(neg_) - 1))}; \
    })
#define SIGN(a, b, how)                                                \
    ({                                                                 \
        __auto_type a_ = (a);                                          \
        __auto_type b_ = (b);                                          \
        uint64_t sign_ = UINT64_C(1) << (WIDTH(a_) - 1);               \
        (typeof(a_)){(typeof(a_.v))((a_.v & ~sign_) | ((how)&sign_))}; \
    })
#define FSGNJ(a, b)    SIGN(a, b, b_.v)
#define FSGNJN(a, b)   SIGN(a, b, ~(uint64_t)b_.v)
#define FSGNJX(a, b)   SIGN(a, b, (uint64_t)(a_.v ^ b_.v))
#define FMINNUM(a, b)  FP2(FP_RNE, fp_minnum, a, b)
#define FMAXNUM(a, b)  FP2(FP_RNE, fp_maxnum, a, b)
#define FMINIMUM(a, b) FP2(FP_RNE, fp_minimum, a, b)
#define FMAXIMUM(a, b) FP2(FP_RNE, fp_maximum, a, b)
#define FEQ(a, b)      FPCMP(fp_eq_quiet, a, b)
#define FLT(a, b)      FPCMP(fp_lt, a, b)
#define FLE(a, b)      FPCMP(fp_le, a, b)
#define FLTQ(a, b)     FPCMP(fp_lt_quiet, a, b)
#define FLEQ(a, b)     FPCMP(fp_le_quiet, a, b)
#define FCVT(T, a)                                                                               \
    ({                                                                                           \
        __auto_type a_ = (a);                                                                    \
        (CT_##T){(typeof(((CT_##T *)0)->v))FP_DO(ROUNDING, fp_cvt, FMT(CT_##T), FMT(a_), a_.v)}; \
    })
#define FROM_INT(T, a, is_signed) ((CT_##T){(typeof(((CT_##T *)0)->v))FP_DO(ROUNDING, fp_from_int, FMT(CT_##T), (a), WIDTH(a), is_signed)})
#define S2F(T, a)                 FROM_INT(T, a, true)
#define U2F(T, a)                 FROM_INT(T, a, false)
#define TO_INT(T, a, is_signed)                                                       \
    ({                                                                                \
        __auto_type a_ = (a);                                                         \
        (CT_##T) FP_DO(ROUNDING, fp_to_int, FMT(a_), a_.v, WIDTH(CT_##T), is_signed); \
    })
#define F2S(T, a) TO_INT(T, a, true)
#define F2U(T, a) TO_INT(T, a, false)
#define F2SMOD(a) ((uint32_t)FP_DO(FP_RNE, fp_to_int_mod32, FP_F64, (a).v))
#define FRINT(a)  round_int(a, false)
#define FRINTX(a) round_int(a, true)
#define round_int(a, exact)                                                              \
    ({                                                                                   \
        __auto_type a_ = (a);                                                            \
        (typeof(a_)){(typeof(a_.v))FP_DO(ROUNDING, fp_round_int, FMT(a_), a_.v, exact)}; \
    })
#define FCLASS(a)                           \
    ({                                      \
        __auto_type a_ = (a);               \
        (uint64_t) fp_class(FMT(a_), a_.v); \
    })
#define FLI(T) ((CT_##T){(typeof(((CT_##T *)0)->v))rv_fli_bits((unsigned)in->imm, WIDTH(CT_##T))})

/* Control and system */
#define TRANSFER goto transfer
#define BRANCH(c)            \
    do {                     \
        if (c)               \
            next = pc + IMM; \
        TRANSFER;            \
    } while (0)
#define JAL(f)                       \
    do {                             \
        uint64_t target_ = pc + IMM; \
        SET(f, next);                \
        next = target_;              \
        TRANSFER;                    \
    } while (0)
#define JALR(f, g)                                      \
    do {                                                \
        uint64_t target_ = (X(g) + IMM) & ~UINT64_C(1); \
        SET(f, next);                                   \
        next = target_;                                 \
        TRANSFER;                                       \
    } while (0)
#define LEAVE(how)    \
    do {              \
        kind = (how); \
        TRANSFER;     \
    } while (0)
#define RAISE(what, data)                                          \
    do {                                                           \
        trap = (struct cpu_trap){.kind = (what), .value = (data)}; \
        RAISED;                                                    \
    } while (0)
#define ECALL LEAVE(IR_EXIT_SYSCALL)
#define ISYNC                                      \
    do {                                           \
        atomic_thread_fence(memory_order_seq_cst); \
        LEAVE(IR_EXIT_ISYNC);                      \
    } while (0)
#define EBREAK    RAISE(IR_TRAP_BREAK, pc)
#define ILLEGAL   RAISE(IR_TRAP_ILLEGAL, in->raw)
#define FENCE     atomic_thread_fence(memory_order_seq_cst)
#define FENCE_TSO atomic_thread_fence(memory_order_acq_rel)
#define HINT      (void)0
#define CSR(how, f, v, write)                                               \
    do {                                                                    \
        uint64_t old_;                                                      \
        if (!exec_csr(cpu, in, RV_CSR_##how, (v), (write), &old_, m->trap)) \
            RAISED;                                                         \
        SET(f, old_);                                                       \
    } while (0)
#define CALL(name)                    \
    do {                              \
        if (!exec_##name(cpu, in, m)) \
            RAISED;                   \
    } while (0)

/* -- the loop ---------------------------------------------------------------------------------------------- */

/* The instruction at pc when fewer than four bytes follow it; false: cannot be fetched, *bad is the address. */
static BTV_COLD bool fetch_edge(const struct guest_code *code, uint64_t pc, const uint8_t *p, size_t avail, uint32_t *raw, uint64_t *bad)
{
    *bad = pc;
    if (!p || avail < 2)
        return false;
    *raw = (uint32_t)(p[0] | p[1] << 8);
    if (rv_length(*raw) == 2)
        return true;
    *bad = pc + 2;
    const uint8_t *q = code->fetch(code->ctx, pc + 2, &avail);
    if (!q || avail < 2)
        return false;
    *raw |= (uint32_t)q[0] << 16 | (uint32_t)q[1] << 24;
    return true;
}

static inline __attribute__((always_inline)) void step_any(struct cpu *cpu, const struct guest_code *code,
                                                           const struct guest_shadow *shadow, unsigned max_insns, struct ir_exit *out,
                                                           unsigned *done)
{
    uint64_t *x = cpu->slot;
    uint64_t pc = x[RV_SLOT_pc], next = pc, bad;
    struct cpu_trap trap = {0};
    const struct rv_memory memory = {shadow, &trap}, *m = &memory;
    enum ir_exit_kind kind = IR_EXIT_GOTO;
    const uint8_t *p = NULL;
    size_t avail = 0;
    unsigned n = 0;

    while (n < max_insns) {
        uint32_t raw;
        x[RV_SLOT_pc] = pc;
        if (BTV_UNLIKELY(avail < 4)) {
            p = code->fetch(code->ctx, pc, &avail);
            if (!p || avail < 4) {
                if (!fetch_edge(code, pc, p, avail, &raw, &bad))
                    RAISE(IR_TRAP_FETCH, bad);
                avail = 0;
            }
        }
        if (BTV_LIKELY(avail >= 4))
            memcpy(&raw, p, 4);
        unsigned len = rv_length(raw);
        raw = len == 2 ? (uint16_t)raw : raw;
        next = pc + len;
        switch ((enum rv_op)rv_row(raw)) {
#define INSN(name, bits, operands, semantics, doc)                                        \
    case RV_##name: { /* its fields in variables: one jump for an instruction, not two */ \
        struct insn fields = {.op = RV_##name, .len = (uint8_t)len, .raw = raw};          \
        BTV_UNUSED const struct insn *in = &fields;                                       \
        if (!rv_extract_fields(RV_FORMAT_##name, raw, &fields))                           \
            goto undefined;                                                               \
        semantics;                                                                        \
        break;                                                                            \
    }
#include "isa/riscv/exts.def"
        case RV_undefined:
        case RV_OP_COUNT:
        undefined:
            if (!exec_hostcall(cpu, &(struct insn){.len = (uint8_t)len, .raw = raw}, pc))
                RAISE(IR_TRAP_ILLEGAL, raw);
            break;
        }
        n++;
        if (avail) {
            p += len;
            avail -= len;
        }
        pc = next;
    }
    *out = (struct ir_exit){.kind = kind, .pc = next};
    x[RV_SLOT_pc] = next;
    *done = n;
    return;
transfer:
    *out = (struct ir_exit){.kind = kind, .pc = next};
    x[RV_SLOT_pc] = next;
    *done = n + 1;
    return;
raised:
    cpu->trap = trap;
    *out = (struct ir_exit){.kind = IR_EXIT_TRAP, .pc = pc, .trap = trap};
    *done = n;
}

void rv_step(struct cpu *cpu, const struct guest_code *code, const struct guest_shadow *shadow, unsigned max_insns, struct ir_exit *out,
             unsigned *done)
{
    if (shadow)
        step_any(cpu, code, shadow, max_insns, out, done);
    else
        step_any(cpu, code, NULL, max_insns, out, done);
}

/*
 * Guest side of the differential test: a static program without a C library that runs code sequences.
 *
 *   harness [full] < records > results
 *
 * Reads struct diff_record from standard input, writes the code of a group of records into one executable area, executes
 * FENCE.I once, then runs each sequence from its initial state.  A sequence ends by falling into a jump to
 * diff_finish, or with a signal, whose handler takes the state from the context and edits the context to come back.
 * Writes struct diff_result per record with `full`, else a 64-bit hash of it.
 *
 * x3 points to the state while a sequence runs and must not be written by it; x31 holds the code's address at the start.
 * The stack pointer is free: signals use an alternate stack.
 */
#include <stddef.h>

#include "record.h"

/* -- system calls ------------------------------------------------------------------------------------------------------ */
enum { SYS_READ = 63, SYS_WRITE = 64, SYS_EXIT = 93, SYS_SIGALTSTACK = 132, SYS_SIGACTION = 134, SYS_MMAP = 222, SYS_MPROTECT = 226 };

static long call(long nr, long a, long b, long c, long d, long e, long f)
{
    register long a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c, a3 __asm__("a3") = d, a4 __asm__("a4") = e,
                  a5 __asm__("a5") = f, a7 __asm__("a7") = nr;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7) : "memory");
    return a0;
}

_Noreturn static void die(int status)
{
    for (;;)
        call(SYS_EXIT, status, 0, 0, 0, 0, 0);
}

void *memcpy(void *d, const void *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile char *)d)[i] = ((const char *)s)[i];
    return d;
}

void *memset(void *d, int c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile char *)d)[i] = (char)c;
    return d;
}

/* -- state, known to the assembly below by offset -------------------------------------------------------------------- */
struct state {
    uint64_t x[32];
    uint64_t f[32];
    uint64_t fcsr;
};
struct state diff_state;
uint64_t diff_saved_sp;
extern void diff_run(struct state *s, const void *code);
extern const char diff_finish[], diff_resume[];

#define X_LIST(_) _(1) _(2) _(4) _(5) _(6) _(7) _(8) _(9) _(10) _(11) _(12) _(13) _(14) _(15) _(16) _(17) _(18) _(19) _(20) _(21) _(22) \
    _(23) _(24) _(25) _(26) _(27) _(28) _(29) _(30)
#define F_LIST(_) _(0) _(1) _(2) _(3) _(4) _(5) _(6) _(7) _(8) _(9) _(10) _(11) _(12) _(13) _(14) _(15) _(16) _(17) _(18) _(19) _(20) _(21) \
    _(22) _(23) _(24) _(25) _(26) _(27) _(28) _(29) _(30) _(31)
#define S_LIST(_) _(1) _(4) _(8) _(9) _(18) _(19) _(20) _(21) _(22) _(23) _(24) _(25) _(26) _(27)
#define LOAD_X(n) "ld x" #n ", 8*" #n "(gp)\n"
#define SAVE_X(n) "sd x" #n ", 8*" #n "(gp)\n"
#define LOAD_F(n) "fld f" #n ", 256+8*" #n "(gp)\n"
#define SAVE_F(n) "fsd f" #n ", 256+8*" #n "(gp)\n"
#define LOAD_S(n) "ld x" #n ", 8*" #n "(sp)\n"
#define SAVE_S(n) "sd x" #n ", 8*" #n "(sp)\n"
/* clang-format off */
__asm__(
    ".option norelax\n"
    ".globl diff_run, diff_finish, diff_resume, _start\n"
    "_start: mv a0, sp\n andi sp, sp, -16\n call diff_main\n"
    "diff_run:\n addi sp, sp, -256\n" S_LIST(SAVE_S)
    "la t0, diff_saved_sp\n sd sp, 0(t0)\n"
    "mv gp, a0\n mv x31, a1\n ld t0, 512(gp)\n fscsr t0\n"
    F_LIST(LOAD_F) X_LIST(LOAD_X) "jr x31\n"
    "diff_finish:\n sd x31, 8*31(gp)\n" X_LIST(SAVE_X) F_LIST(SAVE_F) "frcsr t0\n sd t0, 512(gp)\n"
    "diff_resume:\n la t0, diff_saved_sp\n ld sp, 0(t0)\n" S_LIST(LOAD_S) "addi sp, sp, 256\n ret\n");
/* clang-format on */

/* -- signals ------------------------------------------------------------------------------------------------------------- */
struct context { /* ucontext of the kernel's ABI */
    uint64_t flags, link, stack[3], mask[16], pad;
    uint64_t pc, x[31]; /* x[0] is x1 */
    uint64_t f[32];
    uint32_t fcsr;
};
struct info {
    int32_t sig, err, code, pad;
    uint64_t addr;
};
static struct diff_result result;
static uint64_t code_start, code_end;

static uint64_t relative(uint64_t addr)
{
    return addr >= code_start && addr <= code_end ? addr - code_start : addr;
}

/* x86-64 does not say which address it was if that is not canonical: an emulator that asks the host has 0. */
static uint64_t canonical(uint64_t addr)
{
    return (uint64_t)((int64_t)(addr << 16) >> 16) == addr ? addr : 0;
}

static void handler(int sig, struct info *i, struct context *c)
{
    result.sig = (uint32_t)sig;
    result.code = (uint32_t)i->code;
    result.addr = relative(canonical(i->addr));
    diff_state.x[0] = relative(c->pc);
    for (int n = 1; n < 32; n++)
        diff_state.x[n] = c->x[n - 1];
    for (int n = 0; n < 32; n++)
        diff_state.f[n] = c->f[n];
    diff_state.fcsr = c->fcsr;
    c->pc = (uint64_t)diff_resume;
}

/* -- the loop -------------------------------------------------------------------------------------------------------------- */
#define GROUP 128
#define AREA (GROUP * (DIFF_MAX_CODE + 8))
static uint8_t area[AREA] __attribute__((aligned(4096))); /* within reach of a jal */
static uint8_t in[1 << 18], alt[32768] __attribute__((aligned(16)));
static size_t in_at, in_end;
static uint8_t out[GROUP * sizeof(struct diff_result)];
static size_t out_len;

static int fill(size_t want)
{
    if (in_end - in_at >= want)
        return 1;
    for (size_t i = 0; i < in_end - in_at; i++)
        in[i] = in[in_at + i];
    in_end -= in_at;
    in_at = 0;
    while (in_end < want) {
        long n = call(SYS_READ, 0, (long)(in + in_end), (long)(sizeof in - in_end), 0, 0, 0);
        if (n <= 0)
            return 0;
        in_end += (size_t)n;
    }
    return 1;
}

static void flush(void)
{
    for (size_t at = 0; at < out_len;) {
        long n = call(SYS_WRITE, 1, (long)(out + at), (long)(out_len - at), 0, 0, 0);
        if (n <= 0)
            die(3);
        at += (size_t)n;
    }
    out_len = 0;
}

static void run_one(const struct diff_record *r, const uint8_t *code)
{
    static int mapped = 1;
    uint64_t *arena = (uint64_t *)DIFF_ARENA, s = r->seed | 1, h = 0;
    int want = !(r->flags & DIFF_UNMAPPED);
    size_t words = 2 * DIFF_PAGE / 8;

    if (!want)
        words /= 2;
    if (want != mapped) {
        call(SYS_MPROTECT, (long)(DIFF_ARENA + DIFF_PAGE), DIFF_PAGE, want ? 3 : 0, 0, 0, 0);
        mapped = want;
    }
    for (size_t i = 0; i < words; i++)
        arena[i] = s += s << 7 | s >> 57;
    for (int n = 0; n < 32; n++) {
        diff_state.x[n] = r->x[n];
        diff_state.f[n] = r->f[n];
    }
    diff_state.fcsr = r->fcsr;
    result.sig = result.code = 0;
    result.addr = 0;
    diff_state.x[0] = 0;
    /* A reservation may or may not survive what happens between two records: start without. */
    __asm__ volatile("sc.w zero, zero, (%0)" ::"r"(&diff_state.x[0]) : "memory");
    code_start = (uint64_t)code;
    code_end = code_start + r->code_bytes;
    diff_run(&diff_state, code);
    diff_state.x[3] -= result.sig ? (uint64_t)&diff_state : diff_state.x[3];
    diff_state.x[31] = relative(diff_state.x[31]);
    for (size_t i = 0; i < words; i++)
        h = (h ^ arena[i]) * UINT64_C(0x9e3779b97f4a7c15), h ^= h >> 29;
    for (int n = 0; n < 32; n++) {
        result.x[n] = diff_state.x[n];
        result.f[n] = diff_state.f[n];
    }
    /* code addresses differ between a record alone and in a group: make link registers relative */
    for (int n = 1; n < 32; n++)
        result.x[n] = relative(result.x[n]);
    result.fcsr = diff_state.fcsr;
    result.arena = h;
}

static void put(int full)
{
    const uint64_t *w = (const uint64_t *)&result;
    uint64_t h = 0;

    if (out_len + sizeof result > sizeof out)
        flush();
    if (full) {
        memcpy(out + out_len, &result, sizeof result);
        out_len += sizeof result;
        return;
    }
    for (size_t i = 0; i < sizeof result / 8; i++)
        h = (h ^ w[i]) * UINT64_C(0x9e3779b97f4a7c15), h ^= h >> 31;
    memcpy(out + out_len, &h, 8);
    out_len += 8;
}

/* jal x0 from `at` to diff_finish */
static uint32_t jump_back(const uint8_t *at)
{
    uint32_t d = (uint32_t)((uint64_t)diff_finish - (uint64_t)at);
    return (d >> 20 & 1) << 31 | (d >> 1 & 0x3ff) << 21 | (d >> 11 & 1) << 20 | (d >> 12 & 0xff) << 12 | 0x6f;
}

_Noreturn void diff_main(uint64_t *stack)
{
    static struct diff_record rec[GROUP];
    static uint8_t *code[GROUP];
    int full = stack[0] > 1;
    struct { uint64_t handler, flags, mask; } act = {(uint64_t)handler, 0x48000004 /* ONSTACK NODEFER SIGINFO */, 0};
    struct { uint64_t sp; uint32_t flags, pad; uint64_t size; } ss = {(uint64_t)alt, 0, 0, sizeof alt};
    static const int signals[] = {4, 5, 7, 8, 11};

    call(SYS_SIGALTSTACK, (long)&ss, 0, 0, 0, 0, 0);
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
        call(SYS_SIGACTION, signals[i], (long)&act, 0, 8, 0, 0);
    if (call(SYS_MMAP, (long)DIFF_ARENA, 2 * DIFF_PAGE, 3, 0x32 /* PRIVATE FIXED ANONYMOUS */, -1, 0) != (long)DIFF_ARENA)
        die(4);
    if (call(SYS_MPROTECT, (long)area, AREA & ~4095l, 7, 0, 0, 0) != 0)
        die(5);
    for (;;) {
        unsigned n = 0;
        size_t at = 0;

        for (; n < GROUP && fill(sizeof *rec); n++) {
            memcpy(&rec[n], in + in_at, sizeof *rec);
            if (rec[n].magic != DIFF_MAGIC || rec[n].code_bytes > DIFF_MAX_CODE)
                die(6);
            in_at += sizeof *rec;
            if (!fill((rec[n].code_bytes + 7) & ~7u))
                die(6);
            if (at + rec[n].code_bytes + 8 > (AREA & ~4095ul))
                die(6);
            code[n] = area + at;
            memcpy(code[n], in + in_at, rec[n].code_bytes);
            uint32_t j = jump_back(code[n] + rec[n].code_bytes);
            memcpy(code[n] + rec[n].code_bytes, &j, 4);
            in_at += (rec[n].code_bytes + 7) & ~7u;
            at += (rec[n].code_bytes + 4 + 3) & ~3u;
        }
        __asm__ volatile("fence.i" ::: "memory");
        for (unsigned i = 0; i < n; i++) {
            run_one(&rec[i], code[i]);
            put(full);
        }
        if (n < GROUP)
            break;
    }
    flush();
    die(0);
}

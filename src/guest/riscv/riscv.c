/*
 * guest_riscv64: the table through which the engine and the tools know RISC-V.
 */
#include "guest/riscv/sem.h"

#include <inttypes.h>
#include <string.h>

#include "base/pack.h"

#include "isa/riscv/riscv_slots.h"

/* Most used first, counted over the code of bash, python3 and a compiler; but ra behind those that loops keep values in: it
 * is written and read once a call, and nothing waits for it. */
static const uint8_t pin_int[] = {15, 2,  10, 14, 8,  9,  11, 13, 12, 16, 18, 1,  19, 20, 21, 22, 23,
                                  25, 26, 24, 27, 28, 17, 6,  29, 5,  31, 30, 7,  4,  3};
static const uint8_t pin_fp[] = {32 + 15, 32 + 14, 32 + 10, 32 + 13, 32 + 11, 32 + 12, 32 + 8, 32 + 0,  32 + 9,  32 + 1, 32 + 2,
                                 32 + 18, 32 + 3,  32 + 16, 32 + 17, 32 + 19, 32 + 4,  32 + 5, 32 + 20, 32 + 21, 32 + 6, 32 + 7};

static void reset(struct cpu *cpu)
{
    memset(cpu->slot, 0, sizeof cpu->slot);
    cpu->fp = (struct fp_env){.rm = FP_RNE, .nan = FP_NAN_CANONICAL};
    cpu->ll_addr = 1;
    cpu->trap = (struct cpu_trap){0};
    cpu->helpers = rv_helpers;
}

/* Little-endian bytes of the instruction at p; 0 if there is less than a whole one. */
static unsigned whole_insn(const uint8_t *p, size_t avail, uint32_t *raw)
{
    if (avail < 2)
        return 0;
    *raw = load_u16(p);
    unsigned len = rv_length(*raw);
    if (len > avail)
        return 0;
    if (len == 4)
        *raw = load_u32(p);
    return len;
}

static unsigned disasm(struct str *s, uint64_t pc, const uint8_t *p, size_t avail)
{
    uint32_t raw;
    unsigned len = whole_insn(p, avail, &raw);
    if (len) {
        struct insn in;
        rv_decode(raw, &in);
        rv_print(s, &in, pc);
    }
    return len;
}

static enum btv_status assemble(const char *line, uint64_t pc, uint8_t out[16], unsigned *len, struct btv_error *err)
{
    struct insn in;
    enum btv_status st = rv_parse(line, pc, &in, err);
    if (st)
        return st;
    store_u32(out, in.raw);
    *len = in.len;
    return BTV_OK;
}

static enum btv_status explain(struct str *s, const char *mnemonic)
{
    unsigned op = rv_find(mnemonic, strlen(mnemonic));
    if (!op)
        return BTV_NOENT;
    const struct rv_row *r = &rv_rows[op];
    const struct rv_ext *e = &rv_exts[r->ext];
    str_add(s, "%s%s%s\n", r->mnemonic, *r->operands ? " " : "", r->operands);
    str_add(s, "    %s\n\n", r->doc);
    str_add(s, "  encoding   %s\n  meaning    %s\n  extension  %s %s: %s\n", r->bits, r->semantics, e->name, e->version, e->doc);
    for (unsigned k = 0; k < rv_nfields; k++)
        if (strchr(r->bits, rv_fields[k].letter))
            str_add(s, "  %c          %s\n", rv_fields[k].letter, rv_fields[k].doc);
    return BTV_OK;
}

static void print_decoded(struct str *s, uint64_t pc, const uint8_t *p, size_t avail)
{
    uint32_t raw;
    struct insn in;
    unsigned len = whole_insn(p, avail, &raw);
    if (!len)
        return;
    rv_decode(raw, &in);
    str_add(s, "%s", in.op ? rv_rows[in.op].mnemonic : "undefined");
    for (unsigned k = 0; in.op && k < rv_nfields; k++)
        if (strchr(rv_rows[in.op].bits, rv_fields[k].letter))
            str_add(s, " %c=%" PRId64, rv_fields[k].letter, rv_get_field(&in, rv_fields[k].letter));
}

const struct guest_isa guest_riscv64 = {
    .name = "riscv64",
    .elf_machine = 243,
    .slots = {.guest = "riscv64", .slot = slots, .count = RV_SLOTS},
    .slot_pc = RV_SLOT_pc,
    .slot_link = RV_SLOT_x + 1,
    .insn_align = 2,
    .insn_max_bytes = 4,
    .pin_int = pin_int,
    .npin_int = ARRAY_LEN(pin_int),
    .pin_fp = pin_fp,
    .npin_fp = ARRAY_LEN(pin_fp),
    .helpers = rv_helpers,
    .nhelpers = RV_HELPER_COUNT,
    .select = rv_select,
    .reset = reset,
    .lift = rv_lift,
    .step = rv_step,
    .disasm = disasm,
    .assemble = assemble,
    .explain = explain,
    .print_decoded = print_decoded,
};

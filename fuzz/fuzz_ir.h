/*
 * What the two fuzz targets of the intermediate format do with a module they got.
 */
#ifndef BTV_FUZZ_IR_H
#define BTV_FUZZ_IR_H

#include <stdlib.h>
#include <string.h>

#include "ir/ir.h"

static inline void fuzz_require(bool ok)
{
    if (!ok)
        abort();
}

static inline void fuzz_print(struct str *s, const struct ir_module *m)
{
    for (unsigned k = 0; k < m->nfuncs; k++)
        ir_print(s, m->func[k]);
    fuzz_require(!s->failed);
}

static inline bool fuzz_all_verify(const struct ir_module *m)
{
    bool good = true;
    for (unsigned k = 0; k < m->nfuncs; k++) {
        struct btv_error err = {0};
        bool ok = ir_verify(m->func[k], &err) == BTV_OK;
        fuzz_require(ok || err.text[0]);
        good &= ok;
    }
    return good;
}

/* Memory that exists everywhere and remembers nothing. */
static inline bool fuzz_load(void *ctx, uint64_t addr, unsigned bytes, uint64_t *out, struct cpu_trap *trap)
{
    (void)ctx, (void)trap;
    *out = addr * 0x9e3779b97f4a7c15 >> (64 - 8 * bytes);
    return true;
}

static inline bool fuzz_store(void *ctx, uint64_t addr, unsigned bytes, uint64_t value, struct cpu_trap *trap)
{
    (void)ctx, (void)bytes, (void)value;
    *trap = (struct cpu_trap){.kind = IR_TRAP_ACCESS, .value = addr};
    return addr % 16 != 0;
}

static inline bool fuzz_cas(void *ctx, uint64_t addr, unsigned bytes, uint64_t expect, uint64_t value, uint64_t *old, struct cpu_trap *trap)
{
    (void)bytes;
    *old = expect;
    return fuzz_store(ctx, addr, bytes, value, trap);
}

static inline bool fuzz_call(void *ctx, struct cpu *cpu, unsigned helper, const uint64_t args[3], uint64_t *out, struct cpu_trap *trap)
{
    (void)ctx, (void)cpu;
    *out = args[0] ^ helper;
    *trap = (struct cpu_trap){.kind = IR_TRAP_ILLEGAL};
    return helper % 8 != 0;
}

/* Verified functions are written, read back as the same bytes, and evaluated for a while. */
static inline void fuzz_use(struct arena *a, const struct ir_module *m)
{
    static struct cpu cpu;
    struct str one = STR_INIT, two = STR_INIT;
    struct ir_module back;
    struct btv_error err = {0};
    fuzz_require(ir_write(&one, m) == BTV_OK);
    enum btv_status st = ir_read(a, NULL, one.p, one.len, &back, &err);
    fuzz_require(st == BTV_OK || strstr(err.text, "too large"));
    if (st == BTV_OK)
        fuzz_require(ir_write(&two, &back) == BTV_OK && one.len == two.len && memcmp(one.p, two.p, one.len) == 0);
    for (unsigned k = 0; k < m->nfuncs; k++) {
        const struct ir_func *f = m->func[k];
        struct ir_env env = {.cpu = &cpu, .load = fuzz_load, .store = fuzz_store, .cas = fuzz_cas, .call = fuzz_call, .max_ins = 2000};
        struct ir_exit out;
        uint64_t args[64];
        memset(&cpu, 0x5a, sizeof cpu);
        cpu.fp.rm = (uint8_t)(k % 8);
        memset(args, 0xa5, sizeof args);
        if (f->first->nparams <= 64) {
            st = ir_eval(f, &env, args, &out, NULL);
            fuzz_require(st == BTV_OK || st == BTV_LIMIT);
        }
    }
    str_free(&one);
    str_free(&two);
}

#endif

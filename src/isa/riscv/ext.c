/*
 * Which extensions the guest's processor has: all of exts.def, or those that --cpu names; and how that is told.
 *
 * Set once, before guest code runs.  Base: RISC-V ISA manual, "ISA Extension Naming Conventions".
 */
#include "isa/riscv/riscv.h"

#include <ctype.h>
#include <string.h>

uint64_t rv_undefined_exts;
static uint64_t absent; /* bits by enum rv_ext_index */

#define BIT(ext) (UINT64_C(1) << (ext))
/* What every Linux program may count on here, and extensions whose instructions are hints: without them they do nothing. */
#define BASE (BIT(RV_EXT_i) | BIT(RV_EXT_m) | BIT(RV_EXT_a) | BIT(RV_EXT_f) | BIT(RV_EXT_d))
#define HINTS (BIT(RV_EXT_zihintntl) | BIT(RV_EXT_zihintpause) | BIT(RV_EXT_zicbop))

/* Extensions that another one consists of or needs. */
static uint64_t implied(uint64_t set)
{
    set |= BIT(RV_EXT_zicsr) | BIT(RV_EXT_zifencei) | BIT(RV_EXT_zicntr); /* of the base of Linux programs */
    if (set & BIT(RV_EXT_c))
        set |= BIT(RV_EXT_zca) | BIT(RV_EXT_zcd);
    return set;
}

static int find(const char *name, size_t len)
{
    for (unsigned k = 0; k < RV_EXT_COUNT; k++)
        if (strlen(rv_exts[k].name) == len && strncasecmp(rv_exts[k].name, name, len) == 0)
            return (int)k;
    return -1;
}

enum btv_status rv_select(const char *cpu, struct btv_error *err)
{
    uint64_t set = 0;
    const char *s = cpu;
    if (strcmp(cpu, "max") == 0) {
        absent = rv_undefined_exts = 0;
        return BTV_OK;
    }
    if (strncasecmp(s, "rv64", 4) != 0)
        return err_set(err, BTV_INVALID, "--cpu=%s: give max, or an ISA string like rv64gc or rv64gc_zba_zbb", cpu);
    for (s += 4; *s;) {
        size_t len = 1;
        if (*s == '_') {
            s++;
            continue;
        }
        if (tolower((unsigned char)*s) == 'g') {
            set |= BASE;
        } else {
            if (tolower((unsigned char)*s) == 'z')
                len = strcspn(s, "_");
            int k = find(s, len);
            if (k < 0) {
                struct str all = STR_INIT;
                rv_isa_string(&all);
                err_set(err, BTV_INVALID, "--cpu=%s: no extension \"%.*s\" here; there are those of %s", cpu, (int)len, s, str_get(&all));
                str_free(&all);
                return BTV_INVALID;
            }
            set |= BIT(k);
        }
        s += len;
    }
    if ((set & BASE) != BASE)
        return err_set(err, BTV_INVALID, "--cpu=%s: Linux programs need at least rv64imafd (rv64g)", cpu);
    absent = ((BIT(RV_EXT_COUNT) - 1) & ~implied(set));
    rv_undefined_exts = absent & ~HINTS;
    return BTV_OK;
}

bool rv_has(unsigned ext)
{
    return !(absent >> ext & 1);
}

/* The rows stand in canonical order, which is that of Linux. */
void rv_isa_string(struct str *s)
{
    str_adds(s, "rv64");
    for (unsigned k = 0; k < RV_EXT_COUNT; k++)
        if (rv_has(k) && rv_exts[k].in_isa)
            str_add(s, "%s%s", rv_exts[k].name[1] ? "_" : "", rv_exts[k].name);
}

uint64_t rv_hwprobe_ima_ext_0(void)
{
    uint64_t bits = 0;
    for (unsigned k = 0; k < RV_EXT_COUNT; k++)
        if (rv_has(k) && rv_exts[k].hwprobe >= 0)
            bits |= UINT64_C(1) << rv_exts[k].hwprobe;
    return bits;
}

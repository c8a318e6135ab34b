/*
 * Our disassembler against GNU objdump (-M no-aliases): random encodings of every row, and the code of real programs.
 *
 *   rv_objdump_test [FILE...]     without arguments: programs of $BTV_ROOTS/riscv64 (default /tmp/roots), if there
 *
 * Skips (77) when riscv64-linux-gnu-objdump is missing.  Differences of notation are removed first: blanks,
 * symbols after targets, modes that objdump leaves out, and what its version does not know.
 */
#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "check.h"
#include "guest/guest.h"
#include "isa/riscv/riscv.h"

enum { TEXT_BYTES = 256, ROW_SAMPLES = 40 };

static unsigned unknown; /* printed by objdump as data */

/* Lower case without blanks, comments, symbols and hexadecimal prefixes of targets; hexadecimal numbers in decimal. */
static void normalize(const char *p, char *out)
{
    size_t n = 0;
    while (*p && *p != '<' && *p != '#' && n + 24 < TEXT_BYTES) {
        if (*p == '0' && p[1] == 'x') {
            char *end;
            n += (size_t)snprintf(out + n, 24, "%lld", (long long)strtoull(p, &end, 16));
            p = end;
        } else if (isspace((unsigned char)*p)) {
            p++;
        } else {
            out[n++] = *p++;
        }
    }
    out[n] = 0;
}

static bool ends_with(const char *s, const char *tail)
{
    size_t n = strlen(s), m = strlen(tail);
    return n >= m && !strcmp(s + n - m, tail);
}

/* objdump has no c.nop, and leaves out the mode where it cannot matter. */
static void fold_aliases(char *s)
{
    if (!strcmp(s, "c.addizero,0"))
        memcpy(s, "c.nop", sizeof "c.nop");
    if (ends_with(s, ",rne") && !strncmp(s, "fcvt.", 5))
        s[strlen(s) - 4] = 0;
}

/* Hints print as what they are encoded in, and objdump knows the names of more system registers. */
static bool same_hint(const char *theirs, const char *ours)
{
    static const struct {
        const char *ours, *theirs;
    } pair[] = {{"ntl.", "addzero,zero,"},
                {"c.ntl.", "c.addzero,"},
                {"prefetch.", "orizero,"},
                {"pause", "fencew,unknown"},
                {"c.slli", "c.slli64"}};
    for (size_t k = 0; k < ARRAY_LEN(pair); k++)
        if (!strncmp(ours, pair[k].ours, strlen(pair[k].ours)) && !strncmp(theirs, pair[k].theirs, strlen(pair[k].theirs)))
            return true;
    size_t comma = strcspn(theirs, ",");
    return !strncmp(theirs, "csrr", 4) && !strncmp(theirs, ours, comma) && !strcmp(strrchr(theirs, ','), strrchr(ours, ','));
}

/* A jump's target: objdump prints it in hexadecimal without prefix. */
static bool same_target(const char *theirs, const char *ours)
{
    const char *t = strrchr(theirs, ','), *o = strrchr(ours, ',');
    size_t head = t ? (size_t)(t - theirs) : 0;
    if (!t || !o) { /* c.j */
        if (strncmp(theirs, "c.j", 3) || strncmp(ours, "c.j", 3))
            return false;
        t = theirs + 2;
        o = ours + 2;
    } else if (head != (size_t)(o - ours) || memcmp(theirs, ours, head)) {
        return false;
    }
    return strtoull(t + 1, NULL, 16) == strtoull(o + 1, NULL, 10);
}

static void compare(unsigned long long pc, const char *hex, const char *text)
{
    uint8_t bytes[4];
    unsigned long raw = strtoul(hex, NULL, 16);
    size_t len = strlen(hex) / 2;
    char theirs[TEXT_BYTES], ours[TEXT_BYTES];
    for (size_t k = 0; k < len && k < 4; k++)
        bytes[k] = (uint8_t)(raw >> 8 * k);
    if (text[0] == '.' || !strncmp(text, "0x", 2) || !strncmp(text, "unimp", 5) || !strncmp(text, "c.unimp", 7)) {
        unknown++;
        return;
    }
    struct str s = STR_INIT;
    unsigned n = guest_riscv64.disasm(&s, pc, bytes, len);
    normalize(text, theirs);
    normalize(str_get(&s), ours);
    fold_aliases(theirs);
    fold_aliases(ours);
    CHECK(n == len && (!strcmp(theirs, ours) || same_target(theirs, ours) || same_hint(theirs, ours)), "%llx: %s: objdump '%s', btv '%s'",
          pc, hex, text, str_get(&s));
    str_free(&s);
}

static bool run(const char *file, const char *how)
{
    char command[1024], line[1024];
    snprintf(command, sizeof command, "riscv64-linux-gnu-objdump %s -M no-aliases '%s' 2>/dev/null", how, file);
    FILE *f = popen(command, "r");
    unsigned before = check_passed + check_failed;
    while (f && fgets(line, sizeof line, f)) {
        char *save, *addr = strtok_r(line, ":", &save), *hex = strtok_r(NULL, " \t\n", &save), *text = strtok_r(NULL, "\n", &save);
        if (!addr || !hex || !text || !isspace((unsigned char)*addr) || (strlen(hex) != 4 && strlen(hex) != 8))
            continue;
        compare(strtoull(addr, NULL, 16), hex, text + strspn(text, " \t"));
    }
    return f && pclose(f) == 0 && check_passed + check_failed > before;
}

/* Random encodings of every row, in a file. */
static bool run_rows(void)
{
    char path[] = "/tmp/btv-rows-XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fd >= 0 ? fdopen(fd, "wb") : NULL;
    unsigned long long seed = 7;
    for (unsigned op = 1; f && op < RV_OP_COUNT; op++)
        for (unsigned n = 0, tries = 0; n < ROW_SAMPLES && tries < 1000; tries++) {
            struct insn in;
            uint32_t raw = rv_rows[op].match | ((uint32_t)check_random(&seed) & ~rv_rows[op].mask);
            if (rv_decode(raw, &in) && in.op == op)
                n += fwrite(&raw, in.len, 1, f) == 1;
        }
    bool ok = f && fclose(f) == 0 && run(path, "-D -b binary -m riscv:rv64");
    unlink(path);
    return ok;
}

int main(int argc, char **argv)
{
    static const char *const programs[] = {"usr/bin/bash", "usr/bin/openssl"};
    const char *roots = getenv("BTV_ROOTS");
    unsigned ran = run_rows();
    for (int k = 1; k < argc; k++)
        ran += run(argv[k], "-d");
    for (size_t k = 0; argc == 1 && k < ARRAY_LEN(programs); k++) {
        char file[512];
        snprintf(file, sizeof file, "%s/riscv64/%s", roots ? roots : "/tmp/roots", programs[k]);
        if (!access(file, R_OK))
            ran += run(file, "-d");
    }
    if (!ran) {
        printf("skipped: needs riscv64-linux-gnu-objdump\n0 passed, 0 failed\n");
        return 77;
    }
    printf("%u words that objdump does not know\n", unknown);
    return check_done();
}

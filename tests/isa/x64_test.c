/*
 * x86-64 rows: every row in every size with random operands survives encode and decode, and the text agrees with what GNU objdump
 * makes of the same bytes (skipped where objdump is absent).  Then truncation, random bytes, full buffers, nops, and jumps that run.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "isa/x86_64/row.h"
#include "isa/x86_64/x64.h"

enum { SAMPLES = 48, BLOB_BYTES = 1 << 20, LINE_BYTES = 512 };

static unsigned long long seed = 1;

static unsigned below(unsigned n)
{
    return (unsigned)(check_random(&seed) % n);
}

/* Instructions of all rows in one buffer, with the text expected at each start. */
struct blob {
    struct x64_buf code;
    char **text; /* by offset; NULL inside an instruction */
};

static struct x64_mem random_mem(unsigned k)
{
    static const int32_t disps[] = {0, 0, 1, -1, 127, -128, 128, -129, 0x1000, INT32_MAX, INT32_MIN};
    struct x64_mem m = {.base = (int8_t)(k & 15), .index = X64_NOREG, .disp = disps[below(ARRAY_LEN(disps))]};
    unsigned shape = below(8);
    if (shape == 0)
        m.base = X64_RIP;
    if (shape == 1)
        m.base = X64_NOREG;
    if (shape != 0 && below(2)) {
        do
            m.index = (int8_t)below(16);
        while (m.index == X64_RSP);
        m.scale = (uint8_t)below(4);
    }
    return m;
}

/* A value that the immediate field of (row, size) holds in the form decode returns it. */
static int64_t random_imm(const struct x64_desc *d, unsigned bytes)
{
    uint64_t v = check_random(&seed);
    static const uint64_t corners[] = {0, 1, 0x7f, 0x80, 0xff, UINT64_MAX, 0x7fffffff, 0x80000000, 1ull << 63};
    if (below(3) == 0)
        v = corners[below(ARRAY_LEN(corners))];
    if (d->imm == X64_IMM_PLAIN)
        return (int64_t)(v & (bytes == 1 ? 0xff : 0xffff));
    return bytes == 1 ? (int8_t)v : bytes == 2 ? (int16_t)v : bytes == 4 ? (int32_t)v : (int64_t)v;
}

static struct x64_insn random_insn(enum x64_row row, unsigned log2_size, unsigned k)
{
    const struct x64_desc *d = &x64_rows[row];
    struct x64_insn i = {.row = (uint16_t)row, .size = d->any_size ? d->size : (uint8_t)(1u << log2_size)};
    bool memory = below(2);
    i.cc = d->cc ? k & 15 : 0;
    for (unsigned n = 0; n < ARRAY_LEN(d->op); n++) {
        uint16_t op = d->op[n];
        struct x64_operand *o = &i.op[n];
        bool rm = x64_op_at(op) == X64_AT_RM;
        if (rm && !(op & X64_NOMEM) && (memory || op & X64_MEMONLY)) {
            o->kind = X64_O_MEM;
            o->mem = random_mem(k);
        } else if (rm || x64_op_at(op) == X64_AT_REG || x64_op_at(op) == X64_AT_VVVV || x64_op_at(op) == X64_AT_OPCODE) {
            o->kind = x64_op_file(op) == X64_FILE_GPR ? X64_O_GPR : X64_O_XMM;
            o->reg = (int8_t)(n == 0 ? k & 15 : below(16));
        } else if (x64_op_at(op) == X64_AT_IMM || x64_op_at(op) == X64_AT_REL) {
            o->kind = x64_op_at(op) == X64_AT_IMM ? X64_O_IMM : X64_O_REL;
            o->imm = random_imm(d, d->form[log2_size].imm_bytes);
        }
    }
    /* objdump renames these immediates into mnemonics (cmpeqss, pclmullqlqdq): others have the same encoding. */
    if (row == X64_CMPS_X_XM_IMM8 || row == X64_PCLMULQDQ_X_XM_IMM8)
        i.op[2].imm |= 0x20;
    return i;
}

static bool same_insn(const struct x64_insn *a, const struct x64_insn *b)
{
    if (a->row != b->row || a->size != b->size || a->cc != b->cc)
        return false;
    for (unsigned n = 0; n < ARRAY_LEN(a->op); n++) {
        const struct x64_operand *x = &a->op[n], *y = &b->op[n];
        if (x->kind != y->kind || x->reg != y->reg || x->imm != y->imm || x->mem.base != y->mem.base ||
            x->mem.index != y->mem.index || x->mem.scale != y->mem.scale || x->mem.disp != y->mem.disp)
            return false;
    }
    return true;
}

/* The same instruction through the emitter a caller would use. */
static void emit_by_shape(struct x64_buf *b, const struct x64_insn *i)
{
    const struct x64_desc *d = &x64_rows[i->row];
    const struct x64_operand *reg = NULL, *vvvv = NULL, *rm = NULL, *imm = NULL;
    for (unsigned n = 0; n < ARRAY_LEN(d->op); n++)
        switch (x64_op_at(d->op[n])) {
        case X64_AT_REG: reg = &i->op[n]; break;
        case X64_AT_VVVV: vvvv = &i->op[n]; break;
        case X64_AT_RM: case X64_AT_OPCODE: rm = &i->op[n]; break;
        case X64_AT_IMM: case X64_AT_REL: imm = &i->op[n]; break;
        default: break;
        }
    enum x64_row row = i->row;
    bool memory = rm && rm->kind == X64_O_MEM;
    if (d->cc && (memory || imm))
        x64_encode(b, i);
    else if (row == X64_SETCC_RM)
        x64_setcc(b, i->cc, rm->reg);
    else if (row == X64_CMOVCC_R_RM)
        x64_cmovcc(b, i->cc, i->size, reg->reg, rm->reg);
    else if (vvvv && reg && memory)
        x64_rvm(b, row, i->size, reg->reg, vvvv->reg, rm->mem);
    else if (vvvv && reg)
        x64_rvr(b, row, i->size, reg->reg, vvvv->reg, rm->reg);
    else if (reg && imm && memory)
        x64_rmi(b, row, i->size, reg->reg, rm->mem, imm->imm);
    else if (reg && imm)
        x64_rri(b, row, i->size, reg->reg, rm->reg, imm->imm);
    else if ((reg || vvvv) && memory)
        x64_rm(b, row, i->size, (reg ? reg : vvvv)->reg, rm->mem);
    else if (reg || vvvv)
        x64_rr(b, row, i->size, (reg ? reg : vvvv)->reg, rm->reg);
    else if (imm && memory)
        x64_mi(b, row, i->size, rm->mem, imm->imm);
    else if (imm)
        x64_ri(b, row, i->size, rm ? rm->reg : 0, imm->imm);
    else if (memory)
        x64_m(b, row, i->size, rm->mem);
    else if (rm)
        x64_r(b, row, i->size, rm->reg);
    else
        x64_0(b, row, i->size);
}

static void check_one(struct blob *blob, const struct x64_insn *want, struct str *text)
{
    struct x64_buf *b = &blob->code;
    size_t start = b->len;
    x64_encode(b, want);
    size_t len = b->len - start;
    const uint8_t *p = b->p + start;
    struct x64_insn got = {0};
    enum btv_status st = x64_decode(p, len, &got);
    str_clear(text);
    x64_print(text, want, start); /* length unknown yet: only for messages */
    const char *name = x64_row_name(want->row);
    CHECK(st == BTV_OK && same_insn(want, &got) && got.len == len, "%s size %u: %s: status %d row %s size %u len %u of %zu", name,
          want->size, str_get(text), (int)st, x64_row_name(got.row), got.size, got.len, len);
    for (size_t n = 0; n < len; n++)
        CHECK(x64_decode(p, n, &got) == BTV_INVALID, "%s cut to %zu bytes of %zu", name, n, len);

    uint8_t again[16];
    struct x64_buf second = {.p = again, .cap = sizeof(again)};
    emit_by_shape(&second, want);
    CHECK(second.len == len && memcmp(again, p, len) == 0, "%s: emitter and x64_encode differ", name);

    if (st != BTV_OK)
        return;
    str_clear(text);
    if (want->row == X64_LOCK) { /* a prefix: objdump shows it with the instruction it locks */
        str_adds(text, "lock ");
        start = b->len - len;
        struct x64_mem m = {.base = X64_R13, .index = X64_NOREG};
        size_t inner = b->len;
        x64_rm(b, X64_XADD_RM_R, 8, X64_RDX, m);
        st = x64_decode(b->p + inner, b->len - inner, &got);
        CHECK(st == BTV_OK, "locked xadd");
        x64_print(text, &got, inner);
    } else {
        got = *want;
        got.len = (uint8_t)len;
        x64_print(text, &got, start);
    }
    blob->text[start] = strdup(str_get(text));
}

static void check_rows(struct blob *blob)
{
    struct str text = STR_INIT;
    for (unsigned row = X64_INVALID + 1; row < X64_ROW_COUNT; row++) {
        const struct x64_desc *d = &x64_rows[row];
        for (unsigned n = 0; n < ARRAY_LEN(d->form); n++) {
            if (!(d->any_size ? n == 0 : d->sizes >> n & 1))
                continue;
            for (unsigned k = 0; k < (d->op[0] ? SAMPLES : 1); k++) {
                struct x64_insn i = random_insn(row, n, k);
                check_one(blob, &i, &text);
            }
        }
    }
    CHECK(!blob->code.full && !text.failed, "blob of %zu bytes is too small", blob->code.len);
    str_free(&text);
}

/* Blanks, comments, symbols, zero displacements and the sign of rip-relative ones are spelling: the rest must agree. */
static void normalise(char *s)
{
    static const char rip[] = "[rip+0xffffffff";
    char *to = s;
    for (char *p = s; *p && *p != '#' && *p != '<' && *p != '\n'; p++) {
        if (strncmp(p, rip, strlen(rip)) == 0) { /* 64 bits, negative: never longer than the text it replaces */
            to += snprintf(to, strlen(rip) + 8, "[rip-0x%llx", 0 - strtoull(p + strlen("[rip+"), &p, 16));
        }
        if (strncmp(p, "+0x0]", 5) == 0)
            p += 4;
        if (*p != ' ' && *p != '\t')
            *to++ = *p;
    }
    *to = 0;
}

static void compare_with_objdump(const struct blob *blob)
{
    char path[] = "/tmp/btv-x64-XXXXXX", command[256], line[LINE_BYTES], text[LINE_BYTES];
    if (system("objdump --version >/dev/null 2>&1") != 0) {
        printf("skipped: no objdump to compare with\n");
        return;
    }
    int fd = mkstemp(path);
    bool written = fd >= 0 && write(fd, blob->code.p, blob->code.len) == (ssize_t)blob->code.len;
    CHECK(written, "temporary file");
    if (fd >= 0)
        close(fd);
    snprintf(command, sizeof(command), "LC_ALL=C objdump -D -b binary -mi386:x86-64 -Mintel --insn-width=16 %s", path);
    FILE *f = written ? popen(command, "r") : NULL;
    unsigned lines = 0, expected = 0;
    while (f && fgets(line, sizeof(line), f)) {
        /* "  offset:\tbytes\ttext\n" */
        char *end, *bytes = strchr(line, '\t'), *shown = bytes ? strchr(bytes + 1, '\t') : NULL;
        size_t offset = strtoul(line, &end, 16);
        if (!shown || *end != ':' || offset >= blob->code.len)
            continue;
        lines++;
        const char *ours = blob->text[offset];
        normalise(shown + 1);
        snprintf(text, sizeof(text), "%s", ours ? ours : "(inside an instruction)");
        normalise(text);
        *shown = 0;
        CHECK(strcmp(text, shown + 1) == 0, "%s: ours %s, objdump %s", bytes + 1, ours ? ours : text, shown + 1);
    }
    if (f)
        pclose(f);
    unlink(path);
    for (size_t i = 0; i < blob->code.len; i++)
        expected += blob->text[i] != NULL;
    CHECK(lines == expected, "objdump saw %u instructions, we made %u", lines, expected);
    printf("compared %u instructions with objdump\n", lines);
}

/* What decodes must mean the same after encoding again; nothing may read past the end. */
static void check_random_bytes(void)
{
    struct str s = STR_INIT;
    for (unsigned n = 0; n < 200000; n++) {
        uint8_t bytes[16], again[16];
        for (unsigned k = 0; k < sizeof(bytes); k++)
            bytes[k] = (uint8_t)check_random(&seed);
        struct x64_insn a, b = {0};
        size_t len = below(sizeof(bytes) + 1);
        uint8_t *exact = malloc(len + !len);
        memcpy(exact, bytes, len);
        if (x64_decode(exact, len, &a) == BTV_OK) {
            struct x64_buf buf = {.p = again, .cap = sizeof(again)};
            x64_encode(&buf, &a);
            str_clear(&s);
            x64_print(&s, &a, 0);
            CHECK(x64_decode(again, buf.len, &b) == BTV_OK && same_insn(&a, &b) && buf.len <= a.len, "%s", str_get(&s));
        }
        free(exact);
    }
    str_free(&s);
}

/* A full buffer holds whole instructions only and nothing is written past its capacity. */
static void check_full(void)
{
    for (size_t cap = 0; cap <= 64; cap++) {
        uint8_t bytes[96];
        memset(bytes, 0xa5, sizeof(bytes));
        struct x64_buf b = {.p = bytes, .cap = cap};
        for (unsigned k = 0; k < 7; k++)
            x64_ri(&b, X64_MOV_R_IMM, 8, X64_R9, 0); /* ten bytes */
        CHECK(b.full && b.len == cap / 10 * 10 && bytes[b.len] == 0xa5, "cap %zu: len %zu", cap, b.len);
        size_t field = x64_jmp(&b, 0);
        if (b.full)
            x64_patch(&b, field, 0);
        x64_nop(&b, 100);
        CHECK(b.len <= cap && bytes[cap] == 0xa5, "cap %zu: jump or nop past the end", cap);
    }
}

static void check_nops(void)
{
    for (unsigned n = 0; n < 40; n++) {
        uint8_t bytes[64];
        struct x64_buf b = {.p = bytes, .cap = sizeof(bytes)};
        x64_nop(&b, n);
        CHECK(b.len == n, "nop %u: %zu bytes", n, b.len);
        for (size_t at = 0; at < b.len;) {
            struct x64_insn i = {0};
            bool ok = x64_decode(bytes + at, b.len - at, &i) == BTV_OK;
            CHECK(ok && (i.row == X64_NOP || i.row == X64_NOP_66 || i.row == X64_NOP_RM), "nop %u at %zu", n, at);
            at += ok ? i.len : b.len;
        }
    }
}

/* At each place in eight bytes: the distance lies within them, and the whole is one instruction that leads to its target. */
static void check_pads(void)
{
    for (unsigned start = 0; start < 8; start++) {
        uint8_t bytes[32];
        struct x64_buf b = {.p = bytes, .cap = sizeof(bytes)};
        struct x64_insn i = {0};
        if (start)
            x64_nop(&b, start);
        x64_pad_jcc(&b, 8);
        size_t field = x64_jcc(&b, X64_B, 0);
        x64_patch(&b, field, 0);
        CHECK(field / 8 == (field + 3) / 8 && field - start <= 2 + 3, "distance at %zu", field);
        CHECK(x64_decode(bytes + start, b.len - start, &i) == BTV_OK && i.row == X64_JCC_REL32 && i.len == b.len - start && (int64_t)b.len + i.op[0].imm == 0,
              "padded at %u", start);
        bytes[field - 2] = 0x90;
        CHECK(field - start == 2 || x64_decode(bytes + start, b.len - start, &i) != BTV_OK, "padded nop at %u", start);
    }
}

static void check_patches(void)
{
    uint8_t bytes[256];
    struct x64_buf b = {.p = bytes, .cap = sizeof(bytes)};
    struct x64_insn i = {0};
    x64_nop(&b, 10);
    size_t at = b.len, field = x64_jcc(&b, X64_LE, 3); /* backwards, known */
    CHECK(field == at + 2 && x64_decode(bytes + at, b.len - at, &i) == BTV_OK && i.row == X64_JCC_REL32 && i.cc == X64_LE &&
              (int64_t)b.len + i.op[0].imm == 3, "jcc back");
    at = b.len, field = x64_call(&b, 0);
    size_t short_at = b.len, short_field = x64_jcc8(&b, X64_NP);
    size_t jmp_at = b.len, jmp_field = x64_jmp8(&b);
    x64_nop(&b, 40);
    x64_patch(&b, field, b.len);
    x64_patch8(&b, short_field, b.len);
    x64_patch8(&b, jmp_field, 0); /* the start of the buffer */
    CHECK(x64_decode(bytes + at, 5, &i) == BTV_OK && i.row == X64_CALL_REL32 && at + 5 + (size_t)i.op[0].imm == b.len, "call");
    CHECK(x64_decode(bytes + short_at, 2, &i) == BTV_OK && i.row == X64_JCC_REL8 && i.cc == X64_NP &&
              short_at + 2 + (size_t)i.op[0].imm == b.len, "short jcc");
    CHECK(x64_decode(bytes + jmp_at, 2, &i) == BTV_OK && i.row == X64_JMP_REL8 && (int64_t)jmp_at + 2 + i.op[0].imm == 0, "short jmp");
}

/* Sum of 1..n by a loop with forward and backward, long and short jumps and a call; n in rdi (System V ABI). */
static void emit_sum(struct x64_buf *b)
{
    x64_rr(b, X64_XOR_RM_R, 4, X64_RAX, X64_RAX);
    size_t to_test = x64_jmp(b, 0);
    size_t top = b->len, to_sub = x64_call(b, 0);
    x64_r(b, X64_DEC_RM, 8, X64_RDI);
    x64_patch(b, to_test, b->len);
    x64_rr(b, X64_TEST_RM_R, 8, X64_RDI, X64_RDI);
    size_t out = x64_jcc8(b, X64_E);
    x64_jmp(b, top);
    x64_patch8(b, out, b->len);
    x64_0(b, X64_RET, 0);
    x64_patch(b, to_sub, b->len);
    x64_rr(b, X64_ADD_RM_R, 8, X64_RDI, X64_RAX);
    x64_0(b, X64_RET, 0);
}

#if defined(__x86_64__)
static void check_running(void)
{
    enum { BYTES = 4096 };
    void *p = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED, "mmap");
    if (p == MAP_FAILED)
        return;
    struct x64_buf b = {.p = p, .cap = BYTES};
    emit_sum(&b);
    if (mprotect(p, BYTES, PROT_READ | PROT_EXEC) == 0) {
        uint64_t (*sum)(uint64_t);
        memcpy(&sum, &p, sizeof(sum));
        CHECK(sum(0) == 0 && sum(1) == 1 && sum(100) == 5050, "sum(100) is %llu", (unsigned long long)sum(100));
    } else {
        printf("skipped: this system runs no generated code\n");
    }
    munmap(p, BYTES);
}

static void check_features(void)
{
    unsigned f = x64_host_features();
    CHECK(!(f & X64_F_SSE42) == !__builtin_cpu_supports("sse4.2"), "sse4.2");
    CHECK(!(f & X64_F_POPCNT) == !__builtin_cpu_supports("popcnt"), "popcnt");
    CHECK(!(f & X64_F_AVX) == !__builtin_cpu_supports("avx"), "avx");
    CHECK(!(f & X64_F_AVX2) == !__builtin_cpu_supports("avx2"), "avx2");
    CHECK(!(f & X64_F_FMA) == !__builtin_cpu_supports("fma"), "fma");
    CHECK(!(f & X64_F_BMI1) == !__builtin_cpu_supports("bmi"), "bmi");
    CHECK(!(f & X64_F_BMI2) == !__builtin_cpu_supports("bmi2"), "bmi2");
    CHECK(!(f & X64_F_PCLMUL) == !__builtin_cpu_supports("pclmul"), "pclmul");
}
#else
static void check_running(void)
{
    struct x64_buf b = {.p = (uint8_t[256]){0}, .cap = 256};
    emit_sum(&b);
    printf("skipped: running code needs an x86-64 host\n");
}

static void check_features(void)
{
    CHECK(x64_host_features() == X64_F_BASE, "features of another architecture");
}
#endif

int main(void)
{
    struct blob blob = {.code = {.p = malloc(BLOB_BYTES), .cap = BLOB_BYTES}, .text = calloc(BLOB_BYTES, sizeof(char *))};
    if (!blob.code.p || !blob.text)
        return 1;
    printf("seed %llu\n", seed);
    check_rows(&blob);
    compare_with_objdump(&blob);
    check_random_bytes();
    check_full();
    check_nops();
    check_pads();
    check_patches();
    check_running();
    check_features();
    for (size_t i = 0; i < BLOB_BYTES; i++)
        free(blob.text[i]);
    free(blob.text);
    free(blob.code.p);
    return check_done();
}

/*
 * Fuzz target: RISC-V machine code and assembly text.  The input is taken twice: as instructions and as lines.
 *
 * Each word: the decoding tree agrees with a linear search; what decodes encodes to the same bits, prints, and parses back to
 * them; a disassembler given fewer bytes does not read on.  Each line: refused with a reason, or its bits print as a line
 * that parses to the same bits.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "guest/guest.h"
#include "isa/riscv/riscv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PC = 0x10000, MAX_LINE = 200 };

static void require(bool ok)
{
    if (!ok)
        abort();
}

static uint32_t significant(const struct insn *in, uint32_t raw)
{
    return in->len == 2 ? raw & 0xffff : raw;
}

/* Does the row ignore fields, which its text then does not show (fence.i)? */
static bool has_hidden_field(const struct rv_row *r)
{
    for (const char *c = r->bits; *c; c++)
        if (isalpha((unsigned char)*c) && !strchr("al", *c) && !strchr(r->operands, *c))
            return true;
    return false;
}

/* The bits printed as text come back. */
static void check_text(const struct insn *in, uint32_t raw)
{
    struct str s = STR_INIT, s2 = STR_INIT;
    struct insn again;
    struct btv_error err = {0};
    rv_print(&s, in, PC);
    enum btv_status st = rv_parse(str_get(&s), PC, &again, &err);
    if (has_hidden_field(&rv_rows[in->op])) { /* with zeros there it may be another row: a fence that is a hint */
        if (st != BTV_OK)
            goto out;
        rv_print(&s2, &again, PC);
        require(!strcmp(str_get(&s), str_get(&s2)));
    } else {
        require(st == BTV_OK && again.len == in->len && again.raw == raw);
    }
out:
    str_free(&s);
    str_free(&s2);
}

static void check_word(uint32_t word)
{
    struct insn in;
    uint32_t raw = 0;
    bool known = rv_decode(word, &in);
    require(in.op == rv_decode_linear(word) && known == (in.op != 0) && in.len == rv_length(word));
    if (!known)
        return;
    require(rv_encode(&in, &raw) == BTV_OK && raw == significant(&in, word));
    check_text(&in, raw);
}

static void check_disasm(const uint8_t *p, size_t size)
{
    struct str s = STR_INIT;
    unsigned n = guest_riscv64.disasm(&s, PC, p, size);
    require(n <= size);
    guest_riscv64.print_decoded(&s, PC, p, size);
    str_free(&s);
}

static void check_line(const char *line)
{
    struct insn in, decoded;
    struct btv_error err = {0};
    uint8_t bytes[16];
    unsigned len = 0;
    if (rv_parse(line, PC, &in, &err) != BTV_OK) {
        require(err.text[0]);
        return;
    }
    uint32_t raw = 0;
    require(rv_encode(&in, &raw) == BTV_OK && raw == in.raw);
    if (rv_decode(raw, &decoded)) /* perhaps as a special case: packw with x0 is zext.h */
        check_text(&decoded, raw);
    err = (struct btv_error){0};
    require(guest_riscv64.assemble(line, PC, bytes, &len, &err) == BTV_OK && len == in.len && !memcmp(bytes, &raw, len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t word;
    for (size_t i = 0; i + 4 <= size; i += rv_length(word)) {
        memcpy(&word, data + i, 4);
        check_word(word);
        check_disasm(data + i, size - i);
    }
    for (size_t n = 0; n < 4 && n <= size; n++)
        check_disasm(data + size - n, n);
    char line[MAX_LINE + 1];
    for (size_t i = 0; i < size;) {
        size_t n = 0;
        while (i < size && data[i] != '\n' && n < MAX_LINE)
            line[n++] = (char)data[i++];
        line[n] = '\0';
        check_line(line);
        if (i < size && data[i] == '\n')
            i++;
    }
    return 0;
}

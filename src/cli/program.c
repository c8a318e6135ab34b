/*
 * An executable looked at without running it: its bytes at their link addresses, and its symbols.
 *
 * Symbols come from .symtab, or from .dynsym where the program is stripped.  Section headers are read here and not in
 * image/: running a program never needs them.  No number of the file is trusted.
 */
#include <string.h>

#include "base/pack.h"
#include "cli/tool.h"

enum {
    SECTION_BYTES = 64,
    SYMBOL_BYTES = 24,
    SHT_SYMTAB = 2,
    SHT_DYNSYM = 11,
    STT_NOTYPE = 0,
    STT_FUNC = 2,
};

static bool read_at(void *ctx, uint64_t offset, void *buf, size_t n)
{
    const struct str *file = ctx;
    if (offset > file->len || file->len - offset < n)
        return false;
    memcpy(buf, file->p + offset, n);
    return true;
}

static const uint8_t *fetch(void *ctx, uint64_t pc, size_t *avail)
{
    const struct program *p = ctx;
    for (unsigned k = 0; k < p->image.nsegments; k++) {
        const struct elf_segment *s = &p->image.segment[k];
        if (s->type != ELF_PT_LOAD || !(s->flags & ELF_PF_X) || pc < s->vaddr || pc - s->vaddr >= s->file_bytes)
            continue;
        uint64_t offset = s->offset + (pc - s->vaddr), left = s->file_bytes - (pc - s->vaddr);
        if (offset >= p->file.len)
            return NULL;
        *avail = left < p->file.len - offset ? left : p->file.len - offset;
        return (const uint8_t *)p->file.p + offset;
    }
    return NULL;
}

enum btv_status program_open(const char *path, struct program *p, struct btv_error *err)
{
    char name[24];
    memset(p, 0, sizeof *p);
    enum btv_status st = tool_read_file(path, &p->file, err);
    struct elf_source src = {.read = read_at, .ctx = &p->file, .size = p->file.len, .name = path};
    if (st == BTV_OK)
        st = elf_parse(&src, &p->image, err);
    if (st == BTV_OK && !(p->guest = guest_by_machine(p->image.machine)))
        st = err_set(err, BTV_NOTIMPL, "%s: a program for %s, which is no guest of this build", path, elf_machine_name(p->image.machine, name));
    p->code = (struct guest_code){.fetch = fetch, .ctx = p};
    if (st != BTV_OK)
        program_close(p);
    return st;
}

void program_close(struct program *p)
{
    elf_free(&p->image);
    str_free(&p->file);
    memset(p, 0, sizeof *p);
}

/* -- symbols ----------------------------------------------------------------------------------------------- */

struct symbol {
    const char *name;
    uint64_t value, size;
    uint8_t type;
    bool defined;
};

/* One table of symbols and its names; both lie inside the file. */
struct symbols {
    const uint8_t *table;
    uint64_t count;
    const char *names;
    uint64_t names_len;
};

static bool section(const struct program *p, uint64_t index, uint32_t *type, uint32_t *link, uint64_t *offset, uint64_t *len)
{
    const uint8_t *b = (const uint8_t *)p->file.p;
    uint64_t shoff = load_u64(b + 40), n = load_u16(b + 60), at = shoff + index * SECTION_BYTES;
    if (load_u16(b + 58) != SECTION_BYTES || index >= n || shoff > p->file.len || (p->file.len - shoff) / SECTION_BYTES <= index)
        return false;
    *type = load_u32(b + at + 4);
    *link = load_u32(b + at + 40);
    *offset = load_u64(b + at + 24);
    *len = load_u64(b + at + 32);
    return *offset <= p->file.len && *len <= p->file.len - *offset;
}

static bool find_symbols(const struct program *p, uint32_t wanted, struct symbols *out)
{
    uint32_t type, link, names_type, names_link;
    uint64_t offset, len, names_at, n = load_u16((const uint8_t *)p->file.p + 60);
    for (uint64_t k = 0; k < n; k++) {
        if (!section(p, k, &type, &link, &offset, &len) || type != wanted)
            continue;
        if (!section(p, link, &names_type, &names_link, &names_at, &out->names_len) || !out->names_len)
            return false;
        out->table = (const uint8_t *)p->file.p + offset;
        out->count = len / SYMBOL_BYTES;
        out->names = p->file.p + names_at;
        return out->names[out->names_len - 1] == '\0';
    }
    return false;
}

static struct symbol symbol_at(const struct symbols *t, uint64_t k)
{
    const uint8_t *b = t->table + k * SYMBOL_BYTES;
    uint32_t name = load_u32(b);
    return (struct symbol){
        .name = name < t->names_len ? t->names + name : "",
        .value = load_u64(b + 8),
        .size = load_u64(b + 16),
        .type = b[4] & 15,
        .defined = load_u16(b + 6) != 0,
    };
}

static bool find_by_name(const struct program *p, const char *name, size_t len, uint64_t *out)
{
    static const uint32_t kinds[] = {SHT_SYMTAB, SHT_DYNSYM};
    struct symbols t;
    for (unsigned n = 0; n < ARRAY_LEN(kinds); n++)
        for (uint64_t k = 0; find_symbols(p, kinds[n], &t) && k < t.count; k++) {
            struct symbol s = symbol_at(&t, k);
            if (s.defined && (s.type == STT_FUNC || s.type == STT_NOTYPE) && strlen(s.name) == len && !memcmp(s.name, name, len)) {
                *out = s.value;
                return true;
            }
        }
    return false;
}

const char *program_symbol(const struct program *p, uint64_t pc, uint64_t *start, uint64_t *size)
{
    struct symbols t;
    const char *best = NULL;
    if (!find_symbols(p, SHT_SYMTAB, &t) && !find_symbols(p, SHT_DYNSYM, &t))
        return NULL;
    for (uint64_t k = 0; k < t.count; k++) {
        struct symbol s = symbol_at(&t, k);
        if (!s.defined || s.type != STT_FUNC || pc < s.value || pc - s.value >= (s.size ? s.size : 1) || !s.name[0])
            continue;
        best = s.name;
        *start = s.value;
        *size = s.size;
    }
    return best;
}

enum btv_status program_address(const struct program *p, const char *where, uint64_t *out, struct btv_error *err)
{
    uint64_t more = 0;
    size_t n = strcspn(where, "+");
    if (tool_number(where, out))
        return BTV_OK;
    if (where[n] && !tool_number(where + n + 1, &more))
        return err_set(err, BTV_NOENT, "%s: what follows + is not a number", where);
    if (!find_by_name(p, where, n, out))
        return err_set(err, BTV_NOENT, "%s: no such symbol; give an address as 0x10078", where);
    *out += more;
    return BTV_OK;
}

bool program_address_of_offset(const struct program *p, uint64_t offset, uint64_t *out)
{
    for (unsigned k = 0; k < p->image.nsegments; k++) {
        const struct elf_segment *s = &p->image.segment[k];
        if (s->type == ELF_PT_LOAD && offset >= s->offset && offset - s->offset < s->file_bytes) {
            *out = s->vaddr + (offset - s->offset);
            return true;
        }
    }
    return false;
}

/*
 * The ELF parser of elf.h.  Messages have the form "FILE: what is wrong (where); what to do".
 */
#include "image/elf.h"

#include <stdio.h>
#include <string.h>

#include "base/heap.h"
#include "base/pack.h"

/* Offsets in e_ident and their only acceptable values. */
enum { EI_CLASS = 4, EI_DATA = 5, EI_VERSION = 6, ELFCLASS64 = 2, ELFDATA2LSB = 1, EV_CURRENT = 1 };

static const struct {
    uint16_t number;
    const char *name;
} machines[] = {
    {3, "i386"},     {8, "MIPS"},       {20, "PowerPC"},   {21, "PowerPC64"}, {22, "S/390"},
    {40, "Arm"},     {43, "SPARC V9"},  {62, "x86-64"},    {183, "AArch64"},  {243, "RISC-V"}, {258, "LoongArch"},
};

bool elf_is_magic(const void *head, size_t n)
{
    return n >= 4 && !memcmp(head, "\177ELF", 4);
}

uint16_t elf_machine_of(const void *head, size_t n)
{
    const unsigned char *p = head;
    if (n < 20 || !elf_is_magic(head, n) || p[EI_CLASS] != ELFCLASS64 || p[EI_DATA] != ELFDATA2LSB)
        return 0;
    return load_u16(p + 18);
}

const char *elf_machine_name(uint16_t machine, char buf[24])
{
    for (unsigned i = 0; i < ARRAY_LEN(machines); i++)
        if (machines[i].number == machine)
            return machines[i].name;
    snprintf(buf, 24, "machine %u", machine);
    return buf;
}

#define BAD(...) err_set(err, BTV_BADIMAGE, __VA_ARGS__)

struct header {
    uint64_t phoff;
    unsigned phnum;
};

static enum btv_status parse_header(const struct elf_source *src, struct elf_image *img, struct header *h, struct btv_error *err)
{
    unsigned char b[ELF_HEADER_BYTES];
    size_t have = src->size < sizeof b ? (size_t)src->size : sizeof b;

    memset(b, 0, sizeof b);
    if (have && !src->read(src->ctx, 0, b, have))
        return BAD("%s: the file header cannot be read; check the file", src->name);
    if (!elf_is_magic(b, have))
        return BAD("%s: not an ELF file (no magic number at offset 0); give an executable of a supported guest", src->name);
    if (have < sizeof b)
        return BAD("%s: truncated ELF file (%zu bytes, the header has 64); copy it again", src->name, have);
    if (b[EI_CLASS] != ELFCLASS64)
        return BAD("%s: not a 64-bit ELF file (class %u at offset 4); use a 64-bit build", src->name, b[EI_CLASS]);
    if (b[EI_DATA] != ELFDATA2LSB)
        return BAD("%s: not a little-endian ELF file (data encoding %u at offset 5); use a little-endian build", src->name, b[EI_DATA]);

    struct pack_reader r = pack_reader(b, sizeof b);
    r.at = 16;
    unsigned type = pack_u16(&r);
    img->machine = pack_u16(&r);
    (void)pack_u32(&r); /* e_version: neither does Linux look at it, nor at e_ehsize */
    img->entry = pack_u64(&r);
    h->phoff = pack_u64(&r);
    (void)pack_u64(&r); /* e_shoff: sections do not matter for running */
    img->flags = pack_u32(&r);
    (void)pack_u16(&r); /* e_ehsize */
    unsigned phentsize = pack_u16(&r);
    h->phnum = pack_u16(&r);
    if (type != ELF_EXEC && type != ELF_DYN)
        return BAD("%s: ELF file of type %u (offset 16) is not an executable; link it first", src->name, type);
    img->type = (enum elf_type)type;
    if (phentsize != ELF_PHDR_BYTES)
        return BAD("%s: program headers of %u bytes (offset 54), must be 56; the file is damaged", src->name, phentsize);
    if (h->phnum == 0 || h->phnum > ELF_MAX_PHDRS)
        return BAD("%s: %u program headers (offset 56), must be 1 to %u; the file is damaged", src->name, h->phnum, ELF_MAX_PHDRS);
    if (h->phoff > src->size || src->size - h->phoff < (uint64_t)h->phnum * ELF_PHDR_BYTES)
        return BAD("%s: program headers at offset %llu lie beyond the end (%llu bytes); the file is truncated or damaged", src->name,
                   (unsigned long long)h->phoff, (unsigned long long)src->size);
    if (img->entry >= ELF_ADDR_MAX)
        return BAD("%s: entry point 0x%llx is not a user address; the file is damaged", src->name, (unsigned long long)img->entry);
    return BTV_OK;
}

static enum btv_status check_load(const struct elf_source *src, struct elf_image *img, unsigned i, struct btv_error *err)
{
    const struct elf_segment *s = &img->segment[i];
    if (s->file_bytes > s->mem_bytes)
        return BAD("%s: segment %u has more bytes in the file (%llu) than in memory (%llu); the file is damaged", src->name, i,
                   (unsigned long long)s->file_bytes, (unsigned long long)s->mem_bytes);
    if (s->vaddr >= ELF_ADDR_MAX || s->mem_bytes > ELF_ADDR_MAX - s->vaddr)
        return BAD("%s: segment %u at 0x%llx of %llu bytes leaves the user address space; the file is damaged", src->name, i,
                   (unsigned long long)s->vaddr, (unsigned long long)s->mem_bytes);
    if (s->align & (s->align - 1))
        return BAD("%s: segment %u has alignment %llu, not a power of two; the file is damaged", src->name, i, (unsigned long long)s->align);
    if (s->file_bytes && ((s->vaddr ^ s->offset) & ~GUEST_PAGE_MASK))
        return BAD("%s: segment %u: offset 0x%llx and address 0x%llx differ within a page; link with pages of 4 KiB or more", src->name, i,
                   (unsigned long long)s->offset, (unsigned long long)s->vaddr);
    if (s->mem_bytes == 0)
        return BTV_OK;
    if (img->hi && s->vaddr < img->hi)
        return BAD("%s: segment %u at 0x%llx overlaps or precedes the one before it; the file is damaged", src->name, i, (unsigned long long)s->vaddr);
    if (!img->hi)
        img->lo = s->vaddr;
    img->hi = s->vaddr + s->mem_bytes;
    if (s->align > img->align)
        img->align = s->align;
    return BTV_OK;
}

static enum btv_status read_interp(const struct elf_source *src, struct elf_image *img, const struct elf_segment *s, struct btv_error *err)
{
    if (img->interp)
        return BAD("%s: more than one program interpreter; the file is damaged", src->name);
    if (s->file_bytes < 2 || s->file_bytes > ELF_INTERP_MAX)
        return BAD("%s: interpreter path of %llu bytes, must be 2 to %u; the file is damaged", src->name, (unsigned long long)s->file_bytes, ELF_INTERP_MAX);
    size_t n = (size_t)s->file_bytes;
    img->interp = heap_new(n);
    if (!img->interp)
        return err_set(err, BTV_NOMEM, "%s: out of memory", src->name);
    if (!src->read(src->ctx, s->offset, img->interp, n))
        return BAD("%s: the interpreter path at offset %llu cannot be read; check the file", src->name, (unsigned long long)s->offset);
    if (img->interp[n - 1] != '\0')
        return BAD("%s: the interpreter path at offset %llu does not end with a zero byte; the file is damaged", src->name, (unsigned long long)s->offset);
    if (!img->interp[0])
        return BAD("%s: the interpreter path at offset %llu is empty; the file is damaged", src->name, (unsigned long long)s->offset);
    return BTV_OK;
}

static enum btv_status check_segment(const struct elf_source *src, struct elf_image *img, unsigned i, struct btv_error *err)
{
    const struct elf_segment *s = &img->segment[i];
    bool matters = s->type == ELF_PT_LOAD || s->type == ELF_PT_INTERP || s->type == ELF_PT_TLS || s->type == ELF_PT_GNU_PROPERTY;
    if (matters && (s->offset > src->size || s->file_bytes > src->size - s->offset))
        return BAD("%s: segment %u (offset %llu, %llu bytes) lies beyond the end (%llu bytes); the file is truncated or damaged", src->name, i,
                   (unsigned long long)s->offset, (unsigned long long)s->file_bytes, (unsigned long long)src->size);
    switch (s->type) {
    case ELF_PT_LOAD:
        return check_load(src, img, i, err);
    case ELF_PT_INTERP:
        return read_interp(src, img, s, err);
    case ELF_PT_TLS:
        if (s->file_bytes > s->mem_bytes || s->mem_bytes >= ELF_ADDR_MAX || (s->align & (s->align - 1)))
            return BAD("%s: segment %u: impossible thread-local storage (%llu of %llu bytes, alignment %llu); the file is damaged", src->name, i,
                       (unsigned long long)s->file_bytes, (unsigned long long)s->mem_bytes, (unsigned long long)s->align);
        img->tls = s;
        break;
    case ELF_PT_GNU_STACK:
        img->has_stack_flags = true;
        img->exec_stack = s->flags & ELF_PF_X;
        break;
    case ELF_PT_GNU_PROPERTY:
        img->property = s;
        break;
    default:
        break;
    }
    return BTV_OK;
}

static enum btv_status read_segments(const struct elf_source *src, struct elf_image *img, const struct header *h, struct btv_error *err)
{
    enum btv_status st = BTV_OK;
    size_t bytes = (size_t)h->phnum * ELF_PHDR_BYTES;
    unsigned char *raw = heap_new(bytes);
    img->segment = heap_zeroed(h->phnum, sizeof *img->segment);
    if (!raw || !img->segment) {
        st = err_set(err, BTV_NOMEM, "%s: out of memory", src->name);
        goto out;
    }
    if (!src->read(src->ctx, h->phoff, raw, bytes)) {
        st = BAD("%s: the program headers at offset %llu cannot be read; check the file", src->name, (unsigned long long)h->phoff);
        goto out;
    }
    struct pack_reader r = pack_reader(raw, bytes);
    for (unsigned i = 0; i < h->phnum && st == BTV_OK; i++) {
        struct elf_segment *s = &img->segment[i];
        s->type = pack_u32(&r);
        s->flags = pack_u32(&r);
        s->offset = pack_u64(&r);
        s->vaddr = pack_u64(&r);
        (void)pack_u64(&r); /* p_paddr */
        s->file_bytes = pack_u64(&r);
        s->mem_bytes = pack_u64(&r);
        s->align = pack_u64(&r);
        img->nsegments = i + 1;
        st = check_segment(src, img, i, err);
        /* The program headers are where the segment that holds their file offset was mapped. */
        if (s->type == ELF_PT_LOAD && s->offset <= h->phoff && h->phoff - s->offset < s->file_bytes)
            img->phdr_vaddr = s->vaddr + (h->phoff - s->offset);
    }
    if (st == BTV_OK && !img->hi)
        st = BAD("%s: no loadable segment; the file is not an executable", src->name);
out:
    heap_free(raw);
    return st;
}

enum btv_status elf_parse(const struct elf_source *src, struct elf_image *out, struct btv_error *err)
{
    struct elf_image img = {.align = GUEST_PAGE_SIZE};
    struct header h = {0};
    enum btv_status st = parse_header(src, &img, &h, err);
    if (st == BTV_OK)
        st = read_segments(src, &img, &h, err);
    if (st == BTV_OK)
        *out = img;
    else
        elf_free(&img);
    return st;
}

void elf_free(struct elf_image *img)
{
    heap_free(img->segment);
    heap_free(img->interp);
    *img = (struct elf_image){0};
}

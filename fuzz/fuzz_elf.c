/*
 * Fuzz target: the ELF parser on arbitrary bytes.  Whatever it accepts must obey the promises of elf.h.
 */
#include <stdlib.h>
#include <string.h>

#include "image/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
    const uint8_t *p;
    size_t n;
};

static bool read_bytes(void *ctx, uint64_t offset, void *buf, size_t n)
{
    const struct bytes *b = ctx;
    if (offset > b->n || n > b->n - offset)
        return false;
    memcpy(buf, b->p + offset, n);
    return true;
}

static void require(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes b = {data, size};
    struct elf_source src = {read_bytes, &b, size, "input"};
    struct elf_image img;
    struct btv_error err = {0};

    if (elf_parse(&src, &img, &err) != BTV_OK) {
        require(err.text[0] != '\0');
        return 0;
    }
    require(img.lo < img.hi && img.hi <= ELF_ADDR_MAX && img.align >= GUEST_PAGE_SIZE && !(img.align & (img.align - 1)));
    require(img.nsegments >= 1 && img.nsegments <= ELF_MAX_PHDRS);
    uint64_t end = 0;
    for (unsigned i = 0; i < img.nsegments; i++) {
        const struct elf_segment *s = &img.segment[i];
        if (s->type != ELF_PT_LOAD || !s->mem_bytes)
            continue;
        require(s->offset + s->file_bytes <= size && s->file_bytes <= s->mem_bytes && s->vaddr >= end);
        end = s->vaddr + s->mem_bytes;
    }
    require(end == img.hi);
    require(!img.interp || (img.interp[0] && strlen(img.interp) < ELF_INTERP_MAX));
    elf_free(&img);
    return 0;
}

/*
 * ELF64 little-endian executables: a bounded parser without policy.
 *
 * It reads through a callback, never trusts a number, and either fills the whole struct or says in one line what is
 * wrong, where, and what to do.  Format: System V gABI chapters 4 and 5, psABI supplements, and what Linux's
 * fs/binfmt_elf.c accepts.  Fuzz target: fuzz/fuzz_elf.c.
 */
#ifndef BTV_IMAGE_ELF_H
#define BTV_IMAGE_ELF_H

#include "base/defs.h"
#include "base/err.h"

#define ELF_HEADER_BYTES 64
#define ELF_PHDR_BYTES 56
#define ELF_MAX_PHDRS 1170      /* as the kernel: 64 KiB of program headers */
#define ELF_ADDR_MAX (1ull << 56) /* no 64-bit guest of ours has wider user addresses */
#define ELF_INTERP_MAX 4096

enum elf_type { ELF_EXEC = 2, ELF_DYN = 3, ELF_CORE = 4 };

enum elf_segment_type {
    ELF_PT_LOAD = 1,
    ELF_PT_DYNAMIC = 2,
    ELF_PT_INTERP = 3,
    ELF_PT_PHDR = 6,
    ELF_PT_TLS = 7,
    ELF_PT_GNU_STACK = 0x6474e551,
    ELF_PT_GNU_PROPERTY = 0x6474e553,
};

enum elf_segment_flag { ELF_PF_X = 1, ELF_PF_W = 2, ELF_PF_R = 4 };

struct elf_segment {
    uint32_t type, flags;
    uint64_t offset, vaddr, file_bytes, mem_bytes, align;
};

struct elf_image {
    enum elf_type type;
    uint16_t machine;
    uint32_t flags;          /* e_flags */
    uint64_t entry;          /* as in the file: add the load bias */
    uint64_t phdr_vaddr;     /* where the program headers are in memory; 0: in no segment */
    unsigned nsegments;      /* all program headers, in file order */
    struct elf_segment *segment;
    uint64_t lo, hi;         /* addresses of the PT_LOAD segments: [lo, hi), not rounded */
    uint64_t align;          /* largest PT_LOAD alignment, at least a page */
    char *interp;            /* NULL: none */
    bool has_stack_flags;    /* PT_GNU_STACK present */
    bool exec_stack;         /* it asks for an executable stack */
    const struct elf_segment *tls, *property; /* NULL: none */
};

/* Where the bytes come from; read returns false if fewer than n bytes are there. */
struct elf_source {
    bool (*read)(void *ctx, uint64_t offset, void *buf, size_t n);
    void *ctx;
    uint64_t size; /* of the file, bytes */
    const char *name; /* for messages */
};

/* Is this the beginning of any ELF file?  n may be short. */
bool elf_is_magic(const void *head, size_t n);
/* e_machine from the first 20 bytes of a 64-bit little-endian ELF file; 0 if it is not one. */
uint16_t elf_machine_of(const void *head, size_t n);
/* "x86-64" for 62, and so on; "machine N" otherwise, in buf. */
const char *elf_machine_name(uint16_t machine, char buf[24]);

/* BTV_BADIMAGE with the reason in err, BTV_NOMEM.  On success free with elf_free. */
BTV_NODISCARD enum btv_status elf_parse(const struct elf_source *src, struct elf_image *out, struct btv_error *err);
void elf_free(struct elf_image *img);

#endif

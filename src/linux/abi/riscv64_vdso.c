/*
 * The vDSO of RISC-V processes: an ELF shared object that the compiler lays out as one constant.
 *
 * Functions as in arch/riscv/kernel/vdso of Linux 6.12, symbol version LINUX_4.15.  The clocks do not enter the kernel: the
 * code uses host calls (riscv64_vdso.h) and stores the results itself, so that a bad pointer faults as an ordinary
 * guest store.  Unwinders and debuggers know the sigreturn trampoline by its two instruction words; do not change them.
 * Format: System V gABI chapters 4 and 5; symbol versions: LSB core, "Symbol Versioning".
 */
#include "linux/abi/riscv64_vdso.h"

#include <elf.h>

/* -- instruction words: the few forms used ---------------------------------------------------------------------- */

enum { RA = 1, A0 = 10, A1 = 11, A2 = 12, A3 = 13, A4 = 14, A7 = 17 };

#define I_TYPE(opcode, funct3, rd, rs1, imm) \
    ((uint32_t)(opcode) | (uint32_t)(rd) << 7 | (uint32_t)(funct3) << 12 | (uint32_t)(rs1) << 15 | (uint32_t)((imm)&0xfff) << 20)
#define S_TYPE(funct3, rs2, rs1, imm) \
    (UINT32_C(0x23) | (uint32_t)((imm)&31) << 7 | (uint32_t)(funct3) << 12 | (uint32_t)(rs1) << 15 | (uint32_t)(rs2) << 20 | (uint32_t)((imm) >> 5) << 25)
/* Forward branches of less than 32 bytes: imm[4:1] in bits 11..8. */
#define BRANCH(funct3, rs1, instructions) (UINT32_C(0x63) | (uint32_t)(funct3) << 12 | (uint32_t)(rs1) << 15 | (uint32_t)((instructions)*4 >> 1) << 8)

#define LI(rd, imm) I_TYPE(0x13, 0, rd, 0, imm)
#define MV(rd, rs) I_TYPE(0x13, 0, rd, rs, 0)
#define SW(rs2, imm, rs1) S_TYPE(2, rs2, rs1, imm)
#define SD(rs2, imm, rs1) S_TYPE(3, rs2, rs1, imm)
#define BEQZ(rs, n) BRANCH(0, rs, n) /* skips to the n-th instruction from here */
#define BNEZ(rs, n) BRANCH(1, rs, n)
#define RET I_TYPE(0x67, 0, 0, RA, 0)
#define ECALL UINT32_C(0x00000073)
#define HOSTCALL(function) (RISCV64_HOSTCALL_WORD | (uint32_t)(function) << 20)
#define SYSCALL(nr) LI(A7, nr), ECALL

/* FUNCTION(name, number of words, words) */
/* clang-format off */
#define FUNCTIONS(FUNCTION) \
    FUNCTION(rt_sigreturn, 2, SYSCALL(139)) \
    FUNCTION(clock_gettime, 5, HOSTCALL(RISCV64_HC_CLOCK_GETTIME), BNEZ(A0, 3), SD(A2, 0, A1), SD(A3, 8, A1), RET) \
    FUNCTION(clock_getres, 6, HOSTCALL(RISCV64_HC_CLOCK_GETRES), BNEZ(A0, 4), BEQZ(A1, 3), SD(A2, 0, A1), SD(A3, 8, A1), RET) \
    FUNCTION(gettimeofday, 10, BNEZ(A1, 7), MV(A4, A0), HOSTCALL(RISCV64_HC_GETTIMEOFDAY), BEQZ(A4, 3), SD(A2, 0, A4), SD(A3, 8, A4), RET, \
             SYSCALL(169), RET) \
    FUNCTION(getcpu, 7, MV(A4, A0), HOSTCALL(RISCV64_HC_GETCPU), BEQZ(A4, 2), SW(A2, 0, A4), BEQZ(A1, 2), SW(A3, 0, A1), RET) \
    FUNCTION(flush_icache, 3, SYSCALL(259), RET) \
    FUNCTION(riscv_hwprobe, 3, SYSCALL(258), RET)
/* clang-format on */

struct text {
#define FUNCTION(name, count, ...) uint32_t name[count];
    FUNCTIONS(FUNCTION)
#undef FUNCTION
};

struct strings {
    char empty[1];
#define FUNCTION(name, count, ...) char name[sizeof "__vdso_" #name];
    FUNCTIONS(FUNCTION)
#undef FUNCTION
    char soname[sizeof "linux-vdso.so.1"];
    char version[sizeof "LINUX_4.15"];
};

enum symbol {
    SYM_NULL,
#define FUNCTION(name, count, ...) SYM_##name,
    FUNCTIONS(FUNCTION)
#undef FUNCTION
    SYMBOLS
};

struct version_def {
    Elf64_Verdef def;
    Elf64_Verdaux aux;
};

#define DYNAMIC_ENTRIES 10

struct riscv64_vdso {
    Elf64_Ehdr header;
    Elf64_Phdr load, dynamic_segment;
    Elf64_Dyn dynamic[DYNAMIC_ENTRIES];
    struct {
        uint32_t nbucket, nchain, bucket[1], chain[SYMBOLS];
    } hash; /* one bucket: every lookup walks all symbols */
    uint32_t pad;
    Elf64_Sym symbol[SYMBOLS];
    struct version_def version[2];
    Elf64_Half symbol_version[ALIGN_UP(SYMBOLS, 4)];
    struct strings strings;
    struct text text __attribute__((aligned(16)));
} __attribute__((aligned(RISCV64_VDSO_BYTES)));

#define AT(member) offsetof(struct riscv64_vdso, member)
#define STRING(member) offsetof(struct strings, member)
_Static_assert(sizeof(struct riscv64_vdso) == RISCV64_VDSO_BYTES, "size");
_Static_assert(AT(text.rt_sigreturn) == RISCV64_VDSO_SIGRETURN, "place of the trampoline");

#define HASH_BASE 0x0deebfa1u    /* ELF hash of "linux-vdso.so.1"; nobody compares it */
#define HASH_VERSION 0x0ae77f75u /* ELF hash of "LINUX_4.15" */

const struct riscv64_vdso riscv64_vdso = {
    .header =
        {
            .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
            .e_type = ET_DYN,
            .e_machine = EM_RISCV,
            .e_version = EV_CURRENT,
            .e_phoff = AT(load),
            .e_flags = EF_RISCV_RVC | EF_RISCV_FLOAT_ABI_DOUBLE,
            .e_ehsize = sizeof(Elf64_Ehdr),
            .e_phentsize = sizeof(Elf64_Phdr),
            .e_phnum = 2,
            .e_shentsize = sizeof(Elf64_Shdr),
        },
    .load = {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = sizeof(struct riscv64_vdso), .p_memsz = sizeof(struct riscv64_vdso), .p_align = GUEST_PAGE_SIZE},
    .dynamic_segment = {.p_type = PT_DYNAMIC, .p_flags = PF_R, .p_offset = AT(dynamic), .p_vaddr = AT(dynamic), .p_paddr = AT(dynamic),
                        .p_filesz = sizeof(Elf64_Dyn) * DYNAMIC_ENTRIES, .p_memsz = sizeof(Elf64_Dyn) * DYNAMIC_ENTRIES, .p_align = 8},
    .dynamic =
        {
            {DT_SONAME, {STRING(soname)}},
            {DT_HASH, {AT(hash)}},
            {DT_STRTAB, {AT(strings)}},
            {DT_SYMTAB, {AT(symbol)}},
            {DT_STRSZ, {sizeof(struct strings)}},
            {DT_SYMENT, {sizeof(Elf64_Sym)}},
            {DT_VERSYM, {AT(symbol_version)}},
            {DT_VERDEF, {AT(version)}},
            {DT_VERDEFNUM, {2}},
            {DT_NULL, {0}},
        },
    .hash =
        {
            .nbucket = 1,
            .nchain = SYMBOLS,
            .bucket = {SYM_NULL + 1},
#define FUNCTION(name, count, ...) [SYM_##name] = (SYM_##name + 1) % SYMBOLS,
            .chain = {FUNCTIONS(FUNCTION)},
#undef FUNCTION
        },
    .symbol =
        {
/* the section index only has to be a defined one */
#define FUNCTION(name, count, ...) \
    [SYM_##name] = {.st_name = STRING(name), .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), .st_shndx = 1, .st_value = AT(text.name), .st_size = 4 * (count)},
            FUNCTIONS(FUNCTION)
#undef FUNCTION
        },
    .version =
        {
            {{.vd_version = VER_DEF_CURRENT, .vd_flags = VER_FLG_BASE, .vd_ndx = 1, .vd_cnt = 1, .vd_hash = HASH_BASE, .vd_aux = sizeof(Elf64_Verdef),
              .vd_next = sizeof(struct version_def)},
             {.vda_name = STRING(soname)}},
            {{.vd_version = VER_DEF_CURRENT, .vd_ndx = 2, .vd_cnt = 1, .vd_hash = HASH_VERSION, .vd_aux = sizeof(Elf64_Verdef)},
             {.vda_name = STRING(version)}},
        },
#define FUNCTION(name, count, ...) [SYM_##name] = 2,
    .symbol_version = {FUNCTIONS(FUNCTION)},
#undef FUNCTION
    .strings =
        {
#define FUNCTION(name, count, ...) .name = "__vdso_" #name,
            FUNCTIONS(FUNCTION)
#undef FUNCTION
            .soname = "linux-vdso.so.1",
            .version = "LINUX_4.15",
        },
    .text =
        {
#define FUNCTION(name, count, ...) .name = {__VA_ARGS__},
            FUNCTIONS(FUNCTION)
#undef FUNCTION
        },
};

/*
 * The initial stack: strings, random bytes, auxiliary vector, envp, argv, argc.
 *
 * Layout as in Linux's fs/exec.c and create_elf_tables (fs/binfmt_elf.c), from high to low addresses:
 *
 *     8 zero bytes | execfn | envp strings | argv strings | gap (random, alignment) | platform | 16 random bytes
 *     | padding | auxv ... AT_NULL | envp[] NULL | argv[] NULL | argc   <- sp, aligned to 16
 */
#include "linux/loader.h"

#include <elf.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <unistd.h>

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

#define AUXV_MAX 32

struct auxv {
    uint64_t pair[AUXV_MAX][2];
    unsigned n;
};

static void aux_add(struct auxv *a, uint64_t key, uint64_t value)
{
    a->pair[a->n][0] = key;
    a->pair[a->n][1] = value;
    a->n++;
}

/* Copies a string below *sp; false if it does not fit above bottom. */
static bool push_string(uint64_t *sp, uint64_t bottom, const char *text)
{
    size_t n = strlen(text) + 1;
    if (n > *sp - bottom)
        return false;
    *sp -= n;
    memcpy(mem_host(*sp), text, n);
    return true;
}

static bool push_strings(uint64_t *sp, uint64_t bottom, char **v, size_t n)
{
    while (n)
        if (!push_string(sp, bottom, v[--n]))
            return false;
    return true;
}

static size_t count(char **v)
{
    size_t n = 0;
    while (v[n])
        n++;
    return n;
}

static void fill_auxv(const struct linux_process *p, struct auxv *a, const struct linux_entry *e, uint64_t random, uint64_t platform, uint64_t execfn)
{
    /* The order is the kernel's. */
    if (p->vdso_addr)
        aux_add(a, AT_SYSINFO_EHDR, p->vdso_addr);
    if (p->abi->min_sigstack)
        aux_add(a, AT_MINSIGSTKSZ, p->abi->min_sigstack);
    aux_add(a, AT_HWCAP, p->abi->hwcap ? p->abi->hwcap(p) : 0);
    aux_add(a, AT_PAGESZ, GUEST_PAGE_SIZE);
    aux_add(a, AT_CLKTCK, (uint64_t)sysconf(_SC_CLK_TCK));
    aux_add(a, AT_PHDR, e->phdr);
    aux_add(a, AT_PHENT, ELF_PHDR_BYTES);
    aux_add(a, AT_PHNUM, e->phnum);
    aux_add(a, AT_BASE, e->base);
    aux_add(a, AT_FLAGS, p->opt.keep_argv0 ? 1 : 0);
    aux_add(a, AT_ENTRY, e->entry);
    aux_add(a, AT_UID, getuid());
    aux_add(a, AT_EUID, geteuid());
    aux_add(a, AT_GID, getgid());
    aux_add(a, AT_EGID, getegid());
    aux_add(a, AT_SECURE, getauxval(AT_SECURE));
    aux_add(a, AT_RANDOM, random);
    aux_add(a, AT_HWCAP2, 0);
    aux_add(a, AT_EXECFN, execfn);
    if (platform)
        aux_add(a, AT_PLATFORM, platform);
    if (e->exec_fd >= 0)
        aux_add(a, AT_EXECFD, (uint64_t)e->exec_fd);
    aux_add(a, AT_NULL, 0);
}

/* Stores the addresses of n consecutive strings from `text` and a NULL; returns the place after it. */
static uint64_t put_pointers(uint64_t at, uint64_t text, size_t n)
{
    uint64_t zero = 0;
    for (size_t i = 0; i < n; i++, at += 8) {
        memcpy(mem_host(at), &text, 8);
        text += strlen(mem_host(text)) + 1;
    }
    memcpy(mem_host(at), &zero, 8);
    return at + 8;
}

uint64_t linux_stack_build(struct linux_process *p, uint64_t top, uint64_t bottom, char **argv, char **envp, const struct linux_entry *e)
{
    size_t argc = count(argv), envc = count(envp);
    uint64_t sp = top - 8, execfn, platform = 0, random;
    unsigned char bytes[16];
    struct auxv a = {.n = 0};

    if (!push_string(&sp, bottom, e->execfn))
        return 0;
    execfn = p->env_end = sp;
    if (!push_strings(&sp, bottom, envp, envc))
        return 0;
    p->arg_end = p->env_start = sp;
    if (!push_strings(&sp, bottom, argv, argc))
        return 0;
    p->arg_start = sp;

    uint64_t fixed = 8192 + 256 + sizeof a.pair, pointers = (argc + envc + 3) * 8;
    if (sp - bottom < fixed || sp - bottom - fixed < pointers)
        return 0;
    sp -= linux_random_pages(13) >> GUEST_PAGE_BITS; /* up to 8 KiB, as arch_align_stack */
    sp &= ~15ull;
    if (p->abi->platform) {
        (void)push_string(&sp, bottom, p->abi->platform);
        platform = sp;
    }
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        memset(bytes, 0x5a, sizeof bytes);
    sp = random = (sp - sizeof bytes) & ~15ull;
    memcpy(mem_host(random), bytes, sizeof bytes);

    fill_auxv(p, &a, e, random, platform, execfn);
    sp = (sp - pointers - a.n * sizeof a.pair[0]) & ~15ull;
    uint64_t at = sp, n = argc;
    memcpy(mem_host(at), &n, 8);
    at = put_pointers(at + 8, p->arg_start, argc);
    at = put_pointers(at, p->env_start, envc);
    memcpy(mem_host(at), a.pair, a.n * sizeof a.pair[0]);
    p->auxv_addr = at;
    p->auxv_bytes = a.n * sizeof a.pair[0];
    p->start_stack = sp;
    return sp;
}

/*
 * Emitted code in tests of a host: memory for it, the stubs at its start, and the relocations that the engine makes elsewhere.
 */
#ifndef BTV_TESTS_HOST_CODE_H
#define BTV_TESTS_HOST_CODE_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "host/host.h"

static uint8_t *code_mem, *at;
static struct host_stubs stubs;
static struct host_config cfg;
static enum host_exit (*enter)(struct cpu *, void *);
static uint64_t return_stack[1024];

/* Stubs for so many pins (0: all) on a host without the features in `avoid`; `at` is where code may go. */
static void init_code(unsigned pins, unsigned avoid)
{
    static uint8_t pin_int[] = {2, 10, 11, 15, 14, 12, 13, 8, 9, 16, 17, 6}, pin_fp[] = {47, 46, 42, 45, 43, 44, 32, 40, 33, 34, 35, 48, 49};
    struct arena a;
    host_config_init(&cfg, &host_x64, pin_int, sizeof pin_int, pin_fp, sizeof pin_fp, pins);
    cfg.features &= ~avoid;
    arena_init(&a, 0);
    if (!code_mem)
        code_mem = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (host_x64.stubs(&a, &cfg, &stubs) != BTV_OK)
        abort();
    memcpy(code_mem, stubs.bytes, stubs.len);
    at = code_mem + ALIGN_UP(stubs.len, 4096u);
    enter = (enum host_exit(*)(struct cpu *, void *))(uintptr_t)(code_mem + stubs.enter);
    arena_free(&a);
    for (unsigned i = 0; i < ARRAY_LEN(return_stack); i++)
        return_stack[i] = i & 1 ? CPU_NO_RETURN : (uint64_t)(uintptr_t)(code_mem + stubs.indirect);
}

/* Code of a translation at `code`, with its links unmade. */
static void place_code(uint8_t *code, const struct host_code *c)
{
    memcpy(code, c->bytes, c->len);
    for (unsigned i = 0; i < c->nreloc; i++) {
        int32_t d = (int32_t)(code_mem + stubs.offset[c->reloc[i].stub] - (code + c->reloc[i].offset + 4));
        memcpy(code + c->reloc[i].offset, &d, 4);
    }
}

/* Where the link leads by which that code was left, or the poll behind it.  An inline cache that is not filled has that pc. */
static uint64_t link_pc(const struct host_code *c, const uint8_t *code, uint64_t name)
{
    uint64_t at_name = name - (uint64_t)(uintptr_t)code, pc = CPU_NO_PC;
    for (unsigned i = 0; i < c->nlinks; i++)
        if (at_name == c->link[i].at || (at_name == c->link[i].at + HOST_POLL_BYTES && pc == CPU_NO_PC))
            pc = c->link[i].pc;
    return pc;
}

#endif

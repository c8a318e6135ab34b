/*
 * The changes that published code sees: links made, inline caches filled, blocks closed.
 *
 *   a link             E8 stub           call EM_STUB_LINK: unmade     E9 block   jmp: made
 *   one that calls     E8 stub           call EM_STUB_LINK_CALL        E8 block   call
 *   an inline cache    48 B9 pc          mov rcx, imm64
 *                      48 39 C8 or so    cmp rax, rcx
 *                      0F 85 rel32       jne: not this pc
 *                      E8 or E9 rel32    a link
 *   the first bytes    ..                any instruction of two bytes or more
 *                      EB F9             jmp to the link right in front
 *
 * Code is executed by other threads while it changes.  Every change is one store that lies within eight aligned bytes, replaces one
 * instruction, or one operand of it, by another of the same place that is no longer, and leaves no other way into it.  So a processor
 * fetches the old instruction or the new one (AMD64 Architecture Programmer's Manual vol. 2, 7.6.1, cross-modifying code).  Both are right until
 * the engine says otherwise: cache_sync.
 */
#include <string.h>

#include "host/x64/em.h"
#include "host/x64/x64_host.h"

enum { CALL_REL32 = 0xe8, JMP_REL32 = 0xe9 };

struct target {
    uint8_t opcode;
    uint32_t to;
};

static struct target read_link(const uint8_t *code, uint32_t link)
{
    struct target t = {.opcode = code[link - X64_LINK_BYTES]};
    int32_t distance;
    memcpy(&distance, code + link - 4, 4);
    t.to = link + (uint32_t)distance;
    return t;
}

/* One store, of the eight aligned bytes around the link. */
static void write_link(uint8_t *code, uint32_t link, struct target t)
{
    uint8_t *start = code + link - X64_LINK_BYTES, *word = (uint8_t *)ALIGN_DOWN((uintptr_t)start, (uintptr_t)8), bytes[8];
    uint32_t distance = t.to - link;
    uint64_t whole;
    memcpy(bytes, word, 8);
    bytes[start - word] = t.opcode;
    memcpy(bytes + (start - word) + 1, &distance, 4);
    memcpy(&whole, bytes, 8);
    __atomic_store_n((uint64_t *)(void *)word, whole, __ATOMIC_RELEASE);
}

static bool is_jump(const struct host_stubs *s, struct target t)
{
    return t.opcode == JMP_REL32 || t.to == s->offset[EM_STUB_LINK];
}

uint32_t x64_link_target(const struct host_stubs *s, const uint8_t *code, uint32_t link)
{
    struct target t = read_link(code, link);
    return t.to != s->offset[EM_STUB_LINK] && t.to != s->offset[EM_STUB_LINK_CALL] ? t.to : 0;
}

void x64_link_make(const struct host_stubs *s, uint8_t *code, uint32_t link, uint32_t to)
{
    bool jump = is_jump(s, read_link(code, link));
    write_link(code, link, (struct target){jump ? JMP_REL32 : CALL_REL32, to});
}

void x64_front_create(const struct host_stubs *s, uint8_t *code, uint32_t link)
{
    write_link(code, link, (struct target){CALL_REL32, s->offset[EM_STUB_LINK]});
}

bool x64_cache_filled(const uint8_t *code, uint32_t cache)
{
    uint64_t pc;
    memcpy(&pc, code + cache - X64_CACHE_PC, 8);
    return pc != CPU_NO_PC;
}

void x64_cache_fill(uint8_t *code, uint32_t cache, uint64_t pc)
{
    __atomic_store_n((uint64_t *)(void *)(code + cache - X64_CACHE_PC), pc, __ATOMIC_RELEASE);
}

void x64_close(uint8_t *code, uint32_t entry)
{
    const uint8_t jump[2] = {0xeb, (uint8_t)(-X64_LINK_BYTES - 2)};
    uint16_t both;
    _Static_assert(HOST_FRONT_BYTES == X64_LINK_BYTES, "the link in front of a block");
    memcpy(&both, jump, 2);
    __atomic_store_n((uint16_t *)(void *)(code + entry), both, __ATOMIC_RELEASE);
}

/* A first instruction of one byte would leave a place between it and the next, where a thread may stand. */
bool x64_can_close(const uint8_t *entry)
{
    bool push_or_pop = (entry[0] & 0xf0) == 0x50, nop = entry[0] == 0x90, cdq = entry[0] == 0x99, ret = entry[0] == 0xc3;
    return !push_or_pop && !nop && !cdq && !ret;
}

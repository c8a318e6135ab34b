/*
 * The changes that published code sees: links made, inline caches filled, blocks closed.
 *
 *   a link             E8 stub           call EM_STUB_LINK, or EM_STUB_LINK_NOTES: unmade     E9 block   jmp: made
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

/*
 * Notes: which of many ways a link takes to the same stub.  Each way is a jump of two bytes to the jump of five behind the WAYS of its run.
 *
 *   EB way   EB way   ...   E9 EM_STUB_LINK   EB way   ...
 */
enum { WAYS = 32, WAY_BYTES = 2, RUN_BYTES = WAYS * WAY_BYTES + 5, JMP_REL8 = 0xeb };
_Static_assert(X64_NOTES % WAYS == 0 && WAYS * WAY_BYTES < 128, "runs of ways");

void x64_put_notes(struct x64_buf *b, size_t link_stub)
{
    if (b->cap - b->len < X64_NOTES / WAYS * RUN_BYTES) {
        b->full = true;
        return;
    }
    for (unsigned run = 0; run < X64_NOTES / WAYS; run++) {
        for (unsigned i = 1; i <= WAYS; i++) {
            b->p[b->len++] = JMP_REL8;
            b->p[b->len++] = (uint8_t)((WAYS - i) * WAY_BYTES);
        }
        x64_jmp(b, link_stub);
    }
}

static uint32_t way_of(const struct host_stubs *s, uint32_t note)
{
    return s->offset[EM_STUB_LINK_NOTES] + note / WAYS * RUN_BYTES + note % WAYS * WAY_BYTES;
}

static bool is_way(const struct host_stubs *s, uint32_t to)
{
    return to - s->offset[EM_STUB_LINK_NOTES] < X64_NOTES / WAYS * RUN_BYTES;
}

static bool is_jump(const struct host_stubs *s, struct target t)
{
    return t.opcode == JMP_REL32 || t.to == s->offset[EM_STUB_LINK] || is_way(s, t.to);
}

uint32_t x64_link_target(const struct host_stubs *s, const uint8_t *code, uint32_t link)
{
    struct target t = read_link(code, link);
    return t.to != s->offset[EM_STUB_LINK] && t.to != s->offset[EM_STUB_LINK_CALL] && !is_way(s, t.to) ? t.to : 0;
}

bool x64_link_note(const struct host_stubs *s, uint8_t *code, uint32_t link, int64_t note)
{
    if (note < -(X64_NOTES / 2) || note >= X64_NOTES / 2 || read_link(code, link).to != s->offset[EM_STUB_LINK])
        return false;
    write_link(code, link, (struct target){CALL_REL32, way_of(s, (uint32_t)(note + X64_NOTES / 2))});
    return true;
}

bool x64_link_noted(const struct host_stubs *s, const uint8_t *code, uint32_t link, int64_t *note)
{
    uint32_t to = read_link(code, link).to, way = to - s->offset[EM_STUB_LINK_NOTES];
    if (!is_way(s, to))
        return false;
    *note = (int64_t)(way / RUN_BYTES * WAYS + way % RUN_BYTES / WAY_BYTES) - X64_NOTES / 2;
    return true;
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
    _Static_assert(HOST_FRONT_BYTES == X64_LINK_BYTES && HOST_CLOSE_BYTES == sizeof both, "the link in front of a block, and a jump to it");
    memcpy(&both, jump, 2);
    __atomic_store_n((uint16_t *)(void *)(code + entry), both, __ATOMIC_RELEASE);
}

/* A first instruction of one byte would leave a place between it and the next, where a thread may stand. */
bool x64_can_close(const uint8_t *entry)
{
    bool push_or_pop = (entry[0] & 0xf0) == 0x50, nop = entry[0] == 0x90, cdq = entry[0] == 0x99, ret = entry[0] == 0xc3;
    return !push_or_pop && !nop && !cdq && !ret;
}

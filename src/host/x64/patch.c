/*
 * The changes that published code sees: links made, inline caches filled, blocks closed.
 *
 *   a link             E8 stub           call EM_STUB_LINK, or EM_STUB_LINK_NOTES: unmade     E9 block   jmp: made
 *   one that calls     E8 stub           call EM_STUB_LINK_CALL        E8 block   call
 *   a conditional jump 0F 8x rel32      jcc to a link of its own, EM_STUB_LINK_BRANCH; to where that leads, once it is made
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

/* One store, of the eight aligned bytes around the place. */
static void write_bytes(uint8_t *place, const uint8_t *bytes, unsigned n)
{
    uint8_t *word = (uint8_t *)ALIGN_DOWN((uintptr_t)place, (uintptr_t)8);
    uint64_t whole;
    memcpy(&whole, word, 8);
    memcpy((uint8_t *)&whole + (place - word), bytes, n);
    __atomic_store_n((uint64_t *)(void *)word, whole, __ATOMIC_RELEASE);
}

static void write_link(uint8_t *code, uint32_t link, struct target t)
{
    uint8_t bytes[X64_LINK_BYTES] = {t.opcode};
    memcpy(bytes + 1, &(uint32_t){t.to - link}, 4);
    write_bytes(code + link - X64_LINK_BYTES, bytes, X64_LINK_BYTES);
}

static void write_distance(uint8_t *code, uint32_t behind, uint32_t to)
{
    uint8_t bytes[4];
    memcpy(bytes, &(uint32_t){to - behind}, 4);
    write_bytes(code + behind - 4, bytes, 4);
}

/*
 * Notes: which of many ways a link takes to the same stub; those of conditional jumps come last.  Each way is a jump of two bytes to the jump of five behind the WAYS of its run.
 *
 *   EB way   EB way   ...   E9 EM_STUB_LINK   EB way   ...
 */
enum { ALL_NOTES = 2 * X64_NOTES, WAYS = 32, WAY_BYTES = 2, RUN_BYTES = WAYS * WAY_BYTES + 5, JMP_REL8 = 0xeb };
_Static_assert(X64_NOTES % WAYS == 0 && WAYS * WAY_BYTES < 128, "runs of ways");

void x64_put_notes(struct x64_buf *b, size_t link_stub)
{
    if (b->cap - b->len < ALL_NOTES / WAYS * RUN_BYTES) {
        b->full = true;
        return;
    }
    for (unsigned run = 0; run < ALL_NOTES / WAYS; run++) {
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

/* The note, from 0 on, or ALL_NOTES: it is no way. */
static uint32_t note_of(const struct host_stubs *s, uint32_t to)
{
    uint32_t way = to - s->offset[EM_STUB_LINK_NOTES];
    return way < ALL_NOTES / WAYS * RUN_BYTES ? way / RUN_BYTES * WAYS + way % RUN_BYTES / WAY_BYTES : ALL_NOTES;
}

static bool is_plain(const struct host_stubs *s, struct target t)
{
    return t.opcode == CALL_REL32 && (t.to == s->offset[EM_STUB_LINK] || note_of(s, t.to) < X64_NOTES);
}

static bool is_branch(const struct host_stubs *s, struct target t)
{
    uint32_t note = note_of(s, t.to);
    return t.opcode == CALL_REL32 && (t.to == s->offset[EM_STUB_LINK_BRANCH] || (note >= X64_NOTES && note < ALL_NOTES));
}

uint32_t x64_link_target(const struct host_stubs *s, const uint8_t *code, uint32_t link)
{
    struct target t = read_link(code, link);
    return !is_plain(s, t) && !is_branch(s, t) && t.to != s->offset[EM_STUB_LINK_CALL] ? t.to : 0;
}

bool x64_link_note(const struct host_stubs *s, uint8_t *code, uint32_t link, int64_t note)
{
    struct target t = read_link(code, link);
    bool branch = is_branch(s, t);
    if (note < -(X64_NOTES / 2) || note >= X64_NOTES / 2 || (!branch && !is_plain(s, t)))
        return false;
    write_link(code, link, (struct target){CALL_REL32, way_of(s, (uint32_t)(note + X64_NOTES / 2) + (branch ? X64_NOTES : 0))});
    return true;
}

bool x64_link_noted(const struct host_stubs *s, const uint8_t *code, uint32_t link, int64_t *note)
{
    uint32_t note_found = note_of(s, read_link(code, link).to);
    *note = (int64_t)(note_found % X64_NOTES) - X64_NOTES / 2;
    return note_found < ALL_NOTES;
}

/*
 * Behind the conditional jump in code from `block` on that leads to `place`, or 0.  There is one.  Bytes of something else may look the same; then there are
 * two, and nobody can tell which is which.
 */
static uint32_t find_branch(const uint8_t *code, uint32_t block, uint32_t place)
{
    enum { BYTES = 6, ESCAPE = 0x0f, JCC = 0x80 };
    uint32_t found = 0;
    for (uint32_t at = block; at + BYTES <= place; at++) {
        const uint8_t *p = memchr(code + at, ESCAPE, place - at - (BYTES - 1));
        if (!p)
            break;
        at = (uint32_t)(p - code);
        if ((p[1] & 0xf0) != JCC || read_link(code, at + BYTES).to != place)
            continue;
        if (found)
            return 0;
        found = at + BYTES;
    }
    return found;
}

/* A link that a conditional jump leads to is made for who is on the way to it; the jump leads to its target from now on. */
void x64_link_make(const struct host_stubs *s, uint8_t *code, uint32_t block, uint32_t link, uint32_t to)
{
    struct target t = read_link(code, link);
    bool branch = is_branch(s, t);
    write_link(code, link, (struct target){branch || is_plain(s, t) || t.opcode == JMP_REL32 ? JMP_REL32 : CALL_REL32, to});
    uint32_t jump = branch ? find_branch(code, block, link - X64_LINK_BYTES) : 0;
    if (jump && (jump - 4) % 8 <= 4)
        write_distance(code, jump, to);
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

/* Bytes of something else may look like a cache: it is worth a guess, no more. */
uint32_t x64_cache_find(const uint8_t *code, uint32_t start, uint32_t end, uint64_t *pc)
{
    static const uint8_t opcode[X64_CACHE_OPCODE_BYTES] = {0x48, 0xb9}, compare[] = {0x48, 0x3b, 0xc1, 0x0f, 0x85};
    for (uint32_t at = ALIGN_UP(start + X64_CACHE_OPCODE_BYTES, 8u); at + X64_CACHE_PC <= end; at += 8) {
        if (memcmp(code + at - X64_CACHE_OPCODE_BYTES, opcode, sizeof opcode) || memcmp(code + at + 8, compare, sizeof compare))
            continue;
        memcpy(pc, code + at, 8);
        return at + X64_CACHE_PC;
    }
    return 0;
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

/*
 * Code memory: where it comes from, appending to it, and who may change it.
 *
 * It is anonymous shared memory seen twice, writable at `write` and executable at `code` (mremap(2): an old size of 0 makes a second
 * mapping of the same pages).  No descriptor is needed, now or later.  After a fork, parent and child see the same memory, and neither
 * may change what both execute.  Whoever has to (a block dies), or has wanted to often enough (links), takes a copy of a piece of
 * PIECE_BYTES for itself: one exchange of mappings, which threads that are executing there do not notice.
 */
#include <errno.h>
#include <string.h>
#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/chaos.h"
#include "run/run.h"

/*
 * What a processor has fetched already it may still execute although the change was made before whatever it sees its thread do next
 * (Intel SDM vol. 3, 9.1.3).  The kernel has all processors that run threads of this process execute a serializing instruction.  Where it cannot,
 * processors are as they are known to be: they throw away what they have fetched from a line of the cache when that is written to.
 */
void code_sync(void)
{
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0) && errno == EPERM &&
        !syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0))
        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
}

/* A copy takes some 20 us; leaving through a link that is not made, 0.2. */
#define READY_BYTES 32768

enum { PIECE_OWN = 255, PIECE_WISHES = 100 };

enum btv_status code_new(struct engine *e, uint64_t from, struct btv_error *err)
{
    from = ALIGN_UP(from, (uint64_t)GUEST_PAGE_SIZE);
    if (from >= e->code_cap)
        return BTV_LIMIT;
    size_t len = e->code_cap - from;
    if (chaos_alloc_fails(CHAOS_OPTIONAL) ||
        mmap(e->write + from, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED ||
        mremap(e->write + from, 0, len, MREMAP_MAYMOVE | MREMAP_FIXED, e->code + from) == MAP_FAILED || mprotect(e->code + from, len, PROT_READ | PROT_EXEC))
        return err_host(err, errno, "code cache: cannot map %llu bytes of executable memory", (unsigned long long)len);
    if (!from)
        memset(e->piece, PIECE_OWN, (size_t)(e->code_cap / CODE_PIECE_BYTES));
    e->own = true;
    e->written_from = e->code_used = e->ready = from;
    return BTV_OK;
}

enum btv_status code_own(struct engine *e, struct btv_error *err)
{
    return e->own ? BTV_OK : code_new(e, e->code_used, err);
}

/* Wishes for pieces that have been shared all the time count on: who forks often, too, gets its links sometime. */
void code_share(struct engine *e)
{
    for (uint64_t k = 0; k * CODE_PIECE_BYTES < e->code_used; k++)
        if (e->piece[k] == PIECE_OWN)
            e->piece[k] = 0;
}

void code_disown(struct engine *e)
{
    mmap(e->write, e->code_cap, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    e->own = false;
}

/*
 * The copy is made where it will be written to, and replaces what is executed in one step.  If that fails half-way, the two views differ: then
 * this memory is not to be appended to any more (own), and the piece remains one that nobody changes.
 */
static bool own_piece(struct engine *e, uint64_t k)
{
    uint64_t from = k * CODE_PIECE_BYTES, used = e->code_used > from ? e->code_used - from : 0;
    uint8_t *write = e->write + from, *code = e->code + from;
    if (chaos_alloc_fails(CHAOS_OPTIONAL))
        return false;
    if (mmap(write, CODE_PIECE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED) {
        e->own = false;
        return false;
    }
    memcpy(write, code, used < CODE_PIECE_BYTES ? (size_t)used : CODE_PIECE_BYTES);
    if (mprotect(write, CODE_PIECE_BYTES, PROT_READ | PROT_EXEC) ||
        mremap(write, 0, CODE_PIECE_BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, code) == MAP_FAILED || mprotect(write, CODE_PIECE_BYTES, PROT_READ | PROT_WRITE)) {
        e->own = false;
        return false;
    }
    e->piece[k] = PIECE_OWN;
    e->stats.pieces_copied++;
    return true;
}

bool code_take(struct engine *e, uint32_t offset)
{
    uint64_t k = offset / CODE_PIECE_BYTES;
    return BTV_LIKELY(e->piece[k] == PIECE_OWN) || own_piece(e, k);
}

bool code_wish(struct engine *e, uint32_t offset)
{
    uint8_t *wishes = &e->piece[offset / CODE_PIECE_BYTES];
    if (BTV_LIKELY(*wishes == PIECE_OWN))
        return true;
    if (++*wishes < PIECE_WISHES)
        return false;
    *wishes = 0;
    return code_take(e, offset);
}

void code_append(struct engine *e, uint64_t start, const void *bytes, uint64_t len)
{
    if (start + len > e->ready) { /* several pages by one call, and by one fault where they are executed; without it (before Linux 5.14) by a fault each */
        uint64_t to = ALIGN_UP(start + len, (uint64_t)READY_BYTES);
        to = to < e->code_cap ? to : e->code_cap;
        madvise(e->write + e->ready, to - e->ready, MADV_POPULATE_WRITE);
        e->ready = to;
    }
    memcpy(e->write + start, bytes, len);
    e->code_used = start + len;
    /* what was written long ago need not be mapped twice: it would count twice in the resident set */
    uint64_t done = ALIGN_DOWN(start, (uint64_t)GUEST_PAGE_SIZE);
    if (done - e->written_from >= (uint64_t)e->tune.window_kib << 10) {
        madvise(e->write, done, MADV_DONTNEED);
        e->written_from = done;
    }
}

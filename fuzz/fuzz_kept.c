/*
 * Fuzz target: kept translations.  The hash that keeps damage out is put right first, so that all behind it is reached: whatever is accepted lies within
 * what was given, and is within what a translation can be.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "run/kept.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct guest_lift g;
    struct host_code code;
    struct arena a;
    uint32_t at, n, stated;
    if (size < 16 || size > 1 << 20)
        return 0;
    uint8_t *kept = malloc(size); /* exactly, for the sanitizer */
    if (!kept)
        return 0;
    memcpy(kept, data, size);
    memcpy(&stated, kept + 8, 4);
    if (stated >= 16 && stated <= size) {
        uint64_t hash = hash_bytes(kept + 8, stated - 8, 0);
        memcpy(kept, &hash, 8);
    }
    n = kept_check(kept, size, &at);
    require(n <= size);
    arena_init(&a, 0);
    const uint64_t base[] = {KEPT_LOW, 0x7f1234567000, 0x10000};
    for (unsigned i = 0; n && i < ARRAY_LEN(base); i++)
        if (kept_unpack(&a, kept, base[i], &g, &code) == BTV_OK) {
            require(g.pc == base[i] + at && g.insns && g.insns <= GUEST_MAX_INSNS && g.nranges <= GUEST_MAX_RANGES && g.nbytes <= GUEST_MAX_BYTES);
            require(code.len <= n && code.nlinks <= HOST_MAX_LINKS);
            for (unsigned k = 0; k < code.nreloc; k++)
                require(code.reloc[k].offset + 4 <= code.len && code.reloc[k].stub < HOST_MAX_STUBS);
        }
    arena_free(&a);
    free(kept);
    return 0;
}

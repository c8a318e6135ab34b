/*
 * Fuzz target: the binary form.  What is read has been verified: it prints, evaluates within bounds, and is written
 * and read again as the same bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz_ir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct btv_error err = {0};
    struct ir_module m;
    arena_init(&a, 0);
    if (ir_read(&a, NULL, data, size, &m, &err) != BTV_OK) {
        fuzz_require(err.text[0] != 0);
    } else {
        struct str text = STR_INIT;
        fuzz_print(&text, &m);
        str_free(&text);
        fuzz_require(fuzz_all_verify(&m));
        fuzz_use(&a, &m);
    }
    arena_free(&a);
    return 0;
}

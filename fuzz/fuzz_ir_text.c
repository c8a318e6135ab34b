/*
 * Fuzz target: the text form.  What parses prints; what is printed parses and prints the same; what also verifies
 * survives the binary form and an evaluation of bounded length.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz_ir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct btv_error err = {0};
    struct ir_module m, again;
    struct str text = STR_INIT, text2 = STR_INIT;
    arena_init(&a, 0);
    if (ir_parse(&a, NULL, (const char *)data, size, &m, &err) != BTV_OK) {
        fuzz_require(err.text[0] != 0);
    } else {
        fuzz_print(&text, &m);
        struct btv_error err2 = {0};
        enum btv_status st = ir_parse(&a, NULL, str_get(&text), text.len, &again, &err2);
        fuzz_require(st == BTV_OK || strstr(err2.text, "too large"));
        if (st == BTV_OK) {
            fuzz_print(&text2, &again);
            fuzz_require(text.len == text2.len && memcmp(str_get(&text), str_get(&text2), text.len) == 0);
        }
        if (fuzz_all_verify(&m))
            fuzz_use(&a, &m);
    }
    str_free(&text);
    str_free(&text2);
    arena_free(&a);
    return 0;
}

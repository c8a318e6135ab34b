/*
 * Reads text of the intermediate format from standard input; succeeds if it parses, verifies and prints as it was.
 */
#include <stdio.h>
#include <string.h>

#include "ir/ir.h"

int main(void)
{
    static char text[1 << 20];
    size_t len = fread(text, 1, sizeof text - 1, stdin);
    struct arena a;
    struct btv_error err = {0};
    struct ir_module m;
    struct str s = STR_INIT;
    arena_init(&a, 0);
    enum btv_status st = ir_parse(&a, NULL, text, len, &m, &err);
    for (unsigned k = 0; st == BTV_OK && k < m.nfuncs; k++) {
        st = ir_verify(m.func[k], &err);
        ir_print(&s, m.func[k]);
    }
    if (st != BTV_OK)
        fprintf(stderr, "%s\n", err.text);
    else if (s.len != len || memcmp(str_get(&s), text, len) != 0)
        fprintf(stderr, "prints differently:\n%s", str_get(&s));
    else
        len = 0;
    str_free(&s);
    arena_free(&a);
    return len != 0;
}

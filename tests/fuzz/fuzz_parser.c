/* Any bytes, in any mode, are a tree or an error; a tree can be walked, an error shown.
 *
 *     tests/fuzz/run fuzz_parser 300 */
#include "lang/parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0) return 0;
    arena a = {0};
    strbuf b = {0};
    syntax_error why;
    ast *x = parse(&a, (const char *)data + 1, n - 1, "fuzz.dsk", data[0] % 3, &why);
    if (x) {
        ast_dump(&b, x, true);
    } else {
        if (why.kind == NO_ERR || !why.msg) __builtin_trap();
        syntax_error_show(&b, &why);
    }
    sb_clear(&b);
    arena_clear(&a);
    return 0;
}

/* engine/expr/kinds.c - block operations by name. */
#include "engine/expr/kinds.h"

#include <string.h>

const fn_kind *expr_fn_kind(const char *name, uint32_t version)
{
#define X_FILE(f) f##_kinds,
    const fn_kind *const *const all[] = {FILES_WITH_KINDS(X_FILE)};
#undef X_FILE
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        for (const fn_kind *const *k = all[i]; *k; k++)
            if (strcmp((*k)->name, name) == 0 && (*k)->version == version) return *k;
    }
    return NULL;
}

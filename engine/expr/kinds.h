/* engine/expr/kinds.h - the kinds of block operations there are, for readers of bytes. */
#pragma once

#include "engine/graph/fn.h"

/* NULL: there is no such operation. */
const fn_kind *expr_fn_kind(const char *name, uint32_t version);

/* Each file's own; they end with NULL. */
// clang-format off
#define FILES_WITH_KINDS(X) \
    X(argops) \
    X(reduceops) \
    X(array) \
    X(blockops) \
    X(contract) \
    X(lazy) \
    X(moveops) \
    X(overlap) \
    X(random) \
    X(scan) \
    X(scan_groups) \
    X(setitem) \
    X(several) \
    X(source) \
    X(unique) \
    X(unique_inverse) \
    X(vindex)
// clang-format on
#define X_FILE(f) extern const fn_kind *const f##_kinds[];
FILES_WITH_KINDS(X_FILE)
#undef X_FILE

/* tests/unit/file_source.h - a source over a block that reads new blocks, as a file does. */
#pragma once

#include "engine/expr/expr.h"
#include "engine/kernels/ops.h"

typedef struct file_source {
    source base;
    nd *x;
} file_source;

static nd *file_read(const source *s, const int64_t *start, const int64_t *count, err *e)
{
    source *of = source_nd(((const file_source *)s)->x);
    nd *view = of->kind->read(of, start, count, e), *out = nd_copy(view, e);
    datum_unref(view);
    datum_unref(of);
    return out;
}

static void file_drop(source *s)
{
    datum_unref(((file_source *)s)->x);
}

static bool file_read_into(const source *s, const int64_t *start, const int64_t *count,
                           const nd *out, err *e)
{
    nd *x = file_read(s, start, count, e);
    if (x) nd_copy_into((nd *)(uintptr_t)out, x);
    datum_unref(x);
    return x != NULL;
}

static const source_kind file_kind = {.name = "file",
                                      .read = file_read,
                                      .read_into = file_read_into,
                                      .drop = file_drop,
                                      .divisible = true};

/* engine/expr/parts.h - inputs that may lie elsewhere, for operations that read them in parts. */
#pragma once

#include "engine/graph/fn.h"
#include "engine/kernels/ops.h"

/* Type and shape of an array that is here or elsewhere; NULL: it is no array. */
static inline const nd *part_outline(const datum *d)
{
    return d && d->kind->fetch_part ? (const nd *)d : as_nd(d);
}

/* Elements from .. from + n of an array of one dimension; owned. */
static inline nd *part_fetch(const datum *d, int64_t from, int64_t n, err *e)
{
    if (d->kind->fetch_part) return as_nd(d->kind->fetch_part(d, &from, &n, e));
    return nd_slice(as_nd(d), 0, from, n, 1);
}

/* All of it; owned, NULL when it is no array or cannot be read. */
static inline nd *part_whole(const datum *d, err *e)
{
    if (d->kind->fetch) return as_nd(d->kind->fetch(d, e));
    return as_nd(d) ? nd_ref(as_nd(d)) : NULL;
}

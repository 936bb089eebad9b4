/* engine/kernels/scan.h - accumulate, reduceat, outer and at: the methods of binary ufuncs. */
#pragma once

#include "engine/kernels/ufunc.h"

typedef struct scan { /* a row of scan.def: cumsum cumprod nancumsum nancumprod */
    const char *name, *doc;
    enum ufunc_id fold;
    bool skip_nan;
} scan;
enum scan_id {
#define SCAN(name, fold, skip_nan, doc) S_##name,
#include "engine/kernels/scan.def"
#undef SCAN
    NSCAN
};
extern const scan scans[NSCAN];
const scan *scan_find(const char *name);

/* Axis in [0, ndim).  `want` DT_none: NumPy's choice (small ints widen for add and multiply).
 * flags (may be NULL) collects fp_flags. */
nd *nd_scan(const scan *s, const nd *x, int axis, dtype_of want, unsigned *flags, err *e);
nd *nd_accumulate(const ufunc *f, const nd *x, int axis, dtype_of want, unsigned *flags, err *e);
/* Of n blocks of one type that follow one another along the axis, none empty there: what the scan
 * of each ends with, n values along the axis (in C order).  t is the type of the scan. */
nd *nd_scan_last(const scan *s, int n, const nd *const *x, int axis, dtype_of t, err *e);
/* The scan of each of those blocks, combined with what came before it: out[b] = fold(carry[b],
 * scan(x[b])), carry[b] being the b-th value along the axis; `first`: nothing came before block 0.
 * out[b] may offer a block to be written (borrowed, x[b] itself for one); afterwards it is owned.
 */
bool nd_scan_join(const scan *s, int n, const nd *const *x, int axis, dtype_of t, const nd *carry,
                  bool first, nd **out, err *e);
nd *nd_reduceat(const ufunc *f, const nd *x, const nd *indices, int axis, dtype_of want,
                unsigned *flags, err *e);
nd *nd_outer(const ufunc *f, const nd *x, const nd *y, dtype_of want, unsigned *flags, err *e);
/* target[index] = f(target[index], y) unbuffered; y NULL for unary f.  index: as nd_index. */
struct index_item;
bool nd_at(const ufunc *f, nd *target, const struct index_item *items, int n, const nd *y, err *e);

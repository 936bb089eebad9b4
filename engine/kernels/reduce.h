/* engine/kernels/reduce.h - reductions over axes, in NumPy's order of additions.
 *
 * Every row of reduce.def works on any strides and axes; the bits of a floating sum are NumPy's
 * (its iterator's axis order, pairwise inner runs, buffered blocks of 8192 when casting). */
#pragma once

#include "engine/kernels/ufunc.h"

typedef struct reduction reduction;

/* Warnings a reduction may ask the caller to print, beside fp_flags: the text is NumPy's. */
enum reduce_warnings {
    WARN_MEAN_EMPTY = 16,     /* "Mean of empty slice." */
    WARN_DDOF = 32,           /* "Degrees of freedom <= 0 for slice" */
    WARN_ALL_NAN = 64,        /* "All-NaN slice encountered"; nanmean etc: "Mean of empty slice" */
    WARN_NANMEAN_EMPTY = 128, /* "Mean of empty slice" (no full stop: nanmean) */
    WARN_NANDDOF = 256,       /* "Degrees of freedom <= 0 for slice." (full stop: nanvar) */
};
const char *reduce_warning_text(unsigned flag);

typedef struct reduce_opts {
    const nd *initial; /* 0-d start value, or NULL */
    const nd *where;   /* bool mask that broadcasts to x, or NULL */
    double ddof;       /* var, std */
    nd *out;           /* target, or NULL */
    unsigned flags;    /* out: fp_flags | reduce_warnings */
} reduce_opts;

struct reduction {
    const char *name, *doc;
    nd *(*run)(const reduction *r, const nd *x, uint32_t axes, bool keepdims, dtype_of want,
               reduce_opts *o, err *e);
    bool (*resolve)(const reduction *r, dtype_of in, dtype_of want, dtype_of *out, err *e);
    const ufunc *fold; /* what it folds with: see reduce.def */
};

enum reduction_id {
#define REDUCE(name, ...) R_##name,
#include "engine/kernels/reduce.def"
#undef REDUCE
    NREDUCE
};
extern const reduction reductions[NREDUCE];
const reduction *reduction_find(const char *name);

enum { ALL_AXES = 0x7fffffff }; /* axis=None, whatever ndim; bits beyond ndim are ignored */
static inline uint32_t axis_bit(int axis)
{
    return (uint32_t)1 << axis;
}
/* axis in [-ndim, ndim) -> [0, ndim); AxisError otherwise, in NumPy's words. */
bool check_axis(int64_t axis, int ndim, int *out, err *e);

/* dtype of the result without data */
bool reduce_resolve(const reduction *r, dtype_of in, dtype_of want, dtype_of *out, err *e);
/* o may be NULL. */
nd *nd_reduce(const reduction *r, const nd *x, uint32_t axes, bool keepdims, dtype_of want,
              reduce_opts *o, err *e);
/* ufunc.reduce for any binary ufunc (ValueError where NumPy has no identity for an empty axis). */
nd *nd_ufunc_reduce(const ufunc *f, const nd *x, uint32_t axes, bool keepdims, dtype_of want,
                    reduce_opts *o, err *e);

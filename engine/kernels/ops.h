/* engine/kernels/ops.h - moving and joining blocks: cast, copy, fill, concatenate, repeat, make.
 *
 * Results are fresh blocks owned by the caller unless a comment says view.  A `target` is a block
 * that the caller alone may write (its storage is not shared). */
#pragma once

#include "engine/data/nd.h"

/* t; text of unknown length ('U', 'S') as long as elements of the type `from` may need */
dtype_of cast_sized(dtype_of t, dtype_of from, err *e);
/* x as type t: x itself (counted) when it has that type already; else a copy in memory order 'K'.
 * casting as in dtype_can_cast; TypeError "Cannot cast array data from dtype('float64') to
 * dtype('int64') according to the rule 'safe'".  Text that does not parse: ValueError. */
nd *nd_cast(const nd *x, dtype_of t, char casting, err *e);
/* order: 'C', 'F', 'K'eep, 'A'ny; always a fresh block */
nd *nd_copy_order(const nd *x, char order, err *e);
nd *nd_new_order(dtype_of t, int ndim, const int64_t *shape, char order, err *e); /* 'C' or 'F' */
/* Uninitialised, shape and axis order of x ('K'), type t. Object blocks inherit x's cell_ops. */
nd *nd_new_like(const nd *x, dtype_of t, err *e);
/* The same for the n blocks together, of a shape with as many axes: what they are joined into. */
nd *nd_new_as(int n, const nd *const *x, dtype_of t, const int64_t *shape, err *e);
/* target[...] = value: broadcasts (ValueError in NumPy's words), casts, respects where (or NULL);
 * overlapping memory is handled. */
bool nd_assign(nd *target, const nd *value, char casting, const nd *where, err *e);
bool nd_assign_cells(nd *target, const nd *value, const nd *mask); /* objects, same shapes */
nd *nd_full(dtype_of t, int ndim, const int64_t *shape, const nd *value, err *e);
/* numpy.around; whole numbers come back as they are (counted) unless decimals < 0 */
nd *nd_round(const nd *x, int64_t decimals, err *e);
bool nd_overlaps(const nd *a, const nd *b); /* may share memory (by bounds) */
/* Every pair of elements equal in bytes, after the same dtype and shape (NaN equals NaN). */
bool nd_same(const nd *a, const nd *b);

/* views */
nd *nd_squeeze(const nd *x, uint32_t axes); /* drops the given axes of length 1 */
nd *nd_expand(const nd *x, int axis);       /* a new axis of length 1 */
nd *nd_flip(const nd *x, uint32_t axes);
nd *nd_slice(const nd *x, int axis, int64_t start, int64_t count, int64_t step);
nd *nd_diagonal(const nd *x, int64_t offset, int axis1, int axis2, err *e);
nd *nd_real(const nd *x), *nd_imag(const nd *x, err *e); /* imag of a real block: zeros, a copy */
nd *nd_field(const nd *x, ptrdiff_t offset, dtype_of t); /* a view with another element type */
/* ndarray.view(dtype): reinterprets bytes; ValueError in NumPy's words */
nd *nd_as_type(const nd *x, dtype_of t, err *e);
nd *nd_ravel(const nd *x, char order, err *e); /* contiguous; a view where x is */
nd *nd_reshape_order(const nd *x, int ndim, const int64_t *shape, char order, err *e);

/* Axis in [0, ndim); type: promoted unless want.dt != DT_none; ValueError in NumPy's words. */
nd *nd_concat(int n, const nd *const *x, int axis, dtype_of want, err *e);
nd *nd_stack(int n, const nd *const *x, int axis, err *e);
/* counts: 0-d or 1-d int64 */
nd *nd_repeat(const nd *x, const nd *counts, int axis, err *e);
nd *nd_tile(const nd *x, int n, const int64_t *reps, err *e);
nd *nd_roll(const nd *x, int64_t shift, int axis, err *e);
nd *nd_where(const nd *cond, const nd *x, const nd *y, err *e);
nd *nd_tri(const nd *x, int64_t k, bool upper, err *e); /* triu / tril of the last two axes */
nd *nd_diag(const nd *x, int64_t k, err *e);            /* 1-d -> matrix, 2-d -> diagonal copy */
nd *nd_eye(int64_t rows, int64_t cols, int64_t k, dtype_of t, err *e);
/* numpy.arange's fill: start, start + step, then start + i * (second - start), in type t.
 * start and second: elements of type t. */
nd *nd_arange(dtype_of t, const void *start, const void *second, int64_t n, err *e);
/* numpy.linspace of two float64: n points, step in *step */
nd *nd_linspace(double start, double stop, int64_t n, bool endpoint, double *step, err *e);
/* Elements [first, first + n) of those two into `out`: NumPy computes element i from i alone. */
bool arange_fill(dtype_of t, const void *start, const void *second, int64_t first, int64_t n,
                 void *out, err *e);
void linspace_fill(double start, double stop, int64_t num, bool endpoint, int64_t first, int64_t n,
                   double *out);

/* eight truth values of the last axis in a byte, the first in the high bit if `big`; x has axes */
nd *nd_packbits(const nd *x, bool big, err *e);
nd *nd_unpackbits(const nd *x, int64_t count, bool big, err *e); /* uint8; zeros past the end */
/* Element i of choice[which[i]], broadcast; the choices are of one type.  mode as nd_take's. */
nd *nd_choose(const nd *which, int n, const nd *const *choice, char mode, err *e);
/* The line through (xp, fp) at x: xp ascending float64, fp float64 or complex128, both 1-d with a
 * point at least; left and right (real, imaginary): beyond the ends. */
nd *nd_interp(const nd *x, const nd *xp, const nd *fp, const double *left, const double *right,
              err *e);

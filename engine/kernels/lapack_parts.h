/* engine/kernels/lapack_parts.h - what lapack.c and lapack_eig.c share: types, stacks, layouts. */
#pragma once

#include "engine/kernels/blas.h"
#include "engine/kernels/linalg.h"
#include "engine/kernels/room.h"

typedef struct kind { /* what the names begin with, and the types of elements and of their parts */
    char letter;
    dtype_of t, real;
    bool is_complex;
} kind;

/* NumPy's linalg computes single precision in double and rounds its results: kind_is_single asks,
 * kind_widen widens, kind_narrow rounds *x (NULL stays). */
bool kind_is_single(const nd *a, const nd *b);
nd *kind_widen(const nd *a, err *e);
bool kind_narrow(nd **x, err *e);

/* of a and b (may be NULL) together; TypeError for what linalg does not take */
bool kind_of(const nd *a, const nd *b, kind *k, err *e);
/* "gesv_" -> dgesv_; NotImplementedError when LAPACK is not there */
lapack_function lapack_named(const kind *k, const char *name, err *e);
bool check_2d(const nd *a, err *e);
bool check_square(const nd *a, err *e);
bool all_finite(const nd *a, err *e);
static inline int64_t rows_of(const nd *a)
{
    return nd_shape(a)[a->ndim - 2];
}
static inline int64_t cols_of(const nd *a)
{
    return nd_shape(a)[a->ndim - 1];
}
static inline int max_int(int a, int b)
{
    return a > b ? a : b;
}

/* the leading axes of a, then `extra` more extents (m, n) */
nd *stack_new(const nd *a, dtype_of t, int extra, int64_t m, int64_t n, err *e);
int64_t stack_count(const nd *a);
double stack_work(const nd *a); /* multiplications of one factorisation of each, about */
/* matrix i of a C contiguous stack, as the address of its first element */
static inline char *nth(const nd *x, int64_t i, int64_t elements)
{
    return x->at + i * elements * x->size;
}
/* m x n row-major <-> column-major with leading dimension ld */
void to_columns(char *to, int64_t ld, const char *from, int64_t m, int64_t n, size_t size);
void to_rows(char *to, const char *from, int64_t ld, int64_t m, int64_t n, size_t size);
nd *prepared(const nd *a, dtype_of t, err *e); /* in type t, C contiguous */
/* Denormal numbers, which cost a hundred times as much as others, count as zero on this thread from
 * here to flush_end(what it answered).  For matrices whose own size is far from theirs. */
unsigned flush_begin(bool may);
void flush_end(unsigned before);
/* Is the largest element of these doubles far above the least that a double holds? */
bool far_from_denormal(const void *x, size_t n);
/* the optimal workspace that a query left in w */
int work_size(const kind *k, const void *w);
void set_identity(const kind *k, char *at, int64_t n);
void put_number(dtype_of t, char *at, double re, double im);

/* engine/kernels/multiply.h - the product of two matrices, which dot, matmul and tensordot end in.
 */
#pragma once

#include "engine/base/err.h"
#include "engine/data/dtype.h"
#include "engine/kernels/blas.h"
#include "engine/kernels/skinny.h"

/* c = a @ b, all of type t; c has no gaps, and any content before.  mat_has_product of t. */
bool mat_multiply(dtype_of t, mat c, mat a, mat b, err *e);
bool mat_has_product(enum dtype d);
/* Does a product along that depth, with a side of c, reach where copies pay? */
bool mat_is_large(mat c, int64_t depth);

typedef struct blas_job { /* c = a @ b by BLAS: how a and b lie */
    const blas *f;
    enum dtype d;
    mat c, a, b;
    int ta, lda, tb, ldb;
    bool by_rows;  /* panels are rows of c, else columns */
    int64_t panel; /* so many of them */
} blas_job;

/* May BLAS multiply them where they are?  The same holds for others of these extents and strides.
 * If not, g->f tells whether it takes the type and the sizes. */
bool blas_job_init(dtype_of t, mat c, mat a, mat b, blas_job *g);
/* Large products are cut into panels of c; on one thread there is one. */
void blas_job_run(blas_job *g);

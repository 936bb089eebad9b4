/* engine/kernels/gemm.h - large products of matrices of doubles or of complex doubles. */
#pragma once

#include "engine/base/err.h"
#include "engine/data/dtype.h"
#include "engine/kernels/skinny.h"

/* Are products of this size large enough, on a processor that has what it takes? */
bool gemm_takes(enum dtype d, int64_t rows, int64_t cols, int64_t depth);
/* Is c = a @ b one of them, and does it lie in memory as usual? */
bool gemm_fits(enum dtype d, mat c, mat a, mat b);

/* c = a @ b; c's rows are contiguous, a and b lie as they like.  `half`: only what is on or above
 * the diagonal need be right (b is the transpose of a). */
bool gemm_product(enum dtype d, mat c, mat a, mat b, bool half, err *e);

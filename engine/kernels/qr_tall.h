/* engine/kernels/qr_tall.h - QR of tall real matrices, faster than LAPACK's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Is it worth trying? */
bool qr_is_tall(int64_t m, int64_t n);
/* a (m x n, by rows) = q r with the signs that LAPACK's dgeqrf gives; q (m x n) may be NULL, r is
 * n x n with zeros below the diagonal.  False: a is too near to rank deficient for this method, or
 * there is no memory; q and r hold nothing then. */
bool qr_tall(const double *a, int64_t m, int64_t n, double *q, double *r);

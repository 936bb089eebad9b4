/* engine/kernels/sort_complex.h - complex numbers without NaN in order. */
#pragma once

#include "engine/kernels/keys.h"

/* index[0..n) orders the lane, stable; done: false if there is a NaN; ties: some are equal */
bool complex_order(const lane *v, int64_t *index, int64_t n, bool *done, bool *ties, err *e);
/* nd_kth of complex numbers; *out is NULL if there is a NaN, or if places are many */
bool complex_kths(const nd *x, const nd *places, nd **out, err *e);

/* engine/kernels/skinny.h - products in which one side is large and the other a few rows or
 * columns. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* one operand of a product: rows x cols elements at strides */
typedef struct mat {
    char *at;
    int64_t rows, cols, rs, cs;
} mat;

/* c = a @ b of doubles.  False: not such a product, nothing was done. */
bool skinny_product(mat c, mat a, mat b);

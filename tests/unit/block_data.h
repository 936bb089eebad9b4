/* tests/unit/block_data.h - blocks filled by a rule that the recorder of the expectations shares:
 * h(i) = (2654435761 i + 12345) mod 2^32; floats are h / 2^32 - 0.5, integers h mod 100, bools
 * h mod 3 == 0, complex imaginary parts (h / 128 mod 1000) / 1000; NaN where h mod 7 == 0. */
#pragma once

#include <math.h>

#include "engine/kernels/ops.h"

static inline nd *filled(enum dtype dt, bool nan, int ndim, const int64_t *shape)
{
    err e = {0};
    nd *x = nd_new(dtype_plain(DT_complex128), ndim, shape, &e);
    double *to = (double *)x->at;
    int64_t n = nd_count(x);
    for (int64_t i = 0; i < n; i++) {
        uint64_t h = ((uint64_t)i * 2654435761u + 12345) & 0xffffffff;
        double f = (double)h / 4294967296.0 - 0.5;
        to[2 * i + 1] = dtype_is_complex(dt) ? (double)((h >> 7) % 1000) / 1000 : 0;
        if (dtype_is_float(dt))
            to[2 * i] = nan && h % 7 == 0 ? (double)NAN : f;
        else if (dtype_is_complex(dt))
            to[2 * i] = f;
        else
            to[2 * i] = dt == DT_bool ? h % 3 == 0 : (double)(h % 100);
    }
    nd *y = nd_cast(x, dtype_plain(dt), 'u', &e);
    datum_unref(x);
    return y;
}

/* the sum of the words of x in C order, word i times 2i + 1 */
static inline uint64_t mix_of(const nd *x)
{
    err e = {0};
    nd *c = nd_contiguous(x, &e);
    size_t word = dtype_is_complex(x->dtype) ? x->size / 2 : x->size;
    size_t n = nd_bytes(c) / word;
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t w = 0;
        for (size_t b = word; b-- > 0;) w = w << 8 | (uint8_t)c->at[i * word + b];
        sum += w * (2 * i + 1);
    }
    datum_unref(c);
    return sum;
}

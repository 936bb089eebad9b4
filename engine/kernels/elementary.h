/* engine/kernels/elementary.h - elementary functions of vectors: what each kind of processor
 * compiles for itself, and what vmath.c finds there.
 *
 * The bodies (elementary_core.h, elementary_double.h, elementary_single.h) are written once, with
 * fused products and without anything that only some processors have: all give the same bits. */
#pragma once

#include "engine/kernels/vmath.h"

typedef void (*vmath64_pair)(size_t n, double *out, const double *a, const double *b);
typedef void (*vmath32_pair)(size_t n, float *out, const float *a, const float *b);

typedef struct elementary { /* NULL: not here */
    vmath64 of64[NVMATH];
    vmath32 of32[NVMATH];
    vmath64_pair pair64[NVMATH2];
    vmath32_pair pair32[NVMATH2];
} elementary;

#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_ELEMENTARY
extern const elementary elementary_fma, elementary_avx2, elementary_avx512;
#endif

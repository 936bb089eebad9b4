/* engine/kernels/elementary_avx2.c - elementary functions in vectors of 32 bytes. */
#include "engine/kernels/elementary.h"

#ifdef HAS_ELEMENTARY
#include <immintrin.h>

#define VECTOR               32
#define LEVEL                elementary_avx2
#define FMA(x, y, z)         ((V)_mm256_fmadd_pd((x), (y), (z)))
#define FMS(x, y, z)         ((V)_mm256_fmsub_pd((x), (y), (z)))
#define WIDE(x)              ((V)_mm256_cvtps_pd((__m128)(x)))
#define NARROW(x)            ((floats)_mm256_cvtpd_ps((__m256d)(x)))
#define ROOT(x)              ((V)_mm256_sqrt_pd(x))
#define IF_BELOW(a, b, x, y) ((V)_mm256_blendv_pd(y, x, COMPARE(a, b)))
#define COMPARE(a, b)        _mm256_cmp_pd(a, b, _CMP_LT_OQ)
#define LOOK_UP(table, i)    ((V)_mm256_i64gather_pd(table, (__m256i)((i)&15), 8))
#define SMALLER(a, b)        ((V)_mm256_min_pd(a, b)) /* b if one is NaN */
#define LARGER(a, b)         ((V)_mm256_max_pd(a, b))
#define IF_LESS(a, b, x, y)                                                                        \
    ((V)_mm256_blendv_pd(y, x, (V)_mm256_cmpgt_epi64((__m256i)(b), (__m256i)(a))))
#define SCALED(x, k, n)  times_power(x, n)
#define SOME_BELOW(a, b) (_mm256_movemask_pd(COMPARE(a, b)) != 0)
#include "engine/kernels/elementary_core.h"
#include "engine/kernels/elementary_double.h"
#include "engine/kernels/elementary_single.h"
#include "engine/kernels/elementary_rows.h"
#endif

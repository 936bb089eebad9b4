/* engine/kernels/elementary_avx512.c - elementary functions in vectors of 64 bytes. */
#include "engine/kernels/elementary.h"

#ifdef HAS_ELEMENTARY
#include <immintrin.h>

#define VECTOR       64
#define LEVEL        elementary_avx512
#define FMA(x, y, z) ((V)_mm512_fmadd_pd((x), (y), (z)))
#define FMS(x, y, z) ((V)_mm512_fmsub_pd((x), (y), (z)))
#define WIDE(x)      ((V)_mm512_cvtps_pd((__m256)(x)))
#define NARROW(x)    ((floats)_mm512_cvtpd_ps((__m512d)(x)))
/* of x = 2^k * z, z from 3/4 to 3/2: 3/2 times 4/3 rounds to 2, what is below it to less */
#define MANTISSA(x)          ((V)_mm512_getmant_pd(x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_src))
#define EXPONENT(x)          ((V)_mm512_getexp_pd((x)*all(4.0 / 3)))
#define ROOT(x)              ((V)_mm512_sqrt_pd(x))
#define IF_BELOW(a, b, x, y) ((V)_mm512_mask_blend_pd(_mm512_cmp_pd_mask(a, b, _CMP_LT_OQ), y, x))
#define LOOK_UP(table, i)                                                                          \
    ((V)_mm512_permutex2var_pd(_mm512_loadu_pd(table), (__m512i)(i), _mm512_loadu_pd((table) + 8)))
#define SMALLER(a, b) ((V)_mm512_min_pd(a, b)) /* b if one is NaN */
#define LARGER(a, b)  ((V)_mm512_max_pd(a, b))
#define IF_LESS(a, b, x, y)                                                                        \
    ((V)_mm512_mask_blend_pd(_mm512_cmplt_epi64_mask((__m512i)(a), (__m512i)(b)), y, x))
#define SCALED(x, k, n)  ((V)_mm512_scalef_pd(x, (k)*0.0625))
#define SOME_BELOW(a, b) (_mm512_cmp_pd_mask(a, b, _CMP_LT_OQ) != 0)
#include "engine/kernels/elementary_core.h"
#include "engine/kernels/elementary_double.h"
#include "engine/kernels/elementary_single.h"
#include "engine/kernels/elementary_rows.h"
#endif

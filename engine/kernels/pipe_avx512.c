/* engine/kernels/pipe_avx512.c - the stages of pipe_stages.h in vectors of 64 bytes. */
#include "engine/kernels/pipe_level.h"

#if PIPE_LEVELS > 1
#include <immintrin.h>

#define SUMS         PIPE_SUMS
#define VECTOR       64
#define LEVEL        pipe_avx512
#define FMA(x, y, z) ((vector_f64)_mm512_fmadd_pd((__m512d)(x), (__m512d)(y), (__m512d)(z)))
#define FMS(x, y, z) ((vector_f64)_mm512_fmsub_pd((__m512d)(x), (__m512d)(y), (__m512d)(z)))
#define ODD          0x9f /* classes of numbers: NaN, infinite or zero */
#define MEND(r, x, y)                                                                              \
    ((vector_f64)_mm512_mask_mul_pd((__m512d)(r), _mm512_fpclass_pd_mask((__m512d)(r), ODD),       \
                                    (__m512d)(x), (__m512d)(y)))
#define ANY(v, bits)     _mm512_test_epi64_mask((__m512i)(v), _mm512_set1_epi64(bits))
#define SQRT(x)          PASTE(sqrt_, BITS)(x)
#define ROUND(x, how)    PASTE(round_, BITS)(x, how)
#define sqrt_64(x)       ((V)_mm512_sqrt_pd((__m512d)(x)))
#define sqrt_32(x)       ((V)_mm512_sqrt_ps((__m512)(x)))
#define round_64(x, how) ((V)_mm512_roundscale_pd((__m512d)(x), (how) | _MM_FROUND_NO_EXC))
#define round_32(x, how) ((V)_mm512_roundscale_ps((__m512)(x), (how) | _MM_FROUND_NO_EXC))
#define WIDEN_64(at)     ((vector_i64)_mm512_cvtepi8_epi64(_mm_loadl_epi64((const __m128i *)(at))))
#define WIDEN_32(at)     ((vector_i32)_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(at))))
#define NARROW_64(at, v)                                                                           \
    _mm_storel_epi64((__m128i *)(at),                                                              \
                     _mm_and_si128(_mm512_cvtepi64_epi8((__m512i)(v)), _mm_set1_epi8(1)))
#define NARROW_32(at, v)                                                                           \
    _mm_storeu_si128((__m128i *)(at),                                                              \
                     _mm_and_si128(_mm512_cvtepi32_epi8((__m512i)(v)), _mm_set1_epi8(1)))
#include "engine/kernels/pipe_stages.h"
#endif

/* engine/kernels/pipe_avx2.c - the stages of pipe_stages.h in vectors of 32 bytes. */
#include "engine/kernels/pipe_level.h"

#if PIPE_LEVELS > 1
#include <float.h>
#include <immintrin.h>

#define VECTOR       32
#define LEVEL        pipe_avx2
#define FMA(x, y, z) ((vector_f64)_mm256_fmadd_pd((__m256d)(x), (__m256d)(y), (__m256d)(z)))
#define FMS(x, y, z) ((vector_f64)_mm256_fmsub_pd((__m256d)(x), (__m256d)(y), (__m256d)(z)))
#define MEND(r, x, y)                                                                              \
    __extension__({                                                                                \
        const vector_f64 mr = (r), size = (vector_f64)((vector_i64)mr & INT64_MAX);                \
        PICK((size > 0) & (size <= DBL_MAX), mr, (x) * (y));                                       \
    })
#define ANY(v, bits)     !_mm256_testz_si256((__m256i)(v), _mm256_set1_epi64x(bits))
#define SQRT(x)          PASTE(sqrt_, BITS)(x)
#define ROUND(x, how)    PASTE(round_, BITS)(x, how)
#define sqrt_64(x)       ((V)_mm256_sqrt_pd((__m256d)(x)))
#define sqrt_32(x)       ((V)_mm256_sqrt_ps((__m256)(x)))
#define round_64(x, how) ((V)_mm256_round_pd((__m256d)(x), (how) | _MM_FROUND_NO_EXC))
#define round_32(x, how) ((V)_mm256_round_ps((__m256)(x), (how) | _MM_FROUND_NO_EXC))
#define WIDEN_64(at)     ((vector_i64)_mm256_cvtepi8_epi64(_mm_loadu_si32(at)))
#define WIDEN_32(at)     ((vector_i32)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(at))))
#define NARROW_64(at, v)                                                                           \
    (*(few_64 *)(at) = (unsigned)_mm256_movemask_pd((__m256d)(v)) * 0x204081u & 0x01010101u)
#define NARROW_32(at, v)                                                                           \
    (*(few_32 *)(at) = _pdep_u64((uint64_t)_mm256_movemask_ps((__m256)(v)), 0x0101010101010101u))
#include <stdint.h>

typedef uint32_t few_64 __attribute__((aligned(1), may_alias)); /* four bool */
typedef uint64_t few_32 __attribute__((aligned(1), may_alias));
#include "engine/kernels/pipe_stages.h"
#endif

/* engine/kernels/half.c - runs of float16 <-> float, without branches so that they go by vectors.
 *
 * A half's bits, shifted, are a float whose exponent is 112 too small: a product puts that right,
 * for subnormal numbers too.  The other way, large numbers round in integers and small ones by the
 * sum with one half, whose last place is that of the smallest half. */
#include "engine/kernels/half.h"

#include <math.h>
#include <stdbool.h>

#include "engine/base/simd.h"
#include "engine/kernels/fp.h"

SIMD_KERNEL(static, widen, (size_t n, float *out, const uint16_t *in), (n, out, in))
{
    for (size_t i = 0; i < n; i++) {
        uint32_t h = in[i], u = (h & 0x7fff) << 13, special = (h & 0x7c00) == 0x7c00;
        float f;
        memcpy(&f, &u, 4);
        f *= 0x1p112f;
        uint32_t bits;
        memcpy(&bits, &f, 4);
        bits = (special ? u | 0x7f800000 : bits) | (h & 0x8000) << 16;
        memcpy(&out[i], &bits, 4);
    }
}

SIMD_KERNEL(static, narrow, (size_t n, uint16_t *out, const float *in, uint32_t *overflow),
            (n, out, in, overflow))
{
    uint32_t over = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &in[i], 4);
        uint32_t sign = bits >> 16 & 0x8000, u = bits & 0x7fffffff, nan = u > 0x7f800000;
        uint32_t small = u < 0x38800000 ? u : 0; /* no other number takes part in the sum */
        float f;
        memcpy(&f, &small, 4);
        f += 0.5f;
        memcpy(&small, &f, 4);
        uint32_t large = (u + 0xfff + (u >> 13 & 1) - 0x38000000) >> 13;
        uint32_t h = u < 0x38800000 ? small - 0x3f000000 : large;
        h = u >= 0x47800000 ? 0x7c00 : h;
        over |= (h == 0x7c00) & (u < 0x7f800000);
        uint32_t payload = u >> 13 & 0x3ff;
        h = nan ? 0x7c00 | (payload ? payload : 1) : h;
        out[i] = (uint16_t)(h | sign);
    }
    *overflow = over;
}

#if defined(__GNUC__) && defined(__x86_64__) && !defined(DSK_SANITIZE)
/* By the processor's own instruction, which sets more flags and makes NaNs quiet: those of a run
 * with NaNs are left to the loop above (false). */
__attribute__((target("avx,f16c"))) static bool narrow_by_8(size_t n, uint16_t *out,
                                                            const float *in, uint32_t *overflow)
{
    const __m256 sign = _mm256_set1_ps(-0.0F), most = _mm256_set1_ps(65520),
                 infinite = _mm256_set1_ps(INFINITY);
    __m256 over = _mm256_setzero_ps(), nan = over;
    for (size_t i = 0; i + 8 <= n; i += 8) {
        __m256 x = _mm256_loadu_ps(in + i), size = _mm256_andnot_ps(sign, x);
        over = _mm256_or_ps(over, _mm256_and_ps(_mm256_cmp_ps(size, most, _CMP_GE_OQ),
                                                _mm256_cmp_ps(size, infinite, _CMP_LT_OQ)));
        nan = _mm256_or_ps(nan, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
        _mm_storeu_si128((__m128i *)(void *)(out + i),
                         _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
    }
    *overflow = _mm256_movemask_ps(over) != 0;
    return !_mm256_movemask_ps(nan);
}

/* how many it took */
static size_t narrow_fast(size_t n, uint16_t *out, const float *in, uint32_t *overflow)
{
    if (n < 8 || simd_level() < SIMD_AVX2) return 0;
    unsigned status = fp_save();
    bool ok = narrow_by_8(n, out, in, overflow);
    fp_restore(status);
    return ok ? n & ~(size_t)7 : 0;
}
#else
static size_t narrow_fast(size_t n, uint16_t *out, const float *in, uint32_t *overflow)
{
    (void)n, (void)out, (void)in, (void)overflow;
    return 0;
}
#endif

void half_widen(size_t n, float *out, const uint16_t *in)
{
    widen(n, out, in);
}

void half_narrow(size_t n, uint16_t *out, const float *in)
{
    uint32_t overflow = 0, more;
    size_t done = narrow_fast(n, out, in, &overflow);
    narrow(n - done, out + done, in + done, &more);
    if (done ? overflow | more : more) half_overflow(0);
}

void half_load(size_t n, float *out, const char *at, ptrdiff_t step)
{
    uint16_t run[HALF_RUN];
    if (step == sizeof(uint16_t)) {
        half_widen(n, out, (const uint16_t *)(const void *)at);
        return;
    }
    for (size_t i = 0; i < n; i++) memcpy(&run[i], at + (ptrdiff_t)i * step, sizeof run[i]);
    half_widen(n, out, run);
}

void half_store(size_t n, char *at, ptrdiff_t step, const float *in)
{
    uint16_t run[HALF_RUN];
    if (step == sizeof(uint16_t)) {
        half_narrow(n, (uint16_t *)(void *)at, in);
        return;
    }
    half_narrow(n, run, in);
    for (size_t i = 0; i < n; i++) memcpy(at + (ptrdiff_t)i * step, &run[i], sizeof run[i]);
}

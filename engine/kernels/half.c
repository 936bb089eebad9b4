/* engine/kernels/half.c - runs of float16 <-> float, without branches so that they go by vectors.
 *
 * A half's bits, shifted, are a float whose exponent is 112 too small: a product puts that right,
 * for subnormal numbers too.  The other way, large numbers round in integers and small ones by the
 * sum with one half, whose last place is that of the smallest half. */
#include "engine/kernels/half.h"

#include "engine/base/simd.h"

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

void half_widen(size_t n, float *out, const uint16_t *in)
{
    widen(n, out, in);
}

void half_narrow(size_t n, uint16_t *out, const float *in)
{
    uint32_t overflow;
    narrow(n, out, in, &overflow);
    if (overflow) half_overflow(0);
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

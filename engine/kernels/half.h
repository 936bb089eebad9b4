/* engine/kernels/half.h - float16 <-> float and double, rounding to nearest even, in integers. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* half.c: runs, with the same results and flags as one by one */
enum { HALF_RUN = 256 }; /* at most so many at a time by load and store, at any step */
void half_widen(size_t n, float *out, const uint16_t *in);
void half_narrow(size_t n, uint16_t *out, const float *in);
void half_load(size_t n, float *out, const char *at, ptrdiff_t step);
void half_store(size_t n, char *at, ptrdiff_t step, const float *in);

static inline float half_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, e = h >> 10 & 0x1f, m = h & 0x3ff, u;
    if (e == 0) { /* zero or subnormal: exact in float */
        float f = (float)m * 0x1p-24f;
        memcpy(&u, &f, 4);
        u |= sign;
    } else if (e == 31)
        u = sign | 0x7f800000 | m << 13;
    else
        u = sign | (e + 112) << 23 | m << 13;
    float f;
    memcpy(&f, &u, 4);
    return f;
}

static inline double half_to_double(uint16_t h)
{
    return half_to_float(h);
}

/* infinity, with the flag that hardware raises when a finite number becomes it */
static inline uint16_t half_overflow(uint16_t sign)
{
    volatile float big = 0x1p127f;
    big = big * big;
    return sign | 0x7c00;
}

static inline uint16_t double_to_half(double d)
{
    uint64_t u;
    memcpy(&u, &d, 8);
    uint16_t sign = (uint16_t)(u >> 48 & 0x8000);
    uint64_t m = u & 0xfffffffffffffULL;
    int e = (int)(u >> 52 & 0x7ff) - 1023;
    if (e == 1024) return (uint16_t)(sign | 0x7c00 | (m >> 42 || !m ? m >> 42 : 1));
    if (e > 15) return half_overflow(sign);
    if (e < -25) return sign;
    m |= 0x10000000000000ULL;
    int shift = e < -14 ? 42 + (-14 - e) : 42;
    uint64_t q = m >> shift, rest = m & (((uint64_t)1 << shift) - 1);
    uint64_t tie = (uint64_t)1 << (shift - 1);
    if (rest > tie || (rest == tie && (q & 1))) q++;
    /* q holds the hidden bit; a carry out of the mantissa moves into the exponent by addition */
    uint64_t bits = e < -14 ? q : q + ((uint64_t)(e + 14) << 10);
    return bits == 0x7c00 ? half_overflow(sign) : (uint16_t)(sign | bits);
}

static inline uint16_t float_to_half(float f)
{
    return double_to_half(f); /* exact widening: one rounding only */
}

/* engine/kernels/cast.c - loops between all pairs of number types, and the choice of a loop.
 *
 * Out-of-range floats become integers as NumPy's do on this kind of machine: through the int32 or
 * int64 conversion of the processor, then cut.  One row per pair, made by crossing the list of
 * types with itself; a value passes through a "carrier" (double, int64, uint64, complex). */
#include "engine/kernels/cast.h"

#include <math.h>
#include <string.h>

#include "engine/base/simd.h"
#include "engine/kernels/half.h"
#include "engine/kernels/ops.h"

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && !defined(DSK_SANITIZE)
#define KERNEL __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define KERNEL
#endif

/* --- single values -------------------------------------------------------------------------- */

/* What the conversion instructions give for NaN and for what does not fit.  The double is chosen,
 * not the integer: a loop may convert what it does not use only where that cannot trap. */
static inline int32_t double_cut32(double d)
{
    return (int32_t)(((d > -2147483649.0) & (d < 2147483648.0)) ? d : -0x1p31);
}
static inline int32_t float_cut32(float d)
{
    return (int32_t)(((d >= -0x1p31F) & (d < 0x1p31F)) ? d : -0x1p31F);
}
#define cut32(v)     _Generic((v), float : float_cut32, default : double_cut32)(v)
#define to_int8(v)   ((int8_t)cut32(v))
#define to_uint8(v)  ((uint8_t)cut32(v))
#define to_int16(v)  ((int16_t)cut32(v))
#define to_uint16(v) ((uint16_t)cut32(v))
#define to_int32(v)  cut32(v)
static inline int64_t cut64(double d)
{
    return (int64_t)(((d >= -0x1p63) & (d < 0x1p63)) ? d : -0x1p63);
}
static inline uint32_t to_uint32(double d)
{
    return d >= 0x1p31 ? (uint32_t)cut32(d - 0x1p31) ^ 0x80000000u : (uint32_t)cut32(d);
}
/* of halves: as longer ints, cut */
static inline uint32_t half_to_uint32(double d)
{
    return (uint32_t)(uint64_t)cut64(d);
}
static inline int64_t to_int64(double d)
{
    return cut64(d);
}
static inline uint64_t to_uint64(double d)
{
    return d >= 0x1p63 ? (uint64_t)cut64(d - 0x1p63) ^ (uint64_t)1 << 63 : (uint64_t)cut64(d);
}

/* --- loops ---------------------------------------------------------------------------------- */

// clang-format off
#pragma push_macro("bool") /* the dtype's name, not a macro, in what follows */
#undef bool
/* memory type, and how to read a double or integer x from it */
#define MEM_bool       uint8_t
#define MEM_int8       int8_t
#define MEM_uint8      uint8_t
#define MEM_int16      int16_t
#define MEM_uint16     uint16_t
#define MEM_int32      int32_t
#define MEM_uint32     uint32_t
#define MEM_int64      int64_t
#define MEM_uint64     uint64_t
#define MEM_float16    uint16_t
#define MEM_float32    float
#define MEM_float64    double
#define MEM_complex64  float _Complex
#define MEM_complex128 double _Complex

#define ARGS size_t n, char *dst, ptrdiff_t dstep, const char *src, ptrdiff_t sstep, dtype_of to, dtype_of from, err *e

/* expr sees x, the element as it lies in memory */
#define CAST(from_, to_, expr)                                                                     \
    KERNEL static _Bool from_##_to_##to_(ARGS)                                                      \
    {                                                                                              \
        (void)to; (void)from; (void)e;                                                             \
        typedef MEM_##from_ S; typedef MEM_##to_ D;                                                \
        if (sstep == sizeof(S) && dstep == sizeof(D)) {                                            \
            const S *restrict s = (const S *)src; D *restrict d = (D *)dst;                        \
            for (size_t i = 0; i < n; i++) { const S x = s[i]; d[i] = (D)(expr); }                 \
        } else for (size_t i = 0; i < n; i++) {                                                    \
            const S x = *(const S *)(src + (ptrdiff_t)i * sstep);                                  \
            *(D *)(dst + (ptrdiff_t)i * dstep) = (D)(expr);                                        \
        }                                                                                          \
        return true;                                                                               \
    }

/* integers and bools: C's conversions are NumPy's */
#define FROM_INT(f, v) \
    CAST(f, int8, v) CAST(f, uint8, v) CAST(f, int16, v) CAST(f, uint16, v) CAST(f, int32, v) CAST(f, uint32, v) \
    CAST(f, int64, v) CAST(f, uint64, v) CAST(f, bool, x != 0) CAST(f, float16, float_to_half((float)(v))) \
    CAST(f, float32, v) CAST(f, float64, v) CAST(f, complex64, v) CAST(f, complex128, v)
/* v: the element as a double */
#define FROM_REAL(f, v, to_uint32_) \
    CAST(f, int8, to_int8(v)) CAST(f, uint8, to_uint8(v)) CAST(f, int16, to_int16(v)) CAST(f, uint16, to_uint16(v)) \
    CAST(f, int32, to_int32(v)) CAST(f, uint32, to_uint32_((double)(v))) CAST(f, int64, to_int64((double)(v))) CAST(f, uint64, to_uint64((double)(v))) \
    CAST(f, bool, (v) != 0) CAST(f, float16, double_to_half((double)(v))) CAST(f, float32, (float)(v)) CAST(f, float64, (double)(v))
FROM_INT(bool, x != 0) /* a view of bytes as bools has other ones, too */
FROM_INT(int8, x) FROM_INT(uint8, x) FROM_INT(int16, x) FROM_INT(uint16, x)
FROM_INT(int32, x) FROM_INT(uint32, x) FROM_INT(int64, x) FROM_INT(uint64, x)
/* floats and halves, by runs */
#define CAST_RUN(from_, to_, S, D, run)                                                            \
    static _Bool from_##_to_##to_##_run(ARGS)                                                      \
    {                                                                                              \
        if (sstep != sizeof(S) || dstep != sizeof(D))                                              \
            return from_##_to_##to_(n, dst, dstep, src, sstep, to, from, e);                       \
        run(n, (D *)(void *)dst, (const S *)(const void *)src);                                    \
        return true;                                                                               \
    }
FROM_REAL(float16, half_to_double(x), half_to_uint32) CAST(float16, complex64, half_to_float(x)) CAST(float16, complex128, half_to_double(x))
FROM_REAL(float32, x, to_uint32)                 CAST(float32, complex64, x)                CAST(float32, complex128, x)
FROM_REAL(float64, x, to_uint32)                 CAST(float64, complex64, (float)x)         CAST(float64, complex128, x)
CAST_RUN(float16, float32, uint16_t, float, half_widen)
CAST_RUN(float32, float16, float, uint16_t, half_narrow)
#define FROM_COMPLEX(f, v) \
    CAST(f, int8, to_int8(v)) CAST(f, uint8, to_uint8(v)) CAST(f, int16, to_int16(v)) CAST(f, uint16, to_uint16(v)) \
    CAST(f, int32, to_int32(v)) CAST(f, uint32, to_uint32(v)) CAST(f, int64, to_int64(v)) CAST(f, uint64, to_uint64(v)) \
    CAST(f, bool, x != 0) CAST(f, float16, double_to_half(v)) CAST(f, float32, (float)(v)) CAST(f, float64, v) \
    CAST(f, complex64, x) CAST(f, complex128, x)
FROM_COMPLEX(complex64, (double)crealf(x))
FROM_COMPLEX(complex128, creal(x))

#define ROW(f) [DT_##f] = { \
    [DT_bool] = f##_to_bool, [DT_int8] = f##_to_int8, [DT_uint8] = f##_to_uint8, [DT_int16] = f##_to_int16, \
    [DT_uint16] = f##_to_uint16, [DT_int32] = f##_to_int32, [DT_uint32] = f##_to_uint32, [DT_int64] = f##_to_int64, \
    [DT_uint64] = f##_to_uint64, [DT_float16] = f##_to_float16, [DT_float32] = f##_to_float32, \
    [DT_float64] = f##_to_float64, [DT_complex64] = f##_to_complex64, [DT_complex128] = f##_to_complex128},
static const cast_loop numbers[DT_complex128 + 1][DT_complex128 + 1] = {
    ROW(bool) ROW(int8) ROW(uint8) ROW(int16) ROW(uint16) ROW(int32) ROW(uint32) ROW(int64) ROW(uint64)
    ROW(float16) ROW(float32) ROW(float64) ROW(complex64) ROW(complex128)
};

#undef ROW
#pragma pop_macro("bool")
// clang-format on

static bool same(ARGS)
{
    (void)from;
    (void)e;
    const int64_t shape = (int64_t)n, ds = dstep, ss = sstep;
    strided_copy(1, &shape, dst, &ds, src, &ss, to.size, NULL);
    return true;
}

/* --- what casts lose ------------------------------------------------------------------------ */

/* the open interval of numbers that the processor's conversion to t takes; finite bounds of floats
 */
static bool fits_between(enum dtype t, double *lo, double *hi)
{
    switch (t) {
    case DT_int8:
    case DT_uint8:
    case DT_int16:
    case DT_uint16:
    case DT_int32: return *lo = -2147483649.0, *hi = 2147483648.0, true;
    case DT_uint32:
    case DT_int64: return *lo = -0x1.0000000000001p63, *hi = 0x1p63, true;
    case DT_uint64: return *lo = -0x1.0000000000001p63, *hi = 0x1p64, true;
    case DT_float16: return *lo = -65520, *hi = 65520, true;
    case DT_complex64:
    case DT_float32: return *lo = -0x1.ffffffp127, *hi = 0x1.ffffffp127, true;
    default: return false;
    }
}

/* *lost: do some of x not lie between lo and hi?  whole: NaN and infinities do not, else they do.
 */
#define OUTSIDE(T, BITS)                                                                           \
    SIMD_KERNEL(static, find_outside_##T,                                                          \
                (const T *x, size_t n, T lo, T hi, bool whole, bool *lost),                        \
                (x, n, lo, hi, whole, lost))                                                       \
    {                                                                                              \
        BITS outside = 0, infinite = 0;                                                            \
        for (size_t i = 0; i < n; i++) outside |= (BITS) !((x[i] > lo) & (x[i] < hi));             \
        for (size_t i = 0; outside && !whole && i < n; i++)                                        \
            infinite |= !((x[i] > lo) & (x[i] < hi)) & (x[i] - x[i] == 0);                         \
        *lost = whole ? outside : infinite;                                                        \
    }
OUTSIDE(double, int64_t)
OUTSIDE(float, int32_t)

/* the floats nearest to the bounds that no float lies between a bound and */
static float float_below(double lo)
{
    float f = (float)lo;
    return (double)f > lo ? nextafterf(f, -INFINITY) : f;
}

enum { FEW = 1024 };

/* n elements of x, contiguous, from `at` on */
static bool some_outside(const nd *x, int64_t at, size_t n, double lo, double hi, bool whole)
{
    err none = {0}; /* numbers always cast */
    double few[FEW];
    const char *from = x->at + at * x->size;
    const double *doubles = (const double *)(const void *)from;
    bool lost = false;
    if (x->dtype == DT_float32) {
        float low = float_below(lo), high = -float_below(-hi);
        find_outside_float((const float *)(const void *)from, n, low, high, whole, &lost);
        return lost;
    }
    if (x->dtype != DT_float64) {
        numbers[x->dtype][DT_float64](n, (char *)few, sizeof *few, from, x->size,
                                      dtype_plain(DT_float64), nd_type(x), &none);
        doubles = few;
    }
    find_outside_double(doubles, n, lo, hi, whole, &lost);
    return lost;
}

unsigned cast_lost(const nd *x, enum dtype t)
{
    double lo, hi;
    bool real = dtype_is_float(x->dtype), whole = t < DT_float16;
    if (!real && !dtype_is_complex(x->dtype)) return 0;
    if (!whole && dtypes[t].size >= dtypes[x->dtype].size) return 0;
    if (!fits_between(t, &lo, &hi)) return 0;
    err e = {0};
    nd *part = real ? nd_ref(x) : nd_real(x);
    nd *flat = part ? nd_contiguous(part, &e) : NULL;
    datum_unref(part);
    if (!flat) return err_clear(&e), 0u;
    bool lost = false;
    int64_t n = nd_count(flat);
    for (int64_t at = 0; at < n && !lost; at += FEW)
        lost = some_outside(flat, at, n - at < FEW ? (size_t)(n - at) : FEW, lo, hi, whole);
    datum_unref(flat);
    return !lost ? 0 : whole ? FP_INVALID : FP_OVER;
}

static bool is_text(dtype_of t)
{
    return t.dt == DT_str || t.dt == DT_bytes;
}

static bool is_time(dtype_of t)
{
    return t.dt == DT_datetime64 || t.dt == DT_timedelta64;
}

cast_loop cast_find(dtype_of to, dtype_of from, err *e)
{
    if (dtype_equal(to, from) && to.dt != DT_object) return same;
    if (to.dt == DT_object || from.dt == DT_object) {
        err_set(e, TypeError, "objects are converted by the language, not by a cast");
        return NULL;
    }
    if (is_text(to)) return cast_to_text;
    if (is_text(from)) return cast_from_text;
    if (is_time(to) && is_time(from)) return to.dt == from.dt ? cast_time : same;
    enum dtype t = is_time(to) ? DT_int64 : to.dt, f = is_time(from) ? DT_int64 : from.dt;
    if (t == f) return same;
    if (f == DT_float16 && t == DT_float32) return float16_to_float32_run;
    if (f == DT_float32 && t == DT_float16) return float32_to_float16_run;
    return numbers[f][t];
}

/* engine/kernels/vmath.c - what is behind vmath.h: the functions of elementary.h, one block
 * function per function and vector width.
 *
 * A result depends neither on the width nor on an element's position.  Only a processor without
 * fused products (older than AVX2) gets libm's results, which may differ in the last bit. */
#include "engine/kernels/vmath.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "engine/kernels/elementary.h"
#include "engine/kernels/fp.h"
#include "engine/kernels/loops.h"

static const elementary *own(void)
{
#ifdef HAS_ELEMENTARY
    if (simd_level() == SIMD_AVX512) return &elementary_avx512;
    if (simd_level() == SIMD_AVX2) return &elementary_avx2;
    if (__builtin_cpu_supports("fma")) return &elementary_fma;
#endif
    return NULL;
}

vmath64 vmath64_find(enum vmath_id id)
{
    const elementary *e = own();
    return e ? e->of64[id] : NULL;
}

vmath32 vmath32_find(enum vmath_id id)
{
    const elementary *e = own();
    return e ? e->of32[id] : NULL;
}

static vmath64_pair pair64_find(enum vmath_pair id)
{
    const elementary *e = own();
    return e ? e->pair64[id] : NULL;
}

static vmath32_pair pair32_find(enum vmath_pair id)
{
    const elementary *e = own();
    return e ? e->pair32[id] : NULL;
}

enum { CHUNK = 1024 }; /* to set the status again takes a hundred cycles */

/* Functions that are NaN outside their domain, by every account: one call of libm's says so (and
 * sets the status) for all such arguments of a block. */
static bool is_bounded(enum vmath_id id)
{
    switch (id) {
    case V_log:
    case V_log2:
    case V_log10:
    case V_log1p:
    case V_arcsin:
    case V_arccos:
    case V_arccosh:
    case V_arctanh: return true;
    default: return false;
    }
}

/* What a function makes of very small arguments. */
enum small {
    SMALL_COMMON, /* nothing special */
    SMALL_SAME,   /* themselves */
    SMALL_LIBM    /* vectors are wrong, or flags are due */
};

static enum small small_of(enum vmath_id id)
{
    switch (id) {
    case V_log:
    case V_log2:
    case V_log10: return SMALL_LIBM;
    case V_expm1:
    case V_log1p:
    case V_arctan:
    case V_sinh:
    case V_tanh:
    case V_arcsinh:
    case V_arctanh:
    case V_sin:
    case V_tan:
    case V_arcsin: return SMALL_SAME;
    default: return SMALL_COMMON;
    }
}

/* Functions whose vectors are infinite where the result is too large, and nowhere else: that a
 * status is due is for libm to say, once for a block. */
static bool overflows(enum vmath_id id)
{
    return id == V_exp || id == V_exp2;
}

/* Arguments below it are small.  Floats go by way of doubles: none is, but zero. */
static double least_of_double(enum vmath_id id)
{
    return small_of(id) == SMALL_COMMON ? 0 : 1e-300;
}

static float least_of_float(enum vmath_id id)
{
    return small_of(id) == SMALL_COMMON ? 0 : 0x1p-149F;
}

// clang-format off

#define RUN(name, T, BITS, fabs_, find)                                                            \
    /* the bits of numbers without sign are in their order, NaN at the end */                      \
    SIMD_ALWAYS BITS size_bits_##T(T x)                                                            \
    {                                                                                              \
        BITS bits;                                                                                 \
        x = fabs_(x);                                                                              \
        memcpy(&bits, &x, sizeof bits);                                                            \
        return bits;                                                                               \
    }                                                                                              \
    SIMD_KERNEL(static, any_suspicious_##T, (size_t n, const T *in, const T *out, T least, bool *any), (n, in, out, least, any)) \
    {                                                                                              \
        const BITS end = size_bits_##T((T)INFINITY), limit = size_bits_##T(least);                 \
        BITS most = 0, few = end;                                                                  \
        for (size_t i = 0; i < n; i++) {                                                           \
            const BITS r = size_bits_##T(out[i]), x = size_bits_##T(in[i]);                        \
            most = r > most ? r : most;                                                            \
            few = x < few ? x : few;                                                               \
        }                                                                                          \
        *any = most >= end || few < limit;                                                         \
    }                                                                                              \
    /* found[0]: any that libm has to compute; found[1]: any outside the domain of the function, \
     * found[2]: any too large */                                                                  \
    SIMD_KERNEL(static, suspicious_##T, (size_t n, const T *in, T *out, T least, bool same, bool bounded, bool over, unsigned char *again, int *found), (n, in, out, least, same, bounded, over, again, found)) \
    {                                                                                              \
        BITS bad = 0, outside = 0, large = 0;                                                                 \
        for (size_t i = 0; i < n; i++) {                                                           \
            const BITS nan = bounded & (out[i] != out[i]) & (in[i] - in[i] == 0) & (in[i] != 0);   \
            const BITS small = fabs_(in[i]) < least;                                               \
            const BITS most = over & (out[i] == (T)INFINITY) & (in[i] - in[i] == 0);               \
            const BITS odd = ((out[i] - out[i] != 0) & !nan & !most) | (small & !same);            \
            out[i] = (small & same) ? in[i] : out[i];                                              \
            again[i] = (unsigned char)odd;                                                         \
            bad |= odd;                                                                            \
            outside |= nan;                                                                        \
            large |= most;                                                                         \
        }                                                                                          \
        found[0] = bad != 0;                                                                       \
        found[1] = outside != 0;                                                                   \
        found[2] = large != 0;                                                                     \
    }                                                                                              \
    SIMD_KERNEL(static, put_nan_##T, (size_t n, const T *in, T *out, T nan), (n, in, out, nan))    \
    {                                                                                              \
        for (size_t i = 0; i < n; i++) out[i] = out[i] != out[i] && in[i] == in[i] ? nan : out[i]; \
    }                                                                                              \
    static void chunk_##T(find##_block run, T (*one)(T), T least, bool same, bool bounded, bool over, size_t n, T *out, const T *in) \
    {                                                                                              \
        unsigned status = fp_save();                                                           \
        T copy[CHUNK];                                                                             \
        const T *from = in;                                                                        \
        if (in == out) from = memcpy(copy, in, n * sizeof(T));                                     \
        run(n, out, from);                                                                         \
        unsigned char again[CHUNK];                                                                \
        int found[3] = {0};                                                                        \
        bool any;                                                                                  \
        any_suspicious_##T(n, from, out, least, &any);                                             \
        if (any) suspicious_##T(n, from, out, least, same, bounded, over, again, found);                       \
        fp_restore(status);                                                                    \
        if (found[1]) {                                                                            \
            size_t i = 0;                                                                          \
            while (out[i] == out[i] || from[i] - from[i] != 0 || from[i] == 0) i++;                                    \
            put_nan_##T(n, from, out, one(from[i]));                                               \
        }                                                                                          \
        if (found[2]) {                                                                            \
            size_t i = 0;                                                                          \
            while (out[i] != (T)INFINITY || from[i] - from[i] != 0) i++;                           \
            out[i] = one(from[i]);                                                                 \
        }                                                                                          \
        for (size_t i = 0, last = n; found[0] && i < n; i++) {                                     \
            if (!again[i]) continue;                                                               \
            const bool known = last < n && !memcmp(&from[last], &from[i], sizeof(T));              \
            out[i] = known ? out[last] : one(from[i]);                                             \
            last = i;                                                                              \
        }                                                                                          \
    }                                                                                              \
    void name(enum vmath_id id, T (*one)(T), size_t n, char *const *p, const ptrdiff_t *s)         \
    {                                                                                              \
        const T least = least_of_##T(id);                                                          \
        const bool bounded = is_bounded(id), same = small_of(id) == SMALL_SAME;                    \
        const bool over = overflows(id);                                                           \
        find##_block run = find(id);                                                               \
        char *from = p[0], *to = p[1];                                                             \
        if (!run) {                                                                                \
            for (size_t i = 0; i < n; i++, from += s[0], to += s[1]) *(T *)to = one(*(T *)from);   \
            return;                                                                                \
        }                                                                                          \
        T in[CHUNK], out[CHUNK];                                                                   \
        for (size_t i = 0; i < n; i += CHUNK) {                                                    \
            size_t m = n - i < CHUNK ? n - i : CHUNK;                                              \
            char *a = from + (ptrdiff_t)i * s[0], *b = to + (ptrdiff_t)i * s[1];                   \
            int flat_in = s[0] == sizeof(T), flat_out = s[1] == sizeof(T);                         \
            for (size_t k = 0; !flat_in && k < m; k++) in[k] = *(T *)(a + (ptrdiff_t)k * s[0]);    \
            chunk_##T(run, one, least, same, bounded, over, m, flat_out ? (T *)b : out, flat_in ? (T *)a : in);                \
            for (size_t k = 0; !flat_out && k < m; k++) *(T *)(b + (ptrdiff_t)k * s[1]) = out[k];  \
        }                                                                                          \
    }
/* Of two arguments: whatever is not finite or very small, argument or result, is libm's. */
#define RUN2(name, T, BITS, fabs_, tiny, huge, find, block)                                        \
    SIMD_ALWAYS BITS is_suspicious_##T(T a, T b, T out)                                            \
    {                                                                                              \
        const T x = fabs_(a), y = fabs_(b), r = fabs_(out);                                        \
        return !((x >= tiny) & (x <= huge) & (y >= tiny) & (y <= huge) & (r >= tiny) & (r <= huge)); \
    }                                                                                              \
    SIMD_KERNEL(static, suspicious2_##T, (size_t n, const T *a, const T *b, const T *out, bool *any), (n, a, b, out, any)) \
    {                                                                                              \
        BITS most = 0, few = size_bits_##T(huge);                                                  \
        for (size_t i = 0; i < n; i++) {                                                           \
            const BITS x = size_bits_##T(a[i]), y = size_bits_##T(b[i]), r = size_bits_##T(out[i]); \
            const BITS above = x > y ? x : y, below = x > y ? y : x;                               \
            most = r > most ? r : most, most = above > most ? above : most;                        \
            few = r < few ? r : few, few = below < few ? below : few;                              \
        }                                                                                          \
        *any = most > size_bits_##T(huge) || few < size_bits_##T(tiny);                            \
    }                                                                                              \
    SIMD_KERNEL(static, where_suspicious2_##T, (size_t n, const T *a, const T *b, const T *out, unsigned char *again), (n, a, b, out, again)) \
    {                                                                                              \
        for (size_t i = 0; i < n; i++) again[i] = (unsigned char)is_suspicious_##T(a[i], b[i], out[i]); \
    }                                                                                              \
    static void chunk2_##T(block run, T (*one)(T, T), size_t n, T *out, const T *a, const T *b)    \
    {                                                                                              \
        unsigned status = fp_save(); /* comparisons with NaN have flags */                     \
        T room[CHUNK], *got = out == a || out == b ? room : out;                                   \
        unsigned char again[CHUNK];                                                                \
        bool any;                                                                                  \
        run(n, got, a, b);                                                                         \
        suspicious2_##T(n, a, b, got, &any);                                                       \
        if (any) where_suspicious2_##T(n, a, b, got, again);                                       \
        fp_restore(status);                                                                    \
        for (size_t i = 0; any && i < n; i++)                                                      \
            if (again[i]) got[i] = one(a[i], b[i]);                                                \
        if (got != out) memcpy(out, got, n * sizeof(T));                                           \
    }                                                                                              \
    static const T *run_of_##T(T *room, const char *at, ptrdiff_t step, size_t n)                  \
    {                                                                                              \
        if (step == sizeof(T)) return (const T *)(const void *)at;                                 \
        for (size_t k = 0; k < n; k++) room[k] = *(const T *)(const void *)(at + (ptrdiff_t)k * step); \
        return room;                                                                               \
    }                                                                                              \
    void name(enum vmath_pair id, T (*one)(T, T), size_t n, char *const *p, const ptrdiff_t *s)    \
    {                                                                                              \
        block run = find(id);                                                                      \
        char *a = p[0], *b = p[1], *to = p[2];                                                     \
        if (!run) {                                                                                \
            for (size_t i = 0; i < n; i++, a += s[0], b += s[1], to += s[2])                       \
                *(T *)(void *)to = one(*(T *)(void *)a, *(T *)(void *)b);                          \
            return;                                                                                \
        }                                                                                          \
        T x[CHUNK], y[CHUNK], out[CHUNK];                                                          \
        for (size_t i = 0; i < n; i += CHUNK) {                                                    \
            size_t m = n - i < CHUNK ? n - i : CHUNK;                                              \
            char *r = to + (ptrdiff_t)i * s[2];                                                    \
            const bool flat = s[2] == sizeof(T);                                                   \
            chunk2_##T(run, one, m, flat ? (T *)(void *)r : out,                                   \
                       run_of_##T(x, a + (ptrdiff_t)i * s[0], s[0], m),                            \
                       run_of_##T(y, b + (ptrdiff_t)i * s[1], s[1], m));                           \
            for (size_t k = 0; !flat && k < m; k++) *(T *)(void *)(r + (ptrdiff_t)k * s[2]) = out[k]; \
        }                                                                                          \
    }
typedef vmath64 vmath64_find_block;
typedef vmath32 vmath32_find_block;
RUN(vmath64_run, double, int64_t, fabs, vmath64_find)
RUN(vmath32_run, float, int32_t, fabsf, vmath32_find)
RUN2(vmath64_run2, double, int64_t, fabs, 1e-300, 1e300, pair64_find, vmath64_pair)
RUN2(vmath32_run2, float, int32_t, fabsf, 1e-30f, 1e30f, pair32_find, vmath32_pair)
// clang-format on

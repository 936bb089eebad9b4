/* engine/kernels/vmath.c - SLEEF behind vmath.h: one block function per function and vector width.
 *
 * The deterministic (finz) variants are used, so that a result depends neither on the width nor on
 * an element's position; tails go through a padded vector.  Only a processor without fused products
 * (older than AVX2) gets libm's results, which may differ in the last bit. */
#include "engine/kernels/vmath.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "engine/kernels/loops.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

// clang-format off
/* BLOCK(suffix of our name, target, vector type, element, lanes, SLEEF's name, load, store) */
#define BLOCK(name, tag, target_, V, T, N, sleef, load, store)                                     \
    __attribute__((target(target_))) V sleef(V);                                                   \
    __attribute__((target(target_))) static void name##_##tag(size_t n, T *out, const T *in)       \
    {                                                                                              \
        size_t i = 0;                                                                              \
        for (; i + N <= n; i += N) store(out + i, sleef(load(in + i)));                            \
        if (i == n) return;                                                                        \
        T pad[N];                                                                                  \
        for (size_t k = 0; k < N; k++) pad[k] = in[i + k < n ? i + k : n - 1];                     \
        store(pad, sleef(load(pad)));                                                              \
        memcpy(out + i, pad, (n - i) * sizeof(T));                                                 \
    }
#define D8(name, c)  BLOCK(name, d8, "avx512f", __m512d, double, 8, Sleef_finz_##c##d8_u10avx512f, _mm512_loadu_pd, _mm512_storeu_pd)
#define D4(name, c)  BLOCK(name, d4, "avx2,fma", __m256d, double, 4, Sleef_finz_##c##d4_u10avx2, _mm256_loadu_pd, _mm256_storeu_pd)
#define F16(name, c) BLOCK(name, f16, "avx512f", __m512, float, 16, Sleef_finz_##c##f16_u10avx512f, _mm512_loadu_ps, _mm512_storeu_ps)
#define F8(name, c)  BLOCK(name, f8, "avx2,fma", __m256, float, 8, Sleef_finz_##c##f8_u10avx2, _mm256_loadu_ps, _mm256_storeu_ps)
/* The same, one by one: for processors that have fused products but are told to use no vectors. */
#define ONE(name, tag, T, sleef)                                                                   \
    T sleef(T);                                                                                    \
    static void name##_##tag(size_t n, T *out, const T *in)                                        \
    {                                                                                              \
        for (size_t i = 0; i < n; i++) out[i] = sleef(in[i]);                                      \
    }
#define D1(name, c)  ONE(name, d1, double, Sleef_finz_##c##d1_u10purecfma)
#define F1(name, c)  ONE(name, f1, float, Sleef_finz_##c##f1_u10purecfma)
VECTOR_MATH_FUNCTIONS(D1)
VECTOR_MATH_FUNCTIONS(F1)
VECTOR_MATH_FUNCTIONS(D8)
VECTOR_MATH_FUNCTIONS(D4)
VECTOR_MATH_FUNCTIONS(F16)
VECTOR_MATH_FUNCTIONS(F8)
// clang-format on

static const struct {
    vmath64 d8, d4, d1;
    vmath32 f16, f8, f1;
} blocks[NVMATH] = {
#define ROW(name, c)                                                                               \
    [V_##name] = {name##_d8, name##_d4, name##_d1, name##_f16, name##_f8, name##_f1},
    VECTOR_MATH_FUNCTIONS(ROW)
#undef ROW
};

vmath64 vmath64_find(enum vmath_id id)
{
    if (simd_level() == SIMD_AVX512) return blocks[id].d8;
    if (simd_level() == SIMD_AVX2) return blocks[id].d4;
    return __builtin_cpu_supports("fma") ? blocks[id].d1 : NULL;
}

vmath32 vmath32_find(enum vmath_id id)
{
    if (simd_level() == SIMD_AVX512) return blocks[id].f16;
    if (simd_level() == SIMD_AVX2) return blocks[id].f8;
    return __builtin_cpu_supports("fma") ? blocks[id].f1 : NULL;
}

static unsigned status_save(void)
{
    return _mm_getcsr();
}

static void status_restore(unsigned s)
{
    _mm_setcsr(s);
}
#else
vmath64 vmath64_find(enum vmath_id id)
{
    (void)id;
    return NULL;
}

vmath32 vmath32_find(enum vmath_id id)
{
    (void)id;
    return NULL;
}

static unsigned status_save(void)
{
    return 0;
}

static void status_restore(unsigned s)
{
    (void)s;
}
#endif

// clang-format off
enum { CHUNK = 256 };

/* Results that are not finite, and arguments so small that a series may lose them, are libm's; but not
 * roots of small numbers, where libm is the worse. */
#define RUN(name, T, BITS, fabs_, tiny, find)                                                            \
    SIMD_KERNEL(static, suspicious_##T, (size_t n, const T *in, const T *out, T least, int *any), (n, in, out, least, any)) \
    {                                                                                              \
        BITS bad = 0;                                                                              \
        for (size_t i = 0; i < n; i++) bad |= (out[i] - out[i] != 0) | (fabs_(in[i]) < least);      \
        *any = bad != 0;                                                                                \
    }                                                                                              \
    static void chunk_##T(find##_block run, T (*one)(T), T least, size_t n, T *out, const T *in)            \
    {                                                                                              \
        unsigned status = status_save();                                                           \
        T copy[CHUNK];                                                                             \
        const T *from = in;                                                                        \
        if (in == out) from = memcpy(copy, in, n * sizeof(T));                                     \
        run(n, out, from);                                                                         \
        unsigned char again[CHUNK];                                                                \
        int bad;                                                                                   \
        suspicious_##T(n, from, out, least, &bad);                                                    \
        for (size_t i = 0; bad && i < n; i++)                                                      \
            again[i] = out[i] - out[i] != 0 || fabs_(from[i]) < least;                              \
        status_restore(status);                                                                    \
        for (size_t i = 0; bad && i < n; i++)                                                      \
            if (again[i]) out[i] = one(from[i]);                                                   \
    }                                                                                              \
    void name(enum vmath_id id, T (*one)(T), size_t n, char *const *p, const ptrdiff_t *s)         \
    {                                                                                              \
        const T least = id == V_cbrt ? 0 : tiny; \
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
            chunk_##T(run, one, least, m, flat_out ? (T *)b : out, flat_in ? (T *)a : in);                \
            for (size_t k = 0; !flat_out && k < m; k++) *(T *)(b + (ptrdiff_t)k * s[1]) = out[k];  \
        }                                                                                          \
    }
typedef vmath64 vmath64_find_block;
typedef vmath32 vmath32_find_block;
RUN(vmath64_run, double, int64_t, fabs, 1e-300, vmath64_find)
RUN(vmath32_run, float, int32_t, fabsf, 1e-30f, vmath32_find)
// clang-format on

/* engine/kernels/loops_float16.c - the floating loops of ufunc.def, for float16: computed in
 * float, rounded when stored. */
#include <math.h>

#include "engine/kernels/fp.h"
#include "engine/kernels/half.h"

#define LOOP_DT     float16
#define LOOP_MEM    uint16_t
#define LOOP_T      float
#define LOOP_SUFFIX f
#define ABOVE(x, y) ((x) >= (y))
#define BELOW(x, y) ((x) <= (y))
#define LD(p)       half_to_float(*(const uint16_t *)(p))
#define ST(p, v)    (*(uint16_t *)(p) = float_to_half((float)(v)))

/* the neighbour of h away from or towards zero: halves are ordered like their bits */
static inline uint16_t half_next(uint16_t h, float to)
{
    float x = half_to_float(h);
    if (x != x || to != to) return 0x7e00;
    if (x == to) return h;
    if (!(h & 0x7fff)) return to < 0 ? 0x8001 : 1;
    return (uint16_t)((x < to) == !(h & 0x8000) ? h + 1 : h - 1);
}

#define NEXT(r, a, b) (*(uint16_t *)(r) = half_next(*(const uint16_t *)(a), LD(b)))
/* NaN for what is not finite, with the flag; infinite for the largest, as NumPy has it */
static inline uint16_t half_spacing(uint16_t h)
{
    const float x = half_to_float(h);
    if (!(x - x == 0)) {
        fp_raise(FP_INVALID);
        return 0x7e00;
    }
    const uint16_t next = half_next(h, INFINITY);
    return next == 0x7c00 ? half_overflow(0) : float_to_half(half_to_float(next) - x);
}

#define SPACING(r, a) (*(uint16_t *)(r) = half_spacing(*(const uint16_t *)(a)))
#include "engine/kernels/loops.h"
#include "engine/kernels/vmath.h"

// clang-format off
/* Elementwise loops load runs of halves as floats, and store runs of results. */
#undef LOOP1
#undef LOOP2
#define RUNS for (size_t at = 0, m; m = n - at < HALF_RUN ? n - at : HALF_RUN, at < n; at += m)
#define PLACE(q, step) ((q) + (ptrdiff_t)at * (step))
#define EACH_OF_RUN(body) for (size_t i = 0; i < m; i++) { body; }
#define PUT_RUN(sr_)                                                                               \
    if (sr_ == sizeof(LOOP_MEM)) half_store(m, PLACE(r, sr), sr, rs);                              \
    else EACH_OF_RUN(*(bool *)(PLACE(r, sr) + (ptrdiff_t)i * sr) = rs[i] != 0)
#define LOOP1(name, PUT, sr_, body)                                                                \
    LOOP_HEAD(name)                                                                                \
    {                                                                                              \
        float xs[HALF_RUN], rs[HALF_RUN];                                                          \
        const char *a = p[0];                                                                      \
        char *r = p[1];                                                                            \
        const ptrdiff_t sa = s[0], sr = s[1];                                                      \
        RUNS {                                                                                     \
            half_load(m, xs, PLACE(a, sa), sa);                                                    \
            EACH_OF_RUN(const float x = xs[i]; (void)x; rs[i] = (float)(body))                     \
            PUT_RUN(sr_)                                                                           \
        }                                                                                          \
    }
#define LOOP2(name, PUT, sr_, FOLD, body)                                                          \
    LOOP_HEAD(name)                                                                                \
    {                                                                                              \
        float xs[HALF_RUN], ys[HALF_RUN], rs[HALF_RUN];                                            \
        const char *a = p[0], *b = p[1];                                                           \
        char *r = p[2];                                                                            \
        const ptrdiff_t sa = s[0], sb = s[1], sr = s[2], u = sizeof(LOOP_MEM);                     \
        (void)u;                                                                                   \
        FOLD                                                                                       \
        RUNS {                                                                                     \
            half_load(m, xs, PLACE(a, sa), sa);                                                    \
            half_load(m, ys, PLACE(b, sb), sb);                                                    \
            EACH_OF_RUN(const float x = xs[i]; const float y = ys[i]; rs[i] = (float)(body))       \
            PUT_RUN(sr_)                                                                           \
        }                                                                                          \
    }
/* Transcendental functions go to the vectors of float.  NumPy rounds libm's float: where the two
 * may round to different halves, near the middle between them or below the normal ones, libm is
 * asked. */
SIMD_KERNEL(static, near_middle, (size_t n, const float *x, unsigned char *near, bool *any),
            (n, x, near, any))
{
    uint32_t some = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t b;
        memcpy(&b, &x[i], sizeof b);
        const uint32_t size = b & 0x7fffffff;
        const uint32_t odd = (((b + 2 - 0x1000) & 0x1fff) <= 4) | ((size < 0x38800000) & (size != 0));
        near[i] = (unsigned char)odd;
        some |= odd;
    }
    *any = some != 0;
}

static void function_run(enum vmath_id id, float (*libm)(float), size_t n, char *const *p,
                         const ptrdiff_t *s)
{
    float xs[HALF_RUN], rs[HALF_RUN];
    unsigned char near[HALF_RUN];
    RUNS {
        bool any;
        half_load(m, xs, PLACE(p[0], s[0]), s[0]);
        vmath32_run(id, libm, m, (char *[]){(char *)xs, (char *)rs},
                    (const ptrdiff_t[]){sizeof *xs, sizeof *rs});
        near_middle(m, rs, near, &any);
        for (size_t i = 0; any && i < m; i++)
            if (near[i]) rs[i] = libm(xs[i]);
        half_store(m, PLACE(p[1], s[1]), s[1], rs);
    }
}

#define VECTOR_MATH
#define V1(name, res, body)                                                                        \
    static float libm_##name(float x)                                                              \
    {                                                                                              \
        return body;                                                                               \
    }                                                                                              \
    void LOOP_NAME(name)(size_t n, char *const *p, const ptrdiff_t *s);                            \
    void LOOP_NAME(name)(size_t n, char *const *p, const ptrdiff_t *s)                             \
    {                                                                                              \
        function_run(V_##name, libm_##name, n, p, s);                                              \
    }
// clang-format on
#include "engine/kernels/loops_float.h"

LOOP2(arctan2, ST, sizeof(LOOP_MEM), NO_FOLD, atan2f(x, y))

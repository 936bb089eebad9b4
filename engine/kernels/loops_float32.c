/* engine/kernels/loops_float32.c - the floating loops of ufunc.def, for float32. */
#define LOOP_DT       float32
#define LOOP_MEM      float
#define LOOP_T        float
#define LOOP_BITS     int32_t
#define LOOP_SUFFIX   f
#define LD(p)         (*(const float *)(p))
#define ST(p, v)      (*(float *)(p) = (float)(v))
#define NEXT(r, a, b) ST(r, nextafterf(LD(a), LD(b)))
#define SPACING(r, a)                                                                              \
    ST(r, isinf(LD(a)) ? NAN : nextafterf(LD(a), LD(a) < 0 ? -INFINITY : INFINITY) - LD(a))
#include "engine/kernels/fp.h"
#include "engine/kernels/fold.h"
#include "engine/kernels/pairs.h"
#include "engine/kernels/power.h"
#include "engine/kernels/vmath.h"

#define POWER_WHOLE                                                                                \
    if (sb == 0 && n && sa == u && sr == u && power_is_whole((double)LD(b))) {                     \
        power_whole_f32(n, (const float *)(const void *)a, (int)LD(b), (float *)(void *)r);        \
        return;                                                                                    \
    }

/* transcendental functions go to vectors in blocks; libm serves what those cannot */
#define VECTOR_MATH
#define V1(name, res, body)                                                                        \
    static float libm_##name(float x)                                                              \
    {                                                                                              \
        return body;                                                                               \
    }                                                                                              \
    void LOOP_NAME(name)(size_t n, char *const *p, const ptrdiff_t *s);                            \
    void LOOP_NAME(name)(size_t n, char *const *p, const ptrdiff_t *s)                             \
    {                                                                                              \
        vmath32_run(V_##name, libm_##name, n, p, s);                                               \
    }
#define PAIRS_RUN            pairs32_run
#define PAIRWISE_RUN(b, n)   fold_sum_f32((const float *)(const void *)(b), n)
#define POWER_ROUGH(n, p, s) vmath32_run2(V2_power, powf, n, p, s)
#include "engine/kernels/loops_float.h"

// clang-format off
#define V2(name, one)                                                                              \
    void LOOP_NAME(name)(size_t n, char *const *p, const ptrdiff_t *s);                            \
    void LOOP_NAME(name)(size_t n, char *const *p, const ptrdiff_t *s)                             \
    {                                                                                              \
        vmath32_run2(V2_##name, one, n, p, s);                                                     \
    }
V2(arctan2, atan2f)

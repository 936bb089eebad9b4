/* engine/kernels/loops_float64.c - the floating loops of ufunc.def, for float64. */
#define LOOP_DT   float64
#define LOOP_MEM  double
#define LOOP_T    double
#define LOOP_BITS int64_t
#define LOOP_SUFFIX
#define LD(p)         (*(const double *)(p))
#define ST(p, v)      (*(double *)(p) = (double)(v))
#define NEXT(r, a, b) ST(r, nextafter(LD(a), LD(b)))
#define SPACING(r, a)                                                                              \
    ST(r, isinf(LD(a)) ? (double)NAN : nextafter(LD(a), LD(a) < 0 ? -INFINITY : INFINITY) - LD(a))
#include "engine/kernels/fp.h"
#include "engine/kernels/power.h"
#include "engine/kernels/fold.h"
#include "engine/kernels/pairs.h"
#include "engine/kernels/vmath.h"

#define POWER_WHOLE                                                                                \
    if (sb == 0 && n && sa == u && sr == u && power_is_whole(LD(b))) {                             \
        power_whole(n, (const double *)(const void *)a, (int)LD(b), (double *)(void *)r);          \
        return;                                                                                    \
    }

/* transcendental functions go to vectors in blocks; libm serves what those cannot */
#define VECTOR_MATH
#define V1(name, res, body)                                                                        \
    static double libm_##name(double x)                                                            \
    {                                                                                              \
        return body;                                                                               \
    }                                                                                              \
    void LOOP_NAME(name)(size_t n, char *const *p, const ptrdiff_t *s);                            \
    void LOOP_NAME(name)(size_t n, char *const *p, const ptrdiff_t *s)                             \
    {                                                                                              \
        vmath64_run(V_##name, libm_##name, n, p, s);                                               \
    }
#define PAIRS_RUN            pairs64_run
#define PAIRWISE_RUN(b, n)   fold_sum_f64((const double *)(const void *)(b), n)
#define POWER_ROUGH(n, p, s) vmath64_run2(V2_power, pow, n, p, s)
#include "engine/kernels/loops_float.h"

// clang-format off
#define V2(name, one)                                                                              \
    void LOOP_NAME(name)(size_t n, char *const *p, const ptrdiff_t *s);                            \
    void LOOP_NAME(name)(size_t n, char *const *p, const ptrdiff_t *s)                             \
    {                                                                                              \
        vmath64_run2(V2_##name, one, n, p, s);                                                     \
    }
V2(arctan2, atan2)

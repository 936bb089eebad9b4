/* engine/kernels/loops_real.h - the floating loops of a type that the processor computes with;
 * included by loops_float32.c and loops_float64.c, which define LOOP_DT, LOOP_T, LOOP_BITS,
 * LOOP_SUFFIX (of libm's names) and the vectorised parts: POWERS, RUN1, RUN2, PAIRS_RUN, SUM_RUN.
 */
#include "engine/kernels/fold.h"
#include "engine/kernels/fp.h"
#include "engine/kernels/pairs.h"
#include "engine/kernels/power.h"
#include "engine/kernels/vmath.h"

#define LOOP_MEM      LOOP_T
#define ABOVE(x, y)   ((x) > (y))
#define BELOW(x, y)   ((x) < (y))
#define LD(p)         (*(const LOOP_T *)(p))
#define ST(p, v)      (*(LOOP_T *)(p) = (LOOP_T)(v))
#define NEXT(r, a, b) ST(r, M(nextafter, LD(a), LD(b)))
/* no comparison of NaN: it has a flag */
#define SPACING(r, a)                                                                              \
    ST(r, isinf(LD(a)) ? (LOOP_T)NAN                                                               \
                       : M(nextafter, LD(a), isless(LD(a), 0) ? -INFINITY : INFINITY) - LD(a))

/* The same products whatever the steps are: a view has the powers of its array. */
#define POWER_WHOLE                                                                                \
    if (!IS_FOLD && sb == 0 && n && power_is_whole((double)LD(b))) {                               \
        enum { AT_ONCE = 256 };                                                                    \
        const int k = (int)LD(b);                                                                  \
        LOOP_T x[AT_ONCE];                                                                         \
        if (sa == u && sr == u) {                                                                  \
            POWERS(n, (const LOOP_T *)(const void *)a, k, (LOOP_T *)(void *)r);                    \
            return;                                                                                \
        }                                                                                          \
        for (size_t i = 0, m; i < n; i += m) {                                                     \
            m = n - i < AT_ONCE ? n - i : AT_ONCE;                                                 \
            for (size_t j = 0; j < m; j++) x[j] = LD(a + (ptrdiff_t)(i + j) * sa);                 \
            POWERS(m, x, k, x);                                                                    \
            for (size_t j = 0; j < m; j++) ST(r + (ptrdiff_t)(i + j) * sr, x[j]);                  \
        }                                                                                          \
        return;                                                                                    \
    }

/* transcendental functions go to vectors in blocks; libm serves what those cannot */
#define VECTOR_MATH
#define V1(name, res, body)                                                                        \
    static LOOP_T libm_##name(LOOP_T x)                                                            \
    {                                                                                              \
        return body;                                                                               \
    }                                                                                              \
    void LOOP_NAME(name)(size_t n, char *const *p, const ptrdiff_t *s);                            \
    void LOOP_NAME(name)(size_t n, char *const *p, const ptrdiff_t *s)                             \
    {                                                                                              \
        RUN1(V_##name, libm_##name, n, p, s);                                                      \
    }
#define PAIRWISE_RUN(b, n)   SUM_RUN((const LOOP_T *)(const void *)(b), n)
#define POWER_ROUGH(n, p, s) RUN2(V2_power, PASTE(pow, LOOP_SUFFIX), n, p, s)
#include "engine/kernels/loops_float.h"

void LOOP_NAME(arctan2)(size_t n, char *const *p, const ptrdiff_t *s);
void LOOP_NAME(arctan2)(size_t n, char *const *p, const ptrdiff_t *s)
{
    RUN2(V2_arctan2, PASTE(atan2, LOOP_SUFFIX), n, p, s);
}

/* engine/kernels/loops_float64.c - the floating loops of ufunc.def, for float64. */
#define LOOP_DT  float64
#define LOOP_MEM double
#define LOOP_T   double
#define LOOP_SUFFIX
#define LD(p)         (*(const double *)(p))
#define ST(p, v)      (*(double *)(p) = (double)(v))
#define NEXT(r, a, b) ST(r, nextafter(LD(a), LD(b)))
#define SPACING(r, a)                                                                              \
    ST(r, isinf(LD(a)) ? (double)NAN : nextafter(LD(a), LD(a) < 0 ? -INFINITY : INFINITY) - LD(a))
#include "engine/kernels/loops_float.h"

/* engine/kernels/loops_float16.c - the floating loops of ufunc.def, for float16: computed in
 * float, rounded when stored. */
#include "engine/kernels/half.h"

#define LOOP_DT     float16
#define LOOP_MEM    uint16_t
#define LOOP_T      float
#define LOOP_SUFFIX f
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
#define SPACING(r, a)                                                                              \
    do {                                                                                           \
        float v = LD(a), next = half_to_float(half_next(*(const uint16_t *)(a), INFINITY));        \
        ST(r, isinf(v) ? NAN : next - v);                                                          \
    } while (0)
#include <math.h>

#include "engine/kernels/loops_float.h"

LOOP2(arctan2, ST, sizeof(LOOP_MEM), NO_FOLD, atan2f(x, y))

/* engine/kernels/fold_whole.c - sums of whole numbers of 1, 2 and 4 bytes, as they lie in memory.
 *
 * They add up in lanes of twice their size, as many as surely fit, then in 64 bits: no piece is
 * cast first, and all that is waited for is memory. */
#include <string.h>

#include "engine/base/simd.h"
#include "engine/data/dtype.h"
#include "engine/kernels/fold.h"

enum { SIDE_BY_SIDE = 4, BYTES = 32 }; /* vectors, and their size */

typedef void adder(const void *x, size_t n, int64_t *out);

#define NUMBER(x) (x)
#define TRUTH(x)  ((__typeof__(x))((x) != 0) & 1) /* what others call a bool may be any byte */

/* T: of elements; L: of lanes, which take MOST elements each; OF: what an element counts */
#define WHOLE(name, T, L, MOST, OF)                                                                \
    typedef T name##_few __attribute__((vector_size(BYTES)));                                      \
    typedef L name##_lanes __attribute__((vector_size(BYTES / sizeof(T) * sizeof(L))));            \
    SIMD_ALWAYS uint64_t name##_total(const name##_lanes *v)                                       \
    {                                                                                              \
        uint64_t sum = 0;                                                                          \
        L lane[SIDE_BY_SIDE * BYTES / sizeof(T)];                                                  \
        memcpy(lane, v, sizeof lane);                                                              \
        for (size_t i = 0; i < SIDE_BY_SIDE * BYTES / sizeof(T); i++) sum += (uint64_t)lane[i];    \
        return sum;                                                                                \
    }                                                                                              \
    static adder name;                                                                             \
    SIMD_KERNEL(static, name, (const void *at, size_t n, int64_t *out), (at, n, out))              \
    {                                                                                              \
        enum { EACH = BYTES / sizeof(T), ROUND = SIDE_BY_SIDE * EACH };                            \
        const T *x = at;                                                                           \
        uint64_t sum = 0;                                                                          \
        while (n >= ROUND) {                                                                       \
            name##_lanes v[SIDE_BY_SIDE] = {{0}};                                                  \
            size_t rounds = n / ROUND < MOST ? n / ROUND : MOST;                                   \
            for (size_t i = 0; i < rounds; i++, x += ROUND)                                        \
                for (int k = 0; k < SIDE_BY_SIDE; k++) {                                           \
                    name##_few few;                                                                \
                    memcpy(&few, x + k * EACH, sizeof few);                                        \
                    v[k] += __builtin_convertvector(OF(few), name##_lanes);                        \
                }                                                                                  \
            sum += name##_total(v);                                                                \
            n -= rounds * ROUND;                                                                   \
        }                                                                                          \
        for (size_t i = 0; i < n; i++) sum += (uint64_t)OF(x[i]);                                  \
        *out = (int64_t)sum;                                                                       \
    }
WHOLE(of_bool, uint8_t, uint16_t, 256, TRUTH)
WHOLE(of_int8, int8_t, int16_t, 256, NUMBER)
WHOLE(of_uint8, uint8_t, uint16_t, 256, NUMBER)
WHOLE(of_int16, int16_t, int32_t, 32768, NUMBER)
WHOLE(of_uint16, uint16_t, uint32_t, 32768, NUMBER)
WHOLE(of_int32, int32_t, int64_t, SIZE_MAX, NUMBER)
WHOLE(of_uint32, uint32_t, uint64_t, SIZE_MAX, NUMBER)

static adder *const adders[] = {
    [DT_bool] = of_bool,     [DT_int8] = of_int8,   [DT_uint8] = of_uint8,   [DT_int16] = of_int16,
    [DT_uint16] = of_uint16, [DT_int32] = of_int32, [DT_uint32] = of_uint32, [DT_complex128] = NULL,
};

bool fold_is_whole(int from, int to)
{
    if (from == DT_int64) return to == DT_float64;
    return from <= DT_complex128 && adders[from] &&
           (to == DT_int64 || to == DT_uint64 || to == DT_float64);
}

int64_t fold_whole(int dt, const void *x, size_t n)
{
    int64_t sum;
    adders[dt](x, n, &sum);
    return sum;
}

double fold_whole_f64(int dt, const void *x, size_t n)
{
    return dt == DT_int64 ? fold_sum_i64(x, n) : (double)fold_whole(dt, x, n);
}

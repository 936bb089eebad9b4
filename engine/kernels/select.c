/* engine/kernels/select.c - one of two elements, by a mask: bits are moved, types do not matter. */
#include "engine/kernels/select.h"

#include <string.h>

#include "engine/base/stop.h"
#include "engine/data/walk.h"

#define LOOP_DT bits /* the loops here are not of a dtype */
#include "engine/kernels/loops.h"

// clang-format off
/* contiguous, with or without a scalar on either side; any steps */
#define SELECT_LOOP(name, T)                                                                       \
    SIMD_KERNEL(static, name, (size_t n, char *const *p, const ptrdiff_t *s), (n, p, s))           \
    {                                                                                              \
        const char *m = p[0], *a = p[1], *b = p[2];                                                \
        char *r = p[3];                                                                            \
        const ptrdiff_t u = sizeof(T), sm = s[0], sa = s[1], sb = s[2], sr = s[3];                 \
        if (sm == 1 && sa == u && sb == u && sr == u) EACH PICK(T, 1, u, u, u)                     \
        else if (sm == 1 && sa == 0 && sb == u && sr == u) EACH PICK(T, 1, 0, u, u)                \
        else if (sm == 1 && sa == u && sb == 0 && sr == u) EACH PICK(T, 1, u, 0, u)                \
        else if (sm == 1 && sa == 0 && sb == 0 && sr == u) EACH PICK(T, 1, 0, 0, u)                \
        else for (size_t i = 0; i < n; i++) PICK(T, sm, sa, sb, sr)                                \
    }
#define PICK(T, sm, sa, sb, sr)                                                                    \
    {                                                                                              \
        const T x = *(const T *)(a + (ptrdiff_t)i * (sa)), y = *(const T *)(b + (ptrdiff_t)i * (sb)); \
        *(T *)(r + (ptrdiff_t)i * (sr)) = m[(ptrdiff_t)i * (sm)] ? x : y;                          \
    }
// clang-format on
typedef uint8_t bits8 __attribute__((may_alias, aligned(1)));
typedef uint16_t bits16 __attribute__((may_alias, aligned(1)));
typedef uint32_t bits32 __attribute__((may_alias, aligned(1)));
typedef uint64_t bits64 __attribute__((may_alias, aligned(1)));
SELECT_LOOP(select_8, bits8)
SELECT_LOOP(select_16, bits16)
SELECT_LOOP(select_32, bits32)
SELECT_LOOP(select_64, bits64)

static void select_128(size_t n, char *const *p, const ptrdiff_t *s)
{
    for (ptrdiff_t i = 0; i < (ptrdiff_t)n; i++)
        memmove(p[3] + i * s[3], p[0][i * s[0]] ? p[1] + i * s[1] : p[2] + i * s[2], 16);
}

loop select_loop(size_t size)
{
    switch (size) {
    case 1: return select_8;
    case 2: return select_16;
    case 4: return select_32;
    case 8: return select_64;
    case 16: return select_128;
    default: return NULL;
    }
}

enum { LONG = 1 << 18 }; /* elements: between two looks whether to go on */

bool nd_select(nd *out, const nd *mask, const nd *x, const nd *y, err *e)
{
    const nd *of[4] = {mask, x, y, out};
    ptrdiff_t step[4];
    walk w;
    walk_init(&w, out->ndim, nd_shape(out));
    for (int k = 0; k < 4; k++) walk_add_nd(&w, of[k]);
    walk_order(&w);
    if (w.count == 0) return true;
    for (int k = 0; k < 4; k++) step[k] = (ptrdiff_t)w.step[k][0];
    loop run = select_loop(out->size);
    int64_t n = w.shape[0];
    do {
        for (int64_t i = 0; i < n; i += LONG) {
            char *at[4];
            for (int k = 0; k < 4; k++) at[k] = w.at[k] + i * step[k];
            run((size_t)(n - i < LONG ? n - i : LONG), at, step);
            if (n > LONG) TRY(stop_check(e));
        }
    } while (walk_next(&w));
    return true;
}

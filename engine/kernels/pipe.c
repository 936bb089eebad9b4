/* engine/kernels/pipe.c - the stages that fit this processor, by operation and type. */
#include "engine/kernels/pipe.h"

#include <stdint.h>
#include <string.h>

#include "engine/base/simd.h"
#include "engine/kernels/fold.h"
#include "engine/kernels/pipe_level.h"

static const pipe_level *level(void)
{
#if PIPE_LEVELS > 1
    if (simd_level() == SIMD_AVX512) return &pipe_avx512;
    if (simd_level() == SIMD_AVX2) return &pipe_avx2;
#endif
    return &pipe_base;
}

int pipe_kind_of(enum dtype t, size_t lane)
{
    static const struct {
        enum dtype t;
        size_t lane;
    } kinds[] = {
#define KIND(kind, dtype, bytes) {DT_##dtype, bytes},
        PIPE_KINDS(KIND)
#undef KIND
    };
    for (int i = 0; i < NPIPE_KIND; i++)
        if (kinds[i].t == t && kinds[i].lane == lane) return i;
    return -1;
}

enum pipe_op pipe_op_of(const ufunc *f)
{
    static const uint8_t op[NUFUNC] = {
#define OPERATION(name, mirror) [U_##name] = PIPE_##name,
#define ALSO(ufunc, name)       [U_##ufunc] = PIPE_##name,
#include "engine/kernels/pipe_rows.h"
    };
    return op[f->id];
}

enum pipe_op pipe_mirror(enum pipe_op op)
{
    static const uint8_t mirrors[NPIPE_OP] = {
#define OPERATION(name, mirror) [PIPE_##name] = PIPE_##mirror,
#define EXTRA(name, mirror)     [PIPE_##name] = PIPE_##mirror,
#include "engine/kernels/pipe_rows.h"
    };
    return mirrors[op];
}

enum pipe_op pipe_power(int k)
{
    return (enum pipe_op)(PIPE_power_2 + (k - 2));
}

pipe_any *pipe_find(enum pipe_op op, enum pipe_kind kind, int form)
{
    return level()->find(op, kind, form);
}

pipe_any *pipe_end(size_t lane)
{
    return level()->end(lane);
}

size_t pipe_step(size_t lane)
{
    return 8 * level()->bytes / lane;
}

void pipe_run(pipe_stage *s, int stages, size_t n, size_t lane)
{
    if (n == 0) return;
    s[stages].at[0] = (const char *)s;
    s[stages].at[1] = (const char *)(uintptr_t)n;
    level()->run(s, n, pipe_step(lane));
}

void pipe_sum(pipe_stage *s, int stages, enum pipe_kind kind, size_t n, char *room, void *out)
{
    enum { SUMS = FOLD_QUARTER / 128 * 8 }; /* of a quarter */
    const size_t quarters = n / FOLD_QUARTER;
    int64_t lanes[PIPE_LANES], whole = 0;
    switch (kind) {
    case PIPE_f64:
        pipe_run(s, stages, n, 8);
        for (size_t q = 0; q < quarters; q++)
            ((double *)out)[q] = fold_runs_f64((const double *)(const void *)room + q * SUMS);
        return;
    case PIPE_f32:
        pipe_run(s, stages, n, 4);
        for (size_t q = 0; q < quarters; q++)
            ((float *)out)[q] = fold_runs_f32((const float *)(const void *)room + q * SUMS);
        return;
    default: /* int64 */
        memset(room, 0, sizeof lanes);
        pipe_run(s, stages, n, 8);
        memcpy(lanes, room, sizeof lanes);
        for (int i = 0; i < PIPE_LANES; i++) whole += lanes[i];
        *(int64_t *)out = whole;
    }
}

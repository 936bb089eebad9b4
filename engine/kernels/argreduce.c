/* engine/kernels/argreduce.c - positions of the extreme elements along an axis.
 *
 * The first one wins; a NaN wins over everything.  A contiguous run is folded block by block by
 * vectors, and the place is looked for in the best block alone; where the axis is an outer one,
 * rows are compared with a row of bests.  Blocks that are not in C order are read by their strides.
 */
#include <math.h>
#include <string.h>

#include "engine/base/par.h"
#include "engine/base/simd.h"
#include "engine/kernels/half.h"
#include "engine/kernels/index.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/pass.h"
#include "engine/kernels/reduce_parts.h"

// clang-format off
#pragma push_macro("bool")
#undef bool
/* better(x, best): x replaces best; stop: nothing can replace x */
#define ARG(name, dt, T, read, better, stop)                                                       \
    static int64_t arg##name##_##dt(int64_t n, const char *at, ptrdiff_t step, uint32_t size)      \
    {                                                                                              \
        (void)size;                                                                                \
        T best; { const char *p = at; best = read; }                                               \
        int64_t found = 0;                                                                         \
        { const T x = best; (void)x; if (stop) return 0; }                                                \
        for (int64_t i = 1; i < n; i++) {                                                          \
            const char *p = at + i * step;                                                         \
            const T x = read;                                                                      \
            if (better) { best = x; found = i; if (stop) break; }                                  \
        }                                                                                          \
        return found;                                                                              \
    }
/* n columns of `rows` rows, `row` elements apart; best: room for one row's elements.  Columns are
 * compared STRIP at a time: the further down, the fewer change. */
#define ROWS(name, dt, T, U, better, stop)                                                         \
    SIMD_KERNEL(static, rows_##name##_##dt,                                                        \
                (int64_t n, int64_t rows, const char *at, int64_t row, char *room, int64_t *found), \
                (n, rows, at, row, room, found))                                                   \
    {                                                                                              \
        const T *v = (const T *)at;                                                                \
        T *restrict bests = (T *)room;                                                             \
        memcpy(bests, v, (size_t)n * sizeof(T));                                                   \
        memset(found, 0, (size_t)n * sizeof *found);                                               \
        for (int64_t i = 1; i < rows; i++) {                                                       \
            v += row;                                                                              \
            for (int64_t k = 0, end; k < n; k = end) {                                             \
                U any = 0;                                                                         \
                end = k + STRIP <= n ? k + STRIP : n;                                              \
                if (end == k + STRIP)                                                              \
                    for (int64_t c = k; c < k + STRIP; c++) {                                      \
                        T x = bests[c];                                                            \
                        const U stays = (U)(stop);                                                 \
                        const T best = x;                                                          \
                        x = v[c];                                                                  \
                        any |= (U)(better) & (U)!stays;                                            \
                    }                                                                              \
                if (end == k + STRIP && !any) continue;                                            \
                for (int64_t c = k; c < end; c++) {                                                \
                    T x = bests[c];                                                                \
                    if (stop) continue;                                                            \
                    const T best = x;                                                              \
                    x = v[c];                                                                      \
                    if (better) { bests[c] = x; found[c] = i; }                                    \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
#define ARG_WIDE(name, dt, T, U, better, stop)                                                     \
    PASS_OVER(pass_##name##_##dt, T, U, better)                                                    \
    ROWS(name, dt, T, U, better, stop)                                                             \
    ARG(name##_any, dt, T, *(const T *)p, better, stop)                                            \
    static int64_t arg##name##_##dt(int64_t n, const char *at, ptrdiff_t step, uint32_t size)      \
    {                                                                                              \
        if (step != sizeof(T) || n < 2 * STRETCH) return arg##name##_any_##dt(n, at, step, size);  \
        const T *row = (const T *)at;                                                              \
        T best = row[0];                                                                           \
        int64_t found = 0;                                                                         \
        { const T x = best; (void)x; if (stop) return 0; }                                         \
        for (int64_t i = 1, end; i < n; i = end) {                                                 \
            int64_t skip;                                                                          \
            pass_##name##_##dt(row + i, n - i, best, &skip);                                       \
            for (i += skip, end = i + STRETCH < n ? i + STRETCH : n; i < end; i++) {               \
                const T x = row[i];                                                                \
                if (better) { best = x; found = i; if (stop) return found; }                       \
            }                                                                                      \
        }                                                                                          \
        return found;                                                                              \
    }
/* By the folds of maximum and minimum, block by block; then the place within the best block. */
#define ARG_FOLD(name, fold, dt, T, U, better, stop)                                               \
    PASS_OVER(pass_##name##_##dt, T, U, x == best)                                                 \
    void loop_##fold##_##dt(size_t n, char *const *p, const ptrdiff_t *s);                         \
    ARG(name##_any, dt, T, *(const T *)p, better, stop)                                            \
    static int64_t arg##name##_##dt(int64_t n, const char *at, ptrdiff_t step, uint32_t size)      \
    {                                                                                              \
        enum { FEW = 16 };                                                                         \
        const int64_t block = n > 1 << 16 ? 8192 : 2048;                                           \
        if (step != sizeof(T) || n < FEW) return arg##name##_any_##dt(n, at, step, size);          \
        const T *row = (const T *)at;                                                              \
        T best = row[0];                                                                           \
        int64_t from = 0;                                                                          \
        for (int64_t i = 0; i < n; i += block) {                                                   \
            T x = row[i];                                                                          \
            char *p[3] = {(char *)&x, (char *)(uintptr_t)(row + i), (char *)&x};                   \
            loop_##fold##_##dt((size_t)(n - i < block ? n - i : block), p, (const ptrdiff_t[]){0, sizeof(T), 0});                     \
            if (better) { best = x; from = i; if (stop) break; }                                   \
        }                                                                                          \
        if (best != best) /* NaN */                                                                \
            while (row[from] == row[from]) from++;                                                 \
        else {                                                                                     \
            int64_t skip;                                                                          \
            pass_##name##_##dt(row + from, n - from, best, &skip);                                 \
            for (from += skip; row[from] != best;) from++;                                         \
        }                                                                                          \
        return from;                                                                               \
    }
enum { STRIP = 32, COLUMNS = 512, LARGE = 1 << 15 };
#define BOTH_TRUTH(dt, T, U) ARG_WIDE(max, dt, T, U, x > best, x != 0) ARG_WIDE(min, dt, T, U, x < best, x == 0)
#define BOTH_FOLD(dt, T, U) ARG_FOLD(max, maximum, dt, T, U, x > best, 0) ARG_FOLD(min, minimum, dt, T, U, x < best, 0) \
    ROWS(max, dt, T, U, x > best, 0) ROWS(min, dt, T, U, x < best, 0)
#define BOTH_FLOAT(dt, T, U) \
    ARG_FOLD(max, maximum, dt, T, U, !(x <= best), x != x) ARG_FOLD(min, minimum, dt, T, U, !(x >= best), x != x) \
    ROWS(max, dt, T, U, !(x <= best), x != x) ROWS(min, dt, T, U, !(x >= best), x != x)
BOTH_TRUTH(bool, uint8_t, uint8_t)
BOTH_FOLD(int8, int8_t, uint8_t) BOTH_FOLD(uint8, uint8_t, uint8_t)
BOTH_FOLD(int16, int16_t, uint16_t) BOTH_FOLD(uint16, uint16_t, uint16_t)
BOTH_FOLD(int32, int32_t, uint32_t) BOTH_FOLD(uint32, uint32_t, uint32_t)
BOTH_FOLD(int64, int64_t, uint64_t) BOTH_FOLD(uint64, uint64_t, uint64_t)
#define READ_HALF half_to_float(*(const uint16_t *)p)
ARG(max, float16, float, READ_HALF, !(x <= best), x != x)
ARG(min, float16, float, READ_HALF, !(x >= best), x != x)
BOTH_FLOAT(float32, float, uint32_t)
BOTH_FLOAT(float64, double, uint64_t)

typedef struct pair { double re, im; } pair;
static int is_nan(pair x) { return x.re != x.re || x.im != x.im; }
static int above(pair x, pair y) { return x.re > y.re || (x.re == y.re && x.im > y.im); }
#define READ_PAIR(T) ((pair){((const T *)p)[0], ((const T *)p)[1]})
#define BOTH_COMPLEX(dt, T) \
    ARG(max, dt, pair, READ_PAIR(T), above(x, best) || is_nan(x), is_nan(x)) \
    ARG(min, dt, pair, READ_PAIR(T), above(best, x) || is_nan(x), is_nan(x))
BOTH_COMPLEX(complex64, float)
BOTH_COMPLEX(complex128, double)
/* moments: NaT wins */
ARG(max, time, int64_t, *(const int64_t *)p, x > best || x == INT64_MIN, x == INT64_MIN)
ARG(min, time, int64_t, *(const int64_t *)p, x < best, x == INT64_MIN)

static int text_order(const char *a, const char *b, uint32_t size, int wide)
{
    if (!wide) return memcmp(a, b, size);
    const uint32_t *x = (const uint32_t *)a, *y = (const uint32_t *)b;
    for (uint32_t i = 0; i < size / 4; i++)
        if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
    return 0;
}
#define TEXT(name, dt, sign, wide)                                                                 \
    static int64_t arg##name##_##dt(int64_t n, const char *at, ptrdiff_t step, uint32_t size)      \
    {                                                                                              \
        int64_t found = 0;                                                                         \
        for (int64_t i = 1; i < n; i++)                                                            \
            if (sign * text_order(at + i * step, at + found * step, size, wide) > 0) found = i;    \
        return found;                                                                              \
    }
TEXT(max, bytes, 1, 0) TEXT(min, bytes, -1, 0) TEXT(max, str, 1, 1) TEXT(min, str, -1, 1)

#define SLOTS(name) { \
    [DT_bool] = arg##name##_bool, [DT_int8] = arg##name##_int8, [DT_uint8] = arg##name##_uint8, \
    [DT_int16] = arg##name##_int16, [DT_uint16] = arg##name##_uint16, [DT_int32] = arg##name##_int32, \
    [DT_uint32] = arg##name##_uint32, [DT_int64] = arg##name##_int64, [DT_uint64] = arg##name##_uint64, \
    [DT_float16] = arg##name##_float16, [DT_float32] = arg##name##_float32, [DT_float64] = arg##name##_float64, \
    [DT_complex64] = arg##name##_complex64, [DT_complex128] = arg##name##_complex128, \
    [DT_bytes] = arg##name##_bytes, [DT_str] = arg##name##_str, \
    [DT_datetime64] = arg##name##_time, [DT_timedelta64] = arg##name##_time}
static const arg_loop loops[2][NDTYPE] = {SLOTS(min), SLOTS(max)};
#define SLOTS_ROWS(name) { \
    [DT_bool] = rows_##name##_bool, [DT_int8] = rows_##name##_int8, [DT_uint8] = rows_##name##_uint8, \
    [DT_int16] = rows_##name##_int16, [DT_uint16] = rows_##name##_uint16, [DT_int32] = rows_##name##_int32, \
    [DT_uint32] = rows_##name##_uint32, [DT_int64] = rows_##name##_int64, [DT_uint64] = rows_##name##_uint64, \
    [DT_float32] = rows_##name##_float32, [DT_float64] = rows_##name##_float64}
typedef void rows_loop(int64_t n, int64_t rows, const char *at, int64_t row, char *room, int64_t *found);
static rows_loop *const row_loops[2][NDTYPE] = {SLOTS_ROWS(min), SLOTS_ROWS(max)};
#pragma pop_macro("bool")
// clang-format on

arg_loop arg_loop_of(bool max, enum dtype t)
{
    return loops[max][t];
}

/* along one axis of x; out is C ordered without it */
static void find_strided(const nd *x, int axis, arg_loop run, int64_t *out)
{
    int64_t n = nd_shape(x)[axis], step = nd_strides(x)[axis], index[ND_MAXDIM] = {0};
    int64_t total = nd_count(x) / (n ? n : 1);
    char *at = x->at;
    for (int64_t k = 0; k < total; k++) {
        out[k] = run(n, at, step, x->size);
        for (int i = x->ndim; i-- > 0;) {
            if (i == axis) continue;
            at += nd_strides(x)[i];
            if (++index[i] < nd_shape(x)[i]) break;
            at -= nd_shape(x)[i] * nd_strides(x)[i];
            index[i] = 0;
        }
    }
}

/* a block in C order: `outer` times n rows of `inner` elements */
typedef struct find_job {
    const char *at;
    int64_t outer, n, inner, size, columns, strips; /* columns of a turn, turns of an outer */
    arg_loop run;
    rows_loop *rows;
    int64_t *out;
} find_job;

static void find_columns(void *arg, int64_t turn)
{
    const find_job *j = arg;
    int64_t o = turn / j->strips, c = turn % j->strips * j->columns;
    int64_t n = j->inner - c < j->columns ? j->inner - c : j->columns;
    char room[COLUMNS * 8];
    const char *at = j->at + (o * j->n * j->inner + c) * j->size;
    j->rows(n, j->n, at, j->inner, room, j->out + o * j->inner + c);
}

static void find_runs(void *arg, int64_t turn)
{
    const find_job *j = arg;
    int64_t i = turn * j->outer / j->strips, end = (turn + 1) * j->outer / j->strips;
    for (; i < end; i++)
        j->out[i] = j->run(j->n, j->at + i * j->n * j->size, j->size, (uint32_t)j->size);
}

static void find_along(const nd *x, int axis, bool max, int64_t *out)
{
    find_job j = {.at = x->at,
                  .outer = 1,
                  .n = nd_shape(x)[axis],
                  .inner = 1,
                  .size = x->size,
                  .run = loops[max][x->dtype],
                  .rows = row_loops[max][x->dtype],
                  .out = out};
    for (int i = 0; i < x->ndim; i++)
        *(i < axis ? &j.outer : &j.inner) *= i == axis ? 1 : nd_shape(x)[i];
    bool wide = j.inner >= STRIP && j.rows, c = x->flags & ND_C;
    if (!c || nd_count(x) < LARGE || !(j.inner == 1 || wide)) {
        find_strided(x, axis, j.run, out);
        return;
    }
    j.columns = j.inner < COLUMNS ? j.inner : COLUMNS;
    j.strips = j.inner == 1 ? nd_count(x) / LARGE : (j.inner + j.columns - 1) / j.columns;
    if (j.inner == 1)
        par_for(j.strips, find_runs, &j);
    else
        par_for(j.outer * j.strips, find_columns, &j);
}

static nd *arg_flat(const nd *x, bool keepdims, arg_loop run, err *e)
{
    nd *flat = nd_contiguous(x, e);
    if (!flat) return NULL;
    int64_t found = run(nd_count(x), flat->at, x->size, x->size), ones[ND_MAXDIM];
    datum_unref(flat);
    nd *r = nd_scalar(DT_int64, &found);
    if (!keepdims) return r;
    for (int i = 0; i < x->ndim; i++) ones[i] = 1;
    nd *kept = nd_reshape(r, x->ndim, ones, e);
    datum_unref(r);
    return kept;
}

static nd *arg_axis(const nd *x, int axis, bool keepdims, bool max, err *e)
{
    int64_t shape[ND_MAXDIM];
    int n = 0;
    for (int i = 0; i < x->ndim; i++)
        if (i != axis)
            shape[n++] = nd_shape(x)[i];
        else if (keepdims)
            shape[n++] = 1;
    nd *r = nd_new(dtype_plain(DT_int64), n, shape, e);
    if (r) find_along(x, axis, max, (int64_t *)r->at);
    return r;
}

nd *reduce_argminmax(const reduction *r, const nd *x, uint32_t axes, bool keepdims, dtype_of want,
                     reduce_opts *o, err *e)
{
    (void)want;
    bool max = r->fold->id == U_maximum;
    arg_loop run = loops[max][x->dtype];
    if (!run)
        return err_set(e, TypeError, "Cannot take %s of an array of %s", max ? "argmax" : "argmin",
                       dtypes[x->dtype].name);
    bool flat = axes == axes_of(x, ALL_AXES) && x->ndim != 1;
    if (!flat && (axes & (axes - 1)))
        return err_set(e, TypeError, "%s takes one axis or all", r->name);
    int axis = axes ? __builtin_ctz(axes) : 0;
    bool empty = flat ? nd_count(x) == 0 : nd_shape(x)[axis] == 0;
    if (empty)
        return err_set(e, ValueError, "attempt to get %s of an empty sequence",
                       max ? "argmax" : "argmin");
    nd *out = flat ? arg_flat(x, keepdims, run, e) : arg_axis(x, axis, keepdims, max, e);
    if (out && o && o->out) {
        bool ok = nd_assign(o->out, out, 'u', NULL, e);
        datum_unref(out);
        return ok ? nd_ref(o->out) : NULL;
    }
    return out;
}

static bool holds_no_nan(const nd *x, err *e)
{
    dtype_of none = {.dt = DT_none};
    if (nd_count(x) == 0) return true;
    nd *most = nd_ufunc_reduce(&ufuncs[U_maximum], x, ALL_AXES, false, none, NULL, e);
    nd *isnan = most ? nd_map1(U_isnan, most, e) : NULL;
    bool no = isnan && !*(bool *)isnan->at;
    datum_unref(most);
    datum_unref(isnan);
    return no;
}

nd *reduce_nanargminmax(const reduction *r, const nd *x, uint32_t axes, bool keepdims,
                        dtype_of want, reduce_opts *o, err *e)
{
    bool inexact = x->dtype >= DT_float16 && x->dtype <= DT_complex128;
    if (!inexact || holds_no_nan(x, e)) return reduce_argminmax(r, x, axes, keepdims, want, o, e);
    if (e->kind) return NULL;
    dtype_of none = {.dt = DT_none};
    double fill = r->fold->id == U_maximum ? -INFINITY : INFINITY;
    nd *mask = nd_map1(U_isnan, x, e), *y = nd_copy_order(x, 'K', e), *out = NULL;
    nd *v = nd_scalar(DT_float64, &fill), *all = NULL, *some = NULL;
    if (mask && y && nd_assign(y, v, 'u', mask, e))
        all = nd_ufunc_reduce(&ufuncs[U_logical_and], mask, axes, false, none, NULL, e);
    if (all) some = nd_ufunc_reduce(&ufuncs[U_logical_or], all, ALL_AXES, false, none, NULL, e);
    if (some && *(bool *)some->at)
        err_set(e, ValueError, "All-NaN slice encountered");
    else if (some)
        out = reduce_argminmax(r, y, axes, keepdims, want, o, e);
    datum_unref(mask);
    datum_unref(y);
    datum_unref(v);
    datum_unref(all);
    datum_unref(some);
    return out;
}

/* engine/kernels/scan.c - running folds: accumulate, reduceat; outer products of a ufunc; at.
 *
 * accumulate runs the binary loop with its output one step behind: out[i] = f(out[i-1], x[i]).
 * When many lanes run side by side the axis goes outside and the loop works across the lanes; sums
 * and products along contiguous rows have loops of their own, several rows abreast. */
#include "engine/kernels/scan.h"

#include <stdatomic.h>
#include <string.h>

#include "engine/base/par.h"
#include "engine/base/stop.h"
#include "engine/kernels/cast.h"
#include "engine/kernels/fp.h"
#include "engine/kernels/index.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/reduce.h"

const scan scans[NSCAN] = {
#define SCAN(name, fold, skip_nan, doc) {#name, doc, fold, skip_nan},
#include "engine/kernels/scan.def"
#undef SCAN
};

const scan *scan_find(const char *name)
{
    for (int i = 0; i < NSCAN; i++)
        if (!strcmp(scans[i].name, name)) return &scans[i];
    return NULL;
}

static dtype_of widened(const ufunc *f, dtype_of t)
{
    if (f->id != U_add && f->id != U_multiply) return t;
    if (t.dt == DT_bool || (dtypes[t.dt].kind == 'i' && t.size < 8)) return dtype_plain(DT_int64);
    if (dtypes[t.dt].kind == 'u' && t.size < 8) return dtype_plain(DT_uint64);
    return t;
}

/* a loop T,T -> T */
static bool uniform_plan(const ufunc *f, const nd *x, dtype_of want, const char *what,
                         ufunc_plan *plan, err *e)
{
    if (f->nin != 2 || f->nout != 1)
        return err_set(e, ValueError, "%s only supported for binary functions", what);
    if (want.dt == DT_none && widened(f, nd_type(x)).dt != x->dtype) want = widened(f, nd_type(x));
    operand both[2] = {{.t = nd_type(x)}, {.t = nd_type(x)}};
    bool logical = f->id == U_logical_and || f->id == U_logical_or || f->id == U_logical_xor;
    if (logical) both[0].t = both[1].t = dtype_plain(DT_bool);
    TRY(ufunc_resolve(f, both, want, 'u', plan, e));
    if (plan->arg[0].dt == plan->arg[2].dt) return true;
    return err_set(e, TypeError, "the resolved dtypes are not compatible with %s.%s", f->name,
                   what);
}

/* x, of the loop's type and laid out as r (or r itself), along the axis into r */
static void accumulate(const nd *x, nd *r, int axis, loop run)
{
    int64_t n = nd_shape(r)[axis], step = nd_strides(r)[axis], index[ND_MAXDIM] = {0};
    if (nd_count(r) == 0) return;
    int lane = -1; /* the axis with the smallest stride beside `axis` */
    for (int i = 0; i < r->ndim; i++)
        if (i != axis && nd_shape(r)[i] > 1 && (lane < 0 || nd_strides(r)[i] < nd_strides(r)[lane]))
            lane = i;
    bool across = lane >= 0 && nd_strides(r)[lane] < step;
    int64_t width = across ? nd_shape(r)[lane] : 1, ws = across ? nd_strides(r)[lane] : 0;
    char *at = r->at, *from = x->at;
    for (;;) {
        for (int64_t i = 0; i < width && x != r; i++) memcpy(at + i * ws, from + i * ws, r->size);
        if (across)
            for (int64_t i = 1; i < n; i++) {
                char *to = at + i * step;
                run((size_t)width, (char *[]){to - step, from + i * step, to},
                    (ptrdiff_t[]){ws, ws, ws, 0, 0});
            }
        else
            for (int64_t i = 1; i < n; i++) { /* one by one: each needs the one before */
                char *to = at + i * step;
                run(1, (char *[]){to - step, from + i * step, to},
                    (ptrdiff_t[]){step, step, step, 0, 0});
            }
        int i = r->ndim;
        while (i-- > 0) {
            if (i == axis || (across && i == lane)) continue;
            at += nd_strides(r)[i];
            from += nd_strides(r)[i];
            if (++index[i] < nd_shape(r)[i]) break;
            at -= nd_shape(r)[i] * nd_strides(r)[i];
            from -= nd_shape(r)[i] * nd_strides(r)[i];
            index[i] = 0;
        }
        if (i < 0) return;
    }
}

/* --- sums and products along contiguous rows ----------------------------------------------------
 */

enum { LONG = 1 << 18, ABREAST = 8 };

/* n elements after the first of a row; or of ABREAST rows, `row` bytes apart, side by side: a sum
 * must wait for the one before it, but not for its neighbours */
typedef void running(int64_t n, const char *from, char *to);
typedef void abreast(int64_t n, int64_t row, const char *from, char *to);

// clang-format off
#define RUNNING(name, T, op)                                                                       \
    static void run_##name(int64_t n, const char *from, char *to)                                  \
    {                                                                                              \
        const T *p = (const T *)from;                                                              \
        T *r = (T *)to, s = r[-1];                                                                 \
        for (int64_t i = 0; i < n; i++) r[i] = s = (T)(s op p[i]);                                 \
    }                                                                                              \
    static void run_##name##_abreast(int64_t n, int64_t row, const char *from, char *to)           \
    {                                                                                              \
        const T *p = (const T *)from;                                                              \
        T *r = (T *)to, s[ABREAST];                                                                \
        const int64_t step = row / (int64_t)sizeof(T);                                             \
        for (int k = 0; k < ABREAST; k++) s[k] = r[k * step - 1];                                  \
        for (int64_t i = 0; i < n; i++)                                                            \
            for (int k = 0; k < ABREAST; k++)                                                      \
                r[k * step + i] = s[k] = (T)(s[k] op p[k * step + i]);                             \
    }
RUNNING(sum_i64, int64_t, +)  RUNNING(sum_f64, double, +)  RUNNING(sum_f32, float, +)
RUNNING(prod_i64, int64_t, *) RUNNING(prod_f64, double, *) RUNNING(prod_f32, float, *)
    // clang-format on

    typedef struct rows_job {
    running *run;
    abreast *run_abreast;
    const char *from;
    char *to;
    int64_t n, rows, size;
    _Atomic unsigned flags;
    _Atomic bool stopped;
} rows_job;

#define PICK(j, name)                                                                              \
    do {                                                                                           \
        (j)->run = run_##name;                                                                     \
        (j)->run_abreast = run_##name##_abreast;                                                   \
    } while (0)

/* Is there a loop of its own? */
static bool find_running(rows_job *j, const ufunc *f, enum dtype d)
{
    bool add = f->id == U_add, ints = d == DT_int64 || d == DT_uint64;
    if (!add && f->id != U_multiply) return false;
    if (ints && add) PICK(j, sum_i64);
    if (ints && !add) PICK(j, prod_i64);
    if (d == DT_float64 && add) PICK(j, sum_f64);
    if (d == DT_float64 && !add) PICK(j, prod_f64);
    if (d == DT_float32 && add) PICK(j, sum_f32);
    if (d == DT_float32 && !add) PICK(j, prod_f32);
    return j->run != NULL;
}

/* a row, looking now and then whether to go on */
static void run_row(rows_job *j, const char *from, char *to)
{
    if (from != to) memcpy(to, from, (size_t)j->size);
    for (int64_t i = 1, some; i < j->n; i += some) {
        some = j->n - i < LONG ? j->n - i : LONG;
        j->run(some, from + i * j->size, to + i * j->size);
        if (stop_asked()) atomic_store(&j->stopped, true);
        if (atomic_load_explicit(&j->stopped, memory_order_relaxed)) return;
    }
}

static void run_rows(void *arg, int64_t group)
{
    rows_job *j = arg;
    int64_t row = j->n * j->size, first = group * ABREAST, left = j->rows - first;
    const char *from = j->from + first * row;
    char *to = j->to + first * row;
    unsigned before = fp_test();
    fp_clear();
    if (left >= ABREAST && j->n <= LONG) {
        for (int k = 0; k < ABREAST && from != to; k++)
            memcpy(to + k * row, from + k * row, (size_t)j->size);
        j->run_abreast(j->n - 1, row, from + j->size, to + j->size);
    } else
        for (int64_t k = 0; k < left && k < ABREAST; k++) run_row(j, from + k * row, to + k * row);
    if (stop_asked()) atomic_store(&j->stopped, true);
    atomic_fetch_or_explicit(&j->flags, fp_test(), memory_order_relaxed);
    fp_raise(before);
}

/* x into r, both in C order, along the last axis */
static bool accumulate_rows(rows_job *j, const nd *x, nd *r, err *e)
{
    j->from = x->at;
    j->to = r->at;
    j->size = r->size;
    j->n = nd_shape(r)[r->ndim - 1];
    j->rows = j->n ? nd_count(r) / j->n : 0;
    int64_t groups = (j->rows + ABREAST - 1) / ABREAST;
    if (nd_count(r) >= LONG)
        par_for(groups, run_rows, j);
    else
        for (int64_t i = 0; i < groups; i++) run_rows(j, i);
    fp_raise(j->flags);
    return !j->stopped || stop_check(e);
}

static bool same_layout(const nd *x, const nd *r)
{
    return x->dtype != DT_object && x->dtype == r->dtype && x->size == r->size &&
           x->unit == r->unit &&
           !memcmp(nd_strides(x), nd_strides(r), (size_t)r->ndim * sizeof(int64_t));
}

nd *nd_accumulate(const ufunc *f, const nd *x, int axis, dtype_of want, unsigned *flags, err *e)
{
    ufunc_plan plan;
    TRY(uniform_plan(f, x, want, "accumulate", &plan, e));
    if (x->ndim == 0) return err_set(e, TypeError, "cannot accumulate on a scalar");
    nd *r = nd_new_like(x, plan.arg[2], e);
    if (!r) return NULL;
    bool direct = same_layout(x, r), ok = direct || nd_assign(r, x, 'u', NULL, e);
    const nd *from = direct ? x : r;
    rows_job j = {0};
    fp_clear();
    if (ok && axis == r->ndim - 1 && nd_is_c(r) && find_running(&j, f, plan.arg[2].dt))
        ok = accumulate_rows(&j, from, r, e);
    else if (ok)
        accumulate(from, r, axis, plan.run);
    if (flags) *flags |= fp_reported(f, x->dtype, fp_test());
    return ok ? r : datum_unref(r);
}

nd *nd_scan(const scan *s, const nd *x, int axis, dtype_of want, unsigned *flags, err *e)
{
    const ufunc *f = &ufuncs[s->fold];
    bool inexact = x->dtype >= DT_float16 && x->dtype <= DT_complex128;
    if (!s->skip_nan || !inexact) return nd_accumulate(f, x, axis, want, flags, e);
    int64_t fill = s->fold == U_multiply;
    nd *mask = nd_map1(U_isnan, x, e), *y = nd_copy_order(x, 'K', e), *out = NULL;
    nd *v = nd_scalar(DT_int64, &fill);
    if (mask && y && nd_assign(y, v, 'u', mask, e)) out = nd_accumulate(f, y, axis, want, flags, e);
    datum_unref(mask);
    datum_unref(y);
    datum_unref(v);
    return out;
}

/* --- reduceat --------------------------------------------------------------------------------- */

static bool check_places(const int64_t *at, int64_t m, int64_t n, const char *name, err *e)
{
    for (int64_t i = 0; i < m; i++)
        if (at[i] < 0 || at[i] >= n)
            return err_set(e, IndexError, "index %ld out-of-bounds in %s.reduceat [0, %ld)",
                           (long)at[i], name, (long)n);
    return true;
}

/* every lane along the axis: a piece is its first element folded with the run of the others */
static void fold_pieces(const nd *x, nd *r, const int64_t *places, int axis, loop run)
{
    int64_t n = nd_shape(x)[axis], m = nd_shape(r)[axis], index[ND_MAXDIM] = {0};
    ptrdiff_t xs = nd_strides(x)[axis], rs = nd_strides(r)[axis];
    int64_t lanes = m ? nd_count(r) / m : 0;
    char *xat = x->at, *rat = r->at;
    for (int64_t k = 0; k < lanes; k++) {
        for (int64_t i = 0; i < m; i++) {
            int64_t first = places[i], end = i + 1 < m ? places[i + 1] : n;
            char *to = rat + i * rs;
            memcpy(to, xat + first * xs, x->size);
            if (end > first + 1)
                run((size_t)(end - first - 1), (char *[]){to, xat + (first + 1) * xs, to},
                    (ptrdiff_t[]){0, xs, 0, 0, 0});
        }
        for (int i = x->ndim; i-- > 0;) {
            if (i == axis) continue;
            xat += nd_strides(x)[i];
            rat += nd_strides(r)[i];
            if (++index[i] < nd_shape(x)[i]) break;
            xat -= nd_shape(x)[i] * nd_strides(x)[i];
            rat -= nd_shape(x)[i] * nd_strides(r)[i];
            index[i] = 0;
        }
    }
}

nd *nd_reduceat(const ufunc *f, const nd *x, const nd *indices, int axis, dtype_of want,
                unsigned *flags, err *e)
{
    ufunc_plan plan;
    int64_t shape[ND_MAXDIM], n = nd_shape(x)[axis], m = nd_count(indices);
    TRY(uniform_plan(f, x, want, "reduceat", &plan, e));
    nd *at = nd_cast(indices, dtype_plain(DT_int64), 'k', e),
       *flat = at ? nd_contiguous(at, e) : NULL;
    nd *work = flat ? nd_cast(x, plan.arg[0], 'u', e) : NULL;
    memcpy(shape, nd_shape(x), (size_t)x->ndim * sizeof *shape);
    shape[axis] = m;
    nd *r = work ? nd_new(plan.arg[2], x->ndim, shape, e) : NULL;
    bool ok = r != NULL;
    if (ok) ok = check_places((const int64_t *)flat->at, m, n, f->name, e);
    fp_clear();
    if (ok) fold_pieces(work, r, (const int64_t *)flat->at, axis, plan.run);
    if (flags) *flags |= fp_reported(f, x->dtype, fp_test());
    datum_unref(at);
    datum_unref(flat);
    datum_unref(work);
    return ok ? r : datum_unref(r);
}

/* --- outer ------------------------------------------------------------------------------------ */

nd *nd_outer(const ufunc *f, const nd *x, const nd *y, dtype_of want, unsigned *flags, err *e)
{
    int64_t shape[ND_MAXDIM], strides[ND_MAXDIM];
    int ndim = x->ndim + y->ndim;
    if (f->nin != 2)
        return err_set(e, ValueError, "outer product only supported for binary functions");
    if (ndim > ND_MAXDIM)
        return err_set(e, ValueError, "maximum supported dimension for an ndarray is %d, found %d",
                       ND_MAXDIM, ndim);
    for (int i = 0; i < ndim; i++) {
        shape[i] = i < x->ndim ? nd_shape(x)[i] : 1;
        strides[i] = i < x->ndim ? nd_strides(x)[i] : 0;
    }
    nd *wide = nd_view(x->b, x->at, nd_type(x), ndim, shape, strides), *out[2] = {NULL};
    map_opts o = OPTS_NONE;
    o.dtype = want;
    nd_map(f, (const nd *const[]){wide, y}, &o, out, e);
    if (flags) *flags |= o.flags;
    datum_unref(wide);
    return out[0];
}

/* --- at --------------------------------------------------------------------------------------- */

typedef struct at_job {
    const ufunc *f;
    ufunc_plan plan;
    dtype_of target;
    cast_loop in, out; /* NULL: the loop's type is the target's */
} at_job;

/* one selected cell: cast, run, cast back */
static bool at_cell(const at_job *j, char *cell, char *y, err *e)
{
    char x[16], r[16], *from = cell, *to = cell;
    dtype_of in = j->plan.arg[0], out = j->plan.arg[j->f->nin];
    if (j->in) {
        TRY(j->in(1, x, 16, cell, 16, in, j->target, e));
        from = x;
    }
    if (j->out) to = r;
    if (j->f->nin == 2)
        j->plan.run(1, (char *[]){from, y, to}, (ptrdiff_t[]){16, 16, 16, 0, 0});
    else
        j->plan.run(1, (char *[]){from, to}, (ptrdiff_t[]){16, 16, 0, 0});
    return !j->out || j->out(1, cell, 16, r, 16, j->target, out, e);
}

static bool at_plan(at_job *j, const ufunc *f, const nd *target, const nd *y, err *e)
{
    dtype_of none = {.dt = DT_none};
    operand in[2] = {{.t = nd_type(target)}, {.t = nd_type(y ? y : target)}};
    if (y) in[1] = operand_of(y);
    *j = (at_job){.f = f, .target = nd_type(target)};
    if (f->nout != 1 || f->nin != (y ? 2 : 1))
        return err_set(e, TypeError, "ufunc.at takes a second operand for binary ufuncs only");
    TRY(ufunc_resolve(f, in, none, 0, &j->plan, e));
    dtype_of out = j->plan.arg[f->nin];
    if (!dtype_can_cast(out, j->target, 'k'))
        return ufunc_cast_error(f, "output", out, j->target, 'k', e);
    if (j->plan.arg[0].dt > DT_complex128)
        return err_set(e, NotImplementedError, "ufunc.at: %s of %s in place is not supported",
                       f->name, dtypes[j->target.dt].name);
    if (j->plan.arg[0].dt != j->target.dt) j->in = cast_find(j->plan.arg[0], j->target, e);
    if (out.dt != j->target.dt) j->out = cast_find(j->target, out, e);
    return !e->kind;
}

bool nd_at(const ufunc *f, nd *target, const index_item *items, int n, const nd *y, err *e)
{
    at_job j;
    TRY(at_plan(&j, f, target, y, e));
    nd *places = nd_index_places(target, items, n, e);
    nd *flat = places ? nd_contiguous(places, e) : NULL, *v = NULL, *cast = NULL, *vc = NULL;
    if (flat && y) {
        v = nd_broadcast(y, places->ndim, nd_shape(places), e);
        cast = v ? nd_cast(v, j.plan.arg[1], 'u', e) : NULL;
        vc = cast ? nd_copy(cast, e) : NULL;
    }
    bool ok = flat && (!y || vc);
    int64_t count = ok ? nd_count(places) : 0, size = vc ? vc->size : 0;
    for (int64_t i = 0; ok && i < count; i++)
        ok = at_cell(&j, target->at + ((int64_t *)flat->at)[i], vc ? vc->at + i * size : NULL, e);
    datum_unref(places);
    datum_unref(flat);
    datum_unref(v);
    datum_unref(cast);
    datum_unref(vc);
    return ok;
}

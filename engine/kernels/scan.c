/* engine/kernels/scan.c - running folds: accumulate, reduceat; outer products of a ufunc; at.
 *
 * accumulate runs the binary loop with its output one step behind: out[i] = f(out[i-1], x[i]).
 * When many lanes run side by side the axis goes outside and the loop works across the lanes.  Sums
 * and products have loops of their own (abreast.c): several rows abreast, or down some columns. */
#include "engine/kernels/scan.h"

#include <stdatomic.h>
#include <string.h>

#include "engine/base/par.h"
#include "engine/base/stop.h"
#include "engine/kernels/abreast.h"
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

/* --- sums and products that have loops of their own --- */

enum { LONG = 1 << 18, LARGE = 1 << 22, COLUMNS = 512, BRIEF = 32, SOME = 1 << 12 };

/* an array in C order as n elements along the axis, `inner` side by side, and that `outer` times */
typedef struct fold_job {
    const abreast_loops *loops;
    const char *from;
    char *to;
    int64_t outer, n, inner, size;
    dtype_of t;
    bool past;
    _Atomic unsigned flags;
    _Atomic bool stopped;
} fold_job;

/* so many short rows are a turn */
static int64_t brief_rows(const fold_job *j)
{
    return SOME / (j->n ? j->n : 1);
}

static void fold_brief(fold_job *j, int64_t turn, err *e)
{
    const int64_t first = turn * brief_rows(j), end = first + brief_rows(j), row = j->n * j->size;
    for (int64_t i = first; i < end && i < j->outer; i++)
        abreast_one(j->loops, j->n, j->from + i * row, j->to + i * row, e);
}

/* rows of the last axis, several abreast */
static void fold_rows(fold_job *j, int64_t group, err *e)
{
    const int64_t first = group * ABREAST, left = j->outer - first, row = j->n * j->size;
    const char *from = j->from + first * row;
    char *to = j->to + first * row;
    abreast a = {.loops = j->loops,
                 .n = (int)(left < ABREAST ? left : ABREAST),
                 .past = j->past,
                 .in = j->t,
                 .t = j->t};
    for (int k = 0; k < a.n; k++) {
        a.row[k].from = from + k * row;
        a.row[k].to = to + k * row;
        a.row[k].n = j->n;
        a.row[k].carry = abreast_neutral(j->loops);
    }
    if (a.n == 1)
        abreast_one(j->loops, j->n, from, to, e);
    else
        abreast_run(&a, e);
}

/* some columns of one of the outer ones */
static void fold_columns(fold_job *j, int64_t strip)
{
    const int64_t strips = (j->inner + COLUMNS - 1) / COLUMNS, at = strip % strips * COLUMNS,
                  from = (strip / strips * j->n * j->inner + at) * j->size;
    char last[COLUMNS * sizeof(double)];
    downward_run(j->loops, &(downward){.n = j->n,
                                       .width = j->inner - at < COLUMNS ? j->inner - at : COLUMNS,
                                       .from_step = j->inner * j->size,
                                       .to_step = j->inner * j->size,
                                       .from = j->from + from,
                                       .to = j->to + from,
                                       .last = last});
}

static void fold_turn(void *arg, int64_t i)
{
    fold_job *j = arg;
    unsigned before = fp_test();
    err e = {0};
    if (atomic_load_explicit(&j->stopped, memory_order_relaxed)) return;
    fp_clear();
    if (j->inner > 1)
        fold_columns(j, i);
    else if (j->n < BRIEF)
        fold_brief(j, i, &e);
    else
        fold_rows(j, i, &e);
    if (e.kind || stop_asked()) atomic_store(&j->stopped, true);
    err_clear(&e);
    atomic_fetch_or_explicit(&j->flags, fp_test(), memory_order_relaxed);
    fp_raise(before);
}

/* x into r, both in C order or, `turned`, in Fortran's */
static bool fold_all(const abreast_loops *l, const nd *x, nd *r, int axis, bool turned, err *e)
{
    fold_job j = {.loops = l,
                  .from = x->at,
                  .to = r->at,
                  .outer = 1,
                  .n = nd_shape(r)[axis],
                  .inner = 1,
                  .size = r->size,
                  .t = nd_type(r),
                  .past = x->at != r->at && nd_bytes(r) >= LARGE};
    for (int k = 0; k < axis; k++) *(turned ? &j.inner : &j.outer) *= nd_shape(r)[k];
    for (int k = axis + 1; k < r->ndim; k++) *(turned ? &j.outer : &j.inner) *= nd_shape(r)[k];
    const int64_t rows = j.n < BRIEF ? brief_rows(&j) : ABREAST;
    int64_t turns =
        j.inner > 1 ? j.outer * ((j.inner + COLUMNS - 1) / COLUMNS) : (j.outer + rows - 1) / rows;
    if (nd_count(r) >= LONG)
        par_for(turns, fold_turn, &j);
    else
        for (int64_t i = 0; i < turns && nd_count(r); i++) fold_turn(&j, i);
    fp_raise(j.flags);
    return !j.stopped || stop_check(e);
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
    const bool turned = !nd_is_c(r);
    const abreast_loops *own = NULL;
    if (!turned || r->flags & ND_F) own = abreast_find(f->id, plan.arg[2].dt);
    fp_clear();
    if (ok && own)
        ok = fold_all(own, from, r, axis, turned, e);
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
    enum { OFTEN = 1 << 14 };
    for (int64_t i = 0; ok && i < count; i++) {
        if (i % OFTEN == OFTEN - 1 && !(ok = stop_check(e))) break;
        ok = at_cell(&j, target->at + ((int64_t *)flat->at)[i], vc ? vc->at + i * size : NULL, e);
    }
    datum_unref(places);
    datum_unref(flat);
    datum_unref(v);
    datum_unref(cast);
    datum_unref(vc);
    return ok;
}

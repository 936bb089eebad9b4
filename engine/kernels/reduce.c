/* engine/kernels/reduce.c - folding axes with a binary ufunc, and the table of reductions.
 *
 * The order of floating additions is NumPy's: axes in memory order, merged; a run that folds into
 * one cell goes to the loop in blocks of at most 8192 elements (the loop sums pairwise); if
 * several innermost axes fold and do not merge, or a cast is needed, their elements are gathered
 * into such blocks first; axes further out add whole rows one after the other. */
#include "engine/kernels/reduce.h"

#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/stop.h"
#include "engine/data/walk.h"
#include "engine/kernels/cast.h"
#include "engine/kernels/fp.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/reduce_parts.h"

enum { BLOCK = 8192 }; /* NumPy's buffer */

const reduction reductions[NREDUCE] = {
#define REDUCE(name, run, resolve, fold, doc)                                                      \
    {#name, doc, reduce_##run, type_##resolve, &ufuncs[U_##fold]},
#include "engine/kernels/reduce.def"
#undef REDUCE
};

const reduction *reduction_find(const char *name)
{
    for (int i = 0; i < NREDUCE; i++)
        if (!strcmp(reductions[i].name, name)) return &reductions[i];
    return NULL;
}

const char *reduce_warning_text(unsigned flag)
{
    switch (flag) {
    case WARN_MEAN_EMPTY: return "Mean of empty slice.";
    case WARN_DDOF: return "Degrees of freedom <= 0 for slice";
    case WARN_ALL_NAN: return "All-NaN slice encountered";
    case WARN_NANMEAN_EMPTY: return "Mean of empty slice";
    default: return "Degrees of freedom <= 0 for slice.";
    }
}

bool check_axis(int64_t axis, int ndim, int *out, err *e)
{
    if (axis < -ndim || axis >= ndim)
        return err_set(e, AxisError, "axis %ld is out of bounds for array of dimension %d",
                       (long)axis, ndim);
    *out = (int)(axis < 0 ? axis + ndim : axis);
    return true;
}

/* --- the fold ------------------------------------------------------------------------------- */

typedef struct fold {
    loop run;
    dtype_of from, to;  /* of x in memory, of the loop */
    cast_loop cast;     /* NULL: same */
    char *block, *mask; /* BLOCK gathered elements of the loop's type; of the mask */
    size_t held;
    bool masked;
    walk w; /* 0 result, 1 x, 2 mask */
    err *e;
} fold;

enum { RESULT, X, WHERE };

static void run_masked(fold *f, size_t n, char *r, ptrdiff_t rs, char *x, ptrdiff_t xs,
                       const char *mask, ptrdiff_t ms)
{
    for (size_t i = 0; i < n;) {
        size_t first = i;
        bool on = mask[(ptrdiff_t)i * ms] != 0;
        while (i < n && (mask[(ptrdiff_t)i * ms] != 0) == on) i++;
        char *to = r + (ptrdiff_t)first * rs;
        if (on)
            f->run(i - first, (char *[]){to, x + (ptrdiff_t)first * xs, to},
                   (ptrdiff_t[]){rs, xs, rs, (ptrdiff_t)f->to.size, (ptrdiff_t)f->to.size});
    }
}

static void run_block(fold *f, size_t n, char *r, ptrdiff_t rs, char *x, ptrdiff_t xs,
                      const char *mask, ptrdiff_t ms)
{
    if (f->masked) {
        run_masked(f, n, r, rs, x, xs, mask, ms);
        return;
    }
    f->run(n, (char *[]){r, x, r},
           (ptrdiff_t[]){rs, xs, rs, (ptrdiff_t)f->to.size, (ptrdiff_t)f->to.size});
}

/* one inner run of the walk whose result moves, or whose elements need no gathering */
static bool fold_run(fold *f)
{
    walk *w = &f->w;
    ptrdiff_t rs = w->step[RESULT][0], xs = w->step[X][0], ms = f->masked ? w->step[WHERE][0] : 0;
    int64_t all = w->shape[0];
    for (int64_t i = 0; i < all; i += BLOCK) {
        size_t n = (size_t)(all - i < BLOCK ? all - i : BLOCK);
        char *r = w->at[RESULT] + i * rs, *x = w->at[X] + i * xs;
        TRY(stop_check(f->e));
        const char *mask = f->masked ? w->at[WHERE] + i * ms : NULL;
        if (!f->cast) {
            run_block(f, n, r, rs, x, xs, mask, ms);
            continue;
        }
        TRY(f->cast(n, f->block, f->to.size, x, xs, f->to, f->from, f->e));
        run_block(f, n, r, rs, f->block, f->to.size, mask, ms);
    }
    return true;
}

static void flush(fold *f, char *result)
{
    if (f->held) run_block(f, f->held, result, 0, f->block, f->to.size, f->mask, 1);
    f->held = 0;
}

/* adds an inner run to the block, flushing when it is full */
static bool gather_run(fold *f, char *result)
{
    walk *w = &f->w;
    ptrdiff_t xs = w->step[X][0], size = f->to.size;
    for (int64_t i = 0; i < w->shape[0];) {
        size_t n = BLOCK - f->held, left = (size_t)(w->shape[0] - i);
        if (n > left) n = left;
        char *to = f->block + (ptrdiff_t)f->held * size, *x = w->at[X] + i * xs;
        TRY(stop_check(f->e));
        TRY(f->cast(n, to, size, x, xs, f->to, f->from, f->e));
        for (size_t k = 0; f->masked && k < n; k++)
            f->mask[f->held + k] = w->at[WHERE][(i + (int64_t)k) * w->step[WHERE][0]];
        f->held += n;
        i += (int64_t)n;
        if (f->held == BLOCK) flush(f, result);
    }
    return true;
}

/* how many innermost axes fold into the same cell, or (first axis kept) are kept */
static int core_axes(const walk *w)
{
    int n = 1;
    while (n < w->ndim && (w->step[RESULT][n] == 0) == (w->step[RESULT][0] == 0)) n++;
    return n;
}

/* `core` innermost axes fold into one cell at every outer position */
static bool fold_gathered(fold *f, int core)
{
    walk *w = &f->w;
    if (!f->cast) f->cast = cast_find(f->to, f->from, f->e);
    for (;;) {
        char *result = w->at[RESULT];
        bool more = true;
        while (more) {
            TRY(gather_run(f, result));
            more = false;
            for (int i = 1; i < core && !more; i++) { /* next run of the core */
                if (++w->index[i] < w->shape[i]) {
                    for (int k = 0; k < w->nop; k++) w->at[k] += w->step[k][i];
                    more = true;
                } else {
                    w->index[i] = 0;
                    for (int k = 0; k < w->nop; k++) w->at[k] -= w->step[k][i] * (w->shape[i] - 1);
                }
            }
        }
        flush(f, result);
        if (!walk_next_from(w, core)) return true;
    }
}

static bool fold_all(fold *f)
{
    if (f->w.count == 0) return true;
    int core = core_axes(&f->w);
    if (core > 1 && f->w.step[RESULT][0] == 0) return fold_gathered(f, core);
    do TRY(fold_run(f));
    while (walk_next(&f->w));
    return true;
}

/* --- preparing a fold ------------------------------------------------------------------------ */

static dtype_of widened(const ufunc *f, dtype_of t)
{
    if (f->id != U_add && f->id != U_multiply) return t;
    if (t.dt == DT_bool || (dtypes[t.dt].kind == 'i' && t.size < 8)) return dtype_plain(DT_int64);
    if (dtypes[t.dt].kind == 'u' && t.size < 8) return dtype_plain(DT_uint64);
    return t;
}

static bool is_logical(const ufunc *f)
{
    return f->id == U_logical_and || f->id == U_logical_or || f->id == U_logical_xor;
}

/* the loop that folds elements of type `in` */
static bool fold_plan(const ufunc *f, dtype_of in, dtype_of want, ufunc_plan *plan, err *e)
{
    if (f->nin != 2 || f->nout != 1)
        return err_set(e, ValueError, "reduce only supported for binary functions");
    operand both[2] = {{.t = in}, {.t = in}};
    if (in.dt == DT_object)
        return err_set(e, TypeError, "ufunc '%s' has no loop for arrays of objects", f->name);
    if (want.dt == DT_none && widened(f, in).dt != in.dt) want = widened(f, in);
    if (is_logical(f) && in.dt <= DT_complex128) {
        both[0].t = both[1].t = dtype_plain(DT_bool);
        want.dt = DT_none;
    }
    TRY(ufunc_resolve(f, both, want, 'u', plan, e));
    if (plan->arg[0].dt == plan->arg[2].dt) return true;
    return err_set(e, TypeError, "the resolved dtypes are not compatible with %s.reduce", f->name);
}

static bool keeps_value(const ufunc *f) /* f(x, x) is x: folding an element twice is harmless */
{
    return f->id == U_maximum || f->id == U_minimum || f->id == U_fmax || f->id == U_fmin ||
           f->id == U_bitwise_and || f->id == U_bitwise_or;
}

/* an element of the identity in the first bytes of out */
static bool identity(const ufunc *f, dtype_of t, char out[16])
{
    memset(out, 0, 16);
    if (f->identity == NO_IDENTITY) return false;
    int8_t v = f->identity == IDENTITY_0 ? 0 : f->identity == IDENTITY_1 ? 1 : -1;
    dtype_of from = dtype_plain(DT_int8);
    err none = {0};
    cast_loop run = t.dt <= DT_complex128 ? cast_find(t, from, &none) : NULL;
    if (run) run(1, out, 16, (const char *)&v, 1, t, from, &none);
    err_clear(&none);
    return run != NULL;
}

int reduce_shape(const nd *x, uint32_t axes, bool keepdims, int64_t *shape)
{
    int n = 0;
    for (int i = 0; i < x->ndim; i++)
        if (!(axes >> i & 1))
            shape[n++] = nd_shape(x)[i];
        else if (keepdims)
            shape[n++] = 1;
    return n;
}

/* strides of the result for every axis of x, 0 where it folds */
static void result_strides(const nd *x, uint32_t axes, bool keepdims, const nd *r, int64_t *out)
{
    int j = 0;
    for (int i = 0; i < x->ndim; i++) {
        bool folds = axes >> i & 1;
        out[i] = folds ? 0 : nd_strides(r)[j];
        if (!folds || keepdims) j++;
    }
}

/* a fresh result, its axes in memory in the order of x's */
static nd *new_result(const nd *x, const walk *order, uint32_t axes, bool keepdims, dtype_of t,
                      err *e)
{
    int64_t shape[ND_MAXDIM], full[ND_MAXDIM], strides[ND_MAXDIM], size = t.size;
    int ndim = reduce_shape(x, axes, keepdims, shape), j = 0;
    nd *base = nd_new(t, ndim, shape, e);
    if (!base || ndim < 2) return base;
    for (int i = 0; i < x->ndim; i++) {
        int axis = order->axis[i];
        full[axis] = size;
        if (!(axes >> axis & 1)) size *= nd_shape(x)[axis] ? nd_shape(x)[axis] : 1;
    }
    for (int i = 0; i < x->ndim; i++)
        if (!(axes >> i & 1) || keepdims) strides[j++] = full[i];
    nd *r = nd_view(base->b, base->at, t, ndim, shape, strides);
    datum_unref(base);
    return r;
}

/* the first element along every folded axis, as a view of the result's shape */
static nd *first_elements(const nd *x, uint32_t axes, bool keepdims)
{
    int64_t shape[ND_MAXDIM], strides[ND_MAXDIM];
    int n = 0;
    for (int i = 0; i < x->ndim; i++) {
        bool folds = axes >> i & 1;
        if (folds && !keepdims) continue;
        shape[n] = folds ? 1 : nd_shape(x)[i];
        strides[n++] = folds ? 0 : nd_strides(x)[i];
    }
    return nd_view(x->b, x->at, nd_type(x), n, shape, strides);
}

/* Puts the start value into r.  *skip: x's first elements are taken already. */
static bool start(const ufunc *f, const nd *x, uint32_t axes, bool keepdims, const reduce_opts *o,
                  nd *r, bool *skip, err *e)
{
    char zero[16];
    *skip = false;
    if (o->initial) return nd_assign(r, o->initial, 'u', NULL, e);
    if (identity(f, nd_type(r), zero)) {
        nd *v = nd_scalar(r->dtype, zero);
        bool ok = nd_assign(r, v, 'u', NULL, e);
        datum_unref(v);
        return ok;
    }
    if (nd_count(r) == 0) return true;
    if (folded_count(x, axes) == 0)
        return err_set(e, ValueError,
                       "zero-size array to reduction operation %s which has no identity", f->name);
    if (o->where)
        return err_set(e, ValueError,
                       "reduction operation '%s' does not have an identity, so to use a where mask "
                       "one has to specify 'initial'",
                       f->name);
    nd *first = first_elements(x, axes, keepdims);
    bool ok = nd_assign(r, first, 'u', NULL, e);
    datum_unref(first);
    *skip = !keeps_value(f);
    return ok;
}

static bool run_fold(const nd *x, nd *r, const nd *where, const int64_t *rstrides,
                     const ufunc_plan *plan, err *e)
{
    fold f = {.run = plan->run, .from = nd_type(x), .to = plan->arg[0], .e = e};
    bool same = f.from.dt == f.to.dt && (f.from.unit == f.to.unit || f.to.dt < DT_datetime64);
    if (!same && !(f.cast = cast_find(f.to, f.from, e))) return false;
    walk order;
    walk_init(&order, x->ndim, nd_shape(x));
    walk_add_nd(&order, x);
    if (where) walk_add_nd(&order, where);
    walk_sort(&order);
    /* the same walk with the result in front */
    f.w = order;
    f.w.nop = 0;
    walk_add_sorted(&f.w, r->at, rstrides);
    for (int k = 0; k < order.nop; k++) {
        f.w.at[1 + k] = order.at[k];
        memcpy(f.w.step[1 + k], order.step[k], sizeof order.step[k]);
    }
    f.w.nop = 1 + order.nop;
    f.masked = where != NULL;
    walk_merge(&f.w);
    bool gathers = f.cast || (f.w.ndim > 1 && f.w.step[RESULT][0] == 0);
    if (gathers) {
        f.block = try_alloc((size_t)BLOCK * (f.to.size + 1), e);
        if (!f.block) return false;
        f.mask = f.block + (size_t)BLOCK * f.to.size;
    }
    bool ok = fold_all(&f);
    mem_free(f.block);
    return ok;
}

static bool check_axes(const ufunc *f, uint32_t axes, err *e)
{
    bool many = axes & (axes - 1);
    bool reorders = f->identity != NO_IDENTITY || keeps_value(f) || f->id == U_logaddexp ||
                    f->id == U_logaddexp2;
    if (!many || (reorders && f->id != U_subtract)) return true;
    return err_set(e, ValueError,
                   "reduction operation '%s' is not reorderable, so at most one axis may be "
                   "specified",
                   f->name);
}

/* what remains of x once its first elements are taken */
static nd *without_first(const nd *x, uint32_t axes)
{
    for (int i = 0; i < x->ndim; i++)
        if (axes >> i & 1) return nd_slice(x, i, 1, nd_shape(x)[i] - 1, 1);
    return nd_ref(x);
}

/* All axes of a block in C order into one cell, without a walk: the order of additions is that of
 * one merged run.  NULL without an error: not that case. */
static nd *fold_flat(const ufunc *f, const nd *x, uint32_t axes, bool keepdims,
                     const ufunc_plan *plan, err *e)
{
    int64_t ones[ND_MAXDIM], n = nd_count(x);
    dtype_of t = plan->arg[2];
    if (!(x->flags & ND_C) || axes != axes_of(x, UINT32_MAX) || x->ndim == 0 || n == 0) return NULL;
    if (x->dtype != plan->arg[0].dt || x->dtype != t.dt || t.dt > DT_complex128) return NULL;
    for (int i = 0; i < x->ndim; i++) ones[i] = 1;
    nd *r = nd_new(t, keepdims ? x->ndim : 0, ones, e);
    if (!r) return NULL;
    char first[16];
    if (!identity(f, t, first)) {
        if (!keeps_value(f)) return datum_unref(r);
        memcpy(first, x->at, x->size);
    }
    memcpy(r->at, first, t.size);
    fold all = {.run = plan->run, .e = e};
    all.to = t;
    all.w.step[X][0] = (ptrdiff_t)x->size;
    all.w.at[RESULT] = r->at;
    all.w.at[X] = x->at;
    all.w.shape[0] = n;
    return fold_run(&all) ? r : datum_unref(r);
}

static bool folds_in_memory(const ufunc *f, const nd *x, uint32_t axes, const ufunc_plan *plan)
{
    bool known = keeps_value(f) || f->id == U_add || f->id == U_multiply;
    return known && plan->arg[0].dt == plan->arg[2].dt && memory_folds(x, axes, plan->arg[2]);
}

static nd *fold_in_memory(const ufunc *f, const nd *x, uint32_t axes, bool keepdims,
                          const ufunc_plan *plan, err *e)
{
    char start[16];
    bool starts = identity(f, plan->arg[2], start);
    return memory_reduce(f, plan->run, x, axes, keepdims, plan->arg[2], starts ? start : NULL, e);
}

nd *nd_ufunc_reduce(const ufunc *f, const nd *x, uint32_t axes, bool keepdims, dtype_of want,
                    reduce_opts *o, err *e)
{
    reduce_opts none = {0};
    if (!o) o = &none;
    axes = axes_of(x, axes);
    ufunc_plan plan;
    if (o->out && want.dt == DT_none) want = nd_type(o->out);
    TRY(fold_plan(f, nd_type(x), want, &plan, e) && check_axes(f, axes, e));
    if (!o->out && !o->where && !o->initial) {
        fp_clear();
        nd *flat = folds_in_memory(f, x, axes, &plan)
                       ? fold_in_memory(f, x, axes, keepdims, &plan, e)
                       : fold_flat(f, x, axes, keepdims, &plan, e);
        if (flat) o->flags |= fp_reported(f, x->dtype, fp_test());
        if (flat || e->kind) return flat;
    }
    walk order;
    walk_init(&order, x->ndim, nd_shape(x));
    walk_add_nd(&order, x);
    walk_sort(&order);
    nd *r = new_result(x, &order, axes, keepdims, plan.arg[2], e);
    nd *where = o->where && r ? nd_broadcast(o->where, x->ndim, nd_shape(x), e) : NULL;
    if (!r || (o->where && !where)) return datum_unref(r);
    int64_t strides[ND_MAXDIM];
    bool skip;
    result_strides(x, axes, keepdims, r, strides);
    fp_clear();
    bool ok = start(f, x, axes, keepdims, o, r, &skip, e);
    if (ok && skip && axes && !(axes & (axes - 1))) {
        nd *rest = without_first(x, axes);
        ok = run_fold(rest, r, where, strides, &plan, e);
        datum_unref(rest);
    } else if (ok && axes)
        ok = run_fold(x, r, where, strides, &plan, e);
    else if (ok && !skip && (o->initial || !keeps_value(f)))
        ok = run_fold(x, r, where, strides, &plan, e);
    o->flags |= fp_reported(f, x->dtype, fp_test());
    datum_unref(where);
    if (ok && o->out) {
        ok = nd_assign(o->out, r, 'u', NULL, e);
        datum_unref(r);
        r = nd_ref(o->out);
    }
    return ok ? r : datum_unref(r);
}

/* --- rows that fold with one ufunc ------------------------------------------------------------ */

bool type_plain(const reduction *r, dtype_of in, dtype_of want, dtype_of *out, err *e)
{
    ufunc_plan plan;
    TRY(fold_plan(r->fold, in, want, &plan, e));
    *out = plan.arg[2];
    return true;
}

bool type_truth(const reduction *r, dtype_of in, dtype_of want, dtype_of *out, err *e)
{
    (void)r;
    (void)in;
    (void)want;
    (void)e;
    *out = dtype_plain(DT_bool);
    return true;
}

nd *reduce_plain(const reduction *r, const nd *x, uint32_t axes, bool keepdims, dtype_of want,
                 reduce_opts *o, err *e)
{
    return nd_ufunc_reduce(r->fold, x, axes, keepdims, want, o, e);
}

nd *reduce_truth(const reduction *r, const nd *x, uint32_t axes, bool keepdims, dtype_of want,
                 reduce_opts *o, err *e)
{
    (void)want;
    nd *truth = x->dtype > DT_complex128 ? nd_cast(x, dtype_plain(DT_bool), 'u', e) : nd_ref(x);
    if (!truth) return NULL;
    dtype_of none = {.dt = DT_none};
    nd *out = nd_ufunc_reduce(r->fold, truth, axes, keepdims, none, o, e);
    datum_unref(truth);
    return out;
}

nd *reduce_ptp(const reduction *r, const nd *x, uint32_t axes, bool keepdims, dtype_of want,
               reduce_opts *o, err *e)
{
    (void)r;
    reduce_opts plain = {.flags = 0};
    nd *hi = nd_ufunc_reduce(&ufuncs[U_maximum], x, axes, keepdims, want, &plain, e);
    nd *lo = hi ? nd_ufunc_reduce(&ufuncs[U_minimum], x, axes, keepdims, want, &plain, e) : NULL;
    nd *out[2] = {NULL};
    map_opts m = OPTS_NONE;
    m.out[0] = o ? o->out : NULL;
    m.casting = 'u';
    if (lo) nd_map(&ufuncs[U_subtract], (const nd *const[]){hi, lo}, &m, out, e);
    datum_unref(hi);
    datum_unref(lo);
    return out[0];
}

bool reduce_resolve(const reduction *r, dtype_of in, dtype_of want, dtype_of *out, err *e)
{
    return r->resolve(r, in, want, out, e);
}

nd *nd_reduce(const reduction *r, const nd *x, uint32_t axes, bool keepdims, dtype_of want,
              reduce_opts *o, err *e)
{
    return r->run(r, x, axes_of(x, axes), keepdims, want, o, e);
}

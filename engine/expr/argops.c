/* engine/expr/argops.c - block functions of index reductions (argmin ...) and of topk.
 *
 * Between tasks they travel as (vals, arg): the extreme values and where they were found. */
#include <math.h>
#include <string.h>

#include "engine/expr/kinds.h"
#include "engine/expr/build.h"
#include "engine/expr/fold.h"
#include "engine/kernels/index.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/sort.h"

static const dtype_of any_type = {.dt = DT_none};
static const char *const arg_names[] = {"vals", "arg"};

static datum *pair(nd *vals, nd *arg)
{
    if (vals && arg) return &pack_new(2, arg_names, (datum *[]){&vals->hdr, &arg->hdr})->hdr;
    datum_unref(vals);
    datum_unref(arg);
    return NULL;
}

static nd *joined(const red_fn *r, const call *c, int pick, err *e)
{
    int axes[GRID_MAXDIM], n = 0;
    for (int i = 0; i < GRID_MAXDIM; i++)
        if (r->axes & axis_bit(i)) axes[n++] = i;
    return join_lists(c, &c->arg[0], n, axes, pick, e);
}

/* Values and the places where they were found belong together. */
static bool same_shape(const nd *vals, const nd *arg, err *e)
{
    if (vals->ndim == arg->ndim &&
        !memcmp(nd_shape(vals), nd_shape(arg), vals->ndim * sizeof(int64_t)) &&
        dtype_is_int(arg->dtype))
        return true;
    return err_set(e, ValueError, "values and their places have different shapes");
}

static bool is_min(enum reduction_id id)
{
    return id == R_argmin || id == R_nanargmin;
}

static bool is_nan_kind(enum reduction_id id)
{
    return id == R_nanargmin || id == R_nanargmax;
}

/* positions of the extremes; an all-NaN slice gives 0 instead of an error */
static nd *find_arg(const red_fn *r, const nd *x, uint32_t axes, err *e)
{
    err first = {0};
    nd *out = nd_reduce(&reductions[r->id], x, axes, true, any_type, NULL, &first);
    if (out || !is_nan_kind(r->id) || first.kind != ValueError) {
        if (!out) err_move(e, &first);
        return out;
    }
    err_clear(&first);
    double far = is_min(r->id) ? INFINITY : -INFINITY;
    nd *inf = nd_scalar(DT_float64, &far), *isnan = nd_map1(U_isnan, x, e);
    nd *filled = isnan ? nd_where(isnan, inf, x, e) : NULL;
    if (filled)
        out = nd_reduce(&reductions[is_min(r->id) ? R_argmin : R_argmax], filled, axes, true,
                        any_type, NULL, e);
    datum_unref(inf);
    datum_unref(isnan);
    datum_unref(filled);
    return out;
}

/* The element at a flat position, a block of as many axes; and the position (flat in C order, too)
 * in the whole array.  NULL: no memory. */
static nd *element_at(int64_t at, const nd *x, const lit *offset, const lit *total, int64_t *whole,
                      err *e)
{
    int64_t index[GRID_MAXDIM], ones[GRID_MAXDIM];
    const char *from = x->at;
    for (int i = x->ndim; i-- > 0;) {
        index[i] = at % nd_shape(x)[i];
        at /= nd_shape(x)[i];
        from += index[i] * nd_strides(x)[i];
        ones[i] = 1;
    }
    *whole = 0;
    for (int i = 0; i < x->ndim; i++)
        *whole = *whole * total->item[i].i + index[i] + offset->item[i].i;
    nd *one = nd_new(nd_type(x), x->ndim, ones, e);
    if (one) memcpy(one->at, from, x->size);
    return one;
}

/* (x, axes, offset info): the block's start along the axis, or (start, shape of the whole) */
/* the offset along the axis; for a flattened array (offsets, shape of the whole) */
static bool check_where(const red_fn *r, const lit *where, int ndim, err *e)
{
    bool ok = where->kind == LIT_INT;
    if (r->ravel) {
        ok = where->kind == LIT_TUPLE && where->n == 2;
        for (int k = 0; ok && k < 2; k++) {
            const lit *part = &where->item[k];
            ok = (part->kind == LIT_TUPLE || part->kind == LIT_LIST) && (int)part->n == ndim;
            for (uint32_t i = 0; ok && i < part->n; i++) ok = part->item[i].kind == LIT_INT;
        }
    }
    return ok || err_set(e, TypeError, "the offset of a block does not fit its %d axes", ndim);
}

/* Dask asks for the extreme first, and that is what empty blocks have none of. */
static bool check_some(const red_fn *r, const nd *x, err *e)
{
    bool some = true, cells = true;
    for (int k = 0; k < x->ndim; k++) {
        bool folds = r->ravel || r->axes & axis_bit(k);
        if (folds)
            some &= nd_shape(x)[k] > 0;
        else
            cells &= nd_shape(x)[k] > 0;
    }
    if (some || !cells) return true;
    return err_set(e, ValueError, "zero-size array to reduction operation %s which has no identity",
                   is_nan_kind(r->id) ? is_min(r->id) ? "fmin" : "fmax"
                   : is_min(r->id)    ? "minimum"
                                      : "maximum");
}

static datum *arg_chunk_call(const fn *f, const call *c, err *e)
{
    const red_fn *r = (const red_fn *)f;
    nd *x = arg_nd(c, &c->arg[0], e);
    if (!x || !check_where(r, &c->arg[2], x->ndim, e) || !check_some(r, x, e)) return NULL;
    nd *arg = find_arg(r, x, r->ravel ? ALL_AXES : r->axes, e), *vals, *moved = NULL;
    if (!arg) return NULL;
    const lit *where = &c->arg[2];
    if (r->ravel) {
        int64_t at = *(const int64_t *)arg->at;
        vals = element_at(at, x, &where->item[0], &where->item[1], &at, e);
        nd *flat = nd_scalar(DT_int64, &at);
        moved = nd_broadcast(flat, arg->ndim, nd_shape(arg), e);
        datum_unref(flat);
    } else {
        nd *shift = nd_scalar(DT_int64, &where->i);
        vals = nd_take_along(x, arg, __builtin_ctz(r->axes), e);
        map_opts o = {.dtype = {.dt = DT_none}, .out = {arg}};
        const nd *in[] = {arg, shift};
        nd_map(&ufuncs[U_add], in, &o, &moved, e);
        datum_unref(shift);
    }
    datum_unref(arg);
    return pair(vals, moved);
}

/* where y is better than x: it is larger or smaller, or the first NaN */
static nd *is_better(const red_fn *r, const nd *y, const nd *x, err *e)
{
    nd *not_worse = nd_map2(is_min(r->id) ? U_greater_equal : U_less_equal, y, x, e);
    nd *isnan = not_worse ? nd_map1(U_isnan, x, e) : NULL;
    nd *no = isnan ? nd_map2(U_logical_or, not_worse, isnan, e) : NULL;
    nd *yes = no ? nd_map1(U_logical_not, no, e) : NULL;
    datum_unref(not_worse);
    datum_unref(isnan);
    datum_unref(no);
    return yes;
}

/* *x where it is better, and better stands at; takes y (NULL: failed) */
static bool choose(nd **x, const nd *at, nd *y, err *e)
{
    nd *out = at && y ? nd_where(at, y, *x, e) : NULL;
    datum_unref(y);
    if (!out) return false;
    datum_unref(*x);
    *x = out;
    return true;
}

/* One (vals, arg) after the other: what is met first stays. */
static bool best_folded(const folding *f, nd **vals, nd **arg, err *e)
{
    *vals = fold_get(f, 0, 0, e);
    *arg = *vals ? fold_get(f, 0, 1, e) : NULL;
    bool ok = *arg && same_shape(*vals, *arg, e);
    for (int i = 1; i < f->n && ok; i++) {
        nd *v = fold_get(f, i, 0, e), *a = v ? fold_get(f, i, 1, e) : NULL;
        ok = a && same_shape(v, a, e);
        nd *at = ok ? is_better(f->r, v, *vals, e) : NULL;
        ok = choose(vals, at, v, e);
        ok = choose(arg, ok ? at : NULL, a, e);
        datum_unref(at);
    }
    return ok;
}

datum *arg_found(const red_fn *r, nd *vals, nd *arg, int ndim, const int64_t *shape,
                 const lit *where, err *e)
{
    nd *moved = NULL, *shift;
    int64_t at = *(const int64_t *)(const void *)arg->at, index[GRID_MAXDIM], whole = 0;
    if (!check_where(r, where, ndim, e)) return NULL;
    for (int i = ndim; i-- > 0; at /= shape[i]) index[i] = at % shape[i];
    for (int i = 0; r->ravel && i < ndim; i++)
        whole = whole * where->item[1].item[i].i + index[i] + where->item[0].item[i].i;
    shift = nd_scalar(DT_int64, r->ravel ? &whole : &where->i);
    if (shift)
        moved = r->ravel ? nd_broadcast(shift, arg->ndim, nd_shape(arg), e)
                         : nd_map2(U_add, arg, shift, e);
    datum_unref(shift);
    return pair(nd_ref(vals), moved);
}

/* the best of several (vals, arg) joined along the axes */
static bool best(const red_fn *r, const call *c, nd **vals, nd **arg, err *e)
{
    folding f;
    *vals = *arg = NULL;
    if (fold_begin(&f, r, c, 0)) return best_folded(&f, vals, arg, e);
    nd *v = joined(r, c, 0, e), *a = v ? joined(r, c, 1, e) : NULL, *at = NULL;
    if (a && !same_shape(v, a, e)) {
        /* nothing to find */
    } else if (a && r->ravel) {
        at = find_arg(r, v, ALL_AXES, e);
        nd *fv = at ? nd_ravel(v, 'C', e) : NULL, *fa = fv ? nd_ravel(a, 'C', e) : NULL;
        if (fa) {
            *vals = nd_take(fv, at, 0, 'r', e);
            *arg = nd_take(fa, at, 0, 'r', e);
        }
        datum_unref(fv);
        datum_unref(fa);
    } else if (a) {
        int axis = __builtin_ctz(r->axes);
        at = find_arg(r, v, r->axes, e);
        if (at) {
            *vals = nd_take_along(v, at, axis, e);
            *arg = nd_take_along(a, at, axis, e);
        }
    }
    datum_unref(v);
    datum_unref(a);
    datum_unref(at);
    return *vals && *arg;
}

static datum *arg_combine_call(const fn *f, const call *c, err *e)
{
    nd *vals, *arg;
    if (!best((const red_fn *)f, c, &vals, &arg, e)) vals = datum_unref(vals);
    return pair(vals, arg);
}

static bool any_nan(const nd *x, err *e)
{
    nd *isnan = nd_map1(U_isnan, x, e);
    nd *any =
        isnan ? nd_reduce(&reductions[R_any], isnan, ALL_AXES, false, any_type, NULL, e) : NULL;
    bool yes = any && *any->at;
    datum_unref(isnan);
    datum_unref(any);
    return yes;
}

static datum *arg_agg_call(const fn *f, const call *c, err *e)
{
    const red_fn *r = (const red_fn *)f;
    nd *vals, *arg, *out = NULL;
    bool ok = best(r, c, &vals, &arg, e);
    if (ok && is_nan_kind(r->id) && any_nan(vals, e))
        ok = err_set(e, ValueError, "All NaN slice encountered");
    if (ok) out = r->keepdims ? nd_ref(arg) : nd_squeeze(arg, r->axes);
    datum_unref(vals);
    datum_unref(arg);
    return (datum *)out;
}

/* --- topk --- */

static datum *topk_call(const fn *f, const call *c, err *e)
{
    const red_fn *r = (const red_fn *)f;
    nd *x = joined(r, c, -1, e);
    nd *out = x ? nd_topk(x, r->k, __builtin_ctz(r->axes), e) : NULL;
    datum_unref(x);
    return (datum *)out;
}

/* (a, positions): positions broadcast to a */
static datum *argtopk_prepare_call(const fn *f, const call *c, err *e)
{
    (void)f;
    nd *x = arg_nd(c, &c->arg[0], e), *i = x ? arg_nd(c, &c->arg[1], e) : NULL;
    nd *wide = i ? nd_broadcast(i, x->ndim, nd_shape(x), e) : NULL;
    return wide ? pair(nd_ref(x), wide) : NULL;
}

static datum *argtopk_call(const fn *f, const call *c, err *e)
{
    const red_fn *r = (const red_fn *)f;
    int axis = __builtin_ctz(r->axes);
    nd *x = joined(r, c, 0, e), *i = x ? joined(r, c, 1, e) : NULL, *at = NULL;
    nd *vals = NULL, *arg = NULL;
    if (i && same_shape(x, i, e)) at = nd_argtopk(x, r->k, axis, e);
    if (at) {
        vals = nd_take_along(x, at, axis, e);
        arg = nd_take_along(i, at, axis, e);
    }
    datum_unref(x);
    datum_unref(i);
    datum_unref(at);
    return pair(vals, arg);
}

static datum *argtopk_agg_call(const fn *f, const call *c, err *e)
{
    pack *p = as_pack(argtopk_call(f, c, e));
    datum *out = p ? datum_ref(p->item[1]) : NULL;
    datum_unref(p);
    return out;
}

static const fn_kind arg_chunk_kind = {.name = "arg_chunk",
                                       .version = 1,
                                       .size = sizeof(red_fn),
                                       .fields = red_fields,
                                       .call = arg_chunk_call,
                                       .takes = "x..",
                                       .cost = {.items = 2}};
static const fn_kind arg_combine_kind = {
    .name = "arg_combine",
    .version = 1,
    .size = sizeof(red_fn),
    .fields = red_fields,
    .call = arg_combine_call,
    .takes = "X",
    .cost = {.joins = true, .folds = true, .joined = 3, .items = 2}};
static const fn_kind arg_agg_kind = {.name = "arg_agg",
                                     .version = 1,
                                     .size = sizeof(red_fn),
                                     .fields = red_fields,
                                     .call = arg_agg_call,
                                     .takes = "X",
                                     .cost = {.joins = true, .folds = true, .joined = 3}};
static const fn_kind topk_kind = {.name = "topk",
                                  .version = 1,
                                  .size = sizeof(red_fn),
                                  .fields = red_fields,
                                  .call = topk_call,
                                  .takes = "X",
                                  .cost = {.joins = true, .maybe = 1, .picks = true, .ns = 1}};
static const fn_kind prepare_kind = {.name = "argtopk_preprocess",
                                     .version = 1,
                                     .size = sizeof(red_fn),
                                     .fields = red_fields,
                                     .call = argtopk_prepare_call,
                                     .takes = "xx",
                                     .cost = {.nothing = true}};
static const fn_kind argtopk_kind = {.name = "argtopk",
                                     .version = 1,
                                     .size = sizeof(red_fn),
                                     .fields = red_fields,
                                     .call = argtopk_call,
                                     .takes = "X",
                                     .cost = {.ns = 5, .joins = true, .items = 2}};
static const fn_kind argtopk_agg_kind = {.name = "argtopk_aggregate",
                                         .version = 1,
                                         .size = sizeof(red_fn),
                                         .fields = red_fields,
                                         .call = argtopk_agg_call,
                                         .takes = "X",
                                         .cost = {.joins = true}};

const fn_kind *fn_arg_kind(enum red_step step)
{
    static const fn_kind *const kinds[] = {
        [RED_ARG_CHUNK] = &arg_chunk_kind, [RED_ARG_COMBINE] = &arg_combine_kind,
        [RED_ARG_AGG] = &arg_agg_kind,     [RED_TOPK] = &topk_kind,
        [RED_TOPK_AGG] = &topk_kind,       [RED_ARGTOPK_PREPARE] = &prepare_kind,
        [RED_ARGTOPK] = &argtopk_kind,     [RED_ARGTOPK_AGG] = &argtopk_agg_kind,
    };
    return kinds[step];
}

const fn_kind *const argops_kinds[] = {
    &arg_chunk_kind, &arg_combine_kind, &arg_agg_kind,     &topk_kind,
    &prepare_kind,   &argtopk_kind,     &argtopk_agg_kind, NULL};

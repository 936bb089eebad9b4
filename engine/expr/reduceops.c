/* engine/expr/reduceops.c - the block functions of tree reductions: chunk, combine, aggregate.
 *
 * Plain reductions join their inputs and fold again.  Means and moments travel as packs
 * (n, total[, M]) and are put together as Dask does, operation by operation, so that the bits are
 * the same.  Index reductions travel as (vals, arg). */
#include <math.h>
#include <string.h>

#include "engine/expr/kinds.h"
#include "engine/expr/build.h"
#include "engine/expr/fold.h"
#include "engine/expr/moments_few.h"
#include "engine/expr/reduceops.h"
#include "engine/kernels/ops.h"

static const dtype_of any_type = {.dt = DT_none};

int red_axes(const red_fn *r, int *out)
{
    int n = 0;
    for (int i = 0; i < GRID_MAXDIM; i++)
        if (r->axes & axis_bit(i)) out[n++] = i;
    for (int k = 0; r->turn && k < n; k++) out[k] = r->turn >> 4 * k & 15;
    return n;
}

/* argument 0 as one block: joined along the reduced axes if it is a nested list */
static nd *joined(const red_fn *r, const call *c, int pick, err *e)
{
    int axes[GRID_MAXDIM], n = red_axes(r, axes);
    return join_lists(c, &c->arg[0], n, axes, pick, e);
}

static nd *reduce_block(const red_fn *r, enum reduction_id id, const nd *x, bool keepdims,
                        dtype_of want, err *e)
{
    return nd_reduce(&reductions[id], x, r->axes, keepdims, want, NULL, e);
}

/* Nobody else looks at x, which is a whole buffer of numbers like y's, and has the shape of x op y:
 * the result may be written over it. */
static bool is_room(const nd *x, const nd *y)
{
    bool ok = x->hdr.rc == 1 && x->flags & ND_C && x->at == x->b->data && !buf_shared(x->b) &&
              !(x->b->flags & ~(uint32_t)(BUF_POOL | BUF_COUNTED)) && x->dtype == y->dtype &&
              dtype_is_float(x->dtype) && x->ndim == y->ndim;
    for (int k = 0; k < x->ndim && ok; k++)
        ok = nd_shape(y)[k] == nd_shape(x)[k] || nd_shape(y)[k] == 1;
    return ok;
}

/* x op y, consuming both; either may be NULL after a failure */
static nd *op2(enum ufunc_id id, nd *x, nd *y, err *e)
{
    map_opts o = OPTS_NONE;
    const nd *in[] = {x, y};
    nd *out = NULL;
    if (x && y) {
        if (is_room(x, y)) o.out[0] = x;
        if (!nd_map(&ufuncs[id], in, &o, &out, e)) out = NULL;
    }
    datum_unref(x);
    datum_unref(y);
    return out;
}

/* x / y as their types say, then cast, consuming both */
static nd *divide(nd *x, nd *y, dtype_of want, err *e)
{
    nd *ratio = op2(U_divide, x, y, e);
    if (!ratio || want.dt == DT_none) return ratio;
    nd *out = nd_cast(ratio, want, 'u', e);
    datum_unref(ratio);
    return out;
}

/* --- plain --- */

static datum *plain_call(const fn *f, const call *c, err *e)
{
    const red_fn *r = (const red_fn *)f;
    nd *out = NULL;
    if (fold_blocks(r, c, -1, r->keepdims, r->want, &out, e)) return (datum *)out;
    nd *x = joined(r, c, -1, e);
    if (!x) return NULL;
    int ndim = r->flat_empty ? 1 : x->ndim;
    int64_t none[GRID_MAXDIM];
    if (r->skip_empty && nd_count(x) == 0) { /* chunk_min, chunk_max, nanmin of an empty block */
        for (int k = 0; k < ndim; k++) none[k] = k < ndim - 1;
        out = nd_new(nd_type(x), ndim, none, e);
    } else
        out = reduce_block(r, r->id, x, r->keepdims, r->want, e);
    datum_unref(x);
    return (datum *)out;
}

const fn_field red_fields[] = {
    PARAMS_FROM(red_fn, id),
    {0},
};

static const fn_kind plain_kind = {.name = "reduce",
                                   .version = 1,
                                   .size = sizeof(red_fn),
                                   .fields = red_fields,
                                   .call = plain_call,
                                   .takes = "X",
                                   .cost = {.joins = true, .folds = true}};

/* --- mean --- */

static const char *const mean_names[] = {"n", "total"};
static const char *const moment_names[] = {"total", "n", "M"};

/* how many elements are reduced, broadcast to the reduced shape; NaN are not counted if r->nan */
static nd *count_block(const red_fn *r, const nd *x, dtype_of t, err *e)
{
    if (r->nan) {
        nd *isnan = nd_map1(U_isnan, x, e),
           *valid = isnan ? nd_map1(U_logical_not, isnan, e) : NULL;
        nd *n = valid ? nd_reduce(&reductions[R_sum], valid, r->axes, true, t, NULL, e) : NULL;
        datum_unref(isnan);
        datum_unref(valid);
        return n;
    }
    int64_t shape[GRID_MAXDIM];
    double n = 1;
    for (int i = 0; i < x->ndim; i++) {
        bool in = r->axes & axis_bit(i);
        if (in) n *= (double)nd_shape(x)[i];
        shape[i] = in ? 1 : nd_shape(x)[i];
    }
    nd *one = nd_scalar(DT_float64, &n), *cast = one ? nd_cast(one, t, 'u', e) : NULL;
    nd *out = cast ? nd_broadcast(cast, x->ndim, shape, e) : NULL;
    datum_unref(one);
    datum_unref(cast);
    return out;
}

/* Counts lie in C order in Dask, and that is the order of what they divide x into: where x lies
 * otherwise they are laid out, not repeated.  Takes n. */
static nd *counts_beside(const nd *x, nd *n, err *e)
{
    if (!n || !x || x->flags & ND_C) return n;
    nd *out = nd_contiguous(n, e);
    datum_unref(n);
    return out;
}

static datum *pack_of(uint32_t n, const char *const *names, nd **item)
{
    bool ok = true;
    for (uint32_t i = 0; i < n; i++) ok &= item[i] != NULL;
    if (ok) return &pack_new(n, names, (datum **)item)->hdr;
    for (uint32_t i = 0; i < n; i++) datum_unref(item[i]);
    return NULL;
}

static datum *mean_chunk_call(const fn *f, const call *c, err *e)
{
    const red_fn *r = (const red_fn *)f;
    nd *x = arg_nd(c, &c->arg[0], e);
    if (!x) return NULL;
    datum *few = few_mean(r, x, e);
    if (few || e->kind) return few;
    nd *part[2] = {count_block(r, x, r->want, e),
                   reduce_block(r, r->nan ? R_nansum : R_sum, x, true, r->want, e)};
    return pack_of(2, mean_names, part);
}

/* item `pick` of all packs, added up */
static nd *joined_sum(const red_fn *r, const call *c, int pick, bool keepdims, dtype_of want,
                      err *e)
{
    nd *out = NULL;
    if (fold_counts(r, c, pick, keepdims, want, &out, e)) return out;
    if (fold_blocks(r, c, pick, keepdims, want, &out, e)) return out;
    nd *x = joined(r, c, pick, e);
    out = x ? reduce_block(r, R_sum, x, keepdims, want, e) : NULL;
    datum_unref(x);
    return out;
}

static datum *mean_combine_call(const fn *f, const call *c, err *e)
{
    const red_fn *r = (const red_fn *)f;
    datum *few = few_means_together(r, c, e);
    if (few || e->kind) return few;
    nd *part[2] = {joined_sum(r, c, 0, r->keepdims, any_type, e),
                   joined_sum(r, c, 1, r->keepdims, any_type, e)};
    return pack_of(2, mean_names, part);
}

static datum *mean_agg_call(const fn *f, const call *c, err *e)
{
    const red_fn *r = (const red_fn *)f;
    nd *n = joined_sum(r, c, 0, r->keepdims, r->want, e),
       *total = joined_sum(r, c, 1, r->keepdims, r->want, e);
    n = counts_beside(total, n, e);
    return (datum *)divide(total, n, r->want, e);
}

static const fn_kind mean_chunk_kind = {.name = "mean_chunk",
                                        .version = 1,
                                        .size = sizeof(red_fn),
                                        .fields = red_fields,
                                        .call = mean_chunk_call,
                                        .takes = "x"};
static const fn_kind mean_combine_kind = {.name = "mean_combine",
                                          .version = 1,
                                          .size = sizeof(red_fn),
                                          .fields = red_fields,
                                          .call = mean_combine_call,
                                          .takes = "X",
                                          .cost = {.joins = true, .folds = true, .ns = 1}};
static const fn_kind mean_agg_kind = {.name = "mean_agg",
                                      .version = 1,
                                      .size = sizeof(red_fn),
                                      .fields = red_fields,
                                      .call = mean_agg_call,
                                      .takes = "X",
                                      .cost = {.joins = true, .folds = true, .ns = 1}};

/* --- moments --- */

static nd *power(nd *x, int k, err *e) /* consumes x */
{
    if (k == 1 || !x) return x;
    nd *out = NULL;
    if (k == 2)
        out = nd_map1(U_square, x, e);
    else {
        nd *exponent = nd_scalar(DT_int64, &(int64_t){k});
        out = nd_map2(U_power, x, exponent, e);
        datum_unref(exponent);
    }
    datum_unref(x);
    return out;
}

/* the parts stacked along a new last axis */
static nd *stacked(int n, nd **part, err *e)
{
    nd *out = NULL;
    bool ok = true;
    for (int i = 0; i < n; i++) ok &= part[i] != NULL;
    if (ok) out = nd_stack(n, (const nd *const *)part, part[0]->ndim, e);
    for (int i = 0; i < n; i++) datum_unref(part[i]);
    return out;
}

enum { MAX_ORDER = 32 };

static datum *moment_chunk_call(const fn *f, const call *c, err *e)
{
    const red_fn *r = (const red_fn *)f;
    enum reduction_id sum = r->nan ? R_nansum : R_sum;
    nd *x = arg_nd(c, &c->arg[0], e);
    if (!x) return NULL;
    datum *few = few_moments(r, x, e);
    if (few || e->kind) return few;
    nd *ni = count_block(r, x, dtype_plain(DT_int64), e), *total = NULL, *u = NULL;
    if (ni) total = reduce_block(r, sum, x, true, r->want, e);
    ni = r->nan ? ni : counts_beside(total, ni, e);
    if (total && ni) u = nd_map2(U_divide, total, ni, e);
    nd *power_sum[MAX_ORDER] = {0};
    nd *centred = u ? nd_map2(U_subtract, x, u, e) : NULL;
    datum_unref(u);
    for (int k = 2; k <= r->order && centred; k++) {
        nd *p = power(nd_ref(centred), k, e);
        power_sum[k - 2] = p ? reduce_block(r, sum, p, true, r->want, e) : NULL;
        datum_unref(p);
    }
    datum_unref(centred);
    nd *part[3] = {total, ni, stacked(r->order - 1, power_sum, e)};
    return pack_of(3, moment_names, part);
}

/* Ms[..., k], a view */
static nd *layer_of(const nd *m, int k)
{
    nd *cut = nd_slice(m, m->ndim - 1, k, 1, 1);
    nd *out = nd_squeeze(cut, axis_bit(m->ndim - 1));
    datum_unref(cut);
    return out;
}

static double factorial(int n)
{
    double f = 1;
    for (int i = 2; i <= n; i++) f *= i;
    return f;
}

typedef struct moments {
    nd *n, *total, *m; /* joined parts, or one of them */
    nd *inner;         /* totals / ns - mu */
} moments;

typedef struct whole { /* of all parts, with keepdims */
    nd *n, *total, *mu;
} whole;

static void moments_clear(moments *s)
{
    datum_unref(s->n);
    datum_unref(s->total);
    datum_unref(s->m);
    datum_unref(s->inner);
    *s = (moments){0};
}

static void whole_clear(whole *w)
{
    datum_unref(w->n);
    datum_unref(w->total);
    datum_unref(w->mu);
}

static bool whole_find(const red_fn *r, const call *c, whole *w, err *e)
{
    w->total = joined_sum(r, c, 0, true, r->want, e);
    w->n = w->total ? counts_beside(w->total, joined_sum(r, c, 1, true, r->want, e), e) : NULL;
    w->mu = w->n ? divide(nd_ref(w->total), nd_ref(w->n), r->want, e) : NULL;
    return w->mu != NULL;
}

/* s has its parts: the rest. */
static bool moments_complete(const red_fn *r, moments *s, const whole *w, err *e)
{
    if (!s->m || !s->n || !s->total) return false;
    if (s->m->ndim < 1 || nd_shape(s->m)[s->m->ndim - 1] < r->order - 1)
        return err_set(e, ValueError, "moments up to order %d are needed", r->order);
    nd *each = divide(nd_ref(s->total), nd_ref(s->n), r->want, e);
    return (s->inner = op2(U_subtract, each, nd_ref(w->mu), e)) != NULL;
}

static bool moments_join(const red_fn *r, const call *c, moments *s, const whole *w, err *e)
{
    s->total = joined(r, c, 0, e);
    s->n = s->total ? joined(r, c, 1, e) : NULL;
    s->m = s->n ? joined(r, c, 2, e) : NULL;
    return moments_complete(r, s, w, e);
}

static bool moments_get(const folding *f, int i, moments *s, const whole *w, err *e)
{
    s->total = fold_get(f, i, 0, e);
    s->n = s->total ? fold_get(f, i, 1, e) : NULL;
    s->m = s->n ? fold_get(f, i, 2, e) : NULL;
    return moments_complete(f->r, s, w, e);
}

/* sum(x) over the axes in the asked type, consuming x */
static nd *sum_of(const red_fn *r, nd *x, enum reduction_id id, bool keepdims, err *e)
{
    nd *out = x ? reduce_block(r, id, x, keepdims, r->want, e) : NULL;
    datum_unref(x);
    return out;
}

/* A central moment's sum over all parts is made of sums (binomial expansion about the new mean):
 * 0: of their moments, 1: of n * inner^order, 1 + k: of M(order - k) * inner^k. */
static nd *moment_term(const red_fn *r, const moments *s, int order, int i, bool keepdims, err *e)
{
    enum reduction_id sum = r->nan ? R_nansum : R_sum;
    if (i == 0) return sum_of(r, layer_of(s->m, order - 2), R_sum, keepdims, e);
    int k = i - 1;
    nd *raised = power(nd_ref(s->inner), k ? k : order, e);
    nd *by = k ? layer_of(s->m, order - k - 2) : nd_ref(s->n);
    return sum_of(r, op2(U_multiply, by, raised, e), sum, keepdims, e);
}

/* out[i] + the terms of these parts */
static bool add_terms(const red_fn *r, const moments *s, int order, bool keepdims, nd **out, err *e)
{
    for (int i = 0; i < order; i++)
        TRY(fold_add(&out[i], moment_term(r, s, order, i, keepdims, e), e));
    return true;
}

static nd *add_up(int order, nd **part, err *e) /* takes them */
{
    nd *m = op2(U_add, part[0], part[1], e);
    for (int k = 1; k < order - 1; k++) {
        double c = factorial(order) / (factorial(k) * factorial(order - k));
        m = op2(U_add, m, op2(U_multiply, nd_scalar(DT_float64, &c), part[1 + k], e), e);
    }
    return m;
}

/* The central moments' sums of orders [from, r->order], owned, all or none. */
static bool moments_of(const red_fn *r, const call *c, int from, bool keepdims, const whole *w,
                       nd **out, err *e)
{
    nd *part[MAX_ORDER][MAX_ORDER] = {{0}};
    moments s = {0};
    folding f;
    bool folds = fold_begin(&f, r, c, 0), ok = true;
    for (int i = 0; i < (folds ? f.n : 1) && ok; i++) {
        ok = folds ? moments_get(&f, i, &s, w, e) : moments_join(r, c, &s, w, e);
        for (int k = from; k <= r->order && ok; k++)
            ok = add_terms(r, &s, k, keepdims, part[k - from], e);
        moments_clear(&s);
    }
    for (int k = from; k <= r->order; k++) {
        out[k - from] = ok ? add_up(k, part[k - from], e) : NULL;
        for (int i = 0; i < k && !ok; i++) datum_unref(part[k - from][i]);
    }
    for (int k = from; k <= r->order; k++) ok &= out[k - from] != NULL;
    for (int k = from; k <= r->order && !ok; k++) out[k - from] = datum_unref(out[k - from]);
    return ok;
}

static datum *moment_combine_call(const fn *f, const call *c, err *e)
{
    const red_fn *r = (const red_fn *)f;
    whole w = {0};
    nd *order[MAX_ORDER];
    datum *out = few_moments_together(r, c, e);
    if (out || e->kind) return out;
    if (whole_find(r, c, &w, e) && moments_of(r, c, 2, true, &w, order, e)) {
        nd *part[3] = {nd_ref(w.total), nd_ref(w.n), stacked(r->order - 1, order, e)};
        out = pack_of(3, moment_names, part);
    }
    whole_clear(&w);
    return out;
}

/* n - ddof, NaN where negative */
static nd *denominator(const red_fn *r, const nd *n, err *e)
{
    nd *d = nd_scalar(DT_float64, &r->ddof);
    nd *count = reduce_block(r, R_sum, n, r->keepdims, r->want, e);
    nd *less = op2(U_subtract, count, d, e);
    nd *zero = nd_scalar(DT_float64, &(double){0}), *nan = nd_scalar(DT_float64, &(double){NAN});
    nd *bad = less ? nd_map2(U_less, less, zero, e) : NULL;
    nd *fixed = bad ? nd_where(bad, nan, less, e) : NULL;
    nd *out = fixed && less ? nd_cast(fixed, nd_type(less), 'u', e) : NULL;
    datum_unref(zero);
    datum_unref(nan);
    datum_unref(bad);
    datum_unref(fixed);
    datum_unref(less);
    return out;
}

static datum *moment_agg_call(const fn *f, const call *c, err *e)
{
    const red_fn *r = (const red_fn *)f;
    whole w = {0};
    nd *m, *out = NULL;
    if (whole_find(r, c, &w, e) && moments_of(r, c, r->order, r->keepdims, &w, &m, e))
        out = divide(m, denominator(r, w.n, e), r->want, e);
    whole_clear(&w);
    return (datum *)out;
}

static const fn_kind moment_chunk_kind = {.name = "moment_chunk",
                                          .version = 1,
                                          .size = sizeof(red_fn),
                                          .fields = red_fields,
                                          .call = moment_chunk_call,
                                          .takes = "x",
                                          .cost = {.copies = 2, .ns = 0.6f, .items = 2}};
static const fn_kind moment_combine_kind = {
    .name = "moment_combine",
    .version = 1,
    .size = sizeof(red_fn),
    .fields = red_fields,
    .call = moment_combine_call,
    .takes = "X",
    .cost = {.joins = true, .folds = true, .joined = 6, .items = 2, .ns = 20}};
static const fn_kind moment_agg_kind = {
    .name = "moment_agg",
    .version = 1,
    .size = sizeof(red_fn),
    .fields = red_fields,
    .call = moment_agg_call,
    .takes = "X",
    .cost = {.joins = true, .folds = true, .joined = 6, .ns = 20}};

datum *red_pack(int n, nd *const *part)
{
    nd *item[3];
    for (int i = 0; i < n; i++) item[i] = part[i];
    return pack_of((uint32_t)n, n == 2 ? mean_names : moment_names, item);
}

/* --- constructors --- */

static const fn_kind *const kinds[] = {
    [RED_PLAIN] = &plain_kind,
    [RED_MEAN_CHUNK] = &mean_chunk_kind,
    [RED_MEAN_COMBINE] = &mean_combine_kind,
    [RED_MEAN_AGG] = &mean_agg_kind,
    [RED_MOMENT_CHUNK] = &moment_chunk_kind,
    [RED_MOMENT_COMBINE] = &moment_combine_kind,
    [RED_MOMENT_AGG] = &moment_agg_kind,
};

fn *fn_red(enum red_step step, const char *name, const red_fn *like)
{
    red_fn *r = fn_new(sizeof *r, step < RED_ARG_CHUNK ? kinds[step] : fn_arg_kind(step), name);
    fn base = r->base;
    *r = *like;
    r->base = base;
    bool mean = step == RED_MEAN_CHUNK || step == RED_MEAN_COMBINE,
         moment = step == RED_MOMENT_CHUNK || step == RED_MOMENT_COMBINE;
    if (mean || moment) r->base.items = r->nan; /* counts differ from cell to cell */
    if (moment && r->order > 2) r->base.items = (uint8_t)(r->base.items + r->order - 2);
    int64_t param[] = {step,
                       r->id,
                       r->axes,
                       r->keepdims,
                       r->want.dt,
                       r->want.size,
                       r->order,
                       r->nan,
                       r->skip_empty,
                       (int64_t)(r->ddof * 1e6),
                       (int64_t)r->turn};
    fn_identify(&r->base, param, sizeof param);
    int lo = r->axes && r->axes != ALL_AXES ? 32 - __builtin_clz(r->axes) : 0;
    fn_ranks(&r->base, 0, lo, ND_MAXDIM - 1);
    return &r->base;
}

enum red_step red_step_of(const fn *f)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (f->kind == kinds[i]) return (enum red_step)i;
    for (enum red_step s = RED_ARG_CHUNK; s < RED_OTHER; s++)
        if (f->kind == fn_arg_kind(s)) return s;
    return RED_OTHER;
}

bool fn_reduces(const fn *f, dtype_of t, uint32_t *axes, bool *ordered)
{
    const red_fn *r = (const red_fn *)f;
    enum red_step s = red_step_of(f);
    bool arg = false;
    for (int k = RED_ARG_CHUNK; k <= RED_ARG_AGG; k++) arg |= f->kind == fn_arg_kind(k);
    if (s == RED_OTHER && !arg) return false;
    if (arg && r->ravel) return false;
    if (!arg && r->want.dt != DT_none) t = r->want;
    bool sums = r->id == R_sum || r->id == R_prod || r->id == R_nansum || r->id == R_nanprod;
    *axes = r->axes;
    *ordered = !arg && (s != RED_PLAIN || (sums && !(dtype_is_int(t.dt) || t.dt == DT_bool)));
    return true;
}

const fn_kind *const reduceops_kinds[] = {
    &plain_kind,        &mean_chunk_kind,     &mean_combine_kind, &mean_agg_kind,
    &moment_chunk_kind, &moment_combine_kind, &moment_agg_kind,   NULL};

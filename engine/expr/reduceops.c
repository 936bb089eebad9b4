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
#include "engine/expr/reduceops.h"
#include "engine/kernels/ops.h"

static const dtype_of any_type = {.dt = DT_none};

static int axes_list(uint32_t axes, int ndim, int *out)
{
    int n = 0;
    for (int i = 0; i < ndim; i++)
        if (axes & axis_bit(i)) out[n++] = i;
    return n;
}

/* argument 0 as one block: joined along the reduced axes if it is a nested list */
static nd *joined(const red_fn *r, const call *c, int pick, err *e)
{
    int axes[GRID_MAXDIM], n = axes_list(r->axes, GRID_MAXDIM, axes);
    return join_lists(c, &c->arg[0], n, axes, pick, e);
}

static nd *reduce_block(const red_fn *r, enum reduction_id id, const nd *x, bool keepdims,
                        dtype_of want, err *e)
{
    return nd_reduce(&reductions[id], x, r->axes, keepdims, want, NULL, e);
}

/* x op y, consuming both; either may be NULL after a failure */
static nd *op2(enum ufunc_id id, nd *x, nd *y, err *e)
{
    nd *out = x && y ? nd_map2(id, x, y, e) : NULL;
    datum_unref(x);
    datum_unref(y);
    return out;
}

static nd *divide(nd *x, nd *y, dtype_of want, err *e)
{
    const nd *in[] = {x, y};
    map_opts o = {.dtype = want};
    nd *out = NULL;
    if (x && y) nd_map(&ufuncs[U_divide], in, &o, &out, e);
    datum_unref(x);
    datum_unref(y);
    return out;
}

/* --- plain --- */

static datum *plain_call(const fn *f, const call *c, err *e)
{
    const red_fn *r = (const red_fn *)f;
    nd *out = NULL;
    if (fold_blocks(r, c, &out, e)) return (datum *)out;
    nd *x = joined(r, c, -1, e);
    if (!x) return NULL;
    int64_t none[GRID_MAXDIM] = {0};
    if (r->skip_empty && nd_count(x) == 0) /* chunk_min, chunk_max, nanmin of an empty block */
        out = nd_new(nd_type(x), r->flat_empty ? 1 : x->ndim, none, e);
    else
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
    nd *part[2] = {count_block(r, x, r->want, e),
                   reduce_block(r, r->nan ? R_nansum : R_sum, x, true, r->want, e)};
    return pack_of(2, mean_names, part);
}

static nd *joined_sum(const red_fn *r, const call *c, int pick, dtype_of want, err *e)
{
    nd *x = joined(r, c, pick, e);
    nd *out = x ? reduce_block(r, R_sum, x, r->keepdims, want, e) : NULL;
    datum_unref(x);
    return out;
}

static datum *mean_combine_call(const fn *f, const call *c, err *e)
{
    const red_fn *r = (const red_fn *)f;
    nd *part[2] = {joined_sum(r, c, 0, any_type, e), joined_sum(r, c, 1, any_type, e)};
    return pack_of(2, mean_names, part);
}

static datum *mean_agg_call(const fn *f, const call *c, err *e)
{
    const red_fn *r = (const red_fn *)f;
    nd *n = joined_sum(r, c, 0, r->want, e), *total = joined_sum(r, c, 1, r->want, e);
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
                                          .cost = {.joins = true, .items = 2, .ns = 5}};
static const fn_kind mean_agg_kind = {.name = "mean_agg",
                                      .version = 1,
                                      .size = sizeof(red_fn),
                                      .fields = red_fields,
                                      .call = mean_agg_call,
                                      .takes = "X",
                                      .cost = {.joins = true, .ns = 5}};

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
    nd *n = count_block(r, x, dtype_plain(DT_float64), e), *ni = NULL, *total = NULL, *u = NULL;
    if (n) ni = nd_cast(n, dtype_plain(DT_int64), 'u', e);
    datum_unref(n);
    if (ni) total = reduce_block(r, sum, x, true, r->want, e);
    if (total) u = nd_map2(U_divide, total, ni, e);
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
    nd *n, *total, *m; /* joined parts */
    nd *sum_n;         /* n summed with keepdims */
    nd *inner;         /* totals / ns - mu */
} moments;

static void moments_clear(moments *s)
{
    datum_unref(s->n);
    datum_unref(s->total);
    datum_unref(s->m);
    datum_unref(s->sum_n);
    datum_unref(s->inner);
}

static bool moments_join(const red_fn *r, const call *c, moments *s, nd **sum_total, err *e)
{
    *sum_total = NULL;
    TRY(s->total = joined(r, c, 0, e));
    TRY(s->n = joined(r, c, 1, e));
    TRY(s->m = joined(r, c, 2, e));
    if (s->m->ndim < 1 || nd_shape(s->m)[s->m->ndim - 1] < r->order - 1)
        return err_set(e, ValueError, "moments up to order %d are needed", r->order);
    TRY(s->sum_n = reduce_block(r, R_sum, s->n, true, r->want, e));
    TRY(*sum_total = reduce_block(r, R_sum, s->total, true, r->want, e));
    nd *mu = divide(nd_ref(*sum_total), nd_ref(s->sum_n), r->want, e);
    nd *each = divide(nd_ref(s->total), nd_ref(s->n), r->want, e);
    return (s->inner = op2(U_subtract, each, mu, e)) != NULL;
}

/* sum(x) over the axes in the asked type, consuming x */
static nd *sum_of(const red_fn *r, nd *x, enum reduction_id id, bool keepdims, err *e)
{
    nd *out = x ? reduce_block(r, id, x, keepdims, r->want, e) : NULL;
    datum_unref(x);
    return out;
}

/* the order-th central moment's sum over all parts (binomial expansion about the new mean) */
static nd *moment_helper(const red_fn *r, const moments *s, int order, bool keepdims, err *e)
{
    enum reduction_id sum = r->nan ? R_nansum : R_sum;
    nd *first = sum_of(r, layer_of(s->m, order - 2), R_sum, keepdims, e);
    nd *second = sum_of(r, op2(U_multiply, nd_ref(s->n), power(nd_ref(s->inner), order, e), e), sum,
                        keepdims, e);
    nd *m = op2(U_add, first, second, e);
    for (int k = 1; k < order - 1 && m; k++) {
        double c = factorial(order) / (factorial(k) * factorial(order - k));
        nd *part = op2(U_multiply, layer_of(s->m, order - k - 2), power(nd_ref(s->inner), k, e), e);
        part = sum_of(r, part, sum, keepdims, e);
        m = op2(U_add, m, op2(U_multiply, nd_scalar(DT_float64, &c), part, e), e);
    }
    return m;
}

static datum *moment_combine_call(const fn *f, const call *c, err *e)
{
    const red_fn *r = (const red_fn *)f;
    moments s = {0};
    nd *total, *order[MAX_ORDER] = {0};
    datum *out = NULL;
    if (moments_join(r, c, &s, &total, e)) {
        for (int k = 2; k <= r->order; k++) order[k - 2] = moment_helper(r, &s, k, true, e);
        nd *part[3] = {total, nd_ref(s.sum_n), stacked(r->order - 1, order, e)};
        out = pack_of(3, moment_names, part);
    } else
        datum_unref(total);
    moments_clear(&s);
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
    moments s = {0};
    nd *total, *out = NULL;
    if (moments_join(r, c, &s, &total, e)) {
        nd *m = moment_helper(r, &s, r->order, r->keepdims, e);
        out = divide(m, m ? denominator(r, s.sum_n, e) : NULL, r->want, e);
    }
    datum_unref(total);
    moments_clear(&s);
    return (datum *)out;
}

static const fn_kind moment_chunk_kind = {.name = "moment_chunk",
                                          .version = 1,
                                          .size = sizeof(red_fn),
                                          .fields = red_fields,
                                          .call = moment_chunk_call,
                                          .takes = "x",
                                          .cost = {.copies = 2, .ns = 2, .items = 3}};
static const fn_kind moment_combine_kind = {
    .name = "moment_combine",
    .version = 1,
    .size = sizeof(red_fn),
    .fields = red_fields,
    .call = moment_combine_call,
    .takes = "X",
    .cost = {.joins = true, .joined = 6, .items = 3, .ns = 20}};
static const fn_kind moment_agg_kind = {.name = "moment_agg",
                                        .version = 1,
                                        .size = sizeof(red_fn),
                                        .fields = red_fields,
                                        .call = moment_agg_call,
                                        .takes = "X",
                                        .cost = {.joins = true, .joined = 6, .ns = 20}};

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
    r->base.items = step == RED_MEAN_CHUNK && r->nan; /* counts differ from cell to cell */
    int64_t param[] = {step,         r->id,    r->axes, r->keepdims,   r->want.dt,
                       r->want.size, r->order, r->nan,  r->skip_empty, (int64_t)(r->ddof * 1e6)};
    fn_identify(&r->base, param, sizeof param);
    int lo = r->axes && r->axes != ALL_AXES ? 32 - __builtin_clz(r->axes) : 0;
    fn_ranks(&r->base, 0, lo, ND_MAXDIM - 1);
    return &r->base;
}

enum red_step red_step_of(const fn *f)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (f->kind == kinds[i]) return (enum red_step)i;
    return RED_OTHER;
}

const red_fn *fn_as_plain_reduce(const fn *f)
{
    return f->kind == &plain_kind ? (const red_fn *)f : NULL;
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

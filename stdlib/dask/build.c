/* stdlib/dask/build.c - the primitives that build lazy arrays, as functions of the module _dask.
 *
 * One function for each constructor of engine/expr/expr.h, no more: everything that can be composed
 * is in dsk (dask/array). */
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "stdlib/dask/bridge.h"
#include "stdlib/dask/source.h"
#include "stdlib/numpy/numpy.h"

/* ---- helpers ---- */

static bool dtype_arg(interp *in, value v, dtype_of *t)
{
    return to_dtype_or_none(in, v, t);
}

static grid *shape_grid(interp *in, value shape, value chunks, dtype_of t)
{
    int ndim;
    int64_t ext[ND_MAXDIM];
    if (!to_shape(in, shape, &ndim, ext)) return NULL;
    return to_grid(in, chunks, ndim, ext, t, NULL);
}

/* A list of Arrays as exprs, borrowed; NULL on failure. */
static const expr **exprs_of(interp *in, value seq, int *n)
{
    list *l = as_list(seq);
    tuple *t = as_tuple(seq);
    *n = (int)(l ? l->n : t ? t->n : 0);
    const expr **x = mem_zero(sizeof *x * (size_t)(*n + 1));
    for (int i = 0; i < *n; i++)
        if (!(x[i] = peek_expr(in, l ? l->at[i] : t->at[i]))) {
            mem_free(x);
            return NULL;
        }
    return x;
}

static bool ints_of(interp *in, value v, int *n, int64_t out[GRID_MAXDIM])
{
    return to_shape(in, v, n, out);
}

static void narrow(int n, const int64_t *in, int *out)
{
    for (int i = 0; i < n; i++) out[i] = (int)in[i];
}

/* ---- sources ---- */

/* full(prefix, name, shape, chunks, dtype, value): value None is Dask's empty */
static value b_full(interp *in, const value *arg)
{
    dtype_of t = dtype_plain(DT_float64);
    if (!to_dtype(in, arg[4], &t)) return FAIL;
    grid *g = shape_grid(in, arg[2], arg[3], t);
    nd *fill = g && !is_none(arg[5]) ? to_nd(in, arg[5], t) : NULL;
    err e = {0};
    value r = FAIL;
    if (g && !throwing(in))
        r = wrap_expr(in, expr_full(label_of(arg[0], arg[1]), g, t, fill, &e), &e);
    datum_unref(fill);
    datum_unref(g);
    return r;
}

static bool number_lit(interp *in, value v, lit *out)
{
    double d;
    if (v.kind == V_INT) return *out = lit_int(v.i), true;
    if (v.kind == V_SCALAR && dtype_is_int((enum dtype)(v.aux & 0xff))) {
        int64_t i;
        return to_int64(in, v, &i) && (*out = lit_int(i), true);
    }
    return to_double(in, v, &d) && (*out = lit_float(d), true);
}

/* arange(prefix, name, start, step, num, chunks, dtype) */
static value b_arange(interp *in, const value *arg)
{
    dtype_of t = dtype_plain(DT_int64);
    lit start, step;
    int64_t n;
    if (!number_lit(in, arg[2], &start) || !number_lit(in, arg[3], &step) ||
        !to_int64(in, arg[4], &n) || !to_dtype(in, arg[6], &t))
        return FAIL;
    grid *g = to_grid(in, arg[5], 1, &n, t, NULL);
    err e = {0};
    value r =
        g ? wrap_expr(in, expr_arange(label_of(arg[0], arg[1]), start, step, g, t, &e), &e) : FAIL;
    datum_unref(g);
    return r;
}

/* linspace(name, start, stop, num, endpoint, chunks, dtype) */
static value b_linspace(interp *in, const value *arg)
{
    dtype_of t = dtype_plain(DT_float64);
    double a, b;
    int64_t n;
    if (!to_double(in, arg[1], &a) || !to_double(in, arg[2], &b) || !to_int64(in, arg[3], &n) ||
        !to_dtype(in, arg[6], &t))
        return FAIL;
    grid *g = to_grid(in, arg[5], 1, &n, t, NULL);
    err e = {0};
    value r = g ? wrap_expr(in,
                            expr_linspace(label_of(NONE, arg[0]), a, b,
                                          value_truth(in, arg[4]) == 1, g, t, &e),
                            &e)
                : FAIL;
    datum_unref(g);
    return r;
}

/* eye(shape, k, chunks, dtype) */
static value b_eye(interp *in, const value *arg)
{
    dtype_of t = dtype_plain(DT_float64);
    int64_t k;
    if (!to_int64(in, arg[1], &k) || !to_dtype(in, arg[3], &t)) return FAIL;
    grid *g = shape_grid(in, arg[0], arg[2], t);
    err e = {0};
    value r = g ? wrap_expr(in, expr_eye((label){0}, k, g, t, &e), &e) : FAIL;
    datum_unref(g);
    return r;
}

/* from_array(x, chunks, name, prefix): x an ndarray or something with shape, dtype and [...] */
static value b_from_array(interp *in, const value *arg)
{
    dtype_of t = {.dt = DT_none};
    int ndim;
    int64_t shape[ND_MAXDIM];
    value s = value_getattr_c(in, arg[0], "shape");
    bool ok = !is_fail(s) && to_shape(in, s, &ndim, shape);
    value_unref(in, s);
    value dt = ok ? value_getattr_c(in, arg[0], "dtype") : FAIL;
    ok = !is_fail(dt) && to_dtype(in, dt, &t);
    value_unref(in, dt);
    grid *g = ok ? to_grid(in, arg[1], ndim, shape, t, NULL) : NULL;
    if (!g) return FAIL;
    hash128 id;
    bool original;
    source *src = source_of(in, arg[0], &id, &original);
    err e = {0};
    value r = FAIL;
    if (src)
        r = wrap_expr(in, expr_array(label_of(arg[3], arg[2]), src, id, original, g, t, &e), &e);
    datum_unref(src);
    datum_unref(g);
    return r;
}

/* store(x, sink, offset): an array of one None per block, which writes when computed */
static value b_store(interp *in, const value *arg)
{
    expr *x = peek_expr(in, arg[0]);
    sink_obj *to = (sink_obj *)as_obj(arg[1], &T_sink);
    int n;
    int64_t offset[GRID_MAXDIM];
    if (!x || !ints_of(in, arg[2], &n, offset)) return FAIL;
    if (!to || n != expr_ndim(x)) return throw(in, TypeError, "store: a sink and its offset");
    err e = {0};
    return wrap_expr(in, expr_store(x, to->s, offset, &e), &e);
}

/* foreign(x, yes): says whether the blocks of a new array are things of the language; gives x */
static value b_foreign(interp *in, const value *arg)
{
    expr *x = peek_expr(in, arg[0]);
    if (!x) return FAIL;
    x->of->foreign = value_truth(in, arg[1]) == 1;
    return value_ref(arg[0]);
}

/* ---- elementwise ---- */

/* the terms of a list of operands; datums are owned by the terms */
static term *terms_of(interp *in, value seq, int *n)
{
    list *l = list_of(in, seq);
    if (!l) return NULL;
    term *t = mem_zero(sizeof *t * (size_t)(l->n + 1));
    *n = 0;
    bool ok = true;
    for (int64_t i = 0; ok && i < l->n; i++) {
        ok = term_of(in, l->at[i], &t[i]);
        if (ok) (*n)++;
    }
    obj_unref(in, l);
    if (ok) return t;
    for (int i = 0; i < *n; i++) term_clear(&t[i]);
    mem_free(t);
    return NULL;
}

static void terms_free(term *t, int n)
{
    for (int i = 0; t && i < n; i++) term_clear(&t[i]);
    mem_free(t);
}

/* map(ufunc, operands, dtype, prefix, name, out) */
static value b_map(interp *in, const value *arg)
{
    str *s = as_str(arg[0]);
    const ufunc *f = s ? ufunc_find(s->at) : as_ufunc(arg[0]);
    dtype_of t;
    int n = 0;
    int64_t out;
    if (!f) return throw(in, TypeError, "not a ufunc: '%s'", s ? s->at : type_of(in, arg[0])->name);
    if (!dtype_arg(in, arg[2], &t) || !to_int64(in, arg[5], &out)) return FAIL;
    term *x = terms_of(in, arg[1], &n);
    err e = {0};
    value r =
        x ? wrap_expr(in, expr_map(label_of(arg[3], arg[4]), f, n, x, t, (int)out, &e), &e) : FAIL;
    terms_free(x, n);
    return r;
}

/* A function of C by name, or any callable with keyword arguments. */
static fn *fn_of(interp *in, value f, value kwargs)
{
    return fn_callable(in, f, is_none(kwargs) ? FAIL : kwargs);
}

/* elemwise(function, operands, dtype, prefix, name, kwargs) */
static value b_elemwise(interp *in, const value *arg)
{
    dtype_of t = {.dt = DT_object};
    int n = 0;
    if (!to_dtype(in, arg[2], &t)) return FAIL;
    term *x = terms_of(in, arg[1], &n);
    fn *f = x ? fn_of(in, arg[0], arg[5]) : NULL;
    err e = {0};
    value r = f ? wrap_expr(in, expr_elemwise(label_of(arg[3], arg[4]), f, n, x, t, &e), &e) : FAIL;
    datum_unref(f);
    terms_free(x, n);
    return r;
}

static value elemwise1(interp *in, value x, fn *f, dtype_of t, label l)
{
    expr *ex = peek_expr(in, x);
    err e = {0};
    term one = {.x = ex};
    value r = ex ? wrap_expr(in, expr_elemwise(l, f, 1, &one, t, &e), &e) : FAIL;
    datum_unref(f);
    return r;
}

/* astype(x, dtype, casting) */
static value b_astype(interp *in, const value *arg)
{
    dtype_of t = {.dt = DT_none};
    str *casting = as_str(arg[2]);
    if (!to_dtype(in, arg[1], &t)) return FAIL;
    char how = casting && !str_is(casting, "same_kind") ? casting->at[0] : casting ? 'k' : 'u';
    return elemwise1(in, arg[0], fn_cast(t, how), t, (label){.prefix = "astype"});
}

/* round(x, decimals) */
static value b_round(interp *in, const value *arg)
{
    int64_t n;
    expr *x = peek_expr(in, arg[0]);
    if (!x || !to_int64(in, arg[1], &n)) return FAIL;
    return elemwise1(in, arg[0], fn_round((int)n), x->type, (label){.prefix = "round_"});
}

/* view(x, dtype, order) */
static value b_view(interp *in, const value *arg)
{
    dtype_of t = {.dt = DT_none};
    str *order = as_str(arg[2]);
    expr *x = peek_expr(in, arg[0]);
    if (!x || !to_dtype(in, arg[1], &t)) return FAIL;
    return elemwise1(in, arg[0], fn_view(t, order ? order->at[0] : 'C'), t,
                     (label){.prefix = "view"});
}

static value with_fn(interp *in, fn *f, value operands, dtype_of t, label l)
{
    int n = 0;
    term *x = terms_of(in, operands, &n);
    err e = {0};
    value r = x ? wrap_expr(in, expr_elemwise(l, f, n, x, t, &e), &e) : FAIL;
    datum_unref(f);
    terms_free(x, n);
    return r;
}

/* where(condition, x, y, dtype) */
static value b_where(interp *in, const value *arg)
{
    dtype_of t = dtype_plain(DT_float64);
    tuple *ops = tuple_from(in, arg, 3);
    value r = ops && to_dtype(in, arg[3], &t)
                  ? with_fn(in, fn_where(), v_obj(ops), t, (label){.prefix = "where"})
                  : FAIL;
    obj_unref(in, ops);
    return r;
}

/* ---- reductions ---- */

static bool split_of(interp *in, value v, int ndim, int64_t *every, int64_t *axis,
                     const int64_t **by_axis)
{
    *every = 0;
    *by_axis = NULL;
    if (is_none(v) || (v.kind == V_BOOL && !v.i)) return true;
    dict *d = as_dict(v);
    if (!d) return to_int64(in, v, every);
    for (int i = 0; i < ndim; i++) {
        value n;
        axis[i] = 0;
        int found = dict_get(in, d, v_int(i), &n);
        if (found < 0 || (found && !to_int64(in, n, &axis[i]))) return false;
    }
    *by_axis = axis;
    return true;
}

/* reduce(op, x, axis, keepdims, dtype, ddof, order, split_every, prefix) */
static value b_reduce(interp *in, const value *arg)
{
    str *op = as_str(arg[0]);
    expr *x = peek_expr(in, arg[1]);
    int64_t order, split[GRID_MAXDIM];
    reduce_args a = {.l = label_of(arg[8], NONE)};
    if (!x || !op || !to_axes(in, arg[2], expr_ndim(x), &a.axes) || !dtype_arg(in, arg[4], &a.want))
        return FAIL;
    if (!to_double(in, arg[5], &a.ddof) || !to_int64(in, arg[6], &order)) return FAIL;
    if (!split_of(in, arg[7], expr_ndim(x), &a.split_every, split, &a.split_axis)) return FAIL;
    a.keepdims = value_truth(in, arg[3]) == 1;
    a.order = (int)order;
    err e = {0};
    return wrap_expr(in, expr_reduce(op->at, x, &a, &e), &e);
}

/* reduction(x, chunk, combine, aggregate, axis, keepdims, dtype, split_every, prefix, concatenate,
 * output_size, weights, chunk_prefix) */
static value b_reduction(interp *in, const value *arg)
{
    expr *x = peek_expr(in, arg[0]);
    int64_t split[GRID_MAXDIM];
    reduce_tree r = {.l = label_of(arg[8], NONE), .x = x, .type = dtype_plain(DT_float64)};
    if (!x || !to_axes(in, arg[4], expr_ndim(x), &r.axes) || !to_dtype(in, arg[6], &r.type))
        return FAIL;
    if (!split_of(in, arg[7], expr_ndim(x), &r.split_every, split, &r.split_axis)) return FAIL;
    if (!to_int64(in, arg[10], &r.output_size)) return FAIL;
    str *prefix = as_str(arg[12]);
    char *combine = NULL;
    if (prefix) {
        r.chunk_prefix = prefix->at;
        strbuf b = {0};
        sb_addf(&b, "%s-partial", r.l.prefix ? r.l.prefix : prefix->at);
        combine = sb_take(&b, NULL);
        r.combine_prefix = combine;
    }
    r.keepdims = value_truth(in, arg[5]) == 1;
    r.lists = value_truth(in, arg[9]) == 0;
    if (!is_none(arg[11]) && !(r.weights = peek_expr(in, arg[11]))) return FAIL;
    fn *chunk = fn_callable(in, arg[1], FAIL);
    fn *mid = chunk && !is_none(arg[2]) ? fn_callable(in, arg[2], FAIL) : NULL;
    fn *last = chunk ? fn_callable(in, arg[3], FAIL) : NULL;
    r.chunk = chunk;
    r.combine = mid;
    r.aggregate = last;
    err e = {0};
    value v = last ? wrap_expr(in, expr_reduce_tree(&r, &e), &e) : FAIL;
    datum_unref(chunk);
    datum_unref(mid);
    datum_unref(last);
    mem_free(combine);
    return v;
}

/* topk(x, k, axis, split_every, arg) */
static value b_topk(interp *in, const value *arg)
{
    expr *x = peek_expr(in, arg[0]);
    int64_t k, every = 0;
    int axis;
    if (!x || !to_int64(in, arg[1], &k) || !to_axis(in, arg[2], expr_ndim(x), &axis)) return FAIL;
    if (!is_none(arg[3]) && !to_int64(in, arg[3], &every)) return FAIL;
    err e = {0};
    return wrap_expr(in, expr_topk((label){0}, x, k, axis, every, value_truth(in, arg[4]) == 1, &e),
                     &e);
}

/* scan(op, x, axis, dtype, method) */
static value b_scan(interp *in, const value *arg)
{
    str *op = as_str(arg[0]), *method = as_str(arg[4]);
    expr *x = peek_expr(in, arg[1]);
    int axis;
    dtype_of t;
    if (!x || !op || !to_axis(in, arg[2], expr_ndim(x), &axis) || !dtype_arg(in, arg[3], &t))
        return FAIL;
    err e = {0};
    return wrap_expr(
        in, expr_scan((label){0}, scan_find(op->at), x, axis, t, method ? method->at[0] : 's', &e),
        &e);
}

/* ---- indexing ---- */

typedef struct lazy_items {
    index_list l;
    expr_item item[ND_MAXDIM * 2];
} lazy_items;

/* A key may hold Arrays among the usual items. */
static bool items_of_key(interp *in, value k, lazy_items *out)
{
    tuple *t = as_tuple(k);
    const value *at = t ? t->at : &k;
    int64_t n = t ? t->n : 1;
    tuple *plain = tuple_new(in, n); /* Arrays replaced by None, parsed by the eager rules */
    if (!plain) return false;
    for (int64_t i = 0; i < n; i++) plain->at[i] = as_lazy(at[i]) ? NONE : value_ref(at[i]);
    bool ok = index_parse(in, v_obj(plain), &out->l);
    obj_unref(in, plain);
    for (int i = 0; ok && i < out->l.n; i++) {
        lazy *l = as_lazy(at[i]);
        out->item[i] = (expr_item){.item = out->l.item[i], .lazy = l ? l->x : NULL};
    }
    return ok;
}

static value b_index(interp *in, const value *arg)
{
    expr *x = peek_expr(in, arg[0]);
    lazy_items it;
    if (!x || !items_of_key(in, arg[1], &it)) return FAIL;
    err e = {0};
    value r = wrap_expr(in, expr_index(x, it.l.n, it.item, &e), &e);
    index_clear(&it.l);
    return r;
}

static value b_blocks(interp *in, const value *arg)
{
    expr *x = peek_expr(in, arg[0]);
    index_list l;
    if (!x || !index_parse(in, arg[1], &l)) return FAIL;
    err e = {0};
    value r = wrap_expr(in, expr_blocks(x, l.n, l.item, &e), &e);
    index_clear(&l);
    return r;
}

static value b_vindex(interp *in, const value *arg)
{
    expr *x = peek_expr(in, arg[0]);
    index_list l;
    if (!x || !index_parse(in, arg[1], &l)) return FAIL;
    err e = {0};
    value r = wrap_expr(in, expr_vindex(x, l.n, l.item, &e), &e);
    index_clear(&l);
    return r;
}

/* take(x, indices, axis) */
static value b_take(interp *in, const value *arg)
{
    expr *x = peek_expr(in, arg[0]);
    int axis;
    nd *at = x && to_axis(in, arg[2], expr_ndim(x), &axis)
                 ? to_nd(in, arg[1], dtype_plain(DT_int64))
                 : NULL;
    err e = {0};
    value r = at ? wrap_expr(in, expr_take(x, at, axis, &e), &e) : FAIL;
    datum_unref(at);
    return r;
}

/* setitem(x, key, value): a new Array */
static value b_setitem(interp *in, const value *arg)
{
    expr *x = peek_expr(in, arg[0]);
    lazy_items it;
    term t = {0};
    if (!x || !items_of_key(in, arg[1], &it)) return FAIL;
    err e = {0};
    value r = term_of(in, arg[2], &t) ? wrap_expr(in, expr_setitem(x, it.l.n, it.item, &t, &e), &e)
                                      : FAIL;
    term_clear(&t);
    index_clear(&it.l);
    return r;
}

/* _become(x, y): x is y from here on (assignment) */
static value b_become(interp *in, const value *arg)
{
    lazy *x = as_lazy(arg[0]);
    expr *y = peek_expr(in, arg[1]);
    if (!x || !y) return FAIL;
    expr_ref(y);
    datum_unref(x->x);
    x->x = y;
    return NONE;
}

/* ---- moving ---- */

static value b_transpose(interp *in, const value *arg)
{
    expr *x = peek_expr(in, arg[0]);
    int n, perm[GRID_MAXDIM];
    int64_t axes[GRID_MAXDIM];
    if (!x || !ints_of(in, arg[1], &n, axes)) return FAIL;
    narrow(n, axes, perm);
    err e = {0};
    return wrap_expr(in, expr_transpose((label){.prefix = "transpose"}, x, perm, &e), &e);
}

/* rechunk(x, chunks, threshold, limit) */
static value b_rechunk(interp *in, const value *arg)
{
    expr *x = peek_expr(in, arg[0]);
    int64_t shape[GRID_MAXDIM], threshold = 0, limit = 0;
    if (!x || (!is_none(arg[2]) && !to_int64(in, arg[2], &threshold)) ||
        (!is_none(arg[3]) && !to_int64(in, arg[3], &limit)))
        return FAIL;
    expr_shape(x, shape);
    grid *g = limit ? to_grid_within(in, arg[1], expr_ndim(x), shape, x->type, x->chunks, limit)
                    : to_grid(in, arg[1], expr_ndim(x), shape, x->type, x->chunks);
    err e = {0};
    value r = g ? wrap_expr(in, expr_rechunk(x, g, threshold, limit, &e), &e) : FAIL;
    datum_unref(g);
    return r;
}

static value b_reshape(interp *in, const value *arg)
{
    expr *x = peek_expr(in, arg[0]);
    int n;
    int64_t shape[GRID_MAXDIM];
    if (!x || !ints_of(in, arg[1], &n, shape)) return FAIL;
    err e = {0};
    return wrap_expr(in, expr_reshape(x, n, shape, value_truth(in, arg[2]) == 1, &e), &e);
}

static value joined(interp *in, const value *arg, bool stack)
{
    int n;
    int64_t axis;
    const expr **x = exprs_of(in, arg[0], &n);
    err e = {0};
    value r = FAIL;
    if (x && to_int64(in, arg[1], &axis)) {
        bool unknown = value_truth(in, arg[2]) == 1;
        r = wrap_expr(in,
                      stack ? expr_stack(n, x, (int)axis, unknown, &e)
                            : expr_concat(n, x, (int)axis, unknown, &e),
                      &e);
    }
    mem_free(x);
    return r;
}

static value b_concatenate(interp *in, const value *arg)
{
    return joined(in, arg, false);
}

static value b_stack(interp *in, const value *arg)
{
    return joined(in, arg, true);
}

/* broadcast_to(x, shape, chunks) */
static value b_broadcast_to(interp *in, const value *arg)
{
    expr *x = peek_expr(in, arg[0]);
    int n;
    int64_t shape[GRID_MAXDIM];
    if (!x || !ints_of(in, arg[1], &n, shape)) return FAIL;
    grid *g = is_none(arg[2]) ? NULL : to_grid(in, arg[2], n, shape, x->type, NULL);
    err e = {0};
    value r = throwing(in) ? FAIL : wrap_expr(in, expr_broadcast_to(x, n, shape, g, &e), &e);
    datum_unref(g);
    return r;
}

/* ---- products ---- */

static value b_tensordot(interp *in, const value *arg)
{
    expr *x = peek_expr(in, arg[0]), *y = peek_expr(in, arg[1]);
    int n, m, xa[GRID_MAXDIM], ya[GRID_MAXDIM];
    int64_t a[GRID_MAXDIM], b[GRID_MAXDIM];
    if (!x || !y || !ints_of(in, arg[2], &n, a) || !ints_of(in, arg[3], &m, b)) return FAIL;
    if (n != m) return throw(in, ValueError, "shape-mismatch for sum");
    narrow(n, a, xa);
    narrow(n, b, ya);
    err e = {0};
    return wrap_expr(in, expr_tensordot(x, y, n, xa, ya, &e), &e);
}

static value b_matmul(interp *in, const value *arg)
{
    expr *x = peek_expr(in, arg[0]), *y = peek_expr(in, arg[1]);
    err e = {0};
    return x && y ? wrap_expr(in, expr_matmul(x, y, &e), &e) : FAIL;
}

static value b_einsum(interp *in, const value *arg)
{
    int n;
    dtype_of t;
    str *s = as_str(arg[0]);
    const expr **x = exprs_of(in, arg[1], &n);
    err e = {0};
    value r = x && s && dtype_arg(in, arg[2], &t)
                  ? wrap_expr(in, expr_einsum(s->at, n, x, t, &e), &e)
                  : FAIL;
    mem_free(x);
    return r;
}

/* ---- blockwise ---- */

/* one letter for each distinct index label */
typedef struct letters {
    dict *of;
} letters;

static bool letter(interp *in, letters *l, value sym, int *out)
{
    value v;
    int found = dict_get(in, l->of, sym, &v);
    if (found == 0) {
        v = v_int(l->of->n);
        if (!dict_set(in, l->of, sym, v)) return false;
    }
    *out = (int)v.i;
    return found >= 0;
}

/* letters of "ij" or ('i', 'j') in the arena; NULL on failure */
static int *index_letters(interp *in, letters *l, value index, arena *a, int *n)
{
    list *items = list_of(in, index);
    if (!items) return NULL;
    int *out = arena_alloc(a, sizeof *out * (size_t)(items->n + 1));
    *n = (int)items->n;
    for (int i = 0; i < *n; i++)
        if (!letter(in, l, items->at[i], &out[i])) out = NULL;
    obj_unref(in, items);
    return out;
}

/* a dict label -> sizes as parallel arrays of letters and cuts */
static bool letter_cuts(interp *in, letters *l, value v, arena *a, int *n, const int **letter_out,
                        cuts ***cuts_out)
{
    dict *d = as_dict(v);
    *n = 0;
    if (!d) return true;
    int *ls = arena_alloc(a, sizeof *ls * (size_t)(d->n + 1));
    cuts **cs = arena_alloc(a, sizeof *cs * (size_t)(d->n + 1));
    value k, sizes;
    for (int64_t i = 0; dict_next(d, &i, &k, &sizes);) {
        if (!letter(in, l, k, &ls[*n]) || !(cs[*n] = cuts_of_value(in, sizes))) return false;
        (*n)++;
    }
    *letter_out = ls;
    *cuts_out = cs;
    return true;
}

/* blockwise(function, out_index, args, dtype, prefix, name, concatenate, align, new_axes,
 * adjust_chunks, kwargs, materialized): args is a list of (array or literal, index or None) */
static value b_blockwise(interp *in, const value *arg)
{
    arena a = {0};
    held h = {0};
    err e = {0};
    letters l = {dict_new(in)};
    blockwise b = {.l = label_of(arg[4], arg[5]), .type = dtype_plain(DT_float64)};
    cuts **fresh = NULL, **adjusted = NULL;
    list *pairs = list_of(in, arg[2]);
    bool ok = l.of && pairs && to_dtype(in, arg[3], &b.type);
    bw_arg *at = arena_alloc(&a, sizeof *at * (size_t)((pairs ? pairs->n : 0) + 1));
    b.out = ok ? index_letters(in, &l, arg[1], &a, &b.nout) : NULL;
    ok = ok && b.out;
    for (int64_t i = 0; ok && i < pairs->n; i++) {
        tuple *p = as_tuple(pairs->at[i]);
        int n;
        if (is_none(p->at[1])) {
            ok = lit_of(in, p->at[0], &a, &at[i].literal, &h);
        } else {
            at[i].x = peek_expr(in, p->at[0]);
            ok = at[i].x && (at[i].index = index_letters(in, &l, p->at[1], &a, &n)) != NULL;
            if (ok && n != expr_ndim(at[i].x))
                ok = THROW0(
                    in, ValueError,
                    "Index string does not match array dimension. Got %d letters for %d axes", n,
                    expr_ndim(at[i].x));
        }
    }
    b.narg = pairs ? (int)pairs->n : 0;
    b.arg = at;
    b.concatenate = value_truth(in, arg[6]) == 1 ? BW_CONCATENATE : BW_LISTS;
    b.no_align = value_truth(in, arg[7]) == 0;
    b.materialized = value_truth(in, arg[11]) == 1;
    ok = ok && letter_cuts(in, &l, arg[8], &a, &b.nnew, &b.new_letter, &fresh) &&
         letter_cuts(in, &l, arg[9], &a, &b.nadjust, &b.adjust_letter, &adjusted);
    b.new_axis = fresh;
    b.adjust_axis = adjusted;
    fn *f = ok ? fn_of(in, arg[0], arg[10]) : NULL;
    b.f = f;
    value r = f ? wrap_expr(in, expr_blockwise(&b, &e), &e) : FAIL;
    datum_unref(f);
    for (int i = 0; i < b.nnew; i++) datum_unref(fresh[i]);
    for (int i = 0; i < b.nadjust; i++) datum_unref(adjusted[i]);
    obj_unref(in, pairs);
    obj_unref(in, l.of);
    held_clear(&h);
    arena_clear(&a);
    return r;
}

/* block_ids(prefix, function or None, chunks) : an array whose blocks are f((i, j ...)) */
static value b_block_ids(interp *in, const value *arg)
{
    expr *like = peek_expr(in, arg[2]);
    fn *f = like && !is_none(arg[1]) ? fn_callable(in, arg[1], FAIL) : NULL;
    err e = {0};
    value r = like && !throwing(in)
                  ? wrap_expr(in, expr_block_ids(label_of(arg[0], NONE), f, like->chunks, &e), &e)
                  : FAIL;
    datum_unref(f);
    return r;
}

/* unify(arrays, indices): the arrays with equal chunks along equal letters */
static value b_unify(interp *in, const value *arg)
{
    int n;
    arena a = {0};
    letters l = {dict_new(in)};
    const expr **x = l.of ? exprs_of(in, arg[0], &n) : NULL;
    list *idx = x ? list_of(in, arg[1]) : NULL;
    const int **index = arena_alloc(&a, sizeof *index * (size_t)((x ? n : 0) + 1));
    bool ok = idx != NULL;
    for (int i = 0; ok && i < n; i++) {
        int m;
        ok = (index[i] = index_letters(in, &l, idx->at[i], &a, &m)) != NULL;
    }
    err e = {0};
    value r = FAIL;
    if (ok) {
        expr **y = arena_alloc(&a, sizeof *y * (size_t)(n + 1));
        for (int i = 0; i < n; i++) y[i] = expr_ref(x[i]);
        bool done = exprs_unify(n, y, index, &e);
        list *out = list_new(in, n);
        for (int i = 0; i < n; i++) {
            if (done && out)
                done = list_add(in, out, wrap_expr(in, y[i], &e));
            else
                datum_unref(y[i]);
        }
        if (done)
            r = v_obj(out);
        else
            obj_unref(in, out), e.kind ? (void)throw_err(in, &e) : (void)0;
    }
    obj_unref(in, idx);
    mem_free(x);
    obj_unref(in, l.of);
    arena_clear(&a);
    return r;
}

/* ---- neighbours ---- */

static bool edges_of(interp *in, value v, int ndim, boundary *out)
{
    static const struct {
        const char *name;
        enum boundary_kind kind;
    } kinds[] = {{"none", EDGE_NONE},
                 {"reflect", EDGE_REFLECT},
                 {"periodic", EDGE_PERIODIC},
                 {"nearest", EDGE_NEAREST}};
    list *l = list_of(in, v);
    bool ok = l && l->n == ndim;
    for (int i = 0; ok && i < ndim; i++) {
        str *s = as_str(l->at[i]);
        out[i] = (boundary){.kind = is_none(l->at[i]) ? EDGE_NONE : EDGE_VALUE};
        for (size_t k = 0; s && k < 4; k++)
            if (str_is(s, kinds[k].name)) out[i].kind = kinds[k].kind;
        if (!s && !is_none(l->at[i])) ok = (out[i].value = to_nd_any(in, l->at[i])) != NULL;
    }
    obj_unref(in, l);
    return ok;
}

static value neighbours(interp *in, const value *arg,
                        expr *(*f)(const expr *, const int64_t *, const boundary *, err *))
{
    expr *x = peek_expr(in, arg[0]);
    int n;
    int64_t depth[ND_MAXDIM];
    boundary edge[GRID_MAXDIM] = {{0}};
    if (!x || !to_shape(in, arg[1], &n, depth) || !edges_of(in, arg[2], expr_ndim(x), edge))
        return FAIL;
    err e = {0};
    value r = wrap_expr(in, f(x, depth, edge, &e), &e);
    for (int i = 0; i < expr_ndim(x); i++) datum_unref((void *)(uintptr_t)edge[i].value);
    return r;
}

static value b_overlap(interp *in, const value *arg)
{
    return neighbours(in, arg, expr_overlap);
}

static value b_trim(interp *in, const value *arg)
{
    return neighbours(in, arg, expr_trim);
}

/* ---- irregular ---- */

/* with_chunks(x, chunks): the same blocks, known sizes */
static value b_with_chunks(interp *in, const value *arg)
{
    expr *x = peek_expr(in, arg[0]);
    tuple *t = as_tuple(arg[1]);
    if (!x || !t || t->n != expr_ndim(x))
        return throw(in, ValueError, "chunks do not fit the array");
    cuts *ax[GRID_MAXDIM];
    int n = 0;
    while (n < t->n && (ax[n] = cuts_of_value(in, t->at[n]))) n++;
    grid *g = n == t->n ? grid_new(n, ax) : NULL;
    err e = {0};
    value r = g ? wrap_expr(in, expr_with_chunks(x, g, &e), &e) : FAIL;
    for (int i = 0; i < n; i++) datum_unref(ax[i]);
    datum_unref(g);
    return r;
}

const builtin dask_build_functions[] = {
    {"full(prefix, name, shape, chunks, dtype, value)", b_full, NULL},
    {"arange(prefix, name, start, step, num, chunks, dtype)", b_arange, NULL},
    {"linspace(name, start, stop, num, endpoint, chunks, dtype)", b_linspace, NULL},
    {"eye(shape, k, chunks, dtype)", b_eye, NULL},
    {"from_array(x, chunks, name, prefix)", b_from_array, NULL},
    {"store(x, sink, offset)", b_store, NULL},
    {"foreign(x, yes)", b_foreign, NULL},
    {"map(ufunc, operands, dtype=None, prefix=None, name=None, out=0)", b_map, NULL},
    {"elemwise(function, operands, dtype, prefix=None, name=None, kwargs=None)", b_elemwise, NULL},
    {"astype(x, dtype, casting=None)", b_astype, NULL},
    {"round(x, decimals=0)", b_round, NULL},
    {"view(x, dtype, order='C')", b_view, NULL},
    {"where(condition, x, y, dtype)", b_where, NULL},
    {"reduce(op, x, axis=None, keepdims=False, dtype=None, ddof=0, order=0, split_every=None, "
     "prefix=None)",
     b_reduce, NULL},
    {"reduction(x, chunk, combine, aggregate, axis, keepdims, dtype, split_every, prefix, "
     "concatenate=True, "
     "output_size=1, weights=None, chunk_prefix=None)",
     b_reduction, NULL},
    {"topk(x, k, axis, split_every, arg)", b_topk, NULL},
    {"scan(op, x, axis, dtype, method)", b_scan, NULL},
    {"index(x, key)", b_index, NULL},
    {"blocks(x, key)", b_blocks, NULL},
    {"vindex(x, key)", b_vindex, NULL},
    {"take(x, indices, axis)", b_take, NULL},
    {"setitem(x, key, value)", b_setitem, NULL},
    {"become(x, y)", b_become, NULL},
    {"transpose(x, axes)", b_transpose, NULL},
    {"rechunk(x, chunks, threshold=None, limit=None)", b_rechunk, NULL},
    {"reshape(x, shape, merge_chunks=True)", b_reshape, NULL},
    {"concatenate(arrays, axis, allow_unknown)", b_concatenate, NULL},
    {"stack(arrays, axis, allow_unknown)", b_stack, NULL},
    {"broadcast_to(x, shape, chunks)", b_broadcast_to, NULL},
    {"tensordot(x, y, xaxes, yaxes)", b_tensordot, NULL},
    {"matmul(x, y)", b_matmul, NULL},
    {"einsum(subscripts, arrays, dtype)", b_einsum, NULL},
    {"blockwise(function, out_index, args, dtype, prefix=None, name=None, concatenate=False, "
     "align=True, "
     "new_axes=None, adjust_chunks=None, kwargs=None, materialized=False)",
     b_blockwise, NULL},
    {"block_ids(prefix, function, like)", b_block_ids, NULL},
    {"unify(arrays, indices)", b_unify, NULL},
    {"overlap(x, depth, edges)", b_overlap, NULL},
    {"trim(x, depth, edges)", b_trim, NULL},
    {"with_chunks(x, chunks)", b_with_chunks, NULL},
    {0},
};

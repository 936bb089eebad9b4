/* stdlib/dask/build.c - the primitives that build lazy arrays, as functions of the module _dask:
 * what is made of nothing or of data, and elementwise operations.
 *
 * One function for each constructor of engine/expr/expr.h, no more: everything that can be composed
 * is in dsk (dask/array). */
#include "engine/base/mem.h"
#include "stdlib/dask/parts.h"
#include "stdlib/dask/source.h"
#include "stdlib/numpy/numpy.h"

static grid *shape_grid(interp *in, value shape, value chunks, dtype_of t)
{
    int ndim;
    int64_t ext[ND_MAXDIM];
    if (!to_shape(in, shape, &ndim, ext)) return NULL;
    return to_grid(in, chunks, ndim, ext, t, NULL);
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
    if (!x || !to_shape(in, arg[2], &n, offset)) return FAIL;
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
    if (!to_dtype_or_none(in, arg[2], &t) || !to_int64(in, arg[5], &out)) return FAIL;
    term *x = terms_of(in, arg[1], &n);
    err e = {0};
    value r =
        x ? wrap_expr(in, expr_map(label_of(arg[3], arg[4]), f, n, x, t, (int)out, &e), &e) : FAIL;
    terms_free(x, n);
    return r;
}

/* elemwise(function, operands, dtype, prefix, name, kwargs) */
static value b_elemwise(interp *in, const value *arg)
{
    dtype_of t = {.dt = DT_object};
    int n = 0;
    if (!to_dtype(in, arg[2], &t)) return FAIL;
    term *x = terms_of(in, arg[1], &n);
    fn *f = x ? fn_callable(in, arg[0], is_none(arg[5]) ? FAIL : arg[5]) : NULL;
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
    expr *x = peek_expr(in, arg[0]);
    err e = {0};
    dtype_of shown = x ? cast_sized(t, x->type, &e) : t;
    if (e.kind) return throw_err(in, &e), FAIL;
    return elemwise1(in, arg[0], fn_cast(t, how), shown, (label){.prefix = "astype"});
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

/* f(arg[0], arg[1], arg[2]), of the type that arg[3] names */
static value of_three(interp *in, const value *arg, fn *f, const char *prefix)
{
    dtype_of t = dtype_plain(DT_float64);
    tuple *ops = tuple_from(in, arg, 3);
    bool ok = ops && to_dtype(in, arg[3], &t);
    value r = ok ? with_fn(in, f, v_obj(ops), t, (label){.prefix = prefix}) : FAIL;
    if (!ok) datum_unref(f);
    obj_unref(in, ops);
    return r;
}

/* where(condition, x, y, dtype) */
static value b_where(interp *in, const value *arg)
{
    return of_three(in, arg, fn_where(), "where");
}

/* clip(x, low, high, dtype) */
static value b_clip(interp *in, const value *arg)
{
    return of_three(in, arg, fn_clip(), "clip");
}

const builtin dask_build_functions[] = {
    {"full(prefix, name, shape, chunks, dtype, value)", b_full, NULL},
    {"arange(prefix, name, start, step, num, chunks, dtype)", b_arange, NULL},
    {"linspace(name, start, stop, num, endpoint, chunks, dtype)", b_linspace, NULL},
    {"eye(shape, k, chunks, dtype)", b_eye, NULL},
    {"from_array(x, chunks, name, prefix)", b_from_array, NULL},
    {"store(x, sink, offset)", b_store, NULL},
    {"array_sink(x)", array_sink_of, NULL},
    {"foreign(x, yes)", b_foreign, NULL},
    {"map(ufunc, operands, dtype=None, prefix=None, name=None, out=0)", b_map, NULL},
    {"elemwise(function, operands, dtype, prefix=None, name=None, kwargs=None)", b_elemwise, NULL},
    {"astype(x, dtype, casting=None)", b_astype, NULL},
    {"round(x, decimals=0)", b_round, NULL},
    {"view(x, dtype, order='C')", b_view, NULL},
    {"where(condition, x, y, dtype)", b_where, NULL},
    {"clip(x, low, high, dtype)", b_clip, NULL},
    {0},
};

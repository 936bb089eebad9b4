/* stdlib/dask/build_moves.c - the primitives that build lazy arrays, as functions of the module
 * _dask: other shapes, other chunks, several arrays as one, products. */
#include "engine/base/mem.h"
#include "stdlib/dask/parts.h"
#include "stdlib/numpy/numpy.h"

static void narrow(int n, const int64_t *in, int *out)
{
    for (int i = 0; i < n; i++) out[i] = (int)in[i];
}

/* ---- moving ---- */

static value b_transpose(interp *in, const value *arg)
{
    expr *x = peek_expr(in, arg[0]);
    int n, perm[GRID_MAXDIM];
    int64_t axes[GRID_MAXDIM];
    if (!x || !to_shape(in, arg[1], &n, axes)) return FAIL;
    narrow(n, axes, perm);
    err e = {0};
    return wrap_expr(in, expr_transpose(label_of(arg[2], NONE), x, perm, &e), &e);
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
    if (!x || !to_shape(in, arg[1], &n, shape)) return FAIL;
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
    if (!x || !to_shape(in, arg[1], &n, shape)) return FAIL;
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
    if (!x || !y || !to_shape(in, arg[2], &n, a) || !to_shape(in, arg[3], &m, b)) return FAIL;
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
    value r = x && s && to_dtype_or_none(in, arg[2], &t)
                  ? wrap_expr(in, expr_einsum(s->at, n, x, t, &e), &e)
                  : FAIL;
    mem_free(x);
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

const builtin dask_move_functions[] = {
    {"transpose(x, axes, prefix='transpose')", b_transpose, NULL},
    {"rechunk(x, chunks, threshold=None, limit=None)", b_rechunk, NULL},
    {"reshape(x, shape, merge_chunks=True)", b_reshape, NULL},
    {"concatenate(arrays, axis, allow_unknown)", b_concatenate, NULL},
    {"stack(arrays, axis, allow_unknown)", b_stack, NULL},
    {"broadcast_to(x, shape, chunks)", b_broadcast_to, NULL},
    {"tensordot(x, y, xaxes, yaxes)", b_tensordot, NULL},
    {"matmul(x, y)", b_matmul, NULL},
    {"einsum(subscripts, arrays, dtype)", b_einsum, NULL},
    {"overlap(x, depth, edges)", b_overlap, NULL},
    {"trim(x, depth, edges)", b_trim, NULL},
    {"with_chunks(x, chunks)", b_with_chunks, NULL},
    {0},
};

/* stdlib/dask/build_index.c - the primitives that build lazy arrays, as functions of the module
 * _dask: parts of arrays, and writing to them. */
#include "stdlib/dask/parts.h"
#include "stdlib/numpy/numpy.h"

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

const builtin dask_index_functions[] = {
    {"index(x, key)", b_index, NULL},
    {"blocks(x, key)", b_blocks, NULL},
    {"vindex(x, key)", b_vindex, NULL},
    {"take(x, indices, axis)", b_take, NULL},
    {"setitem(x, key, value)", b_setitem, NULL},
    {"become(x, y)", b_become, NULL},
    {0},
};

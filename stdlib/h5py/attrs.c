/* stdlib/h5py/attrs.c - attributes: a name, and an array or a text. */
#include "engine/base/mem.h"
#include "stdlib/h5py/h5py.h"

static bool begin(interp *in, const value *arg, h5obj **x, const char **name)
{
    *x = peek_h5(in, arg[0]);
    *name = *x ? peek_text(in, arg[1]) : NULL;
    return *name != NULL;
}

static value a_names(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    size_t n = 0;
    err e = {0};
    char **names = x ? h5_attr_names(x, &n, &e) : NULL;
    if (!x) return FAIL;
    if (!names) return throw_err(in, &e);
    list *l = list_new(in, (int64_t)n);
    bool ok = l != NULL;
    for (size_t i = 0; ok && i < n; i++) ok = list_add(in, l, v_str(in, names[i]));
    h5_names_free(names, n);
    if (!ok) obj_unref(in, l);
    return ok ? v_obj(l) : FAIL;
}

static value a_count(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    err e = {0};
    int64_t n = x ? h5_attr_count(x, &e) : -1;
    if (!x) return FAIL;
    return n < 0 ? throw_err(in, &e) : v_int(n);
}

static value a_contains(interp *in, const value *arg)
{
    h5obj *x;
    const char *name;
    err e = {0};
    if (!begin(in, arg, &x, &name)) return FAIL;
    int yes = h5_attr_contains(x, name, &e);
    return yes < 0 ? throw_err(in, &e) : v_bool(yes);
}

/* A value that was read, as h5py hands it out; clears it. */
static value value_of_attr(interp *in, h5value *v)
{
    err e = {0};
    value r;
    if (v->empty) {
        r = dtype_value(in, dtype_of_h5(&v->type));
    } else if (v->type.text == H5_VARIABLE) {
        nd *x = texts_block(in, &v->texts, v->ndim, v->shape, dtype_of_h5(&v->type), true);
        r = x ? array_result(in, x, &e) : FAIL;
    } else {
        r = array_result(in, nd_ref(v->x), &e);
    }
    h5_value_clear(v);
    return r;
}

/* (shape, what, cells) of references and sequences */
static value cells_of_attr(interp *in, h5value *v)
{
    value cells = cells_value(in, &v->type, &v->cells);
    value r = is_fail(cells) ? FAIL
                             : v_obj(tuple_pack(in, 3, v_obj(shape_tuple(in, v->ndim, v->shape)),
                                                dtype_value(in, dtype_of_h5(&v->type)), cells));
    h5_value_clear(v);
    return r;
}

/* also where array_result would give a scalar: the bytes of one compound */
static value array_of_attr(interp *in, h5value *v)
{
    err e = {0};
    value r = array_wrap(in, nd_ref(v->x), &e);
    h5_value_clear(v);
    return r;
}

/* (empty, value): value is the dtype when there are no elements at all; empty is None: cells */
static value a_get(interp *in, const value *arg)
{
    h5obj *x;
    const char *name;
    h5value v = {0};
    err e = {0};
    if (!begin(in, arg, &x, &name)) return FAIL;
    if (!h5_attr_get(x, name, &v, &e)) return throw_err(in, &e);
    bool empty = v.empty;
    if (v.members) { /* (fields, their bytes) */
        value fields = members_value(in, v.members, v.nmember);
        return v_obj(tuple_pack(in, 2, fields, array_of_attr(in, &v)));
    }
    if (!empty && v.type.special) return v_obj(tuple_pack(in, 2, NONE, cells_of_attr(in, &v)));
    return v_obj(tuple_pack(in, 2, v_bool(empty), value_of_attr(in, &v)));
}

/* (shape, dtype) of the stored value */
static value a_type(interp *in, const value *arg)
{
    h5obj *x;
    const char *name;
    h5value v = {0};
    err e = {0};
    if (!begin(in, arg, &x, &name)) return FAIL;
    if (!h5_attr_get(x, name, &v, &e)) return throw_err(in, &e);
    value r = v_obj(tuple_pack(in, 2, v.empty ? NONE : v_obj(shape_tuple(in, v.ndim, v.shape)),
                               dtype_value(in, dtype_of_h5(&v.type))));
    h5_value_clear(&v);
    return r;
}

/* set(x, name, value, dtype, members): value an array, or None for no elements at all; of compounds
 * their bytes */
static value a_set(interp *in, const value *arg)
{
    h5obj *x;
    const char *name;
    err e = {0};
    dtype_of t = dtype_plain(DT_float64);
    ndarray *a = as_ndarray(arg[2]);
    if (!begin(in, arg, &x, &name) || !to_dtype(in, arg[3], &t)) return FAIL;
    h5value v = {.type = h5_type_of_dtype(t), .empty = !a};
    if (a) {
        const nd *from = array_peek(a);
        v.ndim = from->ndim;
        for (int i = 0; i < v.ndim; i++) v.shape[i] = nd_shape(from)[i];
        if (v.type.text == H5_VARIABLE) {
            if (!texts_of(in, from, &v.texts)) return FAIL;
        } else {
            v.x = to_nd(in, arg[2], t);
            if (!v.x) return FAIL;
        }
    }
    h5spec s = {.type = v.type};
    bool ok = members_of(in, arg[4], &s, &v.members);
    v.nmember = s.nmember;
    ok = ok && h5_attr_set(x, name, &v, &e);
    mem_free(v.members); /* the names are not its own */
    v.members = NULL;
    v.nmember = 0;
    h5_value_clear(&v);
    return done_or_throw(in, ok, &e);
}

/* set_cells(x, name, shape, dtype, cells) */
static value a_set_cells(interp *in, const value *arg)
{
    h5obj *x;
    const char *name;
    err e = {0};
    dtype_of t = dtype_plain(DT_object);
    if (!begin(in, arg, &x, &name) || !to_dtype(in, arg[3], &t)) return FAIL;
    h5value v = {.type = h5_type_of_dtype(t)};
    if (!to_shape(in, arg[2], &v.ndim, v.shape) || !cells_from(in, &v.type, arg[4], &v.cells))
        return FAIL;
    bool ok = h5_attr_set(x, name, &v, &e);
    h5_value_clear(&v);
    return done_or_throw(in, ok, &e);
}

static value a_delete(interp *in, const value *arg)
{
    h5obj *x;
    const char *name;
    err e = {0};
    if (!begin(in, arg, &x, &name)) return FAIL;
    return done_or_throw(in, h5_attr_delete(x, name, &e), &e);
}

const builtin h5_attr_functions[] = {
    {"attr_names(x)", a_names, NULL},
    {"attr_count(x)", a_count, NULL},
    {"attr_contains(x, name)", a_contains, NULL},
    {"attr_get(x, name)", a_get, NULL},
    {"attr_type(x, name)", a_type, NULL},
    {"attr_set(x, name, value, dtype, members=None)", a_set, NULL},
    {"attr_set_cells(x, name, shape, dtype, cells)", a_set_cells, NULL},
    {"attr_delete(x, name)", a_delete, NULL},
    {0},
};

/* stdlib/numpy/convert.c - anything to a block: nested sequences, scalars, objects with __array__.
 *
 * Two walks over nested sequences: one finds shape and dtype, one fills.  Both stop at arrays,
 * strings and everything that is not a list or tuple (or sequence-like object). */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/data/datetime.h"
#include "engine/kernels/cast.h"
#include "engine/kernels/fp.h"
#include "lang/types/bytes.h"
#include "lang/types/memview.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/objects.h"
#include "stdlib/numpy/subclass.h"

typedef struct discovery {
    int ndim; /* of the nesting so far; ND_MAXDIM + 1: not known yet */
    int64_t shape[ND_MAXDIM];
    dtype_of t; /* DT_none: no element seen */
    bool ragged, mixed;
    int max; /* nesting where everything stops being a sequence */
} discovery;

/* lends the items of a list or tuple */
static bool items_of(value v, const value **at, int64_t *n)
{
    list *l = as_list(v);
    if (l) return *at = l->at, *n = l->n, true;
    tuple *t = as_tuple(v);
    if (t) return *at = t->at, *n = t->n, true;
    return false;
}

/* In turn i of a loop over items: false after Ctrl-C. */
static bool goes_on(interp *in, int64_t i)
{
    return i % 4096 != 4095 || check_interrupt(in);
}

static bool merge_type(interp *in, discovery *d, dtype_of t)
{
    if (d->t.dt == DT_none) return d->t = t, true;
    if (dtype_equal(d->t, t)) return true;
    err e = {0};
    dtype_of both;
    if (dtype_promote(d->t, t, &both, &e)) return d->t = both, true;
    err_clear(&e);
    (void)in;
    d->t = dtype_plain(DT_object);
    return true;
}

static bool leaf_type(interp *in, value v, dtype_of *t)
{
    _Alignas(16) char element[16];
    if (scalar_element(in, v, t, element)) return true;
    if (throwing(in)) return false;
    *t = dtype_plain(DT_object);
    return true;
}

static bool meet_shape(discovery *d, int depth, int n, const int64_t *shape)
{
    if (d->ndim > ND_MAXDIM) { /* the first leaf fixes the number of axes */
        d->ndim = depth + n;
        for (int i = 0; i < n; i++) d->shape[depth + i] = shape[i];
        return true;
    }
    if (d->ndim != depth + n) {
        d->ragged = true;
        if (depth + n < d->ndim) d->ndim = depth + n;
        return true;
    }
    for (int i = 0; i < n; i++)
        if (d->shape[depth + i] != shape[i]) {
            d->ragged = true;
            d->ndim = depth + i;
            return true;
        }
    return true;
}

static bool discover(interp *in, discovery *d, value v, int depth)
{
    const value *at;
    int64_t n;
    ndarray *a = as_ndarray(v);
    if (a) {
        const nd *x = array_peek(a);
        return meet_shape(d, depth, x->ndim, nd_shape(x)) && merge_type(in, d, nd_type(x));
    }
    if (depth >= ND_MAXDIM || !items_of(v, &at, &n)) {
        dtype_of t;
        return leaf_type(in, v, &t) && merge_type(in, d, t) && meet_shape(d, depth, 0, NULL);
    }
    if (d->ndim > ND_MAXDIM) {
        d->shape[depth] = n;
        if (n == 0) d->ndim = depth + 1;
    } else if (depth < d->ndim && d->shape[depth] != n) {
        d->ragged = true;
        d->ndim = depth;
    } else if (depth >= d->ndim) {
        d->ragged = true;
    }
    for (int64_t i = 0; i < n; i++)
        if (!goes_on(in, i) || !discover(in, d, at[i], depth + 1)) return false;
    return true;
}

/* One walk fills: `at` is the place of v, `axis` its depth. */
static bool fill(interp *in, nd *x, char *at, int axis, value v)
{
    ndarray *a = as_ndarray(v);
    if (axis == x->ndim) {
        if (a && x->dtype != DT_object) {
            const nd *y = array_peek(a);
            value item = scalar_value(in, nd_type(y), y->at);
            bool ok = !is_fail(item) && scalar_store(in, item, nd_type(x), at);
            value_unref(in, item);
            return ok;
        }
        return scalar_store(in, v, nd_type(x), at);
    }
    if (a) {
        nd *part =
            nd_view(x->b, at, nd_type(x), x->ndim - axis, nd_shape(x) + axis, nd_strides(x) + axis);
        err e = {0};
        bool ok = nd_assign(part, array_peek(a), 'u', NULL, &e);
        datum_unref(part);
        if (!ok) throw_err(in, &e);
        return ok;
    }
    const value *item;
    int64_t n;
    if (!items_of(v, &item, &n))
        return THROW0(in, ValueError, "setting an array element with a sequence.");
    int64_t step = nd_strides(x)[axis];
    for (int64_t i = 0; i < n; i++)
        if (!goes_on(in, i) || !fill(in, x, at + i * step, axis + 1, item[i])) return false;
    return true;
}

static nd *new_block(interp *in, dtype_of t, int ndim, const int64_t *shape)
{
    err e = {0};
    nd *x;
    if (t.dt == DT_object) {
        size_t n = (size_t)shape_count(ndim, shape);
        buf *b = buf_objects(n, &object_cells, &e);
        x = b ? nd_view(b, b->data, t, ndim, shape, NULL) : NULL;
        buf_unref(b);
    } else {
        x = nd_new(t, ndim, shape, &e);
    }
    if (!x) throw_err(in, &e);
    return x;
}

static nd *ragged_error(interp *in, const discovery *d)
{
    char text[256];
    shape_text(d->ndim, d->shape, text, sizeof text);
    return THROW0(in, ValueError,
                  "setting an array element with a sequence. The requested array has an "
                  "inhomogeneous shape after %d dimensions. The detected shape was %s + "
                  "inhomogeneous part.",
                  d->ndim, text);
}

/* strings as numbers and numbers as strings need their width */
static dtype_of final_type(const discovery *d, dtype_of want)
{
    dtype_of t = want.dt == DT_none ? d->t : want;
    if (t.dt == DT_none) t = dtype_plain(DT_float64);
    if ((t.dt == DT_str || t.dt == DT_bytes) && t.size == 0) {
        static const uint8_t digits[] = {
            [DT_bool] = 5,       [DT_int8] = 4,       [DT_uint8] = 3,    [DT_int16] = 6,
            [DT_uint16] = 5,     [DT_int32] = 11,     [DT_uint32] = 10,  [DT_int64] = 21,
            [DT_uint64] = 20,    [DT_float16] = 32,   [DT_float32] = 32, [DT_float64] = 32,
            [DT_complex64] = 64, [DT_complex128] = 64};
        uint32_t unit = t.dt == DT_str ? 4 : 1;
        if (d->t.dt == DT_str || d->t.dt == DT_bytes)
            t.size = d->t.size / (d->t.dt == DT_str ? 4 : 1) * unit;
        else if (d->t.dt <= DT_complex128 || d->t.dt >= DT_datetime64)
            t.size = unit * (d->t.dt >= DT_datetime64 ? datetime_width(d->t) : digits[d->t.dt]);
        if (!t.size) t.size = unit;
    }
    return t;
}

/* The finest unit of the moments written in v, for a datetime64 that names none. */
static bool find_unit(interp *in, value v, uint8_t *unit)
{
    const value *at;
    int64_t n, count;
    str *s = as_str(v);
    int u;
    err e = {0};
    if (s && !datetime_parse(s->at, s->nbyte, &count, &u, &e)) return throw_err(in, &e), false;
    if (!s && !items_of(v, &at, &n)) {
        dtype_of t;
        if (!moment_element(in, v, &t, &count)) return !throwing(in);
        u = t.unit;
        s = (str *)v.o;
    }
    if (s && u != UNIT_generic && (*unit == UNIT_generic || u > *unit)) *unit = (uint8_t)u;
    if (s) return true;
    for (int64_t i = 0; i < n; i++)
        if (!find_unit(in, at[i], unit)) return false;
    return true;
}

static nd *from_nested(interp *in, value v, dtype_of want)
{
    discovery d = {.ndim = ND_MAXDIM + 1, .t = {.dt = DT_none}};
    if (!discover(in, &d, v, 0)) return NULL;
    if (want.dt == DT_datetime64 && want.unit == UNIT_generic) {
        if (d.t.dt == DT_datetime64)
            want.unit = d.t.unit;
        else if (!find_unit(in, v, &want.unit))
            return NULL;
    }
    if (d.ragged && want.dt != DT_object) return ragged_error(in, &d);
    dtype_of t = final_type(&d, want);
    nd *x = new_block(in, t, d.ndim, d.shape);
    if (x && shape_count(d.ndim, d.shape) && !fill(in, x, x->at, 0, v)) x = datum_unref(x);
    return x;
}

/* bytes and str at the widest, one element */
static nd *from_scalar(interp *in, value v, dtype_of want)
{
    dtype_of t;
    _Alignas(16) char element[16];
    if (!scalar_element(in, v, &t, element)) {
        if (throwing(in)) return NULL;
        t = dtype_plain(DT_object);
    }
    if (want.dt == DT_none && t.dt < DT_object) return nd_scalar((enum dtype)t.dt, element);
    if (want.dt == DT_datetime64 && want.unit == UNIT_generic && t.dt != DT_datetime64 &&
        !find_unit(in, v, &want.unit))
        return NULL;
    discovery d = {.t = t};
    t = final_type(&d, want);
    nd *x = new_block(in, t, 0, NULL);
    if (x && !scalar_store(in, v, t, x->at)) x = datum_unref(x);
    return x;
}

bool warn_complex(interp *in, dtype_of from, dtype_of to)
{
    bool lost = dtype_is_complex((enum dtype)from.dt) && to.dt < DT_complex64 && to.dt != DT_bool;
    return !lost ||
           warn(in, ComplexWarning, "Casting complex values to real discards the imaginary part");
}

bool warn_cast(interp *in, const nd *x, dtype_of to)
{
    if (to.dt > DT_complex128) return true;
    return warn_complex(in, nd_type(x), to) && warn_flags(in, cast_lost(x, to.dt), "cast");
}

/* The size of S or U elements that hold the text of every object in x. */
static bool text_width(interp *in, const nd *x, dtype_of *want)
{
    err e = {0};
    nd *flat = nd_contiguous(x, &e);
    if (!flat) return throw_err(in, &e), false;
    bool ok = true;
    size_t most = 1;
    for (int64_t i = 0; ok && i < nd_count(flat); i++) {
        value v = cell_value((const objcell *)(void *)flat->at + i);
        str *s = value_str(in, v);
        ok = s != NULL;
        if (ok && s->nchar > most) most = s->nchar;
        obj_unref(in, s);
    }
    datum_unref(flat);
    want->size = (uint32_t)(want->dt == DT_str ? most * 4 : most);
    return ok;
}

/* float64 to float32: the processor itself notes what becomes infinite */
static bool narrows(dtype_of from, dtype_of to)
{
    return (from.dt == DT_float64 && to.dt == DT_float32) ||
           (from.dt == DT_complex128 && to.dt == DT_complex64);
}

static nd *cast_owned(interp *in, nd *x, dtype_of want)
{
    if (!x || want.dt == DT_none) return x;
    bool string = want.dt == DT_str || want.dt == DT_bytes;
    if (dtype_equal(nd_type(x), want) || (string && x->dtype == want.dt && !want.size)) {
        if (x->unit == want.unit || want.unit == TEXT_NONE) return x;
        want.size = x->size; /* the same elements, with another note */
        nd *noted = nd_view(x->b, x->at, want, x->ndim, nd_shape(x), nd_strides(x));
        datum_unref(x);
        return noted;
    }
    err e = {0};
    if (string && !want.size && x->dtype == DT_object && !text_width(in, x, &want))
        return datum_unref(x);
    if (string && !want.size) {
        discovery d = {.t = nd_type(x)};
        want = final_type(&d, want);
    }
    if (want.dt == DT_datetime64 && want.unit == UNIT_generic && x->dtype == DT_str) {
        value a = array_wrap(in, nd_ref(x), &e),
              l = is_fail(a) ? FAIL : call_method(in, a, "tolist", 0);
        bool found = !is_fail(l) && find_unit(in, l, &want.unit);
        value_unref(in, a);
        value_unref(in, l);
        if (!found) return datum_unref(x);
    }
    nd *y;
    if (want.dt == DT_bool && x->dtype == DT_object) {
        y = nd_truths(in, x);
        datum_unref(x);
        return y;
    }
    if (want.dt == DT_object || x->dtype == DT_object) {
        value a = array_wrap(in, x, &e); /* element by element, through values */
        const nd *src = is_fail(a) ? NULL : array_peek(as_ndarray(a)); /* x is gone */
        y = src ? new_block(in, want, src->ndim, nd_shape(src)) : NULL;
        if (y) {
            nd *flat = nd_contiguous(src, &e);
            int64_t n = nd_count(src);
            bool ok = flat != NULL;
            for (int64_t i = 0; ok && i < n; i++) {
                value item = scalar_item(in, nd_type(flat), flat->at + i * flat->size);
                ok = !is_fail(item) && scalar_store(in, item, want, y->at + i * y->size);
                value_unref(in, item);
            }
            datum_unref(flat);
            if (!ok) y = datum_unref(y);
        }
        value_unref(in, a);
        return y;
    }
    if (narrows(nd_type(x), want)) {
        fp_clear();
        y = nd_cast(x, want, 'u', &e);
        if (y && !warn_flags(in, fp_test() & FP_OVER, "cast")) y = datum_unref(y);
    } else {
        if (!warn_cast(in, x, want)) return datum_unref(x);
        y = nd_cast(x, want, 'u', &e);
    }
    datum_unref(x);
    if (e.kind) throw_err(in, &e);
    return y;
}

nd *nd_for(interp *in, nd *y, const nd *target)
{
    if (!y || (y->dtype == DT_object) == (target->dtype == DT_object)) return y;
    if (y->dtype == DT_object) return cast_owned(in, y, nd_type(target));
    nd *o = object_cast(in, y);
    datum_unref(y);
    return o;
}

bool nd_alike(interp *in, nd **x, int n)
{
    int objects = 0;
    for (int i = 0; i < n; i++) objects += x[i]->dtype == DT_object;
    if (!objects || objects == n) return true;
    for (int i = 0; i < n; i++) {
        if (x[i]->dtype == DT_object) continue;
        nd *o = object_cast(in, x[i]);
        if (!o) return false;
        datum_unref(x[i]);
        x[i] = o;
    }
    return true;
}

/* A dict that says where the elements are: numpy._subclasses reads it. */
static int from_interface(interp *in, value v, nd **out)
{
    value about;
    if (!is_heap(v)) return 0;
    int found = value_findattr(in, v, "__array_interface__", &about);
    if (found <= 0) return found;
    value m = interp_import(in, "numpy._subclasses");
    value a = is_fail(m) ? FAIL : call_method(in, m, "interfaced", 1, about);
    value_unref(in, m);
    value_unref(in, about);
    *out = as_ndarray(a) ? array_snapshot(as_ndarray(a)) : NULL;
    value_unref(in, a);
    return *out ? 1 : -1;
}

/* objects that know how to become arrays */
static int from_protocol(interp *in, value v, dtype_of want, nd **out)
{
    value method;
    int found = value_findattr(in, v, "__array__", &method);
    if (found < 0) return found;
    if (!found) return from_interface(in, v, out);
    value t =
        want.dt == DT_none || (!want.size && want.dt != DT_object) ? NONE : dtype_value(in, want);
    value a = is_none(t) ? call_n(in, method, 0) : call_n(in, method, 1, t);
    value_unref(in, t);
    value_unref(in, method);
    if (is_fail(a)) return -1;
    ndarray *arr = as_ndarray(a);
    *out = arr ? array_snapshot(arr) : NULL;
    value_unref(in, a);
    if (*out) return 1;
    return THROWN(in, ValueError, "object __array__ method not producing an array");
}

/* Does the class have the methods of a sequence itself, and is it none of numbers by name?
 * One that cannot tell its length is an object like others; -1: something else went wrong. */
static int has_items(interp *in, value v)
{
    if (is_fail(own_hook(in, v, "__len__")) || is_fail(own_hook(in, v, "__getitem__")) ||
        !is_fail(own_hook(in, v, "keys")))
        return 0;
    if (value_len(in, v) >= 0) return 1;
    if (!exc_is(in, TypeError)) return -1;
    value_unref(in, exc_take(in));
    return 0;
}

static int from_sequence(interp *in, value v, dtype_of want, nd **out)
{
    const type *t = type_of(in, v);
    int likely = t == &T_range || (t->getitem && t->length && t->iter && !as_dict(v) && !as_set(v));
    if (t->flags & TYPE_HEAP) likely = has_items(in, v);
    if (likely <= 0) return likely;
    list *l = list_of(in, v);
    if (!l) return -1;
    *out = from_nested(in, v_obj(l), want);
    obj_unref(in, l);
    return *out ? 1 : -1;
}

/* What a memoryview shows, in the dtype that its format names. */
static nd *from_memory(interp *in, value v, dtype_of want)
{
    value format = value_getattr_c(in, v, "format"), items = call_method(in, v, "tolist", 0);
    dtype_of t = {.dt = DT_none};
    bool ok = !is_fail(format) && !is_fail(items) && to_dtype(in, format, &t);
    nd *x = ok ? to_nd(in, items, t) : NULL;
    value_unref(in, format);
    value_unref(in, items);
    return x ? cast_owned(in, x, want) : NULL;
}

nd *to_nd(interp *in, value v, dtype_of want)
{
    ndarray *a = as_ndarray(v);
    if (a) return cast_owned(in, array_snapshot(a), want);
    if (v.kind == V_OBJ && v.o->type == &T_memoryview) return from_memory(in, v, want);
    const value *at;
    int64_t n;
    if (v.kind == V_OBJ && !as_str(v)) {
        if (items_of(v, &at, &n)) return from_nested(in, v, want);
        size_t nb;
        dtype_of t;
        _Alignas(16) char element[16];
        if (!bytes_peek(v, &nb) && !scalar_element(in, v, &t, element)) {
            if (throwing(in)) return NULL;
            nd *x = NULL;
            int got = from_protocol(in, v, want, &x);
            if (got == 0) got = from_sequence(in, v, want, &x);
            if (got) return got < 0 ? NULL : cast_owned(in, x, want);
        }
    }
    return from_scalar(in, v, want);
}

/* ---- shapes and axes ---- */

bool to_shape(interp *in, value v, int *ndim, int64_t shape[ND_MAXDIM])
{
    const value *at;
    int64_t n;
    ndarray *a = as_ndarray(v);
    if (a && array_peek(a)->ndim == 1) {
        list *l = list_of(in, v);
        bool ok = l && to_shape(in, v_obj(l), ndim, shape);
        obj_unref(in, l);
        return ok;
    }
    if (is_none(v)) return *ndim = 0, true; /* deprecated, as () */
    if (!items_of(v, &at, &n)) {
        *ndim = 1;
        if (as_str(v))
            return THROW0(in, TypeError, "'str' object cannot be interpreted as an integer");
        if (to_int64(in, v, &shape[0])) return true;
        if (exc_is(in, TypeError)) {
            exc_clear(in);
            str *s = value_repr(in, v);
            if (s)
                throw(in, TypeError,
                      "expected a sequence of integers or a single integer, got '%s'", s->at);
            obj_unref(in, s);
        }
        return false;
    }
    if (n > ND_MAXDIM)
        return THROW0(in, ValueError,
                      "maximum supported dimension for an ndarray is %d, found %lld", ND_MAXDIM,
                      (long long)n);
    *ndim = (int)n;
    for (int64_t i = 0; i < n; i++) TRY(to_int64(in, at[i], &shape[i]));
    return true;
}

tuple *shape_tuple(interp *in, int ndim, const int64_t *shape)
{
    tuple *t = tuple_new(in, ndim);
    for (int i = 0; t && i < ndim; i++) t->at[i] = v_int(shape[i]);
    return t;
}

bool to_axis(interp *in, value v, int ndim, int *axis)
{
    int64_t i;
    err e = {0};
    if (!to_int64(in, v, &i)) return false;
    if (check_axis(i, ndim, axis, &e)) return true;
    throw_err(in, &e);
    return false;
}

bool to_axes(interp *in, value v, int ndim, uint32_t *axes)
{
    const value *at = &v;
    int64_t n = 1;
    *axes = ALL_AXES;
    if (is_none(v) || is_fail(v)) return true;
    *axes = 0;
    items_of(v, &at, &n);
    for (int64_t i = 0; i < n; i++) {
        int axis;
        if (!to_axis(in, at[i], ndim, &axis)) return false;
        if (*axes & axis_bit(axis)) return THROW0(in, ValueError, "duplicate value in 'axis'");
        *axes |= axis_bit(axis);
    }
    return true;
}

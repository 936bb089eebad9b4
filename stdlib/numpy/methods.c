/* stdlib/numpy/methods.c - the methods and attributes of arrays, which scalars share.
 *
 * Every function takes self as anything array-like: an ndarray (views stay views) or a scalar. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/kernels/linalg.h"
#include "engine/kernels/sort.h"
#include "lang/types/bytes.h"
#include "stdlib/numpy/long.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/objects.h"
#include "stdlib/numpy/reductions.h"

/* The block of self, counted. */
static nd *self_nd(interp *in, value self)
{
    return to_nd_any(in, self);
}

/* Views x (owned) of self as an array; x NULL throws. */
static value view_of(interp *in, value self, nd *x, err *e)
{
    return array_wrap_view(in, x, as_ndarray(self), e);
}

/* ---- attributes ---- */

#define WITH_SELF(name, expression)                                                                \
    static value name(interp *in, const value *arg)                                                \
    {                                                                                              \
        ndarray *a = as_ndarray(arg[0]);                                                           \
        nd *own = a ? NULL : self_nd(in, arg[0]);                                                  \
        if (!a && !own) return FAIL;                                                               \
        const nd *x = a ? array_peek(a) : own;                                                     \
        value r = expression;                                                                      \
        datum_unref(own);                                                                          \
        return r;                                                                                  \
    }
WITH_SELF(get_shape, v_obj(shape_tuple(in, x->ndim, nd_shape(x))))
/* a cell of an object array is a pointer in NumPy */
static int64_t seen_size(const nd *x)
{
    return x->dtype == DT_object ? 8 : x->size;
}

static tuple *seen_strides(interp *in, const nd *x)
{
    int64_t s[ND_MAXDIM];
    for (int i = 0; i < x->ndim; i++)
        s[i] = nd_strides(x)[i] / (x->size ? x->size : 1) * seen_size(x);
    return shape_tuple(in, x->ndim, x->dtype == DT_object ? s : nd_strides(x));
}
WITH_SELF(get_strides, v_obj(seen_strides(in, x)))
WITH_SELF(get_ndim, v_int(x->ndim))
WITH_SELF(get_size, v_int(nd_count(x)))
WITH_SELF(get_itemsize, v_int(seen_size(x)))
WITH_SELF(get_nbytes, v_int(nd_count(x) * seen_size(x)))
WITH_SELF(get_dtype, dtype_value(in, nd_type(x)))

static value get_transpose(interp *in, const value *arg)
{
    ndarray *a = as_ndarray(arg[0]);
    if (a) {
        const nd *of = array_peek(a);
        int64_t shape[ND_MAXDIM], strides[ND_MAXDIM];
        for (int i = 0, n = of->ndim; i < n; i++) {
            shape[i] = nd_shape(of)[n - 1 - i];
            strides[i] = nd_strides(of)[n - 1 - i];
        }
        return array_view(in, a, of->at, of->ndim, shape, strides);
    }
    nd *x = self_nd(in, arg[0]);
    err e = {0};
    value r = x ? view_of(in, arg[0], nd_transpose(x, NULL), &e) : FAIL;
    datum_unref(x);
    return r;
}

static value part(interp *in, value self, bool imag)
{
    nd *x = self_nd(in, self);
    if (!x) return FAIL;
    err e = {0};
    nd *y = imag ? nd_imag(x, &e) : nd_real(x);
    datum_unref(x);
    return as_ndarray(self) ? view_of(in, self, y, &e) : array_result(in, y, &e);
}

static value get_real(interp *in, const value *arg)
{
    return part(in, arg[0], false);
}

static value get_imag(interp *in, const value *arg)
{
    return part(in, arg[0], true);
}

static bool set_part(interp *in, const value *arg, value (*get)(interp *, const value *))
{
    value p = get(in, arg);
    bool ok = !is_fail(p) && array_setitem(in, p, ELLIPSIS, arg[1]);
    value_unref(in, p);
    return ok;
}

static value set_real(interp *in, const value *arg)
{
    return set_part(in, arg, get_real) ? NONE : FAIL;
}

static value set_imag(interp *in, const value *arg)
{
    return set_part(in, arg, get_imag) ? NONE : FAIL;
}

static value get_base(interp *in, const value *arg)
{
    ndarray *a = as_ndarray(arg[0]);
    (void)in;
    return a && a->base ? value_ref(v_obj(a->base)) : NONE;
}

static value set_shape(interp *in, const value *arg)
{
    ndarray *a = as_ndarray(arg[0]);
    int n;
    int64_t shape[ND_MAXDIM];
    err e = {0};
    if (!a)
        return throw(in, AttributeError, "attribute 'shape' of '%s' objects is not writable",
                     type_of(in, arg[0])->name);
    if (is_fail(arg[1])) return throw(in, AttributeError, "Cannot delete array shape");
    if (!to_shape(in, arg[1], &n, shape)) return FAIL;
    nd *y = nd_reshape(array_peek(a), n, shape, &e);
    if (!y) return throw_err(in, &e);
    bool ok = y->b == a->s->b ||
              THROW0(in, AttributeError,
                     "Incompatible shape for in-place modification. Use `.reshape()` to make a "
                     "copy with the desired shape.");
    ok = ok && array_become(in, a, y);
    datum_unref(y);
    return ok ? NONE : FAIL;
}

typedef struct flags_obj {
    obj hdr;
    ndarray *of;
} flags_obj;

static void flags_drop(interp *in, obj *o)
{
    obj_unref(in, ((flags_obj *)o)->of);
}

static ndarray *flags_of(value self)
{
    return ((flags_obj *)self.o)->of;
}

static bool writeable(ndarray *a)
{
    return !a->readonly && !a->s->readonly && !(a->hdr.flags & OBJ_FROZEN);
}

static value flag_c(interp *in, const value *arg)
{
    (void)in;
    return v_bool(array_peek(flags_of(arg[0]))->flags & ND_C);
}

static value flag_f(interp *in, const value *arg)
{
    (void)in;
    return v_bool(array_peek(flags_of(arg[0]))->flags & ND_F);
}

static value flag_own(interp *in, const value *arg)
{
    (void)in;
    return v_bool(!flags_of(arg[0])->base);
}

static value flag_write(interp *in, const value *arg)
{
    (void)in;
    return v_bool(writeable(flags_of(arg[0])));
}

static value flag_set_write(interp *in, const value *arg)
{
    int yes = value_truth(in, arg[1]);
    if (yes < 0) return FAIL;
    ndarray *a = flags_of(arg[0]);
    if (yes && a->s->readonly)
        return throw(in, ValueError, "cannot set WRITEABLE flag to True of this array");
    a->readonly = !yes;
    return NONE;
}

static value flag_true(interp *in, const value *arg)
{
    (void)in, (void)arg;
    return v_bool(true);
}

static const builtin flags_table[] = {
    {"@property c_contiguous", flag_c, "In C order without gaps?"},
    {"@property f_contiguous", flag_f, "In Fortran order without gaps?"},
    {"@property contiguous", flag_c, "In C order without gaps?"},
    {"@property owndata", flag_own, "Not a view of another array?"},
    {"@property writeable", flag_write, "May elements be assigned?"},
    {"@setter writeable", flag_set_write, NULL},
    {"@property aligned", flag_true, "Always true."},
    {0},
};

static value flags_repr(interp *in, value self)
{
    ndarray *a = flags_of(self);
    unsigned f = array_peek(a)->flags;
#define SAY(x) ((x) ? "True" : "False")
    return v_obj(
        str_fmt(in,
                "  C_CONTIGUOUS : %s\n  F_CONTIGUOUS : %s\n  OWNDATA : %s\n  WRITEABLE : %s\n"
                "  ALIGNED : True\n  WRITEBACKIFCOPY : False\n",
                SAY(f & ND_C), SAY(f & ND_F), SAY(!a->base), SAY(writeable(a))));
#undef SAY
}

static value flags_getitem(interp *in, value self, value key)
{
    str *s = as_str(key);
    char name[32];
    size_t n = 0;
    for (; s && n < s->nbyte && n < sizeof name - 1; n++)
        name[n] = (char)(s->at[n] >= 'A' && s->at[n] <= 'Z' ? s->at[n] + 32 : s->at[n]);
    name[n] = 0;
    return s ? value_getattr_c(in, self, name) : throw(in, KeyError, "Unknown flag");
}

static const type T_flags = {TYPE_HEAD,
                             .name = "flagsobj",
                             .module = "numpy.core.multiarray",
                             .size = sizeof(flags_obj),
                             .table = flags_table,
                             .drop = flags_drop,
                             .repr = flags_repr,
                             .getitem = flags_getitem};

static value get_flags(interp *in, const value *arg)
{
    ndarray *a = as_ndarray(arg[0]);
    if (!a) return throw(in, AttributeError, "scalars have no flags");
    flags_obj *f = obj_new(in, &T_flags, 0);
    if (f) f->of = obj_ref(a);
    return v_obj(f);
}

/* ---- a.flat ---- */

typedef struct flat_obj {
    obj hdr;
    ndarray *of;
    int64_t at;
} flat_obj;

static void flat_drop(interp *in, obj *o)
{
    obj_unref(in, ((flat_obj *)o)->of);
}

static char *flat_place(const nd *x, int64_t i)
{
    char *p = x->at;
    for (int k = x->ndim - 1; k >= 0; k--) {
        p += i % nd_shape(x)[k] * nd_strides(x)[k];
        i /= nd_shape(x)[k];
    }
    return p;
}

static int64_t flat_length(interp *in, value self)
{
    (void)in;
    return nd_count(array_peek(((flat_obj *)self.o)->of));
}

static value flat_next(interp *in, value self)
{
    flat_obj *f = (flat_obj *)self.o;
    const nd *x = array_peek(f->of);
    if (f->at >= nd_count(x)) return FAIL;
    return scalar_value(in, nd_type(x), flat_place(x, f->at++));
}

static value flat_iter(interp *in, value self)
{
    (void)in;
    return value_ref(self);
}

static value flat_copy(interp *in, value self)
{
    err e = {0};
    nd *x = nd_ravel(array_peek(((flat_obj *)self.o)->of), 'C', &e);
    return array_wrap(in, x, &e);
}

static value flat_getitem(interp *in, value self, value key)
{
    value a = flat_copy(in, self);
    value r = is_fail(a) ? FAIL : array_getitem(in, a, key);
    value_unref(in, a);
    return r;
}

static bool flat_setitem(interp *in, value self, value key, value v)
{
    flat_obj *f = (flat_obj *)self.o;
    err e = {0};
    nd *x = array_write(in, f->of);
    if (!x) return false;
    int64_t n = nd_count(x);
    nd *all = nd_arange(dtype_plain(DT_int64), &(int64_t){0}, &(int64_t){1}, n, &e);
    value a = array_wrap(in, all, &e), picked = is_fail(a) ? FAIL : array_getitem(in, a, key);
    nd *at = is_fail(picked) ? NULL : to_nd_any(in, picked),
       *y = at ? to_nd(in, v, nd_type(x)) : NULL;
    bool ok = y && nd_put(x, at, y, 'r', &e);
    if (y && !ok) throw_err(in, &e);
    datum_unref(y);
    datum_unref(at);
    value_unref(in, picked);
    value_unref(in, a);
    return ok;
}

static const type T_flat = {TYPE_HEAD,
                            .name = "flatiter",
                            .module = "numpy",
                            .size = sizeof(flat_obj),
                            .drop = flat_drop,
                            .length = flat_length,
                            .iter = flat_iter,
                            .next = flat_next,
                            .getitem = flat_getitem,
                            .setitem = flat_setitem};

static value get_flat(interp *in, const value *arg)
{
    ndarray *a = as_ndarray(arg[0]);
    if (!a) return throw(in, AttributeError, "scalars have no flat iterator");
    flat_obj *f = obj_new(in, &T_flat, 0);
    if (f) f->of = obj_ref(a);
    return v_obj(f);
}

static value set_flat(interp *in, const value *arg)
{
    value f = get_flat(in, arg);
    value all = slice_new(in, NONE, NONE, NONE);
    bool ok = !is_fail(f) && flat_setitem(in, f, all, arg[1]);
    value_unref(in, all);
    value_unref(in, f);
    return ok ? NONE : FAIL;
}

/* ---- conversions ---- */

static char order_of(value v, char otherwise)
{
    str *s = as_str(v);
    return s && s->nbyte ? s->at[0] : otherwise;
}

static char casting_of(value v, char otherwise)
{
    str *s = as_str(v);
    return !s ? otherwise : str_is(s, "same_kind") ? 'k' : s->at[0];
}

static value m_astype(interp *in, const value *arg)
{
    dtype_of t = {.dt = DT_none};
    if (!to_dtype(in, arg[1], &t)) return FAIL;
    nd *x = self_nd(in, arg[0]);
    if (!x) return FAIL;
    err e = {0};
    bool copy = value_truth(in, arg[5]) == 1;
    char casting = casting_of(arg[3], 'u');
    if (casting != 'u' && !dtype_can_cast(nd_type(x), t, casting)) {
        nd *y = nd_cast(x, t, casting, &e);
        datum_unref(x);
        return array_wrap(in, y, &e);
    }
    nd *y = to_nd(in, arg[0], t);
    bool same = y && y->b == x->b;
    datum_unref(x);
    if (!y) return FAIL;
    if (same && !copy && as_ndarray(arg[0])) {
        datum_unref(y);
        return value_ref(arg[0]);
    }
    if (same) {
        nd *own = nd_copy_order(y, order_of(arg[2], 'K'), &e);
        datum_unref(y);
        y = own;
    }
    return as_ndarray(arg[0]) ? array_wrap(in, y, &e) : array_result(in, y, &e);
}

static value m_copy(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]);
    if (!x) return FAIL;
    err e = {0};
    nd *y = nd_copy_order(x, order_of(arg[1], 'C'), &e);
    datum_unref(x);
    return as_ndarray(arg[0]) ? array_wrap(in, y, &e) : array_result(in, y, &e);
}

static value m_view(interp *in, const value *arg)
{
    dtype_of t = {.dt = DT_none};
    nd *x = self_nd(in, arg[0]);
    if (!x) return FAIL;
    err e = {0};
    value r = FAIL;
    const type *cls = as_type(arg[1]);
    if (is_none(arg[1]) || cls == &T_ndarray)
        r = view_of(in, arg[0], nd_ref(x), &e);
    else if (to_dtype(in, arg[1], &t))
        r = view_of(in, arg[0], nd_as_type(x, t, &e), &e);
    datum_unref(x);
    return r;
}

static value nested_list(interp *in, const nd *x, const char *at, int axis)
{
    if (axis == x->ndim) return scalar_item(in, nd_type(x), at);
    list *l = list_new(in, nd_shape(x)[axis]);
    for (int64_t i = 0; l && i < nd_shape(x)[axis]; i++)
        if (!list_add(in, l, nested_list(in, x, at + i * nd_strides(x)[axis], axis + 1))) {
            obj_unref(in, l);
            return FAIL;
        }
    return v_obj(l);
}

WITH_SELF(m_tolist, nested_list(in, x, x->at, 0))

static value m_item(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]);
    if (!x) return FAIL;
    tuple *t = as_tuple(arg[1]);
    value r = FAIL;
    if (t->n == 1 && as_tuple(t->at[0])) t = as_tuple(t->at[0]);
    int64_t n = nd_count(x), i = 0;
    if (t->n == 0 && n == 1) {
        r = scalar_item(in, nd_type(x), x->at);
    } else if (t->n == 0) {
        throw(in, ValueError, "can only convert an array of size 1 to a Python scalar");
    } else if (t->n == 1) {
        if (to_int64(in, t->at[0], &i)) {
            int64_t j = i < 0 ? i + n : i;
            r = j < 0 || j >= n ? throw(in, IndexError, "index %lld is out of bounds for size %lld",
                                        (long long)i, (long long)n)
                                : scalar_item(in, nd_type(x), flat_place(x, j));
        }
    } else if (as_ndarray(arg[0])) {
        value v = array_getitem(in, arg[0], v_obj(t));
        nd *y = is_fail(v) ? NULL : to_nd_any(in, v);
        r = y ? scalar_item(in, nd_type(y), y->at) : FAIL;
        datum_unref(y);
        value_unref(in, v);
    } else {
        throw(in, ValueError, "incorrect number of indices for array");
    }
    datum_unref(x);
    return r;
}

static value m_itemset(interp *in, const value *arg)
{
    tuple *t = as_tuple(arg[1]);
    if (t->n < 1) return throw(in, ValueError, "itemset must have at least one argument");
    value v = t->at[t->n - 1];
    tuple *key = tuple_from(in, t->at, t->n - 1);
    bool ok;
    if (key && key->n == 1) {
        value f = get_flat(in, arg);
        ok = !is_fail(f) && flat_setitem(in, f, key->at[0], v);
        value_unref(in, f);
    } else {
        ok = key && array_setitem(in, arg[0], v_obj(key), v);
    }
    obj_unref(in, key);
    return ok ? NONE : FAIL;
}

static value m_tobytes(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]);
    err e = {0};
    nd *y = x ? nd_copy_order(x, order_of(arg[1], 'C'), &e) : NULL;
    datum_unref(x);
    if (!y) return e.kind ? throw_err(in, &e) : FAIL;
    bytes *b = bytes_new(in, y->at, nd_bytes(y));
    datum_unref(y);
    return v_obj(b);
}

static value m_fill(interp *in, const value *arg)
{
    return array_setitem(in, arg[0], ELLIPSIS, arg[1]) ? NONE : FAIL;
}

/* ---- shape ---- */

/* *shape: ints, or one tuple */
static bool star_shape(interp *in, value star, int *ndim, int64_t shape[ND_MAXDIM])
{
    tuple *t = as_tuple(star);
    value v = t->n == 1 ? t->at[0] : star;
    return to_shape(in, v, ndim, shape);
}

static value reshape(interp *in, value self, int ndim, const int64_t *shape, char order)
{
    ndarray *a = as_ndarray(self);
    if (a && order != 'F' &&
        array_peek(a)->flags & ND_C) { /* the same memory, whatever the shape */
        const nd *of = array_peek(a);
        int64_t to[ND_MAXDIM], strides[ND_MAXDIM];
        err bad = {0};
        if (!shape_resolve(nd_count(of), ndim, shape, to, &bad)) return throw_err(in, &bad);
        strides_c(ndim, to, of->size, strides);
        return array_view(in, a, of->at, ndim, to, strides);
    }
    nd *x = self_nd(in, self);
    if (!x) return FAIL;
    err e = {0};
    nd *y = nd_reshape_order(x, ndim, shape, order, &e);
    datum_unref(x);
    return view_of(in, self, y, &e);
}

static value m_reshape(interp *in, const value *arg)
{
    int ndim;
    int64_t shape[ND_MAXDIM];
    if (!star_shape(in, arg[1], &ndim, shape)) return FAIL;
    return reshape(in, arg[0], ndim, shape, order_of(arg[2], 'C'));
}

static value m_ravel(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]);
    if (!x) return FAIL;
    err e = {0};
    nd *y = nd_ravel(x, order_of(arg[1], 'C'), &e);
    datum_unref(x);
    return view_of(in, arg[0], y, &e);
}

static value m_flatten(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]), *c = NULL;
    err e = {0};
    nd *y = x ? nd_ravel(x, order_of(arg[1], 'C'), &e) : NULL;
    if (y) c = nd_copy(y, &e);
    datum_unref(x);
    datum_unref(y);
    return x ? array_wrap(in, c, &e) : FAIL;
}

static value m_transpose(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]);
    if (!x) return FAIL;
    tuple *t = as_tuple(arg[1]);
    int perm[ND_MAXDIM];
    uint32_t seen = 0;
    err e = {0};
    value r = FAIL;
    const value *at = t->at;
    int64_t n = t->n;
    if (n == 1 && (as_tuple(at[0]) || as_list(at[0]))) {
        tuple *inner = as_tuple(at[0]);
        n = inner ? inner->n : as_list(t->at[0])->n;
        at = inner ? inner->at : as_list(t->at[0])->at;
    }
    if (n == 0 || (n == 1 && is_none(at[0]))) {
        r = view_of(in, arg[0], nd_transpose(x, NULL), &e);
    } else if (n != x->ndim) {
        throw(in, ValueError, "axes don't match array");
    } else {
        bool ok = true;
        for (int i = 0; ok && i < n; i++) {
            ok = to_axis(in, at[i], x->ndim, &perm[i]);
            if (ok && seen & axis_bit(perm[i]))
                ok = THROW0(in, ValueError, "repeated axis in transpose");
            if (ok) seen |= axis_bit(perm[i]);
        }
        if (ok) r = view_of(in, arg[0], nd_transpose(x, perm), &e);
    }
    datum_unref(x);
    return r;
}

/* An axis whose error names the parameter. */
static bool named_axis(interp *in, value v, int ndim, const char *name, int *axis)
{
    int64_t i;
    err e = {0};
    if (!to_int64(in, v, &i)) return false;
    if (check_axis(i, ndim, axis, &e)) return true;
    throw(in, AxisError, "%s: %s", name, e.msg);
    err_clear(&e);
    return false;
}

static value m_swapaxes(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]);
    int a, b, perm[ND_MAXDIM];
    err e = {0};
    value r = FAIL;
    if (x && named_axis(in, arg[1], x->ndim, "axis1", &a) &&
        named_axis(in, arg[2], x->ndim, "axis2", &b)) {
        for (int i = 0; i < x->ndim; i++) perm[i] = i == a ? b : i == b ? a : i;
        r = view_of(in, arg[0], nd_transpose(x, perm), &e);
    }
    datum_unref(x);
    return r;
}

static value m_squeeze(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]);
    uint32_t axes;
    err e = {0};
    value r = FAIL;
    if (x && to_axes(in, arg[1], x->ndim, &axes)) {
        bool ok = true;
        for (int i = 0; i < x->ndim; i++)
            if (nd_shape(x)[i] != 1 && axes != ALL_AXES && axes & axis_bit(i)) ok = false;
        if (axes == ALL_AXES)
            for (int i = 0; i < x->ndim; i++)
                if (nd_shape(x)[i] != 1) axes &= ~axis_bit(i);
        r = ok ? view_of(in, arg[0], nd_squeeze(x, axes), &e)
               : throw(in, ValueError,
                       "cannot select an axis to squeeze out which has size not equal to one");
    }
    datum_unref(x);
    return r;
}

static value m_resize(interp *in, const value *arg)
{
    ndarray *a = as_ndarray(arg[0]);
    int n;
    int64_t shape[ND_MAXDIM];
    err e = {0};
    if (!a) return throw(in, ValueError, "cannot resize a scalar");
    if (as_tuple(arg[1])->n == 0) return NONE;
    if (!star_shape(in, arg[1], &n, shape)) return FAIL;
    if (a->base) return throw(in, ValueError, "cannot resize this array: it does not own its data");
    if (a->s->rc > 1)
        return throw(in, ValueError,
                     "cannot resize an array that references or is referenced\nby another array in "
                     "this way.\nUse the np.resize function or refcheck=False");
    nd *x = array_write(in, a), *y = x ? nd_zero(nd_type(x), n, shape, &e) : NULL;
    if (!x) return FAIL;
    if (!y) return throw_err(in, &e);
    size_t old = nd_bytes(x), now = nd_bytes(y);
    if (x->dtype == DT_object) {
        datum_unref(y);
        return throw(in, NotImplementedError, "resize() of an array of objects is not supported");
    }
    memcpy(y->at, x->at, old < now ? old : now);
    bool ok = array_become(in, a, y);
    datum_unref(y);
    return ok ? NONE : FAIL;
}

static value m_diagonal(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]);
    int64_t k;
    int a, b;
    err e = {0};
    value r = FAIL;
    if (x && x->ndim < 2)
        throw(in, ValueError, "diag requires an array of at least two dimensions");
    else if (x && to_int64(in, arg[1], &k) && to_axis(in, arg[2], x->ndim, &a) &&
             to_axis(in, arg[3], x->ndim, &b))
        r = view_of(in, arg[0], nd_diagonal(x, k, a, b, &e), &e);
    ndarray *d = as_ndarray(r);
    if (d) d->readonly = true;
    datum_unref(x);
    return r;
}

static value m_trace(interp *in, const value *arg)
{
    value d = m_diagonal(in, arg);
    nd *x = is_fail(d) ? NULL : to_nd_any(in, d);
    value_unref(in, d);
    if (!x) return FAIL;
    err e = {0};
    dtype_of want;
    value r = FAIL;
    if (to_dtype_or_none(in, arg[4], &want))
        r = array_result(
            in, nd_reduce(&reductions[R_sum], x, axis_bit(x->ndim - 1), false, want, NULL, &e), &e);
    datum_unref(x);
    return r;
}

/* ---- order ---- */

static bool is_stable(value kind)
{
    const str *s = as_str(kind);
    return s && (str_is(s, "stable") || str_is(s, "mergesort"));
}

static nd *sorted(interp *in, const nd *x, int axis, bool stable, err *e)
{
    return stable ? nd_sort_kind(x, axis, true, e) : long_sort(in, x, axis, e);
}

static value m_sort(interp *in, const value *arg)
{
    ndarray *a = as_ndarray(arg[0]);
    nd *x = a ? array_write(in, a) : THROW0(in, TypeError, "cannot sort a scalar in place");
    int axis;
    err e = {0};
    if (!x || !to_axis(in, arg[1], x->ndim, &axis)) return FAIL;
    bool objects = x->dtype == DT_object;
    nd *y = objects ? object_sort(in, x, axis, false) : sorted(in, x, axis, is_stable(arg[2]), &e);
    if (objects && !y) return FAIL;
    bool ok = y && nd_assign(x, y, 'u', NULL, &e);
    datum_unref(y);
    return ok ? NONE : throw_err(in, &e);
}

/* None: flattened.  Takes and replaces x. */
static bool sort_axis(interp *in, value v, nd **x, int *axis)
{
    if (!is_none(v)) return to_axis(in, v, (*x)->ndim, axis);
    err e = {0};
    nd *flat = nd_ravel(*x, 'C', &e);
    datum_unref(*x);
    *x = flat;
    *axis = 0;
    if (!flat) throw_err(in, &e);
    return flat != NULL;
}

static value m_argsort(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]);
    int axis;
    err e = {0};
    value r = FAIL;
    bool stable = is_stable(arg[2]);
    if (x && sort_axis(in, arg[1], &x, &axis)) {
        bool objects = x->dtype == DT_object;
        nd *y = objects ? object_sort(in, x, axis, true) : long_argsort(in, x, axis, stable, &e);
        r = y || !objects ? array_wrap(in, y, &e) : FAIL;
    }
    datum_unref(x);
    return r;
}

static bool kth_list(interp *in, value v, int64_t len, int64_t kth[ND_MAXDIM], int *n)
{
    TRY(to_shape(in, v, n, kth));
    for (int i = 0; i < *n; i++) {
        if (kth[i] < 0) kth[i] += len;
        if (kth[i] < 0 || kth[i] >= len)
            return THROW0(in, ValueError, "kth(=%lld) out of bounds (%lld)", (long long)kth[i],
                          (long long)len);
    }
    return true;
}

static value m_partition(interp *in, const value *arg)
{
    ndarray *a = as_ndarray(arg[0]);
    nd *x = a ? array_write(in, a) : THROW0(in, TypeError, "cannot partition a scalar in place");
    int axis, n;
    int64_t kth[ND_MAXDIM];
    err e = {0};
    if (!x || !to_axis(in, arg[2], x->ndim, &axis) ||
        !kth_list(in, arg[1], nd_shape(x)[axis], kth, &n))
        return FAIL;
    nd *y = nd_partition(x, kth, n, axis, &e);
    bool ok = y && nd_assign(x, y, 'u', NULL, &e);
    datum_unref(y);
    return ok ? NONE : throw_err(in, &e);
}

static value m_argpartition(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]);
    int axis, n;
    int64_t kth[ND_MAXDIM];
    err e = {0};
    value r = FAIL;
    if (x && sort_axis(in, arg[2], &x, &axis) && kth_list(in, arg[1], nd_shape(x)[axis], kth, &n))
        r = array_wrap(in, nd_argpartition(x, kth, n, axis, &e), &e);
    datum_unref(x);
    return r;
}

static value m_searchsorted(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]), *v = x ? to_nd_any(in, arg[1]) : NULL;
    nd *sorter = v && !is_none(arg[3]) ? to_nd(in, arg[3], dtype_plain(DT_int64)) : NULL;
    str *side = as_str(arg[2]);
    err e = {0};
    value r = FAIL;
    if (v && !throwing(in))
        r = array_result(in, nd_searchsorted(x, v, side && str_is(side, "right"), sorter, &e), &e);
    datum_unref(x);
    datum_unref(v);
    datum_unref(sorter);
    return r;
}

/* ---- picking ---- */

static value m_take(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]), *at = x ? to_nd(in, arg[1], (dtype_of){.dt = DT_none}) : NULL;
    int axis = 0;
    err e = {0};
    value r = FAIL;
    if (at && nd_count(at) == 0 && at->dtype == DT_float64) {
        datum_unref(at);
        at = to_nd(in, arg[1], dtype_plain(DT_int64));
    }
    if (at &&
        (is_none(arg[2]) ? sort_axis(in, NONE, &x, &axis) : to_axis(in, arg[2], x->ndim, &axis)))
        r = array_result(in, nd_take(x, at, axis, order_of(arg[4], 'r'), &e), &e);
    datum_unref(x);
    datum_unref(at);
    return r;
}

static value m_put(interp *in, const value *arg)
{
    ndarray *a = as_ndarray(arg[0]);
    nd *x = a ? array_write(in, a) : THROW0(in, TypeError, "argument 1 must be numpy.ndarray");
    nd *at = x ? to_nd(in, arg[1], dtype_plain(DT_int64)) : NULL,
       *v = at ? to_nd(in, arg[2], nd_type(x)) : NULL;
    err e = {0};
    bool ok = v && nd_put(x, at, v, order_of(arg[3], 'r'), &e);
    datum_unref(at);
    datum_unref(v);
    return ok ? NONE : e.kind ? throw_err(in, &e) : FAIL;
}

static value m_compress(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]), *c = x ? to_nd(in, arg[1], dtype_plain(DT_bool)) : NULL;
    int axis;
    err e = {0};
    value r = FAIL;
    if (c && sort_axis(in, arg[2], &x, &axis)) r = array_wrap(in, nd_compress(c, x, axis, &e), &e);
    datum_unref(x);
    datum_unref(c);
    return r;
}

static value m_nonzero(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]);
    if (!x) return FAIL;
    nd *out[ND_MAXDIM] = {0};
    err e = {0};
    if (!nd_nonzero(x, out, &e)) {
        datum_unref(x);
        return throw_err(in, &e);
    }
    int n = x->ndim ? x->ndim : 1;
    datum_unref(x);
    tuple *t = tuple_new(in, n);
    for (int i = 0; i < n; i++) {
        if (t) t->at[i] = array_wrap(in, out[i], &e);
    }
    return v_obj(t);
}

static value m_repeat(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]), *n = x ? to_nd(in, arg[1], dtype_plain(DT_int64)) : NULL;
    int axis;
    err e = {0};
    value r = FAIL;
    if (n && sort_axis(in, arg[2], &x, &axis)) r = array_wrap(in, nd_repeat(x, n, axis, &e), &e);
    datum_unref(x);
    datum_unref(n);
    return r;
}

/* ---- arithmetic ---- */

static value m_dot(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]), *y = x ? to_nd_any(in, arg[1]) : NULL;
    err e = {0};
    value r = y ? array_result(in, long_dot(in, x, y, &e), &e) : FAIL;
    datum_unref(x);
    datum_unref(y);
    return r;
}

static value m_conj(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]);
    err e = {0};
    if (!x) return FAIL;
    nd *y = dtype_is_complex((enum dtype)x->dtype) ? nd_map1(U_conjugate, x, &e) : nd_ref(x);
    datum_unref(x);
    return as_ndarray(arg[0]) ? view_of(in, arg[0], y, &e) : array_result(in, y, &e);
}

/* numpy.around: multiply, rint, divide */
static nd *round_block(const nd *x, int64_t decimals, err *e)
{
    bool whole = dtype_is_int((enum dtype)x->dtype) || x->dtype == DT_bool;
    if (whole && decimals >= 0) return nd_copy_order(x, 'K', e);
    if (decimals == 0) return nd_map1(U_rint, x, e);
    double p = pow(10, (double)(decimals < 0 ? -decimals : decimals));
    nd *wide = nd_scalar(DT_float64, &p), *ten = wide;
    if (!whole) ten = nd_cast(wide, nd_type(x), 'u', e), datum_unref(wide);
    if (!ten) return NULL;
    nd *scaled = nd_map2(decimals < 0 ? U_divide : U_multiply, x, ten, e);
    nd *r = scaled ? nd_map1(U_rint, scaled, e) : NULL;
    nd *y = r ? nd_map2(decimals < 0 ? U_multiply : U_divide, r, ten, e) : NULL;
    datum_unref(ten);
    datum_unref(scaled);
    datum_unref(r);
    nd *out = y ? nd_cast(y, nd_type(x), 'u', e) : NULL;
    datum_unref(y);
    return out;
}

static value m_round(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]);
    int64_t n = 0;
    err e = {0};
    if (!x || (!is_none(arg[1]) && !to_int64(in, arg[1], &n))) return datum_unref(x), FAIL;
    nd *y =
        x->dtype == DT_bool ? nd_cast(x, dtype_plain(DT_float16), 'u', &e) : round_block(x, n, &e);
    datum_unref(x);
    return array_result(in, y, &e);
}

/* round(x): an int for scalars */
value array_round(interp *in, const value *arg)
{
    value r = m_round(in, arg);
    if (is_fail(r) || !is_none(arg[1]) || as_ndarray(arg[0])) return r;
    value i = value_unary(in, OP_INT, r);
    value_unref(in, r);
    return i;
}

static value m_clip(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]), *lo = NULL, *hi = NULL;
    err e = {0};
    bool ok = x != NULL;
    if (ok && is_none(arg[1]) && is_none(arg[2]))
        ok = THROW0(in, ValueError, "One of max or min must be given");
    if (ok && !is_none(arg[1])) ok = (lo = to_nd_any(in, arg[1])) != NULL;
    if (ok && !is_none(arg[2])) ok = (hi = to_nd_any(in, arg[2])) != NULL;
    nd *y = ok ? nd_ref(x) : NULL;
    if (ok && lo) {
        nd *z = nd_map2(U_maximum, y, lo, &e);
        datum_unref(y);
        y = z;
    }
    if (ok && hi && y) {
        nd *z = nd_map2(U_minimum, y, hi, &e);
        datum_unref(y);
        y = z;
    }
    datum_unref(x);
    datum_unref(lo);
    datum_unref(hi);
    if (!ok) return FAIL;
    value r = array_result(in, y, &e);
    ndarray *out = is_none(arg[3]) || is_fail(r) ? NULL : as_ndarray(arg[3]);
    if (!out) return r;
    bool stored = array_setitem(in, arg[3], ELLIPSIS, r);
    value_unref(in, r);
    return stored ? value_ref(arg[3]) : FAIL;
}

static value m_byteswap(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]);
    err e = {0};
    nd *y = x ? nd_copy(x, &e) : NULL;
    size_t half = y && dtype_is_complex((enum dtype)y->dtype) ? y->size / 2 : y ? y->size : 1;
    for (size_t i = 0; y && i + half <= nd_bytes(y); i += half)
        for (size_t k = 0; k < half / 2; k++) {
            char c = y->at[i + k];
            y->at[i + k] = y->at[i + half - 1 - k];
            y->at[i + half - 1 - k] = c;
        }
    datum_unref(x);
    return x ? array_wrap(in, y, &e) : FAIL;
}

static value m_tofile(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]);
    str *path = as_str(arg[1]);
    err e = {0};
    nd *y = x && path ? nd_contiguous(x, &e) : NULL;
    FILE *f = y ? fopen(path->at, "wb") : NULL;
    bool ok = f && fwrite(y->at, 1, nd_bytes(y), f) == nd_bytes(y);
    if (f && fclose(f)) ok = false;
    datum_unref(x);
    datum_unref(y);
    if (ok) return NONE;
    return throw(in, OSError, "cannot write the array to %s", path ? path->at : "this object");
}

static value m_array(interp *in, const value *arg)
{
    dtype_of t;
    if (!to_dtype_or_none(in, arg[1], &t)) return FAIL;
    if (as_ndarray(arg[0]) && t.dt == DT_none) return value_ref(arg[0]);
    err e = {0};
    nd *x = to_nd(in, arg[0], t);
    return x ? array_wrap(in, x, &e) : FAIL;
}

static value m_is_integer(interp *in, const value *arg)
{
    tuple *none = tuple_new(in, 0);
    if (!none) return FAIL;
    value item = m_item(in, (value[]){arg[0], v_obj(none)});
    obj_unref(in, none);
    double d;
    bool ok = !is_fail(item) && to_double(in, item, &d);
    value_unref(in, item);
    return ok ? v_bool(d == floor(d)) : FAIL;
}

/* ---- the table ---- */

const builtin array_methods[] = {
    {"@property shape", get_shape, "Extent along each axis, a tuple of ints."},
    {"@setter shape", set_shape, NULL},
    {"@property strides", get_strides, "Bytes from one element to the next along each axis."},
    {"@property ndim", get_ndim, "Number of axes."},
    {"@property size", get_size, "Number of elements."},
    {"@property itemsize", get_itemsize, "Bytes of one element."},
    {"@property nbytes", get_nbytes, "Bytes of all elements."},
    {"@property dtype", get_dtype, "Type of the elements."},
    {"@property T", get_transpose, "The array with its axes reversed, a view."},
    {"@property real", get_real, "The real part, a view."},
    {"@setter real", set_real, NULL},
    {"@property imag", get_imag, "The imaginary part."},
    {"@setter imag", set_imag, NULL},
    {"@property base", get_base, "The array this one is a view of, or None."},
    {"@property flags", get_flags, "Memory layout and writeability."},
    {"@property flat", get_flat, "All elements in C order: iterates, and takes flat indices."},
    {"@setter flat", set_flat, NULL},
    // clang-format off
    BOTH(REDUCE_METHOD)
    SCAN_BOTH(SCAN_METHOD)
    // clang-format on
    {"astype(self, dtype, order='K', casting='unsafe', subok=True, copy=True)", m_astype,
     "A copy with elements of another type.\n\nTypeError when casting forbids it."},
    {"copy(self, order='C')", m_copy, "A copy that shares nothing."},
    {"__copy__(self)", m_copy, "A copy that shares nothing."},
    {"view(self, dtype=None, type=None)", m_view, "The same memory, perhaps read as another type."},
    {"tolist(self)", m_tolist, "Nested lists of Python values."},
    {"item(self, *args)", m_item, "One element as a Python value."},
    {"itemset(self, *args)", m_itemset, "Sets one element."},
    {"tobytes(self, order='C')", m_tobytes, "The bytes of all elements."},
    {"tostring(self, order='C')", m_tobytes, "The bytes of all elements."},
    {"tofile(self, fid, sep='', format='%s')", m_tofile,
     "Writes the bytes of all elements to a file."},
    {"fill(self, value)", m_fill, "Sets every element."},
    {"reshape(self, *shape, order='C')", m_reshape,
     "The elements in another shape, a view when possible.\n\nOne extent may be -1. ValueError "
     "when the sizes differ."},
    {"ravel(self, order='C')", m_ravel, "One axis, a view when possible."},
    {"flatten(self, order='C')", m_flatten, "One axis, a copy."},
    {"transpose(self, *axes)", m_transpose, "A view with permuted axes."},
    {"swapaxes(self, axis1, axis2)", m_swapaxes, "A view with two axes exchanged."},
    {"squeeze(self, axis=None)", m_squeeze, "A view without axes of length 1."},
    {"resize(self, *new_shape, refcheck=True)", m_resize,
     "Changes shape and size in place; new elements are zero."},
    {"diagonal(self, offset=0, axis1=0, axis2=1)", m_diagonal,
     "The diagonal of two axes, a read-only view."},
    {"trace(self, offset=0, axis1=0, axis2=1, dtype=None, out=None)", m_trace,
     "Sum along a diagonal."},
    {"sort(self, axis=-1, kind=None, order=None)", m_sort, "Sorts in place along an axis."},
    {"argsort(self, axis=-1, kind=None, order=None)", m_argsort,
     "Indices that would sort along an axis."},
    {"partition(self, kth, axis=-1, kind='introselect', order=None)", m_partition,
     "Puts the kth element in its sorted place, smaller ones before it."},
    {"argpartition(self, kth, axis=-1, kind='introselect', order=None)", m_argpartition,
     "Indices that would partition."},
    {"searchsorted(self, v, side='left', sorter=None)", m_searchsorted,
     "Where v would be inserted to keep order."},
    {"take(self, indices, axis=None, out=None, mode='raise')", m_take,
     "Elements by index along an axis."},
    {"put(self, indices, values, mode='raise')", m_put, "Sets elements by flat index."},
    {"compress(self, condition, axis=None, out=None)", m_compress,
     "The slices where condition is true."},
    {"nonzero(self)", m_nonzero,
     "Indices of the elements that are not zero, one array for each axis."},
    {"repeat(self, repeats, axis=None)", m_repeat, "Every element several times."},
    {"dot(self, b, out=None)", m_dot, "Matrix product."},
    {"conj(self)", m_conj, "Complex conjugate."},
    {"conjugate(self)", m_conj, "Complex conjugate."},
    {"round(self, decimals=0, out=None)", m_round,
     "Rounded to a number of decimals, halves to even."},
    {"__round__(self, ndigits=None)", array_round, "round(x)"},
    {"clip(self, min=None, max=None, out=None)", m_clip, "Limited to the range from min to max."},
    {"byteswap(self, inplace=False)", m_byteswap, "The bytes of every element reversed."},
    {"__array__(self, dtype=None)", m_array, "The array itself."},
    {"is_integer(self)", m_is_integer, "Is it a whole number?"},
    {0},
};

/* ---- the same as functions ---- */

static value f_reshape(interp *in, const value *arg)
{
    int ndim;
    int64_t shape[ND_MAXDIM];
    if (!to_shape(in, arg[1], &ndim, shape)) return FAIL;
    return reshape(in, arg[0], ndim, shape, order_of(arg[2], 'C'));
}

static value f_transpose(interp *in, const value *arg)
{
    tuple *t = is_none(arg[1]) ? tuple_new(in, 0) : tuple_pack(in, 1, value_ref(arg[1]));
    if (!t) return FAIL;
    value r = m_transpose(in, (value[]){arg[0], v_obj(t)});
    obj_unref(in, t);
    return r;
}

static value f_sort(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]);
    err e = {0};
    int axis;
    if (!x || !sort_axis(in, arg[1], &x, &axis)) return datum_unref(x), FAIL;
    if (x->dtype != DT_object) {
        nd *y = sorted(in, x, axis, is_stable(arg[2]), &e);
        datum_unref(x);
        return array_wrap(in, y, &e);
    }
    value a = array_wrap(in, nd_copy_order(x, 'K', &e), &e);
    datum_unref(x);
    value done = is_fail(a) ? FAIL : m_sort(in, (value[]){a, v_int(axis), NONE, NONE});
    if (!is_fail(done)) return a;
    value_unref(in, a);
    return FAIL;
}

static value f_partition(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]);
    err e = {0};
    int axis;
    if (!x || !sort_axis(in, arg[2], &x, &axis)) return datum_unref(x), FAIL;
    value a = array_wrap(in, nd_copy_order(x, 'K', &e), &e);
    datum_unref(x);
    value done = is_fail(a) ? FAIL : m_partition(in, (value[]){a, arg[1], v_int(axis), NONE, NONE});
    if (!is_fail(done)) return a;
    value_unref(in, a);
    return FAIL;
}

static value f_compress(interp *in, const value *arg)
{
    return m_compress(in, (value[]){arg[1], arg[0], arg[2], arg[3]});
}

static value f_copy(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]);
    err e = {0};
    nd *y = x ? nd_copy_order(x, order_of(arg[1], 'K'), &e) : NULL;
    datum_unref(x);
    return x ? array_wrap(in, y, &e) : FAIL;
}

static value f_size(interp *in, const value *arg)
{
    nd *x = self_nd(in, arg[0]);
    int axis = 0;
    value r = FAIL;
    if (x && is_none(arg[1]))
        r = v_int(nd_count(x));
    else if (x && to_axis(in, arg[1], x->ndim, &axis))
        r = v_int(nd_shape(x)[axis]);
    datum_unref(x);
    return r;
}

const builtin numpy_method_functions[] = {
    {"@def shape(a)", get_shape, "Extent along each axis, a tuple of ints."},
    {"@def ndim(a)", get_ndim, "Number of axes."},
    {"@def size(a, axis=None)", f_size, "Number of elements, or extent along an axis."},
    {"@def reshape(a, newshape, order='C')", f_reshape,
     "The elements in another shape, a view when possible.\n\nOne extent may be -1. ValueError "
     "when the sizes differ."},
    {"@def ravel(a, order='C')", m_ravel, "One axis, a view when possible."},
    {"@def transpose(a, axes=None)", f_transpose, "A view with permuted axes."},
    {"@def swapaxes(a, axis1, axis2)", m_swapaxes, "A view with two axes exchanged."},
    {"@def squeeze(a, axis=None)", m_squeeze, "A view without axes of length 1."},
    {"@def diagonal(a, offset=0, axis1=0, axis2=1)", m_diagonal,
     "The diagonal of two axes, a read-only view."},
    {"@def trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None)", m_trace,
     "Sum along a diagonal."},
    {"@def sort(a, axis=-1, kind=None, order=None)", f_sort, "A sorted copy."},
    {"@def argsort(a, axis=-1, kind=None, order=None)", m_argsort,
     "Indices that would sort along an axis."},
    {"@def partition(a, kth, axis=-1, kind='introselect', order=None)", f_partition,
     "A copy with the kth element in its sorted place, smaller ones before it."},
    {"@def argpartition(a, kth, axis=-1, kind='introselect', order=None)", m_argpartition,
     "Indices that would partition."},
    {"@def searchsorted(a, v, side='left', sorter=None)", m_searchsorted,
     "Where v would be inserted to keep order."},
    {"@def take(a, indices, axis=None, out=None, mode='raise')", m_take,
     "Elements by index along an axis."},
    {"@def put(a, ind, v, mode='raise')", m_put, "Sets elements by flat index."},
    {"@def compress(condition, a, axis=None, out=None)", f_compress,
     "The slices where condition is true."},
    {"@def nonzero(a)", m_nonzero,
     "Indices of the elements that are not zero, one array for each axis."},
    {"@def repeat(a, repeats, axis=None)", m_repeat, "Every element several times."},
    {"@def round(a, decimals=0, out=None)", m_round,
     "Rounded to a number of decimals, halves to even."},
    {"@def around(a, decimals=0, out=None)", m_round,
     "Rounded to a number of decimals, halves to even."},
    {"@def round_(a, decimals=0, out=None)", m_round,
     "Rounded to a number of decimals, halves to even."},
    {"@def clip(a, a_min, a_max, out=None)", m_clip, "Limited to the range from a_min to a_max."},
    {"@def copy(a, order='K', subok=False)", f_copy, "A copy as an array."},
    {0},
};

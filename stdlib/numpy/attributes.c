/* stdlib/numpy/attributes.c - the attributes of arrays: shape, dtype, real, ...; a.flags and
 * a.flat.
 *
 * self is anything array-like, as in methods.c; what is a view of it stays one. */
#include <stdio.h>
#include <string.h>

#include "engine/base/mem.h"
#include "stdlib/numpy/long.h"
#include "stdlib/numpy/methods.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/objects.h"
#include "stdlib/numpy/subclass.h"

/* ---- attributes ---- */

WITH_SELF(ndarray_get_shape, v_obj(shape_tuple(in, x->ndim, nd_shape(x))))
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
WITH_SELF(ndarray_get_strides, v_obj(seen_strides(in, x)))
WITH_SELF(ndarray_get_ndim, v_int(x->ndim))
WITH_SELF(ndarray_get_size, v_int(nd_count(x)))
WITH_SELF(ndarray_get_itemsize, v_int(seen_size(x)))
WITH_SELF(ndarray_get_nbytes, v_int(nd_count(x) * seen_size(x)))
WITH_SELF(ndarray_get_dtype, dtype_value(in, nd_type(x)))

value ndarray_get_transpose(interp *in, const value *arg)
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
    nd *x = to_nd_any(in, arg[0]);
    err e = {0};
    value r = x ? view_of(in, arg[0], nd_transpose(x, NULL), &e) : FAIL;
    datum_unref(x);
    return r;
}

static value part(interp *in, value self, bool imag)
{
    nd *x = to_nd_any(in, self);
    if (!x) return FAIL;
    err e = {0};
    const bool none = imag && x->dtype == DT_object; /* NumPy asks no object for its part */
    nd *y = none ? object_kept(in, x, NULL) : imag ? nd_imag(x, &e) : nd_real(x);
    datum_unref(x);
    value r = as_ndarray(self) ? view_of(in, self, y, &e) : array_result(in, y, &e);
    return is_subarray(self) ? array_kept(in, self, r) : r;
}

value ndarray_get_real(interp *in, const value *arg)
{
    return part(in, arg[0], false);
}

value ndarray_get_imag(interp *in, const value *arg)
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

value ndarray_set_real(interp *in, const value *arg)
{
    return set_part(in, arg, ndarray_get_real) ? NONE : FAIL;
}

value ndarray_set_imag(interp *in, const value *arg)
{
    return set_part(in, arg, ndarray_get_imag) ? NONE : FAIL;
}

value ndarray_get_base(interp *in, const value *arg)
{
    ndarray *a = as_ndarray(arg[0]);
    (void)in;
    return a && a->base ? value_ref(v_obj(a->base)) : NONE;
}

value ndarray_set_shape(interp *in, const value *arg)
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

static bool owns(const ndarray *a)
{
    return !a->base && !(a->s->b->flags & BUF_MMAP);
}

static value flag_own(interp *in, const value *arg)
{
    (void)in;
    return v_bool(owns(flags_of(arg[0])));
}

static value flag_write(interp *in, const value *arg)
{
    (void)in;
    return v_bool(writeable(flags_of(arg[0])));
}

static bool set_writeable(interp *in, ndarray *a, value to)
{
    int yes = value_truth(in, to);
    if (yes < 0) return false;
    const ndarray *base = (const ndarray *)(void *)a->base;
    if (yes && (a->s->readonly || (base && base->readonly)))
        return THROW0(in, ValueError, "cannot set WRITEABLE flag to True of this array");
    a->readonly = !yes;
    return true;
}

static value flag_set_write(interp *in, const value *arg)
{
    return set_writeable(in, flags_of(arg[0]), arg[1]) ? NONE : FAIL;
}

/* setflags(write, align, uic) */
value ndarray_setflags(interp *in, const value *arg)
{
    int align = is_none(arg[2]) ? 1 : value_truth(in, arg[2]);
    if (align < 0) return FAIL;
    int copies = is_none(arg[3]) ? 0 : value_truth(in, arg[3]);
    if (copies < 0) return FAIL;
    if (copies) return throw(in, ValueError, "cannot set WRITEBACKIFCOPY flag to True");
    return is_none(arg[1]) || set_writeable(in, as_ndarray(arg[0]), arg[1]) ? NONE : FAIL;
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
                SAY(f & ND_C), SAY(f & ND_F), SAY(owns(a)), SAY(writeable(a))));
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

value ndarray_get_flags(interp *in, const value *arg)
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

char *ndarray_flat_place(const nd *x, int64_t i)
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
    return scalar_value(in, nd_type(x), ndarray_flat_place(x, f->at++));
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
    ndarray *of = ((flat_obj *)self.o)->of;
    return as_ndarray(r) ? array_kept_of(in, &(value){.kind = V_OBJ, .o = &of->hdr}, 1, r) : r;
}

bool ndarray_flat_setitem(interp *in, value self, value key, value v)
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
                            .setitem = ndarray_flat_setitem};

value ndarray_get_flat(interp *in, const value *arg)
{
    ndarray *a = as_ndarray(arg[0]);
    if (!a) return throw(in, AttributeError, "scalars have no flat iterator");
    flat_obj *f = obj_new(in, &T_flat, 0);
    if (f) f->of = obj_ref(a);
    return v_obj(f);
}

value ndarray_set_flat(interp *in, const value *arg)
{
    value f = ndarray_get_flat(in, arg);
    value all = slice_new(in, NONE, NONE, NONE);
    bool ok = !is_fail(f) && ndarray_flat_setitem(in, f, all, arg[1]);
    value_unref(in, all);
    value_unref(in, f);
    return ok ? NONE : FAIL;
}

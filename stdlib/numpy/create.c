/* stdlib/numpy/create.c - functions that make arrays. */
#include <math.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/data/datetime.h"
#include "lang/types/bytes.h"
#include "lang/types/memview.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/parts.h"
#include "stdlib/numpy/subclass.h"

static char order_of(value v)
{
    str *s = as_str(v);
    return s && s->nbyte ? s->at[0] : 'C';
}

static nd *with_ndmin(nd *x, int64_t ndmin)
{
    while (x && x->ndim < ndmin) {
        nd *y = nd_expand(x, 0);
        datum_unref(x);
        x = y;
    }
    return x;
}

/* Is it an array of records?  Those are made by the language, under these names. */
static bool is_records(value v)
{
    if (v.kind != V_OBJ || !(v.o->type->flags & TYPE_HEAP)) return false;
    return !strcmp(v.o->type->name, "ndarray") || !strcmp(v.o->type->name, "recarray");
}

static value records(interp *in, const char *function, const value *arg, size_t n)
{
    return with_fields(in, "numpy._records", function, arg, n, arg[n - 1]);
}

/* array(object, dtype, copy, order, subok, ndmin) */
static value f_array(interp *in, const value *arg)
{
    dtype_of t;
    int64_t ndmin;
    if (is_records(arg[0]) && is_none(arg[1])) return call_method(in, arg[0], "copy", 0);
    if (!to_dtype_or_none(in, arg[1], &t)) return records(in, "_array", arg, 2);
    if (!to_int64(in, arg[5], &ndmin)) return FAIL;
    nd *x = to_nd(in, arg[0], t);
    err e = {0};
    if (!x) return FAIL;
    ndarray *a = as_ndarray(arg[0]);
    int copy = value_truth(in, arg[2]);
    char order = order_of(arg[3]);
    bool ordered = order == 'F'                       ? x->flags & ND_F
                   : order == 'C' && !is_none(arg[3]) ? x->flags & ND_C
                                                      : true;
    if (a && !copy && x->b == array_peek(a)->b && ordered && x->ndim >= ndmin) {
        datum_unref(x);
        return is_subarray(arg[0]) && value_truth(in, arg[4]) == 0 ? array_as(in, &T_ndarray, a)
                                                                   : value_ref(arg[0]);
    }
    if (buf_shared(x->b) || !ordered) { /* somebody else's memory */
        nd *own = nd_copy_order(x, is_none(arg[3]) ? 'K' : order, &e);
        datum_unref(x);
        x = own;
    }
    value r = array_wrap(in, with_ndmin(x, ndmin), &e);
    return is_subarray(arg[0]) && value_truth(in, arg[4]) == 1 ? array_kept(in, arg[0], r) : r;
}

static value as_array(interp *in, value v, value dtype, char order)
{
    dtype_of t;
    if (is_records(v) && is_none(dtype)) return value_ref(v);
    if (!to_dtype_or_none(in, dtype, &t)) return records(in, "_array", (value[]){v, dtype}, 2);
    ndarray *a = as_ndarray(v);
    nd *x = to_nd(in, v, t);
    if (!x) return FAIL;
    err e = {0};
    bool ordered = order == 'F' ? x->flags & ND_F : order == 'C' ? x->flags & ND_C : true;
    if (a && x->b == array_peek(a)->b && ordered) {
        datum_unref(x);
        return value_ref(v);
    }
    if (!ordered) {
        nd *own = nd_copy_order(x, order, &e);
        datum_unref(x);
        x = own;
    }
    return array_wrap(in, x, &e);
}

static value f_asanyarray(interp *in, const value *arg)
{
    value r = as_array(in, arg[0], arg[1], is_none(arg[2]) ? 'K' : order_of(arg[2]));
    return is_subarray(arg[0]) ? array_kept(in, arg[0], r) : r;
}

/* of no subclass: a plain view of what is in a file */
static value f_asarray(interp *in, const value *arg)
{
    value v = f_asanyarray(in, arg);
    ndarray *a = as_ndarray(v);
    if (!a || a->hdr.type == &T_ndarray) return v;
    value r = array_as(in, &T_ndarray, a);
    value_unref(in, v);
    return r;
}

/* with an axis at least */
static value as_ordered(interp *in, const value *arg, char order)
{
    value v = as_array(in, arg[0], arg[1], order);
    value a = is_subarray(v) ? array_as(in, &T_ndarray, as_ndarray(v)) : value_ref(v);
    value_unref(in, v);
    err e = {0};
    if (is_fail(a) || array_peek(as_ndarray(a))->ndim) return a;
    value r = array_wrap_view(in, nd_expand(array_peek(as_ndarray(a)), 0), as_ndarray(a), &e);
    value_unref(in, a);
    return r;
}

static value f_ascontiguousarray(interp *in, const value *arg)
{
    return as_ordered(in, arg, 'C');
}

static value f_asfortranarray(interp *in, const value *arg)
{
    return as_ordered(in, arg, 'F');
}

static bool is_large(int ndim, const int64_t *ext)
{
    enum { SMALL = 1 << 12 };
    int64_t n = 1;
    for (int i = 0; i < ndim; i++)
        if (__builtin_mul_overflow(n, ext[i], &n)) return true;
    return n > SMALL;
}

/* fill: FAIL for zeros.  `any` content will do where it is about to be written, or was not asked
 * for; small arrays are zeros even then. */
/* Every element of a; ints beyond a C long are arrays first, which wrap around. */
static bool fill_all(interp *in, value a, value fill)
{
    if (!as_obj(fill, &T_int)) return array_setitem(in, a, ELLIPSIS, fill);
    err e = {0};
    nd *x = to_nd_any(in, fill);
    value v = x ? array_wrap(in, x, &e) : FAIL;
    bool ok = !is_fail(v) && array_setitem(in, a, ELLIPSIS, v);
    value_unref(in, v);
    return ok;
}

static value filled_or(interp *in, value shape, dtype_of t, value fill, char order, bool any)
{
    int ndim;
    int64_t ext[ND_MAXDIM];
    if (!to_shape(in, shape, &ndim, ext)) return FAIL;
    err e = {0};
    for (int i = 0; i < ndim; i++)
        if (ext[i] < 0) return throw(in, ValueError, "negative dimensions are not allowed");
    if ((t.dt == DT_str || t.dt == DT_bytes) && !t.size) t.size = t.dt == DT_str ? 4 : 1;
    nd *x;
    if (t.dt == DT_object) {
        buf *b = buf_objects((size_t)shape_count(ndim, ext), &object_cells, &e);
        x = b ? nd_view(b, b->data, t, ndim, ext, NULL) : NULL;
        buf_unref(b);
    } else if (order == 'F') {
        x = nd_new_order(t, ndim, ext, 'F', &e);
        if (x && !any) memset(x->at, 0, nd_bytes(x));
    } else if (any && is_large(ndim, ext)) {
        x = nd_new(t, ndim, ext, &e);
    } else {
        x = nd_zero(t, ndim, ext, &e);
    }
    value a = array_wrap(in, x, &e);
    if (is_fail(a) || is_fail(fill) || fill_all(in, a, fill)) return a;
    value_unref(in, a);
    return FAIL;
}

static value filled(interp *in, value shape, dtype_of t, value fill, char order)
{
    return filled_or(in, shape, t, fill, order, !is_fail(fill) && t.dt < DT_object);
}

static value f_zeros(interp *in, const value *arg)
{
    dtype_of t = dtype_plain(DT_float64);
    if (!to_dtype(in, arg[1], &t)) return records(in, "_zeros", arg, 2);
    return filled(in, arg[0], t, t.dt == DT_object ? v_int(0) : FAIL, order_of(arg[2]));
}

static value f_empty(interp *in, const value *arg)
{
    dtype_of t = dtype_plain(DT_float64);
    if (!to_dtype(in, arg[1], &t)) return records(in, "_empty", arg, 2);
    return filled_or(in, arg[0], t, FAIL, order_of(arg[2]), t.dt < DT_object);
}

static value f_ones(interp *in, const value *arg)
{
    dtype_of t = dtype_plain(DT_float64);
    if (!to_dtype(in, arg[1], &t)) return records(in, "_ones", arg, 2);
    return filled(in, arg[0], t, v_int(1), order_of(arg[2]));
}

static value f_full(interp *in, const value *arg)
{
    dtype_of t;
    if (!to_dtype_or_none(in, arg[2], &t)) return records(in, "_full", arg, 3);
    if (t.dt == DT_none) {
        nd *x = to_nd_any(in, arg[1]);
        if (!x) return FAIL;
        t = nd_type(x);
        datum_unref(x);
    }
    if (t.dt != DT_object || arg[1].kind != V_SCALAR)
        return filled(in, arg[0], t, arg[1], order_of(arg[3]));
    value item = call_method(in, arg[1], "item", 0); /* objects of Python, as a cast gives them */
    value r = is_fail(item) ? FAIL : filled(in, arg[0], t, item, order_of(arg[3]));
    value_unref(in, item);
    return r;
}

/* x_like(prototype, ..., dtype, order, subok, shape) */
static value like(interp *in, value prototype, value dtype, value shape, value fill, value subok,
                  bool any)
{
    nd *x = to_nd_any(in, prototype);
    if (!x) return FAIL;
    dtype_of t = nd_type(x);
    bool fortran = x->flags & ND_F && !(x->flags & ND_C);
    const bool kept = is_subarray(prototype) && value_truth(in, subok) == 1;
    value s = is_none(shape) ? v_obj(shape_tuple(in, x->ndim, nd_shape(x))) : value_ref(shape);
    datum_unref(x);
    bool ok = to_dtype(in, dtype, &t);
    if (ok && t.dt == DT_object && is_fail(fill) && !any) fill = v_int(0);
    any = ok && (any || !is_fail(fill)) && t.dt < DT_object;
    value r = throwing(in) ? FAIL : filled_or(in, s, t, fill, fortran ? 'F' : 'C', any);
    value_unref(in, s);
    return kept ? array_kept(in, prototype, r) : r;
}

static value f_zeros_like(interp *in, const value *arg)
{
    return like(in, arg[0], arg[1], arg[4], FAIL, arg[3], false);
}

static value f_empty_like(interp *in, const value *arg)
{
    return like(in, arg[0], arg[1], arg[4], FAIL, arg[3], true);
}

static value f_ones_like(interp *in, const value *arg)
{
    return like(in, arg[0], arg[1], arg[4], v_int(1), arg[3], false);
}

static value f_full_like(interp *in, const value *arg)
{
    return like(in, arg[0], arg[2], arg[5], arg[1], arg[4], false);
}

/* ---- ranges ---- */

__extension__ typedef __int128 wide;

static bool arange_type(interp *in, const value *part, int n, value dtype, dtype_of *t)
{
    operand in_op[3];
    nd *x[3] = {0};
    err e = {0};
    TRY(to_dtype_or_none(in, dtype, t));
    if (t->dt != DT_none) return true;
    bool ok = true;
    for (int i = 0; ok && i < n; i++) {
        ok = (x[i] = to_nd_any(in, part[i])) != NULL;
        if (ok) in_op[i] = (operand){.t = nd_type(x[i])};
    }
    ok = ok && result_type(n, in_op, t, &e);
    for (int i = 0; i < n; i++) datum_unref(x[i]);
    if (!ok && e.kind) throw_err(in, &e);
    if (t->dt == DT_bool) *t = dtype_plain(DT_int64);
    return ok;
}

static bool is_moment(value v)
{
    return v.kind == V_SCALAR && (v.aux & 0xff) >= DT_datetime64;
}

/* arange of moments: whole steps of the finest unit */
static value arange_moments(interp *in, const value *part, dtype_of t)
{
    err e = {0};
    nd *x[2] = {0};
    int64_t v[2] = {0, 0}, step = 1, n = 0;
    bool ok = true;
    const bool free = t.unit == UNIT_generic;
    for (int i = 0; ok && i < 2; i++) {
        dtype_of want = t;
        bool plain = !is_moment(part[i]) && !as_str(part[i]);
        if (is_moment(part[i]) && free) want.dt = DT_none; /* its own unit */
        ok = (x[i] = to_nd(in, part[i], plain ? dtype_plain(DT_int64) : want)) != NULL;
        if (ok && t.unit == UNIT_generic && !plain) t.unit = x[i]->unit;
        if (ok && !plain && x[i]->unit > t.unit && x[i]->unit != UNIT_generic) t.unit = x[i]->unit;
    }
    const int by = is_moment(part[2]) ? (int)(part[2].aux >> 8) : UNIT_generic;
    if (ok && by <= UNIT_M && t.unit > UNIT_M && t.unit != UNIT_generic)
        ok = THROW0(in, TypeError,
                    "Cannot get a common metadata divisor for Numpy datetime metadata [%s] and "
                    "[%s] because they have incompatible nonlinear base time units.",
                    date_unit_name(by), date_unit_name(t.unit));
    if (ok && free && by != UNIT_generic && (t.unit == UNIT_generic || by > t.unit))
        t.unit = (uint8_t)by;
    for (int i = 0; ok && i < 2; i++) {
        memcpy(&v[i], x[i]->at, 8);
        if (x[i]->dtype >= DT_datetime64)
            v[i] = datetime_convert(v[i], x[i]->unit, t.unit, t.dt == DT_datetime64);
        else if (i && t.dt == DT_datetime64)
            v[1] += v[0]; /* a count after the start */
    }
    if (ok && is_moment(part[2])) {
        memcpy(&step, &part[2].bits, 8);
        step = datetime_convert(step, (int)(part[2].aux >> 8), t.unit, false);
    } else if (ok) {
        ok = to_int64(in, part[2], &step);
    }
    if (ok && !step) ok = THROW0(in, ValueError, "Maximum allowed size exceeded");
    if (ok) n = (v[1] - v[0]) / step + ((v[1] - v[0]) % step != 0);
    nd *y = ok ? nd_new(t, 1, (int64_t[]){n > 0 ? n : 0}, &e) : NULL;
    for (int64_t i = 0; y && i < n; i++) ((int64_t *)(void *)y->at)[i] = v[0] + i * step;
    datum_unref(x[0]);
    datum_unref(x[1]);
    return ok ? array_wrap(in, y, &e) : FAIL;
}

static value f_arange(interp *in, const value *arg)
{
    value start = is_none(arg[1]) ? v_int(0) : arg[0], stop = is_none(arg[1]) ? arg[0] : arg[1];
    value step = is_none(arg[2]) ? v_int(1) : arg[2];
    if (is_none(stop) || is_fail(stop))
        return throw(in, TypeError, "arange() requires stop to be specified.");
    dtype_of t;
    value parts[3] = {start, stop, step};
    if (is_none(arg[3]) && start.kind == V_INT && stop.kind == V_INT && step.kind == V_INT &&
        step.i == 1) {
        enum { QUICK = 1 << 20 }; /* more elements are a longer loop, which Ctrl-C may end */
        int64_t count;
        if (!__builtin_sub_overflow(stop.i, start.i, &count) && count <= QUICK) {
            if (count < 0) count = 0;
            ndarray *a = array_fresh(in, dtype_plain(DT_int64), 1, &count);
            int64_t *to = a ? (int64_t *)(void *)array_peek(a)->at : NULL;
            for (int64_t i = 0; a && i < count; i++) to[i] = start.i + i;
            return v_obj(a);
        }
    }
    if (!to_dtype_or_none(in, arg[3], &t)) return FAIL;
    if (t.dt == DT_none && (is_moment(start) || is_moment(stop)))
        t = dtype_plain((enum dtype)((is_moment(start) ? start : stop).aux & 0xff));
    if (t.dt >= DT_datetime64 && t.dt != DT_none) return arange_moments(in, parts, t);
    if (!arange_type(in, parts, 3, arg[3], &t)) return FAIL;
    double a, b, s;
    if (!to_double(in, start, &a) || !to_double(in, stop, &b) || !to_double(in, step, &s))
        return FAIL;
    if (s == 0) return throw(in, ZeroDivisionError, "division by zero");
    double len = ceil((b - a) / s);
    int64_t n;
    if (start.kind == V_INT && stop.kind == V_INT && step.kind == V_INT) { /* exact beyond 2**53 */
        wide d = (wide)stop.i - start.i, q = d / step.i;
        if (q * step.i != d && (d > 0) == (step.i > 0)) q++;
        n = q < 0 ? 0 : (int64_t)q;
    } else {
        if (!(len < 9e18)) return throw(in, ValueError, "Maximum allowed size exceeded");
        n = len > 0 ? (int64_t)len : 0;
    }
    value second = value_binary(in, OP_ADD, start, step);
    _Alignas(16) char first[16], next[16];
    err e = {0};
    value r = FAIL;
    if (!is_fail(second) && scalar_store(in, start, t, first) && scalar_store(in, second, t, next))
        r = array_wrap(in, nd_arange(t, first, next, n, &e), &e);
    value_unref(in, second);
    return r;
}

/* ---- from other things ---- */

static value f_frombuffer(interp *in, const value *arg)
{
    dtype_of t = dtype_plain(DT_float64);
    int64_t count, offset;
    size_t n;
    const char *at = buffer_peek(in, arg[0], &n);
    if (!at)
        return throw(in, TypeError, "a bytes-like object is required, not '%s'",
                     type_of(in, arg[0])->name);
    if (!to_dtype(in, arg[1], &t))
        return with_fields(in, "numpy._records", "_from_buffer", arg, 4, arg[1]);
    if (!to_int64(in, arg[2], &count) || !to_int64(in, arg[3], &offset)) return FAIL;
    if (t.dt == DT_object)
        return throw(in, ValueError, "cannot create an OBJECT array from memory buffer");
    if (!t.size) return throw(in, ValueError, "itemsize cannot be zero in type");
    if (offset < 0 || (size_t)offset > n)
        return throw(in, ValueError,
                     "offset must be non-negative and no greater than buffer length (%zu)", n);
    if (count < 0) {
        if ((n - (size_t)offset) % t.size)
            return throw(in, ValueError, "buffer size must be a multiple of element size");
        count = (int64_t)((n - (size_t)offset) / t.size);
    } else if ((size_t)offset + (size_t)count * t.size > n) {
        return throw(in, ValueError, "buffer is smaller than requested size");
    }
    err e = {0};
    nd *x = nd_new(t, 1, &count, &e);
    if (x) memcpy(x->at, at + offset, nd_bytes(x));
    if (x && t.swapped) nd_swap_bytes(x->at, nd_bytes(x), t);
    value a = array_wrap(in, x, &e);
    if (!is_fail(a)) as_ndarray(a)->s->readonly = true;
    return a;
}

static value f_fromiter(interp *in, const value *arg)
{
    list *l = list_of(in, arg[0]);
    dtype_of t = {.dt = DT_none};
    value r = FAIL;
    err e = {0};
    if (l && to_dtype(in, arg[1], &t)) {
        nd *x = to_nd(in, v_obj(l), t);
        if (x) r = array_wrap(in, x, &e);
    }
    obj_unref(in, l);
    return r;
}

static value f_copyto(interp *in, const value *arg)
{
    ndarray *a = as_ndarray(arg[0]);
    nd *x =
        a ? array_write(in, a) : THROW0(in, TypeError, "copyto() argument 1 must be numpy.ndarray");
    nd *y = x ? nd_for(in, to_nd_any(in, arg[1]), x) : NULL;
    nd *where = y && arg[3].kind != V_BOOL ? to_nd(in, arg[3], dtype_plain(DT_bool)) : NULL;
    str *casting = as_str(arg[2]);
    err e = {0};
    bool scalar = y && y->ndim == 0;
    char how = scalar ? 'u' : casting && !str_is(casting, "same_kind") ? casting->at[0] : 'k';
    bool ok = y && !throwing(in) && nd_assign(x, y, how, where, &e);
    datum_unref(y);
    datum_unref(where);
    return ok ? NONE : e.kind ? throw_err(in, &e) : FAIL;
}

static value f_eye(interp *in, const value *arg)
{
    int64_t n, m, k;
    dtype_of t = dtype_plain(DT_float64);
    if (!to_int64(in, arg[0], &n) || !to_int64(in, arg[2], &k) || !to_dtype(in, arg[3], &t))
        return FAIL;
    m = n;
    if (!is_none(arg[1]) && !to_int64(in, arg[1], &m)) return FAIL;
    if (t.dt == DT_object) return object_product(in, "eye", arg, 3);
    err e = {0};
    return array_wrap(in, nd_eye(n, m, k, t, &e), &e);
}

const builtin numpy_create_functions[] = {
    {"@numpy array(object, dtype=None, *, copy=True, order='K', subok=False, ndmin=0, like=None)",
     f_array,
     "An array from nested sequences, another array, or a scalar.\n\n"
     "dtype: the type of the elements; by default the smallest that holds them all.\n"
     "ValueError when nested sequences differ in length."},
    {"@numpy asarray(a, dtype=None, order=None, *, like=None)", f_asarray,
     "The array itself when it is one already."},
    {"@numpy asanyarray(a, dtype=None, order=None, *, like=None)", f_asanyarray,
     "The array itself when it is one already."},
    {"@numpy ascontiguousarray(a, dtype=None)", f_ascontiguousarray,
     "An array in C order of at least one axis."},
    {"@numpy asfortranarray(a, dtype=None)", f_asfortranarray, "An array in Fortran order."},
    {"@numpy zeros(shape, dtype=None, order='C', *, like=None)", f_zeros, "An array of zeros."},
    {"@numpy empty(shape, dtype=None, order='C', *, like=None)", f_empty,
     "An array whose elements are not set (zeros here)."},
    {"@def ones(shape, dtype=None, order='C', *, like=None)", f_ones, "An array of ones."},
    {"@def full(shape, fill_value, dtype=None, order='C', *, like=None)", f_full,
     "An array of one value."},
    {"@numpy arange(start=<unset>, stop=None, step=None, dtype=None, *, like=None)", f_arange,
     "Values from start up to, not including, stop."},
    {"frombuffer(buffer, dtype=None, count=-1, offset=0)", f_frombuffer,
     "The bytes of a buffer as a 1-d array."},
    {"fromiter(iter, dtype, count=-1)", f_fromiter, "A 1-d array of what an iterator yields."},
    {"@def eye(N, M=None, k=0, dtype=None, order='C')", f_eye,
     "Ones on a diagonal, zeros elsewhere."},
    {0},
};

/* those that other array types may take over */
const builtin numpy_like_functions[] = {
    {"@def zeros_like(a, dtype=None, order='K', subok=True, shape=None)", f_zeros_like,
     "Zeros in the shape and type of a."},
    {"@def empty_like(prototype, dtype=None, order='K', subok=True, shape=None)", f_empty_like,
     "An array of the shape and type of another."},
    {"@def ones_like(a, dtype=None, order='K', subok=True, shape=None)", f_ones_like,
     "Ones in the shape and type of a."},
    {"@def full_like(a, fill_value, dtype=None, order='K', subok=True, shape=None)", f_full_like,
     "One value in the shape and type of a."},
    {"@def copyto(dst, src, casting='same_kind', where=True)", f_copyto,
     "Copies values into an array, broadcasting."},
    {0},
};

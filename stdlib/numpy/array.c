/* stdlib/numpy/array.c - the ndarray object: storage, views, copy on write. */
#include "lang/freeze.h"
#include "lang/types/memview.h"
#include "stdlib/numpy/numpy.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/io/mapped.h"
#include "stdlib/numpy/mapped.h"
#include "stdlib/numpy/subclass.h"

static nd *embedded(ndarray *a)
{
    return (nd *)(void *)a->block;
}

/* An array whose embedded block is to be filled in; takes own (the buffer of a new storage), or
 * views the storage of `of`. */
static ndarray *alloc_as(interp *in, const type *cls, int ndim, buf *own, ndarray *of)
{
    uint8_t room = (uint8_t)(ndim > 4 ? ndim : 4);
    ndarray *a = obj_new(in, cls, sizeof(nd) + 2 * (size_t)room * sizeof(int64_t));
    if (!a) return buf_unref(own), NULL;
    a->room = room;
    if (of) {
        a->s = of->s;
        a->s->rc++;
        a->base = obj_ref(of->base ? of->base : &of->hdr);
        a->readonly = of->readonly;
    } else {
        a->s = &a->own;
        a->own = (storage){.rc = 1, .readonly = (own->flags & BUF_READONLY) != 0, .b = own};
        a->readonly = a->own.readonly;
    }
    return a;
}

static ndarray *array_alloc(interp *in, int ndim, buf *own, ndarray *of)
{
    return alloc_as(in, of ? of->hdr.type : &T_ndarray, ndim, own, of);
}

/* A view is complete: its class may want to take over what `of` has. */
static value viewed(interp *in, ndarray *a, ndarray *of)
{
    value v = v_obj(a);
    if (!a || !(a->hdr.type->flags & TYPE_HEAP) || array_finalize(in, a, v_obj(of))) return v;
    value_unref(in, v);
    return FAIL;
}

static void embed(ndarray *a, const nd *x)
{
    nd *y = embedded(a);
    /* all but the header: other threads may be counting x */
    const size_t skip = offsetof(nd, b);
    memcpy((char *)y + skip, (const char *)x + skip,
           sizeof *x - skip + 2 * (size_t)x->ndim * sizeof(int64_t));
    datum_init(&y->hdr, &nd_kind); /* never freed: its ndarray keeps one count */
    y->b = a->s->b;
    a->offset = x->at - a->s->b->data;
}

ndarray *array_fresh(interp *in, dtype_of t, int ndim, const int64_t *shape)
{
    err e = {0};
    buf *b = buf_new((size_t)shape_count(ndim, shape) * t.size, &e);
    if (!b) { /* nd_new says it in NumPy's words */
        err_clear(&e);
        datum_unref(nd_new(t, ndim, shape, &e));
        if (!e.kind) err_set(&e, MemoryError, "no room for an array");
        throw_err(in, &e);
        return NULL;
    }
    ndarray *a = array_alloc(in, ndim, b, NULL);
    if (!a) return NULL;
    nd *x = embedded(a);
    datum_init(&x->hdr, &nd_kind);
    x->b = b;
    x->at = b->data;
    x->dtype = t.dt;
    x->ndim = (uint8_t)ndim;
    x->unit = t.unit;
    x->size = t.size;
    int long_axes = 0;
    bool empty = false;
    for (int i = 0; i < ndim; i++) {
        x->ext[i] = shape[i];
        long_axes += shape[i] > 1;
        empty |= shape[i] == 0;
    }
    strides_c(ndim, shape, t.size, x->ext + ndim);
    x->flags = ND_C | (long_axes <= 1 || empty ? ND_F : 0);
    return a;
}

value array_view(interp *in, ndarray *of, char *at, int ndim, const int64_t *shape,
                 const int64_t *strides)
{
    const nd *x = array_peek(of);
    ndarray *a = array_alloc(in, ndim, NULL, of);
    if (!a) return FAIL;
    nd *y = embedded(a);
    datum_init(&y->hdr, &nd_kind);
    y->b = x->b;
    y->at = at;
    y->dtype = x->dtype;
    y->ndim = (uint8_t)ndim;
    y->unit = x->unit;
    y->size = x->size;
    for (int i = 0; i < ndim; i++) y->ext[i] = shape[i], y->ext[ndim + i] = strides[i];
    y->flags = nd_layout(ndim, shape, strides, x->size);
    a->offset = at - x->b->data;
    return viewed(in, a, of);
}

value array_as(interp *in, const type *cls, ndarray *of)
{
    const nd *x = array_peek(of);
    ndarray *a = alloc_as(in, cls, x->ndim, NULL, of);
    if (a) embed(a, x);
    return viewed(in, a, of);
}

value array_typed(interp *in, value like, ndarray *a)
{
    const nd *x = array_peek(a);
    const type *cls = like.o->type;
    ndarray *r = a->base ? alloc_as(in, cls, x->ndim, NULL, a)
                         : alloc_as(in, cls, x->ndim, buf_ref(x->b), NULL);
    if (r) embed(r, x);
    return viewed(in, r, (ndarray *)like.o);
}

bool array_become(interp *in, ndarray *a, const nd *x)
{
    if (x->ndim > a->room)
        return THROW0(in, NotImplementedError,
                      "an array of %d axes cannot become one of %d in place: use reshape()",
                      embedded(a)->ndim, x->ndim);
    if (x->b != a->s->b) {
        buf_unref(a->s->b);
        a->s->b = buf_ref(x->b);
    }
    embed(a, x);
    return true;
}

const nd *array_peek(ndarray *a)
{
    nd *x = embedded(a);
    if (a->s && x->b != a->s->b) { /* the storage took a private copy */
        x->b = a->s->b;
        x->at = a->s->b->data + a->offset;
    }
    return x;
}

nd *array_snapshot(ndarray *a)
{
    const nd *x = array_peek(a);
    return nd_view(x->b, x->at, nd_type(x), x->ndim, nd_shape(x), nd_strides(x));
}

static bool privatise(storage *s, err *e)
{
    if (!buf_shared(s->b) || mapping_of(s->b)) return true; /* what is written goes into the file */
    buf *b;
    if (s->b->flags & BUF_OBJECTS) {
        size_t n = s->b->size / sizeof(objcell);
        b = buf_objects(n, &object_cells, e);
        TRY(b);
        const objcell *from = (const objcell *)(void *)s->b->data;
        for (size_t i = 0; i < n; i++)
            if (from[i].w[0]) ((objcell *)(void *)b->data)[i] = object_cells.copy(from[i]);
    } else {
        b = buf_new(s->b->size, e);
        TRY(b);
        memcpy(b->data, s->b->data, s->b->size);
    }
    buf_unref(s->b);
    s->b = b;
    return true;
}

nd *array_write(interp *in, ndarray *a)
{
    if (a->s->frozen) return trap(in, &a->hdr), NULL;
    if (a->hdr.flags & OBJ_FROZEN || a->readonly || a->s->readonly)
        return THROW0(in, ValueError, "assignment destination is read-only");
    err e = {0};
    if (!privatise(a->s, &e)) {
        throw_err(in, &e);
        return NULL;
    }
    array_peek(a);
    return embedded(a);
}

value array_wrap(interp *in, nd *x, err *e)
{
    if (!x) return throw_err(in, e);
    ndarray *a = array_alloc(in, x->ndim, buf_ref(x->b), NULL);
    if (a) embed(a, x);
    datum_unref(x);
    return v_obj(a);
}

value array_wrap_view(interp *in, nd *x, ndarray *of, err *e)
{
    if (!x) return throw_err(in, e);
    if (!of || !of->s || x->b != of->s->b) return array_wrap(in, x, e);
    ndarray *a = array_alloc(in, x->ndim, NULL, of);
    if (a) embed(a, x);
    datum_unref(x);
    return viewed(in, a, of);
}

value array_result(interp *in, nd *x, err *e)
{
    if (!x) return throw_err(in, e);
    if (x->ndim) return array_wrap(in, x, e);
    value v = scalar_value(in, nd_type(x), x->at);
    datum_unref(x);
    return v;
}

static void array_drop(interp *in, obj *o)
{
    ndarray *a = (ndarray *)o;
    if (a->s && --a->s->rc == 0) buf_unref(a->s->b);
    obj_unref(in, a->base);
}

static int64_t array_length(interp *in, value self)
{
    const nd *x = array_peek(as_ndarray(self));
    if (x->ndim == 0) return THROWN(in, TypeError, "len() of unsized object");
    return nd_shape(x)[0];
}

static int array_truth(interp *in, value self)
{
    const nd *x = array_peek(as_ndarray(self));
    int64_t n = nd_count(x);
    if (n > 1)
        return THROWN(in, ValueError,
                      "The truth value of an array with more than one element is ambiguous. Use "
                      "a.any() or a.all()");
    if (n == 0) {
        if (!warn(in, DeprecationWarning,
                  "The truth value of an empty array is ambiguous. Returning False, but in future "
                  "this will result in an error. Use `array.size > 0` to check that an array is "
                  "not empty."))
            return -1;
        return 0;
    }
    value item = scalar_item(in, nd_type(x), x->at);
    if (is_fail(item)) return -1;
    int yes = value_truth(in, item);
    value_unref(in, item);
    return yes;
}

typedef struct array_iter {
    obj hdr;
    value of;
    int64_t at, n;
} array_iter;

static void iter_drop(interp *in, obj *o)
{
    value_unref(in, ((array_iter *)o)->of);
}

static value iter_self(interp *in, value self)
{
    (void)in;
    return value_ref(self);
}

static value iter_step(interp *in, value self)
{
    array_iter *it = (array_iter *)self.o;
    if (it->at >= it->n) return FAIL;
    value i = v_int(it->at++);
    return is_heap(it->of) ? value_getitem(in, it->of, i) : array_getitem(in, it->of, i);
}

static const type T_array_iter = {
    TYPE_HEAD,         .name = "iterator", .module = "builtins", .size = sizeof(array_iter),
    .drop = iter_drop, .iter = iter_self,  .next = iter_step,
};

static value array_iterate(interp *in, value self)
{
    const nd *x = array_peek(as_ndarray(self));
    if (x->ndim == 0) return throw(in, TypeError, "iteration over a 0-d array");
    array_iter *it = obj_new(in, &T_array_iter, 0);
    if (!it) return FAIL;
    it->of = value_ref(self);
    it->n = nd_shape(x)[0];
    return v_obj(it);
}

static int array_contains(interp *in, value self, value item)
{
    value eq = array_compare(in, OP_EQ, self, item);
    if (is_fail(eq)) return -1;
    ndarray *a = as_ndarray(eq);
    int found;
    if (a) {
        err e = {0};
        nd *any = nd_reduce(reduction_find("any"), array_peek(a), ALL_AXES, false,
                            (dtype_of){.dt = DT_none}, NULL, &e);
        found = any ? *any->at != 0 : (throw_err(in, &e), -1);
        datum_unref(any);
    } else {
        found = value_truth(in, eq);
    }
    value_unref(in, eq);
    return found;
}

/* What numpy._files says about memory that somebody else has. */
static value array_over(interp *in, const value got[5])
{
    value files = interp_import(in, "numpy._files");
    value dt = is_none(got[1]) ? v_type(&T_float) : got[1];
    value r = is_fail(files)
                  ? FAIL
                  : call_method(in, files, "_over", 5, got[0], dt, got[2], got[3], got[4]);
    value_unref(in, files);
    return r;
}

/* cls(...) of a subclass: r (taken) is what ndarray(...) gives. */
static value made_as(interp *in, const type *cls, value r)
{
    ndarray *a = as_ndarray(r);
    if (!a) return r;
    const nd *x = array_peek(a);
    ndarray *m = a->base ? alloc_as(in, cls, x->ndim, NULL, a)
                         : alloc_as(in, cls, x->ndim, buf_ref(x->b), NULL);
    if (m) embed(m, x);
    value_unref(in, r);
    if (!m || array_finalize(in, m, NONE)) return v_obj(m);
    obj_unref(in, m);
    return FAIL;
}

static value array_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    value got[5];
    if (!args_bind(in, "ndarray(shape, dtype=None, buffer=None, offset=0, order=None)", arg, npos,
                   kwnames, got, 5))
        return FAIL;
    int ndim;
    int64_t shape[ND_MAXDIM];
    dtype_of t = dtype_plain(DT_float64);
    value result = FAIL;
    err e = {0};
    if (!is_none(got[2]))
        result = array_over(in, got);
    else if (to_shape(in, got[0], &ndim, shape) && to_dtype(in, got[1], &t))
        result = array_wrap(in, nd_zero(t, ndim, shape, &e), &e);
    args_clear(in, got, 5);
    return cls == &T_ndarray ? result : made_as(in, cls, result);
}

/* numpy.ndarray formats as its item when 0-d, as str when the spec is empty. */
static value array_format(interp *in, value self, str *spec)
{
    const nd *x = array_peek(as_ndarray(self));
    if (x->ndim == 0) {
        value item = scalar_item(in, nd_type(x), x->at);
        value text = is_fail(item) ? FAIL : v_obj(value_format(in, item, spec));
        value_unref(in, item);
        return text;
    }
    if (spec->nbyte)
        return throw(in, TypeError, "unsupported format string passed to numpy.ndarray.__format__");
    return array_str(in, self);
}

static bool array_hash(interp *in, value self, uint64_t *out)
{
    (void)self, (void)out;
    return THROW0(in, TypeError, "unhashable type: 'numpy.ndarray'");
}

/* Arrays share their buffer: it is copied by whoever writes to it first.  What is in an array of
 * objects crosses as values. */
static bool array_save(freezer *f, obj *o)
{
    nd *x = array_snapshot((ndarray *)(void *)o);
    uint8_t ndim = x->dtype == DT_object ? x->ndim : UINT8_MAX;
    freeze_bytes(f, &ndim, 1);
    err e = {0};
    nd *flat = x->dtype == DT_object ? nd_contiguous(x, &e) : NULL;
    if (ndim == UINT8_MAX) {
        freeze_datum(f, &x->hdr);
    } else if (flat) {
        freeze_bytes(f, nd_shape(x), ndim * sizeof(int64_t));
        const objcell *cell = (const objcell *)(const void *)flat->at;
        for (int64_t i = 0; i < nd_count(x); i++) freeze_value(f, cell_value(cell + i));
    } else {
        throw_err(freezer_interp(f), &e);
    }
    datum_unref(x);
    datum_unref(flat);
    return !throwing(freezer_interp(f));
}

static nd *load_objects(thawer *t, int ndim, err *e)
{
    int64_t shape[ND_MAXDIM];
    if (ndim > ND_MAXDIM) return NULL;
    thaw_bytes(t, shape, (size_t)ndim * sizeof *shape);
    nd *x = throwing(thawer_interp(t)) ? NULL : nd_zero(dtype_plain(DT_object), ndim, shape, e);
    if (!x) return NULL;
    buf_hold(x->b, &object_cells);
    objcell *cell = (objcell *)(void *)x->at;
    for (int64_t i = 0; i < nd_count(x) && !throwing(thawer_interp(t)); i++) {
        value v = thaw_value(t);
        if (!is_fail(v)) cell[i] = value_cell(v);
        value_unref(thawer_interp(t), v);
    }
    return x;
}

static nd *as_nd_datum(datum *d)
{
    return d && d->kind == &nd_kind ? (nd *)(void *)d : NULL;
}

static obj *array_load(thawer *t, const type *cls)
{
    err e = {0};
    uint8_t ndim;
    thaw_bytes(t, &ndim, 1);
    nd *x = ndim == UINT8_MAX ? nd_ref(as_nd_datum(thaw_datum(t))) : load_objects(t, ndim, &e);
    if (!x) return e.kind ? throw_err(thawer_interp(t), &e), NULL : NULL;
    ndarray *a = alloc_as(thawer_interp(t), cls->flags & TYPE_HEAP ? cls : &T_ndarray, x->ndim,
                          buf_ref(x->b), NULL);
    if (a) embed(a, x);
    datum_unref(x);
    if (a) a->s->frozen = thaw_is_shared(t); /* views of it are shared, too */
    return (obj *)(void *)a;
}

static const crossing array_cross = {array_save, array_load};

/* dtype codes as struct and memoryview know them */
static bool buffer_format(interp *in, const nd *x, char out[VIEW_FORMAT])
{
    char code = dtypes[x->dtype].code;
    switch (code) {
    case 'F': strcpy(out, "Zf"); return true;
    case 'D': strcpy(out, "Zd"); return true;
    case 'S':
    case 'U':
        snprintf(out, VIEW_FORMAT, "%u%c", code == 'S' ? x->size : x->size / 4,
                 code == 'S' ? 's' : 'w');
        return true;
    case 'M':
    case 'm':
        if (in) throw(in, ValueError, "cannot include dtype '%c' in a buffer", code);
        return false;
    default:
        out[0] = code;
        out[1] = 0;
        return true;
    }
}

static bool array_buffer(interp *in, value self, bool write, buffer_view *out)
{
    ndarray *a = as_ndarray(self);
    const nd *x = write ? array_write(in, a) : array_peek(a);
    if (!x || !buffer_format(in, x, out->format)) return false;
    out->at = x->at;
    out->itemsize = x->size;
    out->ndim = x->ndim;
    out->readonly = a->readonly;
    for (int i = 0; i < x->ndim; i++) {
        out->shape[i] = x->ext[i];
        out->strides[i] = x->ext[x->ndim + i];
    }
    return true;
}

/* Of objects: when they are texts and the like, and not so many that looking takes time. */
static bool array_quiet(const obj *o, int depth)
{
    enum { MOST = 1 << 14 };
    const nd *x = array_peek((ndarray *)(uintptr_t)o);
    if (x->dtype != DT_object) return true;
    const objcell *cell = (const objcell *)(const void *)x->at;
    const int64_t n = x->flags & ND_C ? nd_count(x) : MOST + 1;
    bool yes = n <= MOST && o->rc == 1;
    for (int64_t i = 0; yes && i < n; i++) yes = value_quiet(cell_value(cell + i), depth);
    return yes;
}

#define ARRAY_SLOTS                                                                                \
    .drop = array_drop, .repr = array_repr, .tostr = array_str, .format = array_format,            \
    .hash = array_hash, .truth = array_truth, .length = array_length, .compare = array_compare,    \
    .unary = array_unary, .binary = array_binary, .inplace = array_inplace, .reuse = array_reuse,  \
    .getitem = array_getitem, .setitem = array_setitem, .contains = array_contains,                \
    .iter = array_iterate, .buffer = array_buffer

const type T_ndarray = {
    TYPE_HEAD,
    .cross = &array_cross,
    .name = "ndarray",
    .module = "numpy",
    .doc =
        "An n-dimensional array of elements of one type.\n\n"
        "Made by numpy.array, zeros, arange and many more; `a.shape` is its extent along each\n"
        "axis, `a.dtype` the type of its elements.  Slices are views: writing to them changes a.",
    .size = sizeof(ndarray),
    .flags = TYPE_BASE | TYPE_QUIET,
    .quiet = array_quiet,
    .table = array_methods,
    .make = array_make,
    ARRAY_SLOTS,
};

const type T_memmap = {
    TYPE_HEAD,
    .name = "memmap",
    .module = "numpy",
    .doc = "An array that is a part of a file: what is written to it gets there.\n\n"
           "`flush()` waits until it is on the disk; `filename`, `offset` and `mode` say where.",
    .base = &T_ndarray,
    .size = sizeof(ndarray),
    .table = memmap_methods,
    .make = memmap_make,
    ARRAY_SLOTS,
};

/* stdlib/numpy/index.c - a[key]: from what Python passes to the engine's index items. */
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/subclass.h"

#include <string.h>

void index_clear(index_list *l)
{
    for (int i = 0; i < l->n; i++) datum_unref((void *)(uintptr_t)l->item[i].array);
    l->n = 0;
}

static bool slice_item(interp *in, const slice *s, index_item *it)
{
    const value *part[] = {&s->start, &s->stop, &s->step};
    int64_t *to[] = {&it->start, &it->stop, &it->step};
    it->kind = IDX_SLICE;
    for (int i = 0; i < 3; i++) {
        *to[i] = SLICE_NONE;
        if (is_none(*part[i])) continue;
        if (!to_index_clamped(in, *part[i], to[i])) return false;
    }
    if (it->step == 0) return THROW0(in, ValueError, "slice step cannot be zero");
    return true;
}

static bool bad_index(interp *in)
{
    exc_clear(in);
    return THROW0(in, IndexError,
                  "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and "
                  "integer or boolean arrays are valid indices");
}

static bool array_item(interp *in, value v, index_item *it)
{
    nd *x = to_nd_any(in, v);
    if (!x) return false;
    if (x->dtype == DT_float64 && nd_count(x) == 0 && !as_ndarray(v)) { /* [] */
        err e = {0};
        nd *y = nd_cast(x, dtype_plain(DT_int64), 'u', &e);
        datum_unref(x);
        x = y;
    }
    it->kind = IDX_ARRAY;
    it->array = x;
    if (x->dtype == DT_bool || dtype_is_int((enum dtype)x->dtype)) return true;
    if (as_ndarray(v))
        return THROW0(in, IndexError,
                      "arrays used as indices must be of integer (or boolean) type");
    return bad_index(in);
}

static bool parse_one(interp *in, value v, index_item *it)
{
    *it = (index_item){.kind = IDX_NEW};
    if (is_none(v)) return true;
    if (v.kind == V_OBJ && v.o->type == &T_ellipsis) return it->kind = IDX_ELLIPSIS, true;
    slice *s = as_slice(v);
    if (s) return slice_item(in, s, it);
    bool boolean = v.kind == V_BOOL || (v.kind == V_SCALAR && (v.aux & 0xff) == DT_bool);
    if (boolean || as_ndarray(v) || as_list(v) || as_tuple(v)) return array_item(in, v, it);
    it->kind = IDX_INT;
    if (v.kind == V_INT) return it->start = v.i, true;
    if (v.kind == V_FLOAT || as_str(v)) return bad_index(in);
    if (to_int64(in, v, &it->start)) return true;
    if (!exc_is(in, TypeError)) return false;
    exc_clear(in); /* ranges, lazy arrays and the like */
    return array_item(in, v, it) || (exc_is(in, TypeError) && bad_index(in));
}

bool index_parse(interp *in, value key, index_list *out)
{
    tuple *t = as_tuple(key);
    const value *at = t ? t->at : &key;
    int64_t n = t ? t->n : 1;
    out->n = 0;
    if (n > ND_MAXDIM * 2 - 1) return THROW0(in, IndexError, "too many indices for array");
    for (int64_t i = 0; i < n; i++) {
        bool ok = parse_one(in, at[i], &out->item[out->n]);
        out->n++;
        if (!ok) return index_clear(out), false;
    }
    return true;
}

/* a[i] of a 1-d array and a[i, j] of a 2-d one, without the general machinery */
static const char *fast_element(const nd *x, value key)
{
    int64_t at[2];
    int n = 0;
    tuple *t = as_tuple(key);
    if (key.kind == V_INT && x->ndim == 1) {
        at[n++] = key.i;
    } else if (t && t->n == 2 && x->ndim == 2 && t->at[0].kind == V_INT && t->at[1].kind == V_INT) {
        at[n++] = t->at[0].i;
        at[n++] = t->at[1].i;
    } else {
        return NULL;
    }
    const char *p = x->at;
    for (int i = 0; i < n; i++) {
        int64_t len = nd_shape(x)[i];
        if (at[i] < 0) at[i] += len;
        if (at[i] < 0 || at[i] >= len) return NULL;
        p += at[i] * nd_strides(x)[i];
    }
    return p;
}

/* One axis of a view by a slice with plain bounds. */
static bool quick_slice(const slice *s, int64_t len, int64_t *start, int64_t *count, int64_t *step)
{
    const value *part[] = {&s->start, &s->stop, &s->step};
    int64_t to[3] = {SLICE_NONE, SLICE_NONE, SLICE_NONE};
    err e = {0};
    for (int i = 0; i < 3; i++) {
        if (is_none(*part[i])) continue;
        if (part[i]->kind != V_INT || part[i]->i == SLICE_NONE) return false;
        to[i] = part[i]->i;
    }
    if (to[2] == 0) return false;
    slice_clip(len, &to[0], &to[1], &to[2], count, &e);
    *start = *count ? to[0] : 0;
    *step = to[2];
    return true;
}

/* The axes of a view. */
typedef struct place {
    char *at;
    int ndim;
    int64_t shape[ND_MAXDIM], strides[ND_MAXDIM];
} place;

static void keep_axes(const nd *x, int from, int to, place *p)
{
    for (int i = from; i < to; i++) {
        p->shape[p->ndim] = nd_shape(x)[i];
        p->strides[p->ndim++] = nd_strides(x)[i];
    }
}

static bool is_ellipsis(value v)
{
    return v.kind == V_OBJ && v.o->type == &T_ellipsis;
}

/* By ints, slices, None and one ellipsis alone, and not a single element; false: not that simple.
 */
static bool quick_place(const nd *x, value key, place *p)
{
    tuple *t = as_tuple(key);
    const value *item = t ? t->at : &key;
    int64_t n = t ? t->n : 1;
    int axis = 0, used = 0, dots = 0, fresh = 0;
    if (n > ND_MAXDIM) return false;
    for (int i = 0; i < n; i++) {
        if (is_none(item[i]))
            fresh++;
        else if (is_ellipsis(item[i]))
            dots++;
        else
            used++;
    }
    if (used > x->ndim || dots > 1 || fresh + x->ndim > ND_MAXDIM) return false;
    p->at = x->at;
    p->ndim = 0;
    for (int i = 0; i < n; i++) {
        if (is_none(item[i])) {
            p->shape[p->ndim] = 1;
            p->strides[p->ndim++] = 0;
            continue;
        }
        if (is_ellipsis(item[i])) {
            keep_axes(x, axis, axis + x->ndim - used, p);
            axis += x->ndim - used;
            continue;
        }
        int64_t len = nd_shape(x)[axis], stride = nd_strides(x)[axis], start, count, step;
        slice *s = as_slice(item[i]);
        if (item[i].kind == V_INT) {
            start = item[i].i < 0 ? item[i].i + len : item[i].i;
            if (start < 0 || start >= len) return false;
        } else if (s && quick_slice(s, len, &start, &count, &step)) {
            p->shape[p->ndim] = count;
            p->strides[p->ndim++] = stride * step;
        } else {
            return false;
        }
        p->at += start * stride;
        axis++;
    }
    keep_axes(x, axis, x->ndim, p);
    return p->ndim || dots;
}

/* A view by quick_place; FAIL without an exception: not that simple. */
static value quick_view(interp *in, ndarray *a, value key)
{
    place p;
    if (!quick_place(array_peek(a), key, &p)) return FAIL;
    return array_view(in, a, p.at, p.ndim, p.shape, p.strides);
}

/* A few whole numbers that all are places of x, which has one axis; NULL: not that simple. */
static const nd *few_places(const nd *x, value key)
{
    enum { FEW = 256 };
    if (key.kind != V_OBJ || key.o->type != &T_ndarray || x->ndim != 1) return NULL;
    const nd *k = array_peek((ndarray *)key.o);
    int64_t n = nd_count(k), len = nd_shape(x)[0];
    if (k->dtype != DT_int64 || !k->ndim || !(k->flags & ND_C) || n > FEW) return NULL;
    if (x->dtype > DT_complex128) return NULL;
    const int64_t *at = (const int64_t *)(const void *)k->at;
    uint64_t beyond = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t p = at[i] + (at[i] < 0 ? len : 0);
        beyond |= (uint64_t)p >= (uint64_t)len;
    }
    return beyond ? NULL : k;
}

static char *nth(const nd *x, const nd *places, int64_t i)
{
    int64_t p = ((const int64_t *)(const void *)places->at)[i];
    return x->at + (p < 0 ? p + nd_shape(x)[0] : p) * nd_strides(x)[0];
}

#define GATHER(size)                                                                               \
    case size:                                                                                     \
        for (int64_t i = 0; i < n; i++)                                                            \
            memcpy(to + i * (size), from + (at[i] + (at[i] < 0 ? len : 0)) * step, size);          \
        break

/* x[places] of few_places; FAIL without an exception: not that simple. */
static value quick_gather(interp *in, const nd *x, value key)
{
    const nd *places = few_places(x, key);
    if (!places) return FAIL;
    ndarray *out = array_fresh(in, nd_type(x), places->ndim, nd_shape(places));
    if (!out) return FAIL;
    char *to = array_peek(out)->at;
    const char *from = x->at;
    const int64_t *at = (const int64_t *)(const void *)places->at;
    const int64_t n = nd_count(places), len = nd_shape(x)[0], step = nd_strides(x)[0];
    switch (x->size) {
        GATHER(1);
        GATHER(2);
        GATHER(4);
        GATHER(8);
        GATHER(16);
    }
    return v_obj(out);
}

/* So few places that nobody would want to stop before all are filled? */
static bool is_brief(const place *p)
{
    enum { QUICK = 1 << 21 };
    int64_t n = 1;
    for (int i = 0; i < p->ndim; i++)
        if (__builtin_mul_overflow(n, p->shape[i], &n)) return false;
    return n <= QUICK;
}

/* A number as an element of x: -1 not that simple, 0 an exception, 1 done. */
static int quick_cell(interp *in, const nd *x, value v, char *cell)
{
    bool number = v.kind == V_INT || v.kind == V_FLOAT || v.kind == V_BOOL || v.kind == V_SCALAR;
    bool narrow = x->dtype == DT_float16 || x->dtype == DT_float32;
    if (v.kind == V_FLOAT && narrow && !(v.f > -60000 && v.f < 60000)) return -1; /* may warn */
    if (!number || x->dtype >= DT_object) return -1;
    if (v.kind == V_SCALAR && (v.aux & 0xff) != x->dtype) return -1; /* casts may warn */
    return scalar_store(in, v, nd_type(x), cell);
}

/* One number in many places: -1 not that simple, 0 an exception, 1 done. */
static int quick_fill(interp *in, nd *x, value key, value v)
{
    _Alignas(16) char cell[16];
    static const int64_t none[ND_MAXDIM];
    place p;
    if (v.kind == V_OBJ) return -1;
    const nd *places = few_places(x, key);
    if (!places && (!quick_place(x, key, &p) || !is_brief(&p))) return -1;
    int r = quick_cell(in, x, v, cell);
    if (r <= 0) return r;
    if (!places) strided_copy(p.ndim, p.shape, p.at, p.strides, cell, none, x->size, NULL);
    for (int64_t i = 0, n = places ? nd_count(places) : 0; i < n; i++)
        memcpy(nth(x, places, i), cell, x->size);
    return 1;
}

static bool all_ints(const index_list *l, const nd *x)
{
    if (l->n != x->ndim) return false;
    for (int i = 0; i < l->n; i++)
        if (l->item[i].kind != IDX_INT) return false;
    return true;
}

value array_getitem(interp *in, value self, value key)
{
    ndarray *a = as_ndarray(self);
    const nd *x = array_peek(a);
    const char *p = fast_element(x, key);
    if (p) return scalar_value(in, nd_type(x), p);
    value quick = quick_view(in, a, key);
    if (is_fail(quick) && !throwing(in) && a->hdr.type == &T_ndarray)
        quick = quick_gather(in, x, key);
    if (!is_fail(quick) || throwing(in)) return quick;
    if (as_str(key))
        return throw(in, IndexError,
                     "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and "
                     "integer or boolean arrays are valid indices");
    index_list l;
    if (!index_parse(in, key, &l)) return FAIL;
    err e = {0};
    nd *r = nd_index(x, l.item, l.n, &e);
    bool element = r && all_ints(&l, x);
    index_clear(&l);
    if (element) return array_result(in, r, &e);
    value v = array_wrap_view(in, r, a, &e);
    return is_subarray(self) ? array_kept(in, self, v) : v;
}

bool array_setitem(interp *in, value self, value key, value v)
{
    if (is_fail(v)) return THROW0(in, ValueError, "cannot delete array elements");
    ndarray *a = as_ndarray(self);
    nd *x = array_write(in, a);
    if (!x) return false;
    const char *p = fast_element(x, key);
    if (p && x->dtype < DT_object && !as_list(v) && !as_ndarray(v))
        return scalar_store(in, v, nd_type(x), (char *)(uintptr_t)p);
    int quick = quick_fill(in, x, key, v);
    if (quick >= 0) return quick;
    index_list l;
    if (!index_parse(in, key, &l)) return false;
    err e = {0};
    bool sequence = as_list(v) || as_tuple(v) || as_ndarray(v);
    dtype_of want = {.dt = DT_none};
    const bool ints = dtypes[x->dtype].kind == 'i' || dtypes[x->dtype].kind == 'u';
    if (x->dtype == DT_object || !sequence) want = nd_type(x);
    if (ints && !as_ndarray(v)) want = nd_type(x); /* a list of large ints has no type of its own */
    nd *y;
    if (x->dtype == DT_object && all_ints(&l, x)) {
        value cell = v; /* a list stored in one cell stays a list */
        buf *b = buf_objects(1, &object_cells, &e);
        y = b ? nd_view(b, b->data, nd_type(x), 0, NULL, NULL) : NULL;
        if (y && !scalar_store(in, cell, nd_type(x), y->at)) y = datum_unref(y);
        buf_unref(b);
    } else {
        y = to_nd(in, v, want);
    }
    if (e.kind) throw_err(in, &e);
    y = nd_for(in, y, x);
    if (y && y->ndim && all_ints(&l, x) && x->dtype != DT_object &&
        (nd_count(y) != 1 || !as_ndarray(v))) {
        throw(in, ValueError, "setting an array element with a sequence.");
        datum_unref(y);
        index_clear(&l);
        return false;
    }
    if (y && !warn_cast(in, y, nd_type(x))) y = datum_unref(y);
    bool ok = y && nd_index_assign(x, l.item, l.n, y, &e);
    if (y && !ok) throw_err(in, &e);
    datum_unref(y);
    index_clear(&l);
    return ok;
}

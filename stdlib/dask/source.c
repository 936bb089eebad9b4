/* stdlib/dask/source.c - regions of arrays and of array-like objects, for from_array. */
#include "stdlib/dask/source.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/io/mapped.h"
#include "stdlib/numpy/numpy.h"

/* ---- an array of the language: its content when the run starts ---- */

typedef struct array_source {
    source s;
    datum *what; /* live value */
    int ndim;
    int64_t shape[ND_MAXDIM]; /* when the lazy array was made */
    nd *content;              /* taken by snapshot(); NULL before */
} array_source;

static nd *region(const array_source *a, const nd *x, const int64_t *start, const int64_t *count,
                  err *e)
{
    if (x->ndim != a->ndim || memcmp(nd_shape(x), a->shape, (size_t)a->ndim * sizeof *a->shape))
        return err_set(e, ValueError, "the shape of an array was changed after from_array");
    char *at = x->at;
    for (int i = 0; i < x->ndim; i++) at += start[i] * nd_strides(x)[i];
    file_map_used(x->b, (size_t)shape_count(x->ndim, count) * x->size);
    return nd_view(x->b, at, nd_type(x), x->ndim, count, nd_strides(x));
}

static nd *array_read(const source *s, const int64_t *start, const int64_t *count, err *e)
{
    const array_source *a = (const array_source *)(const void *)s;
    if (a->content) return region(a, a->content, start, count, e);
    live *l = as_live(a->what);
    if (l->home != interp_current())
        return err_set(e, RuntimeError, "an array was read before its run began");
    return region(a, array_peek(as_ndarray(l->v)), start, count, e);
}

static const source_kind array_kind;

static source *array_take(source *s, err *e)
{
    (void)e;
    array_source *a = (array_source *)(void *)s, *now = mem_zero(sizeof *now);
    source_init(&now->s, &array_kind);
    now->what = datum_ref(a->what);
    now->ndim = a->ndim;
    memcpy(now->shape, a->shape, sizeof a->shape);
    now->content = array_snapshot(as_ndarray(as_live(a->what)->v));
    return &now->s;
}

static void array_drop(source *s)
{
    array_source *a = (array_source *)(void *)s;
    datum_unref(a->what);
    datum_unref(a->content);
}

static bool array_c_order(const source *s)
{
    const array_source *a = (const array_source *)(const void *)s;
    live *l = as_live(a->what);
    if (a->content) return nd_in_c_order(a->content);
    return l->home == interp_current() && nd_in_c_order(array_peek(as_ndarray(l->v)));
}

/* Of a snapshot. */
static datum *array_content(const source *s)
{
    return (datum *)(void *)((const array_source *)(const void *)s)->content;
}

static const source_kind array_kind = {.name = "array",
                                       .of = array_content,
                                       .read = array_read,
                                       .snapshot = array_take,
                                       .drop = array_drop,
                                       .c_order = array_c_order,
                                       .divisible = true};

/* ---- anything else: x[slices] in the interpreter that has it ---- */

typedef struct object_source {
    source s;
    datum *what;
} object_source;

static nd *object_read(const source *s, const int64_t *start, const int64_t *count, err *e)
{
    const object_source *o = (const object_source *)(const void *)s;
    interp *in = interp_current();
    value x = in ? value_of(in, o->what) : FAIL;
    if (is_fail(x))
        return err_set(e, RuntimeError,
                       "from_array: this object can only be read by the thread that has it");
    value shape = value_getattr_c(in, x, "shape");
    tuple *t = as_tuple(shape);
    int64_t n = t ? t->n : 0;
    value_unref(in, shape);
    tuple *index = tuple_new(in, n);
    for (int64_t i = 0; index && i < n; i++)
        index->at[i] = slice_new(in, v_int(start[i]), v_int(start[i] + count[i]), NONE);
    value part = index ? value_getitem(in, x, v_obj(index)) : FAIL;
    nd *r = is_fail(part) ? NULL : to_nd_any(in, part);
    obj_unref(in, index);
    value_unref(in, part);
    value_unref(in, x);
    if (!r) exc_to_err(in, e);
    return r;
}

static void object_drop(source *s)
{
    datum_unref(((object_source *)(void *)s)->what);
}

static const source_kind object_kind = {
    .name = "object", .read = object_read, .drop = object_drop, .home = true};

/* ---- sources of other modules ---- */

static void source_obj_drop(interp *in, obj *o)
{
    (void)in;
    datum_unref(((source_obj *)o)->s);
}

/* The object behind a source, borrowed: what users meet in a graph. NONE: it is not of the
 * language. */
static value object_of(const source *s)
{
    datum *what = s->kind == &array_kind    ? ((const array_source *)(const void *)s)->what
                  : s->kind == &object_kind ? ((const object_source *)(const void *)s)->what
                                            : NULL;
    live *l = as_live(what);
    return l && l->home == interp_current() ? l->v : NONE;
}

static const source *source_in(value self)
{
    return ((source_obj *)self.o)->s;
}

static value source_repr(interp *in, value self)
{
    value v = object_of(source_in(self));
    if (!is_none(v)) return v_obj(value_repr(in, v));
    return v_obj(str_fmt(in, "<%s source at %p>", source_in(self)->kind->name,
                         (const void *)source_in(self)));
}

static value source_getattr(interp *in, value self, str *name)
{
    value v = object_of(source_in(self));
    return is_none(v) ? generic_getattr(in, self, name) : value_getattr(in, v, name);
}

static value source_getitem(interp *in, value self, value index)
{
    value v = object_of(source_in(self));
    if (!is_none(v)) return value_getitem(in, v, index);
    return throw(in, TypeError, "this %s can only be read by tasks", source_in(self)->kind->name);
}

const type T_source = {TYPE_HEAD,
                       .name = "source",
                       .module = "_dask",
                       .size = sizeof(source_obj),
                       .drop = source_obj_drop,
                       .repr = source_repr,
                       .getattr = source_getattr,
                       .getitem = source_getitem};

value source_value(interp *in, source *s)
{
    source_obj *o = obj_new(in, &T_source, 0);
    if (o) o->s = datum_ref(s);
    return v_obj(o);
}

static void sink_obj_drop(interp *in, obj *o)
{
    (void)in;
    datum_unref(((sink_obj *)o)->s);
}

const type T_sink = {TYPE_HEAD, .name = "sink", .module = "_dask", .size = sizeof(sink_obj),
                     .drop = sink_obj_drop};

/* ---- arrays as what is stored into ---- */

typedef struct array_sink {
    sink s;
    nd *to;
} array_sink;

/* Slab by slab: of a file, not all of a block need be mapped at once. */
static bool array_sink_write(sink *s, const int64_t *start, const nd *block, err *e)
{
    enum { SLAB = 4 << 20 };
    const nd *to = ((array_sink *)(void *)s)->to;
    char *at = to->at;
    for (int k = 0; k < block->ndim; k++) at += start[k] * nd_strides(to)[k];
    nd *part = nd_view(to->b, at, nd_type(to), block->ndim, nd_shape(block), nd_strides(to));
    int64_t n = block->ndim ? nd_shape(block)[0] : 1, each = n;
    if (mapping_of(to->b) && nd_bytes(block) > SLAB) each = n * SLAB / (int64_t)nd_bytes(block);
    if (each < 1) each = 1;
    bool ok = true;
    for (int64_t i = 0; i < n && ok; i += each) {
        int64_t count = n - i < each ? n - i : each;
        nd *out = each < n ? nd_slice(part, 0, i, count, 1) : nd_ref(part);
        nd *from = each < n ? nd_slice(block, 0, i, count, 1) : nd_ref((nd *)(uintptr_t)block);
        ok = nd_assign(out, from, 'u', NULL, e);
        file_map_used(to->b, nd_bytes(from));
        datum_unref(out);
        datum_unref(from);
    }
    datum_unref(part);
    return ok;
}

static void array_sink_drop(sink *s)
{
    datum_unref(((array_sink *)(void *)s)->to);
}

static const sink_kind array_sink_kind = {"array", array_sink_write, array_sink_drop};

value array_sink_of(interp *in, const value *arg)
{
    ndarray *a = as_ndarray(arg[0]);
    nd *x = a && !a->s->frozen && array_peek(a)->dtype != DT_object ? array_write(in, a) : NULL;
    if (!x) return throwing(in) ? FAIL : NONE;
    sink_obj *o = obj_new(in, &T_sink, 0);
    if (!o) return FAIL;
    array_sink *s = mem_zero(sizeof *s);
    sink_init(&s->s, &array_sink_kind);
    s->to = array_snapshot(a);
    o->s = &s->s;
    return v_obj(o);
}

source *source_registered(interp *in, value v, hash128 *id)
{
    (void)in;
    source_obj *o = (source_obj *)as_obj(v, &T_source);
    if (!o) return NULL;
    *id = o->id;
    return datum_ref(o->s);
}

/* ---- which one ---- */

/* two arrays of one content are two when their dtype, shape or order in memory differ */
static hash128 layout_hash(const nd *x)
{
    int64_t at[3 + 2 * ND_MAXDIM] = {x->dtype, x->unit, x->size};
    memcpy(at + 3, x->ext, 2 * x->ndim * sizeof *at);
    return hash128_bytes(at, (3 + 2 * (size_t)x->ndim) * sizeof *at);
}

/* of the elements in the order in which they lie in memory: no copy but of small parts */
static hash128 elements_hash(const nd *x)
{
    enum { SLAB = 1 << 25 };
    if (nd_bytes(x) <= SLAB || !x->ndim) {
        err e = {0};
        nd *c = nd_contiguous(x, &e);
        hash128 h = c ? hash128_bytes(c->at, nd_bytes(c)) : (hash128){0};
        datum_unref(c);
        err_clear(&e);
        return h;
    }
    int outer = 0; /* the axis of the longest steps is cut */
    for (int k = 1; k < x->ndim; k++)
        if (nd_shape(x)[outer] == 1 || llabs(nd_strides(x)[k]) > llabs(nd_strides(x)[outer]))
            outer = nd_shape(x)[k] > 1 ? k : outer;
    int64_t n = nd_shape(x)[outer], each = n * SLAB / (int64_t)nd_bytes(x);
    hash128 h = {0};
    for (int64_t i = 0; i<n; i += each> 0 ? each : 1) {
        int64_t count = each > 1 ? each : 1;
        nd *part = nd_slice(x, outer, i, n - i < count ? n - i : count, 1);
        h = hash128_mix(h, elements_hash(part));
        datum_unref(part);
        file_map_let_go(x->b);
    }
    return h;
}

source *source_of(interp *in, value x, hash128 *id, bool *original)
{
    ndarray *a = as_ndarray(x);
    datum *what = live_new(in, x);
    if (!what) return NULL;
    if (a) {
        const nd *content = array_peek(a);
        ptrdiff_t at = content->at - content->b->data;
        if (file_map_id(content->b, id))
            *id = hash128_mix(*id, hash128_bytes(&at, sizeof at));
        else
            *id = elements_hash(content);
        *id = hash128_mix(*id, layout_hash(content));
        *original = false;
        array_source *s = mem_zero(sizeof *s);
        source_init(&s->s, &array_kind);
        s->what = what;
        s->ndim = content->ndim;
        memcpy(s->shape, nd_shape(content), content->ndim * sizeof *s->shape);
        return &s->s;
    }
    *original = true;
    *id = hash128_bytes(&x.o, sizeof x.o);
    value known; /* an HDF5 dataset has a reader of its own, which any thread may use */
    int found = value_findattr(in, x, "_dsk_source", &known);
    if (found == 1) {
        source *s = source_registered(in, known, id);
        value_unref(in, known);
        if (s) {
            datum_unref(what);
            return s;
        }
    }
    exc_clear(in);
    object_source *s = mem_zero(sizeof *s);
    source_init(&s->s, &object_kind);
    s->what = what;
    return &s->s;
}

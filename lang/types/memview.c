/* lang/types/memview.c - memoryview: an object's memory as a sequence, and views of its parts.
 *
 * The owner is asked for its memory at every access (type.buffer), so that it may move it; a
 * bytearray that is viewed keeps its size.  A view is the owner's layout cut down: `at` counts from
 * the owner's memory. */
#include "lang/types/memview.h"

#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/types/bytes.h"
#include "lang/types/bytesmethods.h"
#include "lang/types/dunder.h"
#include "lang/types/iter.h"

typedef struct memview {
    obj hdr;
    value owner; /* FAIL: released */
    int64_t at;
    bool readonly;
    char format[VIEW_FORMAT];
    int64_t itemsize;
    int ndim;
    int64_t ext[]; /* shape, then strides */
} memview;

static memview *as_memview(value v)
{
    return v.kind == V_OBJ && v.o->type == &T_memoryview ? (memview *)(void *)v.o : NULL;
}

static const int64_t *strides_of(const memview *m)
{
    return m->ext + m->ndim;
}

static int64_t count_of(const memview *m)
{
    int64_t n = 1;
    for (int i = 0; i < m->ndim; i++) n *= m->ext[i];
    return n;
}

static bool is_dense(const memview *m)
{
    int64_t step = m->itemsize;
    for (int i = m->ndim - 1; i >= 0; i--) {
        if (m->ext[i] > 1 && strides_of(m)[i] != step) return false;
        step *= m->ext[i];
    }
    return true;
}

static bool is_dense_fortran(const memview *m)
{
    int64_t step = m->itemsize;
    for (int i = 0; i < m->ndim; i++) {
        if (m->ext[i] > 1 && strides_of(m)[i] != step) return false;
        step *= m->ext[i];
    }
    return true;
}

static bool check_alive(interp *in, const memview *m)
{
    if (!is_fail(m->owner)) return true;
    throw(in, ValueError, "operation forbidden on released memoryview object");
    return false;
}

/* Where the first element is now. NULL: an exception is pending. */
static char *memory(interp *in, const memview *m, bool write)
{
    buffer_view b;
    if (!check_alive(in, m)) return NULL;
    if (!type_of(in, m->owner)->buffer(in, m->owner, write, &b)) return NULL;
    return b.at + m->at;
}

const char *memview_peek(value v, size_t *n)
{
    memview *m = as_memview(v);
    buffer_view b;
    if (!m || is_fail(m->owner) || !is_dense(m)) return NULL;
    if (!m->owner.o->type->buffer(NULL, m->owner, false, &b)) return NULL;
    return *n = (size_t)(count_of(m) * m->itemsize), b.at + m->at;
}

const char *buffer_peek(interp *in, value v, size_t *n)
{
    const char *s = bytes_peek(v, n);
    if (s || as_memview(v) || v.kind != V_OBJ || !v.o->type->buffer) return s;
    buffer_view b;
    if (!v.o->type->buffer(in, v, false, &b)) return exc_clear(in), NULL;
    int64_t step = b.itemsize;
    for (int i = b.ndim - 1; i >= 0; i--) {
        if (b.shape[i] > 1 && b.strides[i] != step) return NULL;
        step *= b.shape[i];
    }
    return *n = (size_t)step, b.at ? b.at : "";
}

value buffer_fill(interp *in, value self, value into, value (*read)(interp *, const value *))
{
    size_t n, got;
    memview *m = as_memview(into);
    value owner = m ? m->owner : into;
    buffer_view b = {.readonly = true};
    const char *to = buffer_peek(in, into, &n);
    if (to && as_bytearray(owner) && owner.o->flags & OBJ_FROZEN) return trap(in, owner.o), FAIL;
    if (to && !as_bytes(owner) && !owner.o->type->buffer(in, owner, true, &b)) return FAIL;
    if (!to || b.readonly || (m && m->readonly))
        return throw(in, TypeError,
                     "readinto() argument must be read-write bytes-like object, not %s",
                     type_said(in, into));
    value data = read(in, (value[]){self, v_int((int64_t)n)});
    const char *from = is_fail(data) ? NULL : bytes_peek(data, &got);
    if (!from) return data;
    to = buffer_peek(in, into, &n); /* the write may have taken a copy of its own */
    memcpy((char *)(uintptr_t)to, from, got);
    value_unref(in, data);
    return v_int((int64_t)got);
}

/* ---- making ---- */

static memview *view_new(interp *in, value owner, int ndim, const char *format, int64_t itemsize,
                         bool readonly)
{
    memview *m = obj_new(in, &T_memoryview, 2 * (size_t)ndim * sizeof(int64_t));
    if (!m) return NULL;
    m->owner = value_ref(owner);
    if (as_bytearray(owner)) as_bytearray(owner)->views++;
    m->ndim = ndim;
    m->itemsize = itemsize;
    m->readonly = readonly;
    memcpy(m->format, format, VIEW_FORMAT);
    return m;
}

/* Another view of the same, with room for ndim axes. */
static memview *view_like(interp *in, const memview *m, int ndim)
{
    memview *v = view_new(in, m->owner, ndim, m->format, m->itemsize, m->readonly);
    if (v) v->at = m->at;
    if (v && ndim == m->ndim) memcpy(v->ext, m->ext, 2 * (size_t)ndim * sizeof *m->ext);
    return v;
}

static memview *view_of(interp *in, value v)
{
    memview *old = as_memview(v);
    buffer_view b;
    if (old) return check_alive(in, old) ? view_like(in, old, old->ndim) : NULL;
    const type *t = type_of(in, v);
    if (!t->buffer) {
        return THROW0(in, TypeError, "memoryview: a bytes-like object is required, not '%s'",
                      type_said(in, v));
    }
    if (!t->buffer(in, v, false, &b)) return NULL;
    memview *m = view_new(in, v, b.ndim, b.format, b.itemsize, b.readonly);
    for (int i = 0; m && i < b.ndim; i++) {
        m->ext[i] = b.shape[i];
        m->ext[b.ndim + i] = b.strides[i];
    }
    return m;
}

static value make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    value v[1];
    (void)cls;
    if (!args_bind(in, "memoryview(object)", arg, npos, kwnames, v, 1)) return FAIL;
    value r = v_obj(view_of(in, v[0]));
    args_clear(in, v, 1);
    return r;
}

static void let_go(interp *in, memview *m)
{
    if (is_fail(m->owner)) return;
    if (as_bytearray(m->owner)) as_bytearray(m->owner)->views--;
    value_unref(in, m->owner);
    m->owner = FAIL;
}

static void drop(interp *in, obj *o)
{
    let_go(in, (memview *)(void *)o);
}

static void visit(obj *o, visitor f, void *ctx)
{
    f(((memview *)(void *)o)->owner, ctx);
}

/* ---- contents ---- */

/* Copies the elements of one axis and those below, in C order. */
static char *gather(const memview *m, int axis, const char *from, char *to)
{
    if (axis == m->ndim) return memcpy(to, from, (size_t)m->itemsize), to + m->itemsize;
    for (int64_t i = 0; i < m->ext[axis]; i++)
        to = gather(m, axis + 1, from + i * strides_of(m)[axis], to);
    return to;
}

static bytes *content(interp *in, const memview *m)
{
    const char *at = memory(in, m, false);
    bytes *b = at ? bytes_new(in, NULL, (size_t)(count_of(m) * m->itemsize)) : NULL;
    if (b && b->n) gather(m, 0, at, b->at);
    return b;
}

static value list_of_axis(interp *in, const memview *m, int axis, const char *at)
{
    if (axis == m->ndim) return element_get(in, m->format, at);
    list *l = list_new(in, m->ext[axis]);
    for (int64_t i = 0; l && i < m->ext[axis]; i++) {
        if (list_add(in, l, list_of_axis(in, m, axis + 1, at + i * strides_of(m)[axis]))) continue;
        obj_unref(in, l);
        return FAIL;
    }
    return v_obj(l);
}

/* Byte offset of the element at the indices; -1: an exception is pending. */
static int64_t place(interp *in, const memview *m, const value *index, int64_t n)
{
    int64_t at = 0;
    for (int64_t k = 0; k < n; k++) {
        int64_t i, len = m->ext[k];
        int found = index_of(in, index[k], &i);
        if (found == 0) throw(in, TypeError, "memoryview: invalid slice key");
        if (found <= 0) return -1;
        if (i < 0) i += len;
        if (i < 0 || i >= len) {
            if (n == 1) return THROWN(in, IndexError, "index out of bounds on dimension %d", 1);
            return THROWN(in, IndexError, "index out of bounds on dimension %lld",
                          (long long)k + 1);
        }
        at += i * strides_of(m)[k];
    }
    return at;
}

/* Which element does the key name? -1: an exception is pending, or *cut: it is a slice */
static int64_t find_element(interp *in, const memview *m, value key, bool *cut)
{
    tuple *t = as_tuple(key);
    *cut = as_slice(key) != NULL;
    if (*cut || !check_alive(in, m)) return -1;
    if (!t && m->ndim == 1) return place(in, m, &key, 1);
    if (!t && m->ndim == 0) return THROWN(in, TypeError, "invalid indexing of 0-dim memory");
    for (int64_t i = 0; t && i < t->n; i++) {
        int64_t ignored;
        if (as_slice(t->at[i]))
            return THROWN(in, NotImplementedError, "multi-dimensional slicing is not implemented");
        if (index_of(in, t->at[i], &ignored) <= 0) {
            exc_clear(in);
            return THROWN(in, TypeError, "memoryview: invalid slice key");
        }
    }
    if (t && t->n == m->ndim) return place(in, m, t->at, t->n);
    if (t && t->n > m->ndim) {
        return THROWN(in, TypeError, "cannot index %d-dimension view with %lld-element tuple",
                      m->ndim, (long long)t->n);
    }
    return THROWN(in, NotImplementedError,
                  t ? "sub-views are not implemented"
                    : "multi-dimensional sub-views are not implemented");
}

static memview *cut(interp *in, const memview *m, const slice *s)
{
    int64_t start, stop, step, n;
    if (!check_alive(in, m)) return NULL;
    if (m->ndim == 0) return THROW0(in, TypeError, "invalid indexing of 0-dim memory");
    if (!slice_indices(in, s, m->ext[0], &start, &stop, &step, &n)) return NULL;
    memview *v = view_like(in, m, m->ndim);
    if (!v) return NULL;
    v->at += start * strides_of(m)[0];
    v->ext[0] = n;
    v->ext[v->ndim] = strides_of(m)[0] * step;
    return v;
}

static value getitem(interp *in, value self, value key)
{
    memview *m = as_memview(self);
    bool sliced;
    if (key.kind == V_OBJ && value_same(key, ELLIPSIS)) {
        if (m->ndim) return v_obj(view_like(in, m, m->ndim));
        key = v_obj(tuple_new(in, 0));
    }
    int64_t at = find_element(in, m, key, &sliced);
    if (sliced) return v_obj(cut(in, m, as_slice(key)));
    const char *base = at < 0 && throwing(in) ? NULL : memory(in, m, false);
    return base ? element_get(in, m->format, base + at) : FAIL;
}

static bool same_layout(const memview *a, const memview *b)
{
    const char *f = a->format + (a->format[0] == '@'), *g = b->format + (b->format[0] == '@');
    return strcmp(f, g) == 0 && a->ndim == b->ndim &&
           memcmp(a->ext, b->ext, (size_t)a->ndim * sizeof *a->ext) == 0;
}

static bool assign_slice(interp *in, const memview *m, const slice *s, value v)
{
    memview *to = cut(in, m, s), *from = to ? view_of(in, v) : NULL;
    bytes *b = NULL;
    char *at = NULL;
    if (from && m->ndim != 1)
        throw(in, NotImplementedError,
              "memoryview slice assignments are currently restricted to ndim = 1");
    else if (from && !same_layout(to, from))
        throw(in, ValueError, "memoryview assignment: lvalue and rvalue have different structures");
    else if (from && (b = content(in, from)))
        at = memory(in, to, true);
    for (int64_t i = 0; at && i < to->ext[0]; i++) {
        memcpy(at + i * strides_of(to)[0], b->at + i * to->itemsize, (size_t)to->itemsize);
    }
    obj_unref(in, b);
    obj_unref(in, to);
    obj_unref(in, from);
    return at != NULL;
}

static bool setitem(interp *in, value self, value key, value v)
{
    memview *m = as_memview(self);
    bool sliced;
    if (!check_alive(in, m)) return false;
    if (m->readonly) {
        throw(in, TypeError, "cannot modify read-only memory");
        return false;
    }
    if (is_fail(v)) {
        throw(in, TypeError, "cannot delete memory");
        return false;
    }
    int64_t at = find_element(in, m, key, &sliced);
    if (sliced) return assign_slice(in, m, as_slice(key), v);
    char *base = at < 0 && throwing(in) ? NULL : memory(in, m, true);
    return base && element_set(in, m->format, base + at, v);
}

static int64_t length(interp *in, value self)
{
    memview *m = as_memview(self);
    if (!check_alive(in, m)) return -1;
    if (m->ndim == 0) return THROWN(in, TypeError, "0-dim memory has no length");
    return m->ext[0];
}

static value compare(interp *in, enum cmpop op, value self, value other)
{
    memview *m = as_memview(self), *x = as_memview(other);
    if (op != OP_EQ && op != OP_NE) return value_ref(NOTIMPL);
    if (m == x) return v_bool(op == OP_EQ);
    if (is_fail(m->owner) || (x && is_fail(x->owner))) return v_bool(op == OP_NE);
    if (!x && !type_of(in, other)->buffer) return value_ref(NOTIMPL);
    if (!(x = view_of(in, other))) return FAIL;
    int eq = m->ndim == x->ndim && memcmp(m->ext, x->ext, (size_t)m->ndim * sizeof *m->ext) == 0;
    const char *p = memory(in, m, false), *q = p ? memory(in, x, false) : NULL;
    if (eq && q) {
        value a = list_of_axis(in, m, 0, p), b = list_of_axis(in, x, 0, q);
        eq = is_fail(a) || is_fail(b) ? -1 : value_eq(in, a, b);
        value_unref(in, a);
        value_unref(in, b);
    }
    obj_unref(in, x);
    return !q || eq < 0 ? FAIL : v_bool(eq == (op == OP_EQ));
}

static bool hash(interp *in, value self, uint64_t *out)
{
    memview *m = as_memview(self);
    if (!check_alive(in, m)) return false;
    if (!m->readonly) {
        throw(in, ValueError, "cannot hash writable memoryview object");
        return false;
    }
    if (!strchr("Bbc", m->format[m->format[0] == '@'])) {
        throw(in, ValueError, "memoryview: hashing is restricted to formats 'B', 'b' or 'c'");
        return false;
    }
    bytes *b = content(in, m);
    bool ok = b && value_hash(in, (value){.kind = V_OBJ, .o = &b->hdr}, out);
    obj_unref(in, b);
    return ok;
}

static value repr(interp *in, value self)
{
    const char *what = is_fail(as_memview(self)->owner) ? "released memory" : "memory";
    return v_obj(str_fmt(in, "<%s at 0x%llx>", what, (unsigned long long)(uintptr_t)self.o));
}

static value iter(interp *in, value self)
{
    return check_alive(in, as_memview(self)) ? seq_iter_new(in, self) : FAIL;
}

/* ---- methods ---- */

static value tobytes(interp *in, const value *arg)
{
    str *order = as_str(arg[1]);
    if (order && !str_is(order, "C") && !str_is(order, "A") && !str_is(order, "F"))
        return throw(in, ValueError, "order must be 'C', 'F' or 'A'");
    return v_obj(content(in, as_memview(arg[0])));
}

static value tolist(interp *in, const value *arg)
{
    memview *m = as_memview(arg[0]);
    const char *at = memory(in, m, false);
    return at ? list_of_axis(in, m, 0, at) : FAIL;
}

static value hex(interp *in, const value *arg)
{
    bytes *b = content(in, as_memview(arg[0]));
    value r = b ? bytes_hex(in, (value[]){v_obj(b), arg[1], arg[2]}) : FAIL;
    obj_unref(in, b);
    return r;
}

static value release(interp *in, const value *arg)
{
    let_go(in, as_memview(arg[0]));
    return NONE;
}

static value toreadonly(interp *in, const value *arg)
{
    memview *m = as_memview(arg[0]);
    memview *v = check_alive(in, m) ? view_like(in, m, m->ndim) : NULL;
    if (v) v->readonly = true;
    return v_obj(v);
}

static value enter(interp *in, value self)
{
    return check_alive(in, as_memview(self)) ? value_ref(self) : FAIL;
}

static value leave(interp *in, value self, value exc)
{
    (void)exc;
    let_go(in, as_memview(self));
    return NONE;
}

/* The shape that cast() asks for; its number of axes, -1: an exception is pending. */
static int cast_shape(interp *in, value v, int64_t count, int64_t *shape)
{
    tuple *t = as_list(v) || as_tuple(v) ? tuple_of(in, v) : NULL;
    if (!t) return throwing(in) ? -1 : THROWN(in, TypeError, "shape must be a list or a tuple");
    int64_t n = 1;
    int ndim = t->n > VIEW_DIMS ? -1 : (int)t->n;
    if (ndim < 0) throw(in, ValueError, "memoryview: number of dimensions must not exceed 64");
    for (int i = 0; i < ndim; i++) {
        if (!is_int(t->at[i])) {
            throw(in, TypeError, "memoryview.cast(): elements of shape must be integers");
            ndim = -1;
        } else if (!to_int64(in, t->at[i], &shape[i])) {
            ndim = -1;
        } else if (shape[i] <= 0) {
            throw(in, ValueError, "memoryview.cast(): elements of shape must be integers > 0");
            ndim = -1;
        } else if (__builtin_mul_overflow(n, shape[i], &n))
            n = -1;
    }
    obj_unref(in, t);
    if (ndim >= 0 && n != count)
        return THROWN(in, TypeError, "memoryview: product(shape) * itemsize != buffer size");
    return ndim;
}

static value cast(interp *in, const value *arg)
{
    memview *m = as_memview(arg[0]);
    str *format = as_str(arg[1]);
    int64_t shape[VIEW_DIMS] = {0};
    if (!check_alive(in, m)) return FAIL;
    if (!format) return throw(in, TypeError, "format argument must be a string");
    if (!is_dense(m))
        return throw(in, TypeError, "memoryview: casts are restricted to C-contiguous views");
    int64_t size = format->nbyte < VIEW_FORMAT ? element_size(format->at) : 0;
    if (!size) {
        return throw(in, ValueError,
                     "memoryview: destination format must be a native single "
                     "character format prefixed with an optional '@'");
    }
    if (!strchr("Bbc", m->format[m->format[0] == '@']) &&
        !strchr("Bbc", format->at[format->at[0] == '@']))
        return throw(in, TypeError, "memoryview: cannot cast between two non-byte formats");
    int64_t total = count_of(m) * m->itemsize;
    if (total % size)
        return throw(in, TypeError, "memoryview: length is not a multiple of itemsize");
    shape[0] = total / size;
    int ndim = is_fail(arg[2]) ? 1 : cast_shape(in, arg[2], total / size, shape);
    if (ndim < 0) return FAIL;
    char code[VIEW_FORMAT] = {0};
    memcpy(code, format->at, format->nbyte);
    memview *v = view_new(in, m->owner, ndim, code, size, m->readonly);
    if (!v) return FAIL;
    v->at = m->at;
    for (int i = ndim - 1; i >= 0; i--) {
        v->ext[i] = shape[i];
        v->ext[ndim + i] = size;
        size *= shape[i];
    }
    return v_obj(v);
}

/* ---- properties ---- */

static value axes(interp *in, const memview *m, const int64_t *at)
{
    tuple *t = tuple_new(in, m->ndim);
    for (int i = 0; t && i < m->ndim; i++) t->at[i] = v_int(at[i]);
    return v_obj(t);
}

#define PROPERTY(name, result)                                                                     \
    static value get_##name(interp *in, const value *arg)                                          \
    {                                                                                              \
        const memview *m = as_memview(arg[0]);                                                     \
        return check_alive(in, m) ? (result) : FAIL;                                               \
    }
PROPERTY(obj, value_ref(m->owner))
PROPERTY(nbytes, v_int(count_of(m) * m->itemsize))
PROPERTY(itemsize, v_int(m->itemsize))
PROPERTY(format, v_str(in, m->format))
PROPERTY(ndim, v_int(m->ndim))
PROPERTY(readonly, v_bool(m->readonly))
PROPERTY(shape, axes(in, m, m->ext))
PROPERTY(strides, axes(in, m, strides_of(m)))
PROPERTY(suboffsets, v_obj(tuple_new(in, 0)))
PROPERTY(c_contiguous, v_bool(is_dense(m)))
PROPERTY(f_contiguous, v_bool(is_dense_fortran(m)))
PROPERTY(contiguous, v_bool(is_dense(m) || is_dense_fortran(m)))

static const builtin table[] = {
    {"tobytes(self, /, order='C')", tobytes, "The contents as bytes."},
    {"tolist(self, /)", tolist, "The elements as a list, of lists for each further axis."},
    {"hex(self, /, sep=<unset>, bytes_per_sep=1)", hex, "The bytes as hexadecimal digits."},
    {"cast(self, /, format, shape=<unset>)", cast,
     "The same bytes as elements of another format, or in another shape."},
    {"release(self, /)", release, "Lets go of the object whose memory it shows."},
    {"toreadonly(self, /)", toreadonly, "A view of the same that cannot be written to."},
    {"@property obj", get_obj, "The object whose memory it shows."},
    {"@property nbytes", get_nbytes, "Bytes that the elements take."},
    {"@property itemsize", get_itemsize, "Bytes of one element."},
    {"@property format", get_format, "The elements' format, as in struct."},
    {"@property ndim", get_ndim, "How many axes."},
    {"@property readonly", get_readonly, "Is writing refused?"},
    {"@property shape", get_shape, "The extent along each axis."},
    {"@property strides", get_strides, "Bytes from one element to the next along each axis."},
    {"@property suboffsets", get_suboffsets, "Nothing, ever."},
    {"@property c_contiguous", get_c_contiguous, "Dense, the last axis first?"},
    {"@property f_contiguous", get_f_contiguous, "Dense, the first axis first?"},
    {"@property contiguous", get_contiguous, "Dense?"},
    {0},
};

const type T_memoryview = {
    TYPE_HEAD,
    .name = "memoryview",
    .module = "builtins",
    .doc = "The memory of a bytes-like object, to be read and changed without a copy.",
    .size = sizeof(memview),
    .flags = TYPE_GC | TYPE_SEQUENCE,
    .table = table,
    .drop = drop,
    .visit = visit,
    .make = make,
    .repr = repr,
    .hash = hash,
    .length = length,
    .compare = compare,
    .getitem = getitem,
    .setitem = setitem,
    .iter = iter,
    .enter = enter,
    .exit = leave,
};

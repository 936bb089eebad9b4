/* engine/data/nd_wire.c - blocks as bytes: type, shape, order, then the elements as a segment (of
 * small blocks: in the body).  Axes along which a block repeats itself travel as one element. */
#include <string.h>

#include "engine/base/wire.h"
#include "engine/data/nd.h"
#include "engine/data/nd_wire.h"

enum { SMALL = 1024 };
enum order { ORDER_C, ORDER_F };

/* ---- room for segments ---- */

static void *room_make(size_t n, char **at, err *e)
{
    buf *b = buf_new(n ? n : 1, e);
    if (b) *at = b->data;
    return b;
}

static void room_drop(void *owner)
{
    buf_unref(owner);
}

const wire_room buf_room = {room_make, room_drop};

/* ---- writing ---- */

/* The elements that x has, each once, in a row: a view or a copy. */
static nd *without_repeats(const nd *x, uint32_t *repeats)
{
    int64_t shape[ND_MAXDIM];
    *repeats = 0;
    for (int i = 0; i < x->ndim; i++) {
        bool again = nd_strides(x)[i] == 0 && nd_shape(x)[i] > 1;
        shape[i] = again ? 1 : nd_shape(x)[i];
        *repeats |= (uint32_t)again << i;
    }
    return nd_view(x->b, x->at, nd_type(x), x->ndim, shape, nd_strides(x));
}

bool nd_save(const datum *d, wire_out *w, err *e)
{
    const nd *x = (const nd *)(const void *)d;
    if (x->b->flags & BUF_OBJECTS || x->dtype == DT_object) {
        err_set(e, TypeError, "an array of objects travels as a value, not as a block");
        return false;
    }
    uint32_t repeats;
    nd *once = without_repeats(x, &repeats);
    bool f = once->flags & ND_F && !(once->flags & ND_C);
    nd *turned = f ? nd_transpose(once, NULL) : nd_ref(once);
    nd *flat = nd_contiguous(turned, e);
    datum_unref(turned);
    datum_unref(once);
    if (!flat) return false;
    dtype_of t = nd_type(x);
    wire_u8(w, t.dt);
    wire_u8(w, t.unit);
    wire_u8(w, f ? ORDER_F : ORDER_C);
    wire_u32(w, t.size);
    wire_u32(w, repeats);
    wire_u8(w, x->ndim);
    wire_bytes(w, nd_shape(x), x->ndim * sizeof(int64_t));
    size_t n = nd_bytes(flat);
    if (n <= SMALL)
        wire_bytes(w, flat->at, n);
    else
        wire_segment(w, flat->at, n, &flat->hdr, flat->b);
    datum_unref(flat);
    return true;
}

/* ---- reading ---- */

static bool type_right(dtype_of t)
{
    if (t.dt >= NDTYPE || t.dt == DT_object || t.size > (uint32_t)1 << 30) return false;
    return !dtypes[t.dt].size || t.size == dtypes[t.dt].size;
}

/* The bytes of such a block; false: not a size. */
static bool bytes_of(int ndim, const int64_t *shape, size_t size, size_t *out)
{
    err e = {0};
    *out = size;
    for (int i = 0; i < ndim; i++) {
        if (shape[i] < 0) return false;
        if (!size_mul(*out, (size_t)shape[i], out, &e)) return err_clear(&e), false;
    }
    return *out < PTRDIFF_MAX / 2;
}

static buf *take_elements(wire_in *r, size_t n, err *e)
{
    if (n <= SMALL) {
        const char *s = wire_peek(r, n);
        buf *b = s ? buf_new(n ? n : 1, e) : NULL;
        if (b) memcpy(b->data, s, n);
        return b;
    }
    char *at;
    size_t have;
    buf *b = wire_take_segment(r, &at, &have);
    return b && have == n ? b : buf_unref(b);
}

void *nd_load(wire_in *r, err *e)
{
    dtype_of t = {.dt = (uint8_t)wire_get_u8(r)};
    t.unit = (uint8_t)wire_get_u8(r);
    unsigned order = wire_get_u8(r);
    t.size = wire_get_u32(r);
    uint32_t repeats = wire_get_u32(r);
    int ndim = (int)wire_get_u8(r);
    int64_t shape[ND_MAXDIM], once[ND_MAXDIM], stored[ND_MAXDIM];
    if (ndim > ND_MAXDIM || order > ORDER_F || !type_right(t)) return wire_bad(r, e);
    wire_get(r, shape, (size_t)ndim * sizeof *shape);
    for (int i = 0; i < ndim; i++) once[i] = repeats >> i & 1 ? 1 : shape[i];
    for (int i = 0; i < ndim; i++) stored[order == ORDER_F ? ndim - 1 - i : i] = once[i];
    size_t n, whole;
    if (r->bad || !bytes_of(ndim, shape, 1, &whole) || !bytes_of(ndim, stored, t.size, &n))
        return wire_bad(r, e);
    buf *b = take_elements(r, n, e);
    if (!b) return wire_bad(r, e);
    nd *x = nd_view(b, b->data, t, ndim, stored, NULL);
    buf_unref(b);
    if (order == ORDER_F) {
        nd *y = nd_transpose(x, NULL);
        datum_unref(x);
        x = y;
    }
    if (!repeats) return x;
    nd *y = nd_broadcast(x, ndim, shape, e);
    datum_unref(x);
    return y;
}

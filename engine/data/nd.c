/* engine/data/nd.c - making blocks and views of blocks. */
#include "engine/data/nd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/stop.h"
#include "engine/data/nd_wire.h"

static void drop(datum *d)
{
    nd *x = (nd *)d;
    buf_unref(x->b);
    mem_free(x);
}

static size_t held(const datum *d)
{
    return ((const nd *)d)->b->size;
}

const datum_kind nd_kind = {
    .name = "ndarray", .drop = drop, .bytes = held, .save = nd_save, .load = nd_load};

int64_t nd_count(const nd *x)
{
    return shape_count(x->ndim, x->ext);
}

bool nd_in_c_order(const nd *x)
{
    int64_t last = INT64_MAX;
    for (int k = 0; k < x->ndim; k++) {
        int64_t step = nd_strides(x)[k];
        if (nd_shape(x)[k] == 1) continue;
        if (step <= 0 || step > last) return false;
        last = step;
    }
    return true;
}

bool nd_is_c(const nd *x)
{
    return x->flags & ND_C;
}

/* axes of length 1 have no say; an empty block is contiguous in every order */
uint8_t nd_layout(int ndim, const int64_t *shape, const int64_t *strides, int64_t size)
{
    int64_t c = size, f = size;
    uint8_t flags = ND_C | ND_F;
    for (int i = 0; i < ndim; i++)
        if (shape[i] == 0) return flags;
    for (int i = ndim; i-- > 0;) {
        if (shape[i] == 1) continue;
        if (strides[i] != c) flags &= (uint8_t)~ND_C;
        c *= shape[i];
    }
    for (int i = 0; i < ndim; i++) {
        if (shape[i] == 1) continue;
        if (strides[i] != f) flags &= (uint8_t)~ND_F;
        f *= shape[i];
    }
    return flags;
}

/* takes b */
static nd *wrap(buf *b, char *at, dtype_of t, int ndim, const int64_t *shape,
                const int64_t *strides)
{
    nd *x = mem_alloc(sizeof *x + 2 * (size_t)ndim * sizeof(int64_t));
    datum_init(&x->hdr, &nd_kind);
    x->b = b;
    x->at = at;
    x->dtype = t.dt;
    x->ndim = (uint8_t)ndim;
    x->unit = t.unit;
    x->size = t.size;
    if (ndim) memcpy(x->ext, shape, (size_t)ndim * sizeof *shape);
    if (strides && ndim)
        memcpy(x->ext + ndim, strides, (size_t)ndim * sizeof *strides);
    else
        strides_c(ndim, shape, t.size, x->ext + ndim);
    x->flags = nd_layout(ndim, x->ext, x->ext + ndim, t.size);
    return x;
}

nd *nd_view(buf *b, char *at, dtype_of t, int ndim, const int64_t *shape, const int64_t *strides)
{
    return wrap(buf_ref(b), at, t, ndim, shape, strides);
}

/* numpy's "7.28 TiB" */
static void size_text(double bytes, char *out, size_t n)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    int k = 0;
    while (k < 6 && bytes >= 1024) bytes /= 1024, k++;
    if (k < 6 && k > 0 && bytes >= 1023.5) bytes /= 1024, k++;
    const char *format = k == 0 ? "%.0f %s" : bytes < 999.5 ? "%#.3g %s" : "%.0f. %s";
    snprintf(out, n, format, bytes, units[k]);
}

void *nd_too_large(dtype_of t, int ndim, const int64_t *shape, double bytes, err *e)
{
    char size[40], extents[400], name[32], most[160] = "";
    size_text(bytes, size, sizeof size);
    if (bytes > (double)buf_most()) {
        strcpy(most, "; memory_limit is ");
        size_text((double)buf_most(), most + strlen(most), 40);
    } else if (bytes + (double)buf_live() > (double)buf_wall_most()) {
        strcpy(most, " beside ");
        size_text((double)buf_live(), most + strlen(most), 40);
        strcat(most, " in use: memory_limit leaves no more; smaller chunks or "
                     "partitions need less");
    } else
        strcpy(most, mem_reason());
    shape_text(ndim, shape, extents, sizeof extents);
    dtype_name(t, name);
    return err_set(e, MemoryError,
                   "Unable to allocate %s for an array with shape %s and data type %s%s", size,
                   extents, name, most);
}

static bool bytes_needed(dtype_of t, int ndim, const int64_t *shape, size_t *out, err *e)
{
    size_t bytes = t.size;
    bool big = false, empty = false;
    if (ndim > ND_MAXDIM)
        return err_set(e, ValueError, "maximum supported dimension for an ndarray is %d, found %d",
                       ND_MAXDIM, ndim);
    for (int i = 0; i < ndim; i++) {
        if (shape[i] < 0) return err_set(e, ValueError, "negative dimensions are not allowed");
        if (shape[i] == 0)
            empty = true;
        else
            big |= __builtin_mul_overflow(bytes, (size_t)shape[i], &bytes);
    }
    if (big || bytes > PTRDIFF_MAX)
        return err_set(e, ValueError,
                       "array is too big; `arr.size * arr.dtype.itemsize` is larger than the "
                       "maximum possible size.");
    *out = empty ? 0 : bytes;
    return true;
}

static nd *make(dtype_of t, int ndim, const int64_t *shape, buf *(*new)(size_t, err *), err *e)
{
    size_t bytes = 0;
    t.swapped = false;
    if (!bytes_needed(t, ndim, shape, &bytes, e)) return NULL;
    err own = {0};
    if (bytes > buf_most()) return nd_too_large(t, ndim, shape, (double)bytes, e);
    buf *b =
        t.dt == DT_object ? buf_objects(bytes / sizeof(objcell), NULL, &own) : new (bytes, &own);
    if (b) return wrap(b, b->data, t, ndim, shape, NULL);
    err_clear(&own);
    return nd_too_large(t, ndim, shape, (double)bytes, e);
}

nd *nd_new(dtype_of t, int ndim, const int64_t *shape, err *e)
{
    return make(t, ndim, shape, buf_new, e);
}

nd *nd_zero(dtype_of t, int ndim, const int64_t *shape, err *e)
{
    return make(t, ndim, shape, buf_zero, e);
}

nd *nd_growing(dtype_of t, int ndim, const int64_t *shape, err *e)
{
    return make(t, ndim, shape, buf_growing, e);
}

nd *nd_scalar(enum dtype dt, const void *element)
{
    dtype_of t = dtype_plain(dt);
    buf *b = buf_few(t.size);
    memcpy(b->data, element, t.size);
    nd *x = nd_view(b, b->data, t, 0, NULL, NULL);
    buf_unref(b);
    return x;
}

nd *nd_ints(int64_t n)
{
    buf *b = buf_few((size_t)n * sizeof(int64_t));
    nd *x = nd_view(b, b->data, dtype_plain(DT_int64), 1, &n, NULL);
    buf_unref(b);
    return x;
}

void nd_copy_into(nd *dst, const nd *src)
{
    const cell_ops *ops = NULL;
    if (dst->dtype == DT_object) {
        ops = buf_cells(src->b);
        if (!ops) return; /* nothing was ever stored in src */
        buf_hold(dst->b, ops);
    }
    strided_copy(dst->ndim, nd_shape(dst), dst->at, nd_strides(dst), src->at, nd_strides(src),
                 dst->size, ops);
}

bool nd_fill_from(nd *dst, const nd *src, err *e)
{
    enum { LONG = 4 << 20 }; /* bytes: between two looks whether to go on */
    size_t bytes = nd_bytes(dst);
    int64_t shape[ND_MAXDIM], n = dst->ndim ? nd_shape(dst)[0] : 1, some = n;
    while (some > 1 && bytes / (size_t)n * (size_t)some > LONG) some /= 2;
    if (some == n) {
        nd_copy_into(dst, src);
        return true;
    }
    memcpy(shape, nd_shape(dst), (size_t)dst->ndim * sizeof *shape);
    bool ok = true;
    for (int64_t i = 0; ok && i < n; i += some) {
        shape[0] = n - i < some ? n - i : some;
        nd *to = nd_view(dst->b, dst->at + i * nd_strides(dst)[0], nd_type(dst), dst->ndim, shape,
                         nd_strides(dst));
        nd *from = nd_view(src->b, src->at + i * nd_strides(src)[0], nd_type(src), src->ndim, shape,
                           nd_strides(src));
        nd_copy_into(to, from);
        datum_unref(to);
        datum_unref(from);
        ok = stop_check(e);
    }
    return ok;
}

nd *nd_copy(const nd *x, err *e)
{
    nd *y = nd_new(nd_type(x), x->ndim, nd_shape(x), e);
    return y && nd_fill_from(y, x, e) ? y : datum_unref(y);
}

nd *nd_contiguous(const nd *x, err *e)
{
    return nd_is_c(x) ? nd_ref(x) : nd_copy(x, e);
}

nd *nd_broadcast(const nd *x, int ndim, const int64_t *shape, err *e)
{
    int64_t strides[ND_MAXDIM] = {0};
    int lead = ndim - x->ndim;
    bool fits = lead >= 0;
    for (int i = 0; fits && i < x->ndim; i++) {
        int64_t n = nd_shape(x)[i];
        if (n == shape[lead + i])
            strides[lead + i] = nd_strides(x)[i];
        else
            fits = n == 1;
    }
    if (fits) return nd_view(x->b, x->at, nd_type(x), ndim, shape, strides);
    char from[400], to[400];
    shape_text_tight(x->ndim, nd_shape(x), from, sizeof from);
    shape_text_tight(ndim, shape, to, sizeof to);
    return err_set(e, ValueError, "could not broadcast input array from shape %s into shape %s",
                   from, to);
}

nd *nd_transpose(const nd *x, const int *perm)
{
    int64_t shape[ND_MAXDIM], strides[ND_MAXDIM];
    for (int i = 0; i < x->ndim; i++) {
        int j = perm ? perm[i] : x->ndim - 1 - i;
        shape[i] = nd_shape(x)[j];
        strides[i] = nd_strides(x)[j];
    }
    return nd_view(x->b, x->at, nd_type(x), x->ndim, shape, strides);
}

/* Strides of the new shape over the same memory, or false.  Groups of old axes that merge into
 * one run are matched with groups of new axes of the same size. */
static bool reshape_strides(const nd *x, int ndim, const int64_t *shape, int64_t *strides)
{
    int64_t oldn[ND_MAXDIM], olds[ND_MAXDIM];
    int nold = 0;
    for (int i = 0; i < x->ndim; i++)
        if (nd_shape(x)[i] != 1) oldn[nold] = nd_shape(x)[i], olds[nold++] = nd_strides(x)[i];
    int oi = 0, ni = 0;
    while (oi < nold && ni < ndim) {
        int oj = oi + 1, nj = ni + 1;
        int64_t on = oldn[oi], nn = shape[ni];
        while (on != nn)
            if (nn < on)
                nn *= shape[nj++];
            else
                on *= oldn[oj++];
        for (int k = oi; k < oj - 1; k++)
            if (olds[k] != oldn[k + 1] * olds[k + 1]) return false;
        strides[nj - 1] = olds[oj - 1];
        for (int k = nj - 1; k > ni; k--) strides[k - 1] = strides[k] * shape[k];
        oi = oj;
        ni = nj;
    }
    int64_t last = ni ? strides[ni - 1] : (int64_t)x->size;
    for (; ni < ndim; ni++) strides[ni] = last;
    return true;
}

nd *nd_reshape(const nd *x, int ndim, const int64_t *shape, err *e)
{
    int64_t to[ND_MAXDIM], strides[ND_MAXDIM];
    if (ndim > ND_MAXDIM)
        return err_set(e, ValueError, "maximum supported dimension for an ndarray is %d, found %d",
                       ND_MAXDIM, ndim);
    if (!shape_resolve(nd_count(x), ndim, shape, to, e)) return NULL;
    if (nd_is_c(x)) return nd_view(x->b, x->at, nd_type(x), ndim, to, NULL);
    if (reshape_strides(x, ndim, to, strides))
        return nd_view(x->b, x->at, nd_type(x), ndim, to, strides);
    nd *copy = nd_copy(x, e);
    if (!copy) return NULL;
    nd *y = nd_view(copy->b, copy->at, nd_type(x), ndim, to, NULL);
    datum_unref(copy);
    return y;
}

/* stdlib/h5py/text.c - variable-length strings: texts of a file, and object arrays.
 *
 * A dataset of text gives arrays of bytes, which keep the encoding as a note in their dtype, so
 * that they can be stored again. */
#include <string.h>

#include "engine/base/mem.h"
#include "lang/types/bytes.h"
#include "stdlib/h5py/h5py.h"

static h5type special_type(dtype_of t)
{
    h5type r = {.t = dtype_plain(DT_object), .text = H5_OTHER, .other = "reference"};
    r.special = t.unit == NOTE_REFERENCE    ? H5_REFERENCE
                : t.unit == NOTE_REFERENCES ? H5_REFERENCES
                                            : H5_SEQUENCE;
    if (r.special == H5_SEQUENCE) r.base = dtype_plain((enum dtype)(t.unit - NOTE_SEQUENCE));
    return r;
}

h5type h5_type_of_dtype(dtype_of t)
{
    if (t.dt == DT_object && t.unit >= NOTE_REFERENCE) return special_type(t);
    if (t.dt == DT_object && t.unit) return h5_type_text(t.unit == TEXT_UTF8);
    h5type r = h5_type_of(t);
    r.utf8 = t.dt == DT_bytes && t.unit == TEXT_UTF8;
    return r;
}

dtype_of dtype_of_h5(const h5type *t)
{
    dtype_of r = t->special ? dtype_plain(DT_object) : t->t;
    if (t->special)
        r.unit = t->special == H5_REFERENCE    ? NOTE_REFERENCE
                 : t->special == H5_REFERENCES ? NOTE_REFERENCES
                                               : (uint8_t)(NOTE_SEQUENCE + t->base.dt);
    if (t->text == H5_VARIABLE) r.unit = t->utf8 ? TEXT_UTF8 : TEXT_ASCII;
    if (t->text == H5_FIXED && t->utf8) r.unit = TEXT_UTF8;
    if (!t->special && dtype_is_float(r.dt)) r.unit = NOTE_ORDER; /* as h5py makes them */
    return r;
}

/* the bytes of a str or bytes, lent */
static const char *text_peek(value v, size_t *n)
{
    str *s = as_str(v);
    if (s) return *n = s->nbyte, s->at;
    return bytes_peek(v, n);
}

static const objcell *cells_of(const nd *x)
{
    return (const objcell *)(const void *)x->at;
}

static bool measure(interp *in, const nd *x, size_t *total)
{
    size_t n = (size_t)nd_count(x), len;
    *total = 0;
    for (size_t i = 0; i < n; i++) {
        if (!text_peek(cell_value(&cells_of(x)[i]), &len)) {
            return THROW0(in, TypeError, "Can't implicitly convert non-string objects to strings");
        }
        *total += len;
    }
    return true;
}

bool texts_of(interp *in, const nd *x, h5texts *out)
{
    err e = {0};
    size_t n = (size_t)nd_count(x), total, len;
    *out = (h5texts){0};
    nd *flat = nd_contiguous(x, &e);
    if (!flat) return throw_err(in, &e), false;
    bool ok = measure(in, flat, &total);
    if (ok) {
        out->n = n;
        out->bytes = try_alloc(total + 1, &e);
        out->start = try_alloc((n + 1) * sizeof *out->start, &e);
        ok = out->bytes && out->start;
        if (!ok) throw_err(in, &e);
    }
    for (size_t i = 0, at = 0; ok && i <= n; i++) {
        out->start[i] = at;
        if (i == n) break;
        const char *s = text_peek(cell_value(&cells_of(flat)[i]), &len);
        memcpy(out->bytes + at, s, len);
        at += len;
    }
    datum_unref(flat);
    if (!ok) h5_texts_clear(out);
    return ok;
}

nd *texts_block(interp *in, const h5texts *t, int ndim, const int64_t *shape, dtype_of want,
                bool decoded)
{
    err e = {0};
    buf *b = buf_objects(t->n, &object_cells, &e);
    if (!b) return throw_err(in, &e), NULL;
    nd *x = nd_view(b, b->data, want, ndim, shape, NULL);
    buf_unref(b);
    for (size_t i = 0; i < t->n; i++) {
        const char *s = t->bytes + t->start[i];
        size_t n = t->start[i + 1] - t->start[i];
        value v = decoded ? v_obj(bytes_decode(in, s, n, "utf-8", "surrogateescape"))
                          : v_obj(bytes_new(in, s, n));
        if (is_fail(v)) return datum_unref(x);
        ((objcell *)(void *)x->at)[i] = value_cell(v);
        value_unref(in, v);
    }
    return x;
}

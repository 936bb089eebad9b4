/* stdlib/zarr/zarr.c - the module _zarr: arrays in folders (engine/io/zarr.h) for the library in
 * dsk, which reads and writes the .zarray files; and compressors for numcodecs.
 *
 * A codec is a tuple (name, level, shuffle, inner, block), or None; a region three tuples (start,
 * step, count). */
#include "engine/io/zarr.h"

#include <string.h>
#include <sys/stat.h>

#include "engine/base/hash.h"
#include "engine/base/mem.h"
#include "lang/freeze.h"
#include "lang/types/bytes.h"
#include "stdlib/dask/source.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/stdlib.h"

static const int64_t ones[ND_MAXDIM] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

/* ---- handles ---- */

typedef struct handle {
    obj hdr;
    zarr *z; /* owned */
} handle;

static void handle_drop(interp *in, obj *o)
{
    (void)in;
    datum_unref(((handle *)o)->z);
}

/* Any thread may read and write. */
static bool handle_save(freezer *f, obj *o)
{
    freeze_datum(f, (datum *)(void *)((handle *)o)->z);
    return true;
}

static obj *handle_load(thawer *t, const type *cls)
{
    handle *h = obj_new(thawer_interp(t), cls, 0);
    if (h) h->z = datum_ref(thaw_datum(t));
    return (obj *)h;
}

static const crossing handle_cross = {handle_save, handle_load};
static const type T_zarr = {TYPE_HEAD,           .name = "Handle",
                            .module = "_zarr",   .size = sizeof(handle),
                            .drop = handle_drop, .cross = &handle_cross};

static handle *peek_handle(interp *in, value v)
{
    handle *h = (handle *)as_obj(v, &T_zarr);
    return h ? h : THROW0(in, TypeError, "a Zarr array is needed, not '%s'", type_of(in, v)->name);
}

/* ---- arguments ---- */

static bool codec_of(interp *in, value v, codec *out)
{
    tuple *t = as_tuple(v);
    int64_t level, shuffle, block;
    err e = {0};
    *out = (codec){0};
    if (is_none(v)) return true;
    if (!t || t->n != 5 || !as_str(t->at[0]) || !as_str(t->at[3]))
        return THROW0(in, TypeError, "a codec is (name, level, shuffle, inner, block)");
    if (!to_int64(in, t->at[1], &level) || !to_int64(in, t->at[2], &shuffle) ||
        !to_int64(in, t->at[4], &block))
        return false;
    if (!codec_find(as_str(t->at[0])->at, out, &e)) return throw_err(in, &e), false;
    out->level = (int)level;
    out->shuffle = (int)shuffle;
    out->block = (size_t)block;
    const char *inner = as_str(t->at[3])->at;
    if (strlen(inner) >= sizeof out->inner)
        return THROW0(in, ValueError, "no compressor of blosc: '%s'", inner);
    strcpy(out->inner, inner);
    return true;
}

typedef struct region {
    int n[3];
    int64_t at[3][ND_MAXDIM];
    zarr_region r;
} region;

static bool region_of(interp *in, const zarr *z, const value *arg, region *out)
{
    for (int i = 0; i < 3; i++) {
        if (!to_shape(in, arg[i], &out->n[i], out->at[i])) return false;
        if (out->n[i] != zarr_about(z)->ndim)
            return THROW0(in, ValueError, "%d indices for %d dimensions", out->n[i],
                          zarr_about(z)->ndim);
    }
    out->r = (zarr_region){out->at[0], out->at[1], out->at[2]};
    return true;
}

/* ---- functions ---- */

/* open(path, shape, chunks, dtype, order, separator, codec, fill) */
static value z_open(interp *in, const value *arg)
{
    str *path = as_str(arg[0]), *dtype = as_str(arg[3]), *order = as_str(arg[4]);
    str *separator = as_str(arg[5]);
    zarr_spec s = {0};
    int nchunk;
    err e = {0};
    if (!path || !dtype || !order || !separator)
        return throw(in, TypeError, "path, dtype, order and separator are texts");
    if (!to_shape(in, arg[1], &s.ndim, s.shape) || !to_shape(in, arg[2], &nchunk, s.chunk) ||
        !codec_of(in, arg[6], &s.codec))
        return FAIL;
    if (nchunk != s.ndim)
        return throw(in, ValueError, "%d chunk sizes for %d dimensions", nchunk, s.ndim);
    if (!dtype_parse(dtype->at, &s.t, &e)) return throw_err(in, &e);
    if (s.t.dt == DT_object)
        return throw(in, NotImplementedError, "Zarr arrays of objects are not supported");
    s.fortran = str_is(order, "F");
    s.separator = *separator->at;
    dtype_of plain = s.t;
    plain.swapped = false;
    nd *fill = is_none(arg[7]) ? NULL : to_nd(in, arg[7], plain);
    if (!fill && throwing(in)) return FAIL;
    s.fill = fill;
    zarr *z = zarr_new(path->at, &s, &e);
    datum_unref(fill);
    if (!z) return throw_err(in, &e);
    handle *h = obj_new(in, &T_zarr, 0);
    if (!h) return datum_unref(z), FAIL;
    h->z = z;
    return v_obj(h);
}

static value z_read(interp *in, const value *arg)
{
    handle *h = peek_handle(in, arg[0]);
    region r;
    err e = {0};
    if (!h || !region_of(in, h->z, arg + 1, &r)) return FAIL;
    return array_wrap(in, zarr_read(h->z, &r.r, &e), &e);
}

/* write(array, start, step, count, x): x is broadcast to the region */
static value z_write(interp *in, const value *arg)
{
    handle *h = peek_handle(in, arg[0]);
    region r;
    err e = {0};
    if (!h || !region_of(in, h->z, arg + 1, &r)) return FAIL;
    dtype_of t = zarr_about(h->z)->t;
    t.swapped = false;
    nd *x = to_nd(in, arg[4], t);
    if (!x) return FAIL;
    nd *all = nd_broadcast(x, r.n[2], r.at[2], &e);
    bool ok = all && zarr_write(h->z, &r.r, all, &e);
    datum_unref(all);
    datum_unref(x);
    return ok ? NONE : throw_err(in, &e);
}

/* ---- as sources and sinks of lazy arrays ---- */

typedef struct zarr_source {
    source s;
    zarr *z;
} zarr_source;

static nd *source_read(const source *s, const int64_t *start, const int64_t *count, err *e)
{
    return zarr_read(((const zarr_source *)(const void *)s)->z, &(zarr_region){start, ones, count},
                     e);
}

static bool source_read_into(const source *s, const int64_t *start, const int64_t *count,
                             const nd *out, err *e)
{
    return zarr_read_into(((const zarr_source *)(const void *)s)->z,
                          &(zarr_region){start, ones, count}, out, e);
}

static void source_drop(source *s)
{
    datum_unref(((zarr_source *)(void *)s)->z);
}

static const source_kind zarr_source_kind = {
    .name = "Zarr array", .read = source_read, .drop = source_drop, .read_into = source_read_into};

/* Names of arrays over it tell its folder, and when that was last changed. */
static hash128 identity(const zarr *z)
{
    struct stat st = {0};
    hash128 path = hash128_bytes(zarr_path(z), strlen(zarr_path(z)));
    stat(zarr_path(z), &st);
    uint64_t what[4];
    memcpy(what, &path, sizeof path);
    what[2] = (uint64_t)st.st_mtim.tv_sec;
    what[3] = (uint64_t)st.st_mtim.tv_nsec;
    return hash128_bytes(what, sizeof what);
}

static value z_source(interp *in, const value *arg)
{
    handle *h = peek_handle(in, arg[0]);
    source_obj *o = h ? obj_new(in, &T_source, 0) : NULL;
    if (!o) return FAIL;
    zarr_source *s = mem_zero(sizeof *s);
    source_init(&s->s, &zarr_source_kind);
    s->s.whole = true;
    s->z = datum_ref(h->z);
    o->s = &s->s;
    o->id = identity(h->z);
    return v_obj(o);
}

typedef struct zarr_sink {
    sink s;
    zarr *z;
} zarr_sink;

static bool sink_write(sink *s, const int64_t *start, const nd *block, err *e)
{
    zarr *z = ((zarr_sink *)(void *)s)->z;
    dtype_of t = zarr_about(z)->t;
    t.swapped = false;
    nd *x = nd_cast(block, t, 'u', e);
    bool ok = x && zarr_write(z, &(zarr_region){start, ones, nd_shape(x)}, x, e);
    datum_unref(x);
    return ok;
}

static void sink_drop(sink *s)
{
    datum_unref(((zarr_sink *)(void *)s)->z);
}

static const sink_kind zarr_sink_kind = {"Zarr array", sink_write, sink_drop};

static value z_sink(interp *in, const value *arg)
{
    handle *h = peek_handle(in, arg[0]);
    sink_obj *o = h ? obj_new(in, &T_sink, 0) : NULL;
    if (!o) return FAIL;
    zarr_sink *s = mem_zero(sizeof *s);
    sink_init(&s->s, &zarr_sink_kind);
    s->s.copies = zarr_about(h->z)->codec.kind ? 2 : 1;
    s->z = datum_ref(h->z);
    o->s = &s->s;
    return v_obj(o);
}

/* ---- compressors ---- */

static value bytes_value(interp *in, buf *b, size_t n, err *e)
{
    if (!b) return throw_err(in, e);
    bytes *r = bytes_new(in, b->data, n);
    buf_unref(b);
    return r ? v_obj(r) : FAIL;
}

/* encode(codec, itemsize, bytes) */
static value z_encode(interp *in, const value *arg)
{
    codec c;
    bytes *b = as_bytes(arg[2]);
    int64_t size;
    size_t n = 0;
    err e = {0};
    if (!codec_of(in, arg[0], &c) || !to_int64(in, arg[1], &size)) return FAIL;
    if (!b) return throw(in, TypeError, "bytes are needed, not '%s'", type_of(in, arg[2])->name);
    buf *made = codec_pack(&c, (size_t)size, b->at, b->n, &n, &e);
    return bytes_value(in, made, n, &e);
}

static value z_decode(interp *in, const value *arg)
{
    codec c;
    bytes *b = as_bytes(arg[1]);
    size_t n = 0;
    err e = {0};
    if (!codec_of(in, arg[0], &c)) return FAIL;
    if (!b) return throw(in, TypeError, "bytes are needed, not '%s'", type_of(in, arg[1])->name);
    buf *made = codec_unpack_all(&c, b->at, b->n, &n, &e);
    return bytes_value(in, made, n, &e);
}

static const builtin table[] = {
    {"open(path, shape, chunks, dtype, order, separator, codec, fill)", z_open, NULL},
    {"read(array, start, step, count)", z_read, NULL},
    {"write(array, start, step, count, x)", z_write, NULL},
    {"source(array)", z_source, "What lazy arrays read from."},
    {"sink(array)", z_sink, "What lazy arrays are stored into."},
    {"encode(codec, itemsize, data)", z_encode, NULL},
    {"decode(codec, data)", z_decode, NULL},
    {0},
};

const module_def zarr_def = {"_zarr", "The part of zarr that is written in C.", table, NULL};

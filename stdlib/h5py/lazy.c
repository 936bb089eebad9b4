/* stdlib/h5py/lazy.c - datasets as sources and sinks of lazy arrays.
 *
 * Blocks are read and written by whatever thread runs the task; the engine's HDF5 layer takes the
 * locks that this needs. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/hash.h"
#include "engine/base/mem.h"
#include "stdlib/dask/source.h"
#include "stdlib/h5py/h5py.h"

/* ---- sources ---- */

typedef struct h5_source {
    source s;
    h5obj *x;
} h5_source;

static const int64_t ones[ND_MAXDIM] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

/* An opened dataset may have been resized or deleted since: the engine checks the region. */
static nd *source_read(const source *s, const int64_t *start, const int64_t *count, err *e)
{
    h5obj *x = ((const h5_source *)(const void *)s)->x;
    h5info i;
    if (!h5_info(x, &i, e)) return NULL;
    return h5_read(x, &(h5region){i.ndim, start, ones, count}, e);
}

static bool source_read_into(const source *s, const int64_t *start, const int64_t *count,
                             const nd *out, err *e)
{
    h5obj *x = ((const h5_source *)(const void *)s)->x;
    return h5_read_into(x, &(h5region){out->ndim, start, ones, count}, out, e);
}

static void source_drop(source *s)
{
    datum_unref(((h5_source *)(void *)s)->x);
}

static datum *source_object(const source *s)
{
    return (datum *)(void *)((const h5_source *)(const void *)s)->x;
}

static const source_kind h5_source_kind = {.of = source_object,
                                           .name = "HDF5 dataset",
                                           .read = source_read,
                                           .drop = source_drop,
                                           .divisible = true,
                                           .read_into = source_read_into};

/* The same dataset in the same state: the same names of arrays over it. */
static bool identity(h5obj *x, hash128 *id, err *e)
{
    struct {
        uint64_t key[2], version, path[2];
        int64_t seconds, nanoseconds;
    } what = {.version = h5_version(x)};
    struct stat st = {0};
    if (stat(h5_path(x), &st) == 0) {
        what.seconds = st.st_mtim.tv_sec;
        what.nanoseconds = st.st_mtim.tv_nsec;
    }
    char *full = realpath(h5_path(x), NULL);
    hash128 path = hash128_bytes(full ? full : h5_path(x), strlen(full ? full : h5_path(x)));
    free(full);
    TRY(h5_key(x, what.key, e));
    what.key[0] = 0; /* the library numbers a file anew each time it is opened */
    memcpy(what.path, &path, sizeof what.path);
    *id = hash128_bytes(&what, sizeof what);
    return true;
}

source *h5_source_of(h5obj *x)
{
    h5info i;
    err e = {0};
    bool known = h5_info(x, &i, &e);
    h5_source *s = mem_zero(sizeof *s);
    source_init(&s->s, &h5_source_kind);
    s->s.whole = known && (i.compression || i.shuffle || i.fletcher32);
    s->x = datum_ref(x);
    err_clear(&e);
    return &s->s;
}

static value l_source(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    h5info i;
    err e = {0};
    hash128 id;
    if (!x) return FAIL;
    if (!h5_info(x, &i, &e) || !identity(x, &id, &e)) return throw_err(in, &e);
    if (i.empty || i.type.text == H5_VARIABLE || i.type.t.swapped) return NONE;
    source_obj *o = obj_new(in, &T_source, 0);
    if (!o) return FAIL;
    o->s = h5_source_of(x);
    o->id = id;
    return v_obj(o);
}

/* ---- sinks ---- */

typedef struct h5_sink {
    sink s;
    h5obj *x;
} h5_sink;

static bool sink_write(sink *s, const int64_t *start, const nd *block, err *e)
{
    h5region r = {block->ndim, start, ones, nd_shape(block)};
    return nd_count(block) == 0 || h5_write(((h5_sink *)(void *)s)->x, &r, block, e);
}

static void sink_drop(sink *s)
{
    datum_unref(((h5_sink *)(void *)s)->x);
}

static const sink_kind h5_sink_kind = {"HDF5 dataset", sink_write, sink_drop};

static value l_sink(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    h5info i;
    err e = {0};
    if (!x) return FAIL;
    if (!h5_info(x, &i, &e)) return throw_err(in, &e);
    if (i.empty || i.type.text == H5_VARIABLE) return NONE;
    sink_obj *o = obj_new(in, &T_sink, 0);
    if (!o) return FAIL;
    h5_sink *s = mem_zero(sizeof *s);
    sink_init(&s->s, &h5_sink_kind);
    s->s.copies = h5_is_packed(x) ? 2 : 1;
    s->x = datum_ref(x);
    o->s = &s->s;
    return v_obj(o);
}

const builtin h5_lazy_functions[] = {
    {"source(dataset)", l_source, "What lazy arrays read from, or None when only this thread can."},
    {"sink(dataset)", l_sink, "What lazy arrays are stored into, or None."},
    {0},
};

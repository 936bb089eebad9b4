/* stdlib/h5py/chunk.c - chunks as they lie in the file, scales, types under names.
 */
#include "lang/types/bytes.h"
#include "stdlib/h5py/h5py.h"

/* (offset, mask, address or None, size) */
static value chunk_value(interp *in, int ndim, const h5chunk *c)
{
    return v_obj(tuple_pack(in, 4, v_obj(shape_tuple(in, ndim, c->offset)), v_int(c->mask),
                            c->address < 0 ? NONE : v_int(c->address), v_int(c->size)));
}

static value c_count(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    err e = {0};
    int64_t n = x ? h5_chunk_count(x, &e) : -1;
    if (!x) return FAIL;
    return n < 0 ? throw_err(in, &e) : v_int(n);
}

static value c_number(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    int64_t i;
    h5info about;
    h5chunk c = {0};
    err e = {0};
    if (!x || !to_int64(in, arg[1], &i)) return FAIL;
    if (!h5_info(x, &about, &e) || !h5_chunk_number(x, i, &c, &e)) return throw_err(in, &e);
    return chunk_value(in, about.ndim, &c);
}

/* the dataset and the offset that most functions begin with */
static bool begin(interp *in, const value *arg, h5obj **x, int *ndim, int64_t *offset)
{
    *x = peek_h5(in, arg[0]);
    return *x && to_shape(in, arg[1], ndim, offset);
}

static value c_at(interp *in, const value *arg)
{
    h5obj *x;
    int ndim;
    int64_t offset[ND_MAXDIM];
    h5chunk c = {0};
    err e = {0};
    if (!begin(in, arg, &x, &ndim, offset)) return FAIL;
    if (!h5_chunk_at(x, ndim, offset, &c, &e)) return throw_err(in, &e);
    return chunk_value(in, ndim, &c);
}

/* (mask, bytes) */
static value c_read(interp *in, const value *arg)
{
    h5obj *x;
    int ndim;
    int64_t offset[ND_MAXDIM];
    size_t n;
    unsigned mask;
    err e = {0};
    if (!begin(in, arg, &x, &ndim, offset)) return FAIL;
    buf *b = h5_chunk_read(x, ndim, offset, &n, &mask, &e);
    if (!b) return throw_err(in, &e);
    value r = v_obj(tuple_pack(in, 2, v_int(mask), v_obj(bytes_new(in, b->data, n))));
    buf_unref(b);
    return r;
}

static value c_write(interp *in, const value *arg)
{
    h5obj *x;
    int ndim;
    int64_t offset[ND_MAXDIM], mask;
    bytes *b = as_bytes(arg[2]);
    err e = {0};
    if (!begin(in, arg, &x, &ndim, offset) || !to_int64(in, arg[3], &mask)) return FAIL;
    if (!b) return throw(in, TypeError, "bytes are needed, not '%s'", type_of(in, arg[2])->name);
    return done_or_throw(in, h5_chunk_write(x, ndim, offset, (unsigned)mask, b->at, b->n, &e), &e);
}

static value c_refresh(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    err e = {0};
    return x ? done_or_throw(in, h5_refresh(x, &e), &e) : FAIL;
}

static value s_make(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    const char *name = x ? peek_text(in, arg[1]) : NULL;
    err e = {0};
    return name ? done_or_throw(in, h5_scale_make(x, name, &e), &e) : FAIL;
}

/* scale_tie(dataset, scale, axis, tie) */
static value s_tie(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]), *scale = x ? peek_h5(in, arg[1]) : NULL;
    int64_t axis;
    int tie = value_truth(in, arg[3]);
    err e = {0};
    if (!scale || !to_int64(in, arg[2], &axis) || tie < 0) return FAIL;
    return done_or_throw(in, h5_scale_tie(x, scale, (int)axis, tie, &e), &e);
}

static value t_commit(interp *in, const value *arg)
{
    h5obj *at = peek_h5(in, arg[0]);
    const char *name = at ? peek_text(in, arg[1]) : NULL;
    dtype_of t = dtype_plain(DT_float64);
    err e = {0};
    if (!name || !to_dtype(in, arg[2], &t)) return FAIL;
    h5type stored = h5_type_of_dtype(t);
    return wrap_h5(in, h5_commit(at, name, &stored, &e), &e);
}

static value t_named(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    h5type t;
    err e = {0};
    if (!x) return FAIL;
    if (!h5_type_of_named(x, &t, &e)) return throw_err(in, &e);
    if (t.text == H5_OTHER)
        return throw(in, NotImplementedError, "HDF5 %s types are not supported", t.other);
    return dtype_value(in, dtype_of_h5(&t));
}

const builtin h5_chunk_functions[] = {
    {"chunk_count(dataset)", c_count, NULL},
    {"chunk_number(dataset, index)", c_number, NULL},
    {"chunk_at(dataset, offset)", c_at, NULL},
    {"chunk_read(dataset, offset)", c_read, NULL},
    {"chunk_write(dataset, offset, data, mask=0)", c_write, NULL},
    {"refresh(dataset)", c_refresh, NULL},
    {"scale_make(dataset, name)", s_make, NULL},
    {"scale_tie(dataset, scale, axis, tie)", s_tie, NULL},
    {"commit(group, name, dtype)", t_commit, "A dtype under a name."},
    {"named_dtype(x)", t_named, NULL},
    {0},
};

/* stdlib/numpy/mapped.c - numpy.memmap: arrays that are parts of files.
 *
 * Which part, and whether the file may be made or grow, numpy/_files.dsk finds out.  A view of
 * such an array is one, too. */
#include "stdlib/numpy/mapped.h"

#include "engine/io/npy.h"
#include "stdlib/numpy/parts.h"

/* --- made by _files._memmap --- */

value memmap_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    (void)cls;
    value files = interp_import(in, "numpy._files");
    value make = is_fail(files) ? FAIL : value_getattr_c(in, files, "_memmap");
    value r = is_fail(make) ? FAIL : value_call(in, make, arg, npos, kwnames);
    value_unref(in, make);
    value_unref(in, files);
    return r;
}

static const char *const modes[] = {
    [MAP_TO_READ] = "r", [MAP_TO_WRITE] = "r+", [MAP_TO_MAKE] = "w+", [MAP_TO_COPY] = "c"};

static bool to_how(interp *in, value mode, enum map_how *out)
{
    str *s = as_str(mode);
    for (size_t k = 0; s && k < sizeof modes / sizeof *modes; k++)
        if (str_is(s, modes[k])) return *out = (enum map_how)k, true;
    return throw(in, ValueError, "not a mode of a mapped file"), false;
}

static value as_memmap(interp *in, nd *x, err *e)
{
    value v = array_wrap(in, x, e);
    ndarray *a = as_ndarray(v);
    if (a) a->hdr.type = &T_memmap;
    return v;
}

/* _map(path, mode, offset, dtype, shape, fortran) */
static value f_map(interp *in, const value *arg)
{
    str *path = as_str(arg[0]);
    int64_t offset, shape[ND_MAXDIM], strides[ND_MAXDIM];
    int ndim;
    dtype_of t = dtype_plain(DT_uint8);
    enum map_how how;
    err e = {0};
    if (!path || !to_how(in, arg[1], &how) || !to_int64(in, arg[2], &offset) ||
        !to_dtype(in, arg[3], &t) || !to_shape(in, arg[4], &ndim, shape))
        return throwing(in) ? FAIL : throw(in, TypeError, "expected a path");
    if (t.dt == DT_object) return throw(in, ValueError, "cannot map an array of Python objects");
    buf *b = file_map_native(path->at, how, (uint64_t)offset,
                             (size_t)shape_count(ndim, shape) * t.size, t, &e);
    if (!b) return throw_err(in, &e);
    if (value_truth(in, arg[5]) == 1)
        strides_f(ndim, shape, t.size, strides);
    else
        strides_c(ndim, shape, t.size, strides);
    nd *x = nd_view(b, b->data, t, ndim, shape, strides);
    buf_unref(b);
    return as_memmap(in, x, &e);
}

/* _load_mapped(path, mode) */
static value f_load_mapped(interp *in, const value *arg)
{
    str *path = as_str(arg[0]);
    err e = {0};
    enum map_how how;
    if (!path || !to_how(in, arg[1], &how))
        return throwing(in) ? FAIL : throw(in, TypeError, "expected a path");
    return as_memmap(in, npy_map(path->at, how, &e), &e);
}

const builtin numpy_map_functions[] = {
    {"_map(path, mode, offset, dtype, shape, fortran)", f_map, NULL},
    {"_load_mapped(path, mode)", f_load_mapped, NULL},
    {0},
};

/* --- what it can --- */

static value m_flush(interp *in, const value *arg)
{
    ndarray *a = as_ndarray(arg[0]);
    err e = {0};
    array_peek(a);
    return file_map_flush(a->s->b, &e) ? NONE : throw_err(in, &e);
}

/* NULL: a copy, of no file */
static const mapping *about(value self)
{
    ndarray *a = as_ndarray(self);
    array_peek(a);
    return mapping_of(a->s->b);
}

static value m_filename(interp *in, const value *arg)
{
    const mapping *m = about(arg[0]);
    return m ? v_str(in, m->path) : NONE;
}

static value m_mode(interp *in, const value *arg)
{
    const mapping *m = about(arg[0]);
    return m ? v_str(in, modes[m->how]) : NONE;
}

static value m_offset(interp *in, const value *arg)
{
    const mapping *m = about(arg[0]);
    (void)in;
    return m ? v_int((int64_t)m->offset) : NONE;
}

const builtin memmap_methods[] = {
    {"flush(self)", m_flush, "Waits until what was written is on the disk."},
    {"@property filename", m_filename, "Path of the file."},
    {"@property mode", m_mode, "How it was opened."},
    {"@property offset", m_offset, "Where in the file the first element is."},
    {0},
};

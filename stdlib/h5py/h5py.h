/* stdlib/h5py/h5py.h - handles of the language over the engine's HDF5 objects.
 *
 * The module _h5py is one function for each function of engine/io/hdf5.h; the classes that users
 * see (File, Group, Dataset, ...) are written in dsk over it. */
#pragma once

#include "engine/io/hdf5.h"
#include "stdlib/numpy/numpy.h"

typedef struct handle {
    obj hdr;
    h5obj *x; /* owned */
} handle;

extern const type T_handle;

/* The object behind a handle, borrowed; TypeError. */
/* What lazy arrays over a dataset read from. */
struct source *h5_source_of(h5obj *x);
h5obj *peek_h5(interp *in, value v);
/* A handle that takes x; NULL throws e. */
value wrap_h5(interp *in, h5obj *x, err *e);
/* A str as a C string, borrowed; TypeError. */
const char *peek_text(interp *in, value v);
/* None when ok, else throws e */
value done_or_throw(interp *in, bool ok, err *e);

/* start, step, count; None for start: all of it. */
typedef struct region {
    int n;
    int64_t start[ND_MAXDIM], step[ND_MAXDIM], count[ND_MAXDIM];
    h5region r, *p; /* p NULL: everything */
} region;
bool region_of(interp *in, const value *arg, region *out);

/* ---- long.c: as the functions of the engine; false or NULL without a reason in e:
 * KeyboardInterrupt is pending ---- */

h5obj *long_open(interp *in, const char *path, const char *mode, const h5opening *how, err *e);
bool long_close(interp *in, h5obj *x, err *e);
nd *long_read(interp *in, h5obj *x, const h5info *i, const region *r, err *e);
bool long_read_into(interp *in, h5obj *x, const region *r, const nd *to, err *e);
bool long_write(interp *in, h5obj *x, const region *r, const nd *from, err *e);

/* ---- cells.c ---- */

/* Cells as a list: handles or None, lists of them, arrays. */
value cells_value(interp *in, const h5type *t, const h5cells *c);
/* The reverse; TypeError. */
bool cells_from(interp *in, const h5type *t, value cells, h5cells *out);

/* A list of n names, which it takes; NULL throws e. */
value names_list(interp *in, char **names, size_t n, err *e);

/* ---- text.c ---- */

/* dtypes carry how their text is encoded (enum dtype_note) */
h5type h5_type_of_dtype(dtype_of t);
dtype_of dtype_of_h5(const h5type *t);
/* The texts of a block of str and bytes; TypeError. */
bool texts_of(interp *in, const nd *x, h5texts *out);
/* A block of bytes objects, or of str when `decoded`. */
nd *texts_block(interp *in, const h5texts *t, int ndim, const int64_t *shape, dtype_of want,
                bool decoded);

/* dataset.c: a compound's members as a list of (name, dtype or None, extents, offset), and back
 * into a spec: `out` is the caller's (mem_free), the names in it are those of v */
value members_value(interp *in, const h5member *m, size_t n);
bool members_of(interp *in, value v, h5spec *s, h5member **out);

extern const builtin h5_cell_functions[], h5_chunk_functions[], h5_dataset_functions[],
    h5_attr_functions[], h5_lazy_functions[];

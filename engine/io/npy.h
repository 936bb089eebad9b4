/* engine/io/npy.h - NumPy's .npy files, and .npz archives of them.
 *
 * Blocks read are in native byte order.  Failures carry NumPy 1.24's sentences. */
#pragma once

#include "engine/base/str.h"
#include "engine/data/nd.h"
#include "engine/io/mapped.h"

enum npy_kind { NPY_OTHER, NPY_ARRAY, NPY_ARCHIVE };
enum npy_kind npy_kind_of(const void *bytes, size_t n); /* by the first bytes of a file */

typedef struct npy_head {
    dtype_of t; /* `swapped` when the file's byte order is foreign */
    bool fortran;
    int ndim;
    int64_t shape[ND_MAXDIM];
    size_t at; /* byte at which the data starts */
} npy_head;

/* Parses the header of a file of which the first n bytes are given. */
bool npy_head_parse(const void *bytes, size_t n, npy_head *out, err *e);
void npy_head_write(const nd *x, strbuf *out);
/* x's elements as they follow the header, in one piece: a view when possible. */
nd *npy_elements(const nd *x, err *e);

nd *npy_parse(const void *bytes, size_t n, err *e); /* a whole .npy file in memory */
bool npy_format(const nd *x, strbuf *out, err *e);  /* and back */
nd *npy_load(const char *path, err *e);
nd *npy_map(const char *path, enum map_how how, err *e);
bool npy_save(const char *path, const nd *x, err *e);

/* --- .npz: a zip archive, members stored or deflated --- */

typedef struct npz npz;
npz *npz_open(const char *path, err *e);
npz *npz_parse(const void *bytes, size_t n, err *e); /* copies the bytes */
void npz_close(npz *z);                              /* NULL is fine */
size_t npz_count(const npz *z);
const char *npz_name(const npz *z, size_t i); /* lends; "arr_0.npy" */
/* Member i: a block, or NULL with `e` set. */
nd *npz_read(const npz *z, size_t i, err *e);
/* All bytes of member i (mem_free). */
char *npz_bytes(const npz *z, size_t i, size_t *n, err *e);

/* names without ".npy" */
bool npz_save(const char *path, size_t n, const char *const *names, const nd *const *x,
              bool compressed, err *e);
bool npz_format(size_t n, const char *const *names, const nd *const *x, bool compressed,
                strbuf *out, err *e);

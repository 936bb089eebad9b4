/* engine/io/hdf5_chunk.c - chunks of datasets as they lie in the file: how many there are and
 * where, their bytes as they were packed. */
#include "engine/io/hdf5_lib.h"

static void offset_of(int ndim, const int64_t *from, hsize_t *to)
{
    for (int i = 0; i < ndim; i++) to[i] = (hsize_t)from[i];
}

static int rank_of(const h5_lib *h, h5obj *d)
{
    hid_t space = h->Dget_space(d->id);
    int n = space < 0 ? -1 : h->Sget_simple_extent_ndims(space);
    if (space >= 0) h->Sclose(space);
    return n;
}

static bool check_rank(const h5_lib *h, h5obj *d, int ndim, err *e)
{
    int n = rank_of(h, d);
    if (n < 0) return h5_fail(h, e);
    if (n == ndim) return true;
    return err_set(e, TypeError, "offset length (%d) must match dataset rank (%d)", ndim, n);
}

int64_t h5_chunk_count(h5obj *d, err *e)
{
    const h5_lib *h = h5_enter(e);
    hsize_t n = 0;
    if (!h) return -1;
    hid_t space = h->Dget_space(d->id);
    bool ok = (space >= 0 && h->Dget_num_chunks(d->id, space, &n) >= 0) || h5_fail(h, e);
    if (space >= 0) h->Sclose(space);
    h5_leave();
    return ok ? (int64_t)n : -1;
}

static void fill(h5chunk *out, haddr_t at, hsize_t size, unsigned mask)
{
    out->address = at == HADDR_UNDEF ? -1 : (int64_t)at;
    out->size = (int64_t)size;
    out->mask = mask;
}

bool h5_chunk_number(h5obj *d, int64_t i, h5chunk *out, err *e)
{
    hsize_t offset[ND_MAXDIM] = {0}, size = 0;
    unsigned mask = 0;
    haddr_t at = HADDR_UNDEF;
    const h5_lib *h = h5_enter(e);
    if (!h) return false;
    hid_t space = h->Dget_space(d->id);
    bool ok = (space >= 0 &&
               h->Dget_chunk_info(d->id, space, (hsize_t)i, offset, &mask, &at, &size) >= 0) ||
              h5_fail(h, e);
    if (space >= 0) h->Sclose(space);
    h5_leave();
    for (int k = 0; k < ND_MAXDIM; k++) out->offset[k] = (int64_t)offset[k];
    fill(out, at, size, mask);
    return ok;
}

bool h5_chunk_at(h5obj *d, int ndim, const int64_t *from, h5chunk *out, err *e)
{
    hsize_t offset[ND_MAXDIM], size = 0;
    unsigned mask = 0;
    haddr_t at = HADDR_UNDEF;
    offset_of(ndim, from, offset);
    const h5_lib *h = h5_enter(e);
    if (!h) return false;
    bool ok = check_rank(h, d, ndim, e) &&
              (h->Dget_chunk_info_by_coord(d->id, offset, &mask, &at, &size) >= 0 || h5_fail(h, e));
    h5_leave();
    for (int k = 0; k < ndim; k++) out->offset[k] = from[k];
    fill(out, at, size, mask);
    return ok;
}

buf *h5_chunk_read(h5obj *d, int ndim, const int64_t *from, size_t *n, unsigned *mask, err *e)
{
    hsize_t offset[ND_MAXDIM], size = 0;
    uint32_t left_out = 0;
    offset_of(ndim, from, offset);
    const h5_lib *h = h5_enter(e);
    if (!h) return NULL;
    bool ok = check_rank(h, d, ndim, e) &&
              (h->Dget_chunk_storage_size(d->id, offset, &size) >= 0 || h5_fail(h, e));
    buf *b = ok ? buf_new((size_t)size, e) : NULL;
    if (b && h->Dread_chunk(d->id, H5P_DEFAULT, offset, &left_out, b->data) < 0) {
        h5_fail(h, e);
        buf_unref(b);
        b = NULL;
    }
    h5_leave();
    *n = ok ? (size_t)size : SIZE_MAX;
    *mask = left_out;
    return b;
}

bool h5_chunk_write(h5obj *d, int ndim, const int64_t *from, unsigned mask, const void *at,
                    size_t n, err *e)
{
    hsize_t offset[ND_MAXDIM];
    offset_of(ndim, from, offset);
    h5_write_begin(d);
    const h5_lib *h = h5_enter(e);
    bool ok = h && check_rank(h, d, ndim, e) &&
              (h->Dwrite_chunk(d->id, H5P_DEFAULT, mask, offset, n, at) >= 0 || h5_fail(h, e));
    if (h) h5_leave();
    h5_write_end(d);
    return ok;
}

/* engine/io/hdf5_read.c - the short way of reading: the data is taken from the file at its address
 * and unpacked in the calling thread, without the library and its lock.
 *
 * Only for bytes that are those of native blocks, contiguous or in chunks with known filters.
 * While the file is open for writing here, it is flushed first and writers are kept out; small
 * reads of a file just written to are left to the library, which has the data in its memory.
 * Anything odd (a damaged chunk, a short file) is also left to the library, for its sentence. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/stop.h"
#include "engine/io/box.h"
#include "engine/io/hdf5_map.h"

enum {
    FLUSH_FOR = 64 << 10,  /* bytes that are worth a flush */
    CACHE_MOST = 16 << 20, /* the largest chunk kept unpacked for the next read */
};

enum found { FOUND, ABSENT, FAILED };

typedef struct job {
    h5obj *d;
    h5map *m;
    const h5region *r;
    const nd *out;
} job;

static char *part_at(const job *j, const h5part *p)
{
    char *to = j->out->at;
    for (int i = 0; i < j->r->ndim; i++) to += p->first[i] * nd_strides(j->out)[i];
    return to;
}

static void copy_part(const job *j, const h5part *p, const char *chunk)
{
    int64_t strides[ND_MAXDIM];
    int ndim = j->r->ndim;
    strides_c(ndim, j->m->info.chunk, j->out->size, strides);
    for (int i = 0; i < ndim; i++) {
        chunk += p->start[i] * strides[i];
        strides[i] *= j->r->step[i];
    }
    strided_copy(ndim, p->count, part_at(j, p), nd_strides(j->out), chunk, strides, j->out->size,
                 NULL);
}

/* --- unpacked chunks --- */

static buf *cached(const job *j, int64_t index)
{
    pthread_mutex_lock(&j->d->lock);
    buf *b = j->m->cached == index && j->m->cache ? buf_ref(j->m->cache) : NULL;
    pthread_mutex_unlock(&j->d->lock);
    return b;
}

static void keep(const job *j, int64_t index, buf *b)
{
    if (b->size > CACHE_MOST) return;
    pthread_mutex_lock(&j->d->lock);
    buf *old = j->m->cache;
    j->m->cache = buf_ref(b);
    j->m->cached = index;
    pthread_mutex_unlock(&j->d->lock);
    buf_unref(old);
}

static bool unpack_placed(const job *j, const h5place *at, char *to)
{
    err none = {0};
    buf *raw = buf_new(at->size ? at->size : 1, &none);
    bool ok = raw && file_read_at(j->d->share->fd, raw->data, at->size, (off_t)at->address) &&
              h5_unpack(j->m, at->skipped, raw->data, at->size, to);
    buf_unref(raw);
    err_clear(&none);
    return ok;
}

/* After the library has fetched the bytes: only that is done under its lock. */
static enum found unpack_fetched(const job *j, const h5part *p, char *to)
{
    err none = {0};
    int64_t from[ND_MAXDIM];
    size_t n;
    unsigned skipped;
    for (int i = 0; i < j->r->ndim; i++) from[i] = p->coord[i] * j->m->info.chunk[i];
    buf *raw = h5_chunk_read(j->d, j->r->ndim, from, &n, &skipped, &none);
    bool ok = raw && n && h5_unpack(j->m, skipped, raw->data, n, to);
    if (ok) file_moved(false, n);
    buf_unref(raw);
    err_clear(&none);
    return ok ? FOUND : n == 0 ? ABSENT : FAILED;
}

/* at NULL: its place is not known. */
static enum found unpack(const job *j, const h5part *p, const h5place *at, char *to)
{
    if (!at) return unpack_fetched(j, p, to);
    return unpack_placed(j, at, to) ? FOUND : FAILED;
}

/* Whether the part is all of its chunk, lying in `out` as in the chunk. */
static bool fits_in_place(const job *j, const h5part *p)
{
    int ndim = j->r->ndim;
    for (int i = 0; i < ndim; i++) {
        if (p->count[i] != j->m->info.chunk[i]) return false;
    }
    return box_is_c(ndim, p->count, j->out->size, nd_strides(j->out));
}

static enum found read_packed(const job *j, const h5part *p, const h5place *at)
{
    if (fits_in_place(j, p)) return unpack(j, p, at, part_at(j, p));
    buf *b = cached(j, p->index);
    enum found got = FOUND;
    if (!b) {
        err none = {0};
        b = buf_new(j->m->chunk_bytes, &none);
        got = b ? unpack(j, p, at, b->data) : FAILED;
        err_clear(&none);
        if (got == FOUND && !p->whole) keep(j, p->index, b);
    }
    if (got == FOUND) copy_part(j, p, b->data);
    buf_unref(b);
    return got;
}

/* --- the two layouts --- */

static bool fill_part(const job *j, const h5part *p)
{
    box_fill(j->r->ndim, p->count, j->out->size, part_at(j, p), nd_strides(j->out), j->m->fill);
    return true;
}

static bool read_fetched(const job *j, const h5part *p)
{
    enum found got = read_packed(j, p, NULL);
    return got == ABSENT ? fill_part(j, p) : got == FOUND;
}

static bool read_part(const job *j, const h5part *p)
{
    err e = {0};
    h5place at;
    if (j->m->places == H5_FETCHED) return read_fetched(j, p);
    if (!h5_map_place(j->d, j->m, p->index, p->coord, &at, &e)) {
        err_clear(&e);
        return false;
    }
    if (at.address == HADDR_UNDEF) return fill_part(j, p);
    if (j->m->nfilter) return read_packed(j, p, &at) == FOUND;
    file_array a = {.fd = j->d->share->fd,
                    .base = (off_t)at.address,
                    .ndim = j->r->ndim,
                    .shape = j->m->info.chunk,
                    .size = j->out->size};
    return box_read(&a, p->start, j->r->step, p->count, part_at(j, p), nd_strides(j->out));
}

static bool read_chunks(const job *j)
{
    h5part p = {.index = -1};
    while (h5_next_part(j->m, j->r, &p)) TRY(!stop_asked() && read_part(j, &p));
    return true;
}

static bool read_contiguous(const job *j)
{
    err e = {0};
    h5place at;
    if (!h5_map_whole(j->d, j->m, &at, &e)) {
        err_clear(&e);
        return false;
    }
    int ndim = j->r->ndim;
    if (at.address == HADDR_UNDEF) {
        box_fill(ndim, j->r->count, j->out->size, j->out->at, nd_strides(j->out), j->m->fill);
        return true;
    }
    file_array a = {.fd = j->d->share->fd,
                    .base = (off_t)at.address,
                    .ndim = ndim,
                    .shape = j->m->info.shape,
                    .size = j->out->size};
    return box_read(&a, j->r->start, j->r->step, j->r->count, j->out->at, nd_strides(j->out));
}

/* --- keeping writers out --- */

/* Read-locks a writable file with everything flushed; false: let the library do it. */
static bool lock_clean(h5obj *d, size_t bytes)
{
    h5share *s = d->share;
    pthread_rwlock_rdlock(&s->lock);
    if (!s->dirty) return true;
    pthread_rwlock_unlock(&s->lock);
    if (bytes < FLUSH_FOR) return false;
    err e = {0};
    h5_flush(d, &e);
    err_clear(&e);
    pthread_rwlock_rdlock(&s->lock);
    if (!s->dirty) return true;
    pthread_rwlock_unlock(&s->lock);
    return false;
}

static bool fits(const h5map *m, const h5region *r, const nd *out)
{
    if (!m->direct || r->ndim != m->info.ndim) return false;
    if (m->layout == H5_CHUNKED && !m->nfilter && m->places == H5_FETCHED) return false;
    return out->dtype == m->info.type.t.dt && out->size == m->info.type.t.size;
}

static bool within(const h5map *m, const h5region *r)
{
    for (int i = 0; i < r->ndim; i++) {
        if (r->count[i] && r->start[i] + (r->count[i] - 1) * r->step[i] >= m->info.shape[i]) {
            return false;
        }
    }
    return true;
}

bool h5_read_direct(h5obj *d, const h5region *r, const nd *out)
{
    err e = {0};
    bool ok = false, locked = d->share->writable;
    if (d->share->fd < 0 || d->foreign || !h5_is_open(d)) return false;
    if (locked && !lock_clean(d, nd_bytes(out))) return false;
    h5map *m = h5_map(d, &e);
    err_clear(&e);
    if (m && fits(m, r, out) && within(m, r)) {
        job j = {.d = d, .m = m, .r = r, .out = out};
        ok = m->layout == H5_CHUNKED ? read_chunks(&j) : read_contiguous(&j);
    }
    h5_map_unref(m);
    if (locked) pthread_rwlock_unlock(&d->share->lock);
    return ok;
}

/* engine/io/zarr.c - regions of chunked arrays in folders: chunk by chunk between file and block.
 */
#include "engine/io/zarr.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/mem.h"
#include "engine/base/stop.h"
#include "engine/base/str.h"
#include "engine/io/box.h"

enum { NLOCK = 16 };

struct zarr {
    datum hdr;
    char *path;
    zarr_spec s;
    nd *fill;
    size_t chunk_bytes;
    _Atomic uint64_t made;       /* chunks written: makes names of new files differ */
    pthread_mutex_t lock[NLOCK]; /* chunk i: lock[i % NLOCK], while part of it is replaced */
};

static void zarr_drop(datum *d)
{
    zarr *z = (zarr *)(void *)d;
    for (int i = 0; i < NLOCK; i++) pthread_mutex_destroy(&z->lock[i]);
    datum_unref(z->fill);
    mem_free(z->path);
    mem_free(z);
}

static const datum_kind zarr_kind = {.name = "Zarr array", .drop = zarr_drop};

const zarr_spec *zarr_about(const zarr *z)
{
    return &z->s;
}

const char *zarr_path(const zarr *z)
{
    return z->path;
}

static bool chunk_size(const zarr_spec *s, size_t *out, err *e)
{
    *out = s->t.size;
    for (int i = 0; i < s->ndim; i++) {
        if (s->chunk[i] < 1 && (s->chunk[i] || s->shape[i])) /* no element needs none */
            return err_set(e, ValueError, "chunks must be positive, not %lld along axis %d",
                           (long long)s->chunk[i], i);
        TRY(size_mul(*out, (size_t)s->chunk[i], out, e));
    }
    return true;
}

zarr *zarr_new(const char *path, const zarr_spec *s, err *e)
{
    size_t bytes;
    TRY(chunk_size(s, &bytes, e));
    zarr *z = mem_zero(sizeof *z);
    datum_init(&z->hdr, &zarr_kind);
    z->path = mem_dup(path);
    z->s = *s;
    z->s.fill = z->fill = s->fill ? nd_ref(s->fill) : NULL;
    z->chunk_bytes = bytes;
    for (int i = 0; i < NLOCK; i++) pthread_mutex_init(&z->lock[i], NULL);
    return z;
}

/* --- the chunks that a region touches --- */

typedef struct part {
    int64_t coord[ND_MAXDIM];                   /* of the chunk */
    int64_t first[ND_MAXDIM], count[ND_MAXDIM]; /* of the region's elements */
    int64_t start[ND_MAXDIM];                   /* within the chunk */
    int64_t number;                             /* of the chunk */
    bool whole;                                 /* every element of the chunk inside the shape */
} part;

/* The part of axis i that lies in chunk p->coord[i]. */
static void part_axis(const zarr *z, const zarr_region *r, part *p, int i)
{
    int64_t size = z->s.chunk[i], from = p->coord[i] * size, start = r->start[i];
    int64_t step = r->step[i];
    int64_t first = from > start ? (from - start + step - 1) / step : 0;
    int64_t end = (from + size - start + step - 1) / step;
    if (end > r->count[i]) end = r->count[i];
    p->first[i] = first;
    p->count[i] = end > first ? end - first : 0;
    p->start[i] = start + first * step - from;
}

static void part_set(const zarr *z, const zarr_region *r, part *p)
{
    p->whole = true;
    p->number = 0;
    for (int i = 0; i < z->s.ndim; i++) {
        int64_t size = z->s.chunk[i], left = z->s.shape[i] - p->coord[i] * size;
        part_axis(z, r, p, i);
        p->number = p->number * ((z->s.shape[i] + size - 1) / size) + p->coord[i];
        p->whole &= p->count[i] == (left < size ? left : size);
    }
}

static bool next_part(const zarr *z, const zarr_region *r, part *p)
{
    int i = z->s.ndim - 1;
    for (; i >= 0; i--) {
        int64_t last = r->start[i] + (r->count[i] - 1) * r->step[i];
        if (++p->coord[i] * z->s.chunk[i] <= last) break;
        p->coord[i] = r->start[i] / z->s.chunk[i];
    }
    if (i < 0) return false;
    part_set(z, r, p);
    return true;
}

static void first_part(const zarr *z, const zarr_region *r, part *p)
{
    for (int i = 0; i < z->s.ndim; i++) p->coord[i] = r->start[i] / z->s.chunk[i];
    part_set(z, r, p);
}

static bool check_region(const zarr *z, const zarr_region *r, err *e)
{
    for (int i = 0; i < z->s.ndim; i++) {
        int64_t last = r->start[i] + (r->count[i] - 1) * r->step[i];
        if (r->start[i] < 0 || r->step[i] < 1 || r->count[i] < 0 ||
            (r->count[i] > 0 && last >= z->s.shape[i]))
            return err_set(e, ValueError, "region %lld + %lld * %lld is not inside axis %d of %lld",
                           (long long)r->start[i], (long long)r->count[i], (long long)r->step[i], i,
                           (long long)z->s.shape[i]);
    }
    return true;
}

/* --- files --- */

/* the chunk's file; mem_free */
static char *chunk_path(const zarr *z, const part *p)
{
    strbuf b = {0};
    sb_addf(&b, "%s/", z->path);
    for (int i = 0; i < z->s.ndim; i++) {
        if (i) sb_addc(&b, z->s.separator);
        sb_addf(&b, "%lld", (long long)p->coord[i]);
    }
    if (!z->s.ndim) sb_addc(&b, '0');
    return sb_take(&b, NULL);
}

/* The bytes of a file; *absent: there is none, which is no failure. */
static buf *file_bytes(const char *path, size_t *n, bool *absent, err *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *absent = fd < 0 && (errno == ENOENT || errno == ENOTDIR);
    if (fd < 0) return *absent ? NULL : err_errno(e, errno, path);
    buf *b = NULL;
    if (fstat(fd, &st) == 0) b = buf_new((size_t)st.st_size + 1, e);
    if (b && !file_read_at(fd, b->data, (size_t)st.st_size, 0)) {
        b = buf_unref(b);
        if (stop_check(e)) err_errno(e, errno ? errno : EIO, path);
    }
    *n = (size_t)st.st_size;
    close(fd);
    return b;
}

static bool write_all(int fd, const char *at, size_t n)
{
    file_moved(true, n);
    while (n) {
        ssize_t k = write(fd, at, n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return false;
        at += k;
        n -= (size_t)k;
    }
    return true;
}

/* The folders above a file, as far as they are below the array's. */
static void make_folders(const zarr *z, char *path)
{
    for (char *at = path + strlen(z->path) + 1; (at = strchr(at, '/')); at++) {
        *at = 0;
        mkdir(path, 0777);
        *at = '/';
    }
}

/* Replaces the file at once: nobody sees half of it. */
static bool file_replace(zarr *z, char *path, const char *at, size_t n, err *e)
{
    strbuf b = {0};
    if (z->s.separator == '/') make_folders(z, path);
    sb_addf(&b, "%s.%ld.%llu.partial", path, (long)getpid(),
            (unsigned long long)atomic_fetch_add(&z->made, 1));
    int fd = open(b.at, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool ok = fd >= 0 && write_all(fd, at, n);
    if (ok) file_let_go(fd, n);
    if (fd >= 0) ok = close(fd) == 0 && ok;
    ok = ok && rename(b.at, path) == 0;
    if (!ok) {
        err_errno(e, errno, path);
        unlink(b.at);
    }
    sb_clear(&b);
    return ok;
}

/* --- chunks in memory --- */

/* The chunk's bytes as a block with the axes of the array. */
static nd *chunk_view(const zarr *z, buf *b)
{
    dtype_of t = z->s.t;
    int64_t strides[ND_MAXDIM];
    t.swapped = false;
    if (z->s.fortran)
        strides_f(z->s.ndim, z->s.chunk, t.size, strides);
    else
        strides_c(z->s.ndim, z->s.chunk, t.size, strides);
    return nd_view(b, b->data, t, z->s.ndim, z->s.chunk, strides);
}

static void set_to_fill(const zarr *z, const nd *x)
{
    char zero[16] = {0}, *element = z->fill ? z->fill->at : zero, *more = NULL;
    if (!z->fill && x->size > sizeof zero) element = more = mem_zero(x->size);
    box_fill(x->ndim, nd_shape(x), x->size, x->at, nd_strides(x), element);
    mem_free(more);
}

/* The part's place in the region's block, and in the chunk (step as the region's). */
static nd *view_in_region(const nd *x, const part *p)
{
    char *at = x->at;
    for (int i = 0; i < x->ndim; i++) at += p->first[i] * nd_strides(x)[i];
    return nd_view(x->b, at, nd_type(x), x->ndim, p->count, nd_strides(x));
}

static nd *view_in_chunk(const nd *x, const zarr_region *r, const part *p)
{
    char *at = x->at;
    int64_t strides[ND_MAXDIM];
    for (int i = 0; i < x->ndim; i++) {
        at += p->start[i] * nd_strides(x)[i];
        strides[i] = nd_strides(x)[i] * r->step[i];
    }
    return nd_view(x->b, at, nd_type(x), x->ndim, p->count, strides);
}

/* Unpacks the chunk's file into `to` (chunk_bytes). 1; 0: there is no file; -1: failed */
static int unpack_chunk(const zarr *z, const part *p, char *to, err *e)
{
    char *path = chunk_path(z, p);
    size_t n = 0;
    bool absent;
    buf *packed = file_bytes(path, &n, &absent, e);
    int r = packed ? 1 : absent ? 0 : -1;
    if (packed) {
        err why = {0};
        if (!codec_unpack(&z->s.codec, packed->data, n, to, z->chunk_bytes, &why)) {
            err_set(e, why.kind, "%s: %s", path, why.msg);
            r = -1;
        }
        err_clear(&why);
        buf_unref(packed);
    }
    if (r == 1 && z->s.t.swapped) nd_swap_bytes(to, z->chunk_bytes, z->s.t);
    mem_free(path);
    return r;
}

/* --- reading --- */

/* Does the place in the region's block hold the whole chunk, byte by byte? */
static bool lies_alike(const zarr *z, const nd *place)
{
    for (int i = 0; i < place->ndim; i++)
        if (nd_shape(place)[i] != z->s.chunk[i]) return false;
    return nd_is_c(place) && (!z->s.fortran || place->ndim < 2);
}

static bool read_part(const zarr *z, const zarr_region *r, const part *p, const nd *place, err *e)
{
    if (lies_alike(z, place)) {
        int got = unpack_chunk(z, p, place->at, e);
        if (!got) set_to_fill(z, place);
        return got >= 0;
    }
    buf *b = buf_new(z->chunk_bytes, e);
    int got = b ? unpack_chunk(z, p, b->data, e) : -1;
    if (got == 0) set_to_fill(z, place);
    if (got == 1) {
        nd *chunk = chunk_view(z, b), *from = view_in_chunk(chunk, r, p);
        nd_copy_into((nd *)(uintptr_t)place, from);
        datum_unref(from);
        datum_unref(chunk);
    }
    buf_unref(b);
    return got >= 0;
}

bool zarr_read_into(zarr *z, const zarr_region *r, const nd *x, err *e)
{
    TRY(check_region(z, r, e));
    if (!nd_count(x)) return true;
    part p;
    bool ok;
    first_part(z, r, &p);
    do {
        nd *place = view_in_region(x, &p);
        ok = !nd_count(place) || read_part(z, r, &p, place, e);
        datum_unref(place);
    } while (ok && next_part(z, r, &p));
    return ok;
}

nd *zarr_read(zarr *z, const zarr_region *r, err *e)
{
    dtype_of t = z->s.t;
    t.swapped = false;
    nd *x = nd_new(t, z->s.ndim, r->count, e);
    if (!x || zarr_read_into(z, r, x, e)) return x;
    return datum_unref(x);
}

/* --- writing --- */

static bool pack_chunk(zarr *z, const part *p, const char *at, err *e)
{
    size_t n = z->chunk_bytes;
    bool packs = z->s.codec.kind != NULL;
    buf *packed = packs ? codec_pack(&z->s.codec, z->s.t.size, at, n, &n, e) : NULL;
    if (packs && !packed) return false;
    char *path = chunk_path(z, p);
    bool ok = file_replace(z, path, packed ? packed->data : at, n, e);
    mem_free(path);
    buf_unref(packed);
    return ok;
}

/* Is the block the chunk, byte for byte? */
static bool is_chunk(const zarr *z, const part *p, const nd *x)
{
    for (int k = 0; k < x->ndim; k++)
        if (nd_shape(x)[k] != z->s.chunk[k]) return false;
    return p->whole && !z->s.t.swapped && x->dtype == z->s.t.dt && x->size == z->s.t.size &&
           x->flags & (z->s.fortran ? ND_F : ND_C);
}

static bool replace_part(zarr *z, const zarr_region *r, const part *p, const nd *from, err *e)
{
    if (is_chunk(z, p, from)) return pack_chunk(z, p, from->at, e);
    buf *b = buf_new(z->chunk_bytes, e);
    if (!b) return false;
    nd *chunk = chunk_view(z, b);
    int got = p->whole ? 0 : unpack_chunk(z, p, b->data, e);
    if (got == 0) set_to_fill(z, chunk);
    if (got >= 0) {
        nd *to = view_in_chunk(chunk, r, p);
        nd_copy_into(to, from);
        datum_unref(to);
    }
    if (z->s.t.swapped) nd_swap_bytes(b->data, z->chunk_bytes, z->s.t);
    bool ok = got >= 0 && pack_chunk(z, p, b->data, e);
    datum_unref(chunk);
    buf_unref(b);
    return ok;
}

static bool write_part(zarr *z, const zarr_region *r, const part *p, const nd *from, err *e)
{
    if (p->whole) return replace_part(z, r, p, from, e);
    pthread_mutex_t *lock = &z->lock[p->number % NLOCK];
    pthread_mutex_lock(lock);
    bool ok = replace_part(z, r, p, from, e);
    pthread_mutex_unlock(lock);
    return ok;
}

bool zarr_write(zarr *z, const zarr_region *r, const nd *x, err *e)
{
    TRY(check_region(z, r, e));
    if (!nd_count(x)) return true;
    part p;
    bool ok;
    first_part(z, r, &p);
    do {
        nd *from = view_in_region(x, &p);
        ok = !nd_count(from) || write_part(z, r, &p, from, e);
        datum_unref(from);
    } while (ok && next_part(z, r, &p));
    return ok;
}

/* engine/run/spill.c - blocks in a temporary file.
 *
 * Elements are written in the order in which they lie in memory, repeated ones (steps of 0) once.
 * A block that was contiguous is so again; one that had gaps between rows gets small gaps, because
 * kernels take other paths, and add in another order, where axes can be merged. */
#include "engine/run/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/mem.h"
#include "engine/graph/fn.h"

#ifndef FALLOC_FL_PUNCH_HOLE
#define FALLOC_FL_KEEP_SIZE  1
#define FALLOC_FL_PUNCH_HOLE 2
#endif

enum { PIECE = 1 << 20, PAGE = 4096 };

struct spill {
    _Atomic uint32_t rc;
    int fd;
    _Atomic uint64_t end, written;
};

/* A spilled block begins like the nd it stands for (see datum_kind.fetch), without buffer: shape,
 * then strides of the block that load() will make, then this. */
typedef struct place {
    spill *in;
    uint64_t offset, bytes; /* in the file */
    uint64_t room, first;   /* of the buffer in memory; where the first element is in it */
} place;

static place *place_of(const nd *away)
{
    return (place *)(uintptr_t)(away->ext + 2 * away->ndim);
}

/* --- the file --- */

static int open_in(const char *dir)
{
#ifdef O_TMPFILE
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
    if (fd >= 0) return fd;
#endif
    strbuf b = {0};
    sb_addf(&b, "%s/dsk-spill-XXXXXX", dir);
    char *name = sb_take(&b, NULL);
    int named = mkostemp(name, O_CLOEXEC);
    if (named >= 0) unlink(name);
    mem_free(name);
    return named;
}

spill *spill_on(int fd)
{
    spill *s = mem_zero(sizeof *s);
    atomic_init(&s->rc, 1);
    s->fd = fd;
    return s;
}

spill *spill_open(const char *dir, err *e)
{
    const char *const usual[] = {"/var/tmp", "/tmp", "."};
    int fd = -1;
    if (dir)
        fd = open_in(dir);
    else
        for (size_t i = 0; i < sizeof usual / sizeof *usual && fd < 0; i++) fd = open_in(usual[i]);
    if (fd >= 0) return spill_on(fd);
    return err_set(e, OSError, "[Errno %d] %s: no place for a temporary file in '%s'", errno,
                   strerror(errno), dir ? dir : "/var/tmp");
}

void spill_unref(spill *s)
{
    if (!s || atomic_fetch_sub(&s->rc, 1) != 1) return;
    close(s->fd);
    mem_free(s);
}

uint64_t spill_bytes(const spill *s)
{
    return atomic_load((_Atomic uint64_t *)(uintptr_t)&s->written);
}

static void *write_failed(const spill *s, err *e)
{
    return err_set(e, OSError,
                   "[Errno %d] %s: results did not fit into memory and were being moved to a "
                   "temporary file, %.1f MiB so far; dask.config.set(temporary_directory=...) "
                   "chooses another disk, dask.config.set(memory_limit=...) another limit",
                   errno, strerror(errno), (double)spill_bytes(s) / 1048576);
}

static bool write_all(spill *s, const char *at, size_t n, uint64_t offset, err *e)
{
    while (n) {
        ssize_t k = pwrite(s->fd, at, n, (off_t)offset);
        if (k < 0 && errno == EINTR) continue;
        if (k == 0) errno = ENOSPC;
        if (k <= 0) return write_failed(s, e);
        atomic_fetch_add_explicit(&s->written, (uint64_t)k, memory_order_relaxed);
        at += k;
        offset += (uint64_t)k;
        n -= (size_t)k;
    }
    return true;
}

static bool read_all(const spill *s, char *at, size_t n, uint64_t offset, err *e)
{
    while (n) {
        ssize_t k = pread(s->fd, at, n, (off_t)offset);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0)
            return err_set(e, OSError, "[Errno %d] %s: reading back from the temporary file",
                           k ? errno : EIO, strerror(k ? errno : EIO));
        at += k;
        offset += (uint64_t)k;
        n -= (size_t)k;
    }
    return true;
}

/* --- layouts --- */

typedef struct rows { /* axes in order of memory, outermost first, without repeated elements */
    int n;
    int64_t shape[ND_MAXDIM], step[ND_MAXDIM]; /* steps may be negative */
    int axis[ND_MAXDIM];
} rows;

static int64_t size_of_step(int64_t step)
{
    return step < 0 ? -step : step;
}

static rows rows_of(const nd *x)
{
    rows r = {0};
    for (int k = 0; k < x->ndim; k++) {
        int64_t step = nd_strides(x)[k];
        int at = r.n;
        if (step == 0 || nd_shape(x)[k] == 1) continue;
        while (at > 0 && size_of_step(r.step[at - 1]) < size_of_step(step)) {
            r.shape[at] = r.shape[at - 1];
            r.step[at] = r.step[at - 1];
            r.axis[at] = r.axis[at - 1];
            at--;
        }
        r.shape[at] = nd_shape(x)[k];
        r.step[at] = step;
        r.axis[at] = k;
        r.n++;
    }
    return r;
}

/* Steps of a block laid out like x, but close together, into the strides of a. */
static void lay_out(nd *a, const nd *x, const rows *r, place *p)
{
    int64_t *step = a->ext + x->ndim, next = x->size;
    for (int k = 0; k < x->ndim; k++) step[k] = nd_strides(x)[k] ? (int64_t)x->size : 0;
    p->room = x->size;
    p->bytes = x->size;
    for (int i = r->n; i-- > 0;) {
        bool gap = i + 1 < r->n
                       ? size_of_step(r->step[i]) != size_of_step(r->step[i + 1]) * r->shape[i + 1]
                       : size_of_step(r->step[i]) != (int64_t)x->size;
        if (gap) next += x->size;
        step[r->axis[i]] = r->step[i] < 0 ? -next : next;
        if (r->step[i] < 0) p->first += (uint64_t)next * (uint64_t)(r->shape[i] - 1);
        p->room += (uint64_t)next * (uint64_t)(r->shape[i] - 1);
        p->bytes *= (uint64_t)r->shape[i];
        next *= r->shape[i];
    }
}

/* --- elements in and out --- */

typedef struct flow {
    spill *s;
    const rows *r;
    size_t size, cap; /* of an element; of the piece, whole elements */
    char *piece;
    uint64_t offset;    /* in the file, of the piece */
    size_t have, taken; /* bytes in the piece; bytes of it used (reading) */
    uint64_t left;      /* bytes still to read */
    bool reading;
    err *e;
} flow;

static bool flush(flow *f)
{
    TRY(write_all(f->s, f->piece, f->have, f->offset, f->e));
    f->offset += f->have;
    f->have = 0;
    return true;
}

static bool fill(flow *f)
{
    f->have = f->left < f->cap ? (size_t)f->left : f->cap;
    f->taken = 0;
    TRY(read_all(f->s, f->piece, f->have, f->offset, f->e));
    f->offset += f->have;
    f->left -= f->have;
    return true;
}

/* n elements, `step` apart */
static bool move_row(flow *f, char *at, int64_t n, int64_t step)
{
    const int64_t one[1] = {(int64_t)f->size};
    while (n) {
        if (f->reading && f->taken == f->have) TRY(fill(f));
        if (!f->reading && f->have == f->cap) TRY(flush(f));
        size_t room = (f->reading ? f->have - f->taken : f->cap - f->have) / f->size;
        int64_t k = n < (int64_t)room ? n : (int64_t)room;
        if (f->reading) {
            strided_copy(1, &k, at, &step, f->piece + f->taken, one, f->size, NULL);
            f->taken += (size_t)k * f->size;
        } else {
            strided_copy(1, &k, f->piece + f->have, one, at, &step, f->size, NULL);
            f->have += (size_t)k * f->size;
        }
        at += k * step;
        n -= k;
    }
    return true;
}

static bool move_rows(flow *f, int axis, char *at)
{
    const rows *r = f->r;
    if (axis >= r->n) return move_row(f, at, 1, 0);
    if (axis == r->n - 1) return move_row(f, at, r->shape[axis], r->step[axis]);
    for (int64_t i = 0; i < r->shape[axis]; i++)
        TRY(move_rows(f, axis + 1, at + i * r->step[axis]));
    return true;
}

/* from the lowest address on, whatever the signs of the steps */
static char *lowest(rows *r, char *at)
{
    for (int i = 0; i < r->n; i++)
        if (r->step[i] < 0) {
            at += (r->shape[i] - 1) * r->step[i];
            r->step[i] = -r->step[i];
        }
    return at;
}

static bool move_block(spill *s, const nd *x, const place *p, bool reading, err *e)
{
    rows r = rows_of(x);
    char *at = lowest(&r, x->at);
    bool dense = p->bytes == p->room;
    for (int i = 0; i < r.n && dense; i++)
        dense = r.step[i] == (i + 1 < r.n ? r.step[i + 1] * r.shape[i + 1] : (int64_t)x->size);
    if (dense)
        return reading ? read_all(s, at, p->bytes, p->offset, e)
                       : write_all(s, at, p->bytes, p->offset, e);
    flow f = {.s = s,
              .r = &r,
              .size = x->size,
              .cap = PIECE - PIECE % x->size,
              .piece = try_alloc(PIECE, e),
              .offset = p->offset,
              .left = p->bytes,
              .reading = reading,
              .e = e};
    bool ok = f.piece && move_rows(&f, 0, at) && (reading || flush(&f));
    mem_free(f.piece);
    return ok;
}

/* --- spilled blocks --- */

static void give_back(spill *s, uint64_t offset, uint64_t bytes)
{
    uint64_t n = (bytes + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    if (n && fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)n))
        errno = 0; /* a file system without holes: the space comes back with the file */
}

static void drop(datum *d)
{
    place *p = place_of((nd *)d);
    give_back(p->in, p->offset, p->bytes);
    spill_unref(p->in);
    mem_free(d);
}

static datum *load(const datum *d, void *e)
{
    const nd *a = (const nd *)d;
    const place *p = place_of(a);
    buf *b = buf_new(p->room, e);
    if (!b) return NULL;
    nd *x = nd_view(b, b->data + p->first, nd_type(a), a->ndim, nd_shape(a), nd_strides(a));
    buf_unref(b);
    if (!move_block(p->in, x, p, true, e)) return datum_unref(x);
    return &x->hdr;
}

/* Rows of the part, each read by itself. */
static bool load_rows(const place *p, const nd *whole, const nd *x, const rows *r, int axis,
                      uint64_t offset, char *at, err *e)
{
    const uint64_t size = x->size;
    uint64_t inner = size; /* bytes in the file of one step along this axis */
    for (int i = axis + 1; i < r->n; i++) inner *= (uint64_t)nd_shape(whole)[r->axis[i]];
    if (axis == r->n) return read_all(p->in, at, size, offset, e);
    int64_t n = nd_shape(x)[r->axis[axis]];
    bool full = true;
    for (int i = axis + 1; i < r->n; i++)
        full &= nd_shape(x)[r->axis[i]] == nd_shape(whole)[r->axis[i]];
    if (full) return read_all(p->in, at, (size_t)n * inner, offset, e);
    int64_t step = nd_strides(x)[r->axis[axis]];
    for (int64_t i = 0; i < n; i++)
        TRY(load_rows(p, whole, x, r, axis + 1, offset + (uint64_t)i * inner, at + i * step, e));
    return true;
}

/* A dense block with its axes in the order of memory that the file has. */
static datum *load_part(const datum *d, const int64_t *from, const int64_t *n, void *e)
{
    const nd *a = (const nd *)d;
    const place *p = place_of(a);
    int64_t step[ND_MAXDIM], next = a->size;
    rows r = rows_of(a);
    uint64_t offset = p->offset;
    bool odd = false;
    for (int k = 0; k < a->ndim; k++) {
        odd |= nd_strides(a)[k] < 0;
        step[k] = nd_strides(a)[k] ? (int64_t)a->size : 0;
    }
    if (odd) { /* runs backwards: rare */
        nd *x = (nd *)load(d, e);
        char *at = x ? x->at : NULL;
        for (int k = 0; x && k < x->ndim; k++) at += from[k] * nd_strides(x)[k];
        nd *part = x ? nd_view(x->b, at, nd_type(x), x->ndim, n, nd_strides(x)) : NULL;
        datum_unref(x);
        return (datum *)part;
    }
    uint64_t inner = a->size;
    for (int i = r.n; i-- > 0;) {
        int k = r.axis[i];
        step[k] = next;
        next *= n[k];
        offset += (uint64_t)from[k] * inner;
        inner *= (uint64_t)nd_shape(a)[k];
    }
    buf *b = buf_new((size_t)next, e);
    if (!b) return NULL;
    nd *x = nd_view(b, b->data, nd_type(a), a->ndim, n, step);
    buf_unref(b);
    if (!load_rows(p, a, x, &r, 0, offset, x->at, e)) return datum_unref(x);
    return &x->hdr;
}

/* An operation that met one among its inputs: joins fetch as they go, others never see one. */
static void *apply(const void *f, const void *c, void *e)
{
    const fn *op = f;
    if (op->kind->cost.streams) return op->kind->call(op, c, e);
    return err_set(e, SystemError, "'%s' was given a block that is not in memory", op->name);
}

static const datum_kind away_kind = {.name = "spilled ndarray",
                                     .drop = drop,
                                     .apply = apply,
                                     .fetch = load,
                                     .fetch_part = load_part};

bool is_spilled(const datum *d)
{
    return d && d->kind == &away_kind;
}

bool spill_takes(const nd *x)
{
    return x && x->dtype != DT_object && !(x->b->flags & BUF_OBJECTS) && x->size > 0 &&
           x->size <= PIECE && nd_count(x) > 0;
}

datum *spill_block(spill *s, const nd *x, err *e)
{
    rows r = rows_of(x);
    nd *a = mem_zero(sizeof *a + 2 * x->ndim * sizeof(int64_t) + sizeof(place));
    datum_init(&a->hdr, &away_kind); /* not copied: other threads may be counting x */
    a->dtype = x->dtype;
    a->ndim = x->ndim;
    a->unit = x->unit;
    a->flags = x->flags;
    a->size = x->size;
    place *p = place_of(a);
    memcpy(a->ext, nd_shape(x), x->ndim * sizeof(int64_t));
    lay_out(a, x, &r, p);
    p->in = s;
    p->offset = atomic_fetch_add(&s->end, (p->bytes + PAGE - 1) & ~(uint64_t)(PAGE - 1));
    atomic_fetch_add(&s->rc, 1);
    if (move_block(s, x, p, false, e)) return &a->hdr;
    return datum_unref(a);
}

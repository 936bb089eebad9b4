/* engine/run/spill.c - blocks in a temporary file.
 *
 * Elements are written in the order in which they lie in memory, repeated ones (steps of 0) once.
 * A block that was contiguous is so again; one that had gaps between rows gets small gaps, because
 * kernels take other paths, and add in another order, where axes can be merged.
 *
 * When those who will read it want parts, as when it is cut anew, these parts (tiles) lie in the
 * file one after another, each in one piece. */
#include "engine/run/spill_file.h"

#include <string.h>

#include "engine/base/mem.h"
#include "engine/graph/fn.h"

enum {
    LARGEST = 1 << 20,   /* element */
    PAGED = 1 << 16,     /* tiles of so many bytes begin on pages of their own */
    MOST_TILES = 1 << 14 /* in a block */
};

/* A spilled block begins like the nd it stands for (see datum_kind.fetch), without buffer: shape,
 * then strides of the block that load() will make, then this. */
typedef struct place {
    spill *in;
    uint64_t offset, bytes; /* in the file */
    uint64_t room, first;   /* of the buffer in memory; where the first element is in it */
    grid *tiles;            /* NULL: one */
    uint64_t *at;           /* where each tile is, from `offset` on */
} place;

static place *place_of(const nd *away)
{
    return (place *)(uintptr_t)(away->ext + 2 * away->ndim);
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
    for (int i = r->n; i-- > 0;) {
        bool gap = i + 1 < r->n
                       ? size_of_step(r->step[i]) != size_of_step(r->step[i + 1]) * r->shape[i + 1]
                       : size_of_step(r->step[i]) != (int64_t)x->size;
        if (gap) next += x->size;
        step[r->axis[i]] = r->step[i] < 0 ? -next : next;
        if (r->step[i] < 0) p->first += (uint64_t)next * (uint64_t)(r->shape[i] - 1);
        p->room += (uint64_t)next * (uint64_t)(r->shape[i] - 1);
        next *= r->shape[i];
    }
}

/* --- tiles --- */

static void tile_shape(const nd *a, uint64_t t, int64_t *shape, int64_t *start)
{
    const place *p = place_of(a);
    int64_t block[GRID_MAXDIM];
    for (int k = 0; k < a->ndim && !p->tiles; k++) {
        shape[k] = a->ext[k];
        start[k] = 0;
    }
    if (!p->tiles) return;
    grid_block(p->tiles, t, block);
    grid_block_shape(p->tiles, block, shape);
    grid_block_start(p->tiles, block, start);
}

/* Repeated elements, and those that run backwards, are left in one piece. */
static bool may_tile(const nd *x, const grid *tiles)
{
    if (!tiles || tiles->ndim != x->ndim || tiles->nblock < 2 || tiles->nblock > MOST_TILES)
        return false;
    for (int k = 0; k < x->ndim; k++)
        if (nd_strides(x)[k] <= 0 || tiles->ax[k]->extent != nd_shape(x)[k]) return false;
    return true;
}

static void place_tiles(const nd *a, place *p, const rows *r)
{
    uint64_t n = p->tiles ? p->tiles->nblock : 1, next = 0, count = 1;
    int64_t shape[ND_MAXDIM], start[ND_MAXDIM];
    for (int i = 0; i < r->n; i++) count *= (uint64_t)r->shape[i];
    bool paged = count * a->size / n >= PAGED;
    p->at = mem_alloc(n * sizeof *p->at);
    for (uint64_t t = 0; t < n; t++) {
        uint64_t bytes = a->size;
        tile_shape(a, t, shape, start);
        for (int i = 0; i < r->n; i++) bytes *= (uint64_t)shape[r->axis[i]];
        p->at[t] = next = paged ? page_up(next) : next;
        next += bytes;
    }
    p->bytes = next;
}

/* --- elements in and out --- */

typedef struct flow { /* a tile, or a part of it, between memory and the file */
    const rows *r;
    size_t size;
    int64_t tile[ND_MAXDIM], n[ND_MAXDIM]; /* along the axes of r: of the tile, of the part */
    int64_t step[ND_MAXDIM];               /* in memory, */
    uint64_t inner[ND_MAXDIM];             /* and in the file */
    int outer;                             /* axes before the runs: */
    int64_t run, run_step;                 /* elements evenly spaced in memory, dense in the file */
    bool reading;
    spill_in in;
    spill_out out;
    err *e;
} flow;

static void find_runs(flow *f)
{
    uint64_t inner = f->size;
    bool whole = true;
    f->outer = f->r->n;
    f->run = 1;
    f->run_step = (int64_t)f->size;
    for (int i = f->r->n; i-- > 0;) {
        f->inner[i] = inner;
        inner *= (uint64_t)f->tile[i];
        if (!whole) continue;
        if (f->run > 1 && f->n[i] > 1 && f->step[i] != f->run_step * f->run) {
            whole = false;
            continue;
        }
        if (f->run == 1 && f->n[i] > 1) f->run_step = f->step[i];
        f->run *= f->n[i];
        f->outer = i;
        whole = f->n[i] == f->tile[i];
    }
}

static bool move_rows(flow *f, int axis, char *at, uint64_t offset)
{
    if (axis == f->outer)
        return f->reading ? spill_get(&f->in, offset, at, f->run, f->run_step, f->size, f->e)
                          : spill_put(&f->out, at, f->run, f->run_step, f->size, f->e);
    for (int64_t i = 0; i < f->n[axis]; i++)
        TRY(move_rows(f, axis + 1, at + i * f->step[axis], offset + (uint64_t)i * f->inner[axis]));
    return true;
}

/* How far to read at once: rows far apart are read each by itself. */
static void look_ahead(flow *f, uint64_t offset, uint64_t end)
{
    enum { SPARSE = 4 };
    uint64_t last = offset, bytes = f->size;
    for (int i = 0; i < f->r->n; i++) {
        last += (uint64_t)(f->n[i] - 1) * f->inner[i];
        bytes *= (uint64_t)f->n[i];
    }
    bool sparse = (last + f->size - offset) / SPARSE > bytes;
    f->in.until = sparse ? 0 : end ? end : last + f->size;
}

/* What tile t has of the part [from, from + n) of block a, which lies at `at` in memory with steps
 * `step`; false: nothing. */
static bool cut_tile(flow *f, const nd *a, uint64_t t, const int64_t *from, const int64_t *n,
                     const int64_t *step, char **at, uint64_t *offset)
{
    const place *p = place_of(a);
    int64_t shape[ND_MAXDIM], start[ND_MAXDIM], lo[ND_MAXDIM];
    tile_shape(a, t, shape, start);
    for (int k = 0; k < a->ndim; k++)
        if (start[k] >= from[k] + n[k] || start[k] + shape[k] <= from[k]) return false;
    for (int i = 0; i < f->r->n; i++) {
        int k = f->r->axis[i];
        int64_t end = from[k] + n[k] < start[k] + shape[k] ? from[k] + n[k] : start[k] + shape[k];
        lo[i] = from[k] > start[k] ? from[k] : start[k];
        f->tile[i] = shape[k];
        f->n[i] = end - lo[i];
        f->step[i] = step[k];
        *at += (lo[i] - from[k]) * step[k];
        lo[i] -= start[k];
    }
    find_runs(f);
    *offset = p->offset + p->at[t];
    for (int i = 0; i < f->r->n; i++) *offset += (uint64_t)lo[i] * f->inner[i];
    return true;
}

/* The elements of a part of block a, to or from `at`. */
static bool move_part(const nd *a, const rows *r, const int64_t *from, const int64_t *n, char *at,
                      const int64_t *step, bool reading, err *e)
{
    const place *p = place_of(a);
    flow f = {.r = r, .size = a->size, .reading = reading, .e = e};
    uint64_t ntile = p->tiles ? p->tiles->nblock : 1, offset;
    bool all = !memcmp(n, a->ext, a->ndim * sizeof *n);
    bool ok =
        reading ? spill_in_begin(&f.in, p->in, e) : spill_out_begin(&f.out, p->in, p->offset, e);
    for (uint64_t t = 0; t < ntile && ok; t++) {
        char *to = at;
        if (!cut_tile(&f, a, t, from, n, step, &to, &offset)) continue;
        if (reading) look_ahead(&f, offset, all ? p->offset + p->bytes : 0);
        if (!reading && p->at[t] % SPILL_PAGE == 0) ok = spill_put_page(&f.out, e);
        ok = ok && move_rows(&f, 0, to, offset);
    }
    if (reading)
        spill_in_end(&f.in);
    else
        ok = spill_out_end(&f.out, ok, e);
    return ok;
}

/* from the lowest address on, whatever the signs of the steps */
static char *lowest(const nd *x, int64_t *step)
{
    char *at = x->at;
    for (int k = 0; k < x->ndim; k++) {
        step[k] = nd_strides(x)[k];
        if (step[k] < 0) {
            at += (nd_shape(x)[k] - 1) * step[k];
            step[k] = -step[k];
        }
    }
    return at;
}

/* All elements of block a, to or from x. */
static bool move_block(const nd *a, const nd *x, const rows *r, bool reading, err *e)
{
    const int64_t zero[ND_MAXDIM] = {0};
    int64_t step[ND_MAXDIM];
    char *at = lowest(x, step);
    return move_part(a, r, zero, nd_shape(x), at, step, reading, e);
}

/* --- spilled blocks --- */

static void drop(datum *d)
{
    place *p = place_of((nd *)d);
    spill_give_back(p->in, p->offset, p->bytes);
    spill_unref(p->in);
    datum_unref(p->tiles);
    mem_free(p->at);
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
    rows r = rows_of(x);
    if (!move_block(a, x, &r, true, e)) return datum_unref(x);
    return &x->hdr;
}

/* of a block that runs backwards: rare */
static datum *part_of_all(const datum *d, const int64_t *from, const int64_t *n, err *e)
{
    nd *x = (nd *)load(d, e), *part = NULL;
    char *at = x ? x->at : NULL;
    for (int k = 0; x && k < x->ndim; k++) at += from[k] * nd_strides(x)[k];
    if (x) part = nd_view(x->b, at, nd_type(x), x->ndim, n, nd_strides(x));
    datum_unref(x);
    return (datum *)part;
}

/* A dense block with its axes in the order of memory that the file has. */
static datum *load_part(const datum *d, const int64_t *from, const int64_t *n, void *e)
{
    const nd *a = (const nd *)d;
    int64_t step[ND_MAXDIM], next = a->size;
    rows r = rows_of(a);
    for (int k = 0; k < a->ndim; k++) {
        if (nd_strides(a)[k] < 0) return part_of_all(d, from, n, e);
        step[k] = nd_strides(a)[k] ? (int64_t)a->size : 0;
    }
    for (int i = r.n; i-- > 0;) {
        step[r.axis[i]] = next;
        next *= n[r.axis[i]];
    }
    buf *b = buf_new((size_t)next, e);
    if (!b) return NULL;
    nd *x = nd_view(b, b->data, nd_type(a), a->ndim, n, step);
    buf_unref(b);
    if (next && !move_part(a, &r, from, n, x->at, step, true, e)) return datum_unref(x);
    return &x->hdr;
}

/* An operation that met one among its inputs: joins fetch as they go, others never see one. */
static void *apply(const void *f, const void *c, void *e)
{
    const fn *op = f;
    if (op->kind->cost.streams || op->kind->cost.folds) return op->kind->call(op, c, e);
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
           x->size <= LARGEST && nd_count(x) > 0;
}

datum *spill_block(spill *s, const nd *x, const grid *tiles, err *e)
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
    p->in = spill_ref(s);
    p->tiles = may_tile(x, tiles) ? datum_ref((grid *)(uintptr_t)tiles) : NULL;
    place_tiles(a, p, &r);
    p->offset = spill_place(s, p->bytes);
    if (move_block(a, x, &r, false, e)) return &a->hdr;
    return datum_unref(a);
}

/* engine/plan/rechunk.c - a pass: new blocks are pasted together straight from the old ones.
 *
 * Dask cuts pieces (a task each), joins them, and goes by intermediate grids when there are many.
 * Here one task copies every piece to its place, and steps that nobody else reads are skipped as
 * long as the number of pieces stays in proportion.  What the graph would have made as a view of
 * one block stays a view, what it would have copied is, and a block that would have been cut from a
 * larger one keeps gaps between its rows: so sums over it go by the same runs.  A source that can
 * read any region reads the new blocks. */
#include "engine/expr/rechunk.h"

#include <string.h>

#include "engine/expr/build.h"
#include "engine/kernels/ops.h"
#include "engine/plan/lower.h"

typedef struct paste_fn {
    fn base;
    int nstep; /* grid[0]: the old one, then step by step to the new one */
    grid *grid[MAX_RECHUNK_STEP + 1];
} paste_fn;

typedef struct region {
    int ndim;
    int64_t lo[GRID_MAXDIM], hi[GRID_MAXDIM];      /* elements */
    int64_t first[GRID_MAXDIM], last[GRID_MAXDIM]; /* old blocks that hold them */
    int64_t parent[GRID_MAXDIM];                   /* shape of the block it is cut from */
    bool view;                                     /* cut from one old block */
    bool copied;                                   /* ... of which it is at most half */
} region;

/* the block of g that holds all of [lo, hi), or false */
static bool holder(const grid *g, const region *r, int64_t *shape)
{
    for (int k = 0; k < r->ndim; k++) {
        int64_t b = cuts_find(g->ax[k], r->lo[k]);
        if (r->hi[k] > cuts_start(g->ax[k], b + 1)) return false;
        shape[k] = cuts_size(g->ax[k], b);
    }
    return true;
}

static void region_of(const paste_fn *f, uint64_t i, region *r)
{
    const grid *to = f->grid[f->nstep], *old = f->grid[0];
    int64_t block[GRID_MAXDIM], shape[GRID_MAXDIM];
    r->ndim = to->ndim;
    r->copied = false;
    grid_block(to, i, block);
    grid_block_start(to, block, r->lo);
    grid_block_shape(to, block, r->parent);
    for (int k = 0; k < r->ndim; k++) {
        r->hi[k] = r->lo[k] + r->parent[k];
        r->first[k] = cuts_find(old->ax[k], r->lo[k]);
        r->last[k] = cuts_find(old->ax[k], r->hi[k] - 1);
    }
    int64_t own = shape_count(r->ndim, r->parent), cut = own;
    int s = f->nstep;
    for (; s > 0 && holder(f->grid[s - 1], r, shape); s--) {
        r->copied |= shape_count(r->ndim, shape) >= 2 * cut && cut > 0;
        cut = shape_count(r->ndim, shape);
        if (!r->copied) memcpy(r->parent, shape, sizeof shape);
    }
    r->view = s == 0 && (!r->copied || shape_count(r->ndim, r->parent) == own);
}

/* --- the task --- */

/* a block with rows as far apart as in a part of the parent */
static nd *new_part(dtype_of t, const region *r, err *e)
{
    int64_t shape[GRID_MAXDIM], room[GRID_MAXDIM], strides[GRID_MAXDIM];
    for (int k = 0; k < r->ndim; k++) {
        shape[k] = r->hi[k] - r->lo[k];
        room[k] = shape[k] + (k > 0 && shape[k] < r->parent[k]);
    }
    nd *whole = nd_new(t, r->ndim, room, e);
    if (!whole) return NULL;
    strides_c(r->ndim, room, t.size, strides);
    nd *x = nd_view(whole->b, whole->at, t, r->ndim, shape, strides);
    datum_unref(whole);
    return x;
}

typedef struct piece { /* of old block `block` */
    int64_t block[GRID_MAXDIM], from[GRID_MAXDIM], to[GRID_MAXDIM], n[GRID_MAXDIM];
} piece;

static void piece_of(const paste_fn *f, const region *r, piece *p)
{
    for (int k = 0; k < r->ndim; k++) {
        const cuts *a = f->grid[0]->ax[k];
        int64_t start = cuts_start(a, p->block[k]), stop = start + cuts_size(a, p->block[k]);
        int64_t lo = start > r->lo[k] ? start : r->lo[k], hi = stop < r->hi[k] ? stop : r->hi[k];
        p->from[k] = lo - start;
        p->to[k] = lo - r->lo[k];
        p->n[k] = hi - lo;
    }
}

static bool next_block(const region *r, int64_t *block)
{
    for (int k = r->ndim; k-- > 0;) {
        if (++block[k] <= r->last[k]) return true;
        block[k] = r->first[k];
    }
    return false;
}

static nd *sub_block(const nd *x, const int64_t *at, const int64_t *n)
{
    ptrdiff_t offset = 0;
    for (int k = 0; k < x->ndim; k++) offset += at[k] * nd_strides(x)[k];
    return nd_view(x->b, x->at + offset, nd_type(x), x->ndim, n, nd_strides(x));
}

/* of an old block that is kept elsewhere only the piece is fetched */
static nd *fetch(const nd *x, const piece *p, err *e)
{
    if (x->hdr.kind->fetch_part) return as_nd(x->hdr.kind->fetch_part(&x->hdr, p->from, p->n, e));
    return sub_block(x, p->from, p->n);
}

static bool paste(nd *out, const nd *x, const piece *p, err *e)
{
    nd *to = sub_block(out, p->to, p->n), *from = fetch(x, p, e);
    bool ok = from && nd_assign(to, from, 'u', NULL, e);
    datum_unref(to);
    datum_unref(from);
    return ok;
}

static bool as_announced(const paste_fn *f, const piece *p, const nd *x, err *e)
{
    int64_t shape[GRID_MAXDIM];
    char is[200], was[200];
    grid_block_shape(f->grid[0], p->block, shape);
    int ndim = f->grid[0]->ndim;
    if (x->ndim == ndim && (!ndim || !memcmp(shape, nd_shape(x), (size_t)ndim * sizeof *shape)))
        return true;
    shape_text(x->ndim, nd_shape(x), is, sizeof is);
    shape_text(ndim, shape, was, sizeof was);
    return err_set(e, ValueError, "a block of shape %s was announced as %s by its chunks", is, was);
}

/* its inputs are the old blocks, in C order */
static datum *paste_call(const fn *base, const call *c, err *e)
{
    const paste_fn *f = (const paste_fn *)base;
    region r;
    piece p;
    nd *out = NULL;
    region_of(f, c->index, &r);
    memcpy(p.block, r.first, sizeof p.block);
    for (uint32_t i = 0; i < c->nin; i++) {
        const nd *x = c->in[i]->kind->fetch_part ? (const nd *)c->in[i] : as_nd(c->in[i]);
        bool ok = x || err_set(e, TypeError, "a block operation needs an array, not '%s'",
                               c->in[i]->kind->name);
        if (ok && !out) ok = (out = new_part(nd_type(x), &r, e)) != NULL;
        if (ok) {
            ok = as_announced(f, &p, x, e);
            piece_of(f, &r, &p);
        }
        if (!ok || !paste(out, x, &p, e)) return datum_unref(out);
        next_block(&r, p.block);
    }
    return (datum *)out;
}

/* the borders of the new blocks that cross old block i */
static grid *paste_tiles(const fn *base, uint64_t i)
{
    const paste_fn *f = (const paste_fn *)base;
    const grid *old = f->grid[0], *to = f->grid[f->nstep];
    int64_t block[GRID_MAXDIM];
    cuts *ax[GRID_MAXDIM];
    if (i >= old->nblock) return NULL;
    grid_block(old, i, block);
    for (int k = 0; k < old->ndim; k++) {
        cuts_builder b = {0};
        int64_t at = cuts_start(old->ax[k], block[k]), end = at + cuts_size(old->ax[k], block[k]);
        for (int64_t j = cuts_find(to->ax[k], at); at < end; j++) {
            int64_t stop = cuts_start(to->ax[k], j + 1);
            if (stop > end) stop = end;
            cuts_add(&b, stop - at, 1);
            at = stop;
        }
        ax[k] = cuts_build(&b);
    }
    grid *g = grid_new(old->ndim, ax);
    for (int k = 0; k < old->ndim; k++) datum_unref(ax[k]);
    return g;
}

static void paste_drop(fn *base)
{
    paste_fn *f = (paste_fn *)base;
    for (int i = 0; i <= f->nstep; i++) datum_unref(f->grid[i]);
}

static const fn_kind paste_kind = {.name = "paste",
                                   .version = 1,
                                   .call = paste_call,
                                   .drop = paste_drop,
                                   .tiles = paste_tiles,
                                   .cost = {.streams = true, .parts = true}};

/* --- the layer --- */

typedef struct paste_layer {
    layer base;
    paste_fn *f;
    fn *getitem;
} paste_layer;

static void view_task(const paste_layer *l, const region *r, arena *a, task_view *out)
{
    const grid *old = l->f->grid[0];
    lit *arg = arena_alloc(a, 3 * sizeof *arg),
        *item = arena_alloc(a, (size_t)r->ndim * sizeof *item + 1);
    ref *in = arena_alloc(a, sizeof *in);
    bool whole = true;
    for (int k = 0; k < r->ndim; k++) {
        int64_t start = cuts_start(old->ax[k], r->first[k]);
        item[k] = lit_slice(r->lo[k] - start, r->hi[k] - start, INT64_MIN);
        whole &= r->hi[k] - r->lo[k] == cuts_size(old->ax[k], r->first[k]);
    }
    *in = (ref){l->base.dep[0], grid_linear(old, r->first)};
    arg[0] = lit_in(0);
    arg[1] = lit_items(LIT_TUPLE, (uint32_t)r->ndim, item);
    *out = (task_view){.nin = 1, .in = in};
    if (whole) return;                            /* another name */
    arg[2] = lit_int(r->copied ? INT64_MAX : -1); /* of how many: is it copied? */
    out->f = l->getitem;
    out->narg = 3;
    out->arg = arg;
}

static bool paste_task(const layer *base, uint64_t i, arena *a, task_view *out, err *e)
{
    const paste_layer *l = (const paste_layer *)base;
    const grid *old = l->f->grid[0];
    region r;
    int64_t block[GRID_MAXDIM];
    uint64_t n = 1;
    (void)e;
    region_of(l->f, i, &r);
    if (r.view) {
        view_task(l, &r, a, out);
        return true;
    }
    for (int k = 0; k < r.ndim; k++) n *= (uint64_t)(r.last[k] - r.first[k] + 1);
    ref *in = arena_alloc(a, n * sizeof *in);
    memcpy(block, r.first, sizeof block);
    do in[out->nin++] = (ref){base->dep[0], grid_linear(old, block)};
    while (next_block(&r, block));
    out->in = in;
    out->f = &l->f->base;
    return true;
}

static void paste_layer_drop(layer *base)
{
    paste_layer *l = (paste_layer *)base;
    datum_unref(l->f);
    datum_unref(l->getitem);
}

static const layer_kind paste_layer_kind = {
    .name = "paste", .task = paste_task, .drop = paste_layer_drop};

/* --- straight from a source --- */

typedef struct reread_layer { /* reads the same region of a source, cut otherwise */
    layer base;
    layer *of;
} reread_layer;

static bool reread_task(const layer *base, uint64_t i, arena *a, task_view *out, err *e)
{
    const reread_layer *l = (const reread_layer *)base;
    int64_t block[GRID_MAXDIM], at[GRID_MAXDIM], n[GRID_MAXDIM];
    int ndim = base->grid->ndim;
    TRY(layer_task(l->of, 0, a, out, e));
    lit *arg = arena_alloc(a, out->narg * sizeof *arg);
    lit *item = arena_alloc(a, (size_t)ndim * sizeof *item + 1);
    memcpy(arg, out->arg, out->narg * sizeof *arg);
    grid_block(base->grid, i, block);
    grid_block_start(base->grid, block, at);
    grid_block_shape(base->grid, block, n);
    for (int k = 0; k < ndim; k++) {
        int64_t from = arg[out->narg - 1].item[k].slice.start + at[k];
        item[k] = lit_slice(from, from + n[k], INT64_MIN);
    }
    arg[out->narg - 1] = lit_items(LIT_TUPLE, (uint32_t)ndim, item);
    out->arg = arg;
    return true;
}

static void reread_drop(layer *base)
{
    datum_unref(((reread_layer *)base)->of);
}

static const layer_kind reread_kind = {.name = "reread", .task = reread_task, .drop = reread_drop};

/* Do l's blocks lie side by side in the source, one after the other along axis k? */
static bool axis_is_whole(const layer *l, int k, arena *a)
{
    int64_t block[GRID_MAXDIM] = {0}, end = 0;
    for (; block[k] < l->grid->ax[k]->nblock; block[k]++) {
        task_view v;
        arena_reset(a);
        bool ok = layer_task(l, grid_linear(l->grid, block), a, &v, NULL) && v.narg;
        const lit *read = ok ? &v.arg[v.narg - 1] : NULL;
        if (!region_is_box(read) || (int)read->n != l->grid->ndim) return false;
        const lit *x = &read->item[k];
        if (block[k] && x->slice.start != end) return false;
        end = x->slice.stop;
    }
    return true;
}

static bool reads_all(const layer *l)
{
    arena a = {0};
    bool ok = true;
    for (int k = 0; k < l->grid->ndim && ok; k++) ok = axis_is_whole(l, k, &a);
    arena_clear(&a);
    return ok;
}

enum { RUN_LEAST = 4096 }; /* bytes of a row: shorter ones are read with their block, once */

static bool rows_are_long(const grid *old, const grid *to, size_t size)
{
    if (!to->ndim) return false;
    const cuts *was = old->ax[to->ndim - 1], *is = to->ax[to->ndim - 1];
    return is->largest >= was->largest || (size_t)is->largest * size >= RUN_LEAST;
}

static layer *from_source(const nodes *all, const node *x, const layer *first)
{
    const node *d = nodes_find(all, first->dep[0]);
    const source *s =
        node_own(d) && d->by->count == d->by->grid->nblock ? layer_source(d->by) : NULL;
    if (!s || !s->kind->divisible || !s->kind->read_into || s->whole) return NULL;
    if (!grid_eq(d->by->grid, as_rechunk(first)) || !reads_all(d->by)) return NULL;
    if (!rows_are_long(d->by->grid, x->of->grid, x->of->type.size)) return NULL;
    reread_layer *l = layer_new(sizeof *l, &reread_kind, x->of->name, x->of->grid, x->of->type,
                                d->by->ndep, d->by->dep);
    l->base.flags = d->by->flags;
    l->of = datum_ref((layer *)(uintptr_t)d->by);
    return &l->base;
}

/* --- when --- */

static bool plain_grid(const grid *g)
{
    if (!grid_known(g)) return false;
    for (int k = 0; k < g->ndim; k++)
        for (uint32_t i = 0; i < g->ax[k]->nrun; i++)
            if (g->ax[k]->run[i].size <= 0) return false;
    return true;
}

/* pieces from one grid to the other */
static double pieces(const grid *a, const grid *b)
{
    double n = 1;
    for (int k = 0; k < a->ndim; k++) n *= (double)a->ax[k]->nblock + (double)b->ax[k]->nblock;
    return n;
}

/* how many steps ending at x, at most, one paste may stand for */
static int steps(const nodes *all, const node *x, const layer *step[MAX_RECHUNK_STEP])
{
    int n = 0, best = 0;
    double tasks = 1 << 16;
    for (const node *y = x; n < MAX_RECHUNK_STEP; y = nodes_find(all, y->of->dep[0])) {
        const grid *old = as_rechunk(y->of);
        if (!old || y->by != y->of || y->of->foreign || !plain_grid(old)) break;
        if (n && !node_own(y)) break;
        step[n++] = y->of;
        tasks += 4 * (double)y->of->count;
        if (n == 1 || pieces(old, x->of->grid) <= tasks) best = n;
    }
    return best;
}

layer *rewrite_rechunk(const nodes *all, const node *x)
{
    const layer *step[MAX_RECHUNK_STEP];
    if (!as_rechunk(x->of) || !plain_grid(x->of->grid)) return NULL;
    int n = steps(all, x, step);
    if (!n) return NULL;
    layer *read = from_source(all, x, step[n - 1]);
    if (read) return read;
    if (x->of->type.dt == DT_object) return NULL; /* the language joins its objects itself */
    paste_fn *f = fn_new(sizeof *f, &paste_kind, "paste");
    f->nstep = n;
    for (int i = 0; i < n; i++)
        f->grid[i] = datum_ref((grid *)(uintptr_t)as_rechunk(step[n - 1 - i]));
    f->grid[n] = datum_ref(x->of->grid);
    paste_layer *l = layer_new(sizeof *l, &paste_layer_kind, x->of->name, x->of->grid, x->of->type,
                               1, &step[n - 1]->dep[0]);
    l->f = f;
    l->getitem = fn_getitem_piece();
    return &l->base;
}

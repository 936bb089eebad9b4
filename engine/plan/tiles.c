/* engine/plan/tiles.c - running a fused program piece by piece, so that what passes between its
 * steps stays in cache.
 *
 * A task qualifies when every step but the last is elementwise, makes its block from nothing, or
 * reads it, all with one block shape.  Then the block is a stream of pieces in C order: an
 * elementwise last step writes them into its result, a reduction folds them along NumPy's own
 * tree (expr/stream.c).  Whatever does not qualify runs step by step; the bits are the same. */
#include "engine/plan/tiles.h"

#include <string.h>

#include "engine/expr/build.h"
#include "engine/expr/reduceops.h"
#include "engine/expr/several.h"
#include "engine/plan/tile_code.h"

/* which inputs of each step are other steps, and the datums of those that are not */
static void find_inputs(tile_code *c)
{
    datum ***in = arena_alloc(c->r->scratch, c->g->nstep * sizeof *in);
    int8_t **from = arena_alloc(c->r->scratch, c->g->nstep * sizeof *from);
    const plan *p = c->r->p;
    const task *t = &p->task[c->r->t];
    uint32_t next = 0;
    for (uint32_t s = 0; s < c->g->nstep; s++) {
        const task_view *v = &c->view[s];
        in[s] = arena_alloc(c->r->scratch, v->nin * sizeof *in[s] + 1);
        from[s] = arena_alloc(c->r->scratch, v->nin + 1);
        for (uint32_t k = 0; k < v->nin; k++) {
            from[s][k] = -1;
            for (uint32_t q = 1; q < c->g->nstep; q++)
                if (layer_same(c->g->step[q], v->in[k].of)) from[s][k] = (int8_t)q;
            if (from[s][k] >= 0) continue;
            in[s][k] = atomic_load_explicit(&p->out[p->in[t->in + next++]], memory_order_relaxed);
        }
    }
    c->in = (datum *const *const *)in;
    c->from = (const int8_t *const *)from;
}

static bool set_shape(tile_code *c, int ndim, const int64_t *shape)
{
    c->ndim = ndim;
    memcpy(c->shape, shape, (size_t)ndim * sizeof *shape);
    c->count = shape_count(ndim, shape);
    return c->count >= TILE_LEAST;
}

static bool block_shape(tile_code *c, const layer *l, uint64_t index)
{
    int64_t block[GRID_MAXDIM], shape[GRID_MAXDIM];
    if (!l->grid || index >= l->grid->nblock) return false;
    grid_block(l->grid, index, block);
    grid_block_shape(l->grid, block, shape);
    for (int i = 0; i < l->grid->ndim; i++)
        if (shape[i] < 0) return false;
    return set_shape(c, l->grid->ndim, shape);
}

/* --- an elementwise last step --- */

static bool write_all(tile_code *c, err *e)
{
    for (int64_t from = 0; from < c->count; from += TILE) {
        int64_t n = c->count - from < TILE ? c->count - from : TILE;
        if (!tile_run(c, from, n, e)) return false;
    }
    return true;
}

/* the place of the result in the array that is wanted, if it is one that pieces can be put into */
static nd *seat_of(const tile_code *c)
{
    nd *x = plan_seat(c->r->p, c->r->t);
    bool fits = x && x->dtype == tile_type(c).dt && x->size == tile_type(c).size &&
                x->unit == tile_type(c).unit && x->ndim == c->ndim && tile_takes(x) &&
                !memcmp(nd_shape(x), c->shape, (size_t)c->ndim * sizeof *c->shape);
    return fits ? x : datum_unref(x);
}

/* an input that the result may be written over piece by piece */
static nd *input_over(const tile_code *c)
{
    nd *x = task_input_over(c->r, tile_type(c), c->ndim, c->shape);
    return x && tile_reads_straight(c, x) ? x : datum_unref(x);
}

static bool map_task(tile_code *c, datum **out, err *e)
{
    c->first = 0;
    if (!block_shape(c, c->g->by[0], c->index[0])) return false;
    if (!tile_compile(c, e)) return false;
    nd *x = seat_of(c);
    if (!x) x = input_over(c);
    if (!x) x = nd_new(tile_type(c), c->ndim, c->shape, e);
    bool ok = x && tile_deliver(c, tile_type(c), x, e);
    if (!ok || !tile_rewind(c, e)) {
        datum_unref(x);
        return false;
    }
    *out = (datum *)(write_all(c, e) ? x : datum_unref(x));
    return true;
}

/* --- a reduction --- */

static const char *next_piece(void *ctx, int64_t from, int64_t n, err *e)
{
    return tile_run(ctx, from, n, e);
}

static bool next_sum(void *ctx, int64_t from, int64_t n, void *out, err *e)
{
    return tile_sum(ctx, from, n, out, e);
}

static bool again(void *ctx, err *e)
{
    return tile_rewind(ctx, e);
}

/* Functions that skip NaN copy the block, and an axis that repeats becomes the fastest one. */
static bool copies_turn(const tile_code *c, int n, const fn *const *part)
{
    const tile_operand *v = &c->value[c->first];
    bool skips = false;
    for (int i = 0; i < n; i++) {
        const red_fn *r = (const red_fn *)part[i];
        skips |= r->nan || r->id == R_nansum || r->id == R_nanprod;
    }
    return skips && v->place == TILE_BLOCK && v->inner != INT64_MAX && !(v->row && v->step);
}

static bool reduce_task(tile_code *c, datum **out, err *e)
{
    const task_view *v = &c->view[0];
    const fn *part[RED_MOST];
    dtype_of as[RED_MOST];
    int n = fn_parts(v->f, part);
    if (v->nin != 1 || v->narg < 1 || (n == 1 && v->arg[0].kind != LIT_IN)) return false;
    if (c->from[0][0] == 1) {
        c->first = 1;
        if (!block_shape(c, c->g->by[1], c->index[1])) return false;
        if (!red_streams(v->f, c->ndim, c->shape, c->g->by[1]->type, as)) return false;
    } else { /* a block in memory */
        c->first = (int)c->g->nstep;
        c->resident = c->g->nstep == 1 ? as_nd(c->in[0][0]) : NULL;
        if (!c->resident || !red_prefers_stream(v->f)) return false;
        if (!set_shape(c, c->resident->ndim, nd_shape(c->resident))) return false;
    }
    if (!tile_compile(c, e)) return false;
    if (c->value[c->first].turned || copies_turn(c, n, part))
        return false; /* NumPy adds in the order of memory */
    if (!red_streams(v->f, c->ndim, c->shape, tile_type(c), as)) return false;
    dtype_of type = tile_type(c);
    if (n == 1 && !red_takes(v->f, c->ndim, c->shape, type, as[0], tile_lies(c))) type = as[0];
    if (!tile_deliver(c, type, NULL, e) || !tile_rewind(c, e)) return false;
    stream s = {.ndim = c->ndim,
                .count = c->count,
                .type = type,
                .lies = tile_lies(c),
                .ctx = c,
                .next = next_piece,
                .sum = next_sum,
                .sums = tile_sums(c),
                .again = again};
    memcpy(s.shape, c->shape, sizeof s.shape);
    *out = red_stream(v->f, v->arg, as, &s, e);
    return true;
}

bool tiles_run(const task_run *r, const program *g, const task_view *view, const uint64_t *index,
               datum **out, err *e)
{
    tile_code *c = arena_alloc(r->scratch, sizeof *c);
    c->r = r;
    c->g = g;
    c->view = view;
    c->index = index;
    *out = NULL;
    if (!view[0].f) return false;
    find_inputs(c);
    bool map = view[0].f->flags & FN_ELEMENTWISE;
    bool done = map ? map_task(c, out, e) : reduce_task(c, out, e);
    tile_clear(c);
    return done || e->kind;
}

/* engine/run/join.c - arrays out of the blocks of a finished plan.
 *
 * A block is let go of as soon as it is in its place, and the array takes memory page by page as it
 * is filled: both together are never much more than the result. */
#include <string.h>

#include "engine/kernels/ops.h"
#include "engine/run/run.h"

/* A result that is an array, from disk if need be; owned.  NULL: no array, or the error. */
static nd *block_here(const datum *d, err *e)
{
    return d->kind->fetch ? as_nd(d->kind->fetch(d, e)) : nd_ref(as_nd(d));
}

static const nd *outline(const datum *d)
{
    return d && d->kind->fetch ? (const nd *)d : as_nd(d);
}

static nd *join_axis(const plan *p, uint32_t first, const grid *g, int k, uint64_t at, err *e)
{
    if (k == g->ndim) {
        datum *d = plan_result(p, first + (uint32_t)at);
        nd *x = block_here(d, e);
        if (x && x->ndim == 0 && g->ndim == 1 && g->nblock > 1) { /* a number is a block of one */
            nd *row = nd_expand(x, 0);
            datum_unref(x);
            return row;
        }
        if (x && x->ndim == 0 && g->nblock > 1) {
            err_set(e, IndexError, "tuple index out of range");
            return datum_unref(x);
        }
        if (x || e->kind) return x;
        return err_set(e, TypeError, "a block is not an array but '%s'", d->kind->name);
    }
    uint64_t n = (uint64_t)g->ax[k]->nblock;
    nd **part = mem_alloc((n + 1) * sizeof *part);
    uint64_t have = 0;
    nd *out = NULL;
    while (have < n && (part[have] = join_axis(p, first, g, k + 1, at * n + have, e))) have++;
    if (have == n)
        out = n == 1 ? nd_ref(part[0])
                     : nd_concat((int)n, (const nd *const *)part, k, (dtype_of){.dt = DT_none}, e);
    for (uint64_t i = 0; i < have; i++) datum_unref(part[i]);
    mem_free(part);
    return out;
}

enum { LARGE = 1 << 26 }; /* bytes */

/* Every block that is not there is copied once, to its place, and let go of. */
static bool fill(plan *p, uint32_t first, const grid *g, nd *out, err *e)
{
    bool ok = true;
    uint64_t *again = plan_again(p, 0, p->nwanted);
    for (uint64_t b = 0; b < g->nblock && ok; b++) {
        const uint32_t k = first + (uint32_t)b;
        nd *part = block_here(plan_result(p, k), e);
        nd *to = part && part->b != out->b ? place_view(out, g, b) : NULL;
        ok = part && (!to || nd_assign(to, part, 'u', NULL, e));
        datum_unref(part);
        datum_unref(to);
        if (ok) plan_forget(p, k, again);
        if (out->b->size >= LARGE)
            buf_pool_clear();
        else
            buf_pool_settle();
    }
    mem_free(again);
    return ok;
}

/* placed: an array that has some of the blocks already, or NULL.  The first block says of which
 * type the result is. */
static nd *join_known(plan *p, uint32_t first, const grid *g, nd *placed, err *e)
{
    int64_t shape[GRID_MAXDIM];
    grid_shape(g, shape);
    dtype_of t = nd_type(outline(plan_result(p, first)));
    if (placed && placed->dtype == t.dt)
        return fill(p, first, g, placed, e) ? nd_ref(placed) : NULL;
    nd *out = nd_growing(t, g->ndim, shape, e);
    if (!out || !fill(p, first, g, out, e)) return datum_unref(out);
    buf_count(out->b);
    return out;
}

/* What one of the first type can take without further ado */
static bool may_stand_beside(enum dtype first, enum dtype t)
{
    return first == t || (dtype_is_number(first) && dtype_is_number(t));
}

static bool blocks_fit(const plan *p, uint32_t first, const grid *g)
{
    int64_t block[GRID_MAXDIM], size[GRID_MAXDIM];
    enum dtype dt = DT_none;
    for (uint64_t b = 0; b < g->nblock; b++) {
        const nd *part = outline(plan_result(p, first + (uint32_t)b));
        if (!part || part->ndim != g->ndim || part->dtype == DT_object) return false;
        if (dtypes[part->dtype].size == 0 || (b && !may_stand_beside(dt, part->dtype)))
            return false;
        if (!b) dt = part->dtype;
        grid_block(g, b, block);
        grid_block_shape(g, block, size);
        if (g->ndim && memcmp(size, nd_shape(part), (size_t)g->ndim * sizeof *size)) return false;
    }
    return true;
}

/* The chunks whose sizes nobody knew before, as the first blocks along each axis have them; NULL:
 * they are no arrays of so many axes. */
static grid *grid_found(const plan *p, uint32_t first, const grid *g)
{
    cuts *ax[GRID_MAXDIM] = {0};
    int have = 0;
    for (; have < g->ndim; have++) {
        int64_t n = g->ax[have]->nblock, where[GRID_MAXDIM] = {0};
        int64_t *size = mem_alloc(((size_t)n + 1) * sizeof *size);
        bool ok = true;
        for (int64_t i = 0; i < n && ok; i++) {
            where[have] = i;
            const nd *x = outline(plan_result(p, first + (uint32_t)grid_linear(g, where)));
            ok = x && x->ndim == g->ndim;
            if (ok) size[i] = nd_shape(x)[have];
        }
        ax[have] = ok ? cuts_of(n, size) : NULL;
        mem_free(size);
        if (!ok) break;
    }
    grid *found = have == g->ndim ? grid_new(have, ax) : NULL;
    while (have-- > 0) datum_unref(ax[have]);
    return found;
}

/* A result whose chunks nobody knew before. */
static nd *join_unknown(plan *p, uint32_t first, const grid *g, err *e)
{
    grid *found = grid_found(p, first, g);
    nd *out = found && blocks_fit(p, first, found) ? join_known(p, first, found, NULL, e)
                                                   : join_axis(p, first, g, 0, 0, e);
    datum_unref(found);
    return out;
}

nd *plan_join(plan *p, uint32_t first, const expr *x, err *e)
{
    bool all = false;
    const grid *g = x->chunks;
    nd *placed = plan_placed(p, first, &all);
    if (placed && all) return nd_ref(placed);
    if (g->nblock < 2) return join_axis(p, first, g, 0, 0, e);
    if (!grid_known(g)) return join_unknown(p, first, g, e);
    if (blocks_fit(p, first, g)) return join_known(p, first, g, placed, e);
    return join_axis(p, first, g, 0, 0, e);
}

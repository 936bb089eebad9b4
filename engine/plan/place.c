/* engine/plan/place.c - results put together while they are made.
 *
 * A wanted block that nobody else reads is copied by the worker that made it into the one array
 * that compute() will give, and freed at once: joining costs no second pass on one thread, and the
 * whole result is in memory once, not twice. */
#include <string.h>

#include "engine/kernels/ops.h"
#include "engine/plan/plan.h"

typedef struct place {
    uint32_t first, n;
    grid *chunks;
    nd *whole;
    _Atomic uint32_t put; /* blocks in place */
} place;

enum { WORTH = 1 << 16 }; /* bytes */

static bool suits(const plan *p, uint32_t first, const expr *x)
{
    const grid *g = x->chunks;
    if (x->meta || g->nblock < 2 || !grid_known(g) || !dtype_is_number(x->type.dt)) return false;
    if ((uint64_t)grid_count(g) * x->type.size < WORTH) return false;
    for (uint32_t k = 0; k < g->nblock; k++) {
        const task *t = &p->task[p->wanted[first + k]];
        if (t->flags & (TASK_DONE | TASK_PLACED) || t->nsucc) return false;
    }
    return true;
}

void plan_place(plan *p, uint32_t first, const expr *x)
{
    int64_t shape[GRID_MAXDIM];
    err e = {0};
    if (!suits(p, first, x)) return;
    grid_shape(x->chunks, shape);
    nd *whole = nd_new(x->type, x->chunks->ndim, shape, &e);
    if (!whole) { /* joining will say why */
        err_clear(&e);
        return;
    }
    uint32_t n = (uint32_t)x->chunks->nblock;
    p->place = mem_grow(p->place, (p->nplace + 1) * sizeof *p->place);
    place *at = &p->place[p->nplace++];
    *at = (place){.first = first, .n = n, .chunks = datum_ref(x->chunks), .whole = whole};
    for (uint32_t k = 0; k < n; k++) {
        task *t = &p->task[p->wanted[first + k]];
        t->flags |= TASK_PLACED;
        t->succ = p->nplace - 1; /* nobody follows: says which array ... */
        t->place = k;            /* ... and which block */
    }
}

datum *plan_put(plan *p, tid t, datum *block)
{
    place *at = &p->place[p->task[t].succ];
    const nd *x = as_nd(block);
    int64_t where[GRID_MAXDIM], size[GRID_MAXDIM];
    ptrdiff_t offset = 0;
    err e = {0};
    const grid *g = at->chunks;
    if (!x || x->dtype != at->whole->dtype || x->ndim != g->ndim) return block;
    grid_block(g, p->task[t].place, where);
    grid_block_shape(g, where, size);
    if (memcmp(size, nd_shape(x), g->ndim * sizeof *size)) return block;
    for (int k = 0; k < g->ndim; k++)
        offset += cuts_start(g->ax[k], where[k]) * nd_strides(at->whole)[k];
    nd *to = nd_view(at->whole->b, at->whole->at + offset, nd_type(at->whole), g->ndim, size,
                     nd_strides(at->whole));
    if (!nd_assign(to, x, 'u', NULL, &e)) {
        err_clear(&e);
        datum_unref(to);
        return block;
    }
    datum_unref(block);
    buf_pool_settle(); /* the array grows as it is filled: what was freed must not stay as well */
    atomic_fetch_add_explicit(&at->put, 1, memory_order_release);
    return &to->hdr;
}

nd *plan_placed(const plan *p, uint32_t first)
{
    for (uint32_t i = 0; i < p->nplace; i++)
        if (p->place[i].first == first)
            return atomic_load(&p->place[i].put) == p->place[i].n ? p->place[i].whole : NULL;
    return NULL;
}

uint64_t places_bytes(const plan *p)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < p->nplace; i++) n += nd_bytes(p->place[i].whole);
    return n;
}

void places_free(plan *p)
{
    for (uint32_t i = 0; i < p->nplace; i++) {
        datum_unref(p->place[i].chunks);
        datum_unref(p->place[i].whole);
    }
    mem_free(p->place);
}

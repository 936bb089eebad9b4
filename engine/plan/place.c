/* engine/plan/place.c - results put together while they are made.
 *
 * A wanted block that nobody else reads goes into the one array that compute() will give: joining
 * costs no second pass on one thread, and the whole result is in memory once, not twice.  An
 * elementwise task writes it there itself, what others make is copied by the worker that made it,
 * and freed at once.  Blocks that tasks read as well, and those that are wanted several times, are
 * copied when all is done. */
#include <string.h>

#include "engine/kernels/ops.h"
#include "engine/plan/plan.h"

typedef struct place {
    uint32_t first, n; /* n: blocks to come */
    grid *chunks;
    nd *whole;
    _Atomic uint32_t put; /* blocks in place */
} place;

enum { WORTH = 1 << 16 }; /* bytes */

static bool is_read(const task *t)
{
    return t->nsucc || t->flags & TASK_DONE;
}

uint64_t *plan_again(const plan *p, uint32_t first, uint64_t n)
{
    uint64_t words = p->ntask / 64 + 1, *once = mem_zero(words * sizeof *once),
             *again = mem_zero(words * sizeof *again);
    for (uint64_t k = 0; k < n; k++) {
        tid t = p->wanted[first + k];
        uint64_t bit = 1ull << t % 64;
        again[t / 64] |= once[t / 64] & bit;
        once[t / 64] |= bit;
    }
    mem_free(once);
    return again;
}

static bool goes(const plan *p, tid t, const uint64_t *again)
{
    return !is_read(&p->task[t]) && !(again[t / 64] >> t % 64 & 1);
}

static bool suits(const plan *p, uint32_t first, const expr *x, const uint64_t *again)
{
    const grid *g = x->chunks;
    uint64_t read = 0, put = 0;
    for (uint32_t k = 0; k < g->nblock; k++) {
        tid t = p->wanted[first + k];
        if (p->task[t].flags & TASK_PLACED) return false;
        read += is_read(&p->task[t]);
        put += goes(p, t, again);
    }
    return read <= g->nblock / 8 && put >= g->nblock / 2;
}

static bool is_worth(const expr *x)
{
    const grid *g = x->chunks;
    if (x->meta || g->nblock < 2 || !grid_exact(g) || !dtype_is_number(x->type.dt)) return false;
    return (uint64_t)grid_count(g) * x->type.size >= WORTH;
}

static void open_place(plan *p, uint32_t first, const expr *x, const uint64_t *again)
{
    int64_t shape[GRID_MAXDIM];
    err e = {0};
    if (!suits(p, first, x, again)) return;
    grid_shape(x->chunks, shape);
    nd *whole = nd_new(x->type, x->chunks->ndim, shape, &e);
    if (!whole) { /* joining will say why */
        err_clear(&e);
        return;
    }
    p->place = mem_grow(p->place, (p->nplace + 1) * sizeof *p->place);
    place *at = &p->place[p->nplace++];
    *at = (place){.first = first, .chunks = datum_ref(x->chunks), .whole = whole};
    for (uint32_t k = 0; k < x->chunks->nblock; k++) {
        task *t = &p->task[p->wanted[first + k]];
        if (!goes(p, p->wanted[first + k], again)) continue;
        t->flags |= TASK_PLACED;
        t->succ = p->nplace - 1; /* nobody follows: says which array ... */
        t->place = k;            /* ... and which block */
        at->n++;
    }
}

void plan_place(plan *p, uint32_t first, const expr *x)
{
    if (!is_worth(x)) return;
    uint64_t *again = plan_again(p, first, x->chunks->nblock); /* not handed on */
    open_place(p, first, x, again);
    mem_free(again);
}

nd *place_view(nd *whole, const grid *g, uint64_t block)
{
    int64_t where[GRID_MAXDIM], size[GRID_MAXDIM];
    ptrdiff_t offset = 0;
    grid_block(g, block, where);
    grid_block_shape(g, where, size);
    for (int k = 0; k < g->ndim; k++)
        offset += cuts_start(g->ax[k], where[k]) * nd_strides(whole)[k];
    return nd_view(whole->b, whole->at + offset, nd_type(whole), g->ndim, size, nd_strides(whole));
}

nd *plan_seat(const plan *p, tid t)
{
    const task *k = &p->task[t];
    if (!(k->flags & TASK_PLACED)) return NULL;
    const place *at = &p->place[k->succ];
    return place_view(at->whole, at->chunks, k->place);
}

static bool same_shape(const nd *x, const nd *y)
{
    return x->dtype == y->dtype && x->ndim == y->ndim &&
           !memcmp(nd_shape(x), nd_shape(y), (size_t)x->ndim * sizeof(int64_t));
}

datum *plan_put(plan *p, tid t, datum *block)
{
    place *at = &p->place[p->task[t].succ];
    err e = {0};
    const nd *x = as_nd(block);
    nd *to = x ? plan_seat(p, t) : NULL;
    bool there = x && x->b == at->whole->b;
    if (to && same_shape(to, x) && (there || nd_assign(to, x, 'u', NULL, &e))) {
        datum_unref(block);
        block = &to->hdr;
        to = NULL;
        atomic_fetch_add_explicit(&at->put, 1, memory_order_release);
    }
    err_clear(&e);
    datum_unref(to);
    buf_pool_settle(); /* the array grows as it is filled: what was freed must not stay as well */
    return block;
}

nd *plan_placed(const plan *p, uint32_t first, bool *all)
{
    for (uint32_t i = 0; i < p->nplace; i++) {
        place *at = &p->place[i];
        if (at->first != first) continue;
        *all = at->n == at->chunks->nblock;
        return atomic_load(&at->put) == at->n ? at->whole : NULL;
    }
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

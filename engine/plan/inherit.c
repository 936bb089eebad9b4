/* engine/plan/inherit.c - stored blocks that nobody will look at again become the run's own.
 *
 * Who hands the last hold on an expr over to a run leaves the layers under it that nobody else
 * holds: those whose every reference comes from the expr or from another such layer.  Their blocks
 * are then held by the tasks of the plan alone, so that each dies with its last reader, which may
 * write its result over it.  Blocks that no task reads go at once. */
#include <stdatomic.h>
#include <stdlib.h>

#include "engine/base/mem.h"
#include "engine/expr/build.h"
#include "engine/plan/plan.h"

typedef struct counted { /* a layer, and the references that come from what is left */
    layer *of;
    uint32_t from_within;
} counted;

static int by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const counted *)a)->of, y = (uintptr_t)((const counted *)b)->of;
    return (x > y) - (x < y);
}

static counted *find(counted *at, uint32_t n, const layer *l)
{
    counted want = {.of = (layer *)(uintptr_t)l};
    return bsearch(&want, at, n, sizeof *at, by_address);
}

static void count(counted *at, uint32_t n, const layer *l)
{
    counted *c = find(at, n, l);
    if (c) c->from_within++; /* else it is an equal copy of one that is there, and stays */
}

static uint32_t holds(const datum *d)
{
    return atomic_load_explicit(&((datum *)(uintptr_t)d)->rc, memory_order_acquire);
}

static bool any_stored(const layers *l)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (layer_is_stored(l->at[i])) return true;
    return false;
}

estate estate_of(int n, const expr *const *dying)
{
    estate s = {0};
    layer **root = mem_alloc(((size_t)n + 1) * sizeof *root);
    for (int i = 0; i < n; i++) root[i] = dying[i]->of;
    layers l = layers_of((uint32_t)n, root);
    if (any_stored(&l)) {
        counted *at = mem_zero((l.n + 1) * sizeof *at);
        for (uint32_t i = 0; i < l.n; i++) at[i].of = (layer *)(uintptr_t)l.at[i];
        qsort(at, l.n, sizeof *at, by_address);
        for (int i = 0; i < n; i++)
            if (holds(&dying[i]->hdr) == 1) count(at, l.n, dying[i]->of);
        s.at = mem_alloc((l.n + 1) * sizeof *s.at);
        for (uint32_t i = l.n; i-- > 0;) { /* dependents first */
            layer *x = (layer *)(uintptr_t)l.at[i];
            if (find(at, l.n, x)->from_within != holds(&x->hdr)) continue;
            for (uint32_t k = 0; k < x->ndep + x->nalso; k++) count(at, l.n, x->dep[k]);
            if (layer_is_stored(x)) s.at[s.n++] = datum_ref(x);
        }
        mem_free(at);
    }
    layers_clear(&l);
    mem_free(root);
    return s;
}

void estate_inherit(estate *s)
{
    for (uint32_t i = 0; i < s->n; i++) stored_leave(s->at[i]);
}

void estate_clear(estate *s)
{
    for (uint32_t i = 0; i < s->n; i++) datum_unref(s->at[i]);
    mem_free(s->at);
    *s = (estate){0};
}

/* engine/plan/runs.c - a pass: what reads very many blocks at once reads them in runs.
 *
 * A task that takes the list of all blocks of an array holds them all.  Where they can be put
 * together before (the distinct elements of a run are as good as those of each of its blocks), runs
 * are, and runs of those, so that most are gone before the last are made.  What merges blocks from
 * front to back without holding them all does so with the last few, too. */
#include "engine/expr/gather.h"
#include "engine/plan/lower.h"

layer *rewrite_runs(const nodes *all, const node *x)
{
    const gather_layer *l = as_gather(x->by);
    (void)all;
    if (!l || !l->merge || l->most) return NULL;
    uint64_t n = l->base.dep[0]->grid->nblock, most = l->run < 2 ? 2 : l->run;
    uint64_t nrun = n / most + (n % most != 0);
    if (n < 2 || (nrun < 2 && !l->merge->kind->cost.streams)) return NULL;
    cuts *ax = cuts_repeat((int64_t)nrun, -1);
    grid *g = grid_new(1, &ax);
    datum_unref(ax);
    layer *runs = gather_runs(l, most, g), *y = gather_again(l, runs);
    datum_unref(g);
    datum_unref(runs);
    return y;
}

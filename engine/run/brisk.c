/* engine/run/brisk.c - are all tasks of a job short?
 *
 * Then the calling thread may run some: it hears Ctrl-C between them. One task of each program is
 * looked at, and taken for as long as the largest blocks of the program's layers make it. */
#include "engine/run/memory.h"
#include "engine/run/pool.h"

static const double BRISK_S = 5e-3;

/* How many times block i goes into the largest of its layer; 1: no grid tells. */
static double short_of_largest(const layer *l, uint64_t i)
{
    const grid *g = l->grid;
    int64_t block[GRID_MAXDIM], shape[GRID_MAXDIM];
    double times = 1;
    if (!g || !g->nblock) return 1;
    grid_block(g, i < g->nblock ? i : 0, block);
    grid_block_shape(g, block, shape);
    for (int k = 0; k < g->ndim; k++)
        if (shape[k] < g->ax[k]->largest)
            times *= (double)g->ax[k]->largest / (double)(shape[k] > 0 ? shape[k] : 1);
    return times;
}

static double unevenness(const program *g, uint64_t index)
{
    double most = 1;
    for (uint32_t s = 0; s < g->nstep; s++) {
        const layer *l = g->by[s];
        double own = short_of_largest(l, index);
        if (own > most) most = own;
        for (uint32_t k = 0; k < l->ndep; k++) {
            double of_input = short_of_largest(l->dep[k], index);
            if (of_input > most) most = of_input;
        }
    }
    return most;
}

bool job_is_brisk(const job *j)
{
    enum { FEW = 32 };
    const plan *p = j->p;
    const run_opts *o = &j->o;
    if (j->memory || p->nforeign || p->nhome || o->end || o->trace || p->nprog > FEW) return false;
    bool seen[FEW] = {0}, brisk = true;
    costs *c = costs_new(p);
    uint32_t left = p->nprog;
    for (tid t = 0; t < p->ntask && left && brisk; t++) {
        const task *k = &p->task[t];
        if (seen[k->prog] || k->flags & TASK_DONE) continue;
        seen[k->prog] = true;
        left--;
        brisk = costs_of(c, t).seconds * unevenness(p->prog[k->prog], k->index) < BRISK_S;
    }
    costs_free(c);
    return brisk;
}

/* engine/run/unknown.c - results whose size no grid tells.
 *
 * What masks leave is known from a few blocks (plan/sample.c), well enough to refuse what cannot
 * fit.  How much blocks have in common is not: whoever merges them is warned at most. */
#include <stdio.h>

#include "engine/plan/forecast.h"
#include "engine/run/memory.h"

/* Bytes of a wanted result that nobody knows before: at most, and nearly certainly at least. */
static uint64_t open_bytes(const plan *p, costs *c, tid t, uint64_t *least)
{
    const program *g = p->prog[p->task[t].prog];
    *least = 0;
    if (p->task[t].flags & TASK_DONE || g->foreign || g->step[0]->foreign) return 0;
    task_cost is = costs_of(c, t);
    if (!is.selects && !is.unknown) return 0;
    if (p->surely) *least = (uint64_t)((double)is.out * (double)p->surely[p->task[t].prog]);
    return is.out;
}

static bool results_are_open(const plan *p, costs *c, uint64_t budget)
{
    uint64_t sum = 0, open = 0, least;
    for (uint32_t k = 0; k < p->nwanted && !(open && sum > budget); k++) {
        uint64_t n = open_bytes(p, c, p->wanted[k], &least);
        open += n;
        sum += n + result_bytes(p, c, p->wanted[k]);
    }
    return open && sum > budget;
}

static bool merges(const plan *p, costs *c, tid t)
{
    return !(p->task[t].flags & TASK_DONE) && costs_of(c, t).merges;
}

/* Nobody merges on what t has merged. */
static bool ends_merging(const plan *p, costs *c, tid t)
{
    const task *k = &p->task[t];
    if (!merges(p, c, t)) return false;
    for (uint32_t i = 0; i < k->nsucc; i++)
        if (merges(p, c, p->succ[k->succ + i])) return false;
    return true;
}

void plan_look(plan *p, uint64_t budget, bool keeps)
{
    costs *c = costs_new(p);
    bool look = !keeps && results_are_open(p, c, budget);
    for (tid t = 0; t < p->ntask && !look; t++) look = merges(p, c, t);
    costs_free(c);
    if (look) plan_sample(p);
}

bool open_results_fit(const plan *p, costs *c, uint64_t known, uint64_t budget, err *e)
{
    char need[32], have[32], name[64];
    uint64_t least;
    for (uint32_t k = 0; k < p->nwanted && p->surely; k++) {
        open_bytes(p, c, p->wanted[k], &least);
        known += least;
    }
    if (known <= budget) return true;
    layer_short_name(p->prog[p->task[p->wanted[0]].prog]->step[0], name);
    return err_set(e, MemoryError,
                   "the result of '%s' will take more than %s, going by some of its chunks, and "
                   "memory_limit leaves %s: reduce or select before compute(), write it with "
                   "da.store or to_hdf5, or raise dask.config.set(memory_limit=...)",
                   name, size_text(known, need), size_text(budget, have));
}

/* What t merges, if blocks have as little in common as each has with itself. */
static uint64_t merged_bytes(const plan *p, costs *c, tid t)
{
    enum { FEW = 64 };
    tid *open = mem_alloc(FEW * sizeof *open);
    uint32_t n = 0, cap = FEW;
    double sum = 0;
    for (open[n++] = t; n;) {
        const task *k = &p->task[open[--n]];
        for (uint32_t i = 0; i < k->nin; i++) {
            tid in = p->in[k->in + i];
            if (n == cap) open = mem_grow(open, (cap *= 2) * sizeof *open);
            if (merges(p, c, in)) {
                open[n++] = in;
                continue;
            }
            double apart = p->leaves ? (double)p->leaves[p->task[in].prog] : -1;
            if (apart > 0) sum += (double)costs_of(c, in).likely * (apart > 1 ? 1 : apart);
        }
    }
    mem_free(open);
    return (uint64_t)sum;
}

bool plan_may_fail(const plan *p, uint64_t budget, char *out, size_t size)
{
    costs *c = costs_new(p);
    uint64_t most = 0;
    tid worst = 0;
    for (tid t = 0; t < p->ntask && p->leaves; t++) {
        uint64_t n = ends_merging(p, c, t) ? merged_bytes(p, c, t) : 0;
        if (n > most) most = n, worst = t;
    }
    costs_free(c);
    if (most <= budget) return false;
    char need[32], have[32], name[64];
    layer_short_name(p->prog[p->task[worst].prog]->step[0], name);
    snprintf(out, size,
             "'%s' may hold %s, going by some of its chunks, and memory_limit leaves %s: what they "
             "have in common will tell",
             name, size_text(most, need), size_text(budget, have));
    return true;
}

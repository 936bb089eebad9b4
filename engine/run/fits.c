/* engine/run/fits.c - can a plan run in so many bytes at all?
 *
 * Asked before anything runs: the results themselves must fit, and so must each task with its
 * inputs, alone.  Most plans are far from that and are let through by their sums. */
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/run/memory.h"
#include "engine/run/spill.h"

uint64_t memory_default(void)
{
    return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 10 * 6;
}

/* all: with pages of files, which the system may take back */
static uint64_t pages_held(bool all)
{
    unsigned long total, resident, shared;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f) return 0;
    if (fscanf(f, "%lu %lu %lu", &total, &resident, &shared) != 3) resident = shared = 0;
    fclose(f);
    return (uint64_t)(all ? resident : resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t memory_resident(void)
{
    return pages_held(true);
}

uint64_t memory_own(void)
{
    return pages_held(false);
}

void memory_restart_peak(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "we");
    if (!f) return;
    fputs("5", f);
    fclose(f);
}

uint64_t memory_peak_resident(void)
{
    char line[256];
    unsigned long kib = 0;
    FILE *f = fopen("/proc/self/status", "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %lu", &kib) == 1) break;
    if (f) fclose(f);
    return (uint64_t)kib * 1024;
}

uint64_t run_budget(uint64_t limit, uint64_t kept)
{
    uint64_t resident = memory_resident();
    kept += buf_pool_kept();
#ifdef __GLIBC__
    if (resident > kept + limit / 4 && malloc_trim(0)) resident = memory_resident();
#endif
    uint64_t base = resident > kept ? resident - kept : 0;
    uint64_t left = limit > base ? limit - base : 0;
    return left > limit / 8 ? left : limit / 8;
}

const char *size_text(uint64_t n, char out[32])
{
    static const char *const unit[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double x = (double)n;
    int k = 0;
    while (x >= 1000 && k < 6) x /= 1024, k++;
    if (k == 0)
        snprintf(out, 32, "%llu bytes", (unsigned long long)n);
    else
        snprintf(out, 32, "%.*f %s", x < 10 ? 2 : x < 100 ? 1 : 0, x, unit[k]);
    return out;
}

void layer_short_name(const layer *l, char out[64])
{
    const char *dash = strrchr(l->name, '-');
    size_t n = dash && strlen(dash) > 16 ? (size_t)(dash - l->name) : strlen(l->name);
    snprintf(out, 64, "%.*s", n < 60 ? (int)n : 60, l->name);
}

/* Bytes of a wanted result that are certain: what masks select and what functions of users give may
 * be less than the grid says, and is seen when it is there. */
uint64_t result_bytes(const plan *p, costs *c, tid t)
{
    const program *g = p->prog[p->task[t].prog];
    const datum *d = p->task[t].flags & TASK_DONE ? atomic_load(&p->out[t]) : NULL;
    if (d) return is_spilled(d) || is_kept(d) ? nd_bytes((const nd *)d) : 0;
    if (g->foreign || g->step[0]->foreign) return 0;
    task_cost is = costs_of(c, t);
    return is.selects ? 0 : is.block;
}

static bool results_fit(const plan *p, costs *c, uint64_t budget, uint64_t *sum, err *e)
{
    char need[32], have[32], name[64];
    *sum = 0;
    for (uint32_t k = 0; k < p->nwanted; k++) *sum += result_bytes(p, c, p->wanted[k]);
    if (*sum <= budget) return open_results_fit(p, c, *sum, budget, e);
    layer_short_name(p->prog[p->task[p->wanted[0]].prog]->step[0], name);
    return err_set(
        e, MemoryError,
        "the result of '%s' takes %s and memory_limit leaves %s: reduce or select before "
        "compute(), write it with da.store or to_hdf5, or raise "
        "dask.config.set(memory_limit=...)",
        name, size_text(*sum, need), size_text(budget, have));
}

/* Bytes that t needs for certain, alone. */
static uint64_t task_need(const plan *p, costs *c, tid t)
{
    const task *k = &p->task[t];
    task_cost cost = costs_of(c, t);
    if (cost.unknown || k->flags & TASK_DONE) return 0;
    uint64_t need = cost.out + cost.extra;
    for (uint32_t i = 0; i < k->nin && !cost.streams; i++) {
        const task *in = &p->task[p->in[k->in + i]];
        task_cost given = costs_of(c, p->in[k->in + i]);
        if (!(in->flags & TASK_DONE) && !given.unknown) need += given.out;
    }
    return need;
}

/* How many times too large the worst task or chunk is, if all threads are to work. */
static double times_too_large(const plan *p, costs *c, uint64_t budget, int nthread)
{
    uint64_t most = 0;
    for (tid t = 0; t < p->ntask; t++) {
        uint64_t n = task_need(p, c, t);
        if (n > most) most = n;
    }
    for (uint32_t i = 0; i < p->nprog; i++)
        for (uint32_t s = 0; s < p->prog[i]->nstep; s++) {
            uint64_t n = layer_block_max(p->prog[i]->by[s]);
            if (n > most) most = n;
        }
    return (double)most * nthread / (double)budget;
}

static bool task_fits(const plan *p, costs *c, tid t, uint64_t budget, int nthread, err *e)
{
    const task *k = &p->task[t];
    const layer *l = p->prog[k->prog]->step[0];
    uint64_t need = task_need(p, c, t);
    char text[32], have[32], name[64], help[320];
    if (need <= budget) return true;
    layer_short_name(l, name);
    plan_advice(l, times_too_large(p, c, budget, nthread), help, sizeof help);
    return err_set(e, MemoryError,
                   "a task of '%s' needs %s at once and memory_limit leaves %s: %s, or raise "
                   "dask.config.set(memory_limit=...)",
                   name, size_text(need, text), size_text(budget, have), help);
}

bool task_is_too_large(const plan *p, tid t, uint64_t need, uint64_t budget, err *e)
{
    char text[32], have[32], name[64];
    const layer *l = p->prog[p->task[t].prog]->step[0];
    arena a = {0};
    task_view v = {0};
    err none = {0};
    layer_short_name(l, name);
    if (layer_task(l, p->task[t].index, &a, &v, &none) && v.f)
        snprintf(name, sizeof name, "%.60s", v.f->name);
    err_clear(&none);
    arena_clear(&a);
    return err_set(e, MemoryError,
                   "a task of '%s' takes %u results of %s together and memory_limit leaves %s: "
                   "combine a few at a time, or raise dask.config.set(memory_limit=...)",
                   name, p->task[t].nin, size_text(need, text), size_text(budget, have));
}

bool results_are_too_large(const plan *p, tid t, uint64_t bytes, uint64_t budget, err *e)
{
    char need[32], have[32], name[64];
    layer_short_name(p->prog[p->task[t].prog]->step[0], name);
    if (bytes > budget)
        return err_set(e, MemoryError,
                       "the result of '%s' will take %s, as its first chunks do, and memory_limit "
                       "leaves %s: reduce or select before compute(), write it with da.store or "
                       "to_hdf5, or raise dask.config.set(memory_limit=...)",
                       name, size_text(bytes, need), size_text(budget, have));
    return err_set(e, MemoryError,
                   "the results of '%s' take more than %s, which is what memory_limit leaves: "
                   "reduce or select before compute(), write them with da.store or to_hdf5, or "
                   "raise dask.config.set(memory_limit=...)",
                   name, size_text(budget, have));
}

/* A step whose largest block is more than all there is, even where it might be made in pieces. */
static bool step_fits(const plan *p, costs *c, const program *g, uint32_t s, uint64_t budget,
                      int nthread, err *e)
{
    arena a = {0};
    stepset *x = mem_zero(sizeof *x);
    bool fits = true;
    for (tid t = 0; t < p->ntask && fits; t++) {
        if (p->prog[p->task[t].prog] != g) continue;
        arena_reset(&a);
        if (!program_look(g, p->task[t].index, x, &a, NULL) || !x->known[s]) continue;
        uint64_t n = block_bytes(g->step[s], x->index[s]);
        char need[32], have[32], name[64], help[320], shape[200];
        int64_t block[GRID_MAXDIM], size[GRID_MAXDIM];
        if (n <= budget) continue;
        layer_short_name(g->step[s], name);
        grid_block(g->step[s]->grid, x->index[s], block);
        grid_block_shape(g->step[s]->grid, block, size);
        shape_text(g->step[s]->grid->ndim, size, shape, sizeof shape);
        plan_advice(g->step[s], times_too_large(p, c, budget, nthread), help, sizeof help);
        fits = err_set(e, MemoryError,
                       "a chunk of '%s' with shape %s takes %s and memory_limit leaves %s: %s",
                       name, shape, size_text(n, need), size_text(budget, have), help);
    }
    arena_clear(&a);
    mem_free(x);
    return fits;
}

static bool steps_fit(const plan *p, costs *c, uint64_t budget, int nthread, err *e)
{
    for (uint32_t i = 0; i < p->nprog; i++)
        for (uint32_t s = 0; s < p->prog[i]->nstep; s++)
            if (layer_block_max(p->prog[i]->by[s]) > budget)
                TRY(step_fits(p, c, p->prog[i], s, budget, nthread, e));
    return true;
}

static uint64_t program_block_max(const program *g, bool *open)
{
    uint64_t most = 0;
    for (uint32_t s = 0; s < g->nstep; s++) {
        uint64_t n = layer_block_max(g->by[s]);
        if (n > most) most = n;
        *open |= g->by[s]->grid && !grid_known(g->by[s]->grid);
    }
    return most;
}

/* Results of unknown size may be as large as all blocks that they are made of. */
static uint64_t open_results(const plan *p)
{
    uint64_t sum = 0, *most = mem_alloc(((size_t)p->nprog + 1) * sizeof *most);
    bool open = false;
    for (uint32_t i = 0; i < p->nprog; i++) most[i] = program_block_max(p->prog[i], &open);
    for (tid t = 0; t < p->ntask && open && sum < UINT64_MAX / 8; t++) {
        const datum *d = p->task[t].flags & TASK_DONE ? atomic_load(&p->out[t]) : NULL;
        const bool block = d && (as_nd(d) || is_spilled(d) || is_kept(d));
        sum += block ? nd_bytes((const nd *)d) : most[p->task[t].prog];
    }
    mem_free(most);
    return sum;
}

uint64_t plan_at_most(const plan *p, int nthread)
{
    uint64_t largest = 0;
    for (uint32_t i = 0; i < p->nprog; i++) {
        uint64_t sum = 0;
        for (uint32_t s = 0; s < p->prog[i]->nstep; s++)
            if (__builtin_add_overflow(sum, layer_block_max(p->prog[i]->by[s]), &sum))
                return UINT64_MAX;
        if (sum > largest) largest = sum;
    }
    if (largest > UINT64_MAX / 8 / (uint64_t)nthread) return UINT64_MAX;
    return p->bytes + 3 * largest * (uint64_t)nthread + open_results(p);
}

bool plan_fits(const plan *p, uint64_t budget, int nthread, bool keeps, uint64_t *room, err *e)
{
    uint64_t results = 0;
    costs *c = costs_new(p);
    bool chunk = p->nwanted == 1 && /* it is not that the result is asked for whole */
                 origin_bytes(p->prog[p->task[p->wanted[0]].prog]->step[0]) > (double)budget;
    bool ok = !chunk || steps_fit(p, c, budget, nthread, e);
    ok = ok && (keeps || results_fit(p, c, budget, &results, e));
    ok = ok && (chunk || steps_fit(p, c, budget, nthread, e));
    if (ok) *room = budget - results;
    for (tid t = 0; t < p->ntask && ok; t++)
        if (!(p->task[t].flags & TASK_DONE)) ok = task_fits(p, c, t, *room, nthread, e);
    costs_free(c);
    return ok;
}

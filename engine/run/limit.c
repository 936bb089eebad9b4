/* engine/run/limit.c - what a run may take, before it begins.
 *
 * limit of the process -> budget of the run: less what is held otherwise and what earlier runs
 * keep, which leaves memory first.  Most runs are far from it and are not watched. */
#include "engine/run/memory.h"
#include "engine/run/spill.h"

bool reads_kept(const plan *p)
{
    for (tid t = 0; t < p->ntask && p->ndone; t++)
        if (p->task[t].flags & TASK_DONE && is_kept(atomic_load(&p->out[t]))) return true;
    return false;
}

/* What earlier runs left is taken from where it is; does some of it lie on disk? */
static bool take_kept(plan *p)
{
    bool away = false;
    for (tid t = 0; t < p->ntask && p->ndone; t++) {
        datum *d = p->task[t].flags & TASK_DONE ? atomic_load(&p->out[t]) : NULL;
        if (!is_kept(d)) continue;
        atomic_store(&p->out[t], kept_now(d));
        datum_unref(d);
        away |= is_away(atomic_load(&p->out[t]));
    }
    return away;
}

/* Kept results get half of what there is, or nothing when the run cannot do with the rest.
 * *budget becomes that rest, *room what the run's own results leave of it. */
static bool share(const plan *p, const run_opts *o, int nthread, uint64_t *budget, uint64_t *room,
                  err *e)
{
    uint64_t all = *budget;
    if (!o->larder) return plan_fits(p, all, nthread, o->keeps, room, e);
    TRY(larder_shrink(o->larder, all / 2, o->spill, e));
    uint64_t here = larder_here(o->larder);
    *budget = *room = all - (here < all / 2 ? here : all / 2);
    if (plan_fits(p, *budget, nthread, o->keeps, room, e)) return true;
    if (!here || e->kind != MemoryError) return false;
    err_clear(e);
    *budget = *room = all;
    return larder_shrink(o->larder, 0, o->spill, e) &&
           plan_fits(p, all, nthread, o->keeps, room, e);
}

/* Several results that no grid tells the size of: blocks by their keys, tasks of the language. */
static bool is_blind(const plan *p)
{
    if (p->nforeign) return true;
    for (uint32_t k = 0; k < p->nwanted && p->nwanted > 1; k++)
        if (!p->prog[p->task[p->wanted[k]].prog]->by[0]->grid) return true;
    return false;
}

bool run_watch(plan *p, int nthread, const run_opts *o, memory **out, err *e)
{
    enum { FEW_BLIND = 1 << 20, FEW = 1 << 20 };
    uint64_t limit = o->limit ? o->limit : memory_default(), most = plan_at_most(p, nthread);
    uint64_t kept = o->larder ? larder_here(o->larder) : 0, room;
    char doubt[300];
    bool blind = is_blind(p), few = most < FEW && !blind,
         asked = o->budget || o->use || reads_kept(p);
    *out = NULL;
    if (!asked && !o->limit && (few || most < limit / 16) && !blind) return true;
    buf_pool_bound(limit);
    if (!asked && few) return true;
    uint64_t budget = room = o->budget ? o->budget : run_budget(limit, kept);
    bool near = most > budget / 2 || most + kept > budget;
    const uint64_t all = budget;
    if (near) plan_look(p, budget, o->keeps);
    if (near) TRY(share(p, o, nthread, &budget, &room, e));
    if (near && o->warn && plan_may_fail(p, budget, doubt, sizeof doubt))
        TRY(o->warn(o->ctx, doubt) || err_set(e, MemoryError, "%s", doubt));
    if (!o->budget) buf_pool_bound(buf_live() + budget);
    bool away = take_kept(p);
    if (near || away || o->use || (blind && p->ntask <= FEW_BLIND))
        *out = memory_new(p, room, all - budget, near, o);
    uint64_t least = budget > limit / 4 ? budget : limit / 4;
    if (*out && !o->budget) memory_wall(*out, buf_live() + least + limit / 8, limit);
    return true;
}

/* engine/plan/plan.c - making, describing and releasing plans.
 *
 * The passes, in order: visit layers, fuse (fuse.c), cull and number tasks in one walk (lower.c),
 * number them otherwise where that holds less (young.c). */
#include "engine/plan/plan.h"

#include "engine/base/stop.h"
#include "engine/plan/lower.h"

plan *plan_exprs(int n, const expr *const *x, const plan_opts *o, err *e)
{
    uint64_t total = 0;
    for (int i = 0; i < n; i++) {
        if (!x[i]) return NULL;
        total += x[i]->chunks->nblock;
    }
    if (total >= NO_TASK)
        return err_set(e, MemoryError, "%llu chunks are too many to compute at once",
                       (unsigned long long)total);
    if (o && o->room && (double)total * PLAN_TASK > (double)o->room)
        return plan_too_many((double)total, e), NULL;
    ref *want = try_alloc((total + 1) * sizeof *want, e);
    if (!want) return NULL;
    uint32_t k = 0;
    bool ok = true;
    for (int i = 0; i < n; i++)
        for (uint64_t b = 0; ok && b < x[i]->chunks->nblock; b++) {
            want[k++] = (ref){x[i]->of, b};
            ok = plan_goes_on(k, e);
        }
    plan *p = ok ? plan_refs(k, want, o, e) : NULL;
    mem_free(want);
    return p;
}

/* Of a plan that nobody holds: results first, many at once.  Is there more? */
static bool drop_some(void *of)
{
    enum { PIECE = 1 << 20 };
    plan *p = of;
    const tid least = p->ntask > PIECE ? p->ntask - PIECE : 0;
    while (p->ntask > least) {
        datum *d = atomic_load_explicit(&p->out[--p->ntask], memory_order_acquire);
        if (d) datum_unref(d);
    }
    if (p->ntask) return true;
    for (uint32_t i = 0; i < p->nprog; i++) program_free(p->prog[i]);
    for (uint32_t i = 0; i < p->nheld; i++) datum_unref(p->held[i]);
    for (uint32_t i = 0; i < p->snap.n; i++) datum_unref(p->snap.at[i].now);
    places_free(p);
    mem_free(p->snap.at);
    mem_free(p->held);
    mem_free(p->prog);
    mem_free(p->leaves);
    mem_free(p->surely);
    mem_free(p->task);
    mem_free(p->succ);
    mem_free(p->in);
    mem_free((void *)p->out);
    mem_free(p->wanted);
    mem_free(p);
    return false;
}

void plan_free(plan *p)
{
    enum { FEW = 1 << 16 };
    if (!p || atomic_fetch_sub(&p->hold, 1) != 1) return;
    if (p->ntask > FEW && haste_leave(drop_some, p)) return;
    while (drop_some(p)) continue;
}

datum *plan_result(const plan *p, uint32_t k)
{
    return atomic_load_explicit(&p->out[p->wanted[k]], memory_order_acquire);
}

void plan_forget(plan *p, uint32_t k, const uint64_t *again)
{
    const tid t = p->wanted[k];
    if (!(again[t / 64] >> t % 64 & 1))
        datum_unref(atomic_exchange_explicit(&p->out[t], NULL, memory_order_acq_rel));
}

char *plan_text(const plan *p)
{
    strbuf b = {0};
    uint32_t *count = mem_zero((p->nprog + 1) * sizeof *count);
    for (tid t = 0; t < p->ntask; t++) count[p->task[t].prog]++;
    for (uint32_t i = 0; i < p->nprog; i++) {
        const program *g = p->prog[i];
        if (!count[i]) continue;
        sb_addf(&b, "%8u x ", count[i]);
        for (uint32_t s = g->nstep; s-- > 0;) sb_addf(&b, s ? "%s, " : "%s", g->by[s]->name);
        sb_adds(&b, g->home ? "  (home)\n" : "\n");
    }
    mem_free(count);
    return sb_take(&b, NULL);
}

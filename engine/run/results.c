/* engine/run/results.c - where the results of errands lie: on which workers, who gets a value from
 * outside, and values that are asked of the workers that have them. */
#include "engine/run/foreman_impl.h"

void errand_lies(errand *e, uint64_t where)
{
    foreman *f = e->of;
    for (int i = 0; i < f->nhand; i++) {
        int had = (int)(e->where >> i & 1), has = (int)(where >> i & 1);
        if (had == has) continue;
        f->hand[i].held += (uint32_t)(has - had);
        f->hand[i].bytes += has ? (uint64_t)e->bytes : -(uint64_t)e->bytes;
    }
    e->where = where;
}

uint64_t hands_scatter(foreman *f, uint64_t only)
{
    uint64_t alive = 0;
    int at = -1;
    for (int i = 0; i < f->nhand; i++) {
        if (f->hand[i].gone) continue;
        alive |= 1ull << i;
        if (at < 0 || f->hand[i].held < f->hand[at].held) at = i;
    }
    if (only & alive) return only & alive;
    return at < 0 ? 0 : 1ull << at;
}

/* ---- results that are asked for ---- */

errand *foreman_wanted(foreman *f)
{
    foreman_enter(f);
    errand *e;
    while ((e = heap_pop(&f->wanted)) && (e->state != ERRAND_MEMORY || e->value)) {
        e->wanted = false; /* lost since: when it is there again, it is asked for again */
        errand_put(e);
    }
    if (e) e->holds++; /* the count in the queue is the hold's */
    foreman_leave(f);
    return e;
}

void foreman_deliver(foreman *f, errand *e, datum *value)
{
    foreman_enter(f);
    e->wanted = false;
    if (e->state != ERRAND_MEMORY || e->value) {
        foreman_trash(f, value);
    } else if (value) {
        e->value = value;
    } else if (e->func) { /* nobody has it any more */
        errand_lies(e, 0);
        e->state = ERRAND_RELEASED;
        errand_start(e);
    }
    errand_notify(e);
    foreman_leave(f);
}

void foreman_spoil(foreman *f, errand *e, err *x)
{
    foreman_enter(f);
    e->wanted = false;
    if (e->state == ERRAND_MEMORY && !e->value) {
        failure *why = failure_new(x);
        errand_fail(e, why, e);
        foreman_trash(f, why);
    }
    err_clear(x);
    foreman_leave(f);
}

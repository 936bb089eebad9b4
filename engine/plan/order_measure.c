/* engine/plan/order_measure.c - what the order of tasks goes by: how much stands below and above
 * each, and which of two comes first. */
#include "engine/plan/order_impl.h"

/* Paths may be more than can be counted. */
static int64_t plus(int64_t a, int64_t b)
{
    const int64_t most = (int64_t)1 << 60;
    return a + b < most ? a + b : most;
}

static bool link_above(walk *w)
{
    const order_graph *g = w->g;
    uint32_t n = g->n;
    w->above_first = mem_zero((n + 2) * sizeof *w->above_first);
    w->nabove = mem_zero((n + 1) * sizeof *w->nabove);
    w->above = mem_alloc((g->first[n] + 1) * sizeof *w->above);
    for (uint32_t k = 0; k < g->first[n]; k++) {
        w->above_first[g->dep[k] + 1]++;
        if (!walk_goes_on(w, k)) return false;
    }
    for (uint32_t t = 0; t < n; t++) w->above_first[t + 1] += w->above_first[t];
    for (uint32_t t = 0; t < n && walk_goes_on(w, t); t++)
        for (uint32_t k = g->first[t]; k < g->first[t + 1]; k++)
            w->above[w->above_first[g->dep[k]] + w->nabove[g->dep[k]]++] = t;
    return !w->stopped;
}

/* Tasks in an order in which each stands after what it needs; false: there is a cycle. */
static bool topological(walk *w, ids *out)
{
    uint32_t n = w->g->n, *left = mem_alloc((n + 1) * sizeof *left);
    for (uint32_t t = 0; t < n; t++)
        if (!(left[t] = nbelow(w, t))) ids_add(out, t);
    for (size_t i = 0; i < out->n && walk_goes_on(w, i); i++) {
        uint32_t t = out->at[i];
        for (uint32_t k = 0; k < w->nabove[t]; k++)
            if (!--left[above_of(w, t)[k]]) ids_add(out, above_of(w, t)[k]);
    }
    mem_free(left);
    return out->n == n && !w->stopped;
}

static metric metric_of(const walk *w, uint32_t t)
{
    uint32_t n = w->nabove[t];
    if (!n) return (metric){1, w->total[t], w->total[t], 0, 0};
    metric m = {1, INT64_MAX, 0, UINT32_MAX, 0};
    for (uint32_t k = 0; k < n; k++) {
        const metric *p = &w->m[above_of(w, t)[k]];
        m.waiting = plus(m.waiting, p->waiting);
        if (p->least < m.least) m.least = p->least;
        if (p->most > m.most) m.most = p->most;
        if (p->low < m.low) m.low = p->low;
        if (p->high > m.high) m.high = p->high;
    }
    m.low++;
    m.high++;
    return m;
}

bool walk_measure(walk *w)
{
    uint32_t n = w->g->n, nroot = 0;
    ids up = {0};
    bool ok = link_above(w) && topological(w, &up);
    w->total = mem_alloc((n + 1) * sizeof *w->total);
    w->m = mem_alloc((n + 1) * sizeof *w->m);
    w->part = mem_alloc((n + 1) * sizeof *w->part);
    for (uint32_t i = 0; ok && i < n && (ok = walk_goes_on(w, i)); i++) {
        uint32_t t = up.at[i];
        w->total[t] = 1;
        for (uint32_t k = w->g->first[t]; k < w->g->first[t + 1]; k++)
            w->total[t] = plus(w->total[t], w->total[w->g->dep[k]]);
    }
    for (uint32_t i = n; ok && i-- > 0 && (ok = walk_goes_on(w, i));) {
        uint32_t t = up.at[i];
        w->m[t] = metric_of(w, t);
        w->part[t] = (part_of)(w->m[t].least - w->total[t] + 1) * (w->m[t].waiting - w->m[t].low);
        w->needed[t] = nbelow(w, t);
        if (!w->nabove[t]) nroot++, w->root = t;
    }
    if (nroot != 1 || n < 2) w->root = NOBODY;
    mem_free(up.at);
    return ok;
}

/* --- comparing --- */

static int tell(const walk *w, uint32_t a, uint32_t b)
{
    if (a == b) return 0;
    if (!w->g->less) return a < b ? -1 : 1;
    return w->g->less(w->g->ctx, a, b) ? -1 : 1;
}

int by_start(const void *x, const void *y, void *ctx)
{
    const walk *w = ctx;
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    const metric *p = &w->m[a], *q = &w->m[b];
    int64_t na = w->above_first[a + 1] - w->above_first[a],
            nb = w->above_first[b + 1] - w->above_first[b];
    BY(q->most, p->most);
    BY(na - p->high, nb - q->high);
    BY(p->least, q->least);
    BY(na - p->low, nb - q->low);
    BY(q->waiting, p->waiting);
    BY(na, nb);
    return tell(w, a, b);
}

int by_above(const void *x, const void *y, void *ctx)
{
    const walk *w = ctx;
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    int64_t ha = (int64_t)w->nabove[a] - nbelow(w, a) + w->needed[a],
            hb = (int64_t)w->nabove[b] - nbelow(w, b) + w->needed[b];
    BY(ha, hb);
    BY(w->m[b].low, w->m[a].low);
    return tell(w, a, b);
}

int by_below(const void *x, const void *y, void *ctx)
{
    const walk *w = ctx;
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    const metric *p = &w->m[a], *q = &w->m[b];
    int64_t na = w->nabove[a], nb = w->nabove[b], ha = na - nbelow(w, a) + w->needed[a],
            hb = nb - nbelow(w, b) + w->needed[b];
    BY(q->most, p->most);
    BY(na + p->high, nb + q->high);
    BY(p->least, q->least);
    BY(na + p->low, nb + q->low);
    BY(w->total[b], w->total[a]);
    BY(ha, hb);
    BY(na, nb);
    BY(p->waiting, q->waiting);
    return tell(w, a, b);
}

int by_inputs(const void *x, const void *y, void *ctx)
{
    const walk *w = ctx;
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    BY(nbelow(w, b), nbelow(w, a));
    return tell(w, a, b);
}

int by_part(const void *x, const void *y, void *ctx)
{
    const walk *w = ctx;
    BY(w->part[*(const uint32_t *)x], w->part[*(const uint32_t *)y]);
    return 0;
}

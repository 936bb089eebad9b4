/* engine/plan/nodes.c - the layers below the wanted keys, and the passes that replace some.
 *
 * Layers are visited, then rewritten from the wanted ones down: a pass sees a layer when it is
 * known who still reads it.  What passes make is visited in turn.  At the end the layers that are
 * still reached are listed afresh, dependencies first.  Nothing recurses. */
#include <string.h>

#include "engine/plan/lower.h"

/* --- finding --- */

static uint32_t slot_of(const nodes *s, const layer *l)
{
    uint32_t i = (uint32_t)l->id.lo & (s->nslot - 1);
    while (s->slot[i] && !layer_same(s->at[s->slot[i] - 1].of, l)) i = (i + 1) & (s->nslot - 1);
    return i;
}

node *nodes_find(const nodes *s, const layer *l)
{
    uint32_t i = s->nslot ? s->slot[slot_of(s, l)] : 0;
    return i ? &s->at[i - 1] : NULL;
}

static void add_node(nodes *s, const layer *l, const layer *by)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 32;
        s->at = mem_grow(s->at, s->cap * sizeof *s->at);
        s->nslot = 4 * s->cap;
        mem_free(s->slot);
        s->slot = mem_zero(s->nslot * sizeof *s->slot);
        for (uint32_t i = 0; i < s->n; i++) s->slot[slot_of(s, s->at[i].of)] = i + 1;
    }
    s->at[s->n] = (node){.of = l, .by = by, .root = s->n, .nstep = 1, .prog = NO_PROG};
    s->slot[slot_of(s, l)] = ++s->n;
}

void nodes_clear(nodes *s)
{
    mem_free(s->at);
    mem_free(s->slot);
    *s = (nodes){0};
}

/* --- visiting --- */

typedef struct visit {
    const layer *l, *by;
    uint32_t next;
} visit;

static visit visit_of(const layer *l, const nodes *by)
{
    const node *x = by ? nodes_find(by, l) : NULL;
    return (visit){l, x ? x->by : l, 0};
}

/* Of two tables of one name in one graph the later is meant. */
static void replace(nodes *s, const layer *l)
{
    node *x = nodes_find(s, l);
    if (x->of == l || x->by != x->of || !l->kind->find || l->ndep || x->of->ndep) return;
    x->of = x->by = l;
}

/* in order of dependency; `open` guards nothing: layers form a DAG by construction */
void nodes_visit(nodes *s, const layer *root, const nodes *by)
{
    size_t n = 0, cap = 64;
    if (nodes_find(s, root)) return;
    visit *stack = mem_alloc(cap * sizeof *stack);
    stack[n++] = visit_of(root, by);
    while (n) {
        visit *v = &stack[n - 1];
        if (v->next < v->by->ndep) {
            const layer *d = v->by->dep[v->next++];
            if (nodes_find(s, d)) {
                if (!by) replace(s, d);
                continue;
            }
            if (n == cap) stack = mem_grow(stack, (cap *= 2) * sizeof *stack);
            stack[n++] = visit_of(d, by);
            continue;
        }
        if (!nodes_find(s, v->l)) {
            add_node(s, v->l, v->by);
            for (uint32_t k = 0; k < v->by->ndep; k++) nodes_find(s, v->by->dep[k])->nreader++;
        }
        n--;
    }
    mem_free(stack);
}

static bool is_repeat(uint32_t k, const ref *want)
{
    return k && want[k].of == want[k - 1].of;
}

static bool visit_wanted(nodes *s, uint32_t n, const ref *want, const nodes *by, err *e)
{
    for (uint32_t k = 0; k < n; k++) {
        TRY(plan_goes_on(k, e));
        if (!is_repeat(k, want)) nodes_visit(s, want[k].of, by);
    }
    return true;
}

static bool mark_wanted(nodes *s, uint32_t n, const ref *want, err *e)
{
    node *x = NULL;
    for (uint32_t k = 0; k < n; k++) {
        TRY(plan_goes_on(k, e));
        if (!is_repeat(k, want)) x = nodes_find(s, want[k].of);
        x->wanted = true;
        x->nwanted++;
        x->helpers |= !want[k].of->grid || want[k].i >= want[k].of->grid->nblock;
    }
    return true;
}

/* --- rewriting --- */

static const struct {
    enum plan_pass pass;
    rewrite run;
} passes[] = {
    {PASS_ITEMS, rewrite_items}, {PASS_SHARE, rewrite_share}, {PASS_TOGETHER, rewrite_together},
    {PASS_SLICE, rewrite_slice}, {PASS_LIFT, rewrite_lift},   {PASS_MIRROR, rewrite_mirror},
    {PASS_SCAN, rewrite_scan},   {PASS_AGAIN, rewrite_again}, {PASS_RECHUNK, rewrite_rechunk},
    {PASS_RUNS, rewrite_runs},
};

typedef struct worklist {
    const layer **at;
    size_t n, cap;
} worklist;

static void push(worklist *w, const layer *l)
{
    if (w->n == w->cap) w->at = mem_grow((void *)w->at, (w->cap = 2 * w->cap + 16) * sizeof *w->at);
    w->at[w->n++] = l;
}

/* x's tasks no longer read: neither do those of whoever is now unread */
static void forget(nodes *all, const layer *by, worklist *w)
{
    size_t base = w->n;
    push(w, by);
    while (w->n > base) {
        const layer *l = w->at[--w->n];
        for (uint32_t k = 0; k < l->ndep; k++) {
            node *d = nodes_find(all, l->dep[k]);
            if (--d->nreader == 0 && !d->wanted) push(w, d->by);
        }
    }
}

static void hold(plan *p, layer *l)
{
    if (!(p->nheld & (p->nheld - 1)))
        p->held = mem_grow(p->held, (p->nheld ? 2 * p->nheld : 1) * sizeof *p->held);
    p->held[p->nheld++] = l;
}

/* readers of the new layer's inputs; inputs that are new wait their turn on the worklist */
static void adopt(nodes *all, const layer *by, worklist *w)
{
    for (uint32_t k = 0; k < by->ndep; k++) {
        uint32_t had = all->n;
        nodes_visit(all, by->dep[k], NULL);
        nodes_find(all, by->dep[k])->nreader++;
        for (uint32_t i = had; i < all->n; i++) push(w, all->at[i].of);
    }
}

/* Was it rewritten? */
static bool rewrite_node(nodes *all, plan *p, const layer *of, uint32_t off, worklist *w)
{
    bool changed = false;
    node *x = nodes_find(all, of);
    for (size_t k = 0; k < sizeof passes / sizeof *passes; k++) {
        bool dead = !x->nreader && !x->wanted;
        if (dead || x->helpers || x->of->foreign || off & passes[k].pass) continue;
        layer *by = passes[k].run(all, x);
        if (!by) continue;
        const layer *old = x->by;
        x->by = by;
        hold(p, by);
        adopt(all, by, w);
        forget(all, old, w);
        x = nodes_find(all, of);
        changed = true;
        k = (size_t)-1; /* what is there now may be rewritten again */
    }
    return changed;
}

static void rewrite_rounds(nodes *all, plan *p, uint32_t off)
{
    enum { ROUNDS = 8 }; /* what lost readers is looked at again */
    worklist w = {0};
    bool changed = true;
    for (int round = 0; round < ROUNDS && changed; round++) {
        changed = false;
        for (uint32_t i = all->n; i-- > 0;) { /* dependents first */
            push(&w, all->at[i].of);
            while (w.n) changed |= rewrite_node(all, p, w.at[--w.n], off, &w);
        }
    }
    mem_free((void *)w.at);
}

/* What other passes made would be in the way of slices: those come to rest first. */
static void rewrite_all(nodes *all, plan *p, uint32_t off)
{
    rewrite_rounds(all, p, off | PASS_RECHUNK | PASS_AGAIN | PASS_MIRROR | PASS_LIFT | PASS_SCAN);
    rewrite_rounds(all, p, off);
}

/* roots are held once each */
static bool hold_roots(plan *p, uint32_t n, const ref *want, err *e)
{
    for (uint32_t k = 0; k < n; k++) {
        TRY(plan_goes_on(k, e));
        if (!is_repeat(k, want)) hold(p, datum_ref((layer *)(uintptr_t)want[k].of));
    }
    return true;
}

bool nodes_build(nodes *s, plan *p, uint32_t n, const ref *want, const plan_opts *o, err *e)
{
    nodes all = {0};
    bool rewrites = !o->keep_all && ~o->off & PASS_REWRITE, ok = hold_roots(p, n, want, e);
    if (rewrites && ok) {
        ok = visit_wanted(&all, n, want, NULL, e) && mark_wanted(&all, n, want, e);
        if (ok) rewrite_all(&all, p, o->off);
    }
    ok = ok && visit_wanted(s, n, want, rewrites ? &all : NULL, e) && mark_wanted(s, n, want, e);
    nodes_clear(&all);
    return ok;
}

/* engine/plan/order.c - Dask's static order: a walk down dependencies to what a goal needs, then up
 * dependents as long as that lets results go.
 *
 * Goals wait on a stack of stacks, which lie one after the other in one array: `seg` says where
 * each begins, the last is the one being worked on, its first element the goal.  Dependents that
 * promise less than the goal are put off, by their `part`: how much work a goal is that is not
 * shared with smaller ones.  Everything is proportional to tasks and edges but for the sorting of
 * short lists. */
#include <stdlib.h>
#include <string.h>

#include "engine/plan/order_impl.h"

enum { FEW = 100, SOME = 1000 }; /* longer lists are taken as they come */
static int by_turn(const void *x, const void *y, void *ctx) /* the last comes off first */
{
    const pool *p = x, *q = y;
    (void)ctx;
    BY(q->part, p->part);
    BY(q->seq, p->seq);
    return 0;
}

typedef int compare(const void *, const void *, void *);

/* Two sorted runs one after the other, n in all, become one. */
static void merge(walk *w, const uint32_t *at, size_t first, size_t n, compare *by, uint32_t *to)
{
    for (size_t i = 0, j = first, k = 0; k < n && walk_goes_on(w, k); k++)
        to[k] = i < first && (j == n || by(&at[i], &at[j], w) <= 0) ? at[i++] : at[j++];
}

/* As qsort_r, but ends early when nobody waits any more. */
static void sort_long(walk *w, uint32_t *at, size_t n, compare *by)
{
    enum { RUN = 1 << 10 };
    for (size_t i = 0; i < n && !(w->stopped |= stop_asked()); i += RUN)
        qsort_r(at + i, n - i < RUN ? n - i : RUN, sizeof *at, by, w);
    uint32_t *other = mem_alloc(n * sizeof *other), *from = at, *to = other;
    for (size_t half = RUN; half < n && !w->stopped; half *= 2) {
        for (size_t i = 0; i < n && !w->stopped; i += 2 * half)
            merge(w, from + i, n - i < half ? n - i : half, n - i < 2 * half ? n - i : 2 * half, by,
                  to + i);
        uint32_t *t = from;
        from = to;
        to = t;
    }
    if (from != at && !w->stopped) memcpy(at, from, n * sizeof *at);
    mem_free(other);
}

static void sort(walk *w, uint32_t *at, size_t n, compare *by)
{
    enum { LONG = 1 << 13 };
    if (n > LONG)
        sort_long(w, at, n, by);
    else if (n > 1)
        qsort_r(at, n, sizeof *at, by, w);
}

static void reverse(uint32_t *at, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        uint32_t t = at[i];
        at[i] = at[n - 1 - i];
        at[n - 1 - i] = t;
    }
}

/* --- stacks --- */

static size_t stack_from(const walk *w)
{
    return w->seg.at[w->seg.n - 1];
}

static bool stack_has(const walk *w)
{
    return w->cells.n > stack_from(w);
}

/* a stack of one on top of the others */
static void open_stack(walk *w, uint32_t t)
{
    ids_add(&w->seg, (uint32_t)w->cells.n);
    ids_add(&w->cells, t);
    w->seen[t] = true;
}

/* at[] are the next goals, the first one first; instead: an empty stack goes */
static void go_to(walk *w, const uint32_t *at, size_t n, bool instead)
{
    if (instead) w->seg.n--;
    while (n-- > 0) open_stack(w, at[n]);
}

/* --- numbering --- */

static bool has(const walk *w, uint32_t t)
{
    return w->number[t] != NOBODY;
}

static void give_number(walk *w, uint32_t t)
{
    w->number[t] = w->done++;
}

/* results that need nothing else run with t */
static bool end_results(walk *w, uint32_t t)
{
    ids *now = &w->chosen;
    uint32_t *at = above_of(w, t), n = 0;
    now->n = 0;
    for (uint32_t k = 0; k < w->nabove[t]; k++)
        if (w->needed[at[k]] == 1 && !w->nabove[at[k]])
            ids_add(now, at[k]);
        else
            at[n++] = at[k];
    w->nabove[t] = n;
    sort(w, now->at, now->n, by_inputs);
    for (size_t i = 0; i < now->n; i++) give_number(w, now->at[i]);
    return now->n;
}

static void forget_root(walk *w, uint32_t t)
{
    uint32_t *at = above_of(w, t), n = 0;
    if (w->root == NOBODY) return;
    for (uint32_t k = 0; k < w->nabove[t]; k++)
        if (at[k] != w->root) at[n++] = at[k];
    w->needed[w->root] -= w->nabove[t] - n;
    w->nabove[t] = n;
}

/* t runs. True: results ran with it. */
static bool finish(walk *w, uint32_t t)
{
    bool ended = false;
    give_number(w, t);
    if (w->m[t].low == 1 && !(ended = end_results(w, t))) forget_root(w, t);
    for (uint32_t k = 0; k < w->nabove[t]; k++) w->needed[above_of(w, t)[k]]--;
    return ended;
}

/* --- singles --- */

static void find_fresh(walk *w)
{
    w->now++;
    w->found.n = 0;
}

static void find_more(walk *w, const uint32_t *at, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        if (w->stamp[at[k]] == w->now) continue;
        w->stamp[at[k]] = w->now;
        ids_add(&w->found, at[k]);
    }
}

static void add_single(walk *w, uint32_t t)
{
    if (w->parent[t] == NOBODY) ids_add(&w->singles, t);
    w->parent[t] = w->item;
}

static uint32_t only_ready(const walk *w, const uint32_t *at, size_t n)
{
    return n == 1 && !w->needed[at[0]] ? at[0] : NOBODY;
}

/* those of at[] that have not been on a stack, into `below` */
static size_t unseen(walk *w, const uint32_t *at, size_t n)
{
    w->below.n = 0;
    for (size_t k = 0; k < n; k++)
        if (!w->seen[at[k]]) ids_add(&w->below, at[k]);
    return w->below.n;
}

/* t, and what follows it alone; other dependents are found */
static void run_chain(walk *w, uint32_t t, bool busy)
{
    while (t != NOBODY) {
        finish(w, t);
        const uint32_t *at = above_of(w, t);
        size_t n = w->nabove[t], fresh = busy ? unseen(w, at, n) : n;
        if (n && !fresh) {
            t = only_ready(w, at, n);
            continue;
        }
        if (fresh < n) at = w->below.at;
        t = only_ready(w, at, fresh);
        if (t == NOBODY) {
            find_more(w, at, fresh);
        } else if (fresh < n) {
            ids_add(&w->spare, t);
            return;
        }
    }
}

static size_t left_above(const walk *w, uint32_t t)
{
    size_t n = 0;
    for (uint32_t k = 0; k < w->nabove[t]; k++) n += !has(w, above_of(w, t)[k]);
    return n;
}

/* what is found and not done, and comes from singles */
static void end_detour(walk *w)
{
    size_t n = 0;
    for (size_t k = 0; k < w->found.n; k++)
        if (!has(w, w->found.at[k])) w->found.at[n++] = w->found.at[k];
    w->found.n = n;
    w->detour = true;
    w->follow = false;
}

static void run_singles(walk *w)
{
    bool busy = stack_has(w) || w->seg.n > 1;
    find_fresh(w);
    for (size_t i = 0; i < w->singles.n; i++) {
        uint32_t t = w->singles.at[i], from = w->parent[t];
        w->parent[t] = NOBODY;
        if (has(w, t)) continue;
        if (busy && left_above(w, from) > 1)
            ids_add(&w->spare, t);
        else
            run_chain(w, t, busy);
    }
    w->singles.n = 0;
    end_detour(w);
}

static void run_spare(walk *w)
{
    find_fresh(w);
    for (size_t i = 0; i < w->spare.n; i++)
        if (!has(w, w->spare.at[i])) run_chain(w, w->spare.at[i], false);
    w->spare.n = 0;
    end_detour(w);
}

/* --- where dependents go --- */

static void put_into(walk *w, pools *to, const uint32_t *at, size_t n, part_of part)
{
    if (to->n == to->cap)
        to->at = mem_grow(to->at, (to->cap = to->cap ? 2 * to->cap : 64) * sizeof *to->at);
    to->at[to->n++] = (pool){part, w->seq++, w->pooled.n, n};
    for (size_t k = 0; k < n; k++) ids_add(&w->pooled, at[k]);
}

static void put_off(walk *w, const uint32_t *at, size_t n, part_of part)
{
    put_into(w, part < w->part[w->item] ? &w->soon : &w->later, at, n, part);
}

static part_of goal(const walk *w)
{
    return w->part[w->cells.at[stack_from(w)]];
}

static void place_one(walk *w, uint32_t t)
{
    bool busy = stack_has(w), better = busy ? w->part[t] < goal(w) : w->follow;
    if (better)
        go_to(w, &t, 1, !busy);
    else if (!w->needed[t])
        add_single(w, t);
    else
        put_off(w, &t, 1, w->part[t]);
}

static void place_two(walk *w, uint32_t one, uint32_t two)
{
    bool busy = stack_has(w), swap = w->part[two] < w->part[one];
    if (w->part[one] == w->part[two]) swap = by_above(&two, &one, w) < 0;
    uint32_t both[2] = {swap ? two : one, swap ? one : two};
    part_of p1 = w->part[both[0]], p2 = w->part[both[1]];
    bool ready = !w->needed[both[1]], go_one, go_two;
    if (busy) {
        go_one = p1 < goal(w);
        go_two = p2 < goal(w);
    } else {
        go_one = w->follow;
        go_two = go_one && !ready && p1 == p2 && 5 * w->part[w->item] > 22 * p1;
    }
    if (go_one)
        go_to(w, both, go_two ? 2 : 1, false);
    else
        put_off(w, both, 1, p1);
    if (ready && go_one && busy && w->detour)
        ids_add(&w->spare, both[1]);
    else if (ready && go_one)
        add_single(w, both[1]);
    else if (!go_two)
        put_off(w, both + 1, 1, p2);
}

static void rank(walk *w, uint32_t *at, size_t n)
{
    if (n > 1 && n < FEW)
        sort(w, at, n, by_above);
    else
        reverse(at, n);
}

/* The smallest pool: all of it when that is much less work than what was just done (Dask's own
 * measure), else one. */
static void follow_best(walk *w, uint32_t *at, size_t n)
{
    part_of least = w->part[at[0]];
    long double much = 11.0L * (long double)n * (long double)n * (long double)least;
    if (n == 1 || 10.0L * (long double)w->part[w->item] > much) {
        rank(w, at, n);
        go_to(w, at, n, true);
        return;
    }
    size_t best = n - 1;
    for (size_t i = 0; n < FEW && i < n; i++)
        if (by_above(&at[i], &at[best], w) < 0) best = i;
    uint32_t t = at[best];
    put_into(w, &w->soon, at, n, least);
    go_to(w, &t, 1, true);
}

static void place_many(walk *w, uint32_t *at, size_t n)
{
    bool busy = stack_has(w);
    sort(w, at, n, by_part);
    part_of aim = busy ? goal(w) : 0;
    ids *now = &w->chosen;
    now->n = 0;
    for (size_t i = 0, k; i < n; i = k) {
        part_of p = w->part[at[i]];
        for (k = i + 1; k < n && w->part[at[k]] == p;) k++;
        if (busy && p < aim) {
            rank(w, at + i, k - i);
            for (size_t q = i; q < k; q++) ids_add(now, at[q]);
        } else if (!busy && w->follow && !i)
            follow_best(w, at, k);
        else
            put_off(w, at + i, k - i, p);
    }
    if (now->n) go_to(w, now->at, now->n, false);
}

static void place(walk *w, const uint32_t *at, size_t n)
{
    size_t fresh = unseen(w, at, n);
    if (!fresh) {
        uint32_t t = only_ready(w, at, n);
        if (t != NOBODY) add_single(w, t);
        return;
    }
    if (fresh < n) w->follow = false;
    if (fresh == 1)
        place_one(w, w->below.at[0]);
    else if (fresh == 2)
        place_two(w, w->below.at[0], w->below.at[1]);
    else
        place_many(w, w->below.at, fresh);
}

/* --- the walk --- */

static void open_below(walk *w, uint32_t t)
{
    if (t == w->root) return;
    ids_add(&w->cells, t);
    w->below.n = 0;
    for (uint32_t k = w->g->first[t]; k < w->g->first[t + 1]; k++)
        if (!has(w, w->g->dep[k])) ids_add(&w->below, w->g->dep[k]);
    if (w->below.n < SOME)
        sort(w, w->below.at, w->below.n, by_below);
    else
        reverse(w->below.at, w->below.n);
    for (size_t k = w->below.n; k-- > 0;) {
        ids_add(&w->cells, w->below.at[k]);
        w->seen[w->below.at[k]] = true;
    }
}

/* the uppermost of the stack */
static void take(walk *w)
{
    uint32_t t = w->item = w->cells.at[--w->cells.n];
    if (has(w, t)) return;
    if (w->needed[t]) {
        open_below(w, t);
        if (!w->singles.n) return;
        run_singles(w);
        if (w->found.n) place(w, w->found.at, w->found.n);
        return;
    }
    w->follow = !finish(w, t);
    w->detour = false;
    if (w->nabove[t]) place(w, above_of(w, t), w->nabove[t]);
}

/* until stacks and singles are empty */
static void work(walk *w)
{
    for (size_t turn = 0; walk_goes_on(w, turn); turn++) {
        if (stack_has(w)) {
            take(w);
            continue;
        }
        if (w->seg.n > 1) {
            w->seg.n--;
            continue;
        }
        if (!w->singles.n && !w->spare.n) return;
        if (w->singles.n)
            run_singles(w);
        else
            run_spare(w);
        if (w->found.n) place(w, w->found.at, w->found.n);
    }
}

static void bring_soon(walk *w)
{
    pools *s = &w->soon, *o = &w->outer;
    if (!s->n) return;
    qsort_r(s->at, s->n, sizeof *s->at, by_turn, NULL);
    if (o->n + s->n > o->cap) o->at = mem_grow(o->at, (o->cap = 2 * (o->n + s->n)) * sizeof *o->at);
    memcpy(o->at + o->n, s->at, s->n * sizeof *s->at);
    o->n += s->n;
    s->n = 0;
}

/* the next pool that is not done yet becomes goals */
static bool take_pool(walk *w)
{
    while (w->outer.n) {
        pool p = w->outer.at[--w->outer.n];
        w->below.n = 0;
        for (size_t k = 0; k < p.n; k++)
            if (!has(w, w->pooled.at[p.first + k])) ids_add(&w->below, w->pooled.at[p.first + k]);
        if (!w->below.n) continue;
        rank(w, w->below.at, w->below.n);
        go_to(w, w->below.at, w->below.n, true);
        return true;
    }
    return false;
}

static void begin_next(walk *w)
{
    for (;;) {
        bring_soon(w);
        if (take_pool(w)) return;
        if (!w->later.n) break;
        pools p = w->soon;
        w->soon = w->later;
        w->later = p;
    }
    if (!w->sorted) {
        sort(w, w->starts.at, w->starts.n, by_start);
        reverse(w->starts.at, w->starts.n);
        w->sorted = true;
    }
    if (w->stopped) return;
    while (has(w, w->starts.at[w->starts.n - 1])) w->starts.n--;
    ids_add(&w->cells, w->starts.at[--w->starts.n]);
}

static void walk_all(walk *w)
{
    uint32_t first = NOBODY;
    for (uint32_t t = 0; t < w->g->n && walk_goes_on(w, t); t++) {
        if (nbelow(w, t)) continue;
        ids_add(&w->starts, t);
        if (first == NOBODY || by_start(&t, &first, w) < 0) first = t;
    }
    if (w->root != NOBODY) w->seen[w->root] = true;
    ids_add(&w->seg, 0);
    ids_add(&w->cells, first);
    while (!w->stopped) {
        work(w);
        if (w->done == w->g->n || w->stopped) return;
        begin_next(w);
    }
}

bool order_find(const order_graph *g, uint32_t *number)
{
    size_t n = g->n;
    walk w = {.g = g, .number = number, .root = NOBODY};
    memset(number, 0xff, n * sizeof *number);
    w.needed = mem_alloc((n + 1) * sizeof *w.needed);
    w.seen = mem_zero(n + 1);
    w.stamp = mem_zero((n + 1) * sizeof *w.stamp);
    w.parent = mem_alloc((n + 1) * sizeof *w.parent);
    memset(w.parent, 0xff, n * sizeof *w.parent);
    bool ok = walk_measure(&w);
    if (ok && n) walk_all(&w);
    void *own[] = {w.above,      w.above_first, w.nabove,    w.needed,   w.total,     w.m,
                   w.part,       w.seen,        w.stamp,     w.parent,   w.cells.at,  w.seg.at,
                   w.singles.at, w.spare.at,    w.found.at,  w.below.at, w.chosen.at, w.soon.at,
                   w.later.at,   w.outer.at,    w.pooled.at, w.starts.at};
    for (size_t k = 0; k < sizeof own / sizeof *own; k++) mem_free(own[k]);
    return ok && !w.stopped;
}

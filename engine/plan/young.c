/* engine/plan/young.c - the order in which results die young.
 *
 * Tasks come numbered depth-first from the wanted blocks down: good when each result has one
 * reader, bad when something large is read on the way to several wanted results.  Where that
 * would hold much, other ways through the tasks are played: what a worker would do with these
 * numbers or with those of order.c, and the same making at once what a result is waited with for.
 * The tasks are numbered along the way that holds least, if two workers hold less with it too. */
#include <string.h>

#include "engine/plan/forecast.h"
#include "engine/plan/lower.h"
#include "engine/plan/order.h"

enum { MUCH = 16 << 20, GUESS = 1 << 20, LEAST_GUESS = 1 << 10, TASK = 256 };

typedef struct sizes {
    uint64_t *of;    /* bytes that each result adds */
    uint32_t *owner; /* task whose memory the result looks into: itself mostly */
    uint64_t wanted; /* of those that stay */
} sizes;

/* A result of unknown size: less than what it is made of, for functions mostly reduce. */
static uint64_t guess(const plan *p, const sizes *s, tid t)
{
    const task *k = &p->task[t];
    uint64_t most = 0;
    for (uint32_t i = 0; i < k->nin; i++)
        if (s->of[p->in[k->in + i]] > most) most = s->of[p->in[k->in + i]];
    if (!k->nin) return GUESS;
    return most / 2 > LEAST_GUESS ? most / 2 : LEAST_GUESS;
}

static sizes sizes_of(const plan *p)
{
    sizes s = {mem_zero((p->ntask + 1) * sizeof *s.of), mem_alloc((p->ntask + 1) * sizeof *s.owner),
               0};
    costs *c = costs_new(p);
    for (tid t = 0; t < p->ntask; t++) {
        const task *k = &p->task[t];
        s.owner[t] = t;
        if (k->flags & TASK_DONE) continue;
        task_cost cost = costs_of(c, t);
        s.of[t] = cost.unknown ? guess(p, &s, t) : cost.likely;
        if (!s.of[t] && k->nin) s.owner[t] = s.owner[p->in[k->in]];
        if (k->flags & TASK_WANTED) s.wanted += s.of[t];
    }
    costs_free(c);
    return s;
}

/* --- what is held at most, one task after the other --- */

static uint64_t held_at_most(const plan *p, const sizes *s, const tid *at)
{
    uint32_t *uses = mem_zero((p->ntask + 1) * sizeof *uses),
             *looks = mem_zero((p->ntask + 1) * sizeof *looks);
    uint64_t live = 0, peak = 0;
    for (tid t = 0; t < p->ntask; t++)
        for (uint32_t i = 0; i < p->task[t].nin; i++) uses[p->in[p->task[t].in + i]]++;
    for (tid n = 0; n < p->ntask; n++) {
        tid t = at ? at[n] : n;
        const task *k = &p->task[t];
        live += s->of[t];
        looks[s->owner[t]]++;
        if (live > peak) peak = live;
        for (uint32_t i = 0; i < k->nin; i++) {
            tid in = p->in[k->in + i];
            if (--uses[in] || p->task[in].flags & TASK_WANTED) continue;
            if (!--looks[s->owner[in]]) live -= s->of[s->owner[in]];
        }
    }
    mem_free(uses);
    mem_free(looks);
    return peak;
}

/* --- other orders --- */

typedef struct web {       /* who reads whom, each once */
    uint32_t *first, *dep; /* as order_graph has it */
    uint32_t *above, *reader;
} web;

static void web_clear(web *w)
{
    mem_free(w->first);
    mem_free(w->dep);
    mem_free(w->above);
    mem_free(w->reader);
}

/* inputs */
static web web_of(const plan *p)
{
    size_t n = p->ntask;
    uint32_t *last = mem_alloc((n + 1) * sizeof *last), at = 0;
    web w = {.first = mem_alloc((n + 1) * sizeof *w.first),
             .dep = mem_alloc((p->nin + 1) * sizeof *w.dep),
             .above = mem_alloc((n + 2) * sizeof *w.above),
             .reader = mem_alloc((p->nin + 1) * sizeof *w.reader)};
    memset(last, 0xff, n * sizeof *last);
    for (tid t = 0; t < p->ntask; t++) {
        w.first[t] = at;
        for (uint32_t i = 0; i < p->task[t].nin; i++) {
            tid in = p->in[p->task[t].in + i];
            if (last[in] != t) w.dep[at++] = in;
            last[in] = t;
        }
    }
    w.first[n] = at;
    mem_free(last);
    return w;
}

/* readers, in the order of at[] (NULL: as they are) */
static void web_readers(web *w, tid n, const tid *at)
{
    memset(w->above, 0, ((size_t)n + 2) * sizeof *w->above);
    for (uint32_t k = 0; k < w->first[n]; k++) w->above[w->dep[k] + 2]++;
    for (tid t = 0; t < n; t++) w->above[t + 2] += w->above[t + 1];
    for (tid i = 0; i < n; i++) {
        tid t = at ? at[i] : i;
        for (uint32_t k = w->first[t]; k < w->first[t + 1]; k++)
            w->reader[w->above[w->dep[k] + 1]++] = t;
    }
}

/* One worker's way through the tasks (run/pool.c): of what is ready the latest, else the next
 * leaf.  With `near`, what a result is waited with for is made first when it is not far. */
typedef struct way {
    const web *w;
    tid *stack, *list;
    uint32_t *left, top, cap, n;
    bool *done, near;
} way;

static void push(way *y, tid t)
{
    if (y->top == y->cap) y->stack = mem_grow(y->stack, (y->cap *= 2) * sizeof *y->stack);
    y->stack[y->top++] = t;
}

/* Can t run after few others? */
static bool is_near(const way *y, tid t)
{
    enum { FEW = 8 };
    tid todo[FEW];
    uint32_t n = 1;
    todo[0] = t;
    for (uint32_t i = 0; i < n; i++) {
        if (y->left[todo[i]] > FEW - n) return false; /* known without a look at all its inputs */
        for (uint32_t k = y->w->first[todo[i]]; k < y->w->first[todo[i] + 1]; k++) {
            if (y->done[y->w->dep[k]]) continue;
            todo[n++] = y->w->dep[k];
        }
    }
    return true;
}

static void run_one(way *y, tid t)
{
    enum { SOME = 8 };
    const web *w = y->w;
    uint32_t from = w->above[t], to = w->above[t + 1];
    y->done[t] = true;
    y->list[y->n++] = t;
    for (uint32_t k = from; k < to; k++) y->left[w->reader[k]]--;
    for (uint32_t k = to; y->near && to - from <= SOME && k-- > from;)
        if (y->left[w->reader[k]] && is_near(y, w->reader[k])) push(y, w->reader[k]);
    for (uint32_t k = to; k-- > from;)
        if (!y->left[w->reader[k]]) push(y, w->reader[k]);
}

static void run_stack(way *y)
{
    const web *w = y->w;
    while (y->top) {
        tid t = y->stack[y->top - 1];
        if (y->done[t] || !y->left[t]) {
            y->top--;
            if (!y->done[t]) run_one(y, t);
            continue;
        }
        for (uint32_t k = w->first[t + 1]; k-- > w->first[t];)
            if (!y->done[w->dep[k]]) push(y, w->dep[k]);
    }
}

/* at: the order of priority; mem_free the answer */
static tid *way_through(const web *w, tid n, const tid *at, bool near)
{
    way y = {.w = w, .cap = 64, .near = near};
    y.stack = mem_alloc(y.cap * sizeof *y.stack);
    y.list = mem_alloc(((size_t)n + 1) * sizeof *y.list);
    y.left = mem_alloc(((size_t)n + 1) * sizeof *y.left);
    y.done = mem_zero((size_t)n + 1);
    for (tid t = 0; t < n; t++) y.left[t] = w->first[t + 1] - w->first[t];
    for (tid i = 0; i < n; i++) {
        tid t = at ? at[i] : i;
        if (y.done[t] || w->first[t + 1] > w->first[t]) continue;
        push(&y, t);
        run_stack(&y);
    }
    mem_free(y.stack);
    mem_free(y.left);
    mem_free(y.done);
    return y.list;
}

/* Tasks in the order of order.c; mem_free it. */
static tid *other_order(const web *w, tid n)
{
    order_graph g = {.n = n, .first = w->first, .dep = w->dep};
    tid *rank = mem_alloc(((size_t)n + 1) * sizeof *rank),
        *list = mem_alloc(((size_t)n + 1) * sizeof *list);
    if (!order_find(&g, rank)) /* stopped: plans have no cycles */
        for (tid t = 0; t < n; t++) rank[t] = t;
    for (tid t = 0; t < n; t++) list[rank[t]] = t;
    mem_free(rank);
    return list;
}

static void renumber(plan *p, const tid *list)
{
    size_t n = p->ntask;
    task *k = mem_alloc((n + 1) * sizeof *k);
    datum *_Atomic *out = mem_alloc((n + 1) * sizeof *out);
    tid *to = mem_alloc((n + 1) * sizeof *to);
    for (tid t = 0; t < p->ntask; t++) {
        to[list[t]] = t;
        k[t] = p->task[list[t]];
        atomic_init(&out[t], atomic_load_explicit(&p->out[list[t]], memory_order_relaxed));
    }
    for (uint64_t i = 0; i < p->nin; i++) p->in[i] = to[p->in[i]];
    for (uint32_t i = 0; i < p->nwanted; i++) p->wanted[i] = to[p->wanted[i]];
    mem_free(p->task);
    mem_free((void *)p->out);
    mem_free(to);
    p->task = k;
    p->out = out;
    plan_link(p);
}

/* Of the ways through the tasks the one that holds least, or NULL: it is about what is there. */
static tid *best_way(const plan *p, const sizes *s, uint64_t held)
{
    web w = web_of(p);
    tid *best = NULL, *by[2] = {NULL, other_order(&w, p->ntask)};
    uint64_t least = UINT64_MAX, plain = held;
    for (int k = 0; k < 4; k++) {
        web_readers(&w, p->ntask, by[k & 1]);
        tid *list = way_through(&w, p->ntask, by[k & 1], k & 2);
        uint64_t most = held_at_most(p, s, list);
        if (!k && most > plain) plain = most;
        if (most < least) {
            tid *was = best;
            least = most;
            best = list;
            list = was;
        }
        mem_free(list);
    }
    mem_free(by[1]);
    web_clear(&w);
    if (least + plain / 8 < plain) return best;
    mem_free(best);
    return NULL;
}

/* What two workers hold at most: they take tasks by turns, and are in two places at once. */
static uint64_t held_by_two(const plan *p)
{
    forecast f = plan_forecast(p, 2, UINT64_MAX);
    uint64_t peak = f.peak;
    forecast_clear(&f);
    return peak;
}

/* Renumbers, unless workers that take turns would hold more then. */
static void try_renumber(plan *p, const tid *list)
{
    uint64_t before = held_by_two(p);
    renumber(p, list);
    if (held_by_two(p) <= before) return;
    tid *back = mem_alloc(((size_t)p->ntask + 1) * sizeof *back);
    for (tid t = 0; t < p->ntask; t++) back[list[t]] = t;
    renumber(p, back);
    mem_free(back);
}

void pass_order(plan *p)
{
    uint64_t much = MUCH + (uint64_t)p->ntask * TASK; /* what tasks themselves take, at least */
    if (p->bytes < much && !p->nforeign) return;
    sizes s = sizes_of(p);
    uint64_t held = held_at_most(p, &s, NULL);
    tid *list = held > s.wanted + much ? best_way(p, &s, held) : NULL;
    if (list) try_renumber(p, list);
    mem_free(list);
    mem_free(s.of);
    mem_free(s.owner);
}

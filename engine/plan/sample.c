/* engine/plan/sample.c - how much masks leave.
 *
 * What x[x > 0] takes depends on the data alone.  Before a plan is described, or run where it may
 * not fit, some of its tasks that select are run, blocks here and there, with what they read, if
 * that is quick: the others will leave about as much. */
#include <math.h>
#include <time.h>

#include "engine/plan/forecast.h"

enum { SOME = 8, FOURTH = 4, CONE = 16 };
static const double QUICK_S = 0.05; /* for all of a plan */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool selects(const task_cost *c)
{
    return (c->unknown || c->selects) && c->out && c->seconds <= QUICK_S;
}

static bool can_run(const plan *p, tid t)
{
    const task *k = &p->task[t];
    return !(k->flags & (TASK_DONE | TASK_HOME | TASK_PLACED)) && !p->prog[k->prog]->foreign;
}

typedef struct made { /* results that a sample needs and the plan is not to have */
    plan *p;
    costs *costs;
    double seconds;
    uint32_t n;
    tid at[CONE];
} made;

static datum *result(const plan *p, tid t)
{
    return atomic_load_explicit(&p->out[t], memory_order_relaxed);
}

/* t and what it reads, CONE tasks at most.  False: it is more, or fails, as it may when it runs. */
static bool make(made *m, tid t)
{
    const task *k = &m->p->task[t];
    if (result(m->p, t)) return true;
    if (m->n == CONE || !can_run(m->p, t)) return false;
    m->at[m->n++] = t;
    m->seconds += costs_of(m->costs, t).seconds;
    if (m->seconds > QUICK_S) return false;
    for (uint32_t i = 0; i < k->nin; i++) TRY(make(m, m->p->in[k->in + i]));
    arena scratch = {0};
    err e = {0};
    datum *out = task_call(&(task_run){.p = m->p, .t = t, .scratch = &scratch}, &e);
    atomic_store_explicit(&m->p->out[t], out, memory_order_relaxed);
    arena_clear(&scratch);
    err_clear(&e);
    return out;
}

/* of a block, or of the blocks of a pack */
static uint64_t result_size(const datum *d)
{
    const datum *part;
    uint64_t n = as_nd(d) ? nd_bytes(as_nd(d)) : 0;
    for (uint32_t i = 0; (part = datum_part(d, i)); i++) n += result_size(part);
    return n;
}

/* Bytes that t leaves; false: nobody knows. */
static bool left_by(plan *p, costs *c, tid t, uint64_t *bytes)
{
    made m = {.p = p, .costs = c};
    bool ok = make(&m, t);
    const datum *x = ok ? result(p, t) : NULL;
    *bytes = x ? result_size(x) : 0;
    while (m.n-- > 0)
        datum_unref(atomic_exchange_explicit(&p->out[m.at[m.n]], NULL, memory_order_relaxed));
    return x != NULL;
}

typedef struct sample { /* of a program */
    bool met, selects;
    uint32_t tasks, every, next, taken; /* that can be run; of them one of so many is */
    uint64_t whole, left;
    double sum, squares; /* of the parts that tasks left of theirs */
} sample;

/* of the program of t, by the first of its tasks */
static sample *sample_of(sample *all, costs *c, const plan *p, tid t)
{
    sample *s = &all[p->task[t].prog];
    if (!s->met && !p->prog[p->task[t].prog]->foreign) {
        task_cost cost = costs_of(c, t);
        s->selects = selects(&cost);
    }
    s->met = true;
    return s;
}

static void take(plan *p, tid t, costs *c, sample *s)
{
    uint64_t bytes;
    if (s->taken >= SOME || s->next++ % s->every != s->every / 2) return;
    task_cost cost = costs_of(c, t);
    if (!selects(&cost) || !left_by(p, c, t, &bytes)) return;
    s->taken++;
    s->whole += cost.out;
    s->left += bytes;
    const double part = (double)bytes / (double)cost.out;
    s->sum += part;
    s->squares += part * part;
}

/* The mean part that tasks leave is above that in 39 of 40 cases (Student's t). */
static double surely(const sample *s)
{
    static const double t[] = {0, 0, 12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36};
    const double n = s->taken, mean = n > 0 ? s->sum / n : 0;
    if (s->taken < 2) return 0;
    const double spread = (s->squares - n * mean * mean) / (n - 1);
    const double least = mean - (spread > 0 ? t[s->taken] * sqrt(spread / n) : 0);
    return least > 0 ? least : 0;
}

void plan_sample(plan *p)
{
    if (p->leaves) return;
    sample *all = mem_zero(((size_t)p->nprog + 1) * sizeof *all);
    costs *c = costs_new(p);
    const double end = now() + QUICK_S;
    uint32_t tasks = 0;
    for (tid t = 0; t < p->ntask; t++) {
        sample *s = sample_of(all, c, p, t);
        if (s->selects && can_run(p, t)) s->tasks++, tasks++;
    }
    for (uint32_t i = 0; i < p->nprog; i++) {
        all[i].every = all[i].tasks / SOME + 1;
        if (all[i].every < FOURTH) all[i].every = FOURTH; /* most of the work is the run's */
    }
    for (tid t = 0; tasks && t < p->ntask && now() < end; t++) {
        sample *s = &all[p->task[t].prog];
        if (s->tasks && can_run(p, t)) take(p, t, c, s);
    }
    p->leaves = tasks ? mem_zero(((size_t)p->nprog + 1) * sizeof *p->leaves) : NULL;
    p->surely = tasks ? mem_zero(((size_t)p->nprog + 1) * sizeof *p->surely) : NULL;
    for (uint32_t i = 0; i < p->nprog && tasks; i++) {
        p->leaves[i] = all[i].taken ? (float)((double)all[i].left / (double)all[i].whole) : -1;
        p->surely[i] = (float)surely(&all[i]);
    }
    if (tasks) buf_pool_clear(); /* it is not to count as the run's */
    costs_free(c);
    mem_free(all);
}

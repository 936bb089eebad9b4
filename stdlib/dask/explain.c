/* stdlib/dask/explain.c - the plan of lazy arrays and its forecast, and what a run really took, as
 * plain values for dask/explaining.dsk. */
#include "engine/base/mem.h"
#include "engine/plan/forecast.h"
#include "engine/run/memory.h"
#include "stdlib/dask/crew.h"
#include "stdlib/dask/parts.h"

static value v_bytes(uint64_t n)
{
    return v_int(n > INT64_MAX ? INT64_MAX : (int64_t)n);
}

static value layer_names(interp *in, const program *g)
{
    list *l = list_new(in, g->nstep);
    for (uint32_t s = g->nstep; l && s-- > 0;) /* sources first */
        if (!list_add(in, l, v_str(in, g->by[s]->name))) return obj_unref(in, l), FAIL;
    return v_obj(l);
}

/* Does the first task of a program call functions of the user? */
static bool is_yours(interp *in, const program *g, uint64_t index)
{
    if (!g->foreign) return false;
    stepset *x = mem_zero(sizeof *x);
    arena a = {0};
    err e = {0};
    bool yours = !program_look(g, index, x, &a, &e);
    for (uint32_t s = 0; s < g->nstep && !yours; s++)
        yours = x->known[s] && call_is_yours(in, &x->view[s]);
    err_clear(&e);
    arena_clear(&a);
    mem_free(x);
    return yours;
}

typedef struct spent { /* by the tasks of a program */
    double seconds;
    size_t held; /* by one, at most */
} spent;

/* (tasks, layers, read, made, held, seconds, of the user, measured seconds and held or None) */
static value step_value(interp *in, const plan *pl, const forecast *f, uint32_t i,
                        const spent *took)
{
    const program_forecast *g = &f->prog[i];
    tuple *t = tuple_new(in, 9);
    if (!t) return FAIL;
    t->at[0] = v_bytes(g->tasks);
    t->at[1] = layer_names(in, pl->prog[i]);
    t->at[2] = v_bytes(g->read);
    t->at[3] = v_bytes(g->made);
    t->at[4] = v_bytes(g->held);
    t->at[5] = v_float(g->seconds);
    t->at[6] = v_bool(is_yours(in, pl->prog[i], pl->task[g->first].index));
    t->at[7] = took ? v_float(took[i].seconds) : NONE;
    t->at[8] = took ? v_bytes(took[i].held) : NONE;
    if (!is_fail(t->at[1])) return v_obj(t);
    t->at[1] = NONE;
    obj_unref(in, t);
    return FAIL;
}

static value step_values(interp *in, const plan *pl, const forecast *f, const spent *took)
{
    list *l = list_new(in, f->nprog);
    bool *told = mem_zero(f->nprog + 1);
    bool ok = l != NULL;
    for (tid t = 0; t < pl->ntask && ok; t++) { /* in order of execution */
        uint32_t i = pl->task[t].prog;
        if (told[i] || !f->prog[i].tasks) continue;
        told[i] = true;
        ok = list_add(in, l, step_value(in, pl, f, i, took));
    }
    mem_free(told);
    if (!ok) obj_unref(in, l);
    return ok ? v_obj(l) : FAIL;
}

static uint64_t graph_tasks(int n, const expr *const *x)
{
    layer **root = mem_alloc((size_t)n * sizeof *root);
    for (int i = 0; i < n; i++) root[i] = x[i]->of;
    layers all = layers_of((uint32_t)n, root);
    uint64_t count = layers_count(&all);
    layers_clear(&all);
    mem_free(root);
    return count;
}

static bool describe(interp *in, dict *d, const plan *pl, const forecast *f)
{
    return dict_put(in, d, "tasks", v_int(pl->ntask - pl->ndone)) &&
           dict_put(in, d, "peak", v_bytes(f->peak)) &&
           dict_put(in, d, "bound", v_bytes(f->bound)) &&
           dict_put(in, d, "spilled", v_bytes(f->spilled)) &&
           dict_put(in, d, "read", v_bytes(f->read)) && dict_put(in, d, "made", v_bytes(f->made)) &&
           dict_put(in, d, "result_bytes", v_bytes(f->result)) &&
           dict_put(in, d, "seconds", v_float(f->seconds)) &&
           dict_put(in, d, "foreign", v_int(pl->nforeign));
}

static bool describe_run(interp *in, dict *d, const plan *pl, const run_use *u)
{
    dict *m = dict_new(in);
    bool ok = m && dict_put(in, m, "seconds", v_float(u->seconds)) &&
              dict_put(in, m, "peak", v_bytes(u->peak + places_bytes(pl))) &&
              dict_put(in, m, "spilled", v_bytes(u->spilled)) &&
              dict_put(in, m, "resident", v_bytes(u->resident));
    if (ok) return dict_put(in, d, "measured", v_obj(m));
    obj_unref(in, m);
    return false;
}

typedef struct explaining {
    interp *in;
    int n;
    const expr **x;
    crew *c;
    dict *out;
    uint64_t budget;
} explaining;

/* Blocks are joined after the run: that counts, too. */
static void peak_since(uint64_t before, uint64_t resident, run_use *u)
{
    uint64_t peak = buf_peak(false), most = memory_peak_resident();
    if (peak > before && peak - before > u->peak) u->peak = peak - before;
    if (most > resident && most - resident > u->resident) u->resident = most - resident;
}

/* Runs it and tells what it took. */
static bool run_it(explaining *q, plan *pl, const forecast *f)
{
    run_use use = {0};
    task_event *ev = mem_zero(((size_t)pl->ntask + 1) * sizeof *ev);
    spent *took = mem_zero((f->nprog + 1) * sizeof *took);
    uint64_t before = buf_live(), resident = memory_resident();
    double began = run_clock();
    bool ok = run_plan_with(q->in, pl, q->c, &(run_opts){.use = &use, .trace = ev});
    for (tid i = 0; ok && i < pl->ntask - pl->ndone; i++) {
        spent *s = &took[pl->task[ev[i].task].prog];
        s->seconds += ev[i].end - ev[i].begin;
        if (ev[i].held > s->held) s->held = ev[i].held;
    }
    ok = ok && dict_put(q->in, q->out, "results", run_results(q->in, pl, q->n, q->x));
    use.seconds = run_clock() - began;
    peak_since(before, resident, &use);
    ok = ok && describe_run(q->in, q->out, pl, &use) &&
         dict_put(q->in, q->out, "steps", step_values(q->in, pl, f, took));
    mem_free(took);
    mem_free(ev);
    return ok;
}

static bool limits(explaining *q, uint64_t *limit)
{
    run_opts o = {0};
    value folder;
    if (!run_limits(q->in, &o, &folder)) return false;
    value_unref(q->in, folder);
    *limit = o.limit ? o.limit : memory_default();
    q->budget = run_budget(*limit, o.larder ? larder_here(o.larder) : 0);
    return true;
}

static bool explain(explaining *q, bool then_run)
{
    err e = {0};
    uint64_t limit, room;
    char doubt[300];
    int nthread = q->c ? pool_size(crew_pool(q->c)) : 1;
    if (!limits(q, &limit)) return false;
    plan *pl = plan_results(q->in, q->n, q->x, false, &e);
    if (!pl) {
        throw_err(q->in, &e);
        return false;
    }
    plan_sample(pl);
    forecast f = plan_expect(pl, nthread, UINT64_MAX);
    bool fits = plan_at_most(pl, nthread) <= q->budget / 2 ||
                plan_fits(pl, q->budget, nthread, false, &room, &e);
    if (fits && f.peak > q->budget) {
        forecast_clear(&f);
        f = plan_expect(pl, nthread, q->budget);
    }
    forecast_join(&f, pl, q->n, q->x);
    forecast_here(&f);
    bool ok = check_interrupt(q->in) && describe(q->in, q->out, pl, &f) &&
              dict_put(q->in, q->out, "tasks_before", v_bytes(graph_tasks(q->n, q->x))) &&
              dict_put(q->in, q->out, "threads", v_int(nthread)) &&
              dict_put(q->in, q->out, "limit", v_bytes(limit)) &&
              dict_put(q->in, q->out, "budget", v_bytes(q->budget)) &&
              dict_put(q->in, q->out, "problem", e.kind ? v_str(q->in, e.msg) : NONE) &&
              dict_put(q->in, q->out, "steps", step_values(q->in, pl, &f, NULL));
    if (ok && plan_may_fail(pl, q->budget, doubt, sizeof doubt))
        ok = dict_put(q->in, q->out, "doubt", v_str(q->in, doubt));
    err_clear(&e);
    if (ok && then_run) ok = run_it(q, pl, &f);
    forecast_clear(&f);
    plan_free(pl);
    return ok;
}

/* explain(collections, scheduler, num_workers, run): a dict, or None when they are not all arrays
 */
value explain_plan(interp *in, const value *arg)
{
    explaining q = {.in = in};
    q.x = all_exprs(arg[0], &q.n);
    if (!q.x || !native_scheduler(in, arg[1], arg[2], &q.c)) {
        mem_free(q.x);
        return throwing(in) ? FAIL : NONE;
    }
    q.out = dict_new(in);
    bool ok = q.out && explain(&q, value_truth(in, arg[3]) > 0);
    mem_free(q.x);
    if (!ok) obj_unref(in, q.out);
    return ok ? v_obj(q.out) : FAIL;
}

value memory_limit(interp *in, const value *arg)
{
    (void)arg;
    run_opts o = {0};
    value folder;
    if (!run_limits(in, &o, &folder)) return FAIL;
    value_unref(in, folder);
    return v_bytes(o.limit ? o.limit : memory_default());
}

/* usage(restart): (bytes in arrays now, the most since the restart, the process likewise) */
value memory_usage(interp *in, const value *arg)
{
    bool restart = value_truth(in, arg[0]) > 0;
    tuple *t = tuple_new(in, 3);
    if (!t) return FAIL;
    if (restart) memory_restart_peak();
    t->at[0] = v_bytes(buf_live());
    t->at[1] = v_bytes(buf_peak(restart));
    t->at[2] = v_bytes(restart ? memory_resident() : memory_peak_resident());
    return v_obj(t);
}

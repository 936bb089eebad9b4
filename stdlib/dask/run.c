/* stdlib/dask/run.c - compute and persist of lazy arrays: exprs to plans to values.
 *
 * The interpreter keeps one pool for each number of workers it was asked for, and more where
 * several threads of the program compute at once.  While a plan runs, the calling thread runs what
 * only it may run and watches for Ctrl-C; while it does not, other threads have the interpreter. */
#include <stdio.h>

#include <string.h>

#include "engine/base/mem.h"
#include "lang/threads.h"
#include "stdlib/dask/crew.h"
#include "stdlib/dask/parts.h"
#include "stdlib/numpy/numpy.h"

enum { TICK_MS = 10 };

typedef struct pool_obj {
    obj hdr;
    crew *c;
    obj *attic; /* emptied after the workers have ended: they drop the last of a run at leisure */
} pool_obj;

static void pool_drop(interp *in, obj *o)
{
    pool_obj *p = (pool_obj *)o;
    if (p->c) crew_free(p->c);
    obj_unref(in, p->attic);
}

static const type T_pool = {TYPE_HEAD, .name = "pool", .module = "_dask", .size = sizeof(pool_obj),
                            .drop = pool_drop};

crew *crew_of(interp *in, int64_t n, bool processes)
{
    module *m = dask_module(in);
    char name[32];
    snprintf(name, sizeof name, "_%s%lld", processes ? "processes" : "pool", (long long)n);
    value v = m ? dict_peek(in, module_dict(m), name) : FAIL;
    pool_obj *o = (pool_obj *)as_obj(v, &T_pool);
    if (o || !m) return o ? o->c : NULL;
    o = obj_new(in, &T_pool, 0);
    if (!o) return NULL;
    o->c = crew_new(in, (int)n, processes);
    if (!o->c) return obj_unref(in, o), NULL;
    o->attic = live_attic(in);
    return module_put(in, m, name, v_obj(o)) ? o->c : NULL;
}

typedef struct larder_obj {
    obj hdr;
    larder *k;
} larder_obj;

static void larder_drop(interp *in, obj *o)
{
    (void)in;
    larder_unref(((larder_obj *)o)->k);
}

static const type T_larder = {TYPE_HEAD, .name = "larder", .module = "_dask",
                              .size = sizeof(larder_obj), .drop = larder_drop};

larder *larder_of(interp *in)
{
    module *m = dask_module(in);
    value v = m ? dict_peek(in, module_dict(m), "_larder") : FAIL;
    larder_obj *o = (larder_obj *)as_obj(v, &T_larder);
    if (o || !m) return o ? o->k : NULL;
    o = obj_new(in, &T_larder, 0);
    if (o) o->k = larder_new();
    return o && module_put(in, m, "_larder", v_obj(o)) ? o->k : NULL;
}

typedef struct running {
    interp *in;
    crew *c;      /* NULL: everything on this thread */
    outside *out; /* others have the interpreter; NULL: it is this thread's */
    value raised; /* by the handler of a signal, FAIL: nothing */
} running;

static void share_interp(void *ctx, bool now)
{
    running *r = ctx;
    if (!now) threads_come_in(r->out);
    r->out = now ? threads_go_out(r->in) : NULL;
}

/* In the interpreter. */
static bool look(running *r, const plan *p, tid done)
{
    const host *h = interp_host(r->in);
    if (r->c) crew_say(r->c);
    if (h && h->progress && done < p->ntask) h->progress(h->ctx, done, p->ntask);
    bool struck = threads_is_main(r->in) && h && h->interrupted && h->interrupted(h->ctx);
    bool wanted = !struck && !interp_trapped(r->in);
    if (wanted && !throwing(r->in) && !interp_attend(r->in)) {
        r->raised = exc_take(r->in);
        wanted = false;
    }
    if (!wanted && r->c) crew_stop(r->c, true);
    return wanted;
}

static bool still_wanted(void *ctx, const plan *p, tid done)
{
    running *r = ctx;
    if (!r->out) return look(r, p, done);
    const host *h = interp_host(r->in);
    if (!threads_called_in(r->out) && !(h && h->progress) && !(r->c && crew_has_said(r->c)))
        return true;
    share_interp(r, false);
    bool wanted = look(r, p, done);
    share_interp(r, true);
    return wanted;
}

/* False: warnings are errors. */
static bool warn_of(void *ctx, const char *text)
{
    running *r = ctx;
    if (warn_program(r->in, RuntimeWarning, text)) return true;
    r->raised = exc_take(r->in);
    return false;
}

/* num_workers= as a number, 0: not given; sync does not look at it */
bool workers_of(interp *in, value scheduler, value v, int64_t *n)
{
    const str *s = as_str(scheduler);
    *n = 0;
    if (is_none(v) || (s && str_is(s, "sync"))) return true;
    if (!to_int64(in, v, n)) {
        if (!exc_is(in, TypeError)) return false;
        exc_clear(in);
        str *text = value_repr(in, v);
        if (text) throw(in, TypeError, "num_workers must be an integer, not %s", text->at);
        obj_unref(in, text);
        return false;
    }
    if (*n >= 0) return true;
    return THROW0(in, ValueError, "num_workers must be greater than 0, not %lld", (long long)*n);
}

/* scheduler: "sync", "threads", "processes"; anything else is not ours to run */
bool native_scheduler(interp *in, value scheduler, value workers, crew **c)
{
    str *s = as_str(scheduler);
    int64_t n = 0;
    *c = NULL;
    if (!s) return false;
    TRY(workers_of(in, scheduler, workers, &n));
    return str_is(s, "sync") || (*c = crew_of(in, n, str_is(s, "processes"))) != NULL;
}

/* The error of a call that ended its process whenever it was tried: concurrent.futures' own. */
static void throw_broken(interp *in, err *e)
{
    value m = interp_import(in, "concurrent.futures.process");
    value cls = is_fail(m) ? FAIL : value_getattr_c(in, m, "BrokenProcessPool");
    value text = v_str(in, e->msg);
    value x = is_fail(cls) ? FAIL : call_n(in, cls, 1, text);
    if (!is_fail(x)) throw_value(in, x);
    value_unref(in, x);
    value_unref(in, text);
    value_unref(in, cls);
    value_unref(in, m);
    err_clear(e);
}

/* Tasks that are data go to workers, too. */
static void freeze_data(interp *in, const plan *pl)
{
    for (tid t = 0; t < pl->ntask && pl->ndone; t++) {
        datum *d = atomic_load_explicit(&pl->out[t], memory_order_relaxed);
        if (d) live_freeze(in, d);
    }
}

bool run_plan_with(interp *in, plan *pl, crew *c, const run_opts *more)
{
    running r = {in, c, NULL, FAIL};
    if (c && !(c = r.c = crew_take(c))) return false;
    if (c) freeze_data(in, pl);
    if (c) crew_stop(c, false);
    run_opts o = *more;
    o.synchronous = !c;
    o.ctx = &r;
    o.tick = still_wanted;
    o.warn = warn_of;
    o.tick_ms = TICK_MS;
    if (threads_several(in) || pl->nforeign) o.share = share_interp;
    err e = {0};
    value folder = FAIL;
    bool ok = run_limits(in, &o, &folder);
    if (!ok) {
        if (c) crew_leave(c);
        return false;
    }
    live_runs_begin(in);
    ok = plan_run(pl, c ? crew_pool(c) : NULL, &o, NULL, &e);
    live_runs_end(in);
    value_unref(in, folder);
    const host *h = interp_host(in);
    if (c) crew_say(c);
    if (h && h->progress) h->progress(h->ctx, pl->ntask, pl->ntask);
    if (!is_fail(r.raised)) {
        err_clear(&e);
        if (throwing(in)) exc_clear(in);
        throw_value(in, r.raised);
        value_unref(in, r.raised);
        ok = false;
    } else if (c && crew_was_broken(c) && e.kind == RuntimeError && !e.exc)
        throw_broken(in, &e);
    else if (!ok && interp_trapped(in))
        threads_go_on(in), err_clear(&e);
    else if (!ok)
        throw_err(in, &e);
    if (c) crew_leave(c);
    live_sweep(in);
    return ok;
}

/* All collections as exprs, or NULL when some are not Arrays (nothing pending then). */
const expr **all_exprs(value seq, int *n)
{
    list *l = as_list(seq);
    if (!l || !l->n) return NULL;
    const expr **x = mem_zero(sizeof *x * (size_t)l->n);
    *n = (int)l->n;
    for (int i = 0; i < *n; i++) {
        lazy *a = as_lazy(l->at[i]);
        if (!a) {
            mem_free(x);
            return NULL;
        }
        x[i] = a->x;
    }
    return x;
}

static bool blocks_plain(const plan *pl, uint32_t first, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (!as_nd(plan_result(pl, first + (uint32_t)i)) &&
            !plan_result(pl, first + (uint32_t)i)->kind->fetch)
            return false;
    return true;
}

/* The results of blocks that are not plain arrays, as nested lists for the part in dsk. */
static value nested_blocks(interp *in, const plan *pl, uint32_t first, const grid *g, int axis,
                           uint64_t at)
{
    if (axis == g->ndim) return value_of(in, plan_result(pl, first + (uint32_t)at));
    list *l = list_new(in, g->ax[axis]->nblock);
    for (int64_t i = 0; l && i < g->ax[axis]->nblock; i++)
        if (!list_add(in, l,
                      nested_blocks(in, pl, first, g, axis + 1,
                                    at * (uint64_t)g->ax[axis]->nblock + (uint64_t)i)))
            return obj_unref(in, l), FAIL;
    return v_obj(l);
}

/* A block without axes that was made, not calculated, is an array as it was given; what NumPy's
 * functions make of such blocks are scalars. */
static bool is_source(const layer *l)
{
    const bool leaf = strcmp(l->kind->name, "value") == 0 || strcmp(l->kind->name, "blocks") == 0;
    return leaf && l->ndep == 0;
}

static value finished(interp *in, plan *pl, uint32_t first, const expr *x)
{
    err e = {0};
    if (blocks_plain(pl, first, x->chunks->nblock)) {
        nd *r = plan_join(pl, first, x, &e);
        return is_source(x->of) ? array_wrap(in, r, &e) : array_result(in, r, &e);
    }
    value nested = nested_blocks(in, pl, first, x->chunks, 0, 0);
    value core = is_fail(nested) ? FAIL : interp_import(in, "dask.array.core");
    value r = is_fail(core) ? FAIL : call_method(in, core, "finalize_blocks", 1, nested);
    value_unref(in, core);
    value_unref(in, nested);
    return r;
}

value run_results(interp *in, plan *pl, int n, const expr *const *x)
{
    list *out = list_new(in, n);
    uint32_t first = 0;
    for (int i = 0; out && i < n; i++) {
        if (!list_add(in, out, finished(in, pl, first, x[i]))) return obj_unref(in, out), FAIL;
        first += (uint32_t)x[i]->chunks->nblock;
    }
    return v_obj(out);
}

plan *plan_results(interp *in, int n, const expr *const *x, bool copies, err *e)
{
    plan_opts po = plan_settings(in);
    live_new_run(in, copies);
    plan *pl = plan_exprs(n, x, &po, e);
    uint32_t at = 0;
    for (int i = 0; pl && i < n; i++) {
        plan_place(pl, at, x[i]);
        at += (uint32_t)x[i]->chunks->nblock;
    }
    return pl;
}

/* "native": only when no task calls a function of the user, whose side effects would show. */
static bool declines(value scheduler, const plan *pl)
{
    return str_is(as_str(scheduler), "native") && pl->nforeign;
}

static plan *plan_blocks(interp *in, int n, const expr *const *x, bool copies, err *e)
{
    plan_opts po = plan_settings(in);
    live_new_run(in, copies);
    return plan_exprs(n, x, &po, e);
}

/* The layers that only Arrays reach which die with this call: the list alone holds them. */
static estate left_by(interp *in, value seq, int n, const expr *const *x)
{
    const list *l = as_list(seq);
    const expr **dying = mem_alloc(sizeof *dying * ((size_t)n + 1));
    int m = 0;
    for (int i = 0; i < n; i++)
        if (as_obj(l->at[i], &T_lazy)->rc == 1) dying[m++] = x[i];
    bool off = !m || plan_settings(in).off & PASS_INHERIT;
    estate s = off ? (estate){0} : estate_of(m, dying);
    mem_free(dying);
    return s;
}

/* What is wanted of a run: how it is planned, its answer, and what says that it is not ours to do.
 */
typedef struct wanted {
    plan *(*plan)(interp *in, int n, const expr *const *x, bool copies, err *e);
    value (*answer)(interp *in, plan *pl, int n, const expr *const *x);
    value otherwise;
    bool keeps; /* results may be on disk then */
    bool last;  /* nobody looks at collections afterwards that only the list holds */
} wanted;

/* arg: collections, scheduler, number of workers. */
static value run_for(interp *in, const value *arg, const wanted *w)
{
    int n = 0;
    crew *c;
    const expr **x = all_exprs(arg[0], &n);
    if (!x || !native_scheduler(in, arg[1], arg[2], &c)) {
        mem_free(x);
        return throwing(in) ? FAIL : w->otherwise;
    }
    err e = {0};
    estate left = w->last ? left_by(in, arg[0], n, x) : (estate){0};
    plan *pl = w->plan(in, n, x, crew_copies(c), &e);
    value r = FAIL;
    if (!pl)
        throw_err(in, &e);
    else if (declines(arg[1], pl))
        r = w->otherwise;
    else {
        estate_inherit(&left);
        if (run_plan_with(in, pl, c, &(run_opts){.keeps = w->keeps})) r = w->answer(in, pl, n, x);
    }
    if (pl) plan_free(pl);
    estate_clear(&left);
    mem_free(x);
    return r;
}

/* compute(collections, scheduler, num_workers): a list of results, or None when it is not ours to
 * do.  Blocks that only these Arrays hold go while it runs: they are not to be used again. */
static value r_compute(interp *in, const value *arg)
{
    return run_for(in, arg, &(wanted){plan_results, run_results, NONE, .last = true});
}

static value done(interp *in, plan *pl, int n, const expr *const *x)
{
    (void)in, (void)pl, (void)n, (void)x;
    return v_bool(true);
}

/* execute(collections, scheduler, num_workers): runs them for what they do, gives True; False when
 * it is not ours to do */
static value r_execute(interp *in, const value *arg)
{
    return run_for(in, arg, &(wanted){plan_blocks, done, v_bool(false), .keeps = false});
}

/* x over its computed blocks, whose results begin at `first`. */
static expr *stored(interp *in, const plan *pl, uint32_t first, const expr *x)
{
    uint64_t n = x->chunks->nblock;
    datum **block = mem_alloc(sizeof *block * (n + 1));
    larder *k = larder_of(in);
    for (uint64_t i = 0; i < n && k; i++) block[i] = larder_block(k, plan_result(pl, first + i));
    expr *made = k ? expr_stored(x, block) : NULL;
    for (uint64_t i = 0; i < n && k; i++) datum_unref(block[i]);
    mem_free(block);
    return made;
}

static value all_stored(interp *in, plan *pl, int n, const expr *const *x)
{
    err e = {0};
    list *out = list_new(in, n);
    uint32_t first = 0;
    for (int i = 0; out && i < n; i++) {
        if (!list_add(in, out, wrap_expr(in, stored(in, pl, first, x[i]), &e)))
            return obj_unref(in, out), FAIL;
        first += (uint32_t)x[i]->chunks->nblock;
    }
    return out ? v_obj(out) : FAIL;
}

/* persist(collections, scheduler, num_workers): Arrays over the computed blocks; likewise */
static value r_persist(interp *in, const value *arg)
{
    return run_for(in, arg, &(wanted){plan_blocks, all_stored, NONE, .keeps = true, .last = true});
}

const builtin dask_run_functions[] = {
    {"compute(collections, scheduler, num_workers)", r_compute, NULL},
    {"execute(collections, scheduler, num_workers)", r_execute, NULL},
    {"persist(collections, scheduler, num_workers)", r_persist, NULL},
    {0},
};

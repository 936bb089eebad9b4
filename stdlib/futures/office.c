/* stdlib/futures/office.c - a scheduler with its workers as an object: what a LocalCluster holds.
 */
#include <limits.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "lang/interp.h"
#include "stdlib/dask/bridge.h"
#include "stdlib/dask/workers.h"
#include "stdlib/futures/office_impl.h"

static office *as_office(value v)
{
    return (office *)as_obj(v, &T_office);
}

/* ---- the offices of an interpreter ---- */

typedef struct opened {
    obj hdr;
    office *first; /* not counted */
    double waited; /* when it last waited for a task */
} opened;

static const type T_opened = {TYPE_HEAD, .name = "opened", .module = "_futures",
                              .size = sizeof(opened)};

static opened *opened_of(interp *in, bool make)
{
    module *m = in->modules ? dask_module(in) : NULL; /* at the program's end there are none */
    value v = m ? dict_peek(in, module_dict(m), "_offices") : FAIL;
    opened *o = (opened *)as_obj(v, &T_opened);
    if (o || !m || !make) return o;
    o = obj_new(in, &T_opened, 0);
    return o && module_put(in, m, "_offices", v_obj(o)) ? o : NULL;
}

void teams_say(interp *in)
{
    opened *o = helper_of(in) ? NULL : opened_of(in, false);
    for (office *x = o ? o->first : NULL; x; x = x->next) {
        if (x->t) team_say(x->t);
        if (x->p) fleet_say(x->p);
    }
}

static double clock_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double clock_seconds(void)
{
    return clock_of(CLOCK_REALTIME);
}

double clock_worked(void)
{
    return clock_of(CLOCK_THREAD_CPUTIME_ID);
}

void note_wait(interp *in)
{
    opened *o = helper_of(in) ? NULL : opened_of(in, false);
    if (o) o->waited = clock_seconds();
}

double last_wait(interp *in)
{
    opened *o = helper_of(in) ? NULL : opened_of(in, false);
    return o ? o->waited : 1e300;
}

/* While home sleeps, what tasks print appears. */
static bool nap(interp *in, double left)
{
    interp_on_sleep(in, NULL);
    bool ok = true;
    do {
        double step = left < 0.02 ? left : 0.02;
        ok = interp_sleep(in, step);
        teams_say(in);
        left -= step;
    } while (ok && left > 0);
    note_wait(in);
    interp_on_sleep(in, nap);
    return ok;
}

bool wait_outside(interp *in, bool (*came)(void *ctx, double seconds), void *ctx, double seconds)
{
    const double piece = 20e-3;
    double end = seconds < 0 ? INFINITY : clock_of(CLOCK_MONOTONIC) + seconds, step = 0;
    helper *h = helper_of(in);
    bool there = came(ctx, 0), pause = !there && seconds != 0 && h && !helper_is_paused(h);
    if (pause) helper_pause(h);
    for (;;) {
        teams_say(in);
        double left = there ? 0 : end - clock_of(CLOCK_MONOTONIC);
        if (left <= 0 || !check_interrupt(in)) break;
        bool several = interp_several(in);
        if (several && !interp_rest(in, &step)) break;
        there = came(ctx, several ? 0 : fmin(left, piece));
    }
    if (pause) helper_resume(h);
    return there;
}

/* ---- methods ---- */

office *office_peek(interp *in, value v)
{
    office *o = as_office(v);
    if (o && o->f) return o;
    return THROW0(in, RuntimeError, "the scheduler is closed");
}

static bool add_worker(interp *in, office *o, int64_t nthread)
{
    if (nthread < 1 || nthread > 1024) {
        throw(in, ValueError, "a worker needs 1 to 1024 threads, not %lld", (long long)nthread);
        return false;
    }
    err e = {0};
    if (o->p ? fleet_add(o->p, &e) : team_add(o->t, (int)nthread) >= 0) return true;
    if (e.kind) return throw_err(in, &e), false;
    throw(in, ValueError, "a cluster has at most %d workers", MAX_HANDS);
    return false;
}

static value o_add(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
    int64_t n;
    if (!o || !to_int64(in, arg[1], &n)) return FAIL;
    if (!o->t && !o->p) return throw(in, RuntimeError, "only the owner of a cluster adds workers");
    return add_worker(in, o, n) ? v_int(foreman_hands(o->f) - 1) : FAIL;
}

/* equip(worker, {name: amount}) */
static value o_equip(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
    double has[MAX_RESOURCES] = {0};
    int64_t i;
    if (!o || !to_int64(in, arg[1], &i) || !office_amounts(in, o, arg[2], has)) return FAIL;
    if (i < 0 || i >= foreman_hands(o->f)) return throw(in, ValueError, "no such worker");
    foreman_equip(o->f, (int)i, has);
    return NONE;
}

static value o_dismiss(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
    int64_t i;
    if (!o || !to_int64(in, arg[1], &i)) return FAIL;
    if (i < 0 || i >= foreman_hands(o->f)) return throw(in, ValueError, "no such worker");
    foreman_dismiss(o->f, (int)i, NULL);
    return NONE;
}

static void office_close(interp *in, office *o)
{
    opened *all = o->t || o->p ? opened_of(in, false) : NULL;
    for (office **p = all ? &all->first : NULL; p && *p; p = &(*p)->next)
        if (*p == o) {
            *p = o->next;
            break;
        }
    if (all && !all->first) interp_on_sleep(in, NULL);
    dashboard_close(o->page);
    o->page = NULL;
    team_close(o->t);
    fleet_close(o->p);
    o->t = NULL;
    o->p = NULL;
    o->f = foreman_unref(o->f);
    obj_unref(in, o->known);
    o->known = NULL;
}

static value o_close(interp *in, const value *arg)
{
    office_close(in, as_office(arg[0]));
    return NONE;
}

static value o_closed(interp *in, const value *arg)
{
    (void)in;
    office *o = as_office(arg[0]);
    return v_bool(!o->f || foreman_is_closed(o->f));
}

static value o_id(interp *in, const value *arg)
{
    (void)in;
    return v_int((int64_t)(uintptr_t)as_office(arg[0])->f);
}

static void office_drop(interp *in, obj *o)
{
    office_close(in, (office *)o);
}

static value o_pids(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
    list *l = o ? list_new(in, 4) : NULL;
    for (int i = 0; l && o->p && i < foreman_hands(o->f); i++)
        if (!list_add(in, l, v_int(fleet_pid(o->p, i)))) return obj_unref(in, l), FAIL;
    return v_obj(l);
}

static value o_forgive(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
    int64_t n;
    if (!o || !to_int64(in, arg[1], &n)) return FAIL;
    foreman_forgive(o->f, (int)(n < 0 ? -1 : n < INT_MAX ? n : INT_MAX));
    return NONE;
}

static value o_settle(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
    if (!o) return FAIL;
    if (o->t) team_settle(o->t);
    return throwing(in) ? FAIL : NONE;
}

static value o_pause(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
    int64_t i;
    if (!o || !to_int64(in, arg[1], &i)) return FAIL;
    foreman_pause(o->f, (int)i);
    return NONE;
}

static value o_resume(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
    int64_t i;
    if (!o || !to_int64(in, arg[1], &i)) return FAIL;
    foreman_resume(o->f, (int)i);
    return NONE;
}

/* serve(port, page): the port where the page is; None: that one is taken */
static value o_serve(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
    int64_t port;
    str *page = as_str(arg[2]);
    bool busy;
    err e = {0};
    if (!o || !to_int64(in, arg[1], &port)) return FAIL;
    if (!page) return throw(in, TypeError, "a page must be a string");
    dashboard_close(o->page);
    o->page = dashboard_open(o->f, o->p, (int)port, page->at, &busy, &e);
    if (o->page) return v_int(dashboard_port(o->page));
    if (!busy) return throw_err(in, &e);
    err_clear(&e);
    return NONE;
}

/* tell(facts): what the page knows of the cluster, as JSON */
static value o_tell(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
    str *facts = as_str(arg[1]);
    if (!o) return FAIL;
    if (o->page && facts) dashboard_facts(o->page, facts->at);
    return NONE;
}

static value o_kill(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
    int64_t i;
    if (!o || !to_int64(in, arg[1], &i)) return FAIL;
    if (o->p && i >= 0 && i < foreman_hands(o->f)) fleet_kill(o->p, (int)i);
    return NONE;
}

static const builtin office_table[] = {
    {"submit(self, cls, key, function, args, kwargs, priority, retries, only, loose, "
     "needs=None, /)",
     office_submit, "Has a function called by a worker; a future of its result."},
    {"scatter(self, cls, key, value, only, part=False, /)", office_scatter, NULL},
    {"find(self, cls, key, /)", office_find, NULL},
    {"cancel(self, futures, force, /)", office_cancel, NULL},
    {"retry(self, futures, /)", office_retry, NULL},
    {"add(self, nthread, /)", o_add, NULL},
    {"equip(self, worker, resources, /)", o_equip, NULL},
    {"dismiss(self, worker, /)", o_dismiss, NULL},
    {"workers(self)", office_workers, NULL},
    {"tasks(self)", office_tasks, NULL},
    {"past(self, since, /)", office_past, NULL},
    {"note(self, name, known=0, /)", office_note, NULL},
    {"post(self, name, value, version, /)", office_post, NULL},
    {"now(self)", office_now, NULL},
    {"changed(self, now, seconds=None, /)", office_changed, NULL},
    {"names(self)", office_names, NULL},
    {"settle(self)", o_settle, NULL},
    {"forgive(self, deaths, /)", o_forgive, NULL},
    {"pause(self, worker, /)", o_pause, NULL},
    {"resume(self, worker, /)", o_resume, NULL},
    {"pids(self)", o_pids, NULL},
    {"kill(self, worker, /)", o_kill, NULL},
    {"serve(self, port, page, /)", o_serve, NULL},
    {"tell(self, facts, /)", o_tell, NULL},
    {"close(self)", o_close, NULL},
    {"@property closed", o_closed, NULL},
    {"@property id", o_id, NULL},
    {0},
};

const type T_office = {TYPE_HEAD,
                       .name = "Office",
                       .module = "_futures",
                       .size = sizeof(office),
                       .table = office_table,
                       .drop = office_drop};

/* ---- functions ---- */

value office_of(interp *in, foreman *f)
{
    office *o = obj_new(in, &T_office, 0);
    if (o) o->f = foreman_ref(f);
    return v_obj(o);
}

static bool staff(interp *in, office *o, int64_t n, int64_t nthread, bool processes, bool alone,
                  size_t limit)
{
    err e = {0};
    if (n < 0 || n > MAX_HANDS) {
        throw(in, ValueError, "a cluster has at most %d workers, not %lld", MAX_HANDS,
              (long long)n);
        return false;
    }
    if (processes) {
        workers_opts opts = {.n = (int)n, .nthread = (int)nthread, .alone = alone, .limit = limit};
        o->p = fleet_open(in, o->f, &opts, &e);
        return o->p ? !throwing(in) : (throw_err(in, &e), false);
    }
    o->t = team_open(in, o->f, limit * (size_t)n);
    TRY(!throwing(in));
    for (int64_t i = 0; i < n; i++) TRY(add_worker(in, o, nthread));
    return true;
}

/* open(n, nthread, processes, alone=False, limit=0): a scheduler and its workers; alone and limit
 * as in workers_opts */
static value f_open(interp *in, const value *arg)
{
    int64_t n, nthread;
    int processes = value_truth(in, arg[2]), alone = value_truth(in, arg[3]);
    int64_t limit = 0;
    if (!to_int64(in, arg[4], &limit)) return FAIL;
    if (processes < 0 || alone < 0 || !to_int64(in, arg[0], &n) || !to_int64(in, arg[1], &nthread))
        return FAIL;
    opened *all = opened_of(in, true);
    office *o = all ? obj_new(in, &T_office, 0) : NULL;
    if (!o) return FAIL;
    o->f = foreman_new(NULL, processes);
    if (!staff(in, o, n, nthread, processes, alone, limit > 0 ? (size_t)limit : 0))
        return obj_unref(in, o), FAIL;
    if (!all->first && !helper_of(in)) interp_on_sleep(in, nap);
    o->next = all->first;
    all->first = o;
    return v_obj(o);
}

/* The same in a process of its own: what remote.dsk says. */
static value far_here(interp *in)
{
    const char *name;
    if (worker_number(in, &name) < 0) return NONE;
    value m = interp_import(in, "distributed.remote");
    value v = is_fail(m) ? FAIL : call_method(in, m, "here", 1, v_int(worker_number(in, &name)));
    value_unref(in, m);
    return v;
}

static value f_ask(interp *in, const value *arg)
{
    return workers_ask(in, arg[0]);
}

static value f_far(interp *in, const value *arg)
{
    (void)arg;
    return v_bool(worker_number(in, NULL) >= 0);
}

/* here(): what the task that calls runs under: (office, worker, key), or None */
static value f_here(interp *in, const value *arg)
{
    (void)arg;
    helper *h = helper_of(in);
    errand *e = h ? helper_errand(h) : NULL;
    if (!h) return far_here(in);
    if (!e) return NONE;
    value o = office_of(in, helper_foreman(h));
    return v_obj(tuple_pack(in, 3, o, v_int(helper_worker(h)), v_str(in, errand_key(e))));
}

/* By way of the scheduler, in a process of its own. */
static value far_say(interp *in, const char *what)
{
    value m = interp_import(in, "distributed.remote");
    value v = is_fail(m) ? FAIL : call_method(in, m, what, 0);
    value_unref(in, m);
    return v;
}

static value f_secede(interp *in, const value *arg)
{
    (void)arg;
    helper *h = helper_of(in);
    if (worker_number(in, NULL) >= 0) return worker_leaves(in, true) ? far_say(in, "secede") : NONE;
    if (h) helper_pause(h);
    return NONE;
}

static value f_rejoin(interp *in, const value *arg)
{
    (void)arg;
    helper *h = helper_of(in);
    if (worker_number(in, NULL) >= 0)
        return worker_leaves(in, false) ? far_say(in, "rejoin") : NONE;
    if (h) helper_resume(h);
    return NONE;
}

static value f_say(interp *in, const value *arg)
{
    (void)arg;
    teams_say(in);
    return NONE;
}

const builtin office_functions[] = {
    {"open(n, nthread, processes, alone=False, limit=0, /)", f_open, NULL},
    {"here()", f_here, NULL},
    {"ask(question, /)", f_ask, NULL},
    {"far()", f_far, NULL},
    {"secede()", f_secede, NULL},
    {"rejoin()", f_rejoin, NULL},
    {"say()", f_say, NULL},
    {0},
};

/* stdlib/futures/office.c - a scheduler with its workers as an object: what a LocalCluster holds.
 *
 * submit() freezes a function and its arguments; a future among them, as deep as lists, tuples,
 * sets and dicts go, becomes an input of the task.  Frozen functions are remembered by identity,
 * so that a function that is submitted often is frozen once.
 *
 * Over 600 lines: the methods of one object, which all work on its scheduler. */
#include <string.h>
#include <time.h>

#include "engine/base/mem.h"
#include "engine/run/board.h"
#include "engine/run/ledger.h"
#include "stdlib/dask/bridge.h"
#include "stdlib/dask/workers.h"
#include "stdlib/futures/dashboard.h"
#include "stdlib/futures/fleet.h"
#include "stdlib/futures/handles.h"

typedef struct office {
    obj hdr;
    foreman *f;
    fleet *p;        /* processes: instead of t */
    team *t;         /* NULL: it belongs to another interpreter */
    dashboard *page; /* NULL: none */
    dict *known;     /* id(function) -> its datum, in a box that keeps the function */
    struct office *next;
} office;

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
    module *m = dask_module(in);
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

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double clock_seconds(void)
{
    return seconds(CLOCK_REALTIME);
}

double clock_worked(void)
{
    return seconds(CLOCK_THREAD_CPUTIME_ID);
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

/* ---- frozen functions ---- */

typedef struct box { /* a datum that belongs to a value */
    obj hdr;
    value of;
    datum *d;
} box;

static void box_drop(interp *in, obj *o)
{
    value_unref(in, ((box *)o)->of);
    datum_unref(((box *)o)->d);
}

static const type T_box = {TYPE_HEAD, .name = "box", .module = "_futures", .size = sizeof(box),
                           .drop = box_drop};

enum { MANY_FUNCTIONS = 500 };

static datum *frozen(interp *in, office *o, value f) /* borrowed */
{
    value name = v_int((int64_t)(uintptr_t)(f.kind == V_OBJ ? f.o : NULL)), at;
    if (!o->known) o->known = dict_new(in);
    if (!o->known) return NULL;
    if (dict_get(in, o->known, name, &at) == 1) return ((box *)at.o)->d;
    if (o->known->n >= MANY_FUNCTIONS) dict_clear(in, o->known);
    err e = {0};
    datum *d = result_pack(in, f, &e);
    if (!d) return throw_err(in, &e), NULL;
    box *b = obj_new(in, &T_box, 0);
    if (!b) return datum_unref(d);
    b->of = value_ref(f);
    b->d = d;
    value v = v_obj(b);
    bool ok = dict_set(in, o->known, name, v);
    value_unref(in, v);
    return ok ? d : NULL;
}

/* ---- futures among arguments ---- */

typedef struct inputs {
    interp *in;
    errand **at; /* borrowed: the futures live as long as the arguments */
    uint32_t n, cap;
} inputs;

static value input_of(inputs *x, errand *e)
{
    uint32_t i = 0;
    while (i < x->n && x->at[i] != e) i++;
    if (i == x->n) {
        if (x->n == x->cap) x->at = mem_grow(x->at, (x->cap = x->cap ? x->cap * 2 : 8) * sizeof e);
        x->at[x->n++] = e;
    }
    return input_value(x->in, errand_id(e));
}

static value substitute(inputs *x, value v);

static value in_items(inputs *x, value v, value *at, int64_t n)
{
    tuple *t = NULL;
    for (int64_t i = 0; i < n; i++) {
        value part = substitute(x, at[i]);
        if (is_fail(part)) return obj_unref(x->in, t), FAIL;
        if (!t && !value_same(part, at[i])) t = tuple_from(x->in, at, n);
        if (t) {
            value_unref(x->in, t->at[i]);
            t->at[i] = part;
        } else {
            value_unref(x->in, part);
            if (throwing(x->in)) return FAIL;
        }
    }
    if (!t) return value_ref(v);
    if (v.o->type == &T_tuple) return v_obj(t);
    value r = v.o->type == &T_list ? v_obj(list_of(x->in, v_obj(t)))
                                   : v_obj(set_of(x->in, v_obj(t), v.o->type == &T_frozenset));
    obj_unref(x->in, t);
    return r;
}

static value in_dict(inputs *x, dict *d)
{
    dict *made = NULL;
    value k, v;
    for (int64_t i = 0; dict_next(d, &i, &k, &v);) {
        value part = substitute(x, v);
        bool same = value_same(part, v);
        if (!is_fail(part) && !same && !made) made = dict_copy(x->in, d);
        bool ok = !is_fail(part) && (same || (made && dict_set(x->in, made, k, part)));
        value_unref(x->in, part);
        if (!ok) return obj_unref(x->in, made), FAIL;
    }
    return made ? v_obj(made) : value_ref((value){.kind = V_OBJ, .o = &d->hdr});
}

/* v itself, or a copy in which inputs stand for futures; owned. */
static value substitute(inputs *x, value v)
{
    if (v.kind != V_OBJ) return v;
    const type *t = v.o->type;
    future *f = as_future(v);
    if (f) {
        errand *e = peek_errand(x->in, v);
        return e ? input_of(x, e) : FAIL;
    }
    if (!check_stack(x->in)) return FAIL;
    if (t == &T_list) return in_items(x, v, ((list *)v.o)->at, ((list *)v.o)->n);
    if (t == &T_tuple) return in_items(x, v, ((tuple *)v.o)->at, ((tuple *)v.o)->n);
    if (t == &T_dict) return in_dict(x, (dict *)v.o);
    if (t != &T_set && t != &T_frozenset) return value_ref(v);
    list *l = list_of(x->in, v);
    value r = l ? in_items(x, v, l->at, l->n) : FAIL;
    obj_unref(x->in, l);
    return r;
}

/* ---- methods ---- */

static office *peek_office(interp *in, value v)
{
    office *o = as_office(v);
    if (o && o->f) return o;
    return THROW0(in, RuntimeError, "the scheduler is closed");
}

/* {name: amount} as an array; false: it fails, or there are too many kinds. */
static bool to_amounts(interp *in, office *o, value v, double out[MAX_RESOURCES])
{
    dict *d = as_dict(v);
    value k, x;
    if (!d) return throw(in, TypeError, "resources must be a dict of names and amounts"), false;
    for (int64_t i = 0; dict_next(d, &i, &k, &x);) {
        str *name = as_str(k);
        if (!name) return throw(in, TypeError, "the name of a resource must be a string"), false;
        int at = foreman_resource(o->f, name->at);
        if (at < 0) {
            throw(in, NotImplementedError,
                  "a cluster knows at most %d kinds of resources, not '%s'", MAX_RESOURCES,
                  name->at);
            return false;
        }
        TRY(to_double(in, x, &out[at]));
    }
    return true;
}

static bool spec_fill(interp *in, const value *arg, errand_spec *s)
{
    int64_t retries, only;
    int loose = value_truth(in, arg[3]);
    TRY(loose >= 0 && to_double(in, arg[0], &s->priority) && to_int64(in, arg[1], &retries) &&
        to_int64(in, arg[2], &only));
    s->retries = retries > 1 << 30 ? 1 << 30 : (int)retries;
    s->only = (uint64_t)only;
    s->loose = loose;
    return true;
}

/* submit(cls, key, function, args, kwargs, priority, retries, only, loose, needs) */
static value o_submit(interp *in, const value *arg)
{
    office *o = peek_office(in, arg[0]);
    str *name = as_str(arg[2]);
    const type *cls = as_type(arg[1]);
    if (!o) return FAIL;
    if (!name || !cls) return throw(in, TypeError, "a key must be a string");
    inputs x = {.in = in};
    errand_spec s = {.key = name->at};
    double need[MAX_RESOURCES] = {0};
    if (!spec_fill(in, arg + 6, &s)) return FAIL;
    if (!is_none(arg[10])) {
        if (!to_amounts(in, o, arg[10], need)) return FAIL;
        s.need = need;
    }
    value a = substitute(&x, arg[4]), k = is_fail(a) ? FAIL : substitute(&x, arg[5]);
    tuple *both = is_fail(k) ? NULL : tuple_pack(in, 2, value_ref(a), value_ref(k));
    err e = {0};
    s.func = both ? frozen(in, o, arg[3]) : NULL;
    s.args = s.func ? (datum *)freeze_copy(in, v_obj(both), &e) : NULL;
    s.nin = x.n;
    s.in = x.at;
    value r = FAIL;
    if (s.args)
        r = future_new(in, cls, foreman_submit(o->f, &s));
    else if (!throwing(in))
        throw_err(in, &e);
    obj_unref(in, both);
    value_unref(in, a);
    value_unref(in, k);
    datum_unref(s.args);
    mem_free(x.at);
    return r;
}

/* scatter(cls, key, value, only) */
static value o_scatter(interp *in, const value *arg)
{
    office *o = peek_office(in, arg[0]);
    str *name = as_str(arg[2]);
    const type *cls = as_type(arg[1]);
    int64_t only;
    if (!o) return FAIL;
    if (!name || !cls) return throw(in, TypeError, "a key must be a string");
    if (!to_int64(in, arg[4], &only)) return FAIL;
    err e = {0};
    datum *d = result_pack(in, arg[3], &e);
    if (!d) return throw_err(in, &e);
    char *t = type_text(in, arg[3]);
    errand_spec s = {
        .key = name->at, .value = d, .type = t, .bytes = datum_bytes(d), .only = (uint64_t)only};
    value r = future_new(in, cls, foreman_submit(o->f, &s));
    datum_unref(d);
    mem_free(t);
    return r;
}

/* find(cls, key): a future, or None */
static value o_find(interp *in, const value *arg)
{
    office *o = peek_office(in, arg[0]);
    str *name = as_str(arg[2]);
    if (!o || !name) return o ? NONE : FAIL;
    errand *e = foreman_find(o->f, name->at);
    return e ? future_new(in, as_type(arg[1]), e) : NONE;
}

static errand **errands_of(interp *in, value v, size_t *n)
{
    list *l = list_of(in, v);
    errand **at = l ? mem_alloc(sizeof *at * (size_t)(l->n + 1)) : NULL;
    *n = 0;
    for (int64_t i = 0; at && i < l->n; i++) {
        errand *e = peek_errand(in, l->at[i]);
        if (!e) {
            mem_free(at);
            at = NULL;
            break;
        }
        at[(*n)++] = e;
    }
    obj_unref(in, l); /* the caller's sequence holds the futures */
    return at;
}

static value o_cancel(interp *in, const value *arg)
{
    office *o = peek_office(in, arg[0]);
    int force = value_truth(in, arg[2]);
    size_t n;
    errand **at = o && force >= 0 ? errands_of(in, arg[1], &n) : NULL;
    if (!at) return FAIL;
    foreman_cancel(o->f, at, n, force);
    mem_free(at);
    return NONE;
}

static value o_retry(interp *in, const value *arg)
{
    office *o = peek_office(in, arg[0]);
    size_t n;
    errand **at = o ? errands_of(in, arg[1], &n) : NULL;
    if (!at) return FAIL;
    foreman_retry(o->f, at, n);
    mem_free(at);
    return NONE;
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
    office *o = peek_office(in, arg[0]);
    int64_t n;
    if (!o || !to_int64(in, arg[1], &n)) return FAIL;
    if (!o->t && !o->p) return throw(in, RuntimeError, "only the owner of a cluster adds workers");
    return add_worker(in, o, n) ? v_int(foreman_hands(o->f) - 1) : FAIL;
}

/* equip(worker, {name: amount}) */
static value o_equip(interp *in, const value *arg)
{
    office *o = peek_office(in, arg[0]);
    double has[MAX_RESOURCES] = {0};
    int64_t i;
    if (!o || !to_int64(in, arg[1], &i) || !to_amounts(in, o, arg[2], has)) return FAIL;
    if (i < 0 || i >= foreman_hands(o->f)) return throw(in, ValueError, "no such worker");
    foreman_equip(o->f, (int)i, has);
    return NONE;
}

static value o_dismiss(interp *in, const value *arg)
{
    office *o = peek_office(in, arg[0]);
    int64_t i;
    if (!o || !to_int64(in, arg[1], &i)) return FAIL;
    if (i < 0 || i >= foreman_hands(o->f)) return throw(in, ValueError, "no such worker");
    foreman_dismiss(o->f, (int)i, NULL);
    return NONE;
}

/* [(running, queued, held, bytes, gone)], one for each worker */
static value o_workers(interp *in, const value *arg)
{
    office *o = peek_office(in, arg[0]);
    list *l = o ? list_new(in, 4) : NULL;
    for (int i = 0; l && i < foreman_hands(o->f); i++) {
        hand_counts c = foreman_count(o->f, i);
        tuple *t = tuple_pack(in, 5, v_int(c.running), v_int(c.queued), v_int(c.held),
                              v_int((int64_t)c.bytes), v_bool(c.gone));
        if (!list_add(in, l, v_obj(t))) return obj_unref(in, l), FAIL;
    }
    return v_obj(l);
}

/* [(key, state, type, bytes, where, worker, begin, end)], oldest first */
static value o_tasks(interp *in, const value *arg)
{
    office *o = peek_office(in, arg[0]);
    list *l = o ? list_new(in, 16) : NULL;
    size_t n = 0;
    errand **all = l ? foreman_all(o->f, &n) : NULL;
    bool ok = l != NULL;
    for (size_t i = 0; i < n; i++) {
        errand_view v;
        errand_look(all[i], &v);
        tuple *t =
            tuple_pack(in, 8, v_str(in, errand_key(all[i])), v_str(in, errand_state_name[v.state]),
                       v.type ? v_str(in, v.type) : NONE, v_int((int64_t)v.bytes),
                       v_int((int64_t)v.where), v_int(v.worker), v_float(v.begin), v_float(v.end));
        ok = ok && list_add(in, l, v_obj(t));
        errand_view_clear(&v);
        errand_release(all[i]);
    }
    mem_free(all);
    if (!ok) obj_unref(in, l);
    return ok ? v_obj(l) : FAIL;
}

/* past(since): the same of tasks that ended, whatever became of their results; in the place of
 * `where`, why one failed */
static value o_past(interp *in, const value *arg)
{
    office *o = peek_office(in, arg[0]);
    double since;
    if (!o || !to_double(in, arg[1], &since)) return FAIL;
    list *l = list_new(in, 16);
    size_t n;
    entry *all = foreman_past(o->f, since, &n);
    bool ok = l != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        const entry *e = &all[i];
        tuple *t = tuple_pack(in, 8, v_str(in, e->key), v_str(in, e->ok ? "memory" : "erred"),
                              e->type ? v_str(in, e->type) : NONE, v_int((int64_t)e->bytes),
                              e->why ? v_str(in, e->why) : NONE, v_int(e->worker),
                              v_float(e->begin), v_float(e->end));
        ok = list_add(in, l, v_obj(t));
    }
    ledger_free(all, n);
    if (!ok) obj_unref(in, l);
    return ok ? v_obj(l) : FAIL;
}

/* ---- the board ---- */

/* note(name, known): (value or None, version); no value when the version is the known one, or -1 */
static value o_note(interp *in, const value *arg)
{
    office *o = peek_office(in, arg[0]);
    str *name = as_str(arg[1]);
    if (!o) return FAIL;
    if (!name) return throw(in, TypeError, "a name must be a string");
    uint64_t version;
    int64_t known;
    if (!to_int64(in, arg[2], &known)) return FAIL;
    datum *d = board_get(foreman_board(o->f), name->at, &version);
    bool wanted = d && known >= 0 && (!known || version != (uint64_t)known);
    value v = wanted ? value_of(in, d) : NONE;
    datum_unref(d);
    return is_fail(v) ? FAIL : v_obj(tuple_pack(in, 2, v, v_int((int64_t)version)));
}

/* post(name, value, version): its version from now on; 0: it was no longer of that version.  None
 * removes. */
static value o_post(interp *in, const value *arg)
{
    office *o = peek_office(in, arg[0]);
    str *name = as_str(arg[1]);
    int64_t version;
    if (!o || !to_int64(in, arg[3], &version)) return FAIL;
    if (!name) return throw(in, TypeError, "a name must be a string");
    err e = {0};
    datum *d = is_none(arg[2]) ? NULL : result_pack(in, arg[2], &e);
    if (e.kind) return throw_err(in, &e);
    uint64_t now = board_set(foreman_board(o->f), name->at, d, (uint64_t)version);
    datum_unref(d);
    return v_int((int64_t)now);
}

static value o_now(interp *in, const value *arg)
{
    office *o = peek_office(in, arg[0]);
    return o ? v_int((int64_t)board_now(foreman_board(o->f))) : FAIL;
}

/* changed(now, seconds): waits for a change; a worker's thread gives up its place meanwhile */
static value o_changed(interp *in, const value *arg)
{
    enum { SLICE_MS = 20 };
    office *o = peek_office(in, arg[0]);
    int64_t now;
    double left = 1e300;
    if (!o || !to_int64(in, arg[1], &now)) return FAIL;
    if (!is_none(arg[2]) && !to_double(in, arg[2], &left)) return FAIL;
    helper *h = helper_of(in);
    bool pause = h && !helper_is_paused(h), came = false;
    if (pause) helper_pause(h);
    do {
        double step = left < SLICE_MS * 1e-3 ? left : SLICE_MS * 1e-3;
        came = board_wait(foreman_board(o->f), (uint64_t)now, step);
        teams_say(in);
        left -= step;
    } while (!came && left > 0 && check_interrupt(in));
    if (pause) helper_resume(h);
    return throwing(in) ? FAIL : v_bool(came);
}

static value o_names(interp *in, const value *arg)
{
    office *o = peek_office(in, arg[0]);
    list *l = o ? list_new(in, 8) : NULL;
    size_t n = 0;
    char **at = l ? board_names(foreman_board(o->f), &n) : NULL;
    bool ok = l != NULL;
    for (size_t i = 0; i < n; i++) {
        ok = ok && list_add(in, l, v_str(in, at[i]));
        mem_free(at[i]);
    }
    mem_free(at);
    if (!ok) obj_unref(in, l);
    return ok ? v_obj(l) : FAIL;
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
    office *o = peek_office(in, arg[0]);
    list *l = o ? list_new(in, 4) : NULL;
    for (int i = 0; l && o->p && i < foreman_hands(o->f); i++)
        if (!list_add(in, l, v_int(fleet_pid(o->p, i)))) return obj_unref(in, l), FAIL;
    return v_obj(l);
}

static value o_settle(interp *in, const value *arg)
{
    office *o = peek_office(in, arg[0]);
    if (!o) return FAIL;
    if (o->t) team_settle(o->t);
    return NONE;
}

static value o_pause(interp *in, const value *arg)
{
    office *o = peek_office(in, arg[0]);
    int64_t i;
    if (!o || !to_int64(in, arg[1], &i)) return FAIL;
    foreman_pause(o->f, (int)i);
    return NONE;
}

static value o_resume(interp *in, const value *arg)
{
    office *o = peek_office(in, arg[0]);
    int64_t i;
    if (!o || !to_int64(in, arg[1], &i)) return FAIL;
    foreman_resume(o->f, (int)i);
    return NONE;
}

/* serve(port, page): the port where the page is; None: that one is taken */
static value o_serve(interp *in, const value *arg)
{
    office *o = peek_office(in, arg[0]);
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
    office *o = peek_office(in, arg[0]);
    str *facts = as_str(arg[1]);
    if (!o) return FAIL;
    if (o->page && facts) dashboard_facts(o->page, facts->at);
    return NONE;
}

static value o_kill(interp *in, const value *arg)
{
    office *o = peek_office(in, arg[0]);
    int64_t i;
    if (!o || !to_int64(in, arg[1], &i)) return FAIL;
    if (o->p && i >= 0 && i < foreman_hands(o->f)) fleet_kill(o->p, (int)i);
    return NONE;
}

static const builtin office_table[] = {
    {"submit(self, cls, key, function, args, kwargs, priority, retries, only, loose, "
     "needs=None, /)",
     o_submit, "Has a function called by a worker; a future of its result."},
    {"scatter(self, cls, key, value, only, /)", o_scatter, NULL},
    {"find(self, cls, key, /)", o_find, NULL},
    {"cancel(self, futures, force, /)", o_cancel, NULL},
    {"retry(self, futures, /)", o_retry, NULL},
    {"add(self, nthread, /)", o_add, NULL},
    {"equip(self, worker, resources, /)", o_equip, NULL},
    {"dismiss(self, worker, /)", o_dismiss, NULL},
    {"workers(self)", o_workers, NULL},
    {"tasks(self)", o_tasks, NULL},
    {"past(self, since, /)", o_past, NULL},
    {"note(self, name, known=0, /)", o_note, NULL},
    {"post(self, name, value, version, /)", o_post, NULL},
    {"now(self)", o_now, NULL},
    {"changed(self, now, seconds=None, /)", o_changed, NULL},
    {"names(self)", o_names, NULL},
    {"settle(self)", o_settle, NULL},
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
        return o->p || (throw_err(in, &e), false);
    }
    o->t = team_open(in, o->f);
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

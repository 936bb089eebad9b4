/* stdlib/futures/futures.c - the module _futures: schedulers, futures, watches.  What users see of
 * them is in stdlib/dsk/distributed. */
#include <string.h>

#include "engine/base/mem.h"
#include "stdlib/dask/bridge.h"
#include "stdlib/futures/handles.h"
#include "stdlib/stdlib.h"
#include "stdlib/wire.h"

/* ---- claims: holds of errands that cross threads ---- */

typedef struct claim {
    datum hdr;
    errand *e;  /* held; NULL: of another process */
    char *name; /* its key there */
} claim;

static void claim_drop(datum *d)
{
    claim *c = (claim *)(void *)d;
    errand_release(c->e);
    mem_free(c->name);
    mem_free(c);
}

static bool claim_save(const datum *d, wire_out *w, err *e)
{
    (void)e;
    const claim *c = (const claim *)(const void *)d;
    const char *s = c->e ? errand_key(c->e) : c->name;
    wire_text(w, s, strlen(s));
    return true;
}

static void *claim_load(wire_in *r, err *e)
{
    char *name = wire_get_string(r);
    if (!name) return wire_bad(r, e);
    claim *c = mem_zero(sizeof *c);
    datum_init(&c->hdr, &claim_kind);
    c->name = name;
    return c;
}

const datum_kind claim_kind = {
    .name = "future", .drop = claim_drop, .save = claim_save, .load = claim_load};

/* A future of another process: what remote.dsk makes of its key. */
static obj *future_named(interp *in, const char *name)
{
    value m = interp_import(in, "distributed.remote"), s = v_str(in, name);
    value v = is_fail(m) ? FAIL : call_method(in, m, "named", 1, s);
    value_unref(in, m);
    value_unref(in, s);
    return v.kind == V_OBJ ? v.o : NULL;
}

static bool future_save(freezer *f, obj *o)
{
    future *x = (future *)o;
    if (!x->e) {
        throw(freezer_interp(f), RuntimeError, "a released future cannot go to a worker");
        return false;
    }
    claim *c = mem_zero(sizeof *c);
    datum_init(&c->hdr, &claim_kind);
    c->e = errand_hold(x->e);
    freeze_datum(f, &c->hdr);
    datum_unref(&c->hdr);
    return true;
}

static obj *future_load(thawer *t, const type *cls)
{
    const claim *c = (claim *)(void *)thaw_datum(t);
    if (!c->e) return future_named(thawer_interp(t), c->name);
    future *x = obj_new(thawer_interp(t), cls, 0);
    if (x) x->e = errand_hold(c->e);
    return (obj *)x;
}

/* ---- futures ---- */

static void future_drop(interp *in, obj *o)
{
    (void)in;
    errand_release(((future *)o)->e);
}

value future_new(interp *in, const type *cls, errand *e)
{
    future *x = e ? obj_new(in, cls, 0) : NULL;
    if (!x) {
        errand_release(e);
        return throwing(in) ? FAIL : throw(in, RuntimeError, "the scheduler is closed");
    }
    x->e = e;
    x->at = clock_worked();
    return v_obj(x);
}

errand *peek_errand(interp *in, value v)
{
    future *x = as_future(v);
    if (x && x->e) return x->e;
    if (x) return THROW0(in, RuntimeError, "the future was released");
    return THROW0(in, TypeError, "a Future is needed, not '%s'", type_of(in, v)->name);
}

static value get_key(interp *in, const value *arg)
{
    errand *e = peek_errand(in, arg[0]);
    return e ? v_str(in, errand_key(e)) : FAIL;
}

static value get_id(interp *in, const value *arg)
{
    errand *e = peek_errand(in, arg[0]);
    return e ? v_int((int64_t)errand_id(e)) : FAIL;
}

/* What a program sees right after submit() must not depend on how busy the machine is: the end of a
 * task is known when the program has waited for anything since, or has itself worked as long as the
 * answer takes in Dask.  Its own time of the processor counts, so that no one else's load does; the
 * hour of the clock only where it was held up by something else than waiting for us. */
static bool is_news(interp *in, const future *x)
{
    const double answer = 2e-2, held_up = 1;
    double end = errand_ended(x->e);
    return end > last_wait(in) && clock_worked() - x->at < answer &&
           clock_seconds() - end < held_up;
}

static value get_state(interp *in, const value *arg)
{
    future *x = as_future(arg[0]);
    enum errand_state s = x->e ? errand_state_of(x->e) : ERRAND_RELEASED;
    if ((s == ERRAND_MEMORY || s == ERRAND_ERRED) && is_news(in, x)) s = ERRAND_PROCESSING;
    return v_str(in, errand_state_name[s]);
}

static value get_scheduler(interp *in, const value *arg)
{
    errand *e = peek_errand(in, arg[0]);
    return e ? v_int((int64_t)(uintptr_t)errand_foreman(e)) : FAIL;
}

static value get_type(interp *in, const value *arg)
{
    errand *e = peek_errand(in, arg[0]);
    errand_view v;
    if (!e) return FAIL;
    errand_look(e, &v);
    value r = v.type ? v_str(in, v.type) : NONE;
    errand_view_clear(&v);
    return r;
}

/* The result, which must be here. */
static value m_value(interp *in, const value *arg)
{
    errand *e = peek_errand(in, arg[0]);
    errand_view v;
    if (!e) return FAIL;
    errand_look(e, &v);
    value r = v.value ? value_of(in, v.value)
                      : throw(in, RuntimeError, "the result of %s is not here", errand_key(e));
    errand_view_clear(&v);
    return r;
}

/* The exception, or None. */
static value m_error(interp *in, const value *arg)
{
    errand *e = peek_errand(in, arg[0]);
    errand_view v;
    if (!e) return FAIL;
    errand_look(e, &v);
    value r = NONE;
    if (v.state == ERRAND_ERRED) {
        err x = {.kind = v.kind, .msg = v.msg, .exc = v.error};
        v.msg = NULL;
        v.error = NULL;
        throw_err(in, &x);
        r = exc_take(in);
    }
    errand_view_clear(&v);
    return r;
}

static value m_release(interp *in, const value *arg)
{
    (void)in;
    future *x = as_future(arg[0]);
    errand *e = x->e;
    x->e = NULL;
    errand_release(e);
    return NONE;
}

static value m_again(interp *in, const value *arg)
{
    future *x = as_future(arg[0]);
    return future_new(in, type_of(in, arg[0]), x->e ? errand_hold(x->e) : NULL);
}

static value m_forget(interp *in, const value *arg)
{
    errand *e = peek_errand(in, arg[0]);
    if (!e) return FAIL;
    errand_forget_when_done(e);
    return NONE;
}

static const builtin future_table[] = {
    {"@property key", get_key, "The name of the task."},
    {"@property _id", get_id, NULL},
    {"@property _state", get_state, NULL},
    {"@property _type", get_type, NULL},
    {"@property _scheduler_id", get_scheduler, NULL},
    {"_value(self)", m_value, NULL},
    {"_error(self)", m_error, NULL},
    {"_let_go(self)", m_release, NULL},
    {"_another(self)", m_again, NULL},
    {"_forget_when_done(self)", m_forget, NULL},
    {0},
};

static value future_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kw)
{
    (void)arg, (void)npos, (void)kw;
    return v_obj(obj_new(in, cls, 0));
}

static const crossing future_cross = {future_save, future_load};

const type T_future = {
    TYPE_HEAD,          .name = "Future",      .module = "_futures",   .size = sizeof(future),
    .flags = TYPE_BASE, .table = future_table, .cross = &future_cross, .make = future_make,
    .drop = future_drop};

/* ---- watches ---- */

typedef struct watch_obj {
    obj hdr;
    watch *w;
} watch_obj;

static void watch_drop(interp *in, obj *o)
{
    (void)in;
    watch_free(((watch_obj *)o)->w);
}

static value w_add(interp *in, const value *arg)
{
    watch_obj *w = (watch_obj *)arg[0].o;
    errand *e = peek_errand(in, arg[1]);
    int64_t tag;
    int value_too = value_truth(in, arg[3]);
    if (!e || value_too < 0 || !to_int64(in, arg[2], &tag)) return FAIL;
    if (!w->w) w->w = watch_new(errand_foreman(e));
    watch_add(w->w, e, value_too, (uint64_t)tag);
    return NONE;
}

typedef struct awaited {
    watch *w;
    size_t n;
    bool erred;
} awaited;

static bool came(void *ctx, double seconds)
{
    const awaited *a = ctx;
    return watch_wait(a->w, a->n, a->erred, seconds);
}

static value w_wait(interp *in, const value *arg)
{
    watch_obj *w = (watch_obj *)arg[0].o;
    int64_t n;
    double seconds = -1;
    int erred = value_truth(in, arg[2]);
    if (erred < 0 || !to_int64(in, arg[1], &n)) return FAIL;
    if (!is_none(arg[3]) && !to_double(in, arg[3], &seconds)) return FAIL;
    if (!is_none(arg[3]) && seconds < 0) seconds = 0;
    if (!w->w) return v_bool(n <= 0);
    awaited a = {w->w, n < 0 ? 0 : (size_t)n, erred};
    bool enough = wait_outside(in, came, &a, seconds);
    note_wait(in);
    return throwing(in) ? FAIL : v_bool(enough);
}

static value w_next(interp *in, const value *arg)
{
    watch_obj *w = (watch_obj *)arg[0].o;
    uint64_t tag;
    if (!w->w || !watch_next(w->w, &tag)) return NONE;
    note_wait(in); /* it may have come after the last wait */
    return v_int((int64_t)tag);
}

static value w_came(interp *in, const value *arg)
{
    (void)in;
    watch_obj *w = (watch_obj *)arg[0].o;
    return v_int(w->w ? (int64_t)watch_came(w->w) : 0);
}

static value watch_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kw)
{
    (void)arg, (void)npos, (void)kw;
    return v_obj(obj_new(in, cls, 0));
}

static const builtin watch_table[] = {
    {"add(self, future, tag=0, value=False, /)", w_add, NULL},
    {"wait(self, n, erred=False, seconds=None, /)", w_wait, NULL},
    {"next(self)", w_next, NULL},
    {"@property came", w_came, NULL},
    {0},
};

const type T_watch = {TYPE_HEAD,
                      .name = "Watch",
                      .module = "_futures",
                      .size = sizeof(watch_obj),
                      .table = watch_table,
                      .make = watch_make,
                      .drop = watch_drop};

static bool futures_open(interp *in, module *m)
{
    return module_put_type(in, m, &T_future) && module_put_type(in, m, &T_watch) &&
           module_put_type(in, m, &T_office);
}

const module_def futures_def = {"_futures",
                                "Schedulers and futures: the part that is written in C.",
                                office_functions, futures_open};

/* stdlib/dask/callable.c - functions of the user as fns of tasks, and fns as functions of the user.
 */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/wire.h"
#include "lang/types/func.h"
#include "stdlib/dask/crew.h"
#include "stdlib/numpy/numpy.h"

/* ---- a function of the user inside a task ---- */

typedef struct callable {
    fn f;
    datum *what, *kwargs; /* live values; kwargs may be NULL */
} callable;

/* Arguments with their inputs put in; blocks of arrays become arrays. */
static bool bind_args(interp *in, const call *c, value *out)
{
    value keys_small[8], *keys = c->nin <= 8 ? keys_small : mem_zero(c->nin * sizeof(value));
    bool ok = true;
    uint32_t got = 0, n = 0;
    for (; ok && got < c->nin; got++) ok = !is_fail(keys[got] = value_of(in, c->in[got]));
    for (; ok && n < c->narg; n++) ok = !is_fail(out[n] = value_of_arg(in, &c->arg[n], keys));
    if (!ok && n)
        for (uint32_t i = 0; i + 1 < n; i++) value_unref(in, out[i]);
    for (uint32_t i = 0; i < got; i++) value_unref(in, keys[i]);
    if (keys != keys_small) mem_free(keys);
    return ok;
}

/* Calls f with the task's arguments; FAIL: pending in `in`. */
static value call_with_args(interp *in, const call *c, const void *function)
{
    const callable *k = function;
    value called = value_of(in, k->what);
    value kwargs = is_fail(called) || !k->kwargs ? FAIL : value_of(in, k->kwargs);
    value *arg = mem_zero((c->narg + 1) * sizeof(value));
    value r = FAIL;
    if (!is_fail(called) && bind_args(in, c, arg)) {
        tuple *t = is_fail(kwargs) ? NULL : tuple_from(in, arg, c->narg);
        if (is_fail(kwargs))
            r = value_call(in, called, arg, c->narg, NULL);
        else if (t)
            r = call_with(in, called, v_obj(t), kwargs);
        obj_unref(in, t);
        for (uint32_t i = 0; i < c->narg; i++) value_unref(in, arg[i]);
    }
    mem_free(arg);
    value_unref(in, called);
    value_unref(in, kwargs);
    return r;
}

/* What a worker's function gave, for everybody; NULL: it cannot leave that interpreter, or
 * MemoryError. */
static datum *shared_datum(interp *in, value r, err *e)
{
    datum *d = datum_of(in, r);
    if (!as_live(d)) return d;
    datum_unref(d);
    d = (datum *)freeze(in, r, e);
    if (e->kind != MemoryError) err_clear(e);
    return d;
}

static bool can_cross(datum *d)
{
    live *l = as_live(d);
    const fn *f = as_fn(d);
    if (f && f->kind == &callable_kind) { /* of a task within the task */
        const callable *k = (const callable *)(const void *)f;
        return can_cross(k->what) && (!k->kwargs || can_cross(k->kwargs));
    }
    datum *form = l ? l->capsule : NULL;
    return !l || (form && !capsule_is_home_only((capsule *)(void *)form));
}

static bool lit_can_cross(const lit *x)
{
    if (x->kind == LIT_DATUM) return can_cross(x->d);
    if (lit_has_items(x))
        for (uint32_t i = 0; i < x->n; i++)
            if (!lit_can_cross(&x->item[i])) return false;
    return true;
}

static bool call_can_cross(const call *c)
{
    for (uint32_t i = 0; i < c->nin; i++)
        if (!can_cross(c->in[i])) return false;
    for (uint32_t i = 0; i < c->narg; i++)
        if (!lit_can_cross(&c->arg[i])) return false;
    return true;
}

datum *seat_run(seat *s, const call *c, seat_fn f, const void *ctx, err *e)
{
    if (!s->in || !call_can_cross(c)) return *c->go_home = true, NULL;
    value r = f(s->in, c, ctx);
    if (interp_trapped(s->in)) {
        value_unref(s->in, r);
        exc_clear(s->in);
        seat_done(s, false);
        return *c->go_home = true, NULL;
    }
    datum *d = is_fail(r) ? NULL : shared_datum(s->in, r, e);
    if (is_fail(r))
        exc_to_err(s->in, e);
    else if (!d && !e->kind)
        *c->go_home = true;
    value_unref(s->in, r);
    exc_clear(s->in);
    seat_done(s, d || e->kind);
    return d;
}

static datum *run_callable(const fn *f, const call *c, err *e)
{
    const callable *k = (const callable *)(const void *)f;
    seat *s = seat_of(c);
    if (s && c->go_home && crew_copies(s->of)) return seat_call_away(s, f, c, e);
    if (s && c->go_home) {
        if (can_cross(k->what) && (!k->kwargs || can_cross(k->kwargs)))
            return seat_run(s, c, call_with_args, k, e);
        return *c->go_home = true, NULL;
    }
    interp *in = interp_current();
    if (!in && c->go_home) return *c->go_home = true, NULL; /* others have it now */
    if (!in) return err_set(e, RuntimeError, "function %s: no interpreter on this thread", f->name);
    value r = call_with_args(in, c, k);
    datum *d = is_fail(r) ? NULL : datum_of(in, r);
    value_unref(in, r);
    if (!d) exc_to_err(in, e);
    return d;
}

static void freeze_callable(interp *in, const fn *f)
{
    const callable *k = (const callable *)(const void *)f;
    live_freeze(in, k->what);
    if (k->kwargs) live_freeze(in, k->kwargs);
}

static void freeze_lit(interp *in, const lit *x)
{
    const fn *f = x->kind == LIT_DATUM ? as_fn(x->d) : NULL;
    if (f && f->kind == &callable_kind)
        freeze_callable(in, f);
    else if (x->kind == LIT_DATUM)
        live_freeze(in, x->d);
    if (lit_has_items(x))
        for (uint32_t i = 0; i < x->n; i++) freeze_lit(in, &x->item[i]);
}

static void prepare_callable(const fn *f, const task_view *v)
{
    interp *in = interp_current();
    if (!in) return;
    freeze_callable(in, f);
    for (uint32_t i = 0; i < v->narg; i++) freeze_lit(in, &v->arg[i]);
}

static void drop_callable(fn *f)
{
    callable *k = (callable *)(void *)f;
    datum_unref(k->what);
    datum_unref(k->kwargs);
}

/* numpy.linalg knows which of its functions can make less. */
static fn *callable_items(const fn *f, uint64_t which)
{
    const callable *k = (const callable *)(const void *)f;
    interp *in = interp_current();
    value home = in ? interp_import(in, "numpy.linalg") : FAIL, what = FAIL, kwargs = FAIL;
    value some = FAIL;
    fn *made = NULL;
    if (is_fail(home)) return NULL;
    what = value_of(in, k->what);
    if (k->kwargs) kwargs = value_of(in, k->kwargs);
    if (!is_fail(what) && which <= INT64_MAX && !throwing(in))
        some = call_method(in, home, "_items_only", 2, what, v_int((int64_t)which));
    if (!is_fail(some) && !is_none(some)) made = fn_callable(in, some, kwargs);
    exc_clear(in);
    value_unref(in, some);
    value_unref(in, kwargs);
    value_unref(in, what);
    value_unref(in, home);
    return made;
}

static bool save_callable(const fn *f, wire_out *w, err *e)
{
    const callable *k = (const callable *)(const void *)f;
    return wire_datum(w, k->what, e) && wire_datum(w, k->kwargs, e);
}

static bool load_callable(fn *f, wire_in *r, err *e)
{
    callable *k = (callable *)(void *)f;
    f->flags |= FN_FOREIGN;
    return wire_get_datum(r, &k->what, e) && k->what && wire_get_datum(r, &k->kwargs, e);
}

const fn_kind callable_kind = {.name = "call",
                               .version = 1,
                               .size = sizeof(callable),
                               .call = run_callable,
                               .drop = drop_callable,
                               .prepare = prepare_callable,
                               .items = callable_items,
                               .save = save_callable,
                               .load = load_callable,
                               .cost = {.maybe = 2, .ns = 1}};

static char *name_of(interp *in, value f)
{
    value v;
    char *name = NULL;
    if (value_findattr(in, f, "__name__", &v) == 1) {
        str *s = as_str(v);
        if (s) name = mem_dup(s->at);
        value_unref(in, v);
    }
    exc_clear(in);
    return name ? name : mem_dup(type_of(in, f)->name);
}

/* operator.getitem itself */
static bool is_getitem(interp *in, value f, const char *name)
{
    if (f.kind != V_OBJ || strcmp(name, "getitem") != 0) return false;
    value home = interp_import(in, "operator");
    value own = is_fail(home) ? FAIL : value_getattr_c(in, home, "getitem");
    bool is = own.kind == V_OBJ && own.o == f.o;
    exc_clear(in);
    value_unref(in, own);
    value_unref(in, home);
    return is;
}

/* What functions of our libraries say of themselves: how many blocks they make, and of what shape.
 */
static void hints(interp *in, value f, fn *of)
{
    value v;
    int64_t n;
    if (value_findattr(in, f, "_blocks", &v) == 1) {
        if (to_int64(in, v, &n)) of->items = (uint8_t)(n - 1);
        value_unref(in, v);
    }
    if (value_findattr(in, f, "_copies", &v) == 1) {
        if (to_int64(in, v, &n)) of->copies = (uint8_t)n;
        value_unref(in, v);
    }
    if (value_findattr(in, f, "_square", &v) == 1) {
        if (value_truth(in, v) > 0) of->flags |= FN_SQUARE;
        value_unref(in, v);
    }
    exc_clear(in);
}

/* Not of the program that runs, nor bound to something: a function, ufunc or type of ours. */
static bool is_of_library(interp *in, value f)
{
    func *own = as_func(f);
    if (own) return own->globals != interp_main(in);
    if (f.kind != V_OBJ || f.o->type == &T_method) return false;
    const obj *what = f.o->type == &T_type ? f.o : &f.o->type->hdr;
    return what->flags & OBJ_FROZEN;
}

/* Of a function with some of its keywords given (partial) that function; else f. Counted. */
static value in_partial(interp *in, value f)
{
    const type *t = type_of(in, f);
    value inner = FAIL, given = FAIL;
    bool is = t->module && !strcmp(t->module, "functools") && !strcmp(t->name, "partial");
    if (is && value_findattr(in, f, "args", &given) == 1 && as_tuple(given) && !as_tuple(given)->n)
        value_findattr(in, f, "func", &inner);
    value_unref(in, given);
    exc_clear(in);
    return is_fail(inner) ? value_ref(f) : inner;
}

fn *fn_callable(interp *in, value f, value kwargs)
{
    const fn *known = as_fn_value(f);
    if (known && is_fail(kwargs)) return datum_ref((void *)(uintptr_t)known);
    value called = in_partial(in, f);
    char *name = name_of(in, called);
    callable *k = fn_new(sizeof *k, &callable_kind, name);
    mem_free(name);
    k->what = live_new(in, f);
    k->kwargs = is_fail(kwargs) ? NULL : live_new(in, kwargs);
    k->f.flags |= FN_FOREIGN;
    if (is_fail(kwargs) && is_getitem(in, f, k->f.name)) k->f.flags |= FN_ITEM;
    /* b * 2 + 1 holds b * 2 for a while; functions of libraries are careful */
    func *own = as_func(called);
    k->f.copies = own && own->globals == interp_main(in);
    if (own && !k->f.copies) hints(in, called, &k->f);
    if (is_of_library(in, called)) k->f.flags |= FN_LIBRARY;
    value_unref(in, called);
    void *id[2] = {f.kind == V_OBJ ? f.o : NULL, is_fail(kwargs) ? NULL : kwargs.o};
    fn_identify(&k->f, id, sizeof id);
    return &k->f;
}

/* ---- whose they are ---- */

typedef struct searching {
    interp *in;
    int depth;
    bool found;
} searching;

/* Is it a function of the program that runs, or does it hold one: bound, partly applied, enclosed?
 */
static void search(value v, void *ctx)
{
    enum { DEEP = 5 };
    searching *s = ctx;
    if (s->found || v.kind != V_OBJ || s->depth == DEEP) return;
    s->depth++;
    func *f = as_func(v);
    value called;
    if (f) {
        s->found = f->globals == interp_main(s->in);
        for (int64_t i = 0; f->closure && i < f->closure->n; i++) search(f->closure->at[i], s);
    } else if (v.o->type->flags & TYPE_HEAP) {
        if (value_findattr(s->in, v, "__call__", &called) == 1) {
            search(called, s);
            value_unref(s->in, called);
        }
        exc_clear(s->in);
    } else if (v.o->type != &T_type && v.o->type != &T_module && v.o->type->visit) {
        v.o->type->visit(v.o, search, s);
    }
    s->depth--;
}

static bool holds_yours(interp *in, datum *d)
{
    searching s = {.in = in};
    value v = d ? value_of(in, d) : FAIL;
    if (!is_fail(v)) search(v, &s);
    value_unref(in, v);
    exc_clear(in);
    return s.found;
}

bool call_is_yours(interp *in, const task_view *v)
{
    if (!v->f || !(v->f->flags & FN_FOREIGN)) return false;
    const callable *k = v->f->kind == &callable_kind ? (const callable *)(const void *)v->f : NULL;
    bool yours = k && (holds_yours(in, k->what) || holds_yours(in, k->kwargs));
    for (uint32_t i = 0; i < v->narg && !yours; i++)
        if (v->arg[i].kind == LIT_DATUM && !as_nd(v->arg[i].d))
            yours = holds_yours(in, v->arg[i].d);
    return yours || !k;
}

/* ---- a fn of the engine as a function ---- */

typedef struct fn_obj {
    obj hdr;
    const fn *f;
} fn_obj;

/* The function of the user; with the keyword arguments that are given with it. */
static value function_value(interp *in, const callable *k)
{
    value f = value_of(in, k->what);
    if (!k->kwargs || is_fail(f)) return f;
    value kwargs = value_of(in, k->kwargs), functools = interp_import(in, "functools");
    value partial = is_fail(functools) ? FAIL : value_getattr_c(in, functools, "partial");
    value args = v_obj(tuple_pack(in, 1, f)), r = FAIL;
    if (!is_fail(kwargs) && !is_fail(partial) && !is_fail(args))
        r = call_with(in, partial, args, kwargs);
    value_unref(in, args);
    value_unref(in, partial);
    value_unref(in, functools);
    value_unref(in, kwargs);
    return r;
}

value fn_value(interp *in, const fn *f)
{
    if (f->kind == &callable_kind) return function_value(in, (const callable *)(const void *)f);
    fn_obj *o = obj_new(in, &T_fn, 0);
    if (o) o->f = datum_ref((void *)(uintptr_t)f);
    return v_obj(o);
}

const fn *as_fn_value(value v)
{
    fn_obj *o = (fn_obj *)as_obj(v, &T_fn);
    return o ? o->f : NULL;
}

static void fn_drop(interp *in, obj *o)
{
    (void)in;
    datum_unref((void *)(uintptr_t)((fn_obj *)o)->f);
}

static value fn_repr(interp *in, value self)
{
    const fn *f = as_fn_value(self);
    return v_obj(str_fmt(in, "<function %s at %p>", f->name, (void *)self.o));
}

/* Calls the very step that the plan uses. */
static value fn_call_value(interp *in, value self, const value *arg, size_t npos, tuple *kwnames)
{
    const fn *f = as_fn_value(self);
    if (kwnames && kwnames->n)
        return throw(in, TypeError, "%s() takes no keyword arguments", f->name);
    arena a = {0};
    held h = {0};
    lit *x = arena_alloc(&a, (npos + 1) * sizeof(lit));
    bool ok = true;
    for (size_t i = 0; ok && i < npos; i++) ok = lit_of(in, arg[i], &a, &x[i], &h);
    value r = FAIL;
    if (ok) {
        err e = {0};
        call c = {.arg = x, .narg = (uint32_t)npos};
        datum *d = fn_call(f, &c, &e);
        r = d ? value_of(in, d) : throw_err(in, &e);
        datum_unref(d);
    }
    held_clear(&h);
    arena_clear(&a);
    return r;
}

static value get_name(interp *in, const value *arg)
{
    return v_str(in, as_fn_value(arg[0])->name);
}

static bool fn_hash(interp *in, value self, uint64_t *out)
{
    (void)in;
    *out = as_fn_value(self)->id.lo;
    return true;
}

static value fn_compare(interp *in, enum cmpop op, value self, value other)
{
    (void)in;
    const fn *a = as_fn_value(self), *b = as_fn_value(other);
    if (!b || (op != OP_EQ && op != OP_NE)) return NOTIMPL;
    return v_bool((a == b || hash128_eq(a->id, b->id)) == (op == OP_EQ));
}

static bool fn_obj_save(freezer *f, obj *o)
{
    const fn *x = ((fn_obj *)(void *)o)->f;
    interp *in = freezer_interp(f);
    err e = {0};
    fn *now = x->kind->settle ? x->kind->settle(x, &e) : datum_ref((void *)(uintptr_t)x);
    if (!now) {
        throw_err(in, &e);
        return false;
    }
    if (freezer_copies(f) && now->kind->prepare) { /* functions of the user in it */
        task_view none = {0};
        live_new_run(in, true);
        now->kind->prepare(now, &none);
    }
    freeze_datum(f, &now->hdr);
    datum_unref(now);
    return true;
}

static obj *fn_obj_load(thawer *t, const type *cls)
{
    fn_obj *o = obj_new(thawer_interp(t), cls, 0);
    datum *d = thaw_datum(t);
    if (o) o->f = datum_ref(d);
    return (obj *)(void *)o;
}

static const crossing fn_cross = {fn_obj_save, fn_obj_load};

static const builtin fn_table[] = {
    {"@property __name__", get_name, "The name of the operation."},
    {0},
};

const type T_fn = {
    TYPE_HEAD,
    .name = "function",
    .module = "_dask",
    .size = sizeof(fn_obj),
    .flags = TYPE_IMMUTABLE,
    .table = fn_table,
    .cross = &fn_cross,
    .drop = fn_drop,
    .repr = fn_repr,
    .hash = fn_hash,
    .compare = fn_compare,
    .call = fn_call_value,
};

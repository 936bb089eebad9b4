/* stdlib/dask/values.c - values of the language as datums of tasks, and back.
 *
 * Arrays become blocks (their buffers are shared), NumPy scalars 0-d blocks, numbers and text
 * literals; everything else stays live in its interpreter. */
#include <pthread.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/wire.h"
#include "stdlib/dask/crew.h"
#include "stdlib/dask/source.h"
#include "stdlib/numpy/numpy.h"

/* ---- live values ---- */

/* Live values whose last reference was dropped on another thread than their interpreter's: a
 * lock-free stack that live_sweep empties.  It outlives the interpreter as long as live values do.
 */
typedef struct live_box live_box;
typedef struct attic {
    _Atomic uint32_t rc;
    _Atomic(live_box *) head;
    uint64_t run; /* number of the present run; home only, as what follows */
    bool copies;  /* its tasks run in other processes */
    int nrunning; /* runs that have begun and not ended: one within another, or of threads */
    datum **old;  /* capsules that their workers may look at, of values that were frozen again */
    char **why;   /* the same for reasons */
    uint32_t nold, nwhy;
} attic;

struct live_box { /* what is allocated: the public part, then where to go home */
    live l;
    attic *home;
    live_box *next;
    uint64_t frozen; /* the run that its capsule is of */
};

typedef struct attic_obj { /* how an interpreter holds its attic: in the namespace of _dask */
    obj hdr;
    attic *a;
} attic_obj;

static void empty_old(attic *a)
{
    while (a->nold) datum_unref(a->old[--a->nold]);
    while (a->nwhy) mem_free(a->why[--a->nwhy]);
    mem_free(a->old);
    mem_free(a->why);
    a->old = NULL;
    a->why = NULL;
}

static void put_old(attic *a, datum *form, char *why)
{
    if (!a->nrunning) {
        datum_unref(form);
        mem_free(why);
        return;
    }
    if (form) {
        a->old = mem_grow(a->old, (a->nold + 1) * sizeof *a->old);
        a->old[a->nold++] = form;
    }
    if (why) {
        a->why = mem_grow(a->why, (a->nwhy + 1) * sizeof *a->why);
        a->why[a->nwhy++] = why;
    }
}

static void attic_unref(attic *a)
{
    if (atomic_fetch_sub(&a->rc, 1) == 1) mem_free(a);
}

static void empty_attic(interp *in, attic *a)
{
    live_box *b = atomic_exchange(&a->head, NULL);
    while (b) {
        live_box *next = b->next;
        value_unref(in, b->l.v);
        mem_free(b);
        attic_unref(a);
        b = next;
    }
}

static void attic_drop(interp *in, obj *o)
{
    attic *a = ((attic_obj *)o)->a;
    empty_attic(in, a);
    empty_old(a);
    attic_unref(a);
}

static const type T_attic = {TYPE_HEAD, .name = "attic", .module = "_dask",
                             .size = sizeof(attic_obj), .drop = attic_drop};

static attic_obj *attic_object(interp *in)
{
    module *m = dask_module(in);
    value v = m ? dict_peek(in, module_dict(m), "_attic") : FAIL;
    attic_obj *o = (attic_obj *)as_obj(v, &T_attic);
    if (o || !m) return o;
    o = obj_new(in, &T_attic, 0);
    if (!o) return NULL;
    o->a = mem_zero(sizeof *o->a);
    atomic_init(&o->a->rc, 1);
    return module_put(in, m, "_attic", v_obj(o)) ? o : NULL;
}

static attic *attic_of(interp *in)
{
    attic_obj *o = attic_object(in);
    return o ? o->a : NULL;
}

obj *live_attic(interp *in)
{
    attic_obj *o = attic_object(in);
    return o ? obj_ref(o) : NULL;
}

static void live_drop(datum *d)
{
    live_box *b = (live_box *)(void *)d;
    attic *a = b->home;
    datum_unref(b->l.capsule);
    mem_free(b->l.why);
    if (interp_current() == b->l.home) {
        value_unref(b->l.home, b->l.v);
        mem_free(b);
        attic_unref(a);
        return;
    }
    live_box *head = atomic_load(&a->head);
    do b->next = head;
    while (!atomic_compare_exchange_weak(&a->head, &head, b));
}

/* A live value travels as its frozen form. */
static bool live_save(const datum *d, wire_out *w, err *e)
{
    const live *l = (const live *)(const void *)d;
    datum *form = l->capsule;
    const char *why = l->why;
    if (form) return wire_datum(w, form, e);
    err_set(e, TypeError, "%s", why ? why : "a value of one process was used in another");
    return false;
}

static void *live_load(wire_in *r, err *e)
{
    datum *d;
    return wire_get_datum(r, &d, e) ? d : NULL;
}

const datum_kind live_kind = {.name = "live value",
                              .drop = live_drop,
                              .apply = live_apply,
                              .save = live_save,
                              .load = live_load};

void live_sweep(interp *in)
{
    attic *a = attic_of(in);
    if (a) empty_attic(in, a);
}

datum *live_new(interp *in, value v)
{
    attic *a = attic_of(in);
    if (!a) return NULL;
    live_box *b = mem_zero(sizeof *b);
    datum_init(&b->l.hdr, &live_kind);
    b->l.home = in;
    b->l.v = value_ref(v);
    b->home = a;
    atomic_fetch_add(&a->rc, 1);
    return &b->l.hdr;
}

void live_new_run(interp *in, bool copies)
{
    attic *a = attic_of(in);
    if (!a) return;
    a->run++;
    a->copies = copies;
}

void live_freeze(interp *in, datum *d)
{
    live *l = as_live(d);
    if (!l || l->home != in) return;
    live_box *b = (live_box *)(void *)l;
    if (b->frozen == b->home->run) return;
    b->frozen = b->home->run;
    err e = {0};
    const bool copies = b->home->copies;
    datum *now = (datum *)(copies ? freeze_copy(in, l->v, &e) : freeze(in, l->v, &e));
    char *why = e.kind && copies ? mem_dup(e.msg) : NULL;
    err_clear(&e);
    datum *was = atomic_load_explicit(&l->capsule, memory_order_relaxed); /* home alone writes */
    char *had = atomic_load_explicit(&l->why, memory_order_relaxed);
    atomic_store_explicit(&l->why, why, memory_order_release);
    atomic_store_explicit(&l->capsule, now, memory_order_release);
    put_old(b->home, was, had);
}

void live_runs_begin(interp *in)
{
    attic *a = attic_of(in);
    if (a) a->nrunning++;
}

void live_runs_end(interp *in)
{
    attic *a = attic_of(in);
    if (a && --a->nrunning == 0) empty_old(a);
}

/* ---- values to datums ---- */

static bool simple_lit(value v, lit *out)
{
    switch (v.kind) {
    case V_NONE: *out = (lit){.kind = LIT_NONE}; return true;
    case V_BOOL: *out = lit_bool(v.i); return true;
    case V_INT: *out = lit_int(v.i); return true;
    case V_FLOAT: *out = lit_float(v.f); return true;
    default: return false;
    }
}

static datum *packed(value v);

datum *datum_of(interp *in, value v)
{
    datum *known = packed(v);
    if (known) return datum_ref(known);
    ndarray *a = as_ndarray(v);
    if (a && array_peek(a)->dtype != DT_object) return (datum *)array_snapshot(a);
    lit x;
    if (simple_lit(v, &x)) return (datum *)litbox_new(&x);
    if (v.kind == V_SCALAR) return (datum *)to_nd_any(in, v);
    if (v.kind == V_OBJ && v.o->type == scalar_type(DT_complex128))
        return (datum *)to_nd_any(in, v);
    lazy *l = as_lazy(v);
    if (l) return (datum *)expr_ref(l->x);
    source_obj *s = (source_obj *)as_obj(v, &T_source);
    if (s) return datum_ref(s->s);
    return live_new(in, v);
}

datum *datum_kept(interp *in, value v)
{
    return as_ndarray(v) ? live_new(in, v) : datum_of(in, v);
}

/* ---- datums to values ---- */

static value pack_items(interp *in, const pack *p)
{
    if (p->name) {
        dict *d = dict_new(in);
        for (uint32_t i = 0; d && i < p->n; i++)
            if (!dict_put(in, d, p->name[i], value_of(in, p->item[i]))) {
                obj_unref(in, d);
                return FAIL;
            }
        return v_obj(d);
    }
    tuple *t = tuple_new(in, p->n);
    for (uint32_t i = 0; t && i < p->n; i++) {
        t->at[i] = value_of(in, p->item[i]);
        if (is_fail(t->at[i])) {
            t->at[i] = NONE;
            obj_unref(in, t);
            return FAIL;
        }
    }
    return v_obj(t);
}

/* What tasks of Dask exchange as a dict or tuple stays the very datum, so that it can go back into
 * a task. */
typedef struct pack_obj {
    obj hdr;
    pack *p;
} pack_obj;

static void pack_obj_drop(interp *in, obj *o)
{
    (void)in;
    datum_unref(((pack_obj *)o)->p);
}

static value pack_repr(interp *in, value self)
{
    value v = pack_items(in, ((pack_obj *)self.o)->p);
    str *s = is_fail(v) ? NULL : value_repr(in, v);
    value_unref(in, v);
    return v_obj(s);
}

static value pack_getitem(interp *in, value self, value name)
{
    value v = pack_items(in, ((pack_obj *)self.o)->p);
    value r = is_fail(v) ? FAIL : value_getitem(in, v, name);
    value_unref(in, v);
    return r;
}

static value pack_iter(interp *in, value self)
{
    value v = pack_items(in, ((pack_obj *)self.o)->p);
    value r = is_fail(v) ? FAIL : value_iter(in, v);
    value_unref(in, v);
    return r;
}

static int64_t pack_length(interp *in, value self)
{
    (void)in;
    return ((pack_obj *)self.o)->p->n;
}

static const type T_pack = {TYPE_HEAD,
                            .name = "dict",
                            .module = "builtins",
                            .size = sizeof(pack_obj),
                            .drop = pack_obj_drop,
                            .repr = pack_repr,
                            .getitem = pack_getitem,
                            .iter = pack_iter,
                            .length = pack_length};

static datum *packed(value v)
{
    pack_obj *o = (pack_obj *)as_obj(v, &T_pack);
    return o ? &o->p->hdr : NULL;
}

static value pack_value(interp *in, pack *p)
{
    pack_obj *o = obj_new(in, &T_pack, 0);
    if (o) o->p = datum_ref(p);
    return v_obj(o);
}

value value_of(interp *in, datum *d)
{
    err e = {0};
    nd *x = as_nd(d);
    if (x) return x->ndim ? array_wrap(in, nd_ref(x), &e) : scalar_value(in, nd_type(x), x->at);
    live *l = as_live(d);
    if (l && l->home == in) return value_ref(l->v);
    datum *form = l ? l->capsule : NULL;
    if (form) return thaw(in, (capsule *)(void *)form);
    capsule *frozen = as_capsule(d);
    if (frozen) return thaw_owned(in, frozen);
    if (l) return throw(in, RuntimeError, "a value of one interpreter was used in another");
    if (d->kind == &litbox_kind) return value_of_lit(in, &((litbox *)(void *)d)->value, NULL);
    pack *p = as_pack(d);
    if (p) return pack_value(in, p);
    fn *f = as_fn(d);
    if (f) return fn_value(in, f);
    expr *ex = as_expr(d);
    if (ex) return wrap_expr(in, expr_ref(ex), &e);
    if (d->kind == &source_datum) return source_value(in, (source *)(void *)d);
    if (!d->kind->fetch)
        return throw(in, SystemError, "a datum of kind '%s' has no value", d->kind->name);
    datum *there = d->kind->fetch(d, &e);
    value v = there ? value_of(in, there) : throw_err(in, &e);
    datum_unref(there);
    return v;
}

/* A task within a task is shown, or it is run and its result stands there. */
enum within { SHOW, RUN };

static value lit_value(interp *in, const lit *x, const value *keys, enum within how);

static value items_value(interp *in, const lit *x, const value *keys, enum within how)
{
    tuple *t = tuple_new(in, x->n);
    for (uint32_t i = 0; t && i < x->n; i++) {
        value v = lit_value(in, &x->item[i], keys, how);
        if (is_fail(v)) {
            obj_unref(in, t);
            return FAIL;
        }
        t->at[i] = v;
    }
    if (!t || x->kind != LIT_LIST) return v_obj(t);
    list *l = list_of(in, v_obj(t));
    obj_unref(in, t);
    return v_obj(l);
}

static value bound_of(int64_t i)
{
    return i == INT64_MIN ? NONE : v_int(i);
}

static value call_value(interp *in, const lit *x, const value *keys)
{
    value t = check_stack(in) ? items_value(in, x, keys, RUN) : FAIL;
    tuple *inner = as_tuple(t);
    value r =
        inner ? value_call(in, inner->at[0], inner->at + 1, (size_t)inner->n - 1, NULL) : FAIL;
    value_unref(in, t);
    return r;
}

static value lit_value(interp *in, const lit *x, const value *keys, enum within how)
{
    switch ((enum lit_kind)x->kind) {
    case LIT_NONE: return NONE;
    case LIT_BOOL: return v_bool(x->i);
    case LIT_INT: return v_int(x->i);
    case LIT_FLOAT: return v_float(x->f);
    case LIT_STR: return v_str(in, x->s);
    case LIT_DTYPE: return dtype_value(in, x->t);
    case LIT_SLICE:
        return slice_new(in, bound_of(x->slice.start), bound_of(x->slice.stop),
                         bound_of(x->slice.step));
    case LIT_LIST:
    case LIT_TUPLE: return items_value(in, x, keys, how);
    case LIT_CALL: return how == RUN ? call_value(in, x, keys) : items_value(in, x, keys, how);
    case LIT_DATUM: return value_of(in, x->d);
    case LIT_IN:
        return keys ? value_ref(keys[x->i]) : throw(in, SystemError, "an input without a key");
    }
    return FAIL;
}

value value_of_lit(interp *in, const lit *x, const value *keys)
{
    return lit_value(in, x, keys, SHOW);
}

value value_of_arg(interp *in, const lit *x, const value *keys)
{
    return lit_value(in, x, keys, RUN);
}

/* ---- values to literals ---- */

void held_add(held *h, datum *d)
{
    if (h->n == h->cap)
        h->at = mem_grow(h->at, (h->cap = h->cap ? h->cap * 2 : 8) * sizeof(datum *));
    h->at[h->n++] = d;
}

void held_clear(held *h)
{
    for (size_t i = 0; i < h->n; i++) datum_unref(h->at[i]);
    mem_free(h->at);
    *h = (held){0};
}

static bool items_lit(interp *in, enum lit_kind kind, const value *at, int64_t n, arena *a,
                      lit *out, held *h)
{
    lit *item = arena_alloc(a, (size_t)n * sizeof(lit));
    for (int64_t i = 0; i < n; i++)
        if (!lit_of(in, at[i], a, &item[i], h)) return false;
    *out = lit_items(kind, (uint32_t)n, item);
    return true;
}

static bool slice_part(interp *in, value v, int64_t *out)
{
    *out = INT64_MIN;
    return is_none(v) || to_int64(in, v, out);
}

bool lit_of(interp *in, value v, arena *a, lit *out, held *h)
{
    if (simple_lit(v, out)) return true;
    if (v.kind == V_OBJ) {
        if (v.o->type == &T_list)
            return items_lit(in, LIT_LIST, ((list *)v.o)->at, ((list *)v.o)->n, a, out, h);
        if (v.o->type == &T_tuple)
            return items_lit(in, LIT_TUPLE, ((tuple *)v.o)->at, ((tuple *)v.o)->n, a, out, h);
        if (v.o->type == &T_str) {
            *out = lit_str(arena_dup(a, ((str *)v.o)->at, ((str *)v.o)->nbyte));
            return true;
        }
        if (v.o->type == &T_dtype) {
            *out = lit_dtype((dtype_of){0});
            return to_dtype(in, v, &out->t);
        }
        slice *s = as_slice(v);
        int64_t p[3];
        if (s && slice_part(in, s->start, &p[0]) && slice_part(in, s->stop, &p[1]) &&
            slice_part(in, s->step, &p[2])) {
            *out = lit_slice(p[0], p[1], p[2]);
            return true;
        }
        exc_clear(in);
    }
    datum *d = h->keep ? datum_kept(in, v) : datum_of(in, v);
    if (!d) return false;
    held_add(h, d);
    *out = lit_datum(d);
    return true;
}

/* stdlib/futures/office_submit.c - what an Office is given to do.
 *
 * submit() freezes a function and its arguments; a future among them, as deep as lists, tuples,
 * sets and dicts go, becomes an input of the task.  Frozen functions are remembered by identity,
 * so that a function that is submitted often is frozen once. */
#include "engine/base/mem.h"
#include "stdlib/dask/bridge.h"
#include "stdlib/futures/office_impl.h"

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

bool office_amounts(interp *in, office *o, value v, double out[MAX_RESOURCES])
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
value office_submit(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
    str *name = as_str(arg[2]);
    const type *cls = as_type(arg[1]);
    if (!o) return FAIL;
    if (!name || !cls) return throw(in, TypeError, "a key must be a string");
    inputs x = {.in = in};
    errand_spec s = {.key = name->at};
    double need[MAX_RESOURCES] = {0};
    if (!spec_fill(in, arg + 6, &s)) return FAIL;
    if (!is_none(arg[10])) {
        if (!office_amounts(in, o, arg[10], need)) return FAIL;
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

/* scatter(cls, key, value, only, part) */
value office_scatter(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
    str *name = as_str(arg[2]);
    const type *cls = as_type(arg[1]);
    int64_t only;
    if (!o) return FAIL;
    if (!name || !cls) return throw(in, TypeError, "a key must be a string");
    int part = value_truth(in, arg[5]);
    if (!to_int64(in, arg[4], &only) || part < 0) return FAIL;
    err e = {0};
    datum *d = result_pack(in, arg[3], &e);
    if (!d) return throw_err(in, &e);
    const size_t bytes = datum_bytes(d);
    if (o->t) d = team_keeps(o->t, d, true);
    char *t = type_text(in, arg[3]);
    errand_spec s = {.key = name->at,
                     .value = d,
                     .type = t,
                     .bytes = bytes,
                     .only = (uint64_t)only,
                     .part = part};
    value r = future_new(in, cls, foreman_submit(o->f, &s));
    datum_unref(d);
    mem_free(t);
    return r;
}

/* find(cls, key): a future, or None */
value office_find(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
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

value office_cancel(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
    int force = value_truth(in, arg[2]);
    size_t n;
    errand **at = o && force >= 0 ? errands_of(in, arg[1], &n) : NULL;
    if (!at) return FAIL;
    foreman_cancel(o->f, at, n, force);
    mem_free(at);
    return NONE;
}

value office_retry(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
    size_t n;
    errand **at = o ? errands_of(in, arg[1], &n) : NULL;
    if (!at) return FAIL;
    foreman_retry(o->f, at, n);
    mem_free(at);
    return NONE;
}

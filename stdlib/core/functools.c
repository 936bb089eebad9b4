/* stdlib/core/functools.c - the parts of functools that are called often: partial, reduce, the
 * cache of lru_cache, cmp_to_key.  The rest is stdlib/dsk/functools.dsk. */
#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/types/func.h"
#include "lang/freeze.h"
#include "stdlib/stdlib.h"

static value borrow(void *o)
{
    return (value){.kind = V_OBJ, .o = o};
}

/* ---- partial ---- */

typedef struct partial {
    obj hdr;
    value f;
    tuple *args;
    dict *kw;
} partial;

static void partial_drop(interp *in, obj *o)
{
    partial *p = (partial *)o;
    value_unref(in, p->f);
    obj_unref(in, p->args);
    obj_unref(in, p->kw);
}

static void partial_visit(obj *o, visitor f, void *ctx)
{
    partial *p = (partial *)o;
    f(p->f, ctx);
    if (p->args) f(borrow(p->args), ctx);
    if (p->kw) f(borrow(p->kw), ctx);
}

static const type T_partial;

static value partial_make(interp *in, const type *cls, const value *arg, size_t npos,
                          tuple *kwnames)
{
    if (!npos) return throw(in, TypeError, "type 'partial' takes at least one argument");
    if (!value_callable(in, arg[0]))
        return throw(in, TypeError, "the first argument must be callable");
    partial *p = obj_new(in, cls, 0);
    if (!p) return FAIL;
    partial *inner = arg[0].kind == V_OBJ && arg[0].o->type == &T_partial && cls == &T_partial
                         ? (partial *)arg[0].o
                         : NULL;
    p->f = value_ref(inner ? inner->f : arg[0]);
    tuple *rest = tuple_from(in, arg + 1, (int64_t)npos - 1);
    if (rest && inner) {
        value all = value_binary(in, OP_ADD, borrow(inner->args), borrow(rest));
        obj_unref(in, rest);
        rest = as_tuple(all);
    }
    p->args = rest;
    p->kw = inner ? dict_copy(in, inner->kw) : dict_new(in);
    bool ok = p->args && p->kw;
    for (int64_t i = 0; ok && kwnames && i < kwnames->n; i++)
        ok = dict_set(in, p->kw, kwnames->at[i], arg[npos + (size_t)i]);
    if (ok) return v_obj(p);
    obj_unref(in, p);
    return FAIL;
}

/* With keywords on either side: the call's win. */
static value call_merged(interp *in, partial *p, const value *arg, size_t npos, tuple *kwnames)
{
    dict *kw = dict_copy(in, p->kw);
    tuple *t = kw ? tuple_new(in, p->args->n + (int64_t)npos) : NULL;
    bool ok = t;
    for (int64_t i = 0; ok && i < t->n; i++)
        t->at[i] = value_ref(i < p->args->n ? p->args->at[i] : arg[i - p->args->n]);
    for (int64_t i = 0; ok && kwnames && i < kwnames->n; i++)
        ok = dict_set(in, kw, kwnames->at[i], arg[npos + (size_t)i]);
    value r = ok ? call_with(in, p->f, borrow(t), borrow(kw)) : FAIL;
    obj_unref(in, t);
    obj_unref(in, kw);
    return r;
}

enum { FEW = 8 };

static value partial_call(interp *in, value self, const value *arg, size_t npos, tuple *kwnames)
{
    partial *p = (partial *)self.o;
    size_t held = (size_t)p->args->n, all = held + npos, nkw = kwnames ? (size_t)kwnames->n : 0;
    if (p->kw->n || all + nkw > FEW) return call_merged(in, p, arg, npos, kwnames);
    value a[FEW];
    for (size_t i = 0; i < held; i++) a[i] = p->args->at[i];
    for (size_t i = 0; i < npos + nkw; i++) a[held + i] = arg[i];
    return value_call(in, p->f, a, all, kwnames);
}

static bool add_repr(interp *in, strbuf *b, value v)
{
    str *s = value_repr(in, v);
    if (s) sb_add(b, s->at, s->nbyte);
    obj_unref(in, s);
    return s;
}

static value partial_repr(interp *in, value self)
{
    partial *p = (partial *)self.o;
    int r = repr_enter(in, self.o);
    if (r <= 0) return r ? FAIL : v_str(in, "...");
    strbuf b = {0};
    value k, v;
    bool heap = self.o->type != &T_partial;
    sb_addf(&b, "%s%s(", heap ? "" : "functools.", self.o->type->name);
    bool ok = add_repr(in, &b, p->f);
    for (int64_t i = 0; ok && i < p->args->n; i++) {
        sb_adds(&b, ", ");
        ok = add_repr(in, &b, p->args->at[i]);
    }
    for (int64_t i = 0; ok && dict_next(p->kw, &i, &k, &v);) {
        sb_addf(&b, ", %s=", as_str(k) ? as_str(k)->at : "?");
        ok = add_repr(in, &b, v);
    }
    sb_addc(&b, ')');
    repr_leave(in, self.o);
    size_t n;
    char *s = sb_take(&b, &n);
    if (ok) return v_obj(str_take(in, s, n));
    mem_free(s);
    return FAIL;
}

static value partial_func(interp *in, const value *arg)
{
    (void)in;
    return value_ref(((partial *)arg[0].o)->f);
}

static value partial_args(interp *in, const value *arg)
{
    (void)in;
    return v_obj(obj_ref(((partial *)arg[0].o)->args));
}

static value partial_keywords(interp *in, const value *arg)
{
    (void)in;
    return v_obj(obj_ref(((partial *)arg[0].o)->kw));
}

static value partial_reduce(interp *in, const value *arg)
{
    partial *p = (partial *)arg[0].o;
    value state = v_obj(
        tuple_pack(in, 4, value_ref(p->f), v_obj(obj_ref(p->args)), v_obj(obj_ref(p->kw)), NONE));
    return v_obj(tuple_pack(in, 3, v_type(arg[0].o->type),
                            v_obj(tuple_pack(in, 1, value_ref(p->f))), state));
}

static value partial_setstate(interp *in, const value *arg)
{
    partial *p = (partial *)arg[0].o;
    tuple *t = as_tuple(arg[1]);
    if (!t || t->n < 3 || !as_tuple(t->at[1]) || !as_dict(t->at[2]))
        return throw(in, TypeError, "invalid partial state");
    value f = p->f;
    tuple *args = p->args;
    dict *kw = p->kw;
    p->f = value_ref(t->at[0]);
    p->args = obj_ref(as_tuple(t->at[1]));
    p->kw = obj_ref(as_dict(t->at[2]));
    value_unref(in, f);
    obj_unref(in, args);
    obj_unref(in, kw);
    return NONE;
}

static const builtin partial_table[] = {
    {"@property func", partial_func, "the function that is called"},
    {"@property args", partial_args, "what every call begins with"},
    {"@property keywords", partial_keywords, "the keyword arguments that are given to every call"},
    {"__reduce__(self, /)", partial_reduce, NULL},
    {"__setstate__(self, state, /)", partial_setstate, NULL},
    {0},
};

static bool partial_save(freezer *f, obj *o)
{
    partial *p = (partial *)(void *)o;
    freeze_value(f, p->f);
    freeze_value(f, (value){.kind = V_OBJ, .o = &p->args->hdr});
    freeze_value(f, p->kw ? (value){.kind = V_OBJ, .o = &p->kw->hdr} : FAIL);
    return true;
}

static obj *partial_load(thawer *t, const type *cls)
{
    partial *p = obj_new(thawer_interp(t), cls, 0);
    if (!p) return NULL;
    p->f = thaw_value(t);
    p->args = as_tuple(thaw_value(t));
    p->kw = as_dict(thaw_value(t));
    return &p->hdr;
}

static const crossing partial_cross = {partial_save, partial_load};

static const type T_partial = {
    TYPE_HEAD,
    .cross = &partial_cross,
    .name = "partial",
    .module = "functools",
    .doc = "A function with some of its arguments given: those of the call come after them.",
    .size = sizeof(partial),
    .flags = TYPE_BASE | TYPE_GC | TYPE_DICT,
    .table = partial_table,
    .drop = partial_drop,
    .visit = partial_visit,
    .make = partial_make,
    .call = partial_call,
    .repr = partial_repr,
};

/* ---- reduce ---- */

static value reduce(interp *in, const value *arg)
{
    value it = value_iter(in, arg[1]), v, total = value_ref(arg[2]);
    if (is_fail(it)) {
        if (exc_is(in, TypeError) && !type_of(in, arg[1])->iter) {
            exc_clear(in);
            throw(in, TypeError, "reduce() arg 2 must support iteration");
        }
        value_unref(in, total);
        return FAIL;
    }
    int r;
    while ((r = iter_next(in, it, &v)) > 0) {
        if (is_fail(total)) {
            total = v;
            continue;
        }
        value next = call_n(in, arg[0], 2, total, v);
        value_unref(in, total);
        value_unref(in, v);
        total = next;
        if (is_fail(total)) break;
    }
    value_unref(in, it);
    if (r > 0) return FAIL;
    if (!r && is_fail(total))
        return throw(in, TypeError, "reduce() of empty iterable with no initial value");
    if (!r) return total;
    value_unref(in, total);
    return FAIL;
}

/* ---- the cache of lru_cache: a dict, least recently used first ---- */

typedef struct cache {
    obj hdr;
    value f, info; /* info: the class of cache_info() */
    dict *d;
    int64_t max; /* -1: no bound */
    int64_t hits, misses;
    bool typed;
} cache;

static void cache_drop(interp *in, obj *o)
{
    cache *c = (cache *)o;
    value_unref(in, c->f);
    value_unref(in, c->info);
    obj_unref(in, c->d);
}

static void cache_visit(obj *o, visitor f, void *ctx)
{
    cache *c = (cache *)o;
    f(c->f, ctx);
    f(c->info, ctx);
    if (c->d) f(borrow(c->d), ctx);
}

/* What a call is remembered by: one int or str stands for itself, else a tuple of everything. */
static value cache_key(interp *in, const cache *c, const value *arg, size_t npos, tuple *kwnames)
{
    size_t nkw = kwnames ? (size_t)kwnames->n : 0, n = npos + (nkw ? 1 + 2 * nkw : 0);
    bool plain = npos == 1 && !nkw && !c->typed;
    if (plain && (arg[0].kind == V_INT || (arg[0].kind == V_OBJ && arg[0].o->type == &T_str)))
        return value_ref(arg[0]);
    tuple *t = tuple_new(in, (int64_t)(n + (c->typed ? npos + nkw : 0)));
    if (!t) return FAIL;
    size_t k = 0;
    for (size_t i = 0; i < npos; i++) t->at[k++] = value_ref(arg[i]);
    if (nkw) t->at[k++] = value_ref(ELLIPSIS); /* keeps f(1, 'a', 2) and f(1, a=2) apart */
    for (size_t i = 0; i < nkw; i++) {
        t->at[k++] = value_ref(kwnames->at[i]);
        t->at[k++] = value_ref(arg[npos + i]);
    }
    for (size_t i = 0; c->typed && i < npos + nkw; i++) t->at[k++] = v_type(type_of(in, arg[i]));
    return v_obj(t);
}

static bool cache_store(interp *in, cache *c, value key, uint64_t hash, value v)
{
    value first;
    int64_t at = 0, i;
    if (!c->max) return true;
    if (c->max > 0 && c->d->n >= c->max && dict_find(in, c->d, key, hash, &i) == 0 &&
        dict_next(c->d, &at, &first, NULL)) {
        value_ref(first);
        int gone = dict_del(in, c->d, first);
        value_unref(in, first);
        if (gone < 0) return false;
    }
    return dict_set_hashed(in, c->d, key, hash, v);
}

static value cache_call(interp *in, value self, const value *arg, size_t npos, tuple *kwnames)
{
    cache *c = (cache *)self.o;
    uint64_t hash;
    int64_t at;
    value key = cache_key(in, c, arg, npos, kwnames), v = FAIL;
    int found =
        !is_fail(key) && value_hash(in, key, &hash) ? dict_find(in, c->d, key, hash, &at) : -1;
    if (found > 0) {
        v = value_ref(c->d->entry[at].val);
        c->hits++;
        if (c->max > 0) { /* to the end: it was used last */
            if (dict_del_hashed(in, c->d, key, hash) < 0 ||
                !dict_set_hashed(in, c->d, key, hash, v))
                exc_clear(in);
        }
    } else if (!found) {
        c->misses++;
        v = value_call(in, c->f, arg, npos, kwnames);
        if (!is_fail(v) && !cache_store(in, c, key, hash, v)) {
            value_unref(in, v);
            v = FAIL;
        }
    }
    value_unref(in, key);
    return v;
}

static value cache_info(interp *in, const value *arg)
{
    cache *c = (cache *)arg[0].o;
    return call_n(in, c->info, 4, v_int(c->hits), v_int(c->misses),
                  c->max < 0 ? NONE : v_int(c->max), v_int(c->d->n));
}

static value cache_clear(interp *in, const value *arg)
{
    cache *c = (cache *)arg[0].o;
    dict_clear(in, c->d);
    c->hits = c->misses = 0;
    return NONE;
}

static value cache_get(interp *in, value self, value inst, const type *owner)
{
    (void)owner;
    return is_fail(inst) || is_none(inst) ? value_ref(self) : method_new(in, self, inst);
}

static const builtin cache_table[] = {
    {"cache_info(self)", cache_info, "Report cache statistics"},
    {"cache_clear(self)", cache_clear, "Clear the cache and cache statistics"},
    {0},
};

static const type T_cache = {
    TYPE_HEAD,
    .name = "_lru_cache_wrapper",
    .module = "functools",
    .size = sizeof(cache),
    .flags = TYPE_GC | TYPE_DICT,
    .table = cache_table,
    .drop = cache_drop,
    .visit = cache_visit,
    .call = cache_call,
    .get = cache_get,
};

static value cache_new(interp *in, const value *arg)
{
    int typed = value_truth(in, arg[2]);
    int64_t max = -1;
    if (typed < 0 || (!is_none(arg[1]) && !to_int64(in, arg[1], &max))) return FAIL;
    cache *c = obj_new(in, &T_cache, 0);
    if (!c || !(c->d = dict_new(in))) {
        obj_unref(in, c);
        return FAIL;
    }
    c->f = value_ref(arg[0]);
    c->info = value_ref(arg[3]);
    c->max = is_none(arg[1]) ? -1 : max < 0 ? 0 : max;
    c->typed = typed;
    return v_obj(c);
}

/* ---- cmp_to_key ---- */

typedef struct cmp_key {
    obj hdr;
    value cmp, v; /* v FAIL: K itself, which makes keys */
} cmp_key;

static const type T_cmp_key;

static void key_drop(interp *in, obj *o)
{
    value_unref(in, ((cmp_key *)o)->cmp);
    value_unref(in, ((cmp_key *)o)->v);
}

static void key_visit(obj *o, visitor f, void *ctx)
{
    f(((cmp_key *)o)->cmp, ctx);
    f(((cmp_key *)o)->v, ctx);
}

static value key_new(interp *in, value cmp, value v)
{
    cmp_key *k = obj_new(in, &T_cmp_key, 0);
    if (k) {
        k->cmp = value_ref(cmp);
        k->v = value_ref(v);
    }
    return v_obj(k);
}

static value key_call(interp *in, value self, const value *arg, size_t npos, tuple *kwnames)
{
    value v;
    if (!args_bind(in, "K(obj)", arg, npos, kwnames, &v, 1)) return FAIL;
    value k = key_new(in, ((cmp_key *)self.o)->cmp, v);
    args_clear(in, &v, 1);
    return k;
}

static value key_compare(interp *in, enum cmpop op, value self, value other)
{
    cmp_key *a = (cmp_key *)self.o;
    if (other.kind != V_OBJ || other.o->type != &T_cmp_key)
        return throw(in, TypeError, "other argument must be K instance");
    value r = call_n(in, a->cmp, 2, a->v, ((cmp_key *)other.o)->v);
    if (is_fail(r)) return FAIL;
    value answer = value_compare(in, op, r, v_int(0));
    value_unref(in, r);
    return answer;
}

static value key_obj(interp *in, const value *arg)
{
    (void)in;
    return value_ref(((cmp_key *)arg[0].o)->v);
}

static const builtin key_table[] = {{"@property obj", key_obj, "Value wrapped by a key function."},
                                    {0}};

static const type T_cmp_key = {
    TYPE_HEAD,        .name = "KeyWrapper",   .module = "functools", .size = sizeof(cmp_key),
    .flags = TYPE_GC, .table = key_table,     .drop = key_drop,      .visit = key_visit,
    .call = key_call, .compare = key_compare,
};

static value cmp_to_key(interp *in, const value *arg)
{
    return key_new(in, arg[0], FAIL);
}

static const builtin functions[] = {
    {"reduce(function, iterable, initial=<unset>, /)", reduce,
     "function(function(function(a, b), c), d) of the items a, b, c, d; initial comes before "
     "them."},
    {"cmp_to_key(mycmp)", cmp_to_key,
     "A key function that orders as a function of two arguments "
     "does: below, at or above 0."},
    {"_lru_cache_wrapper(function, maxsize, typed, info)", cache_new, NULL},
    {0},
};

static bool open_functools(interp *in, module *m)
{
    return module_put_type(in, m, &T_partial);
}

const module_def functools_def = {
    .name = "_functools",
    .doc = "Tools that operate on functions.",
    .table = functions,
    .open = open_functools,
};

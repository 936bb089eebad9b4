/* lang/types/klass.c - making classes: type(name, bases, namespace), C3 order, __slots__,
 * and calling them: T(...) makes an instance. */
#include "lang/types/klass.h"

#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/exc.h"
#include "lang/types/dunder.h"
#include "lang/types/func.h"

#define OBJ(p) ((value){.kind = V_OBJ, .o = &(p)->hdr})

/* ---- method resolution order ---- */

typedef struct chain { /* what C3 merges: the rest of a base's MRO */
    const type *const *at;
    uint32_t n;
} chain;

static bool in_tail(const type *t, const chain *c, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 1; j < c[i].n; j++) {
            if (c[i].at[j] == t) return true;
        }
    }
    return false;
}

static const type *next_class(const chain *c, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (c[i].n && !in_tail(c[i].at[0], c, n)) return c[i].at[0];
    }
    return NULL;
}

static bool throw_order(interp *in, const chain *c, uint32_t n)
{
    strbuf b = {0};
    for (uint32_t i = 0; i < n; i++) {
        const type *t = c[i].n ? c[i].at[0] : NULL;
        bool seen = !t;
        for (uint32_t j = 0; j < i && !seen; j++) seen = c[j].n && c[j].at[0] == t;
        if (!seen) sb_addf(&b, "%s%s", b.n ? ", " : "", t->name);
    }
    throw(in, TypeError, "Cannot create a consistent method resolution\norder (MRO) for bases %s",
          sb_text(&b));
    sb_clear(&b);
    return false;
}

static bool check_once(interp *in, tuple *bases)
{
    for (int64_t i = 0; i < bases->n; i++) {
        for (int64_t j = 0; j < i; j++) {
            if (!value_same(bases->at[i], bases->at[j])) continue;
            throw(in, TypeError, "duplicate base class %s", as_type(bases->at[i])->name);
            return false;
        }
    }
    return true;
}

static bool fill_mro(interp *in, klass *k, tuple *bases)
{
    if (!check_once(in, bases)) return false;
    uint32_t n = (uint32_t)bases->n + 1, room = 1;
    chain *c = mem_zero((n + 1) * sizeof *c);
    const type **own = mem_zero((n + 1) * sizeof *own);
    for (uint32_t i = 0; i + 1 < n; i++) {
        own[i] = as_type(bases->at[i]);
        c[i].at = type_mro(in, own[i], &c[i].n);
        room += c[i].n;
    }
    c[n - 1] = (chain){own, n - 1};
    k->mro = mem_alloc(room * sizeof *k->mro);
    k->mro[k->nmro++] = &k->t;
    const type *t;
    while ((t = next_class(c, n))) {
        k->mro[k->nmro++] = obj_ref((void *)(uintptr_t)t);
        for (uint32_t i = 0; i < n; i++) {
            if (c[i].n && c[i].at[0] == t) c[i].at++, c[i].n--;
        }
    }
    bool ok = true;
    for (uint32_t i = 0; i < n; i++) ok = ok && c[i].n == 0;
    if (!ok) throw_order(in, c, n);
    mem_free(c);
    mem_free(own);
    return ok;
}

/* ---- pieces of klass_new ---- */

static const type *native_of(const type *t)
{
    return as_klass(t) ? as_klass(t)->native : t;
}

/* The builtin base that decides the layout. */
static const type *best_native(interp *in, tuple *bases)
{
    const type *best = &T_object;
    for (int64_t i = 0; i < bases->n; i++) {
        const type *t = as_type(bases->at[i]), *n;
        if (!t) return THROW0(in, TypeError, "bases must be types");
        if (!(t->flags & (TYPE_BASE | TYPE_HEAP))) {
            return THROW0(in, TypeError, "type '%s' is not an acceptable base type", t->name);
        }
        n = native_of(t);
        if (type_is_sub(n, best))
            best = n;
        else if (!type_is_sub(best, n)) {
            if (n->size > best->size && best->base == n->base && n->drop == best->drop)
                best = n;
            else if (n->drop != best->drop || n->size != best->size) {
                return THROW0(in, TypeError, "multiple bases have instance lay-out conflict");
            }
        }
    }
    return best;
}

static value implied_wrapper(interp *in, dict *ns, str *name, const type *t)
{
    value f;
    if (dict_get_str(in, ns, name, &f) != 1 || !as_func(f)) return NONE;
    value w = wrapper_new(in, t, f);
    bool ok = !is_fail(w) && dict_set_str(in, ns, name, w);
    value_unref(in, w);
    return ok ? NONE : FAIL;
}

static bool default_entry(interp *in, dict *ns, str *name, value v)
{
    value old;
    int r = dict_get_str(in, ns, name, &old);
    return r ? r > 0 : dict_set_str(in, ns, name, v);
}

static bool fill_namespace(interp *in, klass *k)
{
    dict *ns = k->dict, *g = frame_globals(in);
    value v = g ? dict_peek(in, g, "__name__") : FAIL;
    if (!is_fail(v) && !default_entry(in, ns, in->name.__module__, v)) return false;
    if (!default_entry(in, ns, in->name.__doc__, NONE)) return false;
    if (is_fail(implied_wrapper(in, ns, in->name.__new__, &T_staticmethod)) ||
        is_fail(implied_wrapper(in, ns, in->name.__init_subclass__, &T_classmethod)) ||
        is_fail(implied_wrapper(in, ns, in->name.__class_getitem__, &T_classmethod))) {
        return false;
    }
    value q;
    if (dict_get_str(in, ns, in->name.__qualname__, &q) == 1 && as_str(q)) {
        obj_unref(in, k->qualname);
        k->qualname = obj_ref(as_str(q));
        dict_del(in, ns, OBJ(in->name.__qualname__));
    }
    if (dict_get_str(in, ns, in->name.__eq__, &v) ==
        1) { /* own equality, no own hash: unhashable */
        if (!default_entry(in, ns, in->name.__hash__, NONE)) return false;
    }
    return true;
}

/* The class body's __class__ cell learns its class. */
static void fill_cell(interp *in, klass *k)
{
    value c;
    if (dict_get_str(in, k->dict, in->name.__classcell__, &c) != 1) return;
    if (c.kind == V_OBJ && c.o->type == &T_cell) {
        cell *box = (cell *)(void *)c.o;
        value old = box->v;
        box->v = value_ref(OBJ(&k->t));
        value_unref(in, old);
    }
    dict_del(in, k->dict, OBJ(in->name.__classcell__));
}

/* A private name has the one of the class in front, as in the code of its methods. */
static str *slot_name(interp *in, const klass *k, str *s)
{
    const char *cls = k->t.name;
    size_t n = s->nbyte;
    while (*cls == '_') cls++;
    bool private = n > 2 && memcmp(s->at, "__", 2) == 0 && memcmp(s->at + n - 2, "__", 2) != 0;
    return private && *cls ? str_fmt(in, "_%s%s", cls, s->at) : obj_ref(s);
}

static bool fill_slot(interp *in, klass *k, str *s)
{
    value had, m;
    str *name = slot_name(in, k, s);
    bool ok = name;
    if (ok && dict_get_str(in, k->dict, name, &had) == 1) {
        throw(in, ValueError, "'%s' in __slots__ conflicts with class variable", name->at);
        ok = false;
    }
    if (ok) {
        m = member_new(in, &k->t, name);
        ok = !is_fail(m) && dict_set_str(in, k->dict, name, m);
        value_unref(in, m);
    }
    obj_unref(in, name);
    return ok;
}

static bool fill_slots(interp *in, klass *k)
{
    value v;
    bool hidden = true;
    for (uint32_t i = 1; i < k->nmro; i++) {
        klass *b = as_klass(k->mro[i]);
        if (b && !b->sealed) hidden = false;
        if (!b && k->mro[i]->flags & TYPE_DICT) hidden = false;
    }
    if (dict_get_str(in, k->dict, in->name.__slots__, &v) != 1) return true;
    tuple *t = as_str(v) ? tuple_pack(in, 1, value_ref(v)) : tuple_of(in, v);
    bool ok = t != NULL;
    for (int64_t i = 0; ok && i < t->n; i++) {
        str *s = as_str(t->at[i]);
        if (!s) {
            throw(in, TypeError, "__slots__ items must be strings, not '%s'",
                  type_of(in, t->at[i])->name);
            ok = false;
        } else if (str_is(s, "__dict__"))
            hidden = false;
        else if (!str_is(s, "__weakref__")) {
            ok = fill_slot(in, k, s);
        }
    }
    obj_unref(in, t);
    k->sealed = hidden;
    return ok;
}

static bool set_names(interp *in, klass *k)
{
    dict *snapshot = dict_copy(in, k->dict);
    value name, v;
    bool ok = snapshot != NULL;
    for (int64_t i = 0; ok && dict_next(snapshot, &i, &name, &v);) {
        value f = type_lookup(in, type_of(in, v), in->name.__set_name__);
        if (is_fail(f)) continue;
        value r = call_n(in, f, 3, v, OBJ(&k->t), name);
        ok = !is_fail(r);
        value_unref(in, r);
    }
    obj_unref(in, snapshot);
    return ok;
}

/* super(k, k).__init_subclass__(**keywords) */
static bool init_subclass(interp *in, klass *k, const value *kw, tuple *kwnames)
{
    for (uint32_t i = 1; i < k->nmro; i++) {
        value f;
        if (dict_get_str(in, type_attrs(in, k->mro[i]), in->name.__init_subclass__, &f) != 1)
            continue;
        const type *t = type_of(in, f);
        value m = t->get ? t->get(in, f, FAIL, &k->t) : value_ref(f);
        value r = FAIL;
        if (!is_fail(m) && k->mro[i] == &T_object && kwnames && kwnames->n) {
            throw(in, TypeError, "%s.__init_subclass__() takes no keyword arguments", k->t.name);
        } else if (!is_fail(m))
            r = value_call(in, m, kw, 0, kwnames);
        value_unref(in, m);
        value_unref(in, r);
        return !is_fail(r);
    }
    return true;
}

void klass_find_abstract(interp *in, klass *k)
{
    value v;
    k->abstract = false;
    if (dict_get_str(in, k->dict, in->name.__abstractmethods__, &v) == 1) {
        k->abstract = value_truth(in, v) == 1;
    }
}

/* Its objects become descriptors, or cease to be: sites remember what they were where they are. */
void klass_describes(interp *in, const type *was, const type *is)
{
    if (was->get == is->get && was->set == is->set) return;
    for (klass *c = in->klasses; c; c = c->next) c->version = next_version(in);
}

void klass_changed(interp *in, klass *k)
{
    for (klass *c = in->klasses; c; c = c->next) {
        if (!type_is_sub(&c->t, &k->t)) continue;
        c->version = next_version(in);
    }
    for (klass *c = in->klasses; c; c = c->next) {
        if (!type_is_sub(&c->t, &k->t)) continue;
        const type was = c->t;
        klass_fill(in, c);
        klass_describes(in, &was, &c->t);
    }
    klass_find_abstract(in, k);
}

static void link_in(interp *in, klass *k)
{
    k->next = in->klasses;
    if (k->next) k->next->prev = k;
    in->klasses = k;
}

static klass *klass_alloc(interp *in, const type *meta, str *name, tuple *bases, dict *ns)
{
    const type *native = best_native(in, bases);
    if (!native) return NULL;
    klass *k = obj_new(in, meta, 0);
    if (!k) return NULL;
    k->native = native;
    obj hdr = k->t.hdr;
    k->t = *native;
    k->t.hdr = hdr;
    k->t.flags = TYPE_HEAP | TYPE_BASE | (native->flags & TYPE_GC);
    k->t.table = NULL;
    k->t.base = as_type(bases->at[0]);
    for (int64_t i = 0; i < bases->n; i++) { /* __base__: the one the layout comes from */
        if (native != &T_object && native_of(as_type(bases->at[i])) == native) {
            k->t.base = as_type(bases->at[i]);
            break;
        }
    }
    k->t.base2 = NULL;
    k->name = obj_ref(name);
    k->qualname = obj_ref(name);
    k->t.name = name->at;
    k->t.module = "";
    k->dict = dict_copy(in, ns);
    k->bases = obj_ref(bases);
    /* library classes that are types of C in CPython: messages there give the module too */
    value prefix = k->dict ? dict_peek(in, k->dict, "__tp_prefix__") : FAIL;
    k->prefix = !is_fail(prefix) && as_str(prefix) ? as_str(prefix)->at : NULL;
    k->version = next_version(in);
    link_in(in, k);
    return k;
}

static klass *klass_make(interp *in, const type *meta, str *name, tuple *bases, dict *ns,
                         const value *kw, tuple *kwnames)
{
    klass *k = klass_alloc(in, meta, name, bases, ns);
    if (!k) return NULL;
    bool ok = k->dict && fill_mro(in, k, bases) && fill_namespace(in, k) && fill_slots(in, k);
    if (ok) {
        fill_cell(in, k);
        klass_fill(in, k);
        klass_find_abstract(in, k);
        ok = set_names(in, k) && init_subclass(in, k, kw, kwnames);
    }
    if (ok) return k;
    obj_unref(in, k);
    return NULL;
}

/* A class as it was, for another interpreter: no hooks run, ns is taken as it is. */
klass *klass_restore(interp *in, const type *meta, str *name, str *qualname, tuple *bases)
{
    dict *empty = dict_new(in);
    klass *k = empty ? klass_alloc(in, meta, name, bases, empty) : NULL;
    obj_unref(in, empty);
    if (!k) return NULL;
    obj_unref(in, k->qualname);
    k->qualname = obj_ref(qualname);
    if (k->dict && fill_mro(in, k, bases)) return k;
    obj_unref(in, k);
    return NULL;
}

klass *klass_new(interp *in, const type *meta, str *name, tuple *bases, dict *ns)
{
    tuple *b = bases->n ? obj_ref(bases) : tuple_pack(in, 1, v_type(&T_object));
    klass *k = b ? klass_make(in, meta, name, b, ns, NULL, NULL) : NULL;
    obj_unref(in, b);
    return k;
}

/* The most derived metaclass of meta and the bases'. */
static const type *best_meta(interp *in, const type *meta, tuple *bases)
{
    for (int64_t i = 0; i < bases->n; i++) {
        const type *m = type_of(in, bases->at[i]);
        if (!as_type(bases->at[i]) || type_is_sub(meta, m)) continue;
        if (!type_is_sub(m, meta)) {
            return THROW0(in, TypeError,
                          "metaclass conflict: the metaclass of a derived class must be a "
                          "(non-strict) subclass of the metaclasses of all its bases");
        }
        meta = m;
    }
    return meta;
}

const type *metaclass_of(interp *in, const type *meta, tuple *bases)
{
    return best_meta(in, meta, bases);
}

value type_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    if (npos == 1 && cls == &T_type && !kwnames) return v_type(type_of(in, arg[0]));
    if (npos != 3) return throw(in, TypeError, "type() takes 1 or 3 arguments");
    str *name = as_str(arg[0]);
    tuple *bases = as_tuple(arg[1]);
    dict *ns = as_dict(arg[2]);
    if (!name)
        return throw(in, TypeError, "type.__new__() argument 1 must be str, not %s",
                     type_of(in, arg[0])->name);
    if (!bases)
        return throw(in, TypeError, "type.__new__() argument 2 must be tuple, not %s",
                     type_of(in, arg[1])->name);
    if (!ns)
        return throw(in, TypeError, "type.__new__() argument 3 must be dict, not %s",
                     type_of(in, arg[2])->name);
    const type *meta = best_meta(in, cls, bases);
    if (!meta) return FAIL;
    tuple *b = bases->n ? obj_ref(bases) : tuple_pack(in, 1, v_type(&T_object));
    klass *k = b ? klass_make(in, meta, name, b, ns, arg + npos, kwnames) : NULL;
    obj_unref(in, b);
    return v_obj(k);
}

/* ---- calling a class ---- */

bool has_init_row(const type *native)
{
    for (const builtin *r = native->table; r && r->sig; r++) {
        if (r->sig[0] == '_' && strncmp(r->sig, "__init__(", 9) == 0) return true;
    }
    return false;
}

/* Does the builtin __init__ have something to do after __new__? */
static bool inits_again(const klass *k)
{
    if (has_init_row(k->native)) return true;
    return !is_fail(k->new_) && type_is_sub(k->native, exc_type(BaseException));
}

/* The bare instance for a user class. */
static value make_instance(interp *in, klass *k, const value *arg, size_t npos, tuple *kwnames)
{
    if (!is_fail(k->new_)) {
        value f = k->new_.o->type->get ? k->new_.o->type->get(in, k->new_, FAIL, &k->t)
                                       : value_ref(k->new_);
        size_t nkw = kwnames ? (size_t)kwnames->n : 0;
        value few[8], *a = npos + nkw < 7 ? few : mem_alloc((npos + nkw + 1) * sizeof *a);
        a[0] = OBJ(&k->t);
        memcpy(a + 1, arg, (npos + nkw) * sizeof *a);
        value r = is_fail(f) ? FAIL : value_call(in, f, a, npos + 1, kwnames);
        if (a != few) mem_free(a);
        value_unref(in, f);
        return r;
    }
    const type *native = k->native;
    if (native == &T_object) return object_new(in, &k->t, npos || (kwnames && kwnames->n));
    if (k->abstract) return throw_abstract(in, k);
    if (!native->make) return throw(in, TypeError, "cannot create '%s' instances", k->t.name);
    if (type_is_sub(native, exc_type(BaseException))) {
        return native->make(in, &k->t, arg, npos, is_fail(k->init) ? kwnames : NULL);
    }
    if (has_init_row(native)) return native->make(in, &k->t, NULL, 0, NULL);
    return native->make(in, &k->t, arg, npos, kwnames);
}

value type_call(interp *in, value self, const value *arg, size_t npos, tuple *kwnames)
{
    const type *t = as_type(self);
    klass *k = as_klass(t);
    if (!k) {
        if (!t->make) return throw(in, TypeError, "cannot create '%s' instances", t->name);
        return t->make(in, t, arg, npos, kwnames);
    }
    value v = make_instance(in, k, arg, npos, kwnames);
    if (is_fail(v) || !value_isa(in, v, t)) return v;
    klass *made = as_klass(type_of(in, v));
    value init = made ? made->init : FAIL;
    if (is_fail(init) && inits_again(k)) init = type_lookup(in, t, in->name.__init__);
    if (is_fail(init)) return v;
    const type *ti = type_of(in, init);
    value m = ti->get ? ti->get(in, init, v, type_of(in, v)) : value_ref(init);
    value r = is_fail(m) ? FAIL : value_call(in, m, arg, npos, kwnames);
    value_unref(in, m);
    if (is_none(r)) return v;
    if (!is_fail(r)) {
        throw(in, TypeError, "__init__() should return None, not '%s'", type_of(in, r)->name);
    }
    value_unref(in, r);
    value_unref(in, v);
    return FAIL;
}

value throw_abstract(interp *in, klass *k)
{
    value v = dict_peek(in, k->dict, "__abstractmethods__");
    list *l = list_of(in, v);
    if (!l || !list_sort(in, l, FAIL, false)) {
        obj_unref(in, l);
        return FAIL;
    }
    strbuf b = {0};
    for (int64_t i = 0; i < l->n; i++) {
        str *s = as_str(l->at[i]);
        sb_addf(&b, "%s%s", i ? ", " : "", s ? s->at : "?");
    }
    throw(in, TypeError, "Can't instantiate abstract class %s with abstract method%s %s", k->t.name,
          l->n > 1 ? "s" : "", sb_text(&b));
    sb_clear(&b);
    obj_unref(in, l);
    return FAIL;
}

/* ---- __del__ ---- */

bool klass_has_del(const type *t)
{
    klass *k = as_klass(t);
    return k && !is_fail(k->del);
}

void klass_run_del(interp *in, obj *o)
{
    if (o->flags & OBJ_DEAD) return;
    o->flags |= OBJ_DEAD;
    value pending = exc_take(in), f = value_ref(as_klass(o->type)->del);
    value r = call_n(in, f, 1, (value){.kind = V_OBJ, .o = o});
    value_unref(in, f);
    if (is_fail(r)) exc_clear(in);
    value_unref(in, r);
    in->exc = pending;
}

bool klass_finalize(interp *in, obj *o)
{
    if (!klass_has_del(o->type) || o->flags & OBJ_DEAD) return true;
    o->rc = 1;
    klass_run_del(in, o);
    return --o->rc == 0;
}

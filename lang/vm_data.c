/* lang/vm_data.c - slow halves of instructions on data: unpacking, displays, calls with stars,
 * text, exceptions, contexts, functions, match. */
#include <string.h>

#include "engine/base/str.h"
#include "lang/types/dunder.h"
#include "lang/types/klass.h"
#include "lang/vm.h"

#define OBJ(p) ((value){.kind = V_OBJ, .o = &(p)->hdr})

static void put(interp *in, value *at, value v)
{
    value old = *at;
    *at = v;
    value_unref(in, old);
}

/* ---- unpacking ---- */

static bool wrong_count(interp *in, int64_t got, uint32_t want)
{
    if (got > (int64_t)want)
        throw(in, ValueError, "too many values to unpack (expected %u)", want);
    else
        throw(in, ValueError, "not enough values to unpack (expected %u, got %lld)", want,
              (long long)got);
    return false;
}

static bool unpack_iter(interp *in, value v, uint32_t n, value *out)
{
    value it = value_iter(in, v);
    if (is_fail(it)) {
        if (!type_of(in, v)->iter && exc_is(in, TypeError)) {
            exc_clear(in);
            throw(in, TypeError, "cannot unpack non-iterable %s object", type_of(in, v)->name);
        }
        return false;
    }
    value *got = mem_alloc((n + 1) * sizeof *got);
    uint32_t i = 0;
    int r = 1;
    while (i <= n && (r = iter_next(in, it, &got[i])) == 1) i++;
    value_unref(in, it);
    bool ok = r == 0 && i == n;
    if (!ok && r >= 0) wrong_count(in, i, n);
    for (uint32_t j = 0; j < i; j++) {
        if (ok)
            put(in, &out[j], got[j]);
        else
            value_unref(in, got[j]);
    }
    mem_free(got);
    return ok;
}

value slice_item(interp *in, value v, const value *at)
{
    slice s = {.hdr = {.type = &T_slice, .rc = 1}, .start = at[0], .stop = at[1], .step = at[2]};
    return v.o->type->getitem(in, v, (value){.kind = V_OBJ, .o = &s.hdr});
}

bool unpack(interp *in, value v, uint32_t n, value *out)
{
    const type *t = type_of(in, v);
    value *at = NULL;
    int64_t have = -1;
    if (t == &T_tuple) at = ((tuple *)(void *)v.o)->at, have = ((tuple *)(void *)v.o)->n;
    if (t == &T_list) at = ((list *)(void *)v.o)->at, have = ((list *)(void *)v.o)->n;
    if (!at && have != 0) return unpack_iter(in, v, n, out);
    if (have != (int64_t)n) return wrong_count(in, have, n);
    for (uint32_t i = 0; i < n; i++) value_ref(at[i]);
    for (uint32_t i = 0; i < n; i++)
        put(in, &out[i], t == &T_list ? ((list *)(void *)v.o)->at[i] : at[i]);
    return true;
}

bool unpack_star(interp *in, value v, uint32_t before, uint32_t after, value *out)
{
    if (!type_of(in, v)->iter && !type_of(in, v)->getitem) {
        throw(in, TypeError, "cannot unpack non-iterable %s object", type_of(in, v)->name);
        return false;
    }
    list *l = list_of(in, v);
    if (!l) return false;
    bool ok = l->n >= (int64_t)before + after;
    if (!ok) {
        throw(in, ValueError, "not enough values to unpack (expected at least %u, got %lld)",
              before + after, (long long)l->n);
    }
    list *rest = ok ? list_new(in, l->n - before - after) : NULL;
    for (int64_t i = 0; rest && i < l->n; i++) {
        value item = value_ref(l->at[i]);
        if (i < (int64_t)before)
            put(in, &out[i], item);
        else if (i >= l->n - (int64_t)after)
            put(in, &out[before + 1 + (i - (l->n - (int64_t)after))], item);
        else
            list_add(in, rest, item);
    }
    if (rest) put(in, &out[before], v_obj(rest));
    obj_unref(in, l);
    return rest != NULL;
}

/* ---- displays ---- */

value build_set(interp *in, value *at, uint32_t n, bool constants)
{
    set *s = constants ? set_of_constants(in, at, n) : set_new(in, false);
    for (uint32_t i = 0; !constants && s && i < n; i++) {
        if (!set_add(in, s, at[i])) {
            obj_unref(in, s);
            s = NULL;
        }
    }
    if (s) registers_clear(in, at, 0, n);
    return v_obj(s);
}

value build_dict(interp *in, value *at, uint32_t n)
{
    dict *d = dict_new(in);
    if (!d || dict_move_in(in, d, at, n)) return v_obj(d);
    obj_unref(in, d);
    return FAIL;
}

/* ---- calls ---- */

str *callable_name(interp *in, value f)
{
    value q;
    func *fn = as_func(f);
    if (fn && as_str(fn->module)) {
        return str_fmt(in, "%s.%s()", as_str(fn->module)->at, fn->qualname->at);
    }
    if (f.kind == V_OBJ && f.o->type == &T_method)
        return callable_name(in, ((method *)(void *)f.o)->f);
    int has = as_type(f) ? 0 : value_findattr(in, f, "__qualname__", &q);
    if (has == 1 && as_str(q)) {
        value m;
        str *s = NULL;
        int has_m = value_findattr(in, f, "__module__", &m);
        if (has_m == 1 && as_str(m) && !str_is(as_str(m), "builtins")) {
            s = str_fmt(in, "%s.%s()", as_str(m)->at, as_str(q)->at);
        } else
            s = str_fmt(in, "%s()", as_str(q)->at);
        if (has_m == 1) value_unref(in, m);
        value_unref(in, q);
        return s;
    }
    if (has == 1) value_unref(in, q);
    if (has < 0) exc_clear(in);
    str *full = as_type(f) ? type_fullname(in, as_type(f)) : NULL;
    str *s = full ? str_fmt(in, "%s", full->at) : value_repr(in, f);
    obj_unref(in, full);
    return s;
}

static void throw_spread(interp *in, const value *f, const char *fmt, value v)
{
    str *name = callable_name(in, *f);
    if (name) throw(in, TypeError, fmt, name->at, type_of(in, v)->name);
    obj_unref(in, name);
}

bool extend_words(interp *in, list *l, value v, const value *f)
{
    const type *t = type_of(in, v);
    if (!t->iter && !t->getitem) {
        if (f)
            throw_spread(in, f, "%s argument after * must be an iterable, not %s", v);
        else
            throw(in, TypeError, "Value after * must be an iterable, not %s", t->name);
        return false;
    }
    return list_extend(in, l, v);
}

bool merge_keywords(interp *in, dict *d, value v, const value *f)
{
    dict *from = as_dict(v);
    value keys = FAIL, k, item, old;
    int has = from ? 1 : value_findattr(in, v, "keys", &keys);
    value_unref(in, keys);
    if (has < 0) return false;
    if (!has) {
        if (f)
            throw_spread(in, f, "%s argument after ** must be a mapping, not %s", v);
        else
            throw(in, TypeError, "'%s' object is not a mapping", type_of(in, v)->name);
        return false;
    }
    if (!f) return dict_update(in, d, v);
    for (int64_t i = 0; from && dict_next(from, &i, &k, &item);) {
        if (dict_get(in, d, k, &old) != 1) continue;
        str *name = callable_name(in, *f);
        if (name && as_str(k)) {
            throw(in, TypeError, "%s got multiple values for keyword argument '%s'", name->at,
                  as_str(k)->at);
        }
        obj_unref(in, name);
        return false;
    }
    return dict_update(in, d, v);
}

value call_words(interp *in, const value *w, bool kw)
{
    if (!as_tuple(w[1]) && !as_list(w[1]) && !type_of(in, w[1])->iter &&
        !type_of(in, w[1])->getitem) {
        throw_spread(in, w, "%s argument after * must be an iterable, not %s", w[1]);
        return FAIL;
    }
    if (kw && !as_dict(w[2])) {
        dict *d = dict_new(in);
        value r = d && merge_keywords(in, d, w[2], w) ? call_with(in, w[0], w[1], OBJ(d)) : FAIL;
        obj_unref(in, d);
        return r;
    }
    return call_with(in, w[0], w[1], kw ? w[2] : FAIL);
}

/* ---- text ---- */

bool str_append(interp *in, value *at, value t)
{
    if (at->kind != V_OBJ || at->o->type != &T_str || t.kind != V_OBJ || t.o->type != &T_str)
        return false;
    str *s = (str *)(void *)at->o, *more = (str *)(void *)t.o;
    if (s->hdr.rc != 1 || s->hdr.flags || s == more) return false;
    size_t n = s->nbyte + more->nbyte;
    s = obj_grow(in, &s->hdr, sizeof *s + n + 1);
    if (!s) return false;
    memcpy(s->at + s->nbyte, more->at, more->nbyte + 1);
    s->nbyte = n;
    s->nchar += more->nchar;
    s->hash = 0;
    at->o = &s->hdr;
    return true;
}

value format_value(interp *in, value v, const value *spec, int conversion)
{
    str *s = NULL;
    if (conversion == 'r' || conversion == 'a')
        s = value_repr(in, v);
    else if (conversion == 's')
        s = value_str(in, v);
    if (conversion && !s) return FAIL;
    if (conversion == 'a') {
        value a = call_n(in, dict_peek(in, in->builtins, "ascii"), 1, v);
        obj_unref(in, s);
        s = as_str(a);
        if (!s) return FAIL;
    }
    if (!spec && s) return v_obj(s);
    if (!spec && v.kind == V_OBJ && v.o->type == &T_str) return value_ref(v);
    if (!spec) return v_obj(value_format(in, v, in->empty));
    value r = v_obj(value_format(in, s ? OBJ(s) : v, as_str(*spec)));
    obj_unref(in, s);
    return r;
}

value join_strs(interp *in, const value *at, uint32_t n)
{
    if (n == 1 && as_str(at[0])) return value_ref(at[0]);
    size_t nbyte = 0, nchar = 0;
    for (uint32_t i = 0; i < n; i++) {
        nbyte += as_str(at[i])->nbyte;
        nchar += as_str(at[i])->nchar;
    }
    str *s = str_alloc(in, nbyte, nchar);
    if (!s) return FAIL;
    char *p = s->at;
    for (uint32_t i = 0; i < n; i++) {
        str *x = as_str(at[i]);
        memcpy(p, x->at, x->nbyte);
        p += x->nbyte;
    }
    return v_obj(s);
}

/* ---- exceptions and contexts ---- */

static int fits_one(interp *in, value x, value t)
{
    if (!is_exc_class(t)) {
        return THROWN(in, TypeError,
                      "catching classes that do not inherit from BaseException is not allowed");
    }
    return exc_matches(in, x, as_type(t));
}

int exc_fits(interp *in, value x, value types)
{
    tuple *t = as_tuple(types);
    if (!t) return fits_one(in, x, types);
    int r = 0;
    for (int64_t i = 0; i < t->n && r == 0; i++) {
        r = as_tuple(t->at[i]) ? exc_fits(in, x, t->at[i]) : fits_one(in, x, t->at[i]);
    }
    return r;
}

bool raise_value(interp *in, value x, const value *cause)
{
    value made = is_exc_class(x) ? value_call(in, x, NULL, 0, NULL) : value_ref(x);
    if (is_fail(made)) return false;
    exc *e = as_exc(made);
    if (e && cause) {
        value c = is_exc_class(*cause) ? value_call(in, *cause, NULL, 0, NULL) : value_ref(*cause);
        if (is_fail(c) || (!as_exc(c) && !is_none(c))) {
            if (!is_fail(c))
                throw(in, TypeError, "exception causes must derive from BaseException");
            value_unref(in, c);
            value_unref(in, made);
            return false;
        }
        put(in, &e->cause, is_none(c) ? FAIL : c);
        e->suppress = true;
    }
    exc_raise(in, made);
    return true;
}

static value call_special(interp *in, value self, str *name, const char *missing, int n,
                          const value *arg)
{
    value f = type_lookup(in, type_of(in, self), name);
    if (is_fail(f)) return throw(in, TypeError, missing, type_of(in, self)->name);
    const type *t = type_of(in, f);
    value m = t->get ? t->get(in, f, self, type_of(in, self)) : value_ref(f);
    value r = is_fail(m) ? FAIL : value_call(in, m, arg, (size_t)n, NULL);
    value_unref(in, m);
    return r;
}

#define ASYNC_MISSING "'%s' object does not support the asynchronous context manager protocol"

value enter_context(interp *in, value m, bool async)
{
    const type *t = type_of(in, m);
    if (async) return call_special(in, m, in->name.__aenter__, ASYNC_MISSING, 0, NULL);
    if (t->enter && t->exit) return t->enter(in, m);
    if (!t->enter)
        return call_special(in, m, in->name.__enter__,
                            "'%s' object does not support the context manager protocol", 0, NULL);
    return throw(
        in, TypeError,
        "'%s' object does not support the context manager protocol (missed __exit__ method)",
        t->name);
}

value exit_context(interp *in, value m, value x, bool async)
{
    const type *t = type_of(in, m);
    if (!async && t->exit) return t->exit(in, m, x);
    exc *e = as_exc(x);
    value a[3] = {e ? v_type(e->hdr.type) : NONE, x, e && e->tb ? OBJ(e->tb) : NONE};
    value r =
        call_special(in, m, async ? in->name.__aexit__ : in->name.__exit__, ASYNC_MISSING, 3, a);
    value_unref(in, a[0]);
    return r;
}

/* ---- functions ---- */

value func_make(interp *in, frame *f, const insn *i)
{
    link *l = link_sub(in, f->link, i->a);
    func *fn = func_new(in, l, f->globals);
    if (!fn) return FAIL;
    value *at = &f->r[i->b];
    if (i->x & 1) fn->defaults = (tuple *)(void *)at->o, at++->kind = V_FAIL;
    if (i->x & 2) fn->kwdefaults = (dict *)(void *)at->o, at++->kind = V_FAIL;
    if (i->x & 4) fn->annotations = (dict *)(void *)at->o, at++->kind = V_FAIL;
    if (i->x & 8) fn->closure = (tuple *)(void *)at->o, at++->kind = V_FAIL;
    return v_obj(fn);
}

/* ---- match ---- */

/* What collections.abc writes into Sequence and Mapping, and what is derived from them inherits. */
enum { ABC_SEQUENCE = 32, ABC_MAPPING = 64 };

/* Is v what a sequence pattern (or a mapping pattern) may match? Never str and bytes. */
int match_kind(interp *in, value v, bool mapping)
{
    const type *t = type_of(in, v);
    if (mapping ? as_dict(v) != NULL : as_list(v) || as_tuple(v)) return 1;
    const klass *k = as_klass(t);
    const type *native = k ? k->native : t;
    if (native->flags & (mapping ? TYPE_MAPPING : TYPE_SEQUENCE)) return 1;
    if (!k) return 0;
    str *name = str_intern(in, "__abc_tpflags__", 15);
    value flags = name ? type_lookup(in, t, name) : FAIL;
    obj_unref(in, name);
    return flags.kind == V_INT && (flags.i & (mapping ? ABC_MAPPING : ABC_SEQUENCE)) != 0;
}

/* subject[key] without making it: 1 *out is owned, 0 it has none, -1 */
static int match_key(interp *in, value subject, value key, value *out)
{
    if (as_dict(subject)) {
        int r = dict_get(in, as_dict(subject), key, out);
        if (r == 1) value_ref(*out);
        return r;
    }
    *out = call_method(in, subject, "get", 2, key, NOTIMPL);
    if (is_fail(*out)) return -1;
    if (!is_notimpl(*out)) return 1;
    value_unref(in, *out);
    return 0;
}

value match_keys(interp *in, value subject, value keys)
{
    tuple *k = as_tuple(keys), *out = tuple_new(in, k->n);
    for (int64_t i = 0; out && i < k->n; i++) {
        value v;
        int r = match_key(in, subject, k->at[i], &v);
        if (r == 1) {
            out->at[i] = v;
            continue;
        }
        obj_unref(in, out);
        return r < 0 ? FAIL : NONE;
    }
    return v_obj(out);
}

value match_rest(interp *in, value subject, value keys)
{
    tuple *k = as_tuple(keys);
    dict *d = dict_new(in);
    bool ok = d && dict_update(in, d, subject);
    for (int64_t i = 0; ok && i < k->n; i++) ok = dict_del(in, d, k->at[i]) >= 0;
    if (ok) return v_obj(d);
    obj_unref(in, d);
    return FAIL;
}

static bool matches_itself(const type *t)
{
    const type *const self[] = {&T_bool, &T_bytearray, &T_bytes, &T_dict, &T_float, &T_frozenset,
                                &T_int,  &T_list,      &T_set,   &T_str,  &T_tuple};
    for (size_t i = 0; i < sizeof self / sizeof *self; i++) {
        if (type_is_sub(t, self[i])) return true;
    }
    return false;
}

/* The name of positional sub-pattern i, borrowed; NULL: exception. */
static str *match_arg(interp *in, const type *t, value match_args, uint32_t i, uint32_t npos)
{
    tuple *names = as_tuple(match_args);
    if (!names || i >= (uint32_t)names->n) {
        return THROW0(in, TypeError, "%s() accepts %lld positional sub-pattern%s (%u given)",
                      t->name, names ? (long long)names->n : 0LL, names && names->n == 1 ? "" : "s",
                      npos);
    }
    return as_str(names->at[i]);
}

value match_class(interp *in, value subject, value cls, value names, uint32_t npos)
{
    const type *t = as_type(cls);
    if (!t) return throw(in, TypeError, "called match pattern must be a type");
    if (!value_isa(in, subject, t)) return NONE;
    tuple *kw = as_tuple(names), *out = tuple_new(in, (int64_t)npos + kw->n);
    value args = FAIL;
    bool self = npos == 1 && matches_itself(t);
    int has = npos && !self ? value_findattr(in, cls, "__match_args__", &args) : 0;
    bool ok = out && has >= 0, found = true;
    for (uint32_t i = 0; ok && found && i < out->n; i++) {
        if (i == 0 && self) {
            out->at[0] = value_ref(subject);
            continue;
        }
        str *name = i < npos ? match_arg(in, t, args, i, npos) : as_str(kw->at[i - npos]);
        value v;
        int r = name ? value_findattr(in, subject, name->at, &v) : -1;
        ok = r >= 0;
        found = r == 1;
        if (found) out->at[i] = v;
    }
    value_unref(in, args);
    if (ok && found) return v_obj(out);
    obj_unref(in, out);
    return ok ? NONE : FAIL;
}

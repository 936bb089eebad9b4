/* stdlib/dask/token.c - dask.base.tokenize: 32 hex digits from the content of values.
 *
 * A value becomes bytes: its type, then what decides it.  Functions count by code and captured
 * values, arrays by their elements, objects of user classes by class and attributes;
 * `__dask_tokenize__` goes first. */
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/mem.h"
#include "stdlib/dask/parts.h"
#include "stdlib/numpy/numpy.h"

enum { DEEPEST = 200 };

static bool add(interp *in, strbuf *b, value v, int depth);

static bool add_text(strbuf *b, char tag, const char *s, size_t n)
{
    sb_addc(b, tag);
    sb_add(b, (const char *)&n, sizeof n);
    sb_add(b, s, n);
    return true;
}

static bool add_items(interp *in, strbuf *b, char tag, const value *at, int64_t n, int depth)
{
    add_text(b, tag, (const char *)&n, sizeof n);
    for (int64_t i = 0; i < n; i++) TRY(add(in, b, at[i], depth + 1));
    return true;
}

/* order must not matter: members are hashed alone, then summed */
static bool add_members(interp *in, strbuf *b, char tag, const dict *d, int depth)
{
    hash128 sum = {0, 0};
    value k, v;
    for (int64_t i = 0; dict_next(d, &i, &k, &v);) {
        strbuf one = {0};
        bool ok = add(in, &one, k, depth + 1) && add(in, &one, v, depth + 1);
        hash128 h = hash128_bytes(one.at, one.n);
        sb_clear(&one);
        if (!ok) return false;
        sum.lo += h.lo;
        sum.hi ^= h.hi;
    }
    return add_text(b, tag, (const char *)&sum, sizeof sum);
}

static bool add_set(interp *in, strbuf *b, const set *s, int depth)
{
    hash128 sum = {0, 0};
    for (uint64_t i = 0; s->at && i <= s->mask; i++) {
        if (is_fail(s->at[i].key)) continue;
        strbuf one = {0};
        bool ok = add(in, &one, s->at[i].key, depth + 1);
        hash128 h = hash128_bytes(one.at, one.n);
        sb_clear(&one);
        if (!ok) return false;
        sum.lo += h.lo;
        sum.hi ^= h.hi;
    }
    return add_text(b, 'e', (const char *)&sum, sizeof sum);
}

static bool add_array(interp *in, strbuf *b, ndarray *a, int depth)
{
    const nd *x = array_peek(a);
    char name[32];
    dtype_str(nd_type(x), name);
    add_text(b, 'a', name, strlen(name));
    sb_add(b, (const char *)x->ext, 2 * sizeof(int64_t) * x->ndim); /* shape and strides */
    if (x->dtype == DT_object) {
        value l = call_method(in, v_obj(a), "tolist", 0);
        bool ok = !is_fail(l) && add(in, b, l, depth + 1);
        value_unref(in, l);
        return ok;
    }
    err e = {0};
    nd *c = nd_contiguous(x, &e);
    if (!c) return throw_err(in, &e), false;
    hash128 h = hash128_bytes(c->at, nd_bytes(c));
    datum_unref(c);
    sb_add(b, (const char *)&h, sizeof h);
    return true;
}

static bool add_attr(interp *in, strbuf *b, value v, const char *name, int depth)
{
    value x;
    int found = value_findattr(in, v, name, &x);
    if (found < 0) return false;
    bool ok = !found || add(in, b, x, depth + 1);
    if (found) value_unref(in, x);
    return ok;
}

static bool add_function(interp *in, strbuf *b, value v, int depth)
{
    static const char *const parts[] = {"__module__", "__qualname__", "__defaults__",
                                        "__kwdefaults__"};
    sb_addc(b, 'f');
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        TRY(add_attr(in, b, v, parts[i], depth));
    value code;
    if (value_findattr(in, v, "__code__", &code) ==
        1) { /* its identity: one code object for each definition */
        value line;
        sb_add(b, (const char *)&code.o, 0);
        if (value_findattr(in, code, "co_firstlineno", &line) == 1) {
            add(in, b, line, depth + 1);
            value_unref(in, line);
        }
        TRY(add_attr(in, b, code, "co_code", depth));
        TRY(add_attr(in, b, code, "co_consts", depth));
        TRY(add_attr(in, b, code, "co_names", depth));
        value_unref(in, code);
    }
    value cells;
    if (value_findattr(in, v, "__closure__", &cells) == 1) {
        tuple *t = as_tuple(cells);
        bool ok = true;
        for (int64_t i = 0; ok && t && i < t->n; i++)
            ok = add_attr(in, b, t->at[i], "cell_contents", depth);
        value_unref(in, cells);
        return ok;
    }
    exc_clear(in);
    return true;
}

static bool add_object(interp *in, strbuf *b, value v, int depth)
{
    const type *t = v.o->type;
    value x;
    int found = value_findattr(in, v, "__dask_tokenize__", &x);
    if (found < 0) return false;
    if (found) {
        value r = call_n(in, x, 0);
        value_unref(in, x);
        bool ok = !is_fail(r) && add(in, b, r, depth + 1);
        value_unref(in, r);
        return ok;
    }
    add_text(b, 'o', t->name, strlen(t->name));
    dict *d = obj_dict(in, v.o, false);
    if (t->flags & TYPE_HEAP && d) return add_members(in, b, 'D', d, depth);
    str *s = value_repr(in, v);
    if (!s) return false;
    add_text(b, 'r', s->at, s->nbyte);
    obj_unref(in, s);
    return true;
}

static bool add(interp *in, strbuf *b, value v, int depth)
{
    if (depth > DEEPEST)
        return THROW0(in, RecursionError, "maximum recursion depth exceeded in tokenize");
    switch (v.kind) {
    case V_OBJ: break;
    case V_SCALAR:
        sb_addc(b, 'S'), sb_add(b, (const char *)&v.aux, 4), sb_add(b, (const char *)&v.bits, 8);
        return true;
    default:
        sb_addc(b, (char)('0' + (int)v.kind)), sb_add(b, (const char *)&v.bits, 8);
        return true;
    }
    str *s = as_str(v);
    if (s) return add_text(b, 's', s->at, s->nbyte);
    list *l = as_list(v);
    if (l) return add_items(in, b, 'l', l->at, l->n, depth);
    tuple *t = as_tuple(v);
    if (t) return add_items(in, b, 't', t->at, t->n, depth);
    dict *d = as_dict(v);
    if (d) return add_members(in, b, 'd', d, depth);
    set *st = as_set(v);
    if (st) return add_set(in, b, st, depth);
    ndarray *a = as_ndarray(v);
    if (a) return add_array(in, b, a, depth);
    const type *cls = as_type(v);
    if (cls)
        return add_text(b, 'c', cls->module ? cls->module : "",
                        cls->module ? strlen(cls->module) : 0) &&
               add_text(b, 'c', cls->name, strlen(cls->name));
    if (v.o->type == &T_function) return add_function(in, b, v, depth);
    return add_object(in, b, v, depth);
}

value dask_token(interp *in, const value *arg)
{
    strbuf b = {0};
    char hex[33];
    value r = FAIL;
    if (add(in, &b, arg[0], 0)) {
        hash128_hex(hash128_bytes(b.at, b.n), hex);
        r = v_str(in, hex);
    }
    sb_clear(&b);
    return r;
}

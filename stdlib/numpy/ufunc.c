/* stdlib/numpy/ufunc.c - numpy.add and its like: calls and methods.
 *
 * Operands that are neither arrays nor scalars nor sequences may take over with
 * __array_ufunc__ (lazy arrays do). */
#include "engine/kernels/linalg.h"
#include "engine/kernels/scan.h"
#include "stdlib/numpy/long.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/objects.h"
#include "stdlib/numpy/subclass.h"

#include <string.h>

typedef struct ufunc_obj {
    obj hdr;
    const ufunc *f;
    const char *name;
} ufunc_obj;

value ufunc_value(interp *in, const ufunc *f)
{
    ufunc_obj *u = obj_new(in, &T_ufunc, 0);
    if (!u) return FAIL;
    u->f = f;
    u->name = f->name;
    return v_obj(u);
}

const ufunc *as_ufunc(value v)
{
    ufunc_obj *u = (ufunc_obj *)as_obj(v, &T_ufunc);
    return u ? u->f : NULL;
}

/* ---- calls ---- */

typedef struct map_call {
    const ufunc *f;
    const char *name;
    dtype_of dtype;
    char casting;
    nd *where;
    ndarray *out[2];
} map_call;

static value results(interp *in, const map_call *c, nd *out[2], bool arrays, err *e)
{
    value v[2] = {FAIL, FAIL};
    for (int i = 0; i < c->f->nout; i++) {
        if (c->out[i]) {
            datum_unref(out[i]);
            v[i] = value_ref(v_obj(c->out[i]));
        } else {
            v[i] = arrays ? array_wrap(in, out[i], e) : array_result(in, out[i], e);
        }
    }
    if (c->f->nout == 1) return v[0];
    return v_obj(tuple_pack(in, 2, v[0], v[1]));
}

static value map_objects(interp *in, map_call *c, nd *const *x)
{
    nd *out[2] = {0};
    err e = {0};
    if (!object_map(in, c->f, x, out)) return FAIL;
    bool ok = true;
    for (int i = 0; ok && i < c->f->nout; i++) {
        if (!c->out[i]) continue;
        const nd *to = array_peek(c->out[i]);
        if (to->dtype != DT_object) {
            ufunc_cast_error(c->f, "output", dtype_plain(DT_object), nd_type(to), 'k', &e);
            throw_err(in, &e);
            ok = false;
            break;
        }
        value v = array_wrap(in, nd_ref(out[i]), &e);
        ok = !is_fail(v) && array_setitem(in, v_obj(c->out[i]), ELLIPSIS, v);
        value_unref(in, v);
    }
    if (ok) return results(in, c, out, false, &e);
    datum_unref(out[0]);
    datum_unref(out[1]);
    return FAIL;
}

/* Into new arrays other threads may run meanwhile. */
static bool map_numbers(interp *in, const map_call *c, nd *const *x, map_opts *o, nd **out, err *e)
{
    if (c->out[0] || c->out[1] || c->where || c->f->nin > 4)
        return nd_map(c->f, (const nd *const *)x, o, out, e);
    apart a;
    apart_begin(in, &a, c->f->nin, (const nd *const *)x);
    bool ok = nd_map(c->f, a.operands, o, out, e);
    apart_end(&a);
    return ok;
}

static value map(interp *in, map_call *c, nd *const *x)
{
    for (int i = 0; i < c->f->nin; i++)
        if (x[i]->dtype == DT_object) return map_objects(in, c, x);
    map_opts o = {.dtype = c->dtype, .casting = c->casting, .where = c->where};
    for (int i = 0; i < c->f->nout; i++) {
        ndarray *to = c->out[i];
        if (to && !to->s->frozen && (to->readonly || to->s->readonly))
            return throw(in, ValueError, "output array is read-only");
        if (to && !(o.out[i] = array_write(in, to))) return FAIL;
    }
    nd *out[2] = {0};
    err e = {0};
    if (!map_numbers(in, c, x, &o, out, &e)) return throw_err(in, &e);
    if (o.flags && !warn_flags(in, o.flags, c->name)) {
        for (int i = 0; i < c->f->nout; i++) datum_unref(out[i]);
        return FAIL;
    }
    return results(in, c, out, false, &e);
}

value ufunc_apply(interp *in, const ufunc *f, const char *name, nd *const *x, ndarray *out)
{
    map_call c = {.f = f, .name = name, .dtype = {.dt = DT_none}, .casting = 'k', .out = {out}};
    return map(in, &c, x);
}

enum { TAKERS = 16 };

/* The operands that want to handle the ufunc themselves, one of each class, subclasses before
 * their bases: borrowed; -1: one wants no ufunc at all. */
static int find_takers(interp *in, const value *x, size_t n, value out, value *taker)
{
    int k = 0;
    tuple *outs = is_fail(out) ? NULL : as_tuple(out);
    size_t more = outs ? (size_t)outs->n : !is_fail(out);
    for (size_t i = 0; i < n + more && k < TAKERS; i++) {
        value v = i < n ? x[i] : outs ? outs->at[i - n] : out;
        value hook = own_hook(in, v, "__array_ufunc__");
        if (is_fail(hook)) continue;
        if (is_none(hook))
            return THROWN(in, TypeError,
                          "operand '%s' does not support ufuncs (__array_ufunc__=None)",
                          v.o->type->name);
        int at = k;
        bool known = false;
        for (int j = 0; j < k; j++) {
            known |= taker[j].o->type == v.o->type;
            if (at == k && type_is_sub(v.o->type, taker[j].o->type)) at = j;
        }
        if (known) continue;
        for (int j = k++; j > at; j--) taker[j] = taker[j - 1];
        taker[at] = v;
    }
    return k;
}

/* The operands in a message, "array([0, 1]), <X object>": and their classes behind. */
static value throw_untaken(interp *in, value self, const char *how, const value *x, size_t n)
{
    strbuf texts = {0}, names = {0};
    str *me = value_repr(in, self);
    bool ok = me != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        str *s = value_repr(in, x[i]);
        if (!(ok = s != NULL)) break;
        sb_addf(&texts, "%s%s", i ? ", " : "", s->at);
        sb_addf(&names, "%s'%s'", i ? ", " : "", type_of(in, x[i])->name);
        obj_unref(in, s);
    }
    if (ok)
        throw(in, TypeError,
              "operand type(s) all returned NotImplemented from __array_ufunc__(%s, '%s', %s): %s",
              me->at, how, sb_text(&texts), sb_text(&names));
    obj_unref(in, me);
    sb_clear(&texts);
    sb_clear(&names);
    return FAIL;
}

/* The results that a call names behind its operands, as out= has them. */
static tuple *out_behind(interp *in, const ufunc *f, const value *arg, size_t npos)
{
    value out[4];
    for (size_t i = 0; i < f->nout; i++) out[i] = f->nin + i < npos ? arg[f->nin + i] : NONE;
    return tuple_from(in, out, f->nout);
}

static value call_taker(interp *in, value taker, value self, const char *how, const value *arg,
                        size_t npos, tuple *kwnames)
{
    const ufunc *f = strcmp(how, "__call__") ? NULL : as_ufunc(self);
    size_t nin = f && npos > (size_t)f->nin ? (size_t)f->nin : npos;
    value method = value_getattr_c(in, taker, "__array_ufunc__");
    if (is_fail(method)) return FAIL;
    size_t nkw = kwnames ? (size_t)kwnames->n : 0;
    list *args = list_new(in, (int64_t)npos + 2);
    dict *kw = dict_new(in);
    bool ok = args && kw && list_append(in, args, self) && list_add(in, args, v_str(in, how));
    for (size_t i = 0; ok && i < nin; i++) ok = list_append(in, args, arg[i]);
    if (ok && nin < npos) ok = dict_put(in, kw, "out", v_obj(out_behind(in, f, arg, npos)));
    for (size_t i = 0; ok && i < nkw; i++) ok = dict_set(in, kw, kwnames->at[i], arg[npos + i]);
    value out = ok ? dict_peek(in, kw, "out") : FAIL; /* always a tuple for who takes over */
    if (!is_fail(out) && !as_tuple(out))
        ok = dict_put(in, kw, "out", v_obj(tuple_pack(in, 1, value_ref(out))));
    tuple *t = ok ? tuple_of(in, v_obj(args)) : NULL;
    value r = t ? call_with(in, method, v_obj(t), v_obj(kw)) : FAIL;
    obj_unref(in, t);
    obj_unref(in, args);
    obj_unref(in, kw);
    value_unref(in, method);
    return r;
}

static value keyword(tuple *kwnames, const value *arg, size_t npos, const char *name)
{
    for (int64_t i = 0; kwnames && i < kwnames->n; i++)
        if (str_is(as_str(kwnames->at[i]), name)) return arg[npos + (size_t)i];
    return FAIL;
}

/* Lets an operand take over: 1 with the result (FAIL: an exception), 0 nobody does. */
static bool taken_over(interp *in, value self, const char *how, const value *arg, size_t npos,
                       tuple *kwnames, value *r)
{
    value taker[TAKERS], out = keyword(kwnames, arg, npos, "out");
    bool any = !is_fail(out);
    for (size_t i = 0; i < npos && !any; i++) any = is_heap(arg[i]);
    if (!any) return false;
    int n = find_takers(in, arg, npos, out, taker);
    if (n == 0) return false;
    *r = FAIL;
    for (int i = 0; i < n; i++) {
        *r = call_taker(in, taker[i], self, how, arg, npos, kwnames);
        if (!is_notimpl(*r)) return true;
        value_unref(in, *r);
    }
    if (n > 0) *r = throw_untaken(in, self, how, arg, npos);
    return true;
}

static bool set_out(interp *in, map_call *c, value v)
{
    if (is_none(v)) return true;
    tuple *t = as_tuple(v);
    for (int i = 0; i < c->f->nout; i++) {
        value one = t && i < t->n ? t->at[i] : i == 0 ? v : NONE;
        if (is_none(one)) continue;
        c->out[i] = as_ndarray(one);
        if (!c->out[i]) return THROW0(in, TypeError, "return arrays must be of ArrayType");
    }
    return true;
}

static char casting_code(value v)
{
    str *s = as_str(v);
    return s && s->nbyte ? (str_is(s, "same_kind") ? 'k' : s->at[0]) : 'k';
}

static bool check_keywords(interp *in, const char *name, tuple *kwnames)
{
    static const char *const known[] = {"out", "where", "casting", "order", "dtype", "subok"};
    for (int64_t i = 0; kwnames && i < kwnames->n; i++) {
        str *s = as_str(kwnames->at[i]);
        size_t k = 0;
        while (k < sizeof known / sizeof *known && !str_is(s, known[k])) k++;
        if (k == sizeof known / sizeof *known)
            return THROW0(in, TypeError, "%s() got an unexpected keyword argument '%s'", name,
                          s->at);
    }
    return true;
}

static value ufunc_call(interp *in, value self, const value *arg, size_t npos, tuple *kwnames)
{
    ufunc_obj *u = (ufunc_obj *)self.o;
    value quick;
    if (!kwnames && npos == 1 && quick_unary(in, u->f, arg[0], &quick)) return quick;
    if (!kwnames && npos == 2 && quick_binary(in, u->f, u->name, arg[0], arg[1], NULL, &quick))
        return quick;
    if (taken_over(in, self, "__call__", arg, npos, kwnames, &quick)) return quick;
    size_t nin = u->f->nin, nargs = nin + u->f->nout;
    if (npos < nin || npos > nargs) {
        return throw(in, TypeError,
                     "%s() takes from %zu to %zu positional arguments but %zu were given", u->name,
                     nin, nargs, npos);
    }
    value got[7];
    if (!check_keywords(in, u->name, kwnames)) return FAIL;
    if (!args_bind(in,
                   "ufunc(*args, out=None, where=True, casting='same_kind', order='K', dtype=None, "
                   "subok=True)",
                   arg, npos, kwnames, got, 7))
        return FAIL;
    map_call c = {
        .f = u->f, .name = u->name, .dtype = {.dt = DT_none}, .casting = casting_code(got[3])};
    nd *x[3] = {0};
    value r = FAIL;
    value outs = npos > nin ? arg[nin] : got[1];
    bool ok = set_out(in, &c, outs) && to_dtype_or_none(in, got[5], &c.dtype);
    if (ok && npos > nin + 1 && !is_none(arg[nin + 1]))
        ok = (c.out[1] = as_ndarray(arg[nin + 1])) ||
             THROW0(in, TypeError, "return arrays must be of ArrayType");
    if (ok && !(got[2].kind == V_BOOL && got[2].i))
        ok = (c.where = to_nd(in, got[2], dtype_plain(DT_bool))) != NULL;
    for (size_t i = 0; ok && i < nin; i++) ok = (x[i] = to_nd_any(in, arg[i])) != NULL;
    if (ok) r = map(in, &c, x);
    if (!c.out[0]) r = array_wrapped(in, self, arg, nin, r);
    for (size_t i = 0; i < nin; i++) datum_unref(x[i]);
    datum_unref(c.where);
    args_clear(in, got, 7);
    return r;
}

/* ---- methods: reduce accumulate outer reduceat at ---- */

/* The same for a method whose arguments are bound: name[i] (NULL ends) those behind the npos
 * operands, passed on where they differ from the default. */
static bool method_taken(interp *in, const value *arg, const char *how, size_t npos,
                         const char *const *name, value *r)
{
    bool any = false;
    for (size_t i = 0; i < npos; i++) any |= is_heap(arg[1 + i]);
    if (!any) return false;
    value all[12];
    list *names = list_new(in, 8);
    if (!names) return *r = FAIL, true;
    for (size_t i = 0; i < npos; i++) all[i] = arg[1 + i];
    size_t n = npos;
    for (size_t i = 0; name[i]; i++) {
        value v = arg[1 + npos + i];
        bool axis = !strcmp(name[i], "axis");
        bool usual = (v.kind == V_BOOL && v.i == !strcmp(name[i], "where")) ||
                     (axis && v.kind == V_INT && v.i == 0);
        if (is_fail(v) || (is_none(v) && !axis) || usual) continue;
        list_add(in, names, v_str(in, name[i]));
        all[n++] = v;
    }
    tuple *kwnames = names->n ? tuple_from(in, names->at, names->n) : NULL;
    bool done = taken_over(in, arg[0], how, all, npos, kwnames, r);
    obj_unref(in, kwnames);
    obj_unref(in, names);
    return done;
}

static value ufunc_reduce(interp *in, const value *arg)
{
    static const char *const names[] = {"axis",    "dtype", "out", "keepdims",
                                        "initial", "where", NULL};
    value taken;
    if (method_taken(in, arg, "reduce", 1, names, &taken)) return taken;
    const ufunc *f = as_ufunc(arg[0]);
    dtype_of t;
    uint32_t axes;
    nd *x = to_nd_any(in, arg[1]);
    if (!x || !to_dtype_or_none(in, arg[3], &t) ||
        !to_axes(in, arg[2], x->ndim ? x->ndim : 1, &axes)) {
        datum_unref(x);
        return FAIL;
    }
    err e = {0};
    reduce_opts o = {0};
    nd *initial = is_fail(arg[6]) || is_none(arg[6]) ? NULL : to_nd_any(in, arg[6]);
    nd *where = arg[7].kind == V_BOOL && arg[7].i ? NULL : to_nd(in, arg[7], dtype_plain(DT_bool));
    o.initial = initial;
    o.where = where;
    bool keep = value_truth(in, arg[5]) == 1;
    nd *y = throwing(in) ? NULL
            : x->dtype == DT_object
                ? object_reduce(in, f, x, axes, keep, is_none(arg[6]) ? FAIL : arg[6])
                : nd_ufunc_reduce(f, x, axes, keep, t, &o, &e);
    datum_unref(x);
    datum_unref(initial);
    datum_unref(where);
    if (!y && throwing(in)) return FAIL;
    if (y && !warn_flags(in, o.flags, "reduce")) return datum_unref(y), FAIL;
    value out = array_result(in, y, &e);
    if (is_subarray(arg[1]) && is_none(arg[4])) out = array_kept(in, arg[1], out);
    if (is_fail(out) || is_none(arg[4])) return out;
    bool ok = array_setitem(in, arg[4], ELLIPSIS, out);
    value_unref(in, out);
    return ok ? value_ref(arg[4]) : FAIL;
}

/* what a method made (taken), or, put into `out`, that */
static value result_into(interp *in, nd *y, value out, err *e)
{
    tuple *t = as_tuple(out);
    if (t && t->n == 1) out = t->at[0];
    value r = array_wrap(in, y, e);
    if (is_fail(r) || is_none(out)) return r;
    ndarray *to = as_ndarray(out);
    const nd *x = array_peek(as_ndarray(r));
    bool ok = to || THROW0(in, TypeError, "output must be an array");
    if (ok && (array_peek(to)->ndim != x->ndim ||
               memcmp(nd_shape(array_peek(to)), nd_shape(x), (size_t)x->ndim * sizeof(int64_t))))
        ok = THROW0(in, ValueError, "provided out is the wrong size for the accumulation.");
    ok = ok && array_setitem(in, out, ELLIPSIS, r);
    value_unref(in, r);
    return ok ? value_ref(out) : FAIL;
}

static value ufunc_accumulate(interp *in, const value *arg)
{
    static const char *const names[] = {"axis", "dtype", "out", NULL};
    value taken;
    if (method_taken(in, arg, "accumulate", 1, names, &taken)) return taken;
    dtype_of t;
    int axis;
    nd *x = to_nd_any(in, arg[1]);
    if (!x || !to_axis(in, arg[2], x->ndim, &axis) || !to_dtype_or_none(in, arg[3], &t)) {
        datum_unref(x);
        return FAIL;
    }
    err e = {0};
    unsigned flags = 0;
    bool objects = x->dtype == DT_object;
    nd *y = objects ? object_accumulate(in, as_ufunc(arg[0]), x, axis)
                    : nd_accumulate(as_ufunc(arg[0]), x, axis, t, &flags, &e);
    datum_unref(x);
    if (y && !warn_flags(in, flags, "accumulate")) return datum_unref(y), FAIL;
    value r = y || !objects ? result_into(in, y, arg[4], &e) : FAIL;
    return is_none(arg[4]) ? array_kept_of(in, arg + 1, 1, r) : r;
}

static value ufunc_reduceat(interp *in, const value *arg)
{
    static const char *const names[] = {"axis", "dtype", "out", NULL};
    value taken;
    if (method_taken(in, arg, "reduceat", 2, names, &taken)) return taken;
    dtype_of t;
    int axis;
    nd *x = to_nd_any(in, arg[1]), *at = to_nd(in, arg[2], dtype_plain(DT_int64));
    err e = {0};
    value r = FAIL;
    if (x && at && to_axis(in, arg[3], x->ndim, &axis) && to_dtype_or_none(in, arg[4], &t))
        r = result_into(in, nd_reduceat(as_ufunc(arg[0]), x, at, axis, t, NULL, &e), arg[5], &e);
    datum_unref(x);
    datum_unref(at);
    return is_none(arg[5]) ? array_kept_of(in, arg + 1, 1, r) : r;
}

static value ufunc_outer(interp *in, const value *arg)
{
    value taken;
    if (taken_over(in, arg[0], "outer", arg + 1, 2, NULL, &taken)) return taken;
    dtype_of t;
    nd *x = to_nd_any(in, arg[1]), *y = to_nd_any(in, arg[2]);
    err e = {0};
    value r = FAIL;
    if (x && y && (x->dtype == DT_object || y->dtype == DT_object))
        r = object_fold(in, "outer", arg, 3);
    else if (x && y && to_dtype_or_none(in, arg[3], &t))
        r = array_result(in, nd_outer(as_ufunc(arg[0]), x, y, t, NULL, &e), &e);
    datum_unref(x);
    datum_unref(y);
    return array_wrapped(in, arg[0], arg + 1, 2, r);
}

static value ufunc_at(interp *in, const value *arg)
{
    value taken;
    if (taken_over(in, arg[0], "at", arg + 1, is_none(arg[3]) ? 2 : 3, NULL, &taken)) return taken;
    ndarray *a = as_ndarray(arg[1]);
    if (!a) return throw(in, TypeError, "first operand must be array");
    nd *x = array_write(in, a), *y = NULL;
    index_list l;
    if (!x || !index_parse(in, arg[2], &l)) return FAIL;
    err e = {0};
    bool ok = is_none(arg[3]) || (y = to_nd_any(in, arg[3])) != NULL;
    ok = ok && nd_at(as_ufunc(arg[0]), x, l.item, l.n, y, &e);
    index_clear(&l);
    datum_unref(y);
    if (!ok) return e.kind ? throw_err(in, &e) : FAIL;
    return NONE;
}

static value get_name(interp *in, const value *arg)
{
    return v_str(in, ((ufunc_obj *)arg[0].o)->name);
}

static value get_doc(interp *in, const value *arg)
{
    return v_str(in, as_ufunc(arg[0])->doc);
}

static value get_nin(interp *in, const value *arg)
{
    (void)in;
    return v_int(as_ufunc(arg[0])->nin);
}

static value get_nout(interp *in, const value *arg)
{
    (void)in;
    return v_int(as_ufunc(arg[0])->nout);
}

static value get_nargs(interp *in, const value *arg)
{
    (void)in;
    return v_int(as_ufunc(arg[0])->nin + as_ufunc(arg[0])->nout);
}

static value get_identity(interp *in, const value *arg)
{
    (void)in;
    switch (as_ufunc(arg[0])->identity) {
    case IDENTITY_0: return v_int(0);
    case IDENTITY_1: return v_int(1);
    case IDENTITY_ONES: return v_int(-1);
    default: return NONE;
    }
}

static const builtin ufunc_table[] = {
    {"reduce(self, array, axis=0, dtype=None, out=None, keepdims=False, initial=<unset>, "
     "where=True)",
     ufunc_reduce, "Reduces an axis by applying the ufunc between its elements."},
    {"accumulate(self, array, axis=0, dtype=None, out=None)", ufunc_accumulate,
     "The running results of the ufunc along an axis."},
    {"reduceat(self, array, indices, axis=0, dtype=None, out=None)", ufunc_reduceat,
     "Reduces the slices of an axis between the indices."},
    {"outer(self, A, B, /, dtype=None)", ufunc_outer,
     "The ufunc of every pair of elements of A and B."},
    {"at(self, a, indices, b=None, /)", ufunc_at,
     "Applies the ufunc in place, element after element."},
    {"@property __name__", get_name, "The name."},
    {"@property __doc__", get_doc, "What it computes."},
    {"@property nin", get_nin, "Number of inputs."},
    {"@property nout", get_nout, "Number of outputs."},
    {"@property nargs", get_nargs, "Number of inputs and outputs."},
    {"@property identity", get_identity, "The value that changes nothing, or None."},
    {0},
};

static value ufunc_repr(interp *in, value self)
{
    return v_obj(str_fmt(in, "<ufunc '%s'>", ((ufunc_obj *)self.o)->name));
}

static bool ufunc_hash(interp *in, value self, uint64_t *out)
{
    (void)in;
    *out = (uint64_t)(uintptr_t)as_ufunc(self);
    return true;
}

static value ufunc_compare(interp *in, enum cmpop op, value self, value other)
{
    (void)in;
    const ufunc *b = as_ufunc(other);
    if (!b || (op != OP_EQ && op != OP_NE)) return NOTIMPL;
    return v_bool((as_ufunc(self) == b) == (op == OP_EQ));
}

const type T_ufunc = {
    TYPE_HEAD,
    .name = "ufunc",
    .module = "numpy",
    .doc = "A function applied to every element, with broadcasting.",
    .size = sizeof(ufunc_obj),
    .flags = TYPE_IMMUTABLE,
    .table = ufunc_table,
    .repr = ufunc_repr,
    .hash = ufunc_hash,
    .compare = ufunc_compare,
    .call = ufunc_call,
};

bool ufunc_open(interp *in, module *m)
{
    for (int i = 0; i < NUFUNC; i++)
        TRY(module_put(in, m, ufuncs[i].name, ufunc_value(in, &ufuncs[i])));
    for (const ufunc_alias *a = ufunc_aliases; a->name; a++)
        TRY(module_put(in, m, a->name, ufunc_value(in, &ufuncs[a->of])));
    return true;
}

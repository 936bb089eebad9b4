/* lang/builtins_iter.c - enumerate, zip, map, filter: lazy iterators over other iterators. */
#include "lang/builtins.h"
#include "lang/types/iter.h"
#include "lang/types/iter_fast.h"

typedef struct many_iter { /* the shape of all four */
    obj hdr;
    value f; /* map, filter: the function; enumerate: the next number */
    bool strict;
    tuple *of;   /* iterators; NULL: exhausted */
    tuple *last; /* the tuple handed out before (tuple_again) */
} many_iter;

static void drop(interp *in, obj *o)
{
    many_iter *it = (many_iter *)o;
    value_unref(in, it->f);
    obj_unref(in, it->of);
    obj_unref(in, it->last);
}

static void visit(obj *o, visitor f, void *ctx)
{
    many_iter *it = (many_iter *)o;
    f(it->f, ctx);
    if (it->of) f((value){.kind = V_OBJ, .o = &it->of->hdr}, ctx);
    if (it->last) f((value){.kind = V_OBJ, .o = &it->last->hdr}, ctx);
}

/* iterators of n iterables */
static tuple *iters(interp *in, const value *arg, size_t n, bool zip)
{
    tuple *t = tuple_new(in, (int64_t)n);
    for (size_t i = 0; t && i < n; i++) {
        value it = value_iter(in, arg[i]);
        if (!is_fail(it)) {
            t->at[i] = it;
            continue;
        }
        if (zip && exc_is(in, TypeError) && !type_of(in, arg[i])->iter) {
            exc_clear(in);
            throw(in, TypeError, "'%s' object is not iterable", type_of(in, arg[i])->name);
        }
        obj_unref(in, t);
        return NULL;
    }
    return t;
}

static value new_iter(interp *in, const type *cls, value f, tuple *of)
{
    many_iter *it = of ? obj_new(in, cls, 0) : NULL;
    if (!it) {
        obj_unref(in, of);
        return FAIL;
    }
    it->f = value_ref(f);
    it->of = of;
    return v_obj(it);
}

/* ---- enumerate ---- */

static value enumerate_make(interp *in, const type *cls, const value *arg, size_t npos,
                            tuple *kwnames)
{
    value out[2], r = FAIL;
    if (!args_bind(in, "enumerate(iterable, start=0)", arg, npos, kwnames, out, 2)) return FAIL;
    value start = value_unary(in, OP_INDEX, out[1]);
    if (!is_fail(start)) r = new_iter(in, cls, start, iters(in, out, 1, false));
    value_unref(in, start);
    args_clear(in, out, 2);
    return r;
}

static value enumerate_next(interp *in, value self)
{
    many_iter *it = (many_iter *)self.o;
    value v = it->of ? next_item(in, it->of->at[0]) : FAIL;
    if (is_fail(v)) return FAIL;
    value i = value_at(&it->f);
    if (i.kind == V_INT && i.i < INT64_MAX)
        it->f.i++;
    else
        it->f = value_binary(in, OP_ADD, i, v_int(1));
    tuple *t = tuple_again(in, &it->last, 2);
    if (!t) {
        value_unref(in, i);
        value_unref(in, v);
        return FAIL;
    }
    put_value(&t->at[0], i);
    put_value(&t->at[1], v);
    return v_obj(t);
}

/* ---- zip ---- */

static value zip_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    bool strict = false;
    for (int64_t i = 0; kwnames && i < kwnames->n; i++) {
        str *name = as_str(kwnames->at[i]);
        if (!str_is(name, "strict"))
            return throw(in, TypeError, "'%s' is an invalid keyword argument for zip()", name->at);
        int t = value_truth(in, arg[npos + (size_t)i]);
        if (t < 0) return FAIL;
        strict = t;
    }
    value v = new_iter(in, cls, FAIL, iters(in, arg, npos, true));
    if (!is_fail(v)) ((many_iter *)v.o)->strict = strict;
    return v;
}

/* Argument i (from 0) has ended, i.e. the earlier ones have not. */
static value uneven(interp *in, int64_t i, const char *how)
{
    return i == 1 ? throw(in, ValueError, "zip() argument 2 is %s than argument 1", how)
                  : throw(in, ValueError, "zip() argument %lld is %s than arguments 1-%lld",
                          (long long)i + 1, how, (long long)i);
}

static value zip_check(interp *in, tuple *of, int64_t ended)
{
    value v;
    if (ended > 0) return uneven(in, ended, "shorter");
    for (int64_t i = 1; i < of->n; i++) {
        int r = iter_next(in, of->at[i], &v);
        if (r < 0) return FAIL;
        if (!r) continue;
        value_unref(in, v);
        return uneven(in, i, "longer");
    }
    return FAIL;
}

static value zip_next(interp *in, value self)
{
    many_iter *it = (many_iter *)self.o;
    if (!it->of || !it->of->n) return FAIL;
    tuple *of = obj_ref(it->of), *t = tuple_again(in, &it->last, of->n);
    value result = v_obj(t);
    for (int64_t i = 0; t && i < of->n; i++) {
        value v = next_item(in, of->at[i]);
        if (!is_fail(v)) {
            put_value(&t->at[i], v);
            continue;
        }
        value_unref(in, result);
        result = it->strict && !throwing(in) ? zip_check(in, of, i) : FAIL;
        break;
    }
    obj_unref(in, of);
    return result;
}

/* ---- map and filter ---- */

static value map_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    if (kwnames && kwnames->n) return throw(in, TypeError, "map() takes no keyword arguments");
    if (npos < 2) return throw(in, TypeError, "map() must have at least two arguments.");
    return new_iter(in, cls, arg[0], iters(in, arg + 1, npos - 1, false));
}

enum { FEW = 8 };

static value map_next(interp *in, value self)
{
    many_iter *it = (many_iter *)self.o;
    if (!it->of) return FAIL;
    int64_t n = it->of->n, got = 0;
    value few[FEW], r = FAIL, *a = few;
    tuple *t = NULL;
    few[0] = FAIL; /* not all of them: that takes longer than most functions */
    if (n > FEW) {
        if (!(t = tuple_new(in, n))) return FAIL;
        a = t->at;
    }
    for (value v; got < n && !is_fail(v = next_item(in, it->of->at[got])); got++)
        put_value(&a[got], v);
    if (got == n)
        r = value_call(in, it->f, a, (size_t)n, NULL);
    else if (t)
        a[got] = NONE;
    for (int64_t i = 0; !t && i < got; i++) value_unref(in, a[i]);
    obj_unref(in, t);
    return r;
}

bool map_of_one(value v, value *f, value *of)
{
    many_iter *it = v.kind == V_OBJ && v.o->type == &T_map ? (many_iter *)v.o : NULL;
    if (!it || !it->of || it->of->n != 1) return false;
    *f = it->f;
    *of = it->of->at[0];
    return true;
}

static value filter_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    value out[2];
    if (!args_bind(in, "filter(function, iterable, /)", arg, npos, kwnames, out, 2)) return FAIL;
    value r = new_iter(in, cls, out[0], iters(in, out + 1, 1, false));
    args_clear(in, out, 2);
    return r;
}

/* Does the filter keep v? 1 0 -1 */
static int keeps(interp *in, value f, value v)
{
    if (is_none(f)) return value_truth(in, v);
    value r = value_call(in, f, &v, 1, NULL);
    int t = is_fail(r) ? -1 : value_truth(in, r);
    value_unref(in, r);
    return t;
}

static value filter_next(interp *in, value self)
{
    many_iter *it = (many_iter *)self.o;
    value v;
    while (it->of && !is_fail(v = next_item(in, it->of->at[0]))) {
        int keep = keeps(in, it->f, v);
        if (keep > 0) return v;
        value_unref(in, v);
        if (keep < 0) return FAIL;
    }
    return FAIL;
}

#define ITERATOR                                                                                   \
    TYPE_HEAD, .module = "builtins", .size = sizeof(many_iter), .flags = TYPE_GC | TYPE_BASE,      \
               .drop = drop, .visit = visit, .iter = iter_self

const type T_enumerate = {
    ITERATOR,
    .name = "enumerate",
    .doc = "Pairs of a count, from start on, and an item: (0, a), (1, b), ...",
    .make = enumerate_make,
    .next = enumerate_next,
};
const type T_zip = {
    ITERATOR,
    .name = "zip",
    .doc = "Tuples of the first items, the second items and so on, until one iterable ends; with "
           "strict all must end together.",
    .make = zip_make,
    .next = zip_next,
};
const type T_map = {
    ITERATOR,
    .name = "map",
    .doc = "func of the items, or of the items of several iterables together, until one ends.",
    .make = map_make,
    .next = map_next,
};
const type T_filter = {
    ITERATOR,
    .name = "filter",
    .doc = "The items for which function(item) is true, or with None those that are true.",
    .make = filter_make,
    .next = filter_next,
};

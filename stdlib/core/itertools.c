/* stdlib/core/itertools.c - itertools: iterators that walk other iterators once.
 *
 * The combinatoric ones are in itertools_pool.c, groupby and tee in itertools_group.c. */
#include "stdlib/core/itertools.h"

#include "engine/base/mem.h"
#include "stdlib/stdlib.h"

lazy *lazy_new(interp *in, const type *t)
{
    return obj_new(in, t, 0);
}

void lazy_drop(interp *in, obj *o)
{
    lazy *z = (lazy *)o;
    value_unref(in, z->f);
    value_unref(in, z->it);
    value_unref(in, z->x);
    obj_unref(in, z->pool);
    obj_unref(in, z->last);
    mem_free(z->idx);
}

void lazy_visit(obj *o, visitor f, void *ctx)
{
    lazy *z = (lazy *)o;
    f(z->f, ctx);
    f(z->it, ctx);
    f(z->x, ctx);
    if (z->pool) f((value){.kind = V_OBJ, .o = &z->pool->hdr}, ctx);
    if (z->last) f((value){.kind = V_OBJ, .o = &z->last->hdr}, ctx);
}

/* An iterator of kind t over `of` with a function or other companion f. */
value lazy_over(interp *in, const type *t, value of, value f)
{
    value it = value_iter(in, of);
    lazy *z = is_fail(it) ? NULL : lazy_new(in, t);
    if (!z) {
        value_unref(in, it);
        return FAIL;
    }
    z->it = it;
    z->f = value_ref(f);
    return v_obj(z);
}

/* Drops *old and puts v there; answers v, counted once more. */
value lazy_keep(interp *in, value *old, value v)
{
    value was = *old;
    *old = value_ref(v);
    value_unref(in, was);
    return v;
}

/* ---- count and repeat ---- */

static value count_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    value a[2];
    if (!args_bind(in, "count(start=0, step=1)", arg, npos, kwnames, a, 2)) return FAIL;
    lazy *z = NULL;
    for (int i = 0; i < 2; i++)
        if (as_str(a[i]) || !type_of(in, a[i])->binary || as_list(a[i])) {
            throw(in, TypeError, "a number is required");
            args_clear(in, a, 2);
            return FAIL;
        }
    if ((z = lazy_new(in, cls))) {
        z->x = value_ref(a[0]);
        z->f = value_ref(a[1]);
    }
    args_clear(in, a, 2);
    return v_obj(z);
}

static value count_next(interp *in, value self)
{
    lazy *z = as_lazy(self);
    value v = z->x, next = value_binary(in, OP_ADD, v, z->f);
    if (is_fail(next)) return FAIL;
    z->x = next;
    return v;
}

static value count_repr(interp *in, value self)
{
    lazy *z = as_lazy(self);
    str *a = value_repr(in, z->x), *b = a ? value_repr(in, z->f) : NULL, *s = NULL;
    if (b)
        s = z->f.kind == V_INT && z->f.i == 1 ? str_fmt(in, "count(%s)", a->at)
                                              : str_fmt(in, "count(%s, %s)", a->at, b->at);
    obj_unref(in, a);
    obj_unref(in, b);
    return v_obj(s);
}

static value repeat_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    value a[2];
    int64_t n = -1;
    if (!args_bind(in, "repeat(object, times=<unset>)", arg, npos, kwnames, a, 2)) return FAIL;
    bool ok = is_fail(a[1]) || to_int64(in, a[1], &n);
    lazy *z = ok ? lazy_new(in, cls) : NULL;
    if (z) {
        z->x = value_ref(a[0]);
        z->i = is_fail(a[1]) ? -1 : n < 0 ? 0 : n;
    }
    args_clear(in, a, 2);
    return v_obj(z);
}

static value repeat_next(interp *in, value self)
{
    (void)in;
    lazy *z = as_lazy(self);
    if (!z->i) return FAIL;
    if (z->i > 0) z->i--;
    return value_ref(z->x);
}

static value repeat_repr(interp *in, value self)
{
    lazy *z = as_lazy(self);
    str *s = value_repr(in, z->x), *r = NULL;
    if (s)
        r = z->i < 0 ? str_fmt(in, "repeat(%s)", s->at)
                     : str_fmt(in, "repeat(%s, %lld)", s->at, (long long)z->i);
    obj_unref(in, s);
    return v_obj(r);
}

static int64_t repeat_length(interp *in, value self)
{
    lazy *z = as_lazy(self);
    return z->i >= 0 ? z->i : THROWN(in, TypeError, "len() of unsized object");
}

/* ---- cycle: x collects what went by, then is walked ---- */

static value cycle_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    value a;
    if (!args_bind(in, "cycle(iterable, /)", arg, npos, kwnames, &a, 1)) return FAIL;
    value z = lazy_over(in, cls, a, FAIL);
    if (!is_fail(z)) as_lazy(z)->x = v_obj(list_new(in, 0));
    args_clear(in, &a, 1);
    return z;
}

static value cycle_next(interp *in, value self)
{
    lazy *z = as_lazy(self);
    list *seen = as_list(z->x);
    value v;
    if (!z->done) {
        int r = iter_next(in, z->it, &v);
        if (r > 0) return list_append(in, seen, v) ? v : (value_unref(in, v), FAIL);
        if (r < 0) return FAIL;
        z->done = true;
    }
    if (!seen->n) return FAIL;
    if (z->i >= seen->n) z->i = 0;
    return value_ref(seen->at[z->i++]);
}

/* ---- chain: `it` gives the iterables, x walks the one in turn ---- */

static value chain_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    if (kwnames && kwnames->n) return throw(in, TypeError, "chain() takes no keyword arguments");
    tuple *t = tuple_from(in, arg, (int64_t)npos);
    value z = t ? lazy_over(in, cls, v_obj(t), FAIL) : FAIL;
    obj_unref(in, t);
    return z;
}

static value chain_from(interp *in, const value *arg)
{
    return lazy_over(in, &T_chain, arg[1], FAIL);
}

static value chain_next(interp *in, value self)
{
    lazy *z = as_lazy(self);
    for (;;) {
        value v, next;
        int r;
        if (!is_fail(z->x)) {
            r = iter_next(in, z->x, &v);
            if (r) return r > 0 ? v : FAIL;
            value_unref(in, z->x);
            z->x = FAIL;
        }
        if (z->done || (r = iter_next(in, z->it, &next)) <= 0) {
            z->done = true;
            return FAIL;
        }
        z->x = value_iter(in, next);
        value_unref(in, next);
        if (is_fail(z->x)) return FAIL;
    }
}

/* ---- accumulate: x is the total so far ---- */

static value accumulate_make(interp *in, const type *cls, const value *arg, size_t npos,
                             tuple *kwnames)
{
    value a[3];
    if (!args_bind(in, "accumulate(iterable, func=None, *, initial=None)", arg, npos, kwnames, a,
                   3))
        return FAIL;
    value z = lazy_over(in, cls, a[0], a[1]);
    if (!is_fail(z) && !is_none(a[2])) {
        as_lazy(z)->x = value_ref(a[2]);
        as_lazy(z)->flag = true; /* the total itself comes first */
    }
    args_clear(in, a, 3);
    return z;
}

static value accumulate_next(interp *in, value self)
{
    lazy *z = as_lazy(self);
    value v, total;
    if (z->flag) {
        z->flag = false;
        return value_ref(z->x);
    }
    if (iter_next(in, z->it, &v) <= 0) return FAIL;
    if (is_fail(z->x))
        total = value_ref(v);
    else
        total = is_none(z->f) ? value_binary(in, OP_ADD, z->x, v) : call_n(in, z->f, 2, z->x, v);
    value_unref(in, v);
    return is_fail(total) ? FAIL : lazy_keep(in, &z->x, total);
}

/* ---- f(item) decides ---- */

#define MAKE_FILTER(name, sig)                                                                     \
    static value name(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)  \
    {                                                                                              \
        value a[2];                                                                                \
        if (!args_bind(in, sig, arg, npos, kwnames, a, 2)) return FAIL;                            \
        value z = lazy_over(in, cls, a[1], a[0]);                                                  \
        args_clear(in, a, 2);                                                                      \
        return z;                                                                                  \
    }
MAKE_FILTER(takewhile_make, "takewhile(predicate, iterable, /)")
MAKE_FILTER(dropwhile_make, "dropwhile(predicate, iterable, /)")
MAKE_FILTER(filterfalse_make, "filterfalse(function, iterable, /)")
MAKE_FILTER(starmap_make, "starmap(function, iterable, /)")

static int asks(interp *in, value f, value v)
{
    if (is_none(f)) return value_truth(in, v);
    value r = value_call(in, f, &v, 1, NULL);
    int t = is_fail(r) ? -1 : value_truth(in, r);
    value_unref(in, r);
    return t;
}

static value takewhile_next(interp *in, value self)
{
    lazy *z = as_lazy(self);
    value v;
    if (z->done || iter_next(in, z->it, &v) <= 0) return FAIL;
    int yes = asks(in, z->f, v);
    if (yes > 0) return v;
    z->done = true;
    value_unref(in, v);
    return FAIL;
}

static value dropwhile_next(interp *in, value self)
{
    lazy *z = as_lazy(self);
    value v;
    while (iter_next(in, z->it, &v) > 0) {
        int yes = z->started ? 0 : asks(in, z->f, v);
        if (!yes) {
            z->started = true;
            return v;
        }
        value_unref(in, v);
        if (yes < 0) return FAIL;
    }
    return FAIL;
}

static value filterfalse_next(interp *in, value self)
{
    lazy *z = as_lazy(self);
    value v;
    while (iter_next(in, z->it, &v) > 0) {
        int yes = asks(in, z->f, v);
        if (!yes) return v;
        value_unref(in, v);
        if (yes < 0) return FAIL;
    }
    return FAIL;
}

static value starmap_next(interp *in, value self)
{
    lazy *z = as_lazy(self);
    value v;
    if (iter_next(in, z->it, &v) <= 0) return FAIL;
    tuple *t = tuple_of(in, v);
    value_unref(in, v);
    value r = t ? value_call(in, z->f, t->at, (size_t)t->n, NULL) : FAIL;
    obj_unref(in, t);
    return r;
}

/* ---- compress: f walks the selectors ---- */

static value compress_make(interp *in, const type *cls, const value *arg, size_t npos,
                           tuple *kwnames)
{
    value a[2];
    if (!args_bind(in, "compress(data, selectors)", arg, npos, kwnames, a, 2)) return FAIL;
    value selectors = value_iter(in, a[1]);
    value z = is_fail(selectors) ? FAIL : lazy_over(in, cls, a[0], selectors);
    value_unref(in, selectors);
    args_clear(in, a, 2);
    return z;
}

static value compress_next(interp *in, value self)
{
    lazy *z = as_lazy(self);
    value v, s;
    while (iter_next(in, z->it, &v) > 0) {
        int yes = iter_next(in, z->f, &s) > 0 ? value_truth(in, s) : -1;
        if (yes >= 0) value_unref(in, s);
        if (yes > 0) return v;
        value_unref(in, v);
        if (yes < 0) return FAIL;
    }
    return FAIL;
}

/* ---- islice: i items are behind; the next to give is number x.i ---- */

static bool slice_bound(interp *in, value v, int64_t ifnone, int64_t least, const char *complaint,
                        int64_t *out)
{
    *out = ifnone;
    if (is_none(v)) return true;
    int r = index_of(in, v, out);
    if (r > 0 && *out >= least) return true;
    exc_clear(in);
    throw(in, ValueError, "%s", complaint);
    return false;
}

static value islice_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    static const char indices[] =
        "Indices for islice() must be None or an integer: 0 <= x <= sys.maxsize.";
    static const char last[] =
        "Stop argument for islice() must be None or an integer: 0 <= x <= sys.maxsize.";
    int64_t start = 0, stop, step = 1;
    if (kwnames && kwnames->n) return throw(in, TypeError, "islice() takes no keyword arguments");
    if (npos < 2 || npos > 4)
        return throw(in, TypeError, "islice expected at %s arguments, got %zu",
                     npos < 2 ? "least 2" : "most 4", npos);
    if (!slice_bound(in, arg[npos == 2 ? 1 : 2], INT64_MAX, 0, npos == 2 ? last : indices, &stop))
        return FAIL;
    if (npos > 2 && !slice_bound(in, arg[1], 0, 0, indices, &start)) return FAIL;
    if (npos > 3 && !slice_bound(in, arg[3], 1, 1,
                                 "Step for islice() must be a positive integer or None.", &step))
        return FAIL;
    value z = lazy_over(in, cls, arg[0], FAIL);
    if (is_fail(z)) return FAIL;
    as_lazy(z)->x = v_int(start);
    as_lazy(z)->stop = stop;
    as_lazy(z)->step = step;
    return z;
}

static value islice_next(interp *in, value self)
{
    lazy *z = as_lazy(self);
    value v;
    int64_t want = z->x.i < z->stop ? z->x.i : z->stop;
    for (; !z->done && z->i < want; z->i++) {
        if (iter_next(in, z->it, &v) <= 0) {
            z->done = true;
            return FAIL;
        }
        value_unref(in, v);
    }
    if (z->done || z->i >= z->stop || iter_next(in, z->it, &v) <= 0) {
        z->done = true;
        return FAIL;
    }
    z->i++;
    if (__builtin_add_overflow(z->x.i, z->step, &z->x.i)) z->x.i = INT64_MAX;
    return v;
}

/* ---- pairwise: x is the item before ---- */

static value pairwise_make(interp *in, const type *cls, const value *arg, size_t npos,
                           tuple *kwnames)
{
    value a;
    if (!args_bind(in, "pairwise(iterable, /)", arg, npos, kwnames, &a, 1)) return FAIL;
    value z = lazy_over(in, cls, a, FAIL);
    args_clear(in, &a, 1);
    return z;
}

static value pairwise_next(interp *in, value self)
{
    lazy *z = as_lazy(self);
    value v;
    if (is_fail(z->x) && iter_next(in, z->it, &z->x) <= 0) return FAIL;
    if (iter_next(in, z->it, &v) <= 0) return FAIL;
    value pair = v_obj(tuple_pack(in, 2, value_ref(z->x), value_ref(v)));
    value_unref(in, z->x);
    z->x = v;
    return pair;
}

/* ---- zip_longest: pool holds the iterators, None where one has ended; i are left ---- */

static value longest_make(interp *in, const type *cls, const value *arg, size_t npos,
                          tuple *kwnames)
{
    value a[2];
    if (!args_bind(in, "zip_longest(*iterables, fillvalue=None)", arg, npos, kwnames, a, 2))
        return FAIL;
    tuple *from = as_tuple(a[0]);
    lazy *z = lazy_new(in, cls);
    if (z && (z->pool = tuple_new(in, from->n))) {
        z->x = value_ref(a[1]);
        z->i = from->n;
        for (int64_t i = 0; i < from->n; i++) {
            value it = value_iter(in, from->at[i]);
            if (is_fail(it)) {
                obj_unref(in, z);
                z = NULL;
                break;
            }
            z->pool->at[i] = it;
        }
    }
    args_clear(in, a, 2);
    return v_obj(z);
}

static value longest_next(interp *in, value self)
{
    lazy *z = as_lazy(self);
    int64_t n = z->pool->n;
    if (!n || !z->i) return FAIL;
    tuple *t = tuple_new(in, n);
    for (int64_t k = 0; t && k < n; k++) {
        value v = FAIL;
        int r = is_none(z->pool->at[k]) ? 0 : iter_next(in, z->pool->at[k], &v);
        if (r > 0) {
            t->at[k] = v;
            continue;
        }
        if (!r && !is_none(z->pool->at[k])) {
            value_unref(in, z->pool->at[k]);
            z->pool->at[k] = NONE;
            z->i--;
        }
        if (r < 0) z->i = 0;
        if (!z->i) {
            obj_unref(in, t);
            return FAIL;
        }
        t->at[k] = value_ref(z->x);
    }
    return v_obj(t);
}

// clang-format off
static const builtin chain_table[] = {
    {"@classmethod from_iterable(cls, iterable, /)", chain_from,
     "chain() of the iterables that an iterable gives, each asked for when it is its turn."},
    {0}};

const type T_chain = {
    LAZY, .name = "chain", .make = chain_make, .next = chain_next, .table = chain_table,
    .doc = "The items of one iterable after those of the other."};
static const type T_count = {
    LAZY, .name = "count", .make = count_make, .next = count_next, .repr = count_repr,
    .doc = "start, start + step, start + 2 * step and so on, without end."};
static const type T_repeat = {
    LAZY, .name = "repeat", .make = repeat_make, .next = repeat_next, .repr = repeat_repr,
    .length = repeat_length,
    .doc = "The object again and again, without end or so many times."};
static const type T_cycle = {
    LAZY, .name = "cycle", .make = cycle_make, .next = cycle_next,
    .doc = "The items, and again the items, without end."};
static const type T_accumulate = {
    LAZY, .name = "accumulate", .make = accumulate_make, .next = accumulate_next,
    .doc = "Return series of accumulated sums."};
static const type T_takewhile = {
    LAZY, .name = "takewhile", .make = takewhile_make, .next = takewhile_next,
    .doc = "The items as long as the predicate holds."};
static const type T_dropwhile = {
    LAZY, .name = "dropwhile", .make = dropwhile_make, .next = dropwhile_next,
    .doc = "The items from the first one on for which the predicate does not hold."};
static const type T_filterfalse = {
    LAZY, .name = "filterfalse", .make = filterfalse_make, .next = filterfalse_next,
    .doc = "The items for which the function is false, or with None those that are false."};
static const type T_starmap = {
    LAZY, .name = "starmap", .make = starmap_make, .next = starmap_next,
    .doc = "function(*item) of every item."};
static const type T_compress = {
    LAZY, .name = "compress", .make = compress_make, .next = compress_next,
    .doc = "The items of data whose selector is true."};
static const type T_islice = {
    LAZY, .name = "islice", .make = islice_make, .next = islice_next,
    .doc = "islice(iterable, stop) --> islice object\n"
           "islice(iterable, start, stop[, step]) --> islice object"};
static const type T_pairwise = {
    LAZY, .name = "pairwise", .make = pairwise_make, .next = pairwise_next,
    .doc = "Pairs of neighbours: (a, b), (b, c), (c, d) ..."};
static const type T_zip_longest = {
    LAZY, .name = "zip_longest", .make = longest_make, .next = longest_next,
    .doc = "zip_longest(*iterables, fillvalue=None) --> zip_longest object"};
// clang-format on

static bool open_itertools(interp *in, module *m)
{
    static const type *const types[] = {
        &T_accumulate,   &T_chain,       &T_combinations, &T_combinations_repeat,
        &T_compress,     &T_count,       &T_cycle,        &T_dropwhile,
        &T_filterfalse,  &T_groupby,     &T_islice,       &T_pairwise,
        &T_permutations, &T_product,     &T_repeat,       &T_starmap,
        &T_takewhile,    &T_zip_longest,
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!module_put_type(in, m, types[i])) return false;
    return true;
}

static const builtin functions[] = {
    {"tee(iterable, n=2, /)", tee_function,
     "n iterators that give the same items, each at its own pace."},
    {0},
};

const module_def itertools_def = {
    .name = "itertools",
    .doc = "Iterators made of iterators.",
    .table = functions,
    .open = open_itertools,
};

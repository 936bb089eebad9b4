/* stdlib/numpy/random.c - RandomState and Generator: one method for every row of
 * engine/kernels/random.def, and the few that are not distributions.
 *
 * Both classes are a bit generator with methods; `old` says which family of algorithms draws.
 * What is long and rare (multivariate_normal ...) is in stdlib/dsk/numpy/random.dsk.  Over 600
 * lines: the methods share how sizes, shapes and streams are read from arguments. */
#include <string.h>

#include "engine/kernels/ops.h"
#include "lang/types/bytes.h"
#include "stdlib/numpy/bitgen.h"
#include "stdlib/stdlib.h"

static rng *stream(value self)
{
    return &((drawer *)self.o)->of->g;
}

/* size: None gives *ndim -1 */
static bool to_size(interp *in, value v, int *ndim, int64_t shape[ND_MAXDIM])
{
    if (is_none(v)) return *ndim = -1, true;
    return to_shape(in, v, ndim, shape);
}

/* A draw of no size is a number of Python. */
static value drawn(interp *in, nd *x, bool plain, err *e)
{
    if (!x) return throw_err(in, e);
    if (!plain || x->ndim) return array_wrap(in, x, e);
    value v = scalar_item(in, nd_type(x), x->at);
    datum_unref(x);
    return v;
}

/* ---- distributions ---- */

/* Numbers as parameters and no size: no blocks. False: not that simple (or a parameter is bad). */
static bool plain_number(value v, bool whole, number *out)
{
    if (v.kind == V_INT) {
        if (whole)
            out->i = v.i;
        else
            out->d = (double)v.i;
        return true;
    }
    if (whole) return false;
    if (v.kind == V_FLOAT) return out->d = v.f, true;
    if (v.kind == V_SCALAR && v.aux == DT_float64) return memcpy(&out->d, &v.bits, 8), true;
    return false;
}

static value draw_one(interp *in, rng *g, bool old, const distribution *d, const number *p)
{
    err e = {0};
    number out;
    if (!random_check(d, old, p, false, &e)) return throw_err(in, &e);
    random_fill(g, old, d, p, 1, &out);
    return d->dtype == DT_int64 ? v_int(out.i) : v_float(out.d);
}

static value draw(interp *in, rng *g, bool old, enum dist_id id, const value *param, value size,
                  enum dtype dt)
{
    const distribution *d = &distributions[id];
    int ndim, n = d->nparam;
    int64_t shape[ND_MAXDIM];
    if (is_none(size) && dt != DT_float32) {
        number p[RANDOM_MAXPARAM];
        int i = 0;
        while (i < n && plain_number(param[i], d->param[i].whole, &p[i])) i++;
        if (i == n) return draw_one(in, g, old, d, p);
    }
    nd *x[RANDOM_MAXPARAM] = {0};
    err e = {0};
    value r = FAIL;
    bool ok = to_size(in, size, &ndim, shape);
    for (int i = 0; ok && i < n; i++) ok = (x[i] = to_nd_any(in, param[i])) != NULL;
    if (ok)
        r = drawn(in, random_draw(g, old, d, (const nd *const *)x, dt, ndim, shape, &e), ndim < 0,
                  &e);
    for (int i = 0; i < n; i++) datum_unref(x[i]);
    return r;
}

#define DIST(name, flags, type, nparam, ...)                                                       \
    static value old_##name(interp *in, const value *arg)                                          \
    {                                                                                              \
        return draw(in, stream(arg[0]), true, DIST_##name, arg + 1, arg[1 + (nparam)], DT_none);   \
    }                                                                                              \
    static value new_##name(interp *in, const value *arg)                                          \
    {                                                                                              \
        return draw(in, stream(arg[0]), false, DIST_##name, arg + 1, arg[1 + (nparam)], DT_none);  \
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include "engine/kernels/random.def"
#pragma GCC diagnostic pop
#undef DIST

/* Generator's draws in float64 or float32, perhaps into an array: dtype and out of the call. */
static value draw_out(interp *in, value self, enum dist_id id, const value *param, value size,
                      value dtype, value out)
{
    dtype_of t = dtype_plain(DT_float64);
    if (!to_dtype(in, dtype, &t)) return FAIL;
    if (t.dt != DT_float64 && t.dt != DT_float32)
        return throw(in, TypeError, "Unsupported dtype dtype('%s') for %s", dtypes[t.dt].name,
                     id == DIST_standard_exponential_inv ? "standard_exponential"
                                                         : distributions[id].name);
    enum dtype dt = t.dt == DT_float32 ? DT_float32 : DT_none;
    ndarray *a = is_none(out) ? NULL : as_ndarray(out);
    if (!a) return draw(in, stream(self), false, id, param, size, dt);
    const nd *x = array_peek(a);
    int ndim;
    int64_t shape[ND_MAXDIM];
    if (x->dtype != t.dt)
        return throw(in, TypeError, "Supplied output array has the wrong type. Expected %s, got %s",
                     dtypes[t.dt].name, dtypes[x->dtype].name);
    if (!(x->flags & (ND_C | ND_F)))
        return throw(in, ValueError,
                     "Supplied output array must be contiguous, writable, aligned, and in machine "
                     "byte-order.");
    if (!to_size(in, size, &ndim, shape)) return FAIL;
    if (ndim >= 0 && (ndim != x->ndim || memcmp(shape, nd_shape(x), (size_t)ndim * sizeof *shape)))
        return throw(in, ValueError, "size must match out.shape when used together");
    value full = v_obj(shape_tuple(in, x->ndim, nd_shape(x)));
    value r = is_fail(full) ? FAIL : draw(in, stream(self), false, id, param, full, dt);
    value_unref(in, full);
    bool ok = !is_fail(r) && array_setitem(in, out, ELLIPSIS, r);
    value_unref(in, r);
    return ok ? value_ref(out) : FAIL;
}

static value new_random_out(interp *in, const value *arg)
{
    return draw_out(in, arg[0], DIST_random, NULL, arg[1], arg[2], arg[3]);
}

static value new_normal_out(interp *in, const value *arg)
{
    return draw_out(in, arg[0], DIST_standard_normal, NULL, arg[1], arg[2], arg[3]);
}

static value new_exponential_out(interp *in, const value *arg)
{
    str *method = as_str(arg[3]);
    bool inv = method && str_is(method, "inv");
    return draw_out(in, arg[0], inv ? DIST_standard_exponential_inv : DIST_standard_exponential,
                    NULL, arg[1], arg[2], arg[4]);
}

static value new_gamma_out(interp *in, const value *arg)
{
    return draw_out(in, arg[0], DIST_standard_gamma, arg + 1, arg[2], arg[3], arg[4]);
}

/* rand(d0, d1, ...), randn: the arguments are the shape */
static value draw_star(interp *in, const value *arg, enum dist_id id)
{
    tuple *t = as_tuple(arg[1]);
    return draw(in, stream(arg[0]), true, id, NULL, t->n ? arg[1] : NONE, DT_none);
}

static value old_rand(interp *in, const value *arg)
{
    return draw_star(in, arg, DIST_random);
}

static value old_randn(interp *in, const value *arg)
{
    return draw_star(in, arg, DIST_standard_normal);
}

/* ---- whole numbers ---- */

/* A bound as one number: 1 done, 0 it is an array, -1 failed. */
static int bound_number(interp *in, value v, rng_i128 *out)
{
    if (v.kind == V_INT || v.kind == V_BOOL) return *out = v.i, 1;
    ndarray *a = as_ndarray(v);
    if (as_list(v) || as_tuple(v) || (a && array_peek(a)->ndim)) return 0;
    value whole = value_unary(in, OP_INT, v);
    if (is_fail(whole)) return exc_clear(in), 0;
    mpz_t z;
    mpz_init(z);
    bool ok = to_mpz(in, whole, z);
    if (ok && mpz_sizeinbase(z, 2) < 100) {
        uint64_t part[2] = {0};
        mpz_export(part, NULL, -1, 8, 0, 0, z);
        rng_i128 magnitude = (rng_i128)part[1] << 64 | part[0];
        *out = mpz_sgn(z) < 0 ? -magnitude : magnitude;
    } else if (ok) { /* beyond every type */
        *out = (rng_i128)1 << 100;
        if (mpz_sgn(z) < 0) *out = -*out;
    }
    mpz_clear(z);
    value_unref(in, whole);
    return ok ? 1 : -1;
}

/* arg: self low high size dtype; closed as `endpoint` */
static value draw_integers(interp *in, const value *arg, bool old, bool closed)
{
    dtype_of t = dtype_plain(DT_int64);
    rng_i128 low = 0, high;
    int ndim;
    int64_t shape[ND_MAXDIM];
    err e = {0};
    bool plain = is_fail(arg[4]) ? old : as_type(arg[4]) == &T_int || as_type(arg[4]) == &T_bool;
    if (!to_dtype(in, arg[4], &t) || !to_size(in, arg[3], &ndim, shape)) return FAIL;
    if (t.dt == DT_str || t.dt == DT_bytes || t.swapped) {
        strbuf b = {0};
        dtype_short_repr(t, &b);
        throw(in, TypeError, "Unsupported dtype dtype(%s) for %s", sb_text(&b),
              old ? "randint" : "integers");
        sb_clear(&b);
        return FAIL;
    }
    value below = is_none(arg[2]) ? arg[1] : arg[2], from = is_none(arg[2]) ? v_int(0) : arg[1];
    int a = bound_number(in, from, &low), b = a < 0 ? -1 : bound_number(in, below, &high);
    if (a < 0 || b < 0) return FAIL;
    nd *x = NULL;
    if (a && b) {
        x = random_integers(stream(arg[0]), old, (enum dtype)t.dt, low, high, closed, ndim, shape,
                            &e);
    } else {
        nd *lo = to_nd_any(in, from), *hi = lo ? to_nd_any(in, below) : NULL;
        if (hi)
            x = random_integers_between(stream(arg[0]), old, (enum dtype)t.dt, lo, hi, closed, ndim,
                                        shape, &e);
        datum_unref(lo);
        datum_unref(hi);
        if (!hi) return FAIL;
    }
    if (ndim < 0 && !plain && x && !x->ndim) return array_result(in, x, &e);
    return drawn(in, x, ndim < 0, &e);
}

static value new_integers(interp *in, const value *arg)
{
    int closed = value_truth(in, arg[5]);
    return closed < 0 ? FAIL : draw_integers(in, arg, false, closed);
}

static value old_randint(interp *in, const value *arg)
{
    return draw_integers(in, arg, true, false);
}

static value random_bytes(interp *in, const value *arg)
{
    int64_t n;
    if (!to_int64(in, arg[1], &n)) return FAIL;
    if (n < 0) return throw(in, SystemError, "Negative size passed to PyBytes_FromStringAndSize");
    bytes *b = bytes_new(in, NULL, (size_t)n);
    if (b) rng_bytes(stream(arg[0]), (size_t)n, b->at);
    return v_obj(b);
}

/* ---- order and choice ---- */

static bool shuffle_array(interp *in, rng *g, ndarray *a, value axis_value)
{
    int axis;
    err e = {0};
    nd *x = array_write(in, a);
    if (!x || !to_axis(in, axis_value, x->ndim, &axis)) return false;
    if (x->ndim == 1 && x->flags & ND_C && random_shuffle_cells(g, nd_shape(x)[0], x->size, x->at))
        return true;
    nd *order = random_permutation(g, nd_shape(x)[axis], &e);
    nd *y = order ? nd_take(x, order, axis, 'r', &e) : NULL;
    bool ok = y && nd_assign(x, y, 'u', NULL, &e);
    datum_unref(order);
    datum_unref(y);
    return ok || (throw_err(in, &e), false);
}

typedef struct items { /* a mutable sequence whose items change places */
    interp *in;
    value of;
    bool ok;
} items;

static void swap_items(void *ctx, int64_t i, int64_t j)
{
    items *s = ctx;
    if (!s->ok) return;
    list *l = as_list(s->of);
    if (l && i < l->n && j < l->n && l->hdr.type == &T_list) {
        value t = l->at[i];
        l->at[i] = l->at[j];
        l->at[j] = t;
        return;
    }
    value a = value_getitem(s->in, s->of, v_int(i)),
          b = is_fail(a) ? FAIL : value_getitem(s->in, s->of, v_int(j));
    s->ok = !is_fail(b) && value_setitem(s->in, s->of, v_int(i), b) &&
            value_setitem(s->in, s->of, v_int(j), a);
    value_unref(s->in, a);
    value_unref(s->in, b);
}

static value shuffle(interp *in, value self, value x, value axis)
{
    ndarray *a = as_ndarray(x);
    if (a && array_peek(a)->ndim) return shuffle_array(in, stream(self), a, axis) ? NONE : FAIL;
    if (a) return throw(in, TypeError, "len() of unsized object");
    if (axis.kind != V_INT || axis.i)
        return throw(in, NotImplementedError, "Axis argument is only supported on ndarray objects");
    int64_t n = value_len(in, x);
    if (n < 0) return FAIL;
    if (!as_list(x) && !x.o->type->setitem) { /* strings and tuples say so themselves */
        value first = n > 1 ? value_getitem(in, x, v_int(0)) : NONE;
        bool ok = !is_fail(first) && (n < 2 || value_setitem(in, x, v_int(0), first));
        value_unref(in, first);
        return ok ? NONE : FAIL;
    }
    items s = {in, x, true};
    random_shuffle(stream(self), n, swap_items, &s);
    return s.ok ? NONE : FAIL;
}

static value old_shuffle(interp *in, const value *arg)
{
    return shuffle(in, arg[0], arg[1], v_int(0));
}

static value new_shuffle(interp *in, const value *arg)
{
    return shuffle(in, arg[0], arg[1], arg[2]);
}

static value permutation(interp *in, const value *arg, bool old)
{
    value v = arg[1];
    err e = {0};
    int64_t n;
    int axis;
    if (v.kind == V_INT || (v.kind == V_SCALAR && dtype_is_int((enum dtype)(v.aux & 0xff)))) {
        if (!to_int64(in, v, &n)) return FAIL;
        if (n < 0) n = 0;
        return array_wrap(in, random_permutation(stream(arg[0]), n, &e), &e);
    }
    nd *x = to_nd_any(in, v);
    value r = FAIL;
    if (x && old && !x->ndim)
        throw(in, IndexError, "x must be an integer or at least 1-dimensional");
    else if (x && to_axis(in, old ? v_int(0) : arg[2], x->ndim, &axis)) {
        nd *y = x->ndim == 1 && x->dtype != DT_object ? nd_copy(x, &e) : NULL;
        if (y && random_shuffle_cells(stream(arg[0]), nd_shape(y)[0], y->size, y->at)) {
            datum_unref(x);
            return array_wrap(in, y, &e);
        }
        datum_unref(y);
        nd *order = random_permutation(stream(arg[0]), nd_shape(x)[axis], &e);
        r = array_wrap(in, order ? nd_take(x, order, axis, 'r', &e) : NULL, &e);
        datum_unref(order);
    }
    datum_unref(x);
    return r;
}

static value old_permutation(interp *in, const value *arg)
{
    return permutation(in, arg, true);
}

static value new_permutation(interp *in, const value *arg)
{
    return permutation(in, arg, false);
}

typedef struct choosing {
    bool old, replace, shuffle;
    value from, size, p;
    value axis;
} choosing;

static bool population_of(interp *in, const choosing *c, const nd *x, int axis, bool none,
                          int64_t *out)
{
    if (x->ndim) {
        if (c->old && x->ndim != 1) return THROW0(in, ValueError, "a must be 1-dimensional");
        *out = nd_shape(x)[axis];
        if (*out || none) return true;
        return THROW0(in, ValueError,
                      c->old ? "'a' cannot be empty unless no samples are taken"
                             : "a cannot be empty unless no samples are taken");
    }
    if (dtype_is_int((enum dtype)x->dtype) || x->dtype == DT_bool) {
        value item = scalar_item(in, nd_type(x), x->at);
        bool ok = !is_fail(item) && to_int64(in, item, out);
        value_unref(in, item);
        return ok;
    }
    if (c->old) return THROW0(in, ValueError, "a must be 1-dimensional or an integer");
    value cls = v_type(type_of(in, c->from));
    str *s = value_repr(in, cls);
    value_unref(in, cls);
    if (s) throw(in, ValueError, "a must be a sequence or an integer, not %s", s->at);
    obj_unref(in, s);
    return false;
}

static value choose(interp *in, value self, const choosing *c)
{
    int ndim, axis = 0;
    int64_t shape[ND_MAXDIM], population = 0;
    err e = {0};
    value r = FAIL;
    if (!to_size(in, c->size, &ndim, shape)) return FAIL;
    bool none = ndim >= 0 && shape_count(ndim, shape) == 0;
    nd *x = to_nd_any(in, c->from);
    bool ok = x && (!x->ndim || to_axis(in, c->axis, x->ndim, &axis)) &&
              population_of(in, c, x, axis, none, &population);
    nd *p = NULL, *at = NULL;
    if (ok && !is_none(c->p)) {
        ok = value_len(in, c->p) >= 0 && (p = to_nd(in, c->p, dtype_plain(DT_float64))) != NULL;
    }
    if (ok) {
        at = random_choice(stream(self), c->old, population, p, c->replace, c->shuffle, ndim, shape,
                           &e);
        if (!at)
            throw_err(in, &e);
        else if (!x->ndim)
            r = drawn(in, at, ndim < 0, &e);
        else
            r = array_result(in, nd_take(x, at, axis, 'r', &e), &e);
        /* a size of () asks for an array of no axes */
        if (ndim == 0 && !is_fail(r) && !as_ndarray(r)) {
            nd *y = to_nd_any(in, r);
            value_unref(in, r);
            r = y ? array_wrap(in, y, &e) : FAIL;
        }
        if (at && x->ndim) datum_unref(at);
    }
    datum_unref(x);
    datum_unref(p);
    return r;
}

static value old_choice(interp *in, const value *arg)
{
    int replace = value_truth(in, arg[3]);
    choosing c = {true, replace == 1, true, arg[1], arg[2], arg[4], v_int(0)};
    return replace < 0 ? FAIL : choose(in, arg[0], &c);
}

static value new_choice(interp *in, const value *arg)
{
    int replace = value_truth(in, arg[3]), mix = value_truth(in, arg[6]);
    choosing c = {false, replace == 1, mix == 1, arg[1], arg[2], arg[4], arg[5]};
    return replace < 0 || mix < 0 ? FAIL : choose(in, arg[0], &c);
}

/* ---- several numbers at a time ---- */

static value multinomial(interp *in, const value *arg, bool old)
{
    int ndim;
    int64_t shape[ND_MAXDIM];
    err e = {0};
    value r = FAIL;
    if (!to_size(in, arg[3], &ndim, shape)) return FAIL;
    nd *n = to_nd(in, arg[1], dtype_plain(DT_int64)),
       *p = n ? to_nd(in, arg[2], dtype_plain(DT_float64)) : NULL;
    if (p) r = array_wrap(in, random_multinomial(stream(arg[0]), old, n, p, ndim, shape, &e), &e);
    datum_unref(n);
    datum_unref(p);
    return r;
}

static value old_multinomial(interp *in, const value *arg)
{
    return multinomial(in, arg, true);
}

static value new_multinomial(interp *in, const value *arg)
{
    return multinomial(in, arg, false);
}

static value dirichlet(interp *in, const value *arg, bool old)
{
    int ndim;
    int64_t shape[ND_MAXDIM];
    err e = {0};
    nd *alpha = NULL;
    if (!to_size(in, arg[2], &ndim, shape) || !(alpha = to_nd(in, arg[1], dtype_plain(DT_float64))))
        return FAIL;
    nd *x = random_dirichlet(stream(arg[0]), old, alpha, ndim, shape, &e);
    datum_unref(alpha);
    return array_wrap(in, x, &e);
}

static value old_dirichlet(interp *in, const value *arg)
{
    return dirichlet(in, arg, true);
}

static value new_dirichlet(interp *in, const value *arg)
{
    return dirichlet(in, arg, false);
}

/* Calls numpy.random._NAME(self, *args, **kwargs), which is written in dsk. */
static value forward(interp *in, const value *arg, const char *name)
{
    value m = interp_import(in, "numpy.random"),
          f = is_fail(m) ? FAIL : value_getattr_c(in, m, name);
    value_unref(in, m);
    if (is_fail(f)) return FAIL;
    list *l = list_new(in, 1);
    bool ok = l && list_append(in, l, arg[0]) && list_extend(in, l, arg[1]);
    value args = ok ? v_obj(tuple_of(in, v_obj(l))) : FAIL;
    value r = is_fail(args) ? FAIL : call_with(in, f, args, arg[2]);
    value_unref(in, args);
    obj_unref(in, l);
    value_unref(in, f);
    return r;
}

#define FORWARD(name, to)                                                                          \
    static value name(interp *in, const value *arg)                                                \
    {                                                                                              \
        return forward(in, arg, to);                                                               \
    }
FORWARD(old_multivariate_normal, "_multivariate_normal_old")
FORWARD(new_multivariate_normal, "_multivariate_normal")
FORWARD(new_hypergeometric_many, "_multivariate_hypergeometric")
FORWARD(new_permuted, "_permuted")
FORWARD(old_random_integers, "_random_integers")

/* ---- the classes ---- */

static value drawer_new(interp *in, const type *t, bitgen *of)
{
    drawer *d = obj_new(in, t, 0);
    if (d)
        d->of = of;
    else
        obj_unref(in, of);
    return v_obj(d);
}

static value generator_make(interp *in, const type *cls, const value *arg, size_t npos,
                            tuple *kwnames)
{
    value got[1];
    if (!args_bind(in, "Generator(bit_generator)", arg, npos, kwnames, got, 1)) return FAIL;
    bitgen *b = as_bitgen(got[0]);
    value r = b ? drawer_new(in, cls, obj_ref(b))
                : throw(in, AttributeError, "'%s' object has no attribute 'capsule'",
                        type_of(in, got[0])->name);
    args_clear(in, got, 1);
    return r;
}

static bitgen *legacy_bitgen(interp *in, value seed)
{
    bitgen *b = as_bitgen(seed);
    if (b) return obj_ref(b);
    if (is_none(seed) || as_obj(seed, &T_SeedSequence)) return bitgen_new(in, RNG_MT19937, seed);
    b = obj_new(in, bitgen_types[RNG_MT19937], 0);
    if (!b) return NULL;
    b->entropy = NONE;
    b->g.kind = RNG_MT19937;
    if (bitgen_seed_legacy(in, b, seed)) return b;
    obj_unref(in, b);
    return NULL;
}

static value state_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    value got[1];
    if (!args_bind(in, "RandomState(seed=None)", arg, npos, kwnames, got, 1)) return FAIL;
    bitgen *b = legacy_bitgen(in, got[0]);
    args_clear(in, got, 1);
    return b ? drawer_new(in, cls, b) : FAIL;
}

static void drawer_drop(interp *in, obj *o)
{
    obj_unref(in, ((drawer *)o)->of);
}

static value drawer_str(interp *in, value self)
{
    return v_obj(str_fmt(in, "%s(%s)", self.o->type->name, rng_names[stream(self)->kind]));
}

static value drawer_repr(interp *in, value self)
{
    return v_obj(str_fmt(in, "%s(%s) at 0x%llX", self.o->type->name, rng_names[stream(self)->kind],
                         (unsigned long long)(uintptr_t)self.o));
}

static value get_bitgen(interp *in, const value *arg)
{
    (void)in;
    return value_ref(v_obj(((drawer *)arg[0].o)->of));
}

static value old_seed(interp *in, const value *arg)
{
    rng *g = stream(arg[0]);
    if (!bitgen_seed_legacy(in, ((drawer *)arg[0].o)->of, arg[1])) return FAIL;
    g->has_gauss = false;
    g->gauss = 0;
    return NONE;
}

static value old_get_state(interp *in, const value *arg)
{
    bitgen *b = ((drawer *)arg[0].o)->of;
    value state = bitgen_state(in, b);
    dict *d = as_dict(state);
    int legacy = value_truth(in, arg[1]);
    if (!d || legacy < 0) return value_unref(in, state), FAIL;
    if (legacy && b->g.kind == RNG_MT19937) {
        value inner = dict_peek(in, d, "state"), key = dict_peek(in, as_dict(inner), "key");
        value r =
            v_obj(tuple_pack(in, 5, v_str(in, "MT19937"), value_ref(key), v_int(b->g.u.mt.pos),
                             v_int(b->g.has_gauss), v_float(b->g.gauss)));
        value_unref(in, state);
        return r;
    }
    if (dict_put(in, d, "has_gauss", v_int(b->g.has_gauss)) &&
        dict_put(in, d, "gauss", v_float(b->g.gauss)))
        return state;
    value_unref(in, state);
    return FAIL;
}

static bool set_gauss(interp *in, rng *g, value has, value gauss)
{
    int64_t yes;
    double x;
    if (!to_int64(in, has, &yes) || !to_double(in, gauss, &x)) return false;
    g->has_gauss = yes != 0;
    g->gauss = x;
    return true;
}

static value old_set_state(interp *in, const value *arg)
{
    bitgen *b = ((drawer *)arg[0].o)->of;
    dict *d = as_dict(arg[1]);
    if (d) {
        value has = dict_peek(in, d, "has_gauss"), gauss = dict_peek(in, d, "gauss");
        if (!bitgen_set_state(in, b, arg[1])) return FAIL;
        return set_gauss(in, &b->g, is_fail(has) ? v_int(0) : has,
                         is_fail(gauss) ? v_float(0) : gauss)
                   ? NONE
                   : FAIL;
    }
    list *l = list_of(in, arg[1]);
    if (!l) return FAIL;
    bool ok = false;
    int64_t pos;
    str *name = l->n ? as_str(l->at[0]) : NULL;
    if (!name || !str_is(name, "MT19937")) {
        throw(in, ValueError, "set_state can only be used with legacy MT19937state instances.");
    } else if (l->n != 3 && l->n != 5) {
        throw(in, ValueError, "state tuple must have 3 or 5 items, not %lld", (long long)l->n);
    } else if (to_int64(in, l->at[2], &pos)) {
        nd *key = to_nd(in, l->at[1], dtype_plain(DT_uint32));
        err e = {0};
        nd *c = key ? nd_contiguous(key, &e) : NULL;
        if (c && nd_count(c) != MT_WORDS)
            throw(in, ValueError, "state must be %d longs", MT_WORDS);
        else if (c) {
            rng_set_mt(&b->g, (const uint32_t *)(void *)c->at, (int)pos);
            ok = l->n == 3 || set_gauss(in, &b->g, l->at[3], l->at[4]);
        }
        datum_unref(key);
        datum_unref(c);
    }
    obj_unref(in, l);
    return ok ? NONE : FAIL;
}

#define REQ(name, check)            ", " name
#define REQ2(name, check, old)      ", " name
#define OPT(name, otherwise, check) ", " name "=" #otherwise
#define INT(name, check)            ", " name
#define INT2(name, check, old)      ", " name
#define TEXT_0(...)                 ""
#define TEXT_1(a)                   a
#define TEXT_2(a, b)                a b
#define TEXT_3(a, b, c)             a b c
#define ROW(family, name, n, doc, ...)                                                             \
    {#name "(self" TEXT_##n(__VA_ARGS__) ", size=None)", family##_##name, doc},

static const builtin generator_table[] = {
/* rows that Generator has as they are; those with dtype= and out= follow */
#define IF_0          ROW
#define IF_SINGLE     NO_ROW
#define IF_NEW_SINGLE NO_ROW
#define IF_ONLY_OLD   NO_ROW
#define NO_ROW(...)
#define DIST(name, flags, type, n, draw, check, doc, ...) IF_##flags(new, name, n, doc, __VA_ARGS__)
#include "engine/kernels/random.def"
#undef DIST
#undef IF_SINGLE
    {"random(self, size=None, dtype=None, out=None)", new_random_out,
     "Draw from the uniform distribution over [0, 1)."},
    {"standard_normal(self, size=None, dtype=None, out=None)", new_normal_out,
     "Draw from the normal distribution of mean 0 and deviation 1."},
    {"standard_exponential(self, size=None, dtype=None, method='zig', out=None)",
     new_exponential_out, "Draw from the exponential distribution of scale 1."},
    {"standard_gamma(self, shape, size=None, dtype=None, out=None)", new_gamma_out,
     "Draw from the gamma distribution of scale 1."},
    {"integers(self, low, high=None, size=None, dtype=<unset>, endpoint=False)", new_integers,
     "Whole numbers from low up to, not including, high (unless endpoint)."},
    {"bytes(self, length)", random_bytes, "Random bytes."},
    {"shuffle(self, x, axis=0)", new_shuffle, "Shuffles an array or list in place."},
    {"permutation(self, x, axis=0)", new_permutation, "A shuffled range, or copy of an array."},
    {"permuted(self, *args, **kwargs)", new_permuted,
     "Every slice along an axis shuffled on its own."},
    {"choice(self, a, size=None, replace=True, p=None, axis=0, shuffle=True)", new_choice,
     "A random sample of an array, or of a range."},
    {"multinomial(self, n, pvals, size=None)", new_multinomial, "Draw from a multinomial."},
    {"dirichlet(self, alpha, size=None)", new_dirichlet, "Draw from the Dirichlet distribution."},
    {"multivariate_normal(self, *args, **kwargs)", new_multivariate_normal,
     "Draw from a multivariate normal distribution."},
    {"multivariate_hypergeometric(self, *args, **kwargs)", new_hypergeometric_many,
     "Draw from a multivariate hypergeometric distribution."},
    {"@property bit_generator", get_bitgen, "The stream it draws from."},
    {"@property _bit_generator", get_bitgen, "The stream it draws from."},
    {0},
};

static const builtin state_table[] = {
#define IF_SINGLE ROW
#undef IF_ONLY_OLD
#define IF_ONLY_OLD                                       ROW
#define DIST(name, flags, type, n, draw, check, doc, ...) IF_##flags(old, name, n, doc, __VA_ARGS__)
#include "engine/kernels/random.def"
#undef DIST
    {"random_sample(self, size=None)", old_random,
     "Draw from the uniform distribution over [0, 1)."},
    {"ranf(self, size=None)", old_random, "Draw from the uniform distribution over [0, 1)."},
    {"sample(self, size=None)", old_random, "Draw from the uniform distribution over [0, 1)."},
    {"rand(self, *args)", old_rand, "Uniform numbers in the shape of the arguments."},
    {"randn(self, *args)", old_randn, "Standard normal numbers in the shape of the arguments."},
    {"randint(self, low, high=None, size=None, dtype=<unset>)", old_randint,
     "Whole numbers from low up to, not including, high."},
    {"random_integers(self, *args, **kwargs)", old_random_integers,
     "Whole numbers from low up to and including high."},
    {"bytes(self, length)", random_bytes, "Random bytes."},
    {"shuffle(self, x)", old_shuffle, "Shuffles an array or list in place."},
    {"permutation(self, x)", old_permutation, "A shuffled range, or copy of an array."},
    {"choice(self, a, size=None, replace=True, p=None)", old_choice,
     "A random sample of a 1-d array, or of a range."},
    {"multinomial(self, n, pvals, size=None)", old_multinomial, "Draw from a multinomial."},
    {"dirichlet(self, alpha, size=None)", old_dirichlet, "Draw from the Dirichlet distribution."},
    {"multivariate_normal(self, *args, **kwargs)", old_multivariate_normal,
     "Draw from a multivariate normal distribution."},
    {"seed(self, seed=None)", old_seed, "Starts the stream again."},
    {"get_state(self, legacy=True)", old_get_state, "The state of the stream."},
    {"set_state(self, state)", old_set_state, "Goes on from a state."},
    {"@property _bit_generator", get_bitgen, "The stream it draws from."},
    {0},
};

const type T_Generator = {TYPE_HEAD,
                          .name = "Generator",
                          .module = "numpy.random._generator",
                          .doc = "Draws random numbers; made by numpy.random.default_rng(seed).",
                          .size = sizeof(drawer),
                          .table = generator_table,
                          .make = generator_make,
                          .drop = drawer_drop,
                          .repr = drawer_repr,
                          .tostr = drawer_str};

const type T_RandomState = {TYPE_HEAD,
                            .name = "RandomState",
                            .module = "numpy.random.mtrand",
                            .doc = "Draws random numbers by the algorithms of old: its streams "
                                   "never change.",
                            .size = sizeof(drawer),
                            .table = state_table,
                            .make = state_make,
                            .drop = drawer_drop,
                            .repr = drawer_repr,
                            .tostr = drawer_str};

static value default_rng(interp *in, const value *arg)
{
    if (as_obj(arg[0], &T_Generator)) return value_ref(arg[0]);
    bitgen *b = as_bitgen(arg[0]);
    b = b ? obj_ref(b) : bitgen_new(in, RNG_PCG64, arg[0]);
    return b ? drawer_new(in, &T_Generator, b) : FAIL;
}

static const builtin random_table[] = {
    {"default_rng(seed=None)", default_rng,
     "A Generator: of None, an int, ints, a SeedSequence or a BitGenerator."},
    {0},
};

static bool random_open(interp *in, module *m)
{
    for (int i = 0; i < NRNG; i++) TRY(module_put_type(in, m, bitgen_types[i]));
    bitgen *b = bitgen_new(in, RNG_MT19937, NONE);
    return b && module_put(in, m, "_rand", drawer_new(in, &T_RandomState, b)) &&
           module_put_type(in, m, &T_Generator) && module_put_type(in, m, &T_RandomState) &&
           module_put_type(in, m, &T_SeedSequence) && module_put_type(in, m, &T_BitGenerator);
}

const module_def numpy_random_def = {
    "_numpy_random", "The part of numpy.random that is written in C.", random_table, random_open};

/* stdlib/dask/random.c - random lazy arrays: a stream of seeds, and the drawings made from it. */
#include "engine/base/mem.h"
#include "stdlib/dask/parts.h"
#include "stdlib/numpy/numpy.h"

typedef struct stream { /* the parent RandomState: every array takes its chunks' seeds from it */
    obj hdr;
    rng g;
} stream;

static const type T_stream = {TYPE_HEAD, .name = "Stream", .module = "_dask",
                              .size = sizeof(stream)};

/* stream(seed): None, an int, or a sequence of ints, as numpy.random.RandomState */
value new_stream(interp *in, const value *arg)
{
    stream *s = obj_new(in, &T_stream, 0);
    if (!s) return FAIL;
    bool ok = true;
    if (is_none(arg[0])) {
        uint32_t words[4];
        seed_entropy(words);
        seed_seq q = seed_seq_of(4, words, 0, NULL);
        rng_seed(&s->g, RNG_MT19937, &q);
    } else if (arg[0].kind == V_INT || arg[0].kind == V_SCALAR) {
        int64_t seed;
        ok = to_int64(in, arg[0], &seed);
        if (ok && (seed < 0 || seed > UINT32_MAX))
            ok = THROW0(in, ValueError, "Seed must be between 0 and 2**32 - 1");
        if (ok) rng_seed_legacy(&s->g, (uint32_t)seed);
    } else {
        nd *x = to_nd(in, arg[0], dtype_plain(DT_uint32));
        err e = {0};
        nd *flat = x ? nd_contiguous(x, &e) : NULL;
        ok = flat != NULL;
        if (ok)
            rng_seed_legacy_array(&s->g, (size_t)nd_count(flat),
                                  (const uint32_t *)(void *)flat->at);
        else if (x)
            throw_err(in, &e);
        datum_unref(x);
        datum_unref(flat);
    }
    if (ok) return v_obj(s);
    obj_unref(in, s);
    return FAIL;
}

static rng *stream_of(interp *in, value v)
{
    stream *s = (stream *)as_obj(v, &T_stream);
    return s ? &s->g
             : THROW0(in, TypeError, "expected a stream of seeds, got '%s'", type_of(in, v)->name);
}

static value drawn(interp *in, drawing *d, rng *g, value size, value chunks)
{
    int ndim;
    int64_t shape[ND_MAXDIM];
    if (!to_shape(in, size, &ndim, shape)) return FAIL;
    for (int i = 0; i < ndim; i++)
        if (shape[i] < 0) return throw(in, ValueError, "negative dimensions are not allowed");
    grid *to = to_grid(in, chunks, ndim, shape, d->type, NULL);
    err e = {0};
    value r = to ? wrap_expr(in, expr_random(d, g, to, &e), &e) : FAIL;
    datum_unref(to);
    return r;
}

/* draw(stream, distribution, parameters, size, chunks, prefix) */
value draw_dist(interp *in, const value *arg)
{
    rng *g = stream_of(in, arg[0]);
    str *name = as_str(arg[1]);
    list *params = as_list(arg[2]);
    drawing d = {.l = label_of(arg[5], NONE), .kind = DRAW_DIST, .old = true};
    if (!g || !name || !params) return FAIL;
    d.dist = distribution_find(name->at, true);
    if (!d.dist) return throw(in, AttributeError, "no distribution '%s'", name->at);
    d.type = dtype_plain(d.dist->dtype);
    d.nparam = d.dist->nparam;
    if (params->n > d.nparam)
        return throw(in, TypeError, "%s() takes %d parameters, %lld given", name->at, d.nparam,
                     (long long)params->n);
    bool ok = true;
    for (int i = 0; ok && i < d.nparam; i++) {
        value v = i < params->n ? params->at[i] : NONE;
        if (is_none(v) && d.dist->param[i].required)
            ok = THROW0(in, TypeError, "%s() missing required argument '%s'", name->at,
                        d.dist->param[i].name);
        else
            ok = term_of(in, is_none(v) ? v_float(d.dist->param[i].value) : v, &d.param[i]);
    }
    value r = ok ? drawn(in, &d, g, arg[3], arg[4]) : FAIL;
    for (int i = 0; i < d.nparam; i++) term_clear(&d.param[i]);
    return r;
}

/* draw_integers(stream, low, high, dtype, size, chunks) */
value draw_integers(interp *in, const value *arg)
{
    rng *g = stream_of(in, arg[0]);
    int64_t low, high;
    drawing d = {.l = {.prefix = "randint"},
                 .kind = DRAW_INTEGERS,
                 .old = true,
                 .type = dtype_plain(DT_int64)};
    if (!g || !to_int64(in, arg[1], &low) || !to_int64(in, arg[2], &high) ||
        !to_dtype(in, arg[3], &d.type))
        return FAIL;
    d.low = low;
    d.high = high;
    return drawn(in, &d, g, arg[4], arg[5]);
}

/* draw_choice(stream, population or array, weights, replace, size, chunks) */
value draw_choice(interp *in, const value *arg)
{
    rng *g = stream_of(in, arg[0]);
    drawing d = {.l = {.prefix = "da.random.choice"},
                 .kind = DRAW_CHOICE,
                 .old = true,
                 .type = dtype_plain(DT_int64)};
    lazy *from = as_lazy(arg[1]), *weights = as_lazy(arg[2]);
    if (!g || (!from && !to_int64(in, arg[1], &d.population))) return FAIL;
    if (from) {
        d.from = from->x;
        d.type = from->x->type;
        d.population = grid_count(from->x->chunks);
    }
    d.weights = weights ? weights->x : NULL;
    d.replace = value_truth(in, arg[3]) == 1;
    return drawn(in, &d, g, arg[4], arg[5]);
}

/* shuffled(stream, n): 0 .. n-1 in random order */
value draw_order(interp *in, const value *arg)
{
    rng *g = stream_of(in, arg[0]);
    int64_t n;
    if (!g || !to_int64(in, arg[1], &n)) return FAIL;
    err e = {0};
    nd *x = nd_new(dtype_plain(DT_int64), 1, &n, &e);
    if (x) random_order(g, n, (int64_t *)(void *)x->at);
    return array_wrap(in, x, &e);
}

/* words(stream, n): the stream's next n words, which seed generators of the program's own */
value draw_words(interp *in, const value *arg)
{
    rng *g = stream_of(in, arg[0]);
    int64_t n;
    if (!g || !to_int64(in, arg[1], &n)) return FAIL;
    err e = {0};
    nd *x = nd_new(dtype_plain(DT_uint32), 1, &n, &e);
    if (x) rng_bytes(g, (size_t)n * sizeof(uint32_t), x->at);
    return array_wrap(in, x, &e);
}

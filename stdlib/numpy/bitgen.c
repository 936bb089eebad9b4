/* stdlib/numpy/bitgen.c - SeedSequence and the bit generators: seeds to streams, states as dicts.
 * Over 600 lines: a generator is a row of a table and the few functions that it names. */
#include "stdlib/numpy/bitgen.h"

#include <string.h>

#include "engine/base/mem.h"

/* ---- ints to words of 32 bits ---- */

typedef struct words {
    size_t n, cap;
    uint32_t *at; /* owned */
} words;

static void words_add(words *w, uint32_t x)
{
    if (w->n == w->cap) w->at = mem_grow(w->at, (w->cap = w->cap * 2 + 8) * sizeof *w->at);
    w->at[w->n++] = x;
}

static bool add_int(interp *in, words *w, value v)
{
    mpz_t z;
    mpz_init(z);
    bool ok = to_mpz(in, v, z);
    if (ok && mpz_sgn(z) < 0) ok = THROW0(in, ValueError, "expected non-negative integer");
    if (ok && !mpz_sgn(z)) words_add(w, 0);
    while (ok && mpz_sgn(z)) {
        words_add(w, (uint32_t)mpz_get_ui(z));
        mpz_fdiv_q_2exp(z, z, 32);
    }
    mpz_clear(z);
    return ok;
}

/* An int or (nested) sequences of ints. */
static bool add_words(interp *in, words *w, value v)
{
    value i;
    if (is_int(v)) return add_int(in, w, v);
    ndarray *a = as_ndarray(v);
    bool scalar = v.kind == V_SCALAR && dtype_is_int((enum dtype)(v.aux & 0xff));
    if (scalar || (a && array_peek(a)->ndim == 0)) {
        if (int_index(in, v, &i) != 1) return false;
        bool ok = add_int(in, w, i);
        value_unref(in, i);
        return ok;
    }
    if (v.kind != V_OBJ || as_str(v)) {
        str *s = value_str(in, v);
        if (s)
            throw(in, TypeError, "SeedSequence expects int or sequence of ints for entropy not %s",
                  s->at);
        obj_unref(in, s);
        return false;
    }
    list *l = list_of(in, v);
    bool ok = l != NULL;
    for (int64_t k = 0; ok && k < l->n; k++) ok = add_words(in, w, l->at[k]);
    obj_unref(in, l);
    return ok;
}

static bool pool_of(interp *in, value entropy, value key, seed_seq *out)
{
    words w = {0}, k = {0};
    bool ok = add_words(in, &w, entropy) && (is_none(key) || add_words(in, &k, key));
    if (ok) *out = seed_seq_of(w.n, w.at, k.n, k.at);
    mem_free(w.at);
    mem_free(k.at);
    return ok;
}

static value big_int(interp *in, const void *at, size_t bytes)
{
    mpz_t z;
    mpz_init(z);
    mpz_import(z, bytes / 8, -1, 8, 0, 0, at);
    value v = int_from_mpz(in, z);
    mpz_clear(z);
    return v;
}

/* ---- SeedSequence ---- */

static seedseq *seedseq_new(interp *in, value entropy, value key)
{
    seedseq *s = obj_new(in, &T_SeedSequence, 0);
    if (!s) return NULL;
    uint32_t fresh[4];
    seed_entropy(fresh);
    s->key = value_ref(key);
    s->entropy = is_none(entropy) ? big_int(in, fresh, sizeof fresh) : value_ref(entropy);
    if (is_fail(s->entropy) || !pool_of(in, s->entropy, key, &s->s)) return obj_unref(in, s), NULL;
    return s;
}

static value seedseq_make(interp *in, const type *cls, const value *arg, size_t npos,
                          tuple *kwnames)
{
    (void)cls;
    value got[4];
    if (!args_bind(in,
                   "SeedSequence(entropy=None, *, spawn_key=(), pool_size=4, n_children_spawned=0)",
                   arg, npos, kwnames, got, 4))
        return FAIL;
    int64_t size = 0, n = 0;
    tuple *key = tuple_of(in, got[1]);
    seedseq *s = NULL;
    if (key && to_int64(in, got[2], &size) && to_int64(in, got[3], &n)) {
        if (size != 4)
            throw(in, NotImplementedError, "SeedSequence has a pool of 4 words, not %lld",
                  (long long)size);
        else
            s = seedseq_new(in, got[0], v_obj(key));
    }
    if (s) s->spawned = n;
    obj_unref(in, key);
    args_clear(in, got, 4);
    return v_obj(s);
}

static void seedseq_drop(interp *in, obj *o)
{
    seedseq *s = (seedseq *)o;
    value_unref(in, s->entropy);
    value_unref(in, s->key);
}

static value seedseq_repr(interp *in, value self)
{
    seedseq *s = (seedseq *)self.o;
    str *e = value_repr(in, s->entropy), *k = value_repr(in, s->key), *r = NULL;
    if (e && k && as_tuple(s->key)->n)
        r = str_fmt(in, "SeedSequence(\n    entropy=%s,\n    spawn_key=%s,\n)", e->at, k->at);
    else if (e && k)
        r = str_fmt(in, "SeedSequence(\n    entropy=%s,\n)", e->at);
    obj_unref(in, e);
    obj_unref(in, k);
    return v_obj(r);
}

static value seedseq_generate(interp *in, const value *arg)
{
    int64_t n;
    dtype_of t = dtype_plain(DT_uint32);
    err e = {0};
    if (!to_int64(in, arg[1], &n) || !to_dtype(in, arg[2], &t)) return FAIL;
    if (t.dt != DT_uint32 && t.dt != DT_uint64)
        return throw(in, ValueError, "only support uint32 or uint64");
    nd *x = nd_new(t, 1, &n, &e);
    const seed_seq *s = &((seedseq *)arg[0].o)->s;
    if (x && t.dt == DT_uint32) seed_seq_words(s, (size_t)n, (uint32_t *)(void *)x->at);
    if (x && t.dt == DT_uint64) seed_seq_words64(s, (size_t)n, (uint64_t *)(void *)x->at);
    return array_wrap(in, x, &e);
}

static value seedseq_spawn(interp *in, const value *arg)
{
    seedseq *s = (seedseq *)arg[0].o;
    tuple *key = as_tuple(s->key);
    int64_t n;
    if (!to_int64(in, arg[1], &n)) return FAIL;
    list *l = list_new(in, n > 0 ? n : 0);
    for (int64_t i = 0; l && i < n; i++) {
        tuple *k = tuple_new(in, key->n + 1);
        for (int64_t j = 0; k && j < key->n; j++) k->at[j] = value_ref(key->at[j]);
        if (k) k->at[key->n] = v_int(s->spawned);
        seedseq *child = k ? seedseq_new(in, s->entropy, v_obj(k)) : NULL;
        obj_unref(in, k);
        s->spawned++;
        if (!list_add(in, l, v_obj(child))) return obj_unref(in, l), FAIL;
    }
    return v_obj(l);
}

static value seedseq_entropy(interp *in, const value *arg)
{
    (void)in;
    return value_ref(((seedseq *)arg[0].o)->entropy);
}

static value seedseq_key(interp *in, const value *arg)
{
    (void)in;
    return value_ref(((seedseq *)arg[0].o)->key);
}

static value seedseq_spawned(interp *in, const value *arg)
{
    (void)in;
    return v_int(((seedseq *)arg[0].o)->spawned);
}

static value seedseq_size(interp *in, const value *arg)
{
    (void)in, (void)arg;
    return v_int(4);
}

static value wrap_words(interp *in, enum dtype dt, int64_t n, const void *at)
{
    err e = {0};
    nd *x = nd_new(dtype_plain(dt), 1, &n, &e);
    if (x) memcpy(x->at, at, nd_bytes(x));
    return array_wrap(in, x, &e);
}

static value seedseq_pool(interp *in, const value *arg)
{
    return wrap_words(in, DT_uint32, 4, ((seedseq *)arg[0].o)->s.pool);
}

static const builtin seedseq_table[] = {
    {"generate_state(self, n_words, dtype=None)", seedseq_generate,
     "Words for the initial state of a bit generator."},
    {"spawn(self, n_children)", seedseq_spawn, "Independent sequences, one for each child."},
    {"@property entropy", seedseq_entropy, "What was given, or drawn from the system."},
    {"@property spawn_key", seedseq_key, "The path from the root sequence."},
    {"@property n_children_spawned", seedseq_spawned, "How many children there are."},
    {"@property pool_size", seedseq_size, "Words in the pool."},
    {"@property pool", seedseq_pool, "The mixed words."},
    {0},
};

const type T_SeedSequence = {TYPE_HEAD,
                             .name = "SeedSequence",
                             .module = "numpy.random.bit_generator",
                             .doc = "Mixes entropy into the seeds of independent streams.",
                             .size = sizeof(seedseq),
                             .table = seedseq_table,
                             .drop = seedseq_drop,
                             .make = seedseq_make,
                             .repr = seedseq_repr};

/* ---- bit generators: seeding ---- */

static bitgen *bitgen_alloc(interp *in, enum rng_kind kind)
{
    bitgen *b = obj_new(in, bitgen_types[kind], 0);
    if (b) b->entropy = NONE;
    return b;
}

bitgen *bitgen_new(interp *in, enum rng_kind kind, value seed)
{
    seed_seq s;
    bitgen *b = bitgen_alloc(in, kind);
    if (!b) return NULL;
    seedseq *from = (seedseq *)as_obj(seed, &T_SeedSequence);
    bool ok = true;
    if (from) {
        s = from->s;
        b->entropy = value_ref(seed);
    } else if (is_none(seed)) {
        uint32_t fresh[4];
        seed_entropy(fresh);
        b->entropy = big_int(in, fresh, sizeof fresh);
        ok = !is_fail(b->entropy) && pool_of(in, b->entropy, NONE, &s);
    } else {
        ok = pool_of(in, seed, NONE, &s);
        if (ok) b->entropy = value_ref(seed);
    }
    if (ok) return rng_seed(&b->g, kind, &s), b;
    obj_unref(in, b);
    return NULL;
}

static bool seed_range(interp *in)
{
    return THROW0(in, ValueError, "Seed must be between 0 and 2**32 - 1");
}

static bool seed_array(interp *in, bitgen *b, value seed)
{
    nd *x = to_nd_any(in, seed);
    err e = {0};
    if (!x) return false;
    bool ok = true;
    int64_t n = nd_count(x);
    if (n == 0 && x->ndim)
        ok = THROW0(in, ValueError, "Seed must be non-empty");
    else if (!dtype_can_cast(nd_type(x), dtype_plain(DT_int64), 's')) {
        strbuf from = {0};
        dtype_short_repr(nd_type(x), &from);
        bool quoted = sb_text(&from)[0] == '\'';
        ok = THROW0(in, TypeError,
                    "Cannot cast %s from dtype(%s%s%s) to dtype('int64') according to the rule "
                    "'safe'",
                    x->ndim ? "array data" : "scalar", quoted ? "" : "'", sb_text(&from),
                    quoted ? "" : "'");
        sb_clear(&from);
    } else if (x->ndim > 1) {
        ok = THROW0(in, ValueError, "Seed array must be 1-d");
    }
    nd *wide = ok ? nd_cast(x, dtype_plain(DT_int64), 'u', &e) : NULL;
    nd *flat = wide ? nd_contiguous(wide, &e) : NULL;
    uint32_t *w = flat ? mem_alloc((size_t)n * sizeof *w + 4) : NULL;
    for (int64_t i = 0; w && ok && i < n; i++) {
        int64_t v;
        memcpy(&v, flat->at + 8 * i, 8);
        if (v < 0 || v > UINT32_MAX) ok = seed_range(in);
        w[i] = (uint32_t)v;
    }
    if (w && ok && x->ndim == 0) {
        rng_seed_legacy(&b->g, w[0]);
    } else if (w && ok) {
        rng_seed_legacy_array(&b->g, (size_t)n, w);
    }
    bool done = w && ok;
    mem_free(w);
    datum_unref(flat);
    datum_unref(wide);
    datum_unref(x);
    if (!done && !throwing(in)) throw_err(in, &e);
    return done;
}

bool bitgen_seed_legacy(interp *in, bitgen *b, value seed)
{
    if (b->g.kind != RNG_MT19937)
        return THROW0(in, TypeError, "can only re-seed a MT19937 BitGenerator");
    int64_t n;
    if (is_none(seed) || as_obj(seed, &T_SeedSequence)) {
        bitgen *fresh = bitgen_new(in, RNG_MT19937, seed);
        if (!fresh) return false;
        b->g = fresh->g;
        obj_unref(in, fresh);
        return true;
    }
    if (seed.kind == V_INT || is_bigint(seed)) {
        if (!to_int64(in, seed, &n)) exc_clear(in), n = -1;
        if (n < 0 || n > UINT32_MAX) return seed_range(in);
        rng_seed_legacy(&b->g, (uint32_t)n);
        return true;
    }
    return seed_array(in, b, seed);
}

static value bitgen_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    int kind = 0;
    while (kind < NRNG && bitgen_types[kind] != cls) kind++;
    if (kind == NRNG)
        return throw(in, NotImplementedError,
                     "BitGenerator is a base class and cannot be instantized");
    value got[3];
    bool philox = kind == RNG_PHILOX;
    if (!args_bind(in,
                   philox ? "Philox(seed=None, counter=None, key=None)" : "BitGenerator(seed=None)",
                   arg, npos, kwnames, got, philox ? 3 : 1))
        return FAIL;
    bitgen *b = NULL;
    words w = {0};
    bool keyed = philox && (!is_none(got[1]) || !is_none(got[2]));
    if (philox && !is_none(got[0]) && !is_none(got[2]))
        throw(in, ValueError, "seed and key cannot be both used");
    else
        b = bitgen_new(in, (enum rng_kind)kind, got[0]);
    for (int i = 1; b && keyed && i < 3; i++) {
        w.n = 0;
        if (is_none(got[i])) continue;
        if (!add_words(in, &w, got[i])) b = (obj_unref(in, b), NULL);
        uint64_t *to = !b ? NULL : i == 1 ? b->g.u.philox.counter : b->g.u.philox.key;
        size_t room = i == 1 ? 8 : 4;
        for (size_t k = 0; to && k < room; k += 2) {
            uint64_t lo = k < w.n ? w.at[k] : 0, hi = k + 1 < w.n ? w.at[k + 1] : 0;
            to[k / 2] = lo | hi << 32;
        }
    }
    mem_free(w.at);
    args_clear(in, got, philox ? 3 : 1);
    return v_obj(b);
}

static void bitgen_drop(interp *in, obj *o)
{
    value_unref(in, ((bitgen *)o)->entropy);
}

/* ---- state as a dict ---- */

static value inner_state(interp *in, const rng *g)
{
    dict *d = dict_new(in);
    bool ok = d != NULL;
    if (ok && g->kind == RNG_MT19937)
        ok = dict_put(in, d, "key", wrap_words(in, DT_uint32, MT_WORDS, g->u.mt.key)) &&
             dict_put(in, d, "pos", v_int(g->u.mt.pos));
    else if (ok && (g->kind == RNG_PCG64 || g->kind == RNG_PCG64DXSM))
        ok = dict_put(in, d, "state", big_int(in, &g->u.pcg.state, 16)) &&
             dict_put(in, d, "inc", big_int(in, &g->u.pcg.inc, 16));
    else if (ok && g->kind == RNG_PHILOX)
        ok = dict_put(in, d, "counter", wrap_words(in, DT_uint64, 4, g->u.philox.counter)) &&
             dict_put(in, d, "key", wrap_words(in, DT_uint64, 2, g->u.philox.key));
    else if (ok)
        ok = dict_put(in, d, "state", wrap_words(in, DT_uint64, 4, g->u.sfc));
    if (ok) return v_obj(d);
    obj_unref(in, d);
    return FAIL;
}

value bitgen_state(interp *in, bitgen *b)
{
    const rng *g = &b->g;
    dict *d = dict_new(in);
    bool ok = d && dict_put(in, d, "bit_generator", v_str(in, rng_names[g->kind])) &&
              dict_put(in, d, "state", inner_state(in, g));
    if (ok && g->kind == RNG_PHILOX)
        ok = dict_put(in, d, "buffer", wrap_words(in, DT_uint64, 4, g->u.philox.buffer)) &&
             dict_put(in, d, "buffer_pos", v_int(g->u.philox.pos));
    if (ok && g->kind != RNG_MT19937)
        ok = dict_put(in, d, "has_uint32", v_int(g->has_half)) &&
             dict_put(in, d, "uinteger", v_int(g->half));
    if (ok) return v_obj(d);
    obj_unref(in, d);
    return FAIL;
}

static bool state_item(interp *in, value d, const char *key, value *out)
{
    str *s = str_of(in, key);
    *out = s ? value_getitem(in, d, v_obj(s)) : FAIL;
    obj_unref(in, s);
    return !is_fail(*out);
}

static bool state_int(interp *in, value d, const char *key, int64_t *out)
{
    value v;
    bool ok = state_item(in, d, key, &v) && to_int64(in, v, out);
    value_unref(in, v);
    return ok;
}

static bool state_wide(interp *in, value d, const char *key, void *out16)
{
    value v;
    mpz_t z;
    bool ok = state_item(in, d, key, &v);
    mpz_init(z);
    ok = ok && to_mpz(in, v, z);
    uint64_t part[3] = {0};
    if (ok && mpz_sizeinbase(z, 2) > 128)
        ok = THROW0(in, ValueError, "state must be an integer below 2**128");
    if (ok) mpz_export(part, NULL, -1, 8, 0, 0, z), memcpy(out16, part, 16);
    mpz_clear(z);
    value_unref(in, v);
    return ok;
}

static bool state_words(interp *in, value d, const char *key, enum dtype dt, int64_t n, void *out)
{
    value v;
    if (!state_item(in, d, key, &v)) return false;
    err e = {0};
    nd *x = to_nd(in, v, dtype_plain(dt)), *c = x ? nd_contiguous(x, &e) : NULL;
    bool ok = c && nd_count(c) == n;
    if (ok)
        memcpy(out, c->at, nd_bytes(c));
    else if (c)
        throw(in, ValueError, "state must be of length %lld", (long long)n);
    value_unref(in, v);
    datum_unref(c);
    datum_unref(x);
    return ok;
}

bool bitgen_set_state(interp *in, bitgen *b, value state)
{
    value name, inner = FAIL;
    rng g = b->g;
    int64_t half, has, pos;
    if (!as_dict(state)) return THROW0(in, TypeError, "state must be a dict");
    if (!state_item(in, state, "bit_generator", &name)) return false;
    str *s = as_str(name);
    bool ok = (s && str_is(s, rng_names[g.kind])) ||
              THROW0(in, ValueError, "state must be for a %s RNG", rng_names[g.kind]);
    value_unref(in, name);
    ok = ok && state_item(in, state, "state", &inner);
    if (ok && g.kind == RNG_MT19937) {
        uint32_t key[MT_WORDS];
        ok = state_words(in, inner, "key", DT_uint32, MT_WORDS, key) &&
             state_int(in, inner, "pos", &pos);
        if (ok) rng_set_mt(&g, key, (int)pos);
    } else if (ok && (g.kind == RNG_PCG64 || g.kind == RNG_PCG64DXSM)) {
        ok = state_wide(in, inner, "state", &g.u.pcg.state) &&
             state_wide(in, inner, "inc", &g.u.pcg.inc);
    } else if (ok && g.kind == RNG_PHILOX) {
        ok = state_words(in, inner, "counter", DT_uint64, 4, g.u.philox.counter) &&
             state_words(in, inner, "key", DT_uint64, 2, g.u.philox.key) &&
             state_words(in, state, "buffer", DT_uint64, 4, g.u.philox.buffer) &&
             state_int(in, state, "buffer_pos", &pos);
        if (ok) g.u.philox.pos = (int)pos;
    } else if (ok) {
        ok = state_words(in, inner, "state", DT_uint64, 4, g.u.sfc);
    }
    if (ok && g.kind != RNG_MT19937) {
        ok = state_int(in, state, "has_uint32", &has) && state_int(in, state, "uinteger", &half);
        if (ok) g.has_half = has != 0, g.half = (uint32_t)half;
    }
    value_unref(in, inner);
    if (ok) b->g = g;
    return ok;
}

/* ---- attributes and methods ---- */

static bitgen *of(value self)
{
    return (bitgen *)self.o;
}

static value get_state(interp *in, const value *arg)
{
    return bitgen_state(in, of(arg[0]));
}

static value set_state(interp *in, const value *arg)
{
    return bitgen_set_state(in, of(arg[0]), arg[1]) ? NONE : FAIL;
}

static value get_seed_seq(interp *in, const value *arg)
{
    bitgen *b = of(arg[0]);
    if (!as_obj(b->entropy, &T_SeedSequence)) {
        tuple *none = tuple_new(in, 0);
        value s = none ? v_obj(seedseq_new(in, b->entropy, v_obj(none))) : FAIL;
        obj_unref(in, none);
        if (is_fail(s)) return FAIL;
        value_unref(in, b->entropy);
        b->entropy = s;
    }
    return value_ref(b->entropy);
}

static uint64_t raw(rng *g)
{
    return g->kind == RNG_MT19937 ? rng_next32(g) : rng_next64(g);
}

static value random_raw(interp *in, const value *arg)
{
    rng *g = &of(arg[0])->g;
    int ndim;
    int64_t shape[ND_MAXDIM];
    err e = {0};
    if (is_none(arg[1])) return int_from_u64(in, raw(g));
    if (!to_shape(in, arg[1], &ndim, shape)) return FAIL;
    nd *x = nd_new(dtype_plain(DT_uint64), ndim, shape, &e);
    for (int64_t i = 0; x && i < nd_count(x); i++) ((uint64_t *)(void *)x->at)[i] = raw(g);
    return array_wrap(in, x, &e);
}

static value jumped(interp *in, const value *arg)
{
    int64_t n;
    if (!to_int64(in, arg[1], &n)) return FAIL;
    bitgen *b = bitgen_alloc(in, of(arg[0])->g.kind);
    if (!b) return FAIL;
    b->g = of(arg[0])->g;
    b->entropy = value_ref(of(arg[0])->entropy);
    for (int64_t i = 0; i < n; i++)
        if (!rng_jump(&b->g)) {
            obj_unref(in, b);
            return throw(in, NotImplementedError, "%s cannot be jumped",
                         rng_names[of(arg[0])->g.kind]);
        }
    return v_obj(b);
}

static value advance(interp *in, const value *arg)
{
    rng *g = &of(arg[0])->g;
    mpz_t z;
    if (g->kind != RNG_PCG64)
        return throw(in, NotImplementedError, "%s cannot be advanced", rng_names[g->kind]);
    mpz_init(z);
    bool ok = to_mpz(in, arg[1], z);
    uint64_t part[2] = {0};
    mpz_t whole;
    mpz_init(whole);
    mpz_fdiv_r_2exp(whole, z, 128);
    mpz_export(part, NULL, -1, 8, 0, 0, whole);
    mpz_clear(whole);
    mpz_clear(z);
    if (!ok) return FAIL;
    rng_advance_pcg(g, (rng_u128)part[1] << 64 | part[0]);
    g->has_half = false;
    return value_ref(arg[0]);
}

static const builtin bitgen_table[] = {
    {"@property state", get_state, "The state, a dict that can be assigned."},
    {"@setter state", set_state, NULL},
    {"@property seed_seq", get_seed_seq, "The sequence that seeded it."},
    {"@property _seed_seq", get_seed_seq, "The sequence that seeded it."},
    {"random_raw(self, size=None, output=True)", random_raw, "Raw words of the stream."},
    {"jumped(self, jumps=1)", jumped, "A copy far ahead in the stream."},
    {"advance(self, delta)", advance, "Moves the stream ahead."},
    {0},
};

const type T_BitGenerator = {TYPE_HEAD,
                             .name = "BitGenerator",
                             .module = "numpy.random.bit_generator",
                             .doc = "A stream of random bits.",
                             .size = sizeof(bitgen),
                             .table = bitgen_table,
                             .make = bitgen_make,
                             .drop = bitgen_drop};

#define BITGEN(id, part)                                                                           \
    static const type T_##id = {TYPE_HEAD,                                                         \
                                .name = #id,                                                       \
                                .module = "numpy.random." part,                                    \
                                .doc = "A stream of random bits.",                                 \
                                .base = &T_BitGenerator,                                           \
                                .size = sizeof(bitgen),                                            \
                                .make = bitgen_make,                                               \
                                .drop = bitgen_drop};
BITGEN(MT19937, "_mt19937")
BITGEN(PCG64, "_pcg64")
BITGEN(PCG64DXSM, "_pcg64")
BITGEN(Philox, "_philox")
BITGEN(SFC64, "_sfc64")

const type *const bitgen_types[NRNG] = {&T_MT19937, &T_PCG64, &T_PCG64DXSM, &T_Philox, &T_SFC64};

/* engine/kernels/random_int.c - bounded whole numbers, as Generator.integers (Lemire's
 * multiplication) and RandomState.randint (masks).
 *
 * Ranges below 2^32 take 32 random bits, wider ones 64; 8- and 16-bit types and bool cut several
 * numbers out of one 32-bit word.  Everything is computed on [0, range] and shifted. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/simd.h"
#include "engine/base/stop.h"
#include "engine/data/walk.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/random_draw.h"

typedef struct source { /* parts of 32-bit words, low ones first */
    rng *g;
    bool masked;
    uint32_t word;
    int left;
} source;

SIMD_ALWAYS uint32_t next_part(source *s, int bits)
{
    if (!s->left) {
        s->word = rng_next32(s->g);
        s->left = 32 / bits;
    } else {
        s->word >>= bits;
    }
    s->left--;
    return s->word;
}

static uint64_t mask_of(uint64_t max)
{
    return max ? UINT64_MAX >> __builtin_clzll(max) : 0;
}

SIMD_ALWAYS uint32_t lemire32(rng *g, uint32_t max)
{
    const uint32_t n = max + 1;
    uint64_t m = (uint64_t)rng_next32(g) * n;
    if ((uint32_t)m < n) {
        const uint32_t least = (UINT32_MAX - max) % n;
        while ((uint32_t)m < least) m = (uint64_t)rng_next32(g) * n;
    }
    return (uint32_t)(m >> 32);
}

SIMD_ALWAYS uint64_t lemire64(rng *g, uint64_t max)
{
    const uint64_t n = max + 1;
    rng_u128 m = (rng_u128)rng_next64(g) * n;
    if ((uint64_t)m < n) {
        const uint64_t least = (UINT64_MAX - max) % n;
        while ((uint64_t)m < least) m = (rng_u128)rng_next64(g) * n;
    }
    return (uint64_t)(m >> 64);
}

uint64_t draw_below(rng *g, uint64_t max)
{
    if (!max) return 0;
    if (max < UINT32_MAX) return lemire32(g, (uint32_t)max);
    if (max == UINT32_MAX) return rng_next32(g);
    return max == UINT64_MAX ? rng_next64(g) : lemire64(g, max);
}

/* 16 or 8 bits */
SIMD_ALWAYS uint32_t small_below(source *s, uint32_t max, int bits)
{
    const uint32_t all = (1u << bits) - 1, n = max + 1;
    if (max == all) return next_part(s, bits) & all;
    if (s->masked) {
        uint32_t mask = (uint32_t)mask_of(max), x;
        while ((x = next_part(s, bits) & mask) > max) continue;
        return x;
    }
    uint32_t m = (next_part(s, bits) & all) * n;
    if ((m & all) < n) {
        const uint32_t least = (all - max) % n;
        while ((m & all) < least) m = (next_part(s, bits) & all) * n;
    }
    return m >> bits;
}

/* Uniform in [0, max], by the rule for elements of `size` bytes; bool has size 0. */
static uint64_t draw_sized(source *s, uint64_t max, int size)
{
    if (!max) return 0;
    switch (size) {
    case 0: return next_part(s, 1) & 1;
    case 1: return small_below(s, (uint32_t)max, 8);
    case 2: return small_below(s, (uint32_t)max, 16);
    default: break;
    }
    if (!s->masked) return draw_below(s->g, max);
    if (max == UINT32_MAX) return rng_next32(s->g);
    return max == UINT64_MAX ? rng_next64(s->g) : rng_interval(s->g, max);
}

static void put(char *at, uint32_t size, uint64_t x)
{
    memcpy(at, &x, size); /* the low bytes: little endian */
}

static int draw_size(enum dtype dt)
{
    return dt == DT_bool ? 0 : dtypes[dt].size;
}

/* ---- bounds ---- */

static void limits(enum dtype dt, rng_i128 *least, rng_i128 *most)
{
    int bits = dt == DT_bool ? 1 : dtypes[dt].size * 8;
    bool is_signed = dtypes[dt].kind == 'i';
    *least = is_signed ? -((rng_i128)1 << (bits - 1)) : 0;
    *most = ((rng_i128)1 << (is_signed ? bits - 1 : bits)) - 1;
}

static bool refuse_order(bool closed, bool all_zero, err *e)
{
    if (all_zero) return err_set(e, ValueError, closed ? "high < 0" : "high <= 0");
    return err_set(e, ValueError, closed ? "low > high" : "low >= high");
}

/* NumPy looks at nothing else then. */
static bool is_empty(int ndim, const int64_t *shape)
{
    return ndim > 0 && !shape_count(ndim, shape);
}

static bool check_dtype(enum dtype dt, bool old, err *e)
{
    if (dt == DT_bool || dtype_is_int(dt)) return true;
    return err_set(e, TypeError, "Unsupported dtype dtype('%s') for %s", dtypes[dt].name,
                   old ? "randint" : "integers");
}

/* the usual types and ranges: `count` numbers of first .. first + max */
#define FILL(name, T, DRAW, LIMIT)                                                                 \
    static void fill_##name(rng *g, uint64_t max, uint64_t first, int64_t count, void *out)        \
    {                                                                                              \
        T *to = out;                                                                               \
        if (g->kind == RNG_PCG64) {                                                                \
            rng own = rng_take_pcg(g);                                                             \
            for (int64_t k = 0; k < count; k++) to[k] = (T)(first + DRAW(&own, (LIMIT)max));       \
            rng_give_pcg(g, &own);                                                                 \
        } else {                                                                                   \
            for (int64_t k = 0; k < count; k++) to[k] = (T)(first + DRAW(g, (LIMIT)max));          \
        }                                                                                          \
    }
FILL(int32, uint32_t, lemire32, uint32_t)
FILL(int64, uint64_t, lemire32, uint32_t)
FILL(wide, uint64_t, lemire64, uint64_t)
#undef FILL

typedef struct filling {
    source s;
    int size; /* as draw_sized() wants it */
    uint64_t max, first;
} filling;

static void fill(filling *f, int64_t count, uint32_t step, char *at)
{
    uint64_t max = f->max, first = f->first;
    bool old = f->s.masked;
    if (!old && max && max < UINT32_MAX && f->size == 8) {
        fill_int64(f->s.g, max, first, count, at);
    } else if (!old && max && max < UINT32_MAX && f->size == 4) {
        fill_int32(f->s.g, max, first, count, at);
    } else if (!old && max > UINT32_MAX && max < UINT64_MAX) {
        fill_wide(f->s.g, max, first, count, at);
    } else if (!old && max && f->size == 1) {
        for (int64_t k = 0; k < count; k++)
            at[k] = (char)(first + small_below(&f->s, (uint32_t)max, 8));
    } else {
        for (int64_t k = count; k > 0; k--, at += step)
            put(at, step, first + draw_sized(&f->s, max, f->size));
    }
}

/* Piece by piece: somebody may stop it.  Takes out when it fails. */
static nd *filled(filling *f, nd *out, err *e)
{
    enum { PIECE = 1 << 18 };
    int64_t left = out ? nd_count(out) : 0;
    for (char *at = left ? out->at : NULL; left > 0; left -= PIECE, at += PIECE * out->size) {
        if (!stop_check(e)) return datum_unref(out);
        fill(f, left < PIECE ? left : PIECE, out->size, at);
    }
    return out;
}

nd *random_integers(rng *g, bool old, enum dtype dt, rng_i128 low, rng_i128 high, bool closed,
                    int ndim, const int64_t *shape, err *e)
{
    rng_i128 least, most;
    TRY(check_dtype(dt, old, e));
    if (is_empty(ndim, shape)) return nd_new(dtype_plain(dt), ndim, shape, e);
    limits(dt, &least, &most);
    high -= !closed;
    if (low < least) return err_set(e, ValueError, "low is out of bounds for %s", dtypes[dt].name);
    if (high > most) return err_set(e, ValueError, "high is out of bounds for %s", dtypes[dt].name);
    if (low > high) return refuse_order(closed, low == 0, e), NULL;
    int64_t to[ND_MAXDIM];
    int n = 0;
    TRY(random_shape(0, NULL, 0, ndim < 0 ? 0 : ndim, shape, &n, to, e));
    filling f = {.s = {.g = g, .masked = old},
                 .size = draw_size(dt),
                 .max = (uint64_t)(high - low),
                 .first = (uint64_t)low};
    return filled(&f, nd_new(dtype_plain(dt), n, to, e), e);
}

/* ---- arrays of bounds ---- */

static rng_i128 bound_at(const nd *x, const char *at)
{
    int64_t v;
    memcpy(&v, at, sizeof v);
    return x->dtype == DT_uint64 ? (rng_i128)(uint64_t)v : v;
}

typedef struct bounds {
    const nd *low, *high;
    enum dtype dt;
    bool old, closed;
} bounds;

/* What NumPy finds wrong first, over all elements. */
static bool check_bounds(const bounds *b, int ndim, const int64_t *shape, err *e)
{
    rng_i128 least, most;
    limits(b->dt, &least, &most);
    bool low_out = false, high_out = false, order = false, zero = true;
    walk k;
    walk_init(&k, ndim, shape);
    walk_add_nd(&k, b->low);
    walk_add_nd(&k, b->high);
    if (!k.count) return true;
    do {
        for (int64_t i = 0; i < k.shape[0]; i++) {
            rng_i128 low = bound_at(b->low, k.at[0] + i * k.step[0][0]);
            rng_i128 high = bound_at(b->high, k.at[1] + i * k.step[1][0]);
            low_out |= low < least;
            high_out |= high - !b->closed > most;
            order |= b->closed ? low > high : low >= high;
            zero &= low == 0;
        }
    } while (walk_next(&k));
    const char *name = dtypes[b->dt].name;
    if (low_out) return err_set(e, ValueError, "low is out of bounds for %s", name);
    if (high_out) return err_set(e, ValueError, "high is out of bounds for %s", name);
    return !order || refuse_order(b->closed, zero, e);
}

/* Draws the first elements of the broadcast bounds, as many as `out` has; when nobody waits for
 * the end any more, the rest stays as it is. */
static void draw_between(rng *g, const bounds *b, int ndim, const int64_t *shape, nd *out)
{
    enum { OFTEN = 1 << 15 };
    source s = {.g = g, .masked = b->old};
    int64_t left = nd_count(out);
    char *to = out->at;
    walk k;
    walk_init(&k, ndim, shape);
    walk_add_nd(&k, b->low);
    walk_add_nd(&k, b->high);
    if (!k.count) return;
    do {
        for (int64_t i = 0; i < k.shape[0] && left; i++, left--, to += out->size) {
            if (left % OFTEN == 0 && stop_asked()) return;
            rng_i128 low = bound_at(b->low, k.at[0] + i * k.step[0][0]);
            rng_i128 high = bound_at(b->high, k.at[1] + i * k.step[1][0]) - !b->closed;
            uint64_t x = draw_sized(&s, (uint64_t)(high - low), draw_size(b->dt));
            put(to, out->size, (uint64_t)low + x);
        }
    } while (left && walk_next(&k));
}

static nd *between(rng *g, const bounds *b, int ndim, const int64_t *shape, err *e)
{
    const nd *both[2] = {b->low, b->high};
    int64_t wide[ND_MAXDIM], all[ND_MAXDIM];
    int n, m;
    if (is_empty(ndim, shape)) return nd_new(dtype_plain(b->dt), ndim, shape, e);
    TRY(shape_broadcast(2, both, &n, wide, e));
    TRY(check_bounds(b, n, wide, e));
    if (ndim < 0) {
        nd *out = nd_new(dtype_plain(b->dt), n, wide, e);
        if (out) draw_between(g, b, n, wide, out);
        return out && !stop_check(e) ? datum_unref(out) : out;
    }
    nd *out = nd_new(dtype_plain(b->dt), ndim, shape, e);
    const nd *three[3] = {b->low, b->high, out};
    if (!out || !random_shape(3, three, 0, -1, NULL, &m, all, e)) return datum_unref(out);
    draw_between(g, b, m, all, out);
    return stop_check(e) ? out : datum_unref(out);
}

static nd *as_bound(const nd *x, err *e)
{
    return nd_cast(x, dtype_plain(x->dtype == DT_uint64 ? DT_uint64 : DT_int64), 'u', e);
}

nd *random_integers_between(rng *g, bool old, enum dtype dt, const nd *low, const nd *high,
                            bool closed, int ndim, const int64_t *shape, err *e)
{
    TRY(check_dtype(dt, old, e));
    nd *a = as_bound(low, e), *b = a ? as_bound(high, e) : NULL, *out = NULL;
    if (b) {
        bounds w = {.low = a, .high = b, .dt = dt, .old = old, .closed = closed};
        out = between(g, &w, ndim, shape, e);
    }
    datum_unref(a);
    datum_unref(b);
    return out;
}

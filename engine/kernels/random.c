/* engine/kernels/random.c - the table of distributions and what their parameters may be.
 *
 * Every row of random.def becomes two loops, Generator's and RandomState's; a few blocks that
 * are drawn most have faster ones. */
#include "engine/kernels/random.h"

#include <math.h>
#include <string.h>

#include "engine/kernels/random_draw.h"

/* ---- what rows check beyond single parameters ---- */

static bool check_uniform(const number *p, bool old, bool array, err *e)
{
    double range = p[1].d - p[0].d;
    if (!isfinite(range))
        return err_set(e, OverflowError,
                       old || array ? "Range exceeds valid bounds"
                                    : "high - low range exceeds valid bounds");
    if (!old && signbit(range)) return err_set(e, ValueError, "high - low < 0");
    return true;
}

static bool check_triangular(const number *p, bool old, bool array, err *e)
{
    (void)old;
    (void)array;
    if (p[0].d > p[1].d) return err_set(e, ValueError, "left > mode");
    if (p[1].d > p[2].d) return err_set(e, ValueError, "mode > right");
    if (p[0].d == p[2].d) return err_set(e, ValueError, "left == right");
    return true;
}

static bool check_negative_binomial(const number *p, bool old, bool array, err *e)
{
    (void)array;
    const double most = 0x1p63 - sqrt(0x1p63) * 10; /* a Poisson of that mean fits int64 */
    double n = p[0].d, q = (1 - p[1].d) / p[1].d;
    if (!old && n * q + 10.0 * sqrt(n) * q > most)
        return err_set(e, ValueError,
                       "n too large or p too small, see Generator.negative_binomial Notes");
    return true;
}

static bool check_hypergeometric(const number *p, bool old, bool array, err *e)
{
    (void)array;
    const int64_t most = 1000000000;
    if (!old && (p[0].i >= most || p[1].i >= most))
        return err_set(e, ValueError, "both ngood and nbad must be less than 1000000000");
    if (p[0].i + p[1].i < p[2].i) return err_set(e, ValueError, "ngood + nbad < nsample");
    return true;
}

/* ---- the loops and the table ---- */

#define FILL(fname, T, is_old, draw)                                                               \
    static void fname(rng *g, const number *p, size_t n, void *out)                                \
    {                                                                                              \
        const bool old = is_old;                                                                   \
        const double a = p[0].d, b = p[1].d, c = p[2].d;                                           \
        const int64_t i = p[0].i, j = p[1].i, k = p[2].i;                                          \
        (void)a, (void)b, (void)c, (void)i, (void)j, (void)k, (void)old;                           \
        T *o = out;                                                                                \
        for (size_t at = 0; at < n; at++) o[at] = draw;                                            \
    }
#define C_float64 double
#define C_int64   int64_t
#define DIST(name, flags, type, nparam, draw, check, doc, ...)                                     \
    FILL(new_##name, C_##type, false, draw)                                                        \
    FILL(old_##name, C_##type, true, draw)
#include "engine/kernels/random.def"
#undef DIST

FILL(single_random, float, false, rng_float(g))
FILL(single_standard_normal, float, false, ziggurat_normal_f(g))
FILL(single_standard_exponential, float, false, ziggurat_exponential_f(g))
FILL(single_standard_exponential_inv, float, false, (float)-log1p(-rng_float(g)))
FILL(single_standard_gamma, float, false, draw_gamma_f(g, (float)a))

fill_loop *const random_singles[NDIST] = {
    [DIST_random] = single_random,
    [DIST_standard_normal] = single_standard_normal,
    [DIST_standard_exponential] = single_standard_exponential,
    [DIST_standard_exponential_inv] = single_standard_exponential_inv,
    [DIST_standard_gamma] = single_standard_gamma,
};

#define REQ(name, check)                                                                           \
    {                                                                                              \
        name, true, false, 0, check, check                                                         \
    }
#define REQ2(name, check, check_old)                                                               \
    {                                                                                              \
        name, true, false, 0, check, check_old                                                     \
    }
#define INT(name, check)                                                                           \
    {                                                                                              \
        name, true, true, 0, check, check                                                          \
    }
#define INT2(name, check, check_old)                                                               \
    {                                                                                              \
        name, true, true, 0, check, check_old                                                      \
    }
#define OPT(name, value, check)                                                                    \
    {                                                                                              \
        name, false, false, value, check, check                                                    \
    }
#define NONE                                                                                       \
    {                                                                                              \
        NULL, false, false, 0, ANY, ANY                                                            \
    }
#define DIST(name, flags, type, nparam, draw, check, doc, ...)                                     \
    [DIST_##name] = {                                                                              \
        #name, doc, flags, nparam, DT_##type, {__VA_ARGS__}, {new_##name, old_##name}, check},
const distribution distributions[NDIST] = {
#include "engine/kernels/random.def"
};
#undef DIST

const distribution *distribution_find(const char *name, bool old)
{
    static const char *const aliases[] = {"random_sample", "ranf", "sample"};
    for (size_t i = 0; i < 3; i++)
        if (!strcmp(name, aliases[i])) return &distributions[DIST_random];
    for (const distribution *d = distributions; d < distributions + NDIST; d++)
        if (!strcmp(name, d->name)) return d->flags & (old ? ONLY_NEW : ONLY_OLD) ? NULL : d;
    return NULL;
}

/* ---- blocks that are worth more than a loop over single draws ---- */

static void block_random(rng *g, const number *p, size_t n, void *out)
{
    (void)p;
    rng_doubles(g, n, out);
}

static void scale(double *x, size_t n, double add, double by)
{
    for (size_t i = 0; i < n; i++) x[i] = add + by * x[i];
}

static void block_uniform(rng *g, const number *p, size_t n, void *out)
{
    rng_doubles(g, n, out);
    scale(out, n, p[0].d, p[1].d - p[0].d);
}

static void block_standard_normal(rng *g, const number *p, size_t n, void *out)
{
    (void)p;
    block_normal(g, n, out);
}

static void block_scaled_normal(rng *g, const number *p, size_t n, void *out)
{
    block_normal(g, n, out);
    scale(out, n, p[0].d, p[1].d);
}

static fill_loop *const blocks[NDIST][2] = {
    [DIST_random] = {block_random, block_random},
    [DIST_uniform] = {block_uniform, block_uniform},
    [DIST_standard_normal] = {NULL, block_standard_normal},
    [DIST_normal] = {NULL, block_scaled_normal},
};

void random_fill(rng *g, bool old, const distribution *d, const number *p, size_t n, void *out)
{
    fill_loop *block = blocks[d - distributions][old];
    (block ? block : d->fill[old])(g, p, n, out);
}

/* ---- parameters ---- */

static bool in_range(constraint c, double x)
{
    switch (c) {
    case NON_NEGATIVE: return isnan(x) || !signbit(x);
    case POSITIVE: return !(x <= 0);
    case IN_0_1: return x >= 0 && x <= 1;
    case ABOVE_0_1: return x > 0 && x <= 1;
    case BELOW_1: return x >= 0 && x < 1;
    case ABOVE_1: return x > 1;
    case AT_LEAST_1: return x >= 1;
    case POISSON: return x >= 0 && x <= 9.223372006484771e+18;
    default: return true;
    }
}

static bool refuse(constraint c, const char *name, double x, bool array, err *e)
{
    const char *nan = array ? "contains NaNs" : "is NaN";
    switch (c) {
    case NON_NEGATIVE: return err_set(e, ValueError, "%s < 0", name);
    case POSITIVE: return err_set(e, ValueError, "%s <= 0", name);
    case IN_0_1: return err_set(e, ValueError, "%s < 0, %s > 1 or %s %s", name, name, name, nan);
    case ABOVE_0_1:
        return err_set(e, ValueError, "%s <= 0, %s > 1 or %s contains NaNs", name, name, name);
    case BELOW_1: return err_set(e, ValueError, "%s < 0, %s >= 1 or %s %s", name, name, name, nan);
    case ABOVE_1: return err_set(e, ValueError, "%s <= 1 or %s %s", name, name, nan);
    case AT_LEAST_1: return err_set(e, ValueError, "%s < 1 or %s %s", name, name, nan);
    default: break;
    }
    if (x >= 0) return err_set(e, ValueError, "%s value too large", name);
    return err_set(e, ValueError, "%s < 0 or %s %s", name, name, nan);
}

static bool check_param(const dist_param *d, bool old, number p, bool array, err *e)
{
    constraint c = old ? d->check_old : d->check;
    double x = d->whole ? (double)p.i : p.d;
    return in_range(c, x) || refuse(c, d->name, x, array, e);
}

bool random_check(const distribution *d, bool old, const number *p, bool array, err *e)
{
    bool together_first = d == &distributions[DIST_hypergeometric] && !array;
    if (together_first) TRY(d->check(p, old, array, e));
    for (int i = 0; i < d->nparam; i++) TRY(check_param(&d->param[i], old, p[i], array, e));
    return !d->check || together_first || d->check(p, old, array, e);
}

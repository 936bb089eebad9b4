/* engine/kernels/random_multi.c - multinomial and Dirichlet draws: vectors along the last axis.
 *
 * A multinomial is a chain of binomials on what is left; a Dirichlet is gammas divided by
 * their sum, or (Generator, all alpha small) a stick broken by betas. */
#include <math.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/data/walk.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/random_draw.h"

static double weight_at(const char *p, int64_t step, int64_t i)
{
    double x;
    memcpy(&x, p + i * step, sizeof x);
    return x;
}

static void multinomial_row(rng *g, int64_t n, const char *p, int64_t step, int64_t d, int64_t *out)
{
    double left = 1.0;
    int64_t rest = n;
    memset(out, 0, (size_t)d * sizeof *out);
    for (int64_t j = 0; j < d - 1; j++) {
        double x = weight_at(p, step, j);
        out[j] = draw_binomial(g, false, rest, x / left);
        rest -= out[j];
        if (rest <= 0) return;
        left -= x;
    }
    if (d) out[d - 1] = rest;
}

static bool check_rows(const nd *p, const char *name, err *e)
{
    int64_t d = p->ext[p->ndim - 1], step = p->ext[2 * p->ndim - 1];
    walk k;
    walk_init(&k, p->ndim, nd_shape(p));
    walk_add_nd(&k, p);
    if (!k.count) return true;
    do { /* the innermost axis of the walk is the last of p */
        double sum = 0, lost = 0;
        for (int64_t j = 0; j < d; j++) {
            double x = weight_at(k.at[0], step, j);
            if (!(x >= 0) || !(x <= 1))
                return err_set(e, ValueError, "%s < 0, %s > 1 or %s contains NaNs", name, name,
                               name);
            if (j == d - 1) continue;
            double y = x - lost, t = sum + y;
            lost = (t - sum) - y;
            sum = t;
        }
        if (sum > 1.0 + 1e-12)
            return err_set(e, ValueError,
                           p->ndim == 1 ? "sum(pvals[:-1]) > 1.0" : "sum(pvals[...,:-1]) > 1.0");
    } while (walk_next(&k));
    return true;
}

static bool check_counts(const nd *n, err *e)
{
    walk k;
    walk_init(&k, n->ndim, nd_shape(n));
    walk_add_nd(&k, n);
    if (!k.count) return true;
    do
        for (int64_t i = 0; i < k.shape[0]; i++) {
            int64_t x;
            memcpy(&x, k.at[0] + i * k.step[0][0], sizeof x);
            if (x < 0) return err_set(e, ValueError, "n < 0");
        }
    while (walk_next(&k));
    return true;
}

/* pvals without its last axis, as an operand for broadcasting */
static nd *rows_of(const nd *p)
{
    return nd_view(p->b, p->at, nd_type(p), p->ndim - 1, nd_shape(p), nd_strides(p));
}

static nd *multinomial(rng *g, const nd *n, const nd *p, const nd *rows, int ndim,
                       const int64_t *shape, err *e)
{
    const nd *both[2] = {n, rows};
    int64_t to[ND_MAXDIM + 1], d = p->ext[p->ndim - 1], step = p->ext[2 * p->ndim - 1];
    int m = 0;
    TRY(random_shape(2, both, 0, ndim, shape, &m, to, e));
    to[m] = d;
    nd *out = nd_new(dtype_plain(DT_int64), m + 1, to, e);
    if (!out) return NULL;
    int64_t *at = (int64_t *)(void *)out->at;
    walk k;
    walk_init(&k, m, to);
    walk_add_nd(&k, n);
    walk_add_nd(&k, rows);
    if (!k.count) return out;
    do
        for (int64_t i = 0; i < k.shape[0]; i++, at += d) {
            int64_t count;
            memcpy(&count, k.at[0] + i * k.step[0][0], sizeof count);
            multinomial_row(g, count, k.at[1] + i * k.step[1][0], step, d, at);
        }
    while (walk_next(&k));
    return out;
}

nd *random_multinomial(rng *g, bool old, const nd *n, const nd *pvals, int ndim,
                       const int64_t *shape, err *e)
{
    if (!pvals->ndim || (old && pvals->ndim > 1))
        return err_set(e, ValueError,
                       old && pvals->ndim ? "pvals must be a 1-d array"
                                          : "pvals must have at least 1 dimension "
                                            "and the last dimension of pvals must "
                                            "be greater than 0.");
    nd *count = nd_cast(n, dtype_plain(DT_int64), 'u', e);
    nd *p = count ? nd_cast(pvals, dtype_plain(DT_float64), 'u', e) : NULL;
    nd *rows = p ? rows_of(p) : NULL, *out = NULL;
    if (rows && check_counts(count, e) && check_rows(p, "pvals", e))
        out = multinomial(g, count, p, rows, ndim, shape, e);
    datum_unref(count);
    datum_unref(p);
    datum_unref(rows);
    return out;
}

/* ---- Dirichlet ---- */

static void dirichlet_row(rng *g, bool old, const double *alpha, int64_t d, double *out)
{
    double sum = 0;
    for (int64_t j = 0; j < d; j++) {
        out[j] = draw_gamma(g, old, alpha[j]);
        sum += out[j];
    }
    double by = 1 / sum;
    for (int64_t j = 0; j < d; j++) out[j] *= by;
}

/* tail[j]: the sum of alpha[j..d) */
static void broken_stick(rng *g, const double *alpha, const double *tail, int64_t d, double *out)
{
    double left = 1.0;
    memset(out, 0, (size_t)d * sizeof *out);
    for (int64_t j = 0; j < d - 1; j++) {
        double v = draw_beta(g, false, alpha[j], tail[j + 1]);
        out[j] = left * v;
        left *= 1. - v;
        if (tail[j + 1] == 0) break;
    }
    out[d - 1] = left;
}

static void fill_dirichlet(rng *g, bool old, const double *alpha, int64_t d, double *tail,
                           int64_t rows, double *out)
{
    double most = 0, sum = 0;
    for (int64_t j = d - 1; j >= 0; j--) {
        most = fmax(most, alpha[j]);
        tail[j] = sum += alpha[j];
    }
    for (; rows > 0; rows--, out += d) {
        if (!old && most < 0.1)
            broken_stick(g, alpha, tail, d, out);
        else
            dirichlet_row(g, old, alpha, d, out);
    }
}

static bool check_alpha(const double *alpha, int64_t d, bool old, err *e)
{
    for (int64_t j = 0; j < d; j++)
        if (old ? alpha[j] <= 0 : alpha[j] < 0)
            return err_set(e, ValueError, old ? "alpha <= 0" : "alpha < 0");
    return true;
}

nd *random_dirichlet(rng *g, bool old, const nd *alpha, int ndim, const int64_t *shape, err *e)
{
    int64_t to[ND_MAXDIM + 1];
    int m = 0;
    if (alpha->ndim != 1) return err_set(e, ValueError, "alpha must be a one-dimensional array");
    TRY(random_shape(0, NULL, 0, ndim < 0 ? 0 : ndim, shape, &m, to, e));
    nd *cast = nd_cast(alpha, dtype_plain(DT_float64), 'u', e);
    nd *a = cast ? nd_contiguous(cast, e) : NULL, *out = NULL;
    int64_t d = a ? a->ext[0] : 0;
    const double *values = a ? (const double *)(const void *)a->at : NULL;
    double *tail = a ? try_alloc(((size_t)d + 1) * sizeof *tail, e) : NULL;
    to[m] = d;
    if (tail && check_alpha(values, d, old, e)) out = nd_new(dtype_plain(DT_float64), m + 1, to, e);
    if (out && d)
        fill_dirichlet(g, old, values, d, tail, shape_count(m, to), (double *)(void *)out->at);
    mem_free(tail);
    datum_unref(a);
    datum_unref(cast);
    return out;
}

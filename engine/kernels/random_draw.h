/* engine/kernels/random_draw.h - single draws, private to random*.c.
 *
 * `old` selects RandomState's frozen variants: the polar method for normals and inversion for
 * exponentials instead of ziggurats.  It is a constant wherever these are called. */
#pragma once

#include <math.h>

#include "engine/kernels/random.h"

double ziggurat_normal(rng *g);
double ziggurat_exponential(rng *g);
float ziggurat_normal_f(rng *g);
float ziggurat_exponential_f(rng *g);
float draw_gamma_f(rng *g, float shape);
double polar_normal(rng *g);

static inline double draw_normal(rng *g, bool old)
{
    return old ? polar_normal(g) : ziggurat_normal(g);
}

static inline double draw_exponential(rng *g, bool old)
{
    return old ? -log(1.0 - rng_double(g)) : ziggurat_exponential(g);
}

double draw_gamma(rng *g, bool old, double shape);
double draw_beta(rng *g, bool old, double a, double b);
double draw_chisquare(rng *g, bool old, double df);
double draw_noncentral_chisquare(rng *g, bool old, double df, double nonc);
double draw_f(rng *g, bool old, double num, double den);
double draw_noncentral_f(rng *g, bool old, double num, double den, double nonc);
double draw_cauchy(rng *g, bool old);
double draw_t(rng *g, bool old, double df);
double draw_vonmises(rng *g, bool old, double mu, double kappa);
double draw_pareto(rng *g, bool old, double a);
double draw_weibull(rng *g, bool old, double a);
double draw_power(rng *g, bool old, double a);
double draw_laplace(rng *g, double loc, double scale);
double draw_gumbel(rng *g, double loc, double scale);
double draw_logistic(rng *g, double loc, double scale);
double draw_rayleigh(rng *g, bool old, double scale);
double draw_wald(rng *g, bool old, double mean, double scale);
double draw_triangular(rng *g, double left, double mode, double right);

int64_t draw_poisson(rng *g, double lam);
int64_t draw_binomial(rng *g, bool old, int64_t n, double p);
int64_t draw_negative_binomial(rng *g, bool old, double n, double p);
int64_t draw_geometric(rng *g, bool old, double p);
int64_t draw_zipf(rng *g, double a);
int64_t draw_logseries(rng *g, bool old, double p);
int64_t draw_hypergeometric(rng *g, bool old, int64_t good, int64_t bad, int64_t sample);
/* uniform in [0, max] by Lemire's multiplication, as Generator's bounded integers */
uint64_t draw_below(rng *g, uint64_t max);

/* ---- shapes ---- */

/* The C-order shape of a draw: `size` (ndim -1: none given) together with the parameters, which
 * must not widen it.  first: NumPy's number of the first parameter in its messages. */
bool random_shape(int n, const nd *const *x, int first, int ndim, const int64_t *size, int *to_ndim,
                  int64_t *to, err *e);

/* ---- whole blocks, where a loop over single draws would be slow ---- */

void block_normal(rng *g, size_t n, double *out); /* polar_normal, n times */

typedef void fill_loop(rng *g, const number *p, size_t n, void *out);
extern fill_loop *const random_singles[NDIST]; /* the rows that yield float32, too */

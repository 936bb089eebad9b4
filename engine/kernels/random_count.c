/* engine/kernels/random_count.c - single draws of whole numbers.
 *
 * Poisson by Hormann's transformed rejection (PTRS), binomial by inversion or by BTPE
 * (Kachitvichyanukul and Schmeiser), hypergeometric by HRUA or by drawing one at a time. */
#include "engine/kernels/random_draw.h"

#include <stdlib.h>

/* log Gamma(x), by Stirling's series beyond 7 */
static double log_gamma(double x)
{
    static const double a[10] = {8.333333333333333e-02, -2.777777777777778e-03,
                                 7.936507936507937e-04, -5.952380952380952e-04,
                                 8.417508417508418e-04, -1.917526917526918e-03,
                                 6.410256410256410e-03, -2.955065359477124e-02,
                                 1.796443723688307e-01, -1.39243221690590e+00};
    if (x == 1.0 || x == 2.0) return 0.0;
    int64_t n = x < 7.0 ? (int64_t)(7 - x) : 0;
    double x0 = x + (double)n, x2 = (1.0 / x0) * (1.0 / x0), sum = a[9];
    for (int k = 8; k >= 0; k--) {
        sum *= x2;
        sum += a[k];
    }
    double r = sum / x0 + 0.5 * 1.8378770664093453e+00 + (x0 - 0.5) * log(x0) - x0;
    for (int64_t k = 1; k <= n; k++) {
        r -= log(x0 - 1.0);
        x0 -= 1.0;
    }
    return r;
}

// clang-format off
static const double log_factorials[] = {
    0.0, 0.0, 0.6931471805599453, 1.791759469228055, 3.1780538303479458, 4.787491742782046,
    6.579251212010101, 8.525161361065415, 10.60460290274525, 12.801827480081469,
    15.104412573075516, 17.502307845873887, 19.987214495661885, 22.552163853123425,
    25.19122118273868, 27.89927138384089, 30.671860106080672, 33.50507345013689,
    36.39544520803305, 39.339884187199495, 42.335616460753485, 45.38013889847691,
    48.47118135183523, 51.60667556776438, 54.78472939811232, 58.00360522298052, 61.261701761002,
    64.55753862700634, 67.88974313718154, 71.25703896716801, 74.65823634883016, 78.0922235533153,
    81.55795945611504, 85.05446701758152, 88.58082754219768, 92.1361756036871, 95.7196945421432,
    99.33061245478743, 102.96819861451381, 106.63176026064346, 110.32063971475739,
    114.0342117814617, 117.77188139974507, 121.53308151543864, 125.3172711493569,
    129.12393363912722, 132.95257503561632, 136.80272263732635, 140.67392364823425,
    144.5657439463449, 148.47776695177302, 152.40959258449735, 156.3608363030788,
    160.3311282166309, 164.32011226319517, 168.32744544842765, 172.3527971391628,
    176.39584840699735, 180.45629141754378, 184.53382886144948, 188.6281734236716,
    192.7390472878449, 196.86618167289, 201.00931639928152, 205.1681994826412, 209.34258675253685,
    213.53224149456327, 217.73693411395422, 221.95644181913033, 226.1905483237276,
    230.43904356577696, 234.70172344281826, 238.97838956183432, 243.2688490029827,
    247.57291409618688, 251.8904022097232, 256.22113555000954, 260.5649409718632,
    264.9216497985528, 269.2910976510198, 273.6731242856937, 278.0675734403661, 282.4742926876304,
    286.893133295427, 291.3239500942703, 295.76660135076065, 300.22094864701415,
    304.6868567656687, 309.1641935801469, 313.65282994987905, 318.1526396202093,
    322.66349912672615, 327.1852877037752, 331.7178871969285, 336.26118197919845,
    340.815058870799, 345.37940706226686, 349.95411804077025, 354.5390855194408,
    359.1342053695754, 363.73937555556347, 368.35449607240474, 372.979468885689,
    377.61419787391867, 382.25858877306, 386.91254912321756, 391.5759882173296,
    396.24881705179155, 400.93094827891576, 405.6222961611449, 410.32277652693733,
    415.03230672824964, 419.7508055995447, 424.4781934182571, 429.21439186665157,
    433.9593239950148, 438.71291418612117, 443.47508812091894, 448.2457727453846,
    453.0248962384961, 457.81238798127816, 462.6081785268749, 467.4121995716082,
    472.2243839269806, 477.04466549258564, 481.87297922988796,
};
// clang-format on
enum { NLOG_FACTORIAL = sizeof log_factorials / sizeof *log_factorials };

/* log k!; the first ones from a table */
static double log_factorial(int64_t k)
{
    const double half_log_2pi = 0.9189385332046728;
    if (k < NLOG_FACTORIAL) return log_factorials[k];
    double x = (double)k;
    return (x + 0.5) * log(x) - x + (half_log_2pi + (1.0 / x) * (1 / 12.0 - 1 / (360.0 * x * x)));
}

/* ---- Poisson ---- */

static int64_t poisson_by_product(rng *g, double lam)
{
    double least = exp(-lam), product = 1.0;
    for (int64_t x = 0;; x++) {
        product *= rng_double(g);
        if (product <= least) return x;
    }
}

static int64_t poisson_by_rejection(rng *g, double lam)
{
    double slam = sqrt(lam), loglam = log(lam);
    double b = 0.931 + 2.53 * slam, a = -0.059 + 0.02483 * b;
    double invalpha = 1.1239 + 1.1328 / (b - 3.4), vr = 0.9277 - 3.6224 / (b - 2);
    for (;;) {
        double u = rng_double(g) - 0.5, v = rng_double(g), us = 0.5 - fabs(u);
        int64_t k = (int64_t)floor((2 * a / us + b) * u + lam + 0.43);
        if (us >= 0.07 && v <= vr) return k;
        if (k < 0 || (us < 0.013 && v > us)) continue;
        if (log(v) + log(invalpha) - log(a / (us * us) + b) <=
            -lam + (double)k * loglam - log_gamma((double)k + 1))
            return k;
    }
}

int64_t draw_poisson(rng *g, double lam)
{
    if (lam >= 10) return poisson_by_rejection(g, lam);
    return lam == 0 ? 0 : poisson_by_product(g, lam);
}

int64_t draw_negative_binomial(rng *g, bool old, double n, double p)
{
    double y = (1 - p) / p * draw_gamma(g, old, n);
    return draw_poisson(g, y);
}

/* ---- binomial, p <= 1/2 ---- */

static int64_t binomial_by_inversion(rng *g, int64_t n, double p)
{
    double q = 1.0 - p, qn = exp((double)n * log(q)), np = (double)n * p;
    double most = fmin((double)n, np + 10.0 * sqrt(np * q + 1));
    int64_t bound = (int64_t)most, x = 0;
    double px = qn, u = rng_double(g);
    while (u > px) {
        if (++x > bound) {
            x = 0;
            px = qn;
            u = rng_double(g);
        } else {
            u -= px;
            px = ((double)(n - x + 1) * p * px) / ((double)x * q);
        }
    }
    return x;
}

static void plan_binomial(binomial_plan *b, int64_t n, double p)
{
    if (b->made && b->n == n && b->p == p) return;
    double dn = (double)n, r = fmin(p, 1.0 - p), q = 1.0 - r, fm = dn * r + r;
    b->made = true;
    b->n = n;
    b->p = p;
    b->r = r;
    b->q = q;
    b->fm = fm;
    b->m = (int64_t)floor(fm);
    b->p1 = floor(2.195 * sqrt(dn * r * q) - 4.6 * q) + 0.5;
    b->xm = (double)b->m + 0.5;
    b->xl = b->xm - b->p1;
    b->xr = b->xm + b->p1;
    b->c = 0.134 + 20.5 / (15.3 + (double)b->m);
    double a = (fm - b->xl) / (fm - b->xl * r);
    b->laml = a * (1.0 + a / 2.0);
    a = (b->xr - fm) / (b->xr * q);
    b->lamr = a * (1.0 + a / 2.0);
    b->p2 = b->p1 * (1.0 + 2.0 * b->c);
    b->p3 = b->p2 + b->c / b->laml;
    b->p4 = b->p3 + b->c / b->lamr;
}

/* A point under the hat: false when it is rejected at once.  *sure: inside the triangle. */
static bool btpe_point(rng *g, const binomial_plan *b, int64_t *y, double *v, bool *sure)
{
    double u = rng_double(g) * b->p4;
    *v = rng_double(g);
    *sure = u <= b->p1;
    if (*sure) {
        *y = (int64_t)floor(b->xm - b->p1 * *v + u);
        return true;
    }
    if (u <= b->p2) { /* parallelogram */
        double x = b->xl + (u - b->p1) / b->c;
        *v = *v * b->c + 1.0 - fabs((double)b->m - x + 0.5) / b->p1;
        *y = (int64_t)floor(x);
        return *v <= 1.0;
    }
    if (*v == 0.0) return false;
    if (u <= b->p3) { /* left tail */
        *y = (int64_t)floor(b->xl + log(*v) / b->laml);
        *v = *v * (u - b->p2) * b->laml;
        return *y >= 0;
    }
    *y = (int64_t)floor(b->xr - log(*v) / b->lamr);
    *v = *v * (u - b->p3) * b->lamr;
    return *y <= b->n;
}

static double stirling(double x, double x2)
{
    return (13680. - (462. - (132. - (99. - 140. / x2) / x2) / x2) / x2) / x / 166320.;
}

static bool btpe_far(const binomial_plan *b, int64_t y, double v, double k, double nrq)
{
    double rho = (k / nrq) * ((k * (k / 3.0 + 0.625) + 0.16666666666666666) / nrq + 0.5);
    double t = -k * k / (2 * nrq), a = log(v);
    if (a < t - rho) return true;
    if (a > t + rho) return false;
    double n = (double)b->n, m = (double)b->m, dy = (double)y;
    double x1 = dy + 1, f1 = m + 1, z = n + 1 - m, w = n - dy + 1;
    double x2 = x1 * x1, f2 = f1 * f1, z2 = z * z, w2 = w * w;
    return a <= b->xm * log(f1 / x1) + (n - m + 0.5) * log(z / w) +
                    (dy - m) * log(w * b->r / (x1 * b->q)) + stirling(f1, f2) + stirling(z, z2) +
                    stirling(x1, x2) + stirling(w, w2);
}

/* Whether v lies under the density at y. */
static bool btpe_accepts(const binomial_plan *b, int64_t y, double v)
{
    int64_t k = llabs(y - b->m);
    double nrq = (double)b->n * b->r * b->q;
    if (k > 20 && (double)k < nrq / 2.0 - 1) return btpe_far(b, y, v, (double)k, nrq);
    double s = b->r / b->q, a = s * (double)(b->n + 1), f = 1.0;
    for (int64_t i = b->m + 1; i <= y; i++) f *= a / (double)i - s;
    for (int64_t i = y + 1; i <= b->m; i++) f /= a / (double)i - s;
    return v <= f;
}

static int64_t binomial_by_btpe(rng *g, int64_t n, double p)
{
    plan_binomial(&g->plan, n, p);
    int64_t y;
    double v;
    bool sure;
    while (!btpe_point(g, &g->plan, &y, &v, &sure) || !(sure || btpe_accepts(&g->plan, y, v)))
        continue;
    return y;
}

static int64_t small_binomial(rng *g, int64_t n, double p)
{
    return p * (double)n <= 30.0 ? binomial_by_inversion(g, n, p) : binomial_by_btpe(g, n, p);
}

int64_t draw_binomial(rng *g, bool old, int64_t n, double p)
{
    if (!old && (n == 0 || p == 0.0)) return 0;
    return p <= 0.5 ? small_binomial(g, n, p) : n - small_binomial(g, n, 1.0 - p);
}

/* ---- geometric, Zipf, logarithmic series ---- */

static int64_t geometric_by_search(rng *g, double p)
{
    int64_t x = 1;
    double sum = p, product = p, q = 1.0 - p, u = rng_double(g);
    while (u > sum) {
        product *= q;
        sum += product;
        x++;
    }
    return x;
}

int64_t draw_geometric(rng *g, bool old, double p)
{
    if (p >= 0.333333333333333333333333) return geometric_by_search(g, p);
    if (old) return (int64_t)ceil(log1p(-rng_double(g)) / log(1 - p));
    double z = ceil(-ziggurat_exponential(g) / log1p(-p));
    return z >= 9.223372036854776e+18 ? INT64_MAX : (int64_t)z;
}

int64_t draw_zipf(rng *g, double a)
{
    double am1 = a - 1.0, b = pow(2.0, am1);
    for (;;) {
        double u = 1.0 - rng_double(g), v = rng_double(g), x = floor(pow(u, -1.0 / am1));
        if (x > (double)INT64_MAX || x < 1.0) continue;
        double t = pow(1.0 + 1.0 / x, am1);
        if (v * x * (t - 1.0) / (b - 1.0) <= t / b) return (int64_t)x;
    }
}

int64_t draw_logseries(rng *g, bool old, double p)
{
    double r = old ? log(1.0 - p) : log1p(-p);
    for (;;) {
        double v = rng_double(g);
        if (v >= p) return 1;
        double u = rng_double(g), q = old ? 1.0 - exp(r * u) : -expm1(r * u);
        if (v > q * q) return v >= q ? 1 : 2;
        int64_t x = (int64_t)floor(1 + log(v) / log(q));
        if (x >= 1 && v != 0.0) return x;
    }
}

/* ---- hypergeometric ---- */

static const double D1 = 1.7155277699214135, D2 = 0.8989161620588988;

static int64_t min_int(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Hormann's ratio of uniforms: the point and the logarithm of the density there decide. */
static bool hrua_accepts(double u, double t)
{
    if (u * (4.0 - u) - 3.0 <= t) return true;
    return u * (u - t) < 1 && 2.0 * log(u) <= t;
}

typedef double log_count(int64_t k); /* log k! */

static double log_gamma_next(int64_t k)
{
    return log_gamma((double)(k + 1));
}

static double hrua_density(log_count *f, int64_t k, int64_t few, int64_t many, int64_t sample)
{
    return f(k) + f(few - k) + f(sample - k) + f(many - sample + k);
}

static int64_t hypergeometric_by_hrua(rng *g, bool old, int64_t good, int64_t bad, int64_t sample)
{
    log_count *f = old ? log_gamma_next : log_factorial;
    int64_t all = good + bad, n = min_int(sample, all - sample);
    int64_t few = min_int(good, bad), many = good + bad - few;
    double p = (double)few / (double)all, q = old ? 1.0 - p : (double)many / (double)all;
    double mean = (double)n * p + 0.5;
    double spread = (double)(all - n) * (double)(old ? sample : n) * p * q / (double)(all - 1);
    double c = sqrt(spread + 0.5), h = D1 * c + D2;
    int64_t mode = (int64_t)floor((double)(n + 1) * (double)(few + 1) / (double)(all + 2));
    double top = hrua_density(f, mode, few, many, n);
    double bound = fmin((double)min_int(n, few) + 1.0, floor(mean + 16 * c));
    int64_t k;
    for (;;) {
        double u = rng_double(g), v = rng_double(g), x = mean + h * (v - 0.5) / u;
        if (x < 0.0 || x >= bound) continue;
        k = (int64_t)floor(x);
        if (hrua_accepts(u, top - hrua_density(f, k, few, many, n))) break;
    }
    if (good > bad) k = n - k;
    return n < sample ? good - k : k;
}

/* RandomState: one at a time, from the smaller of the two kinds */
static int64_t hypergeometric_old(rng *g, int64_t good, int64_t bad, int64_t sample)
{
    int64_t left = sample, d1 = bad + good - sample;
    double d2 = (double)min_int(bad, good), y = d2;
    while (y > 0.0) {
        y -= (double)(int64_t)floor(rng_double(g) + y / (double)(d1 + left));
        if (--left == 0) break;
    }
    int64_t z = (int64_t)(d2 - y);
    return good > bad ? sample - z : z;
}

static int64_t hypergeometric_new(rng *g, int64_t good, int64_t bad, int64_t sample)
{
    int64_t all = good + bad, n = sample > all / 2 ? all - sample : sample, rest = good;
    int64_t left = all;
    while (n > 0 && rest > 0 && left > rest) {
        left--;
        if ((int64_t)rng_interval(g, (uint64_t)left) < rest) rest--;
        n--;
    }
    if (left == rest) rest -= n;
    return sample > all / 2 ? rest : good - rest;
}

int64_t draw_hypergeometric(rng *g, bool old, int64_t good, int64_t bad, int64_t sample)
{
    if (old && sample > 10) return hypergeometric_by_hrua(g, true, good, bad, sample);
    if (old) return sample > 0 ? hypergeometric_old(g, good, bad, sample) : 0;
    if (sample >= 10 && sample <= good + bad - 10)
        return hypergeometric_by_hrua(g, false, good, bad, sample);
    return hypergeometric_new(g, good, bad, sample);
}

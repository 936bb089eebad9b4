/* engine/kernels/random_draw.c - single draws of real numbers.
 *
 * The ziggurats of Marsaglia and Tsang, gammas by Marsaglia and Tsang, betas by Johnk; the
 * operations stand in the order NumPy performs them, since every rounding shows in the stream. */
#include "engine/kernels/random_draw.h"

#define NORMAL_R       3.6541528853610087963519472518
#define NORMAL_INV_R   0.27366123732975827203338247596
#define NORMAL_R_F     3.6541528853610087963519472518f
#define NORMAL_INV_R_F 0.27366123732975827203338247596f
#define EXP_R          7.6971174701310497140446280481
#define EXP_R_F        7.6971174701310497140446280481f

typedef struct layer {
    uint64_t k;
    double w, f;
} layer;

typedef struct layer_f {
    uint32_t k;
    float w, f;
} layer_f;

static const layer normals[256] = {
#define NORMAL(k, w, f) {k, w, f},
#include "engine/kernels/ziggurat.def"
#undef NORMAL
};
static const layer exponentials[256] = {
#define EXPONENTIAL(k, w, f) {k, w, f},
#include "engine/kernels/ziggurat.def"
#undef EXPONENTIAL
};
static const layer_f normals_f[256] = {
#define NORMAL_F(k, w, f) {k, w, f},
#include "engine/kernels/ziggurat.def"
#undef NORMAL_F
};
static const layer_f exponentials_f[256] = {
#define EXPONENTIAL_F(k, w, f) {k, w, f},
#include "engine/kernels/ziggurat.def"
#undef EXPONENTIAL_F
};

static double normal_tail(rng *g, bool minus)
{
    for (;;) {
        double x = -NORMAL_INV_R * log1p(-rng_double(g)), y = -log1p(-rng_double(g));
        if (y + y > x * x) return minus ? -(NORMAL_R + x) : NORMAL_R + x;
    }
}

double ziggurat_normal(rng *g)
{
    for (;;) {
        uint64_t r = rng_next64(g);
        unsigned i = r & 0xff;
        uint64_t abs = (r >> 9) & 0x000fffffffffffff;
        double x = (double)abs * normals[i].w;
        if (r & 0x100) x = -x;
        if (abs < normals[i].k) return x;
        if (!i) return normal_tail(g, abs >> 8 & 1);
        double f = normals[i].f;
        if ((normals[i - 1].f - f) * rng_double(g) + f < exp(-0.5 * x * x)) return x;
    }
}

float ziggurat_normal_f(rng *g)
{
    for (;;) {
        uint32_t r = rng_next32(g);
        unsigned i = r & 0xff;
        uint32_t abs = (r >> 9) & 0x0007fffff;
        float x = (float)abs * normals_f[i].w, f = normals_f[i].f;
        if (r & 0x100) x = -x;
        if (abs < normals_f[i].k) return x;
        if (i) {
            if ((normals_f[i - 1].f - f) * rng_float(g) + f < exp(-0.5 * x * x)) return x;
            continue;
        }
        for (;;) {
            float tail = -NORMAL_INV_R_F * log1pf(-rng_float(g)), y = -log1pf(-rng_float(g));
            if (y + y > tail * tail) return abs >> 8 & 1 ? -(NORMAL_R_F + tail) : NORMAL_R_F + tail;
        }
    }
}

double ziggurat_exponential(rng *g)
{
    for (;;) {
        uint64_t r = rng_next64(g) >> 3;
        unsigned i = r & 0xff;
        r >>= 8;
        double x = (double)r * exponentials[i].w;
        if (r < exponentials[i].k) return x;
        if (!i) return EXP_R - log1p(-rng_double(g));
        double f = exponentials[i].f;
        if ((exponentials[i - 1].f - f) * rng_double(g) + f < exp(-x)) return x;
    }
}

float ziggurat_exponential_f(rng *g)
{
    for (;;) {
        uint32_t r = rng_next32(g) >> 1;
        unsigned i = r & 0xff;
        r >>= 8;
        float x = (float)r * exponentials_f[i].w;
        if (r < exponentials_f[i].k) return x;
        if (!i) return EXP_R_F - log1pf(-rng_float(g));
        float f = exponentials_f[i].f;
        if ((exponentials_f[i - 1].f - f) * rng_float(g) + f < expf(-x)) return x;
    }
}

double polar_normal(rng *g)
{
    if (g->has_gauss) {
        double kept = g->gauss;
        g->gauss = 0;
        g->has_gauss = false;
        return kept;
    }
    double x, y, r2;
    do {
        x = 2.0 * rng_double(g) - 1.0;
        y = 2.0 * rng_double(g) - 1.0;
        r2 = x * x + y * y;
    } while (r2 >= 1.0 || r2 == 0.0);
    double f = sqrt(-2.0 * log(r2) / r2);
    g->gauss = f * x;
    g->has_gauss = true;
    return f * y;
}

/* ---- gamma and its relatives ---- */

static double small_gamma(rng *g, bool old, double shape)
{
    for (;;) {
        double u = rng_double(g), v = draw_exponential(g, old);
        if (u <= 1.0 - shape) {
            double x = pow(u, 1.0 / shape);
            if (x <= v) return x;
        } else {
            double y = -log((1 - u) / shape), x = pow(1.0 - shape + shape * y, 1.0 / shape);
            if (x <= v + y) return x;
        }
    }
}

double draw_gamma(rng *g, bool old, double shape)
{
    if (shape == 1.0) return draw_exponential(g, old);
    if (shape == 0.0) return 0.0;
    if (shape < 1.0) return small_gamma(g, old, shape);
    double b = shape - 1. / 3., c = 1. / sqrt(9 * b);
    for (;;) {
        double x, v;
        do {
            x = draw_normal(g, old);
            v = 1.0 + c * x;
        } while (v <= 0.0);
        v = v * v * v;
        double u = rng_double(g);
        if (u < 1.0 - 0.0331 * (x * x) * (x * x)) return b * v;
        if (log(u) < 0.5 * x * x + b * (1. - v + log(v))) return b * v;
    }
}

static float small_gamma_f(rng *g, float shape)
{
    for (;;) {
        float u = rng_float(g), v = ziggurat_exponential_f(g);
        if (u <= 1.0f - shape) {
            float x = powf(u, 1.0f / shape);
            if (x <= v) return x;
        } else {
            float y = -logf((1.0f - u) / shape);
            float x = powf(1.0f - shape + shape * y, 1.0f / shape);
            if (x <= v + y) return x;
        }
    }
}

float draw_gamma_f(rng *g, float shape)
{
    if (shape == 1.0f) return ziggurat_exponential_f(g);
    if (shape == 0.0f) return 0.0f;
    if (shape < 1.0f) return small_gamma_f(g, shape);
    float b = shape - 1.0f / 3.0f, c = 1.0f / sqrtf(9.0f * b);
    for (;;) {
        float x, v;
        do {
            x = ziggurat_normal_f(g);
            v = 1.0f + c * x;
        } while (v <= 0.0f);
        v = v * v * v;
        float u = rng_float(g);
        if (u < 1.0f - 0.0331f * (x * x) * (x * x)) return b * v;
        if (logf(u) < 0.5f * x * x + b * (1.0f - v + logf(v))) return b * v;
    }
}

/* x / (x + y) for x = u^(1/a), y = v^(1/b), both below the smallest double */
static double beta_by_logs(double u, double v, double a, double b)
{
    double x = log(u) / a, y = log(v) / b, m = x > y ? x : y;
    x -= m;
    y -= m;
    return exp(x - log(exp(x) + exp(y)));
}

double draw_beta(rng *g, bool old, double a, double b)
{
    if (a > 1.0 || b > 1.0 || isnan(a) || isnan(b)) {
        double x = draw_gamma(g, old, a), y = draw_gamma(g, old, b);
        return x / (x + y);
    }
    const double tiny = 1e-15; /* where NumPy would look for ever */
    if (!old && a < tiny && b < tiny) return (a + b) * rng_double(g) < a;
    for (;;) {
        double u = rng_double(g), v = rng_double(g);
        double x = pow(u, 1.0 / a), y = pow(v, 1.0 / b), sum = x + y;
        if (sum > 1.0 || !(old || sum > 0.0)) continue;
        return sum > 0 ? x / sum : beta_by_logs(u, v, a, b);
    }
}

double draw_chisquare(rng *g, bool old, double df)
{
    return 2.0 * draw_gamma(g, old, df / 2.0);
}

double draw_noncentral_chisquare(rng *g, bool old, double df, double nonc)
{
    if (!old && isnan(nonc)) return NAN;
    if (nonc == 0) return draw_chisquare(g, old, df);
    if (1 < df) {
        double x = draw_chisquare(g, old, df - 1), n = draw_normal(g, old) + sqrt(nonc);
        return x + n * n;
    }
    int64_t i = draw_poisson(g, nonc / 2.0);
    double x = draw_chisquare(g, old, df + 2 * (double)i);
    return isnan(nonc) ? NAN : x;
}

double draw_f(rng *g, bool old, double num, double den)
{
    double x = draw_chisquare(g, old, num) * den;
    return x / (draw_chisquare(g, old, den) * num);
}

double draw_noncentral_f(rng *g, bool old, double num, double den, double nonc)
{
    double t = draw_noncentral_chisquare(g, old, num, nonc) * den;
    return t / (draw_chisquare(g, old, den) * num);
}

double draw_cauchy(rng *g, bool old)
{
    double x = draw_normal(g, old);
    return x / draw_normal(g, old);
}

double draw_t(rng *g, bool old, double df)
{
    double x = draw_normal(g, old), y = draw_gamma(g, old, df / 2);
    return sqrt(df / 2) * x / sqrt(y);
}

/* ---- the others ---- */

static double wrap_angle(double x)
{
    bool minus = x < 0;
    x = fmod(fabs(x) + M_PI, 2 * M_PI) - M_PI;
    return minus ? -x : x;
}

static double vonmises_s(double kappa)
{
    if (kappa < 1e-5) return 1. / kappa + kappa; /* Taylor about 0 */
    double r = 1 + sqrt(1 + 4 * kappa * kappa), rho = (r - sqrt(2 * r)) / (2 * kappa);
    return (1 + rho * rho) / (2 * rho);
}

double draw_vonmises(rng *g, bool old, double mu, double kappa)
{
    if (isnan(kappa)) return NAN;
    if (kappa < 1e-8) return M_PI * (2 * rng_double(g) - 1);
    if (!old && kappa > 1e6) { /* as good as normal, wrapped */
        double x = mu + sqrt(1. / kappa) * ziggurat_normal(g);
        if (x < -M_PI) x += 2 * M_PI;
        if (x > M_PI) x -= 2 * M_PI;
        return x;
    }
    double s = vonmises_s(kappa), w, y, v;
    do {
        double z = cos(M_PI * rng_double(g));
        w = (1 + s * z) / (s + z);
        y = kappa * (s - w);
        v = rng_double(g);
    } while (!(y * (2 - y) - v >= 0) && !(log(y / v) + 1 - y >= 0));
    double x = acos(w);
    if (rng_double(g) < 0.5) x = -x;
    return wrap_angle(x + mu);
}

double draw_pareto(rng *g, bool old, double a)
{
    double x = draw_exponential(g, old) / a;
    return old ? exp(x) - 1 : expm1(x);
}

double draw_weibull(rng *g, bool old, double a)
{
    return a == 0.0 ? 0.0 : pow(draw_exponential(g, old), 1. / a);
}

double draw_power(rng *g, bool old, double a)
{
    double x = draw_exponential(g, old);
    return pow(old ? 1 - exp(-x) : -expm1(-x), 1. / a);
}

double draw_laplace(rng *g, double loc, double scale)
{
    double u;
    do u = rng_double(g);
    while (u <= 0.0);
    return u >= 0.5 ? loc - scale * log(2.0 - u - u) : loc + scale * log(u + u);
}

double draw_gumbel(rng *g, double loc, double scale)
{
    double u;
    do u = 1.0 - rng_double(g);
    while (u >= 1.0);
    return loc - scale * log(-log(u));
}

double draw_logistic(rng *g, double loc, double scale)
{
    double u;
    do u = rng_double(g);
    while (u <= 0.0);
    return loc + scale * log(u / (1.0 - u));
}

double draw_rayleigh(rng *g, bool old, double scale)
{
    if (old) return scale * sqrt(-2.0 * log1p(-rng_double(g)));
    return scale * sqrt(2.0 * ziggurat_exponential(g));
}

double draw_wald(rng *g, bool old, double mean, double scale)
{
    double m = mean / (2 * scale), y = draw_normal(g, old);
    y = mean * y * y;
    double x = mean + m * (y - sqrt(4 * scale * y + y * y));
    double u = rng_double(g);
    return u <= mean / (mean + x) ? x : mean * mean / x;
}

double draw_triangular(rng *g, double left, double mode, double right)
{
    double base = right - left, lower = mode - left, ratio = lower / base;
    double below = lower * base, above = (right - mode) * base, u = rng_double(g);
    return u <= ratio ? left + sqrt(u * below) : right - sqrt((1.0 - u) * above);
}

/* ---- blocks ---- */

/* Pairs from the tempered words at hand: a pair takes four.  Nothing is drawn ahead. */
static size_t polar_pairs(mt19937 *mt, size_t n, double *out)
{
    double u[MT_WORDS / 2];
    size_t have = (size_t)(MT_WORDS - mt->pos) / 4, used = 0, made = 0;
    if (have > n) have = n; /* each pair yields two at most */
    mt_doubles(mt->out + mt->pos, 2 * have, u);
    for (; used < have && made + 2 <= n; used++) {
        double x = 2.0 * u[2 * used] - 1.0, y = 2.0 * u[2 * used + 1] - 1.0, r2 = x * x + y * y;
        if (r2 >= 1.0 || r2 == 0.0) continue;
        double f = sqrt(-2.0 * log(r2) / r2);
        out[made++] = f * y;
        out[made++] = f * x;
    }
    mt->pos += (int)(4 * used);
    return made;
}

void block_normal(rng *g, size_t n, double *out)
{
    size_t i = 0;
    if (n && g->has_gauss) out[i++] = polar_normal(g);
    while (g->kind == RNG_MT19937 && n - i >= 2) {
        mt19937 *mt = &g->u.mt;
        if (mt->pos <= MT_WORDS - 4) {
            i += polar_pairs(mt, n - i, out + i);
        } else { /* the pair straddles two blocks of words */
            out[i++] = polar_normal(g);
            out[i++] = polar_normal(g);
        }
    }
    for (; i < n; i++) out[i] = polar_normal(g);
}

/* engine/kernels/fft.c - complex transforms: mixed radix 2, 3, 4, 5, 7, 11, any prime; Bluestein.
 *
 * The classical autosort passes (Swarztrauber's FFTPACK): pass k combines ip transforms of length
 * ido*l1/... from cc into ch with twiddles.  Factors and the order of operations are those of
 * NumPy's transform, so that small lengths print the same digits.
 *   in : cc[i + ido * (j + ip * k)]     out: ch[i + ido * (k + l1 * j)] */
#include "engine/kernels/fft.h"
#include "engine/kernels/room.h"

#include <math.h>
#include <string.h>

#include "engine/base/mem.h"

/* --- roots of unity ----------------------------------------------------------------------------
 */

/* cos(pi a) - 1 and sin(pi a) for |a| <= 1/4, by minimax polynomials */
static cpx sincos_m1(double a)
{
    static const double c[] = {-1.0369917389758117e-4, 1.9294935641298806e-3,
                               -2.5806887942825395e-2, 2.3533063028328211e-1,
                               -1.3352627688538006e+0, 4.0587121264167623e+0,
                               -4.9348022005446790e+0};
    static const double s[] = {4.6151442520157035e-4, -7.3700183130883555e-3,
                               8.2145868949323936e-2, -5.9926452893214921e-1,
                               2.5501640398732688e+0, -5.1677127800499516e+0};
    double x = a * a, r = c[0], t = s[0];
    for (int k = 1; k < 7; k++) r = fma(r, x, c[k]);
    for (int k = 1; k < 6; k++) t = fma(t, x, s[k]);
    return (cpx){r * x, fma(a, 3.1415926535897931e+0, t * (x * a))};
}

/* table[j] = exp(2 pi i j / den) for the first octant: steps of about sqrt(den/8), refined by the
 * addition theorem on cos - 1, which keeps the digits */
static cpx *first_octant(int64_t den, err *e)
{
    int64_t n = (den + 4) >> 3, step = (int64_t)sqrt((double)n);
    cpx *t = room_alloc((size_t)(n > 0 ? n : 1) * sizeof *t, e);
    if (!t || n == 0) return t;
    t[0] = (cpx){1, 0};
    for (int64_t i = 1; i < step; i++) t[i] = sincos_m1(2.0 * (double)i / (double)den);
    for (int64_t at = step; at < n && n > 1; at += step) {
        cpx c = sincos_m1(2.0 * (double)at / (double)den);
        t[at] = (cpx){c.r + 1, c.i};
        for (int64_t i = 1; i < step && at + i < n; i++) {
            cpx x = t[i];
            t[at + i].r = ((c.r * x.r - c.i * x.i + c.r) + x.r) + 1;
            t[at + i].i = (c.r * x.i + c.i * x.r) + c.i + x.i;
        }
    }
    for (int64_t i = 1; i < step; i++) t[i].r += 1;
    return t;
}

/* The circle in eighths of den, a multiple of 4: each folds onto the first one. */
bool fft_roots(int64_t n, int64_t count, cpx *roots, err *e)
{
    int64_t times = n % 4 == 0 ? 1 : n % 2 == 0 ? 2 : 4, den = n * times;
    cpx *t = first_octant(den, e);
    if (!t) return false;
    for (int64_t k = 0, turn_of = 0; k < count; k++) {
        int64_t j = turn_of * times;
        turn_of = turn_of + 1 < n ? turn_of + 1 : 0;
        bool below = 2 * j > den, left, high;
        if (below) j = den - j;
        left = 4 * j > den;
        if (left) j = den / 2 - j;
        high = 8 * j > den;
        if (high) j = den / 4 - j;
        cpx w = 8 * j == den ? (cpx){0.707106781186547524400844362104849,
                                     0.707106781186547524400844362104849}
                             : t[j];
        if (high) w = (cpx){w.i, w.r};
        roots[k] = (cpx){left ? -w.r : w.r, below ? -w.i : w.i};
    }
    room_free(t);
    return true;
}

int fft_factors(int64_t n, int64_t *factor)
{
    int count = 0;
    while (n % 4 == 0) factor[count++] = 4, n /= 4;
    if (n % 2 == 0) {
        n /= 2;
        factor[count++] = 2;
        int64_t t = factor[0];
        factor[0] = 2;
        factor[count - 1] = t;
    }
    for (int64_t p = 3; p * p <= n; p += 2)
        while (n % p == 0) factor[count++] = p, n /= p;
    if (n > 1) factor[count++] = n;
    return count;
}

/* --- passes --------------------------------------------------------------------------------------
 */

static inline cpx add(cpx a, cpx b)
{
    return (cpx){a.r + b.r, a.i + b.i};
}
static inline cpx sub(cpx a, cpx b)
{
    return (cpx){a.r - b.r, a.i - b.i};
}
/* x times the twiddle w, or its conjugate when going forward */
static inline cpx turn(cpx w, cpx x, bool forward)
{
    if (forward) return (cpx){w.r * x.r + w.i * x.i, w.r * x.i - w.i * x.r};
    return (cpx){w.r * x.r - w.i * x.i, w.r * x.i + w.i * x.r};
}
/* x times i, or -i when going forward */
static inline cpx quarter(cpx x, bool forward)
{
    return forward ? (cpx){x.i, -x.r} : (cpx){-x.i, x.r};
}

typedef struct pass {
    int64_t ido, l1, ip;
    const cpx *cc, *tw;
    cpx *ch;
    bool forward;
} pass;

static inline cpx in(const pass *p, int64_t i, int64_t j, int64_t k)
{
    return p->cc[i + p->ido * (j + p->ip * k)];
}
/* output j, times its twiddle */
static inline void out(const pass *p, int64_t i, int64_t j, int64_t k, cpx x)
{
    if (i && j) x = turn(p->tw[(j - 1) * (p->ido - 1) + i - 1], x, p->forward);
    p->ch[i + p->ido * (k + p->l1 * j)] = x;
}

static void pass2(const pass *p)
{
    for (int64_t k = 0; k < p->l1; k++)
        for (int64_t i = 0; i < p->ido; i++) {
            cpx a = in(p, i, 0, k), b = in(p, i, 1, k);
            out(p, i, 0, k, add(a, b));
            out(p, i, 1, k, sub(a, b));
        }
}

static void pass4(const pass *p)
{
    for (int64_t k = 0; k < p->l1; k++)
        for (int64_t i = 0; i < p->ido; i++) {
            cpx a = in(p, i, 0, k), b = in(p, i, 1, k), c = in(p, i, 2, k), d = in(p, i, 3, k);
            cpx t2 = add(a, c), t1 = sub(a, c), t3 = add(b, d);
            cpx t4 = quarter(sub(b, d), p->forward);
            out(p, i, 0, k, add(t2, t3));
            out(p, i, 1, k, add(t1, t4));
            out(p, i, 2, k, sub(t2, t3));
            out(p, i, 3, k, sub(t1, t4));
        }
}

/* Odd factors ip = 3, 5, 7, 11: sums and differences of mirrored inputs, weighted by the cosines
 * and sines of 2 pi j / ip, unrolled by the compiler for each ip. */
static inline void pass_odd(const pass *p, int ip, const double *cs, const double *sn)
{
    int half = (ip - 1) / 2;
    for (int64_t k = 0; k < p->l1; k++)
        for (int64_t i = 0; i < p->ido; i++) {
            cpx t0 = in(p, i, 0, k), s[6], d[6], all = t0;
            for (int j = 1; j <= half; j++) {
                cpx a = in(p, i, j, k), b = in(p, i, ip - j, k);
                s[j] = add(a, b);
                d[j] = sub(a, b);
                all = add(all, s[j]);
            }
            out(p, i, 0, k, all);
            for (int u = 1; u <= half; u++) {
                cpx ca = t0, cb = {0, 0};
                double bi = 0, br = 0;
                for (int j = 1; j <= half; j++) {
                    int m = u * j % ip;
                    bool flip = m > half;
                    int q = flip ? ip - m : m;
                    double y = p->forward != flip ? -sn[q] : sn[q];
                    ca.r += cs[q] * s[j].r;
                    ca.i += cs[q] * s[j].i;
                    bi = j == 1 ? y * d[j].r : bi + y * d[j].r;
                    br = j == 1 ? y * d[j].i : br + y * d[j].i;
                }
                cb.i = bi;
                cb.r = -br;
                out(p, i, u, k, add(ca, cb));
                out(p, i, ip - u, k, sub(ca, cb));
            }
        }
}

static void pass3(const pass *p)
{
    static const double cs[] = {1, -0.5}, sn[] = {0, 0.86602540378443864676372317075293618};
    for (int64_t k = 0; k < p->l1; k++)
        for (int64_t i = 0; i < p->ido; i++) {
            cpx t0 = in(p, i, 0, k), a = in(p, i, 1, k), b = in(p, i, 2, k);
            cpx t1 = add(a, b), t2 = sub(a, b), ca, cb;
            double y = p->forward ? -sn[1] : sn[1];
            out(p, i, 0, k, add(t0, t1));
            ca = (cpx){t0.r + cs[1] * t1.r, t0.i + cs[1] * t1.i};
            cb = (cpx){-(y * t2.i), y * t2.r};
            out(p, i, 1, k, add(ca, cb));
            out(p, i, 2, k, sub(ca, cb));
        }
}

static void pass5(const pass *p)
{
    static const double cs[] = {1, 0.3090169943749474241, -0.8090169943749474241};
    static const double sn[] = {0, 0.95105651629515357212, 0.58778525229247312917};
    pass_odd(p, 5, cs, sn);
}

static void pass7(const pass *p)
{
    static const double cs[] = {1, 0.623489801858733530525, -0.222520933956314404289,
                                -0.9009688679024191262361};
    static const double sn[] = {0, 0.7818314824680298087084, 0.9749279121818236070181,
                                0.4338837391175581204758};
    pass_odd(p, 7, cs, sn);
}

static void pass11(const pass *p)
{
    static const double cs[] = {1,
                                0.8412535328311811688618,
                                0.4154150130018864255293,
                                -0.1423148382732851404438,
                                -0.6548607339452850640569,
                                -0.9594929736144973898904};
    static const double sn[] = {0,
                                0.5406408174555975821076,
                                0.9096319953545183714117,
                                0.9898214418809327323761,
                                0.7557495743542582837740,
                                0.2817325568414296977114};
    pass_odd(p, 11, cs, sn);
}

/* any other prime: the sums term by term, two at a time */
static void pass_prime(const pass *p, const cpx *roots)
{
    int64_t ip = p->ip, half = (ip - 1) / 2;
    double sign = p->forward ? -1 : 1;
    cpx *s = mem_alloc((size_t)(2 * half + 2) * sizeof *s), *d = s + half + 1;
    for (int64_t k = 0; k < p->l1; k++)
        for (int64_t i = 0; i < p->ido; i++) {
            cpx t0 = in(p, i, 0, k), all = t0;
            for (int64_t j = 1; j <= half; j++) {
                cpx a = in(p, i, j, k), b = in(p, i, ip - j, k);
                s[j] = add(a, b);
                d[j] = sub(a, b);
                all = add(all, s[j]);
            }
            out(p, i, 0, k, all);
            for (int64_t u = 1; u <= half; u++) {
                cpx w = roots[u], v = roots[2 * u % ip], ca, cb;
                w.i *= sign, v.i *= sign;
                ca.r = t0.r + w.r * s[1].r + v.r * s[2].r;
                ca.i = t0.i + w.r * s[1].i + v.r * s[2].i;
                cb.r = -(w.i * d[1].i + v.i * d[2].i);
                cb.i = w.i * d[1].r + v.i * d[2].r;
                int64_t j = 3;
                for (; j < half; j += 2) {
                    w = roots[u * j % ip], v = roots[u * (j + 1) % ip];
                    w.i *= sign, v.i *= sign;
                    ca.r += s[j].r * w.r + s[j + 1].r * v.r;
                    ca.i += s[j].i * w.r + s[j + 1].i * v.r;
                    cb.r -= d[j].i * w.i + d[j + 1].i * v.i;
                    cb.i += d[j].r * w.i + d[j + 1].r * v.i;
                }
                for (; j <= half; j++) {
                    w = roots[u * j % ip];
                    w.i *= sign;
                    ca.r += s[j].r * w.r;
                    ca.i += s[j].i * w.r;
                    cb.r -= d[j].i * w.i;
                    cb.i += d[j].r * w.i;
                }
                out(p, i, u, k, add(ca, cb));
                out(p, i, ip - u, k, sub(ca, cb));
            }
        }
    mem_free(s);
}

static void run_passes(const fft_plan *p, cpx *c, bool forward, double scale)
{
    pass s = {.l1 = 1, .cc = c, .ch = p->work, .forward = forward};
    if (p->n > 1)
        for (int k = 0; k < p->nfactor; k++) {
            s.ip = p->factor[k];
            s.ido = p->n / (s.l1 * s.ip);
            s.tw = p->tw[k];
            if (s.ip == 4)
                pass4(&s);
            else if (s.ip == 2)
                pass2(&s);
            else if (s.ip == 3)
                pass3(&s);
            else if (s.ip == 5)
                pass5(&s);
            else if (s.ip == 7)
                pass7(&s);
            else if (s.ip == 11)
                pass11(&s);
            else
                pass_prime(&s, p->root[k]);
            cpx *t = (cpx *)(uintptr_t)s.cc;
            s.cc = s.ch;
            s.ch = t;
            s.l1 *= s.ip;
        }
    if (s.cc != c) memcpy(c, s.cc, (size_t)p->n * sizeof *c);
    if (scale != 1)
        for (int64_t i = 0; i < p->n; i++) c[i].r *= scale, c[i].i *= scale;
}

/* --- Bluestein
 * ------------------------------------------------------------------------------------- */

static double cost(int64_t n)
{
    double sum = 0, all = (double)n;
    while (n % 2 == 0) sum += 2, n /= 2;
    for (int64_t p = 3; p * p <= n; p += 2)
        while (n % p == 0) sum += p <= 5 ? (double)p : 1.1 * (double)p, n /= p;
    if (n > 1) sum += n <= 5 ? (double)n : 1.1 * (double)n;
    return sum * all;
}

static int64_t largest_prime(int64_t n)
{
    int64_t most = 1;
    while (n % 2 == 0) most = 2, n /= 2;
    for (int64_t p = 3; p * p <= n; p += 2)
        while (n % p == 0) most = p, n /= p;
    return n > 1 ? n : most;
}

/* the least number >= n of factors up to 11 */
static int64_t smooth_size(int64_t n)
{
    int64_t best = 2 * n;
    if (n <= 6) return n;
    for (int64_t a = 1; a < best; a *= 11)
        for (int64_t b = a; b < best; b *= 7)
            for (int64_t c = b; c < best; c *= 5)
                for (int64_t d = c; d < best; d *= 3) {
                    int64_t x = d;
                    while (x < n) x *= 2;
                    if (x < best) best = x;
                }
    return best;
}

bool fft_wants_convolution(int64_t n)
{
    if (n < 50) return false;
    int64_t p = largest_prime(n);
    return p * p > n && 1.5 * 2 * cost(smooth_size(2 * n - 1)) < cost(n);
}

static bool bluestein_init(fft_plan *p, err *e)
{
    int64_t n = p->n, n2 = smooth_size(2 * n - 1), k = 0;
    p->inner = mem_zero(sizeof *p->inner);
    const size_t bytes = (size_t)(2 * n + n + 2 * n2) * sizeof *p->room;
    p->room = room_alloc(bytes, e);
    if (!p->room || !fft_plan_init(p->inner, n2, e)) return false;
    memset(p->room, 0, bytes);
    cpx *roots = p->room;
    p->chirp = roots + 2 * n;
    p->chirpf = p->chirp + n;
    p->conv = p->chirpf + n2;
    TRY(fft_roots(2 * n, 2 * n, roots, e));
    for (int64_t m = 0; m < n; m++) { /* exp(i pi m^2 / n) */
        if (m) k += 2 * m - 1;
        if (k >= 2 * n) k -= 2 * n;
        p->chirp[m] = roots[k];
    }
    double scale = 1 / (double)n2;
    for (int64_t m = 0; m < n; m++) {
        cpx b = {p->chirp[m].r * scale, p->chirp[m].i * scale};
        p->chirpf[m] = b;
        if (m) p->chirpf[n2 - m] = b;
    }
    fft_complex(p->inner, p->chirpf, true, 1);
    return true;
}

static void bluestein(const fft_plan *p, cpx *c, bool forward, double scale)
{
    int64_t n = p->n, n2 = p->inner->n;
    cpx *a = p->conv;
    for (int64_t m = 0; m < n; m++) a[m] = turn(p->chirp[m], c[m], forward);
    memset(a + n, 0, (size_t)(n2 - n) * sizeof *a);
    fft_complex(p->inner, a, true, scale);
    for (int64_t m = 0; m < n2; m++) a[m] = turn(p->chirpf[m], a[m], !forward);
    fft_complex(p->inner, a, false, 1);
    for (int64_t m = 0; m < n; m++) c[m] = turn(p->chirp[m], a[m], forward);
}

/* --- plans
 * ------------------------------------------------------------------------------------------- */

static bool passes_init(fft_plan *p, err *e)
{
    int64_t n = p->n, l1 = 1, need = 0;
    p->nfactor = fft_factors(n, p->factor);
    for (int k = 0; k < p->nfactor; k++) {
        int64_t ip = p->factor[k], ido = n / (l1 * ip);
        need += (ip - 1) * (ido - 1) + (ip > 11 ? ip : 0);
        l1 *= ip;
    }
    p->room = room_alloc((size_t)(2 * n + need + 1) * sizeof *p->room, e);
    if (!p->room) return false;
    p->work = p->room;
    cpx *roots = p->room + n, *at = roots + n;
    TRY(fft_roots(n, n, roots, e));
    l1 = 1;
    for (int k = 0; k < p->nfactor; k++) {
        int64_t ip = p->factor[k], ido = n / (l1 * ip);
        p->tw[k] = at;
        for (int64_t j = 1; j < ip; j++)
            for (int64_t i = 1; i < ido; i++) *at++ = roots[j * l1 * i];
        p->root[k] = at;
        for (int64_t j = 0; ip > 11 && j < ip; j++) *at++ = roots[j * l1 * ido];
        l1 *= ip;
    }
    return true;
}

bool fft_plan_init(fft_plan *p, int64_t n, err *e)
{
    *p = (fft_plan){.n = n};
    if (fft_wants_convolution(n) ? bluestein_init(p, e) : passes_init(p, e)) return true;
    fft_plan_clear(p);
    return false;
}

void fft_plan_clear(fft_plan *p)
{
    if (p->inner) fft_plan_clear(p->inner);
    mem_free(p->inner);
    room_free(p->room);
    *p = (fft_plan){0};
}

void fft_complex(const fft_plan *p, cpx *c, bool forward, double scale)
{
    if (p->inner)
        bluestein(p, c, forward, scale);
    else
        run_passes(p, c, forward, scale);
}

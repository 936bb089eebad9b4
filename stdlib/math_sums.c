/* stdlib/math_sums.c - math: whole numbers (gcd, comb, factorial ...) and sums over iterables. */
#include <math.h>
#include <stdlib.h>

#include "engine/base/mem.h"
#include "lang/aside.h"
#include "stdlib/math_parts.h"

/* ---- whole numbers ---- */

static bool index_arg(interp *in, value v, value *out)
{
    int found = int_index(in, v, out);
    if (!found) {
        throw(in, TypeError, "'%s' object cannot be interpreted as an integer", type_said(in, v));
    }
    return found > 0;
}

static value fold(interp *in, value args, bigfn f, long start)
{
    const double word_ns = 2000; /* of a long operand */
    tuple *t = as_tuple(args);
    mpz_t r, x;
    mpz_init_set_si(r, start);
    mpz_init(x);
    bool ok = true;
    for (int64_t i = 0; i < t->n && ok; i++) {
        ok = to_mpz(in, t->at[i], x);
        double ns = (double)(mpz_size(r) < mpz_size(x) ? mpz_size(r) : mpz_size(x)) * word_ns;
        ok = ok && int_call(in, f, ns, r, r, x, NULL, 0);
    }
    mpz_abs(r, r);
    value out = ok ? int_from_mpz(in, r) : FAIL;
    mpz_clears(r, x, NULL);
    return out;
}

static void gcd(mpz_ptr r, mpz_srcptr a, mpz_srcptr b, mpz_srcptr c, unsigned long n)
{
    (void)c, (void)n;
    mpz_gcd(r, a, b);
}

static void lcm(mpz_ptr r, mpz_srcptr a, mpz_srcptr b, mpz_srcptr c, unsigned long n)
{
    (void)c, (void)n;
    mpz_lcm(r, a, b);
}

/* Of small ints, by Euclid's rule. */
static bool small_gcd(const tuple *t, int64_t *out)
{
    int64_t a = 0;
    for (int64_t i = 0; i < t->n; i++) {
        if (t->at[i].kind != V_INT || t->at[i].i == INT64_MIN) return false;
        for (int64_t b = llabs(t->at[i].i), rest; b; b = rest) {
            rest = a % b;
            a = b;
        }
    }
    *out = a;
    return true;
}

value math_gcd(interp *in, const value *arg)
{
    int64_t small;
    if (small_gcd(as_tuple(arg[0]), &small)) return v_int(small);
    return fold(in, arg[0], gcd, 0);
}

value math_lcm(interp *in, const value *arg)
{
    return fold(in, arg[0], lcm, 1);
}

static void do_factorial(mpz_ptr out, mpz_srcptr a, mpz_srcptr b, mpz_srcptr c, unsigned long n)
{
    (void)a, (void)b, (void)c;
    mpz_fac_ui(out, n);
}

static void do_choose(mpz_ptr out, mpz_srcptr a, mpz_srcptr b, mpz_srcptr c, unsigned long n)
{
    (void)b, (void)c;
    mpz_bin_ui(out, a, n);
}

value math_factorial(interp *in, const value *arg)
{
    value n;
    if (!index_arg(in, arg[0], &n)) return FAIL;
    bool negative = int_sign(n) < 0, small = n.kind == V_INT;
    value_unref(in, n);
    if (negative) return throw(in, ValueError, "factorial() not defined for negative values");
    if (!small) {
        return throw(in, OverflowError, "factorial() argument should not exceed %lld",
                     (long long)INT64_MAX);
    }
    double k = (double)n.i, bits = k > 2 ? k * log2(k) : 1;
    if (!int_check_bits(in, bits)) return FAIL;
    mpz_t r;
    mpz_init(r);
    bool ok = int_call(in, do_factorial, bits * 12, r, NULL, NULL, NULL, (unsigned long)n.i);
    value out = ok ? int_from_mpz(in, r) : FAIL;
    mpz_clear(r);
    return out;
}

static void root(mpz_ptr r, mpz_srcptr a, mpz_srcptr b, mpz_srcptr c, unsigned long n)
{
    (void)b, (void)c, (void)n;
    mpz_sqrt(r, a);
}

value math_isqrt(interp *in, const value *arg)
{
    mpz_t r;
    mpz_init(r);
    value out = FAIL;
    if (to_mpz(in, arg[0], r)) {
        if (mpz_sgn(r) < 0)
            throw(in, ValueError, "isqrt() argument must be nonnegative");
        else {
            double ns = (double)mpz_size(r) * 300;
            if (int_call(in, root, ns, r, r, NULL, NULL, 0)) out = int_from_mpz(in, r);
        }
    }
    mpz_clear(r);
    return out;
}

/* n and k as they are; false: an exception */
static bool choose_args(interp *in, const value *arg, mpz_t n, mpz_t k)
{
    if (!to_mpz(in, arg[0], n) || !to_mpz(in, arg[1], k)) return false;
    const char *wrong = mpz_sgn(n) < 0 ? "n" : mpz_sgn(k) < 0 ? "k" : NULL;
    if (wrong) throw(in, ValueError, "%s must be a non-negative integer", wrong);
    return !wrong;
}

/* As long as all products are small. */
static bool small_choose(value n, value k, bool ordered, int64_t *out)
{
    if (n.kind != V_INT || k.kind != V_INT || k.i < 0 || n.i < k.i) return false;
    int64_t few = !ordered && k.i > n.i - k.i ? n.i - k.i : k.i;
    *out = 1;
    for (int64_t i = 0; i < few; i++) {
        if (__builtin_mul_overflow(*out, n.i - i, out)) return false;
        if (!ordered) *out /= i + 1;
    }
    return true;
}

static value choose(interp *in, const value *arg, bool ordered)
{
    int64_t small;
    if (small_choose(arg[0], arg[1], ordered, &small)) return v_int(small);
    mpz_t n, k, r;
    mpz_inits(n, k, r, NULL);
    bool ok = choose_args(in, arg, n, k);
    if (ok && mpz_cmp(k, n) <= 0) {
        mpz_sub(r, n, k);
        if (!ordered && mpz_cmp(r, k) < 0) mpz_set(k, r); /* C(n, k) = C(n, n - k) */
        if (!mpz_fits_ulong_p(k)) {
            ok = false;
            throw(in, OverflowError, "min(n - k, k) must not exceed %lld", (long long)INT64_MAX);
        }
        double bits = mpz_get_d(k) * (double)mpz_sizeinbase(n, 2);
        ok = ok && int_check_bits(in, bits);
        if (ok && !ordered)
            ok = int_call(in, do_choose, bits * 20, r, n, NULL, NULL, mpz_get_ui(k));
        if (ok && ordered) {
            mpz_set_ui(r, 1);
            for (unsigned long i = mpz_get_ui(k); i > 0 && ok; i--) {
                ok = check_interrupt(in);
                mpz_mul(r, r, n);
                mpz_sub_ui(n, n, 1);
            }
        }
    }
    value out = ok ? int_from_mpz(in, r) : FAIL;
    mpz_clears(n, k, r, NULL);
    return out;
}

value math_comb(interp *in, const value *arg)
{
    return choose(in, arg, false);
}

value math_perm(interp *in, const value *arg)
{
    return is_none(arg[1]) ? math_factorial(in, arg) : choose(in, arg, true);
}

/* ---- sums ---- */

typedef struct partials { /* non-overlapping, ascending: their sum is exact */
    double *at;
    size_t n, cap;
} partials;

static void add_exactly(partials *p, double x)
{
    size_t keep = 0;
    for (size_t i = 0; i < p->n; i++) {
        double y = p->at[i];
        if (fabs(x) < fabs(y)) {
            double t = x;
            x = y;
            y = t;
        }
        double hi = x + y, lo = y - (hi - x);
        if (lo != 0) p->at[keep++] = lo;
        x = hi;
    }
    if (keep == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 32;
        p->at = mem_grow(p->at, p->cap * sizeof *p->at);
    }
    p->at[keep++] = x;
    p->n = keep;
}

static double rounded_sum(const partials *p)
{
    size_t n = p->n;
    if (!n) return 0;
    double hi = p->at[--n], lo = 0;
    while (n > 0) {
        double x = hi, y = p->at[--n];
        hi = x + y;
        lo = y - (hi - x);
        if (lo != 0) break;
    }
    /* half way: what follows decides */
    if (n > 0 && ((lo < 0 && p->at[n - 1] < 0) || (lo > 0 && p->at[n - 1] > 0))) {
        double y = lo * 2, x = hi + y;
        if (y == x - hi) hi = x;
    }
    return hi;
}

value math_fsum(interp *in, const value *arg)
{
    value it = value_iter(in, arg[0]), item;
    if (is_fail(it)) return FAIL;
    partials p = {0};
    double special = 0, infinite = 0, x;
    int more;
    bool ok = true;
    while (ok && (more = iter_next(in, it, &item)) > 0) {
        ok = to_double(in, item, &x);
        value_unref(in, item);
        if (!ok) break;
        if (isfinite(x))
            add_exactly(&p, x);
        else {
            special += x;
            if (isinf(x)) infinite += x;
        }
        if (p.n && !isfinite(p.at[p.n - 1])) {
            ok = false;
            throw(in, OverflowError, "intermediate overflow in fsum");
        }
    }
    ok = ok && !throwing(in);
    value_unref(in, it);
    double sum = rounded_sum(&p);
    mem_free(p.at);
    if (!ok) return FAIL;
    if (special != 0 && isnan(infinite)) return throw(in, ValueError, "-inf + inf in fsum");
    return v_float(special != 0 ? special : sum);
}

value math_prod(interp *in, const value *arg)
{
    value it = value_iter(in, arg[0]), item, r = value_ref(arg[1]);
    int more = is_fail(it) ? -1 : 1;
    while (more > 0 && (more = iter_next(in, it, &item)) > 0) {
        value next = value_binary(in, OP_MUL, r, item);
        value_unref(in, item);
        value_unref(in, r);
        r = next;
        if (is_fail(r)) more = -1;
    }
    value_unref(in, it);
    if (more == 0) return r;
    value_unref(in, r);
    return FAIL;
}

/* ---- lengths ---- */

/* sqrt(sum x^2) to nearly the last bit: squares and sum in twice the precision, then one step of
 * Newton's method on the remainder. */
static double vector_length(const double *x, size_t n, double max, bool nan)
{
    if (isinf(max)) return max;
    if (nan) return NAN;
    if (max == 0 || n <= 1) return max;
    int e;
    frexp(max, &e);
    if (e < -1023) { /* subnormal: scale first */
        double r, *y = mem_alloc(n * sizeof *y);
        for (size_t i = 0; i < n; i++) y[i] = x[i] / 0x1p-1022;
        r = 0x1p-1022 * vector_length(y, n, max / 0x1p-1022, false);
        mem_free(y);
        return r;
    }
    double scale = ldexp(1.0, -e), sum = 1.0, frac1 = 0, frac2 = 0;
    for (size_t i = 0; i < n; i++) {
        double a = x[i] * scale, hi = a * a, lo = fma(a, a, -hi), old = sum;
        sum += hi;
        frac1 += (old - sum) + hi;
        frac2 += lo;
    }
    double h = sqrt(sum - 1.0 + (frac1 + frac2));
    double hi = -h * h, lo = fma(-h, h, -hi), old = sum;
    sum += hi;
    frac1 += (old - sum) + hi;
    frac2 += lo;
    h += (sum - 1.0 + (frac1 + frac2)) / (2.0 * h);
    return h / scale;
}

static value length_of(interp *in, const value *p, const value *q, int64_t n)
{
    double *x = mem_alloc((size_t)(n ? n : 1) * sizeof *x), max = 0, a, b = 0;
    bool nan = false, ok = true;
    for (int64_t i = 0; i < n && ok; i++) {
        ok = to_double(in, p[i], &a) && (!q || to_double(in, q[i], &b));
        if (!ok) break;
        x[i] = fabs(a - b);
        nan = nan || isnan(x[i]);
        if (x[i] > max) max = x[i];
    }
    double r = ok ? vector_length(x, (size_t)n, max, nan) : 0;
    mem_free(x);
    return ok ? v_float(r) : FAIL;
}

value math_hypot(interp *in, const value *arg)
{
    tuple *t = as_tuple(arg[0]);
    return length_of(in, t->at, NULL, t->n);
}

value math_dist(interp *in, const value *arg)
{
    tuple *p = tuple_of(in, arg[0]), *q = p ? tuple_of(in, arg[1]) : NULL;
    value out = FAIL;
    if (p && q) {
        out = p->n == q->n
                  ? length_of(in, p->at, q->at, p->n)
                  : throw(in, ValueError, "both points must have the same number of dimensions");
    }
    obj_unref(in, p);
    obj_unref(in, q);
    return out;
}

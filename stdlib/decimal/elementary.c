/* stdlib/decimal/elementary.c - exp, ln, log10 and power, by MPFR.
 *
 * Operands go over as text and results come back as digits, some more than the precision; while
 * those do not decide the rounding, more are asked for.  What stays undecided is exact or as
 * good as that.  The library keeps constants for each thread until a context goes. */
#include <mpfr.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "stdlib/decimal/num.h"

typedef void compute(mpfr_t out, const mpfr_t a, const mpfr_t b);
enum { TRIES = 3, GUARD = 8, DIGITS_MAX = 200000000 };

static void compute_exp(mpfr_t out, const mpfr_t a, const mpfr_t b)
{
    (void)b;
    mpfr_exp(out, a, MPFR_RNDN);
}

static void compute_ln(mpfr_t out, const mpfr_t a, const mpfr_t b)
{
    (void)b;
    mpfr_log(out, a, MPFR_RNDN);
}

static void compute_log10(mpfr_t out, const mpfr_t a, const mpfr_t b)
{
    (void)b;
    mpfr_log10(out, a, MPFR_RNDN);
}

static void compute_power(mpfr_t out, const mpfr_t a, const mpfr_t b)
{
    mpfr_pow(out, a, b, MPFR_RNDN);
}

void num_forget_constants(void)
{
    mpfr_free_cache2(MPFR_FREE_LOCAL_CACHE);
}

static void mpfr_of(mpfr_t out, const num *x)
{
    strbuf text = {0};
    if (x->neg) sb_addc(&text, '-');
    num_digits_text(&text, x);
    sb_addf(&text, "e%lld", (long long)x->exp);
    mpfr_set_str(out, sb_text(&text), 10, MPFR_RNDN);
    sb_clear(&text);
}

/* Do the digits after the first `prec` leave open to which side to round? */
static bool undecided(const char *tail, size_t n)
{
    char middle = tail[1];
    if (!strchr("049", tail[0]) && tail[0] != '5') return false;
    if (middle != '0' && middle != '9') return false;
    for (size_t i = 1; i + 1 < n; i++)
        if (tail[i] != middle) return false;
    return true;
}

/* Digits of compute(a, b) into out; true: they decide. */
static bool digits_of(num *out, compute *f, const num *a, const num *b, int64_t digits,
                      int64_t prec, rules *r)
{
    int64_t more = num_digits(a) + (b ? num_digits(b) : 0), high = b ? num_adjusted(b) : 0;
    int64_t bits = (digits + more + (high > 0 ? high : 0)) * 10 / 3 + 128;
    if (bits > DIGITS_MAX) {
        r->status |= ST_NO_MEMORY;
        return true;
    }
    mpfr_t x, y, z;
    mpfr_inits2((mpfr_prec_t)bits, x, y, z, (mpfr_ptr)0);
    mpfr_of(x, a);
    if (b) mpfr_of(y, b);
    f(z, x, y);
    bool decided = true, neg = mpfr_signbit(z) != 0;
    if (mpfr_inf_p(z) || mpfr_zero_p(z)) {
        num_set(out, neg, 1, mpfr_inf_p(z) ? EXP_HUGE / 2 : -EXP_HUGE / 2);
    } else {
        mpfr_exp_t exp;
        char *s = mpfr_get_str(NULL, &exp, 10, (size_t)digits, z, MPFR_RNDN);
        const char *first = s + neg;
        rules wide = rules_widest;
        num_read(out, first, (size_t)digits, &wide);
        r->status |= wide.status & ST_NO_MEMORY;
        out->neg = neg;
        out->exp = (int64_t)exp - digits;
        decided = !undecided(first + prec, (size_t)(digits - prec));
        mpfr_free_str(s);
    }
    mpfr_clears(x, y, z, (mpfr_ptr)0);
    return decided;
}

static void evaluate(num *out, compute *f, const num *a, const num *b, rules *r)
{
    mpfr_set_emin(mpfr_get_emin_min());
    mpfr_set_emax(mpfr_get_emax_max());
    int64_t guard = GUARD;
    for (int i = 0; i < TRIES; i++, guard *= 4) {
        if (digits_of(out, f, a, b, r->prec + guard, r->prec, r)) break;
    }
    r->status |= ST_INEXACT | ST_ROUNDED;
}

/* The specification has these rounded half to even, whatever the rules say. */
/* Logarithms and exp are rounded half to even, whatever the context says. */
static void finish_even(num *out, rules *r)
{
    enum rounding keep = r->rounding;
    r->rounding = HALF_EVEN;
    num_finish(out, r);
    r->rounding = keep;
}

static void evaluate_even(num *out, compute *f, const num *a, rules *r)
{
    enum rounding keep = r->rounding;
    r->rounding = HALF_EVEN;
    evaluate(out, f, a, NULL, r);
    num_finish(out, r);
    r->rounding = keep;
}

/* 1 with zeros after the point. */
static void one_with_zeros(num *out, int64_t zeros, bool neg, rules *r)
{
    num one;
    num_init(&one);
    num_set(&one, neg, 1, 0);
    num_shift_up(out, &one, zeros, r);
    out->exp = -zeros;
    num_clear(&one);
}

void num_exp(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)b, (void)c;
    if (num_nan(out, a, NULL, NULL, r)) return;
    if (a->kind == INFINITE && !a->neg)
        num_special(out, INFINITE, false);
    else if (a->kind == INFINITE)
        num_set(out, false, 0, 0);
    else if (!a->n)
        num_set(out, false, 1, 0);
    else if (num_adjusted(a) < -r->prec - 4) {
        one_with_zeros(out, r->prec - 1, false, r);
        r->status |= ST_INEXACT | ST_ROUNDED;
    } else
        evaluate_even(out, compute_exp, a, r);
}

/* What both logarithms do with NaN, infinity, zero and negative numbers. */
static bool log_special(num *out, const num *a, rules *r)
{
    if (num_nan(out, a, NULL, NULL, r)) return true;
    if (num_is_zero(a)) {
        num_special(out, INFINITE, true);
    } else if (a->neg) {
        num_invalid(out, ST_INVALID, r);
    } else if (a->kind == INFINITE)
        num_special(out, INFINITE, false);
    else
        return false;
    return true;
}

/* Is a a power of ten?  Then which. */
static bool is_power_of_ten(const num *a, int64_t *exp, rules *r)
{
    num x;
    num_init(&x);
    num_copy(&x, a, r);
    num_strip(&x, INT64_MAX);
    bool is = x.n == 1 && x.limb[0] == 1;
    *exp = x.exp;
    num_clear(&x);
    return is;
}

void num_ln(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)b, (void)c;
    int64_t exp;
    if (log_special(out, a, r)) return;
    if (is_power_of_ten(a, &exp, r) && exp == 0)
        num_set(out, false, 0, 0);
    else
        evaluate_even(out, compute_ln, a, r);
}

void num_log10(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)b, (void)c;
    int64_t exp;
    if (log_special(out, a, r)) return;
    if (is_power_of_ten(a, &exp, r)) {
        num_set(out, exp < 0, (uint64_t)(exp < 0 ? -exp : exp), 0);
        finish_even(out, r);
    } else
        evaluate_even(out, compute_log10, a, r);
}

/* ---- power ---- */

static int cmp_with_one(const num *a)
{
    num one, x = *a;
    num_init(&one);
    num_set(&one, false, 1, 0);
    if (a->limb == a->own) x.limb = x.own;
    x.neg = false;
    return num_cmp(&x, &one);
}

/* b as a machine word; false: it is larger. */
static bool word_of(const num *b, uint64_t *out)
{
    rules r = rules_widest;
    num x;
    num_init(&x);
    bool fits = num_adjusted(b) < 20;
    if (fits && b->exp > 0)
        fits = num_shift_up(&x, b, b->exp, &r);
    else if (fits) {
        num_copy(&x, b, &r);
        num_shift_down(&x, -b->exp, &r);
    }
    fits = fits && x.n == 1;
    *out = fits ? x.limb[0] : 0;
    num_clear(&x);
    return fits;
}

static void power_of_one(num *out, const num *a, const num *b, bool neg, rules *r)
{
    int64_t most = r->prec - 1, zeros = most;
    uint64_t n;
    if (num_is_whole(b)) {
        if (b->neg) {
            num_set(out, neg, 1, 0);
            return;
        }
        if (a->exp >= 0)
            zeros = 0;
        else if (word_of(b, &n) && n <= (uint64_t)(most / -a->exp))
            zeros = -a->exp * (int64_t)n;
        else
            r->status |= ST_ROUNDED;
    } else
        r->status |= ST_INEXACT | ST_ROUNDED;
    one_with_zeros(out, zeros, neg, r);
}

static void power_with_specials(num *out, const num *a, const num *b, bool neg, rules *r)
{
    int above = a->kind == INFINITE ? 1 : cmp_with_one(a);
    if (b->kind == INFINITE && above == 0) {
        one_with_zeros(out, r->prec - 1, neg, r);
        r->status |= ST_INEXACT | ST_ROUNDED;
    } else if (num_is_zero(b))
        num_set(out, neg, 1, 0);
    else if ((above > 0) != b->neg)
        num_special(out, INFINITE, neg);
    else
        num_set(out, neg, 0, 0);
}

static int64_t decimal_places(int64_t exp)
{
    int64_t n = 1;
    while (exp /= 10) n++;
    return n;
}

/* At most the exponent of |log10 a|: for a != 1. */
static int64_t log_exponent(const num *a)
{
    int64_t high = num_adjusted(a);
    if (high > 0) return decimal_places(high) - 1;
    if (high < -1) return decimal_places(high + 1) - 1;
    rules r = rules_widest;
    num one, size, gap;
    num_init(&one);
    num_init(&size);
    num_init(&gap);
    num_set(&one, false, 1, 0);
    num_copy(&size, a, &r);
    size.neg = false;
    num_subtract(&gap, &size, &one, NULL, &r);
    high = num_adjusted(&gap) - 1;
    num_clear(&size);
    num_clear(&gap);
    return high;
}

/* Is the power beyond all exponents for sure?  Then it is that. */
static bool power_far_out(num *out, const num *a, const num *b, bool neg, rules *r)
{
    bool grows = (cmp_with_one(a) > 0) != b->neg;
    int64_t tiny = r->emin - r->prec + 1, most = decimal_places(grows ? r->emax : tiny);
    if (most >= log_exponent(a) + num_adjusted(b)) return false;
    num_set(out, neg, 1, grows ? EXP_HUGE / 2 : tiny - 1);
    num_finish(out, r);
    return true;
}

/* Finite a, not 0 and not 1 in size; finite b, not 0. */
static void power_finite(num *out, const num *a, const num *b, bool neg, rules *r)
{
    uint64_t n;
    if (num_is_whole(b) && word_of(b, &n)) {
        num_power_whole(out, a, b->neg, n, num_digits(b) + b->exp, neg, r);
        return;
    }
    num size;
    num_init(&size);
    num_copy(&size, a, r);
    size.neg = false;
    evaluate(out, compute_power, &size, b, r);
    out->neg = neg;
    if (out->kind == FINITE && cmp_with_one(out) == 0) one_with_zeros(out, r->prec - 1, neg, r);
    num_finish(out, r);
    num_clear(&size);
}

void num_power(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)c;
    if (num_nan(out, a, b, NULL, r)) return;
    bool whole = num_is_whole(b), neg = whole && a->neg && num_is_odd(b);
    if (num_is_zero(a)) {
        if (num_is_zero(b))
            num_invalid(out, ST_INVALID, r);
        else if (b->neg)
            num_special(out, INFINITE, neg);
        else
            num_set(out, neg, 0, 0);
    } else if (a->neg && !whole)
        num_invalid(out, ST_INVALID, r);
    else if (a->kind == INFINITE || b->kind == INFINITE)
        power_with_specials(out, a, b, neg, r);
    else if (!b->n)
        num_set(out, false, 1, 0);
    else if (cmp_with_one(a) == 0)
        power_of_one(out, a, b, neg, r);
    else if (!power_far_out(out, a, b, neg, r))
        power_finite(out, a, b, neg, r);
}

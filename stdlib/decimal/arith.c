/* stdlib/decimal/arith.c - sums, products, quotients, remainders, roots and whole powers. */
#include "stdlib/decimal/num.h"

/* ---- sums ---- */

static void sum_of_specials(num *out, const num *a, const num *b, bool bneg, rules *r)
{
    if (num_nan(out, a, b, NULL, r)) return;
    if (a->kind == b->kind && a->neg != bneg)
        num_invalid(out, ST_INVALID, r);
    else if (a->kind == INFINITE)
        num_special(out, INFINITE, a->neg);
    else
        num_special(out, INFINITE, bneg);
}

/* Coefficients of equal exponents: out = +-a +- b. */
static bool sum_coefficients(num *out, const num *a, bool aneg, const num *b, bool bneg, rules *r)
{
    int c = coefficient_cmp(a, b);
    const num *more = c < 0 ? b : a, *less = c < 0 ? a : b;
    if (!num_room(out, more->n + 1, r)) return false;
    out->kind = FINITE;
    out->neg = c < 0 ? bneg : aneg;
    out->n = more->n;
    if (!less->n) {
        if (more->n) mpn_copyi(out->limb, more->limb, (mp_size_t)more->n);
    } else if (aneg == bneg) {
        mp_limb_t carry =
            mpn_add(out->limb, more->limb, (mp_size_t)more->n, less->limb, (mp_size_t)less->n);
        if (carry) out->limb[out->n++] = carry;
    } else {
        mpn_sub(out->limb, more->limb, (mp_size_t)more->n, less->limb, (mp_size_t)less->n);
        num_trim(out);
    }
    if (!out->n) out->neg = aneg == bneg ? aneg : r->rounding == TO_FLOOR;
    return true;
}

/* a's exponent is the higher one: its coefficient grows until both are equal.  A b far below all
 * digits that count is as good as a single digit just below them. */
static void sum_apart(num *out, const num *a, bool aneg, const num *b, bool bneg, rules *r)
{
    enum { NEAR = 32 };
    num tiny, wide;
    num_init(&tiny);
    num_init(&wide);
    if (a->exp - b->exp > NEAR) {
        int64_t digits = num_digits(a), low = a->exp - 1;
        if (digits <= r->prec) low += digits - r->prec - 1;
        if (num_adjusted(b) < low) {
            num_set(&tiny, bneg, b->n != 0, low);
            b = &tiny;
        }
    }
    bool ok = num_shift_up(&wide, a, a->exp - b->exp, r) &&
              sum_coefficients(out, &wide, aneg, b, bneg, r);
    if (ok) out->exp = b->exp;
    num_clear(&wide);
}

static void sum(num *out, const num *a, const num *b, bool bneg, rules *r)
{
    if (a->kind != FINITE || b->kind != FINITE) {
        sum_of_specials(out, a, b, bneg, r);
        return;
    }
    if (a->exp > b->exp && a->n)
        sum_apart(out, a, a->neg, b, bneg, r);
    else if (b->exp > a->exp && b->n)
        sum_apart(out, b, bneg, a, a->neg, r);
    else if (sum_coefficients(out, a, a->neg, b, bneg, r))
        out->exp = a->exp < b->exp ? a->exp : b->exp;
    num_finish(out, r);
}

void num_add(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)c;
    sum(out, a, b, b->neg, r);
}

void num_subtract(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)c;
    sum(out, a, b, !b->neg, r);
}

static void with_sign(num *out, const num *a, bool neg, rules *r)
{
    if (num_nan(out, a, NULL, NULL, r)) return;
    num_copy(out, a, r);
    out->neg = num_is_zero(a) && r->rounding != TO_FLOOR ? false : neg;
    num_finish(out, r);
}

void num_plus(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)b, (void)c;
    with_sign(out, a, a->neg, r);
}

void num_minus(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)b, (void)c;
    with_sign(out, a, !a->neg, r);
}

void num_abs(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)b, (void)c;
    with_sign(out, a, false, r);
}

/* ---- products ---- */

/* Exactly; NaN stays for the caller to find. */
static void product(num *out, const num *a, const num *b, rules *r)
{
    bool neg = a->neg != b->neg;
    if (a->kind == INFINITE || b->kind == INFINITE) {
        if (num_is_zero(a) || num_is_zero(b))
            num_invalid(out, ST_INVALID, r);
        else
            num_special(out, INFINITE, neg);
        return;
    }
    num_set(out, neg, 0, a->exp + b->exp);
    if (!a->n || !b->n || !num_room(out, a->n + b->n, r)) return;
    if (a->n < b->n)
        mpn_mul(out->limb, b->limb, (mp_size_t)b->n, a->limb, (mp_size_t)a->n);
    else
        mpn_mul(out->limb, a->limb, (mp_size_t)a->n, b->limb, (mp_size_t)b->n);
    out->n = a->n + b->n;
    num_trim(out);
}

void num_multiply(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)c;
    if (num_nan(out, a, b, NULL, r)) return;
    product(out, a, b, r);
    num_finish(out, r);
}

void num_fma(num *out, const num *a, const num *b, const num *c, rules *r)
{
    if (num_nan(out, a, b, c, r)) return;
    num exact;
    num_init(&exact);
    product(&exact, a, b, r);
    num_add(out, &exact, c, NULL, r);
    num_clear(&exact);
}

/* ---- quotients ---- */

static void divide_specials(num *out, const num *a, const num *b, rules *r)
{
    bool neg = a->neg != b->neg;
    if (a->kind == INFINITE && b->kind == INFINITE)
        num_invalid(out, ST_INVALID, r);
    else if (a->kind == INFINITE)
        num_special(out, INFINITE, neg);
    else {
        num_set(out, neg, 0, r->emin - r->prec + 1);
        r->status |= ST_CLAMPED;
    }
}

static void divide_by_zero(num *out, const num *a, bool neg, rules *r)
{
    if (num_is_zero(a)) {
        num_invalid(out, ST_UNDEFINED, r);
        return;
    }
    r->status |= ST_BY_ZERO;
    num_special(out, INFINITE, neg);
}

/* One digit more than the precision, and a sign that more follow. */
static void quotient(num *out, const num *a, const num *b, rules *r)
{
    int64_t shift = num_digits(b) - num_digits(a) + r->prec + 1;
    num wide;
    num_init(&wide);
    bool left = false;
    const num *over = shift > 0 ? &wide : a, *under = shift < 0 ? &wide : b;
    if (num_shift_up(&wide, shift > 0 ? a : b, shift > 0 ? shift : -shift, r) &&
        num_divide(out, NULL, over, under, &left, r)) {
        out->kind = FINITE;
        out->exp = a->exp - b->exp - shift;
        if (left)
            num_sticky(out, r);
        else if (shift > 0)
            num_strip(out, shift);
    }
    num_clear(&wide);
}

void num_divide_by(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)c;
    if (num_nan(out, a, b, NULL, r)) return;
    bool neg = a->neg != b->neg;
    if (a->kind == INFINITE || b->kind == INFINITE) {
        divide_specials(out, a, b, r);
    } else if (!b->n)
        divide_by_zero(out, a, neg, r);
    else {
        if (a->n)
            quotient(out, a, b, r);
        else
            num_set(out, neg, 0, a->exp - b->exp);
        out->neg = neg;
        num_finish(out, r);
    }
}

/* Whole quotient and remainder of finite numbers, b not 0.  False: too many digits. */
static bool divide_whole(num *q, num *rest, const num *a, const num *b, rules *r)
{
    int64_t exp = a->exp < b->exp ? a->exp : b->exp;
    num wide;
    num_init(&wide);
    num_set(q, a->neg != b->neg, 0, 0);
    bool ok = true, left;
    if (!a->n || num_adjusted(a) < num_adjusted(b)) {
        ok = num_shift_up(rest, a, a->exp - exp, r);
    } else if (num_adjusted(a) - num_adjusted(b) > r->prec) {
        ok = false;
    } else {
        bool up = a->exp > b->exp;
        ok = num_shift_up(&wide, up ? a : b, up ? a->exp - exp : b->exp - exp, r) &&
             num_divide(q, rest, up ? &wide : a, up ? b : &wide, &left, r) &&
             num_digits(q) <= r->prec;
    }
    num_clear(&wide);
    rest->kind = FINITE;
    rest->neg = a->neg;
    rest->exp = exp;
    if (!ok) r->status |= r->status & ST_NO_MEMORY ? 0u : ST_IMPOSSIBLE;
    return ok;
}

static void set_nan(num *q, num *rest)
{
    num_special(q, QUIET, false);
    num_special(rest, QUIET, false);
}

/* What Python asks of it, in one place: q or rest alone (the other one NULL) differ in what they
 * signal for a divisor of 0 and for an infinite dividend. */
static void divide_parts(num *q, num *rest, const num *a, const num *b, rules *r)
{
    num own;
    num_init(&own);
    num *to_q = q ? q : &own, *to_rest = rest ? rest : &own;
    bool neg = a->neg != b->neg;
    if (num_nan(to_q, a, b, NULL, r)) {
        num_copy(to_rest, to_q, r);
    } else if (a->kind == INFINITE || (b->kind == FINITE && !b->n)) {
        bool by_zero = a->kind == FINITE, infinite = q && b->kind != INFINITE;
        set_nan(to_q, to_rest);
        if (by_zero && !a->n)
            r->status |= ST_UNDEFINED;
        else {
            if (by_zero && q) r->status |= ST_BY_ZERO;
            if (rest || !infinite) r->status |= ST_INVALID;
            if (infinite) num_special(q, INFINITE, neg);
        }
    } else if (b->kind == INFINITE) {
        if (rest) {
            num_copy(rest, a, r);
            num_finish(rest, r);
        }
        if (q) num_set(q, neg, 0, 0);
    } else if (divide_whole(to_q, to_rest, a, b, r)) {
        if (q) num_finish(q, r);
        if (rest) num_finish(rest, r);
    } else
        set_nan(to_q, to_rest);
    num_clear(&own);
}

void num_divmod(num *q, num *rest, const num *a, const num *b, rules *r)
{
    divide_parts(q, rest, a, b, r);
}

void num_divide_int(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)c;
    divide_parts(out, NULL, a, b, r);
}

void num_remainder(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)c;
    divide_parts(NULL, out, a, b, r);
}

/* |rest| against |b| / 2; at equality the odd quotient counts as more. */
static bool nearer_above(const num *q, const num *rest, const num *b, rules *r)
{
    num two, twice;
    num_init(&two);
    num_init(&twice);
    num_set(&two, false, 2, 0);
    product(&twice, rest, &two, r);
    twice.neg = b->neg;
    int c = num_cmp(&twice, b) * num_signed(b);
    num_clear(&twice);
    return c > 0 || (c == 0 && q->n && q->limb[0] & 1);
}

static void nearest(num *out, const num *a, const num *b, rules *r)
{
    num q, rest;
    num_init(&q);
    num_init(&rest);
    if (num_is_zero(b) || a->kind == INFINITE) {
        num_invalid(out, num_is_zero(a) ? ST_UNDEFINED : ST_INVALID, r);
    } else if (b->kind == INFINITE) {
        num_copy(out, a, r);
        num_finish(out, r);
    } else if (!divide_whole(&q, &rest, a, b, r)) {
        num_special(out, QUIET, false);
    } else if (!nearer_above(&q, &rest, b, r)) {
        num_copy(out, &rest, r);
        num_finish(out, r);
    } else if (num_increment(&q, r) && num_digits(&q) > r->prec) {
        num_invalid(out, ST_IMPOSSIBLE, r);
    } else
        sum(out, &rest, b, rest.neg ? false : true, r);
    num_clear(&q);
    num_clear(&rest);
}

void num_remainder_near(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)c;
    if (!num_nan(out, a, b, NULL, r)) nearest(out, a, b, r);
}

/* ---- roots and powers ---- */

static void root(num *out, const num *a, rules *r)
{
    int64_t odd = a->exp & 1, shift = 2 * r->prec + 4 - num_digits(a);
    if (shift < odd) shift = odd;
    shift += (shift ^ odd) & 1;
    num wide;
    num_init(&wide);
    if (num_shift_up(&wide, a, shift, r) && num_room(out, (wide.n + 1) / 2, r)) {
        bool left = mpn_sqrtrem(out->limb, NULL, wide.limb, (mp_size_t)wide.n) != 0;
        out->n = (wide.n + 1) / 2;
        num_trim(out);
        out->exp = (a->exp - shift) / 2;
        if (left)
            num_sticky(out, r);
        else if (shift > odd)
            num_strip(out, (shift - odd) / 2);
    }
    num_clear(&wide);
}

void num_sqrt(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)b, (void)c;
    if (num_nan(out, a, NULL, NULL, r)) return;
    if (num_is_zero(a)) {
        num_set(out, a->neg, 0, (a->exp - (a->exp & 1)) / 2);
    } else if (a->neg) {
        num_invalid(out, ST_INVALID, r);
        return;
    } else if (a->kind == INFINITE)
        num_special(out, INFINITE, false);
    else
        root(out, a, r);
    enum rounding keep = r->rounding;
    r->rounding = HALF_EVEN;
    num_finish(out, r);
    r->rounding = keep;
}

/* base^n by squaring with some digits to spare; out holds base at first. */
static void power_by_squaring(num *out, uint64_t n, rules *r)
{
    num base, next;
    num_init(&base);
    num_init(&next);
    num_copy(&base, out, r);
    for (int bit = 62 - __builtin_clzll(n); bit >= 0; bit--) {
        num_multiply(&next, out, out, NULL, r);
        num_swap(out, &next);
        if (n >> bit & 1) {
            num_multiply(&next, out, &base, NULL, r);
            num_swap(out, &next);
        }
        if (out->kind != FINITE || (!out->n && r->status & ST_CLAMPED)) break;
        if (r->status & ST_NO_MEMORY) break;
    }
    num_clear(&base);
    num_clear(&next);
}

void num_power_whole(num *out, const num *a, bool inverse, uint64_t n, int64_t ndigits, bool neg,
                     rules *r)
{
    rules wide = *r;
    wide.prec += ndigits + 2 + inverse;
    wide.rounding = HALF_EVEN;
    wide.clamp = false;
    wide.status = 0;
    num one;
    num_init(&one);
    num_set(&one, false, 1, 0);
    if (inverse)
        num_divide_by(out, &one, a, NULL, &wide);
    else
        num_copy(out, a, &wide);
    power_by_squaring(out, n, &wide);
    r->status |= wide.status;
    if (out->kind == INFINITE) num_set(out, neg, 1, EXP_HUGE / 2);
    out->neg = neg;
    num_finish(out, r);
}

/* Python's pow(a, b, m) for whole numbers: b >= 0, m not 0 and of at most prec digits. */
static bool check_mod(const num *a, const num *b, const num *m, const rules *r)
{
    bool whole = num_is_whole(a) && num_is_whole(b) && num_is_whole(m);
    return whole && !(b->neg && b->n) && m->n && num_adjusted(m) < r->prec && (a->n || b->n);
}

static void to_whole(mpz_t out, const num *a, rules *r)
{
    num x;
    mpz_t view;
    num_init(&x);
    if (a->exp < 0) {
        num_copy(&x, a, r);
        num_shift_down(&x, -a->exp, r);
    } else
        num_shift_up(&x, a, a->exp, r);
    mpz_set(out, num_view(view, &x));
    num_clear(&x);
}

/* a^b mod m where b = c * 10^e: each power of ten is one more step. */
void num_power_mod(num *out, const num *a, const num *b, const num *mod, rules *r)
{
    if (num_nan(out, a, b, mod, r)) return;
    if (!check_mod(a, b, mod, r)) {
        num_invalid(out, ST_INVALID, r);
        return;
    }
    bool neg = a->neg && num_is_odd(b);
    mpz_t z, e, m, ten, base;
    mpz_inits(z, e, m, base, NULL);
    mpz_init_set_ui(ten, 10);
    to_whole(m, mod, r);
    if (a->exp < 0) {
        to_whole(base, a, r);
    } else {
        mpz_t view;
        mpz_set_ui(e, (unsigned long)a->exp);
        mpz_powm(z, ten, e, m);
        mpz_mul(base, z, num_view(view, a));
        mpz_mod(base, base, m);
    }
    mpz_t view;
    if (b->exp < 0)
        to_whole(e, b, r);
    else
        mpz_set(e, num_view(view, b));
    mpz_powm(z, base, e, m);
    for (int64_t i = 0; i < b->exp; i++) mpz_powm(z, z, ten, m);
    num_set_mpz(out, z, r);
    out->neg = neg;
    num_finish(out, r);
    mpz_clears(z, e, m, ten, base, NULL);
}

/* stdlib/decimal/finish.c - how results end: rounded to the precision, exponents brought into
 * range, NaN handed on. */
#include "stdlib/decimal/num.h"

void num_invalid(num *out, unsigned status, rules *r)
{
    r->status |= status;
    num_special(out, QUIET, false);
}

void num_largest(num *x, bool neg, rules *r)
{
    num one;
    num_init(&one);
    num_set(&one, false, 1, 0);
    if (num_shift_up(x, &one, r->prec, r)) {
        mpn_sub_1(x->limb, x->limb, (mp_size_t)x->n, 1);
        num_trim(x);
    }
    num_clear(&one);
    x->neg = neg;
    x->exp = r->emax - r->prec + 1;
}

static void overflow(num *x, rules *r)
{
    r->status |= ST_OVERFLOW | ST_INEXACT | ST_ROUNDED;
    enum rounding how = r->rounding;
    if (how == TO_ZERO || how == FROM_0_5 || (how == TO_CEILING && x->neg) ||
        (how == TO_FLOOR && !x->neg))
        num_largest(x, x->neg, r);
    else
        num_special(x, INFINITE, x->neg);
}

/* An exponent above the highest that the precision allows becomes zeros. */
static void fold_down(num *x, int64_t adjusted, rules *r)
{
    int64_t top = r->emax - r->prec + 1;
    num wide;
    num_init(&wide);
    if (num_shift_up(&wide, x, x->exp - top, r)) {
        wide.exp = top;
        num_swap(x, &wide);
    }
    num_clear(&wide);
    r->status |= ST_CLAMPED;
    if (x->n && adjusted < r->emin) r->status |= ST_SUBNORMAL;
}

static void underflow(num *x, rules *r)
{
    int64_t tiny = r->emin - r->prec + 1;
    r->status |= ST_SUBNORMAL;
    if (x->exp >= tiny) return;
    enum rest rest = num_shift_down(x, tiny - x->exp, r);
    x->exp = tiny;
    num_round_by(x, rest, r);
    r->status |= ST_ROUNDED;
    if (rest == REST_0) return;
    r->status |= ST_INEXACT | ST_UNDERFLOW;
    if (!x->n) r->status |= ST_CLAMPED;
}

static void zero_in_range(num *x, rules *r)
{
    int64_t tiny = r->emin - r->prec + 1, top = r->clamp ? r->emax - r->prec + 1 : r->emax;
    int64_t exp = x->exp < tiny ? tiny : x->exp > top ? top : x->exp;
    if (exp != x->exp) r->status |= ST_CLAMPED;
    x->exp = exp;
}

static void into_range(num *x, int64_t adjusted, rules *r)
{
    if (adjusted > r->emax)
        overflow(x, r);
    else if (r->clamp && x->exp > r->emax - r->prec + 1)
        fold_down(x, adjusted, r);
    else if (adjusted < r->emin)
        underflow(x, r);
}

static void to_precision(num *x, int64_t digits, rules *r)
{
    int64_t drop = digits - r->prec;
    enum rest rest = num_shift_down(x, drop, r);
    x->exp += drop;
    num_round_by(x, rest, r);
    r->status |= ST_ROUNDED | (rest == REST_0 ? 0u : ST_INEXACT);
    digits = num_digits(x);
    if (digits > r->prec) { /* 99...9 became 100...0 */
        num_shift_down(x, 1, r);
        x->exp++;
        digits--;
    }
    into_range(x, x->exp + digits - 1, r);
}

void num_finish(num *x, rules *r)
{
    if (x->kind == INFINITE) return;
    if (x->kind != FINITE) {
        num_keep(x, r->prec - r->clamp, r);
    } else if (!x->n)
        zero_in_range(x, r);
    else {
        int64_t digits = num_digits(x), adjusted = x->exp + digits - 1;
        if (adjusted > r->emax || adjusted < r->emin || r->clamp) {
            into_range(x, adjusted, r);
            if (x->kind != FINITE) return;
            digits = num_digits(x);
        }
        if (digits > r->prec) to_precision(x, digits, r);
    }
}

bool nan_found(num *out, const num *a, const num *b, const num *c, rules *r)
{
    const num *all[] = {a, b, c}, *found = NULL;
    for (int i = 0; i < 3 && all[i]; i++) {
        if (all[i]->kind == SIGNALING && (!found || found->kind != SIGNALING)) found = all[i];
        if (all[i]->kind == QUIET && !found) found = all[i];
    }
    if (found->kind == SIGNALING) r->status |= ST_INVALID;
    num_copy(out, found, r);
    out->kind = QUIET;
    num_finish(out, r);
    return true;
}

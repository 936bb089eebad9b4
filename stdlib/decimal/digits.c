/* stdlib/decimal/digits.c - operations on digits and exponents: quantize, whole parts, shifts,
 * rotations, digits taken as truth values. */
#include <string.h>

#include "engine/base/str.h"
#include "stdlib/decimal/num.h"

bool num_is_whole(const num *x)
{
    if (x->kind != FINITE) return false;
    if (x->exp >= 0 || !x->n) return true;
    rules r = rules_widest;
    num y;
    num_init(&y);
    num_copy(&y, x, &r);
    bool whole = num_strip(&y, -x->exp) == -x->exp;
    num_clear(&y);
    return whole;
}

bool num_is_odd(const num *x)
{
    if (x->kind != FINITE || !x->n || x->exp > 0) return false;
    rules r = rules_widest;
    num y;
    num_init(&y);
    num_copy(&y, x, &r);
    num_shift_down(&y, -x->exp, &r);
    bool odd = y.n && y.limb[0] & 1;
    num_clear(&y);
    return odd;
}

bool num_small(const num *a, int64_t most, int64_t *out)
{
    if (a->kind != FINITE || a->exp != 0 || a->n > 1) return false;
    uint64_t size = a->n ? a->limb[0] : 0;
    if (size > (uint64_t)most) return false;
    *out = a->neg ? -(int64_t)size : (int64_t)size;
    return true;
}

/* ---- exponents ---- */

static bool quantize_finite(num *out, const num *a, const num *b, rules *r)
{
    int64_t drop = b->exp - a->exp;
    if (b->exp > r->emax || b->exp < r->emin - r->prec + 1) return false;
    if (!a->n) {
        num_set(out, a->neg, 0, b->exp);
        return true;
    }
    if (num_digits(a) - drop > r->prec) return false;
    if (drop > 0) {
        num_copy(out, a, r);
        enum rest rest = num_shift_down(out, drop, r);
        num_round_by(out, rest, r);
        if (num_digits(out) > r->prec) return false;
        r->status |= ST_ROUNDED | (rest == REST_0 ? 0u : ST_INEXACT);
    } else
        num_shift_up(out, a, -drop, r);
    out->exp = b->exp;
    return num_adjusted(out) <= r->emax;
}

void num_quantize(num *out, const num *a, const num *b, rules *r)
{
    if (num_nan(out, a, b, NULL, r)) return;
    unsigned before = r->status;
    if (a->kind == INFINITE && b->kind == INFINITE) {
        num_special(out, INFINITE, a->neg);
    } else if (a->kind == INFINITE || b->kind == INFINITE) {
        num_invalid(out, ST_INVALID, r);
    } else if (quantize_finite(out, a, b, r)) {
        num_finish(out, r);
    } else {
        r->status = before;
        num_invalid(out, ST_INVALID, r);
    }
}

void num_integral(num *out, const num *a, bool exact, rules *r)
{
    if (num_nan(out, a, NULL, NULL, r)) return;
    num_copy(out, a, r);
    if (a->kind == INFINITE || a->exp >= 0) return;
    enum rest rest = num_shift_down(out, -a->exp, r);
    out->exp = 0;
    num_round_by(out, rest, r);
    if (exact && a->n) r->status |= ST_ROUNDED | (rest == REST_0 ? 0u : ST_INEXACT);
}

void num_normalize(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)b, (void)c;
    if (num_nan(out, a, NULL, NULL, r)) return;
    num_copy(out, a, r);
    num_finish(out, r);
    if (out->kind == INFINITE) return;
    if (!out->n)
        out->exp = 0;
    else
        num_strip(out, (r->clamp ? r->emax - r->prec + 1 : r->emax) - out->exp);
}

void num_logb(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)b, (void)c;
    if (num_nan(out, a, NULL, NULL, r)) return;
    if (a->kind == INFINITE) {
        num_special(out, INFINITE, false);
    } else if (!a->n) {
        r->status |= ST_BY_ZERO;
        num_special(out, INFINITE, true);
    } else {
        int64_t exp = num_adjusted(a);
        num_set(out, exp < 0, (uint64_t)(exp < 0 ? -exp : exp), 0);
        num_finish(out, r);
    }
}

void num_scaleb(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)c;
    int64_t n;
    if (num_nan(out, a, b, NULL, r)) return;
    if (!num_small(b, 2 * (r->emax + r->prec), &n)) {
        num_invalid(out, ST_INVALID, r);
        return;
    }
    num_copy(out, a, r);
    if (a->kind != FINITE) return;
    out->exp += n;
    num_finish(out, r);
}

/* ---- digits moved ---- */

void num_shift(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)c;
    int64_t n;
    if (num_nan(out, a, b, NULL, r)) return;
    if (!num_small(b, r->prec, &n)) {
        num_invalid(out, ST_INVALID, r);
    } else if (a->kind == INFINITE || n <= 0) {
        num_copy(out, a, r);
        if (a->kind == FINITE) num_keep(out, r->prec, r);
        if (n < 0) num_shift_down(out, -n, r);
    } else if (num_shift_up(out, a, n, r))
        num_keep(out, r->prec, r);
}

/* The digits of a coefficient, the last `width` of them, with zeros in front. */
static void digits_padded(strbuf *b, const num *x, int64_t width)
{
    strbuf all = {0};
    num_digits_text(&all, x);
    int64_t n = (int64_t)all.n;
    if (n < width) sb_pad(b, '0', (size_t)(width - n));
    sb_add(b, sb_text(&all) + (n > width ? n - width : 0), (size_t)(n > width ? width : n));
    sb_clear(&all);
}

enum { ROTATE_MAX = 1 << 30 };

void num_rotate(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)c;
    int64_t n;
    if (num_nan(out, a, b, NULL, r)) return;
    if (!num_small(b, r->prec, &n)) {
        num_invalid(out, ST_INVALID, r);
    } else if (a->kind == INFINITE) {
        num_copy(out, a, r);
    } else if (r->prec > ROTATE_MAX) {
        r->status |= ST_NO_MEMORY;
    } else {
        strbuf s = {0}, turned = {0};
        digits_padded(&s, a, r->prec);
        int64_t at = n < 0 ? n + r->prec : n;
        sb_add(&turned, s.at + at, (size_t)(r->prec - at));
        sb_add(&turned, s.at, (size_t)at);
        rules wide = rules_widest;
        num_read(out, turned.at, turned.n, &wide);
        out->neg = a->neg;
        out->exp = a->exp;
        sb_clear(&s);
        sb_clear(&turned);
    }
}

/* ---- digits as truth values ---- */

static bool is_logical(const num *x, strbuf *digits, int64_t width)
{
    if (x->kind != FINITE || x->neg || x->exp != 0) return false;
    if (width > ROTATE_MAX) return false;
    strbuf all = {0};
    num_digits_text(&all, x);
    bool is = strspn(sb_text(&all), "01") == all.n;
    sb_clear(&all);
    if (is) digits_padded(digits, x, width);
    return is;
}

/* truth: the results for (0, 0), (0, 1), (1, 0), (1, 1) */
static void logical(num *out, const num *a, const num *b, const char *truth, rules *r)
{
    strbuf x = {0}, y = {0};
    if (is_logical(a, &x, r->prec) && is_logical(b, &y, r->prec)) {
        for (size_t i = 0; i < x.n; i++) x.at[i] = truth[(x.at[i] - '0') * 2 + (y.at[i] - '0')];
        rules wide = rules_widest;
        num_read(out, x.at, x.n, &wide);
    } else
        num_invalid(out, ST_INVALID, r);
    sb_clear(&x);
    sb_clear(&y);
}

void num_logical_and(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)c;
    logical(out, a, b, "0001", r);
}

void num_logical_or(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)c;
    logical(out, a, b, "0111", r);
}

void num_logical_xor(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)c;
    logical(out, a, b, "0110", r);
}

void num_logical_invert(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)b, (void)c;
    logical(out, a, a, "1000", r);
}

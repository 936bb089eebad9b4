/* stdlib/decimal/compare.c - order, and the operations that choose or step by it. */
#include "stdlib/decimal/num.h"

static int sign_of(const num *x) /* of a number that is no NaN: -1 0 1 */
{
    return num_is_zero(x) ? 0 : num_signed(x);
}

static int cmp_sizes(const num *a, const num *b) /* finite, not 0 */
{
    int64_t high_a = num_adjusted(a), high_b = num_adjusted(b);
    if (high_a != high_b) return high_a < high_b ? -1 : 1;
    if (a->exp == b->exp) return coefficient_cmp(a, b);
    rules r = rules_widest;
    num wide;
    num_init(&wide);
    bool up = a->exp > b->exp;
    num_shift_up(&wide, up ? a : b, up ? a->exp - b->exp : b->exp - a->exp, &r);
    int c = up ? coefficient_cmp(&wide, b) : coefficient_cmp(a, &wide);
    num_clear(&wide);
    return c;
}

int num_cmp(const num *a, const num *b)
{
    int sa = sign_of(a), sb = sign_of(b);
    if (sa != sb) return sa < sb ? -1 : 1;
    if (sa == 0) return 0;
    if (a->kind != b->kind) return a->kind == INFINITE ? sa : -sa;
    return a->kind == INFINITE ? 0 : sa * cmp_sizes(a, b);
}

/* |a| against |b|, total: kinds first, exponents last */
static int cmp_total_sizes(const num *a, const num *b)
{
    static const int place[] = {[FINITE] = 0, [INFINITE] = 1, [SIGNALING] = 2, [QUIET] = 3};
    if (a->kind != b->kind) return place[a->kind] < place[b->kind] ? -1 : 1;
    if (a->kind == INFINITE) return 0;
    if (a->kind != FINITE) return coefficient_cmp(a, b);
    int za = a->n != 0, zb = b->n != 0, c = za != zb ? za - zb : za ? cmp_sizes(a, b) : 0;
    return c ? c : (a->exp > b->exp) - (a->exp < b->exp);
}

int num_cmp_total(const num *a, const num *b, bool magnitudes)
{
    if (magnitudes) return cmp_total_sizes(a, b);
    if (a->neg != b->neg) return a->neg ? -1 : 1;
    return num_signed(a) * cmp_total_sizes(a, b);
}

bool num_same_quantum(const num *a, const num *b)
{
    if (num_is_nan(a) || num_is_nan(b)) return num_is_nan(a) && num_is_nan(b);
    return a->kind == b->kind && (a->kind == INFINITE || a->exp == b->exp);
}

static void set_order(num *out, int c)
{
    num_set(out, c < 0, c != 0, 0);
}

void num_compare(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)c;
    if (!num_nan(out, a, b, NULL, r)) set_order(out, num_cmp(a, b));
}

void num_compare_signal(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)c;
    if (num_nan(out, a, b, NULL, r))
        r->status |= ST_INVALID;
    else
        set_order(out, num_cmp(a, b));
}

/* ---- the larger, the smaller ---- */

/* sign 1: the larger, -1: the smaller.  A quiet NaN gives way to a number. */
static void choose(num *out, const num *a, const num *b, int sign, bool magnitudes, rules *r)
{
    const num *chosen;
    if (a->kind == QUIET && !num_is_nan(b)) {
        chosen = b;
    } else if (b->kind == QUIET && !num_is_nan(a)) {
        chosen = a;
    } else if (num_nan(out, a, b, NULL, r)) {
        return;
    } else {
        int c;
        if (magnitudes) {
            num x = *a, y = *b;
            if (a->limb == a->own) x.limb = x.own;
            if (b->limb == b->own) y.limb = y.own;
            x.neg = y.neg = false;
            c = num_cmp(&x, &y);
        } else
            c = num_cmp(a, b);
        if (c == 0) c = num_cmp_total(a, b, false);
        chosen = sign * c < 0 ? b : a;
    }
    num_copy(out, chosen, r);
    num_finish(out, r);
}

void num_max(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)c;
    choose(out, a, b, 1, false, r);
}

void num_min(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)c;
    choose(out, a, b, -1, false, r);
}

void num_max_mag(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)c;
    choose(out, a, b, 1, true, r);
}

void num_min_mag(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)c;
    choose(out, a, b, -1, true, r);
}

/* ---- neighbours ---- */

/* The next number that fits below (to_floor) or above a; what happens on the way is not told. */
static void neighbour(num *out, const num *a, bool below, rules *r)
{
    rules way = *r;
    way.rounding = below ? TO_FLOOR : TO_CEILING;
    way.status = 0;
    if (a->kind == INFINITE) {
        if (a->neg == below)
            num_special(out, INFINITE, a->neg);
        else
            num_largest(out, a->neg, r);
        return;
    }
    num_copy(out, a, &way);
    num_finish(out, &way);
    if (!(way.status & ST_INEXACT)) {
        num tiny, from;
        num_init(&tiny);
        num_init(&from);
        num_set(&tiny, below, 1, way.emin - way.prec);
        num_swap(&from, out);
        num_add(out, &from, &tiny, NULL, &way);
        num_clear(&from);
    }
    r->status |= way.status & ST_ERRORS;
}

void num_next_minus(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)b, (void)c;
    if (!num_nan(out, a, NULL, NULL, r)) neighbour(out, a, true, r);
}

void num_next_plus(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)b, (void)c;
    if (!num_nan(out, a, NULL, NULL, r)) neighbour(out, a, false, r);
}

void num_next_toward(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)c;
    if (num_nan(out, a, b, NULL, r)) return;
    int order = num_cmp(a, b);
    if (order == 0) {
        num_copy(out, a, r);
        out->neg = b->neg;
        return;
    }
    neighbour(out, a, order > 0, r);
    if (out->kind == INFINITE)
        r->status |= ST_OVERFLOW | ST_ROUNDED | ST_INEXACT;
    else if (num_adjusted(out) < r->emin) {
        r->status |= ST_UNDERFLOW | ST_SUBNORMAL | ST_ROUNDED | ST_INEXACT;
        if (!out->n) r->status |= ST_CLAMPED;
    }
}

/* ---- classes ---- */

bool num_is_normal(const num *a, const rules *r)
{
    return a->kind == FINITE && a->n && num_adjusted(a) >= r->emin;
}

bool num_is_subnormal(const num *a, const rules *r)
{
    return a->kind == FINITE && a->n && num_adjusted(a) < r->emin;
}

const char *num_class(const num *a, const rules *r)
{
    static const char *const names[][2] = {{"+Zero", "-Zero"},
                                           {"+Subnormal", "-Subnormal"},
                                           {"+Normal", "-Normal"},
                                           {"+Infinity", "-Infinity"}};
    if (num_is_nan(a)) return a->kind == QUIET ? "NaN" : "sNaN";
    int row = a->kind == INFINITE ? 3 : !a->n ? 0 : num_is_normal(a, r) ? 2 : 1;
    return names[row][a->neg];
}

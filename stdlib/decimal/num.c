/* stdlib/decimal/num.c - coefficients: arrays of limbs that are scaled by powers of ten, cut,
 * counted in digits and divided.  Short ones use the stack only. */
#include "stdlib/decimal/num.h"

#include <math.h>
#include <string.h>

#include "engine/base/mem.h"

#define TEN19 10000000000000000000u /* the largest power of ten in a limb */
enum { LIMB_DIGITS = 19, NEAR_LIMBS = 16, LIMBS_MAX = 1 << 28 };

__extension__ typedef unsigned __int128 wide;

static const mp_limb_t tens[LIMB_DIGITS + 1] = {1,
                                                10,
                                                100,
                                                1000,
                                                10000,
                                                100000,
                                                1000000,
                                                10000000,
                                                100000000,
                                                1000000000,
                                                10000000000,
                                                100000000000,
                                                1000000000000,
                                                10000000000000,
                                                100000000000000,
                                                1000000000000000,
                                                10000000000000000,
                                                100000000000000000,
                                                1000000000000000000,
                                                TEN19};

const rules rules_widest = {.prec = PREC_MAX, .emin = -PREC_MAX, .emax = PREC_MAX};

/* ---- memory ---- */

void num_clear(num *x)
{
    if (x->limb != x->own) mem_free(x->limb);
    x->limb = x->own;
}

bool num_room(num *x, size_t n, rules *r)
{
    if (n <= x->room) return true;
    err e = {0};
    bool heap = x->limb != x->own;
    mp_limb_t *p = n > LIMBS_MAX ? NULL : try_grow(heap ? x->limb : NULL, n * sizeof *p, &e);
    err_clear(&e);
    if (!p) {
        r->status |= ST_NO_MEMORY;
        return false;
    }
    if (!heap) memcpy(p, x->own, sizeof x->own);
    x->limb = p;
    x->room = (uint32_t)n;
    return true;
}

void num_trim(num *x)
{
    while (x->n && !x->limb[x->n - 1]) x->n--;
}

void num_set(num *out, bool neg, uint64_t coefficient, int64_t exp)
{
    out->kind = FINITE;
    out->neg = neg;
    out->exp = exp;
    out->limb[0] = coefficient;
    out->n = coefficient != 0;
}

void num_special(num *out, enum num_kind kind, bool neg)
{
    num_set(out, neg, 0, 0);
    out->kind = (uint8_t)kind;
}

void num_copy(num *out, const num *a, rules *r)
{
    if (!num_room(out, a->n, r)) return;
    out->kind = a->kind;
    out->neg = a->neg;
    out->exp = a->exp;
    out->n = a->n;
    if (a->n) mpn_copyi(out->limb, a->limb, (mp_size_t)a->n);
}

void num_swap(num *a, num *b)
{
    bool heap_a = a->limb != a->own, heap_b = b->limb != b->own;
    num keep = *a;
    *a = *b;
    *b = keep;
    if (!heap_b) a->limb = a->own;
    if (!heap_a) b->limb = b->own;
}

bool num_set_mpz(num *out, mpz_srcptr z, rules *r)
{
    size_t n = mpz_size(z);
    if (!num_room(out, n, r)) return false;
    out->kind = FINITE;
    out->neg = mpz_sgn(z) < 0;
    out->exp = 0;
    out->n = n;
    if (n) mpn_copyi(out->limb, mpz_limbs_read(z), (mp_size_t)n);
    return true;
}

mpz_srcptr num_view(mpz_t view, const num *x)
{
    return mpz_roinit_n(view, x->limb, (mp_size_t)x->n);
}

/* ---- powers of ten ---- */

typedef struct power { /* of ten */
    mp_limb_t *limb;   /* `near`, or from the heap */
    size_t n;
    mp_limb_t near[NEAR_LIMBS + 1];
} power;

static void power_clear(power *p)
{
    if (p->limb != p->near) mem_free(p->limb);
}

static bool power_far(power *p, int64_t k, rules *r)
{
    err e = {0};
    bool fits = k / LIMB_DIGITS < LIMBS_MAX;
    mpz_t z;
    if (fits) {
        mpz_init(z);
        mpz_ui_pow_ui(z, 10, (unsigned long)k);
        p->n = mpz_size(z);
        p->limb = try_alloc(p->n * sizeof *p->limb, &e);
        if (p->limb) mpn_copyi(p->limb, mpz_limbs_read(z), (mp_size_t)p->n);
        mpz_clear(z);
    }
    err_clear(&e);
    if (fits && p->limb) return true;
    p->limb = p->near;
    r->status |= ST_NO_MEMORY;
    return false;
}

static bool power_of_ten(power *p, int64_t k, rules *r)
{
    p->limb = p->near;
    if (k / LIMB_DIGITS >= NEAR_LIMBS) return power_far(p, k, r);
    p->near[0] = tens[k % LIMB_DIGITS];
    p->n = 1;
    for (k /= LIMB_DIGITS; k > 0; k--) {
        mp_limb_t carry = mpn_mul_1(p->near, p->near, (mp_size_t)p->n, TEN19);
        if (carry) p->near[p->n++] = carry;
    }
    return true;
}

static int limbs_cmp(const mp_limb_t *a, size_t na, const mp_limb_t *b, size_t nb)
{
    if (na != nb) return na < nb ? -1 : 1;
    return na ? mpn_cmp(a, b, (mp_size_t)na) : 0;
}

int coefficient_cmp(const num *a, const num *b)
{
    return limbs_cmp(a->limb, a->n, b->limb, b->n);
}

int64_t num_digits(const num *x)
{
    if (!x->n) return 1;
    int64_t bits = (int64_t)x->n * 64 - __builtin_clzll(x->limb[x->n - 1]);
    int64_t k = (int64_t)((double)(bits - 1) * 0.30102999566398119521) + 1; /* 10^(k-1) <= x */
    if (x->n == 1) return k + (x->limb[0] >= tens[k]);
    if (k < 2 * LIMB_DIGITS) {
        wide ten = (wide)TEN19 * tens[k - LIMB_DIGITS];
        return k + (x->n == 2 && ((wide)x->limb[1] << 64 | x->limb[0]) >= ten);
    }
    rules r = {0};
    power p;
    if (!power_of_ten(&p, k, &r)) return k;
    k += limbs_cmp(x->limb, x->n, p.limb, p.n) >= 0;
    power_clear(&p);
    return k;
}

/* ---- digits come and go ---- */

static bool multiply_limbs(num *out, const mp_limb_t *a, size_t na, const mp_limb_t *b, size_t nb,
                           rules *r)
{
    if (!num_room(out, na + nb, r)) return false;
    if (na < nb)
        mpn_mul(out->limb, b, (mp_size_t)nb, a, (mp_size_t)na);
    else
        mpn_mul(out->limb, a, (mp_size_t)na, b, (mp_size_t)nb);
    out->n = na + nb;
    num_trim(out);
    return true;
}

bool num_shift_up(num *out, const num *a, int64_t k, rules *r)
{
    if (k <= 0 || !a->n) {
        num_copy(out, a, r);
        return !(r->status & ST_NO_MEMORY);
    }
    out->kind = FINITE;
    out->neg = a->neg;
    out->exp = a->exp;
    if (k <= LIMB_DIGITS) {
        if (!num_room(out, a->n + 1, r)) return false;
        out->n = a->n;
        mp_limb_t carry = mpn_mul_1(out->limb, a->limb, (mp_size_t)a->n, tens[k]);
        if (carry) out->limb[out->n++] = carry;
        return true;
    }
    power p;
    bool ok = power_of_ten(&p, k, r) && multiply_limbs(out, a->limb, a->n, p.limb, p.n, r);
    power_clear(&p);
    return ok;
}

static enum rest rest_of(const mp_limb_t *rest, size_t n, const power *p)
{
    while (n && !rest[n - 1]) n--;
    if (!n) return REST_0;
    if (n < p->n && p->n - n > 1) return REST_LESS;
    mp_limb_t near[NEAR_LIMBS + 2], *twice = near;
    if (n > NEAR_LIMBS) twice = mem_alloc((n + 1) * sizeof *twice);
    mp_limb_t carry = mpn_lshift(twice, rest, (mp_size_t)n, 1);
    if (carry) twice[n++] = carry;
    int c = limbs_cmp(twice, n, p->limb, p->n);
    if (twice != near) mem_free(twice);
    return c < 0 ? REST_LESS : c == 0 ? REST_HALF : REST_MORE;
}

/* x / p, the quotient in x; what remains tells where it stands to p / 2. */
static enum rest cut_by(num *x, const power *p, rules *r)
{
    if (x->n < p->n) {
        enum rest rest = rest_of(x->limb, x->n, p);
        x->n = 0;
        return rest;
    }
    num q, rest;
    num_init(&q);
    num_init(&rest);
    enum rest said = REST_0;
    size_t n = x->n - p->n + 1;
    if (num_room(&q, n, r) && num_room(&rest, p->n, r)) {
        mpn_tdiv_qr(q.limb, rest.limb, 0, x->limb, (mp_size_t)x->n, p->limb, (mp_size_t)p->n);
        mpn_copyi(x->limb, q.limb, (mp_size_t)n);
        x->n = n;
        num_trim(x);
        said = rest_of(rest.limb, p->n, p);
    }
    num_clear(&q);
    num_clear(&rest);
    return said;
}

enum rest num_shift_down(num *x, int64_t k, rules *r)
{
    if (k <= 0 || !x->n) return REST_0;
    if (k <= LIMB_DIGITS) {
        mp_limb_t rest = mpn_divrem_1(x->limb, 0, x->limb, (mp_size_t)x->n, tens[k]);
        num_trim(x);
        mp_limb_t half = tens[k] / 2;
        return !rest ? REST_0 : rest < half ? REST_LESS : rest == half ? REST_HALF : REST_MORE;
    }
    if (k > num_digits(x)) {
        x->n = 0;
        return REST_LESS;
    }
    power p;
    enum rest rest = power_of_ten(&p, k, r) ? cut_by(x, &p, r) : REST_0;
    power_clear(&p);
    return rest;
}

void num_keep(num *x, int64_t digits, rules *r)
{
    if (num_digits(x) <= digits) return;
    power p;
    num rest, q, by;
    num_init(&rest);
    num_init(&q);
    num_init(&by);
    bool left;
    if (power_of_ten(&p, digits, r) && num_room(&by, p.n, r)) {
        mpn_copyi(by.limb, p.limb, (mp_size_t)p.n);
        by.n = p.n;
        if (num_divide(&q, &rest, x, &by, &left, r) && num_room(x, rest.n, r)) {
            if (rest.n) mpn_copyi(x->limb, rest.limb, (mp_size_t)rest.n);
            x->n = rest.n;
        }
    }
    power_clear(&p);
    num_clear(&rest);
    num_clear(&q);
    num_clear(&by);
}

/* Divides by 10^k if that leaves nothing. */
static bool strip_by(num *x, int64_t k)
{
    if (mpn_mod_1(x->limb, (mp_size_t)x->n, tens[k])) return false;
    mpn_divrem_1(x->limb, 0, x->limb, (mp_size_t)x->n, tens[k]);
    num_trim(x);
    return true;
}

int64_t num_strip(num *x, int64_t most)
{
    int64_t done = 0;
    for (int64_t k = 16; k && x->n;) { /* 10^k divides only what 2^k divides */
        bool may = k <= most - done && !(x->limb[0] & (((mp_limb_t)1 << k) - 1));
        if (may && strip_by(x, k))
            done += k;
        else
            k /= 2;
    }
    x->exp += done;
    return done;
}

/* ---- division and rounding ---- */

bool num_divide(num *q, num *rest, const num *a, const num *b, bool *left, rules *r)
{
    num own;
    num_init(&own);
    num *to = rest ? rest : &own;
    bool ok = true;
    if (coefficient_cmp(a, b) < 0) {
        q->n = 0;
        *left = a->n != 0;
        if (rest) {
            ok = num_room(rest, a->n, r);
            if (ok && a->n) mpn_copyi(rest->limb, a->limb, (mp_size_t)a->n);
            if (ok) rest->n = a->n;
        }
        return ok;
    }
    ok = num_room(q, a->n - b->n + 1, r) && num_room(to, b->n, r);
    if (ok) {
        mpn_tdiv_qr(q->limb, to->limb, 0, a->limb, (mp_size_t)a->n, b->limb, (mp_size_t)b->n);
        q->n = a->n - b->n + 1;
        num_trim(q);
        to->n = b->n;
        num_trim(to);
        *left = to->n != 0;
    }
    num_clear(&own);
    return ok;
}

bool num_increment(num *x, rules *r)
{
    if (!num_room(x, x->n + 1, r)) return false;
    if (!x->n) {
        x->limb[x->n++] = 1;
        return true;
    }
    mp_limb_t carry = mpn_add_1(x->limb, x->limb, (mp_size_t)x->n, 1);
    if (carry) x->limb[x->n++] = carry;
    return true;
}

static bool is_0_or_5(const num *x)
{
    return !x->n || mpn_mod_1(x->limb, (mp_size_t)x->n, 5) == 0;
}

bool num_round_by(num *x, enum rest rest, rules *r)
{
    if (rest == REST_0) return true;
    bool odd = x->n && x->limb[0] & 1, up = false;
    switch (r->rounding) {
    case HALF_EVEN: up = rest == REST_MORE || (rest == REST_HALF && odd); break;
    case HALF_UP: up = rest >= REST_HALF; break;
    case HALF_DOWN: up = rest == REST_MORE; break;
    case FROM_ZERO: up = true; break;
    case TO_CEILING: up = !x->neg; break;
    case TO_FLOOR: up = x->neg; break;
    case FROM_0_5: up = is_0_or_5(x); break;
    case TO_ZERO:
    case NROUNDING: break;
    }
    return !up || num_increment(x, r);
}

void num_sticky(num *x, rules *r)
{
    if (is_0_or_5(x)) num_increment(x, r);
}

/* stdlib/decimal/convert.c - Decimal of text, int, float and tuple, and back. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "stdlib/decimal/decimal.h"

enum { DOUBLE_BITS = 53 };

/* ---- from text ---- */

static void exactly(num *x, rules *r)
{
    num_finish(x, r);
    if (r->status & (ST_INEXACT | ST_ROUNDED | ST_CLAMPED)) {
        r->status = 0;
        num_invalid(x, ST_INVALID, r);
    }
    r->status &= ST_ERRORS;
}

/* Exact as Decimal(...) wants it: what cannot be kept whole is no number. */
static void num_exactly(num *out, const num *a, const num *b, const num *c, rules *r)
{
    (void)b, (void)c;
    num_copy(out, a, r);
    exactly(out, r);
}

static bool exact(interp *in, num *x, rules *r)
{
    enum { FEW_LIMBS = 1000 };
    if (x->n < FEW_LIMBS) return exactly(x, r), true;
    num out;
    num_init(&out);
    bool ok = num_call(in, num_exactly, &out, x, NULL, NULL, r);
    if (ok) num_swap(x, &out);
    num_clear(&out);
    return ok;
}

/* *ok: it is a number.  false: pending */
static bool read_plain(interp *in, num *x, const char *s, size_t n, rules *r, bool *ok)
{
    if (!num_call_read(in, x, s, n, r, ok)) return false;
    *ok = *ok && (!num_is_nan(x) || num_digits(x) <= r->prec - r->clamp || !x->n);
    return true;
}

/* Digits of any script; `loose`: with blanks around and underscores anywhere. */
static bool read_scripts(interp *in, num *x, const str *s, bool loose, rules *r, bool *ok)
{
    size_t n, k = 0;
    char *text = number_text(s, &n);
    *ok = loose || n == s->nchar;
    for (size_t i = 0; i < n; i++)
        if (!loose || text[i] != '_') text[k++] = text[i];
    bool done = !*ok || read_plain(in, x, text, k, r, ok);
    mem_free(text);
    return done;
}

static bool read_text(interp *in, num *x, const str *s, bool loose, rules *r)
{
    bool ok;
    if (!read_plain(in, x, s->at, s->nbyte, r, &ok)) return false;
    if (!ok && !read_scripts(in, x, s, loose, r, &ok)) return false;
    if (!ok) num_invalid(x, ST_SYNTAX, r);
    return true;
}

/* ---- from float ---- */

bool num_set_double(num *out, double d, rules *r)
{
    if (isnan(d) || isinf(d)) {
        num_special(out, isnan(d) ? QUIET : INFINITE, signbit(d) != 0);
        return true;
    }
    int e;
    uint64_t m = (uint64_t)ldexp(frexp(fabs(d), &e), DOUBLE_BITS);
    e -= DOUBLE_BITS;
    int zeros = m ? __builtin_ctzll(m) : -e;
    if (zeros > -e) zeros = e < 0 ? -e : 0;
    m = m >> (m ? zeros : 0);
    e = m ? e + zeros : 0;
    mpz_t z, by;
    mpz_init_set_ui(z, m);
    mpz_init(by);
    if (e >= 0)
        mpz_mul_2exp(z, z, (mp_bitcnt_t)e);
    else {
        mpz_ui_pow_ui(by, 5, (unsigned long)-e);
        mpz_mul(z, z, by);
    }
    bool ok = num_set_mpz(out, z, r);
    out->exp = e < 0 ? e : 0;
    out->neg = signbit(d) != 0;
    mpz_clears(z, by, NULL);
    return ok;
}

/* ---- from tuples ---- */

static bool tuple_digits(interp *in, value digits, strbuf *b)
{
    tuple *t = tuple_of(in, digits);
    if (!t) {
        exc_clear(in);
        throw(in, ValueError, "coefficient must be a tuple of digits");
        return false;
    }
    bool ok = true;
    for (int64_t i = 0; ok && i < t->n; i++) {
        value d;
        ok = int_plain(t->at[i], &d) && d.kind != V_OBJ && d.i >= 0 && d.i <= 9;
        if (ok) sb_addc(b, (char)('0' + d.i));
    }
    obj_unref(in, t);
    if (!ok) throw(in, ValueError, "coefficient must be a tuple of digits");
    return ok;
}

/* The text that a tuple's third item makes of digits. */
static bool tuple_exponent(interp *in, value v, strbuf *b, size_t sign, bool *infinite)
{
    static const struct {
        const char *code, *word;
    } kinds[] = {{"F", "Inf"}, {"n", "NaN"}, {"N", "sNaN"}};
    str *s = as_str(v);
    value plain;
    if (s) {
        for (int i = 0; i < 3; i++) {
            if (!str_is(s, kinds[i].code)) continue;
            strbuf whole = {0};
            sb_add(&whole, sb_text(b), sign);
            sb_adds(&whole, kinds[i].word);
            if (i > 0) sb_adds(&whole, sb_text(b) + sign);
            sb_clear(b);
            *b = whole;
            *infinite = true;
            return true;
        }
        throw(in, ValueError, "string argument in the third position must be 'F', 'n' or 'N'");
        return false;
    }
    if (!int_plain(v, &plain)) {
        throw(in, ValueError, "exponent must be an integer");
        return false;
    }
    if (b->n == sign) sb_addc(b, '0');
    sb_addf(b, "e%lld", (long long)(plain.kind == V_OBJ ? EXP_HUGE : plain.i));
    return true;
}

static bool from_tuple(interp *in, value v, num *x, rules *r)
{
    tuple *t = tuple_of(in, v);
    if (!t) return false;
    strbuf b = {0};
    value sign = FAIL;
    bool special = false, ok = t->n == 3;
    if (!ok) throw(in, ValueError, "argument must be a sequence of length 3");
    if (ok && !(int_plain(t->at[0], &sign) && sign.kind != V_OBJ && (sign.i == 0 || sign.i == 1))) {
        throw(in, ValueError, "sign must be an integer with the value 0 or 1");
        ok = false;
    }
    if (ok && sign.i) sb_addc(&b, '-');
    size_t lead = b.n;
    str *kind = ok ? as_str(t->at[2]) : NULL;
    bool infinite = kind && str_is(kind, "F");
    ok = ok && (infinite || tuple_digits(in, t->at[1], &b)) &&
         tuple_exponent(in, t->at[2], &b, lead, &special);
    bool number = true;
    ok = ok && read_plain(in, x, sb_text(&b), b.n, r, &number);
    if (!number) num_invalid(x, ST_SYNTAX, r);
    sb_clear(&b);
    obj_unref(in, t);
    return ok;
}

/* ---- Decimal(...) ---- */

/* Any value, not rounded yet; r->status may tell of syntax or floats. */
static bool from_value(interp *in, value v, num *x, bool loose, rules *r)
{
    double d;
    str *s = as_str(v);
    num own;
    if (s) return read_text(in, x, s, loose, r);
    if (as_decimal(v) || is_int(v)) {
        num_init(&own);
        const num *a = decimal_operand(in, v, &own);
        if (a) num_copy(x, a, r);
        num_clear(&own);
        return a != NULL;
    }
    if (float_plain(v, &d)) {
        r->status |= ST_FLOAT;
        return num_set_double(x, d, r);
    }
    if (as_tuple(v) || as_list(v)) return from_tuple(in, v, x, r);
    throw(in, TypeError, "conversion from %s to Decimal is not supported", type_said(in, v));
    return false;
}

value decimal_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    value a[2];
    if (!args_bind(in, "Decimal(value='0', context=None)", arg, npos, kwnames, a, 2)) return FAIL;
    context *x = context_arg(in, a[1]);
    decimal *d = x ? decimal_new(in, cls) : NULL;
    rules r = rules_widest;
    bool ok = d && from_value(in, a[0], &d->v, true, &r);
    if (ok && (as_str(a[0]) || as_tuple(a[0]) || as_list(a[0]))) ok = exact(in, &d->v, &r);
    ok = ok && (!r.status || context_settle(in, x, r.status));
    args_clear(in, a, 2);
    if (ok) return v_obj(d);
    obj_unref(in, d);
    return FAIL;
}

/* arg: the context, what to make a number of */
value context_create(interp *in, const value *arg)
{
    context *x = (context *)(void *)arg[0].o;
    decimal *d = decimal_new(in, &T_decimal);
    rules r = x->r;
    r.status = 0;
    bool ok = d && from_value(in, arg[1], &d->v, false, &r);
    if (ok && num_is_nan(&d->v) && d->v.n && num_digits(&d->v) > r.prec - r.clamp)
        num_invalid(&d->v, ST_SYNTAX, &r);
    if (ok) num_finish(&d->v, &r);
    if (ok && context_settle(in, x, r.status)) return v_obj(d);
    obj_unref(in, d);
    return FAIL;
}

/* arg: the class, a float or int */
value decimal_from_float(interp *in, const value *arg)
{
    double f;
    bool real = float_plain(arg[1], &f);
    if (!real && !is_int(arg[1])) return throw(in, TypeError, "argument must be int or float");
    if (!real) return call_n(in, arg[0], 1, arg[1]);
    decimal *d = decimal_new(in, &T_decimal);
    rules r = rules_widest;
    if (d) num_set_double(&d->v, f, &r);
    value v = v_obj(d);
    if (!d || as_type(arg[0]) == &T_decimal) return v;
    value made = call_n(in, arg[0], 1, v);
    value_unref(in, v);
    return made;
}

/* ---- to other types ---- */

value decimal_to_int(interp *in, const num *x, enum rounding how)
{
    if (num_is_nan(x)) return throw(in, ValueError, "cannot convert NaN to integer");
    if (x->kind == INFINITE) return throw(in, OverflowError, "cannot convert Infinity to integer");
    if (x->n && !int_check_bits(in, (double)num_adjusted(x) * 3.33)) return FAIL;
    rules r = rules_widest;
    r.rounding = how;
    num whole, wide;
    num_init(&whole);
    num_init(&wide);
    num_integral(&whole, x, false, &r);
    value v = FAIL;
    if (num_shift_up(&wide, &whole, whole.exp, &r)) {
        mpz_t view, z;
        mpz_init_set(z, num_view(view, &wide));
        if (wide.neg) mpz_neg(z, z);
        v = int_from_mpz(in, z);
        mpz_clear(z);
    } else
        throw_nomem(in);
    num_clear(&whole);
    num_clear(&wide);
    return v;
}

value decimal_to_float(interp *in, const num *x)
{
    if (x->kind == SIGNALING) return throw(in, ValueError, "cannot convert signaling NaN to float");
    if (x->kind == QUIET) return v_float(copysign(NAN, x->neg ? -1.0 : 1.0));
    if (x->kind == INFINITE) return v_float(x->neg ? -INFINITY : INFINITY);
    strbuf b = {0};
    num_text(&b, x, false, true);
    double d = strtod(sb_text(&b), NULL);
    sb_clear(&b);
    return v_float(d);
}

value decimal_ratio(interp *in, const num *x)
{
    if (num_is_nan(x)) return throw(in, ValueError, "cannot convert NaN to integer ratio");
    if (x->kind == INFINITE)
        return throw(in, OverflowError, "cannot convert Infinity to integer ratio");
    int64_t down = x->exp < 0 ? -x->exp : 0;
    double bits = (double)(num_digits(x) + llabs((long long)x->exp)) * 3.33;
    if (!int_check_bits(in, bits)) return FAIL;
    mpz_t n, d, g, view;
    mpz_init_set(n, num_view(view, x));
    mpz_init(d);
    mpz_init(g);
    mpz_ui_pow_ui(d, 10, (unsigned long)down);
    if (x->exp > 0) {
        mpz_ui_pow_ui(g, 10, (unsigned long)x->exp);
        mpz_mul(n, n, g);
    }
    mpz_gcd(g, n, d);
    mpz_divexact(n, n, g);
    mpz_divexact(d, d, g);
    if (x->neg) mpz_neg(n, n);
    tuple *t = tuple_pack(in, 2, int_from_mpz(in, n), int_from_mpz(in, d));
    mpz_clears(n, d, g, NULL);
    return v_obj(t);
}

/* (sign, digits, exponent): the caller in dsk names the fields. */
value decimal_tuple(interp *in, const num *x)
{
    strbuf b = {0};
    if (x->kind == FINITE || x->kind == INFINITE || x->n) num_digits_text(&b, x);
    tuple *digits = tuple_new(in, (int64_t)b.n);
    for (size_t i = 0; digits && i < b.n; i++) digits->at[i] = v_int(b.at[i] - '0');
    sb_clear(&b);
    static const char *const codes[] = {[INFINITE] = "F", [QUIET] = "n", [SIGNALING] = "N"};
    value exp = x->kind == FINITE ? v_int(x->exp) : v_str(in, codes[x->kind]);
    return v_obj(tuple_pack(in, 3, v_int(x->neg), v_obj(digits), exp));
}

/* ---- hash: that of equal ints, floats and fractions ---- */

#define HASH_PRIME ((1ull << 61) - 1)

static uint64_t times(uint64_t a, uint64_t b)
{
    return (uint64_t)((__extension__(unsigned __int128) a) * b % HASH_PRIME);
}

static uint64_t power(uint64_t base, uint64_t n)
{
    uint64_t out = 1;
    for (; n; n >>= 1, base = times(base, base))
        if (n & 1) out = times(out, base);
    return out;
}

bool decimal_hash(interp *in, value self, uint64_t *out)
{
    const num *x = &as_decimal(self)->v;
    if (x->kind == SIGNALING) {
        throw(in, TypeError, "Cannot hash a signaling NaN value");
        return false;
    }
    if (x->kind == QUIET) return *out = (uint64_t)(uintptr_t)self.o >> 4, true;
    if (x->kind == INFINITE) return *out = x->neg ? (uint64_t)-314159 : 314159, true;
    uint64_t h = x->n ? mpn_mod_1(x->limb, (mp_size_t)x->n, HASH_PRIME) : 0;
    uint64_t e = (uint64_t)(x->exp < 0 ? -x->exp : x->exp) % (HASH_PRIME - 1);
    uint64_t tenth = 2075258708292324556u; /* 1 / 10 */
    if (e) h = times(h, power(x->exp < 0 ? tenth : 10, e));
    if (x->neg) h = -h;
    *out = h == (uint64_t)-1 ? (uint64_t)-2 : h;
    return true;
}

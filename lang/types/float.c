/* lang/types/float.c - float: conversions, arithmetic with Python's rules, slots, methods. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/dtoa.h"
#include "engine/base/mem.h"
#include "lang/types/dunder.h"
#include "lang/lang.h"
#include "lang/textfmt.h"
#include "lang/types/bytes.h"

/* ---- what counts as a float ---- */

bool float_plain(value v, double *out)
{
    if (v.kind == V_FLOAT) return *out = v.f, true;
    if (v.kind != V_OBJ || !obj_isa(v.o, &T_float)) return false;
    *out = ((boxed *)v.o)->v.f;
    return true;
}

int real_plain(interp *in, value v, double *out)
{
    value n;
    if (float_plain(v, out)) return 1;
    if (!int_plain(v, &n)) return 0;
    if (int_to_double(n, out)) return 1;
    return THROWN(in, OverflowError, "int too large to convert to float");
}

/* Through __float__ or __index__: 1, 0 has neither, -1 */
static int float_of(interp *in, value v, double *out)
{
    int found = real_plain(in, v, out);
    if (found || (v.kind != V_OBJ && v.kind != V_SCALAR)) return found;
    const type *t = type_of(in, v);
    if (!t->unary) return 0;
    value r = t->unary(in, OP_FLOAT, v);
    if (is_fail(r)) return -1;
    if (is_notimpl(r)) {
        value_unref(in, r);
        value n;
        if ((found = int_index(in, v, &n)) <= 0) return found;
        found = real_plain(in, n, out);
        value_unref(in, n);
        return found;
    }
    found = float_plain(r, out) ? 1 : -1;
    if (found < 0) {
        throw(in, TypeError, "%s.__float__ returned non-float (type %s)", t->name,
              type_said(in, r));
    }
    value_unref(in, r);
    return found;
}

bool to_double(interp *in, value v, double *out)
{
    int found = float_of(in, v, out);
    if (!found) throw(in, TypeError, "must be real number, not %s", type_said(in, v));
    return found > 0;
}

/* ---- arithmetic ---- */

static void divmod(double a, double b, double *q, double *r)
{
    double mod = fmod(a, b), div = (a - mod) / b;
    if (mod != 0) {
        if ((b < 0) != (mod < 0)) mod += b, div -= 1.0;
    } else
        mod = copysign(0.0, b);
    if (div != 0) {
        double whole = floor(div);
        if (div - whole > 0.5) whole += 1.0;
        *q = whole;
    } else
        *q = copysign(0.0, a / b);
    *r = mod;
}

static value too_large(interp *in)
{
    return throw(in, OverflowError, "(34, 'Numerical result out of range')");
}

static bool odd(double y)
{
    return fabs(fmod(y, 2.0)) == 1.0;
}

static value float_pow(interp *in, double x, double y)
{
    if (y == 0 || x == 1) return v_float(1.0);
    if (isnan(x) || isnan(y)) return v_float(x + y);
    if (isinf(y)) {
        double ax = fabs(x);
        return v_float(ax == 1.0 ? 1.0 : (y > 0) == (ax > 1.0) ? fabs(y) : 0.0);
    }
    if (isinf(x)) {
        if (y > 0) return v_float(odd(y) ? x : fabs(x));
        return v_float(odd(y) ? copysign(0.0, x) : 0.0);
    }
    if (x == 0) {
        if (y < 0) {
            return throw(in, ZeroDivisionError, "0.0 cannot be raised to a negative power");
        }
        return v_float(odd(y) ? x : 0.0);
    }
    if (x < 0 && y != floor(y)) return complex_arith(in, OP_POW, x, 0, y, 0);
    double r = pow(x, y);
    return isinf(r) ? too_large(in) : v_float(r);
}

static value divide_by_zero(interp *in, enum binop op)
{
    return throw(in, ZeroDivisionError, "%s",
                 op == OP_TRUEDIV    ? "float division by zero"
                 : op == OP_FLOORDIV ? "float floor division by zero"
                 : op == OP_MOD      ? "float modulo"
                                     : "float divmod()");
}

value float_arith(interp *in, enum binop op, double a, double b)
{
    double q, r;
    switch (op) {
    case OP_ADD: return v_float(a + b);
    case OP_SUB: return v_float(a - b);
    case OP_MUL: return v_float(a * b);
    case OP_POW: return float_pow(in, a, b);
    case OP_TRUEDIV:
    case OP_FLOORDIV:
    case OP_MOD:
    case OP_DIVMOD: break;
    default: return value_ref(NOTIMPL);
    }
    if (b == 0) return divide_by_zero(in, op);
    if (op == OP_TRUEDIV) return v_float(a / b);
    divmod(a, b, &q, &r);
    if (op == OP_FLOORDIV) return v_float(q);
    if (op == OP_MOD) return v_float(r);
    return v_obj(tuple_pack(in, 2, v_float(q), v_float(r)));
}

static value float_binary(interp *in, enum binop op, value a, value b)
{
    double x, y;
    int fx = real_plain(in, a, &x), fy = fx > 0 ? real_plain(in, b, &y) : 0;
    if (fx < 0 || fy < 0) return FAIL;
    if (!fx || !fy) return value_ref(NOTIMPL);
    return float_arith(in, op, x, y);
}

/* ---- comparison and hash ---- */

static int sign_of(double d)
{
    return (d > 0) - (d < 0);
}

/* An int against a double that is no NaN: exactly. */
static int cmp_int(value n, double d)
{
    if (isinf(d)) return d > 0 ? -1 : 1;
    if (n.kind == V_OBJ) {
        int c = mpz_cmp_d(((bigint *)n.o)->z, d);
        return (c > 0) - (c < 0);
    }
    if (d >= 0x1p63) return -1;
    if (d < -0x1p63) return 1;
    int64_t whole = (int64_t)d;
    if (n.i != whole) return n.i < whole ? -1 : 1;
    return -sign_of(d - (double)whole);
}

static value float_compare(interp *in, enum cmpop op, value self, value other)
{
    (void)in;
    double a, b;
    value n;
    if (!float_plain(self, &a)) return value_ref(NOTIMPL);
    int c;
    if (float_plain(other, &b)) {
        if (isnan(a) || isnan(b)) return v_bool(op == OP_NE);
        c = (a > b) - (a < b);
    } else if (int_plain(other, &n)) {
        if (isnan(a)) return v_bool(op == OP_NE);
        c = -cmp_int(n, a);
    } else
        return value_ref(NOTIMPL);
    const bool is[NCMPOP] = {
        [OP_LT] = c<0, [OP_LE] = c <= 0, [OP_EQ] = c == 0, [OP_NE] = c != 0, [OP_GT] = c> 0,
        [OP_GE] = c >= 0,
    };
    return v_bool(is[op]);
}

/* The number modulo 2^61 - 1, so that equal ints and floats hash alike. */
bool double_hash(double d, uint64_t *out)
{
    enum { BITS = 61 };
    const uint64_t mod = (1ull << BITS) - 1;
    if (isinf(d)) return *out = d > 0 ? 314159 : (uint64_t)-314159, true;
    if (isnan(d)) return *out = 0x7ff8, true;
    int e;
    double m = frexp(fabs(d), &e);
    uint64_t x = 0;
    while (m != 0) {
        x = ((x << 28) & mod) | x >> (BITS - 28);
        m *= 0x1p28;
        e -= 28;
        uint64_t y = (uint64_t)m;
        m -= (double)y;
        x += y;
        if (x >= mod) x -= mod;
    }
    e = e >= 0 ? e % BITS : BITS - 1 - ((-1 - e) % BITS);
    x = ((x << e) & mod) | x >> (BITS - e);
    if (d < 0) x = -x;
    *out = x == (uint64_t)-1 ? (uint64_t)-2 : x;
    return true;
}

/* ---- slots ---- */

static double self_double(value self)
{
    double d = 0;
    float_plain(self, &d);
    return d;
}

static bool float_hash(interp *in, value self, uint64_t *out)
{
    (void)in;
    return double_hash(self_double(self), out);
}

static int float_truth(interp *in, value self)
{
    (void)in;
    return self_double(self) != 0;
}

static value float_unary(interp *in, enum unop op, value self)
{
    double d = self_double(self);
    switch (op) {
    case OP_NEG: return v_float(-d);
    case OP_POS:
    case OP_FLOAT: return v_float(d);
    case OP_ABS: return v_float(fabs(d));
    case OP_INT:
    case OP_TRUNC: return int_from_double(in, d);
    case OP_FLOOR: return int_from_double(in, floor(d));
    case OP_CEIL: return int_from_double(in, ceil(d));
    case OP_ROUND: return float_round(in, d, NONE);
    case OP_COMPLEX: return v_complex(in, d, 0);
    default: return value_ref(NOTIMPL);
    }
}

static value slot_repr(interp *in, value self)
{
    strbuf b = {0};
    float_repr(&b, self_double(self), 64);
    size_t n;
    char *s = sb_take(&b, &n);
    return v_obj(str_take(in, s, n));
}

/* ---- float(...) ---- */

static value bad_text(interp *in, value v)
{
    str *shown = value_repr(in, v);
    if (shown) throw(in, ValueError, "could not convert string to float: %s", shown->at);
    obj_unref(in, shown);
    return FAIL;
}

/* Drops underscores between digits; false: one stands elsewhere. */
static bool drop_underscores(char *s, size_t *n)
{
    size_t k = 0;
    for (size_t i = 0; i < *n; i++) {
        bool digits = i > 0 && i + 1 < *n && s[i - 1] >= '0' && s[i - 1] <= '9' &&
                      s[i + 1] >= '0' && s[i + 1] <= '9';
        if (s[i] != '_')
            s[k++] = s[i];
        else if (!digits)
            return false;
    }
    s[ *n = k] = 0;
    return true;
}

bool float_from_text(interp *in, str *text, double *out)
{
    if (str_ascii(text) && float_parse(text->at, text->nbyte, out)) return true;
    size_t n;
    char *s = number_text(text, &n);
    bool ok = (!memchr(s, '_', n) || drop_underscores(s, &n)) && float_parse(s, n, out);
    mem_free(s);
    if (!ok) bad_text(in, v_obj(text));
    return ok;
}

static value from_bytes_like(interp *in, value v, const char *at, size_t n)
{
    double d;
    str *s = str_from_latin1(in, at, n);
    if (!s) return FAIL;
    bool ok = float_from_text(in, s, &d);
    obj_unref(in, s);
    if (ok) return v_float(d);
    exc_clear(in);
    return bad_text(in, v);
}

static value float_value(interp *in, value v)
{
    double d;
    const char *at;
    size_t n;
    if (v.kind == V_FLOAT) return v;
    if (as_str(v)) return float_from_text(in, as_str(v), &d) ? v_float(d) : FAIL;
    if ((at = bytes_peek(v, &n))) return from_bytes_like(in, v, at, n);
    int found = float_of(in, v, &d);
    if (found) return found > 0 ? v_float(d) : FAIL;
    return throw(in, TypeError, "float() argument must be a string or a real number, not '%s'",
                 type_said(in, v));
}

static value float_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    if (kwnames) return throw(in, TypeError, "float() takes no keyword arguments");
    if (npos > 1) {
        return throw(in, TypeError, "float expected at most 1 argument, got %zu", npos);
    }
    value v = npos ? float_value(in, arg[0]) : v_float(0.0);
    if (is_fail(v) || cls == &T_float) return v;
    boxed *b = obj_new(in, cls, 0);
    if (b) b->v = v;
    return v_obj(b);
}

/* ---- round ---- */

static value round_to_int(interp *in, double x)
{
    double r = round(x); /* halves away from zero */
    if (fabs(x - r) == 0.5) r = 2.0 * round(x / 2.0);
    return int_from_double(in, r);
}

/* Rounds to a multiple of 10^k, k > 0. */
static value round_tens(interp *in, double x, int k)
{
    double r = 0;
    if (fabs(x) < 0x1p53) { /* 10^k is exact or beyond x; so are fmod and the difference */
        double unit = 1, a = fabs(x);
        for (int i = 0; i < k; i++) unit *= 10;
        double rest = fmod(a, unit), base = a - rest;
        bool up = rest > unit / 2 || (rest == unit / 2 && fmod(base / unit, 2.0) != 0);
        r = copysign(up ? base + unit : base, x);
    } else {
        mpz_t z;
        mpz_init(z);
        mpz_set_d(z, x);
        value n = int_from_mpz(in, z), m = int_round(in, n, v_int(-k));
        mpz_clear(z);
        value_unref(in, n);
        if (is_fail(m)) return FAIL;
        if (!int_to_double(m, &r)) r = INFINITY;
        value_unref(in, m);
        r = copysign(r, x);
    }
    if (isinf(r)) return throw(in, OverflowError, "rounded value too large to represent");
    return v_float(r);
}

value float_round(interp *in, double x, value ndigits)
{
    if (is_none(ndigits) || is_fail(ndigits)) return round_to_int(in, x);
    int64_t n;
    if (!to_index_clamped(in, ndigits, &n)) return FAIL;
    if (!isfinite(x)) return v_float(x);
    if (n > 323 || x == 0) return v_float(x);
    if (n < -308) return v_float(0.0 * x);
    if (n < 0) return round_tens(in, x, (int)-n);
    uint64_t decimals;
    if (float_decimals(fabs(x), (int)n, &decimals)) /* two exact floats: one rounding */
        return v_float(copysign((double)decimals / float_tenfold((int)n), x));
    char text[700];
    snprintf(text, sizeof text, "%.*f", (int)n, x);
    double r;
    if (!float_parse(text, strlen(text), &r) || isinf(r)) {
        return throw(in, OverflowError, "rounded value too large to represent");
    }
    return v_float(r);
}

/* ---- methods ---- */

static value is_integer(interp *in, const value *arg)
{
    (void)in;
    double d = self_double(arg[0]);
    return v_bool(isfinite(d) && floor(d) == d);
}

static value as_integer_ratio(interp *in, const value *arg)
{
    double d = self_double(arg[0]);
    if (isnan(d)) return throw(in, ValueError, "cannot convert NaN to integer ratio");
    if (isinf(d)) return throw(in, OverflowError, "cannot convert Infinity to integer ratio");
    int e;
    double m = frexp(d, &e);
    for (int i = 0; i < 300 && m != floor(m); i++) m *= 2, e--;
    value top = int_from_double(in, m), bottom = v_int(1);
    value shift = v_int(e < 0 ? -e : e);
    value *scaled = e > 0 ? &top : &bottom, by = *scaled;
    *scaled = int_arith(in, OP_LSHIFT, by, shift);
    value_unref(in, by);
    return v_obj(tuple_pack(in, 2, top, bottom));
}

static value hex(interp *in, const value *arg)
{
    return float_to_hex(in, self_double(arg[0]));
}

static value fromhex(interp *in, const value *arg)
{
    str *s = as_str(arg[1]);
    if (!s) {
        return throw(in, TypeError, "bad argument type for built-in operation");
    }
    value v = float_from_hex(in, s);
    if (is_fail(v) || as_type(arg[0]) == &T_float) return v;
    return call_n(in, arg[0], 1, v);
}

static value conjugate(interp *in, const value *arg)
{
    (void)in;
    return v_float(self_double(arg[0]));
}

static value zero(interp *in, const value *arg)
{
    (void)in, (void)arg;
    return v_float(0.0);
}

static value round_method(interp *in, const value *arg)
{
    return float_round(in, self_double(arg[0]), arg[1]);
}

static value getformat(interp *in, const value *arg)
{
    (void)arg;
    return v_str(in, "IEEE, little-endian");
}

static value newargs(interp *in, const value *arg)
{
    return newargs_of(in, &T_float, arg[0]);
}

static const builtin table[] = {
    {"__getnewargs__(self, /)", newargs, NULL},
    {"is_integer(self, /)", is_integer, "Whether the float has no fraction."},
    {"as_integer_ratio(self, /)", as_integer_ratio,
     "Two ints in lowest terms whose quotient is exactly the float; the second is positive."},
    {"hex(self, /)", hex, "The float in hexadecimal: nothing is rounded."},
    {"@classmethod fromhex(cls, string, /)", fromhex, "The float that hex() shows like this."},
    {"conjugate(self, /)", conjugate, "The float itself."},
    {"__round__(self, ndigits=None, /)", round_method,
     "The nearest int, of two the even one; with ndigits a float."},
    {"@classmethod __getformat__(cls, typestr, /)", getformat, NULL},
    {"@property real", conjugate, "the number without its imaginary part"},
    {"@property imag", zero, "what stands before the j"},
    {0},
};

const type T_float = {
    TYPE_HEAD,
    .name = "float",
    .module = "builtins",
    .doc = "A floating point number: of a number, or of a text.",
    .size = sizeof(boxed),
    .flags = TYPE_BASE | TYPE_IMMUTABLE,
    .table = table,
    .make = float_make,
    .repr = slot_repr,
    .format = text_format_float,
    .hash = float_hash,
    .truth = float_truth,
    .compare = float_compare,
    .unary = float_unary,
    .binary = float_binary,
};

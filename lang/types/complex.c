/* lang/types/complex.c - complex: arithmetic, text in both directions, slots. */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "engine/base/dtoa.h"
#include "engine/base/mem.h"
#include "lang/types/dunder.h"
#include "lang/lang.h"
#include "lang/textfmt.h"

value v_complex(interp *in, double re, double im)
{
    cplx *c = obj_flat(in, &T_complex, sizeof *c);
    if (c) c->re = re, c->im = im;
    return v_obj(c);
}

/* complex, float, int and subclasses: 1, 0 another type, -1 */
static int complex_plain(interp *in, value v, double *re, double *im)
{
    *im = 0;
    if (v.kind == V_FLOAT) return *re = v.f, 1;
    cplx *c = (cplx *)as_obj(v, &T_complex);
    if (c) return *re = c->re, *im = c->im, 1;
    return real_plain(in, v, re);
}

/* Through __complex__ too. */
bool to_complex(interp *in, value v, double *re, double *im)
{
    int found = complex_plain(in, v, re, im);
    if (found) return found > 0;
    const type *t = type_of(in, v);
    value r = t->unary ? t->unary(in, OP_COMPLEX, v) : value_ref(NOTIMPL);
    if (is_fail(r)) return false;
    if (!is_notimpl(r)) {
        found = complex_plain(in, r, re, im);
        if (!found) {
            throw(in, TypeError, "__complex__ returned non-complex (type %s)", type_said(in, r));
        }
        value_unref(in, r);
        return found > 0;
    }
    value_unref(in, r);
    *im = 0;
    return to_double(in, v, re);
}

/* ---- arithmetic ---- */

static value divide(interp *in, double ar, double ai, double br, double bi)
{
    double abs_r = fabs(br), abs_i = fabs(bi);
    if (abs_r >= abs_i) { /* scale by the larger part */
        if (abs_r == 0) return throw(in, ZeroDivisionError, "complex division by zero");
        double ratio = bi / br, d = br + bi * ratio;
        return v_complex(in, (ar + ai * ratio) / d, (ai - ar * ratio) / d);
    }
    if (abs_i >= abs_r) {
        double ratio = br / bi, d = br * ratio + bi;
        return v_complex(in, (ar * ratio + ai) / d, (ai * ratio - ar) / d);
    }
    return v_complex(in, NAN, NAN);
}

static value checked(interp *in, double re, double im)
{
    if (isinf(re) || isinf(im)) {
        return throw(in, OverflowError, "complex exponentiation");
    }
    return v_complex(in, re, im);
}

static value power_int(interp *in, double ar, double ai, int n)
{
    double rr = 1, ri = 0, pr = ar, pi = ai, t;
    for (int k = n < 0 ? -n : n; k; k >>= 1) {
        if (k & 1) t = rr * pr - ri * pi, ri = rr * pi + ri * pr, rr = t;
        t = pr * pr - pi * pi, pi = pr * pi + pi * pr, pr = t;
    }
    if (n >= 0) return checked(in, rr, ri);
    value v = divide(in, 1, 0, rr, ri);
    if (is_fail(v)) return FAIL;
    cplx *c = (cplx *)v.o;
    rr = c->re, ri = c->im;
    value_unref(in, v);
    return checked(in, rr, ri);
}

static value power(interp *in, double ar, double ai, double br, double bi)
{
    if (bi == 0 && br == floor(br) && fabs(br) <= 100) {
        if (ar == 0 && ai == 0 && br < 0) goto zero;
        return power_int(in, ar, ai, (int)br);
    }
    if (br == 0 && bi == 0) return v_complex(in, 1, 0);
    if (ar == 0 && ai == 0) {
        if (bi != 0 || br < 0) goto zero;
        return v_complex(in, 0, 0);
    }
    double size = hypot(ar, ai), len = pow(size, br), at = atan2(ai, ar), phase = at * br;
    if (bi != 0) {
        len /= exp(at * bi);
        phase += bi * log(size);
    }
    return checked(in, len * cos(phase), len * sin(phase));
zero:
    return throw(in, ZeroDivisionError, "0.0 to a negative or complex power");
}

value complex_arith(interp *in, enum binop op, double ar, double ai, double br, double bi)
{
    switch (op) {
    case OP_ADD: return v_complex(in, ar + br, ai + bi);
    case OP_SUB: return v_complex(in, ar - br, ai - bi);
    case OP_MUL: return v_complex(in, ar * br - ai * bi, ar * bi + ai * br);
    case OP_TRUEDIV: return divide(in, ar, ai, br, bi);
    case OP_POW: return power(in, ar, ai, br, bi);
    default: return value_ref(NOTIMPL);
    }
}

static value complex_binary(interp *in, enum binop op, value a, value b)
{
    double ar, ai, br = 0, bi = 0;
    int fa = complex_plain(in, a, &ar, &ai), fb = fa > 0 ? complex_plain(in, b, &br, &bi) : 0;
    if (fa < 0 || fb < 0) return FAIL;
    if (!fa || !fb) return value_ref(NOTIMPL);
    return complex_arith(in, op, ar, ai, br, bi);
}

/* ---- slots ---- */

static cplx *self_complex(value self)
{
    return (cplx *)self.o;
}

static value complex_compare(interp *in, enum cmpop op, value self, value other)
{
    if (op != OP_EQ && op != OP_NE) return value_ref(NOTIMPL);
    cplx *a = self_complex(self), *b = (cplx *)as_obj(other, &T_complex);
    bool same;
    double d;
    value n;
    if (b)
        same = a->re == b->re && a->im == b->im;
    else if (float_plain(other, &d))
        same = a->im == 0 && a->re == d;
    else if (int_plain(other, &n)) {
        value r = value_compare(in, OP_EQ, v_float(a->re), n);
        same = a->im == 0 && r.i;
    } else
        return value_ref(NOTIMPL);
    return v_bool(same == (op == OP_EQ));
}

static bool complex_hash(interp *in, value self, uint64_t *out)
{
    (void)in;
    uint64_t re, im;
    double_hash(self_complex(self)->re, &re);
    double_hash(self_complex(self)->im, &im);
    uint64_t h = re + 1000003u * im;
    *out = h == (uint64_t)-1 ? (uint64_t)-2 : h;
    return true;
}

static int complex_truth(interp *in, value self)
{
    (void)in;
    return self_complex(self)->re != 0 || self_complex(self)->im != 0;
}

static value complex_unary(interp *in, enum unop op, value self)
{
    cplx *c = self_complex(self);
    double size;
    switch (op) {
    case OP_NEG: return v_complex(in, -c->re, -c->im);
    case OP_POS:
    case OP_COMPLEX: return v_complex(in, c->re, c->im);
    case OP_ABS:
        size = hypot(c->re, c->im);
        if (isinf(size) && isfinite(c->re) && isfinite(c->im)) {
            return throw(in, OverflowError, "absolute value too large");
        }
        return v_float(size);
    default: return value_ref(NOTIMPL);
    }
}

static value slot_repr(interp *in, value self)
{
    strbuf b = {0};
    complex_repr(&b, self_complex(self)->re, self_complex(self)->im, 64);
    size_t n;
    char *s = sb_take(&b, &n);
    return v_obj(str_take(in, s, n));
}

/* ---- complex(...) ---- */

/* One float at s, with sign, or nan/inf; its length, 0 when none. */
static size_t scan_part(const char *s, size_t n, double *out)
{
    size_t sign = n && (*s == '+' || *s == '-'), len = 0;
    static const char *const word[] = {"infinity", "inf", "nan"};
    for (int i = 0; i < 3 && !len; i++) {
        size_t k = strlen(word[i]);
        if (n - sign >= k && !strncasecmp(s + sign, word[i], k)) {
            *out = i < 2 ? INFINITY : NAN;
            len = k;
        }
    }
    if (!len) len = float_scan(s + sign, n - sign, out);
    if (!len) return 0;
    if (sign && *s == '-') *out = -*out;
    return len + sign;
}

/* re, im j, or both; the imaginary part may be just a sign */
static bool parse(const char *s, size_t n, double *re, double *im)
{
    *re = *im = 0;
    if (n > 1 && s[0] == '(' && s[n - 1] == ')') {
        for (s++, n -= 2; n && *s == ' '; n--) s++;
        while (n && s[n - 1] == ' ') n--;
    }
    bool j = n && (s[n - 1] | 32) == 'j';
    double first;
    size_t len = scan_part(s, n, &first);
    if (!j) return len && len == n && (*re = first, true);
    n--;
    if (len && len == n) return *im = first, true;
    if (len && len < n && (s[len] == '+' || s[len] == '-')) {
        *re = first;
        s += len, n -= len;
        len = scan_part(s, n, im);
        if (len) return len == n;
    } else if (len)
        return false;
    if (n > 1) return false; /* j, +j, -j */
    *im = n && *s == '-' ? -1 : 1;
    return n == 0 || *s == '+' || *s == '-';
}

static value from_text(interp *in, str *text)
{
    size_t n, k = 0;
    double re, im;
    char *s = number_text(text, &n);
    for (size_t i = 0; i < n; i++) {
        if (s[i] != '_') s[k++] = s[i];
    }
    s[k] = 0;
    bool ok = parse(s, k, &re, &im);
    mem_free(s);
    if (!ok) return throw(in, ValueError, "complex() arg is a malformed string");
    return v_complex(in, re, im);
}

static bool part(interp *in, value v, const char *which, const char *what, double *re, double *im)
{
    *re = *im = 0;
    if (is_fail(v) || to_complex(in, v, re, im)) return true;
    if (!exc_is(in, TypeError)) return false;
    exc_clear(in);
    throw(in, TypeError, "complex() %s argument must be a %s, not '%s'", which, what,
          type_said(in, v));
    return false;
}

static value complex_of(interp *in, value real, value imag)
{
    double ar, ai, br, bi;
    if (!is_fail(real) && as_str(real)) {
        if (is_fail(imag)) return from_text(in, as_str(real));
        return throw(in, TypeError, "complex() can't take second arg if first is a string");
    }
    if (!is_fail(imag) && as_str(imag)) {
        return throw(in, TypeError, "complex() second arg can't be a string");
    }
    if (!part(in, real, "first", "string or a number", &ar, &ai)) return FAIL;
    if (!part(in, imag, "second", "number", &br, &bi)) return FAIL;
    if (is_fail(imag)) return v_complex(in, ar, ai);
    bool ci = as_obj(imag, &T_complex) != NULL, cr = !is_fail(real) && as_obj(real, &T_complex);
    return v_complex(in, ci ? ar - bi : ar, cr ? ai + br : br);
}

static value complex_make(interp *in, const type *cls, const value *arg, size_t npos,
                          tuple *kwnames)
{
    value v[2];
    if (!args_bind(in, "complex(real=<unset>, imag=<unset>)", arg, npos, kwnames, v, 2)) {
        return FAIL;
    }
    value c = complex_of(in, v[0], v[1]);
    args_clear(in, v, 2);
    if (is_fail(c) || cls == &T_complex) return c;
    cplx *o = obj_new(in, cls, 0);
    if (o) o->re = self_complex(c)->re, o->im = self_complex(c)->im;
    value_unref(in, c);
    return v_obj(o);
}

/* ---- methods ---- */

static value conjugate(interp *in, const value *arg)
{
    cplx *c = self_complex(arg[0]);
    return v_complex(in, c->re, -c->im);
}

static value real(interp *in, const value *arg)
{
    (void)in;
    return v_float(self_complex(arg[0])->re);
}

static value imag(interp *in, const value *arg)
{
    (void)in;
    return v_float(self_complex(arg[0])->im);
}

static value newargs(interp *in, const value *arg)
{
    return newargs_of(in, &T_complex, arg[0]);
}

static const builtin table[] = {
    {"__getnewargs__(self, /)", newargs, NULL},
    {"conjugate(self, /)", conjugate, "The number with the other sign of its imaginary part."},
    {"@property real", real, "the number without its imaginary part"},
    {"@property imag", imag, "what stands before the j"},
    {0},
};

const type T_complex = {
    TYPE_HEAD,
    .name = "complex",
    .module = "builtins",
    .doc = "The number real + imag * 1j, or the one that a text stands for.",
    .size = sizeof(cplx),
    .flags = TYPE_BASE | TYPE_IMMUTABLE,
    .table = table,
    .make = complex_make,
    .repr = slot_repr,
    .format = text_format_complex,
    .hash = complex_hash,
    .truth = complex_truth,
    .compare = complex_compare,
    .unary = complex_unary,
    .binary = complex_binary,
};

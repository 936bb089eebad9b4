/* lang/types/floathex.c - float.hex() and float.fromhex(). */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/mem.h"
#include "lang/lang.h"

value float_to_hex(interp *in, double x)
{
    if (isnan(x)) return v_str(in, "nan");
    const char *sign = signbit(x) ? "-" : "";
    if (isinf(x)) return v_obj(str_fmt(in, "%sinf", sign));
    if (x == 0) return v_obj(str_fmt(in, "%s0x0.0p+0", sign));
    int e;
    double m = frexp(fabs(x), &e);
    int shift = 1 - (e - -1021 < 0 ? -1021 - e : 0); /* subnormals keep a leading 0 */
    m = ldexp(m, shift);
    e -= shift;
    int lead = (int)m;
    unsigned long long frac = (unsigned long long)ldexp(m - lead, 52);
    return v_obj(str_fmt(in, "%s0x%d.%013llxp%c%d", sign, lead, frac, e < 0 ? '-' : '+', abs(e)));
}

static value malformed(interp *in)
{
    return throw(in, ValueError, "invalid hexadecimal floating-point string");
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Digits with at most one point; the number of digits, and how many stand after the point. */
static size_t scan_digits(const char *s, size_t n, size_t *ndigit, size_t *nfrac)
{
    size_t i = 0;
    bool point = false;
    *ndigit = *nfrac = 0;
    for (; i < n; i++) {
        if (s[i] == '.' && !point)
            point = true;
        else if (hex_digit(s[i]) < 0)
            break;
        else
            ++*ndigit, *nfrac += point;
    }
    return i;
}

static bool scan_exponent(const char *s, size_t n, long *e)
{
    *e = 0;
    if (n == 0) return true;
    if ((*s | 32) != 'p' || n < 2) return false;
    char *end;
    bool sign = s[1] == '-' || s[1] == '+';
    if (n < 2u + sign || s[1 + sign] < '0' || s[1 + sign] > '9') return false;
    *e = strtol(s + 1, &end, 10);
    return end == s + n;
}

static value scan(interp *in, const char *s, size_t n)
{
    bool negative = n && *s == '-';
    if (n && (*s == '-' || *s == '+')) s++, n--;
    double sign = negative ? -1.0 : 1.0;
    if (!strcasecmp(s, "nan")) return v_float(copysign(NAN, sign));
    if (!strcasecmp(s, "inf") || !strcasecmp(s, "infinity")) return v_float(sign * INFINITY);
    if (n > 1 && s[0] == '0' && (s[1] | 32) == 'x') s += 2, n -= 2;
    size_t ndigit, nfrac, used = scan_digits(s, n, &ndigit, &nfrac);
    long e;
    if (!ndigit || !scan_exponent(s + used, n - used, &e)) return malformed(in);
    mpz_t z;
    mpz_init(z);
    for (size_t i = 0; i < used; i++) {
        if (s[i] == '.') continue;
        mpz_mul_2exp(z, z, 4);
        mpz_add_ui(z, z, (unsigned long)hex_digit(s[i]));
    }
    /* the quotient of two ints is correctly rounded */
    double bits = mpz_sgn(z) ? (double)mpz_sizeinbase(z, 2) : 0;
    double exp = (double)e - 4.0 * (double)nfrac;
    value out = v_float(sign * 0.0);
    if (bits && bits + exp > 1100) {
        out = throw(in, OverflowError, "hexadecimal value too large to represent as a float");
    } else if (bits && bits + exp > -1100) {
        value top = int_from_mpz(in, z);
        value by = int_arith(in, OP_LSHIFT, v_int(1), v_int((int64_t)fabs(exp)));
        value q = exp >= 0 ? int_arith(in, OP_MUL, top, by) : int_arith(in, OP_TRUEDIV, top, by);
        double d;
        if (!is_fail(q) && real_plain(in, q, &d) > 0)
            out = v_float(sign * d);
        else
            out = FAIL;
        value_unref(in, q);
        value_unref(in, by);
        value_unref(in, top);
        if (is_fail(out)) {
            exc_clear(in);
            throw(in, OverflowError, "hexadecimal value too large to represent as a float");
        }
    }
    mpz_clear(z);
    return out;
}

value float_from_hex(interp *in, str *text)
{
    size_t n;
    char *s = number_text(text, &n);
    value v = scan(in, s, n);
    mem_free(s);
    return v;
}

/* lang/textfmt.c - the format-spec mini-language and what it does to str, int, float, complex. */
#include "lang/textfmt.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/dtoa.h"
#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/lang.h"
#include "lang/types/strmethods.h"

/* ---- the spec ---- */

static bool is_align(uint32_t c)
{
    return c == '<' || c == '>' || c == '=' || c == '^';
}

static bool scan_number(interp *in, const char **p, const char *end, int64_t *out)
{
    int64_t n = 0;
    const char *s = *p;
    for (; s < end && *s >= '0' && *s <= '9'; s++) {
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *s - '0', &n)) {
            throw(in, ValueError, "Too many decimal digits in format string");
            return false;
        }
    }
    if (s > *p) *out = n;
    *p = s;
    return true;
}

static bool check_group(interp *in, const format_spec *f)
{
    if (!f->group) return true;
    if (!f->type || strchr("defgEG%F", (int)f->type)) return true;
    if (strchr("boxX", (int)f->type) && f->group == '_') return true;
    if (f->type > 32 && f->type < 128) {
        throw(in, ValueError, "Cannot specify '%c' with '%c'.", f->group, (char)f->type);
    } else
        throw(in, ValueError, "Cannot specify '%c' with '\\x%x'.", f->group, f->type);
    return false;
}

static bool scan_group(interp *in, const char **p, const char *end, format_spec *f)
{
    if (*p < end && **p == ',') f->group = ',', ++*p;
    if (*p < end && **p == '_') {
        if (f->group) goto both;
        f->group = '_';
        ++*p;
        if (*p < end && **p == ',') goto both;
    }
    return true;
both:
    throw(in, ValueError, "Cannot specify both ',' and '_'.");
    return false;
}

static const char *scan_align(const char *p, const char *end, format_spec *f)
{
    uint32_t c = 0;
    size_t len = p < end ? utf8_get(p, &c) : 0;
    if (len && p + len < end && is_align((unsigned char)p[len])) {
        f->fill = c;
        f->align = p[len];
        f->fill_given = f->align_given = true;
        return p + len + 1;
    }
    if (len && is_align(c)) {
        f->align = (char)c;
        f->align_given = true;
        return p + 1;
    }
    return p;
}

bool format_spec_parse(interp *in, str *text, const char *type_name, uint32_t default_type,
                       char default_align, format_spec *f)
{
    *f = (format_spec){
        .fill = ' ', .align = default_align, .width = -1, .precision = -1, .type = default_type};
    const char *p = text->at, *end = p + text->nbyte;
    p = scan_align(p, end, f);
    if (p < end && (*p == ' ' || *p == '+' || *p == '-')) f->sign = *p++;
    if (p < end && *p == 'z') f->no_neg_zero = true, p++;
    if (p < end && *p == '#') f->alt = true, p++;
    if (!f->fill_given && p < end && *p == '0') {
        f->fill = '0';
        if (!f->align_given && default_align == '>') f->align = '=';
        p++;
    }
    if (!scan_number(in, &p, end, &f->width) || !scan_group(in, &p, end, f)) return false;
    if (p < end && *p == '.') {
        p++;
        if (!scan_number(in, &p, end, &f->precision)) return false;
        if (f->precision < 0) {
            throw(in, ValueError, "Format specifier missing precision");
            return false;
        }
    }
    if (p < end) {
        p += utf8_get(p, &f->type);
        if (p < end) {
            throw(in, ValueError, "Invalid format specifier '%s' for object of type '%s'", text->at,
                  type_name);
            return false;
        }
    }
    return check_group(in, f) && check_width(in, f->width);
}

bool check_width(interp *in, int64_t width)
{
    return int_check_bits(in, 8.0 * (double)width);
}

value format_unknown(interp *in, uint32_t code, const char *type_name)
{
    if (code > 32 && code < 128) {
        return throw(in, ValueError, "Unknown format code '%c' for object of type '%s'", (char)code,
                     type_name);
    }
    return throw(in, ValueError, "Unknown format code '\\x%x' for object of type '%s'", code,
                 type_name);
}

static value plain_str(interp *in, value self)
{
    return v_obj(value_str(in, self));
}

/* ---- layout ---- */

static value padded(interp *in, str *s, const format_spec *f) /* takes s */
{
    if (!s) return FAIL;
    int64_t pad = f->width - (int64_t)s->nchar;
    if (pad <= 0) return v_obj(s);
    int64_t left = f->align == '>' || f->align == '=' ? pad : f->align == '^' ? pad / 2 : 0;
    value v = str_padded(in, s, left, pad - left, f->fill);
    obj_unref(in, s);
    return v;
}

/* The digits from the right in groups, with zeros to at least min characters. */
static void group_digits(strbuf *b, const char *digits, size_t n, size_t size, char sep,
                         int64_t min)
{
    strbuf r = {0}; /* reversed */
    int64_t left = (int64_t)n;
    for (bool first = true;; first = false) {
        if (!first) sb_addc(&r, sep);
        int64_t want = left > min ? left : min;
        if (want < 1) want = 1;
        int64_t len = want < (int64_t)size ? want : (int64_t)size;
        for (int64_t i = 0; i < len; i++) sb_addc(&r, left > 0 ? digits[--left] : '0');
        min -= len;
        if (left <= 0 && min <= 0) break;
        min--;
    }
    for (size_t i = r.n; i > 0; i--) sb_addc(b, r.at[i - 1]);
    sb_clear(&r);
}

/* Neither grouped nor filled with zeros or wide characters. */
static value plain_layout(interp *in, const number_parts *p, const format_spec *f)
{
    size_t n = (p->sign != 0) + p->ndigits + p->nrest;
    size_t pad = f->width > (int64_t)n ? (size_t)f->width - n : 0;
    size_t left = f->align == '>' ? pad : f->align == '^' ? pad / 2 : 0;
    str *s = str_alloc(in, n + pad, n + pad);
    if (!s) return FAIL;
    char *at = s->at;
    memset(at, (char)f->fill, left);
    at += left;
    if (p->sign) *at++ = p->sign;
    memcpy(at, p->digits, p->ndigits);
    memcpy(at + p->ndigits, p->rest, p->nrest);
    memset(at + p->ndigits + p->nrest, (char)f->fill, pad - left);
    return v_obj(s);
}

value number_layout(interp *in, const number_parts *p, const format_spec *f)
{
    if (!f->group && !p->prefix && f->align != '=' && f->fill < 128 && p->ndigits + p->nrest > 1)
        return plain_layout(in, p, f);
    size_t nprefix = p->prefix ? strlen(p->prefix) : 0;
    int64_t around = (p->sign != 0) + (int64_t)(nprefix + p->nrest);
    bool zeros = f->fill == '0' && f->align == '=';
    int64_t min = zeros ? f->width - around : 0;
    strbuf b = {0}, digits = {0};
    if (p->ndigits || min > 0) {
        bool wide = f->type && strchr("boxX", (int)f->type);
        if (f->group && p->ndigits)
            group_digits(&digits, p->digits, p->ndigits, wide ? 4 : 3, f->group, min);
        else {
            if (min > (int64_t)p->ndigits)
                sb_pad(&digits, '0', (size_t)(min - (int64_t)p->ndigits));
            sb_add(&digits, p->digits, p->ndigits);
        }
    }
    int64_t pad = f->width - around - (int64_t)digits.n;
    bool inside = f->align == '=' && pad > 0;
    if (p->sign) sb_addc(&b, p->sign);
    if (p->prefix) sb_adds(&b, p->prefix);
    for (int64_t i = 0; inside && i < pad; i++) sb_utf8(&b, f->fill);
    sb_add(&b, sb_text(&digits), digits.n);
    sb_add(&b, p->rest, p->nrest);
    sb_clear(&digits);
    size_t n;
    char *text = sb_take(&b, &n);
    return padded(in, str_take(in, text, n), f);
}

/* ---- str ---- */

value text_format_str(interp *in, value self, str *spec)
{
    str *s = (str *)self.o;
    if (!spec || !spec->nbyte) return plain_str(in, self);
    format_spec f;
    if (!format_spec_parse(in, spec, type_said(in, self), 's', '<', &f)) return FAIL;
    if (f.type != 's') return format_unknown(in, f.type, type_said(in, self));
    if (f.sign) {
        return throw(in, ValueError, "%s not allowed in string format specifier",
                     f.sign == ' ' ? "Space" : "Sign");
    }
    if (f.no_neg_zero) {
        return throw(in, ValueError,
                     "Negative zero coercion (z) not allowed in string format specifier");
    }
    if (f.alt) {
        return throw(in, ValueError, "Alternate form (#) not allowed in string format specifier");
    }
    if (f.align == '=') {
        return throw(in, ValueError, "'=' alignment not allowed in string format specifier");
    }
    size_t n = s->nchar;
    if (f.precision >= 0 && (size_t)f.precision < n) n = (size_t)f.precision;
    return padded(in, str_cut(in, s, 0, n), &f);
}

/* ---- int ---- */

static value format_char(interp *in, value n, format_spec *f)
{
    if (f->sign) {
        return throw(in, ValueError, "Sign not allowed with integer format specifier 'c'");
    }
    if (f->alt) {
        return throw(in, ValueError,
                     "Alternate form (#) not allowed with integer format specifier 'c'");
    }
    if (n.kind != V_INT)
        return throw(in, OverflowError, "Python int too large to convert to C long");
    if (n.i < 0 || n.i > 0x10ffff) {
        return throw(in, OverflowError, "%%c arg not in range(0x110000)");
    }
    return padded(in, str_char(in, (uint32_t)n.i), f);
}

static char sign_char(bool negative, char spec)
{
    return negative ? '-' : spec == '+' || spec == ' ' ? spec : 0;
}

static value format_digits(interp *in, value n, const format_spec *f)
{
    uint32_t t = f->type;
    int base = t == 'b' ? 2 : t == 'o' ? 8 : t == 'x' || t == 'X' ? 16 : 10;
    char few[INT_TEXT], *s = few;
    if (n.kind == V_INT)
        int64_digits(n.i, (unsigned)base, few);
    else if (!(s = int_digits(in, n, base)))
        return FAIL;
    for (char *p = s; t == 'X' && *p; p++) {
        if (*p >= 'a') *p ^= 32;
    }
    bool negative = *s == '-';
    number_parts parts = {.sign = sign_char(negative, f->sign), .digits = s + negative};
    parts.ndigits = strlen(parts.digits);
    parts.rest = "";
    if (f->alt && base != 10) {
        parts.prefix = t == 'b' ? "0b" : t == 'o' ? "0o" : t == 'x' ? "0x" : "0X";
    }
    value v = number_layout(in, &parts, f);
    if (s != few) mem_free(s);
    return v;
}

static value format_double(interp *in, double x, format_spec *f, const char *type_name);

value text_format_int(interp *in, value self, str *spec)
{
    value n;
    double x;
    if (!spec || !spec->nbyte) return plain_str(in, self);
    if (!int_plain(self, &n)) return FAIL;
    format_spec f;
    const char *name = type_said(in, self);
    if (!format_spec_parse(in, spec, name, 'd', '>', &f)) return FAIL;
    if (f.type < 128 && strchr("eEfFgG%", (int)f.type)) {
        if (!int_to_double(n, &x)) {
            return throw(in, OverflowError, "int too large to convert to float");
        }
        return format_double(in, x, &f, name);
    }
    if (f.type >= 128 || !strchr("bcdnoxX", (int)f.type)) return format_unknown(in, f.type, name);
    if (f.precision >= 0) {
        return throw(in, ValueError, "Precision not allowed in integer format specifier");
    }
    if (f.no_neg_zero) {
        return throw(in, ValueError,
                     "Negative zero coercion (z) not allowed in integer format specifier");
    }
    return f.type == 'c' ? format_char(in, n, &f) : format_digits(in, n, &f);
}

value text_format_bool(interp *in, value self, str *spec)
{
    return text_format_int(in, self, spec);
}

/* ---- float ---- */

/* Rounds the shortest digits, which gives what rounding x itself gives unless they end in a 5 just
 * there (a tie that only x can break) or more digits are wanted than a double has for certain. */
static bool add_rounded(strbuf *b, double x, char code, int precision)
{
    enum { CERTAIN = 15 };
    shortest s = float_shortest(x, 64);
    int e = s.exp10, k = code == 'e' ? precision + 1 : e + 1 + precision;
    if (k > CERTAIN || precision > CERTAIN || (x < DBL_MIN && x != 0)) return false;
    char d[CERTAIN + 2] = "0000000000000000";
    bool up = k >= 0 && k < s.n && s.digit[k] >= '5';
    if (up && s.digit[k] == '5' && k + 1 == s.n) return false;
    if (k > 0) memcpy(d, s.digit, (size_t)(k < s.n ? k : s.n));
    for (int i = k - 1; up && i >= 0; i--) {
        up = d[i] == '9';
        d[i] = up ? '0' : (char)(d[i] + 1);
    }
    if (up) { /* carried all the way: 9.99 is 10.0 */
        memmove(d + 1, d, CERTAIN);
        d[0] = '1';
        e++;
        k += code == 'f';
    }
    if (code == 'e') {
        sb_addc(b, d[0]);
        if (precision) sb_addc(b, '.');
        sb_add(b, d + 1, (size_t)precision);
        sb_addf(b, "e%c%02d", e < 0 ? '-' : '+', abs(e));
        return true;
    }
    char text[2 * CERTAIN + 4], *p = text;
    for (int i = e > 0 ? e : 0; i >= -precision; i--) { /* the digit for 10^i */
        if (i == -1) *p++ = '.';
        *p++ = i <= e && e - i < k ? d[e - i] : '0';
    }
    sb_add(b, text, (size_t)(p - text));
    return true;
}

/* %f of what is a whole number of decimals, or nearly */
static bool add_decimals(strbuf *b, double x, int precision)
{
    uint64_t n;
    if (!float_decimals(x, precision, &n)) return false;
    char text[40], *end = text + sizeof text, *p = end;
    for (int i = 0; n || i <= precision; i++, n /= 10) {
        if (i && i == precision) *--p = '.';
        *--p = (char)('0' + n % 10);
    }
    sb_add(b, p, (size_t)(end - p));
    return true;
}

/* printf's %e or %f; alt: with a point in any case */
static bool add_exact(interp *in, strbuf *b, double x, char code, int precision, bool alt)
{
    if (!alt && code == 'f' && add_decimals(b, x, precision)) return true;
    if (!alt && add_rounded(b, x, code, precision)) return true;
    const char fmt[] = {'%', alt ? '#' : '.', alt ? '.' : '*', alt ? '*' : code, alt ? code : 0, 0};
    char few[400];
    int n = snprintf(few, sizeof few, fmt, precision, x);
    if (n < (int)sizeof few) return sb_add(b, few, (size_t)n), true;
    if (!check_width(in, n)) return false;
    char *many = mem_alloc((size_t)n + 1);
    snprintf(many, (size_t)n + 1, fmt, precision, x);
    sb_add(b, many, (size_t)n);
    mem_free(many);
    return true;
}

static void drop_zeros(strbuf *b, size_t from, size_t end)
{
    size_t keep = end;
    while (keep > from && b->at[keep - 1] == '0') keep--;
    if (keep > from && b->at[keep - 1] == '.') keep--;
    memmove(b->at + keep, b->at + end, b->n - end + 1);
    b->n -= end - keep;
}

/* %g.  dot0 leaves room for ".0": exponents start one digit earlier.  (printf's own %#g drops
 * zeros when rounding makes the number one digit longer.) */
static bool general(interp *in, strbuf *b, double x, int precision, bool alt, bool dot0)
{
    if (precision == 0) precision = 1;
    size_t from = b->n;
    if (!add_exact(in, b, x, 'e', precision - 1, alt)) return false;
    size_t e = from + strcspn(b->at + from, "e");
    int exp = atoi(b->at + e + 1);
    if (exp < -4 || exp >= precision - dot0) {
        if (!alt && memchr(b->at + from, '.', e - from)) drop_zeros(b, from, e);
        return true;
    }
    b->n = from;
    b->at[from] = 0;
    if (!add_exact(in, b, x, 'f', precision - 1 - exp, alt)) return false;
    bool point = memchr(b->at + from, '.', b->n - from);
    if (!alt && point) drop_zeros(b, from, b->n);
    if (dot0 && !memchr(b->at + from, '.', b->n - from)) sb_adds(b, ".0");
    return true;
}

/* repr's digits; alt: with a point even before an exponent */
static void repr_digits(strbuf *b, double x, bool alt, bool dot0)
{
    float_repr(b, x, 64);
    bool point = b->n > 2 && !strcmp(b->at + b->n - 2, ".0");
    if (point && !dot0) b->at[b->n -= alt ? 1 : 2] = 0;
    char *e = strchr(b->at, 'e');
    if (!alt || !e || memchr(b->at, '.', b->n)) return;
    char *tail = mem_dup(e);
    b->at[b->n = (size_t)(e - b->at)] = 0;
    sb_addc(b, '.');
    sb_adds(b, tail);
    mem_free(tail);
}

bool float_digits(interp *in, strbuf *b, double x, char code, int64_t precision, bool alt,
                  bool dot0)
{
    bool upper = code == 'E' || code == 'F' || code == 'G';
    char low = (char)(code | 32);
    x = fabs(x);
    if (!isfinite(x)) {
        sb_adds(b, isnan(x) ? (upper ? "NAN" : "nan") : upper ? "INF" : "inf");
        return true;
    }
    if (low == 'r') return repr_digits(b, x, alt, dot0), true;
    if (precision > INT_MAX - 400) {
        throw(in, ValueError, "precision too big");
        return false;
    }
    if (low == 'g') {
        size_t from = b->n;
        if (!general(in, b, x, (int)precision, alt, dot0)) return false;
        char *e = strchr(b->at + from, 'e');
        if (upper && e) *e = 'E';
        return true;
    }
    size_t from = b->n;
    if (!add_exact(in, b, x, low, (int)precision, alt)) return false;
    char *e = low == 'e' && upper ? strchr(b->at + from, 'e') : NULL;
    if (e) *e = 'E';
    return true;
}

static bool rounds_to_zero(const char *s)
{
    return s[strspn(s, "0.")] == 0 || (s[strspn(s, "0.")] | 32) == 'e';
}

static value format_double(interp *in, double x, format_spec *f, const char *type_name)
{
    uint32_t t = f->type;
    if (t >= 128 || (t && !strchr("eEfFgGn%", (int)t))) return format_unknown(in, t, type_name);
    bool percent = t == '%', none = t == 0;
    char code = none ? (f->precision < 0 ? 'r' : 'g') : t == 'n' ? 'g' : percent ? 'f' : (char)t;
    strbuf b = {0};
    bool negative = signbit(x) && !isnan(x);
    if (!float_digits(in, &b, percent ? x * 100 : x, code, f->precision < 0 ? 6 : f->precision,
                      f->alt, none)) {
        sb_clear(&b);
        return FAIL;
    }
    if (f->no_neg_zero && negative && rounds_to_zero(b.at)) negative = false;
    if (percent) sb_addc(&b, '%');
    number_parts p = {.sign = sign_char(negative, f->sign), .digits = b.at};
    while (p.digits[p.ndigits] >= '0' && p.digits[p.ndigits] <= '9') p.ndigits++;
    p.rest = b.at + p.ndigits;
    p.nrest = b.n - p.ndigits;
    value v = number_layout(in, &p, f);
    sb_clear(&b);
    return v;
}

value text_format_float(interp *in, value self, str *spec)
{
    double x = 0;
    if (!spec || !spec->nbyte) return plain_str(in, self);
    float_plain(self, &x);
    format_spec f;
    const char *name = type_said(in, self);
    if (!format_spec_parse(in, spec, name, 0, '>', &f)) return FAIL;
    return format_double(in, x, &f, name);
}

/* ---- complex ---- */

static bool add_part(interp *in, strbuf *b, double x, const format_spec *f, char code, char sign)
{
    strbuf digits = {0};
    int64_t precision = f->precision < 0 ? 6 : f->precision;
    if (!float_digits(in, &digits, x, code, precision, f->alt, false)) return false;
    bool negative = signbit(x) && !isnan(x);
    if (f->no_neg_zero && negative && rounds_to_zero(sb_text(&digits))) negative = false;
    char c = sign_char(negative, sign);
    if (c) sb_addc(b, c);
    size_t n = strspn(sb_text(&digits), "0123456789");
    if (f->group && n) {
        group_digits(b, digits.at, n, 3, f->group, 0);
        sb_adds(b, digits.at + n);
    } else
        sb_add(b, sb_text(&digits), digits.n);
    sb_clear(&digits);
    return true;
}

value text_format_complex(interp *in, value self, str *spec)
{
    cplx *c = (cplx *)self.o;
    if (!spec || !spec->nbyte) return plain_str(in, self);
    format_spec f;
    const char *name = type_said(in, self);
    if (!format_spec_parse(in, spec, name, 0, '>', &f)) return FAIL;
    if (f.type >= 128 || (f.type && !strchr("eEfFgGn", (int)f.type))) {
        return format_unknown(in, f.type, name);
    }
    if (f.fill == '0') {
        return throw(in, ValueError, "Zero padding is not allowed in complex format specifier");
    }
    if (f.align == '=') {
        return throw(in, ValueError,
                     "'=' alignment flag is not allowed in complex format specifier");
    }
    bool none = f.type == 0, skip = none && c->re == 0 && !signbit(c->re);
    char code = none ? (f.precision < 0 ? 'r' : 'g') : f.type == 'n' ? 'g' : (char)f.type;
    strbuf b = {0};
    if (none && !skip) sb_addc(&b, '(');
    bool ok = (skip || add_part(in, &b, c->re, &f, code, f.sign)) &&
              add_part(in, &b, c->im, &f, code, skip ? f.sign : '+');
    sb_addc(&b, 'j');
    if (none && !skip) sb_addc(&b, ')');
    size_t n;
    char *text = sb_take(&b, &n);
    if (ok) return padded(in, str_take(in, text, n), &f);
    mem_free(text);
    return FAIL;
}

/* stdlib/decimal/format.c - format(x, spec): rounds to what the spec asks for, then lays the
 * digits out as text of other numbers is. */
#include <string.h>

#include "engine/base/str.h"
#include "lang/textfmt.h"
#include "stdlib/decimal/decimal.h"

static value throw_spec(interp *in)
{
    exc_clear(in);
    return throw(in, ValueError, "invalid format string");
}

static bool is_code(uint32_t code, const char *codes)
{
    return code && code < 128 && strchr(codes, (int)code);
}

static void round_to_digits(num *x, int64_t digits, rules *r)
{
    int64_t drop = num_digits(x) - digits;
    if (drop <= 0) return;
    rules way = rules_widest;
    way.prec = digits;
    way.rounding = r->rounding;
    num_finish(x, &way);
}

static void round_to_exponent(num *x, int64_t exp, rules *r)
{
    num wide;
    num_init(&wide);
    if (x->exp < exp) {
        num_round_by(x, num_shift_down(x, exp - x->exp, r), r);
    } else if (num_shift_up(&wide, x, x->exp - exp, r))
        num_swap(x, &wide);
    num_clear(&wide);
    x->exp = exp;
}

/* The precision that the spec asks for. */
static void round_by_spec(num *x, const format_spec *f, rules *r)
{
    if (f->type == '%') x->exp += 2;
    if (f->precision >= 0) {
        if (is_code(f->type, "fF%"))
            round_to_exponent(x, -f->precision, r);
        else if (!is_code(f->type, "eE"))
            round_to_digits(x, f->precision ? f->precision : 1, r);
        else if (x->n) {
            round_to_digits(x, f->precision + 1, r);
            if (num_digits(x) <= f->precision)
                round_to_exponent(x, num_adjusted(x) - f->precision, r);
        }
    }
    if (x->exp > 0 && is_code(f->type, "fF%")) round_to_exponent(x, 0, r);
}

/* Digits with the point after `point` of them: whole part into *whole, the rest with it. */
static void split(strbuf *whole, strbuf *rest, const strbuf *digits, int64_t point)
{
    int64_t n = (int64_t)digits->n, in_front = point < 0 ? 0 : point > n ? n : point;
    sb_add(whole, sb_text(digits), (size_t)in_front);
    if (point > n) sb_pad(whole, '0', (size_t)(point - n));
    if (point <= 0) sb_addc(whole, '0');
    if (point < n) sb_addc(rest, '.');
    if (point < 0) sb_pad(rest, '0', (size_t)-point);
    sb_add(rest, sb_text(digits) + in_front, (size_t)(n - in_front));
}

static int64_t point_of(const num *x, const format_spec *f, int64_t left)
{
    if (is_code(f->type, "eE")) return !x->n && f->precision > 0 ? 1 - f->precision : 1;
    if (is_code(f->type, "fF%")) return left;
    return x->exp <= 0 && left > -6 ? left : 1;
}

static value format_finite(interp *in, const num *x, const format_spec *f, char sign, bool capitals)
{
    strbuf digits = {0}, whole = {0}, rest = {0};
    num_digits_text(&digits, x);
    int64_t left = x->exp + (int64_t)digits.n, point = point_of(x, f, left);
    split(&whole, &rest, &digits, point);
    if (left != point || is_code(f->type, "eE")) {
        bool upper = f->type ? is_code(f->type, "EG") : capitals;
        sb_addf(&rest, "%c%+lld", upper ? 'E' : 'e', (long long)(left - point));
    }
    if (f->type == '%') sb_addc(&rest, '%');
    number_parts parts = {.sign = sign,
                          .digits = sb_text(&whole),
                          .ndigits = whole.n,
                          .rest = sb_text(&rest),
                          .nrest = rest.n};
    value v = number_layout(in, &parts, f);
    sb_clear(&digits);
    sb_clear(&whole);
    sb_clear(&rest);
    return v;
}

/* `aligned`: the text says how; zeros that only widen numbers are spaces here */
static value format_special(interp *in, const num *x, format_spec *f, bool aligned, char sign)
{
    strbuf b = {0};
    num_text(&b, x, false, true);
    if (f->type == '%') sb_addc(&b, '%');
    if (!aligned && f->fill == '0' && f->align == '=') f->fill = ' ', f->align = '>';
    f->group = 0;
    number_parts parts = {.sign = sign, .digits = "", .rest = b.at + x->neg, .nrest = b.n - x->neg};
    value v = number_layout(in, &parts, f);
    sb_clear(&b);
    return v;
}

static bool is_aligned(const str *spec)
{
    return strchr("<>=^", spec->at[0]) || (spec->nbyte > 1 && strchr("<>=^", spec->at[1]));
}

value decimal_format(interp *in, value self, str *spec)
{
    const num *a = &as_decimal(self)->v;
    format_spec f;
    context *x = context_current(in);
    if (!x) return FAIL;
    if (!spec || !spec->nbyte) return v_obj(value_str(in, self));
    if (!format_spec_parse(in, spec, "Decimal", 0, '>', &f)) return throw_spec(in);
    if (f.alt || f.group == '_' || (f.type && !is_code(f.type, "eEfFgGn%"))) return throw_spec(in);
    num rounded;
    rules r = x->r;
    num_init(&rounded);
    num_copy(&rounded, a, &r);
    if (a->kind == FINITE) round_by_spec(&rounded, &f, &r);
    bool neg = a->neg && !(f.no_neg_zero && num_is_zero(&rounded));
    char sign = neg ? '-' : f.sign == '+' || f.sign == ' ' ? f.sign : 0;
    value v = a->kind == FINITE ? format_finite(in, &rounded, &f, sign, !x->lower)
                                : format_special(in, a, &f, is_aligned(spec), sign);
    num_clear(&rounded);
    return v;
}

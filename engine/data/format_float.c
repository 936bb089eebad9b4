/* engine/data/format_float.c - how NumPy chooses digits for an array of floats.
 *
 * Exponents are used when the greatest magnitude reaches 1e8, the least is below 1e-4
 * or their ratio exceeds 1000.  A first pass prints every visible number to learn how many
 * characters stand before and after the point; the style then pads to these. */
#include <math.h>
#include <string.h>

#include "engine/data/format_cell.h"

static double half_double(uint16_t h)
{
    int exponent = h >> 10 & 31, fraction = h & 1023;
    double x = exponent == 31  ? (fraction ? NAN : INFINITY)
               : exponent == 0 ? ldexp(fraction, -24)
                               : ldexp(fraction + 1024, exponent - 25);
    return h & 0x8000 ? -x : x;
}

double cell_double(enum dtype dt, const char *at)
{
    float f;
    double d;
    uint16_t h;
    switch (dt) {
    case DT_float16: memcpy(&h, at, sizeof h); return half_double(h);
    case DT_float32:
    case DT_complex64: memcpy(&f, at, sizeof f); return f;
    default: memcpy(&d, at, sizeof d); return d;
    }
}

int float_width(enum dtype dt)
{
    return dt == DT_float16 ? 16 : dt == DT_float32 || dt == DT_complex64 ? 32 : 64;
}

/* What the first pass learns. */
typedef struct survey {
    enum dtype dt;
    int offset;
    double max, min; /* of the finite magnitudes but zero; max 0: there are none */
    bool finite, special, minus, minus_inf;
    float_style style; /* second pass */
    bool exponents;
    strbuf text;
    size_t before, digits_before, after, exponent;
} survey;

static void survey_range(void *ctx, const char *at)
{
    survey *s = ctx;
    double x = cell_double(s->dt, at + s->offset), a = fabs(x);
    if (!isfinite(x)) {
        s->special = true;
        s->minus_inf |= isinf(x) && x < 0;
        return;
    }
    s->finite = true;
    s->minus |= signbit(x) != 0;
    if (a == 0) return;
    if (a > s->max) s->max = a;
    if (a < s->min) s->min = a;
}

static void keep_max(size_t *most, size_t n)
{
    if (n > *most) *most = n;
}

static void survey_digits(void *ctx, const char *at)
{
    survey *s = ctx;
    double x = cell_double(s->dt, at + s->offset);
    if (!isfinite(x)) return;
    s->text.n = 0;
    (s->exponents ? float_scientific : float_positional)(&s->text, x, &s->style);
    const char *text = s->text.at, *point = strchr(text, '.'), *e = strchr(text, 'e');
    const char *end = e ? e : text + s->text.n;
    keep_max(&s->before, (size_t)(point - text));
    keep_max(&s->digits_before, (size_t)(point - text) - (*text == '-' || *text == '+'));
    keep_max(&s->after, (size_t)(end - point) - 1);
    if (e) keep_max(&s->exponent, strlen(e + 2));
}

/* The quotient as the array's own dtype computes it. */
static double ratio_in(double a, double b, int width)
{
    if (width == 32) return (float)a / (float)b;
    if (width == 64) return a / b;
    int e;
    double m = frexp(a / b, &e);
    return ldexp(nearbyint(ldexp(m, 11)), e - 11);
}

static bool wants_exponents(const survey *s, bool suppress, int width)
{
    if (s->max == 0) return false;
    if (s->max >= 1e8) return true;
    return !suppress && (s->min < 0.0001 || ratio_in(s->max, s->min, width) > 1000);
}

static void choose_exponents(float_format *f, const survey *s, bool legacy)
{
    f->style.trim = 'k';
    f->style.precision = f->style.min_digits = (int)s->after;
    f->style.pad_left = legacy ? 3 : (int)s->before;
    f->style.exp_digits = (int)s->exponent;
    f->special_width = (int)s->exponent + 2 + f->style.precision; /* right of the point */
}

static void choose_positional(float_format *f, const survey *s, enum float_mode mode, bool legacy)
{
    f->style.pad_left = (int)(legacy ? 1 + s->digits_before : s->before);
    f->style.pad_right = f->special_width = (int)s->after;
    f->style.trim = '.';
    f->style.min_digits = 0;
    if (mode == FLOAT_fixed || mode == FLOAT_maxprec_equal) {
        f->style.precision = f->style.min_digits = (int)s->after;
        f->style.trim = 'k';
    }
}

static int max_int(int a, int b)
{
    return a > b ? a : b;
}

bool float_format_init(float_format *f, const cell_format *c, int offset, enum float_mode mode,
                       char sign, err *e)
{
    const print_opts *o = c->o;
    bool legacy = o->legacy <= LEGACY_113;
    int width = float_width(c->x->dtype);
    if (mode != FLOAT_unique && o->precision < -1)
        return err_set(e, ValueError, "precision must be >= 0");
    if (legacy && c->x->ndim && sign == '-') sign = ' ';
    *f = (float_format){.style = float_style_plain(width), .sign = sign};
    f->style.plus = sign == '+';
    f->style.precision = mode == FLOAT_unique ? -1 : o->precision;

    survey s = {.dt = c->x->dtype, .offset = offset, .min = INFINITY};
    visible_each(c->x, c->edge, survey_range, &s);
    f->exponents = s.exponents = wants_exponents(&s, o->suppress, width);
    f->style.unique = !s.finite || !(mode == FLOAT_fixed || (legacy && f->exponents));
    f->style.trim = f->style.unique ? '.' : 'k';
    if (!f->style.unique && f->style.precision < 0)
        return err_set(e, ValueError, "in non-unique mode `precision` must be supplied");
    s.style = f->style;
    if (s.finite) visible_each(c->x, c->edge, survey_digits, &s);
    sb_clear(&s.text);

    f->style.pad_left = f->style.pad_right = 0;
    if (s.finite && f->exponents)
        choose_exponents(f, &s, legacy);
    else if (s.finite)
        choose_positional(f, &s, mode, legacy);
    int right = f->special_width;
    if (!legacy && sign == ' ' && !s.minus) f->style.pad_left++;
    if (s.special) {
        int nan = (int)strlen(o->nanstr), inf = (int)strlen(o->infstr);
        inf += sign != '-' || s.minus_inf;
        f->style.pad_left = max_int(f->style.pad_left, max_int(nan, inf) - right - 1);
    }
    f->special_width = f->style.pad_left + right + 1;
    return true;
}

void float_format_add(const float_format *f, const print_opts *o, double x, strbuf *out)
{
    if (isfinite(x)) {
        (f->exponents ? float_scientific : float_positional)(out, x, &f->style);
        return;
    }
    const char *name = isnan(x) ? o->nanstr : o->infstr;
    const char *sign = !isnan(x) && x < 0 ? "-" : f->sign == '+' ? "+" : "";
    int pad = f->special_width - (int)(strlen(name) + strlen(sign));
    if (pad > 0) sb_pad(out, ' ', (size_t)pad);
    sb_adds(out, sign);
    sb_adds(out, name);
}

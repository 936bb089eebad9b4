/* engine/base/dtoa.c - decimal text of floats.
 *
 * Shortest digits by Schubfach (R. Giulietti, "The Schubfach way to render doubles"): one
 * 128-bit power of ten and three multiplications rounded to odd.  The powers come from
 * every 27th one, kept in 192 bits, times a power of five; the 617 results have been
 * compared with exact arithmetic.  Digits to a given place come from the C library, whose
 * printf is exact and rounds half to even, as NumPy's Dragon4 does. */
#include "engine/base/dtoa.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"

__extension__ typedef unsigned __int128 u128;

typedef struct pow10 { /* hi:lo is 10^k scaled to 128 bits, rounded up */
    uint64_t hi, lo;
} pow10;

enum { POW_FIRST = -297, POW_STEP = 27 };

/* 10^k, k = -297, -270 ... 324: the leading 192 bits, rounded down */
static const uint64_t powers[24][3] = {
    {0xa76c582338ed2621, 0xaf2af2b80af6f24e, 0x657c8f4d43323a36}, /* 1e-297 */
    {0x873e4f75e2224e68, 0x5a7744a6e804a291, 0xcc35eddfcf0996d7}, /* 1e-270 */
    {0xda7f5bf590966848, 0xaf39a475506a899e, 0xa30294cc2934e662}, /* 1e-243 */
    {0xb080392cc4349dec, 0xbd8d794d96aacfb3, 0xfe13a5c86af64418}, /* 1e-216 */
    {0x8e938662882af53e, 0x547eb47b7282ee9c, 0x41b0230e1421487d}, /* 1e-189 */
    {0xe65829b3046b0afa, 0x0cb4a5a3112a5112, 0xa3b561b1cb208396}, /* 1e-162 */
    {0xba121a4650e4ddeb, 0x92f34d62616ce413, 0x21a0183e10583cd3}, /* 1e-135 */
    {0x964e858c91ba2655, 0x3a6a07f8d510f86f, 0xe9082f25e9c5e9ec}, /* 1e-108 */
    {0xf2d56790ab41c2a2, 0xfae27299423fb9c3, 0x3695dad7e8858901}, /* 1e-81 */
    {0xc428d05aa4751e4c, 0xaa97e14c3c26b886, 0x96842dc95323f5a8}, /* 1e-54 */
    {0x9e74d1b791e07e48, 0x775ea264cf55347d, 0xca49f1c05120c9c7}, /* 1e-27 */
    {0x8000000000000000, 0x0000000000000000, 0x0000000000000000}, /* 1e+0 */
    {0xcecb8f27f4200f3a, 0x0000000000000000, 0x0000000000000000}, /* 1e+27 */
    {0xa70c3c40a64e6c51, 0x999090b65f67d924, 0x0000000000000000}, /* 1e+54 */
    {0x86f0ac99b4e8dafd, 0x69a028bb3ded71a3, 0xdf9f915627c04e28}, /* 1e+81 */
    {0xda01ee641a708de9, 0xe80e6f4820cc9495, 0xd74baad03bc1d8d3}, /* 1e+108 */
    {0xb01ae745b101e9e4, 0x5ec05dcff72e7f8f, 0xc04c79ffe324301f}, /* 1e+135 */
    {0x8e41ade9fbebc27d, 0x14588f13be847307, 0x23bd6a2059c002f5}, /* 1e+162 */
    {0xe5d3ef282a242e81, 0x8f1668c8a86da5fa, 0xf0b5ccf5176ecc7c}, /* 1e+189 */
    {0xb9a74a0637ce2ee1, 0x6d953e2bd7173692, 0x88efb0037ac08bde}, /* 1e+216 */
    {0x95f83d0a1fb69cd9, 0x4abdaf101564f98e, 0x0d5a4af7b3a98e47}, /* 1e+243 */
    {0xf24a01a73cf2dccf, 0xbc633b39673c8cec, 0x3d9c44cd2f36917c}, /* 1e+270 */
    {0xc3b8358109e84f07, 0x0a862f80ec4700c8, 0x02606ea01029dc37}, /* 1e+297 */
    {0x9e19db92b4e31ba9, 0x6c07a2c26a8346d1, 0x4944d9f52cd0dec2}, /* 1e+324 */
};

static pow10 pow10_of(int k)
{
    int row = (k - POW_FIRST) / POW_STEP;
    uint64_t five = 1;
    for (int i = (k - POW_FIRST) % POW_STEP; i > 0; i--) five *= 5;
    five <<= __builtin_clzll(five);
    const uint64_t *p = powers[row];
    u128 a = (u128)p[2] * five, b = (u128)p[1] * five, c = (u128)p[0] * five;
    b += (uint64_t)(a >> 64);
    c += (uint64_t)(b >> 64);
    uint64_t rest1 = (uint64_t)b, rest0 = (uint64_t)a;
    if (!(c >> 127)) {
        c = c << 1 | rest1 >> 63;
        rest1 = rest1 << 1 | rest0 >> 63;
        rest0 <<= 1;
    }
    c += (rest1 | rest0) != 0;
    return (pow10){(uint64_t)(c >> 64), (uint64_t)c};
}

static uint64_t round_to_odd(pow10 g, uint64_t c)
{
    u128 x = (u128)g.lo * c, y = (u128)g.hi * c;
    y += (uint64_t)(x >> 64);
    return (uint64_t)(y >> 64) | ((uint64_t)y > 1);
}

/* floor(log10(2^q)), of 3/4 2^q, floor(log2(10^k)): exact for the exponents of a double */
static int log10_pow2(int q)
{
    return (q * 1262611) >> 22;
}
static int log10_three_quarters(int q)
{
    return (q * 1262611 - 524031) >> 22;
}
static int log2_pow10(int k)
{
    return (k * 1741647) >> 19;
}

/* The shortest decimal *digits * 10^k inside the rounding interval of c * 2^q, nearest to it.
 * `narrow`: the neighbour below is half as far as the one above (c is a power of two). */
static uint64_t schubfach(uint64_t c, int q, bool narrow, int *k10)
{
    uint64_t odd = c & 1; /* the interval is closed when c is even */
    int k = narrow ? log10_three_quarters(q) : log10_pow2(q);
    int h = q + log2_pow10(-k) + 1;
    pow10 g = pow10_of(-k);
    uint64_t lower = round_to_odd(g, (4 * c - 2 + narrow) << h) + odd;
    uint64_t v = round_to_odd(g, (4 * c) << h);
    uint64_t upper = round_to_odd(g, (4 * c + 2) << h) - odd;
    uint64_t s = v / 4;
    *k10 = k;
    if (s >= 10) {
        uint64_t tens = s / 10;
        bool below = lower <= 40 * tens, above = 40 * tens + 40 <= upper;
        if (below != above) {
            *k10 = k + 1;
            return tens + above;
        }
    }
    bool below = lower <= 4 * s, above = 4 * s + 4 <= upper;
    if (below != above) return s + above;
    uint64_t mid = 4 * s + 2;
    return s + (v > mid || (v == mid && (s & 1)));
}

/* Mantissa bits and least exponent of the formats. */
static void format_of(int width, int *bits, int *least)
{
    *bits = width == 64 ? 53 : width == 32 ? 24 : 11;
    *least = width == 64 ? -1074 : width == 32 ? -149 : -24;
}

static void write_digits(shortest *r, uint64_t d)
{
    char text[20], *p = text + sizeof text;
    do *--p = (char)('0' + d % 10);
    while ((d /= 10));
    r->n = (int)(text + sizeof text - p);
    memcpy(r->digit, p, (size_t)r->n);
    r->digit[r->n] = 0;
}

double float_tenfold(int decimals)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    return power[decimals];
}

/* The product is y and a rest, both known exactly: halves are halves, and what is beside one is
 * told by the rest. */
bool float_decimals(double x, int decimals, uint64_t *out)
{
    enum { EXACT = 22 };
    if (decimals < 0 || decimals > EXACT || !(x >= 0)) return false;
    double p = float_tenfold(decimals), y = x * p;
    if (!(y < 0x1p52)) return false;
    double rest = fma(x, p, -y), part = y - floor(y);
    *out = (uint64_t)y;
    if (part > 0.5 || (part == 0.5 && (rest > 0 || (rest == 0 && *out & 1)))) ++*out;
    return true;
}

shortest float_shortest(double x, int width)
{
    shortest r = {.digit = "0", .n = 1};
    x = fabs(x);
    if (x == 0) return r;
    if (width == 64 && x < 0x1p53 && x == (double)(uint64_t)x) {
        int zeros = 0;
        uint64_t whole = (uint64_t)x;
        for (; whole % 10 == 0; zeros++) whole /= 10;
        write_digits(&r, whole);
        r.exp10 = zeros + r.n - 1;
        return r;
    }
    int bits, least, e;
    format_of(width, &bits, &least);
    double m = frexp(x, &e); /* x = m 2^e, m in [1/2, 1) */
    int q = e - bits < least ? least : e - bits;
    uint64_t c = (uint64_t)ldexp(m, e - q);
    bool narrow = c == (uint64_t)1 << (bits - 1) && q > least;
    int k;
    uint64_t d = schubfach(c, q, narrow, &k);
    for (; d % 10 == 0; k++) d /= 10;
    write_digits(&r, d);
    r.exp10 = k + r.n - 1;
    return r;
}

/* ---- Python's repr ---- */

static bool add_special(strbuf *b, double x, bool plus)
{
    if (isfinite(x)) return false;
    sb_adds(b, isnan(x) ? "" : x < 0 ? "-" : plus ? "+" : "");
    sb_adds(b, isnan(x) ? "nan" : "inf");
    return true;
}

/* repr without the ".0" of a whole number, which complex leaves out */
static void add_repr(strbuf *b, double x, int width, bool point)
{
    if (add_special(b, x, false)) return;
    if (signbit(x)) sb_addc(b, '-');
    shortest d = float_shortest(x, width);
    double a = fabs(x); /* of a float32 not the digits: 1e-04 is below 0.0001 */
    if (a != 0 && (a < 1e-4 || a >= 1e16)) {
        sb_addc(b, d.digit[0]);
        if (d.n > 1) sb_addf(b, ".%s", d.digit + 1);
        sb_addf(b, "e%c%02d", d.exp10 < 0 ? '-' : '+', abs(d.exp10));
    } else if (d.exp10 < 0) {
        sb_adds(b, "0.");
        sb_pad(b, '0', (size_t)(-d.exp10 - 1));
        sb_add(b, d.digit, (size_t)d.n);
    } else if (d.n <= d.exp10 + 1) {
        sb_add(b, d.digit, (size_t)d.n);
        sb_pad(b, '0', (size_t)(d.exp10 + 1 - d.n));
        if (point) sb_adds(b, ".0");
    } else {
        sb_add(b, d.digit, (size_t)d.exp10 + 1);
        sb_addc(b, '.');
        sb_add(b, d.digit + d.exp10 + 1, (size_t)(d.n - d.exp10 - 1));
    }
}

void float_repr(strbuf *b, double x, int width)
{
    add_repr(b, x, width, true);
}

void complex_repr(strbuf *b, double re, double im, int width)
{
    bool alone = re == 0 && !signbit(re);
    if (!alone) {
        sb_addc(b, '(');
        add_repr(b, re, width, false);
        if (isnan(im) || !signbit(im)) sb_addc(b, '+');
    }
    add_repr(b, im, width, false);
    sb_adds(b, alone ? "j" : "j)");
}

/* ---- NumPy's layouts ---- */

typedef struct decimal { /* digits as in `shortest`, of any number */
    char *digit;         /* owned */
    int n, exp10;
} decimal;

enum { PLACES_MAX = 16000, EXACT_MAX = 800 }; /* no double has more digits than EXACT_MAX */

/* Leaves the digits of a number printed as "d.ddd": exp10 becomes that of its first digit. */
static void keep_digits(strbuf *b, int *exp10)
{
    char *point = strchr(b->at, '.');
    if (point) memmove(point, point + 1, strlen(point));
    char *first = b->at;
    for (; *first == '0' && first[1]; first++) (*exp10)--;
    memmove(b->at, first, strlen(first) + 1);
    b->n = strlen(b->at);
}

/* Dragon4 ends with a zero only where |x| has one: a carry leaves none, and without `unique` it
 * stops as soon as nothing is left of |x|. */
static void drop_zeros(strbuf *b, double x, bool unique)
{
    if (b->at[b->n - 1] != '0') return;
    strbuf all = {0};
    sb_addf(&all, "%.*e", EXACT_MAX, x);
    memmove(all.at + 1, all.at + 2, all.n - 1);
    size_t n = b->n;
    bool goes_on = strspn(all.at + n, "0") < EXACT_MAX + 1 - n;
    if (strncmp(all.at, b->at, n) != 0 || (!goes_on && !unique))
        while (n > 1 && b->at[n - 1] == '0') n--;
    b->n = n;
    b->at[n] = 0;
    sb_clear(&all);
}

/* The power of ten of the first digit of |x| itself: the shortest digits may have reached the next.
 */
static int exponent_of(double x)
{
    shortest s = float_shortest(x, 64);
    if (s.n > 1 || s.digit[0] != '1') return s.exp10;
    char text[64];
    snprintf(text, sizeof text, "%.40e", fabs(x));
    return text[0] == '9' ? s.exp10 - 1 : s.exp10;
}

/* |x| rounded at 10^place, exactly; at least one digit, perhaps zero */
static decimal rounded_at(double x, int place, bool unique)
{
    decimal d = {0};
    strbuf b = {0};
    int first = exponent_of(x);
    if (first >= place) {
        sb_addf(&b, "%.*e", first - place, x);
        char *e = strchr(b.at, 'e');
        d.exp10 = atoi(e + 1);
        *e = 0;
    } else if (place <= 0) {
        sb_addf(&b, "%.*f", -place, x);
    } else { /* below the last place: one of it, or nothing */
        char unit[16];
        snprintf(unit, sizeof unit, "1e%d", place);
        sb_addc(&b, x > strtod(unit, NULL) / 2 ? '1' : '0');
        d.exp10 = place;
    }
    keep_digits(&b, &d.exp10);
    if (first >= place) drop_zeros(&b, x, unique);
    d.n = (int)b.n;
    d.digit = sb_take(&b, NULL);
    return d;
}

static decimal decimal_of_shortest(shortest s)
{
    return (decimal){.digit = mem_dup(s.digit), .n = s.n, .exp10 = s.exp10};
}

/* The digits Dragon4 yields: the shortest, unless they end before the place `min` or beyond the
 * place `max` (powers of ten); then |x| rounded there. */
static decimal digits_between(double x, int width, bool unique, int max, int min)
{
    shortest s = float_shortest(x, width);
    int last = s.exp10 - s.n + 1;
    if (x == 0 || (unique && last >= max && last <= min)) return decimal_of_shortest(s);
    int place = !unique || last < max ? max : min;
    return rounded_at(x, place, unique);
}

static void trim_zeros(strbuf *b, char trim, bool keep_point, size_t *fraction)
{
    if (trim == 'k' || !*fraction) return;
    while (b->at[b->n - 1] == '0') b->n--, (*fraction)--;
    if (b->at[b->n - 1] == '.') {
        if (trim == '0') sb_addc(b, '0'), (*fraction)++;
        if (trim == '-' && !keep_point) b->n--;
    }
    b->at[b->n] = 0;
}

/* Zeros and blanks after the last digit, given how many digits stand after the point.  In
 * scientific layout a point once written stays. */
static void finish_fraction(strbuf *b, const float_style *s, bool scientific, size_t fraction,
                            int want)
{
    if (s->trim != '-' && !fraction) sb_addc(b, '.');
    if (s->trim == '0' && !fraction) {
        sb_addc(b, '0');
        fraction++;
    } else if (s->trim == 'k' && want > (int)fraction) {
        sb_pad(b, '0', (size_t)want - fraction);
        fraction = (size_t)want;
    }
    trim_zeros(b, s->trim, scientific, &fraction);
    if (scientific || s->pad_right < (int)fraction) return;
    if (s->trim == '-' && !fraction) sb_addc(b, ' ');
    sb_pad(b, ' ', (size_t)s->pad_right - fraction);
}

static char sign_of(double x, bool plus)
{
    return signbit(x) ? '-' : plus ? '+' : 0;
}

static int at_most(int a, int b)
{
    return a < b ? a : b;
}

void float_positional(strbuf *b, double x, const float_style *s)
{
    if (add_special(b, x, s->plus)) return;
    int first = s->total ? exponent_of(x) + 1 : 0; /* places count from here */
    int max = s->precision < 0 ? -PLACES_MAX : first - at_most(s->precision, PLACES_MAX);
    int min = s->min_digits < 0 ? PLACES_MAX : first - at_most(s->min_digits, PLACES_MAX);
    if (min < max) min = max;
    decimal d = digits_between(fabs(x), s->width, s->unique, max, min);
    strbuf t = {0};
    char sign = sign_of(x, s->plus);
    if (sign) sb_addc(&t, sign);
    int whole = d.exp10 < 0 ? 1 : d.exp10 + 1;
    size_t fraction = 0;
    if (d.exp10 < 0) {
        sb_adds(&t, "0.");
        sb_pad(&t, '0', (size_t)(-d.exp10 - 1));
        sb_add(&t, d.digit, (size_t)d.n);
        fraction = (size_t)(d.n - d.exp10 - 1);
    } else if (d.n <= whole) {
        sb_add(&t, d.digit, (size_t)d.n);
        sb_pad(&t, '0', (size_t)(whole - d.n));
    } else {
        sb_add(&t, d.digit, (size_t)whole);
        sb_addf(&t, ".%s", d.digit + whole);
        fraction = (size_t)(d.n - whole);
    }
    int want = s->unique ? s->min_digits : s->precision;
    if (want < 0) want = 0;
    finish_fraction(&t, s, false, fraction, s->total ? want - whole : want);
    int left = s->pad_left - whole - (sign != 0);
    if (left > 0) sb_pad(b, ' ', (size_t)left);
    sb_add(b, t.at, t.n);
    sb_clear(&t);
    mem_free(d.digit);
}

void float_scientific(strbuf *b, double x, const float_style *s)
{
    if (add_special(b, x, s->plus)) return;
    int first = exponent_of(x);
    int max = s->precision < 0 ? -PLACES_MAX : first - at_most(s->precision, PLACES_MAX);
    int min = s->min_digits < 0 ? PLACES_MAX : first - at_most(s->min_digits, PLACES_MAX);
    if (min < max) min = max;
    decimal d = digits_between(fabs(x), s->width, s->unique, max, min);
    char sign = sign_of(x, s->plus);
    int left = s->pad_left - 1 - (sign != 0);
    if (left > 0) sb_pad(b, ' ', (size_t)left);
    if (sign) sb_addc(b, sign);
    sb_addc(b, d.digit[0]);
    if (d.n > 1) sb_addf(b, ".%s", d.digit + 1);
    int want = s->unique ? s->min_digits : s->precision;
    finish_fraction(b, s, true, (size_t)d.n - 1, want < 0 ? 0 : want);
    int digits = s->exp_digits < 0 ? 2 : s->exp_digits;
    sb_addf(b, "e%c%.*d", d.exp10 < 0 ? '-' : '+', digits, abs(d.exp10));
    mem_free(d.digit);
}

/* ---- text to float ---- */

static size_t scan_digits(const char *s, size_t n, size_t i)
{
    while (i < n && s[i] >= '0' && s[i] <= '9') i++;
    return i;
}

size_t float_scan(const char *s, size_t n, double *out)
{
    size_t i = scan_digits(s, n, 0), digits = i;
    if (i < n && s[i] == '.') {
        size_t end = scan_digits(s, n, i + 1);
        digits += end - i - 1;
        i = end;
    }
    if (!digits) return 0;
    if (i < n && (s[i] | 32) == 'e') {
        size_t e = i + 1;
        if (e < n && (s[e] == '+' || s[e] == '-')) e++;
        size_t end = scan_digits(s, n, e);
        if (end > e) i = end;
    }
    char small[64], *text = i < sizeof small ? small : mem_alloc(i + 1);
    memcpy(text, s, i);
    text[i] = 0;
    *out = strtod(text, NULL);
    if (text != small) mem_free(text);
    return i;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_word(const char *s, size_t n, const char *word)
{
    if (strlen(word) != n) return false;
    for (size_t i = 0; i < n; i++)
        if ((s[i] | 32) != word[i]) return false;
    return true;
}

bool float_parse(const char *s, size_t n, double *out)
{
    while (n && is_blank(*s)) s++, n--;
    while (n && is_blank(s[n - 1])) n--;
    bool minus = n && *s == '-';
    if (n && (*s == '-' || *s == '+')) s++, n--;
    if (is_word(s, n, "inf") || is_word(s, n, "infinity")) {
        *out = INFINITY;
    } else if (is_word(s, n, "nan")) {
        *out = NAN;
    } else if (!n || float_scan(s, n, out) != n) {
        return false;
    }
    if (minus) *out = -*out;
    return true;
}

/* stdlib/decimal/text.c - numbers from text and as text. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "stdlib/decimal/num.h"

enum { CHUNK = 18, MANY_LIMBS = 24, MANY_DIGITS = 400, NEAR_DIGITS = MANY_LIMBS * 20 };
static const uint64_t chunk_size = 1000000000000000000u;

/* ---- digits out ---- */

static void add_many(strbuf *b, const num *x)
{
    mpz_t view;
    size_t n = mpz_sizeinbase(num_view(view, x), 10);
    char *s = mem_alloc(n + 2);
    mpz_get_str(s, 10, view);
    sb_adds(b, s);
    mem_free(s);
}

void num_digits_text(strbuf *b, const num *x)
{
    if (x->n > MANY_LIMBS) {
        add_many(b, x);
        return;
    }
    mp_limb_t left[MANY_LIMBS];
    char text[NEAR_DIGITS], *end = text + sizeof text, *at = end;
    size_t n = x->n;
    if (n) mpn_copyi(left, x->limb, (mp_size_t)n);
    while (n) { /* 18 digits at a time, from the right */
        uint64_t part = n == 1 && left[0] < chunk_size
                            ? left[n = 0]
                            : mpn_divrem_1(left, 0, left, (mp_size_t)n, chunk_size);
        while (n && !left[n - 1]) n--;
        for (int i = 0; n ? i < CHUNK : part != 0; i++, part /= 10) *--at = (char)('0' + part % 10);
    }
    if (at == end) *--at = '0';
    sb_add(b, at, (size_t)(end - at));
}

/* ---- numbers out ---- */

/* After how many of n digits the point stands, for a number whose point is after `left`. */
static int64_t place_of_point(const num *x, int64_t left, bool engineering)
{
    if (x->exp <= 0 && left > -6) return left;
    if (!engineering) return 1;
    int64_t m = x->n ? (left - 1) % 3 : (left + 1) % 3;
    if (m < 0) m += 3;
    return x->n ? m + 1 : m - 1;
}

void num_text(strbuf *b, const num *x, bool engineering, bool capitals)
{
    if (x->neg) sb_addc(b, '-');
    if (x->kind != FINITE) {
        sb_adds(b, x->kind == INFINITE ? "Infinity" : x->kind == QUIET ? "NaN" : "sNaN");
        if (x->n) num_digits_text(b, x);
        return;
    }
    size_t from = b->n;
    num_digits_text(b, x);
    int64_t n = (int64_t)(b->n - from), left = x->exp + n;
    int64_t point = place_of_point(x, left, engineering);
    if (point <= 0) {
        sb_pad(b, '0', (size_t)(2 - point));
        memmove(b->at + from + 2 - point, b->at + from, (size_t)n);
        memset(b->at + from, '0', (size_t)(2 - point));
        b->at[from + 1] = '.';
    } else if (point < n) {
        sb_addc(b, ' ');
        memmove(b->at + from + point + 1, b->at + from + point, (size_t)(n - point));
        b->at[from + (size_t)point] = '.';
    } else
        sb_pad(b, '0', (size_t)(point - n));
    if (left != point) sb_addf(b, "%c%+lld", capitals ? 'E' : 'e', (long long)(left - point));
}

/* ---- numbers in ---- */

static bool read_many(num *out, const char *s, size_t n, rules *r)
{
    char *digits = mem_dupn(s, n);
    const num known = *out; /* its kind, sign and exponent */
    mpz_t z;
    mpz_init_set_str(z, digits, 10);
    bool ok = num_set_mpz(out, z, r);
    out->kind = known.kind;
    out->neg = known.neg;
    out->exp = known.exp;
    mpz_clear(z);
    mem_free(digits);
    return ok;
}

/* The coefficient of n digits; what else out has stays. */
static bool read_digits(num *out, const char *s, size_t n, rules *r)
{
    while (n && *s == '0') s++, n--;
    if (n > MANY_DIGITS) return read_many(out, s, n, r);
    if (!num_room(out, n / CHUNK + 2, r)) return false;
    out->n = 0;
    while (n) {
        uint64_t part = 0, by = 1;
        for (int i = 0; n && i < CHUNK; i++, n--, by *= 10)
            part = part * 10 + (uint64_t)(*s++ - '0');
        mp_limb_t carry = 0;
        if (out->n) {
            carry = mpn_mul_1(out->limb, out->limb, (mp_size_t)out->n, by);
            carry += mpn_add_1(out->limb, out->limb, (mp_size_t)out->n, part);
        } else
            carry = part;
        if (carry) out->limb[out->n++] = carry;
    }
    return true;
}

static size_t count_digits(const char *s, const char *end)
{
    const char *p = s;
    while (p < end && isdigit((unsigned char)*p)) p++;
    return (size_t)(p - s);
}

static bool is_word(const char *s, size_t n, const char *word)
{
    return n == strlen(word) && strncasecmp(s, word, n) == 0;
}

static bool read_special(num *out, const char *s, size_t n, bool neg, rules *r)
{
    if (is_word(s, n, "inf") || is_word(s, n, "infinity")) {
        num_special(out, INFINITE, neg);
        return true;
    }
    bool signaling = n && (*s == 's' || *s == 'S');
    s += signaling, n -= signaling;
    if (n < 3 || strncasecmp(s, "nan", 3) != 0 || count_digits(s + 3, s + n) != n - 3) return false;
    num_special(out, signaling ? SIGNALING : QUIET, neg);
    return read_digits(out, s + 3, n - 3, r);
}

/* "e+12" at s: false: something else.  What no exponent can be counts as EXP_HUGE. */
static bool read_exponent(const char *s, const char *end, int64_t *out)
{
    *out = 0;
    if (s == end) return true;
    if (*s != 'e' && *s != 'E') return false;
    s++;
    bool neg = s < end && *s == '-';
    if (s < end && (*s == '-' || *s == '+')) s++;
    if (s == end || count_digits(s, end) != (size_t)(end - s)) return false;
    for (; s < end; s++)
        if (*out < EXP_HUGE / 10)
            *out = *out * 10 + (*s - '0');
        else
            *out = EXP_HUGE;
    if (neg) *out = -*out;
    return true;
}

/* The digits around a point, put together. */
static bool read_split(num *out, const char *s, size_t whole, size_t part, rules *r)
{
    char near[MANY_DIGITS], *all = near;
    if (whole + part > sizeof near) all = mem_alloc(whole + part);
    memcpy(all, s, whole);
    memcpy(all + whole, s + whole + 1, part);
    bool ok = read_digits(out, all, whole + part, r);
    if (all != near) mem_free(all);
    return ok;
}

bool num_read(num *out, const char *s, size_t n, rules *r)
{
    const char *end = s + n;
    bool neg = n && *s == '-';
    if (n && (*s == '-' || *s == '+')) s++;
    size_t whole = count_digits(s, end), part = 0;
    const char *p = s + whole;
    bool point = p < end && *p == '.';
    if (point) part = count_digits(p + 1, end);
    if (!whole && !part) return read_special(out, s, (size_t)(end - s), neg, r);
    int64_t exp;
    if (!read_exponent(p + point + part, end, &exp)) return false;
    num_set(out, neg, 0, exp - (int64_t)part);
    if (part)
        read_split(out, s, whole, part, r);
    else
        read_digits(out, s, whole, r);
    return true;
}

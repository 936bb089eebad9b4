/* lang/types/inttext.c - ints as text: parsing in any base, digits, the limit of 3.11 on both. */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/aside.h"
#include "lang/interp.h"
#include "lang/types/ucd.h"

enum { DIGIT_LIMIT = 4300, DIGIT_LIMIT_MIN = 640 };

int64_t int_digit_limit(interp *in)
{
    return in->digit_limit == 0 ? DIGIT_LIMIT : in->digit_limit < 0 ? 0 : in->digit_limit;
}

/* ---- int -> text ---- */

static bool check_digits(interp *in, const mpz_t z)
{
    int64_t limit = int_digit_limit(in);
    size_t n = mpz_sizeinbase(z, 10); /* exact or one too many */
    if (limit == 0 || n <= (size_t)limit) return true;
    if (n == (size_t)limit + 1) {
        mpz_t t;
        mpz_init(t);
        mpz_ui_pow_ui(t, 10, (unsigned long)limit);
        int c = mpz_cmpabs(z, t);
        mpz_clear(t);
        if (c < 0) return true;
    }
    throw(in, ValueError,
          "Exceeds the limit (%lld digits) for integer string conversion; use "
          "sys.set_int_max_str_digits() to increase the limit",
          (long long)limit);
    return false;
}

size_t int64_digits(int64_t i, unsigned base, char *out)
{
    char at[INT_TEXT], *p = at + sizeof at;
    uint64_t u = i < 0 ? -(uint64_t)i : (uint64_t)i;
    if (base == 10) { /* a division by a constant is a multiplication */
        do *--p = (char)('0' + u % 10);
        while ((u /= 10));
    } else {
        do *--p = "0123456789abcdefghijklmnopqrstuvwxyz"[u % base];
        while ((u /= base));
    }
    if (i < 0) *--p = '-';
    size_t n = (size_t)(at + sizeof at - p);
    memcpy(out, p, n);
    out[n] = 0;
    return n;
}

char *int_digits(interp *in, value plain, int base)
{
    char few[INT_TEXT];
    if (plain.kind == V_INT) return mem_dupn(few, int64_digits(plain.i, (unsigned)base, few));
    mpz_srcptr z = ((bigint *)plain.o)->z;
    if (base == 10 && !check_digits(in, z)) return NULL;
    err e = {0};
    char *s = try_alloc(mpz_sizeinbase(z, base) + 2, &e);
    if (!s) return throw_err(in, &e), NULL;
    if (int_write(in, z, base, s)) return s;
    return mem_free(s), NULL;
}

str *int_bits_text(interp *in, value big, unsigned shift, char letter)
{
    mpz_srcptr z = ((bigint *)big.o)->z;
    const size_t n = (mpz_sizeinbase(z, 2) + shift - 1) / shift, sign = mpz_sgn(z) < 0;
    const mp_limb_t *limb = mpz_limbs_read(z);
    str *s = str_alloc(in, n + 2 + sign, n + 2 + sign);
    if (!s) return NULL;
    char *p = s->at;
    if (sign) *p++ = '-';
    *p++ = '0', *p++ = letter;
    for (size_t i = n * shift; i;) {
        i -= shift;
        const unsigned at = i % GMP_NUMB_BITS;
        mp_limb_t digit = limb[i / GMP_NUMB_BITS] >> at;
        if (at + shift > GMP_NUMB_BITS && i / GMP_NUMB_BITS + 1 < mpz_size(z))
            digit |= limb[i / GMP_NUMB_BITS + 1] << (GMP_NUMB_BITS - at);
        *p++ = "0123456789abcdef"[digit & ((1u << shift) - 1)];
        if (!goes_on(in, i / shift)) return obj_unref(in, s), NULL;
    }
    return s;
}

/* ---- text -> int ---- */

static inline int digit_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c & 0x80) return 99;
    c |= 32;
    return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

static int prefix_base(const char *s, size_t n)
{
    if (n < 2 || s[0] != '0') return 0;
    char c = s[1] | 32;
    return c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 0;
}

static value too_many(interp *in, size_t digits)
{
    return throw(in, ValueError,
                 "Exceeds the limit (%lld digits) for integer string conversion: value has %zu "
                 "digits; use sys.set_int_max_str_digits() to increase the limit",
                 (long long)int_digit_limit(in), digits);
}

/* Decimal digits that INT_LIMBS limbs have room for, as many at a time as a limb holds. */
enum { LIMB_DIGITS = 19, MOST_DIGITS = 1200 };

static value from_decimals(interp *in, const char *s, size_t n, bool negative)
{
    mp_limb_t limb[INT_LIMBS], add, unit;
    mp_size_t size = 0;
    for (size_t i = 0; i < n;) {
        size_t end = i + ((n - i) % LIMB_DIGITS ? (n - i) % LIMB_DIGITS : LIMB_DIGITS);
        for (add = 0, unit = 1; i < end; i++, unit *= 10) add = add * 10 + (mp_limb_t)(s[i] - '0');
        mp_limb_t carry = size ? mpn_mul_1(limb, limb, size, unit) : 0;
        if (size) carry += mpn_add_1(limb, limb, size, add);
        if (!size) carry = add;
        if (carry) limb[size++] = carry;
    }
    return int_of_limbs(in, limb, (size_t)size, negative);
}

/* Digits without underscores. */
static value from_digits(interp *in, const char *s, size_t n, int base, bool negative)
{
    int64_t r = 0;
    size_t i = 0;
    for (; i < n; i++) {
        int d = digit_value(s[i]);
        if (__builtin_mul_overflow(r, (int64_t)base, &r)) break;
        if (negative ? __builtin_sub_overflow(r, (int64_t)d, &r)
                     : __builtin_add_overflow(r, (int64_t)d, &r)) {
            break;
        }
    }
    if (i == n) return v_int(r);
    int64_t limit = int_digit_limit(in);
    if (limit && (base & (base - 1)) && n > (size_t)limit) return too_many(in, n);
    if (base == 10 && n <= MOST_DIGITS) return from_decimals(in, s, n, negative);
    mpz_t z;
    if (!int_read(in, z, s, n, base)) return FAIL;
    if (negative) mpz_neg(z, z);
    value out = int_from_mpz(in, z);
    mpz_clear(z);
    return out;
}

/* The number, or FAIL with nothing pending when the text is none. */
static value parse(interp *in, const char *s, size_t n, int base)
{
    bool negative = n && *s == '-';
    if (n && (*s == '-' || *s == '+')) s++, n--;
    int prefix = prefix_base(s, n);
    bool zeros_only = base == 0 && !prefix && n && *s == '0';
    if (prefix && (base == 0 || base == prefix)) {
        s += 2, n -= 2;
        base = prefix;
        if (n && *s == '_') s++, n--;
    } else if (base == 0)
        base = 10;
    strbuf b = {0};
    bool digit = false;
    for (size_t i = 0; i < n; i++) { /* digits, single underscores between them */
        if (s[i] == '_' && digit && i + 1 < n) {
            digit = false;
            continue;
        }
        if (digit_value(s[i]) >= base) goto bad;
        if (zeros_only && s[i] != '0') goto bad;
        sb_addc(&b, s[i]);
        digit = true;
    }
    if (!digit) goto bad;
    size_t skip = 0;
    while (skip + 1 < b.n && b.at[skip] == '0') skip++;
    value out = from_digits(in, b.at + skip, b.n - skip, base, negative);
    sb_clear(&b);
    return out;
bad:
    sb_clear(&b);
    return FAIL;
}

value int_parse(interp *in, const char *s, size_t n, int base)
{
    value v = parse(in, s, n, base);
    if (is_fail(v) && !throwing(in)) {
        return throw(in, ValueError, "invalid literal for int() with base %d: '%.*s'", base,
                     (int)(n > 200 ? 200 : n), s);
    }
    return v;
}

char *number_text(const str *s, size_t *n)
{
    strbuf b = {0};
    for (size_t i = 0, len; i < s->nbyte; i += len) {
        uint32_t cp;
        len = utf8_get(s->at + i, &cp);
        int d = cp < 128 ? -1 : cp_decimal(cp);
        if (d >= 0)
            sb_addc(&b, (char)('0' + d));
        else if (cp_is_space(cp))
            sb_addc(&b, ' ');
        else if (cp < 128 && cp)
            sb_addc(&b, (char)cp);
        else
            sb_addc(&b, '?');
    }
    size_t from = 0, to = b.n;
    while (from < to && b.at[from] == ' ') from++;
    while (to > from && b.at[to - 1] == ' ') to--;
    if (b.n) memmove(b.at, b.at + from, to - from);
    *n = to - from;
    if (!b.n) sb_addc(&b, ' ');
    b.at[*n] = 0;
    return sb_take(&b, &(size_t){0});
}

/* ASCII digits with a sign, nothing else: the common case. False: there is more to it. */
static bool plain_digits(interp *in, const str *s, int base, value *out)
{
    const char *p = s->at, *end = p + s->nbyte;
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    if (p == end || base < 2 || (base != 10 && end - p > 12)) return false;
    for (const char *q = p; q < end; q++)
        if (digit_value(*q) >= base) return false;
    while (p + 1 < end && *p == '0') p++;
    *out = from_digits(in, p, (size_t)(end - p), base, negative);
    return true;
}

value int_from_text(interp *in, str *text, int base)
{
    value v;
    if (plain_digits(in, text, base, &v)) return v;
    size_t n;
    char *s = number_text(text, &n);
    v = parse(in, s, n, base);
    mem_free(s);
    if (!is_fail(v) || throwing(in)) return v;
    str *shown = str_quote(in, text);
    if (shown) {
        throw(in, ValueError, "invalid literal for int() with base %d: %.200s", base, shown->at);
    }
    obj_unref(in, shown);
    return FAIL;
}

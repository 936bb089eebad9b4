/* engine/kernels/cast_text.c - casts between numbers and fixed-size text, and between time units.
 *
 * Text out is Python's str() of the element, cut at the target's length.  Text in is read as
 * Python's int(), float() and complex() do; what does not parse is a ValueError. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/dtoa.h"
#include "engine/base/mem.h"
#include "engine/data/datetime.h"
#include "engine/data/format.h"
#include "engine/kernels/cast.h"

/* the i-th character of an element, 0 behind its end */
static uint32_t char_at(const char *s, dtype_of t, size_t i)
{
    if (t.dt == DT_str) return i < t.size / 4 ? ((const uint32_t *)s)[i] : 0;
    return i < t.size ? (uint8_t)s[i] : 0;
}

static size_t length(dtype_of t)
{
    return t.dt == DT_str ? t.size / 4 : t.size;
}

static bool put_char(char *d, dtype_of t, size_t i, uint32_t c, err *e)
{
    if (t.dt == DT_str)
        ((uint32_t *)d)[i] = c;
    else if (c < 128)
        d[i] = (char)c;
    else
        return err_set(e, UnicodeEncodeError,
                       c < 256 ? "'ascii' codec can't encode character '\\x%x' in position %zu: "
                                 "ordinal not in range(128)"
                       : c < 65536 ? "'ascii' codec can't encode character '\\u%04x' in position "
                                     "%zu: ordinal not in range(128)"
                                   : "'ascii' codec can't encode character '\\U%08x' in position "
                                     "%zu: ordinal not in range(128)",
                       c, i);
    return true;
}

/* bytes to bytes may hold anything */
static bool text_to_text(char *d, dtype_of to, const char *s, dtype_of from, err *e)
{
    if (to.dt == DT_bytes && from.dt == DT_bytes) {
        size_t n = to.size < from.size ? to.size : from.size;
        memcpy(d, s, n);
        memset(d + n, 0, to.size - n);
        return true;
    }
    for (size_t i = 0; i < length(to); i++) TRY(put_char(d, to, i, char_at(s, from, i), e));
    return true;
}

static bool number_to_text(char *d, dtype_of to, const char *s, dtype_of from, err *e)
{
    strbuf b = {0};
    bool ok = scalar_text(from, s, false, &print_opts_default, &b, e);
    const char *text = sb_text(&b);
    for (size_t i = 0; ok && i < length(to); i++)
        ok = put_char(d, to, i, i < b.n ? (uint8_t)text[i] : 0, e);
    sb_clear(&b);
    return ok;
}

bool cast_to_text(size_t n, char *dst, ptrdiff_t dstep, const char *src, ptrdiff_t sstep,
                  dtype_of to, dtype_of from, err *e)
{
    bool text = from.dt == DT_str || from.dt == DT_bytes;
    for (size_t i = 0; i < n; i++, dst += dstep, src += sstep)
        TRY(text ? text_to_text(dst, to, src, from, e) : number_to_text(dst, to, src, from, e));
    return true;
}

/* --- text to numbers ------------------------------------------------------------------------ */

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* decimal with sign and single underscores, as int() */
static bool parse_int(const char *s, size_t n, bool *negative, uint64_t *out)
{
    while (n && is_blank(*s)) s++, n--;
    while (n && is_blank(s[n - 1])) n--;
    *negative = n && *s == '-';
    if (n && (*s == '-' || *s == '+')) s++, n--;
    uint64_t v = 0;
    if (!n) return false;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '_' && i && i + 1 < n && s[i - 1] != '_') continue;
        if (s[i] < '0' || s[i] > '9') return false;
        v = v * 10 + (uint64_t)(s[i] - '0');
    }
    *out = v;
    return true;
}

/* "1+2j", "(1+2j)", "2j", "1" */
static bool parse_complex(const char *s, size_t n, double *re, double *im)
{
    while (n && is_blank(*s)) s++, n--;
    while (n && is_blank(s[n - 1])) n--;
    if (n >= 2 && *s == '(' && s[n - 1] == ')') s++, n -= 2;
    *re = *im = 0;
    if (n && s[n - 1] != 'j' && s[n - 1] != 'J') return float_parse(s, n, re);
    if (!n) return false;
    n--;
    size_t cut = n;
    while (cut > 0) {
        cut--;
        if ((s[cut] == '+' || s[cut] == '-') &&
            (cut == 0 || (s[cut - 1] != 'e' && s[cut - 1] != 'E')))
            break;
    }
    if (cut > 0 && !float_parse(s, cut, re)) return false;
    if (n - cut == 0 || (n - cut == 1 && (s[cut] == '+' || s[cut] == '-'))) {
        *im = n - cut && s[cut] == '-' ? -1 : 1;
        return true;
    }
    return float_parse(s + cut, n - cut, im);
}

static void *bad_literal(const char *format, dtype_of from, const char *elem, err *e)
{
    strbuf b = {0};
    size_t n = length(from);
    while (n && !char_at(elem, from, n - 1)) n--;
    if (from.dt == DT_str)
        text_repr((const uint32_t *)elem, n, NULL, &b);
    else
        bytes_repr(elem, n, &b);
    err_set(e, ValueError, format, sb_text(&b));
    sb_clear(&b);
    return NULL;
}

static bool text_to_number(char *d, dtype_of to, const char *s, dtype_of from, strbuf *b, err *e)
{
    b->n = 0;
    for (size_t i = 0; i < length(from); i++) {
        uint32_t c = char_at(s, from, i);
        if (!c) break;
        sb_utf8(b, c);
    }
    const char *text = b->n ? b->at : "";
    double v[2] = {0, 0};
    uint64_t u = 0;
    bool negative = false;
    dtype_of as = dtype_plain(DT_float64);
    if (to.dt <= DT_uint64) {
        if (!parse_int(text, b->n, &negative, &u))
            return bad_literal("invalid literal for int() with base 10: %s", from, s, e);
        int64_t k = negative ? -(int64_t)u : (int64_t)u;
        as = dtype_plain(to.dt == DT_uint64 ? DT_uint64 : DT_int64);
        return cast_find(to, as, e)(1, d, 8, (const char *)&k, 8, to, as, e);
    }
    if (dtype_is_complex(to.dt)) {
        if (!parse_complex(text, b->n, &v[0], &v[1]))
            return err_set(e, ValueError, "complex() arg is a malformed string");
        as = dtype_plain(DT_complex128);
    } else if (!float_parse(text, b->n, &v[0]))
        return bad_literal("could not convert string to float: %s", from, s, e);
    return cast_find(to, as, e)(1, d, 16, (const char *)v, 16, to, as, e);
}

static bool text_to_moment(char *d, dtype_of to, const char *s, dtype_of from, strbuf *b, err *e)
{
    b->n = 0;
    for (size_t i = 0; i < length(from) && char_at(s, from, i); i++)
        sb_utf8(b, char_at(s, from, i));
    int64_t v;
    TRY(datetime_parse_as(b->n ? b->at : "", b->n, to.unit, &v, e));
    memcpy(d, &v, sizeof v);
    return true;
}

bool cast_from_text(size_t n, char *dst, ptrdiff_t dstep, const char *src, ptrdiff_t sstep,
                    dtype_of to, dtype_of from, err *e)
{
    strbuf b = {0};
    if (to.dt == DT_datetime64) {
        bool done = true;
        for (size_t i = 0; done && i < n; i++, dst += dstep, src += sstep)
            done = text_to_moment(dst, to, src, from, &b, e);
        sb_clear(&b);
        return done;
    }
    bool ok = to.dt <= DT_complex128;
    if (!ok) err_set(e, NotImplementedError, "text cannot be cast to %s", dtypes[to.dt].name);
    for (size_t i = 0; ok && i < n; i++, dst += dstep, src += sstep)
        ok = text_to_number(dst, to, src, from, &b, e);
    sb_clear(&b);
    return ok;
}

/* --- moments ------------------------------------------------------------------------------- */

bool cast_time(size_t n, char *dst, ptrdiff_t dstep, const char *src, ptrdiff_t sstep, dtype_of to,
               dtype_of from, err *e)
{
    (void)e;
    datetime_convert_run(n, dst, dstep, src, sstep, from.unit, to.unit, from.dt == DT_datetime64);
    return true;
}

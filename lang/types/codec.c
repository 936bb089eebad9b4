/* lang/types/codec.c - str.encode() and bytes.decode(): the codecs and the error handlers.
 *
 * Every codec works one code point at a time; what it cannot do goes to `trouble`, which
 * applies the handler named by `errors`. */
#include <stdio.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/interp.h"
#include "lang/lang.h"
#include "lang/types/bytes.h"
#include "lang/types/strmethods.h"

enum codec {
    UTF8,
    UTF8_SIG,
    ASCII,
    LATIN1,
    CP1252,
    UTF16,
    UTF16_LE,
    UTF16_BE,
    UTF32,
    UTF32_LE,
    UTF32_BE,
    NO_CODEC
};

// clang-format off
static const struct { const char *name; enum codec codec; } codec_names[] = {
    {"utf8", UTF8}, {"utf", UTF8}, {"u8", UTF8}, {"cp65001", UTF8}, {"utf8sig", UTF8_SIG},
    {"ascii", ASCII}, {"usascii", ASCII}, {"646", ASCII}, {"ansix3.41968", ASCII},
    {"latin1", LATIN1}, {"latin", LATIN1}, {"iso88591", LATIN1}, {"88591", LATIN1}, {"l1", LATIN1},
    {"cp819", LATIN1}, {"cp1252", CP1252}, {"1252", CP1252}, {"windows1252", CP1252},
    {"utf16", UTF16}, {"u16", UTF16}, {"utf16le", UTF16_LE}, {"utf16be", UTF16_BE},
    {"utf32", UTF32}, {"u32", UTF32}, {"utf32le", UTF32_LE}, {"utf32be", UTF32_BE},
};
/* the names that messages use */
static const char *const codec_shown[] = {
    [UTF8] = "utf-8", [UTF8_SIG] = "utf-8", [ASCII] = "ascii", [LATIN1] = "latin-1",
    [CP1252] = "charmap", [UTF16] = "utf-16", [UTF16_LE] = "utf-16-le", [UTF16_BE] = "utf-16-be",
    [UTF32] = "utf-32", [UTF32_LE] = "utf-32-le", [UTF32_BE] = "utf-32-be",
};
static const uint16_t cp1252[32] = { /* 0x80 .. 0x9f; 0: undefined */
    0x20ac, 0, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0, 0x17d, 0,
    0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0, 0x17e, 0x178,
};
// clang-format on

static enum codec codec_find(const char *name)
{
    char plain[32];
    size_t n = 0;
    for (const char *p = name; *p && n < sizeof plain - 1; p++) {
        if (*p != '-' && *p != '_' && *p != ' ')
            plain[n++] = (char)(*p >= 'A' && *p <= 'Z' ? *p | 32 : *p);
    }
    plain[n] = 0;
    for (size_t i = 0; i < sizeof codec_names / sizeof *codec_names; i++) {
        if (!strcmp(codec_names[i].name, plain)) return codec_names[i].codec;
    }
    return NO_CODEC;
}

typedef struct coding {
    interp *in;
    enum codec codec;
    const char *errors;
    value object; /* for the exception */
    strbuf out;
} coding;

static bool raise(coding *c, bool decoding, size_t from, size_t to, const char *reason)
{
    interp *in = c->in;
    value enc = v_str(in, codec_shown[c->codec]), why = v_str(in, reason);
    value e = call_n(in, v_type(exc_type(decoding ? UnicodeDecodeError : UnicodeEncodeError)), 5,
                     enc, c->object, v_int((int64_t)from), v_int((int64_t)to), why);
    if (!is_fail(e)) throw_value(in, e);
    value_unref(in, e);
    value_unref(in, enc);
    value_unref(in, why);
    return false;
}

static bool no_handler(coding *c)
{
    throw(c->in, LookupError, "unknown error handler name '%s'", c->errors);
    return false;
}

static bool is_surrogate(uint32_t cp)
{
    return cp >= 0xd800 && cp < 0xe000;
}

/* ---- encoding ---- */

static void add16(strbuf *b, uint32_t u, bool big)
{
    sb_addc(b, (char)(big ? u >> 8 : u));
    sb_addc(b, (char)(big ? u : u >> 8));
}

static int from_cp1252(uint32_t cp)
{
    if (cp < 0x80 || (cp >= 0xa0 && cp < 0x100)) return (int)cp;
    for (int i = 0; i < 32; i++) {
        if (cp1252[i] && cp1252[i] == cp) return 0x80 + i;
    }
    return -1;
}

/* False: the codec has no such character. */
static bool encode_one(enum codec codec, strbuf *b, uint32_t cp)
{
    char at[4];
    bool big = codec == UTF16_BE || codec == UTF32_BE;
    int byte;
    switch (codec) {
    case ASCII:
        if (cp >= 0x80) return false;
        sb_addc(b, (char)cp);
        return true;
    case LATIN1:
        if (cp >= 0x100) return false;
        sb_addc(b, (char)cp);
        return true;
    case CP1252:
        if ((byte = from_cp1252(cp)) < 0) return false;
        sb_addc(b, (char)byte);
        return true;
    default: break;
    }
    if (is_surrogate(cp)) return false;
    switch (codec) {
    case UTF16:
    case UTF16_LE:
    case UTF16_BE:
        if (cp < 0x10000) return add16(b, cp, big), true;
        add16(b, 0xd800 + ((cp - 0x10000) >> 10), big);
        add16(b, 0xdc00 + ((cp - 0x10000) & 0x3ff), big);
        return true;
    case UTF32:
    case UTF32_LE:
    case UTF32_BE:
        add16(b, big ? cp >> 16 : cp & 0xffff, big);
        add16(b, big ? cp & 0xffff : cp >> 16, big);
        return true;
    default: sb_add(b, at, utf8_put(at, cp)); return true;
    }
}

static bool encode_ascii(coding *c, const char *s)
{
    for (; *s; s++) encode_one(c->codec, &c->out, (unsigned char)*s);
    return true;
}

/* Code point cp, number i, cannot be encoded; more follow up to `to`. */
static bool encode_trouble(coding *c, uint32_t cp, size_t i, size_t to)
{
    char text[16];
    const char *e = c->errors;
    if (!strcmp(e, "strict")) {
        return raise(c, false, i, to,
                     c->codec == ASCII    ? "ordinal not in range(128)"
                     : c->codec == LATIN1 ? "ordinal not in range(256)"
                     : c->codec == CP1252 ? "character maps to <undefined>"
                                          : "surrogates not allowed");
    }
    if (!strcmp(e, "ignore")) return true;
    if (!strcmp(e, "replace")) return encode_ascii(c, "?");
    if (!strcmp(e, "xmlcharrefreplace")) {
        return snprintf(text, sizeof text, "&#%u;", cp), encode_ascii(c, text);
    }
    if (!strcmp(e, "backslashreplace") || !strcmp(e, "namereplace")) {
        snprintf(text, sizeof text,
                 cp < 0x100     ? "\\x%02x"
                 : cp < 0x10000 ? "\\u%04x"
                                : "\\U%08x",
                 cp);
        return encode_ascii(c, text);
    }
    if (!strcmp(e, "surrogateescape")) {
        if (cp < 0xdc80 || cp > 0xdcff) return raise(c, false, i, to, "surrogates not allowed");
        sb_addc(&c->out, (char)(cp - 0xdc00));
        return true;
    }
    if (!strcmp(e, "surrogatepass") && is_surrogate(cp)) {
        sb_add(&c->out, text, utf8_put(text, cp));
        return true;
    }
    return no_handler(c);
}

/* How many characters from here on the codec lacks (a strict error names them all). */
static size_t trouble_end(const coding *c, const str *s, size_t at, size_t i)
{
    strbuf scratch = {0};
    if (c->codec == CP1252 || c->codec >= UTF16) return i + 1;
    while (at < s->nbyte) {
        uint32_t cp;
        size_t len = utf8_get(s->at + at, &cp);
        if (encode_one(c->codec, &scratch, cp)) break;
        at += len;
        i++;
    }
    sb_clear(&scratch);
    return i;
}

static bool encode(coding *c, const str *s)
{
    if (c->codec == UTF8_SIG) sb_adds(&c->out, "\xef\xbb\xbf");
    if (c->codec == UTF16) add16(&c->out, 0xfeff, false);
    if (c->codec == UTF32) encode_one(UTF32, &c->out, 0xfeff);
    for (size_t at = 0, i = 0, len; at < s->nbyte; at += len, i++) {
        uint32_t cp;
        len = utf8_get(s->at + at, &cp);
        if (!goes_on(c->in, i)) return false;
        if (encode_one(c->codec, &c->out, cp)) continue;
        if (!encode_trouble(c, cp, i, trouble_end(c, s, at, i))) return false;
    }
    return true;
}

static bool has_surrogate(const str *s)
{
    for (const char *p = s->at; (p = memchr(p, 0xed, (size_t)(s->at + s->nbyte - p))); p++) {
        if ((unsigned char)p[1] >= 0xa0) return true;
    }
    return false;
}

bytes *str_encoded(interp *in, str *s, const char *encoding, const char *errors)
{
    coding c = {.in = in,
                .out = {.soft = true},
                .codec = encoding ? codec_find(encoding) : UTF8,
                .errors = errors ? errors : "strict",
                .object = v_obj(s)};
    if (c.codec == NO_CODEC) return THROW0(in, LookupError, "unknown encoding: %s", encoding);
    bool plain = (c.codec == UTF8 && !has_surrogate(s)) ||
                 (str_ascii(s) && (c.codec == ASCII || c.codec == LATIN1 || c.codec == CP1252));
    if (plain) return bytes_new(in, s->at, s->nbyte);
    bool ok = encode(&c, s);
    bytes *b = ok ? bytes_built(in, &c.out) : NULL;
    sb_clear(&c.out);
    return b;
}

static const char *option(interp *in, value v, const char *who, const char *name, bool *ok)
{
    if (is_fail(v)) return NULL;
    str *s = as_str(v);
    if (s) return s->at;
    throw(in, TypeError, "%s() argument '%s' must be str, not %s", who, name, type_said(in, v));
    *ok = false;
    return NULL;
}

value str_encode(interp *in, const value *arg)
{
    bool ok = true;
    const char *encoding = option(in, arg[1], "encode", "encoding", &ok);
    const char *errors = ok ? option(in, arg[2], "encode", "errors", &ok) : NULL;
    return ok ? v_obj(str_encoded(in, (str *)arg[0].o, encoding, errors)) : FAIL;
}

/* ---- decoding ---- */

static void add_cp(coding *c, uint32_t cp)
{
    char at[4];
    sb_add(&c->out, at, utf8_put(at, cp));
}

/* Bytes [from, to) are no text. */
static bool decode_trouble(coding *c, const unsigned char *s, size_t from, size_t to,
                           const char *reason)
{
    const char *e = c->errors;
    if (!strcmp(e, "strict") || !strcmp(e, "surrogatepass"))
        return raise(c, true, from, to, reason);
    if (!strcmp(e, "ignore")) return true;
    if (!strcmp(e, "replace")) return add_cp(c, 0xfffd), true;
    for (size_t i = from; i < to; i++) {
        if (!strcmp(e, "backslashreplace"))
            sb_addf(&c->out, "\\x%02x", s[i]);
        else if (!strcmp(e, "surrogateescape"))
            add_cp(c, 0xdc00u + s[i]);
        else
            return no_handler(c);
    }
    return true;
}

static size_t utf8_need(unsigned char first)
{
    return first < 0x80   ? 1
           : first < 0xc2 ? 0
           : first < 0xe0 ? 2
           : first < 0xf0 ? 3
           : first < 0xf5 ? 4
                          : 0;
}

static bool utf8_second_ok(unsigned char first, unsigned char second)
{
    unsigned lo = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned hi = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return second >= lo && second <= hi;
}

/* The place of the first byte from i on that is not ASCII, or n. */
static size_t skip_ascii(const unsigned char *s, size_t i, size_t n)
{
    for (uint64_t x; i + sizeof x <= n; i += sizeof x) {
        memcpy(&x, s + i, sizeof x);
        if (x & 0x8080808080808080u) break;
    }
    while (i < n && s[i] < 0x80) i++;
    return i;
}

/* Do the three bytes of a surrogate stand here, and may they? */
static bool passes_surrogate(const coding *c, const unsigned char *s, size_t n)
{
    return n >= 3 && s[0] == 0xed && s[1] >= 0xa0 && s[1] < 0xc0 && (s[2] & 0xc0) == 0x80 &&
           !strcmp(c->errors, "surrogatepass");
}

/* What is valid is copied in pieces as long as can be: good is where the present one begins. */
static bool decode_utf8(coding *c, const unsigned char *s, size_t n)
{
    size_t good = 0;
    for (size_t i = 0; (i = skip_ascii(s, i, n)) < n;) {
        if (!goes_on(c->in, i)) return false;
        size_t need = utf8_need(s[i]), got = 1;
        if (!need) {
            sb_add(&c->out, (const char *)s + good, i - good);
            if (!decode_trouble(c, s, i, i + 1, "invalid start byte")) return false;
            good = ++i;
            continue;
        }
        while (got < need && i + got < n &&
               (got == 1 ? utf8_second_ok(s[i], s[i + 1]) : (s[i + got] & 0xc0) == 0x80)) {
            got++;
        }
        if (got < need && passes_surrogate(c, s + i, n - i)) got = need;
        if (got < need) {
            sb_add(&c->out, (const char *)s + good, i - good);
            if (!decode_trouble(c, s, i, i + got,
                                i + got >= n ? "unexpected end of data"
                                             : "invalid continuation byte"))
                return false;
            good = i + got;
        }
        i += got;
    }
    sb_add(&c->out, (const char *)s + good, n - good);
    return true;
}

static bool decode_bytes(coding *c, const unsigned char *s, size_t n)
{
    for (size_t i = 0, plain; i < n; i++) {
        if ((plain = skip_ascii(s, i, n)) > i) sb_add(&c->out, (const char *)s + i, plain - i);
        if ((i = plain) == n) break;
        if (!goes_on(c->in, i)) return false;
        uint32_t cp = s[i];
        if (c->codec == CP1252 && cp - 0x80 < 32) cp = cp1252[cp - 0x80];
        if (c->codec == ASCII && cp >= 0x80) {
            if (!decode_trouble(c, s, i, i + 1, "ordinal not in range(128)")) return false;
        } else if (!cp && s[i]) {
            if (!decode_trouble(c, s, i, i + 1, "character maps to <undefined>")) return false;
        } else
            add_cp(c, cp);
    }
    return true;
}

static uint32_t get16(const unsigned char *s, bool big)
{
    return big ? (uint32_t)s[0] << 8 | s[1] : (uint32_t)s[1] << 8 | s[0];
}

static bool decode_utf16(coding *c, const unsigned char *s, size_t n)
{
    bool big = c->codec == UTF16_BE;
    size_t i = 0;
    if (c->codec == UTF16 && n >= 2 && (get16(s, false) == 0xfeff || get16(s, true) == 0xfeff)) {
        big = get16(s, true) == 0xfeff;
        i = 2;
    }
    c->codec = big ? UTF16_BE : UTF16_LE; /* what messages call it */
    while (i < n) {
        if (!goes_on(c->in, i)) return false;
        if (i + 1 >= n) return decode_trouble(c, s, i, n, "truncated data");
        uint32_t u = get16(s + i, big), v;
        i += 2;
        if (!is_surrogate(u)) {
            add_cp(c, u);
            continue;
        }
        if (u >= 0xdc00 || i + 1 >= n) {
            if (!decode_trouble(c, s, i - 2, i,
                                u >= 0xdc00 ? "illegal encoding" : "unexpected end of data"))
                return false;
            continue;
        }
        v = get16(s + i, big);
        if (v < 0xdc00 || v >= 0xe000) {
            if (!decode_trouble(c, s, i - 2, i, "illegal UTF-16 surrogate")) return false;
            continue;
        }
        add_cp(c, 0x10000 + ((u - 0xd800) << 10) + (v - 0xdc00));
        i += 2;
    }
    return true;
}

static bool decode_utf32(coding *c, const unsigned char *s, size_t n)
{
    bool big = c->codec == UTF32_BE;
    size_t i = 0;
    if (c->codec == UTF32 && n >= 4 && get16(s, false) == 0xfeff && get16(s + 2, false) == 0) i = 4;
    for (; i < n; i += 4) {
        if (i + 4 > n) return decode_trouble(c, s, i, n, "truncated data");
        if (!goes_on(c->in, i)) return false;
        uint32_t a = get16(s + i, big), b = get16(s + i + 2, big);
        uint32_t cp = big ? a << 16 | b : b << 16 | a;
        if (cp <= 0x10ffff && !is_surrogate(cp))
            add_cp(c, cp);
        else if (!decode_trouble(c, s, i, i + 4, "code point not in range(0x110000)"))
            return false;
    }
    return true;
}

static bool decode(coding *c, const unsigned char *s, size_t n)
{
    switch (c->codec) {
    case UTF8_SIG:
        if (n >= 3 && !memcmp(s, "\xef\xbb\xbf", 3)) s += 3, n -= 3;
        return decode_utf8(c, s, n);
    case UTF8: return decode_utf8(c, s, n);
    case UTF16:
    case UTF16_LE:
    case UTF16_BE: return decode_utf16(c, s, n);
    case UTF32:
    case UTF32_LE:
    case UTF32_BE: return decode_utf32(c, s, n);
    default: return decode_bytes(c, s, n);
    }
}

static str *decode_object(interp *in, value object, const char *s, size_t n, const char *encoding,
                          const char *errors)
{
    coding c = {.in = in,
                .out = {.soft = true},
                .codec = encoding ? codec_find(encoding) : UTF8,
                .errors = errors ? errors : "strict",
                .object = object};
    if (c.codec == NO_CODEC) return THROW0(in, LookupError, "unknown encoding: %s", encoding);
    bool ok = decode(&c, (const unsigned char *)s, n);
    str *text = ok ? str_built(in, &c.out) : NULL;
    sb_clear(&c.out);
    return text;
}

str *bytes_decode(interp *in, const char *s, size_t n, const char *encoding, const char *errors)
{
    bytes *b = bytes_new(in, s, n);
    if (!b) return NULL;
    str *text = decode_object(in, v_obj(b), b->at, n, encoding, errors);
    obj_unref(in, b);
    return text;
}

value bytes_decode_method(interp *in, const value *arg)
{
    bool ok = true;
    size_t n;
    const char *s = bytes_peek(arg[0], &n),
               *encoding = option(in, arg[1], "decode", "encoding", &ok);
    const char *errors = ok ? option(in, arg[2], "decode", "errors", &ok) : NULL;
    return ok ? v_obj(decode_object(in, arg[0], s, n, encoding, errors)) : FAIL;
}

value str_decode_value(interp *in, value v, value encoding, value errors)
{
    bool ok = true;
    size_t n;
    const char *e = option(in, encoding, "str", "encoding", &ok);
    const char *h = ok ? option(in, errors, "str", "errors", &ok) : NULL, *s = bytes_peek(v, &n);
    if (!ok) return FAIL;
    if (as_str(v)) return throw(in, TypeError, "decoding str is not supported");
    if (!s) {
        return throw(in, TypeError, "decoding to str: need a bytes-like object, %s found",
                     type_said(in, v));
    }
    return v_obj(decode_object(in, v, s, n, e, h));
}

str *str_from_latin1(interp *in, const char *s, size_t n)
{
    return bytes_decode(in, s, n, "latin-1", NULL);
}

/* stdlib/unicodedata.c - the module unicodedata: what Unicode 14 says about characters. */
#include <string.h>
#include <utf8proc.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/types/ucd.h"
#include "lang/types/uniname.h"
#include "stdlib/stdlib.h"

static bool char_of(interp *in, value v, const char *what, uint32_t *out)
{
    str *s = as_str(v);
    if (s && s->nchar == 1) {
        utf8proc_int32_t cp;
        utf8proc_iterate((const utf8proc_uint8_t *)s->at, (utf8proc_ssize_t)s->nbyte, &cp);
        *out = (uint32_t)cp;
        return true;
    }
    throw(in, TypeError, "%s must be a unicode character, not %s", what, type_said(in, v));
    return false;
}

static value or_default(interp *in, value given, const char *what)
{
    return is_fail(given) ? throw(in, ValueError, "%s", what) : value_ref(given);
}

static bool check_names(interp *in)
{
    if (uniname_known()) return true;
    throw(in, NotImplementedError, "the names of characters need the library libunistring.so.2");
    return false;
}

static value name(interp *in, const value *arg)
{
    uint32_t cp;
    char text[UNINAME_MAX];
    if (!char_of(in, arg[0], "name() argument 1", &cp) || !check_names(in)) return FAIL;
    return uniname_of(cp, text) ? v_str(in, text) : or_default(in, arg[1], "no such name");
}

static value lookup(interp *in, const value *arg)
{
    str *s = as_str(arg[0]);
    if (!s)
        return throw(in, TypeError, "lookup() argument must be str, not %s", type_said(in, arg[0]));
    if (!check_names(in)) return FAIL;
    int64_t cp = uniname_find(s->at, s->nbyte);
    if (cp < 0) {
        value text = v_obj(str_fmt(in, "undefined character name '%s'", s->at));
        if (!is_fail(text)) throw_key(in, text);
        value_unref(in, text);
        return FAIL;
    }
    strbuf b = {0};
    sb_utf8(&b, (unsigned)cp);
    value v = v_obj(str_new(in, cp ? sb_text(&b) : "", cp ? b.n : 1));
    sb_clear(&b);
    return v;
}

static value category(interp *in, const value *arg)
{
    uint32_t cp;
    if (!char_of(in, arg[0], "category() argument", &cp)) return FAIL;
    return v_str(in, utf8proc_category_string((utf8proc_int32_t)cp));
}

static value combining(interp *in, const value *arg)
{
    uint32_t cp;
    if (!char_of(in, arg[0], "combining() argument", &cp)) return FAIL;
    return v_int(utf8proc_get_property((utf8proc_int32_t)cp)->combining_class);
}

static value bidirectional(interp *in, const value *arg)
{
    static const char *const names[] = {"",    "L",  "LRE", "LRO", "R",   "AL",  "RLE", "RLO",
                                        "PDF", "EN", "ES",  "ET",  "AN",  "CS",  "NSM", "BN",
                                        "B",   "S",  "WS",  "ON",  "LRI", "RLI", "FSI", "PDI"};
    uint32_t cp;
    if (!char_of(in, arg[0], "bidirectional() argument", &cp)) return FAIL;
    return v_str(in, names[utf8proc_get_property((utf8proc_int32_t)cp)->bidi_class]);
}

static value mirrored(interp *in, const value *arg)
{
    uint32_t cp;
    if (!char_of(in, arg[0], "mirrored() argument", &cp)) return FAIL;
    return v_int(utf8proc_get_property((utf8proc_int32_t)cp)->bidi_mirrored);
}

static value decimal(interp *in, const value *arg)
{
    uint32_t cp;
    if (!char_of(in, arg[0], "decimal() argument 1", &cp)) return FAIL;
    int d = cp_decimal(cp);
    return d >= 0 ? v_int(d) : or_default(in, arg[1], "not a decimal");
}

/* Superscripts, subscripts and circled digits have the digit they stand for in their
 * compatibility form. */
static int digit_of(uint32_t cp)
{
    utf8proc_int32_t out[4];
    int last = 0;
    if (cp_decimal(cp) >= 0) return cp_decimal(cp);
    if (!cp_is_digit(cp)) return -1;
    utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)cp, out, 4,
                                                 UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE, &last);
    return n == 1 ? cp_decimal((uint32_t)out[0]) : -1;
}

static value digit(interp *in, const value *arg)
{
    uint32_t cp;
    if (!char_of(in, arg[0], "digit() argument 1", &cp)) return FAIL;
    int d = digit_of(cp);
    return d >= 0 ? v_int(d) : or_default(in, arg[1], "not a digit");
}

/* A fraction like one half is digits around U+2044 in its compatibility form. */
static double fraction_of(uint32_t cp)
{
    utf8proc_int32_t out[8];
    int last = 0;
    double part[2] = {0, 0};
    int k = 0;
    utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)cp, out, 8,
                                                 UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE, &last);
    for (utf8proc_ssize_t i = 0; i < n && i < 8; i++) {
        if (out[i] == 0x2044 && k == 0)
            k = 1;
        else if (cp_decimal((uint32_t)out[i]) >= 0)
            part[k] = part[k] * 10 + cp_decimal((uint32_t)out[i]);
        else
            return -1;
    }
    return k == 0 ? part[0] : part[1] > 0 ? part[0] / part[1] : -1;
}

static value numeric(interp *in, const value *arg)
{
    uint32_t cp;
    if (!char_of(in, arg[0], "numeric() argument 1", &cp)) return FAIL;
    double x = !cp_is_numeric(cp) ? -1 : digit_of(cp) >= 0 ? digit_of(cp) : fraction_of(cp);
    return x >= 0 ? v_float(x) : or_default(in, arg[1], "not a numeric character");
}

/* ---- normal forms ---- */

static bool form_of(interp *in, value v, utf8proc_option_t *out)
{
    static const struct {
        const char *name;
        int options;
    } forms[] = {{"NFC", UTF8PROC_STABLE | UTF8PROC_COMPOSE},
                 {"NFD", UTF8PROC_STABLE | UTF8PROC_DECOMPOSE},
                 {"NFKC", UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT},
                 {"NFKD", UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT}};
    str *s = as_str(v);
    for (int i = 0; s && i < 4; i++) {
        *out = (utf8proc_option_t)forms[i].options;
        if (str_is(s, forms[i].name)) return true;
    }
    throw(in, ValueError, "invalid normalization form");
    return false;
}

/* U+4E00 .. U+9FFF */
static bool is_ideograph(const char *s)
{
    const unsigned char c = (unsigned char)*s;
    return (c == 0xe4 && (unsigned char)s[1] >= 0xb8) || (c > 0xe4 && c <= 0xe9);
}

/* How much of s can be normalised by itself: it ends before a character that joins nothing. */
static size_t piece(const char *s, size_t n)
{
    enum { LEAST = 1 << 20 };
    size_t i = n > LEAST ? LEAST : n;
    while (i < n && (unsigned char)s[i] >= 128 && !is_ideograph(s + i)) i++;
    return i;
}

static bool add_normal(interp *in, strbuf *b, const char *s, size_t n, utf8proc_option_t form)
{
    utf8proc_uint8_t *out = NULL;
    utf8proc_ssize_t size =
        utf8proc_map((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)n, &out, form);
    if (size < 0) return throw(in, ValueError, "%s", utf8proc_errmsg(size)), false;
    sb_add(b, (const char *)out, (size_t)size);
    free(out); /* theirs */
    return check_interrupt(in);
}

static str *normal(interp *in, const value *arg, const char *what)
{
    utf8proc_option_t form;
    str *s = as_str(arg[1]);
    if (!s)
        return THROW0(in, TypeError, "%s argument 2 must be str, not %s", what,
                      type_said(in, arg[1]));
    if (!form_of(in, arg[0], &form)) return NULL;
    if (s->nbyte == s->nchar) return obj_ref(s); /* ASCII */
    strbuf b = {0};
    for (size_t i = 0, n; i < s->nbyte; i += n) {
        n = piece(s->at + i, s->nbyte - i);
        if (!add_normal(in, &b, s->at + i, n, form)) return sb_clear(&b), NULL;
    }
    size_t n;
    char *text = sb_take(&b, &n);
    return str_take(in, text, n);
}

static value normalize(interp *in, const value *arg)
{
    return v_obj(normal(in, arg, "normalize()"));
}

static value is_normalized(interp *in, const value *arg)
{
    str *s = normal(in, arg, "is_normalized()");
    bool same = s && str_eq(s, as_str(arg[1]));
    obj_unref(in, s);
    return s ? v_bool(same) : FAIL;
}

static value decomposition(interp *in, const value *arg)
{
    uint32_t cp;
    utf8proc_int32_t out[8];
    int last = 0;
    if (!char_of(in, arg[0], "decomposition() argument", &cp)) return FAIL;
    if (cp >= 0xac00 && cp <= 0xd7a3) return v_str(in, ""); /* Hangul is computed */
    utf8proc_ssize_t n =
        utf8proc_decompose_char((utf8proc_int32_t)cp, out, 8, UTF8PROC_DECOMPOSE, &last);
    if (n < 1 || n > 8 || out[0] == (utf8proc_int32_t)cp) return v_str(in, "");
    utf8proc_int32_t pair[8]; /* the first step of it: the first character composed again */
    while (n > 2) {
        utf8proc_ssize_t m =
            utf8proc_normalize_utf32(memcpy(pair, out, sizeof out), n - 1, UTF8PROC_COMPOSE);
        if (m != 1) break;
        out[1] = out[n - 1];
        out[0] = pair[0];
        n = 2;
    }
    strbuf b = {0};
    for (utf8proc_ssize_t i = 0; i < n; i++) sb_addf(&b, i ? " %04X" : "%04X", (unsigned)out[i]);
    value v = v_str(in, sb_text(&b));
    sb_clear(&b);
    return v;
}

static bool constants(interp *in, module *m)
{
    return module_put(in, m, "unidata_version", v_str(in, "14.0.0"));
}

static const builtin table[] = {
    {"name(chr, default=<unset>, /)", name, "The name of a character."},
    {"lookup(name, /)", lookup, "The character of a name."},
    {"category(chr, /)", category, "The general category: 'Lu', 'Nd' ..."},
    {"combining(chr, /)", combining, "The canonical combining class, 0 for none."},
    {"bidirectional(chr, /)", bidirectional, "The bidirectional class: 'L', 'R' ..."},
    {"mirrored(chr, /)", mirrored, "1 where the character is mirrored in text from the right."},
    {"decimal(chr, default=<unset>, /)", decimal, "The value of a decimal digit."},
    {"digit(chr, default=<unset>, /)", digit, "The value of a digit."},
    {"numeric(chr, default=<unset>, /)", numeric, "The value of a numeric character, a float."},
    {"normalize(form, unistr, /)", normalize, "The text in the form NFC, NFD, NFKC or NFKD."},
    {"is_normalized(form, unistr, /)", is_normalized, "Is the text in that form?"},
    {"decomposition(chr, /)", decomposition,
     "The canonical decomposition, as hexadecimal numbers."},
    {0},
};

const module_def unicodedata_def = {
    .name = "unicodedata",
    .doc = "What Unicode says about characters.",
    .table = table,
    .open = constants,
};

/* lang/textpercent.c - the % operator of str and bytes: "%-8s %05.2f %(name)r" % args.
 * Bytes are formatted as text whose code points they are; only what arguments may be differs. */
#include <math.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/lang.h"
#include "lang/textfmt.h"
#include "lang/types/bytes.h"
#include "lang/types/memview.h"
#include "lang/types/strmethods.h"

enum { MINUS = 1, PLUS = 2, BLANK = 4, ALT = 8, ZERO = 16 };

typedef struct percent {
    const char *start, *p, *end;
    const value *arg; /* positional arguments */
    int64_t narg, next;
    value mapping; /* FAIL: none */
    bool keyed;    /* a %(key) was used: arguments come from the mapping */
    bool bytes;    /* b"..." % args */
    strbuf out;
} percent;

typedef struct field {
    unsigned flags;
    int64_t width, precision;
    value key_item; /* owned: what %(key) found; FAIL without key */
    bool has_key;
} field;

static value next_arg(interp *in, percent *s, const field *f)
{
    if (f->has_key) return f->key_item;
    if (s->keyed || s->next >= s->narg) {
        return throw(in, TypeError, "not enough arguments for format string");
    }
    return s->arg[s->next++];
}

static value key_of(interp *in, const percent *s, str *text) /* takes text */
{
    if (!text || !s->bytes) return v_obj(text);
    bytes *key = str_encoded(in, text, "latin-1", NULL);
    obj_unref(in, text);
    return v_obj(key);
}

static bool scan_key(interp *in, percent *s, field *f)
{
    if (s->p >= s->end || *s->p != '(') return true;
    if (is_fail(s->mapping)) {
        throw(in, TypeError, "format requires a mapping");
        return false;
    }
    const char *from = ++s->p;
    for (int depth = 1; s->p < s->end; s->p++) {
        if (*s->p == '(') depth++;
        if (*s->p == ')' && --depth == 0) break;
    }
    if (s->p >= s->end) {
        throw(in, ValueError, "incomplete format key");
        return false;
    }
    value key = key_of(in, s, str_new(in, from, (size_t)(s->p++ - from)));
    if (is_fail(key)) return false;
    f->key_item = value_getitem(in, s->mapping, key);
    f->has_key = s->keyed = true;
    value_unref(in, key);
    return !is_fail(f->key_item);
}

static unsigned flag_of(char c)
{
    return c == '-'   ? MINUS
           : c == '+' ? PLUS
           : c == ' ' ? BLANK
           : c == '#' ? ALT
           : c == '0' ? ZERO
                      : 0;
}

/* A number, or * for an argument. */
static bool scan_size(interp *in, percent *s, int64_t *out, const char *what)
{
    if (s->p < s->end && *s->p == '*') {
        s->p++;
        value v = next_arg(in, s, &(field){0}), n;
        if (is_fail(v)) return false;
        if (!int_plain(v, &n)) {
            throw(in, TypeError, "* wants int");
            return false;
        }
        if (n.kind != V_INT) {
            throw(in, OverflowError, "Python int too large to convert to C %s", what);
            return false;
        }
        *out = n.i;
        return true;
    }
    for (int64_t n = 0; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++) {
        if (n > (INT64_MAX - 9) / 10) {
            throw(in, ValueError, "%s too big", *what == 's' ? "width" : "precision");
            return false;
        }
        *out = n = 10 * n + (*s->p - '0');
    }
    return true;
}

static bool scan_field(interp *in, percent *s, field *f)
{
    if (!scan_key(in, s, f)) return false;
    for (unsigned bit; s->p < s->end && (bit = flag_of(*s->p)); s->p++) f->flags |= bit;
    if (!scan_size(in, s, &f->width, "ssize_t")) return false;
    if (f->width < 0 && f->width != -1) f->flags |= MINUS, f->width = -f->width;
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        f->precision = 0;
        if (!scan_size(in, s, &f->precision, "int")) return false;
        if (f->precision < 0) f->precision = 0;
    }
    if (s->p < s->end && (*s->p == 'h' || *s->p == 'l' || *s->p == 'L')) s->p++;
    if (s->p >= s->end) {
        throw(in, ValueError, "incomplete format");
        return false;
    }
    return check_width(in, f->width) && check_width(in, f->precision);
}

/* sign and prefix stand before the zeros, after the blanks */
static void put(percent *s, const field *f, const char *head, const char *text, size_t n,
                size_t nchar, bool zeros)
{
    size_t nhead = strlen(head), used = nhead + nchar;
    size_t pad = f->width > 0 && (size_t)f->width > used ? (size_t)f->width - used : 0;
    bool left = f->flags & MINUS;
    if (!left && !zeros) sb_pad(&s->out, ' ', pad);
    sb_adds(&s->out, head);
    if (!left && zeros) sb_pad(&s->out, '0', pad);
    sb_add(&s->out, text, n);
    if (left) sb_pad(&s->out, ' ', pad);
}

static bool put_str(interp *in, percent *s, const field *f, str *text) /* takes text */
{
    if (!text) return false;
    size_t n = text->nchar;
    if (f->precision >= 0 && (size_t)f->precision < n) n = (size_t)f->precision;
    put(s, f, "", text->at, str_offset(text, n), n, false);
    obj_unref(in, text);
    return true;
}

/* What %s of bytes writes for v. */
static str *bytes_shown(interp *in, value v)
{
    size_t n;
    value m;
    const char *s = bytes_peek(v, &n);
    if (s) return str_from_latin1(in, s, n);
    int found = value_findattr(in, v, "__bytes__", &m);
    if (found < 0) return NULL;
    if (found) {
        value out = call_n(in, m, 0);
        value_unref(in, m);
        if (is_fail(out)) return NULL;
        bytes *b = as_bytes(out);
        str *text = b ? str_from_latin1(in, b->at, b->n) : NULL;
        if (!b) {
            throw(in, TypeError, "__bytes__ returned non-bytes (type %s)", type_said(in, out));
        }
        value_unref(in, out);
        return text;
    }
    s = buffer_peek(in, v, &n);
    if (s) return str_from_latin1(in, s, n);
    return THROW0(in, TypeError,
                  "%%b requires a bytes-like object, or an object that implements __bytes__, "
                  "not '%s'",
                  type_said(in, v));
}

/* The argument of %d as an int (owned). */
static value number_for(interp *in, value v, char code)
{
    value n;
    double d;
    bool decimal = code == 'd' || code == 'i' || code == 'u';
    if (decimal && float_plain(v, &d)) return int_from_double(in, d);
    const type *t = type_of(in, v);
    if (decimal && (v.kind == V_OBJ || v.kind == V_SCALAR) && t->unary && !int_plain(v, &n) &&
        !as_str(v)) {
        value r = t->unary(in, OP_INT, v);
        if (!is_fail(r) && !is_notimpl(r)) return r;
        if (is_fail(r) && !exc_is(in, TypeError)) return FAIL;
        value_unref(in, r);
        exc_clear(in);
    }
    int found = int_index(in, v, &n);
    if (found > 0) return n;
    if (found < 0 && !exc_is(in, TypeError)) return FAIL;
    exc_clear(in);
    return throw(in, TypeError, "%%%c format: %s is required, not %s", code,
                 decimal ? "a real number" : "an integer", type_said(in, v));
}

static const char *sign_text(bool negative, unsigned flags)
{
    return negative ? "-" : flags & PLUS ? "+" : flags & BLANK ? " " : "";
}

static bool put_int(interp *in, percent *s, const field *f, value v, char code)
{
    value n = number_for(in, v, code);
    if (is_fail(n)) return false;
    int base = code == 'o' ? 8 : code == 'x' || code == 'X' ? 16 : 10;
    if (n.kind == V_INT && !f->flags && f->width < 0 && f->precision < 0 && code != 'X') {
        char few[INT_TEXT];
        sb_add(&s->out, few, int64_digits(n.i, (unsigned)base, few));
        return true;
    }
    char *digits = int_digits(in, n, base);
    value_unref(in, n);
    if (!digits) return false;
    bool negative = *digits == '-';
    strbuf head = {0}, body = {0};
    sb_adds(&head, sign_text(negative, f->flags));
    if ((f->flags & ALT) && base != 10) sb_addc(&head, '0'), sb_addc(&head, code);
    int64_t zeros = f->precision - (int64_t)strlen(digits + negative);
    if (zeros > 0) sb_pad(&body, '0', (size_t)zeros);
    sb_adds(&body, digits + negative);
    for (size_t i = 0; code == 'X' && i < body.n; i++) {
        if (body.at[i] >= 'a') body.at[i] ^= 32;
    }
    put(s, f, sb_text(&head), body.at, body.n, body.n, f->flags & ZERO);
    sb_clear(&head);
    sb_clear(&body);
    mem_free(digits);
    return true;
}

static bool put_float(interp *in, percent *s, const field *f, value v, char code)
{
    double x;
    if (!to_double(in, v, &x)) {
        if (!s->bytes || !exc_is(in, TypeError)) return false;
        exc_clear(in);
        throw(in, TypeError, "float argument required, not %s", type_said(in, v));
        return false;
    }
    strbuf b = {0};
    bool ok =
        float_digits(in, &b, x, code, f->precision < 0 ? 6 : f->precision, f->flags & ALT, false);
    const char *sign = sign_text(signbit(x) && !isnan(x), f->flags);
    if (ok) put(s, f, sign, sb_text(&b), b.n, b.n, f->flags & ZERO);
    sb_clear(&b);
    return ok;
}

/* One byte, as its number or alone in bytes. */
static bool put_byte(interp *in, percent *s, const field *f, value v)
{
    const field whole = {.flags = f->flags, .width = f->width, .precision = -1};
    size_t len;
    const bool alone = as_bytes(v) || as_bytearray(v);
    const char *one = alone ? bytes_peek(v, &len) : NULL;
    value n;
    int found = one || as_str(v) ? 0 : int_index(in, v, &n);
    if (one && len == 1) return put_str(in, s, &whole, str_char(in, (unsigned char)*one));
    if (found < 0 && !exc_is(in, TypeError)) return false;
    exc_clear(in);
    if (found <= 0) {
        throw(in, TypeError, "%%c requires an integer in range(256) or a single byte");
        return false;
    }
    if (n.kind == V_INT && n.i >= 0 && n.i < 256) {
        return put_str(in, s, &whole, str_char(in, (uint32_t)n.i));
    }
    value_unref(in, n);
    throw(in, OverflowError, "%%c arg not in range(256)");
    return false;
}

static bool put_char(interp *in, percent *s, const field *f, value v)
{
    str *text = as_str(v);
    value n;
    const field whole = {.flags = f->flags, .width = f->width, .precision = -1};
    f = &whole;
    if (text && text->nchar == 1) return put_str(in, s, f, obj_ref(text));
    int found = text ? 0 : int_index(in, v, &n);
    if (found < 0) return false;
    if (!found) {
        throw(in, TypeError, "%%c requires int or char");
        return false;
    }
    if (n.kind == V_INT && n.i >= 0 && n.i <= 0x10ffff) {
        return put_str(in, s, f, str_char(in, (uint32_t)n.i));
    }
    value_unref(in, n);
    throw(in, OverflowError, "%%c arg not in range(0x110000)");
    return false;
}

static bool unsupported(interp *in, percent *s)
{
    uint32_t cp;
    utf8_get(s->p, &cp);
    throw(in, ValueError, "unsupported format character '%c' (0x%x) at index %zu",
          cp > 31 && cp < 128 ? (char)cp : '?', cp,
          utf8_count(s->start, (size_t)(s->p - s->start)));
    return false;
}

static bool one_field(interp *in, percent *s)
{
    field f = {.width = -1, .precision = -1};
    if (s->p < s->end && *s->p == '%') { /* only right after the first one */
        s->p++;
        sb_addc(&s->out, '%');
        return true;
    }
    if (!scan_field(in, s, &f)) return false;
    char code = *s->p;
    value v = next_arg(in, s, &f);
    bool ok = false;
    if (is_fail(v)) return false;
    switch (code) {
    case 'b':
        if (!s->bytes) {
            ok = unsupported(in, s);
            break;
        } /* fallthrough */
    case 's': ok = put_str(in, s, &f, s->bytes ? bytes_shown(in, v) : value_str(in, v)); break;
    case 'r':
        if (!s->bytes) {
            ok = put_str(in, s, &f, value_repr(in, v));
            break;
        } /* fallthrough */
    case 'a': ok = put_str(in, s, &f, value_ascii(in, v)); break;
    case 'c': ok = s->bytes ? put_byte(in, s, &f, v) : put_char(in, s, &f, v); break;
    case 'd':
    case 'i':
    case 'u':
    case 'o':
    case 'x':
    case 'X': ok = put_int(in, s, &f, v, code); break;
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G': ok = put_float(in, s, &f, v, code); break;
    default: ok = unsupported(in, s);
    }
    s->p++;
    value_unref(in, f.key_item);
    return ok;
}

static bool all_fields(interp *in, percent *s)
{
    while (s->p < s->end) {
        const char *hit = memchr(s->p, '%', (size_t)(s->end - s->p));
        sb_add(&s->out, s->p, (size_t)((hit ? hit : s->end) - s->p));
        if (!hit) break;
        s->p = hit + 1;
        if (!one_field(in, s)) return false;
    }
    if (is_fail(s->mapping) && s->next < s->narg) {
        throw(in, TypeError, "not all arguments converted during %s formatting",
              s->bytes ? "bytes" : "string");
        return false;
    }
    return true;
}

value percent_format(interp *in, str *text, value args, bool in_bytes)
{
    percent s = {.out = {.soft = true},
                 .start = text->at,
                 .p = text->at,
                 .end = text->at + text->nbyte,
                 .bytes = in_bytes};
    tuple *t = as_tuple(args);
    s.arg = t ? t->at : &args;
    s.narg = t ? t->n : 1;
    const bool text_like = as_str(args) || (in_bytes && (as_bytes(args) || as_bytearray(args)));
    s.mapping = !t && !text_like && type_of(in, args)->getitem ? args : FAIL;
    bool ok = all_fields(in, &s);
    if (ok) return v_obj(str_built(in, &s.out));
    sb_clear(&s.out);
    return FAIL;
}

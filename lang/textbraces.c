/* lang/textbraces.c - str.format(): "{0.name[key]!r:>{width}}" filled in. */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/lang.h"
#include "lang/textfmt.h"

typedef struct braces {
    tuple *args; /* NULL: format_map */
    value kwargs;
    int64_t next; /* automatic numbering */
    enum { UNKNOWN, AUTO, MANUAL } numbering;
} braces;

typedef struct replacement { /* {name!conversion:spec} */
    const char *name, *name_end, *spec, *spec_end;
    uint32_t conversion; /* 0: none */
    bool nested;         /* the spec has fields of its own */
} replacement;

static bool render(interp *in, braces *b, const char *p, const char *end, int depth, strbuf *out);

/* ---- field names ---- */

/* Digits only: the number; -1: no number; -2: too large (ValueError pending) */
static int64_t field_number(interp *in, const char *p, const char *end)
{
    int64_t n = 0;
    if (p == end) return -1;
    for (; p < end; p++) {
        if (*p < '0' || *p > '9') return -1;
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *p - '0', &n)) {
            throw(in, ValueError, "Too many decimal digits in format string");
            return -2;
        }
    }
    return n;
}

static bool set_numbering(interp *in, braces *b, bool automatic)
{
    if (b->numbering == UNKNOWN) b->numbering = automatic ? AUTO : MANUAL;
    if ((b->numbering == AUTO) == automatic) return true;
    throw(in, ValueError, "cannot switch from %s to %s",
          automatic ? "manual field specification" : "automatic field numbering",
          automatic ? "automatic field numbering" : "manual field specification");
    return false;
}

static value lookup_name(interp *in, braces *b, const char *p, const char *end)
{
    str *key = str_new(in, p, (size_t)(end - p));
    if (!key) return FAIL;
    value v = FAIL;
    if (is_fail(b->kwargs))
        throw_key(in, v_obj(key));
    else
        v = value_getitem(in, b->kwargs, v_obj(key));
    obj_unref(in, key);
    return v;
}

static value first_object(interp *in, braces *b, const char *p, const char *end)
{
    int64_t n = field_number(in, p, end);
    if (n == -2) return FAIL;
    if (n == -1 && p < end) return lookup_name(in, b, p, end);
    if (!set_numbering(in, b, n < 0)) return FAIL;
    if (n < 0) n = b->next++;
    if (!b->args) {
        return throw(in, ValueError, "Format string contains positional fields");
    }
    if (n >= b->args->n) {
        return throw(in, IndexError,
                     "Replacement index %lld out of range for positional args tuple", (long long)n);
    }
    return value_ref(b->args->at[n]);
}

static value step_attr(interp *in, value v, const char **p, const char *end)
{
    const char *from = ++*p;
    while (*p < end && **p != '.' && **p != '[') ++*p;
    if (*p == from) return throw(in, ValueError, "Empty attribute in format string");
    str *name = str_intern(in, from, (size_t)(*p - from));
    value got = name ? value_getattr(in, v, name) : FAIL;
    obj_unref(in, name);
    return got;
}

static value step_item(interp *in, value v, const char **p, const char *end)
{
    const char *from = ++*p;
    while (*p < end && **p != ']') ++*p;
    if (*p >= end) return throw(in, ValueError, "Missing ']' in format string");
    const char *to = (*p)++;
    if (to == from) return throw(in, ValueError, "Empty attribute in format string");
    int64_t n = field_number(in, from, to);
    if (n == -2) return FAIL;
    value key = n >= 0 ? v_int(n) : v_obj(str_new(in, from, (size_t)(to - from)));
    value got = is_fail(key) ? FAIL : value_getitem(in, v, key);
    value_unref(in, key);
    return got;
}

static value field_object(interp *in, braces *b, const char *p, const char *end)
{
    const char *first = p;
    while (p < end && *p != '.' && *p != '[') p++;
    value v = first_object(in, b, first, p);
    while (!is_fail(v) && p < end) {
        value next;
        if (*p == '.')
            next = step_attr(in, v, &p, end);
        else if (*p == '[')
            next = step_item(in, v, &p, end);
        else {
            next =
                throw(in, ValueError, "Only '.' or '[' may follow ']' in format field specifier");
        }
        value_unref(in, v);
        v = next;
    }
    return v;
}

/* ---- {...} ---- */

static bool bad(interp *in, const char *why)
{
    throw(in, ValueError, "%s", why);
    return false;
}

static bool scan_spec(interp *in, const char **at, const char *end, replacement *r)
{
    const char *p = *at;
    r->spec = p;
    for (int depth = 1; p < end; p++) {
        if (*p == '{') depth++, r->nested = true;
        if (*p == '}' && --depth == 0) {
            r->spec_end = p;
            *at = p + 1;
            return true;
        }
    }
    return bad(in, "unmatched '{' in format spec");
}

/* *at stands after the opening brace and is moved behind the closing one. */
static bool scan_replacement(interp *in, const char **at, const char *end, replacement *r)
{
    const char *p = *at;
    *r = (replacement){.name = p};
    for (bool bracket = false; p < end; p++) {
        if (*p == '{') return bad(in, "unexpected '{' in field name");
        if (*p == '[')
            bracket = true;
        else if (*p == ']')
            bracket = false;
        else if (!bracket && (*p == '}' || *p == ':' || *p == '!'))
            break;
    }
    r->name_end = r->spec = r->spec_end = p;
    if (p >= end) return bad(in, "expected '}' before end of string");
    char c = *p++;
    if (c == '!') {
        if (p >= end) return bad(in, "end of string while looking for conversion specifier");
        p += utf8_get(p, &r->conversion);
        if (p < end) {
            c = *p++;
            if (c != '}' && c != ':') return bad(in, "expected ':' after conversion specifier");
        }
    }
    *at = p;
    return c == '}' ? true : scan_spec(in, at, end, r);
}

static value convert(interp *in, value v, uint32_t conversion) /* takes v */
{
    if (!conversion) return v;
    str *s = NULL;
    if (conversion == 'r')
        s = value_repr(in, v);
    else if (conversion == 's')
        s = value_str(in, v);
    else if (conversion == 'a')
        s = value_ascii(in, v);
    else if (conversion > 32 && conversion < 127) {
        throw(in, ValueError, "Unknown conversion specifier %c", (char)conversion);
    } else
        throw(in, ValueError, "Unknown conversion specifier \\x%x", conversion);
    value_unref(in, v);
    return v_obj(s);
}

static str *field_spec(interp *in, braces *b, const replacement *r, int depth)
{
    if (!r->nested) return str_new(in, r->spec, (size_t)(r->spec_end - r->spec));
    strbuf text = {0};
    bool ok = render(in, b, r->spec, r->spec_end, depth - 1, &text);
    size_t n;
    char *s = sb_take(&text, &n);
    if (ok) return str_take(in, s, n);
    mem_free(s);
    return NULL;
}

static bool fill_in(interp *in, braces *b, const replacement *r, int depth, strbuf *out)
{
    value v = field_object(in, b, r->name, r->name_end);
    if (is_fail(v)) return false;
    v = convert(in, v, r->conversion);
    str *spec = is_fail(v) ? NULL : field_spec(in, b, r, depth);
    str *text = spec ? value_format(in, v, spec) : NULL;
    if (text) sb_add(out, text->at, text->nbyte);
    obj_unref(in, text);
    obj_unref(in, spec);
    value_unref(in, v);
    return text && check_interrupt(in);
}

static bool render(interp *in, braces *b, const char *p, const char *end, int depth, strbuf *out)
{
    if (depth <= 0) return bad(in, "Max string recursion exceeded");
    while (p < end) {
        const char *from = p;
        while (p < end && *p != '{' && *p != '}') p++;
        sb_add(out, from, (size_t)(p - from));
        if (p >= end) break;
        char c = *p++;
        if (p < end && *p == c) {
            sb_addc(out, c);
            p++;
            continue;
        }
        if (c == '}') return bad(in, "Single '}' encountered in format string");
        if (p >= end) return bad(in, "Single '{' encountered in format string");
        replacement r;
        if (!scan_replacement(in, &p, end, &r) || !fill_in(in, b, &r, depth, out)) return false;
    }
    return true;
}

value format_text(interp *in, str *s, tuple *args, value kwargs)
{
    enum { DEPTH = 2 };
    braces b = {.args = args, .kwargs = kwargs};
    strbuf out = {.soft = true};
    bool ok = render(in, &b, s->at, s->at + s->nbyte, DEPTH, &out);
    if (ok) return v_obj(str_built(in, &out));
    sb_clear(&out);
    return FAIL;
}

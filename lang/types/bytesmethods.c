/* lang/types/bytesmethods.c - the methods that bytes and bytearray share; results are of the
 * type of self.  Over 600 lines: one short function for each method, and their table. */
#include "lang/interp.h"
#include "lang/types/dunder.h"
#include "lang/types/bytesmethods.h"

#include <string.h>

#include "engine/base/find.h"
#include "engine/base/mem.h"
#include "engine/base/str.h"

typedef struct span {
    const char *at;
    size_t n;
} span;

static span self_span(const value *arg)
{
    span s = {0};
    s.at = bytes_peek(arg[0], &s.n);
    return s;
}

static bool need(interp *in, value v, span *out) /* "a bytes-like object is required" */
{
    out->at = bytes_peek(v, &out->n);
    if (out->at) return true;
    throw(in, TypeError, "a bytes-like object is required, not '%s'", type_said(in, v));
    return false;
}

static value taken(interp *in, value model, strbuf *b)
{
    value v = FAIL;
    if (b->lost)
        no_room(in);
    else
        v = bytes_like(in, model, sb_text(b), b->n);
    sb_clear(b);
    return v;
}

static value part(interp *in, value model, span s, size_t from, size_t to)
{
    if (from == 0 && to == s.n && model.o->type == &T_bytes) return value_ref(model);
    return bytes_like(in, model, s.at + from, to - from);
}

/* ---- hex ---- */

static int hex_value(char c)
{
    static const signed char of[256] = {
        ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
        ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
        ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
        ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16}; /* and one, so that 0 is none */
    return of[(unsigned char)c] - 1;
}

value bytes_fromhex(interp *in, const value *arg)
{
    str *s = check_str(in, arg[1], "fromhex() argument");
    if (!s) return FAIL;
    bytes *plain =
        as_type(arg[0]) == &T_bytearray || s->nbyte % 2 ? NULL : bytes_new(in, NULL, s->nbyte / 2);
    for (size_t i = 0; plain && i < plain->n; i++) { /* two digits, two digits ... */
        int hi = hex_value(s->at[2 * i]), lo = hex_value(s->at[2 * i + 1]);
        if ((hi | lo) < 0) {
            obj_unref(in, plain);
            plain = NULL;
        } else
            plain->at[i] = (char)(hi << 4 | lo);
        if (!goes_on(in, i)) return obj_unref(in, plain), FAIL;
    }
    if (plain) return v_obj(plain);
    strbuf b = {0};
    for (size_t i = 0; i < s->nbyte; i++) {
        if (s->at[i] == ' ' || (s->at[i] >= 9 && s->at[i] <= 13)) continue;
        int hi = hex_value(s->at[i]), lo = hi < 0 ? -1 : hex_value(s->at[i + 1]);
        if (lo < 0) {
            sb_clear(&b);
            return throw(in, ValueError,
                         "non-hexadecimal number found in fromhex() arg at position %zu",
                         hi < 0 ? i : i + 1);
        }
        sb_addc(&b, (char)(hi << 4 | lo));
        if (!goes_on(in, i / 2)) return sb_clear(&b), FAIL;
        i++;
    }
    if (as_type(arg[0]) == &T_bytearray) {
        bytearray *a = bytearray_new(in, sb_text(&b), b.n);
        sb_clear(&b);
        return v_obj(a);
    }
    bytes *a = bytes_new(in, sb_text(&b), b.n);
    sb_clear(&b);
    return v_obj(a);
}

value bytes_hex(interp *in, const value *arg)
{
    span s = self_span(arg);
    int64_t group = 1;
    char sep = 0;
    if (!is_fail(arg[1])) {
        str *t = as_str(arg[1]);
        span c = {0};
        if (t)
            c = (span){t->at, t->nbyte};
        else if (!need(in, arg[1], &c))
            return FAIL;
        if (c.n != 1) return throw(in, ValueError, "sep must be length 1.");
        sep = *c.at;
        if (!to_int64(in, arg[2], &group)) return FAIL;
    }
    static const char digits[] = "0123456789abcdef";
    size_t size = (size_t)(group < 0 ? -group : group);
    if (!sep || !size) {
        str *text = str_alloc(in, 2 * s.n, 2 * s.n);
        for (size_t i = 0; text && i < s.n; i++) {
            unsigned char c = (unsigned char)s.at[i];
            text->at[2 * i] = digits[c >> 4], text->at[2 * i + 1] = digits[c & 15];
            if (!goes_on(in, i)) return obj_unref(in, text), FAIL;
        }
        return v_obj(text);
    }
    strbuf b = {.soft = true};
    for (size_t i = 0; i < s.n; i++) {
        bool cut = i && (group > 0 ? (s.n - i) % size == 0 : i % size == 0);
        unsigned char c = (unsigned char)s.at[i];
        if (cut) sb_addc(&b, sep);
        sb_add(&b, (const char[]){digits[c >> 4], digits[c & 15]}, 2);
        if (!goes_on(in, i)) return sb_clear(&b), FAIL;
    }
    return v_obj(str_built(in, &b));
}

/* ---- searching ---- */

/* sub as bytes or one byte */
static bool pattern(interp *in, value v, span *out, char *byte)
{
    out->at = bytes_peek(v, &out->n);
    if (out->at) return true;
    value i;
    int found = int_index(in, v, &i);
    if (found <= 0) {
        if (!found) {
            throw(in, TypeError, "argument should be integer or bytes-like object, not '%s'",
                  type_said(in, v));
        }
        return false;
    }
    unsigned char c = 0;
    bool ok = byte_of(in, i, &c, "byte");
    value_unref(in, i);
    *byte = (char)c;
    *out = (span){byte, 1};
    return ok;
}

static bool bounds(interp *in, size_t len, value start, value end, size_t *from, size_t *to)
{
    int64_t n = (int64_t)len, i = 0, j = n;
    if (!is_none(start) && !to_slice_index(in, start, &i)) return false;
    if (!is_none(end) && !to_slice_index(in, end, &j)) return false;
    if (i < 0) i = i + n < 0 ? 0 : i + n;
    if (j < 0) j = j + n < 0 ? 0 : j + n;
    *to = (size_t)(j > n ? n : j);
    *from = (size_t)i;
    return true;
}

static value find(interp *in, const value *arg, bool last, bool must)
{
    span s = self_span(arg), what;
    size_t from, to;
    char byte;
    if (!pattern(in, arg[1], &what, &byte) || !bounds(in, s.n, arg[2], arg[3], &from, &to)) {
        return FAIL;
    }
    const char *hit = NULL;
    if (from <= to) {
        hit = last ? find_last(s.at + from, to - from, what.at, what.n)
                   : memory_find(s.at + from, to - from, what.at, what.n);
    }
    if (!hit && must) return throw(in, ValueError, "subsection not found");
    return v_int(hit ? hit - s.at : -1);
}

value bytes_find(interp *in, const value *arg)
{
    return find(in, arg, false, false);
}

value bytes_rfind(interp *in, const value *arg)
{
    return find(in, arg, true, false);
}

value bytes_index(interp *in, const value *arg)
{
    return find(in, arg, false, true);
}

value bytes_rindex(interp *in, const value *arg)
{
    return find(in, arg, true, true);
}

value bytes_count(interp *in, const value *arg)
{
    span s = self_span(arg), what;
    size_t from, to;
    char byte;
    if (!pattern(in, arg[1], &what, &byte) || !bounds(in, s.n, arg[2], arg[3], &from, &to)) {
        return FAIL;
    }
    if (from > to) return v_int(0);
    if (!what.n) return v_int((int64_t)(to - from) + 1);
    int64_t n = 0;
    const char *p = s.at + from, *end = s.at + to;
    while ((p = memory_find(p, (size_t)(end - p), what.at, what.n))) {
        p += what.n;
        if (!goes_on(in, (size_t)++n)) return FAIL;
    }
    return v_int(n);
}

static bool matches(span s, size_t from, size_t to, span what, bool tail)
{
    if (from > to || what.n > to - from) return false;
    return !memcmp(s.at + (tail ? to - what.n : from), what.at, what.n);
}

static value starts_or_ends(interp *in, const value *arg, bool tail)
{
    const char *name = tail ? "endswith" : "startswith";
    span s = self_span(arg), what;
    tuple *t = as_tuple(arg[1]);
    size_t from, to;
    if (!bounds(in, s.n, arg[2], arg[3], &from, &to)) return FAIL;
    for (int64_t i = 0; t && i < t->n; i++) {
        if (!need(in, t->at[i], &what)) return FAIL;
        if (matches(s, from, to, what, tail)) return v_bool(true);
    }
    if (t) return v_bool(false);
    what.at = bytes_peek(arg[1], &what.n);
    if (what.at) return v_bool(matches(s, from, to, what, tail));
    return throw(in, TypeError, "%s first arg must be bytes or a tuple of bytes, not %s", name,
                 type_said(in, arg[1]));
}

value bytes_startswith(interp *in, const value *arg)
{
    return starts_or_ends(in, arg, false);
}

value bytes_endswith(interp *in, const value *arg)
{
    return starts_or_ends(in, arg, true);
}

value bytes_removeprefix(interp *in, const value *arg)
{
    span s = self_span(arg), what;
    if (!need(in, arg[1], &what)) return FAIL;
    return part(in, arg[0], s, matches(s, 0, s.n, what, false) ? what.n : 0, s.n);
}

value bytes_removesuffix(interp *in, const value *arg)
{
    span s = self_span(arg), what;
    if (!need(in, arg[1], &what)) return FAIL;
    return part(in, arg[0], s, 0, matches(s, 0, s.n, what, true) ? s.n - what.n : s.n);
}

/* ---- cutting ---- */

static bool is_blank(char c)
{
    return c == ' ' || (c >= 9 && c <= 13);
}

static bool add(interp *in, list *l, value model, span s, size_t from, size_t to)
{
    return list_add(in, l, part(in, model, s, from, to));
}

static bool split_blank(interp *in, list *l, value model, span s, int64_t max)
{
    for (size_t i = 0;;) {
        while (i < s.n && is_blank(s.at[i])) i++;
        if (i >= s.n) return true;
        size_t from = i;
        if (max-- == 0) return add(in, l, model, s, from, s.n);
        while (i < s.n && !is_blank(s.at[i])) i++;
        if (!add(in, l, model, s, from, i)) return false;
    }
}

static bool rsplit_blank(interp *in, list *l, value model, span s, int64_t max)
{
    for (size_t i = s.n;;) {
        while (i > 0 && is_blank(s.at[i - 1])) i--;
        if (i == 0) return true;
        size_t to = i;
        if (max-- == 0) return add(in, l, model, s, 0, to);
        while (i > 0 && !is_blank(s.at[i - 1])) i--;
        if (!add(in, l, model, s, i, to)) return false;
    }
}

static bool split_at(interp *in, list *l, value model, span s, span sep, int64_t max)
{
    size_t from = 0;
    const char *hit;
    while (max-- != 0 && (hit = memory_find(s.at + from, s.n - from, sep.at, sep.n))) {
        if (!add(in, l, model, s, from, (size_t)(hit - s.at))) return false;
        from = (size_t)(hit - s.at) + sep.n;
    }
    return add(in, l, model, s, from, s.n);
}

static bool rsplit_at(interp *in, list *l, value model, span s, span sep, int64_t max)
{
    size_t n = s.n;
    const char *hit;
    while (max-- != 0 && (hit = find_last(s.at, n, sep.at, sep.n))) {
        if (!add(in, l, model, s, (size_t)(hit - s.at) + sep.n, n)) return false;
        n = (size_t)(hit - s.at);
    }
    return add(in, l, model, s, 0, n);
}

static value split(interp *in, const value *arg, bool right)
{
    span s = self_span(arg), sep = {0};
    int64_t max;
    if (!is_none(arg[1]) && !need(in, arg[1], &sep)) return FAIL;
    if (!to_int64(in, arg[2], &max)) return FAIL;
    if (sep.at && !sep.n) return throw(in, ValueError, "empty separator");
    list *l = list_new(in, 0);
    if (!l) return FAIL;
    bool ok =
        right
            ? (sep.at ? rsplit_at(in, l, arg[0], s, sep, max) : rsplit_blank(in, l, arg[0], s, max))
            : (sep.at ? split_at(in, l, arg[0], s, sep, max) : split_blank(in, l, arg[0], s, max));
    for (int64_t i = 0, j = l->n - 1; ok && right && i < j; i++, j--) {
        value t = l->at[i];
        l->at[i] = l->at[j];
        l->at[j] = t;
    }
    if (ok) return v_obj(l);
    obj_unref(in, l);
    return FAIL;
}

value bytes_split(interp *in, const value *arg)
{
    return split(in, arg, false);
}

value bytes_rsplit(interp *in, const value *arg)
{
    return split(in, arg, true);
}

value bytes_splitlines(interp *in, const value *arg)
{
    span s = self_span(arg);
    int keep = value_truth(in, arg[1]);
    list *l = keep < 0 ? NULL : list_new(in, 0);
    if (!l) return FAIL;
    for (size_t i = 0; i < s.n;) {
        size_t from = i;
        while (i < s.n && s.at[i] != '\n' && s.at[i] != '\r' && goes_on(in, i)) i++;
        size_t to = i;
        if (i < s.n) i += s.at[i] == '\r' && i + 1 < s.n && s.at[i + 1] == '\n' ? 2 : 1;
        if (throwing(in) || !add(in, l, arg[0], s, from, keep ? i : to)) {
            obj_unref(in, l);
            return FAIL;
        }
    }
    return v_obj(l);
}

static value partition(interp *in, const value *arg, bool right)
{
    span s = self_span(arg), sep;
    if (!need(in, arg[1], &sep)) return FAIL;
    if (!sep.n) return throw(in, ValueError, "empty separator");
    const char *hit =
        right ? find_last(s.at, s.n, sep.at, sep.n) : memory_find(s.at, s.n, sep.at, sep.n);
    size_t at = hit ? (size_t)(hit - s.at) : right ? 0 : s.n, after = hit ? at + sep.n : at;
    return v_obj(tuple_pack(in, 3, part(in, arg[0], s, 0, at),
                            bytes_like(in, arg[0], s.at + at, after - at),
                            part(in, arg[0], s, after, s.n)));
}

value bytes_partition(interp *in, const value *arg)
{
    return partition(in, arg, false);
}

value bytes_rpartition(interp *in, const value *arg)
{
    return partition(in, arg, true);
}

value bytes_join(interp *in, const value *arg)
{
    span sep = self_span(arg), s;
    value it = value_iter(in, arg[1]);
    if (is_fail(it)) {
        if (!exc_is(in, TypeError)) return FAIL;
        exc_clear(in);
        return throw(in, TypeError, "can only join an iterable");
    }
    list *l = list_of(in, it);
    value_unref(in, it);
    if (!l) return FAIL;
    strbuf b = {.soft = true};
    for (int64_t i = 0; i < l->n && goes_on(in, (size_t)i); i++) {
        s.at = bytes_peek(l->at[i], &s.n);
        if (!s.at) {
            throw(in, TypeError, "sequence item %lld: expected a bytes-like object, %s found",
                  (long long)i, type_said(in, l->at[i]));
            break;
        }
        if (i) sb_add(&b, sep.at, sep.n);
        sb_add(&b, s.at, s.n);
    }
    obj_unref(in, l);
    value out = taken(in, arg[0], &b);
    if (!throwing(in)) return out;
    value_unref(in, out);
    return FAIL;
}

value bytes_replace(interp *in, const value *arg)
{
    span s = self_span(arg), old, to;
    int64_t max;
    if (!need(in, arg[1], &old) || !need(in, arg[2], &to)) return FAIL;
    if (!to_int64(in, arg[3], &max)) return FAIL;
    strbuf b = {.soft = true};
    size_t at = 0;
    while (max-- != 0) {
        const char *hit = memory_find(s.at + at, s.n - at, old.at, old.n);
        if (!hit) break;
        size_t i = (size_t)(hit - s.at);
        sb_add(&b, s.at + at, i - at);
        sb_add(&b, to.at, to.n);
        at = i + old.n;
        if (!goes_on(in, (size_t)~max)) return sb_clear(&b), FAIL;
        if (old.n) continue;
        if (at >= s.n) break;
        sb_addc(&b, s.at[at++]);
    }
    sb_add(&b, s.at + at, s.n - at);
    return taken(in, arg[0], &b);
}

/* ---- trimming and padding ---- */

static value strip(interp *in, const value *arg, bool left, bool right)
{
    span s = self_span(arg), gone = {0};
    if (!is_none(arg[1]) && !need(in, arg[1], &gone)) return FAIL;
    size_t from = 0, to = s.n;
#define DROP(c) (gone.at ? memchr(gone.at, (c), gone.n) != NULL : is_blank(c))
    while (left && from < to && DROP(s.at[from]) && goes_on(in, from)) from++;
    while (right && to > from && DROP(s.at[to - 1]) && goes_on(in, to)) to--;
#undef DROP
    if (throwing(in)) return FAIL;
    return part(in, arg[0], s, from, to);
}

value bytes_strip(interp *in, const value *arg)
{
    return strip(in, arg, true, true);
}

value bytes_lstrip(interp *in, const value *arg)
{
    return strip(in, arg, true, false);
}

value bytes_rstrip(interp *in, const value *arg)
{
    return strip(in, arg, false, true);
}

static value pad(interp *in, const value *arg, const char *name, int64_t share)
{
    span s = self_span(arg), fill = {" ", 1};
    int64_t width;
    if (!to_int64(in, arg[1], &width)) return FAIL;
    if (!is_fail(arg[2])) {
        fill.at = bytes_peek(arg[2], &fill.n);
        if (!fill.at || fill.n != 1) {
            return throw(in, TypeError, "%s() argument 2 must be a byte string of length 1, not %s",
                         name, type_said(in, arg[2]));
        }
    }
    int64_t n = width - (int64_t)s.n;
    if (n <= 0) return part(in, arg[0], s, 0, s.n);
    int64_t left = share == 1 ? n / 2 + (n & width & 1) : share == 2 ? n : 0;
    value out = bytes_like(in, arg[0], NULL, (size_t)width);
    if (is_fail(out)) return FAIL;
    char *to = (char *)(uintptr_t)bytes_peek(out, &(size_t){0}); /* ours alone until returned */
    if (memory_fill(in, to, *fill.at, (size_t)width) && memory_copy(in, to + left, s.at, s.n))
        return out;
    value_unref(in, out);
    return FAIL;
}

value bytes_center(interp *in, const value *arg)
{
    return pad(in, arg, "center", 1);
}

value bytes_ljust(interp *in, const value *arg)
{
    return pad(in, arg, "ljust", 0);
}

value bytes_rjust(interp *in, const value *arg)
{
    return pad(in, arg, "rjust", 2);
}

value bytes_zfill(interp *in, const value *arg)
{
    bytes *zero = bytes_new(in, "0", 1);
    if (!zero) return FAIL;
    span s = self_span(arg);
    value out = pad(in, (value[]){arg[0], arg[1], v_obj(zero)}, "zfill", 2);
    obj_unref(in, zero);
    size_t n;
    if (is_fail(out) || !s.n || (*s.at != '+' && *s.at != '-')) return out;
    char *to = (char *)(uintptr_t)bytes_peek(out, &n);
    if (n == s.n) return out;
    to[n - s.n] = '0';
    to[0] = *s.at;
    return out;
}

value bytes_expandtabs(interp *in, const value *arg)
{
    span s = self_span(arg);
    int64_t size, column = 0;
    if (!to_int64(in, arg[1], &size)) return FAIL;
    if (size > 1 << 20) return throw(in, OverflowError, "result too long");
    strbuf b = {.soft = true};
    for (size_t i = 0; i < s.n; i++, column++) {
        if (!goes_on(in, i)) return sb_clear(&b), FAIL;
        if (s.at[i] != '\t') {
            sb_addc(&b, s.at[i]);
            if (s.at[i] == '\n' || s.at[i] == '\r') column = -1;
            continue;
        }
        int64_t n = size > 0 ? size - column % size : 0;
        sb_pad(&b, ' ', (size_t)n);
        column += n - 1;
    }
    return taken(in, arg[0], &b);
}

/* ---- characters ---- */

value bytes_translate(interp *in, const value *arg)
{
    span s = self_span(arg), table = {0}, gone = {0};
    if (!is_none(arg[1]) && !need(in, arg[1], &table)) return FAIL;
    if (!is_fail(arg[2]) && !need(in, arg[2], &gone)) return FAIL;
    if (table.at && table.n != 256) {
        return throw(in, ValueError, "translation table must be 256 characters long");
    }
    strbuf b = {.soft = true};
    for (size_t i = 0; i < s.n; i++) {
        char c = s.at[i];
        if (!goes_on(in, i)) return sb_clear(&b), FAIL;
        if (gone.n && memchr(gone.at, c, gone.n)) continue;
        sb_addc(&b, table.at ? table.at[(unsigned char)c] : c);
    }
    return taken(in, arg[0], &b);
}

value bytes_maketrans(interp *in, const value *arg)
{
    span from, to;
    if (!need(in, arg[0], &from) || !need(in, arg[1], &to)) return FAIL;
    if (from.n != to.n) {
        return throw(in, ValueError, "maketrans arguments must have same length");
    }
    bytes *b = bytes_new(in, NULL, 256);
    for (int i = 0; b && i < 256; i++) b->at[i] = (char)i;
    for (size_t i = 0; b && i < from.n; i++) b->at[(unsigned char)from.at[i]] = to.at[i];
    return v_obj(b);
}

static bool lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool alpha(char c)
{
    return lower(c) || upper(c);
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool alnum(char c)
{
    return alpha(c) || digit(c);
}

enum letter_case { UPPER, LOWER, TITLE, CAPITAL, SWAP };

static value map_case(interp *in, const value *arg, enum letter_case to)
{
    span s = self_span(arg);
    value out = bytes_like(in, arg[0], s.at, s.n);
    if (is_fail(out)) return FAIL;
    char *at = (char *)(uintptr_t)bytes_peek(out, &(size_t){0});
    bool in_word = false;
    for (size_t i = 0; i < s.n; i++) {
        if (!goes_on(in, i)) return value_unref(in, out), FAIL;
        bool up = to == UPPER || (to == SWAP && lower(at[i])) ||
                  ((to == TITLE || to == CAPITAL) && !in_word);
        in_word = to == CAPITAL || alpha(at[i]);
        if (up ? lower(at[i]) : upper(at[i])) at[i] ^= 32;
    }
    return out;
}

#define CASE(NAME, TO)                                                                             \
    value bytes_##NAME(interp *in, const value *arg)                                               \
    {                                                                                              \
        return map_case(in, arg, TO);                                                              \
    }
CASE(upper, UPPER)
CASE(lower, LOWER)
CASE(title, TITLE)
CASE(capitalize, CAPITAL)
CASE(swapcase, SWAP)

#define EVERY(NAME, IS, EMPTY)                                                                     \
    value bytes_##NAME(interp *in, const value *arg)                                               \
    {                                                                                              \
        span s = self_span(arg);                                                                   \
        bool ok = s.n ? true : EMPTY;                                                              \
        for (size_t i = 0; i < s.n && ok; i++) {                                                   \
            if (!goes_on(in, i)) return FAIL;                                                      \
            ok = IS(s.at[i]);                                                                      \
        }                                                                                          \
        return v_bool(ok);                                                                         \
    }
value bytes_isascii(interp *in, const value *arg)
{
    (void)in;
    span s = self_span(arg);
    return v_bool(memory_is_ascii(s.at, s.n));
}

EVERY(isalnum, alnum, false)
EVERY(isalpha, alpha, false)
EVERY(isdigit, digit, false)
EVERY(isspace, is_blank, false)

static value one_case(interp *in, const value *arg, bool (*want)(char), bool (*other)(char))
{
    span s = self_span(arg);
    bool found = false;
    for (size_t i = 0; i < s.n; i++) {
        if (!goes_on(in, i)) return FAIL;
        if (other(s.at[i])) return v_bool(false);
        found = found || want(s.at[i]);
    }
    return v_bool(found);
}

value bytes_islower(interp *in, const value *arg)
{
    return one_case(in, arg, lower, upper);
}

value bytes_isupper(interp *in, const value *arg)
{
    return one_case(in, arg, upper, lower);
}

value bytes_istitle(interp *in, const value *arg)
{
    span s = self_span(arg);
    bool found = false, in_word = false;
    for (size_t i = 0; i < s.n; i++) {
        if (!goes_on(in, i)) return FAIL;
        if (upper(s.at[i]) ? in_word : lower(s.at[i]) && !in_word) return v_bool(false);
        in_word = alpha(s.at[i]);
        found = found || in_word;
    }
    return v_bool(found);
}

static value newargs(interp *in, const value *arg)
{
    return newargs_of(in, &T_bytes, arg[0]);
}

static value to_bytes(interp *in, const value *arg)
{
    return v_obj(bytes_of(in, arg[0]));
}

const builtin bytes_table[] = {
    BYTES_METHODS,
    {"__getnewargs__(self, /)", newargs, NULL},
    {"__bytes__(self, /)", to_bytes, "The same bytes as an object of bytes itself."},
    {0},
};

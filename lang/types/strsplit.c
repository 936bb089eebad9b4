/* lang/types/strsplit.c - str: cutting into pieces, joining, replacing, translating. */
#include <string.h>

#include "engine/base/find.h"
#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/interp.h"
#include "lang/types/strmethods.h"
#include "lang/types/ucd.h"

static str *self_str(const value *arg)
{
    return (str *)arg[0].o;
}

str *check_str(interp *in, value v, const char *who)
{
    str *s = as_str(v);
    if (s) return s;
    return THROW0(in, TypeError, "%s%smust be str, not %s", who ? who : "", who ? " " : "",
                  type_said(in, v));
}

const char *find_last(const char *s, size_t n, const char *what, size_t m)
{
    if (m > n) return NULL;
    if (!m) return s + n;
    const char *p = s + (n - m) + 1;
    while ((p = memrchr(s, what[0], (size_t)(p - s))))
        if (!memcmp(p, what, m)) return p;
    return NULL;
}

static bool add_part(interp *in, list *l, str *s, size_t from, size_t to)
{
    return list_add(in, l, v_obj(str_part(in, s, from, to)));
}

static value list_done(interp *in, list *l, bool ok)
{
    if (ok) return v_obj(l);
    obj_unref(in, l);
    return FAIL;
}

/* ---- split ---- */

static size_t back(const str *s, size_t at, uint32_t *cp)
{
    do at--;
    while (((unsigned char)s->at[at] & 0xc0) == 0x80);
    utf8_get(s->at + at, cp);
    return at;
}

/* ASCII's white space as str.split() has it */
static inline bool is_blank(char c)
{
    unsigned char u = (unsigned char)c;
    return u == ' ' || (u >= 9 && u <= 13) || (u >= 28 && u <= 31);
}

static bool split_ascii(interp *in, list *l, str *s, int64_t max)
{
    for (size_t i = 0, n = s->nbyte;;) {
        while (i < n && is_blank(s->at[i])) i++;
        if (i >= n) return true;
        size_t from = i;
        if (max-- == 0) return add_part(in, l, s, from, n);
        while (i < n && !is_blank(s->at[i])) i++;
        if (!add_part(in, l, s, from, i)) return false;
    }
}

static bool split_blank(interp *in, list *l, str *s, int64_t max)
{
    if (str_ascii(s)) return split_ascii(in, l, s, max);
    uint32_t cp;
    size_t i = 0, len;
    for (;;) {
        while (i < s->nbyte && (len = utf8_get(s->at + i, &cp), cp_is_space(cp))) i += len;
        if (i >= s->nbyte) return true;
        size_t from = i;
        if (max-- == 0) return add_part(in, l, s, from, s->nbyte);
        while (i < s->nbyte && (len = utf8_get(s->at + i, &cp), !cp_is_space(cp))) i += len;
        if (!add_part(in, l, s, from, i)) return false;
    }
}

static bool rsplit_blank(interp *in, list *l, str *s, int64_t max)
{
    uint32_t cp;
    size_t i = s->nbyte, k;
    for (;;) {
        while (i > 0 && (k = back(s, i, &cp), cp_is_space(cp))) i = k;
        if (i == 0) return true;
        size_t to = i;
        if (max-- == 0) return add_part(in, l, s, 0, to);
        while (i > 0 && (k = back(s, i, &cp), !cp_is_space(cp))) i = k;
        if (!add_part(in, l, s, i, to)) return false;
    }
}

/* The next separator; one of a byte is mostly near. */
static inline const char *next_sep(const char *p, const char *end, const str *sep)
{
    enum { NEAR = 12 };
    if (sep->nbyte == 1)
        for (int k = 0; k < NEAR && p < end; k++, p++)
            if (*p == sep->at[0]) return p;
    return memory_find(p, (size_t)(end - p), sep->at, sep->nbyte);
}

static bool split_at(interp *in, list *l, str *s, const str *sep, int64_t max)
{
    const char *p = s->at, *end = p + s->nbyte, *hit;
    while (max-- != 0 && (hit = next_sep(p, end, sep))) {
        if (!add_part(in, l, s, (size_t)(p - s->at), (size_t)(hit - s->at))) return false;
        p = hit + sep->nbyte;
    }
    return add_part(in, l, s, (size_t)(p - s->at), s->nbyte);
}

static bool rsplit_at(interp *in, list *l, str *s, const str *sep, int64_t max)
{
    size_t n = s->nbyte;
    const char *hit;
    while (max-- != 0 && (hit = find_last(s->at, n, sep->at, sep->nbyte))) {
        size_t at = (size_t)(hit - s->at);
        if (!add_part(in, l, s, at + sep->nbyte, n)) return false;
        n = at;
    }
    return add_part(in, l, s, 0, n);
}

static void reverse(list *l)
{
    for (int64_t i = 0, j = l->n - 1; i < j; i++, j--) {
        value t = l->at[i];
        l->at[i] = l->at[j];
        l->at[j] = t;
    }
}

static value split(interp *in, const value *arg, bool right)
{
    str *s = self_str(arg), *sep = NULL;
    int64_t max;
    if (!is_none(arg[1]) && !(sep = check_str(in, arg[1], NULL))) return FAIL;
    if (!to_int64(in, arg[2], &max)) return FAIL;
    if (sep && !sep->nbyte) return throw(in, ValueError, "empty separator");
    list *l = list_new(in, 8);
    if (!l) return FAIL;
    bool ok = right ? (sep ? rsplit_at(in, l, s, sep, max) : rsplit_blank(in, l, s, max))
                    : (sep ? split_at(in, l, s, sep, max) : split_blank(in, l, s, max));
    if (ok && right) reverse(l);
    return list_done(in, l, ok);
}

value str_split(interp *in, const value *arg)
{
    return split(in, arg, false);
}

value str_rsplit(interp *in, const value *arg)
{
    return split(in, arg, true);
}

value str_splitlines(interp *in, const value *arg)
{
    str *s = self_str(arg);
    int keep = value_truth(in, arg[1]);
    if (keep < 0) return FAIL;
    list *l = list_new(in, 0);
    bool ok = l != NULL;
    for (size_t i = 0; ok && i < s->nbyte;) {
        size_t from = i, to;
        uint32_t cp = 0;
        for (;;) {
            to = i;
            if (i >= s->nbyte) break;
            if (!goes_on(in, i)) return list_done(in, l, false);
            i += utf8_get(s->at + i, &cp);
            if (cp_is_linebreak(cp)) break;
        }
        if (to < s->nbyte && cp == '\r' && s->at[i] == '\n') i++;
        ok = add_part(in, l, s, from, keep ? i : to);
    }
    return list_done(in, l, ok);
}

static value partition(interp *in, const value *arg, bool right)
{
    str *s = self_str(arg), *sep = check_str(in, arg[1], NULL);
    if (!sep) return FAIL;
    if (!sep->nbyte) return throw(in, ValueError, "empty separator");
    const char *hit = right ? find_last(s->at, s->nbyte, sep->at, sep->nbyte)
                            : memory_find(s->at, s->nbyte, sep->at, sep->nbyte);
    value whole = v_obj(str_part(in, s, 0, s->nbyte));
    if (!hit) {
        value none = v_str(in, "");
        if (right) return v_obj(tuple_pack(in, 3, none, value_ref(none), whole));
        return v_obj(tuple_pack(in, 3, whole, none, value_ref(none)));
    }
    value_unref(in, whole);
    size_t at = (size_t)(hit - s->at);
    return v_obj(tuple_pack(in, 3, v_obj(str_part(in, s, 0, at)), value_ref(arg[1]),
                            v_obj(str_part(in, s, at + sep->nbyte, s->nbyte))));
}

value str_partition(interp *in, const value *arg)
{
    return partition(in, arg, false);
}

value str_rpartition(interp *in, const value *arg)
{
    return partition(in, arg, true);
}

/* ---- join ---- */

static value join_items(interp *in, const str *sep, const value *at, int64_t n)
{
    size_t nbyte = 0, nchar = 0;
    if (n == 1 && as_str(at[0])) return v_obj(str_part(in, as_str(at[0]), 0, as_str(at[0])->nbyte));
    for (int64_t i = 0; i < n; i++) {
        str *s = as_str(at[i]);
        if (!s) {
            return throw(in, TypeError, "sequence item %lld: expected str instance, %s found",
                         (long long)i, type_said(in, at[i]));
        }
        nbyte += s->nbyte + (i ? sep->nbyte : 0);
        nchar += s->nchar + (i ? sep->nchar : 0);
        if (!goes_on(in, (size_t)i)) return FAIL;
    }
    if (nbyte == 0) return v_str(in, "");
    str *out = str_alloc(in, nbyte, nchar);
    if (!out) return FAIL;
    char *p = out->at;
    for (int64_t i = 0; i < n; i++) {
        const str *s = as_str(at[i]);
        if (i) p = mempcpy(p, sep->at, sep->nbyte);
        p = mempcpy(p, s->at, s->nbyte);
        if (!goes_on(in, (size_t)i)) return obj_unref(in, out), FAIL;
    }
    return v_obj(out);
}

value str_join(interp *in, const value *arg)
{
    list *l = as_list(arg[1]);
    tuple *t = as_tuple(arg[1]);
    if (l) return join_items(in, self_str(arg), l->at, l->n);
    if (t) return join_items(in, self_str(arg), t->at, t->n);
    value it = value_iter(in, arg[1]);
    if (is_fail(it)) {
        if (!exc_is(in, TypeError)) return FAIL;
        exc_clear(in);
        return throw(in, TypeError, "can only join an iterable");
    }
    l = list_of(in, it);
    value_unref(in, it);
    if (!l) return FAIL;
    value out = join_items(in, self_str(arg), l->at, l->n);
    obj_unref(in, l);
    return out;
}

/* ---- replace ---- */

int64_t count_hits(interp *in, const char *at, const char *end, const str *what, size_t max)
{
    size_t n = 0;
    while (n < max && (at = memory_find(at, (size_t)(end - at), what->at, what->nbyte))) {
        at += what->nbyte;
        if (!goes_on(in, ++n)) return -1;
    }
    return (int64_t)n;
}

static value replace_empty(interp *in, const str *s, const str *to, size_t n)
{
    str *out = str_alloc(in, s->nbyte + n * to->nbyte, s->nchar + n * to->nchar);
    if (!out) return FAIL;
    char *p = out->at;
    const char *q = s->at;
    for (size_t i = 0; i < n; i++) {
        p = mempcpy(p, to->at, to->nbyte);
        uint32_t cp;
        size_t len = q < s->at + s->nbyte ? utf8_get(q, &cp) : 0;
        p = mempcpy(p, q, len);
        q += len;
        if (!goes_on(in, i)) return obj_unref(in, out), FAIL;
    }
    memcpy(p, q, (size_t)(s->at + s->nbyte - q));
    return v_obj(out);
}

value str_replace(interp *in, const value *arg)
{
    str *s = self_str(arg), *old = check_str(in, arg[1], "replace() argument 1"), *to;
    int64_t max;
    if (!old || !(to = check_str(in, arg[2], "replace() argument 2"))) return FAIL;
    if (!to_int64(in, arg[3], &max)) return FAIL;
    size_t limit = max < 0 ? SIZE_MAX : (size_t)max, n;
    if (!old->nbyte) {
        n = s->nchar + 1 < limit ? s->nchar + 1 : limit;
        if (!s->nbyte && !to->nbyte) n = 0;
    } else {
        int64_t hits = count_hits(in, s->at, s->at + s->nbyte, old, limit);
        if (hits < 0) return FAIL;
        n = (size_t)hits;
    }
    if (n == 0) return v_obj(str_part(in, s, 0, s->nbyte));
    size_t grown;
    if (__builtin_mul_overflow(n, to->nbyte, &grown)) return throw_nomem(in);
    if (!old->nbyte) return replace_empty(in, s, to, n);
    size_t nbyte = s->nbyte - n * old->nbyte + grown;
    if (!nbyte) return v_str(in, "");
    str *out = str_alloc(in, nbyte, s->nchar - n * old->nchar + n * to->nchar);
    if (!out) return FAIL;
    char *p = out->at;
    const char *q = s->at, *end = q + s->nbyte;
    while (n-- > 0) {
        const char *hit = memory_find(q, (size_t)(end - q), old->at, old->nbyte);
        p = mempcpy(p, q, (size_t)(hit - q));
        p = mempcpy(p, to->at, to->nbyte);
        q = hit + old->nbyte;
        if (!goes_on(in, n)) return obj_unref(in, out), FAIL;
    }
    memcpy(p, q, (size_t)(end - q));
    return v_obj(out);
}

/* ---- tabs ---- */

value str_expandtabs(interp *in, const value *arg)
{
    str *s = self_str(arg);
    int64_t size, column = 0;
    if (!to_int64(in, arg[1], &size)) return FAIL;
    if (size > 1 << 20) return throw(in, OverflowError, "new string is too long");
    strbuf b = {.soft = true};
    for (size_t i = 0; i < s->nbyte; i++) {
        char c = s->at[i];
        if (!goes_on(in, i)) return sb_clear(&b), FAIL;
        if (c == '\t') {
            int64_t pad = size > 0 ? size - column % size : 0;
            sb_pad(&b, ' ', (size_t)pad);
            column += pad;
            continue;
        }
        sb_addc(&b, c);
        if (c == '\n' || c == '\r')
            column = 0;
        else if (((unsigned char)c & 0xc0) != 0x80)
            column++;
    }
    return v_obj(str_built(in, &b));
}

/* ---- translate ---- */

static bool add_translated(interp *in, strbuf *b, uint32_t cp, value to)
{
    char at[4];
    value n;
    if (is_fail(to))
        sb_add(b, at, utf8_put(at, cp));
    else if (as_str(to))
        sb_add(b, as_str(to)->at, as_str(to)->nbyte);
    else if (int_plain(to, &n)) {
        if (n.kind != V_INT || n.i < 0 || n.i > 0x10ffff) {
            throw(in, ValueError, "character mapping must be in range(0x110000)");
            return false;
        }
        sb_add(b, at, utf8_put(at, (uint32_t)n.i));
    } else if (!is_none(to)) {
        throw(in, TypeError, "character mapping must return integer, None or str");
        return false;
    }
    return true;
}

static bool translate_one(interp *in, strbuf *b, uint32_t cp, value table)
{
    value to = FAIL;
    if (table.kind == V_OBJ && table.o->type == &T_dict) {
        if (dict_get(in, as_dict(table), v_int(cp), &to) < 0) return false;
        return add_translated(in, b, cp, to);
    }
    to = value_getitem(in, table, v_int(cp));
    if (is_fail(to)) {
        if (!exc_is(in, LookupError)) return false;
        exc_clear(in);
    }
    bool ok = add_translated(in, b, cp, to);
    value_unref(in, to);
    return ok;
}

/* What a dict makes of each ASCII character, if that is one such character or none: looked up once.
 */
typedef struct ascii_table {
    bool usable;
    char known[128], to[128]; /* known: 0, or 1 + the number of characters */
} ascii_table;

static bool translate_next(interp *in, strbuf *b, uint32_t cp, value table, ascii_table *seen)
{
    if (cp >= 128 || !seen->usable) return translate_one(in, b, cp, table);
    if (seen->known[cp]) {
        if (seen->known[cp] == 2) sb_addc(b, seen->to[cp]);
        return true;
    }
    size_t before = b->n;
    if (!translate_one(in, b, cp, table)) return false;
    if (b->n <= before + 1 && !b->lost) {
        seen->known[cp] = (char)(1 + b->n - before);
        if (b->n > before) seen->to[cp] = b->at[before];
    }
    return true;
}

value str_translate(interp *in, const value *arg)
{
    str *s = self_str(arg);
    strbuf b = {.soft = true};
    ascii_table seen = {.usable = arg[1].kind == V_OBJ && arg[1].o->type == &T_dict};
    bool ok = true;
    for (size_t i = 0; ok && i < s->nbyte;) {
        uint32_t cp;
        i += utf8_get(s->at + i, &cp);
        ok = translate_next(in, &b, cp, arg[1], &seen) &&
             (!safe_point_due(in) || check_interrupt(in));
    }
    if (ok) return v_obj(str_built(in, &b));
    sb_clear(&b);
    return FAIL;
}

static bool table_from_dict(interp *in, dict *out, dict *from)
{
    value k, v, n;
    for (int64_t i = 0; dict_next(from, &i, &k, &v);) {
        str *s = as_str(k);
        if (s && s->nchar != 1) {
            throw(in, ValueError, "string keys in translate table must be of length 1");
            return false;
        }
        if (!s && !int_plain(k, &n)) {
            throw(in, TypeError, "keys in translate table must be strings or integers");
            return false;
        }
        uint32_t cp = 0;
        if (s) utf8_get(s->at, &cp);
        if (!dict_set(in, out, s ? v_int(cp) : k, v)) return false;
    }
    return true;
}

static bool table_from_texts(interp *in, dict *out, value x, value y, value z)
{
    str *from = as_str(x), *to = as_str(y), *gone = is_fail(z) ? NULL : as_str(z);
    if (!from) {
        throw(in, TypeError,
              "first maketrans argument must be a string if there is a second "
              "argument");
        return false;
    }
    if (!to || (!gone && !is_fail(z))) {
        throw(in, TypeError, "maketrans() argument %d must be str, not %s", to ? 3 : 2,
              type_said(in, to ? z : y));
        return false;
    }
    if (from->nchar != to->nchar) {
        throw(in, ValueError, "the first two maketrans arguments must have equal length");
        return false;
    }
    uint32_t a, b;
    for (size_t i = 0, j = 0; i < from->nbyte;) {
        i += utf8_get(from->at + i, &a);
        j += utf8_get(to->at + j, &b);
        if (!dict_set(in, out, v_int(a), v_int(b))) return false;
    }
    for (size_t i = 0; gone && i < gone->nbyte;) {
        i += utf8_get(gone->at + i, &a);
        if (!dict_set(in, out, v_int(a), NONE)) return false;
    }
    return true;
}

value str_maketrans(interp *in, const value *arg)
{
    if (is_fail(arg[1]) && !as_dict(arg[0])) {
        return throw(in, TypeError, "if you give only one argument to maketrans it must be a dict");
    }
    dict *d = dict_new(in);
    if (!d) return FAIL;
    bool ok = is_fail(arg[1]) ? table_from_dict(in, d, as_dict(arg[0]))
                              : table_from_texts(in, d, arg[0], arg[1], arg[2]);
    if (ok) return v_obj(d);
    obj_unref(in, d);
    return FAIL;
}

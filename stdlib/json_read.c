/* stdlib/json_read.c - JSON text -> values.
 *
 * hooks is (object_hook, object_pairs_hook, parse_float, parse_int, parse_constant, strict), each
 * None for the usual.  Bad text raises what fail(message, text, position) gives. */
#include <math.h>
#include <string.h>

#include "engine/base/dtoa.h"
#include "engine/base/mem.h"
#include "stdlib/json_parts.h"

typedef struct reader {
    interp *in;
    str *text;
    const char *s;
    size_t i, n;
    value fail, object_hook, pairs_hook, parse_float, parse_int, parse_constant;
    bool strict;
} reader;

static value read_value(reader *r);

static value bad(reader *r, size_t at, const char *why)
{
    value msg = v_str(r->in, why);
    int64_t pos = (int64_t)(str_ascii(r->text) ? at : utf8_count(r->s, at));
    value e = call_n(r->in, r->fail, 3, msg, v_obj(r->text), v_int(pos));
    if (!is_fail(e)) throw_value(r->in, e);
    value_unref(r->in, e);
    value_unref(r->in, msg);
    return FAIL;
}

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline void skip_blank(reader *r)
{
    while (r->i < r->n && is_blank(r->s[r->i])) r->i++;
}

/* ---- strings ---- */

static int32_t hex4(const reader *r, size_t at)
{
    int32_t cp = 0;
    for (size_t k = at; k < at + 4; k++) {
        char c = k < r->n ? r->s[k] : 0;
        int d = c >= '0' && c <= '9'                 ? c - '0'
                : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                     : -1;
        if (d < 0) return -1;
        cp = cp * 16 + d;
    }
    return cp;
}

static bool read_escape(reader *r, strbuf *b, size_t start)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = r->i + 1 < r->n ? r->s[r->i + 1] : 0, at[4];
    if (!c && r->i + 1 >= r->n) return bad(r, start, "Unterminated string starting at"), false;
    const char *hit = c ? strchr(from, c) : NULL;
    if (hit) {
        sb_addc(b, to[hit - from]);
        r->i += 2;
        return true;
    }
    if (c != 'u') return bad(r, r->i, "Invalid \\escape"), false;
    int32_t cp = hex4(r, r->i + 2), low;
    if (cp < 0) return bad(r, r->i + 1, "Invalid \\uXXXX escape"), false;
    r->i += 6;
    if (cp >= 0xd800 && cp < 0xdc00 && r->i + 1 < r->n && r->s[r->i] == '\\' &&
        r->s[r->i + 1] == 'u' && (low = hex4(r, r->i + 2)) >= 0xdc00 && low < 0xe000) {
        cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
        r->i += 6;
    }
    sb_add(b, at, utf8_put(at, (uint32_t)cp));
    return true;
}

static value read_string(reader *r)
{
    size_t start = r->i++, from = r->i;
    strbuf b = {0};
    while (r->i < r->n) {
        unsigned char c = (unsigned char)r->s[r->i];
        if (c != '"' && c != '\\' && (c >= ' ' || !r->strict)) {
            r->i++;
            continue;
        }
        if (c == '"' && !b.n) return v_obj(str_new(r->in, r->s + from, r->i++ - from));
        sb_add(&b, r->s + from, r->i - from);
        if (c == '"') {
            r->i++;
            size_t n;
            char *text = sb_take(&b, &n);
            return v_obj(str_take(r->in, text, n));
        }
        if (c != '\\' || !read_escape(r, &b, start)) {
            sb_clear(&b);
            return c == '\\' ? FAIL : bad(r, r->i, "Invalid control character at");
        }
        from = r->i;
    }
    sb_clear(&b);
    return bad(r, start, "Unterminated string starting at");
}

/* ---- numbers and words ---- */

static size_t digits(const reader *r, size_t i)
{
    while (i < r->n && r->s[i] >= '0' && r->s[i] <= '9') i++;
    return i;
}

static value converted(reader *r, value f, const char *s, size_t n)
{
    value text = v_obj(str_new(r->in, s, n));
    value v = is_fail(text) ? FAIL : call_n(r->in, f, 1, text);
    value_unref(r->in, text);
    return v;
}

static value read_number(reader *r)
{
    size_t from = r->i, i = from + (r->s[from] == '-'), end;
    if (i >= r->n || r->s[i] < '0' || r->s[i] > '9') return bad(r, from, "Expecting value");
    i = r->s[i] == '0' ? i + 1 : digits(r, i);
    bool whole = true;
    if (i + 1 < r->n && r->s[i] == '.' && (end = digits(r, i + 1)) > i + 1) i = end, whole = false;
    if (i < r->n && (r->s[i] | 32) == 'e') {
        size_t k = i + 1 + (i + 1 < r->n && (r->s[i + 1] == '-' || r->s[i + 1] == '+'));
        if ((end = digits(r, k)) > k) i = end, whole = false;
    }
    r->i = i;
    value f = whole ? r->parse_int : r->parse_float;
    if (!is_none(f)) return converted(r, f, r->s + from, i - from);
    if (whole) return int_parse(r->in, r->s + from, i - from, 10);
    double x = 0;
    float_parse(r->s + from, i - from, &x);
    return v_float(x);
}

static const struct word {
    const char *text;
    value v;
    bool constant; /* goes through parse_constant */
} words[] = {
    {"null", {.kind = V_NONE}, false},
    {"true", {.kind = V_BOOL, .i = 1}, false},
    {"false", {.kind = V_BOOL}, false},
    {"NaN", {.kind = V_FLOAT, .f = NAN}, true},
    {"Infinity", {.kind = V_FLOAT, .f = INFINITY}, true},
    {"-Infinity", {.kind = V_FLOAT, .f = -INFINITY}, true},
};

/* ---- containers ---- */

static value read_list(reader *r)
{
    list *l = list_new(r->in, 0);
    if (!l) return FAIL;
    r->i++;
    skip_blank(r);
    if (r->i < r->n && r->s[r->i] == ']') return r->i++, v_obj(l);
    for (;;) {
        if (!list_add(r->in, l, read_value(r))) break;
        skip_blank(r);
        char c = r->i < r->n ? r->s[r->i] : 0;
        if (c == ']') return r->i++, v_obj(l);
        if (c != ',') {
            bad(r, r->i, "Expecting ',' delimiter");
            break;
        }
        r->i++;
        skip_blank(r);
    }
    obj_unref(r->in, l);
    return FAIL;
}

/* "key": value; the text stands at the quote */
static bool read_member(reader *r, dict *d, list *pairs)
{
    value k = read_string(r), v = FAIL;
    if (is_fail(k)) return false;
    skip_blank(r);
    if (r->i >= r->n || r->s[r->i] != ':')
        bad(r, r->i, "Expecting ':' delimiter");
    else {
        r->i++;
        skip_blank(r);
        v = read_value(r);
    }
    bool ok = !is_fail(v);
    if (ok && pairs) return list_add(r->in, pairs, v_obj(tuple_pack(r->in, 2, k, v)));
    ok = ok && dict_set(r->in, d, k, v);
    value_unref(r->in, k);
    value_unref(r->in, v);
    return ok;
}

static bool read_members(reader *r, dict *d, list *pairs)
{
    r->i++;
    skip_blank(r);
    if (r->i < r->n && r->s[r->i] == '}') return r->i++, true;
    for (;;) {
        if (r->i >= r->n || r->s[r->i] != '"') {
            return bad(r, r->i, "Expecting property name enclosed in double quotes"), false;
        }
        if (!read_member(r, d, pairs)) return false;
        skip_blank(r);
        char c = r->i < r->n ? r->s[r->i] : 0;
        if (c == '}') return r->i++, true;
        if (c != ',') return bad(r, r->i, "Expecting ',' delimiter"), false;
        r->i++;
        skip_blank(r);
    }
}

static value read_object(reader *r)
{
    bool pairs = !is_none(r->pairs_hook);
    list *l = pairs ? list_new(r->in, 0) : NULL;
    dict *d = pairs ? NULL : dict_new(r->in);
    value made = pairs ? v_obj(l) : v_obj(d), hook = pairs ? r->pairs_hook : r->object_hook;
    if (is_fail(made) || !read_members(r, d, l)) {
        value_unref(r->in, made);
        return FAIL;
    }
    if (is_none(hook)) return made;
    value v = call_n(r->in, hook, 1, made);
    value_unref(r->in, made);
    return v;
}

static value read_value(reader *r)
{
    if (!check_stack(r->in)) return FAIL;
    char c = r->i < r->n ? r->s[r->i] : 0;
    if (c == '"') return read_string(r);
    if (c == '{') return read_object(r);
    if (c == '[') return read_list(r);
    if (c >= '0' && c <= '9') return read_number(r);
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
        const struct word *w = &words[k];
        size_t n = strlen(w->text);
        if (r->n - r->i < n || memcmp(r->s + r->i, w->text, n) != 0) continue;
        r->i += n;
        if (w->constant && !is_none(r->parse_constant)) {
            return converted(r, r->parse_constant, w->text, n);
        }
        return w->v;
    }
    if (c == '-') return read_number(r);
    return bad(r, r->i, "Expecting value");
}

static bool open_reader(interp *in, reader *r, value text, value six, value fail)
{
    tuple *hooks = as_tuple(six);
    *r = (reader){.in = in, .text = as_str(text), .fail = fail};
    if (!r->text || !hooks || hooks->n != 6)
        return throw(in, TypeError, "a str and six hooks are needed"), false;
    value *const slot[] = {&r->object_hook, &r->pairs_hook, &r->parse_float, &r->parse_int,
                           &r->parse_constant};
    for (int i = 0; i < 5; i++) *slot[i] = hooks->at[i];
    r->strict = value_truth(in, hooks->at[5]) > 0;
    r->s = r->text->at;
    r->n = r->text->nbyte;
    return true;
}

/* whole(s, hooks, fail) */
value json_whole(interp *in, const value *arg)
{
    reader r;
    if (!open_reader(in, &r, arg[0], arg[1], arg[2])) return FAIL;
    skip_blank(&r);
    value v = read_value(&r);
    if (is_fail(v)) return FAIL;
    skip_blank(&r);
    if (r.i == r.n) return v;
    value_unref(in, v);
    return bad(&r, r.i, "Extra data");
}

/* scan(s, pos, hooks, fail) -> (value, end) */
value json_scan(interp *in, const value *arg)
{
    int64_t pos;
    reader r;
    if (!open_reader(in, &r, arg[0], arg[2], arg[3]) || !to_int64(in, arg[1], &pos)) return FAIL;
    if (pos < 0 || pos > (int64_t)r.text->nchar) pos = (int64_t)r.text->nchar;
    r.i = str_offset(r.text, (size_t)pos);
    value v = read_value(&r);
    if (is_fail(v)) return FAIL;
    size_t end = str_ascii(r.text) ? r.i : utf8_count(r.s, r.i);
    return v_obj(tuple_pack(in, 2, v, v_int((int64_t)end)));
}

/* lang/types/str.c - str itself: making, sharing, measuring, comparing, indexing.
 *
 * The methods are in strmethods.c, strcase.c and codec.c; formatting in lang/textfmt.c. */
#include "lang/types/str.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/find.h"
#include "engine/base/hash.h"
#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/interp.h"
#include "lang/lang.h"
#include "lang/textfmt.h"
#include "lang/types/iter.h"
#include "lang/types/strmethods.h"
#include "lang/types/ucd.h"

enum { SIZE_LIMIT_BITS = 46 }; /* no machine has more: refuse before asking */

// clang-format off
/* The empty string and the ASCII characters exist once, for everybody. */
typedef struct one_char { obj hdr; uint64_t hash; size_t nbyte, nchar; char at[8]; } one_char;
#define HEAD .hdr = {.type = &T_str, .rc = 1, .flags = OBJ_FROZEN | OBJ_NAME}
#define ONE_HASH(c) (((uint64_t)(c) + 1) * 0x9e3779b97f4a7c15u)
#define ONE(c) {HEAD, .hash = ONE_HASH(c), .nbyte = 1, .nchar = 1, .at = {(char)(c)}}
#define EIGHT(c) ONE(c), ONE(c + 1), ONE(c + 2), ONE(c + 3), ONE(c + 4), ONE(c + 5), ONE(c + 6), ONE(c + 7)
static const one_char empty = {HEAD}, ascii[128] = {
    EIGHT(0), EIGHT(8), EIGHT(16), EIGHT(24), EIGHT(32), EIGHT(40), EIGHT(48), EIGHT(56),
    EIGHT(64), EIGHT(72), EIGHT(80), EIGHT(88), EIGHT(96), EIGHT(104), EIGHT(112), EIGHT(120),
};
// clang-format on

static str *shared(const one_char *c)
{
    return (str *)(uintptr_t)c; /* frozen: never written */
}

size_t utf8_count(const char *s, size_t nbyte)
{
    const uint64_t ones = 0x0101010101010101u;
    size_t n = nbyte, i = 0;
    for (uint64_t x; i + sizeof x <= nbyte; i += sizeof x) { /* less those that begin with 10 */
        memcpy(&x, s + i, sizeof x);
        n -= (((x >> 7) & ~(x >> 6) & ones) * ones) >> 56;
    }
    for (; i < nbyte; i++) n -= ((unsigned char)s[i] & 0xc0) == 0x80;
    return n;
}

str *str_alloc(interp *in, size_t nbyte, size_t nchar)
{
    if (nbyte >> SIZE_LIMIT_BITS) return throw_nomem(in), NULL;
    str *s = obj_flat(in, &T_str, sizeof *s + nbyte + 1);
    if (!s) return NULL;
    s->hash = 0;
    s->nbyte = nbyte;
    s->nchar = nchar;
    s->at[nbyte] = 0;
    return s;
}

/* s with n bytes written at its place `at`, or NULL. */
static str *filled(interp *in, str *s, size_t at, const char *text, size_t n)
{
    if (s && !memory_copy(in, s->at + at, text, n)) return obj_unref(in, s), NULL;
    return s;
}

str *str_new(interp *in, const char *text, size_t nbyte)
{
    if (nbyte == 0) return shared(&empty);
    if (nbyte == 1 && (unsigned char)*text < 128) return shared(&ascii[(unsigned char)*text]);
    str *s = str_alloc(in, nbyte, utf8_count(text, nbyte));
    return filled(in, s, 0, text, nbyte);
}

str *str_of(interp *in, const char *s)
{
    return str_new(in, s, strlen(s));
}

str *str_take(interp *in, char *text, size_t nbyte)
{
    str *s = str_new(in, text ? text : "", nbyte);
    mem_free(text);
    return s;
}

str *str_built(interp *in, strbuf *b)
{
    str *s = b->lost ? (no_room(in), NULL) : str_new(in, sb_text(b), b->n);
    sb_clear(b);
    return s;
}

str *str_fmt(interp *in, const char *fmt, ...)
{
    strbuf b = {0};
    va_list ap;
    va_start(ap, fmt);
    sb_addv(&b, fmt, ap);
    va_end(ap);
    size_t n;
    char *text = sb_take(&b, &n);
    return str_take(in, text, n);
}

str *str_char(interp *in, uint32_t cp)
{
    if (cp < 128) return shared(&ascii[cp]);
    char at[4];
    size_t n = utf8_put(at, cp);
    str *s = str_alloc(in, n, 1);
    if (s) memcpy(s->at, at, n);
    return s;
}

/* ---- interning ---- */

static uint64_t text_hash(const char *s, size_t n)
{
    if (n == 1) return ONE_HASH((unsigned char)*s);
    uint64_t h = hash_bytes(s, n, 0);
    return h ? h : 1;
}

static void interns_grow(interp *in)
{
    str **old = in->intern;
    size_t n = in->intern_cap, cap = n ? 2 * n : 1024;
    str **at = mem_zero(cap * sizeof *at);
    for (size_t i = 0; i < n; i++) {
        if (!old[i]) continue;
        size_t k = old[i]->hash & (cap - 1);
        while (at[k]) k = (k + 1) & (cap - 1);
        at[k] = old[i];
    }
    mem_free(old);
    in->intern = at;
    in->intern_cap = cap;
}

str *str_intern(interp *in, const char *text, size_t nbyte)
{
    if (nbyte == 0 || (nbyte == 1 && (unsigned char)*text < 128)) return str_new(in, text, nbyte);
    if (2 * in->nintern >= in->intern_cap) interns_grow(in);
    uint64_t hash = text_hash(text, nbyte);
    size_t mask = in->intern_cap - 1, k = hash & mask;
    for (str *s; (s = in->intern[k]); k = (k + 1) & mask) {
        if (s->hash == hash && s->nbyte == nbyte && !memcmp(s->at, text, nbyte)) return obj_ref(s);
    }
    str *s = str_new(in, text, nbyte);
    if (!s) return NULL;
    s->hash = hash;
    s->hdr.flags |= OBJ_NAME;
    in->intern[k] = obj_ref(s);
    in->nintern++;
    return s;
}

/* ---- questions ---- */

bool str_is(const str *s, const char *text)
{
    return !strcmp(s->at, text) && strlen(text) == s->nbyte;
}

bool str_eq(const str *a, const str *b)
{
    if (a == b) return true;
    if (a->nbyte != b->nbyte || (a->hash && b->hash && a->hash != b->hash)) return false;
    return !memcmp(a->at, b->at, a->nbyte);
}

uint64_t str_hash(str *s)
{
    if (s->hash) return s->hash;
    uint64_t h = text_hash(s->at, s->nbyte);
    if (!(s->hdr.flags & OBJ_FROZEN)) s->hash = h;
    return h;
}

size_t str_offset(const str *s, size_t i)
{
    if (str_ascii(s)) return i;
    if (i == s->nchar) return s->nbyte;
    size_t at = 0;
    if (i <= s->nchar / 2) {
        for (; i > 0; i--) {
            do at++;
            while (((unsigned char)s->at[at] & 0xc0) == 0x80);
        }
        return at;
    }
    at = s->nbyte;
    for (size_t k = s->nchar - i; k > 0; k--) {
        do at--;
        while (((unsigned char)s->at[at] & 0xc0) == 0x80);
    }
    return at;
}

/* ---- pieces ---- */

str *str_part(interp *in, str *s, size_t from, size_t to)
{
    if (from == 0 && to == s->nbyte && s->hdr.type == &T_str) return obj_ref(s);
    size_t n = to - from;
    if (n < 2 || !str_ascii(s)) return str_new(in, s->at + from, n);
    return filled(in, str_alloc(in, n, n), 0, s->at + from, n);
}

str *str_cut(interp *in, str *s, size_t i, size_t j)
{
    if (i >= j) return shared(&empty);
    size_t from = str_offset(s, i);
    return str_part(in, s, from, str_offset(s, j));
}

str *str_concat(interp *in, str *a, str *b)
{
    if (!a->nbyte && b->hdr.type == &T_str) return obj_ref(b);
    if (!b->nbyte && a->hdr.type == &T_str) return obj_ref(a);
    str *s = str_alloc(in, a->nbyte + b->nbyte, a->nchar + b->nchar);
    return filled(in, filled(in, s, 0, a->at, a->nbyte), a->nbyte, b->at, b->nbyte);
}

static value repeat(interp *in, str *s, value times)
{
    enum { AT_ONCE = 1 << 24 };
    int64_t n;
    int found = repeat_count(in, times, &n);
    if (found <= 0) return found < 0 ? FAIL : value_ref(NOTIMPL);
    if (n <= 0 || !s->nbyte) return v_obj(shared(&empty));
    if (n == 1) return v_obj(str_part(in, s, 0, s->nbyte));
    size_t bytes;
    if (__builtin_mul_overflow(s->nbyte, (size_t)n, &bytes)) return throw_nomem(in);
    str *out = str_alloc(in, bytes, s->nchar * (size_t)n);
    if (!out) return FAIL;
    if (s->nbyte == 1) {
        if (!memory_fill(in, out->at, s->at[0], bytes)) return obj_unref(in, out), FAIL;
        return v_obj(out);
    }
    memcpy(out->at, s->at, s->nbyte);
    for (size_t done = s->nbyte; done < bytes;) { /* doubling */
        const size_t within = done % s->nbyte;    /* a piece may end anywhere */
        size_t more = done - within < bytes - done ? done - within : bytes - done;
        if (more > AT_ONCE) more = AT_ONCE;
        memcpy(out->at + done, out->at + within, more);
        done += more;
        if (more == AT_ONCE && !goes_on(in, 0)) return obj_unref(in, out), FAIL;
    }
    return v_obj(out);
}

static value pick(interp *in, str *s, int64_t start, int64_t step, int64_t n)
{
    if (n == 0) return v_obj(shared(&empty));
    strbuf b = {0};
    if (str_ascii(s)) {
        str *out = str_alloc(in, (size_t)n, (size_t)n);
        if (!out) return FAIL;
        for (int64_t i = 0; i < n; i++) {
            out->at[i] = s->at[start + i * step];
            if (!goes_on(in, (size_t)i)) return obj_unref(in, out), FAIL;
        }
        return v_obj(out);
    }
    size_t at = str_offset(s, (size_t)start);
    for (int64_t i = 0; i < n; i++) { /* walk from one picked code point to the next */
        uint32_t cp;
        size_t len = utf8_get(s->at + at, &cp);
        sb_add(&b, s->at + at, len);
        if (!goes_on(in, (size_t)i)) return sb_clear(&b), FAIL;
        if (i + 1 == n) break;
        for (int64_t k = step; k > 0; k--) {
            do at++;
            while (((unsigned char)s->at[at] & 0xc0) == 0x80);
        }
        for (int64_t k = step; k < 0; k++) {
            do at--;
            while (((unsigned char)s->at[at] & 0xc0) == 0x80);
        }
    }
    size_t n8;
    char *text = sb_take(&b, &n8);
    return v_obj(str_take(in, text, n8));
}

static value str_getitem(interp *in, value self, value key)
{
    str *s = (str *)self.o;
    slice *sl = as_slice(key);
    if (sl) {
        int64_t start, stop, step, n;
        if (!slice_indices(in, sl, (int64_t)s->nchar, &start, &stop, &step, &n)) return FAIL;
        if (step == 1) return v_obj(str_cut(in, s, (size_t)start, (size_t)(start + n)));
        return pick(in, s, start, step, n);
    }
    int64_t i;
    if (key.kind == V_INT)
        i = key.i;
    else {
        int found = index_of(in, key, &i);
        if (found < 0) return FAIL;
        if (!found) {
            return throw(in, TypeError, "string indices must be integers, not '%s'",
                         type_said(in, key));
        }
    }
    if (i < 0) i += (int64_t)s->nchar;
    if (i < 0 || i >= (int64_t)s->nchar) return throw(in, IndexError, "string index out of range");
    if (str_ascii(s)) return v_obj(shared(&ascii[(unsigned char)s->at[i]]));
    uint32_t cp;
    utf8_get(s->at + str_offset(s, (size_t)i), &cp);
    return v_obj(str_char(in, cp));
}

/* ---- repr ---- */

static void quote_char(strbuf *b, const char *at, size_t len, uint32_t cp, char quote)
{
    const char *short_escape = cp == '\n' ? "\\n" : cp == '\r' ? "\\r" : cp == '\t' ? "\\t" : NULL;
    if (cp == (unsigned char)quote || cp == '\\')
        sb_addc(b, '\\'), sb_addc(b, (char)cp);
    else if (short_escape)
        sb_adds(b, short_escape);
    else if (cp_is_printable(cp))
        sb_add(b, at, len);
    else if (cp < 0x100)
        sb_addf(b, "\\x%02x", cp);
    else if (cp < 0x10000)
        sb_addf(b, "\\u%04x", cp);
    else
        sb_addf(b, "\\U%08x", cp);
}

str *str_quote(interp *in, const str *s)
{
    bool single = memchr(s->at, '\'', s->nbyte), twice = memchr(s->at, '"', s->nbyte);
    char quote = single && !twice ? '"' : '\'';
    strbuf b = {.soft = true};
    sb_addc(&b, quote);
    for (size_t i = 0, turn = 0, len; i < s->nbyte; i += len) {
        uint32_t cp;
        len = utf8_get(s->at + i, &cp);
        if (!goes_on(in, turn++)) return sb_clear(&b), NULL;
        quote_char(&b, s->at + i, len, cp, quote);
    }
    sb_addc(&b, quote);
    return str_built(in, &b);
}

str *value_ascii(interp *in, value v)
{
    str *s = value_repr(in, v);
    if (!s || str_ascii(s)) return s;
    strbuf b = {.soft = true};
    for (size_t i = 0; i < s->nbyte;) {
        uint32_t cp;
        i += utf8_get(s->at + i, &cp);
        if (cp < 0x80)
            sb_addc(&b, (char)cp);
        else
            sb_addf(&b, cp < 0x100 ? "\\x%02x" : cp < 0x10000 ? "\\u%04x" : "\\U%08x", cp);
    }
    obj_unref(in, s);
    return str_built(in, &b);
}

/* ---- slots ---- */

static value str_repr(interp *in, value self)
{
    return v_obj(str_quote(in, (str *)self.o));
}

static value str_tostr(interp *in, value self)
{
    str *s = (str *)self.o;
    return v_obj(str_part(in, s, 0, s->nbyte));
}

static bool slot_hash(interp *in, value self, uint64_t *out)
{
    (void)in;
    *out = str_hash((str *)self.o);
    return true;
}

static int64_t str_length(interp *in, value self)
{
    (void)in;
    return (int64_t)((str *)self.o)->nchar;
}

static value str_compare(interp *in, enum cmpop op, value self, value other)
{
    (void)in;
    str *a = (str *)self.o, *b = as_str(other);
    if (!b) return value_ref(NOTIMPL);
    if (op == OP_EQ) return v_bool(str_eq(a, b));
    if (op == OP_NE) return v_bool(!str_eq(a, b));
    /* bytes of UTF-8 sort as code points do */
    int c = memcmp(a->at, b->at, a->nbyte < b->nbyte ? a->nbyte : b->nbyte);
    if (c == 0) c = (a->nbyte > b->nbyte) - (a->nbyte < b->nbyte);
    return v_bool(op == OP_LT ? c < 0 : op == OP_LE ? c <= 0 : op == OP_GT ? c > 0 : c >= 0);
}

static value str_binary(interp *in, enum binop op, value a, value b)
{
    str *x = as_str(a), *y = as_str(b);
    if (op == OP_ADD && x && y) return v_obj(str_concat(in, x, y));
    if (op == OP_MUL && x) return repeat(in, x, b);
    if (op == OP_MUL && y) return repeat(in, y, a);
    if (op == OP_MOD && x) return percent_format(in, x, b, false);
    return value_ref(NOTIMPL);
}

static int str_contains(interp *in, value self, value item)
{
    str *s = (str *)self.o, *what = as_str(item);
    if (!what) {
        return THROWN(in, TypeError, "'in <string>' requires string as left operand, not %s",
                      type_said(in, item));
    }
    return what->nbyte <= s->nbyte && memory_find(s->at, s->nbyte, what->at, what->nbyte) != NULL;
}

/* ---- iteration ---- */

typedef struct str_iter {
    obj hdr;
    str *s; /* NULL once exhausted */
    size_t at;
} str_iter;

static void iter_drop(interp *in, obj *o)
{
    obj_unref(in, ((str_iter *)o)->s);
}

static value str_iter_next(interp *in, value self)
{
    str_iter *it = (str_iter *)self.o;
    if (!it->s) return FAIL;
    if (it->at >= it->s->nbyte) {
        obj_unref(in, it->s);
        it->s = NULL;
        return FAIL;
    }
    unsigned char c = (unsigned char)it->s->at[it->at];
    if (c < 128) {
        it->at++;
        return v_obj(shared(&ascii[c]));
    }
    uint32_t cp;
    it->at += utf8_get(it->s->at + it->at, &cp);
    return v_obj(str_char(in, cp));
}

static value iter_length_hint(interp *in, const value *arg)
{
    (void)in;
    str_iter *it = (str_iter *)arg[0].o;
    if (!it->s) return v_int(0);
    return v_int((int64_t)utf8_count(it->s->at + it->at, it->s->nbyte - it->at));
}

static const builtin iter_table[] = {{"__length_hint__(self, /)", iter_length_hint, NULL}, {0}};

#define STR_ITER(NAME)                                                                             \
    {                                                                                              \
        TYPE_HEAD, .name = NAME, .module = "builtins", .size = sizeof(str_iter),                   \
                   .drop = iter_drop, .iter = iter_self, .next = str_iter_next,                    \
                   .table = iter_table                                                             \
    }
static const type T_str_iter = STR_ITER("str_iterator");
static const type T_ascii_iter = STR_ITER("str_ascii_iterator");

static value str_iterate(interp *in, value self)
{
    str *s = (str *)self.o;
    str_iter *it = obj_new(in, str_ascii(s) ? &T_ascii_iter : &T_str_iter, 0);
    if (!it) return FAIL;
    it->s = obj_ref(s);
    return v_obj(it);
}

/* ---- str(...) ---- */

static value make_plain(interp *in, const value *arg, size_t npos, tuple *kwnames)
{
    if (npos == 1 && !kwnames) return v_obj(value_str(in, arg[0]));
    if (npos > 3) {
        return throw(in, TypeError, "str() takes at most 3 arguments (%zu given)", npos);
    }
    value v[3], out = FAIL;
    if (!args_bind(in, "str(object='', encoding=<unset>, errors=<unset>)", arg, npos, kwnames, v,
                   3)) {
        return FAIL;
    }
    if (is_fail(v[1]) && is_fail(v[2]))
        out = v_obj(value_str(in, v[0]));
    else
        out = str_decode_value(in, v[0], v[1], v[2]);
    args_clear(in, v, 3);
    return out;
}

static value str_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    value v = make_plain(in, arg, npos, kwnames);
    if (is_fail(v) || cls == &T_str) return v;
    str *s = (str *)v.o, *o = obj_new(in, cls, s->nbyte + 1);
    if (o) {
        o->nbyte = s->nbyte;
        o->nchar = s->nchar;
        memcpy(o->at, s->at, s->nbyte + 1);
    }
    value_unref(in, v);
    return v_obj(o);
}

const type T_str = {
    TYPE_HEAD,
    .name = "str",
    .module = "builtins",
    .doc = "Text: of any object, by its __str__; or of bytes, by their encoding.",
    .size = sizeof(str),
    .flags = TYPE_BASE | TYPE_IMMUTABLE,
    .table = str_table,
    .make = str_make,
    .repr = str_repr,
    .tostr = str_tostr,
    .format = text_format_str,
    .hash = slot_hash,
    .length = str_length,
    .compare = str_compare,
    .binary = str_binary,
    .getitem = str_getitem,
    .contains = str_contains,
    .iter = str_iterate,
};

/* lang/types/bytes.c - bytes and bytearray: making, comparing, indexing, repr.
 *
 * The methods they share are in bytesmethods.c, those that change a bytearray in bytearray.c. */
#include "lang/types/bytes.h"

#include <string.h>

#include "engine/base/find.h"
#include "engine/base/hash.h"
#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/interp.h"
#include "lang/textfmt.h"
#include "lang/types/bytesmethods.h"
#include "lang/types/iter.h"
#include "lang/types/memview.h"

/* ---- making ---- */

bytes *bytes_new(interp *in, const char *s, size_t n)
{
    bytes *b = n < (size_t)1 << 46 ? obj_new(in, &T_bytes, n + 1) : (throw_nomem(in), NULL);
    if (!b) return NULL;
    b->n = n;
    if (s && !memory_copy(in, b->at, s, n)) return obj_unref(in, b), NULL;
    return b;
}

bytes *bytes_built(interp *in, strbuf *b)
{
    bytes *made = b->lost ? (no_room(in), NULL) : bytes_new(in, sb_text(b), b->n);
    sb_clear(b);
    return made;
}

bool bytearray_resizable(interp *in, const bytearray *b)
{
    if (b->views) throw(in, BufferError, "Existing exports of data: object cannot be re-sized");
    return !b->views;
}

/* n bytes; what is new among them is undefined. */
static bool room(interp *in, bytearray *b, size_t n)
{
    if (n != b->n && !bytearray_resizable(in, b)) return false;
    if (n + 1 > b->cap || !b->at) {
        size_t cap = n + n / 8 + 8;
        err e = {0};
        char *at = cap > n ? try_grow(b->at, cap, &e) : NULL;
        if (!at) {
            err_clear(&e);
            throw_nomem(in);
            return false;
        }
        b->at = at;
        b->cap = cap;
    }
    b->n = n;
    b->at[n] = 0;
    return true;
}

bytearray *bytearray_new(interp *in, const char *s, size_t n)
{
    bytearray *b = obj_new(in, &T_bytearray, 0);
    if (!b) return NULL;
    if (s ? room(in, b, n) && memory_copy(in, b->at, s, n) : bytearray_resize(in, b, n)) return b;
    obj_unref(in, b);
    return NULL;
}

bool bytearray_resize(interp *in, bytearray *b, size_t n)
{
    size_t had = b->n;
    if (!room(in, b, n)) return false;
    if (n <= had || memory_fill(in, b->at + had, 0, n - had)) return true;
    b->n = had;
    b->at[had] = 0;
    return false;
}

const char *bytes_peek(value v, size_t *n)
{
    const bool whole = v.kind == V_OBJ && v.o->type == &T_bytearray; /* of no class of a user */
    bytes *b = whole ? NULL : as_bytes(v);
    if (b) return *n = b->n, b->at;
    bytearray *a = as_bytearray(v);
    if (!a) return memview_peek(v, n);
    return *n = a->n, a->at ? a->at : "";
}

static bool bytes_buffer(interp *in, value self, bool write, buffer_view *out)
{
    size_t n;
    (void)in;
    (void)write;
    out->at = (char *)(uintptr_t)bytes_peek(self, &n);
    out->format[0] = 'B';
    out->format[1] = 0;
    out->itemsize = out->ndim = 1;
    out->readonly = as_bytes(self) != NULL;
    out->shape[0] = (int64_t)n;
    out->strides[0] = 1;
    return true;
}

value bytes_like(interp *in, value model, const char *s, size_t n)
{
    if (as_bytearray(model)) return v_obj(bytearray_new(in, s, n));
    return v_obj(bytes_new(in, s, n));
}

bool byte_of(interp *in, value v, unsigned char *out, const char *why)
{
    int64_t i;
    if (!to_index_clamped(in, v, &i)) return false;
    if (i < 0 || i > 255) {
        throw(in, ValueError, "%s must be in range(0, 256)", why);
        return false;
    }
    *out = (unsigned char)i;
    return true;
}

static bytes *from_iterable(interp *in, value v)
{
    list *l = list_of(in, v);
    bytes *b = l ? bytes_new(in, NULL, (size_t)l->n) : NULL;
    for (int64_t i = 0; b && i < l->n; i++) {
        unsigned char c;
        if (byte_of(in, l->at[i], &c, "bytes"))
            b->at[i] = (char)c;
        else {
            obj_unref(in, b);
            b = NULL;
        }
    }
    obj_unref(in, l);
    return b;
}

bytes *bytes_of(interp *in, value v)
{
    size_t n;
    const char *s = bytes_peek(v, &n);
    if (s) return as_bytes(v) && v.o->type == &T_bytes ? obj_ref(v.o) : bytes_new(in, s, n);
    if (as_str(v) || v.kind != V_OBJ || !type_of(in, v)->iter) {
        return THROW0(in, TypeError, "cannot convert '%s' object to bytes", type_said(in, v));
    }
    return from_iterable(in, v);
}

/* bytes(...) and bytearray(...) */
static bytes *make_content(interp *in, value v, value encoding, value errors, const char *kind)
{
    const value option[2] = {encoding, errors};
    for (int i = 0; i < 2; i++) {
        if (is_fail(option[i]) || as_str(option[i])) continue;
        return THROW0(in, TypeError, "%s() argument '%s' must be str, not %s", kind,
                      i ? "errors" : "encoding", type_said(in, option[i]));
    }
    bool text = !is_fail(v) && as_str(v), coded = !is_fail(encoding) || !is_fail(errors);
    value n, m;
    if (is_fail(v)) {
        if (coded) {
            return THROW0(in, TypeError, "encoding or errors without a string argument");
        }
        return bytes_new(in, "", 0);
    }
    if (text) {
        if (is_fail(encoding)) return THROW0(in, TypeError, "string argument without an encoding");
        value out = str_encode(in, (value[]){v, encoding, errors});
        return is_fail(out) ? NULL : (bytes *)out.o;
    }
    if (coded) return THROW0(in, TypeError, "encoding without a string argument");
    int found = value_findattr(in, v, "__bytes__", &m);
    if (found < 0) return NULL;
    if (found) {
        value out = call_n(in, m, 0);
        value_unref(in, m);
        if (is_fail(out) || as_bytes(out)) return is_fail(out) ? NULL : (bytes *)out.o;
        throw(in, TypeError, "__bytes__ returned non-bytes (type %s)", type_said(in, out));
        value_unref(in, out);
        return NULL;
    }
    found = v.kind == V_OBJ && type_of(in, v)->iter ? 0 : int_index(in, v, &n);
    if (found < 0) return NULL;
    if (!found) {
        if (v.kind == V_OBJ && type_of(in, v)->iter) return bytes_of(in, v);
        return THROW0(in, TypeError, "cannot convert '%s' object to %s", type_said(in, v), kind);
    }
    bytes *b = NULL;
    if (n.kind != V_INT) {
        throw(in, OverflowError, "cannot fit 'int' into an index-sized integer");
    } else if (n.i < 0)
        throw(in, ValueError, "negative count");
    else
        b = bytes_new(in, NULL, (size_t)n.i);
    value_unref(in, n);
    return b;
}

static bytes *make_args(interp *in, const char *sig, const value *arg, size_t npos, tuple *kwnames,
                        const char *kind)
{
    value v[3];
    if (!args_bind(in, sig, arg, npos, kwnames, v, 3)) return NULL;
    bytes *b = make_content(in, v[0], v[1], v[2], kind);
    args_clear(in, v, 3);
    return b;
}

static value bytes_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    bytes *b = make_args(in, "bytes(source=<unset>, encoding=<unset>, errors=<unset>)", arg, npos,
                         kwnames, "bytes");
    if (!b || cls == &T_bytes) return v_obj(b);
    bytes *o = obj_new(in, cls, b->n + 1);
    if (o) {
        o->n = b->n;
        if (!memory_copy(in, o->at, b->at, b->n)) obj_unref(in, o), o = NULL;
    }
    obj_unref(in, b);
    return v_obj(o);
}

static value bytearray_make(interp *in, const type *cls, const value *arg, size_t npos,
                            tuple *kwnames)
{
    bytes *b = make_args(in, "bytearray(source=<unset>, encoding=<unset>, errors=<unset>)", arg,
                         npos, kwnames, "bytearray");
    if (!b) return FAIL;
    bytearray *o = obj_new(in, cls, 0);
    if (o && !(room(in, o, b->n) && memory_copy(in, o->at, b->at, b->n)))
        obj_unref(in, o), o = NULL;
    obj_unref(in, b);
    return v_obj(o);
}

static void bytearray_drop(interp *in, obj *o)
{
    (void)in;
    mem_free(((bytearray *)o)->at);
}

/* ---- repr ---- */

enum { SCAN = 4 << 20 };

value bytes_quote(interp *in, const char *s, size_t n, const char *before, const char *after)
{
    const bool array = *after; /* bytearray: its repr escapes ' within " too */
    bool single = false, twice = false;
    for (size_t i = 0; i < n && !(single && twice); i += SCAN) {
        const size_t k = n - i < SCAN ? n - i : SCAN;
        single = single || memchr(s + i, '\'', k);
        twice = twice || memchr(s + i, '"', k);
        if (!check_interrupt(in)) return FAIL;
    }
    char quote = single && !twice ? '"' : '\'';
    strbuf b = {.soft = true};
    sb_adds(&b, before);
    sb_addc(&b, 'b');
    sb_addc(&b, quote);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (!goes_on(in, i)) return sb_clear(&b), FAIL;
        if (c == (unsigned char)quote || c == '\\' || (array && c == '\''))
            sb_addc(&b, '\\'), sb_addc(&b, (char)c);
        else if (c == '\n')
            sb_adds(&b, "\\n");
        else if (c == '\r')
            sb_adds(&b, "\\r");
        else if (c == '\t')
            sb_adds(&b, "\\t");
        else if (c < 32 || c > 126)
            sb_addf(&b, "\\x%02x", c);
        else
            sb_addc(&b, (char)c);
    }
    sb_addc(&b, quote);
    sb_adds(&b, after);
    return v_obj(str_built(in, &b));
}

static value bytes_repr(interp *in, value self)
{
    bytes *b = (bytes *)self.o;
    return bytes_quote(in, b->at, b->n, "", "");
}

static value bytearray_repr(interp *in, value self)
{
    size_t n;
    const char *s = bytes_peek(self, &n);
    strbuf b = {0};
    sb_addf(&b, "%s(", self.o->type->name);
    value v = bytes_quote(in, s, n, sb_text(&b), ")");
    sb_clear(&b);
    return v;
}

/* ---- slots ---- */

static bool bytes_hash(interp *in, value self, uint64_t *out)
{
    (void)in;
    bytes *b = (bytes *)self.o;
    uint64_t h = b->hash ? b->hash : hash_bytes(b->at, b->n, 0);
    if (!(b->hdr.flags & OBJ_FROZEN)) b->hash = h;
    *out = h;
    return true;
}

static int64_t bytes_length(interp *in, value self)
{
    (void)in;
    size_t n = 0;
    bytes_peek(self, &n);
    return (int64_t)n;
}

static value bytes_compare(interp *in, enum cmpop op, value self, value other)
{
    (void)in;
    size_t n, m;
    const char *a = bytes_peek(self, &n), *b = bytes_peek(other, &m);
    if (!b) return value_ref(NOTIMPL);
    int c = memcmp(a, b, n < m ? n : m);
    if (c == 0) c = (n > m) - (n < m);
    const bool is[NCMPOP] = {
        [OP_LT] = c<0, [OP_LE] = c <= 0, [OP_EQ] = c == 0, [OP_NE] = c != 0, [OP_GT] = c> 0,
        [OP_GE] = c >= 0,
    };
    return v_bool(is[op]);
}

static value concat(interp *in, value a, value b)
{
    size_t n, m;
    const char *s = bytes_peek(a, &n), *t = bytes_peek(b, &m);
    if (!s || !t) return value_ref(NOTIMPL);
    value out = bytes_like(in, a, NULL, n + m);
    if (is_fail(out)) return FAIL;
    char *to = (char *)(uintptr_t)bytes_peek(out, &(size_t){0}); /* ours alone until returned */
    if (memory_copy(in, to, s, n) && memory_copy(in, to + n, t, m)) return out;
    return value_unref(in, out), FAIL;
}

static value repeat(interp *in, value self, value times)
{
    int64_t k;
    int found = repeat_count(in, times, &k);
    if (found <= 0) return found < 0 ? FAIL : value_ref(NOTIMPL);
    size_t n, all;
    const char *s = bytes_peek(self, &n);
    if (k < 0) k = 0;
    if (__builtin_mul_overflow(n, (size_t)k, &all)) return throw_nomem(in);
    value out = bytes_like(in, self, NULL, all);
    if (is_fail(out)) return FAIL;
    char *to = (char *)(uintptr_t)bytes_peek(out, &(size_t){0});
    for (size_t i = 0, done = 0; i < all; i += done) { /* doubling */
        const char *from = i ? to : s;
        done = i ? i < all - i ? i : all - i : n;
        if (!memory_copy(in, to + i, from, done)) return value_unref(in, out), FAIL;
    }
    return out;
}

/* b'...' % args: as for text, each byte a code point */
static value percent(interp *in, value self, value args)
{
    size_t n;
    const char *s = bytes_peek(self, &n);
    str *text = str_from_latin1(in, s, n);
    value out = text ? percent_format(in, text, args, true) : FAIL;
    obj_unref(in, text);
    if (is_fail(out)) return FAIL;
    bytes *b = str_encoded(in, as_str(out), "latin-1", NULL);
    value_unref(in, out);
    value r = b ? bytes_like(in, self, b->at, b->n) : FAIL;
    obj_unref(in, b);
    return r;
}

static value bytes_binary(interp *in, enum binop op, value a, value b)
{
    size_t n;
    bool x = bytes_peek(a, &n), y = bytes_peek(b, &n);
    if (op == OP_ADD && x && y) return concat(in, a, b);
    if (op == OP_MUL && x) return repeat(in, a, b);
    if (op == OP_MUL && y) return repeat(in, b, a);
    if (op == OP_MOD && x) return percent(in, a, b);
    return value_ref(NOTIMPL);
}

static value bytes_getitem(interp *in, value self, value key)
{
    size_t n;
    const char *s = bytes_peek(self, &n);
    slice *sl = as_slice(key);
    int64_t start, stop, step, count, i;
    if (sl) {
        if (!slice_bounds(in, sl, &start, &stop, &step)) return FAIL;
        s = bytes_peek(self, &n); /* a bytearray may have changed */
        count = slice_fit((int64_t)n, &start, &stop, step);
        if (step == 1 && (size_t)count == n && self.o->type == &T_bytes) return value_ref(self);
        value out = bytes_like(in, self, NULL, (size_t)count);
        if (is_fail(out)) return FAIL;
        char *to = (char *)(uintptr_t)bytes_peek(out, &(size_t){0});
        bool ok = step != 1 || memory_copy(in, to, s + start, (size_t)count);
        for (i = 0; ok && step != 1 && i < count; i++) {
            to[i] = s[start + i * step];
            ok = goes_on(in, (size_t)i);
        }
        return ok ? out : (value_unref(in, out), FAIL);
    }
    const char *name = as_bytearray(self) ? "bytearray" : "byte";
    int found = index_of(in, key, &i);
    if (found < 0) return FAIL;
    if (!found) {
        return throw(in, TypeError, "%s indices must be integers or slices, not %s", name,
                     type_said(in, key));
    }
    s = bytes_peek(self, &n);
    if (i < 0) i += (int64_t)n;
    if (i < 0 || i >= (int64_t)n) {
        return throw(in, IndexError, "%s",
                     as_bytearray(self) ? "bytearray index out of range" : "index out of range");
    }
    return v_int((unsigned char)s[i]);
}

static int bytes_contains(interp *in, value self, value item)
{
    size_t n, m;
    const char *s = bytes_peek(self, &n), *what = bytes_peek(item, &m);
    if (what) return memory_find(s, n, what, m) != NULL;
    value i;
    int found = int_index(in, item, &i);
    if (found <= 0) {
        if (!found) {
            throw(in, TypeError, "a bytes-like object is required, not '%s'", type_said(in, item));
        }
        return -1;
    }
    unsigned char c;
    bool ok = byte_of(in, i, &c, "byte");
    value_unref(in, i);
    return ok ? memchr(s, c, n) != NULL : -1;
}

/* ---- iteration ---- */

typedef struct bytes_iter {
    obj hdr;
    value of; /* FAIL once exhausted */
    size_t at;
} bytes_iter;

static void iter_drop(interp *in, obj *o)
{
    value_unref(in, ((bytes_iter *)o)->of);
}

static value iter_step(interp *in, value self)
{
    bytes_iter *it = (bytes_iter *)self.o;
    size_t n;
    if (is_fail(it->of)) return FAIL;
    const char *s = bytes_peek(it->of, &n);
    if (it->at < n) return v_int((unsigned char)s[it->at++]);
    value_unref(in, it->of);
    it->of = FAIL;
    return FAIL;
}

static const type T_bytes_iter = {
    TYPE_HEAD,         .name = "bytes_iterator", .module = "builtins", .size = sizeof(bytes_iter),
    .drop = iter_drop, .iter = iter_self,        .next = iter_step,
};
static const type T_bytearray_iter = {
    TYPE_HEAD,
    .name = "bytearray_iterator",
    .module = "builtins",
    .size = sizeof(bytes_iter),
    .drop = iter_drop,
    .iter = iter_self,
    .next = iter_step,
};

static value bytes_iterate(interp *in, value self)
{
    bytes_iter *it = obj_new(in, as_bytearray(self) ? &T_bytearray_iter : &T_bytes_iter, 0);
    if (!it) return FAIL;
    it->of = value_ref(self);
    return v_obj(it);
}

const type T_bytes = {
    TYPE_HEAD,
    .name = "bytes",
    .module = "builtins",
    .doc = "Bytes, numbers from 0 to 255: of an iterable of ints, of a text with its encoding, of "
           "what has a buffer, or so many zeros.",
    .size = sizeof(bytes),
    .flags = TYPE_BASE | TYPE_IMMUTABLE,
    .buffer = bytes_buffer,
    .table = bytes_table,
    .make = bytes_make,
    .repr = bytes_repr,
    .hash = bytes_hash,
    .length = bytes_length,
    .compare = bytes_compare,
    .binary = bytes_binary,
    .getitem = bytes_getitem,
    .contains = bytes_contains,
    .iter = bytes_iterate,
};

const type T_bytearray = {
    TYPE_HEAD,
    .name = "bytearray",
    .module = "builtins",
    .doc = "bytearray(iterable_of_ints) -> bytearray\n"
           "bytearray(string, encoding[, errors]) -> bytearray",
    .size = sizeof(bytearray),
    .flags = TYPE_BASE,
    .buffer = bytes_buffer,
    .table = bytearray_table,
    .drop = bytearray_drop,
    .make = bytearray_make,
    .repr = bytearray_repr,
    .length = bytes_length,
    .compare = bytes_compare,
    .binary = bytes_binary,
    .inplace = bytearray_inplace,
    .getitem = bytes_getitem,
    .setitem = bytearray_setitem,
    .contains = bytes_contains,
    .iter = bytes_iterate,
};

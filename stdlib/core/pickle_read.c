/* stdlib/core/pickle_read.c - a pickle of any protocol as a value: the instructions, run on a
 * stack.  What they do with classes and functions is pickle_build.c; `other` (stdlib/dsk/pickle) is
 * asked for what has a name or is kept elsewhere. */
#include <string.h>

#include "stdlib/core/pickle_read.h"

/* ---- bytes ---- */

static void wrong(interp *in, const reader *r, const char *text)
{
    value v = v_str(in, text), e = is_fail(v) ? FAIL : value_call(in, r->error, &v, 1, NULL);
    if (!is_fail(e)) throw_value(in, e);
    value_unref(in, v), value_unref(in, e);
}

value pickle_wrong(interp *in, const reader *r, const char *fmt, ...)
{
    strbuf b = {0};
    va_list ap;
    va_start(ap, fmt);
    sb_addv(&b, fmt, ap);
    va_end(ap);
    wrong(in, r, sb_text(&b));
    sb_clear(&b);
    return FAIL;
}

/* Asks the file for more, n bytes at least: what is left goes in front of it. */
static bool more(interp *in, reader *r, size_t n)
{
    size_t left = (size_t)(r->end - r->at), got = 0;
    if (is_none(r->file)) return false;
    value v = call_n(in, r->file, 1, v_int((int64_t)(n - left)));
    const char *s = is_fail(v) ? NULL : bytes_peek(v, &got);
    value data = FAIL;
    if (s) {
        strbuf b = {0};
        sb_add(&b, r->at, left);
        sb_add(&b, s, got);
        data = v_obj(bytes_new(in, sb_text(&b), b.n));
        sb_clear(&b);
    } else if (!is_fail(v)) {
        throw(in, TypeError, "read() returned non-bytes object (%s)", type_of(in, v)->name);
    }
    value_unref(in, v);
    if (is_fail(data)) return false;
    value_unref(in, r->data);
    r->data = data;
    r->at = bytes_peek(data, &got);
    r->end = r->at + got;
    return got >= n;
}

static const char *take(interp *in, reader *r, size_t n)
{
    if ((size_t)(r->end - r->at) < n && !more(in, r, n)) {
        if (!throwing(in)) wrong(in, r, "pickle data was truncated");
        return NULL;
    }
    const char *s = r->at;
    r->at += n;
    return s;
}

static bool number(interp *in, reader *r, int n, uint64_t *out)
{
    const char *s = take(in, r, (size_t)n);
    *out = 0;
    for (int i = 0; s && i < n; i++) *out |= (uint64_t)(unsigned char)s[i] << 8 * i;
    return s;
}

/* How many bytes, in `width` bytes, and these. */
static const char *counted(interp *in, reader *r, int width, size_t *n)
{
    uint64_t u;
    if (!number(in, r, width, &u)) return NULL;
    if (u > INT64_MAX) {
        throw(in, OverflowError, "pickle exceeds system's maximum size of %lld bytes",
              (long long)INT64_MAX);
        return NULL;
    }
    *n = (size_t)u;
    return take(in, r, *n);
}

/* A line without its end. */
static const char *line(interp *in, reader *r, size_t *n)
{
    size_t seen = 0;
    for (;;) {
        const char *nl = memchr(r->at + seen, '\n', (size_t)(r->end - r->at) - seen);
        if (nl) {
            const char *s = r->at;
            *n = (size_t)(nl - s);
            r->at = nl + 1;
            return s;
        }
        seen = (size_t)(r->end - r->at);
        if (more(in, r, seen + 1)) continue;
        if (!throwing(in)) wrong(in, r, "pickle data was truncated");
        return NULL;
    }
}

/* ---- the stack ---- */

bool pickle_push(interp *in, reader *r, value v)
{
    return list_add(in, r->stack, v);
}

/* Of what lies above the last mark. */
static int64_t fence(const reader *r)
{
    return r->nmark ? r->mark[r->nmark - 1] : 0;
}

value pickle_pop(interp *in, reader *r)
{
    list *l = r->stack;
    if (l->n > fence(r)) return l->at[--l->n];
    if (r->nmark) return pickle_wrong(in, r, "unexpected MARK found");
    return pickle_wrong(in, r, "unpickling stack underflow");
}

value pickle_top(interp *in, reader *r)
{
    if (r->stack->n > fence(r)) return r->stack->at[r->stack->n - 1];
    return pickle_wrong(in, r, "unpickling stack underflow");
}

static bool push_mark(interp *in, reader *r)
{
    if (r->nmark == r->capmark) {
        int64_t cap = r->capmark ? 2 * r->capmark : 16;
        int64_t *mark = lang_grow(in, r->mark, cap, sizeof *mark);
        if (!mark) return false;
        r->mark = mark;
        r->capmark = cap;
    }
    r->mark[r->nmark++] = r->stack->n;
    return true;
}

/* Where what was put after the last mark begins, and that mark goes; -1: there is none. */
int64_t pickle_marked(interp *in, reader *r)
{
    if (r->nmark) return r->mark[--r->nmark];
    wrong(in, r, "could not find MARK");
    return -1;
}

void pickle_cut(interp *in, reader *r, int64_t to)
{
    while (r->stack->n > to) {
        value v = r->stack->at[--r->stack->n];
        value_unref(in, v);
    }
}

value pickle_tuple(interp *in, reader *r, int64_t from)
{
    list *l = r->stack;
    if (throwing(in)) return FAIL;
    if (from < fence(r) || from > l->n) return pickle_wrong(in, r, "unpickling stack underflow");
    tuple *t = tuple_new(in, l->n - from);
    if (!t) return FAIL;
    for (int64_t i = from; i < l->n; i++) t->at[i - from] = l->at[i];
    l->n = from;
    return v_obj(t);
}

/* ---- numbers ---- */

static value long_of(interp *in, const char *s, size_t n)
{
    uint64_t u = n && s[n - 1] < 0 ? ~UINT64_C(0) : 0;
    if (n <= 8) {
        for (size_t i = n; i--;) u = u << 8 | (unsigned char)s[i];
        return v_int((int64_t)u);
    }
    value name = v_str(in, "signed"), data = v_obj(bytes_new(in, s, n));
    value f = value_getattr_c(in, v_type(&T_int), "from_bytes");
    tuple *kw = tuple_pack(in, 1, name);
    value arg[] = {data, v_str(in, "little"), v_bool(true)};
    value v = kw && !is_fail(f) && !is_fail(data) ? value_call(in, f, arg, 2, kw) : FAIL;
    value_unref(in, f), value_unref(in, data), value_unref(in, arg[1]);
    obj_unref(in, kw);
    return v;
}

/* Digits are ASCII: what else a damaged line holds need not be UTF-8. */
static value number_str(interp *in, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] < 0) return throw(in, ValueError, "could not convert string to number");
    return v_obj(str_new(in, s, n));
}

static value long_line(interp *in, reader *r, bool flags)
{
    size_t n;
    const char *s = line(in, r, &n);
    if (!s) return FAIL;
    if (flags && n == 2 && s[0] == '0' && (s[1] == '0' || s[1] == '1')) return v_bool(s[1] == '1');
    if (!flags && n && s[n - 1] == 'L') n--;
    value text = number_str(in, s, n);
    value v = is_fail(text) ? FAIL : call_n(in, v_type(&T_int), 1, text);
    value_unref(in, text);
    return v;
}

static value float_line(interp *in, reader *r)
{
    size_t n;
    const char *s = line(in, r, &n);
    value text = s ? number_str(in, s, n) : FAIL;
    value v = is_fail(text) ? FAIL : call_n(in, v_type(&T_float), 1, text);
    value_unref(in, text);
    return v;
}

static value bin_float(interp *in, reader *r)
{
    uint64_t u;
    double f;
    if (!number(in, r, 8, &u)) return FAIL;
    u = __builtin_bswap64(u);
    memcpy(&f, &u, sizeof f);
    return v_float(f);
}

static value small_int(interp *in, reader *r, int width)
{
    uint64_t u;
    if (!number(in, r, width, &u)) return FAIL;
    return v_int(width == 4 ? (int32_t)(uint32_t)u : (int64_t)u);
}

static value binary_long(interp *in, reader *r, int width)
{
    size_t n;
    const char *s = counted(in, r, width, &n);
    return s ? long_of(in, s, n) : FAIL;
}

/* ---- texts ---- */

static value text_of(interp *in, const char *s, size_t n)
{
    bool ascii = true;
    for (size_t i = 0; ascii && i < n; i++) ascii = s[i] >= 0;
    if (ascii) return v_obj(str_new(in, s, n));
    value data = v_obj(bytes_new(in, s, n)), code = v_str(in, "utf-8"),
          how = v_str(in, "surrogatepass");
    value v = is_fail(data) || is_fail(code) || is_fail(how)
                  ? FAIL
                  : call_method(in, data, "decode", 2, code, how);
    value_unref(in, data), value_unref(in, code), value_unref(in, how);
    return v;
}

static value counted_text(interp *in, reader *r, int width)
{
    size_t n;
    const char *s = counted(in, r, width, &n);
    return s ? text_of(in, s, n) : FAIL;
}

static value counted_bytes(interp *in, reader *r, int width, bool array)
{
    size_t n;
    const char *s = counted(in, r, width, &n);
    if (!s) return FAIL;
    return array ? v_obj(bytearray_new(in, s, n)) : v_obj(bytes_new(in, s, n));
}

/* other(reader, code, data): what is rare is read in the language. */
value pickle_asked(interp *in, reader *r, int code, value data)
{
    value v = is_fail(data) ? FAIL
                            : call_n(in, r->other, 3, (value){.kind = V_OBJ, .o = &r->hdr},
                                     v_int(code), data);
    value_unref(in, data);
    return v;
}

static value asked_line(interp *in, reader *r, int code)
{
    size_t n;
    const char *s = line(in, r, &n);
    return s ? pickle_asked(in, r, code, v_obj(bytes_new(in, s, n))) : FAIL;
}

static value asked_two_lines(interp *in, reader *r)
{
    size_t n;
    const char *s = line(in, r, &n);
    value home = s ? text_of(in, s, n) : FAIL;
    if (is_fail(home)) return FAIL;
    s = line(in, r, &n);
    value name = s ? text_of(in, s, n) : FAIL;
    if (!is_fail(name)) return pickle_asked(in, r, P_GLOBAL, v_obj(tuple_pack(in, 2, home, name)));
    value_unref(in, home);
    return FAIL;
}

static value stack_global(interp *in, reader *r)
{
    value name = pickle_pop(in, r), home = is_fail(name) ? FAIL : pickle_pop(in, r);
    if (as_str(home) && as_str(name))
        return pickle_asked(in, r, P_GLOBAL, v_obj(tuple_pack(in, 2, home, name)));
    if (!is_fail(home)) wrong(in, r, "STACK_GLOBAL requires str");
    value_unref(in, home), value_unref(in, name);
    return FAIL;
}

static value extension(interp *in, reader *r, int width)
{
    value n = small_int(in, r, width);
    return is_fail(n) ? FAIL : pickle_asked(in, r, P_EXT1, n);
}

/* ---- the memo ---- */

static bool memo_set(interp *in, reader *r, uint64_t i)
{
    value v = pickle_top(in, r);
    if (is_fail(v)) return false;
    if (i == (uint64_t)r->memo->n) return list_append(in, r->memo, v);
    if (i > (uint64_t)r->memo->n + 1000000) {
        throw(in, ValueError, "memo id %llu is out of range", (unsigned long long)i);
        return false;
    }
    while (i >= (uint64_t)r->memo->n)
        if (!list_add(in, r->memo, ELLIPSIS)) return false;
    value old = r->memo->at[i];
    r->memo->at[i] = value_ref(v);
    value_unref(in, old);
    return true;
}

static value memo_get(interp *in, reader *r, uint64_t i)
{
    if (i < (uint64_t)r->memo->n) return value_ref(r->memo->at[i]);
    return pickle_wrong(in, r, "Memo value not found at index %llu", (unsigned long long)i);
}

static bool line_number(interp *in, reader *r, uint64_t *i)
{
    value v = long_line(in, r, false);
    bool ok = v.kind == V_INT && v.i >= 0;
    *i = ok ? (uint64_t)v.i : 0;
    if (!ok && !throwing(in)) throw(in, ValueError, "negative PUT argument");
    value_unref(in, v);
    return ok;
}

/* ---- instructions ---- */

static bool begin(interp *in, reader *r)
{
    uint64_t proto;
    if (!number(in, r, 1, &proto)) return false;
    r->proto = (int)proto;
    if (proto <= PICKLE_HIGHEST) return true;
    throw(in, ValueError, "unsupported pickle protocol: %d", (int)proto);
    return false;
}

static bool pop_one(interp *in, reader *r)
{
    if (r->nmark && r->stack->n == fence(r)) return r->nmark--, true;
    value v = pickle_pop(in, r);
    value_unref(in, v);
    return !is_fail(v);
}

/* What pushes one value; FAIL with nothing raised: another instruction. */
static value pushed(interp *in, reader *r, int code)
{
    uint64_t u;
    switch (code) {
    case P_NONE: return NONE;
    case P_NEWTRUE:
    case P_NEWFALSE: return v_bool(code == P_NEWTRUE);
    case P_INT: return long_line(in, r, true);
    case P_LONG: return long_line(in, r, false);
    case P_BININT: return small_int(in, r, 4);
    case P_BININT1: return small_int(in, r, 1);
    case P_BININT2: return small_int(in, r, 2);
    case P_LONG1: return binary_long(in, r, 1);
    case P_LONG4: return binary_long(in, r, 4);
    case P_FLOAT: return float_line(in, r);
    case P_BINFLOAT: return bin_float(in, r);
    case P_SHORT_BINUNICODE: return counted_text(in, r, 1);
    case P_BINUNICODE: return counted_text(in, r, 4);
    case P_BINUNICODE8: return counted_text(in, r, 8);
    case P_SHORT_BINBYTES: return counted_bytes(in, r, 1, false);
    case P_BINBYTES: return counted_bytes(in, r, 4, false);
    case P_BINBYTES8: return counted_bytes(in, r, 8, false);
    case P_BYTEARRAY8: return counted_bytes(in, r, 8, true);
    case P_SHORT_BINSTRING: return pickle_asked(in, r, P_BINSTRING, counted_bytes(in, r, 1, false));
    case P_BINSTRING: return pickle_asked(in, r, P_BINSTRING, counted_bytes(in, r, 4, false));
    case P_STRING:
    case P_UNICODE:
    case P_PERSID: return asked_line(in, r, code);
    case P_BINPERSID:
    case P_READONLY_BUFFER: return pickle_asked(in, r, code, pickle_pop(in, r));
    case P_NEXT_BUFFER: return pickle_asked(in, r, code, NONE);
    case P_GLOBAL: return asked_two_lines(in, r);
    case P_STACK_GLOBAL: return stack_global(in, r);
    case P_EXT1: return extension(in, r, 1);
    case P_EXT2: return extension(in, r, 2);
    case P_EXT4: return extension(in, r, 4);
    case P_EMPTY_LIST: return v_obj(list_new(in, 0));
    case P_EMPTY_DICT: return v_obj(dict_new(in));
    case P_EMPTY_SET: return v_obj(set_new(in, false));
    case P_EMPTY_TUPLE: return v_obj(tuple_new(in, 0));
    case P_TUPLE1:
    case P_TUPLE2:
    case P_TUPLE3: return pickle_tuple(in, r, r->stack->n - (code - P_TUPLE1 + 1));
    case P_TUPLE: return pickle_tuple(in, r, pickle_marked(in, r));
    case P_DUP: return value_ref(pickle_top(in, r));
    case P_GET: return line_number(in, r, &u) ? memo_get(in, r, u) : FAIL;
    case P_BINGET: return number(in, r, 1, &u) ? memo_get(in, r, u) : FAIL;
    case P_LONG_BINGET: return number(in, r, 4, &u) ? memo_get(in, r, u) : FAIL;
    default: return pickle_built(in, r, code);
    }
}

static bool obey(interp *in, reader *r, int code)
{
    uint64_t u;
    int64_t i;
    switch (code) {
    case P_PROTO: return begin(in, r);
    case P_FRAME: return number(in, r, 8, &u);
    case P_MARK: return push_mark(in, r);
    case P_POP: return pop_one(in, r);
    case P_POP_MARK:
        i = pickle_marked(in, r);
        if (i >= 0) pickle_cut(in, r, i);
        return i >= 0;
    case P_MEMOIZE: return memo_set(in, r, (uint64_t)r->memo->n);
    case P_PUT: return line_number(in, r, &u) && memo_set(in, r, u);
    case P_BINPUT: return number(in, r, 1, &u) && memo_set(in, r, u);
    case P_LONG_BINPUT: return number(in, r, 4, &u) && memo_set(in, r, u);
    case P_APPEND:
    case P_APPENDS:
    case P_SETITEM:
    case P_SETITEMS:
    case P_ADDITEMS:
    case P_BUILD: return pickle_grow(in, r, code);
    default: {
        value v = pushed(in, r, code);
        if (!is_fail(v)) return pickle_push(in, r, v);
        if (throwing(in)) return false;
        if (code >= 0x20 && code < 0x7f)
            pickle_wrong(in, r, "invalid load key, '%c'.", code);
        else
            pickle_wrong(in, r, "invalid load key, '\\x%02x'.", (unsigned)code);
        return false;
    }
    }
}

static value run(interp *in, reader *r)
{
    for (size_t i = 0;; i++) {
        if (!goes_on(in, i)) return FAIL;
        if (r->at == r->end && !more(in, r, 1))
            return throwing(in) ? FAIL : throw(in, EOFError, "Ran out of input");
        int code = (unsigned char)*r->at++;
        if (code == P_STOP) return pickle_pop(in, r);
        if (!obey(in, r, code)) return FAIL;
    }
}

/* ---- for the language ---- */

static value method_load(interp *in, const value *arg)
{
    reader *r = (reader *)(void *)arg[0].o;
    size_t n;
    if (arg[1].kind != V_OBJ || arg[1].o->type != &T_bytes)
        return throw(in, TypeError, "bytes are wanted, not '%s'", type_of(in, arg[1])->name);
    if (!is_none(r->other)) return throw(in, RuntimeError, "it is reading already");
    value_unref(in, r->data);
    r->data = value_ref(arg[1]);
    r->file = value_ref(arg[2]);
    r->other = value_ref(arg[3]);
    r->at = bytes_peek(arg[1], &n);
    r->end = r->at + n;
    r->proto = 0;
    r->nmark = 0;
    pickle_cut(in, r, 0);
    value v = run(in, r);
    pickle_cut(in, r, 0);
    value_unref(in, r->file), value_unref(in, r->other);
    r->file = r->other = NONE;
    return v;
}

static value get_left(interp *in, const value *arg)
{
    const reader *r = (const reader *)(const void *)arg[0].o;
    return v_obj(bytes_new(in, r->at, (size_t)(r->end - r->at)));
}

static value get_protocol(interp *in, const value *arg)
{
    (void)in;
    return v_int(((const reader *)(const void *)arg[0].o)->proto);
}

static void drop(interp *in, obj *o)
{
    reader *r = (reader *)(void *)o;
    value_unref(in, r->other);
    value_unref(in, r->error);
    value_unref(in, r->data);
    value_unref(in, r->file);
    obj_unref(in, r->memo);
    obj_unref(in, r->stack);
    mem_free(r->mark);
}

static const builtin reader_table[] = {
    {"load(self, data, read, other, /)", method_load,
     "The value of bytes; read(n), or None, gives n more of them, or as many as there are; "
     "other(reader, "
     "code, data) gives what has a name or is kept elsewhere."},
    {"@property left", get_left, "The bytes behind it."},
    {"@property protocol", get_protocol, NULL},
    {0},
};

const type T_pickle_reader = {
    TYPE_HEAD,
    .name = "Reader",
    .module = "_pickle",
    .size = sizeof(reader),
    .table = reader_table,
    .drop = drop,
};

value pickle_reader(interp *in, const value *arg)
{
    reader *r = obj_new(in, &T_pickle_reader, 0);
    if (!r) return FAIL;
    r->data = r->file = r->other = NONE;
    r->error = value_ref(arg[0]);
    r->memo = list_new(in, 0);
    r->stack = list_new(in, 0);
    if (r->memo && r->stack) return v_obj(r);
    obj_unref(in, r);
    return FAIL;
}

static const builtin functions[] = {
    {"writer(protocol, /)", pickle_writer, "A Writer."},
    {"reader(error, /)", pickle_reader,
     "A Reader; error(text) is raised when the data is no pickle."},
    {0},
};

const module_def pickle_def = {
    .name = "_pickle", .doc = "Plain data as bytes and back.", .table = functions};

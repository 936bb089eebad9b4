/* stdlib/core/io.c - StringIO and BytesIO: files in memory.
 *
 * Both hold bytes (of a StringIO: UTF-8) and a position in them.  Positions of text count
 * characters for the program; inside they are byte offsets.  newline=None translates at the door,
 * as open() does. */
#include <string.h>

#include "engine/base/mem.h"
#include "lang/builtins.h"
#include "lang/interp.h"
#include "lang/types/bytes.h"
#include "lang/types/memview.h"
#include "lang/types/file.h"
#include "lang/types/iter.h"
#include "stdlib/stdlib.h"

typedef struct memfile {
    obj hdr;
    char *at;
    size_t n, cap, pos; /* pos may lie beyond n */
    bool text, closed;
    uint8_t newline;
} memfile;

static const type T_stringio, T_bytesio;

static memfile *as_memfile(value v)
{
    obj *o = as_obj(v, &T_stringio);
    return (memfile *)(o ? o : as_obj(v, &T_bytesio));
}

static memfile *open_self(interp *in, value v)
{
    memfile *f = as_memfile(v);
    if (!f->closed) return f;
    return THROW0(in, ValueError, "I/O operation on closed file%s", f->text ? "" : ".");
}

/* ---- the buffer ---- */

static bool reserve(interp *in, memfile *f, size_t cap)
{
    if (cap <= f->cap) return true;
    cap += cap / 2 + 64;
    char *at = lang_grow(in, f->at, (int64_t)cap, 1);
    if (!at) return false;
    f->at = at;
    f->cap = cap;
    return true;
}

/* Writes at the position; a gap before it is filled with NULs. */
static bool put(interp *in, memfile *f, const char *s, size_t n)
{
    if (!reserve(in, f, f->pos + n)) return false;
    if (f->pos > f->n) memset(f->at + f->n, 0, f->pos - f->n);
    if (!memory_copy(in, f->at + f->pos, s, n)) return false;
    f->pos += n;
    if (f->pos > f->n) f->n = f->pos;
    return true;
}

/* Bytes that the next `chars` characters from byte i take. */
static size_t span(const memfile *f, size_t i, size_t chars)
{
    size_t k = i;
    if (!f->text) return chars < f->n - i ? chars : f->n - i;
    for (; k < f->n && chars; chars--) do
            k++;
        while (k < f->n && ((unsigned char)f->at[k] & 0xc0) == 0x80);
    return k - i;
}

static int64_t char_offset(const memfile *f, size_t pos)
{
    if (!f->text) return (int64_t)pos;
    int64_t n = 0;
    for (size_t i = 0; i < pos && i < f->n; i++) n += ((unsigned char)f->at[i] & 0xc0) != 0x80;
    return n + (pos > f->n ? (int64_t)(pos - f->n) : 0);
}

/* Text overwrites characters, not bytes: makes room for the `chars` to come. */
static bool put_text(interp *in, memfile *f, const char *s, size_t n, size_t chars)
{
    if (f->pos >= f->n) return put(in, f, s, n);
    size_t old = span(f, f->pos, chars), rest = f->n - f->pos - old;
    if (!reserve(in, f, f->pos + n + rest)) return false;
    memmove(f->at + f->pos + n, f->at + f->pos + old, rest);
    f->n = f->pos + n + rest;
    memcpy(f->at + f->pos, s, n);
    f->pos += n;
    return true;
}

static bool write_str(interp *in, memfile *f, const str *s)
{
    const char *nl = f->newline == NEWLINE_CR ? "\r" : "\r\n";
    bool cr = memchr(s->at, '\r', s->nbyte), lf = memchr(s->at, '\n', s->nbyte);
    bool expand = lf && (f->newline == NEWLINE_CR || f->newline == NEWLINE_CRLF);
    bool fold = cr && f->newline == NEWLINE_ANY;
    if (!expand && !fold) return put_text(in, f, s->at, s->nbyte, s->nchar);
    for (size_t i = 0; i < s->nbyte; i++) {
        char c = s->at[i];
        bool ok = true;
        if (!goes_on(in, i)) return false;
        if (fold && c == '\r') {
            if (i + 1 < s->nbyte && s->at[i + 1] == '\n') continue;
            ok = put(in, f, "\n", 1);
        } else if (expand && c == '\n')
            ok = put(in, f, nl, strlen(nl));
        else
            ok = put(in, f, &c, 1);
        if (!ok) return false;
    }
    return true;
}

static value cut(interp *in, const memfile *f, size_t from, size_t n)
{
    const char *s = n ? f->at + from : "";
    return f->text ? v_obj(str_new(in, s, n)) : v_obj(bytes_new(in, s, n));
}

/* ---- making ---- */

static bool newline_arg(interp *in, value v, memfile *f)
{
    str *s = as_str(v);
    f->newline = is_none(v)          ? NEWLINE_ANY
                 : str_is(s, "")     ? NEWLINE_KEEP
                 : str_is(s, "\r")   ? NEWLINE_CR
                 : str_is(s, "\r\n") ? NEWLINE_CRLF
                                     : NEWLINE_LF;
    if (is_none(v) || f->newline != NEWLINE_LF || str_is(s, "\n")) return true;
    throw(in, ValueError, "illegal newline value: %s", s->at);
    return false;
}

static bool fill_text(interp *in, memfile *f, value initial, value newline)
{
    f->text = true;
    if (!is_none(newline) && !as_str(newline)) {
        throw(in, TypeError, "newline must be str or None, not %s", type_of(in, newline)->name);
        return false;
    }
    if (!newline_arg(in, newline, f)) return false;
    if (is_none(initial)) return true;
    if (!as_str(initial)) {
        throw(in, TypeError, "initial_value must be str or None, not %s",
              type_of(in, initial)->name);
        return false;
    }
    if (!write_str(in, f, as_str(initial))) return false;
    f->pos = 0;
    return true;
}

static bool fill_bytes(interp *in, memfile *f, value initial)
{
    size_t n;
    if (is_none(initial)) return true;
    const char *s = buffer_peek(in, initial, &n);
    if (!s) {
        throw(in, TypeError, "a bytes-like object is required, not '%s'",
              type_of(in, initial)->name);
        return false;
    }
    if (!put(in, f, s, n)) return false;
    f->pos = 0;
    return true;
}

static value stringio_make(interp *in, const type *cls, const value *arg, size_t npos,
                           tuple *kwnames)
{
    value a[2] = {NONE, FAIL};
    memfile *f = obj_new(in, cls, 0);
    if (!f) return FAIL;
    f->text = true;
    f->newline = NEWLINE_LF;
    if (cls != &T_stringio) return v_obj(f); /* a subclass's __init__ does the rest */
    bool ok = args_bind(in, "StringIO(initial_value='', newline='\\n')", arg, npos, kwnames, a, 2);
    ok = ok && fill_text(in, f, a[0], a[1]);
    args_clear(in, a, 2);
    if (ok) return v_obj(f);
    obj_unref(in, f);
    return FAIL;
}

static value bytesio_make(interp *in, const type *cls, const value *arg, size_t npos,
                          tuple *kwnames)
{
    value a = NONE;
    memfile *f = obj_new(in, cls, 0);
    if (!f) return FAIL;
    if (cls != &T_bytesio) return v_obj(f);
    bool ok = args_bind(in, "BytesIO(initial_bytes=b'')", arg, npos, kwnames, &a, 1);
    ok = ok && (is_fail(a) || fill_bytes(in, f, a));
    args_clear(in, &a, 1);
    if (ok) return v_obj(f);
    obj_unref(in, f);
    return FAIL;
}

static value init_text(interp *in, const value *arg)
{
    memfile *f = as_memfile(arg[0]);
    f->n = f->pos = 0;
    return fill_text(in, f, arg[1], arg[2]) ? NONE : FAIL;
}

static value init_bytes(interp *in, const value *arg)
{
    memfile *f = as_memfile(arg[0]);
    f->n = f->pos = 0;
    return is_fail(arg[1]) || fill_bytes(in, f, arg[1]) ? NONE : FAIL;
}

static void drop(interp *in, obj *o)
{
    (void)in;
    mem_free(((memfile *)o)->at);
}

/* ---- methods ---- */

static bool size_arg(interp *in, value v, int64_t *n)
{
    *n = -1;
    return is_none(v) || to_int64(in, v, n);
}

static value read_method(interp *in, const value *arg)
{
    memfile *f = open_self(in, arg[0]);
    int64_t want;
    if (!f || !size_arg(in, arg[1], &want)) return FAIL;
    size_t from = f->pos < f->n ? f->pos : f->n;
    size_t n = want < 0 ? f->n - from : span(f, from, (size_t)want);
    if (n) f->pos = from + n;
    return cut(in, f, from, n);
}

static value readinto(interp *in, const value *arg)
{
    return buffer_fill(in, arg[0], arg[1], read_method);
}

/* The next line (empty at the end). */
static value line(interp *in, memfile *f, int64_t limit)
{
    size_t from = f->pos < f->n ? f->pos : f->n, left = f->n - from;
    enum newline_mode mode = f->text ? f->newline : NEWLINE_LF;
    size_t n = left ? line_length(mode, f->at + from, left, true) : 0;
    if (!n) n = left;
    if (limit >= 0) {
        size_t most = span(f, from, (size_t)limit);
        if (n > most) n = most;
    }
    if (n) f->pos = from + n;
    return cut(in, f, from, n);
}

static value readline(interp *in, const value *arg)
{
    memfile *f = open_self(in, arg[0]);
    int64_t n;
    return f && size_arg(in, arg[1], &n) ? line(in, f, n) : FAIL;
}

static value next(interp *in, value self)
{
    memfile *f = open_self(in, self);
    return f && f->pos < f->n ? line(in, f, -1) : FAIL;
}

static value readlines(interp *in, const value *arg)
{
    memfile *f = open_self(in, arg[0]);
    int64_t hint;
    size_t from;
    if (!f || !size_arg(in, arg[1], &hint)) return FAIL;
    list *l = list_new(in, 0);
    from = f->pos;
    while (l && f->pos < f->n && (hint <= 0 || f->pos - from < (size_t)hint))
        if (!list_add(in, l, line(in, f, -1))) {
            obj_unref(in, l);
            return FAIL;
        }
    return v_obj(l);
}

static value write_method(interp *in, const value *arg)
{
    memfile *f = open_self(in, arg[0]);
    size_t n;
    if (!f) return FAIL;
    str *s = as_str(arg[1]);
    if (f->text) {
        if (!s)
            return throw(in, TypeError, "string argument expected, got '%s'",
                         type_of(in, arg[1])->name);
        return write_str(in, f, s) ? v_int((int64_t)s->nchar) : FAIL;
    }
    const char *b = bytes_peek(arg[1], &n);
    if (b) return put(in, f, b, n) ? v_int((int64_t)n) : FAIL;
    value raw = s ? FAIL : call_method(in, arg[1], "tobytes", 0);
    if (is_fail(raw)) {
        exc_clear(in);
        return throw(in, TypeError, "a bytes-like object is required, not '%s'",
                     type_of(in, arg[1])->name);
    }
    b = bytes_peek(raw, &n);
    bool ok = b && put(in, f, b, n);
    value_unref(in, raw);
    return ok ? v_int((int64_t)n) : FAIL;
}

static value writelines(interp *in, const value *arg)
{
    value it = value_iter(in, arg[1]), v;
    int r = is_fail(it) ? -1 : 1;
    while (r > 0 && (r = iter_next(in, it, &v)) > 0) {
        const value a[2] = {arg[0], v};
        if (is_fail(write_method(in, a))) r = -1;
        value_unref(in, v);
    }
    value_unref(in, it);
    return r < 0 ? FAIL : NONE;
}

static value getvalue(interp *in, const value *arg)
{
    memfile *f = open_self(in, arg[0]);
    return f ? cut(in, f, 0, f->n) : FAIL;
}

static value tell(interp *in, const value *arg)
{
    memfile *f = open_self(in, arg[0]);
    return f ? v_int(char_offset(f, f->pos)) : FAIL;
}

static value seek(interp *in, const value *arg)
{
    memfile *f = open_self(in, arg[0]);
    int64_t to, whence;
    if (!f || !to_int64(in, arg[1], &to) || !to_int64(in, arg[2], &whence)) return FAIL;
    if (whence < 0 || whence > 2)
        return throw(in, ValueError, "Invalid whence (%lld, should be 0, 1 or 2)",
                     (long long)whence);
    if (f->text && whence && to) return throw(in, OSError, "Can't do nonzero cur-relative seeks");
    if (!whence && to < 0)
        return throw(in, ValueError,
                     f->text ? "Negative seek position %lld" : "negative seek value %lld",
                     (long long)to);
    if (f->text)
        f->pos = whence == 2 ? f->n : whence == 1 ? f->pos : span(f, 0, (size_t)to);
    else {
        to += whence == 1 ? (int64_t)f->pos : whence == 2 ? (int64_t)f->n : 0;
        f->pos = to < 0 ? 0 : (size_t)to;
    }
    return v_int(char_offset(f, f->pos));
}

static value truncate_method(interp *in, const value *arg)
{
    memfile *f = open_self(in, arg[0]);
    int64_t n;
    if (!f) return FAIL;
    size_t at = f->pos;
    if (!is_none(arg[1])) {
        if (!to_int64(in, arg[1], &n)) return FAIL;
        if (n < 0) return throw(in, ValueError, "negative size value %lld", (long long)n);
        at = f->text ? span(f, 0, (size_t)n) : (size_t)n;
    } else
        n = char_offset(f, at);
    if (at < f->n) f->n = at;
    return v_int(n);
}

static value close_method(interp *in, const value *arg)
{
    (void)in;
    as_memfile(arg[0])->closed = true;
    return NONE;
}

static value flush(interp *in, const value *arg)
{
    return open_self(in, arg[0]) ? NONE : FAIL;
}

static value yes(interp *in, const value *arg)
{
    return open_self(in, arg[0]) ? v_bool(true) : FAIL;
}

static value no(interp *in, const value *arg)
{
    return open_self(in, arg[0]) ? v_bool(false) : FAIL;
}

static value get_closed(interp *in, const value *arg)
{
    (void)in;
    return v_bool(as_memfile(arg[0])->closed);
}

static value none(interp *in, const value *arg)
{
    (void)in, (void)arg;
    return NONE;
}

static value no_fileno(interp *in, const value *arg)
{
    (void)arg;
    return throw(in, UnsupportedOperation, "fileno");
}

static value enter(interp *in, value self)
{
    return open_self(in, self) ? value_ref(self) : FAIL;
}

static value leave(interp *in, value self, value exc)
{
    (void)in, (void)exc;
    as_memfile(self)->closed = true;
    return NONE;
}

// clang-format off
#define SHARED                                                                                     \
    {"read(self, size=-1, /)", read_method, "Read at most size characters or bytes; all without."},\
    {"readline(self, size=-1, /)", readline, "The next line, with its end."},                        \
    {"readlines(self, hint=-1, /)", readlines, "The lines that are left, as a list."},         \
    {"write(self, s, /)", write_method, "Writes; how many were taken."},        \
    {"writelines(self, lines, /)", writelines, "Writes texts one after the other."},                \
    {"getvalue(self, /)", getvalue, "All that is in it."},                \
    {"tell(self, /)", tell, "Where the next read or write begins."},                                    \
    {"seek(self, pos, whence=0, /)", seek, "Goes to another place."},                             \
    {"truncate(self, pos=None, /)", truncate_method, "Cuts it off at pos, or here."},                     \
    {"close(self, /)", close_method, "Lets go of what is in it."},                                      \
    {"flush(self, /)", flush, "Does nothing."},                                                    \
    {"readable(self, /)", yes, "Whether it can be read from."},                      \
    {"writable(self, /)", yes, "Whether it can be written to."},                   \
    {"seekable(self, /)", yes, "Whether its place can be changed."},                    \
    {"isatty(self, /)", no, "No: nobody sits there."},                                              \
    {"fileno(self, /)", no_fileno, "There is no descriptor."},                                     \
    {"@property closed", get_closed, NULL}

static const builtin text_table[] = {
    SHARED,
    {"__init__(self, initial_value='', newline='\\n')", init_text, NULL},
    {"@property encoding", none, NULL},
    {"@property errors", none, NULL},
    {"@property newlines", none, NULL},
    {"@property line_buffering", no, NULL},
    {0},
};
static const builtin bytes_table[] = {
    SHARED,
    {"__init__(self, initial_bytes=<unset>)", init_bytes, NULL},
    {"getbuffer(self, /)", getvalue, "The contents as bytes."},
    {"read1(self, size=-1, /)", read_method, "As read()."},
    {"readinto(self, buffer, /)", readinto, "Reads as much as fits; how many bytes that were."},
    {"readinto1(self, buffer, /)", readinto, "As readinto()."},
    {0},
};
// clang-format on

#define MEMFILE                                                                                    \
    TYPE_HEAD, .module = "_io", .size = sizeof(memfile), .flags = TYPE_BASE | TYPE_DICT,           \
               .drop = drop, .iter = iter_self, .next = next, .enter = enter, .exit = leave

static const type T_stringio = {
    MEMFILE,
    .name = "StringIO",
    .doc = "A text file whose content is a string in memory.",
    .table = text_table,
    .make = stringio_make,
};
static const type T_bytesio = {
    MEMFILE,
    .name = "BytesIO",
    .doc = "A binary file whose content is bytes in memory.",
    .table = bytes_table,
    .make = bytesio_make,
};

static bool open_io(interp *in, module *m)
{
    static const type *const types[] = {&T_stringio, &T_bytesio, &T_text_file,
                                        &T_reader,   &T_writer,  &T_random_file};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!module_put_type(in, m, types[i])) return false;
    return module_put(in, m, "UnsupportedOperation", v_type(exc_type(UnsupportedOperation)));
}

const module_def io_def = {
    .name = "_io",
    .doc = "Streams on files and in memory.",
    .open = open_io,
};

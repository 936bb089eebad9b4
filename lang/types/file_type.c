/* lang/types/file_type.c - file objects of the language: TextIOWrapper, BufferedReader, ... */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/mem.h"
#include "lang/builtins.h"
#include "lang/types/bytes.h"
#include "lang/types/memview.h"
#include "lang/types/file.h"
#include "lang/types/iter.h"

static file *open_file(interp *in, value v)
{
    file *f = (file *)v.o;
    if (f->fd >= 0) return f;
    return THROW0(in, ValueError, "%s",
                  f->text ? "I/O operation on closed file." : "I/O operation on closed file.");
}

static file *readable_file(interp *in, value v)
{
    file *f = open_file(in, v);
    if (!f || f->readable) return f;
    return THROW0(in, UnsupportedOperation, "%s", f->text ? "not readable" : "read");
}

static file *writable_file(interp *in, value v)
{
    file *f = open_file(in, v);
    if (!f || f->writable) return f;
    return THROW0(in, UnsupportedOperation, "%s", f->text ? "not writable" : "write");
}

/* ---- reading ---- */

/* Hands out the first n bytes of the buffer, as str or bytes. */
static value take(interp *in, file *f, size_t n)
{
    const char *s = f->in + f->at;
    f->at += n;
    if (!n) s = "";
    if (!f->text) return v_obj(bytes_new(in, s, n));
    return file_decode(in, f->encoding, f->errors, s, n);
}

static value read_all(interp *in, file *f)
{
    int r;
    while ((r = file_fill(in, f)) > 0) {
    }
    return r < 0 ? FAIL : take(in, f, f->n - f->at);
}

/* Bytes of the first n characters in s[0 .. len), or of all; *n becomes what is missing. */
static size_t bytes_of_chars(const char *s, size_t len, int64_t *n, bool text)
{
    if (!text) {
        size_t k = (size_t)*n < len ? (size_t)*n : len;
        *n -= (int64_t)k;
        return k;
    }
    size_t i = 0;
    while (i<len && * n> 0) {
        unsigned char c = (unsigned char)s[i];
        size_t w = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        if (i + w > len) break;
        i += w;
        --*n;
    }
    return i;
}

static value read_some(interp *in, file *f, int64_t n)
{
    for (;;) {
        int64_t missing = n;
        size_t k = bytes_of_chars(f->in + f->at, f->n - f->at, &missing, f->text);
        if (!missing || f->ended) {
            f->ended = false;
            return take(in, f, missing ? f->n - f->at : k);
        }
        if (file_fill(in, f) < 0) return FAIL;
    }
}

static bool size_arg(interp *in, value v, int64_t *n)
{
    *n = -1;
    return is_none(v) || to_int64(in, v, n);
}

/* How many bytes to read without a buffer between; 0: few, or characters. */
static size_t read_much(const file *f, int64_t n)
{
    enum { MUCH = 1 << 18 };
    const size_t have = f->n - f->at;
    if (f->text || (n >= 0 && (size_t)n < have + MUCH)) return 0;
    size_t left = file_left(f);
    if (left < MUCH) return 0;
    return n < 0 || have + left < (size_t)n ? have + left : (size_t)n;
}

static value read_method(interp *in, const value *arg)
{
    int64_t n;
    file *f = readable_file(in, arg[0]);
    if (!f || !size_arg(in, arg[1], &n)) return FAIL;
    const size_t much = read_much(f, n);
    if (much) return v_obj(file_read_bytes(in, f, much));
    return n < 0 ? read_all(in, f) : read_some(in, f, n);
}

static value readinto(interp *in, const value *arg)
{
    return buffer_fill(in, arg[0], arg[1], read_method);
}

/* The next line, or FAIL at the end of the file. */
static value next_line(interp *in, file *f, int64_t limit)
{
    enum newline_mode mode = f->text ? f->newline : NEWLINE_LF;
    for (;;) {
        size_t have = f->n - f->at, n = 0;
        if (have) n = line_length(mode, f->in + f->at, have, f->ended);
        if (!n && f->ended) n = have;
        if (n || f->ended || (limit >= 0 && have >= (size_t)limit)) {
            f->ended = false;
            if (limit >= 0 && (!n || n > (size_t)limit))
                n = (size_t)limit < have ? (size_t)limit : have;
            return n ? take(in, f, n) : FAIL;
        }
        if (file_fill(in, f) < 0) return FAIL;
    }
}

static value empty(interp *in, const file *f)
{
    return f->text ? v_str(in, "") : v_obj(bytes_new(in, "", 0));
}

static value readline(interp *in, const value *arg)
{
    int64_t n;
    file *f = readable_file(in, arg[0]);
    if (!f || !size_arg(in, arg[1], &n)) return FAIL;
    if (!n) return empty(in, f);
    value v = next_line(in, f, n);
    return is_fail(v) && !throwing(in) ? empty(in, f) : v;
}

static value next(interp *in, value self)
{
    file *f = readable_file(in, self);
    return f ? next_line(in, f, -1) : FAIL;
}

static value readlines(interp *in, const value *arg)
{
    int64_t hint, total = 0;
    file *f = readable_file(in, arg[0]);
    if (!f || !size_arg(in, arg[1], &hint)) return FAIL;
    list *l = list_new(in, 0);
    value v;
    while (l && (hint <= 0 || total < hint) && !is_fail(v = next_line(in, f, -1))) {
        total += value_len(in, v);
        if (!list_add(in, l, v)) break;
    }
    if (!throwing(in)) return v_obj(l);
    obj_unref(in, l);
    return FAIL;
}

/* ---- writing ---- */

static bool write_lines_translated(interp *in, file *f, const char *s, size_t n)
{
    const char *end = f->newline == NEWLINE_CR ? "\r" : "\r\n", *p;
    while ((p = memchr(s, '\n', n))) {
        size_t k = (size_t)(p - s);
        if (!file_write(in, f, s, k) || !file_write(in, f, end, strlen(end))) return false;
        s = p + 1;
        n -= k + 1;
    }
    return file_write(in, f, s, n);
}

static bool write_encoded(interp *in, file *f, value text)
{
    value how = f->errors ? v_obj(obj_ref(f->errors)) : v_str(in, "strict");
    value enc = f->encoding ? v_obj(obj_ref(f->encoding)) : v_str(in, "utf-8");
    value b = call_method(in, text, "encode", 2, enc, how);
    value_unref(in, enc);
    value_unref(in, how);
    size_t n = 0;
    const char *s = is_fail(b) ? NULL : bytes_peek(b, &n);
    bool ok = s && file_write(in, f, s, n);
    value_unref(in, b);
    return ok;
}

static bool write_text(interp *in, file *f, value v)
{
    str *s = as_str(v);
    if (!s) {
        throw(in, TypeError, "write() argument must be str, not %s", type_of(in, v)->name);
        return false;
    }
    if (f->newline == NEWLINE_CR || f->newline == NEWLINE_CRLF)
        return write_lines_translated(in, f, s->at, s->nbyte);
    bool utf8 =
        !f->encoding || !strncmp(f->encoding->at, "utf", 3) || !strncmp(f->encoding->at, "UTF", 3);
    if (utf8 || s->nbyte == s->nchar) return file_write(in, f, s->at, s->nbyte);
    return write_encoded(in, f, v);
}

static value write_method(interp *in, const value *arg)
{
    file *f = writable_file(in, arg[0]);
    size_t n;
    if (!f) return FAIL;
    if (f->text) return write_text(in, f, arg[1]) ? v_int((int64_t)as_str(arg[1])->nchar) : FAIL;
    const char *s = bytes_peek(arg[1], &n);
    if (s) return file_write(in, f, s, n) ? v_int((int64_t)n) : FAIL;
    if (as_str(arg[1])) return throw(in, TypeError, "a bytes-like object is required, not 'str'");
    value b = call_method(in, arg[1], "tobytes", 0); /* an array, a memoryview */
    if (is_fail(b)) {
        exc_clear(in);
        return throw(in, TypeError, "a bytes-like object is required, not '%s'",
                     type_of(in, arg[1])->name);
    }
    s = bytes_peek(b, &n);
    bool ok = s && file_write(in, f, s, n);
    value_unref(in, b);
    return ok ? v_int((int64_t)n) : FAIL;
}

static value writelines(interp *in, const value *arg)
{
    value it = value_iter(in, arg[1]), v;
    if (is_fail(it)) return FAIL;
    int r;
    while ((r = iter_next(in, it, &v)) > 0) {
        const value a[2] = {arg[0], v};
        value done = write_method(in, a);
        value_unref(in, v);
        if (is_fail(done)) {
            r = -1;
            break;
        }
    }
    value_unref(in, it);
    return r < 0 ? FAIL : NONE;
}

/* ---- the rest ---- */

static value flush(interp *in, const value *arg)
{
    file *f = open_file(in, arg[0]);
    return f && file_flush(in, f) ? NONE : FAIL;
}

static value close_method(interp *in, const value *arg)
{
    return file_close(in, (file *)arg[0].o) ? NONE : FAIL;
}

static value tell(interp *in, const value *arg)
{
    file *f = open_file(in, arg[0]);
    int64_t at = f ? file_tell(in, f) : -1;
    return at < 0 ? FAIL : v_int(at);
}

static value seek(interp *in, const value *arg)
{
    file *f = open_file(in, arg[0]);
    int64_t to, whence;
    if (!f || !to_int64(in, arg[1], &to) || !to_int64(in, arg[2], &whence)) return FAIL;
    if (f->text && whence && to)
        return throw(in, UnsupportedOperation, "can't do nonzero %s-relative seeks",
                     whence == 1 ? "cur" : "end");
    if (whence == 0 && to < 0)
        return f->text ? throw(in, ValueError, "negative seek position %lld", (long long)to)
                       : throw_errno(in, EINVAL, FAIL);
    if (whence == 1) {
        int64_t at = file_tell(in, f);
        if (at < 0) return FAIL;
        to += at;
        whence = 0;
    }
    int64_t at = file_seek(in, f, to, whence == 2 ? SEEK_END : SEEK_SET);
    return at < 0 ? FAIL : v_int(at);
}

static value truncate_method(interp *in, const value *arg)
{
    file *f = writable_file(in, arg[0]);
    int64_t n;
    if (!f || (n = file_tell(in, f)) < 0) return FAIL;
    if (!is_none(arg[1]) && !to_int64(in, arg[1], &n)) return FAIL;
    return ftruncate(f->fd, n) ? throw_errno(in, errno, FAIL) : v_int(n);
}

static value fileno_method(interp *in, const value *arg)
{
    file *f = open_file(in, arg[0]);
    return f ? v_int(f->fd) : FAIL;
}

static value isatty_method(interp *in, const value *arg)
{
    file *f = open_file(in, arg[0]);
    return f ? v_bool(isatty(f->fd)) : FAIL;
}

static value readable(interp *in, const value *arg)
{
    file *f = open_file(in, arg[0]);
    return f ? v_bool(f->readable) : FAIL;
}

static value writable(interp *in, const value *arg)
{
    file *f = open_file(in, arg[0]);
    return f ? v_bool(f->writable) : FAIL;
}

static value seekable(interp *in, const value *arg)
{
    file *f = open_file(in, arg[0]);
    return f ? v_bool(lseek(f->fd, 0, SEEK_CUR) >= 0) : FAIL;
}

static value get_closed(interp *in, const value *arg)
{
    (void)in;
    return v_bool(((file *)arg[0].o)->fd < 0);
}

static value get_name(interp *in, const value *arg)
{
    (void)in;
    return value_ref(((file *)arg[0].o)->name);
}

static value get_mode(interp *in, const value *arg)
{
    file *f = (file *)arg[0].o;
    if (f->text) return v_obj(obj_ref(f->mode));
    return v_str(in, f->append               ? f->readable ? "ab+" : "ab"
                     : !f->writable          ? "rb"
                     : f->readable           ? "rb+"
                     : f->mode->at[0] == 'x' ? "xb"
                                             : "wb");
}

static value get_encoding(interp *in, const value *arg)
{
    file *f = (file *)arg[0].o;
    return f->encoding ? v_obj(obj_ref(f->encoding)) : v_str(in, "UTF-8");
}

static value get_errors(interp *in, const value *arg)
{
    file *f = (file *)arg[0].o;
    return f->errors ? v_obj(obj_ref(f->errors)) : v_str(in, "strict");
}

static value get_newlines(interp *in, const value *arg)
{
    (void)in, (void)arg;
    return NONE;
}

static value get_line_buffering(interp *in, const value *arg)
{
    (void)in;
    return v_bool(((file *)arg[0].o)->line_buffered);
}

/* A binary stream on the same descriptor. */
static value get_buffer(interp *in, const value *arg)
{
    file *f = open_file(in, arg[0]);
    if (!f || !file_flush(in, f)) return FAIL;
    file *b = obj_new(in, f->readable ? &T_reader : &T_writer, 0);
    if (!b) return FAIL;
    b->fd = f->fd;
    b->host = f->host;
    b->readable = f->readable;
    b->writable = f->writable;
    b->keep_fd = true;
    b->name = value_ref(f->name);
    b->mode = obj_ref(f->mode);
    return v_obj(b);
}

static value reconfigure(interp *in, const value *arg)
{
    file *f = open_file(in, arg[0]);
    if (!f) return FAIL;
    if (as_str(arg[1])) {
        obj_unref(in, f->encoding);
        f->encoding = obj_ref(as_str(arg[1]));
    }
    if (as_str(arg[2])) {
        obj_unref(in, f->errors);
        f->errors = obj_ref(as_str(arg[2]));
    }
    return NONE;
}

static value enter(interp *in, value self)
{
    return open_file(in, self) ? value_ref(self) : FAIL;
}

static value leave(interp *in, value self, value exc)
{
    (void)exc;
    return file_close(in, (file *)self.o) ? NONE : FAIL;
}

static value repr(interp *in, value self)
{
    file *f = (file *)self.o;
    str *name = value_repr(in, f->name), *s = NULL;
    if (name && f->text)
        s = str_fmt(in, "<_io.%s name=%s mode='%s' encoding='%s'>", self.o->type->name, name->at,
                    f->mode->at, f->encoding ? f->encoding->at : "UTF-8");
    else if (name)
        s = str_fmt(in, "<_io.%s name=%s>", self.o->type->name, name->at);
    obj_unref(in, name);
    return v_obj(s);
}

static void drop(interp *in, obj *o)
{
    file *f = (file *)o;
    value pending = exc_take(in); /* a flush that fails here has nobody to tell */
    if (!file_close(in, f)) exc_clear(in);
    if (!is_fail(pending)) throw_value(in, pending);
    value_unref(in, pending);
    mem_free(f->in);
    mem_free(f->out);
    value_unref(in, f->name);
    obj_unref(in, f->mode);
    obj_unref(in, f->encoding);
    obj_unref(in, f->errors);
}

// clang-format off
#define SHARED                                                                                     \
    {"read(self, size=-1, /)", read_method, "Read at most size characters or bytes; all without."},\
    {"readline(self, size=-1, /)", readline, "The next line, with its end."},                        \
    {"readlines(self, hint=-1, /)", readlines, "The lines that are left, as a list."},         \
    {"write(self, text, /)", write_method, "Writes; how many were taken."},   \
    {"writelines(self, lines, /)", writelines, "Writes texts one after the other."},                \
    {"flush(self, /)", flush, "Hands on what was written so far."},                              \
    {"close(self, /)", close_method, "Writes what is left and lets go."},                            \
    {"tell(self, /)", tell, "Where the next read or write begins."},                                    \
    {"seek(self, cookie, whence=0, /)", seek, "Goes to another place."},                      \
    {"truncate(self, pos=None, /)", truncate_method, "Cuts the file off at pos, or here."},              \
    {"fileno(self, /)", fileno_method, "The number the system knows it by."},                      \
    {"isatty(self, /)", isatty_method, "Whether somebody sits at the other end."},         \
    {"readable(self, /)", readable, "Whether it can be read from."},              \
    {"writable(self, /)", writable, "Whether it can be written to."},              \
    {"seekable(self, /)", seekable, "Whether its place can be changed."},              \
    {"@property closed", get_closed, NULL},                                                        \
    {"@property name", get_name, NULL},                                                            \
    {"@property mode", get_mode, NULL}

static const builtin binary_table[] = {
    SHARED,
    {"readinto(self, buffer, /)", readinto, "Reads as much as fits; how many bytes that were."},
    {"readinto1(self, buffer, /)", readinto, "As readinto()."},
    {"read1(self, size=-1, /)", read_method, "As read()."},
    {0},
};
static const builtin text_table[] = {
    SHARED,
    {"@property encoding", get_encoding, NULL},
    {"@property errors", get_errors, NULL},
    {"@property newlines", get_newlines, NULL},
    {"@property line_buffering", get_line_buffering, NULL},
    {"@property buffer", get_buffer, NULL},
    {"reconfigure(self, /, *, encoding=None, errors=None, newline=None, line_buffering=None, "
     "write_through=None)", reconfigure, "Goes on with another encoding or newline."},
    {0},
};
// clang-format on

#define STREAM                                                                                     \
    TYPE_HEAD, .module = "_io", .size = sizeof(file), .drop = drop, .repr = repr,                  \
               .iter = iter_self, .next = next, .enter = enter, .exit = leave

/* Text over any binary file: written in the library, beside the one of open files here. */
static value text_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    (void)cls;
    value m = interp_import(in, "io");
    value f = is_fail(m) ? FAIL : value_getattr_c(in, m, "_TextOver");
    value r = is_fail(f) ? FAIL : value_call(in, f, arg, npos, kwnames);
    value_unref(in, f);
    value_unref(in, m);
    return r;
}

const type T_text_file = {STREAM, .name = "TextIOWrapper", .table = text_table, .make = text_make};
const type T_reader = {STREAM, .name = "BufferedReader", .table = binary_table};
const type T_writer = {STREAM, .name = "BufferedWriter", .table = binary_table};
const type T_random_file = {STREAM, .name = "BufferedRandom", .table = binary_table};

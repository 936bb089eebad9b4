/* lang/types/file.c - the stream under open(): descriptor, buffers, line ends, position.
 *
 * Reading: in[at .. n) holds bytes not yet handed out; with newline=None they are translated
 * when they are read.  Writing: out[] collects up to OUT bytes.  A file that does both flushes and
 * drops the read-ahead when it changes direction.  Streams of the host (sys.stdout) hold nothing
 * back. */
#include "lang/types/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/find.h"
#include "engine/base/mem.h"
#include "lang/builtins.h"
#include "lang/types/bytes.h"

enum { IN = 64 * 1024, OUT = 32 * 1024, AT_ONCE = 8 << 20 };

/* ---- errors and names ---- */

value throw_errno(interp *in, int code, value filename)
{
    str *path = NULL; /* a PathLike shows as its path */
    if (filename.kind == V_OBJ && filename.o->type->flags & TYPE_HEAP && !as_str(filename)) {
        if (!path_text(in, filename, &path)) return FAIL;
        value r = throw_errno(in, code, (value){.kind = V_OBJ, .o = &path->hdr});
        obj_unref(in, path);
        return r;
    }
    value text = v_str(in, strerror(code)), cls = v_type(exc_type(err_of_errno(code)));
    value e = is_fail(text) ? FAIL
              : is_fail(filename) || is_none(filename)
                  ? call_n(in, cls, 2, v_int(code), text)
                  : call_n(in, cls, 3, v_int(code), text, filename);
    value_unref(in, text);
    if (!is_fail(e)) throw_value(in, e);
    value_unref(in, e);
    return FAIL;
}

bool path_text(interp *in, value path, str **out)
{
    size_t n;
    value p;
    *out = as_str(path);
    if (*out) {
        obj_ref(*out);
        return true;
    }
    const char *s = bytes_peek(path, &n);
    if (s) return (*out = str_new(in, s, n));
    int has = value_findattr(in, path, "__fspath__", &p);
    if (has < 0) return false;
    if (!has) {
        throw(in, TypeError, "expected str, bytes or os.PathLike object, not %s",
              type_of(in, path)->name);
        return false;
    }
    value text = call_n(in, p, 0);
    value_unref(in, p);
    bool ok = !is_fail(text) && path_text(in, text, out);
    value_unref(in, text);
    return ok;
}

file *as_file(value v)
{
    if (v.kind != V_OBJ) return NULL;
    const type *t = v.o->type;
    return t == &T_text_file || t == &T_reader || t == &T_writer || t == &T_random_file
               ? (file *)v.o
               : NULL;
}

/* ---- opening ---- */

/* "r+b" and so on into flags of open(); false: ValueError */
static bool parse_mode(interp *in, const str *mode, file *f, int *flags)
{
    int kinds = 0, plus = 0, binary = 0, text = 0;
    char kind = 0;
    for (const char *p = mode->at; *p; p++) {
        if (strchr("rwxa", *p)) {
            kinds++;
            kind = *p;
        } else if (*p == '+' && !plus)
            plus = 1;
        else if (*p == 'b' && !binary)
            binary = 1;
        else if (*p == 't' && !text)
            text = 1;
        else {
            throw(in, ValueError, "invalid mode: '%s'", mode->at);
            return false;
        }
    }
    if (binary && text) {
        throw(in, ValueError, "can't have text and binary mode at once");
        return false;
    }
    if (kinds != 1) {
        throw(in, ValueError, "must have exactly one of create/read/write/append mode");
        return false;
    }
    f->text = !binary;
    f->readable = kind == 'r' || plus;
    f->writable = kind != 'r' || plus;
    f->append = kind == 'a';
    *flags = f->readable ? f->writable ? O_RDWR : O_RDONLY : O_WRONLY;
    if (kind == 'w') *flags |= O_CREAT | O_TRUNC;
    if (kind == 'x') *flags |= O_CREAT | O_EXCL;
    if (kind == 'a') *flags |= O_CREAT | O_APPEND;
    return true;
}

static bool parse_newline(interp *in, value v, file *f)
{
    str *s = as_str(v);
    if (is_none(v)) return true;
    if (!s) {
        throw(in, TypeError, "open() argument 'newline' must be str or None, not %s",
              type_of(in, v)->name);
        return false;
    }
    static const char *const text[] = {[NEWLINE_KEEP] = "", "\n", "\r", "\r\n"};
    for (uint8_t i = NEWLINE_KEEP; i <= NEWLINE_CRLF; i++)
        if (str_is(s, text[i])) {
            f->newline = i;
            return true;
        }
    throw(in, ValueError, "illegal newline value: %s", s->at);
    return false;
}

static bool open_path(interp *in, file *f, value name, int flags)
{
    str *path;
    struct stat st;
    if (!path_text(in, name, &path)) return false;
    if (strlen(path->at) != path->nbyte) {
        obj_unref(in, path);
        throw(in, ValueError, "embedded null byte");
        return false;
    }
    size_t n;
    if (!as_str(name) && !bytes_peek(name, &n)) { /* the text of a path that is an object */
        value_unref(in, f->name);
        f->name = v_obj(obj_ref(path));
    }
    f->fd = open(path->at, flags | O_CLOEXEC, 0666);
    int code = f->fd < 0 ? errno : 0;
    if (!code && !fstat(f->fd, &st) && S_ISDIR(st.st_mode)) {
        code = EISDIR;
        close(f->fd);
        f->fd = -1;
    }
    obj_unref(in, path);
    if (code) throw_errno(in, code, name);
    return !code;
}

static const type *type_for(const file *f)
{
    if (f->text) return &T_text_file;
    return f->readable ? f->writable ? &T_random_file : &T_reader : &T_writer;
}

static bool fill_in(interp *in, file *f, value name, str *mode, value newline, bool closefd)
{
    int flags;
    if (!parse_mode(in, mode, f, &flags) || !parse_newline(in, newline, f)) return false;
    if (!f->text && (f->encoding || f->errors || !is_none(newline))) {
        throw(in, ValueError, "binary mode doesn't take %s argument",
              f->encoding ? "an encoding"
              : f->errors ? "an errors"
                          : "a newline");
        return false;
    }
    f->name = value_ref(name);
    f->mode = obj_ref(mode);
    f->keep_fd = !closefd;
    if (name.kind == V_INT)
        f->fd = (int)name.i;
    else if (!open_path(in, f, name, flags))
        return false;
    f->line_buffered = isatty(f->fd);
    if (f->append) lseek(f->fd, 0, SEEK_END);
    f->hdr.type = type_for(f);
    return true;
}

static bool is_utf8(const str *encoding)
{
    static const char *const names[] = {"utf-8", "UTF-8", "utf8", "UTF8", "utf_8", "U8"};
    if (!encoding) return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_is(encoding, names[i])) return true;
    return false;
}

static bool check_encoding(interp *in, str *encoding)
{
    if (is_utf8(encoding)) return true;
    str *s = bytes_decode(in, "", 0, encoding->at, NULL);
    obj_unref(in, s);
    return s != NULL;
}

value file_open(interp *in, value name, str *mode, str *encoding, str *errors, value newline,
                bool closefd)
{
    file *f = NULL;
    if (encoding && !check_encoding(in, encoding)) return FAIL;
    if (!(f = obj_new(in, &T_text_file, 0))) return FAIL;
    f->fd = -1;
    f->encoding = obj_ref(encoding);
    f->errors = obj_ref(errors);
    if (fill_in(in, f, name, mode, newline, closefd)) return v_obj(f);
    obj_unref(in, f);
    return FAIL;
}

value file_std(interp *in, int fd, const char *name)
{
    file *f = obj_new(in, &T_text_file, 0);
    if (!f) return FAIL;
    f->fd = fd;
    f->host = fd;
    f->text = f->keep_fd = true;
    f->readable = !fd;
    f->writable = fd > 0;
    f->name = v_str(in, name);
    f->mode = str_of(in, fd ? "w" : "r");
    f->encoding = str_of(in, "utf-8");
    return v_obj(f);
}

/* ---- writing ---- */

/* How much may be written at once so that it does not wait: what a pipe has room for. */
static size_t most_at_once(const interp *in, const file *f)
{
    struct stat about;
    bool pipe = interp_several(in) && !fstat(f->fd, &about) && S_ISFIFO(about.st_mode);
    return pipe ? PIPE_BUF : AT_ONCE;
}

static bool write_pieces(interp *in, file *f, const char *s, size_t n)
{
    const size_t most = most_at_once(in, f);
    while (n) {
        if (!check_interrupt(in) || !interp_await_fd(in, f->fd, POLLOUT)) return false;
        ssize_t k = write(f->fd, s, n < most ? n : most);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) {
            throw_errno(in, errno, FAIL);
            return false;
        }
        s += k;
        n -= (size_t)k;
    }
    return true;
}

static bool write_all(interp *in, file *f, const char *s, size_t n)
{
    double step = 0;
    while (f->writing)
        if (!interp_rest(in, &step)) return false;
    f->writing = true;
    bool ok = write_pieces(in, f, s, n);
    f->writing = false;
    return ok;
}

bool file_flush(interp *in, file *f)
{
    size_t n = f->nout;
    char *out = f->out; /* other threads may write while this one waits */
    const host *h = f->host ? interp_host(in) : NULL;
    if (h && h->write) h->write(h->ctx, f->host, "", 0);
    if (!n) return true;
    f->nout = 0;
    f->out = NULL;
    bool ok = write_all(in, f, out, n);
    if (f->out)
        mem_free(out);
    else
        f->out = out;
    return ok;
}

/* Forgets the read-ahead; the descriptor goes back to where the program is. */
static void drop_read_ahead(file *f)
{
    if (f->n > f->at) lseek(f->fd, -(off_t)(f->n - f->at), SEEK_CUR);
    f->at = f->n = 0;
    f->ended = f->saw_cr = false;
}

bool file_write(interp *in, file *f, const char *s, size_t n)
{
    if (f->host) return stream_write(in, FAIL, f->host, s, n);
    drop_read_ahead(f);
    if (f->nout + n > OUT && !file_flush(in, f)) return false;
    if (n > OUT) return write_all(in, f, s, n);
    if (!f->out) f->out = mem_alloc(OUT);
    memcpy(f->out + f->nout, s, n);
    f->nout += n;
    return !f->line_buffered || !memchr(s, '\n', n) || file_flush(in, f);
}

bool file_close(interp *in, file *f)
{
    if (f->fd < 0) return true;
    bool ok = file_flush(in, f);
    int fd = f->fd;
    f->fd = -1;
    if (!f->keep_fd && close(fd) && ok) {
        throw_errno(in, errno, FAIL);
        ok = false;
    }
    return ok;
}

/* ---- reading ---- */

/* \r\n and \r in place into \n; returns the new length */
static size_t translate(file *f, char *s, size_t n)
{
    size_t to = 0;
    if (!f->saw_cr && !memchr(s, '\r', n)) return n;
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        bool after_cr = f->saw_cr;
        f->saw_cr = c == '\r';
        if (c == '\n' && after_cr) continue;
        s[to++] = c == '\r' ? '\n' : c;
    }
    return to;
}

int file_fill(interp *in, file *f)
{
    if (f->at < f->n) { /* keep what is there: it is part of a line or a character */
        memmove(f->in, f->in + f->at, f->n - f->at);
        f->n -= f->at;
    } else
        f->n = 0;
    f->at = 0;
    if (!file_flush(in, f) || !check_interrupt(in)) return -1;
    if (!interp_await_fd(in, f->fd, POLLIN)) return -1;
    if (f->cap < f->n + IN) {
        char *p = lang_grow(in, f->in, (int64_t)(f->n + IN), 1);
        if (!p) return -1;
        f->in = p;
        f->cap = f->n + IN;
    }
    for (;;) {
        ssize_t k = read(f->fd, f->in + f->n, f->cap - f->n);
        if (k < 0 && errno == EINTR) {
            if (!check_interrupt(in) || !interp_attend(in)) return -1;
            continue;
        }
        if (k < 0) return throw_errno(in, errno, FAIL), -1;
        if (!k) {
            f->ended = true;
            return 0;
        }
        size_t got = (size_t)k;
        if (f->text && f->newline == NEWLINE_ANY) got = translate(f, f->in + f->n, got);
        f->n += got;
        if (got) return 1;
    }
}

size_t file_left(const file *f)
{
    struct stat s;
    if (fstat(f->fd, &s) || !S_ISREG(s.st_mode)) return 0;
    off_t at = lseek(f->fd, 0, SEEK_CUR);
    return at >= 0 && s.st_size > at ? (size_t)(s.st_size - at) : 0;
}

/* Up to n bytes to `to`, in pieces; false: as if nothing had been read. */
static bool read_pieces(interp *in, const file *f, char *to, size_t n, size_t *got)
{
    for (*got = 0; *got < n;) {
        size_t most = n - *got < AT_ONCE ? n - *got : AT_ONCE;
        ssize_t k = read(f->fd, to + *got, most);
        const bool failed = k < 0 && errno != EINTR;
        if (failed) throw_errno(in, errno, FAIL);
        if (k > 0) *got += (size_t)k;
        if (failed || !check_interrupt(in)) {
            lseek(f->fd, -(off_t)*got, SEEK_CUR);
            return false;
        }
        if (!k) break;
    }
    return true;
}

bytes *file_read_bytes(interp *in, file *f, size_t n)
{
    const size_t have = f->n - f->at;
    size_t got;
    bytes *b = file_flush(in, f) ? bytes_new(in, NULL, n) : NULL;
    if (!b) return NULL;
    if (have) memcpy(b->at, f->in + f->at, have);
    if (!read_pieces(in, f, b->at + have, n - have, &got)) return obj_unref(in, b), NULL;
    f->at = f->n = 0;
    f->ended = false;
    if (have + got == n) return b;
    bytes *less = bytes_new(in, b->at, have + got); /* somebody has made the file shorter */
    obj_unref(in, b);
    return less;
}

size_t line_length(enum newline_mode mode, const char *s, size_t n, bool last)
{
    if (mode == NEWLINE_ANY || mode == NEWLINE_LF) {
        const char *p = memchr(s, '\n', n);
        return p ? (size_t)(p - s) + 1 : 0;
    }
    for (size_t i = 0; i < n; i++) {
        bool more = i + 1 < n;
        if (mode == NEWLINE_CRLF && s[i] == '\r' && more && s[i + 1] == '\n') return i + 2;
        if (mode == NEWLINE_CR && s[i] == '\r') return i + 1;
        if (mode != NEWLINE_KEEP) continue;
        if (s[i] == '\n') return i + 1;
        if (s[i] == '\r' && (more || last)) return more && s[i + 1] == '\n' ? i + 2 : i + 1;
    }
    return 0;
}

value file_decode(interp *in, str *encoding, str *errors, const char *s, size_t n)
{
    bool ascii = memory_is_ascii(s, n);
    if ((ascii && is_utf8(encoding)) || (ascii && n == 0)) return v_obj(str_new(in, s, n));
    bytes *b = bytes_new(in, s, n);
    if (!b) return FAIL;
    value enc = encoding ? v_obj(obj_ref(encoding)) : v_str(in, "utf-8");
    value how = errors ? v_obj(obj_ref(errors)) : v_str(in, "strict");
    value r = call_method(in, v_obj(b), "decode", 2, enc, how);
    value_unref(in, enc);
    value_unref(in, how);
    obj_unref(in, b);
    return r;
}

/* ---- position ---- */

int64_t file_tell(interp *in, file *f)
{
    if (!file_flush(in, f)) return -1;
    off_t at = lseek(f->fd, 0, SEEK_CUR);
    if (at < 0) return throw_errno(in, errno, FAIL), -1;
    return at - (int64_t)(f->n - f->at);
}

int64_t file_seek(interp *in, file *f, int64_t to, int whence)
{
    if (!file_flush(in, f)) return -1;
    drop_read_ahead(f);
    off_t at = lseek(f->fd, to, whence);
    if (at < 0) return throw_errno(in, errno, FAIL), -1;
    return at;
}

/* engine/io/npy.c - .npy: a magic string, a Python dict as text, the elements.
 *
 * Reading takes no memory beside the block; writing takes 4 MiB when the block is not contiguous.
 */
#include "engine/io/npy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/mem.h"
#include "engine/base/stop.h"
#include "engine/io/box.h"

static const char magic[6] = {'\x93', 'N', 'U', 'M', 'P', 'Y'};
enum { HEAD_MOST = 64 << 10, ALIGN = 64, SLAB = 4 << 20 };

enum npy_kind npy_kind_of(const void *bytes, size_t n)
{
    if (n >= 6 && memcmp(bytes, magic, 6) == 0) return NPY_ARRAY;
    if (n >= 4 && memcmp(bytes, "PK\3\4", 4) == 0) return NPY_ARCHIVE;
    return n >= 4 && memcmp(bytes, "PK\5\6", 4) == 0 ? NPY_ARCHIVE : NPY_OTHER;
}

/* --- the header's dict --- */

typedef struct scan {
    const char *at, *end;
    npy_head *out;
    unsigned seen; /* bit i: key i */
} scan;

static const char *const keys[] = {"descr", "fortran_order", "shape"};

static void skip_blanks(scan *s)
{
    while (s->at < s->end && strchr(" \t\r\n", *s->at)) s->at++;
}

static bool take(scan *s, char c)
{
    skip_blanks(s);
    if (s->at >= s->end || *s->at != c) return false;
    s->at++;
    return true;
}

/* A quoted string without escapes. */
static bool take_string(scan *s, char *out, size_t room)
{
    skip_blanks(s);
    if (s->at >= s->end || (*s->at != '\'' && *s->at != '"')) return false;
    const char *start = s->at + 1, *stop = memchr(start, *s->at, (size_t)(s->end - start));
    if (!stop || (size_t)(stop - start) >= room) return false;
    memcpy(out, start, (size_t)(stop - start));
    out[stop - start] = 0;
    s->at = stop + 1;
    return true;
}

/* The text of a value, up to a comma or brace outside brackets and quotes. */
static void skip_value(scan *s, char *out, size_t room)
{
    skip_blanks(s);
    const char *start = s->at;
    int depth = 0;
    for (char quote = 0; s->at < s->end; s->at++) {
        char c = *s->at;
        if (quote) {
            if (c == quote) quote = 0;
        } else if (c == '\'' || c == '"') {
            quote = c;
        } else if (strchr("([{", c)) {
            depth++;
        } else if (depth && strchr(")]}", c)) {
            depth--;
        } else if (!depth && (c == ',' || c == '}')) {
            break;
        }
    }
    const char *end = s->at;
    while (end > start && end[-1] == ' ') end--;
    snprintf(out, room, "%.*s", (int)(end - start), start);
}

/* An integer, perhaps with Python 2's L. */
static bool take_extent(scan *s, int64_t *out)
{
    skip_blanks(s);
    char *stop;
    errno = 0;
    *out = strtoll(s->at, &stop, 10);
    if (stop == s->at || errno) return false;
    s->at = stop;
    if (s->at < s->end && *s->at == 'L') s->at++;
    return true;
}

static bool take_shape(scan *s)
{
    npy_head *h = s->out;
    if (!take(s, '(')) return false;
    for (h->ndim = 0; !take(s, ')');) {
        if (h->ndim == ND_MAXDIM || !take_extent(s, &h->shape[h->ndim++])) return false;
        if (take(s, ',')) continue;
        return take(s, ')');
    }
    return true;
}

static bool take_descr(scan *s, err *e)
{
    char text[256];
    scan saved = *s;
    err bad = {0};
    if (take_string(s, text, sizeof text)) {
        if (dtype_parse(text, &s->out->t, &bad)) return true;
        err_clear(&bad);
        return err_set(e, ValueError, "descr is not a valid dtype descriptor: '%s'", text);
    }
    *s = saved;
    skip_value(s, text, sizeof text);
    if (text[0] == '[') {
        return err_set(e, NotImplementedError, "structured arrays are not supported: %s", text);
    }
    return err_set(e, ValueError, "descr is not a valid dtype descriptor: %s", text);
}

static bool take_fortran(scan *s, err *e)
{
    char text[256];
    skip_value(s, text, sizeof text);
    s->out->fortran = strcmp(text, "True") == 0;
    if (s->out->fortran || strcmp(text, "False") == 0) return true;
    return err_set(e, ValueError, "fortran_order is not a valid bool: %s", text);
}

static bool take_value(scan *s, int key, err *e)
{
    if (key == 0) return take_descr(s, e);
    if (key == 1) return take_fortran(s, e);
    scan saved = *s;
    if (take_shape(s)) return true;
    *s = saved;
    skip_blanks(s);
    if (*s->at == '(') return false;
    char text[256];
    skip_value(s, text, sizeof text);
    return err_set(e, ValueError, "shape is not valid: %s", text);
}

/* {key: value, ...}; false without an error recorded: not a dict at all */
static bool scan_dict(scan *s, strbuf *names, err *e)
{
    char name[128];
    if (!take(s, '{')) return false;
    while (!take(s, '}')) {
        if (!take_string(s, name, sizeof name) || !take(s, ':')) return false;
        int key = 0;
        while (key < 3 && strcmp(keys[key], name) != 0) key++;
        sb_addf(names, "%s'%s'", names->n ? ", " : "", name);
        if (key == 3) {
            s->seen |= 8;
            skip_value(s, name, sizeof name);
        } else {
            s->seen |= 1u << key;
            TRY(take_value(s, key, e));
        }
        if (!take(s, ',') && (s->at >= s->end || *s->at != '}')) return false;
    }
    return true;
}

static bool parse_dict(const char *text, size_t n, npy_head *out, err *e)
{
    scan s = {.at = text, .end = text + n, .out = out};
    strbuf names = {0};
    bool ok = scan_dict(&s, &names, e);
    if (!ok && !e->kind) {
        int shown = n && text[n - 1] == '\n' ? (int)n - 1 : (int)n;
        err_set(e, ValueError, "Cannot parse header: \"%.*s\\n\"", shown, text);
    } else if (s.seen != 7 && !e->kind) {
        ok = err_set(e, ValueError, "Header does not contain the correct keys: [%s]",
                     sb_text(&names));
    }
    sb_clear(&names);
    return ok;
}

bool npy_head_parse(const void *bytes, size_t n, npy_head *out, err *e)
{
    const uint8_t *p = bytes;
    *out = (npy_head){0};
    if (n >= 6 && memcmp(p, magic, 6) != 0) {
        return err_set(e, ValueError,
                       "Cannot load file containing pickled data when allow_pickle=False");
    }
    if (n < 8) {
        return err_set(e, ValueError, "EOF: reading magic string, expected 8 bytes got %zu", n);
    }
    if (p[6] < 1 || p[6] > 3 || p[7] != 0) {
        return err_set(e, ValueError,
                       "we only support format version (1,0), (2,0), and (3,0), not (%d, %d)", p[6],
                       p[7]);
    }
    size_t wide = p[6] == 1 ? 2 : 4, size = 0;
    if (n < 8 + wide) {
        return err_set(e, ValueError,
                       "EOF: reading array header length, expected %zu bytes got %zu", wide, n - 8);
    }
    for (size_t i = wide; i-- > 0;) size = size << 8 | p[8 + i];
    out->at = 8 + wide + size;
    if (n < out->at) {
        return err_set(e, ValueError, "EOF: reading array header, expected %zu bytes got %zu", size,
                       n - 8 - wide);
    }
    TRY(parse_dict((const char *)p + 8 + wide, size, out, e));
    if (out->t.dt != DT_object) return true;
    return err_set(e, ValueError, "Object arrays cannot be loaded when allow_pickle=False");
}

/* Fortran order is written as such, unless the block is in C order too. */
static bool is_fortran(const nd *x)
{
    if (nd_is_c(x)) return false;
    nd *t = nd_transpose(x, NULL);
    bool yes = nd_is_c(t);
    datum_unref(t);
    return yes;
}

void npy_head_write(const nd *x, strbuf *out)
{
    enum { EXTENT_MOST = 21 }; /* room for the growing axis to be rewritten in place */
    char type[32], shape[1024];
    strbuf dict = {0};
    bool fortran = is_fortran(x);
    dtype_str(nd_type(x), type);
    shape_text(x->ndim, nd_shape(x), shape, sizeof shape);
    sb_addf(&dict, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", type,
            fortran ? "True" : "False", shape);
    if (x->ndim) {
        char digits[32];
        int64_t growing = nd_shape(x)[fortran ? x->ndim - 1 : 0];
        int n = snprintf(digits, sizeof digits, "%lld", (long long)growing);
        sb_pad(&dict, ' ', (size_t)(EXTENT_MOST - n));
    }
    bool small = dict.n + ALIGN < UINT16_MAX;
    size_t head = small ? 10 : 12;
    sb_pad(&dict, ' ', ALIGN - 1 - (head + dict.n) % ALIGN);
    sb_addc(&dict, '\n');
    sb_add(out, magic, sizeof magic);
    sb_addc(out, small ? 1 : 2);
    sb_addc(out, 0);
    for (size_t i = 0; i < head - 8; i++) sb_addc(out, (char)(dict.n >> 8 * i));
    sb_add(out, dict.at, dict.n);
    sb_clear(&dict);
}

/* --- reading --- */

/* A view of the elements in `b` from `data` on, as the header describes them. */
static nd *shape_block(const npy_head *h, buf *b, char *data)
{
    int64_t shape[ND_MAXDIM];
    dtype_of t = h->t;
    t.swapped = false;
    for (int i = 0; i < h->ndim; i++) shape[i] = h->shape[h->fortran ? h->ndim - 1 - i : i];
    nd *x = nd_view(b, data, t, h->ndim, shape, NULL);
    if (!h->fortran || h->ndim < 2) return x;
    nd *turned = nd_transpose(x, NULL);
    datum_unref(x);
    return turned;
}

static bool data_size(const npy_head *h, size_t *out, err *e)
{
    *out = h->t.size;
    for (int i = 0; i < h->ndim; i++) {
        if (h->shape[i] < 0) return err_set(e, ValueError, "negative dimensions are not allowed");
        TRY(size_mul(*out, (size_t)h->shape[i], out, e));
    }
    return true;
}

static void *too_short(const npy_head *h, size_t got, err *e)
{
    char shape[1024];
    shape_text_tight(h->ndim, h->shape, shape, sizeof shape);
    return err_set(e, ValueError, "cannot reshape array of size %zu into shape %s",
                   got / (h->t.size ? h->t.size : 1), shape);
}

nd *npy_parse(const void *bytes, size_t n, err *e)
{
    npy_head h;
    size_t size;
    TRY(npy_head_parse(bytes, n, &h, e));
    TRY(data_size(&h, &size, e));
    if (size > n - h.at) return too_short(&h, n - h.at, e);
    buf *b = buf_new(size, e);
    if (!b) return NULL;
    if (size) memcpy(b->data, (const char *)bytes + h.at, size);
    if (h.t.swapped) nd_swap_bytes(b->data, size, h.t);
    nd *x = shape_block(&h, b, b->data);
    buf_unref(b);
    return x;
}

typedef struct file {
    int fd;
    size_t size;
    npy_head head;
    size_t bytes; /* of data */
} file;

static bool read_head(file *f, err *e)
{
    char *start = try_alloc(HEAD_MOST, e);
    if (!start) return false;
    size_t n = f->size < HEAD_MOST ? f->size : HEAD_MOST;
    bool ok = file_read_at(f->fd, start, n, 0) || err_errno(e, errno, NULL);
    ok = ok && npy_head_parse(start, n, &f->head, e) && data_size(&f->head, &f->bytes, e);
    mem_free(start);
    return ok;
}

static bool open_file(const char *path, file *f, err *e)
{
    struct stat st;
    f->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (f->fd < 0 || fstat(f->fd, &st) != 0) {
        err_errno(e, errno, path);
        if (f->fd >= 0) close(f->fd);
        return false;
    }
    f->size = (size_t)st.st_size;
    if (f->size < 6) {
        err_set(e, ValueError, "Cannot load file containing pickled data when allow_pickle=False");
    }
    if (!e->kind && read_head(f, e)) return true;
    close(f->fd);
    return false;
}

nd *npy_load(const char *path, err *e)
{
    file f;
    TRY(open_file(path, &f, e));
    nd *x = NULL;
    buf *b = f.bytes > f.size - f.head.at ? too_short(&f.head, f.size - f.head.at, e)
                                          : buf_new(f.bytes, e);
    const bool ok = b && file_read_at(f.fd, b->data, f.bytes, (off_t)f.head.at);
    if (b && !ok && stop_check(e)) err_errno(e, errno, path);
    if (ok) x = shape_block(&f.head, b, b->data);
    if (x && f.head.t.swapped) nd_swap_bytes(b->data, f.bytes, f.head.t);
    buf_unref(b);
    close(f.fd);
    return x;
}

nd *npy_map(const char *path, enum map_how how, err *e)
{
    file f;
    TRY(open_file(path, &f, e));
    nd *x = NULL;
    close(f.fd);
    buf *b = file_map_native(path, how, f.head.at, f.bytes, f.head.t, e);
    if (b) x = shape_block(&f.head, b, b->data);
    buf_unref(b);
    return x;
}

/* --- writing --- */

static bool write_bytes(int fd, const char *p, size_t n)
{
    enum { AT_ONCE = 1 << 20 };
    file_moved(true, n);
    while (n > 0) {
        ssize_t k = write(fd, p, n < AT_ONCE ? n : AT_ONCE);
        if (k < 0 && errno == EINTR && !stop_asked()) continue;
        if (k > 0 && n > AT_ONCE && stop_asked()) errno = EINTR, k = -1;
        if (k < 0) return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

/* Elements in C order, by slabs of whole rows; x has at least one axis and is not C contiguous. */
static bool write_rows(int fd, const nd *x)
{
    int64_t rows = nd_shape(x)[0];
    size_t row = rows ? nd_bytes(x) / (size_t)rows : 0;
    if (row > SLAB && x->ndim > 1) {
        bool ok = true;
        for (int64_t i = 0; ok && i < rows; i++) {
            nd *v = nd_view(x->b, x->at + i * nd_strides(x)[0], nd_type(x), x->ndim - 1,
                            nd_shape(x) + 1, nd_strides(x) + 1);
            ok = nd_is_c(v) ? write_bytes(fd, v->at, nd_bytes(v)) : write_rows(fd, v);
            datum_unref(v);
        }
        return ok;
    }
    if (row == 0) return true;
    int64_t k = (int64_t)(SLAB / row), shape[ND_MAXDIM], to[ND_MAXDIM];
    k = k < 1 ? 1 : k;
    memcpy(shape, nd_shape(x), x->ndim * sizeof *shape);
    strides_c(x->ndim, shape, (int64_t)x->size, to);
    char *slab = malloc((size_t)(k < rows ? k : rows) * row);
    bool ok = slab != NULL;
    for (int64_t i = 0; ok && i < rows; i += k) {
        shape[0] = rows - i < k ? rows - i : k;
        strided_copy(x->ndim, shape, slab, to, x->at + i * nd_strides(x)[0], nd_strides(x), x->size,
                     NULL);
        ok = write_bytes(fd, slab, (size_t)shape[0] * row);
    }
    free(slab);
    return ok;
}

/* The block whose C order is the order of the file. */
static nd *file_order(const nd *x)
{
    return is_fortran(x) ? nd_transpose(x, NULL) : nd_ref(x);
}

static bool check_plain(const nd *x, err *e)
{
    if (x->dtype != DT_object) return true;
    return err_set(e, NotImplementedError, "saving object arrays (pickle) is not supported");
}

bool npy_save(const char *path, const nd *x, err *e)
{
    TRY(check_plain(x, e));
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) return err_errno(e, errno, path);
    strbuf head = {0};
    npy_head_write(x, &head);
    nd *y = file_order(x);
    bool ok = write_bytes(fd, head.at, head.n) &&
              (nd_is_c(y) ? write_bytes(fd, y->at, nd_bytes(y)) : write_rows(fd, y));
    if (!ok && stop_check(e)) err_errno(e, errno, path);
    if (close(fd) != 0 && ok) ok = err_errno(e, errno, path);
    datum_unref(y);
    sb_clear(&head);
    return ok;
}

nd *npy_elements(const nd *x, err *e)
{
    TRY(check_plain(x, e));
    nd *y = file_order(x), *z = nd_contiguous(y, e);
    datum_unref(y);
    return z;
}

bool npy_format(const nd *x, strbuf *out, err *e)
{
    nd *y = npy_elements(x, e);
    if (!y) return false;
    npy_head_write(x, out);
    sb_add(out, y->at, nd_bytes(y));
    datum_unref(y);
    return true;
}

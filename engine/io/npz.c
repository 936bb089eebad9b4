/* engine/io/npz.c - .npz: a zip archive of .npy files, members stored or deflated.
 *
 * The archive is mapped (or copied from memory) and read through its central directory. Zip64
 * is understood and written where sizes need it. */
#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "engine/base/mem.h"
#include "engine/base/stop.h"
#include "engine/io/box.h"
#include "engine/io/npy.h"

enum {
    LOCAL = 0x04034b50,
    CENTRAL = 0x02014b50,
    END = 0x06054b50,
    END64 = 0x06064b50,
    LOCATOR64 = 0x07064b50,
    LOCAL_SIZE = 30,
    CENTRAL_SIZE = 46,
    END_SIZE = 22,
    STORED = 0,
    DEFLATED = 8
};

typedef struct member {
    char *name; /* owned */
    uint64_t packed, size, at;
    uint32_t crc;
    unsigned method;
} member;

struct npz {
    const uint8_t *at;
    size_t n;
    bool mapped;
    member *members;
    size_t count;
};

static uint64_t get(const uint8_t *p, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes; i-- > 0;) v = v << 8 | p[i];
    return v;
}

static void *bad_zip(err *e, const char *why)
{
    return err_set(e, ValueError, "%s", why);
}

enum { PIECE = 1 << 20 }; /* bytes between two questions whether to go on */

/* libdeflate_crc32; false: stopped */
static bool add_crc(uint32_t *crc, const char *at, size_t n, err *e)
{
    for (size_t k; n; at += k, n -= k) {
        TRY(stop_check(e));
        k = n < PIECE ? n : PIECE;
        *crc = libdeflate_crc32(*crc, at, k);
    }
    return true;
}

/* --- the directory --- */

/* Sizes and offset of 0xffffffff are found in the extra field of zip64. */
static void read_extra(member *m, const uint8_t *p, size_t n)
{
    while (n >= 4) {
        size_t id = get(p, 2), size = get(p + 2, 2);
        if (size > n - 4) return;
        const uint8_t *q = p + 4, *end = q + size;
        if (id == 1) {
            uint64_t *const fields[] = {&m->size, &m->packed, &m->at};
            for (int i = 0; i < 3; i++) {
                if (*fields[i] != UINT32_MAX || end - q < 8) continue;
                *fields[i] = get(q, 8);
                q += 8;
            }
        }
        p += 4 + size;
        n -= 4 + size;
    }
}

/* One entry of the directory at p; its length, 0 when damaged. */
static size_t read_entry(npz *z, const uint8_t *p, size_t left)
{
    if (left < CENTRAL_SIZE || get(p, 4) != CENTRAL) return 0;
    size_t name = get(p + 28, 2), extra = get(p + 30, 2), comment = get(p + 32, 2);
    size_t size = CENTRAL_SIZE + name + extra + comment;
    if (size > left) return 0;
    member m = {.method = (unsigned)get(p + 10, 2),
                .crc = (uint32_t)get(p + 16, 4),
                .packed = get(p + 20, 4),
                .size = get(p + 24, 4),
                .at = get(p + 42, 4)};
    read_extra(&m, p + CENTRAL_SIZE + name, extra);
    m.name = mem_dupn((const char *)p + CENTRAL_SIZE, name);
    z->members = mem_grow(z->members, (z->count + 1) * sizeof m);
    z->members[z->count++] = m;
    return size;
}

static bool read_directory(npz *z, err *e)
{
    static const char no_zip[] = "File is not a zip file";
    if (z->n < END_SIZE) return bad_zip(e, no_zip);
    size_t end = z->n - END_SIZE;
    size_t lowest = end > UINT16_MAX ? end - UINT16_MAX : 0;
    while (get(z->at + end, 4) != END) {
        if (end == lowest) return bad_zip(e, no_zip);
        end--;
    }
    uint64_t count = get(z->at + end + 10, 2), at = get(z->at + end + 16, 4);
    if (end >= 20 && get(z->at + end - 20, 4) == LOCATOR64) {
        uint64_t far = get(z->at + end - 12, 8);
        if (far > z->n - 56 || get(z->at + far, 4) != END64) return bad_zip(e, no_zip);
        count = get(z->at + far + 32, 8);
        at = get(z->at + far + 48, 8);
    }
    for (uint64_t i = 0; i < count; i++) {
        size_t n = at < z->n ? read_entry(z, z->at + at, z->n - at) : 0;
        if (n == 0) return bad_zip(e, "Bad magic number for central directory");
        at += n;
    }
    return true;
}

static npz *open_bytes(const void *at, size_t n, bool mapped, err *e)
{
    npz *z = mem_zero(sizeof *z);
    *z = (npz){.at = at, .n = n, .mapped = mapped};
    if (read_directory(z, e)) return z;
    npz_close(z);
    return NULL;
}

npz *npz_open(const char *path, err *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        err_errno(e, errno, path);
        if (fd >= 0) close(fd);
        return NULL;
    }
    size_t n = (size_t)st.st_size;
    void *at = n ? mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    close(fd);
    if (at == MAP_FAILED) return err_errno(e, errno, path);
    return n ? open_bytes(at, n, true, e) : bad_zip(e, "File is not a zip file");
}

npz *npz_parse(const void *bytes, size_t n, err *e)
{
    void *copy = try_alloc(n, e);
    if (!copy) return NULL;
    memcpy(copy, bytes, n);
    return open_bytes(copy, n, false, e);
}

void npz_close(npz *z)
{
    if (!z) return;
    if (z->mapped)
        munmap((void *)(uintptr_t)z->at, z->n);
    else
        mem_free((void *)(uintptr_t)z->at);
    for (size_t i = 0; i < z->count; i++) mem_free(z->members[i].name);
    mem_free(z->members);
    mem_free(z);
}

size_t npz_count(const npz *z)
{
    return z->count;
}

const char *npz_name(const npz *z, size_t i)
{
    return z->members[i].name;
}

/* --- members --- */

static const uint8_t *packed_bytes(const npz *z, const member *m, err *e)
{
    if (m->at + LOCAL_SIZE > z->n || get(z->at + m->at, 4) != LOCAL) {
        return bad_zip(e, "Bad magic number for file header");
    }
    const uint8_t *p = z->at + m->at;
    size_t skip = LOCAL_SIZE + get(p + 26, 2) + get(p + 28, 2);
    if (m->packed > z->n || m->at + skip > z->n - m->packed) {
        return err_set(e, EOFError, "Compressed file ended before the end-of-stream marker");
    }
    return p + skip;
}

/* As zlib goes: slower, but a large member can be left. */
static bool inflate_large(const member *m, const uint8_t *from, char *to, err *e)
{
    z_stream s = {0};
    if (inflateInit2(&s, -15) != Z_OK) return false;
    s.next_in = (Bytef *)(uintptr_t)from;
    s.next_out = (Bytef *)to;
    int code = Z_OK;
    while (code == Z_OK && stop_check(e)) {
        const size_t in = m->packed - s.total_in, out = m->size - s.total_out;
        s.avail_in = (uInt)(in < PIECE ? in : PIECE);
        s.avail_out = (uInt)(out < PIECE ? out : PIECE);
        code = inflate(&s, Z_NO_FLUSH);
    }
    const bool ok = code == Z_STREAM_END && s.total_out == m->size;
    inflateEnd(&s);
    return ok;
}

static bool inflate_member(const member *m, const uint8_t *from, char *to, err *e)
{
    enum { LARGE = 16 << 20 };
    if (m->size > LARGE) return inflate_large(m, from, to, e);
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    if (!d) return false;
    size_t got = 0;
    bool ok = libdeflate_deflate_decompress(d, from, m->packed, to, m->size, &got) ==
                  LIBDEFLATE_SUCCESS &&
              got == m->size;
    libdeflate_free_decompressor(d);
    return ok;
}

static bool copy_bytes(char *to, const uint8_t *from, size_t n, err *e)
{
    for (size_t i = 0; i < n; i += PIECE) {
        TRY(stop_check(e));
        memcpy(to + i, from + i, n - i < PIECE ? n - i : PIECE);
    }
    return true;
}

char *npz_bytes(const npz *z, size_t i, size_t *n, err *e)
{
    const member *m = &z->members[i];
    const uint8_t *from = packed_bytes(z, m, e);
    if (!from) return NULL;
    if (m->method != STORED && m->method != DEFLATED) {
        return err_set(e, NotImplementedError, "That compression method is not supported");
    }
    char *to = try_alloc(m->size + 1, e);
    if (!to) return NULL;
    bool ok = m->method == STORED ? m->packed == m->size && copy_bytes(to, from, m->size, e)
                                  : inflate_member(m, from, to, e);
    uint32_t crc = 0;
    if (ok && add_crc(&crc, to, m->size, e) && crc == m->crc) {
        *n = m->size;
        return to;
    }
    mem_free(to);
    return err_set(e, ValueError, "Bad CRC-32 for file '%s'", m->name);
}

nd *npz_read(const npz *z, size_t i, err *e)
{
    size_t n;
    char *bytes = npz_bytes(z, i, &n, e);
    nd *x = bytes ? npy_parse(bytes, n, e) : NULL;
    mem_free(bytes);
    return x;
}

/* --- writing --- */

static void put(strbuf *out, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) sb_addc(out, (char)(v >> 8 * i));
}

/* What local and central headers share: version to method to sizes and name length. */
static void put_fields(strbuf *out, const member *m, bool far)
{
    put(out, far ? 45 : 20, 2);
    put(out, 0, 2);
    put(out, m->method, 2);
    put(out, 0, 2);      /* midnight, */
    put(out, 0x0021, 2); /* 1 January 1980 */
    put(out, m->crc, 4);
    put(out, far ? UINT32_MAX : m->packed, 4);
    put(out, far ? UINT32_MAX : m->size, 4);
    put(out, strlen(m->name), 2);
}

static bool is_far(const member *m)
{
    return m->size >= UINT32_MAX || m->packed >= UINT32_MAX || m->at >= UINT32_MAX;
}

static void put_local(strbuf *out, const member *m)
{
    bool far = is_far(m);
    put(out, LOCAL, 4);
    put_fields(out, m, far);
    put(out, far ? 20 : 0, 2);
    sb_adds(out, m->name);
    if (!far) return;
    put(out, 1, 2);
    put(out, 16, 2);
    put(out, m->size, 8);
    put(out, m->packed, 8);
}

static void put_central(strbuf *out, const member *m)
{
    bool far = is_far(m);
    put(out, CENTRAL, 4);
    put(out, 0x0314, 2); /* made on a Unix */
    put_fields(out, m, far);
    put(out, far ? 28 : 0, 2);
    put(out, 0, 2 + 2 + 2);
    put(out, 0600u << 16, 4);
    put(out, far ? UINT32_MAX : m->at, 4);
    sb_adds(out, m->name);
    if (!far) return;
    put(out, 1, 2);
    put(out, 24, 2);
    put(out, m->size, 8);
    put(out, m->packed, 8);
    put(out, m->at, 8);
}

static void put_end(strbuf *out, uint64_t count, uint64_t size, uint64_t at)
{
    if (at >= UINT32_MAX || count >= UINT16_MAX) {
        put(out, END64, 4);
        put(out, 44, 8);
        put(out, 45, 2);
        put(out, 45, 2);
        put(out, 0, 8);
        put(out, count, 8);
        put(out, count, 8);
        put(out, size, 8);
        put(out, at, 8);
        put(out, LOCATOR64, 4);
        put(out, 0, 4);
        put(out, at + size, 8);
        put(out, 1, 4);
    }
    put(out, END, 4);
    put(out, 0, 4);
    put(out, count < UINT16_MAX ? count : UINT16_MAX, 2);
    put(out, count < UINT16_MAX ? count : UINT16_MAX, 2);
    put(out, size < UINT32_MAX ? size : UINT32_MAX, 4);
    put(out, at < UINT32_MAX ? at : UINT32_MAX, 4);
    put(out, 0, 2);
}

/* A member's content: the header of a .npy file, then the elements. */
typedef struct content {
    const char *at[2];
    size_t n[2];
} content;

/* Raw deflate as zlib does it, at its default level: the sizes NumPy's files have. */
static char *deflate_content(const content *c, size_t *n, err *e)
{
    z_stream s = {0};
    if (deflateInit2(&s, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        return NULL;
    }
    size_t room = deflateBound(&s, c->n[0] + c->n[1]);
    char *to = try_alloc(room, e);
    for (int i = 0; to && i < 2; i++) {
        const char *at = c->at[i];
        size_t left = c->n[i];
        do {
            size_t k = left < PIECE ? left : PIECE;
            s.next_in = (Bytef *)(uintptr_t)at;
            s.avail_in = (uInt)k;
            s.next_out = (Bytef *)to + s.total_out;
            s.avail_out = (uInt)(room - s.total_out < UINT32_MAX ? room - s.total_out : UINT32_MAX);
            deflate(&s, i == 1 && left == k ? Z_FINISH : Z_NO_FLUSH);
            at += k;
            left -= k;
        } while (left > 0 && stop_check(e));
    }
    *n = s.total_out;
    deflateEnd(&s);
    if (!e->kind) return to;
    mem_free(to);
    return NULL;
}

/* Where the archive goes: a file or memory; `out` is what has not been written yet. */
typedef struct sink {
    int fd; /* -1: memory */
    strbuf *out;
    uint64_t at;
} sink;

static bool write_out(sink *s, const char *p, size_t n, err *e)
{
    if (s->fd < 0) {
        sb_add(s->out, p, n);
        return true;
    }
    s->at += n;
    file_moved(true, n);
    while (n > 0) {
        TRY(stop_check(e));
        ssize_t k = write(s->fd, p, n < PIECE ? n : PIECE);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return err_errno(e, errno, NULL);
        p += k;
        n -= (size_t)k;
    }
    return true;
}

static bool flush(sink *s, err *e)
{
    if (s->fd < 0) return true;
    bool ok = write_out(s, s->out->at, s->out->n, e);
    sb_clear(s->out);
    return ok;
}

static bool put_content(sink *s, member *m, const content *c, bool compressed, err *e)
{
    m->size = m->packed = c->n[0] + c->n[1];
    TRY(add_crc(&m->crc, c->at[0], c->n[0], e) && add_crc(&m->crc, c->at[1], c->n[1], e));
    size_t n = 0;
    char *packed = compressed ? deflate_content(c, &n, e) : NULL;
    if (e->kind) return false;
    m->method = packed ? DEFLATED : STORED;
    if (packed) m->packed = n;
    put_local(s->out, m);
    bool ok = flush(s, e);
    if (packed)
        ok = ok && write_out(s, packed, n, e);
    else
        ok = ok && write_out(s, c->at[0], c->n[0], e) && write_out(s, c->at[1], c->n[1], e);
    mem_free(packed);
    return ok;
}

static bool put_member(sink *s, member *m, const nd *x, bool compressed, err *e)
{
    strbuf head = {0};
    nd *data = npy_elements(x, e);
    if (!data) return false;
    npy_head_write(x, &head);
    content c = {{head.at, data->at}, {head.n, nd_bytes(data)}};
    bool ok = put_content(s, m, &c, compressed, e);
    sb_clear(&head);
    datum_unref(data);
    return ok;
}

static uint64_t position(const sink *s)
{
    return s->at + s->out->n;
}

static bool write_archive(sink *s, size_t n, const char *const *names, const nd *const *x,
                          bool compressed, err *e)
{
    member *m = mem_zero((n + 1) * sizeof *m);
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++) {
        strbuf name = {0};
        sb_addf(&name, "%s.npy", names[i]);
        m[i].name = sb_take(&name, NULL);
        m[i].at = position(s);
        ok = put_member(s, &m[i], x[i], compressed, e);
    }
    uint64_t at = position(s);
    for (size_t i = 0; i < n && ok; i++) put_central(s->out, &m[i]);
    put_end(s->out, n, position(s) - at, at);
    ok = ok && flush(s, e);
    for (size_t i = 0; i < n; i++) mem_free(m[i].name);
    mem_free(m);
    return ok;
}

bool npz_save(const char *path, size_t n, const char *const *names, const nd *const *x,
              bool compressed, err *e)
{
    strbuf out = {0};
    sink s = {.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), .out = &out};
    if (s.fd < 0) return err_errno(e, errno, path);
    bool ok = write_archive(&s, n, names, x, compressed, e);
    if (close(s.fd) != 0 && ok) ok = err_errno(e, errno, path);
    sb_clear(&out);
    return ok;
}

bool npz_format(size_t n, const char *const *names, const nd *const *x, bool compressed,
                strbuf *out, err *e)
{
    sink s = {.fd = -1, .out = out};
    return write_archive(&s, n, names, x, compressed, e);
}

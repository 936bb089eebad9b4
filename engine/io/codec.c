/* engine/io/codec.c - compressors: one row each; the libraries of some are opened on first use. */
#include "engine/io/codec.h"

#include <dlfcn.h>
#include <libdeflate.h>
#include <pthread.h>
#include <string.h>
#include <zlib.h>

enum { MOST = 1 << 30 }; /* bytes one call may make when nothing says how many there are */

struct codec_kind {
    const char *name;
    size_t (*room)(size_t n); /* that packing n bytes may need; 0: too many bytes */
    size_t (*pack)(const codec *c, size_t size, const char *from, size_t n, char *to, size_t room);
    bool (*unpack)(const char *from, size_t n, char *to, size_t want);
    size_t (*size)(const char *from, size_t n); /* when unpacked; SIZE_MAX: not known */
    bool (*open)(err *e);                       /* NULL: linked */
};

/* --- libraries --- */

static struct {
    pthread_mutex_t lock;
    struct {
        int (*compress_ctx)(int level, int shuffle, size_t size, size_t n, const void *from,
                            void *to, size_t room, const char *inner, size_t block, int threads);
        int (*decompress_ctx)(const void *from, void *to, size_t room, int threads);
        void (*cbuffer_sizes)(const void *from, size_t *n, size_t *packed, size_t *block);
        int (*cbuffer_validate)(const void *from, size_t packed, size_t *n);
    } blosc;
    struct {
        size_t (*compress)(void *to, size_t room, const void *from, size_t n, int level);
        size_t (*decompress)(void *to, size_t room, const void *from, size_t n);
        size_t (*compressBound)(size_t n);
        unsigned (*isError)(size_t code);
        unsigned long long (*getFrameContentSize)(const void *from, size_t n);
    } zstd;
    struct {
        int (*compress_fast)(const char *from, char *to, int n, int room, int acceleration);
        int (*decompress_safe)(const char *from, char *to, int n, int room);
        int (*compressBound)(int n);
    } lz4;
    bool have_blosc, have_zstd, have_lz4;
} lib = {.lock = PTHREAD_MUTEX_INITIALIZER};

typedef struct symbol {
    const char *name;
    void *slot;
} symbol;

static bool open_symbols(const char *soname, bool *have, const symbol *s, int n, err *e)
{
    pthread_mutex_lock(&lib.lock);
    bool ok = *have;
    void *handle = ok ? NULL : dlopen(soname, RTLD_NOW | RTLD_LOCAL);
    if (!ok) {
        ok = handle != NULL;
        for (int i = 0; ok && i < n; i++) {
            void *at = dlsym(handle, s[i].name);
            ok = at != NULL;
            memcpy(s[i].slot, &at, sizeof at);
        }
        *have = ok;
        if (!ok)
            err_set(e, OSError, "%s cannot be opened: is its Debian package installed?", soname);
    }
    pthread_mutex_unlock(&lib.lock);
    return ok;
}

static bool open_blosc(err *e)
{
    const symbol s[] = {{"blosc_compress_ctx", &lib.blosc.compress_ctx},
                        {"blosc_decompress_ctx", &lib.blosc.decompress_ctx},
                        {"blosc_cbuffer_sizes", &lib.blosc.cbuffer_sizes},
                        {"blosc_cbuffer_validate", &lib.blosc.cbuffer_validate}};
    return open_symbols("libblosc.so.1", &lib.have_blosc, s, 4, e);
}

static bool open_zstd(err *e)
{
    const symbol s[] = {{"ZSTD_compress", &lib.zstd.compress},
                        {"ZSTD_decompress", &lib.zstd.decompress},
                        {"ZSTD_compressBound", &lib.zstd.compressBound},
                        {"ZSTD_isError", &lib.zstd.isError},
                        {"ZSTD_getFrameContentSize", &lib.zstd.getFrameContentSize}};
    return open_symbols("libzstd.so.1", &lib.have_zstd, s, 5, e);
}

static bool open_lz4(err *e)
{
    const symbol s[] = {{"LZ4_compress_fast", &lib.lz4.compress_fast},
                        {"LZ4_decompress_safe", &lib.lz4.decompress_safe},
                        {"LZ4_compressBound", &lib.lz4.compressBound}};
    return open_symbols("liblz4.so.1", &lib.have_lz4, s, 3, e);
}

/* --- zlib, gzip --- */

static size_t deflate_room(size_t n)
{
    return n > UINT32_MAX ? 0 : compressBound(n) + 18;
}

static size_t deflate_to(int level, int bits, const char *from, size_t n, char *to, size_t room)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)from,
                  .avail_in = (uInt)n,
                  .next_out = (Bytef *)to,
                  .avail_out = (uInt)(room < UINT32_MAX ? room : UINT32_MAX)};
    if (deflateInit2(&z, level, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY) != Z_OK) return 0;
    bool done = deflate(&z, Z_FINISH) == Z_STREAM_END;
    size_t made = z.total_out;
    deflateEnd(&z);
    return done ? made : 0;
}

static size_t zlib_pack(const codec *c, size_t size, const char *from, size_t n, char *to,
                        size_t room)
{
    (void)size;
    return deflate_to(c->level, 15, from, n, to, room);
}

static size_t gzip_pack(const codec *c, size_t size, const char *from, size_t n, char *to,
                        size_t room)
{
    (void)size;
    return deflate_to(c->level, 15 + 16, from, n, to, room);
}

static bool inflate_with(enum libdeflate_result (*f)(struct libdeflate_decompressor *, const void *,
                                                     size_t, void *, size_t, size_t *),
                         const char *from, size_t n, char *to, size_t want)
{
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    size_t got = 0;
    bool ok = d && f(d, from, n, to, want, &got) == LIBDEFLATE_SUCCESS && got == want;
    if (d) libdeflate_free_decompressor(d);
    return ok;
}

static bool zlib_unpack(const char *from, size_t n, char *to, size_t want)
{
    return inflate_with(libdeflate_zlib_decompress, from, n, to, want);
}

static bool gzip_unpack(const char *from, size_t n, char *to, size_t want)
{
    return inflate_with(libdeflate_gzip_decompress, from, n, to, want);
}

/* --- zstd --- */

static size_t zstd_room(size_t n)
{
    return lib.zstd.compressBound(n);
}

static size_t zstd_pack(const codec *c, size_t size, const char *from, size_t n, char *to,
                        size_t room)
{
    (void)size;
    size_t made = lib.zstd.compress(to, room, from, n, c->level);
    return lib.zstd.isError(made) ? 0 : made;
}

static bool zstd_unpack(const char *from, size_t n, char *to, size_t want)
{
    return lib.zstd.decompress(to, want, from, n) == want;
}

static size_t zstd_size(const char *from, size_t n)
{
    unsigned long long size = lib.zstd.getFrameContentSize(from, n);
    return size > MOST ? SIZE_MAX : (size_t)size;
}

/* --- lz4: numcodecs puts the size before the block, four bytes, little end first --- */

enum { LZ4_MOST = 0x7e000000, LZ4_HEAD = 4 };

static size_t lz4_room(size_t n)
{
    return n > LZ4_MOST ? 0 : (size_t)lib.lz4.compressBound((int)n) + LZ4_HEAD;
}

static size_t lz4_pack(const codec *c, size_t size, const char *from, size_t n, char *to,
                       size_t room)
{
    (void)size;
    for (int i = 0; i < LZ4_HEAD; i++) to[i] = (char)(n >> 8 * i);
    int made = lib.lz4.compress_fast(from, to + LZ4_HEAD, (int)n, (int)(room - LZ4_HEAD), c->level);
    return made > 0 ? LZ4_HEAD + (size_t)made : 0;
}

static size_t lz4_size(const char *from, size_t n)
{
    size_t size = 0;
    for (int i = 0; n >= LZ4_HEAD && i < LZ4_HEAD; i++) size |= (size_t)(uint8_t)from[i] << 8 * i;
    return size <= LZ4_MOST ? size : 0;
}

static bool lz4_unpack(const char *from, size_t n, char *to, size_t want)
{
    return n >= LZ4_HEAD && n <= LZ4_MOST && lz4_size(from, n) == want &&
           lib.lz4.decompress_safe(from + LZ4_HEAD, to, (int)n - LZ4_HEAD, (int)want) == (int)want;
}

/* --- blosc --- */

enum { BLOSC_HEAD = 16 };

static size_t blosc_room(size_t n)
{
    return n > INT32_MAX - BLOSC_HEAD ? 0 : n + BLOSC_HEAD;
}

static size_t blosc_pack(const codec *c, size_t size, const char *from, size_t n, char *to,
                         size_t room)
{
    int shuffle = c->shuffle < 0 ? (size == 1 ? 2 : 1) : c->shuffle;
    int made =
        lib.blosc.compress_ctx(c->level, shuffle, size, n, from, to, room, c->inner, c->block, 1);
    return made > 0 ? (size_t)made : 0;
}

static size_t blosc_size(const char *from, size_t n)
{
    size_t size = 0;
    return n >= BLOSC_HEAD && lib.blosc.cbuffer_validate(from, n, &size) == 0 ? size : 0;
}

static bool blosc_unpack(const char *from, size_t n, char *to, size_t want)
{
    return blosc_size(from, n) == want && lib.blosc.decompress_ctx(from, to, want, 1) == (int)want;
}

/* --- what there is --- */

static const codec_kind kinds[] = {
    {"zlib", deflate_room, zlib_pack, zlib_unpack, NULL, NULL},
    {"gzip", deflate_room, gzip_pack, gzip_unpack, NULL, NULL},
    {"zstd", zstd_room, zstd_pack, zstd_unpack, zstd_size, open_zstd},
    {"lz4", lz4_room, lz4_pack, lz4_unpack, lz4_size, open_lz4},
    {"blosc", blosc_room, blosc_pack, blosc_unpack, blosc_size, open_blosc},
};

bool codec_find(const char *name, codec *out, err *e)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].name, name)) continue;
        out->kind = &kinds[i];
        return !kinds[i].open || kinds[i].open(e);
    }
    return err_set(e, ValueError, "codec not available: '%s'", name);
}

buf *codec_pack(const codec *c, size_t size, const char *from, size_t n, size_t *made, err *e)
{
    size_t room = c->kind ? c->kind->room(n) : n;
    if (n && !room)
        return err_set(e, ValueError, "%s cannot pack %zu bytes at once", c->kind->name, n);
    buf *b = buf_new(room ? room : 1, e);
    if (!b) return NULL;
    *made = n;
    if (!c->kind)
        memcpy(b->data, from, n);
    else
        *made = c->kind->pack(c, size, from, n, b->data, room);
    if (*made || !c->kind) return b;
    buf_unref(b);
    return err_set(e, ValueError, "%s cannot pack %zu bytes (level %d%s%s)", c->kind->name, n,
                   c->level, *c->inner ? ", " : "", c->inner);
}

static void *damaged(const codec *c, size_t n, err *e)
{
    return err_set(e, RuntimeError, "error during %s decompression of %zu bytes",
                   c->kind ? c->kind->name : "raw", n);
}

bool codec_unpack(const codec *c, const char *from, size_t n, char *to, size_t want, err *e)
{
    if (c->kind) return c->kind->unpack(from, n, to, want) || damaged(c, n, e);
    if (n != want) return damaged(c, n, e);
    memcpy(to, from, n);
    return true;
}

/* A stream of zlib or gzip, which does not say how long it becomes. */
static buf *inflate_all(const char *from, size_t n, size_t *made, err *e)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)from, .avail_in = (uInt)n};
    buf *b = NULL;
    int state = n <= UINT32_MAX ? inflateInit2(&z, 15 + 32) : Z_MEM_ERROR;
    for (size_t room = 4 * n + 4096; state == Z_OK && room <= 4 * (size_t)MOST; room *= 2) {
        buf *larger = buf_new(room, e);
        if (!larger) break;
        if (b) memcpy(larger->data, b->data, z.total_out);
        buf_unref(b);
        b = larger;
        z.next_out = (Bytef *)b->data + z.total_out;
        z.avail_out = (uInt)(room - z.total_out);
        state = inflate(&z, Z_NO_FLUSH);
    }
    *made = z.total_out;
    inflateEnd(&z);
    return state == Z_STREAM_END ? b : buf_unref(b);
}

buf *codec_unpack_all(const codec *c, const char *from, size_t n, size_t *made, err *e)
{
    size_t size = !c->kind ? n : c->kind->size ? c->kind->size(from, n) : SIZE_MAX;
    buf *b = size == SIZE_MAX ? inflate_all(from, n, made, e) : buf_new(size + 1, e);
    if (!b) return damaged(c, n, e);
    if (size == SIZE_MAX) return b;
    *made = size;
    return codec_unpack(c, from, n, b->data, size, e) ? b : buf_unref(b);
}

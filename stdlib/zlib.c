/* stdlib/zlib.c - the module _zlib: whole buffers through zlib; checksums. */
#include <zlib.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/lang.h"
#include "lang/types/bytes.h"
#include "lang/types/memview.h"
#include "stdlib/stdlib.h"

enum { STEP = 256 * 1024, MEMORY_LEVEL = 8, AT_ONCE = 16 << 20 };

static const char *data_of(interp *in, value v, size_t *n)
{
    const char *s = buffer_peek(in, v, n);
    if (!s) throw(in, TypeError, "a bytes-like object is required, not '%s'", type_said(in, v));
    return s;
}

/* Runs the stream over n bytes at s; the last code, what it took and what came out. */
static int pump(interp *in, z_stream *z, int (*step)(z_stream *, int), const char *s, size_t n,
                strbuf *out)
{
    char *room = mem_alloc(STEP);
    int code = Z_OK;
    z->next_in = (Bytef *)(uintptr_t)s;
    while (code == Z_OK) {
        if (!z->avail_in && n) { /* zlib counts in 32 bits */
            z->avail_in = n > STEP ? STEP : (uInt)n;
            n -= z->avail_in;
        }
        z->next_out = (Bytef *)room;
        z->avail_out = STEP;
        code = step(z, n ? Z_NO_FLUSH : Z_FINISH);
        sb_add(out, room, STEP - z->avail_out);
        if (code == Z_BUF_ERROR && (n || z->avail_in || !z->avail_out)) code = Z_OK;
        if (!check_interrupt(in)) code = Z_ERRNO;
    }
    mem_free(room);
    return code;
}

/* zlib.error, which the part of the module in dsk defines */
static value fail(interp *in, int code, const char *doing, const char *why)
{
    value m = throwing(in) ? FAIL : interp_import(in, "zlib"), cls = FAIL;
    if (!is_fail(m)) cls = value_getattr_c(in, m, "error");
    str *text = is_fail(cls) ? NULL
                : why        ? str_fmt(in, "Error %d while %s: %s", code, doing, why)
                             : str_fmt(in, "Error %d while %s", code, doing);
    value x = text ? call_n(in, cls, 1, v_obj(text)) : FAIL;
    if (!is_fail(x)) throw_value(in, x);
    value_unref(in, x);
    if (text) value_unref(in, v_obj(text));
    value_unref(in, cls);
    value_unref(in, m);
    return FAIL;
}

static value deflate_bytes(interp *in, const value *arg)
{
    size_t n;
    int64_t level, wbits;
    const char *s = data_of(in, arg[0], &n);
    if (!s || !to_int64(in, arg[1], &level) || !to_int64(in, arg[2], &wbits)) return FAIL;
    z_stream z = {0};
    int code =
        deflateInit2(&z, (int)level, Z_DEFLATED, (int)wbits, MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
    if (code != Z_OK) return fail(in, code, "preparing to compress data", "bad compression level");
    strbuf out = {.soft = true};
    code = pump(in, &z, deflate, s, n, &out);
    deflateEnd(&z);
    value v = code == Z_STREAM_END ? v_obj(bytes_built(in, &out))
                                   : fail(in, code, "compressing data", NULL);
    sb_clear(&out);
    return v;
}

/* (data, bytes used, has it ended) */
static value inflate_bytes(interp *in, const value *arg)
{
    size_t n;
    int64_t wbits;
    const char *s = data_of(in, arg[0], &n);
    if (!s || !to_int64(in, arg[1], &wbits)) return FAIL;
    z_stream z = {0};
    int code = inflateInit2(&z, (int)wbits);
    if (code != Z_OK) return fail(in, code, "preparing to decompress data", NULL);
    strbuf out = {.soft = true};
    code = pump(in, &z, inflate, s, n, &out);
    value v;
    if (code == Z_STREAM_END || code == Z_BUF_ERROR) {
        v = v_obj(tuple_pack(in, 3, v_obj(bytes_built(in, &out)),
                             v_int((const char *)z.next_in - s), v_bool(code == Z_STREAM_END)));
    } else
        v = fail(in, code, "decompressing data", z.msg);
    inflateEnd(&z);
    sb_clear(&out);
    return v;
}

static value checksum(interp *in, const value *arg, uLong (*sum)(uLong, const Bytef *, z_size_t))
{
    size_t n;
    int64_t start;
    const char *s = data_of(in, arg[0], &n);
    if (!s || !to_int64(in, arg[1], &start)) return FAIL;
    uLong r = (uLong)(uint32_t)start;
    do {
        size_t piece = n < AT_ONCE ? n : AT_ONCE;
        r = sum(r, (const Bytef *)s, piece);
        s += piece;
        n -= piece;
    } while (n && check_interrupt(in));
    return n ? FAIL : v_int((int64_t)r);
}

static value crc(interp *in, const value *arg)
{
    return checksum(in, arg, crc32_z);
}

static value adler(interp *in, const value *arg)
{
    return checksum(in, arg, adler32_z);
}

static const builtin table[] = {
    {"deflate(data, level, wbits)", deflate_bytes, "Compress data."},
    {"inflate(data, wbits)", inflate_bytes, "(data, bytes used, has it ended)"},
    {"crc32(data, value=0, /)", crc, "The CRC-32 of the bytes, going on from another."},
    {"adler32(data, value=1, /)", adler, "The Adler-32 sum of the bytes, going on from another."},
    {0},
};

const module_def zlib_def = {.name = "_zlib", .doc = "Compression.", .table = table};

/* stdlib/hashlib.c - the module _hashlib: digest objects; and _binascii: base64, hex, crc32. */
#include <libdeflate.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/lang.h"
#include "lang/types/bytes.h"
#include "lang/types/memview.h"
#include "stdlib/hash_algos.h"
#include "stdlib/stdlib.h"

enum { OFTEN = 3 << 20 }; /* bytes between two questions whether to go on; threes are digits */

typedef struct hasher {
    obj hdr;
    digest d;
} hasher;

static hasher *self_hasher(const value *arg)
{
    return (hasher *)arg[0].o;
}

static bool add(interp *in, digest *d, value v)
{
    size_t n;
    const char *s = buffer_peek(in, v, &n);
    for (size_t piece; s && n > 0; s += piece, n -= piece) {
        piece = n < OFTEN ? n : OFTEN;
        digest_add(d, s, piece);
        if (!check_interrupt(in)) return false;
    }
    if (s) return true;
    if (as_str(v))
        throw(in, TypeError, "Strings must be encoded before hashing");
    else
        throw(in, TypeError, "object supporting the buffer API required");
    return false;
}

static value method_update(interp *in, const value *arg)
{
    return add(in, &self_hasher(arg)->d, arg[1]) ? NONE : FAIL;
}

static size_t finished(const value *arg, unsigned char out[DIGEST_MAX])
{
    digest copy = self_hasher(arg)->d;
    digest_end(&copy, out);
    return copy.algo->size;
}

static value method_digest(interp *in, const value *arg)
{
    unsigned char out[DIGEST_MAX];
    size_t n = finished(arg, out);
    return v_obj(bytes_new(in, (char *)out, n));
}

static value method_hexdigest(interp *in, const value *arg)
{
    unsigned char out[DIGEST_MAX];
    char text[2 * DIGEST_MAX];
    size_t n = finished(arg, out);
    for (size_t i = 0; i < n; i++) {
        text[2 * i] = "0123456789abcdef"[out[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[out[i] & 15];
    }
    return v_obj(str_new(in, text, 2 * n));
}

static value method_copy(interp *in, const value *arg)
{
    hasher *h = obj_new(in, arg[0].o->type, 0);
    if (h) h->d = self_hasher(arg)->d;
    return v_obj(h);
}

static value get_name(interp *in, const value *arg)
{
    return v_str(in, self_hasher(arg)->d.algo->name);
}

static value get_size(interp *in, const value *arg)
{
    (void)in;
    return v_int((int64_t)self_hasher(arg)->d.algo->size);
}

static value get_block(interp *in, const value *arg)
{
    (void)in;
    return v_int((int64_t)self_hasher(arg)->d.algo->block);
}

static value hasher_repr(interp *in, value self)
{
    hasher *h = (hasher *)self.o;
    return v_obj(str_fmt(in, "<%s _hashlib.HASH object @ %p>", h->d.algo->name, (void *)h));
}

static const builtin hasher_table[] = {
    {"update(self, obj, /)", method_update, "Adds bytes to what is digested."},
    {"digest(self, /)", method_digest, "The digest as bytes."},
    {"hexdigest(self, /)", method_hexdigest, "The digest as hexadecimal digits."},
    {"copy(self, /)", method_copy, "Another one that has taken in the same."},
    {"@property name", get_name, NULL},
    {"@property digest_size", get_size, NULL},
    {"@property block_size", get_block, NULL},
    {0},
};

static const type T_hasher = {
    TYPE_HEAD,
    .name = "HASH",
    .module = "_hashlib",
    .doc = "The digest of the bytes that were given so far.",
    .size = sizeof(hasher),
    .table = hasher_table,
    .repr = hasher_repr,
};

static value hash_new(interp *in, const value *arg)
{
    str *name = as_str(arg[0]);
    const digest_algo *a = name ? digest_algo_named(name->at) : NULL;
    if (!a) {
        return throw(in, ValueError, "unsupported hash type %s", name ? name->at : "");
    }
    hasher *h = obj_new(in, &T_hasher, 0);
    if (!h) return FAIL;
    digest_open(&h->d, a);
    if (add(in, &h->d, arg[1])) return v_obj(h);
    obj_unref(in, h);
    return FAIL;
}

static const builtin hash_table[] = {
    {"new(name, string, /)", hash_new, "A hash object of the algorithm, fed with string."},
    {0},
};

const module_def hashlib_def = {.name = "_hashlib", .doc = "Digests.", .table = hash_table};

/* ---- binascii ---- */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static value b2a_base64(interp *in, const value *arg)
{
    size_t n;
    const unsigned char *s = (const unsigned char *)buffer_peek(in, arg[0], &n);
    if (!s) {
        return throw(in, TypeError, "a bytes-like object is required, not '%s'",
                     type_said(in, arg[0]));
    }
    strbuf b = {0};
    for (size_t i = 0; i < n; i += 3) {
        uint32_t w = (uint32_t)s[i] << 16 | (uint32_t)(i + 1 < n ? s[i + 1] : 0) << 8 |
                     (i + 2 < n ? s[i + 2] : 0);
        sb_addc(&b, base64_digits[w >> 18]);
        sb_addc(&b, base64_digits[w >> 12 & 63]);
        sb_addc(&b, i + 1 < n ? base64_digits[w >> 6 & 63] : '=');
        sb_addc(&b, i + 2 < n ? base64_digits[w & 63] : '=');
        if (i % OFTEN == 0 && !check_interrupt(in)) return sb_clear(&b), FAIL;
    }
    if (value_truth(in, arg[1]) > 0) sb_addc(&b, '\n');
    bytes *out = bytes_new(in, sb_text(&b), b.n);
    sb_clear(&b);
    return v_obj(out);
}

/* Gives (bytes, problem): foreign characters are skipped, problem None or a sentence. */
static value a2b_base64(interp *in, const value *arg)
{
    size_t n, ndigit = 0, npad = 0;
    const char *s = bytes_peek(arg[0], &n);
    if (!s) return throw(in, TypeError, "argument should be bytes");
    strbuf b = {0};
    uint32_t w = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '=') {
            npad++;
            if (ndigit % 4 >= 2 && ndigit % 4 + npad >= 4) break;
            continue;
        }
        const char *hit = s[i] ? strchr(base64_digits, s[i]) : NULL;
        if (!hit) continue;
        npad = 0;
        w = w << 6 | (uint32_t)(hit - base64_digits);
        ndigit++;
        if (ndigit % 4 == 2) sb_addc(&b, (char)(w >> 4));
        if (ndigit % 4 == 3) sb_addc(&b, (char)(w >> 2));
        if (ndigit % 4 == 0) sb_addc(&b, (char)w);
        if (i % OFTEN == 0 && !check_interrupt(in)) return sb_clear(&b), FAIL;
    }
    value problem = NONE;
    if (ndigit % 4 == 1) {
        problem = v_obj(str_fmt(in,
                                "Invalid base64-encoded string: number of data characters (%zu) "
                                "cannot be 1 more than a multiple of 4",
                                ndigit));
    } else if (ndigit % 4 && ndigit % 4 + npad < 4)
        problem = v_str(in, "Incorrect padding");
    bytes *out = bytes_new(in, sb_text(&b), b.n);
    sb_clear(&b);
    return v_obj(tuple_pack(in, 2, v_obj(out), problem));
}

typedef uint32_t (*checksum)(uint32_t, const void *, size_t);

static value sum_of(interp *in, checksum f, int64_t start, const char *s, size_t n)
{
    enum { AT_ONCE = 16 << 20 };
    uint32_t sum = (uint32_t)start;
    for (size_t piece; n > 0 && check_interrupt(in); s += piece, n -= piece) {
        piece = n < AT_ONCE ? n : AT_ONCE;
        sum = f(sum, s, piece);
    }
    return n ? FAIL : v_int(sum);
}

static value crc32(interp *in, const value *arg)
{
    size_t n;
    int64_t start;
    const char *s = buffer_peek(in, arg[0], &n);
    if (!s) {
        return throw(in, TypeError, "a bytes-like object is required, not '%s'",
                     type_said(in, arg[0]));
    }
    if (!to_int64(in, arg[1], &start)) return FAIL;
    return sum_of(in, libdeflate_crc32, start, s, n);
}

static value adler32(interp *in, const value *arg)
{
    size_t n;
    int64_t start;
    const char *s = buffer_peek(in, arg[0], &n);
    if (!s) return throw(in, TypeError, "a bytes-like object is required");
    if (!to_int64(in, arg[1], &start)) return FAIL;
    return sum_of(in, libdeflate_adler32, start, s, n);
}

static const builtin binascii_table[] = {
    {"b2a_base64(data, newline=True, /)", b2a_base64, NULL},
    {"a2b_base64(data, /)", a2b_base64, NULL},
    {"crc32(data, crc=0, /)", crc32, "The CRC-32 of the bytes, going on from another."},
    {"adler32(data, value=1, /)", adler32, "The Adler-32 sum of the bytes, going on from another."},
    {0},
};

const module_def binascii_def = {
    .name = "_binascii", .doc = "Binary as text.", .table = binascii_table};

/* engine/io/hdf5_lzf.c - the LZF filter that h5py brings with it (number 32000).
 *
 * The format: a control byte c, then
 *   c < 32:  c + 1 literal bytes
 *   else     a copy of (c >> 5) + 2 bytes (7: plus the next byte) from 1 + distance bytes back,
 *            distance being (c & 31) << 8 plus one more byte. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/io/hdf5_lib.h"

enum { HASH_BITS = 14, MAX_DISTANCE = 1 << 13, MAX_COPY = 264, MAX_LITERAL = 32 };

size_t lzf_unpack(const void *from, size_t n, void *to, size_t room)
{
    const uint8_t *in = from, *end = in + n;
    uint8_t *out = to, *stop = out + room;
    while (in < end) {
        size_t c = *in++;
        if (c < MAX_LITERAL) {
            c++;
            if (c > (size_t)(end - in) || c > (size_t)(stop - out)) return 0;
            memcpy(out, in, c);
            in += c;
            out += c;
            continue;
        }
        size_t size = c >> 5;
        if (size == 7 && in < end) size += *in++;
        if (in >= end) return 0;
        size_t back = ((c & 31) << 8 | *in++) + 1;
        size += 2;
        if (back > (size_t)(out - (uint8_t *)to) || size > (size_t)(stop - out)) return 0;
        for (; size > 0; size--, out++) *out = out[-(ptrdiff_t)back]; /* may overlap itself */
    }
    return (size_t)(out - (uint8_t *)to);
}

typedef struct packer {
    uint8_t *out, *stop;
} packer;

static bool put_literals(packer *p, const uint8_t *from, size_t n)
{
    while (n > 0) {
        size_t k = n < MAX_LITERAL ? n : MAX_LITERAL;
        if (k + 1 > (size_t)(p->stop - p->out)) return false;
        *p->out++ = (uint8_t)(k - 1);
        memcpy(p->out, from, k);
        p->out += k;
        from += k;
        n -= k;
    }
    return true;
}

static bool put_copy(packer *p, size_t back, size_t size)
{
    if (p->stop - p->out < 3) return false;
    back--;
    size -= 2;
    *p->out++ = (uint8_t)((size < 7 ? size : 7) << 5 | back >> 8);
    if (size >= 7) *p->out++ = (uint8_t)(size - 7);
    *p->out++ = (uint8_t)back;
    return true;
}

static uint32_t hash3(const uint8_t *p)
{
    uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
    return v * 2654435761u >> (32 - HASH_BITS);
}

static size_t match_size(const uint8_t *a, const uint8_t *b, const uint8_t *end)
{
    size_t k = 0, most = (size_t)(end - b) < MAX_COPY ? (size_t)(end - b) : MAX_COPY;
    while (k < most && a[k] == b[k]) k++;
    return k;
}

static size_t pack(const uint8_t *in, size_t n, packer *p, uint32_t *seen)
{
    const uint8_t *at = in, *end = in + n, *plain = in, *start = p->out;
    while (end - at >= 3) {
        uint32_t *slot = &seen[hash3(at)];
        const uint8_t *earlier = in + *slot;
        bool known = *slot != UINT32_MAX && at - earlier <= MAX_DISTANCE;
        *slot = (uint32_t)(at - in);
        size_t size = known ? match_size(earlier, at, end) : 0;
        if (size < 3) {
            at++;
            continue;
        }
        if (!put_literals(p, plain, (size_t)(at - plain))) return 0;
        if (!put_copy(p, (size_t)(at - earlier), size)) return 0;
        plain = at += size;
    }
    return put_literals(p, plain, (size_t)(end - plain)) ? (size_t)(p->out - start) : 0;
}

size_t lzf_pack(const void *from, size_t n, void *to)
{
    if (n >= UINT32_MAX || n < 2) return 0;
    uint32_t *seen = malloc(sizeof *seen << HASH_BITS);
    if (!seen) return 0;
    memset(seen, 0xff, sizeof *seen << HASH_BITS);
    packer p = {.out = to, .stop = (uint8_t *)to + n - 1};
    size_t size = pack(from, n, &p, seen);
    free(seen);
    return size;
}

/* --- as a filter of the library --- */

/* The values kept with a dataset: revision of the filter, version of LZF, bytes of a chunk. */
static size_t chunk_size(size_t nvalues, const unsigned values[], size_t n)
{
    return nvalues >= 3 && values[2] ? values[2] : 8 * n;
}

static size_t filter(unsigned flags, size_t nvalues, const unsigned values[], size_t n,
                     size_t *room, void **data)
{
    bool unpack = flags & H5Z_FLAG_REVERSE;
    size_t most = unpack ? chunk_size(nvalues, values, n) : n;
    void *out = malloc(most ? most : 1);
    size_t size = !out ? 0 : unpack ? lzf_unpack(*data, n, out, most) : lzf_pack(*data, n, out);
    const bool is_short = unpack && nvalues >= 3 && size < values[2]; /* its readers take all */
    if (size == 0 || is_short) {
        free(out);
        return 0;
    }
    free(*data); /* the library's buffers come from malloc */
    *data = out;
    *room = most;
    return size;
}

bool lzf_register(const h5_lib *h)
{
    static const H5Z_class2_t lzf = {
        .version = H5Z_CLASS_T_VERS,
        .id = H5_LZF,
        .encoder_present = 1,
        .decoder_present = 1,
        .name = "lzf",
        .filter = filter,
    };
    return h->Zregister(&lzf) >= 0;
}

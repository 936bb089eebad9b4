/* engine/io/hdf5_filter.c - what HDF5 does to a chunk on its way to the file, done in the calling
 * thread: shuffle, deflate, lzf, fletcher32.
 *
 * Packing deflates with zlib, so that files have the very bytes that h5py writes; unpacking with
 * libdeflate, which is faster. */
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "engine/io/hdf5_map.h"
#include "engine/kernels/shuffle.h"

enum { CHECKSUM = 4 }; /* bytes of a fletcher32 at the end of a chunk */

bool h5_filter_known(int filter)
{
    return filter == H5Z_FILTER_SHUFFLE || filter == H5Z_FILTER_DEFLATE || filter == H5_LZF ||
           filter == H5Z_FILTER_FLETCHER32;
}

/* --- fletcher32 over 16-bit big-endian words --- */

static uint32_t fold(uint32_t sum)
{
    return (sum & 0xffff) + (sum >> 16);
}

static uint32_t fletcher32(const char *data, size_t n)
{
    const uint8_t *p = (const uint8_t *)data;
    uint32_t a = 0, b = 0;
    for (size_t words = n / 2; words > 0;) {
        size_t k = words < 360 ? words : 360; /* as many as cannot overflow */
        words -= k;
        for (; k > 0; k--, p += 2) {
            a += (uint32_t)p[0] << 8 | p[1];
            b += a;
        }
        a = fold(a);
        b = fold(b);
    }
    if (n % 2) {
        a = fold(a + ((uint32_t)*p << 8));
        b = fold(b + a);
    }
    return fold(b) << 16 | fold(a);
}

static uint32_t stored_sum(const char *data, size_t n)
{
    const uint8_t *p = (const uint8_t *)data + n - CHECKSUM;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* --- unpacking: each filter undone into the other of two buffers --- */

static bool undo_deflate(const char *from, size_t n, char *to, size_t room, size_t *out)
{
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    if (!d) return false;
    enum libdeflate_result r = libdeflate_zlib_decompress(d, from, n, to, room, out);
    libdeflate_free_decompressor(d);
    return r == LIBDEFLATE_SUCCESS;
}

/* Undoes filter f of n bytes at `from` into `to`; false: damaged. */
static bool undo(const h5map *m, int f, const char *from, size_t n, char *to, size_t room,
                 size_t *out)
{
    if (f == H5Z_FILTER_DEFLATE) return undo_deflate(from, n, to, room, out);
    if (f == H5_LZF) return (*out = lzf_unpack(from, n, to, room)) > 0;
    if (n > room) return false;
    bytes_unshuffle(from, to, n, m->info.type.t.size);
    *out = n;
    return true;
}

/* Filters still to undo below i, of those that were applied. */
static bool more_below(const h5map *m, uint32_t skipped, int i)
{
    uint32_t all = (1u << i) - 1;
    return m->nfilter > 0 && (~skipped & all) != 0;
}

bool h5_unpack(const h5map *m, uint32_t skipped, char *raw, size_t n, char *to)
{
    size_t room = m->chunk_bytes + CHECKSUM;
    char *from = raw;
    buf *spare = NULL; /* from the pool: its pages are there already */
    err none = {0};
    bool ok = true;
    for (int i = m->nfilter, half = 0; ok && i-- > 0;) {
        if (skipped >> i & 1) continue;
        if (m->filter[i] == H5Z_FILTER_FLETCHER32) {
            ok = n >= CHECKSUM && fletcher32(from, n - CHECKSUM) == stored_sum(from, n);
            n -= CHECKSUM;
            continue;
        }
        if (!more_below(m, skipped, i)) { /* the last one writes to the final place */
            ok = undo(m, m->filter[i], from, n, to, m->chunk_bytes, &n);
            from = to;
            continue;
        }
        if (!spare) spare = buf_new(2 * room, &none);
        char *out = spare ? spare->data + (half ? room : 0) : NULL;
        ok = out && undo(m, m->filter[i], from, n, out, room, &n);
        from = out;
        half = !half;
    }
    ok = ok && n == m->chunk_bytes;
    if (ok && from != to) memcpy(to, from, n);
    buf_unref(spare);
    err_clear(&none);
    return ok;
}

/* --- packing --- */

static char *do_deflate(const h5map *m, const char *from, size_t n, size_t *out)
{
    uLongf room = compressBound(n);
    char *to = malloc(room);
    if (to && compress2((Bytef *)to, &room, (const Bytef *)from, n, m->info.level) != Z_OK) {
        free(to);
        to = NULL;
    }
    *out = room;
    return to;
}

static char *do_filter(const h5map *m, int f, const char *from, size_t n, size_t *out)
{
    if (f == H5Z_FILTER_DEFLATE) return do_deflate(m, from, n, out);
    char *to = malloc(n + CHECKSUM);
    *out = n;
    if (!to) return NULL;
    if (f == H5Z_FILTER_SHUFFLE) {
        bytes_shuffle(from, to, n, m->info.type.t.size);
    } else if (f == H5_LZF) {
        *out = lzf_pack(from, n, to);
    } else {
        uint32_t sum = fletcher32(from, n);
        memcpy(to, from, n);
        memcpy(to + n, &sum, CHECKSUM); /* little-endian, as is this machine */
        *out = n + CHECKSUM;
    }
    return to;
}

char *h5_pack(const h5map *m, char *chunk, size_t *n, uint32_t *skipped)
{
    char *at = chunk;
    *skipped = 0;
    for (int i = 0; i < m->nfilter; i++) {
        size_t size;
        char *to = do_filter(m, m->filter[i], at, *n, &size);
        if (to && size == 0) { /* lzf found nothing to save: that filter is left out */
            free(to);
            *skipped |= 1u << i;
            continue;
        }
        if (at != chunk) free(at);
        if (!to) return NULL;
        at = to;
        *n = size;
    }
    return at;
}

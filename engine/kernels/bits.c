/* engine/kernels/bits.c - eight truth values in a byte, and back: along the last axis.
 *
 * Eight bytes of 0 or 1 become eight bits by one multiplication, whose partial products meet in the
 * top byte without a carry; the other way, a byte repeated eight times keeps one bit in each. */
#include <string.h>

#include "engine/base/stop.h"
#include "engine/kernels/ops.h"

/* Elements between two questions whether to go on; of whole bytes. */
enum { PIECE = 1 << 22 };

static const uint64_t gather[2] = {0x0102040810204080u, 0x8040201008040201u};
static const uint64_t scatter[2] = {0x8040201008040201u, 0x0102040810204080u};

/* 1 for each byte that is not zero: views of other integers as bool have such. */
static uint64_t truths(uint64_t word)
{
    const uint64_t low = 0x7f7f7f7f7f7f7f7fu;
    return (((word & low) + low) | word) >> 7 & 0x0101010101010101u;
}

static void pack_row(const char *from, int64_t n, bool big, uint8_t *to)
{
    uint64_t word;
    for (; n >= 8; n -= 8, from += 8) {
        memcpy(&word, from, 8);
        *to++ = (uint8_t)(truths(word) * gather[big] >> 56);
    }
    if (!n) return;
    word = 0;
    memcpy(&word, from, (size_t)n);
    *to = (uint8_t)(truths(word) * gather[big] >> 56);
}

static uint64_t unpack_byte(uint8_t byte, bool big)
{
    uint64_t each = byte * 0x0101010101010101u & scatter[big];
    return (each + 0x7f7f7f7f7f7f7f7fu) >> 7 & 0x0101010101010101u;
}

static void unpack_row(const uint8_t *from, int64_t n, bool big, char *to)
{
    uint64_t word;
    for (; n >= 8; n -= 8, to += 8) {
        word = unpack_byte(*from++, big);
        memcpy(to, &word, 8);
    }
    if (!n) return;
    word = unpack_byte(*from, big);
    memcpy(to, &word, (size_t)n);
}

static bool pack_rows(const char *from, int64_t rows, int64_t n, bool big, uint8_t *to, err *e)
{
    for (int64_t r = 0; r < rows; r++, from += n, to += (n + 7) / 8)
        for (int64_t i = 0; i < n; i += PIECE) {
            TRY(stop_check(e));
            pack_row(from + i, n - i < PIECE ? n - i : PIECE, big, to + i / 8);
        }
    return true;
}

static bool unpack_rows(const uint8_t *from, int64_t rows, int64_t bytes, int64_t count, bool big,
                        char *to, err *e)
{
    const int64_t n = count < bytes * 8 ? count : bytes * 8;
    for (int64_t r = 0; r < rows; r++, from += bytes, to += count)
        for (int64_t i = 0; i < n; i += PIECE) {
            TRY(stop_check(e));
            unpack_row(from + i / 8, n - i < PIECE ? n - i : PIECE, big, to + i);
        }
    return true;
}

nd *nd_packbits(const nd *x, bool big, err *e)
{
    nd *truth = nd_cast(x, dtype_plain(DT_bool), 'u', e),
       *flat = truth ? nd_contiguous(truth, e) : NULL, *y = NULL;
    datum_unref(truth);
    if (!flat) return NULL;
    int last = x->ndim - 1;
    int64_t shape[ND_MAXDIM], n = nd_shape(x)[last], rows = n ? nd_count(x) / n : 0;
    memcpy(shape, nd_shape(x), (size_t)x->ndim * sizeof *shape);
    shape[last] = (n + 7) / 8;
    y = nd_new(dtype_plain(DT_uint8), x->ndim, shape, e);
    if (y && !pack_rows(flat->at, rows, n, big, (uint8_t *)y->at, e)) y = datum_unref(y);
    datum_unref(flat);
    return y;
}

nd *nd_unpackbits(const nd *x, int64_t count, bool big, err *e)
{
    int last = x->ndim - 1;
    int64_t shape[ND_MAXDIM], bytes = nd_shape(x)[last];
    nd *flat = nd_contiguous(x, e);
    if (!flat) return NULL;
    memcpy(shape, nd_shape(x), (size_t)x->ndim * sizeof *shape);
    shape[last] = count;
    nd *y = count > bytes * 8 ? nd_zero(dtype_plain(DT_uint8), x->ndim, shape, e)
                              : nd_new(dtype_plain(DT_uint8), x->ndim, shape, e);
    int64_t rows = y && count ? nd_count(y) / count : 0;
    if (y && !unpack_rows((const uint8_t *)flat->at, rows, bytes, count, big, y->at, e))
        y = datum_unref(y);
    datum_unref(flat);
    return y;
}

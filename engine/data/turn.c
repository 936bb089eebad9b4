/* engine/data/turn.c - transposes of planes.
 *
 * Squares are turned in registers, down a band of rows that stays in cache for the next squares
 * beside.  No prefetcher of a processor guesses that order: rows are asked for ahead, which counts
 * for more than the rest of it. */
#include "engine/data/turn.h"

#include <string.h>

#include "engine/base/simd.h"

typedef uint64_t quad __attribute__((vector_size(32), aligned(8), may_alias));
typedef uint32_t octo __attribute__((vector_size(32), aligned(4), may_alias));

enum { BAND = 128, AHEAD = 24 }; /* rows of the source: visited together, and asked for so early */

#define PAIRS(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)

SIMD_ALWAYS void turn_quads(char *d, int64_t row, const char *s, int64_t step)
{
    quad r[4], t[4];
    for (int k = 0; k < 4; k++) r[k] = *(const quad *)(s + k * step);
    for (int k = 0; k < 4; k += 2) {
        t[k] = PAIRS(r[k], r[k + 1], 0, 4, 2, 6);
        t[k + 1] = PAIRS(r[k], r[k + 1], 1, 5, 3, 7);
    }
    *(quad *)d = PAIRS(t[0], t[2], 0, 1, 4, 5);
    *(quad *)(d + row) = PAIRS(t[1], t[3], 0, 1, 4, 5);
    *(quad *)(d + 2 * row) = PAIRS(t[0], t[2], 2, 3, 6, 7);
    *(quad *)(d + 3 * row) = PAIRS(t[1], t[3], 2, 3, 6, 7);
}

SIMD_ALWAYS void turn_octos(char *d, int64_t row, const char *s, int64_t step)
{
    octo r[8], t[8];
    for (int k = 0; k < 8; k++) r[k] = *(const octo *)(s + k * step);
    for (int k = 0; k < 8; k += 2) {
        t[k] = PAIRS(r[k], r[k + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        t[k + 1] = PAIRS(r[k], r[k + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
    for (int k = 0; k < 8; k += 4)
        for (int h = 0; h < 2; h++) {
            r[k + h] = PAIRS(t[k + h], t[k + h + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            r[k + h + 2] = PAIRS(t[k + h], t[k + h + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (int k = 0; k < 4; k++) {
        *(octo *)(d + k * row) = PAIRS(r[k], r[k + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        *(octo *)(d + (k + 4) * row) = PAIRS(r[k], r[k + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

/* rows [i0, i1) of the source: squares of 8 x 8 */
SIMD_KERNEL(static, turn_band,
            (size_t size, int64_t i0, int64_t i1, int64_t m, char *d, int64_t row, const char *s,
             int64_t step),
            (size, i0, i1, m, d, row, s, step))
{
    for (int64_t j = 0; j + 8 <= m; j += 8)
        for (int64_t i = i0; i + 8 <= i1; i += 8) {
            char *to = d + i * (int64_t)size + j * row;
            const char *from = s + i * step + j * (int64_t)size;
            for (int k = 0; k < 8; k++) __builtin_prefetch(from + (AHEAD + k) * step);
            if (size == 4) {
                turn_octos(to, row, from, step);
                continue;
            }
            for (int k = 0; k < 8; k += 4) {
                turn_quads(to + k * row, row, from + k * 8, step);
                turn_quads(to + k * row + 32, row, from + k * 8 + 4 * step, step);
            }
        }
}

/* what is left beside the squares */
static void turn_rest(size_t size, int64_t n, int64_t m, char *d, int64_t row, const char *s,
                      int64_t step)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i < (n & ~(int64_t)7) ? m & ~(int64_t)7 : 0; j < m; j++)
            memcpy(d + i * (int64_t)size + j * row, s + i * step + j * (int64_t)size, size);
}

bool turn_plane(size_t size, int64_t n, int64_t m, char *d, int64_t row, const char *s,
                int64_t step)
{
    if (size != 4 && size != 8) return false;
    for (int64_t i = 0; i < n; i += BAND)
        turn_band(size, i, i + BAND < n ? i + BAND : n, m, d, row, s, step);
    if (size == 4)
        turn_rest(4, n, m, d, row, s, step);
    else
        turn_rest(8, n, m, d, row, s, step);
    return true;
}

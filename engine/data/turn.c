/* engine/data/turn.c - transposes of planes.
 *
 * Squares are turned in registers: down a band of rows, then down the same rows beside, until the
 * strip of columns is through; then the next band of the strip.  What is written lies in few rows
 * at a time, in runs, however far from each other the rows are; what is read is asked for a band
 * ahead. No prefetcher of a processor guesses that order, and asking counts for more than the rest.
 */
#include "engine/data/turn.h"

#include <string.h>

#include "engine/base/simd.h"

typedef uint64_t quad __attribute__((vector_size(32), aligned(8), may_alias));
typedef uint32_t octo __attribute__((vector_size(32), aligned(4), may_alias));

typedef uint64_t word __attribute__((aligned(1), may_alias));
typedef uint32_t half __attribute__((aligned(1), may_alias));

enum {
    RUN = 256,  /* bytes that are written one after the other: of each row in a band */
    STRIP = 64, /* columns of a band */
    LINE = 64   /* bytes that memory sends together */
};

#define PAIRS(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)

/* so many elements of a row of the source: in one, or picked one by one */
SIMD_ALWAYS void take_quad(quad *to, const char *s, int64_t across)
{
    if (across == 8)
        *to = *(const quad *)s;
    else
        for (int k = 0; k < 4; k++) (*to)[k] = *(const word *)(s + k * across);
}

SIMD_ALWAYS void take_octo(octo *to, const char *s, int64_t across)
{
    if (across == 4)
        *to = *(const octo *)s;
    else
        for (int k = 0; k < 8; k++) (*to)[k] = *(const half *)(s + k * across);
}

SIMD_ALWAYS void turn_quads(char *d, int64_t row, const char *s, int64_t step, int64_t across)
{
    quad r[4], t[4];
    for (int k = 0; k < 4; k++) take_quad(&r[k], s + k * step, across);
    for (int k = 0; k < 4; k += 2) {
        t[k] = PAIRS(r[k], r[k + 1], 0, 4, 2, 6);
        t[k + 1] = PAIRS(r[k], r[k + 1], 1, 5, 3, 7);
    }
    *(quad *)d = PAIRS(t[0], t[2], 0, 1, 4, 5);
    *(quad *)(d + row) = PAIRS(t[1], t[3], 0, 1, 4, 5);
    *(quad *)(d + 2 * row) = PAIRS(t[0], t[2], 2, 3, 6, 7);
    *(quad *)(d + 3 * row) = PAIRS(t[1], t[3], 2, 3, 6, 7);
}

SIMD_ALWAYS void turn_octos(char *d, int64_t row, const char *s, int64_t step, int64_t across)
{
    octo r[8], t[8];
    for (int k = 0; k < 8; k++) take_octo(&r[k], s + k * step, across);
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

SIMD_ALWAYS void turn_square(size_t size, char *to, int64_t row, const char *from, int64_t step,
                             int64_t across)
{
    const int64_t last = 7 * across, band = RUN / (int64_t)size;
    for (int k = 0; k < 8; k++) {
        const char *line = from + (band + k) * step;
        for (int64_t b = 0; b <= last; b += LINE) __builtin_prefetch(line + b, 0, 1);
        if (last < 0 || last >= LINE) __builtin_prefetch(line + last, 0, 1);
    }
    if (size == 4) {
        turn_octos(to, row, from, step, across);
        return;
    }
    for (int k = 0; k < 8; k += 4) {
        turn_quads(to + k * row, row, from + k * across, step, across);
        turn_quads(to + k * row + 32, row, from + k * across + 4 * step, step, across);
    }
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* columns [j0, j1): all squares of 8 x 8 */
SIMD_ALWAYS void turn_strip(size_t size, int64_t n, int64_t j0, int64_t j1, char *d, int64_t row,
                            const turning *s, int64_t across)
{
    for (int64_t i0 = 0, i1; i0 < n; i0 = i1) {
        i1 = least(i0 + RUN / (int64_t)size, n);
        for (int64_t j = j0; j + 8 <= j1; j += 8)
            for (int64_t i = i0; i + 8 <= i1; i += 8)
                turn_square(size, d + i * (int64_t)size + j * row, row,
                            s->at + i * s->step + j * across, s->step, across);
    }
}

SIMD_KERNEL(static, turn_columns,
            (size_t size, int64_t n, int64_t j0, int64_t j1, char *d, int64_t row,
             const turning *s),
            (size, n, j0, j1, d, row, s))
{
    if (size == 4 && s->across == 4)
        turn_strip(4, n, j0, j1, d, row, s, 4);
    else if (size == 4)
        turn_strip(4, n, j0, j1, d, row, s, s->across);
    else if (s->across == 8)
        turn_strip(8, n, j0, j1, d, row, s, 8);
    else
        turn_strip(8, n, j0, j1, d, row, s, s->across);
}

/* what is left beside the squares */
static void turn_rest(size_t size, int64_t n, int64_t m, char *d, int64_t row, const turning *s)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i < (n & ~(int64_t)7) ? m & ~(int64_t)7 : 0; j < m; j++)
            memcpy(d + i * (int64_t)size + j * row, s->at + i * s->step + j * s->across, size);
}

bool turn_plane(size_t size, int64_t n, int64_t m, char *d, int64_t row, const turning *s)
{
    if (size != 4 && size != 8) return false;
    for (int64_t j = 0; j < m; j += STRIP) turn_columns(size, n, j, least(j + STRIP, m), d, row, s);
    if (size == 4)
        turn_rest(4, n, m, d, row, s);
    else
        turn_rest(8, n, m, d, row, s);
    return true;
}

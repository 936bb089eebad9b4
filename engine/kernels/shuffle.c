/* engine/kernels/shuffle.c - planes of bytes.
 *
 * Sixteen elements at a time: plane k and plane k + size / 2 are interleaved; after log2(size)
 * rounds the planes are the elements in order. */
#include "engine/kernels/shuffle.h"

#include <stdint.h>
#include <string.h>

#include "engine/base/simd.h"

typedef uint8_t bytes16 __attribute__((vector_size(16)));
enum { LANES = 16, WIDEST = 16 };

#define LOW(a, b)                                                                                  \
    __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH(a, b)                                                                                 \
    __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)

/* size: 2, 4, 8 or 16, a constant wherever this is inlined */
SIMD_ALWAYS size_t unshuffle_vectors(const char *from, char *to, size_t count, size_t size)
{
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        bytes16 v[WIDEST], w[WIDEST];
#pragma GCC unroll 16
        for (size_t k = 0; k < size; k++) memcpy(&v[k], from + k * count + i, sizeof v[k]);
#pragma GCC unroll 4
        for (size_t round = 1; round < size; round *= 2) {
#pragma GCC unroll 8
            for (size_t k = 0; k < size / 2; k++) {
                w[2 * k] = LOW(v[k], v[k + size / 2]);
                w[2 * k + 1] = HIGH(v[k], v[k + size / 2]);
            }
#pragma GCC unroll 16
            for (size_t k = 0; k < size; k++) v[k] = w[k];
        }
#pragma GCC unroll 16
        for (size_t k = 0; k < size; k++) memcpy(to + i * size + LANES * k, &v[k], sizeof v[k]);
    }
    return i;
}

SIMD_KERNEL(static, unshuffle_most,
            (const char *from, char *to, size_t count, size_t size, size_t *done),
            (from, to, count, size, done))
{
    switch (size) {
    case 2: *done = unshuffle_vectors(from, to, count, 2); break;
    case 4: *done = unshuffle_vectors(from, to, count, 4); break;
    case 8: *done = unshuffle_vectors(from, to, count, 8); break;
    case 16: *done = unshuffle_vectors(from, to, count, 16); break;
    default: *done = 0;
    }
}

void bytes_unshuffle(const char *from, char *to, size_t n, size_t size)
{
    size_t count = n / size, i;
    unshuffle_most(from, to, count, size, &i);
    for (; i < count; i++)
        for (size_t k = 0; k < size; k++) to[i * size + k] = from[k * count + i];
    memcpy(to + count * size, from + count * size, n - count * size);
}

void bytes_shuffle(const char *from, char *to, size_t n, size_t size)
{
    size_t count = n / size;
    for (size_t k = 0; k < size; k++)
        for (size_t i = 0; i < count; i++) *to++ = from[i * size + k];
    memcpy(to, from + count * size, n - count * size);
}

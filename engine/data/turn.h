/* engine/data/turn.h - transposes of planes of 4- and 8-byte elements. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The source: element (i, j) of n x m is at `at + i * step + j * across`. */
typedef struct turning {
    const char *at;
    int64_t step, across;
} turning;

/* Puts it at d + i * size + j * row.  False: not of this size. */
bool turn_plane(size_t size, int64_t n, int64_t m, char *d, int64_t row, const turning *s);

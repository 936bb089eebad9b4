/* engine/base/hash.h - content hashes (XXH3). */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct hash128 {
    uint64_t lo, hi;
} hash128;

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed);
hash128 hash128_bytes(const void *p, size_t n);
hash128 hash128_long(const void *p, size_t n); /* the same, on processors with AVX2 */
hash128 hash128_mix(hash128 a, hash128 b);
static inline int hash128_eq(hash128 a, hash128 b)
{
    return a.lo == b.lo && a.hi == b.hi;
}
/* 32 hex digits and a NUL */
void hash128_hex(hash128 h, char out[33]);

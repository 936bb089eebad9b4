/* engine/base/hash.c - XXH3 behind our names. */
#include "engine/base/hash.h"

#include "engine/base/simd.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#if defined(__GNUC__) && defined(__x86_64__)
#define HAS_LONG
enum { LONG = 1 << 12 };
#endif

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed)
{
    return XXH3_64bits_withSeed(p, n, seed);
}

hash128 hash128_bytes(const void *p, size_t n)
{
#ifdef HAS_LONG
    if (n >= LONG && simd_level() >= SIMD_AVX2) return hash128_long(p, n);
#endif
    XXH128_hash_t h = XXH3_128bits(p, n);
    return (hash128){h.low64, h.high64};
}

hash128 hash128_mix(hash128 a, hash128 b)
{
    hash128 both[2] = {a, b};
    return hash128_bytes(both, sizeof both);
}

void hash128_hex(hash128 h, char out[33])
{
    static const char digit[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        out[i] = digit[h.hi >> (60 - 4 * i) & 15];
        out[16 + i] = digit[h.lo >> (60 - 4 * i) & 15];
    }
    out[32] = 0;
}

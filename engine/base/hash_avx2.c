/* engine/base/hash_avx2.c - the hash of hash.c for long texts, in vectors of 32 bytes (CMake has
 * the whole file compiled for such processors): the same bits, at the speed of memory. */
#include "engine/base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

hash128 hash128_long(const void *p, size_t n)
{
    XXH128_hash_t h = XXH3_128bits(p, n);
    return (hash128){h.low64, h.high64};
}

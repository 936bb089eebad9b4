/* engine/base/find.c - search by the first and the last byte of what is sought, sixteen places at
 * a time; where both are right, the bytes between are compared.  A text in which that goes wrong
 * too often (long runs of one letter) is left to memmem(), whose time has a bound. */
#include "engine/base/find.h"

#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { WIDE = 16, PATIENCE = 4096 }; /* PATIENCE: bytes that may be compared in vain */

#ifdef __SSE2__
static inline unsigned places(const char *first, const char *last, __m128i a, __m128i z)
{
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)first);
    __m128i y = _mm_loadu_si128((const __m128i *)(const void *)last);
    return (unsigned)_mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(x, a), _mm_cmpeq_epi8(y, z)));
}

const char *memory_find(const char *s, size_t n, const char *what, size_t m)
{
    if (m <= 1 || n < m) return m == 1 ? memchr(s, what[0], n) : n < m ? NULL : s;
    const __m128i a = _mm_set1_epi8(what[0]), z = _mm_set1_epi8(what[m - 1]);
    const char *p = s, *end = s + n - m + 1; /* p < end: a place where it may begin */
    for (size_t vain = 0; end - p >= WIDE; p += WIDE) {
        for (unsigned at = places(p, p + m - 1, a, z); at; at &= at - 1) {
            const char *here = p + __builtin_ctz(at);
            if (!memcmp(here + 1, what + 1, m - 2)) return here;
            vain += m;
            if (vain > PATIENCE + 4 * (size_t)(p - s))
                return memmem(here, (size_t)(end - here) + m - 1, what, m);
        }
    }
    for (; p < end && (p = memchr(p, what[0], (size_t)(end - p))); p++)
        if (!memcmp(p + 1, what + 1, m - 1)) return p;
    return NULL;
}
#else
const char *memory_find(const char *s, size_t n, const char *what, size_t m)
{
    return memmem(s, n, what, m);
}
#endif

bool memory_is_ascii(const char *s, size_t n)
{
    enum { WORDS = 8 };
    uint64_t w[WORDS], any = 0;
    const char *const end = s + n;
    for (; (size_t)(end - s) >= sizeof w; s += sizeof w) {
        memcpy(w, s, sizeof w);
        uint64_t all = 0;
        for (int k = 0; k < WORDS; k++) all |= w[k];
        if (all & 0x8080808080808080u) return false;
    }
    for (; s < end; s++) any |= (unsigned char)*s;
    return any < 128;
}

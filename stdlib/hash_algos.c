/* stdlib/hash_algos.c - MD5 (RFC 1321), SHA-1 and SHA-2 (FIPS 180-4), one block at a time. */
#include "stdlib/hash_algos.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#endif

static uint32_t rotl32(uint32_t x, int n)
{
    return x << n | x >> (32 - n);
}

static uint32_t rotr32(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static uint64_t rotr64(uint64_t x, int n)
{
    return x >> n | x << (64 - n);
}

static uint32_t big32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t little32(const unsigned char *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static void mix_md5(uint64_t h[8], const unsigned char *p)
{
    static const unsigned char turn[4][4] = {
        {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    static const uint32_t sines[64] = {
        /* 2^32 |sin(i + 1)|, rounded down */
        0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613,
        0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193,
        0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d,
        0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed,
        0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122,
        0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
        0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244,
        0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
        0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb,
        0xeb86d391,
    };
    uint32_t a = (uint32_t)h[0], b = (uint32_t)h[1], c = (uint32_t)h[2], d = (uint32_t)h[3];
    for (int i = 0; i < 64; i++) {
        uint32_t f;
        int g, round = i / 16;
        switch (round) {
        case 0: f = (b & c) | (~b & d), g = i; break;
        case 1: f = (d & b) | (~d & c), g = (5 * i + 1) % 16; break;
        case 2: f = b ^ c ^ d, g = (3 * i + 5) % 16; break;
        default: f = c ^ (b | ~d), g = 7 * i % 16; break;
        }
        f += a + sines[i] + little32(p + 4 * g);
        a = d;
        d = c;
        c = b;
        b += rotl32(f, turn[round][i % 4]);
    }
    h[0] = (uint32_t)(h[0] + a), h[1] = (uint32_t)(h[1] + b);
    h[2] = (uint32_t)(h[2] + c), h[3] = (uint32_t)(h[3] + d);
}

#ifdef __x86_64__
/* The processor has instructions for SHA-1 and SHA-256: 1 it has, -1 it has not, 0 nobody has
 * asked. */
static _Atomic int sha_known;

static bool has_sha(void)
{
    int known = atomic_load_explicit(&sha_known, memory_order_relaxed);
    if (!known) {
        unsigned a, b = 0, c, d;
        bool has = __get_cpuid_count(7, 0, &a, &b, &c, &d) && b >> 29 & 1 &&
                   __builtin_cpu_supports("sse4.1");
        atomic_store_explicit(&sha_known, known = has ? 1 : -1, memory_order_relaxed);
    }
    return known > 0;
}

/* Four rounds at a time, the first word of four in the upper lane. */
__attribute__((target("sha,sse4.1"))) static void turn_sha1(uint64_t h[8], const unsigned char *p)
{
    const __m128i swap = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
    const __m128i first = _mm_set_epi32((int)h[0], (int)h[1], (int)h[2], (int)h[3]),
                  last = _mm_set_epi32((int)h[4], 0, 0, 0);
    __m128i a = first, before = first, m[20];
#pragma GCC unroll 20
    for (int i = 0; i < 20; i++) {
        if (i < 4)
            m[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)p + i), swap);
        else
            m[i] = _mm_sha1msg2_epu32(
                _mm_xor_si128(_mm_sha1msg1_epu32(m[i - 4], m[i - 3]), m[i - 2]), m[i - 1]);
        const __m128i e = i ? _mm_sha1nexte_epu32(before, m[i]) : _mm_add_epi32(last, m[i]);
        before = a;
        a = i < 5    ? _mm_sha1rnds4_epu32(a, e, 0)
            : i < 10 ? _mm_sha1rnds4_epu32(a, e, 1)
            : i < 15 ? _mm_sha1rnds4_epu32(a, e, 2)
                     : _mm_sha1rnds4_epu32(a, e, 3);
    }
    const __m128i e = _mm_sha1nexte_epu32(before, last);
    a = _mm_add_epi32(a, first);
    h[0] = (uint32_t)_mm_extract_epi32(a, 3);
    h[1] = (uint32_t)_mm_extract_epi32(a, 2);
    h[2] = (uint32_t)_mm_extract_epi32(a, 1);
    h[3] = (uint32_t)_mm_extract_epi32(a, 0);
    h[4] = (uint32_t)_mm_extract_epi32(e, 3);
}
#endif

static void mix_sha1(uint64_t h[8], const unsigned char *p)
{
#ifdef __x86_64__
    if (has_sha()) {
        turn_sha1(h, p);
        return;
    }
#endif
    uint32_t w[80], v[5];
    for (int i = 0; i < 16; i++) w[i] = big32(p + 4 * i);
    for (int i = 16; i < 80; i++) w[i] = rotl32(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < 5; i++) v[i] = (uint32_t)h[i];
    for (int i = 0; i < 80; i++) {
        uint32_t f = i < 20   ? ((v[1] & v[2]) | (~v[1] & v[3])) + 0x5a827999
                     : i < 40 ? (v[1] ^ v[2] ^ v[3]) + 0x6ed9eba1
                     : i < 60 ? ((v[1] & v[2]) | (v[1] & v[3]) | (v[2] & v[3])) + 0x8f1bbcdc
                              : (v[1] ^ v[2] ^ v[3]) + 0xca62c1d6;
        uint32_t t = rotl32(v[0], 5) + f + v[4] + w[i];
        v[4] = v[3], v[3] = v[2], v[2] = rotl32(v[1], 30), v[1] = v[0], v[0] = t;
    }
    for (int i = 0; i < 5; i++) h[i] = (uint32_t)(h[i] + v[i]);
}

// clang-format off
/* The fractions of the cube roots of the first 80 primes; SHA-256 uses the upper halves of 64. */
static const uint64_t K[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};
// clang-format on

#ifdef __x86_64__
/* Four rounds at a time; a holds a b e f, c holds c d g h, as the instructions want them. */
__attribute__((target("sha,sse4.1"))) static void turn_sha256(uint64_t h[8], const unsigned char *p)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i a = _mm_set_epi32((int)h[0], (int)h[1], (int)h[4], (int)h[5]), a0 = a, m[16];
    __m128i c = _mm_set_epi32((int)h[2], (int)h[3], (int)h[6], (int)h[7]), c0 = c;
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        if (i < 4)
            m[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)p + i), swap);
        else
            m[i] = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(m[i - 4], m[i - 3]),
                                                      _mm_alignr_epi8(m[i - 1], m[i - 2], 4)),
                                        m[i - 1]);
        const __m128i *k = (const __m128i *)(const void *)(K + 4 * i);
        const __m128i high = _mm_castps_si128(
            _mm_shuffle_ps(_mm_castsi128_ps(_mm_loadu_si128(k)),
                           _mm_castsi128_ps(_mm_loadu_si128(k + 1)), _MM_SHUFFLE(3, 1, 3, 1)));
        const __m128i w = _mm_add_epi32(m[i], high);
        c = _mm_sha256rnds2_epu32(c, a, w);
        a = _mm_sha256rnds2_epu32(a, c, _mm_shuffle_epi32(w, 0x0e));
    }
    uint32_t at[8];
    _mm_storeu_si128((__m128i *)(void *)at, _mm_add_epi32(a, a0));
    _mm_storeu_si128((__m128i *)(void *)(at + 4), _mm_add_epi32(c, c0));
    for (int i = 0; i < 8; i++) h[i] = at[(const int[]){3, 2, 7, 6, 1, 0, 5, 4}[i]];
}
#endif

static void mix_sha256(uint64_t h[8], const unsigned char *p)
{
#ifdef __x86_64__
    if (has_sha()) {
        turn_sha256(h, p);
        return;
    }
#endif
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++) w[i] = big32(p + 4 * i);
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (rotr32(a, 7) ^ rotr32(a, 18) ^ a >> 3) + w[i - 7] +
               (rotr32(b, 17) ^ rotr32(b, 19) ^ b >> 10);
    }
    for (int i = 0; i < 8; i++) v[i] = (uint32_t)h[i];
    for (int i = 0; i < 64; i++) {
        uint32_t e = v[4], a = v[0];
        uint32_t t = v[7] + (rotr32(e, 6) ^ rotr32(e, 11) ^ rotr32(e, 25)) +
                     ((e & v[5]) ^ (~e & v[6])) + (uint32_t)(K[i] >> 32) + w[i];
        uint32_t u = (rotr32(a, 2) ^ rotr32(a, 13) ^ rotr32(a, 22)) +
                     ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t;
        v[0] = t + u;
    }
    for (int i = 0; i < 8; i++) h[i] = (uint32_t)(h[i] + v[i]);
}

static void mix_sha512(uint64_t h[8], const unsigned char *p)
{
    uint64_t w[80], v[8];
    for (int i = 0; i < 16; i++) w[i] = (uint64_t)big32(p + 8 * i) << 32 | big32(p + 8 * i + 4);
    for (int i = 16; i < 80; i++) {
        uint64_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (rotr64(a, 1) ^ rotr64(a, 8) ^ a >> 7) + w[i - 7] +
               (rotr64(b, 19) ^ rotr64(b, 61) ^ b >> 6);
    }
    memcpy(v, h, sizeof v);
    for (int i = 0; i < 80; i++) {
        uint64_t e = v[4], a = v[0];
        uint64_t t = v[7] + (rotr64(e, 14) ^ rotr64(e, 18) ^ rotr64(e, 41)) +
                     ((e & v[5]) ^ (~e & v[6])) + K[i] + w[i];
        uint64_t u = (rotr64(a, 28) ^ rotr64(a, 34) ^ rotr64(a, 39)) +
                     ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t;
        v[0] = t + u;
    }
    for (int i = 0; i < 8; i++) h[i] += v[i];
}

// clang-format off
const digest_algo digest_algos[] = {
    {"md5", 16, 64, {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}, mix_md5},
    {"sha1", 20, 64, {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}, mix_sha1},
    {"sha224", 28, 64, {0xc1059ed8, 0x367cd507, 0x3070dd17, 0xf70e5939, 0xffc00b31, 0x68581511, 0x64f98fa7, 0xbefa4fa4}, mix_sha256},
    {"sha256", 32, 64, {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}, mix_sha256},
    {"sha384", 48, 128, {0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17, 0x152fecd8f70e5939, 0x67332667ffc00b31, 0x8eb44a8768581511, 0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4}, mix_sha512},
    {"sha512", 64, 128, {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179}, mix_sha512},
    {0},
};
// clang-format on

const digest_algo *digest_algo_named(const char *name)
{
    for (const digest_algo *a = digest_algos; a->name; a++) {
        if (!strcmp(a->name, name)) return a;
    }
    return NULL;
}

void digest_open(digest *d, const digest_algo *a)
{
    *d = (digest){.algo = a};
    memcpy(d->h, a->start, sizeof d->h);
}

void digest_add(digest *d, const void *from, size_t n)
{
    const unsigned char *p = from;
    size_t block = d->algo->block;
    d->total += n;
    for (; !d->n && n >= block; p += block, n -= block) d->algo->mix(d->h, p);
    while (n > 0) {
        size_t take = block - d->n < n ? block - d->n : n;
        memcpy(d->block + d->n, p, take);
        d->n += take;
        p += take;
        n -= take;
        if (d->n < block) break;
        d->algo->mix(d->h, d->block);
        d->n = 0;
    }
}

void digest_end(digest *d, unsigned char out[DIGEST_MAX])
{
    static const unsigned char one = 0x80, zero = 0;
    const digest_algo *a = d->algo;
    bool little = a->mix == mix_md5, wide = a->block == 128;
    uint64_t bits = d->total * 8;
    unsigned char size[16] = {0};
    for (int i = 0; i < 8; i++) size[little ? i : 15 - i] = (unsigned char)(bits >> (8 * i));
    digest_add(d, &one, 1);
    while (d->n != a->block - (wide ? 16 : 8)) digest_add(d, &zero, 1);
    digest_add(d, wide || little ? size : size + 8, wide ? 16 : 8);
    size_t word = wide ? 8 : 4;
    for (size_t i = 0; i < a->size; i++) {
        size_t shift = 8 * (little ? i % word : word - 1 - i % word);
        out[i] = (unsigned char)(d->h[i / word] >> shift);
    }
}

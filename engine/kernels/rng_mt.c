/* engine/kernels/rng_mt.c - MT19937: 624 words at a time, in vectors of sixteen.
 *
 * Twisting reads words 1 and 397 ahead of the one it writes, so sixteen can be done together
 * until the read position wraps; tempering and the conversion to doubles have no such limit.
 * A double takes two words: 27 bits of the first and 26 of the second. */
#include <string.h>

#include "engine/base/simd.h"
#include "engine/kernels/rng.h"

typedef uint32_t words16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint32_t words8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef uint64_t longs8 __attribute__((vector_size(64), aligned(4), may_alias));
typedef double doubles8 __attribute__((vector_size(64), aligned(8), may_alias));

enum { AHEAD = 397 };
static const uint32_t UPPER = 0x80000000u, LOWER = 0x7fffffffu, TWIST = 0x9908b0dfu;

#define MIX(a, b, far) ((far) ^ ((((a)&UPPER) | ((b)&LOWER)) >> 1) ^ (((b)&1) * TWIST))

SIMD_ALWAYS void twist8(uint32_t *k, int i, int far)
{
    words8 a = *(words8 *)(k + i), b = *(words8 *)(k + i + 1), f = *(words8 *)(k + far);
    *(words8 *)(k + i) = MIX(a, b, f);
}

SIMD_ALWAYS void twist16(uint32_t *k, int i, int far)
{
    words16 a = *(words16 *)(k + i), b = *(words16 *)(k + i + 1), f = *(words16 *)(k + far);
    *(words16 *)(k + i) = MIX(a, b, f);
}

SIMD_KERNEL(, mt_twist, (uint32_t * k), (k))
{
    int i = 0;
    for (; i + 16 <= MT_WORDS - AHEAD; i += 16) twist16(k, i, i + AHEAD);
    for (; i < MT_WORDS - AHEAD; i++) k[i] = MIX(k[i], k[i + 1], k[i + AHEAD]);
    for (; i + 17 <= MT_WORDS; i += 16) twist16(k, i, i + AHEAD - MT_WORDS);
    for (; i + 9 <= MT_WORDS; i += 8) twist8(k, i, i + AHEAD - MT_WORDS);
    for (; i < MT_WORDS - 1; i++) k[i] = MIX(k[i], k[i + 1], k[i + AHEAD - MT_WORDS]);
    k[i] = MIX(k[i], k[0], k[AHEAD - 1]);
}

SIMD_KERNEL(, mt_temper, (const uint32_t *key, uint32_t *out), (key, out))
{
    for (int i = 0; i < MT_WORDS; i += 16) {
        words16 y = *(const words16 *)(key + i);
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c5680u;
        y ^= (y << 15) & 0xefc60000u;
        *(words16 *)(out + i) = y ^ y >> 18;
    }
}

void mt_refill(mt19937 *mt)
{
    mt_twist(mt->key);
    mt_temper(mt->key, mt->out);
    mt->pos = 0;
}

void rng_set_mt(rng *g, const uint32_t key[MT_WORDS], int pos)
{
    g->kind = RNG_MT19937;
    g->has_half = g->has_gauss = false;
    g->gauss = 0;
    g->plan.made = false;
    memcpy(g->u.mt.key, key, sizeof g->u.mt.key);
    if (pos < MT_WORDS) mt_temper(key, g->u.mt.out);
    g->u.mt.pos = pos;
}

static void spread(uint32_t seed, uint32_t key[MT_WORDS])
{
    for (uint32_t i = 0; i < MT_WORDS; i++) {
        key[i] = seed;
        seed = 1812433253u * (seed ^ seed >> 30) + i + 1;
    }
}

void rng_seed_legacy(rng *g, uint32_t seed)
{
    uint32_t key[MT_WORDS];
    spread(seed, key);
    rng_set_mt(g, key, MT_WORDS);
}

void rng_seed_legacy_array(rng *g, size_t n, const uint32_t *seed)
{
    uint32_t key[MT_WORDS];
    spread(19650218u, key);
    size_t i = 1, j = 0;
    for (size_t k = n > MT_WORDS ? n : MT_WORDS; k; k--) {
        key[i] = (key[i] ^ (key[i - 1] ^ key[i - 1] >> 30) * 1664525u) + seed[j] + (uint32_t)j;
        if (++i == MT_WORDS) key[0] = key[MT_WORDS - 1], i = 1;
        if (++j == n) j = 0;
    }
    for (int k = MT_WORDS - 1; k; k--) {
        key[i] = (key[i] ^ (key[i - 1] ^ key[i - 1] >> 30) * 1566083941u) - (uint32_t)i;
        if (++i == MT_WORDS) key[0] = key[MT_WORDS - 1], i = 1;
    }
    key[0] = 0x80000000u;
    rng_set_mt(g, key, MT_WORDS);
}

/* What rng_seed_legacy_array does to each of MT_ABREAST seeds: every step waits for the one before
 * it, so that one seed alone leaves the processor idle.  Word i of all of them is row i. */
typedef uint32_t seed_row[MT_ABREAST];

SIMD_ALWAYS void seed_step(uint32_t *out, const uint32_t *old, const uint32_t *prev, uint32_t by,
                           const uint32_t *more, uint32_t plus)
{
    const words16 *o = (const words16 *)old, *p = (const words16 *)prev, *m = (const words16 *)more;
    words16 a = (o[0] ^ (p[0] ^ p[0] >> 30) * by) + m[0] + plus;
    words16 b = (o[1] ^ (p[1] ^ p[1] >> 30) * by) + m[1] + plus;
    ((words16 *)out)[0] = a;
    ((words16 *)out)[1] = b;
}

/* w: the seeds, their word i in row i + 1, which become the states, word i in row i; first: the
 * state that all begin with */
SIMD_KERNEL(static, seed_rows, (seed_row * w, const uint32_t *first), (w, first))
{
    const int last = MT_WORDS - 1;
    seed_row same, none = {0};
    for (int k = 0; k < MT_ABREAST; k++) w[0][k] = first[0];
    for (int i = 1; i <= last; i++) {
        for (int k = 0; k < MT_ABREAST; k++) same[k] = first[i];
        seed_step(w[i], same, w[i - 1], 1664525u, w[i], (uint32_t)i - 1);
    }
    seed_step(w[1], w[1], w[last], 1664525u, w[MT_WORDS], (uint32_t)last);
    for (int i = 2; i <= last; i++)
        seed_step(w[i], w[i], w[i - 1], 1566083941u, none, -(uint32_t)i);
    seed_step(w[1], w[1], w[last], 1566083941u, none, -1u);
    for (int k = 0; k < MT_ABREAST; k++) w[0][k] = 0x80000000u;
}

typedef uint32_t words4 __attribute__((vector_size(16), aligned(4), may_alias));

/* four words of four rows become four rows of four words */
static inline void turn4(const uint32_t *from, size_t step, uint32_t *to, size_t to_step)
{
    words4 a = *(const words4 *)from, b = *(const words4 *)(from + step),
           c = *(const words4 *)(from + 2 * step), d = *(const words4 *)(from + 3 * step);
    words4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5),
           cd = __builtin_shufflevector(c, d, 0, 4, 1, 5),
           AB = __builtin_shufflevector(a, b, 2, 6, 3, 7),
           CD = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(words4 *)to = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(words4 *)(to + to_step) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    *(words4 *)(to + 2 * to_step) = __builtin_shufflevector(AB, CD, 0, 1, 4, 5);
    *(words4 *)(to + 3 * to_step) = __builtin_shufflevector(AB, CD, 2, 3, 6, 7);
}

void mt_seed_abreast(const uint32_t *seed, uint32_t *key)
{
    seed_row w[MT_WORDS + 1];
    uint32_t first[MT_WORDS];
    spread(19650218u, first);
    for (int i = 0; i < MT_WORDS; i += 4)
        for (int k = 0; k < MT_ABREAST; k += 4)
            turn4(seed + k * MT_WORDS + i, MT_WORDS, &w[i + 1][k], MT_ABREAST);
    seed_rows(w, first);
    for (int i = 0; i < MT_WORDS; i += 4)
        for (int k = 0; k < MT_ABREAST; k += 4)
            turn4(&w[i][k], MT_ABREAST, key + k * MT_WORDS + i, MT_WORDS);
}

/* n doubles from 2n words: the integer of 53 bits is put together as two exact doubles. */
SIMD_KERNEL(, mt_doubles, (const uint32_t *w, size_t n, double *out), (w, n, out))
{
    const uint64_t magic = 0x4330000000000000; /* 2^52: adds an integer in the low bits */
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        longs8 x = *(const longs8 *)(w + 2 * i);
        longs8 high = (x & 0xffffffffu) >> 5 | magic, low = x >> 38 | magic;
        doubles8 a = (doubles8)high - 0x1p52, b = (doubles8)low - 0x1p52;
        *(doubles8 *)(out + i) = (a * 0x1p26 + b) * 0x1p-53;
    }
    for (; i < n; i++)
        out[i] = ((w[2 * i] >> 5) * 67108864.0 + (w[2 * i + 1] >> 6)) / 9007199254740992.0;
}

void rng_doubles(rng *g, size_t n, double *out)
{
    if (g->kind == RNG_PCG64) {
        pcg_doubles(g, n, out);
        return;
    }
    if (g->kind == RNG_MT19937) {
        mt19937 *mt = &g->u.mt;
        while (n) {
            if (mt->pos == MT_WORDS) mt_refill(mt);
            size_t part = (size_t)(MT_WORDS - mt->pos) / 2;
            if (part > n) part = n;
            if (part) {
                mt_doubles(mt->out + mt->pos, part, out);
                mt->pos += (int)(2 * part);
            } else { /* one word is left: the pair straddles two blocks */
                *out = rng_double(g);
                part = 1;
            }
            out += part;
            n -= part;
        }
    }
    for (size_t i = 0; i < n; i++) out[i] = rng_double(g);
}

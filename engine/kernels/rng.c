/* engine/kernels/rng.c - SeedSequence, PCG64, Philox, SFC64; the ways to seed each of them. */
#include "engine/kernels/rng.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

const char *const rng_names[NRNG] = {"MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"};

/* ---- SeedSequence (M. O'Neill's seed_seq_fe, as NumPy fixed it) ---- */

enum { POOL = 4 };

static uint32_t hash_word(uint32_t x, uint32_t *state, uint32_t by)
{
    x ^= *state;
    *state *= by;
    x *= *state;
    return x ^ x >> 16;
}

static uint32_t mix(uint32_t x, uint32_t y)
{
    uint32_t r = 0xca01f9ddu * x - 0x4973f715u * y;
    return r ^ r >> 16;
}

static uint32_t word_at(size_t i, size_t n, const uint32_t *entropy, size_t nkey,
                        const uint32_t *key)
{
    size_t base = nkey && n < POOL ? POOL : n; /* a key starts behind a full pool */
    if (i < n) return entropy[i];
    return i >= base && i - base < nkey ? key[i - base] : 0;
}

seed_seq seed_seq_of(size_t n, const uint32_t *entropy, size_t nkey, const uint32_t *key)
{
    seed_seq s;
    const uint32_t by = 0x931e8875u;
    uint32_t state = 0x43b0d7e5u;
    size_t all = (nkey && n < POOL ? POOL : n) + nkey;
    for (size_t i = 0; i < POOL; i++)
        s.pool[i] = hash_word(word_at(i, n, entropy, nkey, key), &state, by);
    for (int from = 0; from < POOL; from++)
        for (int to = 0; to < POOL; to++)
            if (from != to) s.pool[to] = mix(s.pool[to], hash_word(s.pool[from], &state, by));
    for (size_t i = POOL; i < all; i++)
        for (int to = 0; to < POOL; to++)
            s.pool[to] = mix(s.pool[to], hash_word(word_at(i, n, entropy, nkey, key), &state, by));
    return s;
}

void seed_seq_words(const seed_seq *s, size_t n, uint32_t *out)
{
    uint32_t state = 0x8b51f9ddu;
    for (size_t i = 0; i < n; i++) out[i] = hash_word(s->pool[i % POOL], &state, 0x58f38dedu);
}

void seed_seq_words64(const seed_seq *s, size_t n, uint64_t *out)
{
    uint32_t state = 0x8b51f9ddu;
    for (size_t i = 0; i < n; i++) {
        uint32_t low = hash_word(s->pool[2 * i % POOL], &state, 0x58f38dedu);
        out[i] = (uint64_t)hash_word(s->pool[(2 * i + 1) % POOL], &state, 0x58f38dedu) << 32 | low;
    }
}

void seed_entropy(uint32_t out[4])
{
    if (getrandom(out, 16, 0) == 16) return;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    const uint32_t words[4] = {(uint32_t)t.tv_nsec, (uint32_t)t.tv_sec, (uint32_t)clock(), 1};
    memcpy(out, words, sizeof words);
}

/* ---- the generators ---- */

static rng_u128 join(uint64_t high, uint64_t low)
{
    return (rng_u128)high << 64 | low;
}

static uint64_t dxsm_next(rng *g)
{
    const uint64_t by = 0xda942042e4dd58b5u;
    rng_u128 s = g->u.pcg.state;
    uint64_t high = (uint64_t)(s >> 64), low = (uint64_t)s | 1;
    high ^= high >> 32;
    high *= by;
    high ^= high >> 48;
    g->u.pcg.state = s * by + g->u.pcg.inc;
    return high * low;
}

static void philox_block(const uint64_t counter[4], const uint64_t key[2], uint64_t out[4])
{
    uint64_t c[4] = {counter[0], counter[1], counter[2], counter[3]}, k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        rng_u128 a = (rng_u128)0xd2e7470ee14c6c93u * c[0];
        rng_u128 b = (rng_u128)0xca5a826395121157u * c[2];
        const uint64_t next[4] = {(uint64_t)(b >> 64) ^ c[1] ^ k0, (uint64_t)b,
                                  (uint64_t)(a >> 64) ^ c[3] ^ k1, (uint64_t)a};
        memcpy(c, next, sizeof c);
        k0 += 0x9e3779b97f4a7c15u;
        k1 += 0xbb67ae8584caa73bu;
    }
    memcpy(out, c, sizeof c);
}

static uint64_t philox_next(rng *g)
{
    if (g->u.philox.pos == 4) {
        for (int i = 0; i < 4 && !++g->u.philox.counter[i]; i++) continue;
        philox_block(g->u.philox.counter, g->u.philox.key, g->u.philox.buffer);
        g->u.philox.pos = 0;
    }
    return g->u.philox.buffer[g->u.philox.pos++];
}

static uint64_t sfc_next(rng *g)
{
    uint64_t *s = g->u.sfc, r = s[0] + s[1] + s[3]++;
    s[0] = s[1] ^ s[1] >> 11;
    s[1] = s[2] + (s[2] << 3);
    s[2] = (s[2] << 24 | s[2] >> 40) + r;
    return r;
}

uint64_t rng_next64_slow(rng *g)
{
    switch (g->kind) {
    case RNG_MT19937: {
        uint64_t high = mt_next(&g->u.mt);
        return high << 32 | mt_next(&g->u.mt);
    }
    case RNG_PCG64DXSM: return dxsm_next(g);
    case RNG_PHILOX: return philox_next(g);
    case RNG_SFC64: return sfc_next(g);
    default: return pcg_next(g);
    }
}

uint32_t rng_next32_slow(rng *g)
{
    if (g->has_half) {
        g->has_half = false;
        return g->half;
    }
    uint64_t x = rng_next64(g);
    g->has_half = true;
    g->half = (uint32_t)(x >> 32);
    return (uint32_t)x;
}

static void seed_mt(rng *g, const seed_seq *s)
{
    uint32_t key[MT_WORDS];
    seed_seq_words(s, MT_WORDS, key);
    key[0] = 0x80000000u; /* never all zero */
    rng_set_mt(g, key, MT_WORDS - 1);
}

static rng_u128 pcg_multiplier(void)
{
    return join(2549297995355413924u, 4865540595714422341u);
}

/* PCG64DXSM is seeded with the long multiplier too, though it steps with a short one. */
static void seed_pcg(rng *g, const seed_seq *s)
{
    uint64_t w[4];
    seed_seq_words64(s, 4, w);
    rng_u128 inc = join(w[2], w[3]) << 1 | 1;
    g->u.pcg.inc = inc;
    g->u.pcg.state = (inc + join(w[0], w[1])) * pcg_multiplier() + inc;
}

void rng_seed(rng *g, enum rng_kind kind, const seed_seq *s)
{
    memset(g, 0, sizeof *g);
    g->kind = kind;
    switch (kind) {
    case RNG_MT19937: seed_mt(g, s); break;
    case RNG_PHILOX:
        seed_seq_words64(s, 2, g->u.philox.key);
        g->u.philox.pos = 4;
        break;
    case RNG_SFC64:
        seed_seq_words64(s, 3, g->u.sfc);
        g->u.sfc[3] = 1;
        for (int i = 0; i < 12; i++) sfc_next(g);
        break;
    default: seed_pcg(g, s);
    }
}

/* the state after `steps` steps of s -> s * by + inc, in 128 doublings */
void rng_advance_pcg(rng *g, rng_u128 steps)
{
    rng_u128 by = g->kind == RNG_PCG64 ? pcg_multiplier() : (rng_u128)0xda942042e4dd58b5u;
    rng_u128 add = g->u.pcg.inc, mul = 1, plus = 0;
    for (; steps; steps >>= 1) {
        if (steps & 1) {
            mul *= by;
            plus = plus * by + add;
        }
        add = (by + 1) * add;
        by *= by;
    }
    g->u.pcg.state = mul * g->u.pcg.state + plus;
    g->has_half = false;
}

bool rng_jump(rng *g)
{
    if (g->kind == RNG_PHILOX) {
        for (int i = 2; i < 4 && !++g->u.philox.counter[i]; i++) continue;
        g->u.philox.pos = 4;
        g->has_half = false;
        return true;
    }
    if (g->kind != RNG_PCG64 && g->kind != RNG_PCG64DXSM) return false;
    rng_advance_pcg(g, join(0x9e3779b97f4a7c15u, 0xf39cc0605cedc835u)); /* 2^128 / golden */
    return true;
}

static double pcg_double(rng_u128 s)
{
    return (double)(pcg_output(s) >> 11) / 9007199254740992.0;
}

/* Four steps apart, four copies of the generator do not wait for each other's products. */
void pcg_doubles(rng *g, size_t n, double *out)
{
    const rng_u128 by = pcg_multiplier(), by2 = by * by, add = g->u.pcg.inc;
    const rng_u128 by4 = by2 * by2, add4 = add * (1 + by + by2 + by2 * by);
    rng_u128 s0 = g->u.pcg.state, s1 = s0 * by + add, s2 = s1 * by + add, s3 = s2 * by + add;
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        s0 = s0 * by4 + add4; /* the fourth of these four */
        out[i] = pcg_double(s1);
        out[i + 1] = pcg_double(s2);
        out[i + 2] = pcg_double(s3);
        out[i + 3] = pcg_double(s0);
        s1 = s1 * by4 + add4;
        s2 = s2 * by4 + add4;
        s3 = s3 * by4 + add4;
    }
    g->u.pcg.state = s0;
    for (; i < n; i++) out[i] = rng_double(g);
}

void rng_bytes(rng *g, size_t n, void *out)
{
    char *at = out;
    if (!n) rng_next32(g); /* NumPy rounds no bytes up to one word */
    for (; n; at += 4) {
        uint32_t word = rng_next32(g);
        size_t part = n < 4 ? n : 4;
        memcpy(at, &word, part);
        n -= part;
    }
}

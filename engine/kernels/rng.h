/* engine/kernels/rng.h - streams of random bits, equal to NumPy's bit for bit.
 *
 * SeedSequence hashes any number of words into the seeds of a generator; an rng is one
 * generator with its state.  An rng belongs to one owner at a time (no locking); it is plain
 * data and may be copied: the copy continues the same stream. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

__extension__ typedef unsigned __int128 rng_u128;

typedef struct seed_seq { /* numpy.random.SeedSequence with its pool of 4 words */
    uint32_t pool[4];
} seed_seq;

/* entropy: the 32-bit words of the given integers, least significant first, at least one each
 * (0 is one word).  key: those of spawn_key; child i of a sequence has key + (i,). */
seed_seq seed_seq_of(size_t n, const uint32_t *entropy, size_t nkey, const uint32_t *key);
void seed_seq_words(const seed_seq *s, size_t n, uint32_t *out);   /* generate_state(n) */
void seed_seq_words64(const seed_seq *s, size_t n, uint64_t *out); /* (n, dtype=uint64) */
void seed_entropy(uint32_t out[4]); /* 128 bits from the operating system */

enum rng_kind { RNG_MT19937, RNG_PCG64, RNG_PCG64DXSM, RNG_PHILOX, RNG_SFC64, NRNG };
extern const char *const rng_names[NRNG]; /* "MT19937", "PCG64" ... */

enum { MT_WORDS = 624 };

typedef struct mt19937 {
    uint32_t key[MT_WORDS]; /* the state proper */
    uint32_t out[MT_WORDS]; /* its words, tempered */
    int pos;                /* of the next word; MT_WORDS: make new ones first */
} mt19937;

typedef struct binomial_plan { /* constants of the last (n, p) asked for */
    double p;
    int64_t n;
    bool made;
    double r, q, fm, p1, xm, xl, xr, c, laml, lamr, p2, p3, p4;
    int64_t m;
} binomial_plan;

typedef struct rng {
    enum rng_kind kind;
    bool has_half, has_gauss;
    uint32_t half; /* the other half of the last 64 bits, for 32-bit draws */
    double gauss;  /* the second of a pair of legacy normals */
    binomial_plan plan;
    union {
        mt19937 mt;
        struct {
            rng_u128 state, inc;
        } pcg;
        struct {
            uint64_t counter[4], key[2], buffer[4];
            int pos;
        } philox;
        uint64_t sfc[4];
    } u;
} rng;

/* Seeds as NumPy's bit generator of that kind does from a SeedSequence. */
void rng_seed(rng *g, enum rng_kind kind, const seed_seq *s);
/* RandomState(seed): one number below 2^32, or an array of them (n > 0). */
void rng_seed_legacy(rng *g, uint32_t seed);
void rng_seed_legacy_array(rng *g, size_t n, const uint32_t *seed);
/* The states that rng_seed_legacy_array makes of MT_ABREAST seeds of MT_WORDS words each, one after
 * the other; over them, if they are given there. */
enum { MT_ABREAST = 32 };
void mt_seed_abreast(const uint32_t *seed, uint32_t *key);
/* MT19937 state as in get_state() / set_state(): 624 words and a position */
void rng_set_mt(rng *g, const uint32_t key[MT_WORDS], int pos);
void rng_advance_pcg(rng *g, rng_u128 steps); /* PCG64.advance */
/* jumped(): moves the stream far ahead; false for the kinds that cannot (MT19937, SFC64). */
bool rng_jump(rng *g);

uint64_t rng_next64_slow(rng *g);
uint32_t rng_next32_slow(rng *g);
void mt_refill(mt19937 *mt);
void mt_twist(uint32_t *key);                              /* to the next state */
void mt_temper(const uint32_t *key, uint32_t *words);      /* its words; may be the same place */
void pcg_doubles(rng *g, size_t n, double *out);           /* kind RNG_PCG64 only */
void mt_doubles(const uint32_t *w, size_t n, double *out); /* from 2 n tempered words */

static inline uint32_t mt_next(mt19937 *mt)
{
    if (mt->pos == MT_WORDS) mt_refill(mt);
    return mt->out[mt->pos++];
}

static inline uint64_t pcg_output(rng_u128 s)
{
    uint64_t x = (uint64_t)(s >> 64) ^ (uint64_t)s;
    unsigned turn = (unsigned)(s >> 122);
    return x >> turn | x << (-turn & 63);
}

static inline uint64_t pcg_next(rng *g)
{
    const rng_u128 by = (rng_u128)2549297995355413924u << 64 | 4865540595714422341u;
    rng_u128 s = g->u.pcg.state = g->u.pcg.state * by + g->u.pcg.inc;
    return pcg_output(s);
}

static inline uint64_t rng_next64(rng *g)
{
    return g->kind == RNG_PCG64 ? pcg_next(g) : rng_next64_slow(g);
}

static inline uint32_t rng_next32(rng *g)
{
    if (g->kind == RNG_MT19937) return mt_next(&g->u.mt);
    if (g->kind != RNG_PCG64) return rng_next32_slow(g);
    if ((g->has_half = !g->has_half)) {
        uint64_t x = pcg_next(g);
        g->half = (uint32_t)(x >> 32);
        return (uint32_t)x;
    }
    return g->half;
}

/* For loops: the few words of g that a PCG64 has, in a local that the compiler keeps in registers.
 * The local is an rng of that kind until rng_give gives its state back. */
static inline rng rng_take_pcg(const rng *g)
{
    rng own;
    own.kind = RNG_PCG64;
    own.has_half = g->has_half;
    own.half = g->half;
    own.u.pcg.state = g->u.pcg.state;
    own.u.pcg.inc = g->u.pcg.inc;
    return own;
}

static inline void rng_give_pcg(rng *g, const rng *own)
{
    g->has_half = own->has_half;
    g->half = own->half;
    g->u.pcg.state = own->u.pcg.state;
}

/* uniform in [0, 1) with 53 bits */
static inline double rng_double(rng *g)
{
    if (g->kind == RNG_MT19937) {
        uint32_t a = mt_next(&g->u.mt) >> 5, b = mt_next(&g->u.mt) >> 6;
        return (a * 67108864.0 + b) / 9007199254740992.0;
    }
    return (double)(rng_next64(g) >> 11) / 9007199254740992.0;
}

static inline float rng_float(rng *g)
{
    return (float)(rng_next32(g) >> 8) * (1.0f / 16777216.0f);
}

void rng_doubles(rng *g, size_t n, double *out); /* n times rng_double */
/* uniform in [0, max]: by masking and rejection */
static inline uint64_t rng_interval(rng *g, uint64_t max)
{
    if (!max) return 0;
    uint64_t mask = UINT64_MAX >> __builtin_clzll(max), x;
    if (max <= UINT32_MAX)
        while ((x = rng_next32(g) & mask) > max) continue;
    else
        while ((x = rng_next64(g) & mask) > max) continue;
    return x;
}
/* RandomState.bytes, Generator.bytes */
void rng_bytes(rng *g, size_t n, void *out);

/* stdlib/dask/text_hash.c - hash() of texts, the same in every process and at every time.
 *
 * A shuffle sends an item to the partition hash(group) % n, so that the order of groups depends on
 * hash().  Dask's worker processes run with the fixed PYTHONHASHSEED 6640; this is hash() there:
 * SipHash-1-3, keyed by what the seed gives, over the characters in CPython's width. */
#include <string.h>

#include "engine/base/mem.h"
#include "lang/types/bytes.h"
#include "stdlib/dask/parts.h"

enum { SEED = 6640 };

static void key_of_seed(uint64_t k[2])
{
    unsigned char secret[16];
    uint32_t x = SEED;
    for (size_t i = 0; i < sizeof secret; i++) {
        x = x * 214013 + 2531011;
        secret[i] = (unsigned char)(x >> 16);
    }
    memcpy(k, secret, sizeof secret);
}

static inline uint64_t turn(uint64_t x, int n)
{
    return x << n | x >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1], v[1] = turn(v[1], 13) ^ v[0], v[0] = turn(v[0], 32);
    v[2] += v[3], v[3] = turn(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = turn(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = turn(v[1], 17) ^ v[2], v[2] = turn(v[2], 32);
}

static uint64_t sip13(const char *s, size_t n)
{
    uint64_t k[2];
    key_of_seed(k);
    uint64_t v[] = {k[0] ^ 0x736f6d6570736575, k[1] ^ 0x646f72616e646f6d, k[0] ^ 0x6c7967656e657261,
                    k[1] ^ 0x7465646279746573};
    uint64_t last = (uint64_t)n << 56;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t m;
        memcpy(&m, s + i, 8);
        v[3] ^= m;
        sip_round(v);
        v[0] ^= m;
    }
    for (int shift = 0; i < n; i++, shift += 8) last |= (uint64_t)(unsigned char)s[i] << shift;
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int round = 0; round < 3; round++) sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t not_minus_one(uint64_t h)
{
    return h == UINT64_MAX ? h - 1 : h;
}

static uint32_t code_point(const unsigned char **p)
{
    const unsigned char *s = *p;
    int more = s[0] < 0x80 ? 0 : s[0] < 0xe0 ? 1 : s[0] < 0xf0 ? 2 : 3;
    uint32_t c = more ? s[0] & (0x3fu >> more) : s[0];
    for (int i = 1; i <= more; i++) c = c << 6 | (s[i] & 0x3f);
    *p = s + more + 1;
    return c;
}

/* All characters take the room that the largest one needs. */
static uint64_t hash_str(const str *s)
{
    if (!s->nbyte) return 0;
    if (s->nbyte == s->nchar) return not_minus_one(sip13(s->at, s->nbyte));
    uint32_t *wide = mem_alloc(4 * s->nchar), most = 0;
    const unsigned char *p = (const unsigned char *)s->at;
    for (size_t i = 0; i < s->nchar; i++) {
        wide[i] = code_point(&p);
        if (wide[i] > most) most = wide[i];
    }
    unsigned char *one = (unsigned char *)wide;
    uint16_t *two = (uint16_t *)(void *)wide;
    size_t width = most < 0x100 ? 1 : most < 0x10000 ? 2 : 4;
    for (size_t i = 0; width == 1 && i < s->nchar; i++) one[i] = (unsigned char)wide[i];
    for (size_t i = 0; width == 2 && i < s->nchar; i++) two[i] = (uint16_t)wide[i];
    uint64_t h = sip13((char *)wide, width * s->nchar);
    mem_free(wide);
    return not_minus_one(h);
}

static bool hash_any(interp *in, value v, uint64_t *out);

static bool hash_tuple(interp *in, const tuple *t, uint64_t *out)
{
    const uint64_t p1 = 11400714785074694791u, p2 = 14029467366897019727u,
                   p5 = 2870177450012600261u;
    uint64_t acc = p5, item;
    TRY(check_stack(in));
    for (int64_t i = 0; i < t->n; i++) {
        TRY(hash_any(in, t->at[i], &item));
        acc = turn(acc + item * p2, 31) * p1;
    }
    acc += (uint64_t)t->n ^ (p5 ^ 3527539);
    *out = acc == UINT64_MAX ? 1546275796 : acc;
    return true;
}

static bool hash_any(interp *in, value v, uint64_t *out)
{
    size_t n;
    if (v.kind == V_OBJ && v.o->type == &T_str) return *out = hash_str((str *)v.o), true;
    if (v.kind == V_OBJ && v.o->type == &T_bytes) {
        const char *s = bytes_peek(v, &n);
        return *out = n ? not_minus_one(sip13(s, n)) : 0, true;
    }
    if (v.kind == V_OBJ && v.o->type == &T_tuple) return hash_tuple(in, (tuple *)v.o, out);
    return value_hash(in, v, out);
}

/* text_hash(x) */
value text_hash(interp *in, const value *arg)
{
    uint64_t h;
    return hash_any(in, arg[0], &h) ? v_int((int64_t)h) : FAIL;
}

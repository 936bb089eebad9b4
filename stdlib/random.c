/* stdlib/random.c - the module _random: Python's Mersenne Twister (MT19937), the base class of
 * random.Random (stdlib/dsk/random.dsk).  Streams are CPython's bit for bit. */
#include <string.h>
#include <sys/random.h>

#include "engine/base/mem.h"
#include "lang/interp.h"
#include "lang/types/bytes.h"
#include "stdlib/stdlib.h"

enum { N = 624, M = 397 };

typedef struct twister {
    obj hdr;
    int at; /* next word; N: make new ones */
    uint32_t word[N];
} twister;

static void refill(twister *t)
{
    uint32_t *w = t->word;
    for (int i = 0; i < N; i++) {
        uint32_t y = (w[i] & 0x80000000u) | (w[(i + 1) % N] & 0x7fffffffu);
        w[i] = w[(i + M) % N] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    t->at = 0;
}

static uint32_t next32(twister *t)
{
    if (t->at >= N) refill(t);
    uint32_t y = t->word[t->at++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

static void seed_word(twister *t, uint32_t s)
{
    t->word[0] = s;
    for (uint32_t i = 1; i < N; i++) {
        t->word[i] = 1812433253u * (t->word[i - 1] ^ t->word[i - 1] >> 30) + i;
    }
    t->at = N;
}

static void seed_words(twister *t, const uint32_t *key, size_t n)
{
    uint32_t *w = t->word;
    size_t i = 1, j = 0;
    seed_word(t, 19650218u);
    for (size_t k = N > n ? N : n; k > 0; k--) {
        w[i] = (w[i] ^ (w[i - 1] ^ w[i - 1] >> 30) * 1664525u) + key[j] + (uint32_t)j;
        if (++i >= N) w[0] = w[N - 1], i = 1;
        if (++j >= n) j = 0;
    }
    for (size_t k = N - 1; k > 0; k--) {
        w[i] = (w[i] ^ (w[i - 1] ^ w[i - 1] >> 30) * 1566083941u) - (uint32_t)i;
        if (++i >= N) w[0] = w[N - 1], i = 1;
    }
    w[0] = 0x80000000u;
}

static bool seed_by(interp *in, twister *t, value v)
{
    if (is_none(v)) {
        uint32_t key[N];
        if (getrandom(key, sizeof key, 0) != (ssize_t)sizeof key) memset(key, 7, sizeof key);
        seed_words(t, key, N);
        return true;
    }
    mpz_t z;
    mpz_init(z);
    if (is_int(v))
        to_mpz(in, v, z);
    else {
        uint64_t h;
        if (!value_hash(in, v, &h)) {
            mpz_clear(z);
            return false;
        }
        mpz_set_ui(z, h);
    }
    mpz_abs(z, z);
    size_t n = mpz_sgn(z) ? (mpz_sizeinbase(z, 2) + 31) / 32 : 1;
    uint32_t *key = mem_zero(n * sizeof *key);
    mpz_export(key, NULL, -1, sizeof *key, 0, 0, z);
    seed_words(t, key, n);
    mem_free(key);
    mpz_clear(z);
    return true;
}

static value random_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    (void)kwnames;
    twister *t = obj_new(in, cls, 0);
    if (!t) return FAIL;
    if (seed_by(in, t, npos ? arg[0] : NONE)) return v_obj(t);
    exc_clear(in); /* an unhashable seed is seed()'s to complain about */
    seed_word(t, 0);
    return v_obj(t);
}

static twister *self_twister(const value *arg)
{
    return (twister *)arg[0].o;
}

static value method_seed(interp *in, const value *arg)
{
    return seed_by(in, self_twister(arg), arg[1]) ? NONE : FAIL;
}

static value method_random(interp *in, const value *arg)
{
    (void)in;
    twister *t = self_twister(arg);
    uint32_t a = next32(t) >> 5, b = next32(t) >> 6;
    return v_float((a * 67108864.0 + b) * (1.0 / 9007199254740992.0));
}

static value method_getrandbits(interp *in, const value *arg)
{
    twister *t = self_twister(arg);
    int64_t k;
    if (!to_int64(in, arg[1], &k)) return FAIL;
    if (k < 0) return throw(in, ValueError, "number of bits must be non-negative");
    if (k == 0) return v_int(0);
    if (k <= 32) return v_int(next32(t) >> (32 - k));
    if (!int_check_bits(in, (double)k)) return FAIL;
    mpz_t z;
    mpz_init(z);
    const size_t n = ((size_t)k - 1) / 64 + 1;
    mp_limb_t *w = mpz_limbs_write(z, (mp_size_t)n);
    size_t i = 0;
    for (; i < n && goes_on(in, i); i++, k -= 64) {
        uint64_t low = next32(t), high = k > 32 ? next32(t) : 0;
        if (k < 32) low >>= 32 - k;
        if (k > 32 && k < 64) high >>= 64 - k;
        w[i] = low | high << 32;
    }
    mpz_limbs_finish(z, (mp_size_t)i);
    value v = i == n ? int_from_mpz(in, z) : FAIL;
    mpz_clear(z);
    return v;
}

static value method_getstate(interp *in, const value *arg)
{
    twister *t = self_twister(arg);
    tuple *out = tuple_new(in, N + 1);
    if (!out) return FAIL;
    for (int i = 0; i < N; i++) out->at[i] = v_int(t->word[i]);
    out->at[N] = v_int(t->at);
    return v_obj(out);
}

static value method_setstate(interp *in, const value *arg)
{
    twister *t = self_twister(arg);
    tuple *s = as_tuple(arg[1]);
    if (!s) return throw(in, TypeError, "state vector must be a tuple");
    if (s->n != N + 1) return throw(in, ValueError, "state vector is the wrong size");
    uint32_t word[N];
    int64_t w, at;
    for (int i = 0; i < N; i++) {
        if (!to_int64(in, s->at[i], &w)) return FAIL;
        word[i] = (uint32_t)w;
    }
    if (!to_int64(in, s->at[N], &at)) return FAIL;
    if (at < 0 || at > N) return throw(in, ValueError, "invalid state");
    memcpy(t->word, word, sizeof word);
    t->at = (int)at;
    return NONE;
}

static const builtin random_table[] = {
    {"seed(self, n=None, /)", method_seed,
     "Starts the sequence that belongs to a number; without "
     "one, an unforeseeable one."},
    {"random(self, /)", method_random, "A float from 0 up to, not including, 1."},
    {"getrandbits(self, k, /)", method_getrandbits, "An int of k bits by chance."},
    {"getstate(self, /)", method_getstate, "getstate() -> tuple containing the current state."},
    {"setstate(self, state, /)", method_setstate, "setstate(state) -> None."},
    {0},
};

static const type T_random = {
    TYPE_HEAD,
    .name = "Random",
    .module = "_random",
    .doc = "A generator of random numbers with a state of its own.",
    .size = sizeof(twister),
    .flags = TYPE_BASE,
    .table = random_table,
    .make = random_make,
};

static value entropy(interp *in, const value *arg)
{
    enum { STEP = 1 << 20 };
    int64_t n;
    if (!to_int64(in, arg[0], &n)) return FAIL;
    if (n < 0) return throw(in, ValueError, "negative argument not allowed");
    bytes *b = bytes_new(in, NULL, (size_t)n);
    for (int64_t i = 0; b && i < n;) {
        ssize_t got = getrandom(b->at + i, n - i < STEP ? (size_t)(n - i) : STEP, 0);
        if (got <= 0 || !check_interrupt(in)) {
            obj_unref(in, b);
            return throwing(in) ? FAIL : throw(in, OSError, "no random bytes to be had");
        }
        i += got;
    }
    return v_obj(b);
}

static bool open_random(interp *in, module *m)
{
    return module_put_type(in, m, &T_random);
}

static const builtin table[] = {
    {"urandom(size, /)", entropy, "A bytes object of random bytes from the system."}, {0}};

const module_def random_def = {
    .name = "_random", .doc = "Mersenne Twister.", .table = table, .open = open_random};

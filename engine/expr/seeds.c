/* engine/expr/seeds.c - the seeds of random blocks, as states of their parent generator.
 *
 * A state has as many words as a seed, so block i's seed is the rest of state i and the beginning
 * of the next one, cut where the parent stood.  The next state costs a tenth of what it takes to
 * start a generator from a seed, which is why few of them are kept; a whole stride's generators are
 * started abreast, which costs an eighth of what it does one by one. */
#include "engine/expr/seeds.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/stop.h"
#include "engine/base/wire.h"

enum {
    FEW = 4096,  /* blocks whose states are all kept */
    STRIDE = 64, /* else one of so many is, and */
    OPEN = 4,    /* so many strides are unpacked, those used last */
    NO_STRIDE = -1
};

typedef uint32_t state[MT_WORDS];

typedef struct stride {
    int64_t number;
    uint64_t used;
    state *at; /* of the generators of its blocks, and room for one more */
} stride;

struct seeds {
    datum hdr;
    uint64_t n, nkept;
    uint32_t step; /* 1 or STRIDE */
    uint32_t pos;  /* where in state 0 the first word is */
    pthread_mutex_t lock;
    uint64_t clock;
    stride open[OPEN];
    state kept[];
};

static void drop_seeds(datum *d)
{
    seeds *s = (seeds *)(void *)d;
    for (int i = 0; i < OPEN; i++) mem_free(s->open[i].at);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

static size_t seeds_bytes(const datum *d)
{
    return ((const seeds *)(const void *)d)->nkept * sizeof(state);
}

static seeds *alloc(uint64_t n, uint32_t pos, err *e)
{
    uint32_t step = n <= FEW ? 1 : STRIDE;
    uint64_t nkept = n / step + (n % step != 0);
    size_t bytes;
    if (!size_mul(nkept, sizeof(state), &bytes, e)) return NULL;
    seeds *s = try_alloc(sizeof *s + bytes, e);
    if (!s) return NULL;
    memset(s, 0, sizeof *s);
    datum_init(&s->hdr, &seeds_kind);
    pthread_mutex_init(&s->lock, NULL);
    s->n = n;
    s->nkept = nkept;
    s->step = step;
    s->pos = pos;
    for (int i = 0; i < OPEN; i++) s->open[i].number = NO_STRIDE;
    return s;
}

static bool seeds_save(const datum *d, wire_out *w, err *e)
{
    const seeds *s = (const seeds *)(const void *)d;
    (void)e;
    wire_u64(w, s->n);
    wire_u32(w, s->pos);
    wire_segment(w, (const char *)s->kept, seeds_bytes(d), (datum *)(uintptr_t)d, NULL);
    return true;
}

static void *seeds_load(wire_in *r, err *e)
{
    char *at;
    size_t bytes;
    uint64_t n = wire_get_u64(r);
    uint32_t pos = wire_get_u32(r);
    void *owner = wire_take_segment(r, &at, &bytes);
    bool fits = owner && pos <= MT_WORDS && n / STRIDE <= bytes / sizeof(state);
    seeds *s = fits ? alloc(n, pos, e) : NULL;
    if (s && seeds_bytes(&s->hdr) == bytes)
        memcpy(s->kept, at, bytes);
    else
        s = datum_unref(s);
    if (owner) r->room->drop(owner);
    return s;
}

const datum_kind seeds_kind = {.name = "seeds",
                               .drop = drop_seeds,
                               .bytes = seeds_bytes,
                               .save = seeds_save,
                               .load = seeds_load};

seeds *seeds_new(rng *parent, uint64_t n, err *e)
{
    enum { AT_ONCE = 1024 }; /* states: between two looks whether to go on */
    assert(parent->kind == RNG_MT19937);
    mt19937 *mt = &parent->u.mt;
    seeds *s = alloc(n, (uint32_t)mt->pos, e);
    if (!s) return NULL;
    for (uint64_t i = 0; i < n; i++) {
        if (i % AT_ONCE == 0 && !stop_check(e)) return datum_unref(s);
        if (i % s->step == 0) memcpy(s->kept[i / s->step], mt->key, sizeof(state));
        mt_twist(mt->key);
    }
    mt_temper(mt->key, mt->out);
    return s;
}

uint64_t seeds_count(const seeds *s)
{
    return s->n;
}

hash128 seeds_hash(const seeds *s)
{
    uint64_t about[] = {s->n, s->pos};
    state first = {0};
    if (s->nkept) memcpy(first, s->kept[0], sizeof first);
    hash128 h[] = {hash128_bytes(about, sizeof about), hash128_bytes(first, sizeof first)};
    return hash128_bytes(h, sizeof h);
}

/* With the lock: the states of the generators of a stride's blocks. */
static state *unpack(seeds *s, int64_t wanted)
{
    stride *to = &s->open[0];
    for (int i = 0; i < OPEN; i++) {
        if (s->open[i].used < to->used) to = &s->open[i];
        if (s->open[i].number == wanted) {
            to = &s->open[i];
            break;
        }
    }
    to->used = ++s->clock;
    if (to->number == wanted) return to->at;
    if (!to->at) to->at = mem_alloc((STRIDE + 1) * sizeof *to->at);
    state *at = to->at;
    to->number = wanted;
    memcpy(at[0], s->kept[wanted], sizeof(state));
    for (int i = 0; i < STRIDE; i++) {
        memcpy(at[i + 1], at[i], sizeof(state));
        mt_twist(at[i + 1]);
        mt_temper(at[i], at[i]);
    }
    mt_temper(at[STRIDE], at[STRIDE]);
    for (int i = 0; i < STRIDE; i += MT_ABREAST) mt_seed_abreast(at[i] + s->pos, at[i]);
    return at;
}

/* from a kept state */
static void start_alone(const seeds *s, uint64_t i, rng *g)
{
    state word[2];
    memcpy(word[0], s->kept[i], sizeof(state));
    memcpy(word[1], word[0], sizeof(state));
    mt_twist(word[1]);
    mt_temper(word[0], word[0]);
    mt_temper(word[1], word[1]);
    rng_seed_legacy_array(g, MT_WORDS, word[0] + s->pos);
}

void seeds_start(const seeds *shared, uint64_t i, rng *g)
{
    seeds *s = (seeds *)(uintptr_t)shared;
    state key;
    if (s->step == 1) {
        start_alone(s, i, g);
        return;
    }
    pthread_mutex_lock(&s->lock);
    memcpy(key, unpack(s, (int64_t)(i / STRIDE))[i % STRIDE], sizeof key);
    pthread_mutex_unlock(&s->lock);
    rng_set_mt(g, key, MT_WORDS);
}

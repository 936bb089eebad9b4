/* engine/kernels/places.c - selection: what stands at given places of a lane, were it sorted.
 *
 * A sample says between which two keys each place almost surely lies.  One pass over the lane
 * counts what is below and keeps what is between, a few percent; the same is then done to these.
 * Where counting shows that a place lies outside, the bound itself is tried (values that are
 * frequent are bounds); if it is not that either, the sample was unlucky and others must sort. */
#include "engine/kernels/places.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>
#if defined(__GNUC__) && defined(__x86_64__) && !defined(DSK_SANITIZE)
#include <immintrin.h>
#define HAS_COMPRESS
#endif

#include "engine/base/mem.h"
#include "engine/base/par.h"
#include "engine/base/simd.h"
#include "engine/kernels/keys.h"

enum {
    STAGE = 512,
    MAX_BRACKET = 8,
    MAX_PLACE = 64,
    SAMPLE_MOST = 1 << 14,
    LINE = 64,
    SLICE = 1 << 17 /* elements, at least */
};

typedef struct bracket {
    uint64_t low, high;
    int first, end;              /* its places */
    _Atomic int64_t upto, below; /* keys <= low, keys < high */
} bracket;

typedef struct pick {
    dtype_of t;
    const char *from;
    ptrdiff_t step;
    int64_t n, nslice;
    int nbracket;
    bracket at[MAX_BRACKET];
    buf *memory;
    uint64_t *kept; /* in memory; NULL: only count */
    int64_t room;
    _Atomic int64_t nkept;
} pick;

/* --- the pass over the lane --- */

SIMD_KERNEL(static, sift,
            (const uint64_t *restrict key, int64_t n, uint64_t low, uint64_t high,
             uint64_t *restrict between, int64_t *count),
            (key, n, low, high, between, count))
{
    int64_t upto = 0, below = 0;
    for (int64_t i = 0; i < n; i++) {
        uint64_t is_upto = key[i] <= low, is_below = key[i] < high;
        upto += (int64_t)is_upto;
        below += (int64_t)is_below;
        between[i] |= is_below & ~is_upto;
    }
    count[0] += upto;
    count[1] += below;
}

#ifdef HAS_COMPRESS
__attribute__((target("avx512f,popcnt"))) static int64_t
compress_v4(const uint64_t *key, const uint64_t *between, int64_t n, uint64_t *out)
{
    int64_t m = 0;
    for (int64_t i = 0; i < n; i += 8) {
        __mmask8 in = n - i < 8 ? (__mmask8)((1 << (n - i)) - 1) : 0xff;
        __m512i x = _mm512_maskz_loadu_epi64(in, key + i);
        __m512i is = _mm512_maskz_loadu_epi64(in, between + i);
        __mmask8 some = _mm512_test_epi64_mask(is, is);
        _mm512_storeu_si512(out + m, _mm512_maskz_compress_epi64(some, x));
        m += __builtin_popcount(some);
    }
    return m;
}
#endif

/* those keys of which `between` is 1, into out (with room for 8 more); how many they are */
static int64_t compress(const uint64_t *key, const uint64_t *between, int64_t n, uint64_t *out)
{
    int64_t m = 0;
#ifdef HAS_COMPRESS
    if (simd_level() == SIMD_AVX512) return compress_v4(key, between, n, out);
#endif
    for (int64_t i = 0; i < n; i++) {
        out[m] = key[i];
        m += (int64_t)between[i];
    }
    return m;
}

static void keep(pick *p, const uint64_t *key, const uint64_t *between, int64_t n)
{
    uint64_t some[STAGE + 8];
    int64_t m = compress(key, between, n, some);
    int64_t at = atomic_fetch_add_explicit(&p->nkept, m, memory_order_relaxed);
    if (at + m <= p->room) memcpy(p->kept + at, some, (size_t)m * sizeof *some);
}

/* What comes next is asked for while this is worked on. */
static void ask_ahead(const pick *p, int64_t i, int64_t end)
{
    const char *at = p->from + i * p->step;
    int64_t n = end - i < STAGE ? end - i : STAGE;
    if (p->step > LINE)
        for (int64_t k = 0; k < n; k++) __builtin_prefetch(at + k * p->step);
    else
        for (int64_t k = 0; k < n * p->step; k += LINE) __builtin_prefetch(at + k);
}

static void sift_slice(void *arg, int64_t slice)
{
    pick *p = arg;
    int64_t i = slice * p->n / p->nslice, end = (slice + 1) * p->n / p->nslice;
    int64_t count[MAX_BRACKET][2] = {{0}};
    for (int64_t k; i < end; i += k) {
        uint64_t key[STAGE], between[STAGE];
        k = end - i < STAGE ? end - i : STAGE;
        keys_make(p->t, k, p->from + i * p->step, p->step, true, key);
        ask_ahead(p, i + k, end);
        memset(between, 0, (size_t)k * sizeof *between);
        for (int b = 0; b < p->nbracket; b++)
            sift(key, k, p->at[b].low, p->at[b].high, between, count[b]);
        if (p->kept) keep(p, key, between, k);
    }
    for (int b = 0; b < p->nbracket; b++) {
        atomic_fetch_add(&p->at[b].upto, count[b][0]);
        atomic_fetch_add(&p->at[b].below, count[b][1]);
    }
}

static void sift_all(pick *p)
{
    p->nslice = p->n / SLICE + 1;
    par_for(p->nslice, sift_slice, p);
}

/* --- brackets --- */

static int64_t sample_size(int64_t n)
{
    int64_t size = (int64_t)1 << (63 - __builtin_clzll((uint64_t)n / 16));
    return size < SAMPLE_MOST ? size : SAMPLE_MOST;
}

/* The places between two of the sample's keys; how many keys of the sample lie in the brackets, or
 * -1: too many. */
static int64_t find_brackets(pick *p, const uint64_t *sample, int64_t size, const int64_t *kth,
                             int nkth)
{
    int64_t until = -1, all = 0;
    for (int i = 0; i < nkth; i++) {
        double q = ((double)kth[i] + 0.5) / (double)p->n;
        int64_t wide = 2 + (int64_t)(3.5 * sqrt((double)size * q * (1 - q)));
        int64_t low = (int64_t)(q * (double)size) - wide;
        int64_t high = (int64_t)(q * (double)size) + wide;
        if (low < 0) low = -1;
        if (high > size) high = size;
        if (low > until || !p->nbracket) {
            if (p->nbracket == MAX_BRACKET) return -1;
            p->at[p->nbracket].low = low < 0 ? 0 : sample[low];
            p->at[p->nbracket++].first = i;
            until = low;
        }
        all += high - until;
        until = high;
        p->at[p->nbracket - 1].high = high == size ? UINT64_MAX : sample[high];
        p->at[p->nbracket - 1].end = i + 1;
    }
    return all <= size / 2 ? all : -1;
}

static bool make_brackets(pick *p, const int64_t *kth, int nkth, bool *suits, err *e)
{
    int64_t size = sample_size(p->n), gap = p->n / size;
    uint64_t *sample = try_alloc(2 * (size_t)size * sizeof *sample, e);
    if (!sample) return false;
    keys_make(p->t, size, p->from, gap * p->step, true, sample);
    keys_sort(sample, sample + size, size);
    int64_t held = find_brackets(p, sample, size, kth, nkth);
    mem_free(sample);
    *suits = held >= 0;
    if (!*suits) return true;
    p->room = held * gap + held * gap / 2 + 4 * STAGE;
    p->memory = buf_new((size_t)p->room * sizeof *p->kept, e);
    if (p->memory) p->kept = (uint64_t *)(void *)p->memory->data;
    return p->memory != NULL;
}

/* --- answers --- */

/* exact: keys themselves, which may be moved */
static bool find_among(uint64_t *key, int64_t n, const int64_t *kth, int nkth, uint64_t *out,
                       err *e)
{
    bool found = false;
    if (n >= PLACES_LEAST)
        TRY(places_find(dtype_plain(DT_uint64), n, (const char *)key, sizeof *key, kth, nkth, out,
                        &found, e));
    if (found) return true;
    uint64_t *scratch = try_room((size_t)n * sizeof *scratch + 1, e);
    if (!scratch) return false;
    keys_sort(key, scratch, n);
    for (int i = 0; i < nkth; i++) out[i] = key[kth[i]];
    mem_free(scratch);
    return true;
}

/* The keys kept, bracket by bracket; end[b]: where those of bracket b end. */
static void deal(const pick *p, uint64_t *to, int64_t *end)
{
    int64_t at[MAX_BRACKET] = {0};
    for (int b = 0; b + 1 < p->nbracket; b++)
        at[b + 1] = at[b] + (p->at[b].below > p->at[b].upto ? p->at[b].below - p->at[b].upto : 0);
    for (int64_t i = 0, n = p->nkept; i < n; i++) {
        int b = 0;
        for (int k = 1; k < p->nbracket; k++) b += p->kept[i] > p->at[k].low;
        to[at[b]++] = p->kept[i];
    }
    memcpy(end, at, sizeof at);
}

/* the places of bracket b that lie inside it, among its keys */
static bool find_inside(const bracket *b, uint64_t *mine, int64_t n, const int64_t *kth,
                        uint64_t *out, err *e)
{
    int64_t at[MAX_PLACE], upto = b->upto;
    int first = b->first, end = b->end;
    while (first < end && kth[first] < upto) first++;
    while (first < end && kth[end - 1] >= b->below) end--;
    for (int i = first; i < end; i++) at[i - first] = kth[i] - upto;
    return first == end || find_among(mine, n, at, end - first, out + first, e);
}

static bool find_all_inside(const pick *p, const int64_t *kth, uint64_t *out, err *e)
{
    int64_t end[MAX_BRACKET] = {p->nkept};
    if (p->nbracket == 1) return find_inside(&p->at[0], p->kept, end[0], kth, out, e);
    buf *memory = buf_new((size_t)p->nkept * sizeof *p->kept + 1, e);
    if (!memory) return false;
    uint64_t *dealt = (uint64_t *)(void *)memory->data;
    deal(p, dealt, end);
    bool ok = true;
    for (int b = 0; ok && b < p->nbracket; b++) {
        int64_t first = b ? end[b - 1] : 0;
        ok = find_inside(&p->at[b], dealt + first, end[b] - first, kth, out, e);
    }
    buf_unref(memory);
    return ok;
}

/* The other places hold the bounds of their brackets, or something else: false. */
static bool find_bounds(const pick *p, const int64_t *kth, uint64_t *out)
{
    pick q = {.t = p->t, .from = p->from, .step = p->step, .n = p->n, .nbracket = p->nbracket};
    bool all_inside = true;
    for (int i = 0; i < p->nbracket; i++) {
        const bracket *b = &p->at[i];
        q.at[i].low = b->low ? b->low - 1 : 0;
        q.at[i].high = b->high < UINT64_MAX ? b->high + 1 : UINT64_MAX;
        all_inside &= kth[b->first] >= b->upto && kth[b->end - 1] < b->below;
    }
    if (all_inside) return true;
    sift_all(&q);
    for (int i = 0; i < p->nbracket; i++) {
        const bracket *b = &p->at[i];
        int64_t less = b->low ? q.at[i].upto : 0;
        int64_t upto_high = b->high < UINT64_MAX ? q.at[i].below : p->n;
        for (int k = b->first; k < b->end; k++) {
            if (kth[k] >= b->upto && kth[k] < b->below) continue;
            if (kth[k] < less || kth[k] >= upto_high) return false;
            out[k] = kth[k] < b->upto ? b->low : b->high;
        }
    }
    return true;
}

bool places_find(dtype_of t, int64_t n, const char *from, ptrdiff_t step, const int64_t *kth,
                 int nkth, uint64_t *key, bool *found, err *e)
{
    pick p = {.t = t, .from = from, .step = step, .n = n};
    bool ok = true;
    *found = false;
    if (n < PLACES_LEAST || nkth > MAX_PLACE || nkth < 1) return true;
    TRY(make_brackets(&p, kth, nkth, found, e));
    if (!*found) return true;
    sift_all(&p);
    *found = p.nkept <= p.room && find_bounds(&p, kth, key);
    if (*found) ok = find_all_inside(&p, kth, key, e);
    buf_unref(p.memory);
    return ok;
}

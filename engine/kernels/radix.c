/* engine/kernels/radix.c - sorting keys, alone or with positions.
 *
 * Small lanes are sorted in one go by msd.h.  A large lane is dealt into 1024 buckets first,
 * straight from the source into the result, each thread a slice of the source; the buckets are
 * then sorted one by one, each in the cache, by whoever is free.  Beside source and result only
 * the buckets at work need room. */
#include "engine/kernels/radix.h"

#include <stdatomic.h>
#include <string.h>
#if defined(__GNUC__) && defined(__x86_64__) && !defined(DSK_SANITIZE)
#include <immintrin.h>
#define HAS_VECTORS
#endif

#include "engine/base/mem.h"
#include "engine/base/par.h"
#include "engine/base/simd.h"
#include "engine/kernels/keys.h"

enum { DIGIT = 10, BUCKETS = 1 << DIGIT, INSERT_MAX = 24, STAGE = 512, LARGE = 1 << 15 };

/* how far keys of a range must be shifted so that n of them fill buckets with about eight each */
static int digit_shift(uint64_t range, int64_t n)
{
    int wide = range ? 64 - __builtin_clzll(range) : 0;
    int bits = 60 - __builtin_clzll((uint64_t)n);
    bits = bits < 3 ? 3 : bits > DIGIT ? DIGIT : bits;
    return wide > bits ? wide - bits : 0;
}

/* keys as vectors: lanes that hold none are larger than any */
#ifdef HAS_VECTORS
#define LANES        8
#define LOAD(in, at) _mm512_mask_loadu_epi64(_mm512_set1_epi64(-1), (__mmask8)(in), at)
#define SPREAD(key)  _mm512_set1_epi64((int64_t)(key))
#define LESS         _mm512_cmplt_epu64_mask
#define SAME         _mm512_cmpeq_epu64_mask
#endif
#define UKEY    uint64_t
#define ELEMENT uint64_t
#define KEY(x)  (x)
#define MSD(f)  wide_##f
#include "engine/kernels/msd.h"
#undef ELEMENT
#undef KEY
#undef MSD
#ifdef HAS_VECTORS
#undef LOAD
#define LOAD(in, at)                                                                               \
    _mm512_mask_i64gather_epi64(_mm512_set1_epi64(-1), (__mmask8)(in),                             \
                                _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0), at, 8)
#endif
#define ELEMENT keyed
#define KEY(x)  ((x).key)
#define MSD(f)  keyed_##f
#include "engine/kernels/msd.h"
#undef ELEMENT
#undef KEY
#undef MSD
#undef UKEY
#ifdef HAS_VECTORS
#undef LANES
#undef LOAD
#undef SPREAD
#undef LESS
#undef SAME
#define LANES        16
#define LOAD(in, at) _mm512_mask_loadu_epi32(_mm512_set1_epi32(-1), (__mmask16)(in), at)
#define SPREAD(key)  _mm512_set1_epi32((int32_t)(key))
#define LESS         _mm512_cmplt_epu32_mask
#define SAME         _mm512_cmpeq_epu32_mask
#endif
#define UKEY    uint32_t
#define ELEMENT uint32_t
#define KEY(x)  (x)
#define MSD(f)  half_##f
#include "engine/kernels/msd.h"
#ifdef HAS_VECTORS
#define NOT_MORE       _mm512_cmple_epu32_mask
#define SQUEEZE(in, v) _mm512_maskz_compress_epi32((__mmask16)(in), v)
#define PUT(in, at, v) _mm512_mask_storeu_epi32(at, (__mmask16)(in), v)
#define QUICK(f)       half_quick_##f
#include "engine/kernels/quick.h"
#endif

enum { FLIP_SIGN = 1, FLIP_FLOAT = 2 };

static int quick_depth(int64_t n)
{
    return 2 * (63 - __builtin_clzll((uint64_t)n | 1));
}

/* y is scratch.  Radix sort is the better one where keys are spread evenly, as floats are not, and
 * one pass does it. */
static void sort_half(uint32_t *x, uint32_t *y, int64_t n, int flip)
{
#ifdef HAS_VECTORS
    if ((flip == FLIP_FLOAT || n > 16 * BUCKETS) && simd_level() == SIMD_AVX512) {
        half_quick_sort(x, y, n, false, quick_depth(n));
        return;
    }
#endif
    (void)flip, (void)quick_depth;
    half_sort(x, y, n, false);
}

void keys_sort(uint64_t *key, uint64_t *scratch, int64_t n)
{
    wide_sort(key, scratch, n, false);
}

void keyed_order(keyed *x, keyed *scratch, int64_t n)
{
    keyed_sort(x, scratch, n, false);
}

/* --- staging ------------------------------------------------------------------------------------
 */

static inline uint32_t key_float(uint32_t u)
{
    if ((u & 0x7fffffff) > 0x7f800000) return UINT32_MAX;
    return u >> 31 ? ~u : u | (uint32_t)1 << 31;
}

static inline uint32_t undo_float(uint32_t k)
{
    if (k == UINT32_MAX) return 0x7fc00000;
    return k >> 31 ? k & 0x7fffffff : ~k;
}

/* how elements of four bytes become keys of four bytes */
static int flip_of(dtype_of t)
{
    return t.dt == DT_float32 ? FLIP_FLOAT : t.dt == DT_int32 ? FLIP_SIGN : 0;
}

static inline uint32_t flipped(uint32_t u, int flip)
{
    return flip == FLIP_FLOAT ? key_float(u) : flip == FLIP_SIGN ? u ^ (uint32_t)1 << 31 : u;
}

/* elements from..from+n as exact keys; of four bytes as numbers below 2^32 */
static void stage(dtype_of t, int64_t n, const char *from, ptrdiff_t step, bool exact,
                  uint64_t *key)
{
    if (t.size != 4 || !exact) {
        keys_make(t, n, from, step, exact, key);
        return;
    }
    int flip = flip_of(t);
    for (int64_t i = 0; i < n; i++) {
        uint32_t u;
        memcpy(&u, from + i * step, sizeof u);
        key[i] = flipped(u, flip);
    }
}

typedef uint32_t any_half __attribute__((may_alias)); /* an element of four bytes */

SIMD_KERNEL(static, flip_halves, (int64_t n, const any_half *in, uint32_t *out, int flip),
            (n, in, out, flip))
{
    for (int64_t i = 0; i < n; i++) out[i] = flipped(in[i], flip);
}

SIMD_KERNEL(static, unflip_halves, (int64_t n, any_half *at, int flip), (n, at, flip))
{
    const bool is_float = flip == FLIP_FLOAT;
    for (int64_t i = 0; i < n; i++)
        at[i] = is_float ? undo_float(at[i]) : at[i] ^ (uint32_t)1 << 31;
}

void halves_sort(dtype_of t, int64_t n, const char *from, ptrdiff_t step, char *to,
                 ptrdiff_t to_step, uint32_t *room)
{
    const int flip = flip_of(t);
    if (step == 4)
        flip_halves(n, (const any_half *)(const void *)from, room, flip);
    else
        for (int64_t i = 0; i < n; i++)
            room[i] = flipped(*(const any_half *)(const void *)(from + i * step), flip);
    sort_half(room, room + n, n, flip);
    if (flip) unflip_halves(n, room, flip);
    for (int64_t i = 0; to_step != 4 && i < n; i++) memcpy(to + i * to_step, &room[i], 4);
    if (to_step == 4) memcpy(to, room, (size_t)n * 4);
}

/* keys in the place of elements become elements */
static void unstage(dtype_of t, int64_t n, char *at)
{
    uint64_t key[STAGE];
    if (t.size == 8)
        for (int64_t i = 0; i < n; i += STAGE) {
            int64_t k = n - i < STAGE ? n - i : STAGE;
            memcpy(key, at + 8 * i, (size_t)k * 8);
            keys_undo(t, k, key, at + 8 * i, 8);
        }
    int flip = t.size == 4 ? flip_of(t) : 0;
    if (flip) unflip_halves(n, (any_half *)(void *)at, flip);
}

/* --- dealing a large lane into buckets ----------------------------------------------------------
 *
 * The bits that tell a sample's keys apart give a coarse number; a coarse number that is frequent
 * in the sample gets several buckets.  What is the same for smooth data of any spread: floats of
 * many magnitudes fill their buckets as evenly as integers do. */

enum { COARSE = 12, NCOARSE = 1 << COARSE, NSAMPLE = 1 << 14, MAX_SLICE = 64 };

typedef struct deal {
    dtype_of t;
    const char *from;
    ptrdiff_t step;
    char *to;
    int64_t n;
    int size; /* of what is dealt: 8, 4 (keys), 16 (keyed) */
    uint64_t low, high;
    int left;               /* (key - low) << left has its highest bit in the highest place */
    uint32_t plan[NCOARSE]; /* first bucket << 6 | log2 of their number */
    uint32_t nbucket;
    uint64_t sample[NSAMPLE];
    int64_t nslice;
    int64_t *end; /* nslice x nbucket: counts, then where each slice puts its next */
    int64_t *first;
    char *order; /* where positions go, keyed only */
    ptrdiff_t order_step;
    bool *wanted;            /* buckets, for single places */
    int64_t *skipped, nkept; /* elements of other buckets before each; of wanted ones */
    _Atomic bool failed, ties;
} deal;

SIMD_KERNEL(static, buckets_of,
            (const deal *d, const uint64_t *restrict key, int64_t n, uint32_t *restrict bucket),
            (d, key, n, bucket))
{
    const uint64_t low = d->low, high = d->high;
    const int left = d->left;
    for (int64_t i = 0; i < n; i++) {
        uint64_t k = key[i] > high ? high : key[i];
        k = (k < low ? 0 : k - low) << left;
        uint32_t plan = d->plan[k >> (64 - COARSE)], bits = plan & 63;
        bucket[i] = (plan >> 6) + (uint32_t)(k << COARSE >> 1 >> (63 - bits));
    }
}

static void plan_buckets(deal *d)
{
    uint64_t *key = d->sample;
    uint32_t seen[NCOARSE] = {0};
    int64_t gap = d->n / NSAMPLE;
    for (int64_t i = 0; i < NSAMPLE; i++)
        stage(d->t, 1, d->from + i * gap * d->step, 0, d->size != 16, &key[i]);
    wide_range(key, NSAMPLE, &d->low, &d->high);
    d->left = d->high > d->low ? __builtin_clzll(d->high - d->low) : 0;
    for (int64_t i = 0; i < NSAMPLE; i++) seen[((key[i] - d->low) << d->left) >> (64 - COARSE)]++;
    for (int c = 0; c < NCOARSE; c++) {
        uint64_t want = (uint64_t)seen[c] * BUCKETS / NSAMPLE;
        uint32_t bits = want > 1 ? (uint32_t)(64 - __builtin_clzll(want - 1)) : 0;
        d->plan[c] = d->nbucket << 6 | bits;
        d->nbucket += (uint32_t)1 << bits;
    }
}

static void slice_of(const deal *d, int64_t slice, int64_t *i, int64_t *end)
{
    *i = slice * d->n / d->nslice;
    *end = (slice + 1) * d->n / d->nslice;
}

/* The keys of the next elements from i on, and the buckets they go to; how many they are. */
static int64_t stage_from(const deal *d, int64_t i, int64_t end, uint64_t key[STAGE],
                          uint32_t to[STAGE])
{
    int64_t k = end - i < STAGE ? end - i : STAGE;
    stage(d->t, k, d->from + i * d->step, d->step, d->size != 16, key);
    buckets_of(d, key, k, to);
    return k;
}

static void count_slice(void *arg, int64_t slice)
{
    deal *d = arg;
    uint64_t key[STAGE];
    uint32_t to[STAGE];
    int64_t i, end, *count = d->end + slice * d->nbucket;
    slice_of(d, slice, &i, &end);
    for (int64_t k; i < end; i += k) {
        k = stage_from(d, i, end, key, to);
        for (int64_t j = 0; j < k; j++) count[to[j]]++;
    }
}

static void deal_slice(void *arg, int64_t slice)
{
    deal *d = arg;
    uint64_t key[STAGE];
    uint32_t to[STAGE];
    int64_t i, end, *at = d->end + slice * d->nbucket;
    slice_of(d, slice, &i, &end);
    for (int64_t k; i < end; i += k) {
        k = stage_from(d, i, end, key, to);
        if (d->size == 8)
            for (int64_t j = 0; j < k; j++) ((uint64_t *)d->to)[at[to[j]]++] = key[j];
        else if (d->size == 4)
            for (int64_t j = 0; j < k; j++) ((uint32_t *)d->to)[at[to[j]]++] = (uint32_t)key[j];
        else
            for (int64_t j = 0; j < k; j++) ((keyed *)d->to)[at[to[j]]++] = (keyed){key[j], i + j};
    }
}

static bool all_equal(const deal *d, const char *at, int64_t n)
{
    uint64_t low, high;
    uint32_t l4, h4;
    if (n < 2) return true;
    if (d->size == 4) return half_range((const uint32_t *)at, n, &l4, &h4), l4 == h4;
    if (d->size == 8) return wide_range((const uint64_t *)at, n, &low, &high), low == high;
    return false;
}

static void put_positions(deal *d, const keyed *x, int64_t first, int64_t n)
{
    bool ties = false;
    for (int64_t i = 0; i < n; i++) {
        ties |= i && x[i].key == x[i - 1].key;
        *(int64_t *)(d->order + (first + i) * d->order_step) = x[i].index;
    }
    if (ties) atomic_store_explicit(&d->ties, true, memory_order_relaxed);
}

static void sort_bucket(void *arg, int64_t b)
{
    deal *d = arg;
    int64_t first = d->first[b], n = d->first[b + 1] - first;
    char *at = d->to + first * d->size, *room = NULL;
    if (n == 0) return;
    if (!all_equal(d, at, n)) {
        err e = {0};
        if (n > INSERT_MAX && !(room = try_room((size_t)n * (size_t)d->size, &e))) {
            err_clear(&e);
            atomic_store(&d->failed, true);
            return;
        }
        if (d->size == 8)
            wide_sort((uint64_t *)at, (uint64_t *)room, n, false);
        else if (d->size == 4)
            sort_half((uint32_t *)at, (uint32_t *)room, n, flip_of(d->t));
        else
            keyed_sort((keyed *)at, (keyed *)room, n, false);
        mem_free(room);
    }
    if (d->size == 16)
        put_positions(d, (const keyed *)at, first, n);
    else
        unstage(d->t, n, at);
}

/* buckets chosen, their sizes and where each slice puts its elements */
static bool deal_counted(deal *d, err *e)
{
    plan_buckets(d);
    d->nslice = par_width() > 1 ? 4 * par_width() : 1;
    if (d->nslice > MAX_SLICE) d->nslice = MAX_SLICE;
    size_t cells = (size_t)d->nslice * d->nbucket;
    d->end = try_zero((cells + d->nbucket + 1) * sizeof *d->end, e);
    if (!d->end) return false;
    d->first = d->end + cells;
    par_for(d->nslice, count_slice, d);
    int64_t at = 0;
    for (uint32_t b = 0; b < d->nbucket; b++) {
        d->first[b] = at;
        for (int64_t s = 0; s < d->nslice; s++) {
            int64_t count = d->end[s * d->nbucket + b];
            d->end[s * d->nbucket + b] = at;
            at += count;
        }
    }
    d->first[d->nbucket] = at;
    return true;
}

static bool deal_and_sort(deal *d, err *e)
{
    TRY(deal_counted(d, e));
    par_for(d->nslice, deal_slice, d);
    par_for(d->nbucket, sort_bucket, d);
    mem_free(d->end);
    return !d->failed || err_set(e, MemoryError, "no room to sort %lld elements%s", (long long)d->n,
                                 mem_reason());
}

/* --- the two faces ------------------------------------------------------------------------------
 */

/* elements of two bytes or one: counted */
static bool sort_by_count(dtype_of t, int64_t n, const char *from, ptrdiff_t step, char *to, err *e)
{
    int64_t *count = try_zero(((size_t)1 << 16) * sizeof *count, e);
    if (!count) return false;
    uint16_t sign = t.dt == DT_int8 ? 0x80 : t.dt == DT_int16 ? 0x8000 : 0;
    for (int64_t i = 0; i < n; i++) {
        uint16_t v = 0;
        memcpy(&v, from + i * step, t.size);
        if (t.dt == DT_float16)
            v = (v & 0x7fff) > 0x7c00 ? 0xffff : v >> 15 ? (uint16_t)~v : v | 0x8000;
        count[v ^ sign]++;
    }
    int values = t.size == 1 ? 1 << 8 : 1 << 16;
    for (int v = 0; v < values; v++) {
        uint16_t x = (uint16_t)v ^ sign;
        if (t.dt == DT_float16) x = v == 0xffff ? 0x7e00 : v >> 15 ? x & 0x7fff : (uint16_t)~x;
        for (int64_t k = count[v]; k > 0; k--, to += t.size) memcpy(to, &x, t.size);
    }
    mem_free(count);
    return true;
}

bool radix_is_large(dtype_of t, int64_t n)
{
    return n >= LARGE && (t.size != 2 || n >= 1 << 16);
}

bool radix_sort(dtype_of t, int64_t n, const char *from, ptrdiff_t step, char *to, err *e)
{
    if (t.size < 4) return sort_by_count(t, n, from, step, to, e);
    deal *d = try_zero(sizeof *d, e);
    if (!d) return false;
    *d = (deal){.t = t, .from = from, .step = step, .to = to, .n = n, .size = (int)t.size};
    bool ok = deal_and_sort(d, e);
    mem_free(d);
    return ok;
}

bool radix_order(dtype_of t, int64_t n, const char *from, ptrdiff_t step, char *order,
                 ptrdiff_t order_step, bool *ties, err *e)
{
    deal *d = try_zero(sizeof *d, e);
    keyed *room = d ? try_room((size_t)n * sizeof *room, e) : NULL;
    bool ok = room != NULL;
    if (ok) {
        *d = (deal){.t = t, .from = from, .step = step, .to = (char *)room, .n = n, .size = 16};
        d->order = order;
        d->order_step = order_step;
        ok = deal_and_sort(d, e);
        *ties = d->ties;
    }
    mem_free(room);
    mem_free(d);
    return ok;
}

/* --- single places ------------------------------------------------------------------------------
 *
 * Only the buckets in which a wanted place lies are dealt and sorted. */

static void mark_buckets(deal *d, const int64_t *kth, int nkth)
{
    int64_t kept = 0;
    uint32_t b = 0;
    for (int i = 0; i < nkth; i++) {
        while (d->first[b + 1] <= kth[i]) b++;
        d->wanted[b] = true;
    }
    for (b = 0; b < d->nbucket; b++) {
        d->skipped[b] = d->first[b] - kept;
        if (d->wanted[b]) kept += d->first[b + 1] - d->first[b];
    }
    d->nkept = kept;
}

static void collect_slice(void *arg, int64_t slice)
{
    deal *d = arg;
    uint64_t key[STAGE];
    uint32_t to[STAGE];
    int64_t i, end, *at = d->end + slice * d->nbucket;
    slice_of(d, slice, &i, &end);
    for (int64_t k; i < end; i += k) {
        k = end - i < STAGE ? end - i : STAGE;
        stage(d->t, k, d->from + i * d->step, d->step, true, key);
        buckets_of(d, key, k, to);
        for (int64_t j = 0; j < k; j++)
            if (d->wanted[to[j]]) ((uint64_t *)d->to)[at[to[j]]++ - d->skipped[to[j]]] = key[j];
    }
}

static bool pick_places(deal *d, const int64_t *kth, int nkth, char *out, err *e)
{
    uint64_t *kept = try_room((size_t)d->nkept * 2 * sizeof *kept, e);
    if (!kept) return false;
    d->to = (char *)kept;
    par_for(d->nslice, collect_slice, d);
    uint32_t b = 0;
    for (int i = 0; i < nkth; i++) {
        uint32_t before = b;
        while (d->first[b + 1] <= kth[i]) b++;
        int64_t first = d->first[b] - d->skipped[b], n = d->first[b + 1] - d->first[b];
        if (i == 0 || b != before) wide_sort(kept + first, kept + d->nkept, n, false);
        uint64_t key = kept[kth[i] - d->skipped[b]];
        uint32_t half = (uint32_t)key;
        memcpy(out + i * (int64_t)d->t.size, d->t.size == 4 ? (void *)&half : (void *)&key,
               d->t.size);
        unstage(d->t, 1, out + i * (int64_t)d->t.size);
    }
    mem_free(kept);
    return true;
}

bool radix_select(dtype_of t, int64_t n, const char *from, ptrdiff_t step, const int64_t *kth,
                  int nkth, char *out, err *e)
{
    deal *d = try_zero(sizeof *d, e);
    if (!d) return false;
    *d = (deal){.t = t, .from = from, .step = step, .n = n, .size = 8};
    bool ok = deal_counted(d, e);
    d->skipped = ok ? try_zero(d->nbucket * (sizeof *d->skipped + 1), e) : NULL;
    if (d->skipped) {
        d->wanted = (bool *)(d->skipped + d->nbucket);
        mark_buckets(d, kth, nkth);
        ok = pick_places(d, kth, nkth, out, e);
    }
    ok = ok && d->skipped;
    mem_free(d->skipped);
    mem_free(d->end);
    mem_free(d);
    return ok;
}

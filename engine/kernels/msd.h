/* engine/kernels/msd.h - a radix sort, most significant bits first; included once for each kind of
 * element: MSD(name) names its functions, ELEMENT its type, UKEY the unsigned type of KEY(x).
 *
 * A piece is dealt into buckets by the bits below the highest in which its least and greatest key
 * differ, from one of two arrays into the other, so that about eight elements share a bucket; each
 * bucket then goes the other way.  Of pieces that fit a line or two each element's rank is counted
 * by vectors, without a branch that depends on it (LANES, LOAD, SPREAD, LESS and SAME say how); or
 * they are sorted by insertion.  The order is stable.  Depth: each level takes three bits or more
 * off the range of keys. */

static inline void MSD(insert)(ELEMENT *x, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        ELEMENT v = x[i];
        int64_t j = i;
        for (; j > 0 && KEY(v) < KEY(x[j - 1]); j--) x[j] = x[j - 1];
        x[j] = v;
    }
}

#ifdef LANES
__attribute__((target("avx512f,popcnt"), always_inline)) static inline void
MSD(rank_in)(const ELEMENT *x, int64_t n, ELEMENT *to, const int vectors)
{
    __m512i v[(INSERT_MAX + LANES - 1) / LANES];
    for (int k = 0; k < vectors; k++) {
        int64_t left = n - k * LANES;
        v[k] = LOAD(left < LANES ? ((uint32_t)1 << left) - 1 : UINT32_MAX, x + k * LANES);
    }
    for (int64_t i = 0; i < n; i++) {
        const __m512i key = SPREAD(KEY(x[i]));
        uint32_t less = 0, same = 0;
        for (int k = 0; k < vectors; k++) {
            less |= (uint32_t)LESS(v[k], key) << (k * LANES);
            same |= (uint32_t)SAME(v[k], key) << (k * LANES);
        }
        less |= same & (((uint32_t)1 << i) - 1);
        to[__builtin_popcount(less)] = x[i];
    }
}

__attribute__((target("avx512f,popcnt"))) static void MSD(rank)(const ELEMENT *x, int64_t n,
                                                                ELEMENT *to)
{
    if (n <= LANES)
        MSD(rank_in)(x, n, to, 1);
    else if (n <= 2 * LANES)
        MSD(rank_in)(x, n, to, 2);
    else
        MSD(rank_in)(x, n, to, (INSERT_MAX + LANES - 1) / LANES);
}
#endif

/* Sorts x[0..n), n <= INSERT_MAX; the result is in y if `over`, else in x. */
static void MSD(few)(ELEMENT *x, ELEMENT *y, int64_t n, bool over)
{
#ifdef LANES
    if (simd_level() == SIMD_AVX512) {
        ELEMENT copy[INSERT_MAX];
        if (!over)
            for (int64_t i = 0; i < n; i++) copy[i] = x[i];
        MSD(rank)(over ? x : copy, n, over ? y : x);
        return;
    }
#endif
    MSD(insert)(x, n);
    if (over) memcpy(y, x, (size_t)n * sizeof *x);
}

SIMD_KERNEL(static, MSD(range), (const ELEMENT *x, int64_t n, UKEY *low, UKEY *high),
            (x, n, low, high))
{
    UKEY lo = KEY(x[0]), hi = lo;
    for (int64_t i = 1; i < n; i++) {
        UKEY k = KEY(x[i]);
        lo = k < lo ? k : lo;
        hi = k > hi ? k : hi;
    }
    *low = lo;
    *high = hi;
}

/* Sorts x[0..n) with the help of y[0..n); the result is in y if `over`, else in x. */
static void MSD(sort)(ELEMENT *x, ELEMENT *y, int64_t n, bool over)
{
    if (n <= INSERT_MAX) {
        MSD(few)(x, y, n, over);
        return;
    }
    UKEY low, high;
    MSD(range)(x, n, &low, &high);
    int shift = digit_shift((uint64_t)(high - low), n);
    int64_t end[BUCKETS], buckets = (int64_t)((high - low) >> shift) + 1, at = 0;
    if (high == low) {
        if (over) memcpy(y, x, (size_t)n * sizeof *x);
        return;
    }
    memset(end, 0, (size_t)buckets * sizeof *end);
    for (int64_t i = 0; i < n; i++) end[(KEY(x[i]) - low) >> shift]++;
    for (int64_t b = 0; b < buckets; b++) {
        int64_t count = end[b];
        end[b] = at;
        at += count;
    }
    for (int64_t i = 0; i < n; i++) y[end[(KEY(x[i]) - low) >> shift]++] = x[i];
    if (shift == 0) { /* a key for each bucket */
        if (!over) memcpy(x, y, (size_t)n * sizeof *x);
        return;
    }
    for (int64_t b = 0, first = 0; b < buckets; first = end[b++])
        if (end[b] > first) MSD(sort)(y + first, x + first, end[b] - first, !over);
}

/* engine/kernels/quick.h - a quicksort of keys by vectors of 64 bytes; included once for each width
 * of key: QUICK(name) names its functions, UKEY is the key, LANES how many a vector holds.  Equal
 * keys cannot be told apart, so nothing is said of their order.
 *
 * A piece is read from one array and written into the other, those below the pivot from the left,
 * the rest from the right.  Pieces of four vectors or less are sorted by counting how many keys
 * are below each.  Where pivots are bad too often the radix sort (msd.h) takes over. */

#define QUICK_TARGET __attribute__((target("avx512f,popcnt")))
enum { QUICK(MOST) = 4 * LANES };

/* n keys from `from` in order at `to`, which is elsewhere; n <= LANES * vectors */
QUICK_TARGET static inline __attribute__((always_inline)) void
QUICK(rank)(const UKEY *from, int64_t n, UKEY *to, const int vectors)
{
    __m512i v[4];
    for (int k = 0; k < vectors; k++) {
        const int64_t left = n - k * LANES;
        v[k] = LOAD(left < LANES ? left < 0 ? 0 : ((uint32_t)1 << left) - 1 : UINT32_MAX,
                    from + k * LANES);
    }
    for (int64_t i = 0; i < n; i++) {
        const __m512i key = SPREAD(from[i]);
        uint64_t less = 0, same = 0;
        for (int k = 0; k < vectors; k++) {
            less |= (uint64_t)LESS(v[k], key) << (k * LANES);
            same |= (uint64_t)SAME(v[k], key) << (k * LANES);
        }
        less |= same & (((uint64_t)1 << i) - 1);
        to[__builtin_popcountll(less)] = from[i];
    }
}

QUICK_TARGET static void QUICK(few)(const UKEY *from, int64_t n, UKEY *to)
{
    if (n <= LANES)
        QUICK(rank)(from, n, to, 1);
    else if (n <= 2 * LANES)
        QUICK(rank)(from, n, to, 2);
    else
        QUICK(rank)(from, n, to, 4);
}

/* From x into y: those below the pivot (or equal to it) first; how many they are. */
QUICK_TARGET static int64_t QUICK(split)(const UKEY *x, UKEY *y, int64_t n, UKEY pivot,
                                         bool or_equal)
{
    const __m512i p = SPREAD(pivot);
    int64_t low = 0, high = n;
    for (int64_t i = 0; i < n; i += LANES) {
        const int64_t some = n - i < LANES ? n - i : LANES;
        const uint32_t in = some < LANES ? ((uint32_t)1 << some) - 1 : (1ull << LANES) - 1;
        const __m512i v = LOAD(in, x + i);
        const uint32_t below = (or_equal ? NOT_MORE(v, p) : LESS(v, p)) & in, above = in & ~below;
        const int few = __builtin_popcount(below), many = (int)some - few;
        PUT(((uint32_t)1 << few) - 1, y + low, SQUEEZE(below, v));
        PUT((uint32_t)(((uint64_t)1 << many) - 1), y + high - many, SQUEEZE(above, v));
        low += few;
        high -= many;
    }
    return low;
}

/* the middle one of some */
static UKEY QUICK(pivot)(const UKEY *x, int64_t n)
{
    UKEY some[LANES], sorted[LANES];
    for (int64_t i = 0; i < LANES; i++) some[i] = x[(2 * i + 1) * n / (2 * LANES)];
    QUICK(few)(some, LANES, sorted);
    return sorted[LANES / 2];
}

/* Sorts x[0..n) with the help of y[0..n); the result is in y if `over`, else in x. */
static void QUICK(sort)(UKEY *x, UKEY *y, int64_t n, bool over, int depth)
{
    while (n > QUICK(MOST)) {
        if (depth-- == 0) {
            MSD(sort)(x, y, n, over);
            return;
        }
        const UKEY pivot = QUICK(pivot)(x, n);
        int64_t low = QUICK(split)(x, y, n, pivot, false);
        if (low == 0) { /* none below: those equal to it are in order */
            low = QUICK(split)(x, y, n, pivot, true);
            if (!over) memcpy(x, y, (size_t)low * sizeof *x);
        } else
            QUICK(sort)(y, x, low, !over, depth);
        UKEY *const rest = x + low;
        x = y + low;
        y = rest;
        n -= low;
        over = !over;
    }
    if (over) {
        QUICK(few)(x, n, y);
        return;
    }
    UKEY copy[QUICK(MOST)];
    memcpy(copy, x, (size_t)n * sizeof *x);
    QUICK(few)(copy, n, x);
}
#undef QUICK_TARGET

/* engine/kernels/skim.h - what order.h's partitions do while both ends are far apart: blocks of 64
 * elements from either side are compared with the pivot at once, and those that are on the wrong
 * side change places in pairs, the first of the left with the last of the right.  These are the
 * exchanges that a loop over single elements makes, without its branches.
 *
 * Included once for each kind of element: SKIM(name) names its functions, ITEM is what is moved,
 * KEY(x) its key, LOAD(at) a vector of eight keys (where there are vectors). */

typedef uint64_t SKIM(mask)(const ITEM *at, uint64_t pivot);

/* bit k: element k is not below the pivot */
static uint64_t SKIM(not_below)(const ITEM *at, uint64_t pivot)
{
    uint64_t mask = 0;
    for (int k = 0; k < 64; k++) mask |= (uint64_t)(KEY(at[k]) >= pivot) << k;
    return mask;
}

static uint64_t SKIM(not_above)(const ITEM *at, uint64_t pivot)
{
    uint64_t mask = 0;
    for (int k = 0; k < 64; k++) mask |= (uint64_t)(KEY(at[k]) <= pivot) << k;
    return mask;
}

#ifdef LOAD
__attribute__((target("avx512f"))) static uint64_t SKIM(not_below_v4)(const ITEM *at,
                                                                      uint64_t pivot)
{
    uint64_t mask = 0;
    const __m512i p = _mm512_set1_epi64((int64_t)pivot);
    for (int k = 0; k < 64; k += 8) mask |= (uint64_t)_mm512_cmpge_epu64_mask(LOAD(at + k), p) << k;
    return mask;
}

__attribute__((target("avx512f"))) static uint64_t SKIM(not_above_v4)(const ITEM *at,
                                                                      uint64_t pivot)
{
    uint64_t mask = 0;
    const __m512i p = _mm512_set1_epi64((int64_t)pivot);
    for (int k = 0; k < 64; k += 8) mask |= (uint64_t)_mm512_cmple_epu64_mask(LOAD(at + k), p) << k;
    return mask;
}
#endif

/* i, j: the last elements looked at from the left and from the right; so they are afterwards. */
static void SKIM(skim)(ITEM *a, int64_t *i, int64_t *j, uint64_t pivot)
{
    SKIM(mask) *not_below = SKIM(not_below), *not_above = SKIM(not_above);
#ifdef LOAD
    if (simd_level() == SIMD_AVX512) not_below = SKIM(not_below_v4), not_above = SKIM(not_above_v4);
#endif
    int64_t left = *i + 1, right = *j - 1;
    uint64_t l = 0, r = 0; /* of the blocks that begin at left and end at right */
    while (right - left >= 127) {
        if (!l) l = not_below(a + left, pivot);
        if (!r) r = not_above(a + right - 63, pivot);
        while (l && r) {
            const int64_t p = left + __builtin_ctzll(l);
            const int k = __builtin_clzll(r);
            const ITEM x = a[p];
            a[p] = a[right - k];
            a[right - k] = x;
            l &= l - 1;
            r ^= (uint64_t)1 << (63 - k);
        }
        if (!l) left += 64;
        if (!r) right -= 64;
    }
    *i = left + (l ? __builtin_ctzll(l) : 0) - 1;
    *j = right - (r ? __builtin_clzll(r) : 0) + 1;
}

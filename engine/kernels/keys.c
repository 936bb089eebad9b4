/* engine/kernels/keys.c - keys of elements, and sorting by them. */
#include "engine/kernels/keys.h"

#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/simd.h"
#include "engine/kernels/half.h"

static inline uint64_t turn64(uint64_t u)
{
    return u >> 63 ? ~u : u | (uint64_t)1 << 63;
}

static inline uint64_t key_double(double d, bool exact)
{
    uint64_t u;
    if (d != d) return UINT64_MAX;
    if (d == 0 && !exact) d = 0;
    memcpy(&u, &d, 8);
    if (!exact && u == (uint64_t)1 << 63) u = 0;
    return turn64(u);
}

static inline double undo_double(uint64_t k)
{
    double d;
    if (k == UINT64_MAX) return __builtin_nan("");
    k = k >> 63 ? k & ~((uint64_t)1 << 63) : ~k;
    memcpy(&d, &k, 8);
    return d;
}

// clang-format off
#define SIGN64 ((uint64_t)1 << 63)
#define MAKE(T, expr)                                                                              \
    if (step == sizeof(T)) {                                                                       \
        const T *v = (const T *)at;                                                                \
        for (int64_t i = 0; i < n; i++) { const T x = v[i]; key[i] = expr; }                       \
    } else for (int64_t i = 0; i < n; i++) { const T x = *(const T *)(at + i * step); key[i] = expr; }    \
    return;
#define UNDO(T, expr)                                                                              \
    if (step == sizeof(T)) {                                                                       \
        T *v = (T *)at;                                                                            \
        for (int64_t i = 0; i < n; i++) { const uint64_t k = key[i]; v[i] = (T)(expr); }           \
    } else for (int64_t i = 0; i < n; i++) { const uint64_t k = key[i]; *(T *)(at + i * step) = (T)(expr); } \
    return;
#define SIGNED(x) ((uint64_t)(int64_t)(x) ^ SIGN64)

SIMD_KERNEL(, keys_make,
            (dtype_of t, int64_t n, const char *at, ptrdiff_t step, bool exact, uint64_t *key),
            (t, n, at, step, exact, key))
{
    switch (t.dt) {
    case DT_bool:
    case DT_uint8: MAKE(uint8_t, x)
    case DT_uint16: MAKE(uint16_t, x)
    case DT_uint32: MAKE(uint32_t, x)
    case DT_uint64: MAKE(uint64_t, x)
    case DT_int8: MAKE(int8_t, SIGNED(x))
    case DT_int16: MAKE(int16_t, SIGNED(x))
    case DT_int32: MAKE(int32_t, SIGNED(x))
    case DT_int64: MAKE(int64_t, SIGNED(x))
    case DT_float16: MAKE(uint16_t, key_double(half_to_double(x), exact))
    case DT_float32: MAKE(float, key_double((double)x, exact))
    case DT_float64: MAKE(double, key_double(x, exact))
    default: MAKE(int64_t, x == INT64_MIN ? UINT64_MAX : SIGNED(x)) /* NaT last */
    }
}

SIMD_KERNEL(, keys_undo, (dtype_of t, int64_t n, const uint64_t *key, char *at, ptrdiff_t step),
            (t, n, key, at, step))
{
    switch (t.dt) {
    case DT_bool:
    case DT_uint8: UNDO(uint8_t, k)
    case DT_uint16: UNDO(uint16_t, k)
    case DT_uint32: UNDO(uint32_t, k)
    case DT_uint64: UNDO(uint64_t, k)
    case DT_int8: UNDO(int8_t, k ^ SIGN64)
    case DT_int16: UNDO(int16_t, k ^ SIGN64)
    case DT_int32: UNDO(int32_t, k ^ SIGN64)
    case DT_int64: UNDO(int64_t, k ^ SIGN64)
    case DT_float16: UNDO(uint16_t, double_to_half(undo_double(k)))
    case DT_float32: UNDO(float, undo_double(k))
    case DT_float64: UNDO(double, undo_double(k))
    default: UNDO(int64_t, k == UINT64_MAX ? (uint64_t)INT64_MIN : k ^ SIGN64)
    }
}
// clang-format on

/* --- comparing elements
 * --------------------------------------------------------------------------- */

/* NumPy's order of complex numbers: by real part, then imaginary; NaN parts last */
static bool less_complex(double ar, double ai, double br, double bi)
{
    bool an = ai != ai, bn = bi != bi;
    if (ar < br) return !an || bn;
    if (ar > br) return bn && !an;
    if (ar == br || (ar != ar && br != br)) return ai < bi || (bn && !an);
    return br != br;
}

bool lane_less_slow(const lane *v, int64_t i, int64_t j)
{
    const char *a = v->at + i * v->step, *b = v->at + j * v->step;
    if (v->t.dt == DT_complex64) {
        const float *x = (const float *)a, *y = (const float *)b;
        return less_complex((double)x[0], (double)x[1], (double)y[0], (double)y[1]);
    }
    if (v->t.dt == DT_complex128) {
        const double *x = (const double *)a, *y = (const double *)b;
        return less_complex(x[0], x[1], y[0], y[1]);
    }
    if (v->t.dt == DT_bytes) return memcmp(a, b, v->t.size) < 0;
    const uint32_t *x = (const uint32_t *)a, *y = (const uint32_t *)b;
    for (uint32_t k = 0; k < v->t.size / 4; k++)
        if (x[k] != y[k]) return x[k] < y[k];
    return false;
}

/* --- ordering indices: stable
 * ---------------------------------------------------------------------- */

static void merge_indices(const lane *v, int64_t *index, int64_t *scratch, int64_t n)
{
    if (n <= 16) {
        for (int64_t i = 1; i < n; i++) {
            int64_t k = index[i], j = i;
            for (; j > 0 && lane_less(v, k, index[j - 1]); j--) index[j] = index[j - 1];
            index[j] = k;
        }
        return;
    }
    int64_t half = n / 2, i = 0, j = half, k = 0;
    merge_indices(v, index, scratch, half);
    merge_indices(v, index + half, scratch, n - half);
    if (!lane_less(v, index[half], index[half - 1])) return;
    memcpy(scratch, index, (size_t)half * sizeof *index);
    while (i < half && j < n)
        index[k++] = lane_less(v, index[j], scratch[i]) ? index[j++] : scratch[i++];
    memcpy(index + k, scratch + i, (size_t)(half - i) * sizeof *index);
}

static bool order_by_key(const lane *v, int64_t *index, int64_t n, err *e)
{
    keyed *all = try_alloc(2 * (size_t)n * sizeof *all, e);
    if (!all) return false;
    for (int64_t i = 0; i < n; i++) all[i] = (keyed){v->key[index[i]], index[i]};
    keyed_order(all, all + n, n);
    for (int64_t i = 0; i < n; i++) index[i] = all[i].index;
    mem_free(all);
    return true;
}

bool lane_sort_stable(const lane *v, int64_t *index, int64_t n, err *e)
{
    if (v->key && n >= 64) return order_by_key(v, index, n, e);
    int64_t *scratch = try_alloc((size_t)n * sizeof *scratch, e);
    if (!scratch) return false;
    merge_indices(v, index, scratch, n);
    mem_free(scratch);
    return true;
}

/* --- ordering indices: quicksort
 * -------------------------------------------------------------------- */

static inline void swap(int64_t *index, int64_t i, int64_t j)
{
    int64_t t = index[i];
    index[i] = index[j];
    index[j] = t;
}

static void heap_sort(const lane *v, int64_t *a, int64_t n)
{
    for (int64_t end = n, root = n / 2; end > 1;) {
        int64_t i, k;
        if (root > 0)
            k = a[--root];
        else {
            k = a[--end];
            a[end] = a[0];
        }
        for (i = root; 2 * i + 1 < end;) {
            int64_t child = 2 * i + 1;
            if (child + 1 < end && lane_less(v, a[child], a[child + 1])) child++;
            if (!lane_less(v, k, a[child])) break;
            a[i] = a[child];
            i = child;
        }
        a[i] = k;
    }
}

static void insert_indices(const lane *v, int64_t *index, int64_t low, int64_t high)
{
    for (int64_t i = low + 1; i <= high; i++) {
        int64_t k = index[i], j = i;
        for (; j > low && lane_less(v, k, index[j - 1]); j--) index[j] = index[j - 1];
        index[j] = k;
    }
}

/* The middle of first, middle and last becomes the pivot; answers where it ends up. */
static int64_t split(const lane *v, int64_t *index, int64_t low, int64_t high)
{
    int64_t mid = low + ((high - low) >> 1), i = low, j = high - 1;
    if (lane_less(v, index[mid], index[low])) swap(index, mid, low);
    if (lane_less(v, index[high], index[mid])) swap(index, high, mid);
    if (lane_less(v, index[mid], index[low])) swap(index, mid, low);
    int64_t pivot = index[mid];
    swap(index, mid, j);
    for (;;) {
        do i++;
        while (lane_less(v, index[i], pivot));
        do j--;
        while (lane_less(v, pivot, index[j]));
        if (i >= j) break;
        swap(index, i, j);
    }
    swap(index, i, high - 1);
    return i;
}

static int top_bit(int64_t n)
{
    return n > 0 ? 63 - __builtin_clzll((uint64_t)n) : 0;
}

static void quicksort(const lane *v, int64_t *index, int64_t low, int64_t high, int depth)
{
    while (high - low > 15) {
        if (depth-- < 0) {
            heap_sort(v, index + low, high - low + 1);
            return;
        }
        int64_t at = split(v, index, low, high);
        if (at - low < high - at) { /* the shorter side first, so recursion stays shallow */
            quicksort(v, index, low, at - 1, depth);
            low = at + 1;
        } else {
            quicksort(v, index, at + 1, high, depth);
            high = at - 1;
        }
    }
    insert_indices(v, index, low, high);
}

void lane_quicksort(const lane *v, int64_t *index, int64_t n)
{
    quicksort(v, index, 0, n - 1, 2 * top_bit(n));
}

/* --- selection
 * -------------------------------------------------------------------------------------- */

static void keep_pivot(int64_t pivot, int64_t kth, pivots *p)
{
    if (!p) return;
    if (pivot == kth && p->n == MAX_PIVOTS)
        p->at[p->n - 1] = pivot;
    else if (pivot >= kth && p->n < MAX_PIVOTS)
        p->at[p->n++] = pivot;
}

/* repeated minimum: best when kth is near the start */
static void select_by_minimum(const lane *v, int64_t *index, int64_t n, int64_t kth)
{
    for (int64_t i = 0; i < kth; i++) {
        int64_t least = i;
        for (int64_t k = i + 1; k < n; k++)
            if (lane_less(v, index[k], index[least])) least = k;
        swap(index, i, least);
    }
}

/* position of the median of five elements, ordering some of them on the way */
static int64_t median_of_five(const lane *v, int64_t *a)
{
    if (lane_less(v, a[1], a[0])) swap(a, 1, 0);
    if (lane_less(v, a[4], a[3])) swap(a, 4, 3);
    if (lane_less(v, a[3], a[0])) swap(a, 3, 0);
    if (lane_less(v, a[4], a[1])) swap(a, 4, 1);
    if (lane_less(v, a[2], a[1])) swap(a, 2, 1);
    if (lane_less(v, a[3], a[2])) return lane_less(v, a[3], a[1]) ? 1 : 3;
    return 2;
}

static int64_t median_of_medians(const lane *v, int64_t *index, int64_t n)
{
    int64_t groups = n / 5;
    for (int64_t i = 0; i < groups; i++) swap(index, 5 * i + median_of_five(v, index + 5 * i), i);
    if (groups > 2) lane_select(v, index, groups, groups / 2, false, NULL);
    return groups / 2;
}

/* pivot to low, the smallest of three to low + 1: guards for the partition below */
static void median_of_three(const lane *v, int64_t *a, int64_t low, int64_t mid, int64_t high)
{
    if (lane_less(v, a[high], a[mid])) swap(a, high, mid);
    if (lane_less(v, a[high], a[low])) swap(a, high, low);
    if (lane_less(v, a[low], a[mid])) swap(a, low, mid);
    swap(a, mid, low + 1);
}

/* bounds from the pivots of earlier selections; false: kth is in place already */
static bool narrow(pivots *p, int64_t kth, int64_t *low, int64_t *high)
{
    while (p && p->n > 0) {
        int64_t top = p->at[p->n - 1];
        if (top > kth) {
            *high = top - 1;
            return true;
        }
        if (top == kth) return false;
        *low = top + 1;
        p->n--;
    }
    return true;
}

void lane_select(const lane *v, int64_t *index, int64_t n, int64_t kth, bool inexact, pivots *p)
{
    int64_t low = 0, high = n - 1;
    if (!narrow(p, kth, &low, &high)) return;
    if (kth - low < 3) {
        select_by_minimum(v, index + low, high - low + 1, kth - low + 1);
        keep_pivot(kth, kth, p);
        return;
    }
    if (inexact && kth == n - 1) { /* asks whether there is a NaN: one pass for the maximum */
        int64_t most = low;
        for (int64_t k = low + 1; k < n; k++)
            if (!lane_less(v, index[k], index[most])) most = k;
        swap(index, kth, most);
        return;
    }
    for (int depth = 2 * top_bit(n); low + 1 < high; depth--) {
        int64_t i = low + 1, j = high;
        if (depth > 0 || j - i < 5)
            median_of_three(v, index, low, low + (high - low) / 2, high);
        else {
            swap(index, i + median_of_medians(v, index + i, j - i), low);
            i--;
            j++;
        }
        int64_t pivot = index[low];
        for (;;) {
            do i++;
            while (lane_less(v, index[i], pivot));
            do j--;
            while (lane_less(v, pivot, index[j]));
            if (j < i) break;
            swap(index, i, j);
        }
        swap(index, low, j);
        if (j != kth) keep_pivot(j, kth, p);
        if (j >= kth) high = j - 1;
        if (j <= kth) low = i;
    }
    if (high == low + 1 && lane_less(v, index[high], index[low])) swap(index, high, low);
    keep_pivot(kth, kth, p);
}

/* engine/kernels/keys.c - keys of elements, and sorting by them. */
#include "engine/kernels/keys.h"

#if defined(__GNUC__) && defined(__x86_64__) && !defined(DSK_SANITIZE)
#include <immintrin.h>
#define HAS_VECTORS
#endif

#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/par.h"
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

/* how far lane i begins from the first element of x */
ptrdiff_t lane_offset(const nd *x, int axis, int64_t i)
{
    ptrdiff_t at = 0;
    for (int k = x->ndim; k-- > 0;) {
        if (k == axis) continue;
        at += i % nd_shape(x)[k] * nd_strides(x)[k];
        i /= nd_shape(x)[k];
    }
    return at;
}

/* --- many of them ------------------------------------------------------------------------------
 */

enum { MANY = 1 << 15 };

typedef struct key_job {
    dtype_of t;
    int64_t n;
    const char *from; /* elements; NULL: keys become elements */
    char *to;
    ptrdiff_t step;
    bool exact;
    uint64_t *key;
} key_job;

static void key_slice(void *arg, int64_t slice)
{
    const key_job *j = arg;
    const int64_t i = slice * MANY, n = j->n - i < MANY ? j->n - i : MANY;
    if (j->from)
        keys_make(j->t, n, j->from + i * j->step, j->step, j->exact, j->key + i);
    else
        keys_undo(j->t, n, j->key + i, j->to + i * j->step, j->step);
}

void keys_make_many(dtype_of t, int64_t n, const char *at, ptrdiff_t step, bool exact,
                    uint64_t *key)
{
    key_job j = {.t = t, .n = n, .from = at, .step = step, .exact = exact, .key = key};
    par_for((n + MANY - 1) / MANY, key_slice, &j);
}

void keys_undo_many(dtype_of t, int64_t n, const uint64_t *key, char *at, ptrdiff_t step)
{
    key_job j = {.t = t, .n = n, .to = at, .step = step, .key = (uint64_t *)(uintptr_t)key};
    par_for((n + MANY - 1) / MANY, key_slice, &j);
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
    keyed *all = try_room(2 * (size_t)n * sizeof *all, e);
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
    int64_t *scratch = try_room((size_t)n * sizeof *scratch, e);
    if (!scratch) return false;
    merge_indices(v, index, scratch, n);
    mem_free(scratch);
    return true;
}

/* --- NumPy's orders of equal elements -----------------------------------------------------------
 */

static int top_bit(int64_t n)
{
    return n > 0 ? 63 - __builtin_clzll((uint64_t)n) : 0;
}

static void keep_pivot(int64_t pivot, int64_t kth, pivots *p)
{
    if (!p) return;
    if (pivot == kth && p->n == MAX_PIVOTS)
        p->at[p->n - 1] = pivot;
    else if (pivot >= kth && p->n < MAX_PIVOTS)
        p->at[p->n++] = pivot;
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

#define CONTEXT                   lane
#define ITEM                      int64_t
#define LESS(v, x, y)             lane_less_slow(v, x, y)
#define SKIM_OVER(a, i, j, pivot) ((void)0)
#define ORDER(f)                  plain_##f
#include "engine/kernels/order.h"
#undef CONTEXT
#undef ITEM
#undef LESS
#undef SKIM_OVER
#undef ORDER

/* keys that move, and keys that move with positions */
#define CONTEXT void
#define ITEM    keyed
#define KEY(x)  ((x).key)
#define SKIM(f) keyed_##f
#ifdef HAS_VECTORS
#define EVEN _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0)
#define LOAD(at)                                                                                   \
    _mm512_permutex2var_epi64(_mm512_loadu_si512(at), EVEN, _mm512_loadu_si512((at) + 4))
#endif
#include "engine/kernels/skim.h"
#define LESS(v, x, y)             ((void)(v), (x).key < (y).key)
#define SKIM_OVER(a, i, j, pivot) keyed_skim(a, i, j, KEY(pivot))
#define STABLE_FEW(a, n)          keyed_order(a, NULL, n)
#define ORDER(f)                  keyed_##f
#include "engine/kernels/order.h"
#undef ITEM
#undef KEY
#undef SKIM
#undef LOAD
#undef LESS
#undef SKIM_OVER
#undef ORDER
#define ITEM    uint64_t
#define KEY(x)  (x)
#define SKIM(f) key_##f
#ifdef HAS_VECTORS
#define LOAD(at) _mm512_loadu_si512(at)
#endif
#include "engine/kernels/skim.h"
#define SELECT_ONLY
#define LESS(v, x, y)             ((void)(v), (x) < (y))
#define SKIM_OVER(a, i, j, pivot) key_skim(a, i, j, pivot)
#define ORDER(f)                  key_##f
#include "engine/kernels/order.h"

void lane_quicksort(const lane *v, int64_t *index, int64_t n)
{
    plain_quicksort(v, index, 0, n - 1, 2 * top_bit(n));
}

void lane_select(const lane *v, int64_t *index, int64_t n, int64_t kth, bool inexact, pivots *p)
{
    plain_select(v, index, n, kth, inexact, p);
}

void keyed_select_place(keyed *x, int64_t n, int64_t kth, bool inexact, pivots *p)
{
    keyed_select(NULL, x, n, kth, inexact, p);
}

void keys_select(uint64_t *key, int64_t n, int64_t kth, bool inexact, pivots *p)
{
    key_select(NULL, key, n, kth, inexact, p);
}

/* --- a large quicksort: pieces that others can sort ---------------------------------------------
 */

enum { MAX_PIECE = 64, PIECE_LEAST = 1 << 14 };

typedef struct piece {
    int64_t low, high;
    int depth;
} piece;

typedef struct pieces {
    keyed *x;
    int n;
    piece at[MAX_PIECE];
} pieces;

static void sort_piece(void *arg, int64_t i)
{
    const pieces *p = arg;
    keyed_quicksort(NULL, p->x, p->at[i].low, p->at[i].high, p->at[i].depth);
}

/* The largest piece is split; false: it is small enough. */
static bool split_largest(pieces *p)
{
    piece *most = p->at;
    for (int i = 1; i < p->n; i++)
        if (p->at[i].high - p->at[i].low > most->high - most->low) most = &p->at[i];
    const int64_t low = most->low, high = most->high;
    if (high - low < PIECE_LEAST || most->depth < 0) return false;
    const int64_t at = keyed_split(NULL, p->x, low, high);
    *most = (piece){low, at - 1, most->depth - 1};
    p->at[p->n++] = (piece){at + 1, high, most->depth};
    return true;
}

void keyed_order_as_numpy(keyed *x, int64_t n)
{
    pieces p = {.x = x, .n = 1, .at = {{0, n - 1, 2 * top_bit(n)}}};
    const int want = par_width() > 1 ? 8 * par_width() : 1;
    while (p.n < want && p.n < MAX_PIECE && split_largest(&p)) continue;
    if (p.n > 1)
        par_for(p.n, sort_piece, &p);
    else
        sort_piece(&p, 0);
}

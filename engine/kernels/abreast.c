/* engine/kernels/abreast.c - see abreast.h.
 *
 * A square of as many elements as rows is read, turned, folded, turned back and written: one vector
 * holds the next element of every row, so that an addition of vectors advances all of them.  Rows
 * that lie some megabytes apart share their places in the caches; since a square takes a whole line
 * of each, it does not matter.  What goes to memory of its own is written past the caches. */
#include "engine/kernels/abreast.h"

#include <string.h>

#include "engine/base/simd.h"
#include "engine/base/stop.h"

/* an output is an input, or apart from it */
#ifdef __clang__
#define IVDEP _Pragma("clang loop vectorize(assume_safety)")
#else
#define IVDEP _Pragma("GCC ivdep")
#endif

enum {
    AHEAD = 1024,    /* bytes that are asked for in advance */
    PIECE = 1 << 16, /* elements between two looks at Ctrl-C */
    FED = 256,       /* elements of a row that are cast at a time */
    STRIP = 512,     /* columns that are folded at a time: their state stays in L1 */
};

/* up to eight rows, of which the square takes 4 or 8 */
typedef struct lanes {
    const char *from[ABREAST];
    char *to[ABREAST];
    void *state; /* of each, so far */
    void *carry; /* NULL: nothing is written */
    int64_t n;
    bool past;
} lanes;

typedef long long pair __attribute__((vector_size(16), may_alias));

#if defined(__SSE2__)
#include <emmintrin.h>
static inline void put_past(char *to, pair x)
{
    _mm_stream_si128((__m128i *)to, (__m128i)x);
}
static inline void put_done(void)
{
    _mm_sfence();
}
#else
static inline void put_past(char *to, pair x)
{
    *(pair *)to = x;
}
static inline void put_done(void)
{
}
#endif

// clang-format off
#define EVERY _Pragma("GCC unroll 8")
#define MIX __builtin_shufflevector
/* squares of 4 x 4 and 8 x 8, turned: r[i][j] and r[j][i] change places */
/* the last step of 8 x 8: halves of rows four apart */
#define TURN_HALVES(r, u)                                                                          \
    EVERY for (int j_ = 0; j_ < 4; j_++) {                                                               \
        r[j_] = MIX(u[j_], u[4 + j_], 0, 1, 2, 3, 8, 9, 10, 11);                                   \
        r[4 + j_] = MIX(u[j_], u[4 + j_], 4, 5, 6, 7, 12, 13, 14, 15);                             \
    }
#define TURN_WIDE_8(r, V)                                                                          \
    do {                                                                                           \
        V t_[8], u_[8];                                                                            \
        EVERY for (int i_ = 0; i_ < 8; i_ += 2) {                                                        \
            t_[i_] = MIX(r[i_], r[i_ + 1], 0, 8, 2, 10, 4, 12, 6, 14);                             \
            t_[i_ + 1] = MIX(r[i_], r[i_ + 1], 1, 9, 3, 11, 5, 13, 7, 15);                         \
        }                                                                                          \
        EVERY for (int i_ = 0; i_ < 8; i_ += 4)                                                          \
            EVERY for (int j_ = 0; j_ < 2; j_++) {                                                       \
                V a_ = t_[i_ + j_], b_ = t_[i_ + 2 + j_];                                          \
                u_[i_ + j_] = MIX(a_, b_, 0, 1, 8, 9, 4, 5, 12, 13);                               \
                u_[i_ + 2 + j_] = MIX(a_, b_, 2, 3, 10, 11, 6, 7, 14, 15);                         \
            }                                                                                      \
        TURN_HALVES(r, u_);                                                                        \
    } while (0)
#define TURN_WIDE_4(r, V)                                                                          \
    do {                                                                                           \
        V t_[8], u_[8];                                                                            \
        EVERY for (int i_ = 0; i_ < 8; i_ += 2) {                                                        \
            t_[i_] = MIX(r[i_], r[i_ + 1], 0, 8, 1, 9, 4, 12, 5, 13);                              \
            t_[i_ + 1] = MIX(r[i_], r[i_ + 1], 2, 10, 3, 11, 6, 14, 7, 15);                        \
        }                                                                                          \
        EVERY for (int i_ = 0; i_ < 8; i_ += 4)                                                          \
            EVERY for (int j_ = 0; j_ < 2; j_++) {                                                       \
                V a_ = t_[i_ + j_], b_ = t_[i_ + 2 + j_];                                          \
                u_[i_ + 2 * j_] = MIX(a_, b_, 0, 1, 8, 9, 4, 5, 12, 13);                           \
                u_[i_ + 2 * j_ + 1] = MIX(a_, b_, 2, 3, 10, 11, 6, 7, 14, 15);                     \
            }                                                                                      \
        TURN_HALVES(r, u_);                                                                        \
    } while (0)
#define TURN_NARROW_8(r, V)                                                                        \
    do {                                                                                           \
        V a_ = MIX(r[0], r[1], 0, 4, 2, 6), b_ = MIX(r[0], r[1], 1, 5, 3, 7),                      \
          c_ = MIX(r[2], r[3], 0, 4, 2, 6), d_ = MIX(r[2], r[3], 1, 5, 3, 7);                      \
        r[0] = MIX(a_, c_, 0, 1, 4, 5);                                                            \
        r[1] = MIX(b_, d_, 0, 1, 4, 5);                                                            \
        r[2] = MIX(a_, c_, 2, 3, 6, 7);                                                            \
        r[3] = MIX(b_, d_, 2, 3, 6, 7);                                                            \
    } while (0)
#define TURN_NARROW_4(r, V)                                                                        \
    do {                                                                                           \
        V a_ = MIX(r[0], r[1], 0, 4, 1, 5), b_ = MIX(r[0], r[1], 2, 6, 3, 7),                      \
          c_ = MIX(r[2], r[3], 0, 4, 1, 5), d_ = MIX(r[2], r[3], 2, 6, 3, 7);                      \
        r[0] = MIX(a_, c_, 0, 1, 4, 5);                                                            \
        r[1] = MIX(a_, c_, 2, 3, 6, 7);                                                            \
        r[2] = MIX(b_, d_, 0, 1, 4, 5);                                                            \
        r[3] = MIX(b_, d_, 2, 3, 6, 7);                                                            \
    } while (0)

/* past the caches, 16 bytes at a time */
typedef long long put_32 __attribute__((vector_size(32), may_alias));
typedef long long put_64 __attribute__((vector_size(64), may_alias));
#define PUT_16(to, x) put_past(to, (pair)(x))
#define PUT_32(to, x)                                                                              \
    do {                                                                                           \
        const put_32 x_ = (put_32)(x);                                                             \
        put_past(to, MIX(x_, x_, 0, 1));                                                           \
        put_past((to) + 16, MIX(x_, x_, 2, 3));                                                    \
    } while (0)
#define PUT_64(to, x)                                                                              \
    do {                                                                                           \
        const put_64 x_ = (put_64)(x);                                                             \
        put_past(to, MIX(x_, x_, 0, 1));                                                           \
        put_past((to) + 16, MIX(x_, x_, 2, 3));                                                    \
        put_past((to) + 32, MIX(x_, x_, 4, 5));                                                    \
        put_past((to) + 48, MIX(x_, x_, 6, 7));                                                    \
    } while (0)

#define SQUARES(name, T, V, N, op, TURN, PUT)                                                      \
    SIMD_ALWAYS void name##_last(const lanes *l)                                                   \
    {                                                                                              \
        V s = *(const V *)l->state, r[N];                                                          \
        for (int64_t i = 0; i + N <= l->n; i += N) {                                               \
            EVERY for (int k = 0; k < N; k++) {                                                          \
                const char *at = l->from[k] + i * (int64_t)sizeof(T);                              \
                r[k] = *(const V *)at;                                                             \
                __builtin_prefetch(at + AHEAD);                                                    \
            }                                                                                      \
            TURN(r, V);                                                                            \
            EVERY for (int k = 0; k < N; k++) s = s op r[k];                                             \
        }                                                                                          \
        *(V *)l->state = s;                                                                        \
    }                                                                                              \
    SIMD_ALWAYS void name##_all(const lanes *l)                                                    \
    {                                                                                              \
        V s = *(const V *)l->state, r[N];                                                          \
        const V c = *(const V *)l->carry;                                                          \
        for (int64_t i = 0; i + N <= l->n; i += N) {                                               \
            const int64_t at = i * (int64_t)sizeof(T);                                             \
            EVERY for (int k = 0; k < N; k++) {                                                          \
                r[k] = *(const V *)(l->from[k] + at);                                              \
                __builtin_prefetch(l->from[k] + at + AHEAD);                                       \
            }                                                                                      \
            TURN(r, V);                                                                            \
            EVERY for (int k = 0; k < N; k++) {                                                          \
                s = s op r[k];                                                                     \
                r[k] = c op s;                                                                     \
            }                                                                                      \
            TURN(r, V);                                                                            \
            if (l->past)                                                                           \
                EVERY for (int k = 0; k < N; k++) PUT(l->to[k] + at, r[k]);                              \
            else                                                                                   \
                EVERY for (int k = 0; k < N; k++) *(V *)(l->to[k] + at) = r[k];                          \
        }                                                                                          \
        *(V *)l->state = s;                                                                        \
    }

#define FOLDS(name, T, B, op)                                                                      \
    typedef T name##_wide __attribute__((vector_size(8 * sizeof(T)), aligned(sizeof(T)), may_alias)); \
    typedef T name##_narrow __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T)), may_alias)); \
    SQUARES(name##_8, T, name##_wide, 8, op, TURN_WIDE_##B, WIDE_PUT_##B)                          \
    SQUARES(name##_4, T, name##_narrow, 4, op, TURN_NARROW_##B, NARROW_PUT_##B)                    \
    SIMD_KERNEL(static, name##_squares, (const lanes *l, bool wide), (l, wide))                    \
    {                                                                                              \
        if (wide && l->carry) name##_8_all(l);                                                     \
        else if (wide) name##_8_last(l);                                                           \
        else if (l->carry) name##_4_all(l);                                                        \
        else name##_4_last(l);                                                                     \
    }                                                                                              \
    static void name##_row(const lanes *l, int k, int64_t first)                                   \
    {                                                                                              \
        const T *from = (const T *)l->from[k];                                                     \
        T *to = (T *)l->to[k], *state = (T *)l->state + k, s = *state;                             \
        if (l->carry) {                                                                            \
            const T c = ((const T *)l->carry)[k];                                                  \
            for (int64_t i = first; i < l->n; i++) to[i] = (T)(c op (s = (T)(s op from[i])));      \
        } else                                                                                     \
            for (int64_t i = first; i < l->n; i++) s = (T)(s op from[i]);                          \
        *state = s;                                                                                \
    }                                                                                              \
    static void name##_goes_on(int64_t n, const char *from, char *to)                              \
    {                                                                                              \
        const T *x = (const T *)from;                                                              \
        T *r = (T *)to, s = r[-1];                                                                 \
        for (int64_t i = 0; i < n; i++) r[i] = s = (T)(s op x[i]);                                 \
    }                                                                                              \
    SIMD_KERNEL(static, name##_down, (const downward *d), (d))                                     \
    {                                                                                              \
        T *restrict s = (T *)d->last;                                                              \
        const T *c = (const T *)d->carry;                                                          \
        for (int64_t i = 0; i < d->n; i++) {                                                       \
            const T *from = (const T *)(d->from + i * d->from_step);                               \
            T *to = (T *)(d->to + i * d->to_step);                                                 \
            if (!d->to)                                                                            \
                IVDEP for (int64_t j = 0; j < d->width; j++) s[j] = s[j] op from[j];                     \
            else if (!c)                                                                           \
                IVDEP for (int64_t j = 0; j < d->width; j++) to[j] = s[j] = s[j] op from[j];             \
            else                                                                                   \
                IVDEP for (int64_t j = 0; j < d->width; j++) to[j] = c[j] op (s[j] = s[j] op from[j]);   \
        }                                                                                          \
    }
#define WIDE_PUT_8   PUT_64
#define WIDE_PUT_4   PUT_32
#define NARROW_PUT_8 PUT_32
#define NARROW_PUT_4 PUT_16
FOLDS(sum_i64, int64_t, 8, +)  FOLDS(sum_f64, double, 8, +)  FOLDS(sum_f32, float, 4, +)
FOLDS(prod_i64, int64_t, 8, *) FOLDS(prod_f64, double, 8, *) FOLDS(prod_f32, float, 4, *)
    // clang-format on

    struct abreast_loops {
    void (*squares)(const lanes *l, bool wide);
    void (*row)(const lanes *l, int k, int64_t first);
    void (*goes_on)(int64_t n, const char *from, char *to);
    void (*down)(const downward *d);
    int64_t size;
    union {
        int64_t i;
        double d;
        float f;
    } neutral;
};

#define LOOPS(name, T, member, value)                                                              \
    static const abreast_loops name = {name##_squares, name##_row, name##_goes_on,                 \
                                       name##_down,    sizeof(T),  {.member = (value)}}
LOOPS(sum_i64, int64_t, i, 0);
LOOPS(sum_f64, double, d, -0.0); /* -0 + x is x, 0 + -0 is not */
LOOPS(sum_f32, float, f, -0.0F);
LOOPS(prod_i64, int64_t, i, 1);
LOOPS(prod_f64, double, d, 1);
LOOPS(prod_f32, float, f, 1);

const abreast_loops *abreast_find(enum ufunc_id fold, enum dtype d)
{
    bool add = fold == U_add;
    if (!add && fold != U_multiply) return NULL;
    if (d == DT_int64 || d == DT_uint64) return add ? &sum_i64 : &prod_i64;
    if (d == DT_float64) return add ? &sum_f64 : &prod_f64;
    if (d == DT_float32) return add ? &sum_f32 : &prod_f32;
    return NULL;
}

int64_t abreast_neutral(const abreast_loops *l)
{
    return l->neutral.i;
}

/* --- rows --- */

/* what a row folds is cast, or freed of NaN, piece by piece */
typedef struct feed {
    _Alignas(64) char at[ABREAST][FED * sizeof(double)];
} feed;

#define FREE_OF_NAN(T)                                                                             \
    for (int64_t i = 0; i < n; i++) {                                                              \
        const T x = ((const T *)from)[i];                                                          \
        ((T *)to)[i] = x == x ? x : fill;                                                          \
    }

static void free_of_nan(const abreast_loops *l, int64_t n, const char *from, char *to)
{
    if (l->size == sizeof(float)) {
        const float fill = l->neutral.f < 1 ? 0 : 1;
        FREE_OF_NAN(float)
    } else {
        const double fill = l->neutral.d < 1 ? 0 : 1;
        FREE_OF_NAN(double)
    }
}

static bool fed(const abreast *a, feed *f, int k, int64_t n, const char **from, err *e)
{
    if (a->cast) {
        TRY(a->cast((size_t)n, f->at[k], a->t.size, *from, a->in.size, a->t, a->in, e));
        *from = f->at[k];
    }
    if (a->skip_nan) {
        free_of_nan(a->loops, n, *from, f->at[k]);
        *from = f->at[k];
    }
    return true;
}

/* the rest of what squares leave, and rows alone */
static void run_rows(const abreast_loops *how, const lanes *l, int rows, int64_t first)
{
    for (int k = 0; k < rows; k++) how->row(l, k, first);
}

/* Rows of equal length.  What is missing to a square is the first row once more: it is read before
 * anything is written, and what is written twice is the same. */
static void run_lanes(const abreast_loops *how, lanes *l, int rows)
{
    bool wide = rows > 4 && (how->size == 4 || simd_level() == SIMD_AVX512);
    int side = wide ? 8 : 4;
    if (rows > side) { /* two halves */
        lanes half = *l;
        for (int k = 4; k < rows; k++) {
            half.from[k - 4] = l->from[k];
            half.to[k - 4] = l->to[k];
        }
        half.state = (char *)l->state + 4 * how->size;
        if (l->carry) half.carry = (char *)l->carry + 4 * how->size;
        run_lanes(how, l, 4);
        run_lanes(how, &half, rows - 4);
        return;
    }
    if (rows == 1) {
        run_rows(how, l, 1, 0);
        return;
    }
    for (int k = rows; k < side; k++) {
        l->from[k] = l->from[0];
        l->to[k] = l->to[0];
        memcpy((char *)l->state + k * how->size, l->state, (size_t)how->size);
        if (l->carry) memcpy((char *)l->carry + k * how->size, l->carry, (size_t)how->size);
    }
    how->squares(l, wide);
    run_rows(how, l, rows, l->n / side * side);
}

static bool is_aligned(const lanes *l, int rows)
{
    uintptr_t all = 0;
    for (int k = 0; k < rows; k++) all |= (uintptr_t)l->to[k];
    return !(all & 63);
}

/* the next elements of the rows that have some left; 0: none has */
static int64_t next_piece(const abreast *a, const int64_t *done, int *row, int *rows)
{
    int64_t most = a->cast || a->skip_nan ? FED : PIECE;
    *rows = 0;
    for (int k = 0; k < a->n; k++) {
        int64_t left = a->row[k].n - done[k];
        if (left <= 0) continue;
        row[(*rows)++] = k;
        if (left < most) most = left;
    }
    return *rows ? most : 0;
}

static bool run_piece(abreast *a, int64_t *done, int64_t n, const int *row, int rows, err *e)
{
    const int64_t size = a->loops->size;
    _Alignas(64) char state[ABREAST * sizeof(double)], carry[ABREAST * sizeof(double)];
    feed f;
    lanes l = {.state = state, .n = n};
    for (int i = 0; i < rows; i++) {
        const int k = row[i];
        const int64_t first = a->loops->neutral.i;
        l.from[i] = a->row[k].from + done[k] * a->in.size;
        l.to[i] = a->row[k].to ? a->row[k].to + done[k] * size : NULL;
        if (l.to[i]) l.carry = carry;
        memcpy(state + i * size, done[k] ? &a->row[k].last : &first, (size_t)size);
        memcpy(carry + i * size, &a->row[k].carry, (size_t)size);
        TRY(fed(a, &f, i, n, &l.from[i], e));
        done[k] += n;
    }
    l.past = a->past && l.carry && is_aligned(&l, rows);
    run_lanes(a->loops, &l, rows);
    for (int i = 0; i < rows; i++) memcpy(&a->row[row[i]].last, state + i * size, (size_t)size);
    return true;
}

bool abreast_run(abreast *a, err *e)
{
    int64_t done[ABREAST] = {0}, n, since = 0;
    int row[ABREAST], rows;
    bool ok = true;
    while (ok && (n = next_piece(a, done, row, &rows))) {
        ok = run_piece(a, done, n, row, rows, e);
        since += n;
        if (since < PIECE) continue;
        since = 0;
        ok = ok && stop_check(e);
    }
    if (a->past) put_done();
    return ok;
}

bool abreast_one(const abreast_loops *l, int64_t n, const char *from, char *to, err *e)
{
    if (n && from != to) memcpy(to, from, (size_t)l->size);
    for (int64_t i = 1, some; i < n; i += some) {
        some = n - i < PIECE ? n - i : PIECE;
        l->goes_on(some, from + i * l->size, to + i * l->size);
        if (i + some < n) TRY(stop_check(e));
    }
    return true;
}

/* --- down --- */

void downward_run(const abreast_loops *l, const downward *d)
{
    for (int64_t j = 0; j < d->width; j += STRIP) {
        downward strip = *d;
        const int64_t at = j * l->size;
        strip.width = d->width - j < STRIP ? d->width - j : STRIP;
        strip.from += at;
        strip.last += at;
        if (d->to) strip.to += at;
        if (d->carry) strip.carry += at;
        for (int64_t i = 0; i < strip.width; i++)
            memcpy(strip.last + i * l->size, &l->neutral, (size_t)l->size);
        l->down(&strip);
    }
}

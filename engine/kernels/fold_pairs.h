/* engine/kernels/fold_pairs.h - pairwise sums for one type; included by fold.c, which defines T,
 * INF (the bits of infinity), NOT_SIGN (all bits but one), V and VI (vectors of 8 of them) and
 * SUFFIX.  `how` is a constant wherever these are inlined, so each sum has its own loop. */

#define NAME_(a, b)  a##_##b
#define NAME__(a, b) NAME_(a, b)
#define NAME(a)      NAME__(a, SUFFIX)

/* what one element of a sum is */
SIMD_ALWAYS V NAME(take)(const T *x, int how, const V *u, VI *valid)
{
    V v;
    if (how & WHOLE) {
        VI whole;
        memcpy(&whole, x, sizeof whole);
        v = __builtin_convertvector(whole, V);
    } else
        memcpy(&v, x, sizeof v);
    if (how & SQUARES) v = (v - *u) * (v - *u);
    if (how & NANS) {
        VI bits = (VI)v & NOT_SIGN, nan = (INF - bits) >> (8 * sizeof(T) - 1);
        v = (V)((VI)v & ~nan); /* in integers: compilers take comparisons of wide vectors apart */
        *valid += nan + 1;
    }
    return v;
}

SIMD_ALWAYS T NAME(take1)(const T *at, int how, T u, int64_t *valid)
{
    T x = *at;
    if (how & WHOLE) {
        VI whole = {0};
        memcpy(&whole, at, sizeof x);
        x = (T)whole[0];
    }
    if (how & SQUARES) x = (x - u) * (x - u);
    if (how & NANS) {
        *valid += x == x;
        if (x != x) x = 0;
    }
    return x;
}

SIMD_ALWAYS T NAME(across)(V t)
{
    return ((t[0] + t[1]) + (t[2] + t[3])) + ((t[4] + t[5]) + (t[6] + t[7]));
}

/* the vector of across(v[0]) ... across(v[7]) */
SIMD_ALWAYS V NAME(across8)(const V *v)
{
    V p[4], q[2];
    for (int i = 0; i < 4; i++) {
        V a = v[2 * i], b = v[2 * i + 1];
        p[i] = __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14) +
               __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
    }
    for (int i = 0; i < 2; i++) {
        V a = p[2 * i], b = p[2 * i + 1];
        q[i] = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13) +
               __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
    }
    return __builtin_shufflevector(q[0], q[1], 0, 1, 2, 3, 8, 9, 10, 11) +
           __builtin_shufflevector(q[0], q[1], 4, 5, 6, 7, 12, 13, 14, 15);
}

/* 1024 elements: the sums of their 8 runs of 128 */
SIMD_ALWAYS V NAME(runs)(const T *x, int how, const V *u, VI *valid)
{
    V t[8];
    for (int k = 0; k < 8; k++) t[k] = NAME(take)(x + 128 * k, how, u, valid);
    for (int i = 8; i < 128; i += 8)
        for (int k = 0; k < 8; k++) t[k] += NAME(take)(x + 128 * k + i, how, u, valid);
    return NAME(across8)(t);
}

SIMD_ALWAYS void NAME(count)(const VI *valid, int64_t *out)
{
    for (int k = 0; k < 8; k++) *out += (int64_t)(*valid)[k];
}

/* The same, without a look at each element as long as the sums are numbers: NaN in elements would
 * be in one of them.  *clean: there was none among the 1024 before. */
SIMD_ALWAYS V NAME(clean_runs)(const T *x, int how, const V *u, VI *valid, bool *clean)
{
    if (*clean) {
        V t = NAME(runs)(x, how & ~NANS, u, NULL);
        T sum = NAME(across)(t);
        if (sum == sum) {
            *valid += 128;
            return t;
        }
    }
    VI before = *valid;
    V t = NAME(runs)(x, how, u, valid);
    int64_t n = 0;
    before = *valid - before;
    NAME(count)(&before, &n);
    *clean = n == 1024;
    return t;
}

/* 8 <= n <= 128 */
SIMD_ALWAYS T NAME(run)(const T *x, size_t n, int how, T u, int64_t *valid)
{
    V all = {u, u, u, u, u, u, u, u};
    VI counts = {0};
    V t = NAME(take)(x, how, &all, &counts);
    size_t i = 8;
    for (; i + 8 <= n; i += 8) t += NAME(take)(x + i, how, &all, &counts);
    T sum = NAME(across)(t);
    for (; i < n; i++) sum += NAME(take1)(x + i, how, u, valid);
    if (how & NANS) NAME(count)(&counts, valid);
    return sum;
}

SIMD_ALWAYS T NAME(block)(const T *x, size_t n, int how, T u, int64_t *valid)
{
    V all = {u, u, u, u, u, u, u, u}, v[8];
    VI counts = {0};
    bool clean = true;
    for (size_t k = 0; k < n / 1024; k++)
        if (how & NANS)
            v[k] = NAME(clean_runs)(x + 1024 * k, how, &all, &counts, &clean);
        else
            v[k] = NAME(runs)(x + 1024 * k, how, &all, NULL);
    if (how & NANS) NAME(count)(&counts, valid);
    return NAME(across)(n == 1024 ? v[0] : NAME(across8)(v));
}

typedef void NAME(sum_of)(const T *x, size_t n, T u, T *out, int64_t *valid);

/* `again` is the same sum: of halves */
SIMD_ALWAYS T NAME(sum)(const T *x, size_t n, int how, T u, int64_t *valid, NAME(sum_of) * again)
{
    if (n == 8192 || n == 1024) return NAME(block)(x, n, how, u, valid);
    if (n > 128) {
        size_t half = n / 2 - n / 2 % 8;
        T a, b;
        again(x, half, u, &a, valid);
        again(x + half, n - half, u, &b, valid);
        return a + b;
    }
    if (n >= 8) return NAME(run)(x, n, how, u, valid);
    T sum = 0;
    for (size_t i = 0; i < n; i++) sum += NAME(take1)(x + i, how, u, valid);
    return sum;
}

#define SUM(name, how)                                                                             \
    static NAME(sum_of) NAME(name);                                                                \
    SIMD_KERNEL(static, NAME(name), (const T *x, size_t n, T u, T *out, int64_t *valid),           \
                (x, n, u, out, valid))                                                             \
    {                                                                                              \
        *out = NAME(sum)(x, n, how, u, valid, NAME(name));                                         \
    }
SUM(plain, 0)
SUM(nans, NANS)
SUM(squares, SQUARES)
SUM(nansquares, NANS | SQUARES)
#ifdef WHOLE_TOO
SUM(whole, WHOLE)
#undef WHOLE_TOO
#endif
#undef SUM

T NAME(fold_sum)(const T *x, size_t n)
{
    T out;
    NAME(plain)(x, n, 0, &out, NULL);
    return out;
}

SIMD_KERNEL(static, NAME(quarter), (const T *runs, T *out), (runs, out))
{
    V t[FOLD_QUARTER / 128];
    memcpy(t, runs, sizeof t);
    *out = NAME(across)(NAME(across8)(t)) + NAME(across)(NAME(across8)(t + 8));
}

T NAME(fold_runs)(const T *runs)
{
    T out;
    NAME(quarter)(runs, &out);
    return out;
}

T NAME(fold_nansum)(const T *x, size_t n, int64_t *valid)
{
    T out;
    NAME(nans)(x, n, 0, &out, valid);
    return out;
}

T NAME(fold_squares)(const T *x, size_t n, T u)
{
    T out;
    NAME(squares)(x, n, u, &out, NULL);
    return out;
}

T NAME(fold_nansquares)(const T *x, size_t n, T u)
{
    T out;
    int64_t valid = 0;
    NAME(nansquares)(x, n, u, &out, &valid);
    return out;
}

/* --- runs of less than 8, each into its cell --- */

SIMD_ALWAYS void NAME(shorts)(T *acc, const T *x, const T *u, size_t n, size_t length)
{
    for (size_t i = 0; i < n; i++, x += length) {
        T sum = 0;
        for (size_t q = 0; q < length; q++) sum += u ? (x[q] - u[i]) * (x[q] - u[i]) : x[q];
        acc[i] += sum;
    }
}

SIMD_ALWAYS void NAME(shorts_of)(T *acc, const T *x, const T *u, size_t n, size_t length)
{
    switch (length) { /* lengths that the compiler knows */
    case 1: NAME(shorts)(acc, x, u, n, 1); return;
    case 2: NAME(shorts)(acc, x, u, n, 2); return;
    case 3: NAME(shorts)(acc, x, u, n, 3); return;
    case 4: NAME(shorts)(acc, x, u, n, 4); return;
    default: NAME(shorts)(acc, x, u, n, length); return;
    }
}

SIMD_KERNEL(, NAME(fold_short), (T * acc, const T *x, const T *u, size_t n, size_t length),
            (acc, x, u, n, length))
{
    if (u)
        NAME(shorts_of)(acc, x, u, n, length);
    else
        NAME(shorts_of)(acc, x, NULL, n, length);
}

/* --- cell by cell, row after row --- */

#define ROWS(name, params, args, body)                                                             \
    SIMD_KERNEL(, NAME(name), params, args)                                                        \
    {                                                                                              \
        T *restrict to = acc;                                                                      \
        for (size_t k = 0; k < rows; k++, x += n)                                                  \
            for (size_t i = 0; i < n; i++) body                                                    \
    }
ROWS(fold_row_sum, (T * acc, const T *x, size_t n, size_t rows), (acc, x, n, rows), to[i] += x[i];)
ROWS(fold_row_squares, (T * acc, const T *x, const T *u, size_t n, size_t rows),
     (acc, x, u, n, rows), to[i] += (x[i] - u[i]) * (x[i] - u[i]);)
ROWS(fold_row_nansum, (T * acc, double *restrict valid, const T *x, size_t n, size_t rows),
     (acc, valid, x, n, rows), {
         T v = x[i];
         valid[i] += v == v;
         to[i] += v == v ? v : 0;
     })
ROWS(fold_row_nansquares, (T * acc, const T *x, const T *u, size_t n, size_t rows),
     (acc, x, u, n, rows), {
         T v = (x[i] - u[i]) * (x[i] - u[i]);
         to[i] += v == v ? v : 0;
     })
#undef ROWS
#undef NAME
#undef NAME_
#undef NAME__
#undef T
#undef INF
#undef NOT_SIGN
#undef V
#undef VI
#undef SUFFIX

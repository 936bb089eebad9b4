/* engine/kernels/elementary_rows.h - functions of rows of elements, and the table of one kind of
 * processor (LEVEL).  Tails go through a vector of their own: an element's result does not depend
 * on where it is. */

typedef float floats __attribute__((vector_size(VECTOR / 2)));
typedef float loose_floats __attribute__((vector_size(VECTOR / 2), aligned(4), may_alias));

/* compilers make two halves of a conversion where the processor has it whole */
#ifndef WIDE
#define WIDE(x)   __builtin_convertvector(x, V)
#define NARROW(x) __builtin_convertvector(x, floats)
#endif

INLINE V doubles_at(const double *at)
{
    return *(const loose *)at;
}

INLINE void put_doubles(double *at, V x)
{
    *(loose *)at = x;
}

INLINE V floats_at(const float *at)
{
    return WIDE((floats) * (const loose_floats *)at);
}

INLINE void put_floats(float *at, V x)
{
    *(loose_floats *)at = NARROW(x);
}

/* two vectors at a time: while one waits for its last sum the other goes on */
#define ROWS(name, T, load, store, function)                                                       \
    static void name(size_t n, T *out, const T *in)                                                \
    {                                                                                              \
        size_t i = 0;                                                                              \
        for (; i + LANES + LANES <= n; i += LANES + LANES) {                                       \
            const V a = function(load(in + i)), b = function(load(in + i + LANES));                \
            store(out + i, a), store(out + i + LANES, b);                                          \
        }                                                                                          \
        for (size_t m; i < n; i += m) {                                                            \
            T few[LANES];                                                                          \
            m = n - i < LANES ? n - i : LANES;                                                     \
            for (size_t k = 0; k < LANES; k++) few[k] = in[i + k < n ? i + k : n - 1];             \
            store(few, function(load(few)));                                                       \
            memcpy(out + i, few, m * sizeof(T));                                                   \
        }                                                                                          \
    }
#define ROWS2(name, T, load, store, function)                                                      \
    static void name(size_t n, T *out, const T *a, const T *b)                                     \
    {                                                                                              \
        size_t i = 0;                                                                              \
        for (; i + LANES + LANES <= n; i += LANES + LANES) {                                       \
            const V x = function(load(a + i), load(b + i));                                        \
            const V y = function(load(a + i + LANES), load(b + i + LANES));                        \
            store(out + i, x), store(out + i + LANES, y);                                          \
        }                                                                                          \
        for (size_t m; i < n; i += m) {                                                            \
            T x[LANES], y[LANES];                                                                  \
            m = n - i < LANES ? n - i : LANES;                                                     \
            for (size_t k = 0; k < LANES; k++) {                                                   \
                x[k] = a[i + k < n ? i + k : n - 1];                                               \
                y[k] = b[i + k < n ? i + k : n - 1];                                               \
            }                                                                                      \
            store(x, function(load(x), load(y)));                                                  \
            memcpy(out + i, x, m * sizeof(T));                                                     \
        }                                                                                          \
    }
#define ROWS_OF(name, c)                                                                           \
    ROWS(doubles_##name, double, doubles_at, put_doubles, double_##name)                           \
    ROWS(floats_##name, float, floats_at, put_floats, single_##name)
#define PAIR_ROWS_OF(name, c)                                                                      \
    ROWS2(doubles_##name, double, doubles_at, put_doubles, double_##name)                          \
    ROWS2(floats_##name, float, floats_at, put_floats, single_##name)
VECTOR_MATH_FUNCTIONS(ROWS_OF)
VECTOR_MATH_PAIRS(PAIR_ROWS_OF)

const elementary LEVEL = {
#define ROW64(name, c) [V_##name] = doubles_##name,
#define ROW32(name, c) [V_##name] = floats_##name,
    .of64 = {VECTOR_MATH_FUNCTIONS(ROW64)},
    .of32 = {VECTOR_MATH_FUNCTIONS(ROW32)},
#undef ROW64
#undef ROW32
#define ROW64(name, c) [V2_##name] = doubles_##name,
#define ROW32(name, c) [V2_##name] = floats_##name,
    .pair64 = {VECTOR_MATH_PAIRS(ROW64)},
    .pair32 = {VECTOR_MATH_PAIRS(ROW32)},
};

/* engine/kernels/pipe_stages.h - the stages for one kind of processor; included by pipe_base.c and
 * so on, which define VECTOR (bytes), LEVEL (the table's name), SQRT(x),
 * WIDEN_64(at) and NARROW_64(at, v) (bytes of bool, not 0 or 1, to and from lanes), the same of 32,
 * SUMS where a vector is 8 float64, and, where there is such an instruction, FMA(x, y, z), FMS(x,
 * y, z), MEND(r, x, y) (r, but x * y where r is no finite number or zero), ANY(v, bits) (is any of
 * them set in a lane of v?) and ROUND(x, how).
 *
 * A stage is a function of its place in the chain, the element, and eight registers; its call of
 * the next is its last act, which compilers make a jump, and the end jumps to the first stage until
 * all is done.  Where they may not do so (JUMPS is not defined) the end returns, and level_run
 * makes the next round. */
#include <math.h>
#include <stdint.h>

#include "engine/kernels/pipe_level.h"

#define PASTE_(a, b) a##b
#define PASTE(a, b)  PASTE_(a, b)

#define VECTOR_OF(name, T)                                                                         \
    typedef T number_##name __attribute__((may_alias));                                            \
    typedef T vector_##name __attribute__((vector_size(VECTOR)));                                  \
    typedef T loose_##name __attribute__((vector_size(VECTOR), aligned(sizeof(T)), may_alias));
VECTOR_OF(f64, double)
VECTOR_OF(i64, int64_t)
VECTOR_OF(f32, float)
VECTOR_OF(i32, int32_t)
typedef double doubles __attribute__((vector_size(2 * VECTOR))); /* of a vector of floats */

typedef vector_f64 vector; /* in a register, whatever the type */
#define REGISTERS                                                                                  \
    vector r0, vector r1, vector r2, vector r3, vector r4, vector r5, vector r6, vector r7
#define PARAMS pipe_stage const *s, size_t i, REGISTERS
typedef int stage(PARAMS);

#if defined(__clang__) && defined(__has_attribute)
#if __has_attribute(musttail) && PIPE_LEVELS > 1
#define JUMP __attribute__((musttail)) return
#endif
#endif
#ifndef JUMP
#define JUMP return
#endif
#if defined(__OPTIMIZE__) && PIPE_LEVELS > 1
#define JUMPS
#endif
#define STAGE(name, before, all)                                                                   \
    static int name(PARAMS)                                                                        \
    {                                                                                              \
        before all JUMP((stage *)s[1].run)(s + 1, i, r0, r1, r2, r3, r4, r5, r6, r7);              \
    }
#define ALL8(DO, ...)                                                                              \
    DO(0, __VA_ARGS__)                                                                             \
    DO(1, __VA_ARGS__)                                                                             \
    DO(2, __VA_ARGS__)                                                                             \
    DO(3, __VA_ARGS__)                                                                             \
    DO(4, __VA_ARGS__)                                                                             \
    DO(5, __VA_ARGS__)                                                                             \
    DO(6, __VA_ARGS__)                                                                             \
    DO(7, __VA_ARGS__)

static const int64_t upto[] = {0, 1, 2, 3, 4, 5, 6, 7};

/* --- words of pipe.def --- */

#define PICK(m, a, b) ((__typeof__(a))(((m) & (__typeof__(m))(a)) | (~(m) & (__typeof__(m))(b))))
#define ABSOLUTE(x)   ((V)((LANES)(x) & ~(LANES)(-(V){0})))
#define INFINITE      ((PASTE(number_, KIND))INFINITY)

#ifdef FMA
/* see loops_power.c; END(r, high, x): what becomes of the result */
#define WHOLE(x, k, END)                                                                           \
    __extension__({                                                                                \
        vector_f64 high = x * x, low = FMS(x, x, high);                                            \
        _Pragma("GCC unroll 8") for (int q = 3; q < (k); q++)                                      \
        {                                                                                          \
            const vector_f64 p = high * x, lost = FMS(high, x, p);                                 \
            low = FMA(low, x, lost);                                                               \
            high = p;                                                                              \
        }                                                                                          \
        END(FMA(high, x, low *x), high, x);                                                        \
    })
#define AS_IT_IS(r, x, y) (r)
/* bits that are set unless 2 ** -63 <= |x| < 2 ** 65: there no power to the eighth, nor any of its
 * errors, leaves the range */
#define RARE_BITS  ((int64_t)15 << 59)
#define UNUSUAL(x) (((vector_i64)(x) + ((int64_t)64 << 52)) ^ ((int64_t)1 << 62))
#endif
#define WHOLE_SINGLE(x, k)                                                                         \
    __extension__({                                                                                \
        const doubles wide = __builtin_convertvector(x, doubles);                                  \
        doubles power = wide;                                                                      \
        _Pragma("GCC unroll 8") for (int q = 1; q < (k); q++) power *= wide;                       \
        __builtin_convertvector(power, vector_f32);                                                \
    })

/* --- all types --- */

#define BITS  64
#define CLASS f
#define REAL
#include "engine/kernels/pipe_kind.h"
#define BITS  64
#define CLASS i
#include "engine/kernels/pipe_kind.h"
#define BITS  64
#define CLASS b
#define BOOLEAN
#include "engine/kernels/pipe_kind.h"
#define BITS  32
#define CLASS f
#define REAL
#include "engine/kernels/pipe_kind.h"
#define BITS  32
#define CLASS i
#include "engine/kernels/pipe_kind.h"
#define BITS  32
#define CLASS b
#define BOOLEAN
#include "engine/kernels/pipe_kind.h"

/* at[0]: the first stage; at[1]: no address, but n */
#ifdef JUMPS
#define END(bits)                                                                                  \
    static int end_##bits(PARAMS)                                                                  \
    {                                                                                              \
        i += 64 * VECTOR / (bits);                                                                 \
        if (i >= (size_t)(uintptr_t)s->at[1]) return 0;                                            \
        s = (const pipe_stage *)(const void *)s->at[0];                                            \
        JUMP((stage *)s->run)(s, i, r0, r1, r2, r3, r4, r5, r6, r7);                               \
    }
#else
#define END(bits)                                                                                  \
    static int end_##bits(PARAMS)                                                                  \
    {                                                                                              \
        (void)s, (void)i;                                                                          \
        (void)r0, (void)r1, (void)r2, (void)r3, (void)r4, (void)r5, (void)r6, (void)r7;            \
        return 0;                                                                                  \
    }
#endif
END(64)
END(32)

static pipe_any *level_end(size_t lane)
{
    return (pipe_any *)(lane == 8 ? end_64 : end_32);
}

static void level_run(const pipe_stage *s, size_t n, size_t step)
{
    const vector none = {0};
#ifdef JUMPS
    step = n;
#endif
    for (size_t i = 0; i < n; i += step)
        ((stage *)s[0].run)(s, i, none, none, none, none, none, none, none, none);
}

static pipe_any *level_find(enum pipe_op op, enum pipe_kind kind, int form)
{
    switch (kind) {
#define KIND(kind, dtype, lane)                                                                    \
    case PIPE_##kind: return table_##kind[op][form];
        PIPE_KINDS(KIND)
#undef KIND
    default: return NULL;
    }
}

const pipe_level LEVEL = {.bytes = VECTOR, .find = level_find, .end = level_end, .run = level_run};

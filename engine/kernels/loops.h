/* engine/kernels/loops.h - how a body of ufunc.def becomes a loop.
 *
 * An includer defines LOOP_DT (the dtype's name), LOOP_MEM (its type in memory), LOOP_T (the type
 * computed in), LD(p) and ST(p, v).  Every body is compiled for contiguous operands, for a scalar
 * on either side, and for any steps.  Pointers and steps are hoisted so that the compiler
 * vectorises; ivdep holds because an output equals an input exactly or not at all. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/simd.h"

#if defined(__clang__)
#define IVDEP _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define IVDEP _Pragma("GCC ivdep")
#else
#define IVDEP
#endif

#define PASTE_(a, b) a##b
#define PASTE(a, b)  PASTE_(a, b)
#define LOOP_NAME(f) PASTE(loop_, PASTE(f##_, LOOP_DT))
#define LOOP_HEAD(f)                                                                               \
    void LOOP_NAME(f)(size_t n, char *const *p, const ptrdiff_t *s);                               \
    SIMD_KERNEL(, LOOP_NAME(f), (size_t n, char *const *p, const ptrdiff_t *s), (n, p, s))

enum { UNIT_ = 0 }; /* keeps the macros below out of an empty translation unit */

#define EACH IVDEP for (size_t i = 0; i < n; i++)

// clang-format off
/* one input */
#define LOOP1(name, PUT, sr_, body)                                                                \
    LOOP_HEAD(name)                                                                                \
    {                                                                                              \
        const char *a = p[0];                                                                      \
        char *r = p[1];                                                                            \
        const ptrdiff_t sa = s[0], sr = s[1], u = sizeof(LOOP_MEM), ur = sr_;                      \
        if (sa == u && sr == ur) EACH WALK1(u, ur, PUT, body)                                      \
        else for (size_t i = 0; i < n; i++) WALK1(sa, sr, PUT, body)                               \
    }
#define WALK1(sa, sr, PUT, body)                                                                   \
    {                                                                                              \
        const LOOP_T x = LD(a + (ptrdiff_t)i * (sa));                                              \
        (void)x;                                                                                   \
        PUT(r + (ptrdiff_t)i * (sr), body);                                                        \
    }

/* two inputs; FOLD: what to do when the output is the first input, one cell (FOLD_SEQ(body)) */
#define LOOP2(name, PUT, sr_, FOLD, body)                                                          \
    LOOP_HEAD(name)                                                                                \
    {                                                                                              \
        const char *a = p[0], *b = p[1];                                                           \
        char *r = p[2];                                                                            \
        const ptrdiff_t sa = s[0], sb = s[1], sr = s[2], u = sizeof(LOOP_MEM), ur = sr_;           \
        FOLD                                                                                       \
        if (sa == u && sb == u && sr == ur) EACH WALK2(u, u, ur, PUT, body)                        \
        else if (sa == 0 && sb == u && sr == ur && n) WALKX(u, ur, PUT, body)                      \
        else if (sa == u && sb == 0 && sr == ur && n) WALKY(u, ur, PUT, body)                      \
        else for (size_t i = 0; i < n; i++) WALK2(sa, sb, sr, PUT, body)                           \
    }
#define WALK2(sa, sb, sr, PUT, body)                                                               \
    {                                                                                              \
        const LOOP_T x = LD(a + (ptrdiff_t)i * (sa)), y = LD(b + (ptrdiff_t)i * (sb));             \
        PUT(r + (ptrdiff_t)i * (sr), body);                                                        \
    }
#define WALKX(sb, sr, PUT, body)                                                                   \
    {                                                                                              \
        const LOOP_T x = LD(a);                                                                    \
        EACH { const LOOP_T y = LD(b + (ptrdiff_t)i * (sb)); PUT(r + (ptrdiff_t)i * (sr), body); } \
    }
#define WALKY(sa, sr, PUT, body)                                                                   \
    {                                                                                              \
        const LOOP_T y = LD(b);                                                                    \
        EACH { const LOOP_T x = LD(a + (ptrdiff_t)i * (sa)); PUT(r + (ptrdiff_t)i * (sr), body); } \
    }

/* three inputs (clip): bounds are usually scalars */
#define LOOP3(name, body)                                                                          \
    LOOP_HEAD(name)                                                                                \
    {                                                                                              \
        const char *a = p[0], *b = p[1], *c = p[2];                                                \
        char *r = p[3];                                                                            \
        const ptrdiff_t sa = s[0], sb = s[1], sc = s[2], sr = s[3], u = sizeof(LOOP_MEM);          \
        if (sa == u && sb == 0 && sc == 0 && sr == u && n) {                                       \
            const LOOP_T y = LD(b), z = LD(c);                                                     \
            EACH { const LOOP_T x = LD(a + (ptrdiff_t)i * u); ST(r + (ptrdiff_t)i * u, body); }    \
        } else for (size_t i = 0; i < n; i++) {                                                    \
            const LOOP_T x = LD(a + (ptrdiff_t)i * sa), y = LD(b + (ptrdiff_t)i * sb);             \
            const LOOP_T z = LD(c + (ptrdiff_t)i * sc);                                            \
            ST(r + (ptrdiff_t)i * sr, body);                                                       \
        }                                                                                          \
    }

#define PUT_BOOL(q, v) (*(bool *)(q) = (v))
#define NO_FOLD
#define IS_FOLD (a == r && sa == 0 && sr == 0)
/* a fold one after the other: exact for integers (which vectorise), NumPy's order for floats */
#define FOLD_SEQ(body)                                                                             \
    if (IS_FOLD) {                                                                                 \
        LOOP_T x = LD(r);                                                                          \
        if (sb == u) for (size_t i = 0; i < n; i++) { const LOOP_T y = LD(b + (ptrdiff_t)i * u); x = (LOOP_T)(body); } \
        else for (size_t i = 0; i < n; i++) { const LOOP_T y = LD(b + (ptrdiff_t)i * sb); x = (LOOP_T)(body); } \
        ST(r, x);                                                                                  \
        return;                                                                                    \
    }
// clang-format on

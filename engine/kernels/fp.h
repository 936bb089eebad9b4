/* engine/kernels/fp.h - the floating-point status of this thread, as enum fp_flags. */
#pragma once

#include <fenv.h>

#include "engine/kernels/ufunc.h"

#if defined(__x86_64__) && defined(__SSE2__)
#include <immintrin.h>

/* All arithmetic here is SSE: the x87 status that feclearexcept also tends is slow and unused. */
static inline void fp_clear(void)
{
    _mm_setcsr(_mm_getcsr() & ~0x3fu);
}
static inline unsigned fp_test(void)
{
    unsigned s = _mm_getcsr();
    return (s & 4 ? FP_DIVIDE : 0u) | (s & 8 ? FP_OVER : 0u) | (s & 16 ? FP_UNDER : 0u) |
           (s & 1 ? FP_INVALID : 0u);
}
static inline void fp_raise(unsigned flags)
{
    _mm_setcsr(_mm_getcsr() | (flags & FP_DIVIDE ? 4u : 0) | (flags & FP_OVER ? 8u : 0) |
               (flags & FP_UNDER ? 16u : 0) | (flags & FP_INVALID ? 1u : 0));
}
/* whatever happens between the two leaves no trace */
static inline unsigned fp_save(void)
{
    return _mm_getcsr();
}
static inline void fp_restore(unsigned saved)
{
    _mm_setcsr(saved);
}
#else
static inline unsigned fp_save(void)
{
    return (unsigned)fetestexcept(FE_ALL_EXCEPT);
}
static inline void fp_restore(unsigned saved)
{
    feclearexcept(FE_ALL_EXCEPT);
    feraiseexcept((int)saved);
}
static inline void fp_clear(void)
{
    feclearexcept(FE_ALL_EXCEPT);
}
static inline unsigned fp_test(void)
{
    int s = fetestexcept(FE_ALL_EXCEPT);
    return (s & FE_DIVBYZERO ? FP_DIVIDE : 0u) | (s & FE_OVERFLOW ? FP_OVER : 0u) |
           (s & FE_UNDERFLOW ? FP_UNDER : 0u) | (s & FE_INVALID ? FP_INVALID : 0u);
}
static inline void fp_raise(unsigned flags)
{
    feraiseexcept((flags & FP_DIVIDE ? FE_DIVBYZERO : 0) | (flags & FP_OVER ? FE_OVERFLOW : 0) |
                  (flags & FP_UNDER ? FE_UNDERFLOW : 0) | (flags & FP_INVALID ? FE_INVALID : 0));
}
#endif

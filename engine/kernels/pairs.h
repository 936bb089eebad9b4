/* engine/kernels/pairs.h - functions of two arguments that vectors compute exactly as libm does.
 *
 * Where they cannot (infinities, NaN, the edges of the range, quotients beyond 2^53) the caller's
 * function of two numbers answers, and sets the floating-point status. */
#pragma once

#include <stddef.h>

/* name of the ufunc */
#define VECTOR_PAIR_FUNCTIONS(F) F(hypot) F(fmod) F(remainder) F(floor_divide)

enum pair_id {
#define ID(name) P_##name,
    VECTOR_PAIR_FUNCTIONS(ID)
#undef ID
        NPAIR
};

/* any steps; an output may equal an input.  `one`: the same of two numbers. */
void pairs64_run(enum pair_id id, double (*one)(double, double), size_t n, char *const *p,
                 const ptrdiff_t *s);
void pairs32_run(enum pair_id id, float (*one)(float, float), size_t n, char *const *p,
                 const ptrdiff_t *s);

/* engine/kernels/pipe_class.h - the rows of pipe.def that a type has, as ONE(name, body),
 * TWO(name, body) and POWER(name, k), which it undefines. */
#if defined(REAL)
#define F1 ONE
#define F2 TWO
#ifdef FMA
#define X1 ONE
#if BITS == 64
#define D1 ONE
#define P1 POWER
#endif
#endif
#if BITS == 32
#define S1 ONE
#endif
#elif defined(BOOLEAN)
#define B1 ONE
#define B2 TWO
#else
#define I1 ONE
#define I2 TWO
#endif
#include "engine/kernels/pipe_rows.h"
#undef ONE
#undef TWO
#undef POWER

/* engine/kernels/ufunc_rows.h - includes ufunc.def; columns the includer did not define are empty.
 * No include guard: it is included once for every use of the table, and undefines all columns. */
#ifndef UFUNC
#define UFUNC(...)
#endif
#ifndef ALIAS
#define ALIAS(...)
#endif
#ifndef OWN
#define OWN(...)
#endif
#ifndef B1
#define B1(...)
#define B2(...)
#define B3(...)
#endif
#ifndef I1
#define I1(...)
#define I2(...)
#define I3(...)
#endif
#ifndef F1
#define F1(...)
#define F2(...)
#define F3(...)
#define FM(...)
#endif
#ifndef V1
#define V1(...)
#define E2(...)
#endif
#ifndef C1
#define C1(...)
#define C2(...)
#define C3(...)
#endif
#include "engine/kernels/ufunc.def"
#undef UFUNC
#undef ALIAS
#undef OWN
#undef B1
#undef B2
#undef B3
#undef I1
#undef I2
#undef I3
#undef F1
#undef F2
#undef F3
#undef FM
#undef V1
#undef E2
#undef C1
#undef C2
#undef C3

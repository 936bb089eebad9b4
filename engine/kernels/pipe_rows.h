/* engine/kernels/pipe_rows.h - includes pipe.def; columns the includer did not define are empty.
 * No include guard: it is included once for every use of the table, and undefines all columns. */
#ifndef OPERATION
#define OPERATION(...)
#endif
#ifndef EXTRA
#define EXTRA(...)
#endif
#ifndef ALSO
#define ALSO(...)
#endif
#ifndef F1
#define F1(...)
#define F2(...)
#endif
#ifndef I1
#define I1(...)
#define I2(...)
#endif
#ifndef B1
#define B1(...)
#define B2(...)
#endif
#ifndef X1
#define X1(...)
#endif
#ifndef D1
#define D1(...)
#endif
#ifndef P1
#define P1(...)
#endif
#ifndef S1
#define S1(...)
#endif
#include "engine/kernels/pipe.def"
#undef OPERATION
#undef EXTRA
#undef ALSO
#undef F1
#undef F2
#undef I1
#undef I2
#undef B1
#undef B2
#undef X1
#undef D1
#undef P1
#undef S1

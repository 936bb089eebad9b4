/* engine/kernels/loops_complex128.c - the complex loops of ufunc.def, for complex128. */
#define LOOP_DT complex128
#define LOOP_T  double _Complex
#define LOOP_R  double
#define LOOP_SUFFIX
#include "engine/kernels/loops_complex.h"
